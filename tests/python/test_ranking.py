"""Ordered lists, against scikit-learn and plain loops."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay import _core
from inlay._exceptions import InvalidArgumentError, SerializationError
from inlay.model import Ranking


def plain(lists: list[tuple[list[float], list[float]]], k: int) -> dict[str, float]:
    """Return means over queries with relevant rows, one at a time in plain Python."""
    found: dict[str, list[float]] = {}
    for relevance, scores in lists:
        order = sorted(range(len(scores)), key=lambda i: -scores[i])
        rel = [relevance[i] for i in order]
        relevant = sum(r > 0 for r in rel)
        if not relevant:
            continue
        places = [i + 1 for i, r in enumerate(rel) if r > 0]
        gains = [2**r - 1 for r in rel]

        def dcg(values: list[float]) -> float:
            return sum(v / np.log2(i + 2) for i, v in enumerate(values[:k]))

        one = {
            "mrr": 1 / places[0],
            "map": float(np.mean([(i + 1) / p for i, p in enumerate(places)])),
            f"ndcg@{k}": dcg(gains) / dcg(sorted(gains, reverse=True)),
            f"hit@{k}": float(places[0] <= k),
            f"precision@{k}": sum(p <= k for p in places) / k,
            f"recall@{k}": sum(p <= k for p in places) / relevant,
        }
        for name, value in one.items():
            found.setdefault(name, []).append(value)
    return {name: float(np.mean(each)) for name, each in found.items()}


def columns(lists: list[tuple[list[float], list[float]]]) -> tuple[Any, Any, Any]:
    y = np.array([r for relevance, _ in lists for r in relevance], dtype=float)
    s = np.array([x for _, scores in lists for x in scores], dtype=float)
    groups = np.repeat(np.arange(len(lists)), [len(scores) for _, scores in lists])
    return y, s, groups


query = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from([0.0, 0.0, 1.0, 2.0, 0.5]), min_size=n, max_size=n),
        st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4, 5.0, -2.0]), min_size=n, max_size=n),
    )
)


@settings(max_examples=100, deadline=None)
@given(lists=st.lists(query, min_size=1, max_size=8), k=st.integers(1, 14), data=st.data())
def test_figures_are_those_of_plain_loops_in_any_order_of_groups(
    lists: Any, k: int, data: st.DataObject
) -> None:
    y, s, groups = columns(lists)
    quality = Ranking(k=(k,))
    # Rows of a query keep their order, queries are mixed.
    of = groups[np.array(data.draw(st.permutations(range(len(groups)))), dtype=int)]
    rows = np.empty(len(of), dtype=int)
    for g in range(len(lists)):
        rows[of == g] = np.flatnonzero(groups == g)
    quality.update(y[rows], s[rows], groups=of)
    found = quality.compute()
    right = plain(lists, k)
    for name in right:
        assert float(found[name]) == pytest.approx(right[name]), name
    if not right:
        assert found["mrr"].reason == "no_relevant"
    tied = sum(len(set(scores)) < len(scores) for _, scores in lists)
    assert float(found["tied"]) == tied / len(lists)
    assert quality.queries == len(lists)


def test_ndcg_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, (50, 30)).astype(float)
    y[:, 0] = 1.0
    s = rng.normal(size=(50, 30)).astype(np.float32)
    quality = Ranking(k=(5, 30))
    quality.update(y.ravel(), s.ravel(), offsets=np.arange(0, 1501, 30))
    found = quality.compute()
    # Of relevance 0 and 1, the gain is the relevance itself.
    for k in (5, 30):
        assert float(found[f"ndcg@{k}"]) == pytest.approx(metrics.ndcg_score(y, s, k=k))
    precision = [metrics.average_precision_score(a, b) for a, b in zip(y, s, strict=True)]
    assert float(found["map"]) == pytest.approx(np.mean(precision))


def test_weights_of_queries() -> None:
    quality = Ranking(k=(1,))
    quality.update([1, 0, 0, 1], [2.0, 1.0, 2.0, 1.0], groups=[0, 0, 1, 1], weights=[3, 3, 1, 1])
    found = quality.compute()
    assert float(found["mrr"]) == (3 * 1 + 1 * 0.5) / 4
    assert float(found["hit@1"]) == 0.75
    assert found["mrr"].n == round(16 / 10)


def test_bad_queries_are_counted_apart_whole() -> None:
    nan = float("nan")
    quality = Ranking()
    quality.update(
        [1, None, 1, 0, 1, 65, 1, 1, 0, 1],
        pa.array([1.0, 2.0, nan, 1.0, None, 1.0, 1.0, 2.0, 1.0, 1.0]),
        groups=[0, 0, 1, 1, 2, 3, 4, 4, 5, 6],
        weights=[1, 1, 1, 1, 1, 1, 1, 2, 1, -1],
    )
    assert quality.rejected == {
        "bad_label": 2,
        "nan_score": 2,
        "out_of_range": 0,
        "bad_weight": 1,
        "mixed": 1,
        "no_relevant": 1,
    }
    assert quality.queries == 1
    assert quality.compute()["map"].reason == "no_relevant"
    assert Ranking().compute()["map"].reason == "no_rows"


def test_infinite_scores_are_ordered() -> None:
    quality = Ranking()
    quality.update([1, 0], [float("-inf"), float("inf")], groups=[0, 0])
    assert float(quality.compute()["mrr"]) == 0.5


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({}, InvalidArgumentError, "either groups or offsets"),
        ({"groups": [0, 0], "offsets": [0, 2]}, InvalidArgumentError, "either"),
        ({"groups": [0]}, InvalidArgumentError, "groups has 1"),
        ({"groups": [0.5, 1.0]}, InvalidArgumentError, "integers.*not at 0"),
        ({"groups": [2**60, 2**60 + 1]}, InvalidArgumentError, "53 bits"),
        ({"groups": pa.array([0, None])}, InvalidArgumentError, "not at 1"),
        ({"offsets": [0, 1]}, InvalidArgumentError, "offset 1"),
        ({"offsets": [1, 2]}, InvalidArgumentError, "offset 0"),
        ({"offsets": [0, 2, 1, 2]}, InvalidArgumentError, "offset 2"),
        ({"offsets": []}, InvalidArgumentError, "none"),
        ({"groups": [0, 0], "weights": [1.0]}, InvalidArgumentError, "weights has 1"),
    ],
)
def test_what_makes_no_sense_is_refused_and_counts_nothing(
    arguments: Any, error: type[Exception], text: str
) -> None:
    quality = Ranking()
    with pytest.raises(error, match=text):
        quality.update([1, 0], [1.0, 2.0], **arguments)
    assert quality.queries == 0


@pytest.mark.parametrize("k", [(0,), (2_000_000,), (3, 3), (2**40,), tuple(range(1, 18))])
def test_cuts_out_of_range_are_refused(k: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        Ranking(k=k)


def test_a_query_has_one_segment() -> None:
    states = _core.RankingStates(k=(1,))
    states.update([1, 1, 1, 1], [1.0, 2.0, 1.0, 2.0], groups=[0, 0, 1, 1], segments=[2, 2, 0, 1])
    assert states.figures(2)["queries"] == 1
    assert states.counted(0)["mixed"] == 1
    assert states.segments == 3


@settings(max_examples=40, deadline=None)
@given(lists=st.lists(query, max_size=6), cut=st.integers(0, 6))
def test_merged_parts_count_what_the_whole_counts(lists: Any, cut: int) -> None:
    whole, first, second = Ranking(), Ranking(), Ranking()
    for quality, part in ((whole, lists), (first, lists[:cut]), (second, lists[cut:])):
        y, s, groups = columns(part)
        quality.update(y, s, groups=groups.astype(np.int64))
    first.merge(second)
    a, b = first._native.figures(), whole._native.figures()
    for name in ("queries", "irrelevant", "rows", "tied"):
        assert a[name] == b[name]
    assert [at["hits"] for at in a["at_k"]] == [at["hits"] for at in b["at_k"]]
    assert a["average_precision"] == pytest.approx(b["average_precision"])
    again = Ranking.from_bytes(whole.to_bytes())
    assert again == whole
    assert pickle.loads(pickle.dumps(whole)) == whole
    for one in whole.compute().values():
        assert one.value is None or (one.low or 0.0) <= one.value <= (one.high or 1.0)


def test_bytes_of_others_are_refused() -> None:
    data = Ranking().to_bytes()
    for bad in (b"", data[:-1], data + b"\0", b"inRS" + data[4:]):
        with pytest.raises(SerializationError):
            Ranking.from_bytes(bad)
    with pytest.raises(InvalidArgumentError, match="k \\(1, 5, 10\\)"):
        Ranking().merge(Ranking(k=(2,)))
