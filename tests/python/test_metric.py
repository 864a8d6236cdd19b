"""Instruments: what they count, what they refuse, and how they are bounded."""

from __future__ import annotations

import array
import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

import inlay
from inlay.metric import BoundCounter, BoundGauge, BoundHistogram, Counter, Gauge, Histogram

if TYPE_CHECKING:
    pass


def rows(batch: inlay.Batch, metric: str) -> list[dict[str, Any]]:
    return [row for row in batch.points.to_pylist() if row["metric"] == metric]


def row_of(obs: inlay.Observer, metric: str) -> dict[str, Any]:
    (row,) = rows(obs.collect(), metric)
    return row


@pytest.fixture
def obs() -> inlay.Observer:
    return inlay.Observer({"service.name": "ranker"}, clock=inlay.ManualClock())


# ---- what they count ---------------------------------------------------------------------------
def test_counter_row_is_the_increase_of_the_window(obs: inlay.Observer) -> None:
    orders = obs.counter("orders", unit="{order}", attributes=("route",))
    chat = orders.bind(route="chat")
    chat.add(2)
    chat.add(0.5)
    orders.add(1, route="chat")
    row = row_of(obs, "orders")
    assert (row["kind"], row["value"], row["unit"]) == ("counter", 3.5, "{order}")
    assert row["attrs"] == '{"route":"chat"}'
    assert (row["status"], row["form"], row["revision"]) == ("ok", "delta", 0)
    chat.add(4)
    assert row_of(obs, "orders")["value"] == 4
    assert rows(obs.collect(), "orders") == []  # nobody touched it


def test_counter_takes_large_and_numpy_numbers(obs: inlay.Observer) -> None:
    total = obs.counter("bytes").bind()
    total.add(2**53)
    total.add(1)
    total.add(1)
    assert row_of(obs, "bytes")["value"] == 2**53 + 2
    total.add(np.int64(3))
    total.add(np.float32(0.5))
    total.add(True)
    assert row_of(obs, "bytes")["value"] == 4.5


def test_gauge_row_has_last_least_and_greatest(obs: inlay.Observer) -> None:
    load = obs.gauge("load").bind()
    for value in (3.0, -1.0, 2.0):
        load.set(value)
    row = row_of(obs, "load")
    assert (row["kind"], row["value"], row["min"], row["max"]) == ("gauge", 2.0, -1.0, 3.0)
    row = row_of(obs, "load")  # untouched, a gauge still says its last value
    assert row["value"] == 2.0
    load.add(0.5)
    load.add(-2)
    row = row_of(obs, "load")
    assert (row["value"], row["min"], row["max"]) == (0.5, 0.5, 2.5)


def test_histogram_row_has_counts_and_moments(obs: inlay.Observer) -> None:
    latency = obs.histogram("latency", unit="s")
    values = [0.0, 1.0, 2.0, 4.0, -3.0, 1.0]
    for value in values:
        latency.record(value)
    row = row_of(obs, "latency")
    assert row["kind"] == "histogram"
    assert row["value"] is None
    assert (row["count"], row["sum"], row["min"], row["max"]) == (6, 5.0, -3.0, 4.0)
    assert row["mean"] == pytest.approx(np.mean(values), rel=1e-12)
    assert row["m2"] == pytest.approx(np.sum((np.array(values) - np.mean(values)) ** 2), rel=1e-12)
    assert row["scale"] == 5
    assert row["zero_count"] == 1
    # Bucket i is (2**(i/32), 2**((i+1)/32)]: 1 is the top of bucket -1, 2 of 31, 4 of 63.
    positive = {row["pos_offset"] + i: n for i, n in enumerate(row["pos_counts"]) if n}
    assert positive == {-1: 2, 31: 1, 63: 1}
    assert sum(row["neg_counts"]) == 1
    assert rows(obs.collect(), "latency") == []


@pytest.mark.parametrize(
    "values",
    [
        array.array("d", [1.0, 2.0, 4.0]),
        np.array([1.0, 2.0, 4.0]),
        np.array([1.0, 2.0, 4.0], dtype=np.float32),
        np.array([1, 2, 4]),
        np.array([1, 2, 4], dtype=np.uint8),
        np.array([1.0, 9.0, 2.0, 9.0, 4.0, 9.0])[::2],
        pa.array([1.0, 2.0, 4.0]),
        [1.0, 2.0, 4.0],
        (1, 2, 4),
    ],
    ids=["array", "float64", "float32", "int64", "uint8", "strided", "arrow", "list", "tuple"],
)
def test_record_many_takes_buffers_and_sequences(obs: inlay.Observer, values: Any) -> None:
    latency = obs.histogram("latency", attributes=("route",))
    latency.record_many(values, route="chat")
    latency.bind(route="chat").record_many(values)
    row = row_of(obs, "latency")
    assert (row["count"], row["sum"], row["min"], row["max"]) == (6, 14.0, 1.0, 4.0)


def test_record_many_equals_records(obs: inlay.Observer) -> None:
    values = np.random.default_rng(11).lognormal(size=5_000)
    one, many = obs.histogram("one").bind(), obs.histogram("many").bind()
    for value in values:
        one.record(value)
    many.record_many(values)
    batch = obs.collect()
    (first,), (second,) = rows(batch, "one"), rows(batch, "many")
    for column in ("count", "min", "max", "scale", "pos_offset", "pos_counts", "zero_count"):
        assert first[column] == second[column], column
    assert first["sum"] == pytest.approx(second["sum"], rel=1e-12)
    assert first["m2"] == pytest.approx(second["m2"], rel=1e-9)


def test_record_many_of_nothing_is_nothing(obs: inlay.Observer) -> None:
    obs.histogram("latency").record_many(np.array([]))
    assert rows(obs.collect(), "latency") == []


# ---- what is not a number ----------------------------------------------------------------------
def test_histogram_keeps_what_is_not_finite_apart(obs: inlay.Observer) -> None:
    latency = obs.histogram("latency").bind()
    for value in (1.0, math.nan, math.inf, -math.inf, math.nan):
        latency.record(value)
    latency.record_many(array.array("d", [2.0, math.nan, math.inf]))
    row = row_of(obs, "latency")
    assert (row["count"], row["sum"], row["min"], row["max"]) == (2, 3.0, 1.0, 2.0)
    assert (row["nan_count"], row["pos_inf_count"], row["neg_inf_count"]) == (3, 2, 1)


def test_gauge_keeps_what_is_not_finite_apart(obs: inlay.Observer) -> None:
    load = obs.gauge("load").bind()
    for value in (1.0, math.nan, math.inf, -math.inf):
        load.set(value)
    row = row_of(obs, "load")
    assert (row["value"], row["min"], row["max"]) == (1.0, 1.0, 1.0)
    assert (row["nan_count"], row["pos_inf_count"], row["neg_inf_count"]) == (1, 1, 1)


def test_counter_counts_what_is_not_finite_as_dropped(obs: inlay.Observer) -> None:
    orders = obs.counter("orders").bind()
    for value in (1.0, math.nan, math.inf):
        orders.add(value)
    batch = obs.collect()
    assert rows(batch, "orders")[0]["value"] == 1.0
    dropped = {
        json.loads(row["attrs"])["reason"]: row["value"] for row in rows(batch, "inlay.dropped")
    }
    assert dropped["not_finite"] == 2


def test_counter_refuses_a_negative_number(obs: inlay.Observer) -> None:
    orders = obs.counter("orders", attributes=("route",))
    for add in (lambda v: orders.add(v, route="chat"), orders.bind(route="chat").add):
        for value in (-1, -0.5, -math.inf):
            with pytest.raises(ValueError, match=str(value)):
                add(value)
    assert all(row["value"] == 0 for row in rows(obs.collect(), "orders"))


@pytest.mark.parametrize("value", ["1", None, [1], 1j, {}])
def test_record_refuses_what_is_no_number(obs: inlay.Observer, value: Any) -> None:
    for act in (
        obs.counter("c").add,
        obs.counter("c").bind().add,
        obs.gauge("g").set,
        obs.gauge("g").bind().set,
        obs.gauge("g").bind().add,
        obs.histogram("h").record,
        obs.histogram("h").bind().record,
    ):
        with pytest.raises(TypeError):
            act(value)


# ---- attributes --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"route": "chat"}, "code"),
        ({"route": "chat", "code": 200, "colour": "red"}, "colour"),
        ({"route": "chat", "cod": 200}, "cod"),
        ({}, "route"),
    ],
    ids=["missing", "surplus", "unknown", "none"],
)
def test_wrong_attributes_are_refused_by_name(
    obs: inlay.Observer, attributes: dict[str, Any], named: str
) -> None:
    keys = ("route", "code")
    counter = obs.counter("c", attributes=keys)
    gauge = obs.gauge("g", attributes=keys)
    histogram = obs.histogram("h", attributes=keys)
    for act in (
        counter.bind,
        gauge.bind,
        histogram.bind,
        lambda **a: counter.add(1, **a),
        lambda **a: gauge.set(1, **a),
        lambda **a: histogram.record(1, **a),
        lambda **a: histogram.record_many([1.0], **a),
        histogram.time,
    ):
        with pytest.raises(TypeError, match=named):
            act(**attributes)


@pytest.mark.parametrize("value", [1.5, None, b"chat", ["chat"], object()])
def test_attribute_values_are_str_int_or_bool(obs: inlay.Observer, value: Any) -> None:
    orders = obs.counter("orders", attributes=("route",))
    for act in (orders.bind, lambda **a: orders.add(1, **a)):
        with pytest.raises(TypeError, match="route"):
            act(route=value)


def test_attribute_values_become_strings(obs: inlay.Observer) -> None:
    orders = obs.counter("orders", attributes=("b", "a"))
    orders.add(1, a=True, b=-3)
    orders.add(1, a='é"\n', b="")
    attrs = sorted(row["attrs"] for row in rows(obs.collect(), "orders"))
    assert [json.loads(text) for text in attrs] == [
        {"a": "True", "b": "-3"},
        {"a": 'é"\n', "b": ""},
    ]
    assert attrs[0] == '{"a":"True","b":"-3"}'


def test_order_of_attributes_does_not_matter(obs: inlay.Observer) -> None:
    orders = obs.counter("orders", attributes=("a", "b"))
    orders.add(1, a=1, b=2)
    orders.add(1, b=2, a=1)
    orders.bind(b="2", a="1").add(1)
    assert row_of(obs, "orders")["value"] == 3


def test_bound_handle_shows_what_it_is(obs: inlay.Observer) -> None:
    for instrument, kind in (
        (obs.counter("c", unit="s", description="d", attributes=("k",)), BoundCounter),
        (obs.gauge("g", unit="s", description="d", attributes=("k",)), BoundGauge),
        (obs.histogram("h", unit="s", description="d", attributes=("k",)), BoundHistogram),
    ):
        assert (instrument.unit, instrument.description) == ("s", "d")
        assert (instrument.attributes, instrument.layer) == (("k",), "app")
        bound = instrument.bind(k=1)
        assert isinstance(bound, kind)
        assert bound.attributes == {"k": "1"}
        assert bound.instrument is instrument
        text = f'{instrument.name}\x1f{{"k":"1"}}\x1franker'.encode()
        digest = hashlib.md5(text).digest()
        assert bound.series_id == int.from_bytes(digest[:8], "big", signed=True)
        assert instrument.name in repr(instrument)


def test_series_id_is_in_the_row(obs: inlay.Observer) -> None:
    bound = obs.counter("c", attributes=("k",)).bind(k="v")
    bound.add(1)
    assert row_of(obs, "c")["series_id"] == bound.series_id


# ---- names and registration --------------------------------------------------------------------
@pytest.mark.parametrize("name", ["a", "A", "request.latency", "gpu/0-mem_used", "x" * 255])
def test_good_names(obs: inlay.Observer, name: str) -> None:
    obs.counter(name).add(1)
    assert row_of(obs, name)["value"] == 1


@pytest.mark.parametrize("name", ["", "1a", ".a", "_a", "a b", "a{", "é", "x" * 256, "a\0"])
def test_bad_names_are_refused(obs: inlay.Observer, name: str) -> None:
    for make in (obs.counter, obs.gauge, obs.histogram):
        with pytest.raises(ValueError, match="name"):
            make(name)


@pytest.mark.parametrize("key", ["", "1a", ".a", "a b", "é", "x" * 256])
def test_bad_attribute_names_are_refused(obs: inlay.Observer, key: str) -> None:
    for make in (obs.counter, obs.gauge, obs.histogram):
        with pytest.raises(ValueError):  # noqa: PT011
            make("m", attributes=(key,))


def test_attribute_name_twice_is_refused(obs: inlay.Observer) -> None:
    with pytest.raises(ValueError, match="route"):
        obs.counter("m", attributes=("route", "route"))


def test_attributes_as_one_string_are_refused(obs: inlay.Observer) -> None:
    with pytest.raises(TypeError, match=r"such as \('route',\)"):
        obs.counter("orders", attributes="route")


def test_same_arguments_give_the_same_instrument(obs: inlay.Observer) -> None:
    options: dict[str, Any] = {"unit": "s", "description": "d", "attributes": ["a", "b"]}
    assert obs.counter("c", **options) is obs.counter("c", **options)
    assert obs.gauge("g", **options) is obs.gauge("g", **options)
    assert obs.histogram("h", **options, scale=3) is obs.histogram("h", **options, scale=3)


@pytest.mark.parametrize(
    "other",
    [
        lambda obs: obs.gauge("m", unit="s", attributes=("a",)),
        lambda obs: obs.counter("m", unit="ms", attributes=("a",)),
        lambda obs: obs.counter("m", unit="s", attributes=("b",)),
        lambda obs: obs.counter("m", unit="s", attributes=("a", "b")),
        lambda obs: obs.counter("m", unit="s", attributes=("a",), layer="model"),
        lambda obs: obs.counter("m", unit="s", attributes=("a",), description="other"),
    ],
    ids=["kind", "unit", "attribute", "attributes", "layer", "description"],
)
def test_other_arguments_for_the_same_name_are_refused(obs: inlay.Observer, other: Any) -> None:
    first = obs.counter("m", unit="s", attributes=("a",))
    with pytest.raises(ValueError, match="m"):
        other(obs)
    assert obs.counter("m", unit="s", attributes=("a",)) is first


def test_histogram_of_another_scale_is_refused(obs: inlay.Observer) -> None:
    obs.histogram("h", scale=5)
    with pytest.raises(ValueError, match="scale"):
        obs.histogram("h", scale=4)


def test_instruments_are_made_by_an_observer_only() -> None:
    for kind in (Counter, Gauge, Histogram, BoundCounter, BoundGauge, BoundHistogram):
        with pytest.raises(TypeError):
            kind()


# ---- bounds ------------------------------------------------------------------------------------
def test_series_over_the_cap_go_to_one_overflow_series() -> None:
    obs = inlay.Observer(max_series=10, clock=inlay.ManualClock())
    users = obs.counter("users", attributes=("id",))
    sizes = obs.histogram("sizes", attributes=("id",))
    for i in range(100):
        users.add(1, id=i)
        sizes.bind(id=i).record(1.0)
    batch = obs.collect()
    for metric, column in (("users", "value"), ("sizes", "count")):
        found = {row["attrs"]: row[column] for row in rows(batch, metric)}
        over = found.pop('{"otel.metric.overflow":"true"}')
        assert over + sum(found.values()) == 100
        assert over >= 90
        assert len(found) <= 10
    assert obs.stats()["overflow"] >= 180
    users.add(1, id=0)  # a series that has its place keeps it
    users.add(1, id="new")
    found = {row["attrs"]: row["value"] for row in rows(obs.collect(), "users")}
    assert found == {'{"id":"0"}': 1, '{"otel.metric.overflow":"true"}': 1}


def test_idle_series_expire_and_leave_their_place() -> None:
    clock = inlay.ManualClock()
    obs = inlay.Observer(max_series=2, window=1.0, expire=10.0, clock=clock)
    load = obs.gauge("load", attributes=("id",))
    load.set(1, id="a")
    load.set(2, id="b")
    load.set(3, id="c")
    assert len(rows(obs.collect(), "load")) == 3
    for _ in range(15):
        clock.advance(1)
        batch = obs.collect()
    assert rows(batch, "load") == []  # a forgotten gauge stops to say its last value
    load.set(4, id="c")
    assert [row["attrs"] for row in rows(obs.collect(), "load")] == ['{"id":"c"}']


def test_bound_handle_outlives_the_expiry_of_its_series() -> None:
    clock = inlay.ManualClock()
    obs = inlay.Observer(window=1.0, expire=5.0, clock=clock)
    orders = obs.counter("orders", attributes=("id",)).bind(id="a")
    orders.add(1)
    obs.collect()
    for _ in range(20):
        clock.advance(1)
        obs.collect()
    orders.add(2)
    row = row_of(obs, "orders")
    assert (row["value"], row["attrs"]) == (2, '{"id":"a"}')


def test_nulls_of_an_array_are_counted_apart() -> None:
    obs = inlay.Observer({"service.name": "test"}, clock=inlay.ManualClock())
    histogram = obs.histogram("m", attributes=("a",))
    histogram.bind(a="x").record_many([1.0, None, 2.0])
    histogram.record_many(pa.array([None, 3.0, None]), a="x")
    histogram.record_many(np.ma.array([4.0, 5.0], mask=[True, False]), a="x")
    (row,) = (r for r in obs.collect().points.to_pylist() if r["metric"] == "m")
    assert (row["count"], row["null_count"], row["sum"]) == (4, 4, 11.0)
    histogram.bind(a="x").record_many([None])
    (row,) = (r for r in obs.collect().points.to_pylist() if r["metric"] == "m")
    assert (row["count"], row["null_count"], row["status"]) == (0, 1, "undefined")


def test_a_cleared_gauge_is_undefined_until_the_next_value():
    observer = inlay.Observer()
    gauge = observer.gauge("load").bind()

    def rows():
        points = observer.collect().points.to_pylist()
        return [(p["status"], p["value"]) for p in points if p["metric"] == "load"]

    gauge.set(3.0)
    assert rows() == [("ok", 3.0)]
    gauge.set(4.0)
    gauge.clear()
    assert rows() == [("undefined", None)]
    assert rows() == []
    gauge.add(2.0)  # from 0: what was there is gone
    assert rows() == [("ok", 2.0)]
    gauge.clear()
    gauge.set(5.0)
    assert rows() == [("ok", 5.0)]
    observer.stop()
