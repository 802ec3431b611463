"""The forms: how jobs are found and polled, each as a provider of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dlt_docjobs.model.vocabulary import FAILED, QUEUED, RUNNING, SUCCEEDED, JobKind, Vocabulary
from dlt_docjobs.providers.declaration import JobList, Kind, Provider

_WORDS: Final = Vocabulary(
    statuses={"new": QUEUED, "busy": RUNNING, "good": SUCCEEDED, "bad": FAILED},
    segment_types={"text": "text"},
)


def _provider(name: str, kinds: Mapping[JobKind, Kind]) -> Provider:
    return Provider(
        name=f"forms_{name}",
        title=f"Forms ({name})",
        api=f"forms_docjobs.api:{name.title()}Api",
        key_variables=("FORMS_API_KEY",),
        base_url="https://forms.example/api",
        vocabulary=_WORDS,
        kinds=kinds,
    )


def _since(path: str, **options: bool) -> JobList:
    return JobList(path, filters=frozenset({"since"}), **options)


_WINDOW: Final = JobList("/jobs", filters=frozenset({"since", "until"}))
_NEWEST: Final = JobList("/jobs", newest_first=True)
_UNDATED: Final = _since("/jobs", is_dated=False)

WINDOWED: Final = _provider("windowed", {"extract": Kind(_WINDOW), "parse": Kind(_WINDOW)})
SINCE: Final = _provider(
    "since", {"parse": Kind(_since("/parse/jobs")), "extract": Kind(_since("/extract/jobs"))}
)
NEWEST: Final = _provider("newest", {"parse": Kind(_NEWEST), "split": Kind(_NEWEST)})
BRACKETED: Final = _provider("bracketed", {"parse": Kind(_UNDATED), "extract": Kind(_UNDATED)})
NAMED: Final = _provider(
    "named", {"parse": Kind(), "extract": Kind(status_has_result=True), "classify": Kind()}
)
BATCHES: Final = _provider(
    "batches",
    {"parse": Kind(_since("/parse/jobs"), poll_batch=3), "extract": Kind(_WINDOW, poll_batch=2)},
)
