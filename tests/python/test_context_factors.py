"""What evidence is ranked by: overlap, closeness, place, and how unusual a value is."""

import itertools
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from infra_world import GPUS, World

from inlay.joined.happenings import join_parts
from inlay.joined.intervals import Interval, closeness, overlap_us, share_covered
from inlay.joined.scoring import Focus, directness_of_event, score, specificity
from inlay.joined.unusual import MOST_Z, SELDOM_Z, unusual

times = st.integers(-1000, 1000)


@st.composite
def intervals(draw):
    start, length = draw(times), draw(st.integers(0, 500))
    return Interval(start, start + length)


# ---- intervals -------------------------------------------------------------------------------
@given(intervals(), intervals())
def test_overlap_is_what_counting_every_microsecond_gives(one, other):
    counted = len(range(max(one.start, other.start), min(one.end, other.end)))
    assert overlap_us(one, other) == counted
    assert overlap_us(other, one) == counted
    assert counted <= min(one.length, other.length)


@given(intervals(), intervals(), times)
def test_overlap_and_closeness_do_not_depend_on_the_time_of_day(one, other, by):
    moved = Interval(one.start + by, one.end + by), Interval(other.start + by, other.end + by)
    assert overlap_us(*moved) == overlap_us(one, other)
    here = closeness(one, other, before=50, after=20)
    assert closeness(*moved, before=50, after=20) == here
    assert 0.0 <= here <= 1.0
    assert 0.0 <= share_covered(one, other) <= 1.0


@given(intervals(), st.integers(1, 100), st.integers(1, 100))
def test_what_is_further_away_is_never_closer(span, before, after):
    def away(gap, length=3):
        return (
            closeness(
                span,
                Interval(span.start - gap - length, span.start - gap),
                before=before,
                after=after,
            ),
            closeness(
                span, Interval(span.end + gap, span.end + gap + length), before=before, after=after
            ),
        )

    gaps = [away(gap) for gap in range(1, 120)]
    for near, far in itertools.pairwise(gaps):
        assert near[0] >= far[0]
        assert near[1] >= far[1]
    assert gaps[before - 1][0] == 0.0
    assert gaps[after - 1][1] == 0.0


def test_closeness_prefers_what_begins_and_ends_with_the_span():
    span = Interval(1000, 2000)

    def fit(start, end):
        return closeness(span, Interval(start, end), before=100, after=100)

    assert fit(1000, 2000) == 1.0
    assert fit(1500, 1500) == 1.0  # an instant in it
    assert fit(1000, 1500) == 0.75
    assert 0.5 < fit(-100_000, 100_000) < 0.51  # hours around it
    assert fit(900, 950) == pytest.approx(0.25)
    assert fit(2050, 2060) == pytest.approx(0.125)


def part(start, end, attrs="{}", origin=1, severity=13, name="gpu.throttle"):
    return {
        "time": start, "end_time": end, "origin": origin, "layer": "infra", "name": name,
        "severity": severity, "body": None, "attrs": attrs, "resource": "{}", "trace_id": None,
    }  # fmt: skip


def test_parts_of_an_interval_are_one_piece_of_evidence():
    attrs = [json.dumps({"gpu": "a", "open": "true", "seconds": str(n)}) for n in (1, 2)]
    rows = [part(0, 10_000_000, attrs[0]), part(10_000_000, 20_000_000, attrs[1], severity=17)]
    joined = join_parts([*rows, rows[0]])  # one of them was delivered twice
    assert [(one.interval, one.severity, one.seconds) for one in joined] == [
        (Interval(0, 20_000_000), 17, 3.0)
    ]
    apart = join_parts([part(0, 1_000_000), part(2_000_000, 3_000_000)])
    assert len(apart) == 2
    others = join_parts([part(0, 10), part(0, 10, origin=2), part(0, 10, '{"gpu":"b"}')])
    assert len(others) == 3


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=12), st.randoms())
def test_joined_parts_cover_what_the_parts_cover_in_any_order(pairs, random):
    rows = [part(s * 1_000_000, (s + n) * 1_000_000) for s, n in pairs]

    def covered(spans):
        return {t for a, b in spans for t in range(a // 1_000_000, b // 1_000_000)}

    joined = join_parts(rows)
    assert covered(one.interval for one in joined) == covered(
        (row["time"], row["end_time"]) for row in rows
    )
    ends = [one.interval for one in joined]
    assert all(a.end < b.start for a, b in itertools.pairwise(ends))
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert join_parts(shuffled) == joined


# ---- where and how much ----------------------------------------------------------------------
def test_specificity_falls_with_distance():
    focus = Focus(frozenset({"a"}), frozenset({"G1"}), frozenset(), frozenset({7}))

    def of(host=None, gpu=None, rank=None, origin=None):
        return specificity(focus, host=host, gpu=gpu, rank=rank, origin=origin)

    order = [
        of("a", "G1", origin=7), of("a", origin=7), of("a"), of(), of("a", "G2", origin=7),
        of("b", origin=8),
    ]  # fmt: skip
    assert order == [1.0, 0.85, 0.7, 0.5, 0.2, 0.1]
    assert specificity(Focus(), host="a", gpu="G1", rank=None, origin=7) == 0.5


@given(
    st.fixed_dictionaries(
        dict.fromkeys(("directness", "specificity", "severity", "overlap", "size"), st.floats(0, 1))
    )
)
def test_a_score_is_a_share_and_grows_with_each_factor(factors):
    here = score(factors)
    assert 0.0 <= here <= 1.0
    for name in factors:
        assert score({**factors, name: 1.0}) >= here


def test_an_unusual_value_is_found_and_its_history_said():
    world = World(40)
    world.unusual("gpu.clock", 305.0, 0.9e9, gpu=GPUS[2])
    points = pa.concat_tables([b.points.to_pyarrow() for b in world.batches()])
    span = Interval(world.at(301), world.at(303))
    found = unusual(points, span)
    best = found[0]
    assert points["metric"][best.row].as_py() == "gpu.clock"
    assert json.loads(points["attrs"][best.row].as_py()) == {"gpu": GPUS[2]}
    assert best.z < -20
    assert best.windows == 39
    history = [
        row["value"] for row in points.to_pylist()
        if row["series_id"] == points["series_id"][best.row].as_py()
        and row["start_time"] != points["start_time"][best.row].as_py()
    ]  # fmt: skip
    median = np.median(history)
    mad = 1.4826 * np.median(np.abs(np.array(history) - median))
    assert best.median == pytest.approx(median)
    assert best.z == pytest.approx((best.value - median) / max(mad, 0.01 * median))


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), min_size=1, max_size=6))
def test_robust_figures_are_numpys(groups):
    from inlay.joined.unusual import _robust

    values = np.array([v for group in groups for v in group])
    code = np.array([i for i, group in enumerate(groups) for _ in group])
    order = np.random.default_rng(0).permutation(len(values))
    median, spread, number = _robust(values[order], code[order], len(groups) + 1)
    for i, group in enumerate(groups):
        middle = np.median(group)
        assert median[i] == pytest.approx(middle)
        assert spread[i] == pytest.approx(1.4826 * np.median(np.abs(np.array(group) - middle)))
        assert number[i] == len(group)
    assert number[-1] == 0


def test_a_constant_that_changes_and_a_counter_that_seldom_counts():
    world = World(40)
    column = next(i for i, n in enumerate(world.names) if n[0] == "gpu.other_6")
    world.values[:, column] = 0.0
    world.values[30, column] = 6.0
    tables = [b.points.to_pyarrow() for b in world.batches()]
    rare = tables[30].slice(0, 1).to_pylist()[0]
    rare.update(kind="counter", metric="gpu.nvlink.errors", series_id=5, value=3.0)
    tables.append(pa.Table.from_pylist([rare], schema=tables[0].schema))
    points = pa.concat_tables(tables)
    found = {
        points["metric"][one.row].as_py(): one
        for one in unusual(points, Interval(world.at(301), world.at(303)))
    }
    assert found["gpu.other_6"].z == MOST_Z
    assert found["gpu.nvlink.errors"].z == SELDOM_Z
    assert found["gpu.nvlink.errors"].value == pytest.approx(0.3)


def test_without_history_nothing_is_unusual():
    world = World(6)
    world.unusual("gpu.clock", 35.0, 1.0, gpu=GPUS[0])
    points = pa.concat_tables([b.points.to_pyarrow() for b in world.batches()])
    assert unusual(points, Interval(world.at(31), world.at(33))) == []
    assert unusual(points.slice(0, 0), Interval(0, 1)) == []


def counted(world, window, seconds, **changed):
    """Return the points of a world, with a counter of seconds in one window."""
    tables = [batch.points.to_pyarrow() for batch in world.batches()]
    row = tables[window].slice(0, 1).to_pylist()[0]
    row.update(kind="counter", metric="host.cpu.time", unit="s", series_id=5, value=seconds)
    tables.append(pa.Table.from_pylist([{**row, **changed}], schema=tables[0].schema))
    return pa.concat_tables(tables)


@pytest.mark.parametrize(("seconds", "tells"), [(0.01, False), (0.05, False), (0.5, True)])
def test_a_tick_of_a_clock_is_no_evidence(seconds, tells):
    world = World(40)
    points = counted(world, 30, seconds)
    found = unusual(points, Interval(world.at(301), world.at(303)))
    metrics = [points["metric"][one.row].as_py() for one in found]
    assert ("host.cpu.time" in metrics) == tells
    others = counted(world, 30, 0.01, unit="{packet}", metric="host.network.packets")
    found = unusual(others, Interval(world.at(301), world.at(303)))
    assert "host.network.packets" in [others["metric"][one.row].as_py() for one in found]


def test_changes_count_by_their_name_in_any_layer_and_with_any_prefix():
    for name in ("deploy", "deployment", "rollout", "release", "maintenance", "app.deploy",
                 "shop.config.changed"):  # fmt: skip
        for layer in ("app", "infra"):
            assert directness_of_event(layer, name, own_trace=False) == 0.8
    assert directness_of_event("app", "undeploy", own_trace=False) == 0.5
