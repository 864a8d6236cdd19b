"""Suggests a contract from what data was like: a first draft, each check with its reason."""

from __future__ import annotations

import decimal
import math
from typing import TYPE_CHECKING, Any

from inlay import checks
from inlay.data.checks.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from inlay.data.checks.check import Check

__all__ = ["suggest"]

_SLACK = 0.1  # of the span, on either side of a range
_FEW_VALUES = 20
_ROWS_PER_VALUE = 10  # a set is suggested where each value is that frequent on average
_ENOUGH_ROWS = 100  # for quantiles and uniqueness to say anything
_NUMBERS = ("integer", "unsigned", "float", "decimal")
_KEYS = ("integer", "unsigned", "text", "binary")


def suggest(data: Any, /, *, name: str = "data") -> Contract:
    """Suggest a contract that data like this keeps.

    Parameters
    ----------
    data : Profile or object
        A profile, or anything that `inlay.Profile.of` takes.
    name : str
        The contract's name.

    Returns
    -------
    Contract
        With the data's schema as the one agreed on, and these checks, each with its reason as
        description:

        * rows between half and twice as many;
        * nulls: none where there was none, else up to twice their share and one percent more;
        * numbers: finite where all were; within the range seen, widened by a tenth of its span on
          either side, without a change of sign; the median between the quartiles;
        * text: one of the values seen where these were 20 at most, each 10 times as frequent on
          average and all known; else between half the shortest and twice the longest length, or
          of the one length there was;
        * integers, text and bytes of 100 rows and more: unique where all were;
        * times: in order where they were.

        Data that can be read again is read a second time to confirm the draft: what it does not
        keep is left out. Of a profile or a stream, uniqueness is suggested only where their sketch
        is sure, which it is of some hundred values.

    Raises
    ------
    TypeError, InvalidArgumentError
        If the data cannot be read.

    Examples
    --------
    >>> import inlay
    >>> from inlay.data import suggest
    >>> contract = suggest({"age": list(range(20, 70)), "unit": ["kg", "lb"] * 25})
    >>> for check in contract.checks[1:]:
    ...     print(check.title, "|", check.bound_text, "|", check.description)
    row_count | between 25 and 100 rows | there were 50 rows
    nulls(age) | at most 0 rows | none of 50 rows was null
    in_range(age) | at most 0 rows | values lay between 20 and 69
    nulls(unit) | at most 0 rows | none of 50 rows was null
    in_set(unit) | at most 0 rows | these 2 values were all there were
    """
    from inlay.data.profile import Profile
    from inlay.data.sources import open_source

    source = None if isinstance(data, Profile) else open_source(data)
    profile = Profile.of(source) if source is not None else data
    confirms = source is not None and source.is_repeatable
    facts = profile.to_dict()
    found: list[Check] = []
    rows = facts["rows"]
    if rows:
        bounds = (math.floor(rows / 2), rows * 2)
        found.append(checks.row_count(between=bounds, description=f"there were {rows} rows"))
        for column in facts["columns"]:
            if "[]" not in column["name"]:
                found += _of_column(column, confirms=confirms)
    known = {path for path, _ in profile.schema.leaves()}
    kept = [check for check in found if known.issuperset(check.columns)]
    contract = Contract(kept, schema=profile.schema, name=name)
    if not confirms:
        return contract
    results = contract.check(source).results
    confirmed = [
        check
        for check, result in zip(contract.checks, results, strict=True)
        if check.kind != "schema" and result.passed is True
    ]
    return Contract(confirmed, schema=profile.schema, name=name)


def _of_column(column: Mapping[str, Any], *, confirms: bool) -> Iterator[Check]:
    name, rows, nulls = column["name"], column["rows"], column["null_count"]
    if not rows or nulls == rows:
        return  # nothing was seen of it but that
    if nulls == 0:
        yield checks.nulls(name, description=f"none of {rows} rows was null")
    else:
        share = 100 * nulls / rows
        most = min(100.0, math.ceil(2 * share + 1))
        reason = f"{share:.3g} % of the rows were null"
        yield checks.nulls(name, at_most=most, unit="percent", description=reason)
    kind = column["kind"]
    if kind in _NUMBERS:
        yield from _of_numbers(column)
    elif kind == "text":
        yield from _of_text(column)
    if kind in ("timestamp", "date") and column["ordered"] and rows > 1:
        yield checks.monotonic(name, description="times were in order")
    if kind in _KEYS and _is_unique(column, confirms=confirms):
        yield checks.unique(name, description=f"no value of {rows} repeated")


def _of_numbers(column: Mapping[str, Any]) -> Iterator[Check]:
    name, kind = column["name"], column["kind"]
    odd = column["nan_count"] + column["pos_inf_count"] + column["neg_inf_count"]
    if kind == "float" and odd == 0:
        yield checks.finite(name, description="all values were finite")
    low, high = column["min"], column["max"]
    if low is not None and high is not None:
        if kind == "decimal":
            low, high = decimal.Decimal(low), decimal.Decimal(high)
        limits = _widened(low, high)
        reason = f"values lay between {low} and {high}"
        if math.isfinite(limits[0]) and math.isfinite(limits[1]) and odd == 0:
            yield checks.in_range(name, *limits, description=reason)
    quantiles = column["quantiles"]
    if quantiles is not None and column["count"] >= _ENOUGH_ROWS:
        lower, upper = quantiles["0.25"], quantiles["0.75"]
        if lower < upper:
            reason = f"the quartiles were {lower:g} and {upper:g}"
            yield checks.quantile(name, 0.5, between=(lower, upper), description=reason)


def _widened(low: Any, high: Any) -> tuple[Any, Any]:
    """Widen a range by a tenth of its span, of its value if it is one point; never past zero."""
    if isinstance(low, int):
        slack: Any = math.ceil(max(high - low, abs(low) if low == high else 0) / 10)
    elif isinstance(low, decimal.Decimal):
        slack = (high - low if high > low else abs(low)) / 10
    else:
        slack = _SLACK * (high - low if high > low else abs(low))
    lower, upper = low - slack, high + slack
    zero = type(low)(0)
    return max(lower, zero) if low >= 0 else lower, min(upper, zero) if high <= 0 else upper


def _of_text(column: Mapping[str, Any]) -> Iterator[Check]:
    name, distinct, top = column["name"], column["distinct"], column["top"]
    count = column["count"] or column["rows"] - column["null_count"]
    few = distinct is not None and len(top) <= _FEW_VALUES and not column["redacted"]
    if few and top and sum(item["low"] for item in top) >= count >= _ROWS_PER_VALUE * len(top):
        values = sorted(item["value"] for item in top)
        reason = f"these {len(values)} values were all there were"
        yield checks.in_set(name, values, description=reason)
        return
    length = column["length"]
    if length is None or length["min"] is None:
        return
    low, high = int(length["min"]), int(length["max"])
    limits = (low, high) if low == high else (low // 2, 2 * high)
    reason = f"texts had {low} to {high} characters" if low < high else f"all had {low} characters"
    yield checks.length(name, *limits, description=reason)


def _is_unique(column: Mapping[str, Any], *, confirms: bool) -> bool:
    """Return whether no value repeats: perhaps, if that will be confirmed, else for sure."""
    distinct, count = column["distinct"], column["rows"] - column["null_count"]
    if distinct is None or column["null_count"] or count < _ENOUGH_ROWS:
        return False
    if any(item["low"] > 1 for item in column["top"]):
        return False
    if confirms:
        return bool(distinct["low"] <= count <= distinct["high"])
    return bool(distinct["low"] == count == distinct["high"])
