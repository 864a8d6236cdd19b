"""Names of generative figures in the conventions of others, by version.

inlay's own names stay as they are; what leaves through a sink may go under others. A table says,
for one version of one convention, what each figure of `inlay.model.Generation` is called there.

Versions: ``"1.41"`` and ``"genai-2026"``, OpenTelemetry's conventions for generative AI before and
after they moved to a repository of their own, each as a server has them or, with ``-client`` behind
it, as a client has them; ``"vllm"``, ``"sglang"``, ``"tgi"`` and ``"triton"``, the metrics of
these servers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

__all__ = ["VERSIONS", "Renamed", "checked_version", "rename", "renamed_metric", "renamed_points"]

_TOKENS = tuple(float(4**k) for k in range(14))
_DURATIONS = tuple(0.01 * 2**k for k in range(14))
_PER_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
_FIRST_TOKEN = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1),
    *(0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)


@dataclass(frozen=True, slots=True)
class _Name:
    """What a figure is called, and how it is written there."""

    metric: str
    kind: str = "histogram"
    unit: str = "s"
    attributes: Mapping[str, str] = field(default_factory=dict)
    boundaries: tuple[float, ...] | None = None
    # Servers that count microseconds have, instead of a distribution, its sum alone.
    sum_times: float | None = None


@dataclass(frozen=True, slots=True)
class _Convention:
    """One version of one convention."""

    figures: Mapping[str, _Name]
    attributes: Mapping[str, str]
    name_attribute: str | None = "inlay.generation"
    defaults: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Renamed:
    """A series under the names of a convention.

    Attributes
    ----------
    metric, kind, unit : str
        As there; ``kind`` is ``"counter"``, ``"histogram"`` or ``"event"``.
    attributes : dict of str to str
        As there.
    boundaries : tuple of float or None
        The edges of explicit buckets that the convention advises.
    sum_times : float or None
        Where it has the sum of a distribution alone: what one of our units is there.
    """

    metric: str
    kind: str
    unit: str
    attributes: dict[str, str]
    boundaries: tuple[float, ...] | None = None
    sum_times: float | None = None


def _counter(metric: str, unit: str = "{token}") -> _Name:
    return _Name(metric, "counter", unit)


def _tokens(metric: str, attributes: Mapping[str, str] = MappingProxyType({})) -> _Name:
    return _Name(metric, "histogram", "{token}", attributes, _TOKENS)


_OTEL_ATTRIBUTES = {
    "agent": "gen_ai.agent.name",
    "error_type": "error.type",
    "evaluation": "gen_ai.evaluation.name",
    "explanation": "gen_ai.evaluation.explanation",
    "label": "gen_ai.evaluation.score.label",
    "modality": "gen_ai.token.modality",
    "model": "gen_ai.request.model",
    "operation": "gen_ai.operation.name",
    "provider": "gen_ai.provider.name",
    "response_id": "gen_ai.response.id",
    "response_model": "gen_ai.response.model",
    "score": "gen_ai.evaluation.score.value",
    "server_address": "server.address",
    "server_port": "server.port",
    "tool": "gen_ai.tool.name",
}
_EVALUATION = _Name("gen_ai.evaluation.result", "event", "")
_SERVER = {
    "request_duration": _Name("gen_ai.server.request.duration", boundaries=_DURATIONS),
    "time_to_first_token": _Name("gen_ai.server.time_to_first_token", boundaries=_FIRST_TOKEN),
    "time_per_output_token": _Name("gen_ai.server.time_per_output_token", boundaries=_PER_TOKEN),
    "evaluation": _EVALUATION,
}
_CLIENT = {
    "request_duration": _Name("gen_ai.client.operation.duration", boundaries=_DURATIONS),
    "time_to_first_token": _Name(
        "gen_ai.client.operation.time_to_first_chunk", boundaries=_DURATIONS
    ),
    "inter_token_latency": _Name(
        "gen_ai.client.operation.time_per_output_chunk", boundaries=_DURATIONS
    ),
    "evaluation": _EVALUATION,
}
_USAGE_1_41 = {
    "prompt_length": _tokens("gen_ai.client.token.usage", {"gen_ai.token.type": "input"}),
    "output_length": _tokens("gen_ai.client.token.usage", {"gen_ai.token.type": "output"}),
}
# The distribution of tokens cannot be added up, nor are cached ones in it: counters came instead.
_USAGE_2026 = {
    "prompt_tokens": _counter("gen_ai.client.inference.usage.input_tokens"),
    "output_tokens": _counter("gen_ai.client.inference.usage.output_tokens"),
    "cached_tokens": _counter("gen_ai.client.inference.usage.cache_read.input_tokens"),
    "reasoning_tokens": _counter("gen_ai.client.inference.usage.reasoning.output_tokens"),
    "prompt_length": _tokens("gen_ai.client.inference.operation.input_tokens"),
    "output_length": _tokens("gen_ai.client.inference.operation.output_tokens"),
    "tool.duration": _Name("gen_ai.execute_tool.duration"),
    "agent.duration": _Name("gen_ai.invoke_agent.duration"),
}
_MODALITY = {
    figure: {"gen_ai.token.modality": "unknown"}
    for figure in ("prompt_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
}


def _otel(figures: Mapping[str, _Name], *, modality: bool = False) -> _Convention:
    return _Convention(figures, _OTEL_ATTRIBUTES, defaults=_MODALITY if modality else {})


_CONVENTIONS = {
    "1.41": _otel({**_SERVER, **_USAGE_1_41}),
    "1.41-client": _otel({**_CLIENT, **_USAGE_1_41}),
    "genai-2026": _otel({**_SERVER, **_USAGE_2026}, modality=True),
    "genai-2026-client": _otel({**_CLIENT, **_USAGE_2026}, modality=True),
    "vllm": _Convention(
        {
            "time_to_first_token": _Name("vllm:time_to_first_token_seconds"),
            "inter_token_latency": _Name("vllm:inter_token_latency_seconds"),
            "time_per_output_token": _Name("vllm:request_time_per_output_token_seconds"),
            "request_duration": _Name("vllm:e2e_request_latency_seconds"),
            "queue_time": _Name("vllm:request_queue_time_seconds"),
            "prefill_time": _Name("vllm:request_prefill_time_seconds"),
            "decode_time": _Name("vllm:request_decode_time_seconds"),
            "prompt_length": _Name("vllm:request_prompt_tokens", unit=""),
            "output_length": _Name("vllm:request_generation_tokens", unit=""),
            "prompt_tokens": _counter("vllm:prompt_tokens", ""),
            "output_tokens": _counter("vllm:generation_tokens", ""),
            "cached_tokens": _counter("vllm:prefix_cache_hits", ""),
            "requests": _counter("vllm:request_success", ""),
        },
        {"model": "model_name", "finish_reason": "finished_reason"},
    ),
    "sglang": _Convention(
        {
            "time_to_first_token": _Name("sglang:time_to_first_token_seconds"),
            "inter_token_latency": _Name("sglang:inter_token_latency_seconds"),
            "request_duration": _Name("sglang:e2e_request_latency_seconds"),
            "prompt_tokens": _counter("sglang:prompt_tokens", ""),
            "output_tokens": _counter("sglang:generation_tokens", ""),
        },
        {"model": "model_name"},
    ),
    "tgi": _Convention(
        {
            "request_duration": _Name("tgi_request_duration", unit=""),
            "time_per_output_token": _Name("tgi_request_mean_time_per_token_duration", unit=""),
            "output_length": _Name("tgi_request_generated_tokens", unit=""),
            "requests": _counter("tgi_request_count", ""),
        },
        {},
    ),
    "triton": _Convention(
        {
            "request_duration": _Name(
                "nv_inference_request_duration_us", "counter", "", sum_times=1e6
            ),
            "queue_time": _Name("nv_inference_queue_duration_us", "counter", "", sum_times=1e6),
            "requests": _counter("nv_inference_request_success", ""),
        },
        {},
    ),
}

VERSIONS = tuple(_CONVENTIONS)
"""The versions that there are tables of."""

# Triton counts requests that failed under another name.
_FAILED = frozenset({"error", "abort", "cancelled"})
# What a row of kind is called where its figure is looked for.
_KINDS = {
    "prompt_tokens": "counter",
    "output_tokens": "counter",
    "cached_tokens": "counter",
    "reasoning_tokens": "counter",
    "requests": "counter",
    "evaluation": "event",
}


def checked_version(semconv: Any) -> str:
    """Return the version of a convention.

    Raises
    ------
    InvalidArgumentError
        If there is no table of it.
    """
    if not isinstance(semconv, str) or semconv not in _CONVENTIONS:
        message = f"semconv must be one of {', '.join(VERSIONS)}: {semconv!r}"
        raise InvalidArgumentError(message)
    return semconv


def rename(
    metric: str, attributes: Mapping[str, str] | None = None, *, semconv: str
) -> Renamed | None:
    """Return what a figure of a stream of generations is called in a convention.

    Parameters
    ----------
    metric : str
        ``<name>.<figure>``, such as ``"chat.time_to_first_token"``; or an event's name.
    attributes : mapping of str to str, optional
        Of the series.
    semconv : str
        A version, one of `VERSIONS`.

    Returns
    -------
    Renamed or None
        None where the convention has no name for it. The stream's own name is the attribute
        ``inlay.generation``; attributes that the convention has no name for keep theirs.

    Raises
    ------
    InvalidArgumentError
        If there is no table of the version.

    Examples
    --------
    >>> from inlay.semconv import rename
    >>> named = rename("chat.time_to_first_token", {"model": "small"}, semconv="1.41")
    >>> named.metric, named.attributes["gen_ai.request.model"]
    ('gen_ai.server.time_to_first_token', 'small')
    >>> rename("chat.prompt_tokens", semconv="vllm").metric
    'vllm:prompt_tokens'
    >>> rename("chat.cost", semconv="vllm") is None
    True
    """
    convention = _CONVENTIONS[checked_version(semconv)]
    split = _split(metric, convention)
    if split is None:
        return None
    name, figure = split
    found = convention.figures[figure]
    theirs = dict(convention.defaults.get(figure, {}))
    theirs.update(found.attributes)
    for key, value in (attributes or {}).items():
        theirs[convention.attributes.get(key, key)] = value
    if convention.name_attribute is not None:
        theirs[convention.name_attribute] = name
    named = found.metric
    if named == "nv_inference_request_success" and theirs.get("finish_reason") in _FAILED:
        named = "nv_inference_request_failure"
    return Renamed(named, found.kind, found.unit, theirs, found.boundaries, found.sum_times)


def _split(metric: str, convention: _Convention) -> tuple[str, str] | None:
    """Return a metric's stream and figure, if the convention has the figure."""
    parts = metric.split(".")
    for words in (1, 2):
        name, figure = ".".join(parts[:-words]), ".".join(parts[-words:])
        if name and figure in convention.figures:
            return name, figure
    return None


def _own_kind(figure: str) -> str:
    return _KINDS.get(figure, "histogram")


def renamed_points(table: pa.Table, semconv: str | Mapping[str, str]) -> pa.Table:
    """Return a table of points with the figures of generations under the names of a convention.

    Parameters
    ----------
    table : pyarrow.Table
        Points; those of other layers than ``model`` stay as they are, as do figures that the
        convention has no name for.
    semconv : str or mapping of str to str
        A version, for all streams or by the name of each.

    Returns
    -------
    pyarrow.Table
        Of the same schema. ``series_id`` stays.
    """
    import json

    import pyarrow as pa

    columns = {
        name: table[name].to_pylist() for name in ("layer", "form", "metric", "kind", "attrs")
    }
    known: dict[tuple[str, str, str], Renamed | None] = {}
    found: dict[int, Renamed] = {}
    for row, (layer, form, *key) in enumerate(zip(*columns.values(), strict=True)):
        if layer != "model" or form != "delta":
            continue
        metric, kind, attrs = key
        if (metric, kind, attrs) not in known:
            known[metric, kind, attrs] = renamed_metric(metric, kind, json.loads(attrs), semconv)
        one = known[metric, kind, attrs]
        if one is not None:
            found[row] = one
    if not found:
        return table
    from inlay._core import canonical_json

    units, values = table["unit"].to_pylist(), table["value"].to_pylist()
    sums = table["sum"].to_pylist()
    for row, one in found.items():
        columns["metric"][row] = one.metric
        columns["kind"][row] = one.kind
        columns["attrs"][row] = canonical_json(one.attributes)
        units[row] = one.unit
        if one.sum_times is not None:
            values[row] = None if sums[row] is None else sums[row] * one.sum_times
    changed = {name: columns[name] for name in ("metric", "kind", "attrs")}
    for name, cells in {**changed, "unit": units, "value": values}.items():
        at = table.schema.get_field_index(name)
        given = table.schema.field(at)
        table = table.set_column(at, given, pa.array(cells, given.type))
    return table


def renamed_metric(
    metric: str,
    kind: str,
    attributes: Mapping[str, str],
    semconv: str | Mapping[str, str],
) -> Renamed | None:
    """Return what a metric of this kind is called, if it is a figure of a stream that has a name.

    Parameters
    ----------
    metric, kind : str
        As in points.
    attributes : mapping of str to str
    semconv : str or mapping of str to str
        As for `renamed_points`.
    """
    versions: Iterable[tuple[str | None, str]]
    versions = [(None, semconv)] if isinstance(semconv, str) else semconv.items()
    for name, version in versions:
        split = _split(metric, _CONVENTIONS[version])
        if split is not None and name in (None, split[0]) and _own_kind(split[1]) == kind:
            return rename(metric, attributes, semconv=version)
    return None
