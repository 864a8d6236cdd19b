"""Logits on the CPU: figures against scipy in float64, counts exactly, states as every summary."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import special

import inlay
from inlay.model import Logits, LogitsRows

#: Terms are float32, each right to 3e-7 relative; see the class's notes.
RELATIVE = 2e-5
LOG_PROB = 4e-6

FIGURES = ("entropy", "top1", "top2", "margin", "log_prob", "rank")


def expected_rows(
    logits: np.ndarray[Any, Any],
    chosen: np.ndarray[Any, Any] | None = None,
    mask: np.ndarray[Any, Any] | None = None,
) -> list[dict[str, Any] | None]:
    """Return the figures of each row by scipy, None where it is undefined."""
    out: list[dict[str, Any] | None] = []
    for i, given_row in enumerate(logits.astype(np.float64)):
        row = given_row.copy()
        if mask is not None:
            row[~mask[i]] = -np.inf
        if np.isnan(row).any() or (row == np.inf).any() or (row == -np.inf).all():
            out.append(None)
            continue
        log_p = special.log_softmax(row)
        p = np.exp(log_p)
        second, first = np.sort(p)[-2:] if len(p) > 1 else (0.0, p[0])
        figures = {
            "entropy": special.entr(p).sum(),
            "top1": first,
            "top2": second,
            "margin": first - second,
        }
        if chosen is not None and 0 <= chosen[i] < len(row):
            figures["log_prob"] = log_p[chosen[i]]
            figures["rank"] = 1 + np.count_nonzero(row > row[chosen[i]])
        out.append(figures)
    return out


def assert_rows(found: LogitsRows, expected: list[dict[str, Any] | None]) -> None:
    assert len(found) == len(expected)
    for i, figures in enumerate(expected):
        assert found.defined[i] == (figures is not None)
        if figures is None:
            assert np.isnan(found.entropy[i])
            assert found.rank[i] == 0
            continue
        assert found.entropy[i] == pytest.approx(figures["entropy"], rel=RELATIVE, abs=1e-6)
        for name in ("top1", "top2"):
            assert getattr(found, name)[i] == pytest.approx(figures[name], rel=RELATIVE, abs=1e-37)
        assert found.margin[i] == pytest.approx(figures["margin"], rel=RELATIVE, abs=2e-6)
        if "rank" in figures:
            wanted = float(np.float32(figures["log_prob"]))  # infinite beyond float32
            assert found.log_prob[i] == pytest.approx(wanted, rel=3e-7, abs=LOG_PROB)
            assert found.rank[i] == figures["rank"]
        else:
            assert np.isnan(found.log_prob[i])
            assert found.rank[i] == 0


def update(logits: Logits, *args: Any, **named: Any) -> LogitsRows:
    rows = logits.update(*args, **named)
    assert rows is not None
    return rows


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


# ---- figures ------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("columns", [1, 2, 17, 2048, 5000])
def test_figures_are_those_of_scipy(rng: np.random.Generator, dtype: str, columns: int) -> None:
    logits = (rng.normal(size=(20, columns)) * 4).astype(dtype)
    chosen = rng.integers(-2, columns + 2, size=20)
    rows = update(Logits(per_row=True), logits, chosen)
    assert_rows(rows, expected_rows(logits, chosen))


def test_a_vocabulary_of_a_large_model(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(3, 262_144)).astype(np.float32) * 2.5
    rows = update(Logits(vocabulary=262_144, per_row=True, threads=2), logits, [0, 5, 262_143])
    assert_rows(rows, expected_rows(logits, np.array([0, 5, 262_143])))


def test_a_certain_row_keeps_a_small_entropy() -> None:
    logits = np.zeros((1, 1000), np.float32)
    logits[0, 3] = 40
    found = update(Logits(per_row=True), logits)
    p = np.exp(-40.0) / (1 + 999 * np.exp(-40.0))
    assert found.entropy[0] == pytest.approx(999 * p * 41, rel=1e-4)


def test_a_mask_and_minus_infinity_are_the_same(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(6, 300)).astype(np.float32)
    mask = rng.random((6, 300)) < 0.7
    mask[4] = False
    mask[5] = True
    by_mask, by_value = Logits(per_row=True), Logits(per_row=True)
    rows = update(by_mask, logits, np.arange(6), mask=mask)
    update(by_value, np.where(mask, logits, -np.inf).astype(np.float32), np.arange(6))
    assert by_mask == by_value
    assert_rows(rows, expected_rows(logits, np.arange(6), mask))
    assert by_mask.masked_count == np.count_nonzero(~mask)
    assert by_mask.masked_rows == 1
    assert rows.undefined[4] == "masked"


def test_nested_sequences_with_a_mask_of_their_shape() -> None:
    values = np.arange(24.0).reshape(2, 3, 4)
    mask = values % 5 != 0
    found, expected = Logits(), Logits()
    found.update(values.tolist(), mask=mask)
    expected.update(values, mask=mask)
    assert found == expected
    assert found.masked_count == 5


def test_one_mask_for_all_rows(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(4, 50)).astype(np.float32)
    mask = rng.random(50) < 0.5
    one, all_rows = Logits(), Logits()
    one.update(logits, mask=mask)
    all_rows.update(logits, mask=np.broadcast_to(mask, logits.shape).copy())
    assert one == all_rows


def test_a_masked_entry_is_not_looked_at() -> None:
    logits = Logits()
    logits.update(np.array([[np.nan, np.inf, 1.0]]), mask=np.array([[False, False, True]]))
    assert logits.undefined_rows == 0
    assert logits.nonfinite_count == 0
    assert logits.masked_count == 2
    assert logits.top1.max == 1.0
    assert logits.entropy.max == 0.0


def test_a_masked_chosen_token_has_log_probability_minus_infinity() -> None:
    logits = Logits()
    logits.update(np.array([[1.0, -np.inf, 0.0]]), [1])
    assert logits.log_prob.count == 0
    assert logits.log_prob.neg_inf_count == 1
    assert logits.rank.max == 3


def test_rows_that_are_not_finite_are_counted_apart() -> None:
    logits = Logits(per_row=True)
    values = np.zeros((4, 5))
    values[0, 1] = np.nan
    values[1, :2] = np.inf
    values[2] = -np.inf
    rows = update(logits, values)
    assert (logits.rows, logits.undefined_rows) == (4, 3)
    assert (logits.nonfinite_rows, logits.masked_rows) == (2, 1)
    assert (logits.nonfinite_count, logits.masked_count) == (3, 5)
    assert logits.entropy.count == 1
    assert rows.undefined == ["nonfinite", "nonfinite", "masked", None]


def test_chosen_tokens_that_are_none_or_out_of_range() -> None:
    logits = Logits(per_row=True)
    chosen = np.array([0, -1, -100, 3, 2**63 - 1, 2])
    rows = update(logits, np.zeros((6, 3)), chosen)
    assert rows.chosen == ["given", None, None, "out_of_range", "out_of_range", "given"]
    assert logits.chosen_rows == 2
    assert logits.out_of_range_rows == 2
    assert logits.rank.count == 2
    unsigned = Logits()
    unsigned.update(np.zeros((1, 3)), np.array([2**64 - 1], np.uint64))
    assert unsigned.out_of_range_rows == 1


@given(
    values=npst.arrays(
        np.float32,
        st.tuples(st.integers(0, 6), st.integers(1, 40)),
        elements=st.one_of(
            st.floats(-50, 50, width=32), st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -3e38])
        ),
    ),
    data=st.data(),
)
@settings(max_examples=150, deadline=None)
def test_any_rows(values: np.ndarray[Any, Any], data: st.DataObject) -> None:
    rows, columns = values.shape
    chosen = np.array(
        data.draw(st.lists(st.integers(-2, columns + 1), min_size=rows, max_size=rows)), np.int64
    )
    mask = data.draw(npst.arrays(np.bool_, values.shape))
    whole = Logits(per_row=True)
    with np.errstate(all="ignore"):
        assert_rows(update(whole, values, chosen, mask=mask), expected_rows(values, chosen, mask))
    parts = Logits()
    for i in range(rows):
        part = Logits()
        part.update(values[i], chosen[i : i + 1], mask=mask[i])
        parts.merge(part)
    for name in FIGURES:
        assert getattr(parts, name).histogram == getattr(whole, name).histogram
    assert parts.masked_count == whole.masked_count
    assert Logits.from_bytes(whole.to_bytes()) == whole


# ---- what it takes ------------------------------------------------------------------------------
def test_any_layout_gives_the_same(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(8, 640)).astype(np.float32)
    chosen = rng.integers(0, 640, size=8)
    whole = Logits()
    whole.update(logits, chosen)
    wide = np.zeros((16, 1280), np.float32)
    wide[::2, ::2] = logits
    read_only = logits.copy()
    read_only.flags.writeable = False
    for other in (np.asfortranarray(logits), wide[::2, ::2], read_only, logits.reshape(2, 4, 640)):
        found = Logits()
        found.update(other, chosen.reshape(other.shape[:-1]))
        assert found == whole
    backward = Logits()
    backward.update(logits[::-1], chosen[::-1])
    assert backward.entropy.histogram == whole.entropy.histogram


def test_threads_change_nothing(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(37, 20_000)).astype(np.float32)
    one = Logits()
    one.update(logits)
    for threads in (0, 2, 7):
        several = Logits(threads=threads)
        several.update(logits)
        assert several.to_bytes() == one.to_bytes()


def test_brain_floats_of_ml_dtypes(rng: np.random.Generator) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    logits = rng.normal(size=(5, 300)).astype(ml_dtypes.bfloat16)
    narrow, wide = Logits(), Logits()
    narrow.update(logits)
    wide.update(logits.astype(np.float32))
    assert narrow == wide


def test_tensors_of_torch(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    values = torch.from_numpy(rng.normal(size=(5, 300)).astype(np.float32))
    chosen = torch.arange(5)
    expected = Logits()
    expected.update(values.numpy(), np.arange(5))
    found = Logits()
    found.update(values.clone().requires_grad_(), chosen)
    assert found == expected
    narrow, wide = Logits(), Logits()
    narrow.update(values.bfloat16(), chosen)
    wide.update(values.bfloat16().float(), chosen)
    assert narrow == wide
    with pytest.raises(TypeError, match="dense"):
        found.update(values.to_sparse())
    out = torch.zeros(len(values), 8)
    rows = update(Logits(per_row=True), values, out=out)
    np.testing.assert_array_equal(out[:, 0].numpy(), rows.entropy)


def test_results_of_rows_go_to_an_array(rng: np.random.Generator) -> None:
    values = rng.normal(size=(4, 30)).astype(np.float32)
    values[1, 0] = np.nan
    out = np.zeros((4, 8), np.float32)
    rows = update(Logits(per_row=True), values, [0, 1, 2, 99], out=out)
    np.testing.assert_array_equal(out[:, 0], rows.entropy)
    np.testing.assert_array_equal(out[:, 5], rows.rank)
    assert np.isnan(out[1, :5]).all()
    assert out[1, 7] == 1
    table = rows.to_arrow()
    assert table["entropy"].null_count == 1
    assert table["log_prob"].null_count == 2
    assert table["undefined"].to_pylist() == [None, "nonfinite", None, None]
    assert repr(rows) == "<inlay.model.LogitsRows of 4, 3 defined>"


def test_no_rows_and_no_columns() -> None:
    logits = Logits()
    logits.update(np.zeros((0, 7), np.float32), np.zeros(0, np.int64))
    assert logits.rows == 0
    assert logits.entropy.mean is None
    logits.update(np.zeros((2, 0), np.float32))
    assert logits.masked_rows == 2
    assert repr(logits) == "<inlay.model.Logits of 2 rows, 2 undefined>"


@pytest.mark.parametrize(
    ("args", "named", "error", "match"),
    [
        ((np.zeros((2, 3), np.int64),), {}, TypeError, "int64"),
        ((np.zeros((2, 3), np.complex64),), {}, TypeError, "complex64"),
        ((np.zeros((2, 3), ">f4"),), {}, TypeError, "f4"),
        ((np.zeros((2, 3), np.longdouble),), {}, TypeError, "float128|longdouble"),
        ((np.float32(1),), {}, ValueError, r"\(\)"),
        ((np.zeros((2, 4)),), {}, ValueError, "not 4"),
        ((np.zeros((2, 3)), [1]), {}, ValueError, "not 1"),
        ((np.zeros((2, 3)), [1.0, 2.0]), {}, TypeError, "float64"),
        ((np.zeros((2, 3)),), {"mask": np.ones((2, 4), bool)}, ValueError, "mask"),
        ((np.zeros((2, 3)),), {"mask": np.ones((2, 3))}, TypeError, "float64"),
        ((np.zeros((2, 3)),), {"out": np.ones((2, 7), np.float32)}, ValueError, "8"),
        ((np.zeros((2, 3)),), {"out": np.ones((2, 8))}, TypeError, "float32, not float64"),
        ((np.zeros((2, 3)),), {"out": [[0.0] * 8] * 2}, TypeError, "float32, not list"),
        (
            (np.zeros((2, 3)),),
            {"out": np.broadcast_to(np.float32(0), (2, 8))},
            ValueError,
            "read-only",
        ),
        (
            (np.zeros((2, 3, 3)), np.zeros((3, 2), int)),
            {},
            ValueError,
            r"\(2, 3, 3\), not of \(3, 2\)",
        ),
        ((["a"],), {}, TypeError, "U1"),
    ],
)
def test_bad_input_is_named_and_nothing_counted(
    args: tuple[Any, ...], named: dict[str, Any], error: type[Exception], match: str
) -> None:
    logits = Logits(vocabulary=3)
    with pytest.raises(error, match=match):
        logits.update(*args, **named)
    assert logits.rows == 0


@pytest.mark.parametrize(
    "settings", [{"vocabulary": 0}, {"threads": -1}, {"scale": 9}, {"scale": -5}]
)
def test_bad_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match=str(next(iter(settings.values())))):
        Logits(**settings)


# ---- what becomes of it -------------------------------------------------------------------------
def filled(seed: int = 0, **settings: Any) -> Logits:
    rng = np.random.default_rng(seed)
    logits = Logits(**settings)
    values = rng.normal(size=(30, 200)) * 3
    values[3, 4] = np.nan
    values[5, ::2] = -np.inf
    logits.update(values, rng.integers(0, 210, size=30))
    return logits


def test_states_are_copied_pickled_and_compared() -> None:
    logits = filled(vocabulary=200, name="llm")
    for again in (logits.copy(), pickle.loads(pickle.dumps(logits))):
        assert again == logits
        assert again.vocabulary == 200
        again.update(np.zeros((1, 200)))
        assert again != logits
    assert Logits.from_bytes(logits.to_bytes()).to_bytes() == logits.to_bytes()
    logits.reset()
    assert logits == Logits()
    assert len(logits) == 0
    assert bool(logits)


def test_bytes_that_nobody_wrote_are_refused() -> None:
    data = filled().to_bytes()
    for size in range(0, len(data), 7):
        with pytest.raises(inlay.SerializationError):
            Logits.from_bytes(data[:size])
    with pytest.raises(inlay.SerializationError, match="newer"):
        Logits.from_bytes(data[:4] + b"\x02" + data[5:])
    with pytest.raises(inlay.SerializationError, match="left over"):
        Logits.from_bytes(data + b"\0")


def test_merging_different_things_is_refused() -> None:
    with pytest.raises(TypeError, match="Moments"):
        Logits().merge(inlay.Moments())  # type: ignore[arg-type]


def test_figures_are_summaries() -> None:
    logits = filled()
    entropy = logits.entropy
    assert isinstance(entropy.histogram, inlay.ExpHistogram)
    assert isinstance(entropy.moments, inlay.Moments)
    assert entropy.count == len(entropy) == 29
    assert entropy.quantile(0.5) == pytest.approx(entropy.mean, rel=0.5)
    assert "entropy of 29" in repr(entropy)
    assert "nat" in repr(logits)
    assert "undefined_rows" in logits._repr_html_()


def test_rows_of_points_hold_figures_and_state() -> None:
    logits = filled(name="llm.logits")
    table = logits.to_arrow()
    assert table.num_rows == 7
    rows = {row["metric"]: row for row in table.to_pylist()}
    assert rows["llm.logits.entropy"]["unit"] == "nat"
    assert inlay.Moments.from_row(rows["llm.logits.top1"]) == logits.top1.moments
    again = inlay.ExpHistogram.from_row(rows["llm.logits.log_prob"])
    assert again.count == logits.log_prob.count
    assert Logits.from_row(rows["llm.logits"]) == logits
    with pytest.raises(inlay.InvalidArgumentError, match="summary_type"):
        Logits.from_row(rows["llm.logits.rank"])


def test_an_observer_gets_each_window() -> None:
    obs = inlay.Observer(resource={"service.name": "ranker"})
    logits = Logits(attributes={"model": "a"})
    obs.probe(logits)
    logits.update(np.zeros((3, 4), np.float32), [0, 1, 2])
    first = obs.collect().points.to_pylist()
    own = {row["metric"]: row for row in first if row["layer"] == "model"}
    assert own["model.logits.rows"]["value"] == 3
    assert own["model.logits.entropy"]["kind"] == "histogram"
    assert own["model.logits.entropy"]["mean"] == pytest.approx(np.log(4))
    assert own["model.logits.entropy"]["attrs"] == '{"model":"a"}'
    assert own["model.logits.rank"]["max"] == 1
    logits.update(np.zeros((2, 4), np.float32))
    second = {row["metric"]: row for row in obs.collect().points.to_pylist()}
    assert second["model.logits.rows"]["value"] == 2
    assert "model.logits.rank" not in second
    assert own["model.logits.rows"]["time"] == second["model.logits.rows"]["start_time"]
    assert not any(row["layer"] == "model" for row in obs.collect().points.to_pylist())
    obs.stop()


def test_rows_of_points_have_the_schema() -> None:
    obs = inlay.Observer(resource={"service.name": "ranker"})
    logits = Logits()
    obs.probe(logits)
    logits.update(np.zeros((1, 2)))
    table = obs.collect().points.to_pyarrow()
    assert isinstance(table, pa.Table)
    assert [field.name for field in table.schema] == [c.name for c in inlay.points.POINTS]
    obs.stop()


def test_settings_are_checked() -> None:
    bad: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"vocabulary": "4"}, TypeError, "vocabulary must be an integer: '4'"),
        ({"vocabulary": 4.0}, TypeError, "vocabulary must be an integer: 4.0"),
        ({"vocabulary": 0}, ValueError, "vocabulary must be at least 1: 0"),
        ({"scale": 2.5}, TypeError, "scale must be an integer: 2.5"),
        ({"threads": -1}, ValueError, "threads must be at least 0: -1"),
        ({"threads": True}, TypeError, "threads must be an integer: True"),
        ({"name": ""}, ValueError, "name must not be empty"),
        ({"attributes": {"model": 1}}, TypeError, "'model' is 1"),
    ]
    for arguments, error, match in bad:
        with pytest.raises(error, match=match):
            Logits(**arguments)
    assert Logits(vocabulary=np.int64(4)).vocabulary == 4


def test_a_masked_array_masks() -> None:
    values = np.ma.masked_array([[1.0, 2.0, 300.0], [0.0, 0.0, 0.0]], mask=[[0, 0, 1], [0, 0, 0]])
    found, expected = Logits(per_row=True), Logits(per_row=True)
    mask = np.array([[True, True, True], [True, False, True]])
    found.update(values, np.ma.masked_array([1, 2], mask=[0, 1]), mask=mask)
    expected.update(values.data, [1, -1], mask=mask & ~values.mask)
    assert found == expected
    assert (found.masked_count, found.chosen_rows) == (2, 1)


def test_empty_batches_are_no_rows() -> None:
    logits = Logits(vocabulary=4)
    logits.update([], [])
    logits.update(np.zeros((0, 4)), np.zeros(0))
    logits.update(np.zeros((0, 4)), chosen=[])
    assert (logits.rows, logits.masked_rows) == (0, 0)


def test_chosen_tokens_may_keep_the_last_dimension() -> None:
    values = np.random.default_rng(3).normal(size=(2, 3, 5))
    chosen = values.argmax(axis=2)
    expected = Logits()
    expected.update(values, chosen)
    for tokens in (chosen[..., np.newaxis], chosen.ravel()):
        found = Logits()
        found.update(values, tokens)
        assert found == expected


def test_logits_of_other_vocabularies_do_not_merge() -> None:
    four = Logits(vocabulary=4)
    with pytest.raises(
        inlay.InvalidArgumentError, match="of 4 columns do not merge with some of 5"
    ):
        four.merge(Logits(vocabulary=5))
    four.merge(Logits())
    four.update(np.zeros((1, 4)), stream=7)  # on the CPU no stream is looked at
    assert four.rows == 1
