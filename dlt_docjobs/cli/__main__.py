"""`python -m dlt_docjobs.cli`: the same as `docjobs`."""

from __future__ import annotations

import sys

from dlt_docjobs.cli import main

if __name__ == "__main__":
    sys.exit(main())
