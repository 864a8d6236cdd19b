"""With INLAY_DISABLED an observer is a no-op with the same interface."""

from __future__ import annotations

import array
import inspect
import threading
from typing import Any

import pytest

import inlay
from inlay._noop import NoopObserver
from inlay.sinks import Sink


class Untouched(Sink):
    """Fails the test when used."""

    def open(self, resource: Any, origin: int) -> None:
        raise AssertionError

    def write(self, batch: inlay.Batch) -> None:
        raise AssertionError

    def close(self, deadline: float) -> None:
        raise AssertionError


@pytest.fixture
def disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INLAY_DISABLED", "1")


@pytest.mark.usefixtures("disabled")
def test_disabled_observer_keeps_nothing_and_starts_nothing() -> None:
    threads = set(threading.enumerate())
    obs = inlay.Observer({"service.name": "ranker"}, window=1.0, sinks=[Untouched()], queue=3)
    assert isinstance(obs, inlay.Observer)
    assert not obs.enabled
    assert repr(obs) == "<inlay.Observer: no-op>"
    assert obs.resource["service.name"] == "ranker"
    with obs as entered:
        assert entered is obs
        counter = obs.counter("orders", attributes=("route",))
        counter.add(1, route="chat")
        counter.bind(route="chat").add(1)
        obs.gauge("load", callback=lambda: 1.0).set(2.0)
        latency = obs.histogram("latency")
        latency.record_many(array.array("d", [1.0, 2.0]))
        with latency.time():
            pass
        obs.add_sink(Untouched())
        assert not obs.event("deploy", version="7")
        assert not obs.span("s", trace_id="a" * 32, span_id="b" * 16, start=1.0, end=2.0)
        for batch in (obs.collect(), obs.peek()):
            assert batch.points.num_rows == batch.events.num_rows == batch.spans.num_rows == 0
        assert obs.flush()
        assert set(threading.enumerate()) <= threads
    assert obs.stop()
    assert obs.sinks == ()


@pytest.mark.usefixtures("disabled")
def test_disabled_core_serves_integrations() -> None:
    obs = inlay.Observer()
    assert obs.core is obs.core
    assert not obs.core.started


@pytest.mark.usefixtures("disabled")
def test_disabled_observer_can_be_installed() -> None:
    counter = inlay.get_observer().counter("disabled.requests")
    obs = inlay.Observer().install()
    assert inlay.get_observer() is obs
    counter.add(1)
    obs.uninstall()


@pytest.mark.parametrize("value", ["", "0"])
def test_other_values_do_not_disable(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("INLAY_DISABLED", value)
    obs = inlay.Observer()
    assert obs.enabled
    obs.counter("orders").add(1)
    assert "orders" in {row["metric"] for row in obs.collect().points.to_pylist()}


def test_no_op_has_the_same_interface() -> None:
    for name, member in inspect.getmembers(inlay.Observer):
        if name.startswith("_") or not callable(member):
            continue
        assert inspect.signature(getattr(NoopObserver, name)) == inspect.signature(member), name
