"""The names in a directory of tables, and which files a reader takes.

::

    inlay.json                                             the format's version
    locks/<origin>.lock                                    held by a living writer
    <table>/live/<origin>-<n>.arrows                       grows, a batch at a time
    <table>/sealed/<origin>-<first>-<last>.arrows          complete, waits to become Parquet
    <table>/date=YYYY-MM-DD/layer=L/<origin>-<first>-<last>.parquet

The origin is written as 16 hexadecimal digits, ``first`` and ``last`` are window numbers. A file
moves down this list, never up, so whoever lists in this order misses nothing.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import urllib.parse
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "FORMAT",
    "MARKER",
    "Listing",
    "Piece",
    "TableFiles",
    "date_of",
    "is_table_name",
    "list_directory",
    "list_table",
    "live_name",
    "origin_hex",
    "partition",
    "read_format",
    "sealed_path",
    "without_covered",
    "write_durably",
    "write_marker",
]

FORMAT = 1
"""Version of the layout; a reader that knows less says so."""

MARKER = "inlay.json"

_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_LIVE = re.compile(r"([0-9a-f]{16})-(\d+)\.arrows")
_RANGE = re.compile(r"([0-9a-f]{16})-(\d+)-(\d+)\.(arrows|parquet)")
_DATE = re.compile(r"date=(\d{4}-\d{2}-\d{2})")
# File systems allow 255 bytes a name; quoting makes three of one.
_MAX_LAYER_BYTES = 200
# Listings of a directory under change; each pair that differs means that a file moved meanwhile.
_MAX_LISTINGS = 50


class Piece(NamedTuple):
    """A file that holds the windows `first` to `last` of one origin.

    Attributes
    ----------
    origin : str
        16 hexadecimal digits.
    first, last : int
        Window numbers, both included.
    partition : str
        ``date=…/layer=…``, or empty for a sealed stream.
    path : Path
        Where it lies.
    """

    origin: str
    first: int
    last: int
    partition: str
    path: Path

    def covers(self, other: Piece) -> bool:
        """Return whether the range of `other` lies within this one's."""
        return self.origin == other.origin and self.first <= other.first and other.last <= self.last


class TableFiles(NamedTuple):
    """The files of one table, as listed; covered ones included."""

    live: tuple[Path, ...]
    sealed: tuple[Piece, ...]
    parquet: tuple[Piece, ...]

    def origins(self) -> set[str]:
        """Return the origins that have files here."""
        return {
            *(path.name[:16] for path in self.live),
            *(piece.origin for piece in self.sealed),
            *(piece.origin for piece in self.parquet),
        }


class Listing(NamedTuple):
    """What a directory holds.

    Attributes
    ----------
    tables : dict of str to TableFiles
        By table name, only tables that have files.
    strange : tuple of str
        Directories that hold tables under names that are none.
    """

    tables: dict[str, TableFiles]
    strange: tuple[str, ...]


def origin_hex(origin: int) -> str:
    """Return the 16 hexadecimal digits of an origin, a signed 64-bit number."""
    return f"{origin & 0xFFFF_FFFF_FFFF_FFFF:016x}"


def is_table_name(name: str) -> bool:
    """Return whether a table may have this name: a plain identifier, safe as a directory."""
    return _TABLE.fullmatch(name) is not None and name not in {"locks", "live", "sealed"}


def live_name(origin: str, number: int) -> str:
    """Return the name of a growing file."""
    return f"{origin}-{number}.arrows"


def sealed_path(root: Path, table: str, origin: str, first: int, last: int) -> Path:
    """Return where a sealed stream lies."""
    return root / table / "sealed" / f"{origin}-{first:010d}-{last:010d}.arrows"


def date_of(time_us: int) -> datetime.date:
    """Return the UTC date of Unix microseconds."""
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (epoch + datetime.timedelta(microseconds=time_us)).date()


def partition(date: datetime.date, layer: str) -> str:
    """Return the partition's path: ``date=…/layer=…`` with the layer quoted as in a URL."""
    quoted = urllib.parse.quote(layer, safe="")
    if len(quoted) > _MAX_LAYER_BYTES:  # rows keep the whole name; the path only needs to differ
        quoted = f"{quoted[:_MAX_LAYER_BYTES]}~{zlib.crc32(layer.encode()):08x}"
    return f"date={date.isoformat()}/layer={quoted or '__HIVE_DEFAULT_PARTITION__'}"


def list_directory(root: Path) -> Listing:
    """List the tables and their files.

    Lists again until two listings agree: one taken while files move may miss both the old and
    the new name.

    Parameters
    ----------
    root : Path
        The directory; need not exist.

    Returns
    -------
    Listing
    """
    listing = _list_once(root)
    for _ in range(_MAX_LISTINGS):
        again = _list_once(root)
        if again == listing:
            break
        listing = again
    return listing


def list_table(folder: Path) -> TableFiles:
    """List the files of one table, once, in the order in which they move."""
    live = tuple(e for e in _entries(folder / "live") if _LIVE.fullmatch(e.name))
    sealed = tuple(_pieces(folder / "sealed", "", "arrows"))
    parquet: list[Piece] = []
    for day in _entries(folder):
        if _DATE.fullmatch(day.name):
            for layer in _entries(day):
                parquet.extend(_pieces(layer, f"{day.name}/{layer.name}", "parquet"))
    return TableFiles(live, sealed, tuple(parquet))


def _list_once(root: Path) -> Listing:
    tables: dict[str, TableFiles] = {}
    strange: list[str] = []
    for folder in _entries(root):
        if folder.name.startswith(".") or folder.name in {"locks", MARKER}:
            continue
        files = list_table(folder)
        if not any(files):
            continue
        if is_table_name(folder.name):
            tables[folder.name] = files
        else:
            strange.append(folder.name)
    return Listing(tables, tuple(strange))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _pieces(folder: Path, partition: str, suffix: str) -> Iterator[Piece]:
    for path in _entries(folder):
        match = _RANGE.fullmatch(path.name)
        if match is not None and match[4] == suffix:
            yield Piece(match[1], int(match[2]), int(match[3]), partition, path)


def without_covered(
    parquet: Iterable[Piece], sealed: Iterable[Piece] = ()
) -> tuple[list[Piece], list[Piece]]:
    """Separate the Parquet files that count from those superseded.

    A file is superseded by another one of its partition whose range covers its own (it was merged
    into that), and by a sealed stream whose range covers its own (the stream is complete, while
    its conversion may not be).

    Parameters
    ----------
    parquet, sealed : iterable of Piece
        The files of one table.

    Returns
    -------
    kept, covered : list of Piece
    """
    kept: list[Piece] = []
    covered: list[Piece] = []
    streams: dict[str, list[Piece]] = {}
    for stream in sealed:
        streams.setdefault(stream.origin, []).append(stream)
    groups: dict[tuple[str, str], list[Piece]] = {}
    for piece in parquet:
        groups.setdefault((piece.partition, piece.origin), []).append(piece)
    for (_, origin), group in groups.items():
        # By first window, the longest range first: what is covered ends before the furthest end.
        furthest = -1
        for piece in sorted(group, key=lambda p: (p.first, -p.last)):
            hidden = piece.last <= furthest or any(
                stream.covers(piece) for stream in streams.get(origin, ())
            )
            (covered if hidden else kept).append(piece)
            if not hidden:
                furthest = max(furthest, piece.last)
    return kept, covered


def read_format(root: Path) -> int | None:
    """Return the format's version by the marker file; None where there is no readable one."""
    try:
        value = json.loads((root / MARKER).read_text("utf-8"))["format"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, int) else None


def write_marker(root: Path) -> None:
    """Write the marker file unless there is one."""
    if not (root / MARKER).exists():
        text = json.dumps({"format": FORMAT, "writer": "inlay"}) + "\n"
        write_durably(root / MARKER, text.encode())


def write_durably(path: Path, content: bytes) -> None:
    """Write a small file so that others see it whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
