"""Quality of ordered lists, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from inlay import _core
from inlay._arguments import at_least
from inlay.model.accumulator import Accumulator
from inlay.model.ranking_metrics import derive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inlay.model.metrics import Metrics

__all__ = ["Ranking"]


class Ranking(Accumulator):
    """How well lists are ordered: MRR, MAP, and NDCG, hit, precision and recall at k.

    Memory is bounded, whatever comes; states of shards and processes merge; each figure has an
    interval over queries.

    Parameters
    ----------
    k : sequence of int, default (1, 5, 10)
        Where lists are cut, 1 to 1,000,000; up to 16 of them.

    Raises
    ------
    InvalidArgumentError
        If k are too many, equal or out of range.

    Notes
    -----
    A row is an entry of a query's list: its label is its relevance, 0 to 64, and it is relevant
    above 0. Rows are taken by falling score; equal scores keep the order in which they came, and
    the query counts as tied. Scores may be infinite.

    The gain of NDCG is 2^relevance - 1, its discount 1 / log2(place + 1). Average precision is over
    all relevant rows of the list. ``precision@k`` is by k, also where the list is shorter.

    A query with a bad row is left out whole and counted once in `rejected`, since any figure of the
    rest would be another's: ``bad_label`` (null, NaN, or out of range), ``nan_score``,
    ``bad_weight`` (negative, NaN, infinite or null) or ``mixed`` (its rows have different weights).
    A query without relevant rows has no figures; it is counted in ``no_relevant``.

    Means over queries have normal intervals, shares Wilson's. With weights a mean is weighted by
    query, and its interval rests on Kish's effective number of queries.

    References
    ----------
    K. Järvelin and J. Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20
    (2002). C. Burges et al., "Learning to rank using gradient descent", ICML (2005), for the gain.

    Examples
    --------
    >>> from inlay.model import Ranking
    >>> quality = Ranking(k=(1, 3))
    >>> quality.update([0, 1, 0, 1], [0.9, 0.8, 0.2, 0.7], groups=[1, 1, 1, 2])
    >>> metrics = quality.compute()
    >>> float(metrics.mrr), float(metrics["hit@1"]), metrics.mrr.n
    (0.75, 0.5, 2)
    """

    __module__ = "inlay.model"
    __slots__ = ()

    _states: ClassVar[Any] = _core.RankingStates
    _native: _core.RankingStates

    def __init__(self, *, k: Sequence[int] = (1, 5, 10)) -> None:
        self._native = _core.RankingStates(
            k=sorted(min(at_least("k", cut, 1), 2**31 - 1) for cut in k)
        )

    @property
    def k(self) -> tuple[int, ...]:
        """Where lists are cut, rising."""
        k: tuple[int, ...] = self._native.settings["k"]
        return k

    @property
    def queries(self) -> int:
        """How many queries were counted, those without relevant rows too."""
        figures = self._native.figures()
        queries: int = figures["queries"] + figures["irrelevant"]
        return queries

    def update(
        self,
        y_true: Any,
        y_score: Any,
        *,
        groups: Any = None,
        offsets: Any = None,
        weights: Any = None,
    ) -> None:
        """Count queries. All rows of a query are in one call.

        Parameters
        ----------
        y_true : array-like of int or float, shape (n,)
            Relevance of each row.
        y_score : array-like of float or int, shape (n,)
            What the rows are ordered by.
        groups : array-like of int, shape (n,)
            The query of each row, in any order. Either this or `offsets`.
        offsets : array-like of int, shape (queries + 1,)
            Where each query's rows begin, and the last one's end.
        weights : array-like of float or int, shape (n,), optional
            How much a query counts, 0 or more, the same in all its rows; 1 unless given.

        Raises
        ------
        TypeError
            If they are no numbers, or groups or offsets no integers.
        InvalidArgumentError
            If lengths differ, offsets do not rise from 0 to n, or not one of `groups` and `offsets`
            is given. Nothing is counted.

        Notes
        -----
        O(rows log rows of a query), and a sort by group where these do not rise.
        """
        self._native.update(y_true, y_score, groups, offsets, weights)

    def compute(self, *, confidence: float = 0.95) -> Metrics:
        """Return all metrics.

        Parameters
        ----------
        confidence : float, default 0.95
            Of the two-sided intervals.

        Returns
        -------
        Metrics
            mrr and map; of each k ``ndcg@5``, ``hit@5``, ``precision@5`` and ``recall@5``; the
            shares of queries that are tied, and with no_relevant rows.

        Raises
        ------
        InvalidArgumentError
            If the confidence does not lie between 0 and 1.
        """
        return derive(self._native.figures(), self._native.settings, confidence)
