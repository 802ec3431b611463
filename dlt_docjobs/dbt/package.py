"""Every file of the dbt package, as text."""

from __future__ import annotations

from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any, Final

import yaml

from dlt_docjobs._version import __version__
from dlt_docjobs.dbt.models import exposures, model_sql, models
from dlt_docjobs.dbt.sources import sources
from dlt_docjobs.dbt.words import PACKAGE
from dlt_docjobs.views import VIEWS

if TYPE_CHECKING:
    from importlib.abc import Traversable

# `arguments` of a test is read as such since then; newer than 1.11 was not tried
REQUIRED_DBT: Final = [">=1.10.8", "<2.0.0"]
VARIABLES: Final[dict[str, Any]] = {
    # a sync a day is the least that the view sync_freshness calls healthy
    "docjobs_warn_after_hours": 24,
    "docjobs_error_after_hours": 72,
    "docjobs_max_failed_pages": 0.05,
    "docjobs_max_doubtful_pages": 0.25,
    "docjobs_min_pages": 20,
}
_HEAD: Final = "# Written by `docjobs dbt`, which replaces it when it is run again.\n"


def make_package(dialect: str, dataset: str) -> dict[str, str]:
    """The package's files: path, with `/`, to text. The same for the same arguments.

    Args:
        dialect: The dialect of SQL in which the models are written: one of
            `dlt_docjobs.views.render.DIALECTS`.
        dataset: Where the tables are, unless the project's variable `docjobs_schema` says else.
    """
    made = {
        "dbt_project.yml": _yaml(_project(dataset)),
        "models/sources.yml": _yaml(sources()),
        "models/models.yml": _yaml(models()),
        "models/exposures.yml": _yaml(exposures()),
    }
    for view in VIEWS.values():
        made[f"models/{view.name}.sql"] = model_sql(view, dialect)
    made |= _as_they_are(files("dlt_docjobs.dbt") / "files", "")
    variables = {"docjobs_schema": dataset, **VARIABLES}
    made["README.md"] = Template(made["README.md"]).substitute(
        variables,
        dialect=dialect,
        models="\n".join(f"| `{view.name}` | {view.description} |" for view in VIEWS.values()),
    )
    return dict(sorted(made.items()))


def _project(dataset: str) -> dict[str, Any]:
    return {
        "name": PACKAGE,
        "version": __version__,
        "config-version": 2,
        "require-dbt-version": REQUIRED_DBT,
        "model-paths": ["models"],
        "macro-paths": ["macros"],
        "test-paths": ["tests"],
        "on-run-start": ["{{ docjobs_keep_out_of_the_dataset() }}"],
        "models": {PACKAGE: {"+materialized": "view"}},
        "vars": {PACKAGE: {"docjobs_schema": dataset, **VARIABLES}},
    }


def _yaml(content: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return _HEAD + text


def _as_they_are(folder: Traversable, path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in folder.iterdir():
        place = f"{path}{entry.name}"
        if entry.is_dir():
            found |= _as_they_are(entry, f"{place}/")
        else:
            found[place] = entry.read_text("utf-8")
    return found
