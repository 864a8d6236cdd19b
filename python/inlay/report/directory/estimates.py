"""Rows of kind ``estimate``: which model's they are, of which segment and figure."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay.report.directory.figures import Figure
from inlay.report.directory.metric_kinds import is_explained, label_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ESTIMATED",
    "JUDGED",
    "STATES",
    "Estimates",
    "Pane",
    "Row",
    "Segment",
    "iso",
    "microseconds",
    "read_estimates",
    "read_judged",
    "starts_of",
]

#: What follows a model's name in what was estimated without labels, and in rates of judged answers.
ESTIMATED, JUDGED = "estimated.", ".evaluation."
#: Kinds of rows that hold what a model's figures are made of.
STATES = (
    "calibration",
    "confusion",
    "multiclass",
    "multilabel",
    "ranking",
    "regression",
    "scores",
)
# Attributes that tell figures of one model apart, where no state says which are a segment's.
_VARIANTS = frozenset({"assumes", "class", "k", "label", "quantile", "threshold"})

Segment = tuple[tuple[str, str], ...]
#: Start and end, in microseconds of Unix time.
Pane = tuple[int, int]


class Row(NamedTuple):
    """An estimate as it was written."""

    pane: Pane
    segment: Segment
    figure: Figure


class Estimates(NamedTuple):
    """Those of one model.

    Attributes
    ----------
    metrics : dict of str to list of Row
        By label. Of segments only those that can explain a change, and those of metrics that have
        no row of all segments together.
    origins : set of int
        Who wrote them.
    attributes : set of str
        What segments differ in.
    """

    metrics: dict[str, list[Row]]
    origins: set[int]
    attributes: set[str]


def starts_of(points: pa.Table) -> list[datetime.datetime]:
    """Return where the panes of quality start, in order."""
    import pyarrow.compute as pc

    estimates = points.filter(pc.equal(points["kind"], "estimate"))
    # Those are of the windows of an observer.
    other = pc.match_substring_regex(estimates["metric"], r"\.(estimated|evaluation)\.")
    realised = estimates.filter(pc.invert(other))
    chosen = realised if realised.num_rows else estimates
    return sorted(chosen["start_time"].unique().to_pylist())


def read_estimates(points: pa.Table) -> dict[str, Estimates]:
    """Read the estimates of each model, by name; but rates of judged answers.

    Parameters
    ----------
    points : pyarrow.Table
        As `stored_rows` gives them.
    """
    names = _Names(points)
    series, of_row = _series(points)
    placed: list[tuple[str, str, Segment] | None] = []
    whole: set[tuple[str, str]] = set()
    found: dict[str, Estimates] = {}
    for metric, attrs in series:
        if JUDGED in metric:
            placed.append(None)
            continue
        name, figure = names.split(metric)
        segment, variant = names.attributes(name, attrs)
        label = label_of(figure, variant)
        placed.append((name, label, segment))
        known = found.setdefault(name, Estimates({}, set(), set()))
        known.attributes.update(key for key, _ in segment)
        if not segment:
            whole.add((name, label))
    wanted = [
        each is not None
        and (not each[2] or is_explained(each[1]) or (each[0], each[1]) not in whole)
        for each in placed
    ]
    for number, origin, row in _rows(points, wanted, of_row):
        place = placed[number]
        assert place is not None  # of those that are not wanted no row is read
        name, label, segment = place
        known = found[name]
        known.origins.add(origin)
        known.metrics.setdefault(label, []).append(row._replace(segment=segment))
    return {name: each for name, each in sorted(found.items()) if each.metrics}


def read_judged(points: pa.Table) -> dict[tuple[str, Segment], list[Row]]:
    """Read the rates of judged answers, by metric and attributes."""
    series, of_row = _series(points)
    found: dict[tuple[str, Segment], list[Row]] = {}
    for number, _, row in _rows(points, [JUDGED in metric for metric, _ in series], of_row):
        metric, attrs = series[number]
        found.setdefault((metric, tuple(sorted(attrs.items()))), []).append(row)
    return dict(sorted(found.items()))


def _series(points: pa.Table) -> tuple[list[tuple[str, dict[str, str]]], Any]:
    """Return metric and attributes of the series of estimates, and which each row is of."""
    import numpy as np
    import pyarrow.compute as pc

    from inlay.drift.keys import codes_of, distinct

    estimates = points.filter(pc.equal(points["kind"], "estimate")).select(["metric", "attrs"])
    if not estimates.num_rows:
        return [], np.zeros(0, np.int64)
    metrics, metric = distinct(estimates["metric"])
    texts, text = distinct(estimates["attrs"])
    members = [{str(key): str(of) for key, of in json.loads(each).items()} for each in texts]
    codes = codes_of(metric, text)
    firsts = np.unique(codes, return_index=True)[1]
    pairs = zip(metric[firsts].tolist(), text[firsts].tolist(), strict=True)
    return [(metrics[m], members[t]) for m, t in pairs], np.unique(codes, return_inverse=True)[1]


def _rows(points: pa.Table, wanted: list[bool], of_row: Any) -> Iterator[tuple[int, int, Row]]:
    """Yield the number of the series, the origin and what it says of each row that is wanted."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kept = np.asarray(wanted, bool)[of_row]
    rows = points.filter(pc.equal(points["kind"], "estimate")).filter(pa.array(kept))
    lists = rows["categories"].cast(pa.list_(pa.utf8()))
    columns = (
        of_row[kept].tolist(),
        *(rows[name].cast(pa.int64()).to_pylist() for name in ("origin", "start_time", "time")),
        *(rows[name].to_pylist() for name in ("value", "min", "max", "count", "status")),
        pc.binary_join(lists, ", ").to_pylist(),
    )
    for number, origin, start, end, value, low, high, n, status, why in zip(*columns, strict=True):
        reason = None if status == "ok" else why or status
        yield number, origin, Row((start, end), (), Figure(value, low, high, n or 0, reason))


class _Names:
    """Tells of a metric which model's it is, and of attributes which are a segment's."""

    def __init__(self, points: pa.Table) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        states = points.filter(pc.is_in(points["kind"], value_set=pa.array(STATES)))
        self._attributes: dict[str, set[str]] = {}
        for row in states.group_by(["metric", "attrs"]).aggregate([]).to_pylist():
            self._attributes.setdefault(row["metric"], set()).update(json.loads(row["attrs"]))
        self._names = sorted(self._attributes, key=lambda name: (-len(name), name))

    def split(self, text: str) -> tuple[str, str]:
        """Return the model's name and the metric."""
        for name in self._names:
            if text.startswith(f"{name}."):
                return name, text[len(name) + 1 :]
        head, _, tail = text.rpartition(".")
        prefix = "." + ESTIMATED.rstrip(".")
        if head.endswith(prefix):
            return head.removesuffix(prefix), ESTIMATED + tail
        return head, tail

    def attributes(self, name: str, attrs: Mapping[str, str]) -> tuple[Segment, dict[str, str]]:
        """Part the attributes of a segment from those that tell figures apart."""
        known = self._attributes.get(name)
        segment = {
            key: of
            for key, of in attrs.items()
            if (key in known if known is not None else key not in _VARIANTS)
        }
        variant = {key: of for key, of in attrs.items() if key not in segment}
        variant.pop("assumes", None)
        return tuple(sorted(segment.items())), variant


def microseconds(moment: datetime.datetime | None) -> int | None:
    """Return microseconds of Unix time."""
    if moment is None:
        return None
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return since // datetime.timedelta(microseconds=1)


def iso(at: int | None) -> str | None:
    """Write microseconds of Unix time as ISO 8601."""
    if at is None:
        return None
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (epoch + datetime.timedelta(microseconds=at)).isoformat()
