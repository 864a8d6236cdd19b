"""The state of a `Quality` as bytes, and back: what runs on is what would have run on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from inlay._checkpoint import contradictions_told, read_checkpoint
from inlay._container import pack
from inlay._restored import integer, integer_or_none
from inlay.model.quality.panes import Pane

if TYPE_CHECKING:
    from inlay.model.quality.stream import Stream

__all__ = ["pack_stream", "unpack_stream"]

_MAGIC = b"INLAYQLT"
_VERSION = 1
_DURATIONS = ("every", "horizon", "refresh")


def pack_stream(stream: Stream) -> bytes:
    """Return the state of a stream, which goes on with just this state."""
    blobs: list[bytes] = []
    panes = []
    for number, pane in sorted(stream.panes.items()):
        panes.append(
            {
                "number": number,
                "revision": pane.revision,
                "written": pane.written,
                "rows": pane.num_rows,
                "changed": pane.is_changed,
                "fresh": pane.fresh.state(),
                "known": pane.known.state(),
            }
        )
        blobs += pane.to_bytes()
    if stream.join is not None:
        blobs.append(stream.join.to_bytes())
    header: dict[str, Any] = {
        "version": _VERSION,
        "settings": {**stream.settings.to_json(), **stream.task.to_json()},
        "judges": stream.judging.describe(),
        "segments": [None if key is None else list(key) for key in stream.segments.keys],
        "overflowed": stream.segments.overflowed,
        "apart": stream.apart,
        "told": stream.told,
        "panes": panes,
        "joins": stream.join is not None,
    }
    return pack(header, [*blobs, *stream.judging.state()], magic=_MAGIC)


def unpack_stream(data: Any, where: str, stream: Stream) -> None:
    """Give a fresh stream the state that bytes hold.

    Parameters
    ----------
    data : bytes-like
        Any bytes; they are not trusted.
    where : str
        What an error calls them.
    stream : Stream
        Of no use any more after an error.

    Raises
    ------
    SerializationError
        If they are no state of a quality, a newer version wrote them, or they are damaged.
    InvalidArgumentError
        If they are the state of another quality; the message names what differs.
    """
    header, blobs = read_checkpoint(
        data,
        where,
        magic=_MAGIC,
        version=_VERSION,
        what="quality",
        mine={
            **stream.settings.to_json(),
            **stream.task.to_json(),
            "judges": stream.judging.describe(),
        },
        durations=_DURATIONS,
    )
    with contradictions_told(where, "quality"):
        _restore(header, iter(blobs), stream)


def _restore(header: dict[str, Any], blobs: Iterator[bytes], stream: Stream) -> None:
    stream.segments.restore(header["segments"], integer(header["overflowed"]))
    stream.apart = {str(reason): integer(rows) for reason, rows in header["apart"].items()}
    stream.told = {str(reason): integer(rows) for reason, rows in header["told"].items()}
    for one in header["panes"]:
        pane = stream.panes[integer(one["number"])] = Pane(stream.task)
        pane.revision = integer(one["revision"])
        pane.written = integer_or_none(one["written"])
        pane.num_rows = integer(one["rows"])
        pane.is_changed = bool(one["changed"])
        pane.fresh.restore(one["fresh"])
        pane.known.restore(one["known"])
        pane.restore(next(blobs), next(blobs))
        if pane.num_segments > len(stream.segments):
            message = f"a pane of {pane.num_segments} segments, there are {len(stream.segments)}"
            raise ValueError(message)
    if header["joins"]:
        stream.join = stream.task.read_join(next(blobs))
    stream.judging.restore(list(blobs))
