"""The schemas: the core's, the plain data's and pyarrow's view of them are one."""

import doctest
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import inlay
from inlay import _core, points
from inlay.table import arrow_schema

TABLES = ["points", "verdicts", "events", "exemplars", "spans"]


def test_core_builds_what_points_says() -> None:
    assert list(_core.table_schemas()) == TABLES
    assert _core.table_schemas() == points.SCHEMAS


@pytest.mark.parametrize("name", TABLES)
def test_pyarrow_sees_the_schema_of_an_empty_table(name: str) -> None:
    schema = pa.schema(inlay.Table.empty(name))
    assert schema.equals(arrow_schema(name), check_metadata=True)
    assert schema.names == [column.name for column in points.SCHEMAS[name]]
    assert [field.nullable for field in schema] == [c.nullable for c in points.SCHEMAS[name]]


def test_types_are_flat_enough_for_every_store() -> None:
    allowed = {
        "timestamp[us, UTC]",
        "int32",
        "int64",
        "float64",
        "utf8",
        "binary",
        "list<int64>",
        "list<float64>",
        "list<utf8>",
    }
    for schema in points.SCHEMAS.values():
        assert {column.type for column in schema} <= allowed
        names = [column.name for column in schema]
        assert len(set(names)) == len(names)


def test_keys_are_columns_and_never_null_except_where_rows_are_their_own_key() -> None:
    assert list(points.KEYS) == TABLES
    for name, key in points.KEYS.items():
        columns = {column.name: column for column in points.SCHEMAS[name]}
        assert set(key) <= set(columns)
        whole_row = len(key) == len(columns)
        assert whole_row or not any(columns[part].nullable for part in key)


def test_required_columns_of_points() -> None:
    required = {column.name for column in points.POINTS if not column.nullable}
    assert required == {
        "time",
        "start_time",
        "observed_time",
        "revision",
        "form",
        "origin",
        "window_seq",
        "layer",
        "metric",
        "kind",
        "series_id",
        "attrs",
        "resource",
        "status",
    }


def test_points_loads_nothing_of_ours() -> None:
    code = (
        "import sys, inlay; before = set(sys.modules); import inlay.points; "
        "print(sorted(m for m in set(sys.modules) - before if m.startswith(('inlay', 'pyarrow'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['inlay.points']"


def test_the_guide_tells_every_column_and_its_examples_run() -> None:
    pytest.importorskip("duckdb")
    guide = Path(__file__).parents[2] / "docs" / "guide" / "points.md"
    text = guide.read_text(encoding="utf-8")
    for name, schema in points.SCHEMAS.items():
        section = text.split(f"\n## {name}\n", 1)[1].split("\n## ", 1)[0]
        for column in schema:
            mark = "`" if column.nullable else "`\\*"
            assert f"`{column.name}{mark}" in section, (name, column.name)
    result = doctest.testfile(str(guide), module_relative=False)
    assert result.attempted > 10
    assert result.failed == 0


def test_unknown_table_names_are_refused() -> None:
    with pytest.raises(ValueError, match="'point'"):
        arrow_schema("point")
    with pytest.raises(inlay.InvalidArgumentError, match="'point'"):
        inlay.Table.empty("point")
