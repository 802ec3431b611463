"""What only Acme leaves open: a question of `docjobs probe`."""

from __future__ import annotations

from typing import Final

from dlt_docjobs.providers.probing import Probe, Question


async def _failure(probe: Probe) -> str:
    job = await probe.one("parse", "succeeded")
    answer = await probe.get(("jobs", job.job_id))
    return "it has the field" if "failure" in answer.fields() else "it does not have the field"


QUESTIONS: Final = (
    Question("failure", "Does a job that did not fail have the field `failure`?", _failure, 1),
)
