"""Tables on a terminal: by Rich where there is one and it is installed, else as aligned text."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, TextIO

from inlay.report.formats import escape_controls, shorten

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["write_line", "write_table"]

# Text is cut to the first of these widths that lets the table fit.
_TEXT_WIDTHS = (40, 30, 20, 14)
_WHOLE = 10_000  # longer than any
# A column that takes the rest gets so much at least; columns are left out for it.
_LEAST_REST = 20
_GAP = "  "


def write_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[int] = (),
    optional: Sequence[int] = (),
    rest: int | None = None,
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
        Columns that are set to the right, and never cut.
    optional : sequence of int, optional
        Columns that a narrow terminal does without, the first of these first.
    rest : int, optional
        A column of text that takes the width which the others leave, in as many lines as it needs.
        With it nothing is cut where the output is no terminal, and nothing that has room on one.
    out : text file, optional
        By default the standard output.
    """
    target = sys.stdout if out is None else out
    cells = [[escape_controls(cell) for cell in row] for row in rows]
    kept = [i for i in range(len(headings)) if not cells or any(row[i] for row in cells)]
    terminal = shutil.get_terminal_size().columns if target.isatty() else None
    # With a column that wraps, others are left out before any is cut.
    layouts = (
        [(limit, left_out) for left_out in range(len(optional) + 1) for limit in _TEXT_WIDTHS]
        if rest is None
        else [(limit, n) for limit in (_WHOLE, *_TEXT_WIDTHS) for n in range(len(optional) + 1)]
    )
    lines: list[list[str]] = []
    for limit, left_out in layouts:
        shown = [i for i in kept if i not in optional[:left_out]]
        lines = [
            [row[i] if i in numbers or i == rest else shorten(row[i], limit) for i in shown]
            for row in ([*headings], *cells)
        ]
        if terminal is not None and rest is not None and rest in shown:
            lines = _wrapped(lines, shown.index(rest), terminal)
        if terminal is None or _width(lines) <= terminal:
            break
    right = [i in numbers for i in shown]
    if terminal is not None and importlib.util.find_spec("rich") is not None:
        _write_rich(lines, right, target)
    else:
        _write_plain(lines, right, target)


def write_line(text: str, *, out: TextIO | None = None) -> None:
    """Write a line, whatever the output's encoding has no character for written out."""
    target = sys.stdout if out is None else out
    encoding = target.encoding or "utf-8"
    plain = text.encode(encoding, "backslashreplace").decode(encoding)
    target.write(plain.rstrip() + "\n")


def _write_plain(lines: list[list[str]], right: list[bool], target: TextIO) -> None:
    widths = _widths(lines)
    rule = ["-" * width for width in widths]
    for line in (lines[0], rule, *lines[1:]):
        parts = []
        for cell, width, to_right in zip(line, widths, right, strict=True):
            space = " " * (width - _cells(cell))
            parts.append(space + cell if to_right else cell + space)
        write_line(_GAP.join(parts), out=target)


def _wrapped(lines: list[list[str]], place: int, terminal: int) -> list[list[str]]:
    """Wrap a column to what the others leave of a terminal's width, and not below the least."""
    others = [[cell for i, cell in enumerate(line) if i != place] for line in lines]
    width = max(_LEAST_REST, terminal - _width(others) - len(_GAP))
    wrapped = []
    for line in lines:
        first, *more = textwrap.wrap(line[place], width) or [""]
        wrapped.append([*line[:place], first, *line[place + 1 :]])
        wrapped.extend([part if i == place else "" for i in range(len(line))] for part in more)
    return wrapped


def _widths(lines: list[list[str]]) -> list[int]:
    return [max(map(_cells, column)) for column in zip(*lines, strict=True)]


def _width(lines: list[list[str]]) -> int:
    widths = _widths(lines)
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _cells(text: str) -> int:
    """Count the cells that text takes: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
    )


def _write_rich(lines: list[list[str]], right: list[bool], target: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, len(_GAP), 0, 0))
    for name, to_right in zip(lines[0], right, strict=True):
        table.add_column(name, justify="right" if to_right else "left", no_wrap=True)
    for row in lines[1:]:
        # Text, so that a value in brackets is no markup.
        table.add_row(*(Text(cell, style=_colour(cell)) for cell in row))
    console: Console = Console(file=target)
    console.print(table)


def _colour(cell: str) -> str:
    """Colour a verdict by its sign; the word beside it says the same."""
    return (
        {"✗": "bold red", "?": "yellow", "✓": "green"}.get(cell[:1], "") if cell[1:2] == " " else ""
    )
