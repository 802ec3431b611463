"""`python -m benchmarks.views`: times every view on a large warehouse.

python -m benchmarks.views --jobs 200                     a look, in half a minute
python -m benchmarks.views --write-docs                   the whole, and the table of docs/views.md
python -m benchmarks.views --destination postgres         one of the two only
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.options import publish, read_options, seconds_of, teller
from benchmarks.report import markdown
from benchmarks.views.warehouses import DATASET, Warehouse, opened, select_of
from dlt_docjobs.report import write_report
from dlt_docjobs.views import VIEWS, install_views

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "views.md"
_FIRST_TO_REVIEW: Final = "the first 20 of `review_queue`"
_INSTALL: Final = "create all views and comments"
_CHECK: Final = "see that nothing is to do"
_REPORT: Final = "`docjobs report`"


@dataclass
class Times:
    """What one destination took, in seconds: medians.

    Attributes:
        title: The destination.
        rows: Rows of each view.
        whole: Every row of each view, of `documents` without the text.
        one_job: One job's rows, of the views that have a row a job or more.
        beside: What else was timed.
    """

    title: str
    rows: dict[str, int] = field(default_factory=dict)
    whole: dict[str, float] = field(default_factory=dict)
    one_job: dict[str, float] = field(default_factory=dict)
    beside: dict[str, float] = field(default_factory=dict)


def measure(warehouse: Warehouse, jobs: int, repeat: int, say: Callable[[str], None]) -> Times:
    """Fills a warehouse and times its views.

    Args:
        warehouse: An empty one.
        jobs: Parse jobs with results; each has 150 segments.
        repeat: How often each is timed.
        say: Hears how far it is.
    """
    times = Times(f"{warehouse.title} {warehouse.version}")

    def timed(what: Callable[[], Any]) -> float:
        return seconds_of(what, repeat)

    say(f"{warehouse.title}: making rows of {jobs:,} jobs")
    warehouse.load(jobs)
    destination = warehouse.destination
    times.beside[_INSTALL] = timed(lambda: install_views(destination, DATASET))
    times.beside[_CHECK] = timed(lambda: install_views(destination, DATASET, only_if_needed=True))
    for name, view in VIEWS.items():
        whole = select_of(view)
        times.rows[name] = warehouse.value(f"SELECT count(*) FROM {DATASET}.{name}")
        times.whole[name] = timed(partial(warehouse.fetch, whole))
        if "job_id" in {column.name for column in view.columns}:
            job_id = warehouse.value(f"SELECT min(job_id) FROM {DATASET}.{name}")
            one_job = f"SELECT * FROM {DATASET}.{name} WHERE job_id = '{job_id}'"
            times.one_job[name] = timed(partial(warehouse.fetch, one_job))
        say(f"{warehouse.title}: {name} {times.whole[name]:.2f} s, {times.rows[name]:,} rows")
    first = f"SELECT * FROM {DATASET}.review_queue LIMIT 20"
    times.beside[_FIRST_TO_REVIEW] = timed(lambda: warehouse.fetch(first))
    warehouse.close()
    page = warehouse.folder / "report.html"
    times.beside[_REPORT] = timed(lambda: write_report(destination, DATASET, page))
    say(f"{warehouse.title}: done")
    return times


def table(measured: list[Times]) -> str:
    """The figures as Markdown."""
    head = ["view", "rows"]
    for times in measured:
        head += [times.title, "one job"]
    rows = []
    for name, count in measured[0].rows.items():
        row = [f"`{name}`", f"{count:,}"]
        for times in measured:
            row += [f"{times.whole[name]:.2f}", _seconds(times.one_job.get(name))]
        rows.append(tuple(row))
    for name in measured[0].beside:
        row = [name, ""]
        for times in measured:
            row += [f"{times.beside[name]:.2f}", ""]
        rows.append(tuple(row))
    return markdown(tuple(head), rows)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def main() -> int:
    """Does what the command line says."""
    args = read_options("python -m benchmarks.views", __doc__, 20_000, "8 GB")
    say = teller()
    measured = []
    for name in args.destination:
        with opened(name, args.folder) as warehouse:
            measured.append(measure(warehouse, args.jobs, args.repeat, say))
    publish(table(measured), PAGE, is_written=args.write_docs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
