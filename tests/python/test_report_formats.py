"""Numbers and values as the short text of tables."""

import math

import pytest

from inlay.report import formats


@pytest.mark.parametrize(
    ("of", "text"),
    [
        (None, "-"),
        (0, "0"),
        (2**64 - 1, "18,446,744,073,709,551,615"),
        (0.0, "0"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (13_500.0, "13,500"),
        (1_234_567.891, "1,234,568"),
        (1e300, "1e+300"),
        (5e-324, "4.94066e-324"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
        (True, "true"),
        ("12345678901234567890.01", "12345678901234567890.01"),
        ([1, None], "[1, null]"),
    ],
)
def test_a_number_is_short_and_an_integer_whole(of, text):
    assert formats.number(of) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "-"),
        (None, 10, "-"),
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 3, "33.3 %"),
        (1, 1000, "0.10 %"),
        (1, 10**9, "< 0.01 %"),
        (10**9 - 1, 10**9, "> 99.99 %"),
    ],
)
def test_none_and_all_are_said_only_of_none_and_all(part, whole, text):
    assert formats.share(part, whole) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [(None, "-"), (0.5, "0.5 s"), (90.0, "1.5 min"), (5400.0, "1.5 h"), (-172800.0, "-2 d")],
)
def test_time_is_told_in_its_largest_unit(length, text):
    assert formats.seconds(length) == text


@pytest.mark.parametrize(
    ("iso", "text"),
    [
        ("2026-03-01T00:00:00+00:00", "2026-03-01 00:00Z"),
        ("2026-03-01T00:00:10", "2026-03-01 00:00:10"),
        ("2026-03-01T12:30:00.000000+02:00", "2026-03-01 12:30+02:00"),
        ("2026-03-01T12:30:00.000001Z", "2026-03-01 12:30:00.000001Z"),
        ("2026-03-01", "2026-03-01"),
        ("00:00:00", "00:00:00"),
        ("13.5", "13.5"),
    ],
)
def test_a_moment_loses_only_seconds_that_are_zero(iso, text):
    assert formats.moment(iso) == text


def test_what_moves_a_cursor_is_written_out():
    assert formats.escape_controls("\x1b[2Ja\nb\u202ec\x9bd") == "\\x1b[2Ja\\nb\\u202ec\\x9bd"
    assert formats.escape_controls("größe 数量 🦊") == "größe 数量 🦊"
    assert formats.escape_controls("\udc80") == "\\udc80"


def test_a_cut_is_marked():
    assert formats.shorten("abcdef", 6) == "abcdef"
    assert formats.shorten("abcdefg", 6) == "abcde…"
