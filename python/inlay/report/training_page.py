"""The page of a training: its steps on one time axis with what happened, and what was lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inlay.report.charts import Drawing
from inlay.report.formats import count
from inlay.report.lane_charts import bars_drawing, map_drawing, shares_drawing
from inlay.report.page import table
from inlay.report.timeline_charts import Axis, Line, lines_drawing, stack_drawing
from inlay.report.timeline_page import charts, events_part, note, timeline_page
from inlay.report.training_words import (
    PAUSE_HEADINGS,
    PAUSE_NUMBERS,
    RANK_HEADINGS,
    RANK_NUMBERS,
    SLOW_HEADINGS,
    SLOW_NUMBERS,
    goodput_rows,
    pause_rows,
    rank_row,
    slow_rows,
    training_class,
    training_facts,
    training_headline,
)

__all__ = ["training_page"]

_MOST_BARS, _MOST_LINES = 64, 8
_GIB = 2.0**-30


def training_page(
    report: Mapping[str, Any],
    *,
    title: str = "Training",
    pages: Sequence[tuple[str, str]] = (),
) -> str:
    """Make the page of a training: one file without a script that loads nothing from elsewhere.

    Parameters
    ----------
    report : mapping
        What `stored_report` gave; its ``training`` is not None.
    title : str, default: "Training"
        The page's heading.
    pages : sequence of (str, str), optional
        Addresses and names of the pages beside it.

    Returns
    -------
    str
        HTML. What happened in lanes, step time and its phases, loss, rates, what the time went to,
        ranks, checkpoints, and the slowest steps with what overlaps them.

    Raises
    ------
    ImportError
        If there is something to draw and ``vl-convert-python`` is missing; the extra
        ``inlay[report]`` brings it.
    """
    training, axis = report["training"], Axis(report["timeline"])
    happened = [each for each in report["timeline"]["events"] if each["layer"] != "infra"]
    parts = [
        ("steps", "Steps", _steps(training, axis)),
        ("slowest", "The slowest steps", _slowest(training)),
        ("goodput", "What the time went to", _goodput(training)),
        ("ranks", "Ranks and stragglers", _ranks(training, axis)),
        ("pauses", "Checkpoints, restores, evaluations", _pauses(training, axis)),
        ("events", "Events", events_part(happened, report, "training")),
    ]
    return timeline_page(
        report,
        parts,
        title=title,
        subtitle=f"{count(training['steps']['rows'])} rows of steps",
        headline=training_headline(training),
        kind=training_class(training),
        more=training_facts(training),
        pages=pages,
    )


def _band(name: str, of: Mapping[str, Sequence[float | None]] | None) -> list[Line]:
    return [] if of is None else [Line(name, of["mean"], of["min"], of["max"])]


def _steps(training: Mapping[str, Any], axis: Axis) -> str:
    over_time = training["over_time"]
    drawn = [
        lines_drawing(
            axis, _band("Step time", over_time["step_time"]), title="Step time", unit="s", zero=True
        ),
        stack_drawing(axis, over_time["phases"], title="Phases of a step", unit="s"),
        lines_drawing(axis, _band("Loss", over_time["loss"]), title="Loss", unit=""),
        lines_drawing(
            axis, _band("Gradient norm", over_time["gradient_norm"]), title="Gradient norm", unit=""
        ),
        *(
            lines_drawing(axis, [Line(title, over_time[key])], title=title, unit="1/s", zero=True)
            for key, title in (("tokens_rate", "Tokens"), ("samples_rate", "Samples"))
            if over_time.get(key) is not None
        ),
        lines_drawing(
            axis, _band("MFU", over_time["mfu"]), title="MFU", unit="%", factor=100.0, zero=True
        ),
        lines_drawing(
            axis, _band("Learning rate", over_time["learning_rate"]), title="Learning rate", unit=""
        ),
        *_memory(over_time.get("memory") or {}, axis),
    ]
    shown = charts(drawn)
    if not shown:
        return note(
            "No steps: there is no table of them and no training.step_time. "
            "inlay.training.Recorder writes both."
        )
    if training["steps"]["first"] is None:
        return shown + note("There is no table of steps: this is what histograms tell.")
    return shown


def _memory(devices: Mapping[str, Mapping[str, Any]], axis: Axis) -> list[Drawing | None]:
    return [
        lines_drawing(
            axis,
            [Line(kind, of) for kind, of in kinds.items()],
            title=f"Memory of {device}",
            unit="GiB",
            factor=_GIB,
            zero=True,
        )
        for device, kinds in list(devices.items())[:_MOST_LINES]
    ]


def _slowest(training: Mapping[str, Any]) -> str:
    if training["steps"]["first"] is None:
        return note("There is no table of steps.")
    if not training["slowest"]:
        return note("None: no step took 1.2 times the median or longer.")
    rows = slow_rows(training["slowest"])
    return table(SLOW_HEADINGS, rows, label="The slowest steps", numbers=SLOW_NUMBERS) + note(
        "Of a step the rank in which it took longest; the phase that took more than its mean; what "
        "was going on at the same time, the most severe first, with the time both have in common."
    )


def _goodput(training: Mapping[str, Any]) -> str:
    goodput = training["goodput"]
    if goodput is None:
        return note("No goodput: there are neither steps nor training.goodput.")
    if goodput["seconds"] is None:
        return note(f"Goodput {100.0 * goodput['share']:.1f} %; there is no training.badput.")
    drawn = shares_drawing(goodput_rows(goodput), title="Goodput and badput by cause", unit="s")
    return charts([drawn]) + note(
        "Productive is the time of steps that got further, without waits for data and checkpoints; "
        "of several ranks that of the lowest."
    )


def _ranks(training: Mapping[str, Any], axis: Axis) -> str:
    ranks = training["ranks"]
    if not ranks:
        return note("No ranks: the steps have none, and there is no training.wait.")
    waiting = [rank for rank in ranks if rank["wait"] is not None]
    drawn: list[Drawing | None] = []
    if len(waiting) > 1:
        bars = [(f"rank {of['rank']}", of["wait"], bool(of["named"])) for of in waiting]
        shown = (
            sorted(bars, key=lambda bar: bar[1])[:_MOST_BARS] if len(bars) > _MOST_BARS else bars
        )
        title = "Mean wait inside collectives"
        if len(bars) > _MOST_BARS:
            title += f", the {_MOST_BARS} that wait least"
        drawn.append(bars_drawing(shown, title=title, unit="ms", factor=1e3))
        lines = [Line(f"rank {of['rank']}", of["waits"]) for of in waiting]
        if len(lines) <= _MOST_LINES:
            drawn.append(
                lines_drawing(axis, lines, title="Wait by rank", unit="ms", factor=1e3, zero=True)
            )
        else:
            rows = [(line.name, line.mean) for line in lines[:_MOST_BARS]]
            drawn.append(map_drawing(axis, rows, title="Wait by rank", unit="ms", factor=1e3))
    ordered = sorted(ranks, key=lambda rank: (not rank["named"], -rank["named_seconds"]))
    rows_of_ranks = [rank_row(rank) for rank in ordered]
    return (
        charts(drawn)
        + table(RANK_HEADINGS, rows_of_ranks, label="Ranks", numbers=RANK_NUMBERS)
        + note(
            "All ranks of a step take equally long, since they wait for each other: who waits "
            "least is who the others wait for."
        )
    )


def _pauses(training: Mapping[str, Any], axis: Axis) -> str:
    pauses = training["pauses"]
    if not pauses:
        return note("None: there are no events of them.")
    lines = []
    for name, of in pauses.items():
        values: list[float | None] = [None] * axis.count
        for at, length in of["each"]:
            place = axis.place(at * 1e3)
            if place is not None:
                values[place] = max(values[place] or 0.0, length)
        lines.append(Line(name.partition(".")[2], values))
    drawn = lines_drawing(axis, lines, title="How long each took", unit="s", zero=True)
    rows = pause_rows(pauses)
    return charts([drawn]) + table(
        PAUSE_HEADINGS, rows, label="Checkpoints, restores, evaluations", numbers=PAUSE_NUMBERS
    )
