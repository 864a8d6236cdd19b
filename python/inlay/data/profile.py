"""`Profile`: what a table holds, column by column, in constant memory and mergeable."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from inlay._cuda_runtime import is_device_array
from inlay._exceptions import InvalidArgumentError
from inlay.data.profile_exchange import ProfileExchange
from inlay.data.redaction import Redact
from inlay.data.reference import Frozen, cells_of, check_limits, most_frequent, reference_id
from inlay.data.sources import BATCH_ROWS, Source, open_source
from inlay.data.sources.device import open_device
from inlay.data.sources.progress import Progress

__all__ = ["Profile"]


class Profile(ProfileExchange):
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
        stream: Any = None,
    ) -> Profile:
        """Read data once and return its profile.

        Parameters
        ----------
        data : object
            A pyarrow table, batch, reader or dataset; what has ``__arrow_c_stream__`` or
            ``__arrow_c_array__`` (polars, duckdb, `inlay.Table`, …); a pandas frame; a numpy array
            of one or two dimensions or of records; a tensor of one or two dimensions on a CUDA
            device; a mapping of names to columns; or the path of a
            Parquet, Arrow or CSV file, a directory of Parquet files, a glob, or a list of paths.
            Files and streams are read batch by batch and may be larger than memory.
        by, max_groups, redact, top, k, lg_k
            As for the class.
        columns : sequence of str, optional
            Top-level columns to read, beside those of `by`, by their own names: ``a`` reads ``a#2``
            too. Of files only these are read.
        reference : bool, default False
            Whether to return ``freeze(data)`` of it.
        threads : int, optional
            How many threads read a batch; by default as many as there are cores.
        progress : bool or callable, optional
            By default a bar where `rich` is installed, standard error is a terminal and there is
            much to read. True, False, or a function of the rows so far and those of all (or None).
        stream : int or object, optional
            For a tensor on a CUDA device: as for `update`.

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
        # Groups are made of the values themselves.
        source = open_source(data, columns=reads, encoded=not by, stream=stream)
        profile = cls(
            source.schema, by=by, max_groups=max_groups, redact=redact, top=top, k=k, lg_k=lg_k
        )
        profile._reads = reads
        profile._read(source, threads, progress)
        if reference:
            if not source.is_repeatable:
                return profile.freeze()
            again = open_source(data, columns=reads, stream=stream)
            return profile.freeze(again, progress=progress)
        profile._remembered = _memory_of(data, source)
        return profile

    # ---- adding --------------------------------------------------------------------------------
    def update(
        self,
        data: Any,
        *,
        threads: int | None = None,
        progress: Progress = None,
        stream: Any = None,
    ) -> None:
        """Count more rows.

        Parameters
        ----------
        data : object
            As for `of`. Columns may come in another order, and of a type of the same kind. Those
            of a tensor on a CUDA device are the profile's, in its order.
        threads, progress
            As for `of`.
        stream : int or object, optional
            For a tensor on a CUDA device: in whose order it is read, as an integer by the rules of
            ``__cuda_array_interface__`` or an object of PyTorch or CuPy; the producer's current one
            otherwise.

        Raises
        ------
        InvalidArgumentError
            If this is a reference or a group, or a column lacks, is one more, or is of another
            kind; and as for `of`. Nothing was counted then.
        TypeError, SerializationError
            As for `of`. Nothing was counted then.
        CudaUnavailableError
            If `data` is on a CUDA device that cannot be used from here.

        Notes
        -----
        Quantiles, distinct and frequent values are not computed on a device: a tensor's rows are
        copied to the host, at most 8 MiB at a time, and each piece waits for the device. The result
        is that of the same values on the host. To count without a wait there are
        `inlay.data.Tally`, `Observer.watch` and the summaries.
        """
        import pyarrow as pa

        self._must_grow()
        if self._reads is None and is_device_array(data):
            source = open_device(data, names=self._schema.names, stream=stream)
        else:
            source = open_source(
                data, columns=self._reads, encoded=self._groups is None, stream=stream
            )
        if isinstance(data, pa.RecordBatch) and data.num_rows <= BATCH_ROWS and self._is_plain:
            # The native profile refuses a batch before it counts any of it.
            with self._lock:
                self._must_grow()
                self._read(source, threads, progress)
                self._remembered = None
            return
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

        Numbers and times get edges that cut them into about equally full cells, and two more: just
        below the smallest value and at the largest, so that what lies beyond has cells of its own.
        Text, booleans, and integers with at most 20 different values get the most frequent names,
        if any is frequent. All but the first edge are values of the rows. Their counts are exact if
        the rows can be read a second time.

        Parameters
        ----------
        data : object, optional
            The rows this profile was made of, as for `of`. Without it they are read again where
            `of` was given files, or a table that is still there; else the counts are what the
            sketches estimate. `counted_from` says which.
        bins : int, default 10
            Cells of a number, 2 to 1,000, without the outer two; fewer where values are equal.
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
        ([-1.0, 24.0, 49.0, 74.0, 99.0], [0, 25, 25, 25, 25, 0])
        """
        check_limits(bins, names)
        with self._lock:
            remembered = self._remembered
            frozen = self.copy()
        frozen._is_group = False
        if data is None and remembered is not None:
            data = remembered()
        natives = {} if frozen._groups is None else frozen._groups.natives
        counted_from = "sketch" if data is None else "rows"
        chosen = partial(cells_of, bins=bins, names=names, is_counted_again=counted_from == "rows")
        cells = chosen(frozen._native)
        groups = {key: chosen(native) for key, native in natives.items()}
        if data is not None:
            frozen._count(open_source(data, columns=self._reads), cells, groups, progress)
            cells = most_frequent(cells, names)
            groups = {key: most_frequent(each, names) for key, each in groups.items()}
        paths = {key: (native.paths, groups[key]) for key, native in natives.items()}
        found = reference_id(frozen._native.paths, cells, self.by, paths, frozen._hidden)
        frozen._frozen = Frozen(cells, groups, counted_from, found)
        return frozen

    # ---- Python's protocols --------------------------------------------------------------------

    __hash__ = None  # type: ignore[assignment]  # a state that changes

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
