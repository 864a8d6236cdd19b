"""One generation of a model recorded whole: tokens, times, 256 times between tokens, cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness import Bench, Run

bench = Bench("generation")
TIMES = 256
CALLS = 2000
NUMBERS = {
    "prompt_tokens": 900,
    "output_tokens": TIMES + 1,
    "cached_tokens": 400,
    "reasoning_tokens": 100,
    "ttft": 0.21,
    "queue": 0.01,
    "prefill": 0.18,
    "decode": 5.1,
    "e2e": 5.3,
}
DISTRIBUTIONS = ("ttft", "queue", "prefill", "decode", "e2e", "prompt_tokens", "output_tokens")
PRICES = {"small": {"input": 0.5, "cached": 0.05, "output": 2.0, "reasoning": 2.0}}
ANSWER = "the tower is three hundred and thirty metres tall and stands in the city of Paris " * 20


def _times() -> Any:
    import numpy as np

    return np.random.default_rng(11).gamma(4.0, 0.005, TIMES)


def _microseconds(run: Run, call: Callable[[], object], calls: int = CALLS) -> list[float]:
    inner = run.size(calls, quick=min(calls, 200))
    return [1e6 * s for s in run.time_each(call, inner=inner)]


@bench.case("inlay", needs=["numpy"])
def _inlay(run: Run) -> None:
    import inlay

    times = _times()
    obs = inlay.Observer({"service.name": "bench"}, window=3600.0)
    chat = obs.generation("chat", attributes=("model", "route"), prices=PRICES)
    record = chat.bind(model="small", route="chat").record
    calls = 0

    def whole() -> None:
        nonlocal calls
        calls += 1
        record(**NUMBERS, inter_token=times, finish_reason="stop", cost=0.001)

    def written() -> None:  # as a server writes it: names in the code
        nonlocal calls
        calls += 1
        record(
            prompt_tokens=900,
            output_tokens=257,
            cached_tokens=400,
            reasoning_tokens=100,
            ttft=0.21,
            queue=0.01,
            prefill=0.18,
            decode=5.1,
            e2e=5.3,
            inter_token=times,
            finish_reason="stop",
            cost=0.001,
        )

    run.report("whole", _microseconds(run, written))
    run.report("mapping", _microseconds(run, whole))
    run.report("priced", _microseconds(run, lambda: record(**NUMBERS, finish_reason="stop")))
    run.report(
        "attributes",
        _microseconds(
            run,
            lambda: chat.record(
                **NUMBERS, inter_token=times, finish_reason="stop", model="small", route="chat"
            ),
        ),
    )
    rows = {row["metric"]: row for row in obs.collect().points.to_pylist()}
    requests = rows["chat.requests"]["value"]
    run.check(requests > calls, True, "requests")
    run.check(rows["chat.prompt_tokens"]["value"], 900.0 * requests, "tokens")
    run.check(rows["chat.inter_token_latency"]["count"] % TIMES, 0, "times between tokens")
    run.check("chat.rejected" in rows, False, "nothing is left out")

    judge = {
        "evaluator": "judge",
        "evaluator_version": "1",
        "range": (0.0, 1.0),
        "direction": "higher",
        "threshold": 0.5,
    }

    def evaluation() -> None:
        chat.evaluation("relevance", 0.7, model="small", route="chat", **judge)

    run.report("evaluation", _microseconds(run, evaluation))
    run.report(
        "answer",
        _microseconds(
            run, lambda: chat.answer(ANSWER, context=ANSWER, model="small", route="chat")
        ),
    )


@bench.case("prometheus_client", needs=["prometheus_client", "numpy"])
def _prometheus(run: Run) -> None:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry = CollectorRegistry()
    names, values = ["model", "route"], ("small", "chat")

    def counter(name: str) -> Any:
        return Counter(name, name, names, registry=registry).labels(*values)

    def histogram(name: str) -> Any:
        return Histogram(name, name, names, registry=registry).labels(*values)

    tokens = {name: counter(f"{name}_count").inc for name in NUMBERS if name.endswith("_tokens")}
    seconds = {name: histogram(f"{name}_each").observe for name in DISTRIBUTIONS}
    cost, between = counter("cost").inc, histogram("inter_token").observe
    ended = Counter("requests", "n", [*names, "reason"], registry=registry)
    stop = ended.labels(*values, "stop").inc
    times = _times()
    calls = 0

    def whole() -> None:
        nonlocal calls
        calls += 1
        for name, add in tokens.items():
            add(NUMBERS[name])
        for name, observe in seconds.items():
            observe(NUMBERS[name])
        for value in times:
            between(value)
        cost(0.001)
        stop()

    run.report("whole", _microseconds(run, whole))
    counted = registry.get_sample_value("inter_token_count", dict(zip(names, values, strict=True)))
    run.check(counted, float(TIMES * calls), "times between tokens")


@bench.case("opentelemetry", needs=["opentelemetry.sdk", "numpy"])
def _opentelemetry(run: Run) -> None:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    meter = MeterProvider([InMemoryMetricReader()]).get_meter("bench")
    attributes = {"model": "small", "route": "chat"}
    tokens = {name: meter.create_counter(name).add for name in NUMBERS if name.endswith("_tokens")}
    seconds = {name: meter.create_histogram(f"{name}.d").record for name in DISTRIBUTIONS}
    cost = meter.create_counter("cost").add
    between = meter.create_histogram("inter_token", unit="s").record
    stop, stopped = meter.create_counter("requests").add, {**attributes, "reason": "stop"}
    times = _times().tolist()

    def whole() -> None:
        for name, add in tokens.items():
            add(NUMBERS[name], attributes)
        for name, record in seconds.items():
            record(NUMBERS[name], attributes)
        for value in times:
            between(value, attributes)
        cost(0.001, attributes)
        stop(1, stopped)

    run.report("whole", _microseconds(run, whole, 20))


if __name__ == "__main__":
    bench.main()
