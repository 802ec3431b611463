"""How far a sync is: what is said, when, and where."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cli_support import DOCJOBS, MakePlace, setting
from rich.cells import cell_len
from rich.console import RenderableType

from dlt_docjobs.cli import output, terminal
from dlt_docjobs.cli.progress import ProgressView
from dlt_docjobs.http import Wait
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.model.times import UTC, parse_instant
from dlt_docjobs.sync.context import ResultCount
from dlt_docjobs.sync.session import Session


class Screen(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


class Watched:
    """A view of a made-up run, and its clock."""

    def __init__(self, stream: io.StringIO, name: str = "llamacloud") -> None:
        self.now = 100.0
        self.stream = stream
        self.figures = SimpleNamespace(jobs_listed=0, results_loaded=0)
        self.context = SimpleNamespace(
            figures=self.figures,
            results=ResultCount(),
            looked=SimpleNamespace(open_refs=set()),
            is_listed=False,
            api=SimpleNamespace(counters=SimpleNamespace(requests=0)),
        )
        self.session = SimpleNamespace(context=self.context, is_loading=False)
        self.view = ProgressView(name, stream, lambda: self.now)
        self.view.begin(cast(Session, self.session))

    def after(self, seconds: float, listed: int = 0, known: int = 0, fetched: int = 0) -> str:
        """What is new on the stream after so many seconds and so much work."""
        self.now += seconds
        self.figures.jobs_listed += listed
        self.context.results.known += known
        self.figures.results_loaded += fetched
        self.context.results.ended += fetched
        self.context.api.counters.requests += fetched
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
    run.context.is_listed = True
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

_CODES = re.compile(r"\x1b\[(\?25[lh]|[0-9;]*m|2K|1A)")


def rows_of(written: str, wide: int = 1000) -> list[str]:
    """What a terminal shows of a text: its rows, the last one being the cursor's."""
    rows, row, column = [""], 0, 0
    while written:
        if code := _CODES.match(written):
            if code[1] == "2K":
                rows[row] = ""
            row -= code[1] == "1A"
            written = written[code.end() :]
            continue
        sign, written = written[0], written[1:]
        assert sign.isprintable() or sign in "\r\n", repr(sign)
        if sign == "\r":
            column = 0
        elif sign == "\n" or column + cell_len(sign) > wide:
            row, column = row + 1, 0
            rows += [""] * (row == len(rows))
        if sign.isprintable():
            rows[row] = rows[row][:column] + sign
            column += cell_len(sign)
    return [text.rstrip() for text in rows[: row + 1]]


@pytest.fixture
def xterm(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A terminal of 60 columns with colours."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return monkeypatch


@pytest.mark.parametrize("no_color", ["", "1"])
@pytest.mark.parametrize("name", ["llamacloud", "llamacloud:取扱"])
def test_a_terminal_has_one_line_that_goes_away(
    xterm: pytest.MonkeyPatch, name: str, no_color: str
) -> None:
    xterm.setenv("NO_COLOR", no_color)
    run = Watched(Screen(), name)
    with run.view:
        run.after(1, listed=500, known=400)
        run.context.is_listed = True
        said = run.after(5, fetched=100)
        (row,) = rows_of(run.stream.getvalue(), 60)
    assert re.match(rf"{name}: ━━━━[━╸╺ ]* 25% 100 results f", row)
    assert row.endswith("…") and cell_len(row) <= 60
    assert ("\x1b[32m" in said) == (not no_color)
    assert rows_of(run.stream.getvalue(), 60) == [""], "nothing is left"


@pytest.mark.parametrize("wide", [1, 7, 12, 25, 40, 300])
def test_the_line_never_wraps(xterm: pytest.MonkeyPatch, wide: int) -> None:
    xterm.setenv("COLUMNS", str(wide))
    run = Watched(Screen())
    with run.view:
        run.context.is_listed = True
        for _ in range(3):
            run.after(5, listed=500, known=400, fetched=100)
            assert len(rows_of(run.stream.getvalue(), wide)) == 1
    assert rows_of(run.stream.getvalue(), wide) == [""]


def test_the_line_follows_the_size_of_the_terminal(xterm: pytest.MonkeyPatch) -> None:
    xterm.delenv("COLUMNS")
    run = Watched(Screen())
    for wide in (200, 30):
        xterm.setattr(os, "get_terminal_size", lambda *_, wide=wide: os.terminal_size((wide, 24)))
        (row,) = rows_of(run.after(5, listed=500, known=400, fetched=100))
        assert row.endswith("listed" if wide == 200 else "…") and len(row) <= wide


def test_what_others_say_stands_above_the_line(xterm: pytest.MonkeyPatch) -> None:
    screen = Screen()
    xterm.setattr(sys, "stderr", screen)
    run = Watched(screen)
    with run.view:
        run.after(1, listed=5)
        print("a warning of [bold]something[/bold]", file=sys.stderr)
        said, live = rows_of(screen.getvalue(), 60)
    assert said == "a warning of [bold]something[/bold]"
    assert live == "llamacloud: 5 listed"
    assert rows_of(screen.getvalue(), 60) == [said, ""]
    assert sys.stderr is screen


def test_codes_and_markup_are_shown_as_they_are(xterm: pytest.MonkeyPatch) -> None:
    run = Watched(Screen())
    run.view.waits(Wait("[red]429[/red]\x1b[2J\x07\n:smile:", 12, "/parse", pauses_all=True))
    (row,) = rows_of(run.after(1, listed=5), 60)
    assert row.startswith("llamacloud: [red]429[/red] [2J  :smile:: resuming in 11 s")


def test_a_terminal_that_has_gone_does_not_stop_the_sync(xterm: pytest.MonkeyPatch) -> None:
    class Gone(Screen):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    run = Watched(Gone())
    before = sys.stderr
    with run.view:
        run.view.look()
    assert sys.stderr is before


def test_a_terminal_that_cannot_move_its_cursor_has_plain_lines(xterm: pytest.MonkeyPatch) -> None:
    xterm.setenv("TERM", "dumb")
    run = Watched(Screen())
    assert run.after(5, listed=7) == "llamacloud: 7 listed (0 requests)\n"


def test_the_wait_counts_down(xterm: pytest.MonkeyPatch) -> None:
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


def shown(what: RenderableType, stream: io.StringIO | None = None) -> list[str]:
    """The lines of something on a stream; in a pipe by default."""
    stream = stream or io.StringIO()
    terminal.show(terminal.console(stream), what)
    return stream.getvalue().splitlines()


def test_colours_only_on_a_terminal_and_not_with_no_color(xterm: pytest.MonkeyPatch) -> None:
    good = terminal.text("ok", "bold green")
    assert shown(good, Screen()) == ["\x1b[1;32mok\x1b[0m"]
    xterm.setenv("FORCE_COLOR", "1")
    assert shown(good) == ["ok"]
    xterm.setenv("NO_COLOR", "")
    assert shown(good, Screen()) != ["ok"], "an empty NO_COLOR says nothing"
    xterm.setenv("NO_COLOR", "1")
    assert shown(good, Screen()) == ["ok"]
    xterm.delenv("NO_COLOR")
    xterm.setenv("TERM", "dumb")
    assert shown(good, Screen()) == ["ok"]


def test_columns_are_aligned_in_any_script(xterm: pytest.MonkeyPatch) -> None:
    cells = [("取扱", "1,000", "ok"), ("ab", "2", "not ok, \x1b[31m[red]")]
    rows = [[(cell, "") for cell in row] for row in cells]
    pipe = terminal.console(io.StringIO())
    assert shown(terminal.table(pipe, ("name", "n", "end"), rows, "n")) == [
        "name      n  end",
        "取扱  1,000  ok",
        "ab        2  not ok,  [31m[red]",
    ]


@pytest.mark.parametrize("before", ["", "said before"])
def test_a_pipe_that_nobody_reads_is_told_to_who_prints(before: str) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    stream = os.fdopen(theirs, "w")
    stream.write(before)
    with pytest.raises(BrokenPipeError):
        terminal.show(terminal.console(stream), terminal.text("ok"))
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_a_pipe_has_whole_lines() -> None:
    cells = [[("name " * 100, ""), ("text " * 100, "")]]
    pipe = terminal.console(io.StringIO())
    head, row = shown(terminal.table(pipe, ("a", "b"), cells))
    assert (head.split(), len(row)) == (["a", "b"], 1001)


@pytest.mark.parametrize("wide", range(30, 60))
def test_a_narrow_terminal_wraps_one_column_or_has_whole_lines(
    xterm: pytest.MonkeyPatch, wide: int
) -> None:
    xterm.setenv("NO_COLOR", "1")
    xterm.setenv("COLUMNS", str(wide))
    screen = Screen()
    console = terminal.console(screen)
    cells = [[("contextual: eu", ""), ("12,345", ""), ("2 hours ago, in part", "green")]]
    head = ("account", "given up", "last sync")
    lines = shown(terminal.table(console, head, cells, ("given up",), "last sync"), screen)
    whole = [
        "account         given up  last sync",
        "contextual: eu    12,345  2 hours ago, in part",
    ]
    if wide >= 46 or wide < 31:
        assert lines == whole
    else:
        assert max(map(len, lines)) <= wide
        assert any(line.startswith("contextual: eu    12,345  2") for line in lines)
        assert " ".join(line[26:] for line in lines).split() == (
            ["last", "sync", "2", "hours", "ago,", "in", "part"]
        )


# -- the closing table --------------------------------------------------------------------------


def run_of(provider: str, **values: Any) -> SyncRun:
    moment = parse_instant("2026-11-22T08:00:00Z")
    assert moment is not None
    numbers = dict.fromkeys(
        (
            *("jobs_listed", "jobs_new", "jobs_changed", "status_events", "results_loaded"),
            *("chunks", "segments", "rejected", "requests", "retries", "throttled"),
            *("open_jobs", "pending_results", "missing_jobs", "exit_code"),
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
        "doubted_since": None,
        "cursor": moment.astimezone(UTC),
        "duration_seconds": 1.25,
        "started_at": moment,
        "finished_at": moment,
        "version": "0",
        **values,
    }
    return SyncRun(**row)


def table(rows: Sequence[SyncRun], stream: io.StringIO | None = None) -> list[str]:
    stream = stream or io.StringIO()
    return shown(output.table(terminal.console(stream), rows), stream)


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


def test_a_narrow_terminal_leaves_out_what_is_0_everywhere(xterm: pytest.MonkeyPatch) -> None:
    xterm.setenv("NO_COLOR", "1")
    xterm.setenv("COLUMNS", "80")
    rows = [run_of("llamacloud", jobs_new=3, requests=4), run_of("unsiloed", requests=2)]
    head, *_ = table(rows, Screen())
    assert head.split() == ["provider", "new", "requests", "seconds", "outcome"]
    assert len(table([run_of("unsiloed", exit_code=3)], Screen())) == 2


def test_sentences_for_newcomers() -> None:
    assert output.sentence([run_of("llamacloud", requests=4)]) == "nothing changed"
    assert output.sentence([run_of("llamacloud", exit_code=3)]) == "nothing was loaded"
    assert output.sentence([run_of("llamacloud", jobs_new=1, open_jobs=1)]) == "1 new job, 1 open"


# -- a whole sync -------------------------------------------------------------------------------


@pytest.mark.slow
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
    # the terminal's driver makes two of each end of a line
    text = said.decode().replace("\r\n", "\n")
    assert (text.count("\r\x1b[2K") > 1) == (option == "log")
    assert ("results fetched" in text) == (option == "log")
    assert "\x1b[32mok\x1b[0m" in text
    head, row, *_ = rows_of(text, 120)
    assert head.startswith("provider ") and row.startswith("llamacloud "), "the line is gone"


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        # what Linux says when the other end is closed
        return b""


@pytest.mark.slow
def test_a_sync_in_cron_has_no_codes(make_place: MakePlace) -> None:
    place = make_place("llamacloud", jobs=12)
    faults = place.emulator.faults
    faults.rate_limit_fraction, faults.retry_after, faults.budget = 1.0, "3", 1
    ran = place.spawn("sync")
    assert ran.code == 0
    assert "\x1b" not in ran.said and "\r" not in ran.said
    assert "llamacloud: 429: resuming in 3 s\n" in ran.err
    [line] = ran.out.splitlines()
    assert re.match(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ llamacloud: ok; 6 new jobs, ", line)
    assert re.search(r", 1 request throttled, \d+ requests in [\d.]+ s$", line)
