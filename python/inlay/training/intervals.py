"""Time of a run that is no step: checkpoints, restores, evaluations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from inlay.training.step_table import PAUSED

if TYPE_CHECKING:
    from types import TracebackType

    from inlay._core import BoundHistogram
    from inlay.training.recorder import Recorder

__all__ = ["Interval"]


class Interval:
    """A context that becomes an event when it ends. Of one thread.

    Parameters
    ----------
    recorder : Recorder
        Whose run it belongs to.
    name : str
        Of the event.
    cause : str or None
        What the time is lost to; None if it is not.
    index : int or None
        What its time counts to: the phase of a checkpoint, or `PAUSED`; None if the training goes
        on meanwhile.
    histogram : BoundHistogram, optional
        Where its seconds go.
    told : dict of str to str
        Attributes of the event.
    """

    __slots__ = ("_begin", "_cause", "_histogram", "_index", "_name", "_recorder", "_told")

    def __init__(
        self,
        recorder: Recorder,
        name: str,
        *,
        cause: str | None,
        index: int | None,
        histogram: BoundHistogram | None = None,
        told: dict[str, str] | None = None,
    ) -> None:
        self._recorder = recorder
        self._name = name
        self._cause = cause
        self._index = index
        self._histogram = histogram
        self._told = dict(told or {})
        self._begin = 0

    def tell(self, **told: str | int | bool) -> None:
        """Add attributes to the event."""
        self._told |= {name: str(value) for name, value in told.items()}

    def __enter__(self) -> Self:
        """Begin."""
        self._begin = self._recorder._clock()
        if self._index is not None:
            self._recorder._enter(self._index)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; an exception is told and goes on."""
        recorder = self._recorder
        if self._index is not None:
            recorder._leave()
        self._ended((recorder._clock() - self._begin) / 1e9, kind)

    def ended(self, seconds: float) -> None:
        """Count an interval that ends now and was measured elsewhere, instead of the context."""
        if self._index is not None:
            self._recorder._take(self._index, round(seconds * 1e9))
        self._ended(seconds, None)

    def _ended(self, seconds: float, kind: type[BaseException] | None) -> None:
        recorder = self._recorder
        if self._index == PAUSED:
            recorder._pause_ended()
        end = recorder._core_now()
        start = end - round(seconds * 1e6)
        if self._cause is not None:
            recorder._open.append((self._cause, start / 1e6, end / 1e6))
            recorder._look_at = 0  # once the next step has ended
        if self._histogram is not None and kind is None:
            self._histogram.record(seconds)
        told: dict[str, str] = dict(self._told)
        if kind is not None:
            told |= {"severity": "error", "error.type": kind.__name__}
        recorder._tell(self._name, start, end, seconds=f"{seconds:.6f}", **told)
