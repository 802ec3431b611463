"""What a run's plan yields, one after the other: answers, and what is to be fetched."""

from __future__ import annotations

from dataclasses import dataclass

from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.records import JsonText
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.protocol import JobAnswer, JobPage
from dlt_docjobs.sync.progress import ListProgress
from dlt_docjobs.warehouse.state import JobRef


@dataclass(slots=True, repr=False)
class Observed:
    """Answers about jobs.

    Attributes:
        page: The observations and what could not be read.
        is_listed: Whether they come from a list, or from ids that the user names.
        is_polled: Whether they were asked for by their ids.
        progress: The listing's progress that the jobs belong to.
    """

    page: JobPage
    is_listed: bool = False
    progress: ListProgress | None = None
    is_polled: bool = False


@dataclass(slots=True, repr=False)
class Missing:
    """404 for a job; the observation is empty and carries the clocks."""

    observation: JobObservation


@dataclass(slots=True, repr=False)
class FetchResult:
    """A result to fetch, of a job that the warehouse knows."""

    ref: JobRef


@dataclass(slots=True, repr=False)
class AskForReviews:
    """Jobs whose results are loaded, and that a person may have reviewed since.

    Attributes:
        stored: Of each, the review that the warehouse has.
    """

    stored: dict[JobRef, JsonText | None]


@dataclass(slots=True, repr=False)
class FetchNew:
    """Jobs that no run has seen: each is asked for with its result, in one request.

    Attributes:
        refs: Each job once.
        progress: Of each kind, as in `Observed`.
    """

    refs: list[JobRef]
    progress: dict[JobKind, ListProgress]


@dataclass(slots=True, repr=False)
class Answered:
    """An answer that may hold the result already."""

    answer: JobAnswer


@dataclass(slots=True, repr=False)
class Barrier:
    """What was asked for so far has to be answered before the plan goes on."""


@dataclass(slots=True, repr=False)
class Conclude:
    """Everything has been asked for: what 404s there were are believed now, or not."""


@dataclass(slots=True, repr=False)
class Checkpoint:
    """The package may end here, so that what was learnt reaches the warehouse."""


Item = (
    Observed
    | Missing
    | FetchResult
    | AskForReviews
    | FetchNew
    | Answered
    | Barrier
    | Conclude
    | Checkpoint
)
