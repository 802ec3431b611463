"""What the server answers: bytes for a path and a query.

Unsiloed AI publishes no list. The rivals get one, in the form that the other providers' have,
so that they can do what their documentation shows: a list, and a request for each job in it.
"""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from math import ceil
from typing import Final
from urllib.parse import parse_qsl

from benchmarks.bodies import Template, fill, make_templates
from benchmarks.jobs import SPACING, TEMPLATES, Calendar, Provider, job_id

_PAGE: Final = 100
_NOTHING: Final = b'{"items":[],"next_page_token":null}'


class Answers:
    """The bodies of both providers.

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
        provider: Provider = "unsiloed" if path.startswith("/unsiloed/") else "llamacloud"
        rest = path.removeprefix(f"/{provider}/").removeprefix("api/v2/")
        if rest == "parse":
            return 200, self._list(provider, params, query), False
        if rest == "extract":
            return 200, _NOTHING, False
        kind, _, name = rest.partition("/")
        number = self._numbers.get(provider, {}).get(name) if kind == "parse" else None
        if number is None:
            return 404, b'{"detail":"Not Found"}', False
        wants_result = (
            params.get("include_chunks", "true") == "true"
            if provider == "unsiloed"
            else "expand=items" in query
        )
        if not wants_result:
            return 200, self._filled(provider, number, "bare"), False
        if accepts_gzip and self._packed:
            return 200, self._packed[provider, number], True
        return 200, self._whole(provider, number), False

    def _whole(self, provider: Provider, number: int) -> bytes:
        template = self._template(provider, number)
        return fill(template.head, provider, number, self._calendar) + template.tail

    def _filled(self, provider: Provider, number: int, part: str) -> bytes:
        template = self._template(provider, number)
        return fill(getattr(template, part), provider, number, self._calendar)

    def _template(self, provider: Provider, number: int) -> Template:
        return self._templates[provider][number % TEMPLATES]

    def _list(self, provider: Provider, params: dict[str, str], query: str) -> bytes:
        """A page of the list, newest first."""
        numbers = self._listed(provider, params, query)
        size = int(params.get("page_size", _PAGE))
        start = int(params.get("page_token", 0))
        end = start + size
        rows = b",".join(self._filled(provider, one, "row") for one in numbers[start:end])
        token = json.dumps(str(end) if end < len(numbers) else None).encode()
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


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
