"""From verdicts in the order of emission: when each series fired, and for how long."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay.drift.keys import distinct, first_rows, stable_order

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Firing", "Firings"]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_YES, _NO = 1, 0


class Firing(NamedTuple):
    """A run of windows in which a judge said yes about a series.

    Attributes
    ----------
    series_id : int
    origin : int
        Of the process whose verdicts they are, or of the judge of a fleet.
    metric, attrs, method, judge : str
        Of the verdicts.
    since : datetime
        The start of the first window.
    first : datetime
        Its end: from then on it could be known.
    last : datetime
        The end of the last window that said yes.
    windows : int
        How many said yes.
    ended : bool
        Whether a window after it said no.
    effect : float or None
        The largest one.
    """

    series_id: int
    origin: int
    metric: str
    attrs: str
    method: str
    judge: str
    since: datetime.datetime
    first: datetime.datetime
    last: datetime.datetime
    windows: int
    ended: bool
    effect: float | None

    @property
    def seconds(self) -> float:
        """From the start of the first window to the end of the last."""
        return (self.last - self.since).total_seconds()


class Firings:
    """Follows verdicts; an undefined one neither begins a run nor ends it. Not thread-safe."""

    def __init__(self) -> None:
        self._done: list[Firing] = []
        self._open: dict[tuple[Any, ...], Firing] = {}
        self._counts: dict[tuple[str, str], dict[str, int]] = {}

    def add(self, verdicts: pa.Table) -> None:
        """Take verdicts of which each series' are in the order of emission."""
        import numpy as np

        if verdicts.num_rows == 0:
            return
        words, verdict = distinct(verdicts["verdict"])
        methods, method = distinct(verdicts["method"])
        judges, judge = distinct(verdicts["judge"])
        self._count(words, verdict, methods, method, judges, judge)
        state = np.asarray([{"yes": _YES, "no": _NO}.get(word, -1) for word in words])[verdict]
        if not self._open and not (state == _YES).any():
            return
        defined = np.flatnonzero(state >= 0)
        if not len(defined):
            return
        texts, attrs = distinct(verdicts["attrs"])
        series, origin = verdicts["series_id"].to_numpy(), verdicts["origin"].to_numpy()
        if (origin == origin[0]).all():
            origins, of_origin = origin[:1], np.zeros(len(origin), np.int64)
        else:
            origins, of_origin = np.unique(origin, return_inverse=True)
        services, service = distinct(verdicts["resource"])
        keys = (
            (attrs, len(texts)),
            (of_origin, len(origins)),
            (service, len(services)),
            (method, len(methods)),
            (judge, len(judges)),
        )
        codes = first_rows(*keys)[1][defined]
        state = state[defined]
        order = stable_order(codes)
        breaks = (np.diff(codes[order]) != 0) | (np.diff(state[order]) != 0)
        starts = np.flatnonzero(np.append(True, breaks))
        ends = np.append(starts[1:], len(order))
        start_us = verdicts["start_time"].cast("int64").to_numpy()
        end_us = verdicts["time"].cast("int64").to_numpy()
        effect = verdicts["effect"].to_numpy(zero_copy_only=False)[defined][order]
        effect = np.fmax.reduceat(effect, starts)
        open_codes = self._open
        for number in range(len(starts)):
            rows = defined[order[starts[number] : ends[number]]]
            first = int(rows[0])
            key = (
                int(series[first]),
                int(origin[first]),
                methods[method[first]],
                judges[judge[first]],
                verdicts["attrs"][first].as_py(),
            )
            running = open_codes.get(key)
            if state[order[starts[number]]] == _NO:
                if running is not None:
                    self._done.append(running._replace(ended=True))
                    del open_codes[key]
                continue
            largest = None if np.isnan(effect[number]) else float(effect[number])
            # A late part of an earlier window may come after later ones.
            low, high = int(start_us[rows].min()), int(end_us[rows].max())
            if running is None:
                open_codes[key] = Firing(
                    key[0],
                    key[1],
                    verdicts["metric"][first].as_py(),
                    key[4],
                    key[2],
                    key[3],
                    since=_moment(low),
                    first=_moment(int(end_us[first])),
                    last=_moment(high),
                    windows=len(rows),
                    ended=False,
                    effect=largest,
                )
            else:
                found = [each for each in (running.effect, largest) if each is not None]
                open_codes[key] = running._replace(
                    last=max(running.last, _moment(high)),
                    windows=running.windows + len(rows),
                    effect=max(found, default=None),
                )

    def _count(
        self,
        words: list[str],
        verdict: Any,
        methods: list[str],
        method: Any,
        judges: list[str],
        judge: Any,
    ) -> None:
        import numpy as np

        shape = len(methods), len(judges), len(words)
        cells = np.ravel_multi_index((method, judge, verdict), shape)
        table = np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)
        for a, b in zip(*np.nonzero(table.sum(axis=2)), strict=True):
            said = self._counts.setdefault(
                (methods[a], judges[b]), {"yes": 0, "no": 0, "undefined": 0}
            )
            for word, count in zip(words, table[a, b].tolist(), strict=True):
                said[word] = said.get(word, 0) + count

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How many verdicts said yes, no and undefined, by method.

        Of a method that several judges have, by method and judge: ``"drift of DriftJudge(…)"``.
        """
        methods = [method for method, _ in self._counts]
        return {
            method if methods.count(method) == 1 else f"{method} of {judge}": dict(said)
            for (method, judge), said in self._counts.items()
        }

    def list(self) -> list[Firing]:
        """Return all runs, the earliest first."""
        every = [*self._done, *self._open.values()]
        return sorted(every, key=lambda each: (each.first, each.attrs, each.method, each.origin))


def _moment(time_us: int) -> datetime.datetime:
    return _EPOCH + datetime.timedelta(microseconds=time_us)
