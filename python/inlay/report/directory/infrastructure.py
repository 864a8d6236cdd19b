"""What a directory says of GPUs, hosts and links."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from inlay.report.directory.binned_points import Binned, BinnedPoints
    from inlay.report.directory.places import Places

__all__ = ["infrastructure_of", "numbers_of"]

#: Of all that there are those with the most trouble are told of.
_MOST_GPUS, _MOST_HOSTS, _MOST_LINKS = 64, 16, 200
#: Time in which clocks were low is no trouble if nothing was to be done, or another was waited for.
_HARMLESS = frozenset({"low_utilization", "sync_boost", "idle"})
#: Causes that are the sum of others where a driver tells those.
_PARTS = {"thermal": frozenset({"hw_thermal", "sw_thermal"})}
_WARNING = 13
_GAUGES = {
    "power": ("gpu.power", None),
    "activity": ("gpu.sm.activity", None),
    "utilization": ("gpu.utilization", None),
    "temperature": ("gpu.temperature", {"sensor": "gpu"}),
    "memory_temperature": ("gpu.temperature", {"sensor": "memory"}),
    "margin": ("gpu.temperature.margin", None),
    "clock": ("gpu.clock", {"domain": "sm"}),
    "graphics_clock": ("gpu.clock", {"domain": "graphics"}),
    "memory": ("gpu.memory.used", None),
}
#: What is said of a GPU's bytes, by metric.
_IO = {"gpu.pcie.io": "PCIe", "gpu.nvlink.io": "NVLink"}
_NEWEST = {
    "power_limit": ("gpu.power.limit", None),
    "memory_total": ("gpu.memory.total", None),
    "recovery_action": ("gpu.recovery_action", None),
    "pcie_generation": ("gpu.pcie.generation", None),
    "pcie_width": ("gpu.pcie.width", None),
}


def infrastructure_of(
    series: Sequence[Binned],
    points: BinnedPoints,
    occurrences: Sequence[Mapping[str, Any]],
    devices: Mapping[str, Mapping[str, str]],
    places: Places,
) -> dict[str, Any]:
    """Tell of GPUs, hosts and links.

    Parameters
    ----------
    series : sequence of Binned
    points : BinnedPoints
        Which know what had no value.
    occurrences : sequence of mapping
        As `occurrences_of` makes them.
    devices : mapping of str to mapping
        What events said of each GPU, by its UUID.
    places : Places

    Returns
    -------
    dict
        ``gpus``, ``hosts``, ``links``, ``job``, ``unread`` and, for each of the first three, how
        many are ``left_out``: those with the least trouble.
    """
    gpus = _gpus(series, occurrences, devices, places)
    hosts = _hosts(series, occurrences)
    links = _links(series)
    return {
        "gpus": _most_troubled(gpus, _MOST_GPUS),
        "hosts": _most_troubled(hosts, _MOST_HOSTS),
        "links": _most_troubled(links, _MOST_LINKS),
        "job": _job(series)[:_MOST_LINKS],
        "left_out": {
            "gpus": max(0, len(gpus) - _MOST_GPUS),
            "hosts": max(0, len(hosts) - _MOST_HOSTS),
            "links": max(0, len(links) - _MOST_LINKS),
        },
        "unread": [
            {
                "metric": each.metric,
                "status": each.status,
                "host": each.host,
                "series": times,
                # Of another device, or at another time.
                "is_read": each.metric in points.read,
            }
            for each, times in sorted(
                points.unread.items(),
                key=lambda item: (item[0].metric in points.read, *map(str, item[0])),
            )
        ],
    }


def _most_troubled(rows: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    kept = rows
    if len(rows) > most:
        chosen = sorted(range(len(rows)), key=lambda i: (-rows[i]["trouble"], i))[:most]
        kept = [rows[i] for i in sorted(chosen)]
    return kept


def numbers_of(values: np.ndarray, digits: int = 5) -> list[float | None]:
    """Write values for JSON: None where there is none."""
    import numpy as np

    return [
        float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values.tolist()
    ]


def _gauge(each: Binned) -> dict[str, list[float | None]]:
    return {name: numbers_of(getattr(each, name)) for name in ("mean", "min", "max")}


def _rate(each: Binned) -> np.ndarray:
    """Return how fast a counter counted, a second."""
    import numpy as np

    return np.where(each.seconds > 0, each.value / np.maximum(each.seconds, 1e-9), np.nan)


def _summed(rates: Iterable[np.ndarray]) -> np.ndarray:
    import numpy as np

    stacked = np.stack(list(rates))
    return np.where(np.isnan(stacked).all(axis=0), np.nan, np.nansum(stacked, axis=0))


# ---- GPUs --------------------------------------------------------------------------------------
def _gpus(
    series: Sequence[Binned],
    occurrences: Sequence[Mapping[str, Any]],
    devices: Mapping[str, Mapping[str, str]],
    places: Places,
) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], list[Binned]] = defaultdict(list)
    for each in series:
        if each.series.metric.startswith("gpu.") and "gpu" in each.attrs:
            found[each.series.host, each.attrs["gpu"]].append(each)
    known = {gpu for _, gpu in found}
    happened: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in occurrences:
        if "gpu" in row["attrs"] and row["layer"] == "infra":
            uuid = row["attrs"]["gpu"]
            happened[uuid].append(row)
            if uuid not in known:
                known.add(uuid)
                found[row["host"], uuid] = []
    made = [
        _gpu(host, uuid, each, happened[uuid], devices.get(uuid, {}), places)
        for (host, uuid), each in found.items()
    ]
    return sorted(made, key=_order)


def _order(gpu: Mapping[str, Any]) -> tuple[Any, ...]:
    index = str(gpu["index"] or "")
    return gpu["host"], int(index) if index.isdecimal() else 1 << 30, gpu["gpu"]


def _gpu(
    host: str,
    uuid: str,
    series: Sequence[Binned],
    happened: Sequence[Mapping[str, Any]],
    told: Mapping[str, str],
    places: Places,
) -> dict[str, Any]:

    def chosen(metric: str, attrs: Mapping[str, str] | None) -> Binned | None:
        members = attrs or {}
        return next(
            (
                each
                for each in series
                if each.series.metric == metric
                and each.series.kind == "gauge"
                and all(each.attrs.get(name) == of for name, of in members.items())
            ),
            None,
        )

    gauges = {name: chosen(*of) for name, of in _GAUGES.items()}
    throttles = [each for each in series if each.series.metric == "gpu.throttle"]
    causes = {each.attrs.get("cause", "?"): each for each in throttles}
    throttled = {cause: each.total for cause, each in sorted(causes.items())}
    wasted = _held(each for cause, each in causes.items() if cause not in _HARMLESS)
    told_of = [row for row in happened if row["name"] == "gpu.throttle"]
    if not throttles:
        throttled, wasted = _told_held(told_of)
    counted = {cause for cause, seconds in throttled.items() if seconds > 0}
    # What counts again what others count is not drawn on top of them.
    undrawn = _HARMLESS | {whole for whole, parts in _PARTS.items() if counted & parts}
    stacked = {
        cause: numbers_of(_rate(causes[cause]))
        for cause in sorted((counted - undrawn) & causes.keys())
    }
    newest = {name: chosen(*of) for name, of in _NEWEST.items()}
    xids = [str(row["attrs"].get("xid", "?")) for row in happened if row["name"] == "gpu.xid"]
    totals = {
        "energy": _total(series, "gpu.energy"),
        "throttled": throttled if throttles or told_of else None,
        "ecc": _ecc(series),
        "replays": _total(series, "gpu.pcie.replays"),
        "link_errors": _total(series, "gpu.nvlink.errors"),
        "xids": xids,
        "is_lost": any(row["name"] == "gpu.lost" for row in happened),
    }
    errors = sum(row["severity"] >= 17 for row in happened)
    return {
        "gpu": uuid,
        "name": places.gpu(uuid, host),
        "host": host,
        "index": told.get("index"),
        "model": told.get("name"),
        "driver": told.get("driver"),
        "pci": told.get("pci"),
        "parent": next((each.attrs["parent"] for each in series if "parent" in each.attrs), None),
        "totals": totals,
        "newest": {name: each.last for name, each in newest.items() if each is not None},
        "gauges": {name: _gauge(each) for name, each in gauges.items() if each is not None},
        "means": {name: _said_of(each) for name, each in gauges.items() if each is not None},
        "io": _rates([each for each in series if each.series.metric in _IO]),
        "throttle": stacked,
        "lost_seconds": wasted,
        # What else is said of it.
        "warned": sorted(
            {
                str(row["name"])
                for row in happened
                if row["severity"] >= _WARNING and not _is_said(row, wasted)
            }
        ),
        "trouble": wasted + 1e6 * errors,
        "moments": [[row["start"] / 1e6, row["name"]] for row in happened if row["severity"] >= 17][
            :20
        ],
    }


def _is_said(row: Mapping[str, Any], wasted: float) -> bool:
    """Return whether it is told of in other words."""
    if row["name"] == "gpu.throttle":
        return wasted > 0 or row["attrs"].get("cause") in _HARMLESS
    return row["name"] in {"gpu.xid", "gpu.lost"}


def _held(causes: Iterable[Binned]) -> float:
    """Return for how long clocks were held down: of several causes at once the longest."""
    import numpy as np

    values = [np.nan_to_num(each.value) for each in causes]
    return float(np.max(values, axis=0).sum()) if values else 0.0


def _told_held(throttles: Sequence[Mapping[str, Any]]) -> tuple[dict[str, float], float]:
    """Return for how long events say that clocks were held down: by cause, and at all."""
    by_cause: dict[str, float] = defaultdict(float)
    held, until = 0, 0
    for row in sorted(throttles, key=lambda row: int(row["start"])):
        cause = row["attrs"].get("cause", "?")
        by_cause[cause] += (row["end"] - row["start"]) / 1e6
        if cause not in _HARMLESS:
            held += max(0, row["end"] - max(row["start"], until))
            until = max(until, row["end"])
    return dict(sorted(by_cause.items())), held / 1e6


def _rates(series: Iterable[Binned]) -> dict[str, list[float | None]]:
    """Return how many bytes a second went over which link which way."""
    groups: dict[str, list[np.ndarray]] = defaultdict(list)
    for each in series:
        direction = each.attrs.get("direction", "all")
        groups[f"{_IO[each.series.metric]} {direction}"].append(_rate(each))
    return {name: numbers_of(_summed(each)) for name, each in sorted(groups.items())}


def _said_of(each: Binned) -> dict[str, float | None]:
    import numpy as np

    if not each.n.any():
        return {"mean": None, "min": None, "max": None}
    return {
        "mean": each.whole_mean,
        "min": float(np.nanmin(each.min)),
        "max": float(np.nanmax(each.max)),
    }


def _total(series: Iterable[Binned], metric: str) -> float | None:
    found = [
        each.total
        for each in series
        if each.series.metric == metric and each.series.kind == "counter"
    ]
    return sum(found) if found else None


def _ecc(series: Iterable[Binned]) -> dict[str, float] | None:
    found: dict[str, dict[str, float]] = {}
    for each in series:
        if each.series.metric == "gpu.ecc.errors":
            kind = found.setdefault(each.attrs.get("type", "?"), {})
            kind[each.attrs.get("location", "total")] = each.total
    if not found:
        return None
    # Those of single parts are in the total.
    return {
        kind: of["total"] if "total" in of else sum(of.values())
        for kind, of in sorted(found.items())
    }


# ---- hosts and links ---------------------------------------------------------------------------
def _hosts(
    series: Sequence[Binned], occurrences: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    found: dict[str, list[Binned]] = defaultdict(list)
    for each in series:
        if each.series.metric.startswith(("host.", "ib.")):
            found[each.series.host].append(each)
    errors: dict[str, int] = defaultdict(int)
    for row in occurrences:
        if row["layer"] == "infra" and not {"gpu"} & row["attrs"].keys():
            errors[row["host"]] += row["severity"] >= 13
    return [_host(host, each, errors[host]) for host, each in sorted(found.items())]


def _host(host: str, series: Sequence[Binned], errors: int) -> dict[str, Any]:
    by_metric: dict[str, list[Binned]] = defaultdict(list)
    for each in series:
        by_metric[each.series.metric].append(each)

    def gauge(metric: str) -> dict[str, list[float | None]] | None:
        found = by_metric.get(metric)
        return _gauge(found[0]) if found else None

    def last(metric: str) -> float | None:
        found = by_metric.get(metric)
        return found[0].last if found else None

    def rates(metric: str, key: str) -> dict[str, list[float | None]]:
        groups: dict[str, list[np.ndarray]] = defaultdict(list)
        for each in by_metric.get(metric, ()):
            if each.attrs.get("interface") != "lo":
                groups[each.attrs.get(key, "all")].append(_rate(each))
        return {name: numbers_of(_summed(each)) for name, each in sorted(groups.items())}

    some = [each for each in by_metric["host.pressure"] if each.attrs.get("kind") != "full"]
    full = [each for each in by_metric["host.pressure"] if each.attrs.get("kind") == "full"]
    throttled = by_metric["host.cgroup.cpu.throttled"]
    stalled = {each.attrs.get("resource", "?"): each.total for each in some}
    return {
        "host": host,
        "cpu": gauge("host.cpu.utilization") or _busy(by_metric["host.cpu.time"]),
        "memory": gauge("host.memory.used"),
        "memory_total": last("host.memory.total"),
        "pressure": {each.attrs.get("resource", "?"): numbers_of(_rate(each)) for each in some},
        "throttled": numbers_of(_summed(map(_rate, throttled))) if throttled else None,
        "network": rates("host.network.io", "direction"),
        "disk": rates("host.disk.io", "direction"),
        "ib": rates("ib.io", "direction"),
        "totals": {
            "stalled": stalled,
            "stalled_whole": {each.attrs.get("resource", "?"): each.total for each in full},
            "throttled": sum(each.total for each in throttled) if throttled else None,
            "energy": _total(series, "host.energy"),
            "network_errors": _total(series, "host.network.errors"),
            "dropped": _total(series, "host.network.dropped"),
        },
        "trouble": sum(stalled.values()) + 1e3 * errors,
    }


def _busy(times: Sequence[Binned]) -> dict[str, list[float | None]] | None:
    """Make the busy share of the seconds in each mode."""
    import numpy as np

    if not times:
        return None
    idle = [each.value for each in times if each.attrs.get("mode") in {"idle", "iowait"}]
    whole = _summed(each.value for each in times)
    free = _summed(idle) if idle else np.zeros_like(whole)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(whole > 0, 1.0 - np.nan_to_num(free) / whole, np.nan)
    written = numbers_of(share)
    return {"mean": written, "min": written, "max": written}


def _links(series: Sequence[Binned]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for each in series:
        metric, attrs = each.series.metric, each.attrs
        if not metric.startswith("ib.") or "device" not in attrs:
            continue
        name = f"{attrs['device']} port {attrs.get('port', '?')}"
        link = found.setdefault(
            (each.series.host, name),
            {"host": each.series.host, "name": name, "io": {}, "errors": {}, "rate": None}
            | {"wait": None, "congestion": None, "state": None, "trouble": 0.0},
        )
        if metric == "ib.io":
            link["io"][attrs.get("direction", "?")] = each.total
        elif metric == "ib.errors":
            if each.total:
                link["errors"][attrs.get("kind", "?")] = each.total
                link["trouble"] += 1e6 + each.total
        elif metric in {"ib.wait", "ib.congestion"}:
            key = metric.partition(".")[2]
            link[key] = (link[key] or 0.0) + each.total
            link["trouble"] += each.total / 1e6
        elif metric in {"ib.rate", "ib.state"}:
            link[metric.partition(".")[2]] = each.last
    return [of for _, of in sorted(found.items())]


# ---- jobs --------------------------------------------------------------------------------------
def _job(series: Sequence[Binned]) -> list[dict[str, Any]]:
    """Tell of the job and of probes of the fabric, series by series."""
    made = []
    for each in series:
        if each.series.metric.startswith(("job.", "fabric.")):
            counts = each.series.kind == "counter"
            made.append(
                {
                    "metric": each.series.metric,
                    "host": each.series.host,
                    "attrs": each.attrs,
                    "total": each.total if counts else None,
                    "last": None if counts else each.last,
                    **({"mean": None, "min": None, "max": None} if counts else _said_of(each)),
                }
            )
    return sorted(made, key=lambda row: (row["metric"], row["host"], sorted(row["attrs"].items())))
