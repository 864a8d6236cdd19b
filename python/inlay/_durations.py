"""Spans of time on command lines."""

from __future__ import annotations

import argparse
import re

__all__ = ["duration_of"]

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration_of(text: str) -> float:
    """Return the seconds of ``90``, ``90s``, ``15m``, ``2h`` or ``30d``.

    Raises
    ------
    ArgumentTypeError
        If it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if match is None:
        message = f"expected a time such as 90s, 15m, 2h or 30d, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return float(match[1]) * _UNITS[match[2] or "s"]
