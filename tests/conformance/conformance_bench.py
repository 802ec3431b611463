"""A bench: one emulator, one warehouse, and the syncs between them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dlt

import dlt_docjobs
from dlt_docjobs.emulator import Emulator, RequestRecord, TrueJob
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.tables import RESULT_TABLES
from dlt_docjobs.testing.warehouse import DATASET, Tables, Warehouse

PROVIDERS = ("llamacloud", "contextual", "unsiloed", "reducto", "landingai")
KINDS = ("parse", "extract")
LISTING = ("llamacloud", "contextual", "reducto", "landingai")
# asking for a status brings the result
STATUS_HAS_RESULT = {("unsiloed", "extract"), ("landingai", "parse"), ("landingai", "extract")}

QUEUED_WORD = {
    ("llamacloud", "parse"): "PENDING",
    ("llamacloud", "extract"): "PENDING",
    ("contextual", "parse"): "pending",
    ("contextual", "extract"): "pending",
    ("unsiloed", "parse"): "Starting",
    ("unsiloed", "extract"): "queued",
    ("reducto", "parse"): "Pending",
    ("reducto", "extract"): "Pending",
    ("landingai", "parse"): "pending",
    ("landingai", "extract"): "pending",
}
RUNNING_WORD = {
    ("llamacloud", "parse"): "RUNNING",
    ("llamacloud", "extract"): "RUNNING",
    ("contextual", "parse"): "processing",
    ("contextual", "extract"): "processing",
    ("unsiloed", "parse"): "Processing",
    ("unsiloed", "extract"): "processing",
    ("reducto", "parse"): "InProgress",
    ("reducto", "extract"): "InProgress",
    ("landingai", "parse"): "processing",
    ("landingai", "extract"): "processing",
}
SUCCESS_WORD = {
    ("llamacloud", "parse"): "COMPLETED",
    ("llamacloud", "extract"): "COMPLETED",
    ("contextual", "parse"): "completed",
    ("contextual", "extract"): "completed",
    ("unsiloed", "parse"): "Succeeded",
    ("unsiloed", "extract"): "completed",
    ("reducto", "parse"): "Completed",
    ("reducto", "extract"): "Completed",
    ("landingai", "parse"): "completed",
    ("landingai", "extract"): "completed",
}
FAILURE_WORD = {
    ("llamacloud", "parse"): "FAILED",
    ("llamacloud", "extract"): "FAILED",
    ("contextual", "parse"): "failed",
    ("contextual", "extract"): "failed",
    ("unsiloed", "parse"): "Failed",
    ("unsiloed", "extract"): "failed",
    ("reducto", "parse"): "Failed",
    ("reducto", "extract"): "Failed",
    ("landingai", "parse"): "failed",
    ("landingai", "extract"): "failed",
}

NO_RESULTS = ("jobs", "job_status_history")
NO_RESULTS_BUT_RUNS = (*NO_RESULTS, "sync_runs")


class Bench:
    """What a test works with.

    Attributes:
        emulator: The providers.
        folder: Holds the warehouses (`<name>.duckdb`) and the pipelines' working directory.
    """

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder

    @property
    def pipelines_dir(self) -> Path:
        """Where dlt keeps what it remembers."""
        return self.folder / "pipelines"

    def file(self, warehouse: str = "warehouse") -> Path:
        """A warehouse's file."""
        return self.folder / f"{warehouse}.duckdb"

    def forget_working_directory(self) -> None:
        """As on another machine."""
        shutil.rmtree(self.pipelines_dir)

    # -- syncs ------------------------------------------------------------------------------

    def pipeline(
        self, provider: str, warehouse: str = "warehouse", account: str | None = None
    ) -> dlt.Pipeline:
        """A provider's pipeline, made anew as by a new process."""
        name = f"{provider}_{account}" if account else provider
        return dlt.pipeline(
            f"docjobs_{name}",
            destination=dlt.destinations.duckdb(str(self.file(warehouse))),
            dataset_name=DATASET,
            pipelines_dir=str(self.pipelines_dir),
        )

    def source(self, provider: str, account: str | None = None, **arguments: Any) -> Any:
        """A provider's source over the emulator; Unsiloed follows all jobs there are."""
        arguments.setdefault("api_key", self.emulator.api_key)
        arguments.setdefault("base_url", self.emulator.base_urls[provider])
        # errors are on purpose here: waiting them out would only cost time
        arguments.setdefault("max_retries", 0)
        if provider == "unsiloed" and not {"job_ids", "job_ids_file"} & arguments.keys():
            arguments["job_ids"] = [
                {"job_id": job.job_id, "job_kind": job.job_kind}
                for job in self.emulator.jobs("unsiloed")
            ]
        factory = getattr(dlt_docjobs, provider)
        if account:
            factory = factory.clone(name=f"{provider}_{account}")
        return factory(**arguments)

    def sync(
        self,
        provider: str,
        *,
        warehouse: str = "warehouse",
        account: str | None = None,
        only: Sequence[str] = (),
        **arguments: Any,
    ) -> SyncRun:
        """Runs a whole sync; `requests` are then its own.

        Args:
            provider: Whose jobs.
            warehouse: Where to.
            account: Name of the account, None for the default one.
            only: The resources to select, all of them where empty.
            arguments: The source's own.
        """
        source = self.source(provider, account, **arguments)
        if only:
            source = source.with_resources(*only)
        self.emulator.clear_requests()
        return dlt_docjobs.run(self.pipeline(provider, warehouse, account), source)

    # -- the warehouse ----------------------------------------------------------------------

    def warehouse(self, name: str = "warehouse") -> Warehouse:
        """A warehouse."""
        return Warehouse(self.file(name))

    def query(self, sql: str, *values: Any, warehouse: str = "warehouse") -> list[tuple[Any, ...]]:
        """The rows of a query, all dates in UTC."""
        return self.warehouse(warehouse).query(sql, *values)

    def age(self, hours: float) -> None:
        """Puts everything that the warehouse says of past syncs so many hours back."""
        self.warehouse().age(hours)

    def tables(self, warehouse: str = "warehouse") -> Tables:
        """Every table that there is whole, ordered by its key."""
        return self.warehouse(warehouse).tables()

    def loads(self, warehouse: str = "warehouse") -> list[str]:
        """The packages that were loaded whole."""
        return self.warehouse(warehouse).loads()

    # -- requests ---------------------------------------------------------------------------

    @property
    def requests(self) -> list[RequestRecord]:
        """What the last sync asked for."""
        return self.emulator.requests

    @property
    def lists(self) -> list[RequestRecord]:
        """Requests of list pages, bulk questions for given ids left out."""
        return [
            record
            for record in self.requests
            if record.path.endswith(("/jobs", "/parse", "/extract"))
            and not any(key == "job_ids" for key, _ in record.query)
        ]

    @property
    def results(self) -> list[RequestRecord]:
        """Requests that ask for a result."""
        return [record for record in self.requests if asks_for_result(record)]

    def asked_by_id(self, job_id: str) -> list[RequestRecord]:
        """Requests about one job, by itself or in bulk; for the review of its result none."""
        return [
            record
            for record in self.requests
            if job_id in record.path.split("/") or ("job_ids", job_id) in record.query
            if not record.path.endswith("/review")
        ]

    # -- the truth --------------------------------------------------------------------------

    def truth(self, provider: str, kind: str | None = None) -> list[TrueJob]:
        """The jobs that the provider knows."""
        jobs = self.emulator.jobs(provider, kind)  # type: ignore[arg-type]
        return [job for job in jobs if job.expired_at is None]


MakeBench = Callable[..., Bench]


def asks_for_result(record: RequestRecord) -> bool:
    """Whether a request asks for a result (where a status brings it along, none does)."""
    parts = record.path.strip("/").split("/")
    if record.provider == "landingai":
        return False
    if record.provider == "contextual":
        return parts[-1] == "results"
    if record.provider == "reducto":
        # status and result are one answer
        return parts[0] == "job"
    if record.provider == "unsiloed":
        return parts[0] == "parse" and ("include_chunks", "true") in record.query
    if "classify" in parts or "split" in parts:
        # nothing but the job's id tells such a request from the list's
        return "-" in parts[-1]
    expanded = {value for key, value in record.query if key == "expand"}
    return len(parts) == 4 and bool(expanded - {"usage"})


def causes(error: BaseException) -> list[BaseException]:
    """An error and those behind it."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found


# -- results ------------------------------------------------------------------------------------


def result_of(provider: str, kind: str, pages: Sequence[str]) -> Any:
    """A result with one segment a page, whose text is given."""
    if kind == "extract":
        value = {"field": list(pages)}
        if provider == "llamacloud":
            return {"extract_result": value, "field_metadata": None}
        if provider == "contextual":
            return {"results": value, "metadata": {}}
        if provider == "reducto":
            return {"result": value, "response_type": "v3_extract"}
        if provider == "landingai":
            leaf = {"field": [{"value": text, "ranges": None} for text in pages]}
            return {"extraction": value, "extraction_metadata": leaf, "markdown": "\n".join(pages)}
        return {"result": value, "metadata": {"page_count": len(pages)}}
    numbered = list(enumerate(pages, 1))
    if provider == "llamacloud":
        found = [
            {
                "page_number": number,
                "page_width": 612.0,
                "page_height": 792.0,
                "success": True,
                "items": [{"type": "text", "md": text, "value": text, "bbox": None}],
            }
            for number, text in numbered
        ]
        return {"items": {"pages": found}, "metadata": {"pages": []}}
    if provider == "contextual":
        box = {"x0": 0.1, "y0": 0.1, "x1": 0.9, "y1": 0.2}
        blocks = [
            [{"id": f"block-{number}", "type": "text", "bounding_box": box, "markdown": text}]
            for number, text in numbered
        ]
        return {"pages": [{"index": at, "blocks": found} for at, found in enumerate(blocks)]}
    if provider == "reducto":
        return {
            "chunks": [_reducto_chunk(number, text) for number, text in numbered],
            "page_count": len(pages),
        }
    if provider == "landingai":
        return _structure_of(pages)
    chunks = [
        {
            "chunk_id": f"chunk-{number}",
            "chunk_length": 1,
            "embed": text,
            "segments": [
                {
                    "segment_id": f"segment-{number}",
                    "segment_type": "Text",
                    "content": text,
                    "html": text,
                    "markdown": text,
                    "image": None,
                    "page_number": number,
                    "page_width": 100,
                    "page_height": 100,
                    "confidence": 0.9,
                    "bbox": {"left": 1, "top": 1, "width": 9, "height": 9},
                    "ocr": [{"text": text, "bbox": None, "confidence": 0.5}],
                }
            ],
        }
        for number, text in numbered
    ]
    return {"chunks": chunks, "page_count": len(pages)}


def _reducto_chunk(number: int, text: str) -> dict[str, Any]:
    box = {"left": 0.1, "top": 0.1, "width": 0.5, "height": 0.1, "page": number}
    return {
        "content": text,
        "embed": text,
        "blocks": [{"type": "Text", "bbox": box, "content": text, "confidence": "high"}],
    }


def _structure_of(pages: Sequence[str]) -> Any:
    """LandingAI's: one text a page, whose range follows that of the page before."""
    box = {"xmin": 0.1, "ymin": 0.1, "xmax": 0.9, "ymax": 0.2}
    children, start = [], 0
    for number, text in enumerate(pages, 1):
        place = {"page": number, "range": {"start": start, "end": start + len(text)}, "box": box}
        element = {"type": "text", "id": f"text-{number}", "grounding": place}
        element["atomic_grounding"] = [{**place, "confidence": 0.5}]
        page = {"type": "page", "status": "ok", "grounding": place, "children": [element]}
        children.append(page)
        start += len(text) + 2
    return {
        "markdown": "\n\n".join(pages),
        "structure": {"type": "document", "children": children},
    }


RESULTS = tuple(name for name in RESULT_TABLES)
