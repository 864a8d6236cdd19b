"""Models of Triton's Python backend, by the interface that it publishes."""

import asyncio
import json
import logging
import sys

import numpy as np
import pytest
import triton_interface as triton
from point_rows import points_by_metric

import inlay
from inlay.integrations.triton import Predictions, ResponseSender, observed, response_sender

ARGS = {
    "model_config": json.dumps({"name": "fraud", "max_batch_size": 8}),
    "model_instance_kind": "CPU",
    "model_instance_device_id": "0",
    "model_repository": "/models/fraud",
    "model_version": "3",
    "model_name": "fraud",
}
DECOUPLED = {
    **ARGS,
    "model_config": json.dumps({"model_transaction_policy": {"decoupled": True}}),
}


@pytest.fixture(autouse=True)
def backend(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", triton.module())
    monkeypatch.delenv("INLAY_DIRECTORY", raising=False)


@pytest.fixture
def observer():
    return inlay.Observer()


def loaded(model_class, args=ARGS):
    """Load a model as Triton does."""
    model = model_class()
    if hasattr(model, "initialize"):
        model.initialize(args)
    return model


def answer(request):
    return triton.InferenceResponse([triton.Tensor("OUT", np.zeros(1, dtype=np.float32))])


def answers(self, requests):
    return [answer(request) for request in requests]


def model_of(execute, **settings):
    return observed(**settings)(type("TritonPythonModel", (), {"execute": execute}))


def attributes_and(rows, key="value"):
    return {tuple(sorted(json.loads(row["attrs"]).items())): row[key] for row in rows}


def test_executions_and_requests(observer):
    @observed(observer=observer)
    class TritonPythonModel:
        def initialize(self, args):
            self.name = args["model_name"]

        def execute(self, requests):
            return [answer(request) for request in requests]

        def finalize(self):
            self.ended = True

    model = loaded(TritonPythonModel)
    assert model.name == "fraud"
    requests = [triton.InferenceRequest() for _ in range(3)]
    assert len(model.execute(requests)) == 3
    model.execute(requests[:1])
    model.finalize()
    assert model.ended
    points = points_by_metric(observer.collect())
    labels = {"model": "fraud", "version": "3"}
    (batches,) = points["inference.batch_size"]
    assert (batches["count"], batches["sum"]) == (2, 4)
    assert json.loads(batches["attrs"]) == labels
    assert points["inference.execution.duration"][0]["count"] == 2
    (durations,) = points["inference.request.duration"]
    assert durations["count"] == 4
    assert json.loads(durations["attrs"]) == {
        **labels,
        "application": "",
        "method": "execute",
        "error.type": "",
    }
    assert points["inference.requests"][0]["value"] == 4
    (active,) = points["inference.active_requests"]
    assert (active["value"], active["max"]) == (0, 3)


def test_errors_of_responses_by_code(observer):
    def execute(self, requests):
        return [
            answer(requests[0]),
            triton.InferenceResponse(error=triton.TritonError("no such file", 2)),
            triton.InferenceResponse(error=triton.OldTritonError("no code")),
            triton.InferenceResponse(error=triton.TritonError("made up", 77)),
        ]

    model = loaded(model_of(execute, observer=observer))
    responses = model.execute([triton.InferenceRequest() for _ in range(4)])
    assert responses[1].error().message() == "no such file"
    points = points_by_metric(observer.collect())
    ended = {json.loads(r["attrs"])["error.type"]: r["value"] for r in points["inference.requests"]}
    assert ended == {"": 1, "NOT_FOUND": 1, "INTERNAL": 1, "UNKNOWN": 1}


def test_an_execution_that_raises(observer):
    def execute(self, requests):
        raise ZeroDivisionError

    model = loaded(model_of(execute, observer=observer))
    with pytest.raises(ZeroDivisionError):
        model.execute([triton.InferenceRequest(), triton.InferenceRequest()])
    points = points_by_metric(observer.collect())
    (row,) = points["inference.requests"]
    assert row["value"] == 2
    assert json.loads(row["attrs"])["error.type"] == "ZeroDivisionError"
    assert points["inference.active_requests"][0]["value"] == 0


@pytest.mark.parametrize("responses", [None, [], ["one too many"] * 3])
def test_a_number_of_responses_that_triton_refuses(observer, responses):
    model = loaded(model_of(lambda *_: responses, observer=observer))
    assert model.execute([triton.InferenceRequest(), triton.InferenceRequest()]) is responses
    points = points_by_metric(observer.collect())
    (row,) = points["inference.requests"]
    assert (row["value"], json.loads(row["attrs"])["error.type"]) == (2, "response_count")


def test_execute_may_be_a_coroutine(observer):
    async def execute(self, requests):
        await asyncio.sleep(0)
        if not requests:
            raise ValueError("empty")
        return [answer(request) for request in requests]

    model = loaded(model_of(execute, observer=observer))
    assert len(asyncio.run(model.execute([triton.InferenceRequest()]))) == 1
    with pytest.raises(ValueError, match="empty"):
        asyncio.run(model.execute([]))
    points = points_by_metric(observer.collect())
    assert points["inference.requests"][0]["value"] == 1
    assert points["inference.execution.duration"][0]["count"] == 2


def test_a_model_that_is_not_initialized_runs(observer):
    model = model_of(answers, observer=observer)()
    assert len(model.execute([triton.InferenceRequest()])) == 1
    model.finalize()
    points = points_by_metric(observer.collect())
    assert not [metric for metric in points if metric.startswith("inference")]


def test_decoupled_model(observer):
    def execute(self, requests):
        for request in requests:
            sender = response_sender(self, request)
            assert sender.is_cancelled() is False
            for _ in range(3):
                sender.send(answer(request))
            sender.send(flags=triton.FINAL)

    model = loaded(model_of(execute, observer=observer), DECOUPLED)
    requests = [triton.InferenceRequest(), triton.InferenceRequest()]
    assert model.execute(requests) is None
    assert [flags for _, flags in requests[0].sender.sent] == [0, 0, 0, triton.FINAL]
    points = points_by_metric(observer.collect())
    assert points["inference.requests"][0]["value"] == 2
    assert json.loads(points["inference.requests"][0]["attrs"])["error.type"] == ""
    assert points["inference.time_to_first_response"][0]["count"] == 2
    (parts,) = points["inference.responses"]
    assert (parts["count"], parts["sum"]) == (2, 6)
    assert points["inference.batch_size"][0]["sum"] == 2
    assert points["inference.active_requests"][0]["value"] == 0


def test_decoupled_errors(observer):
    def execute(self, requests):
        sender = response_sender(self, requests[0])
        error = triton.InferenceResponse(error=triton.TritonError("stop", 7))
        sender.send(error, triton.FINAL)
        with pytest.raises(RuntimeError, match="closed"):
            sender.send(answer(requests[0]))

    model = loaded(model_of(execute, observer=observer), DECOUPLED)
    model.execute([triton.InferenceRequest()])
    points = points_by_metric(observer.collect())
    (row,) = points["inference.requests"]
    assert (row["value"], json.loads(row["attrs"])["error.type"]) == (1, "CANCELLED")


def test_sender_of_a_model_that_records_nothing():
    request = triton.InferenceRequest()
    assert response_sender(object(), request) is request.sender


def test_sender_that_fails_ends_its_request(observer):
    request = triton.InferenceRequest()
    model = loaded(model_of(lambda *_: None, observer=observer), DECOUPLED)
    sender = response_sender(model, request)
    assert isinstance(sender, ResponseSender)
    request.sender.send(None, triton.FINAL)
    with pytest.raises(RuntimeError):
        sender.send(answer(request))
    points = points_by_metric(observer.collect())
    assert json.loads(points["inference.requests"][0]["attrs"])["error.type"] == "RuntimeError"
    assert points["inference.active_requests"][0]["value"] == 0


class Quality:
    """Keeps what it is given."""

    def __init__(self):
        self.predictions = []

    def predicted(self, ids, scores, **attributes):
        self.predictions.append((list(ids), np.asarray(scores).tolist(), attributes))


def predicting(observer, quality, scores, **settings):
    """Make a loaded model whose responses hold those scores."""

    def execute(self, requests):
        return [
            triton.InferenceResponse([triton.Tensor("SCORE", np.asarray(score))])
            for score, _ in zip(scores, requests, strict=True)
        ]

    predictions = Predictions(quality=lambda _: quality, score="SCORE", **settings)
    return loaded(model_of(execute, observer=observer, predictions=predictions))


def outcomes(observer):
    rows = points_by_metric(observer.collect())["inference.predictions"]
    return {json.loads(row["attrs"])["outcome"]: row["value"] for row in rows}


def test_predictions_by_request_id(observer):
    quality = Quality()
    model = predicting(observer, quality, [[[0.25]], [0.5], [0.5], [0.1, 0.2]])
    model.execute(
        [
            triton.InferenceRequest(request_id="a"),
            triton.InferenceRequest(request_id="b"),
            triton.InferenceRequest(),
            triton.InferenceRequest(request_id="c"),
        ]
    )
    assert quality.predictions == [(["a"], [0.25], {}), (["b"], [0.5], {})]
    assert outcomes(observer) == {"recorded": 2, "no_id": 1, "rows_differ": 2}


def test_predictions_by_an_input(observer):
    quality = Quality()
    model = predicting(
        observer,
        quality,
        [[[0.25], [0.75]]],
        ids="ID",
        attributes={"country": "COUNTRY", "channel": "CHANNEL"},
    )
    model.execute(
        [
            triton.InferenceRequest(
                [
                    triton.Tensor("ID", np.array([[7], [8]])),
                    triton.Tensor("COUNTRY", triton.text("de", "fr")),
                    triton.Tensor("CHANNEL", triton.text("app")),
                ]
            )
        ]
    )
    ((ids, scores, attributes),) = quality.predictions
    assert (ids, scores) == ([7, 8], [0.25, 0.75])
    assert attributes == {"country": ["de", "fr"], "channel": "app"}
    assert outcomes(observer) == {"recorded": 2}


@pytest.mark.parametrize(
    ("inputs", "outcome"),
    [
        ([], "no_tensor"),
        ([triton.Tensor("ID", np.array([1, 2, 3]))], "rows_differ"),
        ([triton.Tensor("ID", np.array([1, 2]), on_cpu=False)], "on_device"),
    ],
)
def test_predictions_left_out_are_counted(observer, inputs, outcome):
    model = predicting(observer, Quality(), [[0.25, 0.75]], ids="ID")
    model.execute([triton.InferenceRequest(inputs)])
    assert outcomes(observer) == {outcome: 2}


def test_predictions_of_failed_requests_are_none(observer):
    quality = Quality()

    def execute(self, requests):
        return [triton.InferenceResponse(error=triton.TritonError("no"))]

    predictions = Predictions(quality=lambda _: quality, score="SCORE")
    model = loaded(model_of(execute, observer=observer, predictions=predictions))
    model.execute([triton.InferenceRequest(request_id="a")])
    assert not quality.predictions
    assert "inference.predictions" not in points_by_metric(observer.collect())


def test_a_quality_that_raises_costs_no_request(observer, caplog):
    class Broken:
        def predicted(self, *_, **__):
            raise LookupError("no quality today")

    model = predicting(observer, Broken(), [[0.25], [0.5]])
    requests = [triton.InferenceRequest(request_id=name) for name in "ab"]
    with caplog.at_level(logging.WARNING, logger="inlay.integrations"):
        assert len(model.execute(requests)) == 2
    points = points_by_metric(observer.collect())
    (failures,) = points["inlay.host.failures"]
    assert failures["value"] == 2
    assert len(caplog.records) == 1
    assert points["inference.requests"][0]["value"] == 2
    (row,) = points["inference.predictions"]
    assert (row["value"], json.loads(row["attrs"])["outcome"]) == (2, "error")


@pytest.mark.parametrize("config", ["{", "[]", "null", '{"model_transaction_policy": 3}'])
def test_a_configuration_that_cannot_be_read_costs_no_request(observer, config):
    model = loaded(
        model_of(answers, observer=observer),
        {**ARGS, "model_config": config},
    )
    assert len(model.execute([triton.InferenceRequest()])) == 1
    assert points_by_metric(observer.collect())["inference.requests"][0]["value"] == 1


def test_a_class_with_slots_and_a_call_without_arguments_run():
    model_class = observed(type("TritonPythonModel", (), {"execute": answers, "__slots__": ()}))
    assert len(loaded(model_class).execute([triton.InferenceRequest()])) == 1
    model = loaded(model_of(answers), None)
    assert len(model.execute([triton.InferenceRequest()])) == 1
    model.finalize()


def test_series_that_cannot_be_made_cost_no_request(observer):
    observer.counter("inference.batch_size")
    model = loaded(model_of(answers, observer=observer))
    request = triton.InferenceRequest()
    assert len(model.execute([request])) == 1
    assert response_sender(model, request) is request.sender
    (failures,) = points_by_metric(observer.collect())["inlay.host.failures"]
    assert json.loads(failures["attrs"]) == {"host": "triton", "operation": "start"}


def test_a_directory_is_written_when_the_model_is_unloaded(tmp_path):
    pytest.importorskip("duckdb", reason="reading the files needs duckdb")
    seen = []

    @observed(directory=tmp_path)
    class TritonPythonModel:
        def initialize(self, args):
            seen.append(inlay.get_observer().resource["service.name"])

        def execute(self, requests):
            return [answer(request) for request in requests]

    model = loaded(TritonPythonModel)
    model.execute([triton.InferenceRequest()])
    model.finalize()
    assert seen == ["fraud"]
    assert not inlay.get_observer().enabled
    sql = "select value from points where metric = 'inference.requests'"
    assert inlay.query(tmp_path, sql).to_pylist() == [{"value": 1.0}]


def test_an_observer_made_in_the_process():
    made = []

    def make():
        made.append(inlay.Observer())
        return made[-1]

    model_class = model_of(answers, observer=make)
    assert not made
    model = loaded(model_class)
    model.execute([triton.InferenceRequest()])
    assert points_by_metric(made[0].collect())["inference.requests"][0]["value"] == 1


@pytest.mark.parametrize("target", [type("NoModel", (), {}), len, 3])
def test_only_models_are_observed(target):
    with pytest.raises(TypeError, match="a class with a method execute"):
        observed(target)


def test_the_class_stays_itself():
    @observed
    class TritonPythonModel:
        """A model."""

        def execute(self, requests):
            """Answer."""
            return [answer(request) for request in requests]

    assert TritonPythonModel.__name__ == "TritonPythonModel"
    assert TritonPythonModel.execute.__doc__ == "Answer."
    assert len(loaded(TritonPythonModel).execute([triton.InferenceRequest()])) == 1
