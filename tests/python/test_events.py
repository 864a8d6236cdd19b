"""Events, spans and the resource that every row carries."""

from __future__ import annotations

import datetime
import json
import os
from typing import TYPE_CHECKING

import pytest

import inlay

if TYPE_CHECKING:
    pass

START = 1_700_000_003.0


@pytest.fixture
def clock() -> inlay.ManualClock:
    return inlay.ManualClock(START)


# ---- events and spans --------------------------------------------------------------------------
def test_event_has_what_it_was_given(clock: inlay.ManualClock) -> None:
    obs = inlay.Observer({"service.name": "ranker"}, clock=clock)
    assert obs.event("deploy", severity="warning", body="rolled out", version="7", canary=True, n=3)
    noon = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
    assert obs.event(
        "throttle",
        severity=5,
        layer="infra",
        time=noon,
        end_time=noon.timestamp() + 2.5,
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id="b7ad6b7169203331",
    )
    deploy, throttle = obs.collect().events.to_pylist()
    assert deploy["name"] == "deploy"
    assert deploy["severity"] == 13
    assert deploy["body"] == "rolled out"
    assert deploy["attrs"] == '{"canary":"True","n":"3","version":"7"}'
    assert deploy["layer"] == "app"
    assert deploy["time"].timestamp() == START
    assert deploy["end_time"] is None
    assert deploy["trace_id"] is None
    assert json.loads(deploy["resource"])["service.name"] == "ranker"
    assert throttle["time"] == noon
    assert throttle["end_time"] - noon == datetime.timedelta(seconds=2.5)
    assert throttle["span_id"] == "b7ad6b7169203331"
    assert throttle["layer"] == "infra"


def test_event_refuses_what_is_wrong() -> None:
    obs = inlay.Observer()
    with pytest.raises(ValueError, match="got 'loud'"):
        obs.event("deploy", severity="loud")
    with pytest.raises(ValueError, match="got 25"):
        obs.event("deploy", severity=25)
    with pytest.raises(ValueError, match="time must have a time zone"):
        obs.event("deploy", time=datetime.datetime(2026, 3, 1))
    with pytest.raises(ValueError, match="time must be finite, got inf"):
        obs.event("deploy", time=float("inf"))
    with pytest.raises(TypeError, match=r"'ratio' must be str, int or bool, not 0\.5"):
        obs.event("deploy", ratio=0.5)  # type: ignore[arg-type]


def test_events_over_the_window_limit_are_counted() -> None:
    obs = inlay.Observer()
    kept = [obs.event("tick", n=i) for i in range(10_050)]
    assert kept == [True] * 10_000 + [False] * 50
    batch = obs.collect()
    assert batch.events.num_rows == 10_000
    assert obs.stats()["dropped_events"] == 50
    assert obs.event("tick")


def test_span_has_what_it_was_given() -> None:
    obs = inlay.Observer()
    assert obs.span(
        "GET /",
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id="b7ad6b7169203331",
        start=START,
        end=START + 0.25,
        kind="server",
        status="ok",
        route="/",
    )
    (span,) = obs.collect().spans.to_pylist()
    assert span["name"] == "GET /"
    assert span["kind"] == "server"
    assert span["parent_id"] is None
    assert (span["time"] - span["start_time"]).total_seconds() == 0.25
    assert span["attrs"] == '{"route":"/"}'


# ---- resource ----------------------------------------------------------------------------------
def test_resource_says_what_the_process_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)
    assert inlay.Observer().resource == {
        "service.name": "unknown_service",
        "host.name": os.uname().nodename,
        "process.pid": str(os.getpid()),
    }
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,team=ml%2Cops, bad ,k8s.pod= p1")
    assert inlay.Observer().resource["service.name"] == "a"
    assert inlay.Observer().resource["team"] == "ml,ops"
    assert inlay.Observer().resource["k8s.pod"] == "p1"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "b")
    assert inlay.Observer().resource["service.name"] == "b"
    given = inlay.Observer({"service.name": "c", "shard": 3, "canary": False})
    assert given.resource["service.name"] == "c"
    assert given.resource["shard"] == "3"
    batch = given.collect()
    assert json.loads(batch.points.to_pylist()[0]["resource"]) == given.resource
    with pytest.raises(TypeError, match=r"resource attribute 'x' must be .* not 1\.5"):
        inlay.Observer({"x": 1.5})  # type: ignore[dict-item]
