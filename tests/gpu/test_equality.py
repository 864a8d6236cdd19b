"""What is counted on a device is what is counted on the host, to the bit; sums to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layouts import ELEMENTS, INTEGERS, LAYOUTS, host, tensor
from monitors import (
    CASES,
    DOUBLE,
    EDGES,
    SINGLE,
    Case,
    assert_same,
    of_edge_histogram,
    of_exp_histogram,
    of_hll,
    of_moments,
    of_top_k,
    on_device,
    on_host,
)

import inlay


def precision(element: str) -> float:
    """The share of the magnitudes by which sums of such elements may be off."""
    return DOUBLE if element in ("float64", "int32", "int64") else SINGLE


elements = pytest.mark.parametrize("element", ELEMENTS)
layouts = pytest.mark.parametrize("layout", LAYOUTS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_object_says_on_a_device_what_it_says_on_the_host(torch: Any, case: Case) -> None:
    made = case.make()
    for seed in range(3):
        case.update(made, on_device(torch, case, seed))
    assert_same(case.results(made), on_host(case, [0, 1, 2]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_host_and_device_batches_into_one_object(torch: Any, case: Case) -> None:
    made = case.make()
    case.update(made, case.batch(0))
    case.update(made, on_device(torch, case, 1))
    case.update(made, case.batch(2))
    case.update(made, on_device(torch, case, 3))
    assert_same(case.results(made), on_host(case, [0, 1, 2, 3]))


@elements
@layouts
def test_distributions_of_any_element_and_layout(torch: Any, element: str, layout: str) -> None:
    values = LAYOUTS[layout](tensor(torch, element, 11, (60, 17)))
    same = host(torch, values)
    for make, read in (
        (inlay.Moments, of_moments),
        (inlay.ExpHistogram, of_exp_histogram),
        (lambda: inlay.EdgeHistogram(EDGES), of_edge_histogram),
    ):
        counted, expected = make(), make()
        counted.update(values)
        expected.update(same)
        assert_same(read(counted), read(expected), relative=precision(element))


@elements
@layouts
def test_columns_of_any_element_and_layout(torch: Any, element: str, layout: str) -> None:
    from inlay._cuda_runtime import native

    values = LAYOUTS[layout](tensor(torch, element, 12, (60, 17)))
    same = host(torch, values)
    columns = values.shape[1]
    monitor = native().ColumnMonitor(columns, device=0, edges=[EDGES] * columns)
    monitor.update(values)
    monitor.update(values)
    monitor.collect()
    for i in range(columns):
        twice = np.concatenate([same[:, i], same[:, i]])
        moments = inlay.Moments.from_bytes(monitor.moments(i))
        wanted = of_moments(inlay.Moments(twice))
        assert_same(of_moments(moments), wanted, relative=precision(element))
        histogram = inlay.ExpHistogram.from_bytes(monitor.histogram(i))
        assert_same(of_exp_histogram(histogram), of_exp_histogram(inlay.ExpHistogram(twice)))
        edged = inlay.EdgeHistogram.from_bytes(monitor.edges(i))
        expected = inlay.EdgeHistogram(EDGES, twice)
        assert_same(of_edge_histogram(edged), of_edge_histogram(expected))


@pytest.mark.parametrize("columns", [1, 2, 31, 33, 256, 1_000, 4_097, 16_384])
@pytest.mark.parametrize("rows", [1, 7, 517])
def test_any_number_of_columns(torch: Any, columns: int, rows: int) -> None:
    from inlay._cuda_runtime import native

    values = tensor(torch, "float32", 13, (rows, columns))
    same = host(torch, values)
    monitor = native().ColumnMonitor(columns, device=0)
    monitor.update(values)
    monitor.collect()
    for i in {0, columns // 2, columns - 1}:
        moments = inlay.Moments.from_bytes(monitor.moments(i))
        assert_same(of_moments(moments), of_moments(inlay.Moments(same[:, i])))
        histogram = inlay.ExpHistogram.from_bytes(monitor.histogram(i))
        assert_same(of_exp_histogram(histogram), of_exp_histogram(inlay.ExpHistogram(same[:, i])))


@pytest.mark.parametrize("element", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_every_value_of_a_small_float(torch: Any, element: str) -> None:
    kind = getattr(torch, element)
    if kind.itemsize == 1:
        every = torch.arange(256, dtype=torch.uint8, device="cuda").view(kind)
    else:
        every = torch.arange(-(1 << 15), 1 << 15, device="cuda").to(torch.int16).view(kind)
    same = host(torch, every)
    for make, read in (
        (inlay.Moments, of_moments),
        (inlay.ExpHistogram, of_exp_histogram),
        (lambda: inlay.EdgeHistogram(EDGES), of_edge_histogram),
    ):
        counted, expected = make(), make()
        counted.update(every)
        expected.update(same)
        assert_same(read(counted), read(expected))


def test_float64_of_every_exponent(torch: Any) -> None:
    rng = np.random.default_rng(14)
    bits = rng.integers(0, 1 << 63, size=200_000, dtype=np.uint64)
    bits |= rng.integers(0, 2, size=bits.size, dtype=np.uint64) << np.uint64(63)
    values = bits.view(np.float64)
    counted, expected = inlay.ExpHistogram(), inlay.ExpHistogram(values)
    counted.update(torch.from_numpy(values).cuda())
    assert_same(of_exp_histogram(counted), of_exp_histogram(expected))


def test_float32_of_every_exponent(torch: Any) -> None:
    bits = np.random.default_rng(15).integers(0, 1 << 32, size=500_000, dtype=np.uint32)
    values = bits.view(np.float32)
    counted, expected = inlay.ExpHistogram(), inlay.ExpHistogram(values)
    counted.update(torch.from_numpy(values).cuda())
    assert_same(of_exp_histogram(counted), of_exp_histogram(expected))


@pytest.mark.parametrize("special", [0.0, -0.0, 1.5, np.nan, np.inf, -np.inf, 1e-45, 3.4e38])
def test_one_value_a_million_times(torch: Any, special: float) -> None:
    values = torch.full((1_000_003,), special, device="cuda")
    same = host(torch, values)
    for make, read in (
        (inlay.Moments, of_moments),
        (inlay.ExpHistogram, of_exp_histogram),
        (lambda: inlay.EdgeHistogram(EDGES), of_edge_histogram),
    ):
        counted, expected = make(), make()
        counted.update(values)
        expected.update(same)
        assert_same(read(counted), read(expected))


def test_values_on_the_edges_themselves(torch: Any) -> None:
    around = np.array([f(e, 0.0) for e in EDGES for f in (np.add, np.nextafter)] + EDGES)
    around = np.concatenate([around, np.nextafter(around, np.inf), np.nextafter(around, -np.inf)])
    counted = inlay.EdgeHistogram(EDGES)
    counted.update(torch.from_numpy(around).cuda())
    assert counted.counts == inlay.EdgeHistogram(EDGES, around).counts


@pytest.mark.parametrize("element", [*INTEGERS, "float32", "float64"])
@layouts
def test_distinct_counts_and_frequent_items(torch: Any, element: str, layout: str) -> None:
    values = LAYOUTS[layout](tensor(torch, element, 16, (60, 17)))
    same = host(torch, values)
    distinct, expected = inlay.Hll(), inlay.Hll(same)
    distinct.update(values)
    assert_same(of_hll(distinct), of_hll(expected))
    if element.startswith(("int", "uint")):
        frequent, wanted = inlay.TopK(), inlay.TopK(same)
        frequent.update(values)
        assert_same(of_top_k(frequent), of_top_k(wanted))


def test_a_whole_tensor_larger_than_a_grid(torch: Any) -> None:
    values = torch.randn(50_000_001, device="cuda")[1:]  # not aligned to 16 bytes
    counted, expected = inlay.ExpHistogram(), inlay.ExpHistogram(values.cpu().numpy())
    counted.update(values)
    assert_same(of_exp_histogram(counted), of_exp_histogram(expected))


def test_more_values_than_32_bits_count(torch: Any) -> None:
    values = torch.ones(1 << 30, dtype=torch.int8, device="cuda").expand(5, 1 << 30)
    counted = inlay.Moments()
    counted.update(values)
    assert counted.count == 5 << 30
    assert counted.sum == float(5 << 30)
