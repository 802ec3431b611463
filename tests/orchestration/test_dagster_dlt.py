"""Our sources in assets of dagster-dlt, which drops a pipeline's working directory before a run."""

# without postponed annotations: Dagster looks at those of an asset's function
from typing import Any

import dlt
import pytest

pytest.importorskip("dagster_dlt", reason="pip install -e '.[dagster]' dagster-dlt")

import dagster as dg
from dagster_dlt import DagsterDltResource, dlt_assets
from dagster_support import Warehouse

import dlt_docjobs

# of Dagster's own use of pydantic
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute")


def test_dagster_dlt_loads_a_source_and_nothing_twice(warehouse: Warehouse) -> None:
    pipeline = dlt.pipeline("docjobs_llamacloud", destination="duckdb", dataset_name="docjobs")

    def loaded(source: Any) -> Any:
        @dlt_assets(dlt_source=source, dlt_pipeline=pipeline, name="documents")
        def documents(context: dg.AssetExecutionContext, dlt: DagsterDltResource) -> Any:
            yield from dlt.run(context=context)

        resources = {"dlt": DagsterDltResource()}
        return dg.materialize([documents], resources=resources, instance=warehouse.instance)

    def figures() -> list[Any]:
        return warehouse.query(
            "SELECT (SELECT count(*) FROM docjobs.jobs WHERE results_state = 'loaded'),"
            " (SELECT count(*) FROM docjobs.segments),"
            " (SELECT count(*) FROM docjobs.job_status_history)"
        )

    # a source a run, as each run of Dagster is a process: dagster-dlt takes the names out of the
    # columns of the source that it has loaded, whosever it is
    result = loaded(dlt_docjobs.llamacloud())
    assert result.success
    first = figures()
    assert first[0][0] == 10
    assert first[0][1] > 0
    rows = {
        event.asset_key.path[-1]: event.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    assert rows["dlt_llamacloud_jobs"]["rows_loaded"].value == 10
    assert loaded(dlt_docjobs.llamacloud()).success
    assert figures() == first
    warehouse.emulator.add_job("llamacloud", status="COMPLETED")
    assert loaded(dlt_docjobs.llamacloud()).success
    assert figures()[0][0] == 11
