"""Syncs without results, backfill windows and reloads."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import dlt
import pytest
from conformance_bench import (
    KINDS,
    NO_RESULTS,
    PROVIDERS,
    RESULTS,
    RUNNING_WORD,
    STATUS_HAS_RESULT,
    SUCCESS_WORD,
    Bench,
    MakeBench,
    result_of,
)

from dlt_docjobs.emulator import RequestRecord
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.testing.warehouse import Tables, job_row, of_job

INSIDE = ("at the lower bound", "within")
OUTSIDE = ("before", "at the upper bound", "after")


@dataclass
class Story:
    """What each sync left and asked for, by the sync's name."""

    provider: str
    bench: Bench
    since: datetime
    until: datetime
    jobs: dict[tuple[str, str], str] = field(default_factory=dict)
    runs: dict[str, SyncRun] = field(default_factory=dict)
    tables: dict[str, Tables] = field(default_factory=dict)
    requests: dict[str, list[RequestRecord]] = field(default_factory=dict)
    results: dict[str, set[str]] = field(default_factory=dict)

    def note(self, name: str, run: SyncRun) -> None:
        self.runs[name] = run
        self.tables[name] = self.bench.tables()
        self.requests[name] = self.bench.requests
        asked = {part for record in self.bench.results for part in record.path.split("/")}
        self.results[name] = asked & set(self.jobs.values())

    def states(self, name: str, kind: str, of: tuple[str, ...]) -> set[str]:
        return {job_row(self.tables[name], self.jobs[kind, one])["results_state"] for one in of}


@pytest.fixture(scope="module", params=PROVIDERS)
def story(request: pytest.FixtureRequest, make_bench: MakeBench) -> Story:
    """No results; a window; a wider one; the skipped ones; one job again."""
    provider = request.param
    bench = make_bench()
    now = datetime.now(timezone.utc).replace(microsecond=0)
    since, until = now - timedelta(days=6), now - timedelta(days=3)
    story = Story(provider, bench, since, until)
    for kind in KINDS:
        # where creations are only bracketed, the bounds are no instants to stand on
        slack = timedelta(days=1.1 if (provider, kind) == ("contextual", "parse") else 0)
        created = {
            "before": since - timedelta(days=2 if slack else 0, microseconds=1),
            "at the lower bound": since + slack,
            "within": now - timedelta(days=4.5),
            "at the upper bound": until + slack,
            "after": now - timedelta(hours=1),
        }
        for name, at in created.items():
            story.jobs[kind, name] = bench.emulator.add_job(
                provider, kind, status=SUCCESS_WORD[provider, kind], created_at=at, pages=2
            ).job_id
        story.jobs[kind, "open"] = bench.emulator.add_job(
            provider, kind, status=RUNNING_WORD[provider, kind], created_at=now, hang=True
        ).job_id

    story.note("no results", bench.sync(provider, only=NO_RESULTS))
    for name, end in (("window", until), ("wider window", now - timedelta(days=1))):
        created_at = dlt.sources.incremental("created_at", initial_value=since, end_value=end)
        story.note(name, bench.sync(provider, created_at=created_at))
    story.note("skipped", bench.sync(provider, reload="skipped"))
    chosen = []
    for kind in KINDS:
        job_id = story.jobs[kind, "within"]
        bench.emulator.reprocess(job_id, result=result_of(provider, kind, ["only page"]))
        chosen.append({"job_id": job_id, "job_kind": kind})
    story.note("all", bench.sync(provider, reload="all", job_ids=chosen))
    return story


def test_every_sync_goes_well(story: Story) -> None:
    assert {name: run.error for name, run in story.runs.items()} == dict.fromkeys(story.runs)


@pytest.mark.parametrize("kind", KINDS)
def test_without_result_tables_no_result_is_asked_for(story: Story, kind: str) -> None:
    assert story.results["no results"] == set()
    tables = story.tables["no results"]
    assert len(tables["jobs"]) == len(story.jobs)
    assert not any(tables.get(name) for name in RESULTS)
    assert story.states("no results", kind, INSIDE + OUTSIDE) == {"skipped"}
    assert story.states("no results", kind, ("open",)) == {"not_ready"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_loads_what_was_skipped_in_it(story: Story, kind: str) -> None:
    assert story.states("window", kind, INSIDE) == {"loaded"}
    for name in INSIDE:
        table = "chunks" if kind == "parse" else "extraction_results"
        assert of_job(story.tables["window"], table, story.jobs[kind, name])


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_is_half_open(story: Story, kind: str) -> None:
    assert story.states("window", kind, OUTSIDE) == {"skipped"}
    outside = {story.jobs[kind, name] for name in OUTSIDE}
    assert not outside & story.results["window"]
    for name in RESULTS:
        assert not [row for row in story.tables["window"][name] if row["job_id"] in outside]


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_asks_for_no_result_that_is_loaded(story: Story, kind: str) -> None:
    before, after = story.tables["window"], story.tables["wider window"]
    new = story.jobs[kind, "at the upper bound"]
    assert story.states("wider window", kind, (*INSIDE, "at the upper bound")) == {"loaded"}
    assert story.states("wider window", kind, ("before", "after")) == {"skipped"}
    if (story.provider, kind) not in STATUS_HAS_RESULT:
        of_kind = {job_id for (of, _), job_id in story.jobs.items() if of == kind}
        assert story.results["wider window"] & of_kind == {new}
    for name in RESULTS:
        rest = [row for row in before[name] if row["job_kind"] == kind]
        found = [row for row in after[name] if row["job_kind"] == kind]
        assert [row for row in found if row["job_id"] != new] == rest


def test_a_window_leaves_the_cursor_alone(story: Story) -> None:
    assert story.runs["no results"].cursor is not None
    assert len({run.cursor for run in story.runs.values()}) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_reload_of_the_skipped_loads_them_and_no_others(story: Story, kind: str) -> None:
    assert story.states("skipped", kind, INSIDE + OUTSIDE) == {"loaded"}
    assert story.states("skipped", kind, ("open",)) == {"not_ready"}
    of_kind = {job_id for (of, _), job_id in story.jobs.items() if of == kind}
    if (story.provider, kind) not in STATUS_HAS_RESULT:
        asked = {
            story.jobs[kind, name]
            for name in OUTSIDE
            if story.states("wider window", kind, (name,)) == {"skipped"}
        }
        assert asked
        assert story.results["skipped"] & of_kind == asked


@pytest.mark.parametrize("kind", KINDS)
def test_a_reload_of_given_jobs_replaces_their_rows_and_no_others(story: Story, kind: str) -> None:
    before, after = story.tables["skipped"], story.tables["all"]
    job_id = story.jobs[kind, "within"]
    for name in RESULTS:
        rest = [row for row in before[name] if row["job_id"] not in ids(story, "within")]
        assert [row for row in after[name] if row["job_id"] not in ids(story, "within")] == rest
    if kind == "parse":
        assert len(of_job(before, "segments", job_id)) > 1
        for name in ("pages", "chunks", "segments"):
            assert len(of_job(after, name, job_id)) == 1
        assert of_job(after, "chunks", job_id)[0]["content"] == "only page"
        row = job_row(after, job_id)
        assert (row["page_count"], row["chunk_count"], row["segment_count"]) == (1, 1, 1)
    else:
        assert of_job(after, "extraction_results", job_id)[0]["result"] == '{"field":["only page"]}'
    if (story.provider, kind) not in STATUS_HAS_RESULT:
        assert job_id in story.results["all"]
    assert story.results["all"] <= ids(story, "within")


def ids(story: Story, name: str) -> set[str]:
    """The job of a name, of both kinds."""
    return {story.jobs[kind, name] for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_none_of_it_makes_an_event(story: Story, kind: str) -> None:
    first, last = story.tables["no results"], story.tables["all"]
    assert last["job_status_history"] == first["job_status_history"]
