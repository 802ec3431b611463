"""`docjobs report`, and extras that are not installed."""

from __future__ import annotations

import re
import sys

import duckdb
import pytest
from cli_support import MakePlace, Place


@pytest.fixture(scope="module")
def place(make_place: MakePlace) -> Place:
    place = make_place("contextual", jobs=8)
    assert place.run("sync", "--no-views").code == 0
    return place


def test_a_report_says_where_it_is_and_creates_missing_views(place: Place) -> None:
    ran = place.run("report")
    assert (ran.code, ran.err) == (0, ""), ran.said
    assert re.fullmatch(r"report\.html \(\d\.\d MB\): open it in a browser\n", ran.out)
    text = (place.folder / "report.html").read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert "Contextual AI" in text
    assert place.count("job_timeline") == place.count("jobs")


def test_options(place: Place) -> None:
    ran = place.run("report", "--out", "other.html", "--days", "1", "--no-text")
    assert (ran.code, ran.err) == (0, "")
    text = (place.folder / "other.html").read_text("utf-8")
    assert ">Text</th>" not in text
    assert place.run("report", "--days", "0").code == 2
    assert place.run("report", "--days", "99999999999").code == 0


@pytest.mark.slow
def test_views_that_are_not_ours_are_a_warning(make_place: MakePlace) -> None:
    """A view of the same name may be the reader's own; the page is then made of what is there."""
    place = make_place("contextual", jobs=2)
    assert place.run("sync").code == 0
    with duckdb.connect(str(place.folder / "warehouse.duckdb")) as connection:
        connection.execute("DROP VIEW docjobs.docjobs_views")
    ran = place.run("report")
    assert ran.code == 0, ran.said
    assert ran.err.startswith("docjobs report: warning: the views could not be brought up to date")


@pytest.mark.slow
def test_a_warehouse_without_a_job_makes_a_friendly_page(make_place: MakePlace) -> None:
    place = make_place("contextual")
    assert place.run("sync").code == 0
    ran = place.run("report")
    assert (ran.code, ran.err) == (0, "")
    assert re.fullmatch(r"report\.html \(\d+ kB\): open it in a browser\n", ran.out)
    assert "Nothing here yet" in (place.folder / "report.html").read_text("utf-8")
    assert place.run("status").out.splitlines()[1].split()[:2] == ["contextual", "0"]


def test_before_the_first_sync(make_place: MakePlace) -> None:
    place = make_place()
    ran = place.run("report")
    assert (ran.code, "run `docjobs sync` first" in ran.err) == (2, True)
    assert list(place.folder.glob("*.html")) == []
    assert list(place.folder.glob("*.duckdb")) == []


def test_plain_files_have_no_report(place: Place) -> None:
    lake = {"DESTINATION__FILESYSTEM__BUCKET_URL": f"file://{place.folder}/lake"}
    ran = place.run("report", "--destination", "filesystem", env=lake)
    assert ran.code == 2
    assert "the destination filesystem keeps files or documents and has no views" in ran.err


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [(["report"], "altair", "report"), (["completion", "bash"], "shtab", "completion")],
)
def test_without_its_extra_a_command_says_which(
    place: Place, command: list[str], package: str, extra: str
) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"from dlt_docjobs.cli import main; sys.exit(main({command!r}))"
    )
    ran = place.spawn(program=(sys.executable, "-c", code))
    assert (ran.code, ran.out) == (2, "")
    assert f"pip install 'dlt-docjobs[{extra}]'" in ran.err
    assert len(ran.err.splitlines()) == 1
