"""What whole commands leave behind: no key, no signed URL, no text, and nothing for others to read.

Markers are planted in results, unknown fields, HTML, unreadable and error bodies, and headers;
syncs run with everything logged, go well and fail; then every byte is searched.
"""

from __future__ import annotations

import itertools
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dlt
import duckdb
import psycopg2
import pytest
from cli_support import KEYS, MakePlace, Place, setting
from conformance_bench import KINDS, SUCCESS_WORD, result_of
from relay_support import SIGNATURE, TEXT, Relay
from secrecy_support import every_file, every_postgres_table, every_table, unpacked_text

import dlt_docjobs
from dlt_docjobs.accounts.pipelines import Account, make_pipeline

DESTINATIONS = ("duckdb", "postgres")
DOCUMENTED = {
    "llamacloud": (
        r"/api/v2/(parse|extract|classify)(/[^/]+)?|/api/v2/extract/[^/]+/review"
        r"|/api/v1/(job-data-points|split/jobs(/[^/]+)?)"
    ),
    "contextual": r"/v1/(parse|extract)/jobs(/[^/]+(/status|/results)?)?",
    "unsiloed": r"/(parse|extract|classify|splitter)/[^/]+",
}
RESULTS = {
    "llamacloud": r"/(parse|extract)/[^/]+$",
    "contextual": r"/results$",
    "unsiloed": r"/(parse|extract)/[^/]+$",
}


@dataclass
class Leftovers:
    """Everything that some syncs have left, by where it lies."""

    provider: str
    key: str
    codes: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)

    def places(self, marker: str) -> list[str]:
        return [place for place, text in self.texts.items() if marker in text]


def break_merges(destination: str, place: Place, address: str, is_broken: bool) -> None:
    """Makes every merge of `jobs` fail after it has begun, and well again."""
    change = "SET NOT NULL" if is_broken else "DROP NOT NULL"
    table = "docjobs.jobs"
    statements = [f"ALTER TABLE {table} ALTER COLUMN own {change}"]
    if is_broken:
        statements.insert(0, f"ALTER TABLE {table} ADD COLUMN own VARCHAR DEFAULT 'mine'")
        statements.append(f"ALTER TABLE {table} ALTER COLUMN own DROP DEFAULT")
    if destination == "duckdb":
        with duckdb.connect(str(place.folder / "warehouse.duckdb")) as connection:
            for statement in statements:
                connection.execute(statement)
        return
    server = psycopg2.connect(address)
    try:
        server.autocommit = True
        for statement in statements:
            server.cursor().execute(statement)
    finally:
        server.close()


def cases() -> Iterator[Any]:
    """One provider in PostgreSQL, and each in each destination in the long run.

    What whole syncs leave in DuckDB's files, the conformance suite searches for every provider.
    """
    for case in itertools.product(KEYS, DESTINATIONS):
        marks = () if case == ("llamacloud", "postgres") else (pytest.mark.slow,)
        yield pytest.param(case, marks=marks, id="-".join(case))


@pytest.fixture(scope="module", params=cases())
def leftovers(
    request: pytest.FixtureRequest, make_place: MakePlace, postgres_server: str
) -> Iterator[Leftovers]:
    """What syncs of every outcome leave of one provider in one destination."""
    provider, destination = request.param
    place = make_place(provider)
    emulator = place.emulator
    address = ""
    if destination == "postgres":
        address = request.getfixturevalue("postgres")
        place.env["DESTINATION__POSTGRES__CREDENTIALS"] = address
        with_server = psycopg2.connect(address)
        with_server.autocommit = True
        with_server.cursor().execute("DROP SCHEMA IF EXISTS docjobs CASCADE")
        with_server.close()
    jobs = {}
    for kind in KINDS:
        for number in range(3):
            created = datetime.now(timezone.utc) - timedelta(hours=number + 1)
            jobs[kind, number] = emulator.add_job(
                provider,
                kind,
                status=SUCCESS_WORD[provider, kind],
                created_at=created,
                document_name=f"{TEXT}.pdf",
                user_metadata={"owner": TEXT},
                result=result_of(provider, kind, [f"{TEXT} one", f"{TEXT} two"]),
            ).job_id
    place.env |= {
        "RUNTIME__LOG_LEVEL": "DEBUG",
        "DOCJOBS_DEBUG": "1",
        setting(provider, "include_content"): "false",
        setting(provider, "include_names"): "false",
        setting(provider, "max_retries"): "0",
        # small packages, so that some are pending where a load fails
        setting(provider, "max_jobs_per_package"): "2",
    }
    relay = Relay(emulator)
    found = Leftovers(provider, emulator.api_key)
    args = ["sync", provider, "--destination", destination, "--json"]
    if provider == "unsiloed":
        args += ["--job-ids-file", place.ids_file()]
    with relay.serving() as origin:
        path = emulator.base_urls[provider].removeprefix(emulator.origin)
        place.env[setting(provider, "base_url")] = origin + path

        def sync(name: str, *more: str) -> None:
            # a process of its own costs seconds
            is_own = name in ("good", "broken load")
            ran = (place.spawn if is_own else place.run)(*args, *more)
            found.codes[name] = ran.code
            found.texts[f"said: {name}"] = unpacked_text(ran.said.encode())

        spoilt = [jobs[kind, 1] for kind in KINDS] + [jobs[kind, 2] for kind in KINDS]
        ways = ["html", "refused", "cut", "boom"]
        relay.spoil = {f"{job}(/results)?$": way for job, way in zip(spoilt, ways, strict=True)}
        sync("spoilt results")
        for way in ("html", "cut", "refused", "boom", "echo"):
            relay.spoil = {".": way}
            sync(f"nothing but {way}", "--reload", "all") if way == "boom" else sync(way)
        relay.spoil = {}
        break_merges(destination, place, address, True)
        sync("broken load", "--reload", "all")
        found.texts |= {f"pending {name}": text for name, text in every_file(place.folder).items()}
        break_merges(destination, place, address, False)
        sync("good", "--reload", "all")
        extracted_only(place, provider, destination, found, args)
        found.texts |= every_file(place.folder)
        if destination == "postgres":
            found.texts |= every_postgres_table(address)
        else:
            found.texts |= every_table(place.folder / "warehouse.duckdb")
    found.seen = relay.seen
    yield found


def extracted_only(
    place: Place, provider: str, destination: str, found: Leftovers, args: list[str]
) -> None:
    """Packages that are extracted and normalised, but not loaded, as a dead process leaves them."""
    with place.inside():
        account = Account(provider)  # type: ignore[arg-type]
        pipeline = make_pipeline(account, destination, "docjobs")
        options: dict[str, Any] = {"reload": "all"}
        if provider == "unsiloed":
            options["job_ids_file"] = args[-1]
        source = account.source(**options)
        found.texts["repr"] = repr((pipeline, source, source.resources, options))
        pipeline.extract(source)
        found.texts |= {f"extracted {at}": text for at, text in every_file(place.folder).items()}
        pipeline.normalize()
        assert pipeline.has_pending_data
        found.texts["trace"] = str(pipeline.last_trace) + repr(pipeline.last_trace)
        with pytest.raises(Exception) as caught:
            wrong = account.source(api_key="sk-planted-0123456789", **options)
            dlt.pipeline("elsewhere", destination="filesystem", dataset_name="x").run(wrong)
        found.texts["exception"] = "".join(
            f"{error!s} {error!r}" for error in (caught.value, caught.value.__cause__)
        )


@pytest.mark.slow
def test_the_syncs_ended_as_they_should(leftovers: Leftovers) -> None:
    codes = leftovers.codes
    assert codes["spoilt results"] == 1
    assert codes["echo"] == codes["broken load"] == 3
    assert codes["good"] == 0
    assert {codes[way] for way in ("html", "cut", "refused", "nothing but boom")} <= {0, 1, 3}


def test_everything_was_searched(leftovers: Leftovers) -> None:
    places = " ".join(leftovers.texts)
    assert re.search(r"pending .*normalized.*(parquet|insert_values|csv|sql)", places)
    assert re.search(r"extracted .*extracted.*parquet", places)
    for place in ("trace", "state.json", "jobs", "rejected_records", "_dlt_pipeline_state"):
        assert place in places
    assert "|dlt|" in leftovers.texts["said: good"], "it does log"
    assert "Traceback" in leftovers.texts["said: broken load"]


def test_no_key_is_anywhere(leftovers: Leftovers) -> None:
    assert leftovers.places(leftovers.key) == []
    assert leftovers.places("sk-planted") == []


def test_no_signed_url_is_anywhere(leftovers: Leftovers) -> None:
    assert leftovers.places(SIGNATURE) == []


def test_no_text_of_a_document_is_anywhere(leftovers: Leftovers) -> None:
    assert leftovers.places(TEXT) == []


def test_only_documented_paths_are_asked_for_and_only_by_get(leftovers: Leftovers) -> None:
    assert len(leftovers.seen) > 20
    for method, target in leftovers.seen:
        path = target.split("?")[0].removeprefix(f"/{leftovers.provider}")
        assert method == "GET"
        assert re.fullmatch(DOCUMENTED[leftovers.provider], path), path


def test_unpacking_finds_what_is_packed() -> None:
    import base64
    import gzip
    import zlib

    packed = base64.b64encode(zlib.compress(b"deep: " + TEXT.encode()))
    assert TEXT not in packed.decode()
    assert TEXT in unpacked_text(b"{" + packed + b"}")
    assert TEXT in unpacked_text(gzip.compress(packed))
    assert TEXT in unpacked_text(gzip.compress(TEXT.encode() * 9)[:-9]), "a file that breaks off"


# -- wherever the key is configured ------------------------------------------------------------


def secrets_toml(place: Place, shared: bool) -> None:
    sections = ["sources.docjobs"] if shared else [f"sources.docjobs.{name}" for name in KEYS]
    key = place.emulator.api_key
    text = "".join(f'[{section}]\napi_key = "{key}"\n' for section in sections)
    place.write(".dlt/secrets.toml", text)


ORIGINS = ("usual", "variable", "toml", "shared toml")


def places_of_keys() -> Iterator[Any]:
    """Every origin of a key, with each kind of destination; the others than DuckDB at night."""
    for where, destination in itertools.product(ORIGINS, ("duckdb", "postgres", "filesystem")):
        marks = () if destination == "duckdb" else (pytest.mark.slow,)
        yield pytest.param(where, destination, marks=marks, id=f"{where}-{destination}")


@pytest.mark.parametrize(("where", "destination"), list(places_of_keys()))
def test_no_command_keeps_or_shows_the_key_wherever_it_is_configured(
    make_place: MakePlace, request: pytest.FixtureRequest, where: str, destination: str
) -> None:
    place = make_place(*KEYS)
    key = place.emulator.api_key
    for provider in KEYS:
        place.emulator.add_job(provider, "parse")  # type: ignore[arg-type]
    place.env[setting("unsiloed", "job_ids_file")] = str(place.folder / place.ids_file())
    if destination == "postgres":
        address = request.getfixturevalue("postgres")
        place.env["DESTINATION__POSTGRES__CREDENTIALS"] = address
    elif destination == "filesystem":
        place.env["DESTINATION__FILESYSTEM__BUCKET_URL"] = str(place.folder / "lake")
    if where != "usual":
        for variable in KEYS.values():
            del place.env[variable]
    if where == "variable":
        place.env |= {setting(provider, "api_key"): key for provider in KEYS}
    elif "toml" in where:
        secrets_toml(place, "shared" in where)
    commands = ["check", "config", "sync", "status", "sync --reload all", "config --json"]
    if destination != "filesystem":
        commands += ["views", "report", "reset llamacloud --yes"]
    for command in commands:
        ran = place.run(*command.split(), "--destination", destination)
        assert ran.code in (0, 1), ran.err
        assert key not in ran.said, command
        kept = every_file(place.folder)
        kept.pop(".dlt/secrets.toml", None)
        assert [name for name, text in kept.items() if key in text] == [], command
    traces = [name for name in every_file(place.folder) if name.endswith("trace.pickle")]
    assert len(traces) >= 2, "dlt keeps what it has resolved: that is where keys were"
    if destination == "postgres":
        tables = every_postgres_table(address)
        assert [name for name, text in tables.items() if key in text] == []


@pytest.mark.parametrize("where", ORIGINS)
def test_a_key_that_is_refused_stands_nowhere(make_place: MakePlace, where: str) -> None:
    place = make_place("llamacloud")
    place.emulator.add_job("llamacloud", "parse")
    wrong = "llx-0123456789-refused-AbCdEf"
    del place.env[KEYS["llamacloud"]]
    if where == "usual":
        place.env[KEYS["llamacloud"]] = wrong
    elif where == "variable":
        place.env[setting("llamacloud", "api_key")] = wrong
    else:
        section = "sources.docjobs" if "shared" in where else "sources.docjobs.llamacloud"
        place.write(".dlt/secrets.toml", f'[{section}]\napi_key = "{wrong}"\n')
    for command in ("check llamacloud", "sync llamacloud", "sync llamacloud --json"):
        ran = place.run(*command.split(), env={"DOCJOBS_DEBUG": "1"})
        assert ran.code == 3 and wrong not in ran.said
    kept = every_file(place.folder)
    kept.pop(".dlt/secrets.toml", None)
    assert [name for name, text in kept.items() if wrong in text] == []


# -- who may read it ---------------------------------------------------------------------------


def open_to_others(folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in (folder, *folder.rglob("*"))
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]


@pytest.fixture
def lenient() -> Iterator[None]:
    """The usual mask of a machine: what is made is readable by all."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.slow
@pytest.mark.usefixtures("lenient")
@pytest.mark.skipif(os.name == "nt", reason="Windows keeps files by other means")
def test_what_a_command_makes_is_its_owners(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    place.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    assert place.spawn("sync").code == 0
    assert (place.folder / "warehouse.duckdb").exists()
    assert open_to_others(place.folder / ".data") == []
    assert stat.S_IMODE((place.folder / "warehouse.duckdb").stat().st_mode) == 0o600


@pytest.mark.usefixtures("lenient")
@pytest.mark.skipif(os.name == "nt", reason="Windows keeps files by other means")
def test_what_a_program_makes_is_its_owners_and_what_is_there_stays(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    emulator = place.emulator
    job = emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    masks: set[int] = set()

    def look(record: object) -> None:
        # the log beside the file as well, which is there as long as a sync writes
        masks.update(stat.S_IMODE(path.stat().st_mode) for path in place.folder.glob("*.duckdb*"))

    emulator.faults.on_request = look
    with place.inside():
        pipeline = dlt.pipeline(
            "mine", destination=dlt.destinations.duckdb("own.duckdb"), dataset_name="docjobs"
        )
        source = dlt_docjobs.llamacloud(
            api_key=emulator.api_key, base_url=emulator.base_urls["llamacloud"]
        )
        dlt_docjobs.run(pipeline, source)
        working_dir = Path(pipeline.working_dir)
        assert stat.S_IMODE(working_dir.stat().st_mode) == 0o700
        assert masks <= {0o600}
        file = place.folder / "own.duckdb"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        # whoever opens them to others has a reason
        file.chmod(0o640)
        working_dir.chmod(0o750)
        dlt_docjobs.run(pipeline, dlt_docjobs.llamacloud(
            api_key=emulator.api_key, base_url=emulator.base_urls["llamacloud"]
        ))  # fmt: skip
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
        assert stat.S_IMODE(working_dir.stat().st_mode) == 0o750
        made = place.folder / "after"
        made.touch()
        assert stat.S_IMODE(made.stat().st_mode) == 0o644, "the mask is as it was"
    assert job.job_id
