"""What all online detectors promise: any cut gives the same, bytes go on, bad values are named."""

from __future__ import annotations

import array
import copy
import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay import detect

DATA = Path(__file__).parents[1] / "data"
MAKERS: dict[str, Callable[[], Any]] = {
    "ADWIN": lambda: detect.ADWIN(clock=8),
    "CUSUM": lambda: detect.CUSUM(h=3.0, warm_up=20),
    "DDM": lambda: detect.DDM(),
    "EDDM": lambda: detect.EDDM(warm_start=10),
    "FHDDM": lambda: detect.FHDDM(sliding_window_size=30, short_window_size=10),
    "HDDM_A": lambda: detect.HDDM_A(two_sided_test=True),
    "HDDM_W": lambda: detect.HDDM_W(two_sided_test=True),
    "KSWIN": lambda: detect.KSWIN(window_size=40, stat_size=10, alpha=0.05, seed=9),
    "PageHinkley": lambda: detect.PageHinkley(threshold=3.0),
}
OF_NUMBERS = ("ADWIN", "CUSUM", "KSWIN", "PageHinkley")
OF_ERRORS = tuple(name for name in MAKERS if name not in OF_NUMBERS)
every = pytest.mark.parametrize("name", list(MAKERS))


def stream(name: str, size: int = 3000, seed: int = 1) -> np.ndarray:
    """Return a stream whose level changes every 500 values."""
    rng = np.random.default_rng(seed)
    high = np.arange(size) // 500 % 2 == 1
    if name in OF_NUMBERS:
        return rng.normal(0.0, 1.0, size) + 2.0 * high
    return (rng.random(size) < np.where(high, 0.6, 0.1)).astype(np.float64)


@every
def test_single_values_and_batches_agree(name: str) -> None:
    values = stream(name)
    one, many = MAKERS[name](), MAKERS[name]()
    expected, warnings, begun = [], [], 0
    for place, value in enumerate(values.tolist()):
        if one.update(value):
            expected.append(place)
        if one.warning_count != begun:
            begun += 1
            warnings.append(place)
    alarms, warned = many.update_many_with_warnings(values)
    assert alarms.dtype == np.int64
    assert alarms.tolist() == expected
    assert warned.tolist() == warnings
    assert expected
    assert one == many
    assert one.to_bytes() == many.to_bytes()
    assert many.drift_count == len(expected)
    assert many.warning_count == len(warnings)
    assert many.count == len(values)


@every
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_cut_gives_the_same_bit_for_bit(name: str, data: Any) -> None:
    values = stream(name, 1200, data.draw(st.integers(0, 1000)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=6)))
    whole, parts = MAKERS[name](), MAKERS[name]()
    expected = whole.update_many(values).tolist()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(values)], strict=True):
        found += (parts.update_many(values[start:end]) + start).tolist()
        if data.draw(st.booleans()):
            parts = type(parts).from_bytes(parts.to_bytes())
    assert found == expected
    assert parts == whole


@every
def test_nulls_nan_and_infinities_are_counted_and_change_nothing(name: str) -> None:
    values = stream(name, 1500)
    plain, holed = MAKERS[name](), MAKERS[name]()
    expected = plain.update_many(values)
    with_holes: list[float | None] = []
    for value in values.tolist():
        with_holes += [None, value, float("nan"), float("inf"), float("-inf")]
    assert holed.update_many(with_holes).tolist() == (expected * 5 + 1).tolist()
    assert holed.ignored_count == 4 * len(values)
    assert holed.count == plain.count
    assert holed.drift_count == plain.drift_count
    before = holed.to_bytes()
    assert holed.update(None) is False
    assert holed.update(float("nan")) is False
    assert holed.ignored_count == 4 * len(values) + 2
    assert holed.to_bytes() != before  # the count
    fresh = MAKERS[name]()
    assert fresh.update_many([None, float("nan")]).tolist() == []
    assert fresh.undefined_reason == "insufficient"


@every
def test_whatever_holds_the_values_gives_the_same(name: str) -> None:
    values = stream(name, 1500)
    expected = MAKERS[name]().update_many(values).tolist()
    nulls = [None if i % 3 == 0 else v for i, v in enumerate(np.repeat(values, 3).tolist())]
    strided = np.repeat(values, 2)[::2]
    chunks = pa.chunked_array([pa.array(values[:700]), pa.array(values[700:])])
    sources: list[Any] = [
        values.tolist(),
        tuple(values.tolist()),
        array.array("d", values),
        memoryview(values),
        strided,
        pa.array(values),
        chunks,
        pa.array(values).slice(0),
        pa.array(values).dictionary_encode(),
    ]
    if name in OF_ERRORS:
        sources += [
            values.astype(bool),
            values.astype(np.int8),
            values.astype(np.float32),
            pa.array(values.astype(bool)),
        ]
    for source in sources:
        assert MAKERS[name]().update_many(source).tolist() == expected, type(source)
    places = MAKERS[name]().update_many(nulls).tolist()
    assert MAKERS[name]().update_many(pa.array(nulls, pa.float64())).tolist() == places
    dictionary = pa.array(nulls, pa.float64()).dictionary_encode()
    assert MAKERS[name]().update_many(dictionary).tolist() == places
    sliced = pa.array([None, *nulls], pa.float64()).slice(1)
    assert MAKERS[name]().update_many(sliced).tolist() == places


@every
def test_nothing_is_a_stream_too(name: str) -> None:
    detector = MAKERS[name]()
    for empty in ([], np.array([]), pa.array([], pa.float64()), pa.nulls(3)):
        assert detector.update_many(empty).tolist() == []
    assert detector.count == 0
    assert detector.ignored_count == 3
    assert not detector.drift_detected
    assert not detector.warning_detected
    assert detector.undefined_reason == "insufficient"


@every
def test_bytes_copies_and_pickles_go_on_alike(name: str) -> None:
    values = stream(name)
    original = MAKERS[name]()
    original.update_many(values[:1234])
    copies = [
        type(original).from_bytes(original.to_bytes()),
        pickle.loads(pickle.dumps(original)),
        copy.copy(original),
        copy.deepcopy(original),
        original.copy(),
    ]
    assert all(each == original for each in copies)
    assert all(each.parameters == original.parameters for each in copies)
    expected = original.update_many(values[1234:]).tolist()
    for each in copies:
        assert each.update_many(values[1234:]).tolist() == expected
        assert each == original
    original.reset()
    assert original == MAKERS[name]()
    assert original != copies[0]
    assert original != 3
    with pytest.raises(TypeError):
        hash(original)


@every
def test_bytes_of_another_class_or_damaged_are_refused(name: str) -> None:
    detector = MAKERS[name]()
    detector.update_many(stream(name, 500))
    data = detector.to_bytes()
    for other in MAKERS:
        if other != name:
            with pytest.raises(inlay.SerializationError, match="do not begin like one"):
                getattr(detect, other).from_bytes(data)
    for bad in (b"", data[:3], data[:-1], data + b"\0"):
        with pytest.raises(inlay.SerializationError):
            type(detector).from_bytes(bad)
    newer = data[:4] + b"\x02" + data[5:]
    with pytest.raises(inlay.SerializationError, match="newer version: 2"):
        type(detector).from_bytes(newer)


@every
def test_bytes_of_the_first_version_stay_readable(name: str) -> None:
    data = (DATA / f"{name.lower()}_v1.bin").read_bytes()
    detector = MAKERS[name]()
    detector.update_many(frozen_stream(name))
    assert type(detector).from_bytes(data) == detector
    assert detector.to_bytes() == data


def frozen_stream(name: str) -> np.ndarray:
    """Return a stream that needs no random numbers, so that it is the same for ever."""
    places = np.arange(700, dtype=np.int64)
    scrambled = (places * 7919 + 104729) % 1009
    high = places // 300 % 2 == 1
    if name in OF_NUMBERS:
        return scrambled / 1009 + 2.0 * high
    return (scrambled < np.where(high, 600, 100)).astype(np.float64)


@pytest.mark.parametrize("name", OF_ERRORS)
@pytest.mark.parametrize("value", [0.5, 2, -1, 1e300])
def test_a_value_that_is_no_error_is_named_and_changes_nothing(name: str, value: float) -> None:
    detector = MAKERS[name]()
    detector.update_many(stream(name, 600))
    before = detector.to_bytes()
    with pytest.raises(inlay.InvalidArgumentError, match=r"takes 0 and 1, got: "):
        detector.update(value)
    with pytest.raises(inlay.InvalidArgumentError, match=r"takes 0 and 1; value 2 is: "):
        detector.update_many([0, None, value, 1])
    with pytest.raises(inlay.InvalidArgumentError, match="value 5000 is"):
        detector.update_many(np.append(np.zeros(5000), [value, 0.0]))
    assert detector.to_bytes() == before
    assert detector.update(True) in (True, False)
    assert detector.update(np.bool_(False)) in (True, False)
    assert detector.update(0.0) in (True, False)


@every
def test_what_is_no_number_is_refused(name: str) -> None:
    detector = MAKERS[name]()
    for value in ("1", b"1", 1j, [1.0], object()):
        with pytest.raises(TypeError):
            detector.update(value)
    for values in ("101", ["1"], np.array(["1"]), pa.array(["1"]), object(), 1j):
        with pytest.raises(TypeError):
            detector.update_many(values)
    swapped = np.ones(3).astype(">f8")
    with pytest.raises(TypeError):
        detector.update_many(swapped)
    assert detector == MAKERS[name]()


BAD_PARAMETERS: list[tuple[str, dict[str, Any], str]] = [
    ("ADWIN", {"delta": 1.0}, "delta must lie between 0 and 1, both excluded: 1"),
    ("ADWIN", {"clock": 0}, "clock must lie within 1 to 9007199254740992: 0"),
    ("ADWIN", {"max_buckets": 256}, "max_buckets must lie within 2 to 255: 256"),
    ("ADWIN", {"min_window_length": -1}, "min_window_length"),
    ("CUSUM", {"sd": -1.0}, "sd must be finite and positive: -1"),
    ("CUSUM", {"mean": float("nan")}, "mean must be finite: nan"),
    ("CUSUM", {"k": -0.1}, "k, the allowance, must be finite and not negative: -0.1"),
    ("DDM", {"warm_start": -3}, "warm_start"),
    ("EDDM", {"alpha": 0.8}, "beta must lie within 0 to 0.8: 0.9"),
    ("FHDDM", {"short_window_size": 0}, "short_window_size must be at least 1, or None: 0"),
    ("FHDDM", {"short_window_size": 101}, "short_window_size must lie within 0 to 100: 101"),
    ("FHDDM", {"sliding_window_size": 2**21}, "sliding_window_size"),
    ("HDDM_A", {"drift_confidence": 0.0}, "drift_confidence"),
    ("HDDM_W", {"lambda_val": -0.5}, "lambda_val must lie within 0 to 1: -0.5"),
    ("KSWIN", {"stat_size": 51}, "stat_size must lie within 1 to 50: 51"),
    ("KSWIN", {"alpha": 0.0}, "alpha must lie above 0 and at most at 1: 0"),
    ("KSWIN", {"seed": -1}, "seed must lie within 0 to 18446744073709551615: -1"),
    ("KSWIN", {"stat_size": 3, "alpha": 0.05}, "can reach, at least 0.0999"),
    ("PageHinkley", {"mode": "sideways"}, "mode must be 'up', 'down' or 'both': 'sideways'"),
    ("PageHinkley", {"threshold": float("inf")}, "threshold"),
]


@pytest.mark.parametrize(("name", "given_", "words"), BAD_PARAMETERS)
def test_a_parameter_out_of_range_is_named(name: str, given_: dict[str, Any], words: str) -> None:
    with pytest.raises(inlay.InvalidArgumentError) as error:
        getattr(detect, name)(**given_)
    assert words in str(error.value)


def test_parameters_are_keywords_and_typed() -> None:
    with pytest.raises(TypeError):
        detect.ADWIN(0.002)  # type: ignore[misc]
    with pytest.raises(TypeError):
        detect.ADWIN(clock=1.5)  # type: ignore[arg-type]
    assert detect.ADWIN(delta=0.1, clock=np.int64(3)).parameters == {
        "delta": 0.1,
        "clock": 3,
        "max_buckets": 5,
        "min_window_length": 5,
        "grace_period": 10,
    }
    assert detect.PageHinkley(mode="down").parameters["mode"] == "down"
    assert detect.CUSUM(sd=2).parameters["mean"] is None


@every
def test_the_repr_says_what_it_is(name: str) -> None:
    detector = MAKERS[name]()
    detector.update_many(stream(name))
    assert repr(detector).startswith(f"<inlay.detect.{name}(")
    assert repr(detector).endswith(f": {detector.drift_count} alarms in 3000 values>")


def test_adwin_says_what_its_window_holds() -> None:
    detector = detect.ADWIN()
    assert (detector.width, detector.mean, detector.variance) == (0, None, None)
    values = np.random.default_rng(3).normal(5.0, 2.0, 1000)
    assert detector.update_many(values).size == 0
    assert detector.width == 1000
    assert detector.mean == pytest.approx(values.mean(), rel=1e-12)
    assert detector.variance == pytest.approx(values.var(), rel=1e-9)


def reference_cusum(
    values: np.ndarray, k: float, h: float, mean: float, sd: float
) -> tuple[list[int], float, float]:
    upper = lower = 0.0
    alarms = []
    for place, value in enumerate(values):
        if alarms and alarms[-1] == place - 1:
            upper = lower = 0.0
        z = (value - mean) / sd
        upper, lower = max(0.0, upper + z - k), max(0.0, lower - z - k)
        if upper > h or lower > h:
            alarms.append(place)
    return alarms, upper, lower


@settings(max_examples=50, deadline=None)
@given(
    k=st.floats(0.0, 2.0),
    h=st.floats(0.0, 10.0),
    mean=st.floats(-100.0, 100.0),
    sd=st.floats(0.01, 100.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_cusum_is_pages_definition(k: float, h: float, mean: float, sd: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(0.5, 2.0, 400)
    detector = detect.CUSUM(k=k, h=h, mean=mean, sd=sd)
    alarms, upper, lower = reference_cusum(values, k, h, mean, sd)
    assert detector.update_many(values).tolist() == alarms
    assert detector.sums == (upper, lower)


def test_cusum_fits_the_first_values_and_again_after_an_alarm() -> None:
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.normal(10.0, 3.0, 1000), rng.normal(20.0, 1.0, 1000)])
    detector = detect.CUSUM(h=10.0, warm_up=300)
    assert detector.fitted is None
    detector.update_many(values[:300])
    assert detector.fitted == pytest.approx((values[:300].mean(), values[:300].std(ddof=1)))
    alarms = detector.update_many(values[300:]) + 300
    assert len(alarms) == 1
    assert 1000 < alarms[0] < 1010
    again = values[alarms[0] + 1 : alarms[0] + 301]
    assert detector.fitted == pytest.approx((again.mean(), again.std(ddof=1)))
    around = detect.CUSUM(mean=12.0, warm_up=300)
    around.update_many(values[:300])
    assert around.fitted == pytest.approx((12.0, np.sqrt(np.mean((values[:300] - 12.0) ** 2))))
    scaled = detect.CUSUM(sd=5.0, warm_up=300)
    scaled.update_many(values[:300])
    assert scaled.fitted == pytest.approx((values[:300].mean(), 5.0))


def test_cusum_runs_as_long_as_siegmund_says() -> None:
    """Exponential-like runs: the mean of 400 is within 4 standard errors, and the formula's 5 %."""
    detector = detect.CUSUM(k=0.5, h=3.0, mean=0.0, sd=1.0)
    b = 3.0 + 1.166
    expected = (np.exp(b) - b - 1.0) / 1.0
    values = np.random.default_rng(12).normal(0.0, 1.0, int(400 * expected))
    runs = np.diff(detector.update_many(values), prepend=-1)
    assert abs(runs.mean() / expected - 1.0) < 4.0 / np.sqrt(len(runs)) + 0.05


def test_a_constant_stream_is_undefined_for_cusum_until_it_moves() -> None:
    detector = detect.CUSUM()
    assert detector.update_many(np.full(1000, 7.0)).size == 0
    assert detector.undefined_reason == "constant"
    assert detector.update_many([8.0, 8.0]).tolist() == [1]
    assert detect.CUSUM(mean=7.0, sd=1.0).undefined_reason is None


@pytest.mark.parametrize("name", ["ADWIN", "CUSUM", "PageHinkley"])
def test_an_overflow_is_said(name: str) -> None:
    detector = MAKERS[name]()
    values = np.tile([1.7e308, -1.7e308], 100)
    detector.update_many(values)
    assert detector.undefined_reason == "overflow"
    detector.reset()
    assert detector.undefined_reason == "insufficient"


@every
def test_undefined_ends_with_enough_values(name: str) -> None:
    detector = MAKERS[name]()
    values = stream(name, 499).tolist()
    assert any(not detector.update(v) and detector.undefined_reason is None for v in values)


@every
def test_memory_is_small_and_constant(name: str) -> None:
    detector = getattr(detect, name)()
    before = detector.memory_bytes
    detector.update_many(stream(name, 20_000))
    assert detector.memory_bytes == before <= 8192
    assert len(detector.to_bytes()) <= 8192


def test_integers_beyond_53_bits_warn() -> None:
    with pytest.warns(inlay.InlayWarning):
        detect.ADWIN().update(2**53 + 1)
    with pytest.warns(inlay.InlayWarning):
        detect.ADWIN().update_many([2**53 + 1, 1])


@every
def test_threads_take_turns(name: str) -> None:
    detector = MAKERS[name]()
    values = stream(name, 20_000)
    errors: list[BaseException] = []

    def use() -> None:
        try:
            for _ in range(5):
                detector.update_many(values)
                detector.update(1.0)
                detector.copy()
                detector.to_bytes()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert detector.count == 4 * 5 * (len(values) + 1)


def test_an_alarm_becomes_an_event() -> None:
    observer = inlay.Observer(clock=inlay.ManualClock(1_700_000_000.0))
    detector = detect.ADWIN()
    for value in stream("ADWIN", 800).tolist():
        if detector.update(value):
            attributes = detector.event_attributes()
            assert observer.event("data.drift.alarm", layer="data", column="x", **attributes)
    events = observer.collect().events.to_pylist()
    assert len(events) == detector.drift_count > 0
    assert json.loads(events[-1]["attrs"]) == {
        "column": "x",
        "detector": "ADWIN",
        "drift_count": str(detector.drift_count),
        "parameters": json.dumps(detector.parameters, sort_keys=True),
        "replayable": "False",
        "value_count": str(attributes["value_count"]),
    }


def test_names_load_on_first_use_without_numpy() -> None:
    code = (
        "import sys, inlay.detect as d\n"
        "assert 'numpy' not in sys.modules\n"
        "x = d.PageHinkley()\n"
        "assert x.update(1.0) is False\n"
        "assert 'numpy' not in sys.modules and 'pyarrow' not in sys.modules\n"
        "assert 'ADWIN' in dir(d)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        detect.Nothing  # noqa: B018


def test_arrays_of_several_columns_and_bytes_are_refused() -> None:
    from inlay.detect import ADWIN

    detector = ADWIN()
    with pytest.raises(inlay.InvalidArgumentError, match=r"\(3, 2\): pass one of its columns"):
        detector.update_many(np.zeros((3, 2)))
    with pytest.raises(TypeError, match="bytes"):
        detector.update_many(b"abc")
    assert detector.count == 0


def test_messages_name_the_detector_and_the_argument() -> None:
    from inlay.detect import ADWIN, KSWIN

    with pytest.raises(TypeError, match=r"ADWIN takes .*delta='a'"):
        ADWIN(delta="a")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="KSWIN watches numbers, got str"):
        KSWIN().update("x")  # type: ignore[arg-type]
