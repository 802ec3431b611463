"""What the connector remembers between runs: the warehouse itself.

Two designs were weighed. dlt's state could hold open jobs, pending results and last events, but
then it grows with them, is rewritten whole with each change, and says nothing about a warehouse
that was restored, deleted or exchanged behind its back. The warehouse holds all of it already,
is as large as it has to be, and can't disagree with itself. So only the cursor and the unfinished
listing windows are state (see `sync.progress`), and even these are read from the copy that dlt
committed to the destination.

dlt commits table by table, in no promised order, and a package is whole only when its row stands
in `_dlt_loads`, which comes last. So a `jobs` row counts only if its load is there, and jobs with
result rows of an unfinished load are fetched again. Events are the exception: each is true by
itself, so those of an unfinished load count, and sequences go on after them. Their run gets its row
in `sync_runs`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, cast

from dlt.destinations.sql_client import SqlClientBase

from dlt_docjobs.model.cleaning import encode_json
from dlt_docjobs.model.history import History
from dlt_docjobs.model.outcomes import BROKEN_OFF
from dlt_docjobs.model.records import Job, JobProgress, JsonText, StatusEvent, SyncRun
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.tables import REMOVED, RESULT_TABLES, TABLES
from dlt_docjobs.warehouse import sql
from dlt_docjobs.warehouse.accounts import forgotten_hash
from dlt_docjobs.warehouse.generations import generation_of
from dlt_docjobs.warehouse.sql import ITS_LOAD, JOB

JobRef = tuple[JobKind, str]

RETRIED_OFTEN: Final = timedelta(days=1)
"""For so long a result that does not come is asked for at every sync; then once a day."""

# where a query returns next to nothing, and reads a large table each time
_IDS_AT_ONCE: Final = 5000
_LOAD_ID: Final = "COALESCE(_dlt_load_id, '')"
# what is true by itself, whether its load was finished or not
_EVIDENCE: Final = ("job_status_history", "job_progress", "rejected_records")
_JOB_FIELDS: Final = Job._fields
_EVENT_FIELDS: Final = StatusEvent._fields
_PROGRESS_FIELDS: Final = JobProgress._fields


class Owner(NamedTuple):
    """The account that loaded a job first, and the generation that its rows are of."""

    account: str
    generation: str


@dataclass(slots=True)
class KnownJob:
    """What the warehouse knows of a job.

    Attributes:
        row: The job's row if its load is whole, else None.
        history: Its last event and what goes with it, None where it has none.
        is_uncommitted: Whether rows of an unfinished load exist, so that results have to come
            again.
        uncommitted_row: The job's row if its load is not whole: believed only where the provider
            can't be asked any more.
        owner: The other account of the provider that the job belongs to; all else is empty then.
    """

    row: Job | None = None
    history: History | None = None
    is_uncommitted: bool = False
    uncommitted_row: Job | None = None
    owner: Owner | None = None


@dataclass(slots=True)
class OpenJob:
    """An open job as the polling needs it."""

    ref: JobRef
    created_at: datetime | None
    created_at_earliest: datetime | None
    is_given_up: bool


class WarehouseState:
    """Reads what earlier runs left in the warehouse, for one provider and account.

    Args:
        client: A connected SQL client of the pipeline's dataset; None where there is no dataset
            yet.
        provider: Whose rows.
        account: Which account's.
        has_old_rows: Whether the destination only appends: of a job's rows the newest counts.
        has_lost_results: Whether tables of results were dropped: all that is pending is due then.
        indexed: Tables with an index on their rows' loads (`indexes.create_indexes`).
    """

    def __init__(
        self,
        client: SqlClientBase[Any] | None,
        provider: str,
        account: str,
        *,
        has_old_rows: bool = False,
        has_lost_results: bool = False,
        indexed: Collection[str] = (),
    ) -> None:
        self._client = client
        self._indexed = indexed
        self._scope = (provider, account)
        self._texts = {
            "provider": sql.scope(provider),
            "scope": sql.scope(provider, account),
            "t.provider": sql.scope(provider, alias="t"),
            "t.scope": sql.scope(provider, account, "t"),
        }
        if has_old_rows:
            self._texts["jobs"] = sql.NEWEST_JOBS
        self._uncommitted: set[JobRef] = set()
        self._forgotten: frozenset[str] = frozenset()
        self._empty = client is None
        self._has_jobs = client is not None
        self._owners: dict[str, Owner] = {}
        self._has_lost_results = has_lost_results
        self._has_lost_history = False

    @property
    def is_empty(self) -> bool:
        """True where the warehouse holds nothing of this provider and account."""
        return self._empty

    @property
    def has_lost_history(self) -> bool:
        """Whether there are jobs, but no event of any: somebody has removed them."""
        return self._has_lost_history

    def open(self, *, wants_history: bool = True) -> None:
        """Looks once at what is there; finds the jobs of unfinished loads.

        Args:
            wants_history: Whether events are loaded; who loads none has not lost them.
        """
        if self._client is None:
            return
        if not self._query("SELECT 1 FROM {job_status_history} WHERE {scope} LIMIT 1"):
            self._empty = not self._query("SELECT 1 FROM {jobs} WHERE {scope} LIMIT 1")
            self._has_lost_history = wants_history and not self._empty
            # what another account has loaded is looked up all the same
            self._has_jobs = not self._empty or bool(
                self._query("SELECT 1 FROM {jobs} WHERE {provider} LIMIT 1")
            )
        self._forgotten = frozenset(
            # whichever account had it: under another name it would be back
            row[0]
            for row in self._query("SELECT job_hash FROM {forgotten} WHERE {provider}")
        )
        for name in ("jobs", *RESULT_TABLES):
            self._uncommitted.update(self._find_uncommitted(name))

    def _find_uncommitted(self, name: str) -> list[JobRef]:
        """Jobs with rows of an unfinished load."""
        loads = self._uncommitted_loads(name)
        if not loads:
            return []
        marks = sql.placeholders(loads)
        return [
            (row[0], row[1])
            for row in self._query(
                f"SELECT DISTINCT job_kind, job_id FROM {{{name}}}"
                f" WHERE {{scope}} AND {_LOAD_ID} IN ({marks})",
                *loads,
            )
        ]

    def _uncommitted_loads(self, name: str) -> list[str]:
        """Unfinished loads that left rows in a table, which has rows of few loads."""
        if name in self._indexed:
            # from one load to the next: to read the whole index would be to read every row
            found = (
                "WITH RECURSIVE found AS ("
                f"SELECT MIN(_dlt_load_id) AS load_id FROM {{{name}}} UNION ALL SELECT"
                f" (SELECT MIN(n._dlt_load_id) FROM {{{name}}} n"
                " WHERE n._dlt_load_id > found.load_id) FROM found WHERE found.load_id IS NOT NULL"
                ") "
            )
            loads = (
                "(SELECT load_id FROM found WHERE load_id IS NOT NULL UNION ALL SELECT '' WHERE"
                f" EXISTS (SELECT 1 FROM {{{name}}} WHERE _dlt_load_id IS NULL))"
            )
        else:
            found, loads = "", f"(SELECT DISTINCT {_LOAD_ID} AS load_id FROM {{{name}}})"
        rows = self._query(
            f"{found}SELECT t.load_id FROM {loads} t"
            " LEFT JOIN {loads} l ON l.load_id = t.load_id AND l.status = 0"
            " WHERE l.load_id IS NULL"
        )
        return [row[0] for row in rows]

    def is_forgotten(self, job_id: str) -> bool:
        """Whether the user had the job erased for good (`docjobs forget`)."""
        return bool(self._forgotten) and forgotten_hash(self._scope[0], job_id) in self._forgotten

    def has_table(self, name: str) -> bool:
        """Whether the destination has a table."""
        return self._client is not None and sql.has_table(self._client, name)

    @property
    def uncommitted_jobs(self) -> frozenset[JobRef]:
        """Jobs of which rows of an unfinished load exist."""
        return frozenset(self._uncommitted)

    def has_committed_jobs(self) -> bool:
        """Whether a whole load wrote at least one job."""
        return bool(
            self._query(f"SELECT 1 FROM {{jobs}} t JOIN {ITS_LOAD} WHERE {{t.scope}} LIMIT 1")
        )

    def stored_state(self, pipeline_name: str) -> str | None:
        """The pipeline's last committed state, compressed as dlt stores it."""
        rows = self._query(
            f"SELECT t.state FROM {{state}} t JOIN {ITS_LOAD}"
            " WHERE t.pipeline_name = %s ORDER BY l.load_id DESC LIMIT 1",
            pipeline_name,
        )
        return cast(str, rows[0][0]) if rows else None

    def lookup(self, kind: JobKind, job_ids: Iterable[str]) -> dict[str, KnownJob]:
        """What is known of the given jobs; ids that are unknown are left out.

        No two accounts of a provider share a job: of one that another account has loaded nothing
        is known but that.
        """
        found: dict[str, KnownJob] = {}
        if not self._has_jobs:
            return found
        job_ids = sorted(set(job_ids))
        for batch in sql.batches(job_ids):
            marks = sql.placeholders(batch)
            self._lookup_events(kind, batch, marks, found)
            self._lookup_rows(kind, batch, marks, found)
        if self._uncommitted:
            for job_id in job_ids:
                if (kind, job_id) in self._uncommitted:
                    found.setdefault(job_id, KnownJob()).is_uncommitted = True
        return found

    def _lookup_events(
        self, kind: JobKind, batch: Sequence[str], marks: str, found: dict[str, KnownJob]
    ) -> None:
        columns = ", ".join(("job_id", *_EVENT_FIELDS))
        last_and_first = sql.newest(
            "{job_status_history}",
            JOB,
            "sequence",
            columns=columns,
            where=f"{{scope}} AND job_kind = %s AND job_id IN ({marks})",
            beside="sequence = 0",
        )
        creations: dict[str, datetime | None] = {}
        for row in self._query(
            f"SELECT {columns} FROM {last_and_first} h ORDER BY job_id, sequence",
            kind,
            *batch,
        ):
            event = _event(row[1:])
            if event.sequence == 0:
                creations[row[0]] = event.occurred_at_earliest
            # without a row of a whole load, only the event itself says when it was true
            seen_at = event.occurred_at_earliest
            history = History(event, creations.get(row[0]), seen_at)
            found[row[0]] = KnownJob(history=history)

    def _lookup_rows(
        self, kind: JobKind, batch: Sequence[str], marks: str, found: dict[str, KnownJob]
    ) -> None:
        columns = ", ".join(f"t.{name}" for name in _JOB_FIELDS)
        for row in self._query(
            f"SELECT t.job_id, t.account, l.load_id, {columns} FROM {{jobs}} t"
            f" LEFT JOIN {ITS_LOAD}"
            f" WHERE {{t.provider}} AND t.job_kind = %s AND t.job_id IN ({marks})",
            kind,
            *batch,
        ):
            if row[1] != self._scope[1]:
                found[row[0]] = KnownJob(owner=self._owner(row[1]))
                continue
            known = found.setdefault(row[0], KnownJob())
            if row[2] is None:
                known.uncommitted_row = _job(row[3:])
                continue
            known.row = _job(row[3:])
            if known.history is not None:
                known.history.last_observed_at = known.row.last_observed_at

    def _owner(self, account: str) -> Owner:
        owner = self._owners.get(account)
        if owner is None:
            generation = generation_of(self._client, self._scope[0], account)
            owner = self._owners[account] = Owner(account, generation)
        return owner

    def is_owner(self, owner: Owner) -> bool:
        """Whether an account's jobs are still its own: none was erased or renamed since."""
        return self._owner(owner.account) == owner

    def broken_off_runs(self) -> list[SyncRun]:
        """Rows for runs of which a load that broke off left rows, but none in `sync_runs`.

        Their process died while it loaded, and its working directory is gone. What such rows say
        is true by itself, and stays; so its run has to be there too. What can't be counted from
        them is 0.
        """
        if self._empty:
            return []
        loads = sorted({load for name in _EVIDENCE for load in self._uncommitted_loads(name)})
        if not loads:
            return []
        marks = sql.placeholders(loads)
        rows = self._query(
            "SELECT t.run_id, MIN(t.observed_at), MAX(t.observed_at), SUM(t.is_event),"
            " SUM(t.is_first), SUM(t.is_rejection) FROM ("
            f"SELECT run_id, {_LOAD_ID} AS load_id, observed_at, 1 AS is_event,"
            " CASE WHEN sequence = 0 THEN 1 ELSE 0 END AS is_first, 0 AS is_rejection"
            " FROM {job_status_history} WHERE {scope} UNION ALL "
            f"SELECT run_id, {_LOAD_ID}, observed_at, 0, 0, 0"
            " FROM {job_progress} WHERE {scope} UNION ALL "
            f"SELECT run_id, {_LOAD_ID}, observed_at, 0, 0, 1"
            " FROM {rejected_records} WHERE {scope}) t"
            " LEFT JOIN {sync_runs} r ON r.run_id = t.run_id"
            f" WHERE t.load_id IN ({marks}) AND r.run_id IS NULL"
            " GROUP BY t.run_id ORDER BY t.run_id",
            *loads,
        )
        provider, account = self._scope
        return [_broken_off(provider, account, row) for row in rows]

    def last_progress(self, refs: Iterable[JobRef]) -> dict[JobRef, JobProgress]:
        """The last row of `job_progress` of each of the given jobs that has one."""
        found: dict[JobRef, JobProgress] = {}
        if self._empty:
            return found
        columns = ", ".join(("job_kind", "job_id", *_PROGRESS_FIELDS))
        for batch in sql.batches(sorted(set(refs))):
            ids = [job_id for _, job_id in batch]
            where = f"{{scope}} AND job_id IN ({sql.placeholders(ids)})"
            last = sql.newest("{job_progress}", JOB, "observed_at", columns=columns, where=where)
            for row in self._query(f"SELECT {columns} FROM {last} p", *ids):
                found[(row[0], row[1])] = _progress(row[2:])
        return found

    def open_jobs(self) -> list[OpenJob]:
        """Jobs whose last event is not terminal, oldest first, the given up included."""
        if self._empty:
            return []
        if self._has_lost_history:
            rows = self._query(
                "SELECT t.job_kind, t.job_id, t.created_at, t.created_at_earliest, t.given_up_at"
                " FROM {jobs} t WHERE {t.scope} AND NOT t.is_terminal"
                " ORDER BY t.created_at, t.job_id"
            )
            return _open_jobs(rows)
        first_at = f"MIN(occurred_at) OVER (PARTITION BY {JOB}) AS first_at"
        rows = self._query(
            "SELECT h.job_kind, h.job_id, t.created_at, t.created_at_earliest, t.given_up_at FROM"
            f" {sql.open_jobs('{scope}', first_at)} h LEFT JOIN {{jobs}} t"
            " ON t.job_kind = h.job_kind AND t.job_id = h.job_id AND {t.scope}"
            " ORDER BY h.first_at, h.job_id",
        )
        return _open_jobs(rows)

    def jobs_in_states(self, *states: str) -> list[JobRef]:
        """Jobs whose result is in one of the given states, those that expire first in front."""
        if self._empty:
            return []
        marks = sql.placeholders(states)
        return [
            (row[0], row[1])
            for row in self._query(
                f"SELECT t.job_kind, t.job_id FROM {{jobs}} t JOIN {ITS_LOAD}"
                f" WHERE {{t.scope}} AND t.results_state IN ({marks})"
                " ORDER BY CASE WHEN t.results_expire_at IS NULL THEN 1 ELSE 0 END,"
                " t.results_expire_at, t.created_at, t.job_id",
                *states,
            )
        ]

    def due_results(self, now: datetime) -> list[JobRef]:
        """Jobs whose result is pending and to be asked for now, those that expire first in front.

        At every sync on the first day after the job was first seen succeeded, then once a day: a
        row that a run has written since says that it was asked for.
        """
        if self._empty:
            return []
        day_ago = now - RETRIED_OFTEN
        rows = self._query(
            "SELECT t.job_kind, t.job_id, CASE WHEN h.seen_at < %s THEN t.run_id END"
            f" FROM {{jobs}} t JOIN {ITS_LOAD} LEFT JOIN"
            " (SELECT job_kind, job_id, MAX(observed_at) AS seen_at"
            " FROM {job_status_history} WHERE {scope} AND status = 'succeeded'"
            " GROUP BY job_kind, job_id) h"
            " ON h.job_kind = t.job_kind AND h.job_id = t.job_id"
            " WHERE {t.scope} AND t.results_state = 'pending'"
            " ORDER BY CASE WHEN t.results_expire_at IS NULL THEN 1 ELSE 0 END,"
            " t.results_expire_at, t.created_at, t.job_id",
            day_ago,
        )
        lately = self._runs_since({row[2] for row in rows if row[2] is not None}, day_ago)
        return [(row[0], row[1]) for row in rows if self._has_lost_results or row[2] not in lately]

    def _runs_since(self, run_ids: set[str], since: datetime) -> set[str]:
        """Those of the given runs that began after an instant."""
        found: set[str] = set()
        for batch in sql.batches(sorted(run_ids)):
            marks = sql.placeholders(batch)
            rows = self._query(
                f"SELECT run_id FROM {{sync_runs}} WHERE {{scope}} AND run_id IN ({marks})"
                " AND started_at > %s",
                *batch,
                since,
            )
            found.update(row[0] for row in rows)
        return found

    def incomplete_jobs(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> list[JobRef]:
        """Jobs whose loaded result has not as many rows as their own row says.

        Args:
            since: Created at or after this; None for any.
            until: Created before this; None for any.
        """
        if self._empty:
            return []
        bounds = [(sign, at) for sign, at in ((">=", since), ("<", until)) if at is not None]
        within = "".join(f" AND t.created_at {sign} %s" for sign, _ in bounds)
        values = [at for _, at in bounds]
        found: list[JobRef] = []
        for column, name in (("chunk_count", "chunks"), ("segment_count", "segments")):
            found += [
                (row[0], row[1])
                for row in self._query(
                    f"SELECT t.job_kind, t.job_id FROM {{jobs}} t LEFT JOIN (SELECT job_kind,"
                    f" job_id, COUNT(*) AS counted FROM {{{name}}} WHERE {{scope}}"
                    f" AND {REMOVED} IS NULL GROUP BY job_kind, job_id) c"
                    " ON c.job_kind = t.job_kind AND c.job_id = t.job_id"
                    " WHERE {t.scope} AND t.results_state = 'loaded'"
                    f" AND t.{column} <> COALESCE(c.counted, 0){within}",
                    *values,
                )
            ]
        found += [
            (row[0], row[1])
            for row in self._query(
                "SELECT t.job_kind, t.job_id FROM {jobs} t LEFT JOIN {extraction_results} c"
                " ON c.provider = t.provider AND c.job_kind = t.job_kind AND c.job_id = t.job_id"
                " WHERE {t.scope} AND t.results_state = 'loaded' AND t.job_kind <> 'parse'"
                f" AND c.job_id IS NULL{within}",
                *values,
            )
        ]
        return sorted(set(found))

    def doubted_since(self) -> datetime | None:
        """Since when the last run doubts that so many jobs are gone; None where it does not."""
        rows = self._query(
            "SELECT doubted_since FROM {sync_runs} WHERE {scope} ORDER BY finished_at DESC LIMIT 1"
        )
        return _instant(rows[0][0]) if rows else None

    def jobs_without_credits(self, ended_after: datetime, asked_before: datetime) -> list[JobRef]:
        """Succeeded jobs without credits that ended and were last asked for in the given time."""
        if self._empty:
            return []
        return [
            (row[0], row[1])
            for row in self._query(
                f"SELECT t.job_kind, t.job_id FROM {{jobs}} t JOIN {ITS_LOAD} JOIN"
                " (SELECT job_kind, job_id, MAX(occurred_at_latest) AS ended_at"
                " FROM {job_status_history} WHERE {scope} AND is_terminal"
                " GROUP BY job_kind, job_id) h"
                " ON h.job_kind = t.job_kind AND h.job_id = t.job_id"
                " WHERE {t.scope} AND t.status = 'succeeded' AND t.credits IS NULL"
                " AND t.results_state <> 'expired'"
                " AND h.ended_at >= %s AND t.last_observed_at <= %s ORDER BY t.job_id",
                ended_after,
                asked_before,
            )
        ]

    def jobs_to_review(
        self, kinds: Sequence[JobKind], ended_after: datetime, begun_after: datetime, now: datetime
    ) -> list[JobRef]:
        """Jobs with a loaded result whose reviews are to be asked for: each once a day.

        A row that a run has written in the last day says that it was asked for.

        Args:
            kinds: Of which kinds.
            ended_after: Jobs that ended since then.
            begun_after: Jobs that ended since then whose review is begun, and not decided.
            now: Our clock.
        """
        if self._empty or not kinds:
            return []
        rows = self._query(
            f"SELECT t.job_kind, t.job_id, t.run_id FROM {{jobs}} t JOIN {ITS_LOAD} JOIN"
            " (SELECT job_kind, job_id, MAX(occurred_at_latest) AS ended_at"
            " FROM {job_status_history} WHERE {scope} AND is_terminal"
            " GROUP BY job_kind, job_id) h"
            " ON h.job_kind = t.job_kind AND h.job_id = t.job_id LEFT JOIN"
            " (SELECT DISTINCT job_kind, job_id FROM {extraction_results} WHERE {scope}"
            f" AND review IS NOT NULL AND reviewed_at IS NULL AND {REMOVED} IS NULL) r"
            " ON r.job_kind = t.job_kind AND r.job_id = t.job_id"
            " WHERE {t.scope} AND t.status = 'succeeded' AND t.results_state = 'loaded'"
            f" AND t.job_kind IN ({sql.placeholders(kinds)}) AND h.ended_at >="
            " CASE WHEN r.job_id IS NULL THEN %s ELSE %s END"
            " ORDER BY h.ended_at, t.job_id",
            *kinds,
            ended_after,
            min(begun_after, ended_after),
        )
        lately = self._runs_since({row[2] for row in rows}, now - timedelta(days=1))
        return [(row[0], row[1]) for row in rows if row[2] not in lately]

    def reviews(
        self, refs: Iterable[JobRef]
    ) -> dict[JobRef, tuple[JsonText | None, datetime | None]]:
        """The reviews of the given jobs' loaded results, and when each was decided."""
        found: dict[JobRef, tuple[JsonText | None, datetime | None]] = {}
        for batch in sql.batches(sorted(set(refs))):
            ids = [job_id for _, job_id in batch]
            for row in self._query(
                "SELECT job_kind, job_id, review, reviewed_at FROM {extraction_results}"
                f" WHERE {{scope}} AND {REMOVED} IS NULL AND review IS NOT NULL"
                f" AND job_id IN ({sql.placeholders(ids)}) ORDER BY loaded_at",
                *ids,
            ):
                found[(row[0], row[1])] = _json_text(row[2]), _instant(row[3])
        return found

    def holds_reviews(self) -> bool:
        """Whether any loaded result of the account has a review."""
        return bool(
            self._query(
                "SELECT 1 FROM {extraction_results} WHERE {scope} AND review IS NOT NULL LIMIT 1"
            )
        )

    def recent_jobs(self, kind: JobKind, since: datetime) -> list[str]:
        """Ids of ended jobs created at or after an instant."""
        if self._empty:
            return []
        return [
            row[0]
            for row in self._query(
                "SELECT job_id FROM {jobs} WHERE {scope} AND job_kind = %s AND created_at >= %s",
                kind,
                since,
            )
        ]

    def settled(self, kind: JobKind, before: datetime | None) -> Iterator[str]:
        """Ids of jobs that are not asked for any more.

        Args:
            kind: Of which kind.
            before: Jobs that ended count if they were created before this; None for any.
        """
        if self._empty:
            return iter(())
        ended = "h.is_terminal" if before is None else "h.is_terminal AND t.created_at < %s"
        return (
            row[0]
            for row in self._query(
                f"SELECT t.job_id FROM {{jobs}} t JOIN {ITS_LOAD}"
                f" JOIN {sql.last_events('{scope} AND job_kind = %s')} h ON h.job_id = t.job_id"
                f" WHERE {{t.scope}} AND t.job_kind = %s AND (({ended})"
                " OR (NOT h.is_terminal AND t.given_up_at IS NOT NULL))",
                kind,
                kind,
                *([] if before is None else [before]),
            )
        )

    def newest_job(self, kind: JobKind) -> datetime | None:
        """The newest creation of all known jobs of a kind."""
        rows = self._query(
            "SELECT MAX(created_at) FROM {jobs} WHERE {scope} AND job_kind = %s", kind
        )
        return _instant(rows[0][0]) if rows else None

    def job_kinds(self, job_ids: Iterable[str]) -> dict[str, set[JobKind]]:
        """The kinds under which the given ids are known."""
        found: dict[str, set[JobKind]] = {}
        for batch in sql.batches(sorted(set(job_ids))):
            marks = sql.placeholders(batch)
            for row in self._query(
                f"SELECT job_id, job_kind FROM {{jobs}} WHERE {{scope}} AND job_id IN ({marks})",
                *batch,
            ):
                found.setdefault(row[0], set()).add(row[1])
        return found

    def count_created_since(self, kind: JobKind, since: datetime) -> int:
        """How many known jobs were created at or after an instant."""
        rows = self._query(
            "SELECT COUNT(*) FROM {jobs} WHERE {scope} AND job_kind = %s"
            " AND (created_at_latest >= %s OR created_at_latest IS NULL)",
            kind,
            since,
        )
        return int(rows[0][0]) if rows else 0

    def rejections(self, rejection_ids: Iterable[str]) -> dict[str, datetime]:
        """When each of the given rejections was first seen; unknown ones are left out."""
        found: dict[str, datetime] = {}
        if self._client is None:
            return found
        for batch in sql.batches(sorted(set(rejection_ids))):
            marks = sql.placeholders(batch)
            for row in self._query(
                "SELECT rejection_id, observed_at FROM {rejected_records}"
                f" WHERE rejection_id IN ({marks})",
                *batch,
            ):
                found[row[0]] = _required(row[1])
        return found

    def holds_rows(self, name: str, refs: Iterable[JobRef]) -> bool:
        """Whether a result table holds rows of any of the given jobs, whichever account's."""
        by_kind: dict[JobKind, list[str]] = {}
        for kind, job_id in refs:
            by_kind.setdefault(kind, []).append(job_id)
        for kind, job_ids in by_kind.items():
            for batch in sql.batches(sorted(job_ids), _IDS_AT_ONCE):
                marks = sql.placeholders(batch)
                if self._query(
                    f"SELECT 1 FROM {{{name}}} WHERE {{provider}} AND job_kind = %s"
                    f" AND job_id IN ({marks}) LIMIT 1",
                    kind,
                    *batch,
                ):
                    return True
        return False

    def row_keys(self, name: str, refs: Iterable[JobRef]) -> set[tuple[Any, ...]]:
        """The keys of the rows that a result table holds of the given jobs: job kind, id, own."""
        found: set[tuple[Any, ...]] = set()
        columns = ", ".join(TABLES[name].key[1:])
        for batch in sql.batches(sorted(set(refs))):
            marks = sql.placeholders(batch)
            rows = self._query(
                f"SELECT {columns} FROM {{{name}}} WHERE {{provider}} AND job_id IN ({marks})"
                f" AND {REMOVED} IS NULL",
                *(job_id for _, job_id in batch),
            )
            found.update(tuple(row) for row in rows)
        return found

    def _query(self, text: str, *values: Any) -> list[Any]:
        """Runs a query; a table that isn't there yet is an empty one."""
        if self._client is None:
            return []
        return sql.run(self._client, text, *values, texts=self._texts)


def _open_jobs(rows: Iterable[Any]) -> list[OpenJob]:
    return [
        OpenJob((row[0], row[1]), _instant(row[2]), _instant(row[3]), row[4] is not None)
        for row in rows
    ]


def _instant(value: Any) -> datetime | None:
    return parse_instant(value)


def _required(value: Any) -> datetime:
    instant = parse_instant(value)
    assert instant is not None
    return instant


def _json_text(value: Any) -> JsonText | None:
    """JSON as text, whether the destination gave text or an object (PostgreSQL's jsonb)."""
    if value is None or isinstance(value, str):
        return cast("JsonText | None", value)
    return encode_json(value)


_JOB_JSON: Final = ("config", "user_metadata", "payload")
_JOB_TIMES: Final = tuple(
    column.name
    for column in TABLES["jobs"].columns
    if column.type == "timestamp" and column.name in _JOB_FIELDS
)


def _job(values: Sequence[Any]) -> Job:
    fields = dict(zip(_JOB_FIELDS, values, strict=True))
    for name in _JOB_TIMES:
        fields[name] = _instant(fields[name])
    for name in _JOB_JSON:
        fields[name] = _json_text(fields[name])
    return Job(**fields)


def _event(values: Sequence[Any]) -> StatusEvent:
    fields = dict(zip(_EVENT_FIELDS, values, strict=True))
    for name in ("occurred_at", "occurred_at_earliest", "occurred_at_latest", "observed_at"):
        fields[name] = _instant(fields[name])
    return StatusEvent(**fields)


def _broken_off(provider: str, account: str, values: Sequence[Any]) -> SyncRun:
    run_id, first_at, last_at, events, jobs, rejections = values
    row = SyncRun.unfinished(
        run_id,
        provider,
        account,
        exit_code=BROKEN_OFF,
        error=(
            "the run was broken off while it loaded: its events are here, and a later run has "
            "brought the rest; figures that its rows do not tell are 0"
        ),
        started_at=_required(first_at),
        finished_at=_required(last_at),
        version="unknown",
    )
    return row._replace(status_events=int(events), jobs_new=int(jobs), rejected=int(rejections))


def _progress(values: Sequence[Any]) -> JobProgress:
    fields = dict(zip(_PROGRESS_FIELDS, values, strict=True))
    fields["observed_at"] = _instant(fields["observed_at"])
    fields["details"] = _json_text(fields["details"])
    return JobProgress(**fields)
