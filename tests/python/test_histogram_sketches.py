"""Histograms that keep a Kll and an Hll of each window beside their buckets."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import inlay


def observer() -> inlay.Observer:
    return inlay.Observer({"service.name": "test"}, window=3600.0, clock=inlay.ManualClock())


def rows_of(batch: inlay.Batch, metric: str = "m") -> dict[str, dict[str, Any]]:
    rows = [row for row in batch.points.to_pylist() if row["metric"] == metric]
    by_kind = {row["kind"]: row for row in rows}
    assert len(by_kind) == len(rows)
    return by_kind


VALUES = 1e6 + np.random.default_rng(3).normal(size=20_000)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_hold_the_window_as_the_objects_would(dtype):
    obs = observer()
    histogram = obs.histogram("m", unit="s", quantiles=True, cardinality=True)
    values = VALUES.astype(dtype)
    histogram.bind().record_many(values)
    rows = rows_of(obs.collect())
    assert set(rows) == {"histogram", "quantiles", "cardinality"}
    assert len({row["series_id"] for row in rows.values()}) == 1
    assert {row["attrs"] for row in rows.values()} == {"{}"}
    assert (rows["quantiles"]["unit"], rows["cardinality"]["unit"]) == ("s", None)

    sketch = inlay.Kll.from_row(rows["quantiles"])
    assert sketch.count == rows["quantiles"]["count"] == len(values)
    assert (sketch.min, sketch.max) == (float(values.min()), float(values.max()))
    for q in (0.01, 0.5, 0.99):
        rank = (values <= sketch.quantile(q)).mean()
        assert abs(rank - q) < 2 * sketch.normalized_rank_error()
    # What it is for: the buckets of a histogram are wider than these data.
    assert len(rows["histogram"]["pos_counts"]) <= 2

    distinct = inlay.Hll.from_row(rows["cardinality"])
    assert distinct == inlay.Hll(values)
    assert rows["cardinality"]["value"] == distinct.estimate
    assert rows["cardinality"]["count"] == len(values)


def test_single_records_of_threads_meet_in_one_row():
    obs = observer()
    histogram = obs.histogram("m", attributes=("a",), quantiles=True, cardinality=True)

    def work(share: list[float]) -> None:
        bound = histogram.bind(a="x")
        for value in share:
            bound.record(value)

    shares = [[float(i) for i in range(t, 4000, 4)] for t in range(4)]
    threads = [threading.Thread(target=work, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = rows_of(obs.collect())
    assert rows["histogram"]["count"] == rows["quantiles"]["count"] == 4000
    sketch = inlay.Kll.from_row(rows["quantiles"])
    assert (sketch.min, sketch.max) == (0.0, 3999.0)
    assert abs(sketch.rank(2000.0) - 0.5) < 2 * sketch.normalized_rank_error()
    assert inlay.Hll.from_row(rows["cardinality"]) == inlay.Hll([float(i) for i in range(4000)])


def test_windows_are_deltas_and_merge_to_the_whole():
    obs = observer()
    bound = obs.histogram("m", quantiles=True, cardinality=True).bind()
    whole, parts = inlay.Hll(), []
    for part in (VALUES[:7], VALUES[5:3000]):
        bound.record_many(part)
        whole.update(part)
        parts.append(rows_of(obs.collect()))
    assert [rows["quantiles"]["count"] for rows in parts] == [7, 2995]
    merged = inlay.Hll.from_row(parts[0]["cardinality"])
    merged.merge(inlay.Hll.from_row(parts[1]["cardinality"]))
    assert merged == whole
    quantiles = inlay.Kll.from_row(parts[0]["quantiles"])
    quantiles.merge(inlay.Kll.from_row(parts[1]["quantiles"]))
    assert quantiles.count == 3002
    assert rows_of(obs.collect()) == {}


def test_peek_leaves_the_window_as_it_is():
    obs = observer()
    bound = obs.histogram("m", quantiles=True, cardinality=True).bind()
    for value in VALUES[:100]:
        bound.record(float(value))
    peeked = rows_of(obs.peek())
    bound.record(1.0)
    cut = rows_of(obs.collect())
    assert (peeked["quantiles"]["count"], cut["quantiles"]["count"]) == (100, 101)
    assert inlay.Hll.from_row(peeked["cardinality"]) == inlay.Hll(VALUES[:100])


def test_what_is_not_finite_is_kept_apart():
    obs = observer()
    bound = obs.histogram("m", quantiles=True, cardinality=True).bind()
    bound.record_many([1.0, float("nan"), float("inf"), float("-inf"), float("-inf")])
    rows = rows_of(obs.collect())
    for row in rows.values():
        assert (row["nan_count"], row["pos_inf_count"], row["neg_inf_count"]) == (1, 1, 2)
    assert inlay.Kll.from_row(rows["quantiles"]).count == 1


@pytest.mark.parametrize("only", ["quantiles", "cardinality"])
def test_each_is_made_on_request_alone(only):
    obs = observer()
    obs.histogram("plain").bind().record(1.0)
    obs.histogram("m", **{only: True}).bind().record(1.0)
    batch = obs.collect()
    assert set(rows_of(batch, "plain")) == {"histogram"}
    assert set(rows_of(batch)) == {"histogram", only}


def test_another_request_under_one_name_is_refused():
    obs = observer()
    first = obs.histogram("m", quantiles=True)
    assert obs.histogram("m", quantiles=True) is first
    with pytest.raises(ValueError, match="quantiles"):
        obs.histogram("m")


def test_a_detached_histogram_keeps_the_request_until_there_is_an_observer():
    histogram = inlay.get_observer().histogram("m.sketched", quantiles=True, cardinality=True)
    obs = observer()
    obs.install()
    try:
        histogram.bind().record(2.0)
        assert set(rows_of(obs.collect(), "m.sketched")) == {
            "histogram",
            "quantiles",
            "cardinality",
        }
    finally:
        obs.uninstall()


def test_prometheus_shows_the_histogram_and_no_second_metric_of_its_name():
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    sink = inlay.sinks.Prometheus()
    obs = inlay.Observer({"service.name": "test"}, window=3600.0, sinks=[sink])
    obs.histogram("m", unit="s", quantiles=True, cardinality=True).bind().record(1.0)
    obs.collect()
    obs.flush(5)
    body = sink.scrape("application/openmetrics-text; version=1.0.0")[0].decode()
    families = [family.name for family in text_string_to_metric_families(body)]
    assert len(families) == len(set(families))
    assert "m_seconds" in families
    obs.stop(5)


def test_prometheus_keeps_a_sketched_histograms_name_whatever_is_recorded():
    sink = inlay.sinks.Prometheus()
    obs = inlay.Observer({"service.name": "test"}, window=3600.0, sinks=[sink])
    bound = obs.histogram("m", unit="s", quantiles=True, cardinality=True).bind()
    bound.record(1.0)
    first = sink.scrape("text/plain")[0].decode()
    bound.record_many([float("nan"), float("inf"), None])
    second = sink.scrape("text/plain")[0].decode()
    assert "m_seconds_count" in first
    assert "m_seconds_count" in second
    assert second.count('m_seconds_excluded_total{reason="nan"} 1') == 1
    assert sink.renamed() == {}
    obs.stop(5)
