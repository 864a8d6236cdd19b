"""Tables on a terminal: by Rich where there is one and it is installed, else as aligned text."""

from __future__ import annotations

import importlib.util
import sys
import unicodedata
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, TextIO

from inlay.report.formats import escape_controls, shorten

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["write_line", "write_table"]

_MOST_TEXT = 40


def write_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[int] = (),
    out: TextIO | None = None,
) -> None:
    """Write a table; columns of which every cell is empty are left out.

    Parameters
    ----------
    headings : sequence of str
        The columns.
    rows : sequence of sequences of str
        Plain text, of any length and with any character: it is cut and escaped here.
    numbers : collection of int, optional
        Columns that are set to the right.
    out : text file, optional
        By default the standard output.
    """
    target = sys.stdout if out is None else out
    cells = [[shorten(escape_controls(cell), _MOST_TEXT) for cell in row] for row in rows]
    kept = [i for i in range(len(headings)) if not cells or any(row[i] for row in cells)]
    names = [headings[i] for i in kept]
    lines = [[row[i] for i in kept] for row in cells]
    right = [i in numbers for i in kept]
    if target.isatty() and importlib.util.find_spec("rich") is not None:
        _write_rich(names, lines, right, target)
    else:
        _write_plain(names, lines, right, target)


def write_line(text: str, *, out: TextIO | None = None) -> None:
    """Write a line, whatever the output's encoding has no character for written out."""
    target = sys.stdout if out is None else out
    encoding = target.encoding or "utf-8"
    plain = text.encode(encoding, "backslashreplace").decode(encoding)
    target.write(plain.rstrip() + "\n")


def _write_plain(
    names: list[str], rows: list[list[str]], right: list[bool], target: TextIO
) -> None:
    widths = [
        max(_cells(text) for text in (name, *(row[i] for row in rows)))
        for i, name in enumerate(names)
    ]

    def line(cells: Sequence[str]) -> None:
        parts = (
            " " * (width - _cells(cell)) + cell if to_right else cell + " " * (width - _cells(cell))
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        )
        write_line("  ".join(parts), out=target)

    line(names)
    line(["-" * width for width in widths])
    for row in rows:
        line(row)


def _cells(text: str) -> int:
    """Count the cells that text takes: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
    )


def _write_rich(names: list[str], rows: list[list[str]], right: list[bool], target: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, to_right in zip(names, right, strict=True):
        table.add_column(name, justify="right" if to_right else "left", overflow="fold")
    for row in rows:
        # Text, so that a value in brackets is no markup.
        table.add_row(*(Text(cell, style=_colour(cell)) for cell in row))
    console: Console = Console(file=target)
    console.print(table)


def _colour(cell: str) -> str:
    """Colour a verdict by its sign; the word beside it says the same."""
    return (
        {"✗": "bold red", "?": "yellow", "✓": "green"}.get(cell[:1], "") if cell[1:2] == " " else ""
    )
