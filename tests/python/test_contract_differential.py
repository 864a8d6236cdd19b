"""Contracts by the native plan and by the oracle give the same reports on any data."""

import datetime
import decimal
import math
from typing import Any

import check_oracle
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import inlay
from inlay import checks
from inlay.data.checks.check import Check

DAYS = [datetime.date(2024, 1, day) for day in (1, 2, 3)]
TIMES = [datetime.datetime(2024, 1, 1, hour) for hour in (0, 1, 5)]
TEXTS = ["", "a", "ab", "é", "😀b", "red"]
# A column: its type, values of it, and checks it can be put to.
NUMBER_CHECKS = [
    lambda c: checks.in_range(c, -1, 3),
    lambda c: checks.in_range(c, exclusive_minimum=0),
    lambda c: checks.in_range(c, exclusive_maximum=2.5),
    lambda c: checks.in_set(c, [0, 1, 2]),
    lambda c: checks.not_in_set(c, [1]),
    lambda c: checks.missing(c, values=[-1, 0]),
    lambda c: checks.finite(c),
    lambda c: checks.monotonic(c),
    lambda c: checks.monotonic(c, strict=True, decreasing=True),
    lambda c: checks.mean(c, between=(0, 1)),
    lambda c: checks.sum(c, at_most=5),
    lambda c: checks.minimum(c, at_least=0),
    lambda c: checks.maximum(c, at_most=2),
    lambda c: checks.rule(f"{c} >= 1"),
    lambda c: checks.rule(f"2 != {c}"),
]
ANY_CHECKS = [
    lambda c: checks.nulls(c),
    lambda c: checks.nulls(c, less_than=50, unit="percent"),
    lambda c: checks.unique(c),
]
TEXT_CHECKS = [
    lambda c: checks.in_set(c, ["red", "a"]),
    lambda c: checks.not_in_set(c, ["é"]),
    lambda c: checks.missing(c, values=["", "ab"]),
    lambda c: checks.length(c, 1, 2),
    lambda c: checks.length(c, maximum=1),
    lambda c: checks.utf8(c),
]
TIME_CHECKS = [
    lambda c: checks.in_range(c, "2024-01-02"),
    lambda c: checks.monotonic(c),
    lambda c: checks.fresh(c, at_most=3600),
]
SMALL = st.integers(-3, 4)
FLOATS = st.sampled_from([-1.0, -0.0, 0.0, 0.5, 1.0, 2.0, 2.5, 3.0]) | st.sampled_from(
    [math.nan, math.inf, -math.inf]
)
DECIMALS = st.integers(-300, 300).map(lambda n: decimal.Decimal(n).scaleb(-2))
COLUMNS: list[tuple[pa.DataType, Any, list[Any]]] = [
    (pa.int8(), SMALL, NUMBER_CHECKS),
    (pa.int32(), SMALL, NUMBER_CHECKS),
    (pa.int64(), SMALL | st.sampled_from([-(2**63), 2**63 - 1]), NUMBER_CHECKS),
    (pa.uint64(), st.integers(0, 4) | st.just(2**64 - 1), NUMBER_CHECKS[:3] + NUMBER_CHECKS[6:8]),
    (pa.float64(), FLOATS, NUMBER_CHECKS),
    (pa.float32(), FLOATS, NUMBER_CHECKS),
    (pa.decimal128(6, 2), DECIMALS, NUMBER_CHECKS[:8] + NUMBER_CHECKS[9:13]),
    (pa.utf8(), st.sampled_from(TEXTS), TEXT_CHECKS),
    (pa.large_utf8(), st.sampled_from(TEXTS), TEXT_CHECKS),
    (pa.date32(), st.sampled_from(DAYS), TIME_CHECKS),
    (pa.timestamp("us"), st.sampled_from(TIMES), TIME_CHECKS),
    (pa.timestamp("s"), st.sampled_from(TIMES), TIME_CHECKS),
    (pa.bool_(), st.booleans(), [lambda c: checks.in_set(c, [True])]),
    (pa.list_(pa.int8()), st.lists(SMALL, max_size=3), [lambda c: checks.length(c, 1, 2)]),
]


@st.composite
def cases(draw: st.DrawFn) -> tuple[pa.Table, list[Check]]:
    rows = draw(st.integers(0, 12))
    columns, made = {}, []
    for index in range(draw(st.integers(1, 3))):
        arrow_type, values, makers = draw(st.sampled_from(COLUMNS))
        name = f"c{index}"
        drawn = draw(st.lists(values | st.none(), min_size=rows + 2, max_size=rows + 2))
        array = pa.array(drawn, arrow_type, from_pandas=False)
        if arrow_type in (pa.utf8(), pa.int32()) and draw(st.booleans()):
            array = array.dictionary_encode()
        # A slice, so that offsets count.
        columns[name] = array.slice(draw(st.integers(0, 2)), rows)
        pool = makers if pa.types.is_nested(arrow_type) else makers + ANY_CHECKS
        for make in draw(st.lists(st.sampled_from(pool), min_size=1, max_size=4)):
            made.append(make(name))
    numbers = [
        n for n, a in columns.items() if pa.types.is_integer(a.type) or pa.types.is_floating(a.type)
    ]
    if len(numbers) > 1:
        made.append(
            checks.rule(f"{numbers[0]} {draw(st.sampled_from(['<', '>=', '==']))} {numbers[1]}")
        )
        made.append(checks.sums(numbers[0], numbers[1:], tolerance=1))
        made.append(checks.unique(*numbers))
    return pa.table(columns), made


def close(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)
    return bool(a == b)


@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cases(), st.integers(1, 6))
def test_native_and_oracle_agree(
    monkeypatch: pytest.MonkeyPatch, case: tuple[pa.Table, list[Check]], step: int
) -> None:
    table, made = case
    pieces = [b for i in range(0, len(table), step) for b in table.slice(i, step).to_batches()]
    now = 1_704_100_000.0

    def reports() -> list[dict[str, Any]]:
        contract = inlay.Contract(made, max_rows=5)
        stream = pa.RecordBatchReader.from_batches(table.schema, pieces)
        whole = contract.check(table, now=now).to_dict()
        return [whole, contract.check(stream, now=now).to_dict()]

    native = reports()
    with monkeypatch.context() as patch:
        patch.setattr("inlay._core.CheckPlan", check_oracle.OraclePlan)
        expected = reports()
    for found, wanted in zip(native, expected, strict=True):
        for result, oracle in zip(found.pop("results"), wanted.pop("results"), strict=True):
            assert close(result.pop("value"), oracle.pop("value"))
            assert result == oracle
        assert found == wanted
