"""`SegmentJudge`: which region, device or route it is that drives the drift of a column."""

from __future__ import annotations

import json
from typing import Any

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.drift.judge import check_min_rows
from inlay.drift.keys import codes_of, distinct
from inlay.drift.pane_judge import PaneJudge, PaneRows, check_thresholds
from inlay.drift.segments import explain

__all__ = ["SegmentJudge"]

_OWN = frozenset({"column", "watch"})
_ALIKE = "the segments together are as in the reference"


class SegmentJudge(PaneJudge):
    """Says which values of a watch's ``by`` explain the change of a column.

    Parameters
    ----------
    threshold : float, default 0.02
        Total variation distance that the segments together must exceed.
    least_power : float, default 0.1
        Segments that explain less of the change are left out.
    enough_power : float, default 0.67
        A set that explains so much is an answer.
    min_rows : int, default 1000
        Panes whose segments have fewer rows together are undefined, ``insufficient``.

    Raises
    ------
    InvalidArgumentError
        If a value is out of its range; the message names it.

    Notes
    -----
    One verdict for each column, pane and attribute of ``by``, of method ``segments.<attribute>``
    and about the series without that attribute. What is explained are the rows in the cells that
    have a larger share than in the reference: how many of them are more than expected is the total
    variation distance times the rows. Where segments have cells of their own, or one is new, these
    are the cells of each segment, and of what it has too much that is left out which chance alone
    gives on average. `explain` says how it is done. ``value`` is the surprise of
    the segments found (the attribute with the largest one explains best), ``effect`` the total
    variation distance less what chance alone gives on average, ``part_names`` the segments and
    ``part_values`` the share of the change that each accounts for. Yes: the effect exceeds the
    threshold and a set of segments explains enough of it.

    Examples
    --------
    >>> from inlay.drift import SegmentJudge
    >>> SegmentJudge()
    SegmentJudge(threshold=0.02, least_power=0.1, enough_power=0.67, min_rows=1000)
    """

    name = "segments"

    def __init__(
        self,
        *,
        threshold: float = 0.02,
        least_power: float = 0.1,
        enough_power: float = 0.67,
        min_rows: int = 1000,
    ) -> None:
        # A segment alone may be small; the level is of no use here.
        super().__init__(level=0.5, min_rows=1)
        check_thresholds({"segments": threshold})
        for name, value in (("least_power", least_power), ("enough_power", enough_power)):
            if not 0.0 < value <= 1.0:
                message = f"{name} must be above 0 and at most 1: {value!r}"
                raise InvalidArgumentError(message)
        check_min_rows(min_rows)
        self.threshold, self.min_together = float(threshold), int(min_rows)
        self.least_power, self.enough_power = float(least_power), float(enough_power)

    def __repr__(self) -> str:
        """Return the settings."""
        return (
            f"SegmentJudge(threshold={self.threshold}, least_power={self.least_power}, "
            f"enough_power={self.enough_power}, min_rows={self.min_together})"
        )

    def _judge(self, rows: PaneRows, points: Any, scope: str) -> list[Any]:
        import numpy as np

        del points
        texts, of_row = distinct(rows.table["attrs"])
        members = [json.loads(text) for text in texts]
        wholes: dict[str, int] = {}
        whole = []
        for each in members:
            kept = {name: value for name, value in each.items() if name in _OWN}
            text = _core.canonical_json(kept) if len(kept) < len(each) else ""
            whole.append(wholes.setdefault(text, len(wholes)))
        if set(wholes) <= {""}:
            return []
        of_whole = np.asarray(whole, np.int64)[of_row]
        segments = np.flatnonzero((of_whole != wholes.get("", -1)) & (rows.rows > 0))
        times = [rows.table[name].cast("int64").to_numpy() for name in ("start_time", "time")]
        origin = rows.table["origin"].to_numpy()
        revision = rows.table["revision"].to_numpy()
        codes = codes_of(*(each[segments] for each in (of_whole, revision, origin, *times)))
        order = np.argsort(codes, kind="stable")
        tables = []
        names = list(wholes)
        for group in np.split(segments[order], np.flatnonzero(np.diff(codes[order])) + 1):
            if len(group):
                at = [members[of_row[row]] for row in group.tolist()]
                tables += self._group(rows, group, at, names[of_whole[group[0]]], scope)
        return tables

    def _group(
        self, rows: PaneRows, group: Any, members: list[dict[str, str]], whole: str, scope: str
    ) -> list[Any]:
        """Judge the segments of one column in one pane."""
        import numpy as np

        attributes = sorted({name for each in members for name in each} - _OWN)
        n = int(rows.count[group].sum())
        n0 = int(rows.of_references("num_values")[group].sum())
        reason = None
        if n < self.min_together:
            reason = "insufficient"
        elif not (rows.reference[group] >= 0).any():
            reason = "no_reference"
        elif n0 == 0:
            reason = "empty"
        if reason is not None:
            return [self._said(rows, group, whole, scope, name, reason) for name in attributes]
        change = _together(rows, group, n, n0) or _joint(rows, group, n, n0)
        effect, forecast, actual = change
        tables = []
        for name in attributes:
            values = [each.get(name, "") for each in members]
            kinds = sorted(set(values))
            place = np.asarray([kinds.index(value) for value in values])
            found = explain(
                np.bincount(place, forecast, len(kinds)),
                np.bincount(place, actual, len(kinds)),
                least_power=self.least_power,
                enough_power=self.enough_power,
            )
            is_drift = effect > self.threshold
            tables.append(
                self._said(
                    rows,
                    group,
                    whole,
                    scope,
                    name,
                    None if is_drift else _ALIKE,
                    # Every value together explains everything, and nothing.
                    yes=is_drift and found.is_complete and len(found.values) < len(kinds),
                    value=found.surprise if is_drift else 0.0,
                    effect=effect,
                    parts=[
                        (f"{name}={kinds[at]}", power)
                        for at, power in zip(found.values, found.power, strict=True)
                    ]
                    if is_drift
                    else [],
                )
            )
        return tables

    def _said(
        self,
        rows: PaneRows,
        group: Any,
        whole: str,
        scope: str,
        attribute: str,
        reason: str | None,
        *,
        yes: bool | None = None,
        value: float | None = None,
        effect: float | None = None,
        parts: list[tuple[str, float]] | None = None,
    ) -> Any:
        import pyarrow as pa

        from inlay.drift.references import METRIC, service_of
        from inlay.drift.verdict_rows import verdict_rows

        first = rows.table.slice(int(group[0]), 1)
        service = service_of(first["resource"][0].as_py())
        series = pa.array([_core.series_id(METRIC, whole, service)], pa.int64())
        subject = first.set_column(
            first.schema.get_field_index("series_id"), first.schema.field("series_id"), series
        )
        text = pa.array([whole], pa.utf8())
        place = first.schema.get_field_index("attrs")
        if pa.types.is_dictionary(first.schema.field("attrs").type):
            text = text.dictionary_encode()
        subject = subject.set_column(place, first.schema.field("attrs"), text)
        return verdict_rows(
            subject,
            judge=type(self).__name__,
            judge_version=self.version,
            scope=scope,
            method=f"segments.{attribute}",
            verdict=["undefined" if yes is None else "yes" if yes else "no"],
            reason=[reason],
            value=[value],
            effect=[effect],
            threshold=self.threshold,
            n=[int(rows.count[group].sum())],
            n_reference=[int(rows.of_references("rows")[group].sum())],
            reference_id=subject["reference_id"],
            part_names=[None if parts is None else [name for name, _ in parts]],
            part_values=[None if parts is None else [power for _, power in parts]],
        )


def _chance(shares: Any, n: int, n0: int) -> Any:
    """Return what chance adds on average to each cell's positive part of a difference of shares."""
    import numpy as np

    return np.sqrt(shares * (1 - shares) * (1 / n + 1 / n0)) / np.sqrt(2 * np.pi)


def _together(rows: PaneRows, group: Any, n: int, n0: int) -> tuple[float, Any, Any] | None:
    """Look at the cells that grew over all segments; None if segments have not the same cells.

    Returns
    -------
    effect : float
        Total variation distance less what chance gives.
    forecast, actual : numpy.ndarray of float64
        Rows of each segment in these cells.
    """
    import numpy as np

    widths = np.diff(rows.offsets)[group]
    ids = rows.table["reference_id"].take(group).unique()
    known = rows.reference[group] >= 0
    if len(ids) > 1 or (widths != widths[0]).any() or not known.all():
        return None
    cells = rows.cells[rows.offsets[group][:, None] + np.arange(widths[0])].astype(float)
    expected = rows.reference_cells(group) * (n / n0)
    difference = cells.sum(axis=0) - expected.sum(axis=0)
    grown = difference > 0
    chance = _chance(expected.sum(axis=0) / n, n, n0).sum()
    effect = max(0.0, float(difference[grown].sum() / n - chance))
    return effect, expected[:, grown].sum(axis=1), cells[:, grown].sum(axis=1)


def _joint(rows: PaneRows, group: Any, n: int, n0: int) -> tuple[float, Any, Any]:
    """Look at the cells that grew in each segment; returns what `_together` does."""
    import numpy as np

    forecast, actual = np.zeros(len(group)), np.zeros(len(group))
    for place, row in enumerate(group.tolist()):
        cells = rows.cells[rows.offsets[row] : rows.offsets[row + 1]].astype(float)
        expected = np.zeros(len(cells))  # a segment that is new was not expected at all
        if rows.reference[row] >= 0:
            counts = rows.references[int(rows.reference[row])].counts
            expected = np.asarray(counts, float) * (n / n0)
        difference = cells - expected
        grown = difference > 0
        excess = difference[grown].sum() - n * _chance(expected / n, n, n0).sum()
        forecast[place] = expected[grown].sum()
        actual[place] = forecast[place] + max(0.0, float(excess))
    return float((actual - forecast).sum() / n), forecast, actual
