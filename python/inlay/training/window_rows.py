"""What a window of a training run came to, as the observer's rows."""

from __future__ import annotations

import math
import os
import sys
import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay.training.ledger import CAUSES
from inlay.training.readback import Pending
from inlay.training.settling import settle
from inlay.training.step_table import PHASES, StepRow, step_schema, step_table

if TYPE_CHECKING:
    from inlay.observer import Observer
    from inlay.training.recorder import Recorder

__all__ = ["WindowRows", "memory_in_use"]

# What a window waits for scalars that are on their way, in seconds: most arrive within one step.
_WAIT_S = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE")


class WindowRows:
    """The instruments of a recorder, and what fills them before each cut.

    Parameters
    ----------
    recorder : Recorder
    attrs : str
        Its attributes as canonical JSON.
    flops_per_token, peak_flops : float or None
        For the model FLOPs utilization.
    """

    def __init__(
        self,
        recorder: Recorder,
        attrs: str,
        flops_per_token: float | None,
        peak_flops: float | None,
    ) -> None:
        self._recorder = recorder
        self._attrs = attrs
        self._flops = flops_per_token
        self._peak = peak_flops
        self._schema = step_schema()
        # What pyarrow loads the first time, pandas among it, would be too slow for a cut.
        step_table(
            [], observed=0, origin=0, rank=None, resource="{}", attrs="{}", schema=self._schema
        )
        self._settled = dict(recorder._ledger.before)  # earlier processes have told of it
        observer, given = recorder._observer, recorder._attributes
        names = tuple(given)

        def histogram(name: str) -> _core.BoundHistogram:
            made = observer.histogram(name, unit="s", attributes=names, layer="training")
            return made.bind(**given)

        def gauge(name: str, unit: str = "") -> _core.BoundGauge:
            made = observer.gauge(name, unit=unit, attributes=names, layer="training")
            return made.bind(**given)

        def counter(name: str, unit: str) -> _core.BoundCounter:
            made = observer.counter(name, unit=unit, attributes=names, layer="training")
            return made.bind(**given)

        self._step_time = histogram("training.step_time")
        self.checkpoints = histogram("training.checkpoint.duration")
        self.restores = histogram("training.restore.duration")
        phases = observer.histogram(
            "training.phase", unit="s", attributes=(*names, "phase"), layer="training"
        )
        self._phases = [phases.bind(**given, phase=phase) for phase in PHASES]
        self._loss = gauge("training.loss")
        self._norm = gauge("training.gradient_norm")
        self._rate = gauge("training.learning_rate")
        self._tokens = counter("training.tokens", "{token}")
        self._samples = counter("training.samples", "{sample}")
        self._token_rate = gauge("training.token_rate", "{token}/s")
        self._sample_rate = gauge("training.sample_rate", "{sample}/s")
        self._nonfinite = counter("training.nonfinite", "{step}")
        self._replayed = counter("training.replayed", "{step}")
        self._mfu = gauge("training.mfu", "1")
        self._goodput = gauge("training.goodput", "1")
        badput = observer.counter(
            "training.badput", unit="s", attributes=(*names, "cause"), layer="training"
        )
        self._badput = {cause: badput.bind(**given, cause=cause) for cause in CAUSES}
        self._memory = observer.gauge(
            "training.memory", unit="By", attributes=(*names, "device", "kind"), layer="training"
        )

    def observe(self, observer: Observer) -> None:
        """Fill the window with what has arrived."""
        recorder = self._recorder
        with recorder._settling:
            self._await()
            rows = [recorder._closed.popleft() for _ in range(len(recorder._closed))]
            now = recorder._core_now()
            goodput = recorder._ledger.goodput(now / 1e6)
            recorder._keep()
        figures = self._figures(rows)
        if goodput.ratio is not None and recorder.steps:
            self._goodput.set(goodput.ratio)
            figures["goodput"] = goodput.ratio
        for cause, seconds in goodput.badput.items():
            lost = seconds - self._settled[cause]
            if lost > 0.0:  # an estimate that became smaller waits until it is right again
                self._badput[cause].add(lost)
                self._settled[cause] = seconds
        for device, kind, used in memory_in_use():
            self._memory.set(used, device=device, kind=kind, **recorder._attributes)
        table = step_table(
            rows,
            observed=now,
            origin=observer.core.origin,
            rank=recorder.rank,
            resource=_core.canonical_json(dict(observer.resource)),
            attrs=self._attrs,
            schema=self._schema,
        )
        observer.core.add_table("steps", _core.Table(table))
        recorder._trackers.look()  # for a run that the program began since
        if rows:
            recorder._trackers.log(rows[-1].step, figures)

    def _await(self) -> None:
        """Settle what has arrived; what is about to arrive gets a moment for it."""
        deadline = time.monotonic() + _WAIT_S
        recorder = self._recorder
        settle(recorder)
        while recorder._open and time.monotonic() < deadline:
            time.sleep(0.001)
            settle(recorder)

    def _figures(self, rows: list[StepRow]) -> dict[str, float]:
        figures: dict[str, float] = {}
        given = self._recorder._learning_rate
        rate: float | None
        if isinstance(given, Pending):
            rate = given.value if self._recorder._readback.ready(given) else None
        else:
            rate = given
        if rate is not None and math.isfinite(rate):
            self._rate.set(rate)
            figures["learning_rate"] = rate
        if not rows:
            return figures
        durations = array("d", (row.duration for row in rows))
        self._step_time.record_many(durations)
        spent = sum(durations)
        figures["step_time"] = spent / len(rows)
        for index, phase in enumerate(self._phases):
            seconds = array("d", (row.spent[index] / 1e9 for row in rows))
            if any(seconds):
                phase.record_many(seconds)
                figures[f"{PHASES[index]}_time"] = sum(seconds) / len(rows)
        for row in rows:
            if row.loss is not None:
                self._loss.set(row.loss)
                figures["loss"] = row.loss
            if row.gradient_norm is not None:
                self._norm.set(row.gradient_norm)
                figures["gradient_norm"] = row.gradient_norm
        nonfinite = sum(row.nonfinite for row in rows)
        replayed = sum(row.replayed for row in rows)
        if nonfinite:
            self._nonfinite.add(nonfinite)
        if replayed:
            self._replayed.add(replayed)
        self._rates(rows, figures)
        return figures

    def _rates(self, rows: list[StepRow], figures: dict[str, float]) -> None:
        passed = sum(row.from_the_last for row in rows)
        tokens = [row.tokens for row in rows if row.tokens is not None]
        samples = [row.samples for row in rows if row.samples is not None]
        for counts, counter, gauge, name in (
            (tokens, self._tokens, self._token_rate, "token_rate"),
            (samples, self._samples, self._sample_rate, "sample_rate"),
        ):
            if counts:
                counter.add(sum(counts))
                # Of a part of the steps no rate of all of them is known.
                if passed > 0.0 and len(counts) == len(rows):
                    figures[name] = sum(counts) / passed
                    gauge.set(figures[name])
        if self._flops is not None and self._peak is not None and "token_rate" in figures:
            figures["mfu"] = figures["token_rate"] * self._flops / self._peak
            self._mfu.set(figures["mfu"])
            if figures["mfu"] > 1.0 and not self._told_mfu:
                self._told_mfu = True
                self._recorder._tell(
                    "training.mfu_above_one",
                    rows[0].start,
                    rows[-1].time,
                    severity="warning",
                    body=f"an MFU of {figures['mfu']:.4g} cannot be: tokens, flops_per_token or "
                    "peak_flops do not fit",
                )

    _told_mfu = False


def memory_in_use() -> list[tuple[str, str, float]]:
    """Return device, kind and bytes of the memory that this process has; nothing is started."""
    found: list[tuple[str, str, float]] = []
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        found.append(("host", "resident", float(pages * _PAGE)))
    except (OSError, ValueError, IndexError):
        pass
    torch: Any = sys.modules.get("torch")
    try:
        if torch is not None and torch.cuda.is_initialized():
            for device in range(torch.cuda.device_count()):
                stats = torch.cuda.memory_stats(device)
                if stats.get("reserved_bytes.all.peak"):
                    kinds = (
                        ("allocated", "allocated_bytes.all.current"),
                        ("allocated_peak", "allocated_bytes.all.peak"),
                        ("reserved", "reserved_bytes.all.current"),
                    )
                    found += [(f"cuda:{device}", k, float(stats[name])) for k, name in kinds]
    except Exception:  # a torch that is half loaded, a device that is lost
        pass
    return found
