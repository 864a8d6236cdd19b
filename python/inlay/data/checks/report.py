"""`CheckReport`: what the checks of a contract found in some data."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from inlay.data.checks.measure import KINDS, Fixed, Measured, NativeRule, NativeStats

if TYPE_CHECKING:
    from inlay.data.checks.check import Check
    from inlay.data.checks.compiled import CheckRun, CompiledChecks
    from inlay.table import Table

__all__ = ["CheckReport", "CheckResult"]


@dataclasses.dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found.

    Attributes
    ----------
    name : str
        What the check is called; no two of a contract share one.
    check : str
        Its kind: the name of its factory in `inlay.checks`.
    family : str
        ``"schema"``, ``"volume"``, ``"freshness"``, ``"completeness"``, ``"validity"``,
        ``"distribution"``, ``"integrity"`` or ``"cross-column"``.
    columns : tuple of str
        The columns it looked at.
    value : int, float or Decimal, optional
        The number; None if it is undefined.
    unit : str
        ``"rows"``, ``"percent"``, ``"seconds"``, ``"bytes"`` or nothing.
    bound : str
        The bound in words.
    passed : bool, optional
        Whether the number keeps the bound; None if it is undefined.
    reason : str, optional
        Why it is undefined, or what is wrong where the number alone does not say.
    failed_rows : int, optional
        How many rows fail, for checks of single rows.
    rows : tuple of int
        The first of them, counted from 0.
    severity : str
        ``"info"``, ``"warning"`` or ``"error"``.
    description : str, optional
        Why the check is there.
    """

    name: str
    check: str
    family: str
    columns: tuple[str, ...]
    value: Any
    unit: str
    bound: str
    passed: bool | None
    reason: str | None
    failed_rows: int | None
    rows: tuple[int, ...]
    severity: str
    description: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a dictionary that JSON can hold."""
        value = self.value
        return {
            "name": self.name,
            "check": self.check,
            "family": self.family,
            "columns": list(self.columns),
            "value": value if value is None or isinstance(value, int) else float(value),
            "unit": self.unit,
            "bound": self.bound,
            "passed": self.passed,
            "reason": self.reason,
            "failed_rows": self.failed_rows,
            "rows": list(self.rows),
            "severity": self.severity,
            "description": self.description,
        }


class CheckReport:
    """What the checks of a contract found in some data. Immutable; made by `Contract.check`.

    The results are worked out when they are first asked for.
    """

    __module__ = "inlay"
    __slots__ = ("_compiled", "_facts", "_name", "_names", "_results", "_run")

    def __init__(
        self,
        name: str,
        names: tuple[str, ...],
        compiled: CompiledChecks,
        run: CheckRun,
        *,
        now: float | None,
    ) -> None:
        self._name = name
        self._names = names
        self._compiled = compiled
        self._run = run
        self._facts = run.finish(now)
        self._results: tuple[CheckResult, ...] | None = None

    @property
    def name(self) -> str:
        """The contract's name."""
        return self._name

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return self._facts.rows

    @property
    def time(self) -> float:
        """When, in Unix seconds: what `fresh` took for now."""
        return self._facts.now

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks, in the order of their results."""
        return self._compiled.checks

    @property
    def passed(self) -> bool | None:
        """Whether every check is kept: False if one is violated, else None if one is undefined."""
        run, compiled = self._run, self._compiled
        if (
            compiled.is_plain
            and self._results is None
            and 0 < run.rows <= compiled.max_keys
            and run.outcome is not None
            and not any(run.outcome.counts)
        ):
            return True
        verdicts = [result.passed for result in self.results]
        if False in verdicts:
            return False
        return None if None in verdicts else True

    @property
    def results(self) -> tuple[CheckResult, ...]:
        """One result for each check, in their order."""
        if self._results is None:
            self._results = tuple(
                self._result(index, check) for index, check in enumerate(self._compiled.checks)
            )
        return self._results

    @property
    def failed_results(self) -> tuple[CheckResult, ...]:
        """The results of the checks that are violated."""
        return tuple(result for result in self.results if result.passed is False)

    @property
    def undefined_results(self) -> tuple[CheckResult, ...]:
        """The results of the checks whose number is undefined."""
        return tuple(result for result in self.results if result.passed is None)

    @property
    def failing_rows(self) -> list[int]:
        """The first rows that fail any check of single rows, sorted, counted from 0.

        They fail whether or not a check's bound lets some of them pass. As many as the contract's
        `max_rows` at most.
        """
        return sorted(self._run.failing)[: self._compiled.max_rows]

    @property
    def failing_rows_total(self) -> int:
        """How many rows fail any check of single rows."""
        return self._run.failing_total

    def __getitem__(self, name: str) -> CheckResult:
        """Return the result of the check of that name.

        Raises
        ------
        KeyError
            If there is none.
        """
        for result in self.results:
            if result.name == name:
                return result
        raise KeyError(name)

    def _result(self, index: int, check: Check) -> CheckResult:
        measured = self._measured(index)
        value, reason = measured.value, measured.reason
        if check.unit == "percent" and value is not None:
            if self._facts.rows:
                value = 100 * value / self._facts.rows
            else:
                value, reason = None, "there are no rows"
        return CheckResult(
            name=self._names[index],
            check=check.kind,
            family=KINDS[check.kind].family,
            columns=check.columns,
            value=value,
            unit=check.unit,
            bound=check.bound_text,
            passed=None if value is None else check.bound.holds(value),
            reason=reason,
            failed_rows=measured.failed,
            rows=tuple(measured.rows or ()),
            severity=check.severity,
            description=check.description,
        )

    def _measured(self, index: int) -> Measured:
        step, outcome = self._compiled.steps[index], self._run.outcome
        if isinstance(step, Fixed):
            return step.measured
        number = self._compiled.rule_of[index]
        if number is not None and outcome is not None:
            if isinstance(step, NativeStats):
                return step.read(outcome.stats(step.path), self._facts)
            if isinstance(step, NativeRule):
                return self._native(number)
        for measured_index, measure in self._run.measures:
            if measured_index == index:
                return measure.measured(self._facts)
        raise AssertionError(step)

    def _native(self, number: int) -> Measured:
        outcome = self._run.outcome
        assert outcome is not None
        rows = list(outcome.rows_of(number))
        if outcome.undefined(number):
            reason = f"there are more than {self._compiled.max_keys} keys, the most remembered"
            return Measured(None, None, rows, reason)
        failed = outcome.failed(number)
        return Measured(failed, failed, rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary that JSON can hold."""
        return {
            "name": self.name,
            "rows": self.rows,
            "passed": self.passed,
            "failing_rows": self.failing_rows,
            "failing_rows_total": self.failing_rows_total,
            "results": [result.to_dict() for result in self.results],
        }

    def to_arrow(self) -> Table:
        """Return the numbers as rows of ``points``: gauges ``data.check`` of layer ``data``.

        Returns
        -------
        inlay.Table
            One row for each check; status ``undefined`` where there is no number.
        """
        from inlay.data.checks.point_rows import point_rows

        return point_rows(self)

    def verdicts(self) -> Table:
        """Return the judgements as rows of ``verdicts``; ``yes`` means violated.

        Returns
        -------
        inlay.Table
            One row for each check.
        """
        from inlay.data.checks.point_rows import verdict_rows

        return verdict_rows(self)

    def to_openlineage(self) -> dict[str, Any]:
        """Return OpenLineage's facets of data quality for an input dataset.

        Returns
        -------
        dict
            ``"dataQualityMetrics"`` and ``"dataQualityAssertions"``, each as its standard has it.
        """
        from inlay.data.checks.openlineage import facets

        return facets(self)

    def __bool__(self) -> bool:
        """Refuse to be taken for true or false."""
        message = "a report is neither true nor false: ask for report.passed"
        raise TypeError(message)

    def __repr__(self) -> str:
        """Return the outcome in words."""
        failed, undefined = len(self.failed_results), len(self.undefined_results)
        return (
            f"inlay.CheckReport({self.name!r}, rows={self.rows}, checks={len(self.results)}, "
            f"violated={failed}, undefined={undefined})"
        )

    def _repr_html_(self) -> str:
        from inlay.report import check_table

        return check_table(self.to_dict())
