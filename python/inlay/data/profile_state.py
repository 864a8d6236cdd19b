"""The parts of a profile in a container, and a profile made of them again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._container import pack, unpack
from inlay._exceptions import InlayError, InvalidArgumentError, SerializationError
from inlay.data.reference import Cells, Frozen
from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import EdgeHistogram

if TYPE_CHECKING:
    from inlay.data.profile import Profile
    from inlay.data.profile_core import ProfileCore
    from inlay.data.redaction import Redact

__all__ = ["is_kept", "pack_profile", "reference_path", "unpack_profile"]

_ID = re.compile(r"[0-9a-f]{16}")
_FOLDER, _SUFFIX = "references", ".inlay"
_CONTRADICTIONS = (InlayError, LookupError, TypeError, ValueError, AttributeError, OSError)
_KINDS: dict[str, type[EdgeHistogram] | type[Categories]] = {
    "edges": EdgeHistogram,
    "categories": Categories,
}


def reference_path(directory: Path, reference_id: str) -> Path:
    """Return where a directory keeps a reference.

    Raises
    ------
    InvalidArgumentError
        If `reference_id` is none.
    """
    if not isinstance(reference_id, str) or not _ID.fullmatch(reference_id):
        message = f"a reference_id has 16 hexadecimal digits: {reference_id!r}"
        raise InvalidArgumentError(message)
    return directory / _FOLDER / f"{reference_id}{_SUFFIX}"


def is_kept(path: Path, reference_id: str) -> bool:
    """Return whether a file holds this reference and can be read."""
    try:
        header, _ = unpack(path.read_bytes(), str(path))
    except (OSError, SerializationError):
        return False
    frozen = header.get("frozen")
    return isinstance(frozen, dict) and frozen.get("reference_id") == reference_id


def pack_profile(profile: ProfileCore) -> bytes:
    """Make the container of a profile whose state may leave as it is."""
    groups, frozen = profile._groups, profile._frozen
    natives = {} if groups is None else groups.natives
    blobs = [profile._schema.serialize().to_pybytes(), profile._native.to_bytes()]
    blobs += [native.to_bytes() for native in natives.values()]
    header: dict[str, Any] = {
        "settings": list(profile._settings),
        "redact": profile._redaction.to_json(),
        "hidden": profile._hidden,
        "reads": profile._reads,
        "by": list(profile.by),
        "max_groups": None if groups is None else groups.most,
        "groups": [list(key) for key in natives],
        "frozen": None,
    }
    if frozen is not None:
        header["frozen"] = {
            "reference_id": frozen.reference_id,
            "counted_from": frozen.counted_from,
            "cells": [
                _add_cells(frozen.cells if key is None else frozen.groups[key], blobs)
                for key in (None, *natives)
            ],
        }
    return pack(header, blobs)


def _add_cells(cells: Cells, blobs: list[bytes]) -> list[list[Any]]:
    listed = []
    for number, cell in sorted(cells.items()):
        kind = "edges" if isinstance(cell, EdgeHistogram) else "categories"
        listed.append([number, kind])
        blobs.append(cell.to_bytes())
    return listed


def unpack_profile(data: Any, where: str, redact: Redact) -> Profile:
    """Make a profile of a container.

    Parameters
    ----------
    data : bytes-like
        Any bytes; they are not trusted.
    where : str
        What an error calls them.
    redact : bool, mapping or None
        None takes what the container says.

    Returns
    -------
    Profile

    Raises
    ------
    SerializationError
        If they are no profile; the message names where.
    InvalidArgumentError
        If `redact` does not fit the columns.
    """
    header, blobs = unpack(data, where)
    try:
        profile = _profile(header, blobs)
    except (*_CONTRADICTIONS, StopIteration) as error:
        reason = f"{type(error).__name__}: {error}"
        message = f"{where}: its parts are no profile or contradict one another: {reason}"
        raise SerializationError(message) from error
    if redact is not None:
        profile._redact_from_here(redact)
    return profile


def _profile(header: dict[str, Any], blobs: list[bytes]) -> Profile:
    import pyarrow as pa

    from inlay.data.profile import Profile

    rest = iter(blobs)
    k, lg_k, top = header["settings"]
    schema = pa.ipc.read_schema(pa.py_buffer(next(rest)))
    profile = Profile(
        schema,
        by=header["by"],
        max_groups=100 if header["max_groups"] is None else header["max_groups"],
        redact=header["redact"],
        top=top,
        k=k,
        lg_k=lg_k,
    )
    profile._native = _like(profile._native, next(rest))
    if profile._groups is not None:
        for texts in header["groups"]:
            key = tuple(texts)
            if len(key) != len(profile.by) or not all(isinstance(text, str) for text in key):
                message = f"a group of by {profile.by}: {key!r}"
                raise ValueError(message)
            empty = profile._new(profile._groups.schema)
            profile._groups.add(key, _like(empty, next(rest)))
    elif header["groups"]:
        message = f"groups without by: {header['groups']!r}"
        raise ValueError(message)
    hidden = header["hidden"]
    if any(
        path not in profile or how not in ("sha256", "function") for path, how in hidden.items()
    ):
        message = f"hidden columns: {hidden!r}"
        raise ValueError(message)
    profile._hidden = dict(hidden)
    profile._reads = None if header["reads"] is None else tuple(map(str, header["reads"]))
    frozen = header["frozen"]
    if frozen is not None:
        profile._frozen = _frozen(profile, frozen, rest)
    left = sum(1 for _ in rest)
    if left:
        message = f"parts that nothing names: {left}"
        raise ValueError(message)
    return profile


def _like(empty: _core.Profile, data: bytes) -> _core.Profile:
    """Read a native profile, and see that it is one of the columns that the schema has."""
    native = _core.Profile.from_bytes(data)
    empty.merge(native)  # refuses other columns, kinds and sizes
    return native


def _frozen(profile: Profile, frozen: dict[str, Any], rest: Any) -> Frozen:
    identity, counted_from = frozen["reference_id"], frozen["counted_from"]
    if not _ID.fullmatch(identity) or counted_from not in ("rows", "sketch"):
        message = f"a reference: {identity!r}, {counted_from!r}"
        raise ValueError(message)
    parts: list[Cells] = []
    natives = [profile._native]
    natives += [] if profile._groups is None else profile._groups.natives.values()
    for native, listed in zip(natives, frozen["cells"], strict=True):
        cells: Cells = {}
        for number, kind in listed:
            if not isinstance(number, int) or not 0 <= number < len(native.paths):
                message = f"a column of that number: {number!r}"
                raise ValueError(message)
            cells[number] = _KINDS[kind].from_bytes(next(rest))
        parts.append(cells)
    keys = [] if profile._groups is None else list(profile._groups.natives)
    return Frozen(parts[0], dict(zip(keys, parts[1:], strict=True)), counted_from, identity)
