"""The judges of a watch: they see the points of each pane as they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.drift.judge import Judge
    from inlay.drift.references import References

__all__ = ["Judging"]


class Judging:
    """Lets judges see points and gives their verdicts. Not thread-safe.

    Parameters
    ----------
    judges : sequence of Judge
    failed : callable
        Is told the judge and the error, the first time in a row that one raises.
    """

    __slots__ = ("_failed", "_failing", "_fresh", "_references", "judges")

    def __init__(self, judges: Any, *, failed: Callable[[Judge, Exception], None]) -> None:
        if not isinstance(judges, Iterable):
            message = f"judges is a sequence of judges, got {type(judges).__name__}: {judges!r}"
            raise TypeError(message)
        self.judges: tuple[Judge, ...] = tuple(judges)
        for judge in self.judges:
            for method in ("judge", "save_state", "load_state"):
                if not callable(getattr(judge, method, None)):
                    message = f"a judge has a method {method}; {judge!r} has none"
                    raise TypeError(message)
        names = [judge.name for judge in self.judges]
        for name in names:
            if names.count(name) > 1:
                message = f"two judges of a watch have one name: {name!r}"
                raise InvalidArgumentError(message)
        self._failed = failed
        self._failing: set[str] = set()
        self._references: References | None = None
        if self.judges:
            from inlay.drift.references import References

            self._references = References()
        self._fresh = [judge.save_state() for judge in self.judges]

    def add_references(self, points: pa.Table) -> None:
        """Take rows of metric ``data.reference``."""
        if self._references is not None:
            self._references.add(points)

    def judge(self, points: pa.Table) -> list[pa.Table]:
        """Return the verdicts of all judges on the rows of a pane."""
        if not self.judges:
            return []
        from inlay.table import Table

        rows = Table(points)
        verdicts = []
        for judge in self.judges:
            try:
                assert self._references is not None
                table = judge.judge(rows, self._references, scope="process")
                verdicts.append(Table(table).to_pyarrow())
            except Exception as error:
                if judge.name not in self._failing:
                    self._failing.add(judge.name)
                    self._failed(judge, error)
            else:
                self._failing.discard(judge.name)
        return verdicts

    def reset(self) -> None:
        """Give every judge the state it came with."""
        for judge, state in zip(self.judges, self._fresh, strict=True):
            judge.load_state(state)

    def describe(self) -> list[list[str]]:
        """Return the names and versions of the judges."""
        return [[judge.name, judge.version] for judge in self.judges]

    def state(self) -> list[bytes]:
        """Return the states of the judges."""
        return [judge.save_state() for judge in self.judges]

    def restore(self, states: Sequence[bytes]) -> None:
        """Take over the states of the judges."""
        for judge, state in zip(self.judges, states, strict=True):
            judge.load_state(state)
