"""The tables every window yields: columns, types and keys, as plain data.

Each schema is a tuple of `Column`: name, Arrow type, whether it may be null. Types are flat, so
that every store takes them: ``int32``, ``int64``, ``float64``, ``utf8``, ``binary``,
``timestamp[us, UTC]``, ``list<int64>``, ``list<float64>`` and ``list<utf8>``. JSON is canonical
(RFC 8785) with string values. The same schemas are built into the native core.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "EVENTS",
    "EXEMPLARS",
    "FORMS",
    "KEYS",
    "LAYERS",
    "POINTS",
    "SCHEMAS",
    "SPANS",
    "STATUSES",
    "VERDICTS",
    "Column",
]


class Column(NamedTuple):
    """One column of a table.

    Attributes
    ----------
    name : str
        Its name.
    type : str
        Its Arrow type, for instance ``"timestamp[us, UTC]"`` or ``"list<int64>"``.
    nullable : bool
        Whether a row may lack it.
    """

    name: str
    type: str
    nullable: bool


_TIME = "timestamp[us, UTC]"

LAYERS = ("app", "data", "model", "infra", "training", "self")
"""What a row is about; ``self`` is the library's own cost and health."""

FORMS = ("delta", "derived")
"""How rows of one key combine: deltas add up, of derived rows the highest revision wins."""

STATUSES = (
    "ok",
    "undefined",
    "unsupported",
    "no_permission",
    "absent",
    "insufficient",
    "error",
)
"""``ok``, or why a point has no value."""

POINTS: tuple[Column, ...] = (
    # when: the window, and when the row was emitted (never decreasing per origin)
    Column("time", _TIME, False),  # end of the window: the actual cut; event time for data streams
    Column("start_time", _TIME, False),  # its start
    Column("observed_time", _TIME, False),
    Column("revision", "int32", False),  # 0, or the n-th re-emission for the same window
    Column("form", "utf8", False),  # one of FORMS
    # who
    Column("origin", "int64", False),  # random id of one process incarnation; a fork draws anew
    Column("window_seq", "int64", False),  # number of the turn that emitted the row
    Column("rank", "int32", True),  # rank in a distributed job
    # what
    Column("layer", "utf8", False),  # one of LAYERS
    Column("metric", "utf8", False),  # dotted name
    Column("kind", "utf8", False),  # counter, gauge, histogram, …
    Column("unit", "utf8", True),  # UCUM, for instance "s" or "By"
    Column("series_id", "int64", False),  # hash of metric, attrs and service.name
    Column("attrs", "utf8", False),  # canonical JSON
    Column("resource", "utf8", False),  # canonical JSON: what the process runs on
    Column("status", "utf8", False),  # one of STATUSES
    # how much: the headline, then counts and moments of the finite values
    Column("value", "float64", True),  # a counter's delta, a gauge's last
    Column("count", "int64", True),  # number of finite values
    Column("null_count", "int64", True),  # kept apart, as the next three
    Column("nan_count", "int64", True),
    Column("pos_inf_count", "int64", True),
    Column("neg_inf_count", "int64", True),
    Column("sum", "float64", True),
    Column("min", "float64", True),
    Column("max", "float64", True),
    Column("mean", "float64", True),
    Column("m2", "float64", True),  # sums of powers of the differences from the mean
    Column("m3", "float64", True),
    Column("m4", "float64", True),
    # base-2 exponential histogram: bucket i is (2^(i·2^-scale), 2^((i+1)·2^-scale)]
    Column("scale", "int32", True),
    Column("zero_count", "int64", True),
    Column("zero_threshold", "float64", True),
    Column("pos_offset", "int32", True),  # index of the first bucket in pos_counts
    Column("pos_counts", "list<int64>", True),
    Column("neg_offset", "int32", True),
    Column("neg_counts", "list<int64>", True),
    # explicit edges or categories (classes of a confusion matrix) and their counts
    Column("bounds", "list<float64>", True),
    Column("categories", "list<utf8>", True),
    Column("counts", "list<int64>", True),  # row-major for a confusion matrix
    Column("reference_id", "utf8", True),  # content hash of the reference they come from
    # serialised state
    Column("summary", "binary", True),
    Column("summary_type", "utf8", True),
)
"""One row per series, kind and window."""

VERDICTS: tuple[Column, ...] = (
    Column("time", _TIME, False),
    Column("start_time", _TIME, False),
    Column("observed_time", _TIME, False),
    Column("revision", "int32", False),
    Column("origin", "int64", False),
    # the subject
    Column("series_id", "int64", False),
    Column("layer", "utf8", False),
    Column("metric", "utf8", False),
    Column("attrs", "utf8", False),
    Column("resource", "utf8", False),
    # the judgement
    Column("method", "utf8", False),  # which distance or test
    Column("scope", "utf8", False),  # process, host or fleet
    Column("verdict", "utf8", False),  # yes, no or undefined
    Column("reason", "utf8", True),  # why it is undefined
    Column("value", "float64", True),  # the statistic, with its interval [low, high]
    Column("low", "float64", True),
    Column("high", "float64", True),
    Column("threshold", "float64", True),  # what `effect` must exceed
    Column("effect", "float64", True),
    Column("p_value", "float64", True),
    Column("log_e", "float64", True),  # natural logarithm of the e-value
    Column("n", "int64", True),
    Column("n_reference", "int64", True),
    Column("reference_id", "utf8", True),
    Column("part_names", "list<utf8>", True),  # bins or segments …
    Column("part_values", "list<float64>", True),  # … and what each contributes
    Column("judge", "utf8", False),
    Column("judge_version", "utf8", False),
)
"""One row per series, method, judge and window."""

EVENTS: tuple[Column, ...] = (
    Column("time", _TIME, False),
    Column("end_time", _TIME, True),  # of an interval
    Column("observed_time", _TIME, False),
    Column("origin", "int64", False),
    Column("layer", "utf8", False),
    Column("name", "utf8", False),
    Column("severity", "int32", False),  # OTLP severity number: 5 debug, 9 info, 13 warn, 17 error
    Column("body", "utf8", True),
    Column("attrs", "utf8", False),
    Column("resource", "utf8", False),
    Column("trace_id", "utf8", True),  # 32 hex digits
    Column("span_id", "utf8", True),  # 16 hex digits
    Column("series_id", "int64", True),
)
"""One row per thing that happened; the shape of an OTLP log record."""

EXEMPLARS: tuple[Column, ...] = (
    Column("time", _TIME, False),
    Column("observed_time", _TIME, False),
    Column("layer", "utf8", False),
    Column("origin", "int64", False),
    Column("series_id", "int64", False),
    Column("window_seq", "int64", False),
    Column("value", "float64", False),
    Column("trace_id", "utf8", True),
    Column("span_id", "utf8", True),
    Column("attrs", "utf8", False),
)
"""Single values of a series with the trace they belong to."""

SPANS: tuple[Column, ...] = (
    Column("trace_id", "utf8", False),
    Column("span_id", "utf8", False),
    Column("parent_id", "utf8", True),
    Column("name", "utf8", False),
    Column("kind", "utf8", True),  # internal, server, client, producer, consumer
    Column("start_time", _TIME, False),
    Column("time", _TIME, False),  # its end
    Column("observed_time", _TIME, False),
    Column("layer", "utf8", False),
    Column("status", "utf8", True),  # unset, ok, error
    Column("attrs", "utf8", False),
    Column("resource", "utf8", False),
    Column("origin", "int64", False),
)
"""Finished spans of the tracer the host uses."""

SCHEMAS: dict[str, tuple[Column, ...]] = {
    "points": POINTS,
    "verdicts": VERDICTS,
    "events": EVENTS,
    "exemplars": EXEMPLARS,
    "spans": SPANS,
}
"""The five tables by name."""

KEYS: dict[str, tuple[str, ...]] = {
    "points": ("origin", "series_id", "kind", "start_time", "time", "revision"),
    "verdicts": (
        "origin",
        "series_id",
        "method",
        "judge",
        "judge_version",
        "scope",
        "start_time",
        "time",
        "revision",
    ),
    # These rows have no key of their own: the same delivery twice gives rows alike in all columns.
    "events": tuple(column.name for column in EVENTS),
    "exemplars": tuple(column.name for column in EXEMPLARS),
    "spans": ("trace_id", "span_id"),
}
"""By which columns readers tell a row delivered twice from two rows."""
