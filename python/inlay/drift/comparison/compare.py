"""`compare`: two tables, files, profiles or stored points, column by column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.data.profile import Profile
from inlay.data.sources import open_source
from inlay.drift.comparison.building import (
    columns_of_sides,
    judged,
    ordered_by_contribution,
)
from inlay.drift.comparison.counting import counted
from inlay.drift.comparison.exact import exact_tests, must_be_rows
from inlay.drift.comparison.result import Comparison
from inlay.drift.comparison.sides import Side, side_of_profile
from inlay.drift.comparison.stored_points import StoredPoints, is_points_directory
from inlay.summary._arguments import whole

if TYPE_CHECKING:
    from inlay.data.groups import GroupKey
    from inlay.data.schema_change import SchemaChange
    from inlay.drift.comparison.column import ColumnComparison

__all__ = ["compare"]

_SUFFIX = ".inlay"


def compare(
    reference: Any,
    current: Any,
    *,
    by: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    exact: bool = False,
    threshold: float = 0.02,
    level: float = 0.05,
    threads: int | None = None,
) -> Comparison:
    """Compare two sets of rows, column by column, and say what drifted.

    Parameters
    ----------
    reference, current : object
        Each of them a `Profile`; the path of one that was saved (``*.inlay``); rows, as
        `Profile.of` takes them: tables, frames, arrays, files, globs; a directory that
        `sinks.Files` wrote, or a `StoredPoints` of a part of it. Only summaries are kept of either,
        so files may be larger than memory.
    by : sequence of str, optional
        Columns whose values make groups that are compared too; by default those of the reference.
    columns : sequence of str, optional
        Top-level columns to compare; all by default.
    exact : bool, default False
        Whether distances between ordered values are computed from all rows, which both sides must
        be then; a column at a time is in memory.
    threshold : float, default 0.02
        The effect above which a column has drifted: a debiased Jensen-Shannon distance to base 2.
        A normal distribution that moves by 0.1 standard deviations has 0.042.
    level : float, default 0.05
        The false discovery rate of all verdicts together, and the confidence of intervals.
    threads : int, optional
        How many threads read a batch; by default, or for 0, as many as there are cores.

    Returns
    -------
    Comparison

    Raises
    ------
    TypeError
        If a side is none of these, or another argument is of another type; the message has it.
    InvalidArgumentError
        If `threshold`, `level` or `threads` is out of range, a column of `by` or `columns` is not
        there, the groups of a side are by other columns, or `exact` is asked for and a side is not
        rows.
    SerializationError
        If a file cannot be read.

    Notes
    -----
    The cells are the reference's: about equally full ones of numbers and times, the most frequent
    names of text, where those that the reference may have listed by chance are compared together.
    Data that is given as reference is frozen first, see `Profile.freeze`. Rows are
    counted in them exactly. Of a profile whose cells are others, sketches tell the counts; what
    they may be off by is taken from the effect before there is a verdict, and from the counts of
    which p-values are computed.

    Of a column, its values are compared, the share that is missing (null or NaN), and the share
    outside of the reference's smallest and largest value. It drifted if one of them has an effect
    whose lower confidence bound exceeds `threshold`, and a p-value, corrected by Benjamini and
    Hochberg over all columns, of at most `level`. As the effect does not depend on the number of
    rows, neither does the verdict, once there are enough. Both sides are taken for samples of
    independent rows.

    Examples
    --------
    >>> import inlay
    >>> before = {"device": ["phone", "desktop"] * 500, "age": list(range(1000))}
    >>> after = {"device": ["phone", "phone", "desktop", "phone"] * 250, "age": list(range(1000))}
    >>> comparison = inlay.compare(before, after)
    >>> comparison
    <inlay.drift.Comparison of 1,000 rows with 1,000; 1 of 2 columns drifted: device>
    >>> comparison["device"].reason
    "share of 'desktop' 50.0 % → 25.0 %"
    """
    _check(threshold, level)
    if threads is not None:
        whole("threads", threads, 2**16)
    names = _names("by", by)
    chosen = None
    if columns is not None:
        given = _names("columns", columns)
        chosen = (*given, *(name for name in names if name not in given))
    first, second = _loaded(reference), _loaded(current)
    if exact:
        must_be_rows(first, "reference")
        must_be_rows(second, "current data")
    mine = _reference_side(first, names, chosen, threads)
    names = names or mine.by
    if names and mine.by != names:
        found = f"by {', '.join(mine.by)}" if mine.by else "without groups"
        message = f"the reference must be by the same columns, {names}; it is {found}"
        raise InvalidArgumentError(message)
    theirs = _current_side(second, mine, names, chosen, threads)
    tests = exact_tests(first, second, mine, chosen, threads) if exact else None
    changes = _changes(mine, theirs)
    if columns is not None:  # in an order of the caller's
        changes = tuple(change for change in changes if change.kind != "columns_reordered")
    return _compared(mine, theirs, names, changes, threshold=threshold, level=level, exact=tests)


def _compared(
    mine: Side,
    theirs: Side,
    by: tuple[str, ...],
    changes: tuple[SchemaChange, ...],
    *,
    threshold: float,
    level: float,
    exact: Mapping[str, Any] | None,
) -> Comparison:
    made = columns_of_sides(mine, theirs, threshold=threshold, level=level, exact=exact)
    [found] = judged([(mine, theirs, made)], level=level)
    groups: dict[GroupKey, Comparison] = {}
    if by:
        keys = list(dict.fromkeys([*mine.groups, *theirs.groups]))
        shown = {**theirs.shown_keys, **mine.shown_keys}
        tables: list[tuple[Side, Side, list[ColumnComparison]]] = []
        for key in keys:
            sides = (
                mine.groups.get(key) or Side(name=mine.name, rows=0, columns={}),
                theirs.groups.get(key) or Side(name=theirs.name, rows=0, columns={}),
            )
            made = columns_of_sides(*sides, threshold=threshold, level=level)
            tables.append((*sides, made))
        results = judged(tables, level=level)
        for key, (a, b, _), made in zip(keys, tables, results, strict=True):
            groups[shown.get(key, key)] = Comparison(
                a, b, ordered_by_contribution(made), level=level, threshold=threshold
            )
    return Comparison(
        mine,
        theirs,
        ordered_by_contribution(found),
        level=level,
        threshold=threshold,
        changes=changes,
        by=by,
        groups=groups,
    )


def _check(threshold: float, level: float) -> None:
    for what, value in (("threshold", threshold), ("level", level)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
            message = f"{what} must lie between 0 and 1: {value!r}"
            raise InvalidArgumentError(message)


def _names(what: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        return (given,)
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        message = f"{what} must be names of columns, got {type(given).__name__}: {given!r}"
        raise TypeError(message)
    names = tuple(given)
    for name in names:
        if not isinstance(name, str):
            message = f"{what} must be names of columns, got {type(name).__name__}: {name!r}"
            raise TypeError(message)
    return names


def _loaded(side: Any) -> Any:
    """Read a saved profile, and see whether a path is a directory of points."""
    if isinstance(side, (str, Path)):
        path = Path(side)
        if path.suffix == _SUFFIX:
            return Profile.load(path)
        if is_points_directory(path):
            return StoredPoints(path)
    return side


def _name(side: Any) -> str:
    if isinstance(side, Profile):
        return "a profile"
    if isinstance(side, StoredPoints):
        return str(side)
    if isinstance(side, (str, Path)):
        return str(side)
    if isinstance(side, (list, tuple)) and side and all(isinstance(s, (str, Path)) for s in side):
        return str(side[0]) if len(side) == 1 else f"{side[0]} and {len(side) - 1} more"
    return f"a {type(side).__name__}"


def _reference_side(
    side: Any, by: tuple[str, ...], columns: Sequence[str] | None, threads: int | None
) -> Side:
    if isinstance(side, StoredPoints):
        found = side.read()
        if isinstance(found, Side):
            return _chosen(found, columns)
        side = found
    if not isinstance(side, Profile):
        name = _name(side)
        side = Profile.of(side, by=by, columns=columns, reference=True, threads=threads)
        return side_of_profile(side, name)
    profile = side if side.is_reference else side.freeze()
    return _chosen(side_of_profile(profile, _name(side)), columns)


def _current_side(
    side: Any,
    reference: Side,
    by: tuple[str, ...],
    columns: Sequence[str] | None,
    threads: int | None,
) -> Side:
    if isinstance(side, StoredPoints):
        found = side.read()
        if isinstance(found, Side):
            return _chosen(_by_same(found, by), columns)
        side = found
    if isinstance(side, Profile):
        return _chosen(_by_same(side_of_profile(side, _name(side)), by), columns)
    source = open_source(side, columns=columns, encoded=not by)
    return counted(reference, source, by=by, threads=threads, name=_name(side))


def _by_same(side: Side, by: tuple[str, ...]) -> Side:
    if by and side.by != by:
        found = f"by {', '.join(side.by)}" if side.by else "without groups"
        message = f"the current data must be by the same columns, {by}; it is {found}"
        raise InvalidArgumentError(message)
    return side


def _chosen(side: Side, columns: Sequence[str] | None) -> Side:
    """Leave out the columns that were not asked for."""
    if columns is None:
        return side
    import dataclasses

    kept = {path: each for path, each in side.columns.items() if _is_of(path, columns)}
    missing = [name for name in columns if not any(_is_of(path, [name]) for path in kept)]
    if missing:
        message = f"a column is not there: {missing[0]!r}"
        raise InvalidArgumentError(message)
    groups = {
        key: dataclasses.replace(
            group, columns={p: each for p, each in group.columns.items() if _is_of(p, columns)}
        )
        for key, group in side.groups.items()
    }
    schema = side.schema
    if schema is not None:
        import pyarrow as pa

        schema = pa.schema([field for field in schema if field.name in columns])
    return dataclasses.replace(side, columns=kept, groups=groups, schema=schema)


def _is_of(path: str, columns: Sequence[str]) -> bool:
    """Return whether a leaf belongs to one of these columns."""
    return any(
        path == name or (path.startswith(name) and path[len(name)] in ".[#") for name in columns
    )


def _changes(reference: Side, current: Side) -> tuple[SchemaChange, ...]:
    if reference.schema is None or current.schema is None:
        return ()
    from inlay.data.schema import Schema

    return Schema.of(reference.schema).diff(Schema.of(current.schema))
