"""From verdicts to advice: a trigger fires when what it looks for has lasted long enough."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from inlay._arguments import LAYERS, at_least, one_of, optional_text, real, seconds_of
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import os

__all__ = ["ADVICE", "VERDICT_COLUMNS", "Firing", "Trigger", "When"]

ADVICE = ("retrain.requested", "checkpoint.advised")
"""The events that a trigger fires as."""

VERDICT_COLUMNS = (
    "time",
    "start_time",
    "observed_time",
    "revision",
    "origin",
    "series_id",
    "layer",
    "metric",
    "attrs",
    "method",
    "judge",
    "judge_version",
    "scope",
    "verdict",
    "effect",
    "threshold",
)
"""What a trigger reads of a verdict."""

# Subjects that are remembered; the one that has been quiet longest goes first.
_MOST_SUBJECTS = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class When:
    """Which verdicts count.

    Parameters
    ----------
    metric : str, optional
        The metric judged; a ``*`` at the end stands for any end.
    method : str, optional
        The method, likewise.
    judge : str, optional
        Who judged.
    layer : str, optional
        ``"app"``, ``"data"``, ``"model"``, ``"infra"``, ``"training"`` or ``"self"``.
    attributes : mapping of str to str, optional
        Attributes of the subject that must have these values.
    scope : str, optional
        ``"process"``, ``"host"`` or ``"fleet"``.
    effect : float, optional
        The least effect.
    verdict : {"yes", "no", "undefined"}
        What must be said.
    count : int
        How many subjects must say so at the same time.

    Raises
    ------
    InvalidArgumentError
        If a value is none of these.
    TypeError
        If it is of another type.
    """

    metric: str | None = None
    method: str | None = None
    judge: str | None = None
    layer: str | None = None
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    scope: str | None = None
    effect: float | None = None
    verdict: str = "yes"
    count: int = 1

    def __post_init__(self) -> None:
        for name in ("metric", "method", "judge"):
            optional_text(name, getattr(self, name))
        one_of("verdict", self.verdict, ("yes", "no", "undefined"))
        if self.scope is not None:
            one_of("scope", self.scope, ("process", "host", "fleet"))
        if self.layer is not None:
            one_of("layer", self.layer, LAYERS)
        if self.effect is not None and not math.isfinite(real("effect", self.effect)):
            message = f"effect must be a finite number, got {self.effect!r}"
            raise InvalidArgumentError(message)
        at_least("count", self.count, 1)
        given: object = self.attributes
        if not isinstance(given, Mapping):
            message = f"attributes must be a mapping, got {given!r}"
            raise InvalidArgumentError(message)

    def covers(self, row: Mapping[str, Any]) -> bool:
        """Return whether a verdict is of a subject that this looks at, whatever it says."""
        if not (_fits(self.metric, row["metric"]) and _fits(self.method, row["method"])):
            return False
        for name in ("judge", "layer", "scope"):
            wanted = getattr(self, name)
            if wanted is not None and row[name] != wanted:
                return False
        if self.attributes:
            attrs = json.loads(row["attrs"])
            return all(attrs.get(k) == str(v) for k, v in self.attributes.items())
        return True

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Return whether a verdict says what is looked for, and strongly enough."""
        if row["verdict"] != self.verdict:
            return False
        return self.effect is None or (row["effect"] is not None and row["effect"] >= self.effect)


@dataclasses.dataclass(frozen=True, slots=True)
class Firing:
    """One time that a trigger fired.

    Attributes
    ----------
    trigger : str
        Its name.
    event : str
        ``"retrain.requested"`` or ``"checkpoint.advised"``.
    time : datetime
        Until when the verdicts are that let it fire, in UTC.
    since : datetime
        Since when it held.
    subjects : tuple of str
        The metrics with their attributes that say so, with the effect.
    number : int
        How often it has fired, this time included.
    """

    trigger: str
    event: str
    time: datetime.datetime
    since: datetime.datetime
    subjects: tuple[str, ...]
    number: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it: what a webhook posts."""
        return {
            "trigger": self.trigger,
            "event": self.event,
            "time": self.time.isoformat(),
            "since": self.since.isoformat(),
            "held_seconds": (self.time - self.since).total_seconds(),
            "subjects": list(self.subjects),
            "number": self.number,
        }

    @property
    def body(self) -> str:
        """A line for people."""
        held = (self.time - self.since).total_seconds()
        more = ", …" if len(self.subjects) > 5 else ""
        lasted = f", for {held:g} s" if held else ""
        return f"{', '.join(self.subjects[:5])}{more}{lasted}"


@dataclasses.dataclass(slots=True)
class _Subject:
    """What the latest verdict about a subject says."""

    time: datetime.datetime
    revision: int
    holds: bool
    since: datetime.datetime
    text: str


class Trigger:
    """Fires when verdicts have said the same for so long. Pure: its state is a function of rows.

    It looks at no clock, and fires on a verdict that holds. A subject that has not been judged for
    `hold`, and for twice the time that the verdict covers, counts no more. A verdict about a time
    before that of a later one, or the same again, changes nothing, so rows may come twice; a
    re-emission (a higher revision) takes the place of what it revises if that was the latest. Not
    thread-safe.

    Parameters
    ----------
    name : str
        What it is called.
    when : When, optional
        Which verdicts count; any ``yes`` unless given.
    hold : float or timedelta
        For how long a subject must have said so, in seconds of the time judged: from the start of
        the first such verdict without another in between to the end of the latest.
    cooldown : float or timedelta
        For how long it is quiet after it has fired, in seconds of the time judged. It fires again
        if the verdicts still say so then.
    event : {"retrain.requested", "checkpoint.advised"}
        What it fires as.

    Raises
    ------
    InvalidArgumentError
        If a value is none of these.

    Examples
    --------
    >>> from inlay.alert import Trigger, When
    >>> trigger = Trigger("retrain", When(layer="data"), hold=600.0)
    >>> trigger
    <inlay.alert.Trigger 'retrain': retrain.requested after 600 s>
    """

    def __init__(
        self,
        name: str,
        when: When | None = None,
        *,
        hold: float | datetime.timedelta = 0.0,
        cooldown: float | datetime.timedelta = 3600.0,
        event: str = "retrain.requested",
    ) -> None:
        given: object = name
        if not isinstance(given, str) or not given:
            message = f"a trigger's name is a text that is not empty, got {name!r}"
            raise InvalidArgumentError(message)
        filters: object = when
        if filters is not None and not isinstance(filters, When):
            message = f"when must be an inlay.alert.When, got {when!r}"
            raise InvalidArgumentError(message)
        self.name = name
        self.when = When() if when is None else when
        self.hold = seconds_of("hold", hold, or_zero=True)
        self.cooldown = seconds_of("cooldown", cooldown, or_zero=True)
        self.event = one_of("event", event, ADVICE)
        self._subjects: dict[tuple[Any, ...], _Subject] = {}
        self._fired: datetime.datetime | None = None
        self._number = 0

    def __repr__(self) -> str:
        return f"<inlay.alert.Trigger {self.name!r}: {self.event} after {self.hold:g} s>"

    def reset(self) -> None:
        """Forget every verdict."""
        self._subjects.clear()
        self._fired = None
        self._number = 0

    def take(self, rows: Iterable[Mapping[str, Any]]) -> list[Firing]:
        """Take verdicts in the order in which they were emitted; return what fires.

        Parameters
        ----------
        rows : iterable of mapping
            Rows of the table ``verdicts`` with `VERDICT_COLUMNS`.

        Returns
        -------
        list of Firing
            In order, one a row at most.
        """
        fired = []
        for row in rows:
            if self.when.covers(row) and self._update(row) and self.when.holds(row):
                firing = self._check(row["start_time"], row["time"])
                if firing is not None:
                    fired.append(firing)
        return fired

    def replay(self, directory: str | os.PathLike[str]) -> list[Firing]:
        """Begin anew, and take all verdicts that a directory holds.

        Those of `inlay judge` are among them. It fires as it would have done live.

        Parameters
        ----------
        directory : str or os.PathLike
            What `inlay.sinks.Files` writes.

        Returns
        -------
        list of Firing

        Raises
        ------
        FileNotFoundError
            If there is no such directory.
        SerializationError
            If a file is damaged.
        """
        from inlay.alert.stored import stored_verdicts

        self.reset()
        return self.take(stored_verdicts(directory))

    def _update(self, row: Mapping[str, Any]) -> bool:
        """Note what a row says; False if that is known or overtaken."""
        key = tuple(
            row[name]
            for name in ("origin", "series_id", "method", "judge", "judge_version", "scope")
        )
        known = self._subjects.pop(key, None)
        if known is not None and (row["time"], row["revision"]) <= (known.time, known.revision):
            self._subjects[key] = known
            return False
        holds = self.when.holds(row)
        since = row["start_time"]
        if holds and known is not None and known.holds:
            since = min(known.since, since)
        self._subjects[key] = _Subject(row["time"], row["revision"], holds, since, _text(row))
        if len(self._subjects) > _MOST_SUBJECTS:
            del self._subjects[next(iter(self._subjects))]
        return True

    def _check(self, start: datetime.datetime, now: datetime.datetime) -> Firing | None:
        if self._fired is not None and (now - self._fired).total_seconds() < self.cooldown:
            return None
        # A subject that nobody judges any more says nothing about now.
        fresh = max(self.hold, 2.0 * (now - start).total_seconds())
        held = [
            one
            for one in self._subjects.values()
            if one.holds
            and (one.time - one.since).total_seconds() >= self.hold
            and (now - one.time).total_seconds() <= fresh
        ]
        if len(held) < self.when.count:
            return None
        self._fired = now
        self._number += 1
        return Firing(
            self.name,
            self.event,
            now,
            min(one.since for one in held),
            tuple(sorted(one.text for one in held)),
            self._number,
        )


def _fits(wanted: str | None, text: str) -> bool:
    if wanted is None:
        return True
    return text.startswith(wanted[:-1]) if wanted.endswith("*") else text == wanted


def _text(row: Mapping[str, Any]) -> str:
    attrs = json.loads(row["attrs"])
    said = ", ".join(f"{name}={value}" for name, value in sorted(attrs.items()))
    of = f"{{{said}}}" if said else ""
    effect = "" if row["effect"] is None else f" {row['effect']:.3g}"
    return f"{row['metric']}{of} {row['method']}{effect}"
