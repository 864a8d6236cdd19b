"""Names in other conventions: the tables, and what a scrape then shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import prometheus_client.openmetrics.parser as openmetrics_parser
import prometheus_client.parser as text_parser
import pytest

import inlay
from inlay.semconv import VERSIONS, rename, renamed_points

TEXT = "text/plain;version=0.0.4"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"

# Published names: OpenTelemetry's pages and the servers' own metric lists.
PUBLISHED = {
    "1.41": {
        "time_to_first_token": "gen_ai.server.time_to_first_token",
        "time_per_output_token": "gen_ai.server.time_per_output_token",
        "request_duration": "gen_ai.server.request.duration",
        "prompt_length": "gen_ai.client.token.usage",
        "output_length": "gen_ai.client.token.usage",
        "prompt_tokens": None,
    },
    "1.41-client": {
        "request_duration": "gen_ai.client.operation.duration",
        "time_to_first_token": "gen_ai.client.operation.time_to_first_chunk",
    },
    "genai-2026": {
        "prompt_tokens": "gen_ai.client.inference.usage.input_tokens",
        "output_tokens": "gen_ai.client.inference.usage.output_tokens",
        "cached_tokens": "gen_ai.client.inference.usage.cache_read.input_tokens",
        "reasoning_tokens": "gen_ai.client.inference.usage.reasoning.output_tokens",
        "tool.duration": "gen_ai.execute_tool.duration",
        "request_duration": "gen_ai.server.request.duration",
    },
    "vllm": {
        "time_to_first_token": "vllm:time_to_first_token_seconds",
        "inter_token_latency": "vllm:inter_token_latency_seconds",
        "time_per_output_token": "vllm:request_time_per_output_token_seconds",
        "request_duration": "vllm:e2e_request_latency_seconds",
        "queue_time": "vllm:request_queue_time_seconds",
        "prefill_time": "vllm:request_prefill_time_seconds",
        "decode_time": "vllm:request_decode_time_seconds",
        "prompt_tokens": "vllm:prompt_tokens",
        "output_tokens": "vllm:generation_tokens",
        "requests": "vllm:request_success",
    },
    "sglang": {
        "time_to_first_token": "sglang:time_to_first_token_seconds",
        "request_duration": "sglang:e2e_request_latency_seconds",
        "queue_time": None,
    },
    "tgi": {
        "request_duration": "tgi_request_duration",
        "requests": "tgi_request_count",
        "output_length": "tgi_request_generated_tokens",
    },
    "triton": {
        "request_duration": "nv_inference_request_duration_us",
        "queue_time": "nv_inference_queue_duration_us",
        "requests": "nv_inference_request_success",
    },
}


@pytest.mark.parametrize(
    ("version", "figure", "theirs"),
    [(v, f, t) for v, names in PUBLISHED.items() for f, t in names.items()],
)
def test_published_names(version: str, figure: str, theirs: str | None) -> None:
    found = rename(f"chat.{figure}", semconv=version)
    assert (found and found.metric) == theirs


def test_attributes_are_renamed_and_the_stream_is_one() -> None:
    found = rename(
        "eu.chat.requests",
        {"model": "m", "finish_reason": "stop", "region": "eu"},
        semconv="vllm",
    )
    assert found is not None
    assert found.attributes == {
        "model_name": "m",
        "finished_reason": "stop",
        "region": "eu",
        "inlay.generation": "eu.chat",
    }
    found = rename("chat.prompt_length", {"model": "m"}, semconv="1.41")
    assert found is not None
    assert found.attributes["gen_ai.token.type"] == "input"
    assert found.attributes["gen_ai.request.model"] == "m"
    assert found.boundaries is not None
    assert found.boundaries[:3] == (1.0, 4.0, 16.0)
    assert found.boundaries[-1] == 67108864.0


def test_modality_is_unknown_unless_it_is_an_attribute() -> None:
    for attributes, expected in (({}, "unknown"), ({"modality": "audio"}, "audio")):
        found = rename("chat.prompt_tokens", attributes, semconv="genai-2026")
        assert found is not None
        assert found.attributes["gen_ai.token.modality"] == expected


def test_judgements_are_named_as_events() -> None:
    found = rename("chat.evaluation", {"evaluation": "x", "score": "0.5"}, semconv="1.41")
    assert found is not None
    assert (found.metric, found.kind) == ("gen_ai.evaluation.result", "event")
    assert found.attributes["gen_ai.evaluation.name"] == "x"
    assert found.attributes["gen_ai.evaluation.score.value"] == "0.5"


@pytest.mark.parametrize("metric", ["requests", "chat", "chat.other", "chat.cost", ""])
@pytest.mark.parametrize("version", VERSIONS)
def test_what_has_no_name_there(metric: str, version: str) -> None:
    assert rename(metric, semconv=version) is None


@pytest.mark.parametrize("version", ["1.40", "", "vLLM", None])
def test_versions_that_are_none(version: Any) -> None:
    with pytest.raises(ValueError, match="semconv must be one of"):
        rename("chat.requests", semconv=version)
    with pytest.raises(ValueError, match="semconv must be one of"):
        inlay.sinks.Prometheus(semconv=version or "-")


# ---- a scrape --------------------------------------------------------------------------------
def scrape(sink: inlay.sinks.Prometheus, accept: str = TEXT) -> dict[tuple[str, Any], float]:
    parser = openmetrics_parser if accept == OPENMETRICS else text_parser
    body = sink.scrape(accept)[0].decode()
    found = {}
    for family in parser.text_string_to_metric_families(body):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def served(
    semconv: str | None, **streams: str | None
) -> tuple[inlay.sinks.Prometheus, inlay.Observer]:
    sink = inlay.sinks.Prometheus(semconv=semconv)
    obs = inlay.Observer({"service.name": "a"}, sinks=[sink], clock=inlay.ManualClock())
    for name, own in streams.items():
        chat = obs.generation(name, attributes=("model",), semconv=own)
        chat.record(
            prompt_tokens=900,
            output_tokens=120,
            ttft=0.25,
            e2e=2.5,
            queue=0.5,
            inter_token=np.full(119, 0.02),
            finish_reason="stop",
            cost=0.5,
            model="small",
        )
        chat.record(finish_reason="error", model="small")
    obs.histogram("app.request_duration", unit="s").record(1.0)
    return sink, obs


@pytest.mark.parametrize("accept", [TEXT, OPENMETRICS])
def test_a_scrape_under_each_convention(accept: str) -> None:
    expected = {
        "vllm": ("vllm:prompt_tokens_total", "model_name", 900.0),
        "1.41": ("gen_ai_client_token_usage_sum", "gen_ai_request_model", 900.0),
        "genai-2026": (
            "gen_ai_client_inference_usage_input_tokens_total",
            "gen_ai_request_model",
            900.0,
        ),
        "sglang": ("sglang:time_to_first_token_seconds_sum", "model_name", 0.25),
        "tgi": ("tgi_request_duration_sum", "model", 2.5),
        "triton": ("nv_inference_queue_duration_us_total", "model", 500_000.0),
    }
    for version, (name, label, value) in expected.items():
        sink, obs = served(version, chat=None, search=None)
        for _ in range(2):  # the open window, then what was written
            found = scrape(sink, accept)
            labels = {label: "small", "inlay_generation": "chat"}
            if version == "1.41":
                labels["gen_ai_token_type"] = "input"
            if version == "genai-2026":
                labels["gen_ai_token_modality"] = "unknown"
            assert found[name, frozenset(labels.items())] == value
            # Other layers keep their names, as do figures without one there.
            assert any(key[0] == "app_request_duration_seconds_count" for key in found)
            assert found["chat_cost_total", frozenset({("model", "small")})] == 0.5
            obs.collect()
            assert obs.flush(timeout=20)
        obs.stop()


def test_failed_requests_have_a_name_of_their_own_in_triton() -> None:
    sink, obs = served("triton", chat=None)
    found = {key[0]: value for key, value in scrape(sink).items()}
    assert found["nv_inference_request_success_total"] == 1.0
    assert found["nv_inference_request_failure_total"] == 1.0
    obs.stop()


def test_a_stream_says_how_it_is_shown_unless_the_sink_does() -> None:
    sink, obs = served(None, chat="vllm", search=None)
    names = {key[0] for key in scrape(sink)}
    assert "vllm:prompt_tokens_total" in names
    assert "search_prompt_tokens_total" in names
    assert "chat_prompt_tokens_total" not in names
    obs.stop()
    sink, obs = served("sglang", chat="vllm", search=None)
    names = {key[0] for key in scrape(sink)}
    assert "sglang:prompt_tokens_total" in names
    assert not any(name.startswith("vllm") for name in names)
    obs.stop()


def test_edges_and_help_are_those_of_the_figure() -> None:
    sink, obs = served("1.41", chat=None)
    edges = {
        float(dict(labels)["le"])
        for name, labels in scrape(sink)
        if name == "gen_ai_client_token_usage_bucket"
    }
    assert edges == {*(4.0**k for k in range(14)), float("inf")}
    assert "# HELP gen_ai_server_time_to_first_token_seconds From arrival" in (
        sink.scrape(TEXT)[0].decode()
    )
    obs.stop()
    sink, obs = served("tgi", chat=None)
    edges = {
        float(dict(labels)["le"])
        for name, labels in scrape(sink)
        if name == "tgi_request_duration_bucket"
    }
    assert min(edges) == 2.0**-13
    obs.stop()


def test_points_keep_their_names() -> None:
    _, obs = served("vllm", chat="vllm")
    batch = obs.collect()
    table = batch.points.to_pyarrow()
    assert "chat.prompt_tokens" in table["metric"].to_pylist()
    named = renamed_points(table, "vllm")
    assert named.schema == table.schema
    assert named["series_id"] == table["series_id"]
    assert "vllm:prompt_tokens" in named["metric"].to_pylist()
    assert renamed_points(table, {"other": "vllm"}) is table
    assert renamed_points(table, {"chat": "vllm"}) == named
    obs.stop()
