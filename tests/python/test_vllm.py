"""vLLM's steps and finished requests, as its front end hands them to a stat logger."""

import copy
import importlib
import json
import logging
import sys
import time
import types

import numpy as np
import pytest
import vllm_interface
from point_rows import points_by_metric

import inlay


@pytest.fixture
def observer():
    observer = inlay.Observer().install()
    yield observer
    observer.uninstall()


@pytest.fixture
def vllm(monkeypatch):
    """Give the integration, loaded anew, with vLLM's classes or what was recorded of them."""
    monkeypatch.delenv("INLAY_DIRECTORY", raising=False)
    monkeypatch.delenv("INLAY_VLLM_LOGITS", raising=False)
    vllm_interface.install(monkeypatch)
    for name in ("inlay.integrations.vllm", "inlay.integrations._vllm_logits"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module("inlay.integrations.vllm")
    yield module
    for name in ("inlay.integrations.vllm", "inlay.integrations._vllm_logits"):
        sys.modules.pop(name, None)


class Config:
    """As much of a `VllmConfig` as is read; a class, for it is referred to weakly.

    Most of it vLLM's own loggers read, in the tests with the package itself.
    """

    speculative_config = kv_transfer_config = ec_transfer_config = None
    watermark_config = lora_config = None

    def __init__(self, name="llama"):
        self.model_config = types.SimpleNamespace(
            served_model_name=name, model="/models/llama", max_model_len=4096, is_diffusion=False
        )
        self.device_config = types.SimpleNamespace(device_type="cpu")
        self.cache_config = types.SimpleNamespace(num_gpu_blocks=8, metrics_info=dict)
        self.observability_config = types.SimpleNamespace(
            show_hidden_metrics=False,
            kv_cache_metrics=False,
            custom_histogram_buckets=None,
            enable_mfu_metrics=False,
            cudagraph_metrics=False,
        )


def stat(name, **fields):
    module = "spec_decode.metrics" if name == "SpecDecodingStats" else "metrics.stats"
    made = getattr(importlib.import_module(f"vllm.v1.{module}"), name)
    if name == "IterationStats":  # takes nothing
        stats = made()
        for field, value in fields.items():
            setattr(stats, field, value)
        return stats
    return made(**fields)


def reason(name):
    return importlib.import_module("vllm.v1.engine").FinishReason[name]


def finished(**fields):
    fields = {
        "finish_reason": reason("STOP"),
        "e2e_latency": 2.0,
        "num_prompt_tokens": 100,
        "num_generation_tokens": 11,
        "num_cached_tokens": 64,
        "queued_time": 0.25,
        "prefill_time": 0.5,
        "decode_time": 1.0,
        **fields,
    }
    return stat("FinishedRequestStats", **fields)


def step(**fields):
    return stat("IterationStats", **fields)


def scheduler(**fields):
    return stat("SchedulerStats", **fields)


def test_recorded_interface_is_that_of_the_package(vllm):
    if not vllm_interface.INSTALLED:
        pytest.skip(f"vLLM is not installed; the interface was read from {vllm_interface.VERSION}")
    loggers = importlib.import_module("vllm.v1.metrics.loggers")
    for name, methods in (
        ("StatLoggerBase", vllm_interface.LOGGER),
        ("AggregateStatLoggerBase", vllm_interface.AGGREGATE_LOGGER),
    ):
        for method, (signature, required) in methods.items():
            found = vars(getattr(loggers, name))[method]
            assert vllm_interface.signature_without_types(found) == signature
            assert getattr(found, "__isabstractmethod__", False) == required
    needed = {"SpecDecodingStats": {"num_spec_tokens": 3}, "FinishedRequestStats": {}}
    for name, fields in vllm_interface.STATS.items():
        given = dict(needed.get(name, {}))
        if name == "FinishedRequestStats":
            given["finish_reason"] = reason("STOP")
        made = stat(name, **given)
        for field, value in fields.items():
            found = getattr(made, field)
            assert type(found).__name__ == value if isinstance(value, str) else found == value
    reasons = importlib.import_module("vllm.v1.engine").FinishReason
    assert tuple(map(str, reasons)) == vllm_interface.FINISH_REASONS
    for module, (method, names) in vllm_interface.SAMPLERS.items():
        sampler = importlib.import_module(module).Sampler
        parameters = vllm_interface.signature_without_types(getattr(sampler, method))
        assert [one.split("=")[0] for one in parameters.strip("()").split(", ")][1:] == names


def test_finished_requests_are_generations(observer, vllm):
    logger = vllm.StatLogger(Config(), [0])
    logger.record(
        scheduler(),
        step(finished_requests=[finished(), finished(finish_reason=reason("LENGTH"))]),
        engine_idx=0,
    )
    points = points_by_metric(observer.collect())
    (prompts,) = points["generation.prompt_tokens"]
    assert prompts["value"] == 200
    assert json.loads(prompts["attrs"]) == {"engine": "0", "model": "llama"}
    assert points["generation.output_tokens"][0]["value"] == 22
    assert points["generation.cached_tokens"][0]["value"] == 128
    for metric, total in (("queue_time", 0.5), ("prefill_time", 1.0), ("decode_time", 2.0)):
        (row,) = points[f"generation.{metric}"]
        assert row["count"] == 2
        assert row["sum"] == pytest.approx(total)
    assert points["generation.request_duration"][0]["sum"] == pytest.approx(4.0)
    assert points["generation.time_per_output_token"][0]["mean"] == pytest.approx(0.1)
    ends = {
        json.loads(row["attrs"])["finish_reason"]: row["value"]
        for row in points["generation.requests"]
    }
    assert ends == {"stop": 1, "length": 1}
    assert "generation.rejected" not in points


def test_first_tokens_and_times_between_tokens_come_from_the_step(observer, vllm):
    logger = vllm.StatLogger(Config(), [0])
    logger.record(
        scheduler(),
        step(time_to_first_tokens_iter=[0.1, 0.3], inter_token_latencies_iter=[0.02, 0.03, 0.04]),
    )
    logger.record(None, step(inter_token_latencies_iter=[0.05, -0.001]))  # a clock that was set
    points = points_by_metric(observer.collect())
    assert points["generation.time_to_first_token"][0]["sum"] == pytest.approx(0.4)
    (between,) = points["generation.inter_token_latency"]
    assert between["count"] == 4
    assert between["sum"] == pytest.approx(0.14)


def test_times_of_steps_that_never_came_are_left_out(observer, vllm):
    """vLLM subtracts times that are still 0: aborted in the queue is "queued" for -5000 s."""
    never_scheduled = finished(
        finish_reason=reason("ABORT"),
        num_generation_tokens=0,
        queued_time=-5000.0,
        prefill_time=0.0,
        decode_time=0.0,
    )
    no_token = finished(
        finish_reason=reason("ABORT"),
        num_generation_tokens=0,
        queued_time=0.5,
        prefill_time=-5000.0,
        decode_time=0.0,
    )
    logger = vllm.StatLogger(Config(), [0])
    logger.record(scheduler(), step(finished_requests=[never_scheduled, no_token, finished()]))
    points = points_by_metric(observer.collect())
    assert points["generation.queue_time"][0]["count"] == 2
    assert points["generation.prefill_time"][0]["count"] == 1
    assert points["generation.decode_time"][0]["count"] == 1
    assert points["generation.request_duration"][0]["count"] == 3
    assert "generation.rejected" not in points


def test_state_of_the_scheduler(observer, vllm):
    logger = vllm.StatLogger(Config(), [0])
    caches = stat("PrefixCacheStats", queries=100, hits=64)
    for running in (3, 5):
        logger.record(
            scheduler(
                num_running_reqs=running,
                num_waiting_reqs=2,
                num_skipped_waiting_reqs=1,
                kv_cache_usage=0.25,
                prefix_cache_stats=caches,
            ),
            None,
        )
    points = points_by_metric(observer.collect())
    (running,) = points["generation.engine.running_requests"]
    assert (running["value"], running["max"]) == (5, 5)
    assert points["generation.engine.waiting_requests"][0]["value"] == 2
    assert points["generation.engine.deferred_requests"][0]["value"] == 1
    assert points["generation.engine.kv_cache_usage"][0]["value"] == 0.25
    assert points["generation.engine.prefix_cache_queries"][0]["value"] == 200
    assert points["generation.engine.prefix_cache_hits"][0]["value"] == 128


def test_parts_that_may_be_none(observer, vllm):
    logger = vllm.StatLogger(Config(), [0])
    logger.record(scheduler(), None)
    drafts = stat(
        "SpecDecodingStats",
        num_drafts=4,
        num_draft_tokens=12,
        num_accepted_tokens=7,
        **({"num_spec_tokens": 3} if vllm_interface.INSTALLED else {}),
    )
    logger.record(
        scheduler(
            spec_decoding_stats=drafts,
            connector_prefix_cache_stats=stat("PrefixCacheStats", queries=10, hits=9),
        ),
        None,
    )
    points = points_by_metric(observer.collect())
    assert points["generation.engine.drafts"][0]["value"] == 4
    assert points["generation.engine.draft_tokens"][0]["value"] == 12
    assert points["generation.engine.accepted_draft_tokens"][0]["value"] == 7
    assert points["generation.engine.connector_cache_hits"][0]["value"] == 9
    assert "inlay.host.failures" not in points


def test_tokens_and_inputs_of_steps(observer, vllm):
    logger = vllm.StatLogger(Config(), [0])
    for _ in range(2):
        logger.record(
            scheduler(),
            step(
                prompt_token_stats=stat(
                    "PromptTokenStats", computed=100, local_cache_hit=20, external_kv_transfer=3
                ),
                num_generation_tokens=8,
                num_preempted_reqs=1,
            ),
            mm_cache_stats=stat("MultiModalCacheStats", queries=4, hits=1),
        )
    points = points_by_metric(observer.collect())
    values = {
        metric.removeprefix("generation.engine."): rows[0]["value"]
        for metric, rows in points.items()
        if metric.startswith("generation.engine.") and rows[0]["kind"] == "counter"
    }
    assert values["computed_prompt_tokens"] == 200
    assert values["cached_prompt_tokens"] == 40
    assert values["transferred_prompt_tokens"] == 6
    assert values["output_tokens"] == 16
    assert values["preemptions"] == 2
    assert (values["multimodal_cache_queries"], values["multimodal_cache_hits"]) == (8, 2)
    (tokens,) = points["generation.engine.step_tokens"]
    assert (tokens["count"], tokens["sum"]) == (2, 216)


def test_corrupted_requests_only_where_they_are_looked_for(observer, vllm):
    logger = vllm.StatLogger(Config(), [0])
    logger.record(scheduler(), step(num_corrupted_reqs=0, compute_nans_in_logits=False))
    assert "generation.engine.corrupted_requests" not in points_by_metric(observer.collect())
    logger.record(scheduler(), step(num_corrupted_reqs=2, compute_nans_in_logits=True))
    points = points_by_metric(observer.collect())
    assert points["generation.engine.corrupted_requests"][0]["value"] == 2


def test_several_engines_are_apart(observer, vllm):
    logger = vllm.StatLogger(Config(["chat", "alias"]), [0, 1])
    logger.record(scheduler(num_running_reqs=1), None, engine_idx=0)
    logger.record(scheduler(num_running_reqs=2), None, engine_idx=1)
    rows = points_by_metric(observer.collect())["generation.engine.running_requests"]
    found = {json.loads(row["attrs"])["engine"]: row["value"] for row in rows}
    assert found == {"0": 1, "1": 2}
    assert {json.loads(row["attrs"])["model"] for row in rows} == {"chat"}


def test_sleep_and_refused_requests(observer, vllm):
    logger = vllm.StatLogger(Config(), [0])
    logger.record_sleep_state(1, 2)
    logger.record_admission_rejection("max_num_queued_reqs")
    logger.log()
    logger.log_engine_initialized()
    points = points_by_metric(observer.collect())
    assert points["generation.engine.sleep_level"][0]["value"] == 2
    (refused,) = points["generation.engine.rejected_requests"]
    assert json.loads(refused["attrs"])["reason"] == "max_num_queued_reqs"
    logger.record_sleep_state(0, 0)
    assert points_by_metric(observer.collect())["generation.engine.sleep_level"][0]["value"] == 0


def test_settings(observer, vllm):
    other = inlay.Observer()
    made = vllm.stat_logger(
        observer=other, name="chat", prices={"llama": {"input": 1.0, "cached": 0.1, "output": 2.0}}
    )
    made(Config(), [0]).record(scheduler(), step(finished_requests=[finished()]))
    points = points_by_metric(other.collect())
    # 36 of the prompt, 64 cached, 11 of output; per million
    assert points["chat.cost"][0]["value"] * 1e6 == pytest.approx(36 + 6.4 + 22)
    assert not any(metric.startswith("chat") for metric in points_by_metric(observer.collect()))


def test_nothing_comes_out_of_a_logger_that_fails(observer, vllm, caplog):
    logger = vllm.StatLogger(Config(), [0])
    broken = step(finished_requests=[object()])
    with caplog.at_level(logging.WARNING, logger="inlay.integrations"):
        for _ in range(3):
            logger.record(scheduler(), broken)
        logger.record(scheduler(), None, engine_idx=7)
        logger.record_admission_rejection(observer)
    points = points_by_metric(observer.collect())
    (failures,) = points["inlay.host.failures"]
    assert failures["value"] == 4
    assert failures["layer"] == "self"
    assert json.loads(failures["attrs"]) == {"host": "vllm", "operation": "statistics"}
    assert len(caplog.records) == 1
    assert "only counted" in caplog.records[0].getMessage()


def test_fields_that_another_version_has_not_cost_only_themselves(observer, vllm, caplog):
    class OtherSchedulerStats:
        num_running_reqs = 4

    logger = vllm.StatLogger(Config(), [0])
    with caplog.at_level(logging.WARNING, logger="inlay.integrations"):
        logger.record(OtherSchedulerStats(), None)
        logger.record(OtherSchedulerStats(), None)
    points = points_by_metric(observer.collect())
    assert points["generation.engine.running_requests"][0]["value"] == 4
    (failures,) = points["inlay.host.failures"]
    assert failures["value"] == 1
    assert json.loads(failures["attrs"])["operation"] == "fields of OtherSchedulerStats"
    assert "kv_cache_usage" in caplog.records[0].getMessage()


def test_a_logger_whose_series_cannot_be_made_stays_silent(observer, vllm, caplog):
    observer.counter("generation.time_to_first_token", attributes=("other",))
    with caplog.at_level(logging.WARNING, logger="inlay.integrations"):
        logger = vllm.StatLogger(Config(), [0])
        logger.record(scheduler(), step(finished_requests=[finished()]))
        logger.record_sleep_state(1, 1)
        logger.record_admission_rejection("full")
    failures = points_by_metric(observer.collect())["inlay.host.failures"]
    assert {json.loads(row["attrs"])["operation"] for row in failures} == {"start", "statistics"}


def test_plugin_beside_a_logger_of_the_program_records_nothing(observer, vllm):
    config = Config()
    loggers = [vllm.StatLogger(config, [0]), vllm.PluginStatLogger(config, [0])]
    for logger in loggers:
        logger.record(scheduler(), step(finished_requests=[finished()]))
        logger.record_sleep_state(1, 1)
        logger.record_admission_rejection("full")
    points = points_by_metric(observer.collect())
    assert points["generation.requests"][0]["value"] == 1
    assert points["generation.engine.rejected_requests"][0]["value"] == 1
    assert "inlay.host.failures" not in points
    alone = vllm.PluginStatLogger(Config(), [0])
    alone.record(scheduler(), step(finished_requests=[finished()]))
    assert points_by_metric(observer.collect())["generation.requests"][0]["value"] == 1


def test_plugin_that_is_made_anew_for_its_engine_goes_on(observer, vllm):
    config = Config()
    vllm.PluginStatLogger(config, [0])
    scaled = vllm.PluginStatLogger(config, [0, 1])  # vLLM does so when it scales an engine
    scaled.record(scheduler(), step(finished_requests=[finished()]), engine_idx=1)
    assert points_by_metric(observer.collect())["generation.requests"][0]["value"] == 1


def rows_of(directory, metric):
    pytest.importorskip("duckdb", reason="reading the files needs duckdb")
    rows = inlay.query(directory, "select metric from points").to_pylist()
    return sum(row["metric"] == metric for row in rows)


def test_directory_of_the_environment_makes_an_observer(vllm, monkeypatch, tmp_path):
    monkeypatch.setenv("INLAY_DIRECTORY", str(tmp_path))
    first = vllm.PluginStatLogger(Config(), [0])
    second = vllm.PluginStatLogger(Config("other"), [0])
    assert inlay.get_observer().enabled
    first.record(scheduler(), step(finished_requests=[finished()]))
    second.record(scheduler(), step(finished_requests=[finished()]))
    first._host.release()
    assert inlay.get_observer().enabled
    second._host.release()
    assert not inlay.get_observer().enabled
    assert rows_of(tmp_path, "generation.requests") == 2


def test_without_an_observer_nothing_is_written(vllm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logger = vllm.PluginStatLogger(Config(), [0])
    logger.record(scheduler(), step(finished_requests=[finished()]))
    assert not inlay.get_observer().enabled
    assert not list(tmp_path.iterdir())


def test_an_observer_that_cannot_be_made_is_told_once(vllm, monkeypatch, caplog):
    def refuse(directory):
        raise OSError("no room for " + directory)

    monkeypatch.setenv("INLAY_DIRECTORY", "anywhere")
    monkeypatch.setattr(inlay.sinks, "Files", refuse)
    with caplog.at_level(logging.WARNING, logger="inlay.integrations"):
        logger = vllm.PluginStatLogger(Config(), [0])
        logger.record(scheduler(), step(finished_requests=[finished()]))
    (record,) = caplog.records
    assert "vllm: recording of observer failed" in record.getMessage()
    assert "no room for anywhere" in record.getMessage()


def entry_points(group):
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=group)}


def test_entry_points():
    assert (
        entry_points("vllm.stat_logger_plugins")["inlay"]
        == "inlay.integrations.vllm:PluginStatLogger"
    )
    assert entry_points("vllm.general_plugins")["inlay"] == "inlay.integrations.vllm:register"


def test_plugin_class_is_what_vllm_asks_for(vllm):
    loggers = importlib.import_module("vllm.v1.metrics.loggers")
    assert issubclass(vllm.PluginStatLogger, loggers.AggregateStatLoggerBase)
    assert not vllm.PluginStatLogger.__abstractmethods__


def sampler(module="vllm.v1.worker.gpu.sample.sampler"):
    return importlib.import_module(module).Sampler


@pytest.fixture
def samplers(vllm, monkeypatch):
    """Give stand-ins for the samplers: what they need of vLLM is not what is tested."""
    for module in vllm_interface.SAMPLERS:
        made = type("Sampler", (), {"__call__": vllm_interface._sample})
        monkeypatch.setattr(importlib.import_module(module), "Sampler", made)
    return vllm


def test_samplers_record_logits_where_asked_to(observer, samplers, monkeypatch):
    monkeypatch.setenv("INLAY_VLLM_LOGITS", "1")
    samplers.register()
    samplers.register()  # plugins may be loaded more than once
    logits = np.array([[2.0, 1.0, 0.0], [0.0, 0.0, 9.0]], dtype=np.float32)
    output = sampler()()(logits, None)
    assert output.sampled_token_ids.tolist() == [[0], [2]]
    output = sampler("vllm.v1.sample.sampler")()(logits=logits, sampling_metadata=None)
    assert output.sampled_token_ids.tolist() == [[0], [2]]
    points = points_by_metric(observer.collect())
    assert points["generation.logits.entropy"][0]["count"] == 4
    assert points["generation.logits.log_prob"][0]["count"] == 4
    assert "inlay.host.failures" not in points


def test_samplers_stay_as_they_are_unless_asked(observer, samplers):
    before = sampler().__call__
    samplers.register()
    assert sampler().__call__ is before


def test_logits_made_up_for_warm_up_are_not_recorded(observer, samplers, monkeypatch):
    monkeypatch.setenv("INLAY_VLLM_LOGITS", "1")
    samplers.register()
    made = sampler()()

    def _dummy_sampler_run():
        return made(np.zeros((2, 3), dtype=np.float32), None)

    assert _dummy_sampler_run().sampled_token_ids.shape == (2, 1)
    assert "generation.logits.entropy" not in points_by_metric(observer.collect())


def test_a_sampler_samples_although_recording_fails(observer, samplers, monkeypatch):
    monkeypatch.setenv("INLAY_VLLM_LOGITS", "1")
    samplers.register()

    class Logits:
        shape = (2, 3)
        dtype = "torch.bfloat16"

        def argmax(self, _axis):
            return np.array([1, 2])

    assert sampler()()(Logits(), None).sampled_token_ids.tolist() == [[1], [2]]
    (failures,) = points_by_metric(observer.collect())["inlay.host.failures"]
    assert json.loads(failures["attrs"])["operation"] == "logits"


def test_logits_of_float32_are_read_before_a_sampler_changes_them(observer, samplers, monkeypatch):
    monkeypatch.setenv("INLAY_VLLM_LOGITS", "1")
    module = importlib.import_module("vllm.v1.sample.sampler")

    class InPlace:
        def __call__(self, logits, **_):
            logits[:] = 0.0
            return vllm_interface._sample(self, logits)

    monkeypatch.setattr(module, "Sampler", InPlace)
    samplers.register()

    class Tensor(np.ndarray):
        dtype = property(lambda _: "torch.float32")

    taken = []
    recorder = sys.modules["inlay.integrations._vllm_logits"]._recorder
    monkeypatch.setattr(recorder, "take", lambda *taken_: taken.append(copy.deepcopy(taken_)))
    InPlace()(logits=np.array([[40.0, 0.0]], dtype=np.float32).view(Tensor))
    ((values, chosen),) = taken
    assert values.view(np.ndarray).tolist() == [[40.0, 0.0]]
    assert chosen is None


@pytest.mark.skipif(not vllm_interface.INSTALLED, reason="vLLM is not installed")
def test_steps_of_the_package_itself(observer, vllm):
    """Through vLLM's own manager, with statistics that vLLM derives from an engine's outputs."""
    engine = importlib.import_module("vllm.v1.engine")
    stats = importlib.import_module("vllm.v1.metrics.stats")
    loggers = importlib.import_module("vllm.v1.metrics.loggers")
    manager = loggers.StatLoggerManager(
        Config(), custom_stat_loggers=loggers.load_stat_logger_plugin_factories()
    )
    assert isinstance(manager.stat_loggers[0], vllm.PluginStatLogger)
    manager.log_engine_initialized()
    state = stats.RequestStateStats(arrival_time=time.time() - 1.0)
    lora = stats.LoRARequestStates()
    events = [
        engine.EngineCoreEvent(engine.EngineCoreEventType.QUEUED, timestamp=10.0),
        engine.EngineCoreEvent(engine.EngineCoreEventType.SCHEDULED, timestamp=10.25),
    ]
    prefill = stats.PrefillStats()
    prefill.set(100, 64, 0)
    for index, at in enumerate((10.75, 10.80, 10.85)):
        iteration = stats.IterationStats()
        output = engine.EngineCoreOutput(
            request_id="a",
            new_token_ids=[1],
            events=events if index == 0 else None,
            prefill_stats=prefill if index == 0 else None,
        )
        iteration.update_from_output(output, at, index == 0, state, lora, None)
        if index == 2:
            iteration.update_from_finished_request(
                finish_reason=engine.FinishReason.LENGTH,
                request_id="a",
                num_prompt_tokens=100,
                max_tokens_param=3,
                req_stats=state,
                num_cached_tokens=64,
            )
        manager.record(stats.SchedulerStats(num_running_reqs=1), iteration)
    manager.record_sleep_state(1, 1)
    manager.record_admission_rejection("max_num_queued_reqs")
    manager.log()
    points = points_by_metric(observer.collect())
    assert "inlay.host.failures" not in points
    assert points["generation.queue_time"][0]["sum"] == pytest.approx(0.25)
    assert points["generation.prefill_time"][0]["sum"] == pytest.approx(0.5)
    assert points["generation.decode_time"][0]["sum"] == pytest.approx(0.1)
    assert points["generation.inter_token_latency"][0]["count"] == 2
    assert points["generation.time_to_first_token"][0]["count"] == 1
    assert points["generation.cached_tokens"][0]["value"] == 64
    assert points["generation.engine.computed_prompt_tokens"][0]["value"] == 36
    assert points["generation.engine.output_tokens"][0]["value"] == 3
    assert points["generation.engine.step_tokens"][0]["sum"] == 39
    assert points["generation.engine.rejected_requests"][0]["value"] == 1


@pytest.mark.skipif(not vllm_interface.INSTALLED, reason="vLLM is not installed")
def test_sampler_of_the_package_itself(observer, vllm, monkeypatch):
    torch = importlib.import_module("torch")
    metadata = importlib.import_module("vllm.v1.sample.metadata")
    processors = importlib.import_module("vllm.v1.sample.logits_processor")
    made = sampler("vllm.v1.sample.sampler")
    monkeypatch.setattr(made, "__call__", made.__call__)  # so that it is put back
    monkeypatch.setenv("INLAY_VLLM_LOGITS", "1")
    vllm.register()
    greedy = metadata.SamplingMetadata(
        temperature=None,
        all_greedy=True,
        all_random=False,
        top_p=None,
        top_k=None,
        generators={},
        max_num_logprobs=None,
        no_penalties=True,
        prompt_token_ids=None,
        frequency_penalties=torch.zeros(2),
        presence_penalties=torch.zeros(2),
        repetition_penalties=torch.ones(2),
        output_token_ids=[[], []],
        allowed_token_ids_mask=None,
        bad_words_token_ids={},
        logitsprocs=processors.LogitsProcessors(),
    )
    logits = torch.tensor([[4.0, 1.0, 0.0], [0.0, 0.0, 9.0]])
    for dtype in (torch.bfloat16, torch.float32):
        output = made()(logits=logits.to(dtype), sampling_metadata=greedy)
        assert output.sampled_token_ids.tolist() == [[0], [2]]
    points = points_by_metric(observer.collect())
    assert "inlay.host.failures" not in points
    assert points["generation.logits.entropy"][0]["count"] == 4
    # Of float32, which the sampler may change, the logits are read before a token is chosen.
    assert points["generation.logits.rank"][0]["count"] == 2
    assert points["generation.logits.rank"][0]["mean"] == 1.0
