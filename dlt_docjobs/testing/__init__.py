"""What a provider's author tests with: the conformance suite, over a fake server of their own.

    from dlt_docjobs.testing import ConformanceSuite

    class TestExample(ConformanceSuite):
        provider = "example"

        def fake(self, tmp_path):
            return ExampleServer()

Needs pytest beside what the package itself needs. docs/adding-a-provider.md tells the whole way.
"""

import pytest

# their asserts then show what they compared
for _name in ("bench", "checks", "suite", "warehouse"):
    pytest.register_assert_rewrite(f"{__name__}.{_name}")

from dlt_docjobs.testing.bench import Bench  # noqa: E402
from dlt_docjobs.testing.fake import FakeJob, FakeProvider, FakeRequest, Fault  # noqa: E402
from dlt_docjobs.testing.suite import ConformanceSuite  # noqa: E402

__all__ = ["Bench", "ConformanceSuite", "FakeJob", "FakeProvider", "FakeRequest", "Fault"]
