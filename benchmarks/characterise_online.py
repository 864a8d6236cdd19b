"""Characterise the online detectors: how often they are wrong, and how late they are right.

``python benchmarks/characterise_online.py [DETECTOR ...]`` simulates all detectors, or the named
ones, with their default parameters and prints the rows of the table that stands in the guide.
``--quick`` draws a tenth of the streams. All is seeded.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from inlay import detect

QUIET, BEFORE, AFTER = 10_000, 5_000, 20_000
STREAMS, CHANGES = 400, 200


class Case(NamedTuple):
    """A detector, and what it watches: numbers, errors, or right predictions."""

    make: Callable[[int], Any]
    watches: str = "numbers"
    is_quiet_only: bool = False


CASES = {
    "ADWIN": Case(lambda _: detect.ADWIN()),
    "PageHinkley": Case(lambda _: detect.PageHinkley()),
    "CUSUM": Case(lambda _: detect.CUSUM()),
    "CUSUM(mean=0, sd=1)": Case(lambda _: detect.CUSUM(mean=0.0, sd=1.0), is_quiet_only=True),
    "KSWIN": Case(lambda seed: detect.KSWIN(seed=seed)),
    "DDM": Case(lambda _: detect.DDM(), "errors"),
    "EDDM": Case(lambda _: detect.EDDM(), "errors"),
    "HDDM_A": Case(lambda _: detect.HDDM_A(), "errors"),
    "HDDM_W": Case(lambda _: detect.HDDM_W(), "errors"),
    "FHDDM": Case(lambda _: detect.FHDDM(), "right"),
}


def draw(rng: np.random.Generator, watches: str, n: int, *, is_changed: bool) -> Any:
    if watches == "numbers":
        return rng.normal(0.5 if is_changed else 0.0, 1.0, n)
    errors = (rng.random(n) < (0.2 if is_changed else 0.1)).astype(float)
    return errors if watches == "errors" else 1.0 - errors


def row(name: str, scale: float) -> str:
    make, watches, is_quiet_only = CASES[name]
    rng = np.random.default_rng(1)
    alarms = [
        len(make(seed).update_many(draw(rng, watches, QUIET, is_changed=False)))
        for seed in range(round(STREAMS * scale))
    ]
    mean, share = float(np.mean(alarms)), 100.0 * float(np.mean(np.array(alarms) > 0))
    said = ""
    if not is_quiet_only:
        late = []
        for seed in range(round(CHANGES * scale)):
            parts = [
                draw(rng, watches, n, is_changed=is_changed)
                for n, is_changed in ((BEFORE, False), (AFTER, True))
            ]
            found = make(seed).update_many(np.concatenate(parts))
            found = found[found >= BEFORE]
            late.append(float(found[0]) + 1 - BEFORE if len(found) else math.inf)
        said = f" {np.median(late):,.0f}"
    return f"| `{name}` | {mean:.2g} | {share:.0f} % |{said} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("detectors", nargs="*", metavar="DETECTOR", help=", ".join(CASES))
    parser.add_argument("--quick", action="store_true", help="a tenth of the streams")
    arguments = parser.parse_args()
    for name in arguments.detectors or CASES:
        print(row(name, 0.1 if arguments.quick else 1.0), flush=True)


if __name__ == "__main__":
    main()
