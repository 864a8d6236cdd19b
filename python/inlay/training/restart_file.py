"""How far a run has come, in a file that outlives its process."""

from __future__ import annotations

import mmap
import os
import struct
import warnings
from pathlib import Path
from typing import NamedTuple

from inlay._exceptions import InlayWarning

__all__ = ["Progress", "RestartFile"]

# magic, version, incarnations, highest step, last sign of life, first start (both microseconds of
# Unix time), then seconds: productive, and lost by cause.
_HEAD = struct.Struct("<8sII")
_LIFE = struct.Struct("<qq")
_LIFE_AT = _HEAD.size
_START = struct.Struct("<q")
_START_AT = _LIFE_AT + _LIFE.size
_SECONDS_AT = _START_AT + _START.size
_MAGIC = b"inlaytrn"
_VERSION = 1
_CAUSES = 10
_SECONDS = struct.Struct(f"<{1 + _CAUSES}d")
_SIZE = 256
_NONE = -(2**63)


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
    """

    incarnations: int
    highest: int | None
    last_us: int
    start_us: int
    seconds: tuple[float, ...]


class RestartFile:
    """256 bytes in shared memory of a file: each step writes 16 of them, without a system call.

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
        highest, last = _LIFE.unpack_from(self._memory, _LIFE_AT)
        (start,) = _START.unpack_from(self._memory, _START_AT)
        seconds = _SECONDS.unpack_from(self._memory, _SECONDS_AT)
        sound = (
            magic == _MAGIC
            and version == _VERSION
            and 0 < incarnations < 1 << 31
            and 0 < start <= last < 1 << 60
            and (highest >= 0 or highest == _NONE)
            and all(0.0 <= second < 1e12 for second in seconds)
        )
        if not sound:
            return None
        return Progress(incarnations, None if highest == _NONE else highest, last, start, seconds)

    def begin(self, now_us: int, start_us: int) -> None:
        """Take over as the next process of the run."""
        before = self.before
        count = 1 if before is None else before.incarnations + 1
        highest = None if before is None else before.highest
        self._memory[:] = bytes(_SIZE) if before is None else self._memory[:]
        _START.pack_into(self._memory, _START_AT, start_us if before is None else before.start_us)
        self.alive(highest, now_us)
        _HEAD.pack_into(self._memory, 0, _MAGIC, _VERSION, count)

    def alive(self, highest: int | None, now_us: int) -> None:
        """Write the highest finished step and the time."""
        _LIFE.pack_into(self._memory, _LIFE_AT, _NONE if highest is None else highest, now_us)

    def keep(self, productive: float, lost: tuple[float, ...]) -> None:
        """Write the seconds that are accounted for."""
        _SECONDS.pack_into(self._memory, _SECONDS_AT, productive, *lost)

    def close(self) -> None:
        """Let the file go; what it holds stays."""
        if not self._memory.closed:
            self._memory.flush()
            self._memory.close()
