"""One vLLM engine's series, and what of its statistics goes into which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay.integrations._engine_stats import Fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from inlay._core import BoundHistogram
    from inlay.integrations._host_failures import HostFailures
    from inlay.observer import Observer

__all__ = ["Engine"]

_ATTRIBUTES = ("engine", "model")

# Path in SchedulerStats, metric after "<name>.engine.", unit, description.
_STATES = (
    ("num_running_reqs", "running_requests", "{request}", "Requests in the running batch."),
    ("num_waiting_reqs", "waiting_requests", "{request}", "Requests that wait for room."),
    (
        "num_skipped_waiting_reqs",
        "deferred_requests",
        "{request}",
        "Requests that wait for something other than room.",
    ),
    ("kv_cache_usage", "kv_cache_usage", "1", "Part of the key-value cache in use, 0 to 1."),
)
_SCHEDULER_COUNTS = (
    (
        "prefix_cache_stats.queries",
        "prefix_cache_queries",
        "{token}",
        "Prompt tokens looked up in the prefix cache.",
    ),
    (
        "prefix_cache_stats.hits",
        "prefix_cache_hits",
        "{token}",
        "Prompt tokens found in the prefix cache.",
    ),
    (
        "connector_prefix_cache_stats.queries",
        "connector_cache_queries",
        "{token}",
        "Prompt tokens looked up through the connector.",
    ),
    (
        "connector_prefix_cache_stats.hits",
        "connector_cache_hits",
        "{token}",
        "Prompt tokens found through the connector.",
    ),
    (
        "spec_decoding_stats.num_drafts",
        "drafts",
        "{draft}",
        "Drafts of speculative decoding.",
    ),
    (
        "spec_decoding_stats.num_draft_tokens",
        "draft_tokens",
        "{token}",
        "Tokens of those drafts.",
    ),
    (
        "spec_decoding_stats.num_accepted_tokens",
        "accepted_draft_tokens",
        "{token}",
        "Tokens of drafts that were accepted.",
    ),
)
# In IterationStats.
_STEP_COUNTS = (
    (
        "prompt_token_stats.computed",
        "computed_prompt_tokens",
        "{token}",
        "Prompt tokens that were computed.",
    ),
    (
        "prompt_token_stats.local_cache_hit",
        "cached_prompt_tokens",
        "{token}",
        "Prompt tokens read from the prefix cache.",
    ),
    (
        "prompt_token_stats.external_kv_transfer",
        "transferred_prompt_tokens",
        "{token}",
        "Prompt tokens whose keys and values came from elsewhere.",
    ),
    ("num_generation_tokens", "output_tokens", "{token}", "Tokens generated."),
    ("num_preempted_reqs", "preemptions", "{preemption}", "Preemptions of running requests."),
)
# In MultiModalCacheStats.
_INPUT_COUNTS = (
    ("queries", "multimodal_cache_queries", "{item}", "Multi-modal inputs looked up."),
    ("hits", "multimodal_cache_hits", "{item}", "Multi-modal inputs found."),
)


class Engine:
    """Records the steps of one engine. For one thread, the front end's.

    Parameters
    ----------
    observer : Observer
        Where they go.
    name : str
        What the metrics begin with.
    model : str
        Name by which the model is served.
    index : int
        The engine's number.
    failures : HostFailures
        Where fields that are missing are counted.
    prices : mapping, optional
        As of `Observer.generation`.
    """

    def __init__(
        self,
        observer: Observer,
        name: str,
        model: str,
        index: int,
        failures: HostFailures,
        prices: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        labels: dict[str, str | int] = {"engine": index, "model": model}

        def counter(metric: str, unit: str, description: str) -> Callable[[float], None]:
            made = observer.counter(
                f"{name}.engine.{metric}",
                unit=unit,
                description=description,
                attributes=_ATTRIBUTES,
                layer="model",
            )
            return made.bind(**labels).add

        def gauge(metric: str, unit: str, description: str) -> Callable[[float], None]:
            made = observer.gauge(
                f"{name}.engine.{metric}",
                unit=unit,
                description=description,
                attributes=_ATTRIBUTES,
                layer="model",
            )
            return made.bind(**labels).set

        def histogram(metric: str, unit: str, description: str) -> BoundHistogram:
            made = observer.histogram(
                f"{name}.{metric}",
                unit=unit,
                description=description,
                attributes=_ATTRIBUTES,
                layer="model",
            )
            return made.bind(**labels)

        generation = observer.generation(name, attributes=_ATTRIBUTES, prices=prices)
        self._finished = generation.bind(**labels).record
        # The generation's own: they get what no finished request brings with it.
        first = histogram("time_to_first_token", "s", "From arrival to the first token.")
        between = histogram("inter_token_latency", "s", "From one token to the next.")
        self._step_tokens = histogram(
            "engine.step_tokens",
            "{token}",
            "Tokens that one step computed, of prompts and outputs.",
        ).record
        self._corrupted = counter(
            "corrupted_requests", "{request}", "Finished requests whose logits held NaN."
        )
        self._scheduler = Fields(
            [
                *((path, gauge(*metric)) for path, *metric in _STATES),
                *((path, counter(*metric)) for path, *metric in _SCHEDULER_COUNTS),
            ],
            failures,
        )
        self._step = Fields(
            [
                *((path, counter(*metric)) for path, *metric in _STEP_COUNTS),
                ("time_to_first_tokens_iter", _times(first)),
                ("inter_token_latencies_iter", _times(between)),
                ("finished_requests", self._requests),
            ],
            failures,
        )
        self._inputs = Fields(
            [(path, counter(*metric)) for path, *metric in _INPUT_COUNTS], failures
        )

    def record(self, scheduler: Any, step: Any, inputs: Any) -> None:
        """Record one step.

        Parameters
        ----------
        scheduler, step, inputs : object or None
            ``SchedulerStats``, ``IterationStats`` and ``MultiModalCacheStats`` of vLLM.
        """
        if scheduler is not None:
            self._scheduler.take(scheduler)
        if inputs is not None:
            self._inputs.take(inputs)
        if step is None:
            return
        self._step.take(step)
        # Unless vLLM looks for NaN, none were found because none were looked for.
        if getattr(step, "compute_nans_in_logits", False):
            self._corrupted(step.num_corrupted_reqs)
        prompts = getattr(step, "prompt_token_stats", None)
        if prompts is not None:
            self._step_tokens(prompts.computed + step.num_generation_tokens)

    def _requests(self, requests: Iterable[Any]) -> None:
        for request in requests:
            # A difference of times of which one never came: vLLM leaves it at 0.
            output_tokens = request.num_generation_tokens
            queue = _elapsed(request.queued_time)
            begun = output_tokens > 0
            self._finished(
                prompt_tokens=request.num_prompt_tokens,
                output_tokens=output_tokens,
                cached_tokens=max(0, getattr(request, "num_cached_tokens", 0)),
                queue=queue,
                prefill=_elapsed(request.prefill_time) if begun else None,
                decode=_elapsed(request.decode_time) if begun else None,
                e2e=_elapsed(request.e2e_latency),
                finish_reason=str(request.finish_reason),
            )


def _times(histogram: BoundHistogram) -> Callable[[Sequence[float]], None]:
    """Return what records times; those that cannot be, of clocks that were set, are left out."""

    def record(times: Sequence[float]) -> None:
        if times:
            if min(times) < 0.0:
                times = [time for time in times if time >= 0.0]
            histogram.record_many(times)

    return record


def _elapsed(seconds: float) -> float | None:
    return seconds if seconds >= 0.0 else None
