"""What Dagster is told of each table before anything is loaded, and how you tell it more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import dagster as dg

from dlt_docjobs.accounts.pipelines import Account
from dlt_docjobs.tables import TABLES
from dlt_docjobs.tables.schema import Table

# of a spec: which table it is, whatever the translator has made of its key
TABLE: Final = "docjobs/table"


@dataclass(frozen=True)
class TableData:
    """What a translator is told of a table.

    Attributes:
        provider: The provider's name, such as `llamacloud`.
        account: The account's name; `default` where there is one.
        table: The table's name, such as `segments`.
        dataset: The dataset that it stands in.
        destination_type: dlt's name of the kind of destination, such as `postgres`.
        is_backfill: Whether the asset is filled by partitions, not by the usual sync.
        default: The spec that docjobs makes of it.
    """

    provider: str
    account: str
    table: str
    dataset: str
    destination_type: str
    is_backfill: bool
    default: dg.AssetSpec


class DocjobsTranslator:
    """How tables become assets: override `get_asset_spec` for keys, owners, tags or dependencies.

    As with `DagsterDltTranslator` of dagster-dlt:

        class Ours(DocjobsTranslator):
            def get_asset_spec(self, data: TableData) -> dg.AssetSpec:
                spec = super().get_asset_spec(data)
                return spec.replace_attributes(owners=["team:documents"], deps=["uploads"])
    """

    def get_asset_spec(self, data: TableData) -> dg.AssetSpec:
        """The spec of one table's asset.

        Args:
            data: The table, and the spec that it has by default.
        """
        return data.default


def table_specs(
    of: Account,
    destination_type: str,
    dataset: str,
    translator: DocjobsTranslator,
    *,
    fresh_hours: float | None = None,
    is_backfill: bool = False,
) -> list[dg.AssetSpec]:
    """A spec for each table of an account, as the translator wants it.

    Args:
        of: The account.
        destination_type: dlt's name of the kind of destination.
        dataset: The dataset.
        translator: May change each spec.
        fresh_hours: After how long an asset that is not materialised again is stale; None: never.
        is_backfill: Whether they are filled by partitions.
    """
    policy = None
    if fresh_hours is not None:
        policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=fresh_hours))
    specs = []
    for name, table in TABLES.items():
        prefix = [dataset, of.source_name, *(["backfill"] if is_backfill else [])]
        default = dg.AssetSpec(
            [*prefix, name],
            description=table.description,
            group_name=of.pipeline_name,
            kinds={"dlt", destination_type},
            skippable=False,
            freshness_policy=policy,
            metadata={
                "dagster/column_schema": _column_schema(table),
                "dagster/table_name": f"{dataset}.{name}",
            },
        )
        data = TableData(
            of.provider, of.name, name, dataset, destination_type, is_backfill, default
        )
        spec = translator.get_asset_spec(data)
        specs.append(spec.merge_attributes(metadata={TABLE: name}))
    return specs


def table_of(spec: dg.AssetSpec) -> str:
    """The table that a spec of `table_specs` stands for."""
    return str(spec.metadata[TABLE])


def _column_schema(table: Table) -> dg.TableSchema:
    columns = [
        dg.TableColumn(
            column.name,
            column.type,
            column.description,
            constraints=dg.TableColumnConstraints(
                nullable=column.nullable,
                unique=(column.name,) == table.key,
                other=["primary_key"] if column.name in table.key else [],
            ),
        )
        for column in table.columns
    ]
    return dg.TableSchema(columns, dg.TableConstraints([f"unique: {', '.join(table.key)}"]))
