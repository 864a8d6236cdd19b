"""What one side of a comparison knows, wherever it comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from inlay.data.leaf_values import TEMPORAL_KINDS, json_value
from inlay.data.redaction import hashed_name
from inlay.data.type_names import unit_and_zone
from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import EdgeHistogram
from inlay.summary.kll import Kll
from inlay.summary.moments import Moments
from inlay.summary.top_k import TopK

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.data.groups import GroupKey
    from inlay.data.profile import Profile

__all__ = ["ColumnSide", "Side", "rank_error", "side_of_profile", "sketch_error"]

_APART = ("null_count", "nan_count", "pos_inf_count", "neg_inf_count")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSide:
    """What one side knows of a column.

    Attributes
    ----------
    path : str
    kind, type : str
        As of a profile's column; empty where points do not say.
    rows : int
        Values, those that are missing included.
    null_count, nan_count, pos_inf_count, neg_inf_count : int
    moments, quantiles, top_k : summary or None
    unseen : TopK, optional
        Of the names outside of the cells alone.
    cells : EdgeHistogram or Categories, optional
        Counts in the cells of the reference.
    error : float
        By how much a share of the cells may be off, see `effect_between`.
    problem : str
        Why there are no cells.
    hide : callable, optional
        What stands for a name in what leaves.
    is_hidden : bool
        Whether what stands for names is here already, and not the names.
    is_clear : bool
        Whether names were declared to leave as they are.
    """

    path: str
    kind: str = ""
    type: str = ""
    rows: int = 0
    null_count: int = 0
    nan_count: int = 0
    pos_inf_count: int = 0
    neg_inf_count: int = 0
    moments: Moments | None = None
    quantiles: Kll | None = None
    top_k: TopK | None = None
    unseen: TopK | None = None
    cells: EdgeHistogram | Categories | None = None
    error: float = 0.0
    problem: str = ""
    hide: Callable[[bytes], bytes] | None = None
    is_hidden: bool = False
    is_clear: bool = False

    @classmethod
    def of_native(cls, native: Any, **over: Any) -> ColumnSide:
        """Make one of a native profile's or tally's column; its cells are not looked at."""
        top_k, unseen = getattr(native, "top_k", None), getattr(native, "unseen", None)
        fields: dict[str, Any] = {
            "path": native.path,
            "kind": native.kind,
            "type": native.type,
            "rows": native.rows,
            "moments": None if native.moments is None else Moments._of(native.moments),
            "quantiles": None if native.quantiles is None else Kll._of(native.quantiles),
            "top_k": None if top_k is None else TopK._of(top_k),
            "unseen": None if unseen is None else TopK._of(unseen),
            **{name: getattr(native, name) for name in _APART},
        }
        return cls(**(fields | over))

    @property
    def missing(self) -> int:
        """Nulls and NaN."""
        return self.null_count + self.nan_count

    @property
    def count(self) -> int:
        """Values that are not missing."""
        return self.rows - self.missing

    @property
    def counts(self) -> list[int]:
        """Counts of the cells: infinities in the outer ones, other names last."""
        cells = self.cells
        if isinstance(cells, EdgeHistogram):
            counts = cells.counts
            counts[0] += cells.neg_inf_count
            counts[-1] += cells.pos_inf_count
            return counts
        return [] if cells is None else [*cells.counts, cells.other]

    def value(self, number: float) -> Any:
        """Turn a number of the cells or summaries into what JSON can hold."""
        if self.kind not in TEMPORAL_KINDS:
            return number
        native: Any = _ValueType(self.kind, *unit_and_zone(self.type))
        return json_value(native, number)

    def name(self, text: str, other: ColumnSide) -> str:
        """Return a name of this side as it may leave, by what either side declares."""
        if self.is_hidden:
            return text
        hide = self.hide or other.hide
        if hide is None and other.is_hidden:
            return hashed_name(text)
        return text if hide is None else hide(text.encode()).decode(errors="backslashreplace")

    def new_name(self, text: str, reference: ColumnSide, *, many: bool) -> str:
        """Return a name that the reference has not; hashed where names are many."""
        if many and not (reference.is_clear or self.is_hidden):
            return hashed_name(text)
        return self.name(text, reference)


class _ValueType:
    """What `json_value` looks at."""

    __slots__ = ("kind", "scale", "timezone", "unit")

    def __init__(self, kind: str, unit: str | None, timezone: str | None) -> None:
        self.kind, self.unit, self.timezone, self.scale = kind, unit, timezone, None
        if kind == "date":
            self.unit = unit or "D"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one side knows.

    Attributes
    ----------
    name : str
        What messages and pages call it.
    rows : int
    columns : dict of str to ColumnSide
        By path, in the order of the table.
    schema : pyarrow.Schema, optional
    by : tuple of str
        Columns that make the groups.
    groups : dict of tuple of str to Side
    shown_keys : dict of tuple of str to tuple of str
        The groups' keys as they may leave.
    reference_id : str, optional
    """

    name: str
    rows: int
    columns: Mapping[str, ColumnSide]
    schema: pa.Schema | None = None
    by: tuple[str, ...] = ()
    groups: Mapping[GroupKey, Side] = dataclasses.field(default_factory=dict)
    shown_keys: Mapping[GroupKey, GroupKey] = dataclasses.field(default_factory=dict)
    reference_id: str | None = None

    @property
    def is_there(self) -> bool:
        """Whether it is there at all, with rows or without: a group may be on one side alone."""
        return bool(self.columns) or self.schema is not None


def rank_error(sketch: Kll) -> float:
    """Return by how much a rank of a sketch is off at most, with 99 % confidence."""
    if sketch.num_retained == sketch.count:
        return 0.0  # it keeps every value
    return sketch.normalized_rank_error()


def side_of_profile(profile: Profile, name: str) -> Side:
    """Give a profile as a side, with its cells if it is a reference."""
    hiders = profile._hiders()
    frozen = profile._frozen
    declared = profile._redaction.declared
    columns = {}
    for number in range(len(profile)):
        native = profile._native.column(number)
        side = ColumnSide.of_native(native)
        cells = None if frozen is None else frozen.cells.get(number)
        is_exact = frozen is not None and frozen.counted_from == "rows"
        hider = hiders.get(native.path)
        columns[native.path] = dataclasses.replace(
            side,
            cells=cells,
            error=0.0 if is_exact or cells is None else sketch_error(side, cells),
            problem="" if frozen is None or cells is not None else _no_cells(side),
            hide=None if hider is None else hider.rename,
            is_hidden=native.path in profile._hidden,
            is_clear=declared is False
            or (isinstance(declared, dict) and declared.get(native.path) is False),
        )
    groups = {key: side_of_profile(group, name) for key, group in profile.groups.items()}
    return Side(
        name=name,
        rows=profile.rows,
        columns=columns,
        schema=profile._schema,
        by=profile.by,
        groups=groups,
        shown_keys={key: tuple(profile._attrs(key, hiders).values()) for key in groups},
        reference_id=profile.reference_id,
    )


def sketch_error(side: ColumnSide, cells: EdgeHistogram | Categories) -> float:
    """Return by how much a share of cells that sketches filled may be off."""
    if isinstance(cells, EdgeHistogram):
        return 0.0 if side.quantiles is None else rank_error(side.quantiles)
    top_k = side.top_k
    return top_k.max_error / top_k.count if top_k is not None and top_k.count else 0.0


def _no_cells(side: ColumnSide) -> str:
    if side.rows == 0:
        return "the reference has no rows"
    if side.count == 0:
        return "the reference has no values"
    if side.moments is not None and not side.moments.count and side.kind == "float":
        return "the reference has no finite values"
    if side.kind == "text":
        return "no name of the reference is frequent"
    if side.kind == "list":
        return "lists are compared by their items"
    return f"values of kind {side.kind} have no cells"
