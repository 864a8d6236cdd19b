"""Cheap, local figures of generated text; none of them says whether an answer is true."""

from __future__ import annotations

from inlay._lazy import loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inlay.model.text.ngrams import overlap, repetition
    from inlay.model.text.rates import rogan_gladen
    from inlay.model.text.selfcheck import SelfCheck, selfcheck_unigram
    from inlay.model.text.semantics import semantic_entropy

# Public name -> the module that defines it.
_HOMES = {
    "SelfCheck": "inlay.model.text.selfcheck",
    "overlap": "inlay.model.text.ngrams",
    "repetition": "inlay.model.text.ngrams",
    "rogan_gladen": "inlay.model.text.rates",
    "selfcheck_unigram": "inlay.model.text.selfcheck",
    "semantic_entropy": "inlay.model.text.semantics",
}

__all__ = [
    "SelfCheck",
    "overlap",
    "repetition",
    "rogan_gladen",
    "selfcheck_unigram",
    "semantic_entropy",
]


__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
