"""A pane of prediction time: what was counted in it since it was last written, and in all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inlay.model.quality.task import Task

__all__ = ["Counts", "Pane"]


class Counts:
    """Predictions and labels by segment. Not thread-safe."""

    __slots__ = ("labels", "predictions")

    def __init__(self) -> None:
        self.predictions: dict[int, int] = {}
        self.labels: dict[int, int] = {}

    def add(self, other: Counts) -> None:
        """Add those of another."""
        for mine, theirs in (
            (self.predictions, other.predictions),
            (self.labels, other.labels),
        ):
            for segment, number in theirs.items():
                mine[segment] = mine.get(segment, 0) + number

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self.predictions or self.labels)

    def state(self) -> list[list[list[int]]]:
        """Return them as lists."""
        return [[list(pair) for pair in each.items()] for each in (self.predictions, self.labels)]

    def restore(self, state: Any) -> None:
        """Take over what `state` gave."""
        self.predictions, self.labels = (
            {int(segment): int(number) for segment, number in each} for each in state
        )


class Pane:
    """The states of all segments for predictions of ``[k * every, (k + 1) * every)``.

    Not thread-safe.

    Parameters
    ----------
    task : Task
        Makes the states.

    Attributes
    ----------
    delta : states
        What was counted since the pane was written.
    fresh, known : Counts
        Predictions and labels by id since then, and those before.
    revision : int
        How often it was written.
    written : int or None
        When it was written last, in microseconds.
    num_rows : int
        Of points, that time.
    """

    __slots__ = (
        "_task",
        "_total",
        "delta",
        "fresh",
        "is_changed",
        "known",
        "num_rows",
        "revision",
        "written",
    )

    def __init__(self, task: Task) -> None:
        self._task = task
        self.delta: Any = task.new()
        self._total: Any = None  # states, or their bytes while the pane rests
        self.fresh = Counts()
        self.known = Counts()
        self.is_changed = False
        self.revision = 0
        self.written: int | None = None
        self.num_rows = 0

    @property
    def total(self) -> Any:
        """The states of all that was written; None before the first time."""
        if isinstance(self._total, bytes):
            self._total = self._task.read(self._total)
        return self._total

    def settle(self) -> Any:
        """Add what is new to the whole and return it."""
        taken = self.delta.take()
        total = self.total
        if total is None:
            total = self._total = taken.copy()
        else:
            total.merge(taken)
        return taken

    def settled(self) -> Counts:
        """Likewise of predictions and labels."""
        taken, self.fresh = self.fresh, Counts()
        self.known.add(taken)
        return taken

    def rest(self) -> None:
        """Keep the whole as bytes, which take less room, until it is looked at again."""
        if self._total is not None and not isinstance(self._total, bytes):
            self._total = self._total.to_bytes()

    @property
    def num_segments(self) -> int:
        """How many segments it knows of at least."""
        states = [self.delta, self.total]
        counts = (self.fresh.predictions, self.fresh.labels)
        known = (self.known.predictions, self.known.labels)
        return max(
            *(0 if each is None else int(each.segments) for each in states),
            *(max(each, default=-1) + 1 for each in (*counts, *known)),
        )

    def to_bytes(self) -> tuple[bytes, bytes]:
        """Return what is new and the whole; no bytes for none."""
        whole = self._total
        if whole is None:
            return self.delta.to_bytes(), b""
        return self.delta.to_bytes(), whole if isinstance(whole, bytes) else whole.to_bytes()

    def restore(self, delta: bytes, total: bytes) -> None:
        """Take over what `to_bytes` gave."""
        self.delta = self._task.read(delta)
        self._total = self._task.read(total) if total else None
