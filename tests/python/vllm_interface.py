"""What of vLLM 0.33.0 is relied on, as data read from its wheel, and modules made of it.

The tests run against these modules where vLLM is not installed, and against vLLM where it is;
there `test_recorded_interface_is_that_of_the_package` compares the two.
"""

import abc
import enum
import importlib
import importlib.util
import inspect
import sys
import types
import warnings

VERSION = "0.33.0"

# Parameters after self, with defaults; and whether a subclass must have it.
LOGGER = {
    "__init__": ("(self, vllm_config, engine_index=0)", True),
    "record": (
        "(self, scheduler_stats, iteration_stats, mm_cache_stats=None, engine_idx=0)",
        True,
    ),
    "log_engine_initialized": ("(self)", True),
    "log": ("(self)", False),
    "record_sleep_state": ("(self, is_awake, level)", False),
}
AGGREGATE_LOGGER = {
    "__init__": ("(self, vllm_config, engine_indexes)", True),
    "record_admission_rejection": ("(self, reason)", False),
}
# Fields with what they are in a new object; PART is an object of another class, None may be one.
SCHEDULER = {
    "num_running_reqs": 0,
    "num_waiting_reqs": 0,
    "num_skipped_waiting_reqs": 0,
    "kv_cache_usage": 0.0,
    "prefix_cache_stats": "PrefixCacheStats",
    "connector_prefix_cache_stats": None,
    "spec_decoding_stats": None,
}
STATS = {
    "PrefixCacheStats": {"requests": 0, "queries": 0, "hits": 0},
    "MultiModalCacheStats": {"requests": 0, "queries": 0, "hits": 0},
    "SpecDecodingStats": {"num_drafts": 0, "num_draft_tokens": 0, "num_accepted_tokens": 0},
    "PromptTokenStats": {"computed": 0, "local_cache_hit": 0, "external_kv_transfer": 0},
    "SchedulerStats": SCHEDULER,
    "IterationStats": {
        "compute_nans_in_logits": False,
        "num_generation_tokens": 0,
        "num_preempted_reqs": 0,
        "num_corrupted_reqs": 0,
        "prompt_token_stats": "PromptTokenStats",
        "time_to_first_tokens_iter": [],
        "inter_token_latencies_iter": [],
        "finished_requests": [],
    },
    "FinishedRequestStats": {
        "request_id": None,
        "e2e_latency": 0.0,
        "num_prompt_tokens": 0,
        "num_generation_tokens": 0,
        "num_cached_tokens": 0,
        "queued_time": 0.0,
        "prefill_time": 0.0,
        "decode_time": 0.0,
    },
}
FINISH_REASONS = ("stop", "length", "abort", "error", "repetition")
SAMPLERS = {
    "vllm.v1.sample.sampler": (
        "forward",
        ["logits", "sampling_metadata", "predict_bonus_token", "logprobs_mode_override"],
    ),
    "vllm.v1.worker.gpu.sample.sampler": ("__call__", ["logits", "input_batch"]),
}

_CONTENTS = (
    "vllm.v1.metrics.loggers",
    "vllm.v1.metrics.stats",
    "vllm.v1.spec_decode.metrics",
    "vllm.v1.engine",
    *SAMPLERS,
)

INSTALLED = importlib.util.find_spec("vllm") is not None


def _stat_class(name, fields):
    def begin(self, **given):
        for field, value in fields.items():
            if isinstance(value, str) and value in STATS:
                value = _stat_class(value, STATS[value])()
            setattr(self, field, list(value) if isinstance(value, list) else value)
        for field, value in given.items():
            setattr(self, field, value)

    return type(name, (), {"__init__": begin})


def _logger_class(name, bases, methods):
    made = {}
    for method, (_, required) in methods.items():
        body = types.FunctionType((lambda *_, **__: None).__code__, {}, method)
        made[method] = abc.abstractmethod(body) if required else body
    return abc.ABCMeta(name, bases, made)


class _FinishReason(enum.IntEnum):
    STOP, LENGTH, ABORT, ERROR, REPETITION = range(5)

    def __str__(self):
        return FINISH_REASONS[self.value]


def _modules():
    base = _logger_class("StatLoggerBase", (), LOGGER)
    aggregate = _logger_class("AggregateStatLoggerBase", (base,), AGGREGATE_LOGGER)
    stats = {name: _stat_class(name, fields) for name, fields in STATS.items()}
    samplers = {
        module: {"Sampler": type("Sampler", (), {"__call__": _sample})} for module in SAMPLERS
    }
    contents = {
        "vllm.v1.metrics.loggers": {
            "StatLoggerBase": base,
            "AggregateStatLoggerBase": aggregate,
        },
        "vllm.v1.metrics.stats": stats,
        "vllm.v1.spec_decode.metrics": {"SpecDecodingStats": stats["SpecDecodingStats"]},
        "vllm.v1.engine": {"FinishReason": _FinishReason},
        **samplers,
    }
    modules = {}
    for path, names in contents.items():
        parts = path.split(".")
        for end in range(1, len(parts)):
            modules.setdefault(".".join(parts[:end]), types.ModuleType(".".join(parts[:end])))
        modules[path] = types.ModuleType(path)
        vars(modules[path]).update(names)
    for path, module in modules.items():
        parent, _, child = path.rpartition(".")
        if parent:
            setattr(modules[parent], child, module)
            modules[parent].__path__ = []
    return modules


def _sample(self, logits, *_, **__):
    """Choose the largest, as the samplers do for temperature 0."""
    return types.SimpleNamespace(sampled_token_ids=logits.argmax(-1)[:, None])


def install(monkeypatch):
    """Put the recorded interface in vLLM's place, unless vLLM is installed."""
    if INSTALLED:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of is its own
            for path in _CONTENTS:
                importlib.import_module(path)
        return
    for path, module in _modules().items():
        monkeypatch.setitem(sys.modules, path, module)


def signature_without_types(function):
    """Return a signature as text, without annotations."""
    signature = inspect.signature(function)
    bare = [one.replace(annotation=one.empty) for one in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))
