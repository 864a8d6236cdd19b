"""Fine-tuning: what is forgotten, what has moved, which versions; a package that loads little."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import inlay
from inlay.training import BaseDrift, Forgetting, versions


def made(**options: Any) -> tuple[inlay.Observer, Forgetting]:
    observer = inlay.Observer()
    return observer, Forgetting(observer, "held", **options)


def test_a_loss_of_accuracy_is_found_with_its_interval() -> None:
    observer, forgetting = made(threshold=0.05)
    forgetting.before([1.0] * 90 + [0.0] * 10)
    found = forgetting.after([1.0] * 75 + [0.0] * 25, step=7)
    assert (found.verdict, found.n) == ("yes", 100)
    assert found.loss == pytest.approx(0.15)
    assert found.low is not None
    assert found.high is not None
    assert 0.0 < found.low < 0.15 < found.high
    batch = observer.collect()
    (row,) = batch.verdicts.to_pylist()
    assert (row["method"], row["verdict"], row["n_reference"]) == ("forgetting", "yes", 100)
    (event,) = batch.events.to_pylist()
    assert event["name"] == "training.forgetting"
    assert event["attrs"] == '{"evaluation":"held","step":"7","verdict":"yes"}'


def test_lower_may_be_better() -> None:
    _, forgetting = made(direction="lower", threshold=0.1)
    rng = random.Random(1)
    before = [rng.gauss(2.0, 0.5) for _ in range(200)]
    forgetting.before(before)
    assert forgetting.after([b + 0.3 + rng.gauss(0.0, 0.1) for b in before]).verdict == "yes"
    assert forgetting.after([b - 0.3 for b in before]).verdict == "no"
    unpaired = forgetting.after([rng.gauss(2.6, 0.5) for _ in range(150)])
    assert unpaired.verdict == "yes"
    assert unpaired.n == 150


def test_few_examples_prove_nothing() -> None:
    _, forgetting = made(threshold=0.05)
    forgetting.before([1.0, 1.0, 1.0, 0.0])
    found = forgetting.after([1.0, 1.0, 0.0, 0.0])
    assert (found.verdict, found.reason) == ("undefined", "insufficient")
    forgetting.before([1.0])
    assert forgetting.after([0.0]).reason == "insufficient"


def test_a_tuning_may_be_watched_as_long_as_one_likes() -> None:
    # 40 evaluations of the same model each, in 200 runs: level 0.05 for all of a run together.
    false = 0
    for seed in range(200):
        rng = random.Random(seed)
        _, forgetting = made(threshold=0.0)
        forgetting.before([float(rng.random() < 0.8) for _ in range(100)])
        results = (
            forgetting.after([float(rng.random() < 0.8) for _ in range(100)]) for _ in range(40)
        )
        false += any(one.verdict == "yes" for one in results)
    assert false <= 30  # the base's own sample is one draw for all of them, which correlates them


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50))
def test_nothing_is_lost_by_standing_still(values: list[float]) -> None:
    _, forgetting = made()
    forgetting.before(values)
    found = forgetting.after(values)
    assert (found.verdict, found.loss) == ("no", 0.0)


def test_bad_results_are_refused() -> None:
    _, forgetting = made()
    with pytest.raises(inlay.InvalidArgumentError, match="before the tuning"):
        forgetting.after([1.0])
    with pytest.raises(inlay.InvalidArgumentError, match="nan"):
        forgetting.before([1.0, float("nan")])
    with pytest.raises(inlay.InvalidArgumentError, match="\\[\\]"):
        forgetting.before([])
    for results in (3, "110", [1.0, "x"]):
        with pytest.raises(TypeError, match=r"result.*(3|110|x)"):
            forgetting.before(results)  # type: ignore[arg-type]
    forgetting.before([True, False])
    for options in ({"direction": "up"}, {"threshold": -1.0}, {"level": 2.0}, {"level": 0.0}):
        (name,) = options
        with pytest.raises(inlay.InvalidArgumentError, match=name):
            made(**options)
    with pytest.raises(TypeError, match=r"observer.*None"):
        Forgetting(None, "held")  # type: ignore[arg-type]


def kll(shift: float, n: int = 2000, seed: int = 0) -> inlay.Kll:
    rng = random.Random(seed)
    summary = inlay.Kll()
    summary.update([rng.gauss(shift, 1.0) for _ in range(n)])
    return summary


def test_parts_that_moved_are_told_from_those_that_did_not() -> None:
    observer = inlay.Observer()
    edges = [-1.0, 0.0, 1.0]

    def counts(shift: float) -> inlay.EdgeHistogram:
        rng = random.Random(5)
        made = inlay.EdgeHistogram(edges)
        made.update([rng.gauss(shift, 1.0) for _ in range(1000)])
        return made

    def labels(share: float) -> inlay.Categories:
        made = inlay.Categories(["a", "b"])
        made.update(["a"] * round(1000 * share) + ["b"] * round(1000 * (1 - share)))
        return made

    base = {"layer": kll(0.0), "output": counts(0.0), "class": labels(0.5), "gone": kll(0.0)}
    drift = BaseDrift(observer, base)
    found = drift.compare({"layer": kll(0.0, seed=1), "output": counts(1.0), "class": labels(0.9)})
    assert [(one.name, one.verdict, one.reason) for one in found] == [
        ("layer", "no", None),
        ("output", "yes", None),
        ("class", "yes", None),
        ("gone", "undefined", "absent"),
    ]
    rows = observer.collect().verdicts.to_pylist()
    assert [row["attrs"] for row in rows][:2] == ['{"part":"layer"}', '{"part":"output"}']
    assert {row["metric"] for row in rows} == {"training.base_drift"}


def test_a_part_that_the_base_has_not_is_refused() -> None:
    drift = BaseDrift(inlay.Observer(), {"a": kll(0.0)})
    with pytest.raises(inlay.InvalidArgumentError, match="'b'"):
        drift.compare({"b": kll(0.0)})
    with pytest.raises(inlay.InvalidArgumentError):
        BaseDrift(inlay.Observer(), {})
    with pytest.raises(inlay.InvalidArgumentError, match="7"):
        BaseDrift(inlay.Observer(), {"a": kll(0.0)}, threshold=7.0)
    with pytest.raises(TypeError, match=r"base\['a'\].*\[1, 2, 3\]"):
        BaseDrift(inlay.Observer(), {"a": [1, 2, 3]})
    with pytest.raises(inlay.InvalidArgumentError, match="part 'a'"):
        drift.compare({"a": inlay.ExpHistogram()})
    with pytest.raises(TypeError, match=r"current\['a'\].*3"):
        drift.compare({"a": 3})


def test_few_rows_of_a_part_prove_nothing() -> None:
    drift = BaseDrift(inlay.Observer(), {"a": kll(0.0, n=6)})
    assert drift.compare({"a": kll(0.8, n=6, seed=2)})[0].verdict == "undefined"


def test_versions_are_events_and_in_the_resource() -> None:
    observer = inlay.Observer(resource={"service.name": "s", "model.version": "1"})
    versions(observer, model="ranker", model_version="2", base="tiny")
    versions(observer, dataset="chats", dataset_version="d3", model_version="2", base="tiny")
    versions(observer, dataset_version="d4", model="ranker", tokens=5)
    batch = observer.collect()
    assert [(row["name"], row["attrs"]) for row in batch.events.to_pylist()] == [
        ("model.version", '{"base":"tiny","model":"ranker","version":"2"}'),
        ("dataset.version", '{"dataset":"chats","version":"d3"}'),
        ("model.version", '{"base":"tiny","version":"2"}'),
        ("dataset.version", '{"tokens":"5","version":"d4"}'),
    ]
    assert observer.resource["model.version"] == "2"
    assert observer.resource["dataset.version"] == "d4"
    assert '"dataset.version":"d4"' in batch.points.to_pylist()[0]["resource"]
    with pytest.raises(inlay.InvalidArgumentError, match="'dataset': 'd'"):
        versions(observer, dataset="d")
    with pytest.raises(TypeError, match=r"model_version.*7"):
        versions(observer, model_version=7)  # type: ignore[arg-type]


def test_the_name_of_the_service_stays() -> None:
    observer = inlay.Observer()
    with pytest.raises(inlay.InvalidArgumentError, match="other"):
        observer.extend_resource({"service.name": "other"})
    with pytest.raises(TypeError, match=r"1\.5"):
        observer.extend_resource({"a": 1.5})  # type: ignore[dict-item]
    inlay.get_observer().extend_resource({"a": "b"})


def test_frameworks_load_with_their_callbacks_only() -> None:
    code = (
        "import sys, inlay.training, inlay.infra; from inlay.training import *;"
        "heavy = {'torch', 'transformers', 'lightning', 'keras', 'mlflow', 'wandb', 'pyarrow'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
