"""Contracts: compiled for a schema, run over batches and streams, told to observers."""

import copy
import datetime
import json
import math
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import inlay
from inlay import checks
from inlay.data.checks.check import Check

TABLE = pa.table(
    {
        "id": [1, 2, 2, 4],
        "age": [31, None, 212, -1],
        "name": ["ann", "bob", "", "eve"],
    }
)
CONTRACT = inlay.Contract(
    [
        checks.unique("id"),
        checks.nulls("age", at_most=50, unit="percent"),
        checks.in_range("age", 0, 150, severity="warning"),
        checks.matches("name", "^[a-z]+$", description="as the shop writes them"),
        checks.rule("id > 0 and age < 1000"),
        checks.row_count(between=(1, 100), name="enough"),
        checks.mean("age", at_most=1000),
    ],
    name="people",
)


def summary(report: inlay.data.CheckReport) -> list[tuple[str, Any, bool | None, tuple[int, ...]]]:
    return [(r.name, r.value, r.passed, r.rows) for r in report.results]


EXPECTED = [
    ("unique(id)", 1, False, (2,)),
    ("nulls(age)", 25.0, True, (1,)),
    ("in_range(age)", 2, False, (2, 3)),
    ("matches(name)", 1, False, (2,)),
    ("rule(id > 0 and age < 1000)", 0, True, ()),
    ("enough", 4, True, ()),
    ("mean(age)", 242 / 3, True, ()),
]


def test_a_report_says_what_was_found() -> None:
    report = CONTRACT.check(TABLE)
    assert summary(report) == EXPECTED
    assert report.passed is False
    assert report.rows == 4
    assert report.name == "people"
    assert report.failing_rows == [1, 2, 3]  # a null is tolerated, and told
    assert report.failing_rows_total == 3
    assert [r.name for r in report.failed_results] == [
        "unique(id)",
        "in_range(age)",
        "matches(name)",
    ]
    assert report["enough"].bound == "between 1 and 100 rows"
    assert report["in_range(age)"].severity == "warning"
    assert report["matches(name)"].description == "as the shop writes them"
    with pytest.raises(KeyError):
        report["nope"]
    with pytest.raises(TypeError, match=r"ask for report\.passed"):
        bool(report)
    assert repr(report) == (
        "inlay.CheckReport('people', rows=4, checks=7, violated=3, undefined=0)"
    )


def test_a_report_as_a_dictionary_is_json() -> None:
    members = CONTRACT.check(TABLE).to_dict()
    assert json.loads(json.dumps(members, allow_nan=False)) == members
    assert list(members) == [
        "name",
        "rows",
        "passed",
        "failing_rows",
        "failing_rows_total",
        "results",
    ]
    assert members["results"][2] == {
        "name": "in_range(age)",
        "check": "in_range",
        "family": "validity",
        "columns": ["age"],
        "value": 2,
        "unit": "rows",
        "bound": "at most 0 rows",
        "passed": False,
        "reason": None,
        "failed_rows": 2,
        "rows": [2, 3],
        "severity": "warning",
        "description": None,
    }


def test_every_kind_of_data_gives_the_same_report(tmp_path: Path) -> None:
    expected = CONTRACT.check(TABLE).to_dict()
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for part, path in enumerate(paths):
        pq.write_table(TABLE.slice(2 * part, 2), path)
    pieces = [TABLE.slice(i, 1).to_batches()[0] for i in range(4)]
    sources = [
        TABLE.combine_chunks().to_batches()[0],
        TABLE.to_reader(),
        pa.RecordBatchReader.from_batches(TABLE.schema, pieces),
        TABLE.to_pydict(),
        pl.from_arrow(TABLE),
        inlay.Table(TABLE),
        str(tmp_path / "*.parquet"),
        paths,
        tmp_path,
    ]
    for source in sources:
        assert CONTRACT.check(source).to_dict() == expected, type(source)
    frame = pd.DataFrame(TABLE.to_pydict()).astype({"age": "Int64"})
    assert CONTRACT.check(frame).to_dict() == expected


def test_a_stream_without_rows_has_a_report() -> None:
    report = CONTRACT.check(TABLE.slice(0, 0))
    assert summary(report) == [
        ("unique(id)", 0, True, ()),
        ("nulls(age)", None, None, ()),
        ("in_range(age)", 0, True, ()),
        ("matches(name)", 0, True, ()),
        ("rule(id > 0 and age < 1000)", 0, True, ()),
        ("enough", 0, False, ()),
        ("mean(age)", None, None, ()),
    ]
    assert [r.reason for r in report.undefined_results] == [
        "there are no rows",
        "column 'age' has no finite value",
    ]
    batchless = pa.RecordBatchReader.from_batches(TABLE.schema, [])
    assert CONTRACT.check(batchless).to_dict() == report.to_dict()


def test_passed_is_none_if_nothing_is_violated_but_something_undefined() -> None:
    contract = inlay.Contract([checks.mean("a", at_most=1), checks.nulls("a")])
    assert contract.check({"a": pa.array([], pa.float64())}).passed is None
    plain = inlay.Contract([checks.nulls("a"), checks.unique("a")])
    assert plain.check(pa.record_batch({"a": [1, 2]})).passed is True
    assert plain.check(pa.record_batch({"a": [1, 1]})).passed is False


def test_listed_rows_are_capped_and_counted() -> None:
    contract = inlay.Contract([checks.nulls("a"), checks.rule("b < 0")], max_rows=3)
    table = {"a": [None] * 10 + [1] * 10, "b": [-1] * 5 + [1] * 15}
    report = contract.check(table)
    assert [len(r.rows) for r in report.results] == [3, 3]
    assert report.failing_rows == [0, 1, 2]
    assert report.failing_rows_total == 20
    none = inlay.Contract([checks.nulls("a")], max_rows=0).check(table)
    assert (none.failing_rows, none.failing_rows_total) == ([], 10)


def test_split_parts_good_rows_from_bad() -> None:
    good, bad = CONTRACT.split(TABLE)
    assert good == TABLE.slice(0, 1)
    assert bad.combine_chunks() == TABLE.slice(1, 3).combine_chunks()
    batch = TABLE.combine_chunks().to_batches()[0]
    good_batch, bad_batch = CONTRACT.split(batch)
    assert isinstance(good_batch, pa.RecordBatch)
    assert (good_batch.num_rows, bad_batch.num_rows) == (1, 3)
    clean, none = CONTRACT.split(good)
    assert (clean.num_rows, none.num_rows) == (1, 0)
    assert none.schema == TABLE.schema
    assert CONTRACT.check(good).failing_rows_total == 0


def test_all_faults_are_listed_at_once() -> None:
    with pytest.raises(inlay.ContractError) as caught:
        CONTRACT.check({"id": ["x"], "name": [3]})
    assert [str(fault) for fault in caught.value.faults] == [
        "nulls(age): there is no column 'age', only 'id', 'name'",
        "in_range(age): there is no column 'age', only 'id', 'name'",
        "matches(name): column 'name' is int64, which has no matches",
        "rule(id > 0 and age < 1000): there is no column 'age', only 'id', 'name'",
        "mean(age): there is no column 'age', only 'id', 'name'",
    ]
    assert isinstance(caught.value, inlay.InvalidArgumentError)


@pytest.mark.parametrize(
    ("column", "check", "message"),
    [
        (pa.array([[1]]), checks.nulls("a[]"), "items of lists, which are no rows"),
        (pa.array([[1]]), checks.unique("a"), "is list, which has no unique"),
        (pa.array(["x"]), checks.mean("a", at_most=1), "is utf8, which has no mean"),
        (pa.array([True]), checks.in_range("a", 0, 1), "is bool, which has no in_range"),
        (pa.array([1]), checks.fresh("a", at_most=1), "is int64, which has no fresh"),
        (pa.array([1]), checks.in_range("a", "x"), "'x' is no value of column 'a', int64"),
        (
            pa.array([datetime.datetime(2024, 1, 1)]),
            checks.in_range("a", "2024-01-01T00:00Z"),
            "the column has no time zone, write '2024-01-01T00:00:00'",
        ),
        (
            pa.array([], pa.timestamp("us", "UTC")),
            checks.in_range("a", "2024-02-01"),
            r"'2024-02-01' is no .* no time zone, write '2024-02-01T00:00:00\+00:00' if UTC",
        ),
        (
            pa.array([], pa.timestamp("us", "UTC")),
            checks.in_range("a", datetime.datetime(2024, 2, 1)),
            "one has a time zone and the other has none",
        ),
        (
            pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
            checks.nulls("a"),
            "a type that is not supported: month_day_nano_interval",
        ),
    ],
)
def test_a_check_of_another_type_is_a_fault(column: Any, check: Check, message: str) -> None:
    with pytest.raises(inlay.ContractError, match=message):
        inlay.Contract([check]).check(pa.table({"a": column}))


def test_run_end_encoded_columns_are_decoded() -> None:
    encoded = pa.RunEndEncodedArray.from_arrays([2, 3], ["x", None])
    batch = pa.record_batch({"a": encoded})
    report = inlay.Contract([checks.nulls("a"), checks.in_set("a", ["y"])]).check(batch)
    assert [r.rows for r in report.results] == [(2,), (0, 1)]


def test_columns_of_one_name_are_told_apart() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([1, None]), pa.array([None, None])], ["a", "a"])
    batch = batch.cast(pa.schema([("a", pa.int64()), ("a", pa.int8())]))
    report = inlay.Contract([checks.nulls("a"), checks.nulls("a#2")]).check(batch)
    assert [r.value for r in report.results] == [1, 2]


def test_names_are_made_unique_and_may_not_be_given_twice() -> None:
    contract = inlay.Contract([checks.nulls("a"), checks.nulls("a"), checks.nulls("a", at_most=1)])
    assert contract.names == ("nulls(a)", "nulls(a)#2", "nulls(a)#3")
    with pytest.raises(inlay.ContractError, match="two checks have the same name: 'x'"):
        inlay.Contract([checks.nulls("a", name="x"), checks.nulls("b", name="x")])


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ([["nulls"]], {}, TypeError, "made of checks, .* got 'nulls'"),
        ([[]], {"name": ""}, ValueError, "name is a text"),
        ([[]], {"max_rows": -1}, ValueError, "max_rows is a whole number from 0, got -1"),
        ([[]], {"max_keys": 1.5}, ValueError, "max_keys is a whole number"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: Any, options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        inlay.Contract(*arguments, **options)


def test_a_contract_is_a_value() -> None:
    again = inlay.Contract(CONTRACT.checks, name="people")
    assert again == CONTRACT
    assert again != inlay.Contract(CONTRACT.checks, name="others")
    assert len(CONTRACT) == 7
    assert repr(CONTRACT) == "inlay.Contract('people', checks=7)"
    assert copy.copy(CONTRACT.checks[0]) == checks.unique("id")
    assert repr(CONTRACT.checks[0]) == "<check unique(id): at most 0 rows>"


def test_schema_check_names_the_changes() -> None:
    expected = inlay.Schema.of(TABLE)
    new = TABLE.set_column(0, "id", TABLE["id"].cast(pa.float64())).append_column("x", TABLE["id"])
    contract = inlay.Contract([checks.schema(expected)])
    (result,) = contract.check(new).results
    assert (result.value, result.passed) == (1, False)
    assert result.reason == "id: type changed from int64 to float64 (breaking)"
    assert contract.check(TABLE).passed is True
    strict = inlay.Contract([checks.schema(expected, allow="nothing")])
    assert strict.check(new).results[0].value == 2
    with pytest.raises(inlay.InvalidArgumentError, match="allow must be"):
        checks.schema(expected, allow="everything")


def test_what_the_data_lacks_is_the_schema_checks_violation() -> None:
    contract = inlay.Contract(CONTRACT.checks, schema=TABLE, name="people")
    assert contract.check(TABLE).results[0].passed is True
    report = contract.check(TABLE.drop_columns(["age"]).set_column(1, "name", [[1, 2, 3, 4]]))
    assert [(r.name, r.passed) for r in report.results] == [
        ("schema", False),
        ("unique(id)", False),
        ("nulls(age)", None),
        ("in_range(age)", None),
        ("matches(name)", None),
        ("rule(id > 0 and age < 1000)", None),
        ("enough", True),
        ("mean(age)", None),
    ]
    assert report["nulls(age)"].reason == "the data has no column 'age'"
    assert report["matches(name)"].reason == "column 'name' is int64, which has no matches"


def test_checks_are_held_against_the_agreed_schema_at_once() -> None:
    with pytest.raises(inlay.ContractError) as caught:
        inlay.Contract([checks.nulls("x"), checks.mean("name", at_most=1)], schema=TABLE)
    assert [str(fault) for fault in caught.value.faults] == [
        "nulls(x): the schema has no column 'x'",
        "mean(name): column 'name' is utf8, which has no mean",
    ]


def test_column_types() -> None:
    contract = inlay.Contract(
        [checks.column_types({"id": "integer", "age": "number", "name": "", "x": "string"})]
    )
    (result,) = contract.check(TABLE).results
    assert (result.value, result.reason) == (1, "there is no column 'x'")
    wrong = inlay.Contract([checks.column_types({"name": "integer"})]).check(TABLE).results[0]
    assert wrong.reason == "column 'name' is utf8, no integer"
    with pytest.raises(inlay.InvalidArgumentError, match="'int' of column 'id' is no logical type"):
        checks.column_types({"id": "int"})


def test_points_and_verdicts_of_a_report() -> None:
    report = CONTRACT.check(TABLE.slice(0, 0), now=1_700_000_000.0)
    points = report.to_arrow().to_pylist()
    assert [row["value"] for row in points] == [0, None, 0, 0, 0, 0, None]
    assert [row["status"] for row in points].count("undefined") == 2
    assert {(r["metric"], r["layer"], r["kind"]) for r in points} == {
        ("data.check", "data", "gauge")
    }
    assert json.loads(points[0]["attrs"]) == {
        "check": "unique(id)",
        "column": "id",
        "dataset": "people",
    }
    verdicts = report.verdicts().to_pylist()
    assert [row["verdict"] for row in verdicts] == [
        "no",
        "undefined",
        "no",
        "no",
        "no",
        "yes",
        "undefined",
    ]
    assert verdicts[1]["reason"] == "there are no rows"
    assert verdicts[0]["method"] == "check.unique"
    assert (verdicts[0]["judge"], verdicts[0]["n"], verdicts[0]["threshold"]) == (
        "inlay.checks",
        0,
        0.0,
    )
    assert verdicts[5]["part_values"] == [1.0, 100.0]
    assert [row["series_id"] for row in points] == [row["series_id"] for row in verdicts]
    assert {row["time"].timestamp() for row in points} == {1_700_000_000.0}


def test_an_observer_gets_gauges_and_verdicts() -> None:
    observer = inlay.Observer(window=1000, resource={"service.name": "shop"})
    report = CONTRACT.watch(observer).check(TABLE)
    assert CONTRACT.check(TABLE, observer=observer).to_dict() == report.to_dict()
    CONTRACT.check(TABLE)  # the contract itself tells nobody
    batch = observer.collect()
    points = [r for r in batch.points.to_pylist() if r["metric"] == "data.check"]
    found = {json.loads(r["attrs"])["check"]: r["value"] for r in points}
    assert found == {name: value for name, value, _, _ in EXPECTED}
    verdicts = batch.verdicts.to_pylist()
    assert len(verdicts) == 2 * len(EXPECTED)
    words = {True: "no", False: "yes", None: "undefined"}
    assert [r["verdict"] for r in verdicts[:7]] == [words[passed] for _, _, passed, _ in EXPECTED]
    assert {r["series_id"] for r in verdicts} == {r["series_id"] for r in points}
    observer.stop()


def test_threads_share_a_contract() -> None:
    batches = [
        pa.record_batch({"a": np.arange(1000) % (990 + i), "b": np.linspace(0, i, 1000)})
        for i in range(8)
    ]
    contract = inlay.Contract(
        [checks.unique("a"), checks.in_range("b", 0, 5), checks.rule("a < b or a > 1")]
    )
    expected = [contract.check(batch).to_dict() for batch in batches]
    fresh = inlay.Contract(contract.checks)
    found: list[list[Any]] = [[] for _ in range(4)]
    start = threading.Barrier(4)

    def work(mine: list[Any]) -> None:
        start.wait()
        mine += [fresh.check(batch).to_dict() for batch in batches]

    threads = [threading.Thread(target=work, args=(mine,)) for mine in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_a_contract_serves_batches_of_several_schemas() -> None:
    contract = inlay.Contract([checks.in_range("a", 0, 5)])
    types = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32()]
    types += [pa.uint64(), pa.float32(), pa.float64(), pa.decimal128(5, 1)]
    for arrow_type in types * 2:
        batch = pa.record_batch({"a": pa.array([1, 5, 6], pa.int8()).cast(arrow_type)})
        assert contract.check(batch).failing_rows == [2]


def test_broken_files_are_named_and_nothing_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "cut.parquet"
    pq.write_table(TABLE, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(inlay.InlayError, match=r"cut\.parquet"):
        CONTRACT.check(path)
    with pytest.raises(inlay.InlayError, match=r"missing\.parquet"):
        CONTRACT.check(tmp_path / "missing.parquet")
    with pytest.raises(TypeError):
        CONTRACT.check(3)


def test_an_undefined_check_shows_in_gauge_and_verdict() -> None:
    observer = inlay.Observer(window=1000)
    contract = inlay.Contract([checks.mean("price", at_most=100)]).watch(observer)
    table = pa.table({"price": [30.0, 36.0]})
    found = []
    for data in (table.slice(0, 0), table, table.slice(0, 0), table):
        contract.check(data)
        batch = observer.collect()
        (point,) = [r for r in batch.points.to_pylist() if r["metric"] == "data.check"]
        (verdict,) = batch.verdicts.to_pylist()
        found.append((point["status"], point["value"], point["nan_count"], verdict["verdict"]))
    observer.stop()
    assert found == [
        ("undefined", None, None, "undefined"),
        ("ok", 33.0, None, "no"),
        ("undefined", None, None, "undefined"),
        ("ok", 33.0, None, "no"),
    ]


@pytest.mark.parametrize(
    ("check", "column", "message"),
    [
        (checks.unique("a"), pa.array([1, 2, 3, 4, 1]), r"unique\(a\): there are more than 2 keys"),
        (checks.rule("a + a > 0"), pa.array([2**62] * 2), r"rule\(a \+ a > 0\): overflow"),
    ],
)
def test_split_warns_of_what_it_could_not_judge(
    check: Check, column: pa.Array, message: str
) -> None:
    table = pa.table({"a": column})
    contract = inlay.Contract([check, checks.mean("a", at_most=9)], max_keys=2)
    with pytest.warns(inlay.InlayWarning, match=message) as caught:
        good, bad = contract.split(table)
    assert good.num_rows + bad.num_rows == table.num_rows
    assert len(caught) == 1
    assert "mean" not in str(caught[0].message)  # judges no single row
    contract.split(table.slice(0, 0))  # of no rows all are judged


HALF_IMPORTED = """
import importlib.abc, sys, threading
import inlay
from inlay import checks

contract = inlay.Contract([checks.nulls("a")])
halfway, ended = threading.Event(), threading.Event()

class Gate(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "pyarrow.lib":
            halfway.set()
            ended.wait(0.5)  # a check that does not wait for the import is over by then

sys.meta_path.insert(0, Gate())
assert "pyarrow" not in sys.modules
other = threading.Thread(target=lambda: __import__("pyarrow"))
other.start()
halfway.wait()
try:
    print(contract.check({"a": [None]}).results[0].value)
finally:
    ended.set()
    other.join()
"""


def test_a_check_waits_while_another_thread_imports_pyarrow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HALF_IMPORTED], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_the_present_is_seconds_or_a_time_with_a_zone() -> None:
    new = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    contract = inlay.Contract([checks.fresh("t", at_most=60)])
    now = new + datetime.timedelta(seconds=90)
    for present in (now, now.timestamp()):
        assert contract.check({"t": [new]}, now=present).results[0].value == 90
    for wrong in (now.replace(tzinfo=None), "now", math.nan, True):
        with pytest.raises(TypeError, match="now is a finite number"):
            contract.check({"t": [new]}, now=wrong)  # type: ignore[arg-type]


def test_a_contract_of_one_check_that_is_no_list_is_refused() -> None:
    with pytest.raises(TypeError, match="takes an iterable of checks"):
        inlay.Contract(checks.nulls("a"))  # type: ignore[arg-type]


def test_a_name_given_twice_is_one_fault() -> None:
    with pytest.raises(inlay.ContractError, match="has 1 fault:"):
        inlay.Contract([checks.nulls("a", name="x"), checks.nulls("b", name="x")])
