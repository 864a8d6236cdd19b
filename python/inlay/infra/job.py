"""The job that a process belongs to: what it waited for, what it holds, what its work costs."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay._process_start import process_start
from inlay.infra.job_facts import JobFacts, job_facts

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from inlay.observer import Observer

__all__ = ["Job"]

# Of these the first that a GPU has tells whether it works.
_ACTIVITY = ("gpu.sm.activity", "gpu.utilization")
_READ = (*_ACTIVITY, "gpu.energy", "training.tokens", "training.samples")


class Job:
    """Facts of the scheduler, and what the job's resources are spent on: a probe.

    Give it to `Observer.probe` after the probes of GPUs and the recorder of the training: it looks
    at what they have put into the window.

    Parameters
    ----------
    gpus : int, optional
        How many GPUs this process holds; what the environment says unless given.
    submitted : float, optional
        When the job was handed in, in Unix seconds; ``INLAY_JOB_SUBMITTED`` unless given. No
        scheduler says it in the environment.
    started : float, optional
        When it began; what Slurm says, else the start of this process.
    recorder : object, optional
        With ``first_step_time``, as `inlay.training.Recorder` has; `first_step` may be called
        instead.
    idle_below : float, default 0.01
        A GPU of less activity is idle.
    environ : mapping of str to str, optional
        ``os.environ`` unless given.
    root : str or os.PathLike, default "/"
        Where ``proc`` lies.

    Raises
    ------
    InvalidArgumentError
        If a number is out of range.

    Notes
    -----
    Rows of layer ``infra``: ``job.queue_wait``, ``job.time_to_first_step`` and ``job.time_left``
    (s), ``job.gpu_time`` and ``job.idle_gpu_time`` (GPU seconds held, and held without work),
    ``job.energy_per_token`` and ``job.energy_per_sample`` (J). Of what cannot be known a row says
    ``absent`` once. Nothing asks the scheduler: ``sacct`` and its kin cost it more than they are
    worth here.

    Examples
    --------
    >>> import inlay
    >>> job = inlay.infra.Job(environ={"SLURM_JOB_ID": "4711", "SLURM_GPUS_ON_NODE": "8"})
    >>> job.facts.scheduler, job.facts.gpus, job.resource()
    ('slurm', 8, {'job.scheduler': 'slurm', 'slurm.job.id': '4711'})
    """

    __module__ = "inlay.infra"

    def __init__(
        self,
        *,
        gpus: int | None = None,
        submitted: float | None = None,
        started: float | None = None,
        recorder: Any = None,
        idle_below: float = 0.01,
        environ: Mapping[str, str] | None = None,
        root: str | os.PathLike[str] = "/",
    ) -> None:
        for name, number in (("submitted", submitted), ("started", started), ("gpus", gpus)):
            if number is not None and not (math.isfinite(number) and number >= 0):
                message = f"{name} must be 0 or more: {number!r}"
                raise InvalidArgumentError(message)
        if not 0.0 <= idle_below <= 1.0:
            message = f"idle_below must be between 0 and 1: {idle_below!r}"
            raise InvalidArgumentError(message)
        import pyarrow as pa

        pa.array([0])  # what pyarrow loads the first time, pandas too, would be too slow for a cut
        facts = job_facts(environ, root=root)
        self._process = process_start(root)
        known = facts.started if started is None else started
        self.facts: JobFacts = facts._replace(
            gpus=facts.gpus if gpus is None else int(gpus),
            submitted=facts.submitted if submitted is None else submitted,
            started=self._process if known is None else known,
        )
        self._recorder = recorder
        self._idle_below = idle_below
        self._first_step: float | None = None
        self._energy = 0.0
        self._work = {"token": 0.0, "sample": 0.0}
        self._spent = {"token": 0.0, "sample": 0.0}
        self._given_idle = 0.0
        self._since: float | None = None
        self._told = False
        self._absent: set[str] = set()

    @property
    def started(self) -> float | None:
        """When the job began, in Unix seconds, for ``Recorder(started=…)``."""
        return self.facts.started

    def resource(self) -> dict[str, str]:
        """Return what belongs into an observer's ``resource=``."""
        facts = self.facts
        found = dict(facts.attributes)
        if facts.scheduler is not None:
            found["job.scheduler"] = facts.scheduler
        return dict(sorted(found.items()))

    # ---- what is given -----------------------------------------------------------------------
    def first_step(self, moment: float | None = None) -> None:
        """Say when the first step of the training began, in Unix seconds: now unless given."""
        if self._first_step is None:
            self._first_step = time.time() if moment is None else float(moment)

    def idle(self, seconds: float) -> None:
        """Add GPU seconds without work that something else measured."""
        self._given_idle += _positive("seconds", seconds)

    def energy(self, joules: float) -> None:
        """Add energy of the GPUs that something else measured."""
        self._energy += _positive("joules", joules)

    def work(self, *, tokens: float = 0, samples: float = 0) -> None:
        """Add tokens and samples that something else counted."""
        self._work["token"] += _positive("tokens", tokens)
        self._work["sample"] += _positive("samples", samples)

    # ---- windows -----------------------------------------------------------------------------
    def observe(self, observer: Observer, /) -> None:
        """Look at the open window, and add what follows from it."""
        now = observer.core.now_us() / 1e6
        if not self._told:
            self._told = True
            observer.extend_resource(self.resource())
        self._waits(observer, now)
        rows = [
            row
            for row in observer.peek().points.to_pylist()
            if row["metric"] in _READ and row["status"] == "ok"
        ]
        self._gpu_time(observer, rows, now)
        self._costs(observer, rows)
        self._since = now

    def _gauge(self, observer: Observer, name: str, unit: str, value: float | None) -> None:
        if value is not None:
            observer.gauge(name, unit=unit, layer="infra").set(value)
        elif name not in self._absent:
            self._absent.add(name)
            _tell_absent(observer, name, unit)

    def _waits(self, observer: Observer, now: float) -> None:
        facts = self.facts
        waited = None
        if facts.submitted is not None and facts.started is not None:
            waited = max(0.0, facts.started - facts.submitted)
        self._gauge(observer, "job.queue_wait", "s", waited)
        if facts.ends is not None:
            self._gauge(observer, "job.time_left", "s", max(0.0, facts.ends - now))
        first = self._first_step or getattr(self._recorder, "first_step_time", None)
        begin = facts.started if self._process is None else self._process
        if first is not None and begin is not None:
            self._gauge(observer, "job.time_to_first_step", "s", max(0.0, first - begin))

    def _gpu_time(self, observer: Observer, rows: list[dict[str, Any]], now: float) -> None:
        if self.facts.gpus is not None and self._since is not None:
            held = self.facts.gpus * max(0.0, now - self._since)
            observer.counter("job.gpu_time", unit="s", layer="infra").add(held)
        idle, self._given_idle = self._given_idle, 0.0
        known = idle > 0.0
        for found in _by_gpu(rows).values():
            row = next((found[name] for name in _ACTIVITY if name in found), None)
            if row is None:
                continue
            known = True
            activity = row["mean"] if row["mean"] is not None else row["value"]
            if activity is not None and activity < self._idle_below:
                idle += (row["time"] - row["start_time"]).total_seconds()
        if known:
            observer.counter("job.idle_gpu_time", unit="s", layer="infra").add(idle)
        elif "job.idle_gpu_time" not in self._absent:
            self._absent.add("job.idle_gpu_time")
            _tell_absent(observer, "job.idle_gpu_time", "s")

    def _costs(self, observer: Observer, rows: list[dict[str, Any]]) -> None:
        spent, self._energy = self._energy, 0.0
        spent += sum(row["value"] or 0.0 for row in rows if row["metric"] == "gpu.energy")
        for what, metric in (("token", "training.tokens"), ("sample", "training.samples")):
            done, self._work[what] = self._work[what], 0.0
            done += sum(row["value"] or 0.0 for row in rows if row["metric"] == metric)
            # What was spent while nothing was finished belongs to what is finished next.
            self._spent[what] += spent
            if done > 0.0 and self._spent[what] > 0.0:
                name = f"job.energy_per_{what}"
                self._gauge(observer, name, "J", self._spent[what] / done)
                self._spent[what] = 0.0

    def __repr__(self) -> str:
        """Return a line with the job's id."""
        facts = self.facts
        job = "no job" if facts.scheduler is None else f"{facts.scheduler} {facts.job_id}"
        gpus = "" if facts.gpus is None else f", {facts.gpus} GPUs"
        return f"<inlay.infra.Job: {job}{gpus}>"


def _positive(name: str, number: float) -> float:
    if not (math.isfinite(number) and number >= 0):
        message = f"{name} must be 0 or more: {number!r}"
        raise InvalidArgumentError(message)
    return float(number)


def _by_gpu(rows: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        if row["metric"] in _ACTIVITY:
            gpu = json.loads(row["attrs"]).get("gpu", "")
            found.setdefault(gpu, {})[row["metric"]] = row
    return found


def _tell_absent(observer: Observer, metric: str, unit: str) -> None:
    """Put a row into the window that says that there is no value."""
    import pyarrow as pa

    from inlay.table import arrow_schema

    core = observer.core
    resource = dict(observer.resource)
    now = core.now_us()
    row = {
        "time": now,
        "start_time": now,
        "observed_time": now,
        "revision": 0,
        "form": "delta",
        "origin": core.origin,
        "window_seq": core.window_seq,
        "layer": "infra",
        "metric": metric,
        "kind": "gauge",
        "unit": unit,
        "series_id": _core.series_id(metric, "{}", resource["service.name"]),
        "attrs": "{}",
        "resource": _core.canonical_json(resource),
        "status": "absent",
    }
    table = pa.Table.from_pylist([row], schema=arrow_schema("points"))
    core.add_table("points", _core.Table(table))
