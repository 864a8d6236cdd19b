"""The joined view: overlap, unusual values, ids, ranking; a ring and files say the same."""

import datetime
import io
import itertools
import json
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from infra_world import GPUS, T0_US, World

import inlay
from inlay.cli import main
from inlay.joined.asking import Asked, ask
from inlay.joined.happenings import join_parts
from inlay.joined.intervals import Interval, closeness, overlap_us, share_covered
from inlay.joined.recent import Recent
from inlay.joined.scoring import Focus, brevity, score, specificity
from inlay.joined.source import RecentSource
from inlay.joined.unusual import MOST_Z, SELDOM_Z, unusual

TRACE = "0af7651916cd43dd8448eb211c80319c"
OTHER = "11111111111111112222222222222222"

times = st.integers(-1000, 1000)


@st.composite
def intervals(draw):
    start, length = draw(times), draw(st.integers(0, 500))
    return Interval(start, start + length)


def ask_ring(world, **asked):
    return ask(RecentSource(world.batches(), 3600.0), Asked(**asked))


def write_files(world, directory, **options):
    from inlay.sinks import Files

    sink = Files(directory, **options)
    sink.open({}, world.origin)
    for batch in world.batches():
        sink.write(batch)
    return sink


def names(context):
    return [one.name for one in context.evidence]


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


# ---- what is asked for -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "none"),
        ({"trace_id": TRACE, "time": 1.0}, "trace_id"),
        ({"time": float("nan")}, "nan"),
        ({"time": datetime.datetime(2026, 1, 1)}, "time zone"),
        ({"time": "now"}, "now"),
        ({"time": 5.0, "end": 4.0}, "4.0"),
        ({"step": 1, "end": 4.0}, "end=4.0"),
        ({"step": 1.5}, "1.5"),
        ({"step": True}, "True"),
        ({"trace_id": "xyz"}, "xyz"),
        ({"trace_id": "0af7"}, "0af7"),
        ({"trace_id": 12}, "12"),
        ({"trace_id": OTHER}, OTHER),
        ({"step": 3}, "step 3"),
        ({"time": 1.0, "margin": -1.0}, "-1.0"),
        ({"time": 1.0, "most": 0}, "0"),
        ({"time": 1.0, "history": float("inf")}, "inf"),
    ],
)
def test_a_bad_question_is_an_error_that_names_it(asked, said):
    with pytest.raises(inlay.InvalidArgumentError, match=said):
        ask_ring(World(3), **asked)


def test_the_beginning_of_an_id_must_fit_one_trace():
    world = World(20)
    world.span("a", TRACE, 100, 102)
    world.span("b", TRACE[:-1] + "0", 110, 112)
    assert ask_ring(world, trace_id=TRACE).subject == f"trace {TRACE}"
    assert ask_ring(world, trace_id=TRACE.upper()).subject == f"trace {TRACE}"
    with pytest.raises(inlay.InvalidArgumentError, match="2 traces begin like this"):
        ask_ring(world, trace_id=TRACE[:12])


def test_the_spans_of_a_trace_tell_when_and_where():
    world = World(20)
    world.uses = GPUS[3]
    world.span("root", TRACE, 100, 104)
    world.span("part", TRACE, 101, 103.5, span_id="00000000000000bb", parent_id="00000000000000aa")
    found = ask_ring(world, trace_id=TRACE)
    assert found.start == datetime.datetime.fromtimestamp(world.at(100) / 1e6, datetime.UTC)
    assert (found.end - found.start).total_seconds() == 4.0
    assert found.focus == Focus(
        frozenset({"node0"}), frozenset({GPUS[3]}), frozenset(), frozenset({77}), frozenset({TRACE})
    )
    assert names(found) == ["part"]


def test_without_spans_exemplars_and_then_events_tell():
    world = World(20)
    world.exemplar(TRACE, 104.0, 2.5, "request.latency", route="chat")
    world.event("log", 150.0, layer="app", trace_id=OTHER)
    found = ask_ring(world, trace_id=TRACE)
    assert (found.end - found.start).total_seconds() == 2.5
    assert found.focus.hosts == {"node0"}  # by the points of its process
    assert "exemplars" in found.notes[0]
    found = ask_ring(world, trace_id=OTHER)
    assert found.start == datetime.datetime.fromtimestamp(world.at(150) / 1e6, datetime.UTC)


def test_a_step_and_its_straggler():
    world = World(30)
    for step in range(100):
        for rank in range(4):
            slow = 2.0 if step == 60 else 0.0
            world.step(
                step,
                rank,
                step * 2.5,
                step * 2.5 + 0.9 + slow,
                forward=0.5,
                communication=0.3 + (slow if rank != 2 else 0.0),
            )
    world.event("training.straggler", 150, 152.9, layer="training", rank="2", share="0.7")
    found = ask_ring(world, step=60)
    assert (found.end - found.start).total_seconds() == pytest.approx(2.9)
    assert found.focus.ranks == {"2"}
    assert found.evidence[0].name == "training.straggler"
    steps = [one for one in found.evidence if one.kind == "step"]
    assert {one.cause for one in steps} == {"communication", ""}
    of_one = ask_ring(world, step=60, rank=1)
    assert of_one.focus.ranks == {"1"}
    assert ask_ring(world, step=70).notes == ()


def test_a_step_that_ran_twice_needs_a_time():
    world = World(30)
    world.step(5, 0, 100, 101)
    world.step(5, 0, 200, 201)
    with pytest.raises(inlay.InvalidArgumentError, match="more than once"):
        ask_ring(world, step=5)
    found = ask_ring(world, step=5, time=world.at(199) / 1e6)
    assert found.start == datetime.datetime.fromtimestamp(world.at(200) / 1e6, datetime.UTC)


def test_a_time_without_windows_is_undefined_with_a_reason():
    found = ask_ring(World(3), time=1.0)
    assert found.status == "undefined"
    assert "2026-01-01" in found.reason
    assert bool(found)
    assert found.to_arrow().num_rows == 0
    nothing = ask(RecentSource((), 600.0), Asked(time=1.0))
    assert nothing.status == "undefined"
    assert "no windows" in nothing.reason
    quiet = ask_ring(World(40), time=T0_US / 1e6 + 105, margin=0.5)
    assert quiet.status == "ok"
    assert "nothing unusual" in repr(quiet)


def test_what_the_caller_knows_takes_the_place_of_what_rows_tell():
    world = World(20)
    world.event("gpu.throttle", 100, 102, gpu=GPUS[1], cause="hw_thermal")
    world.event("gpu.throttle", 100, 102, gpu=GPUS[5], cause="hw_thermal")
    found = ask_ring(world, time=world.at(101) / 1e6, gpu=GPUS[5], host="node0")
    assert found.evidence[0].entity.startswith(f"GPU {GPUS[5]}")
    assert found.evidence[0].score > 4 * found.evidence[1].score


def test_what_goes_on_all_the_while_explains_less():
    world = World(40, seed=7)
    world.span("answer", TRACE, 300, 300.5, gpu=GPUS[2])
    for begin, end, cause in ((100, 390, "sw_thermal"), (299.9, 300.6, "hw_thermal")):
        seconds = str(end - begin)
        world.event("gpu.throttle", begin, end, gpu=GPUS[2], cause=cause, seconds=seconds)
    long, short = sorted(ask_ring(world, trace_id=TRACE).evidence[:2], key=lambda one: one.start)
    assert (long.cause, short.cause, short.rank) == ("sw_thermal", "hw_thermal", 1)
    assert long.overlap < 0.5 / (1 + 2.3)  # it meets all of the request, and is 290 times a second
    assert brevity(500_000, 1_000_000) == 1.0
    assert brevity(10_000_000, 100_000_000) == pytest.approx(0.5)


def test_what_a_gpu_is_explains_nothing():
    world = World(40, seed=7)
    world.span("answer", TRACE, 300, 300.5, gpu=GPUS[2])
    world.event("gpu.info", 299, gpu=GPUS[2], severity=9)
    assert "gpu.info" not in names(ask_ring(world, trace_id=TRACE))


# ---- how it is shown -------------------------------------------------------------------------
def throttled():
    world = World(40, seed=5)
    world.span("answer", TRACE, 300, 303, gpu=GPUS[2])
    world.event(
        "gpu.throttle", 300.5, 302.9, gpu=GPUS[2], index="2", cause="hw_thermal", seconds="2.2"
    )
    world.event("deploy", 280, layer="app", severity=9, version="<7>")
    world.verdict("price", 0, 300.5, column="price")
    world.unusual("gpu.clock", 305, 0.9e9, gpu=GPUS[2])
    return world


def test_evidence_as_arrow_text_and_html():
    found = ask_ring(throttled(), trace_id=TRACE)
    assert names(found)[:1] == ["gpu.throttle"]
    assert [one.rank for one in found.evidence] == list(range(1, len(found.evidence) + 1))
    scores = [one.score for one in found.evidence]
    assert scores == sorted(scores, reverse=True)
    table = found.to_arrow().to_pyarrow()
    assert table.column_names[:11] == [
        "rank", "kind", "layer", "name", "entity", "cause", "start", "end", "overlap", "score",
        "text",
    ]  # fmt: skip
    assert table["kind"].to_pylist().count("verdict") == 1
    first = found.evidence[0]
    assert first.text == (
        f"gpu.throttle hw_thermal, GPU {GPUS[2]} on node0: 2.40 s, over 80% of it"
    )
    assert repr(found).startswith(f"<inlay.Context of trace {TRACE}: 3.000 s from 2026-01-01")
    page = found._repr_html_()
    assert "&lt;7&gt;" not in page or "<7>" not in page
    assert page.count("<tr>") == len(found.evidence) + 1
    assert repr(first).startswith("<inlay.joined.Evidence 1: 0.")


def test_no_more_evidence_than_asked_for_and_the_rest_counted():
    world = World(20)
    for number in range(30):
        world.event("log", 100 + number / 100, layer="app", number=str(number))
    found = ask_ring(world, time=world.at(100) / 1e6, most=10)
    assert len(found.evidence) == 10
    assert any("20 more" in note for note in found.notes)


def test_the_latest_revision_of_a_verdict_counts():
    world = World(40)
    world.verdict("price", 0, 300)
    world.verdict("price", 0, 300, verdict="no", revision=1)
    assert ask_ring(world, time=world.at(200) / 1e6).evidence == ()


# ---- ring and files --------------------------------------------------------------------------
@pytest.mark.parametrize("converted", [False, True])
def test_a_ring_and_files_say_the_same(tmp_path, converted):
    import time

    world = throttled()
    world.step(7, 0, 310, 311, forward=0.5)
    sink = write_files(world, tmp_path, **({"max_file_bytes": 100_000} if converted else {}))
    if converted:
        sink.close(time.monotonic() + 60.0)
        assert not list((tmp_path / "points" / "live").glob("*"))
    for asked in (
        {"trace_id": TRACE},
        {"trace_id": TRACE[:10]},
        {"time": world.at(301) / 1e6},
        {"step": 7},
        {"time": world.at(200) / 1e6, "end": world.at(360) / 1e6},
    ):
        of_files = inlay.context(tmp_path, **asked)
        assert of_files == ask_ring(world, **asked)
        assert of_files.to_arrow().to_pylist() == ask_ring(world, **asked).to_arrow().to_pylist()
    with pytest.raises(inlay.InvalidArgumentError, match="no span, event or exemplar"):
        inlay.context(tmp_path, trace_id=OTHER)


def test_files_of_other_days_are_not_opened(tmp_path, monkeypatch):
    import time

    import pyarrow.parquet as pq

    for number in range(6):
        world = World(4, origin=100 + number, start_us=T0_US + number * 10 * 86_400_000_000)
        write_files(world, tmp_path).close(time.monotonic() + 60.0)
    opened = []
    read = pq.read_table

    def reading(path, *args, **kwargs):
        opened.append(path)
        return read(path, *args, **kwargs)

    monkeypatch.setattr(pq, "read_table", reading)
    found = inlay.context(tmp_path, time=T0_US / 1e6 + 20 * 86_400 + 15)
    assert found.status == "ok"
    assert {path.parts[-3] for path in opened} == {"date=2026-01-21"}


def test_points_of_other_hosts_are_left_out_of_a_fleets(tmp_path):
    import time

    worlds = [World(40, seed=n, origin=100 + n, host=f"node{n // 2}") for n in range(6)]
    worlds[2].span("answer", TRACE, 300, 303)
    worlds[3].unusual("gpu.clock", 305, 0.5e9, gpu=GPUS[1])  # another process of the same host
    worlds[5].unusual("gpu.clock", 305, 0.5e9, gpu=GPUS[1])
    worlds[4].event("gpu.xid", 301, severity=17, gpu="GPU-far")
    for number, world in enumerate(worlds):
        sink = write_files(world, tmp_path)
        if number % 3:
            sink.close(time.monotonic() + 60.0)
    found = inlay.context(tmp_path, trace_id=TRACE)
    clocks = [one for one in found.evidence if one.name == "gpu.clock"]
    assert [one.entity.split()[-1] for one in clocks] == ["node1"]
    far = [one for one in found.evidence if one.name == "gpu.xid"]
    assert [one.specificity for one in far] == [0.1]
    moment = worlds[0].at(302) / 1e6
    everywhere = inlay.context(tmp_path, time=moment)
    assert len([one for one in everywhere.evidence if one.name == "gpu.clock"]) == 2
    there = inlay.context(tmp_path, time=moment, host="node2")
    assert [o.entity.split()[-1] for o in there.evidence if o.name == "gpu.clock"] == ["node2"]


def test_a_damaged_stream_is_read_as_far_as_it_goes_and_noted(tmp_path):
    world = throttled()
    write_files(world, tmp_path)
    live = next((tmp_path / "verdicts" / "live").iterdir())
    data = bytearray(live.read_bytes())
    data[-20] ^= 0xFF
    live.write_bytes(bytes(data))
    found = inlay.context(tmp_path, trace_id=TRACE)
    assert found.evidence[0].name == "gpu.throttle"
    assert any("is damaged" in note for note in found.notes)


def test_no_such_directory(tmp_path):
    with pytest.raises(FileNotFoundError):
        inlay.context(tmp_path / "nowhere", time=1.0)
    assert inlay.context(tmp_path, time=1.0).status == "undefined"


# ---- random worlds ---------------------------------------------------------------------------
def random_world(seed):
    """Return a world in which one cause slowed a request, among decoys, and what it is called."""
    rng = np.random.default_rng(seed)
    world = World(60, seed=seed)
    start = float(rng.uniform(250, 450))
    length = float(rng.choice([0.3, 1.0, 3.0, 12.0]))
    end = start + length
    gpu, other, third = (GPUS[i] for i in rng.permutation(8)[:3])
    attrs = {}
    if rng.random() < 0.5:
        attrs["gpu"] = gpu
    else:
        world.uses = gpu
    world.span("answer", TRACE, start, end, **attrs)
    world.span(
        "decode",
        TRACE,
        start + 0.2 * length,
        end,
        span_id="00000000000000bb",
        parent_id="00000000000000aa",
    )
    first = start + float(rng.uniform(-0.1, 0.2)) * length
    last = first + float(rng.uniform(0.1, 1.2)) * length
    cause = ("gpu.throttle", "nvlink.errors", "gpu.xid", "host.pressure", "ib.congestion")[seed % 5]
    if cause == "gpu.throttle":
        world.event(
            cause, first, last, gpu=gpu, cause="hw_thermal", seconds=f"{0.9 * (last - first):.3f}"
        )
        world.unusual("gpu.clock", start, 0.8e9, gpu=gpu)
        world.unusual("gpu.power", start, 300.0, gpu=gpu)
    elif cause == "nvlink.errors":
        world.event(cause, first, last, gpu=gpu, link="3", kind="replay")
    elif cause == "gpu.xid":
        world.event(cause, start - float(rng.uniform(0, 3)), severity=17, gpu=gpu, xid="79")
    elif cause == "host.pressure":
        world.event(cause, first, last, resource="memory", share="0.6")
    else:
        world.event(cause, first, last, device="mlx5_0", port="1")
    # Decoys: elsewhere at the same time, here at other times, and what always happens.
    for one in (other, third):
        world.event(
            "gpu.throttle",
            start - 0.1,
            end + 0.1,
            gpu=one,
            cause="sw_power_cap",
            seconds=f"{length:.3f}",
        )
        world.unusual("gpu.power", start, 700.0, gpu=one)
    world.event("gpu.ecc", start, end, gpu=other, severity=17)
    world.event("gpu.xid", start + 0.01, severity=17, gpu="GPU-f0", xid="48", host="node1")
    for away in rng.uniform(30, 200, 4):
        when = start - away if rng.random() < 0.5 else end + away
        world.event("gpu.throttle", when, when + 1.0, gpu=gpu, cause="hw_thermal", seconds="1")
    for away in rng.uniform(-1, 1, 5):
        world.event("log", start + away, layer="app", severity=17, trace_id=OTHER, body="late")
    world.event("log", end, layer="app", severity=17, trace_id=TRACE, body="took too long")
    world.event("deploy", start - 200, layer="app", severity=9, version="7")
    world.event("training.checkpoint", start - 90, start - 80, layer="training", severity=9)
    world.event("host.pressure", 0, 590, severity=9, resource="io", share="0.02")
    world.event("inlay.collector.backoff", start, severity=13, layer="infra")
    world.event("health.changed", end, severity=17, layer="app", status="not_ready")
    world.verdict("price", start - 200, start + 100, column="price", effect=0.4)
    world.unusual("request.latency", start, 2.0, route="chat")
    return world, cause, gpu


def first_in(seeds):
    good = 0
    for seed in seeds:
        world, cause, gpu = random_world(seed)
        best = ask_ring(world, trace_id=TRACE).evidence[0]
        right_gpu = not cause.startswith(("gpu.", "nvlink.")) or gpu in best.entity
        good += best.name == cause and right_gpu
    return good


def test_the_injected_cause_comes_first_in_nine_of_ten_random_worlds():
    seeds = range(30)
    assert first_in(seeds) >= 0.9 * len(seeds)


def test_the_order_does_not_depend_on_the_order_of_rows():
    world, _, _ = random_world(3)
    found = ask_ring(world, trace_id=TRACE)
    for rows in world.tables.values():
        rows.reverse()
    assert ask_ring(world, trace_id=TRACE) == found


# ---- the ring of an observer -----------------------------------------------------------------
def test_an_observer_answers_from_its_last_windows_and_the_open_one():
    clock = inlay.ManualClock()
    obs = inlay.Observer({"service.name": "ranker", "host.name": "node0"}, clock=clock)
    now = clock.now()
    obs.span("answer", trace_id=TRACE, span_id="b7ad6b7169203331", start=now - 2, end=now)
    obs.event("gpu.throttle", layer="infra", severity="warning", time=now - 1.5, end_time=now - 0.5,
              gpu=GPUS[0], cause="hw_thermal")  # fmt: skip
    open_window = obs.context(trace_id=TRACE)
    assert names(open_window) == ["gpu.throttle"]
    obs.collect()
    assert obs.context(trace_id=TRACE).evidence == open_window.evidence
    assert obs.stop()
    assert names(obs.context(trace_id=TRACE)) == ["gpu.throttle"]


def test_a_ring_that_is_off_says_so():
    obs = inlay.Observer(recent=0)
    obs.collect()
    assert obs._recent.batches() == ()
    with pytest.raises(inlay.InvalidArgumentError, match="recent=0"):
        obs.context(time=1.0)
    with pytest.raises(inlay.InvalidArgumentError, match="-1"):
        inlay.Observer(recent=-1)
    with pytest.raises(inlay.InvalidArgumentError, match="nan"):
        inlay.Observer(recent=float("nan"))


def test_a_ring_is_bounded_in_time_and_memory():
    batches = World(60).batches()
    ring = Recent(100.0)
    for batch in batches:
        ring.keep(batch)
        ring.keep(batch)
    kept = ring.batches()
    assert [batch.window_seq for batch in kept] == list(range(50, 60))
    tables = sum(t.nbytes for b in kept for t in b.values() if t.num_rows)
    assert tables < ring.nbytes <= tables + 10 * 5000
    small = Recent(1e9, most_bytes=ring.nbytes // 2)
    for one, other in zip(batches[1::2], batches[::2], strict=True):  # neighbours change places
        small.keep(one)
        small.keep(other)
    assert small.nbytes <= ring.nbytes // 2
    assert len(small.batches()) >= 4
    assert [batch.window_seq for batch in small.batches()][-3:] == [57, 58, 59]
    tiny = Recent(1e9, most_bytes=1)
    for batch in batches[:3]:
        tiny.keep(batch)
    assert [batch.window_seq for batch in tiny.batches()] == [2]
    ring.renew()
    assert ring.batches() == ()


def test_a_started_observer_keeps_windows_without_a_sink():
    clock = inlay.ManualClock()
    obs = inlay.Observer(clock=clock, window=10.0, recent=25.0).start()
    for _ in range(6):
        obs.event("log")
        clock.advance(10.0)
    obs.flush()
    kept = obs._recent.batches()
    assert 2 <= len(kept) <= 4
    obs.stop()
    assert obs._recent.batches()[-1].time_us - obs._recent.batches()[0].time_us <= 25_000_000


def test_a_noop_answers_undefined(monkeypatch):
    monkeypatch.setenv("INLAY_DISABLED", "1")
    obs = inlay.Observer()
    assert obs.context(trace_id=TRACE).status == "undefined"
    with pytest.raises(inlay.InvalidArgumentError):
        obs.context()


# ---- the command -----------------------------------------------------------------------------
@pytest.fixture
def stored(tmp_path):
    write_files(throttled(), tmp_path)
    return tmp_path


def test_the_command_shows_ranked_evidence(stored, capsys):
    assert main(["context", str(stored), "--trace-id", TRACE[:12]]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].split()[:4] == ["#", "score", "layer", "what"]
    assert "gpu.throttle" in lines[2]
    assert lines[-1].startswith(f"trace {TRACE}")


def test_the_command_as_json_and_arrow(stored, capsys, monkeypatch):
    assert main(["context", str(stored), "--trace-id", TRACE, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["evidence"][0]["name"] == "gpu.throttle"
    assert said["focus"]["hosts"] == ["node0"]
    target = stored / "evidence.arrows"
    moment = datetime.datetime.fromtimestamp(T0_US / 1e6 + 301, datetime.UTC).isoformat()
    assert main(["context", str(stored), "--time", moment, "--arrow", str(target)]) == 0
    table = pa.ipc.open_stream(io.BytesIO(target.read_bytes())).read_all()
    assert table["name"][0].as_py() == "gpu.throttle"


def test_the_command_called_wrongly_and_for_what_is_not_there(stored, capsys):
    assert main(["context", str(stored), "--trace-id", OTHER]) == 1
    assert OTHER in capsys.readouterr().err
    assert main(["context", str(stored), "--time", "12"]) == 3
    for words in ([], ["--step", "1", "--trace-id", TRACE], ["--step", "1", "--end", "5"]):
        with pytest.raises(SystemExit) as caught:
            main(["context", str(stored), *words])
        assert caught.value.code == 2
    with pytest.raises(SystemExit):
        main(["context", str(stored), "--time", "soon"])
    assert sys.exc_info() == (None, None, None)


@pytest.mark.slow
def test_an_hour_of_eight_gpus_is_answered_in_time():
    import time

    world = World(360, per_gpu=74)
    world.uses = GPUS[1]
    world.span("answer", TRACE, 3000, 3002)
    world.event("gpu.throttle", 3000.5, 3001.5, gpu=GPUS[1], cause="hw_thermal")
    source = RecentSource(world.batches(), 3600.0)
    start = time.perf_counter()
    found = ask(source, Asked(trace_id=TRACE))
    assert time.perf_counter() - start < 5.0
    assert found.evidence[0].name == "gpu.throttle"
