"""A report of what `Observer.quality` wrote: figures of all rows, whoever wrote them and when."""

import datetime
import re
import time

import numpy as np
import pytest

import inlay
from inlay.cli import main
from inlay.report import report_pages, stored_report

EVERY, PANES = 60, 8
NOW = int(time.time()) // EVERY * EVERY
HALF = datetime.datetime.fromtimestamp(NOW - PANES // 2 * EVERY, datetime.UTC)


def rows(seed, n=400, *, shift=0.0):
    """Return labels and scores that tell them apart less well, the larger the shift."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    logits = rng.normal((labels * 2 - 1) * (1.5 - shift), 1.0)
    return labels, (1 / (1 + np.exp(-2 * logits))).astype(np.float32)


def panes():
    """Yield the pane, region, labels and scores: eu gets worse half-way."""
    for pane in range(PANES):
        for number, region in enumerate(("eu", "us")):
            shift = 1.3 if region == "eu" and pane >= PANES // 2 else 0.0
            yield pane, region, *rows(10 * pane + number, shift=shift)


def write(folder, given, **options):
    with inlay.Observer({"service.name": "x"}, sinks=[inlay.sinks.Files(folder)]) as observer:
        quality = observer.quality(
            "click", task="binary", attributes=("region",), every=EVERY, horizon=3600, **options
        )
        for pane, region, labels, scores in given:
            at = NOW - (PANES - pane) * EVERY + 1
            quality.observed(labels, scores, predicted_at=float(at), region=region)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """Return the report of a directory that one process wrote."""
    folder = tmp_path_factory.mktemp("one")
    write(folder, panes())
    return stored_report(folder, split=HALF)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Return the report of a directory in which two processes have half of the rows each."""
    folder = tmp_path_factory.mktemp("two")
    for part in (slice(0, None, 2), slice(1, None, 2)):
        write(folder, [(*where, labels[part], scores[part]) for *where, labels, scores in panes()])
    return stored_report(folder, split=HALF)


def metrics(report):
    (quality,) = report["quality"]
    return {each["metric"]: each for each in quality["metrics"]}


def side(is_later, region=None):
    chosen = [
        (labels, scores)
        for pane, where, labels, scores in panes()
        if (pane >= PANES // 2) == is_later and region in {None, where}
    ]
    return [np.concatenate(each) for each in zip(*chosen, strict=True)]


@pytest.mark.parametrize("report", ["one", "two"])
def test_before_and_after_are_exact_of_figures_that_do_not_add_up(report, request):
    ranks = pytest.importorskip("sklearn.metrics")
    found = metrics(request.getfixturevalue(report))["auroc"]
    for name, is_later in (("earlier", False), ("later", True)):
        of = found[name]
        exact = ranks.roc_auc_score(*side(is_later))
        assert of["value"] == pytest.approx(exact, abs=2e-3)
        assert of["low"] < exact < of["high"]
        assert of["n"] == len(side(is_later)[0])


@pytest.mark.parametrize("report", ["one", "two"])
def test_each_pane_has_the_figure_of_all_its_rows(report, request):
    ranks = pytest.importorskip("sklearn.metrics")
    points = metrics(request.getfixturevalue(report))["auroc"]["points"]
    assert len(points) == PANES
    for pane, point in enumerate(points):
        both = [(labels, scores) for at, _, labels, scores in panes() if at == pane]
        exact = ranks.roc_auc_score(*(np.concatenate(each) for each in zip(*both, strict=True)))
        assert point["value"] == pytest.approx(exact, abs=5e-3)


def test_who_wrote_the_rows_makes_no_difference(one, two):
    first, second = metrics(one), metrics(two)
    assert first.keys() == second.keys()
    for name in first.keys() - {"coverage"}:
        for key in ("earlier", "later"):
            mine, theirs = (dict(of[name][key]) for of in (first, second))
            assert mine.pop("reason") == theirs.pop("reason"), name
            known = {what: number for what, number in mine.items() if number is not None}
            assert {what for what, number in theirs.items() if number is not None} == known.keys()
            for what, number in known.items():
                assert theirs[what] == pytest.approx(number, rel=1e-9), (name, what)
    assert one["quality"][0]["processes"] == 1
    assert two["quality"][0]["processes"] == 2


def test_the_segment_that_got_worse_is_found_by_name(one):
    explained = {each["metric"]: each for each in one["quality"][0]["segments"]}
    found = explained["accuracy"]["by"][0]["rows"]
    assert found[0]["segment"] == {"region": "eu"}
    assert found[0]["share"] > 0.9
    labels, scores = side(True, "eu")
    assert found[0]["later"]["value"] == pytest.approx(((scores >= 0.5) == labels).mean())
    assert found[0]["later"]["n"] == len(labels)


def test_small_panes_are_undefined_and_their_rows_count_in_the_whole(tmp_path):
    write(tmp_path, [(*where, labels[:9], scores[:9]) for *where, labels, scores in panes()])
    found = metrics(stored_report(tmp_path, split=HALF))["accuracy"]
    assert {point["reason"] for point in found["points"]} == {"insufficient"}
    assert found["earlier"]["n"] == 9 * PANES
    assert found["earlier"]["value"] is not None


def test_reliability_is_that_of_all_rows(one):
    calibration = one["quality"][0]["calibration"]
    assert len(calibration["bins"]) == 15
    labels, scores = (np.concatenate(each) for each in zip(side(False), side(True), strict=True))
    place = np.minimum((scores.astype(np.float64) * 15).astype(int), 14)
    for number, found in enumerate(calibration["bins"]):
        here = place == number
        assert found["n"] == here.sum()
        assert found["rate"] == pytest.approx(labels[here].mean())
        assert found["mean_score"] == pytest.approx(scores[here].mean(), rel=1e-5)


def test_states_of_other_settings_are_left_out_and_it_says_so(tmp_path):
    first, *rest = panes()
    write(tmp_path, [first], thresholds=(0.5,))
    write(tmp_path, rest, thresholds=(0.3, 0.7))
    report = stored_report(tmp_path, split=HALF)
    assert any("the states of click are not put together" in note for note in report["notes"])
    assert metrics(report)["accuracy"]["points"][0]["value"] is not None


def test_rows_of_too_many_segments_stand_by_themselves(tmp_path):
    given = [(pane, f"r{pane % 3}", *rows(pane)) for pane in range(PANES)]
    write(tmp_path, given, cap=2)
    (quality,) = stored_report(tmp_path, split=HALF)["quality"]
    assert quality["attributes"] == ["region"]
    segments = [row["segment"] for row in quality["segments"][0]["by"][0]["rows"]]
    assert {"otel.metric.overflow": "true"} in segments


def test_labels_that_come_later_and_never_are_told(tmp_path):
    with inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)]) as observer:
        quality = observer.quality("click", task="binary", every=EVERY, horizon=3600, min_n=1)
        labels, scores = rows(1)
        ids = np.arange(len(labels))
        quality.predicted(ids, scores)
        quality.labelled(ids[:100], labels[:100])
        observer.collect()
        quality.labelled(ids[100:300], labels[100:300])
        quality.labelled(np.array([10**6]), np.array([1]))
    report = stored_report(tmp_path)
    (told,) = report["quality"]
    assert (told["predictions"], told["labels"]) == (400, 300)
    found = metrics(report)
    assert found["coverage"]["points"][-1]["value"] == 0.75
    assert found["accuracy"]["points"][-1]["n"] == 300  # the highest revision
    assert len(found["accuracy"]["points"]) == 1


def test_several_classes_are_told_with_their_names(tmp_path):
    rng = np.random.default_rng(1)
    with inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)]) as observer:
        quality = observer.quality(
            "pet",
            task="multiclass",
            kind="label",
            classes=("cat", "dog", "fish"),
            attributes=("region",),
            every=EVERY,
            horizon=3600,
        )
        for pane in range(PANES):
            at = float(NOW - (PANES - pane) * EVERY + 1)
            for region in ("eu", "us"):
                true = rng.integers(0, 3, 200)
                wrong = rng.random(200) < (0.5 if region == "eu" and pane >= PANES // 2 else 0.1)
                said = np.where(wrong, (true + 1) % 3, true)
                names = np.array(["cat", "dog", "fish"])
                quality.observed(names[true], names[said], predicted_at=at, region=region)
    report = stored_report(tmp_path, split=HALF)
    found = metrics(report)
    assert {"accuracy", "macro_f1", "recall (class cat)"} <= found.keys()
    assert found["accuracy"]["later"]["n"] == 200 * PANES
    names = list(found)
    assert names.index("kappa") < names.index("precision (class cat)")
    explained, *rest = report["quality"][0]["segments"]
    assert explained["metric"] == "accuracy"
    assert not [each["metric"] for each in rest if "class" in each["metric"]]
    assert explained["by"][0]["rows"][0]["segment"] == {"region": "eu"}


def test_terminal_has_the_figures_of_the_whole_and_counts_the_others(tmp_path, capsys):
    observer = inlay.Observer(sinks=[inlay.sinks.Files(tmp_path / "rows")])
    quality = observer.quality("pet", task="multiclass", kind="label", classes=3, every=EVERY)
    for pane in (2, 1):
        at = float(NOW - pane * EVERY + 1)
        quality.observed([0, 1, 2] * 40, [0, 1, 1] * 40, predicted_at=at)
    observer.stop()
    split = datetime.datetime.fromtimestamp(NOW - EVERY, datetime.UTC).isoformat()
    out = str(tmp_path / "pages")
    main(["report", str(tmp_path / "rows"), "-o", out, "--split", split])
    said = capsys.readouterr().out
    assert "macro_f1" in said
    assert "(class 1)" not in said
    assert re.search(r"and \d+ more figures on the page", said)
    assert "(class 1)" in (tmp_path / "pages" / "models.html").read_text()


def test_the_pages_of_real_rows_name_the_segment(one):
    pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")
    text = report_pages(one)["models.html"]
    assert "region=eu brings" in text
    assert "Reliability: the mean score of" in text
