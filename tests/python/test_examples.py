"""The examples that need no server to be started: they are imported and asked."""

import asyncio
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import triton_interface as triton
from point_rows import points_by_metric

import inlay

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(path, monkeypatch):
    """Import an example under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", EXAMPLES / path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INLAY_DIRECTORY", raising=False)


def test_triton_model(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", triton.module())
    observer = inlay.Observer().install()
    model = load(Path("triton/fraud/1/model.py"), monkeypatch).TritonPythonModel()
    model.initialize({"model_name": "fraud", "model_version": "1", "model_config": "{}"})
    amounts = [np.array([[20.0], [3000.0]], dtype=np.float32), np.array([[np.nan]])]
    responses = model.execute(
        [
            triton.InferenceRequest(
                [
                    triton.Tensor("AMOUNT", amount),
                    triton.Tensor("COUNTRY", triton.text(*["de", "fr"][: len(amount)])),
                    triton.Tensor("PAYMENT", np.arange(len(amount))[:, None]),
                ]
            )
            for amount in amounts
        ]
    )
    assert [response.has_error() for response in responses] == [False, True]
    model.finalize()
    points = points_by_metric(observer.collect())
    observer.uninstall()
    assert "inlay.host.failures" not in points
    (recorded,) = points["inference.predictions"]
    assert (recorded["value"], json.loads(recorded["attrs"])["outcome"]) == (2, "recorded")


def test_server_of_generations(monkeypatch):
    pytest.importorskip("fastapi", reason="the example needs fastapi")
    httpx = pytest.importorskip("httpx", reason="the example is asked by httpx")
    pytest.importorskip("uvicorn", reason="the example needs uvicorn")
    example = load(Path("generate_serve.py"), monkeypatch)

    async def ask():
        transport = httpx.ASGITransport(app=example.served)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for order, text in (("1", "refund for a broken lamp"), ("2", "thanks")):
                answer = await client.get(f"/classify/{order}", params={"text": text})
                assert answer.status_code == 200
            assert (await client.post("/label/1?is_complaint=1")).status_code == 200
            answer = await client.get("/generate", params={"prompt": "the sea"})
            assert len(answer.text.split()) == 12
            return (await client.get("/metrics")).status_code

    assert asyncio.run(ask()) == 200
    points = points_by_metric(example.observer.collect())
    assert points["answers.output_tokens"][0]["value"] == 12
    assert points["answers.inter_token_latency"][0]["count"] == 11
    assert json.loads(points["answers.requests"][0]["attrs"])["finish_reason"] == "stop"
    assert points["complaints.coverage"][0]["value"] == 0.5
    routes = {json.loads(row["attrs"])["http.route"] for row in points["http.server.requests"]}
    assert routes == {"/classify/{order}", "/label/{order}", "/generate"}
    example.observer.stop()


def test_vllm_is_started_with_the_plugins(monkeypatch):
    example = load(Path("vllm_serve.py"), monkeypatch)
    assert example.environment["INLAY_DIRECTORY"] == "telemetry"
    assert example.environment["INLAY_VLLM_LOGITS"] == "1"
