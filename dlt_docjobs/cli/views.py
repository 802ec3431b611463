"""`docjobs views`."""

from __future__ import annotations

import argparse

from dlt_docjobs.accounts.destinations import is_missing, make_destination
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.views import VIEWS, install_views
from dlt_docjobs.warehouse.connection import install_defaults


def views(args: argparse.Namespace) -> int:
    """Creates or replaces the views, whatever is there of them, and says what each is."""
    install_defaults()
    destination = make_destination(args.destination, args.dataset)
    if is_missing(destination):
        raise UsageError(
            f"nothing has been synced into {args.dataset} yet: run `docjobs sync` first"
        )
    outcome = install_views(destination, args.dataset)
    print(f"{len(outcome.created)} views in {args.dataset}:")
    for name in outcome.created:
        print(f"  {name:<18}  {VIEWS[name].description}")
    return 0
