"""Values that are unusual against the history of their own series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inlay.joined.intervals import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["COLUMNS", "MOST_Z", "SELDOM_Z", "Unusual", "unusual"]

COLUMNS = (
    "time",
    "start_time",
    "revision",
    "origin",
    "layer",
    "metric",
    "kind",
    "unit",
    "series_id",
    "attrs",
    "resource",
    "value",
    "count",
    "sum",
    "mean",
)
"""The columns of points that are looked at."""

MOST_Z = 1000.0
"""What stands for infinity: another value after a history without any spread."""

SELDOM_Z = 6.0
"""Of a counter that counted in at most one window of twenty."""

_MAD_TO_SD = 1.4826
# A spread below this share of the median is noise of the last digit.
_LEAST_SPREAD = 0.01
# Seconds that were counted, of a processor or a disk: less than this is no cause of anything.
_LEAST_SECONDS, _LEAST_SHARE = 0.02, 0.01
_SELDOM, _SELDOM_WINDOWS = 0.05, 20
# Padded cells that are sorted at once.
_CELLS = 1 << 21

_Floats: TypeAlias = "NDArray[np.float64]"
_Ints: TypeAlias = "NDArray[np.int64]"


class Unusual(NamedTuple):
    """One value.

    Attributes
    ----------
    row : int
        Its row in the table of points.
    value : float
        A counter's rate per second, a gauge's mean, a histogram's mean.
    median : float
        Of the history; 0 of a counter that seldom counts.
    z : float
        ``(value - median) / (1.4826 · MAD)``, at most `MOST_Z` either way.
    windows : int
        How long the history is.
    """

    row: int
    value: float
    median: float
    z: float
    windows: int


def unusual(
    points: pa.Table,
    span: Interval,
    *,
    threshold: float = 5.0,
    at_least: int = 12,
    most: int = 40,
) -> list[Unusual]:
    """Return the most unusual value of each series among the windows that meet a span.

    Parameters
    ----------
    points : pyarrow.Table
        Rows with `COLUMNS`. Those that do not meet the span are the history.
    span : Interval
    threshold : float
        How large ``|z|`` must be.
    at_least : int
        Windows of history without which nothing is said of a series.
    most : int
        How many are returned, the most unusual first.

    Returns
    -------
    list of Unusual

    Notes
    -----
    Median and median absolute deviation, so that up to half of the history may be as unusual
    itself. The spread counts as 1 % of the median at least. A series is one of one process. Only
    counters, gauges and histograms; no late parts (revisions), nothing of layer ``self``. A counter
    has no row in a window in which it did not count: one that counted in at most a twentieth of 20
    windows or more is unusual whenever it does (`SELDOM_Z`). Counted seconds must differ by two
    ticks of the kernel's clock and by 1 % of the window.
    """
    if points.num_rows == 0:
        return []
    start, end = _integers(points, "start_time"), _integers(points, "time")
    values, is_counter = _values(points, start, end)
    counted = np.isfinite(values)
    counted &= _integers(points, "revision") == 0
    counted &= ~_mask(pc.equal(points["layer"], "self"))
    now = counted & (start < span.end) & (end > span.start)
    if not now.any():
        return []
    origin = _integers(points, "origin")
    key = _keys(_integers(points, "series_id"), origin, is_counter)
    known, code = np.unique(key[now], return_inverse=True)
    rows = np.flatnonzero(now)
    past = counted & ~now
    past_rows = np.flatnonzero(past)
    past_code = np.minimum(np.searchsorted(known, key[past_rows]), len(known) - 1)
    ours = known[past_code] == key[past_rows]
    past_rows, past_code = past_rows[ours], past_code[ours]
    median, spread, windows = _robust(values[past_rows], past_code, len(known))

    difference = values[rows] - median[code]
    scale = np.maximum(spread, _LEAST_SPREAD * np.abs(median))[code]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(scale > 0.0, difference / scale, np.sign(difference) * MOST_Z)
    z = np.clip(np.nan_to_num(z), -MOST_Z, MOST_Z)
    z[windows[code] < at_least] = 0.0
    seldom, all_windows = _seldom(rows, windows[code], is_counter, origin, end, past)
    z = np.where(seldom & (values[rows] > 0.0), SELDOM_Z, z)
    shown_median = np.where(seldom, 0.0, median[code])
    shown_windows = np.where(seldom, all_windows, windows[code])

    found = np.flatnonzero(np.abs(z) >= threshold)
    changed = np.abs(values[rows] - np.where(seldom, 0.0, median[code]))[found]
    lengths = (end - start)[rows[found]] / 1e6
    in_seconds = is_counter[rows[found]] & _mask(pc.equal(points["unit"].take(rows[found]), "s"))
    least = np.maximum(_LEAST_SHARE, _LEAST_SECONDS / np.maximum(lengths, 1e-6))
    found = found[~in_seconds | (changed >= least)]
    # The most unusual of each series; of equals the first row.
    order = found[np.lexsort((rows[found], -np.abs(z[found])))]
    chosen: list[int] = []
    seen: set[int] = set()
    for index in order.tolist():
        if code[index] not in seen:
            seen.add(int(code[index]))
            chosen.append(index)
            if len(chosen) == most:
                break
    return [
        Unusual(
            int(rows[i]),
            float(values[rows[i]]),
            float(shown_median[i]),
            float(z[i]),
            int(shown_windows[i]),
        )
        for i in chosen
    ]


def _values(points: pa.Table, start: _Ints, end: _Ints) -> tuple[_Floats, NDArray[np.bool_]]:
    """Return one number a row, NaN where there is none, and which rows are counters."""
    kind = points["kind"]
    is_counter = _mask(pc.equal(kind, "counter"))
    is_gauge = _mask(pc.equal(kind, "gauge"))
    is_histogram = _mask(pc.equal(kind, "histogram"))
    value, mean = _floats(points, "value"), _floats(points, "mean")
    seconds = np.asarray(end - start, dtype=np.float64) / 1e6
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(seconds > 0.0, value / seconds, np.nan)
        of_all = _floats(points, "sum") / _floats(points, "count")
    numbers = np.where(is_gauge, np.where(np.isnan(mean), value, mean), np.nan)
    numbers = np.where(is_counter, rate, numbers)
    return np.where(is_histogram, of_all, numbers), is_counter


def _keys(series: _Ints, origin: _Ints, is_counter: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Return a number for each series of a process: the two ids mixed."""
    odd, other = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
    mixed: NDArray[np.uint64] = series.view(np.uint64) ^ (origin.view(np.uint64) * odd)
    return mixed + is_counter.astype(np.uint64) * other


def _robust(values: _Floats, code: _Ints, groups: int) -> tuple[_Floats, _Floats, _Ints]:
    """Return median, 1.4826 times the median absolute deviation, and the number, by group."""
    number = np.bincount(code, minlength=groups)
    median, spread = np.zeros(groups), np.zeros(groups)
    order = np.argsort(code.astype(np.uint16) if groups <= 1 << 16 else code, kind="stable")
    values = values[order]
    first = np.concatenate(([0], np.cumsum(number)[:-1]))
    # Groups of like sizes together, so that little is padded.
    by_size = np.argsort(number, kind="stable")
    by_size = by_size[number[by_size] > 0]
    at = 0
    while at < len(by_size):
        stop = len(by_size)
        while stop - at > 1 and (stop - at) * int(number[by_size[stop - 1]]) > _CELLS:
            stop = at + max(1, (stop - at) // 2)
        block = by_size[at:stop]
        sizes = number[block]
        place = np.arange(int(sizes[-1]))
        inside = place < sizes[:, None]
        cells = np.full(inside.shape, np.nan)
        cells[inside] = values[(first[block][:, None] + place)[inside]]
        median[block] = _middle(cells, sizes)
        cells -= median[block][:, None]
        np.abs(cells, out=cells)
        spread[block] = _MAD_TO_SD * _middle(cells, sizes)
        at = stop
    return median, spread, number


def _middle(cells: NDArray[np.float64], sizes: _Ints) -> NDArray[np.float64]:
    """Sort each row, NaN last, and return its median."""
    cells.sort(axis=1)
    row = np.arange(len(cells))
    middle: NDArray[np.float64] = 0.5 * (cells[row, (sizes - 1) // 2] + cells[row, sizes // 2])
    return middle


def _seldom(
    rows: _Ints,
    windows: _Ints,
    is_counter: NDArray[np.bool_],
    origin: _Ints,
    end: _Ints,
    past: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which rows are of counters that seldom count, and how many windows passed."""
    passed = np.zeros(len(rows), dtype=np.int64)
    candidates = is_counter[rows]
    for one in np.unique(origin[rows[candidates]]).tolist():
        number = len(np.unique(end[past & (origin == one)]))
        passed[candidates & (origin[rows] == one)] = number
    return candidates & (passed >= _SELDOM_WINDOWS) & (windows <= _SELDOM * passed), passed


def _integers(table: pa.Table, name: str) -> NDArray[np.int64]:
    column = table[name]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    return _array(column, np.int64)


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    return _array(table[name].cast(pa.float64()), np.float64)


def _array(column: pa.ChunkedArray, kind: type) -> NDArray[Any]:
    numbers: NDArray[Any] = column.to_numpy(zero_copy_only=False).astype(kind, copy=False)
    return numbers


def _mask(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(column.to_numpy(zero_copy_only=False)).astype(bool, copy=False)
