"""One record from Python on one thread: bound, with attributes per call, disabled, timed."""

from __future__ import annotations

import math
import os
from typing import Any

from harness import Bench, Run
from workload import ROUTES, inlay_rows, latencies

from inlay._timing import Loop

bench = Bench("record")
SAMPLES = latencies(100_000)
METHOD, ROUTE = ROUTES


@bench.case("inlay")
def _inlay(run: Run) -> None:
    import inlay

    obs = inlay.Observer({"service.name": "bench"}, window=3600.0)
    names = ("method", "route")
    hits = obs.counter("hits", attributes=names)
    depth = obs.gauge("depth", attributes=names)
    spent = obs.histogram("spent", unit="s", attributes=names)
    loops = {
        "counter": Loop("f(1)", {"f": hits.bind(method=METHOD, route=ROUTE).add}),
        "gauge": Loop("f(v)", {"f": depth.bind(method=METHOD, route=ROUTE).set}),
        "histogram": Loop("f(v)", {"f": spent.bind(method=METHOD, route=ROUTE).record}),
        "fabs": Loop("f(v)", {"f": math.fabs}),
    }
    with obs:
        figures = dict(zip(loops, run.time_calls(list(loops.values()), SAMPLES), strict=True))
        rows = inlay_rows(obs.collect())
        run.check(rows["hits"]["value"], loops["counter"].calls, "counter")
        run.check(rows["spent"]["count"], loops["histogram"].calls, "histogram count")
        run.check(rows["depth"]["value"], _last(loops["gauge"]), "gauge's last value")
        for work in ("counter", "gauge", "histogram"):
            run.report(work, figures[work])
            pairs = zip(figures[work], figures["fabs"], strict=True)
            ratios = [ours / floor for ours, floor in pairs if floor > 0]
            if ratios:  # a disturbed quick run may find the call cheaper than the empty loop
                run.report(f"{work}_over_fabs", ratios)
        run.report("histogram", figures["fabs"], role="floor", peer="math.fabs")

        for work, statement, target in (
            ("counter_attrs", "f(1, method=m, route=r)", hits.add),
            ("histogram_attrs", "f(v, method=m, route=r)", spent.record),
        ):
            loop = Loop(statement, {"f": target, "m": METHOD, "r": ROUTE})
            run.report(work, run.time_calls([loop], SAMPLES)[0])
            row = inlay_rows(obs.collect())["hits" if work == "counter_attrs" else "spent"]
            run.check(row.get("count") or row["value"], loop.calls, work)

        timed = Loop("with f():\n    pass", {"f": spent.bind(method=METHOD, route=ROUTE).time})
        run.report("timer", run.time_calls([timed], SAMPLES)[0])
        run.check(inlay_rows(obs.collect())["spent"]["count"], timed.calls, "timer count")


def _last(loop: Loop) -> float:
    """Return the value the last pass of the loop ended with."""
    return loop.last if isinstance(loop.last, float) else math.nan


@bench.case("inlay, disabled", role="floor")
def _disabled(run: Run) -> None:
    os.environ["INLAY_DISABLED"] = "1"  # in this process alone
    import inlay

    obs = inlay.Observer({"service.name": "bench"}, window=3600.0)
    hits = obs.counter("hits").bind()
    spent = obs.histogram("spent", unit="s").bind()
    loops = [Loop("f(1)", {"f": hits.add}), Loop("f(v)", {"f": spent.record})]
    for work, figures in zip(("counter", "histogram"), run.time_calls(loops, SAMPLES), strict=True):
        run.report(work, figures)


@bench.case("prometheus_client", needs=["prometheus_client"])
def _prometheus(run: Run) -> None:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

    registry = CollectorRegistry()
    hits = Counter("hits", "n", ["method", "route"], registry=registry)
    depth = Gauge("depth", "n", ["method", "route"], registry=registry)
    spent = Histogram("spent", "s", ["method", "route"], registry=registry)
    _time_all(
        run,
        counter=("f()", {"f": hits.labels(METHOD, ROUTE).inc}),
        gauge=("f(v)", {"f": depth.labels(METHOD, ROUTE).set}),
        histogram=("f(v)", {"f": spent.labels(METHOD, ROUTE).observe}),
        counter_attrs=("f(m, r).inc()", {"f": hits.labels, "m": METHOD, "r": ROUTE}),
        histogram_attrs=("f(m, r).observe(v)", {"f": spent.labels, "m": METHOD, "r": ROUTE}),
        timer=("with f():\n    pass", {"f": spent.labels(METHOD, ROUTE).time}),
    )
    run.check(
        registry.get_sample_value("hits_total", {"method": METHOD, "route": ROUTE}),
        float(run_calls["counter"] + run_calls["counter_attrs"]),
        "counter",
    )


@bench.case("opentelemetry", needs=["opentelemetry.sdk"])
def _opentelemetry(run: Run) -> None:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("bench")
    hits, depth = meter.create_counter("hits"), meter.create_gauge("depth")
    spent = meter.create_histogram("spent", unit="s")
    bound = {"method": METHOD, "route": ROUTE}  # no bind(): the nearest is one dict kept
    fresh = {"m": METHOD, "r": ROUTE}
    _time_all(
        run,
        counter=("f(1)", {"f": hits.add}),
        gauge=("f(v)", {"f": depth.set}),
        histogram=("f(v)", {"f": spent.record}),
        counter_bound_dict=("f(1, a)", {"f": hits.add, "a": bound}),
        counter_attrs=("f(1, {'method': m, 'route': r})", {"f": hits.add, **fresh}),
        histogram_attrs=("f(v, {'method': m, 'route': r})", {"f": spent.record, **fresh}),
    )
    data = reader.get_metrics_data()
    metrics = {m.name: m for m in data.resource_metrics[0].scope_metrics[0].metrics}
    total = sum(point.value for point in metrics["hits"].data.data_points)
    counters = ("counter", "counter_bound_dict", "counter_attrs")
    run.check(total, sum(run_calls[work] for work in counters), "counter")


@bench.case("pytheus", needs=["pytheus"])
def _pytheus(run: Run) -> None:
    from pytheus.metrics import Counter, Gauge, Histogram

    names = ["method", "route"]
    labels = {"method": METHOD, "route": ROUTE}
    hits, depth = Counter("hits", "n", required_labels=names), Gauge("depth", "n")
    child = hits.labels(labels)
    _time_all(
        run,
        counter=("f()", {"f": child.inc}),
        gauge=("f(v)", {"f": depth.set}),
        histogram=("f(v)", {"f": Histogram("spent", "s").observe}),
        counter_attrs=(
            "f({'method': m, 'route': r}).inc()",
            {"f": hits.labels, "m": METHOD, "r": ROUTE},
        ),
    )
    counted = run_calls["counter"] + run_calls["counter_attrs"]
    run.check(child._metric_value_backend.get(), float(counted), "counter")


@bench.case("datadog, aggregated", needs=["datadog"])
def _datadog(run: Run) -> None:
    from datadog.dogstatsd import DogStatsd

    # Buffered, aggregated, one flush at the end: its fastest settings. Nobody listens.
    client = DogStatsd(
        host="127.0.0.1",
        port=9,
        disable_telemetry=True,
        flush_interval=3600,
        disable_aggregation=False,
        disable_buffering=False,
    )
    tags = {"m": METHOD, "r": ROUTE}
    _time_all(
        run,
        counter=("f('hits')", {"f": client.increment}),
        gauge=("f('depth', v)", {"f": client.gauge}),
        counter_attrs=(
            "f('hits', 1, ['method:' + m, 'route:' + r])",
            {"f": client.increment, **tags},
        ),
    )
    sums = [metric.value for metric in client.aggregator.metrics_map["c"].values()]
    run.check(sum(sums), run_calls["counter"] + run_calls["counter_attrs"], "counter")


@bench.case("datasketches kll", needs=["datasketches"])
def _datasketches(run: Run) -> None:
    from datasketches import kll_doubles_sketch

    sketch = kll_doubles_sketch(200)
    _time_all(run, histogram=("f(v)", {"f": sketch.update}))
    run.check(sketch.n, run_calls["histogram"], "sketch's count")


@bench.case("ddsketch", needs=["ddsketch"])
def _ddsketch(run: Run) -> None:
    from ddsketch import DDSketch

    sketch = DDSketch(0.0108)
    _time_all(run, histogram=("f(v)", {"f": sketch.add}))
    run.check(sketch.count, float(run_calls["histogram"]), "sketch's count")


#: Calls made per work in this process, for the checks; one case runs per process.
run_calls: dict[str, int] = {}


def _time_all(run: Run, **works: tuple[str, dict[str, Any]]) -> None:
    loops = [Loop(statement, names) for statement, names in works.values()]
    figures = run.time_calls(loops, SAMPLES)
    for work, loop, samples in zip(works, loops, figures, strict=True):
        run_calls[work] = loop.calls
        run.report(work, samples)


if __name__ == "__main__":
    bench.main()
