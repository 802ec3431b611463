"""The generation of an account's rows: a word that changes when somebody takes rows away or over.

`docjobs reset`, `forget` and `rename` begin a new generation before anything else. A package notes
the one that it was made in, and is not loaded into another: on whichever machine it waits, it would
bring back what was erased.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.warehouse import sql
from dlt_docjobs.warehouse.connection import prepare
from dlt_docjobs.warehouse.migration import create_table
from dlt_docjobs.warehouse.sql import GENERATIONS

FIRST = ""
"""The generation of an account of which no row was taken away yet: no row stands for it."""


def generation_of(client: SqlClientBase[Any] | None, provider: str, account: str) -> str:
    """The generation of an account.

    Args:
        client: A connection to the dataset; None where there is none yet.
        provider: Of which provider.
        account: Its name.
    """
    if client is None:
        return FIRST
    rows = sql.run(
        client,
        "SELECT generation FROM {generations} WHERE provider = %s AND account = %s",
        provider,
        account,
    )
    return str(rows[0][0]) if rows else FIRST


def begin_generation(pipeline: Pipeline, provider: str, accounts: Iterable[str]) -> None:
    """Begins a new generation: packages that were made before are dropped where they wait.

    A dataset that is not there yet is made: a package may wait that was to be its first.

    Args:
        pipeline: A pipeline with a destination that speaks SQL.
        provider: Of which provider.
        accounts: The accounts' names.
    """
    prepare(pipeline)
    with pipeline.sql_client() as client:
        if not client.has_dataset():
            client.create_dataset()
        if not sql.has_table(client, GENERATIONS):
            create_table(pipeline, GENERATIONS)
        for account in accounts:
            statement = (
                "INSERT INTO {generations} (generation, provider, account) VALUES (%s, %s, %s)"
                if generation_of(client, provider, account) == FIRST
                else "UPDATE {generations} SET generation = %s WHERE provider = %s AND account = %s"
            )
            sql.execute(client, statement, uuid.uuid4().hex, provider, account)
