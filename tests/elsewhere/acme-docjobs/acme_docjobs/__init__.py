"""Acme's document jobs: what Acme declares of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dlt_docjobs.model.vocabulary import (
    CANCELLED,
    FAILED,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    Vocabulary,
)
from dlt_docjobs.providers.declaration import JobList, Kind, Provider, Setting


def _key_headers(key: str, base_url: str, settings: Mapping[str, Any]) -> Mapping[str, str]:
    headers = {"X-Acme-Key": key}
    if settings["workspace"]:
        headers["X-Acme-Workspace"] = settings["workspace"]
    return headers


# one list shows the jobs of all kinds, whole, in no promised order
_JOBS: Final = JobList("/jobs", covers_open=True)

PROVIDER: Final = Provider(
    name="acme",
    title="Acme",
    api="acme_docjobs.api:AcmeApi",
    key_variables=("ACME_API_KEY",),
    base_url="https://api.acme.example/v2",
    vocabulary=Vocabulary(
        statuses={
            # as the list says it
            "waiting": QUEUED,
            "working": RUNNING,
            "done": SUCCEEDED,
            "error": FAILED,
            "stopped": CANCELLED,
            # as an answer about one job says it
            "pending": QUEUED,
            "completed": SUCCEEDED,
            "errored": FAILED,
        },
        # the same moment in other words is no event
        synonyms={"completed": "done", "errored": "error"},
        # said of every job that has not ended, whether it waits or works
        vague=frozenset({"pending"}),
        segment_types={
            "headline": "section_header",
            "paragraph": "text",
            "grid": "table",
            "image": "picture",
        },
    ),
    kinds={
        "parse": Kind(_JOBS, retention_days=90),
        "extract": Kind(_JOBS, retention_days=90),
        "classify": Kind(_JOBS, retention_days=90),
    },
    key_headers=_key_headers,
    settings=(Setting("workspace", None, "The workspace whose jobs are loaded; by default all."),),
    key_hint="Acme's keys belong to one workspace",
    result_hosts=("*.acme-results.example",),
    probe="acme_docjobs.probe:QUESTIONS",
)
