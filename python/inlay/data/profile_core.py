"""The state of a profile: how it reads, is copied, merged, compared, and hides names."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.data.column_profile import ColumnProfile
from inlay.data.groups import Groups
from inlay.data.redaction import Hider, Redact, Redaction
from inlay.data.reference import Cells, Frozen, with_names
from inlay.data.sources import Source
from inlay.data.sources.progress import Progress, progress_of
from inlay.data.tally import Recount
from inlay.summary._arguments import whole
from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import EdgeHistogram

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.data.groups import GroupKey
    from inlay.data.schema import Schema

__all__ = ["ProfileCore", "Settings"]


class Settings(NamedTuple):
    """How large the summaries of a column are."""

    k: int = 200
    lg_k: int = 12
    top: int = 256


class ProfileCore:
    """Base of `Profile`: its state, and what can be asked of it."""

    __slots__ = (
        "__weakref__",
        "_frozen",
        "_groups",
        "_hidden",
        "_is_group",
        "_lock",
        "_native",
        "_reads",
        "_redaction",
        "_remembered",
        "_schema",
        "_settings",
    )

    def __init__(
        self,
        schema: Any,
        *,
        by: Sequence[str] = (),
        max_groups: int = 100,
        redact: Redact = None,
        top: int = 256,
        k: int = 200,
        lg_k: int = 12,
    ) -> None:
        import pyarrow as pa

        plain = schema if isinstance(schema, pa.Schema) else pa.schema(schema)
        # Metadata of other tools may repeat the data itself.
        self._schema: pa.Schema = pa.schema([field.remove_metadata() for field in plain])
        self._settings = Settings(k, lg_k, whole("top", top, 2**32))
        self._native = self._new(self._schema)
        self._redaction = Redaction(redact)
        self._redaction.check(_kinds(self._native))
        names = (by,) if isinstance(by, str) else tuple(by)
        if whole("max_groups", max_groups, 2**20) == 0:
            message = f"max_groups must be 1 or more: {max_groups}"
            raise InvalidArgumentError(message)
        self._groups = Groups(names, self._schema, max_groups, self._new) if names else None
        self._frozen: Frozen | None = None
        # Columns whose names are hidden in the state itself, by what hid them.
        self._hidden: dict[str, str] = {}
        self._reads: tuple[str, ...] | None = None
        self._remembered: Callable[[], Any] | None = None
        self._is_group = False
        self._lock = threading.RLock()

    # ---- adding --------------------------------------------------------------------------------
    def _read(self, source: Source, threads: int | None, progress: Progress) -> None:
        """Count a source's rows; what was counted before a failure stays."""
        count = 0 if threads is None else whole("threads", threads, 2**16)
        order = _order(source.schema.names, self._schema.names)
        with progress_of(progress, source) as advance:
            for batch in source.batches():
                rows = batch if order is None else batch.select(order)
                self._native.update(rows, threads=count)
                if self._groups is not None:
                    self._groups.update(rows, count)
                advance(batch.num_rows)

    @property
    def _is_plain(self) -> bool:
        """Whether there is nothing but the native profile: no groups, no hidden names."""
        return self._groups is None and not self._hidden

    def _add(self, part: Self) -> None:
        self._native.merge(part._native)  # refuses what does not fit before it changes anything
        if self._groups is not None and part._groups is not None:
            self._groups.merge(part._groups)
        self._remembered = None

    def _must_grow(self) -> None:
        if self._frozen is not None:
            message = (
                "a reference does not change; merge it into another profile to go on: "
                f"{self._frozen.reference_id!r}"
            )
            raise InvalidArgumentError(message)
        if self._is_group:
            message = f"a group changes with its profile; copy() it to go on: {self.rows} rows"
            raise InvalidArgumentError(message)

    def _redact_from_here(self, redact: Redact) -> None:
        """Declare anew what leaves."""
        redaction = Redaction(redact)
        redaction.check(_kinds(self._native))
        self._redaction = redaction

    def _renames(self, paths: Sequence[str]) -> dict[int, Callable[[bytes], bytes]]:
        """Return what hides the names of leaves whose state knows hidden names only."""
        return {
            number: self._redaction.again(path, self._hidden[path]).rename
            for number, path in enumerate(paths)
            if path in self._hidden
        }

    def _hiders(self) -> dict[str, Hider | None]:
        """Return for each column what hides its names in what leaves."""
        columns = map(self._native.column, range(len(self._native.paths)))
        return {
            column.path: None if column.path in self._hidden else self._redaction.hider_of(column)
            for column in columns
        }

    def _hide(self, hidden: Mapping[str, str]) -> None:
        """Hide the names of columns in the state itself, for good.

        Raises
        ------
        InvalidArgumentError
            If the function that hides them is not known; nothing changed then.
        """
        self._hide_by(
            {
                path: self._redaction.again(path, how)
                for path, how in hidden.items()
                if path not in self._hidden
            }
        )

    def _hide_by(self, hiders: Mapping[str, Hider]) -> None:
        if not hiders:
            return
        frozen, groups = self._frozen, self._groups
        self._native = _redacted(self._native, {} if frozen is None else frozen.cells, hiders)
        if groups is not None:
            for key, native in groups.natives.items():
                cells = {} if frozen is None else frozen.groups.get(key, {})
                groups.natives[key] = _redacted(native, cells, hiders)
        self._hidden |= {path: hider.how for path, hider in hiders.items()}
        for path, hider in hiders.items():
            if groups is None or path not in groups.by:
                continue
            keys = groups.hide(path, hider.rename)
            if frozen is None:
                continue
            if len(set(keys.values())) < len(keys):
                message = f"groups of a reference would become one if {path!r} is hidden so"
                raise InvalidArgumentError(message)
            moved = {keys[key]: cells for key, cells in frozen.groups.items()}
            frozen = self._frozen = frozen._replace(groups=moved)

    def _hide_groups_to_come(self) -> None:
        """Let the groups know what hides values of their columns, which a file cannot hold."""
        if self._groups is not None:
            hidden = [name for name in self._groups.by if name in self._hidden]
            renames = {
                name: self._redaction.again(name, self._hidden[name]).rename for name in hidden
            }
            self._groups.hide_later(renames)

    def _leaving(self) -> Self:
        """Return a copy whose state holds what may leave and nothing else."""
        twin = self.copy()
        twin._hide_by({path: how for path, how in twin._hiders().items() if how is not None})
        return twin

    def _new(self, schema: pa.Schema) -> _core.Profile:
        k, lg_k, top = self._settings
        return _core.Profile(schema, k=k, lg_k=lg_k, top=top)

    def _empty(self) -> Self:
        """Return one without rows, to count into and add to this."""
        twin = self._like(self._new(self._schema))
        if self._groups is not None:
            self._hide_groups_to_come()
            twin._groups = self._groups.part()
        return twin

    def _like(self, native: _core.Profile) -> Self:
        """Return a profile of this one's settings with another state and no groups."""
        twin = type(self).__new__(type(self))
        for name in ("_schema", "_settings", "_redaction", "_reads"):
            setattr(twin, name, getattr(self, name))
        twin._native = native
        twin._groups = None
        twin._frozen = None
        twin._hidden = {}
        twin._remembered = None
        twin._is_group = False
        twin._lock = threading.RLock()
        return twin

    def copy(self) -> Self:
        """Return an independent copy: of a reference a reference, of a group a profile."""
        with self._lock:
            twin = self._like(self._native.copy())
            twin._groups = None if self._groups is None else self._groups.copy()
            twin._hidden = dict(self._hidden)
            if self._frozen is not None:
                twin._frozen = self._frozen._replace(
                    cells=dict(self._frozen.cells),
                    groups={key: dict(cells) for key, cells in self._frozen.groups.items()},
                )
            return twin

    def __copy__(self) -> Self:
        """Return an independent copy."""
        return self.copy()

    def __deepcopy__(self, memo: object) -> Self:
        """Return an independent copy."""
        return self.copy()

    def __eq__(self, other: object) -> bool:
        """Return whether both hold the same state, the same names hidden."""
        if not isinstance(other, type(self)):
            return NotImplemented
        mine, theirs = self.copy(), other.copy()  # so that no lock waits for another
        if not mine._native.equals(theirs._native) or mine._hidden != theirs._hidden:
            return False
        if mine._frozen != theirs._frozen:
            return False
        if mine._groups is None or theirs._groups is None:
            return mine._groups is theirs._groups
        return mine._groups.equals(theirs._groups)

    def _column(self, number: int) -> ColumnProfile:
        native = self._native.column(number)
        cell = None if self._frozen is None else self._frozen.cells.get(number)
        is_hidden = native.path in self._hidden
        return ColumnProfile(
            native,
            edges=cell if isinstance(cell, EdgeHistogram) else None,
            categories=cell if isinstance(cell, Categories) else None,
            is_redacted=is_hidden,
            hider=None if is_hidden else self._redaction.hider_of(native),
        )

    def _count(
        self,
        source: Source,
        cells: Cells,
        groups: dict[GroupKey, Cells],
        progress: Progress,
    ) -> None:
        """Read the rows a second time and replace the cells by such with their counts."""
        order = _order(source.schema.names, self._schema.names)
        names = source.schema.names if order is None else [source.schema.names[i] for i in order]
        if names != self._schema.names:
            message = f"the rows must have the columns {self._schema.names}: {names}"
            raise InvalidArgumentError(message)
        whole = Recount(self._schema, cells, self._renames(self._native.paths))
        parts: dict[GroupKey, Recount] = {}
        if self._groups is not None:
            for key, part in groups.items():
                renames = self._renames(self._groups.natives[key].paths)
                parts[key] = Recount(self._groups.schema, part, renames)
            self._hide_groups_to_come()
        rows = 0
        with progress_of(progress, source) as advance:
            for batch in source.batches():
                chosen = batch if order is None else batch.select(order)
                rows += chosen.num_rows
                whole.add(chosen)
                if self._groups is not None:
                    for key, of_group in self._groups.split(chosen):
                        if key not in parts:
                            message = f"the rows have a group that the profile has not: {key}"
                            raise InvalidArgumentError(message)
                        parts[key].add(of_group)
                advance(batch.num_rows)
        cells.update(whole.cells())
        for key, counted in parts.items():
            groups[key].update(counted.cells())
        if rows != self.rows:
            message = f"the rows must be those of the profile, which counted {self.rows}: {rows}"
            raise InvalidArgumentError(message)

    # ---- what it knows -------------------------------------------------------------------------
    @property
    def rows(self) -> int:
        """Number of rows."""
        return self._native.rows

    @property
    def columns(self) -> tuple[str, ...]:
        """The paths of the columns and of the leaves of nested ones, in order."""
        return tuple(self._native.paths)

    @property
    def schema(self) -> Schema:
        """The schema of the tables."""
        from inlay.data.schema import Schema

        return Schema.of(self._schema)

    @property
    def by(self) -> tuple[str, ...]:
        """The columns that make the groups."""
        return () if self._groups is None else self._groups.by

    @property
    def groups(self) -> dict[GroupKey, Self]:
        """The profile of each group, over all columns but those of `by`.

        Returns
        -------
        dict of tuple of str to Profile
            By the values of `by` as text, a null as ``"…null…"``; in the order in which they came.
            Rows of groups beyond `max_groups` are in one under ``"…other…"``. The profiles go on
            with this one and do not change otherwise; ``copy()`` of one is independent.
        """
        with self._lock:
            if self._groups is None:
                return {}
            hiders = self._hiders()
            found = {}
            for key, native in self._groups.natives.items():
                group = self._like(native)
                group._schema = self._groups.schema
                group._redaction = Redaction.fixed(
                    {path: hiders[path] for path in native.paths if path in hiders}
                )
                group._reads = None if self._reads is None else tuple(group._schema.names)
                paths = set(native.paths)
                group._hidden = {p: how for p, how in self._hidden.items() if p in paths}
                group._is_group = True
                if self._frozen is not None:
                    group._frozen = self._frozen._replace(
                        cells=self._frozen.groups.get(key, {}), groups={}
                    )
                found[key] = group
            return found

    @property
    def is_reference(self) -> bool:
        """Whether it is frozen."""
        return self._frozen is not None

    @property
    def reference_id(self) -> str | None:
        """16 hex digits that tell what this reference counts in which edges and names.

        Equal references have equal ones on every machine, hidden names or not: those of the same
        rows in the same order and batches, as a sketch chooses its edges by both. None if it is
        none.
        """
        return None if self._frozen is None else self._frozen.reference_id

    @property
    def counted_from(self) -> str | None:
        """``"rows"`` if a reference's counts are exact, ``"sketch"`` if they are estimates."""
        return None if self._frozen is None else self._frozen.counted_from

    @property
    def memory_bytes(self) -> int:
        """Bytes that the native state takes, groups included."""
        with self._lock:
            natives = [self._native, *(self._groups.natives.values() if self._groups else ())]
        return sum(
            native.column(i).memory_bytes for native in natives for i in range(len(native.paths))
        )

    def __getitem__(self, path: str) -> ColumnProfile:
        """Return what is known of a column now.

        Parameters
        ----------
        path : str
            One of `columns`.

        Raises
        ------
        KeyError
            If there is none of that name.
        """
        try:
            number = self._native.paths.index(path)
        except ValueError:
            raise KeyError(path) from None
        return self._column(number)

    def __contains__(self, path: object) -> bool:
        """Return whether there is a column of that path."""
        return path in self._native.paths

    def __iter__(self) -> Iterator[str]:
        """Iterate over `columns`."""
        return iter(self.columns)

    def __len__(self) -> int:
        """Return the number of `columns`."""
        return len(self._native.paths)

    def __bool__(self) -> bool:
        """Return True, an empty one included."""
        return True


def _redacted(native: _core.Profile, cells: Cells, hiders: Mapping[str, Hider]) -> _core.Profile:
    """Return a native profile with hidden names, and hide those of its frozen cells."""
    renames = {
        number: hiders[path].rename for number, path in enumerate(native.paths) if path in hiders
    }
    for number, rename in renames.items():
        cell = cells.get(number)
        if isinstance(cell, Categories):
            cells[number] = with_names(cell, rename)
    # Keys of a mapping are invariant, and the native one takes all that count as integers.
    return native.redacted(renames) if renames else native  # type: ignore[arg-type]


def _kinds(native: _core.Profile) -> dict[str, str]:
    columns = map(native.column, range(len(native.paths)))
    return {column.path: column.kind for column in columns}


def _order(found: Sequence[str], expected: Sequence[str]) -> list[int] | None:
    """Return where the expected columns are, if they came in another order; else None."""
    if list(found) == list(expected) or sorted(found) != sorted(expected):
        return None  # as it is, or for the native profile to refuse by name
    if len(set(found)) != len(found):
        return None
    places = {name: place for place, name in enumerate(found)}
    return [places[name] for name in expected]
