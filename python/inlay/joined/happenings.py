"""Events, verdicts and spans as evidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from inlay.joined.candidate import Candidate, Question, fitting, times_text
from inlay.joined.entity import cause_of, entity_of, members
from inlay.joined.intervals import Interval, share_covered
from inlay.joined.scoring import (
    brevity,
    directness_of_event,
    directness_of_verdict,
    severity_share,
)
from inlay.joined.source import EVENT_COLUMNS, Source, Wanted, filtered

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Happening",
    "events",
    "happenings",
    "join_parts",
    "spans",
    "straggling_ranks",
    "verdicts",
]

# What something is, told once, is no cause of anything.
_IDENTITIES = ("gpu.info",)
# Attributes that differ between the parts of one interval.
_VOLATILE = ("open", "seconds", "amount", "share", "count")
# Parts of one interval are handed over at each turn of the window; neighbours this close are one.
_JOIN_US = 250_000
_UNKNOWN_SIZE = 0.5
_WARNING, _INFORMATION = 13, 9
_SELF_DIRECTNESS, _SPAN_DIRECTNESS, _ERROR_SPAN_DIRECTNESS = 0.1, 0.3, 0.4
_SAME_VERDICT = ("origin", "series_id", "method", "judge", "scope")
_VERDICT_COLUMNS = (
    "time",
    "start_time",
    "revision",
    "origin",
    "series_id",
    "layer",
    "metric",
    "attrs",
    "resource",
    "method",
    "judge",
    "scope",
    "verdict",
    "effect",
    "threshold",
)


class Happening(NamedTuple):
    """An event, or the parts of one interval put together."""

    interval: Interval
    origin: int
    layer: str
    name: str
    severity: int
    body: str | None
    attrs: Mapping[str, str]
    resource: str
    trace_id: str | None
    seconds: float


def happenings(source: Source, question: Question) -> list[Happening]:
    """Return the events around the span, those of intervals whole."""
    around = Interval(
        question.span.start - max(question.margin, question.lookback),
        question.span.end + question.margin,
    )
    table = source.read("events", EVENT_COLUMNS, Wanted(within=question.history))
    if table is None or table.num_rows == 0:
        return []
    rows = _plain(filtered(table, Wanted(within=around)))
    names = sorted({row["name"] for row in rows if row["end_time"] is not None})
    if names:
        # With the earlier and later parts of the intervals that are there.
        parts = pc.and_(pc.is_in(table["name"], pa.array(names)), pc.is_valid(table["end_time"]))
        rows = [*(row for row in rows if row["end_time"] is None), *_plain(table.filter(parts))]
    return join_parts(rows)


def events(found: Iterable[Happening], question: Question) -> Iterator[Candidate]:
    """Yield what happened around the span; instants that are alike as one, that which fits best."""
    alike: dict[tuple[Any, ...], list[Candidate]] = {}
    for one, candidate in _events(found, question):
        if one.interval.length:
            yield candidate
            continue
        factors = candidate.factors
        key = (
            *(one.origin, one.layer, one.name, one.severity, one.body, one.resource),
            tuple(sorted(one.attrs.items())),
            *(factors["directness"], factors["specificity"]),
        )
        alike.setdefault(key, []).append(candidate)
    for each in alike.values():
        yield _best(each, "times, the nearest")


def _events(
    found: Iterable[Happening], question: Question
) -> Iterator[tuple[Happening, Candidate]]:
    for one in found:
        if one.name in _IDENTITIES:
            continue
        entity = entity_of(one.attrs, members(one.resource))
        cause = cause_of(one.attrs)
        own = one.trace_id is not None and one.trace_id.lower() in question.focus.traces
        factors = fitting(
            question,
            one.interval,
            entity,
            severity=severity_share(one.severity),
            size=_size(one),
            directness=directness_of_event(one.layer, one.name, own_trace=own),
            origin=one.origin,
            trace=None if one.trace_id is None else one.trace_id.lower(),
            anywhere=one.name == "training.straggler",
        )
        if factors is None:
            continue
        factors["overlap"] *= brevity(question.span.length, one.interval.length)
        what = f"{one.name} {cause}" if cause else one.name
        detail = times_text(question.span, one.interval)
        if one.body:
            detail += f" ({_short(one.body)})"
        detail += "".join(f"; {said}" for said in _unused(one.attrs))
        yield (
            one,
            Candidate(
                "event",
                one.layer,
                one.name,
                entity.text,
                cause,
                one.interval,
                f"{what}, {entity.text}",
                detail,
                factors,
            ),
        )


def straggling_ranks(found: Iterable[Happening], question: Question) -> frozenset[str]:
    """Return the ranks that a straggler's event names while the span lasted."""
    return frozenset(
        one.attrs["rank"]
        for one in found
        if one.name == "training.straggler"
        and "rank" in one.attrs
        and one.interval.start <= question.span.end
        and one.interval.end >= question.span.start
    )


def join_parts(rows: Iterable[Mapping[str, Any]]) -> list[Happening]:
    """Put the parts of intervals together; instants stay as they are.

    Parts have the same name, attributes and process, and lie within a quarter of a second of each
    other. The severity is the highest; seconds add up where the parts do not overlap.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of events, times as integers of microseconds.

    Returns
    -------
    list of Happening
        By time.
    """
    joined: list[Happening] = []
    last: dict[tuple[Any, ...], int] = {}
    seen: set[tuple[Any, ...]] = set()
    for row in sorted(rows, key=_order):
        whole = tuple(row.values())
        if whole in seen:  # delivered twice
            continue
        seen.add(whole)
        attrs = members(row["attrs"])
        end = row["end_time"]
        interval = Interval(row["time"], row["time"] if end is None else max(end, row["time"]))
        own_seconds = _finite(attrs.get("seconds")) or 0.0
        part = Happening(
            interval,
            row["origin"],
            row["layer"],
            row["name"],
            row["severity"],
            row["body"],
            attrs,
            row["resource"],
            row["trace_id"],
            own_seconds,
        )
        if end is None:
            joined.append(part)
            continue
        stable = tuple(sorted((k, v) for k, v in attrs.items() if k not in _VOLATILE))
        key = (row["origin"], row["layer"], row["name"], row["trace_id"], stable)
        place = last.get(key)
        if place is not None:
            known = joined[place]
            if interval.start <= known.interval.end + _JOIN_US:
                apart = interval.start >= known.interval.end
                seconds = known.seconds + own_seconds if apart else max(known.seconds, own_seconds)
                joined[place] = known._replace(
                    interval=Interval(known.interval.start, max(known.interval.end, interval.end)),
                    severity=max(known.severity, row["severity"]),
                    body=row["body"] or known.body,
                    attrs=attrs,
                    seconds=seconds,
                )
                continue
        last[key] = len(joined)
        joined.append(part)
    return joined


def verdicts(source: Source, question: Question) -> Iterator[Candidate]:
    """Yield the verdicts that said yes of a time that meets the span, the best of like ones."""
    table = source.read("verdicts", _VERDICT_COLUMNS, Wanted(within=question.span))
    if table is None or table.num_rows == 0:
        return
    latest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in _plain(table):
        key = tuple(row[name] for name in (*_SAME_VERDICT, "start_time", "time"))
        known = latest.get(key)
        if known is None or row["revision"] > known["revision"]:
            latest[key] = row
    alike: dict[tuple[Any, ...], list[Candidate]] = {}
    for said, candidate in _verdicts(latest.values(), question):
        alike.setdefault(tuple(said[name] for name in _SAME_VERDICT), []).append(candidate)
    for each in alike.values():
        yield _best(each, "times")


def _verdicts(
    latest: Iterable[Mapping[str, Any]], question: Question
) -> Iterator[tuple[Mapping[str, Any], Candidate]]:
    for row in latest:
        if row["verdict"] != "yes":
            continue
        attrs = members(row["attrs"])
        entity = entity_of(attrs, members(row["resource"]))
        interval = Interval(row["start_time"], max(row["time"], row["start_time"]))
        is_self = row["layer"] == "self"
        factors = fitting(
            question,
            interval,
            entity,
            severity=severity_share(_WARNING),
            size=_excess(row["effect"], row["threshold"]),
            directness=_SELF_DIRECTNESS if is_self else directness_of_verdict(row["layer"]),
            origin=row["origin"] if row["scope"] == "process" else None,
        )
        if factors is None:
            continue
        of = f", {entity.text}" if attrs else ""
        detail = "yes"
        if row["effect"] is not None:
            detail += f", effect {row['effect']:.3g}"
        if row["threshold"] is not None:
            detail += f" over {row['threshold']:.3g}"
        detail += f"; {times_text(question.span, interval)}"
        yield (
            row,
            Candidate(
                "verdict",
                row["layer"],
                row["metric"],
                entity.text,
                row["method"],
                interval,
                f"{row['metric']} by {row['method']}{of}",
                detail,
                factors,
            ),
        )


def _best(alike: Sequence[Candidate], times: str) -> Candidate:
    """Return that of several which fits best, with how many there are."""
    best = min(alike, key=lambda one: (-one.score, one.interval))
    if len(alike) == 1:
        return best
    return best._replace(times=len(alike), detail=f"{len(alike)} {times} {best.detail}")


def spans(source: Source, question: Question) -> Iterator[Candidate]:
    """Yield the parts of the request itself: failed ones, and those that took most of its time."""
    if not question.focus.traces:
        return
    values = tuple(question.focus.traces) + tuple(one.upper() for one in question.focus.traces)
    table = source.read("spans", None, Wanted(column="trace_id", values=values))
    if table is None or table.num_rows == 0:
        return
    rows = {(row["trace_id"], row["span_id"]): row for row in _plain(table)}
    known = {row["span_id"] for row in rows.values()}
    for row in rows.values():
        failed = row["status"] == "error"
        interval = Interval(row["start_time"], max(row["time"], row["start_time"]))
        is_root = row["parent_id"] is None or row["parent_id"] not in known
        if is_root and not failed:
            continue
        entity = entity_of(members(row["attrs"]), members(row["resource"]))
        share = share_covered(question.span, interval)
        factors = fitting(
            question,
            interval,
            entity,
            severity=severity_share(17 if failed else _INFORMATION),
            size=share,
            directness=_ERROR_SPAN_DIRECTNESS if failed else _SPAN_DIRECTNESS,
            origin=row["origin"],
            trace=row["trace_id"].lower(),
        )
        if factors is None:
            continue
        what = "failed, " if failed else ""
        yield Candidate(
            "span",
            row["layer"],
            row["name"],
            entity.text,
            "error" if failed else "",
            interval,
            f"span {row['name']}",
            f"{what}{times_text(question.span, interval)}",
            factors,
        )


def _plain(table: pa.Table) -> list[dict[str, Any]]:
    """Return rows with times as integers of microseconds."""
    columns = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
        columns[name] = column.to_pylist()
    names: Sequence[str] = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["time"], row["end_time"] or row["time"], row["name"], row["attrs"], row["origin"])


def _size(one: Happening) -> float:
    """Return how much of its time an interval was bad; a half where nothing says so."""
    if one.seconds > 0.0 and one.interval.length > 0:
        return one.seconds / (one.interval.length / 1e6)
    share = _finite(one.attrs.get("share"))
    return share if share is not None and 0.0 <= share <= 1.0 else _UNKNOWN_SIZE


def _unused(attrs: Mapping[str, str]) -> Iterator[str]:
    """Say which of the attributes that tell how bad an interval was cannot be used."""
    for name, most, what in (("seconds", math.inf, "number"), ("share", 1.0, "share of 1")):
        if name in attrs:
            number = _finite(attrs[name])
            if number is None or not 0.0 <= number <= most:
                yield f"{name} {_short(attrs[name])!r} is no {what} and does not count"


def _excess(effect: float | None, threshold: float | None) -> float:
    """Return how far an effect is over its threshold, 0 to 1; a half at twice the threshold."""
    if effect is None or threshold is None or threshold <= 0.0:
        return _UNKNOWN_SIZE
    ratio = abs(effect) / threshold
    return max(0.0, 1.0 - 1.0 / ratio) if ratio > 0.0 else 0.0


def _finite(text: str | None) -> float | None:
    """Return a number; None of what is none."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _short(text: str, most: int = 120) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
