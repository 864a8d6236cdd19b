"""What the demo shows at its end, all of it read back from the files."""

from __future__ import annotations

import datetime
import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

import inlay
from inlay._command_line import command_line, program
from inlay.demo import happened
from inlay.demo.features import STRANGER
from inlay.demo.server import LEAST_EFFECT, LEAST_ROWS

if TYPE_CHECKING:
    from rich.console import Console

    from inlay.demo.traffic import Outcome, Tally

__all__ = [
    "PAGES",
    "Measured",
    "command_to_judge",
    "command_to_report",
    "command_to_try",
    "disagreements",
    "read",
    "show",
]

_ROUTES = """
    select
        attrs->>'http.request.method' as method,
        attrs->>'http.route' as route,
        sum(count)::bigint as requests,
        sum(count) / (epoch(max(time)) - epoch(min(start_time))) as rate,
        1e3 * eh_quantile(eh_merge(h), 0.5) as p50_ms,
        1e3 * eh_quantile(eh_merge(h), 0.99) as p99_ms,
        sum(case when (attrs->>'http.response.status_code')::int between 400 and 499
            then count else 0 end)::bigint as client_errors,
        sum(case when (attrs->>'http.response.status_code')::int >= 500
            then count else 0 end)::bigint as server_errors
    from histograms
    where metric = 'http.server.request.duration' and origin = $origin
    group by all
    order by requests desc, route, method
"""

_OUTCOMES = """
    select
        attrs->>'http.request.method' as method,
        attrs->>'http.route' as route,
        (attrs->>'http.response.status_code')::int as status,
        sum(count)::bigint as requests
    from histograms
    where metric = 'http.server.request.duration' and origin = $origin
    group by all
"""

_LAYERS = """
    select
        layer, metric, sum(count)::bigint as values, sum(sum) / sum(count) as mean,
        eh_quantile(eh_merge(h), 0.05) as p5,
        eh_quantile(eh_merge(h), 0.5) as p50,
        eh_quantile(eh_merge(h), 0.95) as p95
    from histograms
    where layer in ('model', 'data') and origin = $origin
    group by all
    order by layer desc, metric
"""

_EVENTS = """
    select epoch_us(time) as time, epoch_us(end_time) as end_time, origin, layer, name, severity,
        body, attrs, resource, trace_id
    from events
    where origin = $origin
"""

_DRIFT = """
    select
        attrs->>'column' as feature, method,
        count(*) filter (verdict <> 'undefined')::bigint as panes,
        count(*) filter (verdict = 'yes')::bigint as alarms,
        min(time) filter (verdict = 'yes') as told,
        arg_max(reason, start_time) filter (verdict = 'yes' and method = 'drift') as since,
        arg_max(effect, start_time) filter (verdict <> 'undefined') as effect,
        arg_max(part_names, start_time) filter (verdict = 'yes') as names
    from verdicts
    where attrs->>'watch' = 'images' and origin = $origin
    group by all
    order by alarms desc, feature, method
"""

PAGES = "report"
"""The folder of the pages, in that of the files."""

# What the client does half-way changes these, and these alone.
_INJECTED = {("centre_x", "drift"), ("scanner", "drift"), ("scanner", "new_categories")}
# With fewer images there is not always enough to tell.
_ENOUGH = 4000

_TRY = (
    "select attrs->>'http.request.method' as method, attrs->>'http.route' as route, "
    "sum(count)::bigint as requests, "
    "round(1e3 * eh_quantile(eh_merge(h), 0.99), 2) as p99_ms "
    "from histograms where metric = 'http.server.request.duration' "
    "group by method, route order by requests desc"
)


@dataclass(frozen=True)
class Measured:
    """What the files say about one process."""

    routes: list[dict[str, Any]]
    outcomes: Counter[Outcome]
    layers: list[dict[str, Any]]
    happened: list[str]
    drift: list[dict[str, Any]]
    images: int


def read(folder: Path, origin: int) -> Measured:
    """Read what one process measured.

    Parameters
    ----------
    folder : Path
        Where it wrote.
    origin : int
        Its origin: other processes may write to the same folder.

    Returns
    -------
    Measured
        The answers.
    """

    def rows(sql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = inlay.query(
            folder, sql, parameters={"origin": origin}
        ).to_pylist()
        return found

    layers = rows(_LAYERS)
    return Measured(
        routes=rows(_ROUTES),
        outcomes=Counter(
            {(r["method"], r["route"], r["status"]): r["requests"] for r in rows(_OUTCOMES)}
        ),
        layers=layers,
        happened=happened.lines(rows(_EVENTS)),
        drift=rows(_DRIFT),
        images=next((r["values"] for r in layers if r["metric"] == "model.confidence"), 0),
    )


def disagreements(measured: Measured, tally: Tally) -> list[str]:
    """Compare what the files say with what the client counted.

    Parameters
    ----------
    measured : Measured
        From the files.
    tally : Tally
        From the client.

    Returns
    -------
    list of str
        A line for each difference; none when all is well.
    """
    lines = [
        f"{' '.join(map(str, outcome))}: the files say {measured.outcomes[outcome]}, "
        f"the client counted {tally.outcomes[outcome]}"
        for outcome in sorted(measured.outcomes.keys() | tally.outcomes.keys())
        if measured.outcomes[outcome] != tally.outcomes[outcome]
    ]
    if measured.images != tally.images:
        lines.append(f"images: the files say {measured.images}, the client counted {tally.images}")
    found = {(row["feature"], row["method"]) for row in measured.drift if row["alarms"]}
    wrong = found - _INJECTED if tally.images < _ENOUGH else found ^ _INJECTED
    lines += [f"drift of {column} ({method}): told wrongly" for column, method in sorted(wrong)]
    return lines + tally.unexpected


def command_to_try(folder: Path) -> str:
    """Give a command line that asks the files something.

    Parameters
    ----------
    folder : Path
        Where the files are.

    Returns
    -------
    str
        For a POSIX shell.
    """
    # In double quotes it stays readable: the SQL has nothing that a shell would expand there.
    return f'{program()} query "{_TRY}" {shlex.quote(str(folder))}'


def command_to_judge(folder: Path) -> str:
    """Give a command line that judges the files as the server did.

    Parameters
    ----------
    folder : Path
        Where the files are.

    Returns
    -------
    str
        For a POSIX shell.
    """
    where = shlex.quote(str(folder))
    # Nobody writes there any more, so no window need wait for a process.
    chosen = f"--threshold {LEAST_EFFECT} --min-rows {LEAST_ROWS} --idle 0"
    return f"{program()} judge {where} {chosen}"


def command_to_report(folder: Path) -> str:
    """Give a command line that makes pages of the files.

    Parameters
    ----------
    folder : Path
        Where the files are.

    Returns
    -------
    str
        For a POSIX shell.
    """
    return command_line(["report", folder, "-o", folder / PAGES])


def show(measured: Measured, tally: Tally, console: Console) -> None:
    """Print the tables.

    Parameters
    ----------
    measured : Measured
        From the files.
    tally : Tally
        From the client.
    console : Console
        Where to.
    """
    routes = Table("route", title="Requests, as the files have them", title_justify="left")
    for heading in ("requests", "1/s", "p50 ms", "p99 ms", "4xx", "5xx"):
        routes.add_column(heading, justify="right")
    for row in measured.routes:
        routes.add_row(
            f"{row['method']} {row['route']}",
            f"{row['requests']:,}",
            f"{row['rate']:.1f}",
            f"{row['p50_ms']:.2f}",
            f"{row['p99_ms']:.2f}",
            *(f"{row[name]:,}" if row[name] else "" for name in ("client_errors", "server_errors")),
        )
    console.print(routes)
    layers = Table("layer", "metric", title="The model and its input", title_justify="left")
    for heading in ("values", "mean", "p5", "p50", "p95"):
        layers.add_column(heading, justify="right")
    for row in measured.layers:
        numbers = (f"{row[name]:.3g}" for name in ("mean", "p5", "p50", "p95"))
        layers.add_row(row["layer"], row["metric"], f"{row['values']:,}", *numbers)
    console.print(layers)
    _show_drift(measured, tally, console)
    for line in measured.happened:
        console.print(line, highlight=False, markup=False)


def _show_drift(measured: Measured, tally: Tally, console: Console) -> None:
    drift = Table(
        "feature",
        "drift",
        "told at (UTC)",
        "since about",
        title="The images against the training's",
        title_justify="left",
    )
    for heading in ("difference", "panes", "of them yes"):
        drift.add_column(heading, justify="right")
    named: list[str] = []
    for row in measured.drift:
        if row["method"] == "new_categories" and row["alarms"]:
            named.append(f"New in {row['feature']}: {', '.join(row['names'] or ())}")
        if row["method"] != "drift":
            continue
        drift.add_row(
            row["feature"],
            "[bold red]yes[/]" if row["alarms"] else "no" if row["panes"] else "undefined",
            f"{row['told']:%H:%M:%S}" if row["told"] else "",
            _clock(row["since"]),
            "" if row["effect"] is None else f"{row['effect']:.3f}",
            f"{row['panes']:,}",
            f"{row['alarms']:,}" if row["alarms"] else "",
        )
    console.print(drift)
    if tally.strange is not None:
        joined = datetime.datetime.fromtimestamp(tally.strange, datetime.UTC)
        console.print(
            f"At {joined:%H:%M:%S} UTC a third scanner joined, {STRANGER!r}; its images lie "
            "one pixel too far to the right.",
            highlight=False,
        )
    for line in named:
        console.print(line, highlight=False, markup=False)


def _clock(since: str | None) -> str:
    """Return the time of day, in UTC, in what a judge says of a yes: ``since`` and an ISO time."""
    if since is None:
        return ""
    moment = datetime.datetime.fromisoformat(since.removeprefix("since "))
    return f"{moment.astimezone(datetime.UTC):%H:%M:%S}"
