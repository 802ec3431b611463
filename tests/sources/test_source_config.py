"""The configuration of the sources: what is taken, and what is refused with an explanation."""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import dlt_docjobs
from dlt_docjobs.http import HttpSettings
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.providers.registry import provider
from dlt_docjobs.sources import job_ids, settings
from dlt_docjobs.sources.source import resolve

LLAMACLOUD, CONTEXTUAL = provider("llamacloud"), provider("contextual")
KEY = "llx-0123456789abcdef"

DEFAULTS: dict[str, Any] = {
    "lag_seconds": 3600,
    "max_jobs_per_package": 5000,
    "max_concurrency": 16,
    "max_response_mb": 512,
    "requests_per_second": None,
    "max_retries": 5,
    "timeout_seconds": 60,
    "include_content": True,
    "include_names": True,
    "include_ocr": True,
    "include_table_cells": False,
    "include_extract": True,
    "job_kinds": None,
    "gone_after_seconds": 600,
    "retry_results_days": 7,
    "believe_gone": False,
    "poll_open_days": 32,
    "retention_days": None,
    "reload": None,
}


def refusal(call: Any, *arguments: Any) -> str:
    with pytest.raises(UsageError) as refused:
        call(*arguments)
    return str(refused.value)


# -- files of ids -------------------------------------------------------------------------------


def read(tmp_path: Path, text: str | bytes, name: str = "ids.txt") -> list[tuple[str, Any]]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(job_ids.read_job_ids(path))


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("ids.txt", "a\nb\n", [("a", None), ("b", None)]),
        ("ids.txt", "a\r\nb\r\n", [("a", None), ("b", None)]),
        ("ids.txt", "\ufeffa\nb", [("a", None), ("b", None)]),
        ("ids.txt", "# ours\n\n  a  \n\n#b\n", [("a", None)]),
        ("ids.txt", "", []),
        ("ids.txt", "\ufeff\n \n# nothing\n", []),
        ("ids", "a,b\n", [("a,b", None)]),
        ("ids.txt", "job_id\na\n", [("a", None)]),
        ("ids.csv", "job_id,job_kind\na,parse\nb,Extract\nc,\n", None),
        ("ids.csv", "\ufeffjob_id,job_kind\r\na,parse\r\nb,extract\r\nc,\r\n", None),
        ("ids.csv", '"JOB_ID";"Job_Kind"\n"a";parse\n"b";extract\nc;\n', None),
        ("ids.csv", "job_kind\tjob_id\nparse\ta\nextract\tb\n\tc\n", None),
        ("ids.csv", "note, job_id , job_kind\nx,a,parse\ny,b,extract\nz,c,\n", None),
        ("ids.csv", 'job_id,note,job_kind\na,"x, y\n#z",parse\nb,,extract\nc,"""q""",\n', None),
        ("ids.csv", "job_id,note,job_kind\na,x\u2028y\x0bz\x85,parse\nb,,extract\nc,,\n", None),
        ("anything", "job_id,job_kind\na,parse\n\nb,extract\n# x\nc,\n", None),
        ("ids.csv", "a\nb\n", [("a", None), ("b", None)]),
        ("ids.jsonl", '{"job_id":"a"}\n\n{"job_id":"b","job_kind":"EXTRACT","x":1}\n', 2),
        ("ids.txt", '{"job_id":"a"}\n{"job_kind":"extract","job_id":"b"}\n', 2),
        ("ids.ndjson", '"a"\n{"job_id":"b","job_kind":"extract"}\n', 2),
        ("ids.jsonl", '{"job_id":"a","n":"x\u2028y\x85"}\n{"job_id":"b","job_kind":"extract"}', 2),
        ("ids.jsonl", '{"job_id":17,"job_kind":null}\n', [("17", None)]),
    ],
)
def test_files_of_ids(tmp_path: Path, name: str, text: str, ids: Any) -> None:
    if ids is None:
        ids = [("a", "parse"), ("b", "extract"), ("c", None)]
    elif ids == 2:
        ids = [("a", None), ("b", "extract")]
    assert read(tmp_path, text, name) == ids


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("ids.txt", b"\xff\xfea\x00\n\x00", "not UTF-8"),
        ("ids.txt", "a b\n", "'a b' is no job id"),
        ("ids.txt", "fine\na/b\n", "'a/b' is no job id"),
        ("ids.txt", "..\n", "no job id"),
        ("ids.txt", "é\n", "no job id"),
        ("ids.csv", "id,kind\na,parse\n", "no column job_id"),
        ("ids.csv", "job_id,job_kind\n,parse\n", "'' is no job id"),
        ("ids.csv", "note,job_id\nonly a note\n", "'' is no job id"),
        ("ids.csv", "job_id,job_kind\na,ocr\n", "parse, extract, classify or split, not 'ocr'"),
        ("ids.csv", "job_id,note\na," + "x" * 200_000 + "\n", "is no CSV"),
        ("ids.jsonl", '\n# c\n{"job_id":"a"}\n\n{"job_id":\n', "line 5 of"),
        ("ids.jsonl", '{"job_id":"a"}\n{"id":"b"}\n', "line 2 of"),
        ("ids.jsonl", "[1]\n", "line 1 of"),
        ("ids.jsonl", '{"job_id":null}\n', "'' is no job id"),
        ("ids.jsonl", '{"job_id":["a"]}\n', "no job id"),
    ],
)
def test_files_of_ids_that_are_refused(
    tmp_path: Path, name: str, text: str | bytes, said: str
) -> None:
    assert said in refusal(read, tmp_path, text, name)


def test_what_is_no_file_of_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "can't be read" in refusal(list, job_ids.read_job_ids(tmp_path / "none.txt"))
    assert "no regular file" in refusal(list, job_ids.read_job_ids(tmp_path))
    assert "no regular file" in refusal(list, job_ids.read_job_ids(Path("/dev/zero")))
    os.mkfifo(tmp_path / "ids")
    assert "no regular file" in refusal(list, job_ids.read_job_ids(tmp_path / "ids"))
    monkeypatch.setattr(job_ids, "_LARGEST_FILE", 2**20)
    (tmp_path / "many.txt").write_text("pjb-1\n" * 200_000)
    assert "more than 1 MB" in refusal(list, job_ids.read_job_ids(tmp_path / "many.txt"))


# -- ids from elsewhere ---------------------------------------------------------------------------


def test_no_source_of_ids_is_not_an_empty_one() -> None:
    assert job_ids.targets_of(None, None) is None
    assert job_ids.targets_of(None, "") is None
    assert list(job_ids.targets_of([], None) or ["not empty"]) == ["not empty"]
    assert job_ids.targets_of([], None) is not None


@pytest.mark.parametrize(
    "ids",
    [
        ["a", "b"],
        ("a", "b"),
        "a, b",
        " a\nb ",
        '["a", "b"]',
        ' ["a",{"job_id":"b"}]',
        [["a"], [["b"]]],
        iter(["a", "b"]),
        [{"job_id": "a"}, {"job_id": "b", "job_kind": None}],
        pa.table({"job_id": ["a", "b"]}).to_pylist(),
        [pa.table({"job_id": ["a", "b"]})],
    ],
)
def test_ids_of_every_shape(ids: Any) -> None:
    targets = job_ids.targets_of(ids, None)
    assert targets is not None
    for _ in range(2):
        assert list(targets) == [("a", None), ("b", None)], "they can be read again"


@pytest.mark.parametrize("ids", ["[a, b]", ["a b"], [None], [1.5], [b"a"], [{"id": "a"}], ["x/y"]])
def test_ids_that_are_none(ids: Any) -> None:
    refusal(lambda: list(job_ids.targets_of(ids, None) or ()))


def test_ids_of_other_types_are_taken_as_text() -> None:
    number = uuid.UUID(int=7)
    assert list(job_ids.targets_of([17, number], None) or ()) == [
        ("17", None),
        ("00000000-0000-0000-0000-000000000007", None),
    ]


def test_ids_of_a_file_come_before_those_of_an_argument(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("a\n")
    for ids in (["b"], iter(["b"])):
        targets = job_ids.targets_of(ids, str(path))
        assert targets is not None
        assert list(targets) == [("a", None), ("b", None)]


def test_an_iterable_is_read_only_when_the_sync_runs() -> None:
    def broken() -> Iterator[str]:
        raise RuntimeError("read too early")
        yield

    targets = job_ids.targets_of(broken(), None)
    with pytest.raises(RuntimeError, match="too early"):
        list(targets or ())


# -- keys and URLs ----------------------------------------------------------------------------


def connect(url: str, key: str | None = KEY) -> settings.Connection:
    return settings.connection(LLAMACLOUD, "llamacloud", key, url, HttpSettings())


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("https://api.cloud.llamaindex.ai", "https://api.cloud.llamaindex.ai"),
        ("api.cloud.eu.llamaindex.ai", "https://api.cloud.eu.llamaindex.ai"),
        ("  HTTPS://Api.Contextual.AI/v1/ ", "https://api.contextual.ai/v1"),
        ("proxy:8443/llama", "https://proxy:8443/llama"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/x/", "http://localhost:8080/x"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://10.1.2.3", "http://10.1.2.3"),
        ("http://172.17.0.1:99", "http://172.17.0.1:99"),
        ("http://0.0.0.0:99", "http://0.0.0.0:99"),
        ("http://emulator:8080", "http://emulator:8080"),
        ("http://host.docker.internal:1", "http://host.docker.internal:1"),
    ],
)
def test_base_urls(given: str, taken: str) -> None:
    assert connect(given).base_url == taken


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        "ftp://api.example.com",
        "https://",
        "https:// x",
        "https://user:password@api.example.com",
        "https://api.example.com?key=1",
        "https://api.example.com/#x",
        "https://api.example.com:99999",
        "https://api.example.com/../x",
        "https://a\\b",
        "https://a\nb",
    ],
)
def test_base_urls_that_are_none(url: str) -> None:
    said = refusal(connect, url)
    assert said.startswith("base_url of llamacloud: ")
    assert "password@" not in said


@pytest.mark.parametrize(
    "url", ["http://api.cloud.llamaindex.ai", "http://8.8.8.8", "http://[2606:4700::1]"]
)
def test_a_key_does_not_leave_unencrypted(url: str) -> None:
    assert "unencrypted" in refusal(connect, url)


def test_where_the_key_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "LLAMA_CLOUD_API_KEY" in refusal(connect, "host", None)
    assert "LLAMA_CLOUD_API_KEY" in refusal(connect, "host", "")
    monkeypatch.setenv("LLAMA_PARSE_API_KEY", " second \n")
    assert connect("host", None).api_key == "second"
    monkeypatch.setenv("LLAMA_CLOUD_API_KEY", "first")
    assert connect("host", None).api_key == "first"
    assert connect("host", KEY).api_key == KEY


@pytest.mark.parametrize("key", ["two words", "tab\tkey", "schlüssel", "a\nb"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    said = refusal(connect, "host", key)
    assert "copy it again" in said and key not in said


def test_a_connection_never_shows_its_key() -> None:
    assert KEY not in repr(connect("host"))


# -- numbers, dates, words -----------------------------------------------------------------------


def sync_settings(**values: Any) -> Any:
    values = DEFAULTS | values
    return settings.sync_settings(CONTEXTUAL, "contextual", values, None, None)


def http_settings(**values: Any) -> Any:
    return settings.http_settings(DEFAULTS | values)


def test_defaults_are_those_of_the_contract() -> None:
    settings, http = sync_settings(), http_settings()
    assert settings.lag == timedelta(hours=1) and settings.poll_open == timedelta(days=32)
    assert settings.max_jobs_per_package == 5000 and settings.retention_days is None
    assert settings.created_at_resolution == timedelta(days=1)
    assert settings.kinds == ("parse", "extract") and settings.account == "default"
    assert (http.max_concurrency, http.max_retries, http.timeout_seconds) == (16, 5, 60)
    assert (http.max_response_mb, http.requests_per_second) == (512, None)
    assert settings.gone_after == timedelta(minutes=10) and not settings.believe_gone
    assert settings.retry_results == timedelta(days=7)
    assert sync_settings(include_extract=False).kinds == ("parse",)


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        (None, ("parse", "extract")),
        ("", ("parse", "extract")),
        ("parse", ("parse",)),
        (" Extract , parse ", ("parse", "extract")),
        ('["extract"]', ("extract",)),
        (["EXTRACT", "extract"], ("extract",)),
        (("parse",), ("parse",)),
    ],
)
def test_kinds_of_jobs_are_a_list_or_a_text(wanted: Any, kinds: tuple[str, ...]) -> None:
    assert sync_settings(job_kinds=wanted).kinds == kinds


def test_kinds_of_jobs_that_the_provider_does_not_have_are_refused() -> None:
    said = refusal(lambda: sync_settings(job_kinds="parse, split"))
    assert said == "job_kinds of contextual are some of parse, extract, not 'split'"
    said = refusal(lambda: sync_settings(job_kinds="extract", include_extract=False))
    assert said == "job_kinds and include_extract leave no jobs of contextual to load"


@pytest.mark.parametrize(
    ("make", "name", "least", "below"),
    [
        (sync_settings, "lag_seconds", 0, -0.1),
        (sync_settings, "max_jobs_per_package", 1, 0),
        (sync_settings, "poll_open_days", 0, -1),
        (sync_settings, "gone_after_seconds", 0, -1),
        (sync_settings, "retry_results_days", 0, -0.5),
        (sync_settings, "retention_days", 0.1, 0),
        (sync_settings, "created_at_resolution_seconds", 1, 0),
        (http_settings, "max_concurrency", 1, 0),
        (http_settings, "max_retries", 0, -1),
        (http_settings, "timeout_seconds", 0.1, 0),
        (http_settings, "max_response_mb", 0.1, 0),
        (http_settings, "requests_per_second", 0.1, 0),
    ],
)
def test_numbers_have_their_ranges(make: Any, name: str, least: Any, below: Any) -> None:
    make(**{name: least})
    for value in (below, -5, math.nan, math.inf, -math.inf, 1e300):
        said = refusal(lambda value=value: make(**{name: value}))
        assert said.startswith(f"{name} is ")


def test_a_lag_of_any_allowed_length_can_be_subtracted() -> None:
    assert datetime.now(timezone.utc) - sync_settings(lag_seconds=1e9).lag


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        (None, None),
        ("", None),
        ("2026-01-31", datetime(2026, 1, 31)),
        (date(2026, 1, 31), datetime(2026, 1, 31)),
        (datetime(2026, 1, 31), datetime(2026, 1, 31)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12)),
        ("2026-01-31 12:00", datetime(2026, 1, 31, 12)),
        ("2026-01-31T12:00:00+02:00", datetime(2026, 1, 31, 10)),
        (datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 1, 31, 10)),
        ("2026-01-31T12:00:00.123456789Z", datetime(2026, 1, 31, 12, 0, 0, 123456)),
    ],
)
def test_start_dates(value: Any, instant: datetime | None) -> None:
    expected = None if instant is None else instant.replace(tzinfo=timezone.utc)
    assert settings.start_of(value) == expected


@pytest.mark.parametrize(
    "value", ["yesterday", "2026-13-01", "31.01.2026", 2026, 1.5, True, "2026-02-30", "0000-01-01"]
)
def test_start_dates_that_are_none(value: Any) -> None:
    assert "start_date is a date such as 2026-01-31" in refusal(settings.start_of, value)


@pytest.mark.parametrize(
    ("name", "account"),
    [("llamacloud", "default"), ("llamacloud_eu", "eu"), ("llamacloud_a1_b", "a1_b")],
)
def test_accounts(name: str, account: str) -> None:
    assert settings.account_of("llamacloud", name) == account


@pytest.mark.parametrize(
    "name", ["llamacloud_EU", "llamacloud_1", "llamacloud_a'b", "llamacloud-x"]
)
def test_accounts_that_are_none(name: str) -> None:
    assert "lower-case" in refusal(settings.account_of, "llamacloud", name)


def test_a_reload_of_nothing_known_is_refused() -> None:
    assert "failed, skipped, incomplete or all" in refusal(
        lambda: sync_settings(reload="everything")
    )


# -- through dlt's own configuration --------------------------------------------------------------


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLAMA_CLOUD_API_KEY", "CONTEXTUAL_API_KEY", "UNSILOED_API_KEY"):
        monkeypatch.setenv(name, KEY)


@pytest.mark.usefixtures("key")
def test_a_misspelt_setting_is_refused_with_the_one_that_was_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__DOCJOBS__LLAMACLOUD__MAX_CONCURENCY", "3")
    said = refusal(dlt_docjobs.llamacloud)
    assert "unknown setting max_concurency under sources.docjobs.llamacloud" in said
    assert "did you mean max_concurrency?" in said
    # another provider's section is another matter
    dlt_docjobs.contextual()


@pytest.mark.usefixtures("key")
def test_a_setting_of_another_provider_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__DOCJOBS__CONTEXTUAL__PROJECT_ID", "prj")
    said = refusal(dlt_docjobs.contextual)
    assert "unknown setting project_id" in said and KEY not in said
    monkeypatch.delenv("SOURCES__DOCJOBS__CONTEXTUAL__PROJECT_ID")
    monkeypatch.setenv("SOURCES__DOCJOBS__LLAMACLOUD__PROJECT_ID", "prj")
    made = resolve(lambda: dlt_docjobs.llamacloud())
    assert made.values["project_id"] == "prj"


@pytest.mark.usefixtures("key")
def test_settings_of_the_environment_reach_the_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "START_DATE": "2026-01-31",
        "LAG_SECONDS": "10",
        "INCLUDE_CONTENT": "false",
        "REQUESTS_PER_SECOND": "2.5",
        "JOB_IDS": '["a", "b"]',
        "AUTH_HEADER": "X-API-Key",
        "BASE_URL": "example.com/x",
        "API_KEY": "other-key",
    }.items():
        monkeypatch.setenv(f"SOURCES__DOCJOBS__UNSILOED__{name}", value)
    made = resolve(lambda: dlt_docjobs.unsiloed())
    settings = made.settings
    assert settings.start_date == datetime(2026, 1, 31, tzinfo=timezone.utc)
    assert settings.lag == timedelta(seconds=10)
    assert not settings.policy.include_content and settings.policy.include_names
    assert list(settings.targets or ()) == [("a", None), ("b", None)]
    assert made.connection.http.requests_per_second == 2.5
    assert made.connection.base_url == "https://example.com/x"
    assert made.connection.api_key == "other-key"


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("name", ["llamacloud", "contextual", "unsiloed"])
def test_each_source_is_made_with_a_key_alone(name: str) -> None:
    made = resolve(lambda: getattr(dlt_docjobs, name)())
    assert made.settings.provider is provider(name) and made.settings.start_date is None
    assert made.settings.targets is None
    api = made.make_api()
    assert KEY not in repr(api.client) and api.client.base_url.startswith("https://")
