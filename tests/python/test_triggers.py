"""Triggers: a state that is a function of verdict rows, live and over files; calls and posts."""

import base64
import collections
import datetime
import http.server
import itertools
import json
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import inlay
from inlay._threads import Condition
from inlay.alert import Firing, Trigger, Webhook, WebhookError, When
from inlay.alert.webhook import Webhook as _Webhook
from inlay.cli import main
from inlay.sinks import Retry

T0 = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def row(minute, verdict="yes", *, metric="price", effect=0.2, revision=0, minutes=5, **more):
    """A verdict about the five minutes that end at a minute."""
    end = T0 + datetime.timedelta(minutes=minute)
    return {
        "time": end,
        "start_time": end - datetime.timedelta(minutes=minutes),
        "observed_time": end + datetime.timedelta(seconds=10 + revision),
        "revision": revision,
        "origin": 1,
        "series_id": hash(metric) & 0xFFFF,
        "layer": "data",
        "metric": metric,
        "attrs": "{}",
        "method": "jensen_shannon",
        "judge": "drift",
        "judge_version": "1",
        "scope": "process",
        "verdict": verdict,
        "effect": effect,
        "threshold": 0.05,
        **more,
    }


def minutes(firings):
    return [(one.time - T0).total_seconds() / 60 for one in firings]


# ---- the state -------------------------------------------------------------------------------
def test_it_fires_when_a_verdict_has_said_yes_for_long_enough():
    trigger = Trigger("retrain", hold=900.0, cooldown=0.0)
    assert trigger.take([row(5), row(10)]) == []
    fired = trigger.take([row(15)])
    assert minutes(fired) == [15]
    assert fired[0].since == T0
    assert fired[0].event == "retrain.requested"
    assert fired[0].subjects == ("price jensen_shannon 0.2",)
    assert fired[0].body == "price jensen_shannon 0.2, for 900 s"
    assert fired[0].to_dict()["held_seconds"] == 900.0


def test_a_no_between_begins_anew():
    trigger = Trigger("retrain", hold=900.0)
    assert trigger.take([row(5), row(10), row(15, "no"), row(20), row(25)]) == []
    assert minutes(trigger.take([row(30)])) == [30]
    other = Trigger("retrain", hold=900.0)
    assert other.take([row(5), row(10), row(15, "undefined"), row(20)]) == []


def test_it_is_quiet_after_it_fired_and_fires_again_while_it_lasts():
    trigger = Trigger("retrain", cooldown=1800.0)
    fired = trigger.take([row(minute) for minute in range(5, 100, 5)])
    assert minutes(fired) == [5, 35, 65, 95]
    assert [one.number for one in fired] == [1, 2, 3, 4]


def test_filters():
    rows = [
        row(5, metric="price"),
        row(10, metric="click.auroc", layer="model", method="auroc", effect=None),
        row(15, metric="age", attrs='{"column":"age","region":"eu"}', effect=0.07),
        row(20, metric="age", attrs='{"column":"age","region":"us"}', judge="nightly",
            scope="fleet"),
        row(25, "no", metric="price"),
    ]  # fmt: skip

    def fires(**when):
        return minutes(Trigger("t", When(**when), cooldown=0.0).take(rows))

    assert fires() == [5, 10, 15, 20]
    assert fires(metric="price") == [5]
    assert fires(metric="click.*") == [10]
    assert fires(layer="model") == [10]
    assert fires(method="jensen*") == [5, 15, 20]
    assert fires(attributes={"region": "eu"}) == [15]
    assert fires(judge="nightly", scope="fleet") == [20]
    assert fires(effect=0.1) == [5, 20]
    assert fires(verdict="no") == [25]
    assert fires(metric="price", verdict="undefined") == []


def test_several_subjects_must_agree_at_the_same_time():
    trigger = Trigger("retrain", When(count=2), hold=300.0, cooldown=0.0)
    rows = [row(5, metric="a"), row(10, metric="a"), row(10, metric="b")]
    fired = trigger.take(rows)
    assert minutes(fired) == [10]
    assert len(fired[0].subjects) == 2
    # One that nobody judges any more does not count.
    assert trigger.take([row(60, metric="b")]) == []
    assert trigger.take([row(60, "no", metric="a"), row(65, metric="b")]) == []


def test_a_revision_takes_the_place_of_what_it_revises():
    trigger = Trigger("retrain", hold=600.0)
    assert trigger.take([row(5), row(10, "no")]) == []
    assert trigger.take([row(10, "yes", revision=1), row(15)]) != []
    again = Trigger("retrain")
    assert len(again.take([row(10), row(10), row(5), row(10)])) == 1


ROWS = st.lists(
    st.builds(
        row,
        st.integers(1, 40).map(lambda n: 5 * n),
        st.sampled_from(["yes", "yes", "no", "undefined"]),
        metric=st.sampled_from(["a", "b"]),
        revision=st.integers(0, 2),
    ),
    max_size=30,
)


@given(ROWS, st.sampled_from([0.0, 600.0, 1800.0]), st.sampled_from([0.0, 3600.0]))
def test_the_state_is_a_function_of_the_rows(rows, hold, cooldown):
    whole = Trigger("t", hold=hold, cooldown=cooldown)
    fired = whole.take(rows)
    single = Trigger("t", hold=hold, cooldown=cooldown)
    assert [one for each in rows for one in single.take([each])] == fired
    twice = Trigger("t", hold=hold, cooldown=cooldown)
    assert [one for each in rows for one in twice.take([each, each])] == fired
    for before, after in itertools.pairwise(fired):
        assert (after.time - before.time).total_seconds() >= cooldown
    for one in fired:
        assert (one.time - one.since).total_seconds() >= hold
    whole.reset()
    assert whole.take(rows) == fired


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": ""}, "''"),
        ({"hold": -1.0}, "-1.0"),
        ({"hold": float("nan")}, "nan"),
        ({"hold": "3"}, "hold must be 0 seconds or more, or a timedelta, got '3'"),
        ({"hold": datetime.timedelta(minutes=-1)}, "hold must be 0 seconds or more"),
        ({"cooldown": "1"}, "cooldown must be 0 seconds or more"),
        ({"cooldown": float("inf")}, "inf"),
        ({"event": "panic"}, "panic"),
        ({"when": {"metric": "a"}}, "metric"),
    ],
)
def test_a_bad_trigger_is_an_error_that_names_it(options, said):
    with pytest.raises(inlay.InvalidArgumentError, match=said):
        Trigger(**{"name": "t", **options})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"verdict": "maybe"}, "maybe"),
        ({"scope": "world"}, "world"),
        ({"effect": float("nan")}, "nan"),
        ({"effect": "x"}, "effect must be a number: 'x'"),
        ({"layer": "nosuch"}, "layer must be one of app, .*'nosuch'"),
        ({"metric": 7}, "metric must be a str: 7"),
        ({"count": 0}, "count must be at least 1: 0"),
        ({"count": True}, "count must be an integer: True"),
        ({"attributes": "a"}, "'a'"),
    ],
)
def test_a_bad_filter_is_an_error_that_names_it(options, said):
    with pytest.raises((inlay.InvalidArgumentError, TypeError), match=said):
        When(**options)


def test_spans_of_time_may_be_timedeltas():
    trigger = Trigger(
        "t", hold=datetime.timedelta(minutes=15), cooldown=datetime.timedelta(hours=1)
    )
    assert (trigger.hold, trigger.cooldown) == (900.0, 3600.0)


# ---- an observer's ---------------------------------------------------------------------------
def judged(obs, minute, verdict="yes", metric="price"):
    end = T0 + datetime.timedelta(minutes=minute)
    reason = "test" if verdict == "undefined" else None
    assert obs.verdict(
        metric, verdict, method="psi", judge="test", layer="data", effect=0.3, threshold=0.1,
        time=end, start_time=end - datetime.timedelta(minutes=5), reason=reason,
    )  # fmt: skip


def events(batch, name):
    return [e for e in batch.events.to_pylist() if e["name"] == name]


def test_a_firing_is_an_event_of_the_next_window():
    obs = inlay.Observer()
    obs.trigger("retrain", when=When(layer="data"), hold=600.0)
    judged(obs, 5)
    obs.collect()
    judged(obs, 10)
    assert events(obs.collect(), "retrain.requested") == []
    (event,) = events(obs.collect(), "retrain.requested")
    assert event["time"] == T0 + datetime.timedelta(minutes=10)
    assert event["severity"] == 13
    assert json.loads(event["attrs"]) == {
        "number": "1", "since": T0.isoformat(), "trigger": "retrain",
    }  # fmt: skip
    assert event["body"] == "price psi 0.3, for 600 s"
    obs.stop()


def test_a_callback_gets_the_firing_and_advice_to_keep_a_checkpoint():
    got = []
    obs = inlay.Observer(sinks=[inlay.sinks.Memory()])
    obs.trigger("keep", event="checkpoint.advised", callback=got.append)
    judged(obs, 5)
    obs.collect()
    assert obs.stop()
    assert [type(one) for one in got] == [Firing]
    assert got[0].trigger == "keep"


def test_the_verdicts_of_the_last_window_still_fire_and_their_event_is_kept():
    memory, got = inlay.sinks.Memory(), []
    obs = inlay.Observer(sinks=[memory])
    obs.trigger("retrain", callback=got.append)
    judged(obs, 5)
    assert obs.stop()
    assert [one.number for one in got] == [1]
    names = memory.table("events")["name"].to_pylist()
    assert names.count("retrain.requested") == 1


def test_a_callback_that_raises_or_hangs_holds_nobody_up():
    release, calls = threading.Event(), []
    obs = inlay.Observer()

    def hang(firing):
        calls.append(firing.number)
        release.wait(30.0)

    def fail(firing):
        message = "on purpose"
        raise LookupError(message)

    obs.trigger("hangs", cooldown=0.0, callback=hang, timeout=0.05)
    obs.trigger("fails", cooldown=0.0, callback=fail)
    start = time.monotonic()
    batches = []
    for minute in (5, 10, 15):
        judged(obs, minute)
        batches.append(obs.collect())
    assert time.monotonic() - start < 5.0  # none of them waits 30 s
    assert obs._triggers.flush(time.monotonic() + 20.0)
    batches.append(obs.collect())
    found = collections.Counter()
    for batch in batches:
        for one in batch.points.to_pylist():
            if one["metric"] == "inlay.observe.failures":
                attrs = json.loads(one["attrs"])
                found[attrs["callback"], attrs["reason"]] += one["value"]
    assert found == {("trigger fails", "raised"): 3.0, ("trigger hangs", "timeout"): 3.0}
    assert calls == [1]  # it is not called again while it runs
    release.set()
    obs.stop()


def test_names_and_callbacks_are_checked():
    obs = inlay.Observer()
    obs.trigger("retrain")
    with pytest.raises(inlay.InvalidArgumentError, match="'retrain'"):
        obs.trigger("retrain")
    with pytest.raises(TypeError, match="12"):
        obs.trigger("other", callback=12)
    with pytest.raises(inlay.InvalidArgumentError, match="ftp"):
        obs.trigger("other", webhook="ftp://host/")
    with pytest.raises(inlay.InvalidArgumentError, match="timeout"):
        obs.trigger("other", timeout=0.0)
    with pytest.raises(inlay.InvalidArgumentError, match="12"):
        obs.trigger("other", webhook=12)
    obs.stop()
    with pytest.raises(inlay.StoppedError):
        obs.trigger("late")


def test_a_trigger_made_before_install_is_the_targets():
    library = inlay.get_observer()
    name = f"early-{time.monotonic_ns()}"
    assert library.trigger(name, hold=60.0).hold == 60.0
    obs = inlay.Observer().install()
    try:
        with pytest.raises(inlay.InvalidArgumentError, match="early"):
            obs.trigger(name)
    finally:
        obs.uninstall()


# ---- live and over files ---------------------------------------------------------------------
def test_a_replay_fires_as_it_did_live(tmp_path):
    live = []
    obs = inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)])
    when = When(metric="price")
    obs.trigger("retrain", when=when, hold=600.0, cooldown=1200.0, callback=live.append)
    says = ["yes", "yes", "no", "yes", "yes", "yes", "yes", "yes", "undefined", "yes", "yes"]
    for number, verdict in enumerate(says, start=1):
        judged(obs, 5 * number, verdict)
        judged(obs, 5 * number, "yes", metric="other")
        obs.collect()
        obs.flush()
    assert obs.stop()
    replayed = Trigger("retrain", when, hold=600.0, cooldown=1200.0).replay(tmp_path)
    assert replayed == live
    assert len(live) >= 2
    with pytest.raises(FileNotFoundError):
        Trigger("t").replay(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert Trigger("t").replay(tmp_path / "empty") == []


def test_judging_a_directory_tells_what_fired(tmp_path, capsys):
    obs = inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)])
    for number in range(1, 5):
        judged(obs, 5 * number)
        obs.collect()
    assert obs.stop()
    words = ["judge", str(tmp_path), "--trigger", "retrain,hold=900,layer=data,method=psi"]
    assert main([*words, "--trigger", "never,effect=0.9", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["fired"]
    assert (one["trigger"], one["held_seconds"]) == ("retrain", 900.0)
    assert main([*words, "--trigger", "never,effect=0.9"]) == 0
    said = capsys.readouterr().out
    assert "retrain: retrain.requested at 2026-01-01 00:15:00" in said
    assert "never: did not fire" in said
    assert "retrain: did not" not in said
    assert main(["judge", str(tmp_path), "--trigger", "soon,hold=15m,cooldown=2h"]) == 0
    assert "soon: retrain.requested at 2026-01-01 00:15:00" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("", "name"),
        (",hold=1", "name"),
        ("retrain,hold", "'hold'"),
        ("retrain,hold=soon", "hold of a trigger: expected a time such as"),
        ("retrain,hold=-1", "hold of a trigger: expected a time such as"),
        ("retrain,hold=3,hold=4", "hold of a trigger is given twice"),
        ("retrain,effect=big", "effect of a trigger must be a number, got 'big'"),
        ("retrain,colour=red", "'colour=red'"),
        ("retrain,layer=nosuch", "layer must be one of"),
        ("retrain,count=0", "count must be at least 1"),
        ("retrain,event=panic", "event must be one of"),
    ],
)
def test_a_bad_trigger_on_the_command_line_is_a_wrong_call(tmp_path, capsys, bad, said):
    with pytest.raises(SystemExit) as caught:
        main(["judge", str(tmp_path), "--trigger", bad])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


# ---- webhooks --------------------------------------------------------------------------------
class Server:
    """Answers with the statuses given, the last one from then on."""

    def __init__(self, *statuses):
        self.got = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                document = json.loads(self.rfile.read(length))
                outer.got.append((self.path, dict(self.headers), document))
                status = statuses[min(len(outer.got), len(statuses)) - 1]
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hooks/retrain"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *args):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


QUICK = Retry(tries=3, first=0.01, jitter=0.0)


def post(server, retry=QUICK):
    hook = Webhook(server.url, retry=retry, headers={"X-Token": "s"})
    return hook.post({"a": 1}, key="k", stop=Condition(), stopping=lambda: float("inf"))


def test_a_firing_is_posted_as_json():
    with Server(204) as server:
        obs = inlay.Observer()
        obs.trigger("retrain", webhook=server.url)
        judged(obs, 5)
        obs.collect()
        assert obs._triggers.flush(time.monotonic() + 20.0)
        obs.stop()
    ((path, headers, document),) = server.got
    assert path == "/hooks/retrain"
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"].endswith("-retrain-1")
    assert document["trigger"] == "retrain"
    assert document["subjects"] == ["price psi 0.3"]


def test_a_webhook_tries_again_what_may_be_better_later():
    with Server(503, 429, 200) as server:
        assert post(server) == 3
    assert {headers["Idempotency-Key"] for _, headers, _ in server.got} == {"k"}
    assert server.got[0][1]["X-Token"] == "s"
    with Server(500) as server, pytest.raises(WebhookError, match="status 500, after 3 tries"):
        post(server)
    for status in (400, 302):
        with Server(status) as server:
            with pytest.raises(WebhookError, match=f"status {status}, after 1 tries"):
                post(server)
            assert len(server.got) == 1


def test_a_webhook_that_is_not_there_is_counted_and_nobody_waits():
    with Server(200) as server:
        url = server.url
    obs = inlay.Observer()
    obs.trigger("retrain", webhook=Webhook(url, retry=QUICK, timeout=2.0))
    judged(obs, 5)
    start = time.monotonic()
    obs.collect()
    assert time.monotonic() - start < 5.0
    assert obs._triggers.flush(time.monotonic() + 20.0)
    rows = obs.collect()
    (event,) = events(rows, "inlay.observe.failing")
    assert "127.0.0.1" in event["body"]
    assert "/hooks" not in event["body"]  # the path of a webhook is a secret
    obs.stop()


def test_a_stop_does_not_wait_for_a_pause_between_tries():
    with Server(503) as server:
        obs = inlay.Observer()
        slow = Retry(tries=5, first=60.0, most=60.0, jitter=0.0)
        obs.trigger("retrain", webhook=Webhook(server.url, retry=slow))
        judged(obs, 5)
        obs.collect()
        deadline = time.monotonic() + 20.0
        while not server.got and time.monotonic() < deadline:
            time.sleep(0.01)
        start = time.monotonic()
        obs.stop(timeout=1.0)
        assert time.monotonic() - start < 10.0


def test_a_user_in_the_url_is_sent_as_basic_authentication():
    with Server(204) as server:
        hook = Webhook(server.url.replace("://", "://user:p%40ss@"), retry=QUICK)
        assert "user" not in repr(hook)
        assert hook.post({}, key="k", stop=Condition(), stopping=lambda: float("inf")) == 1
    ((path, headers, _),) = server.got
    assert path == "/hooks/retrain"
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"user:p@ss").decode()
    with pytest.raises(inlay.InvalidArgumentError, match="Authorization"):
        Webhook("http://user:word@host/", headers={"authorization": "Bearer x"})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"retry": 3}, r"retry must be an inlay\.sinks\.Retry, got 3"),
        ({"timeout": "5"}, "timeout must be a positive number of seconds.*'5'"),
        ({"headers": "X: y"}, "headers must be a mapping"),
        ({"headers": {"X-Team": "a\r\nb"}}, "one line of Latin-1.*'X-Team'"),
        ({"headers": {"X-Team": 7}}, "one line of Latin-1.*'X-Team'"),
        ({"headers": {"X-Team": "→"}}, "one line of Latin-1.*'X-Team'"),
        ({"headers": {"X Team:": "a"}}, "a header needs a name.*'X Team:'"),
    ],
)
def test_a_bad_webhook_is_an_error_that_names_it(options, said):
    with pytest.raises(inlay.InvalidArgumentError, match=said):
        Webhook("https://host/", **options)


@pytest.mark.parametrize(
    "url",
    ["", "host/path", "file:///etc/passwd", "http://", 7, "http://host:port/", "http://host/a\nb",
     "http://host/a b"],
)  # fmt: skip
def test_a_bad_url_is_an_error_that_names_it(url):
    with pytest.raises(inlay.InvalidArgumentError, match="http"):
        _Webhook(url)
    with pytest.raises(inlay.InvalidArgumentError, match="nan"):
        _Webhook("http://host/", timeout=float("nan"))
