"""The data that a command reads: files, globs, an Arrow stream on its input, saved profiles."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError, SerializationError

if TYPE_CHECKING:
    from inlay import Profile

__all__ = ["STANDARD_INPUT", "add_data", "is_profile", "load_profiles", "moment_of", "source"]

STANDARD_INPUT = "-"
PROFILE_SUFFIX = ".inlay"


def add_data(parser: argparse.ArgumentParser, *, or_profile: bool = False) -> None:
    """Add the argument to a command."""
    saved = "; or profiles that were saved (*.inlay)" if or_profile else ""
    parser.add_argument(
        "data",
        metavar="DATA",
        nargs="+",
        help=(
            "Parquet, Arrow or CSV files, a directory of Parquet files, a glob in quotes; "
            f"- reads an Arrow stream from standard input{saved}"
        ),
    )


def is_profile(words: Sequence[str]) -> bool:
    """Tell whether saved profiles are meant, not data.

    Raises
    ------
    InvalidArgumentError
        If both are named.
    """
    saved = [word for word in words if Path(word).suffix == PROFILE_SUFFIX]
    if saved and len(saved) < len(words):
        other = next(word for word in words if word not in saved)
        message = f"either saved profiles or data, not both: {saved[0]!r} and {other!r}"
        raise InvalidArgumentError(message)
    return bool(saved)


def load_profiles(words: Sequence[str], *, redact: dict[str, bool] | None = None) -> Profile:
    """Load saved profiles and merge them into the first.

    Parameters
    ----------
    words : sequence of str
        Their paths.
    redact : dict of str to bool, optional
        Which columns' values to hide or to show; what a file hides stays hidden.

    Raises
    ------
    InvalidArgumentError
        If they do not fit together, or several are named and one is a frozen reference.
    SerializationError
        If one is cut short or no profile.
    """
    from inlay import Profile

    first, *others = (Profile.load(word, redact=redact) for word in words)
    for other in others:
        first.merge(other)
    return first


def source(words: Sequence[str]) -> Any:
    """Give the data in a form that `inlay.Profile` and `inlay.Contract` read.

    Raises
    ------
    InvalidArgumentError
        If standard input is named beside other data.
    SerializationError
        If what comes on it is no Arrow stream; as it is read, if it is cut short or damaged.
    """
    if STANDARD_INPUT not in words:
        return words[0] if len(words) == 1 else list(words)
    if len(words) > 1:
        message = f"standard input (-) is read alone, got {len(words)} arguments: {list(words)!r}"
        raise InvalidArgumentError(message)
    import pyarrow as pa

    try:
        stream = pa.ipc.open_stream(sys.stdin.buffer)
    except (pa.ArrowException, OSError) as error:
        message = f"standard input is no Arrow stream: {error}"
        raise SerializationError(message) from error

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from stream
        except (pa.ArrowException, OSError) as error:
            message = f"standard input: the Arrow stream is cut short or damaged: {error}"
            raise SerializationError(message) from error

    return pa.RecordBatchReader.from_batches(stream.schema, batches())


def moment_of(text: str) -> datetime.datetime:
    """Read a time; argparse puts the option before what is said."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        message = f"must be a time such as 2026-05-01 or 2026-05-01T02:30, got {text!r}"
        raise argparse.ArgumentTypeError(message) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
