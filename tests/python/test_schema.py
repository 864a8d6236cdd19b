"""Schemas: inferred, stored, compared; what is breaking is so for a reader of the old one."""

import datetime
import decimal
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay.data.schema import Field
from inlay.data.type_names import holds_values_of, kind_of, type_name, unit_and_zone

NESTED = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("address", pa.struct([("city", pa.utf8()), ("zip", pa.int32())])),
        pa.field("tags", pa.list_(pa.utf8())),
        pa.field("attrs", pa.map_(pa.utf8(), pa.float64())),
        pa.field("vector", pa.list_(pa.float32(), 3)),
        pa.field("at", pa.timestamp("us", "UTC")),
        pa.field("price", pa.decimal128(10, 2)),
        pa.field("color", pa.dictionary(pa.int32(), pa.utf8(), ordered=True)),
    ]
)


def schema(*fields: tuple[str, pa.DataType]) -> inlay.Schema:
    return inlay.Schema.of(pa.schema(list(fields)))


def kinds(old: inlay.Schema, new: inlay.Schema) -> list[tuple[str, str, bool]]:
    return [(c.kind, c.column, c.compatible) for c in old.diff(new)]


def test_every_type_has_a_name_and_a_kind() -> None:
    found = inlay.Schema.of(NESTED)
    assert [(f.name, f.type, f.kind, f.nullable) for f in found] == [
        ("id", "int64", "integer", False),
        ("address", "struct", "struct", True),
        ("tags", "list", "list", True),
        ("attrs", "map", "list", True),
        ("vector", "fixed_size_list[3]", "list", True),
        ("at", "timestamp[us, UTC]", "timestamp", True),
        ("price", "decimal128(10, 2)", "decimal", True),
        ("color", "dictionary<int32, utf8>", "text", True),
    ]
    assert [path for path, _ in found.leaves()] == [
        "id",
        "address.city",
        "address.zip",
        "tags",
        "tags[]",
        "attrs",
        "attrs.key",
        "attrs.value",
        "vector",
        "vector[]",
        "at",
        "price",
        "color",
    ]


@pytest.mark.parametrize(
    ("arrow_type", "name", "kind"),
    [
        (pa.null(), "null", "null"),
        (pa.bool_(), "bool", "boolean"),
        (pa.uint8(), "uint8", "unsigned"),
        (pa.float16(), "float16", "float"),
        (pa.large_utf8(), "large_utf8", "text"),
        (pa.string_view(), "utf8_view", "text"),
        (pa.binary(4), "fixed_size_binary[4]", "binary"),
        (pa.binary_view(), "binary_view", "binary"),
        (pa.date32(), "date32", "date"),
        (pa.date64(), "date64", "date"),
        (pa.time32("s"), "time32[s]", "time"),
        (pa.time64("ns"), "time64[ns]", "time"),
        (pa.timestamp("ns"), "timestamp[ns]", "timestamp"),
        (pa.duration("ms"), "duration[ms]", "duration"),
        (pa.decimal256(50, -2), "decimal256(50, -2)", "decimal"),
        (pa.list_view(pa.int8()), "list_view", "list"),
        (pa.large_list(pa.int8()), "large_list", "list"),
        (pa.month_day_nano_interval(), "month_day_nano_interval", None),
        (pa.dense_union([pa.field("a", pa.int8())]), "dense_union<a: int8=0>", None),
        (pa.run_end_encoded(pa.int32(), pa.utf8()), None, None),
        (pa.uuid(), "fixed_size_binary[16]", "binary"),
    ],
)
def test_type_names(arrow_type: pa.DataType, name: str | None, kind: str | None) -> None:
    found = type_name(arrow_type)
    assert name is None or found == name
    assert kind_of(found) == kind


def test_of_takes_tables_batches_readers_frames_and_files(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    expected = inlay.Schema.of(table.schema)
    pq.write_table(table, tmp_path / "t.parquet")
    for data in (
        table,
        table.to_batches()[0],
        table.to_reader(),
        inlay.Table(table),
        {"a": [1, 2], "b": ["x", None]},
        expected,
        tmp_path / "t.parquet",
    ):
        assert inlay.Schema.of(data) == expected
    reader = table.to_reader()
    inlay.Schema.of(reader)
    assert reader.read_all() == table  # nothing was consumed


def test_of_refuses_what_is_no_data() -> None:
    with pytest.raises(TypeError):
        inlay.Schema.of(3)


def test_dictionaries_keep_their_values_or_their_hash() -> None:
    small = inlay.Schema.of(pa.table({"c": pa.array(["a", "b"]).dictionary_encode()}))
    assert small["c"].values == ("a", "b")
    many = pa.array([str(i) for i in range(1001)]).dictionary_encode()
    large = inlay.Schema.of(pa.table({"c": many}))
    assert large["c"].values is None
    assert len(large["c"].values_hash or "") == 64
    chunks = pa.chunked_array(
        [pa.array(["a"]).dictionary_encode(), pa.array(["b"]).dictionary_encode()]
    )
    assert inlay.Schema.of(pa.table({"c": chunks}))["c"].values == ("a", "b")
    assert inlay.Schema.of(pa.schema([("c", many.type)]))["c"].values is None


def test_is_a_frozen_value() -> None:
    found = inlay.Schema.of(NESTED)
    with pytest.raises(AttributeError):
        found.fields = ()  # type: ignore[misc]
    assert found == inlay.Schema.of(NESTED)
    assert hash(found) == hash(inlay.Schema.of(NESTED))
    assert len(found) == 8
    assert "id" in found
    assert "nope" not in found
    with pytest.raises(KeyError):
        found["nope"]
    assert repr(found).startswith("inlay.Schema(id: int64 not null, address: struct")
    with pytest.raises(TypeError, match="made of fields"):
        inlay.Schema(["id"])  # type: ignore[list-item]


def test_saved_and_loaded_again(tmp_path: Path) -> None:
    found = inlay.Schema.of(
        pa.table({"c": pa.array(["a", "b"]).dictionary_encode(), "n": [[1], []]})
    )
    path = tmp_path / "s.json"
    found.save(path)
    assert inlay.Schema.load(path) == found
    assert list(tmp_path.iterdir()) == [path]
    assert json.loads(path.read_text())["version"] == 1


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "dictionary with fields"),
        ({"version": 1}, "dictionary with fields"),
        ({"version": 2, "fields": []}, "version this inlay does not know: 2"),
        ({"version": 1, "fields": {}}, "fields must be a list"),
        ({"version": 1, "fields": [3]}, r"fields\[0\] must be a dictionary"),
        ({"version": 1, "fields": [{"name": 3, "type": "int8"}]}, r"fields\[0\].name must be str"),
        ({"version": 1, "fields": [{"name": "a"}]}, r"fields\[0\].type must be str"),
        (
            {"version": 1, "fields": [{"name": "a", "type": "x", "nullable": 1}]},
            "nullable must be bool, got 1",
        ),
        ({"version": 1, "fields": [{"name": "a", "type": "x", "kind": 1}]}, "no field has: 'kind'"),
        (
            {"version": 1, "fields": [{"name": "a", "type": "x", "values": [1.5]}]},
            "values must be a list of texts or integers",
        ),
        (
            {"version": 1, "fields": [{"name": "a", "type": "struct", "fields": [{}]}]},
            r"fields\[0\].fields\[0\].name",
        ),
    ],
)
def test_from_dict_names_what_is_wrong(members: object, message: str) -> None:
    with pytest.raises(inlay.SerializationError, match=message):
        inlay.Schema.from_dict(members)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "{", "\xff", '{"fields": 1', "[" * 100_000])
def test_load_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(inlay.SerializationError, match=r"broken\.json holds no schema"):
        inlay.Schema.load(path)


def test_deeply_nested_members_are_refused() -> None:
    members: dict[str, object] = {"name": "a", "type": "int8"}
    for _ in range(100):
        members = {"name": "a", "type": "struct", "fields": [members]}
    with pytest.raises(inlay.SerializationError, match="nested deeper"):
        inlay.Schema.from_dict({"version": 1, "fields": [members]})


def test_no_change() -> None:
    assert inlay.Schema.of(NESTED).diff(inlay.Schema.of(NESTED)) == ()


def test_columns_added_removed_and_reordered() -> None:
    old = schema(("a", pa.int8()), ("b", pa.utf8()), ("c", pa.bool_()))
    new = schema(("c", pa.bool_()), ("a", pa.int8()), ("d", pa.utf8()))
    assert kinds(old, new) == [
        ("column_removed", "b", False),
        ("column_added", "d", True),
        ("columns_reordered", "", True),
    ]
    reordered = old.diff(new)[-1]
    assert (reordered.old, reordered.new) == ("a, c", "c, a")


def test_a_rename_is_told_only_by_a_field_id() -> None:
    def with_id(name: str, number: str) -> inlay.Schema:
        return inlay.Schema([Field(name, "int8", id=number), Field("z", "utf8", id="9")])

    assert kinds(with_id("a", "1"), with_id("b", "1")) == [("column_renamed", "a", False)]
    assert kinds(with_id("a", "1"), with_id("b", "2")) == [
        ("column_removed", "a", False),
        ("column_added", "b", True),
    ]
    assert kinds(schema(("a", pa.int8())), schema(("b", pa.int8()))) == [
        ("column_removed", "a", False),
        ("column_added", "b", True),
    ]


@pytest.mark.parametrize(
    ("old", "new", "kind", "compatible"),
    [
        (pa.int32(), pa.int64(), "type_widened", False),
        (pa.int64(), pa.int32(), "type_narrowed", True),
        (pa.float64(), pa.int32(), "type_narrowed", True),
        (pa.float32(), pa.int32(), "type_changed", False),
        (pa.int64(), pa.utf8(), "type_changed", False),
        (pa.int64(), pa.uint64(), "type_changed", False),
        (pa.utf8(), pa.large_utf8(), "encoding_changed", True),
        (pa.utf8(), pa.dictionary(pa.int8(), pa.utf8()), "encoding_changed", True),
        (pa.decimal128(10, 2), pa.decimal128(12, 2), "type_widened", False),
        (pa.decimal128(10, 2), pa.decimal128(8, 1), "type_narrowed", True),
        (pa.decimal128(10, 2), pa.decimal128(10, 3), "type_changed", False),
        (pa.timestamp("us"), pa.timestamp("ms"), "unit_changed", False),
        (pa.timestamp("us", "UTC"), pa.timestamp("us"), "timezone_changed", False),
        (pa.timestamp("us"), pa.date32(), "type_changed", False),
        (pa.null(), pa.int8(), "type_widened", False),
        (pa.int8(), pa.null(), "type_narrowed", True),
        (pa.list_(pa.int8()), pa.large_list(pa.int8()), "encoding_changed", True),
        (pa.list_(pa.int8()), pa.list_(pa.int8(), 2), "type_narrowed", True),
        (pa.binary(), pa.binary(4), "type_narrowed", True),
    ],
)
def test_changes_of_type(old: pa.DataType, new: pa.DataType, kind: str, compatible: bool) -> None:
    assert kinds(schema(("a", old)), schema(("a", new))) == [(kind, "a", compatible)]


def test_unit_and_zone_are_two_changes() -> None:
    old, new = schema(("a", pa.timestamp("us", "UTC"))), schema(("a", pa.timestamp("ns")))
    assert [str(change) for change in old.diff(new)] == [
        "a: unit changed from us to ns (breaking)",
        "a: timezone changed from UTC to no zone (breaking)",
    ]


def test_nullability() -> None:
    strict = inlay.Schema.of(pa.schema([pa.field("a", pa.int8(), nullable=False)]))
    loose = schema(("a", pa.int8()))
    assert kinds(strict, loose) == [("nullability_changed", "a", False)]
    assert kinds(loose, strict) == [("nullability_changed", "a", True)]


def test_dictionary_values_and_order() -> None:
    def of(values: list[str], ordered: bool = False) -> inlay.Schema:
        found = tuple(values)
        return inlay.Schema([Field("a", "dictionary<int8, utf8>", values=found, ordered=ordered)])

    assert kinds(of(["a", "b"]), of(["b", "a"])) == []
    assert kinds(of(["a"]), of(["a", "b"])) == [("dictionary_values_added", "a", False)]
    assert kinds(of(["a", "b"]), of(["a"])) == [("dictionary_values_removed", "a", True)]
    assert kinds(of(["a", "b"], True), of(["b", "a"], True)) == [
        ("dictionary_order_changed", "a", False)
    ]
    assert kinds(of(["a"]), of(["a"], True)) == [("dictionary_order_changed", "a", True)]
    assert kinds(of(["a"], True), of(["a"])) == [("dictionary_order_changed", "a", False)]
    hashed = inlay.Schema([Field("a", "dictionary<int8, utf8>", values_hash="f" * 64)])
    unseen = inlay.Schema([Field("a", "dictionary<int8, utf8>")])
    assert kinds(of(["a"]), hashed) == [("dictionary_values_changed", "a", False)]
    assert kinds(hashed, unseen) == kinds(of(["a"]), unseen) == []


def test_nested_fields_go_by_path() -> None:
    old = inlay.Schema.of(NESTED)
    struct = pa.struct([("city", pa.large_utf8()), ("country", pa.utf8())])
    new = inlay.Schema.of(
        NESTED.set(1, pa.field("address", struct)).set(2, pa.field("tags", pa.list_(pa.int8())))
    )
    assert kinds(old, new) == [
        ("encoding_changed", "address.city", True),
        ("column_removed", "address.zip", False),
        ("column_added", "address.country", True),
        ("type_changed", "tags[]", False),
    ]


def test_duplicate_names_are_told_apart() -> None:
    old = schema(("a", pa.int8()), ("a", pa.utf8()))
    assert [path for path, _ in old.leaves()] == ["a", "a#2"]
    assert kinds(old, schema(("a", pa.int8()))) == [("column_removed", "a#2", False)]


def test_changes_become_events() -> None:
    observer = inlay.Observer(window=1000)
    for change in schema(("a", pa.int8())).diff(schema(("a", pa.int16()), ("b", pa.int8()))):
        assert change.event(observer, dataset="orders")
    rows = [r for r in observer.collect().events.to_pylist() if r["name"] == "data.schema_change"]
    assert [row["severity"] for row in rows] == [13, 9]
    assert {row["layer"] for row in rows} == {"data"}
    assert json.loads(rows[0]["attrs"]) == {
        "column": "a",
        "compatible": "False",
        "dataset": "orders",
        "kind": "type_widened",
        "new": "int16",
        "old": "int8",
    }
    observer.stop()


NUMERIC = [
    *(getattr(pa, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32, 64)),
    pa.float32(),
    pa.float64(),
    pa.decimal128(5, 2),
    pa.decimal128(20, 0),
    pa.decimal128(21, 2),
    pa.decimal128(38, 10),
]


def extremes(arrow_type: pa.DataType) -> list[object]:
    if pa.types.is_integer(arrow_type):
        bits, signed = arrow_type.bit_width, pa.types.is_signed_integer(arrow_type)
        low = -(2 ** (bits - 1)) if signed else 0
        high = 2 ** (bits - signed) - 1
        return [low, high, 0, 1]
    if pa.types.is_decimal(arrow_type):
        digits = decimal.Decimal(10**arrow_type.precision - 1)
        high = digits.scaleb(-arrow_type.scale, decimal.Context(prec=60))
        return [high, high.copy_negate()]
    if arrow_type == pa.float32():
        return [3.4028234663852886e38, 1.401298464324817e-45, 0.5]
    return [1.7976931348623157e308, 5e-324, 0.5]


@pytest.mark.parametrize("source", NUMERIC, ids=str)
@pytest.mark.parametrize("target", NUMERIC, ids=str)
def test_lossless_types_agree_with_the_values_themselves(
    source: pa.DataType, target: pa.DataType
) -> None:
    """A type holds another's values if and only if its extremes survive there and back."""
    array = pa.array(extremes(source), source)
    try:
        there = array.cast(target)
        pairs = zip(array.to_pylist(), there.to_pylist(), strict=True)
        survives = all(Fraction(a) == Fraction(b) for a, b in pairs)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OverflowError):
        survives = False
    if holds_values_of(type_name(target), type_name(source)):
        assert survives
    elif pa.types.is_integer(source) and pa.types.is_integer(target):
        assert not survives


def test_units_and_zones() -> None:
    assert unit_and_zone("date32") == ("D", None)
    assert unit_and_zone("timestamp[ns, Europe/Paris]") == ("ns", "Europe/Paris")
    assert unit_and_zone("int64") == (None, None)


FIELD_TYPES = [pa.int8(), pa.int64(), pa.utf8(), pa.float32(), pa.timestamp("us", "UTC")]


@st.composite
def schemas(draw: st.DrawFn) -> inlay.Schema:
    names = draw(st.lists(st.sampled_from("abcdef"), unique=True, max_size=5))
    fields = []
    for name in names:
        arrow_type = draw(st.sampled_from(FIELD_TYPES))
        if draw(st.booleans()):
            arrow_type = pa.struct([("x", arrow_type), ("y", pa.list_(arrow_type))])
        fields.append(pa.field(name, arrow_type, draw(st.booleans())))
    return inlay.Schema.of(pa.schema(fields))


@settings(deadline=None, max_examples=60)
@given(schemas(), schemas())
def test_diff_is_empty_only_for_equals_and_mirrors(old: inlay.Schema, new: inlay.Schema) -> None:
    assert inlay.Schema.from_dict(json.loads(json.dumps(old.to_dict()))) == old
    changes, back = old.diff(new), new.diff(old)
    assert (changes == ()) == (old == new)
    added = {c.column for c in changes if c.kind == "column_added"}
    assert added == {c.column for c in back if c.kind == "column_removed"}
    opposite = {"type_widened": "type_narrowed", "type_narrowed": "type_widened"}
    for change in changes:
        if change.kind in opposite:
            mirrored = [c for c in back if c.column == change.column and c.kind.startswith("type")]
            assert mirrored[0].kind == opposite[change.kind]
            assert mirrored[0].compatible != change.compatible


def test_import_of_schema_loads_no_pyarrow() -> None:
    code = (
        "import sys, inlay; inlay.Schema; inlay.checks.nulls('a'); inlay.Contract([]);"
        "print(sorted({'pyarrow', 'numpy', 'yaml'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_dates_in_paths_do_not_matter() -> None:
    assert inlay.Schema.of({"2024-01-01": [datetime.date(2024, 1, 1)]}).names == ("2024-01-01",)


def test_a_schema_is_compared_with_that_of_data() -> None:
    old = inlay.Schema.of({"a": [1]})
    table = pa.table({"a": [1], "b": ["x"]})
    assert old.diff(table) == old.diff(inlay.Schema.of(table))
    assert [change.column for change in old.diff(table)] == ["b"]
    with pytest.raises(TypeError):
        old.diff(3)
