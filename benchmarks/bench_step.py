"""What one step of a language model engine records: 256 running requests, two just finished.

Twelve scalars (ten gauges, two counters), the 256 inter-token latencies, and ten observations for
each finished request, as a serving engine's statistics logger makes them once a step.
"""

from __future__ import annotations

from harness import Bench, Run
from workload import latencies, seconds_array

bench = Bench("step")
RUNNING, FINISHED, OBSERVES = 256, 2, 10
GAUGES, COUNTERS = 10, 2
PER_REQUEST = [value * 10 for value in latencies(OBSERVES)]
STEPS = [None] * 400


@bench.case("inlay")
def _inlay(run: Run) -> None:
    import inlay

    obs = inlay.Observer({"service.name": "bench"}, window=3600.0)
    labels = {"model": "m", "engine": "0"}
    names = tuple(labels)
    gauges = [obs.gauge(f"engine.g{i}", attributes=names).bind(**labels).set for i in range(GAUGES)]
    adds = [
        obs.counter(f"engine.c{i}", attributes=names).bind(**labels).add for i in range(COUNTERS)
    ]
    token = obs.histogram("engine.token", unit="s", attributes=names).bind(**labels)
    finished = [
        obs.histogram(f"engine.h{i}", unit="s", attributes=names).bind(**labels).record
        for i in range(OBSERVES)
    ]
    array = seconds_array(RUNNING)
    listed = array.tolist()

    def scalars() -> None:
        for put in gauges:
            put(256.0)
        for add in adds:
            add(256)
        for _ in range(FINISHED):
            for record, value in zip(finished, PER_REQUEST, strict=True):
                record(value)

    def step_array() -> None:
        scalars()
        token.record_many(array)

    def step_values() -> None:
        scalars()
        record = token.record
        for value in listed:
            record(value)

    with obs:
        for work, step in (("array", step_array), ("values", step_values)):
            obs.collect()
            before = _count(obs.peek(), "engine.token")
            step()
            counted = _count(obs.peek(), "engine.token") - before
            run.check(counted, RUNNING, f"latencies of one step ({work})")
            run.check(_count(obs.peek(), "engine.h0"), FINISHED, "finished requests of one step")
            run.report(work, [ns / 1e3 for ns in run.per_call("f()", STEPS, f=step)])


def _count(batch: object, metric: str) -> int:
    rows = batch.points.to_pylist()  # type: ignore[attr-defined]
    return sum(row["count"] for row in rows if row["metric"] == metric)


@bench.case("prometheus_client", needs=["prometheus_client"])
def _prometheus(run: Run) -> None:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

    registry = CollectorRegistry()
    names, values = ["model", "engine"], ("m", "0")
    gauges = [Gauge(f"g{i}", "n", names, registry=registry).labels(*values) for i in range(GAUGES)]
    adds = [
        Counter(f"c{i}", "n", names, registry=registry).labels(*values) for i in range(COUNTERS)
    ]
    token = Histogram("token", "s", names, registry=registry).labels(*values)
    finished = [
        Histogram(f"h{i}", "s", names, registry=registry).labels(*values) for i in range(OBSERVES)
    ]
    listed = seconds_array(RUNNING).tolist()

    def step() -> None:
        for gauge in gauges:
            gauge.set(256.0)
        for counter in adds:
            counter.inc(256)
        for _ in range(FINISHED):
            for histogram, value in zip(finished, PER_REQUEST, strict=True):
                histogram.observe(value)
        for value in listed:
            token.observe(value)

    step()
    labels = dict(zip(names, values, strict=True))
    run.check(registry.get_sample_value("token_count", labels), float(RUNNING), "one step")
    samples = [ns / 1e3 for ns in run.per_call("f()", STEPS, f=step)]
    for work in ("array", "values"):  # it has no call for an array
        run.report(work, samples)


@bench.case("opentelemetry", needs=["opentelemetry.sdk"])
def _opentelemetry(run: Run) -> None:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("bench")
    labels = {"model": "m", "engine": "0"}
    gauges = [meter.create_gauge(f"g{i}") for i in range(GAUGES)]
    adds = [meter.create_counter(f"c{i}") for i in range(COUNTERS)]
    token = meter.create_histogram("token")
    finished = [meter.create_histogram(f"h{i}") for i in range(OBSERVES)]
    listed = seconds_array(RUNNING).tolist()

    def step() -> None:
        for gauge in gauges:
            gauge.set(256.0, labels)
        for counter in adds:
            counter.add(256, labels)
        for _ in range(FINISHED):
            for histogram, value in zip(finished, PER_REQUEST, strict=True):
                histogram.record(value, labels)
        for value in listed:
            token.record(value, labels)

    step()
    metrics = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    counted = sum(p.count for m in metrics if m.name == "token" for p in m.data.data_points)
    run.check(counted, RUNNING, "one step")
    samples = [ns / 1e3 for ns in run.per_call("f()", STEPS[:100], f=step)]
    for work in ("array", "values"):
        run.report(work, samples)


if __name__ == "__main__":
    bench.main()
