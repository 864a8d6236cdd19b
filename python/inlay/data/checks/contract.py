"""`Contract`: what data is held to, and whether some data is so."""

from __future__ import annotations

import datetime
import math
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InlayWarning, InvalidArgumentError
from inlay.data.checks.check import Check, ContractError, Fault
from inlay.data.checks.compiled import ROW_FAMILIES, CheckRun, CompiledChecks
from inlay.data.checks.measure import KINDS
from inlay.data.checks.report import CheckReport

# Their kinds enter themselves.
from inlay.data.checks import (  # noqa: F401  isort: skip
    completeness,
    distribution,
    freshness,
    integrity,
    relation,
    schema as schema_checks,
    validity,
    volume,
)

if TYPE_CHECKING:
    import os

    import pyarrow

    from inlay.data.schema import Schema
    from inlay.observer import Observer

__all__ = ["Contract"]

_MAX_COMPILED = 8  # schemas a contract remembers
_MAX_KEYS = 1 << 22


class Contract:
    """What data is held to: checks, under a name. Immutable; any thread may use it.

    Parameters
    ----------
    checks : iterable of Check
        Made by `inlay.checks`.
    schema : Schema or object, optional
        The columns agreed on; anything `Schema.of` takes. Checks are held against it at once, and
        data against it as by `checks.schema`.
    name : str
        Which data it is about: the attribute ``dataset`` of what is emitted.
    max_rows : int
        How many failing rows are listed, for each check and in all.
    max_keys : int
        How many keys `checks.unique` remembers in one run.

    Raises
    ------
    ContractError
        If two checks have the same name, or do not fit `schema`: all faults at once.

    Examples
    --------
    >>> import inlay
    >>> from inlay import checks
    >>> contract = inlay.Contract(
    ...     [
    ...         checks.unique("id"),
    ...         checks.nulls("age", at_most=50, unit="percent"),
    ...         checks.in_range("age", 0, 150),
    ...     ],
    ...     name="people",
    ... )
    >>> report = contract.check({"id": [1, 2, 2], "age": [44, None, 211]})
    >>> report
    inlay.CheckReport('people', rows=3, checks=3, violated=2, undefined=0)
    >>> for result in report.failed_results:
    ...     print(result.name, result.value, result.bound, result.rows)
    unique(id) 1 at most 0 rows (2,)
    in_range(age) 1 at most 0 rows (2,)
    """

    __module__ = "inlay"
    __slots__ = (
        "_checks",
        "_compiled",
        "_document",
        "_ignored",
        "_max_keys",
        "_max_rows",
        "_name",
        "_names",
        "_observer",
        "_schema",
    )

    def __init__(
        self,
        checks: Iterable[Check],
        *,
        schema: object = None,
        name: str = "data",
        max_rows: int = 100,
        max_keys: int = _MAX_KEYS,
    ) -> None:
        if isinstance(checks, (Check, str)) or not isinstance(checks, Iterable):
            message = f"a contract takes an iterable of checks, such as a list, got {checks!r}"
            raise TypeError(message)
        self._checks = tuple(checks)
        for check in self._checks:
            if not isinstance(check, Check) or check.kind not in KINDS:
                message = f"a contract is made of checks, such as checks.nulls('id'), got {check!r}"
                raise TypeError(message)
        if not isinstance(name, str) or not name:
            message = f"a contract's name is a text, got {name!r}"
            raise InvalidArgumentError(message)
        for option, value in (("max_rows", max_rows), ("max_keys", max_keys)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                message = f"{option} is a whole number from 0, got {value!r}"
                raise InvalidArgumentError(message)
        self._name = name
        self._max_rows = max_rows
        self._max_keys = max_keys
        self._schema: Schema | None = None
        if schema is not None:
            from inlay.data.schema import Schema

            self._schema = Schema.of(schema)
            if not any(check.kind == "schema" for check in self._checks):
                self._checks = (schema_checks.schema(self._schema), *self._checks)
        self._names = _unique_names(self._checks)
        self._compiled: tuple[tuple[Any, CompiledChecks], ...] = ()
        self._observer: Observer | None = None
        self._document: Any = None
        self._ignored: tuple[Fault, ...] = ()
        if self._schema is not None:
            _hold_against(self._checks, self._schema)

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks in order; that of the agreed schema comes first."""
        return self._checks

    @property
    def name(self) -> str:
        """Which data it is about."""
        return self._name

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each check's result."""
        return self._names

    @property
    def schema(self) -> Schema | None:
        """The columns agreed on, if any."""
        return self._schema

    @property
    def max_rows(self) -> int:
        """How many failing rows are listed."""
        return self._max_rows

    @property
    def max_keys(self) -> int:
        """How many keys `checks.unique` remembers."""
        return self._max_keys

    @property
    def ignored(self) -> tuple[Fault, ...]:
        """What the contract's file says that is not checked here, with its lines."""
        return self._ignored

    def check(
        self,
        data: Any,
        /,
        *,
        now: float | datetime.datetime | None = None,
        observer: Observer | None = None,
    ) -> CheckReport:
        """Check data.

        Parameters
        ----------
        data : object
            A batch, table, frame, mapping of columns, stream, or the path of a file or of many: it
            is read batch by batch, once.
        now : float or datetime, optional
            What `checks.fresh` takes for the present, in Unix seconds or as a time with a zone; the
            clock's by default.
        observer : Observer, optional
            Where the numbers go as gauges and the judgements as verdicts; that of `watch` by
            default.

        Returns
        -------
        CheckReport

        Raises
        ------
        ContractError
            If checks name columns that do not exist or that are of another type: all at once. A
            column that the data lacks though a schema check demands it is that check's violation.
        TypeError, InvalidArgumentError, SerializationError
            If the data cannot be read.
        """
        # By import, not from sys.modules: there it may stand half made by another thread.
        import pyarrow as pa

        now = _seconds(now)
        if type(data) is pa.RecordBatch:
            compiled = self._compiled_for(data.schema)
            if compiled is not None:
                run = CheckRun(compiled, single=True)
                run.update(data)
                return self._report(compiled, run, now, observer)
        from inlay.data.sources import open_source

        source = open_source(data)
        run, compiled = self._start(source.schema)
        for batch in source.batches():
            run.update(batch)
        return self._report(compiled, run, now, observer)

    def split(self, data: Any, /) -> tuple[pyarrow.Table, pyarrow.Table]:
        """Part the rows that fail a check of single rows from the others.

        Parameters
        ----------
        data : object
            A batch, table, or anything else that fits into memory and that `check` takes.

        Returns
        -------
        good, bad : pyarrow.Table or pyarrow.RecordBatch
            Batches if `data` is one, else tables; in the order of `data`, with its schema. Of rows
            that repeat a key the first is good.

        Warns
        -----
        InlayWarning
            If checks of single rows are undefined, such as more keys than `max_keys` or integers
            that overflow: they have not judged all rows, so that bad ones may be among the good.
        """
        import pyarrow as pa

        from inlay.data.sources import open_source

        source = open_source(data)
        run, compiled = self._start(source.schema)
        good, bad = [], []
        for batch in source.batches():
            mask = run.update(batch)
            if mask is None:
                good.append(batch)
                continue
            fails = pa.array(mask)
            bad.append(batch.filter(fails))
            good.append(batch.filter(pa.array(~mask)))
        report = CheckReport(self._name, self._names, compiled, run, now=None)
        unjudged = [
            f"{result.name}: {result.reason}"
            for result in report.undefined_results
            if result.family in ROW_FAMILIES and report.rows
        ]
        if unjudged:
            message = "rows taken for good may be bad, as these checks are undefined: "
            warnings.warn(message + "; ".join(unjudged), InlayWarning, stacklevel=2)
        parts = tuple(pa.Table.from_batches(part, source.schema) for part in (good, bad))
        if isinstance(data, pa.RecordBatch):
            return tuple(_one_batch(part) for part in parts)
        return parts

    def watch(self, observer: Observer, /) -> Contract:
        """Return the same contract, whose checks are told to an observer each time.

        Parameters
        ----------
        observer : Observer
            Gets for each check a gauge ``data.check`` of layer ``data`` with the attributes
            ``check``, ``column`` and ``dataset``, and a verdict: ``yes`` if it is violated. A gauge
            keeps its last value: if a check is undefined, ``nan_count`` of its point counts that,
            and its verdict is ``undefined``.

        Returns
        -------
        Contract
        """
        watched = object.__new__(Contract)
        for slot in Contract.__slots__:
            setattr(watched, slot, getattr(self, slot))
        watched._observer = observer
        return watched

    @classmethod
    def from_yaml(
        cls,
        source: str | os.PathLike[str],
        /,
        *,
        dataset: str | None = None,
        max_rows: int = 100,
    ) -> Contract:
        """Read a contract from the quality sections of an Open Data Contract Standard file.

        Parameters
        ----------
        source : str or path
            A path, or the text itself if it has a line break.
        dataset : str, optional
            Which of the file's schema objects; needed where there are several.
        max_rows : int
            As for the constructor, unless the file says so.

        Returns
        -------
        Contract

        Raises
        ------
        ContractError
            With all faults and their lines.
        ImportError
            If PyYAML is not installed: ``pip install 'inlay[contracts]'``.
        """
        from inlay.data.odcs.reader import read_contract

        return read_contract(source, dataset=dataset, max_rows=max_rows)

    def to_yaml(self, path: str | os.PathLike[str] | None = None, /) -> str:
        """Write the contract as an Open Data Contract Standard file.

        A contract that was read is written with all that its file said, also what inlay does not
        know; comments and layout are lost.

        Parameters
        ----------
        path : str or path, optional
            Where to; the file is replaced as a whole.

        Returns
        -------
        str
            The text.

        Raises
        ------
        ImportError
            If PyYAML is not installed: ``pip install 'inlay[contracts]'``.
        """
        from inlay.data.odcs.writer import write_contract

        return write_contract(self, path)

    def _compiled_for(self, schema: pyarrow.Schema) -> CompiledChecks | None:
        """Return what is compiled for this schema; None if its columns must be decoded first."""
        for known, compiled in self._compiled:
            if known.equals(schema):
                return compiled
        import pyarrow as pa

        if any(pa.types.is_run_end_encoded(field.type) for field in schema):
            return None
        compiled = CompiledChecks(
            self._checks, schema, max_rows=self._max_rows, max_keys=self._max_keys
        )
        # Two threads may both compile; either tuple is whole.
        self._compiled = ((schema, compiled), *self._compiled[: _MAX_COMPILED - 1])
        return compiled

    def _start(self, schema: pyarrow.Schema) -> tuple[CheckRun, CompiledChecks]:
        compiled = self._compiled_for(schema)
        assert compiled is not None  # a source has decoded what has to be
        return CheckRun(compiled), compiled

    def _report(
        self,
        compiled: CompiledChecks,
        run: CheckRun,
        now: float | None,
        observer: Observer | None,
    ) -> CheckReport:
        report = CheckReport(self._name, self._names, compiled, run, now=now)
        observer = self._observer if observer is None else observer
        if observer is not None:
            from inlay.data.checks.point_rows import emit

            emit(report, observer)
        return report

    def __len__(self) -> int:
        """Return the number of checks."""
        return len(self._checks)

    def __eq__(self, other: object) -> bool:
        """Return whether both hold data to the same."""
        if not isinstance(other, Contract):
            return NotImplemented
        return (self._name, self._checks, self._schema, self._max_rows, self._max_keys) == (
            other._name,
            other._checks,
            other._schema,
            other._max_rows,
            other._max_keys,
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Return the contract in words."""
        return f"inlay.Contract({self._name!r}, checks={len(self._checks)})"


def _seconds(now: Any) -> float | None:
    if now is None:
        return None
    if isinstance(now, datetime.datetime) and now.tzinfo is not None:
        return now.timestamp()
    if isinstance(now, bool) or not isinstance(now, (int, float)) or not math.isfinite(now):
        message = f"now is a finite number of Unix seconds or a time with a zone, got {now!r}"
        raise TypeError(message)
    return float(now)


def _unique_names(checks: tuple[Check, ...]) -> tuple[str, ...]:
    """Return a name for each check; a name that was given may not repeat."""
    given = [check.name for check in checks if check.name is not None]
    repeated = sorted({name for name in given if given.count(name) > 1})
    if repeated:
        faults = [
            Fault(f"two checks have the same name: {check.name!r}", check.line)
            for check in checks
            if check.name in repeated
        ]
        # Those of a file differ by their lines; others are told once.
        raise ContractError(dict.fromkeys(faults))
    names: list[str] = []
    taken = set(given)
    for check in checks:
        title = name = check.title
        count = 1
        while check.name is None and name in taken:
            count += 1
            name = f"{title}#{count}"
        taken.add(name)
        names.append(name)
    return tuple(names)


def _hold_against(checks: tuple[Check, ...], schema: Schema) -> None:
    """Refuse checks that name columns which the agreed schema does not have."""
    paths = {path: field for path, field in schema.leaves()}
    faults = []
    for check in checks:
        accepts = KINDS[check.kind].accepts
        for column in check.columns:
            field = paths.get(column)
            if field is None:
                message = f"{check.title}: the schema has no column {column!r}"
                faults.append(Fault(message, check.line))
            elif accepts is not None and field.kind not in accepts:
                message = f"{check.title}: column {column!r} is {field.type}"
                faults.append(Fault(f"{message}, which has no {check.kind}", check.line))
    if faults:
        raise ContractError(faults)


def _one_batch(table: pyarrow.Table) -> pyarrow.RecordBatch:
    import pyarrow as pa

    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)
