"""How far a sync is: what is said, when, and where."""

from __future__ import annotations

import io
import os
import re
import subprocess
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cli_support import DOCJOBS, MakePlace, setting

from dlt_docjobs.cli import output, terminal
from dlt_docjobs.cli.progress import ProgressView
from dlt_docjobs.http import Wait
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.model.times import UTC, parse_instant
from dlt_docjobs.sync.session import Session


class Screen(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


class Watched:
    """A view of a made-up run, and its clock."""

    def __init__(self, stream: io.StringIO) -> None:
        self.now = 100.0
        self.stream = stream
        self.figures = SimpleNamespace(jobs_listed=0, results_loaded=0)
        self.session = SimpleNamespace(
            figures=self.figures,
            results_known=0,
            results_ended=0,
            open_refs=set(),
            is_listed=False,
            is_loading=False,
            api=SimpleNamespace(counters=SimpleNamespace(requests=0)),
        )
        self.view = ProgressView("llamacloud", stream, lambda: self.now)
        self.view.begin(cast(Session, self.session))

    def after(self, seconds: float, listed: int = 0, known: int = 0, fetched: int = 0) -> str:
        """What is new on the stream after so many seconds and so much work."""
        self.now += seconds
        self.figures.jobs_listed += listed
        self.session.results_known += known
        self.figures.results_loaded += fetched
        self.session.results_ended += fetched
        self.session.api.counters.requests += fetched
        before = len(self.stream.getvalue())
        self.view.look()
        return self.stream.getvalue()[before:]


# -- plain lines --------------------------------------------------------------------------------


def test_lines_come_every_few_seconds_and_only_with_news() -> None:
    run = Watched(io.StringIO())
    assert run.after(1, listed=100, known=80) == ""
    assert run.after(4, fetched=20) == (
        "llamacloud: 20 results fetched, 60 pending, 5.0 results/s, 100 listed (20 requests)\n"
    )
    assert run.after(4, fetched=20) == ""
    assert run.after(1).startswith("llamacloud: 40 results fetched, 40 pending, ")
    assert [run.after(5) for _ in range(11)] == [""] * 11, "nothing is new"
    assert run.after(5).startswith("llamacloud: 40 results fetched"), "but a minute has passed"


def test_the_end_is_foretold_once_everything_is_known_of() -> None:
    run = Watched(io.StringIO())
    run.after(1, listed=500, known=400)
    assert "left" not in run.after(5, fetched=50)
    run.session.is_listed = True
    assert "300 pending, 10 results/s, about 30 s left, 500 listed" in run.after(5, fetched=50)


def test_a_wait_is_told_with_its_reason() -> None:
    run = Watched(io.StringIO())
    run.after(1, listed=10, known=10)
    run.view.waits(Wait("429", 11.2, "/parse", pauses_all=True))
    assert run.stream.getvalue() == "llamacloud: 429: resuming in 12 s\n"
    assert run.after(5).startswith("llamacloud: 429: resuming in 7 s, 10 pending")
    assert "429" not in run.after(7, fetched=1), "the wait is over"
    run.view.waits(Wait("503", 0.4, "/parse", pauses_all=False))
    assert run.stream.getvalue().count("503") == 0, "one request's short wait is nobody's business"


def test_loading_is_said() -> None:
    run = Watched(io.StringIO())
    run.after(1, listed=10, known=4, fetched=4)
    run.session.is_loading = True
    assert run.after(5).startswith("llamacloud: loading what was fetched, 4 results fetched")


def test_a_reader_who_has_gone_does_not_stop_the_sync() -> None:
    stream = io.StringIO()
    run = Watched(stream)
    stream.close()
    run.now += 10
    run.view.look()


# -- the line that lives ------------------------------------------------------------------------


def test_a_terminal_has_one_line_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    run = Watched(Screen())
    with run.view:
        run.after(1, listed=500, known=400)
        run.session.is_listed = True
        said = run.after(5, fetched=100)
    assert said.startswith("\r\x1b[Kllamacloud: [#####---------------] 25% 100 results fetched")
    assert len(said.removeprefix("\r\x1b[K")) <= 60
    assert "\n" not in run.stream.getvalue()
    assert run.stream.getvalue().endswith("\r\x1b[K")


def test_the_wait_counts_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    run = Watched(Screen())
    run.after(1, listed=5)
    run.view.waits(Wait("429", 12, "/parse", pauses_all=True))
    said = [run.after(3) for _ in range(4)]
    assert [re.search(r"resuming in (\d+) s", text) is not None for text in said] == [
        True,
        True,
        True,
        False,
    ]
    assert "429: resuming in 9 s" in said[0]


# -- colours and columns ------------------------------------------------------------------------


def test_colours_only_on_a_terminal_and_not_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert terminal.Paint(Screen())("ok", "green") == "\x1b[32mok\x1b[0m"
    assert terminal.Paint(io.StringIO())("ok", "green") == "ok"
    monkeypatch.setenv("NO_COLOR", "")
    assert terminal.has_colours(Screen()), "an empty NO_COLOR says nothing"
    monkeypatch.setenv("NO_COLOR", "1")
    assert terminal.Paint(Screen())("ok", "green") == "ok"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.has_colours(Screen())


def test_columns_are_aligned_in_any_script() -> None:
    plain = terminal.Paint(io.StringIO())
    lines = terminal.columns(
        ("name", "n", "end"),
        [("取扱", "1,000", "ok"), ("ab", "2", "not ok")],
        frozenset("n"),
        plain,
    )
    assert lines == ["name      n  end", "取扱  1,000  ok", "ab        2  not ok"]
    assert terminal.shortened("取扱説明書", 5) == "取扱…"
    assert terminal.shortened("short", 5) == "short"


# -- the closing table --------------------------------------------------------------------------


def run_of(provider: str, **values: Any) -> SyncRun:
    moment = parse_instant("2026-11-22T08:00:00Z")
    assert moment is not None
    numbers = dict.fromkeys(
        (
            *("jobs_listed", "jobs_new", "jobs_changed", "status_events", "results_loaded"),
            *("chunks", "segments", "rejected", "requests", "retries", "throttled"),
            *("open_jobs", "pending_results", "exit_code"),
        ),
        0,
    )
    row: dict[str, Any] = {
        **numbers,
        "run_id": "run",
        "provider": provider,
        "account": "default",
        "ok": True,
        "error": None,
        "cursor": moment.astimezone(UTC),
        "duration_seconds": 1.25,
        "started_at": moment,
        "finished_at": moment,
        "version": "0",
        **values,
    }
    return SyncRun(**row)


def table(rows: Sequence[SyncRun], wide: int | None = None) -> list[str]:
    return output.table(rows, terminal.Paint(io.StringIO()), wide)


def test_the_table_has_a_line_a_provider_and_says_how_it_ended() -> None:
    rows = [
        run_of("llamacloud", jobs_new=1200, status_events=2400, results_loaded=9, segments=81),
        run_of("contextual", account="eu", exit_code=1, ok=False, pending_results=2, rejected=1),
        run_of("unsiloed", exit_code=3, ok=False),
    ]
    head, *lines = table(rows)
    names = "new changed events results segments open pending rejected requests seconds"
    assert head.split() == ["provider", *names.split(), "outcome"]
    assert [line.split()[0] for line in lines] == ["llamacloud", "contextual:eu", "unsiloed"]
    assert [line[head.index("outcome") :] for line in lines] == ["ok", "in part", "failed"]
    assert lines[0].split()[1:5] == ["1,200", "0", "2,400", "9"]
    ends = {head.index(name) + len(name) for name in ("new", "requests")}
    assert all(line[end - 1] != " " and line[end] == " " for line in lines for end in ends)
    assert output.sentence(rows) == (
        "1,200 new jobs, 2,400 status events, 9 results with 81 segments, "
        "2 results pending, 1 rejected"
    )


def test_a_narrow_terminal_leaves_out_what_is_0_everywhere() -> None:
    rows = [run_of("llamacloud", jobs_new=3, requests=4), run_of("unsiloed", requests=2)]
    head, *_ = table(rows, 80)
    assert head.split() == ["provider", "new", "requests", "seconds", "outcome"]
    assert len(table([run_of("unsiloed")], 40)) == 2


def test_sentences_for_newcomers() -> None:
    assert output.sentence([run_of("llamacloud", requests=4)]) == "nothing changed"
    assert output.sentence([run_of("llamacloud", exit_code=3)]) == "nothing was loaded"
    assert output.sentence([run_of("llamacloud", jobs_new=1, open_jobs=1)]) == "1 new job, 1 open"


# -- a whole sync -------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["log", "none"])
def test_a_sync_on_a_terminal(option: str, make_place: MakePlace) -> None:
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    place = make_place("llamacloud", jobs=40)
    place.emulator.faults.latency_seconds = 0.05
    place.env[setting("llamacloud", "max_concurrency")] = "1"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*DOCJOBS, "sync", "--progress", option],
        cwd=place.folder,
        env=place.environment({"TERM": "xterm", "COLUMNS": "120", "NO_COLOR": None}),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    while piece := _read(ours):
        said += piece
    os.close(ours)
    assert process.wait() == 0
    text = said.decode()
    live = text.count("\r\x1b[K")
    assert (live > 1) == (option == "log")
    assert ("results fetched" in text) == (option == "log")
    assert "\x1b[32mok\x1b[0m" in text
    last = text.split("\r\x1b[K")[-1].splitlines()
    assert last[0].startswith("\x1b[2mprovider\x1b[0m"), "the line is gone before the table"


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        # what Linux says when the other end is closed
        return b""


def test_a_sync_in_cron_has_no_codes(make_place: MakePlace) -> None:
    place = make_place("llamacloud", jobs=12)
    faults = place.emulator.faults
    faults.rate_limit_fraction, faults.retry_after, faults.budget = 1.0, "3", 1
    ran = place.spawn("sync")
    assert ran.code == 0
    assert "\x1b" not in ran.said and "\r" not in ran.said
    assert "llamacloud: 429: resuming in 3 s\n" in ran.err
    assert ran.out.splitlines()[-1].endswith("1 request throttled")
