"""The joined view: what is asked for, what comes first, how it is shown."""

import datetime

import numpy as np
import pytest
from infra_world import GPUS, OTHER, T0_US, TRACE, World, ask_ring, names, throttled

import inlay
from inlay.joined.asking import Asked, ask
from inlay.joined.scoring import Focus, brevity
from inlay.joined.source import RecentSource


# ---- what is asked for -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "none"),
        ({"trace_id": TRACE, "time": 1.0}, "trace_id"),
        ({"time": float("nan")}, "nan"),
        ({"time": datetime.datetime(2026, 1, 1)}, "time zone"),
        ({"time": 5.0, "end": 4.0}, "00:00:05.000: 1970-01-01 00:00:04.000"),
        ({"step": 1, "end": 4.0}, "end=4.0"),
        ({"time": 8e10}, "1,500 years"),
        ({"step": 1 << 70}, "64 bits"),
        ({"time": 1.0, "host": ""}, "host"),
        ({"trace_id": "xyz"}, "xyz"),
        ({"trace_id": "0af7"}, "0af7"),
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


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"time": "now"}, "time must be Unix seconds or a datetime, got 'now'"),
        ({"step": 1.5}, "step must be an integer: 1.5"),
        ({"step": True}, "True"),
        ({"trace_id": 12}, "trace_id must be a str: 12"),
        ({"time": 1.0, "host": 3}, "host must be a str: 3"),
        ({"time": 1.0, "gpu": 3}, "gpu must be a str: 3"),
        ({"time": 1.0, "rank": "a"}, "rank must be an integer: 'a'"),
        ({"time": 1.0, "margin": "3"}, "margin must be a number: '3'"),
        ({"time": 1.0, "most": "3"}, "most must be an integer: '3'"),
    ],
)
def test_a_value_of_the_wrong_kind_is_an_error_that_names_it(asked, said):
    with pytest.raises(TypeError, match=said):
        ask_ring(World(3), **asked)


def test_a_place_that_no_row_names_is_an_error_that_lists_those_there_are():
    world = World(40)
    world.step(5, 0, 100, 101)
    moment = world.at(301) / 1e6
    for asked, said in (
        ({"host": "nosuch"}, "host 'nosuch'; known: node0$"),
        ({"gpu": "nosuch"}, f"gpu 'nosuch'; known: {GPUS[0]}, "),
        ({"rank": 7}, "rank 7; known: 0$"),
    ):
        with pytest.raises(inlay.InvalidArgumentError, match=said):
            ask_ring(world, time=moment, **asked)
    assert ask_ring(world, time=moment, host="node0", gpu=GPUS[1], rank=0).notes == ()
    without = ask_ring(World(40), time=moment, rank=7)
    assert without.notes == ("no row around that time names a rank: rank 7 tells nothing",)


def test_an_id_that_is_not_there_hints_at_what_is_kept():
    with pytest.raises(inlay.InvalidArgumentError, match="a sample is kept"):
        ask_ring(World(3), trace_id=OTHER)


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
    assert "1 exemplar," in found.notes[0]
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
    nothing = ask(RecentSource((), "the last 600 s"), Asked(time=1.0))
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


def test_the_same_many_times_is_one_piece_of_evidence():
    world = World(40, seed=7)
    world.span("answer", TRACE, 300, 300.5, gpu=GPUS[2])
    for at in (290, 299, 296):
        world.event("log.record", at, layer="app", severity=17, body="no stock")
    world.event("log.record", 295, layer="app", severity=17, body="no tea")
    world.event("log.record", 300.1, layer="app", severity=17, body="no stock", trace_id=TRACE)
    found = [one for one in ask_ring(world, trace_id=TRACE).evidence if one.name == "log.record"]
    assert [(one.times, one.detail) for one in found] == [
        (1, "100 ms into it (no stock)"),
        (3, "3 times, the nearest 1.00 s before it (no stock)"),
        (1, "5.00 s before it (no tea)"),
    ]


def test_idle_processors_are_no_evidence():
    world = World(40, seed=7)
    column = next(i for i, n in enumerate(world.names) if n[0] == "host.cpu.time")
    world.values[30, column] = 400.0
    moment = world.at(305) / 1e6
    assert "host.cpu.time" in names(ask_ring(world, time=moment))
    world.names[column] = (*world.names[column][:3], '{"mode":"idle"}', *world.names[column][4:])
    assert "host.cpu.time" not in names(ask_ring(world, time=moment))


def test_what_says_how_bad_an_interval_was_and_is_no_number_is_told():
    world = World(40, seed=7)
    for name, said in (("a", {"share": "0.25"}), ("b", {"share": "7"}), ("c", {"seconds": "lots"}),
                       ("d", {"share": "0"})):  # fmt: skip
        world.event(name, 300, 301, **said)
    found = {one.name: one for one in ask_ring(world, time=world.at(300.5) / 1e6).evidence}
    assert [found[name].size for name in "abcd"] == [0.25, 0.5, 0.5, 0.0]
    assert "does not count" not in found["a"].text + found["d"].text
    assert found["b"].text.endswith("; share '7' is no share of 1 and does not count")
    assert found["c"].text.endswith("; seconds 'lots' is no number and does not count")


def test_an_interval_that_goes_on_is_recorded_again():
    world = World(400)
    for until in range(100, 3000, 100):
        world.event("maintenance", 50, until, layer="app", share="0.5")
    found = ask_ring(world, time=world.at(2800) / 1e6)
    (one,) = found.evidence
    assert (one.end - one.start).total_seconds() == 2850.0
    assert one.directness == 0.8


# ---- how it is shown -------------------------------------------------------------------------


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
    assert found.left_out == 20
    assert found.notes == ()
    assert "10 of 30 pieces of evidence" in str(found)
    assert repr(found).endswith("… and 20 more")


def test_the_latest_revision_of_a_verdict_counts():
    world = World(40)
    world.verdict("price", 0, 300)
    world.verdict("price", 0, 300, verdict="no", revision=1)
    assert ask_ring(world, time=world.at(200) / 1e6).evidence == ()


def test_verdicts_of_panes_in_a_row_are_one_piece_of_evidence():
    world = World(40)
    for pane in range(195, 205):
        world.verdict("price", pane, pane + 1, effect=0.1 if pane < 200 else 0.2)
    world.verdict("size", 200, 201)
    moment = world.at(200) / 1e6
    found = {one.name: one for one in ask_ring(world, time=moment).evidence}
    assert {name: one.times for name, one in found.items()} == {"price": 10, "size": 1}
    detail = "10 times yes, effect 0.2 over 0.05; 1.00 s, over 10% of it"
    assert found["price"].text == f"price by jensen_shannon: {detail}"


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


@pytest.mark.slow
def test_an_hour_of_eight_gpus_is_answered():
    world = World(360, per_gpu=74)
    world.uses = GPUS[1]
    world.span("answer", TRACE, 3000, 3002)
    world.event("gpu.throttle", 3000.5, 3001.5, gpu=GPUS[1], cause="hw_thermal")
    source = RecentSource(world.batches(), "the ring")
    found = ask(source, Asked(trace_id=TRACE))
    assert found.evidence[0].name == "gpu.throttle"
