"""What the Python cases on a device share: times by events, and how fast a sum reads the same."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# The harness of all benchmarks, and the watch of the tests.
_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT / "benchmarks"), str(_ROOT / "tests" / "gpu")]

from harness import Run  # noqa: E402

__all__ = ["captured", "over", "seconds", "sum_seconds"]

#: A figure is the median of this many goes, since the clocks of a device move.
GOES = 5


def seconds(torch: Any, run: Run, call: Callable[[], object], *, inner: int = 1) -> list[float]:
    """Seconds of one call by events, a figure per repeat; calls follow each other unwaited."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for _ in range(3):
        call()
    torch.cuda.synchronize()
    samples = []
    for _ in range(run.repeats):
        goes = []
        for _ in range(GOES):
            begin.record()
            for _ in range(inner):
                call()
            end.record()
            end.synchronize()
            goes.append(begin.elapsed_time(end) / 1e3 / inner)
        samples.append(statistics.median(goes))
    return samples


def captured(torch: Any, calls: Sequence[Callable[[], object]]) -> Callable[[], object]:
    """Return the replay of a graph of these calls: short kernels are then not timed by the host."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for call in calls:
            call()
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for call in calls:
            call()
    replay: Callable[[], object] = graph.replay
    return replay


def sum_seconds(torch: Any, run: Run, tensor: Any) -> list[float]:
    """Seconds in which torch adds up a tensor: what reading it takes."""
    return seconds(torch, run, tensor.sum)


def over(run: Run, work: str, peer: Sequence[float], ours: Sequence[float]) -> None:
    """Hand in how many times longer a peer took; both measured in this process."""
    reference = statistics.median(peer)
    run.report(work, [reference / s for s in ours], role="inlay", peer="inlay")
