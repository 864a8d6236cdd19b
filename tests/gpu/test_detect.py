"""Tests of two samples on a device: the values and p-values of the host."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from inlay import detect

#: The device may compute kernels and distances in float32: 24 bits, of sums over 10**4 pairs.
SINGLE = 2e-4


def rows(seed: int, n: int, d: int, shift: float = 0.0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(shift, 1.0, size=(n, d)).astype(np.float32)


@pytest.mark.parametrize("element", ["float32", "float64", "float16", "bfloat16", "int32"])
@pytest.mark.parametrize(("n", "m"), [(1_000, 1_000), (1, 5), (10_007, 33), (200_000, 100_001)])
def test_two_samples_of_one_column(torch: Any, element: str, n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    kind = getattr(torch, element)
    x = torch.from_numpy(rng.normal(0, 30, size=n)).cuda().to(kind)
    y = torch.from_numpy(rng.normal(1, 31, size=m)).cuda().to(kind)
    found = detect.two_sample(x, y).to_dict()
    expected = detect.two_sample(
        x.to(torch.float64).cpu().numpy(), y.to(torch.float64).cpu().numpy()
    ).to_dict()
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        if isinstance(wanted, float):
            np.testing.assert_allclose(found[name], wanted, rtol=1e-9, atol=1e-12, err_msg=name)
        else:
            assert found[name] == wanted, name


def test_nan_of_one_column_is_counted_apart(torch: Any) -> None:
    x = np.array([1.0, np.nan, 2.0, np.inf, 3.0, np.nan])
    y = np.array([0.5, -np.inf, 2.5, 9.0])
    found = detect.two_sample(torch.from_numpy(x).cuda(), torch.from_numpy(y).cuda())
    assert found.to_dict() == detect.two_sample(x, y).to_dict()


@pytest.mark.parametrize(
    "statistic", ["mmd", "energy_distance", "sliced_wasserstein", "frechet", "mahalanobis"]
)
@pytest.mark.parametrize(("n", "m", "d"), [(300, 300, 8), (257, 130, 65), (1_000, 900, 64)])
def test_two_samples_of_rows(torch: Any, statistic: str, n: int, m: int, d: int) -> None:
    compute = getattr(detect, statistic)
    x, y = rows(1, n, d), rows(2, m, d, 0.25)
    found = compute(torch.from_numpy(x).cuda(), torch.from_numpy(y).cuda())
    expected = compute(x, y)
    np.testing.assert_allclose(found.value, expected.value, rtol=SINGLE, atol=1e-6)
    if expected.p_value is not None:
        # Permutations are the host's, so that at most a tie falls on the other side.
        assert abs(found.p_value - expected.p_value) <= 0.0201


def test_rows_of_cupy_and_torch_together(torch: Any, cupy: Any) -> None:
    x, y = rows(3, 400, 16), rows(4, 300, 16, 0.5)
    found = detect.mmd(cupy.asarray(x), torch.from_numpy(y).cuda())
    np.testing.assert_allclose(found.value, detect.mmd(x, y).value, rtol=SINGLE, atol=1e-6)


def test_a_side_on_the_host_and_one_on_the_device(torch: Any) -> None:
    x, y = rows(5, 400, 16), rows(6, 300, 16, 0.5)
    expected = detect.mmd(x, y).value
    found = detect.mmd(x, torch.from_numpy(y).cuda()).value
    np.testing.assert_allclose(found, expected, rtol=SINGLE, atol=1e-6)


def test_memory_of_a_large_mmd(torch: Any) -> None:
    x = torch.randn(50_000, 768, device="cuda")
    y = torch.randn(50_000, 768, device="cuda")
    torch.cuda.synchronize()
    free = torch.cuda.mem_get_info()[0]
    lowest = [free]
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.002):
            lowest.append(torch.cuda.mem_get_info()[0])

    looking = threading.Thread(target=look)
    looking.start()
    try:
        found = detect.mmd(x, y, permutations=10)
    finally:
        done.set()
        looking.join()
    assert found.value is not None
    assert len(lowest) > 1
    assert free - min(lowest) < 2 << 30


def test_embeddings_on_a_device(torch: Any) -> None:
    from inlay import Embedding

    x, y = rows(7, 2_000, 64), rows(8, 1_000, 64, 0.1)
    reference = Embedding.of(x)
    found, expected = reference.like(), reference.like()
    for part in (y[:400], y[400:401], y[401:]):
        found.update(torch.from_numpy(part).cuda())
    expected.update(y)
    assert (found.count, found.left_out) == (expected.count, expected.left_out)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.cov, expected.cov, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        found.mmd(reference).value, expected.mmd(reference).value, rtol=1e-2, atol=1e-4
    )


def test_embeddings_count_rows_that_are_not_finite_apart(torch: Any) -> None:
    from inlay import Embedding

    x = rows(9, 500, 8)
    reference = Embedding.of(x)
    broken = x.copy()
    broken[3, 2] = np.nan
    broken[7] = np.inf
    found, expected = reference.like(), reference.like()
    found.update(torch.from_numpy(broken).cuda())
    expected.update(broken)
    assert (found.count, found.left_out) == (expected.count, expected.left_out) == (498, 2)


@pytest.mark.parametrize("statistic", ["mmd", "energy_distance", "frechet"])
def test_rows_of_other_widths_are_refused(torch: Any, statistic: str) -> None:
    x, y = torch.randn(50, 4, device="cuda"), torch.randn(50, 5, device="cuda")
    with pytest.raises(ValueError, match=r"4.*5|5.*4"):
        getattr(detect, statistic)(x, y)
