"""The report's page of the infrastructure: how long it may get."""

import layer_points as layers
import pytest

from inlay.report import report_pages, stored_report
from inlay.report.directory.stretches import Grid, timeline_of

pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")


def plotted(spec):
    return sum(len(layer["data"]["values"]) for layer in spec["layer"])


def test_many_gpus_are_drawn_as_maps(tmp_path, monkeypatch):
    from inlay.report import drawn

    specs, draw = [], drawn.draw
    monkeypatch.setattr(drawn, "draw", lambda spec, label: specs.append(spec) or draw(spec, label))
    for number in range(9):
        host = f"n{number}"
        points = [*layers.gpu_points(24, 8, host=host), *layers.host_points(24, host=host)]
        layers.write(tmp_path, points, host=host)
    found = stored_report(tmp_path)
    text = report_pages(found)["infra.html"]
    assert len(found["infra"]["gpus"]) == 64
    assert found["infra"]["left_out"]["gpus"] == 8
    assert "72 GPUs on 9 hosts" in text
    assert "8 more, with less trouble, are left out." in text
    assert "n0 GPU-n0-00000003" in text
    assert len(text) < 1_500_000
    assert max(map(plotted, specs)) <= 4000
    assert len(specs) < 100


def test_a_long_directory_is_put_into_few_stretches(tmp_path):
    attrs = {"gpu": layers.uuid(0)}
    windows = 20_000
    rows = [
        layers.point(
            "gpu.energy", window, kind="counter", value=1.0, unit="J", attrs=attrs, origin=1
        )
        for window in range(windows)
    ]
    found = stored_report(layers.write(tmp_path, rows))
    assert found["timeline"]["count"] <= 128
    assert found["infra"]["gpus"][0]["totals"]["energy"] == windows


@pytest.mark.parametrize("length", [1, 127, 128, 129, 10**9, 10**15])
@pytest.mark.parametrize("usual", [0.0, 7e6])
def test_stretches_cover_the_time_and_are_few(length, usual):
    grid = Grid()
    grid.coarsen(length, usual)
    assert length // grid.fine < 256
    start = 1_767_225_600_000_123
    for fine in (1, grid.fine):
        timeline = timeline_of(start, start + length, usual, fine=fine)
        assert timeline.length <= 129
        assert timeline.width % fine == 0
        assert timeline.first * timeline.width <= start
        assert (timeline.first + timeline.length) * timeline.width >= start + length


@pytest.mark.parametrize(
    ("seconds", "usual", "width"),
    [(60, 1e6, 1), (60, 0.9966e6, 1), (600, 1e6, 5), (600, 10e6, 10), (1500, 10.004e6, 20)],
)
def test_a_stretch_holds_whole_windows(seconds, usual, width):
    assert timeline_of(0, seconds * 1_000_000, usual).width == width * 1_000_000


def test_a_stretch_is_no_shorter_than_a_step():
    assert timeline_of(0, 60_000_000, 1e6, least=2.5e6).width == 3_000_000
    # Three steps of 0.7 s and ten windows would be too long.
    assert timeline_of(0, 60_000_000, 1e6, least=1.4e6, fine=700_000).width == 1_400_000


def test_many_rows_are_put_together_in_whole_windows(tmp_path, monkeypatch):
    from inlay.report.directory import binned_points

    monkeypatch.setattr(binned_points, "_MOST_ROWS", 1000)
    attrs = {"gpu": layers.uuid(0), "cause": "hw_thermal"}
    for origin in (1, 2):  # one process after the other
        rows = [
            layers.point(
                "gpu.throttle",
                window,
                kind="counter",
                value=2.5,
                unit="s",
                attrs=attrs,
                origin=origin,
            )
            for window in range(3000 * (origin - 1), 3000 * origin)
        ]
        layers.write(tmp_path, rows)
    found = stored_report(tmp_path)
    width = found["timeline"]["width"]
    assert width % 10.0 == 0.0
    shares = found["infra"]["gpus"][0]["throttle"]["hw_thermal"]
    assert shares == pytest.approx([0.25] * len(shares))
