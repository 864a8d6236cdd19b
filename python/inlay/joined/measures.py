"""Unusual values and slow steps as evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inlay.joined.candidate import Candidate, Question, fitting, seconds_text, times_text
from inlay.joined.entity import entity_of, members, unsaid
from inlay.joined.intervals import Interval
from inlay.joined.scoring import directness_of_point, severity_share
from inlay.joined.unusual import MOST_Z, SELDOM_Z, Unusual, unusual

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PHASES", "STEP_COLUMNS", "slow_steps", "unusual_points"]

PHASES = (
    "data_wait",
    "forward",
    "backward",
    "optimizer",
    "communication",
    "checkpoint",
    "other",
)
"""The columns of `steps` that are seconds of a step."""

STEP_COLUMNS = ("time", "start_time", "origin", "rank", "step", "resource", "attrs", *PHASES)

# What is left over: the other modes say what it was used for.
_IDLE = ("host.cpu.time", "idle")
_INFORMATION, _WARNING = 9, 13
_STEP_DIRECTNESS = 0.4
# |z| at which an unusual value counts half.
_HALF_Z = 10.0
# A step is slow that is so much over the median of its rank, and so many times the usual spread.
_SLOW_RATIO, _SLOW_Z, _LEAST_STEPS = 1.2, 4.0, 8
_MAD_TO_SD = 1.4826


def unusual_points(points: pa.Table, question: Question) -> Iterator[Candidate]:
    """Yield the values of windows that meet the span and are unusual for their series."""
    found = unusual(points, question.span)
    if not found:
        return
    columns = (
        "time",
        "start_time",
        "origin",
        "layer",
        "metric",
        "unit",
        "attrs",
        "resource",
        "kind",
    )
    rows = points.select(columns).take(pa.array([one.row for one in found]))
    starts, ends = (rows[name].cast(pa.int64()).to_pylist() for name in ("start_time", "time"))
    for one, row, start, end in zip(
        found, rows.drop_columns(["time", "start_time"]).to_pylist(), starts, ends, strict=True
    ):
        attrs = members(row["attrs"])
        if (row["metric"], attrs.get("mode")) == _IDLE:
            continue
        entity = entity_of(attrs, members(row["resource"]))
        interval = Interval(start, end)
        size = abs(one.z) / (abs(one.z) + _HALF_Z)
        factors = fitting(
            question,
            interval,
            entity,
            severity=severity_share(_INFORMATION),
            size=size,
            directness=directness_of_point(row["layer"]),
            origin=row["origin"],
        )
        if factors is None:
            continue
        of = unsaid(attrs)
        detail = _said(one, row["unit"], row["kind"]) + (f"; {of}" if of else "")
        cause = "high" if one.z > 0 else "low"
        yield Candidate(
            "point",
            row["layer"],
            row["metric"],
            entity.text,
            cause,
            interval,
            f"{row['metric']}, {entity.text}",
            detail,
            factors,
        )


def slow_steps(steps: pa.Table | None, question: Question) -> Iterator[Candidate]:
    """Yield the slowest step of each rank among those that meet the span, if it is slow."""
    if steps is None or steps.num_rows == 0:
        return
    start, end = (steps[name].cast(pa.int64()).to_numpy() for name in ("start_time", "time"))
    rank = pc.fill_null(steps["rank"], -1).to_numpy()
    origin = steps["origin"].to_numpy()
    seconds = (end - start) / 1e6
    now = (start < question.span.end) & (end > question.span.start)
    for process, number in sorted(set(zip(origin[now].tolist(), rank[now].tolist(), strict=True))):
        ours = (origin == process) & (rank == number)
        past, here = np.flatnonzero(ours & ~now), np.flatnonzero(ours & now)
        if len(past) < _LEAST_STEPS:
            continue
        usual = float(np.median(seconds[past]))
        spread = _MAD_TO_SD * float(np.median(np.abs(seconds[past] - usual)))
        row = int(here[np.argmax(seconds[here])])
        over = float(seconds[row]) - usual
        z = min(MOST_Z, over / max(spread, 0.01 * usual, 1e-9))
        if over <= (_SLOW_RATIO - 1.0) * usual or z < _SLOW_Z:
            continue
        yield from _slow_step(steps, row, past, usual, over, question)


def _slow_step(
    steps: pa.Table,
    row: int,
    past: NDArray[np.int64],
    usual: float,
    over: float,
    question: Question,
) -> Iterator[Candidate]:
    found: dict[str, Any] = steps.slice(row, 1).to_pylist()[0]
    phase, excess = _phase(steps, found, past)
    attrs = dict(members(found.get("attrs") or "{}"))
    if found.get("rank") is not None:
        attrs["rank"] = str(found["rank"])
    entity = entity_of(attrs, members(found.get("resource") or "{}"))
    interval = Interval(
        steps["start_time"][row].cast(pa.int64()).as_py(),
        steps["time"][row].cast(pa.int64()).as_py(),
    )
    factors = fitting(
        question,
        interval,
        entity,
        severity=severity_share(_WARNING),
        size=over / (over + usual) if over + usual > 0.0 else 0.0,
        directness=_STEP_DIRECTNESS,
        origin=found["origin"],
    )
    if factors is None:
        return
    subject = f"step {found['step']}, {entity.text}"
    detail = f"{seconds_text(interval.length)}, {seconds_text(round(usual * 1e6))} usually"
    if phase:
        detail += f"; {phase} {seconds_text(round(excess * 1e6))} over its own"
    detail += f"; {times_text(question.span, interval)}"
    yield Candidate(
        "step", "training", "training.step", entity.text, phase, interval, subject, detail, factors
    )


def _phase(steps: pa.Table, found: dict[str, Any], past: NDArray[np.int64]) -> tuple[str, float]:
    """Return the phase that is most over its own median, and by how many seconds."""
    best, most = "", 0.0
    for name in PHASES:
        if name not in steps.column_names or found.get(name) is None:
            continue
        column = steps[name].cast(pa.float64()).to_numpy(zero_copy_only=False)[past]
        known = column[np.isfinite(column)]
        if len(known) < _LEAST_STEPS:
            continue
        excess = float(found[name]) - float(np.median(known))
        if excess > most:
            best, most = name, excess
    return best, most


def _said(one: Unusual, unit: str | None, kind: str) -> str:
    per = "/s" if kind == "counter" else ""
    symbol = f" {unit}{per}" if unit and unit != "1" else per
    if one.z == SELDOM_Z and one.median == 0.0 and kind == "counter":
        return f"{one.value:.4g}{symbol}, seldom anything in {one.windows} windows"
    if abs(one.z) >= MOST_Z:
        return f"{one.value:.4g}{symbol}, {one.median:.4g} in all of {one.windows} windows before"
    return (
        f"{one.value:.4g}{symbol}, {one.median:.4g} usually (z {one.z:+.1f}, {one.windows} windows)"
    )
