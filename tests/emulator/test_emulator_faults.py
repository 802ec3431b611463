"""Every fault does what it says."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from dlt_docjobs.emulator import Emulator, Faults
from dlt_docjobs.emulator.vocabulary import PROVIDERS
from dlt_docjobs.model.times import parse_instant

Get = Callable[..., httpx.Response]
# under which key a page or chunk holds its segments, and an answer what was extracted
PARTS = ("items", "blocks", "segments", "children")
EXTRACTED = ("extract_result", "results", "result", "extraction")
LISTS = {
    "parse": ("llamacloud", "/api/v2/parse", "items", "page_token", "next_page_token", "page_size"),
    "extract": (
        *("llamacloud", "/api/v2/extract", "items", "page_token", "next_page_token", "page_size"),
    ),
    "contextual": ("contextual", "/parse/jobs", "jobs", "cursor", "next_cursor", "limit"),
    "contextual extract": (
        *("contextual", "/extract/jobs", "jobs", "cursor", "next_cursor", "limit"),
    ),
    # LandingAI's pages are counted: test_the_pages_of_a_list_that_counts_them
    "reducto": ("reducto", "/jobs", "jobs", "cursor", "next_cursor", "limit"),
}
# the kinds that one list shows
KINDS = {"reducto": 2}


def stock(emulator: Emulator) -> None:
    """Adds five finished jobs of each kind."""
    for provider in PROVIDERS:
        words = {"llamacloud": "COMPLETED", "contextual": "completed", "unsiloed": "Succeeded"}
        words |= {"reducto": "Completed", "landingai": "completed"}
        for kind in ("parse", "extract"):
            status = "completed" if (provider, kind) == ("unsiloed", "extract") else words[provider]
            for _ in range(5):
                emulator.add_job(provider, kind, status=status, pages=2)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    with Emulator(jobs=0) as emulator:
        stock(emulator)
        yield emulator


@pytest.fixture
def bare(shared: Emulator) -> Iterator[Emulator]:
    """A stocked emulator whose jobs no test may change."""
    shared.faults = Faults()
    shared.clear_requests()
    known = len(shared.jobs())
    yield shared
    assert len(shared.jobs()) == known


@pytest.fixture
def own() -> Iterator[Emulator]:
    """A stocked emulator of the test's own."""
    with Emulator(jobs=0) as emulator:
        stock(emulator)
        yield emulator


@pytest.fixture
def get(bare: Emulator, http: httpx.Client) -> Get:
    return getter(bare, http)


def getter(bare: Emulator, http: httpx.Client) -> Get:
    """Gets a path of a provider."""

    def get(provider: str, path: str, **params: Any) -> httpx.Response:
        return http.get(bare.base_urls[provider] + path, params=params or None)

    return get


def job_id(emulator: Emulator, provider: Any, kind: Any = "parse") -> str:
    return emulator.jobs(provider, kind)[0].job_id


def result_path(emulator: Emulator, provider: str, kind: str = "parse") -> str:
    wanted = job_id(emulator, provider, kind)
    if provider == "llamacloud":
        return f"/api/v2/{kind}/{wanted}" + ("?expand=items" if kind == "parse" else "")
    if provider == "contextual":
        types = "?output_types=blocks-per-page" if kind == "parse" else ""
        return f"/{kind}/jobs/{wanted}/results{types}"
    if provider == "landingai":
        return f"/v2/{kind}/jobs/{wanted}"
    return f"/job/{wanted}" if provider == "reducto" else f"/{kind}/{wanted}"


def pages(get: Get, which: str, size: int = 2, most: int = 12) -> list[dict[str, Any]]:
    provider, path, _, token_in, token_out, size_name = LISTS[which]
    bodies: list[dict[str, Any]] = []
    params: dict[str, Any] = {size_name: size * KINDS.get(which, 1)}
    while len(bodies) < most:
        body = get(provider, path, **params).json()
        bodies.append(body)
        if not body.get(token_out):
            break
        params[token_in] = body[token_out]
    return bodies


def ids(body: dict[str, Any]) -> list[str]:
    rows = body["items"] if "items" in body else body["jobs"]
    return [row.get("job_id") or row["id"] for row in rows]


# Refusals


@pytest.mark.parametrize("provider", PROVIDERS)
def test_rate_limits(bare: Emulator, get: Get, provider: str) -> None:
    path = result_path(bare, provider)
    bare.faults = Faults(rate_limit_fraction=1.0, retry_after="1", budget=2)
    answers = [get(provider, path) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "1"
    plain = answers[0].headers["content-type"].startswith("text/plain")
    assert plain == (provider == "unsiloed")
    assert "Rate limit exceeded" in answers[0].text
    assert [record.status for record in bare.requests] == [429, 429, 200]


@pytest.mark.parametrize("value", [None, "0", "date", "past", "absurd"])
def test_retry_after(bare: Emulator, get: Get, value: str | None) -> None:
    bare.faults = Faults(error_fraction=1.0, error_status=503, retry_after=value)
    answer = get("contextual", "/parse/jobs")
    assert answer.status_code == 503
    header = answer.headers.get("retry-after")
    if value in ("date", "past"):
        ahead = (parsedate_to_datetime(header) - datetime.now(timezone.utc)).total_seconds()
        assert (-1 <= ahead <= 2) if value == "date" else ahead < -3000
    else:
        assert header == {"absurd": "999999999"}.get(value or "", value)


def test_fractions_and_choices(bare: Emulator, get: Get) -> None:
    bare.faults = Faults(error_fraction=0.5, error_status=(500, 502, 503, 504))
    statuses = [get("contextual", "/parse/jobs").status_code for _ in range(60)]
    assert 10 < statuses.count(200) < 50
    assert set(statuses) == {200, 500, 502, 503, 504}


def test_billing_limits_and_refusals(bare: Emulator, get: Get) -> None:
    path = result_path(bare, "unsiloed")
    bare.faults = Faults(billing_limit=True)
    answer = get("unsiloed", path)
    assert (answer.status_code, answer.text) == (429, "Usage limit exceeded")
    for status in (402, 403):
        bare.faults = Faults(refuse_status=status)
        assert get("llamacloud", "/api/v2/parse").status_code == status
    bare.faults = Faults(refuse_status=402)
    assert isinstance(get("unsiloed", path).json()["detail"], dict)


def test_faults_of_chosen_paths(bare: Emulator, get: Get) -> None:
    bare.faults = Faults(refuse_status=500, path_pattern=r"contextual/.*/results$")
    assert get("contextual", "/parse/jobs").status_code == 200
    assert get("contextual", result_path(bare, "contextual")).status_code == 500


# Transport


def test_resets(bare: Emulator, get: Get, capfd: pytest.CaptureFixture[str]) -> None:
    bare.faults = Faults(reset_fraction=1.0, budget=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        get("contextual", "/parse/jobs")
    assert bare.requests[-1].status == 0
    assert get("contextual", "/parse/jobs").status_code == 200
    bare.faults = Faults(cut_fraction=1.0, budget=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        get("contextual", "/parse/jobs")
    assert get("contextual", "/parse/jobs").status_code == 200
    assert capfd.readouterr().err == ""


def test_slowness(bare: Emulator, get: Get) -> None:
    bare.faults = Faults(latency_seconds=0.2)
    began = time.monotonic()
    get("contextual", "/parse/jobs")
    assert time.monotonic() - began >= 0.19
    bare.faults = Faults(slow_body_seconds=0.3)
    began = time.monotonic()
    assert len(ids(get("contextual", "/parse/jobs").json())) == 5
    assert time.monotonic() - began >= 0.25


def test_a_stop_does_not_wait_for_slow_answers(own: Emulator) -> None:
    own.faults = Faults(slow_body_seconds=600.0)
    own.add_job("contextual")
    url = own.base_urls["contextual"] + "/parse/jobs"
    headers = {"Authorization": f"Bearer {own.api_key}"}
    with httpx.Client() as client, client.stream("GET", url, headers=headers) as answer:
        assert answer.status_code == 200
        began = time.monotonic()
        own.stop()
        assert time.monotonic() - began < 2


def test_bodies_that_are_not_json(bare: Emulator, get: Get) -> None:
    path = "/api/v2/parse"
    whole = get("llamacloud", path)
    bare.faults = Faults(truncate_fraction=1.0)
    with pytest.raises(json.JSONDecodeError):
        get("llamacloud", path).json()
    bare.faults = Faults(empty_body_fraction=1.0)
    assert get("llamacloud", path).content == b""
    bare.faults = Faults(html_fraction=1.0)
    page = get("llamacloud", path)
    assert page.status_code == 200 and page.text.startswith("<!DOCTYPE html>")
    assert page.headers["content-type"].startswith("text/html")
    bare.faults = Faults(wrong_content_type=True)
    wrong = get("llamacloud", path)
    assert wrong.headers["content-type"].startswith("text/plain") and wrong.json() == whole.json()
    bare.faults = Faults(broken_gzip_fraction=1.0)
    with pytest.raises(httpx.DecodingError):
        get("llamacloud", path)


def test_redirects(bare: Emulator, get: Get, http: httpx.Client) -> None:
    bare.faults = Faults(redirect="http://elsewhere.example/steal")
    answer = get("llamacloud", "/api/v2/parse", page_size=3)
    assert answer.status_code == 302
    assert answer.headers["location"] == "http://elsewhere.example/steal"
    bare.faults = Faults(redirect="loop")
    with pytest.raises(httpx.TooManyRedirects):
        http.get(bare.base_urls["llamacloud"] + "/api/v2/parse?x=1", follow_redirects=True)


def test_huge_bodies(bare: Emulator, get: Get) -> None:
    bare.faults = Faults(huge_body_mb=3)
    answer = get("llamacloud", "/api/v2/parse")
    assert len(answer.content) > 3 << 20 and len(ids(answer.json())) == 5


# Lists


@pytest.mark.parametrize("which", LISTS)
def test_lists_without_faults_show_each_job_once(bare: Emulator, get: Get, which: str) -> None:
    bodies = pages(get, which)
    kinds = KINDS.get(which, 1)
    assert [len(ids(body)) for body in bodies] == [2 * kinds, 2 * kinds, kinds]
    assert len({each for body in bodies for each in ids(body)}) == 5 * kinds


@pytest.mark.parametrize("which", LISTS)
def test_token_faults(bare: Emulator, get: Get, which: str) -> None:
    token_out, kinds = LISTS[which][4], KINDS.get(which, 1)
    bare.faults = Faults(repeat_page_token=True)
    tokens = [body[token_out] for body in pages(get, which)]
    assert len(tokens) == 12 and len(set(tokens)) == 1
    bare.faults = Faults(endless_list=True)
    bodies = pages(get, which)
    assert len(bodies) == 12 and len({body[token_out] for body in bodies}) == 12
    bare.faults = Faults(empty_page=True)
    sizes = [len(ids(body)) for body in pages(get, which)]
    assert sizes == [2 * kinds, 0, 2 * kinds, kinds]
    bare.faults = Faults(duplicate_rows=True)
    bodies = pages(get, which)
    shown = [each for body in bodies for each in ids(body)]
    assert len(shown) == 5 * kinds + 2 and len(set(shown)) == 5 * kinds
    for style, expected in (("null", None), ("empty", "")):
        bare.faults = Faults(end_token=style)  # type: ignore[arg-type]
        assert pages(get, which)[-1][token_out] == expected
    bare.faults = Faults(end_token="absent")
    assert token_out not in pages(get, which)[-1]


def test_a_list_that_drifts_shows_rows_twice_where_cursors_count(
    own: Emulator, http: httpx.Client
) -> None:
    get = getter(own, http)
    before = {job.job_id for job in own.jobs("contextual", "parse")}
    own.faults = Faults(drift=True)
    shown = [each for body in pages(get, "contextual", size=3) for each in ids(body)]
    assert len(shown) > len(set(shown)), "the list grew at its head"
    assert before <= set(shown)
    assert len(own.jobs("contextual", "parse")) > len(before)
    # A token that names a row does not suffer.
    shown = [each for body in pages(get, "extract") for each in ids(body)]
    assert len(shown) == len(set(shown)) == 5


def test_page_sizes(bare: Emulator, get: Get) -> None:
    bare.faults = Faults(page_size_max=3)
    for which in LISTS:
        provider, path, *_, size_name = LISTS[which]
        assert get(provider, path, **{size_name: 4}).status_code == 422
        assert get(provider, path, **{size_name: 3}).status_code == 200
        assert get(provider, path).status_code == 200
    bare.faults = Faults(ignore_page_size=True)
    for which in LISTS:
        assert len(ids(pages(get, which)[0])) == 5 * KINDS.get(which, 1)
    bare.faults = Faults(no_paging=True)
    for which in LISTS:
        assert len(ids(pages(get, which, size=1)[0])) == 5 * KINDS.get(which, 1)
    bare.faults = Faults(job_ids_max=1)
    assert get("llamacloud", "/api/v2/parse", job_ids=["a", "b"]).status_code == 422


def test_job_ids_faults(bare: Emulator, get: Get) -> None:
    wanted = job_id(bare, "llamacloud")
    bare.faults = Faults(ignore_job_ids=True)
    assert len(ids(get("llamacloud", "/api/v2/parse", job_ids=wanted).json())) == 5
    bare.faults = Faults(bulk_omits={wanted})
    assert ids(get("llamacloud", "/api/v2/parse", job_ids=wanted).json()) == []
    assert get("llamacloud", f"/api/v2/parse/{wanted}").status_code == 200


def test_orders(bare: Emulator, get: Get) -> None:
    oldest = [job.job_id for job in bare.jobs("llamacloud", "parse")]
    for order, expected in (
        ("id", sorted(oldest)),
        ("oldest", oldest),
        ("newest", oldest[::-1]),
    ):
        bare.faults = Faults(parse_order=order)  # type: ignore[arg-type]
        assert [each for body in pages(get, "parse") for each in ids(body)] == expected


def test_unreadable_rows(bare: Emulator, get: Get) -> None:
    kinds: set[Any] = {"not_object", "no_id", "null_id", "number_id"}
    bare.faults = Faults(unreadable_rows=kinds)
    bodies = pages(get, "parse")
    rows = bodies[0]["items"]
    assert isinstance(rows[0], str)
    assert [row.get("id", "absent") for row in rows[3:]] == [*("absent", None, 12345)]
    assert len(bodies[1]["items"]) == 2, "on the first page only"


def test_list_rows_with_results_and_without_dates(bare: Emulator, get: Get) -> None:
    row = get("llamacloud", "/api/v2/extract").json()["items"][0]
    assert "extract_result" not in row and row["created_at"]
    bare.faults = Faults(list_carries_results=True, omit_list_timestamps=True)
    row = get("llamacloud", "/api/v2/extract").json()["items"][0]
    assert row["extract_result"] and "created_at" not in row and "updated_at" not in row


# Records


@pytest.mark.parametrize("form", ["null", "naive", "nine", "offset", "garbage"])
def test_timestamps(bare: Emulator, get: Get, form: Any) -> None:
    bare.faults = Faults(timestamps=form)
    row = get("llamacloud", "/api/v2/parse").json()["items"][0]
    unsiloed = get("unsiloed", result_path(bare, "unsiloed")).json()
    truth = bare.job(row["id"]).created_at
    text = row["created_at"]
    if form == "null":
        assert text is None and unsiloed["created_at"] is None
    elif form == "garbage":
        with pytest.raises(ValueError, match="ISO"):
            parse_instant(text)
    else:
        # Nanoseconds are cut off.
        assert parse_instant(text) == truth
        assert {"naive": text[-1].isdigit(), "nine": text.endswith("789Z")}.get(form, True)
        if form == "offset":
            assert text.endswith("+05:30")


def test_a_server_whose_clock_is_off(bare: Emulator, get: Get) -> None:
    bare.faults = Faults(clock_skew_seconds=-7200)
    answer = get("llamacloud", "/api/v2/parse")
    now = datetime.now(timezone.utc)
    shown = parsedate_to_datetime(answer.headers["date"])
    assert abs(now - timedelta(hours=2) - shown) < timedelta(seconds=3)
    row = answer.json()["items"][0]
    truth = bare.job(row["id"]).created_at
    assert parse_instant(row["created_at"]) == truth - timedelta(hours=2)
    after = (now - timedelta(hours=1)).isoformat()
    assert ids(get("llamacloud", "/api/v2/parse", created_at_on_or_after=after).json()) == []


def test_unknown_words(bare: Emulator, get: Get) -> None:
    wanted = job_id(bare, "llamacloud")
    bare.faults = Faults(status_overrides={wanted: "PARTIAL"}, unknown_segment_type=True)
    job = get("llamacloud", f"/api/v2/parse/{wanted}").json()["job"]
    assert job["status"] == "PARTIAL"
    before = bare.job(wanted).segment_count
    for provider in PROVIDERS:
        text = get(provider, result_path(bare, provider)).text
        assert '"Hologram"' in text
    assert bare.job(wanted).segment_count == before


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("kind", ["parse", "extract"])
def test_unknown_fields(bare: Emulator, get: Get, provider: str, kind: str) -> None:
    path = result_path(bare, provider, kind)
    bare.faults = Faults(unknown_fields=True)
    body = get(provider, path).json()
    assert "x_added_later" in body
    if provider in ("landingai", "reducto"):
        body = body["result"]
    if kind == "parse":
        whole = body.get("items") or body.get("structure") or body.get("result") or body
        parts = whole.get("pages") or whole.get("chunks") or whole["children"]
        nested = next(parts[0][key] for key in PARTS if key in parts[0])
        assert "x_added_later" in parts[0] and "x_added_later" in nested[0]
    else:
        # What the user's own schema names is left alone.
        mine = next(body[key] for key in EXTRACTED if key in body)
        assert "x_added_later" not in (mine if isinstance(mine, dict) else mine[0])


def test_odd_texts(bare: Emulator, get: Get) -> None:
    bare.faults = Faults(odd_texts={"signed_url", "nul", "surrogate", "nan"})
    for provider in PROVIDERS:
        answer = get(provider, result_path(bare, provider))
        for trace in ("X-Amz-Signature", "\\u0000", "\\ud83d"):
            assert trace in answer.text, (provider, trace)
    body = get("llamacloud", result_path(bare, "llamacloud", "extract")).json()
    result = body["extract_result"]
    result = result[0] if isinstance(result, list) else result
    assert math.isnan(result["not_a_number"]) and result["infinite"] == -math.inf
    # Nothing of it stays.
    bare.faults = Faults()
    assert "\\u0000" not in get("unsiloed", result_path(bare, "unsiloed")).text


def test_usage_that_never_comes(bare: Emulator, get: Get) -> None:
    bare.advance(3600)
    path = f"/api/v2/parse/{job_id(bare, 'llamacloud')}"
    assert get("llamacloud", path, expand="usage").json()["job"]["usage"]["credits"]
    bare.faults = Faults(usage_never=True)
    assert get("llamacloud", path, expand="usage").json()["job"]["usage"] == {"credits": None}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("kind", ["parse", "extract"])
def test_broken_results(bare: Emulator, get: Get, provider: str, kind: str) -> None:
    path, wanted = result_path(bare, provider, kind), job_id(bare, provider, kind)
    whole = get(provider, path).json()
    for status in (404, 500):
        bare.faults.broken_results = {wanted: status}
        assert get(provider, path).status_code == status
    bare.faults.broken_results = {wanted: "garbage"}
    answer = get(provider, path)
    assert answer.status_code == 200 and "garbage" in answer.text
    bare.faults.broken_results = {"another": 500}
    assert set(get(provider, path).json()) == set(whole)


def test_a_broken_result_leaves_the_status_readable(bare: Emulator, get: Get) -> None:
    for provider in PROVIDERS:
        bare.faults.broken_results[job_id(bare, provider)] = 500
    assert get("llamacloud", f"/api/v2/parse/{job_id(bare, 'llamacloud')}").status_code == 200
    unsiloed = get("unsiloed", f"/parse/{job_id(bare, 'unsiloed')}", include_chunks="false")
    assert unsiloed.status_code == 200
    path = f"/parse/jobs/{job_id(bare, 'contextual')}/status"
    assert get("contextual", path).status_code == 200


def test_the_fast_tier_without_items(own: Emulator, http: httpx.Client) -> None:
    get = getter(own, http)
    job = own.add_job("llamacloud", status="COMPLETED", tier="fast")
    own.faults = Faults(fast_without_items=True)
    body = get("llamacloud", f"/api/v2/parse/{job.job_id}", expand="items,text").json()
    assert body["items"] is None and body["text"]["pages"]


def test_a_callback_may_change_the_world(own: Emulator, http: httpx.Client) -> None:
    get = getter(own, http)

    def drop(record: Any) -> None:
        if record.path == "/api/v2/parse":
            own.delete(job_id(own, "llamacloud"))
            own.faults.on_request = None

    own.faults.on_request = drop
    assert len(ids(get("llamacloud", "/api/v2/parse").json())) == 5
    assert len(ids(get("llamacloud", "/api/v2/parse").json())) == 4


def test_the_pages_of_a_list_that_counts_them(own: Emulator, http: httpx.Client) -> None:
    get = getter(own, http)

    def listed(page: int) -> tuple[list[str], Any]:
        body = get("landingai", "/v2/parse/jobs", page=page, pageSize=2).json()
        return ids(body), body.get("has_more", "absent")

    order = [row for page in range(3) for row in listed(page)[0]]
    assert sorted(order) == sorted(job.job_id for job in own.jobs("landingai", "parse"))
    assert [listed(page)[1] for page in range(4)] == [True, True, False, False]
    own.faults = Faults(empty_page=True)
    assert [len(listed(page)[0]) for page in range(4)] == [2, 0, 2, 1]
    own.faults = Faults(duplicate_rows=True)
    assert listed(1)[0] == order[1:4]
    own.faults = Faults(endless_list=True)
    assert listed(3) == (order[:2], True)
    own.faults = Faults(repeat_page_token=True)
    assert listed(2) == (order[:2], True)
    own.faults = Faults(no_paging=True)
    assert (sorted(listed(0)[0]), listed(0)[1]) == (sorted(order), False)
    own.faults = Faults(end_token="absent")
    assert [listed(page)[1] for page in range(3)] == [True, True, "absent"]
    own.faults = Faults(drift=True)
    listed(0)
    own.faults = Faults()
    assert listed(1)[0][0] == order[1]


def test_a_large_result_lies_beside_the_api(own: Emulator, http: httpx.Client) -> None:
    own.faults = Faults(landingai_delivery="large")
    for kind in ("parse", "extract"):
        body = getter(own, http)("landingai", result_path(own, "landingai", kind)).json()
        url = body["output_url"]
        assert body["data"] is None
        assert httpx.get(url).json()["metadata"]
        # storage minds a key beside the signature
        assert http.get(url).status_code == 401
