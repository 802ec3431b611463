"""Who is asked for reviews, and how often, before any warehouse is involved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from dlt_docjobs.http import ApiError, Forbidden, SystemClock
from dlt_docjobs.http.errors import error_for_status
from dlt_docjobs.providers.llamacloud.api import LlamaCloudApi
from dlt_docjobs.providers.protocol import ContentPolicy, Review
from dlt_docjobs.sync.progress import Progress
from dlt_docjobs.sync.reviews import NotServed, Reviews
from dlt_docjobs.warehouse.state import JobRef

REFUSALS = (401, 402, 403, 404, 405, 501)


class Api(LlamaCloudApi):
    """Answers reviews as told, one status or review after the other, the last one for good."""

    def __init__(self, *answers: int | Review | None) -> None:
        super().__init__(None, ContentPolicy())  # type: ignore[arg-type]
        self.answers = list(answers)
        self.asked = 0

    async def review(self, kind: Any, job_id: str) -> Review | None:
        self.asked += 1
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, int):
            raise error_for_status(answer, "/review")
        return answer


def made(api: Api, progress: Progress | None = None, holds_any: bool = False) -> Reviews:
    async def read(query: Callable[[Any], Any]) -> Any:
        return holds_any

    return Reviews(api, progress or Progress.fresh(), SystemClock(), read)


def ask(reviews: Reviews, jobs: int = 20) -> list[Any]:
    """Asks for many at once; what came, or the error."""

    async def all_of_them() -> list[Any]:
        refs: list[JobRef] = [("extract", f"ext-{number}") for number in range(jobs)]
        return await asyncio.gather(*map(reviews.of, refs), return_exceptions=True)

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_costs_one_request_however_many_wait(status: int) -> None:
    progress = Progress.fresh()
    api = Api(status)
    found = ask(made(api, progress))
    assert api.asked == 1 and {type(one) for one in found} == {NotServed}
    # the next run remembers it, for a day
    progress = Progress.load(progress.dump())
    again = Api(Review({}))
    assert {type(one) for one in ask(made(again, progress))} == {NotServed} and again.asked == 0
    assert progress.refused_reviews_at is not None
    progress.refused_reviews_at -= timedelta(hours=25)
    assert len(ask(made(again, progress))) == again.asked == 20
    assert progress.refused_reviews_at is None and "refused_reviews_at" not in progress.dump()


def test_a_refusal_from_the_future_is_none() -> None:
    progress = Progress.fresh()
    progress.refused_reviews_at = datetime.now(timezone.utc) + timedelta(days=9)
    api = Api(None)
    assert ask(made(api, progress)) == [None] * 20 and api.asked == 20


def test_where_reviews_are_served_a_refusal_is_the_job_s_own() -> None:
    api = Api(Review({}), 404, 403, None)
    found = ask(made(api), 4)
    assert isinstance(found[0], Review) and found[1] is None and found[3] is None
    assert isinstance(found[2], Forbidden)


def test_a_404_is_the_job_s_own_where_the_warehouse_has_reviews() -> None:
    api = Api(404)
    assert ask(made(api, holds_any=True)) == [None] * 20 and api.asked == 20


def test_after_three_failures_in_a_row_a_run_asks_no_more() -> None:
    progress = Progress.fresh()
    api = Api(500)
    found = ask(made(api, progress))
    assert api.asked == 3
    assert sum(isinstance(one, ApiError) for one in found) == 3
    assert progress.refused_reviews_at is None, "a failure is no refusal"
    api = Api(500, 500, None, 500, 500, None)
    assert ask(made(api), 6)[-1] is None and api.asked == 6


def test_the_order_of_keys_is_no_change_and_another_number_is() -> None:
    reviews = made(Api(None))
    review = Review({"b": 1, "a": [2.5]})
    text = reviews.text(review)
    assert text == '{"b":1,"a":[2.5]}'
    for same in (text, '{"a": [2.50], "b": 1.0}'):
        assert not reviews.differs(review, same)  # type: ignore[arg-type]
    assert reviews.differs(review, reviews.text(Review({"b": 1, "a": [2.6]})))
    assert reviews.differs(review, None) and reviews.differs(None, text)
    assert not reviews.differs(None, None)
