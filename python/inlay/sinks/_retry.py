"""How often, and after what pauses, a failed write is tried again."""

from __future__ import annotations

import dataclasses
import math
import random
import time
from typing import TYPE_CHECKING

from inlay._arguments import at_least, real
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inlay._threads import Condition

__all__ = ["Pacer", "Retry"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Retry:
    """Exponential back-off with jitter.

    Parameters
    ----------
    tries : int
        Writes of one batch before it is dropped and counted, the first one included.
    first : float
        The pause after the first failure, in seconds.
    factor : float
        By how much each further pause is longer.
    most : float
        The longest pause, in seconds.
    jitter : float
        The share of a pause that is drawn at random, 0 to 1, so that many processes whose
        common store failed do not come back in step.

    Raises
    ------
    InvalidArgumentError
        If a number is out of range.
    TypeError
        If it is none.
    """

    tries: int = 5
    first: float = 0.5
    factor: float = 2.0
    most: float = 30.0
    jitter: float = 0.5

    def __post_init__(self) -> None:
        at_least("tries", self.tries, 1)
        for name, low in (("first", 0.0), ("factor", 1.0), ("most", 0.0), ("jitter", 0.0)):
            value = real(name, getattr(self, name))
            if not (math.isfinite(value) and value >= low):
                message = f"{name} must be finite and at least {low}, got {value!r}"
                raise InvalidArgumentError(message)
        if self.jitter > 1.0:
            message = f"jitter must be at most 1, got {self.jitter!r}"
            raise InvalidArgumentError(message)

    def pauses(self, draw: random.Random) -> Iterator[float]:
        """Yield the pause after each failed try but the last, in seconds."""
        pause = min(self.first, self.most)
        for _ in range(self.tries - 1):
            yield pause * (1.0 - self.jitter * draw.random())
            pause = min(pause * self.factor, self.most)


class Pacer:
    """Where the pauses between tries come from; a test puts one in that never sleeps.

    Thread-safe: it has no state but the random generator, whose draws need no order.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.random = random.Random(seed)

    def monotonic(self) -> float:
        """Return the monotonic time, in seconds."""
        return time.monotonic()

    def wait(self, condition: Condition, seconds: float) -> None:
        """Wait on a condition that the caller holds, `seconds` at most."""
        condition.wait(seconds)
