"""Log records as events: what is kept, what is counted, and what must never happen."""

import json
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

import inlay
from inlay.integrations.logging import Handler


class Instead:
    """The observer, with something else in place of its `event`."""

    def __init__(self, observer, event):
        self._observer = observer
        self._event = event

    def event(self, *_args, **_options):
        return self._event()

    def __getattr__(self, name):
        return getattr(self._observer, name)


@pytest.fixture
def observer():
    return inlay.Observer()


@pytest.fixture
def logged(observer):
    """Make loggers with a handler that is taken away at the end."""
    attached = []

    def make(name="shop", level=1, **options):
        options.setdefault("observer", observer)
        logger, handler = logging.getLogger(name), Handler(**options)
        logger.propagate, before = False, (logger.propagate, logger.level)
        logger.setLevel(level)
        logger.addHandler(handler)
        attached.append((logger, handler, before))
        return logger

    yield make
    for logger, handler, (propagate, level) in attached:
        logger.removeHandler(handler)
        logger.propagate = propagate
        logger.setLevel(level)


def counts(batch, metric):
    return {
        tuple(json.loads(row["attrs"]).values()): int(row["value"])
        for row in batch.points.to_pylist()
        if row["metric"] == metric
    }


def test_event_holds_the_template_and_never_the_arguments(observer, logged):
    logged("shop.till").warning("user %s paid %d", "Ada Lovelace", 12)
    batch = observer.collect()
    (event,) = batch.events.to_pylist()
    assert event["name"] == "log.record"
    assert event["body"] == "user %s paid %d"
    assert event["severity"] == 13
    assert event["layer"] == "app"
    attributes = json.loads(event["attrs"])
    assert attributes.pop("code.line.number").isdigit()
    assert attributes == {
        "logger": "shop.till",
        "code.function.name": "test_event_holds_the_template_and_never_the_arguments",
    }
    assert "Ada" not in json.dumps(event, default=str)


def test_exceptions_leave_their_type_and_not_their_text(observer, logged):
    logger = logged()
    try:
        message = "secret"
        raise KeyError(message)
    except KeyError:
        logger.exception("lookup failed")
    (event,) = observer.collect().events.to_pylist()
    assert json.loads(event["attrs"])["exception.type"] == "KeyError"
    assert event["severity"] == 17
    assert "secret" not in json.dumps(event, default=str)


def test_object_as_message_leaves_only_its_type(observer, logged):
    class Secret:
        def __str__(self):
            return "do not tell"

    logged().error(Secret())
    (event,) = observer.collect().events.to_pylist()
    assert "Secret" in event["body"]
    assert "tell" not in event["body"]


@pytest.mark.parametrize(
    ("level", "severity"),
    [(1, 1), (5, 3), (10, 5), (20, 9), (25, 11), (30, 13), (40, 17), (45, 19), (50, 21), (90, 24)],
)
def test_levels_become_severity_numbers(observer, logged, level, severity):
    logged().log(level, "x")
    (event,) = observer.collect().events.to_pylist()
    assert event["severity"] == severity


def test_time_of_the_record_is_the_time_of_the_event(observer, logged):
    logger = logged()
    record = logger.makeRecord("shop", logging.INFO, __file__, 1, "then", (), None)
    record.created = 1_700_000_000.25
    logger.handle(record)
    (event,) = observer.collect().events.to_pylist()
    assert event["time"].timestamp() == 1_700_000_000.25


def test_records_are_counted_by_logger_and_level(observer, logged):
    logged("a"), logged("b")
    for _ in range(3):
        logging.getLogger("a").info("x")
    logging.getLogger("a.child").error("x")
    logging.getLogger("b").log(33, "between")
    assert counts(observer.collect(), "log.records") == {
        ("INFO", "a"): 3,
        ("ERROR", "a.child"): 1,
        ("WARNING", "b"): 1,
    }


def test_loggers_beyond_the_cap_share_one_series(observer, logged):
    logger = logged("many", max_loggers=2)
    for number in range(50):
        logger.getChild(str(number)).info("x")
    assert counts(observer.collect(), "log.records") == {
        ("INFO", "many.0"): 1,
        ("INFO", "many.1"): 1,
        ("INFO", "_other"): 48,
    }


def test_excess_over_the_rate_is_counted_not_kept(observer, logged):
    clock = SimpleNamespace(now=0.0)
    logger = logged(rate=10.0, burst=5.0, clock=lambda: clock.now)
    for _ in range(8):
        logger.info("burst")
    first = observer.collect()
    assert first.events.num_rows == 5
    assert counts(first, "log.dropped") == {("rate_limit",): 3}
    clock.now = 0.25  # two and a half tokens later
    for _ in range(8):
        logger.info("again")
    second = observer.collect()
    assert second.events.num_rows == 2
    assert counts(second, "log.dropped") == {("rate_limit",): 6}
    clock.now = 1_000.0  # a long quiet time fills the bucket, not more
    for _ in range(8):
        logger.info("late")
    assert observer.collect().events.num_rows == 5


def test_rate_zero_only_counts(observer, logged):
    logged(rate=0).error("x")
    batch = observer.collect()
    assert batch.events.num_rows == 0
    assert counts(batch, "log.records") == {("ERROR", "shop"): 1}
    assert counts(batch, "log.dropped") == {("rate_limit",): 1}


def test_level_filters_apply(observer, logged):
    logger = logged()
    logger.handlers[-1].setLevel(logging.ERROR)
    logger.handlers[-1].addFilter(lambda record: "no" not in record.msg)
    for text in ("yes", "no"):
        logger.warning(text)
        logger.error(text)
    batch = observer.collect()
    assert [e["body"] for e in batch.events.to_pylist()] == ["yes"]
    assert counts(batch, "log.records") == {("ERROR", "shop"): 1}


def test_own_and_excluded_loggers_and_threads_are_left_out(observer, logged):
    for name in ("inlay", "urllib3", "urllibrary"):
        logged(name, exclude=["urllib3"])
    for name in ("inlay", "inlay.sinks.files", "urllib3.pool", "urllib3", "urllibrary"):
        logging.getLogger(name).error("x")
    for name in ("inlay-delivery", "inlay-sink-files"):
        delivery = threading.Thread(
            target=logging.getLogger("urllibrary").error, args=("y",), name=name
        )
        delivery.start()
        delivery.join()
    assert counts(observer.collect(), "log.records") == {("ERROR", "urllibrary"): 1}


def test_what_a_sink_logs_does_not_come_back(logged):
    class Talking:
        name = "talking"

        def open(self, resource, origin):
            pass

        def write(self, batch):
            logging.getLogger("talkative.client").error("sending %d", batch.events.num_rows)

        def close(self, deadline):
            pass

    observer = inlay.Observer(sinks=[Talking()])
    logged("talkative", observer=observer).error("once")
    events = []
    for _ in range(3):
        events.append(observer.collect().events.num_rows)
        assert observer.flush(20)
    assert events == [1, 0, 0]
    assert observer.stop(20)


def test_logging_while_handling_does_not_recurse(observer, logged):
    logger = logged()
    inner = []

    def event():
        inner.append(1)
        logger.error("from within")
        return True

    logged("chatty", observer=Instead(observer, event))
    chatty = logging.getLogger("chatty")
    chatty.error("x")
    assert inner == [1]

    def talk(record):
        chatty.error("from a filter")
        return True

    chatty.handlers[-1].addFilter(talk)
    chatty.error("y")
    assert inner == [1, 1]


def test_nothing_is_raised_or_printed_when_the_observer_fails(observer, logged, capsys):
    def fail():
        raise RuntimeError

    logger = logged(observer=Instead(observer, fail))
    logger.error("x")

    def broken(record):
        raise ZeroDivisionError

    logger.handlers[-1].addFilter(broken)
    logger.error("y")
    assert counts(observer.collect(), "log.dropped") == {("error",): 2}
    assert capsys.readouterr() == ("", "")


def test_window_without_room_is_counted(observer, logged):
    logged(observer=Instead(observer, lambda: False)).error("x")
    assert counts(observer.collect(), "log.dropped") == {("buffer_full",): 1}


def test_trace_ids_of_the_active_span_or_of_the_record(observer, logged):
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="the SDK whose spans are active")
    sampling = pytest.importorskip("opentelemetry.sdk.trace.sampling")
    logger = logged()
    tracer = sdk.TracerProvider().get_tracer("test")
    unsampled = sdk.TracerProvider(sampler=sampling.ALWAYS_OFF).get_tracer("test")
    with tracer.start_as_current_span("work") as span:
        logger.info("inside")
        context = span.get_span_context()
    logger.info("outside")
    with unsampled.start_as_current_span("unseen"):
        logger.info("not sampled")
    logger.info("given", extra={"otelTraceID": "ab" * 16, "otelSpanID": "cd" * 8})
    logger.info("none given", extra={"otelTraceID": "0", "otelSpanID": "0"})
    logger.info("zeros", extra={"otelTraceID": "0" * 32, "otelSpanID": "0" * 16})
    logger.info("no digits", extra={"otelTraceID": "x" * 32, "otelSpanID": "cd" * 8})
    events = {
        e["body"]: (e["trace_id"], e["span_id"]) for e in observer.collect().events.to_pylist()
    }
    assert events == {
        "inside": (f"{context.trace_id:032x}", f"{context.span_id:016x}"),
        "outside": (None, None),
        "not sampled": (None, None),
        "given": ("ab" * 16, "cd" * 8),
        "none given": (None, None),
        "zeros": (None, None),
        "no digits": (None, None),
    }


def test_many_threads_lose_no_count(observer, logged):
    logger = logged(rate=5.0, burst=20.0, clock=lambda: 0.0)
    threads = [
        threading.Thread(target=lambda: [logger.info("x") for _ in range(500)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    batch = observer.collect()
    assert counts(batch, "log.records") == {("INFO", "shop"): 4000}
    assert counts(batch, "log.dropped") == {("rate_limit",): 3980}
    assert batch.events.num_rows == 20


def _log_in_child(queue):
    observer = inlay.get_observer()
    logging.getLogger("forked").error("in the child")
    batch = observer.collect()
    bodies = [e["body"] for e in batch.events.to_pylist()]
    queue.put((bodies, [list(item) for item in counts(batch, "log.records").items()]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
def test_forked_child_logs_its_own_records(observer, logged):
    """The handler's lock is held by another thread while the process forks."""
    observer.install()
    try:
        logger = logged("forked", observer=None)
        logger.error("in the parent")
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        held, release = threading.Event(), threading.Event()

        def hold():
            with logger.handlers[-1].lock:
                held.set()
                release.wait(20)

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait(20)
        child = context.Process(target=_log_in_child, args=(queue,))
        child.start()
        child.join(20)
        release.set()
        holder.join()
        assert child.exitcode == 0
        assert queue.get() == (["in the child"], [[("ERROR", "forked"), 1]])
        assert [e["body"] for e in observer.collect().events.to_pylist()] == ["in the parent"]
    finally:
        observer.uninstall()


@pytest.mark.parametrize(
    "arguments", [{"rate": -1}, {"rate": float("nan")}, {"burst": 0}, {"max_loggers": -1}]
)
def test_bad_limits_are_refused(observer, arguments):
    ((name, value),) = arguments.items()
    with pytest.raises(ValueError, match=f"{name} must .*{value}"):
        Handler(observer=observer, **arguments)


def test_module_does_not_load_opentelemetry():
    code = "import sys, inlay.integrations.logging; print('opentelemetry' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert found.stdout.strip() == b"False"
