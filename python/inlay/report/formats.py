"""Numbers, shares and values as the short text of tables, in pages and terminals alike."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

__all__ = [
    "count",
    "counted",
    "detail",
    "escape_controls",
    "moment",
    "number",
    "seconds",
    "share",
    "shorten",
    "value",
]

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
# Beyond these, six digits with an exponent say more than a row of zeros.
_LARGEST_PLAIN, _SMALLEST_PLAIN = 1e9, 1e-4
_NO_VALUE = "-"
_TIMESTAMP = re.compile(
    r"(-?\d{4,}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII
)


def count(number_of: int | None) -> str:
    """Write a count with its thousands set apart; a dash without one."""
    return _NO_VALUE if number_of is None else f"{number_of:,}"


def counted(number_of: int, word: str) -> str:
    """Write how many there are of something that takes an s for more than one."""
    return f"{count(number_of)} {word}{'' if number_of == 1 else 's'}"


def share(part: int | None, whole: int | None) -> str:
    """Write a part of a whole in percent: 0 % and 100 % are said only of none and of all.

    A dash where there is no whole.
    """
    if part is None or not whole:
        return _NO_VALUE
    percent = 100.0 * part / whole
    if part == 0 or part == whole:
        return f"{percent:.0f} %"
    if percent < 0.01:
        return "< 0.01 %"
    if percent > 99.99:
        return "> 99.99 %"
    return f"{percent:.2f} %" if percent < 1 or percent > 99 else f"{percent:.1f} %"


def number(of: Any) -> str:
    """Write a number in about six digits, an integer in all of them; other values as they are.

    A dash for None.
    """
    if of is None:
        return _NO_VALUE
    if isinstance(of, bool):
        return "true" if of else "false"
    if isinstance(of, int):
        return f"{of:,}"
    if isinstance(of, float):
        if math.isnan(of):
            return "NaN"
        if math.isinf(of):
            return "∞" if of > 0 else "-∞"
        size = abs(of)
        if size and (size >= _LARGEST_PLAIN or size < _SMALLEST_PLAIN):
            return f"{of:.6g}"
        if of == int(of):
            return f"{int(of):,}"
        return f"{of:,.0f}" if size >= 1e6 else f"{of:.6g}"
    return value(of)


def seconds(length: float | None) -> str:
    """Write a length of time in the largest unit of which there is at least one."""
    if length is None:
        return _NO_VALUE
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if abs(length) >= unit:
            return f"{length / unit:.4g} {name}"
    return f"{length:.4g} s"


def moment(text: str) -> str:
    """Write an ISO 8601 timestamp shortly: without seconds that are 0; other text as it is."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        return text
    day, minute, second, zone = found.groups()
    rest = "" if second is None or not second.strip(":0.") else second
    return f"{day} {minute}{rest}{'Z' if zone == '+00:00' else zone or ''}"


def value(of: Any) -> str:
    """Write a value of a column: text as it is, nested values as JSON, a dash for None."""
    if of is None:
        return _NO_VALUE
    if isinstance(of, str):
        return of
    if isinstance(of, (bool, int, float)):
        return number(of)
    return json.dumps(of, ensure_ascii=False, default=str)


def detail(column: Mapping[str, Any], key: str) -> str:
    """Write one number of a column; where it is undefined for a reason, the word."""
    of = column.get(key)
    if of is None and key in (column.get("undefined") or {}):
        return "undefined"
    return number(of)


def escape_controls(text: str) -> str:
    """Write out what would move a cursor, end a line or turn the direction of writing."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() and unicodedata.category(character) != "Cf"
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def shorten(text: str, width: int) -> str:
    """Cut text to a width, with a mark where it was cut."""
    return text if len(text) <= width else text[: width - 1] + "…"
