"""What a directory of tables says, as one plain dict that the pages are made of."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from inlay._arguments import check_order
from inlay._exceptions import InvalidArgumentError
from inlay.report.directory.drift import comparisons_of, profile_of, watched_in
from inlay.report.directory.estimates import starts_of
from inlay.report.directory.extent import extent_of
from inlay.report.directory.layers import layers_of
from inlay.report.directory.measured import measured_of
from inlay.report.directory.quality import judged_rates, quality_of
from inlay.report.directory.rows import Span, stored_rows
from inlay.report.directory.verdicts import fairness_of, verdicts_of

__all__ = ["stored_report"]


def stored_report(
    directory: str | Path,
    *,
    start: datetime.datetime | None = None,
    end: datetime.datetime | None = None,
    split: datetime.datetime | None = None,
) -> dict[str, Any]:
    """Read what a directory says of data, models, the infrastructure and trainings.

    Parameters
    ----------
    directory : str or Path
        What `sinks.Files` wrote, of one process or many.
    start, end : datetime with a zone, optional
        Rows whose whole window lies within are taken; by default all.
    split : datetime with a zone, optional
        What lies before is compared with what follows; a window that it cuts belongs to neither. By
        default the start of the pane of quality, or without any of a watch, that is nearest to the
        middle.

    Returns
    -------
    dict
        ``directory``, ``start``, ``end``, ``split``, ``notes`` (what could not be read),
        ``quality``, ``measured`` (histograms and counters of layer ``model``), ``rates`` (of
        judged answers), ``verdicts``, ``comparisons``, ``profile``, ``timeline`` (the axis of what
        follows, and what happened on it), ``infra`` and ``training``: None where there are no
        rows. If nothing lies within the time asked for, ``holds`` are the start and the end of
        what there is, else it is None. All of it has a place in JSON.

    Raises
    ------
    InvalidArgumentError
        If it is no such directory, or a time has no zone or lies beyond another.
    SerializationError
        If a file is damaged; the message names it.
    OSError
        If a file cannot be read.
    """
    from inlay.drift.comparison.stored_points import is_points_directory

    root = Path(directory)
    if not is_points_directory(root):
        message = f"no directory of tables that inlay wrote: {str(directory)!r}"
        raise InvalidArgumentError(message)
    check_order({"start": start, "split": split, "end": end})
    span = Span(start, end)
    rows = stored_rows(root, span)
    watched = watched_in(root, span)
    is_chosen = split is None
    if split is None:
        split = _middle(starts_of(rows.points)) or _middle(watched.starts)
        if split is not None and watched.is_profiled:
            # A profile's points are of a moment, which must not lie on both sides.
            split -= datetime.timedelta(microseconds=1)
    quality, not_put_together = quality_of(rows.points, split)
    verdicts = verdicts_of(rows.verdicts)
    for each in quality:
        each["fairness"] = fairness_of(verdicts, each["name"])
    found = {
        "quality": quality,
        "measured": measured_of(
            rows.points, split, [each["name"] for each in quality], by_start=is_chosen
        ),
        "rates": judged_rates(rows.points, split),
        "verdicts": verdicts,
        "comparisons": comparisons_of(root, span, split, watched.watches),
        "profile": profile_of(root, span) if watched.is_profiled else None,
        **layers_of(root, span, rows.verdicts),
    }
    is_missed = span != Span() and not any(found.values())
    return {
        "directory": str(directory),
        "start": _iso(start),
        "end": _iso(end),
        "split": _iso(split),
        "notes": [*rows.notes, *not_put_together],
        "holds": extent_of(root) if is_missed else None,
        **found,
    }


def _middle(starts: list[datetime.datetime]) -> datetime.datetime | None:
    """Return the start nearest to the middle, of two the later; None if there is only one."""
    if len(starts) < 2:
        return None
    middle = starts[0] + (starts[-1] - starts[0]) / 2
    return min(starts[1:], key=lambda each: (abs(each - middle), middle - each))


def _iso(moment: datetime.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
