"""OpenLineage's facets of data quality, as the plain dictionaries that its events carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inlay.data.checks.report import CheckReport, CheckResult

__all__ = ["facets"]

_SPECIFICATION = "https://openlineage.io/spec/facets"
_METRICS_URL = (
    f"{_SPECIFICATION}/1-0-3/DataQualityMetricsInputDatasetFacet.json"
    "#/$defs/DataQualityMetricsInputDatasetFacet"
)
_ASSERTIONS_URL = (
    f"{_SPECIFICATION}/1-1-0/DataQualityAssertionsDatasetFacet.json"
    "#/$defs/DataQualityAssertionsDatasetFacet"
)
# The kinds of assertion that the standard names, and its words for severities.
_KINDS = {"nulls": "not_null", "unique": "unique", "row_count": "row_count", "fresh": "freshness"}
_SEVERITIES = {"info": "info", "warning": "warn", "error": "error"}
# The column metrics that are numbers of checks of ours.
_COLUMN_METRICS = {
    "sum": "sum",
    "minimum": "min",
    "maximum": "max",
}


def _producer() -> str:
    from inlay import __version__

    return f"urn:inlay:{__version__}"


def facets(report: CheckReport) -> dict[str, Any]:
    """Return the facets by the keys under which an input dataset holds them.

    Parameters
    ----------
    report : CheckReport
        Of that dataset.

    Returns
    -------
    dict
        ``"dataQualityMetrics"``: rows, bytes where a check counts them, and per column the nulls,
        sum, minimum, maximum and quantiles that checks have worked out.
        ``"dataQualityAssertions"``: one for each check. One that is undefined has not succeeded,
        for the standard knows true and false alone: ``actual`` says ``undefined`` and why.
    """
    return {
        "dataQualityMetrics": _metrics(report),
        "dataQualityAssertions": {
            "_producer": _producer(),
            "_schemaURL": _ASSERTIONS_URL,
            "assertions": [_assertion(result) for result in report.results],
        },
    }


def _assertion(result: CheckResult) -> dict[str, Any]:
    if result.passed is None:
        actual = f"undefined: {result.reason}"
    else:
        actual = f"{result.value} {result.unit}".rstrip()
    assertion: dict[str, Any] = {
        "assertion": _KINDS.get(result.check, result.check),
        "success": result.passed is True,
        "severity": _SEVERITIES[result.severity],
        "name": result.name,
        "expected": result.bound,
        "actual": actual,
    }
    if len(result.columns) == 1:
        assertion["column"] = result.columns[0]
    if result.description is not None:
        assertion["description"] = result.description
    return assertion


def _metrics(report: CheckReport) -> dict[str, Any]:
    metrics: dict[str, Any] = {
        "_producer": _producer(),
        "_schemaURL": _METRICS_URL,
        "rowCount": report.rows,
        "columnMetrics": {},
    }
    for check, result in zip(report.checks, report.results, strict=True):
        if result.check == "byte_count":
            metrics["bytes"] = result.value
        if len(result.columns) != 1 or result.value is None:
            continue
        column: dict[str, Any] = metrics["columnMetrics"].setdefault(result.columns[0], {})
        if result.check == "nulls":
            column["nullCount"] = result.failed_rows
        elif result.check in _COLUMN_METRICS:
            column[_COLUMN_METRICS[result.check]] = float(result.value)
        elif result.check == "quantile":
            quantiles = column.setdefault("quantiles", {})
            quantiles[f"{check.parameters['q']:g}"] = float(result.value)
    metrics["columnMetrics"] = {name: m for name, m in metrics["columnMetrics"].items() if m}
    return metrics
