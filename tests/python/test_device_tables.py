"""Tables that are tensors on a device: profiles, tallies and watches of them."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fake_cuda import FakeCuda, FakeTensor, fake_cuda

import inlay
from inlay.data import Tally
from inlay.data.device_columns import CountedRows

RNG = np.random.default_rng(11)
NAMES = ["a", "b", "c"]
ROWS = RNG.normal(size=(3000, 3)).astype(np.float32)
ROWS[::70, 1] = np.nan
ROWS[5, 2] = np.inf


def table(values: np.ndarray[Any, Any], names: list[str] = NAMES) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(np.ascontiguousarray(c)) for c in values.T], names)


@pytest.fixture
def cuda() -> Iterator[FakeCuda]:
    with fake_cuda() as module:
        yield module


@pytest.fixture(scope="module")
def reference() -> inlay.Profile:
    return inlay.Profile.of(table(ROWS)).freeze(bins=8)


# ---- profiles -----------------------------------------------------------------------------------
def test_a_profile_of_a_tensor_is_that_of_its_rows(cuda: FakeCuda) -> None:
    found = inlay.Profile.of(FakeTensor(ROWS))
    assert found == inlay.Profile.of(ROWS)
    assert found.columns == ("0", "1", "2")
    assert inlay.Profile.of(FakeTensor(ROWS[:, 0])) == inlay.Profile.of(ROWS[:, 0])


@pytest.mark.parametrize("dtype", ["float64", "float16", "int8", "uint8", "int64", "bool"])
def test_a_profile_of_every_type(cuda: FakeCuda, dtype: str) -> None:
    values = (RNG.normal(size=(50, 2)) * 50).astype(dtype)
    assert inlay.Profile.of(FakeTensor(values)) == inlay.Profile.of(values)


def test_columns_are_those_of_the_profile(cuda: FakeCuda) -> None:
    profile = inlay.Profile.of(table(ROWS))
    profile.update(FakeTensor(ROWS), stream=5)
    wanted = inlay.Profile.of(table(ROWS))
    wanted.update(pa.Table.from_batches([table(ROWS)]))
    assert profile == wanted
    assert cuda.copied == [(3000, 5)]
    with pytest.raises(inlay.InvalidArgumentError, match=r"3 \('a', 'b', 'c'\); its shape is"):
        profile.update(FakeTensor(ROWS[:, :2]))
    with pytest.raises(inlay.InvalidArgumentError, match="one or two dimensions"):
        profile.update(FakeTensor(ROWS.reshape(10, 300, 3)))
    assert profile == wanted


def test_some_columns_alone(cuda: FakeCuda) -> None:
    profile = inlay.Profile.of(FakeTensor(ROWS), columns=["1"])
    profile.update(FakeTensor(ROWS))
    wanted = inlay.Profile.of(ROWS[:, 1])
    assert profile.columns == ("1",)
    assert profile["1"].nan_count == 2 * wanted["0"].nan_count


def test_pieces_are_bounded(cuda: FakeCuda) -> None:
    wide = RNG.normal(size=(700, 4096))
    profile = inlay.Profile.of(FakeTensor(wide), top=1, k=8, lg_k=4)
    assert profile.rows == 700
    assert sum(rows for rows, _ in cuda.copied) == 700
    assert max(rows for rows, _ in cuda.copied) * 4096 * 8 <= 1 << 23


def test_a_reference_of_a_tensor(cuda: FakeCuda) -> None:
    frozen = inlay.Profile.of(FakeTensor(ROWS), reference=True)
    assert frozen.reference_id == inlay.Profile.of(ROWS, reference=True).reference_id
    cuda.copied.clear()
    inlay.Profile.of(FakeTensor(ROWS), columns=["1"], reference=True, stream=9)
    assert {stream for _, stream in cuda.copied} == {9}
    assert len(cuda.copied) > 1  # read twice


def test_no_rows(cuda: FakeCuda) -> None:
    assert inlay.Profile.of(FakeTensor(ROWS[:0])).rows == 0


# ---- tallies ------------------------------------------------------------------------------------
def device_tally(reference: inlay.Profile) -> Tally:
    return Tally.of(reference, quantiles=False, unseen=0)


def assert_same(found: Tally, wanted: Tally) -> None:
    assert found.rows == wanted.rows
    assert found.missing_counts() == wanted.missing_counts()
    for path, cells in wanted.cells.items():
        assert found.cells[path] == cells
    for path, moments in wanted.moments.items():
        assert found.moments[path].count == moments.count
        assert found.moments[path].max == moments.max
        assert found.moments[path].mean == pytest.approx(moments.mean, rel=1e-9)


def test_a_tally_counts_on_the_device(cuda: FakeCuda, reference: inlay.Profile) -> None:
    tally, wanted = device_tally(reference), device_tally(reference)
    assert tally.update(FakeTensor(ROWS[:1000]), stream=3) == 1000
    assert tally.update(table(ROWS[1000:1100])) == 100
    assert tally.update(FakeTensor(ROWS[1100:], device=1)) == 1900
    assert (cuda.waits, cuda.copied, len(cuda.monitors)) == (0, [], 2)
    wanted.update(table(ROWS))
    assert_same(tally, wanted)
    merged = device_tally(reference)
    merged.merge(tally, tally.copy())
    assert merged.rows == 6000
    assert Tally.from_bytes(tally.to_bytes()).rows == 3000
    tally.reset()
    assert tally == device_tally(reference)


def test_what_a_device_does_not_keep_is_counted_on_the_host(
    cuda: FakeCuda, reference: inlay.Profile
) -> None:
    tally, wanted = Tally.of(reference), Tally.of(reference)
    assert tally.update(FakeTensor(ROWS), stream=9) == 3000
    wanted.update(table(ROWS))
    assert tally == wanted
    assert cuda.copied == [(3000, 9)]
    # float32 columns round doubles first.
    narrow = device_tally(reference)
    narrow.update(FakeTensor(ROWS.astype(np.float64)))
    rounded = device_tally(reference)
    rounded.update(table(ROWS.astype(np.float64)))
    assert narrow == rounded
    assert cuda.monitors == []


def test_names_as_cells_are_counted_on_the_host(cuda: FakeCuda) -> None:
    whole = RNG.integers(0, 5, size=(100, 2))
    reference = inlay.Profile.of(table(whole, ["k", "l"])).freeze()
    tally = Tally.of(reference, quantiles=False, unseen=0)
    tally.update(FakeTensor(whole))
    wanted = Tally.of(reference, quantiles=False, unseen=0)
    wanted.update(table(whole, ["k", "l"]))
    assert tally == wanted


def test_a_tally_refuses_other_shapes(cuda: FakeCuda, reference: inlay.Profile) -> None:
    tally = device_tally(reference)
    for shape in ((10, 2), (10,), (2, 5, 3)):
        with pytest.raises(inlay.InvalidArgumentError, match="shape"):
            tally.update(FakeTensor(np.zeros(shape, dtype=np.float32)))
    assert tally.rows == 0


def test_readers_of_a_tally_take_turns(
    cuda: FakeCuda, reference: inlay.Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = device_tally(reference)
    tally.update(FakeTensor(ROWS))
    adding = threading.Event()
    plain = CountedRows.add_to

    def slow(counted: CountedRows, into: Any) -> None:
        adding.set()
        time.sleep(0.1)
        plain(counted, into)

    monkeypatch.setattr(CountedRows, "add_to", slow)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(lambda: tally.rows)
        assert adding.wait(10)
        assert tally.rows == len(ROWS)
        assert first.result() == len(ROWS)


def test_what_was_counted_elsewhere_must_fit(reference: inlay.Profile) -> None:
    native = device_tally(reference)._native
    cells = native.column(0).cells
    moments = inlay.Moments([1.0, 2.0])._native
    with pytest.raises(inlay.InvalidArgumentError, match="contradict its moments"):
        native.add_counted(2, [(0, cells, moments)])
    with pytest.raises(inlay.InvalidArgumentError, match="not one value a row but: 2"):
        native.add_counted(3, [(0, cells, moments)])
    with pytest.raises(inlay.InvalidArgumentError, match="lacks the counts"):
        native.add_counted(2, [(0, None, moments)])
    with pytest.raises(inlay.InvalidArgumentError, match="none with index: 7"):
        native.add_counted(2, [(7, None, moments)])
    other = inlay.EdgeHistogram([0.0], [1.0, 2.0])._native
    with pytest.raises(inlay.InvalidArgumentError, match="other edges"):
        native.add_counted(2, [(0, other, moments)])
    with pytest.raises(inlay.InvalidArgumentError, match="without quantiles"):
        Tally.of(reference)._native.add_counted(2, [])
    assert native.rows == 0


# ---- watches ------------------------------------------------------------------------------------
def watch_of(
    reference: inlay.Profile | None, **options: Any
) -> tuple[inlay.ManualClock, inlay.Observer, Any]:
    clock = inlay.ManualClock(1_700_000_040)
    observer = inlay.Observer(clock=clock)
    return clock, observer, observer.watch("w", reference, every=60, judges=(), **options)


def panes(points: list[dict[str, Any]]) -> list[tuple[int, int, float]]:
    return [
        (int(row["start_time"].timestamp()) - 1_700_000_000, row["revision"], row["value"])
        for row in points
        if row["metric"] == "data.pane"
    ]


def edges(points: list[dict[str, Any]], start: int) -> dict[str, list[int]]:
    return {
        row["attrs"]: row["counts"]
        for row in points
        if row["metric"] == "data.column"
        and row["kind"] == "edges"
        and int(row["start_time"].timestamp()) - 1_700_000_000 == start
    }


def test_panes_of_tensors_are_those_of_tables(cuda: FakeCuda, reference: inlay.Profile) -> None:
    clock, observer, watch = watch_of(reference)
    host_clock, host_observer, host = watch_of(reference)
    found, wanted = [], []
    for step in range(10):
        rows = ROWS[step * 300 : (step + 1) * 300]
        assert watch.update(FakeTensor(rows), stream=1) == 300
        assert host.update(table(rows)) == 300
        for one in (clock, host_clock):
            one.advance(20)
        found += observer.collect().points.to_pylist()
        wanted += host_observer.collect().points.to_pylist()
    assert (cuda.waits, cuda.copied) == (0, [])
    for _ in range(4):
        clock.advance(20)
        host_clock.advance(20)
        found += observer.collect().points.to_pylist()
        wanted += host_observer.collect().points.to_pylist()
    filled = [pane for pane in panes(found) if pane[2]]
    assert filled == [pane for pane in panes(wanted) if pane[2]]
    assert sum(pane[2] for pane in filled) == 3000
    for start, _, _ in filled:
        assert edges(found, start) == edges(wanted, start) != {}
    assert cuda.waits == 0
    kinds = {row["kind"] for row in found if row["metric"] == "data.column"}
    assert kinds == {"edges", "moments"}


def test_a_pane_waits_for_its_rows_one_pane_long(cuda: FakeCuda) -> None:
    clock, observer, watch = watch_of(None)
    watch.update(FakeTensor(ROWS[:7]))
    cuda.monitors[0].polls_needed = 10**9
    points: list[dict[str, Any]] = []
    clock.advance(60)
    points += observer.collect().points.to_pylist()
    assert panes(points) == []
    clock.advance(60)
    points += observer.collect().points.to_pylist()
    assert panes(points)[0] == (40, 0, 0.0)
    cuda.monitors[0].polls_needed = 0
    points += observer.collect().points.to_pylist()
    clock.advance(1)
    points += observer.collect().points.to_pylist()
    assert (40, 1, 7.0) in panes(points)


def test_host_rows_after_tensors_share_the_panes(cuda: FakeCuda) -> None:
    clock, observer, watch = watch_of(None)
    watch.update(FakeTensor(ROWS[:10]))
    watch.update(table(ROWS[:5], ["0", "1", "2"]))
    watch.close()
    clock.advance(100)
    points = observer.collect().points.to_pylist()
    assert panes(points) == [(40, 0, 15.0)]
    moments = [row for row in points if row["kind"] == "moments"]
    assert [row["count"] for row in moments] == [15 - int(np.isnan(ROWS[:10, i]).sum()
        + np.isnan(ROWS[:5, i]).sum() + np.isinf(ROWS[:10, i]).sum() + np.isinf(ROWS[:5, i]).sum())
        for i in range(3)]  # fmt: skip


def test_tensors_after_host_rows_are_copied(cuda: FakeCuda, reference: inlay.Profile) -> None:
    _, observer, watch = watch_of(reference)
    _, host_observer, host = watch_of(reference)
    for one in (watch, host):
        one.update(table(ROWS[:10]))
    watch.update(FakeTensor(ROWS[10:50]), stream=4)
    host.update(table(ROWS[10:50]))
    assert cuda.copied == [(40, 4)]
    for one in (watch, host):
        one.close()
    found = observer.collect().points.to_pylist()
    wanted = host_observer.collect().points.to_pylist()
    assert edges(found, 40) == edges(wanted, 40) != {}
    assert {row["kind"] for row in found} >= {"quantiles"}


def test_rows_that_arrived_in_an_earlier_pane_come_to_it(
    cuda: FakeCuda, reference: inlay.Profile
) -> None:
    found = []
    for lend in (FakeTensor, table):
        clock, observer, watch = watch_of(reference)
        watch.update(lend(ROWS[:10]))
        clock.advance(65)
        watch.update(lend(ROWS[:5]))
        watch.update(lend(ROWS[:3]), arrival=1_700_000_050)
        watch.close()
        found.append(sorted(panes(observer.collect().points.to_pylist())))
    assert found[0] == found[1]
    assert cuda.copied == [(3, None)]


def test_closing_a_watch_waits_for_its_rows(cuda: FakeCuda) -> None:
    _, observer, watch = watch_of(None)
    watch.update(FakeTensor(ROWS[:10]))
    watch.close()
    assert panes(observer.collect().points.to_pylist()) == [(40, 0, 10.0)]
    with pytest.raises(inlay.StoppedError):
        watch.update(FakeTensor(ROWS))


def test_a_saved_watch_goes_on_on_the_device(cuda: FakeCuda, reference: inlay.Profile) -> None:
    _, _, watch = watch_of(reference)
    watch.update(FakeTensor(ROWS[:10]))
    state = watch.save_state()
    _, observer, other = watch_of(reference)
    other.load_state(pickle.loads(pickle.dumps(state)))
    other.update(FakeTensor(ROWS[10:30]))
    assert cuda.copied == []
    other.close()
    assert panes(observer.collect().points.to_pylist()) == [(40, 0, 30.0)]


def test_a_watch_saved_before_its_first_rows_counts_on_the_device(
    cuda: FakeCuda, reference: inlay.Profile
) -> None:
    _, _, watch = watch_of(reference)
    _, observer, other = watch_of(reference)
    other.load_state(watch.save_state())
    other.update(FakeTensor(ROWS[:10]))
    assert cuda.copied == []
    other.close()
    assert panes(observer.collect().points.to_pylist()) == [(40, 0, 10.0)]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"event_time": "a"}, "event_time: 'a'"),
        ({"key": "a"}, r"key: \('a',\)"),
        ({"by": "a"}, r"by: \('a',\)"),
        ({"every_rows": 10}, "every_rows: 10"),
    ],
)
def test_what_no_device_does_is_named(cuda: FakeCuda, options: Any, named: str) -> None:
    _, _, watch = watch_of(None, **options)
    with pytest.raises(inlay.InvalidArgumentError, match=named):
        watch.update(FakeTensor(ROWS))


def test_another_number_of_columns_is_refused(cuda: FakeCuda, reference: inlay.Profile) -> None:
    _, _, watch = watch_of(reference)
    with pytest.raises(inlay.InvalidArgumentError, match=r"\(3000, 2\)"):
        watch.update(FakeTensor(ROWS[:, :2]))


def test_rows_that_are_refused_are_not_counted(
    cuda: FakeCuda, reference: inlay.Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, observer, watch = watch_of(reference)
    watch.update(FakeTensor(ROWS[:10]))

    def refuse(values: Any) -> None:
        raise inlay.InvalidArgumentError("a stream that is none")

    monkeypatch.setattr(cuda.monitors[0], "check", refuse)
    with pytest.raises(inlay.InvalidArgumentError, match="a stream"):
        watch.update(FakeTensor(ROWS))
    watch.close()
    points = observer.collect().points.to_pylist()
    assert [row["value"] for row in points if row["metric"] == "data.rows"] == [10.0]
