"""`Schema`: the columns that data has, as a value that can be stored and compared."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._exceptions import SerializationError
from inlay.data.type_names import is_nested, kind_of, type_name

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow

    from inlay.data.schema_change import SchemaChange

__all__ = ["Field", "Schema"]

_VERSION = 1
_MAX_VALUES = 1_000  # dictionaries of more keep the hash of their values alone
_MAX_DEPTH = 64
_FIELD_KEYS = frozenset(
    ("name", "type", "nullable", "fields", "ordered", "values", "values_hash", "id")
)


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One column, or a field inside one.

    Attributes
    ----------
    name : str
        Its name.
    type : str
        Its Arrow type, such as ``"int64"``, ``"timestamp[us, UTC]"`` or ``"struct"``.
    nullable : bool
        Whether it may be null.
    fields : tuple of Field
        The fields of a struct; the item of a list, named ``[]``; ``key`` and ``value`` of a map.
    ordered : bool
        Whether the values of a dictionary have an order that means something.
    values : tuple of str or int, optional
        The values of a dictionary, where they were there to see and are 1,000 at most.
    values_hash : str, optional
        SHA-256 of the values, of a dictionary that has more.
    id : str, optional
        A number that stays when the name changes, as Parquet and Iceberg give it.
    """

    name: str
    type: str
    nullable: bool = True
    fields: tuple[Field, ...] = ()
    ordered: bool = False
    values: tuple[str | int, ...] | None = None
    values_hash: str | None = None
    id: str | None = None

    @property
    def kind(self) -> str | None:
        """What it holds: ``"integer"``, ``"text"``, …; None for a type that nothing here reads."""
        return kind_of(self.type)

    def to_dict(self) -> dict[str, Any]:
        """Return the field as a dictionary that JSON can hold; what is not set is left out."""
        members: dict[str, Any] = {
            "name": self.name,
            "type": self.type,
            "nullable": self.nullable,
        }
        if self.fields:
            members["fields"] = [field.to_dict() for field in self.fields]
        if self.ordered:
            members["ordered"] = True
        if self.values is not None:
            members["values"] = list(self.values)
        if self.values_hash is not None:
            members["values_hash"] = self.values_hash
        if self.id is not None:
            members["id"] = self.id
        return members


@dataclasses.dataclass(frozen=True, slots=True, init=False)
class Schema:
    """The columns of some data: names, types, nullability, dictionaries, order. Immutable.

    Parameters
    ----------
    fields : sequence of Field
        The columns in order.

    Examples
    --------
    >>> import pyarrow as pa
    >>> import inlay
    >>> old = inlay.Schema.of(pa.table({"id": pa.array([1], pa.int32()), "name": ["a"]}))
    >>> new = inlay.Schema.of(pa.table({"id": pa.array([1], pa.int64()), "age": [3]}))
    >>> for change in old.diff(new):
    ...     print(change)
    id: type widened from int32 to int64 (breaking)
    name: column removed, was utf8 (breaking)
    age: column added, int64 (compatible)
    """

    __module__ = "inlay"

    fields: tuple[Field, ...]

    def __init__(self, fields: Sequence[Field] = ()) -> None:
        checked: Sequence[Any] = fields
        for field in checked:
            if not isinstance(field, Field):
                message = f"a schema is made of fields, got {type(field).__name__}"
                raise TypeError(message)
        object.__setattr__(self, "fields", tuple(fields))

    @classmethod
    def of(cls, data: object, /) -> Schema:
        """Infer the schema of data.

        Parameters
        ----------
        data : object
            A `Schema` (returned as it is), an `inlay.Profile`, a pyarrow schema, table, batch or
            reader, anything else that offers Arrow, a pandas frame, a dictionary of columns, or
            the path of a file. Of a reader nothing is consumed; the values of a dictionary
            column are seen only where the whole data is there.

        Returns
        -------
        Schema

        Raises
        ------
        TypeError
            If it is nothing of these.
        """
        if isinstance(data, Schema):
            return data
        import pyarrow as pa

        if isinstance(data, pa.Schema):
            return cls._from_arrow(data, None)
        if isinstance(data, (pa.Table, pa.RecordBatch)):
            return cls._from_arrow(data.schema, data)
        if isinstance(data, pa.RecordBatchReader):
            return cls._from_arrow(data.schema, None)
        if hasattr(data, "__arrow_c_schema__"):
            return cls._from_arrow(pa.schema(data), None)
        known = getattr(data, "schema", None)
        if isinstance(known, Schema):  # of a profile
            return known
        from inlay.data.sources import open_source

        return cls._from_arrow(open_source(data).schema, None)

    @classmethod
    def _from_arrow(cls, schema: pyarrow.Schema, data: Any) -> Schema:
        return cls(
            [
                _field(field, None if data is None else data.column(index))
                for index, field in enumerate(schema)
            ]
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(field.name for field in self.fields)

    def leaves(self) -> Iterator[tuple[str, Field]]:
        """Iterate over all fields by path, depth first.

        Yields
        ------
        tuple of str and Field
            ``"price"``; ``"address.city"`` inside a struct; ``"tags"`` and then ``"tags[]"`` for a
            list and its items. A struct itself is none. Paths that repeat get ``#2``, ``#3``.
        """
        seen: dict[str, int] = {}
        for path, field in _walk(self.fields, ""):
            count = seen[path] = seen.get(path, 0) + 1
            yield (path if count == 1 else f"{path}#{count}"), field

    def diff(self, other: object, /) -> tuple[SchemaChange, ...]:
        """Return what differs in a newer schema.

        A change is *compatible* if who reads data by this schema, column by name, can go on
        unchanged: every value of the new data is one the old schema allows. So a column that is
        added, turns narrower or gives up its nulls is compatible; one that is removed, turns wider
        or may now be null is breaking.

        Parameters
        ----------
        other : Schema or object
            The newer one; anything that `of` takes.

        Returns
        -------
        tuple of SchemaChange
            In the order of this schema's columns, then the added ones; nested fields by path.
        """
        from inlay.data.schema_change import changes

        return changes(self, Schema.of(other))

    def to_dict(self) -> dict[str, Any]:
        """Return the schema as a dictionary that JSON can hold."""
        return {"version": _VERSION, "fields": [field.to_dict() for field in self.fields]}

    @classmethod
    def from_dict(cls, members: Mapping[str, Any], /) -> Schema:
        """Make a schema of what `to_dict` returned.

        Raises
        ------
        SerializationError
            If it is no such dictionary, or of a newer version; the message names the place.
        """
        if not isinstance(members, dict) or "fields" not in members:
            message = f"a schema is a dictionary with fields, got {type(members).__name__}"
            raise SerializationError(message)
        version = members.get("version")
        if version != _VERSION:
            message = f"the schema is of a version this inlay does not know: {version!r}"
            raise SerializationError(message)
        return cls(_read_fields(members["fields"], "fields", 0))

    def save(self, path: str | os.PathLike[str], /) -> None:
        """Write the schema as JSON; the file is replaced as a whole or not at all."""
        target = Path(path)
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=1)
        part = target.with_name(target.name + ".part")
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(target)

    @classmethod
    def load(cls, path: str | os.PathLike[str], /) -> Schema:
        """Read a schema from JSON.

        Raises
        ------
        SerializationError
            If the file holds no schema; the message names the file.
        OSError
            If there is no such file.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except (SerializationError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as e:
            message = f"{path} holds no schema: {e}"
            raise SerializationError(message) from e

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self.fields)

    def __iter__(self) -> Iterator[Field]:
        """Iterate over the columns."""
        return iter(self.fields)

    def __contains__(self, name: object) -> bool:
        """Return whether there is a column of that name."""
        return any(field.name == name for field in self.fields)

    def __getitem__(self, name: str) -> Field:
        """Return the first column of that name.

        Raises
        ------
        KeyError
            If there is none.
        """
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def __repr__(self) -> str:
        """Return the columns in words."""
        columns = ", ".join(
            f"{field.name}: {field.type}{'' if field.nullable else ' not null'}"
            for field in self.fields
        )
        return f"inlay.Schema({columns})"


def _walk(fields: Sequence[Field], prefix: str) -> Iterator[tuple[str, Field]]:
    for field in fields:
        path = prefix + field.name if field.name == "[]" or not prefix else f"{prefix}.{field.name}"
        if field.type != "struct":
            yield path, field
        yield from _walk(field.fields, path)


def _field(field: pyarrow.Field, column: Any) -> Field:
    metadata = field.metadata or {}
    number = metadata.get(b"PARQUET:field_id")
    values, values_hash, ordered = None, None, False
    import pyarrow as pa

    if pa.types.is_dictionary(field.type):
        ordered = bool(field.type.ordered)
        if column is not None:
            values, values_hash = _dictionary_values(column)
    return Field(
        name=field.name,
        type=type_name(field.type),
        nullable=field.nullable,
        fields=_inner_fields(field.type),
        ordered=ordered,
        values=values,
        values_hash=values_hash,
        id=None if number is None else number.decode("utf-8", "replace"),
    )


def _inner_fields(arrow_type: pyarrow.DataType) -> tuple[Field, ...]:
    import pyarrow as pa

    types = pa.types
    if isinstance(arrow_type, pa.BaseExtensionType):
        return _inner_fields(arrow_type.storage_type)
    if types.is_struct(arrow_type):
        return tuple(_field(arrow_type.field(i), None) for i in range(arrow_type.num_fields))
    if types.is_map(arrow_type):
        key, value = arrow_type.key_field, arrow_type.item_field
        return (
            _field(key.with_name("key"), None),
            _field(value.with_name("value"), None),
        )
    if is_nested(type_name(arrow_type)):
        return (_field(arrow_type.value_field.with_name("[]"), None),)
    return ()


def _dictionary_values(column: Any) -> tuple[tuple[str | int, ...] | None, str | None]:
    """Return the values of a dictionary column, or their hash where they are too many."""
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries()
        if column.num_chunks == 0:
            return None, None
        column = column.chunk(0)
    dictionary = column.dictionary
    if kind_of(type_name(dictionary.type)) not in ("text", "integer", "unsigned"):
        return None, None
    values = [value for value in dictionary.to_pylist() if value is not None]
    if len(values) <= _MAX_VALUES:
        return tuple(values), None
    digest = hashlib.sha256()
    for text in sorted(map(repr, values)):
        digest.update(text.encode("utf-8", "surrogatepass") + b"\x1f")
    return None, digest.hexdigest()


def _read_fields(members: Any, place: str, depth: int) -> tuple[Field, ...]:
    if not isinstance(members, list):
        message = f"{place} must be a list, got {type(members).__name__}"
        raise SerializationError(message)
    if depth > _MAX_DEPTH:
        message = f"{place} is nested deeper than {_MAX_DEPTH}"
        raise SerializationError(message)
    return tuple(_read_field(m, f"{place}[{i}]", depth) for i, m in enumerate(members))


def _read_field(members: Any, place: str, depth: int) -> Field:
    if not isinstance(members, dict):
        message = f"{place} must be a dictionary, got {type(members).__name__}"
        raise SerializationError(message)
    for key in members:
        if key not in _FIELD_KEYS:
            message = f"{place} has a member that no field has: {key!r}"
            raise SerializationError(message)
    expected: dict[str, tuple[type, Any]] = {
        "name": (str, None),
        "type": (str, None),
        "nullable": (bool, True),
        "ordered": (bool, False),
        "values_hash": (str, None),
        "id": (str, None),
    }
    given: dict[str, Any] = {}
    for key, (kind, default) in expected.items():
        value = members.get(key, default)
        if not (isinstance(value, kind) or (value is None and key in ("values_hash", "id"))):
            message = f"{place}.{key} must be {kind.__name__}, got {value!r}"
            raise SerializationError(message)
        given[key] = value
    values = members.get("values")
    if values is not None:
        if not isinstance(values, list) or not all(type(v) in (str, int) for v in values):
            message = f"{place}.values must be a list of texts or integers, got {values!r}"
            raise SerializationError(message)
        values = tuple(values)
    fields = _read_fields(members.get("fields", []), f"{place}.fields", depth + 1)
    return Field(fields=fields, values=values, **given)
