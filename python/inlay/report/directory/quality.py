"""How well models did: figures over time, before and after, by segment."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from inlay.report.directory.calibration import calibration_of
from inlay.report.directory.coverage import coverage_of
from inlay.report.directory.estimates import (
    ESTIMATED,
    JUDGED,
    Estimates,
    Pane,
    Row,
    iso,
    microseconds,
    read_estimates,
    read_judged,
)
from inlay.report.directory.figures import Figure, difference, pooled
from inlay.report.directory.metric_kinds import HEADLINES, base_of, direction, is_of_class, label_of
from inlay.report.directory.rows import as_dicts
from inlay.report.directory.segments import segments_of
from inlay.report.directory.sides import Sides
from inlay.report.directory.states import ModelStates, read_states

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["judged_rates", "quality_of"]

_OVERFLOW = "otel.metric.overflow"
_COVERAGE = "coverage"


def quality_of(
    points: pa.Table, split: datetime.datetime | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Tell how well each model did.

    Parameters
    ----------
    points : pyarrow.Table
        As `stored_rows` gives them.
    split : datetime, optional
        What lies before it is compared with what follows.

    Returns
    -------
    qualities : list of dict
        One for each name, with ``name``, ``panes`` (their number), ``processes``, ``attributes``
        (names of what segments differ in), ``metrics`` and ``segments``. Each of ``metrics`` has
        ``metric``, ``direction`` (1 better when higher, -1 when lower, 0 neither), ``points`` and
        ``estimated`` (by pane), ``earlier``, ``later`` and ``change``; ``segments`` are those of
        `segments_of`. Besides ``calibration`` (``bins`` and ``reason``), ``apart`` (rows kept
        apart, by why), ``predictions`` and ``labels`` (how many were announced by id).
    notes : list of str
        What could not be put together.
    """
    found = read_estimates(points)
    for name, each in found.items():
        if _COVERAGE in each.metrics:
            each.metrics[_COVERAGE] = coverage_of(points, name, each.metrics[_COVERAGE])
    at = microseconds(split)
    origins = {name: each.origins for name, each in found.items()}
    states, notes = read_states(points, at, origins)
    made = [
        {
            **_quality(name, each, states.get(name), at),
            "calibration": calibration_of(points, name, states.get(name)),
            "apart": _apart(points, name),
            "predictions": _total(points, f"{name}.predictions"),
            "labels": _total(points, f"{name}.labels"),
        }
        for name, each in found.items()
    ]
    return made, notes


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
            if row["metric"].startswith(f"{name}.{ESTIMATED}"):
                reason = f"of what was estimated, {reason}"
            totals[reason] = totals.get(reason, 0.0) + row["value"]
    return dict(sorted(totals.items(), key=lambda each: (-each[1], each[0])))


def _total(points: pa.Table, metric: str) -> int:
    """Add up a counter over all its series."""
    import pyarrow.compute as pc

    kept = pc.and_(pc.equal(points["kind"], "counter"), pc.equal(points["metric"], metric))
    return round(pc.sum(points.filter(kept)["value"]).as_py() or 0.0)


def _quality(
    name: str, found: Estimates, states: ModelStates | None, split: int | None
) -> dict[str, Any]:
    by_metric = found.metrics
    realised = {metric: rows for metric, rows in by_metric.items() if not _is_estimated(metric)}
    estimated = {
        metric.removeprefix(ESTIMATED): rows
        for metric, rows in by_metric.items()
        if _is_estimated(metric)
    }
    sides = None if split is None else Sides(realised, states, split)
    names = list(dict.fromkeys([*realised, *estimated]))
    metrics = [
        _metric(metric, realised.get(metric, ()), estimated.get(metric, ()), sides, states)
        for metric in sorted(names, key=_place)
    ]
    attributes = sorted(found.attributes - {_OVERFLOW})
    panes = {row.pane for rows in by_metric.values() for row in rows}
    return {
        "name": name,
        "panes": len(panes),
        "start": iso(min((pane[0] for pane in panes), default=None)),
        "end": iso(max((pane[1] for pane in panes), default=None)),
        "processes": len(found.origins),
        "attributes": attributes,
        "metrics": metrics,
        "segments": [] if sides is None else segments_of(metrics, attributes, sides),
    }


def _is_estimated(metric: str) -> bool:
    return metric.startswith(ESTIMATED)


def _place(metric: str) -> tuple[bool, int, str]:
    base = base_of(metric)
    return (
        is_of_class(metric),
        HEADLINES.index(base) if base in HEADLINES else len(HEADLINES),
        metric,
    )


def _metric(
    metric: str,
    realised: Iterable[Row],
    estimated: Iterable[Row],
    sides: Sides | None,
    states: ModelStates | None,
) -> dict[str, Any]:
    over_time = _over_time(metric, realised, states)
    found: dict[str, Any] = {
        "metric": metric,
        "direction": direction(metric),
        "points": _listed(over_time),
        "estimated": _listed(_over_time(metric, estimated, None)),
        "earlier": None,
        "later": None,
        "change": None,
    }
    if sides is not None:
        earlier, later = sides.whole(metric, over_time)
        found |= {
            "earlier": earlier.to_dict(),
            "later": later.to_dict(),
            "change": difference(earlier, later).to_dict(),
        }
    return found


def _over_time(metric: str, rows: Iterable[Row], states: ModelStates | None) -> dict[Pane, Figure]:
    """Return the figure of all rows in each pane: the whole's own, else that of the segments."""
    whole: dict[Pane, list[Figure]] = {}
    parts: dict[Pane, list[Figure]] = {}
    for row in rows:
        (parts if row.segment else whole).setdefault(row.pane, []).append(row.figure)
    found = {}
    for pane in sorted(whole.keys() | parts.keys()):
        figures = whole.get(pane) or parts[pane]
        # Of several processes each knows its own part.
        made = states.of_pane(pane).get(metric) if states and len(figures) > 1 else None
        found[pane] = made or pooled(metric, figures)
    return found


def _listed(over_time: Mapping[Pane, Figure]) -> list[dict[str, Any]]:
    return [
        {"start": iso(start), "end": iso(end), **figure.to_dict()}
        for (start, end), figure in over_time.items()
    ]


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
    made = []
    for (metric, attrs), rows in read_judged(points).items():
        name, _, figure = metric.partition(JUDGED)
        at = microseconds(split)
        sides = None if at is None else Sides({}, None, at)
        found = _metric(figure, rows, (), sides, None)
        told = dict(attrs)
        evaluation = told.pop("evaluation", "answers")
        by = " ".join(told.pop(key, "") for key in ("evaluator", "evaluator_version")).strip()
        label = f"{name}: {figure.replace('_', ' ')} of {evaluation}" + (f" by {by}" if by else "")
        made.append({**found, "metric": label_of(label, told), "attrs": dict(attrs)})
    return made
