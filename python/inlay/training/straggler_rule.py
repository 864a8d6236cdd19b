"""Which rank holds the others up, told from how long each waited in each step."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from inlay._arguments import number_between
from inlay._exceptions import InvalidArgumentError

__all__ = ["Lateness", "Rule", "Straggler", "binomial_tail", "checked_rule", "judge"]


class Rule(NamedTuple):
    """When a rank is a straggler: by size, persistence and certainty.

    Attributes
    ----------
    share : float
        The median lateness is over this share of the step's time …
    seconds : float
        … and over this many seconds.
    persistence : float
        In this share of the steps the rank is later than half of that.
    p_value : float
        The chance that a rank which is no later than others waits least so often, for any rank,
        is below it.
    """

    share: float = 0.1
    seconds: float = 0.001
    persistence: float = 0.8
    p_value: float = 1e-3


class Straggler(NamedTuple):
    """A rank that was named.

    Attributes
    ----------
    rank : int
    first_step, last_step : int
        The steps that were judged: at the onset up to a fifth of them, the first ones too, may
        have been fast.
    seconds, share : float
        How late it was in a step, and as a share of the step's time.
    p_value : float
    """

    rank: int
    first_step: int
    last_step: int
    seconds: float
    share: float
    p_value: float


def checked_rule(share: float, seconds: float, persistence: float, p_value: float) -> Rule:
    """Return a rule of these numbers.

    Raises
    ------
    InvalidArgumentError
        If one is not above 0, or a share or probability is over 1.
    TypeError
        If one is no number.
    """
    return Rule(
        number_between("share", share, most=1.0, above=0.0),
        number_between("seconds", seconds, above=0.0),
        number_between("persistence", persistence, most=1.0, above=0.0),
        number_between("p_value", p_value, most=1.0, above=0.0),
    )


class Lateness(NamedTuple):
    """How late one rank is, over the steps judged.

    Where nothing can be judged (one rank, no step, no wait) the numbers of lateness are NaN.

    Attributes
    ----------
    rank : int
    verdict : str
        ``"yes"``, ``"no"`` or ``"undefined"``.
    reason : str or None
        Why it is undefined: ``"one_rank"``, ``"insufficient"`` (too few steps to be certain), or
        ``"no_wait"``: no rank waited at all in any step, so nothing measures the collectives.
    seconds : float
        Median over the steps of what the median of the other ranks waited more than it.
    low, high : float
        An interval of that median, 95 % or as near as the number of steps allows.
    share : float
        Of the step's time.
    threshold : float
        What `seconds` must exceed.
    p_value : float
        Of the sign test, for all ranks.
    steps : int
        How many were judged.
    least : int
        In how many it waited least.
    """

    rank: int
    verdict: str
    reason: str | None
    seconds: float
    low: float
    high: float
    share: float
    threshold: float
    p_value: float
    steps: int
    least: int


def judge(
    waits: Sequence[Sequence[float]], step_times: Sequence[Sequence[float]], rule: Rule
) -> list[Lateness]:
    """Judge each rank.

    Parameters
    ----------
    waits : sequence of sequence of float, shape (ranks, steps)
        Seconds that each rank waited inside the collectives of each step.
    step_times : sequence of sequence of float, shape (ranks, steps)
        Seconds that each step took.
    rule : Rule

    Returns
    -------
    list of Lateness
        One a rank.

    Raises
    ------
    InvalidArgumentError
        If ranks have different numbers of steps, or of waits and of times.

    Notes
    -----
    A collective ends everywhere when its last rank has come. So the times of steps are alike, and
    the rank that comes last waits least. Lateness in a step is the median of the other ranks' waits
    less its own: no clocks are compared, one slow step moves it little, and of several late ranks
    each is seen as long as they are fewer than half.
    """
    ranks, steps = len(waits), len(waits[0]) if waits else 0
    lengths = [[len(rank) for rank in each] for each in (waits, step_times)]
    if lengths != [[steps] * ranks] * 2:
        message = f"waits and step_times must have as many steps of as many ranks: {lengths!r}"
        raise InvalidArgumentError(message)
    late = (
        [
            [
                statistics.median(waits[other][n] for other in range(ranks) if other != rank)
                - waits[rank][n]
                for n in range(steps)
            ]
            for rank in range(ranks)
        ]
        if ranks > 1
        else [[0.0] * steps for _ in range(ranks)]
    )
    usual = statistics.median(t for times in step_times for t in times) if steps else 0.0
    threshold = max(rule.seconds, rule.share * usual)
    least = [0] * ranks
    for n in range(steps):
        least[min(range(ranks), key=lambda rank, n=n: waits[rank][n])] += 1  # type: ignore[misc]
    reason = None
    if ranks < 2:
        reason = "one_rank"
    elif steps == 0:
        reason = "insufficient"
    elif not any(map(any, waits)):
        reason = "no_wait"
    if reason is not None:
        return [_unjudged(rank, reason, threshold, steps) for rank in range(ranks)]
    return [
        _judge_one(rank, late[rank], least[rank], ranks, usual, threshold, rule)
        for rank in range(ranks)
    ]


def _unjudged(rank: int, reason: str, threshold: float, steps: int) -> Lateness:
    nan = math.nan
    return Lateness(rank, "undefined", reason, nan, nan, nan, nan, threshold, nan, steps, 0)


def _judge_one(
    rank: int,
    late: list[float],
    least: int,
    ranks: int,
    usual: float,
    threshold: float,
    rule: Rule,
) -> Lateness:
    steps = len(late)
    middle = statistics.median(late)
    low, high = _median_interval(late)
    p_value = min(1.0, ranks * binomial_tail(least, steps, 1.0 / ranks))
    often = sum(one > threshold / 2 for one in late) >= rule.persistence * steps
    reason: str | None = None
    if middle <= threshold or not often:
        verdict = "no"
    elif p_value < rule.p_value:
        verdict = "yes"
    else:
        verdict, reason = "undefined", "insufficient"
    share = middle / usual if usual > 0.0 else 0.0
    return Lateness(
        rank, verdict, reason, middle, low, high, share, threshold, p_value, steps, least
    )


def _median_interval(values: list[float]) -> tuple[float, float]:
    """Return order statistics that have the median between them with 95 %, or the extremes."""
    ordered = sorted(values)
    n, k = len(ordered), 0
    while k + 1 < (n + 1) // 2 and 2.0 * (1.0 - binomial_tail(k + 2, n, 0.5)) <= 0.05:
        k += 1
    return ordered[k], ordered[n - 1 - k]


def binomial_tail(least: int, n: int, p: float) -> float:
    """Return the probability of `least` or more successes in n trials."""
    if least <= 0:
        return 1.0
    return min(
        1.0,
        math.fsum(math.comb(n, k) * p**k * (1.0 - p) ** (n - k) for k in range(least, n + 1)),
    )
