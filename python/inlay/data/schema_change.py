"""What differs between two schemas, and whether a reader of the old one can go on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from inlay.data.type_names import holds_values_of, unit_and_zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inlay.data.schema import Field, Schema
    from inlay.observer import Observer

__all__ = ["SchemaChange", "changes"]

_MAX_NAMES_SHOWN = 20


@dataclasses.dataclass(frozen=True, slots=True)
class SchemaChange:
    """One difference between an old schema and a new one.

    Attributes
    ----------
    kind : str
        ``"column_added"``, ``"column_removed"``, ``"column_renamed"``, ``"columns_reordered"``,
        ``"type_widened"``, ``"type_narrowed"``, ``"type_changed"``, ``"encoding_changed"``,
        ``"unit_changed"``, ``"timezone_changed"``, ``"nullability_changed"``,
        ``"dictionary_values_added"``, ``"dictionary_values_removed"``,
        ``"dictionary_values_changed"`` or ``"dictionary_order_changed"``.
    column : str
        The path of the column, as the old schema names it; empty for the order of the columns.
    old, new : str, optional
        What it was and what it is.
    compatible : bool
        Whether every value of the new data is one that the old schema allows, for a reader that
        takes columns by name.
    """

    kind: str
    column: str
    old: str | None
    new: str | None
    compatible: bool

    def __str__(self) -> str:
        words = self.kind.replace("_", " ")
        column = self.column or "columns"
        if self.kind == "column_added":
            text = f"{column}: {words}, {self.new}"
        elif self.kind == "column_removed":
            text = f"{column}: {words}, was {self.old}"
        elif self.old is None or self.new is None:
            text = f"{column}: {words}: {self.new if self.old is None else self.old}"
        else:
            text = f"{column}: {words} from {self.old} to {self.new}"
        return f"{text} ({'compatible' if self.compatible else 'breaking'})"

    def to_dict(self) -> dict[str, Any]:
        """Return the change as a dictionary."""
        return dataclasses.asdict(self)

    def event(self, observer: Observer, /, *, dataset: str | None = None) -> bool:
        """Note the change as an event ``data.schema_change`` of layer ``data``.

        Parameters
        ----------
        observer : Observer
            Where to.
        dataset : str, optional
            Which data it is about.

        Returns
        -------
        bool
            False if it was not kept.
        """
        attributes: dict[str, Any] = {
            "kind": self.kind,
            "column": self.column,
            "compatible": self.compatible,
        }
        for name, value in (("old", self.old), ("new", self.new), ("dataset", dataset)):
            if value is not None:
                attributes[name] = value
        return observer.event(
            "data.schema_change",
            severity="info" if self.compatible else "warning",
            body=str(self),
            layer="data",
            **attributes,
        )


def changes(old: Schema, new: Schema) -> tuple[SchemaChange, ...]:
    """Return what differs, nested fields by path."""
    return tuple(_compare_fields(old.fields, new.fields, ""))


def _path(prefix: str, name: str) -> str:
    return prefix + name if name == "[]" or not prefix else f"{prefix}.{name}"


def _unique(fields: Sequence[Field]) -> dict[str, Field]:
    """Key the fields by name; a name that repeats gets #2, #3."""
    keyed: dict[str, Field] = {}
    seen: dict[str, int] = {}
    for field in fields:
        count = seen[field.name] = seen.get(field.name, 0) + 1
        keyed[field.name if count == 1 else f"{field.name}#{count}"] = field
    return keyed


def _describe(field: Field) -> str:
    return field.type if field.nullable else f"{field.type} not null"


def _renames(old: dict[str, Field], new: dict[str, Field]) -> dict[str, str]:
    """Pair names that went with names that came and have the same field id: nothing else is sure.

    An id that occurs twice on either side says nothing.
    """

    def by_id(fields: dict[str, Field], others: dict[str, Field]) -> dict[str, str]:
        found: dict[str, list[str]] = {}
        for name, field in fields.items():
            if field.id is not None:
                found.setdefault(field.id, []).append(name)
        return {k: v[0] for k, v in found.items() if len(v) == 1 and v[0] not in others}

    came = by_id(new, old)
    return {name: came[k] for k, name in by_id(old, new).items() if k in came}


def _compare_fields(
    old_fields: Sequence[Field], new_fields: Sequence[Field], prefix: str
) -> Iterator[SchemaChange]:
    old, new = _unique(old_fields), _unique(new_fields)
    renamed = _renames(old, new)
    for name, field in old.items():
        path = _path(prefix, name)
        if name in new:
            yield from _compare_field(path, field, new[name])
        elif name in renamed:
            yield SchemaChange("column_renamed", path, name, renamed[name], False)
            yield from _compare_field(path, field, new[renamed[name]])
        else:
            yield SchemaChange("column_removed", path, _describe(field), None, False)
    came = set(renamed.values())
    for name, field in new.items():
        if name not in old and name not in came:
            path = _path(prefix, name)
            yield SchemaChange("column_added", path, None, _describe(field), True)
    kept = [renamed.get(name, name) for name in old if name in new or name in renamed]
    order = [name for name in new if name in set(kept)]
    if kept != order:
        yield SchemaChange("columns_reordered", prefix, _names(kept), _names(order), True)


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMES_SHOWN])
    more = len(names) - _MAX_NAMES_SHOWN
    return shown if more <= 0 else f"{shown} and {more} more"


def _compare_field(path: str, old: Field, new: Field) -> Iterator[SchemaChange]:
    yield from _compare_type(path, old, new)
    if old.nullable != new.nullable:
        texts = {True: "nullable", False: "not null"}
        yield SchemaChange(
            "nullability_changed", path, texts[old.nullable], texts[new.nullable], not new.nullable
        )
    yield from _compare_dictionaries(path, old, new)
    if old.fields and new.fields and (old.type == "struct") == (new.type == "struct"):
        yield from _compare_fields(old.fields, new.fields, path)


def _compare_type(path: str, old: Field, new: Field) -> Iterator[SchemaChange]:
    if old.type == new.type:
        return
    old_unit, old_zone = unit_and_zone(old.type)
    new_unit, new_zone = unit_and_zone(new.type)
    if old.kind == new.kind and old.kind in ("timestamp", "time", "duration"):
        # The same numbers mean other times, so none of these is harmless.
        if old_unit != new_unit:
            yield SchemaChange("unit_changed", path, old_unit, new_unit, False)
        if old_zone != new_zone:
            zones = (old_zone or "no zone", new_zone or "no zone")
            yield SchemaChange("timezone_changed", path, *zones, False)
        if (old_unit, old_zone) != (new_unit, new_zone):
            return
    narrower = holds_values_of(old.type, new.type)
    wider = holds_values_of(new.type, old.type)
    if narrower and wider:
        kind = "encoding_changed"
    elif narrower:
        kind = "type_narrowed"
    else:
        kind = "type_widened" if wider else "type_changed"
    yield SchemaChange(kind, path, old.type, new.type, narrower)


def _compare_dictionaries(path: str, old: Field, new: Field) -> Iterator[SchemaChange]:
    if not (old.type.startswith("dictionary<") and new.type.startswith("dictionary<")):
        return
    if old.ordered != new.ordered:
        words = {True: "ordered", False: "unordered"}
        yield SchemaChange(
            "dictionary_order_changed", path, words[old.ordered], words[new.ordered], new.ordered
        )
    if old.values is None or new.values is None:
        seen = [field.values is not None or field.values_hash is not None for field in (old, new)]
        if all(seen) and old.values_hash != new.values_hash:
            # Too many to list on one side at least, so that none came cannot be said.
            texts = [
                f"SHA-256 {field.values_hash}"
                if field.values is None
                else f"{len(field.values)} values"
                for field in (old, new)
            ]
            yield SchemaChange("dictionary_values_changed", path, texts[0], texts[1], False)
        return
    added = [v for v in new.values if v not in set(old.values)]
    removed = [v for v in old.values if v not in set(new.values)]
    if added:
        yield SchemaChange(
            "dictionary_values_added", path, None, _names([repr(v) for v in added]), False
        )
    if removed:
        yield SchemaChange(
            "dictionary_values_removed", path, _names([repr(v) for v in removed]), None, True
        )
    if old.ordered and new.ordered and not added and not removed and old.values != new.values:
        orders = [_names([str(v) for v in field.values or ()]) for field in (old, new)]
        yield SchemaChange("dictionary_order_changed", path, orders[0], orders[1], False)
