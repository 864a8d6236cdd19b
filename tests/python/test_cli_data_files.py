"""`inlay profile`, `inlay suggest` and `inlay check` on real files, as a shell runs them."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import inlay

pytest.importorskip("yaml", reason="contracts are YAML")

ROWS = 20_000
RUN = [sys.executable, "-c", "import sys; from inlay.cli import main; sys.exit(main())"]


def call(*words, cwd, status=0, stdin=None):
    """Run a command in a process of its own; returns what it printed, as bytes."""
    done = subprocess.run(
        [*RUN, *map(str, words)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        check=False,
        timeout=240,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert done.returncode == status, (done.stdout.decode(), done.stderr.decode())
    return done


def orders(seed, rows=ROWS):
    draw = np.random.default_rng(seed)
    moments = np.datetime64("2026-03-01", "us") + np.arange(rows).astype("m8[s]")
    return pa.table(
        {
            "id": pa.array(np.arange(rows) + seed * rows),
            "price": pa.array(draw.lognormal(3.0, 1.0, rows)),
            "region": pa.array(np.array(["eu", "us", "apac"])[draw.integers(0, 3, rows)]),
            "mail": pa.array([f"person{i % 5000}@example.org" for i in range(rows)]),
            "at": pa.array(moments, pa.timestamp("us", "UTC")),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("orders")
    for seed in range(2):
        pq.write_table(orders(seed), place / f"orders-{seed}.parquet", row_group_size=7_000)
    bad = orders(2)
    price = bad["price"].to_pylist()
    price[7], price[11_000], price[19_999] = None, -5.0, float("nan")
    bad = bad.set_column(1, "price", pa.array(price))
    pq.write_table(bad, place / "bad.parquet", row_group_size=7_000)
    return place


def test_a_file_is_profiled(folder):
    out = call("profile", "orders-0.parquet", cwd=folder).stdout.decode()
    lines = out.splitlines()
    assert lines[0] == "20,000 rows, 5 columns"
    assert [line.split()[0] for line in lines[4:9]] == ["id", "price", "region", "mail", "at"]
    assert "eu" in lines[6] or "us" in lines[6] or "apac" in lines[6]
    assert "@example.org" not in out  # 5,000 different ones are hidden unless told otherwise
    assert "2026-03-01 05:33:19Z" in lines[8]


def test_json_counts_what_the_files_hold(folder):
    done = call("profile", "orders-*.parquet", "--by", "region", "--json", cwd=folder)
    found = json.loads(done.stdout)
    assert found["rows"] == 2 * ROWS
    tables = [pq.read_table(folder / f"orders-{seed}.parquet") for seed in range(2)]
    prices = np.concatenate([table["price"].to_numpy() for table in tables])
    price = next(column for column in found["columns"] if column["name"] == "price")
    assert (price["min"], price["max"]) == (prices.min(), prices.max())
    assert price["mean"] == pytest.approx(prices.mean(), rel=1e-12)
    sizes = {group["by"]["region"]: group["rows"] for group in found["groups"]}
    regions = np.concatenate([table["region"].to_numpy(zero_copy_only=False) for table in tables])
    assert sizes == {region: int((regions == region).sum()) for region in ("eu", "us", "apac")}


def test_saved_profiles_are_merged(folder, tmp_path):
    for seed in range(2):
        call("profile", folder / f"orders-{seed}.parquet", "--save", f"{seed}.inlay", cwd=tmp_path)
    merged = json.loads(call("profile", "0.inlay", "1.inlay", "--json", cwd=tmp_path).stdout)
    together = json.loads(call("profile", "orders-*.parquet", "--json", cwd=folder).stdout)
    assert merged["rows"] == together["rows"] == 2 * ROWS
    for one, other in zip(merged["columns"], together["columns"], strict=True):
        for key in ("name", "type", "count", "min", "max", "null_count"):
            assert one[key] == other[key]


def test_a_stream_is_profiled(folder):
    sink = pa.BufferOutputStream()
    table = orders(0, rows=100)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    done = call("profile", "-", "--json", cwd=folder, stdin=sink.getvalue().to_pybytes())
    assert json.loads(done.stdout)["rows"] == 100


def test_a_reference_has_its_edges_on_the_page(folder, tmp_path):
    pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")
    words = ["profile", folder / "orders-0.parquet", "--reference", "--html", "page.html"]
    call(*words, "--title", "Orders", cwd=tmp_path)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Edges of the reference" in page
    assert "Categories of the reference" in page
    assert "<script" not in page
    assert len(page.encode()) < 200_000
    # Every number of a chart is in the table behind it.
    # The addresses have none: each occurs four times, and none is frequent.
    assert page.count("<svg") == page.count("Numbers of the chart") == 4


def test_a_page_takes_every_type_that_a_profile_does(tmp_path):
    pytest.importorskip("vl_convert", reason="pages are drawn by vl-convert")
    import datetime
    import decimal

    table = pa.table(
        {
            "nothing": pa.nulls(3),
            "flag": [True, None, False],
            "huge": pa.array([2**64 - 1, 0, None], pa.uint64()),
            "money": pa.array([decimal.Decimal("1.10"), None, decimal.Decimal("2.25")]),
            "day": [datetime.date(2026, 1, 1), None, datetime.date(1600, 1, 1)],
            "clock": [datetime.time(1, 2, 3), None, datetime.time(4)],
            "took": [datetime.timedelta(seconds=5), None, datetime.timedelta(0)],
            "raw": [b"\x00\xff", b"", None],
            "tags": [["a", "b"], [], None],
            "place": [{"city": "x"}, {"city": None}, None],
            "all_nan": [float("nan")] * 3,
            "ends": [float("inf"), float("-inf"), 1.0],
            "one": [4.0, 4.0, 4.0],
            "<script>": ["<script>alert(1)</script>", "\x1b[2J", "数"],
        }
    )
    profile = inlay.Profile.of(table).to_dict()
    page = inlay.report.profile_page(profile)
    assert "<script" not in page
    for column in profile["columns"]:
        assert f">{inlay.report.page.escape(column['name'])}<" in page
        for reason in column["undefined"].values():
            assert inlay.report.page.escape(reason) in page
    empty = inlay.Profile.of(table.slice(0, 0)).to_dict()
    assert "0 rows" in inlay.report.profile_page(empty)
    assert inlay.report.profile_table(empty).count("<tr>") == len(profile["columns"]) + 1
    pq.write_table(table, tmp_path / "types.parquet")
    out = call("profile", "types.parquet", cwd=tmp_path).stdout.decode()
    assert "\x1b" not in out


def test_arrow_is_rows_of_points(folder, tmp_path):
    call("profile", folder / "orders-0.parquet", "--arrow", "points.arrows", cwd=tmp_path)
    points = pa.ipc.open_stream(tmp_path / "points.arrows").read_all()
    assert {"data.profile", "data.column"} <= set(points["metric"].to_pylist())
    assert {"moments", "quantiles", "cardinality"} <= set(points["kind"].to_pylist())


def test_suggested_checks_hold_for_their_data_and_find_what_is_wrong(folder, tmp_path):
    good, bad = folder / "orders-0.parquet", folder / "bad.parquet"
    done = call("suggest", good, "-o", "contract.yaml", "--name", "orders", cwd=tmp_path)
    assert re.match(r"wrote contract.yaml: \d+ checks; read it, change it\n", done.stdout.decode())
    held = call("check", good, "--contract", "contract.yaml", cwd=tmp_path).stdout.decode()
    assert "violated" not in held.splitlines()[-2]

    words = ["check", bad, "--contract", "contract.yaml"]
    found = json.loads(call(*words, "--json", cwd=tmp_path, status=3).stdout)
    assert found["passed"] is False
    assert found["rows"] == ROWS
    broken = {r["name"]: r for r in found["results"] if r["passed"] is False}
    rows = {row for r in broken.values() for row in r["rows"]}
    assert {7, 11_000, 19_999} <= rows

    lines = call(*words, cwd=tmp_path, status=3).stdout.decode().splitlines()
    assert lines[2].startswith("✗ violated")
    assert f"{len(broken)} violated" in lines[-2]

    call(
        *words,
        "--html",
        "checks.html",
        "--failing",
        "failing.parquet",
        "--openlineage",
        "facets.json",
        cwd=tmp_path,
        status=3,
    )
    failing = pq.read_table(tmp_path / "failing.parquet")
    whole = pq.read_table(bad)
    assert failing["id"].to_pylist() == whole["id"].take(found["failing_rows"]).to_pylist()
    page = (tmp_path / "checks.html").read_text(encoding="utf-8")
    assert page.count("✗ violated") == len(broken)
    assert "dataQualityAssertions" in json.loads((tmp_path / "facets.json").read_text())
    call(*words, "--arrow", "points.arrows", cwd=tmp_path, status=3)
    points = pa.ipc.open_stream(tmp_path / "points.arrows").read_all()
    assert set(points["metric"].to_pylist()) == {"data.check"}


def test_a_saved_profile_suggests_the_same(folder, tmp_path):
    data = folder / "orders-0.parquet"
    call("profile", data, "--save", "orders.inlay", cwd=tmp_path)
    told = call("suggest", data, "--name", "orders", cwd=tmp_path).stdout
    saved = call("suggest", "orders.inlay", cwd=tmp_path).stdout
    # Sketches of two runs may differ by their error, so the bounds of the medians do.
    without_numbers = [re.sub(rb"[\d.]+", b"#", text) for text in (saved, told)]
    # That no value repeats only the rows can confirm.
    confirmed = rb"    - description: no value of # repeated\n      metric: .*\n      mustBe.*\n"
    without_numbers[1] = re.sub(confirmed, b"", without_numbers[1])
    assert without_numbers[0] == without_numbers[1]
    assert told.startswith(b"apiVersion:")


def test_a_contract_that_is_there_is_not_replaced(folder, tmp_path):
    (tmp_path / "contract.yaml").write_text("mine")
    words = ["suggest", folder / "orders-0.parquet", "-o", "contract.yaml"]
    done = call(*words, cwd=tmp_path, status=1)
    assert b"--force" in done.stderr
    assert (tmp_path / "contract.yaml").read_text() == "mine"
    call(*words, "--force", cwd=tmp_path)
    assert (tmp_path / "contract.yaml").read_text() != "mine"


@pytest.mark.parametrize("command", ["profile", "check", "suggest"])
def test_what_cannot_be_read_is_named(folder, tmp_path, command):
    (tmp_path / "cut.parquet").write_bytes((folder / "bad.parquet").read_bytes()[:5000])
    (tmp_path / "contract.yaml").write_bytes(
        call("suggest", folder / "bad.parquet", cwd=tmp_path).stdout
    )
    more = ["--contract", "contract.yaml"] if command == "check" else []
    for name in ("cut.parquet", "absent.parquet", "none-*.parquet"):
        done = call(command, name, *more, cwd=tmp_path, status=1)
        assert done.stdout == b""
        assert done.stderr.decode().startswith(f"inlay {command}: ")
        assert name in done.stderr.decode()
        assert "Traceback" not in done.stderr.decode()


def test_all_faults_of_a_contract_are_told_at_once(folder, tmp_path):
    (tmp_path / "contract.yaml").write_text(
        """\
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - name: price
        quality:
          - metric: nullValues
            mustBe: many
          - metric: noSuchMetric
            mustBe: 0
"""
    )
    words = ["check", "orders-0.parquet", "--contract", tmp_path / "contract.yaml"]
    told = call(*words, cwd=folder, status=1).stderr.decode()
    assert "many" in told
    assert "noSuchMetric" in told
    assert "line 1" in told


def test_notebooks_show_tables():
    profile = inlay.Profile.of({"price": [1.0, 2.0], "<b>": ["x", "y"]})
    assert profile._repr_html_() == inlay.report.profile_table(profile.to_dict())
    report = inlay.Contract([inlay.checks.nulls("price")]).check({"price": [1.0, None]})
    assert report._repr_html_() == inlay.report.check_table(report.to_dict())
    assert "✗ violated" in report._repr_html_()
