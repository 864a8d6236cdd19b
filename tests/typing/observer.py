"""What a type checker says of the observer's interface; checked, never run."""

from collections.abc import AsyncIterator, Mapping
from typing import assert_type

import inlay
from inlay.alert import Health, Trigger, When
from inlay.joined import Evidence
from inlay.metric import BoundCounter, BoundGauge, BoundHistogram, Counter, Gauge, Histogram, Timer
from inlay.sinks import Callback, Memory, Retry, Sink

obs = inlay.Observer({"service.name": "ranker", "shard": 3}, window=1.0, sinks=[Memory()])
assert_type(obs.start(), inlay.Observer)
assert_type(obs.install(), inlay.Observer)
assert_type(inlay.get_observer(), inlay.Observer)
assert_type(obs.counter("a", attributes=["k"]), Counter)
assert_type(obs.gauge("b", callback=lambda: 1.0), Gauge)
assert_type(obs.histogram("c", scale=4), Histogram)
assert_type(obs.counter("a").bind(k=1), BoundCounter)
assert_type(obs.gauge("b").bind(), BoundGauge)
assert_type(obs.histogram("c").bind(), BoundHistogram)
assert_type(obs.histogram("c").time(), Timer)
assert_type(obs.collect(), inlay.Batch)
assert_type(obs.event("deploy", severity="info", version="7", canary=True), bool)
assert_type(obs.health(), Health)
assert_type(obs.trigger("retrain", when=When(layer="data"), callback=print), Trigger)
assert_type(obs.context(trace_id="0af76519"), inlay.Context)
assert_type(inlay.context("telemetry", step=3).evidence, tuple[Evidence, ...])
assert_type(obs.stop(timeout=1.0), bool)
assert_type(obs.resource, Mapping[str, str])


@obs.histogram("c").time()
def double(x: int) -> int:
    return 2 * x


@obs.histogram("c").bind().time()
async def items(n: int) -> AsyncIterator[str]:
    yield str(n)


assert_type(double(1), int)
assert_type(items(1), AsyncIterator[str])

with obs as entered:
    assert_type(entered, inlay.Observer)


class Own:
    """A sink without the base class."""

    def open(self, resource: Mapping[str, str], origin: int) -> None: ...
    def write(self, batch: inlay.Batch) -> None: ...
    def close(self, deadline: float) -> None: ...


class Short(Sink):
    """A sink with it."""

    def write(self, batch: inlay.Batch) -> None: ...


class Probe:
    def observe(self, observer: inlay.Observer, /) -> None: ...


obs.add_sink(Own(), retry=Retry(tries=2))
obs.add_sink(Short())
obs.add_sink(Callback(print))
obs.probe(Probe())

obs.counter("a").add("1")  # type: ignore[arg-type]
obs.counter("a").set(1)  # type: ignore[attr-defined]
obs.counter("a").add(1, k=1.5)  # type: ignore[arg-type]
obs.event("deploy", ratio=1j)  # type: ignore[arg-type]
obs.add_sink(object())  # type: ignore[arg-type]
