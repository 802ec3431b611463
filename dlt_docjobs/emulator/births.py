"""New jobs: their ids, names and documents, drawn from the emulator's seed."""

from __future__ import annotations

import random
from typing import Final

from dlt_docjobs.emulator.contents import words
from dlt_docjobs.emulator.jobs import Combination, Job

SHARES: Final[dict[Combination, float]] = {
    ("llamacloud", "parse"): 0.36,
    ("llamacloud", "extract"): 0.1,
    ("llamacloud", "classify"): 0.02,
    ("llamacloud", "split"): 0.02,
    ("contextual", "parse"): 0.18,
    ("contextual", "extract"): 0.10,
    ("unsiloed", "parse"): 0.14,
    ("unsiloed", "extract"): 0.06,
    ("unsiloed", "classify"): 0.01,
    ("unsiloed", "split"): 0.01,
    ("reducto", "parse"): 0.12,
    ("reducto", "extract"): 0.08,
    ("reducto", "classify"): 0.04,
    ("reducto", "split"): 0.04,
    ("landingai", "parse"): 0.08,
    ("landingai", "extract"): 0.04,
}
"""How many jobs of each provider and kind there are: weights, of the first three 1 together."""

_FIRST: Final = ("llamacloud", "contextual", "unsiloed")

_TIERS: Final = ("fast", "cost_effective", "agentic", "agentic", "agentic_plus")
_MODELS: Final = ("dpt-3-pro-20260710", "dpt-3-verity-20261001")
_PRICES: Final = {"fast": 1.0, "cost_effective": 3.0, "agentic": 10.0, "agentic_plus": 45.0}


def spread(total: int) -> dict[Combination, int]:
    """So many jobs for each combination, rounded in favour of the largest.

    Args:
        total: How many of the first three providers together: a provider that is added takes
            nothing from them.
    """
    counts = {combination: int(total * share) for combination, share in SHARES.items()}
    first = [combination for combination in SHARES if combination[0] in _FIRST]
    rest = total - sum(counts[combination] for combination in first)
    by_loss = sorted(first, key=lambda which: counts[which] - total * SHARES[which])
    for combination in by_loss[:rest]:
        counts[combination] += 1
    return counts


_LLAMACLOUD_IDS: Final = {"parse": "pjb", "extract": "ext", "classify": "clj", "split": "spl"}


def _job_id(rng: random.Random, combination: Combination) -> str:
    drawn = words.random_uuid(rng)
    provider, kind = combination
    if provider == "llamacloud":
        return f"{_LLAMACLOUD_IDS[kind]}-{drawn}"
    if combination == ("contextual", "extract"):
        # The docs type it as a plain string, where the parse id is a uuid.
        return f"extract_{drawn.replace('-', '')[:24]}"
    if provider == "landingai":
        # 26 letters and digits behind the kind
        return f"{kind}-01{drawn.replace('-', '')[:24]}"
    return drawn


def _failed_pages(rng: random.Random, pages: int) -> frozenset[int]:
    if pages < 3 or rng.random() > 0.15:
        return frozenset()
    return frozenset(rng.sample(range(1, pages + 1), 1 if pages < 8 else rng.randint(1, 2)))


def bear(seed: str, combination: Combination, parse_job: Job | None = None) -> Job:
    """A new job without a life yet.

    Args:
        seed: The job's own seed; everything about it follows from it.
        combination: Its provider and kind.
        parse_job: Of LlamaCloud's and LandingAI's: the parse job that it works on, if it does.
    """
    rng = random.Random(f"{seed}:birth")
    job_id = _job_id(rng, combination)
    pages = min(40, max(1, round(rng.lognormvariate(1.0, 0.9))))
    job = Job(*combination, job_id, seed, words.document_name(rng), pages)
    if job.provider == "llamacloud":
        job.tier = rng.choice(_TIERS) if job.job_kind == "parse" else None
        job.failed_pages = _failed_pages(rng, pages) if job.job_kind == "parse" else frozenset()
        job.user_metadata = words.user_metadata(rng) if rng.random() < 0.4 else None
        job.price = pages * _PRICES.get(job.tier or "", 5.0)
        job.billing_touches = rng.random() < 0.1
        job.file_input = f"dfl-{words.random_uuid(rng)}"
        if parse_job is not None and job.job_kind == "classify":
            # on somebody's parse job it costs nothing more
            job.price = 0.0
        if parse_job is not None:
            job.file_input, job.parse_job_id = parse_job.job_id, parse_job.job_id
            job.document_name, job.document_pages = (
                parse_job.document_name,
                parse_job.document_pages,
            )
    elif job.provider == "reducto":
        job.price = pages * 1.5
    elif job.provider == "unsiloed":
        job.price = float(pages * rng.randint(1, 3))
    elif job.provider == "landingai":
        models = _MODELS if job.job_kind == "parse" else ("extract-20260710",)
        job.tier = rng.choice(models)
        job.failed_pages = _failed_pages(rng, pages) if job.job_kind == "parse" else frozenset()
        job.price = pages * 0.75
        job.parse_job_id = parse_job.job_id if parse_job is not None else None
    return job
