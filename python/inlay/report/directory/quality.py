"""How well models did: figures over time, before and after, by segment."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay.drift.segments import explain
from inlay.model.contributions import Total, contributions
from inlay.report.directory.figures import Figure, difference, pooled
from inlay.report.directory.metric_kinds import HEADLINES, base_of, direction, explained, label_of
from inlay.report.directory.rows import as_dicts

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["figure_of", "judged_rates", "quality_of", "starts_of"]

_STATES = (
    "calibration",
    "confusion",
    "multiclass",
    "multilabel",
    "ranking",
    "regression",
    "scores",
)
_ESTIMATED, _JUDGED = "estimated.", ".evaluation."
# Attributes that tell figures of one model apart, where no state says which are a segment's.
_VARIANTS = frozenset({"assumes", "class", "k", "label", "quantile", "threshold"})
_COLUMNS = (
    "time",
    "start_time",
    "origin",
    "metric",
    "attrs",
    "status",
    "value",
    "count",
    "min",
    "max",
    "categories",
)
_Segment = tuple[tuple[str, str], ...]
_Pane = tuple[datetime.datetime, datetime.datetime]


class _Row(NamedTuple):
    """An estimate as it was written."""

    pane: _Pane
    segment: _Segment
    figure: Figure


def starts_of(points: pa.Table) -> list[datetime.datetime]:
    """Return where the panes of quality start, in order."""
    import pyarrow.compute as pc

    estimates = points.filter(pc.equal(points["kind"], "estimate"))
    # Those are of the windows of an observer.
    other = pc.match_substring_regex(estimates["metric"], r"\.(estimated|evaluation)\.")
    realised = estimates.filter(pc.invert(other))
    return sorted(set((realised if realised.num_rows else estimates)["start_time"].to_pylist()))


def quality_of(points: pa.Table, split: datetime.datetime | None) -> list[dict[str, Any]]:
    """Tell how well each model did.

    Parameters
    ----------
    points : pyarrow.Table
        As `stored_rows` gives them.
    split : datetime, optional
        What lies before it is compared with what follows.

    Returns
    -------
    list of dict
        One for each name, with ``name``, ``panes`` (their number), ``processes``, ``attributes``
        (names of what segments differ in), ``metrics`` and ``segments``. Each of ``metrics`` has
        ``metric``, ``direction`` (1 better when higher, -1 when lower, 0 neither), ``points`` and
        ``estimated`` (by pane), ``earlier``, ``later`` and ``change``; each of ``segments`` has
        ``metric``, ``change`` and ``by``. Besides ``calibration`` (``bins`` and ``reason``),
        ``fairness`` (verdicts), ``apart`` (rows kept apart, by why), ``predictions`` and ``labels``
        (how many were joined by id).
    """
    import pyarrow.compute as pc

    names = _Names(points)
    rows = as_dicts(points.filter(pc.equal(points["kind"], "estimate")).select(_COLUMNS))
    by_name: dict[str, dict[str, list[_Row]]] = {}
    origins: dict[str, set[int]] = {}
    for row in rows:
        if _JUDGED in row["metric"]:
            continue
        name, metric = names.split(row["metric"])
        segment, variant = names.attributes(name, row["attrs"])
        origins.setdefault(name, set()).add(row["origin"])
        by_name.setdefault(name, {}).setdefault(label_of(metric, variant), []).append(
            _Row((row["start_time"], row["time"]), segment, figure_of(row))
        )
    return [
        {
            **_quality(name, by_metric, len(origins[name]), split),
            "apart": _apart(points, name),
            "predictions": _total(points, f"{name}.predictions"),
            "labels": _total(points, f"{name}.labels"),
        }
        for name, by_metric in sorted(by_name.items())
    ]


class _Names:
    """Tells of a metric which model's it is, and of attributes which are a segment's."""

    def __init__(self, points: pa.Table) -> None:
        import pyarrow.compute as pc

        states = points.filter(pc.is_in(points["kind"], value_set=_strings(_STATES)))
        pairs = states.group_by(["metric", "attrs"]).aggregate([])
        self._attributes: dict[str, set[str]] = {}
        for row in as_dicts(pairs):
            self._attributes.setdefault(row["metric"], set()).update(row["attrs"])
        self._names = sorted(self._attributes, key=lambda name: (-len(name), name))

    def split(self, text: str) -> tuple[str, str]:
        """Return the model's name and the metric."""
        for name in self._names:
            if text.startswith(f"{name}."):
                return name, text[len(name) + 1 :]
        head, _, tail = text.rpartition(".")
        prefix = "." + _ESTIMATED.rstrip(".")
        if head.endswith(prefix):
            return head.removesuffix(prefix), _ESTIMATED + tail
        return head, tail

    def attributes(self, name: str, attrs: Mapping[str, str]) -> tuple[_Segment, dict[str, str]]:
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


def _apart(points: pa.Table, name: str) -> dict[str, float]:
    """Add up the counters of rows that were kept apart, by why; the most first."""
    import pyarrow.compute as pc

    is_own = pc.and_(
        pc.equal(points["kind"], "counter"), pc.starts_with(points["metric"], f"{name}.")
    )
    totals: dict[str, float] = {}
    for row in as_dicts(points.filter(is_own).select(("metric", "attrs", "value"))):
        reason = row["attrs"].get("reason")
        if reason is not None and row["value"]:
            if row["metric"].startswith(f"{name}.{_ESTIMATED}"):
                reason = f"of what was estimated, {reason}"
            totals[reason] = totals.get(reason, 0.0) + row["value"]
    return dict(sorted(totals.items(), key=lambda each: (-each[1], each[0])))


def _total(points: pa.Table, metric: str) -> int:
    """Add up a counter over all its series."""
    import pyarrow.compute as pc

    kept = pc.and_(pc.equal(points["kind"], "counter"), pc.equal(points["metric"], metric))
    return round(pc.sum(points.filter(kept)["value"]).as_py() or 0.0)


def _strings(texts: Iterable[str]) -> Any:
    import pyarrow as pa

    return pa.array(list(texts), pa.utf8())


def figure_of(row: Mapping[str, Any]) -> Figure:
    """Return the figure that a row of kind ``estimate`` holds."""
    reason = None
    if row["status"] != "ok":
        reason = ", ".join(row["categories"] or ()) or row["status"]
    return Figure(row["value"], row["min"], row["max"], row["count"] or 0, reason)


def _quality(
    name: str,
    by_metric: Mapping[str, list[_Row]],
    processes: int,
    split: datetime.datetime | None,
) -> dict[str, Any]:
    realised = {metric: rows for metric, rows in by_metric.items() if not _is_estimated(metric)}
    estimated = {
        metric.removeprefix(_ESTIMATED): rows
        for metric, rows in by_metric.items()
        if _is_estimated(metric)
    }
    names = list(dict.fromkeys([*realised, *estimated]))
    metrics = [
        _metric(metric, realised.get(metric, ()), estimated.get(metric, ()), split)
        for metric in sorted(names, key=_place)
    ]
    panes = {row.pane for rows in by_metric.values() for row in rows}
    attributes = {key for rows in realised.values() for row in rows for key, _ in row.segment}
    return {
        "name": name,
        "panes": len(panes),
        "start": _iso(min((pane[0] for pane in panes), default=None)),
        "end": _iso(max((pane[1] for pane in panes), default=None)),
        "processes": processes,
        "attributes": sorted(attributes),
        "metrics": metrics,
        "segments": [] if split is None else _segments(realised, split),
    }


def _is_estimated(metric: str) -> bool:
    return metric.startswith(_ESTIMATED)


def _place(metric: str) -> tuple[int, str]:
    base = base_of(metric)
    return (HEADLINES.index(base) if base in HEADLINES else len(HEADLINES), metric)


def _iso(moment: datetime.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def judged_rates(points: pa.Table, split: datetime.datetime | None) -> list[dict[str, Any]]:
    """Tell the rates of judged answers over time.

    Parameters
    ----------
    points : pyarrow.Table
        As `stored_rows` gives them.
    split : datetime, optional

    Returns
    -------
    list of dict
        One for each rate and evaluator, like the ``metrics`` of `quality_of`, with ``attrs``.
    """
    import pyarrow.compute as pc

    kept = pc.and_(
        pc.equal(points["kind"], "estimate"), pc.match_substring(points["metric"], _JUDGED)
    )
    rates: dict[tuple[str, _Segment], list[_Row]] = {}
    for row in as_dicts(points.filter(kept).select(_COLUMNS)):
        key = (row["metric"], tuple(sorted(row["attrs"].items())))
        pane = (row["start_time"], row["time"])
        rates.setdefault(key, []).append(_Row(pane, (), figure_of(row)))
    made = []
    for (metric, attrs), rows in sorted(rates.items()):
        name, _, figure = metric.partition(_JUDGED)
        found = _metric(figure, rows, (), split)
        told = dict(attrs)
        evaluation = told.pop("evaluation", "answers")
        by = " ".join(told.pop(key, "") for key in ("evaluator", "evaluator_version")).strip()
        label = f"{name}: {figure.replace('_', ' ')} of {evaluation}" + (f" by {by}" if by else "")
        made.append({**found, "metric": label_of(label, told), "attrs": dict(attrs)})
    return made


# ---- one metric over time ------------------------------------------------------------------------
def _metric(
    metric: str,
    realised: Iterable[_Row],
    estimated: Iterable[_Row],
    split: datetime.datetime | None,
) -> dict[str, Any]:
    over_time = _over_time(metric, realised)
    found: dict[str, Any] = {
        "metric": metric,
        "direction": direction(metric),
        "points": _listed(over_time),
        "estimated": _listed(_over_time(metric, estimated)),
        "earlier": None,
        "later": None,
        "change": None,
    }
    if split is not None:
        earlier = pooled(metric, (of for pane, of in over_time.items() if pane[1] <= split))
        later = pooled(metric, (of for pane, of in over_time.items() if pane[0] >= split))
        found |= {
            "earlier": earlier.to_dict(),
            "later": later.to_dict(),
            "change": difference(earlier, later).to_dict(),
        }
    return found


def _over_time(metric: str, rows: Iterable[_Row]) -> dict[_Pane, Figure]:
    """Return the figure of all rows in each pane: the whole's own, else that of the segments."""
    whole: dict[_Pane, list[Figure]] = {}
    parts: dict[_Pane, list[Figure]] = {}
    for row in rows:
        (parts if row.segment else whole).setdefault(row.pane, []).append(row.figure)
    return {
        pane: pooled(metric, whole.get(pane) or parts[pane])
        for pane in sorted(whole.keys() | parts.keys())
    }


def _listed(over_time: Mapping[_Pane, Figure]) -> list[dict[str, Any]]:
    return [
        {"start": _iso(start), "end": _iso(end), **figure.to_dict()}
        for (start, end), figure in over_time.items()
    ]


# ---- segments ------------------------------------------------------------------------------------
def _segments(
    realised: Mapping[str, Sequence[_Row]], split: datetime.datetime
) -> list[dict[str, Any]]:
    """Share the change of each metric that adds up out among the segments."""
    made = []
    for metric in explained(list(realised)):
        rows = [row for row in realised[metric] if row.segment]
        sides = [
            [row for row in rows if row.pane[1] <= split],
            [row for row in rows if row.pane[0] >= split],
        ]
        if not all(sides):
            continue
        attributes = [
            attribute
            for attribute in sorted({key for row in rows for key, _ in row.segment})
            # Of a segment kept apart for want of room no value is known.
            if all(any(key == attribute for key, _ in row.segment) for row in rows)
        ]
        groupings: list[tuple[str, ...]] = [(attribute,) for attribute in attributes]
        if len(attributes) > 1:
            groupings.append(tuple(attributes))
        by = [_grouped(metric, sides, grouping) for grouping in groupings]
        whole = [pooled(metric, (row.figure for row in side)) for side in sides]
        made.append(
            {
                "metric": metric,
                "direction": direction(metric),
                "earlier": whole[0].to_dict(),
                "later": whole[1].to_dict(),
                "change": difference(*whole).to_dict(),
                # The attribute whose values tell the change best comes first.
                "by": sorted(by, key=lambda each: -each["surprise"]),
            }
        )
    return made


def _grouped(
    metric: str, sides: Sequence[Sequence[_Row]], attributes: tuple[str, ...]
) -> dict[str, Any]:
    figures: list[dict[_Segment, list[Figure]]] = [{}, {}]
    for side, rows in zip(figures, sides, strict=True):
        for row in rows:
            key = tuple((name, of) for name, of in row.segment if name in attributes)
            side.setdefault(key, []).append(row.figure)
    totals = [{key: _sum_of(each) for key, each in side.items()} for side in figures]
    shared = contributions(*totals)
    made = []
    for each in shared:
        before, after = (pooled(metric, side.get(each.segment, ())) for side in figures)
        made.append(
            {
                "segment": dict(each.segment),
                "earlier": before.to_dict(),
                "later": after.to_dict(),
                "change": difference(before, after).to_dict(),
                "within": each.within,
                "mix": each.mix,
                "total": each.total,
                "share": each.share,
            }
        )
    return {"attributes": list(attributes), "surprise": _surprise(metric, shared), "rows": made}


def _sum_of(figures: Iterable[Figure]) -> Total:
    known = [(each.value, each.n) for each in figures if each.value is not None]
    return Total(sum(value * n for value, n in known), sum(n for _, n in known))


def _surprise(metric: str, shared: Sequence[Any]) -> float:
    """Return how surprising the segments' losses are, by what they lost before: Adtributor's."""

    def lost(total: Total) -> float:
        is_loss = direction(metric) < 0
        return abs(total.sum) if is_loss else max(total.n - total.sum, 0.0)

    known = [each for each in shared if each.earlier.n > 0.0]
    rows = sum(each.later.n for each in known)
    before = sum(each.earlier.n for each in known)
    if not known or not rows or not before:
        return 0.0
    forecast = [lost(each.earlier) * rows / before for each in known]
    actual = [lost(each.later) for each in known]
    return explain(forecast, actual).surprise
