"""How judges differ from those of an earlier run, in words."""

from __future__ import annotations

import ast
from collections.abc import Sequence

__all__ = ["differences"]

#: Name, version and what `repr` says.
Described = Sequence[str]


def differences(was: Sequence[Described], now: Sequence[Described]) -> list[str]:
    """Say what differs, a line for each kind of judge that does.

    Parameters
    ----------
    was, now : sequence of (str, str, str)
        Name, version and `repr` of each judge.

    Returns
    -------
    list of str
        Settings that differ where nothing else does, else the judges.
    """
    then = [each for each in was if each not in now]
    here = [each for each in now if each not in was]
    lines = []
    for name in dict.fromkeys(each[0] for each in (*then, *here)):
        one, other = ([each for each in of if each[0] == name] for of in (then, here))
        pair = _settings(one, other)
        if pair is None:
            lines.append(f"then {_named(one)}, now {_named(other)}")
        else:
            lines.append(f"{name}: then {pair[0]}, now {pair[1]}")
    return lines


def _settings(then: Sequence[Described], now: Sequence[Described]) -> tuple[str, str] | None:
    """Return the settings that differ; None if that is not all."""
    if len(then) != 1 or len(now) != 1 or then[0][1] != now[0][1]:
        return None
    was, here = _parsed(then[0][2]), _parsed(now[0][2])
    if was is None or here is None or was.keys() != here.keys():
        return None
    names = [name for name in here if was[name] != here[name]]
    first, second = (", ".join(f"{name}={of[name]}" for name in names) for of in (was, here))
    return first, second


def _parsed(text: str) -> dict[str, str] | None:
    """Read the settings of what `repr` says; None if it is no call with names alone."""
    try:
        call = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(call, ast.Call) or call.args:
        return None
    return {str(each.arg): ast.unparse(each.value) for each in call.keywords}


def _named(judges: Sequence[Described]) -> str:
    return " and ".join(f"{text} of version {version}" for _, version, text in judges) or "none"
