"""The demo's GPU, its slow requests, and how one of them tells why it was slow."""

import asyncio
import time

import pytest

import inlay

for needed in ("duckdb", "httpx", "rich"):
    pytest.importorskip(needed, reason=f"the demo needs {needed}")

from rich.console import Console

from inlay.demo import cause, device
from inlay.demo.device import Device
from inlay.demo.slow_requests import SlowRequests

TRACE, SPAN = "0123456789abcdef" * 2, "0123456789abcdef"


def simulated(monkeypatch, scenario=None):
    if scenario is not None:
        monkeypatch.setattr(device, "_SCENARIO", scenario)
    found = Device()
    if not found.simulated:
        pytest.skip("a GPU is here, and none is simulated")
    return found


def took(found):
    start = time.perf_counter()
    found.compute(1)
    return time.perf_counter() - start


def test_simulated_gpu_says_so_and_is_watched(monkeypatch):
    found = simulated(monkeypatch)
    assert found.name.startswith("simulated")
    assert [each.cuda for each in found.gpu.devices] == [0]
    found.gpu.stop()


def test_gpu_that_is_here_is_taken(monkeypatch):
    made = inlay.infra.Gpu
    here = simulated(monkeypatch, "gpus 2\n")
    here.gpu.stop()
    monkeypatch.setattr(inlay.infra, "Gpu", lambda: made(library=device._LIBRARY))
    found = Device()
    assert not found.simulated
    assert len(found.gpu.devices) == 2
    assert "H100" in found.name
    found.compute(10**9)  # nothing is computed on it
    found.gpu.stop()


def test_simulated_gpu_computes_as_fast_as_its_clock(monkeypatch):
    whole = simulated(monkeypatch, "gpus 1\n")
    quick = min(took(whole) for _ in range(5))
    whole.gpu.stop()
    hot = simulated(monkeypatch, "gpus 1\ngpu 0 at 0s throttle hw_thermal for 600s clock 75\n")
    assert took(hot) > 5 * quick
    hot.gpu.stop()


def test_wrong_scenario_is_named(monkeypatch):
    with pytest.raises(RuntimeError, match="nonsense"):
        simulated(monkeypatch, "nonsense\n")


def test_device_without_a_simulation_computes_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(device, "_LIBRARY", tmp_path / "none.so")
    found = Device()
    assert not found.simulated
    found.compute(10**9)


def ask(app, path, *, method="POST", trace=TRACE):
    headers = [] if trace is None else [(b"traceparent", f"00-{trace}-{SPAN}-01".encode())]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(app(scope, None, None))


def test_requests_that_take_long_for_their_path_are_kept():
    pause = 0.0

    async def answer(scope, receive, send):
        time.sleep(pause)

    obs = inlay.Observer()
    app = SlowRequests(answer, obs, gpu="GPU-1")
    for _ in range(110):
        ask(app, "/predict")
    obs.collect()
    pause = 0.2
    ask(app, "/predict")
    ask(app, "/predict", trace=None)
    ask(app, "/predict", trace="no id")
    ask(app, "/predict", method="GET")
    ask(app, "/new")  # nothing is usual there yet
    (span,) = obs.collect().spans.to_pylist()
    assert (span["trace_id"], span["span_id"], span["name"]) == (TRACE, SPAN, "/predict")
    assert '"gpu":"GPU-1"' in span["attrs"]
    assert (span["time"] - span["start_time"]).total_seconds() >= 0.2
    obs.stop()


def test_cause_is_found_from_the_id_of_a_slow_request(tmp_path):
    obs = inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)])
    now = time.time()
    obs.event(
        "gpu.throttle",
        layer="infra",
        severity="warning",
        time=now - 10.0,
        end_time=now - 9.3,
        gpu="GPU-1",
        cause="hw_thermal",
        seconds="0.7",
    )
    # Many that are slower, as the machine is busy, and some while the clocks were held down.
    for number, (start, times) in enumerate(
        [
            *[(now - 20.0 + i / 50, 9) for i in range(20)],
            *[(now - 9.9 + i / 50, 5) for i in range(12)],
        ]
    ):
        obs.span(
            "/predict",
            trace_id=f"{number + 1:032x}",
            span_id=f"{number + 1:016x}",
            start=start,
            end=start + 0.01 * times,
            kind="server",
            times_usual=f"{times:.1f}",
        )
    obs.event("host.pressure", layer="infra", severity="warning", time=now - 30.0, end_time=now,
              resource="cpu", seconds="20.0")  # fmt: skip
    clock = obs.gauge("clock")
    clock.set(1.0)
    origin = obs.core.origin
    obs.stop()
    found = cause.read(tmp_path, origin)
    assert int(found.request["trace_id"], 16) > 20
    assert found.context.evidence[0].name == "gpu.throttle"
    assert (found.slow, found.throttled, found.during_throttle) == (32, 12, True)
    console = Console(record=True, width=120)
    cause.show(found, tmp_path, console)
    text = console.export_text()
    assert "hw_thermal" in text
    assert "32 requests took long for their path, 12 of them while the GPU was throttled" in text
    assert "The machine itself was busy" in text
    assert " UTC, 50 ms, 5 times as long as usual" in text
    assert f"--trace-id {found.request['trace_id'][:16]}" in text


def test_without_a_throttle_the_slowest_of_many_is_asked_about(tmp_path):
    obs = inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)])
    now = time.time()
    for number, (start, times) in enumerate(
        [(now - 20.0, 9), *[(now - 9.9 + i / 50, 5) for i in range(12)]]
    ):
        obs.span(
            "/predict",
            trace_id=f"{number + 1:032x}",
            span_id=f"{number + 1:016x}",
            start=start,
            end=start + 0.01 * times,
            times_usual=f"{times:.1f}",
        )
    origin = obs.core.origin
    obs.stop()
    found = cause.read(tmp_path, origin)
    assert int(found.request["trace_id"], 16) > 1
    assert (found.slow, found.throttled, found.during_throttle) == (13, 0, False)
    console = Console(record=True, width=120)
    cause.show(found, tmp_path, console)
    assert "none of them while a GPU was throttled" in " ".join(console.export_text().split())


def test_without_slow_requests_there_is_nothing_to_ask(tmp_path):
    obs = inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)])
    obs.counter("some").add(1)
    origin = obs.core.origin
    obs.stop()
    assert cause.read(tmp_path, origin) is None
    console = Console(record=True, width=120)
    cause.show(None, tmp_path, console)
    assert "No request took much longer" in console.export_text()
