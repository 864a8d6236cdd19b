"""How often scores were right: ranges of equal width, from states or from rows of counts."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from inlay.model.estimate import wilson

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.report.directory.states import ModelStates

__all__ = ["calibration_of"]

_NO_SCORES = "There are no scores to compare with: predictions are labels or numbers."


def calibration_of(points: pa.Table, name: str, states: ModelStates | None) -> dict[str, Any]:
    """Tell how often each range of scores was right, over all panes and segments.

    Parameters
    ----------
    points : pyarrow.Table
        As `stored_rows` gives them.
    name : str
        The model's.
    states : ModelStates or None
        Without them rows of kind ``calibration`` say how many were right; the mean score of a range
        is then taken to be its middle.

    Returns
    -------
    dict
        ``bins``, each with ``from``, ``to``, ``n``, ``mean_score``, ``rate``, ``low`` and ``high``,
        None where there are no rows; and ``reason``, why there are none.
    """
    found = None if states is None else states.calibration()
    if found is None:
        found = _counted(points, name)
    if found is None:
        return {"bins": [], "reason": _NO_SCORES}
    if not any(n for n, _, _ in found):
        return {"bins": [], "reason": "No row has both a score and a label."}
    width = 1.0 / len(found)
    return {
        "bins": [_bin(place * width, (place + 1) * width, *of) for place, of in enumerate(found)],
        "reason": None,
    }


def _bin(low: float, high: float, n: float, hits: float, scores: float) -> dict[str, Any]:
    share = wilson(hits, n)
    return {
        "from": low,
        "to": high,
        "n": n,
        "mean_score": scores / n if n else None,
        "rate": share.value,
        "low": share.low,
        "high": share.high,
    }


def _counted(points: pa.Table, name: str) -> list[tuple[float, float, float]] | None:
    """Add up rows of counts: of each range those that were not so and those that were."""
    import pyarrow.compute as pc

    kept = pc.and_(pc.equal(points["metric"], name), pc.equal(points["kind"], "calibration"))
    rows = points.filter(kept).select(["bounds", "counts"]).to_pylist()
    if not rows:
        return None
    bounds = rows[0]["bounds"]
    totals = [0] * (2 * (len(bounds) - 1))
    for row in rows:
        if row["bounds"] == bounds and len(row["counts"] or ()) == len(totals):
            totals = [a + b for a, b in zip(totals, row["counts"], strict=True)]
    pairs = zip(totals[::2], totals[1::2], itertools.pairwise(bounds), strict=True)
    return [(no + yes, yes, 0.5 * (low + high) * (no + yes)) for no, yes, (low, high) in pairs]
