"""`inlay label`: labels from files, joined to predictions that a directory holds."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import inlay
from inlay import InvalidArgumentError
from inlay._files.compaction import compact
from inlay.cli import main
from inlay.model.offline_join import OfflineJoin
from inlay.model.offline_labels import OfflineLabels
from inlay.model.stored_predictions import read_predictions
from inlay.sinks import Files

START = 1_800_000_000.0
ROWS = 600
# What differs between two processes that count the same.
WHOSE = ("origin", "window_seq", "observed_time", "revision", "resource")


class Told:
    """Predictions of two regions over four panes, with what turned out to be true."""

    def __init__(self, task: str = "binary") -> None:
        rng = np.random.default_rng(5)
        self.ids = np.array([f"request-{number:05d}" for number in range(ROWS)])
        self.regions = rng.choice(["eu", "us"], ROWS)
        if task == "multiclass":
            self.scores: Any = rng.integers(0, 3, ROWS)
            self.outcomes: Any = rng.integers(0, 3, ROWS)
        elif task == "regression":
            self.scores = rng.normal(1e3, 5, ROWS)
            self.outcomes = self.scores + rng.normal(0, 1, ROWS)
        else:
            self.scores = rng.random(ROWS, np.float32)
            self.outcomes = (rng.random(ROWS) < self.scores).astype(np.int64)
        self.shuffled = rng.permutation(ROWS)

    def labels(self, path: Path, rows: Any, **columns: Any) -> str:
        table = pa.table({"id": self.ids[rows], "outcome": self.outcomes[rows], **columns})
        pq.write_table(table, path)
        return str(path)


def quality(obs: inlay.Observer, task: str = "binary", **options: Any) -> Any:
    if task == "multiclass":
        options.update(classes=3, kind="label")
    return obs.quality(
        "click", task=task, attributes=("region",), every=300, horizon=86_400, min_n=1, **options
    )


def serve(
    told: Told,
    directory: Path | None,
    *,
    task: str = "binary",
    service: str = "ranker",
    **options: Any,
) -> tuple[inlay.Observer, Any, inlay.ManualClock]:
    clock = inlay.ManualClock(start=START)
    sinks = [] if directory is None else [Files(directory)]
    obs = inlay.Observer(resource={"service.name": service}, clock=clock, sinks=sinks)
    clicks = quality(obs, task, **options)
    for part in np.array_split(np.arange(ROWS), 4):
        clicks.predicted(told.ids[part], told.scores[part], region=told.regions[part])
        clock.advance(300.0)
    return obs, clicks, clock


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[tuple[Told, Path]]:
    told, directory = Told(), tmp_path / "telemetry"
    obs, _, _ = serve(told, directory, log=True)
    obs.collect()
    assert obs.stop()
    return told, directory


def points_of(directory: Path, where: str) -> list[dict[str, Any]]:
    return inlay.query(directory, f"select * from points where {where}").to_pylist()


def stripped(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(
        str({name: value for name, value in row.items() if name not in WHOSE}) for row in rows
    )


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_files_give_the_rows_that_a_live_join_gives(task: str, tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    told, directory = Told(task), tmp_path / "telemetry"
    obs, _, _ = serve(told, directory, task=task, log=True)
    obs.collect()
    obs.stop()
    labels = told.labels(tmp_path / "labels.parquet", told.shuffled[:500])
    assert main(["label", str(directory), labels]) == 0

    live, clicks, clock = serve(told, None, task=task)
    first = live.collect()
    clock.advance(300.0)  # a pane that is over is written again no sooner
    clicks.labelled(told.ids[told.shuffled[:500]], told.outcomes[told.shuffled[:500]])
    expected = [row for row in live.collect().points.to_pylist() if row["layer"] == "model"]
    assert len(first.points)
    origin = OfflineLabels(directory)._load().origin
    found = points_of(directory, f"origin = {origin}")
    assert stripped(found) == stripped(expected)


def test_a_label_counts_once(stored: tuple[Told, Path], tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    told, directory = stored
    for number, rows in enumerate(
        (told.shuffled[:200], told.shuffled[:350], told.shuffled[100:500])
    ):
        labels = told.labels(tmp_path / f"{number}.parquet", rows)
        assert main(["label", str(directory), labels, "--name", "click"]) == 0
    rows = points_of(directory, "metric = 'click.labels'")
    assert sum(row["count"] for row in rows) == 500
    deltas = points_of(directory, "metric = 'click' and kind = 'confusion'")
    answered = told.shuffled[:500]
    for region in ("eu", "us"):
        mine = answered[told.regions[answered] == region]
        counts = np.sum(
            [row["counts"] for row in deltas if json.loads(row["attrs"])["region"] == region],
            axis=0,
        )
        decided, true = told.scores[mine] >= 0.5, told.outcomes[mine] == 1
        expected = [
            (~decided & ~true).sum(),
            (decided & ~true).sum(),
            (~decided & true).sum(),
            (decided & true).sum(),
        ]
        assert sorted(counts.tolist()) == sorted(int(each) for each in expected)
    newest = inlay.query(
        directory,
        "select start_time, max_by(value, revision) as value, max(revision) as revision "
        "from points where metric = 'click.coverage' and attrs = '{}' and revision > 0 group by 1",
    ).to_pylist()
    assert len(newest) == 4
    parts = np.array_split(np.arange(ROWS), 4)
    expected_shares = sorted(np.isin(part, answered).mean() for part in parts)
    assert sorted(row["value"] for row in newest) == pytest.approx(expected_shares)


def test_all_who_wrote_know_the_coverage_together(
    stored: tuple[Told, Path], tmp_path: Path
) -> None:
    pytest.importorskip("duckdb")
    told, directory = stored
    labels = told.labels(tmp_path / "labels.parquet", told.shuffled[:450])
    assert main(["label", str(directory), labels]) == 0
    guide = Path(__file__).parents[2] / "docs" / "guide" / "delayed_labels.md"
    sql = guide.read_text(encoding="utf-8").partition("```sql\n")[2].partition("```")[0]
    shares = inlay.query(directory, sql).to_pylist()
    parts = np.array_split(np.arange(ROWS), 4)
    expected = [np.isin(part, told.shuffled[:450]).mean() for part in parts]
    assert [row["coverage"] for row in shares] == pytest.approx(expected)

    metrics = inlay.report.stored_report(directory)["quality"][0]["metrics"]
    coverage = next(each for each in metrics if each["metric"] == "coverage")
    assert [point["value"] for point in coverage["points"]] == pytest.approx(expected)
    assert {point["n"] for point in coverage["points"]} == {ROWS / 4}


def test_what_is_left_out_is_counted_by_reason(
    stored: tuple[Told, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told, directory = stored
    ids = [*told.ids[:4], told.ids[0], told.ids[1], "nobody", None, *told.ids[5:7]]
    outcomes = [1, 0, 1, 0, 1, 1, 1, 1, None, 7]
    path = tmp_path / "labels.parquet"
    pq.write_table(pa.table({"id": ids, "outcome": outcomes}), path)
    assert main(["label", str(directory), str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["labels"] == 10
    assert said["joined"] == 4
    assert said["predictions"] == ROWS
    assert said["coverage"] == 4 / ROWS
    assert said["apart"] == {
        "duplicate_predictions": 0,
        "null_ids": 1,
        "null_labels": 1,
        "orphan_labels": 1,
        "duplicate_labels": 1,
        "conflicting_labels": 1,
        "bad_label": 1,
        "nan_score": 0,
        "out_of_range": 0,
    }
    assert main(["label", str(directory), str(path)]) == 0
    text = capsys.readouterr().out
    assert "0 of 10 labels joined" in text
    assert "joined before, the same" in text
    assert "no label of this task" in text
    corrected = pa.table({"id": [told.ids[6]], "outcome": [1]})
    assert OfflineLabels(directory).run(corrected).joined == 1


def test_the_earlier_label_stands(stored: tuple[Told, Path], tmp_path: Path) -> None:
    told, directory = stored
    table = pa.table(
        {"key": [told.ids[0]] * 2, "y": [0, 1], "at": pa.array([2, 1], pa.timestamp("s"))}
    )
    runner = OfflineLabels(directory)
    by_order = runner.run(table, id="key", outcome="y", dry=True)
    by_time = runner.run(table, id="key", outcome="y", time_column="at", dry=True)
    assert [each.joined for each in (by_order, by_time)] == [1, 1]

    def positives(run: Any) -> float:
        rows = run.points.to_pylist()
        return float(next(r["value"] for r in rows if r["metric"] == "click.prevalence"))

    assert (positives(by_order), positives(by_time)) == (0.0, 1.0)
    assert not (directory / "label").exists()


def test_a_run_that_was_killed_is_made_up_for(
    stored: tuple[Told, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("duckdb")
    told, directory = stored
    labels = pq.read_table(told.labels(tmp_path / "labels.parquet", told.shuffled[:300]))
    runner = OfflineLabels(directory)
    with monkeypatch.context() as patched:
        patched.setattr(Files, "write", lambda *_: (_ for _ in ()).throw(OSError("no room")))
        with pytest.raises(OSError, match="no room"):
            runner.run(labels)
    assert runner.run(labels).joined == 0
    rows = points_of(directory, "metric = 'click.labels'")
    assert sum(row["count"] for row in rows) == 300
    assert runner.run(labels).apart["duplicate_labels"] == 300
    compact(directory, grace=0.0)
    assert runner.run(labels).apart["duplicate_labels"] == 300


def test_processes_and_services_are_told_apart(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    directory = tmp_path / "telemetry"
    told = Told()
    for service in ("one", "two"):
        told.ids = np.array([f"{service}-{number}" for number in range(ROWS)])
        obs, _, _ = serve(told, directory, service=service, log=True)
        obs.collect()
        obs.stop()
    both = np.array([f"{service}-{n}" for service in ("one", "two") for n in range(0, ROWS, 2)])
    table = pa.table({"id": both, "outcome": np.ones(len(both))})
    joined = OfflineLabels(directory).run(table)
    assert (joined.joined, joined.predictions, joined.panes) == (ROWS, 2 * ROWS, 4)
    rows = [row for row in joined.points.to_pylist() if row["metric"] == "click.labels"]
    services = {json.loads(row["resource"])["service.name"] for row in rows}
    assert services == {"one", "two"}
    assert len({row["series_id"] for row in rows}) == 4
    assert sum(row["count"] for row in rows) == ROWS


def test_ids_may_be_uuids(tmp_path: Path) -> None:
    directory = tmp_path / "telemetry"
    clock = inlay.ManualClock(start=START)
    obs = inlay.Observer(clock=clock, sinks=[Files(directory)])
    clicks = obs.quality("click", task="binary", log=True)
    ids = [uuid.UUID(int=number) for number in range(20)]
    clicks.predicted(ids, [0.5] * 20)
    obs.collect()
    obs.stop()
    table = pa.table(
        {"id": pa.array([one.bytes for one in ids], pa.binary(16)), "outcome": [True] * 20}
    )
    assert OfflineLabels(directory).run(table).joined == 20


def test_predictions_are_logged_with_what_they_were(tmp_path: Path) -> None:
    clock = inlay.ManualClock(start=START)
    obs = inlay.Observer(resource={"service.name": "ranker"}, clock=clock)
    clicks = obs.quality("click", task="binary", attributes=("region",), log=True)
    clicks.predicted([7, None, 8], [0.25, 0.5, None], region=["eu", "eu", "us"])
    clicks.predicted([9], [0.75], predicted_at=[START - 60.0], region="us")
    batch = obs.collect()
    rows = batch["predictions"].to_pylist()
    assert [row["score"] for row in rows] == [0.25, 0.75]  # one that is null is none
    assert [row["attrs"] for row in rows] == ['{"region":"eu"}', '{"region":"us"}']
    assert [row["time"].timestamp() for row in rows] == [START, START - 60.0]
    assert {row["origin"] for row in rows} == {batch.origin}
    assert {row["resource"] for row in rows} == {batch.resource}
    high, low = inlay._core.prediction_id_hash([7, 9])
    assert [(row["id_high"], row["id_low"]) for row in rows] == list(zip(high, low, strict=True))
    series = {
        row["attrs"]: row["series_id"]
        for row in batch.points.to_pylist()
        if row["metric"] == "click.predictions"
    }
    assert {row["attrs"]: row["series_id"] for row in rows if row["attrs"] in series}
    assert "predictions" not in obs.collect()


def test_predictions_that_cannot_count_are_not_covered(tmp_path: Path) -> None:
    told, directory = Told(), tmp_path / "telemetry"
    obs, _, _ = serve(told, directory, log=True)
    obs.collect()
    obs.stop()
    known = read_predictions(directory, None, 0)
    older = [np.nan, 1.5, np.inf, *known.scores[3:]]  # which versions before wrote down, too
    known = known._replace(scores=np.array(older))
    labels = pa.table({"id": told.ids, "outcome": told.outcomes})
    join = OfflineJoin(known, labels["id"], labels["outcome"])
    assert (join.predictions, len(join.fresh)) == (ROWS - 3, ROWS - 3)
    assert (join.apart["nan_score"], join.apart["out_of_range"]) == (1, 2)
    assert join.apart["orphan_labels"] == 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--name", "cart"], "'cart'"),
        (["--id", "request"], "request"),
        (["--outcome", "clicked"], "clicked"),
        (["--time", "at"], "at"),
    ],
)
def test_what_is_not_there_is_named(
    stored: tuple[Told, Path],
    tmp_path: Path,
    arguments: list[str],
    named: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told, directory = stored
    labels = told.labels(tmp_path / "labels.parquet", told.shuffled[:3])
    assert main(["label", str(directory), labels, *arguments]) == 1
    assert named in capsys.readouterr().err


def test_a_directory_without_predictions_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = Told().labels(tmp_path / "labels.parquet", [0])
    assert main(["label", str(tmp_path / "nowhere"), labels]) == 1
    (tmp_path / "empty").mkdir()
    assert main(["label", str(tmp_path / "empty"), labels]) == 1
    assert "log=True" in capsys.readouterr().err


def test_labels_of_another_type_find_nothing_and_it_is_said(
    stored: tuple[Told, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, directory = stored
    path = tmp_path / "labels.csv"
    path.write_text("id,outcome\n1,1\n2,0\n")
    assert main(["label", str(directory), str(path)]) == 0
    assert "are the ids of the type" in capsys.readouterr().out
    floats = pa.table({"id": [1.5], "outcome": [1]})
    with pytest.raises(TypeError, match="floats"):
        OfflineLabels(directory).run(floats)
    with pytest.raises(InvalidArgumentError, match="no column 'key'"):
        OfflineLabels(directory).run(floats, id="key")
