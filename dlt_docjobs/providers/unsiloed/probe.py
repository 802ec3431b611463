"""What only Unsiloed AI leaves open: questions of `docjobs probe` (docs/providers/unsiloed.md)."""

from __future__ import annotations

from typing import Final

from dlt_docjobs.model.vocabulary import CANCELLED
from dlt_docjobs.providers.probing import NotShown, Probe, Question, form_of_error


async def _without_chunks(probe: Probe) -> str:
    job = await probe.one("parse", "succeeded")
    answer = await probe.get(("parse", job.job_id), [("include_chunks", "false")])
    return "the chunks come nevertheless" if answer.fields().get("chunks") else "no chunks come"


async def _output_key(probe: Probe) -> str:
    job = await probe.one("parse", "succeeded")
    params = [("include_chunks", "false"), ("output_file", "true")]
    body = (await probe.get(("parse", job.job_id), params)).fields()
    result = body.get("result")
    places = {
        "`output_file_url`": body,
        "`result.output_file_url`": result if isinstance(result, dict) else {},
    }
    found = [name for name, part in places.items() if part.get("output_file_url")]
    return f"under {' and '.join(found)}" if found else "under none of the documented keys"


async def _cancelled(probe: Probe) -> str:
    status = probe.provider.vocabulary.status
    jobs = [job for job in await probe.jobs("parse") if status(job.provider_status) == CANCELLED]
    if not jobs:
        raise NotShown("none of the jobs asked for was cancelled")
    dated = sum(job.finished_at is not None for job in jobs)
    return f"{dated} of {len(jobs)} cancelled jobs say when they ended"


async def _without_urls(probe: Probe) -> str:
    answer = await probe.answer(await probe.one("parse", "succeeded"))
    found = [key for key in ("pdf_url", "file_url", "output_file_url") if answer.fields().get(key)]
    return f"{len(found)} of 3 come nevertheless" if found else "none comes"


async def _other_path(probe: Probe) -> str:
    job = await probe.one("parse", "any")
    answer = await probe.get(("classify", job.job_id))
    if answer.status == 200:
        return "it is answered there, too"
    return form_of_error(answer, probe.provider.error_keys)


async def _part_names(probe: Probe) -> str:
    reply, _ = await probe.result("split")
    result = reply.extraction.result if reply.extraction is not None else None
    files = result.get("files") if isinstance(result, dict) else None
    names = [one.get("name") for one in files if isinstance(one, dict)] if files else []
    if len(names) < 2:
        raise NotShown("the split that was asked for has less than two parts")
    return f"{len(set(map(str, names)))} names for {len(names)} parts"


QUESTIONS: Final = (
    Question("without-chunks", "Is `include_chunks=false` heeded?", _without_chunks, 1),
    Question("output-key", "Where does `output_file=true` put the URL?", _output_key, 1),
    Question("without-urls", "Do URLs come where none is asked for?", _without_urls, 0),
    Question("other-path", "How is a parse job answered at `/classify`?", _other_path, 1),
    Question("part-names", "Do the parts of a split have names of their own?", _part_names, 0),
    Question("cancelled", "Does a cancelled job say when it ended?", _cancelled, 0),
)
