"""One rank of DistributedDataParallel with measured reductions: ``ddp_ranks.py RANK SIZE PORT``."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import inlay
from inlay.training import Recorder, Stragglers, TorchHooks

LATE = 1


def gradients(rank: int, measured: Any) -> list[float]:
    torch.manual_seed(0)
    model = DistributedDataParallel(torch.nn.Linear(8, 1))
    if measured is not None:
        measured.ddp_hook(model)
    model(torch.ones(4, 8) * (rank + 1)).sum().backward()
    return [parameter.grad.sum().item() for parameter in model.parameters()]


def main() -> None:
    rank, size, port = map(int, sys.argv[1:4])
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=size)
    observer = inlay.Observer()
    recorder = Recorder(observer, rank=rank)
    stragglers = Stragglers(observer, recorder=recorder)
    same = gradients(rank, None) == gradients(rank, stragglers)
    torch.manual_seed(0)
    model = DistributedDataParallel(torch.nn.Linear(8, 1))
    stragglers.ddp_hook(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with TorchHooks(recorder, model, optimizer):
        for _ in range(45):
            time.sleep(0.02 if rank == LATE else 0.0)
            model(torch.ones(4, 8)).sum().backward()
            optimizer.step()
    named = [one.rank for one in stragglers.named]
    print(json.dumps({"same": same, "named": named, "steps": recorder.steps}), flush=True)
    dist.barrier()
    os._exit(0)


main()
