"""What kind of database or store a destination is."""

from __future__ import annotations

from dlt.common.destination import AnyDestination


def kind_of(destination: AnyDestination | None) -> str:
    """dlt's name of the kind, such as `postgres`, whatever the destination itself is named.

    Args:
        destination: Any of dlt's; nothing of its configuration is read. None has no kind.

    Returns:
        The name; empty where there is no destination.
    """
    return "" if destination is None else destination.destination_type.rpartition(".")[2]
