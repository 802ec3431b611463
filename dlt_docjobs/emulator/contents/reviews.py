"""What persons make of LlamaCloud's extract results: `/api/v2/extract/{job_id}/review`."""

from __future__ import annotations

from typing import Any

from dlt_docjobs.emulator.contents import content, words
from dlt_docjobs.emulator.jobs import Job


def drawn_corrections(job: Job) -> dict[str, Any]:
    """What a person corrects where no test says it: the first field of the result, in words."""
    result = content(job).get("extract_result")
    fields = result[0] if isinstance(result, list) and result else result
    if not isinstance(fields, dict) or not fields:
        return {}
    rng = job.random(f"corrections:{job.review_revision}")
    prefix = "/0" if isinstance(result, list) else ""
    return {f"{prefix}/{next(iter(fields))}": words.sentence(rng)}


def review(job: Job, created_at: str | None, decided_at: str | None) -> dict[str, Any]:
    """A review as the answer has it.

    The documentation counts nineteen fields and names eight; `flags` and `reviewed_result` stand
    for the others, under names that are made up.
    """
    corrections = job.corrections
    if corrections is None:
        corrections = drawn_corrections(job) if decided_at is not None else {}
    return {
        "id": f"rev-{job.job_id}",
        "confidence_threshold": 0.8,
        "created_at": created_at,
        "decided_at": decided_at,
        "decided_by": "u2" if decided_at is not None else None,
        "decided_reason": None,
        "field_actions": {
            pointer: {"action": "correct", "actor_id": "u2", "at": decided_at, "value": value}
            for pointer, value in corrections.items()
        },
        "revision": job.review_revision,
        "flags": list(corrections),
        "reviewed_result": dict(corrections),
    }
