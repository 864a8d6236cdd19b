"""Figures for trackers of experiments, against the packages themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import inlay
from inlay.training import Recorder

pytestmark = pytest.mark.filterwarnings("ignore")
WHY = "its package is not installed: `make training`"


class Kept:
    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, float]]] = []

    def log(self, step: int, figures: Any) -> None:
        self.rows.append((step, dict(figures)))


def steps(recorder: Recorder, losses: list[float]) -> None:
    for loss in losses:
        with recorder.step(tokens=100):
            recorder.loss(loss)


def test_a_tracker_gets_the_figures_of_each_window() -> None:
    kept = Kept()
    observer = inlay.Observer()
    recorder = Recorder(observer, trackers=[kept])
    steps(recorder, [3.0, 2.0])
    observer.collect()
    steps(recorder, [1.0])
    observer.collect()
    observer.collect()
    assert [step for step, _ in kept.rows] == [2, 3]
    assert [figures["loss"] for _, figures in kept.rows] == [2.0, 1.0]
    assert kept.rows[0][1]["token_rate"] > 0.0
    assert "goodput" in kept.rows[0][1]


def test_a_tracker_that_fails_is_counted() -> None:
    class Failing:
        def log(self, step: int, figures: Any) -> None:
            raise ConnectionError

    kept = Kept()
    observer = inlay.Observer()
    recorder = Recorder(observer, trackers=[Failing(), kept])
    steps(recorder, [1.0])
    observer.collect()
    rows = observer.collect().points.to_pylist()
    assert len(kept.rows) == 1
    assert not [row for row in rows if row["metric"] == "inlay.observe.failures"]
    with pytest.raises(TypeError, match="has none"):
        Recorder(observer, trackers=[object()])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="mlflow"):
        Recorder(observer, trackers="mlflow")


def test_mlflow_keeps_them_in_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)
    mlflow = pytest.importorskip("mlflow", reason=WHY)
    from inlay.training import MlflowTracker

    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    with pytest.raises(inlay.InvalidArgumentError, match="no MLflow run"):
        MlflowTracker()
    observer = inlay.Observer()
    recorder = Recorder(observer, trackers=["mlflow"])
    with mlflow.start_run() as run:
        steps(recorder, [3.0, 2.0])
        observer.collect()
        steps(recorder, [1.0])
        observer.collect()
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "inlay/loss")
    assert [(metric.step, metric.value) for metric in history] == [(2, 2.0), (3, 1.0)]


def test_wandb_keeps_them_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("WANDB_MODE", "offline"),
        ("WANDB_DIR", str(tmp_path)),
        ("WANDB_CACHE_DIR", str(tmp_path)),
        ("WANDB_CONFIG_DIR", str(tmp_path)),
        ("WANDB_SILENT", "true"),
    ):
        monkeypatch.setenv(name, value)
    wandb = pytest.importorskip("wandb", reason=WHY)
    from inlay.training import WandbTracker

    if wandb.run is None:
        with pytest.raises(inlay.InvalidArgumentError, match="no run"):
            WandbTracker()
    observer = inlay.Observer()
    recorder = Recorder(observer, trackers=["wandb"])
    steps(recorder, [5.0] * 8)
    run = wandb.init(project="test", dir=str(tmp_path), mode="offline")
    try:
        steps(recorder, [2.0] * 3)
        observer.collect()  # no look at a step found it
        run.log({"mine": 1.0})
        assert run.step == 1  # the program's own numbers stay
        summary = dict(run.summary)
    finally:
        run.finish()
    assert summary["mine"] == 1.0
    assert summary["inlay/loss"] == 2.0
    assert summary["inlay/step"] == 11
    assert list(tmp_path.rglob("*.wandb"))
