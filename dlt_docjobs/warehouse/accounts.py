"""Statements about whole accounts: status, reset, forget. Plain SQL that every destination has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Final, NamedTuple

import dlt
from dlt.common.destination import AnyDestination
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs import dlt_internals
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.model.vocabulary import JOB_KINDS, JobKind
from dlt_docjobs.tables import TABLES
from dlt_docjobs.warehouse import sql
from dlt_docjobs.warehouse.connection import connect, install_defaults
from dlt_docjobs.warehouse.generations import begin_generation
from dlt_docjobs.warehouse.migration import create_table
from dlt_docjobs.warehouse.sql import FORGOTTEN, ITS_LOAD, NEWEST_JOBS

_BATCH: Final = 200
_SCOPE: Final = "provider = %s AND account = %s"


def account_status(destination: AnyDestination, dataset_name: str) -> list[dict[str, Any]]:
    """How each account in a dataset stands.

    Returns:
        A mapping an account: provider, account, cursor, jobs, open_jobs, given_up_jobs,
        pending_results, last_run_at, last_run_ok, last_run_exit_code, last_run_error,
        last_ok_run_at, results_at_risk (not loaded, and neither gone), results_expire_at (when the
        provider forgets the first of them), missing_jobs and missing_since (404s that no later one
        has confirmed yet), retried_results and retried_since (of jobs that are known to have
        succeeded for more than a day), doubted_since (404s of the last run that are not believed).
    """
    install_defaults()
    dataset = dlt.dataset(destination, dataset_name)
    with dataset.sql_client as client:
        if not client.has_dataset():
            return []
        runs = sql.run(
            client,
            "SELECT provider, account, finished_at, ok, exit_code, error, doubted_since FROM"
            f" {sql.newest('{sync_runs}', 'provider, account', 'finished_at')} r"
            " ORDER BY provider, account",
        )
        cursors = _by_account(
            client,
            "SELECT provider, account, MAX(cursor),"
            " MAX(CASE WHEN exit_code = 0 THEN finished_at END)"
            " FROM {sync_runs} GROUP BY provider, account",
        )
        jobs = _by_account(
            client,
            "SELECT provider, account, COUNT(*), SUM(CASE WHEN results_state = 'pending'"
            " THEN 1 ELSE 0 END), SUM(CASE WHEN given_up_at IS NOT NULL THEN 1 ELSE 0 END),"
            " SUM(CASE WHEN results_state IN ('pending', 'failed', 'skipped') THEN 1 ELSE 0 END),"
            " MIN(CASE WHEN results_state IN ('pending', 'failed', 'skipped')"
            " THEN results_expire_at END),"
            " SUM(CASE WHEN missing_since IS NOT NULL THEN 1 ELSE 0 END), MIN(missing_since)"
            # plain files keep every row that a job ever had
            f" FROM {NEWEST_JOBS} j GROUP BY provider, account",
        )
        opened = _by_account(
            client,
            f"SELECT provider, account, COUNT(*) FROM {sql.open_jobs()} h"
            " GROUP BY provider, account",
        )
        retried = _by_account(
            client,
            "SELECT j.provider, j.account, COUNT(*), MIN(h.seen_at)"
            f" FROM {NEWEST_JOBS} j JOIN (SELECT {sql.JOB}, MAX(observed_at) AS seen_at FROM"
            f" {{job_status_history}} WHERE status = 'succeeded' GROUP BY {sql.JOB}) h"
            " ON h.provider = j.provider AND h.job_kind = j.job_kind AND h.job_id = j.job_id"
            " WHERE j.results_state = 'pending' AND h.seen_at < %s"
            " GROUP BY j.provider, j.account",
            datetime.now(timezone.utc) - timedelta(days=1),
        )
    result = []
    for provider, account, finished_at, ok, exit_code, error, doubted_since in runs:
        key = (provider, account)
        counts = jobs.get(key, (0, 0, 0, 0, None, 0, None))
        cursor, last_ok = cursors.get(key, (None, None))
        result.append(
            {
                "provider": provider,
                "account": account,
                "cursor": parse_instant(cursor),
                "jobs": int(counts[0]),
                "open_jobs": int(opened.get(key, (0,))[0]),
                "given_up_jobs": int(counts[2] or 0),
                "pending_results": int(counts[1] or 0),
                "last_run_at": parse_instant(finished_at),
                "last_run_ok": bool(ok),
                "last_run_exit_code": int(exit_code),
                "last_run_error": error,
                "last_ok_run_at": parse_instant(last_ok),
                "results_at_risk": int(counts[3] or 0),
                "results_expire_at": parse_instant(counts[4]),
                "missing_jobs": int(counts[5] or 0),
                "missing_since": parse_instant(counts[6]),
                "retried_results": int(retried.get(key, (0, None))[0]),
                "retried_since": parse_instant(retried.get(key, (0, None))[1]),
                "doubted_since": parse_instant(doubted_since),
            }
        )
    return result


def known_accounts(destination: AnyDestination, dataset_name: str) -> list[tuple[str, str]]:
    """The provider and the name of each account that has left rows in a dataset."""
    with dlt.dataset(destination, dataset_name).sql_client as client:
        if not client.has_dataset():
            return []
        found: set[tuple[str, str]] = set()
        for name in ("sync_runs", "jobs", "job_status_history"):
            found.update(_by_account(client, f"SELECT DISTINCT provider, account FROM {{{name}}}"))
    return sorted(found)


def remove_account(pipeline: Pipeline, provider: str, account: str) -> int:
    """Removes an account's rows from every table, and its pipeline's state.

    What was forgotten stays forgotten.

    Returns:
        The number of jobs removed.
    """
    begin_generation(pipeline, provider, [account])
    with connect(pipeline) as client:
        if client is None:
            return 0
        jobs = count_jobs(client, provider, account)
        # the cursor goes first: rows without a cursor are listed again, never missed
        sql.run(client, "DELETE FROM {state} WHERE pipeline_name = %s", pipeline.pipeline_name)
        for name in TABLES:
            sql.run(client, f"DELETE FROM {{{name}}} WHERE {_SCOPE}", provider, account)
        _empty_staging(client)
    return jobs


class Naming(NamedTuple):
    """How an account is named: in the tables, as a source, and by its pipeline."""

    account: str
    source: str
    pipeline: str


def count_jobs(client: SqlClientBase[Any], provider: str, account: str) -> int:
    """How many jobs an account has."""
    found = sql.run(client, f"SELECT COUNT(*) FROM {{jobs}} WHERE {_SCOPE}", provider, account)
    return int(found[0][0]) if found else 0


def rename_account(pipeline: Pipeline, provider: str, old: Naming, new: Naming) -> int:
    """Gives an account's rows and cursor another name.

    What is broken off in the middle can be done again: the rows of `jobs`, by which one tells
    whether an account is there, come last.

    Args:
        pipeline: A pipeline of the dataset.
        provider: Of which provider.
        old: The account as it is named.
        new: As it is to be named.

    Returns:
        The number of its jobs.

    Raises:
        UsageError: There are jobs under the new name already.
    """
    with connect(pipeline) as client:
        if client is None:
            return 0
        if taken := count_jobs(client, provider, new.account):
            raise UsageError(
                f"{provider}:{new.account} has {taken:,} jobs of its own, and two accounts are not "
                f"made one: remove these first with `docjobs reset {provider}:{new.account}`, then "
                "rename; the next sync loads them again"
            )
        begin_generation(pipeline, provider, [old.account, new.account])
        jobs = count_jobs(client, provider, old.account)
        _rename_state(client, old, new)
        for mark in ("forgotten", *(name for name in TABLES if name != "jobs"), "jobs"):
            sql.run(
                client,
                f"UPDATE {{{mark}}} SET account = %s WHERE {_SCOPE}",
                new.account,
                provider,
                old.account,
            )
        _empty_staging(client)
    return jobs


def _rename_state(client: SqlClientBase[Any], old: Naming, new: Naming) -> None:
    """Moves the cursor: none is left under the old name, whose rows are then listed again."""
    rows = sql.run(
        client,
        f"SELECT t.state, t._dlt_load_id FROM {{state}} t JOIN {ITS_LOAD}"
        " WHERE t.pipeline_name = %s ORDER BY l.load_id DESC LIMIT 1",
        old.pipeline,
    )
    if not rows:
        return
    state, load_id = rows[0]
    renamed, version_hash = dlt_internals.renamed_state(state, new.pipeline, old.source, new.source)
    sql.run(client, "DELETE FROM {state} WHERE pipeline_name = %s", new.pipeline)
    sql.run(
        client,
        "UPDATE {state} SET pipeline_name = %s, state = %s, version_hash = %s"
        " WHERE pipeline_name = %s AND _dlt_load_id = %s",
        new.pipeline,
        renamed,
        version_hash,
        old.pipeline,
        load_id,
    )
    sql.run(client, "DELETE FROM {state} WHERE pipeline_name = %s", old.pipeline)


def forget_jobs(
    pipeline: Pipeline,
    provider: str,
    account: str,
    targets: Sequence[tuple[str, JobKind | None]],
) -> int:
    """Erases jobs from every table, and notes the hashes of their ids so that they stay away.

    Returns:
        The number of jobs erased.
    """
    begin_generation(pipeline, provider, [account])
    erased = 0
    with connect(pipeline) as client:
        if client is None:
            return 0
        _note_forgotten(pipeline, client, provider, account, targets)
        for batch in sql.batches(targets, _BATCH):
            for kind in (*JOB_KINDS, None):
                ids = [job_id for job_id, of_kind in batch if of_kind == kind]
                if not ids:
                    continue
                where = f"{_SCOPE} AND job_id IN ({sql.placeholders(ids)})"
                values = [provider, account, *ids]
                if kind is not None:
                    where += " AND job_kind = %s"
                    values.append(kind)
                found = sql.run(client, f"SELECT COUNT(*) FROM {{jobs}} WHERE {where}", *values)
                erased += int(found[0][0]) if found else 0
                for name in TABLES:
                    if name != "sync_runs":
                        sql.run(client, f"DELETE FROM {{{name}}} WHERE {where}", *values)
        _erase_mentions(client, provider, account, [job_id for job_id, _ in targets])
        _empty_staging(client)
    return erased


def jobs_made_from(
    pipeline: Pipeline, provider: str, account: str, job_ids: Sequence[str]
) -> list[str]:
    """Extract jobs that read the same documents as the given parse jobs, themselves left out."""
    named = set(job_ids)
    with connect(pipeline) as client:
        if client is None:
            return []
        rows = sql.run(
            client,
            f"SELECT job_id, parse_job_id FROM {{jobs}} WHERE {_SCOPE}"
            " AND parse_job_id IS NOT NULL",
            provider,
            account,
        )
    return sorted(job_id for job_id, of_job in rows if of_job in named and job_id not in named)


def _erase_mentions(
    client: SqlClientBase[Any], provider: str, account: str, job_ids: Sequence[str]
) -> None:
    """Where a job's id stands inside a text: a run's error, a list that could not be read."""
    for run_id, error in sql.run(
        client,
        f"SELECT run_id, error FROM {{sync_runs}} WHERE {_SCOPE} AND error IS NOT NULL",
        provider,
        account,
    ):
        if any(job_id in error for job_id in job_ids):
            sql.run(
                client,
                "UPDATE {sync_runs} SET error = '[a forgotten job]' WHERE run_id = %s",
                run_id,
            )
    for rejection_id, payload in sql.run(
        client,
        f"SELECT rejection_id, payload FROM {{rejected_records}} WHERE {_SCOPE} AND job_id IS NULL",
        provider,
        account,
    ):
        text = payload if isinstance(payload, str) else json.dumps(payload)
        if any(job_id in text for job_id in job_ids):
            sql.run(client, "DELETE FROM {rejected_records} WHERE rejection_id = %s", rejection_id)


def forgotten_hash(provider: str, job_id: str) -> str:
    """What is kept of a forgotten job: enough to know it again, not to tell who it was."""
    return hashlib.sha256(f"{provider}\x1f{job_id}".encode("utf-8", "replace")).hexdigest()


def _note_forgotten(
    pipeline: Pipeline,
    client: SqlClientBase[Any],
    provider: str,
    account: str,
    targets: Sequence[tuple[str, JobKind | None]],
) -> None:
    if not sql.has_table(client, FORGOTTEN):
        create_table(pipeline, FORGOTTEN)
    known = {
        row[0]
        for row in sql.run(
            client, f"SELECT job_hash FROM {{forgotten}} WHERE {_SCOPE}", provider, account
        )
    }
    for job_id, _ in targets:
        digest = forgotten_hash(provider, job_id)
        if digest not in known:
            known.add(digest)
            sql.execute(
                client,
                "INSERT INTO {forgotten} (provider, account, job_hash) VALUES (%s, %s, %s)",
                *(provider, account, digest),
            )


def _empty_staging(client: SqlClientBase[Any]) -> None:
    """dlt leaves the last load's rows in the staging dataset."""
    with client.with_staging_dataset():
        if not client.has_dataset():
            return
        for name in TABLES:
            sql.run(client, f"DELETE FROM {{{name}}}")


def _by_account(
    client: SqlClientBase[Any], text: str, *values: Any
) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {(row[0], row[1]): tuple(row[2:]) for row in sql.run(client, text, *values)}
