"""`docjobs config`: what is in force, where it comes from, and nothing that is secret."""

from __future__ import annotations

from typing import Any

import pytest
from cli_support import KEYS, MakePlace, Place, setting

PASSWORD = "hush-0123456789"


@pytest.fixture
def place(make_place: MakePlace) -> Place:
    made = make_place("llamacloud")
    made.write(
        ".dlt/config.toml",
        "[sources.docjobs]\nmax_retries = 2\n[sources.docjobs.llamacloud]\npage_size = 7\n",
    )
    made.write(
        ".dlt/secrets.toml",
        f'[sources.docjobs.llamacloud_eu]\napi_key = "{PASSWORD}"\n'
        f'[destination.postgres]\ncredentials = "postgresql://me:{PASSWORD}@host:5432/db?x=1"\n',
    )
    return made


def settings_of(shown: dict[str, Any]) -> dict[str, tuple[Any, str]]:
    return {one["name"]: (one["value"], one["from"]) for one in shown["settings"]}


def test_every_value_is_shown_with_where_it_comes_from(place: Place) -> None:
    ran = place.run("config", "--json")
    assert ran.code == 0 and PASSWORD not in ran.said
    default, eu = ran.json["accounts"]
    assert (default["account"], eu["account"]) == ("llamacloud", "llamacloud:eu")
    found = settings_of(default)
    assert found["api_key"] == ("********", "LLAMA_CLOUD_API_KEY")
    assert found["max_retries"] == (2, "config.toml [sources.docjobs]")
    assert found["page_size"] == (7, "config.toml [sources.docjobs.llamacloud]")
    assert found["lag_seconds"] == (3600, "default")
    assert found["base_url"] == (
        place.emulator.base_urls["llamacloud"],
        setting("llamacloud", "base_url"),
    )
    assert settings_of(eu)["api_key"][1] == "secrets.toml [sources.docjobs.llamacloud_eu]"
    assert settings_of(eu)["page_size"] == (100, "default")
    assert ran.json["left_out"] == ["contextual", "landingai", "reducto", "unsiloed"]
    file = str(place.folder / "warehouse.duckdb")
    assert settings_of(ran.json["destination"]) == {"credentials": (file, "default")}


def test_a_destination_is_shown_without_its_password(place: Place) -> None:
    ran = place.run("config", "llamacloud", "--destination", "postgres")
    assert ran.code == 0 and PASSWORD not in ran.said
    assert "postgresql://me:********@host:5432/db " in ran.out
    assert "secrets.toml [destination.postgres]" in ran.out


@pytest.mark.parametrize("password", ["a/b", "a@b", "a:b@c/d", "p%40q"])
def test_no_part_of_a_password_is_shown(place: Place, password: str) -> None:
    env = {"DESTINATION__POSTGRES__CREDENTIALS": f"postgresql://me:{password}@host:5432/db"}
    ran = place.run("config", "llamacloud", "--destination", "postgres", "--json", env=env)
    values = settings_of(ran.json["destination"])
    if values:
        assert values["credentials"][0] == "postgresql://me:********@host:5432/db"
    assert password not in ran.said


def test_what_is_wrong_stands_beside_what_is_in_force(place: Place) -> None:
    env: dict[str, str | None] = {setting("llamacloud", "page_size"): "0"}
    ran = place.run("config", "llamacloud", env={**env, setting("llamacloud", "lag_seconds"): "-1"})
    assert ran.code == 2
    assert "lag_seconds is from 0" in ran.out and setting("llamacloud", "lag_seconds") in ran.out
    ran = place.run("config", env={setting("llama_cloud", "page_size"): "1"})
    assert ran.code == 2 and "did you mean llamacloud?" in ran.err


def test_without_any_key_it_says_what_is_missing(make_place: MakePlace) -> None:
    ran = make_place("llamacloud").run("config", env={KEYS["llamacloud"]: None})
    assert ran.code == 0
    assert "llamacloud: left out: no key in LLAMA_CLOUD_API_KEY" in ran.out
