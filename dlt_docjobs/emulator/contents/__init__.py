"""The contents of the emulator's jobs, drawn from each job's seed whenever they are asked for."""

from __future__ import annotations

from random import Random
from typing import Any

from dlt_docjobs.emulator.contents import (
    contextual,
    extractions,
    forms,
    landingai,
    llamacloud,
    reducto,
    unsiloed,
)
from dlt_docjobs.emulator.contents.words import random_uuid
from dlt_docjobs.emulator.jobs import Job


def has_attribution(job: Job) -> bool:
    """Whether a Contextual extract job was run with `per_key_attribution`."""
    return job.random("attribution").random() < 0.4


def _forms(job: Job) -> dict[str, Any] | None:
    rng = job.random("forms")
    if job.tier == "fast" or rng.random() >= forms.SHARE:
        return None
    return forms.forms_content(rng, job.document_pages, job.failed_pages | _lost(job))


def _lost(job: Job) -> frozenset[int]:
    return job.model.lost_pages(job.random("lost pages"), job.document_pages)


def content(job: Job) -> dict[str, Any]:
    """The result that a job has, or would have: the same at every call."""
    if job.result is not None:
        given: dict[str, Any] = job.result
        return given
    rng = job.random("content")
    if job.job_kind == "parse":
        return _parsed(job, rng)
    if job.provider == "reducto":
        return _reducto(job, rng)
    if job.combination == ("landingai", "extract"):
        return extractions.landingai(rng)
    if job.job_kind == "classify":
        return extractions.classified(rng, job.provider, job.document_pages)
    if job.job_kind == "split":
        return extractions.divided(rng, job.provider, job.document_pages)
    if job.combination == ("llamacloud", "extract"):
        return extractions.llamacloud(rng, job.document_pages)
    if job.combination == ("contextual", "extract"):
        return extractions.contextual(rng, has_attribution(job))
    return extractions.unsiloed(rng, job.document_pages)


def _parsed(job: Job, rng: Random) -> dict[str, Any]:
    model, count, lost = job.model, job.document_pages, _lost(job)
    if job.provider == "llamacloud":
        whole = llamacloud.parse_content(rng, count, job.failed_pages | lost, model)
        return whole | {"forms": _forms(job)}
    if job.provider == "contextual":
        return contextual.parse_content(rng, count, lost, model)
    if job.provider == "unsiloed":
        return unsiloed.parse_content(rng, count, lost, model)
    if job.provider == "reducto":
        return reducto.parse_content(rng, count, lost, model)
    by_word = "verity" in (job.tier or "")
    return landingai.parse_content(rng, count, job.failed_pages | lost, by_word, model)


def _reducto(job: Job, rng: Random) -> dict[str, Any]:
    if job.job_kind == "extract":
        return reducto.extract_content(rng)
    if job.job_kind == "classify":
        return reducto.classify_content(rng)
    return reducto.split_content(rng, job.document_pages)


__all__ = ["content", "has_attribution", "random_uuid"]
