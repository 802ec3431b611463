"""The factory of assets, checks, jobs and schedules for one account."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import dagster as dg
from dlt.common.destination import AnyDestination

from dlt_docjobs.accounts.destinations import make_destination
from dlt_docjobs.accounts.pipelines import Account, make_pipeline, parse_account
from dlt_docjobs.dagster.checks import account_checks
from dlt_docjobs.dagster.metadata import rows_metadata, run_metadata
from dlt_docjobs.dagster.specs import DocjobsTranslator, table_of, table_specs
from dlt_docjobs.dagster.window import load_window, rows_written
from dlt_docjobs.loading.run import run
from dlt_docjobs.locks.local import SyncLocked
from dlt_docjobs.model.outcomes import EXIT_PARTIAL, EXIT_REFUSED, UsageError
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.views import ViewsRefused, dialect_of
from dlt_docjobs.warehouse.kind import kind_of

Every = Literal["day", "hour"]

_RETRY: Final = dg.RetryPolicy(
    max_retries=3, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
_WAIT: Final = 60
_AS_THEY_ARE: Final = DocjobsTranslator()


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
    fresh_hours: float | None = 26,
    translator: DocjobsTranslator = _AS_THEY_ARE,
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
        fresh_hours: After how long without a sync Dagster's freshness policy calls its assets
            stale; None sets no policy. Partitions have none.
        translator: Changes the assets' keys, owners, tags, dependencies and so on.
        arguments: The source's own, such as `include_content=False`.

    Returns:
        The asset of the sync, and that of the partitions if there are any. Both are in the pool
        `docjobs_<account>`.

    Raises:
        UsageError: There is no such provider or destination, or it can't be partitioned.
    """
    of = parse_account(account)
    if workers < 1:
        raise UsageError(f"workers is at least 1, not {workers}")
    if start is not None and not _partitioned_kinds(of):
        raise UsageError(
            f"{of.provider} has no list that can be filtered by the creation, so there is nothing "
            "to partition"
        )
    kind = kind_of(make_destination(destination, dataset))
    specs = table_specs(of, kind, dataset, translator, fresh_hours=fresh_hours)
    sources = _with_rate(arguments, requests_per_second)
    found = [_sync_asset(of, destination, dataset, specs, retry_policy, sources)]
    if start is not None:
        specs = table_specs(of, kind, dataset, translator, is_backfill=True)
        share = None if requests_per_second is None else requests_per_second / workers
        sources = {"job_kinds": _partitioned_kinds(of), **_with_rate(arguments, share)}
        windows = _windows(start, every)
        found.append(_partitions(of, destination, dataset, specs, windows, retry_policy, sources))
    return found


def docjobs_checks(
    account: str,
    *,
    destination: str = "duckdb",
    dataset: str = "docjobs",
    open_days: float = 32,
    fresh_hours: float = 26,
    translator: DocjobsTranslator = _AS_THEY_ARE,
) -> list[dg.AssetChecksDefinition]:
    """Checks of one account's tables.

    Args:
        account: As for `docjobs_assets`.
        destination: As for `docjobs_assets`.
        dataset: As for `docjobs_assets`.
        open_days: A job that is open for longer fails the check.
        fresh_hours: A last good sync that is longer ago fails the check.
        translator: That of the assets.

    Returns:
        No duplicates by key in any table, no job open for too long, freshness and, where the
        destination has the views, quality unchanged.
    """
    of = parse_account(account)
    made = make_destination(destination, dataset)
    kind = kind_of(made)
    specs = table_specs(of, kind, dataset, translator)
    keys = {table_of(spec): spec.key for spec in specs}
    return account_checks(
        of, destination, dataset, keys, open_days, fresh_hours, _dialect_of_views(made)
    )


def _dialect_of_views(destination: AnyDestination) -> str | None:
    try:
        return dialect_of(destination)
    except ViewsRefused:
        return None


def docjobs_definitions(
    account: str,
    *,
    cron: str = "*/15 * * * *",
    destination: str = "duckdb",
    dataset: str = "docjobs",
    open_days: float = 32,
    fresh_hours: float = 26,
    translator: DocjobsTranslator = _AS_THEY_ARE,
    schedule_status: dg.DefaultScheduleStatus = dg.DefaultScheduleStatus.STOPPED,
    **options: Any,
) -> dg.Definitions:
    """Everything of one account: assets, checks, jobs, and a schedule for the sync.

    Args:
        account: As for `docjobs_assets`.
        cron: When the sync runs; a run that is still going lets it be skipped.
        destination: As for `docjobs_assets`.
        dataset: As for `docjobs_assets`.
        open_days: As for `docjobs_checks`.
        fresh_hours: As for `docjobs_checks` and `docjobs_assets`.
        translator: As for `docjobs_assets`.
        schedule_status: Whether the schedule runs without being turned on by hand.
        options: The rest of `docjobs_assets`' arguments.

    Raises:
        UsageError: As `docjobs_assets`.
    """
    of = parse_account(account)
    common: dict[str, Any] = {
        "destination": destination,
        "dataset": dataset,
        "fresh_hours": fresh_hours,
        "translator": translator,
    }
    assets = docjobs_assets(account, **common, **options)
    checks = docjobs_checks(account, open_days=open_days, **common)
    names = [f"{of.pipeline_name}_sync", f"{of.pipeline_name}_backfill"]
    jobs = [
        dg.define_asset_job(name, selection=dg.AssetSelection.assets(*asset.keys))
        for name, asset in zip(names, assets, strict=False)
    ]
    schedule = dg.ScheduleDefinition(
        name=f"{of.pipeline_name}_schedule",
        job=jobs[0],
        cron_schedule=cron,
        default_status=schedule_status,
    )
    return dg.Definitions(assets=assets, asset_checks=checks, jobs=jobs, schedules=[schedule])


def _sync_asset(
    of: Account,
    destination: str,
    dataset: str,
    specs: Sequence[dg.AssetSpec],
    retry_policy: dg.RetryPolicy,
    arguments: dict[str, Any],
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"{of.pipeline_name}_load",
        specs=specs,
        retry_policy=retry_policy,
        pool=of.pipeline_name,
    )
    def sync(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        pipeline = make_pipeline(of, destination, dataset)
        try:
            row = run(pipeline, of.source(**arguments))
            written = rows_written(pipeline, row.run_id)
        except SyncLocked as error:
            raise dg.RetryRequested(max_retries=10, seconds_to_wait=_WAIT) from error
        yield from _results(context, specs, row, written)

    return sync


def _partitions(
    of: Account,
    destination: str,
    dataset: str,
    specs: Sequence[dg.AssetSpec],
    windows: dg.TimeWindowPartitionsDefinition,
    retry_policy: dg.RetryPolicy,
    arguments: dict[str, Any],
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"{of.pipeline_name}_load_window",
        specs=specs,
        partitions_def=windows,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        retry_policy=retry_policy,
        pool=of.pipeline_name,
    )
    def backfill(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        window = context.partition_time_window
        try:
            row, written = load_window(
                of, destination, dataset, window.start, window.end, **arguments
            )
        except SyncLocked as error:
            raise dg.RetryRequested(max_retries=10, seconds_to_wait=_WAIT) from error
        yield from _results(context, specs, row, written)

    return backfill


def _windows(start: str, every: Every) -> dg.TimeWindowPartitionsDefinition:
    if every == "day":
        return dg.DailyPartitionsDefinition(start_date=start)
    first = start if "-" in start[10:] else f"{start[:10]}-00:00"
    return dg.HourlyPartitionsDefinition(start_date=first)


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
        rows = rows_metadata(written.get(table_of(spec), 0), context.has_partition_key)
        yield dg.MaterializeResult(asset_key=spec.key, metadata={**rows, **run_metadata(row)})
