"""Quality of an emulated world, day by day: read as a sync reads it, without dlt between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa

from dlt_docjobs.emulator import Emulator, TrueJob
from dlt_docjobs.providers.protocol import JobAnswer, ProviderApi
from dlt_docjobs.sources.source import resolve, source
from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import VIEWS

MORNING = datetime(2026, 7, 1, 6, 0, tzinfo=timezone.utc)
"""When somebody looks: a day and six hours after the model has changed, if it has."""
CHANGE = MORNING.replace(hour=0) - timedelta(days=1)

_DONE = {
    **{"llamacloud": "COMPLETED", "contextual": "completed", "unsiloed": "Succeeded"},
    **{"reducto": "Completed", "landingai": "completed"},
}

Row = dict[str, Any]


def busy_world(seed: int, jobs_a_day: int = 12, days: int = 9) -> Emulator:
    """As many parse jobs of each provider a day; the last whole day has the changed model."""
    emulator = Emulator(seed=seed, jobs=0, now=MORNING, model_changes_at=CHANGE)
    first = CHANGE - timedelta(days=days - 1)
    for number in range(days * jobs_a_day):
        for provider, status in _DONE.items():
            created = first + timedelta(days=number / jobs_a_day)
            emulator.add_job(provider, status=status, created_at=created)
    return emulator


def control_rows(emulator: Emulator) -> list[Row]:
    """The rows of `quality_control` over all jobs that have been parsed."""
    tables: dict[str, list[pa.Table]] = {"pages": [], "segments": []}
    jobs: list[Row] = []
    for job, answer in _answers(emulator):
        key = {"provider": job.provider, "job_kind": "parse", "job_id": job.job_id}
        said = {"tier": answer.observation.tier, "created_at": job.created_at}
        jobs.append({**key, **said, "account": "default", "results_state": "loaded"})
        assert answer.document is not None
        for name, found in tables.items():
            table = pa.Table.from_batches([answer.document.tables[name]])
            for column, value in key.items():
                table = table.append_column(column, pa.array([value] * len(table), pa.string()))
            found.append(table)
    with duckdb.connect() as connection:
        # days are UTC's whatever the session says
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
        schema = TABLES["jobs"].arrow_schema
        filled = [{name: job.get(name) for name in schema.names} for job in jobs]
        connection.register("jobs", pa.Table.from_pylist(filled, schema))
        for name, found in tables.items():
            connection.register(name, pa.concat_tables(found, promote_options="default"))
        for name in ("quality_daily", "quality_control"):
            connection.execute(f"CREATE TEMP VIEW {name} AS {VIEWS[name].sql}")
        return connection.sql("FROM quality_control").to_arrow_table().to_pylist()


def _answers(emulator: Emulator) -> Iterator[tuple[TrueJob, JobAnswer]]:
    jobs = [job for job in emulator.jobs(job_kind="parse") if job.status == "succeeded"]
    for provider, url in emulator.base_urls.items():
        own = [job for job in jobs if job.provider == provider]
        named = {"job_ids": []} if provider == "unsiloed" else {}
        options = {"api_key": emulator.api_key, "base_url": url, "include_ocr": False, **named}
        config = resolve(partial(source, provider, **options))
        yield from zip(own, asyncio.run(_results(config.make_api(), own)), strict=True)


async def _results(api: ProviderApi, jobs: list[TrueJob]) -> list[JobAnswer]:
    async with api.client:
        return list(await asyncio.gather(*(api.result("parse", job.job_id) for job in jobs)))
