"""The rank that the others wait for, named by who waits least inside the collectives."""

from __future__ import annotations

import statistics
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from inlay._arguments import (
    at_least,
    callable_or_none,
    flag,
    number_between,
    observer_given,
    one_or_more,
    with_methods,
)
from inlay._exceptions import InvalidArgumentError
from inlay._threads import new_lock
from inlay._torch_distributed import group_ranks
from inlay.integrations._host_failures import HostFailures
from inlay.training.device_waits import DeviceWaits
from inlay.training.rank_exchange import RanksLostError, Rounds, TorchExchange
from inlay.training.step_table import PHASES
from inlay.training.straggler_evidence import evidence_of_window
from inlay.training.straggler_rows import write_event, write_verdict
from inlay.training.straggler_rule import Straggler, checked_rule, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from inlay.observer import Observer
    from inlay.training.rank_exchange import Exchange
    from inlay.training.recorder import Recorder
    from inlay.training.straggler_rule import Lateness

__all__ = ["Straggler", "Stragglers"]

# Steps that are looked back on, shortest first: a rank that is late in all of the last six can be
# certain with four ranks, one that is late by little needs more of them.
_HORIZONS = (6, 10, 20, 40)
_LONGEST_TIMEOUT = 1e9
# Steps that a device may be behind.
_MOST_PASSING = 1000
_COMMUNICATION = PHASES.index("communication")
_SECTIONS = ("busy", "data_wait", "forward", "backward", "optimizer")


class _Wait:
    """Measures a collective. Of one thread."""

    __slots__ = ("_begin", "_event", "_stragglers")

    def __init__(self, stragglers: Stragglers) -> None:
        self._stragglers = stragglers
        self._begin = 0
        self._event: Any = None

    def __enter__(self) -> None:
        """Begin."""
        device = self._stragglers._device
        if device is not None:
            self._event = device.begin()
        self._begin = time.perf_counter_ns()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""
        device = self._stragglers._device
        if device is None:
            self._stragglers._waited += (time.perf_counter_ns() - self._begin) / 1e9
        else:
            device.end(self._event)


class Stragglers:
    """Names the rank that slows the others, from one small all-gather every few steps.

    A collective makes the steps of all ranks equally long; what differs is how long each waits
    inside it. The rank that comes last waits least. Each rank hands the waits and times of its last
    steps to all others, on a group of its own, and goes on: what has come in is looked at in a
    later step, so that nothing is ever waited for. All ranks come to the same verdict.

    Parameters
    ----------
    observer : Observer
        Where verdicts, scores and events go.
    group : torch.distributed.ProcessGroup, optional
        The ranks; all unless given. Every one makes this object at the same time, after
        ``torch.distributed`` is initialised.
    every : int, default 10
        Steps between two exchanges.
    recorder : Recorder, optional
        Whose steps are taken as they end, its phase ``communication`` as the wait, and what `wait`
        and `ddp_hook` measured. Without it, `step` is called.
    device : bool, default False
        Whether the collectives run on CUDA, as NCCL's do: then `wait` and `ddp_hook` measure them
        there, by events that are looked at when they have passed, and the recorder's phase is not
        looked at.
    share, seconds : float
        A rank is named if it is late by more than this share of the step's time and more than these
        seconds, in the median of the steps …
    persistence : float, default 0.8
        … by half as much in this share of them …
    p_value : float, default 1e-3
        … and would wait least so often by chance with a probability below this.
    sections : str or iterable of str
        Names of what `section` will be told of.
    timeout : float, default 30
        Seconds after which a rank that does not answer is given up: then nothing is judged any
        more, an event ``training.ranks_lost`` says so, and the training goes on.
    evidence : callable, optional
        From the start and the end of the slow steps, in Unix seconds, to events of that time that
        may explain them; those of this process's open window unless given. The named rank asks.
    on_straggler : callable, optional
        Called on every rank with each `Straggler` when it is named.
    exchange : Exchange, optional
        Another way to gather.

    Raises
    ------
    InvalidArgumentError
        If a number is out of range, ``torch.distributed`` is not initialised, or the group is none
        of this rank.
    TypeError
        If an argument is of another kind.

    Notes
    -----
    Where no rank waited in any step the verdict is ``undefined`` and its reason ``no_wait``:
    nothing measures the collectives. Those of DistributedDataParallel are measured by `ddp_hook`.

    A verdict ``yes`` of the method ``least_wait`` on ``training.wait`` of the rank comes from the
    first rank; the event ``training.straggler`` from the rank it is about, when it is named
    (``open`` is true) and when it is not any more. ``training.straggler_score`` of each rank and
    section is the best rank's median time over its own, or its own best so far over its own now: 1
    is best, 0 is worst. The section ``busy`` is the step less the wait; `section` adds others, of
    a GPU's kernels for instance.
    """

    __module__ = "inlay.training"

    def __init__(
        self,
        observer: Observer,
        group: Any = None,
        *,
        every: int = 10,
        recorder: Recorder | None = None,
        device: bool = False,
        share: float = 0.1,
        seconds: float = 0.001,
        persistence: float = 0.8,
        p_value: float = 1e-3,
        timeout: float = 30.0,
        sections: Iterable[str] = (),
        evidence: Callable[[float, float], Iterable[Mapping[str, Any]]] | None = None,
        on_straggler: Callable[[Straggler], object] | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        observer_given(observer)
        self._every = at_least("every", every, 1)
        self._rule = checked_rule(share, seconds, persistence, p_value)
        timeout = number_between("timeout", timeout, most=_LONGEST_TIMEOUT, above=0.0)
        self._sections = (*_SECTIONS, *one_or_more("sections", sections))
        self._device = DeviceWaits() if flag("device", device) else None
        callable_or_none("evidence", evidence)
        callable_or_none("on_straggler", on_straggler)
        if recorder is not None:
            with_methods("recorder", recorder, "on_step")
        if exchange is None:
            exchange = TorchExchange(group, timeout=timeout)
        else:
            with_methods("exchange", exchange, "start", "poll")
        self._rounds = Rounds(exchange)
        self.rank = at_least("exchange.rank", getattr(exchange, "rank", None), 0)
        self.size = at_least("exchange.size", getattr(exchange, "size", None), 1)
        self._observer = observer
        self._evidence = evidence
        self._on_straggler = on_straggler
        self._failures = HostFailures(observer, "stragglers")
        self._waited = 0.0
        self._passing: deque[tuple[float, float, dict[str, float], list[Any]]] = deque()
        self._wait = _Wait(self)
        self._times: dict[str, float] = {}
        self._mine: deque[tuple[float, float, dict[str, float]]] = deque(maxlen=self._every)
        self._step = 0
        self._moments: deque[tuple[int, float, float]] = deque(maxlen=4 * max(_HORIZONS) + every)
        self._history: list[deque[tuple[float, float]]] = [
            deque(maxlen=max(_HORIZONS)) for _ in range(self.size)
        ]
        self._last_step = 0
        self._best: dict[str, float] = {}
        self._latest: list[Lateness] = []
        self._since: dict[int, Straggler] = {}
        # By rank that is named, what all ranks were judged when it was last certain.
        self._certain: dict[int, list[Lateness]] = {}
        self._losing = new_lock()
        self.active = True
        self.named: list[Straggler] = []
        self._score = observer.gauge(
            "training.straggler_score",
            unit="1",
            attributes=("rank", "section", "against"),
            layer="training",
        )
        waits = observer.histogram(
            "training.wait", unit="s", attributes=("rank",), layer="training"
        )
        self._waits = waits.bind(rank=str(self.rank))
        if recorder is not None:
            recorder.on_step(self._of_recorder)
        observer.probe(self)

    # ---- steps -------------------------------------------------------------------------------
    def wait(self) -> _Wait:
        """Return a context for a collective, which measures the wait inside it."""
        return self._wait

    def ddp_hook(self, model: Any, group: Any = None) -> None:
        """Measure the waits for the reductions of a DistributedDataParallel.

        Parameters
        ----------
        model : torch.nn.parallel.DistributedDataParallel
            It gets a communication hook that averages as its own does; it may have but one.
        group : torch.distributed.ProcessGroup, optional
            That of the model; all ranks unless given.

        Raises
        ------
        TypeError
            If the model is none.
        InvalidArgumentError
            If the group is none of this rank.

        Notes
        -----
        A reduction is overlapped with the backward pass: its wait is no time of the step, but the
        rank that comes last to it still has the shortest.
        """
        from inlay.training.ddp_waits import ddp_hook

        with_methods("model", model, "register_comm_hook")
        if group is not None:
            group_ranks(group)
        model.register_comm_hook(None, ddp_hook(self._ddp_waited, group, device=self._device))

    def _ddp_waited(self, seconds: float) -> None:
        self._waited += seconds

    def section(self, name: str, seconds: float) -> None:
        """Give the time of a section of this step; its name was given in `sections`.

        Raises
        ------
        InvalidArgumentError
            If it was not, or the time is below 0 or not finite.
        """
        if name not in self._sections:
            message = f"a section is one of {', '.join(self._sections)}: {name!r}"
            raise InvalidArgumentError(message)
        took = number_between("seconds", seconds, 0.0)
        self._times[name] = self._times.get(name, 0.0) + took

    def step(self, step_time: float, wait: float | None = None) -> None:
        """Take a step that has ended.

        Parameters
        ----------
        step_time : float
            Seconds that it took.
        wait : float, optional
            Seconds inside its collectives; what `wait` measured unless given. Those of collectives
            that overlap may come to more than the step.

        Raises
        ------
        InvalidArgumentError
            If a time is below 0 or not finite.
        """
        took = number_between("step_time", step_time, 0.0)
        self._end_step(took, None if wait is None else number_between("wait", wait, 0.0))

    def _end_step(self, step_time: float, wait: float | None) -> None:
        waited = self._waited if wait is None else wait
        self._waited = 0.0
        times, self._times = self._times, {}
        if not self.active:
            return
        now = time.time()
        with self._failures.guard("step"):
            if self._device is None:
                self._take(step_time, waited, times, now)
            else:
                pairs = self._device.cut()
                self._passing.append((step_time, now, times, pairs))
                self._take_passed(self._device)

    def _take_passed(self, device: DeviceWaits) -> None:
        """Take the steps whose collectives have ended on the device, in their order."""
        while self._passing and self.active:
            step_time, now, times, pairs = self._passing[0]
            try:
                waited = device.seconds(pairs)
            except RuntimeError as error:  # a device that is lost
                self._lost(RanksLostError(str(error).partition("\n")[0]))
                return
            if waited is None:
                if len(self._passing) > _MOST_PASSING:
                    self._lost(RanksLostError("the device does not come to the end of its steps"))
                return
            self._passing.popleft()
            self._take(step_time, waited, times, now)

    def _of_recorder(self, row: list[Any]) -> None:
        spent = row[3]
        for name in _SECTIONS[1:]:
            self._times.setdefault(name, spent[PHASES.index(name)] / 1e9)
        waited = spent[_COMMUNICATION] / 1e9 + self._waited
        self._end_step(sum(spent[: len(PHASES)]) / 1e9, waited)

    def _take(self, step_time: float, waited: float, times: dict[str, float], now: float) -> None:
        self._step += 1
        times.setdefault("busy", max(0.0, step_time - waited))
        self._mine.append((waited, step_time, times))
        self._moments.append((self._step, now - step_time, now))
        self._waits.record(waited)
        try:
            gathered = self._rounds.take()
            if gathered is not None:
                self._gathered(gathered)
            # At the same steps on all ranks, so that one that was late to look is back in time.
            if self._step % self._every == 0 and not self._rounds.under_way:
                self._rounds.begin(self._vector())
        except RanksLostError as error:
            self._lost(error)

    def _vector(self) -> list[float]:
        mine = list(self._mine)
        self._own_scores(mine)
        medians = [self._median(mine, name) for name in self._sections]
        return [
            float(self._step),
            *(one[0] for one in mine),
            *(one[1] for one in mine),
            *medians,
        ]

    def _median(self, mine: list[Any], name: str) -> float:
        middle: float = statistics.median(one[2].get(name, 0.0) for one in mine)
        return middle

    def _own_scores(self, mine: list[Any]) -> None:
        for name in self._sections:
            now = self._median(mine, name)
            if now > 0.0:
                best = self._best[name] = min(self._best.get(name, now), now)
                self._set_score(name, "own_history", best / now)

    def _set_score(self, section: str, against: str, score: float) -> None:
        self._score.set(score, rank=str(self.rank), section=section, against=against)

    # ---- what all ranks said -----------------------------------------------------------------
    def _gathered(self, vectors: list[list[float]]) -> None:
        every = self._every
        if len({vector[0] for vector in vectors}) > 1:
            # Steps of different numbers: a rank began anew. What was known does not fit any more.
            for known in self._history:
                known.clear()
            return
        self._last_step = int(vectors[0][0])
        for known, vector in zip(self._history, vectors, strict=True):
            known.extend(zip(vector[1 : 1 + every], vector[1 + every : 1 + 2 * every], strict=True))
        at = 1 + 2 * every
        for index, name in enumerate(self._sections):
            times = [vector[at + index] for vector in vectors]
            mine, best = times[self.rank], min(times)
            if mine > 0.0:
                self._set_score(name, "best_rank", best / mine)
        self._judge()

    def _judge(self) -> None:
        have = len(self._history[0])
        certain: dict[int, list[Lateness]] = {}
        for horizon in _HORIZONS:
            if horizon > have and horizon != _HORIZONS[0]:
                break
            judged = self._of_last(min(horizon, have))
            for one in judged:
                if one.verdict == "yes":
                    certain.setdefault(one.rank, judged)
        self._latest = self._of_last(min(max(self._every, _HORIZONS[0]), have))
        for one in self._latest:
            found = certain.get(one.rank)
            if found is not None and one.rank not in self._since:
                self._name(one.rank, found)
            elif one.rank in self._since and one.verdict == "no":
                self._acquit(one.rank)
            elif found is not None:
                self._certain[one.rank] = found

    def _of_last(self, steps: int) -> list[Lateness]:
        recent = [list(known)[-steps:] for known in self._history]
        return judge(
            [[one[0] for one in rank] for rank in recent],
            [[one[1] for one in rank] for rank in recent],
            self._rule,
        )

    def _name(self, rank: int, judged: list[Lateness]) -> None:
        late = judged[rank]
        first = self._last_step - late.steps + 1
        straggler = Straggler(rank, first, self._last_step, late.seconds, late.share, late.p_value)
        self._since[rank] = straggler
        self._certain[rank] = judged
        self.named.append(straggler)
        if self.rank == 0:
            write_verdict(self._observer, judged, rank, "yes")
        if self.rank == rank:
            self._tell(straggler, is_open=True)
        if self._on_straggler is not None:
            with self._failures.guard("on_straggler"):
                self._on_straggler(straggler)

    def _acquit(self, rank: int) -> None:
        straggler = self._since.pop(rank)
        self._certain.pop(rank, None)
        if self.rank == 0:
            write_verdict(self._observer, self._latest, rank, "no")
        if self.rank == rank:
            self._tell(straggler, is_open=False)

    def _tell(self, straggler: Straggler, *, is_open: bool) -> None:
        moments = [m for m in self._moments if straggler.first_step <= m[0] <= self._last_step]
        start = moments[0][1] if moments else time.time()
        end = moments[-1][2] if moments else start
        found: list[Mapping[str, Any]] = []
        with self._failures.guard("evidence"):
            if self._evidence is None:
                found = evidence_of_window(self._observer, start, end)
            else:
                found = list(self._evidence(start, end))
        write_event(
            self._observer,
            straggler,
            last_step=self._last_step,
            start=start,
            end=end,
            is_open=is_open,
            evidence=found,
        )

    def _lost(self, error: RanksLostError) -> None:
        with self._losing:  # a step and a window may find it at the same time
            if not self.active:
                return
            self.active = False
        self._observer.event(
            "training.ranks_lost",
            severity="warning",
            layer="training",
            body=f"stragglers are not judged any more: {error}",
            rank=self.rank,
            step=self._step,
        )

    # ---- windows -----------------------------------------------------------------------------
    def observe(self, observer: Observer, /) -> None:  # noqa: ARG002
        """Say again, once a window, what is known of the ranks that are named: makes it a probe.

        A rank that is gone is told here too, where no step ends any more.
        """
        try:
            if self.active:
                self._rounds.look()
        except RanksLostError as error:
            self._lost(error)
        latest = self._latest
        if self.rank != 0 or not latest or not self.active:
            return
        named = sorted(self._certain.items())
        for rank, judged in named:
            write_verdict(self._observer, judged, rank, "yes")
        if not named:
            worst = max(latest, key=lambda one: one.seconds)
            write_verdict(self._observer, latest, worst.rank, worst.verdict, worst.reason)

    def __repr__(self) -> str:
        """Return a line with who is named."""
        state = "" if self.active else ", given up"
        ranks = ", ".join(str(rank) for rank in sorted(self._since)) or "none"
        return f"<inlay.training.Stragglers of {self.size} ranks: {ranks} named{state}>"
