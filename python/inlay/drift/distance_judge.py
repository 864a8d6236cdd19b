"""`DistanceJudge`: any of the classical distances of a pane from its reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.drift.correction import benjamini_hochberg_families
from inlay.drift.keys import is_any
from inlay.drift.pane_judge import PaneJudge, PaneRows, check_thresholds, families

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["METHODS", "DistanceJudge"]

METHODS: dict[str, float | None] = {
    "psi": 0.2,
    "jensen_shannon": 0.1,
    "kl": 0.1,
    "hellinger": 0.1,
    "total_variation": 0.1,
    "l_infinity": 0.1,
    "chi2": 0.1,
    "ks": 0.1,
    "cramer_von_mises": 0.01,
    "anderson_darling": 0.06,
    "wasserstein": None,
    "energy": None,
}
"""The methods, in the order of the native core, and their thresholds; None: there is no general."""

_CELL_METHODS = 7
_CHI2 = 6
_NUMBERS = 5  # value, low, high, p-value, effect
# What says how unlikely the rows are where the distance itself has no distribution.
_WITHOUT_P = ("total_variation", "l_infinity")


class DistanceJudge(PaneJudge):
    """Says whether distances of a column from its reference exceed thresholds, and not by chance.

    Parameters
    ----------
    methods : str or sequence of str, default ("psi", "jensen_shannon")
        Of ``psi``, ``jensen_shannon``, ``kl``, ``hellinger``, ``total_variation``, ``l_infinity``,
        ``chi2``, and for numbers ``ks``, ``cramer_von_mises``, ``anderson_darling``,
        ``wasserstein``, ``energy``; each gives verdicts of its own.
    thresholds : mapping of str to float, optional
        By method, instead of the defaults: psi 0.2, ``cramer_von_mises`` 0.01,
        ``anderson_darling`` 0.06, all others 0.1. ``wasserstein`` and ``energy`` have the unit of
        the column, hence no default.
    level : float, default 0.05
        False discoveries among the columns of a pane are at most this share of them, on average.
    min_rows : int, default 1000
        Panes with fewer rows are undefined, ``insufficient``.

    Raises
    ------
    InvalidArgumentError
        If there is no such method, it needs a threshold, or a value is out of its range.

    Notes
    -----
    ``value``, ``low`` and ``high`` are those of `distances`: the distance, and what the cells leave
    open of it. ``effect`` is, of distances between cells, what is left when what two samples of one
    distribution differ by on average is taken off, which of many cells and few rows is most of it:
    of ``chi2`` so of Cramér's V, of ``l_infinity`` the value itself. Of ordered distances it is
    ``low``. The verdict is yes if it exceeds the threshold and Benjamini-Hochberg over the columns
    of the pane rejects ``p_value``; for total variation and L-infinity the p-value is that of
    chi-squared. Each pane is looked at alone: the level is that of a pane, not of a stream. Of a
    yes ``part_names`` and ``part_values`` say what each cell adds.

    Examples
    --------
    >>> from inlay.drift import DistanceJudge
    >>> DistanceJudge("psi", thresholds={"psi": 0.25})
    DistanceJudge(methods=('psi',), thresholds={'psi': 0.25}, level=0.05, min_rows=1000)
    """

    name = "distance"

    def __init__(
        self,
        methods: str | Sequence[str] = ("psi", "jensen_shannon"),
        *,
        thresholds: Mapping[str, float] | None = None,
        level: float = 0.05,
        min_rows: int = 1000,
    ) -> None:
        super().__init__(level=level, min_rows=min_rows)
        self.methods, given = _methods(methods), _given(thresholds)
        for method in (*self.methods, *given):
            if method not in METHODS:
                message = f"a method is one of {', '.join(METHODS)}: {method!r}"
                raise InvalidArgumentError(message)
        if not self.methods:
            message = f"there must be a method: {methods!r}"
            raise InvalidArgumentError(message)
        check_thresholds(given)
        self.thresholds: dict[str, float] = {}
        for method in self.methods:
            threshold = given.get(method, METHODS[method])
            if threshold is None:
                message = f"a threshold in the unit of the columns is needed for {method!r}"
                raise InvalidArgumentError(message)
            self.thresholds[method] = float(threshold)

    def __repr__(self) -> str:
        """Return the settings."""
        return (
            f"DistanceJudge(methods={self.methods}, thresholds={self.thresholds}, "
            f"level={self.level}, min_rows={self.min_rows})"
        )

    def _judge(self, rows: PaneRows, points: pa.Table, scope: str) -> list[pa.Table]:
        import numpy as np

        del points
        if not rows.table.num_rows:
            return []
        is_ordered = is_any(rows.table["kind"], ("edges",))
        numbers = np.full((rows.table.num_rows, len(METHODS), _NUMBERS), np.nan)
        reasons: dict[tuple[int, int], str] = {}
        for members, cells in rows.by_width():
            for ordered in (True, False):
                of_kind = is_ordered[members] == ordered
                if of_kind.any():
                    self._measure(rows, members[of_kind], cells[of_kind], numbers, reasons, ordered)
        family = families(rows.table)
        return [
            self._of_method(rows, method, numbers, reasons, is_ordered, family, scope)
            for method in self.methods
        ]

    def _measure(
        self,
        rows: PaneRows,
        members: Any,
        cells: Any,
        numbers: Any,
        reasons: dict[tuple[int, int], str],
        ordered: bool,
    ) -> None:
        """Fill in the distances of rows that are of one kind and have equally many cells."""
        import numpy as np

        from inlay.summary.edge_histogram import EdgeHistogram

        used, place = np.unique(rows.reference[members], return_inverse=True)
        references = [rows.references[number] for number in used.tolist()]
        counts = np.asarray([reference.counts for reference in references], np.int64)
        edges = [r.cells.edges for r in references if isinstance(r.cells, EdgeHistogram)]
        wants_order = any(list(METHODS).index(name) >= _CELL_METHODS for name in self.methods)
        bounds = np.asarray(edges if wants_order else [], np.float64)
        found, why, known = _core.distances_of_rows(
            counts.reshape(-1).data,
            bounds.reshape(-1).data,
            np.ascontiguousarray(cells).reshape(-1).data,
            place.astype(np.int64).reshape(-1).data,
            cells=cells.shape[1],
            is_ordered=ordered,
        )
        shape = (len(members), len(METHODS))
        numbers[members] = np.frombuffer(found, np.float64).reshape(*shape, _NUMBERS)
        numbered = np.frombuffer(why, np.uint8).reshape(shape)
        for row, method in zip(*np.nonzero(numbered), strict=True):
            reasons[int(members[row]), int(method)] = known[numbered[row, method] - 1]

    def _of_method(
        self,
        rows: PaneRows,
        method: str,
        numbers: Any,
        reasons: dict[tuple[int, int], str],
        is_ordered: Any,
        family: Any,
        scope: str,
    ) -> pa.Table:
        import numpy as np

        at = list(METHODS).index(method)
        # Of names there is no order: no verdict, rather than one that is always undefined.
        members = np.arange(len(is_ordered))
        if at >= _CELL_METHODS:
            members = np.flatnonzero(is_ordered)
        value, low, high, p_value, effect = (
            numbers[members, at, which] for which in range(_NUMBERS)
        )
        if method in _WITHOUT_P:
            p_value = numbers[members, _CHI2, 3]
        defined = (rows.reason[members] == 0) & ~np.isnan(value)
        rejected = benjamini_hochberg_families(
            np.where(defined, p_value, np.nan), family[members], self.level
        )
        yes = rejected & (np.nan_to_num(effect) > self.thresholds[method])
        names, values = self._parts(rows, members, at, yes)
        own = [reasons.get((row, at)) for row in members.tolist()] if reasons else None
        return self._verdicts(
            rows,
            members,
            scope,
            method,
            yes=yes,
            own_reason=own,
            value=value,
            low=low,
            high=high,
            effect=effect,
            threshold=self.thresholds[method],
            p_value=p_value,
            n=rows.count[members],
            part_names=names,
            part_values=values,
        )

    def _parts(self, rows: PaneRows, members: Any, method: int, yes: Any) -> tuple[Any, Any]:
        """Say what each cell adds, where there is something to explain."""
        import numpy as np
        import pyarrow as pa

        names: list[list[str] | None] = [None] * len(members)
        values: list[list[float] | None] = [None] * len(members)
        if method < _CELL_METHODS:
            for place in np.flatnonzero(yes).tolist():
                row = int(members[place])
                reference = rows.references[int(rows.reference[row])]
                cells = rows.cells[rows.offsets[row] : rows.offsets[row + 1]].tolist()
                names[place] = reference.names
                values[place] = _core.cell_parts(method, list(reference.counts), cells)
        return pa.array(names, pa.list_(pa.utf8())), pa.array(values, pa.list_(pa.float64()))


def _methods(methods: Any) -> tuple[str, ...]:
    if not isinstance(methods, str | Sequence):
        message = f"methods are names, got {type(methods).__name__}: {methods!r}"
        raise TypeError(message)
    return (methods,) if isinstance(methods, str) else tuple(methods)


def _given(thresholds: Any) -> dict[str, float]:
    if thresholds is not None and not isinstance(thresholds, Mapping):
        message = f"thresholds is a mapping, got {type(thresholds).__name__}: {thresholds!r}"
        raise TypeError(message)
    return dict(thresholds or {})
