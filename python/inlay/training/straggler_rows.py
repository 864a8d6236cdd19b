"""What is written of stragglers: verdicts and events."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from inlay.training.straggler_evidence import evidence_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inlay.observer import Observer
    from inlay.training.straggler_rule import Lateness, Straggler

__all__ = ["write_event", "write_verdict"]

_JUDGE = "inlay.stragglers"
_METHOD = "least_wait"
_MOST_PARTS = 64


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


def write_verdict(
    observer: Observer,
    judged: Sequence[Lateness],
    rank: int,
    verdict: str,
    reason: str | None = None,
) -> None:
    """Write what is said of a rank, with the figures that it is said for.

    Parameters
    ----------
    observer : Observer
    judged : sequence of Lateness
        Of all ranks, by rank.
    rank : int
    verdict, reason : str
        As of `Observer.verdict`.
    """
    late = judged[rank]
    parts = {f"rank {one.rank}": one.seconds for one in judged[:_MOST_PARTS]}
    observer.verdict(
        "training.wait",
        verdict,
        method=_METHOD,
        judge=_JUDGE,
        layer="training",
        attributes={"rank": rank},
        scope="fleet",
        reason=reason,
        value=_known(late.seconds),
        low=_known(late.low),
        high=_known(late.high),
        effect=_known(late.seconds),
        threshold=late.threshold,
        p_value=_known(late.p_value),
        n=late.steps,
        parts={name: value for name, value in parts.items() if not math.isnan(value)},
    )


def write_event(
    observer: Observer,
    straggler: Straggler,
    *,
    last_step: int,
    start: float,
    end: float,
    is_open: bool,
    evidence: Sequence[Mapping[str, Any]],
) -> None:
    """Write that a rank is named, or is not any more.

    Parameters
    ----------
    observer : Observer
    straggler : Straggler
    last_step : int
        The last one judged.
    start, end : float
        Of the steps judged, in Unix seconds.
    is_open : bool
        Whether it is still late.
    evidence : sequence of dict
        As of `evidence_of_window`.
    """
    observer.event(
        "training.straggler",
        severity="warning" if is_open else "info",
        layer="training",
        body=evidence_text(evidence),
        time=start,
        end_time=max(start, end),
        rank=straggler.rank,
        share=f"{straggler.share:.4f}",
        seconds=f"{straggler.seconds:.6f}",
        first_step=straggler.first_step,
        last_step=last_step,
        open=str(is_open).lower(),
        evidence=",".join(sorted({str(one.get("name", "")) for one in evidence})),
    )
