"""Characterise the summaries: error and speed against n, drawn into ``docs/guide/img``.

``python benchmarks/characterise.py [SUMMARY ...]`` draws all summaries or the named ones, within a
minute or two each. A summary is one function below, decorated with ``@summary(name)``: it measures,
and returns its plots by name. The drawings are the same to the byte for the same figures; those of
speed tell of the machine that drew them, which is why they show ratios or name a peer.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("svg")
mpl.rcParams.update(
    {
        "svg.hashsalt": "inlay",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 10,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)
from matplotlib import pyplot  # noqa: E402

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "guide" / "img"


@dataclass
class Plot:
    """Lines over n: one y for each n, and a level that nothing should exceed."""

    title: str
    y: str
    lines: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    bound: tuple[str, float] | None = None
    log_y: bool = False

    def add(self, line: str, n: int, y: float) -> None:
        self.lines.setdefault(line, []).append((n, y))

    def draw(self, path: Path) -> None:
        figure, axes = pyplot.subplots(figsize=(8.5, 3.4), layout="constrained")
        for name, points in self.lines.items():
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
        if self.bound is not None:
            axes.axhline(self.bound[1], color="black", linestyle="--", label=self.bound[0])
        axes.set(xscale="log", xlabel="values", ylabel=self.y, title=self.title)
        if self.log_y:
            axes.set_yscale("log")
        axes.set_ylim(bottom=None if self.log_y else 0)
        axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        pyplot.close(figure)


Characterise = Callable[[], dict[str, Plot]]
SUMMARIES: dict[str, Characterise] = {}


def summary(name: str) -> Callable[[Characterise], Characterise]:
    def register(function: Characterise) -> Characterise:
        SUMMARIES[name] = function
        return function

    return register


def geometric(low: float, high: float, count: int) -> list[int]:
    return [round(n) for n in np.geomspace(low, high, count)]


def best_ns(call: Callable[[], object], n: int) -> float:
    """Nanoseconds of processor time a value, of the best of at least five calls and 0.3 seconds."""
    best, spent, calls = float("inf"), 0.0, 0
    while calls < 5 or (spent < 0.3 and calls < 2_000):
        start = time.process_time()
        call()
        took = time.process_time() - start
        best, spent, calls = min(best, took), spent + took, calls + 1
    return best * 1e9 / n


@summary("kll")
def kll() -> dict[str, Plot]:
    """Draw rank errors and speed of `inlay.Kll` beside Apache DataSketches'."""
    from datasketches import kll_floats_sketch

    from inlay import Kll

    def theirs(values: Any) -> Any:
        sketch = kll_floats_sketch(200)
        sketch.update(values)
        return sketch

    error = Plot(
        "Error of a rank, k = 200, 99th percentile over values and random orders",
        "error of a rank, %",
        bound=("stated, 99 %", 100 * Kll().normalized_rank_error()),
    )
    size = Plot("Serialised size, float32, k = 200", "bytes")
    random = np.random.default_rng(1)
    fractions = np.arange(1, 100) / 100
    for n in geometric(100, 4_000_000, 16):
        trials = max(12, min(200, 4_000_000 // n))
        points = np.unique((fractions * n).astype(np.int64)).astype(np.float32)
        exact = np.floor(points).astype(np.int64) + 1
        errors: dict[str, list[Any]] = {}
        sizes: dict[str, int] = {}
        for seed in range(trials):
            values = random.permutation(n).astype(np.float32)
            ours, other = Kll(values, dtype="float32", seed=seed), theirs(values)
            data = ours.to_bytes()
            for name, cdf in (
                ("inlay", ours.cdf(points.tolist())),
                ("inlay, from its bytes", Kll.from_bytes(data).cdf(points.tolist())),
                ("DataSketches", other.get_cdf(points, True)),
            ):
                assert cdf is not None
                errors.setdefault(name, []).append(np.abs(np.array(cdf[:-1]) - exact / n))
            for name, length in (("inlay", len(data)), ("DataSketches", len(other.serialize()))):
                sizes[name] = max(sizes.get(name, 0), length)
        for name, found in errors.items():
            error.add(name, n, 100 * float(np.quantile(np.concatenate(found), 0.99)))
        for name, length in sizes.items():
            size.add(name, n, length)

    speed = Plot("One array of random values into a new sketch", "ns a value", log_y=True)
    for n in geometric(16, 10_000_000, 12):
        single, double = random.lognormal(size=n).astype(np.float32), random.lognormal(size=n)
        speed.add("inlay, float32", n, best_ns(lambda a=single: Kll(a, dtype="float32"), n))
        speed.add("inlay, float64", n, best_ns(lambda a=double: Kll(a), n))
        speed.add("DataSketches, float32", n, best_ns(lambda a=single: theirs(a), n))
        speed.add("numpy.sort, float32", n, best_ns(lambda a=single: np.sort(a), n))
    return {"kll-error": error, "kll-size": size, "kll-speed": speed}


@summary("hll")
def hll() -> dict[str, Plot]:
    """Draw the error of `inlay.Hll`'s estimates beside Apache DataSketches', and the bytes."""
    from datasketches import hll_sketch, tgt_hll_type

    from inlay import Hll

    error = Plot(
        "Root mean square error of the estimate, 4,096 registers",
        "relative error, %",
        bound=("standard error", 100 * Hll().relative_error),
    )
    size = Plot("Serialised size, 4,096 registers", "bytes", log_y=True)
    random = np.random.default_rng(2)
    for n in geometric(10, 300_000, 14):
        trials = max(40, min(300, 3_000_000 // n))
        squares: dict[str, list[float]] = {"inlay": [], "DataSketches, of our bytes": []}
        for _ in range(trials):
            sketch = Hll(random.integers(0, 2**63, size=n, dtype=np.int64))
            data = sketch.to_bytes()
            theirs = hll_sketch.deserialize(data).get_estimate()
            squares["inlay"].append((sketch.estimate / n - 1) ** 2)
            squares["DataSketches, of our bytes"].append((theirs / n - 1) ** 2)
        for name, found in squares.items():
            error.add(name, n, 100 * float(np.sqrt(np.mean(found))))
        size.add("inlay", n, len(data))
        other = hll_sketch(12, tgt_hll_type.HLL_8)
        for item in range(n):
            other.update(item)
        size.add("DataSketches", n, len(other.serialize_compact()))
    return {"hll-error": error, "hll-size": size}


@summary("exp_histogram")
def exp_histogram() -> dict[str, Plot]:
    """Draw the largest error of quantiles of `inlay.ExpHistogram` by scale, and its speed."""
    from inlay import ExpHistogram, Moments

    error = Plot(
        "Largest relative error over 99 quantiles and 20 lognormal samples",
        "relative error, %",
        log_y=True,
    )
    random = np.random.default_rng(3)
    q = np.arange(1, 100) / 100
    for n in geometric(10, 1_000_000, 11):
        for scale in (4, 5, 6):
            worst = 0.0
            for _ in range(20):
                values = random.lognormal(size=n)
                histogram = ExpHistogram(values, scale=scale)
                exact = np.quantile(values, q, method="inverted_cdf")
                found = np.array([histogram.quantile(level) for level in q.tolist()])
                worst = max(worst, float(np.max(np.abs(found / exact - 1))))
            stated = 100 * ExpHistogram(scale=scale).relative_error
            error.add(f"scale {scale}, stated {stated:.2f} %", n, 100 * worst)

    speed = Plot("One array of float32 into a state in use", "ns a value", log_y=True)
    for n in geometric(16, 10_000_000, 12):
        values = random.lognormal(size=n).astype(np.float32)
        histogram, moments = ExpHistogram(values), Moments(values)
        speed.add("ExpHistogram", n, best_ns(lambda a=values, h=histogram: h.update(a), n))
        speed.add("Moments", n, best_ns(lambda a=values, m=moments: m.update(a), n))
        bits = values.view(np.uint32)
        speed.add("numpy.bincount of the bits", n, best_ns(lambda b=bits: np.bincount(b >> 18), n))
    return {"exp-histogram-error": error, "exp-histogram-speed": speed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("summaries", nargs="*", metavar="SUMMARY", help=", ".join(SUMMARIES))
    chosen = parser.parse_args().summaries or list(SUMMARIES)
    if unknown := sorted(set(chosen) - set(SUMMARIES)):
        parser.error(f"no such summary: {', '.join(unknown)}; there are {', '.join(SUMMARIES)}")
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name in chosen:
        for title, plot in SUMMARIES[name]().items():
            plot.draw(IMAGES / f"{title}.svg")
            print(f"{title}.svg")
            for line, points in plot.lines.items():
                print(f"  {line}: " + ", ".join(f"{n} {y:.3g}" for n, y in points))


if __name__ == "__main__":
    main()
