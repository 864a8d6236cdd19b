"""Segments by their part in the change of a metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inlay.drift.segments import explain
from inlay.model.contributions import Total, contributions
from inlay.report.directory.figures import Figure, difference
from inlay.report.directory.metric_kinds import direction, explained
from inlay.report.directory.sides import Sides

__all__ = ["segments_of"]


def segments_of(
    metrics: Sequence[Mapping[str, Any]], attributes: Sequence[str], sides: Sides
) -> list[dict[str, Any]]:
    """Share the change of each metric that adds up out among the segments.

    Parameters
    ----------
    metrics : sequence of mapping
        The model's figures with ``metric``, ``direction``, ``earlier``, ``later`` and ``change``.
    attributes : sequence of str
        What segments differ in.
    sides : Sides

    Returns
    -------
    list of dict
        ``metric``, ``direction``, ``earlier``, ``later``, ``change`` and ``by``, one for each
        attribute and one for all of them: ``attributes``, ``surprise`` and ``rows``, those of the
        segments by their share in the change.
    """
    groupings: list[tuple[str, ...]] = [(attribute,) for attribute in attributes]
    if len(attributes) > 1:
        groupings.append(tuple(attributes))
    known = {metric["metric"]: metric for metric in metrics}
    made = []
    for metric in explained(list(known)):
        by = [_grouped(metric, sides, grouping) for grouping in groupings]
        if not any(each["rows"] for each in by):
            continue
        made.append(
            {
                **{name: known[metric][name] for name in _KEPT},
                # The attribute whose values tell the change best comes first.
                "by": sorted(by, key=lambda each: -each["surprise"]),
            }
        )
    return made


_KEPT = ("metric", "direction", "earlier", "later", "change")
_NOTHING = Figure(None, None, None, 0, "no_rows")


def _grouped(metric: str, sides: Sides, attributes: tuple[str, ...]) -> dict[str, Any]:
    figures = sides.groups(metric, attributes)
    totals = [{key: _total(of) for key, of in side.items()} for side in figures]
    shared = contributions(*totals)
    made = []
    for each in shared:
        before, after = (side.get(each.segment, _NOTHING) for side in figures)
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


def _total(figure: Figure) -> Total:
    return Total(0.0, 0.0) if figure.value is None else Total(figure.value * figure.n, figure.n)


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
