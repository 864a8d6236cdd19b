"""What is said of GPUs and hosts: the same words in pages and terminals."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inlay.report.comparisons import short
from inlay.report.formats import count, counted, escape_controls, seconds
from inlay.report.lane_charts import sign_of
from inlay.report.timeline_charts import instant

__all__ = [
    "EVENT_HEADINGS",
    "GPU_HEADINGS",
    "GPU_NUMBERS",
    "HOST_HEADINGS",
    "HOST_NUMBERS",
    "event_rows",
    "gpu_row",
    "gpus_first",
    "host_row",
    "infra_class",
    "infra_events",
    "infra_headline",
]

GPU_HEADINGS = (
    "GPU",
    "said",
    "throttled",
    "by cause",
    "energy",
    "power",
    "activity",
    "hottest",
    "margin",
    "memory",
    "ECC",
    "PCIe replays",
    "link errors",
)
GPU_NUMBERS = (2, 4, 5, 6, 7, 8, 9, 11, 12)
HOST_HEADINGS = ("host", "CPU", "memory", "stalled", "CPU throttled", "energy", "packets lost")
HOST_NUMBERS = (1, 2, 4, 5, 6)
EVENT_HEADINGS = ("event", "where", "from", "lasts", "what it says")
_ERROR, _WARNING = 17, 13
_WARNINGS = range(_WARNING, _ERROR)
_LONG_NUMBER = re.compile(r"-?\d+\.\d{5,}")
_MOST_TEXT = 300
#: Members of an event that its place says, or nothing.
_SHOWN = frozenset(
    {
        "cause",
        "device",
        "gpu",
        "host",
        "index",
        "interface",
        "link",
        "open",
        "port",
        "rank",
        "resource",
    }
)


def infra_class(report: Mapping[str, Any]) -> str:
    """Name the class in which the page shows the headline."""
    worst = max((each["severity"] for each in infra_events(report)), default=0)
    lost = sum(gpu["lost_seconds"] for gpu in report["infra"]["gpus"])
    if worst >= _ERROR:
        return "bad"
    return "open" if worst >= _WARNING or lost else "good"


def infra_events(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the events of the infrastructure, the most severe first."""
    return [each for each in report["timeline"]["events"] if each["layer"] == "infra"]


def infra_headline(report: Mapping[str, Any]) -> str:
    """Say in a line what matters most of the infrastructure."""
    infra = report["infra"]
    gpus, hosts = infra["gpus"], infra["hosts"]
    more = infra["left_out"]
    parts = []
    errors = [each for each in infra_events(report) if each["severity"] >= _ERROR]
    if errors:
        names = Counter(_error_name(each) for each in errors)
        parts.append(f"{counted(len(errors), 'error')}: {_most_common(names)}")
    throttled = sorted(
        (gpu for gpu in gpus if gpu["lost_seconds"] > 0),
        key=lambda gpu: -gpu["lost_seconds"],
    )
    if throttled:
        total = sum(gpu["lost_seconds"] for gpu in throttled)
        first = throttled[0]
        totals = first["totals"]["throttled"]
        cause = max(first["throttle"] or totals, key=lambda name: totals[name])
        parts.append(
            f"clocks held down for {seconds(total)}, most on {first['name']} "
            f"({seconds(first['lost_seconds'])}, {cause})"
        )
    stalled = [
        (of, resource, host["host"])
        for host in hosts
        for resource, of in host["totals"]["stalled"].items()
        if of >= 1.0
    ]
    if stalled:
        of, resource, _ = max(stalled)
        parts.append(f"hosts waited for {resource} {seconds(of)}")
    warnings = [each for each in infra_events(report) if each["severity"] in _WARNINGS]
    if not parts and warnings:
        names = Counter(_error_name(each) for each in warnings)
        parts.append(f"no error, {counted(len(warnings), 'warning')}: {_most_common(names)}")
    if not parts:
        parts.append("no error, nothing was throttled")
    there = []
    if gpus:
        there.append(counted(len(gpus) + more["gpus"], "GPU"))
    if hosts:
        there.append(counted(len(hosts) + more["hosts"], "host"))
    unread = len({each["metric"] for each in infra["unread"] if not each["is_read"]})
    if unread:
        parts.append(f"{counted(unread, 'metric')} could not be read")
    return f"{' on '.join(there) or 'no GPU and no host'}: {'; '.join(parts)}"


def _most_common(names: Counter[str]) -> str:
    return ", ".join(
        name if times == 1 else f"{name} {times} times" for name, times in names.most_common(4)
    )


def _error_name(event: Mapping[str, Any]) -> str:
    xid = event["attrs"].get("xid") if event["name"] == "gpu.xid" else None
    name = f"Xid {xid}" if xid is not None else event["name"]
    return f"{name} on {event['where']}" if event["where"] else str(name)


def gpus_first(gpus: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Order GPUs: those with errors and the longest throttled first."""
    return sorted(gpus, key=lambda gpu: -gpu["trouble"])


def gpu_row(gpu: Mapping[str, Any]) -> tuple[str, ...]:
    """Make a GPU's row under `GPU_HEADINGS`, all of it plain text."""
    totals, means, newest = gpu["totals"], gpu["means"], gpu["newest"]
    said = []
    if totals["is_lost"]:
        said.append("✗ lost")
    if totals["xids"]:
        said.append(f"✗ Xid {', '.join(dict.fromkeys(totals['xids']))}")
    if not said and gpu["lost_seconds"] > 0:
        said.append("! throttled")
    said += [f"! {name}" for name in gpu.get("warned", ())]
    if not said:
        said.append("✓")
    by_cause = totals["throttled"]
    causes = [
        f"{cause} {seconds(of)}"
        for cause, of in sorted((by_cause or {}).items(), key=lambda item: -item[1])
        if of > 0
    ]
    activity = means.get("activity") or means.get("utilization")
    memory, whole = means.get("memory"), newest.get("memory_total")
    hottest = means.get("temperature")
    margin = means.get("margin")
    ecc = totals["ecc"]
    return (
        escape_controls(gpu["name"]),
        escape_controls("; ".join(said)),
        "-" if by_cause is None else seconds(gpu["lost_seconds"]),
        escape_controls(", ".join(causes)),
        _joules(totals["energy"]),
        _of(means.get("power"), "mean", " W"),
        _percent(activity),
        _of(hottest, "max", " °C"),
        _of(margin, "min", " K"),
        _gib(None if memory is None else memory["max"], whole),
        ""
        if ecc is None
        else escape_controls(", ".join(f"{kind} {count(round(of))}" for kind, of in ecc.items())),
        "-" if totals["replays"] is None else count(round(totals["replays"])),
        "-" if totals["link_errors"] is None else count(round(totals["link_errors"])),
    )


def host_row(host: Mapping[str, Any]) -> tuple[str, ...]:
    """Make a host's row under `HOST_HEADINGS`, all of it plain text."""
    totals = host["totals"]
    stalled = [
        f"{resource} {seconds(of)}"
        for resource, of in sorted(totals["stalled"].items(), key=lambda item: -item[1])
        if of > 0
    ]
    memory = host["memory"]
    most = [of for of in (memory or {"max": ()})["max"] if of is not None]
    used = max(most, default=None)
    lost = [of for of in (totals["network_errors"], totals["dropped"]) if of is not None]
    return (
        escape_controls(host["host"]) or "(no name)",
        _mean(host["cpu"]),
        _gib(used, host["memory_total"]),
        escape_controls(", ".join(stalled)),
        "-" if totals["throttled"] is None else seconds(totals["throttled"]),
        _joules(totals["energy"]),
        count(round(sum(lost))) if lost else "-",
    )


def event_rows(events: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Make rows under `EVENT_HEADINGS`, all of it plain text."""
    return [
        (
            f"{sign_of(each['severity'])} {escape_controls(each['name'])}",
            escape_controls(each["where"]),
            instant(each["start"]),
            seconds(each["seconds"]) if each["end"] is not None else "",
            escape_controls(_told(each))[:_MOST_TEXT],
        )
        for each in events
    ]


def _told(event: Mapping[str, Any]) -> str:
    rest = ", ".join(
        f"{name} {_shortly(str(of))}"
        for name, of in sorted(event["attrs"].items())
        if name not in _SHOWN
    )
    parts = [str(event["body"])] if event["body"] else []
    return "; ".join([*parts, rest] if rest else parts)


def _shortly(text: str) -> str:
    return f"{float(text):.4g}" if _LONG_NUMBER.fullmatch(text) else text


def _of(found: Mapping[str, Any] | None, name: str, unit: str) -> str:
    if found is None or found[name] is None:
        return "-"
    return f"{short(float(found[name]))}{unit}"


def _percent(found: Mapping[str, Any] | None) -> str:
    if found is None or found["mean"] is None:
        return "-"
    return f"{100.0 * found['mean']:.0f} %"


def _mean(found: Mapping[str, Sequence[float | None]] | None) -> str:
    values = [of for of in (found or {"mean": ()})["mean"] if of is not None]
    return f"{100.0 * sum(values) / len(values):.0f} %" if values else "-"


def _gib(used: float | None, whole: float | None) -> str:
    if used is None:
        return "-"
    of = f" of {whole / 2**30:.3g}" if whole else ""
    return f"{used / 2**30:.3g}{of} GiB"


def _joules(joules: float | None) -> str:
    if joules is None:
        return "-"
    if joules >= 3.6e5:
        return f"{short(joules / 3.6e6)} kWh"
    return f"{short(joules / 1e3)} kJ" if joules >= 1e3 else f"{short(float(joules))} J"
