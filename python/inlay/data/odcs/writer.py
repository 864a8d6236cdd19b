"""Writes a contract as an Open Data Contract Standard file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay.data.checks.check import NO_FAILURES, Check
from inlay.data.odcs.quality import entry_of
from inlay.data.odcs.yaml_document import dump_yaml

if TYPE_CHECKING:
    import os

    from inlay.data.checks.contract import Contract

__all__ = ["write_contract"]

_API_VERSION = "v3.1.0"
_LOGICAL = {
    "boolean": "boolean",
    "integer": "integer",
    "unsigned": "integer",
    "float": "number",
    "decimal": "number",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "duration": "number",
    "text": "string",
    "list": "array",
    "struct": "object",
}


def write_contract(contract: Contract, path: str | os.PathLike[str] | None) -> str:
    """Return a contract as YAML, and write it to a file if one is given."""
    document = contract._document
    text = dump_yaml(_document_of(contract) if document is None else document)
    if path is not None:
        target = Path(path)
        part = target.with_name(target.name + ".part")
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(target)
        except OSError as error:
            # The file that was asked for is what the message is about.
            raise type(error)(error.errno, error.strerror, str(target)) from None
    return text


def _document_of(contract: Contract) -> dict[str, Any]:
    properties: dict[str, dict[str, Any]] = {}
    if contract.schema is not None:
        seen: dict[str, int] = {}
        for field in contract.schema:
            # Columns that share a name are told apart as checks name them.
            count = seen[field.name] = seen.get(field.name, 0) + 1
            name = field.name if count == 1 else f"{field.name}#{count}"
            members = properties.setdefault(name, {"name": name})
            if field.kind in _LOGICAL:
                members["logicalType"] = _LOGICAL[field.kind]
            members["physicalType"] = field.type
    declared = {
        column: _declare(properties, column)
        for check in contract.checks
        for column in check.columns
    }
    own: list[dict[str, Any]] = []
    own_numbers: list[int] = []
    numbers: dict[int, list[int]] = {}  # of the checks under a property, by its identity
    count = 0
    for check in contract.checks:
        if check == _agreed_schema(contract):
            continue  # it is told by the object's custom property
        column = check.columns[0] if len(check.columns) == 1 else None
        if check.kind == "rule":
            column = None
        entry = entry_of(check, column)
        if column is None:
            own.append(entry)
            own_numbers.append(count)
        else:
            declared[column].setdefault("quality", []).append(entry)
            numbers.setdefault(id(declared[column]), []).append(count)
        count += 1
    element: dict[str, Any] = {"name": contract.name}
    settings = _settings(contract)
    order = own_numbers + _numbers_under(properties, numbers)
    if order != list(range(count)):
        settings.append({"property": "inlay.order", "value": order})
    if settings:
        element["customProperties"] = settings
    if own:
        element["quality"] = own
    if properties:
        element["properties"] = [_listed(members) for members in properties.values()]
    return {
        "apiVersion": _API_VERSION,
        "kind": "DataContract",
        "id": contract.name,
        "name": contract.name,
        "version": "1.0.0",
        "status": "active",
        "schema": [element],
    }


def _declare(properties: dict[str, dict[str, Any]], column: str) -> dict[str, Any]:
    """Return the members of the property of that path; those on the way are made too.

    Inside, the properties of a property are keyed by name.
    """
    names = column.split(".")
    if column in properties or not all(names):
        return properties.setdefault(column, {"name": column})
    *outer, last = names
    for name in outer:
        properties = properties.setdefault(name, {"name": name}).setdefault("properties", {})
    return properties.setdefault(last, {"name": last})


def _numbers_under(
    properties: dict[str, dict[str, Any]], numbers: dict[int, list[int]]
) -> list[int]:
    """Return the numbers of the checks in the order in which their entries are read."""
    found: list[int] = []
    for members in properties.values():
        found += numbers.get(id(members), [])
        found += _numbers_under(members.get("properties", {}), numbers)
    return found


def _listed(members: dict[str, Any]) -> dict[str, Any]:
    """Return a property with those inside it as the list that the standard has."""
    inner = members.get("properties")
    if inner is None:
        return members
    return {**members, "properties": [_listed(member) for member in inner.values()]}


def _agreed_schema(contract: Contract) -> Check | None:
    if contract.schema is None:
        return None
    parameters = {"expected": contract.schema, "allow": "compatible"}
    return Check("schema", (), parameters, NO_FAILURES)


def _settings(contract: Contract) -> list[dict[str, Any]]:
    from inlay.data.checks.contract import Contract

    default = Contract([])
    found: list[dict[str, Any]] = []
    if contract.schema is not None:
        found.append({"property": "inlay.schema", "value": contract.schema.to_dict()})
    if contract.max_rows != default.max_rows:
        found.append({"property": "inlay.maxRows", "value": contract.max_rows})
    if contract.max_keys != default.max_keys:
        found.append({"property": "inlay.maxKeys", "value": contract.max_keys})
    return found
