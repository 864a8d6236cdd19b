"""Exemplars and events are linked to the span that is active where they are made."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

import inlay

if TYPE_CHECKING:
    pass

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def rows(batch: inlay.Batch, metric: str) -> list[dict[str, Any]]:
    return [row for row in batch.points.to_pylist() if row["metric"] == metric]


@pytest.fixture
def obs() -> inlay.Observer:
    return inlay.Observer({"service.name": "ranker"}, clock=inlay.ManualClock())


def test_exemplar_by_hand(obs: inlay.Observer) -> None:
    chat = obs.histogram("latency", attributes=("route",)).bind(route="chat")
    chat.exemplar(1.5, TRACE, SPAN)
    batch = obs.collect()
    (exemplar,) = batch.exemplars.to_pylist()
    assert (exemplar["value"], exemplar["trace_id"], exemplar["span_id"]) == (1.5, TRACE, SPAN)
    assert exemplar["series_id"] == chat.series_id
    assert exemplar["window_seq"] == batch.window_seq
    assert obs.collect().exemplars.num_rows == 0


class FakeTrace(types.ModuleType):
    """Has what is asked of OpenTelemetry's module, and an active span that a test sets."""

    def __init__(self) -> None:
        super().__init__("opentelemetry.trace")
        self.trace_id = self.span_id = 0
        self.sampled = True
        self.asked = 0

    def get_current_span(self) -> Any:
        self.asked += 1
        context = types.SimpleNamespace(
            is_valid=self.trace_id != 0,
            trace_id=self.trace_id,
            span_id=self.span_id,
            trace_flags=types.SimpleNamespace(sampled=self.sampled),
        )
        return types.SimpleNamespace(get_span_context=lambda: context)


@pytest.fixture
def tracer(monkeypatch: pytest.MonkeyPatch) -> FakeTrace:
    fake = FakeTrace()
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", fake)
    return fake


def test_exemplars_come_from_the_active_span(obs: inlay.Observer, tracer: FakeTrace) -> None:
    chat = obs.histogram("latency").bind()
    tracer.span_id = 7
    for i in range(1, 10_001):
        tracer.trace_id = i
        chat.record(float(i))
    batch = obs.collect()
    exemplars = batch.exemplars.to_pylist()
    assert 1 <= len(exemplars) <= 4
    for exemplar in exemplars:
        assert exemplar["trace_id"] == format(int(exemplar["value"]), "032x")
        assert exemplar["span_id"] == format(7, "016x")
        assert exemplar["series_id"] == chat.series_id
    assert tracer.asked < 10_001


def test_new_maximum_is_an_exemplar(obs: inlay.Observer, tracer: FakeTrace) -> None:
    chat = obs.histogram("latency").bind()
    tracer.trace_id, tracer.span_id = 1, 1
    for _ in range(5_000):
        chat.record(1.0)
    tracer.trace_id = 0xABC
    chat.record(1000.0)
    tracer.trace_id = 1
    for _ in range(5_000):
        chat.record(1.0)
    found = {row["value"]: row["trace_id"] for row in obs.collect().exemplars.to_pylist()}
    assert found[1000.0] == format(0xABC, "032x")


@pytest.mark.parametrize("case", ["no span", "not sampled", "raises", "half imported"])
def test_no_exemplar_without_a_sampled_span(
    obs: inlay.Observer, tracer: FakeTrace, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    if case != "no span":
        tracer.trace_id = tracer.span_id = 1
    if case == "not sampled":
        tracer.sampled = False
    if case == "raises":
        monkeypatch.setattr(tracer, "get_current_span", lambda: 1 // 0)
    if case == "half imported":
        monkeypatch.setitem(sys.modules, "opentelemetry.trace", types.ModuleType("t"))
    chat = obs.histogram("latency").bind()
    for i in range(2_000):
        chat.record(float(i))
    batch = obs.collect()
    assert batch.exemplars.num_rows == 0
    assert rows(batch, "latency")[0]["count"] == 2_000


def test_opentelemetry_is_not_loaded_for_exemplars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)
    obs = inlay.Observer()
    chat = obs.histogram("latency").bind()
    for i in range(2_000):
        chat.record(float(i))
    obs.event("deploy")
    obs.collect()
    assert "opentelemetry.trace" not in sys.modules


def test_events_are_linked_to_the_active_span(obs: inlay.Observer, tracer: FakeTrace) -> None:
    tracer.trace_id, tracer.span_id = 0xAB, 0xCD
    obs.event("deploy")
    obs.event("deploy", trace_id=TRACE)
    linked, given = obs.collect().events.to_pylist()
    assert linked["trace_id"] == format(0xAB, "032x")
    assert linked["span_id"] == format(0xCD, "016x")
    assert (given["trace_id"], given["span_id"]) == (TRACE, None)


def test_exemplars_from_the_real_opentelemetry(obs: inlay.Observer) -> None:
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider().get_tracer("test")
    chat = obs.histogram("latency").bind()
    with tracer.start_as_current_span("request") as span:
        for i in range(100):
            chat.record(float(i))
        obs.event("inside")
    chat.record(1e9)  # outside any span: the greatest value, yet no exemplar
    batch = obs.collect()
    context = span.get_span_context()
    wanted = (format(context.trace_id, "032x"), format(context.span_id, "016x"))
    exemplars = batch.exemplars.to_pylist()
    assert exemplars
    for exemplar in exemplars:
        assert (exemplar["trace_id"], exemplar["span_id"]) == wanted
        assert exemplar["value"] < 100
    (event,) = batch.events.to_pylist()
    assert (event["trace_id"], event["span_id"]) == wanted
