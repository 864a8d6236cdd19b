"""What a pane counts: all rows together, and the rows of each group apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.data.groups import OTHER, GroupKey, Groups
from inlay.data.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from inlay.data.column_profile import ColumnProfile
    from inlay.data.profile import Profile
    from inlay.data.watch.settings import Settings
    from inlay.summary.categories import Categories
    from inlay.summary.edge_histogram import EdgeHistogram

__all__ = ["Tallies", "TallyKind", "check_groups"]


class TallyKind:
    """Makes the tallies of panes: which columns are counted, in which cells, in which groups.

    Not thread-safe.

    Parameters
    ----------
    settings : Settings
    schema : pyarrow.Schema
        Of the tables to come.
    reference : Profile or None
        Whose cells the rows are counted in; its names are as they may leave.
    on_device : bool
        Whether rows are counted on CUDA devices too: without quantiles and unseen names then.
    """

    def __init__(
        self,
        settings: Settings,
        schema: pa.Schema,
        reference: Profile | None,
        *,
        on_device: bool = False,
    ) -> None:
        self.by = settings.by
        self._reference = reference
        self._most = settings.max_groups
        if reference is None:  # the time of rows is no value of theirs
            import pyarrow as pa

            schema = pa.schema([field for field in schema if field.name != settings.event_time])
        # A device adds to neither.
        kept: dict[str, Any] = {"quantiles": False, "unseen": 0} if on_device else {}
        self._whole = Tally(schema, **kept) if reference is None else Tally.of(reference, **kept)
        # The groups that there are, in the order in which they came.
        self.known: dict[GroupKey, Any] = {}
        self._emptied: dict[GroupKey, Tally] = {}
        self._groups: Groups | None = None  # of tables with this schema
        self._split_schema: pa.Schema | None = None
        self._rest: pa.Schema | None = None
        if self.by:
            names = set(self.by)
            import pyarrow as pa

            self._rest = pa.schema([field for field in schema if field.name not in names])

    def empty(self) -> Tallies:
        """Return the tallies of a pane without rows."""
        return Tallies(self, self._whole.copy(), {})

    def empty_group(self, key: GroupKey) -> Tally:
        """Return an empty tally of a group's columns."""
        found = self._emptied.get(key)
        if found is None:
            assert self._rest is not None
            found = self._emptied[key] = _group_tally(self._rest, self._reference, self.by, key)
        return found.copy()

    def split(self, batch: pa.RecordBatch) -> Iterator[tuple[GroupKey, pa.RecordBatch]]:
        """Take a batch apart by group; one without the columns of by has none."""
        if self._split_schema is None or not batch.schema.equals(self._split_schema):
            self._groups = self._new_groups(batch.schema)
            self._split_schema = batch.schema
        if self._groups is not None:
            yield from self._groups.split(batch, admit=True)

    def _new_groups(self, schema: pa.Schema) -> Groups | None:
        try:
            groups = Groups(self.by, schema, self._most, _nothing)
        except InvalidArgumentError:  # told as a change of the schema
            return None
        groups.natives = self.known
        groups._known = {key for key in self.known if OTHER not in key}
        if self._reference is not None:
            groups.hide_later(_renames(self._reference))
        return groups

    def restore(self, known: list[list[str]]) -> None:
        """Take over which groups there are."""
        self.known = {tuple(key): None for key in known}
        self._split_schema = None

    def read(self, data: bytes, key: GroupKey | None = None) -> Tally:
        """Read a tally of this kind.

        Raises
        ------
        SerializationError, InvalidArgumentError
            If it is none, or one of other columns or cells.
        """
        like = self._whole if key is None else self.empty_group(key)
        return Tally.from_bytes(data, like=like)

    @property
    def is_counted(self) -> bool:
        """Whether the reference's counts are of its rows, rather than a sketch's estimates."""
        return self._reference is not None and self._reference.counted_from == "rows"

    def reference_cells(
        self, key: GroupKey | None
    ) -> dict[str, EdgeHistogram | Categories | ColumnProfile]:
        """Return the cells of a reference, with its own counts, by column.

        Of a column without cells its profile, which says how many of its values are missing.
        """
        reference = self._reference
        if reference is None:
            return {}
        if key is not None and reference.by == self.by and key in reference.groups:
            reference = reference.groups[key]
        frozen = reference._frozen
        assert frozen is not None
        paths = reference._native.paths
        own = set() if key is None else set(self.by)
        return {
            path: frozen.cells[number] if number in frozen.cells else reference._column(number)
            for number, path in enumerate(paths)
            if path not in own
        }


def check_groups(by: tuple[str, ...], schema: pa.Schema) -> None:
    """Refuse a first table by whose columns no groups can be made.

    Raises
    ------
    InvalidArgumentError
        The message names the column.
    """
    if by:
        Groups(by, schema, 1, _nothing)


def _nothing(_: pa.Schema) -> Any:
    """Stand for the state of a group where only its name matters."""
    return None


class Tallies:
    """The tally of all rows and of each group. Not thread-safe."""

    __slots__ = ("_kind", "groups", "whole")

    def __init__(self, kind: TallyKind, whole: Tally, groups: dict[GroupKey, Tally]) -> None:
        self._kind = kind
        self.whole = whole
        self.groups = groups

    def update(self, batch: pa.RecordBatch) -> None:
        """Count a batch's rows; columns that lack or are of another kind are left out."""
        self.whole.update(batch)
        if self._kind.by:
            for key, rows in self._kind.split(batch):
                tally = self.groups.get(key)
                if tally is None:
                    tally = self.groups[key] = self._kind.empty_group(key)
                tally.update(rows)

    def merge(self, other: Tallies) -> None:
        """Add what others counted."""
        self.whole.merge(other.whole)
        for key, tally in other.groups.items():
            mine = self.groups.get(key)
            if mine is None:
                self.groups[key] = tally.copy()
            else:
                mine.merge(tally)

    def copy(self) -> Tallies:
        """Return an independent copy."""
        groups = {key: tally.copy() for key, tally in self.groups.items()}
        return Tallies(self._kind, self.whole.copy(), groups)

    def parts(self) -> Iterator[tuple[GroupKey | None, Tally]]:
        """Give the whole, under None, then the groups."""
        yield None, self.whole
        yield from self.groups.items()

    @property
    def memory_bytes(self) -> int:
        """Bytes that the tallies take."""
        return sum(tally.memory_bytes for _, tally in self.parts())


def _group_tally(
    schema: pa.Schema, reference: Profile | None, by: tuple[str, ...], key: GroupKey
) -> Tally:
    """Return an empty tally of a group: in its own cells, or in the whole's if it has none."""
    if reference is None:
        return Tally(schema)
    if reference.by == by and key in reference.groups:
        return Tally.of(reference.groups[key])
    whole = Tally.of(reference)
    plain = Tally(schema)
    cells = {path: cell for path, cell in whole.cells.items() if path in plain.columns}
    tally = Tally(schema, cells=cells)
    tally._renames = reference._renames(tally.columns)
    return tally


def _renames(reference: Profile) -> dict[str, Callable[[bytes], bytes]]:
    return {
        path: reference._redaction.again(path, how).rename
        for path, how in reference._hidden.items()
    }
