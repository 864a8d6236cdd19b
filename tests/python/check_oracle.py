"""The rules of the native plan once more, by pyarrow's kernels and Python's own arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inlay.data.columns import Column, columns_of


def plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def whole(array: pa.Array) -> list[Any]:
    """Return values as the plan counts them: unscaled decimals, ticks, bytes, Python numbers."""
    array = plain(array)
    types = pa.types
    if types.is_decimal(array.type):
        scale = array.type.scale
        return [
            None if v is None else int(Fraction(v) * Fraction(10) ** scale)
            for v in array.to_pylist()
        ]
    if types.is_date32(array.type) or types.is_time32(array.type):
        return array.cast(pa.int32()).to_pylist()
    if types.is_temporal(array.type):
        return array.cast(pa.int64()).to_pylist()
    return array.to_pylist()


def lengths(array: pa.Array) -> list[int | None]:
    array = plain(array)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return pc.utf8_length(array).to_pylist()
    if pa.types.is_nested(array.type):
        return pc.list_value_length(array).to_pylist()
    return pc.binary_length(array).to_pylist()


def is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def in_range(value: Any, p: dict[str, Any]) -> bool:
    return not (
        is_nan(value)
        or ("min" in p and value < p["min"])
        or ("max" in p and value > p["max"])
        or (p.get("min_exclusive") and value == p["min"])
        or (p.get("max_exclusive") and value == p["max"])
    )


COMPARE = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class OracleState:
    def __init__(self) -> None:
        self.keys: dict[int, set[Any]] = {}
        self.last: dict[int, Any] = {}


class OracleOutcome:
    def __init__(
        self,
        masks: list[np.ndarray],
        stats: dict[str, Any],
        undefined: list[bool],
        first: int,
        most: int,
    ) -> None:
        self._masks = [np.asarray(mask, bool) for mask in masks]
        self._rows = [(np.flatnonzero(m) + first).tolist() for m in self._masks]
        self._stats = stats
        self._undefined = undefined
        self._most = most

    @property
    def counts(self) -> list[int]:
        return [len(rows) for rows in self._rows]

    def failed(self, rule: int) -> int:
        return len(self._rows[rule])

    def rows_of(self, rule: int) -> list[int]:
        return self._rows[rule][: self._most]

    def undefined(self, rule: int) -> bool:
        return self._undefined[rule]

    def stats(self, path: str) -> Any:
        return self._stats[path]

    def mask(self) -> bytes:
        joined = np.logical_or.reduce(self._masks)
        return np.packbits(joined, bitorder="little").tobytes()

    def merge(self, other: OracleOutcome) -> None:
        self._rows = [a + b for a, b in zip(self._rows, other._rows, strict=True)]
        self._undefined = [a or b for a, b in zip(self._undefined, other._undefined, strict=True)]
        self._stats = {path: merged(a, other._stats[path]) for path, a in self._stats.items()}


def merged(a: Any, b: Any) -> Any:
    low = [v for v in (a[5], b[5]) if v is not None]
    high = [v for v in (a[6], b[6]) if v is not None]
    counts = tuple(x + y for x, y in zip(a[:5], b[:5], strict=True))
    return (*counts, min(low, default=None), max(high, default=None), a[7] + b[7])


class OraclePlan:
    """Has the interface of `_core.CheckPlan`; slow, and independent of it."""

    def __init__(self, schema: pa.Schema, rules: list[Any], *, max_rows: int = 100) -> None:
        self.columns = columns_of(schema)
        self.rules = rules
        self.max_rows = max_rows

    def state(self) -> OracleState:
        return OracleState()

    def check(
        self, batch: pa.RecordBatch, *, first_row: int = 0, state: Any = None, mask: bool = False
    ) -> OracleOutcome:
        state = state or OracleState()
        masks, stats, undefined = [], {}, []
        for number, (kind, path, parameters) in enumerate(self.rules):
            column = self.columns[path]
            array = column.array(batch)
            masks.append(self.fails(number, kind, column, array, parameters, batch, state))
            if kind == "stats":
                stats[path] = summary(array)
            keys = state.keys.get(number, ())
            undefined.append(kind == "unique" and len(keys) > parameters["max_keys"])
        return OracleOutcome(masks, stats, undefined, first_row, self.max_rows)

    def fails(
        self,
        number: int,
        kind: str,
        column: Column,
        array: pa.Array,
        p: dict[str, Any],
        batch: pa.RecordBatch,
        state: OracleState,
    ) -> np.ndarray:
        there = plain(array).is_valid().to_numpy(zero_copy_only=False)
        values = whole(array) if kind not in ("length", "utf8", "unique", "null") else []

        def each(test: Any) -> np.ndarray:
            return np.array([v is not None and not test(v) for v in values], bool)

        match kind:
            case "null":
                return ~there
            case "missing":
                return ~there | np.array([v in p["values"] for v in values], bool)
            case "finite":
                return each(lambda v: not isinstance(v, float) or math.isfinite(v))
            case "nan":
                return each(lambda v: not is_nan(v))
            case "range":
                return each(lambda v: in_range(v, p))
            case "set":
                return each(lambda v: v in set(p["values"]))
            case "not_in_set":
                return each(lambda v: v not in set(p["values"]))
            case "length":
                low, high = p.get("min", 0), p.get("max", math.inf)
                return np.array(
                    [n is not None and not low <= n <= high for n in lengths(array)], bool
                )
            case "utf8":
                raw = plain(array).cast(pa.large_binary()).to_pylist()
                return np.array([v is not None and not decodes(v) for v in raw], bool)
            case "compare":
                test = COMPARE[p["op"]]
                if "value" in p:
                    return each(lambda v: test(v, p["value"]))
                others = whole(self.columns[p["other"]].array(batch))
                return np.array(
                    [
                        a is not None and b is not None and not test(a, b)
                        for a, b in zip(values, others, strict=True)
                    ],
                    bool,
                )
            case "unique":
                keys = zip(
                    *(whole(self.columns[path].array(batch)) for path in p["columns"]), strict=True
                )
                seen = state.keys.setdefault(number, set())
                found = []
                for key in keys:
                    # NaN is one value to a key, as to SQL's DISTINCT.
                    named = tuple("nan" if is_nan(v) else v for v in key)
                    found.append(None not in key and named in seen)
                    if None not in key:
                        seen.add(named)
                return np.array(found, bool)
            case "monotonic":
                found = []
                for value in values:
                    last = state.last.get(number)
                    if value is None or is_nan(value):
                        found.append(value is not None)  # NaN is in no order
                        continue
                    a, b = (value, last) if p["decreasing"] else (last, value)
                    found.append(last is not None and (a >= b if p["strict"] else a > b))
                    state.last[number] = value
                return np.array(found, bool)
            case "sums":
                parts = [whole(self.columns[path].array(batch)) for path in p["parts"]]
                found = []
                for total, *terms in zip(values, *parts, strict=True):
                    if total is None or None in terms:
                        found.append(False)
                    elif not all(map(math.isfinite, (total, *terms))):
                        found.append(True)
                    else:
                        rest = Fraction(total) - sum(map(Fraction, terms))
                        scale = getattr(array.type, "scale", 0)
                        found.append(abs(rest) > Fraction(p["tolerance"]) * 10**scale)
                return np.array(found, bool)
            case "dictionary" | "stats":
                return np.zeros(len(array), bool)
        raise AssertionError(kind)


def decodes(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def summary(array: pa.Array) -> tuple[Any, ...]:
    values = whole(array)
    there = [v for v in values if v is not None]
    real = [v for v in there if isinstance(v, float)]
    finite = [v for v in there if not isinstance(v, float) or math.isfinite(v)]
    total = math.fsum(finite) if real else sum(finite)
    return (
        len(values),
        len(values) - len(there),
        sum(map(math.isnan, real)),
        real.count(math.inf),
        real.count(-math.inf),
        min(finite, default=None),
        max(finite, default=None),
        total,
    )
