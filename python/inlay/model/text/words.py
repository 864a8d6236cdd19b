"""How a text is cut into words, characters and sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = ["sentences_of", "texts_of", "tokens_of"]

# Apostrophes are the typewriter's and U+2019; the other marks close a quotation, or end a
# sentence in languages that put no space behind it (U+3002, U+FF01, U+FF1F).
_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'\u201d\u2019)\]]*\s+|(?<=[\u3002\uff01\uff1f])|\n{2,}")


def tokens_of(name: str, text: Any, unit: str = "word") -> list[str]:
    """Return a text's tokens, in lower case.

    Parameters
    ----------
    name : str
        What an error calls it.
    text : str or sequence of str
        A text, or tokens, which are taken as they are.
    unit : str
        ``"word"``: runs of letters and digits. ``"character"``: all but white space, for languages
        that put none between words.

    Raises
    ------
    TypeError
        If it is neither.
    InvalidArgumentError
        If the unit is another word.
    """
    if unit not in ("word", "character"):
        message = f"unit must be 'word' or 'character': {unit!r}"
        raise InvalidArgumentError(message)
    if isinstance(text, str):
        lower = text.casefold()
        return _WORD.findall(lower) if unit == "word" else [c for c in lower if not c.isspace()]
    return texts_of(name, text)


def texts_of(name: str, texts: Any) -> list[str]:
    """Return a list of texts.

    Raises
    ------
    TypeError
        If it is no sequence of str.
    """
    if isinstance(texts, (bytes, str)) or not isinstance(texts, Sequence):
        message = f"{name} must be a sequence of str: {texts!r}"
        raise TypeError(message)
    for one in texts:
        if not isinstance(one, str):
            message = f"{name} must hold str alone: {one!r}"
            raise TypeError(message)
    return list(texts)


def sentences_of(text: str) -> list[str]:
    """Return a text's sentences: what ends in a full stop, a question or exclamation mark."""
    return [part for piece in _SENTENCE_END.split(text) if piece and (part := piece.strip())]
