"""Reads the quality sections of an Open Data Contract Standard file."""

from __future__ import annotations

import dataclasses
import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay import checks as factories
from inlay._exceptions import InvalidArgumentError, SerializationError
from inlay.data.checks.check import SEVERITIES, Check, ContractError, Fault
from inlay.data.checks.contract import Contract
from inlay.data.checks.measure import KINDS
from inlay.data.checks.schema import LOGICAL_TYPES
from inlay.data.odcs.keys import (
    ELEMENT_KEYS,
    ENTRY_KEYS,
    KEPT_KEYS,
    LENGTH_OPTIONS,
    OTHER_OPTIONS,
    PROPERTY_KEYS,
    RANGE_OPTIONS,
    TOP_KEYS,
)
from inlay.data.odcs.quality import ENGINE, EntryError, check_of
from inlay.data.odcs.yaml_document import Document, load_yaml
from inlay.data.schema import Schema

if TYPE_CHECKING:
    import os
    from collections.abc import Hashable, Iterator

__all__ = ["read_contract"]

_Path = tuple["Hashable", ...]

_MAX_VALUES_CHECKED = 100_000


def read_contract(
    source: str | os.PathLike[str], *, dataset: str | None, max_rows: int
) -> Contract:
    """Read a contract; `Contract.from_yaml` says how.

    Raises
    ------
    ContractError
        With all faults.
    """
    if isinstance(source, str) and "\n" in source:
        text, name = source, "the contract"
    else:
        name = str(source)
        try:
            text = Path(source).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ContractError([Fault(f"the file is no UTF-8: {error}")], source=name) from None
    reader = _Reader(load_yaml(text))
    contract = reader.read(dataset, max_rows)
    if reader.faults or contract is None:
        faults = sorted(reader.faults, key=lambda fault: fault.line or 0)
        raise ContractError(faults, source=name)
    return contract


class _Reader:
    """Walks a document and collects checks, faults and what it leaves aside."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.faults = list(document.faults)
        self._ignored: list[Fault] = []
        self._checks: list[Check] = []
        self._logical: dict[str, str] = {}  # of each property by path
        self._types_line: int | None = None
        self._order: Any = None

    def _fault(self, message: str, *path: Hashable) -> None:
        self.faults.append(Fault(message, self._document.line(*path)))

    def _ignore(self, message: str, *path: Hashable, is_unknown: bool = False) -> None:
        self._ignored.append(Fault(message, self._document.line(*path), is_unknown))

    def read(self, dataset: str | None, max_rows: int) -> Contract | None:
        top = self._document.value
        if not isinstance(top, dict):
            if not self.faults:
                self._fault(f"a contract is a mapping with kind and schema, got {top!r:.60}")
            return None
        if top.get("kind") != "DataContract":
            self._fault(f"kind must be DataContract, got {top.get('kind')!r}", "kind")
        version = top.get("apiVersion")
        if not (isinstance(version, str) and version.startswith("v3.")):
            message = f"apiVersion must be one of v3, such as v3.1.0, got {version!r}"
            self._fault(message, "apiVersion")
        self._note_unknown(top, TOP_KEYS, ())
        chosen = self._choose(top.get("schema"), dataset)
        if chosen is None:
            return None
        index, members = chosen
        path: _Path = ("schema", index)
        self._note_unknown(members, ELEMENT_KEYS, path)
        settings = self._settings(members, path)
        self._read_properties(members, path, "")
        own, self._checks = self._checks, []
        self._read_quality(members, path, None)
        self._checks += own
        self._restore_order(path)
        self._check_columns()
        return self._make(members, settings, max_rows)

    def _choose(self, objects: Any, dataset: str | None) -> tuple[int, dict[str, Any]] | None:
        """Return the schema object that is asked for, and its place."""
        if not isinstance(objects, list) or not all(isinstance(o, dict) for o in objects):
            self._fault("schema must be a list of objects with a name", "schema")
            return None
        names = [members.get("name") for members in objects]
        for index, name in enumerate(names):
            if not isinstance(name, str) or not name:
                self._fault(f"an object has a name, got {name!r}", "schema", index, "name")
            elif name in names[:index]:
                message = f"two objects have the same name: {name!r}"
                self._fault(message, "schema", index, "name")
        if dataset is None and len(objects) == 1:
            return 0, objects[0]
        if dataset in names:
            index = names.index(dataset)
            return index, objects[index]
        known = ", ".join(map(repr, names)) or "none"
        asked = "dataset must be given" if dataset is None else f"there is no object {dataset!r}"
        self._fault(f"{asked}: the schema has {known}", "schema")
        return None

    def _settings(self, members: dict[str, Any], path: _Path) -> dict[str, Any]:
        """Return what the object's custom properties say to this library."""
        found: dict[str, Any] = {}
        properties = members.get("customProperties") or []
        for index, entry in enumerate(properties if isinstance(properties, list) else []):
            name = entry.get("property") if isinstance(entry, dict) else None
            if not isinstance(name, str) or not name.startswith("inlay."):
                continue
            place = (*path, "customProperties", index)
            value = entry.get("value")
            if name == "inlay.schema":
                try:
                    found["schema"] = Schema.from_dict(value)
                except SerializationError as error:
                    self._fault(f"{name}: {error}", *place)
            elif name == "inlay.order":
                self._order = value
            elif name in ("inlay.maxRows", "inlay.maxKeys"):
                if type(value) is int and value >= 0:
                    found["max_rows" if name == "inlay.maxRows" else "max_keys"] = value
                else:
                    self._fault(f"{name} is a whole number from 0, got {value!r}", *place)
            else:
                self._ignore(f"{name} is not known", *place, is_unknown=True)
        return found

    def _note_unknown(self, members: dict[Any, Any], known: frozenset[str], path: _Path) -> None:
        for key in members:
            if key not in known:
                like = difflib.get_close_matches(str(key), known, 1)
                hint = f"; is {like[0]!r} meant?" if like else ""
                message = f"the key {key!r} is not one of the standard{hint}"
                self._ignore(message, *path, key, is_unknown=True)

    def _list_of_mappings(self, members: dict[str, Any], key: str, path: _Path) -> Iterator[Any]:
        found = members.get(key)
        if found is None:
            return
        if not isinstance(found, list):
            self._fault(f"{key} must be a list, got {found!r:.60}", *path, key)
            return
        for index, item in enumerate(found):
            if isinstance(item, dict):
                yield (*path, key, index), item
            else:
                self._fault(f"{key} holds mappings, got {item!r:.60}", *path, key, index)

    def _read_properties(self, members: dict[str, Any], path: _Path, prefix: str) -> None:
        names: set[str] = set()
        for place, entry in self._list_of_mappings(members, "properties", path):
            name = entry.get("name")
            if not isinstance(name, str) or not name:
                self._fault(f"a property has a name, got {name!r}", *place, "name")
                continue
            if name in names:
                self._fault(f"two properties have the same name: {name!r}", *place, "name")
            names.add(name)
            self._read_property(entry, place, f"{prefix}{name}")

    def _read_property(self, entry: dict[str, Any], place: _Path, column: str) -> None:
        self._note_unknown(entry, PROPERTY_KEYS, place)
        logical = entry.get("logicalType")
        if logical is not None and logical not in LOGICAL_TYPES:
            known = ", ".join(LOGICAL_TYPES)
            self._fault(f"there is no logicalType {logical!r}, only {known}", *place, "logicalType")
            logical = None
        self._logical.setdefault(column, logical or "")
        if logical and self._types_line is None:
            self._types_line = self._document.line(*place, "logicalType")
        self._read_flags(entry, place, column)
        self._read_type_options(entry, place, column)
        self._read_quality(entry, place, column)
        self._read_properties(entry, place, f"{column}.")
        items = entry.get("items")
        if isinstance(items, dict):
            self._read_property(items, (*place, "items"), f"{column}[]")

    def _read_flags(self, entry: dict[str, Any], place: _Path, column: str) -> None:
        flags = {}
        for key in ("required", "unique", "primaryKey"):
            value = entry.get(key)
            if value is not None and not isinstance(value, bool):
                self._fault(f"{key} is true or false, got {value!r}", *place, key)
            flags[key] = value is True
        if flags["required"] or flags["primaryKey"]:
            key = "required" if flags["required"] else "primaryKey"
            self._add(factories.nulls(column, description=f"{key}: true"), *place, key)
        if flags["unique"]:
            self._add(factories.unique(column, description="unique: true"), *place, "unique")

    def _read_type_options(self, entry: dict[str, Any], place: _Path, column: str) -> None:
        """Take limits and patterns that the logical type states for checks too."""
        options = entry.get("logicalTypeOptions")
        if not isinstance(options, dict):
            if options is not None:
                message = f"logicalTypeOptions must be a mapping, got {options!r:.60}"
                self._fault(message, *place, "logicalTypeOptions")
            return
        where = (*place, "logicalTypeOptions")
        for names, make in (
            (RANGE_OPTIONS, factories.in_range),
            (LENGTH_OPTIONS, factories.length),
        ):
            given = {ours: options[theirs] for theirs, ours in names.items() if theirs in options}
            if given:
                self._try(lambda make=make, given=given: make(column, **given), *where)
        if "pattern" in options:
            pattern = options["pattern"]
            self._try(lambda: factories.matches(column, pattern), *where, "pattern")
        known = {*RANGE_OPTIONS, *LENGTH_OPTIONS, "pattern"}
        for key in options:
            if key not in known:
                message = f"logicalTypeOptions.{key} is not checked"
                self._ignore(message, *where, key, is_unknown=key not in OTHER_OPTIONS)

    def _try(self, make: Any, *path: Hashable) -> None:
        try:
            self._add(make(), *path)
        except (InvalidArgumentError, TypeError) as error:
            self._fault(str(error), *path)

    def _read_quality(self, members: dict[str, Any], path: _Path, column: str | None) -> None:
        for place, entry in self._list_of_mappings(members, "quality", path):
            self._read_entry(entry, place, column)

    def _read_entry(self, entry: dict[str, Any], place: _Path, column: str | None) -> None:
        sort = entry.get("type", "library")
        if sort in ("text", "sql"):
            self._ignore(f"an entry of type {sort} is not checked here", *place)
            return
        if sort not in ENTRY_KEYS:
            message = f"there is no type {sort!r}, only library, text, sql and custom"
            self._fault(message, *place, "type")
            return
        if sort == "custom" and entry.get("engine") != ENGINE:
            engine = entry.get("engine")
            self._ignore(f"an entry for the engine {engine!r} is not checked here", *place)
            return
        self._note_unknown(entry, ENTRY_KEYS[sort], place)
        severity = entry.get("severity")
        if severity is not None and severity not in SEVERITIES:
            message = f"the severity {severity!r} is taken for 'error'"
            self._ignore(message, *place, "severity")
        try:
            found = check_of(entry, column)
        except (EntryError, SerializationError) as error:
            self._fault(str(error), *place, *getattr(error, "keys", ()))
            return
        extra = {key: entry[key] for key in KEPT_KEYS if key in entry}
        if severity is not None and severity not in SEVERITIES:
            extra["severity"] = severity
        for check in found:
            self._add(dataclasses.replace(check, extra=extra), *place)

    def _add(self, check: Check, *path: Hashable) -> None:
        self._checks.append(dataclasses.replace(check, line=self._document.line(*path)))

    def _restore_order(self, path: _Path) -> None:
        """Put the checks into the order that the file states, as it lists them by property."""
        order = self._order
        if order is None:
            return
        numbers = order if isinstance(order, list) else []
        if any(type(number) is not int for number in numbers) or sorted(numbers) != list(
            range(len(self._checks))
        ):
            message = "inlay.order is not that of these checks: they stay as they are listed"
            self._ignore(message, *path, "customProperties")
            return
        placed = sorted(zip(numbers, self._checks, strict=True), key=lambda pair: pair[0])
        self._checks = [check for _, check in placed]

    def _check_columns(self) -> None:
        """Hold the checks against the properties, as far as these are told."""
        if not self._logical:
            return
        for check in self._checks:
            for column in check.columns:
                if column not in self._logical:
                    message = f"{check.title}: there is no property {column!r}"
                    self.faults.append(Fault(message, check.line))
                    continue
                logical = self._logical[column]
                if not logical:
                    continue
                kinds = LOGICAL_TYPES[logical]
                accepts = KINDS[check.kind].accepts
                if accepts is not None and not accepts & kinds:
                    message = f"{check.title}: property {column!r} is {logical}, "
                    self.faults.append(Fault(f"{message}which has no {check.kind}", check.line))
                elif check.kind in ("in_set", "not_in_set", "missing", "foreign_key"):
                    self._check_values(check, column, logical)

    def _check_values(self, check: Check, column: str, logical: str) -> None:
        wanted = _VALUE_TYPES.get(logical)
        if wanted is None:
            return
        for value in check.parameters["values"][:_MAX_VALUES_CHECKED]:
            if value is not None and type(value) not in wanted:
                message = f"{check.title}: {value!r} is no {logical}, the type of {column!r}"
                self.faults.append(Fault(message, check.line))
                return

    def _make(
        self, members: dict[str, Any], settings: dict[str, Any], max_rows: int
    ) -> Contract | None:
        top_level = {
            path: logical
            for path, logical in self._logical.items()
            if "." not in path and "[]" not in path
        }
        if "schema" not in settings and self._types_line is not None:
            types = factories.column_types(top_level)
            self._checks.insert(0, dataclasses.replace(types, line=self._types_line))
        if self.faults:
            return None
        settings.setdefault("max_rows", max_rows)
        try:
            contract = Contract(self._checks, name=members["name"], **settings)
        except ContractError as error:
            self.faults.extend(error.faults)
            return None
        contract._document = self._document.value
        contract._ignored = tuple(sorted(self._ignored, key=lambda fault: fault.line or 0))
        return contract


_VALUE_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float, str),
    "boolean": (bool,),
}
