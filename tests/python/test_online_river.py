"""The online detectors alarm and warn where river's do, whatever the stream."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay import detect

river = pytest.importorskip("river.drift", reason="river is not installed")
binary = pytest.importorskip("river.drift.binary", reason="river is not installed")

Make = Callable[[], tuple[Any, Any]]


def river_positions(detector: Any, values: list[float]) -> tuple[list[int], list[int]]:
    alarms, begun, warned = [], [], False
    for place, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            alarms.append(place)
        warning = getattr(detector, "warning_detected", False)
        if warning and not warned:
            begun.append(place)
        # river forgets a warning when it starts anew, before it looks at the next value.
        warned = warning and not detector.drift_detected
    return alarms, begun


def check(make: Make, values: Any) -> int:
    ours, theirs = make()
    values = np.asarray(values, dtype=np.float64)
    alarms, begun = ours.update_many_with_warnings(values)
    expected = river_positions(theirs, values.tolist())
    assert (alarms.tolist(), begun.tolist()) == expected
    assert ours.drift_count == len(alarms)
    return len(alarms)


def both(ours: Any, theirs: Any, **parameters: Any) -> Any:
    return pytest.param(
        lambda: (ours(**parameters), theirs(**parameters)),
        id=f"{ours.__name__}-{'-'.join(f'{k}={v}' for k, v in parameters.items())}",
    )


ADWINS = [
    both(detect.ADWIN, river.ADWIN),
    both(detect.ADWIN, river.ADWIN, delta=0.1, clock=1),
    both(detect.ADWIN, river.ADWIN, delta=0.5, clock=7, max_buckets=2, min_window_length=1),
    both(detect.ADWIN, river.ADWIN, delta=0.01, max_buckets=20, grace_period=200),
    both(detect.ADWIN, river.ADWIN, clock=3, min_window_length=0, grace_period=0),
]
HINKLEYS = [
    both(detect.PageHinkley, river.PageHinkley),
    both(detect.PageHinkley, river.PageHinkley, mode="up", threshold=10.0),
    both(detect.PageHinkley, river.PageHinkley, mode="down", threshold=5.0, alpha=0.99),
    both(detect.PageHinkley, river.PageHinkley, min_instances=1, delta=0.5, threshold=2.0),
]
KSWINS = [
    both(detect.KSWIN, river.KSWIN, seed=0),
    both(detect.KSWIN, river.KSWIN, seed=42, alpha=0.05, window_size=60, stat_size=10),
    both(detect.KSWIN, river.KSWIN, seed=2**40 + 7, alpha=0.05, window_size=300, stat_size=5),
    both(detect.KSWIN, river.KSWIN, seed=3, window_size=400, stat_size=40),
    both(detect.KSWIN, river.KSWIN, seed=3, alpha=0.3, window_size=10, stat_size=5),
]
ERRORS = [
    both(detect.DDM, binary.DDM),
    both(detect.DDM, binary.DDM, warm_start=5, warning_threshold=1.0, drift_threshold=1.5),
    both(detect.DDM, binary.DDM, warm_start=0, drift_threshold=2.5),
    both(detect.EDDM, binary.EDDM),
    both(detect.EDDM, binary.EDDM, warm_start=10, alpha=0.99, beta=0.95),
    both(detect.HDDM_A, binary.HDDMA),
    both(detect.HDDM_A, binary.HDDMA, two_sided_test=True),
    both(
        detect.HDDM_A,
        binary.HDDMA,
        drift_confidence=0.05,
        warning_confidence=0.2,
        two_sided_test=True,
    ),
    both(detect.HDDM_W, binary.HDDMW),
    both(detect.HDDM_W, binary.HDDMW, two_sided_test=True),
    both(
        detect.HDDM_W,
        binary.HDDMW,
        drift_confidence=0.05,
        warning_confidence=0.2,
        lambda_val=0.3,
        two_sided_test=True,
    ),
    both(detect.FHDDM, binary.FHDDM),
    both(detect.FHDDM, binary.FHDDM, sliding_window_size=50, confidence_level=0.01),
    both(
        detect.FHDDM,
        binary.FHDDM,
        sliding_window_size=40,
        short_window_size=10,
        confidence_level=0.05,
    ),
    both(
        detect.FHDDM, binary.FHDDM, sliding_window_size=9, short_window_size=9, confidence_level=0.3
    ),
]


def streams(length: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    half = length // 2
    noise = rng.normal(0.0, 1.0, length)
    step = np.where(np.arange(length) < half, 0.0, 1.0)
    return {
        "stationary": noise,
        "step": noise + 2.0 * step,
        "fall": noise - 3.0 * step,
        "ramp": noise + np.linspace(0.0, 5.0, length),
        "spread": noise * (1.0 + 4.0 * step),
        "constant": np.full(length, 3.25),
        "constant_step": 7.0 * step,
        "negative": rng.exponential(1.0, length) * -1e3 - step * 5e3,
        "huge": noise * 1e150 + 4e150 * step,
        "tiny": noise * 1e-12 + 1e-11 * step,
        "offset": noise + 1e9 + 3.0 * step,
        "integers": rng.integers(0, 4, length) + 3.0 * step,
        "alternating": np.arange(length) % 2 + 0.0,
        "outliers": np.where(rng.random(length) < 0.01, 1e6, noise),
        "walk": np.cumsum(noise) / 10.0,
        "heavy": rng.standard_cauchy(length),
    }


NAMES = list(streams(2, 0))


def error_streams(length: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    uniform = rng.random(length)
    step = np.arange(length) >= length // 2
    return {
        "rare": uniform < 0.05,
        "even": uniform < 0.5,
        "often": uniform < 0.95,
        "rise": uniform < np.where(step, 0.5, 0.1),
        "small_rise": uniform < np.where(step, 0.25, 0.15),
        "fall": uniform < np.where(step, 0.1, 0.6),
        "ramp": uniform < np.linspace(0.05, 0.6, length),
        "none": np.zeros(length, dtype=bool),
        "all": np.ones(length, dtype=bool),
        "alternating": np.arange(length) % 2 == 0,
        "blocks": np.arange(length) // 100 % 2 == 0,
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", ADWINS + HINKLEYS)
def test_alarms_where_river_does(make: Make, name: str) -> None:
    check(make, streams(1500, 11)[name])


@pytest.mark.parametrize("make", KSWINS)
@pytest.mark.parametrize("name", ["stationary", "integers"])
def test_kswin_alarms_where_river_does(make: Make, name: str) -> None:
    check(make, streams(400, 13)[name])


@pytest.mark.parametrize("name", list(error_streams(2, 0)))
@pytest.mark.parametrize("make", ERRORS)
def test_error_rules_alarm_and_warn_where_river_does(make: Make, name: str) -> None:
    check(make, error_streams(1500, 17)[name])


def test_the_streams_raise_alarms() -> None:
    """Equal positions mean little where there are none: every rule of each kind has many."""
    steps = streams(1500, 11)
    for make in ADWINS + HINKLEYS:
        for name in ("step", "ramp"):
            assert make.values[0]()[0].update_many(steps[name]).size > 0, make.id
    for make in ERRORS:
        found = [make.values[0]()[0].update_many(e).size for e in error_streams(1500, 17).values()]
        assert sum(found) > 0, make.id


NUMBERS = st.one_of(
    st.integers(-3, 3).map(float),
    st.floats(-1e3, 1e3),
    st.floats(allow_nan=False, allow_infinity=False),
)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_adwin_and_page_hinkley_on_any_stream(data: Any, seed: int) -> None:
    parts = data.draw(st.lists(st.tuples(NUMBERS, st.floats(0.0, 10.0)), min_size=1, max_size=5))
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(0.0, sd, 200) + mean for mean, sd in parts])
    check(data.draw(st.sampled_from(ADWINS + HINKLEYS)).values[0], values)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_error_rules_on_any_stream(data: Any, seed: int) -> None:
    rates = data.draw(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6))
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.random(150) < rate for rate in rates])
    check(data.draw(st.sampled_from(ERRORS)).values[0], values)


@settings(max_examples=10, deadline=None)
@given(
    window=st.integers(4, 90),
    alpha=st.sampled_from([0.3, 0.05, 0.01]),
    seed=st.integers(0, 2**64 - 1),
    decimals=st.integers(0, 3),
    data=st.data(),
)
def test_kswin_of_any_size_and_seed(
    window: int, alpha: float, seed: int, decimals: int, data: Any
) -> None:
    stat = data.draw(st.integers(window // 4 + 1, window // 2))
    given = {"alpha": alpha, "window_size": window, "stat_size": stat, "seed": seed}
    try:
        ours = detect.KSWIN(**given)
    except ValueError:  # no two samples of this size differ enough
        return
    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(0.0, 1.0, window + 60), decimals)
    check(lambda: (ours, river.KSWIN(**given)), values)


@pytest.mark.parametrize("size", [1, 5, 21, 22, 85, 277, 278, 300, 5000])
@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32, 2**64 - 1])
def test_kswin_draws_as_python_does(seed: int, size: int) -> None:
    """Among all-different values one draw decides the distance; find it through the alarm."""
    stat = 1
    window = size + stat
    if window < 2:
        pytest.skip("a window holds two values at least")
    detector = detect.KSWIN(alpha=1.0, window_size=window, stat_size=stat, seed=seed)
    # With one value on either side the distance is 1 unless both are equal.
    drawn = random.Random(seed).sample(range(size), stat)[0]
    values = np.arange(window, dtype=np.float64)
    values[-1] = float(drawn)
    assert detector.update_many(values).tolist() == []
    values[-1] = float(size + 5)
    detector.reset()
    assert detector.update_many(values).tolist() == [window - 1]


def test_kswin_p_value_is_scipys() -> None:
    """The distance that alarms first is the least one that scipy finds significant."""
    stats = pytest.importorskip("scipy.stats")
    for n, alpha in [(10, 0.05), (30, 0.005), (30, 0.0001)]:
        older = np.arange(n, dtype=np.float64)
        alarming = []
        for h in range(n + 1):
            newest = older.copy()
            newest[:h] = n + np.arange(h)  # moves the largest difference to h / n
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", category=RuntimeWarning)  # as river does
                result = stats.ks_2samp(older, newest)
            detector = detect.KSWIN(alpha=alpha, window_size=2 * n, stat_size=n)
            alarm = detector.update_many(np.concatenate([older, newest])).size > 0
            assert alarm == (result.pvalue <= alpha and result.statistic > 0.1)
            alarming.append(alarm)
        assert any(alarming)
        assert not all(alarming)


@pytest.mark.slow
@pytest.mark.parametrize("make", ADWINS + HINKLEYS)
def test_alarms_where_river_does_on_long_streams(make: Make) -> None:
    for seed in range(5):
        for values in streams(100_000, seed).values():
            check(make, values)
