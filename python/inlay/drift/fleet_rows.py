"""Rows of points of several origins added up: by arrays, never row by row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.drift.keys import codes_of, distinct, is_any, members_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Release", "Unit", "add_up", "units_of"]

_SUMS = ("count", "null_count", "nan_count", "pos_inf_count", "neg_inf_count")


class Unit(NamedTuple):
    """What one origin emitted at once of one window of a watch."""

    watch: str
    origin: int
    start: int
    time: int
    observed: int
    is_held: bool


class Release(NamedTuple):
    """A window of the fleet, or a late part of it, and when it was complete."""

    watch: str
    start: int
    time: int
    revision: int
    observed: int


def units_of(rows: pa.Table, held: int) -> tuple[list[Unit], Any]:
    """Tell the units of rows, in the order in which they come.

    Parameters
    ----------
    rows : pyarrow.Table
        As `Replay` yields them.
    held : int
        How many of the first rows came before and wait.

    Returns
    -------
    units : list of Unit
    of_row : numpy.ndarray of int64, shape (n,)
        The unit of each row.
    """
    import numpy as np

    watches, watch = _streams(rows)
    times = _integers(rows, "start_time", "time", "observed_time")
    origin = rows["origin"].to_numpy()
    is_held = (np.arange(rows.num_rows) < held).astype(np.int64)
    codes = codes_of(watch, origin, *times, is_held)
    firsts = np.unique(codes, return_index=True)[1]
    rank = np.empty(len(firsts), np.int64)
    rank[np.argsort(firsts)] = np.arange(len(firsts))
    firsts = np.sort(firsts)
    taken = [each[firsts].tolist() for each in (watch, origin, *times)]
    units = [
        Unit(watches[number], who, start, time, observed, first < held)
        for number, who, start, time, observed, first in zip(*taken, firsts.tolist(), strict=True)
    ]
    return units, rank[codes]


def _streams(rows: pa.Table) -> tuple[list[str], Any]:
    """Return what rows belong to, and the number of each row's: a watch, or what measures quality.

    The rows of a watch name it; of others it is the metric.
    """
    import numpy as np

    watches, watch = members_of(rows["attrs"], "watch")
    if "" not in watches or not (is_measure := is_any(rows["kind"], ("confusion",))).any():
        return watches, watch
    metrics, metric = distinct(rows["metric"])
    names = [*watches, *(f"metric {name}" for name in metrics)]
    return names, np.where(is_measure, len(watches) + metric, watch)


def _integers(rows: pa.Table, *names: str) -> list[Any]:
    import pyarrow as pa

    return [rows[name].cast(pa.int64()).to_numpy() for name in names]


def add_up(
    rows: pa.Table,
    of_release: Any,
    releases: Sequence[Release],
    *,
    origin: int,
    fields: Sequence[str],
) -> pa.Table:
    """Add up the rows of each release that have one series, kind and reference.

    Parameters
    ----------
    rows : pyarrow.Table
        As `Replay` yields them.
    of_release : array of int64, shape (n,)
        The number of each row's release; negative ones are left out.
    releases : sequence of Release
        What they are.
    origin : int
        Of the rows that come out.
    fields : sequence of str
        Members of ``resource`` that are kept.

    Returns
    -------
    pyarrow.Table
        Of the same columns, by release, then series.

    Raises
    ------
    InvalidArgumentError
        If rows with one ``reference_id`` have another number of counts.
    """
    import numpy as np
    import pyarrow as pa

    is_late = np.asarray([*(each.revision > 0 for each in releases), False])
    # That one process lacks a column says nothing of a window which others had.
    silent = is_late[of_release] & is_any(rows["status"], ("absent",))
    kept = np.flatnonzero((of_release >= 0) & ~silent)
    reference = distinct(rows["reference_id"])[1]
    kinds, kind = distinct(rows["kind"])
    metric = distinct(rows["metric"])[1]
    keys = (reference, kind, metric, rows["series_id"].to_numpy(), of_release)
    order = kept[np.lexsort([key[kept] for key in keys])]
    new = np.ones(len(order), bool)
    new[1:] = False
    for key in keys:
        ordered = key[order]
        new[1:] |= ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(new)
    first = order[starts]
    said = [releases[number] for number in of_release[first].tolist()]
    out = rows.take(pa.array(first))
    replaced: dict[str, Any] = {
        "revision": [each.revision for each in said],
        "observed_time": [each.observed for each in said],
        "origin": np.full(len(first), origin, np.int64),
        "window_seq": np.zeros(len(first), np.int64),
        "resource": _reduced(out["resource"], fields),
    }
    for name in (*_SUMS, "value"):
        replaced[name] = _sums(rows[name], order, starts)
    if len(starts) < len(order):
        top = kinds.index("top_k") if "top_k" in kinds else -1
        texts, counts = _add_lists(rows, order, starts, kind[first] == top)
        replaced["categories"], replaced["counts"] = texts, counts
        replaced["status"] = _statuses(rows, order, starts)
    for name, values in replaced.items():
        place = out.schema.get_field_index(name)
        field = out.schema.field(place)
        array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)
        out = out.set_column(place, field, array.cast(field.type))
    return out


def _sums(column: Any, order: Any, starts: Any) -> Any:
    """Add up each group; null where all are."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.null_count == len(column) or not len(starts):
        return pa.nulls(len(starts), column.type)
    known = pc.is_valid(column).to_numpy()[order]
    values = pc.fill_null(column, 0).to_numpy()[order]
    some = np.add.reduceat(known.astype(np.int64), starts) > 0
    return pa.array(np.add.reduceat(values, starts), mask=~some)


def _statuses(rows: pa.Table, order: Any, starts: Any) -> Any:
    """Return ``ok`` where one of a group is, else what the first says."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    fine = pc.equal(rows["status"], "ok").to_numpy(zero_copy_only=False)[order]
    some = np.add.reduceat(fine.astype(np.int64), starts) > 0
    firsts = rows["status"].take(pa.array(order[starts])).cast(pa.utf8())
    return pc.if_else(pa.array(some), "ok", firsts).combine_chunks().dictionary_encode()


def _reduced(resources: Any, fields: Sequence[str]) -> Any:
    import pyarrow as pa

    known, of_row = distinct(resources)
    texts = []
    for text in known:
        members = json.loads(text)
        kept = {name: members[name] for name in fields if isinstance(members.get(name), str)}
        texts.append(_core.canonical_json(kept))
    return pa.DictionaryArray.from_arrays(pa.array(of_row, pa.int32()), pa.array(texts, pa.utf8()))


def _add_lists(rows: pa.Table, order: Any, starts: Any, is_top: Any) -> tuple[Any, Any]:
    """Add up the counts of each group; of frequent names those that are equal."""
    import numpy as np
    import pyarrow as pa

    taken = pa.array(order)
    counts = rows["counts"].take(taken).combine_chunks()
    names = rows["categories"].take(taken).combine_chunks()
    ends = np.append(starts[1:], len(order))
    lengths = np.diff(counts.offsets.to_numpy())
    width = lengths[starts]
    sizes = ends - starts
    uneven = (np.repeat(width, sizes) != lengths) & ~np.repeat(is_top, sizes)
    if uneven.any():
        at = int(np.flatnonzero(uneven)[0])
        row = rows.slice(int(order[at]), 1).select(["attrs", "reference_id"]).to_pylist()[0]
        message = (
            f"rows of reference_id {row['reference_id']!r} of {row['attrs']} have another number "
            f"of counts: {int(lengths[at])}"
        )
        raise InvalidArgumentError(message)
    flat = counts.values.to_numpy(zero_copy_only=False)
    base = counts.offsets.to_numpy()[:-1]
    merged: dict[int, Any] = {}
    lists: dict[int, Any] = {}
    for group in np.flatnonzero(is_top & (sizes > 1)).tolist():
        total: dict[str, int] = {}
        for at in range(int(starts[group]), int(ends[group])):
            for name, count in zip(names[at].as_py() or [], counts[at].as_py() or [], strict=True):
                total[name] = total.get(name, 0) + count
        lists[group] = sorted(total, key=lambda name: (-total[name], name))
        merged[group] = [total[name] for name in lists[group]]
    plain = np.ones(len(starts), bool)
    plain[list(merged)] = False
    for group, values in merged.items():
        width[group] = len(values)
    offsets = np.concatenate([[0], np.cumsum(width)]).astype(np.int32)
    sums = np.zeros(int(offsets[-1]), np.int64)
    for length in np.unique(width[plain]):
        groups = np.flatnonzero((width == length) & plain)
        if length == 0:
            continue
        members = np.flatnonzero(np.repeat((width == length) & plain, sizes))
        cells = flat[base[members][:, None] + np.arange(length)]
        begins = np.concatenate([[0], np.cumsum(sizes[groups])[:-1]])
        sums[offsets[groups][:, None] + np.arange(length)] = np.add.reduceat(cells, begins, axis=0)
    for group, values in merged.items():
        sums[offsets[group] : offsets[group + 1]] = values
    missing = pa.compute.is_null(counts.take(pa.array(starts)))
    out_counts = pa.ListArray.from_arrays(
        pa.array(offsets, mask=np.append(missing.to_numpy(zero_copy_only=False), False)),
        pa.array(sums),
    )
    out_names = names.take(pa.array(starts))
    if lists:
        listed = out_names.to_pylist()
        for group, values in lists.items():
            listed[group] = values
        out_names = pa.array(listed, out_names.type)
    return out_names, out_counts
