"""Acme passes what every provider has to pass."""

from __future__ import annotations

from pathlib import Path

from acme_server import AcmeServer

from dlt_docjobs.testing import ConformanceSuite, FakeProvider


class TestAcme(ConformanceSuite):
    provider = "acme"

    def fake(self, tmp_path: Path) -> FakeProvider:
        return AcmeServer()
