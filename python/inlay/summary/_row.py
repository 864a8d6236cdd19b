"""The row form of a summary: the columns of the table ``points`` that it fills."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import pyarrow

_Value = TypeVar("_Value")


def one_row_table(row: Mapping[str, Any]) -> pyarrow.Table:
    """Return a table of one row with the types that ``points`` has."""
    import pyarrow as pa

    from inlay.table import arrow_schema

    points = arrow_schema("points")
    schema = pa.schema([pa.field(name, points.field(name).type) for name in row])
    return pa.Table.from_pylist([dict(row)], schema=schema)


def given(row: Any, name: str, default: _Value) -> _Value:
    """Return a field of a row, or the default where it is absent or null."""
    if not isinstance(row, Mapping):
        kind = type(row).__name__
        message = f"a row is a mapping, such as table.to_pylist()[0], got {kind}"
        raise TypeError(message)
    value = row.get(name)
    return default if value is None else value


def check_kind(row: Mapping[str, Any], kinds: tuple[str, ...]) -> None:
    """Refuse a row that says it is of another kind, or that holds another summary's state."""
    kind, summary_type = given(row, "kind", kinds[0]), given(row, "summary_type", "")
    if kind not in kinds or summary_type:
        from inlay._exceptions import InvalidArgumentError

        what = f"summary_type {summary_type!r}" if kind in kinds else f"kind {kind!r}"
        message = f"the row is none of kind {' or '.join(kinds)}: {what}"
        raise InvalidArgumentError(message)


def stored_state(row: Mapping[str, Any], summary_type: str) -> bytes:
    """Return the serialised state that a row holds, if it is of this type."""
    found, summary = row.get("summary_type"), row.get("summary")
    if found == summary_type and summary is not None:
        return bytes(summary)
    from inlay._exceptions import InvalidArgumentError

    if found == summary_type:
        message = f"summary must hold the state, of summary_type {summary_type!r}: {summary!r}"
    else:
        message = f"summary must hold a state of summary_type {summary_type!r}: {found!r}"
    raise InvalidArgumentError(message)


def html_table(title: str, row: Mapping[str, Any]) -> str:
    """Return a small table for notebooks, a line per field; None shows as undefined."""
    lines = "".join(
        f"<tr><th>{html.escape(name)}</th>"
        f"<td>{'<em>undefined</em>' if value is None else html.escape(_short(value))}</td></tr>"
        for name, value in row.items()
    )
    return f"<table><caption>{html.escape(title)}</caption>{lines}</table>"


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and len(value) > 8:
        return f"[{', '.join(map(str, value[:8]))}, … {len(value)} buckets]"
    return str(value)
