"""Every exit code of `docjobs sync`, and the sentence that goes with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_support import KEYS, MakePlace, Place, setting

LLAMA_URL = setting("llamacloud", "base_url")


@pytest.fixture(scope="module")
def place(make_place: MakePlace) -> Place:
    """A folder for what fails before anything is loaded."""
    return make_place()


@contextmanager
def held(folder: Path, code: str) -> Iterator[None]:
    """Another process that holds something, as long as the block lasts."""
    held = f"{code}\nprint('held', flush=True)\nimport sys; sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", held],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.communicate()


def no_traceback(said: str) -> bool:
    """Nothing that only the program's authors can read."""
    return "Traceback" not in said and "  File " not in said and "unexpected" not in said


# -- 2: usage and configuration ----------------------------------------------------------------

BAD_USAGE: dict[str, tuple[list[str], str]] = {
    "a malformed date": (["--since", "2026-13-45"], "--since is a date such as 2026-01-31"),
    "a window without width": (
        ["--since", "2026-02-01", "--until", "2026-02-01"],
        "--since lies before --until",
    ),
    "a word for no date": (["--until", "7w"], "or yesterday, 7d or 12h, not '7w'"),
    "a window in the future": (["--since", "2999-01-01"], "--since lies in the future"),
    "an unknown provider": (["lamacloud"], "did you mean llamacloud?"),
    "an account that is no name": (["llamacloud:E U"], "an account's name is"),
    "an unreadable file of ids": (["unsiloed", "--job-ids-file", "none.txt"], "can't be read"),
    "an id with a slash": (["unsiloed", "--job-ids-file", "slash.txt"], "'a/b' is no job id"),
    "a file of ids without the column": (
        ["unsiloed", "--job-ids-file", "other.csv"],
        "has no column job_id",
    ),
    "ids of nobody in particular": (["--job-ids-file", "ids.txt"], "of one provider: say which"),
    "ids and a window": (
        ["llamacloud", "--job-ids-file", "ids.txt", "--since", "2026-01-01"],
        "choose one",
    ),
    "a deadline of nothing": (["--deadline", "0"], "--deadline is a number of seconds above 0"),
    "following backwards": (["--follow", "-3"], "--follow is a number of seconds above 0"),
    "no number at all": (["--deadline", "nan"], "--deadline is a number of seconds above 0"),
    "results again and not at all": (["--reload", "all", "--no-results"], "choose one"),
    "an unknown destination": (["--destination", "duckdbb"], "did you mean duckdb?"),
    "a dataset that is no name": (["--dataset", "My Data"], "my_data"),
    "no dataset": (["--dataset", ""], "--dataset is"),
    "a destination without credentials": (
        ["llamacloud", "--destination", "postgres"],
        "set DESTINATION__POSTGRES__CREDENTIALS",
    ),
}


@pytest.mark.parametrize("case", BAD_USAGE)
def test_wrong_usage_is_2(case: str, place: Place) -> None:
    place.write("slash.txt", "a/b")
    place.write("ids.txt", "abc")
    place.write("other.csv", "id,name\n1,a\n")
    args, said = BAD_USAGE[case]
    ran = place.run("sync", *args)
    assert (ran.code, said in ran.err) == (2, True), ran.said
    assert no_traceback(ran.said)


BAD_CONFIGURATION: dict[str, tuple[dict[str, str | None], str]] = {
    "no key": ({KEYS["llamacloud"]: None}, "no API key for llamacloud: set LLAMA_CLOUD_API_KEY"),
    "a key that no header carries": ({KEYS["llamacloud"]: "a b"}, "copy it again"),
    "a base URL that is none": ({LLAMA_URL: "ftp://example.com"}, "must begin with https://"),
    "a key sent in the clear": ({LLAMA_URL: "http://10.example.com"}, "use https"),
    "an unknown key": (
        {setting("llamacloud", "page_siz"): "3"},
        "unknown setting page_siz under sources.docjobs.llamacloud; did you mean page_size?",
    ),
    "a word for a number": ({setting("llamacloud", "page_size"): "many"}, "page_size can't be"),
    "too small a number": ({setting("llamacloud", "page_size"): "0"}, "page_size"),
    "a negative number": ({setting("llamacloud", "max_retries"): "-1"}, "max_retries is from 0"),
    "no number at all": ({setting("llamacloud", "lag_seconds"): "nan"}, "lag_seconds is from 0"),
    "endless days": ({setting("llamacloud", "poll_open_days"): "1e12"}, "poll_open_days is from"),
    "a malformed date": ({setting("llamacloud", "start_date"): "soon"}, "start_date is a date"),
    "a file named as the dataset": (
        {"DESTINATION__DUCKDB__CREDENTIALS": "docjobs.duckdb"},
        "the DuckDB file docjobs.duckdb bears the dataset's name",
    ),
    "nothing that lasts": ({"DESTINATION__DUCKDB__CREDENTIALS": ":memory:"}, "name a file"),
    "a file for each": ({"DESTINATION__DUCKDB__CREDENTIALS": ":pipeline:"}, "name a file"),
}


@pytest.mark.parametrize("case", BAD_CONFIGURATION)
def test_wrong_configuration_is_2(case: str, place: Place) -> None:
    env, said = BAD_CONFIGURATION[case]
    ran = place.run("sync", "llamacloud", env=env)
    assert (ran.code, said in ran.err) == (2, True), ran.said
    assert no_traceback(ran.said)
    assert place.emulator.requests == []


def test_no_key_at_all_is_2(place: Place) -> None:
    ran = place.run("sync", env=dict.fromkeys(KEYS.values()))
    assert (ran.code, ran.out) == (2, "")
    assert all(variable in ran.err for variable in KEYS.values())


def test_a_broken_file_of_settings_is_2(make_place: MakePlace, place: Place) -> None:
    broken = make_place(emulator=place.emulator)
    broken.write(".dlt/config.toml", "[sources.docjobs\n")
    ran = broken.spawn("sync")
    assert (ran.code, "config.toml" in ran.err, no_traceback(ran.err)) == (2, True, True), ran.err


def test_a_typo_beside_a_secret_of_the_same_section_is_found(
    make_place: MakePlace, place: Place
) -> None:
    typo = make_place(emulator=place.emulator)
    typo.write(".dlt/secrets.toml", '[sources.docjobs.llamacloud]\napi_key = "emulator-key"\n')
    typo.write(".dlt/config.toml", "[sources.docjobs.llamacloud]\npage_siz = 3\n")
    ran = typo.run("sync", "llamacloud")
    assert (ran.code, "did you mean page_size?" in ran.err) == (2, True), ran.err


def test_unsiloed_without_ids_is_2_and_an_empty_list_of_them_0(make_place: MakePlace) -> None:
    place = make_place("unsiloed")
    ran = place.run("sync", "unsiloed")
    assert (ran.code, "publishes no list of jobs" in ran.err) == (2, True)
    ran = place.run("sync", "unsiloed", "--job-ids-file", place.write("empty.csv", "job_id\n"))
    assert (ran.code, ran.err) == (0, "")
    assert place.count("jobs") == 0


# -- 3: refused or out of reach ----------------------------------------------------------------


def test_no_provider_at_all_is_3(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    env: dict[str, str | None] = {LLAMA_URL: "http://127.0.0.1:1"}
    env[setting("llamacloud", "max_retries")] = "0"
    ran = place.run("sync", env=env)
    assert (ran.code, "connection failed" in ran.err) == (3, True), ran.said
    [line] = ran.out.splitlines()
    assert "Z llamacloud: failed; nothing was loaded, 1 request in " in line


def test_nothing_but_failures_is_3(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    place.emulator.faults.refuse_status = 500
    ran = place.run("sync", "--json", env={setting("llamacloud", "max_retries"): "0"})
    assert (ran.code, ran.provider("llamacloud")["exit_code"]) == (3, 3), ran.said


def test_a_destination_out_of_reach_is_3_and_says_no_password(place: Place) -> None:
    url = "postgresql://someone:hush@127.0.0.1:1/warehouse"
    env: dict[str, str | None] = {"DESTINATION__POSTGRES__CREDENTIALS": url}
    ran = place.run("sync", "llamacloud", "--destination", "postgres", env=env)
    assert (ran.code, "the destination refused: connection to server" in ran.err) == (3, True)
    assert "hush" not in ran.said and no_traceback(ran.said)
    assert place.emulator.requests == [], "nothing is fetched that can't be loaded"


def test_a_folder_that_is_not_there_is_3(place: Place) -> None:
    env: dict[str, str | None] = {"DESTINATION__DUCKDB__CREDENTIALS": "/none/of/it/w.duckdb"}
    ran = place.run("sync", "llamacloud", env=env)
    assert (ran.code, "can't be opened: IO Error" in ran.err) == (3, True), ran.said
    assert len(ran.err) < 300


# -- 75: in the way ----------------------------------------------------------------------------


def test_another_sync_of_the_pipeline_is_75(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    folder = place.folder / ".data" / "pipelines"
    folder.mkdir(parents=True)
    lock = folder / "docjobs_llamacloud.docjobs.lock"
    hold = f"import fasteners; lock = fasteners.InterProcessLock({str(lock)!r}); lock.acquire()"
    with held(folder, hold):
        ran = place.run("sync", "--json")
        assert (ran.code, ran.provider("llamacloud")["exit_code"]) == (75, 75)
        assert "another sync of docjobs_llamacloud is running" in ran.err
        assert place.run("reset", "llamacloud", "--yes").code == 75
    assert place.emulator.requests == []


def test_a_held_file_is_75_and_its_row_comes_with_the_next_sync(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    hold = "import duckdb; connection = duckdb.connect('warehouse.duckdb')"
    with held(place.folder, hold):
        ran = place.run("sync")
        assert ran.code == 75
        assert str(place.folder / "warehouse.duckdb") in ran.err
        assert "close it or let it end" in ran.err and no_traceback(ran.said)
        status = place.run("status")
        assert (status.code, "warehouse.duckdb open" in status.err) == (75, True)
    assert place.run("sync").code == 0
    rows = place.query("SELECT exit_code, ok FROM docjobs.sync_runs ORDER BY finished_at")
    assert rows == [(75, False), (0, True)]


# -- 1: in part, and which code wins -----------------------------------------------------------


@pytest.mark.slow
def test_an_id_that_nobody_knows_is_1_once(make_place: MakePlace) -> None:
    place = make_place("unsiloed")
    place.emulator.add_job("unsiloed", job_id="uns-1", status="Succeeded", pages=1)
    named = ("--job-ids-file", place.write("ids.txt", "uns-1\nuns-unknown"))
    ran = place.run("sync", "unsiloed", *named, "--json")
    assert (ran.code, ran.provider("unsiloed")["rejected"]) == (1, 1)
    assert "does not know" in ran.provider("unsiloed")["error"]
    assert place.count("jobs") == 1
    assert place.run("sync", "unsiloed", *named).code == 0
    assert place.count("rejected_records") == 1


def test_a_wrong_key_is_3_leaves_a_row_and_stops_no_other_provider(make_place: MakePlace) -> None:
    place = make_place("llamacloud", "contextual")
    job = place.emulator.add_job("contextual", status="completed", pages=1)
    place.emulator.faults.broken_results = {job.job_id: "garbage"}
    ran = place.run("sync", "--json", env={KEYS["llamacloud"]: "sk-wrong"})
    codes = [entry["exit_code"] for entry in ran.json["providers"]]
    assert (ran.code, ran.json["exit_code"], codes) == (3, 3, [1, 3]), "3 counts before 1"
    assert "401" in ran.err and "EU key" in ran.err and "sk-wrong" not in ran.said
    rows = place.query("SELECT provider, ok, exit_code FROM docjobs.sync_runs ORDER BY 1")
    assert rows == [("contextual", False, 1), ("llamacloud", False, 3)]
    assert place.query("SELECT job_id, results_state FROM docjobs.jobs") == [
        (job.job_id, "pending")
    ]


def test_of_several_codes_2_comes_first(place: Place) -> None:
    env: dict[str, str | None] = {setting("contextual", "page_siz"): "3"}
    env["DESTINATION__POSTGRES__CREDENTIALS"] = "postgresql://someone:hush@127.0.0.1:1/w"
    args = ("llamacloud", "contextual", "--destination", "postgres", "--json")
    ran = place.run("sync", *args, env=env)
    assert [entry["exit_code"] for entry in ran.json["providers"]] == [3, 2]
    assert ran.code == 2
