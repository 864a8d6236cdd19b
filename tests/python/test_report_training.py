"""The report's page of a training: what is in it, what the numbers are, empty parts."""

import layer_points as layers
import pytest
from test_report_infra import directory, report  # noqa: F401 - fixtures
from test_report_pages import HOSTILE, Outline

import inlay
from inlay import _core
from inlay.cli import main
from inlay.report import report_pages, stored_report
from inlay.report.training_words import training_class, training_headline

pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")


@pytest.fixture(scope="module")
def training(report):  # noqa: F811
    return report["training"]


@pytest.fixture(scope="module")
def page(report):  # noqa: F811
    return report_pages(report)["training.html"]


def of(directory, points=(), steps=(), events=None):  # noqa: F811
    return stored_report(layers.write(directory, list(points), list(steps), events))


def said(report):  # noqa: F811
    return Outline(report_pages(report)["training.html"]).text


# ---- what it says ------------------------------------------------------------------------------
def test_the_headline_names_the_worst(training):
    assert training_headline(training) == (
        "steps 0 to 599 of 4 ranks, usually 0.9269 s; goodput 97.2 %, most lost to "
        "data_loading_sync (12 s); 1 step not finite; slowed by rank 3; 1 restart"
    )
    assert training_class(training) == "bad"


def test_the_page_has_every_part(page):
    text = Outline(page).text
    for words in (
        "What happened when",
        "Step time (s), mean with least and most.",
        "Phases of a step (s), one on top of the other.",
        "Loss, mean with least and most.",
        "Gradient norm.",
        "Tokens (1/s)",
        "MFU (%)",
        "Goodput and badput by cause",
        "Mean wait inside collectives (ms).",
        "✗ rank 3",
        "✗ slows the others",
        "backward others 0.5",
        "How long each took (s).",
        "loss is nan in step 251",
        "restarts 1",
        "communication (+2.496 s)",
        "deploy",
        "version 7",
    ):
        assert words in text, words
    assert "host.pressure" not in text.partition("Events")[2].partition("Events")[2]


def test_every_chart_has_a_name_and_a_table(page):
    outline = Outline(page)
    assert all(each["aria-label"] for each in outline.all("svg"))
    assert len(outline.all("svg")) == page.count("Numbers of the chart")


# ---- numbers -----------------------------------------------------------------------------------
def test_steps_are_counted_once_for_all_ranks(training):
    steps = training["steps"]
    assert (steps["rows"], steps["ranks"]) == (2400, 4)
    assert (steps["first"], steps["last"]) == (0, 599)
    assert (steps["nonfinite"], steps["replayed"]) == (1, 1)
    assert steps["tokens"] == 2400 * 4096
    assert steps["seconds"]["0.5"] == pytest.approx(0.92, rel=0.011)


def test_phases_over_time_add_up_to_the_step(training):
    over_time = training["over_time"]
    for place, mean in enumerate(over_time["step_time"]["mean"]):
        parts = sum(phase[place] for phase in over_time["phases"].values())
        assert parts == pytest.approx(mean, rel=1e-3)
    assert max(over_time["step_time"]["max"]) == pytest.approx(3.42)
    assert over_time["loss"]["mean"][0] > over_time["loss"]["mean"][-1]
    assert over_time["tokens_rate"][0] == pytest.approx(4 * 4096 / 0.92, rel=1e-3)


def test_goodput_and_badput_are_all_of_the_time(training):
    goodput = training["goodput"]
    assert goodput["lost"] == {"data_loading_sync": pytest.approx(12), "other": pytest.approx(3)}
    # Steps without their waits for data, and without the one that was done again.
    productive = 599 * 0.87 + 2.5
    assert goodput["seconds"] == pytest.approx(productive)
    assert goodput["share"] == pytest.approx(productive / (productive + 15))


def test_without_badput_the_steps_say_what_was_lost(tmp_path):
    goodput = of(tmp_path, steps=layers.step_rows(100, 1))["training"]["goodput"]
    assert goodput["lost"] == {"data_loading_sync": pytest.approx(5.0)}
    assert goodput["share"] == pytest.approx(87 / 92)


def test_without_steps_the_gauge_says_it(tmp_path):
    points = [layers.point("training.goodput", 0, value=0.75, layer="training")]
    text = said(of(tmp_path, points))
    assert "Goodput 75.0 %; there is no training.badput." in text
    lost = layers.point(
        "training.badput", 0, kind="counter", value=5.0, layer="training", attrs={"cause": "other"}
    )
    found = of(tmp_path / "b", [*points, lost])["training"]["goodput"]
    assert found["share"] == pytest.approx(0.75)
    assert found["seconds"] == pytest.approx(15.0)


def test_the_rank_that_waits_least_is_told_of_first(training):
    ranks = {rank["rank"]: rank for rank in training["ranks"]}
    assert ranks["3"]["wait"] == pytest.approx(0.0006)
    assert ranks["0"]["wait"] == pytest.approx(0.0206)
    assert ranks["3"]["scores"] == {"backward others": {"last": 0.5, "least": pytest.approx(0.45)}}
    assert [rank for rank, of in ranks.items() if of["named"]] == ["3"]


def test_slow_steps_come_with_what_overlaps_them(training):
    (slow,) = training["slowest"]
    assert (slow["step"], slow["phase"]) == (250, "communication")
    assert slow["times"] == pytest.approx(3.42 / 0.92, rel=0.011)
    assert [(each["name"], each["where"]) for each in slow["overlaps"]] == [
        ("training.nonfinite", ""),
        ("gpu.xid", "GPU 2"),
        ("gpu.throttle", "GPU 3 hw_thermal"),
        ("training.straggler", "rank 3"),
    ]


def test_checkpoints_and_restores_are_summed_up(training):
    assert training["pauses"]["training.checkpoint"]["count"] == 3
    assert training["pauses"]["training.checkpoint"]["seconds"] == pytest.approx(7.5)
    assert training["pauses"]["training.restore"]["longest"] == pytest.approx(4.0)
    assert training["restarts"] == 1


def test_steps_that_were_delivered_twice_count_once(tmp_path):
    rows = layers.step_rows(50, 2)
    assert of(tmp_path, steps=[*rows, *rows])["training"]["steps"]["rows"] == 100


def test_a_long_training_is_put_into_few_stretches(tmp_path):
    found = of(tmp_path, steps=layers.step_rows(20_000, 2))
    assert found["timeline"]["count"] <= 129
    assert len(found["training"]["slowest"]) <= 20
    assert found["training"]["steps"]["rows"] == 40_000
    assert len(report_pages(found)["training.html"]) < 200_000


def test_many_ranks_are_a_map(tmp_path):
    points = layers.training_points(6, 64)
    text = report_pages(of(tmp_path, points))["training.html"]
    assert "Wait by rank of 64 over time" in text
    assert len(text) < 300_000


# ---- empty parts -------------------------------------------------------------------------------
def test_parts_without_rows_say_so(tmp_path):
    def happen(obs):
        obs.event("training.start", layer="training")

    text = said(of(tmp_path, events=happen))
    for words in (
        "no table of steps",
        "No steps: there is no table of them and no training.step_time.",
        "There is no table of steps.",
        "No goodput: there are neither steps nor training.goodput.",
        "No ranks: the steps have none, and there is no training.wait.",
        "None: there are no events of them.",
    ):
        assert words in text, words


def test_histograms_stand_for_a_table_that_is_not_there(tmp_path):
    more = {"kind": "histogram", "layer": "training", "status": "ok", "count": 10, "sum": 5.0}
    points = [layers.point("training.step_time", window, **more) for window in range(3)]
    points += [
        layers.point("training.phase", window, **more, attrs={"phase": "forward"})
        for window in range(3)
    ]
    found = of(tmp_path, points)
    assert found["training"]["over_time"]["phases"]["forward"][0] == pytest.approx(0.5)
    text = said(found)
    assert "this is what histograms tell" in text
    assert "Step time (s)" in text


def test_the_longest_step_is_that_of_the_table(training):
    from inlay.report.training_words import training_facts

    longest = max(each["seconds"] for each in training["slowest"])
    assert training["steps"]["seconds"]["1"] == longest
    assert dict(training_facts(training))["longest"] == f"{longest:.4g} s"


def test_the_axis_begins_where_the_training_does(tmp_path):
    def happen(obs):
        obs.event("training.start", layer="training", time=layers.START / 1e6 - 0.4)

    found = stored_report(layers.write(tmp_path, steps=layers.step_rows(10, 1), events=happen))
    assert found["timeline"]["outside"] == 0
    assert found["timeline"]["start"].endswith("23:59:59.600000+00:00")


def test_memory_is_drawn_by_device_and_kind(tmp_path):
    rows = [
        layers.point(
            "training.memory",
            window,
            value=gib * 2.0**30,
            unit="By",
            layer="training",
            attrs={"device": device, "kind": kind},
            origin=origin,
        )
        for window in range(3)
        for origin in (1, 2)
        for device, kind, gib in (
            ("cuda:0", "allocated", 30.0 + origin),
            ("cuda:0", "reserved", 40.0),
            ("cpu", "resident", 8.0),
        )
    ]
    found = stored_report(layers.write(tmp_path, rows))
    assert list(found["training"]["over_time"]["memory"]) == ["cpu", "cuda:0"]
    text = Outline(report_pages(found)["training.html"]).text
    assert "Memory of cuda:0 (GiB)" in text
    assert "Memory of cpu (GiB): resident" in text


def test_no_slow_step_is_said(tmp_path):
    text = said(of(tmp_path, steps=layers.step_rows(20, 1)))
    assert "None: no step took 1.2 times the median or longer." in text


def test_steps_without_a_rank_are_of_one(tmp_path):
    rows = [{**row, "rank": None} for row in layers.step_rows(300, 1)]
    found = of(tmp_path, steps=rows)
    assert found["training"]["ranks"] == []
    assert found["training"]["slowest"][0]["rank"] is None
    assert "steps 0 to 299, usually" in said(found)


def test_steps_may_lack_what_their_writer_did_not_know(tmp_path):
    table = layers.step_table(layers.step_rows(100, 1))
    few = table.select(["time", "start_time", "observed_time", "origin", "step"])
    with inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)]) as obs:
        obs.core.add_table("steps", _core.Table(few))
    found = stored_report(tmp_path)["training"]
    assert found["steps"]["rows"] == 100
    assert found["over_time"]["step_time"]["mean"][0] == pytest.approx(0.92)
    assert found["over_time"]["phases"] == {}


def test_steps_without_a_number_are_refused_by_name(tmp_path):
    table = layers.step_table(layers.step_rows(10, 1)).drop_columns(["step"])
    with inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)]) as obs:
        obs.core.add_table("steps", _core.Table(table))
    with pytest.raises(inlay.SerializationError, match="table 'steps' lacks the column 'step'"):
        stored_report(tmp_path)


def test_hostile_names_stay_text(tmp_path):
    points = [
        layers.point(
            "training.badput", 0, kind="counter", value=1.0, layer="training",
            attrs={"cause": HOSTILE},
        ),
        layers.point("training.wait", 0, value=0.1, layer="training", attrs={"rank": HOSTILE}),
        layers.point("training.wait", 0, value=0.2, layer="training", attrs={"rank": "1"}),
        layers.point("training.straggler_score", 0, value=1.0, layer="training",
                     attrs={"rank": HOSTILE, "section": HOSTILE}),
        layers.point("training.goodput", 0, value=0.5, layer="training"),
    ]  # fmt: skip

    def happen(obs):
        obs.event("training.checkpoint", layer="training", rank=HOSTILE, error=HOSTILE)
        at = layers.START / 1e6 + 250
        obs.event(f"training.{HOSTILE}", layer="training", time=at, end_time=at + 9, body=HOSTILE)

    for text in report_pages(of(tmp_path, points, layers.step_rows(300, 1), happen)).values():
        assert Outline(text).all("script") == []
        assert "\u202e" not in text
        assert "\x1b" not in text


# ---- elsewhere ---------------------------------------------------------------------------------
def test_the_terminal_has_a_short_table(directory, tmp_path, capsys):  # noqa: F811
    assert main(["report", str(directory), "-o", str(tmp_path / "pages")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("training: steps 0 to 599 of 4 ranks") for line in lines)
    (row,) = [line for line in lines if line.lstrip().startswith("250  ")]
    assert "communication" in row
    assert "training.nonfinite" in row
