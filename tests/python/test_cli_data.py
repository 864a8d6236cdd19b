"""The commands `inlay profile`, `inlay check` and `inlay suggest`: what they print and return."""

import io
import json
import re
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import report_dicts

import inlay
from inlay import cli
from inlay.data.checks.check import Fault


class FakeProfile:
    """A profile that was made already."""

    made_of = None
    is_reference = False

    def __init__(self, contents):
        self.contents = contents

    def to_dict(self):
        return self.contents

    def to_arrow(self):
        return pa.table({"metric": ["data.column"]})


class FakeReport(FakeProfile):
    def to_openlineage(self):
        return {"dataQualityMetrics": {"rowCount": 1000}}


class FakeContract:
    ignored = ()
    checks = ("a check",)

    def __init__(self, contents):
        self.contents = contents

    def check(self, data):
        FakeProfile.made_of = data
        return FakeReport(self.contents)


def run(*words):
    return cli.main([str(word) for word in words])


@pytest.fixture
def profiled(monkeypatch):
    """Make `inlay profile` show a profile of the given columns; returns what it was asked for."""
    asked = {}

    def prepare(columns, **over):
        class Profile(FakeProfile):
            @staticmethod
            def of(data, **options):
                asked.update(options, data=data)
                return FakeProfile(report_dicts.profile(columns, **over))

        monkeypatch.setattr(inlay, "Profile", Profile, raising=False)
        return asked

    return prepare


@pytest.fixture
def checked(monkeypatch, tmp_path):
    """Make `inlay check` find the given results; returns the words that run it."""

    def prepare(*results, **over):
        contents = report_dicts.report(results, **over)
        asked = {}

        class Contract:
            @staticmethod
            def from_yaml(path, **options):
                asked.update(options, path=path)
                return FakeContract(contents)

        monkeypatch.setattr(inlay, "Contract", Contract, raising=False)
        return ["check", "orders.parquet", "--contract", "contract.yaml"]

    return prepare


# ---- tables ------------------------------------------------------------------------------------


def test_a_profile_is_a_table_and_a_next_step(profiled, capsys):
    profiled([report_dicts.numeric(), report_dicts.text(null_count=333)])
    assert run("profile", "my data.parquet") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1,000 rows, 2 columns"
    headings = lines[2].split("  ")
    assert headings[0].strip() == "column"
    assert "also" not in lines[2]  # a column in which there is nothing
    assert lines[4].split() == [
        "price",
        "float64",
        "0",
        "%",
        "≈",
        "988",
        "-14.25",
        "13.5",
        "41",
        "12.5",
    ]
    assert "33.3 %" in lines[5]
    widths = {len(line) for line in lines[2:4]}
    assert len(widths) <= 2
    assert lines[-1].startswith("next: ")
    assert lines[-1].endswith(
        "profile 'my data.parquet' --html profile.html  # the same as a page with charts"
    )


def test_a_hundred_columns_are_a_hundred_lines(profiled, capsys):
    profiled([report_dicts.numeric("n" * (i + 1)) for i in range(100)])
    assert run("profile", "x.parquet") == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.startswith("n") and not line.startswith("next")]
    assert len(rows) == 100
    assert max(len(line) for line in rows) < 160
    assert "…" in rows[-1]


def test_wide_and_combining_characters_keep_the_columns_straight(profiled, capsys):
    profiled([report_dicts.text(name, values=["x"]) for name in ("数量", "ab", "e\u0301te\u0301")])
    assert run("profile", "x.parquet") == 0
    rows = capsys.readouterr().out.splitlines()[4:7]
    assert [row.index("utf8") for row in rows] == [6, 8, 10]


def test_names_and_values_cannot_steer_the_terminal(profiled, capsys):
    profiled([report_dicts.text("a\x1b[2J\nb\u202e", values=["\x07\r"], type="\x1b]0;t")])
    assert run("profile", "x.parquet") == 0
    out = capsys.readouterr().out
    assert not set(out) & {"\x1b", "\x07", "\r", "\u202e"}
    assert "a\\x1b[2J\\nb\\u202e" in out


def test_an_output_that_is_not_utf8_gets_what_it_can_show(profiled, monkeypatch):
    profiled([report_dicts.text("größe", values=["数"])])
    for form in ([], ["--json"]):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
        assert run("profile", "x.parquet", *form) == 0
        assert b"\\u6570" in raw.getvalue()


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def terminal(monkeypatch, width):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", Terminal())
    return sys.stdout


def test_rich_draws_the_table_on_a_terminal(profiled, monkeypatch):
    pytest.importorskip("rich", reason="without it the table is plain text")
    profiled([report_dicts.numeric("[red]x[/red]")])
    out = terminal(monkeypatch, 160)
    assert run("profile", "x.parquet") == 0
    assert "\x1b[1m" in out.getvalue()  # bold headings
    assert "[red]x[/red]" in out.getvalue()  # and no markup in names


@pytest.mark.parametrize("with_rich", [True, False])
@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_table_fits_the_terminal(profiled, monkeypatch, width, with_rich):
    if with_rich:
        pytest.importorskip("rich", reason="without it the table is plain text")
    else:
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    profiled([report_dicts.numeric("n" * 60), report_dicts.text(), report_dicts.timestamp()])
    out = terminal(monkeypatch, width)
    assert run("profile", "x.parquet") == 0
    table = re.sub(r"\x1b\[[\d;]*m", "", out.getvalue()).split("\n\n")[1].splitlines()
    assert max(len(line.rstrip()) for line in table) <= width
    assert len(table) == (4 if with_rich else 5)  # no line is broken
    assert "2026-03-01 23:00Z" in table[-1]  # and no number is cut
    assert ("top" in table[0]) == (width > 100)


def test_groups_are_listed(profiled, capsys):
    groups = [
        {"by": {"region": r}, "rows": n, "columns": []} for r, n in (("eu", 750), ("us", 250))
    ]
    asked = profiled([report_dicts.numeric()], by=["region"], groups=groups)
    assert run("profile", "x.parquet", "--by", "region", "--by", "day") == 0
    assert asked["by"] == ("region", "day")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["eu", "750", "75.0", "%"] in lines


def test_options_reach_the_profile(profiled):
    asked = profiled([])
    words = [
        "--columns",
        "a",
        "--columns",
        "b",
        "--reference",
        "--redact",
        "mail",
        "--clear",
        "city",
        "--no-progress",
    ]
    assert run("profile", "a.parquet", "b.parquet", *words) == 0
    assert asked == {
        "data": ["a.parquet", "b.parquet"],
        "by": (),
        "columns": ["a", "b"],
        "reference": True,
        "redact": {"mail": True, "city": False},
        "progress": False,
    }


@pytest.mark.parametrize("option", ["--columns", "--redact", "--clear"])
def test_an_option_takes_one_column_and_leaves_the_data(profiled, option):
    asked = profiled([])
    assert run("profile", option, "price", "a.parquet") == 0
    assert asked["data"] == "a.parquet"


def test_a_stream_comes_on_standard_input(profiled, monkeypatch):
    asked = profiled([])
    raw = io.BytesIO()
    table = pa.table({"a": [1, 2]})
    with pa.ipc.new_stream(raw, table.schema) as writer:
        writer.write_table(table)
    raw.seek(0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw))
    assert run("profile", "-") == 0
    assert asked["data"].read_all() == table


@pytest.mark.parametrize("words", [["-", "a.parquet"], ["a.inlay", "a.parquet"]])
def test_data_of_two_kinds_is_refused(profiled, words, capsys):
    profiled([])
    assert run("profile", *words) == 1
    assert "a.parquet" in capsys.readouterr().err


def test_what_is_no_stream_is_refused(profiled, monkeypatch, capsys):
    profiled([])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"no stream at all")))
    assert run("profile", "-") == 1
    assert "standard input is no Arrow stream" in capsys.readouterr().err


def test_a_stream_that_is_cut_short_is_told_as_such(monkeypatch, capsys):
    raw = io.BytesIO()
    table = pa.table({"a": list(range(1000))})
    with pa.ipc.new_stream(raw, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    cut = io.BytesIO(raw.getvalue()[:-500])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(cut))
    assert run("profile", "-") == 1
    assert "standard input: the Arrow stream is cut short" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["profile"],
        ["profile", "x", "--json", "--html", "y"],
        ["profile", "x", "--interactive"],
        ["profile", "x", "--title", "y"],
        ["profile", "x.inlay", "--by", "day"],
        ["check", "x"],
        ["check", "-", "--contract", "c", "--failing", "f"],
        ["check", "x", "--contract", "c", "--failing", "./x"],
        ["check", "x", "--contract", "c", "--title", "t"],
        ["suggest"],
    ],
)
def test_a_wrong_call_has_status_two(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(*words)
    assert stopped.value.code == 2
    assert "usage: inlay" in capsys.readouterr().err


# ---- other forms -------------------------------------------------------------------------------


def test_json_is_the_whole_dict(profiled, capsys):
    columns = [report_dicts.numeric(max=float("inf")), report_dicts.text()]
    profiled(columns)
    assert run("profile", "x.parquet", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    columns[0]["max"] = "Infinity"
    assert found == report_dicts.profile(columns)


def test_arrow_goes_to_a_file(profiled, tmp_path, capsys):
    profiled([])
    target = tmp_path / "points.arrows"
    assert run("profile", "x.parquet", "--arrow", target) == 0
    assert pa.ipc.open_stream(target).read_all().column_names == ["metric"]
    assert capsys.readouterr().out == ""


def test_a_page_goes_to_a_file(profiled, tmp_path, capsys):
    pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")
    profiled([report_dicts.numeric()])
    target = tmp_path / "page.html"
    assert run("profile", "x.parquet", "--html", target) == 0
    assert "<title>Profile of x.parquet</title>" in target.read_text(encoding="utf-8")
    assert capsys.readouterr().out == f"wrote {target}; open it in a browser\n"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_place_that_cannot_be_written_is_named(checked, tmp_path, capsys):
    target = tmp_path / "nowhere" / "page.html"
    assert run(*checked(report_dicts.result("a")), "--html", target) == 1
    assert "nowhere" in capsys.readouterr().err


def test_a_file_is_replaced_only_by_a_whole_one(checked, tmp_path, monkeypatch):
    target, link = tmp_path / "page.html", tmp_path / "link.html"
    target.write_text("before")
    link.symlink_to(target)
    words = checked(report_dicts.result("a"))
    assert run(*words, "--html", link) == 0
    assert target.read_text().startswith("<!DOCTYPE html>")
    assert link.is_symlink()

    def fail(*_, **__):
        raise OSError("no space")

    monkeypatch.setattr("pathlib.Path.write_text", fail)
    assert run(*words, "--html", target) == 1
    assert target.read_text().startswith("<!DOCTYPE html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.html", "page.html"]


def test_a_device_is_written_to_and_stays(checked):
    assert run(*checked(report_dicts.result("a")), "--html", "/dev/null") == 0
    assert Path("/dev/null").is_char_device()


# ---- checks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "words", "status"),
    [
        ([True], [], 0),
        ([], [], 0),
        ([True, False], [], 3),
        ([True, None], [], 0),
        ([True, None], ["--strict"], 3),
        ([None, False], [], 3),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_exit_status_tells_what_came_of_it(checked, verdicts, words, status, form):
    results = [report_dicts.result(f"check {i}", v) for i, v in enumerate(verdicts)]
    assert run(*checked(*results), *words, *form) == status


def test_violated_checks_are_printed_first(checked, capsys):
    words = checked(
        report_dicts.result("held"),
        report_dicts.result("broken", False),
        report_dicts.result("unknown", None),
    )
    assert run(*words) == 3
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[2:5]] == ["broken", "unknown", "held"]
    assert lines[2].split("  ")[0] == "✗ violated"
    assert "3: 5, 17, 90" in lines[2]
    assert lines[-2] == "1,000 rows, 3 checks: 1 violated, 1 undefined, 1 held"
    assert lines[-1].startswith("next: ")
    assert "--failing failing.parquet" in lines[-1]


def test_the_page_of_a_check_needs_no_extra(checked, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    target = tmp_path / "checks.html"
    assert run(*checked(report_dicts.result("a", False)), "--html", target, "--title", "Mine") == 3
    assert "<title>Mine</title>" in target.read_text(encoding="utf-8")
    assert "1 check: 1 violated; wrote" in capsys.readouterr().out


def test_facets_go_to_a_file(checked, tmp_path):
    target = tmp_path / "facets.json"
    assert run(*checked(report_dicts.result("a")), "--openlineage", target) == 0
    assert json.loads(target.read_text()) == {"dataQualityMetrics": {"rowCount": 1000}}


def test_failing_rows_are_taken_from_the_data(checked, tmp_path, capsys):
    data, target = tmp_path / "orders.parquet", tmp_path / "failing.parquet"
    table = pa.table({"id": range(300_000), "name": [f"n{i}" for i in range(300_000)]})
    pq.write_table(table, data, row_group_size=70_000)
    rows = [0, 5, 69_999, 70_000, 131_071, 131_072, 299_999]
    result = report_dicts.result("a", False, rows=rows)
    words = checked(result)
    assert run("check", data, *words[2:], "--failing", target) == 3
    assert pq.read_table(target)["id"].to_pylist() == rows
    assert pq.read_table(target).schema == table.schema
    assert "--html checks.html" in capsys.readouterr().out.splitlines()[-1]


def test_what_a_contract_says_and_nobody_understands_is_told(checked, monkeypatch, capsys):
    words = checked(report_dicts.result("a"))
    monkeypatch.setattr(FakeContract, "ignored", (Fault("a quality of another engine", 3),))
    assert run(*words, "--strict") == 0
    assert capsys.readouterr().err == "inlay check: ignored: line 3: a quality of another engine\n"


def test_typing_errors_of_a_contract_fail_when_strict(tmp_path, capsys):
    pq.write_table(pa.table({"id": [1, None]}), tmp_path / "x.parquet")
    text = """\
apiVersion: v3.1.0
kind: DataContract
schema:
- name: orders
  properties:
  - name: id
    requird: true
    qualty: []
"""
    (tmp_path / "c.yaml").write_text(text)
    words = ["check", tmp_path / "x.parquet", "--contract", tmp_path / "c.yaml", "--json"]
    assert run(*words) == 0
    done = capsys.readouterr()
    assert json.loads(done.out)["ignored"] == [
        {
            "message": f"the key {key!r} is not one of the standard; is {meant!r} meant?",
            "line": line,
        }
        for key, meant, line in (("requird", "required", 7), ("qualty", "quality", 8))
    ]
    assert "the contract has no checks" in done.err
    assert run(*words, "--strict") == 3
    (tmp_path / "c.yaml").write_text(text.replace("    qualty: []\n", "    required: false\n"))
    assert run(*words, "--strict") == 3
    held = "    quality: [{metric: nullValues, mustBe: 1}]\n"
    (tmp_path / "c.yaml").write_text(text.replace("    qualty: []\n", held))
    assert run(*words, "--strict") == 3
    (tmp_path / "c.yaml").write_text(
        text.replace("    qualty: []\n", held).replace("    requird: true\n", "")
    )
    assert run(*words, "--strict") == 0
