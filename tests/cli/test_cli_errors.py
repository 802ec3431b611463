"""What exceptions mean: a sentence, a code, and nothing that must not be told."""

from __future__ import annotations

import pytest
from dlt.common.configuration.exceptions import ConfigurationValueError
from dlt.common.exceptions import DltException
from dlt.destinations.exceptions import DatabaseTransientException, DestinationConnectionError

from dlt_docjobs import SyncFailed, SyncLocked, UsageError
from dlt_docjobs.cli.errors import explain
from dlt_docjobs.http import ServerError


class OperationalError(Exception):
    """As every database driver names it (PEP 249)."""


def wrapped(error: Exception) -> Exception:
    """As dlt wraps what a source or a destination raises."""
    try:
        try:
            raise error
        except Exception as cause:
            raise DltException("a step failed") from cause
    except DltException as wrapper:
        return wrapper


CASES: list[tuple[Exception, int, str]] = [
    (UsageError("a word is wrong"), 2, "a word is wrong"),
    (SyncLocked("somebody else"), 75, "somebody else"),
    (SyncFailed("refused", 3), 3, "refused"),
    (ServerError("/jobs", "status 500"), 3, "GET /jobs failed: status 500"),
    (ConfigurationValueError("odd\nvalue"), 2, "configuration: odd value"),
    (OperationalError("no route\nDETAIL: rows"), 3, "the destination refused: no route"),
    (
        DatabaseTransientException(OperationalError("timeout")),
        3,
        "the destination refused: timeout",
    ),
    (
        DestinationConnectionError("Client", "docjobs", "no such host", ValueError()),
        3,
        "the destination can't be opened: no such host",
    ),
    (PermissionError(13, "Permission denied", "/x"), 3, "/x can't be written (Permission denied)"),
    (
        OSError('Could not set lock on file "/w.duckdb": Conflicting lock is held in x (PID 7)'),
        75,
        "another process (7) holds /w.duckdb open",
    ),
    (KeyError("page"), 3, "unexpected KeyError: 'page' (DOCJOBS_DEBUG=1 shows the traceback)"),
]


@pytest.mark.parametrize(("error", "code", "said"), CASES, ids=lambda case: type(case).__name__)
def test_an_error_is_explained_however_deep_it_lies(error: Exception, code: int, said: str) -> None:
    for given in (error, wrapped(error)):
        explained = explain(given)
        assert explained.exit_code == code
        assert explained.message.startswith(said)
        assert "\n" not in explained.message


def test_no_password_and_no_endless_text_is_told() -> None:
    url = "postgresql://someone:hu:sh@db.example.com/x"
    said = explain(OperationalError(f"could not connect to {url} " + "and so on " * 200)).message
    assert "hu:sh" not in said and "someone" in said
    assert len(said) < 1100


def test_an_error_that_can_not_say_what_it_is_is_still_explained() -> None:
    class Mute(ConfigurationValueError):
        def __str__(self) -> str:
            raise TypeError("not now")

    assert explain(Mute()).message == "configuration: Mute"


def test_the_traceback_is_there_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCJOBS_DEBUG", "1")
    explain(wrapped(KeyError("page")))
    assert "Traceback" in capsys.readouterr().err
