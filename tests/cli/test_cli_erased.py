"""What was erased stays erased, whatever waits on other machines; and settings hold for it too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_support import setting
from warehouse_support import KINDS, MakeWarehouse, Warehouse

from dlt_docjobs.locks.destination import warehouse_lock


@pytest.fixture(params=KINDS)
def warehouse(request: pytest.FixtureRequest, make_machines: MakeWarehouse) -> Warehouse:
    """Two jobs that are loaded; a third that is new."""
    found = make_machines(request.param)
    for name in ("pjb-one", "pjb-two"):
        found.emulator.add_job("llamacloud", job_id=name, status="COMPLETED", pages=1)
    assert found.sync().code == 0
    found.emulator.add_job("llamacloud", job_id="pjb-three", status="COMPLETED", pages=1)
    return found


ALL = ["pjb-one", "pjb-three", "pjb-two"]
DROPPED = "what waited to be loaded is dropped and asked for again"


@pytest.mark.proves("kill", *KINDS)
@pytest.mark.proves("reset", *KINDS)
def test_a_reset_holds_against_a_package_that_waits_elsewhere(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    warehouse.killed_at_load(monkeypatch, machine="b")
    assert warehouse.run("reset", "llamacloud", "--yes").code == 0
    ran = warehouse.sync(machine="b")
    # its cursor would have hidden the older ones
    assert (ran.code, warehouse.ids()) == (0, ALL), ran.said
    assert "rows of llamacloud were erased or renamed since" in caplog.text
    assert warehouse.ids("pages") == ALL
    warehouse.assert_no_duplicates()


@pytest.mark.slow
@pytest.mark.proves("forget", *KINDS)
def test_a_forgotten_job_does_not_come_back_with_a_package_that_waits_elsewhere(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.killed_at_load(monkeypatch, machine="b")
    file = warehouse.place.write("forget.txt", "pjb-three\npjb-one\n")
    assert warehouse.run("forget", "--job-ids-file", file).code == 0
    assert warehouse.ids() == ["pjb-two"]
    assert warehouse.sync(machine="b").code == 0
    for table in ("jobs", "job_status_history", "pages", "segments"):
        assert warehouse.ids(table) == ["pjb-two"]


@pytest.mark.slow
def test_the_first_package_of_all_is_no_exception(
    make_machines: MakeWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = make_machines("postgres")
    warehouse.emulator.add_job("llamacloud", job_id="pjb-one", status="COMPLETED", pages=1)
    warehouse.emulator.add_job("llamacloud", job_id="pjb-two", status="COMPLETED", pages=1)
    warehouse.killed_at_load(monkeypatch, machine="b")
    file = warehouse.place.write("forget.txt", "pjb-one\n")
    assert warehouse.run("forget", "--job-ids-file", file).code == 0
    assert warehouse.sync(machine="b").code == 0
    assert warehouse.ids() == ["pjb-two"]


@pytest.mark.slow
def test_forget_drops_what_waits_on_its_own_machine(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.killed_at_load(monkeypatch)
    file = warehouse.place.write("forget.txt", "pjb-one\n")
    assert warehouse.run("forget", "--job-ids-file", file).code == 0
    assert warehouse.ids() == ["pjb-two"]
    left = warehouse.place.folder.glob("a/pipelines/docjobs_llamacloud/**/*.parquet")
    assert list(left) == []
    assert warehouse.sync().code == 0
    assert warehouse.ids() == ["pjb-three", "pjb-two"]


@pytest.mark.slow
def test_what_was_forgotten_stays_forgotten_after_a_reset_and_under_other_names(
    warehouse: Warehouse,
) -> None:
    file = warehouse.place.write("forget.txt", "pjb-one\n")
    warehouse.run("forget", "--job-ids-file", file)
    warehouse.run("reset", "llamacloud", "--yes")
    assert warehouse.sync().code == 0
    assert warehouse.ids() == ["pjb-three", "pjb-two"]
    warehouse.run("reset", "llamacloud", "--yes")
    eu = {
        setting("llamacloud_eu", "api_key"): warehouse.emulator.api_key,
        setting("llamacloud_eu", "base_url"): warehouse.emulator.base_urls["llamacloud"],
    }
    assert warehouse.sync("llamacloud:eu", env=eu).code == 0
    assert warehouse.ids() == ["pjb-three", "pjb-two"]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["reset", "forget"])
@pytest.mark.parametrize("name", ["docjobs_llamacloud", "another"])
def test_who_loads_elsewhere_is_not_disturbed(
    make_machines: MakeWarehouse, command: str, name: str
) -> None:
    """Another machine's sync of the same pipeline, or a partition with a pipeline of its own."""
    import dlt

    warehouse = make_machines("postgres")
    warehouse.emulator.add_job("llamacloud", job_id="pjb-one", status="COMPLETED", pages=1)
    warehouse.sync()
    file = warehouse.place.write("forget.txt", "pjb-one\n")
    args = {"reset": ("llamacloud", "--yes"), "forget": ("--job-ids-file", file)}[command]
    elsewhere = dlt.pipeline(
        name,
        destination=dlt.destinations.postgres(
            warehouse.place.env["DESTINATION__POSTGRES__CREDENTIALS"]
        ),
        dataset_name=warehouse.dataset,
        pipelines_dir=str(warehouse.place.folder / "elsewhere"),
    )
    with warehouse_lock(elsewhere) as held:
        held.take_turn("llamacloud", True, lambda: True)
        ran = warehouse.run(command, *args)
        held.end_turn()
    assert (ran.code, warehouse.ids()) == (75, ["pjb-one"]), ran.said
    assert "is running" in ran.err or "is loading llamacloud" in ran.err
    assert warehouse.run(command, *args).code == 0
    assert warehouse.ids() == []


# -- settings ----------------------------------------------------------------------------------


POLICIES = {
    "include_content": "SELECT count(*) FROM segments WHERE content IS NOT NULL",
    "include_names": "SELECT count(*) FROM jobs WHERE document_name = 'three.pdf'",
    "include_ocr": "SELECT count(*) FROM segment_ocr",
    "include_table_cells": "SELECT count(*) FROM table_cells",
}


@pytest.mark.parametrize("key", POLICIES)
def test_a_stricter_setting_holds_for_a_package_that_waits(
    key: str,
    make_machines: MakeWarehouse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    warehouse = make_machines("duckdb", "unsiloed")
    warehouse.emulator.add_job("unsiloed", status="Succeeded", pages=2, document_name="three.pdf")
    ids = ("--job-ids-file", warehouse.place.ids_file())
    warehouse.killed_at_load(monkeypatch, *ids, env={setting("unsiloed", key): "true"})
    ran = warehouse.sync(*ids, env={setting("unsiloed", key): "false"})
    assert (ran.code, warehouse.count("jobs")) == (0, 1), ran.said
    assert f"{key} was set to false since" in caplog.text
    assert warehouse.query(POLICIES[key]) == [(0,)]


@pytest.mark.slow
def test_a_package_that_waits_is_loaded_where_nothing_is_stricter(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    warehouse.killed_at_load(monkeypatch, env={setting("llamacloud", "include_content"): "false"})
    warehouse.sync()
    three = "job_id = 'pjb-three'"
    assert warehouse.count("segments", three) > 0
    assert warehouse.count("segments", f"{three} AND content IS NOT NULL") == 0
    assert DROPPED not in caplog.text


# -- notes of older versions ---------------------------------------------------------------------


def note_of(warehouse: Warehouse) -> Path:
    (path,) = warehouse.place.folder.glob("b/pipelines/docjobs_llamacloud/docjobs_base")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("is_base", [True, False])
def test_the_note_of_an_older_version_tells_its_base(
    is_base: bool,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    warehouse.killed_at_load(monkeypatch, machine="b")
    path = note_of(warehouse)
    base = json.loads(path.read_text())["base"]
    assert float(base) > 0
    path.write_text(base if is_base else "1700000000.1")
    warehouse.sync(machine="b")
    assert warehouse.ids() == ALL
    assert (DROPPED in caplog.text) == (not is_base)


@pytest.mark.slow
@pytest.mark.parametrize("is_erased", [True, False])
def test_a_package_of_an_older_version_is_of_the_first_generation_and_may_hold_everything(
    is_erased: bool,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    warehouse.killed_at_load(monkeypatch, machine="b")
    path = note_of(warehouse)
    path.write_text(json.loads(path.read_text())["base"])
    if is_erased:
        warehouse.run("reset", "llamacloud", "--yes")
        assert warehouse.sync(machine="b").code == 0
    else:
        warehouse.sync(machine="b", env={setting("llamacloud", "include_names"): "false"})
    assert DROPPED in caplog.text
    assert warehouse.ids() == ALL
