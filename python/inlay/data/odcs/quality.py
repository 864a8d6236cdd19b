"""One entry of a quality section of the Open Data Contract Standard, and the check that it is."""

from __future__ import annotations

import datetime
import decimal
from typing import TYPE_CHECKING, Any

from inlay import checks as factories
from inlay._exceptions import InvalidArgumentError
from inlay.data.checks.bound import Bound
from inlay.data.checks.check import NO_FAILURES, SEVERITIES, Check
from inlay.data.odcs.keys import OPERATORS
from inlay.data.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ENGINE", "EntryError", "check_of", "entry_of"]

ENGINE = "inlay"
_STANDARD_NAMES = {ours: theirs for theirs, ours in OPERATORS.items()}
_METRICS = {
    "rowCount": (False, ()),
    "nullValues": (True, ()),
    "missingValues": (True, ("missingValues",)),
    "invalidValues": (True, ("validValues", "pattern")),
    "duplicateValues": (None, ("properties",)),
}
# What each factory takes: positional, and by keyword.
_SIGNATURES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "byte_count": ((), ()),
    "checksum": (("column", "expected"), ("kind",)),
    "column_types": (("types",), ()),
    "decodable": (("column", "encoding"), ()),
    "dictionary": (("column",), ()),
    "finite": (("column",), ()),
    "foreign_key": (("column", "values"), ()),
    "fresh": (("column",), ()),
    "gap": (("column",), ()),
    "in_range": (
        ("column",),
        ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum"),
    ),
    "in_set": (("column", "values"), ()),
    "length": (("column",), ("minimum", "maximum")),
    "matches": (("column", "pattern"), ()),
    "maximum": (("column",), ()),
    "mean": (("column",), ()),
    "minimum": (("column",), ()),
    "missing": (("column",), ("values",)),
    "monotonic": (("column",), ("strict", "decreasing")),
    "not_in_set": (("column", "values"), ()),
    "nulls": (("column",), ()),
    "quantile": (("column", "q"), ()),
    "row_count": ((), ()),
    "rule": (("expression",), ()),
    "schema": (("expected",), ("allow",)),
    "sequence": (("column",), ()),
    "std": (("column",), ()),
    "sum": (("column",), ()),
    "sums": (("total", "parts"), ("tolerance",)),
    "unique": (("columns",), ()),
    "utf8": (("column",), ()),
}


class EntryError(Exception):
    """What is wrong with an entry, and the key where; the first of its faults."""

    def __init__(self, message: str, *keys: Any) -> None:
        super().__init__(message)
        self.keys = keys


def _number(value: Any, key: str) -> Any:
    if isinstance(value, str):
        try:
            return decimal.Decimal(value)
        except decimal.InvalidOperation:
            pass
    if isinstance(value, bool) or not isinstance(value, (int, float, decimal.Decimal)):
        message = f"{key} takes a number, got {value!r}"
        raise EntryError(message, key)
    return value


def _options(members: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bound of `members`, and what `entry` says of every check."""
    options: dict[str, Any] = {}
    given = [key for key in OPERATORS if key in members]
    if len(given) > 1:
        message = f"there is more than one operator: {' and '.join(given)}"
        raise EntryError(message, given[1])
    for key in given:
        value = members[key]
        if "Between" in key:
            if not isinstance(value, list) or len(value) != 2:
                message = f"{key} takes two numbers, got {value!r}"
                raise EntryError(message, key)
            options[OPERATORS[key]] = tuple(_number(v, key) for v in value)
        else:
            options[OPERATORS[key]] = _number(value, key)
    if "unit" in members:
        options["unit"] = members["unit"]
    for key in ("name", "description"):
        if entry.get(key) is not None:
            if not isinstance(entry[key], str):
                message = f"{key} must be a text, got {entry[key]!r}"
                raise EntryError(message, key)
            options[key] = entry[key]
    if entry.get("severity") in SEVERITIES:
        options["severity"] = entry["severity"]
    return options


def check_of(entry: Mapping[str, Any], column: str | None) -> list[Check]:
    """Return the checks that an entry is: one, or two for a list and a pattern of valid values.

    Parameters
    ----------
    entry : mapping
        Of type ``library``, or ``custom`` for this engine.
    column : str, optional
        The path of the property it stands under; None under the object itself.

    Raises
    ------
    EntryError
        If it is none.
    """
    try:
        if entry.get("type") == "custom":
            return [_custom(entry, column)]
        return _library(entry, column)
    except (InvalidArgumentError, TypeError) as error:
        raise EntryError(str(error)) from None


def _library(entry: Mapping[str, Any], column: str | None) -> list[Check]:
    metric = entry.get("metric", entry.get("rule"))
    if metric is None:
        message = f"a library entry needs the key metric, one of {', '.join(_METRICS)}"
        raise EntryError(message)
    if not isinstance(metric, str) or metric not in _METRICS:
        known = ", ".join(_METRICS)
        message = f"there is no metric {metric!r}, only {known}"
        raise EntryError(message, "metric" if "metric" in entry else "rule")
    of_property, known_arguments = _METRICS[metric]
    if of_property is not None and of_property != (column is not None):
        place = "a property" if of_property else "the object"
        message = f"{metric} stands under {place}"
        raise EntryError(message, "metric")
    if not any(key in entry for key in OPERATORS):
        message = f"{metric} needs an operator, one of {', '.join(OPERATORS)}"
        raise EntryError(message, "metric")
    arguments = entry.get("arguments") or {}
    if not isinstance(arguments, dict):
        message = f"arguments must be a mapping, got {arguments!r}"
        raise EntryError(message, "arguments")
    for name in arguments:
        if name not in known_arguments:
            message = f"{metric} has no argument {name!r}"
            raise EntryError(message, "arguments", name)
    if column is not None and "properties" in arguments:
        message = "properties stands under the object, not under a property"
        raise EntryError(message, "arguments", "properties")
    for name in ("missingValues", "validValues", "properties"):
        if name in arguments and not isinstance(arguments[name], list):
            message = f"{name} must be a list, got {arguments[name]!r}"
            raise EntryError(message, "arguments", name)
    return _of_metric(metric, arguments, _options(entry, entry), column)


def _of_metric(
    metric: str, arguments: Mapping[str, Any], options: dict[str, Any], column: str | None
) -> list[Check]:
    if metric == "rowCount":
        return [factories.row_count(**options)]
    if metric == "duplicateValues":
        names = [column] if column is not None else arguments.get("properties")
        if not names:
            message = "duplicateValues of the object needs the argument properties"
            raise EntryError(message, "metric")
        return [factories.unique(*names, **options)]
    assert column is not None
    if metric == "nullValues":
        return [factories.nulls(column, **options)]
    if metric == "missingValues":
        if "missingValues" not in arguments:
            message = "missingValues needs the argument missingValues"
            raise EntryError(message, "metric")
        return [factories.missing(column, values=arguments["missingValues"], **options)]
    found = []
    if "validValues" in arguments:
        found.append(factories.in_set(column, arguments["validValues"], **options))
    if "pattern" in arguments:
        found.append(factories.matches(column, arguments["pattern"], **options))
    if not found:
        message = "invalidValues needs the argument validValues or pattern"
        raise EntryError(message, "metric")
    if len(found) == 2:
        if not found[0].bound.is_zero:
            message = "validValues and pattern need an entry each where some may be invalid"
            raise EntryError(message, "arguments", "pattern")
        if "name" in options:
            options["name"] += " (pattern)"
            found[1] = factories.matches(column, arguments["pattern"], **options)
    return found


def _custom(entry: Mapping[str, Any], column: str | None) -> Check:
    implementation = entry.get("implementation")
    if isinstance(implementation, str):
        from inlay.data.odcs.yaml_document import load_yaml

        implementation = load_yaml(implementation).value
    if not isinstance(implementation, dict):
        message = f"implementation must be a mapping with check, got {implementation!r}"
        raise EntryError(message, "implementation")
    kind = implementation.get("check")
    if not isinstance(kind, str) or kind not in _SIGNATURES:
        message = f"there is no check {kind!r}, only {', '.join(_SIGNATURES)}"
        raise EntryError(message, "implementation", "check")
    positional, by_keyword = _SIGNATURES[kind]
    given = {k: v for k, v in implementation.items() if k not in OPERATORS}
    given = {k: v for k, v in given.items() if k not in ("check", "unit")}
    if column is not None and positional and positional[0] in ("column", "columns", "total"):
        given.setdefault(positional[0], [column] if positional[0] == "columns" else column)
    for name in given:
        if name not in positional and name not in by_keyword:
            message = f"{kind} has no argument {name!r}"
            raise EntryError(message, "implementation", name)
    for name in positional:
        if name not in given:
            message = f"{kind} needs the argument {name!r}"
            raise EntryError(message, "implementation", "check")
    arguments = [given.pop(name) for name in positional]
    if kind == "unique":
        arguments = list(arguments[0])
    if kind == "schema":
        arguments = [Schema.from_dict(arguments[0])]
    options = _options(implementation, entry)
    check: Check = getattr(factories, kind)(*arguments, **given, **options)
    return check


def entry_of(check: Check, column: str | None) -> dict[str, Any]:
    """Return the entry for a check, the standard's own metric where there is one.

    Parameters
    ----------
    check : Check
        It.
    column : str, optional
        The path of the property the entry stands under; None under the object itself.
    """
    entry: dict[str, Any] = {}
    if check.name is not None:
        entry["name"] = check.name
    if check.description is not None:
        entry["description"] = check.description
    metric, arguments = _metric_of(check, column)
    bound = _bound_members(check.bound)
    if metric is not None:
        entry["metric"] = metric
        if arguments:
            entry["arguments"] = arguments
        entry.update(bound)
        if check.unit == "percent":
            entry["unit"] = "percent"
    else:
        implementation = {"check": check.kind, **_arguments_of(check, column)}
        if check.bound != NO_FAILURES or check.kind not in _counting():
            implementation.update(bound)
        if check.unit == "percent":
            implementation["unit"] = "percent"
        entry.update({"type": "custom", "engine": ENGINE, "implementation": implementation})
    if check.severity != "error":
        entry["severity"] = check.severity
    entry.update(check.extra)
    return entry


def _counting() -> frozenset[str]:
    """Return the kinds that have a bound by themselves."""
    free = ("byte_count", "fresh", "gap", "maximum", "mean", "minimum", "quantile", "row_count")
    return frozenset(_SIGNATURES) - {*free, "std", "sum"}


def _metric_of(check: Check, column: str | None) -> tuple[str | None, dict[str, Any]]:
    if check.kind == "row_count" and column is None:
        return "rowCount", {}
    if check.kind == "unique":
        if column is None:
            return "duplicateValues", {"properties": list(check.columns)}
        return "duplicateValues", {}
    if column is None:
        return None, {}
    values = check.parameters.get("values")
    match check.kind:
        case "nulls":
            return "nullValues", {}
        case "missing":
            return "missingValues", {"missingValues": plain(values)}
        case "in_set":
            return "invalidValues", {"validValues": plain(values)}
        case "matches":
            return "invalidValues", {"pattern": check.parameters["pattern"]}
    return None, {}


def _bound_members(bound: Bound) -> dict[str, Any]:
    limits = [plain(value) for value in bound.limits]
    return {_STANDARD_NAMES[bound.operator]: limits if len(limits) == 2 else limits[0]}


def _arguments_of(check: Check, column: str | None) -> dict[str, Any]:
    positional, _ = _SIGNATURES[check.kind]
    members: dict[str, Any] = {}
    columns = list(check.columns)
    if check.kind == "rule":
        columns = []
    for name in positional:
        if name in ("columns", "parts"):
            members[name] = columns
        elif name in ("column", "total", "expected") and check.kind != "schema":
            path = columns.pop(0)
            if path != column or name == "expected":
                members[name] = path
    for name, value in check.parameters.items():
        members[name] = plain(value)
    return members


def plain(value: Any) -> Any:
    """Return a value as YAML holds it: what it has no type for becomes text or a number."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Schema):
        return value.to_dict()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return value
