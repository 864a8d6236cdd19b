"""The report's page of the infrastructure: what is in it, how long it may get, what never is."""

import json
import re

import chromium
import layer_points as layers
import pytest
from test_report_pages import HOSTILE, Outline

import inlay
from inlay import _core
from inlay.cli import main
from inlay.report import report_pages, stored_report

pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return layers.everything(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def report(directory):
    return stored_report(directory)


@pytest.fixture(scope="module")
def specs():
    """What was drawn, in order."""
    return []


@pytest.fixture(scope="module")
def pages(report, specs):
    with pytest.MonkeyPatch.context() as patch:
        from inlay.report import drawn

        draw = drawn.draw

        def drawing(spec, label):
            specs.append(spec)
            return draw(spec, label)

        patch.setattr(drawn, "draw", drawing)
        return report_pages(report)


def of(directory, *points, events=None, **more):
    return stored_report(layers.write(directory, [*points], events=events, **more))


def said(report):
    return Outline(report_pages(report)["infra.html"]).text


def gpu(report, index):
    return report["infra"]["gpus"][index]


# ---- what it says ------------------------------------------------------------------------------
def test_the_set_has_both_pages_and_the_first_says_what_matters(pages):
    assert list(pages) == [
        "index.html",
        "models.html",
        "infra.html",
        "training.html",
        "verdicts.html",
    ]
    text = Outline(pages["index.html"]).text
    assert (
        "4 GPUs on 1 host: 1 error: Xid 79 on GPU 2; clocks held down for 2 min, most on GPU 3 "
        "(2 min, hw_thermal); hosts waited for io 30 s; 1 metric could not be read"
    ) in text


def test_the_page_has_every_part(pages):
    text = Outline(pages["infra.html"]).text
    for words in (
        "What happened when",
        "Throttled by cause (% of the time)",
        "Margin to slowdown",
        "NVIDIA H100 80GB HBM3",
        "580.65.06",
        "GPU-h1-00000003",
        "✗ Xid 79",
        "hw_thermal 2 min",
        "240 kJ",
        "61.5 of 80.1 GiB",
        "Stalled (% of the time)",
        "CPU throttled by the cgroup",
        "mlx5_0 port 1",
        "symbol 120",
        "it fell off the bus",
        "no permission: this user or container may not know",
        "unsupported: this device, driver or machine cannot tell",
        "Dashed red: gpu.xid.",
    ):
        assert words in text, words


def test_pages_hold_no_script_and_link_to_each_other_alone(pages):
    for name in ("infra.html", "training.html"):
        outline = Outline(pages[name])
        assert outline.all("script") == []
        assert re.search(r"https?:", pages[name]) is None
        ids = [attrs["id"] for _, attrs, _ in outline.elements if "id" in attrs]
        assert len(ids) == len(set(ids))
        for link in outline.all("a"):
            page, _, anchor = link["href"].partition("#")
            assert page in {"", *pages}, link
            assert page or anchor in ids
        assert all(each["role"] == "img" and each["aria-label"] for each in outline.all("svg"))


def test_all_charts_share_one_time_axis(pages, specs):
    domains = set()
    for spec in specs:
        for layer in spec["layer"]:
            x = layer["encoding"].get("x")
            if x is not None and x["type"] == "temporal":
                domains.add(tuple(x["scale"]["domain"]))
    assert domains == {(layers.START / 1e3, layers.START / 1e3 + 600_000)}
    assert len(specs) > 40


def test_it_is_made_of_json_as_well(report, pages):
    again = json.loads(json.dumps(report, allow_nan=False))
    assert report_pages(again) == pages


def test_an_older_report_has_neither_page(report):
    older = {name: of for name, of in report.items() if name not in {"infra", "training"}}
    assert list(report_pages(older)) == ["index.html", "models.html", "verdicts.html"]


# ---- GPUs --------------------------------------------------------------------------------------
def test_totals_of_a_gpu_are_those_of_its_counters(report):
    assert [each["index"] for each in report["infra"]["gpus"]] == ["0", "1", "2", "3"]
    totals = gpu(report, 3)["totals"]
    assert totals["throttled"] == {
        "hw_thermal": pytest.approx(120.0),
        "low_utilization": pytest.approx(6.0),
        "sw_power_cap": 0.0,
    }
    assert totals["energy"] == pytest.approx(240_000.0)
    assert totals["ecc"] == {"corrected": 60.0}  # the total, not the parts again
    assert gpu(report, 1)["totals"]["replays"] == 60.0
    assert gpu(report, 2)["totals"]["xids"] == ["79"]
    # Nothing to do is no loss.
    assert gpu(report, 0)["lost_seconds"] == 0.0
    assert gpu(report, 0)["throttle"] == {}


def test_gauges_keep_their_least_and_most(report):
    means = gpu(report, 3)["means"]
    assert means["temperature"]["max"] == pytest.approx(101.2)
    assert means["margin"]["min"] == pytest.approx(0.9)
    assert means["activity"]["mean"] == pytest.approx(0.75)
    clock = gpu(report, 3)["gauges"]["clock"]
    assert min(clock["mean"]) == pytest.approx(1.1e9)
    assert len(clock["mean"]) == report["timeline"]["count"]


def test_a_throttle_is_where_it_was(report):
    held = gpu(report, 3)["throttle"]["hw_thermal"]
    timeline = report["timeline"]
    start = layers.START / 1e6
    for place, of_time in enumerate(held):
        at = timeline["origin"] + (place + 0.5) * timeline["width"] - start
        if 220 < at < 380:
            assert of_time == pytest.approx(0.6)
        elif at < 180 or at > 420:
            assert of_time == 0.0


def test_windows_and_stretches_begin_together(tmp_path):
    # Read ten times a second, for 0.7 s held down, from the middle of a window.
    held = {3: 0.5, 4: 0.2, 8: 0.5, 9: 0.2, 14: 0.5, 15: 0.2}
    rows = [
        row
        | {"start_time": start, "time": start + 1_000_000 + 2_000 * (1 - window % 2), "count": 10}
        for window in range(20)
        for start in [layers.START + window * 1_000_000]
        for row in [
            layers.point(
                "gpu.throttle",
                window,
                kind="counter",
                unit="s",
                value=held.get(window, 0.0),
                attrs={"gpu": layers.uuid(0), "cause": "hw_thermal"},
            )
        ]
    ]
    found = of(tmp_path, *rows)
    assert found["timeline"]["width"] == 1.0
    assert found["timeline"]["origin"] == layers.START / 1e6
    shares = gpu(found, 0)["throttle"]["hw_thermal"]
    assert shares == pytest.approx([held.get(window, 0.0) for window in range(20)], abs=0.002)


def test_of_several_processes_that_read_a_gpu_one_counts(tmp_path):
    for _ in range(3):
        layers.write(tmp_path, layers.gpu_points(30, 1))
    totals = gpu(stored_report(tmp_path), 0)["totals"]
    assert totals["energy"] == pytest.approx(30 * 4000.0)


def test_processes_one_after_the_other_add_up(tmp_path):
    points = layers.gpu_points(60, 1)
    half = layers.START + 30 * layers.WINDOW
    layers.write(tmp_path, [row for row in points if row["start_time"] < half])
    layers.write(tmp_path, [row for row in points if row["start_time"] >= half])
    found = stored_report(tmp_path)
    width = found["timeline"]["width"]
    # Where one follows the other within a stretch, the one that read it longer counts.
    assert gpu(found, 0)["totals"]["energy"] == pytest.approx(240_000.0, abs=400.0 * width)


def test_a_row_that_was_delivered_twice_counts_once(tmp_path):
    points = layers.gpu_points(30, 1)
    found = of(tmp_path, *points, *points)
    assert gpu(found, 0)["totals"]["energy"] == pytest.approx(30 * 4000.0)


def test_gpus_of_several_hosts_are_named_with_them(tmp_path):
    for host in ("a", "b"):
        layers.write(tmp_path, layers.gpu_points(6, 1, host=host), host=host)
    found = stored_report(tmp_path)
    assert [each["name"] for each in found["infra"]["gpus"]] == [
        f"a {layers.uuid(0, 'a')}",
        f"b {layers.uuid(0, 'b')}",
    ]


def test_causes_that_count_the_same_moment_are_not_added(tmp_path):
    rows = [
        layers.point(
            "gpu.throttle",
            window,
            kind="counter",
            unit="s",
            value=held,
            attrs={"gpu": layers.uuid(0), "cause": cause},
        )
        for window in range(10)
        for cause, held in (("hw_thermal", 3.0), ("thermal", 4.0), ("low_utilization", 5.0))
    ]
    found = of(tmp_path, *rows)
    assert gpu(found, 0)["lost_seconds"] == pytest.approx(40.0)
    assert list(gpu(found, 0)["throttle"]) == ["hw_thermal"]
    assert "most on GPU-h1-00000000 (40 s, hw_thermal)" in said(found)


def test_bytes_over_the_links_of_a_gpu_are_drawn(tmp_path):
    rows = [
        layers.point(
            metric,
            window,
            kind="counter",
            unit="By",
            value=of,
            attrs={"gpu": layers.uuid(0), "direction": direction},
        )
        for window in range(5)
        for metric, direction, of in (
            ("gpu.pcie.io", "transmit", 10.0 * 2**30),
            ("gpu.pcie.io", "receive", 20.0 * 2**30),
            ("gpu.nvlink.io", "receive", 400.0 * 2**30),
        )
    ]
    found = of(tmp_path, *rows)
    io = gpu(found, 0)["io"]
    assert io["NVLink receive"] == pytest.approx([40.0 * 2**30] * 5, rel=1e-4)
    text = said(found)
    assert "Bytes over its links (GiB/s)" in text
    assert "PCIe transmit (GiB/s)" in text


def test_without_sm_activity_utilisation_is_drawn(tmp_path):
    attrs = {"gpu": layers.uuid(0)}
    rows = [layers.point("gpu.utilization", w, value=0.5, attrs=attrs) for w in range(5)]
    text = said(of(tmp_path, *rows))
    assert "Utilisation (%)" in text
    assert "SM activity" not in text


# ---- hosts -------------------------------------------------------------------------------------
def test_rates_of_a_host_are_of_all_its_devices(report):
    (host,) = report["infra"]["hosts"]
    network = [of for of in host["network"]["receive"] if of is not None]
    assert network == pytest.approx([3e8] * len(network))  # both, without the loopback
    assert host["pressure"]["io"][3] == pytest.approx(0.05)
    assert host["throttled"][3] == pytest.approx(0.025)
    assert host["totals"]["stalled"] == {"io": pytest.approx(30.0), "memory": pytest.approx(6.0)}
    (link,) = report["infra"]["links"]
    assert link["errors"] == {"symbol": 120.0}
    assert link["wait"] == 3000.0


def test_a_rate_is_by_the_time_it_was_read_over(tmp_path):
    # Read every second, just after windows are cut: now and then twice in a window, then in none;
    # at last once in a short one.
    readings = {4: 2, 5: 0, 9: 2, 10: 0}
    rows = []
    for window in range(15):
        times = readings.get(window, 1)
        start = layers.START + window * 1_000_000
        length = 500_000 if window == 14 else 1_000_000
        if times:
            row = layers.point(
                "host.pressure",
                window,
                kind="counter",
                unit="s",
                value=0.68 * times,
                attrs={"resource": "cpu", "kind": "some"},
            )
            rows.append(row | {"start_time": start, "time": start + length, "count": times})
    (host,) = of(tmp_path, *rows)["infra"]["hosts"]
    shares = [of for of in host["pressure"]["cpu"] if of is not None]
    assert len(shares) == 13
    assert shares == pytest.approx([0.68] * 13, rel=0.1)


def test_after_a_pause_a_rate_is_by_all_of_it(tmp_path):
    rows = []
    for window, length in enumerate((1, 1, 1, 8, 1, 1)):
        start = rows[-1]["time"] if rows else layers.START
        row = layers.point(
            "host.pressure",
            window,
            kind="counter",
            unit="s",
            value=0.5 * length,
            attrs={"resource": "cpu", "kind": "some"},
        )
        rows.append(row | {"start_time": start, "time": start + length * 1_000_000, "count": 1})
    (host,) = of(tmp_path, *rows)["infra"]["hosts"]
    shares = [of for of in host["pressure"]["cpu"] if of is not None]
    assert shares == pytest.approx([0.5] * 6)


def test_busy_time_stands_for_a_utilisation_that_is_not_there(tmp_path):
    rows = [
        layers.point("host.cpu.time", 0, kind="counter", value=of, unit="s", attrs={"mode": mode})
        for mode, of in (("user", 30.0), ("idle", 60.0), ("iowait", 10.0))
    ]
    (host,) = of(tmp_path, *rows)["infra"]["hosts"]
    assert host["cpu"]["mean"] == [pytest.approx(0.3)]


# ---- what could not be read --------------------------------------------------------------------
def test_what_could_not_be_read_is_told_once_by_metric_and_reason(report, pages):
    assert report["infra"]["unread"] == [
        {
            "metric": metric,
            "status": status,
            "host": "h1",
            "series": 4,
            "is_read": is_read,
        }
        for metric, status, is_read in (
            ("gpu.fan.speed", "unsupported", False),
            ("gpu.ecc.errors", "no_permission", True),
        )
    ]
    part = pages["infra.html"].partition('id="unread"')[2]
    assert part.count("gpu.fan.speed") == 1


# ---- empty parts -------------------------------------------------------------------------------
def test_a_directory_without_it_has_no_page_and_says_so(tmp_path):
    def nothing(obs):
        obs.event("started")

    pages = report_pages(of(tmp_path, events=nothing))
    assert list(pages) == ["index.html", "models.html", "verdicts.html"]
    text = Outline(pages["index.html"]).text
    assert "no points or events of layer infra" in text
    assert "no training steps, points or events" in text


def test_parts_without_rows_say_so(tmp_path):
    text = said(of(tmp_path, layers.point("gpu.count", 0, value=0.0)))
    for words in (
        "no GPU and no host: no error, nothing was throttled",
        "Nothing: no events, and no judge said yes.",
        "No GPU: there are no points of one.",
        "No host: there are no points of one.",
        "No links",
        "There are no events of layer infra.",
        "Nothing: every metric that was looked for had a value.",
    ):
        assert words in text, words


def test_rows_without_any_value_still_make_a_page(tmp_path):
    rows = [row for row in layers.gpu_points(1, 2) if row["value"] is None]
    assert "2 metrics could not be read" in said(of(tmp_path, *rows))


def test_hostile_names_stay_text(tmp_path):
    attrs = {"gpu": HOSTILE, "cause": HOSTILE, "device": HOSTILE, "resource": HOSTILE}
    rows = [
        layers.point("gpu.throttle", 0, kind="counter", value=1.0, attrs=attrs, host=HOSTILE),
        layers.point("gpu.power", 0, value=1.0, attrs=attrs, host=HOSTILE),
        layers.point("host.pressure", 0, kind="counter", value=1.0, attrs=attrs, host=HOSTILE),
        layers.point("ib.errors", 0, kind="counter", value=1.0, attrs={**attrs, "kind": HOSTILE}),
        layers.point(f"gpu.{HOSTILE}", 0, status="absent"),
    ]

    def happen(obs):
        told = {"gpu": HOSTILE, "index": HOSTILE, "rank": HOSTILE, "xid": HOSTILE}
        obs.event(HOSTILE, layer="infra", body=HOSTILE, severity="error", **told)
        obs.event("gpu.xid", layer="infra", body=HOSTILE, severity="error", **told)
        attrs = _core.canonical_json({"gpu": HOSTILE, "index": HOSTILE, "name": HOSTILE})
        obs.core.event("gpu.info", layer="infra", attrs=attrs)
        obs.event("training.straggler", layer="training", rank=HOSTILE, body=HOSTILE)

    pages = report_pages(of(tmp_path, *rows, events=happen, host=HOSTILE.replace("\0", "")))
    assert {"infra.html", "training.html"} <= pages.keys()
    for text in pages.values():
        assert Outline(text).all("script") == []
        assert "\u202e" not in text
        assert "\x1b" not in text


# ---- a part of the time ------------------------------------------------------------------------
def test_a_part_of_the_time_is_taken(directory):
    import datetime

    at = datetime.datetime.fromtimestamp(layers.START / 1e6, datetime.UTC)
    minute = datetime.timedelta(minutes=1)
    found = stored_report(directory, start=at + 4 * minute, end=at + 5 * minute)
    assert found["timeline"]["start"] == (at + 4 * minute).isoformat()
    assert gpu(found, 3)["totals"]["throttled"]["hw_thermal"] == pytest.approx(36.0)
    names = {each["name"] for each in found["timeline"]["events"]}
    assert "gpu.throttle" in names  # it overlaps
    assert "host.pressure" not in names


# ---- elsewhere ---------------------------------------------------------------------------------
def test_the_terminal_has_a_short_table(directory, tmp_path, capsys):
    assert main(["report", str(directory), "-o", str(tmp_path / "pages")]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = next(line for line in lines if line.startswith("infrastructure: "))
    assert "Xid 79 on GPU 2" in first
    rows = [line.split("  ")[0] for line in lines if line.startswith("GPU ")]
    assert rows[1:] == ["GPU 2", "GPU 3", "GPU 0", "GPU 1"]
    assert (tmp_path / "pages" / "infra.html").is_file()


def test_observers_that_write_no_infrastructure_keep_their_pages(tmp_path):
    with inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)]) as obs:
        obs.histogram("chat.output_length", layer="model").record(3)
    found = stored_report(tmp_path)
    assert (found["timeline"], found["infra"], found["training"]) == (None, None, None)


@pytest.mark.parametrize("name", ["infra", "training"])
def test_a_browser_asks_for_nothing_and_complains_of_nothing(pages, tmp_path, name):
    path = tmp_path / f"{name}.html"
    path.write_text(pages[f"{name}.html"], encoding="utf-8")
    with chromium.Browser(tmp_path / "browser") as browser:
        for scheme in ("light", "dark"):
            browser.open(path, scheme=scheme)
            assert browser.requests() == [path.resolve().as_uri()]
            assert browser.complaints() == []
        browser.open(path, width=360, height=800)
        assert browser.evaluate("document.documentElement.scrollWidth") == 360


def test_what_is_read_anew_counts_once(directory, monkeypatch):
    from inlay._files import rows

    read, failed = rows._read_parquet, []

    def moved_on(path, *more):
        if "steps" in str(path) and not failed:
            failed.append(path)  # its points were read already
            raise FileNotFoundError(path)
        return read(path, *more)

    monkeypatch.setattr(rows, "_read_parquet", moved_on)
    found = stored_report(directory)
    assert failed
    assert gpu(found, 0)["totals"]["energy"] == pytest.approx(240_000.0)
    assert found["training"]["steps"]["rows"] == 2400


def test_probes_of_the_fabric_and_facts_of_the_job_are_a_table(tmp_path):
    rows = [
        layers.point("job.queue_wait", 0, value=90.0, unit="s"),
        layers.point("fabric.ping", 0, value=2e-4, unit="s", attrs={"peer": "h2"}),
        layers.point("job.idle_gpu_time", 0, kind="counter", value=12.0, unit="s"),
    ]
    text = said(of(tmp_path, *rows))
    for words in ("job.queue_wait", "fabric.ping {peer=h2}", "job.idle_gpu_time", "0.0002"):
        assert words in text, words
