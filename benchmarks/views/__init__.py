"""How long the analytics views take on a large warehouse, on DuckDB and on PostgreSQL.

Rows are made up, so that a warehouse of 3 million segments takes minutes and no provider.
"""
