"""The factory of assets, checks, jobs and schedules for one account."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import dagster as dg

from dlt_docjobs.accounts.pipelines import Account, make_pipeline, parse_account
from dlt_docjobs.dagster.checks import account_checks
from dlt_docjobs.dagster.metadata import run_metadata
from dlt_docjobs.dagster.window import load_window, rows_written
from dlt_docjobs.loading.run import run
from dlt_docjobs.locks.local import SyncLocked
from dlt_docjobs.model.outcomes import EXIT_PARTIAL, EXIT_REFUSED, UsageError
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.tables import TABLES

Every = Literal["day", "hour"]

_RETRY: Final = dg.RetryPolicy(
    max_retries=3, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
_WAIT: Final = 60


def docjobs_assets(
    account: str,
    *,
    destination: str = "duckdb",
    dataset: str = "docjobs",
    start: str | None = None,
    every: Every = "day",
    workers: int = 4,
    requests_per_second: float | None = None,
    retry_policy: dg.RetryPolicy = _RETRY,
    **arguments: Any,
) -> list[dg.AssetsDefinition]:
    """The tables of one account as assets: kept current by a sync, and filled by partitions.

    Args:
        account: `PROVIDER`, or `PROVIDER:ACCOUNT`.
        destination: Any of dlt's; its credentials come from dlt's configuration.
        dataset: The dataset.
        start: Date of the first partition, such as `2026-01-01`; None makes no partitions. Only
            kinds of jobs whose list can be filtered by the creation are partitioned. The others,
            which are listed whole or named, are the sync's to load.
        every: A partition a `day` or an `hour`, in UTC.
        workers: Partitions that run at once; the pool's limit is set to it by you.
        requests_per_second: Ceiling of the provider's account, shared evenly by the workers.
        retry_policy: Of partitions and sync.
        arguments: The source's own, such as `include_content=False`.

    Returns:
        The asset of the sync, and that of the partitions if there are any. Both are in the pool
        `docjobs_<account>`.

    Raises:
        UsageError: There is no such provider, or it can't be partitioned.
    """
    of = parse_account(account)
    if workers < 1:
        raise UsageError(f"workers is at least 1, not {workers}")
    if start is not None and not _partitioned_kinds(of):
        raise UsageError(
            f"{of.provider} has no list that can be filtered by the creation, so there is nothing "
            "to partition"
        )
    found = [_sync_asset(of, destination, dataset, retry_policy, requests_per_second, arguments)]
    if start is not None:
        share = None if requests_per_second is None else requests_per_second / workers
        found.append(
            _partitions(
                of, destination, dataset, start, every, retry_policy, share, dict(arguments)
            )
        )
    return found


def docjobs_checks(
    account: str,
    *,
    destination: str = "duckdb",
    dataset: str = "docjobs",
    open_days: float = 32,
    fresh_hours: float = 26,
) -> list[dg.AssetChecksDefinition]:
    """Checks of one account's tables.

    Args:
        account: As for `docjobs_assets`.
        destination: As for `docjobs_assets`.
        dataset: As for `docjobs_assets`.
        open_days: A job that is open for longer fails the check.
        fresh_hours: A last good sync that is longer ago fails the check.

    Returns:
        No duplicates by key in any table, no job open for too long, freshness.
    """
    return account_checks(parse_account(account), destination, dataset, open_days, fresh_hours)


def docjobs_definitions(
    account: str,
    *,
    cron: str = "*/15 * * * *",
    destination: str = "duckdb",
    dataset: str = "docjobs",
    open_days: float = 32,
    fresh_hours: float = 26,
    **options: Any,
) -> dg.Definitions:
    """Everything of one account: assets, checks, jobs, and a schedule for the sync.

    Args:
        account: As for `docjobs_assets`.
        cron: When the sync runs; a run that is still going lets it be skipped.
        destination: As for `docjobs_assets`.
        dataset: As for `docjobs_assets`.
        open_days: As for `docjobs_checks`.
        fresh_hours: As for `docjobs_checks`.
        options: The rest of `docjobs_assets`' arguments.

    Raises:
        UsageError: As `docjobs_assets`.
    """
    of = parse_account(account)
    assets = docjobs_assets(account, destination=destination, dataset=dataset, **options)
    checks = docjobs_checks(
        account,
        destination=destination,
        dataset=dataset,
        open_days=open_days,
        fresh_hours=fresh_hours,
    )
    names = [f"{of.pipeline_name}_sync", f"{of.pipeline_name}_backfill"]
    jobs = [
        dg.define_asset_job(name, selection=dg.AssetSelection.assets(*asset.keys))
        for name, asset in zip(names, assets, strict=False)
    ]
    schedule = dg.ScheduleDefinition(
        name=f"{of.pipeline_name}_schedule", job=jobs[0], cron_schedule=cron
    )
    return dg.Definitions(assets=assets, asset_checks=checks, jobs=jobs, schedules=[schedule])


def _specs(of: Account, dataset: str, *more: str) -> list[dg.AssetSpec]:
    return [
        dg.AssetSpec(
            [dataset, of.source_name, *more, name],
            description=table.description,
            group_name=of.pipeline_name,
            kinds={"dlt"},
            skippable=False,
        )
        for name, table in TABLES.items()
    ]


def _sync_asset(
    of: Account,
    destination: str,
    dataset: str,
    retry_policy: dg.RetryPolicy,
    rate: float | None,
    arguments: dict[str, Any],
) -> dg.AssetsDefinition:
    specs = _specs(of, dataset)

    @dg.multi_asset(
        name=f"{of.pipeline_name}_load",
        specs=specs,
        retry_policy=retry_policy,
        pool=of.pipeline_name,
    )
    def sync(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        pipeline = make_pipeline(of, destination, dataset)
        try:
            row = run(pipeline, of.source(**_with_rate(arguments, rate)))
            written = rows_written(pipeline, row.run_id)
        except SyncLocked as error:
            raise dg.RetryRequested(max_retries=10, seconds_to_wait=_WAIT) from error
        yield from _results(context, specs, row, written)

    return sync


def _partitions(
    of: Account,
    destination: str,
    dataset: str,
    start: str,
    every: Every,
    retry_policy: dg.RetryPolicy,
    rate: float | None,
    arguments: dict[str, Any],
) -> dg.AssetsDefinition:
    specs = _specs(of, dataset, "backfill")
    kinds = {"day": dg.DailyPartitionsDefinition, "hour": dg.HourlyPartitionsDefinition}
    first = start if every == "day" or "-" in start[10:] else f"{start[:10]}-00:00"
    arguments.setdefault("job_kinds", _partitioned_kinds(of))

    @dg.multi_asset(
        name=f"{of.pipeline_name}_load_window",
        specs=specs,
        partitions_def=kinds[every](start_date=first),
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        retry_policy=retry_policy,
        pool=of.pipeline_name,
    )
    def backfill(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        window = context.partition_time_window
        try:
            row, written = load_window(
                of,
                destination,
                dataset,
                window.start,
                window.end,
                **_with_rate(arguments, rate),
            )
        except SyncLocked as error:
            raise dg.RetryRequested(max_retries=10, seconds_to_wait=_WAIT) from error
        yield from _results(context, specs, row, written)

    return backfill


def _partitioned_kinds(of: Account) -> list[JobKind]:
    kinds = of.declared.kinds.items()
    return [name for name, kind in kinds if kind.list is not None and kind.list.filters]


def _with_rate(arguments: dict[str, Any], rate: float | None) -> dict[str, Any]:
    return arguments if rate is None else {**arguments, "requests_per_second": rate}


def _results(
    context: dg.AssetExecutionContext,
    specs: Sequence[dg.AssetSpec],
    row: SyncRun,
    written: dict[str, int],
) -> Iterator[dg.MaterializeResult[Any]]:
    if row.exit_code == EXIT_REFUSED:
        raise dg.Failure(row.error, metadata=run_metadata(row))
    if row.exit_code == EXIT_PARTIAL:
        # what is missing is fetched by the next sync: no reason to throw away what has come
        context.log.warning(row.error or "not everything could be fetched")
    for spec in specs:
        rows = written.get(spec.key.path[-1], 0)
        yield dg.MaterializeResult(asset_key=spec.key, metadata={"rows": rows, **run_metadata(row)})
