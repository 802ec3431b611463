"""An emulator of the providers' HTTP APIs on loopback, with life and faults.

    with Emulator(seed=7, jobs=300) as emulator:
        emulator.base_urls["llamacloud"], emulator.api_key
        emulator.advance(seconds=3600)
        emulator.jobs("unsiloed", "parse")

It is written from the providers' documentation (docs/providers/); where that leaves something
open, it does what is harder for a client. See `Faults` for what can go wrong.
"""

from __future__ import annotations

from dlt_docjobs.emulator.emulator import API_KEY, Emulator, serve
from dlt_docjobs.emulator.faults import Faults
from dlt_docjobs.emulator.truth import RequestRecord, ResultFacts, Transition, TrueJob

__all__ = [
    "API_KEY",
    "Emulator",
    "Faults",
    "RequestRecord",
    "ResultFacts",
    "Transition",
    "TrueJob",
    "serve",
]
