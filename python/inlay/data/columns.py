"""The columns of a schema by path, and how to take one out of a batch."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from inlay.data.type_names import kind_of, type_name, unit_and_zone

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow

__all__ = ["Column", "columns_of"]

_SECONDS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column or a field inside one, as checks see it.

    Attributes
    ----------
    path : str
        ``"price"``, ``"address.city"``, ``"tags[]"``.
    type : str
        Its type's name.
    kind : str or None
        What it holds; None for a type that nothing here reads.
    arrow_type : pyarrow.DataType
        Its type.
    steps : tuple of int
        The index of the column, then those of the fields of structs; empty for what is no row's,
        such as the items of a list.
    """

    path: str
    type: str
    kind: str | None
    arrow_type: Any
    steps: tuple[int, ...]

    @property
    def ticks_per_second(self) -> int | None:
        """How many of its units a second has; None for what has no unit below a day."""
        unit = unit_and_zone(self.type)[0]
        return None if unit is None else _SECONDS.get(unit)

    def array(self, batch: pyarrow.RecordBatch) -> Any:
        """Return the column of a batch as an array of as many rows; a null struct's fields are."""
        array = batch.column(self.steps[0])
        for step in self.steps[1:]:
            array = array.flatten()[step]
        return array


def columns_of(schema: pyarrow.Schema) -> dict[str, Column]:
    """Return the columns by path; paths that repeat get ``#2``, ``#3``."""
    found: dict[str, Column] = {}
    seen: dict[str, int] = {}
    for index, field in enumerate(schema):
        for path, arrow_type, steps in _walk(field.name, field.type, (index,)):
            count = seen[path] = seen.get(path, 0) + 1
            unique = path if count == 1 else f"{path}#{count}"
            name = type_name(arrow_type)
            found[unique] = Column(unique, name, kind_of(name), arrow_type, steps)
    return found


def _walk(
    path: str, arrow_type: pyarrow.DataType, steps: tuple[int, ...]
) -> Iterator[tuple[str, pyarrow.DataType, tuple[int, ...]]]:
    import pyarrow as pa

    types = pa.types
    if isinstance(arrow_type, pa.BaseExtensionType):
        arrow_type = arrow_type.storage_type
    if types.is_struct(arrow_type):
        for index in range(arrow_type.num_fields):
            field = arrow_type.field(index)
            inner = (*steps, index) if steps else ()
            yield from _walk(f"{path}.{field.name}", field.type, inner)
        return
    yield path, arrow_type, steps
    if types.is_map(arrow_type):
        yield from _walk(f"{path}.key", arrow_type.key_type, ())
        yield from _walk(f"{path}.value", arrow_type.item_type, ())
    elif kind_of(type_name(arrow_type)) == "list":
        yield from _walk(f"{path}[]", arrow_type.value_type, ())
