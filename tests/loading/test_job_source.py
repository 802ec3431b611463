"""What a user adds to a source in Python: functions over Tables; what is refused says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from dlt.pipeline.pipeline import Pipeline
from loading_support import make_pipeline

import dlt_docjobs
from dlt_docjobs.emulator import Emulator
from dlt_docjobs.model.outcomes import UsageError


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(seed=3, jobs=0) as served:
        for word in ("COMPLETED", "COMPLETED", "FAILED"):
            served.add_job("llamacloud", "parse", status=word)
        yield served


@pytest.fixture
def source(emulator: Emulator) -> Any:
    return dlt_docjobs.llamacloud(
        api_key=emulator.api_key, base_url=emulator.base_urls["llamacloud"]
    )


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return make_pipeline(tmp_path)


def failed_only(table: pa.Table) -> pa.Table:
    return table.filter(pc.equal(table["status"], "failed"))


def failed_with_meta(table: pa.Table, meta: Any = None) -> pa.Table:
    return failed_only(table)


def failed_in_turn(table: pa.Table) -> Iterator[pa.Table]:
    yield failed_only(table)


@pytest.mark.parametrize(
    "add",
    [
        lambda jobs: jobs.add_map(failed_only),
        lambda jobs: jobs.add_map(failed_with_meta),
        lambda jobs: jobs.add_yield_map(failed_in_turn),
        lambda jobs: jobs.add_filter(lambda table: True).add_map(failed_only),
    ],
)
def test_a_function_over_tables_is_taken(
    source: Any, pipeline: Pipeline, add: Callable[[Any], Any]
) -> None:
    add(source.jobs)
    dlt_docjobs.run(pipeline, source)
    assert [row[0] for row in pipeline.dataset()["jobs"].select("status").fetchall()] == ["failed"]
    assert len(pipeline.dataset()["job_status_history"].fetchall()) > 3


@pytest.mark.parametrize(
    ("add", "said"),
    [
        (
            lambda jobs: jobs.add_filter(lambda row: row["status"] == "failed"),
            "did not answer True",
        ),
        (lambda jobs: jobs.add_filter(lambda row: None), "did not answer True"),
        (lambda jobs: jobs.add_map(lambda row: {**row, "x": 1}), "failed with TypeError"),
        (lambda jobs: jobs.add_map(lambda row: {"x": 1}), "returned dict"),
        (lambda jobs: jobs.add_yield_map(lambda row: iter([{"x": 1}])), "returned dict"),
    ],
)
def test_a_function_over_rows_is_an_error_that_says_so(
    source: Any, pipeline: Pipeline, add: Callable[[Any], Any], said: str
) -> None:
    add(source.jobs)
    with pytest.raises(UsageError) as refused:
        dlt_docjobs.run(pipeline, source)
    assert said in str(refused.value) and "pyarrow.Table of 3 rows" in str(refused.value)


@pytest.mark.parametrize(
    "look",
    [
        list,
        lambda source: list(source.with_resources("jobs")),
        lambda source: list(source.jobs),
        lambda source: source.add_limit(1),
        lambda source: source.jobs.add_limit(1),
    ],
)
def test_what_would_need_a_warehouse_is_refused(source: Any, look: Callable[[Any], Any]) -> None:
    with pytest.raises(UsageError, match=r"dlt_docjobs\.run|max_jobs_per_package"):
        look(source)
