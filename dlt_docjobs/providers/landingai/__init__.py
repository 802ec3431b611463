"""LandingAI ADE: docs/providers/landingai.md."""

from __future__ import annotations

from typing import Final

from dlt_docjobs.model.vocabulary import CANCELLED, FAILED, QUEUED, RUNNING, SUCCEEDED, Vocabulary
from dlt_docjobs.providers.declaration import JobList, Kind, Provider, Setting

PROVIDER: Final = Provider(
    name="landingai",
    title="LandingAI ADE",
    api="dlt_docjobs.providers.landingai.api:LandingaiApi",
    key_variables=("VISION_AGENT_API_KEY",),
    base_url="https://api.ade.landing.ai",
    vocabulary=Vocabulary(
        statuses={
            "pending": QUEUED,
            "processing": RUNNING,
            "completed": SUCCEEDED,
            "failed": FAILED,
            "cancelled": CANCELLED,
        },
        segment_types={
            "text": "text",
            "table": "table",
            "figure": "picture",
            "logo": "picture",
            "attestation": "signature",
            # of answers of v1
            "title": "title",
            "pageheader": "page_header",
            "pagefooter": "page_footer",
            "keyvalue": "key_value",
            "form": "form",
        },
    ),
    # "the caller's jobs, newest first"; no filter on dates
    kinds={
        "parse": Kind(
            JobList("/v2/parse/jobs", newest_first=True, page_max=100), status_has_result=True
        ),
        "extract": Kind(
            JobList("/v2/extract/jobs", newest_first=True, page_max=100), status_has_result=True
        ),
    },
    settings=(
        Setting("page_size", 100, "Jobs a list page, at most 100; if refused, the server's own."),
        Setting(
            "retention_days",
            None,
            "How long results stay, where you know it; LandingAI does not say.",
        ),
    ),
    key_hint=(
        "keys of LandingAI's EU region work at https://api.ade.eu-west-1.landing.ai only, and a "
        "free plan has no access to the API"
    ),
    # where large results of v1 are put; that it is S3 is inferred from the region's name
    result_hosts=("*.amazonaws.com",),
    probe="dlt_docjobs.providers.landingai.probe:QUESTIONS",
)
