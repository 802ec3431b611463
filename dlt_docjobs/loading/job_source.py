"""The type of this package's sources: what a run has to know of one before dlt extracts it."""

from __future__ import annotations

from typing import Any

from dlt.common.schema import Schema
from dlt.extract.resource import DltResource
from dlt.extract.source import DltSource

from dlt_docjobs.sync.settings import SyncSettings


class JobSource(DltSource):
    """A source of this package.

    Attributes:
        is_window: Whether it loads a backfill window.
        settings: What the sync is asked to do.
    """

    is_window = False
    settings: SyncSettings

    @classmethod
    def from_data(cls, schema: Schema, section: str, data: Any) -> JobSource:
        """The source of the resources that `build_resources` has made."""
        source: JobSource = super().from_data(schema, section, data)
        source.is_window = data.is_window
        source.settings = data.settings
        return source

    def clone(self, with_name: str | None = None) -> JobSource:
        """A copy, as `with_resources` makes one."""
        copy = JobSource(
            self.schema.clone(with_name=with_name or self.name),
            self.section,
            list(self.resources.values()),
        )
        copy.is_window = self.is_window
        copy.settings = self.settings
        return copy


class JobResources(list[DltResource]):
    """The resources of one source.

    Attributes:
        is_window: As of `JobSource`.
        settings: As of `JobSource`.
    """

    is_window = False
    settings: SyncSettings
