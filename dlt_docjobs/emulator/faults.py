"""The faults that a server can show: one mutable dataclass, all of them off at first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from dlt_docjobs.emulator.truth import RequestRecord
from dlt_docjobs.model.vocabulary import JobKind

ErrorStatus = Literal[408, 409, 500, 502, 503, 504]


@dataclass
class Faults:
    """What goes wrong. Change the fields at any time; the next request sees it.

    Fractions are between 0 and 1 and drawn from the emulator's seed. Refusals and transport faults
    (the first two groups below) touch only requests whose path fits `path_pattern`; refusals and
    fractions strike no more than `budget` times. Nothing here changes the truth that
    `Emulator.jobs()` tells.
    """

    path_pattern: str | None = None
    """A regular expression searched in `/<provider>/<path>`, for refusals and transport faults."""
    budget: int | None = None
    """How many answers may still be refused or spoiled; counts down. None: any number."""

    # Refusals
    rate_limit_fraction: float = 0.0
    """429, as each provider writes it."""
    retry_after: str | None = None
    """`Retry-After` of a 429 or 5xx: literal, or `date` (a second from now), `past`, `absurd`."""
    billing_limit: bool = False
    """429 `Usage limit exceeded`: waiting does not help."""
    error_fraction: float = 0.0
    error_status: ErrorStatus | tuple[ErrorStatus, ...] = 500
    refuse_status: int | None = None
    """Every request is answered so, as the provider would say it: 401, 402, 403, 404 …"""

    # Transport
    latency_seconds: float = 0.0
    reset_fraction: float = 0.0
    """The connection is reset before any answer."""
    cut_fraction: float = 0.0
    """The connection is reset in the middle of the body."""
    slow_body_seconds: float = 0.0
    """The body takes this long to arrive, in ten pieces."""
    truncate_fraction: float = 0.0
    """Half of the JSON, well delivered."""
    html_fraction: float = 0.0
    """200 with a web page, as a proxy or a captive portal sends it."""
    empty_body_fraction: float = 0.0
    wrong_content_type: bool = False
    """JSON that says it is `text/plain`."""
    broken_gzip_fraction: float = 0.0
    redirect: str | None = None
    """302 to this URL; `loop` for a redirect to the request's own URL."""
    huge_body_mb: int = 0
    """Pads every JSON object that is answered by so much."""

    # Lists
    parse_order: Literal["id", "newest", "oldest"] = "id"
    """The order of LlamaCloud's parse list and of Reducto's, which nobody has published."""
    repeat_page_token: bool = False
    endless_list: bool = False
    """After the last page the list starts again, each time with a fresh token."""
    empty_page: bool = False
    """The second page is empty, with a token."""
    duplicate_rows: bool = False
    """Every page but the first starts with the last row of the one before."""
    drift: bool = False
    """A new job appears after every page of a list."""
    end_token: Literal["default", "absent", "null", "empty"] = "default"
    """How the end of a list looks."""
    ignore_job_ids: bool = False
    ignore_page_size: bool = False
    page_size_max: int | None = None
    """422 above it."""
    cut_page_size: bool = False
    """A page size above the largest one is cut, not refused."""
    job_ids_max: int | None = None
    """422 above it."""
    no_paging: bool = False
    """An older deployment: everything in one answer, neither token nor size understood."""
    exclusive_bounds: bool = False
    """Bounds on the creation are not part of what a list shows."""
    ignore_bounds: bool = False
    """Bounds on the creation are not heeded."""
    ids_override_bounds: bool = False
    """LlamaCloud's lists heed no bounds beside `job_ids`."""
    refuse_old_bounds: bool = False
    """Contextual refuses an `uploaded_after` before its retention: 422; else it is cut."""
    refuse_offsets: bool = False
    """422 for dates in queries that have an offset."""
    contextual_total: Literal["list", "page", "other"] = "list"
    """What Contextual's `total_jobs` counts."""
    bulk_omits: set[str] = field(default_factory=set)
    """Ids that lists leave out, though asking for them one by one finds them."""
    unreadable_rows: set[Literal["not_object", "no_id", "null_id", "number_id"]] = field(
        default_factory=set
    )
    """Rows of these kinds are added to every first page."""
    list_carries_results: bool = False
    """Rows of LlamaCloud's extract list carry `extract_result`."""
    lists_without_results: bool = False
    """Rows of LlamaCloud's classify and split lists carry no `result`: nobody promises it."""
    lists_without_expand: bool = False
    """LlamaCloud's extract list refuses to expand anything: 422."""
    unserved_kinds: set[JobKind] = field(default_factory=set)
    """LlamaCloud's lists of these kinds (classify, split) answer 404: an older server's."""

    # Records
    omit_list_timestamps: bool = False
    timestamps: Literal["default", "null", "naive", "nine", "offset", "garbage"] = "default"
    clock_skew_seconds: float = 0.0
    """The server's clock is off: the `Date` header, all dates and the filters on them."""
    status_overrides: dict[str, str] = field(default_factory=dict)
    """Job id to the status that answers show in place of the true one."""
    single_status: str | None = None
    """The status that answers about one job show, whatever lists say."""
    percent_progress: bool = False
    """Reducto's and LandingAI's progress goes to 100, not to 1."""
    unknown_fields: bool = False
    """Unknown keys in every object, at the top and nested."""
    unknown_segment_type: bool = False
    """The last text of every page bears a type that nobody knows."""
    usage_never: bool = False
    odd_texts: set[Literal["signed_url", "nul", "surrogate", "nan"]] = field(default_factory=set)
    """Put into names, error messages, texts and free-form JSON."""
    broken_results: dict[str, int | Literal["garbage"]] = field(default_factory=dict)
    """Job id to the status, or the unreadable body, that its results are answered with."""
    fast_without_items: bool = False
    """LlamaCloud's tier `fast` has text only, as it had before 2026-06-15."""
    data_points: bool = False
    """LlamaCloud serves `/api/v1/job-data-points`; otherwise 404."""
    early_result_status: int | None = None
    """How the result of a job that has not ended is answered; None: 200 without a result."""
    comma_lists: bool | Literal["ignored"] = True
    """Whether a list of words may be one value with commas; else 422, or as if it were not sent."""
    last_of_repeated: bool = False
    """Of a parameter that is repeated the last value counts."""
    contextual_default_output: str = "markdown-document"
    """What Contextual's results hold where no `output_types` are asked for."""
    contextual_percent_boxes: bool = False
    """Contextual's boxes go to 100, not to 1."""
    reviews: bool = False
    """LlamaCloud serves the review of an extract job; else 404."""
    prefixed_project_id: bool = False
    """LlamaCloud's `project_id` may be asked for as its rows have it, `prj-…`."""
    limit_headers: dict[str, str] = field(default_factory=dict)
    """Headers that are added to every answer, such as `x-ratelimit-limit`."""
    unsiloed_404: Literal["text", "json"] = "text"
    """Unsiloed's 404 of `/parse`: a text in quotes, or `{"detail": …}` as older pages have it."""
    unsiloed_always_chunks: bool = False
    """`/parse` brings the chunks even where `include_chunks` is false."""
    unsiloed_always_urls: bool = False
    """`/parse` brings URLs even where `include_url` is false."""
    unsiloed_output_key: Literal["result", "top", "other"] = "result"
    """Where `output_file=true` puts the URL."""
    unsiloed_cancelled_end: bool = False
    """A cancelled job says when it ended."""
    unsiloed_any_path: bool = False
    """A parse job is answered at `/classify`, too."""
    unsiloed_numbered_names: bool = False
    """The parts of a split have names of their own, those of one category too."""
    unsiloed_header: Literal["api-key", "X-API-Key", "Authorization"] = "api-key"
    landingai_page_size: Literal["pageSize", "page_size"] = "pageSize"
    """The name of the page size that LandingAI obeys: the SDK's or the documentation's."""
    landingai_order: Literal["creation", "end"] = "creation"
    """By which of their dates LandingAI's jobs are newest first."""
    landingai_form: Literal["current", "old"] = "current"
    """`old`: LandingAI's answers as they were before 17 July 2026."""
    landingai_delivery: Literal["inline", "receipt", "large"] = "inline"
    """Where LandingAI's results lie: in the answer, at a URL of the user's own that nobody can
    read, or at one of the provider's, as large results of v1."""

    # What nobody knows of Reducto
    other_types: bool = False
    """Its list shows jobs of types that are no kind of ours, too."""
    reducto_plain: bool | None = None
    """Whether single answers come in the form without id, type and dates; None: some do."""
    reducto_urls: bool | None = None
    """Whether results are URLs; None: some are."""
    reducto_no_response_type: bool = False
    reducto_cancelled: Literal["Failed", "Cancelled", "Idle", "Pending"] = "Failed"
    """What a single answer says of a cancelled job."""
    reducto_no_configs: Literal["absent", "empty", "braces", "kept"] = "empty"
    """What stands in a row in place of a `raw_config` that was excluded."""
    reducto_own_words: bool = False
    """Single answers use the list's words, `InProgress` among them."""
    reducto_page_range: bool = False
    """Only the first page of each document was processed."""
    reducto_breakdown: bool = False
    """Usage has a breakdown in place of credits."""
    reducto_wrapped: bool = False
    """Behind a result's URL lies the result with what stands around it."""
    reducto_sheets: bool = False
    """Boxes are in cells."""
    reducto_deleted: Literal[404, 409, 410] = 404
    """What a single answer says of a job that is gone."""
    reducto_rows_outlive: bool = False
    """The list goes on to show jobs that are gone."""

    on_request: Callable[[RequestRecord], None] | None = None
    """Called after each answer, before it is sent. It may change the emulator's jobs or faults; it
    must not itself make a request of the emulator, which would wait for it forever."""
