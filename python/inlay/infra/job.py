"""The job that a process belongs to: what it waited for, what it holds, what its work costs."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inlay._arguments import at_least, moment_us, number_between, observer_given
from inlay._exceptions import InvalidArgumentError
from inlay._process_start import process_start
from inlay.infra._kernel_reader import checked_root
from inlay.infra._status_rows import add_status
from inlay.infra.job_facts import LATEST_S, JobFacts, job_facts
from inlay.infra.job_gpus import GPU_VARIABLES

if TYPE_CHECKING:
    import datetime
    import os

    from inlay.observer import Observer

__all__ = ["Job"]

# Of these the first that a GPU has tells whether it works.
_ACTIVITY = ("gpu.sm.activity", "gpu.utilization")
_READ = (*_ACTIVITY, "gpu.energy", "training.tokens", "training.samples")
# What a row is made of: if one of them was ignored its status is an error.
_SOURCES = {
    "job.queue_wait": ("submitted", "INLAY_JOB_SUBMITTED", "SLURM_JOB_START_TIME"),
    "job.time_left": ("SLURM_JOB_END_TIME",),
    "job.gpu_time": GPU_VARIABLES,
}
# Moments in whole seconds, of clocks that agree, may be in the wrong order by this much.
_ROUNDING_S = 1.0


class Job:
    """Facts of the scheduler, and what the job's resources are spent on: a probe.

    Give it to `Observer.probe` after the probes of GPUs and the recorder of the training: it looks
    at what they have put into the window.

    Parameters
    ----------
    gpus : int, optional
        How many GPUs this process holds; what the environment says unless given, see
        `inlay.infra.job_gpus.gpus_of_process`.
    submitted : float or datetime.datetime, optional
        When the job was handed in, in Unix seconds; ``INLAY_JOB_SUBMITTED`` unless given. No
        scheduler says it in the environment.
    started : float or datetime.datetime, optional
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
        If a number is out of range, a moment lies in the future, or the root is no directory.
    TypeError
        If an argument is of another kind.

    Notes
    -----
    Rows of layer ``infra``: ``job.queue_wait``, ``job.time_to_first_step`` and ``job.time_left``
    (s), ``job.gpu_time`` and ``job.idle_gpu_time`` (GPU seconds held, and held without work, since
    the observer's first window began), ``job.energy_per_token`` and ``job.energy_per_sample`` (J).
    Of what is not known at the first window a row says ``absent`` once; ``error`` if a variable
    that would tell it says nothing that can be used. Of each such variable an event
    ``job.fact_ignored`` tells. Nothing asks the scheduler: ``sacct`` and its kin cost it more than
    they are worth here.

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
        submitted: float | datetime.datetime | None = None,
        started: float | datetime.datetime | None = None,
        recorder: Any = None,
        idle_below: float = 0.01,
        environ: Mapping[str, str] | None = None,
        root: str | os.PathLike[str] = "/",
    ) -> None:
        if gpus is not None:
            gpus = at_least("gpus", gpus, 0)
        self._idle_below = number_between("idle_below", idle_below, 0.0, 1.0)
        if recorder is not None and not hasattr(recorder, "first_step_time"):
            message = f"recorder must have first_step_time: {recorder!r}"
            raise TypeError(message)
        given: Any = environ
        if given is not None and not isinstance(given, Mapping):
            message = f"environ must be a mapping: {environ!r}"
            raise TypeError(message)
        root = checked_root(root)
        import pyarrow as pa

        pa.array([0])  # what pyarrow loads the first time, pandas too, would be too slow for a cut
        facts = job_facts(environ, root=root)
        self._process = process_start(root)
        began = facts.started if started is None else _past("started", started)
        began = self._process if began is None else began
        ignored = dict(facts.ignored)
        handed_in, source = facts.submitted, "INLAY_JOB_SUBMITTED"
        if submitted is not None:
            handed_in, source = _past("submitted", submitted), "submitted"
            ignored.pop("INLAY_JOB_SUBMITTED", None)
        if handed_in is not None and began is not None and handed_in > began + _ROUNDING_S:
            ignored[source] = f"{source} is later than the start, {began!r}: {handed_in!r}"
            handed_in = None
        if gpus is not None:
            ignored = {name: line for name, line in ignored.items() if name not in GPU_VARIABLES}
        self.facts: JobFacts = facts._replace(
            gpus=facts.gpus if gpus is None else gpus,
            submitted=handed_in,
            started=began,
            ignored=ignored,
        )
        self._recorder = recorder
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
    def first_step(self, moment: float | datetime.datetime | None = None) -> None:
        """Say when the first step of the training began, in Unix seconds: now unless given.

        Raises
        ------
        InvalidArgumentError
            If it lies in the future, or before the start of the process.
        """
        found = time.time() if moment is None else _past("moment", moment)
        if self._process is not None and found < self._process - _ROUNDING_S:
            message = f"moment must not be before the process began, {self._process!r}: {moment!r}"
            raise InvalidArgumentError(message)
        if self._first_step is None:
            self._first_step = found

    def idle(self, seconds: float) -> None:
        """Add GPU seconds without work that something else measured.

        Raises
        ------
        InvalidArgumentError
            If they are below 0 or not finite.
        """
        self._given_idle += number_between("seconds", seconds, 0.0)

    def energy(self, joules: float) -> None:
        """Add energy of the GPUs that something else measured.

        Raises
        ------
        InvalidArgumentError
            If it is below 0 or not finite.
        """
        self._energy += number_between("joules", joules, 0.0)

    def work(self, *, tokens: float = 0, samples: float = 0) -> None:
        """Add tokens and samples that something else counted.

        Raises
        ------
        InvalidArgumentError
            If a number is below 0 or not finite.
        """
        done = (number_between("tokens", tokens, 0.0), number_between("samples", samples, 0.0))
        self._work["token"] += done[0]
        self._work["sample"] += done[1]

    # ---- windows -----------------------------------------------------------------------------
    def observe(self, observer: Observer, /) -> None:
        """Look at the open window, and add what follows from it."""
        observer_given(observer)
        now = observer.core.now_us() / 1e6
        if not self._told:
            self._told = True
            observer.extend_resource(self.resource())
            for variable, line in self.facts.ignored.items():
                observer.event(
                    "job.fact_ignored",
                    severity="warning",
                    layer="infra",
                    body=line,
                    variable=variable,
                )
        self._waits(observer, now)
        open_window = observer.peek()
        rows = [
            row
            for row in open_window.points.to_pylist()
            if row["metric"] in _READ and row["status"] == "ok"
        ]
        since = open_window.start_time_us / 1e6 if self._since is None else self._since
        self._gpu_time(observer, rows, max(0.0, now - since))
        self._costs(observer, rows)
        self._since = now

    def _gauge(self, observer: Observer, name: str, unit: str, value: float | None) -> None:
        if value is not None:
            observer.gauge(name, unit=unit, layer="infra").set(value)
        else:
            self._tell_unknown(observer, name, "gauge", unit)

    def _tell_unknown(self, observer: Observer, name: str, kind: str, unit: str) -> None:
        """Say once that there is no value."""
        if name not in self._absent:
            self._absent.add(name)
            wrong = any(one in self.facts.ignored for one in _SOURCES.get(name, ()))
            add_status(observer, name, "error" if wrong else "absent", kind=kind, unit=unit)

    def _waits(self, observer: Observer, now: float) -> None:
        facts = self.facts
        waited = None
        if facts.submitted is not None and facts.started is not None:
            waited = max(0.0, facts.started - facts.submitted)
        self._gauge(observer, "job.queue_wait", "s", waited)
        left = None if facts.ends is None else max(0.0, facts.ends - now)
        self._gauge(observer, "job.time_left", "s", left)
        first = self._first_step or getattr(self._recorder, "first_step_time", None)
        begin = facts.started if self._process is None else self._process
        taken = None if first is None or begin is None else max(0.0, first - begin)
        self._gauge(observer, "job.time_to_first_step", "s", taken)

    def _gpu_time(self, observer: Observer, rows: list[dict[str, Any]], seconds: float) -> None:
        if self.facts.gpus is not None:
            held = self.facts.gpus * seconds
            observer.counter("job.gpu_time", unit="s", layer="infra").add(held)
        else:
            self._tell_unknown(observer, "job.gpu_time", "counter", "s")
        idle, self._given_idle = self._given_idle, 0.0
        known = idle > 0.0
        for found in _by_gpu(rows).values():
            row = next((found[name] for name in _ACTIVITY if name in found), None)
            if row is None:
                continue
            known = True
            activity = row["mean"] if row["mean"] is not None else row["value"]
            if activity is not None and activity < self._idle_below:
                idle += seconds
        if known:
            observer.counter("job.idle_gpu_time", unit="s", layer="infra").add(idle)
        else:
            self._tell_unknown(observer, "job.idle_gpu_time", "counter", "s")

    def _costs(self, observer: Observer, rows: list[dict[str, Any]]) -> None:
        spent, self._energy = self._energy, 0.0
        spent += sum(row["value"] or 0.0 for row in rows if row["metric"] == "gpu.energy")
        for what, metric in (("token", "training.tokens"), ("sample", "training.samples")):
            done, self._work[what] = self._work[what], 0.0
            done += sum(row["value"] or 0.0 for row in rows if row["metric"] == metric)
            # What was spent while nothing was finished belongs to what is finished next.
            self._spent[what] += spent
            known = done > 0.0 and self._spent[what] > 0.0
            each = self._spent[what] / done if known else None
            self._gauge(observer, f"job.energy_per_{what}", "J", each)
            if known:
                self._spent[what] = 0.0

    def __repr__(self) -> str:
        """Return a line with the job's id."""
        facts = self.facts
        job = "no job" if facts.scheduler is None else f"{facts.scheduler} {facts.job_id}"
        gpus = "" if facts.gpus is None else f", {facts.gpus} GPUs"
        return f"<inlay.infra.Job: {job}{gpus}>"


def _past(name: str, moment: float | datetime.datetime) -> float:
    """Return Unix seconds that are not in the future."""
    found = moment_us(name, moment) / 1e6
    if not 0.0 <= found <= time.time() + LATEST_S:
        message = f"{name} must be Unix seconds that are not in the future: {moment!r}"
        raise InvalidArgumentError(message)
    return found


def _by_gpu(rows: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        if row["metric"] in _ACTIVITY:
            gpu = json.loads(row["attrs"]).get("gpu", "")
            found.setdefault(gpu, {})[row["metric"]] = row
    return found
