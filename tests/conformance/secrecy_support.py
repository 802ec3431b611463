"""Every byte that a run leaves behind, in PostgreSQL as well."""

from __future__ import annotations

import psycopg2

from dlt_docjobs.testing.secrecy import every_file, every_table, unpacked_text

__all__ = ["every_file", "every_postgres_table", "every_table", "unpacked_text"]


def every_postgres_table(address: str) -> dict[str, str]:
    """Every table of every schema of a PostgreSQL database but its own, unpacked."""
    connection = psycopg2.connect(address)
    try:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        found = {}
        for schema, table in cursor.fetchall():
            cursor.execute(f'SELECT * FROM "{schema}"."{table}"')
            found[f"{schema}.{table}"] = unpacked_text(str(cursor.fetchall()).encode())
        return found
    finally:
        connection.close()
