"""Panes of a watch: where rows go, when panes close, what moves the watermark and what does not."""

from __future__ import annotations

import datetime
import inspect
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from watched import BEGAN, Watched, rows, seconds

import inlay


def test_a_pane_closes_when_the_watermark_passes_its_end() -> None:
    watched = Watched(event_time="at", disorder=0)
    watched.at(50)
    assert watched.watch.update(rows([10, 59.999999], x=[1.0, 2.0])) == 2
    watched.collect()
    assert watched.panes == []
    assert watched.watch.open_panes == 1
    watched.at(60)
    watched.watch.update(rows([60], x=[3.0]))
    watched.collect()
    assert watched.panes == [(0, 0, 2)]
    assert watched.watch.watermark == BEGAN + 60


def test_disorder_holds_panes_open() -> None:
    watched = Watched(event_time="at", disorder=30)
    watched.at(80)
    watched.watch.update(rows([10, 80], x=[1.0, 2.0]))
    watched.watch.update(rows([55], x=[3.0]))
    watched.at(90)
    watched.watch.update(rows([90], x=[4.0]))
    watched.collect()
    assert watched.panes == [(0, 0, 2)]


def test_a_pane_holds_its_points_and_says_which_it_is() -> None:
    watched = Watched(event_time="at", disorder=0)
    watched.at(70)
    watched.watch.update(rows([1, 2, 3], x=[1.0, None, 3.0]))
    watched.watch.update(rows([61], x=[9.0]))
    points = watched.collect()
    moments = [row for row in points if row["kind"] == "moments" and '"x"' in row["attrs"]]
    assert [(row["count"], row["null_count"], row["mean"]) for row in moments] == [(2, 1, 2.0)]
    assert moments[0]["attrs"] == '{"column":"x","watch":"orders"}'
    assert moments[0]["start_time"].timestamp() == BEGAN
    assert moments[0]["time"].timestamp() == BEGAN + 60
    batch = watched.batches[-1]
    assert moments[0]["origin"] == batch.origin
    assert moments[0]["window_seq"] == batch.window_seq
    observed = {row["observed_time"] for row in points}
    assert len(observed) == 1


def test_empty_panes_are_told_and_are_events() -> None:
    watched = Watched(event_time="at", disorder=0)
    watched.at(200)
    watched.watch.update(rows([1, 185], x=[1.0, 2.0]))
    watched.watch.update(rows([185, 185, 185], x=[1.0, 2.0, 3.0]))
    watched.collect()
    assert watched.panes == [(0, 0, 1), (60, 0, 0), (120, 0, 0)]
    empty = [row for row in watched.points if row["metric"] == "data.pane" and row["value"] == 0]
    assert {row["status"] for row in empty} == {"insufficient"}
    assert [name for name, _ in watched.events] == ["data.pane.empty"] * 2


def test_after_a_long_gap_the_rest_of_it_is_one_event() -> None:
    watched = Watched(event_time="at", disorder=0)
    watched.at(100_000)
    watched.watch.update(rows([0], x=[1.0]))
    watched.watch.update(rows([60 * 1000], x=[1.0]))
    watched.collect()
    assert len(watched.panes) == 101
    gap = [attrs for name, attrs in watched.events if name == "data.pane.gap"]
    assert gap == [{"panes": "899", "watch": "orders"}]


def test_one_stamp_in_2099_moves_nothing() -> None:
    watched = Watched(event_time="at", disorder=0)
    watched.at(30)
    far = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC).timestamp() - BEGAN
    assert watched.watch.update(rows([10, far, 20], x=[1.0, 2.0, 3.0])) == 2
    assert watched.watch.watermark == BEGAN + 10  # the lower of two: no stamp alone moves it
    watched.collect()
    assert watched.panes == []
    assert watched.watch.counts_apart["future"] == 1
    assert watched.watch.kept_apart("future")["x"].to_pylist() == [2.0]
    assert watched.metric("data.event_time.future") == 1


def test_a_few_stamps_within_the_skew_do_not_close_a_pane() -> None:
    watched = Watched(event_time="at", disorder=0, skew=60)
    watched.at(30)
    times = [20.0] * 999 + [80.0]
    watched.watch.update(rows(times, x=np.zeros(1000)))
    watched.collect()
    assert watched.panes == []


def test_the_watermark_never_goes_back() -> None:
    watched = Watched(event_time="at", disorder=0)
    watched.at(50)
    watched.watch.update(rows([45], x=[1.0]))
    watched.watch.update(rows([5], x=[1.0]))
    assert watched.watch.watermark == BEGAN + 45


def test_the_slowest_source_holds_panes_open_until_it_is_idle() -> None:
    watched = Watched(event_time="at", disorder=0, idle=100, lateness=0)
    watched.at(70)
    watched.watch.update(rows([5], x=[1.0]), source="slow")
    watched.watch.update(rows([65], x=[2.0]), source="quick")
    watched.collect()
    assert watched.panes == []
    watched.at(165)
    watched.watch.update(rows([130], x=[2.0]), source="quick")
    watched.collect()
    assert watched.panes == []
    watched.at(180)
    watched.collect()
    assert watched.panes == [(0, 0, 1), (60, 0, 1)]


def test_sources_that_are_named_are_waited_for() -> None:
    watched = Watched(event_time="at", disorder=0, idle=100, sources=["a", "b"])
    watched.at(90)
    watched.watch.update(rows([5, 85, 85], x=[1.0, 2.0, 3.0]), source="a")
    watched.collect()
    assert watched.watch.watermark is None
    watched.at(101)
    watched.collect()
    assert watched.panes == [(0, 0, 1)]


def test_a_silent_stream_closes_its_panes_as_time_goes_on() -> None:
    watched = Watched(event_time="at", disorder=0, idle=60)
    watched.at(30)
    watched.watch.update(rows([25], x=[1.0]))
    watched.at(90)
    watched.collect()
    assert watched.panes == []
    watched.at(30 + 60 + 35)
    watched.collect()
    assert watched.panes == [(0, 0, 1)]
    watched.at(30 + 60 + 35 + 60)
    watched.collect()
    assert watched.panes == [(0, 0, 1), (60, 0, 0)]


def test_a_replay_that_pauses_loses_nothing() -> None:
    watched = Watched(event_time="at", disorder=0, lateness=600)
    year = -365 * 86_400.0
    watched.watch.update(rows([year, year + 50], x=[1.0, 2.0]))
    watched.at(400)
    watched.collect()
    watched.watch.update(rows([year + 55, year + 65], x=[3.0, 4.0]))
    watched.finish()
    assert sum(size for _, _, size in watched.panes) == 4


def test_without_event_time_the_arrival_counts() -> None:
    watched = Watched()
    watched.at(10)
    watched.watch.update({"x": [1.0, 2.0]})
    watched.at(60)
    watched.collect()
    watched.at(130)
    watched.watch.update({"x": [3.0]})
    watched.at(180)
    watched.collect()
    assert watched.panes == [(0, 0, 2), (60, 0, 0), (120, 0, 1)]
    assert watched.metric("data.latency") == 0


def test_a_stream_that_never_begins_has_empty_panes() -> None:
    watched = Watched()
    watched.at(60)
    watched.collect()
    assert watched.panes == [(0, 0, 0)]
    assert [name for name, _ in watched.events] == ["data.pane.empty"]


def test_panes_of_rows_close_when_they_are_full() -> None:
    watched = Watched(every_rows=4, event_time="at")
    watched.at(100)
    watched.watch.update(rows([1, 2, 3, 90, 5, 6], x=np.arange(6.0)))
    watched.watch.update(rows([7, 8, 9], x=np.arange(3.0)))
    watched.collect()
    found = [row for row in watched.points if row["metric"] == "data.pane"]
    assert [row["value"] for row in found] == [4, 4]
    ends = [row["time"] for row in found]
    assert ends == sorted(set(ends))
    watched.finish()
    assert [size for _, _, size in watched.panes] == [4, 4, 1]


def merged_moments(watched: Watched) -> list[dict[str, Any]]:
    found = [row for row in watched.points if row["form"] == "derived"]
    return [row for row in found if row["kind"] == "moments" and '"x"' in row["attrs"]]


def test_a_sliding_window_merges_the_last_panes() -> None:
    watched = Watched(event_time="at", disorder=0, window=3)
    watched.at(400)
    for start, size in ((0, 1), (60, 2), (120, 3), (180, 4), (240, 1)):
        watched.watch.update(rows([start] * size, x=np.full(size, float(start))))
    watched.collect()
    derived = merged_moments(watched)
    spans = [(row["start_time"].timestamp() - BEGAN, row["count"]) for row in derived]
    assert spans == [(0, 6), (60, 9)]
    assert '"panes":"3"' in derived[0]["attrs"]
    watched.watch.update(rows([125], x=[1.0]))  # late: both windows hold that pane
    watched.collect()
    again = [row for row in merged_moments(watched) if row["revision"] == 1]
    assert [(row["start_time"].timestamp() - BEGAN, row["count"]) for row in again] == [
        (0, 7),
        (60, 10),
    ]


def test_open_panes_are_bounded_and_nothing_is_lost() -> None:
    watched = Watched(event_time="at", disorder=0, lateness=1e6)
    times = np.arange(200) * 60.0
    watched.at(200 * 60)
    watched.watch.update(rows(times, x=times))
    assert watched.watch.open_panes <= 64
    watched.watch.update(rows(times[::-1], x=times))
    assert watched.watch.open_panes <= 64
    watched.finish()
    assert sum(size for _, _, size in watched.panes) == 400


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([BEGAN, None], pa.timestamp("s")), 1),
        (pa.array([BEGAN * 1000], pa.timestamp("ms", "Europe/Oslo")), 1),
        (pa.array([BEGAN * 10**9 + 999], pa.timestamp("ns")), 1),
        (pa.array([BEGAN // 86_400], pa.int32()).cast(pa.date32()), 1),
        (pa.array([BEGAN // 86_400 * 86_400_000], pa.int64()).cast(pa.date64()), 1),
        (pa.array([BEGAN], pa.int32()), 1),
        (pa.array([BEGAN], pa.uint64()), 1),
        (pa.array([float(BEGAN), float("nan"), float("inf"), None], pa.float64()), 1),
        (pa.array([BEGAN, None, BEGAN], pa.timestamp("us")).dictionary_encode(), 2),
        (pa.array([2**62], pa.int64()), 0),  # seconds, from the future
        (pa.array([2**63 - 1], pa.timestamp("us")), 0),
        (pa.array([-(2**62)], pa.int64()), 0),  # before any calendar
        (pa.array([-(10**9)], pa.int64()), 1),  # long ago, but no pane has closed yet
        (pa.array([1e300], pa.float64()), 0),
    ],
)
def test_event_times_of_every_type(column: pa.Array, expected: int) -> None:
    watched = Watched(event_time="at")
    table = pa.record_batch({"at": column, "x": pa.array(np.zeros(len(column)))})
    assert watched.watch.update(table) == expected
    apart = watched.watch.counts_apart
    assert expected + apart["missing"] + apart["future"] == len(column)
    watched.finish()
    assert sum(size for _, _, size in watched.panes) == expected


def test_rows_without_a_time_are_counted_apart() -> None:
    watched = Watched(event_time="at")
    assert watched.watch.update(rows([1, None, 2], x=[1.0, 2.0, 3.0])) == 2
    watched.collect()
    assert watched.metric("data.event_time.missing") == 1
    assert watched.watch.kept_apart("missing")["x"].to_pylist() == [2.0]


def test_latency_and_freshness_are_metrics() -> None:
    watched = Watched(event_time="at", disorder=5)
    watched.at(40)
    watched.watch.update(rows([10, 20], x=[1.0, 2.0]), source="kafka")
    points = {row["metric"]: row for row in watched.collect() if "watch" in row["attrs"]}
    assert points["data.latency"]["sum"] == pytest.approx(50.0)
    assert points["data.latency"]["attrs"] == '{"source":"kafka","watch":"orders"}'
    assert points["data.freshness"]["value"] == pytest.approx(20.0)
    assert points["data.watermark.lag"]["value"] == pytest.approx(35.0)
    assert points["data.rows"]["value"] == 2


@pytest.mark.parametrize(
    ("options", "problem", "error"),
    [
        ({"every": 0}, "every", ValueError),
        ({"every": float("nan")}, "every", ValueError),
        ({"every": "1h"}, "every", TypeError),
        ({"every_rows": 0}, "every_rows", ValueError),
        ({"lateness": -1}, "lateness", ValueError),
        ({"window": 0}, "window", ValueError),
        ({"by": ["a", "a"]}, "'a'", ValueError),
        ({"event_time": 3}, "event_time", TypeError),
        ({"event_time": "at", "by": "at"}, "'at'", ValueError),
        ({"judges": [object()]}, "judge", TypeError),
        ({"max_groups": 0}, "max_groups", ValueError),
        ({"every": 1e-9}, "every must be 1e-6 to 1e9 seconds: 1e-09", ValueError),
        ({"every_rows": 1.5}, "every_rows is a whole number, got float: 1.5", TypeError),
        ({"min_rows": "x"}, "min_rows is a whole number, got str: 'x'", TypeError),
        ({"min_rows": 0}, "min_rows must be 1 or more", ValueError),
        ({"judges": 5}, "judges is a sequence of judges, got int: 5", TypeError),
        ({"key": 5}, "key is a name or several, got int: 5", TypeError),
        ({"on_too_late": 5}, "on_too_late is called with rows, got int", TypeError),
        ({"nonsense": 1}, r"watch\(\) got an unexpected keyword argument 'nonsense'", TypeError),
    ],
)
def test_settings_that_cannot_be_are_refused(
    options: dict[str, Any], problem: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match=problem):
        inlay.Observer().watch("orders", **options)


def test_the_longest_pane_needs_no_other_settings() -> None:
    assert inlay.Observer().watch("orders", every=1e9).open_panes == 0


def test_settings_and_their_defaults_can_be_read() -> None:
    shown = inspect.signature(inlay.Observer.watch).parameters
    assert all(each.kind is not each.VAR_KEYWORD for each in shown.values())
    assert (shown["every"].default, shown["skew"].default) == (300.0, 60.0)


def test_a_first_table_without_the_columns_needed_is_refused() -> None:
    observer = inlay.Observer()
    watch = observer.watch("a", event_time="ts", by=["region"])
    with pytest.raises(inlay.InvalidArgumentError, match=r"'ts' is not there.*'x'"):
        watch.update({"x": [1.0]})
    with pytest.raises(inlay.InvalidArgumentError, match="'ts' holds no times: string"):
        watch.update({"ts": ["2024"], "x": [1.0]})
    with pytest.raises(inlay.InvalidArgumentError, match="'region'"):
        watch.update({"ts": seconds(1)})
    assert watch.update({"ts": seconds(1), "region": ["eu"]}) == 1


def test_a_name_is_taken_until_its_watch_closes() -> None:
    observer = inlay.Observer()
    watch = observer.watch("a")
    with pytest.raises(inlay.InvalidArgumentError, match="'a'"):
        observer.watch("a")
    watch.close()
    with pytest.raises(inlay.StoppedError, match="'a'"):
        watch.update({"x": [1]})
    assert not observer.watch("a").closed


def test_stopping_the_observer_writes_the_open_panes() -> None:
    memory = inlay.sinks.Memory()
    observer = inlay.Observer(sinks=[memory])
    watch = observer.watch("a", event_time="at")
    watch.update({"at": seconds(0, 1), "x": [1.0, 2.0]})
    observer.stop()
    panes = [
        row["value"]
        for batch in memory.batches
        for row in batch.points.to_pylist()
        if row["metric"] == "data.pane"
    ]
    assert panes == [2.0]
    assert watch.closed
