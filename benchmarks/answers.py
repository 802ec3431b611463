"""What the server answers: bytes for a path and a query.

Unsiloed AI publishes no list. The rivals get one, in the form that the other providers' have,
so that they can do what their documentation shows: a list, and a request for each job in it.
"""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from math import ceil
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from benchmarks.bodies import Template, fill, make_templates
from benchmarks.jobs import PROVIDERS, SPACING, TEMPLATES, Calendar, Provider, job_id


class _Paths(NamedTuple):
    """Where a provider's jobs are.

    Attributes:
        jobs: The list.
        job: What stands before a job's id.
        others: The list of extract jobs, of which there are none; None where one list shows all.
    """

    jobs: str
    job: str
    others: str | None = None


_PATHS: Final[dict[Provider, _Paths]] = {
    "unsiloed": _Paths("parse", "parse/"),
    "llamacloud": _Paths("api/v2/parse", "api/v2/parse/", "api/v2/extract"),
    "reducto": _Paths("jobs", "job/"),
    "landingai": _Paths("v2/parse/jobs", "v2/parse/jobs/", "v2/extract/jobs"),
}
_NAMES: Final[dict[str, Provider]] = {provider: provider for provider in PROVIDERS}
_PAGE: Final = 100
_NOT_FOUND: Final = b'{"detail":"Not Found"}'


class Answers:
    """The bodies of all providers.

    Attributes:
        jobs: The numbers of the jobs that exist.
    """

    def __init__(self, calendar: Calendar) -> None:
        self.jobs = range(0)
        self._calendar = calendar
        self._templates: dict[Provider, list[Template]] = {}
        self._numbers: dict[Provider, dict[str, int]] = {}
        self._packed: dict[tuple[Provider, int], bytes] = {}

    def open(self, provider: Provider, jobs: range, packed: bool = False) -> None:
        """From now on these jobs exist; everything that can be made beforehand is made here.

        Args:
            provider: The provider whose jobs are asked for.
            jobs: Their numbers.
            packed: Whether the whole answers are compressed, too.
        """
        if provider not in self._templates:
            self._templates[provider] = make_templates(provider)
        self.jobs = jobs
        self._numbers[provider] = {job_id(provider, number): number for number in jobs}
        self._packed = {}
        if packed:
            self._packed = {
                (provider, number): gzip.compress(self._whole(provider, number), 1, mtime=0)
                for number in jobs
            }

    def get(self, path: str, query: str, accepts_gzip: bool) -> tuple[int, bytes, bool]:
        """An answer: status, body, and whether the body is gzip."""
        params = dict(parse_qsl(query))
        name, _, rest = path[1:].partition("/")
        provider = _NAMES.get(name)
        if provider is None:
            return 404, _NOT_FOUND, False
        paths = _PATHS[provider]
        if rest in (paths.jobs, paths.others):
            numbers = self._listed(provider, params, query) if rest == paths.jobs else range(0)
            return 200, self._page(provider, params, numbers), False
        number = self._numbers.get(provider, {}).get(rest.removeprefix(paths.job))
        if number is None:
            return 404, _NOT_FOUND, False
        if not _wants_result(provider, params, query):
            return 200, self._filled(provider, number, "bare"), False
        if accepts_gzip and self._packed:
            return 200, self._packed[provider, number], True
        return 200, self._whole(provider, number), False

    def _whole(self, provider: Provider, number: int) -> bytes:
        parts = (self._filled(provider, number, part) for part in ("head", "foot"))
        return self._template(provider, number).result.join(parts)

    def _filled(self, provider: Provider, number: int, part: str) -> bytes:
        template = self._template(provider, number)
        return fill(getattr(template, part), provider, number, self._calendar)

    def _template(self, provider: Provider, number: int) -> Template:
        return self._templates[provider][number % TEMPLATES]

    def _page(
        self, provider: Provider, params: dict[str, str], numbers: range | list[int]
    ) -> bytes:
        """A page of a list, newest first."""
        if provider == "landingai":
            size, page = int(params.get("pageSize", 10)), int(params.get("page", 0))
            start = page * size
        elif provider == "reducto":
            size, start = int(params.get("limit", _PAGE)), int(params.get("cursor", 0))
        else:
            size, start = int(params.get("page_size", _PAGE)), int(params.get("page_token", 0))
        end = start + size
        rows = b",".join(self._filled(provider, one, "row") for one in numbers[start:end])
        has_more = end < len(numbers)
        if provider == "landingai":
            more = json.dumps({"page": page, "page_size": size, "has_more": has_more})
            return b'{"jobs":[%b],%b' % (rows, more[1:].encode())
        token = json.dumps(str(end) if has_more else None).encode()
        if provider == "reducto":
            return b'{"jobs":[%b],"next_cursor":%b}' % (rows, token)
        return b'{"items":[%b],"next_page_token":%b}' % (rows, token)

    def _listed(self, provider: Provider, params: dict[str, str], query: str) -> range | list[int]:
        wanted = [value for key, value in parse_qsl(query) if key == "job_ids"]
        if wanted:
            known = self._numbers[provider]
            return [known[one] for one in wanted if one in known]
        first, last = self.jobs.start, self.jobs.stop
        lower, upper = params.get("created_at_on_or_after"), params.get("created_at_on_or_before")
        if lower:
            first = max(first, ceil((_instant(lower) - self._calendar.epoch) / SPACING))
        if upper:
            last = min(last, (_instant(upper) - self._calendar.epoch) // SPACING + 1)
        return range(last - 1, first - 1, -1)


def _wants_result(provider: Provider, params: dict[str, str], query: str) -> bool:
    """Whether an answer about a job holds its result; the younger two have no other."""
    if provider == "unsiloed":
        return params.get("include_chunks", "true") == "true"
    return provider != "llamacloud" or "expand=items" in query


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
