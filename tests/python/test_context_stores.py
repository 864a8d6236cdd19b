"""The joined view from a ring, from files, and by the command."""

import datetime
import io
import json
import re
import sys

import pyarrow as pa
import pytest
from infra_world import GPUS, OTHER, T0_US, TRACE, World, ask_ring, names, throttled

import inlay
from inlay.cli import main
from inlay.joined.recent import Recent
from inlay.sinks import Files


def write_files(world, directory, **options):
    sink = Files(directory, **options)
    sink.open({}, world.origin)
    for batch in world.batches():
        sink.write(batch)
    return sink


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
    with pytest.raises(inlay.InvalidArgumentError, match=r"known: node0, node1, node2$"):
        inlay.context(tmp_path, time=moment, host="nosuch")
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
    with pytest.raises(inlay.InvalidArgumentError, match="before the observer stopped"):
        obs.context(trace_id=OTHER)


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
    assert f"GPU {GPUS[2]} on node0  2026-01-01 00:05:00.500    2.400  2.40 s, over 80%" in lines[2]
    assert "(z -" in out  # whole, where the output is no terminal
    assert lines[-1].startswith(f"trace {TRACE}")
    assert main(["context", str(stored), "--trace-id", TRACE, "--most", "2"]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1].endswith(f", 2 of {len(lines) - 4} pieces of evidence")
    assert shown.err == ""


@pytest.mark.parametrize("columns", [80, 120, 240])
@pytest.mark.parametrize("plain", [False, True])
def test_a_terminal_wraps_why_and_cuts_only_what_has_no_room(monkeypatch, columns, plain):
    from inlay import _terminal_table

    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self):
            return True

    if plain:
        monkeypatch.setattr(_terminal_table.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    why = " ".join(f"word{number}" for number in range(40))
    where = "GPU GPU-7cfed697-7271-4a34-87bf-c0e498895bcb on node0"
    _terminal_table.write_table(
        ("#", "where", "why"), [["1", where, why]], numbers=(0,), rest=2, out=out
    )
    said = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert all(word in said for word in why.split())
    assert max(map(len, said.splitlines())) <= columns
    assert (where in said) == (columns >= 80)


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
    for words, said in (
        (["--time", "soon"], "argument --time: must be a time such as"),
        (["--time", "1", "--trace-id", TRACE], "got --trace-id and --time"),
        (["--time", "1", "--most", "0"], "most must be at least 1: 0"),
        (["--time", "1", "--margin", "-3"], "margin must be at least 0: -3.0"),
        (
            ["--time", "2026-01-02", "--end", "2026-01-01"],
            "end must not be before time, 2026-01-02",
        ),
        (["--trace-id", "zzz"], "trace_id must be up to 32 hexadecimal digits: 'zzz'"),
    ):
        with pytest.raises(SystemExit) as caught:
            main(["context", str(stored), *words])
        assert caught.value.code == 2
        assert said in capsys.readouterr().err
    assert main(["context", str(stored), "--time", f"{T0_US / 1e6 + 301}", "--host", "no"]) == 1
    assert "host 'no'; known: node0" in capsys.readouterr().err
    assert sys.exc_info() == (None, None, None)
