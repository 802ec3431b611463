"""Every script and every function in `pipelines/` is run against the emulator."""

from __future__ import annotations

import ast
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest
from pipelines_support import PIPELINES, Scripts

SCRIPTS = sorted(path.stem for path in PIPELINES.glob("*_pipeline.py"))
OF_SCRIPT = {
    "llamacloud_pipeline": ["llamacloud"],
    "contextual_pipeline": ["contextual"],
    "unsiloed_pipeline": ["unsiloed"],
    "all_providers_pipeline": ["llamacloud", "contextual", "unsiloed"],
    "backfill_pipeline": ["llamacloud"],
}
# what the tests below run beside each script's main
TESTED = {
    "load_without_results",
    "load_skipped_results",
    "load_without_document_text",
    "load_one_package",
    "load_with_hourly_dates",
    "load_parse_jobs_only",
    "load_until_all_have_ended",
    "load_ids_from_table",
    "follow_known_jobs",
    "fetch_failed_results_again",
}


def usages(script: str) -> set[str]:
    """The functions that a script offers, but for the one that its main runs."""
    tree = ast.parse((PIPELINES / f"{script}.py").read_text("utf-8"))
    functions = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith(("load_", "follow_", "fetch_"))
        and len(node.args.args) == len(node.args.defaults)
    }
    main = tree.body[-1]
    assert isinstance(main, ast.If)
    run = {node.id for node in ast.walk(main) if isinstance(node, ast.Name)}
    return functions - run


def test_every_usage_is_tested() -> None:
    assert set().union(*map(usages, SCRIPTS)) == TESTED


@pytest.mark.parametrize("script", SCRIPTS)
def test_script(script: str, scripts: Scripts) -> None:
    scripts.run(f"{script}.py")
    for provider in OF_SCRIPT[script]:
        assert scripts.known(provider) == scripts.true(provider)
        ((loaded, segments),) = scripts.rows(
            "SELECT (SELECT count(*) FROM docjobs.jobs WHERE results_state = 'loaded'"
            f" AND provider = '{provider}'), (SELECT count(*) FROM docjobs.segments"
            f" WHERE provider = '{provider}')"
        )
        assert loaded > 0
        assert segments > 0


@pytest.mark.slow
def test_a_window_can_be_loaded_again(scripts: Scripts) -> None:
    counts = (
        "SELECT (SELECT count(*) FROM docjobs.jobs), (SELECT count(*) FROM docjobs.segments),"
        " (SELECT count(*) FROM docjobs.job_status_history)"
    )
    scripts.call("backfill_pipeline", "load_last_weeks")
    before = scripts.rows(counts)
    scripts.call("backfill_pipeline", "load_last_weeks")
    assert scripts.rows(counts) == before


@pytest.mark.slow
def test_results_left_out_are_loaded_later(scripts: Scripts) -> None:
    states = "SELECT results_state, count(*) FROM docjobs.jobs GROUP BY ALL"
    scripts.call("llamacloud_pipeline", "load_without_results")
    before = dict(scripts.rows(states))
    assert "loaded" not in before
    scripts.call("llamacloud_pipeline", "load_skipped_results")
    after = dict(scripts.rows(states))
    assert after["loaded"] == before["skipped"]
    assert "skipped" not in after


def test_document_text_is_left_out(scripts: Scripts) -> None:
    scripts.call("llamacloud_pipeline", "load_without_document_text")
    ((segments, texts),) = scripts.rows(
        "SELECT count(*), count(coalesce(content, markdown, html)) FROM docjobs.segments"
    )
    assert segments > 0
    assert texts == 0
    names = scripts.rows("SELECT document_name FROM docjobs.jobs WHERE document_name IS NOT NULL")
    assert names
    assert all(name.startswith("sha256:") for (name,) in names)


@pytest.mark.parametrize("provider", ["llamacloud", "contextual", "unsiloed"])
def test_packages_go_on(provider: str, scripts: Scripts) -> None:
    scripts.call(f"{provider}_pipeline", "load_one_package")
    assert scripts.known(provider) == scripts.true(provider)


def test_a_package_of_a_window(scripts: Scripts) -> None:
    scripts.call("backfill_pipeline", "load_one_package")
    week = datetime.now(timezone.utc) - timedelta(weeks=1)
    jobs = scripts.emulator.jobs("llamacloud")
    recent = {job.job_id for job in jobs if job.expired_at is None and job.created_at >= week}
    assert scripts.known("llamacloud") == recent
    assert recent


@pytest.mark.slow
def test_other_ways_to_load_contextual(scripts: Scripts) -> None:
    scripts.call("contextual_pipeline", "load_parse_jobs_only")
    assert scripts.rows("SELECT DISTINCT job_kind FROM docjobs.jobs") == [("parse",)]
    scripts.call("contextual_pipeline", "load_with_hourly_dates")
    assert scripts.known("contextual") == scripts.true("contextual")


def test_dates_are_bracketed_to_an_hour(scripts: Scripts) -> None:
    scripts.call("contextual_pipeline", "load_with_hourly_dates")
    widths = scripts.rows(
        "SELECT max(created_at_latest - created_at_earliest) <= INTERVAL 2 HOURS"
        " FROM docjobs.jobs WHERE created_at_precision = 'bounded'"
    )
    assert widths == [(True,)]


def test_following_ends_when_all_have_ended(scripts_of_nobody: Scripts) -> None:
    scripts = scripts_of_nobody
    emulator = scripts.emulator
    job = emulator.add_job("contextual", "extract")
    emulator.faults.on_request = lambda _: emulator.advance(60)
    scripts.call("contextual_pipeline", "load_until_all_have_ended")
    assert emulator.job(job.job_id).is_terminal
    assert scripts.rows("SELECT is_terminal FROM docjobs.jobs") == [(True,)]


@pytest.mark.slow
def test_ids_from_a_table(scripts: Scripts) -> None:
    scripts.call("unsiloed_pipeline", "load_ids_from_table", "follow_known_jobs")
    assert scripts.known("unsiloed") == scripts.true("unsiloed")


@pytest.mark.slow
def test_failed_results_are_fetched_again(scripts: Scripts) -> None:
    emulator = scripts.emulator
    jobs = [job.job_id for job in emulator.jobs("llamacloud") if job.status == "succeeded"]
    emulator.faults.broken_results = dict.fromkeys(jobs, "garbage")
    scripts.call("backfill_pipeline", "load_last_weeks")
    states = (
        "SELECT results_state, count(*) FROM docjobs.jobs WHERE status = 'succeeded' GROUP BY 1"
    )
    assert scripts.rows(states) == [("pending", len(jobs))]
    # a week later they are asked for no more
    with duckdb.connect(str(scripts.folder / "warehouse.duckdb")) as connection:
        connection.execute(
            "UPDATE docjobs.jobs SET results_state = 'failed' WHERE results_state = 'pending'"
        )
    emulator.faults.broken_results = {}
    scripts.call("backfill_pipeline", "fetch_failed_results_again")
    assert scripts.rows(states) == [("loaded", len(jobs))]


@pytest.mark.slow
def test_one_provider_that_fails_stops_no_other(scripts: Scripts) -> None:
    said = scripts.run("all_providers_pipeline.py", code=1, CONTEXTUAL_API_KEY="wrong-key")
    assert "contextual: " in said
    assert scripts.known("unsiloed") == scripts.true("unsiloed")
    assert not scripts.known("contextual")


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_hold_no_key(script: str) -> None:
    tree = ast.parse(Path(PIPELINES, f"{script}.py").read_text("utf-8"))
    names = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    assert "api_key" not in names
