"""What tests of a provider stand on: checks of a warehouse, and ways to look into it.

Needs pytest beside what the package itself needs.
"""

import pytest

pytest.register_assert_rewrite("dlt_docjobs.testing.checks")
