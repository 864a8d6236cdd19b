"""Tests of samples on a device, with the native module played by numpy: what Python makes of it.

The kernels themselves are compared with the CPU in tests/emu, tests/cuda and tests/gpu.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import inlay
from inlay import detect
from inlay._exceptions import InlayWarning
from inlay.detect import device

Array = np.ndarray[Any, Any]


class OnDevice:
    """An array that says it is on a device."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)
        self.shape = self.values.shape
        self.ndim = self.values.ndim

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        raise AssertionError("only kernels read it")

    def __getitem__(self, item: Any) -> OnDevice:
        return OnDevice(self.values[item])


class Monitor:
    def __init__(self, **options: Any) -> None:
        self.options = options
        self.batches: list[Array] = []
        self.collected = 0
        self.disabled = False

    def update(self, rows: OnDevice, stream: Any) -> None:
        self.batches.append(rows.values.astype(np.float64))

    def collect(self) -> None:
        self.collected += 1

    def take(self) -> tuple[int, int, bytes]:
        batches, self.batches = self.batches, []
        if not batches:
            return 0, 0, b""
        rows = np.concatenate(batches)
        finite = np.isfinite(rows).all(axis=1)
        kept = rows[finite]
        left_out = len(rows) - len(kept)
        if not len(kept):
            return 0, left_out, b""
        apart = kept - kept.mean(axis=0)
        scatter = apart.T @ apart if self.options["full"] else (apart**2).sum(axis=0)
        phases = kept @ self.options["directions"]
        parts = (
            kept.mean(axis=0),
            scatter.ravel(),
            np.cos(phases).mean(axis=0),
            np.sin(phases).mean(axis=0),
        )
        return len(kept), left_out, np.concatenate(parts).tobytes()


class Native:
    """What `_cuda` has of tests of samples, in numpy."""

    EmbeddingMonitor = Monitor

    def __init__(self) -> None:
        self.calls: list[str] = []

    @staticmethod
    def RowsOnDevice(rows: Array, number: int) -> OnDevice:
        assert number == 0
        assert rows.flags.c_contiguous
        return OnDevice(rows)

    def tensor_facts(self, side: Any) -> tuple[int, tuple[int, ...], str]:
        assert isinstance(side, OnDevice)
        return 0, side.shape, str(side.values.dtype)

    @staticmethod
    def _rows(side: OnDevice, kept: Array | None) -> tuple[Array, Array]:
        rows = side.values.astype(np.float64)
        rows = rows[:, None] if rows.ndim == 1 else rows
        rows = rows if kept is None else rows[kept]
        return rows, np.asarray(~np.isfinite(rows).all(axis=1))

    def two_samples(self, x: OnDevice, y: OnDevice, *, stream: Any) -> list[tuple[Any, int]]:
        self.calls.append("two_samples")
        out = []
        left, right = (side.values.reshape(side.shape[0], -1) for side in (x, y))
        for a, b in zip(left.T, right.T, strict=True):
            fields = detect.two_sample(np.array(a), np.array(b)).to_dict()
            for name in ("nan_counts", "null_counts"):
                fields[name] = tuple(fields[name])
            out.append((fields, 0))
        return out

    def kernel_forms(
        self,
        x: OnDevice,
        y: OnDevice,
        *,
        gaussian: bool,
        bandwidth: float,
        chosen: Array,
        signs: Array,
        kept: tuple[Array | None, Array | None],
        stream: Any,
    ) -> dict[str, Any]:
        self.calls.append("kernel_forms")
        (left, odd_x), (right, odd_y) = self._rows(x, kept[0]), self._rows(y, kept[1])
        marks = (odd_x.astype(np.uint8).tobytes(), odd_y.astype(np.uint8).tobytes())
        left_out = (int(odd_x.sum()), int(odd_y.sum()))
        if left_out != (0, 0):
            nan = np.full(signs.shape[1], np.nan).tobytes()
            return {
                "left_out": left_out,
                "marks": marks,
                "forms": nan,
                "linear": nan,
                "total": np.nan,
                "median": np.nan,
                "offset": 0.0,
            }
        assert signs.dtype == np.int8
        assert signs.flags.c_contiguous
        assert chosen.dtype == np.int32
        rows = np.concatenate([left, right])
        picked = rows[chosen]
        apart = np.sqrt(((picked[:, None] - picked[None]) ** 2).sum(axis=2))
        median = float(np.median(apart[np.triu_indices(len(picked), 1)]))
        squared = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
        with np.errstate(invalid="ignore"):  # of equal rows nothing is right, as on a device
            if gaussian:
                kernel = np.exp(-squared / (2.0 * (bandwidth or median) ** 2))
            else:
                kernel = -np.sqrt(squared) / median
        offset = 0.25
        kernel -= offset
        wide = signs.astype(np.float64)
        forms = np.einsum("is,ij,js->s", wide, kernel, wide, optimize=True)
        return {
            "left_out": (0, 0),
            "marks": (b"", b""),
            "forms": forms.tobytes(),
            "linear": (wide.T @ kernel.sum(axis=1)).tobytes(),
            "total": float(kernel.sum()),
            "median": median,
            "offset": offset,
        }

    def median_distance(
        self, rows: OnDevice, *, chosen: Array, kept: Array | None, stream: Any
    ) -> dict[str, Any]:
        self.calls.append("median_distance")
        values, odd = self._rows(rows, kept)
        if odd.any():
            return {
                "left_out": (int(odd.sum()), 0),
                "marks": (odd.astype(np.uint8).tobytes(), b""),
                "median": np.nan,
            }
        from inlay.detect.kernel import median_distance

        return {
            "left_out": (0, 0),
            "marks": (b"", b""),
            "median": median_distance(values[chosen], values[:0], 0)[0],
        }

    def sliced_distances(
        self, x: OnDevice, y: OnDevice, *, directions: Array, p: int, kept: Any, stream: Any
    ) -> dict[str, Any]:
        self.calls.append("sliced_distances")
        (left, odd_x), (right, odd_y) = self._rows(x, kept[0]), self._rows(y, kept[1])
        from inlay import _core

        with np.errstate(invalid="ignore"):
            powers = _core.quantile_distances(
                list(directions @ left.T), list(directions @ right.T), p=p
            )
        return {
            "left_out": (int(odd_x.sum()), int(odd_y.sum())),
            "marks": (odd_x.astype(np.uint8).tobytes(), odd_y.astype(np.uint8).tobytes()),
            "powers": np.array(powers).tobytes(),
        }

    def row_moments(self, rows: OnDevice, *, fourth: bool, stream: Any) -> dict[str, Any]:
        self.calls.append("row_moments")
        values, odd = self._rows(rows, None)
        kept = values[~odd]
        mean = kept.mean(axis=0) if len(kept) else np.zeros(values.shape[1])
        apart = kept - mean
        return {
            "mean": mean.tobytes(),
            "scatter": (apart.T @ apart).tobytes(),
            "fourth": float(((apart**2).sum(axis=1) ** 2).sum()) if fourth else 0.0,
            "left_out": int(odd.sum()),
        }


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> Native:
    made = Native()
    monkeypatch.setattr(device, "native", lambda: made)
    monkeypatch.setattr("inlay._cuda_runtime.native", lambda: made)
    return made


def rows(seed: int, n: int, dims: int = 5, shift: float = 0.0) -> Array:
    return np.random.default_rng(seed).normal(shift, 1.0, size=(n, dims))


STATISTICS = {
    "mmd": lambda x, y: detect.mmd(x, y),
    "mmd, biased": lambda x, y: detect.mmd(x, y, estimator="biased", bandwidth=2.0),
    "energy": lambda x, y: detect.energy_distance(x, y),
    "sliced": lambda x, y: detect.sliced_wasserstein(x, y, projections=7, p=1),
    "frechet": lambda x, y: detect.frechet(x, y),
    "mahalanobis": lambda x, y: detect.mahalanobis(x, y),
    "shrinkage": lambda x, y: detect.mahalanobis(x, y, covariance="shrinkage"),
}


def assert_same(found: detect.RowStatistic, expected: detect.RowStatistic) -> None:
    wanted = expected.to_dict()
    for name, value in found.to_dict().items():
        if isinstance(value, float):
            assert value == pytest.approx(wanted[name], rel=1e-4, abs=2e-6), name
        elif name == "details":
            assert value.keys() == wanted[name].keys()
        else:
            assert value == wanted[name], name


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("gaps", [False, True])
def test_rows_on_a_device_give_what_rows_on_the_host_do(
    native: Native, name: str, gaps: bool
) -> None:
    x, y = rows(1, 60), rows(2, 45, shift=0.4)
    if gaps:
        x[3, 1], y[7, 0], y[44, 4] = np.nan, np.inf, -np.inf
    expected = STATISTICS[name](x, y)
    assert_same(STATISTICS[name](OnDevice(x), OnDevice(y)), expected)
    assert native.calls
    # One side on the host.
    assert_same(STATISTICS[name](x, OnDevice(y)), expected)
    assert_same(STATISTICS[name](OnDevice(x), y), expected)


@pytest.mark.parametrize("name", STATISTICS)
def test_undefined_statistics_have_the_host_s_reasons(native: Native, name: str) -> None:
    few, none, equal = rows(3, 1), rows(3, 0), np.ones((6, 5))
    lost = np.full((4, 5), np.nan)
    for x, y in ((few, rows(4, 9)), (none, rows(4, 9)), (lost, rows(4, 9)), (equal, equal)):
        expected = STATISTICS[name](x, y)
        found = STATISTICS[name](OnDevice(x), OnDevice(y))
        assert (found.reason, found.n, found.n_reference) == (
            expected.reason,
            expected.n,
            expected.n_reference,
        )
        assert found.left_out == expected.left_out


def test_more_permutations_than_are_kept_are_drawn_again(
    native: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_MOST_CACHED", 100)
    x, y = rows(1, 40), rows(2, 30, shift=0.5)
    assert detect.mmd(OnDevice(x), OnDevice(y)).p_value == detect.mmd(x, y).p_value


def test_sides_of_other_widths_are_refused(native: Native) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match="5 columns; current has 4"):
        detect.mmd(OnDevice(rows(1, 9)), OnDevice(rows(1, 9, 4)))
    with pytest.raises(inlay.InvalidArgumentError, match=r"\(2, 2, 2\)"):
        detect.frechet(OnDevice(np.zeros((2, 2, 2))), OnDevice(rows(1, 9, 4)))


def test_columns_on_a_device(native: Native) -> None:
    x, y = rows(1, 100, 1)[:, 0], rows(2, 80, 1)[:, 0]
    x[3] = np.nan
    expected = detect.two_sample(x, y)
    assert detect.two_sample(OnDevice(x), OnDevice(y)) == expected
    assert detect.two_sample(OnDevice(x), y) == expected
    with pytest.raises(inlay.InvalidArgumentError, match="one column"):
        detect.two_sample(OnDevice(rows(1, 5)), OnDevice(y))
    with pytest.raises(TypeError, match="Sorted"):
        detect.two_sample(detect.Sorted(x), OnDevice(y))
    with pytest.raises(TypeError, match="numbers"):
        detect.two_sample(["a", "b"], OnDevice(y))


def test_tables_on_a_device(native: Native) -> None:
    x, y = rows(1, 50, 3), rows(2, 40, 3)
    expected = detect.two_sample_table(x, y)
    assert detect.two_sample_table(OnDevice(x), OnDevice(y)) == expected
    assert native.calls == ["two_samples"]
    some = detect.two_sample_table(OnDevice(x), OnDevice(y), columns=["2"])
    assert some == {"2": expected["2"]}
    named = detect.two_sample_table(
        {"a": OnDevice(x[:, 0]), "b": x[:, 1]}, {"b": OnDevice(y[:, 1]), "c": y[:, 2]}
    )
    assert named == {"b": expected["1"]}
    with pytest.raises(inlay.InvalidArgumentError, match="current table has no column"):
        detect.two_sample_table({"a": OnDevice(x[:, 0])}, {"b": y[:, 0]}, columns=["a"])
    # Columns of a table have names, and those of a tensor have not: nothing says which go together.
    with pytest.raises(TypeError, match=r"current must be an array, or a mapping.*not Table"):
        detect.two_sample_table(OnDevice(x), pa.table({"a": y[:, 0], "b": y[:, 1], "c": y[:, 2]}))
    with pytest.raises(inlay.InvalidArgumentError, match=r"current .*\(40,\)"):
        detect.two_sample_table({"a": OnDevice(x[:, 0])}, y[:, 0])


def test_rounded_integers_are_told(native: Native, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = native.two_samples

    def rounding(x: Any, y: Any, *, stream: Any) -> Any:
        return [(fields, 3) for fields, _ in plain(x, y, stream=stream)]

    monkeypatch.setattr(native, "two_samples", rounding)
    with pytest.warns(InlayWarning, match="rounded to the nearest double: 3"):
        detect.two_sample(OnDevice([1.0, 2.0]), OnDevice([2.0]))


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_an_embedding_takes_in_what_the_device_has_when_it_is_read(
    native: Native, covariance: str
) -> None:
    x = rows(1, 50)
    x[4, 2] = np.nan
    expected = inlay.Embedding(5, bandwidth=2.0, frequencies=30, covariance=covariance)
    found = expected.like()
    expected.update(x)
    found.update(OnDevice(x[:20]))
    found.update(x[20:30])
    found.update(OnDevice(x[30:]))
    assert found.count == len(found) == expected.count == 49
    assert found.left_out == 1
    for actual, wanted in ((found.mean, expected.mean), (found.cov, expected.cov)):
        assert actual is not None
        assert wanted is not None
        np.testing.assert_allclose(actual, wanted, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found._sums.cosines, expected._sums.cosines, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found._sums.sines, expected._sums.sines, rtol=1e-10, atol=1e-12)
    assert found.device_error is None


def test_whatever_reads_an_embedding_takes_in_what_the_device_has(native: Native) -> None:
    x = rows(1, 50)
    made = inlay.Embedding(5, bandwidth=2.0, frequencies=30)

    def fed() -> inlay.Embedding:
        other = made.like()
        other.update(OnDevice(x))
        return other

    into = made.like()
    into.merge(fed())
    assert into.count == 50
    assert fed().copy().count == 50
    assert inlay.Embedding.from_bytes(fed().to_bytes()).count == 50
    assert fed().to_arrow()["count"].to_pylist() == [50]
    assert "50 rows" in repr(fed())
    assert fed().mmd(fed()).n == 50
    assert fed().mean is not None
    assert fed().cov is not None
    emptied = fed()
    emptied.reset()
    assert emptied.count == 0
    emptied.update(OnDevice(x[:3]))
    assert emptied.count == 3


def test_memory_on_a_device_goes_with_the_embedding(native: Native) -> None:
    made = inlay.Embedding(5, bandwidth=2.0, frequencies=30)
    made.update(OnDevice(rows(1, 50)))
    device = made._device
    assert device is not None
    held = weakref.ref(device.of(0))
    del device
    gc.collect()
    gc.disable()  # so that what refers to itself would stay
    try:
        del made
        assert held() is None
    finally:
        gc.enable()


def test_an_embedding_of_rows_on_a_device_has_the_host_s_bandwidth(native: Native) -> None:
    x = rows(1, 700)
    x[4, 2] = np.inf
    expected = inlay.Embedding.of(x, frequencies=20)
    found = inlay.Embedding.of(OnDevice(x), frequencies=20)
    assert found.bandwidth == pytest.approx(expected.bandwidth, rel=1e-12)
    assert (found.count, found.left_out) == (699, 1)
    with pytest.raises(inlay.InvalidArgumentError, match="rows that differ"):
        inlay.Embedding.of(OnDevice(np.ones((4, 2))))
