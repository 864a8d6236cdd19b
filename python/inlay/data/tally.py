"""`Tally`: a table's rows counted in the cells of a reference."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inlay import _core, _cuda_runtime
from inlay._cuda_runtime import is_device_array
from inlay._exceptions import InvalidArgumentError
from inlay._threads import new_lock
from inlay.data.cell_counts import Rename, cell_of, count_rows, natives_of
from inlay.data.point_stamp import microseconds_of, texts_of
from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import EdgeHistogram
from inlay.summary.kll import Kll
from inlay.summary.moments import Moments
from inlay.summary.top_k import TopK

if TYPE_CHECKING:
    from inlay.data.device_columns import DeviceColumns
    from inlay.data.profile import Profile
    from inlay.data.reference import Cells
    from inlay.table import Table

__all__ = ["Tally"]

_joining = new_lock()  # of two first tensors at once, one makes what counts them


class Tally:
    """Counts of a table's rows in a reference's cells: what its distribution is compared by.

    Each value is in one cell, exactly: between the reference's edges, or under one of its names, or
    with the names that it does not have. Nulls, NaN and infinities are counted apart. Beside the
    counts it keeps moments, quantiles, and the frequent ones among the names outside the cells. Its
    size does not depend on the number of rows.

    Parameters
    ----------
    schema : pyarrow.Schema or object with ``__arrow_c_schema__``
        Of the tables to come; nested columns by their leaves, as in a `Profile`.
    cells : mapping of str to EdgeHistogram or Categories, optional
        What the values of leaves are counted in, by path. Their own counts are left out.
    moments, quantiles : bool, default True
        Whether to keep `Moments` and a `Kll` of numbers and times.
    k : int, default 200
        Size of the `Kll`.
    unseen : int, default 32
        Counters for text and integers outside the cells; 0: none.

    Raises
    ------
    InvalidArgumentError
        If the schema has a type without a profile, `cells` name a leaf that is not there or whose
        values cannot be in such cells (text between edges, lists), or an option is out of range.

    Notes
    -----
    Numbers are compared with edges as float64, times as integers of their unit, decimals as the
    nearest float64. Rows of a dictionary that refer to no entry count as null. A column of type
    null fits every other, and of one that was of type null it is counted whether values are there.
    Numbers fit numbers: integers, floats and decimals of any width and scale, rounded to float32
    where the column is float32 or narrower, named by their digits where integers were. Else kind,
    unit and zone must be those of the schema.

    Any thread may use it at any time. Reading releases the GIL and uses several threads, whose
    number does not change the result.

    Examples
    --------
    >>> import inlay
    >>> from inlay.data import Tally
    >>> reference = inlay.Profile.of({"x": list(range(100))}).freeze(bins=4)
    >>> tally = Tally.of(reference)
    >>> import pyarrow as pa
    >>> tally.update(pa.RecordBatch.from_pydict({"x": [1, 2, 80, None]}))
    4
    >>> tally.cells["x"].counts, tally.cells["x"].null_count
    ([0, 2, 0, 0, 1, 0], 1)
    """

    __slots__ = ("_device", "_hiders", "_host", "_renames")

    _device: DeviceColumns | None
    _host: _core.Tally

    def __init__(
        self,
        schema: Any,
        *,
        cells: Mapping[str, EdgeHistogram | Categories] | None = None,
        moments: bool = True,
        quantiles: bool = True,
        k: int = 200,
        unseen: int = 32,
    ) -> None:
        options: dict[str, Any] = {
            "moments": moments,
            "quantiles": quantiles,
            "k": k,
            "unseen": unseen,
        }
        numbered: Cells = {}
        if cells:
            numbers = {path: i for i, path in enumerate(_core.Tally(schema).paths)}
            given: Mapping[str, Any] = cells  # which a caller may get wrong
            for path, cell in given.items():
                if path not in numbers:
                    message = f"cells name a column that is not there: {path!r}"
                    raise InvalidArgumentError(message)
                if not isinstance(cell, (EdgeHistogram, Categories)):
                    message = f"cells of column {path!r} are EdgeHistogram or Categories: {cell!r}"
                    raise TypeError(message)
                numbered[numbers[path]] = cell
        self._native = _core.Tally(schema, natives_of(numbered), **options)
        self._renames: dict[int, Rename] = {}
        self._hiders: dict[int, Rename] = {}

    @classmethod
    def of(
        cls,
        reference: Profile,
        *,
        counted: bool = False,
        moments: bool = True,
        quantiles: bool = True,
        k: int = 200,
        unseen: int = 32,
    ) -> Tally:
        """Return a tally in the cells of a reference.

        Parameters
        ----------
        reference : Profile
            Frozen, or a group of a frozen one. Names that it knows hidden only are hidden before
            they are counted; names that are not to leave the process are hidden in what `to_arrow`
            gives.
        counted : bool, default False
            Whether it holds the reference's own counts, and nothing but these: to compare others
            with.
        moments, quantiles : bool, default True
        k, unseen : int
            As for the class.

        Returns
        -------
        Tally

        Raises
        ------
        InvalidArgumentError
            If the profile is not frozen, or an option is out of range.
        TypeError
            If it is no profile.
        """
        from inlay.data.profile import Profile

        given: Any = reference  # which a caller may get wrong
        if not isinstance(given, Profile):
            message = f"a reference is a Profile, got {type(given).__name__}: Profile.load"
            raise TypeError(message)
        with reference._lock:
            frozen = reference._frozen
            if frozen is None:
                message = f"a tally counts in the cells of a reference; freeze() it: {reference!r}"
                raise InvalidArgumentError(message)
            paths = reference._native.paths
            renames = reference._renames(paths)
            hiders = reference._hiders()
            schema = reference._schema
        tally = cls.__new__(cls)
        tally._native = _core.Tally(
            schema,
            natives_of(frozen.cells),
            moments=moments,
            quantiles=quantiles,
            k=k,
            unseen=unseen,
            counted=counted,
        )
        tally._renames = renames
        tally._hiders = {
            number: hider.rename
            for number, path in enumerate(paths)
            if (hider := hiders.get(path)) is not None and number in frozen.cells
        }
        return tally

    def fit(self, schema: Any) -> list[tuple[str, str]]:
        """Say which columns of tables with a schema are not counted.

        Parameters
        ----------
        schema : pyarrow.Schema or object with ``__arrow_c_schema__``

        Returns
        -------
        list of tuple of str and str
            The path and what is wrong: ``"missing"``, ``"added"``, or ``"has the type …"`` with
            both types. Empty if all columns fit.

        Raises
        ------
        InvalidArgumentError
            If it is no schema of a table.
        TypeError
            If it is no schema at all.
        """
        if not hasattr(schema, "__arrow_c_schema__"):
            hint = ": its schema is .schema" if hasattr(schema, "schema") else ""
            message = f"expected a schema of Arrow, got {type(schema).__name__}{hint}"
            raise TypeError(message)
        return self._native.fit(schema)

    @property
    def _native(self) -> _core.Tally:
        """All that was counted: waits for the devices."""
        if self._device is not None:
            self._device.settle(self._host)
        return self._host

    @_native.setter
    def _native(self, native: _core.Tally) -> None:
        self._host = native
        self._device = None

    @property
    def device_error(self) -> str | None:
        """The device error that stopped the count of tensors; None while there is none.

        After one, tensors on that device are passed over, as an event told; what was counted
        before it, and rows on the host, are kept.
        """
        return None if self._device is None else self._device.monitors.error

    def update(self, data: Any, *, threads: int | None = None, stream: Any = None) -> int:
        """Count the rows of a table.

        Parameters
        ----------
        data : pyarrow.RecordBatch, pyarrow.Table or object with an Arrow stream
            Columns are found by name. Those that are missing or of another kind stay as they are;
            others than the known ones are not looked at: `fit` says which. Or a tensor of one or
            two dimensions on a CUDA device, whose columns are those of the tally, in its order.
        threads : int, optional
            How many threads share out the columns; as many as there are cores by default.
        stream : int or object, optional
            For a tensor on a device: the stream to work on, as an integer by the rules of
            ``__cuda_array_interface__`` or an object of PyTorch or CuPy; the producer's current one
            otherwise.

        Returns
        -------
        int
            The number of rows.

        Raises
        ------
        InvalidArgumentError
            If a column's buffers make no sense; nothing of the batch is counted then. Earlier ones
            of a stream are. If a tensor has another number of columns.
        TypeError
            If `data` is no table.
        CudaUnavailableError
            If it is on a CUDA device that cannot be used from here.

        Notes
        -----
        A tensor is counted on its device if all that is kept can be: ``Tally(…, quantiles=False,
        unseen=0)`` of numbers between edges, or without cells. This then enqueues a kernel and
        returns, without a copy or a wait, and may be captured in a CUDA graph; what reads, merges
        or copies the tally waits for the device. Otherwise the rows are copied to the host, at most
        8 MiB at a time, and each piece waits.
        """
        count = 0 if threads is None else threads
        if not hasattr(data, "__arrow_c_array__") and is_device_array(data):
            return self._update_device(data, stream, count)
        return sum(count_rows(self._host, batch, self._renames, count) for batch in _batches(data))

    def _update_device(self, data: Any, stream: Any, threads: int) -> int:
        from inlay.data.device_columns import DeviceColumns, why_copied
        from inlay.data.sources.device import named_columns, open_device

        _, shape, dtype = _cuda_runtime.native().tensor_facts(data)
        rows, names = named_columns(shape, self._host.paths)
        if why_copied(self._host, dtype) is not None:
            source = open_device(data, names=names, stream=stream)
            return sum(
                count_rows(self._host, batch, self._renames, threads) for batch in source.batches()
            )
        if self._device is None:
            with _joining:
                if self._device is None:
                    self._device = DeviceColumns(self._host)
        self._device.monitors.update(data, stream)
        return rows

    def merge(self, *others: Tally) -> None:
        """Add what other tallies counted.

        Parameters
        ----------
        *others : Tally
            Of the same columns, cells and options.

        Raises
        ------
        InvalidArgumentError
            If one differs; the message names the column or option. Those before it are added.
        TypeError
            If one is no tally.
        """
        given: tuple[Any, ...] = others  # which a caller may get wrong
        for other in given:
            if not isinstance(other, Tally):
                message = f"only tallies can be merged, got {type(other).__name__}"
                raise TypeError(message)
        for other in others:
            self._native.merge(other._native)

    def reset(self) -> None:
        """Forget the counts and keep the cells."""
        self._native.reset()

    def copy(self) -> Tally:
        """Return an independent copy."""
        return self._with(self._native.copy())

    def __copy__(self) -> Tally:
        """Return an independent copy."""
        return self.copy()

    def __eq__(self, other: object) -> bool:
        """Return whether both have the same columns and cells and counted the same."""
        if not isinstance(other, Tally):
            return NotImplemented
        return self._native.equals(other._native)

    __hash__ = None  # type: ignore[assignment]  # a state that changes

    def __repr__(self) -> str:
        """Return a line with the rows and columns."""
        return f"<inlay.data.Tally of {self.rows:,} rows, {len(self.columns)} columns>"

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self._native.rows

    @property
    def columns(self) -> tuple[str, ...]:
        """The paths of the columns and of the leaves of nested ones, in order."""
        return tuple(self._native.paths)

    @property
    def memory_bytes(self) -> int:
        """Bytes that the native state takes; what copies share is counted for each."""
        return self._native.memory_bytes

    @property
    def cells(self) -> dict[str, EdgeHistogram | Categories]:
        """What values were counted in, by path: copies, of now."""
        return {
            column.path: cell_of(column.cells)
            for column in self._columns()
            if column.cells is not None
        }

    @property
    def moments(self) -> dict[str, Moments]:
        """The moments of numbers, times and booleans, by path: copies, of now."""
        return {
            column.path: Moments._of(column.moments)
            for column in self._columns()
            if column.moments is not None
        }

    @property
    def quantiles(self) -> dict[str, Kll]:
        """The quantiles of numbers and times, by path: copies, of now."""
        return {
            column.path: Kll._of(column.quantiles)
            for column in self._columns()
            if column.quantiles is not None
        }

    @property
    def unseen(self) -> dict[str, TopK]:
        """The frequent names outside the cells, by path: copies, of now.

        Text of more than 256 bytes stands under its beginning and a hash.
        """
        return {
            column.path: TopK._of(column.unseen)
            for column in self._columns()
            if column.unseen is not None
        }

    def missing_counts(self) -> dict[str, dict[str, int]]:
        """Return what was counted apart.

        Returns
        -------
        dict of str to dict of str to int
            By path: ``rows``, ``null_count``, ``nan_count``, ``pos_inf_count``, ``neg_inf_count``.
        """
        names = ("rows", "null_count", "nan_count", "pos_inf_count", "neg_inf_count")
        return {
            column.path: {name: getattr(column, name) for name in names}
            for column in self._columns()
        }

    def to_arrow(
        self,
        *,
        time: datetime.datetime,
        start_time: datetime.datetime | None = None,
        observed_time: datetime.datetime | None = None,
        revision: int = 0,
        origin: int = 0,
        window_seq: int = 0,
        resource: Mapping[str, str] | None = None,
        attrs: Mapping[str, str] | None = None,
        metric: str = "data.column",
        derived: bool = False,
    ) -> Table:
        """Return rows of the table ``points``.

        Parameters
        ----------
        time : datetime with a zone
            The end of the time the rows are of.
        start_time : datetime with a zone, optional
            Its start; `time` by default.
        observed_time : datetime with a zone, optional
            When it was known; `time` by default.
        revision, origin, window_seq : int, default 0
            As the table has them.
        resource : mapping of str to str, optional
            What the process runs on. ``service.name`` enters ``series_id``.
        attrs : mapping of str to str, optional
            What else tells the series apart, beside ``column``, the path.
        metric : str, default "data.column"
        derived : bool, default False
            Whether ``form`` is ``derived`` rather than ``delta``.

        Returns
        -------
        Table
            Of layer ``data``: for each column of which a row was seen, rows of the kinds it has,
            ``edges`` or ``categories``, ``moments``, ``quantiles``, and one of metric
            ``data.column.unseen`` and kind ``top_k`` if names outside the cells were seen; for a
            column without cells one of kind ``presence``, how many of its values are there and how
            many missing. Of a column that no table had, the cells, or ``presence``, with counts of
            0 and status ``absent``, in revision 0 alone; ``insufficient`` if there was no row at
            all.

        Raises
        ------
        InvalidArgumentError
            If a time has no zone, `start_time` is after `time`, or `attrs` has ``column``.
        TypeError
            If a time is no datetime, or `attrs` or `resource` are not texts by text.
        """
        from inlay.table import Table

        start_time = time if start_time is None else start_time
        observed_time = time if observed_time is None else observed_time
        moments = [
            microseconds_of(moment, name)
            for name, moment in (
                ("time", time),
                ("start_time", start_time),
                ("observed_time", observed_time),
            )
        ]
        if start_time > time:
            message = f"start_time must not be after time, {time}: {start_time}"
            raise InvalidArgumentError(message)
        named = texts_of("attrs", attrs)
        if "column" in named:
            message = f"attrs must not have the column's own: {named['column']!r}"
            raise InvalidArgumentError(message)
        shared = texts_of("resource", resource)
        native = self._leaving()
        points = native.points(
            [_core.canonical_json({**named, "column": path}) for path in native.paths],
            metric=metric,
            time_us=moments[0],
            start_time_us=moments[1],
            observed_time_us=moments[2],
            revision=revision,
            origin=origin,
            window_seq=window_seq,
            derived=derived,
            resource=_core.canonical_json(shared),
            service_name=shared.get("service.name", ""),
        )
        return Table(points)

    def to_bytes(self) -> bytes:
        """Return all of it, to go on later in this place: names as they are counted."""
        return self._native.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes, *, like: Tally | None = None) -> Tally:
        """Return what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
            Any bytes; they are not trusted.
        like : Tally, optional
            Of the same columns and cells; what it hides is hidden.

        Returns
        -------
        Tally
            Equal counts and quantiles. To go on as this one does to the last bit, the one that was
            written must go on from its bytes too: a sketch is settled when it is written.

        Raises
        ------
        SerializationError
            If they are no tally, cut short, damaged or of a newer version; the message names the
            offset.
        InvalidArgumentError
            If `like` has other columns or cells.
        """
        native = _core.Tally.from_bytes(data)
        if like is None:
            tally = cls.__new__(cls)
            tally._native, tally._renames, tally._hiders = native, {}, {}
            return tally
        empty = like._native.copy()
        empty.reset()
        empty.merge(native)  # refuses what does not fit
        return like._with(native)

    def _with(self, native: _core.Tally) -> Tally:
        twin = type(self).__new__(type(self))
        twin._native, twin._renames, twin._hiders = native, self._renames, self._hiders
        return twin

    def _columns(self) -> Iterator[_core.TallyColumn]:
        native = self._native.copy()  # so that all belong to one moment
        return map(native.column, range(len(native.paths)))

    def _leaving(self) -> _core.Tally:
        """Return the native tally with the names as they may leave."""
        # Keys of a mapping are invariant, and the native one takes all that count as integers.
        return self._native.redacted(self._hiders) if self._hiders else self._native  # type: ignore[arg-type]


def _batches(data: Any) -> Iterator[Any]:
    """Give the record batches of a table or stream."""
    if hasattr(data, "__arrow_c_array__"):
        yield data
        return
    if not hasattr(data, "__arrow_c_stream__"):
        message = (
            "expected a record batch, a table or a stream of Arrow, such as pyarrow.table() makes, "
            f"got {type(data).__name__}"
        )
        raise TypeError(message)
    import pyarrow as pa

    yield from pa.RecordBatchReader.from_stream(data)
