"""The table of training steps, as plain data, and its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from inlay.points import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow

__all__ = [
    "BETWEEN",
    "EARLIER",
    "PAUSED",
    "PHASES",
    "SLOTS",
    "STEPS",
    "StepRow",
    "step_schema",
    "step_table",
]

PHASES = (
    "data_wait",
    "forward",
    "backward",
    "optimizer",
    "communication",
    "checkpoint",
    "other",
)
"""What a step's time is spent on; each moment counts once."""

# What a recorder counts beside them, in the same list of nanoseconds.
BETWEEN = len(PHASES)
"""Since the step before, in no phase and in no interval: rates count it, the step does not."""
PAUSED = BETWEEN + 1
"""Within intervals that are no part of the training, such as evaluations."""
EARLIER = PAUSED + 1
"""What phases had taken when the last such interval before the step ended."""
SLOTS = EARLIER + 1

_CHECKPOINT = PHASES.index("checkpoint")

_TIME = "timestamp[us, UTC]"

STEPS: tuple[Column, ...] = (
    Column("time", _TIME, False),  # end of the step
    Column("start_time", _TIME, False),  # of its first phase since the last pause before it
    Column("observed_time", _TIME, False),
    Column("origin", "int64", False),
    Column("rank", "int32", True),
    Column("step", "int64", False),
    Column("epoch", "int64", True),
    *(Column(phase, "float64", False) for phase in PHASES),  # seconds
    Column("tokens", "int64", True),
    Column("samples", "int64", True),
    Column("loss", "float64", True),  # null: not given, not arrived, or not finite
    Column("gradient_norm", "float64", True),
    Column("nonfinite", "bool", False),  # the loss or the norm was NaN or infinite
    Column("replayed", "bool", False),  # done before, by this run or one that it continues
    Column("resource", "utf8", False),
    Column("attrs", "utf8", False),
)
"""One row per training step and rank."""


class StepRow(NamedTuple):
    """A finished step whose scalars have arrived.

    Its end is in microseconds of Unix time, what it spent in nanoseconds: those of the phases,
    `BETWEEN`, `PAUSED` and `EARLIER`. Its own are those of all phases.
    """

    time: int
    step: int
    epoch: int | None
    spent: list[int]
    own: int
    tokens: int | None
    samples: int | None
    loss: float | None
    gradient_norm: float | None
    nonfinite: bool
    replayed: bool

    @property
    def duration(self) -> float:
        """Seconds of all phases."""
        return self.own / 1e9

    @property
    def start(self) -> int:
        """When its first phase since the last pause before it began, as its end."""
        spent = self.spent
        return self.time - (self.own - spent[EARLIER] + spent[PAUSED]) // 1000

    @property
    def from_the_last(self) -> float:
        """Seconds since the step before ended, without those of checkpoints and pauses."""
        spent = self.spent
        return (self.own - spent[_CHECKPOINT] + max(0, spent[BETWEEN])) / 1e9


def step_table(
    rows: Sequence[StepRow],
    *,
    observed: int,
    origin: int,
    rank: int | None,
    resource: str,
    attrs: str,
    schema: pyarrow.Schema,
) -> pyarrow.Table:
    """Return rows as the table ``steps``; the schema is that of `step_schema`."""
    import pyarrow as pa

    count = len(rows)
    columns: dict[str, list[object]] = {
        "time": [row.time for row in rows],
        "start_time": [row.start for row in rows],
        "observed_time": [observed] * count,
        "origin": [origin] * count,
        "rank": [rank] * count,
        "step": [row.step for row in rows],
        "epoch": [row.epoch for row in rows],
        "tokens": [row.tokens for row in rows],
        "samples": [row.samples for row in rows],
        "loss": [row.loss for row in rows],
        "gradient_norm": [row.gradient_norm for row in rows],
        "nonfinite": [row.nonfinite for row in rows],
        "replayed": [row.replayed for row in rows],
        "resource": [resource] * count,
        "attrs": [attrs] * count,
    }
    for index, phase in enumerate(PHASES):
        columns[phase] = [row.spent[index] / 1e9 for row in rows]
    return pa.table({column.name: columns[column.name] for column in STEPS}, schema=schema)


def step_schema() -> pyarrow.Schema:
    """Return the types of the table ``steps``."""
    import pyarrow as pa

    from inlay.table import schema_of_columns

    plain = [column for column in STEPS if column.type != "bool"]
    fields = {field.name: field for field in schema_of_columns(plain)}
    return pa.schema(
        [fields.get(c.name) or pa.field(c.name, pa.bool_(), c.nullable) for c in STEPS]
    )
