"""A real model behind a real server, observed for half a minute: ``inlay demo``."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from pathlib import Path

__all__ = ["add_parser", "run"]

_NEEDS = ("duckdb", "fastapi", "httpx", "rich", "sklearn", "starlette", "uvicorn")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line.

    Parameters
    ----------
    subparsers : argparse subparsers
        Those of ``inlay``.
    """
    parser = subparsers.add_parser(
        "demo",
        help="serve a model, send it requests, show what was measured",
        description=(
            "Trains a classifier of handwritten digits, serves it on the loopback interface, "
            "sends it requests, and shows what the server measured meanwhile. Exits with 1 if "
            "that is not what the client counted."
        ),
    )
    parser.add_argument(
        "--requests", type=_positive, default=3000, metavar="N", help="how many (default: 3000)"
    )
    parser.add_argument(
        "--dir",
        type=Path,
        default=Path("telemetry"),
        metavar="DIR",
        help="where the tables are written (default: telemetry)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=0,
        metavar="P",
        help="port of the server on 127.0.0.1 (default: one that is free)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo.

    Parameters
    ----------
    args : argparse.Namespace
        With ``requests``, ``dir`` and ``port``.

    Returns
    -------
    int
        0 if what was measured is what was sent, 1 if not, 2 if the demo could not start, 130
        after Ctrl-C.
    """
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(f"inlay demo needs {', '.join(missing)}: pip install 'inlay[demo]'\n")
        return 2
    refused = _refused(args.dir)
    if refused is not None:
        sys.stderr.write(f"inlay demo: cannot write to --dir {args.dir}: {refused}\n")
        return 2
    from inlay.demo import session

    return session.play(requests=args.requests, folder=args.dir, port=args.port)


def _refused(folder: Path) -> str | None:
    """Make a directory, and say why nothing can be written into it; None if it can."""
    if folder.exists() and not folder.is_dir():
        return "it is a file"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return str(error.strerror or error)


def _positive(text: str) -> int:
    number = _whole(text)
    if number < 1:
        message = f"must be at least 1: {text}"
        raise argparse.ArgumentTypeError(message)
    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        message = f"must be a whole number, got {text!r}"
        raise argparse.ArgumentTypeError(message) from None


def _port(text: str) -> int:
    number = _whole(text)
    if not 0 <= number <= 65_535:
        message = f"must be between 0 and 65535: {text}"
        raise argparse.ArgumentTypeError(message)
    return number
