"""A step of vLLM through its stat logger: with vLLM where it is installed, else its interface."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import Any

from harness import Bench, Run

bench = Bench("vllm")
STEPS = (("running_64", 64, 0), ("finished_64", 64, 1), ("finished_256", 256, 2))


class _Modules:
    """Puts modules where imports find them."""

    @staticmethod
    def setitem(modules: dict[str, Any], name: str, module: Any) -> None:
        modules[name] = module


class _Config:
    def __init__(self) -> None:
        self.model_config = types.SimpleNamespace(
            served_model_name="llama", model="llama", max_model_len=4096, is_diffusion=False
        )


def _made(name: str, **fields: Any) -> Any:
    stats = importlib.import_module("vllm.v1.metrics.stats")
    if name != "IterationStats":
        return getattr(stats, name)(**fields)
    made = stats.IterationStats()
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def _step(running: int, finished: int) -> tuple[Any, Any]:
    reasons = importlib.import_module("vllm.v1.engine").FinishReason
    requests = [
        _made(
            "FinishedRequestStats",
            finish_reason=reasons["STOP"],
            e2e_latency=2.0,
            num_prompt_tokens=100,
            num_generation_tokens=11,
            num_cached_tokens=64,
            queued_time=0.25,
            prefill_time=0.5,
            decode_time=1.0,
        )
        for _ in range(finished)
    ]
    scheduler = _made("SchedulerStats", num_running_reqs=running, kv_cache_usage=0.25)
    between = [0.02 + i * 1e-5 for i in range(running)]
    return scheduler, _made(
        "IterationStats",
        finished_requests=requests,
        time_to_first_tokens_iter=[0.1] * finished,
        inter_token_latencies_iter=between,
    )


@bench.case("inlay")
def _inlay(run: Run) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "python"))
    importlib.import_module("vllm_interface").install(_Modules)
    import inlay

    observer = inlay.Observer().install()
    logger = importlib.import_module("inlay.integrations.vllm").StatLogger(_Config(), [0])
    for work, running, finished in STEPS:
        scheduler, step = _step(running, finished)
        seconds = run.time_each(
            lambda s=scheduler, i=step: logger.record(s, i, engine_idx=0), inner=500
        )
        run.report(work, [s * 1e6 for s in seconds])
    requests = [
        row["value"]
        for row in observer.collect().points.to_pylist()
        if row["metric"] == "generation.requests"
    ]
    run.check(sum(requests) > 0, True, "requests were counted")


if __name__ == "__main__":
    bench.main()
