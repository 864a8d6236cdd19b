"""Which columns come, and an event for each that lacks, is new or changed its type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inlay.data.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from inlay.data.schema_change import SchemaChange

__all__ = ["SchemaWatch"]

_MOST_SOURCES = 10_000


class SchemaWatch:
    """Compares the schema of each batch with the last one of its source. Not thread-safe.

    Parameters
    ----------
    expected : pyarrow.Schema
        What a source's first batch is compared with.
    ignored : iterable of str
        Columns that may come or not.
    """

    __slots__ = ("_expected", "_ignored", "_last")

    def __init__(self, expected: pa.Schema, ignored: Iterable[str]) -> None:
        self._expected = expected
        self._ignored = frozenset(ignored)
        self._last: dict[str, pa.Schema] = {}

    def see(self, source: str, schema: pa.Schema) -> tuple[SchemaChange, ...]:
        """Return what is another now than before in batches of a source."""
        last = self._last.get(source, self._expected)
        if schema.equals(last):
            return ()
        if len(self._last) >= _MOST_SOURCES and source not in self._last:
            del self._last[next(iter(self._last))]
        self._last[source] = schema
        return self._schema(last).diff(self._schema(schema))

    def _schema(self, schema: pa.Schema) -> Schema:
        import pyarrow as pa

        kept = [f.remove_metadata() for f in schema if f.name not in self._ignored]
        return Schema.of(pa.schema(kept))

    def state(self) -> list[tuple[str, bytes]]:
        """Return the last schema of each source."""
        return [(name, schema.serialize().to_pybytes()) for name, schema in self._last.items()]

    def restore(self, state: Iterable[tuple[str, bytes]]) -> None:
        """Take over a state."""
        import pyarrow as pa

        self._last = {name: pa.ipc.read_schema(pa.py_buffer(data)) for name, data in state}
