"""How long a rank waits for the reductions of DistributedDataParallel."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from inlay.training.device_waits import DeviceWaits

__all__ = ["ddp_hook"]


def ddp_hook(
    waited: Callable[[float], object], group: Any = None, *, device: DeviceWaits | None = None
) -> Callable[[Any, Any], Any]:
    """Return a communication hook that averages gradients as DistributedDataParallel does.

    Parameters
    ----------
    waited : callable
        Told the seconds from the start of each bucket's reduction to its end, from the thread that
        ends it. The rank that comes last to a bucket has the shortest.
    group : torch.distributed.ProcessGroup, optional
        Of the wrapped module; all ranks unless given.
    device : DeviceWaits, optional
        Where reductions on CUDA are measured instead: a reduction that is enqueued counts as ended
        on the host.
    """
    import torch.distributed as distributed
    from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

    chosen = group if group is not None else distributed.group.WORLD

    def hook(_state: Any, bucket: Any) -> Any:
        begin: Any = time.perf_counter() if device is None else device.begin()
        reduced = allreduce_hook(chosen, bucket)

        def ended(future: Any) -> Any:
            if device is None:
                waited(time.perf_counter() - begin)
            else:
                device.end(begin)  # on a stream that follows the reduction
            return future.value()[0] if isinstance(future.value(), list) else future.value()

        return reduced.then(ended)

    hook.__annotations__ = {}  # as text they are refused
    return hook
