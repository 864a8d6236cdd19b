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
from scipy.signal import lfilter
from scipy.special import gammaln, logsumexp, ndtr

import inlay
from inlay import _core
from inlay.drift import DistanceJudge
from inlay.drift.distance_judge import METHODS
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


def judged(streams: list[Stream]) -> list[Found]:
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
    profile = inlay.Profile.of({"x": values}, progress=False, redact=False).freeze(
        {"x": values}, **how
    )
    (reference,) = References.of(profile)
    return reference


def normal_shares(reference: Reference, shift: float = 0.0) -> Any:
    """Return what a shifted standard normal has in the cells of a reference."""
    edges = np.asarray(reference.cells.edges)  # type: ignore[union-attr]
    return np.diff([0.0, *ndtr(edges - shift), 1.0])


def alarms_of(found: list[Found], of: str) -> str:
    """Say how many streams without a change were called drifting."""
    passed = sum(bool((each.log_e >= FIRES).any()) for each in found)
    alarms = sum(each.alarms for each in found)
    return f"{of}: {alarms} of {len(found)} alarm, {passed} have an e-value of 20"


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
        ninth = np.quantile(late, 0.9, method="lower")
        yield (
            f"reference of {rows:,} rows, {shift} sd after {quiet * WINDOW:,} rows: median "
            f"{np.median(late):,.0f} rows, 90 % within {ninth:,.0f}, "
            f"{caught.sum()} of {len(late)} within {within * WINDOW:,}"
        )


SHAPES: dict[str, Callable[[Any, int], Any]] = {
    "uniform": lambda rng, n: rng.random(n),
    "Cauchy": lambda rng, n: rng.standard_cauchy(n),
    "70 % zeros, else exponential": lambda rng, n: np.where(
        rng.random(n) < 0.7, 0.0, rng.exponential(size=n)
    ),
    "normal, cut at -1 and 1": lambda rng, n: rng.normal(size=n).clip(-1.0, 1.0),
    "Poisson of mean 0.5": lambda rng, n: rng.poisson(0.5, n).astype(float),
    "Poisson of mean 3": lambda rng, n: rng.poisson(3.0, n).astype(float),
    "Poisson of mean 20": lambda rng, n: rng.poisson(20.0, n).astype(float),
}


@section
def other_columns(scale: float) -> Iterator[str]:
    """Draw streams without a change of columns that are not normal: 200,000 rows."""
    for name, draw in SHAPES.items():
        for rows in (100, 1_000, 10_000, 100_000):
            rng = np.random.default_rng(rows)
            streams = []
            for _ in range(count(60, scale)):
                reference = frozen(draw(rng, rows))
                edges = reference.cells.edges  # type: ignore[union-attr]
                values = draw(rng, 200 * WINDOW).reshape(200, WINDOW)
                cells = np.searchsorted(edges, values) + np.arange(200)[:, None] * (len(edges) + 1)
                windows = np.bincount(cells.reshape(-1), minlength=200 * (len(edges) + 1))
                streams.append(Stream(reference, windows.reshape(200, -1)))
            found = judged(streams)
            yield alarms_of(found, f"{name}, reference of {rows:,} rows")


@section
def names(scale: float) -> Iterator[str]:
    """Draw streams of names without a change: 200,000 rows, of 100 names at most a reference."""
    shares = {
        "20 names as 1 / rank": 1.0 / np.arange(1, 21),
        "3,000 names as 1 / rank": 1.0 / np.arange(1, 3_001),
        "100,000 names as 1 / rank^1.5": np.arange(1, 100_001) ** -1.5,
        "500 equally frequent names": np.ones(500),
    }
    for name, weights in shares.items():
        p = weights / weights.sum()
        texts = np.array([f"n{at}" for at in range(len(p))])
        for rows in (1_000, 10_000, 100_000):
            rng = np.random.default_rng(rows)
            streams = []
            for _ in range(count(60, scale)):
                reference = frozen(pa.array(texts[rng.choice(len(p), rows, p=p)]))
                listed = [int(text[1:]) for text in reference.names[:-1]]
                of_listed = [*p[listed], max(1.0 - p[listed].sum(), 0.0)]
                streams.append(Stream(reference, rng.multinomial(WINDOW, of_listed, 200)))
            found = judged(streams)
            yield alarms_of(found, f"{name}, reference of {rows:,} rows")


@section
def dependence(scale: float) -> Iterator[str]:
    """Draw autoregressive columns, and independent rows: when dependence is seen."""
    for coefficient in (0.9, 0.7, 0.3):
        rng = np.random.default_rng(round(10 * coefficient))
        streams = []
        for _ in range(count(60, scale)):
            reference = frozen(rng.normal(size=10_000))
            noise = rng.normal(0.0, math.sqrt(1.0 - coefficient**2), 300 * WINDOW)
            noise[0] = rng.normal()
            values = lfilter([1.0], [1.0, -coefficient], noise).reshape(300, WINDOW)
            edges = reference.cells.edges  # type: ignore[union-attr]
            windows = [
                np.bincount(np.searchsorted(edges, part), minlength=len(edges) + 1)
                for part in values
            ]
            streams.append(Stream(reference, np.array(windows)))
        found = judged(streams)
        seen = [
            float(np.argmax(e.uncalibrated)) + 1 if e.uncalibrated.any() else math.inf
            for e in found
        ]
        early = 0
        for each, at in zip(found, seen, strict=True):
            before = each.log_e[: len(each.log_e) if math.isinf(at) else int(at) - 1]
            early += bool((before >= FIRES).any())
        yield (
            f"coefficient {coefficient}: seen in {sum(map(math.isfinite, seen))} of {len(seen)} "
            f"streams, after a median of {np.median(seen):.0f} windows, an e-value of 20 before "
            f"that in {early}"
        )
    rng = np.random.default_rng(0)
    streams = []
    for _ in range(count(200, scale)):
        reference = frozen(rng.normal(size=10_000))
        streams.append(Stream(reference, rng.multinomial(WINDOW, normal_shares(reference), 2_000)))
    doubt = sum(bool(each.uncalibrated.any()) for each in judged(streams))
    yield f"independent rows, 2,000 windows: {doubt} of {len(streams)} in doubt for a while"


@section
def estimates(scale: float) -> Iterator[str]:
    """Draw streams against counts that a sketch estimated, as if they were of rows."""
    rng = np.random.default_rng(6)
    streams = []
    for _ in range(count(20, scale)):
        profile = inlay.Profile(pa.schema({"x": pa.float64()}))
        profile.update(pa.record_batch({"x": rng.normal(size=1_000_000)}))
        (estimated,) = References.of(profile)
        reference = estimated._replace(exact=True)
        streams.append(Stream(reference, rng.multinomial(WINDOW, normal_shares(reference), 1_000)))
    found = judged(streams)
    yield (
        f"estimates of 1,000,000 rows: {sum(bool((e.log_e >= FIRES).any()) for e in found)} of "
        f"{len(found)} streams of 1,000,000 rows have an e-value of 20, "
        f"{sum(e.alarms for e in found)} are judged drifting"
    )


@section
def left_out(scale: float) -> Iterator[str]:
    """Compare the e-value with that of all kept starts, none of them left out for a while."""
    windows = round(10_000 * scale)
    largest = 0.0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        reference = frozen(rng.normal(size=100_000))
        alpha = [1.0, reference.counts[1] - 1.0, *map(float, reference.counts[2:-1]), 1.0]
        process = _core.DirichletEProcess(alpha, rare_ends=True)
        drawn = rng.multinomial(WINDOW, normal_shares(reference), windows)
        starts: dict[int, tuple[Any, float]] = {}  # counts before it, its constant
        total = np.zeros(len(alpha))
        null = 0.0
        for number, counts in enumerate(drawn, 1):
            process.update(counts.tolist())
            weight = -math.log(2.1098 * (number + 1) * math.log(number + 1) ** 2)
            starts[number] = (total.copy(), weight + null)
            total += counts
            null = _log_null(total, np.array(alpha))
            for window in [w for w in starts if not _is_kept(w, number)]:
                del starts[window]
            if number % 50 == 0:
                granted = np.ones(len(alpha))
                granted[0] = granted[-1] = 0.125
                terms = [_log_dm(total - before, granted) + c for before, c in starts.values()]
                whole = float(logsumexp(terms)) - null + 2.0 * math.log1p(-0.125)
                largest = max(largest, whole - process.log_e)
    yield f"3 streams of {windows:,} windows: log_e is lower by {largest:.3f} at most"


def _log_dm(counts: Any, alpha: Any) -> float:
    each = gammaln(alpha + counts) - gammaln(alpha)
    return float(gammaln(alpha.sum()) - gammaln(alpha.sum() + counts.sum()) + each.sum())


def _log_null(counts: Any, alpha: Any) -> float:
    found = _log_dm(counts[1:-1], alpha[1:-1])
    for end, others in ((0, slice(1, None)), (-1, slice(1, -1))):
        two = np.array([counts[end], counts[others].sum()])
        found += logsumexp(
            [
                math.log(weight) + _log_dm(two, np.array([own, alpha[others].sum()]))
                for weight, own in ((0.875, alpha[end]), (0.125, 0.125))
            ]
        )
    return float(found)


def _is_kept(window: int, now: int) -> bool:
    age = (now - window) // 3
    return age < 2 or (window - 1) % (1 << (age.bit_length() - 1)) == 0


@section
def p_values(scale: float) -> Iterator[str]:
    """Draw pairs of samples of one distribution of 100 names: how often p is below 0.05."""
    weights = {
        "1 / rank": 1.0 / np.arange(1, 101),
        "1 / rank²": np.arange(1, 101) ** -2.0,
        "all equal": np.ones(100),
    }
    methods = ("chi2", "psi", "kl", "jensen_shannon", "hellinger")
    for name, shares in weights.items():
        for n, m in ((1_000, 1_000), (1_000, 100_000), (200, 200)):
            rng = np.random.default_rng(n + m)
            p = shares / shares.sum()
            runs = count(1_000, scale)
            below = dict.fromkeys(methods, 0)
            for _ in range(runs):
                listed = [
                    inlay.Categories.from_row(
                        {"categories": list(map(str, range(100))), "counts": [*counts, 0]}
                    )
                    for counts in (rng.multinomial(m, p).tolist(), rng.multinomial(n, p).tolist())
                ]
                found = inlay.drift.distances(*listed)
                for method in methods:
                    value = getattr(found, method).p_value
                    below[method] += value is not None and value < 0.05
            said = ", ".join(f"{method} {100 * k / runs:.1f} %" for method, k in below.items())
            yield f"{name}, {n:,} against {m:,}: {said}"


@section
def compared(scale: float) -> Iterator[str]:
    """Compare pairs of samples of one distribution of names: how many `compare` calls drifting."""
    shares = {
        "100 names as 1 / rank": 1.0 / np.arange(1, 101),
        "100 names as 1 / rank²": np.arange(1, 101) ** -2.0,
        "3,000 names as 1 / rank": 1.0 / np.arange(1, 3_001),
        "200 equal names": np.ones(200),
        "500 equal names": np.ones(500),
        "5,000 equal names": np.ones(5_000),
    }
    for name, weights in shares.items():
        p = weights / weights.sum()
        texts = np.array([f"n{at}" for at in range(len(p))])
        for m, n in ((1_000, 1_000), (1_000, 50_000), (100_000, 1_000), (100_000, 50_000)):
            rng = np.random.default_rng(m + n)
            runs = count(40, scale)
            drifted = 0
            for _ in range(runs):
                sides = ({"x": texts[rng.choice(len(p), size, p=p)]} for size in (m, n))
                drifted += bool(inlay.compare(*sides).drifted)
            yield f"{name}, {n:,} rows against {m:,}: {drifted} of {runs} drift"


@section
def panes(scale: float) -> Iterator[str]:
    """Judge single panes without a change by `DistanceJudge`: how many it calls drifting."""
    names, weights = np.array([f"n{at}" for at in range(100)]), 1.0 / np.arange(1, 101)
    draws: dict[str, Callable[[Any, int], Any]] = {
        "100 names as 1 / rank": lambda rng, n: rng.choice(names, n, p=weights / weights.sum()),
        "normal": lambda rng, n: rng.normal(size=n),
    }
    cases = (
        ("100 names as 1 / rank", 50_000, 1_000, 1_000),
        ("normal", 1_000, 1_000, 1_000),
        ("normal", 1_000, 100_000, 100),
        ("normal", 50_000, 1_000, 1_000),
    )
    for name, rows, size, number in cases:
        draw, rng = draws[name], np.random.default_rng(rows + size)
        number = count(number, scale)
        yes = _wrong_panes(
            inlay.Profile.of({"x": draw(rng, rows)}, reference=True, progress=False),
            (draw(rng, size) for _ in range(number)),
        )
        said = ", ".join(f"{method} {k}" for method, k in yes.items())
        yield f"{name}, reference of {rows:,} rows, yes in {number:,} panes of {size:,}: {said}"


def _wrong_panes(reference: inlay.Profile, windows: Iterator[Any]) -> dict[str, int]:
    methods = [name for name, threshold in METHODS.items() if threshold is not None]
    clock = inlay.ManualClock(1_700_000_040)
    observer = inlay.Observer(clock=clock)
    watch = observer.watch("panes", reference, every=60, judges=[DistanceJudge(methods)])
    yes = dict.fromkeys(methods, 0)
    for values in windows:
        watch.update({"x": values})
        clock.advance(60)
        for row in observer.collect().verdicts.to_pylist():
            yes[row["method"]] += row["verdict"] == "yes"
    watch.close()
    return yes


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
