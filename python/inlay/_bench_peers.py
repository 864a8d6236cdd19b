"""The libraries that ``inlay bench`` measures beside inlay, where they are installed."""

from __future__ import annotations

from collections.abc import Callable

from inlay._timing import Loop

__all__ = ["PEERS"]


def _prometheus(method: str, route: str) -> dict[str, Loop]:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

    registry = CollectorRegistry()
    names = ("method", "route")
    hits = Counter("hits", "hits", names, registry=registry)
    depth = Gauge("depth", "depth", names, registry=registry)
    spent = Histogram("spent", "seconds", names, registry=registry)
    per_call = {"m": method, "r": route}
    return {
        "counter": Loop("f()", {"f": hits.labels(method, route).inc}),
        "gauge": Loop("f(v)", {"f": depth.labels(method, route).set}),
        "histogram": Loop("f(v)", {"f": spent.labels(method, route).observe}),
        "counter_attrs": Loop("f(m, r).inc()", {"f": hits.labels, **per_call}),
        "histogram_attrs": Loop("f(m, r).observe(v)", {"f": spent.labels, **per_call}),
        "timer": Loop("with f():\n    pass", {"f": spent.labels(method, route).time}),
    }


def _opentelemetry(method: str, route: str) -> dict[str, Loop]:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    meter = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False).get_meter("bench")
    hits, spent = meter.create_counter("hits"), meter.create_histogram("spent", unit="s")
    depth = meter.create_gauge("depth")
    # It has no bound instruments; the nearest is one dict that is kept.
    kept = {"method": method, "route": route}
    per_call = {"m": method, "r": route}
    return {
        "counter": Loop("f(1, a)", {"f": hits.add, "a": kept}),
        "gauge": Loop("f(v, a)", {"f": depth.set, "a": kept}),
        "histogram": Loop("f(v, a)", {"f": spent.record, "a": kept}),
        "counter_attrs": Loop("f(1, {'method': m, 'route': r})", {"f": hits.add, **per_call}),
        "histogram_attrs": Loop("f(v, {'method': m, 'route': r})", {"f": spent.record, **per_call}),
    }


#: (name in the table, module that must be importable, loops by key of the work)
PEERS: tuple[tuple[str, str, Callable[[str, str], dict[str, Loop]]], ...] = (
    ("prometheus_client", "prometheus_client", _prometheus),
    ("opentelemetry", "opentelemetry.sdk.metrics", _opentelemetry),
)
