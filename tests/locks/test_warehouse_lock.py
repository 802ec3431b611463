"""Two syncs of one pipeline, on one machine or on two: one works, the other says why not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.destinations.exceptions import DatabaseTerminalException
from dlt.pipeline.pipeline import Pipeline
from sync_support import StillClock

import dlt_docjobs
from dlt_docjobs.emulator import Emulator, RequestRecord
from dlt_docjobs.locks import LockKind
from dlt_docjobs.locks.destination import lock_kind, warehouse_lock
from dlt_docjobs.locks.lease import LEASES, Lease
from dlt_docjobs.locks.local import SyncLocked, pipeline_lock
from dlt_docjobs.model.outcomes import SyncFailed


class Machines:
    """Machines with a working directory each, and one warehouse."""

    def __init__(self, folder: Path, destination: Any, dataset: str) -> None:
        self.folder = folder
        self.destination = destination
        self.dataset = dataset

    def pipeline(self, machine: str, name: str = "docjobs_llamacloud") -> Pipeline:
        pipeline: Pipeline = dlt.pipeline(
            name,
            destination=self.destination(),
            dataset_name=self.dataset,
            pipelines_dir=str(self.folder / machine),
        )
        return pipeline

    def lease(self, machine: str, clock: StillClock, **options: Any) -> Lease:
        return Lease(self.pipeline(machine), clock, **options)

    def query(self, sql: str) -> list[Any]:
        with self.pipeline("looker-on").sql_client() as client:
            return list(client.execute_sql(sql) or [])


@pytest.fixture
def duck(tmp_path: Path) -> Machines:
    file = str(tmp_path / "warehouse.duckdb")
    return Machines(tmp_path, lambda: dlt.destinations.duckdb(file), "docjobs")


@pytest.fixture
def server(tmp_path: Path, postgres: str, request: pytest.FixtureRequest) -> Machines:
    # a dataset a test
    dataset = f"docjobs_{abs(hash(request.node.name)) % 10**9}"
    return Machines(tmp_path, lambda: dlt.destinations.postgres(postgres), dataset)


# -- which lock --------------------------------------------------------------------------------


def test_each_destination_has_its_lock(tmp_path: Path, postgres: str) -> None:
    found: dict[str, LockKind] = {}
    for destination in (
        dlt.destinations.duckdb(str(tmp_path / "w.duckdb")),
        dlt.destinations.postgres(postgres),
        dlt.destinations.motherduck("md:///w?token=none"),
        dlt.destinations.filesystem(str(tmp_path)),
        dlt.destinations.sqlalchemy(f"sqlite:///{tmp_path / 'w.db'}"),
    ):
        pipeline = dlt.pipeline(
            "kinds", destination=destination, dataset_name="d", pipelines_dir=str(tmp_path / "p")
        )
        found[destination.destination_name] = lock_kind(pipeline)
    assert found == {
        "duckdb": "none",
        "postgres": "advisory",
        "motherduck": "lease",
        "filesystem": "none",
        "sqlalchemy": "file",
    }


# -- the lease ---------------------------------------------------------------------------------


def test_of_two_one_has_the_lease(duck: Machines) -> None:
    clock = StillClock()
    first, second = duck.lease("a", clock), duck.lease("b", clock)
    first.acquire()
    with pytest.raises(SyncLocked, match=r"process \d+ on .* holds its lease in sync_leases"):
        second.acquire()
    first.release()
    second.acquire()


def test_another_pipeline_has_a_lease_of_its_own(duck: Machines) -> None:
    clock = StillClock()
    duck.lease("a", clock).acquire()
    Lease(duck.pipeline("b", "docjobs_contextual"), clock).acquire()
    assert len(duck.query(f"SELECT * FROM {LEASES}")) == 2


@pytest.mark.slow
def test_a_lease_that_is_renewed_lasts(duck: Machines) -> None:
    clock = StillClock()
    first = duck.lease("a", clock)
    first.acquire()
    for _ in range(60):
        clock.seconds += 60
        first.renew()
        with pytest.raises(SyncLocked):
            duck.lease("b", clock).acquire()
    assert len(duck.query(f"SELECT * FROM {LEASES}")) == 1, "renewing leaves no old rows"


def test_a_dead_machines_lease_is_void_after_ten_minutes(duck: Machines) -> None:
    clock = StillClock()
    duck.lease("a", clock).acquire()
    clock.seconds += 600
    with pytest.raises(SyncLocked):
        duck.lease("b", clock).acquire()
    clock.seconds += 1
    duck.lease("b", clock).acquire()


def test_a_machine_that_slept_through_its_lease_has_lost_it(duck: Machines) -> None:
    clock = StillClock()
    first, second = duck.lease("a", clock), duck.lease("b", clock)
    first.acquire()
    clock.seconds += 601
    second.acquire()
    with pytest.raises(SyncLocked, match="another sync has taken it"):
        first.renew()
    second.renew()
    second.release()
    with pytest.raises(SyncLocked):
        first.renew()  # that sync is over, but the warehouse has gone on without this one
    first.release()
    assert duck.query(f"SELECT * FROM {LEASES}") == []


def test_a_machine_that_slept_while_nobody_came_goes_on(duck: Machines) -> None:
    clock = StillClock()
    first = duck.lease("a", clock)
    first.acquire()
    clock.seconds += 3600
    first.renew()


def test_a_clock_far_ahead_does_not_block_for_ever(duck: Machines) -> None:
    duck.lease("a", StillClock(10**7)).acquire()
    duck.lease("b", StillClock()).acquire()


def test_of_many_at_once_one_at_most_has_the_lease(server: Machines) -> None:
    clock = StillClock()
    # the table's creation is raced for as well
    leases = [server.lease(str(number), clock) for number in range(8)]
    start = threading.Barrier(len(leases))
    won: list[Lease] = []
    errors: list[BaseException] = []

    def contend(lease: Lease) -> None:
        start.wait()
        try:
            lease.acquire()
        except SyncLocked:
            return
        except BaseException as error:
            errors.append(error)
            raise
        won.append(lease)

    threads = [threading.Thread(target=contend, args=(lease,)) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(won) <= 1
    for lease in won:
        lease.renew()


class Overtaken(Lease):
    """One that looked before a rival wrote, and writes after it."""

    rival: Lease | None = None

    def _write(self, now: int) -> None:
        rival, self.rival = self.rival, None
        if rival is not None:
            rival.acquire()
        super()._write(now)


def test_who_looked_too_early_looks_again(duck: Machines) -> None:
    clock = StillClock()
    pauses: list[float] = []
    late = Overtaken(duck.pipeline("a"), clock, pauses.append)
    late.rival = rival = duck.lease("b", clock)
    with pytest.raises(SyncLocked):
        late.acquire()
    assert len(pauses) == 1
    clock.seconds += 60
    rival.renew()
    assert len(duck.query(f"SELECT * FROM {LEASES}")) == 1


# -- PostgreSQL's advisory lock ----------------------------------------------------------------


def test_of_two_sessions_one_has_the_lock(server: Machines) -> None:
    with warehouse_lock(server.pipeline("a")):
        with (
            pytest.raises(SyncLocked, match="advisory lock in PostgreSQL"),
            warehouse_lock(server.pipeline("b")),
        ):
            pytest.fail("two have it")
        with warehouse_lock(server.pipeline("b", "docjobs_contextual")):
            pass
    with warehouse_lock(server.pipeline("b")):
        pass


def test_an_account_is_one_pipelines_at_a_time_and_windows_share_it(server: Machines) -> None:
    def at_once() -> bool:
        return True

    account = "docjobs_llamacloud"
    with (
        warehouse_lock(server.pipeline("a", "mine")) as one,
        warehouse_lock(server.pipeline("b", "also_mine")) as other,
    ):
        one.take_turn(account, False, at_once)
        for shared in (False, True):
            with pytest.raises(SyncLocked, match="another pipeline is loading docjobs_llamacloud"):
                other.take_turn(account, shared, at_once)
        other.take_turn("docjobs_contextual", False, at_once)
        other.end_turn()
        one.end_turn()
        one.take_turn(account, True, at_once)
        other.take_turn(account, True, at_once)
        one.end_turn()
        with pytest.raises(SyncLocked):
            one.take_turn(account, False, at_once)
        other.end_turn()
        one.take_turn(account, False, at_once)
    # a connection that ends gives back what it had
    with warehouse_lock(server.pipeline("b", "also_mine")) as other:
        other.take_turn(account, False, at_once)


def test_a_session_that_the_server_ended_has_lost_its_lock(server: Machines) -> None:
    told = threading.Event()
    with warehouse_lock(
        server.pipeline("a"), on_lost=lambda message: told.set(), renewed_seconds=0.05
    ) as held:
        held.confirm()
        server.query(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()"
        )
        assert told.wait(20)
        with pytest.raises(SyncLocked, match="the connection that held the lock"):
            held.confirm()
        with warehouse_lock(server.pipeline("b")):
            pass


def test_a_destination_that_does_not_answer_is_no_lost_lease(duck: Machines) -> None:
    with warehouse_lock(duck.pipeline("a"), kind="lease") as held:
        duck.query(f"ALTER TABLE {LEASES} RENAME TO hidden")
        held.confirm()
        duck.query(f"ALTER TABLE hidden RENAME TO {LEASES}")
        held.confirm()
        duck.query(f"DELETE FROM {LEASES}")
        with pytest.raises(SyncLocked):
            held.confirm()


def test_a_lease_that_can_not_be_read_back_is_none(duck: Machines) -> None:
    """As of a database that each connection has for itself."""
    lease = duck.lease("a", StillClock())
    lease._write = lambda now: None  # type: ignore[method-assign]
    with pytest.raises(SyncFailed, match="a row was written into it and is not there"):
        lease.acquire()


def test_a_table_that_is_not_there_after_its_creation_is_said(
    duck: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlt_docjobs.locks.lease.create_table", lambda *_: None)
    with pytest.raises(SyncFailed, match="it was created and is not there"):
        duck.lease("a", StillClock()).acquire()


def test_why_the_table_can_not_be_created_is_not_hidden(
    duck: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise DatabaseTerminalException(RuntimeError("no right to create tables"))

    monkeypatch.setattr("dlt_docjobs.locks.lease.create_table", refuse)
    with pytest.raises(DatabaseTerminalException, match="no right to create tables"):
        duck.lease("a", StillClock()).acquire()


def test_who_has_taken_a_lease_is_said_only_where_somebody_has(duck: Machines) -> None:
    clock = StillClock()
    lease = duck.lease("a", clock)
    lease.acquire()
    duck.query(f"DELETE FROM docjobs.{LEASES}")
    with pytest.raises(SyncLocked, match="is gone from sync_leases") as gone:
        lease.renew()
    assert "has taken" not in str(gone.value)
    duck.lease("b", clock).acquire()
    with pytest.raises(SyncLocked, match=r"another sync has taken it \(process \d+ on "):
        lease.renew()


def test_the_lock_beside_sqlite_is_ones_and_goes_with_its_holder(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.db"
    machines = Machines(tmp_path, lambda: dlt.destinations.sqlalchemy(f"sqlite:///{file}"), "data")
    with warehouse_lock(machines.pipeline("a")) as held:
        with (
            pytest.raises(SyncLocked, match=r"it holds .*warehouse__data\.docjobs_llamacloud"),
            warehouse_lock(machines.pipeline("b")),
        ):
            pytest.fail("two have it")
        with warehouse_lock(machines.pipeline("b", "docjobs_contextual")):
            pass
        held.confirm()
    with warehouse_lock(machines.pipeline("b")):
        pass


# -- whole syncs -------------------------------------------------------------------------------


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(jobs=0) as emulator:
        for _ in range(3):
            emulator.add_job("llamacloud", status="COMPLETED", pages=1)
        yield emulator


def source(emulator: Emulator) -> Any:
    return dlt_docjobs.llamacloud(
        api_key=emulator.api_key, base_url=emulator.base_urls["llamacloud"], max_retries=0
    )


def request(kind: LockKind | None) -> dlt_docjobs.RunRequest:
    return dlt_docjobs.RunRequest(lock=kind)


def machines_of(kind: str, request: pytest.FixtureRequest) -> Machines:
    found: Machines = request.getfixturevalue("duck" if kind == "lease" else "server")
    return found


KINDS: tuple[LockKind, ...] = ("lease", "advisory")


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_sync_on_another_machine_does_nothing(
    kind: LockKind, request: pytest.FixtureRequest, emulator: Emulator
) -> None:
    machines = machines_of(kind, request)
    refused: list[BaseException] = []

    def sync_too(record: RequestRecord) -> None:
        # the first is in the middle of its list
        emulator.faults.on_request = None
        thread = threading.Thread(target=contend)
        thread.start()
        thread.join()

    def contend() -> None:
        with pytest.raises(SyncLocked) as caught:
            dlt_docjobs.run(
                machines.pipeline("b"),
                source(emulator),
                request=dlt_docjobs.RunRequest(lock=kind),
            )
        refused.append(caught.value)

    emulator.faults.on_request = sync_too
    row = dlt_docjobs.run(
        machines.pipeline("a"), source(emulator), request=dlt_docjobs.RunRequest(lock=kind)
    )
    assert (row.exit_code, row.results_loaded, len(refused)) == (0, 3, 1)
    schema = machines.dataset
    assert machines.query(f"SELECT count(*) FROM {schema}.jobs")[0][0] == 3
    assert machines.query(f"SELECT count(*) FROM {schema}.sync_runs")[0][0] == 1
    # nothing is held any more
    again = dlt_docjobs.run(
        machines.pipeline("b"), source(emulator), request=dlt_docjobs.RunRequest(lock=kind)
    )
    assert (again.exit_code, again.results_loaded) == (0, 0)


def test_a_sync_that_lost_its_lease_loads_nothing_and_leaves_nothing_pending(
    duck: Machines, emulator: Emulator
) -> None:
    def take_over(record: RequestRecord) -> None:
        emulator.faults.on_request = None
        duck.query(f"DELETE FROM {LEASES}")

    emulator.faults.on_request = take_over
    with pytest.raises(SyncLocked, match="nothing is lost"):
        dlt_docjobs.run(duck.pipeline("a"), source(emulator), request=request("lease"))
    pipeline = duck.pipeline("a")
    assert not pipeline.has_pending_data
    row = dlt_docjobs.run(pipeline, source(emulator), request=request("lease"))
    assert (row.exit_code, row.jobs_new, row.results_loaded) == (0, 3, 3)


@pytest.mark.slow
def test_a_lease_makes_no_trouble_where_the_warehouse_was_deleted(
    duck: Machines, emulator: Emulator
) -> None:
    dlt_docjobs.run(duck.pipeline("a"), source(emulator), request=request("lease"))
    (duck.folder / "warehouse.duckdb").unlink()
    for new, results in ((3, 3), (0, 0)):
        row = dlt_docjobs.run(duck.pipeline("a"), source(emulator), request=request("lease"))
        assert (row.exit_code, row.jobs_new, row.results_loaded) == (0, new, results)
    committed = duck.query("SELECT count(*) FROM docjobs._dlt_pipeline_state")
    assert committed[0][0] >= 1


def test_a_plain_run_keeps_off_while_another_sync_works(duck: Machines, emulator: Emulator) -> None:
    pipeline = duck.pipeline("a")
    with pipeline_lock(pipeline), pytest.raises(Exception) as caught:
        pipeline.run(source(emulator))
    causes: list[BaseException | None] = [caught.value]
    while causes[-1] is not None:
        causes.append(causes[-1].__cause__)
    assert any(isinstance(cause, SyncLocked) for cause in causes)
    assert emulator.requests == []
    pipeline.run(source(emulator))
    assert len(duck.query("SELECT * FROM docjobs.jobs")) == 3


def test_two_threads_of_a_process_are_two_syncs(duck: Machines) -> None:
    with pipeline_lock(duck.pipeline("a")):
        with (
            pytest.raises(SyncLocked, match="another sync"),
            pipeline_lock(duck.pipeline("a")),
        ):
            pytest.fail("two have it")
        with pipeline_lock(duck.pipeline("b")):
            pass
    with pipeline_lock(duck.pipeline("a")):
        pass
