"""What happened on the way: events and yes-verdicts, as intervals and as lanes of a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inlay.report.directory.binned_points import LAYERS, host_of
from inlay.report.directory.estimates import iso, microseconds
from inlay.report.directory.rows import as_dicts

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.report.directory.stretches import Timeline

__all__ = [
    "EVENT_COLUMNS",
    "INFO",
    "chosen_events",
    "lanes_of",
    "most_severe",
    "occurrences_of",
    "said",
    "verdict_times",
]

EVENT_COLUMNS = (
    "time",
    "end_time",
    "observed_time",
    "origin",
    "layer",
    "name",
    "severity",
    "body",
    "attrs",
    "resource",
)
#: Of other layers: what changes what runs, and what is asked for.
_ELSEWHERE = (
    "checkpoint.advised",
    "dataset.version",
    "deploy",
    "deployment",
    "health.changed",
    "model.version",
    "retrain.requested",
)
_APP = "app"
#: What a device is, which is no occurrence.
INFO = "gpu.info"
_ERROR, _WARNING = 17, 13
# Parts of one interval may be a tick apart.
_NEIGHBOURS_US = 1_000
#: Members that tell parts of one interval apart, not what it is of.
_VARYING = frozenset(
    {"amount", "errors", "evidence", "first_step", "frames", "last_step", "open", "seconds"}
    | {"share", "step"}
)
_MOST_LANES, _MOST_SPANS, _PIXELS = 24, 300, 600
#: Events and verdicts that are looked at one by one.
_MOST_ROWS = 100_000
_VERDICT = "verdict: "


def most_severe(events: pa.Table) -> tuple[pa.Table, int]:
    """Choose of very many events the most severe, of those the first; and count the others."""
    if events.num_rows <= _MOST_ROWS:
        return events, 0
    order = [("severity", "descending"), ("time", "ascending")]
    return events.sort_by(order).slice(0, _MOST_ROWS), events.num_rows - _MOST_ROWS


def chosen_events(table: pa.Table) -> pa.Table:
    """Choose the rows of ``events`` that the pages tell of: of an application its intervals."""
    import pyarrow as pa
    import pyarrow.compute as pc

    layer = pc.is_in(table["layer"].cast(pa.utf8()), value_set=pa.array(LAYERS))
    name = pc.is_in(table["name"].cast(pa.utf8()), value_set=pa.array(_ELSEWHERE))
    is_interval = pc.and_(
        pc.equal(table["layer"].cast(pa.utf8()), _APP), pc.is_valid(table["end_time"])
    )
    return table.filter(pc.or_(pc.or_(layer, name), is_interval))


def occurrences_of(events: pa.Table) -> list[dict[str, Any]]:
    """Put events together that are parts of one, or were seen by several processes.

    Parameters
    ----------
    events : pyarrow.Table
        What `chosen_events` chose.

    Returns
    -------
    list of dict
        By start: ``name``, ``layer``, ``severity``, ``start``, ``end`` (microseconds; equal where
        it is a moment), ``host``, ``attrs``, ``body`` and ``count``, how many events it is made of.
    """
    rows = []
    for row in as_dicts(events):
        begin = microseconds(row["time"]) or 0
        end = microseconds(row["end_time"])
        rows.append(
            {
                "name": row["name"],
                "layer": row["layer"],
                "severity": row["severity"],
                "start": begin,
                "end": begin if end is None else max(begin, end),
                "host": host_of(row["resource"]),
                "attrs": row["attrs"],
                "body": row["body"],
                "origin": row["origin"],
                "count": 1,
            }
        )
    rows.sort(key=lambda row: (row["start"], row["end"], row["name"]))
    last: dict[tuple[Any, ...], dict[str, Any]] = {}
    made: list[dict[str, Any]] = []
    for row in rows:
        fixed = tuple(sorted(each for each in row["attrs"].items() if each[0] not in _VARYING))
        key = row["name"], row["host"], fixed
        known = last.get(key)
        if known is not None and _continues(known, row):
            _join(known, row)
        else:
            last[key] = row
            made.append(row)
    return made


def _continues(known: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    if row["start"] == row["end"] or known["start"] == known["end"]:
        # Moments: only what several processes saw alike.
        return bool(known["start"] == row["start"] and known["end"] == row["end"])
    return bool(row["start"] <= known["end"] + _NEIGHBOURS_US)


def _join(known: dict[str, Any], row: Mapping[str, Any]) -> None:
    overlaps = row["start"] < known["end"]
    attrs = {**known["attrs"], **row["attrs"]}
    end = max(known["end"], row["end"])
    if row["layer"] == "infra":
        for name, pair in {
            "seconds": [_number(each["attrs"].get("seconds")) for each in (known, row)],
            "share": [_bad_time(each) for each in (known, row)],
        }.items():
            found = [of for of in pair if of is not None]
            if name in attrs and found:
                of = max(found) if overlaps else sum(found)
                length = max(1e-6, (end - known["start"]) / 1e6)
                attrs[name] = f"{of / length:.4g}" if name == "share" else f"{of:.6g}"
    known["attrs"], known["end"] = attrs, end
    known["severity"] = max(known["severity"], row["severity"])
    known["body"] = row["body"] or known["body"]
    known["count"] += 1


def _bad_time(row: Mapping[str, Any]) -> float | None:
    """Return of how many seconds of an interval its share is."""
    share = _number(row["attrs"].get("share"))
    return None if share is None else share * (row["end"] - row["start"]) / 1e6


def _number(text: Any) -> float | None:
    try:
        return None if text is None else float(text)
    except (TypeError, ValueError):
        return None


def verdict_times(verdicts: pa.Table) -> list[dict[str, Any]]:
    """Return when judges said yes, in the form of `occurrences_of`; of very many the newest."""
    import pyarrow as pa
    import pyarrow.compute as pc

    said_yes = verdicts.filter(pc.equal(verdicts["verdict"].cast(pa.utf8()), "yes"))
    columns = ("time", "start_time", "layer", "metric", "attrs", "method")
    made = []
    newest = said_yes.select(columns).sort_by([("time", "descending")]).slice(0, _MOST_ROWS)
    for row in as_dicts(newest):
        start = microseconds(row["start_time"]) or 0
        made.append(
            {
                "name": f"{_VERDICT}{row['metric']}",
                "layer": row["layer"],
                "severity": _WARNING,
                "start": start,
                "end": max(start, microseconds(row["time"]) or 0),
                "host": "",
                "attrs": row["attrs"],
                "body": row["method"],
                "count": 1,
            }
        )
    return sorted(made, key=lambda row: (row["start"], row["end"], row["name"]))


def said(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return an occurrence for a report; ``where`` names what it happened to."""
    return {
        "name": row["name"],
        "layer": row["layer"],
        "severity": row["severity"],
        "start": iso(row["start"]),
        "end": iso(row["end"]) if row["end"] > row["start"] else None,
        "seconds": (row["end"] - row["start"]) / 1e6,
        "where": where,
        "attrs": row["attrs"],
        "body": row["body"],
        "count": row["count"],
    }


def lanes_of(
    rows: Sequence[Mapping[str, Any]], names: Mapping[int, str], timeline: Timeline
) -> tuple[list[dict[str, Any]], int]:
    """Lay occurrences out in lanes: one for each kind and place, or if they are many of each kind.

    Parameters
    ----------
    rows : sequence of mapping
        As `occurrences_of` makes them.
    names : dict of int to str
        What each happened to, by ``id`` of the row.
    timeline : Timeline

    Returns
    -------
    lanes : list of dict
        ``name``, ``where``, ``severity`` (the highest), ``count`` and ``spans``: start, end (Unix
        seconds) and severity, in order and no nearer than can be told apart.
    outside : int
        How many lie beyond the axis.
    """
    inside = [row for row in rows if row["start"] <= timeline.end and row["end"] >= timeline.start]
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    # Verdicts are put together before what happened to a device is.
    for together in ((), (_VERDICT,), ("",)):
        groups = {}
        for row in inside:
            where = "" if row["name"].startswith(together) else names.get(id(row), "")
            groups.setdefault((row["name"], where), []).append(row)
        if len(groups) <= _MOST_LANES:
            break
    lanes = [_lane(name, where, each, timeline) for (name, where), each in groups.items()]
    lanes.sort(key=lambda lane: (-lane["severity"], lane["name"], lane["where"]))
    return lanes[:_MOST_LANES], len(rows) - len(inside)


def _lane(
    name: str, where: str, rows: Sequence[Mapping[str, Any]], timeline: Timeline
) -> dict[str, Any]:
    near = (timeline.end - timeline.start) / _PIXELS
    while True:
        spans: list[list[Any]] = []
        for row in sorted(rows, key=lambda row: int(row["start"])):
            start, end = max(row["start"], timeline.start), min(row["end"], timeline.end)
            if spans and start <= spans[-1][1] + near and spans[-1][2] == row["severity"]:
                spans[-1][1] = max(spans[-1][1], end)
            else:
                spans.append([start, end, row["severity"]])
        if len(spans) <= _MOST_SPANS:
            break
        near *= 2
    return {
        "name": name,
        "where": where,
        "severity": max(row["severity"] for row in rows),
        "count": len(rows),
        "spans": [[start / 1e6, end / 1e6, severity] for start, end, severity in spans],
    }
