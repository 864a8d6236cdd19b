"""Shares of a text's n-grams: those that its context has, and those that come again."""

from __future__ import annotations

from collections.abc import Sequence

from inlay._arguments import at_least
from inlay.model.text.words import tokens_of

__all__ = ["overlap", "repetition"]


def _ngrams(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(tokens[i:] for i in range(n)), strict=False))


def overlap(
    answer: str | Sequence[str],
    context: str | Sequence[str],
    *,
    n: int = 3,
    unit: str = "word",
) -> float | None:
    """Return the share of an answer's n-grams that its context has.

    It measures how much of the wording was taken over, and nothing else: an answer that says the
    opposite of its context in its words has a high overlap, a true one in other words a low one.

    Parameters
    ----------
    answer, context : str or sequence of str
        Texts, compared in lower case; or tokens, compared as they are.
    n : int, default 3
        Tokens of an n-gram.
    unit : str, default "word"
        What a text is cut into: ``"word"``, or ``"character"`` for languages that put no space
        between words.

    Returns
    -------
    float or None
        0 to 1, each n-gram as often as the answer has it; None if the answer has fewer than n
        tokens.

    Raises
    ------
    TypeError
        If an argument is of another type.
    InvalidArgumentError
        If n is below 1 or the unit another word.

    Notes
    -----
    O(tokens) time and memory.

    Examples
    --------
    >>> from inlay.model.text import overlap
    >>> overlap("The tower is 330 m tall.", "Today the tower is 330 m tall.")
    1.0
    >>> overlap("It rises to 330 m.", "Today the tower is 330 m tall.", n=2)
    0.25
    """
    n = at_least("n", n, 1)
    grams = _ngrams(tokens_of("answer", answer, unit), n)
    known = set(_ngrams(tokens_of("context", context, unit), n))
    if not grams:
        return None
    return sum(gram in known for gram in grams) / len(grams)


def repetition(text: str | Sequence[str], *, n: int = 4, unit: str = "word") -> float | None:
    """Return the share of a text's n-grams that it has had before.

    A model that got stuck in a loop has a high one.

    Parameters
    ----------
    text : str or sequence of str
        A text, in lower case; or tokens, as they are.
    n : int, default 4
        Tokens of an n-gram.
    unit : str, default "word"
        As for `overlap`.

    Returns
    -------
    float or None
        ``1 - distinct / all``, 0 to below 1; None if the text has fewer than n tokens.

    Raises
    ------
    TypeError
        If the text is of another type.
    InvalidArgumentError
        If n is below 1 or the unit another word.

    References
    ----------
    S. Welleck et al., "Neural text generation with unlikelihood training", ICLR 2020 (seq-rep-n).

    Examples
    --------
    >>> from inlay.model.text import repetition
    >>> repetition("again and again and again and again", n=2)
    0.6666666666666667
    """
    n = at_least("n", n, 1)
    grams = _ngrams(tokens_of("text", text, unit), n)
    return 1.0 - len(set(grams)) / len(grams) if grams else None
