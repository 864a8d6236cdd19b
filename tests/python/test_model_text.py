"""Overlap, repetition, SelfCheck and semantic entropy against plain counts."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from inlay.model.text import (
    SelfCheck,
    overlap,
    repetition,
    selfcheck_unigram,
    semantic_entropy,
)

words = st.lists(st.sampled_from(["a", "b", "c", "dd"]), max_size=30)


@given(words, words, st.integers(1, 5))
def test_overlap_is_a_count(answer: list[str], context: list[str], n: int) -> None:
    grams = [tuple(answer[i : i + n]) for i in range(len(answer) - n + 1)]
    known = [tuple(context[i : i + n]) for i in range(len(context) - n + 1)]
    expected = sum(g in known for g in grams) / len(grams) if grams else None
    assert overlap(answer, context, n=n) == expected
    assert overlap(" ".join(answer), " ".join(context).upper(), n=n) == expected


@given(words, st.integers(1, 5))
def test_repetition_is_a_count(text: list[str], n: int) -> None:
    grams = [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]
    expected = 1 - len(set(grams)) / len(grams) if grams else None
    assert repetition(text, n=n) == expected


def test_punctuation_and_case_are_not_words() -> None:
    assert overlap("It's HERE, today!", "(it's here today)", n=3) == 1.0
    assert overlap("It\u2019s here", "it\u2019s here", n=2) == 1.0
    assert repetition("...", n=1) is None


def test_characters_where_no_space_is_put() -> None:
    assert overlap("塔高三百三十米", "这座塔高三百三十米。", n=3, unit="character") == 1.0
    assert overlap("塔高三百三十米", "这座塔高三百三十米。", n=3) is None


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: overlap("a", "b", n=0), ValueError),
        (lambda: overlap("a", "b", n=1.5), TypeError),  # type: ignore[arg-type]
        (lambda: overlap("a", "b", unit="token"), ValueError),
        (lambda: overlap(None, "b"), TypeError),  # type: ignore[arg-type]
        (lambda: repetition([1, 2]), TypeError),  # type: ignore[list-item]
        (lambda: repetition(b"a b"), TypeError),  # type: ignore[arg-type]
        (lambda: selfcheck_unigram("a", []), ValueError),
        (lambda: selfcheck_unigram("...", ["a"]), ValueError),
        (lambda: selfcheck_unigram("a", "b"), TypeError),
        (lambda: semantic_entropy([]), ValueError),
        (lambda: semantic_entropy([0, 1], [-1.0]), ValueError),
        (lambda: semantic_entropy([0], [0.5]), ValueError),
        (lambda: semantic_entropy([0], [math.nan]), ValueError),
        (lambda: semantic_entropy([0, 1], [-math.inf, -math.inf]), ValueError),
    ],
)
def test_arguments_that_are_none(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call()


@given(
    st.lists(words.filter(bool), min_size=1, max_size=5),
    st.lists(words, min_size=1, max_size=5),
)
def test_selfcheck_is_the_surprise_to_all_texts(
    sentences: list[list[str]], samples: list[list[str]]
) -> None:
    counts = Counter(word for text in (*sentences, *samples) for word in text)
    total = sum(counts.values())
    surprise = [[-math.log(counts[w] / total) for w in sentence] for sentence in sentences]
    flat = [s for one in surprise for s in one]
    given_sentences = [" ".join(sentence) for sentence in sentences]
    found = selfcheck_unigram(given_sentences, [" ".join(sample) for sample in samples])
    assert isinstance(found, SelfCheck)
    assert found.mean == pytest.approx(sum(flat) / len(flat), abs=1e-9)
    assert found.max == pytest.approx(np.mean([max(one) for one in surprise]), abs=1e-9)
    assert found.tokens == len(flat)
    assert found.samples == len(samples)
    assert [s for s, _, _ in found.sentences] == given_sentences


def test_selfcheck_cuts_sentences() -> None:
    found = selfcheck_unigram('He said "yes." Did he? No! 3.5 m', ["x"])
    assert [s for s, _, _ in found.sentences] == ['He said "yes.', "Did he?", "No!", "3.5 m"]


def test_selfcheck_finds_the_sentence_that_the_samples_lack() -> None:
    samples = ["The tower is in Paris.", "Paris has the tower.", "It is in Paris, the tower."]
    found = selfcheck_unigram("The tower is in Paris. Gustave painted unicorns.", samples)
    true, invented = found.sentences
    assert invented[1] > true[1]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_discrete_semantic_entropy_is_that_of_the_shares(clusters: list[int]) -> None:
    _, counts = np.unique(clusters, return_counts=True)
    assert semantic_entropy(clusters) == pytest.approx(stats.entropy(counts), abs=1e-12)


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.floats(-800, 0)), min_size=1, max_size=20))
def test_semantic_entropy_with_log_probabilities(answers: list[tuple[str, float]]) -> None:
    names = sorted({name for name, _ in answers})
    log_mass = np.array(
        [special.logsumexp([lp for other, lp in answers if other == name]) for name in names]
    )
    expected = stats.entropy(special.softmax(log_mass))
    found = semantic_entropy([n for n, _ in answers], [lp for _, lp in answers])
    assert found == pytest.approx(expected, abs=1e-9)
    assert 0 <= found <= math.log(len(names)) + 1e-12


def test_an_impossible_answer_changes_nothing() -> None:
    assert semantic_entropy([0, 0, 1], [-1.0, -1.0, -math.inf]) == 0.0
