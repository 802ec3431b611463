"""Tells dlt of the views, so that `pipeline.dataset()["job_timeline"]` finds them."""

from __future__ import annotations

from dlt.common.schema.typing import TTableSchemaColumns
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.views import sqlite
from dlt_docjobs.views.catalog import VIEWS


def note_views(pipeline: Pipeline, *, only_if_missing: bool = False) -> None:
    """Adds the views, with the destination's types, to the pipeline's schemas.

    dlt offers in a dataset what stands in its schema, and creates tables only for what it loads. So
    it never creates a table for these. On SQLite they are read by SQL alone.

    Args:
        pipeline: A pipeline whose dataset has the views. Where it has never run in this working
            directory there is nothing to note them in.
        only_if_missing: Look at nothing where they are noted already.
    """
    for name in pipeline.schema_names:
        schema = pipeline.schemas[name]
        if only_if_missing and VIEWS.keys() <= schema.tables.keys():
            continue
        with pipeline.destination_client(name) as client:
            if not isinstance(client, SqlJobClientBase):
                return
            if client.capabilities.sqlglot_dialect == sqlite.DIALECT:
                # what is computed has no type there, and dlt takes no column without one
                return
            found = dict(client.get_storage_tables(VIEWS))
        schema.drop_tables([view for view in VIEWS if view in schema.tables])
        for view in VIEWS.values():
            # Snowflake tells names in upper case
            types = {name.lower(): column for name, column in found[view.name].items()}
            columns: TTableSchemaColumns = {
                column.name: {
                    **types[column.name],
                    "name": column.name,
                    "description": column.description,
                }
                for column in view.columns
                # a newer version's views may be other ones
                if column.name in types
            }
            schema.update_table(
                {"name": view.name, "description": view.comment, "columns": columns}
            )
        pipeline.schemas.save_schema(schema)
