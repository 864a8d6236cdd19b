"""Rows of logits on a device: each value of each row beside the host's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inlay.model import Logits

#: Exponentials and sums of float32 on the device: 24 bits, over up to 2**18 entries in a tree.
PRECISION = {"rtol": 2e-5, "atol": 2e-5}
RANK = 5


def both(torch: Any, logits: Any, chosen: Any = None, mask: Any = None) -> tuple[Any, Any]:
    """What the host and the device say of each row, float32 of shape (rows, 8)."""
    found = torch.zeros(len(logits), 8, device="cuda")
    expected = np.zeros((len(logits), 8), np.float32)
    Logits(per_row=True).update(logits, chosen, mask=mask, out=found)
    same = logits.to(torch.float32).cpu().numpy()
    Logits(per_row=True).update(
        same,
        None if chosen is None else chosen.cpu().numpy(),
        mask=None if mask is None else mask.cpu().numpy(),
        out=expected,
    )
    return found.cpu().numpy(), expected


@pytest.mark.parametrize("element", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("columns", [1, 2, 31, 1_000, 32_001, 128_256, 262_144])
@pytest.mark.parametrize("rows", [1, 5, 64])
def test_rows_are_those_of_the_host(torch: Any, element: str, columns: int, rows: int) -> None:
    generator = torch.Generator("cuda").manual_seed(columns + rows)
    logits = 4 * torch.randn(rows, columns, device="cuda", generator=generator)
    logits = logits.to(getattr(torch, element))
    chosen = torch.randint(0, columns, (rows,), device="cuda", generator=generator)
    found, expected = both(torch, logits, chosen)
    np.testing.assert_allclose(found, expected, **PRECISION)
    # What is compared and not computed is the same: the rank counts larger logits.
    np.testing.assert_array_equal(found[:, RANK], expected[:, RANK])


def test_rows_that_are_broken_in_every_way(torch: Any) -> None:
    logits = torch.randn(12, 1_000, device="cuda")
    logits[1, 3] = float("nan")
    logits[2, 4] = float("inf")
    logits[3, 5:900] = -float("inf")
    logits[4] = -float("inf")
    logits[5] = 0.0
    logits[6] = 3e38
    logits[7, ::2] = -3e38
    mask = torch.ones(12, 1_000, dtype=torch.bool, device="cuda")
    mask[8] = False
    mask[9, 1:] = False
    mask[10, ::3] = False
    chosen = torch.tensor([0, 1, 2, 6, 1, 7, 9, 1, 3, 5, 0, -1], device="cuda")
    found, expected = both(torch, logits, chosen, mask)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, **PRECISION)


@pytest.mark.parametrize("layout", ["rows apart", "not aligned", "column major", "one row for all"])
def test_layouts_of_logits(torch: Any, layout: str) -> None:
    whole = torch.randn(40, 2_011, device="cuda")
    logits = {
        "rows apart": whole[::3],
        "not aligned": whole[:, 3:1_002],
        "column major": whole.t().contiguous().t(),
        "one row for all": whole[4:5].expand(9, -1),
    }[layout]
    found, expected = both(
        torch, logits, torch.zeros(len(logits), dtype=torch.int64, device="cuda")
    )
    np.testing.assert_allclose(found, expected, **PRECISION)


@pytest.mark.parametrize("layout", ["one value a row", "every other"])
def test_layouts_of_masks(torch: Any, layout: str) -> None:
    logits = torch.randn(9, 1_000, device="cuda")
    keep = torch.rand(9, 2_000, device="cuda") < 0.5
    mask = {"one value a row": keep[:, :1].expand(-1, 1_000), "every other": keep[:, ::2]}[layout]
    found, expected = both(torch, logits, mask=mask)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, **PRECISION)


def test_summaries_hold_what_the_rows_say(torch: Any) -> None:
    made = Logits()
    rows = torch.zeros(64, 8, device="cuda")
    made.update(torch.randn(64, 5_000, device="cuda"), out=rows)
    entropy = rows[:, 0].cpu().numpy().astype(float)
    assert made.entropy.count == 64
    np.testing.assert_allclose(made.entropy.mean, entropy.mean(), rtol=1e-6)
    assert made.entropy.min == pytest.approx(entropy.min(), rel=1e-6)


def test_no_rows(torch: Any) -> None:
    made = Logits()
    made.update(torch.randn(0, 100, device="cuda"))
    assert made.rows == 0
