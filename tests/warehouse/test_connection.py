"""What a pipeline is given before it connects: defaults, UTC, a destination of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.destinations.impl.postgres.configuration import PostgresCredentials

from dlt_docjobs.warehouse.connection import connect, install_defaults, prepare

ADDRESS = "postgresql://ada:none@localhost/warehouse"
PARTS = {"host": "localhost", "database": "warehouse", "username": "ada", "password": "none"}


def parsed(address: str, **fields: Any) -> PostgresCredentials:
    credentials = PostgresCredentials()
    credentials.parse_native_representation(address)
    credentials.update(fields)
    return credentials


def options_of(folder: Path, destination: Any) -> str:
    """What a session in PostgreSQL begins with."""
    pipeline = dlt.pipeline(
        "plain", destination=destination, dataset_name="data", pipelines_dir=str(folder)
    )
    credentials: Any = pipeline.destination_client().config.credentials
    return str(credentials.get_query().get("options", ""))


@pytest.mark.parametrize("given", [ADDRESS, PARTS, parsed(ADDRESS), f"{ADDRESS}?sslmode=disable"])
def test_sessions_are_in_utc_however_the_server_is_named(tmp_path: Path, given: Any) -> None:
    install_defaults()
    assert options_of(tmp_path, dlt.destinations.postgres(given)) == "-ctimezone=UTC"


def test_sessions_are_in_utc_with_credentials_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_defaults()
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", ADDRESS)
    assert options_of(tmp_path, "postgres") == "-ctimezone=UTC"
    for name, value in PARTS.items():
        monkeypatch.setenv(f"DESTINATION__MINE__CREDENTIALS__{name.upper()}", value)
    mine = dlt.destinations.postgres(destination_name="mine")
    assert options_of(tmp_path, mine) == "-ctimezone=UTC"


def test_a_time_zone_that_the_user_has_chosen_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_defaults()
    own = parsed(ADDRESS, session_timezone="Asia/Tokyo")
    assert options_of(tmp_path, dlt.destinations.postgres(own)) == "-ctimezone=Asia/Tokyo"
    zone = "DESTINATION__POSTGRES__CREDENTIALS__SESSION_TIMEZONE"
    monkeypatch.setenv(zone, "Europe/Rome")
    assert options_of(tmp_path, dlt.destinations.postgres(ADDRESS)) == "-ctimezone=Europe/Rome"


def test_the_users_own_destination_stays_as_it_was_made(tmp_path: Path) -> None:
    shared = dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb"))
    layouts = []
    for name in ("first", "second"):
        pipeline = dlt.pipeline(
            name, destination=shared, dataset_name="data", pipelines_dir=str(tmp_path)
        )
        before = dict(shared.config_params)
        prepare(pipeline)
        assert (shared.config_params, shared.caps_params) == (before, {})
        client = pipeline.destination_client()
        config: Any = client.config
        layouts.append(config.staging_dataset_name_layout)
        # a merge is one transaction
        assert client.capabilities.supports_transactions
    assert layouts == ["%s_staging_first", "%s_staging_second"]


def test_json_comes_back_with_all_digits(postgres: str, tmp_path: Path) -> None:
    pipeline = dlt.pipeline(
        "digits",
        destination=dlt.destinations.postgres(postgres),
        dataset_name="digits",
        pipelines_dir=str(tmp_path),
    )
    pipeline.run([{"n": 1}], table_name="numbers")
    with connect(pipeline) as client:
        assert client is not None
        for kind in ("json", "jsonb"):
            found = client.execute_sql(f"SELECT '[0.12345678901234567891]'::{kind}")
            assert [tuple(row) for row in found or []] == [("[0.12345678901234567891]",)]
