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

    A column of type null has values of no type yet: it fits every other.

    Parameters
    ----------
    expected : pyarrow.Schema
        What a source's first batch is compared with.
    also : iterable of str
        Columns that it has not and that are to come all the same: as they are when one is first
        seen, of whatever source.
    """

    __slots__ = ("_also", "_expected", "_last", "_seen")

    def __init__(self, expected: pa.Schema, also: Iterable[str]) -> None:
        self._expected = expected
        self._also = frozenset(also)
        self._seen: dict[str, pa.Field] = {}
        self._last: dict[str, pa.Schema] = {}

    def see(self, source: str, schema: pa.Schema) -> tuple[SchemaChange, ...]:
        """Return what is another now than before in batches of a source."""
        import pyarrow as pa

        last = self._last.get(source)
        if last is not None and schema.equals(last):
            return ()
        self._look(schema)
        if len(self._last) >= _MOST_SOURCES and source not in self._last:
            del self._last[next(iter(self._last))]
        before = self._expected if last is None else last
        old = [*self._rest_of(before)]
        if last is None:
            old_also = [self._seen[name] for name in sorted(self._seen)]
        else:
            old_also = [*self._those_of(last).values()]
        schema = pa.schema(_settled(schema, [*old, *old_also]))
        self._last[source] = schema
        # Apart, so that their place among the columns is no change.
        pairs = ((old, self._rest_of(schema)), (old_also, [*self._those_of(schema).values()]))
        return tuple(
            change
            for fields, now in pairs
            for change in _schema(_settled(fields, schema)).diff(_schema(now))
        )

    def _look(self, schema: pa.Schema) -> None:
        """Learn the columns that are to come too."""
        for name, field in self._those_of(schema).items():
            self._seen.setdefault(name, field)

    def _those_of(self, schema: pa.Schema) -> dict[str, pa.Field]:
        """Return those that are to come too, in an order that is always the same."""
        places = {name: schema.get_field_index(name) for name in sorted(self._also)}
        return {name: schema.field(index) for name, index in places.items() if index >= 0}

    def _rest_of(self, schema: pa.Schema) -> list[pa.Field]:
        return [field for field in schema if field.name not in self._also]

    def state(self) -> list[tuple[str, bytes]]:
        """Return the last schema of each source."""
        return [(name, schema.serialize().to_pybytes()) for name, schema in self._last.items()]

    def restore(self, state: Iterable[tuple[str, bytes]]) -> None:
        """Take over a state."""
        import pyarrow as pa

        self._last = {name: pa.ipc.read_schema(pa.py_buffer(data)) for name, data in state}
        for schema in self._last.values():
            self._look(schema)


def _schema(fields: Iterable[pa.Field]) -> Schema:
    import pyarrow as pa

    return Schema.of(pa.schema([field.remove_metadata() for field in fields]))


def _settled(fields: Iterable[pa.Field], known: Iterable[pa.Field]) -> list[pa.Field]:
    """Return fields, those of type null as the known one of their name."""
    import pyarrow as pa

    named = {field.name: field for field in known}
    return [named.get(f.name, f) if pa.types.is_null(f.type) else f for f in fields]
