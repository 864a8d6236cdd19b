"""`Profile`: what a table holds, column by column, in constant memory and mergeable."""

from __future__ import annotations

import datetime
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.data.column_profile import ColumnProfile
from inlay.data.groups import Groups
from inlay.data.progress import Progress, progress_of
from inlay.data.redaction import Redact, Redaction, hashed_name
from inlay.data.reference import (
    Cells,
    Frozen,
    cells_of,
    check_limits,
    count_batch,
    emptied,
    reference_id,
)
from inlay.data.sources import Source, open_source
from inlay.summary._arguments import whole
from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import EdgeHistogram

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.data.groups import GroupKey
    from inlay.data.schema import Schema
    from inlay.table import Table

__all__ = ["Profile", "Settings"]


class Settings(NamedTuple):
    """How large the summaries of a column are."""

    k: int = 200
    lg_k: int = 12
    top: int = 256


class Profile:
    """What a table holds, column by column: counts, extremes, moments, quantiles, names.

    It is made in one pass over the rows and stays as large as it is, whatever their number.
    Profiles of parts merge into that of the whole. Nested columns are summarised by their leaves:
    ``address.city``, ``tags[]``, ``attrs.value``; of equal names the later ones get ``#2``, ``#3``.

    Parameters
    ----------
    schema : pyarrow.Schema or object with ``__arrow_c_schema__``
        Of the tables to come. `Profile.of` takes it from the data.
    by : sequence of str
        Top-level columns whose values make groups with a profile of their own, see `groups`.
    max_groups : int, default 100
        How many groups are kept apart; rows of later ones are in one more.
    redact : bool, mapping or None
        Which names leave the process hashed: by default those of columns with more than 100
        different values. See Notes.
    top : int, default 256
        Counters for frequent texts.
    k, lg_k : int
        Size of the `Kll` and of the `Hll` of each column.

    Raises
    ------
    InvalidArgumentError
        If a column has a type without a profile (union, interval): the message names both. If a
        column of `by` or `redact` is not there, or a size is out of range.

    Notes
    -----
    *What leaves.* `to_dict`, `to_arrow`, `to_bytes`, `save`, pickles, pages and `repr` show the
    names of text and binary columns as `redact` declares: None hides those of columns with more
    than 100 different values, True all, False none; a mapping says it by column, with True, False
    or a function of the name. For a hidden name stands ``sha256:`` and 16 digits, the smallest and
    largest text are absent. In the process, the objects that `__getitem__` gives know the names.

    *Threads.* Any thread may use a profile at any time. Reading releases the GIL and uses several
    threads, whose number does not change the result. An update that fails leaves the profile as it
    was.

    Examples
    --------
    >>> import inlay
    >>> profile = inlay.Profile.of({"price": [3.5, None, 2.0], "city": ["Rome", "Oslo", "Rome"]})
    >>> profile.rows, profile.columns
    (3, ('price', 'city'))
    >>> profile["price"].null_count, profile["price"].mean
    (1, 2.75)
    >>> profile["city"].top(1)
    [ItemBounds(item='Rome', estimate=2, low=2, high=2)]
    """

    __module__ = "inlay"
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

    @classmethod
    def of(
        cls,
        data: Any,
        *,
        by: Sequence[str] = (),
        columns: Sequence[str] | None = None,
        reference: bool = False,
        max_groups: int = 100,
        redact: Redact = None,
        threads: int | None = None,
        progress: Progress = None,
        top: int = 256,
        k: int = 200,
        lg_k: int = 12,
    ) -> Profile:
        """Read data once and return its profile.

        Parameters
        ----------
        data : object
            A pyarrow table, batch, reader or dataset; what has ``__arrow_c_stream__`` or
            ``__arrow_c_array__`` (polars, duckdb, `inlay.Table`, …); a pandas frame; a numpy array
            of one or two dimensions or of records; a mapping of names to columns; or the path of a
            Parquet, Arrow or CSV file, a directory of Parquet files, a glob, or a list of paths.
            Files and streams are read batch by batch and may be larger than memory.
        by, max_groups, redact, top, k, lg_k
            As for the class.
        columns : sequence of str, optional
            Top-level columns to read, beside those of `by`; of files only these are read.
        reference : bool, default False
            Whether to return ``freeze(data)`` of it.
        threads : int, optional
            How many threads read a batch; by default as many as there are cores.
        progress : bool or callable, optional
            By default a bar where `rich` is installed, standard error is a terminal and there is
            much to read. True, False, or a function of the rows so far and those of all (or None).

        Returns
        -------
        Profile

        Raises
        ------
        TypeError
            If `data` is none of these.
        InvalidArgumentError
            As for the class; if a column is not there or cannot be turned into Arrow; if a path is
            not there, a glob matches nothing, or files differ in their columns.
        SerializationError
            If a file is cut short, damaged or of another format; the message names it, and the
            offset where it is known.

        Examples
        --------
        >>> import inlay
        >>> profile = inlay.Profile.of(
        ...     {"region": ["eu", "us", "eu"], "price": [1.0, 2.0, 4.0]}, by=["region"]
        ... )
        >>> {key: group["price"].mean for key, group in profile.groups.items()}
        {('eu',): 2.5, ('us',): 2.0}
        """
        by = (by,) if isinstance(by, str) else tuple(by)
        reads = None
        if columns is not None:
            given = [columns] if isinstance(columns, str) else list(columns)
            reads = (*given, *(name for name in by if name not in given))
        source = open_source(data, columns=reads)
        profile = cls(
            source.schema, by=by, max_groups=max_groups, redact=redact, top=top, k=k, lg_k=lg_k
        )
        profile._reads = reads
        profile._read(source, threads, progress)
        if reference:
            if not source.is_repeatable:
                return profile.freeze()
            return profile.freeze(open_source(data, columns=reads), progress=progress)
        profile._remembered = _memory_of(data, source)
        return profile

    # ---- adding --------------------------------------------------------------------------------
    def update(self, data: Any, *, threads: int | None = None, progress: Progress = None) -> None:
        """Count more rows.

        Parameters
        ----------
        data : object
            As for `of`. Columns may come in another order, and of a type of the same kind.
        threads, progress
            As for `of`.

        Raises
        ------
        InvalidArgumentError
            If this is a reference or a group, or a column lacks, is one more, or is of another
            kind; and as for `of`. Nothing was counted then.
        TypeError, SerializationError
            As for `of`. Nothing was counted then.
        """
        self._must_grow()
        source = open_source(data, columns=self._reads)
        with self._lock:
            part = self._empty()
        part._read(source, threads, progress)
        part._hide(self._hidden)
        with self._lock:
            self._must_grow()
            self._add(part)

    def merge(self, other: Profile) -> None:
        """Add what another profile counted.

        Parameters
        ----------
        other : Profile
            Of the same columns, kinds, sizes and `by`; it is not changed, and may be a reference.

        Raises
        ------
        InvalidArgumentError
            If this is a reference or a group, or the two differ in what they profile. Nothing was
            added then.
        """
        if not isinstance(other, Profile):
            message = f"expected a Profile to merge, got {type(other).__name__}"
            raise TypeError(message)
        self._must_grow()
        part = other.copy()  # other may be this one, or in use
        if self.by != part.by:
            message = f"only profiles by the same columns merge, {self.by}: {part.by}"
            raise InvalidArgumentError(message)
        with self._lock:
            part._hide({name: how for name, how in self._hidden.items() if name in part._hidden
                        or name not in part._hidden})
            mine = self.copy()
            mine._hide(part._hidden)
            mine._add(part)
            self._native, self._groups, self._hidden = mine._native, mine._groups, mine._hidden
            self._remembered = None

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

    def _add(self, part: Profile) -> None:
        native = self._native.copy()
        native.merge(part._native)
        if self._groups is not None and part._groups is not None:
            groups = self._groups.copy()
            groups.merge(part._groups)
            self._groups = groups
        self._native = native
        self._remembered = None

    def _must_grow(self) -> None:
        if self._frozen is not None:
            message = f"a reference does not change; copy() of it does: {self.reference_id!r}"
            raise InvalidArgumentError(message)
        if self._is_group:
            message = f"a group changes with its profile; copy() it to go on: {self.rows} rows"
            raise InvalidArgumentError(message)

    def _new(self, schema: pa.Schema) -> _core.Profile:
        k, lg_k, top = self._settings
        return _core.Profile(schema, k=k, lg_k=lg_k, top=top)

    def _empty(self) -> Profile:
        twin = self._like(self._new(self._schema))
        twin._groups = None if self._groups is None else self._groups.empty()
        return twin

    def _like(self, native: _core.Profile) -> Profile:
        """Return a profile of this one's settings with another state and no groups."""
        twin = Profile.__new__(Profile)
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

    def copy(self) -> Profile:
        """Return an independent copy, which is no reference and no group and may grow."""
        with self._lock:
            twin = self._like(self._native.copy())
            twin._groups = None if self._groups is None else self._groups.copy()
            twin._hidden = dict(self._hidden)
            return twin
