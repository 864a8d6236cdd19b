"""Finished OpenTelemetry spans as rows of the table ``spans``, and their durations."""

from __future__ import annotations

import heapq
import json
import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inlay._active_span import active_span
from inlay._core import canonical_json

try:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace import SpanProcessor as _SpanProcessor
    from opentelemetry.trace import SpanKind, StatusCode
except ModuleNotFoundError as _error:
    _message = "inlay.integrations.otel needs the OpenTelemetry SDK: pip install 'inlay[otel]'"
    raise ModuleNotFoundError(_message, name=_error.name) from _error

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from inlay.observer import Observer

__all__ = ["SpanProcessor"]

_KINDS = {
    SpanKind.INTERNAL: "internal",
    SpanKind.SERVER: "server",
    SpanKind.CLIENT: "client",
    SpanKind.PRODUCER: "producer",
    SpanKind.CONSUMER: "consumer",
}
_STATUSES = {StatusCode.UNSET: "unset", StatusCode.OK: "ok", StatusCode.ERROR: "error"}

# W3C Trace Context level 2: these bits of a trace id are random.
_RANDOM_BITS = (1 << 56) - 1

# Spans that may be wanted by an exemplar wait for the end of the window; the oldest give way.
_MAX_CANDIDATES = 4096

# What a slow span and a sampled one are kept as: the key that orders it, a number that settles
# ties before the span itself would be compared, the span.
_Entry = tuple[int, int, ReadableSpan]


class _Candidate:
    """A span offered as an exemplar. Guarded by the processor's lock."""

    __slots__ = ("span", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.span: ReadableSpan | None = None


class SpanProcessor(_SpanProcessor):
    """Feeds the spans of an OpenTelemetry SDK to an observer.

    Parameters
    ----------
    observer : Observer, optional
        Where spans and durations go; by default the installed one (`inlay.get_observer`).
    slowest : int, default 4
        Slowest spans of each name and kind that every window keeps.
    sample : int, default 200
        Further spans that every window keeps.
    max_names : int, default 200
        Names and kinds that have a list of slowest spans of their own in a window; later ones
        share one.
    layer : str, default "app"
        The layer of the rows.

    Raises
    ------
    ValueError
        If `slowest`, `sample` or `max_names` is negative.
    ModuleNotFoundError
        On import of this module, if the OpenTelemetry SDK is not installed.

    Notes
    -----
    Every span adds to the histogram ``span.duration`` (s; attributes ``span.name``,
    ``span.kind``, ``span.status``). Of the sampled spans the following become rows:

    * those whose status is an error;
    * those that an exemplar of any histogram points to;
    * in each window and for each name and kind, the `slowest`;
    * of the rest the `sample` whose trace ids have the smallest random part. It is a fair
      sample of traces, not of spans: every process that follows this rule keeps the same
      traces, so that what is kept tends to be whole.

    The others are counted in ``span.dropped`` (reason ``not_sampled``; ``buffer_full`` for rows
    the window had no room for; ``invalid`` for what is no span, such as one that ends before it
    starts). At most ``slowest * (max_names + 1) + sample`` spans wait for
    the end of the window, and 4,096 that were offered as exemplars. ``span.duration`` has no
    exemplars: its slowest spans are there anyway. Attributes are written as canonical JSON with
    string values; a recorded exception adds ``exception.type``.

    A forked child starts with no spans waiting. Thread-safe.

    Examples
    --------
    >>> import inlay
    >>> from opentelemetry.sdk.trace import TracerProvider
    >>> from inlay.integrations.otel import SpanProcessor
    >>> observer = inlay.Observer()
    >>> provider = TracerProvider()
    >>> provider.add_span_processor(SpanProcessor(observer=observer))
    >>> with provider.get_tracer("docs").start_as_current_span("work"):
    ...     pass
    >>> [row["name"] for row in observer.collect().spans.to_pylist()]
    ['work']
    """

    def __init__(
        self,
        *,
        observer: Observer | None = None,
        slowest: int = 4,
        sample: int = 200,
        max_names: int = 200,
        layer: str = "app",
    ) -> None:
        for name, value in (("slowest", slowest), ("sample", sample), ("max_names", max_names)):
            if value < 0:
                message = f"{name} must not be negative: {value!r}"
                raise ValueError(message)
        if observer is None:
            import inlay

            observer = inlay.get_observer()
        self._observer = observer
        self._slowest = slowest
        self._sample = sample
        self._max_names = max_names
        self._layer = layer
        self._lock = threading.Lock()
        self._recording = threading.local()
        self._slow: dict[tuple[str, SpanKind] | None, list[_Entry]] = {}
        self._sampled: list[_Entry] = []
        self._order = 0
        # Spans offered as exemplars, oldest first, by id: the window they were offered in, and the
        # span once it has ended. Most are displaced by better examples before the window ends.
        self._candidates: dict[str, _Candidate] = {}
        # Ids of spans that exemplars point to and that have not ended.
        self._owed: dict[str, None] = {}
        self._series: dict[tuple[str, SpanKind, StatusCode], Callable[[float], None]] = {}
        self._durations = observer.histogram(
            "span.duration",
            unit="s",
            description="Duration of finished spans.",
            attributes=("span.kind", "span.name", "span.status"),
            layer=layer,
        )
        dropped = observer.counter(
            "span.dropped",
            unit="{span}",
            description="Finished spans that became no row.",
            attributes=("reason",),
            layer=layer,
        )
        self._not_sampled = dropped.bind(reason="not_sampled")
        self._full = dropped.bind(reason="buffer_full")
        self._invalid = dropped.bind(reason="invalid")
        self._core = observer.core
        self._core.set_exemplar_source(self._exemplar)
        observer.probe(self)
        renew = weakref.WeakMethod(self._renew)
        os.register_at_fork(after_in_child=lambda: (method := renew()) and method())

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing: a span is looked at when it ends.

        Parameters
        ----------
        span, parent_context
            As the SDK gives them.
        """

    def on_end(self, span: ReadableSpan) -> None:
        """Record a finished span.

        Parameters
        ----------
        span : ReadableSpan
            The span.
        """
        context = span.context
        if context is None or span.start_time is None or span.end_time is None:
            return
        elapsed = span.end_time - span.start_time
        status = span.status.status_code
        # The span that just ended is no longer the active one: its parent would be the exemplar.
        self._recording.now = True
        self._record_of(span.name, span.kind, status)(elapsed / 1e9)
        self._recording.now = False
        if not context.trace_flags.sampled:
            return
        refused = False
        with self._lock:
            wanted = status is StatusCode.ERROR
            if self._owed or self._candidates:
                span_id = format(context.span_id, "016x")
                wanted |= self._owed.pop(span_id, self) is None
                candidate = self._candidates.get(span_id)
                if candidate is not None:
                    if not wanted:
                        candidate.span = span
                        return
                    del self._candidates[span_id]
            if not wanted:
                refused = self._place(span)
        if wanted:
            self._emit(span)
        elif refused:
            self._not_sampled.add(1)

    def observe(self, observer: Observer) -> None:
        """Hand over what the window keeps; an observer calls this before each cut.

        Parameters
        ----------
        observer : Observer
            The observer that cuts.
        """
        core = observer.core
        # An observer installed after this processor was made has a core of its own.
        self._core = core
        core.set_exemplar_source(self._exemplar)
        wanted: list[ReadableSpan] = []
        refused = 0
        if self._candidates:
            window = core.window_seq
            pointed = {row["span_id"] for row in observer.peek().exemplars.to_pylist()}
            with self._lock:
                candidates, self._candidates = self._candidates, {}
                for span_id, candidate in candidates.items():
                    # What was offered after the last look and before that window was cut may be
                    # in it, for all that can still be seen.
                    if span_id in pointed or candidate.window < window:
                        if candidate.span is None:
                            self._owe(span_id)
                        else:
                            wanted.append(candidate.span)
                    elif candidate.span is not None:
                        refused += self._place(candidate.span)
        with self._lock:
            slow, self._slow = self._slow, {}
            sampled, self._sampled = self._sampled, []
        if refused:
            self._not_sampled.add(refused)
        for span in wanted:
            self._emit(span)
        for entries in (*slow.values(), sampled):
            for _, _, span in entries:
                self._emit(span)

    def shutdown(self) -> None:
        """Hand over the spans that wait for the end of the window."""
        self.observe(self._observer)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002
        """Hand over the spans that wait for the end of the window.

        Parameters
        ----------
        timeout_millis : int
            Not needed: nothing here waits.

        Returns
        -------
        bool
            True.
        """
        self.observe(self._observer)
        return True

    def _renew(self) -> None:
        """Forget, in a forked child, the spans that the parent hands over."""
        self._lock = threading.Lock()  # a thread that is not here may hold the old one
        self._slow = {}
        self._sampled = []
        self._candidates = {}
        self._owed = {}

    def _place(self, span: ReadableSpan) -> bool:
        """Put a span among the slowest or into the sample; tell whether one had to go for it.

        A span displaced from the slowest competes for the sample like any other.
        """
        assert span.start_time is not None
        assert span.end_time is not None
        self._order += 1
        name: tuple[str, SpanKind] | None = (span.name, span.kind)
        if name not in self._slow and len(self._slow) >= self._max_names:
            name = None
        heap = self._slow.setdefault(name, [])
        candidate: _Entry = (span.end_time - span.start_time, self._order, span)
        if len(heap) < self._slowest:
            heapq.heappush(heap, candidate)
            return False
        if heap:
            candidate = heapq.heappushpop(heap, candidate)
        _, order, span = candidate
        assert span.context is not None
        # A heap has its smallest first; the largest random part is what has to go.
        entry: _Entry = (-(span.context.trace_id & _RANDOM_BITS), order, span)
        if len(self._sampled) < self._sample:
            heapq.heappush(self._sampled, entry)
            return False
        if self._sampled:
            heapq.heappushpop(self._sampled, entry)
        return True

    def _record_of(self, name: str, kind: SpanKind, status: StatusCode) -> Callable[[float], None]:
        key = (name, kind, status)
        record = self._series.get(key)
        if record is None:
            record = self._durations.bind(
                **{
                    "span.name": name,
                    "span.kind": _KINDS[kind],
                    "span.status": _STATUSES[status],
                }
            ).record
            # Names made from data would fill this; the observer caps the series themselves.
            if len(self._series) >= 4 * (self._max_names + 1):
                self._series.clear()
            self._series[key] = record
        return record

    def _exemplar(self, request: Mapping[str, Any] | None = None) -> tuple[str, str] | None:
        """Give a histogram its exemplar, and remember that its span may have to be kept."""
        if getattr(self._recording, "now", False):
            return None
        found = active_span(request)
        if found is not None:
            window = self._core.window_seq
            with self._lock:
                self._candidates.setdefault(found[1], _Candidate(window)).window = window
                if len(self._candidates) > _MAX_CANDIDATES:
                    span = self._candidates.pop(next(iter(self._candidates))).span
                    if span is not None:
                        self._place(span)
        return found

    def _owe(self, span_id: str) -> None:
        self._owed[span_id] = None
        # Spans that never end must not fill it.
        if len(self._owed) > _MAX_CANDIDATES:
            del self._owed[next(iter(self._owed))]

    def _emit(self, span: ReadableSpan) -> None:
        context, parent = span.context, span.parent
        assert context is not None
        assert span.start_time is not None
        assert span.end_time is not None
        attributes = {key: _text(value) for key, value in (span.attributes or {}).items()}
        for event in span.events:
            kind = (event.attributes or {}).get("exception.type")
            if event.name == "exception" and kind is not None:
                attributes.setdefault("exception.type", str(kind))
        try:
            kept = self._observer.core.span(
                trace_id=format(context.trace_id, "032x"),
                span_id=format(context.span_id, "016x"),
                parent_id=None if parent is None else format(parent.span_id, "016x"),
                name=span.name,
                kind=_KINDS[span.kind],
                start_us=span.start_time // 1000,
                end_us=span.end_time // 1000,
                status=_STATUSES[span.status.status_code],
                attrs=canonical_json(attributes),
                layer=self._layer,
            )
        except Exception:  # such as an end before the start, by a program's clock
            self._invalid.add(1)
        else:
            if not kept:
                self._full.add(1)


def _text(value: Any) -> str:
    """Write an attribute's value as the string that canonical attributes hold."""
    if isinstance(value, str):
        return value
    if isinstance(value, (Sequence, Mapping)):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
    return str(value)
