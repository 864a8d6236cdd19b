"""What a process says of itself: the resource attributes of every row."""

from __future__ import annotations

import os
import urllib.parse
from typing import TYPE_CHECKING, Any

from inlay._arguments import text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["resource_attributes", "text_attributes"]


def text_attributes(
    attributes: Mapping[Any, object], *, what: str = "attribute", floats: bool = False
) -> dict[str, str]:
    """Return attributes as strings.

    Parameters
    ----------
    attributes : mapping of str to str, int or bool
        Names and values. An int or a bool is taken by ``str``.
    what : str
        What the values are called in an error.
    floats : bool
        Whether floats are values too; each is taken by its shortest digits.

    Returns
    -------
    dict of str to str
        The same names with string values.

    Raises
    ------
    TypeError
        If a name is not a string, or a value is none of these.
    InvalidArgumentError
        If a text is no valid Unicode.
    """
    texts: dict[str, str] = {}
    for name, value in attributes.items():
        if not isinstance(name, str):
            message = f"{what} names are strings, not {name!r}"
            raise TypeError(message)
        if not name.isascii():
            text(f"the name of {what} {name!r}", name)
        if isinstance(value, (str, int)):
            said = str(value)
            texts[name] = said if said.isascii() else text(f"{what} {name!r}", said)
        elif floats and isinstance(value, float):
            texts[name] = float.__repr__(value)
        else:
            kinds = "str, int, float or bool" if floats else "str, int or bool"
            message = f"{what} {name!r} must be {kinds}, not {value!r}"
            raise TypeError(message)
    return texts


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Read what OpenTelemetry's variables say; a malformed entry is passed over."""
    found: dict[str, str] = {}
    for entry in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        name, equals, value = entry.partition("=")
        if equals and name.strip():
            found[name.strip()] = urllib.parse.unquote(value.strip())
    service = environ.get("OTEL_SERVICE_NAME", "").strip()
    if service:
        found["service.name"] = service
    return found


def resource_attributes(
    given: Mapping[str, object] | None = None, *, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the resource of this process.

    Parameters
    ----------
    given : mapping of str to str, int or bool, optional
        What the program says; it wins over everything else.
    environ : mapping of str to str, optional
        The environment, ``os.environ`` unless given. ``OTEL_SERVICE_NAME`` and
        ``OTEL_RESOURCE_ATTRIBUTES`` are honoured.

    Returns
    -------
    dict of str to str
        ``service.name``, ``host.name`` and ``process.pid`` are always there.

    Raises
    ------
    TypeError
        If a value is none of str, int and bool.
    """
    resource = {
        "service.name": "unknown_service",
        "host.name": os.uname().nodename,
        "process.pid": str(os.getpid()),
    }
    resource.update(_from_environment(os.environ if environ is None else environ))
    resource.update(text_attributes(given or {}, what="resource attribute"))
    return resource
