"""Integrity and cross-column checks: damaged values, rules between columns, keys, sums."""

import base64
import datetime
import decimal
import hashlib
import math
import operator
import zlib
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import inlay
from inlay import checks
from inlay.data.checks.row_rule import parse_rule

PAYLOADS = [b"", b"abc", None, "é".encode()]


def failing(check: checks.Check, **columns: Any) -> list[int]:
    table = pa.table(columns)
    contract = inlay.Contract([check])
    report = contract.check(table)
    (result,) = report.results
    assert result.reason is None
    assert report.failing_rows == list(result.rows)
    halves = [b for i in (0, 1) for b in table.slice(i, 1 if i == 0 else None).to_batches()]
    parted = pa.RecordBatchReader.from_batches(table.schema, halves)
    assert contract.check(parted).failing_rows == report.failing_rows
    return report.failing_rows


def test_checksums_as_integers() -> None:
    sums = [None if p is None else zlib.crc32(p) for p in PAYLOADS]
    check = checks.checksum("p", "c")
    assert failing(check, p=pa.array(PAYLOADS), c=sums) == []
    signed = pa.array([s if s is None or s < 2**31 else s - 2**32 for s in sums], pa.int32())
    assert failing(check, p=pa.array(PAYLOADS), c=signed) == []
    assert failing(check, p=pa.array(PAYLOADS), c=[1, sums[1], 5, None]) == [0]
    text = pa.array([p if p is None else p.decode() for p in PAYLOADS])
    adler = [None if p is None else zlib.adler32(p) for p in PAYLOADS]
    assert failing(checks.checksum("p", "c", kind="adler32"), p=text, c=adler) == []


@pytest.mark.parametrize("kind", ["md5", "sha256", "blake2b"])
def test_checksums_as_digests(kind: str) -> None:
    digests = [None if p is None else hashlib.new(kind, p).digest() for p in PAYLOADS]
    check = checks.checksum("p", "c", kind=kind)
    assert failing(check, p=pa.array(PAYLOADS), c=pa.array(digests)) == []
    texts = [None if d is None else d.hex().upper() for d in digests]
    assert failing(check, p=pa.array(PAYLOADS), c=texts) == []
    assert failing(check, p=pa.array(PAYLOADS), c=["00", *texts[1:]]) == [0]


def test_checksums_of_wrong_columns_or_kinds() -> None:
    with pytest.raises(inlay.InvalidArgumentError, match=r"kind must be one of .* got 'crc64'"):
        checks.checksum("p", "c", kind="crc64")
    with pytest.raises(inlay.ContractError, match="column 'c' is utf8, not integer"):
        inlay.Contract([checks.checksum("p", "c")]).check({"p": [b"x"], "c": ["y"]})


@pytest.mark.parametrize(
    ("encoding", "good", "bad"),
    [
        (
            "json",
            ['{"a": [1, null]}', " 3 ", '"x"'],
            ["", "{", "NaN", "Infinity", "{'a': 1}", "1 2"],
        ),
        ("base64", [base64.b64encode(b"any").decode(), ""], ["a", "====", "a b="]),
        ("hex", ["", "00ff"], ["0", "xy"]),
        ("ascii", ["abc"], ["é"]),
        ("utf-8", ["é"], []),
        ("uuid", ["12345678-1234-5678-1234-567812345678"], ["123", "x" * 32]),
    ],
)
def test_decodable(encoding: str, good: list[str], bad: list[str]) -> None:
    texts = [*good, None, *bad]
    expected = list(range(len(good) + 1, len(texts)))
    check = checks.decodable("a", encoding)
    assert failing(check, a=texts) == expected
    assert failing(check, a=pa.array(texts).dictionary_encode()) == expected
    assert failing(check, a=[t if t is None else t.encode() for t in texts]) == expected
    assert failing(check, a=pa.array(texts, pa.string_view())) == expected


def test_decodable_of_broken_text_and_of_deep_json() -> None:
    broken = pa.Array.from_buffers(pa.utf8(), 2, pa.array([b"\xff", b"1"]).buffers())
    assert failing(checks.decodable("a", "utf-8"), a=broken) == [0]
    assert failing(checks.decodable("a", "json"), a=["[" * 100_000, "1"]) == [0]
    with pytest.raises(inlay.InvalidArgumentError, match=r"encoding must be one of .* got 'xml'"):
        checks.decodable("a", "xml")


def test_dictionary_index_out_of_range() -> None:
    indices = pa.array([0, 1, 7, None, -1], pa.int8())
    broken = pa.DictionaryArray.from_arrays(indices, pa.array(["a", "b"]), safe=False)
    contract = inlay.Contract([checks.dictionary("a"), checks.in_set("a", ["a", "b"])])
    report = contract.check(pa.record_batch({"a": broken}))
    assert report.results[0].rows == (2, 4)
    assert failing(checks.dictionary("a"), a=["x", "y"]) == []


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("end >= start", [1]),
        ("start <= end", [1]),
        ("end >= start and amount > 0", [1, 3]),
        ("end >= start or amount > 0", []),
        ("not end < start", [1]),
        ("amount > 0", [3]),
        ("0 < amount", [3]),
        ("0 <= amount <= 10", [3]),
        ("amount == 10 or amount != 10", []),
        ("amount / 4 == 2.5", [3]),  # of integers the true quotient
        ("amount + 1 - 1 == amount * 1", []),
        ("-amount < +amount", [3]),
        ("abs(amount) == 10", []),
        ("len(name) <= 3", [1]),
        ("name == 'ab' or name == \"abcd\" or name is null", [3]),
        ("`unit price` >= 0", [0]),
        ("end is null", [0, 1, 3]),
        ("end is not null", [2]),
        ("name in ('ab', 'abcd')", [3]),
        ("name not in ['ab', 'abcd']", [0, 1]),
        ("amount in (10, -10)", []),
        ("amount in (10.5, 10)", [3]),
        ("true", None),
        ("amount > 0 or false", [3]),
        ("(end - start) * 2 < 100", []),
        ("`unit price` == `unit price`", [3]),  # NaN equals nothing
        ("item.count < 5", [1]),
        ("day >= '2024-01-02'", [0]),
        ("day in ('2024-01-01', '2024-01-02')", [3]),
        ("at < '2024-06-01T00:00:00'", [2]),
        ("price > '0.05' and price < 1", [2]),
        ("flag", [1]),
        ("flag == true", [1]),
        ("color == 'red'", [1]),
    ],
)
def test_rules(rule: str, expected: list[int] | None) -> None:
    table = {
        "start": [1, 9, 5, 1],
        "end": [2, 4, None, 2],
        "amount": [10, 10, 10, -10],
        "name": ["ab", "abcd", None, "x"],
        "unit price": pa.array([-1.0, 0.0, None, math.nan], from_pandas=False),
        "item": [{"count": 1}, {"count": 7}, None, {"count": None}],
        "day": [datetime.date(2024, 1, day) for day in (1, 2, 2, 3)],
        "at": [datetime.datetime(2024, month, 1) for month in (1, 2, 7, 3)],
        "price": [decimal.Decimal(p) for p in ("0.10", "0.20", "0.01", "0.99")],
        "flag": [True, False, None, True],
        "color": pa.array(["red", "blue", None, "red"]).dictionary_encode(),
    }
    if rule == "`unit price` >= 0":
        expected = [0, 3]  # NaN is not at least 0
    if expected is None:
        with pytest.raises(inlay.InvalidArgumentError, match="names no column"):
            checks.rule(rule)
        return
    assert failing(checks.rule(rule), **table) == expected


@pytest.mark.parametrize(
    "rule",
    [
        "__import__('os').system('true')",
        "a.__class__()",
        "(lambda: 1)()",
        "[x for x in a]",
        "a if b else c",
        "a[0] > 1",
        "a ** 2 > 1",
        "a % 2 == 0",
        "a // 2 == 0",
        "a & b",
        "a = 1",
        "a := 1",
        "f'{a}'",
        "b'x' == a",
        "1j < a",
        "... == a",
        "open(a)",
        "abs(a, b)",
        "abs(*a)",
        "len(a=1)",
        "a is b",
        "null is a",
        "a == null",
        "a in b",
        "a in ()",
        "a in (null,)",
        "a in (b,)",
        "{a: 1}",
        "a <",
        "",
        "a; b",
        "await a",
        "a > 1\n b",
        "(" * 500 + "a" + ")" * 500,
        " and ".join(["a > 1"] * 2000),
        "-" * 300 + "a > 1",
        "a" * 20_000,
        "a\0 > 1",
    ],
)
def test_nothing_else_is_a_rule(rule: str) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match="rule"):
        parse_rule(rule)
    with pytest.raises(TypeError, match="a rule is a text"):
        parse_rule(3)  # type: ignore[arg-type]


def test_a_refusal_shows_the_part_as_it_was_written() -> None:
    with pytest.raises(inlay.InvalidArgumentError, match=r"`unit price` \*\* 2"):
        parse_rule("`unit price` ** 2 > 3")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("a > 'x'", "a > 'x'"),
        ("a + b > 1", "a \\+ b"),
        ("a", "not true or false"),
        ("len(a) > 1", "len"),
        ("day > 'tomorrow'", "tomorrow"),
        ("a > 99999999999999999999999999999999999999", "a >"),
    ],
)
def test_rules_that_do_not_fit_their_columns_are_faults(rule: str, message: str) -> None:
    table = {"a": [1], "b": ["x"], "day": [datetime.date(2024, 1, 1)]}
    with pytest.raises(inlay.ContractError, match=message):
        inlay.Contract([checks.rule(rule)]).check(table)


def test_integers_that_overflow_make_a_rule_undefined() -> None:
    contract = inlay.Contract([checks.rule("a + 1 > 0")])
    report = contract.check({"a": [1, 2**63 - 1]})
    assert report.passed is None
    assert "overflow" in (report.results[0].reason or "")


def test_comparisons_of_columns_are_exact() -> None:
    a = pa.array([2**53 + 1, 2**63 - 1, 5, None])
    assert failing(checks.rule("a == b"), a=a, b=pa.array([2.0**53, 2.0**63, 5.0, 1.0])) == [0, 1]
    b = pa.array([2**63, 2**63, 2**63, 2**63], pa.uint64())
    assert failing(checks.rule("a > b"), a=a, b=b) == [0, 1, 2]


def test_foreign_key() -> None:
    assert failing(checks.foreign_key("a", [1, 2]), a=[1, 3, None]) == [1]
    assert failing(checks.foreign_key("a", pa.array(["x", None])), a=["x", "y", None]) == [1]
    assert failing(checks.foreign_key("a", pa.chunked_array([[1], [2]])), a=[2, 5]) == [1]
    assert failing(checks.foreign_key("a", []), a=[1, None]) == [0]
    days = [datetime.date(2024, 1, day) for day in (1, 2)]
    assert failing(checks.foreign_key("a", days[:1]), a=days) == [1]
    many = range(0, 200_000, 2)
    assert failing(checks.foreign_key("a", many), a=list(range(100, 110))) == [1, 3, 5, 7, 9]
    with pytest.raises(inlay.InvalidArgumentError, match="list of values"):
        checks.foreign_key("a", "xyz")


def test_sums() -> None:
    check = checks.sums("t", ["a", "b"])
    assert failing(check, t=[3, 3, None, 1], a=[1, 1, 1, None], b=[2, 1, 1, 1]) == [1]
    loose = checks.sums("t", ["a", "b"], tolerance=0.01)
    assert failing(loose, t=[0.3, 0.32], a=[0.1, 0.1], b=[0.2, 0.2]) == [1]
    assert failing(loose, t=[math.nan, 0.3], a=[0.1, 0.1], b=[0.2, 0.2]) == [0]
    money = [decimal.Decimal(v) for v in ("0.30", "0.31")]
    tenth = [decimal.Decimal("0.10")] * 2
    assert failing(check, t=money, a=tenth, b=[decimal.Decimal("0.20")] * 2) == [1]
    mixed = pa.array([decimal.Decimal("0.2")] * 2, pa.decimal128(5, 1))
    assert failing(check, t=money, a=tenth, b=mixed) == [1]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: checks.sums("t", []), ValueError, "at least one part"),
        (lambda: checks.sums("t", "ab"), ValueError, "list of columns"),
        (lambda: checks.sums("t", ["a"], tolerance=-1), ValueError, "at least 0, got -1"),
        (lambda: checks.sums("t", ["a"], tolerance=math.inf), ValueError, "finite"),
        (lambda: checks.sums("t", ["a"], tolerance="1"), TypeError, "is a number"),
    ],
)
def test_faulty_sums(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("p <= 9.95", []),
        ("9.95 == p", []),
        ("p in (9.95)", []),
        ("p in (9.955, 9.95)", []),
        ("p not in (9.95)", [0]),
        ("p * 1.2 <= 11.94", []),
        ("p * 1.2 < 11.94", [0]),
        ("p <= 10 - 0.05", []),
        ("p + 0.001 == 9.951", []),
        ("-p == -9.95", []),
        ("p < 9.950000000000000000000000001", []),
        ("p >= 9.950000000000000000000000001", [0]),
        ("p <= 1e300 and p >= -1e300", []),
        ("p / 2 < 5", []),
        ("p == '9.95'", []),
        ("wide * p > 0.5", []),
        ("wide < 12.00000000000000000000000001", []),
    ],
)
def test_numbers_that_meet_decimals_mean_their_digits(rule: str, expected: list[int]) -> None:
    prices = pa.array([decimal.Decimal("9.95")], pa.decimal128(6, 2))
    wide = pa.array([decimal.Decimal("12.00")], pa.decimal128(38, 2))
    assert failing(checks.rule(rule), p=prices, wide=wide) == expected


PYTHONS = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
}


@given(
    st.decimals(-999, 999, places=2),
    st.decimals(-999, 999, places=3),
    st.sampled_from(sorted(PYTHONS)),
)
def test_decimals_against_numbers_of_a_rule_as_python_has_it(
    value: decimal.Decimal, limit: decimal.Decimal, symbol: str
) -> None:
    kept = PYTHONS[symbol](value, limit)
    prices = pa.array([value], pa.decimal128(6, 2))
    assert failing(checks.rule(f"p {symbol} {limit}"), p=prices) == ([] if kept else [0])


def test_numbers_that_meet_narrow_floats_are_rounded_to_them() -> None:
    x = pa.array([0.1, 0.2], pa.float32())
    for rule in ("x <= 0.2", "x in (0.1, 0.2)", "x + 0 <= 0.2", "x >= 0.1 and x < 1e300"):
        assert failing(checks.rule(rule), x=x) == []
    assert failing(checks.rule("x < 0.2"), x=x) == [1]


def test_small_integers_do_not_overflow_in_rules() -> None:
    table = {
        "a": pa.array([100], pa.int8()),
        "b": pa.array([200], pa.uint8()),
        "c": pa.array([1], pa.uint8()),
    }
    for rule in ("a + a == 200", "c - b < 0", "-c < 0", "b * b == 40000", "abs(c - b) == 199"):
        assert failing(checks.rule(rule), **table) == []


def test_a_rule_of_wrong_types_names_operator_and_types() -> None:
    with pytest.raises(inlay.ContractError, match=r"> does not take string and int64") as found:
        inlay.Contract([checks.rule("city > 3")]).check({"city": ["Rome"]})
    assert "city is " in str(found.value)
    assert "kernel" not in str(found.value)


def test_one_member_in_parentheses_is_a_list_of_one() -> None:
    assert failing(checks.rule("city in ('Rome')"), city=["Rome", "Oslo"]) == [1]
    assert failing(checks.rule("city not in ( -1 )"), city=[-1, 2]) == [0]
    with pytest.raises(inlay.InvalidArgumentError, match="takes a list"):
        checks.rule("city in 'Rome'")
