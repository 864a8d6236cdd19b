"""`Table` and `Batch`: what a window yields, ready for anything that speaks Arrow."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay.points import SCHEMAS

if TYPE_CHECKING:
    import pyarrow

    from inlay.points import Column

__all__ = ["Batch", "Table", "arrow_schema", "schema_of_columns"]

_HTML_ROWS = 20
_HTML_CELL = 120


def arrow_schema(name: str) -> pyarrow.Schema:
    """Return the pyarrow schema of one of the five tables.

    Parameters
    ----------
    name : str
        ``"points"``, ``"verdicts"``, ``"events"``, ``"exemplars"`` or ``"spans"``.

    Returns
    -------
    pyarrow.Schema

    Raises
    ------
    ValueError
        If there is no such table.

    Examples
    --------
    >>> from inlay.table import arrow_schema
    >>> arrow_schema("exemplars").field("value")
    pyarrow.Field<value: double not null>
    """
    if name not in SCHEMAS:
        message = f"there is no table of that name: {name!r}"
        raise ValueError(message)
    return schema_of_columns(SCHEMAS[name])


def schema_of_columns(columns: Iterable[Column]) -> pyarrow.Schema:
    """Return columns that are plain data as a pyarrow schema."""
    import pyarrow as pa

    scalars = {
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "utf8": pa.utf8(),
        "binary": pa.binary(),
        "timestamp[us, UTC]": pa.timestamp("us", "UTC"),
    }

    def arrow_type(text: str) -> pyarrow.DataType:
        if text.startswith("list<"):
            return pa.list_(scalars[text.removeprefix("list<").removesuffix(">")])
        return scalars[text]

    return pa.schema(
        [pa.field(column.name, arrow_type(column.type), column.nullable) for column in columns]
    )


class Table:
    """An immutable Arrow table.

    Anything that speaks the Arrow PyCapsule interface takes it as it is, without a copy: pyarrow,
    polars, duckdb, pandas, nanoarrow, datafusion. Data stays valid after the table is gone. Safe
    to share between threads.

    Parameters
    ----------
    source : object
        A `Table`, or any object with ``__arrow_c_stream__`` (a pyarrow table or reader, a polars or
        pandas frame, …) or ``__arrow_c_array__`` (a pyarrow record batch or struct array). A stream
        is read to its end; its batches stay apart, so nothing is copied.

    Raises
    ------
    TypeError
        If `source` offers neither.
    InvalidArgumentError
        If what it offers is no table or is malformed: released, of a type unknown to the Arrow
        format, with a null row, or with buffers missing.

    Examples
    --------
    >>> import pyarrow as pa
    >>> import inlay
    >>> table = inlay.Table(pa.table({"a": [1, 2], "b": [[1.5], None]}))
    >>> len(table), table.column_names
    (2, ['a', 'b'])
    >>> table.flat().to_pylist()
    [{'a': 1, 'b': '[1.5]'}, {'a': 2, 'b': None}]
    """

    __module__ = "inlay"
    __slots__ = ("_native",)

    def __init__(self, source: object, /) -> None:
        if isinstance(source, Table):
            self._native: _core.Table = source._native
        elif isinstance(source, _core.Table):
            self._native = source
        else:
            self._native = _core.Table(source)

    @classmethod
    def empty(cls, name: str) -> Table:
        """Return a table of 0 rows with the schema of one of the five tables.

        Parameters
        ----------
        name : str
            ``"points"``, ``"verdicts"``, ``"events"``, ``"exemplars"`` or ``"spans"``.

        Returns
        -------
        Table

        Raises
        ------
        InvalidArgumentError
            If there is no such table.
        """
        return cls(_core.Table.empty(name))

    @property
    def num_rows(self) -> int:
        """The number of rows."""
        return self._native.num_rows

    @property
    def num_columns(self) -> int:
        """The number of columns."""
        return self._native.num_columns

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in order."""
        return self._native.column_names

    @property
    def nbytes(self) -> int:
        """The bytes its rows occupy; columns that no row filled count nothing."""
        return self._native.nbytes

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._native.num_rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        """Return a capsule that streams the table, one batch per chunk."""
        return self._native.__arrow_c_stream__(requested_schema)

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        """Return capsules of the schema and of one struct array; several chunks are copied."""
        return self._native.__arrow_c_array__(requested_schema)

    def __arrow_c_schema__(self) -> Any:
        """Return a capsule of the schema."""
        return self._native.__arrow_c_schema__()

    def to_pyarrow(self) -> pyarrow.Table:
        """Return a pyarrow table that shares the buffers.

        Returns
        -------
        pyarrow.Table
        """
        import pyarrow as pa

        # Not pa.table(), which imports pandas to ask whether this is one of its frames.
        return pa.RecordBatchReader.from_stream(self._native).read_all()

    def to_pylist(self) -> list[dict[str, Any]]:
        """Return the rows as dictionaries.

        Returns
        -------
        list of dict
            Times are `datetime.datetime` in UTC, lists are lists, nulls are None.
        """
        rows: list[dict[str, Any]] = self.to_pyarrow().to_pylist()
        return rows

    def flat(self) -> Table:
        """Return the table without nested columns, for SQLite, CSV and the like.

        List columns become JSON text (``[1,2,3]``); as JSON has no such numbers, NaN and the
        infinities become the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``. Binary columns
        stay binary. Everything else is shared, not copied.

        Returns
        -------
        Table
            The same columns in the same order.
        """
        import pyarrow as pa

        table = self.to_pyarrow()
        for index, field in enumerate(table.schema):
            if pa.types.is_nested(field.type):
                flat_field = pa.field(field.name, pa.utf8(), field.nullable)
                table = table.set_column(index, flat_field, _json_column(table.column(index)))
        return Table(table)

    def __repr__(self) -> str:
        """Return the table's size in words."""
        return (
            f"inlay.Table(num_rows={self.num_rows}, num_columns={self.num_columns}, "
            f"nbytes={self.nbytes})"
        )

    def _repr_html_(self) -> str:
        table = self.to_pyarrow()
        head = table.slice(0, _HTML_ROWS)
        # Most columns of a wide table serve some kinds only: those empty here are named below.
        shown = [i for i in range(head.num_columns) if head.column(i).null_count < len(head)]
        hidden = [name for i, name in enumerate(head.column_names) if i not in shown]
        if head.num_rows == 0:
            shown, hidden = list(range(head.num_columns)), []
        columns = [head.column(i).to_pylist() for i in shown]
        heads = "".join(f"<th>{html.escape(str(head.schema.field(i).name))}</th>" for i in shown)
        rows = "".join(
            "<tr>" + "".join(f"<td>{_html_cell(column[r])}</td>" for column in columns) + "</tr>"
            for r in range(head.num_rows)
        )
        notes = [f"{table.num_rows} rows, {table.num_columns} columns"]
        if table.num_rows > head.num_rows:
            notes.append(f"the first {head.num_rows} are shown")
        if hidden:
            notes.append("without a value here: " + html.escape(", ".join(hidden)))
        return (
            f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
            f"<p>{'; '.join(notes)}</p>"
        )


class Batch(Mapping[str, Table]):
    """What one turn of the window yields: tables by name, and the facts they share.

    An ordered mapping from table name to `Table`. The five tables ``points``, ``verdicts``,
    ``events``, ``exemplars`` and ``spans`` are always there, perhaps with 0 rows. Immutable, hence
    safe to share between threads.

    Parameters
    ----------
    native : inlay._core.NativeBatch
        What the core hands over. Use `from_tables` to make one of your own.

    Examples
    --------
    >>> import inlay
    >>> batch = inlay.Batch.from_tables({}, window_seq=3)
    >>> batch.window_seq, list(batch), batch.points.num_rows
    (3, ['points', 'verdicts', 'events', 'exemplars', 'spans'], 0)
    """

    __module__ = "inlay"
    __slots__ = (
        "_observed_time_us",
        "_origin",
        "_resource",
        "_start_time_us",
        "_tables",
        "_time_us",
        "_window_seq",
    )

    def __init__(self, native: _core.NativeBatch, /) -> None:
        self._tables = {name: Table(getattr(native, name)) for name in SCHEMAS}
        for name, table in native.others.items():
            self._tables[name] = Table(table)
        self._window_seq = native.window_seq
        self._origin = native.origin
        self._start_time_us = native.start_time_us
        self._time_us = native.time_us
        self._observed_time_us = native.observed_time_us
        self._resource = native.resource

    @classmethod
    def from_tables(
        cls,
        tables: Mapping[str, object],
        *,
        window_seq: int = 0,
        origin: int = 0,
        start_time_us: int = 0,
        time_us: int = 0,
        observed_time_us: int = 0,
        resource: str = "{}",
    ) -> Batch:
        """Make a batch from tables.

        Parameters
        ----------
        tables : mapping of str to object
            Tables by name; each value is anything `Table` takes. Of the five, those left out are
            empty.
        window_seq : int
            Number of the turn.
        origin : int
            Id of the process incarnation.
        start_time_us, time_us, observed_time_us : int
            Start, end and emission of the window, Unix microseconds.
        resource : str
            Canonical JSON of the resource attributes.

        Returns
        -------
        Batch

        Raises
        ------
        TypeError
            If a value is no table.
        """
        batch = cls.__new__(cls)
        # The five first, in their order, then the others as given.
        names = [*SCHEMAS, *(name for name in tables if name not in SCHEMAS)]
        batch._tables = {
            name: Table(tables[name]) if name in tables else Table.empty(name) for name in names
        }
        batch._window_seq = window_seq
        batch._origin = origin
        batch._start_time_us = start_time_us
        batch._time_us = time_us
        batch._observed_time_us = observed_time_us
        batch._resource = resource
        return batch

    @property
    def points(self) -> Table:
        """One row per series, kind and window."""
        return self._tables["points"]

    @property
    def verdicts(self) -> Table:
        """What judges said about the points."""
        return self._tables["verdicts"]

    @property
    def events(self) -> Table:
        """What happened: logs, deploys, faults, our own losses."""
        return self._tables["events"]

    @property
    def exemplars(self) -> Table:
        """Single values with the trace they belong to."""
        return self._tables["exemplars"]

    @property
    def spans(self) -> Table:
        """Finished spans."""
        return self._tables["spans"]

    @property
    def window_seq(self) -> int:
        """The number of the turn, from 0 in each process incarnation."""
        return self._window_seq

    @property
    def origin(self) -> int:
        """The random id of the process incarnation."""
        return self._origin

    @property
    def start_time_us(self) -> int:
        """The start of the window, Unix microseconds."""
        return self._start_time_us

    @property
    def time_us(self) -> int:
        """The cut, Unix microseconds."""
        return self._time_us

    @property
    def observed_time_us(self) -> int:
        """When the batch was emitted, Unix microseconds; never decreases per origin."""
        return self._observed_time_us

    @property
    def resource(self) -> str:
        """The resource attributes, canonical JSON."""
        return self._resource

    def names(self) -> list[str]:
        """Return the names of the tables, in order."""
        return list(self._tables)

    def with_table(self, name: str, table: object) -> Batch:
        """Return a batch that has one table more, or another one of that name.

        Parameters
        ----------
        name : str
            The table's name.
        table : object
            Anything `Table` takes.

        Returns
        -------
        Batch
        """
        return Batch.from_tables(
            {**self._tables, name: table},
            window_seq=self._window_seq,
            origin=self._origin,
            start_time_us=self._start_time_us,
            time_us=self._time_us,
            observed_time_us=self._observed_time_us,
            resource=self._resource,
        )

    def to_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of every table as dictionaries, by table name.

        Returns
        -------
        dict of str to list of dict
        """
        return {name: table.to_pylist() for name, table in self._tables.items()}

    def __getitem__(self, name: str) -> Table:
        """Return a table by name."""
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the tables, in order."""
        return iter(self._tables)

    def __len__(self) -> int:
        """Return the number of tables."""
        return len(self._tables)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same batch; tables are not compared."""
        return self is other

    def __repr__(self) -> str:
        """Return the rows of each table in words."""
        rows = ", ".join(f"{name}={len(table)}" for name, table in self._tables.items())
        return f"inlay.Batch(window_seq={self._window_seq}, rows: {rows})"


def _json_number(value: Any) -> Any:
    """Name what JSON has no number for; look into lists and dictionaries."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [_json_number(item) for item in value]
    if isinstance(value, dict):
        return {key: _json_number(item) for key, item in value.items()}
    return value


def _json_column(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """Return a nested column as JSON text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.null_count == len(column):
        return pa.chunked_array([pa.nulls(len(column), pa.utf8())])
    integers = pa.types.is_list(column.type) and pa.types.is_integer(column.type.value_type)
    if integers and pc.list_flatten(column).null_count == 0:
        texts = column.cast(pa.list_(pa.utf8()))
        return pc.binary_join_element_wise("[", pc.binary_join(texts, ","), "]", "")
    texts = [
        None
        if value is None
        else json.dumps(
            _json_number(value),
            ensure_ascii=False,
            allow_nan=False,
            separators=(",", ":"),
            default=str,
        )
        for value in column.to_pylist()
    ]
    return pa.chunked_array([pa.array(texts, pa.utf8())])


def _html_cell(value: Any) -> str:
    text = "" if value is None else str(value)
    if len(text) > _HTML_CELL:
        text = text[: _HTML_CELL - 1] + "…"
    return html.escape(text)
