"""Checks compiled for one schema, and one run of them over batches."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.data.checks.check import Check, ContractError, Fault
from inlay.data.checks.measure import (
    KINDS,
    Context,
    Fixed,
    Kind,
    Measure,
    Measured,
    NativeRule,
    NativeStats,
    PythonMeasure,
    Run,
    UnfitError,
)
from inlay.data.columns import Column, columns_of
from inlay.data.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow

    from inlay._core import CheckOutcome

__all__ = ["ROW_FAMILIES", "CheckRun", "CompiledChecks"]

ROW_FAMILIES = ("completeness", "validity", "integrity", "cross-column")
"""The families whose checks look at single rows."""


class CompiledChecks:
    """The checks of a contract, compiled for one schema. Immutable, safe to share.

    Parameters
    ----------
    checks : sequence of Check
        In order.
    schema : pyarrow.Schema
        That of the data.
    max_rows : int
        How many failing rows each check keeps.
    max_keys : int
        How many keys `unique` remembers.

    Raises
    ------
    ContractError
        If checks name columns that neither the data nor a schema they expect has, or cannot be
        made of a column's type: all of them at once.
    """

    def __init__(
        self, checks: Sequence[Check], schema: pyarrow.Schema, *, max_rows: int, max_keys: int
    ) -> None:
        self.checks = tuple(checks)
        self.schema = schema
        self.max_rows = max_rows
        self.max_keys = max_keys
        columns = columns_of(schema)
        context = Context(Schema.of(schema), schema, columns, max_keys)
        expected = _expected_fields(self.checks)
        self.steps: list[Any] = []
        faults: list[Fault] = []
        for check in self.checks:
            try:
                self.steps.append(_compile(check, context, expected))
            except UnfitError as error:
                faults.append(Fault(f"{check.title}: {error}", check.line))
        if faults:
            raise ContractError(faults)
        self.rule_of: list[int | None] = []
        rules = self._number_rules()
        self.plan = self._native_plan(schema, rules)
        self.python = [
            (index, step)
            for index, step in enumerate(self.steps)
            if isinstance(step, PythonMeasure)
        ]
        self.counts_bytes = any(check.kind == "byte_count" for check in self.checks)
        # Of such a contract a batch without a failing row is fine, whatever else is there to tell.
        self.is_plain = self.plan is not None and all(
            isinstance(step, NativeRule) and check.bound.is_zero
            for check, step in zip(self.checks, self.steps, strict=True)
        )

    def _number_rules(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Give each check its native rule; the statistics of one column are one rule for all."""
        rules: list[tuple[str, str, dict[str, Any]]] = []
        stats: dict[str, int] = {}
        for step in self.steps:
            number: int | None = None
            if isinstance(step, NativeRule):
                number = len(rules)
                parameters = step.parameters
                if step.rule == "unique":
                    parameters = {**parameters, "max_keys": self.max_keys}
                rules.append((step.rule, step.path, parameters))
            elif isinstance(step, NativeStats):
                if step.path not in stats:
                    stats[step.path] = len(rules)
                    rules.append(("stats", step.path, {}))
                number = stats[step.path]
            self.rule_of.append(number)
        return rules

    def _native_plan(
        self, schema: pyarrow.Schema, rules: list[tuple[str, str, dict[str, Any]]]
    ) -> Any:
        if not rules:
            return None
        from inlay._core import CheckPlan

        try:
            return CheckPlan(schema, rules, max_rows=self.max_rows)
        except InvalidArgumentError as error:
            raise ContractError([Fault(str(error))]) from None


def _expected_fields(checks: Sequence[Check]) -> set[str]:
    """Return the columns that a schema check demands, so that their lack is the data's fault."""
    expected: set[str] = set()
    for check in checks:
        if check.kind == "schema":
            schema = check.parameters["expected"]
            expected.update(schema.names, (path for path, _ in schema.leaves()))
        elif check.kind == "column_types":
            expected.update(check.parameters["types"])
    return expected


def _compile(check: Check, context: Context, expected: set[str]) -> Any:
    kind = KINDS[check.kind]
    columns = []
    for path in check.columns:
        column = context.columns.get(path)
        if column is None:
            if path in expected:
                return Fixed(Measured(None, reason=f"the data has no column {path!r}"))
            names = ", ".join(map(repr, list(context.columns)[:20]))
            more = ", …" if len(context.columns) > 20 else ""
            message = f"there is no column {path!r}, only {names or 'none'}{more}"
            raise UnfitError(message)
        columns.append(column)
    try:
        return _compile_for(check, kind, columns, context)
    except UnfitError as error:
        if all(path in expected for path in check.columns) and check.columns:
            # The schema check says that the type has changed; here it only says why it is mute.
            return Fixed(Measured(None, reason=str(error)))
        raise


def _compile_for(check: Check, kind: Kind, columns: list[Column], context: Context) -> Any:
    for column in columns:
        if column.kind is None:
            message = f"column {column.path!r} has a type that is not supported: {column.type}"
            raise UnfitError(message)
        if kind.accepts is not None and column.kind not in kind.accepts:
            message = f"column {column.path!r} is {column.type}, which has no {check.kind}"
            raise UnfitError(message)
        if not column.steps:
            message = f"column {column.path!r} is of the items of lists, which are no rows"
            raise UnfitError(message)
    # A column of type null is null throughout: nothing in it can be wrong but that.
    of_nulls = any(column.kind == "null" for column in columns)
    if of_nulls and check.kind not in ("nulls", "missing", "rule"):
        if kind.family in ROW_FAMILIES:
            return Fixed(Measured(0, 0, []))
        return Fixed(Measured(None, reason=f"column {columns[0].path!r} holds nulls alone"))
    return kind.compile(check, tuple(columns), context)


class CheckRun:
    """One run of a contract over batches of one schema, in order. Not thread-safe.

    Keys seen by `unique`, last values and sketches go on from batch to batch. A run of a single
    batch has no need of that.
    """

    __slots__ = (
        "_compiled",
        "_state",
        "failing",
        "failing_total",
        "measures",
        "nbytes",
        "now",
        "outcome",
        "rows",
    )

    def __init__(self, compiled: CompiledChecks, *, single: bool = False) -> None:
        self._compiled = compiled
        plan = compiled.plan
        self._state = None
        self.outcome: CheckOutcome | None = None
        if plan is not None and not single:
            self._state = plan.state()
            # Merged into one without a mask, the masks of the batches need not be kept; and a
            # stream without any batch has an outcome too.
            self.outcome = plan.check(_empty_batch(compiled.schema), state=self._state)
        self.measures: list[tuple[int, Measure]] = [
            (index, step.make(compiled.max_rows)) for index, step in compiled.python
        ]
        self.rows = 0
        self.nbytes = 0
        self.failing_total = 0
        self.failing: set[int] = set()
        self.now = 0.0

    def update(self, batch: pyarrow.RecordBatch) -> Any:
        """Read a batch; return the mask of its failing rows, or None if none fails."""
        compiled = self._compiled
        first_row, rows = self.rows, batch.num_rows
        native = None
        if compiled.plan is not None:
            outcome = compiled.plan.check(batch, first_row=first_row, state=self._state, mask=True)
            native = _unpacked(outcome, rows)
            if self.outcome is None:
                self.outcome = outcome
            else:
                self.outcome.merge(outcome)
        masks = [native] if native is not None else []
        for index, measure in self.measures:
            if compiled.steps[index].reads_rows:
                mask = measure.update(batch, first_row)
                if mask is not None and mask.any():
                    masks.append(mask)
        self.rows += rows
        if compiled.counts_bytes:
            self.nbytes += batch.nbytes
        if not masks:
            return None
        return self._join(masks, first_row)

    def _join(self, masks: list[np.ndarray], first_row: int) -> np.ndarray:
        import numpy as np

        joined = masks[0]
        for mask in masks[1:]:
            joined = joined | mask
        where = np.flatnonzero(joined)
        self.failing_total += len(where)
        room = self._compiled.max_rows - len(self.failing)
        if room > 0:
            self.failing.update((where[:room] + first_row).tolist())
        return joined

    def finish(self, now: float | None) -> Run:
        """Say when it ended; return what all checks share."""
        self.now = time.time() if now is None else now
        return Run(self.rows, self.nbytes, self.now)


def _empty_batch(schema: pyarrow.Schema) -> pyarrow.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in schema], schema=schema)


def _unpacked(outcome: CheckOutcome, rows: int) -> np.ndarray | None:
    """Return the native mask as booleans, None if it is empty."""
    if not any(outcome.counts):
        return None
    import numpy as np

    packed = np.frombuffer(outcome.mask() or b"", np.uint8)
    return np.unpackbits(packed, count=rows, bitorder="little").view(bool)
