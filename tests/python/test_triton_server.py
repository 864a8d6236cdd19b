"""Triton itself, the server that the wheel of nvidia-pytriton has within, with models of its Python
backend that are observed.
"""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import inlay

CONFIG = """
name: "{name}"
backend: "python"
max_batch_size: {batch}
model_transaction_policy {{ decoupled: {decoupled} }}
input [ {{ name: "IN" data_type: TYPE_FP32 dims: [ 1 ] }} ]
output [ {{ name: "OUT" data_type: TYPE_FP32 dims: [ 1 ] }} ]
instance_group [ {{ kind: KIND_CPU count: 1 }} ]
"""

HEAD = """
import site
site.addsitedir({site!r})
import inlay
import triton_python_backend_utils as pb
from inlay.integrations.triton import Predictions, observed, response_sender
"""

DOUBLER = """
class Scores:
    def __init__(self, observer):
        self.scores = observer.histogram("scores").bind()

    def predicted(self, ids, scores, **_):
        self.scores.record_many(scores)

@observed(directory={directory!r}, predictions=Predictions(quality=Scores, score="OUT"))
class TritonPythonModel:
    def initialize(self, args):
        self.rows = inlay.get_observer().counter("rows").bind()

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        values = pb.get_input_tensor_by_name(request, "IN").as_numpy()
        if (values < 0).any():
            error = pb.TritonError("negative", pb.TritonError.INVALID_ARG)
            return pb.InferenceResponse(error=error)
        if (values > 100).any():
            raise ValueError("large")
        self.rows.add(len(values))
        return pb.InferenceResponse([pb.Tensor("OUT", 2 * values)])
"""

COUNTER = """
@observed(directory={directory!r})
class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            sender = response_sender(self, request)
            values = pb.get_input_tensor_by_name(request, "IN").as_numpy()
            for _ in range(int(values[0])):
                sender.send(pb.InferenceResponse([pb.Tensor("OUT", values)]))
            sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
"""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def triton(tmp_path):
    """Start a server of two models on loopback; give its address, telemetry and what ends it."""
    found = importlib.util.find_spec("pytriton")
    if found is None or found.origin is None:
        pytest.skip("the real test needs nvidia-pytriton, whose wheel has a server within")
    package = Path(found.origin).parent
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = package / "tritonserver" / "python_backend_stubs" / version
    if not stub.exists():
        pytest.skip(f"nvidia-pytriton has no stub for Python {version}")
    server, repository = tmp_path / "server", tmp_path / "repository"
    telemetry = tmp_path / "telemetry"
    shutil.copytree(
        package / "tritonserver", server, ignore=shutil.ignore_patterns("python_backend_stubs")
    )
    shutil.copy(stub / "triton_python_backend_stub", server / "backends" / "python")
    head = HEAD.format(site=sysconfig.get_path("purelib"))
    for name, code, batch, decoupled in (
        ("doubler", DOUBLER, 8, "false"),
        ("counter", COUNTER, 0, "true"),
    ):
        folder = repository / name / "1"
        folder.mkdir(parents=True)
        folder.joinpath("model.py").write_text(head + code.format(directory=str(telemetry)))
        config = CONFIG.format(name=name, batch=batch, decoupled=decoupled)
        folder.parent.joinpath("config.pbtxt").write_text(config)
    port = free_port()
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(package.parent / "nvidia_pytriton.libs"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                server / "bin" / "tritonserver",
                f"--model-repository={repository}",
                f"--backend-directory={server / 'backends'}",
                f"--http-port={port}",
                "--http-address=127.0.0.1",
                "--allow-grpc=false",
                "--allow-metrics=false",
                "--exit-timeout-secs=10",
            ],
            env=environment,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}/v2"

    def end():
        process.send_signal(signal.SIGINT)
        process.wait(60)

    try:
        deadline = time.monotonic() + 120
        while not is_ready(address):
            assert process.poll() is None, (tmp_path / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()[-2000:]
        yield address, telemetry, end
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(60)


def is_ready(address):
    try:
        with urllib.request.urlopen(f"{address}/health/ready", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        time.sleep(0.2)
        return False


def post(address, body):
    """Return the status and the body of the answer."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def infer(address, values, request_id=""):
    tensor = {"name": "IN", "shape": [len(values), 1], "datatype": "FP32", "data": values}
    body = {"id": request_id, "inputs": [tensor], "parameters": {"binary_data_output": True}}
    return post(f"{address}/models/doubler/infer", body)


@pytest.mark.slow
def test_triton_itself(triton):
    pytest.importorskip("duckdb", reason="reading the files needs duckdb")
    address, telemetry, end = triton
    for index in range(4):
        assert infer(address, [0.25 * index], f"request-{index}")[0] == 200
    infer(address, [0.5])
    infer(address, [0.5, 0.75], "two")
    status, body = infer(address, [-1.0], "negative")
    assert (status, b"negative" in body) == (400, True)
    status, body = infer(address, [1000.0], "large")
    assert (status, b"ValueError" in body) == (500, True)
    post(f"{address}/models/counter/generate_stream", {"IN": 3.0})
    end()
    rows = inlay.query(telemetry, "select metric, attrs, value, count, sum from points").to_pylist()
    rows = [{**row, "attrs": json.loads(row["attrs"])} for row in rows]

    def values(metric, model, key, figure):
        return {
            row["attrs"][key]: row[figure]
            for row in rows
            if row["metric"] == metric and row["attrs"]["model"] == model
        }

    ended = values("inference.requests", "doubler", "error.type", "value")
    assert ended == {"": 6, "INVALID_ARG": 1, "ValueError": 1}
    assert values("inference.predictions", "doubler", "outcome", "value") == {
        "recorded": 4,
        "no_id": 1,
        "rows_differ": 2,
    }
    assert values("inference.batch_size", "doubler", "version", "sum") == {"1": 8}
    assert [row["count"] for row in rows if row["metric"] == "scores"] == [4]
    assert [row["value"] for row in rows if row["metric"] == "rows"] == [7]
    assert values("inference.requests", "counter", "error.type", "value") == {"": 1}
    assert values("inference.responses", "counter", "version", "sum") == {"1": 3}
    assert not [row for row in rows if row["metric"] == "inlay.host.failures"]
