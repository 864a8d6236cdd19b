"""Parts of a table read from a directory: some columns, damaged streams, several writers."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from infra_world import World

from inlay._files.slices import read_slice
from inlay._files.stream import StreamReader, StreamWriter
from inlay.sinks import Files

COLUMNS = ("a", "text")


def stream(codec="zstd"):
    tables = [
        pa.table({"a": [n, n + 1], "b": [[1.5], None], "text": ["x" * n, None]}) for n in range(5)
    ]
    writer = StreamWriter(tables[0].schema, codec)
    parts = [writer.encode(table, n, 100 + n) for n, table in enumerate(tables)]
    return writer.header + b"".join(parts)


STREAMS = {codec: stream(codec) for codec in ("zstd", None)}


def plain(data):
    reader = StreamReader(data)
    rows = [(e.window_seq, e.observed_time_us, e.batch.select(list(COLUMNS))) for e in reader]
    return rows, reader


def chosen(data):
    reader = StreamReader(data)
    rows = [tuple(entry) for entry in reader.chosen(COLUMNS)]
    return rows, reader


def same(data):
    (expected, one), (found, other) = plain(data), chosen(data)
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    assert all(a[2].equals(b[2]) for a, b in zip(found, expected, strict=True))
    assert (other.whole_bytes, other.damage) == (one.whole_bytes, one.damage)
    return found


@pytest.mark.parametrize("codec", STREAMS)
def test_chosen_columns_are_those_of_the_whole_rows(codec):
    found = same(STREAMS[codec])
    assert [row[0] for row in found] == [0, 1, 2, 3, 4]
    assert found[3][2].to_pydict() == {"a": [3, 4], "text": ["xxx", None]}


@given(st.sampled_from(list(STREAMS)), st.integers(0, 10_000), st.integers(1, 255))
def test_of_a_damaged_stream_both_ways_show_the_same(codec, place, flip):
    data = bytearray(STREAMS[codec])
    data[place % len(data)] ^= flip
    same(bytes(data))


@given(st.sampled_from(list(STREAMS)), st.integers(0, 10_000))
def test_of_a_stream_cut_short_both_ways_show_the_same(codec, length):
    same(STREAMS[codec][: length % (len(STREAMS[codec]) + 1)])


def test_a_stream_of_another_writer_has_no_sums():
    table = pa.table({"a": [1], "b": [[2.0]], "text": ["x"]})
    buffer = pa.BufferOutputStream()
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    assert len(same(buffer.getvalue().to_pybytes())) == 1
    assert same(b"") == []
    assert same(b"nothing of the kind") == []


def test_several_writers_and_unknown_columns(tmp_path):
    for origin in (1, 2):
        sink = Files(tmp_path)
        sink.open({}, origin)
        for batch in World(3, origin=origin).batches():
            sink.write(batch)
    found = read_slice(tmp_path, "points", columns=("origin", "nothing"), choose=lambda rows: rows)
    assert found.known
    assert {table.column_names[0] for table in found.tables} == {"origin"}
    assert {table["origin"][0].as_py() for table in found.tables} == {1, 2}
    assert not read_slice(tmp_path, "steps", choose=lambda rows: rows).known
