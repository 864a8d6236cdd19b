"""How surprising an answer is to a unigram model of other answers to the same prompt."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from inlay._exceptions import InvalidArgumentError
from inlay.model.text.words import sentences_of, texts_of, tokens_of

__all__ = ["SelfCheck", "selfcheck_unigram"]


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """What `selfcheck_unigram` found: higher is less consistent with the samples.

    Attributes
    ----------
    mean : float
        The mean of -ln p over all tokens of the answer, in nats.
    max : float
        The mean over its sentences of the largest -ln p in each, in nats.
    sentences : tuple of tuple of str, float and float
        Each sentence with the mean and the largest -ln p of its tokens.
    tokens : int
        Tokens of the answer.
    samples : int
        Answers it was compared with.
    """

    __module__ = "inlay.model.text"

    mean: float
    max: float
    sentences: tuple[tuple[str, float, float], ...]
    tokens: int
    samples: int


def selfcheck_unigram(
    answer: str | Sequence[str], samples: Sequence[str], *, unit: str = "word"
) -> SelfCheck:
    """Return how surprising an answer is to a unigram model of sampled answers.

    Words that a model makes up differ from sample to sample. It measures consistency: what a model
    gets wrong every time it does not find.

    Parameters
    ----------
    answer : str or sequence of str
        The answer, or its sentences.
    samples : sequence of str
        Other answers to the same prompt, drawn at a temperature above 0.
    unit : str, default "word"
        What texts are cut into: ``"word"`` or ``"character"``.

    Returns
    -------
    SelfCheck

    Raises
    ------
    InvalidArgumentError
        If there are no samples, or the answer has no token.
    TypeError
        If an argument is of another type.

    Notes
    -----
    The model is counted on the samples and the answer itself, so that every token of the answer has
    a probability; it is not smoothed. O(tokens).

    References
    ----------
    P. Manakul, A. Liusie, M. Gales, "SelfCheckGPT: zero-resource black-box hallucination detection
    for generative large language models", EMNLP 2023, section 5.3 (n-gram, n = 1).

    Examples
    --------
    >>> from inlay.model.text import selfcheck_unigram
    >>> samples = ["Ada was born in London.", "Ada was born in London in 1815."]
    >>> checked = selfcheck_unigram("Ada was born in London. She died in Rome.", samples)
    >>> [round(mean, 2) for _, mean, _ in checked.sentences]
    [1.84, 2.64]
    """
    sentences = sentences_of(answer) if isinstance(answer, str) else texts_of("answer", answer)
    others = texts_of("samples", samples)
    if not others:
        message = f"samples must hold an answer at least: {samples!r}"
        raise InvalidArgumentError(message)
    cut = [(sentence, tokens_of("answer", sentence, unit)) for sentence in sentences]
    cut = [(sentence, tokens) for sentence, tokens in cut if tokens]
    if not cut:
        message = f"answer must hold a {unit} at least: {answer!r}"
        raise InvalidArgumentError(message)
    counts: Counter[str] = Counter()
    for _, tokens in cut:
        counts.update(tokens)
    own = counts.total()
    for other in others:
        counts.update(tokens_of("samples", other, unit))
    total = math.log(counts.total())
    found = []
    mean = 0.0
    for sentence, tokens in cut:
        surprise = [total - math.log(counts[token]) for token in tokens]
        mean += sum(surprise)
        found.append((sentence, sum(surprise) / len(surprise), max(surprise)))
    return SelfCheck(
        mean / own,
        sum(largest for _, _, largest in found) / len(found),
        tuple(found),
        own,
        len(others),
    )
