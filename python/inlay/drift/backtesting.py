"""`backtest`: what judges would have said of the points that a directory holds."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from inlay._exceptions import InvalidArgumentError
from inlay.drift.firings import Firing, Firings
from inlay.drift.references import References
from inlay.drift.replay import Replay
from inlay.drift.run import ScopedJudges, checked_judges
from inlay.drift.stored import Comparison, compare_stored

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.table import Table

__all__ = ["Backtest", "backtest"]

_TEXTS = (
    "layer",
    "metric",
    "attrs",
    "resource",
    "method",
    "scope",
    "verdict",
    "reason",
    "reference_id",
    "judge",
    "judge_version",
)


def backtest(
    directory: str | os.PathLike[str],
    judges: Any = None,
    *,
    start: datetime.datetime | None = None,
    end: datetime.datetime | None = None,
    reference: Any = None,
    scope: str = "process",
    keep: Literal["all", "yes", "none"] = "all",
    idle: float = 900.0,
) -> Backtest:
    """Judge stored points anew, with any judges and thresholds, and say what would have fired.

    The points are those that a watch wrote through `inlay.sinks.Files`; they are read day by day in
    the order in which they were emitted. The same judges with the same settings give the verdicts
    that they gave live.

    Parameters
    ----------
    directory : str or os.PathLike
        Where the tables lie. Nothing is written.
    judges : judge or sequence of judges, optional
        What is asked: ``inlay.drift.DriftJudge(threshold=0.05)`` for instance. By default those of
        a watch: `DriftJudge` and `MissingnessJudge`. They begin in the state in which they are
        given, and stay in it.
    start, end : datetime with a zone, optional
        Only points emitted from `start` on and before `end`.
    reference : Profile, str, os.PathLike or table of points, optional
        Judge against this instead of what the points bring; a path is the file of a profile, or a
        directory. It must have the same edges and names, else verdicts are undefined,
        ``other_reference``.
    scope : {"process", "host", "fleet"}, default "process"
        Judge each process by itself, as it did live, or the sums over those of a host or of all.
    keep : {"all", "yes", "none"}, default "all"
        Which verdicts the result holds; what fired is known in any case.
    idle : float, default 900.0
        Seconds without a row after which a window of a host or fleet waits for a process no longer.

    Returns
    -------
    Backtest

    Raises
    ------
    FileNotFoundError
        If there is no such directory, or no such file of a reference.
    InvalidArgumentError
        If the directory holds no points, they lack a column or have nulls where none may be (the
        message names file and column), or an argument is out of its range.
    SerializationError
        If a file is damaged; the message names it.
    TypeError
        If a judge is none.

    Notes
    -----
    Memory: the points of one UTC day, about 200 bytes a row, and 150 to 200 bytes a verdict kept.

    Examples
    --------
    See the guide, "Judging stored points".
    """
    if keep not in ("all", "yes", "none"):
        message = f"keep must be 'all', 'yes' or 'none': {keep!r}"
        raise InvalidArgumentError(message)
    if isinstance(idle, bool) or not isinstance(idle, int | float) or not idle >= 0.0:
        message = f"idle must be 0 seconds or more: {idle!r}"
        raise InvalidArgumentError(message)
    listed = checked_judges(judges)
    references = None if reference is None else References.of(reference)
    run = ScopedJudges(listed, scope=scope, references=references, idle_us=int(idle * 1e6))
    replay = Replay(directory, start=start, end=end)
    run.add_references(replay.references())
    firings = Firings()
    kept: list[pa.Table] = []
    windows = rows = 0

    def take(verdicts: pa.Table) -> None:
        firings.add(verdicts)
        if keep != "none":
            kept.append(_kept(verdicts, keep))

    for points in replay:
        rows += points.num_rows
        windows += _num_windows(points)
        for verdicts in run.judge(points):
            take(verdicts)
    for verdicts in run.finish():
        take(verdicts)
    return Backtest(
        Path(directory), listed, scope, firings, kept, keep, rows, windows, replay.notes
    )


class Backtest:
    """What judges would have said; made by `backtest`.

    Attributes
    ----------
    rows : int
        Points that were judged.
    windows : int
        Windows of the watches, each process's own.
    notes : tuple of str
        What could not be read of the directory, and which windows of the period are missing.
    """

    __module__ = "inlay"

    def __init__(
        self,
        directory: Path,
        judges: tuple[Any, ...],
        scope: str,
        firings: Firings,
        kept: list[pa.Table],
        keep: str,
        rows: int,
        windows: int,
        notes: tuple[str, ...],
    ) -> None:
        self.rows, self.windows, self.notes = rows, windows, notes
        self._directory, self._judges, self._scope = directory, judges, scope
        self._firings, self._kept, self._keep = firings, kept, keep

    @property
    def fired(self) -> list[Firing]:
        """The runs of windows in which a judge said yes about a series, the earliest first."""
        return self._firings.list()

    @property
    def verdicts(self) -> Table:
        """The verdicts kept, as rows of ``verdicts``, in the order of emission, judge by judge."""
        import pyarrow as pa

        from inlay.table import Table, arrow_schema

        schema = arrow_schema("verdicts")
        if not self._kept:
            return Table.empty("verdicts")
        return Table(pa.concat_tables([table.cast(schema) for table in self._kept]))

    def to_arrow(self) -> Table:
        """Return `verdicts`."""
        return self.verdicts

    def summary(self) -> dict[str, Any]:
        """Return the result in numbers.

        Returns
        -------
        dict
            ``rows``, ``windows``, ``scope``; ``methods``: by method how many verdicts said yes, no
            and undefined (where several judges have a method, by method and judge); ``fired``: how
            many runs there are; ``series``: how many series fired; ``notes``.
        """
        fired = self.fired
        return {
            "rows": self.rows,
            "windows": self.windows,
            "scope": self._scope,
            "methods": dict(sorted(self._firings.counts.items())),
            "fired": len(fired),
            "series": len({(each.series_id, each.attrs) for each in fired}),
            "notes": list(self.notes),
        }

    def against_stored(self) -> Comparison:
        """Compare with the verdicts that the directory holds of judges of these names and scope.

        Returns
        -------
        Comparison

        Raises
        ------
        InvalidArgumentError
            If the verdicts were not kept.
        """
        if self._keep != "all":
            message = f"comparing needs all verdicts, keep='all': {self._keep!r}"
            raise InvalidArgumentError(message)
        return compare_stored(self._directory, self.verdicts.to_pyarrow(), scope=self._scope)

    def __repr__(self) -> str:
        """Return the size of it and what fired."""
        fired = self.fired
        said = f"{len(fired)} firings" if len(fired) != 1 else "1 firing"
        return f"<inlay.Backtest of {self.rows} points in {self.windows} windows: {said}>"

    def _repr_html_(self) -> str:
        import html

        head = "".join(
            f"<th>{name}</th>"
            for name in ("series", "method", "judge", "since", "last", "windows", "ended", "effect")
        )
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td>{html.escape(str(cell))}</td>"
                for cell in (
                    each.attrs,
                    each.method,
                    each.judge,
                    each.since.isoformat(),
                    each.last.isoformat(),
                    each.windows,
                    "yes" if each.ended else "no",
                    "" if each.effect is None else f"{each.effect:.4g}",
                )
            )
            + "</tr>"
            for each in self.fired
        )
        caption = html.escape(repr(self))
        return (
            f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )


def _kept(verdicts: pa.Table, keep: str) -> pa.Table:
    """Keep text as dictionaries: the same few words in every row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if keep == "yes":
        verdicts = verdicts.filter(pc.equal(verdicts["verdict"], "yes"))
    for name in _TEXTS:
        place = verdicts.schema.get_field_index(name)
        column = verdicts.column(place)
        if not pa.types.is_dictionary(column.type):
            verdicts = verdicts.set_column(place, name, column.dictionary_encode())
    return verdicts


def _num_windows(points: pa.Table) -> int:
    from inlay.drift.pane_judge import families

    codes = families(points)
    return int(codes.max()) + 1 if len(codes) else 0
