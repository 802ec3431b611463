"""Unsiloed's jobs are named by the user, in whatever form the ids come."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dlt
import pytest
from conformance_bench import Bench, MakeBench, causes

from dlt_docjobs import UsageError
from dlt_docjobs.emulator import RequestRecord
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.tables import TABLES
from dlt_docjobs.testing.warehouse import Tables, job_row, of_job

Ids = list[tuple[str, str]]


def as_list(ids: Ids, _folder: Path) -> dict[str, Any]:
    return {"job_ids": [{"job_id": job_id, "job_kind": kind} for job_id, kind in ids]}


def as_generator(ids: Ids, _folder: Path) -> dict[str, Any]:
    return {"job_ids": ({"job_id": job_id, "job_kind": kind} for job_id, kind in ids)}


def as_resource(ids: Ids, _folder: Path) -> dict[str, Any]:
    @dlt.resource(name="my_jobs")
    def my_jobs() -> Any:
        yield [{"job_id": job_id, "job_kind": kind, "mine": 1} for job_id, kind in ids]

    return {"job_ids": my_jobs()}


def as_text(ids: Ids, folder: Path) -> dict[str, Any]:
    file = folder / "ids.txt"
    lines = [job_id for job_id, kind in ids if kind == "parse"]
    file.write_text("\ufeff# my jobs\n\n" + "\r\n".join(lines) + "\n", encoding="utf-8")
    return {"job_ids_file": str(file)}


def as_csv(ids: Ids, folder: Path) -> dict[str, Any]:
    file = folder / "ids.csv"
    lines = [f'"my, file.pdf",{kind},{job_id}' for job_id, kind in ids]
    file.write_text("\n".join(["name,job_kind,job_id", *lines]), encoding="utf-8")
    return {"job_ids_file": str(file)}


def as_jsonl(ids: Ids, folder: Path) -> dict[str, Any]:
    file = folder / "ids.jsonl"
    rows = [{"job_id": job_id, "job_kind": kind} for job_id, kind in ids]
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return {"job_ids_file": str(file)}


Form = Callable[[Ids, Path], dict[str, Any]]
# an argument and a file may name jobs side by side
FORMS: list[tuple[Form, Form]] = [
    (as_list, as_text),
    (as_generator, as_csv),
    (as_resource, as_jsonl),
]
NAMES = [form.__name__ for pair in FORMS for form in pair]


@dataclass
class Named:
    """One sync for every two forms, each form with jobs of its own."""

    bench: Bench
    ids: dict[str, Ids] = field(default_factory=dict)
    runs: dict[str, SyncRun] = field(default_factory=dict)
    tables: dict[str, Tables] = field(default_factory=dict)
    requests: dict[str, list[RequestRecord]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def named(make_bench: MakeBench) -> Named:
    """The syncs, and then one that names nothing and one that names an empty list."""
    named = Named(make_bench())
    bench = named.bench
    bench.emulator.add_job("unsiloed", "parse", job_id="open-job", hang=True)
    for pair in FORMS:
        arguments: dict[str, Any] = {}
        for form in pair:
            ids: Ids = [("open-job", "parse")]
            for kind, word in (("parse", "Succeeded"), ("extract", "review")):
                job = bench.emulator.add_job("unsiloed", kind, status=word, pages=1)  # type: ignore[arg-type]
                ids.append((job.job_id, kind))
            named.ids[form.__name__] = ids
            # twice: to name a job twice is no harm
            arguments |= form(ids * 2, bench.folder)
        run, tables = bench.sync("unsiloed", **arguments), bench.tables()
        for form in pair:
            named.runs[form.__name__], named.tables[form.__name__] = run, tables
    for name, job_ids in (("nothing", None), ("an empty list", [])):
        named.runs[name] = bench.sync("unsiloed", job_ids=job_ids)
        named.tables[name] = bench.tables()
        named.requests[name] = bench.requests
    return named


@pytest.mark.parametrize("form", NAMES)
def test_named_jobs_are_loaded(named: Named, form: str) -> None:
    run = named.runs[form]
    assert (run.exit_code, run.error) == (0, None)
    for job_id, kind in named.ids[form]:
        if form == "as_text" and kind == "extract":
            assert not of_job(named.tables[form], "jobs", job_id), "a text names parse jobs"
            continue
        row = job_row(named.tables[form], job_id)
        state = "not_ready" if job_id == "open-job" else "loaded"
        assert (row["job_kind"], row["results_state"]) == (kind, state)


@pytest.mark.parametrize("name", ["nothing", "an empty list"])
def test_open_jobs_are_followed_without_being_named(named: Named, name: str) -> None:
    assert (named.runs[name].exit_code, named.runs[name].error) == (0, None)
    assert [record.path for record in named.requests[name]] == ["/parse/open-job"]


def test_no_ids_and_no_known_job_is_an_error_of_usage(make_bench: MakeBench) -> None:
    bench = make_bench()
    with pytest.raises(Exception, match="job_ids") as caught:
        bench.sync("unsiloed", job_ids=None)
    assert any(isinstance(cause, UsageError) for cause in causes(caught.value))


def test_an_empty_list_is_no_error(make_bench: MakeBench) -> None:
    bench = make_bench()
    run = bench.sync("unsiloed", job_ids=[])
    assert (run.ok, run.exit_code, run.jobs_listed, run.requests) == (True, 0, 0, 0)
    assert all(rows == [] for name, rows in bench.tables().items() if name != "sync_runs")
    assert set(bench.tables()) == set(TABLES)


@pytest.mark.parametrize("job_id", ["../x", "a b", "", "ä", "a/b"])
def test_what_is_no_id_is_refused(make_bench: MakeBench, job_id: str) -> None:
    with pytest.raises(UsageError):
        make_bench().source("unsiloed", job_ids=[job_id])
