"""The buckets of an ExpHistogram in the words of the formats that have the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inlay import _core

__all__ = ["as_ddsketch", "as_otlp", "as_prometheus"]

# A run of this many empty buckets costs less inside a span than a span of its own.
_BRIDGED = 2


def as_otlp(native: _core.ExpHistogram) -> dict[str, Any]:
    """Return the fields of OTLP's ``ExponentialHistogramDataPoint``."""
    sides = {"positive": native.positive(), "negative": native.negative()}
    return {
        "count": native.count,
        "scale": native.scale,
        "zero_count": native.zero_count,
        "zero_threshold": 0.0,
    } | {
        side: {"offset": offset, "bucket_counts": counts}
        for side, (offset, counts) in sides.items()
    }


def as_prometheus(native: _core.ExpHistogram) -> dict[str, Any]:
    """Return the bucket fields of Prometheus' protobuf message ``Histogram``."""
    fields: dict[str, Any] = {
        "sample_count": native.count,
        "schema": native.scale,
        "zero_threshold": 0.0,
        "zero_count": native.zero_count,
    }
    for side, (offset, counts) in (
        ("positive", native.positive()),
        ("negative", native.negative()),
    ):
        # Prometheus numbers a bucket by its upper bound, OTLP by its lower one.
        fields[f"{side}_span"], fields[f"{side}_delta"] = _spans(offset + 1, counts)
    return fields


def as_ddsketch(native: _core.ExpHistogram) -> dict[str, Any]:
    """Return the fields of DDSketch's protobuf message ``DDSketch``."""

    def store(side: tuple[int, list[int]]) -> dict[str, Any]:
        offset, counts = side
        # The key of a bucket is the logarithm of its upper bound, rounded up: OTLP's index + 1.
        return {
            "contiguousBinCounts": [float(count) for count in counts],
            "contiguousBinIndexOffset": offset + 1 if counts else 0,
        }

    return {
        "mapping": {
            "gamma": 2.0 ** (2.0**-native.scale),
            "indexOffset": 0.0,
            "interpolation": 0,  # NONE: the logarithm itself
        },
        "positiveValues": store(native.positive()),
        "negativeValues": store(native.negative()),
        "zeroCount": float(native.zero_count),
    }


def _spans(first: int, counts: Sequence[int]) -> tuple[list[tuple[int, int]], list[int]]:
    """Return spans (distance from the end of the one before, length) and count differences."""
    spans: list[tuple[int, int]] = []
    deltas: list[int] = []
    end = 0  # of the last span, as a position in counts; the first distance counts from index 0
    before = 0
    for at, count in enumerate(counts):
        if count == 0:
            continue
        gap = at - end
        if spans and gap <= _BRIDGED:
            deltas += [-before] + [0] * (gap - 1) if gap else []
            before = 0 if gap else before
            spans[-1] = (spans[-1][0], spans[-1][1] + gap + 1)
        else:
            spans.append((gap if spans else first + at, 1))
        deltas.append(count - before)
        before = count
        end = at + 1
    return spans, deltas
