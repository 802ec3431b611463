"""From observations to rows: what an answer changes in what is known of a job.

Pure functions of plain data: no request, no warehouse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from dlt_docjobs.model.cleaning import (
    clean_json,
    decode_json,
    encode_json,
    hashed_name,
    without_content,
)
from dlt_docjobs.model.history import CLOCK_DOUBT, History, derive_events, derive_expiry
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.records import Job, JobProgress, JsonText, StatusEvent
from dlt_docjobs.model.times import middle, shifted
from dlt_docjobs.model.vocabulary import (
    EXPIRED,
    FAILED,
    QUEUED,
    SUCCEEDED,
    UNKNOWN,
    JobKind,
    Vocabulary,
    is_terminal,
)
from dlt_docjobs.providers.protocol import ProviderApi
from dlt_docjobs.sync.settings import SyncSettings
from dlt_docjobs.warehouse.state import JobRef, KnownJob

_STICKY: Final = (
    "document_name",
    "project_id",
    "tier",
    "schema_id",
    "document_id",
    "parse_job_id",
    "page_count",
    "chunk_count",
    "credits",
    "parse_credits",
    "config",
    "user_metadata",
)
_OF_THE_STATUS: Final = (
    "started_at",
    "finished_at",
    "updated_at",
    "error_message",
    "progress_percent",
    "current_step",
    "current_activity",
    "fields_processed",
    "total_fields",
)
_PROGRESS: Final = (
    "progress_percent",
    "current_step",
    "current_activity",
    "fields_processed",
    "total_fields",
)


@dataclass(slots=True)
class JobEntry:
    """One job in the package at hand: what was known, and what this run has learnt.

    Attributes:
        row: The job's row as it will be written; None until something is known.
        events: New status events.
        progress: New rows of `job_progress`.
        is_changed: Whether anything but the time of looking differs from what was known.
        was_asked: Whether something was asked for that comes at most once a day: the run that has
            written the row is the memory of it.
        wants_result: Whether its result is to be fetched.
        is_fetching: Whether a fetch is under way or done in this package.
    """

    ref: JobRef
    known: KnownJob
    row: Job | None = None
    history: History | None = None
    events: list[StatusEvent] = field(default_factory=list)
    progress: list[JobProgress] = field(default_factory=list)
    last_progress: JobProgress | None = None
    is_changed: bool = False
    was_asked: bool = False
    wants_result: bool = False
    is_fetching: bool = False

    @property
    def is_new(self) -> bool:
        """Whether no earlier run had seen the job."""
        return self.known.row is None and self.known.history is None

    @property
    def may_have_rows(self) -> bool:
        """Whether an earlier load may have left rows of a result.

        Only a parse job's row says that none ever came: it has no count of segments then.
        """
        if self.is_new or self.known.is_uncommitted:
            return self.known.is_uncommitted
        row = self.known.row
        return row is None or self.ref[0] != "parse" or row.segment_count is not None

    @property
    def is_open(self) -> bool:
        """Whether the job's last event is not terminal."""
        return self.history is not None and self.history.is_open

    @property
    def known_word(self) -> str | None:
        """The provider's word for its status; where its row's load is not whole, its last event's.

        An event is true by itself.
        """
        if self.row is not None:
            return self.row.provider_status
        return self.history.last.provider_status if self.history is not None else None

    @property
    def is_due(self) -> bool:
        """Whether its result is to be fetched, and nobody does so yet."""
        return self.wants_result and not self.is_fetching

    @property
    def lacks_reason(self) -> bool:
        """Whether it has been seen to fail just now, and nobody has said why."""
        is_new = bool(self.events) and self.events[-1].status == FAILED
        return is_new and self.row is not None and self.row.error_message is None

    def explain(self) -> None:
        """Gives the event of its failure, which is not written yet, the error of its row."""
        if self.row is not None and self.events and self.events[-1].status == self.row.status:
            event = self.events[-1]._replace(error_message=self.row.error_message)
            self.events[-1] = event
            if self.history is not None:
                self.history.last = event

    @property
    def must_write(self) -> bool:
        """Whether the row has to be written: something changed, or it is open and was looked at."""
        return self.is_changed or self.is_open or self.was_asked


class JobRows:
    """Applies answers to entries, for one provider's settings."""

    def __init__(self, api: ProviderApi, settings: SyncSettings) -> None:
        self._api = api
        self._settings = settings

    def entry(self, ref: JobRef, known: KnownJob | None) -> JobEntry:
        """An entry that starts from what the warehouse knows."""
        known = known or KnownJob()
        history = known.history
        if history is not None:
            history = History(history.last, history.creation_earliest, history.last_observed_at)
        return JobEntry(ref, known, known.row, history, is_changed=known.is_uncommitted)

    def observe(self, entry: JobEntry, seen: JobObservation) -> None:
        """What an answer about the job says becomes its row, events and progress.

        Raises:
            ValueError: The answer holds JSON that nests too deep to be stored; the entry is as
                it was.
        """
        old, words = entry.row, self._settings.provider.vocabulary
        seen = _without_future(seen)
        if not self._settings.policy.include_content:
            # free text: it may quote what it works on
            seen = replace(seen, current_step=None, current_activity=None)
        said, known = seen.provider_status, entry.known_word
        if known is not None and said != known and _says_no_more(words, said, known):
            seen = replace(seen, provider_status=known)
        status = words.status(seen.provider_status)
        fields = self._fields(old, seen, status, said)
        self._record_progress(entry, seen, status)
        events = derive_events(self._settings.provider.name, words, seen, entry.history)
        self._append(entry, events, seen)
        fields["results_state"] = _results_state(entry, seen, status, events)
        fields["results_expire_at"] = self._expiry(seen, fields["created_at_earliest"], old)
        if events or old is None:
            fields["given_up_at"] = None
        elif entry.is_open and old.given_up_at is None and self._is_too_old(fields, entry, seen):
            fields["given_up_at"] = seen.observed_at
        row = Job(**fields)
        entry.is_changed = entry.is_changed or bool(events) or _differs(old, row)
        entry.row = row
        entry.wants_result = row.results_state == "pending"
        if entry.history is not None:
            entry.history.last_observed_at = seen.holds_from

    def is_forgotten_by_provider(self, entry: JobEntry, seen: JobObservation) -> bool:
        """Whether a job is older than its provider remembers any, so that one 404 is enough."""
        row = entry.row or entry.known.uncommitted_row
        days = self._retention(seen.job_kind)
        if row is None or days is None or row.created_at_latest is None:
            return False
        return seen.observed_at - row.created_at_latest > timedelta(days=days)

    def is_past(self, entry: JobEntry, seen: JobObservation) -> bool:
        """Whether a job is so old that a result which is not there has been there and gone."""
        row = entry.row
        if row is None or row.created_at_latest is None:
            return False
        age = seen.observed_at - row.created_at_latest
        return age > self._settings.retry_results or self.is_forgotten_by_provider(entry, seen)

    def is_confirmed(self, entry: JobEntry, seen: JobObservation) -> bool:
        """Whether a 404 is the second one, of a later run."""
        before = entry.known.row.missing_since if entry.known.row is not None else None
        after = self._settings.gone_after
        return not after or (before is not None and seen.observed_at - before >= after)

    def miss(self, entry: JobEntry, seen: JobObservation) -> None:
        """The provider answered 404 for a job that it knew: a later answer will tell."""
        if entry.row is not None and entry.row.missing_since is None:
            entry.row = entry.row._replace(missing_since=seen.observed_at)
            entry.is_changed = True

    def expire(self, entry: JobEntry, seen: JobObservation) -> None:
        """A job that the provider knew is gone."""
        row = entry.row or entry.known.uncommitted_row
        if entry.history is None or row is None:
            return
        provider = self._settings.provider
        events = derive_expiry(
            provider.name, provider.vocabulary, seen, entry.history, row.missing_since
        )
        self._append(entry, events, seen)
        # what an unfinished load claims to have loaded may not be there
        state = "expired" if entry.known.is_uncommitted else row.results_state
        entry.row = row._replace(
            results_state=state if state == "loaded" else "expired",
            missing_since=None,
            last_observed_at=seen.holds_from,
        )
        entry.is_changed = entry.is_changed or bool(events) or state != entry.row.results_state
        entry.wants_result = False

    def conclude(self, entry: JobEntry, results_state: str, **counts: Any) -> None:
        """The outcome of a fetch: the result's state and what was counted in it."""
        assert entry.row is not None
        row = entry.row._replace(results_state=results_state, **counts)
        entry.is_changed = entry.is_changed or row != entry.row
        entry.row = row
        entry.wants_result = False

    def _append(self, entry: JobEntry, events: list[StatusEvent], seen: JobObservation) -> None:
        if not events:
            return
        entry.events.extend(events)
        first = entry.history is None
        earliest = events[0].occurred_at_earliest if first else None
        if entry.history is not None:
            earliest = entry.history.creation_earliest
        entry.history = History(events[-1], earliest, seen.holds_from)

    def _fields(
        self, old: Job | None, seen: JobObservation, status: str, said: str | None
    ) -> dict[str, Any]:
        """The row's columns; `said` is the status in the answer's own word."""
        settings = self._settings
        fields: dict[str, Any] = old._asdict() if old else dict.fromkeys(Job._fields)
        words = settings.provider.vocabulary
        same_status = old is not None and words.is_same(old.provider_status, seen.provider_status)
        fields.update(
            status=status,
            provider_status=seen.provider_status,
            is_terminal=is_terminal(status),
            last_observed_at=seen.holds_from,
            missing_since=None,
            first_seen_at=old.first_seen_at if old is not None else seen.observed_at,
        )
        self._date(fields, old, seen)
        values = {name: getattr(seen, name) for name in (*_STICKY, *_OF_THE_STATUS)}
        name = values["document_name"]
        if name is not None and not settings.policy.include_names:
            values["document_name"] = hashed_name(name)
        values["config"] = self._json(seen.config, self._api.document_keys)
        # no key of what users write is documented
        values["user_metadata"] = self._json(seen.user_metadata, frozenset())
        # once a result has been counted, its rows are what counts
        is_counted = old is not None and old.segment_count is not None
        for key in _STICKY:
            if values[key] is not None and not (is_counted and key == "chunk_count"):
                fields[key] = values[key]
        if same_status and old is not None:
            fields["config"] = _merged_text(old.config, fields["config"])
        goes_on = old is not None and not old.is_terminal and status != QUEUED
        for key in _OF_THE_STATUS:
            stays = same_status or (goes_on and key == "started_at")
            if values[key] is not None or not stays:
                fields[key] = values[key]
        fields["payload"] = self._payload(old, seen, same_status, said)
        return fields

    def _date(self, fields: dict[str, Any], old: Job | None, seen: JobObservation) -> None:
        """The creation: exact as soon as the provider says it; a bracket, once written, stays."""
        if seen.created_at is not None:
            at = seen.created_at
            fields.update(
                created_at=at,
                created_at_precision="exact",
                created_at_earliest=at,
                created_at_latest=at,
            )
        elif seen.created_at_latest is not None and (
            old is None or old.created_at_precision == "unknown"
        ):
            earliest, latest = seen.created_at_earliest, seen.created_at_latest
            fields.update(
                created_at=middle(earliest, latest) if earliest else latest,
                created_at_precision="bounded",
                created_at_earliest=earliest,
                created_at_latest=latest,
            )
        elif old is None:
            fields.update(
                created_at=None,
                created_at_precision="unknown",
                created_at_earliest=None,
                created_at_latest=seen.holds_until,
            )

    def _payload(
        self, old: Job | None, seen: JobObservation, same_status: bool, said: str | None
    ) -> JsonText | None:
        """The whole answer. While the status stays, a list row adds to what a GET had said."""
        payload = dict(seen.payload)
        if not self._settings.policy.include_names:
            for key in self._api.name_keys & payload.keys():
                if isinstance(payload[key], str):
                    payload[key] = hashed_name(payload[key])
        cleaned = self._clean(payload)
        if old is not None and old.payload is not None and (same_status or not payload):
            before = decode_json(old.payload)
            merged = _merged(before, cleaned, (seen.provider_status, said))
            return old.payload if merged == before else encode_json(merged)
        return encode_json(cleaned)

    def _clean(self, payload: dict[str, Any]) -> dict[str, Any]:
        value = clean_json(payload, redact_secrets=True, links=self._api.link_keys)
        if not self._settings.policy.include_content:
            value = self._api.without_content(value)
        return dict(value)

    def _json(self, value: Any, keep: frozenset[str]) -> JsonText | None:
        if value is None:
            return None
        value = clean_json(value, redact_secrets=True, links=self._api.link_keys)
        if not self._settings.policy.include_content:
            value = without_content(value, keep)
        return encode_json(value)

    def _record_progress(self, entry: JobEntry, seen: JobObservation, status: str) -> None:
        if not seen.has_progress:
            return
        row = JobProgress(
            status=status,
            completion_percentage=seen.progress_percent,
            current_step=seen.current_step,
            current_activity=seen.current_activity,
            fields_processed=seen.fields_processed,
            total_fields=seen.total_fields,
            # the documentation knows nothing of what these are
            details=self._json(seen.details, frozenset()),
            observed_at=seen.observed_at,
        )
        last = entry.last_progress
        if last is not None and _progress_values(last) == _progress_values(row):
            return
        if last is not None and last.observed_at >= row.observed_at:
            # two answers within a microsecond would be one row by key
            row = row._replace(observed_at=last.observed_at + timedelta(microseconds=1))
        entry.progress.append(row)
        entry.last_progress = row

    def _expiry(
        self, seen: JobObservation, created: datetime | None, old: Job | None
    ) -> datetime | None:
        if seen.expires_at is not None:
            return seen.expires_at
        days = self._retention(seen.job_kind)
        if days is None or created is None:
            return old.results_expire_at if old else None
        try:
            return created + timedelta(days=days)
        except OverflowError:
            return None

    def _retention(self, kind: JobKind) -> float | None:
        """For how many days the provider keeps results, as configured or as it says."""
        days = self._settings.retention_days
        return self._settings.provider.kinds[kind].retention_days if days is None else days

    def _is_too_old(self, fields: Mapping[str, Any], entry: JobEntry, seen: JobObservation) -> bool:
        begun = fields["created_at"] or fields["created_at_latest"]
        return begun is not None and seen.observed_at - begun >= self._settings.poll_open


def needs_last_progress(known: KnownJob, seen: JobObservation) -> bool:
    """Whether a known job's last `job_progress` row has to be looked up to compare with."""
    if not seen.has_progress or (known.row is None and known.history is None):
        return False
    row = known.row
    if row is None or seen.details is not None:
        return True
    return (
        row.status == UNKNOWN
        or not row.is_terminal
        or any(_stored(getattr(row, name)) != _stored(getattr(seen, name)) for name in _PROGRESS)
    )


def stands_for_progress(row: Job) -> JobProgress:
    """The last progress of a job whose row says the same as the answer: nothing to look up."""
    return JobProgress(
        status=row.status,
        completion_percentage=row.progress_percent,
        current_step=row.current_step,
        current_activity=row.current_activity,
        fields_processed=row.fields_processed,
        total_fields=row.total_fields,
        details=None,
        observed_at=row.last_observed_at,
    )


def _results_state(
    entry: JobEntry, seen: JobObservation, status: str, events: list[StatusEvent]
) -> str:
    before = entry.row.results_state if entry.row else "not_ready"
    if entry.known.is_uncommitted and not entry.is_fetching:
        before = "pending"
    if status == SUCCEEDED:
        succeeded_again = any(event.status == SUCCEEDED for event in events)
        if before == "loaded" and any(event.previous_status == EXPIRED for event in events):
            # it was only away
            return before
        if seen.is_delivered:
            return before if before == "loaded" else "none"
        # one that had succeeded was delivered elsewhere
        is_delivered = before == "none" and entry.row is not None and entry.row.status == SUCCEEDED
        if before == "not_ready" or (before == "none" and not is_delivered) or succeeded_again:
            return "pending"
        return "pending" if entry.row is None else before
    if before == "loaded":
        return before
    return "none" if is_terminal(status) else "not_ready"


def _differs(old: Job | None, new: Job) -> bool:
    if old is None:
        return True
    for name in ("config", "user_metadata"):
        one, other = getattr(old, name), getattr(new, name)
        if one != other and (
            one is None or other is None or decode_json(one) != decode_json(other)
        ):
            return True
    rest: dict[str, Any] = {
        "config": None,
        "user_metadata": None,
        "last_observed_at": new.last_observed_at,
    }
    before, after = old._replace(**rest), new._replace(**rest)
    return any(_stored(one) != _stored(other) for one, other in zip(before, after, strict=True))


def _stored(value: Any) -> Any:
    """A value as every destination gives it back: PostgreSQL's loader makes null of empty text."""
    return None if value == "" else value


def _merged(before: Any, after: Any, words: tuple[str | None, str | None] = (None, None)) -> Any:
    """What two answers about the same state say together: null doesn't take anything back.

    Answers differ in what they carry (a list row, a GET, a GET without URLs), and the poorer one
    says null, or nothing, of what the richer one said.

    Args:
        before: What was known.
        after: What has come.
        words: The known word for the status, and another one that says no more: where the one
            stood, it stays.
    """
    if after is None or (before, after) == words:
        return before
    if isinstance(before, dict) and isinstance(after, dict):
        merged = {key: _merged(before.get(key), value, words) for key, value in after.items()}
        return {**before, **merged}
    return after


def _merged_text(before: JsonText | None, after: JsonText | None) -> JsonText | None:
    if before is None or after is None or before == after:
        return after or before
    one, other = decode_json(before), decode_json(after)
    merged = _merged(one, other)
    return before if merged == one else encode_json(merged)


def _progress_values(row: JobProgress) -> tuple[Any, ...]:
    details = decode_json(row.details) if row.details else None
    return (
        row.completion_percentage,
        _stored(row.current_step),
        _stored(row.current_activity),
        row.fields_processed,
        row.total_fields,
        details,
    )


def _without_future(seen: JobObservation) -> JobObservation:
    """An answer without dates that lie behind the moment at which it came.

    A clock or a typed year is wrong then: such a date proves nothing of when anything happened.
    """
    latest = shifted(seen.holds_until, CLOCK_DOUBT)
    dates: dict[str, Any] = {
        name: None
        for name in ("created_at", "started_at", "finished_at", "updated_at")
        if (at := getattr(seen, name)) is not None and at > latest
    }
    transitions = tuple(step for step in seen.transitions if step[1] <= latest)
    if not dates and len(transitions) == len(seen.transitions):
        return seen
    return replace(seen, **dates, transitions=transitions)


def _says_no_more(words: Vocabulary, said: str | None, known: str) -> bool:
    """Whether an answer's word says nothing that is not known.

    It is another one for the same status, or one that only says that the job has not ended, of a
    job of which more is known.
    """
    return words.is_same(known, said) or (words.is_vague(said) and not words.is_vague(known))
