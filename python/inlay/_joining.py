"""How an observer looks back over all layers: health, triggers, the context of a request."""

from __future__ import annotations

import time as _time
from typing import TYPE_CHECKING, Any

from inlay._arguments import seconds_of
from inlay._exceptions import InvalidArgumentError
from inlay.joined.recent import Recent

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from inlay.alert.health import Health, HealthPolicy, HealthWatch
    from inlay.alert.trigger import Firing, Trigger, When
    from inlay.alert.triggers import Triggers
    from inlay.alert.webhook import Webhook
    from inlay.joined.asking import Asked
    from inlay.joined.evidence import Context
    from inlay.table import Batch

__all__ = ["Joining"]


class Joining:
    """The part of an observer that looks back over what was recorded. Thread-safe."""

    _recent: Recent
    _health: HealthWatch | None = None
    _triggers: Triggers | None = None

    def context(
        self,
        *,
        trace_id: str | None = None,
        time: float | datetime.datetime | None = None,
        step: int | None = None,
        end: float | datetime.datetime | None = None,
        rank: int | None = None,
        host: str | None = None,
        gpu: str | None = None,
        margin: float | None = None,
        lookback: float = 60.0,
        history: float = 3600.0,
        most: int = 50,
    ) -> Context:
        """Tell what was known of a request, a step or a moment, from the last windows.

        The windows of the last ``recent`` seconds are looked at, and the open one. The parameters
        and what is returned are those of `inlay.context`, which reads a directory.

        Parameters
        ----------
        trace_id : str, optional
            A request, by its trace id or the first 8 digits of it or more.
        time : float or datetime, optional
            A moment, in Unix seconds or with a time zone. Beside `step` it says which run of it.
        step : int, optional
            A training step.
        end : float or datetime, optional
            With `time`: from there to here.
        rank : int, optional
            The rank of a distributed job.
        host, gpu : str, optional
            Where it was, if no row tells.
        margin : float, optional
            By how much clocks may differ, in seconds: 1 unless given, and 5 around a `time`.
        lookback : float
            For how long an instant may still be a cause, in seconds.
        history : float
            How much is looked at for what is usual, in seconds.
        most : int
            How many pieces of evidence are returned.

        Returns
        -------
        inlay.joined.Context
            Undefined with a reason if there is no window of that time.

        Raises
        ------
        InvalidArgumentError
            If not one of `trace_id`, `time` and `step` is given; there is no row of that id or
            step; it fits several; no row around names the host, GPU or rank, but rows name
            others; a value is out of range; or the observer keeps no windows (``recent=0``).
        TypeError
            If a value is of the wrong kind.
        """
        from inlay.joined.asking import Asked

        asked = Asked(
            trace_id=trace_id,
            time=time,
            step=step,
            end=end,
            rank=rank,
            host=host,
            gpu=gpu,
            margin=margin,
            lookback=lookback,
            history=history,
            most=most,
        )
        return self._ask(asked)

    def health(self, policy: HealthPolicy | None = None) -> Health:
        """Tell whether this process is well.

        From the first call on each window is looked at, and a change of the status is an event
        ``health.changed``.

        Parameters
        ----------
        policy : HealthPolicy, optional
            What makes it degraded, not ready or not live, from now on.

        Returns
        -------
        inlay.alert.Health
            ``live``, ``ready`` and the reasons.

        Raises
        ------
        InvalidArgumentError
            If `policy` is none.

        Examples
        --------
        >>> import inlay
        >>> obs = inlay.Observer()
        >>> obs.health()
        Health(live=True, ready=True, reasons=())
        >>> _ = obs.event("gpu.xid", layer="infra", severity="error", gpu="GPU-1", xid=79)
        >>> found = obs.health()
        >>> found.ready, found.reasons[0].text
        (False, 'gpu.xid{gpu=GPU-1, xid=79}')
        """
        from inlay.alert.health import HealthPolicy, HealthWatch

        given: object = policy
        if given is not None and not isinstance(given, HealthPolicy):
            message = f"policy must be an inlay.alert.HealthPolicy, got {policy!r}"
            raise InvalidArgumentError(message)
        observer: Any = self
        with observer._lock:
            watch = self._health
            if watch is None:
                watch = HealthWatch(policy or HealthPolicy())
                for batch in self._recent.batches():
                    watch.take(batch)
                self._health = watch
            elif policy is not None:
                watch.policy = policy
        return watch.check(observer, peek=None if observer._stopped else observer.peek())

    def trigger(
        self,
        name: str,
        *,
        when: When | None = None,
        hold: float | datetime.timedelta = 0.0,
        cooldown: float | datetime.timedelta = 3600.0,
        event: str = "retrain.requested",
        callback: Callable[[Firing], object] | None = None,
        webhook: str | Webhook | None = None,
        timeout: float = 10.0,
    ) -> Trigger:
        """Ask for advice when verdicts have said the same for long enough.

        Parameters
        ----------
        name : str
            What it is called; one trigger of an observer has it.
        when : When, optional
            Which verdicts count; any that says yes unless given.
        hold : float or timedelta
            For how long they must have said so, in seconds of the time judged.
        cooldown : float or timedelta
            For how long it is quiet after it has fired, in seconds of the time judged.
        event : {"retrain.requested", "checkpoint.advised"}
            What it fires as.
        callback : callable, optional
            Called with the `inlay.alert.Firing`, on a thread of the trigger's own.
        webhook : str or Webhook, optional
            A URL that the firing is posted to as JSON.
        timeout : float
            What the callback may take, in seconds, before it counts as late.

        Returns
        -------
        inlay.alert.Trigger

        Raises
        ------
        InvalidArgumentError
            If a value is out of range, or there is a trigger of that name.
        TypeError
            If `callback` cannot be called.
        StoppedError
            If the observer has stopped.

        Notes
        -----
        Neither a cut nor a sink waits for a callback or a webhook. What fails is counted in
        ``inlay.observe.failures`` and told in an event ``inlay.observe.failing``.
        """
        options = {
            "when": when,
            "hold": hold,
            "cooldown": cooldown,
            "event": event,
            "callback": callback,
            "webhook": webhook,
            "timeout": timeout,
        }
        return self._new_trigger(name, options)

    def _ask(self, asked: Asked) -> Context:
        from inlay.joined.asking import ask
        from inlay.joined.source import RecentSource

        if self._recent.seconds == 0.0:
            message = (
                "the observer keeps no windows: Observer(recent=…) says for how many seconds, "
                "got recent=0"
            )
            raise InvalidArgumentError(message)
        observer: Any = self
        batches = self._recent.batches()
        place = f"the last {self._recent.seconds:g} s"
        if observer._stopped:
            place += " before the observer stopped"
        if not observer._stopped:
            open_window = observer.peek()
            if any(table.num_rows for table in open_window.values()):
                batches = (*batches, open_window)
        return ask(RecentSource(batches, place), asked)

    def _new_trigger(self, name: str, options: dict[str, Any]) -> Trigger:
        from inlay.alert.trigger import Trigger
        from inlay.alert.triggers import Triggers
        from inlay.alert.webhook import Webhook

        observer: Any = self
        observer._check_running()
        callback, webhook, timeout = (options[name] for name in ("callback", "webhook", "timeout"))
        given: object = callback
        if given is not None and not callable(given):
            message = f"callback must be callable, not {callback!r}"
            raise TypeError(message)
        timeout = seconds_of("timeout", timeout)
        target = Webhook(webhook) if isinstance(webhook, str) else webhook
        other: object = target
        if other is not None and not isinstance(other, Webhook):
            message = f"webhook must be a URL or an inlay.alert.Webhook, got {webhook!r}"
            raise InvalidArgumentError(message)
        of_trigger = {key: options[key] for key in ("when", "hold", "cooldown", "event")}
        trigger = Trigger(name, **of_trigger)
        with observer._lock:
            if self._triggers is None:
                self._triggers = Triggers(observer._self)
            self._triggers.add(trigger, callback=callback, webhook=target, timeout=timeout)
        return trigger

    def _turned(self, batch: Batch) -> None:
        """Take a window that was turned, in the order of the windows; after the sinks have it."""
        self._recent.keep(batch)
        observer: Any = self
        try:
            if self._triggers is not None:
                self._triggers.take(batch, observer)
            if self._health is not None:
                self._health.take(batch)
                if not observer._stopped:
                    self._health.announce(observer)
        except Exception as error:
            observer._self.observe_failed("joined view", "raised", error)

    def _finish_joining(self, deadline: float) -> None:
        """Let triggers see the verdicts of the last window while their events can still be kept."""
        triggers = self._triggers
        if triggers is None:
            return
        observer: Any = self
        now = _time.monotonic()
        half = now + (deadline - now) / 2  # the sinks need the rest
        try:
            from inlay.table import Batch

            if observer._delivery.started:
                observer._delivery.pass_all(half)  # windows that were turned and not looked at yet
            triggers.take(Batch(observer._core.peek()), observer)
        except Exception as error:
            observer._self.observe_failed("triggers", "raised", error)
        triggers.finish(half)

    def _join_joining(self) -> None:
        if self._triggers is not None:
            self._triggers.join()

    def _forked_joining(self) -> None:
        self._recent.renew()
        for one in (self._health, self._triggers):
            if one is not None:
                one.forked()
