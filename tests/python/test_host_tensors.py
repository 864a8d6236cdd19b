"""Tensors of PyTorch on the host: counted as arrays are, whatever numpy says of them."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest

import inlay
import inlay.detect
from inlay import InvalidArgumentError
from inlay.data import Profile

if os.environ.get("CI") == "true":
    import torch
else:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make tensors`")

SUMMARIES = [inlay.Moments, inlay.ExpHistogram, inlay.Hll, inlay.Kll, inlay.Reservoir]
VALUES = [1.0, -2.5, float("nan"), 0.0, 3.0]


def tensors() -> list[Any]:
    plain = torch.tensor(VALUES)
    return [
        plain.clone().requires_grad_(),
        torch.nn.Parameter(plain),
        plain.bfloat16(),
        plain.half(),
        plain.to(torch.float8_e5m2),
        plain.double().requires_grad_() * 1.0,
        torch.stack([plain, plain])[0],
        torch.stack([plain, plain], dim=1)[:, 1].requires_grad_(),
        torch._neg_view(-plain),
    ]


def quantised() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is on its way out
        return torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)


@pytest.mark.parametrize("make", SUMMARIES, ids=lambda make: make.__name__)
def test_a_summary_of_a_tensor_is_that_of_its_values(make: Any) -> None:
    expected = make()
    expected.update(np.array(VALUES, dtype=np.float32))
    for tensor in tensors():
        found = make()
        found.update(tensor)
        if make is inlay.Kll:  # of float32 and of float64
            assert (found.count, found.nan_count) == (expected.count, expected.nan_count)
            assert found.quantile(0.5) == expected.quantile(0.5)
        else:
            assert found == expected, tensor.dtype


@pytest.mark.parametrize("make", SUMMARIES, ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.ones(3, device="meta"), "meta"),
        (torch.ones(3).to_sparse(), "sparse_coo"),
        (torch.ones(3, dtype=torch.complex64), "complex64"),
        (quantised(), "qint8"),
    ],
)
def test_a_tensor_without_plain_values_is_refused(make: Any, tensor: Any, words: str) -> None:
    summary = make()
    with pytest.raises(TypeError, match=words):
        summary.update(tensor)
    assert summary == make()


def test_columns_of_a_tensor() -> None:
    array = np.random.default_rng(3).normal(size=(50, 3)).astype(np.float32)
    tensor = torch.from_numpy(array).requires_grad_()
    assert Profile.of(tensor).to_dict()["columns"] == Profile.of(array).to_dict()["columns"]
    narrow = tensor.bfloat16()
    wide = narrow.detach().float().numpy()
    assert Profile.of(narrow).to_dict()["columns"] == Profile.of(wide).to_dict()["columns"]


def test_a_mapping_of_tensors() -> None:
    values = torch.tensor([1.0, 2.5, float("nan")])
    columns = {"grad": values.clone().requires_grad_(), "narrow": values.bfloat16(), "n": [1, 2, 3]}
    arrays = {name: values.numpy() for name in ("grad", "narrow")} | {"n": [1, 2, 3]}
    assert Profile.of(columns).to_dict()["columns"] == Profile.of(arrays).to_dict()["columns"]
    with pytest.raises(TypeError, match=r"column 'bad': .*sparse_coo"):
        Profile.of({"bad": values.to_sparse()})
    with pytest.raises(InvalidArgumentError, match="column 'bad' must have one dimension"):
        Profile.of({"bad": values.reshape(1, 3)})


def test_a_nested_tensor_is_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is a prototype
        nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    with pytest.raises(TypeError, match="nested"):
        inlay.Moments().update(nested)


def test_rows_and_samples_of_tensors() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, 60, 4)).astype(np.float32)
    left, right = torch.from_numpy(x).requires_grad_(), torch.from_numpy(y).bfloat16()
    rounded = right.float().numpy()
    assert inlay.detect.mmd(left, right).value == inlay.detect.mmd(x, rounded).value
    assert inlay.detect.two_sample(left[:, 0], right[:, 0]).ks == (
        inlay.detect.two_sample(x[:, 0], rounded[:, 0]).ks
    )
    assert inlay.detect.PageHinkley().update_many(left[:, 0]).size == 0


def test_a_list_of_rows_of_logits() -> None:
    rows = [torch.tensor([1.0, 2.0, 0.5], requires_grad=True), torch.tensor([0.5, 1.0, 3.0])]
    expected, found = inlay.model.Logits(), inlay.model.Logits()
    expected.update(np.array([[1.0, 2.0, 0.5], [0.5, 1.0, 3.0]], np.float32))
    found.update(rows)
    assert found == expected
    found.update(tuple(row.bfloat16() for row in rows))
    assert found.rows == 4
    with pytest.raises(TypeError, match="float8_e4m3fn"):
        found.update(rows[1].to(torch.float8_e4m3fn))


def test_sums_of_what_a_module_hands_out() -> None:
    layer = torch.nn.Linear(3, 2)
    stats = inlay.model.TensorStats()
    stats.update(layer.named_parameters())
    assert stats.names == ("weight", "bias")
    assert stats["weight"].count == 6
    numbered = inlay.model.TensorStats()
    numbered.update(layer.parameters())
    assert numbered["1"].norm == stats["bias"].norm
    with pytest.raises(TypeError, match="sparse_coo"):
        numbered.update([layer.weight.detach().to_sparse(), None])
