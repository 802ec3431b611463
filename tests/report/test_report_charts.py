"""How the charts are scaled."""

from __future__ import annotations

import pytest

from dlt_docjobs.report import durations


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [
        # near together: every tick there is
        ([12, 50], [10, 30, 60]),
        ([55, 61], [30, 60, 300]),
        # far apart: few
        ([0.1, 100.1], [0.1, 1, 10, 60, 600]),
        ([5, 700_000], [1, 10, 60, 600, 3_600, 21_600, 86_400, 604_800]),
        # all the same, and on a tick
        ([60, 60], [60, 300]),
        ([0.1, 0.1], [0.1, 0.5]),
        # behind the last
        ([700_000, 900_000], [259_200, 604_800]),
    ],
)
def test_a_scale_of_durations_ends_where_labels_do(
    seconds: list[float], ticks: list[float]
) -> None:
    assert durations._ticks(seconds) == ticks
