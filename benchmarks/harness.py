"""What every benchmark shares: cases in processes of their own, samples as JSON lines.

A file ``bench_<section>.py`` makes one `Bench`, decorates one function per peer with
``@bench.case(peer)`` and ends with ``bench.main()``. Run without options it runs every peer, each
in its own process, and prints a table; ``--peer NAME`` runs that one here and prints JSON lines,
which is what ``run.py`` collects. A C++ benchmark prints the same lines. The works a case may
report, with their units and goals, stand in ``goals.toml``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inlay._timing import Loop, per_call, summarise, time_calls, undisturbed

__all__ = ["Bench", "Run", "Wrong", "one_line", "run_case", "run_command"]

#: What a peer stands for: ours, a library, or a bound no library can beat (never "best peer").
ROLES = ("inlay", "peer", "floor")
CASE_SECONDS = 240


class Wrong(AssertionError):
    """The benchmark's answer is wrong, so its timing means nothing."""


@dataclass
class Run:
    """What a case is given: how much to do, and where to put the figures. One thread."""

    section: str
    peer: str
    role: str
    quick: bool
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def repeats(self) -> int:
        """How many figures a work shall have."""
        return 3 if self.quick else 7

    def size(self, full: int, *, quick: int | None = None) -> int:
        """Return the full size, or a hundredth of it (or ``quick``) in a quick run."""
        if not self.quick:
            return full
        return quick if quick is not None else max(1, full // 100)

    def report(
        self,
        work: str,
        samples: Sequence[float],
        *,
        role: str | None = None,
        peer: str | None = None,
        **detail: Any,
    ) -> None:
        """Hand in the figures of one work, one per repeat, in the unit of ``goals.toml``."""
        chosen = role or self.role
        if chosen not in ROLES:
            raise ValueError(f"role must be one of {ROLES}, got {chosen!r}")
        summarise(samples)  # refuses an empty list here, where the culprit is known
        line = {
            "section": self.section,
            "work": work,
            "peer": peer or self.peer,
            "role": chosen,
            "samples": [float(f"{s:.6g}") for s in samples],
        }
        if detail:
            line["detail"] = detail
        self.lines.append(line)

    def check(self, actual: Any, expected: Any, what: str) -> None:
        """Refuse to report a figure whose work was not done."""
        if actual != expected:
            raise Wrong(
                f"{self.section}/{self.peer}: {what}: expected {expected!r}, got {actual!r}"
            )

    def per_call(self, statement: str, values: Sequence[object], **names: Any) -> list[float]:
        """Nanoseconds per call, the empty loop subtracted, one figure per repeat."""
        return per_call(statement, values, repeats=self.repeats, seconds=self._seconds, **names)

    def time_calls(self, loops: Sequence[Loop], values: Sequence[object]) -> list[list[float]]:
        """Nanoseconds per call of several loops, timed in turn."""
        return time_calls(loops, values, repeats=self.repeats, seconds=self._seconds)

    def time_each(
        self,
        call: Callable[[], object],
        *,
        before: Callable[[], object] | None = None,
        inner: int = 1,
        repeats: int | None = None,
        warm_up: bool = True,
    ) -> list[float]:
        """Seconds per call of something slow; ``before`` runs ahead of each, unmeasured.

        Every repeat is the median of ``inner`` calls, less those that another process cut into;
        one call goes first as a warm-up. What takes many seconds needs neither it nor so many
        repeats.
        """

        def once() -> float:
            if before is not None:
                before()
            start = time.perf_counter_ns()
            call()
            return (time.perf_counter_ns() - start) / 1e9

        if warm_up:
            once()
        times = range(self.repeats if repeats is None else repeats)
        return [summarise(undisturbed(once, inner)).median for _ in times]

    @property
    def _seconds(self) -> float:
        return 0.02 if self.quick else 0.8


Case = Callable[[Run], None]


@dataclass(frozen=True)
class _Registered:
    peer: str
    role: str
    needs: tuple[str, ...]
    case: Case


class Bench:
    """The cases of one section; built once while its file is imported, then only read."""

    def __init__(self, section: str) -> None:
        self.section = section
        self._cases: dict[str, _Registered] = {}

    def case(
        self, peer: str, *, needs: Sequence[str] = (), role: str | None = None
    ) -> Callable[[Case], Case]:
        """Register a case; ``needs`` names modules without which it is skipped, and says so."""

        def register(case: Case) -> Case:
            if peer in self._cases:
                raise ValueError(f"peer registered twice in {self.section}: {peer!r}")
            ours = peer == "inlay" or peer.startswith("inlay, ")
            chosen = role or ("inlay" if ours else "peer")
            self._cases[peer] = _Registered(peer, chosen, tuple(needs), case)
            return case

        return register

    @property
    def peers(self) -> list[str]:
        return list(self._cases)

    def run_here(self, peer: str, *, quick: bool) -> list[dict[str, Any]]:
        """Run one case in this process and return its lines."""
        chosen = self._cases[peer]
        missing = [name for name in chosen.needs if not _installed(name)]
        if missing:
            return [
                {
                    "section": self.section,
                    "peer": peer,
                    "skipped": f"not installed: {', '.join(missing)}",
                }
            ]
        run = Run(self.section, peer, chosen.role, quick)
        before = _probe()
        chosen.case(run)
        probe = {"section": self.section, "peer": peer, "probe_ns": [before, _probe()]}
        return [*run.lines, probe]

    def main(self) -> None:
        parser = argparse.ArgumentParser(description=f"benchmarks of {self.section}")
        parser.add_argument(
            "--peer", choices=self.peers, help="run this one here, print JSON lines"
        )
        parser.add_argument("--list", action="store_true", help="print the peers as JSON")
        parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs")
        args = parser.parse_args()
        if args.list:
            print(json.dumps(self.peers))
        elif args.peer:
            for line in self.run_here(args.peer, quick=args.quick):
                print(json.dumps(line), flush=True)
        else:
            for peer in self.peers:
                for line in run_case(Path(sys.argv[0]), peer, quick=args.quick):
                    if "probe_ns" not in line:
                        print(one_line(line), flush=True)


def _probe() -> float:
    """Nanoseconds of ``math.fabs(v)`` right now: how busy the machine is while a case runs."""
    samples = per_call("f(v)", [0.5] * 20_000, repeats=5, seconds=0.1, f=math.fabs)
    return round(summarise(samples).median, 2)


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is absent
        return False


def run_case(script: Path, peer: str, *, quick: bool) -> list[dict[str, Any]]:
    """Run one case of a benchmark file in a process of its own and return its lines."""
    command = [sys.executable, str(script), "--peer", peer, *(["--quick"] if quick else [])]
    return run_command(command, section=script.stem.removeprefix("bench_"), peer=peer)


def run_command(command: Sequence[str], *, section: str, peer: str) -> list[dict[str, Any]]:
    """Run anything that prints JSON lines; a failure is a line too, so the others still run."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=CASE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return [{"section": section, "peer": peer, "failed": f"took over {CASE_SECONDS} s"}]
    lines = [json.loads(text) for text in done.stdout.splitlines() if text.startswith("{")]
    if done.returncode:
        tail = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        lines.append({"section": section, "peer": peer, "failed": tail})
    return lines


def one_line(line: dict[str, Any]) -> str:
    """Return one figure as a line for the terminal."""
    where = f"{line['section']:<12}{line.get('work', ''):<28}{line['peer']:<22}"
    for problem in ("skipped", "failed"):
        if problem in line:
            return f"{where}{problem}: {line[problem]}"
    s = summarise(line["samples"])
    return f"{where}{s.median:>12.4g}  ({s.low:.4g}-{s.high:.4g})"
