"""A job belongs to the account that loaded it first: another one leaves it as it is."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cli_support import KEYS, setting
from warehouse_support import KINDS, MakeWarehouse, Warehouse

from dlt_docjobs.tables import TABLES

CASES = [("duckdb", name) for name in KEYS] + [("postgres", "llamacloud")]
SUCCEEDED = {"llamacloud": "COMPLETED", "contextual": "completed", "unsiloed": "Succeeded"}
RUNNING = {"llamacloud": "RUNNING", "contextual": "processing", "unsiloed": "Processing"}


class Accounts:
    """A provider's jobs, which two accounts see."""

    def __init__(self, warehouse: Warehouse, provider: Any) -> None:
        self.warehouse = warehouse
        self.provider = provider
        self.second = f"{provider}:us"
        section = f"{provider}_us"
        emulator = warehouse.emulator
        self.env: dict[str, str | None] = {
            setting(section, "api_key"): emulator.api_key,
            setting(section, "base_url"): emulator.base_urls[provider],
        }
        for status in (SUCCEEDED[provider], SUCCEEDED[provider], RUNNING[provider]):
            emulator.add_job(
                provider,
                status=status,
                pages=2,
                hang=status == RUNNING[provider],
                created_at=datetime.now(timezone.utc) - timedelta(days=3),
            )

    def sync(self, account: str) -> dict[str, Any]:
        """A sync of one account, which ends with 0."""
        named = self.provider == "unsiloed"
        more = ("--job-ids-file", self.warehouse.place.ids_file()) if named else ()
        ran = self.warehouse.sync(account, *more, env=self.env)
        assert ran.code == 0, ran.said
        (found,) = ran.json["providers"]
        return dict(found)

    def everything(self) -> dict[str, list[Any]]:
        """All rows but those of runs."""
        return {
            name: self.warehouse.query(
                f"SELECT * FROM {name} ORDER BY {', '.join(TABLES[name].key)}"
            )
            for name in TABLES
            if name != "sync_runs"
        }

    @property
    def results(self) -> list[str]:
        """What the last sync asked of single jobs."""
        ids = {job.job_id for job in self.warehouse.emulator.jobs(self.provider)}
        paths = [request.path for request in self.warehouse.emulator.requests]
        return [path for path in paths if ids & set(path.split("/"))]


@pytest.fixture(params=CASES, ids="-".join)
def accounts(request: pytest.FixtureRequest, make_machines: MakeWarehouse) -> Accounts:
    kind, provider = request.param
    return Accounts(make_machines(kind, provider), provider)


@pytest.mark.slow
def test_under_another_name_nothing_is_loaded_and_it_is_said(
    accounts: Accounts, caplog: pytest.LogCaptureFixture
) -> None:
    accounts.sync(accounts.provider)
    before = accounts.everything()
    for _ in range(2):
        caplog.clear()
        row = accounts.sync(accounts.second)
        figures = ("jobs_new", "jobs_changed", "status_events", "results_loaded", "open_jobs")
        assert [row[name] for name in figures] == [0] * 5
        assert (row["error"], row["ok"], accounts.results) == (None, True, [])
        assert accounts.everything() == before
        (said,) = [one for one in caplog.messages if "first" in one]
        assert said.startswith(f"3 job(s) that {accounts.second} has met were loaded by ")
        assert said.endswith(f"docjobs rename {accounts.provider}:default {accounts.provider}:us")


@pytest.mark.slow
def test_two_sections_of_one_project_share_its_jobs_and_double_none(
    accounts: Accounts, caplog: pytest.LogCaptureFixture
) -> None:
    accounts.sync(accounts.provider)
    accounts.warehouse.emulator.add_job(
        accounts.provider, status=SUCCEEDED[accounts.provider], pages=2
    )
    assert accounts.sync(accounts.second)["jobs_new"] == 1
    for name in (accounts.provider, accounts.second, accounts.provider):
        caplog.clear()
        row = accounts.sync(name)
        assert (row["jobs_new"], row["status_events"], row["results_loaded"]) == (0, 0, 0)
        # the second one's cursor has passed the jobs that are not its own
        said = [one for one in caplog.messages if "first" in one]
        has_cursor = name == accounts.second and accounts.provider != "unsiloed"
        assert len(said) == (0 if has_cursor else 1)
    accounts.warehouse.assert_no_duplicates()
    counts = "SELECT account, count(*) FROM {} GROUP BY account ORDER BY account"
    assert accounts.warehouse.query(counts.format("jobs")) == [("default", 3), ("us", 1)]
    assert accounts.warehouse.query(counts.format("pages")) == [("default", 4), ("us", 2)]
    if accounts.provider != "unsiloed":
        assert row["cursor"] is not None


@pytest.mark.slow
def test_the_jobs_of_an_account_that_was_reset_are_loaded_by_the_other(
    accounts: Accounts,
) -> None:
    """Its cursor has passed them."""
    accounts.sync(accounts.provider)
    accounts.warehouse.emulator.add_job(
        accounts.provider, status=SUCCEEDED[accounts.provider], pages=2
    )
    assert accounts.sync(accounts.second)["jobs_new"] == 1
    assert accounts.warehouse.run("reset", accounts.provider, "--yes").code == 0
    assert accounts.sync(accounts.second)["jobs_new"] == 3
    assert accounts.warehouse.query("SELECT DISTINCT account FROM jobs") == [("us",)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_is_gone_is_nothing_to_the_account_that_does_not_own_it(
    kind: str, make_machines: MakeWarehouse
) -> None:
    accounts = Accounts(make_machines(kind, "unsiloed"), "unsiloed")
    accounts.sync("unsiloed")
    gone = accounts.warehouse.emulator.jobs("unsiloed")[0].job_id
    accounts.warehouse.place.write("gone.txt", f"{gone}\n")
    before = accounts.everything()
    accounts.warehouse.emulator.expire(gone)
    ran = accounts.warehouse.sync(
        "unsiloed:us", "--reload", "all", "--job-ids-file", "gone.txt", env=accounts.env
    )
    assert (ran.code, accounts.everything()) == (0, before), ran.said
