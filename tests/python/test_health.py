"""Health: what makes a process degraded, not ready or not live; and how servers show it."""

import asyncio
import io
import json
import threading
import time

import pytest

import inlay
from inlay.alert import Health, HealthPolicy, Reason, When
from inlay.integrations.health import App, Middleware, WsgiApp, WsgiMiddleware
from inlay.sinks import Retry


class Failing(inlay.sinks.Sink):
    name = "store"

    def __init__(self):
        self.fails = True

    def write(self, batch):
        if self.fails:
            message = "the store is gone"
            raise OSError(message)


def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def names(batch, name):
    return [e for e in batch.events.to_pylist() if e["name"] == name]


# ---- what it is ------------------------------------------------------------------------------
def test_the_worst_reason_decides():
    def reason(effect):
        return Reason("event", effect, effect, "text")

    assert Health.of(()) == Health(live=True, ready=True, reasons=())
    degraded = Health.of([reason("degraded")])
    assert (degraded.live, degraded.ready, degraded.status) == (True, True, "degraded")
    not_ready = Health.of([reason("degraded"), reason("not_ready")])
    assert (not_ready.live, not_ready.ready, not_ready.status) == (True, False, "not_ready")
    assert [one.effect for one in not_ready.reasons] == ["not_ready", "degraded"]
    dead = Health.of([reason("not_live"), reason("degraded")])
    assert (dead.live, dead.ready, dead.status) == (False, False, "not_live")
    assert json.loads(json.dumps(dead.to_dict()))["reasons"][0]["effect"] == "not_live"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sinks": "bad"}, "bad"),
        ({"within": 0.0}, "0.0"),
        ({"late": float("nan")}, "nan"),
        ({"layers": "infra"}, "infra"),
        ({"layers": ("nosuch",)}, "layers must be one of app, .*'nosuch'"),
        ({"fatal_names": ("gpu.lost", 79)}, "fatal_names must be a tuple of str"),
        ({"when": "model"}, r"when must be an inlay\.alert\.When, got 'model'"),
        ({"within": "60"}, "within must be a positive number of seconds.*'60'"),
        ({"late": "3"}, "late must be a positive number of windows, got '3'"),
    ],
)
def test_a_bad_policy_is_an_error_that_names_it(options, said):
    with pytest.raises(inlay.InvalidArgumentError, match=said):
        HealthPolicy(**options)
    with pytest.raises(inlay.InvalidArgumentError, match="policy"):
        inlay.Observer().health("strict")


# ---- what is looked at -----------------------------------------------------------------------
def test_a_sink_that_fails_degrades_until_it_works_again():
    sink = Failing()
    retry = Retry(tries=1000, first=0.01, most=0.01, jitter=0.0)
    obs = inlay.Observer(sinks=[sink], retry=retry)
    assert obs.health().status == "ok"
    obs.collect()
    until(lambda: obs.health().status == "degraded")
    (reason,) = obs.health().reasons
    assert (reason.source, reason.name) == ("sink", "store")
    assert "OSError: the store is gone" in reason.text
    assert reason.since is not None
    assert obs.health(HealthPolicy(sinks="not_ready")).ready is False
    assert obs.health(HealthPolicy(sinks=None)).status == "ok"
    obs.health(HealthPolicy())
    sink.fails = False
    until(lambda: obs.health().status == "ok")
    obs.stop()


def test_a_probe_that_raises_and_one_that_is_late():
    release = threading.Event()

    class Raises:
        def observe(self, observer):
            message = "no such device"
            raise OSError(message)

    class Hangs:
        def observe(self, observer):
            release.wait(30.0)

    obs = inlay.Observer(callback_timeout=0.05)
    obs.probe(Raises(), Hangs())
    obs.collect()
    since = {one.name: one.since for one in obs.health().reasons}
    obs.collect()
    found = {one.name: one for one in obs.health().reasons}
    assert found["Raises"].text == "Raises raised OSError: no such device"
    assert found["Hangs"].text == "Hangs was late"
    assert {name: one.since for name, one in found.items()} == since
    assert obs.health().ready
    release.set()
    obs.stop()


def test_windows_that_do_not_come_are_late():
    clock = inlay.ManualClock()
    obs = inlay.Observer(clock=clock, window=10.0)
    obs.start()
    assert obs.health().status == "ok"
    clock.advance(10.0)
    obs.flush()
    until(lambda: obs.health().status == "ok")
    obs._health._last_cut_us -= 40_000_000
    (reason,) = obs.health().reasons
    assert (reason.source, reason.name) == ("window", "cut")
    obs.stop()


def test_a_delivery_that_hangs_is_behind():
    release = threading.Event()
    clock = inlay.ManualClock()
    obs = inlay.Observer(clock=clock, window=10.0, recent=0).start()
    assert obs.health().status == "ok"
    obs._delivery._take = lambda _: release.wait(30.0)
    for _ in range(6):
        clock.advance(10.0)
    until(lambda: any(one.name == "delivery" for one in obs.health().reasons))
    release.set()
    obs.stop()


def test_a_sink_that_hangs_is_behind_after_three_windows():
    release = threading.Event()

    class Hangs(inlay.sinks.Sink):
        name = "mine"

        def write(self, batch):
            release.wait(30.0)

    clock = inlay.ManualClock(1.7e9)
    obs = inlay.Observer(clock=clock, window=10.0, sinks=[Hangs()]).start()
    assert obs.health().status == "ok"
    for _ in range(4):
        clock.advance(10.0)
    obs._delivery.pass_all(time.monotonic() + 20.0)
    assert obs.health().status == "ok"  # the oldest ended three windows ago
    clock.advance(10.0)
    obs._delivery.pass_all(time.monotonic() + 20.0)
    (reason,) = obs.health().reasons
    assert (reason.source, reason.name, reason.effect) == ("window", "mine", "degraded")
    assert reason.text == "sink mine is 40.0 s behind: 5 windows wait"
    assert reason.since.timestamp() == 1.7e9 + 10.0
    assert obs.health(HealthPolicy(windows=None)).status == "ok"
    release.set()
    obs.health(HealthPolicy())
    obs.flush()
    assert obs.health().status == "ok"
    obs.stop()


def test_a_sink_that_begins_to_fail_is_logged_once(caplog):
    sink = Failing()
    retry = Retry(tries=3, first=0.001, most=0.001, jitter=0.0)
    obs = inlay.Observer(sinks=[sink], retry=retry)
    caplog.set_level("INFO", logger="inlay")
    for _ in range(3):
        obs.collect()
        obs.flush()
    sink.fails = False
    obs.collect()
    obs.flush()
    assert [(one.name, one.levelname, one.message) for one in caplog.records] == [
        ("inlay.sinks", "WARNING", "sink store fails: OSError: the store is gone"),
        ("inlay.sinks", "INFO", "sink store works again"),
    ]
    obs.stop()


def test_errors_of_the_infrastructure_count_for_some_minutes():
    clock = inlay.ManualClock()
    obs = inlay.Observer(clock=clock)
    obs.event("gpu.xid", layer="infra", severity="error", gpu="GPU-1", xid=79)
    obs.event("gpu.throttle", layer="infra", severity="warning", gpu="GPU-1")
    obs.event("log", layer="app", severity="error")
    seen = obs.health()  # it is in the open window still
    assert (seen.live, seen.ready) == (True, False)
    assert [one.name for one in seen.reasons] == ["gpu.xid"]
    assert "xid=79" in seen.reasons[0].text
    obs.collect()
    assert obs.health().reasons == seen.reasons
    clock.advance(299.0)
    assert not obs.health().ready
    clock.advance(2.0)
    assert obs.health().status == "ok"
    obs.event("gpu.lost", layer="infra", severity="error", gpu="GPU-1")
    assert not obs.health().live
    assert obs.health(HealthPolicy(fatal="not_ready")).live
    assert obs.health(HealthPolicy(errors=None, fatal=None)).status == "ok"
    assert not obs.health(HealthPolicy(layers=("app", "infra"), within=1e6)).live
    obs.stop()


def test_the_latest_verdict_of_a_subject_counts():
    clock = inlay.ManualClock()
    obs = inlay.Observer(clock=clock)

    def judged(verdict, metric="price"):
        obs.verdict(metric, verdict, method="psi", judge="test", layer="data")
        clock.advance(1.0)
        obs.collect()

    judged("yes")
    (reason,) = obs.health().reasons
    assert (reason.source, reason.name, reason.effect) == ("verdict", "price", "degraded")
    judged("yes", "age")
    assert len(obs.health().reasons) == 2
    policy = HealthPolicy(verdicts="not_ready", when=When(metric="age"))
    assert [one.name for one in obs.health(policy).reasons] == ["age"]
    assert not obs.health().ready
    obs.health(HealthPolicy())
    judged("no")
    assert [one.name for one in obs.health().reasons] == ["age"]
    clock.advance(1000.0)  # nobody judges it any more
    assert obs.health().status == "ok"
    obs.stop()


def test_a_verdict_counts_since_the_first_yes_without_another_between():
    clock = inlay.ManualClock(1.7e9)
    obs = inlay.Observer(clock=clock)
    for number, verdict in enumerate(["yes", "no", "yes", "yes"]):
        start = 1.7e9 + 60.0 * number
        obs.verdict(
            "price", verdict, method="psi", judge="test", start_time=start, time=start + 60.0
        )
        clock.advance(60.0)
        obs.collect()
    (reason,) = obs.health().reasons
    assert reason.since.timestamp() == 1.7e9 + 120.0
    obs.stop()


def test_a_change_is_an_event():
    clock = inlay.ManualClock()
    obs = inlay.Observer(clock=clock)
    assert obs.health().status == "ok"
    assert names(obs.collect(), "health.changed") == []
    obs.event("gpu.xid", layer="infra", severity="error", xid=79)
    obs.collect()  # the window is looked at when it turns; nobody has to ask
    (event,) = names(obs.collect(), "health.changed")
    assert event["severity"] == 17
    assert event["layer"] == "app"
    assert json.loads(event["attrs"]) == {
        "live": "True", "previous": "ok", "ready": "False", "status": "not_ready",
    }  # fmt: skip
    assert "gpu.xid" in event["body"]
    clock.advance(400.0)
    obs.collect()
    (event,) = names(obs.collect(), "health.changed")
    assert (event["severity"], event["body"]) == (9, "all is well")
    obs.stop()


def test_questions_between_windows_do_not_make_it_change_back_and_forth():
    obs = inlay.Observer()
    obs.health()
    obs.event("gpu.xid", layer="infra", severity="error", xid=79)
    changes = []
    for _ in range(4):
        obs.health()
        changes += names(obs.collect(), "health.changed")
    assert [json.loads(one["attrs"])["status"] for one in changes] == ["not_ready"]
    obs.stop()


def test_what_was_before_the_first_question_is_known():
    obs = inlay.Observer()
    obs.event("gpu.xid", layer="infra", severity="error", xid=48)
    obs.collect()
    obs.collect()
    assert not obs.health().ready
    obs.stop()


def test_a_stopped_observer_is_not_ready_and_a_noop_is(monkeypatch):
    obs = inlay.Observer()
    obs.stop()
    found = obs.health()
    assert (found.live, found.ready) == (True, False)
    monkeypatch.setenv("INLAY_DISABLED", "1")
    assert inlay.Observer().health() == Health(live=True, ready=True)


# ---- servers ---------------------------------------------------------------------------------
def ask(app, path, method="GET"):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path}
    asyncio.run(app(scope, None, send))
    headers = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], headers, json.loads(body) if body else None


def ask_wsgi(app, path, method="GET"):
    said = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": io.BytesIO()}
    body = b"".join(app(environ, lambda status, headers: said.append((status, dict(headers)))))
    ((status, headers),) = said
    return int(status.split()[0]), headers, json.loads(body) if body else None


@pytest.mark.parametrize(("make", "asked"), [(App, ask), (WsgiApp, ask_wsgi)])
def test_an_application_of_two_paths(make, asked):
    obs = inlay.Observer()
    app = make(obs, cache=0.0)
    status, headers, body = asked(app, "/readyz")
    assert (status, body["status"], body["reasons"]) == (200, "ok", [])
    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "no-store"
    obs.event("gpu.xid", layer="infra", severity="error", xid=79)
    status, _, body = asked(app, "/readyz")
    assert (status, body["ready"], body["reasons"][0]["name"]) == (503, False, "gpu.xid")
    assert asked(app, "/healthz")[0] == 200
    obs.event("gpu.lost", layer="infra", severity="error")
    assert asked(app, "/healthz")[0] == 503
    assert asked(app, "/ops/readyz")[0] == 503  # mounted below another path
    status, headers, body = asked(app, "/healthz", "HEAD")
    assert (status, body) == (503, None)
    assert int(headers["content-length"]) > 0
    status, headers, _ = asked(app, "/healthz", "POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")
    assert asked(app, "/other")[0] == 404
    obs.stop()


def test_an_answer_is_given_again_for_a_while():
    obs = inlay.Observer()
    app = App(obs, cache=3600.0)
    assert ask(app, "/readyz")[0] == 200
    obs.event("gpu.xid", layer="infra", severity="error", xid=79)
    assert ask(app, "/readyz")[0] == 200
    assert ask(App(obs, policy=HealthPolicy(errors="not_live"), cache=0.0), "/healthz")[0] == 503
    obs.stop()


def test_policy_is_for_whoever_is_installed():
    app = App(policy=HealthPolicy(errors="not_live"), cache=0.0)
    assert ask(app, "/healthz")[0] == 200  # nobody is installed
    for _ in range(2):
        obs = inlay.Observer().install()
        obs.event("gpu.xid", layer="infra", severity="error", xid=79)
        assert ask(app, "/healthz")[0] == 503
        obs.uninstall()
        obs.stop()


def test_middleware_answers_two_paths_and_passes_the_others_on():
    obs = inlay.Observer()

    async def app(scope, receive, send):
        body = b'"own"'
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": body})

    wrapped = Middleware(app, observer=obs, live="/live", ready="/ready")
    assert ask(wrapped, "/live")[2]["status"] == "ok"
    assert ask(wrapped, "/healthz") == (201, {}, "own")
    assert ask(wrapped, "/a/live")[2] == "own"

    def wsgi(environ, start_response):
        start_response("201 Created", [])
        return [b'"own"']

    wrapped = WsgiMiddleware(wsgi, observer=obs)
    assert ask_wsgi(wrapped, "/readyz")[2]["status"] == "ok"
    assert ask_wsgi(wrapped, "/")[2] == "own"
    obs.stop()


def test_the_installed_observer_is_asked():
    obs = inlay.Observer().install()
    try:
        obs.event("gpu.lost", layer="infra", severity="error")
        assert ask(App(cache=0.0), "/healthz")[0] == 503
    finally:
        obs.uninstall()
        obs.stop()


def test_without_an_installed_observer_it_is_not_ready_unless_there_is_to_be_none(monkeypatch):
    app = App(cache=0.0)
    assert ask(app, "/healthz")[0] == 200
    status, _, body = ask(app, "/readyz")
    assert (status, body["status"]) == (503, "not_ready")
    assert "no observer is installed" in body["reasons"][0]["text"]
    monkeypatch.setenv("INLAY_DISABLED", "1")
    assert ask(app, "/readyz")[0] == 200
    disabled = inlay.Observer().install()
    assert ask(app, "/readyz")[0] == 200
    disabled.uninstall()


def test_other_scopes():
    sent = []

    async def send(message):
        sent.append(message)

    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive():
        return {"type": next(messages)}

    app = App(inlay.Observer())
    asyncio.run(app({"type": "lifespan"}, receive, send))
    asyncio.run(app({"type": "websocket", "path": "/healthz"}, receive, send))
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"observer": "x"}, r"observer must be an inlay\.Observer, got 'x'"),
        ({"observer": inlay.Observer}, "observer must be"),
        ({"policy": "strict"}, "policy must be .* got 'strict'"),
        ({"live": "healthz"}, "live must be a path.*'healthz'"),
        ({"ready": 7}, "ready must be a path.*7"),
        ({"live": "/a", "ready": "/a"}, "two paths"),
        ({"cache": -1.0}, r"cache must be 0 seconds or more.*-1\.0"),
        ({"cache": "1"}, "cache must be"),
    ],
)
@pytest.mark.parametrize("make", [App, WsgiApp])
def test_bad_arguments_are_errors_that_name_them(make, options, said):
    with pytest.raises(inlay.InvalidArgumentError, match=said):
        make(**options)


def test_it_is_mounted_in_fastapi():
    fastapi = pytest.importorskip("fastapi", reason="an application of this test")
    httpx = pytest.importorskip("httpx", reason="its client")
    obs = inlay.Observer()
    app = fastapi.FastAPI()
    app.mount("/ops", App(obs))

    async def request():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/ops/readyz")

    answer = asyncio.run(request())
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    obs.stop()


def test_a_forked_child_begins_well():
    import os

    obs = inlay.Observer()
    obs.trigger("retrain")
    obs.event("gpu.lost", layer="infra", severity="error")
    obs.collect()
    assert not obs.health().live
    child = os.fork()
    if child == 0:
        try:
            ok = obs.health().live and obs._recent.batches() == ()
        except BaseException:
            ok = False
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    obs.stop()
