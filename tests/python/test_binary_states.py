"""States of binary predictions: chunks, segments, instruction sets, input and bytes."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from binary_samples import THRESHOLDS, counted, sample
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay import InvalidArgumentError, SerializationError, _core
from inlay.model import Binary


# ---- merge and chunks ----------------------------------------------------------------------------
@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(-1, 2), st.floats(-0.25, 1.25, width=32) | st.just(float("nan"))),
        max_size=60,
    ),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    repeat=st.sampled_from([1, 1, 70]),
    kind=st.sampled_from(["probability", "logit"]),
)
def test_chunks_and_merging_change_no_count(
    rows: list[tuple[int, float]], cuts: list[int], repeat: int, kind: Any
) -> None:
    rows = rows * repeat
    y = np.array([label for label, _ in rows], dtype=np.int64)
    s = np.array([score for _, score in rows], dtype=np.float32)
    options: dict[str, Any] = {"thresholds": THRESHOLDS, "kind": kind}
    whole = counted(y, s, **options)
    chunked, merged = Binary(**options), Binary(**options)
    edges = [0, *sorted(min(cut * repeat, len(y)) for cut in cuts), len(y)]
    for begin, end in pairwise(edges):
        chunked.update(y[begin:end], s[begin:end])
        merged.merge(counted(y[begin:end], s[begin:end], **options))
    expected = whole._native.figures()
    loss = expected.pop("log_loss", 0.0)
    for other in (chunked, merged):
        found = other._native.figures()
        assert found.pop("log_loss", 0.0) == pytest.approx(loss, rel=1e-12, abs=1e-12)
        assert json.dumps(found) == json.dumps(expected)
        assert other._native.histogram() == whole._native.histogram()
    again = Binary.from_bytes(whole.to_bytes())
    assert again == whole
    assert again.to_bytes() == whole.to_bytes()


SWEEP = """
import numpy as np, sys
from inlay.model import Binary
edges = np.concatenate([np.arange(16) / 15, np.arange(1, 9) / 9, 2.0 ** -np.arange(1, 60)])
edges = np.concatenate([edges, 1 - edges])
out = []
for dtype in (np.float32, np.float64):
    near = edges.astype(dtype)
    s = np.concatenate([near, np.nextafter(near, dtype(2)), np.nextafter(near, dtype(-1)), [1.5]])
    s = s.astype(dtype)
    for kind in ("probability", "logit"):
        for rows in range(1, 40):
            b = Binary(kind=kind, thresholds=np.arange(1, 10) / 9)
            b.update(np.arange(rows) % 2, s[:rows])
            out.append(b.to_bytes())
        for weights in (None, np.arange(len(s)) % 5):
            for scores in (True, False):
                b = Binary(kind=kind, thresholds=np.arange(1, 10) / 9, scores=scores)
                b.update(np.arange(len(s)) % 2, s, weights=weights)
                b.update(np.arange(len(s)) % 3, s[::-1])
                out.append(b.to_bytes())
sys.stdout.buffer.write(b"".join(out))
"""


def test_states_are_the_same_with_every_instruction_set() -> None:
    found = {
        isa: subprocess.run(
            [sys.executable, "-c", SWEEP],
            env={**os.environ, "INLAY_FORCE_ISA": isa},
            capture_output=True,
            check=True,
        ).stdout
        for isa in ("scalar", "avx2")
    }
    assert len(found["scalar"]) > 1000
    assert found["scalar"] == found["avx2"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_at_an_edge_are_on_its_upper_side(dtype: Any) -> None:
    thresholds = [i / 9 for i in range(1, 9)]
    near = np.array([*thresholds, *(i / 15 for i in range(16))], dtype=dtype)
    s = np.concatenate([near, np.nextafter(near, dtype(-1)), np.nextafter(near, dtype(2))])
    s = s[(s >= 0) & (s <= 1)]
    y = np.arange(len(s)) % 2
    binary = counted(y, s, thresholds=thresholds)
    wide = s.astype(np.float64)
    for threshold in thresholds:
        above = wide >= threshold
        assert binary.confusion(threshold)[1::2] == (
            (above & (y == 0)).sum(),
            (above & (y == 1)).sum(),
        )
    edges = np.arange(1, 15) / 15
    place = (wide[:, None] >= edges).sum(1)
    assert binary.reliability()["n"].to_pylist() == np.bincount(place, minlength=15).tolist()


# ---- segments ------------------------------------------------------------------------------------
def test_segments_are_as_states_of_their_own() -> None:
    y, s = sample(20_000)
    random = np.random.default_rng(8)
    segment = random.integers(0, 70, 20_000)
    w = random.uniform(0, 1, 20_000)
    s[::97] = np.nan
    for scores in (True, False):
        for weights in (None, w):
            states = _core.BinaryStates(thresholds=[0.3, 0.5], scores=scores)
            states.update(y, s, weights, segment)
            assert states.segments == 70
            for one in (0, 13, 69):
                mine = segment == one
                alone = _core.BinaryStates(thresholds=[0.3, 0.5], scores=scores)
                alone.update(y[mine], s[mine], None if weights is None else w[mine])
                expected, found = alone.figures(), states.figures(one)
                for name, value in expected.items():
                    if isinstance(value, float):
                        assert found[name] == pytest.approx(value, rel=1e-12), name
                    else:
                        assert np.allclose(
                            *(_flat(each) for each in (found[name], value)), rtol=1e-12
                        ), name
                assert states.rows(one) == alone.rows()
                assert states.counted(one) == alone.counted()
            again = _core.BinaryStates.from_bytes(states.to_bytes())
            assert again.equals(states)
            single = _core.BinaryStates.from_bytes(states.to_bytes(13))
            assert single.figures(0) == states.figures(13)
            assert single.segments == 1
            folded = _core.BinaryStates(thresholds=[0.3, 0.5], scores=scores)
            folded.merge(states, [(2, i) for i in range(70)])
            assert folded.rows(2) == sum(states.rows(i) for i in range(70))
            taken = states.take()
            assert (states.segments, taken.segments) == (0, 70)
            assert taken.equals(again)


def _flat(value: Any) -> Any:
    if isinstance(value, dict):
        return np.array(list(value.values()), dtype=float)
    return np.array(value, dtype=float).ravel()


def test_segments_that_may_not_be_are_refused() -> None:
    states = _core.BinaryStates()
    y, s = [0, 1], [0.1, 0.9]
    for segments in (-1, 65_536, [0, -1], [65_536, 0], pa.array([0, None]), [0, 0.5]):
        with pytest.raises(InvalidArgumentError, match="65535"):
            states.update(y, s, None, segments)
    with pytest.raises(InvalidArgumentError, match="3 rows"):
        states.update(y, s, None, np.array([0, 1, 2]))
    with pytest.raises(TypeError):
        states.update(y, s, None, "ab")
    many = np.zeros(20_000, np.int64)
    many[-1] = 70_000
    for labels in (many * 0, (many * 0).astype(bool)):
        with pytest.raises(InvalidArgumentError, match="70000"):
            states.update(labels, np.zeros(20_000), None, many)
    assert states.segments == 0
    with pytest.raises(InvalidArgumentError, match="70000"):
        states.merge(_core.BinaryStates(), [(70_000, 0)])


# ---- input ---------------------------------------------------------------------------------------
def test_any_source_of_columns_is_read_alike() -> None:
    y, s = sample(3000)
    expected = counted(y, s)
    chunked = pa.chunked_array([s[:7], s[7:2500], s[2500:]])
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    for labels, scores in [
        (y.astype(bool), s),
        (y.astype(np.int8), s),
        (y.astype(np.uint64), s),
        (y.astype(np.float32), s.astype(np.float64)),
        (y.tolist(), s.tolist()),
        (pa.array(y.astype(bool)), chunked),
        (pa.array(y).dictionary_encode(), pa.array(s)),
        (pandas.Series(y), pandas.Series(s)),
        (polars.Series(y), polars.Series(s)),
        (np.repeat(y, 2)[::2], np.repeat(s, 3)[::3]),
        (memoryview(y), memoryview(s)),
    ]:
        assert counted(labels, scores) == expected
    nulls = pa.array([None if i % 3 == 0 else float(x) for i, x in enumerate(s)], pa.float32())
    binary = counted(pa.array(y), nulls)
    assert binary.rejected["nan_score"] == 1000
    assert binary.rows == 2000


def test_bad_input_is_refused() -> None:
    binary = Binary()
    with pytest.raises(InvalidArgumentError, match="y_score has 1 rows, y_true has 2"):
        binary.update([0, 1], [0.5])
    with pytest.raises(InvalidArgumentError, match="weights has 3 rows"):
        binary.update([0, 1], [0.5, 0.5], weights=[1, 2, 3])
    with pytest.raises(TypeError):
        binary.update(["a", "b"], [0.5, 0.5])
    with pytest.raises(TypeError):
        binary.update([0, 1], "ab")
    assert binary == Binary()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"thresholds": ()}, "0"),
        ({"thresholds": [i / 65 for i in range(65)]}, "65"),
        ({"thresholds": [0.5, 0.5]}, "0.5"),
        ({"thresholds": [1.5]}, "1.5"),
        ({"thresholds": [float("nan")]}, "nan"),
        ({"bins": 0}, "0"),
        ({"bins": 65}, "65"),
        ({"kind": "score"}, "'score'"),
        ({"kind": "label", "scores": True}, "false"),
        ({"kind": "label", "thresholds": [0.3]}, "0.3"),
    ],
)
def test_settings_that_may_not_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        Binary(**options)


def test_states_of_other_settings_do_not_merge() -> None:
    binary = Binary()
    for other, what in [
        (Binary(kind="logit"), "kind"),
        (Binary(bins=10), "bins"),
        (Binary(thresholds=[0.4]), "threshold"),
        (Binary(scores=False), "scores"),
    ]:
        with pytest.raises(InvalidArgumentError, match=what):
            binary.merge(other)
        assert binary != other
    with pytest.raises(TypeError, match="int"):
        binary.merge(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match=r"0\.7"):
        binary.confusion(0.7)


# ---- bytes and copies ----------------------------------------------------------------------------
def test_states_come_back_from_bytes() -> None:
    y, s = sample(3000)
    for binary in (
        Binary(),
        counted(y, s),
        counted(y, s, np.linspace(0, 2, 3000)),
        counted(y, s, scores=False),
        counted(y, s, kind="logit"),
        counted(y, y, kind="label"),
    ):
        again = Binary.from_bytes(binary.to_bytes())
        assert again == binary
        assert again.to_bytes() == binary.to_bytes()
        assert pickle.loads(pickle.dumps(binary)) == binary
        twin = copy.deepcopy(binary)
        assert twin == binary
        twin.update([1], [1])
        assert twin != binary
        again.merge(binary)
        assert again.rows == 2 * binary.rows
        again.reset()
        assert again.rows == 0


def test_damaged_bytes_are_refused() -> None:
    data = counted(*sample(300), np.linspace(0, 2, 300)).to_bytes()
    for size in range(len(data)):
        with pytest.raises(SerializationError):
            Binary.from_bytes(data[:size])
    with pytest.raises(SerializationError):
        Binary.from_bytes(data + b"\0")
    with pytest.raises(SerializationError, match="newer"):
        Binary.from_bytes(data[:4] + b"\x63" + data[5:])
    states = _core.BinaryStates()
    states.update([0, 1], [0.1, 0.2], None, [0, 1])
    with pytest.raises(SerializationError, match="segments: 2"):
        Binary.from_bytes(states.to_bytes())


def test_it_shows_what_it_holds() -> None:
    binary = counted([0, 1, 5], [0.2, 0.7, 0.1])
    assert repr(binary) == "Binary(kind='probability', rows=2, rejected=1)"
    assert "recall" in binary._repr_html_()
    assert binary.to_arrow()["metric"].to_pylist() == list(binary.compute())
    assert (binary.thresholds, binary.kind, binary.bins) == ((0.5,), "probability", 15)


def test_threads_share_one_object() -> None:
    from concurrent.futures import ThreadPoolExecutor

    y, s = sample(20_000)
    binary = Binary()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: binary.update(y, s), range(8)))
    assert binary.rows == 160_000
    assert binary.confusion() == tuple(8 * n for n in counted(y, s).confusion())


# ---- writers -------------------------------------------------------------------------------------
@pytest.mark.parametrize("segmented", [False, True])
@pytest.mark.parametrize("scores", [False, True])
def test_who_writes_while_rows_are_counted_breaks_no_memory(scores: bool, segmented: bool) -> None:
    rows = 1 << 16
    y = np.zeros(rows, np.int64)
    s = np.full(rows, 0.5)
    segments = np.zeros(rows, np.int64)
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            for score, segment in ((0.5, 0), (-1e300, -(2**62)), (0.5, 0), (np.inf, 60_000)):
                s.fill(score)
                segments.fill(segment)
                time.sleep(0)  # lets go of the GIL

    writer = threading.Thread(target=write)
    writer.start()
    try:
        states = _core.BinaryStates(thresholds=THRESHOLDS, scores=scores)
        for _ in range(20):
            with contextlib.suppress(InvalidArgumentError):
                states.update(y, s, segments=segments if segmented else 0)
    finally:
        done.set()
        writer.join()
    assert _core.BinaryStates.from_bytes(states.to_bytes()).equals(states)


def test_only_rows_that_count_have_weights() -> None:
    states = _core.BinaryStates()
    states.update([0, 1], [0.5, 0.5], weights=[-1, np.nan])
    assert not states.figures()["weighted"]
    labels = _core.MulticlassStates(classes=2)
    labels.update([0, 1], np.full((2, 2), 0.5), weights=[-1, np.nan])
    assert not labels.figures()["weighted"]
    queries = _core.RankingStates()
    queries.update([0, 1], [0.5, 0.5], groups=[1, 2], weights=[-1, np.nan])
    assert not queries.figures()["weighted"]
