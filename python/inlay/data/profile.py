"""`Profile`: what a table holds, column by column, in constant memory and mergeable."""

from __future__ import annotations

import datetime
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.data.groups import hidden_key
from inlay.data.profile_core import ProfileCore
from inlay.data.redaction import Hider, Redact
from inlay.data.reference import Frozen, cells_of, check_limits, emptied, reference_id
from inlay.data.sources import Source, open_source
from inlay.data.sources.progress import Progress

if TYPE_CHECKING:
    from inlay.data.groups import GroupKey
    from inlay.table import Table

__all__ = ["Profile"]


class Profile(ProfileCore):
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
    __slots__ = ()

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
            Names that are hidden in either are hidden in the sum.

        Raises
        ------
        InvalidArgumentError
            If this is a reference or a group, or the two differ in what they profile. Nothing was
            added then.
        """
        given: Any = other  # which a caller may get wrong
        if not isinstance(given, Profile):
            message = f"expected a Profile to merge, got {type(other).__name__}"
            raise TypeError(message)
        self._must_grow()
        part = other.copy()  # other may be this one, or in use
        if self.by != part.by:
            message = f"only profiles by the same columns merge, {self.by}: {part.by}"
            raise InvalidArgumentError(message)
        with self._lock:
            self._must_grow()
            part._hide(self._hidden)
            mine = self.copy() if part._hidden.keys() - self._hidden.keys() else self
            mine._hide(part._hidden)
            mine._add(part)
            self._native, self._groups, self._hidden = mine._native, mine._groups, mine._hidden

    # ---- a reference ---------------------------------------------------------------------------
    def freeze(
        self,
        data: Any = None,
        *,
        bins: int = 10,
        names: int = 100,
        progress: Progress = None,
    ) -> Profile:
        """Return a reference: this profile with edges and names to compare later data with.

        Numbers and times get edges that cut them into about equally full cells. Text, booleans, and
        integers with at most 20 different values get the most frequent names, if any is frequent.
        Both are values of the rows. Their counts are exact if the rows can be read a second time.

        Parameters
        ----------
        data : object, optional
            The rows this profile was made of, as for `of`. Without it they are read again where
            `of` was given files, or a table that is still there; else the counts are what the
            sketches estimate. `counted_from` says which.
        bins : int, default 10
            Cells of a number, 2 to 1,000; fewer where values are equal.
        names : int, default 100
            Names of a column at most, 1 to 10,000.
        progress
            As for `of`.

        Returns
        -------
        Profile
            It refuses to be updated. This one stays as it is.

        Raises
        ------
        InvalidArgumentError
            If `bins` or `names` is out of range, or `data` has other columns or another number of
            rows than this profile.
        SerializationError
            If a file cannot be read.

        Examples
        --------
        >>> import inlay
        >>> reference = inlay.Profile.of({"x": list(range(100))}).freeze(bins=4)
        >>> reference["x"].edges.edges, reference["x"].edges.counts
        ([24.0, 49.0, 74.0], [25, 25, 25, 25])
        """
        check_limits(bins, names)
        with self._lock:
            remembered = self._remembered
            frozen = self.copy()
        frozen._is_group = False
        if data is None and remembered is not None:
            data = remembered()
        natives = {} if frozen._groups is None else frozen._groups.natives
        cells = cells_of(frozen._native, bins=bins, names=names)
        groups = {key: cells_of(native, bins=bins, names=names) for key, native in natives.items()}
        counted_from = "sketch"
        if data is not None:
            cells, groups = emptied(cells), {key: emptied(part) for key, part in groups.items()}
            frozen._count(open_source(data, columns=self._reads), cells, groups, progress)
            counted_from = "rows"
        paths = {key: (native.paths, groups[key]) for key, native in natives.items()}
        found = reference_id(frozen._native.paths, cells, self.by, paths, frozen._hidden)
        frozen._frozen = Frozen(cells, groups, counted_from, found)
        return frozen

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

    # ---- what leaves ---------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it.

        Returns
        -------
        dict
            ``rows``, ``reference_id``, ``counted_from``, ``by``, ``columns`` (a list with an entry
            for each of `columns`) and ``groups``. What is None for a reason has it in the column's
            ``undefined``.
        """
        with self._lock:
            columns = [self._column(i).to_dict() for i in range(len(self))]
            hiders = self._hiders()
            groups = self.groups
        return {
            "rows": self.rows,
            "reference_id": self.reference_id,
            "counted_from": self.counted_from,
            "by": list(self.by),
            "columns": columns,
            "groups": [
                {
                    "by": self._attrs(key, hiders),
                    "rows": group.rows,
                    "columns": [group._column(i).to_dict() for i in range(len(group))],
                }
                for key, group in groups.items()
            ],
        }

    def _attrs(self, key: GroupKey, hiders: Mapping[str, Hider | None]) -> dict[str, str]:
        """Return the values of `by` that make a group, as they may leave."""
        shown = {}
        for name, value in zip(self.by, key, strict=True):
            hider = hiders.get(name)
            shown[name] = value if hider is None else hidden_key(value, hider.rename)
        return shown

    def to_arrow(
        self,
        *,
        time: datetime.datetime | None = None,
        start_time: datetime.datetime | None = None,
        origin: int = 0,
        resource: Mapping[str, str] | None = None,
    ) -> Table:
        """Return rows of the table ``points``, for any sink and any query.

        Parameters
        ----------
        time : datetime with a zone, optional
            The end of the time the rows are of; now by default.
        start_time : datetime with a zone, optional
            Its start; `time` by default.
        origin : int, default 0
            What tells rows of one process from another's.
        resource : mapping of str to str, optional
            What the process runs on. ``service.name`` enters ``series_id``.

        Returns
        -------
        Table
            Of layer ``data``: for each column a row of metric ``data.column`` and each kind it has,
            ``moments``, ``histogram``, ``quantiles``, ``cardinality``, ``top_k``, and ``edges`` or
            ``categories`` of a reference; of lengths ``data.column.length``. ``attrs`` hold the
            ``column`` and the values of `by`. One more row, ``data.profile``, holds the state from
            which `from_arrow` makes the profile again.

        Raises
        ------
        InvalidArgumentError
            If a time has no zone, or `start_time` is after `time`.
        """
        from inlay.data.point_rows import column_rows, points_table, state_row
        from inlay.data.profile_state import pack_profile

        time = datetime.datetime.now(datetime.UTC) if time is None else time
        start_time = time if start_time is None else start_time
        for name, moment in (("time", time), ("start_time", start_time)):
            if moment.tzinfo is None:
                message = f"{name} must have a zone: {moment!r}"
                raise InvalidArgumentError(message)
        if start_time > time:
            message = f"start_time must not be after time, {time}: {start_time}"
            raise InvalidArgumentError(message)
        leaving = self._leaving()

        def rows() -> Iterator[dict[str, Any]]:
            yield state_row(leaving.rows, pack_profile(leaving))
            for number in range(len(leaving)):
                yield from column_rows(leaving._column(number), {})
            for key, group in leaving.groups.items():
                attrs = dict(zip(leaving.by, key, strict=True))
                for number in range(len(group)):
                    yield from column_rows(group._column(number), attrs)

        return points_table(
            rows(), time=time, start_time=start_time, origin=origin, resource=resource or {}
        )

    @classmethod
    def from_arrow(cls, points: Any, *, redact: Redact = None) -> Profile:
        """Return the profile that rows of points hold, several merged into one.

        Parameters
        ----------
        points : Table or any Arrow-capable table
            With rows that `to_arrow` gave, perhaps among others; a row delivered twice counts once.
        redact : bool, mapping or None
            As for `load`.

        Returns
        -------
        Profile
            It need not be equal to the one that left: see `load`.

        Raises
        ------
        InvalidArgumentError
            If there is no such row, or several whose profiles do not merge, as references do not.
        SerializationError
            If a state is damaged.
        """
        from inlay.data.point_rows import stored_states

        first, *others = (cls.from_bytes(state, redact=redact) for state in stored_states(points))
        for other in others:
            first.merge(other)
        return first

    def to_bytes(self) -> bytes:
        """Return all of it as a file holds it, compressed; hidden names are hidden in it."""
        from inlay.data.profile_state import pack_profile

        return pack_profile(self._leaving())

    @classmethod
    def from_bytes(cls, data: bytes, *, redact: Redact = None) -> Profile:
        """Return what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
            Any bytes; they are not trusted.
        redact : bool, mapping or None
            As for `load`.

        Returns
        -------
        Profile

        Raises
        ------
        SerializationError
            If they are no profile, cut short, damaged or of a newer version; the message names the
            offset.
        """
        from inlay.data.profile_state import unpack_profile

        return unpack_profile(data, "the bytes", redact)

    def save(self, path: str | Path) -> Path:
        """Write it to a file, which others see whole or not at all.

        Parameters
        ----------
        path : str or Path
            A file; or, of a reference, a directory: it is then kept there under
            ``references/<reference_id>.inlay``, once, and not written again if it is there. Of a
            reference a path without a suffix is a directory, which is made if need be.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InvalidArgumentError
            If it is a directory and this is no reference.
        OSError
            If the directory of it is not there, or it cannot be written; what was there before is
            still there.
        """
        from inlay.data.profile_file import write_file
        from inlay.data.profile_state import is_kept, reference_path

        target = Path(path)
        if target.is_dir() or (self._frozen is not None and not target.suffix):
            if self._frozen is None:
                message = f"a directory keeps references, and this is none; give a file: {path!s}"
                raise InvalidArgumentError(message)
            target = reference_path(target, self._frozen.reference_id)
            if is_kept(target, self._frozen.reference_id):
                return target
            for directory in (target.parent.parent, target.parent):
                directory.mkdir(exist_ok=True)
        write_file(target, self.to_bytes())
        return target

    @classmethod
    def load(
        cls, path: str | Path, *, reference_id: str | None = None, redact: Redact = None
    ) -> Profile:
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file; or, with `reference_id`, the directory that keeps references.
        reference_id : str, optional
            Which one.
        redact : bool, mapping or None
            As for the class; None keeps what the profile was made with, but for functions, which
            have no place in a file. Names that are hidden in the file stay hidden.

        Returns
        -------
        Profile
            It need not be equal to the one that was saved: hidden names are gone for good, and a
            `Kll` of more values than it holds is compacted as it is written. What is written once
            comes back the same from then on.

        Raises
        ------
        InvalidArgumentError
            If `reference_id` is none.
        FileNotFoundError
            If there is no such file.
        SerializationError
            If it is no profile, cut short, damaged or of a newer version; the message names it and
            the offset.
        """
        from inlay.data.profile_file import read_file
        from inlay.data.profile_state import reference_path, unpack_profile

        source = Path(path)
        if reference_id is not None:
            source = reference_path(source, reference_id)
        return unpack_profile(read_file(source), str(source), redact)

    # ---- Python's protocols --------------------------------------------------------------------

    __hash__ = None  # type: ignore[assignment]  # a state that changes

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again from bytes, in which hidden names are hidden."""
        return Profile.from_bytes, (self.to_bytes(),)

    def __repr__(self) -> str:
        """Return a line with the rows, the columns and what it is."""
        size = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        columns = f"{len(self)} column{'' if len(self) == 1 else 's'}"
        groups = f", {len(self.groups)} groups by {', '.join(self.by)}" if self.by else ""
        reference = f", reference {self.reference_id}" if self.is_reference else ""
        return f"<inlay.Profile of {size}, {columns}{groups}{reference}>"

    def _repr_html_(self) -> str:
        from inlay.report import profile_table

        return profile_table(self.to_dict())


def _memory_of(data: Any, source: Source) -> Callable[[], Any] | None:
    """Return what gives the data again: paths as they are, tables while they are there."""
    if not source.is_repeatable:
        return None
    if isinstance(data, (str, Path, list, tuple)):
        return lambda: data
    try:
        return weakref.ref(data)
    except TypeError:
        return None
