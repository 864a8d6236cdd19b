"""The command `inlay compare`: what it prints, writes and returns."""

import io
import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_compare_sides import DAY, table, watch_rows, write_points

import inlay
from inlay import cli

N = 4_000


def run(*words):
    return cli.main([str(word) for word in words])


@pytest.fixture
def files(tmp_path):
    """Write two files of which one column drifts; returns their paths."""
    rng = np.random.default_rng(1)
    paths = []
    for name, shift in (("before", 0.0), ("after", 1.0)):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(
            pa.table(
                {
                    "price": rng.normal(shift, size=N),
                    "calm": rng.normal(size=N),
                    "region": rng.choice(["eu", "us"], N),
                }
            ),
            path,
        )
        paths.append(path)
    return paths


def test_it_tells_what_drifted_and_exits_with_three(files, capsys):
    assert run("compare", *files) == 3
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert lines[0].split()[:3] == ["verdict", "column", "effect"]
    assert lines[2].startswith("✗ drift")
    assert "price" in lines[2]
    assert "price: mean " in said
    assert f"3 columns: 1 drifted, 2 did not; {N:,} rows against {N:,} of the reference" in said
    assert "--html drift.html" in lines[-1]


def test_nothing_that_drifted_exits_with_zero(files, capsys):
    assert run("compare", files[0], files[0]) == 0
    assert "✓ no drift" in capsys.readouterr().out


def test_a_threshold_above_the_effect_finds_nothing(files, capsys):
    assert run("compare", *files, "--threshold", "0.9") == 0
    assert run("compare", *files, "--columns", "calm") == 0
    assert "price" not in capsys.readouterr().out.splitlines()[-3]


def test_the_forms_agree(files, tmp_path, capsys, monkeypatch):
    pytest.importorskip("vl_convert")
    assert run("compare", *files, "--json") == 3
    said = json.loads(capsys.readouterr().out)
    assert said["drifted"] == ["price"]
    assert run("compare", *files, "--arrow", tmp_path / "verdicts.arrows") == 3
    with pa.ipc.open_stream(tmp_path / "verdicts.arrows") as reader:
        rows = reader.read_all().to_pylist()
    drifted = [row["attrs"] for row in rows if row["verdict"] == "yes"]
    assert drifted == ['{"column":"price"}']
    assert run("compare", *files, "--html", tmp_path / "page.html", "--title", "May") == 3
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<h1>May</h1>" in page
    assert "<svg" in page
    assert "1 drifted" in capsys.readouterr().out


def test_what_cannot_be_judged_is_no_success(files, tmp_path, capsys):
    empty = tmp_path / "empty.csv"
    empty.write_text("price,calm,region\n")
    assert run("compare", files[0], empty) == 1
    said = capsys.readouterr()
    assert "no column could be judged" in said.err
    assert "the current data has no rows" in said.out
    pq.write_table(pa.table({"other": [1.0, 2.0]}), tmp_path / "other.parquet")
    assert run("compare", files[0], tmp_path / "other.parquet", "--json") == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "undefined"


def test_the_next_command_compares_the_same(files, capsys):
    options = ("--columns", "price", "--by", "region", "--level", "0.01", "--exact")
    assert run("compare", *files, *options) == 3
    last = capsys.readouterr().out.splitlines()[-1]
    for words in ("--columns price", "--by region", "--level 0.01", "--exact", "--html drift.html"):
        assert words in last


def test_groups_have_a_table_of_their_own(files, capsys):
    assert run("compare", *files, "--by", "region") == 3
    said = capsys.readouterr().out
    assert "region = eu" in said
    assert "region = us" in said


def test_a_saved_reference_and_standard_input(files, tmp_path, capsys, monkeypatch):
    inlay.Profile.of(files[0], reference=True).save(tmp_path / "reference.inlay")
    assert run("compare", tmp_path / "reference.inlay", files[1]) == 3
    buffer = io.BytesIO()
    rows = pq.read_table(files[1])
    with pa.ipc.new_stream(buffer, rows.schema) as writer:
        writer.write_table(rows)
    buffer.seek(0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(buffer))
    assert run("compare", tmp_path / "reference.inlay", "-", "--json") == 3
    said = capsys.readouterr().out
    assert json.loads(said[said.index("{\n") :])["current"]["rows"] == N


def test_times_choose_the_points_of_a_directory(tmp_path, capsys):
    reference = inlay.Profile.of(table(1), reference=True)
    reference.save(tmp_path / "reference.inlay")
    telemetry = tmp_path / "telemetry"
    write_points(
        telemetry,
        [
            watch_rows(reference, table(11), DAY),
            watch_rows(reference, table(12, 0.5), DAY.replace(hour=5)),
        ],
    )
    words = ("compare", tmp_path / "reference.inlay", telemetry)
    assert run(*words, "--to", "2026-05-01T02:00") == 0
    assert run(*words, "--from", "2026-05-01T02:00") == 3
    assert run(*words, "--watch", "features") == 3
    both = ("compare", telemetry, telemetry, "--reference-to", "2026-05-01T02:00")
    capsys.readouterr()
    assert run(*both, "--from", "2026-05-01T02:00") == 3
    last = capsys.readouterr().out.splitlines()[-1]
    assert "--from 2026-05-01T02:00:00+00:00 --reference-to 2026-05-01T02:00:00+00:00" in last
    assert run(*words, "--watch", "others") == 1
    assert "others" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--title", "May"], "--html"),
        (["--from", "2026-05-01"], "directory of points"),
        (["--reference-to", "2026-05-01"], "directory of points"),
        (["--from", "yesterday"], "must be a time such as 2026-05-01 or 2026-05-01T02:30, got"),
        (["--watch", "images"], "directory of points"),
        (["--threshold", "much"], "between 0 and 1, got 'much'"),
        (["--level", "7"], "between 0 and 1, got '7'"),
        (["--json", "--html", "x.html"], "not allowed"),
    ],
)
def test_wrong_calls_exit_with_two(files, capsys, words, said):
    with pytest.raises(SystemExit) as stopped:
        run("compare", *files, *words)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_failures_exit_with_one_and_name_what_failed(files, tmp_path, capsys):
    assert run("compare", files[0], tmp_path / "nowhere.parquet") == 1
    assert "nowhere.parquet" in capsys.readouterr().err
    assert run("compare", *files, "--html", tmp_path / "nowhere" / "drift.html") == 1
    assert f"'{tmp_path}/nowhere/drift.html'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("compare", "-", files[0])
