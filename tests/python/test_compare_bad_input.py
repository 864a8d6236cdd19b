"""What `inlay.compare` says of data that cannot be compared: a reason, never a crash or a 0."""

import datetime as dt
import math

import numpy as np
import pyarrow as pa
import pytest

import inlay

N = 1_000
X = list(range(N))


def one(reference, current, **options):
    return inlay.compare({"x": reference}, {"x": current}, **options)["x"]


def finite(said):
    """Whether every number of a dictionary is one."""
    if isinstance(said, dict):
        return all(map(finite, said.values()))
    if isinstance(said, (list, tuple)):
        return all(map(finite, said))
    return not isinstance(said, float) or math.isfinite(said)


def empty(kind):
    return pa.array([], kind)


def nulls(kind):
    return pa.nulls(N, kind)


def test_columns_that_left_came_or_changed_are_named_and_the_others_go_on():
    before = pa.table({"kept": X, "left": X, "text": X, "when": pa.array(X, pa.timestamp("us"))})
    after = pa.table(
        {
            "kept": X,
            "came": X,
            "text": [str(x) for x in X],
            "when": pa.array(X, pa.timestamp("ms")),
        }
    )
    found = inlay.compare(before, after)
    assert {column.name: (column.verdict, column.reason) for column in found} == {
        "kept": ("no", "effect 0 does not exceed 0.02"),
        "left": ("undefined", "the column is not in the current data"),
        "text": ("undefined", "the type changed from int64 to utf8"),
        "when": ("undefined", "the unit changed from us to ms"),
        "came": ("undefined", "the column is not in the reference"),
    }
    assert {change.kind for change in found.changes} >= {"column_added", "column_removed"}
    assert found.verdict == "no"
    assert found.to_arrow().to_pyarrow().num_rows > 5


def test_a_column_that_left_a_group_or_a_type_that_changed_does_not_stop_a_profile():
    found = inlay.compare(
        inlay.Profile.of({"x": X, "y": X}), inlay.Profile.of({"x": [str(x) for x in X], "z": X})
    )
    assert {column.name: column.verdict for column in found} == dict.fromkeys("xyz", "undefined")
    assert found.verdict == "undefined"


def test_numbers_of_other_widths_compare():
    for kind in (pa.int32(), pa.float32(), pa.float64(), pa.uint16(), pa.decimal128(24, 2)):
        column = one(pa.array(X, pa.int64()), pa.array(X).cast(kind))
        assert (column.verdict, column.effect) == ("no", 0.0), kind
    codes = [i % 5 for i in range(N)]  # few whole numbers are names
    column = one(pa.array(codes, pa.int64()), pa.array(codes, pa.float64()))
    assert (column.verdict, column.new_names, column.vanished) == ("no", (), ())


@pytest.mark.parametrize("kind", [pa.float64(), pa.utf8(), pa.bool_(), pa.date32()])
def test_an_empty_side_is_undefined_and_names_itself(kind):
    values = pa.array([i % 2 for i in range(N)], pa.int32()).cast(kind)
    column = one(values, empty(kind))
    assert column.verdict == "undefined"
    assert column.reason == "empty: the current data has no rows"
    assert column.effect is None
    assert column.contribution is None
    column = one(empty(kind), values)
    assert (column.verdict, column.reason) == ("undefined", "the reference has no rows")
    assert one(empty(kind), empty(kind)).verdict == "undefined"


@pytest.mark.parametrize("kind", [pa.float64(), pa.utf8()])
def test_a_side_of_nulls_is_told_by_what_is_missing(kind):
    values = pa.array([str(i % 7) for i in range(N)]).cast(kind)
    column = one(values, nulls(kind))
    assert column.verdict == "yes"
    assert column.reason == (
        "missing 0 % → 100 %; empty: the current data has no values, all are missing"
    )
    column = one(nulls(kind), values)
    assert column.verdict == "yes"
    assert column.reason == "missing 100 % → 0 %; the reference has no values"
    assert one(nulls(kind), nulls(kind)).verdict == "undefined"


def test_a_column_of_type_null_is_undefined():
    column = one(pa.nulls(N), pa.nulls(N))
    assert column.verdict == "undefined"
    assert column.reason


@pytest.mark.parametrize("nulls_of", [lambda n: [None] * n, pa.nulls])
def test_a_column_that_lost_its_type_with_its_values_is_missing(nulls_of):
    values = [float(x) for x in X]
    column = one(values, nulls_of(N))
    assert (column.verdict, column.aspect) == ("yes", "missing")
    assert column.reason.startswith("missing 0 % → 100 %")
    assert one(nulls_of(N), values).reason.startswith("missing 100 % → 0 %")
    assert one(values, nulls_of(0)).reason == "empty: the current data has no rows"


def test_a_reference_of_infinities_says_what_it_lacks():
    assert one([math.inf] * N, [1.0] * N).reason == "the reference has no finite values"


def test_a_group_of_one_side_alone_says_so():
    both = {"x": [float(x) for x in X], "region": ["eu", "us"] * (N // 2)}
    eu = {"x": [float(x) for x in X], "region": ["eu"] * N}
    for sides, whose in (((both, eu), "current data"), ((eu, both), "reference")):
        found = inlay.compare(*sides, by=["region"])
        assert found.groups[("us",)]["x"].reason == f"the group is not in the {whose}"


def test_nan_alone_is_missing():
    column = one([float(x) for x in X], [math.nan] * N)
    assert column.reason.startswith("missing 0 % → 100 %")
    assert finite(column.to_dict())


def test_infinities_are_values_beyond_all_others():
    values = np.random.default_rng(1).normal(size=N)
    column = one(values, np.where(np.arange(N) % 2, values, np.inf))
    assert column.verdict == "yes"
    assert column.outside == pytest.approx(0.5, abs=0.01)
    assert one(values, np.full(N, -np.inf)).verdict == "yes"
    both = np.where(np.arange(N) % 2, values, np.inf)
    assert one(both, both).verdict == "no"


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_handful_of_rows_is_insufficient(rows):
    few = [float(x) for x in range(rows)]
    column = one([float(x) for x in X], few)
    assert column.verdict == "undefined"
    assert column.reason == (
        f"insufficient: too few values for a test among {N:,} of the reference and {rows} now"
    )
    assert one(few, few).verdict in {"undefined", "no"}
    assert one(few, [float(x) for x in X]).verdict in {"undefined", "yes"}


def test_text_without_frequent_names_is_undefined():
    ids = [f"id-{i:09d}" for i in range(20_000)]
    reference = inlay.Profile.of({"id": ids}, top=16, reference=True)
    column = inlay.compare(reference, {"id": [f"other-{i}" for i in range(20_000)]})["id"]
    assert column.verdict in {"undefined", "yes"}
    assert column.reason


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[1, 2], [3]] * 500),
        pa.array([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}] * 500),
        pa.array([b"\xff\xfe", b"a"] * 500),
        pa.array([dt.timedelta(seconds=i) for i in range(N)]),
        pa.array([dt.time(i % 24) for i in range(N)]),
        pa.array(["\ud800".encode("utf-8", "surrogatepass"), b"b"] * 500).cast(
            pa.utf8(), safe=False
        ),
        pa.array(["a", "b"] * 500).dictionary_encode(),
        pa.array([True, False] * 500),
        pa.array([i * 10**30 for i in range(N)], pa.decimal256(60, 0)),
        pa.array(X, pa.timestamp("ns", "Europe/Paris")),
    ],
    ids=lambda values: str(values.type),
)
def test_every_type_compares_with_itself(values):
    found = inlay.compare({"x": values}, {"x": values})
    assert found.drifted == ()
    assert finite(found.to_dict())
    assert found.to_arrow().to_pyarrow().num_rows
    assert found._repr_html_()


def test_names_that_repeat_or_are_odd_do_not_break_it():
    names = ["a", "a", "", "<b>", "x\ny"]
    table = pa.Table.from_arrays([pa.array(X)] * len(names), names=names)
    found = inlay.compare(table, table)
    assert {column.name for column in found} == {"a", "a#2", "", "<b>", "x\ny"}
    assert found.verdict == "no"


def test_a_table_without_columns_is_undefined():
    found = inlay.compare(pa.table({}), pa.table({}))
    assert (found.verdict, len(found)) == ("undefined", 0)
    assert found._repr_html_()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threshold": 0.0}, "threshold.*0.0"),
        ({"threshold": 2}, "threshold.*2"),
        ({"threshold": math.nan}, "threshold.*nan"),
        ({"threshold": True}, "threshold.*True"),
        ({"level": 1.0}, "level.*1.0"),
        ({"level": "5 %"}, "level.*5 %"),
        ({"threads": -1}, "threads.*-1"),
        ({"columns": ["nowhere"]}, "nowhere"),
        ({"by": ["nowhere"]}, "nowhere"),
    ],
)
def test_options_that_cannot_be_are_refused(options, words):
    with pytest.raises(inlay.InvalidArgumentError, match=words):
        inlay.compare({"x": X}, {"x": X}, **options)


def test_what_is_no_data_is_refused(tmp_path):
    with pytest.raises(TypeError):
        inlay.compare(object(), {"x": X})
    with pytest.raises(TypeError):
        inlay.compare({"x": X}, 5)
    with pytest.raises(inlay.InvalidArgumentError, match="nowhere"):
        inlay.compare({"x": X}, tmp_path / "nowhere.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(inlay.SerializationError, match=r"bad\.parquet"):
        inlay.compare({"x": X}, tmp_path / "bad.parquet")
    (tmp_path / "bad.inlay").write_bytes(b"nothing")
    with pytest.raises(inlay.SerializationError, match=r"bad\.inlay"):
        inlay.compare(tmp_path / "bad.inlay", {"x": X})


def test_exact_needs_rows_that_are_there_twice():
    reference = inlay.Profile.of({"x": X}, reference=True)
    with pytest.raises(inlay.InvalidArgumentError, match=r"reference is <inlay\.Profile"):
        inlay.compare(reference, {"x": X}, exact=True)
    reader = pa.table({"x": X}).to_reader()
    with pytest.raises(inlay.InvalidArgumentError, match="read again"):
        inlay.compare({"x": X}, reader, exact=True)


@pytest.mark.parametrize("start", ["2023-11-14", dt.date(2023, 11, 14), dt.datetime(2023, 11, 14)])
def test_times_of_points_are_datetimes_with_a_zone(tmp_path, start):
    with inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)]):
        pass
    with pytest.raises(inlay.InvalidArgumentError, match="start must be a datetime with a zone: "):
        inlay.drift.StoredPoints(tmp_path, start=start)


def test_times_of_the_rows_must_have_a_zone():
    found = inlay.compare({"x": X}, {"x": X})
    with pytest.raises(inlay.InvalidArgumentError, match="zone"):
        found.to_arrow(time=dt.datetime(2026, 5, 1))
    late = dt.datetime(2026, 5, 2, tzinfo=dt.UTC)
    with pytest.raises(inlay.InvalidArgumentError, match="start_time"):
        found.to_arrow(time=dt.datetime(2026, 5, 1, tzinfo=dt.UTC), start_time=late)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"threads": "x"}, "threads must be a whole number, got str: 'x'"),
        ({"threads": 1.5}, r"threads must be a whole number, got float: 1\.5"),
        ({"columns": 5}, "columns must be names of columns, got int: 5"),
        ({"columns": b"x"}, "columns must be names of columns, got bytes: b'x'"),
        ({"columns": ["x", None]}, "columns must be names of columns, got NoneType: None"),
        ({"by": 5}, "by must be names of columns, got int: 5"),
        ({"by": [5]}, "by must be names of columns, got int: 5"),
    ],
)
def test_an_argument_of_another_type_is_refused_with_its_value(given, words):
    with pytest.raises(TypeError, match=words):
        inlay.compare({"x": X}, {"x": X}, **given)


def test_a_column_that_is_not_there_is_named_beside_those_that_are():
    with pytest.raises(inlay.InvalidArgumentError, match=r"it has 'x', 'y'.*'z'"):
        inlay.compare({"x": X, "y": X}, {"x": X, "y": X}, columns=["z"])


@pytest.mark.parametrize("nested", [False, True])
def test_a_name_that_holds_nul_is_refused(nested):
    """Arrow hands names on as C strings: two such columns would become one."""
    name = "a\0b"
    values = [{name: 1.0}] if nested else [1.0]
    table = pa.table({"x" if nested else name: values})
    for refused in (
        lambda: inlay.compare(table, table),
        lambda: inlay.Profile.of(table),
        lambda: inlay.Observer().watch("orders").update(table.to_batches()[0]),
    ):
        with pytest.raises(inlay.InvalidArgumentError, match=r"NUL: 'a\\x00b'"):
            refused()


def test_numbers_near_each_other_are_told_apart_in_words():
    large = np.arange(2**60, 2**60 + N * 2**12, 2**12)
    found = one(large, large + N * 2**12)
    low, high = found.reason.split("outside of ")[1].split(";")[0].split(" to ")
    assert low != high
    before, after = found.reason.split("mean ")[1].split(",")[0].split(" → ")
    assert before != after
    assert float(after) - float(before) == pytest.approx(N * 2**12, rel=0.2)
    names = [cell.name for cell in found.cells]
    assert len(set(names)) == len(names)
    assert "mean 500 → 700" in one(np.arange(1001), np.arange(1001) + 200).reason
