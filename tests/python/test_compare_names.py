"""`inlay.compare` of names: the list is the reference's choice, and that alone is no drift."""

import numpy as np
import pytest

import inlay
from inlay.drift.comparison.frequent_names import frequent_names
from inlay.drift.comparison.matching import Cells


def drawn(rng, weights, n):
    ranks = rng.choice(len(weights), n, p=np.asarray(weights) / np.sum(weights))
    return np.char.add("n", ranks.astype(str))


def by_rank(names, power):
    return 1.0 / np.arange(1, names + 1) ** power


@pytest.mark.parametrize(
    ("weights", "m", "n"),
    [
        pytest.param(by_rank(5_000, 0), 1_000, 1_000, id="5,000 equal ones"),
        pytest.param(by_rank(100, 2), 1_000, 1_000, id="all listed, the rare ones by chance"),
        pytest.param(by_rank(100, 1), 1_000, 10_000, id="a small reference"),
        pytest.param(by_rank(3_000, 1), 1_000, 1_000, id="a long tail"),
        pytest.param(by_rank(500, 0), 5_000, 5_000, id="more names than counters"),
        pytest.param(by_rank(120, 0), 2_000, 10_000, id="few beyond the cut"),
        pytest.param(by_rank(10**6, 0), 1_000, 1_000, id="each name once"),
    ],
)
def test_two_samples_of_the_same_names_do_not_drift(weights, m, n):
    rng = np.random.default_rng(20_260_503)
    drifted = 0
    for _ in range(15):
        column = inlay.compare({"x": drawn(rng, weights, m)}, {"x": drawn(rng, weights, n)})["x"]
        drifted += column.verdict == "yes"
    assert drifted <= 2


@pytest.mark.parametrize(
    ("weights", "m", "n"),
    [
        (by_rank(5, 0), 100, 100),
        (by_rank(100, 2), 200, 20_000),
        (by_rank(3_000, 1), 1_000, 1_000),
        (by_rank(500, 0), 5_000, 5_000),
    ],
)
def test_other_names_altogether_drift(weights, m, n):
    rng = np.random.default_rng(20_260_504)
    others = np.char.add("other-", drawn(rng, weights, n))
    column = inlay.compare({"x": drawn(rng, weights, m)}, {"x": others})["x"]
    assert column.verdict == "yes"


def test_names_near_the_cut_are_compared_together():
    cells = Cells([500, 20, 18, 16, 446], [500, 12, 11, 10, 467], None, list("abcd"), 0.0)
    found = frequent_names(cells, chosen_within=0.0)
    assert found.names == ["a"]
    assert found.current == [500, 33, 467]
    # Chance explains that they were seen more often: both parts of the rest are as they are now.
    assert found.reference == [500, 33, 467]
    gone = frequent_names(cells._replace(current=[500, 0, 0, 0, 500]), chosen_within=0.0)
    assert gone.reference[1] == round(sum((np.sqrt(c + 4) - 2) ** 2 for c in (20, 18, 16)))
    # Names that others chose were seen neither too often nor too rarely.
    assert frequent_names(cells, chosen_within=None).names == list("abcd")
