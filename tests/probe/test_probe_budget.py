"""An account is asked no more than 40 requests, all of them GET, whatever it answers."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from probe_support import api_of, ask

from dlt_docjobs.emulator import Emulator, Faults
from dlt_docjobs.http import Unauthorized
from dlt_docjobs.probe import probe_account
from dlt_docjobs.providers.declaration import JobList, Kind, Provider
from dlt_docjobs.providers.probing import Probe, Question
from dlt_docjobs.providers.recording import REQUESTS, Recorder
from dlt_docjobs.providers.registry import provider, providers

HOSTILE: tuple[dict[str, Any], ...] = (
    {},
    {"endless_list": True, "ignore_page_size": True, "ignore_job_ids": True},
    {"page_size_max": 50, "job_ids_max": 10, "exclusive_bounds": True},
    {"drift": True, "empty_page": True, "repeat_page_token": True},
    {"html_fraction": 0.3, "truncate_fraction": 0.3},
    {"rate_limit_fraction": 0.3, "retry_after": "0", "budget": 3},
    {"error_fraction": 0.4, "error_status": 503},
)


# each fault of two providers' answers, and slowly of all
CASES = [
    pytest.param(
        name,
        faults,
        id=f"{name}-{faults}",
        marks=[] if (row + at) % 5 < 2 and "retry_after" not in faults else [pytest.mark.slow],
    )
    for row, name in enumerate(sorted(providers()))
    for at, faults in enumerate(HOSTILE)
]


@pytest.mark.parametrize(("name", "faults"), CASES)
def test_forty_requests_and_no_more(emulator: Emulator, name: str, faults: dict[str, Any]) -> None:
    # the key has been accepted, and then it begins
    emulator.clear_requests()
    emulator.faults.on_request = lambda _: setattr(emulator, "faults", Faults(**faults))
    found = ask(emulator, name)
    sent = emulator.requests
    assert 0 < len(sent) <= REQUESTS
    assert found.requests == len(sent)
    assert {record.method for record in sent} == {"GET"}


def test_a_provider_with_more_to_ask_ends_at_forty(emulator: Emulator) -> None:
    """Its dearest questions say that nothing was left; nothing is sent for them."""
    sent: list[httpx.Request] = []

    async def _many(probe: Probe) -> str:
        for number in range(100):
            await probe.get(("parse", "jobs"), [("limit", str(number + 1))])
        return "never"

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"jobs": [], "total_jobs": 0})

    declared = provider("contextual")
    recorder = Recorder()
    api = api_of(declared, "https://api.example", "key", recorder, httpx.MockTransport(handler))
    greedy = [Question(name, "Many?", _many, 100) for name in ("many", "more")]
    lists = {
        kind: Kind(JobList(f"/{kind}/jobs", covers_open=True)) for kind in ("parse", "extract")
    }
    made = _Greedy(**{**_fields(declared), "kinds": lists})
    made.mine.extend(greedy)
    type(api).provider, before = made, type(api).provider
    try:
        found = asyncio.run(probe_account(api, recorder))
    finally:
        type(api).provider = before
    assert len(sent) == found.requests == REQUESTS
    first, second = found.answers[:2]
    assert first.answer == second.answer == "all 40 requests were spent before it was answered"
    assert (second.outcome, second.requests) == ("not shown", 0)
    # whoever asks for a lot is asked last
    others = [one for one in found.answers[2:] if "were spent" in one.answer]
    assert others == []


class _Greedy(Provider):
    mine: list[Question] = []  # noqa: RUF012

    def questions(self) -> tuple[Question, ...]:
        return tuple(self.mine)


def _fields(declared: Provider) -> dict[str, Any]:
    return {name: getattr(declared, name) for name in declared.__dataclass_fields__}


@pytest.mark.parametrize("status", [403, 500])
def test_a_list_that_is_refused_costs_its_own_questions(emulator: Emulator, status: int) -> None:
    emulator.faults = Faults(path_pattern="/api/v2/extract$", refuse_status=status)
    found = {one.question.name: one for one in ask(emulator, "llamacloud").answers}
    of_extract = found["order-api-v2-extract"]
    assert of_extract.outcome == "failed"
    assert f"status {status}" in of_extract.answer
    assert found["order-api-v2-parse"].outcome == "shown"
    assert found["result-parse"].outcome == "shown"


def test_a_refused_key_ends_it_after_one_request(emulator: Emulator) -> None:
    emulator.clear_requests()
    emulator.faults = Faults(refuse_status=401)
    with pytest.raises(Unauthorized):
        ask(emulator, "llamacloud")
    assert len(emulator.requests) == 1


def test_a_defect_of_a_question_is_its_own_answer(emulator: Emulator) -> None:
    """Its message may quote what was received, so only its type is written."""

    async def broken(probe: Probe) -> str:
        raise ValueError("the text of a document")

    from dlt_docjobs.probe.account import answer

    api = api_of(
        provider("llamacloud"), emulator.base_urls["llamacloud"], "key", recorder := Recorder()
    )
    found = asyncio.run(answer(Probe(api, recorder), Question("q", "Why?", broken)))
    assert found.answer == "the question itself failed (ValueError)"


def test_a_first_page_is_asked_for_once(emulator: Emulator) -> None:
    emulator.clear_requests()
    found = ask(emulator, "llamacloud")
    names = ("order", "words", "dates", "fields", "list-results", "update")
    shared = [one for one in found.answers if one.question.name.startswith(names)]
    assert len(shared) == 20
    # that of the parse list by the first request of all
    assert sum(one.requests for one in shared) == 3


@pytest.mark.parametrize("name", sorted(providers()))
def test_the_requests_are_enough_for_every_question(emulator: Emulator, name: str) -> None:
    found = ask(emulator, name)
    assert [one.question.name for one in found.answers if "were spent" in one.answer] == []
    assert [one.question.name for one in found.answers if one.outcome == "failed"] == []


def test_every_question_has_a_name_of_its_own() -> None:
    from dlt_docjobs.probe.questions import questions_of

    for declared in providers().values():
        names = [question.name for question in questions_of(declared)]
        assert len(names) == len(set(names)), declared.name
