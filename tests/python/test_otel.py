"""The span processor under the real OpenTelemetry SDK."""

import json
import multiprocessing
import os
import threading

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the SDK whose spans are processed")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode, use_span

import inlay
from inlay.integrations.otel import SpanProcessor

START = 1_700_000_000_000_000_000


class Ids(IdGenerator):
    """Counts up, so that it is known which traces have the smallest ids."""

    def __init__(self, traces=()):
        self._traces = list(traces)
        self._next = 0

    def generate_span_id(self):
        self._next += 1
        return self._next

    def generate_trace_id(self):
        self._next += 1
        return self._traces.pop(0) if self._traces else self._next << 64 | self._next


@pytest.fixture
def observer():
    return inlay.Observer()


def tracer(observer, *, ids=None, sampler=None, **options):
    provider = TracerProvider(id_generator=ids, sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(SpanProcessor(observer=observer, **options))
    return provider.get_tracer("test")


def span(tracer, name, seconds, *, error=False, **options):
    """Make one span that took so long, without waiting."""
    made = tracer.start_span(name, start_time=START, **options)
    if error:
        made.set_status(Status(StatusCode.ERROR, "went wrong"))
    made.end(START + round(seconds * 1e9))
    return made


def rows(batch):
    return batch.spans.to_pylist()


def points(batch, metric):
    return {
        tuple(json.loads(row["attrs"]).values()): row
        for row in batch.points.to_pylist()
        if row["metric"] == metric
    }


def test_span_becomes_a_row_with_all_its_columns(observer):
    trace = tracer(observer)
    with trace.start_as_current_span("outer") as outer:
        inner = span(
            trace,
            "inner",
            0.5,
            kind=SpanKind.CLIENT,
            attributes={"n": 3, "flag": True, "x": 0.5, "list": ["a", "b"], "é": "ü"},
        )
    batch = observer.collect()
    found = {row["name"]: row for row in rows(batch)}
    row = found["inner"]
    context, parent = inner.get_span_context(), outer.get_span_context()
    assert row["trace_id"] == f"{context.trace_id:032x}" == found["outer"]["trace_id"]
    assert row["span_id"] == f"{context.span_id:016x}"
    assert row["parent_id"] == f"{parent.span_id:016x}" == found["outer"]["span_id"]
    assert found["outer"]["parent_id"] is None
    assert (row["kind"], row["status"], row["layer"]) == ("client", "unset", "app")
    assert row["start_time"].timestamp() == START / 1e9
    assert row["time"].timestamp() == START / 1e9 + 0.5
    assert row["attrs"] == '{"flag":"True","list":"[\\"a\\",\\"b\\"]","n":"3","x":"0.5","é":"ü"}'


def test_durations_are_counted_by_name_kind_and_status(observer):
    trace = tracer(observer)
    for seconds in (0.1, 0.3):
        span(trace, "get", seconds, kind=SpanKind.SERVER)
    span(trace, "get", 2.0, kind=SpanKind.SERVER, error=True)
    found = points(observer.collect(), "span.duration")
    assert set(found) == {("server", "get", "unset"), ("server", "get", "error")}
    ok = found["server", "get", "unset"]
    assert (ok["count"], ok["min"], ok["max"], ok["unit"]) == (2, 0.1, 0.3, "s")


def test_errors_are_always_kept(observer):
    trace = tracer(observer, slowest=0, sample=0)
    for _ in range(300):
        span(trace, "bad", 0.001, error=True)
        span(trace, "good", 0.001)
    batch = observer.collect()
    assert [row["status"] for row in rows(batch)] == ["error"] * 300
    assert points(batch, "span.dropped")["not_sampled",]["value"] == 300


def test_a_span_that_ends_before_it_starts_is_counted_and_stops_nobody(observer):
    trace = tracer(observer)
    span(trace, "back", -1.0, error=True)
    span(trace, "no text", 1.0, error=True, attributes={"town": "\ud800"})
    span(trace, "good", 1.0, error=True)
    batch = observer.collect()
    assert [row["name"] for row in rows(batch)] == ["good"]
    assert points(batch, "span.dropped")["invalid",]["value"] == 2


def test_recorded_exception_leaves_its_type(observer):
    trace = tracer(observer)
    with pytest.raises(KeyError), trace.start_as_current_span("failing"):
        raise KeyError("secret")
    (row,) = rows(observer.collect())
    assert row["status"] == "error"
    assert json.loads(row["attrs"]) == {"exception.type": "KeyError"}


def test_slowest_of_each_name_are_always_kept(observer):
    trace = tracer(observer, slowest=3, sample=0)
    for number in range(100):
        span(trace, "quick", (number * 37 % 100) / 1e6)
        span(trace, "slow", (number * 37 % 100) / 10)
    batch = observer.collect()
    seconds = {"quick": [], "slow": []}
    for row in rows(batch):
        seconds[row["name"]].append((row["time"] - row["start_time"]).total_seconds())
    assert sorted(seconds["quick"]) == [97e-6, 98e-6, 99e-6]
    assert sorted(seconds["slow"]) == [9.7, 9.8, 9.9]
    assert points(batch, "span.dropped")["not_sampled",]["value"] == 194


def test_rest_is_sampled_by_the_smallest_trace_ids(observer):
    random_parts = [(number * 7919) % 10_007 for number in range(1_000)]
    # The first 72 bits of a trace id need not be random, and must not matter.
    ids = Ids([(10_000 - part) << 64 | part for part in random_parts])
    trace = tracer(observer, slowest=0, sample=25, ids=ids)
    for _ in random_parts:
        span(trace, "x", 0.001)
    kept = sorted(int(row["trace_id"][-14:], 16) for row in rows(observer.collect()))
    assert kept == sorted(random_parts)[:25]


def test_two_processes_keep_the_same_traces():
    parts = [(number * 7919) % 10_007 for number in range(500)]
    kept = []
    for order in (parts, parts[::-1]):
        observer = inlay.Observer()
        trace = tracer(observer, slowest=0, sample=10, ids=Ids([1 << 64 | part for part in order]))
        for _ in order:
            span(trace, "x", 0.001)
        kept.append({row["trace_id"] for row in rows(observer.collect())})
    assert kept[0] == kept[1]
    assert len(kept[0]) == 10


def test_windows_start_afresh(observer):
    trace = tracer(observer, slowest=1, sample=0)
    span(trace, "x", 5.0)
    first = rows(observer.collect())
    span(trace, "x", 0.1)
    second = rows(observer.collect())
    assert len(first) == len(second) == 1
    assert first[0]["span_id"] != second[0]["span_id"]
    assert rows(observer.collect()) == []


def test_many_names_share_one_list_of_slowest(observer):
    trace = tracer(observer, slowest=2, sample=0, max_names=5)
    for number in range(1_000):
        span(trace, f"name-{number}", 1 + number)
    names = [row["name"] for row in rows(observer.collect())]
    assert sorted(names) == sorted([*(f"name-{n}" for n in range(5)), "name-998", "name-999"])


def test_spans_that_were_not_sampled_have_no_row(observer):
    trace = tracer(observer, sampler=ALWAYS_OFF)
    span(trace, "x", 1.0, error=True)
    batch = observer.collect()
    assert rows(batch) == []
    assert points(batch, "span.duration") == {}  # the SDK does not even record them


def test_half_of_the_traces(observer):
    trace = tracer(observer, sampler=TraceIdRatioBased(0.5), sample=10_000)
    for _ in range(400):
        span(trace, "x", 1.0)
    # Binomial(400, ½): outside 140…260 with probability 1e-9.
    assert 140 <= len(rows(observer.collect())) <= 260


def test_exemplars_point_to_spans_that_are_kept(observer):
    trace = tracer(observer, slowest=0, sample=0)
    latency = observer.histogram("latency", unit="s").bind()
    for number in range(2_000):
        with trace.start_as_current_span("request"):
            latency.record(0.001 * (number + 1))
    batch = observer.collect()
    kept = {(row["trace_id"], row["span_id"]) for row in rows(batch)}
    exemplars = batch.exemplars.to_pylist()
    pointed = {(row["trace_id"], row["span_id"]) for row in exemplars}
    assert any(row["series_id"] == latency.series_id for row in exemplars)
    assert pointed
    assert pointed == kept  # nothing else, as every other span that was offered is refused
    assert points(batch, "span.dropped")["not_sampled",]["value"] == 2_000 - len(kept)
    assert observer.collect().spans.num_rows == 0


def test_exemplar_of_a_span_that_ends_in_a_later_window(observer):
    trace = tracer(observer, slowest=0, sample=0)
    latency = observer.histogram("latency", unit="s").bind()
    with trace.start_as_current_span("long"):
        latency.record(1.0)
        first = observer.collect()
        assert observer.collect().spans.num_rows == 0
    (row,) = rows(observer.collect())
    (exemplar,) = first.exemplars.to_pylist()
    assert row["span_id"] == exemplar["span_id"]


def test_exemplar_taken_between_the_look_and_the_cut(observer):
    """What a probe that runs later records is in the window, unseen by this one."""
    trace = tracer(observer, slowest=0, sample=0)
    latency = observer.histogram("latency", unit="s").bind()

    class Late:
        def observe(self, _observer):
            with trace.start_as_current_span("late"):
                latency.record(1.0)

    observer.probe(Late())
    (exemplar,) = observer.collect().exemplars.to_pylist()
    assert exemplar["span_id"] in {row["span_id"] for row in rows(observer.collect())}


def test_spans_offered_in_vain_compete_like_any_other(observer):
    trace = tracer(observer, slowest=3, sample=0)
    latency = observer.histogram("latency", unit="s").bind()
    for number in range(100):
        made = trace.start_span("x", start_time=START)
        with use_span(made):
            latency.record(0.001 * (number + 1))
        made.end(START + (1 + number * 37 % 100) * 1_000_000_000)
    batch = observer.collect()
    pointed = {row["span_id"] for row in batch.exemplars.to_pylist()}
    slowest = sorted(
        (row["time"] - row["start_time"]).total_seconds()
        for row in rows(batch)
        if row["span_id"] not in pointed
    )
    assert len(slowest) == 3
    assert slowest[0] >= 100 - 3 - len(pointed)


def test_durations_have_no_exemplars_of_their_own(observer):
    trace = tracer(observer)
    with trace.start_as_current_span("parent"):
        for _ in range(50):
            with trace.start_as_current_span("child"):
                pass
    batch = observer.collect()
    assert batch.exemplars.num_rows == 0
    assert batch.spans.num_rows == 51


def test_flush_and_shutdown_hand_over_what_waits(observer):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SpanProcessor(observer=observer))
    trace = provider.get_tracer("test")
    span(trace, "one", 1.0)
    assert provider.force_flush()
    assert observer.peek().spans.num_rows == 1
    span(trace, "two", 1.0)
    provider.shutdown()
    assert [row["name"] for row in rows(observer.peek())] == ["one", "two"]


def test_observer_installed_later_gets_the_spans():
    trace = tracer(None)
    observer = inlay.Observer().install()
    try:
        span(trace, "late", 1.0)
        batch = observer.collect()
        assert [row["name"] for row in rows(batch)] == ["late"]
        assert len(points(batch, "span.duration")) == 1
    finally:
        observer.uninstall()


def test_many_threads_lose_nothing(observer):
    trace = tracer(observer, slowest=2, sample=50)
    threads = [
        threading.Thread(target=lambda: [span(trace, "x", 0.001) for _ in range(300)])
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    batch = observer.collect()
    dropped = points(batch, "span.dropped")["not_sampled",]["value"]
    assert len(rows(batch)) == 52
    assert dropped == 1_800 - 52
    assert points(batch, "span.duration")["internal", "x", "unset"]["count"] == 1_800


def _in_child(observer, trace, queue):
    span(trace, "child", 1.0)
    queue.put([row["name"] for row in rows(observer.collect())])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
def test_forked_child_does_not_repeat_its_parents_spans(observer):
    trace = tracer(observer)
    span(trace, "parent", 1.0)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(observer, trace, queue))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert queue.get() == ["child"]
    assert [row["name"] for row in rows(observer.collect())] == ["parent"]


@pytest.mark.parametrize("name", ["slowest", "sample", "max_names"])
def test_negative_limits_are_refused(observer, name):
    with pytest.raises(ValueError, match=f"{name} must not be negative: -1"):
        SpanProcessor(observer=observer, **{name: -1})
