"""Hooks of PyTorch and callbacks of frameworks, against the packages themselves."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest

import inlay
from inlay.training import PHASES, Recorder

pytestmark = pytest.mark.filterwarnings("ignore")
WHY = "its package is not installed: `make training`"


def torch_or_skip() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is not installed: `make tensors`")


def rows_of(observer: inlay.Observer) -> tuple[list[dict[str, Any]], inlay.Batch]:
    batch = observer.collect()
    failures = [
        (row["attrs"], row["value"])
        for row in batch.points.to_pylist()
        if row["metric"] == "inlay.host.failures"
    ]
    assert not failures
    return batch["steps"].to_pylist(), batch


def names(batch: inlay.Batch) -> list[str]:
    return [row["name"] for row in batch.events.to_pylist()]


def check_split(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert all(row[phase] >= 0.0 for phase in PHASES)
        assert min(row["forward"], row["backward"], row["optimizer"]) > 0.0
        total = (row["time"] - row["start_time"]).total_seconds()
        assert math.isclose(sum(row[phase] for phase in PHASES), total, abs_tol=1e-4)
        assert row["loss"] is not None


# ---- plain PyTorch ---------------------------------------------------------------------------
def test_a_plain_loop_is_split_by_hooks() -> None:
    torch = torch_or_skip()
    from inlay.training import TorchHooks

    observer = inlay.Observer()
    recorder = Recorder(observer)
    model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with TorchHooks(recorder, model, optimizer, count=True):
        for _ in range(2):
            for batch in recorder.data([torch.ones(4, 8), torch.zeros(4, 8)]):
                loss = model(batch).square().mean()
                recorder.loss(loss)
                loss.backward()
                norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                recorder.gradient_norm(norm)
                optimizer.step()
                optimizer.zero_grad()
            model.eval()
            model(torch.ones(4, 8))  # no step
            model.train()
    model(torch.ones(4, 8)).sum().backward()
    optimizer.step()  # the hooks are gone
    rows, _ = rows_of(observer)
    check_split(rows)
    assert [(row["step"], row["epoch"]) for row in rows] == [(1, 0), (2, 0), (3, 1), (4, 1)]
    assert [row["samples"] for row in rows] == [4] * 4
    assert all(row["data_wait"] > 0.0 and row["gradient_norm"] is not None for row in rows)
    assert recorder._learning_rate == 0.1


def test_gradients_are_accumulated_in_one_step() -> None:
    torch = torch_or_skip()
    from inlay.training import TorchHooks

    class Model(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Embedding(8, 4)

        def forward(self, input_ids: Any) -> dict[str, Any]:
            return {"loss": self.inner(input_ids).sum()}

    observer = inlay.Observer()
    recorder = Recorder(observer)
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with TorchHooks(recorder, model, optimizer, loss=True, count=True):
        for _ in range(2):
            for _ in range(3):
                model(input_ids=torch.zeros(2, 5, dtype=torch.int64))["loss"].backward()
            optimizer.step()
    rows, _ = rows_of(observer)
    check_split(rows)
    assert [(row["samples"], row["tokens"]) for row in rows] == [(6, 30)] * 2


def test_the_norm_of_all_gradients_is_torchs() -> None:
    torch = torch_or_skip()
    from inlay.training import TorchHooks

    observer = inlay.Observer()
    recorder = Recorder(observer)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    expected = []
    with TorchHooks(recorder, model, optimizer, gradient_norm=True):
        for n in range(3):
            optimizer.zero_grad()
            (model(torch.ones(1, 3)).sum() * n).backward()
            norms = [parameter.grad.norm() for parameter in model.parameters()]
            expected.append(torch.stack(norms).norm().item())
            optimizer.step()
    rows, _ = rows_of(observer)
    assert [row["gradient_norm"] for row in rows] == pytest.approx(expected)


def test_collectives_count_as_communication(tmp_path: Path) -> None:
    torch = torch_or_skip()
    import torch.distributed as dist

    from inlay.training import TorchHooks

    observer = inlay.Observer()
    recorder = Recorder(observer)
    before = dist.all_reduce
    dist.init_process_group("gloo", rank=0, world_size=1, init_method=f"file://{tmp_path}/store")
    try:
        with TorchHooks(recorder, torch.nn.Linear(1, 1), steps=False):
            assert dist.all_reduce is not before
            with recorder.step():
                dist.all_reduce(torch.ones(1))
        assert dist.all_reduce is before
    finally:
        dist.destroy_process_group()
    rows, _ = rows_of(observer)
    assert rows[0]["communication"] > 0.0


def test_what_the_engine_waits_for_at_its_end_is_backward() -> None:
    torch = torch_or_skip()
    from inlay.training import TorchHooks

    observer = inlay.Observer()
    recorder = Recorder(observer)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def queue(gradient: Any) -> None:  # as DistributedDataParallel does for the last of its buckets
        engine = torch.autograd.Variable._execution_engine
        engine.queue_callback(lambda: time.sleep(0.02))

    model.weight.register_hook(queue)
    with TorchHooks(recorder, model, optimizer):
        for _ in range(2):
            model(torch.ones(1, 2)).sum().backward()
            optimizer.step()
    rows, _ = rows_of(observer)
    assert all(row["backward"] >= 0.02 for row in rows)


def test_hooks_end_the_steps_that_they_began() -> None:
    torch = torch_or_skip()
    from inlay.training import TorchHooks

    observer = inlay.Observer()
    recorder = Recorder(observer)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with TorchHooks(recorder, model, optimizer):
        with torch.no_grad():
            model(torch.ones(1, 2))  # no step
        assert not recorder._in_step
        with recorder.step():
            model(torch.ones(1, 2)).sum().backward()
            optimizer.step()
            with recorder.phase("communication"):
                time.sleep(0.001)
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    rows, _ = rows_of(observer)
    assert [row["step"] for row in rows] == [1, 2]
    assert rows[0]["communication"] >= 0.001
    assert rows[0]["optimizer"] > 0.0


def test_rates_of_an_unchanged_loop_are_those_of_the_wall() -> None:
    torch = torch_or_skip()
    from inlay.training import TorchHooks

    observer = inlay.Observer()
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with TorchHooks(Recorder(observer), model, optimizer, count=True):
        for _ in range(5):
            model(torch.ones(4, 2)).sum().backward()
            optimizer.step()
            time.sleep(0.01)
    _, batch = rows_of(observer)
    (rate,) = [
        row["value"] for row in batch.points.to_pylist() if row["metric"] == "training.sample_rate"
    ]
    assert 0.0 < rate <= 20 / 0.04


def test_hooks_that_could_not_work_are_refused() -> None:
    torch = torch_or_skip()
    from inlay.training import TorchHooks

    recorder, model = Recorder(inlay.Observer()), torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(inlay.InvalidArgumentError, match=r"accumulate.*0"):
        TorchHooks(recorder, model, optimizer, accumulate=0)
    with pytest.raises(inlay.InvalidArgumentError, match="steps=False"):
        TorchHooks(recorder, model)
    for arguments, named in (
        ((recorder, 3), "module.*3"),
        ((model, recorder), "recorder.*Linear"),
        ((recorder, model, "sgd"), "optimizer.*'sgd'"),
    ):
        with pytest.raises(TypeError, match=named):
            TorchHooks(*arguments)


def test_the_guides_loop_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch_or_skip()
    monkeypatch.chdir(tmp_path)
    page = Path(__file__).parents[2] / "docs" / "guide" / "training.md"
    loop = page.read_text().partition("## A loop of PyTorch")[2]
    code = loop.partition("```python\n")[2].partition("```")[0]
    exec(compile(code, str(page), "exec"), {})
    assert capsys.readouterr().out == "16\n"


# ---- frameworks ------------------------------------------------------------------------------
def test_hugging_faces_trainer(tmp_path: Path) -> None:
    torch = torch_or_skip()
    transformers = pytest.importorskip("transformers", reason=WHY)
    pytest.importorskip("accelerate", reason=WHY)
    from inlay.training import HuggingFaceCallback

    settings = transformers.BertConfig(
        vocab_size=32,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
    )
    data = [{"input_ids": torch.arange(8), "labels": torch.tensor(i % 2)} for i in range(16)]
    observer = inlay.Observer()
    recorder = Recorder(observer)

    def train(epochs: int, resume: bool) -> None:
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path),
            per_device_train_batch_size=4,
            gradient_accumulation_steps=2,
            num_train_epochs=epochs,
            report_to=[],
            logging_steps=1,
            eval_strategy="epoch",
            save_strategy="epoch",
            use_cpu=True,
            disable_tqdm=True,
            dataloader_num_workers=0,
        )
        trainer = transformers.Trainer(
            model=transformers.BertForSequenceClassification(settings),
            args=arguments,
            train_dataset=data,
            eval_dataset=data[:4],
            callbacks=[HuggingFaceCallback(recorder)],
        )
        trainer.train(resume_from_checkpoint=resume)

    train(1, resume=False)
    train(2, resume=True)
    rows, batch = rows_of(observer)
    check_split(rows)
    assert [(row["step"], row["epoch"]) for row in rows] == [(1, 0), (2, 0), (3, 1), (4, 1)]
    assert [(row["samples"], row["tokens"]) for row in rows] == [(8, 64)] * 4
    assert all(row["gradient_norm"] is not None for row in rows)
    assert names(batch).count("training.checkpoint") == 2
    assert names(batch).count("training.eval") == 2
    assert rows[2]["data_wait"] >= 0.0


def test_hugging_faces_loss_is_that_of_all_batches_of_a_step(tmp_path: Path) -> None:
    torch = torch_or_skip()
    transformers = pytest.importorskip("transformers", reason=WHY)
    pytest.importorskip("accelerate", reason=WHY)
    from inlay.training import HuggingFaceCallback

    settings = transformers.LlamaConfig(
        vocab_size=32,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
    )
    data = [{"input_ids": torch.arange(8), "labels": torch.arange(8)}] * 16
    observer = inlay.Observer()
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        per_device_train_batch_size=2,
        gradient_accumulation_steps=4,
        num_train_epochs=1,
        report_to=[],
        logging_steps=1,
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
        dataloader_num_workers=0,
    )
    trainer = transformers.Trainer(
        model=transformers.LlamaForCausalLM(settings),
        args=arguments,
        train_dataset=data,
        callbacks=[HuggingFaceCallback(Recorder(observer))],
    )
    trainer.train()
    rows, _ = rows_of(observer)
    logged = [one["loss"] for one in trainer.state.log_history if "loss" in one]
    assert [row["loss"] for row in rows] == pytest.approx(logged, rel=1e-3)


def test_lightnings_trainer(tmp_path: Path) -> None:
    torch = torch_or_skip()
    lightning = pytest.importorskip("lightning", reason=WHY)
    from inlay.training import LightningCallback

    class Model(lightning.LightningModule):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)

        def training_step(self, batch: Any, index: int) -> Any:
            loss = self.layer(batch).square().mean()
            losses.append(loss.item())
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            self.layer(batch)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    losses: list[float] = []
    loader = torch.utils.data.DataLoader(torch.randn(16, 4), batch_size=4)
    observer = inlay.Observer()
    recorder = Recorder(observer)
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accumulate_grad_batches=2,
        default_root_dir=str(tmp_path),
        callbacks=[LightningCallback(recorder, gradient_norm=True)],
    )
    save = trainer.save_checkpoint
    trainer.fit(Model(), loader, loader)
    rows, batch = rows_of(observer)
    check_split(rows)
    assert [(row["step"], row["epoch"]) for row in rows] == [(1, 0), (2, 0), (3, 1), (4, 1)]
    assert [row["loss"] for row in rows] == pytest.approx(losses[1::2])
    assert names(batch).count("training.checkpoint") == 2
    assert names(batch).count("training.eval") == 2  # without the one before the training
    assert all(row["gradient_norm"] is not None for row in rows)
    assert trainer.save_checkpoint == save
    assert recorder._learning_rate == 0.1


def test_lightning_gives_a_step_that_fails_up(tmp_path: Path) -> None:
    torch = torch_or_skip()
    lightning = pytest.importorskip("lightning", reason=WHY)
    from inlay.training import LightningCallback

    class Model(lightning.LightningModule):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)

        def training_step(self, batch: Any, index: int) -> Any:
            if index == 2:
                raise ArithmeticError
            return self.layer(batch).square().mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    observer = inlay.Observer()
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=str(tmp_path),
        callbacks=[LightningCallback(Recorder(observer))],
    )
    with pytest.raises(ArithmeticError):
        trainer.fit(Model(), torch.utils.data.DataLoader(torch.randn(16, 4), batch_size=4))
    rows, _ = rows_of(observer)
    assert [row["step"] for row in rows] == [1, 2]


def test_kerass_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch_or_skip()
    import numpy as np

    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    keras = pytest.importorskip("keras", reason=WHY)
    from inlay.training import KerasCallback

    model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((32, 4), np.float32), np.zeros((32, 1), np.float32)
    observer = inlay.Observer()
    recorder = Recorder(observer)
    saves = keras.callbacks.ModelCheckpoint(str(tmp_path / "model.keras"))
    model.fit(
        x,
        y,
        batch_size=8,
        epochs=2,
        validation_data=(x, y),
        verbose=0,
        callbacks=[KerasCallback(recorder), saves],
    )
    rows, batch = rows_of(observer)
    check_split(rows)
    assert [(row["step"], row["epoch"]) for row in rows] == [(n + 1, n // 4) for n in range(8)]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert names(batch).count("training.checkpoint") == 2
    assert names(batch).count("training.eval") == 2
    assert "compute_loss" not in vars(model)
    rates = [
        r["value"] for r in batch.points.to_pylist() if r["metric"] == "training.learning_rate"
    ]
    assert rates == [pytest.approx(0.01)]
