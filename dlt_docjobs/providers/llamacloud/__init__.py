"""LlamaCloud (parse, extract, classify, split), API version 2: docs/providers/llamacloud.md."""

from __future__ import annotations

from typing import Final

from dlt_docjobs.model.vocabulary import CANCELLED, FAILED, QUEUED, RUNNING, SUCCEEDED, Vocabulary
from dlt_docjobs.providers.declaration import Bound, JobList, Kind, Provider, Setting

_FILTERS: Final[frozenset[Bound]] = frozenset({"since", "until"})
# as many ids as a URL bears
_IDS_AT_ONCE: Final = 50

PROVIDER: Final = Provider(
    name="llamacloud",
    title="LlamaCloud",
    api="dlt_docjobs.providers.llamacloud.api:LlamaCloudApi",
    key_variables=("LLAMA_CLOUD_API_KEY", "LLAMA_PARSE_API_KEY"),
    base_url="https://api.cloud.llamaindex.ai",
    vocabulary=Vocabulary(
        statuses={
            "pending": QUEUED,
            "throttled": QUEUED,
            "running": RUNNING,
            # of split jobs
            "processing": RUNNING,
            "completed": SUCCEEDED,
            "failed": FAILED,
            "cancelled": CANCELLED,
        },
        initial="pending",
        segment_types={
            "heading": "section_header",
            "text": "text",
            "list": "list",
            "table": "table",
            "image": "picture",
            "figure": "picture",
            "code": "code",
            "link": "link",
            "header": "page_header",
            "footer": "page_footer",
            # of forms, as forms.py names them
            "form": "form",
            "form.section": "form",
            "form.field": "key_value",
            "form.field.text": "key_value",
            "form.field.checkbox": "key_value",
            "form.field.singleselect": "key_value",
            "form.field.multiselect": "key_value",
            "form.field.signature": "signature",
            "form.table": "table",
            "form.text": "text",
        },
    ),
    kinds={
        "parse": Kind(JobList("/api/v2/parse", filters=_FILTERS), poll_batch=_IDS_AT_ONCE),
        "extract": Kind(
            JobList("/api/v2/extract", filters=_FILTERS), poll_batch=_IDS_AT_ONCE, id_prefix="ext-"
        ),
        # younger than the other two, and not on every server
        "classify": Kind(
            JobList("/api/v2/classify", filters=_FILTERS, is_optional=True, page_max=100),
            poll_batch=_IDS_AT_ONCE,
        ),
        "split": Kind(
            JobList("/api/v1/split/jobs", filters=_FILTERS, is_optional=True),
            poll_batch=_IDS_AT_ONCE,
            id_prefix="spl-",
            has_credits=False,
        ),
    },
    settings=(
        Setting(
            "api_key",
            None,
            "Key of one project in one region; falls back to `LLAMA_CLOUD_API_KEY`.",
        ),
        Setting(
            "retention_days",
            None,
            "How long results stay, where you know it; LlamaCloud does not say.",
        ),
        Setting("project_id", None, "Sent with every request where configured."),
        Setting("organization_id", None, "Sent with every request where configured."),
        Setting(
            "include_state_transitions",
            False,
            "Reads exact transition times from `job-data-points`, where the account is served it.",
            bool,
        ),
    ),
    key_hint=(
        "LlamaCloud keys belong to one region: for an EU key set base_url to "
        "https://api.cloud.eu.llamaindex.ai"
    ),
    credits_come_late=True,
    probe="dlt_docjobs.providers.llamacloud.probe:QUESTIONS",
)
