"""The checks that data can be put to: each a number, and the bound it is to keep.

A bound is a keyword named as its operator: ``equals``, ``not_equals``, ``less_than``, ``at_most``,
``greater_than``, ``at_least``, ``between=(a, b)``, ``not_between=(a, b)``. Checks that count rows
have ``at_most=0`` where none is given, and take ``unit="percent"``.
"""

from __future__ import annotations

from inlay.data.checks.check import Check, ContractError, Fault
from inlay.data.checks.completeness import missing, nulls
from inlay.data.checks.distribution import maximum, mean, minimum, quantile, std, sum
from inlay.data.checks.freshness import fresh, gap, sequence
from inlay.data.checks.integrity import checksum, decodable, dictionary
from inlay.data.checks.relation import foreign_key, rule, sums
from inlay.data.checks.schema import column_types, schema
from inlay.data.checks.validity import (
    finite,
    in_range,
    in_set,
    length,
    matches,
    monotonic,
    not_in_set,
    unique,
    utf8,
)
from inlay.data.checks.volume import byte_count, row_count

__all__ = [
    "Check",
    "ContractError",
    "Fault",
    "byte_count",
    "checksum",
    "column_types",
    "decodable",
    "dictionary",
    "finite",
    "foreign_key",
    "fresh",
    "gap",
    "in_range",
    "in_set",
    "length",
    "matches",
    "maximum",
    "mean",
    "minimum",
    "missing",
    "monotonic",
    "not_in_set",
    "nulls",
    "quantile",
    "row_count",
    "rule",
    "schema",
    "sequence",
    "std",
    "sum",
    "sums",
    "unique",
    "utf8",
]
