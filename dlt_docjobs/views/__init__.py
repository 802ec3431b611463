"""The analytics views: one readable SQL file each, rendered for the destination.

What they promise: docs/contract.md#views.
"""

from dlt_docjobs.views.catalog import VIEWS, View, ViewColumn
from dlt_docjobs.views.in_schema import note_views
from dlt_docjobs.views.install import (
    MARKER,
    Outcome,
    ViewsRefused,
    create_views,
    dialect_of,
    install_views,
)
from dlt_docjobs.views.quality import RecentShare, recent_shares
from dlt_docjobs.views.render import render_select

__all__ = [
    "MARKER",
    "VIEWS",
    "Outcome",
    "RecentShare",
    "View",
    "ViewColumn",
    "ViewsRefused",
    "create_views",
    "dialect_of",
    "install_views",
    "note_views",
    "recent_shares",
    "render_select",
]
