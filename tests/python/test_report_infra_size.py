"""The report's page of the infrastructure: how long it may get."""

import layer_points as layers
import pytest

from inlay.report import report_pages, stored_report
from inlay.report.directory.stretches import shift_for, timeline_of

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
def test_stretches_cover_the_time_and_are_few(length):
    shift = shift_for(length, 128)
    assert (length >> shift) < 128
    assert shift == 0 or (length >> (shift - 1)) >= 128
    start = 1_767_225_600_000_123
    timeline = timeline_of(start, start + length, 0.0)
    assert timeline.length <= 129
    assert timeline.first << timeline.shift <= start
    assert (timeline.first + timeline.length) << timeline.shift >= start + length


def test_a_stretch_is_as_long_as_a_window():
    timeline = timeline_of(0, 600_000_000, 10e6)
    assert 1 << timeline.shift >= 10_000_000
