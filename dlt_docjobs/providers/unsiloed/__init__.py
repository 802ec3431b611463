"""Unsiloed AI: docs/providers/unsiloed.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dlt_docjobs.model.vocabulary import CANCELLED, FAILED, QUEUED, RUNNING, SUCCEEDED, Vocabulary
from dlt_docjobs.providers.declaration import Kind, Provider, Setting, bearer


def _key_headers(key: str, base_url: str, settings: Mapping[str, Any]) -> Mapping[str, str]:
    header = settings["auth_header"]
    return bearer(key, base_url, settings) if header.lower() == "authorization" else {header: key}


PROVIDER: Final = Provider(
    name="unsiloed",
    title="Unsiloed AI",
    api="dlt_docjobs.providers.unsiloed.api:UnsiloedApi",
    key_variables=("UNSILOED_API_KEY",),
    base_url="https://prod.visionapi.unsiloed.ai",
    vocabulary=Vocabulary(
        statuses={
            "starting": QUEUED,
            "queued": QUEUED,
            "awaitingupload": QUEUED,
            "processing": RUNNING,
            "succeeded": SUCCEEDED,
            "completed": SUCCEEDED,
            "review": SUCCEEDED,
            "failed": FAILED,
            "cancelled": CANCELLED,
        },
        segment_types={
            "title": "title",
            "sectionheader": "section_header",
            "text": "text",
            "listitem": "list_item",
            "table": "table",
            "picture": "picture",
            "figure": "picture",
            "caption": "caption",
            "formula": "formula",
            "footnote": "footnote",
            "pageheader": "page_header",
            "header": "page_header",
            "pagefooter": "page_footer",
            "footer": "page_footer",
            "keyvaluepair": "key_value",
            "signature": "signature",
        },
    ),
    # it publishes no list, and of classify and split jobs no date and no price
    kinds={
        "parse": Kind(),
        "extract": Kind(status_has_result=True, retention_days=7),
        "classify": Kind(status_has_result=True, has_credits=False),
        "split": Kind(status_has_result=True, has_credits=False),
    },
    key_headers=_key_headers,
    settings=(
        Setting(
            "auth_header",
            "api-key",
            "Header that carries the key: `api-key`, `X-API-Key` or `Authorization`.",
        ),
        Setting(
            "retention_days", None, "How long results stay; by default 7 days for extract jobs."
        ),
        Setting("page_size", 100, "Not used: there is no list."),
        Setting("start_date", None, "Named jobs created before it are left out."),
        Setting(
            "lag_seconds",
            3600,
            "Ended jobs created this far behind the cursor, or later, are asked for again.",
        ),
    ),
    probe="dlt_docjobs.providers.unsiloed.probe:QUESTIONS",
    # of `/parse` in plain text, JSON-quoted: "Job … not found"
    error_text=r"\b(job|task)\b",
    key_hint=(
        "Unsiloed's documentation names three headers for the key: try auth_header = "
        '"X-API-Key" or "Authorization"'
    ),
)
