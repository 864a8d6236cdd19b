"""The bytes of a `DLE`: settings, the fitted regressions and the open chunk."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from inlay._exceptions import InvalidArgumentError, SerializationError
from inlay.model.estimated.array_bytes import checked_counts, pack, unpack
from inlay.model.estimated.loss_model import LossChunk, LossModel
from inlay.model.estimated.loss_trees import LossTrees
from inlay.model.estimated.reference_checks import HeldOutLoss, LossChecks

if TYPE_CHECKING:
    import numpy.typing as npt

    from inlay.model.estimated.dle import DLE

    Made = TypeVar("Made", bound=DLE)

__all__ = ["read", "write"]

_MAGIC = b"inDL"
_TREE_ARRAYS = 8
_MOST_ROWS = 1 << 53


def write(settings: dict[str, Any], model: LossModel | None, chunk: LossChunk | None) -> bytes:
    """Return the bytes of a state that does not change meanwhile."""
    state: dict[str, Any] = {"settings": settings, "checks": None, "chunk": None}
    arrays: list[npt.NDArray[Any]] = []
    if model is not None:
        checks = model.checks
        state["features"] = None if model.features is None else list(model.features)
        state["checks"] = {
            "rows": checks.rows,
            "held_out_rows": checks.held_out_rows,
            "absolute": asdict(checks.absolute),
            "squared": asdict(checks.squared),
            "left_out": dict(checks.left_out),
        }
        arrays += model.arrays()
    if chunk is not None and (chunk.rows or chunk.left_out):
        state["chunk"] = {
            "counts": chunk.counts.tolist(),
            "outside": chunk.outside,
            "sums": chunk.sums.tolist(),
            "squares": chunk.squares.tolist(),
            "left_out": dict(chunk.left_out),
        }
    return pack(_MAGIC, state, arrays)


def read(cls: type[Made], data: Any) -> Made:
    """Return what `write` wrote.

    Raises
    ------
    SerializationError
        If it did not, or in a newer version.
    """
    state, arrays = unpack(_MAGIC, data, "DLE")
    try:
        made = cls(**state["settings"])
        if state["checks"] is None:
            _expect(not arrays and state["chunk"] is None, "arrays without a fit")
            return made
        made._fitted(_model(state["features"], _checks(state["checks"]), arrays))
        if state["chunk"] is not None:
            _fill(made._chunk, state["chunk"])
    except (InvalidArgumentError, AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, SerializationError):
            raise
        message = f"the bytes of a DLE hold no such state: {error}"
        raise SerializationError(message) from error
    return made


def _expect(is_so: Any, otherwise: str) -> None:
    if not is_so:
        message = f"the bytes of a DLE hold no such state: {otherwise}"
        raise SerializationError(message)


def _is_size(number: Any) -> bool:
    return type(number) is float and isfinite(number) and number >= 0.0


def _checks(given: Any) -> LossChecks:
    both = [HeldOutLoss(**given[loss]) for loss in ("absolute", "squared")]
    for one in both:
        sizes = (one.observed, one.estimated, one.spread)
        _expect(all(map(_is_size, sizes)), f"checks of a loss: {one}")
        _expect(one.r2 is None or (type(one.r2) is float and one.r2 <= 1.0), f"checks: {one}")
    rows, held_out = given["rows"], given["held_out_rows"]
    _expect(type(rows) is int and type(held_out) is int, f"rows: {(rows, held_out)}")
    _expect(0 < held_out < rows < _MOST_ROWS, f"rows: {(rows, held_out)}")
    left_out = MappingProxyType(checked_counts(given["left_out"], "DLE"))
    return LossChecks(rows, held_out, both[0], both[1], left_out)


def _model(features: Any, checks: LossChecks, arrays: list[npt.NDArray[Any]]) -> LossModel:
    _expect(len(arrays) == 3 + 2 * _TREE_ARRAYS, f"{len(arrays)} arrays")
    lows, highs, leaf_rows = arrays[:3]
    kinds = "".join(array.dtype.kind for array in arrays)
    _expect(kinds == "ffi" + 2 * "fiifiiif", f"arrays of the kinds {kinds}")
    columns = lows.size
    _expect(lows.shape == highs.shape == (columns,) and columns > 1, "ranges")
    if features is not None:
        names = isinstance(features, list) and all(type(name) is str for name in features)
        _expect(names and len(features) == columns - 1, f"names of features: {features!r}")
    both = []
    for start in (3, 3 + _TREE_ARRAYS):
        base, *rest = arrays[start : start + _TREE_ARRAYS]
        _expect(base.shape == (1,), "the base of the trees")
        trees = LossTrees(float(base[0]), *rest)
        problem = trees.problem(columns)
        _expect(problem is None, str(problem))
        both.append(trees)
    _expect(leaf_rows.shape == (both[0].first_nodes,), "rows of leaves")
    _expect((leaf_rows >= 0).all() and int(leaf_rows.sum()) == checks.rows, "rows of leaves")
    named = None if features is None else tuple(features)
    return LossModel((both[0], both[1]), lows, highs, named, leaf_rows, checks)


def _fill(chunk: LossChunk, given: Any) -> None:
    outside, counts = given["outside"], given["counts"]
    are_counts = all(type(one) is int and 0 <= one < _MOST_ROWS for one in (outside, *counts))
    _expect(are_counts and len(counts) == len(chunk.counts), "rows of a chunk")
    _expect(outside <= sum(counts) < _MOST_ROWS, "rows of a chunk")
    for name in ("sums", "squares"):
        array = getattr(chunk, name)
        numbers = given[name]
        rows = numbers if array.ndim > 1 else [numbers]
        _expect(all(map(_is_size, (one for row in rows for one in row))), f"{name} of a chunk")
        _expect(
            [len(row) for row in rows] == [array.shape[-1]] * (array.size // array.shape[-1]), name
        )
        array[...] = numbers
    chunk.counts[:] = counts
    chunk.outside = outside
    chunk.left_out = checked_counts(given["left_out"], "DLE")
