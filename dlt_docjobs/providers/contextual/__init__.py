"""Contextual AI: docs/providers/contextual.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dlt_docjobs.model.vocabulary import (
    CANCELLED,
    FAILED,
    QUEUED,
    RETRYING,
    RUNNING,
    SUCCEEDED,
    Vocabulary,
)
from dlt_docjobs.providers.declaration import JobList, Kind, Provider, Setting, bearer

_SNOWFLAKE: Final = "snowflakecomputing.app"


def _key_headers(key: str, base_url: str, settings: Mapping[str, Any]) -> Mapping[str, str]:
    if _SNOWFLAKE in base_url:
        # Contextual AI inside Snowflake
        return {"Authorization": f'Snowflake Token="{key}"'}
    return bearer(key, base_url, settings)


PROVIDER: Final = Provider(
    name="contextual",
    title="Contextual AI",
    api="dlt_docjobs.providers.contextual.api:ContextualApi",
    key_variables=("CONTEXTUAL_API_KEY",),
    base_url="https://api.contextual.ai/v1",
    vocabulary=Vocabulary(
        statuses={
            "pending": QUEUED,
            "processing": RUNNING,
            "retrying": RETRYING,
            "completed": SUCCEEDED,
            "failed": FAILED,
            "cancelled": CANCELLED,
        },
        segment_types={
            "heading": "section_header",
            "text": "text",
            "table": "table",
            "figure": "picture",
        },
    ),
    kinds={
        # rows without a date; asked for from any instant on
        "parse": Kind(
            JobList("/parse/jobs", is_dated=False, filters=frozenset({"since"}), page_max=1000),
            retention_days=30,
        ),
        # no filter: the whole list at every sync, all open jobs in it
        "extract": Kind(JobList("/extract/jobs", covers_open=True, page_max=100)),
    },
    key_headers=_key_headers,
    settings=(
        Setting("base_url", "https://api.contextual.ai/v1", "Includes `/v1`."),
        Setting("page_size", 1000, "Parse jobs a list page; extract jobs at most 100."),
        Setting(
            "retention_days", None, "How long results stay; by default 30 days for parse jobs."
        ),
        Setting(
            "start_date",
            None,
            "Lower bound of the very first sync; by default the 30 days that parse jobs are kept.",
        ),
        Setting(
            "created_at_resolution_seconds",
            86400,
            "How narrowly the creation of a parse job is bracketed.",
            float,
        ),
    ),
    probe="dlt_docjobs.providers.contextual.probe:QUESTIONS",
    key_hint="Contextual AI's base_url ends with /v1",
)
