"""The native join of labels to predictions, against a plain dict."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import inlay
from inlay import _core

JOINED = ("score", "outcome", "segment", "pane")


def rows_of(joined: _core.JoinedLabels) -> list[tuple[Any, ...]]:
    columns = [np.asarray(getattr(joined, name)).tolist() for name in JOINED]
    return list(zip(*columns, strict=True))


# ---- ids ---------------------------------------------------------------------------------------
def murmur3(data: bytes, seed: int) -> tuple[int, int]:
    """MurmurHash3 x64-128 after its published algorithm; the high and the low half, signed."""
    mask = (1 << 64) - 1
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F

    def rotated(x: int, by: int) -> int:
        return ((x << by) | (x >> (64 - by))) & mask

    def mixed(k: int) -> int:
        k = ((k ^ (k >> 33)) * 0xFF51AFD7ED558CCD) & mask
        k = ((k ^ (k >> 33)) * 0xC4CEB9FE1A85EC53) & mask
        return k ^ (k >> 33)

    h1 = h2 = seed
    whole = len(data) // 16 * 16
    for at in range(0, whole, 16):
        k1 = int.from_bytes(data[at : at + 8], "little")
        k2 = int.from_bytes(data[at + 8 : at + 16], "little")
        h1 ^= rotated(k1 * c1 & mask, 31) * c2 & mask
        h1 = ((rotated(h1, 27) + h2) * 5 + 0x52DCE729) & mask
        h2 ^= rotated(k2 * c2 & mask, 33) * c1 & mask
        h2 = ((rotated(h2, 31) + h1) * 5 + 0x38495AB5) & mask
    tail = data[whole:]
    h2 ^= rotated(int.from_bytes(tail[8:], "little") * c2 & mask, 33) * c1 & mask
    h1 ^= rotated(int.from_bytes(tail[:8], "little") * c1 & mask, 31) * c2 & mask
    h1, h2 = h1 ^ len(data), h2 ^ len(data)
    h1 = (h1 + h2) & mask
    h2 = (h2 + h1) & mask
    h1, h2 = mixed(h1), mixed(h2)
    h1 = (h1 + h2) & mask
    h2 = (h2 + h1) & mask

    def signed(x: int) -> int:
        return x - (1 << 64) if x >> 63 else x

    return signed(h2), signed(h1)


def hashes_of(ids: Any) -> list[tuple[int, int]]:
    high, low = _core.prediction_id_hash(ids)
    return list(zip(high.tolist(), low.tolist(), strict=True))


@given(
    st.one_of(
        st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20),
        st.lists(st.text(max_size=40), max_size=20),
        st.lists(st.binary(max_size=40), max_size=20),
        st.lists(st.uuids(), max_size=20),
    )
)
def test_an_id_is_known_by_murmur3_of_its_bytes(ids: list[Any]) -> None:
    def expected(one: Any) -> tuple[int, int]:
        if isinstance(one, int):
            return murmur3(one.to_bytes(8, "little", signed=True), 1)
        if isinstance(one, str):
            return murmur3(one.encode(), 2)
        return murmur3(one.bytes if isinstance(one, uuid.UUID) else one, 3)

    assert hashes_of(ids) == [expected(one) for one in ids]


@pytest.mark.parametrize(
    ("plain", "others"),
    [
        (
            [1, 2, 2**40],
            [
                np.array([1, 2, 2**40]),
                np.array([1, 9, 2, 9, 2**40])[::2],
                np.array([1, 2, 2**40], np.uint64),
                pa.array([1, 2, 2**40]),
                pa.array([0, 1, 2, 2**40])[1:],
                pa.chunked_array([[1], [2, 2**40]]),
                pa.array([1, 2, 2**40]).dictionary_encode(),
            ],
        ),
        (
            ["a", "bé", "x" * 30],
            [
                np.array(["a", "bé", "x" * 30]),
                np.array(["a", "bé", "x" * 30], object),
                pa.array(["a", "bé", "x" * 30]),
                pa.array(["a", "bé", "x" * 30], pa.large_utf8()),
                pa.array(["a", "bé", "x" * 30], pa.string_view()),
                pa.array(["a", "bé", "x" * 30]).dictionary_encode(),
            ],
        ),
        (
            [uuid.UUID(int=7), uuid.UUID(int=2**100)],
            [
                [uuid.UUID(int=7).bytes, uuid.UUID(int=2**100).bytes],
                np.array([uuid.UUID(int=7), uuid.UUID(int=2**100)], object),
                pa.array([uuid.UUID(int=7).bytes, uuid.UUID(int=2**100).bytes], pa.binary(16)),
                pa.array([uuid.UUID(int=7).bytes, uuid.UUID(int=2**100).bytes], pa.binary()),
            ],
        ),
    ],
    ids=["integers", "text", "uuids"],
)
def test_ids_are_the_same_from_any_column(plain: list[Any], others: list[Any]) -> None:
    expected = hashes_of(plain)
    assert [hashes_of(other) for other in others] == [expected] * len(others)
    assert hashes_of(plain[0]) == expected[:1]


def test_ids_of_different_types_are_different() -> None:
    assert len({*hashes_of([97]), *hashes_of(["a"]), *hashes_of([b"a"])}) == 3
    assert hashes_of([None, 5, None]) == [(0, 0), *hashes_of([5]), (0, 0)]


@pytest.mark.parametrize(
    ("ids", "named"),
    [
        ([1.5], "floats"),
        (np.array([1.0]), "floats"),
        ([True], "booleans"),
        (np.array([True]), "booleans"),
        ([1, "a"], "integers and text"),
        (["a", b"a"], "text and bytes"),
        ([object()], "object"),
    ],
)
def test_what_is_no_id_is_refused_by_name(ids: Any, named: str) -> None:
    join = _core.LabelJoin("binary", 2, 10)
    with pytest.raises(TypeError, match=named):
        join.predicted(ids, [0.5] * len(ids), 0)
    assert join.counts["predictions"] == 0


def test_an_id_type_that_changes_is_refused() -> None:
    join = _core.LabelJoin("binary", 2, 10)
    join.predicted([1], [0.5], 0)
    with pytest.raises(inlay.InvalidArgumentError, match=r"integers.*text"):
        join.labelled(["1"], [1], 0)
    back = _core.LabelJoin.from_bytes(join.to_bytes())
    with pytest.raises(inlay.InvalidArgumentError, match=r"integers.*bytes"):
        back.predicted([uuid.UUID(int=1)], [0.5], 0)
    assert join.counts == back.counts


# ---- joins -------------------------------------------------------------------------------------
def test_what_is_joined_comes_by_pane_with_its_segment() -> None:
    join = _core.LabelJoin("binary", 10, 100)
    made = join.predicted(
        ["a", "b", "c", "d"], np.array([0.1, 0.2, 0.3, 0.4], np.float32), [7, 5, 7, 5], [1, 2, 3, 4]
    )
    assert (made.accepted, len(made), made.groups) == (4, 0, [])
    found = join.labelled(["d", "x", "a", "b"], [True, True, False, True], 7)
    assert rows_of(found) == [
        (pytest.approx(0.4), 1.0, 4, 5),
        (pytest.approx(0.2), 1.0, 2, 5),
        (pytest.approx(0.1), 0.0, 1, 7),
    ]
    assert found.groups == [(5, 0, 2), (7, 2, 3)]
    assert found.score.format == "d"
    assert rows_of(join.predicted(["x"], [0.9], 8, 6)) == [(0.9, 1.0, 6, 8)]


def test_classes_come_as_integers() -> None:
    join = _core.LabelJoin("multiclass", 10, 100)
    join.predicted([1, 2, 3], [2, 0, None], 1)
    found = join.labelled([1, 2, 3], [2.0, 1.5, 7.0], 1)
    assert found.score.format == found.outcome.format == "q"
    assert [row[:2] for row in rows_of(found)] == [(2, 2), (0, -1), (-1, 7)]


@pytest.mark.parametrize(
    "scores",
    [
        [0.25, 0.5, None] * 300,
        np.array([0.25, 0.5, np.nan] * 300),
        np.array([0.25, 0.5, np.nan] * 300, np.float32),
        np.array([0.25, 0.5, np.nan] * 300, np.float16),
        np.array([0.25, 9.0, 0.5, 9.0, np.nan, 9.0] * 300)[::2],
        np.ma.masked_array([0.25, 0.5, 0.75] * 300, [False, False, True] * 300),
        pa.array([0.25, 0.5, None] * 300),
        pa.chunked_array([[0.25], [0.5, None] + [0.25, 0.5, None] * 299]),
    ],
    ids=["list", "float64", "float32", "float16", "strided", "masked", "arrow", "chunked"],
)
def test_scores_come_from_any_column(scores: Any) -> None:
    join = _core.LabelJoin("regression", 1, 1000)
    join.predicted(np.arange(900), scores, 0)
    outcomes = np.arange(900)
    found = join.labelled(np.arange(900), outcomes, 0)
    np.testing.assert_array_equal(np.asarray(found.score), [0.25, 0.5, np.nan] * 300)
    np.testing.assert_array_equal(np.asarray(found.outcome), outcomes)


def test_integers_that_no_double_holds_are_told() -> None:
    join = _core.LabelJoin("regression", 1, 10)
    with pytest.warns(inlay.InlayWarning, match=r"rounded.*1"):
        join.predicted(np.array([1]), np.array([2**53 + 1]), 0)


def test_rows_that_are_not_taken_are_told() -> None:
    join = _core.LabelJoin("regression", 2, 100)
    join.predicted([1], [0.5], 5)
    join.expire(5)
    made = join.predicted([2, None, 1, 3, None], [1.0] * 5, [5, 5, 5, 4, 5])
    assert (made.accepted, made.refused.tolist()) == (1, [1, 2, 3, 4])
    counts = join.counts
    assert (counts["null_ids"], counts["duplicate_predictions"], counts["late_predictions"]) == (
        2,
        1,
        1,
    )
    join.labelled([None, 2, 2, 2], [1.0, None, float("nan"), 3.0], 5)
    assert join.counts["null_labels"] == 2
    assert join.counts["null_ids"] == 3
    assert join.counts["labels"] == 1


def test_hashes_stand_for_ids() -> None:
    join = _core.LabelJoin("binary", 2, 100)
    high, low = _core.prediction_id_hash(["a", "b", "c"])
    join.predicted_hashed(high, low, [0.1, 0.2, 0.3], 3)
    found = join.labelled_hashed(high[1:], low[1:], [1, 0], 3)
    assert found.row.tolist() == [0, 1]
    assert rows_of(found) == [(0.2, 1.0, 0, 3), (0.3, 0.0, 0, 3)]
    assert join.labelled(["a"], [1], 3).accepted == 1


def test_hashes_may_be_unsigned() -> None:
    high, low = (np.array(half) for half in _core.prediction_id_hash([f"id{i}" for i in range(99)]))
    assert (high < 0).any()
    assert (low < 0).any()
    join = _core.LabelJoin("binary", 2, 100)
    unsigned = high.view(np.uint64), low.view(np.uint64)
    assert join.predicted_hashed(*unsigned, np.full(99, 0.5), 3).accepted == 99
    assert join.labelled_hashed(high, low, np.ones(99), 3).row.tolist() == list(range(99))


def test_hashes_of_no_id_are_told() -> None:
    join = _core.LabelJoin("binary", 2, 100)
    high, low = _core.prediction_id_hash([None, "a", None, None, "b"])
    taken = join.predicted_hashed(high, low, [0.1, 0.2, 0.3, 0.4, 0.5], 3)
    assert (taken.accepted, taken.refused.tolist()) == (2, [0, 2, 3])
    found = join.labelled_hashed(high, low, [1, 1, 1, 1, 0], 3)
    assert rows_of(found) == [(0.2, 1.0, 0, 3), (0.5, 0.0, 0, 3)]
    assert found.row.tolist() == [1, 4]
    assert join.counts["null_ids"] == 6


def test_labels_that_are_refused_fix_no_id_type() -> None:
    join = _core.LabelJoin("binary", 2, 100)
    with pytest.raises(inlay.InvalidArgumentError, match="pane"):
        join.labelled(["a"], [1], 2**62)
    join.predicted([1], [0.5], 0)  # integers are ids yet
    assert join.counts["predictions"] == 1


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: _core.LabelJoin("ranking", 1, 1), "ranking"),
        (lambda: _core.LabelJoin("binary", 0, 1), "0"),
        (lambda: _core.LabelJoin("binary", 1, 0), "0"),
        (lambda: _core.LabelJoin("binary", 1, 1).predicted([1], [0.5, 0.6], 0), "1 ids, 2"),
        (lambda: _core.LabelJoin("binary", 1, 1).predicted([1], [0.5], [0, 1]), "panes.*2"),
        (lambda: _core.LabelJoin("binary", 1, 1).predicted([1], [0.5], 0, -1), "-1"),
        (lambda: _core.LabelJoin("binary", 1, 1).predicted([1], [0.5], 0, [1 << 28]), "268435456"),
        (lambda: _core.LabelJoin("binary", 1, 1).predicted([1], [0.5], 2**62), str(2**62)),
        (lambda: _core.LabelJoin("binary", 1, 1).predicted([1], [0.5], [None]), "no nulls"),
        (lambda: _core.LabelJoin("binary", 1, 1).labelled([1], [], 0), "1 ids, 0"),
        (
            lambda: _core.LabelJoin("binary", 1, 9).predicted_hashed([1, 2, 3], 1, [0, 0, 0], 0),
            "3 high ones, 1 low",
        ),
    ],
)
def test_bad_arguments_are_refused_by_name(call: Any, named: str) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match=named):
        call()


def test_bytes_of_another_task_are_refused() -> None:
    data = _core.LabelJoin("binary", 3, 10).to_bytes()
    assert _core.LabelJoin.from_bytes(data, "binary").task == "binary"
    with pytest.raises(inlay.SerializationError, match=r"regression.*binary"):
        _core.LabelJoin.from_bytes(data, "regression")
    with pytest.raises(inlay.SerializationError, match="cut short"):
        _core.LabelJoin.from_bytes(data[:-1])


def test_an_id_that_waits_takes_40_bytes() -> None:
    rows = 200_000
    join = _core.LabelJoin("binary", 10, rows)
    for start in range(0, rows, 1000):
        join.predicted(np.arange(start, start + 1000), np.zeros(1000), 0)
    assert join.counts["pending"] == rows
    assert join.memory_bytes <= 40 * rows + 8192


def test_threads_may_share_a_join() -> None:
    join = _core.LabelJoin("binary", 10, 100_000)
    each, joined = 5000, []

    def predict(thread: int) -> None:
        for start in range(0, each, 500):
            ids = np.arange(start, start + 500) + thread * each
            joined.append(len(join.predicted(ids, np.full(500, 0.5), 0)))

    def label(thread: int) -> None:
        for start in range(0, each, 500):
            ids = np.arange(start, start + 500) + thread * each
            joined.append(len(join.labelled(ids, np.ones(500), 0)))

    threads = [threading.Thread(target=f, args=(n,)) for n in range(3) for f in (predict, label)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(joined) == 3 * each == join.counts["labels"]
    assert join.counts["pending"] == join.counts["early"] == 0


# ---- against a plain dict ----------------------------------------------------------------------
class DictJoin:
    """The rules of a join, in words that are slow."""

    def __init__(self, horizon: int, capacity: int) -> None:
        self.horizon, self.capacity = horizon, capacity
        self.known: dict[int, dict[str, Any]] = {}
        self.before: int | None = None
        self.counts = dict.fromkeys(_core.LabelJoin("binary", 1, 1).counts, 0)

    def _expired(self, pane: int) -> bool:
        return self.before is not None and pane < self.before

    def _make_room(self) -> None:
        if len(self.known) < self.capacity:
            return

        def rank(item: tuple[int, dict[str, Any]]) -> tuple[Any, ...]:
            one, entry = item
            high, low = (half % 2**64 for half in hashes_of(one)[0])
            return (entry["state"] in ("pending", "early"), entry["pane"], low, high)

        for one, entry in sorted(self.known.items(), key=rank)[: max(1, self.capacity // 64)]:
            if entry["state"] == "pending":
                self.counts["evicted_predictions"] += 1
            elif entry["state"] == "early":
                self.counts["evicted_labels"] += 1
            del self.known[one]

    def predicted(
        self, ids: Iterable[int], scores: Iterable[float], pane: int, segment: int
    ) -> list[tuple[Any, ...]]:
        found = []
        for one, score in zip(ids, scores, strict=True):
            entry = self.known.get(one)
            if self._expired(pane):
                self.counts["late_predictions"] += 1
            elif entry is None:
                self._make_room()
                self.known[one] = {
                    "state": "pending",
                    "value": score,
                    "pane": pane,
                    "segment": segment,
                }
                self.counts["predictions"] += 1
            elif entry["state"] == "early":
                found.append((score, entry["value"], segment, pane))
                entry.update(state="answered", pane=pane, segment=segment)
                self.counts["predictions"] += 1
                self.counts["labels"] += 1
            else:
                self.counts["duplicate_predictions"] += 1
        return sorted(found, key=lambda row: row[3])

    def labelled(
        self, ids: Iterable[int], outcomes: Iterable[float | None], now: int
    ) -> list[tuple[Any, ...]]:
        now = now if self.before is None else max(now, self.before)
        found = []
        for one, outcome in zip(ids, outcomes, strict=True):
            entry = self.known.get(one)
            if outcome is None:
                self.counts["null_labels"] += 1
            elif entry is None:
                self._make_room()
                self.known[one] = {"state": "early", "value": outcome, "pane": now, "segment": 0}
            elif entry["state"] == "pending":
                found.append((entry["value"], outcome, entry["segment"], entry["pane"]))
                entry.update(state="answered", value=outcome)
                self.counts["labels"] += 1
            elif entry["state"] == "expired":
                self.counts["late_labels"] += 1
            elif entry["value"] == outcome:
                self.counts["duplicate_labels"] += 1
            else:
                self.counts["conflicting_labels"] += 1
        return sorted(found, key=lambda row: row[3])

    def expire(self, before: int) -> list[tuple[int, int, int]]:
        if self.before is not None and before <= self.before:
            return []
        self.before = before
        gone: dict[tuple[int, int], int] = {}
        for one, entry in list(self.known.items()):
            if entry["pane"] >= before:
                continue
            if entry["state"] == "early":
                self.counts["orphan_labels"] += 1
                del self.known[one]
                continue
            if entry["state"] == "pending":
                key = (entry["pane"], entry["segment"])
                gone[key] = gone.get(key, 0) + 1
                self.counts["expired_predictions"] += 1
                entry["state"] = "expired"
            if entry["pane"] < before - self.horizon:
                del self.known[one]
        return [(*key, count) for key, count in sorted(gone.items())]

    def all_counts(self) -> dict[str, int]:
        states = [entry["state"] for entry in self.known.values()]
        waiting = {what: states.count(what) for what in ("pending", "early")}
        return {**self.counts, **waiting, "remembered": len(states) - sum(waiting.values())}


ids_and_values = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from([0.0, 0.25, 1.0])), max_size=30
)


class JoinMachine(RuleBasedStateMachine):
    """Any calls in any order: the join does what the dict does."""

    def __init__(self) -> None:
        super().__init__()
        self.model: DictJoin | None = None

    @precondition(lambda self: self.model is None)
    @rule(horizon=st.integers(1, 4), capacity=st.sampled_from([3, 20, 40, 200]))
    def begin(self, horizon: int, capacity: int) -> None:
        self.model = DictJoin(horizon, capacity)
        self.join = _core.LabelJoin("regression", horizon, capacity)
        self.now = 0

    @precondition(lambda self: self.model is not None)
    @rule(rows=ids_and_values, back=st.integers(0, 3), segment=st.integers(0, 3))
    def predicted(self, rows: list[tuple[int, float]], back: int, segment: int) -> None:
        assert self.model is not None
        ids, scores = [row[0] for row in rows], [row[1] for row in rows]
        pane = self.now - back
        found = self.join.predicted(np.array(ids, np.int64), scores, pane, segment)
        assert rows_of(found) == self.model.predicted(ids, scores, pane, segment)
        assert found.accepted == len(ids) - len(found.refused)

    @precondition(lambda self: self.model is not None)
    @rule(rows=ids_and_values, nulls=st.booleans())
    def labelled(self, rows: list[tuple[int, float]], nulls: bool) -> None:
        assert self.model is not None
        ids = [row[0] for row in rows]
        outcomes = [None if nulls and row[1] == 0.25 else row[1] for row in rows]
        found = self.join.labelled(pa.array(ids, pa.int64()), outcomes, self.now)
        assert rows_of(found) == self.model.labelled(ids, outcomes, self.now)

    @precondition(lambda self: self.model is not None)
    @rule(by=st.integers(0, 3), behind=st.integers(0, 4))
    def advance(self, by: int, behind: int) -> None:
        assert self.model is not None
        self.now += by
        assert self.join.expire(self.now - behind) == self.model.expire(self.now - behind)

    @precondition(lambda self: self.model is not None)
    @rule()
    def restore(self) -> None:
        back = _core.LabelJoin.from_bytes(self.join.to_bytes(), "regression")
        assert back.equals(self.join)
        assert back.to_bytes() == self.join.to_bytes()
        self.join = back

    @invariant()
    def counts_agree(self) -> None:
        if self.model is not None:
            assert self.join.counts == self.model.all_counts()


JoinMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestJoinMachine = JoinMachine.TestCase
