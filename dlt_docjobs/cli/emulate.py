"""`docjobs emulate`."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from typing import TYPE_CHECKING, Final

from dlt_docjobs.cli.instants import option_instant
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.model.times import UTC
from dlt_docjobs.providers.registry import provider
from dlt_docjobs.sources.names import SECTION

if TYPE_CHECKING:
    from dlt_docjobs.emulator import Emulator

_HIGHEST_PORT: Final = 65_535
# as many ids as fit on a line or two
_NAMED: Final = 3


def emulate(args: argparse.Namespace) -> int:
    """Serves the providers' APIs on loopback until it is interrupted."""
    if not 0 <= args.port <= _HIGHEST_PORT:
        raise UsageError(f"--port is from 0 (any free one) to {_HIGHEST_PORT}, not {args.port}")
    if args.jobs < 0:
        raise UsageError(f"--jobs is 0 or more, not {args.jobs}")
    changes_at = option_instant("--model-changes", args.model_changes, datetime.now(UTC))
    try:
        from dlt_docjobs.emulator import Emulator
        from dlt_docjobs.emulator.emulator import wait_for_interrupt
    except ImportError as error:
        raise UsageError(
            "the emulator needs the extra `emulator`: pip install 'dlt-docjobs[emulator]' "
            f"({error})"
        ) from None
    emulator = Emulator(seed=args.seed, jobs=args.jobs, port=args.port, model_changes_at=changes_at)
    try:
        emulator.start()
    except OSError as error:
        raise UsageError(
            f"port {args.port} can't be used ({error.strerror}); choose another with --port"
        ) from None
    try:
        wait_for_interrupt(lambda: _introduce(emulator))
    finally:
        emulator.stop()
    return 0


def _introduce(emulator: Emulator) -> None:
    """The variables that point `docjobs` at it, ready to be copied into a shell."""
    print(f"Serving on {emulator.origin} until Ctrl-C. In another shell:\n")
    for name, url in emulator.base_urls.items():
        declared, prefix = provider(name), f"SOURCES__{SECTION}__{name}".upper()
        print(f"export {declared.key_variables[0]}={emulator.api_key}")
        print(f"export {prefix}__BASE_URL={url}")
        # where there is no list: some jobs are named, so that a sync finds them
        named = [job.job_id for kind in declared.unlisted[:1] for job in emulator.jobs(name, kind)]
        if named:
            print(f"export {prefix}__JOB_IDS='{json.dumps(named[:_NAMED])}'")
    print("docjobs sync", flush=True)
