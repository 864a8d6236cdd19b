"""What `stored_report` reads out of a directory of points and verdicts."""

import datetime
import json
import math

import model_points as points
import pyarrow as pa
import pytest
from drift_points import EVERY, START

import inlay
from inlay import InvalidArgumentError
from inlay.model.estimate import Estimate, newcombe_difference, normal_mean, wilson
from inlay.report import stored_report
from inlay.report.directory.figures import Figure, difference, pooled


def at(pane):
    return datetime.datetime.fromtimestamp((START + pane * EVERY) / 1e6, datetime.UTC)


def read(tmp_path, rows, verdicts=(), **given):
    report = stored_report(points.write(tmp_path, rows, verdicts), **given)
    json.dumps(report, allow_nan=False)  # all of it has a place in JSON
    return report


def metric(report, name="accuracy", place=0):
    found = [each for each in report["quality"][place]["metrics"] if each["metric"] == name]
    assert len(found) == 1, [each["metric"] for each in report["quality"][place]["metrics"]]
    return found[0]


def values(of, key="points"):
    return [point["value"] for point in of[key]]


# ---- over time ---------------------------------------------------------------------------------
def test_a_figure_over_time_has_its_interval_and_rows(tmp_path):
    report = read(tmp_path, points.degrading())
    found = metric(report)
    assert values(found) == pytest.approx([0.9] * 5 + [0.8] * 5)
    first, estimate = found["points"][0], wilson(540, 600)
    assert (first["low"], first["high"], first["n"]) == (estimate.low, estimate.high, 600)
    assert first["start"] == at(0).isoformat()
    assert first["end"] == at(1).isoformat()
    quality = report["quality"][0]
    assert (quality["name"], quality["panes"], quality["processes"]) == ("click", 10, 1)
    assert quality["attributes"] == ["region"]


def test_without_a_series_of_the_whole_its_segments_make_it(tmp_path):
    with_it = read(tmp_path / "a", points.degrading())
    without = read(tmp_path / "b", points.degrading(whole=False))
    for one, other in zip(metric(with_it)["points"], metric(without)["points"], strict=True):
        assert one == pytest.approx(other)


def test_the_highest_revision_of_a_figure_wins(tmp_path):
    rows = [
        points.estimate_row("accuracy", wilson(7, 10), revision=2),
        points.estimate_row("accuracy", wilson(1, 10), revision=0),
        points.estimate_row("accuracy", wilson(5, 10), revision=1),
    ]
    found = metric(read(tmp_path, rows))
    assert values(found) == [0.7]


def test_counters_add_up_and_a_row_that_was_delivered_twice_counts_once(tmp_path):
    rows = [
        *points.degrading(2),
        points.counter_row("click.rejected", 3.0, reason="nan_score"),
        points.counter_row("click.rejected", 3.0, reason="nan_score"),
        points.counter_row("click.rejected", 4.0, pane=1, reason="nan_score"),
        points.counter_row("click.rejected", 50.0, reason="bad_label"),
        points.counter_row("clicks.rejected", 9.0, reason="nan_score"),
        points.counter_row("click.predicted", 9.0),
    ]
    report = read(tmp_path, rows)
    assert report["quality"][0]["apart"] == {"bad_label": 50.0, "nan_score": 7.0}


def test_processes_are_put_together_where_a_figure_adds_up(tmp_path):
    rows = [
        points.estimate_row(name, of, origin=origin)
        for origin, k in ((1, 90), (2, 50))
        for name, of in (("accuracy", wilson(k, 100)), ("auroc", wilson(k, 100)))
    ]
    report = read(tmp_path, rows)
    pooled_one = metric(report)["points"][0]
    whole = wilson(140, 200)
    assert (pooled_one["value"], pooled_one["n"]) == (0.7, 200)
    assert pooled_one["low"] == pytest.approx(whole.low)
    undefined = metric(report, "auroc")["points"][0]
    assert (undefined["value"], undefined["reason"]) == (None, "does_not_add_up")
    assert report["quality"][0]["processes"] == 2


def test_coverage_is_that_of_the_counters_of_all_who_wrote(tmp_path):
    rows = [
        points.estimate_row("accuracy", wilson(90, 100)),
        points.estimate_row("coverage", wilson(0, 100)),
        points.estimate_row("coverage", wilson(90, 100), origin=2),
        points.estimate_row("coverage", wilson(30, 100), pane=1),
    ]
    for region, predictions, labels in (("eu", 60.0, 58.0), ("us", 40.0, 32.0)):
        rows.append(points.counter_row("click.predictions", predictions, region=region))
        rows.append(
            {**points.counter_row("click.labels", labels, region=region), "origin": 2},
        )
    coverage = metric(read(tmp_path, rows), "coverage")
    whole = wilson(90, 100)
    first = coverage["points"][0]
    assert (first["value"], first["n"]) == (0.9, 100)
    assert (first["low"], first["high"]) == (whole.low, whole.high)
    assert values(coverage) == [0.9, 0.3]  # the second has no counters


def test_what_is_undefined_says_why(tmp_path):
    rows = [
        points.estimate_row("auroc", Estimate.undefined("one_class", 10)),
        points.estimate_row("auroc", Estimate.undefined("insufficient", 3), pane=1),
        points.estimate_row("auroc", wilson(9, 10), pane=2),
    ]
    found = metric(read(tmp_path, rows), "auroc")
    assert values(found) == [None, None, 0.9]
    assert [point["reason"] for point in found["points"]] == ["one_class", "insufficient", None]


def test_estimates_without_labels_stand_beside_the_realised(tmp_path):
    rows = [
        *points.degrading(4),
        *(
            points.estimate_row("estimated.accuracy", wilson(88, 100), pane=pane)
            for pane in range(6)
        ),
    ]
    found = metric(read(tmp_path, rows))
    assert len(found["points"]) == 4
    assert values(found, "estimated") == [0.88] * 6


def test_names_with_dots_are_told_by_their_states(tmp_path):
    row = points.estimate_row("precision.cat", wilson(1, 2), name="my.digits")
    state = points.estimate_row("x", wilson(1, 2))
    state |= {"metric": "my.digits", "kind": "confusion", "form": "delta", "counts": [1, 0, 0, 1]}
    other = points.estimate_row("accuracy", wilson(1, 2), name="a.b")
    report = read(tmp_path, [row, state, other])
    assert [each["name"] for each in report["quality"]] == ["a.b", "my.digits"]
    assert metric(report, "precision.cat", 1)["points"][0]["value"] == 0.5


def test_only_the_time_asked_for_is_taken(tmp_path):
    report = read(tmp_path, points.degrading(), start=at(2), end=at(8))
    found = metric(report)
    assert len(found["points"]) == 6
    assert report["split"] == at(5).isoformat()
    assert (report["start"], report["end"]) == (at(2).isoformat(), at(8).isoformat())


# ---- before and after --------------------------------------------------------------------------
def test_before_and_after_are_those_of_all_rows(tmp_path):
    found = metric(read(tmp_path, points.degrading()))
    before, after = wilson(2700, 3000), wilson(2400, 3000)
    assert found["earlier"]["value"] == pytest.approx(0.9)
    assert found["earlier"]["low"] == pytest.approx(before.low)
    assert found["later"]["high"] == pytest.approx(after.high)
    expected = newcombe_difference(2400, 3000, 2700, 3000)
    for key in ("value", "low", "high"):
        assert found["change"][key] == pytest.approx(getattr(expected, key))


def test_a_split_in_a_pane_leaves_that_pane_out(tmp_path):
    half = at(5) + datetime.timedelta(seconds=30)
    found = metric(read(tmp_path, points.degrading(), split=half))
    assert (found["earlier"]["n"], found["later"]["n"]) == (3000, 2400)


def test_one_pane_has_nothing_to_be_compared_with(tmp_path):
    report = read(tmp_path, points.degrading(1))
    assert report["split"] is None
    assert metric(report)["change"] is None
    assert report["quality"][0]["segments"] == []


def test_a_mean_over_rows_is_put_together_with_its_standard_error():
    parts = [normal_mean(10.0, 30.0, 20), normal_mean(45.0, 200.0, 30)]
    figures = [Figure(each.value, each.low, each.high, each.n) for each in parts]
    found = pooled("mae", figures)
    errors = [(each.high - each.value) * each.n for each in parts]
    assert found.value == pytest.approx(55.0 / 50)
    assert found.high - found.value == pytest.approx(math.hypot(*errors) / 50)
    assert pooled("mae", [*figures, Figure(None, None, None, 0, "no_rows")]) == found


@pytest.mark.parametrize(
    ("sides", "reason"),
    [
        ((Figure(None, None, None, 0, "no_rows"), Figure(0.5, 0.4, 0.6, 9)), "no_rows"),
        ((Figure(0.5, 0.4, 0.6, 9), Figure(None, None, None, 0, "one_class")), "one_class"),
        ((Figure(0.5, None, None, 1, "insufficient"), Figure(0.5, 0.4, 0.6, 9)), "insufficient"),
    ],
)
def test_a_difference_with_something_undefined_has_no_interval_and_says_why(sides, reason):
    found = difference(*sides)
    assert (found.low, found.high, found.reason) == (None, None, reason)


def test_nothing_to_put_together_is_undefined():
    assert pooled("accuracy", []) == Figure(None, None, None, 0, "no_rows")
    empty = Figure(0.5, 0.4, 0.6, 0)
    assert pooled("accuracy", [empty, empty]).reason == "no_rows"


# ---- segments ----------------------------------------------------------------------------------
def test_the_segment_that_got_worse_stands_first_with_all_of_the_change(tmp_path):
    report = read(tmp_path, points.degrading())
    (explained,) = report["quality"][0]["segments"]
    assert explained["metric"] == "accuracy"
    assert explained["change"]["value"] == pytest.approx(-0.1)
    rows = explained["by"][0]["rows"]
    assert rows[0]["segment"] == {"region": "eu"}
    assert rows[0]["share"] == pytest.approx(1.0)
    assert rows[0]["change"]["value"] == pytest.approx(-0.3)
    assert sum(row["total"] for row in rows) == pytest.approx(-0.1)


def test_of_several_attributes_the_telling_one_stands_first(tmp_path):
    rows = []
    for pane in range(4):
        for region in ("eu", "us"):
            for device in ("phone", "desk"):
                k = 50 if pane >= 2 and device == "phone" else 90
                by = {"region": region, "device": device}
                rows.append(points.estimate_row("accuracy", wilson(k, 100), pane=pane, by=by))
    (explained,) = read(tmp_path, rows)["quality"][0]["segments"]
    groupings = [tuple(each["attributes"]) for each in explained["by"]]
    assert groupings.index(("device",)) < groupings.index(("region",))
    by = {tuple(each["attributes"]): each["rows"] for each in explained["by"]}
    assert by["device",][0]["segment"] == {"device": "phone"}
    assert [row["share"] for row in by["region",]] == pytest.approx([0.5, 0.5])
    assert len(by["device", "region"]) == 4


# ---- verdicts, measurements, drift -------------------------------------------------------------
def test_the_newest_decided_verdict_of_each_subject_is_told_yes_first(tmp_path):
    said = [
        points.verdict("fairness.a", "no", pane=0),
        points.verdict("fairness.a", "yes", pane=1, part_names=["f"], part_values=[0.4]),
        points.verdict("fairness.a", "yes", pane=2),
        points.verdict("fairness.b", "yes", pane=0),
        points.verdict("fairness.b", "no", pane=1, revision=0),
        points.verdict("fairness.b", "undefined", pane=1, revision=1, reason="insufficient"),
        points.verdict("fairness.c", "undefined", reason="empty"),
        points.verdict("drift", "no", judge="DriftJudge", metric="other"),
    ]
    report = read(tmp_path, points.degrading(2), said)
    told = [
        (each["method"], each["verdict"], each["yes"], each["windows"])
        for each in report["verdicts"]
    ]
    assert told == [
        ("fairness.a", "yes", 2, 3),
        ("fairness.b", "yes", 1, 2),
        ("fairness.c", "undefined", 0, 1),
        ("drift", "no", 0, 1),
    ]
    assert report["verdicts"][0]["first_yes"] == at(2).isoformat()
    assert [each["then"] for each in report["verdicts"]] == [None, "insufficient", None, None]
    fairness = report["quality"][0]["fairness"]
    assert [each["method"] for each in fairness] == ["fairness.a", "fairness.b", "fairness.c"]


def test_an_interval_stands_beside_what_it_is_of(tmp_path):
    from inlay.report.verdict_page import verdict_table

    numbers = {"value": 0.509, "low": 0.529, "high": 0.547, "effect": 0.538}
    verdicts = [
        points.verdict("drift", "yes", judge="DriftJudge", metric="a", **numbers),
        points.verdict("psi", "yes", judge="DistanceJudge", metric="b", **numbers),
    ]
    report = read(tmp_path, points.degrading(1), verdicts)
    assert [each["interval_of"] for each in report["verdicts"]] == ["effect", "value"]
    drift, distance = (
        verdict_table(report["verdicts"], label="x").split("<tbody>")[1].split("</tr>")[:2]
    )
    assert ">0.509<" in drift
    assert ">0.538 (0.529 to 0.547)<" in drift
    assert ">0.509 (0.529 to 0.547)<" in distance
    assert ">0.538<" in distance


def test_histograms_and_counters_of_the_layer_are_added_up(tmp_path):
    with inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)]) as observer:
        length = observer.histogram("chat.output", unit="{token}", layer="model")
        length.record_many([1.0] * 50 + [100.0] * 50)
        observer.counter("chat.tokens", layer="model").add(7)
        observer.histogram("request.latency").record(1.0)
        observer.collect()
        length.record_many([400.0] * 100)
        observer.counter("chat.tokens", layer="model").add(5)
    report = stored_report(tmp_path)
    assert report["quality"] == []
    histogram, counter = report["measured"]
    assert (histogram["metric"], histogram["unit"]) == ("chat.output", "{token}")
    assert histogram["all"]["count"] == 200
    assert histogram["all"]["mean"] == pytest.approx(225.25)
    assert histogram["all"]["quantiles"]["0.95"] == pytest.approx(400.0, rel=0.02)
    assert histogram["earlier"] is None
    assert (counter["metric"], counter["all"]["count"]) == ("chat.tokens", 12.0)


def test_generations_and_judged_answers_are_told(tmp_path):
    with inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)]) as observer:
        chat = observer.generation("chat", attributes=("model",))
        for window in range(2):
            for number in range(50):
                chat.record(output_tokens=120, ttft=0.2 + window, model="small")
                chat.evaluation(
                    "refusal",
                    score=float(number < 10 * (window + 1)),
                    evaluator="judge",
                    evaluator_version="2",
                    range=(0, 1),
                    direction="lower",
                    threshold=0.5,
                    model="small",
                )
            observer.collect()
    report = stored_report(tmp_path)
    assert report["quality"] == []
    measured = {each["metric"]: each for each in report["measured"]}
    assert measured["chat.output_tokens"]["all"]["count"] == 12_000
    first = measured["chat.time_to_first_token"]
    assert first["earlier"]["quantiles"]["0.5"] == pytest.approx(0.2, rel=0.02)
    assert first["later"]["quantiles"]["0.5"] == pytest.approx(1.2, rel=0.02)
    rates = {each["metric"]: each for each in report["rates"]}
    rate = rates["chat: rate of refusal by judge 2"]
    assert values(rate) == [0.2, 0.4]
    assert rate["change"]["value"] == pytest.approx(0.2)
    assert "chat: corrected rate of refusal by judge 2" in rates


def test_windows_are_on_the_side_of_the_panes_cut_with_them(tmp_path):
    # The first window goes on long after its panes were cut, while what they need is imported.
    late = START + 3 * EVERY
    rows = [
        points.estimate_row("accuracy", wilson(1, 2), pane=0),
        points.estimate_row("accuracy", wilson(1, 2), pane=1),
        {**points.counter_row("tokens", 7.0), "time": late},
        {**points.counter_row("tokens", 5.0), "start_time": late, "time": late + EVERY},
    ]
    (counter,) = read(tmp_path, rows)["measured"]
    assert (counter["earlier"]["count"], counter["later"]["count"]) == (7.0, 5.0)
    # A split that is given cuts windows anywhere: they go where their middle lies.
    (counter,) = read(tmp_path / "given", rows, split=at(1))["measured"]
    assert (counter["earlier"]["count"], counter["later"]["count"]) == (0, 12.0)


def test_a_watch_is_compared_before_and_after(tmp_path):
    import drift_points

    drift_points.write(tmp_path, drift_points.month(10, 2, shift_from=5))
    report = stored_report(tmp_path)
    (compared,) = report["comparisons"]
    assert report["split"] == at(5).isoformat()
    assert compared["watch"] == "features"
    assert compared["comparison"]["verdict"] == "yes"
    assert compared["comparison"]["drifted"] == ["x000"]
    assert compared["comparison"]["reference"]["rows"] == 5000


def test_one_window_of_a_watch_is_not_compared_and_says_why(tmp_path):
    import drift_points

    drift_points.write(tmp_path, drift_points.month(1, 1))
    (compared,) = stored_report(tmp_path)["comparisons"]
    assert compared["comparison"] is None
    assert "one window only" in compared["reason"]


def test_profiles_of_no_watch_are_merged(tmp_path):
    import drift_points

    profiles = [inlay.Profile.of({"x": values}) for values in ([1.0, 2.0], [3.0])]
    drift_points.write(tmp_path, pa.concat_tables([pa.table(each.to_arrow()) for each in profiles]))
    report = stored_report(tmp_path)
    assert report["profile"]["rows"] == 3
    (compared,) = report["comparisons"]
    sides = [compared["comparison"][side]["rows"] for side in ("reference", "current")]
    assert sides == [2, 1]


# ---- bad input ---------------------------------------------------------------------------------
def test_an_empty_directory_has_nothing_and_is_no_error(tmp_path):
    with inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)]):
        pass
    report = stored_report(tmp_path)
    for name in ("quality", "measured", "verdicts", "comparisons"):
        assert report[name] == []
    assert (report["split"], report["profile"]) == (None, None)


def test_what_is_no_directory_of_tables_is_refused(tmp_path):
    with pytest.raises(InvalidArgumentError, match=r"no directory of tables.*nowhere"):
        stored_report(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({"start": datetime.datetime(2026, 1, 1)}, "start must be a datetime with a zone"),
        ({"split": "2026"}, "split must be a datetime with a zone: '2026'"),
        ({"start": at(3), "end": at(3)}, "start must be before end"),
        ({"split": at(3), "end": at(2)}, "split must be before end"),
    ],
)
def test_times_that_make_no_sense_are_refused(tmp_path, times, message):
    points.write(tmp_path, points.degrading(1))
    with pytest.raises(InvalidArgumentError, match=message):
        stored_report(tmp_path, **times)


def test_a_damaged_file_is_refused_by_name(tmp_path):
    points.write(tmp_path, points.degrading(1))
    (path,) = tmp_path.glob("points/date=*/layer=model/*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(inlay.SerializationError, match=path.name):
        stored_report(tmp_path)


def test_a_stream_cut_short_is_read_as_far_as_it_goes_and_said(tmp_path):
    observer = inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)])
    observer.start()
    observer.counter("chat.tokens", layer="model").add(7)
    observer.collect()
    observer.flush(10)
    (path,) = tmp_path.glob("points/live/*.arrows")
    with path.open("ab") as file:
        file.write(b"garbage " * 20)
    report = stored_report(tmp_path)
    assert report["measured"][0]["all"]["count"] == 7
    assert any(path.name in note for note in report["notes"])
    observer.stop()
