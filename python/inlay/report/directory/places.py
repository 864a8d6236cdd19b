"""Names of what things happen to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Places"]

#: Members of an occurrence that say where it was, with the word before each.
_WHERE = {
    "host": "host",
    "column": "column",
    "rank": "rank",
    "device": "",
    "port": "port",
    "interface": "",
    "link": "link",
    "resource": "",
    "peer": "peer",
    "cause": "",
}
#: Those that are no thing of which a host has several.
_NO_PLACES = frozenset({"cause", "resource"})


class Places:
    """Names of what things happen to: a GPU by its number, with its host if there are several.

    Parameters
    ----------
    devices : mapping of str to mapping
        What events said of each GPU, by its UUID.
    hosts : set of str
    """

    def __init__(self, devices: Mapping[str, Mapping[str, str]], hosts: set[str]) -> None:
        self._devices = devices
        self._is_alone = len(hosts) < 2

    def gpu(self, uuid: str, host: str) -> str:
        """Name a GPU."""
        index = self._devices.get(uuid, {}).get("index")
        text = f"GPU {index}" if index is not None else uuid
        return text if self._is_alone else f"{host} {text}".strip()

    def of(self, row: Mapping[str, Any]) -> str:
        """Name what an occurrence happened to; of the infrastructure at least the host."""
        attrs, host = row["attrs"], row["host"]
        parts, is_placed = [], "gpu" in attrs
        if is_placed:
            index = attrs.get("index") or self._devices.get(attrs["gpu"], {}).get("index")
            parts.append(f"GPU {index}" if index is not None else str(attrs["gpu"]))
        for name, word in _WHERE.items():
            if name in attrs:
                parts.append(f"{word} {attrs[name]}".lstrip())
                is_placed = is_placed or name not in _NO_PLACES
        text = " ".join(parts)
        if "host" in attrs or not host:
            return text
        if not self._is_alone:
            return f"{host} {text}".rstrip()
        if row["layer"] == "infra" and not is_placed:
            return f"host {host} {text}".rstrip()
        return text
