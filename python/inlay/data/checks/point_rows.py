"""What a report says as rows of ``points`` and ``verdicts``, alone or in an observer's window."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from inlay._core import canonical_json, series_id
from inlay._resource import resource_attributes
from inlay.points import POINTS, VERDICTS

if TYPE_CHECKING:
    from inlay.data.checks.check import Check
    from inlay.data.checks.report import CheckReport, CheckResult
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
    """Return what a verdict says of a check, as `Observer.verdict` takes it."""
    from inlay import __version__

    words = {True: "no", False: "yes", None: "undefined"}
    limits = [_number(limit) for limit in check.bound.limits]
    single = len(limits) == 1
    names = ("lower limit", "upper limit")
    parts = {name: v for name, v in zip(names, limits, strict=False) if v is not None}
    return {
        "metric": METRIC,
        "verdict": words[result.passed],
        "method": f"check.{result.check}",
        "judge": JUDGE,
        "judge_version": __version__,
        "layer": "data",
        "reason": None if result.passed is True else result.reason,
        "value": _number(result.value),
        "threshold": limits[0] if single else None,
        "n": report.rows,
        "parts": None if single else parts,
    }


def emit(report: CheckReport, observer: Observer) -> None:
    """Set a gauge and add a verdict for each check in the observer's open window."""
    gauge = observer.gauge(METRIC, attributes=_ATTRIBUTES, layer="data")
    for check, result in zip(report.checks, report.results, strict=True):
        attributes = _attributes(report, result)
        number = _number(result.value)
        bound = gauge.bind(**attributes)
        if number is None:
            bound.clear()  # or the last number would stand for this one
        else:
            bound.set(number)
        judgement = _judgement(report, check, result)
        observer.verdict(attributes=attributes, **judgement)


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
    rows = []
    for check, result in zip(report.checks, report.results, strict=True):
        judgement = _judgement(report, check, result)
        parts = judgement.pop("parts") or {}
        rows.append(
            {
                **_header(report, _attributes(report, result)),
                **judgement,
                "scope": "process",
                "part_names": list(parts),
                "part_values": list(parts.values()),
            }
        )
    return _table("verdicts", rows, VERDICTS)
