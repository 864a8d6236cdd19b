"""What judges said: the newest verdict of each subject, and how often it was yes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from inlay.report.directory.rows import as_dicts

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["fairness_of", "verdicts_of"]

_KEY = ("layer", "metric", "series_id", "attrs", "method", "judge", "scope")
_NUMBERS = ("value", "low", "high", "threshold", "effect", "p_value", "n", "n_reference")
_FAIRNESS = "FairnessJudge"
#: Whose interval is that of the effect: the value is of the newest window, the effect of all since
#: the change.
_OF_EFFECT = frozenset({"DriftJudge"})
_ORDER = {"yes": 0, "undefined": 1, "no": 2}


def verdicts_of(verdicts: pa.Table) -> list[dict[str, Any]]:
    """Tell what judges said.

    Parameters
    ----------
    verdicts : pyarrow.Table
        As `stored_rows` gives them.

    Returns
    -------
    list of dict
        One for each subject, method, judge and scope: the newest verdict that is yes or no, or
        without any the newest undefined one; those that say yes first, then those that did, then
        undefined ones. ``windows`` and ``yes`` count, ``first_yes`` is the end of the first window
        that was yes, ``then`` why later windows are undefined. ``low`` and ``high`` are the
        interval of what ``interval_of`` names, ``value`` or ``effect``.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not verdicts.num_rows:
        return []
    ordered = verdicts.sort_by([("start_time", "ascending"), ("time", "ascending")])
    numbered = ordered.select([*_KEY, "origin"])
    is_process = np.equal(ordered["scope"].to_numpy(zero_copy_only=False), "process")
    # A process' own verdicts are told apart; those about a fleet are the same whoever judged.
    origin = np.where(is_process, ordered["origin"].to_numpy(), 0)
    place = numbered.schema.get_field_index("origin")
    numbered = numbered.set_column(place, "origin", pa.array(origin))
    numbered = numbered.append_column("#", pa.array(np.arange(ordered.num_rows)))
    is_yes = np.equal(ordered["verdict"].to_numpy(zero_copy_only=False), "yes")
    numbered = numbered.append_column("yes", pa.array(is_yes.astype(np.int64)))
    first = pa.array(ordered["time"].cast("int64").to_numpy(), mask=~is_yes)
    numbered = numbered.append_column("first", first)
    is_decided = is_yes | np.equal(ordered["verdict"].to_numpy(zero_copy_only=False), "no")
    decided = pa.array(np.arange(ordered.num_rows), mask=~is_decided)
    numbered = numbered.append_column("decided", decided)
    found = numbered.group_by([*_KEY, "origin"], use_threads=False).aggregate(
        [("#", "max"), ("#", "count"), ("yes", "sum"), ("first", "min"), ("decided", "max")]
    )
    newest = as_dicts(ordered.take(found["#_max"]))
    told = as_dicts(ordered.take(pc.coalesce(found["decided_max"], found["#_max"])))
    times = found["first_min"].cast(ordered.schema.field("time").type).to_pylist()
    made = [
        {**_said(row, windows, yes, moment), "then": None if row == last else last["reason"]}
        for row, last, windows, yes, moment in zip(
            told,
            newest,
            found["#_count"].to_pylist(),
            found["yes_sum"].to_pylist(),
            times,
            strict=True,
        )
    ]
    return sorted(made, key=_place)


def _said(row: Mapping[str, Any], windows: int, yes: int, first: Any) -> dict[str, Any]:
    return {
        "layer": row["layer"],
        "metric": row["metric"],
        "attrs": row["attrs"],
        "method": row["method"],
        "judge": row["judge"],
        "scope": row["scope"],
        "verdict": row["verdict"],
        "reason": row["reason"],
        "start": row["start_time"].isoformat(),
        "end": row["time"].isoformat(),
        **{name: row[name] for name in _NUMBERS},
        "interval_of": "effect" if row["judge"] in _OF_EFFECT else "value",
        "parts": dict(zip(row["part_names"] or (), row["part_values"] or (), strict=False)),
        "windows": windows,
        "yes": yes,
        "first_yes": None if first is None else first.isoformat(),
    }


def _place(said: Mapping[str, Any]) -> tuple[Any, ...]:
    names = sorted(said["attrs"].items())
    return (
        _ORDER.get(said["verdict"], 1),
        not said["yes"],
        said["layer"],
        said["metric"],
        names,
        said["method"],
    )


def fairness_of(verdicts: Iterable[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """Choose the verdicts about how fair a model is."""
    return [
        each
        for each in verdicts
        if each["judge"] == _FAIRNESS
        and (each["metric"] == name or each["metric"].startswith(f"{name}."))
    ]
