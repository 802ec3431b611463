"""The providers themselves, with a key of yours: read-only, some fifty requests each.

Run with `DOCJOBS_LIVE=1` and a key in the environment, such as `LLAMA_CLOUD_API_KEY`. A provider
without a list needs ids as well: `DOCJOBS_LIVE_ACME_JOB_IDS`, separated by commas.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import dlt
import duckdb
import live_keys
import pytest

import dlt_docjobs
from dlt_docjobs.model.vocabulary import SUCCEEDED
from dlt_docjobs.probe import probe_account
from dlt_docjobs.providers.declaration import Provider
from dlt_docjobs.providers.probing import NotShown, Probe
from dlt_docjobs.providers.protocol import ProviderApi
from dlt_docjobs.providers.recording import REQUESTS, Recorder
from dlt_docjobs.providers.registry import provider, provider_names
from dlt_docjobs.sources.source import resolve


@pytest.fixture(params=provider_names())
def account(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The arguments of a provider's source; skipped where there is no leave or no key."""
    declared = provider(request.param)
    if os.environ.get("DOCJOBS_LIVE") != "1":
        pytest.skip("DOCJOBS_LIVE is not 1: no provider is asked")
    key = live_keys.key_of(declared)
    if key is None:
        pytest.skip(f"no key in the environment: {' or '.join(declared.key_variables)}")
    found: dict[str, Any] = {"name": declared.name, "api_key": key}
    url = live_keys.value_of(f"SOURCES__DOCJOBS__{declared.name}__BASE_URL".upper())
    if url is not None:
        found["base_url"] = url
    if declared.unlisted:
        variable = f"DOCJOBS_LIVE_{declared.name}_JOB_IDS".upper()
        ids = [one for one in os.environ.get(variable, "").split(",") if one.strip()]
        if not ids:
            pytest.skip(f"{declared.title} has no list, and {variable} names no job")
        found["job_ids"] = ids
    return found


def declared_of(account: dict[str, Any]) -> Provider:
    return provider(account["name"])


def ask(account: dict[str, Any], question: Callable[[Probe], Awaitable[Any]]) -> Any:
    config = resolve(lambda: dlt_docjobs.source(**account))
    recorder = Recorder()
    api: ProviderApi = config.make_api(watch=recorder)

    async def run() -> Any:
        async with api.client:
            return await question(Probe(api, recorder, config.settings.targets))

    return asyncio.run(run())


def test_the_key_is_accepted(account: dict[str, Any]) -> None:
    ask(account, lambda probe: probe.api.check())


def test_lists_are_read(account: dict[str, Any]) -> None:
    declared = declared_of(account)
    if not declared.lists:
        pytest.skip(f"{declared.title} has no list")
    for listing in declared.lists:
        page = ask(account, lambda probe, listing=listing: probe.first_page(listing))
        assert not page.rejections, listing.endpoint


def test_a_job_is_asked_for(account: dict[str, Any]) -> None:
    async def question(probe: Probe) -> None:
        for kind in probe.provider.kinds:
            try:
                job = await probe.one(kind, "any")
            except NotShown:
                continue
            reply = await probe.status(job)
            assert reply.observation.job_id == job.job_id

    ask(account, question)


def test_a_result_is_read(account: dict[str, Any]) -> None:
    async def question(probe: Probe) -> None:
        for kind in probe.provider.kinds:
            try:
                job = await probe.one(kind, "succeeded")
            except NotShown:
                continue
            reply = await probe.api.result(kind, job.job_id, job.tier)
            status = probe.provider.vocabulary.status(reply.observation.provider_status)
            assert status == SUCCEEDED

    ask(account, question)


def test_a_day_is_synced(account: dict[str, Any], tmp_path: Path) -> None:
    name = account["name"]
    file = tmp_path / "warehouse.duckdb"
    pipeline = dlt.pipeline(
        f"docjobs_{name}",
        destination=dlt.destinations.duckdb(str(file)),
        dataset_name="docjobs",
        pipelines_dir=str(tmp_path / "pipelines"),
    )
    pipeline.run(dlt_docjobs.source(**account, max_jobs_per_package=20))
    with duckdb.connect(str(file), read_only=True) as connection:
        rejected = connection.execute("SELECT error FROM docjobs.rejected_records").fetchall()
    assert rejected == []


def test_the_probe_answers(account: dict[str, Any]) -> None:
    config = resolve(lambda: dlt_docjobs.source(**account))
    recorder = Recorder()
    found = asyncio.run(
        probe_account(config.make_api(watch=recorder), recorder, config.settings.targets)
    )
    assert found.requests <= REQUESTS
    assert any(one.outcome == "shown" for one in found.answers)
