"""Every form passes what every provider has to pass."""

from __future__ import annotations

from pathlib import Path

import forms_docjobs
from forms_server import FormsServer

from dlt_docjobs.testing import ConformanceSuite, FakeProvider


class TestWindowed(ConformanceSuite):
    provider = "forms_windowed"

    def fake(self, tmp_path: Path) -> FakeProvider:
        return FormsServer(forms_docjobs.WINDOWED)


class TestSince(ConformanceSuite):
    provider = "forms_since"

    def fake(self, tmp_path: Path) -> FakeProvider:
        return FormsServer(forms_docjobs.SINCE)


class TestNewest(ConformanceSuite):
    provider = "forms_newest"

    def fake(self, tmp_path: Path) -> FakeProvider:
        return FormsServer(forms_docjobs.NEWEST)


class TestBracketed(ConformanceSuite):
    provider = "forms_bracketed"

    def fake(self, tmp_path: Path) -> FakeProvider:
        return FormsServer(forms_docjobs.BRACKETED)


class TestNamed(ConformanceSuite):
    provider = "forms_named"

    def fake(self, tmp_path: Path) -> FakeProvider:
        return FormsServer(forms_docjobs.NAMED)


class TestBatches(ConformanceSuite):
    provider = "forms_batches"

    def fake(self, tmp_path: Path) -> FakeProvider:
        return FormsServer(forms_docjobs.BATCHES)
