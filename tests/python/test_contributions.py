"""What segments add to a change: it adds up, whatever comes and goes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inlay import InvalidArgumentError
from inlay.model.contributions import Total, contributions

totals = st.builds(lambda n, part: Total(part * n, n), st.integers(0, 10_000), st.floats(0.0, 1.0))
sides = st.dictionaries(st.sampled_from("abcdef"), totals, max_size=6)


def mean(side):
    return sum(each.sum for each in side.values()) / sum(each.n for each in side.values())


@given(sides, sides)
def test_they_add_up_to_the_change(earlier, later):
    found = contributions(earlier, later)
    if not all(sum(each.n for each in side.values()) for side in (earlier, later)):
        assert found == []
        return
    change = mean(later) - mean(earlier)
    assert math.fsum(each.total for each in found) == pytest.approx(change, abs=1e-12)
    assert {each.segment for each in found} == {
        key for side in (earlier, later) for key, total in side.items() if total.n
    }
    for each in found:
        assert each.total == each.within + each.mix
        if change:
            assert each.share == each.total / change


@given(sides, sides)
def test_the_other_way_round_they_are_the_opposite(earlier, later):
    there = {each.segment: each for each in contributions(earlier, later)}
    back = {each.segment: each for each in contributions(later, earlier)}
    assert there.keys() == back.keys()
    for key, each in there.items():
        assert each.within == pytest.approx(-back[key].within, abs=1e-12)
        assert each.mix == pytest.approx(-back[key].mix, abs=1e-12)


def test_a_segment_that_got_worse_brings_all_of_it_and_stands_first():
    was = {"eu": Total(90, 100), "us": Total(180, 200)}
    found = contributions(was, {"us": Total(180, 200), "eu": Total(60, 100)})
    assert [each.segment for each in found] == ["eu", "us"]
    assert found[0].share == pytest.approx(1.0)
    assert (found[0].mix, found[1].within, found[1].mix) == (0.0, 0.0, 0.0)


def test_a_weak_segment_that_grows_adds_by_its_size_alone():
    was = {"good": Total(90, 100), "weak": Total(50, 100)}
    found = contributions(was, {"good": Total(90, 100), "weak": Total(150, 300)})
    assert all(each.within == 0.0 for each in found)
    assert sum(each.mix for each in found) == pytest.approx(0.6 - 0.7)


def test_a_new_segment_and_one_that_left_add_by_their_size():
    found = contributions({"old": Total(90, 100)}, {"new": Total(60, 100)})
    assert {each.segment: each.within for each in found} == {"old": 0.0, "new": 0.0}
    assert sum(each.total for each in found) == pytest.approx(-0.3)


def test_where_nothing_changed_there_are_no_shares_and_the_largest_stands_first():
    was = {"a": Total(5, 10), "b": Total(8, 10), "c": Total(5, 10)}
    now = {"a": Total(8, 10), "b": Total(5, 10), "c": Total(5, 10)}
    found = contributions(was, now)
    assert [each.share for each in found] == [None] * 3
    assert found[-1].segment == "c"


@pytest.mark.parametrize("n", [-1.0, math.nan])
def test_rows_that_are_no_number_of_rows_are_refused(n):
    with pytest.raises(
        InvalidArgumentError, match=r"later: a number of rows must be 0 or more.*'eu'"
    ):
        contributions({"eu": Total(1, 2)}, {"eu": Total(1, n)})
