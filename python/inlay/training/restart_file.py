"""How far a run has come, in a file that outlives its process."""

from __future__ import annotations

import mmap
import os
import struct
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from inlay._exceptions import InlayWarning
from inlay.training.ledger import CAUSES
from inlay.training.step_table import PHASES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Progress", "RestartFile"]

# What each step writes: the highest step and the last sign of life in microseconds of Unix time,
# nanoseconds of steps that took the run further, of those done again and of their waits for data,
# and the numbers of both. Then what a window writes: seconds that no step tells, by cause.
_HEAD = struct.Struct("<8sII")  # magic, version, incarnations
_LIFE = struct.Struct("<qqqqqqq")
_LIFE_AT = _HEAD.size
_START = struct.Struct("<q")
_START_AT = _LIFE_AT + _LIFE.size
_SECONDS_AT = _START_AT + _START.size
_MAGIC = b"inlaytrn"
_VERSION = 2
_SECONDS = struct.Struct(f"<{1 + len(CAUSES)}d")
_SIZE = 256
_NONE = -(2**63)
_WAIT = 1 + CAUSES.index("data_loading_sync")
_WASTED = 1 + CAUSES.index("wasted_progress_from_disruption")
_USEFUL = slice(PHASES.index("forward"), PHASES.index("communication") + 1)
_OTHER = PHASES.index("other")
_DATA_WAIT = PHASES.index("data_wait")


class Progress(NamedTuple):
    """What earlier processes of a run left.

    Attributes
    ----------
    incarnations : int
        How many there were.
    highest : int or None
        The highest step that any of them finished.
    last_us, start_us : int
        Their last sign of life, and when the first began.
    seconds : tuple of float
        Productive, and lost by cause.
    steps, replayed : int
        Steps that took the run further, and those that were done again.
    """

    incarnations: int
    highest: int | None
    last_us: int
    start_us: int
    seconds: tuple[float, ...]
    steps: int
    replayed: int

    def told(self) -> dict[str, int | str]:
        """Return what the event ``training.restart`` says of them, seconds as text."""
        told: dict[str, int | str] = {"steps": self.steps, "replayed": self.replayed}
        if self.highest is not None:
            told["highest_step"] = self.highest
        for name, seconds in (
            ("last_alive", self.last_us / 1e6),
            ("productive", self.seconds[0]),
            ("wasted", self.seconds[_WASTED]),
            ("data_wait", self.seconds[_WAIT]),
        ):
            told[name] = f"{seconds:.6f}"
        return told


class RestartFile:
    """256 bytes in shared memory of a file: each step writes 56 of them, without a system call.

    They survive the process, however it ends; after a crash of the machine the file may be some
    seconds behind. One process writes it at a time.

    Parameters
    ----------
    path : str or os.PathLike
        It is made if it is not there. A file that is none of these is begun anew, with a warning:
        a damaged one does not keep a run from its restart.

    Raises
    ------
    OSError
        If it cannot be opened or written to.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            if size < _SIZE:
                os.ftruncate(descriptor, _SIZE)
            self._memory = mmap.mmap(descriptor, _SIZE)
        finally:
            os.close(descriptor)
        self.before: Progress | None = None
        if size:
            self.before = self._read()
            if self.before is None:
                message = f"{self._path} holds no progress of a run; it is begun anew"
                warnings.warn(message, InlayWarning, stacklevel=4)

    def _read(self) -> Progress | None:
        magic, version, incarnations = _HEAD.unpack_from(self._memory, 0)
        highest, last, *passed, steps, replayed = _LIFE.unpack_from(self._memory, _LIFE_AT)
        (start,) = _START.unpack_from(self._memory, _START_AT)
        seconds = list(_SECONDS.unpack_from(self._memory, _SECONDS_AT))
        for at, nanoseconds in zip((0, _WASTED, _WAIT), passed, strict=True):
            seconds[at] = max(0.0, seconds[at] + nanoseconds / 1e9)
        sound = (
            magic == _MAGIC
            and version == _VERSION
            and 0 < incarnations < 1 << 31
            and 0 < start <= last < 1 << 60
            and (highest >= 0 or highest == _NONE)
            and all(0.0 <= second < 1e12 for second in seconds)
            and steps >= 0
            and replayed >= 0
        )
        if not sound:
            return None
        known = None if highest == _NONE else highest
        return Progress(incarnations, known, last, start, tuple(seconds), steps, replayed)

    def begin(self, now_us: int, start_us: int) -> None:
        """Take over as the next process of the run."""
        before = self.before
        count, self._steps, self._replayed, first = 1, 0, 0, start_us
        seconds = [0.0] * (1 + len(CAUSES))
        highest = None
        if before is not None:
            count, highest, first = before.incarnations + 1, before.highest, before.start_us
            seconds, self._steps, self._replayed = [*before.seconds], before.steps, before.replayed
        self._productive, self._wasted, self._waited = (
            round(seconds[at] * 1e9) for at in (0, _WASTED, _WAIT)
        )
        seconds[0] = seconds[_WASTED] = seconds[_WAIT] = 0.0
        if before is None:
            self._memory[:] = bytes(_SIZE)
        _START.pack_into(self._memory, _START_AT, first)
        self.keep(seconds[0], tuple(seconds[1:]))
        self._alive(_NONE if highest is None else highest, now_us)
        _HEAD.pack_into(self._memory, 0, _MAGIC, _VERSION, count)

    def stepped(self, highest: int, now_us: int, spent: Sequence[int], *, replayed: bool) -> None:
        """Count a step that has ended.

        Parameters
        ----------
        highest : int
            The highest that has.
        now_us : int
            The time in microseconds of Unix time.
        spent : sequence of int
            Nanoseconds by phase.
        replayed : bool
            Whether it was done before.
        """
        useful = sum(spent[_USEFUL]) + spent[_OTHER]
        if replayed:
            self._wasted += useful
            self._replayed += 1
        else:
            self._productive += useful
            self._steps += 1
        self._waited += spent[_DATA_WAIT]
        self._alive(highest, now_us)

    def _alive(self, highest: int, now_us: int) -> None:
        _LIFE.pack_into(
            self._memory,
            _LIFE_AT,
            highest,
            now_us,
            self._productive,
            self._wasted,
            self._waited,
            self._steps,
            self._replayed,
        )

    def keep(self, productive: float, lost: tuple[float, ...]) -> None:
        """Write the seconds that the steps' own times do not tell."""
        _SECONDS.pack_into(self._memory, _SECONDS_AT, productive, *lost)

    def close(self) -> None:
        """Let the file go; what it holds stays."""
        if not self._memory.closed:
            self._memory.flush()
            self._memory.close()
