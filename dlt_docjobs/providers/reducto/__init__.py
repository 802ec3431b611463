"""Reducto: docs/providers/reducto.md."""

from __future__ import annotations

from typing import Final

from dlt_docjobs.model.vocabulary import CANCELLED, FAILED, QUEUED, RUNNING, SUCCEEDED, Vocabulary
from dlt_docjobs.providers.declaration import JobList, Kind, Provider, Setting

# one list of all kinds, without filter or promised order: it is read whole; nobody says whether it
# shows jobs that were purged
_JOBS: Final = JobList("/jobs", covers_open=True, says_why=False, outlives_jobs=True, page_max=500)
# status and result are one answer
_KIND: Final = Kind(_JOBS, status_has_result=True)

PROVIDER: Final = Provider(
    name="reducto",
    title="Reducto",
    api="dlt_docjobs.providers.reducto.api:ReductoApi",
    key_variables=("REDUCTO_API_KEY",),
    base_url="https://platform.reducto.ai",
    vocabulary=Vocabulary(
        statuses={
            "pending": QUEUED,
            "idle": QUEUED,
            "inprogress": RUNNING,
            "completing": RUNNING,
            "completed": SUCCEEDED,
            "failed": FAILED,
            "cancelled": CANCELLED,
        },
        # nobody says how they differ, nor that list and single answer agree on them
        synonyms={"idle": "pending"},
        # a single answer says so of a job that the list shows as InProgress
        vague=frozenset({"pending", "idle"}),
        segment_types={
            "title": "title",
            "sectionheader": "section_header",
            "text": "text",
            "listitem": "list_item",
            "keyvalue": "key_value",
            "table": "table",
            "figure": "picture",
            "header": "page_header",
            "footer": "page_footer",
            "signature": "signature",
        },
    ),
    kinds={"parse": _KIND, "extract": _KIND, "classify": _KIND, "split": _KIND},
    settings=(
        Setting("page_size", 500, "Jobs a list page, 500 at most."),
        Setting(
            "retention_days",
            None,
            "How long results stay, where you know it: about a day on some plans.",
        ),
        Setting(
            "list_configs",
            False,
            "Lists with `raw_config`, so that jobs without a result have a `config` too.",
            bool,
        ),
    ),
    key_hint=(
        "Reducto keys may belong to one region: for an EU key set base_url to "
        "https://eu.platform.reducto.ai, for an Australian one to https://au.platform.reducto.ai"
    ),
    # `{"name": …}` stands at the top, or in `error`: the outer form of some errors is not known
    error_keys=frozenset({"detail", "message", "error", "code", "name"}),
    deleted_words=frozenset({"JOB_DELETED"}),
    deleting_words=frozenset({"JOB_DELETION_IN_PROGRESS"}),
    # signed URLs, on hosts that no documentation names
    result_hosts=("*",),
    probe="dlt_docjobs.providers.reducto.probe:QUESTIONS",
)
