"""The observer that keeps nothing: where the library is disabled, and before one is installed."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Self, TypeVar

from inlay import _process
from inlay._core import Counter, Gauge, Histogram, ObserverCore, canonical_json
from inlay._resource import resource_attributes
from inlay._threads import new_rlock
from inlay.metric._making import attribute_names, check_callback
from inlay.observer import Observer

if TYPE_CHECKING:
    import datetime
    import os
    from collections.abc import Callable, Iterable, Mapping

    from inlay._probe import Probe
    from inlay.alert.health import Health, HealthPolicy
    from inlay.alert.trigger import Trigger
    from inlay.data.profile import Profile
    from inlay.data.watch.detached import DetachedWatch
    from inlay.data.watch.settings import WatchOptions
    from inlay.data.watch.watch import Watch
    from inlay.joined.asking import Asked
    from inlay.joined.evidence import Context
    from inlay.model.generation.generation import Generation
    from inlay.model.quality.detached import DetachedQuality
    from inlay.model.quality.quality import Quality
    from inlay.model.quality.settings import QualityOptions
    from inlay.sinks import Sink
    from inlay.sinks._channel import Channel
    from inlay.sinks._retry import Retry
    from inlay.table import Batch

__all__ = ["NoopObserver"]

I = TypeVar("I", Counter, Gauge, Histogram)  # noqa: E741


class NoopObserver(Observer):
    """Has an observer's interface and keeps nothing, until it is pointed to one that does.

    Its instruments are detached: a record on one costs about as much as on a live one and goes
    nowhere. `point_to` attaches them. Thread-safe.
    """

    def __init__(
        self, resource: Mapping[str, str | int | bool] | None = None, **_others: Any
    ) -> None:
        self._resource = resource_attributes(resource)
        self._lock = new_rlock()
        self._made: dict[str, Counter | Gauge | Histogram] = {}
        self._callbacks = {}
        self._probes: list[Probe] = []
        self._detached_watches: list[DetachedWatch] = []
        self._detached_qualities: list[DetachedQuality] = []
        self._detached_triggers: list[tuple[str, dict[str, Any]]] = []
        self._idle_core: ObserverCore | None = None
        self.target: Observer | None = None
        _process.track(self)

    @property
    def core(self) -> ObserverCore:
        """The native core: the target's, or one that is never turned."""
        if self.target is not None:
            return self.target.core
        with self._lock:
            if self._idle_core is None:
                self._idle_core = ObserverCore(
                    resource=canonical_json(self._resource),
                    service_name=self._resource["service.name"],
                    window_us=10_000_000,
                    max_series=1,
                    queue_capacity=1,
                    max_events=1,
                )
            return self._idle_core

    @property
    def enabled(self) -> bool:
        """Whether records are kept."""
        return self.target is not None and self.target.enabled

    @property
    def resource(self) -> Mapping[str, str]:
        """The attributes of this process, a copy."""
        return dict(self._resource) if self.target is None else self.target.resource

    def extend_resource(self, attributes: Mapping[str, str | int | bool]) -> None:
        """Add to the target's attributes, or do nothing."""
        if self.target is not None:
            self.target.extend_resource(attributes)

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """The target's sinks."""
        return () if self.target is None else self.target.sinks

    def stats(self) -> dict[str, Any]:
        """Return the target's counts, or none."""
        return {"sinks": {}} if self.target is None else self.target.stats()

    def counter(
        self,
        name: str,
        *,
        unit: str = "",
        description: str = "",
        attributes: Iterable[str] = (),
        layer: str = "app",
    ) -> Counter:
        """Return a counter that is detached until there is a target."""
        names = attribute_names(attributes)
        if self.target is not None:
            return self.target.counter(
                name, unit=unit, description=description, attributes=names, layer=layer
            )
        arguments = (unit, description, names, layer)
        return self._detached(Counter, self.core.counter(name, *arguments), *arguments)

    def gauge(
        self,
        name: str,
        *,
        unit: str = "",
        description: str = "",
        attributes: Iterable[str] = (),
        layer: str = "app",
        callback: Callable[[], Any] | None = None,
    ) -> Gauge:
        """Return a gauge that is detached until there is a target."""
        names = attribute_names(attributes)
        if self.target is not None:
            return self.target.gauge(
                name,
                unit=unit,
                description=description,
                attributes=names,
                layer=layer,
                callback=callback,
            )
        check_callback(name, callback)
        arguments = (unit, description, names, layer)
        gauge = self._detached(Gauge, self.core.gauge(name, *arguments), *arguments)
        if callback is not None:
            self._observe_gauge(gauge, callback)
        return gauge

    def histogram(
        self,
        name: str,
        *,
        unit: str = "",
        description: str = "",
        attributes: Iterable[str] = (),
        layer: str = "app",
        scale: int = 5,
        quantiles: bool = False,
        cardinality: bool = False,
    ) -> Histogram:
        """Return a histogram that is detached until there is a target."""
        names = attribute_names(attributes)
        if self.target is not None:
            return self.target.histogram(
                name,
                unit=unit,
                description=description,
                attributes=names,
                layer=layer,
                scale=scale,
                quantiles=quantiles,
                cardinality=cardinality,
            )
        arguments = (unit, description, names, layer, scale, quantiles, cardinality)
        return self._detached(Histogram, self.core.histogram(name, *arguments), *arguments)

    def probe(self, *probes: Probe) -> None:
        """Keep probes for a target."""
        if self.target is not None:
            self.target.probe(*probes)
        else:
            with self._lock:
                self._probes.extend(probes)

    def _new_watch(
        self,
        name: str,
        reference: Profile | str | os.PathLike[str] | None,
        options: WatchOptions,
    ) -> Watch:
        """Return a watch that counts nothing until there is a target."""
        if self.target is not None:
            return self.target._new_watch(name, reference, options)
        from inlay.data.watch.detached import DetachedWatch

        watch = DetachedWatch(name, reference, options)
        with self._lock:
            self._detached_watches.append(watch)
        return watch

    def _new_generation(self, name: str, settings: dict[str, Any]) -> Generation:
        """Return the target's, or one whose instruments are detached until there is a target."""
        if self.target is not None:
            return self.target._new_generation(name, settings)
        return super()._new_generation(name, settings)

    def _new_quality(self, name: str, options: QualityOptions) -> Quality:
        """Return a quality that counts nothing until there is a target."""
        if self.target is not None:
            return self.target._new_quality(name, options)
        from inlay.model.quality.detached import DetachedQuality

        quality = DetachedQuality(name, options)
        with self._lock:
            self._detached_qualities.append(quality)
        return quality

    def event(
        self,
        name: str,
        *,
        severity: str | int = "info",
        body: str | None = None,
        layer: str = "app",
        time: float | datetime.datetime | None = None,
        end_time: float | datetime.datetime | None = None,
        trace_id: str | None = None,
        span_id: str | None = None,
        **attributes: str | float | bool,
    ) -> bool:
        """Keep nothing without a target."""
        return self.target is not None and self.target.event(
            name,
            severity=severity,
            body=body,
            layer=layer,
            time=time,
            end_time=end_time,
            trace_id=trace_id,
            span_id=span_id,
            **attributes,
        )

    def span(
        self,
        name: str,
        *,
        trace_id: str,
        span_id: str,
        start: float | datetime.datetime,
        end: float | datetime.datetime,
        parent_id: str | None = None,
        kind: str | None = None,
        status: str | None = None,
        layer: str = "app",
        **attributes: str | float | bool,
    ) -> bool:
        """Keep nothing without a target."""
        return self.target is not None and self.target.span(
            name,
            trace_id=trace_id,
            span_id=span_id,
            start=start,
            end=end,
            parent_id=parent_id,
            kind=kind,
            status=status,
            layer=layer,
            **attributes,
        )

    def verdict(
        self,
        metric: str,
        verdict: str,
        *,
        method: str,
        judge: str,
        judge_version: str = "1",
        layer: str = "app",
        attributes: Mapping[str, str | int | bool] | None = None,
        scope: str = "process",
        reason: str | None = None,
        value: float | None = None,
        low: float | None = None,
        high: float | None = None,
        threshold: float | None = None,
        effect: float | None = None,
        p_value: float | None = None,
        log_e: float | None = None,
        n: int | None = None,
        n_reference: int | None = None,
        reference_id: str | None = None,
        parts: Mapping[str, float] | None = None,
        time: float | datetime.datetime | None = None,
        start_time: float | datetime.datetime | None = None,
        revision: int = 0,
        series_id: int | None = None,
    ) -> bool:
        """Keep nothing without a target."""
        return self.target is not None and self.target.verdict(
            metric,
            verdict,
            method=method,
            judge=judge,
            judge_version=judge_version,
            layer=layer,
            attributes=attributes,
            scope=scope,
            reason=reason,
            value=value,
            low=low,
            high=high,
            threshold=threshold,
            effect=effect,
            p_value=p_value,
            log_e=log_e,
            n=n,
            n_reference=n_reference,
            reference_id=reference_id,
            parts=parts,
            time=time,
            start_time=start_time,
            revision=revision,
            series_id=series_id,
        )

    def _ask(self, asked: Asked) -> Context:
        """Ask the target; without one nothing is known."""
        if self.target is not None:
            return self.target._ask(asked)
        from inlay.joined.evidence import Context
        from inlay.joined.scoring import Focus

        reason = "no observer is installed, or INLAY_DISABLED is set"
        return Context("nothing", None, None, Focus(), status="undefined", reason=reason)

    def health(self, policy: HealthPolicy | None = None) -> Health:
        """Return the target's health; without one it is not ready, unless there is to be none."""
        if self.target is not None:
            return self.target.health(policy)
        from inlay.alert.health import Health, Reason

        if _process.is_disabled():
            return Health(live=True, ready=True)
        why = "no observer is installed: Observer.install() tells which one is meant"
        return Health.of((Reason("observer", "observer", "not_ready", why),))

    def _new_trigger(self, name: str, options: dict[str, Any]) -> Trigger:
        """Add a trigger to the target, or keep it for one."""
        if self.target is not None:
            return self.target._new_trigger(name, options)
        from inlay.alert.trigger import Trigger

        of_trigger = {key: options[key] for key in ("when", "hold", "cooldown", "event")}
        made = Trigger(name, **of_trigger)
        with self._lock:
            self._detached_triggers.append((name, options))
        return made

    def collect(self) -> Batch:
        """Return the target's window, or a batch without rows."""
        return _empty_batch() if self.target is None else self.target.collect()

    def peek(self) -> Batch:
        """Return the target's open window, or a batch without rows."""
        return _empty_batch() if self.target is None else self.target.peek()

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait for the target's sinks."""
        return self.target is None or self.target.flush(timeout)

    def add_sink(self, sink: Sink, *, queue: int | None = None, retry: Retry | None = None) -> None:
        """Add a sink to the target; without one it would never be called."""
        if self.target is not None:
            self.target.add_sink(sink, queue=queue, retry=retry)

    def start(self) -> Self:
        """Start the target."""
        if self.target is not None:
            self.target.start()
        return self

    def stop(self, timeout: float = 5.0) -> bool:
        """Stop the target."""
        return self.target is None or self.target.stop(timeout)

    def __repr__(self) -> str:
        """Show that nothing is kept."""
        return "<inlay.Observer: no-op>" if self.target is None else repr(self.target)

    def point_to(self, target: Observer | None) -> None:
        """Send to `target` from now on, and attach to it what was made before.

        An instrument that the target has with other arguments stays detached, with a warning:
        the program that installs is not to fail for a library's choice of a name.
        """
        with self._lock:
            self.target = target
            if target is None or not target.enabled:
                return
            for name, instrument in list(self._made.items()):
                try:
                    instrument.attach(target.core)
                    callback = self._callbacks.get(name)
                    if callback is not None and isinstance(instrument, Gauge):
                        target._observe_gauge(instrument, callback)
                except ValueError as error:
                    warnings.warn(
                        f"instrument {name!r} made before install() stays without effect: {error}",
                        RuntimeWarning,
                        stacklevel=4,
                    )
                else:  # it stays with this observer, whichever is installed later
                    del self._made[name]
                    self._callbacks.pop(name, None)
            probes, self._probes = self._probes, []
            self._generations = None  # among the probes: its streams stay with the target, too
            watches, self._detached_watches = self._detached_watches, []
            qualities, self._detached_qualities = self._detached_qualities, []
            triggers, self._detached_triggers = self._detached_triggers, []
        target.probe(*probes)
        for name, options in triggers:
            try:
                target._new_trigger(name, options)
            except (ValueError, TypeError) as error:
                warnings.warn(
                    f"trigger {name!r} made before install() stays without effect: {error}",
                    RuntimeWarning,
                    stacklevel=4,
                )
        detached: list[tuple[str, DetachedWatch | DetachedQuality]] = [
            *(("watch", watch) for watch in watches),
            *(("quality", quality) for quality in qualities),
        ]
        for what, one in detached:
            try:
                one.attach(target)
            except (ValueError, TypeError, OSError) as error:
                warnings.warn(
                    f"{what} {one.name!r} made before install() stays without effect: {error}",
                    RuntimeWarning,
                    stacklevel=4,
                )

    def _begin_exit(self, deadline: float) -> bool:  # noqa: ARG002
        return False

    def _hold_sinks(self, seconds: float) -> list[Channel]:  # noqa: ARG002
        return []

    def _forked(self) -> None:
        self._lock = new_rlock()  # the old one may be held by a thread of the parent's
        if self._generations is not None:
            self._generations.forked()

    def _detached(self, kind: type[I], made: I, *arguments: Any) -> I:
        # The idle core checks names and refuses other arguments for the same name, as a live one.
        with self._lock:
            known = self._made.setdefault(made.name, kind.detached(made.name, *arguments))
            assert isinstance(known, kind)
            return known

    def _observe_gauge(self, gauge: Gauge, callback: Callable[[], Any]) -> None:
        with self._lock:
            known = self._callbacks.setdefault(gauge.name, callback)
        if known != callback:
            message = f"gauge {gauge.name!r} has the callback {known!r}, not {callback!r}"
            raise ValueError(message)


def _empty_batch() -> Batch:
    from inlay.table import Batch

    return Batch.from_tables({})
