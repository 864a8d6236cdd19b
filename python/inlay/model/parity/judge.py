"""`FairnessJudge`: whether a decision treats groups apart, certainly and by too much."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.drift.correction import check_level
from inlay.drift.judge import check_scope
from inlay.model.parity.confusions import KIND, confusion_of
from inlay.model.parity.grouping import check_attributes, groupings, label, reference_of
from inlay.model.parity.measures import (
    LIMITS,
    MEASURES,
    Compared,
    check_min_n,
    effect_of,
    over_all,
    rates_of,
    with_reference,
)
from inlay.model.parity.panes import ConfusionPanes

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.table import Table

__all__ = ["FairnessJudge"]

_COLUMNS = (
    "time",
    "start_time",
    "observed_time",
    "revision",
    "origin",
    "layer",
    "metric",
    "kind",
    "attrs",
    "resource",
    "bounds",
    "categories",
    "counts",
    "reference_id",
)


class FairnessJudge:
    """Says of each pane whether groups are treated apart.

    It judges rows of points of kind ``confusion``, as a `Quality` with these attributes writes
    them. Not thread-safe.

    Parameters
    ----------
    attributes : str or sequence of str
        Attributes whose values make groups, 1 to 4.
    reference : mapping of str to str, optional
        The values of the group that others are compared with; the largest group of a pane unless
        given.
    intersections : bool, default True
        Whether combinations of attributes make groups, too.
    limits : mapping of str to float, optional
        How large the effect of a measure may be, instead of `0.1` for differences and `0.2` for
        ratios, the 80 % rule. The names are those of the measures below.
    min_n : int, default 100
        A comparison whose denominators have fewer rows is undefined, ``insufficient``.
    level : float, default 0.05
        The chance that any comparison of groups with one reference in one pane alarms though all
        effects are within their limits.
    positive : str, optional
        Of more than two classes the one whose prediction is the decision.

    Raises
    ------
    InvalidArgumentError
        If a value is out of its range, or there is no measure of a name.

    Notes
    -----
    One verdict for each group and measure, about the series with the attributes of that group:
    ``demographic_parity_difference`` and ``disparate_impact`` (of the predicted positive rate),
    ``equal_opportunity_difference`` (recall), ``equalized_odds_difference`` (the larger one of the
    differences of recall and of the false positive rate) and ``predictive_parity_difference``
    (precision), each against the reference. And of all groups of each combination of attributes
    one for the same measures, there with ``demographic_parity_ratio``, between the smallest and
    the largest rate, about the series without attributes. The method is
    ``fairness.<attributes>.<measure>``, with ``@`` and the threshold if there are several.

    ``value``, ``low`` and ``high`` are the measure and its interval, corrected by Bonferroni for
    the groups compared; ``effect`` is its magnitude, of a ratio 1 less the smaller one of it and
    its inverse. *Yes*: the whole interval is beyond the limit, so that the effect is large and
    certain. ``part_names`` and ``part_values`` hold both groups and their rates.

    Late labels change a pane: each time it is written again, all of it is judged again, with its
    revision. 512 panes are remembered of each metric and origin, and late parts of older ones are
    ``not_held``. A process that goes on from the state of another goes on with its panes.

    Examples
    --------
    >>> from inlay.model import FairnessJudge
    >>> FairnessJudge("sex", min_n=50)
    FairnessJudge(attributes=('sex',), min_n=50, level=0.05)
    """

    __module__ = "inlay.model"

    name = "fairness"
    version = "1"

    def __init__(
        self,
        attributes: str | Sequence[str],
        *,
        reference: Mapping[str, str] | None = None,
        intersections: bool = True,
        limits: Mapping[str, float] | None = None,
        min_n: int = 100,
        level: float = 0.05,
        positive: str | None = None,
    ) -> None:
        check_level(level)
        self.attributes = check_attributes(attributes)
        self.reference = dict(reference or {})
        for name in self.reference:
            if name not in self.attributes:
                message = f"the reference has an attribute that makes no groups: {name!r}"
                raise InvalidArgumentError(message)
        self.intersections = bool(intersections)
        self.limits = {**LIMITS, **(limits or {})}
        for name, limit in self.limits.items():
            if name not in LIMITS:
                message = f"a measure is one of {', '.join(LIMITS)}: {name!r}"
                raise InvalidArgumentError(message)
            if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit < 1:
                message = f"the limit of {name} must be 0 to below 1: {limit!r}"
                raise InvalidArgumentError(message)
        self.min_n = check_min_n(min_n)
        self.level = float(level)
        self.positive = positive
        self._panes = ConfusionPanes()

    def __repr__(self) -> str:
        """Return the settings that differ from the defaults."""
        said = [f"attributes={self.attributes!r}"]
        if self.reference:
            said.append(f"reference={self.reference!r}")
        if not self.intersections:
            said.append("intersections=False")
        changed = {name: limit for name, limit in self.limits.items() if LIMITS[name] != limit}
        if changed:
            said.append(f"limits={changed!r}")
        said += [f"min_n={self.min_n}", f"level={self.level}"]
        if self.positive is not None:
            said.append(f"positive={self.positive!r}")
        return f"FairnessJudge({', '.join(said)})"

    def judge(self, points: Any, references: Any = None, *, scope: str = "process") -> Table:
        """Return what this judge says of rows of points.

        Parameters
        ----------
        points : Table or any Arrow-capable table
            In the order of emission, windows whole; rows of other kinds are passed over.
        references : object, optional
            Of no use: groups are compared with one another.
        scope : {"process", "host", "fleet"}
            Whose rows they are.

        Returns
        -------
        Table
            Rows of ``verdicts``.

        Raises
        ------
        InvalidArgumentError
            If a column is not there, or `scope` is none.
        """
        import pyarrow as pa

        from inlay.drift.keys import is_any
        from inlay.drift.references import points_columns
        from inlay.table import Table, arrow_schema

        del references
        check_scope(scope)
        table = points_columns(points, _COLUMNS)
        rows = table.filter(pa.array(is_any(table["kind"], (KIND,))))
        said: list[dict[str, Any]] = []
        for unit in _units(rows):
            said += self._unit(unit, scope)
        return Table(_table(said, arrow_schema("verdicts")))

    def save_state(self) -> bytes:
        """Return what is needed to go on elsewhere: the last panes."""
        return self._panes.to_bytes()

    def load_state(self, data: bytes) -> None:
        """Take over what `save_state` gave.

        Raises
        ------
        SerializationError
            If it did not.
        """
        panes = ConfusionPanes()
        panes.load(data)
        self._panes = panes

    def _unit(self, unit: list[dict[str, Any]], scope: str) -> list[dict[str, Any]]:
        """Judge a pane as it is with the rows that were written at once."""
        first = unit[0]
        stream = (first["origin"], first["metric"])
        pane = (first["start_time"], first["time"])
        thresholds: tuple[float | None, ...] = ()
        added: dict[str, Any] = {}
        for row in unit:
            four = confusion_of(row, self.positive)
            if four is not None:
                thresholds, added[row["attrs"]] = four
        if not added:
            return []
        is_lost = first["revision"] > 0 and self._panes.is_forgotten(stream, pane)
        held = added
        if not is_lost:
            held = self._panes.add(stream, pane, first["reference_id"] or "", added)
        segments = [(json.loads(attrs), counts) for attrs, counts in sorted(held.items())]
        said = []
        for number, threshold in enumerate(thresholds):
            suffix = "" if len(thresholds) == 1 else f"@{threshold:g}"
            some = [(members, counts[number]) for members, counts in segments]
            for grouping in groupings(some, self.attributes, intersections=self.intersections):
                if grouping.keys:
                    said += self._grouping(
                        first, grouping, len(thresholds), suffix, scope, is_lost=is_lost
                    )
        return said

    def _grouping(
        self,
        first: dict[str, Any],
        grouping: Any,
        num_thresholds: int,
        suffix: str,
        scope: str,
        *,
        is_lost: bool,
    ) -> list[dict[str, Any]]:
        from inlay.drift.references import service_of

        names, keys = grouping.names, grouping.keys
        rates = rates_of(grouping.counts)
        labels = [label(names, key) for key in keys]
        of = ",".join(names)
        base = reference_of(grouping, self.reference)
        said = []
        service = service_of(first["resource"])
        # Attributes and series of each group, and of all together under -1.
        subjects: dict[int, tuple[str, int]] = {}
        for at, members in (
            (-1, {}),
            *((at, dict(zip(names, key, strict=True))) for at, key in enumerate(keys)),
        ):
            text = _core.canonical_json(members)
            subjects[at] = text, _core.series_id(first["metric"], text, service)
        compared: list[Compared] = []
        if base < 0:
            missing = "no_reference"
            compared += [
                Compared(name, at, -1, None, None, None, int(rates.n[0, at]), 0, missing, None)
                for name in MEASURES
                for at in range(len(keys))
            ]
        elif len(keys) > 1:
            level = self.level / ((len(keys) - 1) * num_thresholds)
            compared += with_reference(rates, base, min_n=self.min_n, confidence=1.0 - level)
        level = self.level / num_thresholds
        everything = over_all(rates, min_n=self.min_n, confidence=1.0 - level)
        shared = {name: first[name] for name in _SHARED}
        shared |= {"scope": scope, "judge": type(self).__name__, "judge_version": self.version}
        for subject, one in (
            *((one.group, one) for one in compared),
            *((-1, one) for one in everything),
        ):
            attrs, series = subjects[subject]
            said.append(
                {
                    **shared,
                    "attrs": attrs,
                    "series_id": series,
                    "method": f"fairness.{of}.{one.measure}{suffix}",
                    **self._verdict(one, labels, is_lost=is_lost),
                }
            )
        return said

    def _verdict(self, one: Compared, labels: list[str], *, is_lost: bool) -> dict[str, Any]:
        limit = self.limits[one.measure]
        reason = "not_held" if is_lost else one.reason
        row: dict[str, Any] = {
            "verdict": "undefined",
            "reason": reason,
            "threshold": limit,
            "n": one.n,
            "n_reference": one.n_reference,
        }
        if one.reference >= 0:
            row["part_names"] = [labels[one.group], labels[one.reference]]
        if reason is None and one.value is not None:
            assert one.low is not None
            assert one.high is not None
            row |= {
                "value": one.value,
                "low": one.low,
                "high": one.high if one.high < float("inf") else None,
                "effect": effect_of(one.measure, one.value),
                "part_values": None if one.rates is None else list(one.rates),
                "verdict": "yes" if _is_beyond(one, limit) else "no",
            }
        return row


_SHARED = (
    "time",
    "start_time",
    "observed_time",
    "revision",
    "origin",
    "layer",
    "metric",
    "resource",
)


def _is_beyond(one: Compared, limit: float) -> bool:
    """Return whether the whole interval of a measure is beyond its limit."""
    assert one.low is not None
    assert one.high is not None
    if one.measure in ("disparate_impact", "demographic_parity_ratio"):
        return one.high < 1.0 - limit or one.low * (1.0 - limit) > 1.0
    return one.low > limit or one.high < -limit


def _units(rows: pa.Table) -> Iterator[list[dict[str, Any]]]:
    """Split rows into what an origin wrote at once of a pane, in the order of the first rows."""
    import pyarrow as pa

    for name in ("time", "start_time", "observed_time"):
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, name, rows[name].cast(pa.int64()))
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        key = tuple(row[name] for name in ("origin", "metric", "start_time", "time", "revision"))
        found.setdefault((*key, row["reference_id"]), []).append(row)
    for unit in found.values():
        yield sorted(unit, key=lambda row: str(row["attrs"]))


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    arrays = []
    filled = {name for row in rows for name in row}
    for field in schema:
        if field.name not in filled:
            arrays.append(pa.nulls(len(rows), field.type))
            continue
        values = [row.get(field.name) for row in rows]
        if pa.types.is_timestamp(field.type):
            arrays.append(pa.array(values, pa.int64()).cast(field.type))
        else:
            arrays.append(pa.array(values, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)
