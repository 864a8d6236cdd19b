"""Columns that have little to say: a defined answer, or none with the reason."""

from __future__ import annotations

import decimal
import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from inlay import InvalidArgumentError, Profile


def facts(values: Any, **options: Any) -> dict[str, Any]:
    """The dictionary of a column, which JSON must hold, of a profile that must freeze and save."""
    profile = Profile.of({"x": values}, **options)
    assert Profile.from_bytes(profile.freeze({"x": values}).to_bytes()).rows == profile.rows
    assert profile.to_arrow().num_rows > 0
    found: dict[str, Any] = profile.to_dict()["columns"][0]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def test_no_rows() -> None:
    for kind in (pa.float64(), pa.int64(), pa.utf8(), pa.bool_(), pa.timestamp("s"), pa.date32()):
        found = facts(pa.array([], kind))
        assert (found["rows"], found["count"], found["min"], found["mean"]) == (0, 0, None, None)
        assert found["undefined"]["min"] == "there are no rows"
        assert found["distinct"] == {"estimate": 0, "low": 0, "high": 0}
        assert found["chart"] is found["quantiles"] is None
    assert facts(pa.array([], pa.list_(pa.int8())))["rows"] == 0


def test_no_columns() -> None:
    profile = Profile.of(pa.table({}))
    assert (profile.rows, profile.columns, profile.to_dict()["columns"]) == (0, (), [])
    assert Profile.from_bytes(profile.freeze().to_bytes()).rows == 0


def test_one_row() -> None:
    found = facts([2.5])
    assert (found["min"], found["max"], found["mean"], found["sum"]) == (2.5, 2.5, 2.5, 2.5)
    assert (found["std"], found["skewness"]) == (None, None)
    assert found["undefined"]["std"] == "one value has none"
    assert set(found["quantiles"].values()) == {2.5}
    assert found["rank_error"] == 0
    assert sum(found["chart"]["counts"]) == 1


def test_a_constant() -> None:
    found = facts([7] * 1_000)
    assert (found["std"], found["skewness"], found["kurtosis"]) == (0, None, None)
    assert found["undefined"]["skewness"] == "equal values have none"
    assert found["top"] == [{"value": 7, "low": 1_000, "high": 1_000}]
    assert found["chart"]["counts"] == [1_000]
    assert Profile.of({"x": [7.5] * 10}).freeze()["x"].edges.counts == [0, 10, 0]


def test_nulls_only() -> None:
    for kind in (pa.float64(), pa.int64(), pa.utf8(), pa.binary(), pa.duration("s")):
        found = facts(pa.nulls(5, kind))
        assert (found["rows"], found["null_count"], found["count"]) == (5, 5, 0)
        assert found["undefined"]["min"] == "all values are null"
    assert facts(pa.nulls(5))["undefined"]["mean"] == "a column of type null holds nulls only"


def test_nan_and_infinities_only() -> None:
    found = facts([math.nan] * 3 + [math.inf, -math.inf])
    counts = [found[name] for name in ("nan_count", "pos_inf_count", "neg_inf_count", "count")]
    assert counts == [3, 1, 1, 0]
    assert found["min"] is found["mean"] is found["chart"] is None
    assert found["undefined"]["max"] == "there is no finite value"
    assert Profile.of({"x": [math.nan]}).freeze()["x"].edges is None


def test_sums_and_moments_beyond_what_can_be_held() -> None:
    found = facts([1e200, -1e200, 1e308, 1e308])
    assert (found["min"], found["max"]) == (-1e200, 1e308)
    assert found["std"] is None
    assert found["undefined"]["std"] == "it is beyond what a double can hold"
    huge = pa.array([decimal.Decimal("9" * 76)] * 3, pa.decimal256(76, 0))
    assert (
        facts(huge)["sum"] == str(3 * int("9" * 76))
        or "the sum" in (facts(huge)["undefined"]["sum"])
    )


def test_integers_above_53_bits_and_subnormals() -> None:
    found = facts(pa.array([2**63 - 1, 2**63 - 2, -(2**63)]))
    assert (found["min"], found["max"], found["sum"]) == (-(2**63), 2**63 - 1, 2**63 - 3)
    assert {entry["value"] for entry in found["top"]} == {2**63 - 1, 2**63 - 2, -(2**63)}
    tiny = facts([5e-324, 1e-310])
    assert (tiny["min"], tiny["max"], tiny["zero_count"]) == (5e-324, 1e-310, 0)
    assert facts([0.0, -0.0])["zero_count"] == 2


def test_a_million_categories_stay_small() -> None:
    names = pa.array([f"name {i}" for i in range(1_000_000)])
    profile = Profile.of({"x": names})
    found = profile.to_dict()["columns"][0]
    assert found["distinct"]["low"] <= 1_000_000 <= found["distinct"]["high"]
    assert found["redacted"] is True
    assert profile.memory_bytes < 1 << 18
    assert len(profile.to_bytes()) < 20_000


def test_unicode_and_binary_of_every_sort() -> None:
    names = ["", " ", "a\0b", "ü", "\u202e", "👩‍👩‍👧", "e\u0301", "\ufffd", "<script>", "'"]
    found = facts(names * 2)
    assert {entry["value"] for entry in found["top"]} == set(names)
    raw = pa.array([bytes(range(256)), b"", b"\xff\xfe"])
    assert facts(raw)["max"] == "\\xff\\xfe"
    invalid = pa.Array.from_buffers(pa.utf8(), 2, pa.array([b"\xff\xfe", b"ok"]).buffers())
    found = facts(invalid)
    assert found["invalid_utf8_count"] == 1
    assert found["top"][0]["value"] in ("\\xff\\xfe", "ok")
    long = facts(["é" * 50, "z" * 500])
    assert long["min"] == "z" * 64
    assert long["max"] == "é" * 32
    assert long["length"]["max"] == 500


def test_equal_names_are_told_apart() -> None:
    table = pa.table([[1], [2], [3]], names=["a", "a", "a"])
    profile = Profile.of(table)
    assert profile.columns == ("a", "a#2", "a#3")
    assert [profile[name].sum for name in profile] == [1, 2, 3]
    profile.update(table)
    assert profile["a#3"].sum == 6
    reference = profile.freeze(pa.concat_tables([table, table]))
    assert reference["a#2"].categories.counts == [2]


def test_dictionaries_with_indices_outside() -> None:
    values = pa.array(["a", "b"])
    indices = pa.array([0, 1, 1], pa.int8())
    wrong = pa.DictionaryArray.from_arrays(pa.array([0, 9, 1], pa.int8()), values, safe=False)
    profile = Profile.of({"x": pa.DictionaryArray.from_arrays(indices, values)})
    profile.update({"x": wrong})
    assert profile["x"].invalid_index_count == 1
    assert {e.item: e.low for e in profile["x"].top()} == {"a": 2, "b": 3}


@pytest.mark.parametrize(
    "column",
    [
        pa.UnionArray.from_dense(
            pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])]
        ),
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
    ],
)
def test_types_without_a_profile_are_refused_by_column_and_type(column: pa.Array) -> None:
    kind = "union" if pa.types.is_union(column.type) else "interval"
    with pytest.raises(InvalidArgumentError, match=rf"'odd'.*{kind}"):
        Profile.of({"fine": [1], "odd": column})
    nested = pa.StructArray.from_arrays([column], ["inner"])
    with pytest.raises(InvalidArgumentError, match=rf"'odd\.inner'.*{kind}"):
        Profile.of({"fine": [1], "odd": nested})
    assert Profile.of({"fine": [1], "odd": column}, columns=["fine"]).rows == 1


def test_times_at_the_ends() -> None:
    seconds = pa.array([-(2**62), 2**62], pa.int64())
    for kind in (
        pa.timestamp("s"),
        pa.timestamp("ns", "UTC"),
        pa.duration("s"),
        pa.timestamp("us"),
    ):
        found = facts(seconds.cast(kind))
        assert found["min"] is not None
        assert found["max"] is not None
    assert facts(pa.array([0, 4_000_000], pa.int32()).cast(pa.date32()))["max"] == "12921-08-18"
    found = facts(pa.array([5, 5], pa.int64()).cast(pa.timestamp("s")))
    assert (found["gap"], found["span"]["seconds"]) == (None, 0)
    assert found["undefined"]["gap"] == "equal times have no gap between them"


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_charts_of_any_range_count_all(scale: float) -> None:
    random = np.random.default_rng(1)
    for values in (random.normal(size=999), random.lognormal(0, 9, 999), [1e-9, 1e9], [-1, 0, 1]):
        with np.errstate(over="ignore"):
            scaled = np.asarray(values, dtype=np.float64) * scale
        values = scaled[np.isfinite(scaled)]
        chart = facts(scaled)["chart"]
        assert all(a < b for a, b in zip(chart["bounds"], chart["bounds"][1:], strict=False))
        assert sum(chart["counts"]) + chart["below"] + chart["above"] == len(values)
        assert chart["below"] + chart["above"] <= 0.02 * len(values) + 1
