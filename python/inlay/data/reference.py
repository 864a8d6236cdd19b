"""Freezing a profile: edges and names that later data is compared with, and their counts."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from inlay._exceptions import InvalidArgumentError
from inlay.data.groups import hidden_key
from inlay.data.redaction import HASH, hashed_name
from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import EdgeHistogram
from inlay.summary.kll import Kll
from inlay.summary.top_k import TopK

if TYPE_CHECKING:
    from inlay import _core

__all__ = [
    "Cells",
    "Frozen",
    "cells_of",
    "check_limits",
    "most_frequent",
    "reference_id",
    "with_names",
]

Cells: TypeAlias = dict[int, EdgeHistogram | Categories]
"""By the number of a leaf: what its values are counted in."""

_DIGITS = 16
# Integers with at most so many different values are names: codes, ratings, flags.
_FEW = 20
_NUMBER_KINDS = frozenset(
    {"integer", "unsigned", "float", "decimal", "date", "time", "timestamp", "duration"}
)
# Between their values nothing lies.
_WHOLE_KINDS = frozenset({"integer", "unsigned", "date", "time", "timestamp", "duration"})
# How the native profile names a text of more than 256 bytes: its first 196 to 200, and a hash.
_SHORTENED, _SHORTENED_BYTES = re.compile(r"…[0-9a-f]{32}\Z"), 230
_MOST_BINS, _MOST_NAMES = 1_000, 10_000


class Frozen(NamedTuple):
    """What makes a profile a reference.

    Attributes
    ----------
    cells : dict
        Of the whole.
    groups : dict
        Of each group.
    counted_from : {"rows", "sketch"}
        Whether the counts are of the rows, exactly, or what the sketches estimate.
    reference_id : str
        16 hex digits.
    """

    cells: Cells
    groups: dict[tuple[str, ...], Cells]
    counted_from: str
    reference_id: str


def check_limits(bins: int, names: int) -> None:
    """Refuse numbers of bins and names that cannot be.

    Raises
    ------
    InvalidArgumentError
        If `bins` is not within 2 to 1,000 or `names` not within 1 to 10,000.
    """
    for what, value, least, most in (
        ("bins", bins, 2, _MOST_BINS),
        ("names", names, 1, _MOST_NAMES),
    ):
        if not isinstance(value, int) or not least <= value <= most:
            message = f"{what} must lie within {least} to {most}: {value!r}"
            raise InvalidArgumentError(message)


def cells_of(
    native: _core.Profile, *, bins: int, names: int, is_counted_again: bool = False
) -> Cells:
    """Choose the edges or names of each leaf, with the counts that the sketches estimate.

    Parameters
    ----------
    native : native profile
    bins : int
        Cells between edges: about equally many values in each.
    names : int
        Names of text, the most frequent ones.
    is_counted_again : bool, default False
        Whether the rows are to be counted in these cells, so that all names that the sketch holds
        are candidates, of which `most_frequent` chooses.

    Returns
    -------
    dict of int to EdgeHistogram or Categories
        Numbers and times get edges, which are values of the rows, but for the first: it lies just
        below the least of them. The last is the largest. Text, booleans and integers with at most
        20 different values get names. Leaves without values, and of other kinds, nothing.
    """
    cells: Cells = {}
    for number in range(len(native.paths)):
        column = native.column(number)
        found = _categories(column, names, is_counted_again) or _edges(column, bins)
        if found is not None:
            cells[number] = found
    return cells


def most_frequent(cells: Cells, names: int) -> Cells:
    """Keep of categories those that were counted most often, so many at most.

    A sketch orders names by estimates: with few rows, some that it lists are rarer than some that
    it does not, and a reference that was cut by their counts would seem to be cut far lower.
    """
    kept: Cells = {}
    for number, cell in cells.items():
        if isinstance(cell, Categories) and len(cell.names) > names:
            pairs = sorted(
                zip(cell.names, cell.counts, strict=True), key=lambda pair: pair[1], reverse=True
            )
            kept[number] = Categories.from_row(
                {
                    "categories": [name for name, _ in pairs[:names]],
                    "counts": [
                        *(count for _, count in pairs[:names]),
                        cell.other + sum(count for _, count in pairs[names:]),
                    ],
                    "null_count": cell.null_count,
                    "nan_count": cell.nan_count,
                }
            )
        else:
            kept[number] = cell
    return kept


def _categories(
    column: _core.ColumnProfile, most: int, is_counted_again: bool
) -> Categories | None:
    if column.top_k is None:
        return None
    top_k = TopK._of(column.top_k)
    if column.kind in {"integer", "unsigned"}:
        if top_k.max_error or not 0 < top_k.size <= min(most, _FEW):
            return None
    elif column.kind not in {"text", "boolean"}:
        return None
    entries = [entry for entry in top_k.top(top_k.size) if _is_name(entry.item)]
    if not is_counted_again:
        entries = entries[:most]
    if not entries:
        return None
    listed = Categories([entry.item for entry in entries])
    counts = [entry.low for entry in entries]
    other = max(top_k.count - sum(counts), 0)
    return Categories.from_row(
        {
            "categories": listed.names,
            "counts": [*counts, other],
            "null_count": column.null_count,
        }
    )


def _is_name(item: Any) -> bool:
    """Return whether rows can be found by an item.

    Text that is no UTF-8 has no name, and the profile keeps the longest texts by their beginning.
    """
    if isinstance(item, str):
        return not (_SHORTENED.search(item) and len(item.encode()) > _SHORTENED_BYTES)
    return not isinstance(item, bytes)


def _edges(column: _core.ColumnProfile, bins: int) -> EdgeHistogram | None:
    if column.kind not in _NUMBER_KINDS or column.quantiles is None:
        return None
    sketch = Kll._of(column.quantiles)
    found = sketch.quantiles([i / bins for i in range(1, bins)])
    if found is None:
        return None
    low, high = sketch.min, sketch.max
    assert low is not None
    assert high is not None  # there are values
    found = [*_just_below(low, column.kind), *found, high]
    edges = [edge for edge, _ in itertools.groupby(edge + 0.0 for edge in found)]
    ranks = sketch.cdf(edges)
    assert ranks is not None  # there are values
    at_most = [0, *(round(rank * sketch.count) for rank in ranks)]
    return EdgeHistogram.from_row(
        {
            "bounds": edges,
            "counts": [b - a for a, b in itertools.pairwise(at_most)],
            "null_count": column.null_count,
            "nan_count": column.nan_count,
            "pos_inf_count": column.pos_inf_count,
            "neg_inf_count": column.neg_inf_count,
        }
    )


def _just_below(low: float, kind: str) -> list[float]:
    """Return the edge that parts what lies below the least value from it; none below all floats."""
    whole = low - 1.0
    if kind in _WHOLE_KINDS and whole < low and not (kind == "time" and whole < 0.0):
        return [whole]
    below = math.nextafter(low, -math.inf)
    return [below] if math.isfinite(below) else []


def reference_id(
    paths: Iterable[str],
    cells: Cells,
    by: Iterable[str],
    groups: Mapping[tuple[str, ...], tuple[list[str], Cells]],
    hidden: Iterable[str],
) -> str:
    """Hash what a reference counts in which cells.

    Parameters
    ----------
    paths : iterable of str
        The leaves of the whole.
    cells : dict
        Of the whole.
    by : iterable of str
        Columns that make the groups.
    groups : mapping
        The leaves and cells of each group.
    hidden : iterable of str
        Paths of columns whose names stand for hidden ones already.

    Returns
    -------
    str
        16 hexadecimal digits of the SHA-256 of paths, edges as little-endian doubles, names and
        counts. Names enter by their own hash, so that one reference has one id whether its names
        are hidden or not.
    """
    content = hashlib.sha256(b"inlay reference 1\x1f")
    known = set(hidden)
    is_known = [name in known for name in by]
    parts: list[tuple[list[str], list[str], Cells]] = [([], list(paths), cells)]
    for key, (names, part) in groups.items():
        pairs = zip(key, is_known, strict=True)
        parts.append(
            ([text if done else hidden_key(text, HASH.rename) for text, done in pairs], names, part)
        )
    for hashes, names, part in sorted(parts, key=lambda each: each[0]):
        _add(content, "group", hashes)
        for number, cell in sorted(part.items()):
            path = names[number]
            if isinstance(cell, EdgeHistogram):
                edges = cell.edges
                _add(content, "edges", [path, len(edges)])
                content.update(struct.pack(f"<{len(edges)}d", *edges))
                _add(content, "counts", cell.counts)
                apart = [cell.null_count, cell.nan_count, cell.pos_inf_count, cell.neg_inf_count]
            else:
                listed = cell.names if path in known else list(map(hashed_name, cell.names))
                # Equally frequent names are in an order that is lost once they are hidden.
                _add(content, "categories", [path, sorted(zip(listed, cell.counts, strict=True))])
                _add(content, "other", cell.other)
                apart = [cell.null_count]
            _add(content, "apart", apart)
    return content.hexdigest()[:_DIGITS]


def _add(content: Any, what: str, value: Any) -> None:
    text = json.dumps([what, value], ensure_ascii=False, separators=(",", ":"))
    content.update(text.encode(errors="surrogatepass") + b"\x1f")


def with_names(categories: Categories, rename: Callable[[bytes], bytes]) -> Categories:
    """Return categories with other names; counts of names that become one are added."""
    counts: dict[str, int] = {}
    for name, count in zip(categories.names, categories.counts, strict=True):
        new = rename(name.encode()).decode()
        counts[new] = counts.get(new, 0) + count
    return Categories.from_row(
        {
            "categories": list(counts),
            "counts": [*counts.values(), categories.other],
            "null_count": categories.null_count,
            "nan_count": categories.nan_count,
        }
    )
