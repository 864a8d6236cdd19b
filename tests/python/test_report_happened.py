"""What happened, as the report's pages of the infrastructure tell it: events, lanes, throttles."""

import layer_points as layers
import pytest
from test_report_infra import gpu, of, said

from inlay.cli import main
from inlay.report import report_pages, stored_report

pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return stored_report(layers.everything(tmp_path_factory.mktemp("tables")))


# ---- events ------------------------------------------------------------------------------------
def test_events_stand_by_severity_and_parts_of_one_are_one(report):
    events = report["timeline"]["events"]
    severities = [each["severity"] for each in events]
    assert severities == sorted(severities, reverse=True)
    (throttle,) = [each for each in events if each["name"] == "gpu.throttle"]
    assert throttle["seconds"] == 120.0
    assert throttle["attrs"]["seconds"] == "72"
    assert throttle["where"] == "GPU 3 hw_thermal"
    assert throttle["count"] == 2
    names = {each["name"] for each in events}
    assert "deploy" in names
    assert not {"something.else", "gpu.info"} & names


def test_the_share_of_an_interval_is_of_all_its_parts(tmp_path):
    def happen(obs):
        at = layers.START / 1e6
        for start, end, share in ((0, 1, "0.25"), (1, 3, "0.734512345"), (3, 4, "0.679743399")):
            obs.event(
                "host.pressure",
                layer="infra",
                severity="warning",
                time=at + start,
                end_time=at + end,
                resource="cpu",
                share=share,
                seconds=str(float(share) * (end - start)),
            )

    found = of(tmp_path, events=happen)
    (event,) = found["timeline"]["events"]
    assert float(event["attrs"]["seconds"]) == pytest.approx(2.39877, rel=1e-5)
    assert float(event["attrs"]["share"]) == pytest.approx(2.39877 / 4, rel=1e-3)
    assert "seconds 2.399, share 0.5997" in said(found)


def test_an_event_of_a_host_says_of_which(tmp_path):
    def happen(obs):
        at = layers.START / 1e6
        obs.event("maintenance", layer="infra", time=at, host="node7")
        obs.event("reboot", layer="infra", time=at)

    found = of(tmp_path, events=happen)
    where = {event["name"]: event["where"] for event in found["timeline"]["events"]}
    assert where == {"maintenance": "host node7", "reboot": "host h1"}


def test_intervals_of_the_application_have_a_lane(tmp_path):
    def happen(obs):
        at = layers.START / 1e6
        obs.event("backup", layer="app", time=at + 5, end_time=at + 25)
        obs.event("request.refused", layer="app", time=at + 5)

    found = of(tmp_path, *layers.host_points(6), events=happen)
    assert [(lane["name"], lane["count"]) for lane in found["timeline"]["lanes"]] == [("backup", 1)]
    assert "· backup" in said(found)


def test_lanes_hold_everything_that_happened_the_worst_first(report):
    lanes = report["timeline"]["lanes"]
    assert [(lane["name"], lane["where"]) for lane in lanes[:5]] == [
        ("gpu.xid", "GPU 2"),
        ("training.nonfinite", ""),
        ("gpu.throttle", "GPU 3 hw_thermal"),
        ("host.pressure", "host h1 io"),
        ("training.straggler", "rank 3"),
    ]
    assert ("verdict: training.wait", "rank 3") in {(of["name"], of["where"]) for of in lanes}


def test_of_very_many_events_the_lanes_and_tables_are_bounded(tmp_path):
    def happen(obs):
        for i in range(4000):
            at = layers.START / 1e6 + i * 0.01
            attrs = {"gpu": layers.uuid(i % 64), "index": i % 64, "cause": "hw_thermal"}
            obs.event("gpu.throttle", layer="infra", time=at, end_time=at + 0.005, **attrs)

    found = of(tmp_path, *layers.gpu_points(6, 1), events=happen)
    (lane,) = found["timeline"]["lanes"]  # too many for one each
    assert lane["count"] == 4000
    assert len(lane["spans"]) <= 300
    assert len(found["timeline"]["events"]) == 1000
    text = report_pages(found)["infra.html"]
    assert "and up to 3,700 more" in text
    assert len(text) < 300_000


def test_an_event_beyond_the_axis_is_told_but_not_drawn(tmp_path):
    def happen(obs):
        obs.event("gpu.xid", layer="infra", time=1.0, gpu="G", xid=13)

    found = of(tmp_path, *layers.gpu_points(6, 1), events=happen)
    assert found["timeline"]["lanes"] == []
    assert found["timeline"]["outside"] == 1
    assert "Xid 13" in said(found)


def test_events_alone_make_a_page(tmp_path):
    def happen(obs):
        obs.event("gpu.lost", layer="infra", severity="error", gpu="G", index=1)

    found = of(tmp_path, events=happen)
    assert "1 GPU: 1 error: gpu.lost on GPU 1" in said(found)
    assert "It has no readings." in said(found)


# ---- throttles that events alone tell of -------------------------------------------------------
@pytest.mark.parametrize(("lasts", "held"), [(3.0, "3 s, hw_thermal"), (None, "gpu.throttle")])
def test_a_throttle_that_only_events_tell_of_is_told(tmp_path, capsys, lasts, held):
    def happen(obs):
        at = layers.START / 1e6
        obs.event(
            "gpu.throttle",
            layer="infra",
            severity="warning",
            time=at,
            end_time=None if lasts is None else at + lasts,
            gpu="GPU-1",
            cause="hw_thermal",
        )

    power = layers.point("gpu.power", 0, value=400.0, attrs={"gpu": "GPU-1"})
    for points in ([], [power]):
        written = tmp_path / str(len(points))
        text = said(of(written, *points, events=happen))
        assert held in text
        assert "nothing was throttled" not in text
        assert "never held down" not in text or lasts is None
        assert main(["report", str(written), "-o", str(tmp_path / "pages")]) == 0
        out = capsys.readouterr().out
        assert held in out
        assert "✓" not in out


def test_throttles_of_events_that_overlap_count_once(tmp_path):
    def happen(obs):
        at = layers.START / 1e6
        for cause, start, end in (
            ("hw_thermal", 0, 4),
            ("sw_power_cap", 2, 6),
            ("low_utilization", 5, 60),
        ):
            more = {"layer": "infra", "severity": "warning", "gpu": "GPU-1", "cause": cause}
            obs.event("gpu.throttle", time=at + start, end_time=at + end, **more)

    told = gpu(of(tmp_path, events=happen), 0)
    assert told["lost_seconds"] == pytest.approx(6.0)
    assert told["totals"]["throttled"] == pytest.approx(
        {"hw_thermal": 4.0, "low_utilization": 55.0, "sw_power_cap": 4.0}
    )
