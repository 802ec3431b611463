"""`docjobs emulate`."""

from __future__ import annotations

import argparse

from dlt_docjobs.sync.settings import UsageError


def emulate(args: argparse.Namespace) -> int:
    """Serves the three providers' APIs on loopback until it is interrupted."""
    try:
        from dlt_docjobs.emulator import serve
    except ImportError as error:
        raise UsageError(
            "the emulator needs the extra `emulator`: pip install 'dlt-docjobs[emulator]' "
            f"({error})"
        ) from None
    serve(args.port, args.seed, args.jobs)
    return 0
