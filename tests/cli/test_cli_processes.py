"""What needs processes of their own: signals, locks between them, `dlt docjobs`, a closed pipe."""

from __future__ import annotations

import shlex
import signal
import sys

import pytest
from cli_support import DLT, KEYS, MakePlace, Place, ended, setting, wait_until
from dlt._workspace.cli._dlt import main as dlt_main

from dlt_docjobs.emulator.vocabulary import PROVIDERS
from dlt_docjobs.providers.registry import provider


@pytest.fixture
def slow(make_place: MakePlace) -> Place:
    """A provider that takes its time over many results."""
    place = make_place("llamacloud")
    for _ in range(40):
        place.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    place.env[setting("llamacloud", "max_concurrency")] = "1"
    place.emulator.faults.latency_seconds = 0.3
    return place


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_sync_in_order_and_loses_nothing(
    slow: Place, number: signal.Signals
) -> None:
    emulator = slow.emulator
    process = slow.start("sync", "--json")
    wait_until(lambda: len(emulator.requests) >= 5, process)
    if number is signal.SIGINT:
        second = slow.run("sync")
        assert (second.code, "another sync" in second.err) == (75, True), second.said
        status = slow.run("status")
        assert (status.code, f"process ({process.pid}) holds" in status.err) == (75, True)
    process.send_signal(number)
    ran = ended(process)
    assert ran.code == 128 + number, ran.said
    entry = ran.provider("llamacloud")
    assert (ran.json["exit_code"], entry["exit_code"], entry["ok"]) == (ran.code, 1, False)
    assert f"{number.name} came before everything was fetched" in ran.err
    assert "Traceback" not in ran.err
    assert 0 < entry["results_loaded"] < 40
    assert slow.count("jobs") == 40
    assert slow.count("chunks") == entry["results_loaded"]
    assert slow.count("sync_runs", "NOT ok AND exit_code = 1") == 1
    if number is not signal.SIGINT:
        return
    emulator.faults.latency_seconds = 0
    after = slow.run("sync", "--json").provider("llamacloud")
    assert after["results_loaded"] == 40 - entry["results_loaded"], "fetched again in vain"
    slow.assert_everything_loaded("llamacloud")


def test_no_key_is_in_any_output_not_even_of_debugging(make_place: MakePlace) -> None:
    place = make_place("llamacloud", "contextual", jobs=6)
    wrong = "sk-planted-0123456789"
    env: dict[str, str | None] = {"RUNTIME__LOG_LEVEL": "DEBUG", KEYS["contextual"]: wrong}
    ran = place.spawn("sync", "--json", env=env)
    assert (ran.code, len(ran.json["providers"])) == (3, 2), "logs go to standard error only"
    assert "|dlt|" in ran.err, "it does log"
    assert place.emulator.api_key not in ran.said
    assert wrong not in ran.said
    for path in place.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert wrong.encode() not in content, path
            assert place.emulator.api_key.encode() not in content, path


@pytest.mark.slow
def test_emulate_serves_until_it_is_interrupted(make_place: MakePlace) -> None:
    place = make_place()
    process = place.start("emulate", "--port", "0", "--jobs", "30")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(14)]
    origin = lines[0].split()[2]
    exported = dict(
        shlex.split(line)[1].split("=", 1) for line in lines if line.startswith("export ")
    )
    names = {name: provider(name).key_variables[0] for name in PROVIDERS}
    urls = {setting(name, "base_url") for name in names}
    assert set(exported) == {*names.values(), *urls, setting("unsiloed", "job_ids")}
    assert all(exported[url].startswith(origin) for url in urls)
    assert lines[-1] == "docjobs sync\n"
    # what it says is all that one needs
    for command in ("check", "sync"):
        ran = place.run(command, env={**exported})
        assert (ran.code, ran.err) == (0, ""), ran.said
    found = place.query("SELECT DISTINCT provider FROM docjobs.jobs")
    assert {name for (name,) in found} == set(PROVIDERS)
    process.send_signal(signal.SIGINT)
    ran = ended(process)
    assert (ran.code, ran.err) == (0, "")


def test_a_closed_pipe_is_no_traceback(make_place: MakePlace) -> None:
    process = make_place().start("--version")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 141


# -- dlt docjobs -------------------------------------------------------------------------------


def test_dlt_docjobs_has_the_same_exit_codes(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    ran = place.spawn("docjobs", "sync", "nobody", program=DLT)
    assert (ran.code, "unknown provider 'nobody'" in ran.err) == (2, True), ran.said


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--help"], 0, "status"),
        ([], 2, "status"),
        (["sync", "--help"], 0, "--job-ids-file"),
        (["sync", "--destinaton", "x"], 2, "did you mean --destination?"),
        (["status"], 0, "nothing has been synced"),
        (["reset", "llamacloud"], 2, "add --yes"),
        (["reset", "llamacloud", "--yes"], 0, "0 jobs removed"),
    ],
)
def test_dlt_docjobs_is_docjobs(
    args: list[str],
    code: int,
    said: str,
    make_place: MakePlace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = make_place("llamacloud")
    monkeypatch.setattr(sys, "argv", ["dlt", "docjobs", *args])
    monkeypatch.setattr("dlt._workspace.cli.echo.ALWAYS_CONFIRM", False)
    with place.inside(), pytest.raises(SystemExit) as ended:
        dlt_main()
    assert ended.value.code == code
    captured = capsys.readouterr()
    assert said in captured.out + captured.err
