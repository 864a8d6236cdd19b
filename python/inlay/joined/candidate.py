"""Evidence before it is ranked, and what all of its makers share."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from inlay.joined.entity import Entity
from inlay.joined.evidence import Evidence
from inlay.joined.intervals import Interval, closeness, share_covered
from inlay.joined.scoring import Focus, score, specificity

__all__ = ["Candidate", "Question", "fitting", "ranked", "seconds_text", "times_text"]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Question(NamedTuple):
    """What evidence is held against.

    Attributes
    ----------
    span : Interval
        When the request was.
    focus : Focus
        Where it was.
    margin, lookback : int
        In microseconds: how far clocks may be apart, and how long an instant (an Xid, a deploy)
        goes on to matter.
    history : Interval
        What is looked at for what is usual.
    """

    span: Interval
    focus: Focus
    margin: int
    lookback: int
    history: Interval


class Candidate(NamedTuple):
    """One piece of evidence, not ranked yet; as `Evidence`.

    The first line for people is the subject and the detail.
    """

    kind: str
    layer: str
    name: str
    entity: str
    cause: str
    interval: Interval
    subject: str
    detail: str
    factors: Mapping[str, float]
    times: int = 1

    @property
    def score(self) -> float:
        """What it is ranked by."""
        return score(self.factors)


def fitting(
    question: Question,
    interval: Interval,
    entity: Entity,
    *,
    severity: float,
    size: float,
    directness: float,
    origin: int | None,
    trace: str | None = None,
    anywhere: bool = False,
) -> dict[str, float] | None:
    """Return the factors of a score; None of what does not fit in time.

    `anywhere` is for what concerns all ranks of a job alike.
    """
    before = question.margin if interval.length else max(question.margin, question.lookback)
    overlap = closeness(question.span, interval, before=before, after=question.margin)
    if overlap <= 0.0:
        return None
    where = specificity(
        question.focus,
        host=None if anywhere else entity.host,
        gpu=None if anywhere else entity.gpu,
        rank=None if anywhere else entity.rank,
        origin=origin,
        trace=trace,
    )
    return {
        "directness": directness,
        "specificity": 1.0 if anywhere and where < 1.0 and question.focus.ranks else where,
        "severity": severity,
        "overlap": overlap,
        "size": min(1.0, max(0.0, size)),
    }


def ranked(candidates: Iterable[Candidate], most: int) -> tuple[tuple[Evidence, ...], int]:
    """Return the best by score, and how many were left out.

    Of equal scores the earlier comes first, then by layer, name, entity and text: the order does
    not depend on that of the rows.
    """
    scored = [(one.score, one) for one in candidates]
    scored.sort(
        key=lambda pair: (-pair[0], pair[1].interval, pair[1][1:5], pair[1].subject, pair[1].detail)
    )
    evidence = tuple(
        Evidence(
            number,
            one.kind,
            one.layer,
            one.name,
            one.entity,
            one.cause,
            _EPOCH + datetime.timedelta(microseconds=one.interval.start),
            _EPOCH + datetime.timedelta(microseconds=one.interval.end),
            round(one.factors["overlap"], 6),
            points,
            f"{one.subject}: {one.detail}",
            **{name: round(one.factors[name], 6) for name in _REST},
            detail=one.detail,
            times=one.times,
        )
        for number, (points, one) in enumerate(scored[:most], start=1)
    )
    return evidence, max(0, len(scored) - most)


_REST = ("severity", "size", "specificity", "directness")


def times_text(span: Interval, interval: Interval) -> str:
    """Say in words how an interval lies to the span."""
    if interval.end < span.start:
        return f"{seconds_text(span.start - interval.end)} before it"
    if interval.start > span.end:
        return f"{seconds_text(interval.start - span.end)} after it"
    if interval.length == 0:
        return f"{seconds_text(interval.start - span.start)} into it"
    return f"{seconds_text(interval.length)}, over {share_covered(span, interval):.0%} of it"


def seconds_text(us: int) -> str:
    """Return a length of time with its unit."""
    if us < 1000:
        return f"{us} µs"
    if us < 1_000_000:
        return f"{us / 1e3:.3g} ms"
    return f"{us / 1e6:,.2f} s" if us < 100_000_000 else f"{us / 1e6:,.0f} s"
