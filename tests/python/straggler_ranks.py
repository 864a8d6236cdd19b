"""One rank of a run whose straggler is looked for; prints what it saw as JSON.

``python straggler_ranks.py RANK SIZE PORT EVERY STEPS WORK LATE_RANK LATE_FROM LATE [DIES_AT]``
"""

from __future__ import annotations

import json
import os
import sys
import time

import torch
import torch.distributed as dist

import inlay
from inlay.training import Recorder, Stragglers


def main() -> None:
    rank, size, port, every, steps = map(int, sys.argv[1:6])
    work, late_rank, late_from, late = (
        float(sys.argv[6]),
        int(sys.argv[7]),
        int(sys.argv[8]),
        float(sys.argv[9]),
    )
    dies_at = int(sys.argv[10]) if len(sys.argv) > 10 else 0
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=size)
    observer = inlay.Observer()
    recorder = Recorder(observer, rank=rank)
    named: list[list[object]] = []
    stragglers = Stragglers(
        observer,
        every=every,
        recorder=recorder,
        timeout=2.0 if dies_at else 30.0,
        evidence=lambda *_: [{"name": "gpu.throttle", "attrs": {"cause": "hw_thermal"}}],
        on_straggler=lambda one: named.append([recorder.steps, one.rank, one.last_step]),
    )
    one = torch.ones(4)
    dist.barrier()
    began = time.monotonic()
    for step in range(1, steps + 1):
        with recorder.step():
            with recorder.phase("forward"):
                time.sleep(work + (late if rank == late_rank and step >= late_from else 0.0))
            if not dies_at:
                with recorder.phase("communication"):
                    dist.all_reduce(one)
        if dies_at and rank == size - 1 and step == dies_at:
            os._exit(0)
    seconds = time.monotonic() - began
    batch = observer.collect()
    events = [(row["name"], row["body"], row["attrs"]) for row in batch.events.to_pylist()]
    verdicts = [
        (row["metric"], row["attrs"], row["verdict"], row["scope"])
        for row in batch.verdicts.to_pylist()
    ]
    scores = {
        row["attrs"]: row["value"]
        for row in batch.points.to_pylist()
        if row["metric"] == "training.straggler_score"
    }
    told = {
        "named": named,
        "active": stragglers.active,
        "steps": recorder.steps,
        "seconds": seconds,
        "late": [one.seconds for one in stragglers._latest],
        "events": events,
        "verdicts": verdicts,
        "scores": scores,
    }
    print(json.dumps(told), flush=True)
    if not dies_at:
        dist.barrier()
    os._exit(0)


main()
