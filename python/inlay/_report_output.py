"""Where a command's result goes: JSON on the output, an Arrow stream, a page of HTML."""

from __future__ import annotations

import errno
import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["replacing", "write_arrow", "write_json", "write_text"]


def write_json(of: object) -> None:
    """Write one JSON document; NaN and the infinities, which JSON lacks, are words."""
    text = json.dumps(_plain(of), indent=2, ensure_ascii=False, allow_nan=False, default=str)
    try:
        sys.stdout.write(text + "\n")
    except UnicodeEncodeError:  # a lone surrogate, or an output that is not UTF-8
        sys.stdout.write(json.dumps(json.loads(text), indent=2) + "\n")


def write_arrow(table: Any, target: str) -> None:
    """Write anything that is an Arrow table as a stream to a file, or to the output for ``-``."""
    import pyarrow as pa

    rows = pa.table(table)
    if target == "-":
        with pa.ipc.new_stream(sys.stdout.buffer, rows.schema) as writer:
            writer.write_table(rows)
        return
    with (
        replacing(target) as path,
        path.open("wb") as file,
        pa.ipc.new_stream(file, rows.schema) as writer,
    ):
        writer.write_table(rows)


def write_text(text: str, target: str) -> None:
    """Write text as UTF-8 to a file, or to the output for ``-``."""
    if target == "-":
        sys.stdout.buffer.write(text.encode("utf-8"))
        return
    with replacing(target) as path:
        path.write_text(text, encoding="utf-8")


@contextmanager
def replacing(target: str) -> Iterator[Path]:
    """Give a path to write to that takes the target's place once it is whole.

    What is no file, a pipe or a device, is itself written to.
    """
    path = Path(target).resolve()
    if path.exists() and not path.is_file():
        yield path
        return
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target))
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _plain(of: Any) -> Any:
    if isinstance(of, float) and not math.isfinite(of):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(of, "NaN")
    if isinstance(of, dict):
        return {key: _plain(item) for key, item in of.items()}
    if isinstance(of, (list, tuple)):
        return [_plain(item) for item in of]
    return of
