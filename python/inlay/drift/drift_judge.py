"""`DriftJudge`: whether a column's values still come from the distribution of its reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._exceptions import InvalidArgumentError, SerializationError
from inlay.drift.correction import check_level
from inlay.drift.judge import check_min_rows, check_scope

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from inlay.drift.references import Reference, References
    from inlay.table import Table

__all__ = ["DriftJudge"]

_KINDS = ("edges", "categories")
_BARE = ("presence",)
_E_BH = "e-bh"


class DriftJudge:
    """The default judge: a change that is certain, whenever one looks, and large enough to matter.

    Parameters
    ----------
    level : float, default 0.05
        The chance that a series whose rows keep coming from the reference's distribution is ever
        judged otherwise; with a correction, the rate of false discoveries among the columns of a
        window.
    threshold : float, default 0.02
        The Jensen-Shannon distance (base 2, 0 to 1) that the change must certainly exceed. A shift
        by 0.1 standard deviations of a normal distribution is 0.042 away, one by 0.005 is 0.002.
    min_rows : int, default 1000
        Rows of a series, over all its windows, below which the verdict is ``insufficient``.
    correction : {"e-bh", None}, default "e-bh"
        How the columns of one watch, window and revision are judged together.

    Raises
    ------
    InvalidArgumentError
        If a value is out of its range; the message names it.

    Notes
    -----
    Verdicts of method ``drift``. ``log_e`` is that of the series' e-process: the probability of all
    windows if the shares of the cells changed at some time, over that if they did not, both
    learning from everything seen and the latter from the reference too. ``effect`` is the distance
    between the reference and all rows since the time at which the change most likely began, less
    the bias of samples of that size, and ``low`` and ``high`` its 90 % interval; ``n`` is the
    number of those rows, and of a yes ``reason`` says since when: to the window while the change is
    six windows old or less, later to a third of its age, as older starts are thinned out. ``value``
    is the distance of this window alone. Yes needs ``low`` above ``threshold`` and a ``log_e`` that
    passes.

    Undefined are ``empty`` windows, those that lack the column (``absent``), series of fewer than
    `min_rows` rows (``insufficient``), rows without a reference (``no_reference``,
    ``other_reference``) or with other cells than it has (``other_cells``), columns of which the
    reference has no value (``empty_reference``), and what is not calibrated (``uncalibrated``):
    rows of a window that depend on each other, and references whose counts are estimates of a
    sketch or whose edges are not among its rows. Windows take part in the order in which they come;
    late rows are a window more, and their pane's verdict comes again with their revision.

    The judge keeps about 8 kB for a column of ten cells. Not thread-safe; `judge` shares series out
    to threads, and the outcome does not depend on their number.

    Examples
    --------
    >>> from inlay.drift import DriftJudge
    >>> DriftJudge(threshold=0.05)
    DriftJudge(level=0.05, threshold=0.05, min_rows=1000, correction='e-bh')
    """

    __module__ = "inlay.drift"

    name = "drift"
    version = "1"

    def __init__(
        self,
        *,
        level: float = 0.05,
        threshold: float = 0.02,
        min_rows: int = 1000,
        correction: str | None = _E_BH,
    ) -> None:
        check_level(level)
        if not isinstance(threshold, int | float) or not 0 < threshold < 1:
            message = f"threshold must lie between 0 and 1: {threshold!r}"
            raise InvalidArgumentError(message)
        check_min_rows(min_rows)
        if correction not in (_E_BH, None):
            message = f"correction must be {_E_BH!r} or None: {correction!r}"
            raise InvalidArgumentError(message)
        self.level = float(level)
        self.threshold = float(threshold)
        self.min_rows = min_rows
        self.correction = correction
        self._native = _core.DriftJudge(
            level=self.level,
            threshold=self.threshold,
            min_rows=min_rows,
            correct=correction is not None,
        )
        self._known: dict[tuple[int, str], Reference] = {}

    def judge(
        self,
        points: Any,
        references: References | None = None,
        *,
        scope: str = "process",
        threads: int = 0,
    ) -> Table:
        """Return what this judge says of rows of points.

        Parameters
        ----------
        points : Table or any Arrow-capable table
            In the order of emission, windows whole. Rows of other metrics and kinds are passed
            over.
        references : References, optional
            What holds at that time. Without, those known from earlier calls.
        scope : {"process", "host", "fleet"}
            Whose rows they are.
        threads : int, default 0
            0 for as many as there are cores.

        Returns
        -------
        Table
            Rows of ``verdicts``, in the order of the points; those about columns without cells
            come last.

        Raises
        ------
        InvalidArgumentError
            If a column is not there or of another type, or `scope` is none.
        """
        import numpy as np
        import pyarrow as pa

        from inlay.drift.keys import is_any, members_of
        from inlay.drift.references import METRIC, points_columns
        from inlay.drift.replay import COLUMNS
        from inlay.table import Table

        check_scope(scope)
        table = points_columns(points, COLUMNS)
        mask = is_any(table["metric"], (METRIC,)) & is_any(table["kind"], (*_KINDS, *_BARE))
        # Windows of several panes overlap: a row would be evidence as often as it is in one.
        panes, of_row = members_of(table["attrs"], "panes")
        if any(panes):
            mask &= np.asarray([not text for text in panes])[of_row]
        if not mask.all():
            table = table.filter(pa.array(mask))
        bare = is_any(table["kind"], _BARE)
        without_cells = table.filter(pa.array(bare)) if bare.any() else None
        if without_cells is not None:
            table = table.filter(pa.array(~bare))
        if references is not None and table.num_rows:
            self._learn(table, references)
        found = Table(self._native.judge(_core.Table(table), threads=threads)).to_pyarrow()
        verdicts = self._verdicts(table, found, references, scope)
        if without_cells is not None and references is not None:
            empty = self._of_empty_references(without_cells, references, scope)
            if empty.num_rows:
                verdicts = pa.concat_tables([verdicts, empty], promote_options="permissive")
        return Table(verdicts)

    def _of_empty_references(self, table: pa.Table, references: References, scope: str) -> pa.Table:
        """Say of columns without cells that the reference has no value of them, if that is why."""
        import numpy as np
        import pyarrow as pa

        from inlay.drift.keys import distinct, first_rows
        from inlay.drift.verdict_rows import UNDEFINED, verdict_rows

        attrs, of_attrs = distinct(table["attrs"])
        resources, of_resource = distinct(table["resource"])
        series = table["series_id"].to_numpy()
        firsts, of_row = first_rows((of_attrs, len(attrs)), (of_resource, len(resources)))
        found = [
            references.find(int(series[row]), attrs[of_attrs[row]], None) for row in firsts.tolist()
        ]
        empty = np.asarray([each is not None and each.num_values == 0 for each in found])
        rows = np.flatnonzero(empty[of_row])
        return verdict_rows(
            table,
            rows,
            judge=type(self).__name__,
            judge_version=self.version,
            scope=scope,
            method="drift",
            verdict=[UNDEFINED] * len(rows),
            reason="empty_reference",
            threshold=self.threshold,
            n_reference=0,
            reference_id=table["reference_id"].take(pa.array(rows)),
        )

    def _learn(self, table: pa.Table, references: References) -> None:
        """Hand on the references of series that come for the first time, or have new ones."""
        from inlay.drift.keys import distinct, first_rows, members_of

        ids, of_id = distinct(table["reference_id"])
        attrs, of_attrs = distinct(table["attrs"])
        resources, of_resource = distinct(table["resource"])
        watches, of_watch = members_of(table["attrs"], "watch")
        series = table["series_id"].to_numpy()
        firsts, _ = first_rows(
            (of_attrs, len(attrs)), (of_id, len(ids)), (of_resource, len(resources))
        )
        for row in firsts.tolist():
            key = int(series[row]), ids[of_id[row]]
            reference = references.find(key[0], attrs[of_attrs[row]], key[1] or None)
            if reference is None or self._known.get(key) is reference:
                continue
            self._known[key] = reference
            self._native.add_reference(
                *key,
                list(reference.counts),
                exact=reference.exact,
                ordered=reference.kind == "edges",
                bounded=reference.bounded,
                family=_core.series_id(watches[of_watch[row]], "{}", ""),
            )

    def _verdicts(
        self, table: pa.Table, found: pa.Table, references: References | None, scope: str
    ) -> pa.Table:
        from inlay.drift.verdict_rows import verdict_rows

        rows = found["point"].to_numpy()
        given = {
            name: found[name]
            for name in ("value", "effect", "low", "high", "threshold", "log_e", "n", "n_reference")
        }
        return verdict_rows(
            table,
            rows,
            judge=type(self).__name__,
            judge_version=self.version,
            scope=scope,
            method="drift",
            verdict=found["verdict"],
            reason=_reasons(table, found, references),
            reference_id=table["reference_id"].take(found["point"]),
            **given,
        )

    def save_state(self) -> bytes:
        """Return the state: references, e-processes and settings."""
        return self._native.to_bytes()

    def load_state(self, data: bytes) -> None:
        """Take up what `save_state` of a judge with the same settings returned.

        Raises
        ------
        SerializationError
            If it did not, or that of a newer version.
        """
        native = _core.DriftJudge.from_bytes(data)
        own = (self.level, self.threshold, self.min_rows, self.correction is not None)
        if native.options != own:
            message = f"the state is that of a judge with other settings: {native.options}"
            raise SerializationError(message)
        self._native = native
        self._known = {}

    @property
    def memory_bytes(self) -> int:
        """Bytes that references and e-processes take."""
        return self._native.memory_bytes

    def __repr__(self) -> str:
        """Return the settings."""
        return (
            f"DriftJudge(level={self.level}, threshold={self.threshold}, "
            f"min_rows={self.min_rows}, correction={self.correction!r})"
        )


def _reasons(table: pa.Table, found: pa.Table, references: References | None) -> pa.Array:
    """Return why a verdict is undefined, and of a yes since when."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    reasons = found["reason"].combine_chunks()
    yes = np.flatnonzero(pc.equal(found["verdict"], "yes").to_numpy(zero_copy_only=False))
    lost = np.flatnonzero(
        pc.fill_null(pc.equal(reasons, "no_reference"), False).to_numpy(zero_copy_only=False)
    )
    absent = _absent(table, found, reasons)
    if len(yes) == len(absent) == 0 and (len(lost) == 0 or references is None):
        return reasons
    texts = reasons.to_numpy(zero_copy_only=False).copy()
    texts[absent] = "absent"
    if len(yes):
        since = found["since"].take(pa.array(yes))
        stamps = pc.strftime(
            since.cast(pa.timestamp("s"), safe=False), format="since %Y-%m-%dT%H:%M:%SZ"
        )
        texts[yes] = stamps.to_numpy(zero_copy_only=False)
    if len(lost) and references is not None:
        of_lost = found["point"].take(pa.array(lost))
        attrs = table["attrs"].take(of_lost).to_pylist()
        series = table["series_id"].take(of_lost).to_pylist()
        for row, who, text in zip(lost.tolist(), series, attrs, strict=True):
            texts[row] = references.why_not(who, text)
    return pa.array(texts, pa.utf8(), from_pandas=True)


def _absent(table: pa.Table, found: pa.Table, reasons: pa.Array) -> np.ndarray[Any, Any]:
    """Return which verdicts are of windows that are empty since they lack the column."""
    import numpy as np
    import pyarrow.compute as pc

    from inlay.drift.keys import is_any

    is_absent = is_any(table["status"], ("absent",))
    if not is_absent.any():
        return np.zeros(0, np.int64)
    empty = pc.fill_null(pc.equal(reasons, "empty"), False).to_numpy(zero_copy_only=False)
    return np.flatnonzero(empty & is_absent[found["point"].to_numpy()])
