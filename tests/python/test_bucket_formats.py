"""An ExpHistogram in the words of OTLP, Prometheus and DDSketch, read by what knows them."""

from __future__ import annotations

import math

import ddsketch
import numpy as np
import pytest
from ddsketch.mapping import LogarithmicMapping
from ddsketch.pb import ddsketch_pb2 as pb
from ddsketch.store import DenseStore
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1 import metrics_pb2

import inlay

DATA = {
    "lognormal": np.random.default_rng(1).lognormal(size=5000),
    "both signs": np.random.default_rng(2).normal(size=5000),
    "far apart": np.array([1e-9, 1e-9, 1.0, 1e9, -1e-3, -1e6, 0.0, 0.0]),
    "powers of two": np.exp2(np.arange(-8, 9, dtype=float)),
    "one": np.array([3.0]),
    "zeros": np.zeros(3),
    "nothing": np.array([]),
}


def histogram_of(name: str, scale: int) -> inlay.ExpHistogram:
    return inlay.ExpHistogram(DATA[name], scale=scale)


def from_spans(spans, deltas):
    """Counts by index, as Prometheus reads spans of differences."""
    counts, index, count, at = {}, 0, 0, iter(deltas)
    for number, (offset, length) in enumerate(spans):
        index = offset if number == 0 else index + offset
        for _ in range(length):
            count += next(at)
            if count:
                counts[index] = count
            index += 1
    assert next(at, None) is None
    return counts


def counted(values, scale):
    """Counts by Prometheus' index, from the definition; not for values beside a bound."""
    indices = np.ceil(np.log2(values) * 2.0**scale).astype(int)
    return dict(zip(*np.unique(indices, return_counts=True), strict=True))


@pytest.mark.parametrize("scale", [-4, 0, 5, 8])
@pytest.mark.parametrize("name", DATA)
def test_otlp_message_holds_the_same_histogram(name, scale):
    histogram = histogram_of(name, scale)
    point = metrics_pb2.ExponentialHistogramDataPoint(**histogram.to_otlp())
    read = metrics_pb2.ExponentialHistogramDataPoint.FromString(point.SerializeToString())
    again = inlay.ExpHistogram.from_row(
        {
            "scale": read.scale,
            "zero_count": read.zero_count,
            "zero_threshold": read.zero_threshold,
            "pos_offset": read.positive.offset,
            "pos_counts": list(read.positive.bucket_counts),
            "neg_offset": read.negative.offset,
            "neg_counts": list(read.negative.bucket_counts),
        }
    )
    assert again.to_otlp() == histogram.to_otlp()
    assert read.count == histogram.count == len(DATA[name])


@pytest.mark.parametrize("scale", [-4, 0, 5, 8])
def test_prometheus_buckets_are_those_of_the_definition(scale):
    histogram = histogram_of("both signs", scale)
    fields = histogram.to_prometheus()
    assert fields["schema"] == scale
    assert fields["sample_count"] == 5000
    values = DATA["both signs"]
    for side, magnitudes in (("positive", values[values > 0]), ("negative", -values[values < 0])):
        read = from_spans(fields[f"{side}_span"], fields[f"{side}_delta"])
        assert read == counted(magnitudes, scale)


def test_prometheus_bucket_of_a_power_of_two_ends_there():
    fields = inlay.ExpHistogram([1.0, 2.0, 4.0], scale=0).to_prometheus()
    # Bucket i of schema 0 is (2^(i-1), 2^i].
    assert from_spans(fields["positive_span"], fields["positive_delta"]) == {0: 1, 1: 1, 2: 1}


@given(
    counts=st.lists(
        st.one_of(st.just(0), st.integers(1, 2**40)), min_size=1, max_size=200
    ).filter(any),
    offset=st.integers(-300, 300),
)
def test_prometheus_spans_hold_every_run(counts, offset):
    histogram = inlay.ExpHistogram.from_row({"pos_offset": offset, "pos_counts": counts})
    fields = histogram.to_prometheus()
    wanted = {offset + 1 + i: count for i, count in enumerate(counts) if count}
    assert from_spans(fields["positive_span"], fields["positive_delta"]) == wanted
    assert all(length > 0 for _, length in fields["positive_span"])
    assert all(gap > 2 for gap, _ in fields["positive_span"][1:])


def test_prometheus_leaves_long_gaps_out():
    fields = histogram_of("far apart", 5).to_prometheus()
    assert len(fields["positive_span"]) == 3
    assert sum(length for _, length in fields["positive_span"]) == 3


@pytest.mark.parametrize("name", DATA)
def test_ddsketch_reads_the_same_quantiles(name):
    histogram = histogram_of(name, 5)
    fields = histogram.to_ddsketch()

    def store(side):
        out = DenseStore()
        for i, count in enumerate(fields[side]["contiguousBinCounts"]):
            if count:
                out.add(fields[side]["contiguousBinIndexOffset"] + i, count)
        return out

    gamma = fields["mapping"]["gamma"]
    sketch = ddsketch.BaseDDSketch(
        mapping=LogarithmicMapping((gamma - 1) / (gamma + 1), offset=0.0),
        store=store("positiveValues"),
        negative_store=store("negativeValues"),
        zero_count=fields["zeroCount"],
    )
    sketch._count = fields["zeroCount"] + sketch._store.count + sketch._negative_store.count
    assert sketch._count == histogram.count
    if histogram.count == 0:
        assert histogram.quantile(0.5) is None
        return
    for q in np.linspace(0, 1, 21):
        theirs = sketch.get_quantile_value(q)
        # Their rank is q (n - 1), rounded down; both values lie in the bucket of that value.
        exact = np.sort(DATA[name])[int(q * (histogram.count - 1))]
        assert math.isclose(theirs, exact, rel_tol=histogram.relative_error * (1 + 1e-9))


def test_ddsketch_message_takes_the_fields():
    fields = histogram_of("both signs", 6).to_ddsketch()
    message = pb.DDSketch(**fields)
    read = pb.DDSketch.FromString(message.SerializeToString())
    assert read.mapping.gamma == 2 ** (1 / 64)
    assert list(read.positiveValues.contiguousBinCounts) == fields["positiveValues"][
        "contiguousBinCounts"
    ]


def test_a_ddsketch_of_the_same_gamma_has_the_same_bins():
    histogram = histogram_of("lognormal", 5)
    gamma = 2 ** (1 / 32)
    mapping = LogarithmicMapping((gamma - 1) / (gamma + 1), offset=0.0)
    keys, counts = np.unique(
        [mapping.key(float(value)) for value in DATA["lognormal"]], return_counts=True
    )
    fields = histogram.to_ddsketch()["positiveValues"]
    ours = {
        fields["contiguousBinIndexOffset"] + i: count
        for i, count in enumerate(fields["contiguousBinCounts"])
        if count
    }
    assert ours == dict(zip(keys.tolist(), counts.astype(float).tolist(), strict=True))


def test_what_the_formats_cannot_hold_is_left_out():
    histogram = inlay.ExpHistogram([1.0, math.nan, math.inf, -math.inf])
    assert histogram.to_otlp()["count"] == 1
    assert histogram.to_prometheus()["sample_count"] == 1
    assert sum(histogram.to_ddsketch()["positiveValues"]["contiguousBinCounts"]) == 1
