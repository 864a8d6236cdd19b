"""The page and the tables of a comparison as text: what is in them, and what never is."""

import re

import comparison_dicts as dicts
import numpy as np
import pytest
from test_report_pages import HOSTILE, Outline

import inlay
from inlay import InvalidArgumentError
from inlay.report import comparison_page, comparison_table
from inlay.report.comparisons import comparison_row, comparison_summary, p_value, percent

pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")


@pytest.fixture(scope="module")
def page():
    return comparison_page(dicts.full(), title="Orders")


def test_the_page_is_one_whole_document_without_scripts(page):
    outline = Outline(page)
    assert outline.all("script") == []
    assert [each for each in outline.all("a") if not each["href"].startswith("#")] == []
    ids = [attributes["id"] for _, attributes, _ in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = {each["href"][1:] for each in outline.all("a")}
    assert anchors <= set(ids)


def test_the_page_says_what_drifted_and_why(page):
    said = Outline(page).text
    assert "5 columns: 3 drifted, 1 undefined, 1 did not; 1,000 rows against 1,000" in said
    for words in (
        "mean 1 → 2, most from (1, 2]: 10.0 % → 30.0 %",
        "share of 'tablet' 0.20 → 0.35",
        "the column is not in the current data",
        "0.25 (0.2 to 0.3)",
        "< 1e-300",
        "population stability index",
        "watch",
        "pager",
        "125.0 %",
        "region = eu",
        "column removed",
    ):
        assert words in said, words


def test_each_chart_has_a_table_of_its_numbers(page):
    outline = Outline(page)
    pictures = [each["aria-label"] for each in outline.all("svg")]
    assert len(pictures) == 6  # three of both sides, three of what cells add
    labels = {each.get("aria-label") for each in outline.all("div")}
    shares = "Shares from -3 to 3: reference grey, current as a line"
    assert f"{shares}; 0.10 % and 1.0 % lie outside, not drawn." in labels
    assert "What each cell adds to the difference." in labels


def test_both_sides_have_colours_that_the_page_sets(page):
    assert "var(--behind)" in page
    assert "currentColor" in page
    # Light, dark and on paper.
    assert len(re.findall(r"--behind:#", page)) == 3


def test_names_cannot_break_the_page():
    columns = [
        dicts.text(HOSTILE, names=(HOSTILE, "b"), vanished=[HOSTILE], reason=HOSTILE),
        dicts.numeric(HOSTILE + "2", type=HOSTILE),
    ]
    made = dicts.comparison(
        columns,
        by=[HOSTILE],
        reference={"name": HOSTILE, "rows": 1, "reference_id": None},
        groups=[
            {
                "group": {HOSTILE: HOSTILE},
                "verdict": "no",
                "drifted": [HOSTILE],
                "rows": 1,
                "reference_rows": 1,
                "columns": columns,
            }
        ],
    )
    for text in (comparison_page(made), comparison_table(made)):
        outline = Outline(text)
        assert outline.all("script") == []
        assert "\x1b" not in text
        assert "\0" not in text


def test_the_page_of_thirty_columns_is_small_whatever_the_rows():
    names = [f"a name that is long enough {i}" for i in range(1_000)]
    columns = [
        each
        for i in range(15)
        for each in (
            dicts.numeric(f"number {i}"),
            dicts.text(f"text {i}", names=names, drivers=[]),
        )
    ]
    page = comparison_page(dicts.comparison(columns))
    assert len(page.encode()) < 1_000_000
    assert "50 of 1,001 listed" in page


def test_the_page_of_real_data_draws_what_there_is():
    rng = np.random.default_rng(1)
    sides = [
        {
            "x": rng.normal(shift, size=2_000),
            "c": rng.choice(["a", "b", "c"], 2_000),
            "at": (np.arange(2_000) + int(100 * shift)).astype("datetime64[s]"),
            "none": np.full(2_000, np.nan),
        }
        for shift in (0.0, 0.5)
    ]
    outline = Outline(comparison_page(inlay.compare(*sides).to_dict()))
    labels = [each["aria-label"] for each in outline.all("svg")]
    assert sum(label.startswith("Shares of") for label in labels) == 3


def test_many_columns_get_no_charts_but_all_numbers():
    made = dicts.comparison([dicts.column(f"x{i}") for i in range(70)] + [dicts.numeric("last")])
    page = comparison_page(made)
    assert "<svg" not in page
    assert "Charts are drawn for the first 60 columns" in page
    assert "Numbers" not in page
    assert "last" in page


def test_an_empty_comparison_has_a_page():
    assert "Neither side has columns" in comparison_page(dicts.comparison([]))


@pytest.mark.parametrize("function", [comparison_page, comparison_table])
def test_what_is_no_comparison_is_refused(function):
    with pytest.raises(TypeError, match="list"):
        function([])
    with pytest.raises(InvalidArgumentError, match="verdict"):
        function({"columns": []})


def test_the_notebook_table_puts_what_drifted_first():
    columns = [dicts.column("calm"), dicts.column("gone", "undefined"), dicts.numeric("price")]
    text = comparison_table(dicts.comparison(columns))
    assert text.index("price") < text.index("gone") < text.index("calm")
    many = comparison_table(dicts.comparison([dicts.column(f"x{i}") for i in range(150)]))
    assert "… and 50 more." in many


def test_words_of_numbers():
    assert p_value(0.0) == "< 1e-300"
    assert p_value(None) == "-"
    assert p_value(0.04321) == "0.0432"
    assert percent(None) == "-"
    assert percent(0.0) == "0 %"
    assert percent(1.0) == "100 %"
    assert percent(1e-12) == "< 0.01 %"
    assert percent(1 - 1e-12) == "> 99.99 %"
    row = comparison_row(dicts.column("x", missing={"reference": 0.0, "current": 0.25}))
    assert row == (
        "✓ no drift",
        "x",
        "0.003",
        "0.4",
        "1.0 %",
        "0 % → 25.0 %",
        "effect 0.003 does not exceed 0.02",
    )
    assert comparison_summary(dicts.comparison([])).startswith("no columns; ")
