"""A column's profile as JSON: for pages, commands and whoever reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay.data.chart_cells import chart_cells
from inlay.data.leaf_values import POINT_KINDS, TEMPORAL_KINDS, json_value
from inlay.data.redaction import NAMED_KINDS
from inlay.data.reference import with_names

if TYPE_CHECKING:
    from inlay.data.column_profile import ColumnProfile

__all__ = ["column_dict"]

_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_TOP = 20
_COUNTS = (
    "null_count",
    "nan_count",
    "pos_inf_count",
    "neg_inf_count",
    "zero_count",
    "empty_count",
    "invalid_utf8_count",
    "invalid_index_count",
    "count",
)
_HIDDEN = "names are hidden by redact"


def column_dict(column: ColumnProfile) -> dict[str, Any]:
    """Return a column as a dictionary that JSON can hold; what is None for a reason has it."""
    undefined: dict[str, str] = {}
    fields: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "kind": column.kind,
        "rows": column.rows,
    }
    fields |= {name: getattr(column, name) for name in _COUNTS}
    fields |= _extremes(column, undefined)
    fields |= _moments(column, undefined)
    fields |= _quantiles(column, undefined)
    fields |= _names(column, undefined)
    fields |= _times(column, undefined)
    fields["chart"] = chart_cells(column)
    fields |= _reference(column)
    fields["undefined"] = undefined
    return fields


def _nothing(column: ColumnProfile) -> str:
    """Say why there is no value at all."""
    if column.kind == "null":
        return "a column of type null holds nulls only"
    if column.rows == 0:
        return "there are no rows"
    if column.null_count == column.rows:
        return "all values are null"
    return "there is no finite value" if column.kind == "float" else "there is no valid value"


def _json(column: ColumnProfile, exact: int | None, value: Any) -> Any:
    if exact is not None:
        return json_value(column._native, exact)
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return value


def _extremes(column: ColumnProfile, undefined: dict[str, str]) -> dict[str, Any]:
    native = column._native
    found = {
        "min": _json(column, native.exact_min, column.min),
        "max": _json(column, native.exact_max, column.max),
    }
    if column._hider is not None:
        found = dict.fromkeys(found)
    for name, value in found.items():
        if value is not None:
            continue
        if column.kind == "list":
            undefined[name] = "lists have no order; see length"
        elif column.count == 0:
            undefined[name] = _nothing(column)
        elif column.kind in NAMED_KINDS:
            undefined[name] = _HIDDEN
        else:
            undefined[name] = "the type has no order"
    return found


def _moments(column: ColumnProfile, undefined: dict[str, str]) -> dict[str, Any]:
    native = column._native
    names = ("sum", "mean", "std", "skewness", "kurtosis")
    fields: dict[str, Any] = dict.fromkeys(names)
    if column.kind in NAMED_KINDS or column.kind == "list":
        return fields
    if column.count == 0:
        return fields | _all_undefined(names, _nothing(column), undefined)
    moments = column.moments
    if moments is None:
        return fields | _all_undefined(names, "the type has no moments", undefined)
    fields["sum"] = _json(column, native.exact_sum, column.sum)
    if fields["sum"] is None:
        undefined["sum"] = (
            "it is beyond what the sum can hold"
            if native.sum_overflowed or column.kind == "float"
            else "points in time have no sum"
        )
    mean = moments.mean
    fields["mean"] = mean
    if mean is not None and column.kind in TEMPORAL_KINDS:
        fields["mean"] = json_value(native, mean)
    fields["std"], fields["skewness"] = column.std, column.skewness
    fields["kurtosis"] = column.kurtosis
    for name in names[1:]:
        if fields[name] is not None:
            continue
        if moments.overflowed:
            undefined[name] = "it is beyond what a double can hold"
        elif column.count == 1:
            undefined[name] = "one value has none"
        else:
            undefined[name] = "equal values have none"
    return fields


def _all_undefined(
    names: tuple[str, ...], reason: str, undefined: dict[str, str]
) -> dict[str, None]:
    undefined.update(dict.fromkeys(names, reason))
    return dict.fromkeys(names)


def _quantiles(column: ColumnProfile, undefined: dict[str, str]) -> dict[str, Any]:
    sketch = column.sketch
    found = None if sketch is None else sketch.quantiles(_QUANTILES)
    if sketch is None or found is None:
        if sketch is not None:
            undefined["quantiles"] = _nothing(column)
        return {"quantiles": None, "rank_error": None}
    values = [_number(column, value) for value in found]
    return {
        "quantiles": dict(zip(map(str, _QUANTILES), values, strict=True)),
        # While the sketch keeps every value, ranks are exact.
        "rank_error": 0.0
        if sketch.num_retained == sketch.count
        else sketch.normalized_rank_error(),
    }


def _number(column: ColumnProfile, value: float) -> Any:
    """Return a double of a sketch as JSON: of times and whole numbers as what they are."""
    if column.kind in TEMPORAL_KINDS:
        return json_value(column._native, value)
    return column.from_double(value)


def _names(column: ColumnProfile, undefined: dict[str, str]) -> dict[str, Any]:
    distinct, native = column.distinct, column._native
    top_k = column.top_k
    if distinct is None:
        undefined["distinct"] = "values of this type are not told apart"
    entries = [] if top_k is None else top_k.top(_TOP)
    if top_k is None:
        undefined["top"] = "values of this type are not counted one by one"
    elif not entries and column.count == 0:
        undefined["top"] = _nothing(column)
    elif not entries:
        undefined["top"] = "no value is frequent"
    lengths = column.lengths
    length = None
    if lengths is not None and lengths.count:
        length = {
            "min": round(lengths.min or 0),
            "max": round(lengths.max or 0),
            "mean": lengths.mean,
            "std": lengths.std(),
        }
    elif lengths is not None:
        undefined["length"] = _nothing(column)
    is_time = column.kind in TEMPORAL_KINDS
    return {
        "distinct": None if distinct is None else distinct._asdict(),
        "top": [
            {
                "value": json_value(native, item)
                if is_time and isinstance(item, int)
                else _shown(column, item),
                "low": low,
                "high": high,
            }
            for item, _, low, high in entries
        ],
        "redacted": column.is_redacted,
        "length": length,
    }


def _shown(column: ColumnProfile, item: Any) -> Any:
    """Return a frequent item as it may leave."""
    if column._hider is None or not isinstance(item, (str, bytes)):
        return _json(column, None, item)
    raw = item if isinstance(item, bytes) else item.encode()
    return column._hider.rename(raw).decode()


def _times(column: ColumnProfile, undefined: dict[str, str]) -> dict[str, Any]:
    native = column._native
    fields: dict[str, Any] = {"span": None, "gap": None, "ordered": column.is_ordered}
    if column.kind not in POINT_KINDS:
        return fields
    if native.exact_min is None or native.exact_max is None:
        return fields | _all_undefined(("span", "gap"), _nothing(column), undefined)
    fields["span"] = {
        "start": json_value(native, native.exact_min),
        "end": json_value(native, native.exact_max),
        "seconds": column.span_seconds,
    }
    gap = native.largest_gap
    if gap is None:
        undefined["gap"] = "equal times have no gap between them"
        return fields
    found = column.gap
    if found is None:
        undefined["gap"] = f"no stretch without rows is wider than {column.widest_gap_seconds} s"
        return fields
    fields["gap"] = {
        "low_seconds": found.low_seconds,
        "high_seconds": found.high_seconds,
        "start": json_value(native, gap[2]),
        "end": json_value(native, gap[3]),
    }
    return fields


def _reference(column: ColumnProfile) -> dict[str, Any]:
    edges, categories = column._edges, column._categories
    if categories is not None and column._hider is not None:
        categories = with_names(categories, column._hider.rename)
    return {
        "edges": None
        if edges is None
        else {
            "bounds": [_number(column, edge) for edge in edges.edges],
            "counts": edges.counts,
        },
        "categories": None
        if categories is None
        else {
            "names": categories.names,
            "counts": categories.counts,
            "other": categories.other,
        },
    }
