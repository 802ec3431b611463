"""What the SDKs do not cover: errors, Contextual's and Unsiloed's extract, parameters, control."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

import dlt_docjobs.emulator as package
from dlt_docjobs.emulator import Emulator, Faults
from dlt_docjobs.emulator.vocabulary import PROVIDERS
from dlt_docjobs.model.times import parse_instant

MUTATING = ("POST", "PUT", "PATCH", "DELETE")


def first(emulator: Emulator, provider: Any, kind: Any, status: str = "succeeded") -> str:
    return next(job.job_id for job in emulator.jobs(provider, kind) if job.status == status)


def all_paths(emulator: Emulator) -> list[str]:
    llama, context, unsiloed, reducto, landing = emulator.base_urls.values()
    parse, extract = (
        first(emulator, "contextual", "parse"),
        first(emulator, "contextual", "extract"),
    )
    return [
        f"{llama}/api/v2/parse",
        f"{llama}/api/v2/parse/{first(emulator, 'llamacloud', 'parse')}",
        f"{llama}/api/v2/extract",
        f"{llama}/api/v2/extract/{first(emulator, 'llamacloud', 'extract')}",
        f"{context}/parse/jobs",
        f"{context}/parse/jobs/{parse}/status",
        f"{context}/parse/jobs/{parse}/results",
        f"{context}/extract/jobs",
        f"{context}/extract/jobs/{extract}",
        f"{context}/extract/jobs/{extract}/results",
        f"{unsiloed}/parse/{first(emulator, 'unsiloed', 'parse')}",
        f"{unsiloed}/extract/{first(emulator, 'unsiloed', 'extract')}",
        f"{llama}/api/v2/classify",
        f"{llama}/api/v1/split/jobs",
        f"{reducto}/jobs",
        f"{reducto}/job/{first(emulator, 'reducto', 'parse')}",
        f"{landing}/v2/parse/jobs",
        f"{landing}/v2/parse/jobs/{first(emulator, 'landingai', 'parse')}",
        f"{landing}/v2/extract/jobs",
        f"{landing}/v2/extract/jobs/{first(emulator, 'landingai', 'extract')}",
    ]


def test_every_path_answers_get_with_a_key_and_nothing_else(
    world: Emulator, http: httpx.Client
) -> None:
    for url in all_paths(world):
        assert http.get(url).status_code == 200, url
        stranger = httpx.get(url, headers={"Authorization": "Bearer x", "api-key": "x"})
        said = stranger.json()
        assert stranger.status_code == 401, url
        assert said.get("detail") or said.get("message") or said["error"]["message"], url
        assert httpx.get(url).status_code == 401, url
        for method in MUTATING:
            assert http.request(method, url).status_code == 405, (method, url)


def test_unknown_paths_and_jobs(world: Emulator, http: httpx.Client) -> None:
    llama, context, unsiloed, _, landing = world.base_urls.values()
    nobody = "00000000-0000-4000-8000-000000000000"
    for url in (
        f"{llama}/api/v2/parse/pjb-{nobody}",
        f"{llama}/api/v2/parse/{first(world, 'llamacloud', 'extract')}",
        f"{llama}/api/v1/job-data-points?job_type=parse",
        f"{llama}/api/v3/parse",
        f"{context}/parse/jobs/{nobody}/status",
        f"{context}/extract/jobs/{nobody}",
        f"{unsiloed}/extract/{nobody}",
        f"{unsiloed}/api/v1/tasks",
    ):
        answer = http.get(url)
        assert answer.status_code == 404 and isinstance(answer.json()["detail"], str), url
    for kind in ("parse", "extract"):
        answer = http.get(f"{landing}/v2/{kind}/jobs/{nobody}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    plain = http.get(f"{unsiloed}/parse/{nobody}")
    assert plain.status_code == 404
    assert plain.headers["content-type"].startswith("text/plain")
    assert nobody in plain.text


@pytest.mark.parametrize(
    ("provider", "path"),
    [
        ("llamacloud", "/api/v2/parse?page_size=0"),
        ("llamacloud", "/api/v2/parse?page_size=many"),
        ("llamacloud", "/api/v2/parse?status=THROTTLED"),
        ("llamacloud", "/api/v2/parse?status=PENDING,RUNNING"),
        ("llamacloud", "/api/v2/parse?created_at_on_or_after=yesterday"),
        # A plus that was not quoted.
        ("llamacloud", "/api/v2/parse?created_at_on_or_after=2026-01-01T00:00:00+00:00"),
        ("llamacloud", "/api/v2/parse/pjb-1?expand=everything"),
        ("contextual", "/parse/jobs?limit=1001"),
        ("contextual", "/parse/jobs?limit=0"),
        ("contextual", "/extract/jobs?limit=101"),
        ("contextual", "/parse/jobs/no-uuid/status"),
        ("landingai", "/v2/parse/jobs?pageSize=101"),
        ("landingai", "/v2/parse/jobs?page=-1"),
        ("landingai", "/v2/extract/jobs?status=done"),
    ],
)
def test_what_is_not_valid_is_refused(
    world: Emulator, http: httpx.Client, provider: str, path: str
) -> None:
    answer = http.get(world.base_urls[provider] + path)
    assert answer.status_code == 422
    problem = answer.json()["detail"][0]
    assert {"loc", "msg", "type"} <= set(problem)
    assert problem["loc"][0] in ("query", "path")


def test_a_token_goes_with_its_filters(world: Emulator, http: httpx.Client) -> None:
    url = world.base_urls["llamacloud"] + "/api/v2/parse"
    token = http.get(url, params={"page_size": 2, "status": "COMPLETED"}).json()["next_page_token"]
    params = {"page_size": 2, "page_token": token}
    assert http.get(url, params=params | {"status": "COMPLETED"}).status_code == 200
    assert http.get(url, params=params).status_code == 400
    assert http.get(url, params={"page_token": "nonsense"}).status_code == 400


def test_lists_of_values_are_repeated_or_joined(world: Emulator, http: httpx.Client) -> None:
    llama, context, *_ = world.base_urls.values()
    ids = [job.job_id for job in world.jobs("llamacloud", "parse")][:3]
    for query in ("&".join(f"job_ids={job_id}" for job_id in ids), "job_ids=" + ",".join(ids)):
        rows = http.get(f"{llama}/api/v2/parse?{query}").json()["items"]
        assert {row["id"] for row in rows} == set(ids)
    job_id = first(world, "llamacloud", "parse")
    for query in ("expand=items&expand=text", "expand=items,text"):
        body = http.get(f"{llama}/api/v2/parse/{job_id}?{query}").json()
        assert set(body) == {"job", "items", "text"}
    job_id = first(world, "contextual", "parse")
    for query in (
        "output_types=blocks-per-page&output_types=markdown-per-page",
        "output_types=blocks-per-page,markdown-per-page",
    ):
        page = http.get(f"{context}/parse/jobs/{job_id}/results?{query}").json()["pages"][0]
        assert set(page) == {"index", "blocks", "markdown"}


def test_rows_of_contextual_parse_have_three_fields(world: Emulator, http: httpx.Client) -> None:
    body = http.get(world.base_urls["contextual"] + "/parse/jobs").json()
    assert set(body) == {"jobs", "total_jobs"}
    assert all(set(row) == {"id", "status", "file_name"} for row in body["jobs"])
    job_id = body["jobs"][0]["id"]
    status = http.get(f"{world.base_urls['contextual']}/parse/jobs/{job_id}/status").json()
    assert set(status) == {"status", "file_name"}


def test_contextual_extract_list(world: Emulator, http: httpx.Client) -> None:
    url = world.base_urls["contextual"] + "/extract/jobs"
    truth = {job.job_id: job for job in world.jobs("contextual", "extract")}
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        body = http.get(url, params={} if cursor is None else {"cursor": cursor}).json()
        assert len(body["jobs"]) <= 20 and body["total_count"] == len(truth) > 20
        rows += body["jobs"]
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert {row["job_id"] for row in rows} == set(truth) and len(rows) == len(truth)
    created = [row["created_at"] for row in rows]
    assert created != sorted(created) and created != sorted(created, reverse=True)
    for row in rows:
        job = truth[row["job_id"]]
        assert row["status"] == job.provider_status
        assert row["created_at"][-1].isdigit(), "naive"
        assert parse_instant(row["created_at"]) == job.created_at
        assert 0 <= row["progress"]["completion_percentage"] <= 100
    status = rows[0]["status"]
    filtered = http.get(url, params={"job_status": status, "limit": 100}).json()["jobs"]
    assert len(filtered) == sum(row["status"] == status for row in rows)


def test_progress_of_a_contextual_extract_job(bare: Emulator, http: httpx.Client) -> None:
    job = bare.add_job("contextual", "extract", status="processing")
    url = f"{bare.base_urls['contextual']}/extract/jobs/{job.job_id}"
    seen = []
    while True:
        row = http.get(url).json()
        assert ("accumulated_results" in row) == (row["status"] == "processing")
        if bare.job(job.job_id).is_terminal:
            break
        seen.append(row["progress"]["completion_percentage"])
        bare.advance(2)
    assert len(set(seen)) > 2
    assert set(row) >= {"job_id", "status", "created_at", "current_activity", "schema_id", "config"}


def test_contextual_extract_results(world: Emulator, http: httpx.Client) -> None:
    url = world.base_urls["contextual"] + "/extract/jobs"
    shapes = set()
    for job in world.jobs("contextual", "extract"):
        body = http.get(f"{url}/{job.job_id}/results").json()
        assert (body["job_id"], body["status"]) == (job.job_id, job.provider_status)
        if job.status != "succeeded":
            assert body["results"] == {}
            continue
        wrapped = isinstance(body["results"]["total"], dict)
        assert wrapped == body["metadata"]["has_attributions"]
        shapes.add(wrapped)
    assert shapes == {True, False}


def test_unsiloed_parameters(world: Emulator, http: httpx.Client) -> None:
    job = next(
        job
        for job in world.jobs("unsiloed", "parse")
        if job.segments_by_type.get("picture") and job.segments_by_type.get("table")
    )
    url = f"{world.base_urls['unsiloed']}/parse/{job.job_id}"
    plain = http.get(url).json()
    assert plain["pdf_url"] is plain["file_url"] is plain["configuration"]["input_file_url"] is None
    light = http.get(url, params={"include_chunks": "false"}).json()
    assert "chunks" not in light and light["total_chunks"] == job.chunk_count
    for options in ({"params": {"include_url": "true"}}, {"headers": {"include-url": "true"}}):
        full = http.get(url, **options).json()  # type: ignore[arg-type]
        images = [part["image"] for chunk in full["chunks"] for part in chunk["segments"]]
        assert any(image and "X-Amz-Signature" in image for image in images)
        assert full["pdf_url"] and full["file_url"]
    for name in ("segment_filter", "keep_segment_types"):
        some = http.get(url, params={name: "table,picture"}).json()["chunks"]
        kinds = [part["segment_type"] for chunk in some for part in chunk["segments"]]
        assert len(kinds) == job.segments_by_type["picture"] + job.segments_by_type["table"]
    filed = http.get(url, params={"output_file": "true"}).json()
    assert "chunks" not in filed and filed["result"]["output_file_url"]


def test_unsiloed_keys_under_other_headers(bare: Emulator) -> None:
    job = bare.add_job("unsiloed")
    url = f"{bare.base_urls['unsiloed']}/parse/{job.job_id}"
    headers = {
        "api-key": bare.api_key,
        "X-API-Key": bare.api_key,
        "Authorization": f"Bearer {bare.api_key}",
    }
    for wanted in headers:
        bare.faults = Faults(unsiloed_header=wanted)  # type: ignore[arg-type]
        for name, value in headers.items():
            expected = 200 if name == wanted else 401
            assert httpx.get(url, headers={name: value}).status_code == expected


def test_data_points_tell_exact_transitions(bare: Emulator, http: httpx.Client) -> None:
    bare.faults.data_points = True
    job = bare.add_job("llamacloud", status="COMPLETED")
    url = bare.base_urls["llamacloud"] + "/api/v1/job-data-points"
    assert http.get(url).status_code == 422
    (row,) = http.get(url, params={"job_type": "parse"}).json()["items"]
    states = row["state_transitions"]
    assert row["status"] == "completed" and row["project_id"] == bare.project_id
    assert [
        parse_instant(states[f"{name}_at"]) for name in ("pending", "running", "completed")
    ] == [step.at for step in job.transitions]
    assert states["failed_at"] is None


def test_answers_are_gzipped_for_those_who_take_it(world: Emulator, http: httpx.Client) -> None:
    url = world.base_urls["llamacloud"] + "/api/v2/parse"
    packed = http.get(url, headers={"accept-encoding": "gzip"})
    plain = http.get(url, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < len(plain.content)


def test_requests_are_recorded(bare: Emulator, http: httpx.Client) -> None:
    seen: list[Any] = []
    bare.faults.on_request = seen.append
    http.get(bare.base_urls["contextual"] + "/parse/jobs?limit=3&cursor=")
    http.post(bare.base_urls["unsiloed"] + "/parse/x")
    records = bare.requests
    assert [record[:5] for record in records] == [
        ("contextual", "GET", "/v1/parse/jobs", [("limit", "3"), ("cursor", "")], 200),
        ("unsiloed", "POST", "/parse/x", [], 405),
    ]
    assert seen == records
    bare.clear_requests()
    assert bare.requests == []


def test_control_endpoints(lively: Emulator) -> None:
    control = lively.origin + "/emulator"
    before = httpx.get(f"{control}/state").json()
    assert [job["job_id"] for job in before["jobs"]] == [job.job_id for job in lively.jobs()]
    assert httpx.post(f"{control}/advance", json={"seconds": 3600}).status_code == 200
    after = httpx.get(f"{control}/state").json()
    assert after["virtual_seconds"] == 3600 and len(after["jobs"]) > len(before["jobs"])
    assert after["jobs"] == [job.as_json() for job in lively.jobs()]
    for bad in ({"seconds": -1}, {"seconds": "soon"}, {}, [], {"seconds": 1e999}):
        body = str(bad).replace("'", '"').replace("inf", "Infinity")
        assert httpx.post(f"{control}/advance", content=body).status_code == 422
    assert httpx.get(f"{control}/requests").json() == {"requests": []}


def test_it_stops_and_starts_again_on_its_port(http: httpx.Client) -> None:
    emulator = Emulator(jobs=0)
    with pytest.raises(RuntimeError):
        _ = emulator.base_urls
    emulator.start()
    with pytest.raises(RuntimeError):
        emulator.start()
    url = emulator.base_urls["contextual"] + "/parse/jobs"
    assert http.get(url).status_code == 200
    emulator.stop()
    emulator.stop()
    with pytest.raises(httpx.ConnectError):
        http.get(url)
    with emulator:
        assert http.get(url).status_code == 200


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError):
            Emulator(jobs=0, port=taken.getsockname()[1]).start()


def test_the_public_names_exist() -> None:
    assert all(hasattr(package, name) for name in package.__all__)


def test_serving_in_the_foreground() -> None:
    code = "from dlt_docjobs.emulator import serve; serve(0, 7, 20)"
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        words = dict(part.split("=", 1) for part in line.split())
        assert set(words) == {*PROVIDERS, "api_key"}
        answer = httpx.get(
            words["contextual"] + "/parse/jobs",
            headers={"Authorization": f"Bearer {words['api_key']}"},
        )
        assert answer.status_code == 200
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert process.stderr.read() == ""
