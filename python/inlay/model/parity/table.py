"""`fairness`: the rates of groups, and how far they are apart, of arrays or of stored points."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.model.estimate import Estimate
from inlay.model.metrics import Metrics
from inlay.model.parity.grouping import (
    Grouping,
    check_attributes,
    groupings,
    label,
    reference_of,
)
from inlay.model.parity.measures import (
    MEASURES,
    OVERALL,
    RATES,
    Compared,
    GroupRates,
    check_min_n,
    over_all,
    rates_of,
    with_reference,
)
from inlay.model.parity.of_groups import OfGroups

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Fairness", "fairness"]

_MOST_GROUPS = 10_000


class Fairness:
    """Rates of groups, each group against a reference, and all groups together.

    Made by `inlay.model.fairness`, `Fairness.of_points` and `Quality.fairness`.

    Attributes
    ----------
    groups : mapping of str to Metrics
        By group, such as ``"sex=f"`` or ``"sex=f,age=old"``: its rates. A rate without rows is
        undefined and says why.
    compared : mapping of str to Metrics
        By group: what compares it with its reference.
    overall : dict of str to Metrics
        By attributes, such as ``"sex"`` or ``"sex,age"``: between the groups with the largest and
        the smallest rate.
    references : dict of str to str
        By attributes, the group that others are compared with.
    counts : dict of str to tuple of int
        By group: true negatives, false positives, false negatives, true positives.
    left_out : dict of str to int
        Rows that are in no group, by reason: those that could not be counted, and of points those
        ``without_attributes``, as beyond the cap of segments.

    Examples
    --------
    >>> from inlay.model import Fairness
    >>> found = Fairness.of_counts({("f",): (60, 10, 10, 20), ("m",): (40, 20, 5, 35)}, "sex")
    >>> found.references["sex"], found.compared["sex=m"].disparate_impact
    ('sex=f', Estimate(1.83333 [1.30466, 2.60305], n=100, mover-r))
    """

    __module__ = "inlay.model"

    def __init__(
        self,
        made: Sequence[Grouping],
        *,
        reference: Mapping[str, str],
        min_n: int,
        confidence: float,
        left_out: Mapping[str, int] | None = None,
    ) -> None:
        self.left_out = {reason: rows for reason, rows in (left_out or {}).items() if rows}
        self.groups = OfGroups()
        self.compared = OfGroups()
        self.overall: dict[str, Metrics] = {}
        self.references: dict[str, str] = {}
        self.counts: dict[str, tuple[int, ...]] = {}
        self._of: dict[str, str] = {}
        self._min_n, self._confidence = check_min_n(min_n), confidence
        for grouping in made:
            self._add(grouping, reference)

    def _add(self, grouping: Grouping, reference: Mapping[str, str]) -> None:
        of = ",".join(grouping.names)
        labels = [label(grouping.names, key) for key in grouping.keys]
        rates = rates_of(grouping.counts)
        made = [ends.T.tolist() for ends in rates.intervals(self._confidence)]
        self._of.update(dict.fromkeys(labels, of))
        self.counts.update(zip(labels, map(tuple, grouping.counts.tolist()), strict=True))
        for at, text in enumerate(labels):
            self.groups.add(text, partial(_rates, rates, made, at, text))
        how: dict[str, Any] = {"min_n": self._min_n, "confidence": self._confidence}
        self.overall[of] = Metrics(
            {one.measure: _estimate(one) for one in over_all(rates, **how)}, title=of
        )
        base = reference_of(grouping, reference) if labels else -1
        if base < 0:
            return
        self.references[of] = labels[base]
        found: dict[int, list[Compared]] = {}
        for one in with_reference(rates, base, **how):
            found.setdefault(one.group, []).append(one)
        for at, measures in found.items():
            title = f"{labels[at]} against {labels[base]}"
            self.compared.add(labels[at], partial(_measures, measures, title))

    @classmethod
    def of_counts(
        cls,
        counts: Mapping[tuple[str, ...], Sequence[int]],
        attributes: str | Sequence[str],
        *,
        reference: Mapping[str, str] | None = None,
        intersections: bool = True,
        min_n: int = 30,
        confidence: float = 0.95,
    ) -> Fairness:
        """Compare groups whose confusion counts are known.

        Parameters
        ----------
        counts : mapping of tuple of str to sequence of 4 int
            By the attributes' values: true negatives, false positives, false negatives, true
            positives.
        attributes : str or sequence of str
            The names of the attributes, 1 to 4.
        reference, intersections, min_n, confidence
            As for `inlay.model.fairness`.

        Raises
        ------
        InvalidArgumentError
            If a key has another number of values, or counts are no four numbers of 0 or more.
        """
        import numpy as np

        names = check_attributes(attributes)
        segments = []
        for key, four in counts.items():
            array = np.asarray(four)
            if len(key) != len(names):
                message = f"a key has a value of each of {', '.join(names)}: {key!r}"
                raise InvalidArgumentError(message)
            if array.shape != (4,) or array.dtype.kind not in "iu" or (array < 0).any():
                message = f"counts are four whole numbers of 0 or more: {four!r}"
                raise InvalidArgumentError(message)
            segments.append((dict(zip(names, map(str, key), strict=True)), array))
        return cls(
            groupings(segments, names, intersections=intersections),
            reference=reference or {},
            min_n=min_n,
            confidence=confidence,
        )

    @classmethod
    def of_points(
        cls,
        points: Any,
        attributes: str | Sequence[str],
        *,
        metric: str | None = None,
        threshold: float | None = None,
        positive: str | None = None,
        reference: Mapping[str, str] | None = None,
        intersections: bool = True,
        min_n: int = 30,
        confidence: float = 0.95,
    ) -> Fairness:
        """Compare the groups of rows of points of kind ``confusion``, all added up.

        Parameters
        ----------
        points : Table or any Arrow-capable table
            As a `Quality` writes them, of any time.
        attributes : str or sequence of str
            The names of the attributes, 1 to 4.
        metric : str, optional
            The name of the `Quality`, if rows are of several.
        threshold : float, optional
            Which threshold, if there are several.
        positive : str, optional
            Of more than two classes the one whose prediction is the decision.
        reference, intersections, min_n, confidence
            As for `inlay.model.fairness`.

        Raises
        ------
        InvalidArgumentError
            If rows are of several metrics or thresholds and none is chosen, or the one chosen is
            not there.
        """
        from inlay.model.parity.confusions import confusions_of

        names = check_attributes(attributes)
        found = confusions_of(points, positive=positive)
        metrics = sorted({each.metric for each in found if metric in (None, each.metric)})
        if metric is None and len(metrics) > 1:
            message = f"points are of several metrics, choose one: {', '.join(metrics)}"
            raise InvalidArgumentError(message)
        mine = [each for each in found if each.metric in metrics]
        thresholds = sorted({at for each in mine for at in each.thresholds if at is not None})
        if threshold is None and len(thresholds) > 1:
            message = f"points have several thresholds, choose one: {thresholds}"
            raise InvalidArgumentError(message)
        if threshold is not None and thresholds and threshold not in thresholds:
            message = f"points have the thresholds {thresholds}, not {threshold!r}"
            raise InvalidArgumentError(message)
        wanted = thresholds[0] if threshold is None and thresholds else threshold
        segments = [
            (each.attributes, each.counts[each.thresholds.index(wanted)])
            for each in mine
            if wanted in each.thresholds
        ]
        lacking = [
            int(counts.sum()) for members, counts in segments if not members.keys() >= set(names)
        ]
        return cls(
            groupings(segments, names, intersections=intersections),
            reference=reference or {},
            min_n=min_n,
            confidence=confidence,
            left_out={"without_attributes": sum(lacking)},
        )

    def to_arrow(self) -> pyarrow.Table:
        """Return a row for each figure.

        Returns
        -------
        pyarrow.Table
            ``attributes`` (string), ``group`` (string, null for all together), ``against`` (string,
            null unless compared with a reference), ``metric`` (string), ``value``, ``low`` and
            ``high`` (float64, null where undefined), ``n`` (int64), ``reason`` (string), ``method``
            (string).
        """
        import pyarrow as pa

        rows: list[tuple[Any, ...]] = []
        for text, metrics in self.groups.items():
            rows += [(self._of[text], text, None, *each) for each in _cells(metrics)]
        for text, metrics in self.compared.items():
            of = self._of[text]
            rows += [(of, text, self.references[of], *each) for each in _cells(metrics)]
        for of, metrics in self.overall.items():
            rows += [(of, None, None, *each) for each in _cells(metrics)]
        schema = pa.schema(
            [
                *((name, pa.string()) for name in ("attributes", "group", "against", "metric")),
                *((name, pa.float64()) for name in ("value", "low", "high")),
                ("n", pa.int64()),
                *((name, pa.string()) for name in ("reason", "method")),
            ]
        )
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
        arrays = [
            pa.array(list(column), field.type)
            for column, field in zip(columns, schema, strict=True)
        ]
        return pa.Table.from_arrays(arrays, schema=schema)

    def _lines(self) -> list[list[str]]:
        lines = []
        for text, rates in self.groups.items():
            of = self._of[text]
            measures = self.compared.get(text)
            cells = [text, f"{sum(self.counts[text]):,}"]
            cells += [_short(rates[name]) for name in RATES[:4]]
            is_reference = self.references.get(of) == text
            cells += [
                "" if measures is None else _short(measures[name], signed="difference" in name)
                for name in MEASURES
            ]
            cells[0] += " (reference)" if is_reference else ""
            lines.append(cells)
        return lines

    def __repr__(self) -> str:
        """Return the groups and the measures of all together."""
        lines = [f"Fairness of {len(self.groups)} groups"]
        for of, metrics in self.overall.items():
            said = ", ".join(f"{name} {_short(one)}" for name, one in metrics.items())
            lines.append(f"  {of}: {said}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        names = ("group", "rows", *RATES[:4], *MEASURES)
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>"
            for line in self._lines()
        )
        over = "".join(
            f"<tr><th>{html.escape(of)}</th>"
            + "".join(f"<td>{html.escape(_short(one))}</td>" for one in metrics.values())
            + "</tr>"
            for of, metrics in self.overall.items()
        )
        titles = "".join(f"<th>{html.escape(name)}</th>" for name in OVERALL)
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<table><thead><tr><th>all groups</th>{titles}</tr></thead>"
            f"<tbody>{over}</tbody></table>"
        )


def fairness(
    y_true: Any,
    y_score: Any,
    *,
    attributes: Mapping[str, Any],
    kind: str = "probability",
    threshold: float = 0.5,
    reference: Mapping[str, str] | None = None,
    intersections: bool = True,
    min_n: int = 30,
    confidence: float = 0.95,
) -> Fairness:
    """Compare how a binary decision treats groups.

    Parameters
    ----------
    y_true : array-like of 0 and 1, shape (n,)
        What turned out to be true.
    y_score : array-like, shape (n,)
        What was predicted: a probability, a logit or a label. The decision is positive where it is
        at least `threshold`.
    attributes : mapping of str to array-like, shape (n,)
        1 to 4 attributes whose values make groups: texts, integers or bools.
    kind : {"probability", "logit", "label"}, default "probability"
        What `y_score` is.
    threshold : float, default 0.5
        Of a probability, also where logits are given.
    reference : mapping of str to str, optional
        The values of the group that others are compared with; the largest group unless given.
    intersections : bool, default True
        Whether combinations of attributes make groups, too.
    min_n : int, default 30
        A comparison whose denominators have fewer rows is undefined, ``insufficient``.
    confidence : float, default 0.95
        Of each interval.

    Returns
    -------
    Fairness

    Raises
    ------
    InvalidArgumentError
        If lengths differ, or a value is out of its range; the message names it.
    TypeError
        If a value of an attribute is no text, integer or bool.

    Notes
    -----
    Rates have Wilson's intervals, differences Newcombe's, ratios MOVER-R's. Equalized odds is the
    larger one of the differences of recall and of the false positive rate. Rows that cannot be
    counted, as those of a NaN, are left out as `inlay.model.Binary` leaves them out, and counted in
    ``left_out``.

    Examples
    --------
    >>> from inlay.model import fairness
    >>> found = fairness(
    ...     [1, 0, 1, 0, 1, 1], [0.9, 0.2, 0.4, 0.7, 0.8, 0.3],
    ...     attributes={"sex": ["f", "f", "f", "m", "m", "m"]}, min_n=3,
    ... )
    >>> found.groups["sex=f"].predicted_positive_rate.value
    0.3333333333333333
    >>> found.compared["sex=m"].equal_opportunity_difference.reason
    'insufficient'
    """
    from inlay.model.quality.binary_task import BinaryTask
    from inlay.model.quality.segments import Segments
    from inlay.model.quality.stream import length_of

    names = check_attributes(tuple(attributes))
    segments = Segments(names, cap=_MOST_GROUPS)
    task = BinaryTask(kind=kind, thresholds=(threshold,), scores=False)
    states = task.new()
    rows = length_of(y_score)
    states.update(y_true, y_score, segments=segments.find(attributes, rows))
    if segments.overflowed:
        message = f"attributes make at most {_MOST_GROUPS} groups; {segments.overflowed} rows more"
        raise InvalidArgumentError(message)
    left_out: dict[str, int] = {}
    for index in range(states.segments):
        for reason, number in states.counted(index).items():
            left_out[reason] = left_out.get(reason, 0) + number
    cells = [
        (segments.attributes(index), task.confusion(states.figures(index))[0])
        for index in range(states.segments)
    ]
    return Fairness(
        groupings(cells, names, intersections=intersections),
        reference=reference or {},
        min_n=min_n,
        confidence=confidence,
        left_out=left_out,
    )


def _rates(rates: GroupRates, made: list[list[list[float]]], at: int, title: str) -> Metrics:
    value, low, high = (ends[at] for ends in made)
    return Metrics(
        {
            name: Estimate(value[i], low[i], high[i], n, None, "wilson")
            if (n := int(rates.n[i, at]))
            else Estimate.undefined(rates.reason(i, at, 1) or "no_rows")
            for i, name in enumerate(RATES)
        },
        title=title,
    )


def _measures(found: list[Compared], title: str) -> Metrics:
    return Metrics({one.measure: _estimate(one) for one in found}, title=title)


def _estimate(one: Compared) -> Estimate:
    n = min(one.n, one.n_reference) if one.n_reference else one.n
    if one.reason is not None:
        return Estimate.undefined(one.reason, n)
    is_ratio = one.measure in ("disparate_impact", "demographic_parity_ratio")
    return Estimate(one.value, one.low, one.high, n, None, "mover-r" if is_ratio else "newcombe")


def _cells(metrics: Metrics) -> list[tuple[Any, ...]]:
    return [
        (name, one.value, one.low, one.high, one.n, one.reason, one.method or None)
        for name, one in metrics.items()
    ]


def _short(one: Estimate, *, signed: bool = False) -> str:
    if one.value is None:
        return str(one.reason)
    sign = "+" if signed else ""
    return f"{one.value:{sign}.3f} [{one.low:{sign}.3f}, {one.high:{sign}.3f}]"
