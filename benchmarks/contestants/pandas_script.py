"""The script that one writes in an afternoon: one httpx client, pandas, DuckDB.

It loads a hundred jobs at a time, so that its memory stays bounded, and summarises the OCR
elements as we do, before `json_normalize` would copy each of them.
"""

from __future__ import annotations

from typing import Any

from benchmarks.contestants.task import Task, read_task, report
from benchmarks.jobs import API_KEY


def main(task: Task) -> None:
    """Loads all jobs."""
    import duckdb
    import httpx

    headers = {"api-key": API_KEY}
    with (
        duckdb.connect(task.warehouse) as database,
        httpx.Client(base_url=task.base_url, headers=headers, timeout=60) as client,
    ):
        database.execute("CREATE SCHEMA docjobs")
        token: str | None = None
        while True:
            params = {"page_size": "100"} | ({"page_token": token} if token else {})
            page = client.get("/parse", params=params).raise_for_status().json()
            _load(database, [_document(client, row["job_id"]) for row in page["items"]])
            token = page["next_page_token"]
            if token is None:
                return


def _document(client: Any, job_id: str) -> Any:
    params = {"include_chunks": "true", "include_url": "true"}
    return client.get(f"/parse/{job_id}", params=params).raise_for_status().json()


def _load(database: Any, documents: list[Any]) -> None:
    import pandas as pd

    for document in documents:
        for chunk in document["chunks"]:
            for segment in chunk["segments"]:
                elements = segment.pop("ocr", None) or []
                scores = [one["confidence"] for one in elements if one["confidence"] is not None]
                segment["ocr_count"] = len(elements)
                segment["ocr_confidence_mean"] = sum(scores) / len(scores) if scores else None
    jobs = pd.json_normalize([{**one, "chunks": None} for one in documents])
    chunks = pd.json_normalize(documents, "chunks", meta=["job_id"]).drop(columns="segments")
    segments = pd.json_normalize(
        documents, ["chunks", "segments"], meta=["job_id", ["chunks", "chunk_id"]]
    )
    for column in ("references", "chart_data.series"):
        if column in segments:
            segments[column] = segments[column].astype("string")
    for name, frame in (("jobs", jobs), ("chunks", chunks), ("segments", segments)):
        frame = frame.dropna(axis="columns", how="all")
        database.register("frame", frame)
        database.execute(f"CREATE TABLE IF NOT EXISTS docjobs.{name} AS FROM frame LIMIT 0")
        known = {row[0] for row in database.execute(f"DESCRIBE docjobs.{name}").fetchall()}
        for column in database.execute("DESCRIBE frame").fetchall():
            if column[0] not in known:
                database.execute(f'ALTER TABLE docjobs.{name} ADD COLUMN "{column[0]}" {column[1]}')
        database.execute(f"INSERT INTO docjobs.{name} BY NAME FROM frame")
        database.unregister("frame")


if __name__ == "__main__":
    main(read_task(needs_pandas=True))
    report()
