"""What is asked of ``torch.distributed``: the ranks of a group, and what went wrong in it."""

from __future__ import annotations

import re
from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = ["group_ranks", "torch_reason"]

# gloo begins with a place in its source, and ends with advice.
_PLACE = re.compile(r"^\[[^\]]*\.\w+:\d+\]\s*")
_LONGEST = 200


def group_ranks(group: Any) -> list[int]:
    """Return the ranks of a group, in their order.

    Parameters
    ----------
    group : torch.distributed.ProcessGroup or None
        None is all ranks.

    Raises
    ------
    InvalidArgumentError
        If ``torch.distributed`` is not initialised, or it is no group of this rank.
    """
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()):
        message = f"torch.distributed must be initialised before its ranks are asked: {group!r}"
        raise InvalidArgumentError(message)
    chosen = dist.group.WORLD if group is None else group
    known = isinstance(chosen, dist.ProcessGroup)
    try:
        ranks = sorted(dist.get_process_group_ranks(chosen)) if known else []
    except (KeyError, ValueError):  # one that was destroyed
        ranks = []
    if dist.get_rank() not in ranks:
        message = f"group must be a process group that this rank is one of: {group!r}"
        raise InvalidArgumentError(message)
    return ranks


def torch_reason(error: BaseException) -> str:
    """Return the first sentence of what an error says, without places in its source.

    Parameters
    ----------
    error : BaseException
        As ``torch.distributed`` raises it.

    Returns
    -------
    str
        Up to 200 characters; the error's class if it says nothing.
    """
    line = str(error).strip().partition("\n")[0]
    sentence = _PLACE.sub("", line).partition(". ")[0].strip()
    return sentence[:_LONGEST] or type(error).__name__
