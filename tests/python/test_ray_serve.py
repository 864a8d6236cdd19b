"""Deployments of Ray Serve: by what the decorator leaves of a class, and with Ray where it is."""

import asyncio
import inspect
import json
import logging
import pickle
import socket
import sys
import threading
import types
import urllib.request
import warnings

import pytest
from point_rows import points_by_metric

import inlay
from inlay.integrations import ray_serve
from inlay.integrations.ray_serve import observed


@pytest.fixture(autouse=True)
def no_directory(monkeypatch):
    monkeypatch.delenv("INLAY_DIRECTORY", raising=False)


@pytest.fixture
def observer():
    observer = inlay.Observer().install()
    yield observer
    observer.uninstall()


@pytest.fixture
def replica(monkeypatch):
    """Put in Ray's place what `ray.serve` of 2.60.0 answers in a replica."""
    context = types.SimpleNamespace(app_name="shop", deployment="Ranker", replica_tag="a1b2")
    ray, serve = types.ModuleType("ray"), types.ModuleType("ray.serve")
    serve.get_replica_context = lambda: context
    ray.serve = serve
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.serve", serve)


def ends(observer):
    points = points_by_metric(observer.collect())
    return {
        (json.loads(row["attrs"])["method"], json.loads(row["attrs"])["error.type"]): row["value"]
        for row in points.get("inference.requests", ())
    }


class Model:
    def __init__(self, factor=2):
        self.factor = factor

    def __call__(self, value):
        return self.factor * value

    async def later(self, value):
        await asyncio.sleep(0)
        return self.factor * value

    def parts(self, count):
        yield from range(count)

    async def parts_later(self, count):
        for part in range(count):
            yield part

    def fails(self):
        raise KeyError("no")


METHODS = ("__call__", "later", "parts", "parts_later", "fails")


def observed_model(**settings):
    return observed(methods=METHODS, **settings)(type("Model", (Model,), {}))


def test_methods_of_every_kind_stay_of_it():
    made = observed_model()
    for name in METHODS:
        before, after = getattr(Model, name), getattr(made, name)
        for kind in (
            inspect.iscoroutinefunction,
            inspect.isgeneratorfunction,
            inspect.isasyncgenfunction,
        ):
            assert kind(before) == kind(after), name
        assert inspect.signature(before) == inspect.signature(after)
        assert after.__name__ == before.__name__
    assert inspect.signature(made.__init__) == inspect.signature(Model.__init__)
    assert made.__name__ == "Model"


def test_requests_in_a_replica(observer, replica):
    model = observed_model()(3)
    assert model(2) == 6
    assert asyncio.run(model.later(2)) == 6
    points = points_by_metric(observer.collect())
    labels = [json.loads(row["attrs"]) for row in points["inference.requests"]]
    assert labels == [
        {
            "application": "shop",
            "model": "Ranker",
            "version": "",
            "method": method,
            "error.type": "",
        }
        for method in ("__call__", "later")
    ]
    assert [row["count"] for row in points["inference.request.duration"]] == [1, 1]
    assert {(row["value"], row["max"]) for row in points["inference.active_requests"]} == {(0, 1)}


def test_streams(observer):
    model = observed_model()()

    async def read():
        return [part async for part in model.parts_later(3)]

    assert list(model.parts(2)) == [0, 1]
    assert asyncio.run(read()) == [0, 1, 2]
    assert list(model.parts(0)) == []
    points = points_by_metric(observer.collect())
    parts = {
        json.loads(row["attrs"])["method"]: (row["count"], row["sum"])
        for row in points["inference.responses"]
    }
    assert parts == {"parts": (2, 2), "parts_later": (1, 3)}
    first = points["inference.time_to_first_response"]
    assert [row["count"] for row in first] == [1, 1]
    assert {row["value"] for row in points["inference.active_requests"]} == {0}


def test_streams_that_are_left_or_fail(observer):
    class Broken(Model):
        def parts(self, count):
            yield 1
            raise KeyError(count)

    made = observed(methods=METHODS)(Broken)()

    async def leave():
        parts = made.parts_later(5)
        async for _ in parts:
            break
        await parts.aclose()

    asyncio.run(leave())
    with pytest.raises(KeyError):
        list(made.parts(1))
    left = observed_model()().parts(5)
    next(left)
    left.close()
    assert ends(observer) == {
        ("parts_later", "abandoned"): 1,
        ("parts", "KeyError"): 1,
        ("parts", "abandoned"): 1,
    }


def test_a_call_that_returns_a_stream_ends_with_it(observer):
    @observed
    class Streams:
        def __call__(self, kind):
            model = Model()
            return model.parts(2) if kind == "sync" else model.parts_later(2)

    async def read(parts):
        return [part async for part in parts]

    model = Streams()
    unread = model("sync")
    parts = model("sync")
    assert not ends(observer)
    assert list(parts) == [0, 1]
    assert asyncio.run(read(model("async"))) == [0, 1]
    unread.close()
    points = points_by_metric(observer.collect())
    assert points["inference.requests"][0]["value"] == 2
    assert points["inference.responses"][0]["sum"] == 4
    assert points["inference.active_requests"][0]["value"] == 0


def test_errors_and_cancellations_go_on(observer):
    model = observed_model()()
    with pytest.raises(KeyError):
        model.fails()

    async def cancel():
        task = asyncio.ensure_future(model.later(1))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert ends(observer) == {("fails", "KeyError"): 1, ("later", "CancelledError"): 1}


def test_functions(observer):
    @observed
    def double(value):
        return 2 * value

    @observed
    async def triple(value):
        return 3 * value

    assert double(2) == 4
    assert asyncio.run(triple(2)) == 6
    points = points_by_metric(observer.collect())
    found = {json.loads(row["attrs"])["model"] for row in points["inference.requests"]}
    assert found == {"double", "triple"}


def test_the_observer_is_there_before_the_class_begins(tmp_path):
    pytest.importorskip("duckdb", reason="reading the files needs duckdb")

    @observed(directory=tmp_path)
    class Deployment:
        def __init__(self):
            self.rows = inlay.get_observer().counter("rows").bind()

        def __call__(self):
            self.rows.add(1)

    model = Deployment()
    model()
    model.__del__()  # as Ray does at the end of a replica
    assert not inlay.get_observer().enabled
    sql = "select metric from points where metric in ('rows', 'inference.requests')"
    assert len(inlay.query(tmp_path, sql).to_pylist()) == 2
    model()  # and nothing breaks afterwards


def test_a_function_writes_its_last_window_when_ray_ends_it(tmp_path):
    pytest.importorskip("duckdb", reason="reading the files needs duckdb")

    @observed(directory=tmp_path)
    def double(value):
        return 2 * value

    double.__del__()  # a replica that was never asked
    assert double(2) == 4
    double.__del__()
    sql = "select value from points where metric = 'inference.requests'"
    assert inlay.query(tmp_path, sql).to_pylist() == [{"value": 1.0}]


def test_threads_that_call_a_function_at_once_make_one_recorder():
    made = []
    inside, late = threading.Event(), threading.Event()

    def make(name):
        made.append(name)
        inside.set()
        late.wait(0.2)  # for ever, if the other one waits as it should
        return types.SimpleNamespace()

    recorder_of = ray_serve._OfFunction(make, "double")
    first = threading.Thread(target=recorder_of, args=((),))
    first.start()
    assert inside.wait(10)
    second = threading.Thread(target=lambda: (recorder_of(()), late.set()))
    second.start()
    first.join()
    second.join()
    assert made == ["double"]


def test_what_a_class_does_at_its_end_is_done(observer):
    done = []

    @observed
    class Deployment:
        def __call__(self):
            pass

        def __del__(self):
            done.append(1)

    Deployment().__del__()
    assert done[0] == 1


def test_an_observer_is_made_where_it_runs(observer):
    made = []

    def make():
        made.append(inlay.Observer())
        return made[-1]

    model = observed_model(observer=make)()
    model(1)
    assert ends(made[0]) == {("__call__", ""): 1}
    assert not ends(observer)


def test_recording_that_fails_costs_no_request(observer, caplog):
    observer.counter("inference.active_requests", attributes=("mine",))
    model = observed_model()()
    with caplog.at_level(logging.WARNING, logger="inlay.integrations"):
        assert model(1) == 2
        assert list(model.parts(2)) == [0, 1]
        assert asyncio.run(model.later(1)) == 2
    (failures,) = points_by_metric(observer.collect())["inlay.host.failures"]
    assert json.loads(failures["attrs"]) == {"host": "ray_serve", "operation": "start"}
    assert len(caplog.records) == 1


def test_an_observer_that_cannot_be_made_costs_no_request(caplog):
    def make():
        raise OSError("no room")

    with caplog.at_level(logging.WARNING, logger="inlay.integrations"):
        assert observed_model(observer=make)()(1) == 2
    assert "no room" in caplog.records[0].getMessage()


def test_a_class_with_slots_runs(observer):
    class Slots:
        __slots__ = ()

        def __call__(self, value):
            return value

    assert observed(Slots)()(3) == 3
    (failures,) = points_by_metric(observer.collect())["inlay.host.failures"]
    assert json.loads(failures["attrs"])["operation"] == "start"


def test_a_decorated_function_can_be_sent():
    assert pickle.loads(pickle.dumps(sent))(4) == 8


@observed
def sent(value):
    return 2 * value


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"methods": "__call__"}, "not the string '__call__'"),
        ({"observer": 3}, "a function that makes one, not 3"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(TypeError, match=message):
        observed(**settings)


def test_bad_targets():
    with pytest.raises(TypeError, match="a class or a function"):
        observed(3)
    with pytest.raises(AttributeError, match="nothing_so_named"):
        observed(methods=("nothing_so_named",))(Model)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return answer.read()


@pytest.mark.slow
def test_ray_serve_itself(tmp_path, monkeypatch):
    """Applications of a real Ray Serve on loopback, read back from what their replicas wrote."""
    pytest.importorskip("duckdb", reason="reading the files needs duckdb")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Ray warns of is its own
        ray = pytest.importorskip("ray", reason="the real test needs Ray")
        serve = pytest.importorskip("ray.serve", reason="the real test needs ray[serve]")
        from ray_application import make_application, make_function, make_web

        port = free_port()
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        try:
            serve.start(http_options={"host": "127.0.0.1", "port": port})
            handle = serve.run(make_application(serve, str(tmp_path)), name="shop")
            assert [handle.remote(value).result(timeout_s=60) for value in range(5)] == [
                0,
                2,
                4,
                6,
                8,
            ]
            stream = handle.options(stream=True).stream.remote(3)
            assert list(stream) == [0, 1, 2]
            with pytest.raises(Exception, match="asked to"):
                handle.fail.remote().result(timeout_s=60)
            serve.run(make_function(serve, str(tmp_path)), name="math", route_prefix="/twice")
            serve.run(make_web(serve, str(tmp_path)), name="web", route_prefix="/web")
            assert get(port, "/twice?x=4") == b"8.0"
            assert get(port, "/web/hello/ada") == b'"hello ada"'
            serve.shutdown()
        finally:
            ray.shutdown()
    rows = inlay.query(tmp_path, "select metric, attrs, value, sum from points")
    rows = [{**row, "attrs": json.loads(row["attrs"])} for row in rows.to_pylist()]
    requests = {
        tuple(row["attrs"][key] for key in ("application", "model", "method", "error.type")): row[
            "value"
        ]
        for row in rows
        if row["metric"] == "inference.requests"
    }
    assert requests == {
        ("shop", "doubler", "__call__", ""): 5,
        ("shop", "doubler", "stream", ""): 1,
        ("shop", "doubler", "fail", "KeyError"): 1,
        ("math", "twice", "__call__", ""): 1,
    }
    found = [row for row in rows if row["metric"] == "inference.responses"]
    assert [row["sum"] for row in found] == [3]
    routes = [row["attrs"] for row in rows if row["metric"] == "http.server.requests"]
    assert [route["http.route"] for route in routes] == ["/hello/{name}"]
    assert [row["value"] for row in rows if row["metric"] == "doubler.rows"] == [5]
