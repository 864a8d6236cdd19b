"""The container of a profile: what was packed comes out; all else is refused with its offset."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inlay import SerializationError
from inlay._container import pack, read_file, unpack, write_file

HEADER = {"name": "ä", "numbers": [1, 2.5, None]}
BLOBS = [b"", b"abc", bytes(1000)]


def sealed(head: bytes, payload: bytes) -> bytes:
    return head + hashlib.sha256(head + payload).digest() + payload


def with_head(data: bytes, **changes: int) -> bytes:
    """Change fields of the head, and make the digest right again."""
    names = ("version", "codec", "size", "full")
    magic, *values = struct.unpack("<8sHHQQ", data[:28])
    fields = dict(zip(names, values, strict=True)) | changes
    return sealed(struct.pack("<8sHHQQ", magic, *fields.values()), data[60:])


@given(
    st.dictionaries(st.text(), st.integers() | st.text() | st.none(), max_size=4),
    st.lists(st.binary(max_size=200), max_size=5),
)
def test_what_was_packed_comes_out(header: dict[str, object], blobs: list[bytes]) -> None:
    header.pop("blobs", None)
    data = pack(header, blobs)
    assert unpack(data, "x") == (header, blobs)
    assert pack(header, blobs) == data


def test_every_cut_is_refused_with_the_offset() -> None:
    data = pack(HEADER, BLOBS)
    for size in range(len(data)):
        with pytest.raises(SerializationError, match=r"^here: at byte \d+: "):
            unpack(data[:size], "here")
    with pytest.raises(SerializationError, match=rf"at byte {len(data)}: there are bytes beyond"):
        unpack(data + b"\0", "here")


def test_every_changed_byte_is_refused() -> None:
    data = pack(HEADER, BLOBS)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x55
        with pytest.raises(SerializationError, match=r"^here: at byte \d+: "):
            unpack(bytes(changed), "here")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "at byte 0: it is no profile"),
        (b"PAR1" * 30, "at byte 0: it is no profile of inlay, it begins with b'PAR1PAR1'"),
        (with_head(pack(HEADER, BLOBS), version=2), "at byte 8: its version is 2"),
        (with_head(pack(HEADER, BLOBS), codec=7), "at byte 10: its codec is unknown: 7"),
        (
            with_head(pack(HEADER, BLOBS), full=1 << 40),
            "at byte 20: .*so many bytes: 1099511627776",
        ),
        (with_head(pack(HEADER, BLOBS), full=3), "at byte 60: "),
        (with_head(pack(HEADER, BLOBS), codec=0), "at byte 20: "),
    ],
)
def test_contradictions_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(SerializationError, match=message):
        unpack(data, "here")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        struct.pack("<I", 99) + b"{}",
        struct.pack("<I", 2) + b"{}",
        struct.pack("<I", 2) + b"[]",
        struct.pack("<I", 2) + b"{!",
        struct.pack("<I", 14) + b'{"blobs":[-1]}',
        struct.pack("<I", 13) + b'{"blobs":[3]}',
        struct.pack("<I", 12) + b'{"blobs":[]}' + b"more",
    ],
)
def test_malformed_contents_are_refused(body: bytes) -> None:
    data = sealed(struct.pack("<8sHHQQ", b"INLAYPRF", 1, 0, len(body), len(body)), body)
    with pytest.raises(SerializationError, match=r"^here, content: at byte \d+: "):
        unpack(data, "here")


def test_a_content_that_shrinks_beyond_measure_is_kept_plain() -> None:
    blob = bytes(1 << 22)
    data = pack({}, [blob])
    assert unpack(data, "x") == ({}, [blob])


def test_files_are_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "x.inlay"
    with pytest.raises(FileNotFoundError, match="new"):
        write_file(path, b"first")
    assert not path.parent.exists()
    path.parent.mkdir()
    write_file(path, b"first")
    assert read_file(path) == b"first"

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        write_file(path, b"second")
    assert [entry.name for entry in path.parent.iterdir()] == ["x.inlay"]
    assert path.read_bytes() == b"first"


def test_files_that_cannot_be_read_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SerializationError, match=tmp_path.name):
        read_file(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"nope\.inlay"):
        read_file(tmp_path / "nope.inlay")
