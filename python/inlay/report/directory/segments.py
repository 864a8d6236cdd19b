"""Segments by their part in the change of a metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inlay.drift.segments import explain
from inlay.model.contributions import Total, contributions
from inlay.report.directory.estimates import Row, Segment
from inlay.report.directory.figures import Figure, difference, pooled
from inlay.report.directory.metric_kinds import direction, explained

__all__ = ["segments_of"]


def segments_of(realised: Mapping[str, Sequence[Row]], split: int) -> list[dict[str, Any]]:
    """Share the change of each metric that adds up out among the segments.

    Parameters
    ----------
    realised : mapping of str to sequence of Row
        By metric.
    split : int
        Where before and after part, in microseconds of Unix time.

    Returns
    -------
    list of dict
        ``metric``, ``direction``, ``earlier``, ``later``, ``change`` of all segments together and
        ``by``, one for each attribute and one for all of them: ``attributes``, ``surprise`` and
        ``rows``, those of the segments by their share in the change.
    """
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
    metric: str, sides: Sequence[Sequence[Row]], attributes: tuple[str, ...]
) -> dict[str, Any]:
    figures: list[dict[Segment, list[Figure]]] = [{}, {}]
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
