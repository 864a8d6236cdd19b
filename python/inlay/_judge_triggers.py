"""Triggers on the command line of ``inlay judge``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from inlay._durations import duration_of
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from inlay.alert.trigger import Firing, Trigger

__all__ = ["HELP", "fired", "parse_trigger"]

HELP = (
    "tell when this trigger would have fired, by all verdicts in the directory; settings: hold and "
    "cooldown (900, 15m, 2h), event, metric, method, judge, layer, scope, effect, count"
)

_READERS: dict[str, Callable[[str], Any]] = {
    "hold": duration_of,
    "cooldown": duration_of,
    "effect": float,
    "count": int,
}
_OF_TRIGGER = ("hold", "cooldown", "event")
_OF_WHEN = ("metric", "method", "judge", "layer", "scope", "effect", "count")


def parse_trigger(text: str) -> Trigger:
    """Make a trigger of ``NAME[,SETTING=VALUE…]``.

    Raises
    ------
    ArgumentTypeError
        If a setting is unknown, comes twice or has no value, or the value is none of it.
    """
    from inlay.alert.trigger import Trigger, When

    name, *settings = text.split(",")
    given: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or key not in (*_OF_TRIGGER, *_OF_WHEN):
            known = ", ".join((*_OF_TRIGGER, *_OF_WHEN))
            message = f"a trigger has settings like hold=15m, of {known}; got {setting!r}"
            raise argparse.ArgumentTypeError(message)
        if key in given:
            message = f"{key} of a trigger is given twice: {text!r}"
            raise argparse.ArgumentTypeError(message)
        try:
            given[key] = _READERS.get(key, str)(value)
        except argparse.ArgumentTypeError as error:
            message = f"{key} of a trigger: {error}"
            raise argparse.ArgumentTypeError(message) from error
        except ValueError as error:
            message = f"{key} of a trigger must be a number, got {value!r}"
            raise argparse.ArgumentTypeError(message) from error
    try:
        when = When(**{key: value for key, value in given.items() if key in _OF_WHEN})
        rest = {key: value for key, value in given.items() if key in _OF_TRIGGER}
        return Trigger(name, when, **rest)
    except InvalidArgumentError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def fired(triggers: Sequence[Trigger], directory: str, verdicts: pa.Table) -> list[Firing]:
    """Show all verdicts of a directory, and those not written there, to triggers; by time."""
    if not triggers:
        return []
    from inlay.alert.stored import plain_verdicts, stored_verdicts

    rows = stored_verdicts(directory)
    rows.extend(plain_verdicts(verdicts))
    found = []
    for trigger in triggers:
        trigger.reset()
        found.extend(trigger.take(rows))
    return sorted(found, key=lambda one: (one.time, one.trigger))
