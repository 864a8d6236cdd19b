"""What a report says as rows of ``points`` and ``verdicts``, alone or in an observer's window."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from inlay._core import canonical_json, series_id
from inlay._resource import resource_attributes
from inlay.points import POINTS, VERDICTS

if TYPE_CHECKING:
    from inlay.data.check import Check
    from inlay.data.check_report import CheckReport, CheckResult
    from inlay.observer import Observer
    from inlay.table import Table

__all__ = ["JUDGE", "METRIC", "emit", "point_rows", "verdict_rows"]

METRIC = "data.check"
JUDGE = "inlay.checks"
_ATTRIBUTES = ("check", "column", "dataset")


def _attributes(report: CheckReport, result: CheckResult) -> dict[str, str]:
    return {
        "check": result.name,
        "column": ", ".join(result.columns),
        "dataset": report.name,
    }


def _number(value: Any) -> float | None:
    """Return a number as the nearest float64, or None if there is none."""
    if value is None:
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _judgement(report: CheckReport, check: Check, result: CheckResult) -> dict[str, Any]:
    """Return the columns of ``verdicts`` that the check decides."""
    from inlay import __version__

    words = {True: "no", False: "yes", None: "undefined"}
    limits = [_number(limit) for limit in check.bound.limits]
    names = [f"first limit of {check.bound.operator}", "second limit"][: len(limits)]
    known = [(n, v) for n, v in zip(names, limits, strict=True) if v is not None]
    value = _number(result.value)
    return {
        "layer": "data",
        "metric": METRIC,
        "method": f"check.{result.check}",
        "scope": "process",
        "verdict": words[result.passed],
        "reason": result.reason if result.passed is not True else None,
        "value": value,
        "low": value,
        "high": value,
        "threshold": limits[0] if len(limits) == 1 else None,
        "effect": value,
        "n": report.rows,
        "part_names": [name for name, _ in known],
        "part_values": [limit for _, limit in known],
        "judge": JUDGE,
        "judge_version": __version__,
    }


def emit(report: CheckReport, observer: Observer) -> None:
    """Set a gauge and add a verdict for each check in the observer's open window."""
    gauge = observer.gauge(METRIC, attributes=_ATTRIBUTES, layer="data")
    for check, result in zip(report.checks, report.results, strict=True):
        attributes = _attributes(report, result)
        number = _number(result.value)
        if number is not None:
            gauge.bind(**attributes).set(number)
        observer.verdict(attributes=attributes, **_judgement(report, check, result))


def _header(report: CheckReport, attributes: dict[str, str]) -> dict[str, Any]:
    import datetime

    time = datetime.datetime.fromtimestamp(report.time, datetime.UTC)
    resource = resource_attributes(None)
    attrs = canonical_json(attributes)
    return {
        "time": time,
        "start_time": time,
        "observed_time": time,
        "revision": 0,
        "origin": 0,
        "layer": "data",
        "metric": METRIC,
        "series_id": series_id(METRIC, attrs, resource["service.name"]),
        "attrs": attrs,
        "resource": canonical_json(resource),
    }


def _table(name: str, rows: list[dict[str, Any]], columns: Any) -> Table:
    import pyarrow as pa

    from inlay.table import Table, arrow_schema

    full = [{column.name: row.get(column.name) for column in columns} for row in rows]
    return Table(pa.Table.from_pylist(full, schema=arrow_schema(name)))


def point_rows(report: CheckReport) -> Table:
    """Return one gauge for each check, as of the report's time."""
    rows = []
    for result in report.results:
        number = _number(result.value)
        rows.append(
            {
                **_header(report, _attributes(report, result)),
                "form": "delta",
                "window_seq": 0,
                "kind": "gauge",
                "status": "undefined" if number is None else "ok",
                "value": number,
                "min": number,
                "max": number,
            }
        )
    return _table("points", rows, POINTS)


def verdict_rows(report: CheckReport) -> Table:
    """Return one judgement for each check, as of the report's time."""
    rows = [
        {**_header(report, _attributes(report, result)), **_judgement(report, check, result)}
        for check, result in zip(report.checks, report.results, strict=True)
    ]
    return _table("verdicts", rows, VERDICTS)
