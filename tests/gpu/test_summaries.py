"""What takes arrays takes tensors on a device, with the CPU's results and without a wait."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import inlay
from inlay.data import Tally

RNG = np.random.default_rng(21)
REALS = RNG.normal(size=200_000).astype(np.float32)
REALS[::997] = np.nan
REALS[::1009] = np.inf
REALS[::1013] = 0
TOKENS = RNG.zipf(1.3, size=300_000).clip(0, 50_000).astype(np.int64)
ROWS = RNG.normal(size=(20_000, 6)).astype(np.float32)
ROWS[::70, 1] = np.nan
# Sums of float32 are taken 32 at a time in float32, then in float64.
RELATIVE = 1e-6


def close(found: inlay.Moments, wanted: inlay.Moments) -> None:
    for name in ("count", "nan_count", "pos_inf_count", "neg_inf_count", "zero_count"):
        assert getattr(found, name) == getattr(wanted, name), name
    assert (found.min, found.max) == (wanted.min, wanted.max)
    scale = wanted.std(ddof=0)
    assert scale is not None
    assert found.mean == pytest.approx(wanted.mean, abs=RELATIVE * scale)
    assert found.std(ddof=0) == pytest.approx(scale, rel=RELATIVE)


@pytest.fixture(params=["torch", "cupy"])
def lend(request: pytest.FixtureRequest) -> Any:
    """Return what moves an array to the device."""
    library = request.getfixturevalue(request.param)
    if request.param == "torch":
        return lambda values: library.from_numpy(np.ascontiguousarray(values)).cuda()
    return library.asarray


def test_moments(lend: Any) -> None:
    moments = inlay.Moments()
    moments.update(lend(REALS))
    moments.update(REALS[:1000])
    wanted = inlay.Moments(REALS)
    wanted.update(REALS[:1000])
    close(moments, wanted)


def test_histograms(lend: Any) -> None:
    assert inlay.ExpHistogram(lend(REALS)) == inlay.ExpHistogram(REALS)
    edges = np.quantile(REALS[np.isfinite(REALS)], np.linspace(0, 1, 9)[1:-1]).tolist()
    assert inlay.EdgeHistogram(edges, lend(REALS)) == inlay.EdgeHistogram(edges, REALS)


@pytest.mark.parametrize("lg_k", [4, 12, 16])
@pytest.mark.parametrize("size", [300, 300_000])
def test_distinct_items(lend: Any, lg_k: int, size: int) -> None:
    for values in (TOKENS[:size], REALS[:size], TOKENS[:size].astype(np.int32)):
        sketch = inlay.Hll(lg_k=lg_k)
        sketch.update(lend(values))
        wanted = inlay.Hll(values, lg_k=lg_k)
        assert sketch.to_bytes() == wanted.to_bytes()
        assert (sketch.count, sketch.nan_count) == (wanted.count, wanted.nan_count)


@pytest.mark.parametrize("vocabulary", [None, 50_001, 1000])
def test_top_tokens(lend: Any, vocabulary: int | None) -> None:
    top = inlay.TopK(capacity=512, vocabulary=vocabulary)
    for part in np.array_split(TOKENS, 7):
        top.update(lend(part))
    ids, counts = np.unique(TOKENS, return_counts=True)
    assert top.count == len(TOKENS)
    exact = dict(zip(ids.tolist(), counts.tolist(), strict=True))
    for item, estimate, low, high in top.top(100):
        assert low <= exact[item] <= high
        if vocabulary != 1000:
            assert estimate == exact[item]


def test_categories(lend: Any) -> None:
    names = [str(i) for i in range(1, 300)]
    found, wanted = inlay.Categories(names), inlay.Categories(names)
    found.update(lend(TOKENS))
    wanted.update(TOKENS)
    found.update(lend(TOKENS.astype(np.float64)))
    wanted.update(TOKENS.astype(np.float64))
    assert found == wanted
    truths = inlay.Categories(["True", "False"])
    truths.update(lend(TOKENS > 3))
    assert truths.counts == [int((TOKENS > 3).sum()), int((TOKENS <= 3).sum())]


def test_a_profile(lend: Any) -> None:
    assert inlay.Profile.of(lend(ROWS)) == inlay.Profile.of(ROWS)


def test_a_profile_of_bfloat16_columns(torch: Any) -> None:
    values = torch.from_numpy(ROWS).cuda().to(torch.bfloat16)
    wanted = inlay.Profile.of(values.float().cpu().numpy())
    assert inlay.Profile.of(values) == wanted
    assert inlay.Profile.of(values.t().contiguous().t()) == wanted


def test_a_tally(lend: Any) -> None:
    reference = inlay.Profile.of(ROWS).freeze(bins=10)
    tally = Tally.of(reference, quantiles=False, unseen=0)
    wanted = Tally.of(reference, quantiles=False, unseen=0)
    assert tally.update(lend(ROWS)) == len(ROWS)
    wanted.update(inlay.data.sources.open_source(ROWS).batches().__next__())
    assert tally.cells == wanted.cells
    for path, moments in wanted.moments.items():
        close(tally.moments[path], moments)


def test_a_watch(lend: Any) -> None:
    reference = inlay.Profile.of(ROWS).freeze(bins=10)
    clock = inlay.ManualClock(1_700_000_040)
    observer = inlay.Observer(clock=clock)
    watch = observer.watch("rows", reference, every=60, judges=())
    points = []
    on_device = lend(ROWS)
    for _ in range(6):
        watch.update(on_device)
        clock.advance(20)
        points += observer.collect().points.to_pylist()
    watch.close()
    points += observer.collect().points.to_pylist()
    rows = [row["value"] for row in points if row["metric"] == "data.pane"]
    assert sum(rows) == 6 * len(ROWS)
    counted = [row["counts"] for row in points if row["kind"] == "edges"]
    assert sum(map(sum, counted)) == 6 * int(np.isfinite(ROWS).sum())


def test_merging_and_pickling(lend: Any) -> None:
    sketch = inlay.Hll(lend(TOKENS))
    twin = pickle.loads(pickle.dumps(sketch))
    twin.merge(inlay.Hll(lend(TOKENS[:50])))
    assert twin == sketch


def test_updates_do_not_wait(torch: Any, watch: Any, stream: Any) -> None:
    tokens, rows = torch.from_numpy(TOKENS).cuda(), torch.from_numpy(ROWS).cuda()
    observer = inlay.Observer(clock=inlay.ManualClock(1_700_000_040))
    reference = inlay.Profile.of(ROWS).freeze(bins=10)
    made: list[tuple[Any, Any]] = [
        (inlay.Hll(), tokens),
        (inlay.TopK(vocabulary=50_001), tokens),
        (inlay.Categories(["1", "2"]), tokens),
        (Tally.of(reference, quantiles=False, unseen=0), rows),
        (observer.watch("rows", reference, judges=()), rows),
    ]
    for summary, values in made:
        summary.update(values)
    torch.cuda.synchronize()
    for summary, values in made:
        with watch.calls() as seen:
            summary.update(values)
        assert seen.launches > 0
        assert (seen.waits, seen.allocations, seen.legacy_stream) == (0, 0, 0), seen.names
