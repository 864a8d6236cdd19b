"""Entropy, largest probabilities, log-probability and rank of a batch of logits on the CPU."""

from __future__ import annotations

from typing import Any

from harness import Bench, Run

bench = Bench("logits")
ROWS, COLUMNS = 64, 128_256


def _batch(run: Run) -> tuple[Any, Any]:
    import numpy as np

    rows = run.size(ROWS, quick=4)
    rng = np.random.default_rng(11)
    logits = rng.normal(0.0, 2.5, size=(rows, COLUMNS)).astype(np.float32)
    return logits, rng.integers(0, COLUMNS, size=rows)


def _milliseconds(seconds: list[float]) -> list[float]:
    return [1e3 * s for s in seconds]


@bench.case("inlay", needs=["numpy"])
def _inlay(run: Run) -> None:
    import numpy as np

    from inlay.model import Logits

    logits, chosen = _batch(run)
    for threads in (1, 2):
        state = Logits(threads=threads)
        call = lambda state=state: state.update(logits, chosen)  # noqa: E731
        run.report(f"threads_{threads}", _milliseconds(run.time_each(call, inner=5)))
        run.check(state.rows % len(logits), 0, "rows")
    one, half = Logits(), logits.astype(np.float16)
    run.report("half", _milliseconds(run.time_each(lambda: one.update(half, chosen), inner=5)))
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    p = np.exp(wide)
    p /= p.sum(axis=1, keepdims=True)
    entropy = -(p * np.log(p)).sum(axis=1)
    each = Logits(per_row=True).update(logits, chosen)
    assert each is not None
    run.report("error", [float(np.abs(each.entropy - entropy).max())])


@bench.case("torch", needs=["torch", "numpy"])
def _torch(run: Run) -> None:
    import torch

    logits, chosen = (torch.from_numpy(array) for array in _batch(run))

    def softmax() -> None:
        log_p = torch.log_softmax(logits, -1)
        p = log_p.exp()
        (-(p * log_p).sum(-1)).mean()
        top = p.topk(2, -1).values
        (top[:, 0] - top[:, 1]).mean()
        token = log_p.gather(1, chosen[:, None])
        token.mean()
        (log_p > token).sum(-1)

    def smaller() -> None:
        torch.logsumexp(logits, -1)
        torch.topk(logits, 2, -1)

    for threads in (1, 2):
        torch.set_num_threads(threads)
        run.report(f"threads_{threads}", _milliseconds(run.time_each(softmax)))
    torch.set_num_threads(1)
    run.report("smaller", _milliseconds(run.time_each(smaller)))


@bench.case("numpy", needs=["numpy"])
def _numpy(run: Run) -> None:
    import numpy as np

    logits, chosen = _batch(run)
    rows = np.arange(len(logits))

    def softmax() -> None:
        top = logits.max(axis=1, keepdims=True)
        shifted = logits - top
        terms = np.exp(shifted)
        total = terms.sum(axis=1)
        np.log(total) - (terms * shifted).sum(axis=1) / total
        np.partition(logits, -2, axis=1)[:, -2:]
        token = logits[rows, chosen]
        token - top[:, 0] - np.log(total)
        np.count_nonzero(logits > token[:, None], axis=1)

    run.report("threads_1", _milliseconds(run.time_each(softmax)))


@bench.case("one read", needs=["numpy"], role="floor")
def _read(run: Run) -> None:
    logits, _ = _batch(run)
    run.report("threads_1", _milliseconds(run.time_each(logits.max, inner=5)))


if __name__ == "__main__":
    bench.main()
