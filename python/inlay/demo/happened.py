"""What happened during the demo, a line for each kind of event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from inlay.joined.entity import cause_of
from inlay.joined.happenings import join_parts

__all__ = ["lines"]

# By OpenTelemetry's numbers, four to a word.
_SEVERITIES = ("trace", "debug", "info", "warning", "error", "critical")


def lines(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say what happened and how often, the most frequent first.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of events, their times as microseconds. The parts of an interval count as one.

    Returns
    -------
    list of str
        A line for each name, cause, severity and body.
    """
    seconds: dict[tuple[str, str, int, str], list[float]] = {}
    for one in join_parts(rows):
        what = one.attrs.get("exception.type") or cause_of(one.attrs)
        key = (one.name, what, one.severity, (one.body or "").strip())
        seconds.setdefault(key, []).append(one.interval.length / 1e6)
    return [_line(*key, lengths) for key, lengths in sorted(seconds.items(), key=_frequent_first)]


def _frequent_first(item: tuple[tuple[str, str, int, str], list[float]]) -> tuple[Any, ...]:
    return -len(item[1]), item[0]


def _line(name: str, what: str, severity: int, body: str, lengths: list[float]) -> str:
    number = len(lengths)
    whole = sum(lengths)
    if whole > 0.0:
        times = f"{number} interval{'' if number == 1 else 's'}, {whole:.1f} s in all"
    else:
        times = "once" if number == 1 else f"{number} times"
    word = _SEVERITIES[min(max(severity - 1, 0) // 4, len(_SEVERITIES) - 1)]
    said = f": {body}" if body else ""
    return f"{name}{' ' if what else ''}{what} ({word}), {times}{said}"
