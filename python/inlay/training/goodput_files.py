"""The goodput of a run, from the files that its processes left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.training.ledger import Goodput, Ledger
from inlay.training.step_table import PHASES

if TYPE_CHECKING:
    import os

    import pyarrow

__all__ = ["goodput"]

_STARTS = ("training.start", "training.restart")
_CAUSES = {
    "training.checkpoint": "unproductive_checkpoint_save_time",
    "training.restore": "unproductive_checkpoint_restore_time",
    "training.eval": "custom_badput_events",
    "training.badput": None,  # the event says which
}
# What `Ledger.catch_up` takes, as the event says it.
_TOLD = ("productive", "wasted", "data_wait", "steps", "replayed")
_STEP_COLUMNS = ("time", "origin", "rank", "step", *PHASES)


def goodput(directory: str | os.PathLike[str], *, rank: int | None = None) -> Goodput:
    """Return how the time of a run was spent, over all its processes.

    Parameters
    ----------
    directory : str or os.PathLike
        What `inlay.sinks.Files` wrote for them, restarts included.
    rank : int, optional
        Whose steps count; the lowest there is unless given.

    Returns
    -------
    Goodput
        From the first process's start to the last sign of life. A step is replayed if one of its
        number or a higher one ended before, whatever the process knew then. What a process did
        after its last window, before it was killed, is in no file: with ``Recorder(state=…)`` the
        next process tells of it; without, it counts as recovery, up to a window a restart.

    Raises
    ------
    InvalidArgumentError
        If the directory holds no training steps, or none of the rank.
    SerializationError
        If a file is damaged.
    OSError
        If a file cannot be read.
    """
    from inlay._files.rows import chosen_rows

    root = Path(directory)
    if not root.is_dir():
        message = "no such directory"
        raise FileNotFoundError(2, message, str(root))
    found = chosen_rows(root, {"steps": _steps, "events": _events})
    steps = [row for table in found.tables.get("steps", []) for row in table.to_pylist()]
    if not steps:
        message = f"there are no training steps in {str(root)!r}"
        raise InvalidArgumentError(message)
    chosen = min((row["rank"] for row in steps if row["rank"] is not None), default=None)
    chosen = chosen if rank is None else rank
    steps = [row for row in steps if row["rank"] == chosen]
    if not steps:
        message = f"there are no training steps of rank {chosen!r} in {str(root)!r}"
        raise InvalidArgumentError(message)
    events = [row for table in found.tables.get("events", []) for row in table.to_pylist()]
    return _account(_unique(steps), _of_rank(events, chosen, {row["origin"] for row in steps}))


def _steps(table: pyarrow.Table) -> pyarrow.Table:
    return table.select(list(_STEP_COLUMNS))


def _events(table: pyarrow.Table) -> pyarrow.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    names = pa.array([*_STARTS, *_CAUSES])
    kept = table.filter(pc.is_in(table["name"].cast(pa.utf8()), value_set=names))
    return kept.select(["time", "end_time", "origin", "name", "attrs"])


def _unique(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop rows that were delivered twice."""
    return list({(row["origin"], row["time"], row["step"]): row for row in rows}.values())


def _of_rank(
    events: list[dict[str, Any]], rank: int | None, origins: set[int]
) -> list[dict[str, Any]]:
    kept = {}
    for event in events:
        event["attrs"] = json.loads(event["attrs"])
        told = event["attrs"].get("rank")
        mine = event["origin"] in origins or event["name"] in _STARTS
        if mine and told == (None if rank is None else str(rank)):
            key = (event["origin"], event["name"], event["time"], event["end_time"])
            kept[key] = event
    return list(kept.values())


def _told(attrs: dict[str, str]) -> list[float] | None:
    """Return what a process's first event says of those before it; None if it knows of none."""
    return [float(attrs[name]) for name in _TOLD] if "last_alive" in attrs else None


def _account(steps: list[dict[str, Any]], events: list[dict[str, Any]]) -> Goodput:
    happened: list[tuple[float, int, dict[str, Any]]] = []
    for row in steps:
        happened.append((row["time"].timestamp(), 1, row))
    for event in events:
        begins = event["name"] in _STARTS
        moment = event["time"] if begins else event["end_time"] or event["time"]
        happened.append((moment.timestamp(), 0, event))
    happened.sort(key=lambda one: one[:2])
    ledger: Ledger | None = None
    highest = -1
    last: float | None = None
    unseen: list[float] | None = None  # what the run had done before the first event there is
    for moment, _, row in happened:
        name = row.get("name")
        if name in _STARTS:
            told = _told(row["attrs"])
            highest = max(highest, int(row["attrs"].get("highest_step", -1)))
            if ledger is None:
                nothing = [0.0] * len(_TOLD)
                ledger, unseen = Ledger(moment), nothing if name == "training.start" else told
            elif told is None or unseen is None or last is None:
                unseen = None  # a process that knows nothing of those before it
            else:
                alive = min(moment, float(row["attrs"]["last_alive"]))
                done = [all_of - before for all_of, before in zip(told, unseen, strict=True)]
                ledger.catch_up(done, alive)
                last = max(last, alive)
            ledger.process(moment, last)
            last = max(moment, last or moment)
            continue
        if ledger is None:  # of a process that never said that it began
            seconds = 0.0 if name else sum(row[phase] for phase in PHASES)
            start = row["time"].timestamp() - seconds
            ledger = Ledger(start)
            ledger.process(start, None)
        last = max(moment, last or moment)
        if name is None:
            replayed = row["step"] <= highest
            highest = max(highest, row["step"])
            ledger.step(
                moment,
                sum(row[phase] for phase in PHASES),
                data_wait=row["data_wait"],
                checkpoint=row["checkpoint"],
                replayed=replayed,
            )
        elif row["attrs"].get("blocking") != "false":
            cause = _CAUSES[name] or row["attrs"].get("cause", "custom_badput_events")
            ledger.interval(cause, row["time"].timestamp(), moment)
    assert ledger is not None  # there are steps
    return ledger.goodput(ledger.end)
