"""SQL over a directory of tables."""

from __future__ import annotations

import importlib.resources
import os
import re
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InlayWarning, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from inlay._files.snapshot import Snapshot, TableSnapshot

__all__ = ["query"]

# Files move while writers compact; a snapshot that met such a moment is taken anew.
_TRIES = 8

# Views of our own, which no stored table may shadow.
_RESERVED = {"points", "verdicts", "events", "exemplars", "spans", "latest", "histograms"}

_DUCKDB_TYPES = {
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "utf8": "VARCHAR",
    "binary": "BLOB",
    "timestamp[us, UTC]": "TIMESTAMP WITH TIME ZONE",
    "list<int64>": "BIGINT[]",
    "list<float64>": "DOUBLE[]",
    "list<utf8>": "VARCHAR[]",
}

# What other writers may use for the same values.
_WIDER = {"SMALLINT": "INTEGER", "INTEGER": "BIGINT", "FLOAT": "DOUBLE"}


def query(
    directory: str | os.PathLike[str],
    sql: str,
    *,
    parameters: Sequence[Any] | Mapping[str, Any] | None = None,
) -> pa.Table:
    """Run SQL over everything a directory holds, the windows just written included.

    Views: ``points``, ``verdicts``, ``events``, ``exemplars``, ``spans``, with the columns of
    `inlay.points`, there even when the directory is still empty; ``latest``, the points without
    superseded revisions of derived rows; ``histograms``, the points of kind ``histogram`` with a
    column ``h`` for the macros ``eh_merge(h)``, ``eh_quantile(h, q)``, ``eh_count(h)`` and
    ``eh_mean(h)``. ``rate(value, start_time, time)`` is the increase of counters per second. Other
    tables, as components add them, are views of their own name.

    Rows delivered twice appear once. Writers and compaction may be at work meanwhile.

    Parameters
    ----------
    directory : str or os.PathLike
        What `inlay.sinks.Files` writes.
    sql : str
        A statement in DuckDB's SQL. It runs with the rights of this process: take no SQL from
        strangers.
    parameters : sequence or mapping, optional
        Values for ``?`` or ``$name`` in the statement.

    Returns
    -------
    pyarrow.Table
        Times are in UTC.

    Raises
    ------
    ImportError
        If DuckDB is not installed: ``pip install 'inlay[query]'``.
    FileNotFoundError
        If there is no such directory.
    InvalidArgumentError
        If the statement is empty.
    duckdb.Error
        If the statement fails.

    Warns
    -----
    InlayWarning
        If a part of the directory was not read: damaged, or written by a newer version.

    Notes
    -----
    Parquet is read by DuckDB itself, as far as the statement needs it and without loading whole
    files; streams are read into memory up to 256 MiB a table. No extension is loaded and nothing
    is downloaded.

    Examples
    --------
    >>> import inlay, tempfile
    >>> inlay.query(tempfile.mkdtemp(), "select count(*) as n from points").to_pylist()
    [{'n': 0}]
    """
    try:
        import duckdb
    except ImportError as error:
        message = "inlay.query needs DuckDB: pip install 'inlay[query]'"
        raise ImportError(message) from error
    from inlay._files.snapshot import take_snapshot

    if not sql.strip():
        message = f"the statement is empty: {sql!r}"
        raise InvalidArgumentError(message)
    root = Path(directory).absolute()
    if not root.is_dir():
        text = "no such directory"
        raise FileNotFoundError(2, text, str(root))
    for attempt in range(_TRIES):
        snapshot: Snapshot | None = None
        with tempfile.TemporaryDirectory(prefix="inlay-query-") as scratch:
            try:
                snapshot = take_snapshot(root, Path(scratch))
                with _connect(duckdb, scratch) as connection:
                    notes = [*snapshot.notes, *_create_views(connection, snapshot)]
                    result = _run(connection, sql, parameters)
                break
            except (FileNotFoundError, duckdb.IOException):
                if attempt + 1 == _TRIES or not _has_moved(snapshot):
                    raise
    for note in notes:
        warnings.warn(note, InlayWarning, stacklevel=2)
    return result


def _run(connection: Any, sql: str, parameters: Any) -> pa.Table:
    import pyarrow as pa

    relation = connection.sql(sql, params=parameters)
    # A statement that yields no rows, such as COPY … TO, gives no relation.
    return pa.table({}) if relation is None else relation.to_arrow_table()


def _has_moved(snapshot: Snapshot | None) -> bool:
    """Return whether a file of a snapshot is gone; without one, the listing met such a file."""
    if snapshot is None:
        return True
    return any(not path.exists() for table in snapshot.tables.values() for path in table.parquet)


def _connect(duckdb: Any, scratch: str) -> Any:
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": str(Path(scratch) / "spill"),
        },
    )
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(_sql("macros.sql"))
    return connection


def _sql(name: str) -> str:
    return (importlib.resources.files("inlay") / "sql" / name).read_text("utf-8")


def _create_views(connection: Any, snapshot: Snapshot) -> list[str]:
    """Create the views; return what of the tables they leave out."""
    from inlay._files.snapshot import TableSnapshot
    from inlay.points import SCHEMAS

    notes: list[str] = []
    for name in SCHEMAS:
        _create_known(
            connection, name, snapshot.tables.get(name, TableSnapshot((), (), False)), notes
        )
    for name, table in snapshot.tables.items():
        if name in SCHEMAS:
            continue
        if name.lower() in _RESERVED:
            notes.append(f"table {name!r} has the name of a view, it is left out")
            continue
        sources = _register(connection, name, table)
        union = " union all by name ".join(f"select * from {source}" for source in sources)
        connection.execute(f'create view "{name}" as {union}')
        if snapshot.is_newer:
            notes.append(f"table {name!r} is not known to this version, it is shown as stored")
    connection.execute(_sql("views.sql"))
    return notes


def _create_known(connection: Any, name: str, table: TableSnapshot, notes: list[str]) -> None:
    """Create the view of one of the five tables: its own columns, in their types."""
    from inlay.points import KEYS, SCHEMAS

    columns = SCHEMAS[name]
    parts = []
    strange: set[str] = set()
    for source in _register(connection, name, table):
        relation = connection.sql(f"select * from {source} limit 0")
        stored = dict(zip(relation.columns, map(str, relation.types), strict=True))
        strange.update(set(stored) - {column.name for column in columns})
        fields = []
        for column in columns:
            wanted = _DUCKDB_TYPES[column.type]
            have = stored.get(column.name)
            if have is None:
                expression = f"null::{wanted}"
            elif have == wanted:
                expression = f'"{column.name}"'
            else:
                expression = f'try_cast("{column.name}" as {wanted})'
                if _WIDER.get(have) != wanted:
                    notes.append(
                        f"column {column.name!r} of table {name!r} is stored as {have} and read "
                        f"as {wanted}"
                    )
            fields.append(f'{expression} as "{column.name}"')
        parts.append(f"select {', '.join(fields)} from {source}")
    if not parts:
        nulls = (f'null::{_DUCKDB_TYPES[column.type]} as "{column.name}"' for column in columns)
        parts.append(f"select {', '.join(nulls)} where false")
    union = " union all ".join(parts)
    if table.overlaps:
        key = ", ".join(f'"{column}"' for column in KEYS[name])
        union = f"select * from ({union}) qualify row_number() over (partition by {key}) = 1"
    connection.execute(f'create view "{name}" as {union}')
    if strange:
        listed = ", ".join(repr(column) for column in sorted(strange))
        notes.append(f"table {name!r} has columns this version does not know: {listed}")


def _register(connection: Any, name: str, table: TableSnapshot) -> list[str]:
    """Make the parts of a table known to the connection; paths never enter the SQL text."""
    sources = []
    if table.parquet:
        paths = [_literal(path) for path in table.parquet]
        relation = connection.read_parquet(paths, union_by_name=True, hive_partitioning=False)
        sources.append(f'"{name} parquet"')
        relation.create_view(f"{name} parquet")
    for number, rows in enumerate(table.streams):
        sources.append(f'"{name} stream {number}"')
        connection.register(f"{name} stream {number}", rows)
    return sources


def _literal(path: Path) -> str:
    """Return a path in which DuckDB sees no pattern."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))
