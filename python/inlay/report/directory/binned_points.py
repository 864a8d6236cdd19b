"""Points of the infrastructure and of trainings, put together by series and stretch of time."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay.report.directory.stretches import Seen, microseconds_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from inlay.report.directory.stretches import Grid, Timeline

__all__ = ["COLUMNS", "LAYERS", "Binned", "BinnedPoints", "Series", "Unread", "host_of"]

LAYERS = ("infra", "training")
#: Those that are read.
COLUMNS = (
    "time",
    "start_time",
    "observed_time",
    "origin",
    "window_seq",
    "rank",
    "layer",
    "metric",
    "kind",
    "attrs",
    "resource",
    "status",
    "value",
    "count",
    "sum",
    "min",
    "max",
    "mean",
)
_KEY = ("origin", "metric", "attrs", "resource", "kind", "start_time", "time")
# Rows that are kept before they are put together further.
_MOST_ROWS = 400_000
_PREFIXES = ("fabric.", "ib.", "job.", "training.")
_WANTED = frozenset(
    {
        "gpu.clock",
        "gpu.ecc.errors",
        "gpu.energy",
        "gpu.memory.total",
        "gpu.memory.used",
        "gpu.nvlink.errors",
        "gpu.nvlink.io",
        "gpu.pcie.generation",
        "gpu.pcie.io",
        "gpu.pcie.replays",
        "gpu.pcie.width",
        "gpu.power",
        "gpu.power.limit",
        "gpu.recovery_action",
        "gpu.sm.activity",
        "gpu.temperature",
        "gpu.temperature.margin",
        "gpu.throttle",
        "gpu.utilization",
        "host.cgroup.cpu.throttled",
        "host.cpu.time",
        "host.cpu.utilization",
        "host.disk.io",
        "host.energy",
        "host.memory.total",
        "host.memory.used",
        "host.network.dropped",
        "host.network.errors",
        "host.network.io",
        "host.pressure",
    }
)
_ADDED = ("value", "seconds", "weighted", "n", "readings")
# Over so many stretches before and after is looked how far apart readings are; a pause is so many
# times longer than it usually is from stretch to stretch.
_AROUND, _PAUSE = 8, 3.0


class Series(NamedTuple):
    """What a series is of, whoever wrote it."""

    host: str
    layer: str
    metric: str
    kind: str
    attrs: str


class Unread(NamedTuple):
    """A metric that had no value for a reason."""

    host: str
    metric: str
    status: str


class Binned(NamedTuple):
    """A series on a timeline, arrays with an element for each stretch.

    Attributes
    ----------
    series : Series
    attrs : dict of str to str
    value : numpy.ndarray
        What a counter counted; NaN where nothing was read.
    seconds : numpy.ndarray
        For how long it was read.
    mean, min, max : numpy.ndarray
        Of a gauge or a histogram; NaN where nothing was read.
    n : numpy.ndarray
        How many values there were, 0 where nothing was read.
    last : float or None
        The newest value.
    """

    series: Series
    attrs: dict[str, str]
    value: np.ndarray
    seconds: np.ndarray
    mean: np.ndarray
    min: np.ndarray
    max: np.ndarray
    n: np.ndarray
    last: float | None

    @property
    def total(self) -> float:
        """What a counter counted, of all stretches."""
        import numpy as np

        return float(np.nansum(self.value))

    @property
    def whole_mean(self) -> float | None:
        """The mean of all values; None without any."""
        import numpy as np

        n = float(self.n.sum())
        return float(np.nansum(self.mean * self.n)) / n if n else None


class BinnedPoints:
    """Takes tables of points, and keeps sums of them; where they are many, of more and more time.

    Parameters
    ----------
    grid : Grid

    Attributes
    ----------
    start, end : int or None
        When the first window began and the last ended, in microseconds of Unix time.
    usual : float
        How long windows usually are, in microseconds.
    layers : set of str
        Those that have rows.
    unread : Counter of Unread
        How many series had no value for a reason.
    read : set of str
        Metrics of which some series had a value.

    Notes
    -----
    Of processes that read the same series at the same time the one counts that read it the
    longest, stretch by stretch.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self.start: int | None = None
        self.end: int | None = None
        self.usual = 0.0
        self.layers: set[str] = set()
        self.unread: Counter[Unread] = Counter()
        self.read: set[str] = set()
        self._seen = Seen()
        self._most = _MOST_ROWS
        self._series: dict[tuple[Series, int], int] = {}
        self._parts: list[dict[str, np.ndarray]] = []

    def take(self, table: pa.Table) -> None:
        """Add the rows of a table, which has `COLUMNS`."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        layer = pc.is_in(table["layer"].cast(pa.utf8()), value_set=pa.array(LAYERS))
        table = table.filter(layer)
        if not table.num_rows:
            return
        self.layers.update(table["layer"].unique().to_pylist())
        table = self._each_once(table)
        if not table.num_rows:
            return
        start, end = microseconds_of(table["start_time"]), microseconds_of(table["time"])
        numbers = self._numbers(table)
        has_value = self._has_value(table)
        first, last = int(start.min()), int(end.max())
        self.start = first if self.start is None else min(self.start, first)
        self.end = last if self.end is None else max(self.end, last)
        if not has_value.any():
            return
        values = table.filter(pa.array(has_value))
        self.read.update(values["metric"].cast(pa.utf8()).unique().to_pylist())
        has_value &= _is_wanted(table)
        if not has_value.any():
            return
        start, end, numbers = start[has_value], end[has_value], numbers[has_value]
        length = np.maximum(end - start, 0)
        if (length > 0).any():
            self.usual = max(self.usual, float(np.median(length[length > 0])))
        rows = _of_rows(table.filter(pa.array(has_value)), length)
        rows |= {"series": numbers, "middle": start + length // 2, "at": end}
        self._parts.append(rows)
        if sum(len(rows["middle"]) for rows in self._parts) > self._most:
            self._shorten()

    def binned(self, timeline: Timeline) -> list[Binned]:
        """Return every series on a timeline."""
        import numpy as np

        if not self._parts:
            return []
        rows = self._merged(timeline.width)
        is_counter = np.array([series.kind == "counter" for series, _ in self._series])
        rows["over"] = _read_over(rows, is_counter)
        rows["bin"] = rows.pop("middle") // timeline.width
        kept = (rows["bin"] >= timeline.first) & (rows["bin"] < timeline.first + timeline.length)
        rows = {name: of[kept] for name, of in rows.items()}
        whose = list(self._series)
        names: dict[Series, int] = {}
        of_series = np.array([names.setdefault(series, len(names)) for series, _ in whose])
        rows["name"] = of_series[rows["series"]]
        # The longest reader of each stretch, of equal ones the first that was seen.
        order = np.lexsort((rows["series"], -rows["seconds"], rows["bin"], rows["name"]))
        rows = {name: of[order] for name, of in rows.items()}
        leads = np.ones(len(order), bool)
        leads[1:] = (np.diff(rows["name"]) != 0) | (np.diff(rows["bin"]) != 0)
        rows = {name: of[leads] for name, of in rows.items()}
        ends = np.searchsorted(rows["name"], np.arange(len(names) + 1))
        return [
            _placed(
                series,
                {name: of[ends[i] : ends[i + 1]] for name, of in rows.items()},
                timeline,
            )
            for i, series in enumerate(names)
            if ends[i] < ends[i + 1]
        ]

    def _each_once(self, table: pa.Table) -> pa.Table:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        is_first = pc.equal(table["layer"].cast(pa.utf8()), LAYERS[0])
        fresh = self._seen.fresh(
            table["origin"].to_numpy(),
            table["window_seq"].to_numpy(),
            microseconds_of(table["observed_time"]),
            np.asarray(is_first.to_numpy(), np.int64),
        )
        if fresh is not None:
            table = table.filter(pa.array(fresh))
        key = table.select(_KEY).append_column("#", pa.array(np.arange(table.num_rows)))
        once = key.group_by(list(_KEY), use_threads=False).aggregate([("#", "max")])
        if once.num_rows == table.num_rows:
            return table
        return table.take(pa.array(np.sort(once["#_max"].to_numpy())))

    def _numbers(self, table: pa.Table) -> np.ndarray:
        """Return the number of each row's series and writer."""
        import numpy as np

        from inlay.drift.keys import codes_of, distinct

        texts, codes = {}, {}
        for name in ("resource", "layer", "metric", "kind", "attrs"):
            texts[name], codes[name] = distinct(table[name])
        hosts = [host_of(text) for text in texts["resource"]]
        origins, origin = np.unique(table["origin"].to_numpy(), return_inverse=True)
        local = codes_of(*codes.values(), origin)
        places, first, of_row = np.unique(local, return_index=True, return_inverse=True)
        numbers = np.empty(len(places), np.int64)
        for place, row in enumerate(first.tolist()):
            series = Series(
                hosts[codes["resource"][row]],
                *(texts[name][codes[name][row]] for name in ("layer", "metric", "kind", "attrs")),
            )
            key = series, int(origins[origin[row]])
            numbers[place] = self._series.setdefault(key, len(self._series))
        return numbers[of_row]

    def _has_value(self, table: pa.Table) -> np.ndarray:
        """Return which rows have one, and note why others have none."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        has_value = pc.or_(
            pc.is_valid(table["value"]), pc.greater(pc.fill_null(table["count"], 0), 0)
        )
        missing = table.filter(
            pc.and_(pc.invert(has_value), pc.not_equal(table["status"].cast(pa.utf8()), "ok"))
        )
        keys = ["resource", "metric", "status"]
        if missing.num_rows:
            # How many series, not how many rows.
            each = missing.select([*keys, "attrs"]).group_by([*keys, "attrs"]).aggregate([])
            for row in each.to_pylist():
                host = host_of(row["resource"])
                self.unread[Unread(host, row["metric"], row["status"])] += 1
        return np.asarray(has_value.to_numpy(), bool)

    def _shorten(self) -> None:
        assert self.start is not None
        assert self.end is not None
        self._grid.coarsen(self.end - self.start, self.usual)
        merged = self._merged(self._grid.fine)
        self._parts = [merged]
        # Many series take what they take; the next time is when as much again has come.
        self._most = max(_MOST_ROWS, 2 * len(merged["middle"]))

    def _merged(self, width: int) -> dict[str, np.ndarray]:
        import numpy as np

        names = self._parts[0]
        rows = {name: np.concatenate([part[name] for part in self._parts]) for name in names}
        rows["middle"] = rows["middle"] // width * width
        return _put_together(rows)


def _is_wanted(table: pa.Table) -> np.ndarray:
    """Return which rows are of metrics that a page tells of."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    metrics = table["metric"].cast(pa.utf8())
    names = metrics.unique().to_pylist()
    wanted = [name for name in names if name in _WANTED or name.startswith(_PREFIXES)]
    return np.asarray(pc.is_in(metrics, value_set=pa.array(wanted, pa.utf8())).to_numpy(), bool)


def host_of(resource: str) -> str:
    """Return the name of the host that a resource is on; empty if it has none."""
    members = json.loads(resource)
    found = members.get("host.name") if isinstance(members, dict) else None
    return "" if found is None else str(found)


def _of_rows(table: pa.Table, length: np.ndarray) -> dict[str, np.ndarray]:
    import numpy as np
    import pyarrow.compute as pc

    def floats(name: str) -> np.ndarray:
        return np.asarray(pc.cast(table[name], "float64").to_numpy(), np.float64)

    value, mean, total = floats("value"), floats("mean"), floats("sum")
    # Of a counter that is read, how often it was.
    count = np.nan_to_num(floats("count"), nan=0.0)
    n = np.maximum(count, 1.0)
    low, high = floats("min"), floats("max")
    with np.errstate(invalid="ignore"):
        mean = np.where(np.isnan(mean), np.where(np.isnan(total), value, total / n), mean)
    return {
        "value": np.nan_to_num(value, nan=0.0),
        "seconds": length / 1e6,
        "weighted": np.nan_to_num(mean, nan=0.0) * n,
        "n": n,
        "readings": count,
        "min": np.where(np.isnan(low), mean, low),
        "max": np.where(np.isnan(high), mean, high),
        "last": np.where(np.isnan(value), mean, value),
    }


def _put_together(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Make one row of those of a series and time."""
    import numpy as np

    order = np.lexsort((rows["at"], rows["middle"], rows["series"]))
    rows = {name: of[order] for name, of in rows.items()}
    begins = np.ones(len(order), bool)
    begins[1:] = (np.diff(rows["series"]) != 0) | (np.diff(rows["middle"]) != 0)
    heads = np.flatnonzero(begins)
    tails = np.append(heads[1:], len(order)) - 1
    made = {name: rows[name][heads] for name in ("series", "middle")}
    made |= {name: np.add.reduceat(rows[name], heads) for name in _ADDED}
    made["min"] = np.fmin.reduceat(rows["min"], heads)
    made["max"] = np.fmax.reduceat(rows["max"], heads)
    made |= {name: rows[name][tails] for name in ("at", "last")}
    return made


def _read_over(rows: dict[str, np.ndarray], is_counter: np.ndarray) -> np.ndarray:
    """Return for how long each row was read, in seconds, of rows that `_put_together` made.

    A reading of a counter tells of the time since the one before, wherever a window ends: a window
    with two readings tells of twice the time of one that has one, and after a pause it tells of
    all of that. Rows that do not say how often they were read count as long as their windows.
    """
    import numpy as np

    made = rows["seconds"].copy()
    begins = np.flatnonzero(np.diff(rows["series"], prepend=-1))
    for first, last in zip(begins, [*begins[1:], len(made)], strict=True):
        mine = slice(first, last)
        readings = rows["readings"][mine]
        if not readings.all() or not is_counter[rows["series"][first]]:
            continue
        at = rows["at"][mine] / 1e6
        since = np.diff(at, prepend=at[0] - made[first])
        follows = since <= _PAUSE * np.median(since)
        seconds, times = (
            np.concatenate([[0.0], np.cumsum(np.where(follows, of, 0.0))])
            for of in (since, readings)
        )
        place = np.arange(len(at))
        low, high = np.maximum(place - _AROUND, 0), np.minimum(place + _AROUND + 1, len(at))
        around = times[high] - times[low]
        period = (seconds[high] - seconds[low]) / np.maximum(around, 1.0)
        made[mine] = np.where(follows, readings * period, since)
    return made


def _placed(series: Series, rows: dict[str, np.ndarray], timeline: Timeline) -> Binned:
    import numpy as np

    places = rows["bin"] - timeline.first

    def on_axis(of: np.ndarray, rest: float = np.nan) -> np.ndarray:
        made = np.full(timeline.length, rest)
        made[places] = of
        return made

    members: Any = json.loads(series.attrs)
    attrs = members if isinstance(members, dict) else {}
    last = float(rows["last"][-1])
    return Binned(
        series=series,
        attrs={str(name): str(of) for name, of in attrs.items()},
        value=on_axis(rows["value"]),
        seconds=on_axis(rows["over"], 0.0),
        mean=on_axis(rows["weighted"] / rows["n"]),
        min=on_axis(rows["min"]),
        max=on_axis(rows["max"]),
        n=on_axis(rows["n"], 0.0),
        last=last if np.isfinite(last) else None,
    )
