"""The commands `inlay query` and `inlay compact`."""

import csv
import io
import json
import subprocess
import sys
import time

import batches
import pyarrow as pa
import pytest

from inlay import cli
from inlay.sinks.files import Files

pytest.importorskip("duckdb", reason="inlay query needs DuckDB")


@pytest.fixture
def directory(tmp_path):
    root = tmp_path / "telemetry"
    sink = Files(root)
    sink.open({}, batches.ORIGIN)
    for seq in range(3):
        sink.write(batches.batch(seq))
    sink.close(time.monotonic() - 1.0)  # sealed, not converted
    return root


def run(*words: object) -> int:
    return cli.main([str(word) for word in words])


def test_rows_are_printed_as_aligned_text(directory, capsys):
    assert run("query", "select attrs, sum(value) as s from points group by all", directory) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["attrs", "s"]
    assert sorted(lines[2:4]) == ['{"route":"/0"}  3000', '{"route":"/1"}  3003']
    assert lines[4] == "(2 rows)"


def test_columns_of_one_name_are_all_printed(directory, capsys):
    assert run("query", "select 1 as a, 'x' as a", directory) == 0
    assert capsys.readouterr().out.splitlines()[2].split() == ["1", "x"]


def test_json_has_one_object_a_row(directory, capsys):
    sql = (
        "select time, value, 'nan'::double as nan, [1, null] as list, 'a'::blob as blob"
        " from points where series_id = 0 order by time limit 1"
    )
    assert run("query", sql, directory, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "time": "2026-03-01T12:00:10+00:00",
        "value": 0.0,
        "nan": "NaN",
        "list": [1, None],
        "blob": "61",
    }


def test_csv_has_a_header(directory, capsys):
    assert (
        run("query", "select window_seq, [1] as l from points order by 1", directory, "--csv") == 0
    )
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[0] == ["window_seq", "l"]
    assert rows[1] == ["0", "[1]"]
    assert len(rows) == 7


def test_arrow_goes_to_a_file(directory, tmp_path, capsys):
    target = tmp_path / "out.arrows"
    assert run("query", "select value from points", directory, "--arrow", target) == 0
    assert pa.ipc.open_stream(target).read_all().num_rows == 6
    assert capsys.readouterr().out == ""


def test_the_directory_is_the_current_one_unless_named(directory, capsys, monkeypatch):
    monkeypatch.chdir(directory)
    assert run("query", "select count(*) as n from points", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"n": 6}


def test_the_statement_may_come_from_standard_input(directory, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("select 7 as n"))
    assert run("query", "-", directory, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"n": 7}


def test_what_is_left_out_is_said_on_standard_error(directory, capsys):
    (directory / "inlay.json").write_text('{"format": 99}')
    assert run("query", "select count(*) as n from points", directory, "--json") == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"n": 6}
    assert "newer version (format 99" in shown.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("query", "select nope from points"), "nope"),
        (("query", "select 1", "/no/such/place"), "/no/such/place"),
        (("compact", "/no/such/place"), "/no/such/place"),
    ],
)
def test_an_error_is_one_line_and_status_1(directory, capsys, monkeypatch, words, said):
    monkeypatch.chdir(directory)
    assert run(*words) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"inlay {words[0]}: ")
    assert said in err
    assert "Traceback" not in err


def test_compact_says_what_it_did(directory, capsys):
    assert run("compact", directory, "--grace", "0s", "--retention", "99999d") == 0
    assert "1 dead writers: 1 streams converted" in capsys.readouterr().out
    assert not list(directory.rglob("*.arrows"))
    with pytest.raises(SystemExit):
        run("compact", directory, "--grace", "soon")
    assert "'soon'" in capsys.readouterr().err


def test_help_version_and_wrong_calls(capsys):
    for words in (["--help"], ["query", "--help"], ["compact", "--help"]):
        with pytest.raises(SystemExit) as stopped:
            run(*words)
        assert stopped.value.code == 0
    assert "eh_quantile" in capsys.readouterr().out
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("inlay 0.")
    assert run() == 2
    with pytest.raises(SystemExit) as stopped:
        run("nonsense")
    assert stopped.value.code == 2


def test_every_command_loads_and_is_listed(capsys):
    for name, (_, summary) in cli.COMMANDS.items():
        with pytest.raises(SystemExit) as stopped:
            run(name, "--help")
        assert stopped.value.code == 0
        assert capsys.readouterr().out.startswith(f"usage: inlay {name}")
        assert summary
    run()
    listed = capsys.readouterr().out
    assert all(name in listed for name in cli.COMMANDS)


def test_a_reader_that_leaves_early_is_no_error(directory):
    code = "import sys; from inlay.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["query", "select * from range(200000)", str(directory), "--csv"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 1
