"""A network that does whatever it likes: a sync ends whole, or with 1 and the rest pending."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import product
from typing import Any

import pytest
from conformance_bench import KINDS, PROVIDERS, SUCCESS_WORD, Bench, MakeBench

from dlt_docjobs.emulator import Faults
from dlt_docjobs.testing.checks import assert_complete, assert_history_true, assert_sound

FAULTS: dict[str, dict[str, Any]] = {
    "429 without a word": {"rate_limit_fraction": 0.3},
    "429, Retry-After 0": {"rate_limit_fraction": 0.3, "retry_after": "0"},
    "429, Retry-After in part of a second": {"rate_limit_fraction": 0.3, "retry_after": "0.05"},
    "429, Retry-After of the past": {"rate_limit_fraction": 0.3, "retry_after": "past"},
    "429, Retry-After that is none": {"rate_limit_fraction": 0.3, "retry_after": "soon"},
    "5xx": {"error_fraction": 0.3, "error_status": (500, 502, 503, 504)},
    "connections reset": {"reset_fraction": 0.2},
    "bodies cut off": {"cut_fraction": 0.2},
    "half of the JSON": {"truncate_fraction": 0.2},
    "web pages": {"html_fraction": 0.2},
    "empty bodies": {"empty_body_fraction": 0.2},
    "broken gzip": {"broken_gzip_fraction": 0.2},
    "wrong content type": {"wrong_content_type": True},
    "everything at once": {
        "rate_limit_fraction": 0.1,
        "retry_after": "0",
        "error_fraction": 0.1,
        "error_status": (500, 503),
        "reset_fraction": 0.05,
        "cut_fraction": 0.05,
        "truncate_fraction": 0.05,
        "html_fraction": 0.05,
        "broken_gzip_fraction": 0.05,
        "duplicate_rows": True,
    },
}
ENOUGH = 10**6
QUICK = {"5xx", "broken gzip", "everything at once"}


def cases() -> Iterator[Any]:
    """One provider for each of some faults; each with every fault in the long run."""
    for number, name in enumerate(FAULTS):
        for place, provider in enumerate(PROVIDERS):
            is_quick = name in QUICK and number % len(PROVIDERS) == place
            marks = () if is_quick else (pytest.mark.slow,)
            yield pytest.param(provider, name, marks=marks, id=f"{provider}, {name}")


def stocked(make_bench: MakeBench, provider: str, count: int = 6) -> Bench:
    bench = make_bench()
    for kind in KINDS:
        for number in range(count):
            created = datetime.now(timezone.utc) - timedelta(hours=number + 1)
            status = SUCCESS_WORD[provider, kind]
            bench.emulator.add_job(provider, kind, status=status, created_at=created, pages=1)
    return bench


@pytest.mark.parametrize(("provider", "name"), list(cases()))
def test_a_storm_ends_whole_or_with_1_and_the_rest_comes_later(
    provider: str, name: str, make_bench: MakeBench, record_property: Callable[[str, int], None]
) -> None:
    bench = stocked(make_bench, provider)
    faults = bench.emulator.faults = Faults(**FAULTS[name], budget=ENOUGH)
    run = bench.sync(provider, max_retries=4, page_size=3)
    assert faults.budget is not None
    record_property("requests in storms", run.requests)
    record_property("of these refused or spoiled", ENOUGH - faults.budget)
    tables = bench.tables()
    assert_sound(tables, bench.loads())
    truth = bench.truth(provider)
    if run.exit_code == 0:
        assert_complete(tables, truth)
    else:
        assert (run.exit_code, bool(run.error)) == (1, True)
        states = {row["job_id"]: row["results_state"] for row in tables["jobs"]}
        assert set(states.values()) <= {"loaded", "pending", "failed"}
    bench.emulator.faults = Faults()
    bench.sync(provider)
    bench.sync(provider, reload="failed")
    tables = bench.tables()
    assert_sound(tables, bench.loads())
    assert_complete(tables, truth)
    assert_history_true(tables, truth)
    record_property("rows compared after storms", sum(map(len, tables.values())))


@pytest.mark.parametrize("asked", ["1", "date"])
def test_retry_after_of_a_second_is_waited_for(asked: str, make_bench: MakeBench) -> None:
    bench = stocked(make_bench, "contextual", 1)
    bench.emulator.faults = Faults(rate_limit_fraction=1.0, retry_after=asked, budget=2)
    run = bench.sync("contextual")
    assert (run.exit_code, run.throttled) == (0, 2)
    sent = [record.at for record in bench.requests]
    # a date has no parts of a second, so that up to one is lost
    assert (sent[-1] - sent[0]).total_seconds() >= (1 if asked == "1" else 0)
    assert_complete(bench.tables(), bench.truth("contextual"))


@pytest.mark.slow
def test_an_absurd_retry_after_does_not_outlast_the_deadline(make_bench: MakeBench) -> None:
    import time

    import dlt_docjobs

    bench = stocked(make_bench, "llamacloud", 2)
    bench.emulator.faults = Faults(rate_limit_fraction=1.0, retry_after="absurd")
    request = dlt_docjobs.RunRequest(deadline=time.monotonic() + 1)
    row = dlt_docjobs.run(bench.pipeline("llamacloud"), bench.source("llamacloud"), request=request)
    # that it ended at all is the proof: 300 s is the longest that anybody is waited for
    assert (row.exit_code, row.ok) in ((1, False), (3, False))
    bench.emulator.faults = Faults()
    bench.sync("llamacloud")
    assert_complete(bench.tables(), bench.truth("llamacloud"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("provider", "status"),
    [
        pytest.param(provider, status, marks=() if number % 3 == 0 else (pytest.mark.slow,))
        for number, (provider, status) in enumerate(product(PROVIDERS, (401, 402, 403, 422)))
    ],
)
def test_a_refusal_of_results_is_not_repeated(
    provider: str, status: int, make_bench: MakeBench
) -> None:
    bench = stocked(make_bench, provider, 2)
    own = {"contextual": "/results$", "reducto": "/job/.", "landingai": "/parse/jobs/."}
    pattern = own.get(provider, "/parse/.")
    bench.emulator.faults = Faults(path_pattern=pattern, refuse_status=status)
    run = bench.sync(provider, max_retries=5)
    assert run.retries == 0
    assert run.exit_code in (1, 3)
    asked = [record.path for record in bench.requests if record.status == status]
    assert len(asked) <= 2 * len(set(asked)), "nobody asks a third time, in another form"
    bench.emulator.faults = Faults()
    bench.sync(provider)
    bench.sync(provider, reload="failed")
    assert_complete(bench.tables(), bench.truth(provider))


@pytest.mark.slow
def test_a_bill_that_is_not_paid_is_not_waited_for(make_bench: MakeBench) -> None:
    bench = stocked(make_bench, "unsiloed", 2)
    bench.emulator.faults = Faults(billing_limit=True)
    run = bench.sync("unsiloed", max_retries=5)
    assert (run.exit_code, run.retries) == (3, 0)
    assert "limit" in (run.error or "")
    bench.emulator.faults = Faults()
    assert bench.sync("unsiloed").exit_code == 0
    assert_complete(bench.tables(), bench.truth("unsiloed"))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_body_beyond_the_limit_fails_alone_and_can_be_had_later(
    provider: str, make_bench: MakeBench
) -> None:
    bench = stocked(make_bench, provider, 2)
    own = {"contextual": "parse/jobs/.*/results$", "reducto": "/job/.", "landingai": "parse/jobs/."}
    pattern = own.get(provider, "parse/.")
    bench.emulator.faults = Faults(path_pattern=pattern, huge_body_mb=3)
    run = bench.sync(provider, max_response_mb=2)
    assert run.exit_code == 1
    rows = {(row["job_kind"], row["results_state"]) for row in bench.tables()["jobs"]}
    # Reducto's paths do not tell the kinds apart
    assert (("extract", "loaded") in rows) == (provider != "reducto")
    if provider != "unsiloed":
        assert ("parse", "failed") in rows
        assert "larger than 2 MB" in bench.tables()["rejected_records"][0]["error"]
    bench.emulator.faults = Faults()
    bench.sync(provider)
    bench.sync(provider, reload="failed")
    assert_complete(bench.tables(), bench.truth(provider))


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Another host: it must not be asked anything."""

    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        return


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_redirect_leads_to_another_host(provider: str, make_bench: MakeBench) -> None:
    bench = stocked(make_bench, provider, 1)
    server = http.server.HTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        target = f"http://127.0.0.1:{server.server_port}/catch"
        bench.emulator.faults = Faults(redirect=target)
        run = bench.sync(provider, max_retries=1)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert run.exit_code == 3
    assert "to which the key must not go" in (run.error or "")
    assert Elsewhere.asked == []
    bench.emulator.faults = Faults(redirect="loop")
    assert bench.sync(provider, max_retries=1).exit_code == 3
    bench.emulator.faults = Faults()
    bench.sync(provider)
    assert_complete(bench.tables(), bench.truth(provider))
