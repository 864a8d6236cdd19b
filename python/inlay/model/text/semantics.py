"""The entropy of meanings, from clusters of answers that mean the same."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable

from inlay._exceptions import InvalidArgumentError

__all__ = ["semantic_entropy"]


def semantic_entropy(
    clusters: Iterable[Hashable], log_probs: Iterable[float] | None = None
) -> float:
    """Return the entropy over the meanings of sampled answers, in nats.

    Which answers mean the same is for the caller to say, for instance by entailment in both
    directions.

    Parameters
    ----------
    clusters : iterable of hashable
        For each sampled answer the cluster it is in.
    log_probs : iterable of float, optional
        For each answer the logarithm of its probability, as the sum over its tokens or, normalised
        by length, their mean. Without it every answer counts alike (the discrete form).

    Returns
    -------
    float
        ``-Σ p ln p`` over the clusters, p the share of a cluster in all probability that was
        sampled: 0 where all answers mean the same, the logarithm of the number of clusters at most.

    Raises
    ------
    InvalidArgumentError
        If there is no answer, the lengths differ, or a log-probability is NaN, above 0 or, for all
        answers, negative infinity.

    References
    ----------
    S. Farquhar, J. Kossen, L. Kuhn, Y. Gal, "Detecting hallucinations in large language models
    using semantic entropy", Nature 630 (2024).

    Examples
    --------
    >>> from inlay.model.text import semantic_entropy
    >>> semantic_entropy(["Paris", "Paris", "Paris", "Paris"])
    0.0
    >>> round(semantic_entropy([0, 0, 1], log_probs=[-1.0, -1.2, -3.0]), 4)
    0.2517
    """
    ids = list(clusters)
    if not ids:
        message = f"clusters must hold an answer at least: {ids!r}"
        raise InvalidArgumentError(message)
    weights = [0.0] * len(ids) if log_probs is None else [float(one) for one in log_probs]
    if len(weights) != len(ids):
        message = f"log_probs must be one for each of {len(ids)} answers: {len(weights)}"
        raise InvalidArgumentError(message)
    for one in weights:
        if not one <= 0.0:
            message = f"a log-probability is at most 0: {one!r}"
            raise InvalidArgumentError(message)
    top = max(weights)
    if top == -math.inf:
        message = f"an answer at least must have a probability: {top!r}"
        raise InvalidArgumentError(message)
    mass: dict[Hashable, float] = {}
    for cluster, one in zip(ids, weights, strict=True):
        mass[cluster] = mass.get(cluster, 0.0) + math.exp(one - top)
    total = math.fsum(mass.values())
    shares = [share / total for share in mass.values() if share > 0.0]
    return max(0.0, -math.fsum(share * math.log(share) for share in shares))
