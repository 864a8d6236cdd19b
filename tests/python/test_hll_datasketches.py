"""Hll against Apache DataSketches: the same registers, and bytes that both read."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest

from inlay import Hll, SerializationError

datasketches = pytest.importorskip("datasketches", reason="the library whose bytes these are")
TYPES = {name: getattr(datasketches.tgt_hll_type, name) for name in ("HLL_4", "HLL_6", "HLL_8")}


def theirs(values: Any, *, lg_k: int = 12, kind: str = "HLL_8") -> Any:
    sketch = datasketches.hll_sketch(lg_k, TYPES[kind])
    for value in values:
        sketch.update(value)
    return sketch


def union(*sketches: Any, lg_k: int = 12, kind: str = "HLL_8") -> Any:
    merged = datasketches.hll_union(lg_k)
    for sketch in sketches:
        merged.update(sketch)
    return merged.get_result(TYPES[kind])


def images(sketch: Any) -> list[bytes]:
    return [sketch.serialize_compact(), sketch.serialize_updatable()]


def test_registers_of_many_ids_are_the_same() -> None:
    reference = theirs(range(100_000))
    data = Hll(np.arange(100_000)).to_bytes()
    assert data[40:] == reference.serialize_compact()[40:]
    # Sums and zeros too, and the whole image where theirs is out of order as well.
    assert data[16:40] == reference.serialize_compact()[16:40]
    assert data == union(reference, theirs(range(5000))).serialize_compact()


@pytest.mark.parametrize(
    "values",
    [
        list(range(-300, 300)),
        [0, 1, -1, 2**63 - 1, -(2**63), 2**62],
        [0.0, -0.0, 1.0, 3.5, -1e300, 5e-324, 0.1] + [x / 7 for x in range(500)],
        ["a", "é", "日本", "🎉", "twelve bytes"] + ["x" * n for n in range(1, 60)],
        [f"user-{i}" for i in range(2000)],
        [True, False],
    ],
    ids=["integers", "extremes", "floats", "texts", "names", "booleans"],
)
def test_items_hash_as_theirs(values: list[Any]) -> None:
    assert Hll.from_bytes(theirs(values).serialize_compact()) == Hll(values)


def test_the_empty_text_is_an_item_here_and_none_there() -> None:
    assert theirs([""]).is_empty()
    assert Hll([""]).estimate == 1


@pytest.mark.parametrize("lg_k", [4, 7, 8, 12, 21])
@pytest.mark.parametrize("kind", TYPES)
def test_all_their_images_are_read(kind: str, lg_k: int) -> None:
    for n in (0, 1, 7, 8, 9, 24, 25, 100, 384, 385, 2000, 30_000):
        expected = Hll(np.arange(n), lg_k=lg_k)
        for data in images(theirs(range(n), lg_k=lg_k, kind=kind)):
            assert Hll.from_bytes(data) == expected, (n, len(data))


@pytest.mark.parametrize("kind", TYPES)
def test_merged_images_are_read(kind: str) -> None:
    for n in (3, 50, 390, 5000):
        for lg_k in (8, 12, 14):
            merged = union(
                theirs(range(n), kind=kind),
                theirs(range(n // 2, 2 * n), lg_k=lg_k, kind=kind),
                kind=kind,
            )
            # Of sizes that differ theirs may be exact where both were sparse; the items are ours.
            expected = Hll(np.arange(2 * n), lg_k=merged.lg_config_k)
            for data in images(merged):
                assert Hll.from_bytes(data) == expected


def test_exceptions_of_hll_4_are_read() -> None:
    found = 0
    for start in range(0, 40_000_000, 100_000):
        sketch = theirs(range(start, start + 500), lg_k=6, kind="HLL_4")
        data = sketch.serialize_compact()
        if struct.unpack_from("<I", data, 36) == (0,):
            continue
        found += 1
        expected = Hll(np.arange(start, start + 500), lg_k=6)
        assert Hll.from_bytes(data) == expected
        assert Hll.from_bytes(sketch.serialize_updatable()) == expected
    assert found >= 3


@pytest.mark.parametrize("lg_k", [4, 7, 8, 12, 16, 21])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 100, 384, 385, 3000, 100_000])
def test_our_bytes_are_read_and_estimated_alike(n: int, lg_k: int) -> None:
    ours = Hll(np.arange(n), lg_k=lg_k)
    data = ours.to_bytes()
    read = datasketches.hll_sketch.deserialize(data)
    assert read.lg_config_k == lg_k
    assert read.is_empty() == (n == 0)
    assert union(read, lg_k=lg_k).get_estimate() == pytest.approx(read.get_estimate())
    if ours.is_sparse:
        # Theirs interpolates where ours adds what coincided: within a millionth, and one half.
        assert read.get_estimate() == pytest.approx(ours.estimate, rel=1e-5, abs=0.5)
        return
    # The same registers, so its estimate is the composite one, and ours another estimator of the
    # same error: they differ by a fraction of it.
    composite = union(theirs(range(n), lg_k=lg_k), read, lg_k=lg_k).get_estimate()
    assert read.get_estimate() == pytest.approx(composite, rel=1e-12)
    assert abs(ours.estimate / composite - 1) <= 0.7 * ours.relative_error
    again = Hll.from_bytes(read.serialize_compact())
    assert again == ours
    # They go on from where ours stopped.
    read.update(n)
    assert Hll.from_bytes(read.serialize_compact()) == Hll(np.arange(n + 1), lg_k=lg_k)


def test_our_merge_is_their_union() -> None:
    for first, second in ((12, 12), (12, 10), (10, 12), (9, 14)):
        ours = Hll(np.arange(4000), lg_k=first)
        ours.merge(Hll(np.arange(3000, 9000), lg_k=second))
        merged = union(theirs(range(4000), lg_k=first), theirs(range(3000, 9000), lg_k=second))
        assert ours.lg_k == merged.lg_config_k
        assert ours.to_bytes() == merged.serialize_compact()


def test_what_damaged_images_make_is_read_by_both() -> None:
    random = np.random.default_rng(5)
    for kind in TYPES:
        for n in (5, 20, 600):
            whole = theirs(range(n), lg_k=5 if n > 100 else 12, kind=kind).serialize_compact()
            for _ in range(300):
                data = bytearray(whole)
                for at in random.integers(0, len(data), size=random.integers(1, 4)):
                    data[at] = random.integers(0, 256)
                cut = len(data) if random.random() < 0.7 else int(random.integers(0, len(data)))
                try:
                    sketch = Hll.from_bytes(data[:cut])
                except SerializationError:
                    continue
                assert Hll.from_bytes(sketch.to_bytes()) == sketch
                # What we write of it they read.
                read = datasketches.hll_sketch.deserialize(sketch.to_bytes())
                assert math.isfinite(read.get_estimate())
