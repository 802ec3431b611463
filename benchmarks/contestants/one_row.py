"""A bare dlt pipeline that loads one row, as every sync of ours loads one into `sync_runs`."""

from __future__ import annotations

from benchmarks.contestants.task import Task, read_task, report


def main(task: Task) -> None:
    """Loads a row."""
    import dlt

    pipeline = dlt.pipeline(
        "one_row", destination=dlt.destinations.duckdb(task.warehouse), dataset_name="rows"
    )
    pipeline.run([{"run_id": "one", "ok": True}], table_name="runs")


if __name__ == "__main__":
    main(read_task())
    report()
