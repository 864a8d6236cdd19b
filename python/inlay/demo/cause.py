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
# A request that lay in a throttle by so much of its time was slow for that.
_MOSTLY = 0.5
# From this share of the time on that processes waited for a processor it is worth a line.
_BUSY = 0.2

_THROTTLES = """
    select time, end_time from events
    where origin = $origin and name = 'gpu.throttle' and end_time > time
"""
_SPANS = f"""
    with throttles as ({_THROTTLES}), slow as (
        select *, (attrs->>'times_usual')::double as times_usual,
            1e3 * (epoch(time) - epoch(start_time)) as milliseconds
        from spans where origin = $origin
    ), placed as (
        select *, coalesce((
            select sum(1e3 * (epoch(least(slow.time, throttles.end_time))
                - epoch(greatest(slow.start_time, throttles.time))))
            from throttles
            where throttles.time < slow.time and throttles.end_time > slow.start_time
        ), 0) / milliseconds as throttled
        from slow
    )
"""
# What the demo does to the GPU slows requests; the slowest of these is asked about. Without any, a
# single slow request may be anything, and many at once have a cause: it is the slowest of the half
# second that had most of them.
_SLOWEST_THROTTLED = f"""
    {_SPANS}
    select trace_id, name, start_time, time, milliseconds, times_usual
    from placed where throttled >= {_MOSTLY} order by times_usual desc, trace_id limit 1
"""
_SLOWEST_OF_MANY = f"""
    {_SPANS}, busiest as (
        select time_bucket(interval 500 milliseconds, start_time) as bucket from slow
        group by bucket order by sum(times_usual) desc, bucket limit 1
    )
    select trace_id, name, start_time, time, milliseconds, times_usual
    from slow join busiest
        on time_bucket(interval 500 milliseconds, start_time) = busiest.bucket
    order by times_usual desc, trace_id limit 1
"""
_COUNTS = f"""
    {_SPANS}
    select count(*) as slow, count(*) filter (throttled > 0) as throttled from placed
"""
_STALLED = """
    select coalesce(sum((attrs->>'seconds')::double), 0) / (
        select epoch(max(time)) - epoch(min(start_time)) from points where origin = $origin
    ) as share
    from events
    where origin = $origin and name = 'host.pressure' and attrs->>'resource' = 'cpu'
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
    slow : int
        How many requests took long for their path.
    throttled : int
        How many of these ran while the GPU was throttled.
    during_throttle : bool
        Whether this one did, for most of its time.
    stalled : float
        The share of the time that processes of this machine waited for a processor.
    """

    request: dict[str, Any]
    context: Context
    slow: int
    throttled: int
    during_throttle: bool
    stalled: float


def read(folder: Path, origin: int) -> Slowed | None:
    """Take the slowest request while the GPU was throttled, and ask for what was around it.

    Where none was slow then, it is the slowest of many that were slow at once.

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

    def rows(sql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = inlay.query(
            folder, sql, parameters={"origin": origin}
        ).to_pylist()
        return found

    throttled = rows(_SLOWEST_THROTTLED)
    chosen = throttled or rows(_SLOWEST_OF_MANY)
    if not chosen:
        return None
    context = inlay.context(folder, trace_id=chosen[0]["trace_id"], margin=0.05)
    stalled = rows(_STALLED)[0]["share"] or 0.0
    return Slowed(
        chosen[0], context, **rows(_COUNTS)[0], during_throttle=bool(throttled), stalled=stalled
    )


def show(slowed: Slowed | None, folder: Path, console: Console) -> None:
    """Print what was found, and the command that finds it."""
    if slowed is None:
        console.print("No request took much longer than the others.")
        return
    request, evidence = slowed.request, slowed.context.evidence
    console.print(_why_this(slowed), highlight=False)
    console.print(
        f"It is {request['name']} at {request['start_time']:%H:%M:%S} UTC, "
        f"{request['milliseconds']:.0f} ms, {request['times_usual']:.0f} times as long as usual, "
        f"trace {request['trace_id']}.",
        highlight=False,
    )
    if slowed.stalled >= _BUSY:
        console.print(
            f"The machine itself was busy: for {slowed.stalled:.0%} of the time processes waited "
            "for a processor, which slows any request.",
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
    console.print("Ask for the whole of it:")
    console.print(
        command_to_ask(folder, request["trace_id"]), highlight=False, markup=False, soft_wrap=True
    )


def _why_this(slowed: Slowed) -> str:
    """Say why this request is asked about."""
    many = f"{slowed.slow} requests took long for their path"
    if slowed.during_throttle:
        return (
            f"{many}, {slowed.throttled} of them while the GPU was throttled, as it is on purpose "
            "now and then. The slowest of these is asked about."
        )
    none = "none of them" if slowed.throttled == 0 else "none for most of its time"
    return (
        f"{many}, {none} while a GPU was throttled. The slowest of those that were slow at once "
        "is asked about."
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
