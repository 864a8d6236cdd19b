"""Judges of single panes: missingness, categories, segments, distances."""

import json

import drift_points as dp
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

import inlay
from inlay.drift import (
    CategoryJudge,
    DistanceJudge,
    DriftJudge,
    MissingnessJudge,
    References,
    SegmentJudge,
    benjamini_hochberg,
    distances,
    e_bh,
)
from inlay.drift.correction import benjamini_hochberg_families, e_bh_families
from inlay.drift.log_gamma import log_beta, log_gamma
from inlay.drift.segments import explain
from inlay.drift.share_test import share_test

JUDGES = [MissingnessJudge, CategoryJudge, DistanceJudge, SegmentJudge]


def said(judge, rows, references, **given):
    verdicts = judge.judge(dp.complete(rows), References.of(dp.complete(references)), **given)
    assert verdicts.to_pyarrow().schema.equals(inlay.table.arrow_schema("verdicts"))
    return verdicts.to_pylist()


def of_column(verdicts, column):
    return [row for row in verdicts if json.loads(row["attrs"])["column"] == column]


# ---- what is undefined, for all of them ----------------------------------------------------------
@pytest.mark.parametrize("judge", [MissingnessJudge(), DistanceJudge("psi"), CategoryJudge()])
def test_what_cannot_be_judged_is_undefined_with_a_reason(judge):
    of_kind = dp.names_row
    rows = [
        of_kind([0] * 5, column="empty"),
        of_kind([20] * 5, column="small"),
        of_kind([400] * 5, column="unknown"),
        of_kind([400] * 5, column="other"),
    ]
    references = [
        dp.reference_row(row, [200] * 5)
        for row in (rows[0], rows[1], of_kind([1] * 5, column="other", names=["q", "r", "s", "t"]))
    ]
    found = said(judge, rows, references)
    reasons = {json.loads(row["attrs"])["column"]: row["reason"] for row in found}
    assert reasons == {
        "empty": "empty",
        "small": "insufficient",
        "unknown": "no_reference",
        "other": "other_reference",
    }
    assert {row["verdict"] for row in found} == {"undefined"}
    for row in found:
        numbers = (row[name] for name in ("value", "low", "high", "effect", "p_value", "log_e"))
        assert not any(number is not None for number in numbers)


@pytest.mark.parametrize("judge", JUDGES)
def test_no_rows_give_no_verdicts(judge):
    empty = judge().judge(inlay.Table.empty("points"), References())
    assert len(empty) == 0
    assert empty.to_pyarrow().schema.equals(inlay.table.arrow_schema("verdicts"))


@pytest.mark.parametrize("judge", JUDGES)
def test_settings_out_of_range_are_refused(judge):
    with pytest.raises(inlay.InvalidArgumentError, match=r"min_rows .* 0"):
        judge(min_rows=0)
    with pytest.raises(inlay.InvalidArgumentError, match=r"scope .* 'world'"):
        judge().judge(inlay.Table.empty("points"), References(), scope="world")
    if judge is not SegmentJudge:
        with pytest.raises(inlay.InvalidArgumentError, match=r"level .* 1\.5"):
            judge(level=1.5)
    with pytest.raises(inlay.InvalidArgumentError, match="threshold"):
        judge(thresholds={"psi": -1.0}) if judge is DistanceJudge else judge(threshold=-1.0)
    assert eval(repr(judge())).__dict__.keys() == judge().__dict__.keys()


def test_points_that_do_not_fit_their_reference_are_refused():
    row = dp.edges_row([100] * 10)
    short = {**row, "counts": [100] * 9}
    with pytest.raises(inlay.InvalidArgumentError, match=r"another number of counts .* 9"):
        said(MissingnessJudge(), [short], [dp.reference_row(row, [100] * 10)])
    without = dp.complete([row]).drop_columns(["counts"])
    with pytest.raises(inlay.InvalidArgumentError, match="'counts'"):
        MissingnessJudge().judge(without, References())
    with pytest.raises(inlay.InvalidArgumentError, match="counts of a point"):
        said(MissingnessJudge(), [{**row, "counts": None}], [])


# ---- late rows -----------------------------------------------------------------------------------
@pytest.mark.parametrize("through_bytes", [False, True])
def test_a_late_part_is_judged_with_what_came_before(through_bytes):
    row = dp.edges_row([100] * 10, null_count=0)
    late = dp.edges_row([2] * 10, null_count=400, revision=1)
    references = [dp.reference_row(row, [10_000] * 10)]
    judge = MissingnessJudge()
    (first,) = said(judge, [row], references)
    if through_bytes:
        state, judge = judge.save_state(), MissingnessJudge()
        judge.load_state(state)
    (second,) = said(judge, [late], references)
    assert (first["verdict"], first["n"], first["revision"]) == ("no", 1000, 0)
    assert (second["verdict"], second["n"], second["revision"]) == ("yes", 1420, 1)
    (third,) = said(judge, [{**late, "revision": 2}], references)
    assert third["n"] == 1840
    # All at once gives the same.
    at_once = said(MissingnessJudge(), [row, late, {**late, "revision": 2}], references)
    assert at_once == [first, second, third]


def test_a_late_part_of_a_forgotten_pane_is_undefined():
    rows = [dp.edges_row([100] * 10, pane=pane) for pane in range(40)]
    late = dp.edges_row([100] * 10, pane=3, revision=1)
    kept = dp.edges_row([100] * 10, pane=20, revision=1)
    references = [dp.reference_row(rows[0], [100] * 10)]
    at_once = said(MissingnessJudge(), [*rows, late, kept], references)
    assert [row["reason"] for row in at_once[-2:]] == ["not_held", None]
    judge = MissingnessJudge()
    one_by_one = [said(judge, [row], references)[0] for row in (*rows, late, kept)]
    assert one_by_one == at_once


@pytest.mark.parametrize("judge", JUDGES)
def test_a_state_that_is_none_is_refused(judge):
    with pytest.raises(inlay.SerializationError, match="state of a judge"):
        judge().load_state(b"nothing of the kind")


# ---- missingness ---------------------------------------------------------------------------------
def test_missing_rows_are_found_and_their_share_told():
    row = dp.edges_row([95] * 10, null_count=30, nan_count=20)
    well = dp.edges_row([99] * 10, column="y", null_count=10)
    references = [
        dp.reference_row(each, [9900] * 10, null_count=1000, nan_count=0) for each in (row, well)
    ]
    bad, good = said(MissingnessJudge(), [row, well], references)
    assert (bad["verdict"], bad["method"], bad["judge"]) == (
        "yes",
        "missingness",
        "MissingnessJudge",
    )
    assert bad["value"] == pytest.approx(0.05 - 0.01)
    assert bad["low"] > 0.01
    assert (good["verdict"], good["value"], good["reason"]) == ("no", pytest.approx(0.0), None)


def test_fewer_missing_rows_than_in_the_reference_are_a_change_too():
    row = dp.edges_row([1000] * 10)
    (found,) = said(MissingnessJudge(), [row], [dp.reference_row(row, [100] * 10, null_count=500)])
    assert (found["verdict"], found["value"]) == ("yes", pytest.approx(-1 / 3))


def test_a_difference_that_is_certain_and_small_is_no_drift():
    row = dp.edges_row([99_500_000] * 10, null_count=5_000_000)
    reference = dp.reference_row(row, [100_000_000] * 10)
    (found,) = said(MissingnessJudge(), [row], [reference])
    assert found["log_e"] > 20
    assert found["verdict"] == "no"


def test_false_alarms_of_missingness_are_within_the_level():
    rng = np.random.default_rng(5)
    panes, alarms = 400, 0
    for _ in range(5):
        missing = rng.binomial(2000, 0.05, panes)
        rows = [
            dp.edges_row([(2000 - k) // 10] * 10, pane=pane, null_count=int(k) + (-int(k)) % 10)
            for pane, k in enumerate(missing)
        ]
        reference = dp.reference_row(rows[0], [950] * 10, null_count=int(rng.binomial(10000, 0.05)))
        verdicts = said(MissingnessJudge(threshold=0.0), rows, [reference])
        alarms += sum(row["verdict"] == "yes" for row in verdicts)
    assert alarms <= 0.05 * 2000


def test_share_test_is_newcombes_interval_and_a_bayes_factor():
    # Newcombe (1998), table II, method 10, (a) 56/70 - 48/80.
    found = share_test([56], [70], [48], [80], level=0.05)
    assert found.low[0] == pytest.approx(0.0524, abs=5e-5)
    assert found.high[0] == pytest.approx(0.3339, abs=5e-5)
    own = special.betaln(56.5, 14.5) - special.betaln(0.5, 0.5)
    common = special.betaln(48 + 56 + 0.5, 32 + 14 + 0.5) - special.betaln(48.5, 32.5)
    assert found.log_e[0] == pytest.approx(own - common)


@given(st.integers(1, 200), st.integers(0, 200), st.integers(1, 50))
def test_the_e_value_of_a_share_has_expectation_one(n0, k0, n):
    k0 = min(k0, n0)
    k = np.arange(n + 1)
    found = share_test(k, np.full(n + 1, n), np.full(n + 1, k0), np.full(n + 1, n0), level=0.05)
    chances = stats.betabinom.pmf(k, n, k0 + 0.5, n0 - k0 + 0.5)
    assert (chances * np.exp(found.log_e)).sum() == pytest.approx(1.0)


def test_log_gamma_is_scipys():
    x = np.concatenate([np.arange(0.5, 9000.0, 0.5), np.round(np.geomspace(1e4, 1e15, 100))])
    assert log_gamma(x) == pytest.approx(special.gammaln(x), rel=1e-14, abs=1e-14)
    assert log_beta([2.5], [3.0]) == pytest.approx(special.betaln(2.5, 3.0))


# ---- corrections of many families ----------------------------------------------------------------
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.one_of(st.floats(0, 1), st.just(0.02)), st.floats(-5, 9)),
        max_size=30,
    )
)
def test_families_are_corrected_as_each_alone_by_the_definition(rows):
    family = np.array([row[0] for row in rows], np.int64)
    p = np.array([row[1] for row in rows], float)
    log_e = np.array([row[2] for row in rows], float)
    by_family = benjamini_hochberg_families(p, family, 0.05), e_bh_families(log_e, family, 0.05)
    for each in set(family.tolist()):
        members = family == each
        size = members.sum()
        # Of the j smallest p-values the largest may be this; e-values are one over p-values.
        steps = 0.05 * np.arange(1, size + 1) / size
        for values, by_arrays, alone in (
            (p[members], by_family[0], benjamini_hochberg),
            (np.exp(-log_e[members]), by_family[1], None),
        ):
            within = np.sort(values) <= steps
            last = np.flatnonzero(within)[-1] + 1 if within.any() else 0
            expected = (np.argsort(np.argsort(values, kind="stable")) < last).tolist()
            assert by_arrays[members].tolist() == expected
            if alone is not None:
                assert alone(values.tolist(), 0.05) == expected
        assert e_bh(log_e[members].tolist(), 0.05) == by_family[1][members].tolist()


# ---- categories ----------------------------------------------------------------------------------
def test_new_and_vanished_names_are_told_with_their_counts():
    row = dp.names_row([500, 400, 0, 0, 100])
    unseen = dp.unseen_row({"new": 70, "newer": 30})
    # d was rare: that it does not come is no wonder.
    references = [dp.reference_row(row, [5000, 4000, 990, 10, 0])]
    new, vanished = said(CategoryJudge(), [row, unseen], references)
    assert (new["method"], new["verdict"], new["n"]) == ("new_categories", "yes", 1000)
    assert new["value"] == pytest.approx(0.1)
    assert dict(zip(new["part_names"], new["part_values"], strict=True)) == {
        "new": 70.0,
        "newer": 30.0,
    }
    assert (vanished["method"], vanished["verdict"]) == ("vanished_categories", "yes")
    assert (vanished["part_names"], vanished["part_values"]) == (["c"], [pytest.approx(99.0)])
    assert vanished["effect"] == pytest.approx(0.099)
    assert vanished["p_value"] < 1e-20


def test_categories_as_in_the_reference_are_no_drift():
    rng = np.random.default_rng(3)
    names = [f"n{i}" for i in range(100)]
    shares = 1.0 / np.arange(1, 102) ** 1.5
    shares /= shares.sum()
    references, rows = [], []
    for column in range(20):
        row = dp.names_row(rng.multinomial(3000, shares), names=names, column=f"c{column}")
        rows.append(row)
        references.append(dp.reference_row(row, rng.multinomial(50_000, shares)))
    verdicts = said(CategoryJudge(), rows, references)
    assert {row["verdict"] for row in verdicts} == {"no"}


# ---- segments ------------------------------------------------------------------------------------
def segments(shift):
    rng = np.random.default_rng(2)
    rows, references = [], []
    for region in ("eu", "jp", "us"):
        for device in ("phone", "web"):
            moved = shift if region == "us" else 0.0
            by = {"region": region, "device": device}
            row = dp.edges_row(rng.multinomial(3000, dp.shares(moved)), by=by)
            rows.append(row)
            references.append(dp.reference_row(row, rng.multinomial(20_000, dp.TENTHS)))
    return rows, references


def test_the_segment_that_drives_the_drift_is_named():
    rows, references = segments(0.6)
    device, region = said(SegmentJudge(), rows, references)
    assert (device["method"], device["verdict"]) == ("segments.device", "no")
    assert (region["method"], region["verdict"]) == ("segments.region", "yes")
    assert region["part_names"] == ["region=us"]
    assert region["part_values"][0] > 0.8
    assert region["value"] > device["value"]
    assert region["attrs"] == dp.attrs("x")
    assert region["n"] == 18_000


def test_without_drift_no_segment_is_named():
    rows, references = segments(0.0)
    for row in said(SegmentJudge(), rows, references):
        assert (row["verdict"], row["part_names"]) == ("no", [])


def test_segments_with_cells_of_their_own_are_explained_too():
    rows, references = segments(0.6)
    for place, (row, reference) in enumerate(zip(rows, references, strict=True)):
        edges = [edge + place for edge in dp.EDGES]
        for each in (row, reference):
            each |= {"bounds": edges, "reference_id": dp.hash_of_edges(edges)}
    device, region = said(SegmentJudge(), rows, references)
    assert (region["verdict"], region["part_names"]) == ("yes", ["region=us"])
    assert region["part_values"][0] > 0.8
    assert device["verdict"] == "no"


def test_a_segment_that_is_new_is_named():
    rows, references = segments(0.0)
    kept = [row for row in references if '"us"' not in row["attrs"]]
    _, region = said(SegmentJudge(), rows, kept)
    assert (region["verdict"], region["part_names"]) == ("yes", ["region=us"])


def test_segments_without_reference_or_rows_are_undefined():
    rows, references = segments(0.6)
    assert {r["reason"] for r in said(SegmentJudge(), rows, [])} == {"no_reference"}
    few = [{**row, "counts": [1] * 10, "count": 10} for row in rows]
    assert {r["reason"] for r in said(SegmentJudge(), few, references)} == {"insufficient"}


def test_series_without_by_have_no_segments():
    row = dp.edges_row([100] * 10)
    assert said(SegmentJudge(), [row], [dp.reference_row(row, [100] * 10)]) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=8))
def test_surprise_is_scipys_and_powers_add_up(pairs):
    forecast, actual = (np.array(each, float) for each in zip(*pairs, strict=True))
    found = explain(forecast, actual, least_power=1e-9, enough_power=0.67)
    if actual.sum() == forecast.sum():
        assert found.values == []
        return
    power = (actual - forecast) / (actual.sum() - forecast.sum())
    assert found.power == pytest.approx(power[found.values].tolist())
    assert found.is_complete == (sum(found.power) >= 0.67)
    p, q = (each / max(each.sum(), 1.0) for each in (forecast, actual))
    surprise = 0.5 * (special.rel_entr(p, (p + q) / 2) + special.rel_entr(q, (p + q) / 2))
    assert found.surprise == pytest.approx(float(surprise[found.values].sum()), abs=1e-12)


# ---- distances -----------------------------------------------------------------------------------
def test_distances_are_those_of_two_summaries():
    rng = np.random.default_rng(4)
    row = dp.edges_row(rng.multinomial(5000, dp.shares(0.4)), pos_inf_count=7)
    names = dp.names_row([500, 400, 60, 30, 10])
    references = [
        dp.reference_row(row, rng.multinomial(20_000, dp.TENTHS)),
        dp.reference_row(names, [3000, 4000, 2000, 900, 100]),
    ]
    methods = ["psi", "jensen_shannon", "kl", "hellinger", "total_variation", "l_infinity", "ks"]
    methods += ["chi2", "cramer_von_mises", "anderson_darling"]
    judge = DistanceJudge(methods, thresholds={"psi": 0.1})
    verdicts = said(judge, [row, names], references)
    for kind, column, place in ((inlay.EdgeHistogram, "x", 0), (inlay.Categories, "c", 1)):
        reference = kind.from_row(references[place])
        current = kind.from_row((row, names)[place])
        expected = distances(reference, current)
        found = {each["method"]: each for each in of_column(verdicts, column)}
        assert ("ks" in found) == (column == "x")
        for method, each in found.items():
            if method == "chi2":
                assert each["value"] == pytest.approx(expected.chi2.value)
                above = (expected.chi2.value - expected.chi2.dof) / (
                    expected.n + expected.n_reference
                )
                assert each["effect"] == pytest.approx(max(above, 0.0) ** 0.5)
                continue
            of_method = getattr(expected, method)
            assert each["value"] == pytest.approx(of_method.value), method
            assert (each["low"], each["high"]) == pytest.approx((of_method.low, of_method.high))
            if of_method.p_value is not None:
                assert each["p_value"] == pytest.approx(of_method.p_value, rel=1e-9)
    psi = next(each for each in verdicts if each["method"] == "psi")
    assert psi["verdict"] == "yes"
    assert sum(psi["part_values"]) == pytest.approx(psi["value"])
    assert psi["part_names"][0].startswith("(-inf, -1.28")


def test_many_names_and_few_rows_are_no_drift():
    rng = np.random.default_rng(9)
    shares = 1.0 / np.arange(1.0, 101.0)
    shares /= shares.sum()
    moved = shares[::-1]
    names = [f"n{place:02}" for place in range(99)]
    first = dp.names_row(rng.multinomial(1000, shares), names=names)
    references = [dp.reference_row(first, rng.multinomial(50_000, shares))]
    methods = ("psi", "jensen_shannon", "kl", "hellinger", "total_variation", "chi2")
    judge = DistanceJudge(methods)
    panes = 200
    rows = [
        dp.names_row(rng.multinomial(1000, shares), pane=pane, names=names) for pane in range(panes)
    ]
    verdicts = said(judge, rows, references)
    for method in methods:
        yes = [each["verdict"] == "yes" for each in verdicts if each["method"] == method]
        assert len(yes) == panes
        assert sum(yes) <= 0.05 * panes + 4 * (0.05 * 0.95 * panes) ** 0.5, method
        effects = [each["effect"] for each in verdicts if each["method"] == method]
        assert np.mean(effects) < 0.6 * judge.thresholds[method], method
    drifted = said(judge, [dp.names_row(rng.multinomial(1000, moved), names=names)], references)
    assert {each["verdict"] for each in drifted} == {"yes"}


def test_a_tiny_shift_of_a_million_rows_is_no_drift():
    row = dp.edges_row(np.round(1e7 * dp.shares(0.005)))
    reference = dp.reference_row(row, [1_000_000] * 10)
    for each in said(DistanceJudge(["psi", "jensen_shannon", "ks"]), [row], [reference]):
        assert each["p_value"] < 0.05
        assert each["verdict"] == "no"


def test_one_outlier_does_not_flatten_psi():
    row = dp.edges_row(np.round(1e5 * dp.shares(0.5)))
    outlier = {**row, "counts": [*row["counts"][:-1], row["counts"][-1] + 1]}
    reference = [dp.reference_row(row, [10_000] * 10)]
    judge = DistanceJudge("psi")
    (without,), (with_one,) = (said(judge, [each], reference) for each in (row, outlier))
    assert with_one["value"] == pytest.approx(without["value"], rel=1e-3)
    assert with_one["verdict"] == without["verdict"] == "yes"


def test_missing_values_do_not_silence_a_distance():
    row = dp.edges_row(np.round(1e4 * dp.shares(0.8)), nan_count=1, null_count=5)
    (found,) = said(DistanceJudge("ks"), [row], [dp.reference_row(row, [1000] * 10)])
    assert found["verdict"] == "yes"


def test_what_has_no_bounds_is_undefined_with_its_reason():
    row = dp.edges_row([1000] * 10)
    judge = DistanceJudge("wasserstein", thresholds={"wasserstein": 0.1})
    (found,) = said(judge, [row], [dp.reference_row(row, [1000] * 10)])
    assert (found["verdict"], found["value"]) == ("undefined", None)
    assert found["reason"]


def test_methods_and_thresholds_are_checked():
    with pytest.raises(inlay.InvalidArgumentError, match="'manhattan'"):
        DistanceJudge("manhattan")
    with pytest.raises(inlay.InvalidArgumentError, match="'energy'"):
        DistanceJudge("energy")
    with pytest.raises(inlay.InvalidArgumentError, match="'nothing'"):
        DistanceJudge("psi", thresholds={"nothing": 1.0})
    with pytest.raises(inlay.InvalidArgumentError, match="must be a method"):
        DistanceJudge([])


@pytest.mark.parametrize("cells", [0, 3])
def test_the_native_rows_refuse_what_does_not_fit(cells):
    from inlay import _core

    four = np.arange(4)
    with pytest.raises((inlay.InvalidArgumentError, ValueError)):
        _core.distances_of_rows(
            four, four[:0].astype(float), four, four[:1], cells=cells, is_ordered=True
        )


def test_the_native_rows_refuse_a_reference_that_is_not_there():
    from inlay import _core

    four, none = np.arange(4), np.zeros(0)
    for number in (1, -1):
        with pytest.raises(inlay.InvalidArgumentError, match=str(number)):
            _core.distances_of_rows(four, none, four, np.array([number]), cells=4, is_ordered=True)


def test_dictionary_text_gives_the_same_verdicts():
    rows = dp.complete([dp.edges_row([100] * 10, pane=pane) for pane in range(3)])
    references = References.of(dp.complete([dp.reference_row(dp.edges_row([1] * 10), [100] * 10)]))
    encoded = pa.Table.from_arrays(
        [c.dictionary_encode() if pa.types.is_string(c.type) else c for c in rows.columns],
        rows.column_names,
    )
    judge = MissingnessJudge
    plain = judge().judge(rows, references).to_pylist()
    assert judge().judge(encoded, references).to_pylist() == plain


@pytest.mark.parametrize("judge", [DriftJudge, MissingnessJudge, DistanceJudge, CategoryJudge])
@pytest.mark.parametrize(
    "given",
    [{"level": "x"}, {"level": None}, {"min_rows": "x"}, {"min_rows": 1.5}, {"min_rows": None}],
)
def test_a_setting_of_another_type_is_refused_with_its_value(judge, given):
    with pytest.raises(inlay.InvalidArgumentError, match=repr(*given.values())):
        judge(**given)


def test_what_is_no_threshold_or_method_is_refused_with_its_value():
    for wrong in ("x", None, True, -1.0):
        with pytest.raises(inlay.InvalidArgumentError, match=f"missingness.*{wrong!r}"):
            MissingnessJudge(threshold=wrong)
    with pytest.raises(inlay.InvalidArgumentError, match=r"psi.*'x'"):
        DistanceJudge("psi", thresholds={"psi": "x"})
    with pytest.raises(TypeError, match="thresholds is a mapping, got int: 5"):
        DistanceJudge("psi", thresholds=5)
    with pytest.raises(TypeError, match="methods are names, got int: 5"):
        DistanceJudge(5)
    with pytest.raises(TypeError, match="bytes, got int: 5"):
        MissingnessJudge().load_state(5)
