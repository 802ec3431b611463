"""`docjobs dbt`."""

from __future__ import annotations

import argparse
from pathlib import Path

from dlt_docjobs.accounts.destinations import check_dataset, make_destination
from dlt_docjobs.cli.arguments import DIALECTS
from dlt_docjobs.dbt import make_package, write_files
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.views import dialect_of


def dbt(args: argparse.Namespace) -> int:
    """Writes a dbt package over the tables into a folder; nothing is connected to."""
    check_dataset(args.dataset)
    # a destination's dialect is known to its driver, which need not be installed here
    dialect = args.dialect or dialect_of(make_destination(args.destination, args.dataset))
    if dialect not in DIALECTS:
        raise UsageError(
            f"the models are written for {', '.join(DIALECTS[:-1])} and {DIALECTS[-1]}, not for "
            f"{dialect}; the views are there: `docjobs views`"
        )
    folder = Path(args.folder)
    changes = write_files(folder, make_package(dialect, args.dataset))
    if not changes.written and not changes.removed:
        print(f"{folder} is up to date: a dbt package for {dialect}")
        return 0
    print(
        f"{folder}: a dbt package for {dialect}, {len(changes.written)} files written, "
        f"{len(changes.removed)} removed"
    )
    print(f"in your project's packages.yml: `- local: {folder}`, then `dbt deps`")
    return 0
