"""Norms and counts of lists of tensors on the CPU."""

from __future__ import annotations

import math
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import inlay
from inlay.model import TensorStats


def expected(values: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Numpy's figures of the elements."""
    doubles = values.astype(np.float64).ravel()
    finite = doubles[np.isfinite(doubles)]
    return {
        "count": finite.size,
        "nan_count": int(np.isnan(doubles).sum()),
        "pos_inf_count": int(np.isposinf(doubles).sum()),
        "neg_inf_count": int(np.isneginf(doubles).sum()),
        "zero_count": int((finite == 0).sum()),
        "max_abs": float(np.abs(finite).max()) if finite.size else None,
    }


@given(hnp.arrays(st.sampled_from([np.float32, np.float64, np.float16]), st.integers(0, 40)))
def test_counts_are_those_of_numpy(values: np.ndarray[Any, Any]) -> None:
    stats = TensorStats()
    stats.update([values])
    found = stats["0"]
    wanted = expected(values)
    assert {key: getattr(found, key) for key in wanted} == wanted
    with np.errstate(over="ignore"):
        finite = values[np.isfinite(values)].astype(np.float64)
        squares = float((finite**2).sum())
    assert found.sum_of_squares == pytest.approx(squares, rel=1e-12)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, np.bool_])
def test_integers(kind: type) -> None:
    stats = TensorStats(["codes"])
    stats.update([np.array([[0, 1], [1, 0]], kind)])
    found = stats["codes"]
    assert (found.count, found.zero_count, found.max_abs, found.norm) == (4, 2, 1.0, math.sqrt(2))
    assert found.zero_fraction == 0.5


def test_updates_add_up_and_merge() -> None:
    rng = np.random.default_rng(3)
    parts = [{"w": rng.normal(size=(7, 5)), "b": rng.normal(size=3)} for _ in range(3)]
    one, other, whole = TensorStats(), TensorStats(), TensorStats()
    one.update(parts[0])
    other.update(parts[1])
    other.update({"b": parts[2]["b"], "w": parts[2]["w"]})  # by name, in any order
    one.merge(other)
    for part in parts:
        whole.update(part)
    assert one.updates == whole.updates == 3
    for name in ("w", "b"):
        assert one[name].sum_of_squares == pytest.approx(whole[name].sum_of_squares, rel=1e-14)
        assert one[name].max_abs == whole[name].max_abs
    everything = np.concatenate([p[n].ravel() for p in parts for n in p])
    assert one.total().norm == pytest.approx(np.linalg.norm(everything), rel=1e-14)
    empty = TensorStats()
    empty.merge(one)
    assert empty.names == ("w", "b")
    assert empty.total() == one.total()


def test_strided_and_sliced_arrays() -> None:
    values = np.arange(60.0).reshape(6, 10)
    stats = TensorStats()
    stats.update([values[::2, ::-3], values.T, np.broadcast_to(2.0, (3, 4))])
    assert stats["0"].sum_of_squares == (values[::2, ::-3] ** 2).sum()
    assert stats["1"].sum_of_squares == (values**2).sum()
    assert stats["2"].norm == math.sqrt(48)


def test_without_values_figures_are_undefined() -> None:
    stats = TensorStats()
    stats.update([None, np.empty(0), np.array([np.nan, np.inf, -np.inf])])
    for name in stats.names:
        found = stats[name]
        assert (found.count, found.norm, found.rms, found.max_abs) == (0, None, None, None)
        assert found.zero_fraction is None
    assert astuple(stats["2"])[1:4] == (1, 1, 1)
    assert stats.total().norm is None
    assert "undefined" in repr(stats)


def test_tables() -> None:
    stats = TensorStats(["a", "b"])
    stats.update([np.array([3.0, -4.0, 0.0]), None])
    table = stats.to_arrow()
    assert table.column("tensor").to_pylist() == ["a", "b"]
    assert table.column("norm").to_pylist() == [5.0, None]
    assert table.column("zero_count").to_pylist() == [1, 0]
    assert table.to_pylist()[0] == {"tensor": "a", **stats.to_dict()["a"]}


def test_windows_of_an_observer() -> None:
    stats = TensorStats(attributes={"model": "small"})
    with inlay.Observer({"service.name": "serving"}) as observer:
        observer.probe(stats)
        stats.update({"w": np.array([3.0, 4.0]), "b": np.array([np.nan, 0.0])})
        points = observer.collect().points.to_pyarrow().to_pylist()
        again = observer.collect().points.to_pyarrow().to_pylist()
    rows = {
        (row["metric"], row["attrs"]): row["value"]
        for row in points
        if row["metric"].startswith("model.tensors.")
    }
    w, b = '{"model":"small","tensor":"w"}', '{"model":"small","tensor":"b"}'
    assert rows["model.tensors.norm", w] == 5.0
    assert rows["model.tensors.max_abs", w] == 4.0
    assert rows["model.tensors.zero_fraction", b] == 1.0
    assert rows["model.tensors.nan_count", b] == 1.0
    assert ("model.tensors.nan_count", w) not in rows
    assert not [row for row in again if row["metric"].startswith("model.tensors.")]


def test_bad_input() -> None:
    stats = TensorStats(["a", "b"])
    with pytest.raises(inlay.InvalidArgumentError, match=r"expected 2 tensors.*got 3"):
        stats.update([np.ones(1)] * 3)
    with pytest.raises(inlay.InvalidArgumentError, match="no tensor is called 'c'"):
        stats.update({"c": np.ones(1)})
    with pytest.raises(TypeError, match="numbers, got <U1 of ndarray"):
        stats.update([np.array(["x"]), None])
    with pytest.raises(TypeError, match="several tensors, as a list, got ndarray"):
        stats.update(np.ones(2))
    with pytest.raises(TypeError, match="several tensors, as a list, got int"):
        stats.update(3)  # type: ignore[arg-type]
    with pytest.raises(inlay.InvalidArgumentError, match="two tensors are called 'a'"):
        stats.update([("a", np.ones(1)), ("a", np.ones(1))])
    with pytest.raises(TypeError, match="name must be a str: 5"):
        TensorStats(name=5)  # type: ignore[arg-type]
    with pytest.raises(inlay.InvalidArgumentError, match="name must not be empty"):
        TensorStats(name="")
    with pytest.raises(TypeError, match="'model' is 7"):
        TensorStats(attributes={"model": 7})  # type: ignore[dict-item]
    with pytest.raises(inlay.InvalidArgumentError, match="'tensor' is set for each series: 'x'"):
        TensorStats(attributes={"tensor": "x"})
    with pytest.raises(inlay.InvalidArgumentError, match="two tensors are called 'a'"):
        TensorStats(["a", "a"])
    with pytest.raises(inlay.InvalidArgumentError, match="other names"):
        stats.merge(_named("x"))
    with pytest.raises(KeyError):
        _ = stats["z"]
    assert stats.total().count == 0


def test_iterables_and_pairs() -> None:
    expected = _named("weight")
    for listed in (
        iter([("weight", np.ones(1))]),
        [("weight", np.ones(1))],
        {"weight": np.ones(1)},
    ):
        stats = TensorStats()
        stats.update(listed)
        assert stats.to_dict() == expected.to_dict()
    numbered = TensorStats()
    numbered.update(np.full(2, i) for i in range(3))
    assert list(numbered) == ["0", "1", "2"]
    assert "2" in numbered
    assert "3" not in numbered
    assert [numbered[name].max_abs for name in numbered] == [0.0, 1.0, 2.0]


def test_what_is_masked_is_left_out() -> None:
    stats = TensorStats()
    stats.update([np.ma.masked_array([1.0, 7.0, 2.0], mask=[0, 1, 0])])
    assert (stats["0"].count, stats["0"].max_abs) == (2, 2.0)


def test_on_the_cpu_no_stream_is_looked_at() -> None:
    stats = TensorStats()
    stats.update([np.ones(1)], stream=7)
    assert stats["0"].count == 1


def test_a_first_list_that_is_refused_names_nothing() -> None:
    stats = TensorStats()
    with pytest.raises(TypeError, match="numbers"):
        stats.update([np.ones(1), np.array(["x"])])
    with pytest.raises(TypeError, match="names of tensors are str, got int"):
        stats.update({1: np.ones(1)})  # type: ignore[dict-item]
    stats.update({"weight": np.ones(3)})
    assert stats.names == ("weight",)


def _named(name: str) -> TensorStats:
    stats = TensorStats()
    stats.update({name: np.ones(1)})
    return stats


def test_torch() -> None:
    torch = pytest.importorskip("torch")
    weight = torch.tensor([[1.0, -2.0], [0.0, float("nan")]], requires_grad=True)
    stats = TensorStats()
    stats.update([weight, weight.detach().bfloat16(), weight.detach()[:, 0].to(torch.float8_e5m2)])
    assert astuple(stats["0"])[:5] == (3, 1, 0, 0, 1)
    assert stats["1"].norm == math.sqrt(5)
    assert stats["2"].max_abs == 1.0
    for tensor, words in (
        (torch.tensor([1 + 2j]), "complex64"),
        (torch.eye(2).to_sparse(), "dense"),
        (torch.ones(2, device="meta"), "meta"),
    ):
        with pytest.raises(TypeError, match=words):
            stats.update([tensor, None, None])
    assert stats.updates == 1
