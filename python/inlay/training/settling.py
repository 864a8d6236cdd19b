"""Steps whose scalars have arrived, taken in their order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from inlay.training.readback import Pending
from inlay.training.step_table import BETWEEN, PHASES, StepRow

if TYPE_CHECKING:
    from inlay.training.recorder import Recorder

__all__ = ["settle"]

# How long a scalar may be on its way before its step goes without it, in microseconds.
_PATIENCE_US = 5_000_000
_WAIT = PHASES.index("data_wait")
_CHECKPOINT = PHASES.index("checkpoint")


def settle(recorder: Recorder, *, but: Any = None, patience_us: int = _PATIENCE_US) -> None:
    """Move what has arrived to the closed steps; the caller holds the lock.

    Parameters
    ----------
    recorder : Recorder
    but : list, optional
        That stays, with what follows it: a loss may yet come for a step that has just ended.
    patience_us : int
        The age in microseconds at which a step goes without what has not arrived.
    """
    waiting = recorder._open
    ready = recorder._readback.ready
    late = recorder._core_now() - patience_us
    while waiting and (row := waiting[0]) is not but:
        if type(row) is tuple:
            waiting.popleft()
            recorder._ledger.interval(*row)
            continue
        loss, norm = row[6], row[7]
        if row[0] > late and not (
            (type(loss) is not Pending or loss.done or ready(loss))
            and (type(norm) is not Pending or norm.done or ready(norm))
        ):
            return
        waiting.popleft()
        _close(recorder, row, _arrived(recorder, loss), _arrived(recorder, norm))


def _arrived(recorder: Recorder, scalar: Any) -> float | None:
    if type(scalar) is Pending:
        return scalar.value if scalar.done or recorder._readback.ready(scalar) else None
    return None if scalar is None else float(scalar)


def _close(recorder: Recorder, row: list[Any], loss: float | None, norm: float | None) -> None:
    end, number, epoch, spent, tokens, samples, _, _, replayed = row
    nonfinite = False
    if loss is not None and not math.isfinite(loss):
        nonfinite, what, loss = True, f"loss is {loss}", None
    if norm is not None and not math.isfinite(norm):
        nonfinite, what, norm = True, f"gradient norm is {norm}", None
    own = sum(spent[:BETWEEN])
    closed = StepRow(
        end, number, epoch, spent, own, tokens, samples, loss, norm, nonfinite, replayed
    )
    recorder._closed.append(closed)
    recorder._ledger.step(
        end / 1e6,
        closed.duration,
        data_wait=spent[_WAIT] / 1e9,
        checkpoint=spent[_CHECKPOINT] / 1e9,
        replayed=replayed,
    )
    if nonfinite and not recorder._nonfinite_run:
        told = {"severity": "error", "step": number, "body": f"{what} in step {number}"}
        recorder._tell("training.nonfinite", closed.start, end, **told)
    if nonfinite and recorder._on_nonfinite is not None:
        with recorder._failures.guard("on_nonfinite"):
            recorder._on_nonfinite(number)
    recorder._nonfinite_run = nonfinite
