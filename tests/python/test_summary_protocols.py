"""What all summaries refuse alike, and how they read masked arrays."""

from __future__ import annotations

import numpy as np
import pytest

import inlay

MAKE = {
    "Moments": lambda values: inlay.Moments(values),
    "ExpHistogram": lambda values: inlay.ExpHistogram(values),
    "EdgeHistogram": lambda values: inlay.EdgeHistogram([1.5, 2.5], values),
    "Categories": lambda values: inlay.Categories(["1", "2"], values),
    "Kll": lambda values: inlay.Kll(values),
    "Hll": lambda values: inlay.Hll(values),
    "TopK": lambda values: inlay.TopK(values),
    "Reservoir": lambda values: inlay.Reservoir(values),
}


@pytest.mark.parametrize("name", MAKE)
def test_masked_entries_are_nulls(name):
    masked = np.ma.array([1.0, 2.0, 3.0, 2.0], mask=[False, True, False, False])
    summary = MAKE[name](masked)
    assert summary == MAKE[name]([1.0, None, 3.0, 2.0])
    assert summary.count == 3


@pytest.mark.parametrize("name", MAKE)
def test_merging_what_is_no_summary_of_the_kind_names_both(name):
    summary = MAKE[name]([1.0])
    other = inlay.Kll() if name != "Kll" else inlay.Hll()
    for wrong in (other, None, 3):
        with pytest.raises(TypeError, match=f"expected a {name} to merge, got "):
            summary.merge(wrong)
    assert summary == MAKE[name]([1.0])


@pytest.mark.parametrize("name", MAKE)
def test_a_table_is_no_row(name):
    summary = MAKE[name]([1.0])
    with pytest.raises((TypeError, AttributeError)):
        type(summary).from_row(summary.to_arrow())


@pytest.mark.parametrize("name", ["Moments", "ExpHistogram"])
def test_rows_of_other_kinds_are_refused(name):
    summary = getattr(inlay, name)
    with pytest.raises(inlay.InvalidArgumentError, match="kind 'counter'"):
        summary.from_row({"kind": "counter", "value": 3.0})
    with pytest.raises(inlay.InvalidArgumentError, match="kll_doubles_datasketches"):
        summary.from_row(inlay.Kll([1.0, 2.0]).to_arrow().to_pylist()[0])


def test_a_count_that_is_not_the_buckets_is_refused():
    row = inlay.ExpHistogram([1.0, 2.0]).to_arrow().to_pylist()[0]
    with pytest.raises(inlay.InvalidArgumentError, match="2: 99"):
        inlay.ExpHistogram.from_row(row | {"count": 99})
    with pytest.raises(inlay.InvalidArgumentError, match="0: 5"):
        inlay.ExpHistogram.from_row({"count": 5})
