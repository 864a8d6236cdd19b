"""Columns set side by side, and what is said of them once all are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inlay.data.redaction import CLEAR_NAMES
from inlay.drift.comparison.aspects import (
    ends_of,
    missing_aspect,
    range_aspect,
    values_aspect,
)
from inlay.drift.comparison.column import (
    Cell,
    ColumnComparison,
    Driver,
    NewName,
    facts_of,
)
from inlay.drift.comparison.counting import mismatch
from inlay.drift.comparison.drivers import drivers_of
from inlay.drift.comparison.matching import Cells, matched, name_of
from inlay.drift.comparison.measures import exact_distances, measured
from inlay.drift.comparison.overlay import overlay_of
from inlay.drift.comparison.shift import cell_parts
from inlay.drift.comparison.sides import ColumnSide, Side
from inlay.drift.comparison.words import cell_names, no_drift, said
from inlay.summary.categories import Categories

if TYPE_CHECKING:
    from inlay.data.groups import GroupKey

__all__ = ["columns_of_sides", "judged", "ordered_by_contribution"]

_MOST_NEW, _MOST_VANISHED = 20, 100


def columns_of_sides(
    reference: Side,
    current: Side,
    *,
    threshold: float,
    level: float,
    exact: Mapping[str, Any] | None = None,
) -> list[ColumnComparison]:
    """Compare each column, without a verdict yet.

    Parameters
    ----------
    reference, current : Side
    threshold, level : float
    exact : mapping of str to TwoSample, optional
        What tests on all rows found, by column.

    Returns
    -------
    list of ColumnComparison
        Of the reference's columns, then of those that came.
    """
    found = [
        _column(side, current, threshold, level, (exact or {}).get(path))
        for path, side in reference.columns.items()
    ]
    what = "column" if reference.is_there else "group"
    for path, type_name in _added(reference, current).items():
        found.append(
            ColumnComparison(
                name=path,
                type=type_name,
                reference_type=None,
                threshold=threshold,
                reason=f"the {what} is not in the reference",
            )
        )
    return found


def _added(reference: Side, current: Side) -> dict[str, str]:
    """Return the columns that the reference has not, with their types."""
    if current.schema is None:
        return {
            path: side.type
            for path, side in current.columns.items()
            if path not in reference.columns
        }
    from inlay.data.columns import columns_of

    return {
        path: column.type
        for path, column in columns_of(current.schema).items()
        if path not in reference.columns and path not in reference.by
    }


def _column(
    mine: ColumnSide, current: Side, threshold: float, level: float, exact: Any
) -> ColumnComparison:
    made = ColumnComparison(
        name=mine.path,
        type=None,
        reference_type=mine.type or None,
        threshold=threshold,
        reference=facts_of(mine),
    )
    theirs = current.columns.get(mine.path)
    if theirs is None:
        what = "column" if current.is_there else "group"
        return dataclasses.replace(made, reason=f"the {what} is not in the current data")
    made = dataclasses.replace(made, type=theirs.type or None)
    problem = mismatch(mine, theirs.kind, theirs.type)
    if problem:
        return dataclasses.replace(made, reason=problem)
    made = dataclasses.replace(made, current=facts_of(theirs), overlay=overlay_of(mine, theirs))
    cells = matched(mine, theirs)
    aspects = [missing_aspect(mine, theirs, level=level)]
    reason, names = "", []
    parts: tuple[Cell, ...] = ()
    if isinstance(cells, str):
        reason = cells
    else:
        names = cell_names(cells, mine)
        values = values_aspect(cells, mine, level=level)
        if values is None:
            sizes = f"{sum(cells.reference):,} of the reference and {sum(cells.current):,} now"
            what = "values" if cells.names is None else "values of frequent names"
            reason = f"insufficient: too few {what} for a test among {sizes}"
        else:
            aspects = [values, *aspects]
        if cells.is_ordered:
            aspects.append(range_aspect(mine, theirs, level=level))
        parts = tuple(
            Cell(*each)
            for each in zip(
                names,
                cells.reference,
                cells.current,
                cell_parts(cells.reference, cells.current),
                strict=True,
            )
        )
    new = () if isinstance(cells, str) else _new_names(mine, theirs)
    distances = measured(mine, theirs, cells)
    if exact is not None:
        distances |= exact_distances(exact)
    present = tuple(aspect for aspect in aspects if aspect is not None)
    ranges = [aspect for aspect in present if aspect.name == "range"]
    missing = [aspect for aspect in present if aspect.name == "missing"]
    return dataclasses.replace(
        made,
        reason=reason,
        distances=distances,
        cells=parts,
        new_names=new,
        vanished=() if isinstance(cells, str) else _vanished(cells, mine),
        missing=missing[0].shares if missing else None,
        outside=ranges[0].shares[1] if ranges else None,
        aspects=present,
    )


def _new_names(mine: ColumnSide, theirs: ColumnSide) -> tuple[NewName, ...]:
    """List names of which it is certain that the reference has not got them."""
    if not isinstance(mine.cells, Categories):
        return ()
    known = set(mine.cells.names)
    counter = theirs.top_k if theirs.unseen is None else theirs.unseen
    if counter is None:
        return ()
    found = []
    entries = counter.top(counter.size)
    # More names than counters: how many more is not known.
    many = len(known | _names(entries)) > CLEAR_NAMES or counter.max_error > 0
    for item, _, low, high in entries:
        name = name_of(item)
        if name is None or name in known or not low:
            continue
        if mine.cells.other and (mine.top_k is None or mine.top_k.upper_bound(item)):
            continue  # it may be one of those that the reference counted together
        found.append(NewName(theirs.new_name(name, mine, many=many), low, high))
        if len(found) == _MOST_NEW:
            break
    return tuple(found)


def _names(entries: Iterable[Any]) -> set[str]:
    return {name for entry in entries if (name := name_of(entry.item)) is not None}


def _vanished(cells: Cells, mine: ColumnSide) -> tuple[str, ...]:
    """List names that are gone, the most frequent first; an estimate of 0 says nothing."""
    if cells.names is None or cells.error > 0.0:
        return ()
    gone = [
        (count, name)
        for name, count, left in zip(cells.names, cells.reference, cells.current, strict=False)
        if count and not left
    ]
    gone.sort(key=lambda each: -each[0])
    return tuple(mine.name(name, mine) for _, name in gone[:_MOST_VANISHED])


def judged(
    tables: Sequence[tuple[Side, Side, Sequence[ColumnComparison]]], *, level: float
) -> list[list[ColumnComparison]]:
    """Give the verdicts, with p-values corrected over all columns of all tables given.

    Parameters
    ----------
    tables : sequence of (Side, Side, sequence of ColumnComparison)
        Reference and current side, and what was made of them.
    level : float
        The false discovery rate.

    Returns
    -------
    list of list of ColumnComparison
        In the order given.
    """
    tests = [
        aspect.p_value
        for _, _, columns in tables
        for column in columns
        for aspect in column.aspects
    ]
    corrected = iter(_corrected(tests))
    return [
        [
            _judged(column, reference, current, [next(corrected) for _ in column.aspects], level)
            for column in columns
        ]
        for reference, current, columns in tables
    ]


def _judged(
    column: ColumnComparison, reference: Side, current: Side, corrected: list[float], level: float
) -> ColumnComparison:
    if not column.aspects:
        return column
    pairs = list(zip(column.aspects, corrected, strict=True))
    drifted = [
        (aspect, p) for aspect, p in pairs if aspect.effect.low > column.threshold and p <= level
    ]
    mine, theirs = reference.columns[column.name], current.columns[column.name]
    largest, p_value = max(drifted or pairs, key=lambda pair: pair[0].effect.value)
    effect = largest.effect
    if drifted:
        drifted.sort(key=lambda pair: -pair[0].effect.value)
        words = [
            said(aspect, mine, theirs, column.cells, column.new_names) for aspect, _ in drifted
        ]
        if column.reason:
            words.append(column.reason)
        verdict, reason = "yes", "; ".join(words)
    elif column.reason:
        return column
    else:
        verdict, reason = "no", no_drift(largest, p_value, column.threshold, level)
    return dataclasses.replace(
        column,
        drivers=_drivers(column.name, largest.name, reference, current) if drifted else (),
        verdict=verdict,
        reason=reason,
        aspect=largest.name,
        effect=effect.value,
        low=effect.low,
        high=effect.high,
        p_value=p_value,
    )


def _drivers(path: str, aspect: str, reference: Side, current: Side) -> tuple[Driver, ...]:
    if not (reference.groups and current.groups):
        return ()
    if not any(path in group.columns for group in reference.groups.values()):
        return ()  # it makes the groups
    mine, theirs = reference.columns[path], current.columns[path]
    shown: dict[GroupKey, GroupKey] = {**current.shown_keys, **reference.shown_keys}
    shares = drivers_of(
        aspect,
        path,
        matched(mine, theirs),
        reference.groups,
        current.groups,
        ends_of(mine),
    )
    return tuple(Driver(shown.get(key, key), share) for key, share in shares)


def _corrected(p_values: Sequence[float]) -> list[float]:
    """Return Benjamini and Hochberg's corrected p-values."""
    total = len(p_values)
    order = sorted(range(total), key=lambda i: p_values[i], reverse=True)
    corrected, least = [1.0] * total, 1.0
    for place, i in enumerate(order):
        least = min(least, p_values[i] * total / (total - place))
        corrected[i] = least
    return corrected


def ordered_by_contribution(columns: Iterable[ColumnComparison]) -> tuple[ColumnComparison, ...]:
    """Give each column its share of the squared effects, and put the largest first."""
    listed = list(columns)
    total = sum(column.effect**2 for column in listed if column.effect is not None)
    shared = [
        column
        if column.effect is None
        else dataclasses.replace(
            column, contribution=column.effect**2 / total if total > 0.0 else 0.0
        )
        for column in listed
    ]
    # Sorting is stable: what is undefined stays in the order of the table.
    return tuple(sorted(shared, key=lambda c: (c.contribution is None, -(c.contribution or 0.0))))
