"""The notebook answers its questions on a warehouse that a sync has filled."""

from __future__ import annotations

import importlib.util
import json
import os

import pytest
from pipelines_support import Scripts

if importlib.util.find_spec("marimo") is None:
    if os.environ.get("DOCJOBS_REQUIRE_NOTEBOOK"):
        pytest.fail("marimo is not installed: pip install -e '.[notebook]'", pytrace=False)
    pytest.skip("marimo is not installed (extra `notebook`)", allow_module_level=True)

ASK = """
import json
import explore_notebook
_, found = explore_notebook.app.run()
print(json.dumps({name: found[name] for name in ("figures", "durations", "doubtful")}))
"""


def test_every_cell_runs_and_finds_something(scripts: Scripts) -> None:
    scripts.run("all_providers_pipeline.py")
    scripts.run(
        "-c",
        "import dlt, dlt_docjobs\n"
        "pipeline = dlt.pipeline('docjobs_llamacloud', dataset_name='docjobs',"
        " destination=dlt.destinations.duckdb('warehouse.duckdb'))\n"
        "dlt_docjobs.create_views(pipeline)",
    )
    found = json.loads(scripts.run("-c", ASK).splitlines()[-1])
    ((jobs,),) = scripts.rows("SELECT count(*) FROM docjobs.jobs")
    assert found["figures"]["jobs"] == jobs > 0
    assert len(found["durations"]) > 0
    assert 0 < len(found["doubtful"]) <= 20
