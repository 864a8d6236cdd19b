"""The keys of the Open Data Contract Standard, as far as they concern data quality."""

from __future__ import annotations

__all__ = [
    "ELEMENT_KEYS",
    "ENTRY_KEYS",
    "KEPT_KEYS",
    "LENGTH_OPTIONS",
    "OPERATORS",
    "OTHER_OPTIONS",
    "PROPERTY_KEYS",
    "RANGE_OPTIONS",
    "TOP_KEYS",
]

OPERATORS = {
    "mustBe": "equals",
    "mustNotBe": "not_equals",
    "mustBeGreaterThan": "greater_than",
    "mustBeGreaterOrEqualTo": "at_least",
    "mustBeLessThan": "less_than",
    "mustBeLessOrEqualTo": "at_most",
    "mustBeBetween": "between",
    "mustNotBeBetween": "not_between",
}
"""The standard's operators, and ours."""

KEPT_KEYS = (
    "authoritativeDefinitions",
    "businessImpact",
    "customProperties",
    "dimension",
    "id",
    "method",
    "schedule",
    "scheduler",
    "tags",
)
"""What an entry may say that no check depends on."""

TOP_KEYS = frozenset(
    (
        "apiVersion",
        "authoritativeDefinitions",
        "contractCreatedTs",
        "customProperties",
        "dataProduct",
        "description",
        "domain",
        "id",
        "kind",
        "name",
        "price",
        "roles",
        "schema",
        "servers",
        "slaDefaultElement",
        "slaProperties",
        "status",
        "support",
        "tags",
        "team",
        "tenant",
        "version",
    )
)
"""Of the document."""

ELEMENT_KEYS = frozenset(
    (
        "authoritativeDefinitions",
        "businessName",
        "customProperties",
        "dataGranularityDescription",
        "deprecated",
        "description",
        "id",
        "logicalType",
        "name",
        "physicalName",
        "physicalType",
        "properties",
        "quality",
        "relationships",
        "tags",
    )
)
"""Of an object of the schema."""

PROPERTY_KEYS = ELEMENT_KEYS | frozenset(
    (
        "classification",
        "criticalDataElement",
        "encryptedName",
        "enum",
        "examples",
        "items",
        "logicalTypeOptions",
        "partitionKeyPosition",
        "partitioned",
        "primaryKey",
        "primaryKeyPosition",
        "required",
        "transformDescription",
        "transformLogic",
        "transformSourceObjects",
        "unique",
    )
)
"""Of a property."""

_ENTRY_KEYS_OF_ALL = frozenset(("name", "description", "type", "severity", *KEPT_KEYS))

ENTRY_KEYS = {
    "library": _ENTRY_KEYS_OF_ALL | frozenset(("metric", "rule", "arguments", "unit", *OPERATORS)),
    "custom": _ENTRY_KEYS_OF_ALL | frozenset(("engine", "implementation")),
}
"""Of an entry of a quality section, by its type."""

RANGE_OPTIONS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
}
"""Options of a logical type that limit values, and what `in_range` calls them."""

LENGTH_OPTIONS = {
    "minLength": "minimum",
    "maxLength": "maximum",
    "minItems": "minimum",
    "maxItems": "maximum",
}
"""Options of a logical type that limit lengths, and what `length` calls them."""

OTHER_OPTIONS = frozenset(
    (
        "defaultTimezone",
        "format",
        "maxProperties",
        "minProperties",
        "multipleOf",
        "required",
        "timezone",
        "uniqueItems",
    )
)
"""Options of a logical type that the standard has and no check reads."""
