"""The facets of data quality are those that OpenLineage's own client knows."""

import inspect
import json
from typing import Any

import pyarrow as pa
import pytest

import inlay
from inlay import checks

CONTRACT = inlay.Contract(
    [
        checks.nulls("age", at_most=1, severity="warning", description="the form asks for it"),
        checks.unique("id", "age"),
        checks.sum("age", at_least=0),
        checks.minimum("age", at_least=0),
        checks.maximum("age", at_most=10),
        checks.quantile("age", 0.5, at_most=100),
        checks.byte_count(at_most=10**6),
        checks.mean("none", at_most=1),
    ],
    name="people",
)
TABLE = pa.table(
    {"id": [1, 2, 3], "age": [5, None, 11], "none": pa.array([None] * 3, pa.float64())}
)


def test_facets_of_a_report() -> None:
    found = CONTRACT.check(TABLE).to_openlineage()
    assert json.loads(json.dumps(found)) == found
    metrics = found["dataQualityMetrics"]
    assert metrics["rowCount"] == 3
    assert metrics["bytes"] > 0
    assert metrics["columnMetrics"] == {
        "age": {"nullCount": 1, "sum": 16.0, "min": 5.0, "max": 11.0, "quantiles": {"0.5": 5.0}}
    }
    assertions = found["dataQualityAssertions"]["assertions"]
    assert len(assertions) == 8
    assert assertions[0] == {
        "assertion": "not_null",
        "success": True,
        "severity": "warn",
        "name": "nulls(age)",
        "expected": "at most 1 rows",
        "actual": "1 rows",
        "column": "age",
        "description": "the form asks for it",
    }
    assert "column" not in assertions[1]
    assert [a["success"] for a in assertions] == [True, True, True, True, False, True, True, False]
    assert assertions[7]["name"] == "mean(none)"
    assert assertions[7]["actual"].startswith("undefined: ")


def test_the_standards_own_client_takes_them() -> None:
    generated = pytest.importorskip("openlineage.client.generated")
    assert generated is not None
    from openlineage.client.generated import (
        data_quality_assertions_dataset,
        data_quality_metrics_input_dataset,
    )

    found = CONTRACT.check(TABLE).to_openlineage()
    metrics_class = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet
    assertions_class = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet
    for members, facet in (
        (found["dataQualityMetrics"], metrics_class),
        (found["dataQualityAssertions"], assertions_class),
    ):
        assert members["_schemaURL"].split("#")[1] == facet._get_schema().split("#")[1]
        known = {name.lstrip("_") for name in inspect.signature(facet).parameters}
        assert {k for k in members if not k.startswith("_")} <= known

    def build(facet: Any, members: dict[str, Any]) -> Any:
        return facet(**{k: v for k, v in members.items() if not k.startswith("_")})

    columns = found["dataQualityMetrics"]["columnMetrics"]
    for members in columns.values():
        build(data_quality_metrics_input_dataset.ColumnMetrics, members)
    build(metrics_class, found["dataQualityMetrics"])
    for members in found["dataQualityAssertions"]["assertions"]:
        build(data_quality_assertions_dataset.Assertion, members)
    build(assertions_class, found["dataQualityAssertions"])
