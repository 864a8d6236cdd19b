"""Libraries ask for the program's observer; what they made before attaches to it."""

from __future__ import annotations

import array
import json
from typing import TYPE_CHECKING, Any

import pytest

import inlay

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(batch: inlay.Batch, metric: str) -> list[dict[str, Any]]:
    return [row for row in batch.points.to_pylist() if row["metric"] == metric]


@pytest.fixture
def obs() -> Iterator[inlay.Observer]:
    made = inlay.Observer(clock=inlay.ManualClock())
    yield made
    made.uninstall()


def test_get_observer_gives_the_installed_one(obs: inlay.Observer) -> None:
    before = inlay.get_observer()
    assert not before.enabled
    assert obs.install() is obs
    assert inlay.get_observer() is obs
    other = inlay.Observer()
    other.uninstall()  # not the installed one
    assert inlay.get_observer() is obs
    obs.uninstall()
    assert inlay.get_observer() is before
    assert before.install() is before
    assert inlay.get_observer() is before


def test_instruments_made_before_attach(obs: inlay.Observer) -> None:
    default = inlay.get_observer()
    counter = default.counter("lib.requests", unit="{request}", attributes=("route",))
    gauge = default.gauge("lib.load")
    histogram = default.histogram("lib.latency", unit="s", scale=4)
    bound, load, latency = counter.bind(route="chat"), gauge.bind(), histogram.bind()

    @histogram.time()
    def work() -> int:
        return 1

    def use() -> None:
        bound.add(1)
        counter.add(1, route="search")
        load.set(0.5)
        load.add(0.25)
        latency.record(1.0)
        latency.record_many(array.array("d", [2.0, 3.0]))
        with histogram.time():
            assert work() == 1

    use()  # goes nowhere
    obs.install()
    use()
    batch = obs.collect()
    found = {json.loads(row["attrs"])["route"]: row["value"] for row in rows(batch, "lib.requests")}
    assert found == {"chat": 1, "search": 1}
    assert rows(batch, "lib.requests")[0]["unit"] == "{request}"
    assert rows(batch, "lib.load")[0]["value"] == 0.75
    (row,) = rows(batch, "lib.latency")
    assert (row["count"], row["scale"], row["max"]) == (5, 4, 3.0)


def test_observer_taken_before_is_the_installed_one_after(obs: inlay.Observer) -> None:
    default = inlay.get_observer()
    assert default.collect().points.num_rows == 0
    assert not default.event("early")
    assert default.flush(0.0)
    assert default.stats() == {"sinks": {}}
    assert default.sinks == ()
    obs.install()
    default.counter("lib.late").add(2)
    default.histogram("lib.h").record(1.0)
    default.gauge("lib.g").set(1.0)
    assert default.event("late")
    assert default.span("s", trace_id="a" * 32, span_id="b" * 16, start=1.0, end=2.0)
    assert default.core is obs.core
    assert default.enabled
    assert default.resource == obs.resource
    assert default.peek().window_seq == 0
    batch = default.collect()
    assert rows(batch, "lib.late")[0]["value"] == 2
    assert batch.events.num_rows == batch.spans.num_rows == 1
    assert default.stats()["turns"] == 1
    assert default.counter("lib.late") is obs.counter("lib.late")


def test_detached_instruments_are_registered_as_live_ones_are(obs: inlay.Observer) -> None:
    default = inlay.get_observer()
    first = default.counter("lib.twice", unit="s", attributes=["a"])
    assert default.counter("lib.twice", unit="s", attributes=("a",)) is first
    with pytest.raises(ValueError, match=r"lib\.twice"):
        default.gauge("lib.twice", unit="s", attributes=("a",))
    with pytest.raises(ValueError, match="name"):
        default.counter("1bad")
    with pytest.raises(TypeError, match="such as"):
        default.counter("lib.one", attributes="a")
    with pytest.raises(TypeError, match="b"):
        first.bind(b=1)
    obs.install()
    assert obs.counter("lib.twice", unit="s", attributes=("a",)) is first


def test_callbacks_and_probes_made_before_attach(obs: inlay.Observer) -> None:
    class Probe:
        def observe(self, observer: inlay.Observer) -> None:
            observer.gauge("lib.temperature").set(40)

    default = inlay.get_observer()

    def depth() -> float:
        return 7.0

    gauge = default.gauge("lib.depth", callback=depth)
    assert default.gauge("lib.depth", callback=depth) is gauge
    with pytest.raises(ValueError, match=r"lib\.depth"):
        default.gauge("lib.depth", callback=lambda: 8.0)
    default.probe(Probe())
    obs.install()
    batch = obs.collect()
    assert rows(batch, "lib.depth")[0]["value"] == 7
    assert rows(batch, "lib.temperature")[0]["value"] == 40
    obs.stop()


def test_name_that_the_program_uses_otherwise_warns_and_stays_without_effect(
    obs: inlay.Observer,
) -> None:
    clash = inlay.get_observer().counter("lib.clash")
    fine = inlay.get_observer().counter("lib.fine")
    obs.gauge("lib.clash").set(5)
    with pytest.warns(RuntimeWarning, match=r"'lib\.clash' made before install\(\)"):
        obs.install()
    clash.add(1)
    fine.add(1)
    batch = obs.collect()
    assert [(row["kind"], row["value"]) for row in rows(batch, "lib.clash")] == [("gauge", 5)]
    assert rows(batch, "lib.fine")[0]["value"] == 1


def test_instrument_stays_with_the_observer_it_was_attached_to(obs: inlay.Observer) -> None:
    bound = inlay.get_observer().counter("lib.stays").bind()
    obs.install()
    second = inlay.Observer().install()
    bound.add(1)
    inlay.get_observer().counter("lib.stays").add(10)
    assert rows(obs.collect(), "lib.stays")[0]["value"] == 1
    assert rows(second.collect(), "lib.stays")[0]["value"] == 10
    second.uninstall()
