"""vLLM's engines: each step's state, and each finished request as a generation.

Written against vLLM 0.33.0. With the package installed beside vLLM its two entry points are found
by ``vllm serve`` without a change to it; nothing is recorded until an observer is installed or
``INLAY_DIRECTORY`` names a directory.
"""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any

from vllm.v1.metrics.loggers import AggregateStatLoggerBase

from inlay.integrations._host_observer import HostObserver
from inlay.integrations._vllm_engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from inlay.observer import Observer

__all__ = ["PluginStatLogger", "StatLogger", "register", "stat_logger"]

_HOST = "vllm"

# Configurations that a logger records for already: a plugin beside it would count twice.
_recorded: list[weakref.ref[Any]] = []


class StatLogger(AggregateStatLoggerBase):  # type: ignore[misc]
    """Records an engine's steps and its finished requests.

    vLLM makes it: hand the class to ``AsyncLLM`` or ``LLMEngine`` in ``stat_loggers=``, or what
    `stat_logger` returns where it needs settings. It is called once a step, from the loop of the
    front end; what it raises is counted (``inlay.host.failures``), logged once and kept from it.

    Parameters
    ----------
    vllm_config : vllm.config.VllmConfig
        The engine's configuration, of which the served model's name is read.
    engine_indexes : sequence of int
        The engines whose steps come here.

    Notes
    -----
    Under ``generation``, or another name, with the attributes `engine` (its index) and `model`
    (the name it is served by):

    - a `Generation` of each finished request: tokens of prompt and output, those read from a
      cache, times in the queue, of prefill, decode and in all, finish reason. A time that vLLM
      derives from a step that never came (a request that ends before it was scheduled, or before
      its first token) is left out, where vLLM's own histograms take what results;
    - the times to first tokens and between tokens as they come, also of requests that go on. The
      array of a request's own is not known here, nor are its reasoning tokens;
    - ``.engine.…``: the table in the guide.

    Examples
    --------
    ::

        engine = AsyncLLM.from_engine_args(args, stat_loggers=[StatLogger])
    """

    #: What the metrics begin with.
    name = "generation"
    #: Where they go; the installed observer unless set.
    observer: Observer | None = None
    #: Of tokens, as `Observer.generation` takes them.
    prices: Mapping[str, Mapping[str, float]] | None = None

    def __init__(self, vllm_config: Any, engine_indexes: Sequence[int] | int = (0,)) -> None:
        # An engine that makes one logger each gives one index.
        indexes = (engine_indexes,) if isinstance(engine_indexes, int) else tuple(engine_indexes)
        self._engines: dict[int, Engine] = {}
        self._sleeping: Callable[[float], None] | None = None
        self._rejections: Any = None
        self._host = HostObserver(_HOST, self.observer)
        self._failures = self._host.failures
        self._recording = self._failures.guard("statistics")
        with self._failures.guard("start"):
            _recorded[:] = [ref for ref in _recorded if ref() is not None]
            # Not for a plugin's: when vLLM scales an engine it makes the loggers anew.
            if not isinstance(self, PluginStatLogger):
                _recorded.append(weakref.ref(vllm_config))
        with self._failures.guard("start"):
            self._make(_model_of(vllm_config), indexes)

    def _make(self, model: str, indexes: Sequence[int]) -> None:
        observer = self._host.observer
        for index in indexes:
            self._engines[index] = Engine(
                observer, self.name, model, index, self._failures, self.prices
            )
        self._sleeping = (
            observer.gauge(
                f"{self.name}.engine.sleep_level",
                unit="1",
                description="0 awake, 1 weights on the host, 2 weights discarded.",
                attributes=("model",),
                layer="model",
            )
            .bind(model=model)
            .set
        )
        self._rejections = observer.counter(
            f"{self.name}.engine.rejected_requests",
            unit="{request}",
            description="Requests that were not admitted.",
            attributes=("model", "reason"),
            layer="model",
        )
        self._model = model

    def record(
        self,
        scheduler_stats: Any,
        iteration_stats: Any,
        mm_cache_stats: Any = None,
        engine_idx: int = 0,
        **_later: Any,
    ) -> None:
        """Record one step.

        Parameters
        ----------
        scheduler_stats : vllm.v1.metrics.stats.SchedulerStats or None
            State of the scheduler.
        iteration_stats : vllm.v1.metrics.stats.IterationStats or None
            What the step came to.
        mm_cache_stats : vllm.v1.metrics.stats.MultiModalCacheStats or None
            Of the cache of multi-modal inputs.
        engine_idx : int
            The engine.
        """
        with self._recording:
            engine = self._engines.get(engine_idx)
            if engine is None:
                self._failures.failed("statistics", f"of unknown engine {engine_idx!r}")
                return
            engine.record(scheduler_stats, iteration_stats, mm_cache_stats)

    def record_sleep_state(self, sleep: int = 0, level: int = 0) -> None:
        """Record that the engines went to sleep, or woke.

        Parameters
        ----------
        sleep : int
            1 asleep, 0 awake.
        level : int
            1 if the weights are on the host, 2 if they are discarded.
        """
        with self._recording:
            if self._sleeping is not None:
                self._sleeping(level if sleep else 0)

    def record_admission_rejection(self, reason: str) -> None:
        """Record a request that was not admitted.

        Parameters
        ----------
        reason : str
            Why.
        """
        with self._recording:
            if self._rejections is not None:
                self._rejections.add(1, model=self._model, reason=str(reason))

    def log_engine_initialized(self) -> None:
        """Do nothing: there is nothing to say before the first step."""

    def log(self) -> None:
        """Do nothing: windows turn on the observer's clock."""


class PluginStatLogger(StatLogger):
    """What the entry point ``vllm.stat_logger_plugins`` gives.

    Records like `StatLogger`, unless the program handed one of those to the same engine itself.
    """

    def __init__(self, vllm_config: Any, engine_indexes: Sequence[int] | int = (0,)) -> None:
        self._idle = any(ref() is vllm_config for ref in _recorded)
        if not self._idle:
            super().__init__(vllm_config, engine_indexes)

    def record(self, *stats: Any, **others: Any) -> None:
        """Record one step, as `StatLogger.record` does."""
        if not self._idle:
            super().record(*stats, **others)

    def record_sleep_state(self, sleep: int = 0, level: int = 0) -> None:
        """Record as `StatLogger.record_sleep_state` does."""
        if not self._idle:
            super().record_sleep_state(sleep, level)

    def record_admission_rejection(self, reason: str) -> None:
        """Record as `StatLogger.record_admission_rejection` does."""
        if not self._idle:
            super().record_admission_rejection(reason)


def stat_logger(
    *,
    observer: Observer | None = None,
    name: str = "generation",
    prices: Mapping[str, Mapping[str, float]] | None = None,
) -> type[StatLogger]:
    """Make a `StatLogger` with settings.

    Parameters
    ----------
    observer : Observer, optional
        Where the metrics go; the installed one unless given.
    name : str
        What they begin with.
    prices : mapping, optional
        What tokens cost, as `Observer.generation` takes it; by `model`.

    Returns
    -------
    type
        For ``stat_loggers=``: vLLM makes its instances.
    """
    return type("StatLogger", (StatLogger,), {"observer": observer, "name": name, "prices": prices})


def _model_of(vllm_config: Any) -> str:
    """Return the name by which a model is served; a list of them has the first in front."""
    config = getattr(vllm_config, "model_config", None)
    name = getattr(config, "served_model_name", None) or getattr(config, "model", None)
    if isinstance(name, (list, tuple)):
        name = name[0]
    return str(name or "unknown")


def register() -> None:
    """Let the samplers record their logits, where ``INLAY_VLLM_LOGITS=1`` asks for it.

    What the entry point ``vllm.general_plugins`` calls, in every process of vLLM. Of a model that
    is spread over several processes by its tensors only the first one records. Nothing raised here
    reaches vLLM.
    """
    if os.environ.get("INLAY_VLLM_LOGITS", "") in ("", "0"):
        return
    from inlay.integrations._vllm_logits import record_logits

    host = HostObserver(_HOST)
    with host.failures.guard("logits"):
        record_logits(host.observer, StatLogger.name, host.failures)
