"""Arrow IPC streams that grow by whole batches and may end anywhere.

Each message carries its length and CRC-32 in its metadata, so that a reader hands Arrow only
bytes that were written whole: after a crash, a full disk or a flipped bit all batches before the
damage are shown, and none that is half or wrong. Other programs read the file as the plain Arrow
stream it is. A stream without these marks is read as far as Arrow can.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["END", "Entry", "Growing", "StreamReader", "StreamWriter", "read_stream"]

END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""What ends a complete stream."""

_PREFIX = struct.Struct("<Ii")
_CONTINUATION = 0xFFFFFFFF
_NO_SUM = b" bytes=0000000000000000 crc32=00000000"
_SUM = re.compile(rb" bytes=([0-9a-f]{16}) crc32=([0-9a-f]{8})")
_WINDOW = re.compile(rb"window=(\d+) observed=(-?\d+) bytes=")
_KEY = b"inlay"


class Entry(NamedTuple):
    """A batch of a stream.

    Attributes
    ----------
    window_seq : int or None
        The window's number; None if the stream does not tell.
    observed_time_us : int or None
        When the window was emitted; None if the stream does not tell.
    batch : pyarrow.RecordBatch
        Its rows.
    """

    window_seq: int | None
    observed_time_us: int | None
    batch: pa.RecordBatch


class StreamWriter:
    """Encodes batches of one schema; keeps no state between them. Not thread-safe.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of every batch.
    compression : str or None
        ``"zstd"``, ``"lz4"`` or None.
    """

    def __init__(self, schema: pa.Schema, compression: str | None) -> None:
        self.schema = schema
        self._marked = schema.with_metadata(
            {**(schema.metadata or {}), _KEY: b"format=1" + _NO_SUM}
        )
        self._options = pa.ipc.IpcWriteOptions(compression=compression)
        buffer = pa.BufferOutputStream()
        pa.ipc.new_stream(buffer, self._marked, options=self._options).close()
        plain = buffer.getvalue().to_pybytes()[: -len(END)]
        self._header_bytes = len(plain)
        self.header: bytes = _with_sum(bytearray(plain))

    def encode(self, table: pa.Table, window_seq: int, observed_time_us: int) -> bytes:
        """Return the message that holds all rows of a table as one batch."""
        batches = table.combine_chunks().to_batches()
        if len(batches) != 1:
            message = f"a table of {table.num_rows} rows does not fit into one batch"
            raise ValueError(message)
        mark = f"window={window_seq} observed={observed_time_us}".encode() + _NO_SUM
        buffer = pa.BufferOutputStream()
        with pa.ipc.new_stream(buffer, self._marked, options=self._options) as writer:
            batch = batches[0].replace_schema_metadata(self._marked.metadata)
            writer.write_batch(batch, custom_metadata={_KEY: mark})
        message_bytes = buffer.getvalue()[self._header_bytes :]
        return _with_sum(bytearray(memoryview(message_bytes)[: -len(END)]))


def _with_sum(message: bytearray) -> bytes:
    """Fill in the length and the checksum, which is that of the message with both zero."""
    place = message.index(_NO_SUM)  # in the metadata, which comes before the body
    total = f" bytes={len(message):016x} crc32={zlib.crc32(message):08x}".encode()
    message[place : place + len(total)] = total
    return bytes(message)


def _read_names(fields: Iterable[pa.Field]) -> None:
    """Raise UnicodeDecodeError if a name is no text: pyarrow looks only when it is asked for."""
    for field in fields:
        assert isinstance(field.name, str)
        _read_names(field.type.field(i) for i in range(field.type.num_fields))


class StreamReader:
    """Iterates over the whole batches of a stream, up to its end or the first damage.

    Not thread-safe.

    Parameters
    ----------
    data : bytes-like
        The stream's bytes; batches share them.

    Attributes
    ----------
    schema : pyarrow.Schema or None
        Its schema; None if even that is not whole.
    whole_bytes : int
        How many bytes from the start are sound; complete after the iteration.
    damage : str or None
        What is wrong with the bytes that follow; None if there are none, or if they are merely
        the beginning of a batch.
    """

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = pa.py_buffer(data)
        self._view = memoryview(self._data)
        self.whole_bytes = 0
        self.damage: str | None = None
        self.schema: pa.Schema | None = None
        self._marked = False
        self._position = 0
        self._read_schema()

    def __iter__(self) -> Iterator[Entry]:
        while self.schema is not None:
            message, mark = self._next()
            if message is None:
                return
            # Arrow takes a message for what it is asked to be, whatever it is.
            if message.type != "record batch":
                self.damage = f"a message that is no record batch: {message.type}"
                return
            try:
                batch = pa.ipc.read_record_batch(message, self.schema)
                batch.validate(full=True)
            except (pa.ArrowException, OSError, ValueError, TypeError, MemoryError) as error:
                self.damage = f"an unreadable batch: {_first_line(error)}"
                return
            self.whole_bytes = self._position
            window = _WINDOW.search(mark)
            yield Entry(
                int(window[1]) if window else None, int(window[2]) if window else None, batch
            )

    def chosen(self, columns: Iterable[str]) -> Iterator[Entry]:
        """Iterate over the whole batches with some of their columns, as far as there are such.

        The others are neither decompressed nor looked at. Batches whose sums fit hold what was
        written, so they are not looked through again.

        Parameters
        ----------
        columns : iterable of str
            Their names; they come in the order of the stream.
        """
        if self.schema is None or not self._marked:
            yield from (entry._replace(batch=_selected(entry.batch, columns)) for entry in self)
            return
        names = set(columns)
        marks: list[bytes] = []
        starts_at = self.whole_bytes
        while True:
            message, mark = self._next()
            if message is None:
                break
            if message.type != "record batch":
                self.damage = f"a message that is no record batch: {message.type}"
                break
            marks.append(mark)
            self.whole_bytes = self._position
        if not marks:
            return
        self._position = starts_at
        fields = [i for i, name in enumerate(self.schema.names) if name in names]
        options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
        try:
            decoded = list(
                pa.ipc.open_stream(self._data.slice(0, self.whole_bytes), options=options)
            )
        except (pa.ArrowException, OSError, ValueError, TypeError, MemoryError):
            decoded = []
        if len(decoded) != len(marks):  # the other way says where it is that it fails
            self.whole_bytes, self.damage = starts_at, None
            for entry in self:
                yield entry._replace(batch=_selected(entry.batch, columns))
            return
        self._position = self.whole_bytes
        metadata = self.schema.metadata
        for mark, batch in zip(marks, decoded, strict=True):
            window = _WINDOW.search(mark)
            yield Entry(
                int(window[1]) if window else None,
                int(window[2]) if window else None,
                batch.replace_schema_metadata(metadata),
            )

    def _read_schema(self) -> None:
        # The first message says whether all of them carry sums.
        metadata = self._metadata()
        self._marked = metadata is not None and _SUM.search(metadata) is not None
        message, _ = self._next()
        if message is None:
            return
        if message.type != "schema":
            self.damage = f"a message that is no schema: {message.type}"
            return
        try:
            schema = pa.ipc.read_schema(message)
            _read_names(schema)
        except (pa.ArrowException, OSError, ValueError, TypeError, MemoryError) as error:
            self.damage = f"an unreadable schema: {_first_line(error)}"
            return
        kept = {k: v for k, v in (schema.metadata or {}).items() if k != _KEY}
        self.schema = schema.with_metadata(kept or None)
        self.whole_bytes = self._position

    def _metadata(self) -> bytes | None:
        """Return the metadata of the message at the position; None if it is not all there."""
        head = self._view[self._position : self._position + _PREFIX.size]
        if len(head) < _PREFIX.size:
            return None
        mark, size = _PREFIX.unpack(head)
        start = self._position + _PREFIX.size
        if mark != _CONTINUATION or size <= 0 or start + size > len(self._view):
            return None
        return bytes(self._view[start : start + size])

    def _next(self) -> tuple[pa.Message | None, bytes]:
        """Return the next message, checked, and its metadata; advance behind it."""
        rest = self._view[self._position :]
        if len(rest) < _PREFIX.size:
            return None, b""
        if bytes(rest[: len(END)]) == END:
            self.whole_bytes = self._position + len(END)
            return None, b""
        if _PREFIX.unpack(rest[: _PREFIX.size])[0] != _CONTINUATION:
            self.damage = "no message where one should begin"
            return None, b""
        metadata = self._metadata()
        if metadata is None:
            return None, b""
        return self._checked(metadata) if self._marked else self._unchecked(metadata)

    def _checked(self, metadata: bytes) -> tuple[pa.Message | None, bytes]:
        found = _SUM.search(metadata)
        if found is None:
            self.damage = "a message without its checksum"
            return None, b""
        size, expected = int(found[1], 16), int(found[2], 16)
        place = self._position + _PREFIX.size + found.start()
        end = self._position + size
        if end > len(self._view):
            return None, b""
        if end < place + len(_NO_SUM):
            self.damage = "a message whose length is wrong"
            return None, b""
        actual = zlib.crc32(self._view[self._position : place])
        actual = zlib.crc32(_NO_SUM, actual)
        actual = zlib.crc32(self._view[place + len(_NO_SUM) : end], actual)
        if actual != expected:
            self.damage = "a message whose checksum is wrong"
            return None, b""
        message = pa.ipc.read_message(self._data.slice(self._position, size))
        self._position = end
        return message, metadata

    def _unchecked(self, metadata: bytes) -> tuple[pa.Message | None, bytes]:
        source = pa.BufferReader(self._data.slice(self._position))
        try:
            message = pa.ipc.read_message(source)
        except (pa.ArrowException, OSError, EOFError, ValueError, MemoryError) as error:
            if "Expected" not in str(error):  # Arrow's words for a message that is cut short
                self.damage = f"an unreadable message: {_first_line(error)}"
            return None, b""
        self._position += source.tell()
        return message, metadata


def _selected(batch: pa.RecordBatch, columns: Iterable[str]) -> pa.RecordBatch:
    names = set(columns)
    return batch.select([name for name in batch.schema.names if name in names])


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def read_stream(path: Path) -> StreamReader:
    """Read a file into memory and return a reader of its batches.

    The bytes are read, not mapped: the file may be cut while it is in use.
    """
    return StreamReader(path.read_bytes())


class Growing:
    """A stream file under construction, to which whole messages are added. Not thread-safe.

    Every message is with the kernel when `append` returns, so killing the process loses nothing
    of it. A message that fails half-way is taken back, and overwritten by the next one.

    Parameters
    ----------
    path : Path
        The file, which must not exist; its folder is made.
    writer : StreamWriter
        Who encodes.

    Raises
    ------
    OSError
        If the file cannot be made.
    """

    def __init__(self, path: Path, writer: StreamWriter) -> None:
        self.path = path
        self.writer = writer
        self.num_bytes = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor: int | None = os.open(path, flags, 0o666)

    def append(self, message: bytes) -> None:
        """Add a message; the schema goes before the first one.

        Raises
        ------
        FileNotFoundError
            If the file was removed or replaced meanwhile.
        OSError
            If it cannot be written; the file is then as before.
        """
        descriptor = self._require()
        data = memoryview(message if self.num_bytes else self.writer.header + message)
        try:
            same = os.path.samestat(self.path.stat(), os.fstat(descriptor))
        except FileNotFoundError:
            same = False
        if not same:
            text = "the file was removed while it was written"
            raise FileNotFoundError(2, text, str(self.path))
        done = 0
        try:
            while done < len(data):
                done += os.pwrite(descriptor, data[done:], self.num_bytes + done)
        except OSError:
            self._take_back(descriptor)
            raise
        self.num_bytes += len(data)

    def _take_back(self, descriptor: int) -> None:
        try:
            os.ftruncate(descriptor, self.num_bytes)
        except OSError:
            # Readers stop before the rest, and the next message is written over it.
            return

    def finish(self) -> None:
        """Mark the end and see the bytes onto the disk."""
        descriptor = self._require()
        os.pwrite(descriptor, END, self.num_bytes)
        os.fsync(descriptor)

    def close(self) -> None:
        """Release the file as it is."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def discard(self) -> None:
        """Release the file and remove it, unless another one has taken its name."""
        descriptor = self._require()
        try:
            if os.path.samestat(self.path.stat(), os.fstat(descriptor)):
                self.path.unlink()
        except FileNotFoundError:
            pass
        finally:
            self.close()

    def _require(self) -> int:
        if self._descriptor is None:
            message = f"{self.path} is closed"
            raise ValueError(message)
        return self._descriptor
