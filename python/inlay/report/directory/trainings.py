"""What a directory says of a training: its steps, what time was lost to, who slowed it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inlay.report.directory.estimates import iso
from inlay.report.directory.infrastructure import numbers_of
from inlay.report.directory.step_rows import NO_RANK, PHASES

if TYPE_CHECKING:
    import numpy as np

    from inlay.report.directory.binned_points import Binned
    from inlay.report.directory.places import Places
    from inlay.report.directory.step_rows import StepRows
    from inlay.report.directory.stretches import Timeline
    from inlay.summary.exp_histogram import ExpHistogram

__all__ = ["training_of"]

_MOST_SLOW, _MOST_RANKS, _MOST_OVERLAPS, _MOST_PAUSES = 20, 256, 8, 100
#: So many times the median.
_SLOW = 1.2
#: Intervals that say what a step is anyway, not why it is slow.
_NO_CAUSES = frozenset({"training.start", "gpu.info"})
_PAUSES = ("training.checkpoint", "training.restore", "training.eval")
_SAVE, _WASTED = "unproductive_checkpoint_save_time", "wasted_progress_from_disruption"


def training_of(
    steps: StepRows,
    series: Sequence[Binned],
    occurrences: Sequence[Mapping[str, Any]],
    places: Places,
    timeline: Timeline,
) -> dict[str, Any]:
    """Tell of a training, on a timeline.

    Returns
    -------
    dict
        ``steps``, ``over_time``, ``goodput``, ``ranks``, ``pauses``, ``slowest`` and counts of
        what happened.
    """
    mine = [each for each in series if each.series.layer == "training"]
    by_rank = steps.binned(timeline)
    counts: dict[str, int] = defaultdict(int)
    for row in occurrences:
        counts[row["name"]] += 1
    return {
        "steps": _steps(steps, by_rank),
        "over_time": _over_time(by_rank, mine),
        "goodput": _goodput(by_rank, mine),
        "ranks": _ranks(steps, mine, occurrences)[:_MOST_RANKS],
        "pauses": _pauses(occurrences),
        "restarts": counts["training.restart"],
        "slowest": _slowest(steps, by_rank, occurrences, places),
    }


def _rank(number: int) -> int | None:
    return None if number == NO_RANK else number


def _steps(steps: StepRows, by_rank: Mapping[int, Mapping[str, np.ndarray]]) -> dict[str, Any]:
    import numpy as np

    def total(name: str) -> int:
        return int(sum(np.nansum(of[name]) for of in by_rank.values()))

    lowest = by_rank[min(by_rank)] if by_rank else None
    return {
        "rows": total("n"),
        "ranks": len(by_rank),
        "first": steps.first,
        "last": steps.last,
        "start": iso(steps.start),
        "end": iso(steps.end),
        "seconds": {
            **_spread(steps.durations[min(by_rank)]),
            "1": max(steps.longest[rank] for rank in by_rank),
        }
        if by_rank
        else None,
        "tokens": total("tokens") or None,
        "samples": total("samples") or None,
        # Ranks step together.
        "nonfinite": int(max((np.nansum(of["nonfinite"]) for of in by_rank.values()), default=0)),
        "replayed": 0 if lowest is None else int(np.nansum(lowest["replayed"])),
    }


def _spread(durations: ExpHistogram) -> dict[str, float | None]:
    return {name: durations.quantile(q) for name, q in (("0.5", 0.5), ("0.95", 0.95))}


# ---- over time ---------------------------------------------------------------------------------
def _over_time(
    by_rank: Mapping[int, Mapping[str, np.ndarray]], series: Sequence[Binned]
) -> dict[str, Any]:
    import numpy as np

    made: dict[str, Any] = {"phases": {}, "step_time": None, "loss": None, "gradient_norm": None}
    if by_rank:
        whole = {name: _sum([of[name] for of in by_rank.values()]) for name in _summed()}
        n = np.maximum(whole["n"], 1.0)
        made["phases"] = {
            name: numbers_of(whole[name] / n) for name in PHASES if np.nansum(whole[name]) > 0
        }
        made["step_time"] = {
            "mean": numbers_of(whole["seconds"] / n),
            "min": numbers_of(_of(np.fmin, by_rank, "least")),
            "max": numbers_of(_of(np.fmax, by_rank, "most")),
        }
        with np.errstate(invalid="ignore", divide="ignore"):
            if np.nansum(whole["losses"]) > 0:
                made["loss"] = {
                    "mean": numbers_of(_ratio(whole["loss"], whole["losses"])),
                    "min": numbers_of(_of(np.fmin, by_rank, "loss_least")),
                    "max": numbers_of(_of(np.fmax, by_rank, "loss_most")),
                }
            if np.nansum(whole["norms"]) > 0:
                mean = numbers_of(_ratio(whole["norm"], whole["norms"]))
                most = numbers_of(_of(np.fmax, by_rank, "norm_most"))
                made["gradient_norm"] = {"mean": mean, "min": mean, "max": most}
            for name in ("tokens", "samples"):
                if np.nansum(whole[name]) > 0:
                    rates = [_ratio(of[name], of["seconds"]) for of in by_rank.values()]
                    made[f"{name}_rate"] = numbers_of(_sum(rates))
    else:
        made["step_time"] = _points_of(series, "training.step_time")
        made["phases"] = {
            each.attrs.get("phase", "?"): numbers_of(each.mean)
            for each in series
            if each.series.metric == "training.phase"
        }
        for name in ("loss", "gradient_norm"):
            made[name] = _points_of(series, f"training.{name}")
        found = [each for each in series if each.series.metric == "training.token_rate"]
        if found:
            made["tokens_rate"] = numbers_of(_sum([each.mean for each in found]))
    for name in ("mfu", "learning_rate"):
        made[name] = _points_of(series, f"training.{name}")
    made["memory"] = _memory(series)
    return made


def _memory(series: Sequence[Binned]) -> dict[str, dict[str, list[float | None]]]:
    """Return memory by device and kind: of several ranks the one that has the most of it."""
    import numpy as np

    found: dict[str, dict[str, list[np.ndarray]]] = defaultdict(lambda: defaultdict(list))
    for each in series:
        if each.series.metric == "training.memory":
            of = found[each.attrs.get("device", "?")]
            of[each.attrs.get("kind", "?")].append(each.max)
    return {
        device: {kind: numbers_of(np.fmax.reduce(of)) for kind, of in sorted(kinds.items())}
        for device, kinds in sorted(found.items())
    }


def _summed() -> tuple[str, ...]:
    return (*PHASES, "n", "seconds", "loss", "losses", "norm", "norms", "tokens", "samples")


def _sum(arrays: Sequence[np.ndarray]) -> np.ndarray:
    import numpy as np

    stacked = np.stack(arrays)
    return np.where(np.isnan(stacked).all(axis=0), np.nan, np.nansum(stacked, axis=0))


def _of(
    function: np.ufunc, by_rank: Mapping[int, Mapping[str, np.ndarray]], name: str
) -> np.ndarray:
    import numpy as np

    reduced = function.reduce(np.stack([of[name] for of in by_rank.values()]), axis=0)
    return np.asarray(reduced, np.float64)


def _ratio(of: np.ndarray, by: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.where(by > 0, of / np.where(by > 0, by, 1.0), np.nan)


def _points_of(series: Sequence[Binned], metric: str) -> dict[str, list[float | None]] | None:
    found = [each for each in series if each.series.metric == metric]
    if not found:
        return None
    each = found[0]
    return {name: numbers_of(getattr(each, name)) for name in ("mean", "min", "max")}


# ---- goodput -----------------------------------------------------------------------------------
def _goodput(
    by_rank: Mapping[int, Mapping[str, np.ndarray]], series: Sequence[Binned]
) -> dict[str, Any] | None:
    """Account for the time: what steps took that got further, and what was lost to what."""
    import numpy as np

    lost: dict[str, float] = defaultdict(float)
    for each in series:
        if each.series.metric == "training.badput" and each.total > 0:
            lost[each.attrs.get("cause", "?")] = max(lost[each.attrs.get("cause", "?")], each.total)
    told = [each.last for each in series if each.series.metric == "training.goodput"]
    newest = next((of for of in told if of is not None), None)
    if by_rank:
        first = by_rank[min(by_rank)]
        steps = {name: float(np.nansum(first[name])) for name in (*PHASES, "seconds", "again")}
        productive = steps["seconds"] - steps["data_wait"] - steps["checkpoint"] - steps["again"]
        if not lost:
            lost["data_loading_sync"] = steps["data_wait"]
            lost[_SAVE] = steps["checkpoint"]
            lost[_WASTED] = steps["again"]
        # Compiling is a part of the first step.
        productive = max(0.0, productive - lost.get("program_startup", 0.0))
    elif newest is not None and lost and newest < 1.0:
        productive = sum(lost.values()) * newest / (1.0 - newest)
    else:
        return None if newest is None else {"share": newest, "seconds": None, "lost": {}}
    kept = {cause: of for cause, of in sorted(lost.items(), key=lambda item: -item[1]) if of > 0}
    whole = productive + sum(kept.values())
    if not whole:
        return None
    return {"share": productive / whole, "seconds": productive, "lost": kept, "told": newest}


# ---- ranks -------------------------------------------------------------------------------------
def _ranks(
    steps: StepRows,
    series: Sequence[Binned],
    occurrences: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}

    def of(rank: object) -> dict[str, Any]:
        name = str(rank)
        return found.setdefault(
            name,
            {"rank": name, "steps": None, "seconds": None, "wait": None, "waits": None}
            | {"scores": {}, "named": 0, "named_seconds": 0.0},
        )

    for rank, durations in steps.durations.items():
        if _rank(rank) is not None:
            row = of(rank)
            row["steps"] = durations.count
            row["seconds"] = _spread(durations)
    for each in series:
        if "rank" not in each.attrs:
            continue
        if each.series.metric == "training.wait":
            row = of(each.attrs["rank"])
            row["wait"], row["waits"] = each.whole_mean, numbers_of(each.mean)
        elif each.series.metric == "training.straggler_score":
            name = " ".join(each.attrs[key] for key in ("section", "against") if key in each.attrs)
            of(each.attrs["rank"])["scores"][name or "score"] = {
                "last": each.last,
                "least": float(each.min[each.n > 0].min()),
            }
    for event in occurrences:
        if event["name"] == "training.straggler" and "rank" in event["attrs"]:
            row = of(event["attrs"]["rank"])
            row["named"] += 1
            row["named_seconds"] += (event["end"] - event["start"]) / 1e6
    numbered = sorted(
        found.values(),
        key=lambda row: (int(row["rank"]) if row["rank"].isdecimal() else 1 << 30, row["rank"]),
    )
    if len(numbered) > _MOST_RANKS:
        numbered.sort(key=lambda row: not row["named"])
    return numbered


# ---- pauses and slow steps ---------------------------------------------------------------------
def _pauses(occurrences: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Sum up checkpoints, restores and evaluations; the longest of each kind."""
    made: dict[str, dict[str, Any]] = {}
    for name in _PAUSES:
        rows = [row for row in occurrences if row["name"] == name]
        if rows:
            lengths = sorted(((row["end"] - row["start"]) / 1e6 for row in rows), reverse=True)
            failed = sum("error.type" in row["attrs"] for row in rows)
            shown = rows[-_MOST_PAUSES:]
            made[name] = {
                "count": len(rows),
                "seconds": sum(lengths),
                "longest": lengths[0],
                "median": lengths[len(lengths) // 2],
                "failed": failed,
                "each": [[row["start"] / 1e6, (row["end"] - row["start"]) / 1e6] for row in shown],
            }
    return made


def _slowest(
    steps: StepRows,
    by_rank: Mapping[int, Mapping[str, np.ndarray]],
    occurrences: Sequence[Mapping[str, Any]],
    places: Places,
) -> list[dict[str, Any]]:
    import numpy as np

    usual: dict[int, dict[str, float]] = {}
    for rank, of in by_rank.items():
        n = max(float(np.nansum(of["n"])), 1.0)
        usual[rank] = {name: float(np.nansum(of[name])) / n for name in PHASES}
    made = []
    for row in steps.slowest(_MOST_SLOW):
        median = steps.durations[row["rank"]].quantile(0.5)
        if median and row["seconds"] < _SLOW * median:
            continue
        more = {name: row["phases"][name] - usual[row["rank"]][name] for name in PHASES}
        most = max(more, key=lambda name: more[name])
        made.append(
            {
                "step": row["step"],
                "rank": _rank(row["rank"]),
                "start": iso(row["start"]),
                "end": iso(row["end"]),
                "seconds": row["seconds"],
                "times": row["seconds"] / median if median else None,
                "replayed": row["replayed"],
                "phase": most if more[most] > 0 else None,
                "phase_more": more[most],
                "overlaps": _overlaps(row, occurrences, places),
            }
        )
    return made


def _overlaps(
    step: Mapping[str, Any], occurrences: Sequence[Mapping[str, Any]], places: Places
) -> list[dict[str, Any]]:
    """Return what happened during a step: the most severe first, then the longest of it."""
    found = []
    for row in occurrences:
        if row["start"] > step["end"] or row["end"] < step["start"] or row["name"] in _NO_CAUSES:
            continue
        common = min(row["end"], step["end"]) - max(row["start"], step["start"])
        found.append((-row["severity"], -common, row))
    found.sort(key=lambda each: each[:2])
    return [
        {
            "name": row["name"],
            "where": places.of(row),
            "severity": -severity,
            "seconds": -less / 1e6,
        }
        for severity, less, row in found[:_MOST_OVERLAPS]
    ]
