"""Asks one account all questions, within the budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dlt_docjobs.http import ApiError
from dlt_docjobs.probe.questions import in_turn, questions_of
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.probing import NotShown, Probe, Question
from dlt_docjobs.providers.protocol import ProviderApi
from dlt_docjobs.providers.recording import REQUESTS, BudgetSpent, Recorder

Outcome = Literal["shown", "not shown", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to a question.

    Attributes:
        question: The question.
        outcome: Whether the account showed it.
        answer: What it showed, or why it did not.
        requests: How many were sent for it.
    """

    question: Question
    outcome: Outcome
    answer: str
    requests: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What one account showed.

    Attributes:
        provider: The provider's name.
        title: What it calls itself.
        is_default_url: Whether the provider's own URL was asked; another one is not named.
        answers: One for each question, in their order.
        requests: How many were sent in all.
    """

    provider: str
    title: str
    is_default_url: bool
    answers: Sequence[Finding]
    requests: int


async def probe_account(
    api: ProviderApi, recorder: Recorder, targets: Iterable[Any] | None = None
) -> Findings:
    """Asks an account everything.

    Args:
        api: The account's; its client's watch is `recorder`.
        recorder: Counts and keeps.
        targets: (job id, kind) pairs that the user names; read as far as they are needed.

    Raises:
        ApiError: The key is not accepted, or nothing that was asked was answered.
    """
    probe = Probe(api, recorder, targets)
    async with api.client:
        refusal = await _refusal(probe)
        questions = questions_of(probe.provider)
        found = {one.name: await answer(probe, one) for one in in_turn(questions)}
    answers = [found[one.name] for one in questions]
    if refusal is not None and not any(one.outcome == "shown" and one.requests for one in answers):
        raise refusal
    declared = probe.provider
    is_default = api.client.base_url.rstrip("/") == declared.base_url.rstrip("/")
    return Findings(declared.name, declared.title, is_default, answers, recorder.sent)


async def _refusal(probe: Probe) -> ApiError | None:
    """Why the first request failed, where others may still be answered; None if it did not."""
    probe.begin(1)
    try:
        listing = next(iter(probe.provider.lists), None)
        # a first page is needed in any case
        await (probe.api.check() if listing is None else probe.first_page(listing))
    except UnreadableRecord:
        # whoever answers has taken the key
        return None
    except ApiError as error:
        if error.is_fatal:
            raise
        return error
    return None


async def answer(probe: Probe, question: Question) -> Finding:
    """One question; whatever goes wrong is its own answer, without a word of what was received."""
    before = probe.recorder.sent
    probe.begin(question.most)
    outcome: Outcome = "failed"
    try:
        answer = await question.ask(probe)
        outcome = "shown"
    except NotShown as error:
        outcome, answer = "not shown", str(error)
    except BudgetSpent:
        all_spent = probe.recorder.sent >= REQUESTS
        spent = f"all {REQUESTS} requests" if all_spent else "its own requests"
        outcome, answer = "not shown", f"{spent} were spent before it was answered"
    except ApiError as error:
        status = f", status {error.status}" if error.status is not None else ""
        answer = f"a request failed ({type(error).__name__}{status})"
    except UnreadableRecord:
        answer = "an answer could not be read"
    except Exception as error:
        # a defect of a question's own; its message may quote what was received
        answer = f"the question itself failed ({type(error).__name__})"
    return Finding(question, outcome, answer, probe.recorder.sent - before)
