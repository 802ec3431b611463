"""What the benchmark's server answers: realistic results, lists and counts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import mean
from typing import Any

import httpx
import pytest
from benchmarks_support import JOBS

from benchmarks.jobs import CHUNKS, PROVIDERS, SEGMENTS, Calendar, Provider, job_id
from benchmarks.serving import Server
from dlt_docjobs.model.times import format_instant


def test_a_result_has_the_size_that_the_figures_are_about(server: Server) -> None:
    server.open("unsiloed", JOBS)
    url = f"{server.base_url('unsiloed')}/parse/{job_id('unsiloed', 101)}"
    body = httpx.get(url, params={"include_chunks": "true"}).json()
    segments = [segment for chunk in body["chunks"] for segment in chunk["segments"]]
    assert body["job_id"] == job_id("unsiloed", 101)
    assert (len(body["chunks"]), len(segments)) == (CHUNKS, SEGMENTS)
    assert {len(segment["ocr"]) for segment in segments} == {2, 3, 4}
    sizes = [
        len(httpx.get(f"{server.base_url('unsiloed')}/parse/{job_id('unsiloed', number)}").content)
        for number in JOBS
    ]
    assert mean(sizes) == pytest.approx(184_000, rel=0.1)


def test_a_status_has_no_result(server: Server) -> None:
    server.open("unsiloed", JOBS)
    url = f"{server.base_url('unsiloed')}/parse/{job_id('unsiloed', 101)}"
    body = httpx.get(url, params={"include_chunks": "false"}).json()
    assert body["status"] == "Succeeded"
    assert "chunks" not in body


def test_a_job_that_does_not_exist_is_not_found(server: Server) -> None:
    server.open("unsiloed", JOBS)
    for name in (job_id("unsiloed", JOBS.stop), "nothing"):
        assert httpx.get(f"{server.base_url('unsiloed')}/parse/{name}").status_code == 404


def pages(server: Server, provider: Provider) -> Iterator[list[dict[str, Any]]]:
    """The pages of a provider's list, of two jobs each."""
    path, size, token, following = {
        "unsiloed": ("parse", "page_size", "page_token", "next_page_token"),
        "llamacloud": ("api/v2/parse", "page_size", "page_token", "next_page_token"),
        "reducto": ("jobs", "limit", "cursor", "next_cursor"),
        "landingai": ("v2/parse/jobs", "pageSize", "page", "has_more"),
    }[provider]
    params = {size: "2"}
    while True:
        body = httpx.get(f"{server.base_url(provider)}/{path}", params=params).json()
        yield body["items"] if "items" in body else body["jobs"]
        if not body[following]:
            return
        params[token] = str(body["page"] + 1) if provider == "landingai" else body[following]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_list_goes_on_to_its_end_newest_first(server: Server, provider: Provider) -> None:
    server.open(provider, JOBS)
    key = "id" if provider == "llamacloud" else "job_id"
    found = [[row[key] for row in page] for page in pages(server, provider)]
    ids = [job_id(provider, number) for number in reversed(JOBS)]
    assert found == [ids[:2], ids[2:]]


@pytest.mark.parametrize(
    ("provider", "path", "size"),
    [("reducto", "job", 78_000), ("landingai", "v2/parse/jobs", 139_000)],
)
def test_a_result_is_said_of_its_job(
    server: Server, calendar: Calendar, provider: Provider, path: str, size: int
) -> None:
    server.open(provider, JOBS)
    bodies = [
        httpx.get(f"{server.base_url(provider)}/{path}/{job_id(provider, number)}")
        for number in JOBS
    ]
    assert mean(len(body.content) for body in bodies) == pytest.approx(size, rel=0.1)
    for number, body in zip(JOBS, bodies, strict=True):
        result = body.json()["result"]
        assert body.json()["created_at"] == format_instant(calendar.created_at(number))
        assert (result.get("metadata") or result)["job_id"] == job_id(provider, number)
        if provider == "landingai":
            elements = [one for page in result["structure"]["children"] for one in page["children"]]
            spans = [atom["range"] for one in elements for atom in one.get("atomic_grounding", ())]
            assert {span["end"] - span["start"] for span in spans} <= set(range(81))
            assert elements[-1]["grounding"]["range"]["end"] == len(result["markdown"])
        else:
            chunks = result["result"]["chunks"]
            assert len(chunks) == CHUNKS
            elements = [block for chunk in chunks for block in chunk["blocks"]]
        assert len(elements) == SEGMENTS


def test_llamacloud_filters_by_creation_and_by_id(server: Server, calendar: Calendar) -> None:
    server.open("llamacloud", JOBS)
    url = f"{server.base_url('llamacloud')}/api/v2/parse"

    def listed(**params: str) -> list[str]:
        return [row["id"] for row in httpx.get(url, params=params).json()["items"]]

    middle = format_instant(calendar.created_at(101))
    assert listed(created_at_on_or_after=middle) == [job_id("llamacloud", n) for n in (102, 101)]
    assert listed(created_at_on_or_before=middle) == [job_id("llamacloud", n) for n in (101, 100)]
    assert listed(job_ids=job_id("llamacloud", 100)) == [job_id("llamacloud", 100)]


def test_compressed_answers_are_the_same(server: Server) -> None:
    url = f"{server.base_url('unsiloed')}/parse/{job_id('unsiloed', 100)}"
    server.open("unsiloed", JOBS)
    plain = httpx.get(url)
    server.open("unsiloed", JOBS, packed=True)
    packed = httpx.get(url, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert httpx.get(url, headers={"accept-encoding": "identity"}).content == plain.content


def test_requests_are_counted_from_the_opening_on(server: Server) -> None:
    server.open("unsiloed", JOBS)
    assert server.counts() == (0, 0, None)
    before = time.monotonic()
    httpx.get(f"{server.base_url('unsiloed')}/parse")
    httpx.get(f"{server.base_url('unsiloed')}/parse")
    counts = server.counts()
    assert counts.requests == 2
    assert counts.first_request is not None
    assert before <= counts.first_request <= time.monotonic()


def test_an_answer_waits_as_long_as_it_is_told(server: Server) -> None:
    server.open("unsiloed", JOBS, latency=0.2)
    began = time.monotonic()
    httpx.get(f"{server.base_url('unsiloed')}/parse")
    assert time.monotonic() - began >= 0.2
