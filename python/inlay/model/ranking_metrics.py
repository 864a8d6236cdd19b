"""What sums over ordered lists come to, with intervals."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from inlay.model.estimate import Estimate, normal_mean, wilson
from inlay.model.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["derive"]


def derive(
    figures: Mapping[str, Any], settings: Mapping[str, Any], confidence: float = 0.95
) -> Metrics:
    """Return the metrics of a segment of `RankingStates`.

    Parameters
    ----------
    figures : mapping
        What ``figures(segment)`` returned. ``queries`` with relevant rows, ``irrelevant`` ones
        without; ``rows`` of both; ``tied`` queries; ``weighted``, ``weight`` and
        ``weight_squares`` over queries; ``reciprocal_rank`` and ``average_precision``, each (sum,
        sum of squares); ``at_k``, of each cut ``hits``, ``hit_weight``, and ``ndcg``,
        ``precision`` and ``recall`` likewise.
    settings : mapping
        ``settings`` of the states.
    confidence : float, default 0.95
        Of the two-sided intervals.

    Returns
    -------
    Metrics
        See `Ranking.compute`.

    Raises
    ------
    InvalidArgumentError
        If the confidence does not lie between 0 and 1.
    """
    if not isfinite(figures["weight_squares"]):
        names = derive({**figures, "weight": 0.0, "weight_squares": 0.0}, settings, confidence)
        return Metrics(dict.fromkeys(names, Estimate.undefined("overflow")), title="Ranking")
    weighted = figures["weighted"]
    squares = figures["weight_squares"] if weighted else None
    reason = "no_relevant" if figures["irrelevant"] else "no_rows"

    def mean(sums: tuple[float, float]) -> Estimate:
        return normal_mean(
            *sums,
            figures["weight"],
            squares=squares,
            confidence=confidence,
            within=(0.0, 1.0),
            reason=reason,
        )

    found = {"mrr": mean(figures["reciprocal_rank"]), "map": mean(figures["average_precision"])}
    for k, at in zip(settings["k"], figures["at_k"], strict=True):
        found[f"ndcg@{k}"] = mean(at["ndcg"])
        found[f"hit@{k}"] = wilson(
            at["hit_weight"] if weighted else at["hits"],
            figures["weight"] if weighted else figures["queries"],
            squares=squares,
            confidence=confidence,
            reason=reason,
        )
        found[f"precision@{k}"] = mean(at["precision"])
        found[f"recall@{k}"] = mean(at["recall"])
    queries = figures["queries"] + figures["irrelevant"]
    found["tied"] = wilson(figures["tied"], queries, confidence=confidence)
    found["no_relevant"] = wilson(figures["irrelevant"], queries, confidence=confidence)
    return Metrics(found, title="Ranking")
