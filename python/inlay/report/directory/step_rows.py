"""Rows of the table ``steps``, put together by rank and stretch of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay.report.directory.stretches import Seen, microseconds_of
from inlay.summary.exp_histogram import ExpHistogram

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from inlay.report.directory.stretches import Grid, Timeline

__all__ = ["PHASES", "STEP_COLUMNS", "STEP_KEY", "StepRows"]

PHASES = (
    "data_wait",
    "forward",
    "backward",
    "optimizer",
    "communication",
    "checkpoint",
    "other",
)
STEP_COLUMNS = (
    "time",
    "start_time",
    "observed_time",
    "origin",
    "rank",
    "step",
    *PHASES,
    "tokens",
    "samples",
    "loss",
    "gradient_norm",
    "nonfinite",
    "replayed",
)
#: Those without which a row is no step.
STEP_KEY = ("time", "start_time", "observed_time", "origin", "step")
_ADDED = (
    *PHASES,
    "n",
    "seconds",
    "tokens",
    "samples",
    "loss",
    "losses",
    "norm",
    "norms",
    "nonfinite",
    "replayed",
    "again",
)
#: Of columns that are no float64.
_TYPES = {"nonfinite": "bool", "rank": "int32", "replayed": "bool"}
_MOST_ROWS, _MOST_SLOW = 200_000, 400
NO_RANK = -1


class StepRows:
    """Takes tables of steps, and keeps sums of them; where they are many, of more and more time.

    Parameters
    ----------
    grid : Grid

    Attributes
    ----------
    start, end : int or None
        When the first began and the last ended, in microseconds of Unix time.
    first, last : int or None
        The lowest and the highest number of a step.
    durations : dict of int to ExpHistogram
        Seconds, by rank.
    longest : dict of int to float
        The longest of them.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self.start: int | None = None
        self.end: int | None = None
        self.first: int | None = None
        self.last: int | None = None
        self.durations: dict[int, ExpHistogram] = {}
        self.longest: dict[int, float] = {}
        self._slow: list[dict[str, Any]] = []
        self._seen = Seen()
        self._parts: list[dict[str, np.ndarray]] = []

    def take(self, table: pa.Table) -> None:
        """Add the rows of a table; those of `STEP_COLUMNS` that it lacks count as null."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        for name in STEP_COLUMNS:
            if name not in table.column_names:
                nulls = pa.nulls(table.num_rows, _TYPES.get(name, "float64"))
                table = table.append_column(name, nulls)
        observed = microseconds_of(table["observed_time"])
        origin = table["origin"].to_numpy()
        fresh = self._seen.fresh(origin, observed, observed, np.zeros_like(observed))
        if fresh is not None:
            table = table.filter(pa.array(fresh))
        if not table.num_rows:
            return
        start, end = microseconds_of(table["start_time"]), microseconds_of(table["time"])
        rank = np.asarray(pc.fill_null(table["rank"], NO_RANK).to_numpy(), np.int64)
        number = np.asarray(table["step"].to_numpy(), np.int64)
        rows = _of_rows(table, (end - start) / 1e6)
        kept = self._once(table["origin"].to_numpy(), rank, number, end)
        start, end, rank, number = start[kept], end[kept], rank[kept], number[kept]
        rows = {name: of[kept] for name, of in rows.items()}
        first, last = int(start.min()), int(end.max())
        self.start = first if self.start is None else min(self.start, first)
        self.end = last if self.end is None else max(self.end, last)
        low, high = int(number.min()), int(number.max())
        self.first = low if self.first is None else min(self.first, low)
        self.last = high if self.last is None else max(self.last, high)
        for each in np.unique(rank).tolist():
            known = self.durations.setdefault(each, ExpHistogram())
            lengths = rows["seconds"][rank == each]
            known.update(lengths)
            self.longest[each] = max(self.longest.get(each, 0.0), float(lengths.max()))
        self._keep_slow(rows, start, end, rank, number)
        self._parts.append(
            _put_together(rows | {"rank": rank, "middle": start + (end - start) // 2})
        )
        if sum(len(part["middle"]) for part in self._parts) > _MOST_ROWS:
            self._grid.coarsen(self.end - self.start, 0.0)
            self._parts = [self._merged(self._grid.fine)]

    @property
    def usual(self) -> float:
        """How long a step usually takes, in microseconds; 0 if there are none."""
        found = [each.quantile(0.5) for each in self.durations.values()]
        return max((1e6 * of for of in found if of is not None), default=0.0)

    def slowest(self, most: int) -> list[dict[str, Any]]:
        """Return the steps that took longest, each with the rank in which it did."""
        found: dict[tuple[int, int], dict[str, Any]] = {}
        for row in sorted(self._slow, key=lambda row: (-row["seconds"], row["rank"])):
            # Ranks step together: one row for a step, and one for each time that it was done.
            if not any(
                row["start"] < other["end"] and other["start"] < row["end"]
                for (step, _), other in found.items()
                if step == row["step"]
            ):
                found[row["step"], row["start"]] = row
            if len(found) == most:
                break
        return list(found.values())

    def binned(self, timeline: Timeline) -> dict[int, dict[str, np.ndarray]]:
        """Return sums by rank, arrays with an element for each stretch; NaN without a step."""
        import numpy as np

        if not self._parts:
            return {}
        rows = self._merged(timeline.width)
        place = rows["middle"] // timeline.width - timeline.first
        inside = (place >= 0) & (place < timeline.length)
        made: dict[int, dict[str, np.ndarray]] = {}
        for rank in np.unique(rows["rank"]).tolist():
            mine = inside & (rows["rank"] == rank)
            made[rank] = {}
            for name in (*_ADDED, "least", "most", "loss_least", "loss_most", "norm_most"):
                on_axis = np.full(timeline.length, np.nan)
                on_axis[place[mine]] = rows[name][mine]
                made[rank][name] = on_axis
        return made

    @staticmethod
    def _once(*columns: np.ndarray) -> np.ndarray:
        """Return the places of rows that differ."""
        import numpy as np

        order = np.lexsort(columns)
        is_new = np.ones(len(order), bool)
        is_new[1:] = np.any([np.diff(column[order]) != 0 for column in columns], axis=0)
        return np.sort(order[is_new])

    def _keep_slow(self, rows: dict[str, np.ndarray], *of: np.ndarray) -> None:
        import numpy as np

        start, end, rank, number = of
        for i in np.argsort(-rows["seconds"], kind="stable")[:_MOST_SLOW].tolist():
            self._slow.append(
                {
                    "step": int(number[i]),
                    "rank": int(rank[i]),
                    "start": int(start[i]),
                    "end": int(end[i]),
                    "seconds": float(rows["seconds"][i]),
                    "replayed": bool(rows["replayed"][i]),
                    "phases": {name: float(rows[name][i]) for name in PHASES},
                }
            )
        self._slow.sort(key=lambda row: -row["seconds"])
        del self._slow[_MOST_SLOW:]

    def _merged(self, width: int) -> dict[str, np.ndarray]:
        import numpy as np

        names = self._parts[0]
        rows = {name: np.concatenate([part[name] for part in self._parts]) for name in names}
        rows["middle"] = rows["middle"] // width * width
        return _put_together(rows)


def _of_rows(table: pa.Table, lengths: np.ndarray) -> dict[str, np.ndarray]:
    import numpy as np
    import pyarrow.compute as pc

    def floats(name: str) -> np.ndarray:
        return np.asarray(pc.cast(table[name], "float64").to_numpy(), np.float64)

    rows = {name: np.nan_to_num(floats(name), nan=0.0) for name in PHASES}
    whole = np.sum([rows[name] for name in PHASES], axis=0)
    rows["seconds"] = np.where(whole > 0, whole, np.maximum(lengths, 0.0))
    rows["n"] = np.ones(table.num_rows)
    loss, norm = floats("loss"), floats("gradient_norm")
    rows |= {name: np.nan_to_num(floats(name), nan=0.0) for name in ("tokens", "samples")}
    rows |= {"loss": np.nan_to_num(loss, nan=0.0), "losses": (~np.isnan(loss)).astype(float)}
    rows |= {"norm": np.nan_to_num(norm, nan=0.0), "norms": (~np.isnan(norm)).astype(float)}
    rows |= {"loss_least": loss, "loss_most": loss, "norm_most": norm}
    rows |= {"least": rows["seconds"], "most": rows["seconds"]}
    for name in ("nonfinite", "replayed"):
        rows[name] = np.asarray(pc.fill_null(table[name], False).to_numpy(), np.float64)
    # Useful seconds of steps that were done before.
    useful = rows["seconds"] - rows["data_wait"] - rows["checkpoint"]
    rows["again"] = np.where(rows["replayed"] > 0, useful, 0.0)
    return rows


def _put_together(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    import numpy as np

    order = np.lexsort((rows["middle"], rows["rank"]))
    rows = {name: of[order] for name, of in rows.items()}
    begins = np.ones(len(order), bool)
    begins[1:] = (np.diff(rows["rank"]) != 0) | (np.diff(rows["middle"]) != 0)
    heads = np.flatnonzero(begins)
    made = {name: rows[name][heads] for name in ("rank", "middle")}
    made |= {name: np.add.reduceat(rows[name], heads) for name in _ADDED}
    for name in ("least", "loss_least"):
        made[name] = np.fmin.reduceat(rows[name], heads)
    for name in ("most", "loss_most", "norm_most"):
        made[name] = np.fmax.reduceat(rows[name], heads)
    return made
