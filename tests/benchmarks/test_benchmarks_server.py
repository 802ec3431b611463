"""What the benchmark's server answers: realistic results, lists and counts."""

from __future__ import annotations

import time
from statistics import mean

import httpx
import pytest
from benchmarks_support import JOBS

from benchmarks.jobs import CHUNKS, SEGMENTS, Calendar, job_id
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


@pytest.mark.parametrize("provider", ["unsiloed", "llamacloud"])
def test_a_list_goes_on_to_its_end_newest_first(server: Server, provider: str) -> None:
    assert provider in ("unsiloed", "llamacloud")
    name = provider
    server.open(name, JOBS)  # type: ignore[arg-type]
    path = "/parse" if name == "unsiloed" else "/api/v2/parse"
    found, token = [], ""
    while token is not None:
        params = {"page_size": "2", **({"page_token": token} if token else {})}
        page = httpx.get(f"{server.origin}/{name}{path}", params=params).json()
        found += [row.get("id") if name == "llamacloud" else row["job_id"] for row in page["items"]]
        token = page["next_page_token"]
    assert found == [job_id(name, number) for number in reversed(JOBS)]  # type: ignore[arg-type]


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
