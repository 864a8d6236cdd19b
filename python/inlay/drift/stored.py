"""Verdicts that a directory holds against verdicts made anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from inlay._exceptions import SerializationError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Comparison", "compare_stored"]

_KEY = (
    "series_id",
    "attrs",
    "method",
    "judge",
    "scope",
    "start_time",
    "time",
    "revision",
)


class Comparison(NamedTuple):
    """How stored verdicts and new ones agree.

    Attributes
    ----------
    same : int
        Verdicts that say the same.
    differ : int
        Verdicts about the same that say something else.
    only_stored, only_new : int
        Verdicts that the other side lacks.
    """

    same: int
    differ: int
    only_stored: int
    only_new: int


def compare_stored(directory: Path, verdicts: pa.Table, *, scope: str) -> Comparison:
    """Compare by series, method, judge, scope, window and revision.

    Parameters
    ----------
    directory : Path
        Of tables.
    verdicts : pyarrow.Table
        Rows of ``verdicts``. Stored ones of other judges are passed over.
    scope : {"process", "host", "fleet"}
        Of them all; stored ones of others are passed over. Verdicts about a process carry its
        origin; those about a host or fleet the origin of whoever judged, which tells nothing.

    Returns
    -------
    Comparison
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    key = [*_KEY, "origin" if scope == "process" else "resource"]
    stored = stored_verdicts(directory, (*key, "verdict"))
    judges = pc.unique(verdicts["judge"].cast(pa.utf8()))
    stored = stored.filter(
        pc.and_(pc.equal(stored["scope"], scope), pc.is_in(stored["judge"], judges))
    )
    stored = stored.group_by(key).aggregate([("verdict", "max")])
    new = verdicts.select([*key, "verdict"])
    both = stored.join(new, key, join_type="full outer")
    old, made = both["verdict_max"], both["verdict"]
    paired = pc.and_(pc.is_valid(old), pc.is_valid(made))
    same = pc.sum(pc.fill_null(pc.equal(old, made), False)).as_py() or 0
    pairs = pc.sum(paired).as_py() or 0
    return Comparison(same, pairs - same, stored.num_rows - pairs, new.num_rows - pairs)


def stored_verdicts(directory: Path, columns: tuple[str, ...]) -> pa.Table:
    """Read some columns of the verdicts of a directory.

    Raises
    ------
    SerializationError
        If a file cannot be read; the message names it.
    """
    import tempfile

    import pyarrow as pa
    import pyarrow.parquet as pq

    from inlay._files.snapshot import take_snapshot
    from inlay.table import arrow_schema

    points = arrow_schema("verdicts")
    schema = pa.schema([pa.field(name, points.field(name).type) for name in columns])
    with tempfile.TemporaryDirectory(prefix="inlay-verdicts-") as scratch:
        found = take_snapshot(directory, Path(scratch)).tables.get("verdicts")
        parts = []
        for path in () if found is None else found.parquet:
            try:
                parts.append(pq.ParquetFile(path).read(columns=list(columns)))
            except (pa.ArrowException, OSError) as error:
                message = f"{path} cannot be read: {error}"
                raise SerializationError(message) from error
        parts += [] if found is None else [table.select(list(columns)) for table in found.streams]
        if not parts:
            return schema.empty_table()
        return pa.concat_tables([part.select(list(columns)).cast(schema) for part in parts])
