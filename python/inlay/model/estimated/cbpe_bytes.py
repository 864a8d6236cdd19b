"""The bytes of a `CBPE`: settings, the fitted calibration and the open chunk."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from inlay._exceptions import InvalidArgumentError, SerializationError
from inlay.model.estimated.array_bytes import checked_counts, pack, unpack
from inlay.model.estimated.binary_model import BinaryModel
from inlay.model.estimated.isotonic import Isotonic
from inlay.model.estimated.multiclass_model import MulticlassModel
from inlay.model.estimated.reference_checks import ReferenceChecks

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from inlay.model.estimated.binary_model import BinaryChunk
    from inlay.model.estimated.cbpe import CBPE
    from inlay.model.estimated.multiclass_model import MulticlassChunk

    Made = TypeVar("Made", bound=CBPE)

__all__ = ["read", "write"]

_MAGIC = b"inCB"
_MOST_ROWS = 1 << 53


def write(
    settings: dict[str, Any],
    model: BinaryModel | MulticlassModel | None,
    chunk: BinaryChunk | MulticlassChunk | None,
) -> bytes:
    """Return the bytes of a state that does not change meanwhile."""
    arrays: list[npt.NDArray[Any]] = []
    state: dict[str, Any] = {"settings": settings, "checks": None, "left_out": None}
    if model is not None:
        checks = model.checks
        state["checks"] = {
            "rows": checks.rows,
            "calibration_error": checks.calibration_error,
            "uncalibrated_error": checks.uncalibrated_error,
            "error_by_chance": checks.error_by_chance,
            "left_out": dict(checks.left_out),
        }
        arrays += model.arrays()
    if chunk is not None and (chunk.rows or chunk.left_out):
        state["left_out"] = dict(chunk.left_out)
        arrays += chunk.arrays()
    return pack(_MAGIC, state, arrays)


def read(cls: type[Made], data: Any) -> Made:
    """Return what `write` wrote.

    Raises
    ------
    SerializationError
        If it did not, or in a newer version.
    """
    state, arrays = unpack(_MAGIC, data, "CBPE")
    try:
        made = cls(**state["settings"])
        if state["checks"] is None:
            _expect(not arrays and state["left_out"] is None, "arrays without a fit")
            return made
        left = iter(arrays)
        checks = _checks(state["checks"])
        made._fitted(_model(made, checks, left))
        if state["left_out"] is not None:
            _fill(made._chunk, left, checked_counts(state["left_out"], "CBPE"))
        _expect(next(left, None) is None, "more arrays than a state has")
    except (InvalidArgumentError, AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, SerializationError):
            raise
        message = f"the bytes of a CBPE hold no such state: {error}"
        raise SerializationError(message) from error
    return made


def _expect(is_so: Any, otherwise: str) -> None:
    if not is_so:
        message = f"the bytes of a CBPE hold no such state: {otherwise}"
        raise SerializationError(message)


def _next(arrays: Iterator[npt.NDArray[Any]], kind: str) -> npt.NDArray[Any]:
    array = next(arrays, None)
    if array is None or array.dtype.kind != kind:
        found = None if array is None else array.dtype
        message = f"the bytes of a CBPE lack an array of kind {kind!r}: {found}"
        raise SerializationError(message)
    return array


def _checks(given: Any) -> ReferenceChecks:
    made = ReferenceChecks(
        **{**given, "left_out": MappingProxyType(checked_counts(given["left_out"], "CBPE"))}
    )
    errors = (made.calibration_error, made.uncalibrated_error, made.error_by_chance)
    _expect(type(made.rows) is int and made.rows > 0, f"rows of the reference: {made.rows!r}")
    _expect(
        all(type(one) is float and 0.0 <= one <= 1.0 for one in errors),
        f"errors of the calibration: {errors!r}",
    )
    return made


def _model(
    made: CBPE, checks: ReferenceChecks, arrays: Iterator[npt.NDArray[Any]]
) -> BinaryModel | MulticlassModel:
    if made.classes is None:
        calibration, quantiles = _calibration(arrays, checks.rows)
        return BinaryModel(calibration, quantiles, checks, made.thresholds)
    both = [_calibration(arrays, checks.rows) for _ in made.classes]
    calibrations, each = zip(*both, strict=True)
    return MulticlassModel(calibrations, each, checks, made.classes)


def _calibration(
    arrays: Iterator[npt.NDArray[Any]], rows: int
) -> tuple[Isotonic, npt.NDArray[Any]]:
    import numpy as np

    made = Isotonic(*(_next(arrays, kind) for kind in "ffii"))
    quantiles = _next(arrays, "f")
    shapes = {each.shape for each in (made.lows, made.highs, made.positives, made.rows)}
    _expect(len(shapes) == 1 and made.lows.ndim == 1 and len(made.lows), "blocks")
    ends = np.stack([made.lows, made.highs], axis=1).ravel()
    _expect(
        (np.diff(ends) >= 0.0).all()  # also refuses NaN
        and (made.lows[1:] > made.highs[:-1]).all()
        and ends[0] >= 0.0
        and ends[-1] <= 1.0,
        "scores of the blocks",
    )
    _expect(
        (made.rows > 0).all()
        and (made.rows <= rows).all()
        and int(made.rows.sum()) == rows
        and (made.positives >= 0).all()
        and (made.positives <= made.rows).all()
        and (np.diff(made.positives / made.rows) > 0.0).all(),
        "counts of the blocks",
    )
    _expect(
        quantiles.ndim == 1
        and len(quantiles)
        and (np.diff(quantiles) > 0.0).all()
        and quantiles[0] == made.lows[0]
        and quantiles[-1] == made.highs[-1],
        "scores of the cells",
    )
    return made, quantiles


def _fill(
    chunk: BinaryChunk | MulticlassChunk,
    arrays: Iterator[npt.NDArray[Any]],
    left_out: dict[str, int],
) -> None:
    import numpy as np

    for mine in chunk.arrays():
        theirs = _next(arrays, mine.dtype.kind)
        _expect(theirs.shape == mine.shape, f"an array of a chunk, of the shape {theirs.shape}")
        _expect((theirs >= 0).all() and np.isfinite(theirs).all(), "negative sums of a chunk")
        _expect((theirs < _MOST_ROWS).all(), "sums of a chunk too large")
        mine[...] = theirs
    chunk.left_out.update(left_out)
