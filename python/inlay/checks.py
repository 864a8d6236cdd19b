"""The checks that data can be put to: each a number, and the bound it is to keep.

A bound is a keyword named as its operator: ``equals``, ``not_equals``, ``less_than``, ``at_most``,
``greater_than``, ``at_least``, ``between=(a, b)``, ``not_between=(a, b)``. Checks that count rows
have ``at_most=0`` where none is given, and take ``unit="percent"``.
"""

from __future__ import annotations

from inlay.data.check import Check, ContractError, Fault
from inlay.data.completeness_checks import missing, nulls
from inlay.data.distribution_checks import maximum, mean, minimum, quantile, std, sum
from inlay.data.freshness_checks import fresh, gap, sequence
from inlay.data.integrity_checks import checksum, decodable, dictionary
from inlay.data.relation_checks import foreign_key, rule, sums
from inlay.data.schema_checks import column_types, schema
from inlay.data.validity_checks import (
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
from inlay.data.volume_checks import byte_count, row_count

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
