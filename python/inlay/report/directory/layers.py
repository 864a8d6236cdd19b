"""The infrastructure and the trainings of a directory, read once, on one time axis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay.report.directory.binned_points import COLUMNS, LAYERS, BinnedPoints
from inlay.report.directory.estimates import microseconds
from inlay.report.directory.infrastructure import infrastructure_of
from inlay.report.directory.occurrences import (
    EVENT_COLUMNS,
    INFO,
    chosen_events,
    lanes_of,
    most_severe,
    occurrences_of,
    said,
    verdict_times,
)
from inlay.report.directory.places import Places
from inlay.report.directory.rows import Span
from inlay.report.directory.step_rows import STEP_COLUMNS, STEP_KEY, StepRows
from inlay.report.directory.stretches import Grid, microseconds_of, timeline_of
from inlay.report.directory.trainings import training_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["layers_of"]

_MOST_EVENTS = 1000


def layers_of(directory: Path, span: Span, verdicts: pa.Table) -> dict[str, Any]:
    """Read what a directory says of the infrastructure and of trainings.

    Parameters
    ----------
    directory : Path
    span : Span
        Rows whose whole window lies within are taken; events that overlap it.
    verdicts : pyarrow.Table
        As `stored_rows` gives them.

    Returns
    -------
    dict
        ``timeline``, ``infra`` and ``training``: None where there is nothing of it.

    Raises
    ------
    SerializationError
        If a file is damaged; the message names it.
    OSError
        If a file cannot be read.
    """
    read = _Reader(directory, span)
    occurrences, left_out, devices, hosts = _happened(read.events)
    said_yes = verdict_times(verdicts)
    there = {row["layer"] for row in occurrences} | read.points.layers
    has_infra = "infra" in there or bool(devices)
    has_training = "training" in there or read.steps.start is not None
    starts = [of for of in (read.points.start, read.steps.start) if of is not None]
    ends = [of for of in (read.points.end, read.steps.end) if of is not None]
    if not starts:
        starts = [row["start"] for row in occurrences if row["layer"] in LAYERS]
        ends = [row["end"] for row in occurrences if row["layer"] in LAYERS]
    if not starts:
        return {"timeline": None, "infra": None, "training": None}
    timeline = timeline_of(
        _begin(min(starts), occurrences, span),
        max(ends),
        read.points.usual,
        least=read.steps.usual,
        fine=read.grid.fine,
    )
    series = read.points.binned(timeline)
    hosts |= {each.series.host for each in series}
    places = Places(devices, hosts - {""})
    shown = [*occurrences, *said_yes]
    lanes, outside = lanes_of(shown, {id(row): places.of(row) for row in shown}, timeline)
    told = sorted(occurrences, key=lambda row: (-row["severity"], row["start"] - row["end"]))
    return {
        "timeline": {
            **timeline.to_dict(),
            "lanes": lanes,
            "outside": outside,
            "events": [said(row, places.of(row)) for row in told[:_MOST_EVENTS]],
            "more_events": max(0, len(told) - _MOST_EVENTS) + left_out,
        },
        "infra": infrastructure_of(series, read.points, occurrences, devices, places)
        if has_infra
        else None,
        "training": training_of(read.steps, series, occurrences, places, timeline)
        if has_training
        else None,
    }


def _begin(start: int, occurrences: Sequence[Mapping[str, Any]], span: Span) -> int:
    """Return when the axis begins: where a training does, though its first step came later."""
    begun = [int(row["start"]) for row in occurrences if row["name"] == "training.start"]
    first = min([start, *begun])
    return first if span.start is None else max(first, min(start, microseconds(span.start) or 0))


class _Reader:
    """Reads points, steps and events of a directory; tables are put together as they come."""

    def __init__(self, directory: Path, span: Span) -> None:
        from inlay._files.rows import chosen_rows

        self._span = span
        self._start()
        found = chosen_rows(
            directory,
            {"points": self._points, "steps": self._steps, "events": self._events},
            filters={"points": [("layer", "in", LAYERS)]},
            columns={"points": COLUMNS, "steps": STEP_COLUMNS, "events": EVENT_COLUMNS},
            starting=self._start,
        )
        self.events = found.tables.get("events", [])

    def _start(self) -> None:
        self.grid = Grid()
        self.points, self.steps = BinnedPoints(self.grid), StepRows(self.grid)

    def _points(self, table: pa.Table) -> pa.Table:
        self.points.take(self._within(table, COLUMNS, "points"))
        return table.schema.empty_table()

    def _steps(self, table: pa.Table) -> pa.Table:
        self.steps.take(self._within(table, STEP_KEY, "steps", STEP_COLUMNS))
        return table.schema.empty_table()

    def _events(self, table: pa.Table) -> pa.Table:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        table = chosen_events(_with(table, EVENT_COLUMNS, "events"))
        if not table.num_rows:
            return table
        start = microseconds_of(table["time"])
        end = np.maximum(start, microseconds_of(pc.coalesce(table["end_time"], table["time"])))
        kept = np.ones(len(start), bool)
        if self._span.start is not None:
            kept &= end >= int(self._span.start.timestamp() * 1e6)
        if self._span.end is not None:
            kept &= start <= int(self._span.end.timestamp() * 1e6)
        # What a device is holds whenever it was said.
        kept |= np.asarray(pc.equal(table["name"].cast(pa.utf8()), INFO).to_numpy(), bool)
        return table if kept.all() else table.filter(pa.array(kept))

    def _within(
        self, table: pa.Table, columns: Sequence[str], name: str, more: Sequence[str] = ()
    ) -> pa.Table:
        import pyarrow.compute as pc

        known = [column for column in more if column in table.column_names]
        table = _with(table, dict.fromkeys([*columns, *known]), name)
        if self._span.start is not None:
            table = table.filter(pc.greater_equal(table["start_time"], self._span.start))
        if self._span.end is not None:
            table = table.filter(pc.less_equal(table["time"], self._span.end))
        return table


def _with(table: pa.Table, columns: Iterable[str], name: str) -> pa.Table:
    from inlay._exceptions import SerializationError

    missing = [column for column in columns if column not in table.column_names]
    if missing:
        message = f"table {name!r} lacks the column {missing[0]!r}"
        raise SerializationError(message)
    return table.select(list(columns))


def _happened(
    parts: Sequence[pa.Table],
) -> tuple[list[dict[str, Any]], int, dict[str, Mapping[str, str]], set[str]]:
    """Return what happened, how much of it is left out, what is known of each GPU, the hosts."""
    import pyarrow as pa

    from inlay.table import arrow_schema

    known = arrow_schema("events")
    schema = pa.schema([pa.field(name, known.field(name).type) for name in EVENT_COLUMNS])
    table = pa.concat_tables([schema.empty_table(), *(part.cast(schema) for part in parts)])
    table = table.group_by(list(EVENT_COLUMNS), use_threads=False).aggregate([])
    table, left_out = most_severe(table.select(list(EVENT_COLUMNS)))
    occurrences = occurrences_of(table)
    devices: dict[str, Mapping[str, str]] = {}
    for row in occurrences:
        uuid = row["attrs"].get("gpu")
        if uuid is not None:
            told = {name: of for name, of in row["attrs"].items() if name == "index"}
            devices[uuid] = {
                **devices.get(uuid, {}),
                **(row["attrs"] if row["name"] == INFO else told),
            }
    hosts = {row["host"] for row in occurrences}
    return [row for row in occurrences if row["name"] != INFO], left_out, devices, hosts
