"""The variables that a message names are those that dlt reads, for every destination of dlt's."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import dlt
import pytest
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigurationValueError,
)
from dlt.common.destination import Destination
from dlt.common.exceptions import MissingDependencyException
from process_support import inside

from dlt_docjobs.cli.errors import explain

# where not any text will do
VALUES = {
    "DESTINATION__POSTGRES__CREDENTIALS": "postgresql://u:p@h/d",
    "DESTINATION__REDSHIFT__CREDENTIALS": "redshift://u:p@h/d",
    "DESTINATION__SNOWFLAKE__CREDENTIALS": "snowflake://u:p@h/d",
    "DESTINATION__CLICKHOUSE__CREDENTIALS": "clickhouse://u:p@h:9000/d",
    "DESTINATION__DREMIO__CREDENTIALS": "grpc://u:p@h:32010/d",
    "DESTINATION__SQLALCHEMY__CREDENTIALS": "sqlite:///warehouse.db",
    "DESTINATION__BIGQUERY__CREDENTIALS": (
        '{"project_id": "p", "client_email": "e", "private_key": "k"}'
    ),
    "DESTINATION__FILESYSTEM__BUCKET_URL": "file:///lake",
}
# these have a default for everything
NAME_NONE = {
    *("duckdb", "ducklake", "dummy", "destination", "qdrant", "weaviate", "lance", "lancedb"),
}


@pytest.mark.parametrize("name", dlt.destinations.__all__)
def test_what_is_named_as_missing_is_what_dlt_reads(name: str, tmp_path: Path) -> None:
    logging.getLogger("dlt").setLevel(logging.CRITICAL)
    env = {"DLT_DATA_DIR": str(tmp_path), "PATH": ""}
    named: list[str] = []
    while True:
        with inside(tmp_path, env):
            try:
                of = Destination.from_reference(name)
                spec = of.spec()
                if hasattr(spec, "_bind_dataset_name"):
                    spec = spec._bind_dataset_name("docjobs")
                of.configuration(spec)
                break
            except ConfigFieldMissingException as error:
                message = explain(error).message
            except (ModuleNotFoundError, MissingDependencyException) as error:
                pytest.skip(f"dlt can't tell without a package: {error}")
            except ConfigurationValueError:
                # it has read them all, and wants another value
                break
        new = re.findall(r"DESTINATION__\w+", message)
        assert new and not set(new) & set(named), (message, named)
        assert "local_dir" not in message
        named += new
        env |= {variable: VALUES.get(variable, "x") for variable in new}
    assert bool(named) == (name not in NAME_NONE), named
