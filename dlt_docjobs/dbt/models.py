"""The views as dbt models: the same SQL, with `source` and `ref` in the place of names."""

from __future__ import annotations

import re
from typing import Any, Final

from dlt_docjobs.dbt.sources import Yaml, unique
from dlt_docjobs.dbt.words import PACKAGE, REPORT_READS, VIEW_KEYS
from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import VIEWS, View, render_select

# the dialect's quotes around what is no name
_QUOTED_CALL: Final = re.compile(r"""(?P<quote>["`])(?P<call>\{\{.*?\}\})(?P=quote)""")


def model_sql(view: View, dialect: str) -> str:
    """A view's SELECT as a model.

    Args:
        view: The view.
        dialect: One of those in which the views stand.
    """
    select = render_select(view, dialect, lambda name: (_call(name),))
    head = f"{{#- {view.description} Written by `docjobs dbt`. -#}}"
    return f"{head}\n{_QUOTED_CALL.sub(lambda found: found['call'], select)}\n"


def _call(name: str) -> str:
    # of this package, even where the project has a model of the same name
    function = "ref" if name in VIEWS else "source"
    return f"{{{{ {function}('{PACKAGE}', '{name}') }}}}"


def models() -> Yaml:
    """The content of `models.yml`."""
    return {"version": 2, "models": [_model(view) for view in VIEWS.values()]}


def _model(view: View) -> Yaml:
    made: Yaml = {"name": view.name, "description": view.comment}
    key = VIEW_KEYS.get(view.name)
    if key is not None:
        made["data_tests"] = [unique(key)]
    columns_of_jobs = (*TABLES["jobs"].columns, *TABLES["job_status_history"].columns)
    never_null = {column.name for column in columns_of_jobs if not column.nullable}
    columns: list[Yaml] = []
    for name, description in view.columns:
        column: Yaml = {"name": name, "description": description}
        if key is not None and name in key and name in never_null:
            column["data_tests"] = ["not_null"]
        columns.append(column)
    return {**made, "columns": columns}


def exposures() -> Yaml:
    """The content of `exposures.yml`."""
    report: dict[str, Any] = {
        "name": "docjobs_report",
        "label": "docjobs report",
        "type": "dashboard",
        "description": "One self-contained HTML page of figures and charts, written by `docjobs "
        "report`. It asks the views of the same names in the dataset that `docjobs sync` fills.",
        "owner": {"name": PACKAGE},
        "depends_on": [f"ref('{PACKAGE}', '{name}')" for name in REPORT_READS],
    }
    return {"version": 2, "exposures": [report]}
