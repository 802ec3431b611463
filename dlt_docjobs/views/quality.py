"""Has the quality of results changed? What the view `quality_control` says of the newest days.

Asked of the tables, since not everyone who loads them has the views created.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final, NamedTuple

from dlt.destinations.sql_client import SqlClientBase

from dlt_docjobs.views.catalog import VIEWS, View
from dlt_docjobs.views.render import render_select

_VIEWS: Final = ("quality_daily", "quality_control")
_COLUMNS: Final = (
    *("provider", "account", "tier", "tiers", "day", "measure", "counted", "sample_size", "share"),
    *("earlier_share", "earlier_days", "is_changed"),
)


class RecentShare(NamedTuple):
    """A share of one of an account's newest two days, of which there is enough to compare it.

    Attributes:
        tier: Null where there are none, and where several are taken together.
        tiers: 1, or how many are taken together.
        measure: A column of `quality_daily`.
        counted: That column's count.
        sample_size: What it is a share of.
        share: From 0 to 1.
        earlier_share: What it was in the days before.
        earlier_days: How many these are.
    """

    provider: str
    account: str
    tier: str | None
    tiers: int
    day: date
    measure: str
    counted: int
    sample_size: int
    share: float
    earlier_share: float
    earlier_days: int
    is_changed: bool

    def __str__(self) -> str:
        """What it is, and what it was, in a sentence."""
        tier = f"{self.tiers} tiers" if self.tiers > 1 else self.tier
        where = f" ({tier})" if tier else ""
        return (
            f"{self.day}{where}: {self.measure} are {self.share:.1%} "
            f"({self.counted} of {self.sample_size}), were {self.earlier_share:.1%} in the "
            f"{self.earlier_days} days before"
        )


def recent_shares(
    client: SqlClientBase[Any], dialect: str, scope: str = "1 = 1"
) -> list[RecentShare]:
    """The shares of each account's newest two days, the most changed first.

    Args:
        client: A connection to a dataset that has the tables.
        dialect: The destination's dialect of SQL, one of those that have the views.
        scope: A condition on provider and account.

    Raises:
        DatabaseException: The destination refused.
    """
    ctes = ", ".join(f"{name} AS ({VIEWS[name].sql})" for name in _VIEWS)
    sql = (
        f"WITH {ctes} SELECT {', '.join(_COLUMNS)} FROM quality_control "
        f"WHERE is_recent AND has_enough AND {scope} "
        "ORDER BY provider, account, day DESC, chi_square DESC, measure, tiers DESC, tier"
    )
    rendered = render_select(
        View("recent_shares", "", "", sql, {}),
        dialect,
        lambda name: client.make_qualified_table_name_path(name, quote=False),
    )
    with client.execute_query(rendered) as cursor:
        return [RecentShare(*row) for row in cursor.fetchall() or []]
