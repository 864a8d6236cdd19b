"""Whether groups are treated apart: what a judge says of panes, late parts, fleets and replays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from drift_points import EVERY, START, complete, write

import inlay
from inlay import InvalidArgumentError, SerializationError, _core
from inlay.cli import main
from inlay.drift.directory_judge import judge_directory
from inlay.drift.stored import stored_verdicts
from inlay.model import Fairness, FairnessJudge
from inlay.summary._reference import hash_of_edges, hash_of_names

FAIR = [0.4, 0.1, 0.1, 0.4]
HARSH = [0.45, 0.05, 0.3, 0.2]  # of the same truth, half of the positives are not chosen


def confusion_row(
    counts: Any, *, pane: int = 0, metric: str = "credit", thresholds: Any = (0.5,), **more: Any
) -> dict[str, Any]:
    """Return a row as a quality writes it; `by` are its attributes."""
    counts = [int(each) for each in np.ravel(counts)]
    by = more.pop("by", {})
    return {
        "layer": "model",
        "metric": metric,
        "kind": "confusion",
        "start_time": START + pane * EVERY,
        "time": START + (pane + 1) * EVERY,
        "observed_time": START + (pane + 2) * EVERY,
        "window_seq": pane,
        "attrs": _core.canonical_json(by),
        "bounds": [float(each) for each in thresholds],
        "categories": ["0", "1"],
        "counts": counts,
        "count": sum(counts[:4]),
        "reference_id": hash_of_edges([float(each) for each in thresholds]),
        "null_count": None,
        "nan_count": None,
        "pos_inf_count": None,
        "neg_inf_count": None,
        **more,
    }


def panes(number: int, *, seed: int = 1, harsh_from: int = 99, **more: Any) -> list[dict[str, Any]]:
    """Return rows of two groups of sex and two of age, of which women are treated worse late."""
    rng = np.random.default_rng(seed)
    rows = []
    for pane in range(number):
        for sex in ("f", "m"):
            for age in ("new", "old"):
                p = HARSH if sex == "f" and pane >= harsh_from else FAIR
                by = {"sex": sex, "age": age}
                rows.append(confusion_row(rng.multinomial(1_000, p), pane=pane, by=by, **more))
    return rows


def said(judge: FairnessJudge, rows: list[dict[str, Any]], **given: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = judge.judge(complete(rows), **given).to_pylist()
    return found


def of(found: list[dict[str, Any]], method: str, attrs: str = "{}") -> list[dict[str, Any]]:
    return [row for row in found if row["method"] == method and row["attrs"] == attrs]


def test_unequal_treatment_is_a_yes_from_the_pane_on_where_it_begins() -> None:
    judge = FairnessJudge(("sex", "age"), reference={"sex": "m", "age": "old"})
    found = said(judge, panes(6, harsh_from=4))
    words = [row["verdict"] for row in of(found, "fairness.sex.demographic_parity_difference")]
    assert words == ["no"] * 4 + ["yes"] * 2
    together = of(found, "fairness.sex.demographic_parity_ratio")[-1]
    assert together["verdict"] == "yes"
    assert together["low"] < together["value"] < together["high"] < 0.8
    assert together["effect"] == 1 - together["value"] > together["threshold"] == 0.2
    assert together["part_names"] == ["sex=f", "sex=m"]
    assert together["part_values"] == pytest.approx([0.25, 0.5], abs=0.05)
    of_age = [row["verdict"] for row in found if row["method"].startswith("fairness.age.")]
    assert set(of_age) == {"no"}
    both = of(found, "fairness.sex,age.equal_opportunity_difference", '{"age":"new","sex":"f"}')
    assert [row["verdict"] for row in both] == ["no"] * 4 + ["yes"] * 2
    row = both[-1]
    assert (row["judge"], row["judge_version"], row["layer"]) == ("FairnessJudge", "1", "model")
    assert row["series_id"] == _core.series_id("credit", row["attrs"], "ranker")
    assert row["low"] < row["value"] < row["high"] < -row["threshold"]


def test_the_figures_are_those_of_the_table() -> None:
    rows = panes(1, harsh_from=0)
    found = said(FairnessJudge("sex", level=0.05, reference={"sex": "m"}), rows)
    table = Fairness.of_points(complete(rows), "sex", reference={"sex": "m"}, min_n=100)
    for name, one in table.compared["sex=f"].items():
        (row,) = of(found, f"fairness.sex.{name}", '{"sex":"f"}')
        assert (row["value"], row["low"], row["high"]) == (one.value, one.low, one.high)
        assert min(row["n"], row["n_reference"]) == one.n
    for name, one in table.overall["sex"].items():
        (row,) = of(found, f"fairness.sex.{name}")
        assert (row["value"], row["low"], row["high"]) == (one.value, one.low, one.high)


def test_a_large_effect_in_few_rows_is_not_certain_and_too_few_are_undefined() -> None:
    rows = [
        confusion_row(counts, by={"sex": sex})
        for sex, counts in (("f", (60, 20, 20, 20)), ("m", (45, 30, 15, 30)))
    ]
    method = "fairness.sex.demographic_parity_difference"
    (row,) = of(said(FairnessJudge("sex"), rows), method, '{"sex":"m"}')
    assert (row["verdict"], row["effect"] > row["threshold"]) == ("no", True)
    (row,) = of(said(FairnessJudge("sex", min_n=121), rows), method, '{"sex":"m"}')
    assert (row["verdict"], row["reason"], row["value"]) == ("undefined", "insufficient", None)


def test_the_same_verdict_of_ten_thousand_rows_and_ten_million() -> None:
    for shares, expected in ((HARSH, "yes"), ([0.42, 0.1, 0.1, 0.38], "no")):
        for rows in (10_000, 10_000_000):
            counts = {"f": np.array(shares) * rows, "m": np.array(FAIR) * rows}
            made = [confusion_row(each, by={"sex": sex}) for sex, each in counts.items()]
            found = of(said(FairnessJudge("sex"), made), "fairness.sex.equalized_odds_difference")
            assert [row["verdict"] for row in found] == [expected]


def test_equal_treatment_alarms_in_fewer_panes_than_the_level() -> None:
    """At the limit itself each pane may alarm with the level; 100 panes, 20 groups."""
    rng = np.random.default_rng(8)
    judge = FairnessJudge("g", limits={"demographic_parity_difference": 0.0}, intersections=False)
    rows = [
        confusion_row(rng.multinomial(500, FAIR), pane=pane, by={"g": str(group)})
        for pane in range(100)
        for group in range(20)
    ]
    found = said(judge, rows)
    each = [row for row in found if row["method"].endswith("demographic_parity_difference")]
    alarmed = {row["time"] for row in each if row["verdict"] == "yes" and row["attrs"] != "{}"}
    assert len(alarmed) <= 13  # 5 expected at most; above 13 with a chance below 1e-3


def test_late_labels_are_judged_with_what_came_before() -> None:
    rng = np.random.default_rng(2)
    early, late = (
        [
            confusion_row(
                rng.multinomial(300, HARSH if sex == "f" else FAIR),
                by={"sex": sex},
                revision=revision,
                observed_time=START + (3 + revision) * EVERY,
                window_seq=3 + revision,
            )
            for sex in sexes
        ]
        for revision, sexes in ((0, ("f", "m")), (1, ("f",)))
    )
    judge = FairnessJudge("sex")
    said(judge, early)
    found = said(judge, late)
    assert {row["revision"] for row in found} == {1}
    (row,) = of(found, "fairness.sex.demographic_parity_difference", '{"sex":"m"}') or of(
        found, "fairness.sex.demographic_parity_difference", '{"sex":"f"}'
    )
    assert {row["n"], row["n_reference"]} == {600, 300}
    whole = complete([*early, *late])
    assert Fairness.of_points(whole, "sex").counts["sex=f"] == tuple(
        np.add(early[0]["counts"], late[0]["counts"])
    )


def test_verdicts_do_not_depend_on_how_rows_are_cut_up() -> None:
    rows = panes(6, harsh_from=3)
    for pane in range(3):
        counts = [5, 1, 2, 9]
        more = {"revision": 1, "observed_time": START + 20 * EVERY, "window_seq": 20}
        rows.append(confusion_row(counts, pane=pane, by={"sex": "f", "age": "old"}, **more))
    at_once = said(FairnessJudge(("sex", "age")), rows)
    judge, parts = FairnessJudge(("sex", "age")), []
    for begin in range(0, len(rows), 4):
        parts += said(judge, rows[begin : begin + 4])
        again = FairnessJudge(("sex", "age"))
        again.load_state(judge.save_state())
        assert again.save_state() == judge.save_state()
        judge = again
    assert parts == at_once


def test_thresholds_are_judged_each_and_other_ones_apart() -> None:
    counts = [[40, 40, 10, 10], [60, 20, 15, 5]]
    rows = [
        confusion_row(np.multiply(counts, 10), thresholds=(0.25, 0.75), by={"sex": sex})
        for sex in ("f", "m")
    ]
    found = said(FairnessJudge("sex"), rows)
    name = "fairness.sex.predictive_parity_difference"
    assert len(of(found, f"{name}@0.25")) == len(of(found, f"{name}@0.75")) == 1
    # A process with another threshold has other cells: they are not added up.
    other = [confusion_row([1, 1, 1, 1], by={"sex": "f"}, revision=1)]
    judge = FairnessJudge("sex", min_n=1)
    said(judge, rows)
    assert {row["reason"] for row in said(judge, other) if row["attrs"] == "{}"} == {"insufficient"}


def test_a_class_is_the_decision_where_one_is_named() -> None:
    names = ["deny", "ask", "grant"]
    row = confusion_row(np.arange(9) * 50, by={"sex": "f"}, thresholds=())
    row |= {"categories": names, "bounds": None, "reference_id": hash_of_names(names)}
    rows = [row, {**row, "attrs": '{"sex":"m"}'}]
    assert said(FairnessJudge("sex"), rows) == []
    found = Fairness.of_points(complete(rows), "sex", positive="grant")
    # Of rows i and columns j 50 * (3 * i + j): true class by predicted class.
    assert found.counts["sex=f"] == (400, 350, 650, 400)
    assert said(FairnessJudge("sex", positive="grant"), rows)


def test_a_reference_that_is_not_there_and_a_group_alone() -> None:
    rows = panes(1)
    judge = FairnessJudge(("sex", "age"), reference={"sex": "x"}, intersections=False)
    found = said(judge, rows)
    reasons = {row["reason"] for row in found if row["attrs"].startswith('{"sex"')}
    assert reasons == {"no_reference"}
    assert {row["verdict"] for row in found if row["attrs"].startswith('{"age"')} == {"no"}
    alone = said(FairnessJudge("sex"), [rows[0]])
    assert {(row["attrs"], row["reason"]) for row in alone} == {("{}", "insufficient")}


def test_rows_beyond_the_cap_of_segments_are_in_no_group() -> None:
    rows = panes(1)
    other = confusion_row([1, 1, 1, 1], by={"otel.metric.overflow": "true"})
    assert said(FairnessJudge("sex"), rows) == said(FairnessJudge("sex"), [*rows, other])


def test_a_pane_that_is_forgotten_is_not_held() -> None:
    judge = FairnessJudge("sex")
    rows = [
        confusion_row([40, 10, 10, 40], pane=pane, by={"sex": sex})
        for pane in range(513)
        for sex in ("f", "m")
    ]
    said(judge, rows)
    late = [confusion_row([1, 1, 1, 1], pane=pane, by={"sex": "f"}, revision=1) for pane in (0, 1)]
    found = said(judge, late)
    reasons = [row["reason"] for row in of(found, "fairness.sex.demographic_parity_ratio")]
    assert reasons == ["not_held", None]


@pytest.mark.parametrize("scope", ["process", "fleet"])
def test_replays_say_what_was_said(tmp_path: Path, scope: str) -> None:
    tables = [complete(panes(6, harsh_from=3, seed=origin, origin=origin)) for origin in (1, 2)]
    for table in tables:
        write(tmp_path, table)
    judge = FairnessJudge(("sex", "age"), reference={"sex": "m"})
    found = inlay.backtest(tmp_path, judge, scope=scope)
    got = found.verdicts.to_pyarrow().to_pylist()
    if scope == "process":
        for origin, table in zip((1, 2), tables, strict=True):
            live = (
                FairnessJudge(("sex", "age"), reference={"sex": "m"})
                .judge(table)
                .to_pyarrow()
                .to_pylist()
            )
            mine = [row for row in got if row["origin"] == origin]
            assert sorted(mine, key=order) == sorted(live, key=order)
    else:
        rows = of(got, "fairness.sex,age.disparate_impact", '{"age":"old","sex":"f"}')
        assert {row["n"] for row in rows} <= {2_000}
        assert [row["verdict"] for row in rows] == ["no"] * 3 + ["yes"] * 3
    assert any("fairness." in each.method for each in found.fired)


def order(row: dict[str, Any]) -> Any:
    return (row["time"], row["method"], row["attrs"])


def test_inlay_judge_writes_fairness_verdicts(tmp_path: Path) -> None:
    write(tmp_path, complete(panes(3, harsh_from=0)))
    judged = judge_directory(tmp_path, FairnessJudge("sex"), idle=0.0)
    assert not isinstance(judged, str)
    assert judged.drifts
    again = judge_directory(tmp_path, FairnessJudge("sex"), idle=0.0)
    assert not isinstance(again, str)
    assert (again.rows, again.verdicts.num_rows) == (0, 0)
    stored = inlay.backtest(tmp_path, FairnessJudge("sex"), scope="fleet").against_stored()
    assert stored.same > 0
    assert (stored.differ, stored.only_stored, stored.only_new) == (0, 0, 0)


def test_states_that_are_none_are_refused() -> None:
    judge = FairnessJudge("sex")
    said(judge, panes(1))
    state = judge.save_state()
    for data in (b"x", state[:-3], state[:20] + b"?" + state[21:]):
        with pytest.raises(SerializationError, match="malformed"):
            FairnessJudge("sex").load_state(data)
    with pytest.raises(TypeError, match="bytes"):
        judge.load_state("text")  # type: ignore[arg-type]
    empty = FairnessJudge("sex")
    empty.load_state(b"")
    assert empty.save_state() == b""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"attributes": ()}, "1 to 4 different names"),
        ({"attributes": "sex", "reference": {"age": "x"}}, "'age'"),
        ({"attributes": "sex", "limits": {"nothing": 0.1}}, "'nothing'"),
        ({"attributes": "sex", "limits": {"disparate_impact": 1.0}}, "disparate_impact"),
        ({"attributes": "sex", "min_n": 0}, "min_n"),
        ({"attributes": "sex", "level": 0.0}, "level"),
    ],
)
def test_bad_settings_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        FairnessJudge(**arguments)


def test_counts_of_other_thresholds_are_refused() -> None:
    row = confusion_row([1, 2, 3], by={"sex": "f"})
    with pytest.raises(InvalidArgumentError, match="not those of 1 thresholds: 3"):
        said(FairnessJudge("sex"), [row])
    assert repr(FairnessJudge("sex", limits={"disparate_impact": 0.3}, positive="x")) == (
        "FairnessJudge(attributes=('sex',), limits={'disparate_impact': 0.3}, min_n=100, "
        "level=0.05, positive='x')"
    )


def test_tables_of_several_metrics_or_thresholds_need_a_choice() -> None:
    rows = panes(1) + panes(1, metric="other", thresholds=(0.25,))
    table = complete(rows)
    with pytest.raises(InvalidArgumentError, match="credit, other"):
        Fairness.of_points(table, "sex")
    found = Fairness.of_points(table, "sex", metric="other")
    assert found.counts == Fairness.of_points(table, "sex", metric="credit").counts
    both = complete(panes(1) + panes(1, thresholds=(0.25,)))
    with pytest.raises(InvalidArgumentError, match=r"0\.25, 0\.5"):
        Fairness.of_points(both, "sex")
    with pytest.raises(InvalidArgumentError, match=r"not 0\.7"):
        Fairness.of_points(both, "sex", threshold=0.7)
    assert Fairness.of_points(both, "sex", threshold=0.5).counts == found.counts
    assert isinstance(found.to_arrow(), pa.Table)


def test_the_command_judges_fairness_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, complete(panes(3, harsh_from=0)))
    assert main(["judge", str(tmp_path), "--idle", "0", "--dry-run"]) == 0
    capsys.readouterr()
    assert main(["judge", str(tmp_path), "--fairness", "sex", "--idle", "0"]) == 3
    shown = capsys.readouterr().out
    assert "credit" in shown
    assert "fairness.sex.demographic_parity_ratio" in shown
    judges = {row["judge"] for row in stored_verdicts(tmp_path, ("judge",)).to_pylist()}
    assert judges == {"FairnessJudge"}
