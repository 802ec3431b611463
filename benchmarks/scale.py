"""`python -m benchmarks.scale`: one large account from its first sync on, by commands alone.

python -m benchmarks.scale --jobs 4000              a look, in minutes
python -m benchmarks.scale --write-docs             66,000 jobs, and the table of docs/scale.md
python -m benchmarks.scale --destination postgres   one of the two only

Nothing is copied or made up in the warehouse: every row has come through a sync. Everything else is
timed as a user would see it, the start of the process included.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.arena import Place, run_command
from benchmarks.jobs import API_KEY, SEGMENTS, Calendar
from benchmarks.options import publish, read_options, seconds_of, teller
from benchmarks.report import markdown
from benchmarks.serving import Server, running_server
from benchmarks.views.warehouses import DATASET, Warehouse, opened, select_of
from dlt_docjobs.views import VIEWS

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "scale.md"
_NEW: Final = 200
_FEW: Final = 2000
_DOCJOBS: Final = ("-m", "dlt_docjobs")


@dataclass
class Account:
    """What was measured on one destination.

    Attributes:
        title: The destination.
        figures: A value by what it is of, as the page's table shows it.
        views: Seconds that every row of each view took.
    """

    title: str
    figures: dict[str, str] = field(default_factory=dict)
    views: dict[str, float] = field(default_factory=dict)


class _Life:
    """An account that grows, and who syncs it.

    Args:
        server: The running server.
        warehouse: An empty one.
        say: Hears how far it is.
    """

    def __init__(self, server: Server, warehouse: Warehouse, say: Callable[[str], None]) -> None:
        self._server = server
        self._say = say
        self._name = type(warehouse).__name__.lower()
        self._place = Place(
            warehouse.folder,
            {
                f"DESTINATION__{self._name.upper()}__CREDENTIALS": warehouse.credentials,
                "SOURCES__LLAMACLOUD__BASE_URL": server.base_url("llamacloud"),
                "LLAMA_CLOUD_API_KEY": API_KEY,
            },
        )

    def run(self, *arguments: str) -> float:
        """Seconds of a command."""
        command = (*_DOCJOBS, *arguments, "--destination", self._name)
        seconds = run_command(command, self._place).wall_seconds
        self._say(f"{self._name}: {' '.join(arguments)} took {seconds:.2f} s")
        return seconds

    def sync(self, jobs: int) -> float:
        """Seconds of a sync of an account that has so many jobs."""
        self._server.open("llamacloud", range(jobs))
        return self.run("sync", "llamacloud", "--progress", "none")


def measure(
    server: Server, warehouse: Warehouse, jobs: int, repeat: int, say: Callable[[str], None]
) -> Account:
    """Lets an account grow, and times what its owner does.

    Args:
        server: The running server, with `jobs` and some more.
        warehouse: An empty one.
        jobs: Jobs in the end; each has 150 segments.
        repeat: How often the shorter ones are timed; medians count.
        say: Hears how far it is.
    """
    life = _Life(server, warehouse, say)
    found = Account(f"{warehouse.title} {warehouse.version}")
    warehouse.close()
    figures = found.figures

    def grown(base: int) -> tuple[float, int]:
        """Seconds of a sync of new jobs, and how many jobs there are then."""
        times = []
        for _ in range(repeat):
            base += _NEW
            times.append(life.sync(base))
        return statistics.median(times), base

    life.sync(_FEW)
    on_few, few = grown(_FEW)
    seconds = life.sync(jobs)
    rate = (jobs - few) * SEGMENTS / seconds
    figures["first sync of the others"] = f"{seconds:,.0f} s, {rate:,.0f} segments/s"
    idle = statistics.median(life.sync(jobs) for _ in range(repeat))
    figures["a sync that finds nothing new"] = f"{idle:.2f} s"
    on_many, jobs = grown(jobs)
    figures[f"{_NEW} new jobs on top of {_FEW:,}"] = f"{on_few:.2f} s"
    figures[f"{_NEW} new jobs on top of all"] = f"{on_many:.2f} s, {on_many / on_few:.2f} ×"
    status = statistics.median(life.run("status") for _ in range(repeat))
    figures["`docjobs status`"] = f"{status:.2f} s"
    figures["`docjobs report`"] = f"{life.run('report', '--out', 'report.html'):.1f} s"
    segments = warehouse.value(f"SELECT count(*) FROM {DATASET}.segments")
    if segments != jobs * SEGMENTS:
        raise RuntimeError(f"{segments:,} segments of {jobs:,} jobs")
    size = warehouse.bytes()
    figures["rows in `segments`"] = f"{segments:,}"
    figures["size of the warehouse"] = f"{size / 1e9:.1f} GB, {size / segments:.0f} bytes a segment"
    scan = seconds_of(partial(warehouse.fetch, f"SELECT * FROM {DATASET}.segments"))
    figures["every row of `segments`"] = f"{scan:.1f} s"
    for name, view in VIEWS.items():
        found.views[name] = seconds_of(partial(warehouse.fetch, select_of(view)))
        say(f"{warehouse.title}: {name} took {found.views[name]:.2f} s")
    warehouse.close()
    return found


def table(accounts: list[Account]) -> str:
    """The figures as Markdown."""
    head = ("what", *(account.title for account in accounts))
    rows = [(name, *(one.figures[name] for one in accounts)) for name in accounts[0].figures]
    rows += [
        (f"every row of `{name}`", *(f"{one.views[name]:.2f} s" for one in accounts))
        for name in accounts[0].views
    ]
    return markdown(head, rows)


def main() -> int:
    """Does what the command line says."""
    args = read_options("python -m benchmarks.scale", __doc__, 66_000, "40 GB")
    say = teller()
    # the server's jobs, with those that come while it is measured
    calendar = Calendar.ending_now(args.jobs + 2 * args.repeat * _NEW)
    accounts = []
    with running_server(calendar) as server:
        for name in args.destination:
            with opened(name, args.folder) as warehouse:
                accounts.append(measure(server, warehouse, args.jobs, args.repeat, say))
    publish(table(accounts), PAGE, is_written=args.write_docs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
