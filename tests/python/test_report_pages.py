"""The pages of profiles and checks as text: what is in them, and what never is."""

import builtins
import html
import json
import re
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
import report_dicts

from inlay import InvalidArgumentError
from inlay.report import chart, check_page, check_table, profile_page, profile_table

pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")

HOSTILE = "</script><script>alert(1)</script><!-- \"'`&\u202e\x1b[2J\0"
VOID = {"meta", "link", "br", "path", "line"}


class Outline(HTMLParser):
    """A document's elements; refuses tags that are not closed where they were opened."""

    def __init__(self, text):
        super().__init__()
        self.opened, self.elements, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.opened)))
        if tag not in VOID:
            self.opened.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.opened)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.opened.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes, _ in self.elements if name == tag]

    @property
    def text(self):
        return "".join(self.words)


def mixed(columns=3):
    makers = (report_dicts.numeric, report_dicts.text, report_dicts.timestamp)
    return [makers[i % 3](f"column {i}") for i in range(columns)]


def check_report():
    return report_dicts.report(
        [
            report_dicts.result("held"),
            report_dicts.result("broken", False),
            report_dicts.result("unknown", None),
        ]
    )


@pytest.fixture(scope="module")
def page():
    return profile_page(report_dicts.profile(mixed()), title="Orders")


def assert_self_contained(text):
    outline = Outline(text)
    for tag, attributes, _ in outline.elements:
        assert tag not in {"img", "iframe", "object", "embed", "base", "form", "video", "audio"}
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        for name in ("src", "href", "xlink:href", "data", "action"):
            address = attributes.get(name)
            assert address is None or address.startswith("#") or address == "data:,", address
    style = re.search("<style>(.*?)</style>", text, re.S).group(1)
    assert "url(" not in style
    assert "@import" not in style
    return outline


def test_a_page_holds_no_script_and_no_address(page):
    outline = assert_self_contained(page)
    assert outline.all("script") == []
    assert "http:" not in page
    assert "https:" not in page
    policy = next(m for m in outline.all("meta") if "http-equiv" in m)["content"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


def test_a_page_has_its_landmarks_and_a_way_past_them(page):
    outline = Outline(page)
    assert outline.all("html") == [{"lang": "en"}]
    for landmark in ("header", "nav", "main", "footer", "h1"):
        assert len(outline.all(landmark)) == 1, landmark
    body = [tag for tag, _, parents in outline.elements if parents == ("html", "body")]
    assert body[0] == "a"  # the way past the header comes before it
    targets = {a["href"][1:] for a in outline.all("a")}
    identities = [attributes["id"] for _, attributes, _ in outline.elements if "id" in attributes]
    assert len(identities) == len(set(identities))
    assert targets <= set(identities)
    named = {a["aria-labelledby"] for _, a, _ in outline.elements if "aria-labelledby" in a}
    assert named <= set(identities)


def test_each_chart_has_a_name_and_a_table_behind_it(page):
    outline = Outline(page)
    charts = outline.all("svg")
    assert len(charts) == 3
    assert all(chart["role"] == "img" and "column" in chart["aria-label"] for chart in charts)
    assert page.count("<summary>Numbers of the chart</summary>") == 3
    assert all("scope" in heading for heading in outline.all("th"))
    scrolling = [d for d in outline.all("div") if d.get("class") == "scroll"]
    assert scrolling
    assert all(d["tabindex"] == "0" and d["aria-label"] for d in scrolling)


def test_charts_take_their_colours_from_the_page(page):
    for svg in re.findall("<svg.*?</svg>", page, re.S):
        tree = ET.fromstring(svg)
        colours = {e.get(name) for e in tree.iter() for name in ("fill", "stroke") if e.get(name)}
        assert colours == {"none", "currentColor"}
        assert {e.get("class") for e in tree.iter() if e.tag == "line"} <= {"axis", "grid"}


def test_a_chart_draws_what_the_profile_counted():
    column = report_dicts.numeric(cells=4) | {
        "chart": {"bounds": [0, 1, 2, 3, 4], "counts": [1, 2, 0, 4], "below": 7, "above": 0}
    }
    text = profile_page(report_dicts.profile([column]))
    path = re.search(r'<path d="([^"]+)" fill="currentColor"', text).group(1)
    heights = [float(h) for h in re.findall(r"h[\d.]+v([\d.]+)h", path)]
    assert heights == pytest.approx([30, 60, 120])  # 120 pixels are 4 values; none for none
    words = Outline(text).text
    assert "7 below it, not drawn" in words
    rows = re.findall(r'<bdi>(below|\d)</bdi></th><td class="n">(\d)</td><td class="n">(\d)', text)
    assert rows == [
        ("below", "0", "7"),
        ("0", "1", "1"),
        ("1", "2", "2"),
        ("2", "3", "0"),
        ("3", "4", "4"),
    ]


def test_whole_numbers_with_a_cell_each_are_named():
    cells = {"bounds": [0.5, 1.5, 2.5], "counts": [1, 2], "log": False, "below": 0, "above": 0}
    column = report_dicts.column("stars", "integer", chart=cells)
    text = profile_page(report_dicts.profile([column]))
    assert "Values from 1 to 2." in text
    assert '<bdi>2</bdi></th><td class="n">2</td><td class="n">2</td>' in text


def test_a_logarithmic_chart_says_so():
    bounds = [10.0**i for i in range(-2, 4)]
    cells = {"bounds": bounds, "counts": [1, 2, 3, 2, 1], "log": True, "below": 0, "above": 0}
    drawn = chart(report_dicts.numeric(chart=cells)).to_dict()
    assert drawn["encoding"]["x"]["scale"]["type"] == "log"
    assert "logarithmic" in profile_page(report_dicts.profile([report_dicts.numeric(chart=cells)]))
    # Zero has no logarithm: such cells are drawn on a plain axis.
    zero = chart(report_dicts.numeric(chart=cells | {"bounds": [0.0, *bounds[1:]]})).to_dict()
    assert zero["encoding"]["x"]["scale"]["type"] == "linear"


@pytest.mark.parametrize(
    "cells",
    [
        None,
        {"bounds": [], "counts": []},
        {"bounds": [1.0, 1.0], "counts": [3]},
        {"bounds": [0.0, 1.0], "counts": [0]},
        {"bounds": [0.0, float("inf")], "counts": [3]},
        {"bounds": ["a", "b"], "counts": [3]},
        {"bounds": [0, 10**400], "counts": [3]},
    ],
)
def test_what_cannot_be_drawn_is_left_out_of_the_drawing(cells):
    column = report_dicts.numeric(chart=cells, top=[])
    text = profile_page(report_dicts.profile([column]))
    assert Outline(text).all("svg") == []
    assert "-14.25" in text


@pytest.mark.parametrize(
    ("kind", "bounds"),
    [
        ("date", ["2026-01-01", "2026-01-02", "2026-01-03"]),
        ("time", ["00:00:00", "12:00:00", "23:59:59.999999"]),
        ("timestamp", ["2026-01-01T00:00:00", "2026-01-01T12:00:00", "2026-01-02T00:00:00"]),
        ("timestamp", ["1600-01-01T00:00:00Z", "1700-01-01T00:00:00Z", "1800-01-01T00:00:00Z"]),
    ],
)
def test_times_are_drawn_on_an_axis_of_time(kind, bounds):
    cells = {"bounds": bounds, "counts": [1, 2], "log": False, "below": 0, "above": 0}
    column = report_dicts.column("at", kind, chart=cells)
    assert chart(column).to_dict()["encoding"]["x"]["scale"]["type"] == "utc"
    assert len(Outline(profile_page(report_dicts.profile([column]))).all("svg")) == 1


@pytest.mark.parametrize("name", [HOSTILE, "", "a" * 5000, "数量 🦊", "\udc80", "<b>&amp;"])
def test_names_and_values_are_only_ever_text(name):
    columns = [
        report_dicts.text(name, values=[name, "other"], type=name, redacted=True),
        report_dicts.numeric(name, undefined={"mean": name}, mean=None),
        report_dicts.text(name, categories={"names": [name], "counts": [3], "other": 0}),
    ]
    group = {"by": {name: name}, "rows": 5, "columns": columns}
    profile = report_dicts.profile(columns, by=[name], groups=[group])
    texts = [
        profile_page(profile, title=name),
        profile_table(profile),
        check_page(
            report_dicts.report(
                [report_dicts.result(name, None, columns=[name], reason=name, bound=name)],
                name=name,
            )
        ),
        check_table(report_dicts.report([report_dicts.result(name, False)], name=name)),
    ]
    for text in texts:
        outline = Outline(text)
        assert outline.all("script") == []
        assert outline.all("b") == []
        assert "<!--" not in text
        text.encode("utf-8")
        assert "\0" not in text


def test_a_name_is_shown_as_it_is():
    text = profile_page(report_dicts.profile([report_dicts.numeric("<script>")]), title="<title>")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "<title>&lt;title&gt;</title>" in text
    assert "<script>" in Outline(text).text


def test_the_interactive_page_carries_all_of_its_scripts():
    columns = [report_dicts.numeric("<script>"), report_dicts.text(values=[HOSTILE, "b"])]
    text = profile_page(report_dicts.profile(columns), interactive=True)
    specs, bundle, start = re.findall(r"<script[^>]*>(.*?)</script>", text, re.S)
    drawn = json.loads(specs)
    assert set(drawn) == {"v0", "v1"}
    assert "<" not in specs
    assert "vegaEmbed" in bundle
    assert "vegaEmbed" in start
    assert re.findall(r"<script[^>]*\ssrc", text) == []
    # Without anything to draw it needs none.
    assert "<script" not in profile_page(report_dicts.profile([]), interactive=True)


def test_undefined_numbers_come_with_their_reasons():
    column = report_dicts.column("empty", undefined={"mean": "no values", "std": "needs 2 values"})
    words = Outline(profile_page(report_dicts.profile([column]))).text
    assert "undefined" in words
    for reason in ("no values", "needs 2 values"):
        assert reason in words


def test_a_profile_without_columns_or_rows_is_a_page():
    outline = Outline(profile_page(report_dicts.profile([], rows=0)))
    assert "The data has no columns." in outline.text
    assert outline.all("table") == []
    assert "0 rows, 0 columns" in outline.text


def test_redacted_columns_are_marked():
    columns = [report_dicts.text("mail", values=["hash:1f"], redacted=True), report_dicts.text()]
    text = profile_page(report_dicts.profile(columns))
    assert text.count("values hashed") == 1
    assert "hash:1f (hashed)" in text
    assert "(hashed)" in profile_table(report_dicts.profile(columns))


def test_a_reference_shows_its_edges_and_categories():
    columns = [
        report_dicts.numeric(edges={"bounds": [0.0, 5.0, 41.0], "counts": [400, 600]}),
        report_dicts.text(categories={"names": ["red"], "counts": [250], "other": 750}),
    ]
    profile = report_dicts.profile(columns, reference_id="a1b2", counted_from="rows")
    words = Outline(profile_page(profile)).text
    for shown in ("a1b2", "the rows", "Edges of the reference", "60.0 %", "(every other value)"):
        assert shown in words
    assert "75.0 %" in words


def test_groups_have_their_own_tables():
    groups = [
        {"by": {"region": region}, "rows": rows, "columns": mixed(2)}
        for region, rows in (("eu", 750), ("us", 250))
    ]
    text = profile_page(report_dicts.profile(mixed(2), by=["region"], groups=groups))
    words = Outline(text).text
    assert "region = eu" in words
    assert "75.0 %" in words
    assert text.count('aria-label="Columns where') == 2


def test_many_groups_end_with_a_note():
    groups = [{"by": {"k": str(i)}, "rows": 1, "columns": mixed(30)} for i in range(100)]
    words = Outline(profile_page(report_dicts.profile(mixed(30), by=["k"], groups=groups))).text
    assert "The columns of 34 more groups are left out here." in words
    assert "k = 65" in words
    assert "k = 66" not in words


def test_a_thousand_columns_are_all_in_the_table_and_a_hundred_are_drawn():
    text = profile_page(report_dicts.profile([report_dicts.text(f"c{i}") for i in range(1000)]))
    outline = Outline(text)
    assert len(outline.all("svg")) == 100
    assert "Charts are drawn for the first 100 columns" in outline.text
    links = {a["href"] for a in outline.all("a")}
    assert {f"#c{i}" for i in range(1000)} <= links
    assert len(text) < 8_000_000


def test_thirty_columns_are_less_than_a_megabyte_whatever_the_rows():
    sizes = [
        len(profile_page(report_dicts.profile(mixed(30), rows=rows)).encode())
        for rows in (1000, 10**12)
    ]
    assert max(sizes) <= 1_000_000
    assert abs(sizes[1] - sizes[0]) < 1_000


def test_pages_are_the_same_for_the_same_profile(page):
    assert profile_page(report_dicts.profile(mixed()), title="Orders") == page


def test_pages_take_a_profile_that_went_through_json(page):
    profile = json.loads(json.dumps(report_dicts.profile(mixed())))
    assert profile_page(profile, title="Orders") == page


def test_violated_checks_come_first():
    text = check_page(check_report())
    assert_self_contained(text)
    names = re.findall(r'<th scope="row"><bdi>(\w+)', text)
    assert names == ["broken", "unknown", "held"]
    words = Outline(text).text
    assert "3 checks: 1 violated, 1 undefined, 1 held" in words
    for sign in ("✗ violated", "? undefined", "✓ holds"):
        assert sign in words
    assert "3: 5, 17, 90" in words
    assert "the column is not there" in words


def test_a_contract_without_checks_is_a_page():
    words = Outline(check_page(report_dicts.report([]))).text
    assert "The contract has no checks." in words


def test_more_failing_rows_than_are_listed_are_counted():
    result = report_dicts.result("many", False, failed_rows=5000, rows=list(range(100)))
    text = check_page(
        report_dicts.report([result], failing_rows=list(range(100)), failing_rows_total=5000)
    )
    words = Outline(text).text
    assert "5,000: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …" in words
    assert "the first 100 of 5,000" in words


def test_fragments_bring_no_document_and_no_style_sheet():
    for text in (profile_table(report_dicts.profile(mixed())), check_table(check_report())):
        outline = Outline(text)
        tags = {tag for tag, _, _ in outline.elements}
        assert tags == {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "bdi"}
        assert not [a for _, a, _ in outline.elements if "id" in a or "class" in a]


def test_a_fragment_shows_a_hundred_columns_and_counts_the_rest():
    text = profile_table(report_dicts.profile(mixed(120)))
    assert text.count("<tr>") == 101
    assert "… and 20 more." in text


@pytest.mark.parametrize("module", ["vl_convert", "altair"])
def test_a_missing_library_is_named_with_its_extra(module, monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest, **named):
        if name == module:
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    make = {
        "vl_convert": lambda: profile_page(report_dicts.profile(mixed(1))),
        "altair": lambda: chart(report_dicts.numeric()),
    }[module]
    with pytest.raises(ImportError, match=r"inlay\[report\]"):
        make()
    # What draws nothing needs neither.
    assert profile_table(report_dicts.profile(mixed(3)))
    assert check_page(check_report())
    assert profile_page(report_dicts.profile([report_dicts.column("x")]))


def contrast(first, second):
    """The ratio of two colours after WCAG 2.2."""

    def luminance(colour):
        if len(colour) == 4:
            colour = "#" + "".join(2 * digit for digit in colour[1:])
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_words_stand_out_from_what_they_are_on(page):
    themes = [
        dict(re.findall(r"--(\w+):(#[0-9a-f]+)", block))
        for block in re.findall(r":root\{([^}]*)\}", html.unescape(page))
    ]
    assert len(themes) == 3  # light, dark, print
    for colours in themes:
        for ground in ("page", "panel"):
            for word in ("text", "dim", "link", "good", "bad", "open"):
                assert contrast(colours[word], colours[ground]) >= 4.5, (word, ground, colours)
            assert contrast(colours["bar"], colours[ground]) >= 3.0  # graphics need 3


@pytest.mark.parametrize("draw", [profile_page, profile_table, check_page, check_table])
def test_what_is_no_profile_or_report_is_refused_by_name(draw):
    with pytest.raises(InvalidArgumentError, match=r"to_dict\(\) gives; of its keys 'rows'.*'a'"):
        draw({"a": 1})
    with pytest.raises(TypeError, match="got list"):
        draw([1])
