"""Numbers, durations and shares as the page has them."""

from __future__ import annotations

import pytest

from dlt_docjobs.report import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"),
        (0, "0 s"),
        (0.44, "0.4 s"),
        (12.3, "12 s"),
        (59.9, "60 s"),
        (60, "1 min"),
        (204, "3.4 min"),
        (7560, "2.1 h"),
        (129_600, "1.5 d"),
        (86_400 * 400, "400 d"),
        (-90, "-1.5 min"),
    ],
)
def test_durations(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 0, "–"),
        (0, 5, "0%"),
        (5, 5, "100%"),
        (1, 3, "33.3%"),
        (1, 100_000, "<0.1%"),
        (99_999, 100_000, ">99.9%"),
    ],
)
def test_shares_are_never_rounded_to_all_or_nothing(part: int, whole: int, said: str) -> None:
    assert words.percent(part, whole) == said


def test_numbers() -> None:
    assert [words.number(value) for value in (None, 0, 1234567, 2.0, 1234.56)] == [
        "–",
        "0",
        "1,234,567",
        "2",
        "1,234.6",
    ]
    assert [words.count(1, "job"), words.count(1200, "job")] == ["1 job", "1,200 jobs"]


def test_accounts() -> None:
    assert words.provider("contextual") == "Contextual AI"
    assert words.provider("llamacloud", "default") == "LlamaCloud"
    assert words.provider("llamacloud", "eu") == "LlamaCloud (eu)"
    assert words.provider("another") == "another"


@pytest.mark.parametrize(
    ("least", "most", "said"),
    [(2, 10_800, "2 s to 3 h"), (2, None, "2 s or more"), (60, 60.2, "1 min"), (None, None, "–")],
)
def test_bounds(least: float | None, most: float | None, said: str) -> None:
    assert words.between(least, most) == said
