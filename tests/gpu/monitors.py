"""Everything that takes tensors, by one interface: the tests of streams, capture and the hot path
hold for each of them.

A `Case` makes an object, a batch on the host and the same object fed on the host; the tests move
the batch to a device and compare.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import inlay

#: What is narrower than a double may be summed in float32 for up to 32 values at a time: such a
#: sum is off by less than 32 * 2**-24 of the magnitudes, those of squares and fourth powers by some
#: times that.
SINGLE = 1e-5
#: Doubles and integers of 32 and 64 bits are summed in double, in another order.
DOUBLE = 1e-9

Batch = tuple[np.ndarray[Any, Any], ...]


@dataclass(frozen=True)
class Case:
    """One kind of monitor."""

    name: str
    make: Callable[[], Any]
    #: A batch on the host from a seed, always of the same shape.
    batch: Callable[[int], Batch]
    update: Callable[..., None]
    #: All that it says of what it saw; waits for it.
    results: Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Near:
    """A number that may differ by some share of a scale."""

    value: float | None
    scale: float


def assert_same(
    actual: dict[str, Any], expected: dict[str, Any], *, relative: float = SINGLE
) -> None:
    """Compare results: whatever is not `Near` must be equal."""
    assert actual.keys() == expected.keys()
    for name, wanted in expected.items():
        got = actual[name]
        if isinstance(wanted, Near) and wanted.value is not None and got.value is not None:
            off = abs(got.value - wanted.value)
            assert off <= relative * wanted.scale, f"{name}: {got.value!r} != {wanted.value!r}"
        elif isinstance(wanted, Near):
            assert got.value == wanted.value, f"{name}: {got.value!r} != {wanted.value!r}"
        else:
            assert got == wanted, f"{name}: {got!r} != {wanted!r}"


# ---- what summaries say -------------------------------------------------------------------------
def of_moments(m: inlay.Moments, prefix: str = "") -> dict[str, Any]:
    exact = ("count", "nan_count", "pos_inf_count", "neg_inf_count", "zero_count", "min", "max")
    found: dict[str, Any] = {prefix + name: getattr(m, name) for name in exact}
    if not m.count:
        return found
    assert m.min is not None
    assert m.max is not None
    largest = max(abs(m.min), abs(m.max))
    spread = m.std(ddof=0)
    found[prefix + "mean"] = Near(m.mean, largest)
    found[prefix + "std"] = Near(spread, largest)
    # Of values that are all but equal nothing is left of the shape.
    if spread is not None and spread > 1e-3 * largest:
        for name, shape in (("skewness", m.skewness()), ("kurtosis", m.kurtosis())):
            found[prefix + name] = Near(shape, 100 * max(1.0, abs(shape or 0.0)))
    return found


def of_exp_histogram(h: inlay.ExpHistogram, prefix: str = "") -> dict[str, Any]:
    names = (
        "scale", "count", "zero_count", "nan_count", "pos_inf_count", "neg_inf_count",
        "pos_offset", "pos_counts", "neg_offset", "neg_counts",
    )  # fmt: skip
    return {prefix + name: getattr(h, name) for name in names}


def of_edge_histogram(h: inlay.EdgeHistogram, prefix: str = "") -> dict[str, Any]:
    names = ("edges", "counts", "count", "nan_count", "pos_inf_count", "neg_inf_count")
    return {prefix + name: getattr(h, name) for name in names}


def of_hll(h: inlay.Hll) -> dict[str, Any]:
    return {"bytes": h.to_bytes(), "count": h.count, "nan_count": h.nan_count}


def of_top_k(t: inlay.TopK) -> dict[str, Any]:
    return {"top": t.top(20), "count": t.count, "max_error": t.max_error}


# ---- batches ------------------------------------------------------------------------------------
def mixed_values(seed: int, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Values of many magnitudes with zeros, NaN and infinities among them."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape) * 10.0 ** rng.integers(-3, 4, size=shape)
    kind = rng.integers(0, 40, size=shape)
    for code, special in ((0, 0.0), (1, np.nan), (2, np.inf), (3, -np.inf), (4, -0.0)):
        values[kind == code] = special
    return values.astype(np.float32)


ROWS, COLUMNS = 1_003, 7
VOCABULARY = 1_031
EDGES = [-100.0, -1.0, -0.25, 0.0, 0.5, 1.0, 10.0, 1_000.0]


def _values(seed: int) -> Batch:
    return (mixed_values(seed, (ROWS, COLUMNS)),)


def _ids(seed: int) -> Batch:
    # Few enough that a sketch of 1,024 items is exact.
    drawn = np.random.default_rng(seed).zipf(1.4, size=20_000)
    return (np.minimum(drawn, 500).astype(np.int64),)


def _logits(seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    logits = (rng.normal(size=(64, VOCABULARY)) * 4).astype(np.float32)
    logits[3, 5] = np.nan
    logits[4, 6] = np.inf
    chosen = rng.integers(0, VOCABULARY, size=64)
    mask = rng.random((64, VOCABULARY)) < 0.9
    mask[7] = False
    return logits, chosen, mask


def _tensors(seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    sizes = [(1,), (3, 5), (1_000,), (0,), (129, 257), (17,)]
    return tuple(mixed_values(int(rng.integers(1 << 30)), size) for size in sizes)


# ---- the cases ----------------------------------------------------------------------------------
def _update_values(made: Any, batch: Any, **how: Any) -> None:
    made.update(batch[0], **how)


def _update_logits(made: Any, batch: Any, **how: Any) -> None:
    logits, chosen, mask = batch
    made.update(logits, chosen, mask=mask, **how)


def _update_list(made: Any, batch: Any, **how: Any) -> None:
    made.update(list(batch), **how)


def _of_logits(made: Any) -> dict[str, Any]:
    counts = (
        "rows", "undefined_rows", "masked_rows", "nonfinite_rows", "chosen_rows",
        "out_of_range_rows", "entries", "nonfinite_count", "masked_count",
    )  # fmt: skip
    found: dict[str, Any] = {name: getattr(made, name) for name in counts}
    for name in ("entropy", "top1", "top2", "margin", "log_prob", "rank"):
        statistic = getattr(made, name)
        found[f"{name}.count"] = statistic.count
        # A value may fall on the other side of a bucket's bound, so buckets are not compared.
        largest = max(abs(statistic.min or 0.0), abs(statistic.max or 0.0), 1e-3)
        for what in ("mean", "min", "max"):
            found[f"{name}.{what}"] = Near(getattr(statistic, what), largest)
    return found


def _of_tensor_stats(made: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, row in made.to_dict().items():
        for key, value in row.items():
            summed = key in ("sum_of_squares", "norm", "rms")
            found[f"{name}.{key}"] = Near(value, value or 1.0) if summed else value
    return found


def _make_logits() -> Any:
    from inlay.model import Logits

    return Logits(vocabulary=VOCABULARY)


def _make_tensor_stats() -> Any:
    from inlay.model import TensorStats

    return TensorStats()


CASES = [
    Case("moments", inlay.Moments, _values, _update_values, of_moments),
    Case("exp_histogram", inlay.ExpHistogram, _values, _update_values, of_exp_histogram),
    Case(
        "edge_histogram",
        lambda: inlay.EdgeHistogram(EDGES),
        _values,
        _update_values,
        of_edge_histogram,
    ),
    Case("hll", inlay.Hll, _ids, _update_values, of_hll),
    Case("top_k", inlay.TopK, _ids, _update_values, of_top_k),
    Case("logits", _make_logits, _logits, _update_logits, _of_logits),
    Case("tensor_stats", _make_tensor_stats, _tensors, _update_list, _of_tensor_stats),
]
CASES_BY_NAME = {case.name: case for case in CASES}


def on_host(case: Case, seeds: list[int]) -> dict[str, Any]:
    """What an object fed the batches of these seeds on the host says."""
    made = case.make()
    for seed in seeds:
        case.update(made, case.batch(seed))
    return case.results(made)


def on_device(torch: Any, case: Case, seed: int) -> tuple[Any, ...]:
    """The batch of a seed on the current device."""
    return tuple(torch.from_numpy(part).cuda() for part in case.batch(seed))
