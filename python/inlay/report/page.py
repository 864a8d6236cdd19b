"""One self-contained HTML document: what every report page is put into."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

__all__ = ["BESIDE", "details", "document", "escape", "facts", "table"]

#: How the links to the pages beside one begin.
BESIDE = '<nav aria-label="Pages">'
# What the page may load: nothing but what it holds. A browser enforces it.
_STATIC_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
# Vega compiles its expressions, so its pages need eval; they load nothing from elsewhere either.
_SCRIPT_POLICY = f"{_STATIC_POLICY}; script-src 'unsafe-inline' 'unsafe-eval'"


def escape(text: object) -> str:
    """Write text so that a browser shows it and nothing else, in attributes too.

    Characters that turn the direction of writing are kept inside their own element by the page.
    """
    # A lone surrogate or a NUL has no place in an HTML document.
    plain = (
        str(text)
        .encode("utf-8", "replace")
        .decode("utf-8")
        .replace("\0", "\N{REPLACEMENT CHARACTER}")
    )
    return html.escape(plain, quote=True)


@cache
def _style() -> str:
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8").replace("\n", "")


def document(
    *,
    title: str,
    subtitle: str,
    body: str,
    links: Sequence[tuple[str, str]] = (),
    pages: Sequence[tuple[str, str]] = (),
    scripts: str = "",
) -> str:
    """Make the document.

    Parameters
    ----------
    title, subtitle : str
        Plain text of the heading and of the line below it.
    body : str
        HTML of the main part.
    links : sequence of (str, str)
        Anchors in the page and their plain text, for the navigation.
    pages : sequence of (str, str)
        Addresses of the pages beside it and their plain text; an empty address is this one.
    scripts : str, default: ""
        Script elements. Without them the page forbids every script.

    Returns
    -------
    str
        The whole document.
    """
    policy = _SCRIPT_POLICY if scripts else _STATIC_POLICY
    navigation = " · ".join(f'<a href="#{anchor}">{escape(text)}</a>' for anchor, text in links)
    nav = f'<nav aria-label="Sections">{navigation}</nav>' if navigation else ""
    if pages:
        beside = " · ".join(
            f'<a href="{escape(address)}">{escape(text)}</a>'
            if address
            else f'<b aria-current="page">{escape(text)}</b>'
            for address, text in pages
        )
        nav = f"{BESIDE}{beside}</nav>{nav}"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        # An icon of no bytes: a browser would ask a server for one.
        '<link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{_style()}</style></head>\n<body>"
        '<a class="skip" href="#main">Skip to the content</a>\n'
        f'<header><h1>{escape(title)}</h1><p class="dim">{escape(subtitle)}</p>{nav}</header>\n'
        f'<main id="main">\n{body}\n</main>\n'
        f"<footer><p>Made by inlay. This file loads nothing from elsewhere.</p></footer>{scripts}"
        "</body></html>\n"
    )


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Make a list of names and plain-text values; nothing if there are none."""
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in pairs
    )
    return f'<dl class="facts">{items}</dl>' if items else ""


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    label: str,
    numbers: Iterable[int] = (),
    raw: Iterable[int] = (),
    wide: bool = False,
) -> str:
    """Make a table that scrolls by itself where it is too wide; its first cells are headings.

    Parameters
    ----------
    headings : sequence of str
        Plain text.
    rows : iterable of sequences of str
        Plain text, but for the columns in ``raw``.
    label : str
        What the table is, for those who do not see it.
    numbers, raw : iterable of int, optional
        Columns set to the right; columns that hold HTML.
    wide : bool
        Whether it has so many columns that headings and numbers are broken into lines.
    """
    right, html_columns = frozenset(numbers), frozenset(raw)
    classes = ["n" if i in right else "t" for i in range(len(headings))]
    head = "".join(
        f'<th scope="col" class="{kind}">{escape(text)}</th>'
        for kind, text in zip(classes, headings, strict=True)
    )
    lines = []
    for row in rows:
        cells = [text if i in html_columns else escape(text) for i, text in enumerate(row)]
        rest = "".join(
            f'<td class="{kind}">{cell}</td>'
            for kind, cell in zip(classes[1:], cells[1:], strict=True)
        )
        lines.append(f'<tr><th scope="row"><bdi>{cells[0]}</bdi></th>{rest}</tr>')
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}">'
        f"<table{' class=wide' if wide else ''}>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def details(summary: str, content: str) -> str:
    """Make a part that opens on demand; ``summary`` is plain text, ``content`` HTML."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"
