"""What is said of a training: the same words in pages and terminals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from inlay.report.comparisons import short
from inlay.report.formats import count, counted, escape_controls, seconds
from inlay.report.lane_charts import sign_of
from inlay.report.timeline_charts import instant

__all__ = [
    "PAUSE_HEADINGS",
    "PAUSE_NUMBERS",
    "RANK_HEADINGS",
    "RANK_NUMBERS",
    "SLOW_HEADINGS",
    "SLOW_NUMBERS",
    "goodput_rows",
    "pause_rows",
    "rank_row",
    "slow_rows",
    "training_class",
    "training_facts",
    "training_headline",
]

RANK_HEADINGS = (
    "rank",
    "said",
    "steps",
    "median step",
    "95 %",
    "waits",
    "scores",
    "named",
)
RANK_NUMBERS = (2, 3, 4, 5, 7)
SLOW_HEADINGS = (
    "step",
    "took",
    "times the median",
    "rank",
    "from",
    "longer in",
    "what overlaps it",
)
SLOW_NUMBERS = (0, 1, 2)
PAUSE_HEADINGS = ("what", "times", "together", "median", "longest", "failed")
PAUSE_NUMBERS = (1, 2, 3, 4, 5)
_LOW_GOODPUT, _MOST_OVERLAPS = 0.8, 4


def training_class(training: Mapping[str, Any]) -> str:
    """Name the class in which the page shows the headline."""
    if training["steps"]["nonfinite"]:
        return "bad"
    share = (training["goodput"] or {}).get("share")
    is_named = any(rank["named"] for rank in training["ranks"])
    if is_named or training["restarts"] or (share is not None and share < _LOW_GOODPUT):
        return "open"
    return "good"


def training_headline(training: Mapping[str, Any]) -> str:
    """Say in a line what matters most of a training."""
    steps = training["steps"]
    if steps["first"] is None:
        begin = "no table of steps"
    else:
        begin = f"steps {count(steps['first'])} to {count(steps['last'])}"
        if steps["ranks"] > 1:
            begin += f" of {count(steps['ranks'])} ranks"
        if steps["seconds"] is not None and steps["seconds"]["0.5"] is not None:
            begin += f", usually {seconds(steps['seconds']['0.5'])}"
    parts = []
    goodput = training["goodput"]
    if goodput is not None:
        part = f"goodput {100.0 * goodput['share']:.1f} %"
        if goodput["lost"]:
            cause, lost = next(iter(goodput["lost"].items()))
            part += f", most lost to {cause} ({seconds(lost)})"
        parts.append(part)
    if steps["nonfinite"]:
        parts.append(f"{counted(steps['nonfinite'], 'step')} not finite")
    named = [rank for rank in training["ranks"] if rank["named"]]
    if named:
        most = max(named, key=lambda rank: rank["named_seconds"])
        others = f" and {count(len(named) - 1)} more" if len(named) > 1 else ""
        parts.append(f"slowed by rank {most['rank']}{others}")
    if training["restarts"]:
        parts.append(counted(training["restarts"], "restart"))
    return "; ".join([begin, *parts])


def training_facts(training: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List what a training came to."""
    steps, over_time = training["steps"], training["over_time"]
    found: list[tuple[str, str]] = []
    if steps["seconds"] is not None:
        spread = steps["seconds"]
        for name, key in (
            ("median step", "0.5"),
            ("95 % of steps within", "0.95"),
            ("longest", "1"),
        ):
            found.append((name, seconds(spread[key])))
    for name, key in (("tokens", "tokens"), ("samples", "samples")):
        if steps[key]:
            found.append((name, count(steps[key])))
    for name, key in (("tokens a second", "tokens_rate"), ("samples a second", "samples_rate")):
        of = _last(over_time.get(key))
        if of is not None:
            found.append((f"{name}, last", short(of)))
    mfu = _last((over_time["mfu"] or {}).get("mean"))
    if mfu is not None:
        found.append(("MFU, last", f"{100.0 * mfu:.1f} %"))
    loss = _last((over_time["loss"] or {}).get("mean"))
    if loss is not None:
        found.append(("loss, last", short(loss)))
    found.append(("steps not finite", count(steps["nonfinite"])))
    found.append(("steps done again", count(steps["replayed"])))
    found.append(("restarts", count(training["restarts"])))
    return found


def _last(values: Any) -> float | None:
    return next((of for of in reversed(values or ()) if of is not None), None)


def goodput_rows(goodput: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return what the time went to, productive time first."""
    return [("productive", goodput["seconds"]), *goodput["lost"].items()]


def rank_row(rank: Mapping[str, Any]) -> tuple[str, ...]:
    """Make a rank's row under `RANK_HEADINGS`, all of it plain text."""
    spread = rank["seconds"] or {"0.5": None, "0.95": None}
    scores = ", ".join(f"{name} {short(of['last'])}" for name, of in sorted(rank["scores"].items()))
    return (
        escape_controls(rank["rank"]),
        "✗ slows the others" if rank["named"] else "" if rank["wait"] is None else "✓",
        count(rank["steps"]),
        seconds(spread["0.5"]),
        seconds(spread["0.95"]),
        seconds(rank["wait"]),
        escape_controls(scores),
        seconds(rank["named_seconds"]) if rank["named"] else "",
    )


def pause_rows(pauses: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Make rows under `PAUSE_HEADINGS`, all of it plain text."""
    return [
        (
            name.partition(".")[2],
            count(of["count"]),
            seconds(of["seconds"]),
            seconds(of["median"]),
            seconds(of["longest"]),
            count(of["failed"]),
        )
        for name, of in pauses.items()
    ]


def slow_rows(slowest: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Make rows under `SLOW_HEADINGS`, all of it plain text."""
    return [
        (
            f"{count(each['step'])}{' (again)' if each['replayed'] else ''}",
            seconds(each["seconds"]),
            "-" if each["times"] is None else f"{each['times']:.3g}",
            "-" if each["rank"] is None else count(each["rank"]),
            instant(each["start"]),
            "" if each["phase"] is None else f"{each['phase']} (+{seconds(each['phase_more'])})",
            escape_controls(_overlapping(each["overlaps"])) or "nothing that was noted",
        )
        for each in slowest
    ]


def _overlapping(overlaps: Iterable[Mapping[str, Any]]) -> str:
    names: dict[str, float] = {}
    for each in overlaps:
        text = f"{sign_of(each['severity'])} {each['name']} {each['where']}".strip()
        names[text] = names.get(text, 0.0) + each["seconds"]
    shown = [
        f"{text} ({seconds(of)})" if of > 0 else text
        for text, of in list(names.items())[:_MOST_OVERLAPS]
    ]
    more = len(names) - len(shown)
    return "; ".join([*shown, f"{count(more)} more"] if more > 0 else shown)
