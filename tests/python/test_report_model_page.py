"""The pages of a directory's report as text: what is in them, and what never is."""

import json
import re

import model_points as points
import pytest
from test_report_pages import HOSTILE, Outline

from inlay import InvalidArgumentError
from inlay.model.estimate import Estimate, wilson
from inlay.report import report_pages, stored_report
from inlay.report.model_charts import history_drawing
from inlay.report.qualities import change_class, change_word, headline

pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    made = stored_report(points.write(tmp_path_factory.mktemp("tables"), *points.everything()))
    made["quality"][1]["calibration"] = points.CALIBRATION
    return made


@pytest.fixture(scope="module")
def pages(report):
    return report_pages(report, title="Clicks")


def of(tmp_path, rows, verdicts=()):
    return stored_report(points.write(tmp_path, rows, verdicts))


# ---- the set -----------------------------------------------------------------------------------
def test_pages_hold_no_script_and_link_to_each_other_alone(pages):
    assert list(pages) == ["index.html", "models.html", "verdicts.html"]
    for name, text in pages.items():
        outline = Outline(text)
        assert outline.all("script") == []
        assert "script-src" not in text
        ids = {attributes["id"] for _, attributes, _ in outline.elements if "id" in attributes}
        for link in outline.all("a"):
            page, _, anchor = link["href"].partition("#")
            assert page in {"", *pages}, link
            if not page:
                assert anchor in ids, (name, link)
        assert re.search(r"https?:", text) is None


def test_each_page_leads_to_the_others_and_says_which_it_is(pages):
    for name, text in pages.items():
        navigation = text.partition('<nav aria-label="Pages">')[2].partition("</nav>")[0]
        assert navigation.count('aria-current="page"') == 1
        for other in pages:
            assert (f'href="{other}"' in navigation) == (other != name)


def test_ids_are_there_once(pages):
    for text in pages.values():
        ids = [attrs["id"] for _, attrs, _ in Outline(text).elements if "id" in attrs]
        assert len(ids) == len(set(ids))


def test_the_first_page_says_what_each_other_says(pages):
    said = Outline(pages["index.html"]).text
    for words in (
        "Clicks",
        "accuracy 0.9 → 0.8, a change of -0.1 (-0.118 to -0.0821); region=eu brings 100.0 % of it",
        "no drift: there are no points of a watch or of a profile",
        "2 newest verdicts, 1 of them yes",
    ):
        assert words in said, words


def test_it_is_made_of_json_as_well(report, pages):
    again = json.loads(json.dumps(report, allow_nan=False))
    assert report_pages(again, title="Clicks") == pages


def test_what_is_no_report_is_refused():
    with pytest.raises(TypeError, match=r"stored_report\(\) gives, got list"):
        report_pages([])
    with pytest.raises(InvalidArgumentError, match=r"'directory' lacks"):
        report_pages({"quality": []})


# ---- the model page ----------------------------------------------------------------------------
def test_the_model_page_has_every_part(pages):
    said = Outline(pages["models.html"]).text
    for words in (
        "Over time",
        "Before and after",
        "✗ worse",
        "Segments by their part in the change",
        "accuracy by region",
        "accuracy by device and region",
        "w̄·Δm",
        "Share that was so by mean score",
        "fairness.region.disparate_impact",
        "? undefined",
        "region=eu 0.3, region=us 0.5",
        "coverage: a line",
        "nan score",
        "Undefined throughout: mcc (zero variance).",
        "estimated without labels, dashed grey",
        "chat: rate of refusal by judge 2",
        "chat.output_tokens",
    ):
        assert words in said, words


def test_each_chart_has_words_and_a_table(pages):
    outline = Outline(pages["models.html"])
    pictures = [each["aria-label"] for each in outline.all("svg")]
    # ad: accuracy, three of its segments; click: accuracy, auroc, segments, reliability, coverage;
    # chat: a rate.
    assert len(pictures) == 10
    assert "accuracy over time, from 0.8 to 0.9, 20 panes" in pictures
    assert pages["models.html"].count("Numbers of the chart") == 6


def test_an_empty_directory_says_why_there_is_nothing(tmp_path):
    made = report_pages(of(tmp_path, []))
    assert "no rows of kind estimate" in Outline(made["models.html"]).text
    assert "No histograms or counters of layer model." in Outline(made["models.html"]).text
    assert "there are no rows of verdicts" in Outline(made["verdicts.html"]).text


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            [points.estimate_row("accuracy", wilson(9, 10))],
            (
                "accuracy 0.9 (0.596 to 0.982), nothing to compare it with",
                "There is one pane only: nothing to compare.",
                "The rows have no attributes to tell segments by.",
                "There are no scores to compare with",
                "No verdicts: give the quality a FairnessJudge",
                "No coverage: predictions were not announced by id",
                "Nothing: every row was counted.",
            ),
        ),
        (
            [
                points.estimate_row("auroc", Estimate.undefined("one_class", 9), pane=pane)
                for pane in range(2)
            ],
            ("No figure has a value in any pane.", "auroc (one class)", "no figure has a value"),
        ),
        (
            [
                points.estimate_row("auroc", wilson(9, 10), pane=pane, by={"region": "eu"})
                for pane in range(2)
            ],
            ("No figure that adds up over segments has a value both before and after.",),
        ),
        (
            [
                points.estimate_row("accuracy", wilson(9, 10), pane=0, by={"region": "eu"}),
                points.estimate_row("accuracy", Estimate.undefined("no_rows"), pane=1),
            ],
            ("no rows", "No figure that adds up over segments"),
        ),
    ],
    ids=["one pane", "undefined", "does not add up", "one side"],
)
def test_a_part_that_is_not_there_says_why(tmp_path, rows, words):
    said = Outline(report_pages(of(tmp_path, rows))["models.html"]).text
    for each in words:
        assert each in said, each


def test_hostile_names_stay_text(tmp_path):
    rows = [
        points.estimate_row(
            "accuracy", wilson(k, 100), pane=pane, by={HOSTILE: HOSTILE}, name=HOSTILE
        )
        for pane, k in enumerate((90, 40))
    ]
    rows.append(points.estimate_row(HOSTILE, Estimate.undefined(HOSTILE), name=HOSTILE))
    rows.append(points.counter_row(f"{HOSTILE}.rejected", 3.0, reason=HOSTILE))
    rows.append(points.counter_row(f"z{HOSTILE}", 3.0, x=HOSTILE))
    said = [points.verdict(HOSTILE, metric=HOSTILE, reason=HOSTILE, attrs={HOSTILE: HOSTILE})]
    for text in report_pages(of(tmp_path, rows, said)).values():
        outline = Outline(text)
        assert outline.all("script") == []
        assert "\u202e" not in text
        assert "\x1b" not in text


# ---- words -------------------------------------------------------------------------------------
def metric(name="accuracy", direction=1, before=0.9, after=0.8, **change):
    ends = {"low": -0.12, "high": -0.08, **change}
    return {
        "metric": name,
        "direction": direction,
        "earlier": {"value": before, "low": None, "high": None, "n": 10, "reason": None},
        "later": {"value": after, "low": None, "high": None, "n": 10, "reason": None},
        "change": {"value": after - before, "n": 10, "reason": None, **ends},
        "points": [],
        "estimated": [],
    }


@pytest.mark.parametrize(
    ("given", "word", "kind"),
    [
        (metric(), "✗ worse", "bad"),
        (metric(direction=-1), "✓ better", "good"),
        (metric(direction=0), "~ changed", "open"),
        (metric(high=0.01), "= as before", "good"),
        (metric(low=None, high=None), "~ no interval", "open"),
        ({**metric(), "change": None}, "? undefined", "open"),
    ],
)
def test_a_change_is_said_by_sign_and_word(given, word, kind):
    assert (change_word(given), change_class(given)) == (word, kind)


def quality(metrics, by=()):
    segments = [{"metric": metrics[0]["metric"], "by": [{"rows": list(by)}]}] if by else []
    return {"metrics": metrics, "segments": segments}


def segment(name, share):
    return {"segment": {"region": name}, "share": share, "total": share * -0.1}


def test_the_headline_names_the_segments_that_bring_most_of_it():
    rows = [segment("eu", 0.5), segment("us", 0.3), segment("asia", 0.1), segment("af", 0.1)]
    said = headline(quality([metric()], rows))
    assert said.endswith("region=eu brings 50.0 % of it and region=us brings 30.0 % of it")


def test_no_segment_is_blamed_where_all_have_their_part():
    rows = [segment(name, 0.25) for name in ("eu", "us", "asia", "af")]
    assert "brings" not in headline(quality([metric()], rows))
    assert headline(quality([metric(high=0.1)], rows)).endswith("within chance")


def test_the_headline_speaks_of_what_got_worse():
    better = metric("recall", before=0.5, after=0.7, low=0.1, high=0.3)
    assert headline(quality([better, metric("precision")])).startswith("precision 0.9 → 0.8")


# ---- charts ------------------------------------------------------------------------------------
def test_a_gap_in_the_labels_is_a_gap_in_the_line(tmp_path):
    rows = [points.estimate_row("accuracy", wilson(9, 10), pane=pane) for pane in (0, 1, 2, 7, 8)]
    (found,) = of(tmp_path, rows)["quality"]
    drawn = history_drawing(found["metrics"][0], None)
    (line,) = [layer for layer in drawn.spec["layer"] if layer["mark"]["type"] == "line"]
    assert [each["r"] for each in line["data"]["values"]] == [0, 0, 0, 1, 1]


def test_of_many_panes_the_last_are_drawn_and_it_says_so(tmp_path):
    rows = [points.estimate_row("accuracy", wilson(9, 10), pane=pane) for pane in range(520)]
    text = report_pages(of(tmp_path, rows))["models.html"]
    assert "the last 500 of 520 panes" in text
    assert len(text) < 150_000
