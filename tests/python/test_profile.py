"""A profile of every type of column; checked against numpy, pandas, polars and pyarrow."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import itertools
import json
import math
import threading
import zoneinfo
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay import InvalidArgumentError, Profile

N = 5_000


def make_table(rows: int = N, seed: int = 3) -> pa.Table:
    random = np.random.default_rng(seed)
    hole = random.random(rows) < 0.1
    floats = random.lognormal(0, 2, rows)
    floats[:7] = [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -1.5]
    words = np.array(["alpha", "beta", "gamma", "", "ünïcode"])
    whole = random.integers(-(10**9), 10**9, rows)
    seconds = np.sort(random.integers(0, 10**7, rows))
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    return pa.table(
        {
            "float64": pa.array(floats, mask=hole),
            "float32": pa.array(floats.astype(np.float32)),
            "float16": pa.array(random.normal(size=rows).astype(np.float16)),
            "int64": pa.array(random.integers(-(2**62), 2**62, rows)),
            "uint64": pa.array(random.integers(0, 2**64, rows, dtype=np.uint64)),
            "int8": pa.array(random.integers(-128, 128, rows, dtype=np.int8), mask=hole),
            "bool": pa.array(random.random(rows) < 0.3, mask=hole),
            "decimal": pa.array(
                [decimal.Decimal(n).scaleb(-3) for n in whole.tolist()],
                pa.decimal128(20, 3),
            ),
            "date": pa.array(random.integers(0, 20_000, rows).astype(np.int32)).cast(pa.date32()),
            "time": pa.array(random.integers(0, 86_400, rows).astype(np.int32)).cast(
                pa.time32("s")
            ),
            "timestamp": pa.array(
                [start + dt.timedelta(seconds=s) for s in seconds.tolist()],
                pa.timestamp("us", "Europe/Berlin"),
            ),
            "duration": pa.array(random.integers(0, 10**6, rows)).cast(pa.duration("ms")),
            "text": pa.array(random.choice(words, rows), mask=hole),
            "coded": pa.array(random.choice(words, rows)).dictionary_encode(),
            "binary": pa.array([bytes([int(n)]) for n in random.integers(0, 256, rows)]),
            "list": pa.array([list(range(int(n))) for n in random.integers(0, 5, rows)]),
            "struct": pa.array([{"x": int(n)} for n in random.integers(0, 9, rows)]),
            "null": pa.nulls(rows),
        }
    )  # fmt: skip


TABLE = make_table()


@pytest.fixture(scope="module")
def profile() -> Profile:
    return Profile.of(TABLE)


def finite(name: str) -> np.ndarray:
    values = TABLE[name].drop_null().to_numpy()
    return values[np.isfinite(values.astype(np.float64))]


# ---- every type ------------------------------------------------------------------------------
def test_columns_are_the_leaves_in_order(profile: Profile) -> None:
    assert profile.rows == N
    names = [name for name in TABLE.column_names if name not in ("list", "struct")]
    assert [path for path in profile if path in names] == names
    assert {"list", "list[]", "struct.x"} <= set(profile.columns)
    assert len(profile) == len(profile.columns) == len(names) + 3
    assert "float64" in profile
    assert "struct" not in profile
    with pytest.raises(KeyError, match="nope"):
        profile["nope"]


@pytest.mark.parametrize("name", [n for n in TABLE.column_names if n not in ("list", "struct")])
def test_counts_of_every_type(profile: Profile, name: str) -> None:
    column = profile[name]
    assert column.rows == N
    assert column.null_count == TABLE[name].null_count
    if pa.types.is_floating(TABLE.schema.field(name).type):
        values = TABLE[name].drop_null().to_numpy()
        assert column.nan_count == np.isnan(values).sum()
        assert column.pos_inf_count == np.isposinf(values).sum()
        assert column.neg_inf_count == np.isneginf(values).sum()
        assert column.zero_count == (values == 0).sum()
    else:
        assert column.count == N - TABLE[name].null_count


@pytest.mark.parametrize("name", ["float64", "float32", "float16", "int8"])
def test_numbers_are_numpys(profile: Profile, name: str) -> None:
    column, values = profile[name], finite(name).astype(np.float64)
    assert (column.min, column.max) == (values.min(), values.max())
    assert column.mean == pytest.approx(values.mean(), rel=1e-12)
    assert column.std == pytest.approx(values.std(ddof=1), rel=1e-9)
    assert column.sum == pytest.approx(values.sum(), rel=1e-12)
    ordered = np.sort(values)
    error = column.sketch.normalized_rank_error()
    for q in (0.01, 0.25, 0.5, 0.9):
        low = np.searchsorted(ordered, column.quantile(q), "left") / len(values)
        high = np.searchsorted(ordered, column.quantile(q), "right") / len(values)
        assert low - error <= q <= high + error


def test_numbers_are_pandas(profile: Profile) -> None:
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(finite("float64"))
    column = profile["float64"]
    assert column.skewness == pytest.approx(float(series.skew()), rel=1e-2)  # which is unbiased
    assert column.kurtosis == pytest.approx(float(series.kurt()), rel=1e-2)


def test_integers_are_exact(profile: Profile) -> None:
    for name in ("int64", "uint64", "int8"):
        values = [v for v in TABLE[name].to_pylist() if v is not None]
        column = profile[name]
        assert (column.min, column.max, column.sum) == (min(values), max(values), sum(values))
    edge = Profile.of({"x": pa.array([2**64 - 1, 2**53 + 1, 0], pa.uint64())})["x"]
    assert (edge.min, edge.max, edge.sum) == (0, 2**64 - 1, 2**64 + 2**53)


def test_decimals_are_exact(profile: Profile) -> None:
    values = TABLE["decimal"].to_pylist()
    column = profile["decimal"]
    assert (column.min, column.max, column.sum) == (min(values), max(values), sum(values))
    assert column.type == "decimal128(20, 3)"
    assert column.to_dict()["min"] == str(min(values))
    wide = pa.array([decimal.Decimal(10**70), decimal.Decimal(1)], pa.decimal256(76, 2))
    assert Profile.of({"x": wide})["x"].sum == 10**70 + 1


def test_booleans(profile: Profile) -> None:
    column = profile["bool"]
    trues = pc.sum(TABLE["bool"]).as_py()
    assert (column.min, column.max, column.sum) == (False, True, trues)
    assert column.mean == pytest.approx(trues / column.count)
    assert {entry.item: entry.low for entry in column.top()} == {
        False: column.count - trues, True: trues,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["date", "time", "timestamp", "duration"])
def test_times_are_pyarrows(profile: Profile, name: str) -> None:
    column, values = profile[name], TABLE[name]
    low, high = min(values.to_pylist()), max(values.to_pylist())
    assert (column.min, column.max) == (low, high)
    assert low <= column.quantile(0.5) <= high
    assert low <= column.mean <= high
    if name == "duration":
        assert column.sum == sum(values.to_pylist(), dt.timedelta())
    else:
        assert column.sum is None
    assert all(low <= entry.item <= high for entry in column.top(3))


def test_timestamps_know_span_gaps_and_order(profile: Profile) -> None:
    column = profile["timestamp"]
    # In UTC: of two datetimes of one zone Python tells what a clock on the wall says.
    values = [value.astimezone(dt.UTC) for value in TABLE["timestamp"].to_pylist()]
    assert column.min.tzinfo == zoneinfo.ZoneInfo("Europe/Berlin")
    assert column.span_seconds == (values[-1] - values[0]).total_seconds()
    largest = max((b - a).total_seconds() for a, b in itertools.pairwise(values))
    gap = column.gap
    assert gap.low_seconds <= largest <= gap.high_seconds
    assert column.min <= gap.start <= gap.end <= column.max
    assert column.is_ordered is True
    assert column.steps_back == 0
    backwards = Profile.of(TABLE.take(pa.array(range(N - 1, -1, -1))))["timestamp"]
    assert backwards.is_ordered is False
    assert backwards.steps_back > 0


def test_text(profile: Profile) -> None:
    for name in ("text", "coded"):
        column = profile[name]
        values = [v for v in TABLE[name].to_pylist() if v is not None]
        assert {e.item: e.low for e in column.top()} == {v: values.count(v) for v in set(values)}
        assert column.distinct.estimate == pytest.approx(5, abs=0.01)
        assert column.empty_count == values.count("")
        assert (column.min, column.max) == ("", "ünïcode")
        assert (column.lengths.min, column.lengths.max) == (0, 7)
        assert column.lengths.mean == pytest.approx(np.mean([len(v) for v in values]))
    assert profile["binary"].distinct.low <= 256 <= profile["binary"].distinct.high
    assert profile["binary"].top() == []
    assert profile["binary"].min == b"\x00"


def test_lists_and_structs(profile: Profile) -> None:
    lengths = [len(v) for v in TABLE["list"].to_pylist()]
    assert profile["list"].lengths.mean == pytest.approx(np.mean(lengths))
    assert profile["list"].empty_count == lengths.count(0)
    assert profile["list"].mean is None
    assert profile["list[]"].rows == sum(lengths)
    assert profile["struct.x"].sum == sum(v["x"] for v in TABLE["struct"].to_pylist())


def test_a_column_of_nulls(profile: Profile) -> None:
    column = profile["null"]
    assert (column.kind, column.null_count, column.count) == ("null", N, 0)
    assert column.min is column.max is column.mean is column.distinct is None
    assert "nulls only" in column.to_dict()["undefined"]["min"]


def test_polars_has_the_same_profile() -> None:
    polars = pytest.importorskip("polars")
    plain = TABLE.select(["float64", "int64", "uint64", "bool", "timestamp", "text"])
    ours, theirs = Profile.of(plain), Profile.of(polars.from_arrow(plain))
    for name in plain.column_names:
        for field in ("rows", "null_count", "min", "max", "sum", "mean", "std"):
            assert getattr(ours[name], field) == getattr(theirs[name], field), (name, field)
    frame = polars.from_arrow(plain)
    assert ours["text"].distinct.estimate == pytest.approx(
        frame["text"].drop_nulls().n_unique(), abs=0.01
    )


def test_pandas_has_the_same_profile() -> None:
    pytest.importorskip("pandas")
    frame = TABLE.select(["int64", "text", "timestamp"]).to_pandas()
    ours, theirs = Profile.of(TABLE.select(["int64", "text"])), Profile.of(frame)
    for name in ("int64", "text"):
        assert ours[name].top(5) == theirs[name].top(5)
        assert (ours[name].min, ours[name].max) == (theirs[name].min, theirs[name].max)


# ---- parts and the whole ---------------------------------------------------------------------
EXACT = (
    "rows", "count", "null_count", "nan_count", "pos_inf_count", "neg_inf_count", "zero_count",
    "empty_count", "min", "max", "histogram", "distinct", "cardinality", "span_seconds", "gap",
    "is_ordered", "length_histogram",
)  # fmt: skip


def exact_parts(profile: Profile) -> dict[str, dict[str, Any]]:
    return {path: {name: getattr(profile[path], name) for name in EXACT} for path in profile}


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=4), threads=st.sampled_from([1, 3]))
def test_parts_merge_into_the_whole(cuts: list[int], threads: int) -> None:
    table = TABLE.slice(0, 400)
    ends = [0, *sorted(cuts), 400]
    parts = [table.slice(a, b - a) for a, b in itertools.pairwise(ends)]
    whole = Profile.of(table)
    merged, updated = Profile(table.schema), Profile(table.schema)
    for part in parts:
        merged.merge(Profile.of(part, threads=threads))
        updated.update(part, threads=threads)
    assert exact_parts(merged) == exact_parts(whole) == exact_parts(updated)
    for name in ("int64", "decimal", "duration"):
        assert merged[name].sum == whole[name].sum == updated[name].sum
    assert merged["text"].top() == whole["text"].top()


def test_merging_is_commutative_in_what_is_exact() -> None:
    a, b = Profile.of(TABLE.slice(0, 100)), Profile.of(TABLE.slice(100, 300))
    ab, ba = a.copy(), b.copy()
    ab.merge(b)
    ba.merge(a)
    first, second = exact_parts(ab), exact_parts(ba)
    for path in first:  # but for the order of rows
        first[path].pop("is_ordered")
        second[path].pop("is_ordered")
    assert first == second


def test_a_profile_merges_with_itself() -> None:
    profile = Profile.of({"x": [1, 2, 3]})
    profile.merge(profile)
    assert (profile.rows, profile["x"].sum) == (6, 12)


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    profile = Profile.of({"x": [1, 2], "y": ["a", "b"]})
    before = profile.copy()
    for data, message in (
        ({"x": [1]}, "'y'"),
        ({"x": [1], "y": ["a"], "z": [1]}, "'z'"),
        ({"x": ["a"], "y": ["a"]}, "'x'"),
        ({"x": [1.5], "y": ["a"]}, "'x'"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            profile.update(data)
        with pytest.raises(InvalidArgumentError, match=message):
            profile.merge(Profile.of(data))
    with pytest.raises(InvalidArgumentError, match="k"):
        profile.merge(Profile.of({"x": [1], "y": ["a"]}, k=100))
    with pytest.raises(TypeError, match="got int"):
        profile.merge(3)  # type: ignore[arg-type]
    assert profile == before


def test_types_of_one_kind_and_columns_in_another_order_are_welcome() -> None:
    profile = Profile.of({"x": pa.array([1], pa.int64()), "y": ["a"]})
    profile.update({"y": pa.array(["b"], pa.large_string()), "x": pa.array([2], pa.int16())})
    profile.update({"x": [None], "y": pa.array(["a"]).dictionary_encode()})
    assert (profile["x"].sum, profile["x"].null_count) == (3, 1)
    assert profile["y"].top(1)[0].item == "a"


def test_an_update_that_fails_half_way_changes_nothing() -> None:
    table = pa.table({"x": [1, 2, 3]})

    def broken() -> Any:
        yield table.to_batches()[0]
        raise OSError("the line went dead")

    for by in ((), ("x",)):
        profile = Profile.of(table, by=by)
        before = profile.copy()
        with pytest.raises(OSError, match="went dead"):
            profile.update(pa.RecordBatchReader.from_batches(table.schema, broken()))
        assert profile == before


# ---- Python's protocols ----------------------------------------------------------------------
def test_copies_and_equality() -> None:
    profile = Profile.of({"x": [1.0, 2.0]})
    for twin in (profile.copy(), copy.copy(profile), copy.deepcopy(profile)):
        assert twin == profile
        twin.update({"x": [3.0]})
        assert twin != profile
        assert profile.rows == 2
    assert profile != 3
    assert bool(Profile(pa.schema([("x", pa.int8())])))
    with pytest.raises(TypeError, match="unhashable"):
        hash(profile)


def test_threads_share_a_profile() -> None:
    profile = Profile(pa.schema([("x", pa.int64()), ("g", pa.utf8())]), by=["g"])

    def work(seed: int) -> None:
        for i in range(20):
            profile.update({"x": [seed, i], "g": ["a", str(seed)]})
            profile["x"].to_dict()
            profile.merge(Profile.of({"x": [1], "g": ["a"]}, by=["g"]))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert profile.rows == 4 * 20 * 3
    assert sum(group.rows for group in profile.groups.values()) == profile.rows


def test_the_number_of_threads_does_not_matter() -> None:
    table = make_table(60_000).select(["float64", "int64", "text", "timestamp"])
    assert Profile.of(table, threads=1) == Profile.of(table, threads=7) == Profile.of(table)


def test_repr_and_html(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = Profile.of({"x": [1.5, None], "g": ["a", "b"]}, by=["g"])
    assert repr(profile) == "<inlay.Profile of 2 rows, 2 columns, 2 groups by g>"
    assert repr(profile["x"]) == (
        "<inlay.data.ColumnProfile x: float64, 2 rows, 1 null, 1.5 to 1.5>"
    )
    assert ", reference " in repr(profile.freeze())
    report = pytest.importorskip("inlay.report")
    assert report.profile_table(profile.to_dict()) == profile._repr_html_()


def test_dict_is_json_of_the_same_fields_for_every_kind(profile: Profile) -> None:
    found = profile.to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    fields = set(found["columns"][0])
    for column in found["columns"]:
        assert set(column) == fields
        missing = {n for n in ("min", "max", "mean", "distinct") if column[n] is None}
        if column["kind"] not in ("list", "text", "binary"):
            assert missing <= set(column["undefined"]), column["name"]
        chart = column["chart"]
        if chart is not None:
            assert len(chart["bounds"]) == len(chart["counts"]) + 1 <= 42
            total = sum(chart["counts"]) + chart["below"] + chart["above"]
            assert total == column["count"]
    by_name = {column["name"]: column for column in found["columns"]}
    assert by_name["int64"]["min"] == TABLE["int64"].to_pylist()[0] or isinstance(
        by_name["int64"]["min"], int
    )
    assert by_name["duration"]["max"] == max(TABLE["duration"].to_pylist()).total_seconds()
    assert by_name["timestamp"]["span"]["seconds"] == profile["timestamp"].span_seconds
    assert by_name["timestamp"]["min"] == profile["timestamp"].min.isoformat()
    assert by_name["int8"]["quantiles"]["0.5"] == profile["int8"].quantile(0.5)


def test_progress_is_told_and_columns_are_chosen() -> None:
    told: list[tuple[int, int | None]] = []
    table = pa.table({"a": range(300_000), "b": np.arange(300_000) % 5, "c": range(300_000)})
    profile = Profile.of(
        table, columns=["c"], by="b", max_groups=3,
        progress=lambda rows, total: told.append((rows, total)),
    )  # fmt: skip
    assert profile.columns == ("c", "b")
    assert told[-1] == (300_000, 300_000)
    assert [rows for rows, _ in told] == sorted(rows for rows, _ in told)
    profile.update(table)  # reads the same columns
    assert profile["c"].rows == 600_000
    reader = table.to_reader()
    Profile.of(reader, progress=lambda rows, total: told.append((rows, total)))
    assert told[-1] == (300_000, None)
    with pytest.raises(TypeError, match="progress is True, False, None or a function: 'yes'"):
        Profile.of(table, progress="yes")  # type: ignore[arg-type]


def test_sizes_out_of_range_are_refused() -> None:
    for options in ({"k": 3}, {"lg_k": 40}, {"top": -1}, {"max_groups": 0}, {"threads": -1}):
        with pytest.raises((InvalidArgumentError, TypeError)):
            Profile.of({"x": [1]}, **options)


def test_profile_is_public() -> None:
    assert inlay.Profile is Profile
    assert repr(Profile) == "<class 'inlay.Profile'>"
    assert inlay.data.Profile is Profile
