"""The command `inlay report`: what it prints, writes and returns."""

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
