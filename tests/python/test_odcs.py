"""Contracts as files of the Open Data Contract Standard: read, written, all faults at once."""

import datetime
import decimal
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay import checks
from inlay.data.checks.bound import OPERATORS
from inlay.data.checks.check import Check

yaml = pytest.importorskip("yaml")

HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: shop\nversion: 1.0.0\nstatus: active\n"
ORDERS = (
    HEAD
    + """\
name: shop
owner: nobody
team: {name: data}
schema:
- name: orders
  physicalType: table
  quality:
  - metric: rowCount
    mustBeBetween: [1, 100]
    dimension: completeness
  - metric: duplicateValues
    arguments: {properties: [shop, id]}
    mustBe: 0
    name: one row an order
  - type: text
    description: checked by hand
  - type: sql
    query: select count(*) from {object}
    mustBe: 0
  - type: custom
    engine: soda
    implementation: anything
  - type: custom
    engine: inlay
    severity: warning
    implementation: {check: rule, expression: "paid >= 0 or paid is null"}
  properties:
  - name: id
    logicalType: integer
    required: true
    quality:
    - metric: duplicateValues
      mustBeLessThan: 1
      unit: percent
  - name: shop
    logicalType: string
    logicalTypeOptions: {minLength: 1, maxLength: 8, format: uri}
    quality:
    - type: library
      metric: invalidValues
      arguments:
        validValues: [north, south]
      mustBeLessOrEqualTo: 5
      severity: blocker
    - rule: nullValues
      mustBe: 0
  - name: paid
    logicalType: number
    logicalTypeOptions: {minimum: 0}
    quality:
    - metric: missingValues
      arguments:
        missingValues: [null, -1]
      mustNotBeBetween: [3, 5]
      unit: rows
      customProperties:
      - {property: x, value: 1}
  - name: email
    quality:
    - metric: invalidValues
      arguments: {pattern: "@", validValues: [a@b, c@d]}
      mustBe: 0
      name: mail
"""
)


def faults(text: str, **options: Any) -> list[str]:
    with pytest.raises(inlay.ContractError) as caught:
        inlay.Contract.from_yaml(text, **options)
    return [str(fault) for fault in caught.value.faults]


def test_what_the_standard_says_becomes_checks() -> None:
    contract = inlay.Contract.from_yaml(ORDERS)
    assert contract.name == "orders"
    found = [(check.title, check.bound_text, check.line) for check in contract.checks]
    assert found == [
        ("column_types", "at most 0", 34),
        ("row_count", "between 1 and 100 rows", 13),
        ("one row an order", "exactly 0 rows", 16),
        ("rule(paid >= 0 or paid is null)", "at most 0 rows", 28),
        ("nulls(id)", "at most 0 rows", 35),
        ("unique(id)", "less than 1 percent", 37),
        ("length(shop)", "at most 0 rows", 42),
        ("in_set(shop)", "at most 5 rows", 44),
        ("nulls(shop)", "exactly 0 rows", 50),
        ("in_range(paid)", "at most 0 rows", 54),
        ("missing(paid)", "not between 3 and 5 rows", 56),
        ("mail", "exactly 0 rows", 65),
        ("mail (pattern)", "exactly 0 rows", 65),
    ]
    assert contract.checks[2].columns == ("shop", "id")
    assert contract.checks[3].severity == "warning"
    assert contract.checks[1].extra == {"dimension": "completeness"}
    assert [str(note) for note in contract.ignored] == [
        "line 7: the key 'owner' is not one of the standard",
        "line 20: an entry of type text is not checked here",
        "line 22: an entry of type sql is not checked here",
        "line 25: an entry for the engine 'soda' is not checked here",
        "line 42: logicalTypeOptions.format is not checked",
        "line 49: the severity 'blocker' is taken for 'error'",
    ]


def test_such_a_contract_checks_data() -> None:
    contract = inlay.Contract.from_yaml(ORDERS)
    table = {
        "id": [1, 2],
        "shop": ["north", "south"],
        "paid": [1.5, None],
        "email": ["a@b", "x"],
    }
    report = contract.check(table)
    assert [r.name for r in report.failed_results] == ["mail", "mail (pattern)"]
    lacking = contract.check({"id": [1], "shop": ["north"], "email": ["a@b"]})
    assert lacking["column_types"].reason == "there is no column 'paid'"
    assert lacking["in_range(paid)"].reason == "the data has no column 'paid'"


def test_nothing_is_lost_when_it_is_written_back() -> None:
    contract = inlay.Contract.from_yaml(ORDERS)
    text = contract.to_yaml()
    assert yaml.safe_load(text) == yaml.safe_load(ORDERS)
    again = inlay.Contract.from_yaml(text)
    assert again == contract
    assert [n.message for n in again.ignored] == [n.message for n in contract.ignored]


def test_files_are_read_and_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    contract = inlay.Contract([checks.nulls("a"), checks.rule("a < b")], name="t", max_rows=7)
    text = contract.to_yaml(path)
    assert path.read_text() == text
    assert [p.name for p in tmp_path.iterdir()] == ["c.yaml"]
    for source in (path, str(path)):
        again = inlay.Contract.from_yaml(source)
        assert sorted(c.title for c in again.checks) == ["nulls(a)", "rule(a < b)"]
        assert again.max_rows == 7
    path.write_text("kind: x\n")
    with pytest.raises(inlay.ContractError, match=r"c\.yaml has 3 faults"):
        inlay.Contract.from_yaml(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(inlay.ContractError, match=r"c\.yaml has 1 fault"):
        inlay.Contract.from_yaml(path)
    with pytest.raises(FileNotFoundError):
        inlay.Contract.from_yaml(tmp_path / "none.yaml")


def test_one_of_several_objects_is_chosen() -> None:
    text = HEAD + "schema:\n- name: a\n- name: b\n  quality:\n  - {metric: rowCount, mustBe: 1}\n"
    assert len(inlay.Contract.from_yaml(text, dataset="b")) == 1
    assert len(inlay.Contract.from_yaml(text, dataset="a")) == 0
    assert faults(text) == ["line 6: dataset must be given: the schema has 'a', 'b'"]
    assert faults(text, dataset="c") == ["line 6: there is no object 'c': the schema has 'a', 'b'"]


def test_a_schema_goes_along() -> None:
    table = pa.table({"id": [1], "at": [datetime.datetime(2024, 1, 1)], "tags": [["x"]]})
    contract = inlay.Contract([checks.nulls("id"), checks.nulls("tags")], schema=table, name="t")
    document = yaml.safe_load(contract.to_yaml())
    assert [
        (p["name"], p["logicalType"], p["physicalType"])
        for p in document["schema"][0]["properties"]
    ] == [
        ("id", "integer", "int64"),
        ("at", "timestamp", "timestamp[us]"),
        ("tags", "array", "list"),
    ]
    assert inlay.Contract.from_yaml(contract.to_yaml()) == contract


QUALITY = (
    HEAD + "schema:\n- name: t\n  properties:\n  - name: a\n    logicalType: %s\n    quality:\n"
)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{metric: nope, mustBe: 0}", "there is no metric 'nope', only rowCount, nullValues"),
        ("{metric: [1], mustBe: 0}", "there is no metric [1]"),
        ("{metric: nullValues}", "nullValues needs an operator"),
        (
            "{metric: nullValues, mustBe: 0, mustBeLessThan: 3}",
            "more than one operator: mustBe and",
        ),
        ("{metric: nullValues, mustBe: x}", "mustBe takes a number, got 'x'"),
        ("{metric: nullValues, mustBe: true}", "mustBe takes a number, got True"),
        ("{metric: nullValues, mustBe: .nan}", "can be compared, got nan"),
        ("{metric: nullValues, mustBe: sNaN}", "can be compared, got"),
        ("{metric: nullValues, mustBeBetween: [5, 1]}", "smaller limit first, got 5 and 1"),
        ("{metric: nullValues, mustBeBetween: 5}", "mustBeBetween takes two numbers, got 5"),
        ("{metric: nullValues, mustBe: 0, unit: kg}", "unit must be 'rows' or 'percent', got 'kg'"),
        ("{metric: nullValues, mustBe: 0, arguments: {x: 1}}", "nullValues has no argument 'x'"),
        ("{metric: nullValues, mustBe: 0, arguments: 3}", "arguments must be a mapping, got 3"),
        ("{metric: nullValues, mustBe: 0, name: 3}", "name must be a text, got 3"),
        ("{metric: rowCount, mustBe: 0}", "rowCount stands under the object"),
        ("{metric: missingValues, mustBe: 0}", "needs the argument missingValues"),
        ("{metric: invalidValues, mustBe: 0}", "needs the argument validValues or pattern"),
        (
            "{metric: invalidValues, mustBe: 0, arguments: {validValues: x}}",
            "validValues must be a list, got 'x'",
        ),
        (
            "{metric: invalidValues, mustBe: 0, arguments: {validValues: [1]}}",
            "in_set(a): 1 is no string, the type of 'a'",
        ),
        ("{metric: invalidValues, mustBe: 0, arguments: {pattern: (}}", "missing"),
        (
            "{metric: invalidValues, mustBe: 3, arguments: {validValues: [x], pattern: y}}",
            "validValues and pattern need an entry each",
        ),
        (
            "{metric: duplicateValues, mustBe: 0, arguments: {properties: [a]}}",
            "properties stands under the object",
        ),
        ("{type: magic}", "there is no type 'magic'"),
        ("just text", "quality holds mappings, got 'just text'"),
        ("{type: custom, engine: inlay}", "implementation must be a mapping with check, got None"),
        ("{type: custom, engine: inlay, implementation: {check: x}}", "there is no check 'x'"),
        (
            "{type: custom, engine: inlay, implementation: "
            "{check: in_range, minimum: 5, maximum: 1}}",
            "minimum exceeds the maximum: 5 > 1",
        ),
        (
            "{type: custom, engine: inlay, implementation: {check: length, min: 5}}",
            "length has no argument 'min'",
        ),
        (
            "{type: custom, engine: inlay, implementation: {check: quantile, mustBe: 5}}",
            "quantile needs the argument 'q'",
        ),
        (
            "{type: custom, engine: inlay, implementation: {check: mean, mustBe: 5}}",
            "property 'a' is string, which has no mean",
        ),
        (
            "{type: custom, engine: inlay, implementation: {check: rule, expression: a < zz}}",
            "there is no property 'zz'",
        ),
        (
            "{type: custom, engine: inlay, implementation: {check: rule, expression: import os}}",
            "the rule cannot be parsed",
        ),
        (
            "{type: custom, engine: inlay, implementation: {check: schema, expected: 3}}",
            "a schema is a dictionary with fields",
        ),
        (
            "{type: custom, engine: inlay, implementation: {check: unique, columns: 5}}",
            "'int' object is not iterable",
        ),
    ],
)
def test_a_faulty_entry_is_told_with_its_line(entry: str, message: str) -> None:
    (found,) = faults(QUALITY % "string" + f"    - {entry}\n")
    assert message in found
    assert found.startswith("line 12: ")


def test_all_faults_of_a_file_come_at_once() -> None:
    text = """\
apiVersion: v2.2.2
kind: Contract
schema:
- name: t
  properties:
  - name: a
    logicalType: text
    required: maybe
  - name: a
  - logicalType: string
  - 5
  quality: {}
  quality: []
"""
    assert faults(text) == [
        "line 1: apiVersion must be one of v3, such as v3.1.0, got 'v2.2.2'",
        "line 2: kind must be DataContract, got 'Contract'",
        "line 7: there is no logicalType 'text', only string, date, timestamp, time, number, "
        "integer, object, array, map, boolean",
        "line 8: required is true or false, got 'maybe'",
        "line 9: two properties have the same name: 'a'",
        "line 10: a property has a name, got None",
        "line 11: properties holds mappings, got 5",
        "line 13: the key 'quality' is there twice",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n", "a contract is a mapping"),
        ("- 1\n", "a contract is a mapping"),
        ("a: [1\nb: 2", "line 2:"),
        ("a: 2024-13-45\nb: 2", "a value cannot be read"),
        ("a: \x00\nb: 1", "special characters are not allowed"),
        ("a: !!python/object/apply:os.system ['true']\nb: 1", "line 1: could not determine"),
        ("a: &x [*x]\nb: 1", "more than 200000 values"),
        (
            "a: &a [1,1,1,1,1,1,1,1,1]\n"
            + "".join(
                f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n"
                for a, b in zip("abcdefgh", "bcdefghi", strict=True)
            ),
            "more than 200000 values",
        ),
        ("a: " + "[" * 600 + "\nb: 1", "nested too deep"),
        ("--- 1\n--- 2\n", "line 2:"),
        ("? [a]\n: 1\n? {b: 1}\n: 2\n", ""),
        (HEAD + "schema: 5\n", "schema must be a list"),
        (HEAD + "schema: [{}]\n", "an object has a name"),
        (HEAD + "schema: [{name: a}, {name: a}]\n", "two objects have the same name"),
    ],
)
def test_texts_that_are_no_contract(text: str, message: str) -> None:
    assert any(message in fault for fault in faults(text))


def test_aliases_of_modest_size_are_read() -> None:
    text = (
        HEAD
        + "x: &values [a, b]\nschema:\n- name: t\n  properties:\n  - name: c\n    quality:\n"
        + "    - {metric: invalidValues, mustBe: 0, arguments: {validValues: *values}}\n"
    )
    contract = inlay.Contract.from_yaml(text)
    assert contract.checks[0].parameters == {"values": ["a", "b"]}
    assert yaml.safe_load(contract.to_yaml()) == yaml.safe_load(text)


def test_names_that_repeat_are_told_with_both_lines() -> None:
    text = QUALITY % "string" + "    - {metric: nullValues, mustBe: 0, name: n}\n" * 2
    assert faults(text) == [
        "line 12: two checks have the same name: 'n'",
        "line 13: two checks have the same name: 'n'",
    ]


def test_nested_properties_are_columns_by_path() -> None:
    text = (
        HEAD
        + """\
schema:
- name: t
  properties:
  - name: address
    logicalType: object
    properties:
    - name: zip
      logicalType: string
      required: true
"""
    )
    contract = inlay.Contract.from_yaml(text)
    report = contract.check({"address": [{"zip": "1"}, {"zip": None}]})
    assert [(r.name, r.passed) for r in report.results] == [
        ("column_types", True),
        ("nulls(address.zip)", False),
    ]


def test_without_pyyaml_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImportError, match=r"pip install 'inlay\[contracts\]'"):
        inlay.Contract.from_yaml("a: 1\n")
    with pytest.raises(ImportError, match=r"pip install 'inlay\[contracts\]'"):
        inlay.Contract([]).to_yaml()


def test_values_without_a_yaml_type_keep_their_meaning() -> None:
    contract = inlay.Contract(
        [
            checks.in_range("d", decimal.Decimal("0.10"), decimal.Decimal("0.30")),
            checks.in_range("t", datetime.time(8), datetime.time(9, 30)),
            checks.in_range("s", datetime.timedelta(0), datetime.timedelta(seconds=1.5)),
            checks.in_set("b", [b"\x00\xff"]),
            checks.in_range("z", datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)),
            checks.in_range("y", datetime.date(2024, 1, 1)),
            checks.sum("d", at_most=decimal.Decimal("0.5")),
        ],
        name="t",
    )
    table = pa.table(
        {
            "d": [decimal.Decimal("0.10"), decimal.Decimal("0.31")],
            "t": [datetime.time(8), datetime.time(9, 30, 1)],
            "s": [datetime.timedelta(seconds=1.5), datetime.timedelta(seconds=2)],
            "b": [b"\x00\xff", b"a"],
            "z": pa.array([2**60, 0], pa.timestamp("ns", "UTC")),
            "y": [datetime.date(2024, 1, 1), datetime.date(2023, 1, 1)],
        }
    )
    again = inlay.Contract.from_yaml(contract.to_yaml())
    expected = {r.name: r for r in contract.check(table).results}
    assert {r.name: r.rows for r in again.check(table).results} == {
        name: r.rows for name, r in expected.items()
    }
    assert expected["in_range(t)"].rows == (1,)


COLUMNS = st.sampled_from(["a", "b", "with space", "ünï", "a.b", "null", "yes", "1"])
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8
)
VALUES = (
    TEXTS | st.integers(-(2**70), 2**70) | st.booleans() | st.floats(allow_nan=False) | st.dates()
)
NUMBERS = st.integers(0, 100) | st.floats(0, 100)


@st.composite
def any_check(draw: st.DrawFn) -> Check:
    options: dict[str, Any] = {}
    if draw(st.booleans()):
        operator = draw(st.sampled_from(sorted(OPERATORS)))
        limits = sorted(draw(st.tuples(NUMBERS, NUMBERS)))
        options[operator] = tuple(limits) if "between" in operator else limits[0]
    options["description"] = draw(st.none() | TEXTS)
    options["severity"] = draw(st.sampled_from(["info", "warning", "error"]))
    column, other = draw(COLUMNS), draw(COLUMNS)
    bound = {
        "at_most": draw(NUMBERS),
        **{k: v for k, v in options.items() if k[:3] in ("des", "sev")},
    }
    counted = dict(options)
    if draw(st.booleans()):
        counted["unit"] = "percent"
    values = draw(st.lists(VALUES, min_size=1, max_size=4))
    makers = [
        lambda: checks.nulls(column, **counted),
        lambda: checks.missing(column, values=[None, *values], **counted),
        lambda: checks.in_range(column, draw(st.integers(0, 5)), 7.5, **counted),
        lambda: checks.in_range(column, exclusive_maximum=datetime.date(2024, 1, 1), **counted),
        lambda: checks.in_set(column, values, **counted),
        lambda: checks.not_in_set(column, values, **counted),
        lambda: checks.matches(column, "^[a-z]: #'\"$", **counted),
        lambda: checks.length(column, maximum=3, **counted),
        lambda: checks.utf8(column, **counted),
        lambda: checks.unique(column, **counted),
        lambda: checks.unique("x", "y", **counted),
        lambda: checks.monotonic(column, strict=True, **counted),
        lambda: checks.finite(column, **counted),
        lambda: checks.rule("x > 1 and `y z` != 'a: b'", **counted),
        lambda: checks.sums(column, ["x", "y"], tolerance=0.5, **counted),
        lambda: checks.foreign_key(column, values, **counted),
        lambda: checks.checksum(column, other, kind="md5", **counted),
        lambda: checks.decodable(column, "json", **counted),
        lambda: checks.dictionary(column, **counted),
        lambda: checks.sequence(column, **options),
        lambda: checks.row_count(**bound),
        lambda: checks.byte_count(**bound),
        lambda: checks.quantile(column, 0.25, **bound),
        lambda: checks.mean(column, **bound),
        lambda: checks.std(column, **bound),
        lambda: checks.minimum(column, **bound),
        lambda: checks.maximum(column, **bound),
        lambda: checks.sum(column, **bound),
        lambda: checks.fresh(column, **bound),
        lambda: checks.gap(column, **bound),
        lambda: checks.column_types({"x": "string", "y": ""}, **options),
        lambda: checks.schema({"q": [1], "r": ["a"]}, allow="nothing", **options),
    ]
    return draw(st.sampled_from(makers))()


def keyed(contract: inlay.Contract) -> list[Check]:
    return sorted(contract.checks, key=lambda check: (check.kind, repr(check), repr(check.extra)))


@settings(deadline=None, max_examples=40)
@given(st.lists(any_check(), max_size=6), TEXTS, st.integers(0, 1000))
def test_written_and_read_again(made: list[Check], name: str, max_rows: int) -> None:
    contract = inlay.Contract(made, name=name, max_rows=max_rows)
    text = contract.to_yaml()
    again = inlay.Contract.from_yaml(text + "\n")
    assert again == contract
    assert (again.name, again.max_rows) == (name, max_rows)
    assert again.ignored == ()
    third = inlay.Contract.from_yaml(again.to_yaml())
    assert third == again
    assert third.to_yaml() == text


def test_the_order_of_checks_is_kept() -> None:
    made = [checks.nulls("b"), checks.rule("a < b"), checks.utf8("a"), checks.unique("b")]
    contract = inlay.Contract(made)
    text = contract.to_yaml()
    assert inlay.Contract.from_yaml(text) == contract
    # An order that is no longer that of the checks is left aside, and said.
    fewer = inlay.Contract.from_yaml(text.replace("  - metric: duplicateValues", "  - type: text"))
    (fault,) = [f for f in fewer.ignored if "inlay.order" in f.message]
    assert not fault.is_unknown


def test_a_metric_that_is_left_out_is_asked_for() -> None:
    (found,) = faults(QUALITY % "string" + "    - {metrc: nullValues, mustBe: 0}\n")
    assert "needs the key metric, one of rowCount" in found


def test_unknown_keys_are_told_from_those_that_are_not_checked() -> None:
    text = QUALITY % "string" + "    - {type: text, description: by hand}\n"
    (left,) = inlay.Contract.from_yaml(text).ignored
    assert not left.is_unknown
    (typo,) = inlay.Contract.from_yaml(
        "kin: x\n" + text.replace("type: text", "x: 1, type: text", 0)
    ).ignored[:1]
    assert typo.is_unknown
    assert "is 'kind' meant?" in typo.message


def test_a_place_that_cannot_be_written_is_the_one_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "nowhere" / "c.yaml"
    with pytest.raises(FileNotFoundError) as found:
        inlay.Contract([checks.nulls("a")]).to_yaml(target)
    assert found.value.filename == str(target)
