"""`--since` and `--until` as people say them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from cli_support import MakePlace

from dlt_docjobs.cli.instants import read_instant

NOW = datetime(2026, 3, 1, 8, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("yesterday", datetime(2026, 2, 28, tzinfo=timezone.utc)),
        ("7d", NOW - timedelta(days=7)),
        ("12h", NOW - timedelta(hours=12)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=timezone.utc)),
    ],
)
def test_instants_are_told_from_now(text: str, instant: datetime) -> None:
    assert read_instant(text, NOW) == instant


@pytest.mark.parametrize(("text", "error"), [("7w", ValueError), ("9999999d", OverflowError)])
def test_what_is_none_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_instant(text, NOW)


def test_a_window_of_the_last_days(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    now = datetime.now(timezone.utc)
    for days in (1, 5, 9):
        place.emulator.add_job(
            "llamacloud", status="COMPLETED", created_at=now - timedelta(days=days), pages=1
        )
    assert place.run("sync", "--since", "7d", "--until", "36h").code == 0
    assert place.query("SELECT count(*) FROM docjobs.jobs") == [(1,)]
