"""What a question for the context of a request is answered with."""

from __future__ import annotations

import dataclasses
import datetime
import html
from typing import TYPE_CHECKING

from inlay.report.formats import counted

if TYPE_CHECKING:
    from inlay.joined.scoring import Focus
    from inlay.table import Table

__all__ = ["HEADINGS", "Context", "Evidence"]

HEADINGS = ("#", "score", "layer", "what", "cause", "where", "from (UTC)", "seconds", "why")
"""Of a table of evidence."""

_SHOWN = 10
_HTML_ROWS = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was, or happened, when the request ran.

    Attributes
    ----------
    rank : int
        Its place, from 1.
    kind : str
        ``"event"``, ``"verdict"``, ``"point"`` (an unusual value), ``"step"`` or ``"span"``.
    layer : str
        ``"infra"``, ``"training"``, ``"data"``, ``"model"``, ``"app"``.
    name : str
        Of the event, the metric, the step's phase.
    entity : str
        What it happened to: a GPU, a link, a rank, a host.
    cause : str
        Why, where the row says so: a throttle's cause, an Xid, a phase, a verdict's method.
    start, end : datetime
        In UTC; both are equal for an instant.
    overlap : float
        How well it fits the span in time, 0 to 1.
    score : float
        0 to 1; the evidence is ordered by it.
    text : str
        A line for people.
    severity, size, specificity, directness : float
        What else the score is made of, 0 to 1 each.
    detail : str
        What `text` says beside name, cause and entity: how it lies to the span, how far a value is
        from the usual one.
    times : int
        How often the same happened; the times are those of the one that fits best.
    """

    rank: int
    kind: str
    layer: str
    name: str
    entity: str
    cause: str
    start: datetime.datetime
    end: datetime.datetime
    overlap: float
    score: float
    text: str
    severity: float
    size: float
    specificity: float
    directness: float
    detail: str = ""
    times: int = 1

    def cells(self) -> tuple[str, ...]:
        """Return its row in a table with `HEADINGS`."""
        return (
            str(self.rank),
            f"{self.score:.3f}",
            self.layer,
            self.name,
            self.cause,
            self.entity,
            f"{self.start:%Y-%m-%d %H:%M:%S.%f}"[:-3],
            f"{(self.end - self.start).total_seconds():.3f}",
            self.detail,
        )

    def __repr__(self) -> str:
        return f"<inlay.joined.Evidence {self.rank}: {self.score:.3f} {self.text}>"


@dataclasses.dataclass(frozen=True, repr=False)
class Context:
    """What was known of a request, a step or a moment: evidence of all layers, ranked.

    Attributes
    ----------
    subject : str
        What was asked for.
    start, end : datetime or None
        The span of time that it resolved to, in UTC; None if it is undefined.
    focus : Focus
        Where it was, as far as known: hosts, GPUs, ranks, processes.
    evidence : tuple of Evidence
        The best first. It may be empty: nothing unusual was seen.
    status : str
        ``"ok"`` or ``"undefined"``.
    reason : str or None
        Why it is undefined.
    notes : tuple of str
        What the reader should know, such as what could not be read.
    left_out : int
        How many more pieces of evidence there are.
    """

    subject: str
    start: datetime.datetime | None
    end: datetime.datetime | None
    focus: Focus
    evidence: tuple[Evidence, ...] = ()
    status: str = "ok"
    reason: str | None = None
    notes: tuple[str, ...] = ()
    left_out: int = 0

    def __bool__(self) -> bool:
        """Return True, also without evidence: ask `evidence` or `status`."""
        return True

    def to_arrow(self) -> Table:
        """Return the evidence as a table, a row each, in order.

        Returns
        -------
        Table
            The columns are the attributes of `Evidence`.
        """
        import pyarrow as pa

        from inlay.table import Table

        numbers = ("overlap", "score", "severity", "size", "specificity", "directness")
        times = pa.timestamp("us", "UTC")
        fields = []
        for field in dataclasses.fields(Evidence):
            kind = pa.utf8()
            if field.name in ("rank", "times"):
                kind = pa.int32()
            elif field.name in ("start", "end"):
                kind = times
            elif field.name in numbers:
                kind = pa.float64()
            fields.append(pa.field(field.name, kind, nullable=False))
        columns = [
            pa.array([getattr(one, field.name) for one in self.evidence], field.type)
            for field in fields
        ]
        return Table(pa.Table.from_arrays(columns, schema=pa.schema(fields)))

    def __str__(self) -> str:
        """Return the evidence as lines."""
        lines = [self._heading(), *(f"note: {note}" for note in self.notes)]
        lines.extend(f"{one.rank:>3}  {one.score:.3f}  {one.text}" for one in self.evidence)
        return "\n".join(lines)

    def __repr__(self) -> str:
        shown = [f"  {one.rank}. {one.score:.3f} {one.text}" for one in self.evidence[:_SHOWN]]
        more = len(self.evidence) + self.left_out - len(shown)
        if more > 0:
            shown.append(f"  … and {more} more")
        return "\n".join([f"<inlay.Context of {self._heading()}>", *shown])

    def _repr_html_(self) -> str:
        cells = "".join(f"<th>{html.escape(name)}</th>" for name in HEADINGS)
        rows = [
            "".join(f"<td>{html.escape(value)}</td>" for value in one.cells())
            for one in self.evidence[:_HTML_ROWS]
        ]
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return (
            f"<table><caption>{html.escape(self._heading())}</caption>"
            f"<thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>{notes}"
        )

    def _heading(self) -> str:
        if self.start is None or self.end is None:
            return f"{self.subject}: undefined, {self.reason}"
        seconds = (self.end - self.start).total_seconds()
        when = f"{self.start:%Y-%m-%d %H:%M:%S.%f}"[:-3]
        said = f"{self.subject}: {seconds:.3f} s from {when} UTC"
        if self.status != "ok":
            return f"{said}, undefined: {self.reason}"
        number = len(self.evidence)
        if not number:
            return f"{said}, nothing unusual"
        pieces = counted(number + self.left_out, "piece")
        return f"{said}, {f'{number} of ' if self.left_out else ''}{pieces} of evidence"
