"""A dbt package over the tables: sources, the views as models, tests; and its folder.

What it holds: docs/dbt.md.
"""

from dlt_docjobs.dbt.folder import Changes, write_files
from dlt_docjobs.dbt.package import make_package

__all__ = ["Changes", "make_package", "write_files"]
