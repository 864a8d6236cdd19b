"""The tables of predictions by id and of labels joined to them offline, as plain data.

In the manner of `inlay.points`. Ids are kept as their hashes, `inlay._core.prediction_id_hash`:
MurmurHash3 x64-128 with the seed 1 of an integer's eight little-endian bytes, 2 of a text's UTF-8,
3 of bytes, a UUID's 16 among them.
"""

from __future__ import annotations

from inlay.points import Column

__all__ = ["LABELS", "PREDICTIONS", "SETTINGS_EVENT"]

_TIME = "timestamp[us, UTC]"

PREDICTIONS: tuple[Column, ...] = (
    Column("time", _TIME, False),  # when it was predicted
    Column("observed_time", _TIME, False),
    Column("origin", "int64", False),
    Column("layer", "utf8", False),
    Column("metric", "utf8", False),  # the name of the quality
    Column("series_id", "int64", False),  # as of the points of its segment
    Column("attrs", "utf8", False),
    Column("resource", "utf8", False),
    Column("id_high", "int64", False),
    Column("id_low", "int64", False),
    Column("score", "float64", True),  # of classes the class's number; null for NaN
    Column("class", "utf8", True),
)
"""One row per prediction that may wait for its label."""

LABELS: tuple[Column, ...] = (
    Column("time", _TIME, False),  # when it was joined
    Column("observed_time", _TIME, False),
    Column("origin", "int64", False),
    Column("layer", "utf8", False),
    Column("metric", "utf8", False),
    Column("series_id", "int64", False),
    Column("attrs", "utf8", False),  # of its prediction, as the resource
    Column("resource", "utf8", False),
    Column("id_high", "int64", False),
    Column("id_low", "int64", False),
    Column("outcome", "float64", False),  # of classes the class's number
)
"""One row per label that was joined to a row of predictions."""

SETTINGS_EVENT = "model.quality.settings"
"""The event that says how a quality counts: ``body`` is JSON, attribute ``metric`` its name."""
