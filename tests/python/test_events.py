"""Events, spans and the resource that every row carries."""

from __future__ import annotations

import datetime
import json
import math
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import inlay
from inlay._arguments import LAYERS

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
    with pytest.raises(ValueError, match=r"time must be finite Unix seconds.*: inf"):
        obs.event("deploy", time=float("inf"))
    with pytest.raises(TypeError, match=r"'ratio' must be str, int, float or bool, not 1j"):
        obs.event("deploy", ratio=1j)  # type: ignore[arg-type]
    noon = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
    with pytest.raises(TypeError, match=r"'start' must be .*; time= and end_time= say when it was"):
        obs.event("deploy", start=noon)  # type: ignore[arg-type]
    assert obs.collect().events.num_rows == 0


BAD_TIMES: list[tuple[Any, type[Exception]]] = [
    (START * 1000, inlay.InvalidArgumentError),
    (int(START) * 10**9, inlay.InvalidArgumentError),
    (-1e12, inlay.InvalidArgumentError),
    ("2026-03-01", TypeError),
    (True, TypeError),
]


@pytest.mark.parametrize(("moment", "error"), BAD_TIMES)
def test_a_time_far_away_or_of_another_type_is_refused_by_name(
    moment: Any, error: type[Exception]
) -> None:
    obs = inlay.Observer()
    ids = {"trace_id": "a" * 32, "span_id": "b" * 16}
    with pytest.raises(error, match=r"^time must be "):
        obs.event("deploy", time=moment)
    with pytest.raises(error, match=r"^end_time must be "):
        obs.event("deploy", end_time=moment)
    with pytest.raises(error, match=r"^start must be "):
        obs.span("GET", start=moment, end=START, **ids)
    with pytest.raises(error, match=r"^end must be "):
        obs.span("GET", start=START, end=moment, **ids)
    with pytest.raises(error, match=r"^start_time must be "):
        obs.verdict("price", "no", method="ks", judge="j", start_time=moment)
    assert obs.collect().events.num_rows == 0


BAD_EVENTS: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "the name of an event must not be empty"),
    ({"layer": "basement"}, "a layer is one of .*'basement'"),
    ({"trace_id": "xyz"}, "trace_id must be 32 lower-case hex digits.*'xyz'"),
    ({"trace_id": "0" * 32}, "trace_id must be"),
    ({"span_id": "A" * 16}, "span_id must be 16"),
    ({"time": START, "end_time": START - 1}, "end_time must not be before time.*1000000"),
    ({"severity": True}, "severity must be"),
]


@pytest.mark.parametrize(("options", "said"), BAD_EVENTS)
def test_an_event_that_makes_no_sense_is_refused(options: dict[str, Any], said: str) -> None:
    obs = inlay.Observer()
    with pytest.raises(inlay.InvalidArgumentError, match=said):
        obs.event(**{"name": "deploy", **options})
    assert obs.collect().events.num_rows == 0


@pytest.mark.parametrize("name", ["name", "body", "town"])
def test_text_that_is_no_unicode_is_refused_by_name(name: str) -> None:
    obs = inlay.Observer()
    with pytest.raises(inlay.InvalidArgumentError, match=f"{name}'? must be valid Unicode"):
        obs.event(**{"name": "deploy", name: "\ud800"})
    with pytest.raises(inlay.InvalidArgumentError, match="name of attribute"):
        obs.event("deploy", **{"\udc00": 1})


def test_an_event_takes_floats_by_their_shortest_digits() -> None:
    obs = inlay.Observer()
    assert obs.event("deploy", seconds=1.4, tiny=np.float64(1e-7), ratio=math.nan)
    (row,) = obs.collect().events.to_pylist()
    assert row["attrs"] == '{"ratio":"nan","seconds":"1.4","tiny":"1e-07"}'


def test_layers_are_those_of_the_core() -> None:
    obs = inlay.Observer()
    assert all(obs.event("deploy", layer=layer) for layer in LAYERS)
    with pytest.raises(inlay.InvalidArgumentError) as caught:
        obs.event("deploy", layer="basement")
    assert str(caught.value).startswith(f"a layer is one of {', '.join(LAYERS[:-1])} and")


def test_an_event_that_ended_before_now_happened_when_it_ended(clock: inlay.ManualClock) -> None:
    obs = inlay.Observer(clock=clock)
    assert obs.event("deploy", end_time=START - 5.0)
    (row,) = obs.collect().events.to_pylist()
    assert row["time"] == row["end_time"]


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


BAD_SPANS: list[tuple[dict[str, Any], str]] = [
    ({"trace_id": "0" * 32}, "trace_id must be 32 lower-case hex digits, not all of them 0"),
    ({"span_id": "xyz"}, "span_id must be 16 lower-case hex digits.*'xyz'"),
    ({"parent_id": "b" * 15}, "parent_id must be 16"),
    ({"layer": "basement"}, "a layer is one of"),
    ({"end": START - 0.5}, "end must not be before start.*500000"),
]


@pytest.mark.parametrize(("options", "said"), BAD_SPANS)
def test_a_span_that_makes_no_sense_is_refused(options: dict[str, Any], said: str) -> None:
    obs = inlay.Observer()
    ids = {"trace_id": "a" * 32, "span_id": "b" * 16}
    with pytest.raises(inlay.InvalidArgumentError, match=said):
        obs.span("GET", **{**ids, "start": START, "end": START, **options})
    with pytest.raises(TypeError, match="trace_id must be a str: 7"):
        obs.span("GET", trace_id=7, span_id="b" * 16, start=START, end=START)  # type: ignore[arg-type]
    assert obs.collect().spans.num_rows == 0


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


# ---- verdicts ----------------------------------------------------------------------------------
def test_verdict_has_what_it_was_given(clock: inlay.ManualClock) -> None:
    obs = inlay.Observer({"service.name": "ranker"}, clock=clock)
    drift = obs.histogram("price", attributes=("region",)).bind(region="eu")
    drift.record(1.0)
    clock.advance(1.0)
    assert obs.verdict(
        "price",
        "yes",
        method="psi",
        judge="nightly",
        judge_version="3",
        layer="data",
        attributes={"region": "eu"},
        scope="fleet",
        value=0.31,
        low=0.3,
        high=0.32,
        threshold=0.2,
        effect=0.25,
        p_value=1e-9,
        log_e=math.inf,
        n=1000,
        n_reference=2000,
        reference_id="abc",
        parts={"low": 0.3, "high": 0.01},
        revision=2,
    )
    assert obs.verdict("price", "undefined", method="psi", judge="nightly", reason="empty")
    batch = obs.collect()
    given, undefined = batch.verdicts.to_pylist()
    point = next(row for row in batch.points.to_pylist() if row["metric"] == "price")
    assert given["series_id"] == point["series_id"]
    assert (given["start_time"], given["time"]) == (point["start_time"], point["time"])
    assert (given["observed_time"], given["origin"]) == (point["observed_time"], point["origin"])
    assert given["resource"] == point["resource"]
    expected = {
        "layer": "data",
        "metric": "price",
        "attrs": '{"region":"eu"}',
        "method": "psi",
        "scope": "fleet",
        "verdict": "yes",
        "reason": None,
        "value": 0.31,
        "low": 0.3,
        "high": 0.32,
        "threshold": 0.2,
        "effect": 0.25,
        "p_value": 1e-9,
        "log_e": math.inf,
        "n": 1000,
        "n_reference": 2000,
        "reference_id": "abc",
        "part_names": ["low", "high"],
        "part_values": [0.3, 0.01],
        "judge": "nightly",
        "judge_version": "3",
        "revision": 2,
    }
    assert {name: given[name] for name in expected} == expected
    assert undefined["reason"] == "empty"
    assert undefined["scope"] == "process"
    absent = ("value", "low", "high", "threshold", "effect", "p_value", "log_e", "n", "n_reference")
    assert {undefined[name] for name in absent} == {None}
    assert undefined["part_names"] is None
    assert undefined["part_values"] is None


def test_verdict_may_name_its_own_times_and_series() -> None:
    obs = inlay.Observer()
    noon = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
    obs.verdict(
        "price", "no", method="ks", judge="j", time=noon, start_time=START, series_id=-(2**63)
    )
    (row,) = obs.collect().verdicts.to_pylist()
    assert row["time"] == noon
    assert row["start_time"].timestamp() == START
    assert row["series_id"] == -(2**63)


def test_verdicts_are_peeked_at_and_leave_with_their_window() -> None:
    obs = inlay.Observer()
    obs.verdict("price", "no", method="ks", judge="j")
    assert obs.peek().verdicts.num_rows == 1
    assert obs.collect().verdicts.num_rows == 1
    assert obs.collect().verdicts.num_rows == 0


def test_verdicts_over_the_window_limit_are_counted() -> None:
    obs = inlay.Observer()
    kept = [obs.verdict("price", "no", method="ks", judge="j", n=i) for i in range(10_050)]
    assert kept == [True] * 10_000 + [False] * 50
    batch = obs.collect()
    assert batch.verdicts.num_rows == 10_000
    assert obs.stats()["dropped_verdicts"] == 50
    dropped = {
        json.loads(row["attrs"])["reason"]: row["value"]
        for row in batch.points.to_pylist()
        if row["metric"] == "inlay.dropped"
    }
    assert dropped == {"verdicts": 50}
    assert obs.verdict("price", "no", method="ks", judge="j")


def test_verdict_after_stop_is_counted() -> None:
    obs = inlay.Observer()
    obs.verdict("price", "no", method="ks", judge="j")
    obs.stop(timeout=5)
    assert not obs.verdict("price", "no", method="ks", judge="j")
    assert obs.stats()["dropped_verdicts"] == 1


def test_verdict_refuses_what_is_wrong() -> None:
    obs = inlay.Observer()
    with pytest.raises(inlay.InvalidArgumentError, match="yes, no or undefined: 'maybe'"):
        obs.verdict("price", "maybe", method="ks", judge="j")
    with pytest.raises(inlay.InvalidArgumentError, match="undefined verdict needs a reason"):
        obs.verdict("price", "undefined", method="ks", judge="j")
    with pytest.raises(inlay.InvalidArgumentError, match="process, host or fleet: 'moon'"):
        obs.verdict("price", "no", method="ks", judge="j", scope="moon")
    with pytest.raises(ValueError, match="value must be a number, or None if there is none"):
        obs.verdict("price", "no", method="ks", judge="j", value=math.nan)
    with pytest.raises(ValueError, match="part 'a' must be a number"):
        obs.verdict("price", "no", method="ks", judge="j", parts={"a": math.nan})
    with pytest.raises(inlay.InvalidArgumentError, match="the metric of a verdict must not be"):
        obs.verdict("", "no", method="ks", judge="j")
    with pytest.raises(inlay.InvalidArgumentError, match="a layer is one of"):
        obs.verdict("price", "no", method="ks", judge="j", layer="basement")
    with pytest.raises(inlay.InvalidArgumentError, match="time must not be before start_time"):
        obs.verdict("price", "no", method="ks", judge="j", time=START, start_time=START + 1)
    with pytest.raises(TypeError, match="verdict must be a str: True"):
        obs.verdict("price", True, method="ks", judge="j")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="value must be a number: '3'"):
        obs.verdict("price", "no", method="ks", judge="j", value="3")  # type: ignore[arg-type]
    with pytest.raises(inlay.InvalidArgumentError, match=f"n must be at most {2**63 - 1}"):
        obs.verdict("price", "no", method="ks", judge="j", n=2**70)
    with pytest.raises(TypeError, match=r"parts must be a mapping: \[1\]"):
        obs.verdict("price", "no", method="ks", judge="j", parts=[1])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"n must be an integer: 2\.5"):
        obs.verdict("price", "no", method="ks", judge="j", n=2.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"'ratio' must be str, int or bool, not 0\.5"):
        obs.verdict("price", "no", method="ks", judge="j", attributes={"ratio": 0.5})  # type: ignore[dict-item]
    assert obs.collect().verdicts.num_rows == 0


def test_disabled_observer_keeps_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INLAY_DISABLED", "1")
    obs = inlay.Observer()
    assert not obs.verdict("price", "no", method="ks", judge="j")


def test_forked_child_has_no_verdict_of_its_parent() -> None:
    program = """
import os, sys
import inlay

obs = inlay.Observer()
obs.verdict("price", "no", method="ks", judge="parent")
child = os.fork()
if child == 0:
    obs.verdict("price", "yes", method="ks", judge="child")
judges = obs.collect().verdicts.to_pyarrow().column("judge").to_pylist()
if child == 0:
    os._exit(0 if judges == ["child"] else 1)
assert os.waitpid(child, 0)[1] == 0
assert judges == ["parent"]
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
