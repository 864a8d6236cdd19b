"""Matrices on a device as rows of a table: profiles, tallies and watched streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from monitors import assert_same, mixed_values, of_edge_histogram, of_exp_histogram, of_moments

import inlay
from inlay.data import Tally

COLUMNS = 5


def rows(seed: int, n: int = 2_003) -> np.ndarray[Any, Any]:
    return mixed_values(seed, (n, COLUMNS))


def table(values: np.ndarray[Any, Any]) -> pa.Table:
    return pa.table({str(i): values[:, i] for i in range(COLUMNS)})


@pytest.fixture(scope="module")
def reference() -> inlay.Profile:
    values = rows(100, 20_000)
    return inlay.Profile.of(values).freeze(values)


def test_a_profile_of_a_tensor_is_that_of_the_same_rows(torch: Any) -> None:
    parts = [rows(seed) for seed in range(3)]
    found = inlay.Profile.of(torch.from_numpy(parts[0]).cuda())
    expected = inlay.Profile.of(parts[0])
    for part in parts[1:]:
        found.update(torch.from_numpy(part).cuda())
        expected.update(part)
    assert found.to_bytes() == expected.to_bytes()


@pytest.mark.parametrize("quantiles", [False, True], ids=["on the device", "copied"])
def test_a_tally_of_tensors(torch: Any, reference: inlay.Profile, quantiles: bool) -> None:
    options: dict[str, Any] = {} if quantiles else {"quantiles": False, "unseen": 0}
    found, expected = Tally.of(reference, **options), Tally.of(reference, **options)
    for seed in range(4):
        part = rows(seed)
        assert found.update(torch.from_numpy(part).cuda()) == len(part)
        expected.update(table(part))
    assert found.rows == expected.rows
    for name in expected.columns:
        assert_same(of_edge_histogram(found.cells[name]), of_edge_histogram(expected.cells[name]))
        assert_same(of_moments(found.moments[name]), of_moments(expected.moments[name]))


def test_a_tally_on_the_device_neither_waits_nor_allocates(
    torch: Any, watch: Any, reference: inlay.Profile, stream: Any
) -> None:
    tally = Tally.of(reference, quantiles=False, unseen=0)
    values = torch.from_numpy(rows(1)).cuda()
    tally.update(values)
    torch.cuda.synchronize()
    with watch.calls() as seen:
        tally.update(values)
        tally.update(values)
    assert (seen.waits, seen.allocations, seen.legacy_stream) == (0, 0, 0), seen.names
    assert tally.rows == 3 * len(values)


def test_a_tally_in_a_graph(torch: Any, reference: inlay.Profile) -> None:
    tally, expected = (Tally.of(reference, quantiles=False, unseen=0) for _ in range(2))
    landing = torch.from_numpy(rows(0)).cuda()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        tally.update(landing)
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        tally.update(landing)
    for seed in (1, 2):
        landing.copy_(torch.from_numpy(rows(seed)))
        graph.replay()
        torch.cuda.synchronize()
    for seed in (0, 1, 2):
        expected.update(table(rows(seed)))
    for name in expected.columns:
        assert tally.cells[name].counts == expected.cells[name].counts


def test_another_number_of_columns_is_refused(torch: Any, reference: inlay.Profile) -> None:
    tally = Tally.of(reference, quantiles=False, unseen=0)
    with pytest.raises(ValueError, match="4"):
        tally.update(torch.ones(7, 4, device="cuda"))
    assert tally.rows == 0


def test_panes_of_a_watched_stream_of_tensors(torch: Any, reference: inlay.Profile) -> None:
    observer = inlay.Observer()
    found = observer.watch("on a device", reference=reference)
    expected = observer.watch("on the host", reference=reference)
    for seed in range(3):
        part = rows(seed)
        assert found.update(torch.from_numpy(part).cuda()) == len(part)
        expected.update(table(part))
    found.close()
    expected.close()
    points = observer.collect().points.to_pylist()

    def counts(name: str) -> dict[tuple[str, str], Any]:
        return {
            (row["metric"], row["attrs"].replace(name, "")): row["counts"]
            for row in points
            if name in row["attrs"] and row["kind"] == "edges"
        }

    assert len(counts("on the host")) == COLUMNS
    assert counts("on a device") == counts("on the host")


def test_columns_of_a_tensor_by_themselves(torch: Any) -> None:
    values = rows(9)
    tensor = torch.from_numpy(values).cuda()
    for i in range(COLUMNS):
        histogram = inlay.ExpHistogram()
        histogram.update(tensor[:, i])
        expected = inlay.ExpHistogram(np.ascontiguousarray(values[:, i]))
        assert_same(of_exp_histogram(histogram), of_exp_histogram(expected))
