"""Asset checks over the tables of one account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from dlt_docjobs.accounts.pipelines import Account, make_pipeline
from dlt_docjobs.model.times import UTC, parse_instant
from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import recent_shares
from dlt_docjobs.warehouse import sql
from dlt_docjobs.warehouse.connection import connect


def account_checks(
    of: Account,
    destination: str,
    dataset: str,
    keys: Mapping[str, dg.AssetKey],
    open_days: float,
    fresh_hours: float,
    dialect: str | None,
) -> list[dg.AssetChecksDefinition]:
    """No duplicates by key, no job open for too long, freshness, quality unchanged.

    Args:
        of: The account.
        destination: As for `docjobs_assets`.
        dataset: The dataset.
        keys: The asset of each table.
        open_days: As for `docjobs_checks`.
        fresh_hours: As for `docjobs_checks`.
        dialect: The destination's dialect of SQL; None where it has no views, and so no check of
            quality.
    """
    specs = [dg.AssetCheckSpec("no_duplicates", asset=keys[name]) for name in TABLES]
    specs.append(dg.AssetCheckSpec("no_job_open_for_too_long", asset=keys["jobs"]))
    specs.append(dg.AssetCheckSpec("fresh", asset=keys["sync_runs"]))
    if dialect is not None:
        specs.append(dg.AssetCheckSpec("quality_unchanged", asset=keys["segments"]))

    @dg.multi_asset_check(name=f"{of.pipeline_name}_checks", specs=specs)
    def checks() -> Iterator[dg.AssetCheckResult]:
        now = datetime.now(UTC)
        with connect(make_pipeline(of, destination, dataset)) as client:
            for name, table in TABLES.items():
                columns = ", ".join(table.key)
                count = _value(
                    client,
                    of,
                    f"SELECT COUNT(*) FROM (SELECT {columns} FROM {{{name}}} WHERE {{scope}}"
                    f" GROUP BY {columns} HAVING COUNT(*) > 1) d",
                )
                yield dg.AssetCheckResult(
                    passed=not count,
                    asset_key=keys[name],
                    check_name="no_duplicates",
                    metadata={"duplicated_keys": int(count or 0)},
                )
            oldest = parse_instant(
                _value(
                    client,
                    of,
                    "SELECT MIN(created_at_latest) FROM {jobs} WHERE {scope} AND NOT is_terminal"
                    " AND results_state <> 'expired' AND given_up_at IS NULL",
                )
            )
            yield dg.AssetCheckResult(
                passed=oldest is None or now - oldest <= timedelta(days=open_days),
                asset_key=keys["jobs"],
                check_name="no_job_open_for_too_long",
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"oldest": dg.MetadataValue.timestamp(oldest)} if oldest else {},
            )
            last = parse_instant(
                _value(
                    client,
                    of,
                    "SELECT MAX(finished_at) FROM {sync_runs} WHERE {scope} AND ok",
                )
            )
            yield dg.AssetCheckResult(
                passed=last is not None and now - last <= timedelta(hours=fresh_hours),
                asset_key=keys["sync_runs"],
                check_name="fresh",
                metadata={"fresh_at": dg.MetadataValue.timestamp(last)} if last else {},
            )
            if dialect is not None:
                yield _quality(client, of, dialect, keys["segments"])

    return [checks]


def _quality(client: Any, of: Account, dialect: str, key: dg.AssetKey) -> dg.AssetCheckResult:
    """Whether the quality of results is what it was; so it is where nothing is there to compare."""
    scope = sql.scope(of.provider, of.name)
    shares = [] if client is None else recent_shares(client, dialect, scope)
    changed = [str(share) for share in shares if share.is_changed]
    return dg.AssetCheckResult(
        passed=not changed,
        asset_key=key,
        check_name="quality_unchanged",
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"compared": len(shares), "changed": changed},
    )


def _value(client: Any, of: Account, text: str) -> Any:
    """The one value of a query; None where there is no dataset yet."""
    if client is None:
        return None
    texts = {"scope": sql.scope(of.provider, of.name)}
    rows = sql.execute(client, text, texts=texts)
    return rows[0][0] if rows else None
