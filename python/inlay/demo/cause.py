"""Why a request of the demo was slow, found from its id alone, in the files."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

import inlay
from inlay._command_line import program

if TYPE_CHECKING:
    from rich.console import Console

    from inlay.joined import Context

__all__ = ["Slowed", "command_to_ask", "read", "show"]

# A cause at the front of the list; what else was unusual then follows from it.
_SHOWN = 3

# A single slow request may be anything; many at once have a cause. It is the slowest of the half
# second that had most of them.
_SLOWEST = """
    with slow as (
        select *, time_bucket(interval 500 milliseconds, start_time) as bucket
        from spans where origin = $origin
    ), busiest as (
        select bucket from slow group by bucket
        order by sum((attrs->>'times_usual')::double) desc, bucket limit 1
    )
    select trace_id, name, start_time, time,
        1e3 * (epoch(time) - epoch(start_time)) as milliseconds,
        (attrs->>'times_usual')::double as times_usual
    from slow join busiest using (bucket) order by times_usual desc limit 1
"""
_DURING = """
    select count(*) as requests from spans
    where origin = $origin and start_time < $until and time > $since
"""


@dataclass(frozen=True)
class Slowed:
    """A slow request, and what was around it.

    Attributes
    ----------
    request : dict
        ``trace_id``, ``name``, ``start_time``, ``time``, ``milliseconds``, and ``times_usual``, by
        how much it was slower than is usual for its path.
    context : inlay.joined.Context
        The evidence, ranked.
    others : int
        How many slow requests overlap the first piece of evidence, this one among them.
    """

    request: dict[str, Any]
    context: Context
    others: int


def read(folder: Path, origin: int) -> Slowed | None:
    """Take the slowest of many requests that were slow at once, and ask for what was around it.

    Parameters
    ----------
    folder : Path
        Where the files are.
    origin : int
        Its origin: other processes may write to the same folder.

    Returns
    -------
    Slowed or None
        None if no request was much slower than the others.
    """
    found = inlay.query(folder, _SLOWEST, parameters={"origin": origin}).to_pylist()
    if not found:
        return None
    context = inlay.context(folder, trace_id=found[0]["trace_id"], margin=0.05)
    others = 0
    if context.evidence:
        first = context.evidence[0]
        bounds = {"origin": origin, "since": first.start, "until": first.end}
        others = inlay.query(folder, _DURING, parameters=bounds).to_pylist()[0]["requests"]
    return Slowed(found[0], context, others)


def show(slowed: Slowed | None, folder: Path, console: Console) -> None:
    """Print what was found, and the command that finds it."""
    if slowed is None:
        console.print("No request took much longer than the others.")
        return
    request, evidence = slowed.request, slowed.context.evidence
    console.print(
        f"When most requests were slow: {request['name']}, {request['milliseconds']:.0f} ms, "
        f"{request['times_usual']:.0f} times as long as usual, trace {request['trace_id']}.",
        highlight=False,
    )
    if not evidence:
        console.print("Nothing unusual was seen around it.")
        return
    table = Table(title="What was around it, by its id alone", title_justify="left")
    for heading in ("", "layer", "what", "cause", "score"):
        table.add_column(heading, justify="right" if heading == "score" else "left")
    for one in evidence[:_SHOWN]:
        table.add_row(str(one.rank), one.layer, one.text, one.cause, f"{one.score:.2f}")
    console.print(table)
    if evidence[0].name == "gpu.throttle":
        console.print(
            f"That throttle slowed {slowed.others} requests that were kept as spans, this one "
            "among them."
        )
    console.print("Ask for the whole of it:")
    console.print(
        command_to_ask(folder, request["trace_id"]), highlight=False, markup=False, soft_wrap=True
    )


def command_to_ask(folder: Path, trace_id: str) -> str:
    """Give a command line that asks for a request's context.

    Parameters
    ----------
    folder : Path
        Where the files are.
    trace_id : str
        Of the request.

    Returns
    -------
    str
        For a POSIX shell.
    """
    return f"{program()} context {shlex.quote(str(folder))} --trace-id {trace_id[:16]}"
