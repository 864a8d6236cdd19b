"""Online detectors: whole arrays and single values of one stream, alarms compared with river's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness import Bench, Run

bench = Bench("online")
VALUES = 1_000_000
# A peer that takes one value a call sees the first ones of the stream.
SINGLE = 50_000
NUMBERS = ("adwin", "page_hinkley", "cusum", "kswin")  # the others watch errors


def stream(size: int) -> Any:
    """Return N(0, 1) whose mean moves by 0.5 every 100,000 values."""
    import numpy as np

    rng = np.random.default_rng(42)
    return rng.normal(0.0, 1.0, size) + np.arange(size) // 100_000 % 2 * 0.5


def errors(size: int) -> Any:
    """Return errors whose rate moves between 0.2 and 0.3 every 100,000 values."""
    import numpy as np

    rng = np.random.default_rng(43)
    rate = 0.2 + np.arange(size) // 100_000 % 2 * 0.1
    return (rng.random(size) < rate).astype(np.float64)


def ours() -> dict[str, Callable[[], Any]]:
    from inlay import detect

    return {
        "adwin": detect.ADWIN,
        "page_hinkley": detect.PageHinkley,
        "cusum": detect.CUSUM,
        "kswin": lambda: detect.KSWIN(seed=1),
        "ddm": detect.DDM,
        "eddm": detect.EDDM,
        "hddm_a": detect.HDDM_A,
        "hddm_w": detect.HDDM_W,
        "fhddm": detect.FHDDM,
    }


def _singly(run: Run, make: Callable[[], Any], values: list[float]) -> list[float]:
    return run.per_call("f(v)", values, f=make().update)


@bench.case("inlay", needs=["numpy"])
def _inlay(run: Run) -> None:
    n = run.size(VALUES, quick=50_000)
    numbers, wrong = stream(n), errors(n)
    for name, make in ours().items():
        data = numbers if name in NUMBERS else wrong
        if name == "kswin":
            data = data[: run.size(200_000, quick=10_000)]
        held: list[Any] = []

        def fresh(make: Callable[[], Any] = make, held: list[Any] = held) -> None:
            held[:] = [make()]

        seconds = run.time_each(
            lambda data=data, held=held: held[0].update_many(data), before=fresh, inner=3
        )
        run.check(held[0].count, len(data), f"values of {name}")
        run.report(name, [s * 1e9 / len(data) for s in seconds])
        single = data[: run.size(SINGLE, quick=2_000)].tolist()
        run.report(f"{name}_single", _singly(run, make, single))


def _positions(detector: Any, values: list[float]) -> list[int]:
    found = []
    for place, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            found.append(place)
    return found


@bench.case("river", needs=["river", "numpy"])
def _river(run: Run) -> None:
    from river import drift
    from river.drift import binary

    theirs: dict[str, Callable[[], Any]] = {
        "adwin": drift.ADWIN,
        "page_hinkley": drift.PageHinkley,
        "kswin": lambda: drift.KSWIN(seed=1),
        "ddm": binary.DDM,
        "eddm": binary.EDDM,
        "hddm_a": binary.HDDMA,
        "hddm_w": binary.HDDMW,
        "fhddm": binary.FHDDM,
    }
    checked = ours()
    n = run.size(SINGLE, quick=2_000)
    numbers, wrong = stream(n), errors(n)
    for name, make in theirs.items():
        data = (numbers if name in NUMBERS else wrong).tolist()
        if name == "kswin":
            data = data[: run.size(2_000, quick=300)]
        run.check(checked[name]().update_many(data).tolist(), _positions(make(), data), name)
        run.report(f"{name}_single", _singly(run, make, data))


if __name__ == "__main__":
    bench.main()
