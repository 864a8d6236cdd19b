"""Judges over a stream of points: one set of them for each process, host or fleet."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.drift.fleet import FleetWindows
from inlay.drift.judge import check_scope
from inlay.drift.keys import members_of
from inlay.drift.references import References

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ScopedJudges", "checked_judges", "default_judges", "labels_of"]

_FIELDS = {"host": ("service.name", "host.name"), "fleet": ("service.name",)}


def default_judges(
    *, level: float = 0.05, threshold: float = 0.02, min_rows: int = 1000
) -> tuple[Any, ...]:
    """Return the judges of a watch that has a reference and says nothing else."""
    from inlay.drift.drift_judge import DriftJudge
    from inlay.drift.missingness_judge import MissingnessJudge

    return (
        DriftJudge(level=level, threshold=threshold, min_rows=min_rows),
        MissingnessJudge(level=level, min_rows=min_rows),
    )


def checked_judges(judges: Any) -> tuple[Any, ...]:
    """Return judges as a tuple; refuse what is none."""
    given = default_judges() if judges is None else judges
    listed = tuple(given) if isinstance(given, Sequence) else (given,)
    for judge in listed:
        missing = [
            name for name in ("judge", "save_state", "load_state") if not hasattr(judge, name)
        ]
        if missing or isinstance(judge, type):
            message = f"a judge has judge, save_state and load_state: {judge!r}"
            raise TypeError(message)
    if not listed:
        message = f"there must be a judge: {judges!r}"
        raise InvalidArgumentError(message)
    return listed


def labels_of(judges: Sequence[Any]) -> tuple[str, ...]:
    """Return what verdicts call each of some judges.

    That is the name of its class; where there are several of it, what tells them apart: their
    settings, and of equal ones a number.

    Examples
    --------
    >>> from inlay.drift import MissingnessJudge
    >>> from inlay.drift.run import labels_of
    >>> labels_of([MissingnessJudge()])
    ('MissingnessJudge',)
    """
    names = [type(judge).__name__ for judge in judges]
    labels: list[str] = []
    for judge, name in zip(judges, names, strict=True):
        label = name if names.count(name) == 1 else repr(judge)
        before = sum(each == label or each.startswith(f"{label} #") for each in labels)
        labels.append(f"{label} #{before + 1}" if before else label)
    return tuple(labels)


class ScopedJudges:
    """Feeds points to judges, kept apart or added up as the scope says. Not thread-safe.

    Parameters
    ----------
    judges : sequence of judges
        They stay as they are: each process, host or fleet has copies.
    scope : {"process", "host", "fleet"}
        Of ``"process"`` every origin has judges of its own and they see its own rows and
        references; of ``"host"`` and ``"fleet"`` windows are added up first, see `FleetWindows`.
    references : References, optional
        Instead of those that the points bring.
    idle_us, origin : int
        As for `FleetWindows`.
    """

    def __init__(
        self,
        judges: Sequence[Any],
        *,
        scope: str,
        references: References | None = None,
        idle_us: int = 900_000_000,
        origin: int = 0,
    ) -> None:
        check_scope(scope)
        self.scope = scope
        self._judges = tuple(judges)
        self._labels = labels_of(judges)
        self._fresh = tuple(judge.save_state() for judge in judges)
        self._given = references
        self._idle_us, self._origin = idle_us, origin
        self._parts: dict[str, _Part] = {}

    def judge(self, points: pa.Table, references: pa.Table | None = None) -> Iterator[pa.Table]:
        """Judge rows in the order of emission.

        Parameters
        ----------
        points : pyarrow.Table
            As `Replay` yields them.
        references : pyarrow.Table, optional
            Rows of metric ``data.reference`` that came before or with them.

        Yields
        ------
        pyarrow.Table
            Verdicts, judge by judge.
        """
        if references is not None and self._given is None:
            self.add_references(references)
        for key, rows in self._split(points):
            part = self._part(key)
            yield from self._said(part, rows if part.windows is None else part.windows.add(rows))

    def add_references(self, rows: pa.Table) -> None:
        """Take rows of metric ``data.reference``, of their process or of all."""
        if self._given is not None:
            return
        for key, mine in self._split(rows):
            self._part(key).references.add(mine)

    def advance(self, now_us: int, *, gone: Sequence[int] = ()) -> Iterator[pa.Table]:
        """Judge windows that nobody is waited for any more; parameters as for `FleetWindows`."""
        for part in self._parts.values():
            if part.windows is not None:
                yield from self._said(part, part.windows.advance(now_us, gone=gone))

    def finish(self) -> Iterator[pa.Table]:
        """Judge all windows that wait."""
        for part in self._parts.values():
            if part.windows is not None:
                yield from self._said(part, part.windows.finish())

    @property
    def pending(self) -> int:
        """Number of rows that wait for an origin."""
        return sum(part.windows.pending for part in self._parts.values() if part.windows)

    @property
    def too_late(self) -> int:
        """Number of rows left out since their window is forgotten."""
        return sum(part.windows.too_late for part in self._parts.values() if part.windows)

    def state(self) -> tuple[list[str], list[bytes]]:
        """Return the names of the parts, and for each its windows and the judges' states."""
        names, blobs = [], []
        for key, part in self._parts.items():
            names.append(key)
            blobs.append(b"" if part.windows is None else part.windows.to_bytes())
            blobs += [judge.save_state() for judge in part.judges]
        return names, blobs

    def load(self, names: Sequence[str], blobs: Sequence[bytes]) -> None:
        """Take over what `state` gave with the same judges and scope.

        Raises
        ------
        SerializationError
            If a state is none of these judges'.
        """
        from inlay._exceptions import SerializationError

        each = 1 + len(self._judges)
        if len(blobs) != each * len(names):
            message = f"the state is of another number of judges: {len(blobs)} parts"
            raise SerializationError(message)
        for number, key in enumerate(names):
            windows, *states = blobs[number * each : (number + 1) * each]
            part = self._part(key)
            if part.windows is not None:
                part.windows.load(windows)
            for judge, state in zip(part.judges, states, strict=True):
                judge.load_state(state)

    def _part(self, key: str) -> _Part:
        part = self._parts.get(key)
        if part is None:
            judges = []
            for judge, state in zip(self._judges, self._fresh, strict=True):
                twin = copy.copy(judge)
                twin.load_state(state)
                judges.append(twin)
            windows = None
            if self.scope != "process":
                windows = FleetWindows(
                    idle_us=self._idle_us, origin=self._origin, fields=_FIELDS[self.scope]
                )
            references = References() if self._given is None else self._given
            part = self._parts[key] = _Part(judges, windows, references)
        return part

    def _split(self, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        """Split rows by process or host, in the order in which these come first."""
        import numpy as np
        import pyarrow as pa

        if rows.num_rows == 0:
            return
        if self.scope == "fleet":
            yield "", rows
            return
        if self.scope == "host":
            values, of_row = members_of(rows["resource"], "host.name")
        else:
            origin = rows["origin"].to_numpy()
            if (origin == origin[0]).all():
                yield str(origin[0]), rows
                return
            origins, of_row = np.unique(origin, return_inverse=True)
            values = [str(each) for each in origins.tolist()]
        if len(values) == 1:
            yield values[0], rows
            return
        firsts = np.unique(of_row, return_index=True)[1]
        for number in of_row[np.sort(firsts)].tolist():
            yield values[number], rows.filter(pa.array(of_row == number))

    def _said(self, part: _Part, rows: pa.Table | None) -> Iterator[pa.Table]:
        from inlay.table import Table

        if rows is None or rows.num_rows == 0:
            return
        points = Table(rows)
        for judge, label in zip(part.judges, self._labels, strict=True):
            verdicts = judge.judge(points, part.references, scope=self.scope)
            if len(verdicts):
                table = Table(verdicts).to_pyarrow()
                yield table if label == type(judge).__name__ else _labelled(table, label)


def _labelled(verdicts: pa.Table, label: str) -> pa.Table:
    import pyarrow as pa

    place = verdicts.schema.get_field_index("judge")
    return verdicts.set_column(place, "judge", pa.repeat(pa.scalar(label), verdicts.num_rows))


class _Part:
    """The judges of one process, host or fleet."""

    __slots__ = ("judges", "references", "windows")

    def __init__(
        self, judges: list[Any], windows: FleetWindows | None, references: References
    ) -> None:
        self.judges = judges
        self.windows = windows
        self.references = references
