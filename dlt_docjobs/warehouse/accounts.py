"""Statements about whole accounts: status, reset, forget. Plain SQL that every destination has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

import dlt
from dlt.common.destination import AnyDestination
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.model.vocabulary import JOB_KINDS, JobKind
from dlt_docjobs.tables import TABLES
from dlt_docjobs.warehouse.connection import connect, create_table

FORGOTTEN: Final = "forgotten_jobs"
_FORGOTTEN_COLUMNS: Final = ("provider", "account", "job_hash")
_BATCH: Final = 200


def account_status(destination: AnyDestination, dataset_name: str) -> list[dict[str, Any]]:
    """How each account in a dataset stands.

    Returns:
        A mapping an account: provider, account, cursor, jobs, open_jobs, given_up_jobs,
        pending_results, last_run_at, last_run_ok, last_run_exit_code, last_run_error,
        last_ok_run_at, results_at_risk (not loaded, and neither gone), results_expire_at (when the
        provider forgets the first of them).
    """
    dataset = dlt.dataset(destination, dataset_name)
    with dataset.sql_client as client:
        if not client.has_dataset():
            return []
        runs = _rows(
            client,
            "SELECT provider, account, finished_at, ok, exit_code, error FROM (SELECT r.*,"
            " ROW_NUMBER() OVER (PARTITION BY provider, account ORDER BY finished_at DESC)"
            " AS place FROM {sync_runs} r) ranked WHERE place = 1 ORDER BY provider, account",
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
            " THEN results_expire_at END)"
            # plain files keep every row that a job ever had: the newest counts
            " FROM (SELECT j.*, ROW_NUMBER() OVER (PARTITION BY provider, job_kind, job_id"
            " ORDER BY _dlt_load_id DESC) AS place FROM {jobs} j) ranked WHERE place = 1"
            " GROUP BY provider, account",
        )
        opened = _by_account(
            client,
            "SELECT provider, account, COUNT(*) FROM (SELECT provider, account, is_terminal,"
            " ROW_NUMBER() OVER (PARTITION BY provider, job_kind, job_id ORDER BY sequence DESC)"
            " AS place FROM {job_status_history}) h WHERE place = 1 AND NOT is_terminal"
            " GROUP BY provider, account",
        )
    result = []
    for provider, account, finished_at, ok, exit_code, error in runs:
        key = (provider, account)
        counts = jobs.get(key, (0, 0, 0, 0, None))
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
            }
        )
    return result


def remove_account(pipeline: Pipeline, provider: str, account: str) -> int:
    """Removes an account's rows from every table, and its pipeline's state.

    Returns:
        The number of jobs removed.
    """
    with connect(pipeline) as client:
        if client is None:
            return 0
        where = "provider = %s AND account = %s"
        found = _rows(client, f"SELECT COUNT(*) FROM {{jobs}} WHERE {where}", provider, account)
        # the cursor goes first: rows without a cursor are listed again, never missed
        _execute(client, "DELETE FROM {state} WHERE pipeline_name = %s", pipeline.pipeline_name)
        for name in TABLES:
            _execute(client, f"DELETE FROM {{{name}}} WHERE {where}", provider, account)
        _empty_staging(client)
    return int(found[0][0]) if found else 0


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
    erased = 0
    with connect(pipeline) as client:
        if client is None:
            return 0
        _note_forgotten(pipeline, client, provider, account, targets)
        for start in range(0, len(targets), _BATCH):
            batch = targets[start : start + _BATCH]
            for kind in (*JOB_KINDS, None):
                ids = [job_id for job_id, of_kind in batch if of_kind == kind]
                if not ids:
                    continue
                marks = ", ".join(["%s"] * len(ids))
                where = f"provider = %s AND account = %s AND job_id IN ({marks})"
                values = [provider, account, *ids]
                if kind is not None:
                    where += " AND job_kind = %s"
                    values.append(kind)
                found = _rows(client, f"SELECT COUNT(*) FROM {{jobs}} WHERE {where}", *values)
                erased += int(found[0][0]) if found else 0
                for name in TABLES:
                    if name != "sync_runs":
                        _execute(client, f"DELETE FROM {{{name}}} WHERE {where}", *values)
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
        rows = _rows(
            client,
            "SELECT job_id, parse_job_id FROM {jobs} WHERE provider = %s AND account = %s"
            " AND parse_job_id IS NOT NULL",
            provider,
            account,
        )
    return sorted(job_id for job_id, of_job in rows if of_job in named and job_id not in named)


def _erase_mentions(
    client: SqlClientBase[Any], provider: str, account: str, job_ids: Sequence[str]
) -> None:
    """Where a job's id stands inside a text: a run's error, a list that could not be read."""
    scope = "WHERE provider = %s AND account = %s AND"
    for run_id, error in _rows(
        client,
        f"SELECT run_id, error FROM {{sync_runs}} {scope} error IS NOT NULL",
        provider,
        account,
    ):
        if any(job_id in error for job_id in job_ids):
            _execute(
                client,
                "UPDATE {sync_runs} SET error = '[a forgotten job]' WHERE run_id = %s",
                run_id,
            )
    for rejection_id, payload in _rows(
        client,
        f"SELECT rejection_id, payload FROM {{rejected_records}} {scope} job_id IS NULL",
        provider,
        account,
    ):
        text = payload if isinstance(payload, str) else json.dumps(payload)
        if any(job_id in text for job_id in job_ids):
            _execute(client, "DELETE FROM {rejected_records} WHERE rejection_id = %s", rejection_id)


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
    try:
        known = {
            row[0] for row in client.execute_sql(_named(client, "SELECT job_hash FROM {f}")) or []
        }
    except DestinationUndefinedEntity:
        known = set()
        create_table(pipeline, client, FORGOTTEN, dict.fromkeys(_FORGOTTEN_COLUMNS, "text"))
    for job_id, _ in targets:
        digest = forgotten_hash(provider, job_id)
        if digest not in known:
            known.add(digest)
            client.execute_sql(
                _named(client, "INSERT INTO {f} VALUES (%s, %s, %s)"), provider, account, digest
            )


def _empty_staging(client: SqlClientBase[Any]) -> None:
    """dlt leaves the last load's rows in the staging dataset."""
    with client.with_staging_dataset():
        if not client.has_dataset():
            return
        for name in TABLES:
            _execute(client, f"DELETE FROM {{{name}}}")


def _named(client: SqlClientBase[Any], sql: str) -> str:
    for name in TABLES:
        sql = sql.replace("{" + name + "}", client.make_qualified_table_name(name))
    sql = sql.replace("{state}", client.make_qualified_table_name("_dlt_pipeline_state"))
    return sql.replace("{f}", client.make_qualified_table_name(FORGOTTEN))


def _rows(client: SqlClientBase[Any], sql: str, *values: Any) -> list[Any]:
    try:
        return list(client.execute_sql(_named(client, sql), *values) or [])
    except DestinationUndefinedEntity:
        return []


def _execute(client: SqlClientBase[Any], sql: str, *values: Any) -> None:
    try:
        client.execute_sql(_named(client, sql), *values)
    except DestinationUndefinedEntity:
        return


def _by_account(client: SqlClientBase[Any], sql: str) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {(row[0], row[1]): tuple(row[2:]) for row in _rows(client, sql)}
