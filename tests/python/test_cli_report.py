"""The command `inlay report`: what it prints, writes and returns."""

import datetime
import json

import model_points as points
import pytest

from inlay import cli


def run(*words):
    return cli.main([str(word) for word in words])


@pytest.fixture
def tables(tmp_path):
    return points.write(tmp_path / "tables", *points.everything())


def test_it_writes_pages_and_names_the_segment_that_got_worse(tables, tmp_path, capsys):
    pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")
    out = tmp_path / "a" / "pages"
    assert run("report", tables, "-o", out, "--title", "Clicks") == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "index.html",
        "models.html",
        "verdicts.html",
    ]
    assert "<h1>Clicks</h1>" in (out / "index.html").read_text()
    said = capsys.readouterr().out
    assert "click: accuracy 0.9 → 0.8" in said
    assert "region=eu brings 100.0 % of it" in said
    assert "✗ worse" in said
    assert "verdicts: 2 newest verdicts, 1 of them yes" in said
    assert f"open {out / 'index.html'} in a browser" in said


def test_json_says_the_same_and_writes_nothing(tables, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    split = "2026-01-01T00:03"
    assert run("report", tables, "--json", "--split", split, "--from", "2026-01-01") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["split"] == "2026-01-01T00:03:00+00:00"
    assert [each["name"] for each in said["quality"]] == ["ad", "click"]
    assert not (tmp_path / "report").exists()


def test_the_command_it_ends_with_is_the_one_that_was_given(tables, tmp_path, capsys):
    pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")
    assert run("report", tables, "-o", tmp_path / "out", "--to", "2026-01-01T00:08") == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert f"report {tables} --to 2026-01-01T00:08:00+00:00 --json" in last


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--split", "noon"), "argument --split: must be a time"),
        (("--json", "--title", "x"), "--title is for pages"),
        (("--from", "2026-05-02", "--to", "2026-05-01"), "--from must be before --to"),
        (("--from", "2026-05-02", "--split", "2026-05-02"), "--from must be before --split"),
    ],
)
def test_wrong_options_are_refused(tables, capsys, words, message):
    with pytest.raises(SystemExit) as ended:
        run("report", tables, *words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_directory_without_tables_is_told(tmp_path, capsys):
    assert run("report", tmp_path) == 1
    assert "no directory of tables that inlay wrote" in capsys.readouterr().err


def test_a_time_without_rows_is_told_with_the_time_of_what_there_is(tables, tmp_path, capsys):
    pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")
    out = tmp_path / "out"
    assert run("report", tables, "-o", out, "--from", "2026-12-01") == 0
    holds = "the tables hold 2026-01-01 00:00Z to 2026-01-01 00:10Z"
    told = f"nothing to tell of lies from 2026-12-01 00:00Z: {holds}"
    assert told in capsys.readouterr().err
    assert told in (out / "index.html").read_text()
    assert run("report", tables, "--to", "2025-01-01", "--json") == 0
    captured = capsys.readouterr()
    assert f"to 2025-01-01 00:00Z: {holds}" in captured.err
    assert json.loads(captured.out)["holds"][0] == "2026-01-01T00:00:00+00:00"
    assert run("report", tables, "-o", out) == 0
    assert "nothing to tell of" not in capsys.readouterr().err


def test_pages_of_an_earlier_report_go_and_other_files_stay(tables, tmp_path):
    pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")
    out = tmp_path / "out"
    assert run("report", tables, "-o", out) == 0
    page = (out / "verdicts.html").read_text()
    for name in ("infra.html", "drift-2.html", "mine.html"):
        (out / name).write_text(page)
    (out / "training.html").write_text("<p>of someone else</p>")
    assert run("report", tables, "-o", out) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "index.html",
        "mine.html",
        "models.html",
        "training.html",
        "verdicts.html",
    ]


def test_a_split_before_everything_tells_the_figures_of_all(tables):
    from inlay.report import stored_report
    from inlay.report.qualities import headline

    report = stored_report(tables, split=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
    (click,) = (each for each in report["quality"] if each["name"] == "click")
    accuracy = click["metrics"][0]
    assert accuracy["points"][-1]["value"] != accuracy["later"]["value"]
    assert f"accuracy {accuracy['later']['value']:.3g} (" in headline(click)
