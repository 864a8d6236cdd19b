"""How much of a run's time trained the model, and where the rest went."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow

    from inlay.training.restart_file import Progress

__all__ = ["CAUSES", "Goodput", "Ledger"]

CAUSES = (
    "accelerator_initialization",
    "training_prep",
    "program_startup",
    "data_loading_sync",
    "unproductive_checkpoint_save_time",
    "unproductive_checkpoint_restore_time",
    "wasted_progress_from_disruption",
    "infrastructure_recovery_from_disruption",
    "custom_badput_events",
    "other",
)
"""Why time was lost: the types of ml-goodput-measurement, of which the first is its
``TPU_INITIALIZATION``."""

_FOREIGN = {"accelerator_initialization": "TPU_INITIALIZATION"}
_WAIT = "data_loading_sync"
_WASTED = "wasted_progress_from_disruption"
_RECOVERY = "infrastructure_recovery_from_disruption"
# Steps by whose median the first one's excess, its compilation, is told.
_SETTLED = 5


class Goodput(NamedTuple):
    """What a run's time went to.

    Attributes
    ----------
    elapsed : float
        Seconds since the run began, those between its processes too.
    productive : float
        Seconds of steps that took the model further, without waits for data and checkpoints.
    badput : dict of str to float
        Seconds lost, by `CAUSES`. With `productive` they add up to `elapsed`.
    steps, replayed : int
        Steps that took the model further, and those that were done again, of all its processes.
    restarts : int
        How often the run was continued by a new process.
    """

    elapsed: float
    productive: float
    badput: dict[str, float]
    steps: int
    replayed: int
    restarts: int

    @property
    def ratio(self) -> float | None:
        """The share of productive time, 0 to 1; None before any has passed."""
        return min(1.0, self.productive / self.elapsed) if self.elapsed > 0.0 else None

    def named_as_elsewhere(self) -> dict[str, float]:
        """Return the badput under the names that ml-goodput-measurement has."""
        return {_FOREIGN.get(cause, cause.upper()): lost for cause, lost in self.badput.items()}

    def to_arrow(self) -> pyarrow.Table:
        """Return a row for the productive time and one for each cause, in seconds and shares."""
        import pyarrow as pa

        names = ["productive", *self.badput]
        seconds = [self.productive, *self.badput.values()]
        shares = [s / self.elapsed if self.elapsed > 0.0 else None for s in seconds]
        return pa.table(
            {
                "what": pa.array(names, pa.utf8()),
                "seconds": pa.array(seconds, pa.float64()),
                "share": pa.array(shares, pa.float64()),
            }
        )

    def __repr__(self) -> str:
        """Return a line with the share and what was lost most."""
        share = self.ratio
        if share is None:
            return "<inlay.training.Goodput of no time>"
        lost = sorted(((s, c) for c, s in self.badput.items() if s > 0.0), reverse=True)[:3]
        most = ", ".join(f"{cause} {seconds:.3g} s" for seconds, cause in lost)
        return (
            f"<inlay.training.Goodput {share:.1%} of {self.elapsed:.4g} s, {self.steps} steps"
            f"{'; lost: ' + most if most else ''}>"
        )

    def _repr_html_(self) -> str:
        from inlay.summary._row import html_table

        row: dict[str, Any] = {"goodput": self.ratio, "elapsed (s)": self.elapsed}
        row["productive (s)"] = self.productive
        row |= {f"{cause} (s)": seconds for cause, seconds in self.badput.items()}
        return html_table("inlay.training.Goodput", row)


class Ledger:
    """Adds up what a run's time goes to, as it passes. Not thread-safe; constant memory.

    Moments are Unix seconds. What is in no step and no interval is ``other``.

    Parameters
    ----------
    start : float
        When the run began.

    Attributes
    ----------
    before : dict of str to float
        Seconds that had been lost before this process began, by cause.
    """

    def __init__(self, start: float) -> None:
        self.start = start
        self.end = start
        self.steps = 0
        self.replayed = 0
        self.restarts = 0
        self._productive = 0.0
        self._lost = dict.fromkeys(CAUSES, 0.0)
        self._process: float | None = start  # until the first step of the process began
        self._before_step = 0.0
        self._first: list[float] = []
        self._first_replayed = False
        self._excess = 0.0
        self.before = dict.fromkeys(CAUSES, 0.0)

    def restore(self, before: Progress) -> None:
        """Go on from what earlier processes of the run accounted for."""
        self._productive, *lost = before.seconds
        self._lost = dict(zip(CAUSES, lost, strict=True))
        self.steps = before.steps
        self.replayed = before.replayed
        self.restarts = before.incarnations - 1
        self._process = None
        self.before = self.goodput(before.last_us / 1e6).badput

    def process(self, start: float, last: float | None) -> None:
        """Note that a process of the run begins.

        Parameters
        ----------
        start : float
            When it began.
        last : float or None
            The last sign of life of the one before, None if it is the first.
        """
        self._settle()
        if last is not None:
            self.restarts += 1
            self._lost[_RECOVERY] += max(0.0, start - last)
        self._process = max(start, last or start)
        self._before_step = 0.0
        self.end = max(self.end, start)

    def catch_up(self, done: Sequence[float], until: float) -> None:
        """Count what a process did after the last that was noted of it.

        Parameters
        ----------
        done : sequence of float
            Of the run until then: seconds that were productive, wasted and waited for data, steps
            and replayed steps. What was noted is less; no more seconds than have passed count.
        until : float
            Its last sign of life.
        """
        self._settle()
        noted = (
            self._productive,
            self._lost[_WASTED],
            self._lost[_WAIT],
            self.steps,
            self.replayed,
        )
        productive, wasted, waited, steps, replayed = (
            max(0.0, all_of - ours) for all_of, ours in zip(done, noted, strict=True)
        )
        missing, room = productive + wasted + waited, until - self.end
        if missing <= 0.0 or room <= 0.0:
            return
        share = min(1.0, room / missing)
        self._productive += share * productive
        self._lost[_WASTED] += share * wasted
        self._lost[_WAIT] += share * waited
        self.steps += round(steps)
        self.replayed += round(replayed)
        self.end = until

    def interval(self, cause: str, start: float, end: float) -> None:
        """Note time that was lost between steps.

        Raises
        ------
        InvalidArgumentError
            If there is no such cause.
        """
        if cause not in self._lost:
            message = f"a cause of lost time is one of {', '.join(CAUSES)}: {cause!r}"
            raise InvalidArgumentError(message)
        seconds = max(0.0, end - start)
        self._lost[cause] += seconds
        if self._process is not None:
            self._before_step += seconds
        self.end = max(self.end, end)

    def step(
        self, end: float, duration: float, *, data_wait: float, checkpoint: float, replayed: bool
    ) -> None:
        """Note a step; its checkpoints come as intervals of their own."""
        self._lost[_WAIT] += data_wait
        useful = max(0.0, duration - data_wait - checkpoint)
        if self._process is not None:
            begin = end - duration
            prep = begin - self._process - self._before_step
            self._lost["training_prep"] += max(0.0, prep)
            self._process = None
            self._first = [useful]
            self._first_replayed = replayed
        elif self._first:
            self._first.append(useful)
            self._count(useful, replayed=replayed)
            if len(self._first) > _SETTLED:
                self._settle()
        else:
            self._count(useful, replayed=replayed)
        self.end = max(self.end, end)

    def _count(self, useful: float, *, replayed: bool) -> None:
        if replayed:
            self.replayed += 1
            self._lost[_WASTED] += useful
        else:
            self.steps += 1
            self._productive += useful

    def _settle(self) -> None:
        """Split the first step of a process into a usual one and what it took beyond."""
        if not self._first:
            return
        useful, excess = self._split()
        self._count(useful, replayed=self._first_replayed)
        self._lost["program_startup"] += excess
        self._excess = excess
        self._first = []

    def _split(self) -> tuple[float, float]:
        first, *others = self._first
        usual = min(first, statistics.median(others)) if others else first
        return usual, first - usual

    def beside_steps(self) -> tuple[float, tuple[float, ...]]:
        """Return productive and lost seconds without those that a `RestartFile` counts by itself.

        It takes all of a process's first step for training: the excess that is not is subtracted.
        ``other`` is left at 0.
        """
        lost = self._lost | {_WASTED: 0.0, _WAIT: 0.0}
        excess = self._excess
        if self._first:
            excess = self._split()[1]
            lost["program_startup"] += excess
        if self._first_replayed:
            lost[_WASTED] = -excess
        return 0.0 if self._first_replayed else -excess, tuple(lost.values())

    def goodput(self, now: float) -> Goodput:
        """Return how the time until now was spent."""
        productive, lost = self._productive, dict(self._lost)
        steps, replayed = self.steps, self.replayed
        if self._first:
            useful, excess = self._split()
            lost["program_startup"] += excess
            if self._first_replayed:
                replayed += 1
                lost[_WASTED] += useful
            else:
                steps += 1
                productive += useful
        if self._process is not None:
            lost["training_prep"] += max(0.0, now - self._process - self._before_step)
        elapsed = max(0.0, now - self.start)
        lost["other"] = max(0.0, elapsed - productive - _total(lost))
        return Goodput(elapsed, productive, lost, steps, replayed, self.restarts)


def _total(lost: Mapping[str, float]) -> float:
    return sum(seconds for cause, seconds in lost.items() if cause != "other")
