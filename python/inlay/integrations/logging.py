"""Log records as events, and how many there are by logger and level."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inlay.observer import Observer

__all__ = ["Handler"]

_OTHER = "_other"
# Neither of the two may be all zeros.
_IDS = re.compile(r"(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}")
# Names of the threads that deliver: what a sink's client logs there would come back each window.
_OWN_THREADS = ("inlay-delivery", "inlay-sink-")


class Handler(logging.Handler):
    """A `logging.Handler` that turns records into events.

    Parameters
    ----------
    level : int or str, default NOTSET
        Records below it are neither counted nor kept.
    observer : Observer, optional
        Where events and counts go; by default the installed one (`inlay.get_observer`).
    rate : float, default 100.0
        Events a second that are kept in the long run; what exceeds it is only counted.
    burst : float, optional
        Events that may come at once after a quiet time; by default ten seconds' worth.
    max_loggers : int, default 100
        Logger names that are counted apart; later ones share ``_other``.
    exclude : iterable of str, optional
        Names of loggers that are left out, with everything below them. The library's own
        (``inlay``) always are.
    layer : str, default "app"
        The layer of the events and counts.
    clock : callable, optional
        Monotonic seconds for the rate limit; for tests.

    Raises
    ------
    ValueError
        If `rate` or `max_loggers` is negative, or `burst` is below 1.

    Notes
    -----
    An event is named ``log.record``. Its body is the message *template*: the arguments, where
    personal data tends to be, stay out (an f-string has put them into the template already).
    Its attributes are ``logger``, ``code.function.name``, ``code.line.number`` and, with an
    exception, ``exception.type``; never the exception's text. The severity is OTLP's number
    (DEBUG 5, INFO 9, WARNING 13, ERROR 17, CRITICAL 21; levels between lie between), trace and
    span id are those of the active sampled span, or what OpenTelemetry's own logging
    instrumentation wrote into the record.

    Counted are ``log.records`` by logger and level, all of them, and ``log.dropped`` by reason:
    ``rate_limit``, ``buffer_full`` (the window has no room for more events) and ``error``.

    The handler never raises and never prints. Records that come up while it handles one on the
    same thread, and those of the threads that deliver, are left out: they would have no end.
    After a fork the child goes on with the same limit. Thread-safe.

    Examples
    --------
    >>> import logging, inlay
    >>> from inlay.integrations.logging import Handler
    >>> observer = inlay.Observer()
    >>> logger = logging.getLogger("shop")
    >>> handler = Handler(observer=observer)
    >>> logger.addHandler(handler)
    >>> logger.warning("no stock of %s", "tea")
    >>> (event,) = observer.collect().events.to_pylist()
    >>> event["severity"], event["body"]
    (13, 'no stock of %s')
    >>> logger.removeHandler(handler)
    """

    def __init__(
        self,
        level: int | str = logging.NOTSET,
        *,
        observer: Observer | None = None,
        rate: float = 100.0,
        burst: float | None = None,
        max_loggers: int = 100,
        exclude: Iterable[str] = (),
        layer: str = "app",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not rate >= 0:
            message = f"rate must not be negative: {rate!r}"
            raise ValueError(message)
        if burst is not None and not burst >= 1:
            message = f"burst must be at least 1: {burst!r}"
            raise ValueError(message)
        if max_loggers < 0:
            message = f"max_loggers must not be negative: {max_loggers!r}"
            raise ValueError(message)
        super().__init__(level)
        if observer is None:
            import inlay

            observer = inlay.get_observer()
        excluded = (exclude,) if isinstance(exclude, str) else tuple(exclude)
        self._observer = observer
        self._layer = layer
        self._rate = float(rate)
        self._burst = max(1.0, 10.0 * rate) if burst is None else float(burst)
        self._tokens = self._burst if rate > 0 or burst is not None else 0.0
        self._clock = clock
        self._filled_at = clock()
        self._max_loggers = max_loggers
        self._excluded = frozenset(("inlay", *excluded))
        self._excluded_below = tuple(f"{name}." for name in self._excluded)
        self._loggers: set[str] = set()
        self._counters: dict[tuple[str, int], Callable[[float], None]] = {}
        self._working = threading.local()
        self._records = observer.counter(
            "log.records",
            unit="{record}",
            description="Log records by logger and level.",
            attributes=("level", "logger"),
            layer=layer,
        )
        dropped = observer.counter(
            "log.dropped",
            unit="{record}",
            description="Log records that became no event.",
            attributes=("reason",),
            layer=layer,
        )
        self._limited = dropped.bind(reason="rate_limit")
        self._full = dropped.bind(reason="buffer_full")
        self._failed = dropped.bind(reason="error")

    def handle(self, record: logging.LogRecord) -> bool:
        """Count a record and keep it as an event, within the rate limit.

        Parameters
        ----------
        record : logging.LogRecord
            The record.

        Returns
        -------
        bool
            False if a filter or the recursion guard left it out.
        """
        # Before the lock of the base class: what recurses must not even wait for it.
        if getattr(self._working, "now", False) or self._is_own(record):
            return False
        self._working.now = True
        try:
            return bool(super().handle(record))
        except Exception:  # a filter that fails
            self._failed.add(1)
            return False
        finally:
            self._working.now = False

    def emit(self, record: logging.LogRecord) -> None:
        """Do the work of `handle`; called under the handler's lock.

        Parameters
        ----------
        record : logging.LogRecord
            The record.
        """
        try:
            self._count(record)
            if not self._take_token():
                self._limited.add(1)
            elif not self._keep(record):
                self._full.add(1)
        except Exception:  # telemetry must not take down what it observes
            self._failed.add(1)

    def _is_own(self, record: logging.LogRecord) -> bool:
        name = record.name
        if name in self._excluded or name.startswith(self._excluded_below):
            return True
        thread = record.threadName
        return isinstance(thread, str) and thread.startswith(_OWN_THREADS)

    def _count(self, record: logging.LogRecord) -> None:
        key = (record.name, record.levelno)
        add = self._counters.get(key)
        if add is None:
            name = record.name
            if name not in self._loggers:
                if len(self._loggers) < self._max_loggers:
                    self._loggers.add(name)
                else:
                    name = _OTHER
            add = self._records.bind(logger=name, level=_level_name(record)).add
            # Names beyond the cap may be endless: they are looked up each time.
            if name is not _OTHER:
                self._counters[key] = add
        add(1)

    def _take_token(self) -> bool:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _keep(self, record: logging.LogRecord) -> bool:
        attributes: dict[str, Any] = {
            "logger": record.name,
            "code.function.name": record.funcName or "",
            "code.line.number": record.lineno,
        }
        if record.exc_info and record.exc_info[0] is not None:
            attributes["exception.type"] = record.exc_info[0].__qualname__
        trace_id, span_id = _trace_of(record)
        return self._observer.event(
            "log.record",
            severity=_severity(record.levelno),
            body=_template(record),
            layer=self._layer,
            time=record.created,
            trace_id=trace_id,
            span_id=span_id,
            **attributes,
        )


def _template(record: logging.LogRecord) -> str:
    """Text of the message before its arguments; of an object as message only its type."""
    template = record.msg
    return template if isinstance(template, str) else f"<{type(template).__qualname__}>"


def _severity(level: int) -> int:
    """OTLP's severity number: four steps for each ten of a level, from TRACE (1) to FATAL (24)."""
    tens, rest = divmod(max(0, min(level, 59)), 10)
    return 1 + 4 * tens + min(rest * 4 // 10, 3)


def _level_name(record: logging.LogRecord) -> str:
    """Name of the level; levels without a name share the one below, so that they are few."""
    name = logging.getLevelName(record.levelno)
    if not name.startswith("Level "):
        return str(name)
    return ("NOTSET", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")[
        max(0, min(record.levelno // 10, 5))
    ]


def _trace_of(record: logging.LogRecord) -> tuple[str | None, str | None]:
    trace_id = getattr(record, "otelTraceID", None)
    span_id = getattr(record, "otelSpanID", None)
    # The instrumentation writes zeros where there is no span.
    given = isinstance(trace_id, str) and isinstance(span_id, str)
    if given and _IDS.fullmatch(f"{trace_id}-{span_id}"):
        return trace_id, span_id
    if "opentelemetry.trace" not in sys.modules:
        return None, None
    from inlay._active_span import active_span

    return active_span() or (None, None)
