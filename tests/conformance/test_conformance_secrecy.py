"""What must not be kept is found nowhere: no table, no file, no state, no log, no error."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from conformance_bench import (
    FAILURE_WORD,
    KINDS,
    LISTING,
    PROVIDERS,
    RUNNING_WORD,
    SUCCESS_WORD,
    Bench,
    MakeBench,
    result_of,
)

from dlt_docjobs.emulator import Faults
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.testing.checks import assert_sound
from dlt_docjobs.testing.secrecy import every_file, every_table
from dlt_docjobs.testing.warehouse import Tables, job_row, of_job

TEXT = "Confidential7391"
NAME = "Nameless8264"
ERROR = "Unlucky5518"
TAG = "Tagged6607"
SECRETS = ("emulator-key", "s3cret", "X-Amz-Signature")


@dataclass
class Kept:
    """What a sync has left."""

    provider: str
    bench: Bench
    run: SyncRun
    tables: Tables
    loads: list[str]
    jobs: dict[tuple[str, str], str]
    everywhere: dict[str, str] = field(default_factory=dict)

    def places(self, marker: str) -> list[str]:
        """Where a text is found."""
        return [place for place, text in self.everywhere.items() if marker in text]


class Listener(logging.Handler):
    """Hears everything that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.exc_info}")


@pytest.fixture(scope="module")
def heard() -> Iterator[Listener]:
    """All logs of all libraries."""
    listener = Listener()
    loggers = [logging.getLogger(), logging.getLogger("dlt"), logging.getLogger("dlt_docjobs")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(listener)
        logger.setLevel(logging.DEBUG)
    yield listener
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(listener)
        logger.setLevel(level)


def keep(provider: str, bench: Bench, heard: Listener, **arguments: Any) -> Kept:
    """Syncs an account full of markers."""
    emulator = bench.emulator
    created = datetime.now(timezone.utc) - timedelta(hours=3)
    jobs = {}
    for kind in KINDS:
        marked = result_of(provider, kind, [f"{TEXT} first", f"{TEXT} second"])
        if kind == "extract":
            deep = {TEXT: {"inner": [TEXT, 7391, True, None]}}
            marked[next(iter(marked))]["field"].append(deep)
        for name, word in (
            *(("done", SUCCESS_WORD), ("garbage", SUCCESS_WORD)),
            *(("failed", FAILURE_WORD), ("running", RUNNING_WORD)),
        ):
            jobs[kind, name] = emulator.add_job(
                provider,  # type: ignore[arg-type]
                kind,  # type: ignore[arg-type]
                status=word[provider, kind],
                created_at=created,
                document_name=f"{NAME} {name}.pdf",
                error_message=ERROR,
                user_metadata={"owner": TAG},
                result=marked,
                hang=word is RUNNING_WORD,
            ).job_id
    emulator.faults = Faults(
        odd_texts={"signed_url"},
        broken_results={jobs[kind, "garbage"]: "garbage" for kind in KINDS},
        unreadable_rows={"null_id"},
        list_carries_results=True,
    )
    heard.lines.clear()
    run = bench.sync(provider, **arguments)
    kept = Kept(provider, bench, run, bench.tables(), bench.loads(), jobs)
    kept.everywhere = every_table(bench.file()) | every_file(bench.folder)
    kept.everywhere |= {"logs": "\n".join(heard.lines), "run": str(run)}
    return kept


@pytest.fixture(scope="module", params=PROVIDERS)
def without_content(request: pytest.FixtureRequest, make_bench: MakeBench, heard: Listener) -> Kept:
    """A sync that stores neither texts nor names."""
    bench = make_bench()
    return keep(request.param, bench, heard, include_content=False, include_names=False)


def test_texts_are_found_nowhere(without_content: Kept) -> None:
    assert without_content.places(TEXT) == []
    assert without_content.places("Nordwind") == [], "what a running extract job had found"


def test_tags_are_found_nowhere(without_content: Kept) -> None:
    assert without_content.places(TAG) == []


def test_names_are_found_nowhere(without_content: Kept) -> None:
    assert without_content.places(NAME) == []


def test_secrets_are_found_nowhere(without_content: Kept) -> None:
    for secret in SECRETS:
        assert without_content.places(secret) == []


def test_errors_stay(without_content: Kept) -> None:
    if without_content.provider != "contextual":
        row = job_row(without_content.tables, without_content.jobs["parse", "failed"])
        assert row["error_message"].startswith(ERROR)


def test_names_stand_as_hashes(without_content: Kept) -> None:
    names = {
        row["document_name"]
        for row in without_content.tables["jobs"]
        if row["document_name"] is not None
    }
    if without_content.provider == "landingai":
        # it names no document
        assert not names
        return
    if without_content.provider != "reducto":
        assert len(names) >= 4, "different names have different hashes"
    assert all(len(name) >= 32 and " " not in name for name in names)


def test_the_warehouse_is_sound_without_texts(without_content: Kept) -> None:
    assert_sound(without_content.tables, without_content.loads)


def test_the_shape_of_a_document_stays(without_content: Kept) -> None:
    tables = without_content.tables
    job_id = without_content.jobs["parse", "done"]
    segments = of_job(tables, "segments", job_id)
    assert [row["page_number"] for row in segments] == [1, 2]
    assert [row["segment_type"] for row in segments] == ["text", "text"]
    for row in segments:
        assert row["content"] is row["markdown"] is row["html"] is None
    assert [row["content"] for row in of_job(tables, "chunks", job_id)] == [None, None]
    if without_content.provider == "unsiloed":
        ocr = of_job(tables, "segment_ocr", job_id)
        assert [(row["text"], row["confidence"]) for row in ocr] == [(None, 0.5)] * 2
    (row,) = of_job(tables, "extraction_results", without_content.jobs["extract", "done"])
    assert row["result"] is None


def test_what_is_rejected_keeps_its_shape(without_content: Kept) -> None:
    rows = without_content.tables["rejected_records"]
    assert len(rows) >= 2
    assert without_content.run.exit_code == 1
    for row in rows:
        payload = json.loads(row["payload"])
        if isinstance(payload, dict) and "status" in payload:
            assert isinstance(payload["status"], str), "enum words stay"
    if without_content.provider in LISTING:
        assert any("id" in row["payload"] for row in rows)
