"""Keeping a directory small: seal, convert, merge, remove what is superseded or too old.

A living writer does this for its own files alone; `compact` does it for those of the dead.
"""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from inlay._files.layout import (
    Listing,
    Piece,
    list_directory,
    list_table,
    sealed_path,
    without_covered,
)
from inlay._files.locks import Lock
from inlay._files.parquet import convert, merge, sync_folder
from inlay._files.stream import read_stream

__all__ = [
    "Compacted",
    "compact",
    "lock_of",
    "merge_small",
    "remove_covered",
    "remove_expired",
    "remove_origins",
]

# About what one full stream becomes; merging stops there, so that memory stays bounded.
_MERGED_ROWS = 400_000
_STALE_SECONDS = 3600.0
_DATE = re.compile(r"date=(\d{4}-\d{2}-\d{2})")


class Compacted(NamedTuple):
    """What `compact` did.

    Attributes
    ----------
    origins : int
        Dead origins whose files were looked at.
    alive : int
        Origins left alone, since their writer lives.
    converted : int
        Streams that became Parquet.
    merged : int
        Parquet files made out of several.
    removed : int
        Files removed: superseded, too old, or left half-written by a crash.
    """

    origins: int
    alive: int
    converted: int
    merged: int
    removed: int


def lock_of(root: Path, origin: str) -> Lock:
    """Return the lock that a writer holds while it lives."""
    return Lock(root / "locks" / f"{origin}.lock")


def compact(
    root: Path,
    *,
    grace: float = 900.0,
    retention: float | None = None,
    compression: str = "zstd",
    now: float | None = None,
) -> Compacted:
    """Compact the files of writers that are gone.

    Safe while writers, readers and further compactions run.

    Parameters
    ----------
    root : Path
        The directory.
    grace : float
        Seconds for which superseded files stay, for readers that are at them.
    retention : float or None
        Seconds after which whole days are removed, of living writers too; None keeps all.
    compression : str
        Parquet's name of a codec.
    now : float or None
        Unix seconds; by default the clock's.

    Returns
    -------
    Compacted

    Raises
    ------
    FileNotFoundError
        If there is no such directory.
    BlockingIOError
        If another compaction of the directory is running.
    OSError
        If a file cannot be written.
    """
    if not root.is_dir():
        text = "no such directory"
        raise FileNotFoundError(2, text, str(root))
    whole = Lock(root / "locks" / "compact.lock")
    if not whole.acquire():
        text = "another compaction is running"
        raise BlockingIOError(11, text, str(root))
    try:
        listing = list_directory(root)
        origins = {o for files in listing.tables.values() for o in files.origins()}
        dead = converted = merged = removed = 0
        for origin in sorted(origins):
            lock = lock_of(root, origin)
            if not lock.acquire(create=False):
                continue
            dead += 1
            try:
                # What was listed before the lock was ours may have moved since.
                for table in listing.tables:
                    made = _compact_dead(root, table, origin, grace, compression, now)
                    converted, merged = converted + made[0], merged + made[1]
                    removed += made[2]
            finally:
                lock.release()
        removed += _remove_stale(root, listing, _clock(now))
        if retention is not None:
            removed += remove_expired(root, retention, _clock(now))
        return Compacted(dead, len(origins) - dead, converted, merged, removed)
    finally:
        whole.release()


def _clock(now: float | None) -> float:
    # Read after the files it is compared with were written.
    return time.time() if now is None else now


def _compact_dead(
    root: Path, table: str, origin: str, grace: float, compression: str, now: float | None
) -> tuple[int, int, int]:
    files = list_table(root / table)
    sealed = [piece for piece in files.sealed if piece.origin == origin]
    removed = 0
    for path in files.live:
        if path.name.startswith(origin):
            piece = _seal_dead(root, table, origin, path)
            removed += piece is None
            if piece is not None:
                sealed.append(piece)
    for piece in sealed:
        convert(piece, root, table, compression=compression)
    own = [piece for piece in list_table(root / table).parquet if piece.origin == origin]
    merged = len(merge_small(own, root, table, at_least=2, compression=compression))
    own = [piece for piece in list_table(root / table).parquet if piece.origin == origin]
    return len(sealed), merged, removed + remove_covered(own, grace, _clock(now))


def _seal_dead(root: Path, table: str, origin: str, path: Path) -> Piece | None:
    """Give a growing file the name of a complete one; None if it holds no whole batch."""
    reader = read_stream(path)
    numbers = [-1 if entry.window_seq is None else entry.window_seq for entry in reader]
    if not numbers:
        if reader.damage is None:
            path.unlink(missing_ok=True)
        else:
            path.replace(path.with_suffix(".damaged"))
        return None
    first, last = max(0, min(numbers)), max(0, *numbers)
    target = sealed_path(root, table, origin, first, last)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    sync_folder(target.parent)
    return Piece(origin, first, last, "", target)


def merge_small(
    pieces: Iterable[Piece],
    root: Path,
    table: str,
    *,
    at_least: int,
    compression: str = "zstd",
) -> list[Piece]:
    """Merge neighbouring small files of one origin, partition by partition.

    Parameters
    ----------
    pieces : iterable of Piece
        Parquet files of one origin.
    root, table : Path, str
        Where they lie.
    at_least : int
        How many files make a merge worth its while.
    compression : str
        Parquet's name of a codec.

    Returns
    -------
    list of Piece
        Files made.

    Raises
    ------
    OSError
        If one cannot be written.
    """
    kept, _ = without_covered(pieces)
    partitions: dict[str, list[Piece]] = {}
    for piece in kept:
        partitions.setdefault(piece.partition, []).append(piece)
    made: list[Piece] = []
    for group in partitions.values():
        run: list[Piece] = []
        rows = 0
        for piece in sorted(group):
            count = _num_rows(piece.path)
            # A run ends before the file that would make it too large.
            if run and rows + count > _MERGED_ROWS:
                if len(run) >= at_least:
                    made.append(merge(run, root, table, compression=compression))
                run, rows = [], 0
            run.append(piece)
            rows += count
        if len(run) >= at_least:
            made.append(merge(run, root, table, compression=compression))
    return made


def _num_rows(path: Path) -> int:
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return _MERGED_ROWS  # unreadable: nothing is merged with it


def remove_covered(pieces: Iterable[Piece], grace: float, now: float) -> int:
    """Remove superseded files once those that supersede them are older than the grace time.

    Parameters
    ----------
    pieces : iterable of Piece
        Parquet files of one origin and table.
    grace : float
        Seconds.
    now : float
        Unix seconds.

    Returns
    -------
    int
        Files removed.
    """
    kept, covered = without_covered(pieces)
    removed = 0
    for piece in covered:
        by = [k for k in kept if k.partition == piece.partition and k.covers(piece)]
        if by and min(k.path.stat().st_mtime for k in by) + grace <= now:
            piece.path.unlink(missing_ok=True)
            removed += 1
    return removed


def remove_expired(root: Path, retention: float, now: float) -> int:
    """Remove the Parquet files of whole UTC days that ended longer ago than the retention.

    Returns
    -------
    int
        Files removed.
    """
    removed = 0
    for day in root.glob("*/date=*"):
        match = _DATE.fullmatch(day.name)
        if match is None:
            continue
        try:
            date = datetime.date.fromisoformat(match[1])
        except ValueError:
            continue
        ended = datetime.datetime.combine(date, datetime.time(), datetime.UTC).timestamp() + 86400.0
        if ended + retention >= now:
            continue
        for path in day.glob("layer=*/*.parquet"):
            path.unlink(missing_ok=True)
            removed += 1
        for folder in (*day.glob("layer=*"), day):
            try:
                folder.rmdir()
            except OSError:
                continue  # something else lies there, or somebody was quicker
    return removed


def remove_origins(
    root: Path, table: str, origins: Collection[str], *, patience: float = 10.0
) -> bool:
    """Remove what origins that are gone wrote into a table.

    Parameters
    ----------
    root : Path
        The directory.
    table : str
        The table's name.
    origins : collection of str
        16 hexadecimal digits each.
    patience : float
        Seconds to wait for a compaction of the directory, which would be at the same files.

    Returns
    -------
    bool
        False if the compaction took longer: nothing was removed.

    Raises
    ------
    OSError
        If a file cannot be removed.
    """
    whole = Lock(root / "locks" / "compact.lock")
    until = time.monotonic() + patience
    while not whole.acquire():
        if time.monotonic() >= until:
            return False
        time.sleep(0.05)
    try:
        files = list_table(root / table)
        own = [path for path in files.live if path.name[:16] in origins]
        own += [p.path for p in (*files.sealed, *files.parquet) if p.origin in origins]
        for path in own:
            path.unlink(missing_ok=True)
        return True
    finally:
        whole.release()


def _remove_stale(root: Path, listing: Listing, now: float) -> int:
    """Remove temporary files whose writer died; the living need theirs for seconds only."""
    removed = 0
    for table in listing.tables:
        for path in (root / table).rglob(".*.tmp"):
            try:
                if path.stat().st_mtime + _STALE_SECONDS < now:
                    path.unlink()
                    removed += 1
            except FileNotFoundError:
                continue
    return removed
