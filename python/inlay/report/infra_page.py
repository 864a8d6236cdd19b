"""The page of the infrastructure: GPUs, hosts and links on one time axis with what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inlay.report.charts import Drawing
from inlay.report.comparisons import short
from inlay.report.formats import count, counted, escape_controls
from inlay.report.infra_words import (
    GPU_HEADINGS,
    GPU_NUMBERS,
    HOST_HEADINGS,
    HOST_NUMBERS,
    gpu_row,
    gpus_first,
    host_row,
    infra_class,
    infra_events,
    infra_headline,
)
from inlay.report.lane_charts import map_drawing
from inlay.report.page import details, escape, table
from inlay.report.timeline_charts import Axis, Line, lines_drawing, stack_drawing
from inlay.report.timeline_page import charts, events_part, note, timeline_page

__all__ = ["infra_page"]

#: GPUs that are drawn each; of more all are in maps, and those with the most trouble drawn.
_MOST_DRAWN, _MOST_HOSTS = 8, 4
_GIB, _MIB = 2.0**-30, 2.0**-20
#: Key, title, unit and factor of what a GPU's charts show.
_MEASURES = (
    ("power", "Power", "W", 1.0),
    ("activity", "SM activity", "%", 100.0),
    ("utilization", "Utilisation", "%", 100.0),
    ("temperature", "Temperature", "°C", 1.0),
    ("clock", "SM clock", "GHz", 1e-9),
    ("memory", "Memory used", "GiB", _GIB),
)
_IDENTITY_HEADINGS = ("GPU", "UUID", "model", "driver", "PCI", "host", "part of")
_LINK_HEADINGS = ("link", "host", "sent", "received", "errors", "waited (ticks)", "congestion")
_UNREAD_HEADINGS = ("metric", "why not", "host", "series", "otherwise")
_WHY = {
    "absent": "absent: what it would be read from is not there",
    "error": "error: reading it failed, or its counter stands at its limit",
    "insufficient": "insufficient: too little was seen",
    "no_permission": "no permission: this user or container may not know",
    "undefined": "undefined: it has no meaning there",
    "unsupported": "unsupported: this device, driver or machine cannot tell",
}


def infra_page(
    report: Mapping[str, Any],
    *,
    title: str = "Infrastructure",
    pages: Sequence[tuple[str, str]] = (),
) -> str:
    """Make the page of the infrastructure: one file without a script, nothing from elsewhere.

    Parameters
    ----------
    report : mapping
        What `stored_report` gave; its ``infra`` is not None.
    title : str, default: "Infrastructure"
        The page's heading.
    pages : sequence of (str, str), optional
        Addresses and names of the pages beside it.

    Returns
    -------
    str
        HTML. What happened in lanes, then each GPU and host on the same axis, tables of devices,
        links, events and of what could not be read.

    Raises
    ------
    ImportError
        If there is something to draw and ``vl-convert-python`` is missing; the extra
        ``inlay[report]`` brings it.
    """
    infra, axis = report["infra"], Axis(report["timeline"])
    parts = [
        ("gpus", "GPUs", _gpus(infra, axis)),
        ("hosts", "Hosts", _hosts(infra, axis)),
        ("links", "InfiniBand and RoCE", _links(infra)),
        ("job", "Job and fabric", _job(infra)),
        ("events", "Events", events_part(infra_events(report), report, "infra")),
        ("unread", "Not read", _unread(infra)),
    ]
    return timeline_page(
        report,
        parts,
        title=title,
        subtitle=(
            f"{counted(len(infra['gpus']) + infra['left_out']['gpus'], 'GPU')}, "
            f"{counted(len(infra['hosts']) + infra['left_out']['hosts'], 'host')}"
        ),
        headline=infra_headline(report),
        kind=infra_class(report),
        pages=pages,
    )


def _card(heading: str, *content: str) -> str:
    return (
        f'<section class="column"><h3><bdi>{escape(escape_controls(heading))}</bdi></h3>'
        f"{''.join(content)}</section>"
    )


# ---- GPUs --------------------------------------------------------------------------------------
def _gpus(infra: Mapping[str, Any], axis: Axis) -> str:
    gpus = infra["gpus"]
    if not gpus:
        return note("No GPU: there are no points of one. inlay.infra.Gpu reads them.")
    ordered = gpus_first(gpus)
    rows = [gpu_row(gpu) for gpu in ordered]
    parts = [table(GPU_HEADINGS, rows, label="GPUs", numbers=GPU_NUMBERS, wide=True)]
    left_out = infra["left_out"]["gpus"]
    if left_out:
        parts.append(note(f"{count(left_out)} more, with less trouble, are left out."))
    parts.append(
        note(
            "Throttled: time in which clocks were held down, of several causes at once the "
            "longest; not low_utilization and sync_boost, which are no loss. Causes may count the "
            "same moment, as thermal does what hw_thermal and sw_thermal count."
        )
    )
    identity = [_identity(gpu) for gpu in gpus]
    parts.append(
        details("Identity", table(_IDENTITY_HEADINGS, identity, label="Identity of the GPUs"))
    )
    if len(gpus) > _MOST_DRAWN:
        parts.append(_maps(gpus, axis))
        parts.append(note(f"Those {_MOST_DRAWN} with the most trouble follow one by one."))
        gpus = sorted(ordered[:_MOST_DRAWN], key=gpus.index)
    parts += [_gpu(gpu, axis) for gpu in gpus]
    return "".join(parts)


def _identity(gpu: Mapping[str, Any]) -> tuple[str, ...]:
    names = ("name", "gpu", "model", "driver", "pci", "host", "parent")
    return tuple(escape_controls(str(gpu[name] or "-")) for name in names)


def _gpu(gpu: Mapping[str, Any], axis: Axis) -> str:
    gauges = gpu["gauges"]
    moments = [(at * 1e3, str(name)) for at, name in gpu["moments"]]
    drawn: list[Drawing | None] = []
    columns: list[tuple[str, Sequence[float | None], float]] = []
    for key, title, unit, factor in _MEASURES:
        of = gauges.get(key)
        if of is None and key == "clock":
            of = gauges.get("graphics_clock")
        if of is None or (key == "utilization" and "activity" in gauges):
            continue
        lines = [Line(title, of["mean"], of["min"], of["max"])]
        columns.append((f"{title} ({unit})", of["mean"], factor))
        if key == "temperature":
            for name, more in (("memory_temperature", "Memory"), ("margin", "Margin to slowdown")):
                if name in gauges:
                    values = gauges[name]["mean" if name != "margin" else "min"]
                    lines.append(Line(more, values))
                    columns.append(
                        (f"{more} (°C)" if more == "Memory" else f"{more} (K)", values, 1.0)
                    )
        drawn.append(
            lines_drawing(
                axis,
                lines,
                title=title,
                unit=unit,
                factor=factor,
                moments=moments,
                zero=key in {"activity", "utilization", "memory"},
            )
        )
    io = gpu.get("io") or {}
    drawn.append(
        lines_drawing(
            axis,
            [Line(name, of) for name, of in io.items()],
            title="Bytes over its links",
            unit="GiB/s",
            factor=_GIB,
            zero=True,
        )
    )
    columns += [(f"{name} (GiB/s)", of, _GIB) for name, of in io.items()]
    if gpu["throttle"]:
        drawn.append(
            stack_drawing(
                axis,
                gpu["throttle"],
                title="Throttled by cause",
                unit="% of the time",
                factor=100.0,
            )
        )
        columns += [(f"{cause} (%)", of, 100.0) for cause, of in gpu["throttle"].items()]
    shown = charts(drawn, with_tables=False)
    if not shown:
        return _card(gpu["name"], note("It has no readings."))
    marks = (
        note("Dashed red: " + ", ".join(dict.fromkeys(name for _, name in moments)) + ".")
        if moments
        else ""
    )
    quiet = (
        note("Its clocks were never held down.")
        if gpu["totals"]["throttled"] is not None and not any(gpu["totals"]["throttled"].values())
        else ""
    )
    return _card(
        gpu["name"],
        shown,
        marks,
        quiet,
        _numbers(gpu, columns, axis),
    )


def _numbers(
    gpu: Mapping[str, Any],
    columns: Sequence[tuple[str, Sequence[float | None], float]],
    axis: Axis,
) -> str:
    rows = []
    for place in range(axis.count):
        values = [(of[place], factor) for _, of, factor in columns]
        if any(of is not None for of, _ in values):
            shown = (short(None if of is None else of * factor) for of, factor in values)
            rows.append((axis.until(place), *shown))
    headings = ("until", *(escape_controls(name) for name, _, _ in columns))
    label = f"Numbers of {escape_controls(gpu['name'])}"
    return details(
        "Numbers of the charts",
        table(headings, rows, label=label, numbers=range(1, len(headings))),
    )


def _maps(gpus: Sequence[Mapping[str, Any]], axis: Axis) -> str:
    maps = []
    for key, title, unit, factor in _MEASURES:
        rows = [
            (gpu["name"], gpu["gauges"][key]["mean"])
            for gpu in gpus
            if key in gpu["gauges"] and not (key == "utilization" and "activity" in gpu["gauges"])
        ]
        maps.append(map_drawing(axis, rows, title=title, unit=unit, factor=factor))
    throttled = [(gpu["name"], _together(gpu["throttle"])) for gpu in gpus if gpu["throttle"]]
    maps.append(map_drawing(axis, throttled, title="Throttled", unit="% of the time", factor=100.0))
    return charts(maps)


def _together(parts: Mapping[str, Sequence[float | None]]) -> list[float | None]:
    made: list[float | None] = []
    for values in zip(*parts.values(), strict=True):
        known = [of for of in values if of is not None]
        made.append(sum(known) if known else None)
    return made


# ---- hosts and links ---------------------------------------------------------------------------
def _hosts(infra: Mapping[str, Any], axis: Axis) -> str:
    hosts = infra["hosts"]
    if not hosts:
        return note("No host: there are no points of one. inlay.infra.Host reads them.")
    ordered = sorted(hosts, key=lambda host: -host["trouble"])
    parts = [
        table(
            HOST_HEADINGS, [host_row(host) for host in ordered], label="Hosts", numbers=HOST_NUMBERS
        )
    ]
    left_out = infra["left_out"]["hosts"] + max(0, len(hosts) - _MOST_HOSTS)
    parts += [_host(host, axis) for host in ordered[:_MOST_HOSTS]]
    if left_out:
        parts.append(note(f"{count(left_out)} more are not drawn."))
    return "".join(parts)


def _host(host: Mapping[str, Any], axis: Axis) -> str:
    drawn = []
    if host["cpu"] is not None:
        lines = [Line("CPU", host["cpu"]["mean"], host["cpu"]["min"], host["cpu"]["max"])]
        drawn.append(lines_drawing(axis, lines, title="CPU", unit="%", factor=100.0, zero=True))
    if host["memory"] is not None:
        lines = [Line("Memory used", *(host["memory"][name] for name in ("mean", "min", "max")))]
        drawn.append(
            lines_drawing(axis, lines, title="Memory used", unit="GiB", factor=_GIB, zero=True)
        )
    for key, title, unit, factor in (
        ("pressure", "Stalled", "% of the time", 100.0),
        ("network", "Network", "MiB/s", _MIB),
        ("disk", "Disks", "MiB/s", _MIB),
        ("ib", "InfiniBand", "MiB/s", _MIB),
    ):
        lines = [Line(name, of) for name, of in host[key].items()]
        drawn.append(lines_drawing(axis, lines, title=title, unit=unit, factor=factor, zero=True))
    if host["throttled"] is not None:
        lines = [Line("CPU throttled by the cgroup", host["throttled"])]
        drawn.append(
            lines_drawing(
                axis, lines, title="CPU throttled by the cgroup", unit="s a second", zero=True
            )
        )
    return _card(host["host"] or "(no name)", charts(drawn) or note("It has no readings."))


def _links(infra: Mapping[str, Any]) -> str:
    links = infra["links"]
    if not links:
        return note("No links: there are no points of InfiniBand or RoCE.")
    rows = []
    for link in sorted(links, key=lambda link: -link["trouble"]):
        errors = ", ".join(f"{kind} {count(round(of))}" for kind, of in link["errors"].items())
        rows.append(
            (
                escape_controls(link["name"]),
                escape_controls(link["host"]),
                _bytes(link["io"].get("transmit")),
                _bytes(link["io"].get("receive")),
                escape_controls(errors) or "0",
                "-" if link["wait"] is None else count(round(link["wait"])),
                "-" if link["congestion"] is None else count(round(link["congestion"])),
            )
        )
    left_out = infra["left_out"]["links"]
    rest = note(f"{count(left_out)} more are left out.") if left_out else ""
    return table(_LINK_HEADINGS, rows, label="Links", numbers=(2, 3, 5, 6)) + rest


def _bytes(of: float | None) -> str:
    return "-" if of is None else f"{of * _GIB:.3g} GiB"


def _job(infra: Mapping[str, Any]) -> str:
    if not infra["job"]:
        return note("Nothing: there are no points of a job or of probes of the fabric.")
    rows = []
    for each in infra["job"]:
        attrs = ", ".join(f"{name}={of}" for name, of in sorted(each["attrs"].items()))
        name = f"{each['metric']} {{{attrs}}}" if attrs else each["metric"]
        numbers = (short(each[key]) for key in ("total", "last", "mean", "min", "max"))
        rows.append((escape_controls(name), escape_controls(each["host"]), *numbers))
    headings = ("series", "host", "total", "last", "mean", "least", "most")
    return table(headings, rows, label="Job and fabric", numbers=range(2, 7))


def _unread(infra: Mapping[str, Any]) -> str:
    if not infra["unread"]:
        return note("Nothing: every metric that was looked for had a value.")
    merged: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for each in infra["unread"]:
        merged.setdefault((each["metric"], each["status"]), []).append(each)
    rows = []
    for (metric, status), each in merged.items():
        hosts = sorted({of["host"] for of in each} - {""})
        more = f" and {count(len(hosts) - 3)} more" if len(hosts) > 3 else ""
        rows.append(
            (
                escape_controls(metric),
                escape_controls(_WHY.get(status, status)),
                escape_controls(", ".join(hosts[:3])) + more,
                count(sum(of["series"] for of in each)),
                "read of others or at other times" if each[0]["is_read"] else "",
            )
        )
    return table(_UNREAD_HEADINGS, rows, label="What could not be read", numbers=(3,))
