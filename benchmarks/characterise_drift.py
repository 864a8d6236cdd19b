"""Characterise the drift verdicts: how often they are wrong, and how late they are right.

``python benchmarks/characterise_drift.py [SECTION ...]`` simulates all sections or the named ones
and prints the figures that stand on the pages of the guide. ``--quick`` draws a tenth of the
streams. A section is one function below, decorated with ``@section``; it yields lines of a table.
All is seeded, so the figures do not depend on the machine, but for rounding by numpy.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from scipy.special import gammaln, logsumexp, ndtr

import inlay
from inlay import _core
from inlay.drift.references import Reference, References

WINDOW = 1_000
FIRES = math.log(20)

Section = Callable[[float], Iterator[str]]
SECTIONS: dict[str, Section] = {}


def section(function: Section) -> Section:
    SECTIONS[function.__name__] = function
    return function


class Stream(NamedTuple):
    """A reference, and the counts of the windows that are judged by it."""

    reference: Reference
    windows: Any  # of shape (windows, cells)


class Found(NamedTuple):
    """What the judge said of a stream, window by window."""

    yes: Any
    log_e: Any
    effect: Any
    uncalibrated: Any

    @property
    def alarms(self) -> bool:
        return bool(self.yes.any())


def judged(streams: list[Stream], *, starts: bool = False) -> list[Found]:
    """Judge each stream as a series alone in its windows."""
    judge = _core.DriftJudge(level=0.05, threshold=0.02, min_rows=1_000, correct=False)
    for series, (reference, _) in enumerate(streams):
        judge.add_reference(
            series,
            "r",
            list(reference.counts),
            exact=reference.exact,
            ordered=reference.kind == "edges",
            bounded=reference.bounded,
            family=series,
        )
    lengths = [len(windows) for _, windows in streams]
    places = np.concatenate([np.arange(length) for length in lengths])
    sizes = np.concatenate([np.full(len(w), w.shape[1]) for _, w in streams])
    items = np.concatenate([windows.reshape(-1) for _, windows in streams])
    table = pa.table(
        {
            "series_id": np.repeat(np.arange(len(streams)), lengths),
            "kind": pa.repeat("edges", len(places)),
            "reference_id": pa.repeat("r", len(places)),
            "start_time": places,
            "counts": pa.ListArray.from_arrays(
                np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
                pa.array(items.astype(np.int64)),
            ),
        }
    )
    rows = inlay.Table(judge.judge(_core.Table(table))).to_pyarrow()
    verdict = np.asarray(rows["verdict"].to_pylist(), dtype=object)
    reason = np.asarray(rows["reason"].to_pylist(), dtype=object)
    columns = (
        verdict == "yes",
        rows["log_e"].to_numpy(),
        rows["effect"].to_numpy(),
        reason == "uncalibrated",
    )
    parts = [np.split(column, np.cumsum(lengths)[:-1]) for column in columns]
    return [Found(*each) for each in zip(*parts, strict=True)]


def frozen(values: Any, **how: Any) -> Reference:
    """Return what a judge holds of a sample, a column of numbers or of names."""
    profile = inlay.Profile.of({"x": values}, progress=False).freeze({"x": values}, **how)
    (reference,) = References.of(profile)
    return reference


def normal_shares(reference: Reference, shift: float = 0.0) -> Any:
    """Return what a shifted standard normal has in the cells of a reference."""
    edges = np.asarray(reference.cells.edges)  # type: ignore[union-attr]
    return np.diff([0.0, *ndtr(edges - shift), 1.0])


def count(n: float, scale: float) -> int:
    return max(round(n * scale), 5)


@section
def false_alarms(scale: float) -> Iterator[str]:
    """Draw streams without a change: 1,000,000 rows of a normal column."""
    for rows in (1_000, 10_000, 100_000):
        rng = np.random.default_rng(rows)
        streams = []
        for _ in range(count(150, scale)):
            reference = frozen(rng.normal(size=rows))
            windows = rng.multinomial(WINDOW, normal_shares(reference), 1_000)
            streams.append(Stream(reference, windows))
        found = judged(streams)
        alarms = sum(each.alarms for each in found)
        evidence = sum(bool((each.log_e >= FIRES).any()) for each in found)
        doubt = sum(bool(each.uncalibrated.any()) for each in found)
        yield (
            f"reference of {rows:,} rows: {alarms} of {len(found)} alarm within 1,000,000 rows, "
            f"{evidence} have an e-value of 20, {doubt} are in doubt for a while"
        )


@section
def delays(scale: float) -> Iterator[str]:
    """Draw shifts of a normal column, and say after how many rows they are found."""
    for rows, quiet, shift, within in (
        (100_000, 0, 0.1, 300),
        (100_000, 1_000, 0.1, 300),
        (10_000, 0, 0.1, 300),
        (10_000, 1_000, 0.1, 300),
        (1_000, 0, 0.2, 300),
    ):
        rng = np.random.default_rng(rows + quiet)
        streams = []
        for _ in range(count(101, scale)):
            reference = frozen(rng.normal(size=rows))
            before = rng.multinomial(WINDOW, normal_shares(reference), quiet)
            after = rng.multinomial(WINDOW, normal_shares(reference, shift), within)
            streams.append(Stream(reference, np.concatenate([before, after])))
        found = judged(streams)
        late = [
            float(np.argmax(each.yes[quiet:]) + 1) * WINDOW if each.yes[quiet:].any() else math.inf
            for each in found
        ]
        caught = np.isfinite(late)
        yield (
            f"reference of {rows:,} rows, {shift} sd after {quiet * WINDOW:,} rows: median "
            f"{np.median(late):,.0f} rows, 90 % within {np.quantile(late, 0.9):,.0f}, "
            f"{caught.sum()} of {len(late)} within {within * WINDOW:,}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="a tenth of the streams")
    arguments = parser.parse_args()
    for name in arguments.sections or SECTIONS:
        begun = time.perf_counter()
        print(f"## {name}", flush=True)
        for line in SECTIONS[name](0.1 if arguments.quick else 1.0):
            print(line, flush=True)
        print(f"   {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
