"""The state of a watch as bytes, and back: what runs on afterwards is what would have run on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from inlay._checkpoint import contradictions_told, read_checkpoint
from inlay._container import pack
from inlay._restored import integer, integer_or_none
from inlay.data.watch.kept_apart import REASONS
from inlay.data.watch.settings import DURATIONS

if TYPE_CHECKING:
    from inlay.data.watch.panes import Pane
    from inlay.data.watch.stream import Stream
    from inlay.data.watch.tallies import Tallies, TallyKind

__all__ = ["pack_stream", "unpack_stream"]

_MAGIC = b"INLAYWCH"
_VERSION = 1


def pack_stream(stream: Stream) -> bytes:
    """Return the state of a stream, which goes on with just this state."""
    kind, schemas = stream.kind, stream.schemas
    blobs: list[bytes] = []
    header: dict[str, Any] = {
        "version": _VERSION,
        "settings": stream.settings.to_json(),
        "reference_id": None if stream.reference is None else stream.reference.reference_id,
        "judges": stream.judging.describe(),
        "watermark": stream.watermark.state(),
        "panes": stream.panes.state(),
        "row_panes": None if stream.row_panes is None else stream.row_panes.state(),
        "row_number": stream.row_number,
        "sliding": None if stream.sliding is None else stream.sliding.state(),
        "began": stream.began,
        "day": stream.day,
        "newest": stream.instruments.newest(),
        "apart": stream.apart.counts,
        "has_schema": kind is not None,
        "on_device": stream.device is not None,
        "host_rows": stream.host_rows,
        "groups": [] if kind is None else [list(key) for key in kind.known],
        "sources": [],
    }
    if stream.expected is not None and schemas is not None:
        blobs.append(stream.expected.serialize().to_pybytes())
        for source, schema in schemas.state():
            header["sources"].append(source)
            blobs.append(schema)
    header["tallies"] = [_add_tallies(pane, blobs, kind) for pane in _panes(stream)]
    keys = [] if stream.duplicates is None else stream.duplicates.state()
    header["keys"] = len(keys)
    blobs += [*keys, *stream.judging.state()]
    return pack(header, blobs, magic=_MAGIC)


def _panes(stream: Stream) -> list[Pane]:
    panes = [*stream.panes.open.values(), *stream.panes.late.values()]
    if stream.row_panes is not None and stream.row_panes.open is not None:
        panes.append(stream.row_panes.open)
    if stream.sliding is not None:
        panes += stream.sliding.kept
    return panes


def _add_tallies(pane: Pane, blobs: list[bytes], kind: TallyKind | None) -> list[list[str]] | None:
    """Add the tallies of a pane; return the groups' keys, or None if it has no tallies.

    A sketch is settled when it is written, so that this watch goes on with what others will read.
    """
    tallies = pane.tallies
    if tallies is None or kind is None:
        return None
    for key, tally in tallies.parts():
        blobs.append(tally.to_bytes())
        settled = kind.read(blobs[-1], key)
        if key is None:
            tallies.whole = settled
        else:
            tallies.groups[key] = settled
    return [list(key) for key in tallies.groups]


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
        If they are no state of a watch, a newer version wrote them, or they are damaged.
    InvalidArgumentError
        If they are the state of another watch; the message names what differs.
    """
    header, blobs = read_checkpoint(
        data,
        where,
        magic=_MAGIC,
        version=_VERSION,
        what="watch",
        mine={
            **stream.settings.to_json(),
            "reference_id": None if stream.reference is None else stream.reference.reference_id,
            "judges": stream.judging.describe(),
        },
        durations=DURATIONS,
    )
    with contradictions_told(where, "watch"):
        _restore(header, iter(blobs), stream)


def _restore(header: dict[str, Any], blobs: Iterator[bytes], stream: Stream) -> None:
    import pyarrow as pa

    if header["has_schema"]:
        schema = pa.ipc.read_schema(pa.py_buffer(next(blobs)))
        stream.host_rows = bool(header.get("host_rows", True))
        if header.get("on_device"):
            stream.count_on_device(schema)
        if stream.expected is None:
            stream.expect(schema)
        elif not schema.equals(stream.expected):
            message = f"columns: {schema.names}"
            raise ValueError(message)
        assert stream.kind is not None
        assert stream.schemas is not None
        stream.kind.restore(header["groups"])
        stream.schemas.restore([(source, next(blobs)) for source in header["sources"]])
    tallies = iter([_read_tallies(keys, blobs, stream) for keys in header["tallies"]])
    stream.watermark.restore(header["watermark"])
    stream.panes.restore(header["panes"], tallies)
    if stream.row_panes is not None:
        stream.row_panes.restore(header["row_panes"], tallies)
    stream.row_number = integer(header["row_number"])
    if stream.sliding is not None:
        stream.sliding.restore(header["sliding"], tallies)
    if next(tallies, None) is not None:
        message = "tallies of no pane"
        raise ValueError(message)
    stream.began = integer(header["began"])
    stream.instruments.restore(
        [(str(source), integer_or_none(time)) for source, time in header["newest"]]
    )
    stream.apart.counts.update({reason: integer(header["apart"][reason]) for reason in REASONS})
    keys = [next(blobs) for _ in range(header["keys"])]
    if stream.duplicates is not None:
        stream.duplicates.restore(keys)
    stream.judging.restore(list(blobs))
    stream.restored(integer_or_none(header["day"]))


def _read_tallies(keys: Any, blobs: Iterator[bytes], stream: Stream) -> Tallies | None:
    if keys is None:
        return None
    kind = stream.kind
    if kind is None:
        message = "tallies without columns"
        raise ValueError(message)
    tallies = kind.empty()
    tallies.whole = kind.read(next(blobs))
    for texts in keys:
        key = tuple(texts)
        if key not in kind.known:
            message = f"a group that is not there: {key!r}"
            raise ValueError(message)
        tallies.groups[key] = kind.read(next(blobs), key)
    return tallies
