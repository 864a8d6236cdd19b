"""Streams under damage: whatever happens to the bytes, whole batches before it are shown."""

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inlay._files.stream import END, Growing, StreamReader, StreamWriter

TABLE = pa.table(
    {
        "number": pa.array([1, None, 3], pa.int64()),
        "text": ["x", "ß", None],
        "counts": pa.array([[1, 2], [], None], pa.list_(pa.int64())),
        "blob": [b"\x00", None, b"\xff" * 9],
    }
)
COUNT = 4


def marked(compression: str | None) -> tuple[bytes, list[int]]:
    """A stream of ours and where its batches end."""
    writer = StreamWriter(TABLE.schema, compression)
    data, ends = writer.header, []
    for seq in range(COUNT):
        data += writer.encode(TABLE, seq, 10 * seq)
        ends.append(len(data))
    return data + END, ends


def plain() -> bytes:
    """A stream as any other program writes it."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, TABLE.schema) as writer:
        for _ in range(COUNT):
            writer.write_table(TABLE)
    return sink.getvalue().to_pybytes()


STREAMS = {name: marked(name) for name in ("zstd", None)}
PLAIN = plain()


@pytest.mark.parametrize("compression", ["zstd", None])
def test_a_whole_stream_is_read_and_is_plain_arrow(compression):
    data, _ = STREAMS[compression]
    reader = StreamReader(data)
    entries = list(reader)
    assert [(e.window_seq, e.observed_time_us) for e in entries] == [
        (seq, 10 * seq) for seq in range(COUNT)
    ]
    assert all(pa.Table.from_batches([e.batch]).equals(TABLE) for e in entries)
    assert reader.damage is None
    assert reader.whole_bytes == len(data)
    assert reader.schema.equals(TABLE.schema)
    assert not reader.schema.metadata
    assert pa.ipc.open_stream(data).read_all().equals(pa.concat_tables([TABLE] * COUNT))


@pytest.mark.parametrize("compression", ["zstd", None])
def test_a_stream_cut_anywhere_shows_its_whole_batches_without_complaint(compression):
    data, ends = STREAMS[compression]
    for length in range(len(data) + 1):
        reader = StreamReader(data[:length])
        assert [e.window_seq for e in reader] == [s for s, end in enumerate(ends) if end <= length]
        assert reader.damage is None


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_flipped_bits_never_show_a_wrong_batch_and_hide_none_before_them(data):
    whole, ends = STREAMS[data.draw(st.sampled_from(["zstd", None]))]
    damaged = bytearray(whole)
    places = data.draw(
        st.lists(st.integers(0, 8 * len(whole) - 1), min_size=1, max_size=3, unique=True)
    )
    for bit in places:
        damaged[bit // 8] ^= 1 << bit % 8
    if data.draw(st.booleans()):
        damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    entries = list(StreamReader(damaged))
    sound = sum(end <= min(places) // 8 for end in ends if end <= len(damaged))
    assert len(entries) >= sound
    header = len(whole) - len(END) - (ends[-1] - (2 * ends[0] - ends[1]))
    if min(places) // 8 >= header:  # damage to the header itself may void the checksums
        for entry in entries:
            assert pa.Table.from_batches([entry.batch]).equals(TABLE)


@given(
    bits=st.lists(st.integers(0, 8 * len(PLAIN) - 1), max_size=3),
    length=st.integers(0, len(PLAIN)),
)
@example(bits=[2375], length=832)  # a name that is no text
@example(bits=[235, 1147, 4144], length=len(PLAIN))  # a first message of no known type
@settings(max_examples=300, deadline=None)
def test_damage_to_a_plain_stream_crashes_nothing(bits, length):
    damaged = bytearray(PLAIN)
    for bit in bits:
        damaged[bit // 8] ^= 1 << bit % 8
    for entry in StreamReader(damaged[:length]):
        entry.batch.validate(full=True)
        entry.batch.to_pylist()


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_without_a_crash(data):
    assert list(StreamReader(data)) == []


def test_a_plain_stream_is_read(tmp_path):
    reader = StreamReader(PLAIN)
    assert [e.window_seq for e in reader] == [None] * COUNT
    assert reader.damage is None


def test_damage_says_what_and_where():
    data, ends = STREAMS["zstd"]
    damaged = bytearray(data)
    damaged[ends[1] - 3] ^= 1
    reader = StreamReader(damaged)
    assert [e.window_seq for e in reader] == [0]
    assert reader.damage == "a message whose checksum is wrong"
    assert reader.whole_bytes == ends[0]
    reader = StreamReader(data[: ends[0]] + b"\x00" * 64)
    assert len(list(reader)) == 1
    assert reader.damage == "no message where one should begin"


def test_a_growing_file_never_replaces_another(tmp_path):
    path = tmp_path / "f.arrows"
    path.write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        Growing(path, StreamWriter(TABLE.schema, None))
    assert path.read_bytes() == b"theirs"
