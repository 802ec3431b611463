"""An account of the emulator's, asked as the command asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.http import ApiClient, ErrorForm, HttpSettings
from dlt_docjobs.probe import Finding, Findings, probe_account
from dlt_docjobs.probe.account import answer
from dlt_docjobs.probe.questions import questions_of
from dlt_docjobs.providers.declaration import Provider
from dlt_docjobs.providers.probing import Probe
from dlt_docjobs.providers.protocol import ContentPolicy, ProviderApi
from dlt_docjobs.providers.recording import Recorder
from dlt_docjobs.providers.registry import provider


def api_of(
    declared: Provider, url: str, key: str, recorder: Recorder, transport: Any = None
) -> ProviderApi:
    own = {setting.name: setting.default for setting in declared.settings}
    client = ApiClient(
        url,
        headers=declared.key_headers(key, url, own),
        settings=HttpSettings(max_retries=0, max_concurrency=1),
        secrets=[key],
        error_form=ErrorForm(declared.error_keys, declared.error_text),
        transport=transport,
        result_hosts=declared.result_hosts,
        watch=recorder,
    )
    return declared.api_class()(client, ContentPolicy(), 100, own)


def ask(emulator: Emulator, name: str, transport: Any = None) -> Findings:
    declared = provider(name)
    recorder = Recorder()
    url = emulator.base_urls[name]  # type: ignore[index]
    api = api_of(declared, url, emulator.api_key, recorder, transport)
    return asyncio.run(probe_account(api, recorder, targets_of(emulator, name)))


def targets_of(emulator: Emulator, name: str) -> Iterable[Any]:
    """Ids to name where there is no list: parse jobs in three statuses, others that are done."""
    found: dict[Any, Any] = {}
    for job in emulator.jobs(name):  # type: ignore[arg-type]
        if job.job_kind == "parse" or job.status == "succeeded":
            found.setdefault((job.job_kind, job.status), (job.job_id, job.job_kind))
    wanted = ("succeeded", "running", "cancelled")
    return [found[ref] for ref in found if ref[1] in wanted]


def answers(found: Findings) -> dict[str, Finding]:
    return {one.question.name: one for one in found.answers}


def ask_one(emulator: Emulator, name: str, question: str) -> Finding:
    """One question of a provider's, as if it were the only one."""
    declared = provider(name)
    recorder = Recorder()
    url = emulator.base_urls[name]  # type: ignore[index]
    api = api_of(declared, url, emulator.api_key, recorder)
    (wanted,) = [one for one in questions_of(declared) if one.name == question]

    async def run() -> Finding:
        async with api.client:
            return await answer(Probe(api, recorder, targets_of(emulator, name)), wanted)

    return asyncio.run(run())
