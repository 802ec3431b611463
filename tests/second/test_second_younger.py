"""Reducto and LandingAI in all the ways that their documentation leaves open, tried from outside.

`dlt_docjobs.run` against a server that was written from that documentation alone; the tables are
what is believed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from younger_server import KEY, Query, Said, Younger, running, says

import dlt_docjobs


@pytest.fixture
def server() -> Iterator[Younger]:
    with running() as server:
        yield server


class World:
    """An account, and a warehouse of its own."""

    def __init__(self, server: Younger, provider: str, folder: Path) -> None:
        self.server, self.provider = server, provider
        self._file = folder / "tables.duckdb"
        self._pipeline = dlt.pipeline(
            f"docjobs_{provider}",
            destination=dlt.destinations.duckdb(str(self._file)),
            dataset_name="docjobs",
            pipelines_dir=str(folder / "pipelines"),
        )

    def sync(self, **settings: Any) -> Any:
        source = dlt_docjobs.source(
            self.provider, api_key=KEY, base_url=self.server.url, max_retries=0, **settings
        )
        row = dlt_docjobs.run(self._pipeline, source)
        assert self.server.leaks == []
        return row

    def read(self, select: str) -> list[Any]:
        with duckdb.connect(str(self._file)) as connection:
            connection.execute("USE docjobs")
            rows = connection.execute(select).fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]

    def jobs(self, columns: str) -> dict[str, Any]:
        rows = self.read(f"SELECT job_id, {columns} FROM jobs ORDER BY job_id")
        return {job_id: said[0] if len(said) == 1 else tuple(said) for job_id, *said in rows}

    def words(self, job_id: str) -> list[str]:
        select = "SELECT status FROM job_status_history WHERE job_id = '{}' ORDER BY sequence"
        return self.read(select.format(job_id))


@pytest.fixture
def reducto(server: Younger, tmp_path: Path) -> World:
    return World(server, "reducto", tmp_path)


@pytest.fixture
def landingai(server: Younger, tmp_path: Path) -> World:
    return World(server, "landingai", tmp_path)


def ago(minutes: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(minutes=minutes)).isoformat()


# -- Reducto --------------------------------------------------------------------------------------


def row(job_id: str, kind: str = "Parse", status: str = "Completed", **more: Any) -> dict[str, Any]:
    return {
        "job_id": job_id, "status": status, "type": kind, "raw_config": "",
        "created_at": ago(30), "num_pages": 1, "total_pages": 1, "duration": 1.5, **more,
    }  # fmt: skip


def block(text: str, page: int = 1, **more: Any) -> dict[str, Any]:
    box = {
        "left": 0.1,
        "top": 0.1,
        "width": 0.5,
        "height": 0.1,
        "page": page,
        **more.pop("box", {}),
    }
    return {"type": "Text", "content": text, "bbox": box, "confidence": "high", **more}


def full(*blocks: dict[str, Any]) -> dict[str, Any]:
    chunk = {"content": "all", "embed": "all", "blocks": list(blocks)}
    return {"type": "full", "chunks": [chunk], "ocr": None}


def done(result: Any, response_type: str | None = "parse", **more: Any) -> dict[str, Any]:
    """The plain form of an answer, which has neither id nor kind nor date."""
    whole = {"job_id": "x", "usage": {"num_pages": 1, "credits": 1.0}, "result": result, **more}
    if response_type is not None:
        whole["response_type"] = response_type
    return {"status": "Completed", "result": whole, "progress": 1, "reason": None}


def at_url(server: Younger, name: str, value: Any, host: str = "localhost") -> dict[str, Any]:
    server.routes[f"/elsewhere/{name}"] = value
    port = server.url.rpartition(":")[2]
    url = f"http://{host}:{port}/elsewhere/{name}?X-Amz-Signature=secretsignature"
    return {"type": "url", "url": url, "result_id": name}


def listed(*rows: dict[str, Any], size: int = 2) -> Any:
    """The list, whose cursor counts rows, and whose pages may hold no row of a wanted kind."""

    def page(query: Query) -> Any:
        start = int(query.get("cursor", "0"))
        following = str(start + size) if start + size < len(rows) else None
        return {"jobs": list(rows[start : start + size]), "next_cursor": following}

    return page


def test_each_form_of_a_reducto_result(reducto: World, server: Younger) -> None:
    wrapped = {
        "response_type": "extract",
        "usage": {},
        "result": [{"a": 2}],
        "citations": [{"p": 1}],
    }
    own = {"result": "the user's own field", "value": 1}
    whole = done(full(block("whole-at-url")))["result"]
    wrapped_leaf = {"a": {"value": 1, "citations": []}}
    categories: dict[str, Any] = {"categories": []}
    cited = at_url(server, "c1", [{"q": 2}])
    forms: dict[str, tuple[str, Any]] = {
        "inline": ("Parse", done(full(block("inline")))),
        "untyped": ("Parse", done(full(block("untyped")), None)),
        "at-url": ("Parse", done(at_url(server, "p1", full(block("at-url"))))),
        "whole-at-url": ("Parse", done(at_url(server, "p2", whole))),
        "list": ("Extract", done([{"a": 1}], "extract")),
        "object": ("Extract", done(wrapped_leaf, "v3_extract", confidence="high")),
        "untyped-extract": ("Extract", done({"a": 1}, None)),
        "bare": ("Extract", done(at_url(server, "e1", [{"a": 2}]), "extract")),
        "wrapped": ("Extract", done(at_url(server, "e2", wrapped), "extract")),
        "own": ("Extract", done(at_url(server, "e3", own), "v3_extract")),
        "cited": ("Extract", done([{"a": 3}], "extract", citations=cited)),
        "split": ("Split", done({"splits": [{"name": "n", "pages": []}]}, "split")),
        "classify": ("Classify", done({"category": "c"}, "classify", confidence=categories)),
        "classify-url": ("Classify", done(at_url(server, "k1", {"category": "d"}), "classify")),
    }  # fmt: skip
    server.routes["/jobs"] = listed(*(row(name, kind) for name, (kind, _) in forms.items()))
    for name, (_, body) in forms.items():
        server.routes[f"/job/{name}"] = body
    assert reducto.sync().exit_code == 0
    assert set(reducto.jobs("results_state").values()) == {"loaded"}
    texts = dict(reducto.read("SELECT job_id, content FROM segments"))
    assert texts == {name: name for name in ("inline", "untyped", "at-url", "whole-at-url")}
    results = {
        job_id: json.loads(result)
        for job_id, result in reducto.read("SELECT job_id, result FROM extraction_results")
    }
    assert results == {
        "list": [{"a": 1}],
        "object": {"a": {"value": 1, "citations": []}},
        "untyped-extract": {"a": 1},
        "bare": [{"a": 2}],
        "wrapped": [{"a": 2}],
        "own": own,
        "cited": [{"a": 3}],
        "split": {"splits": [{"name": "n", "pages": []}]},
        "classify": {"category": "c"},
        "classify-url": {"category": "d"},
    }
    beside = dict(reducto.read("SELECT job_id, field_metadata FROM extraction_results"))
    assert json.loads(beside["wrapped"]) == [{"p": 1}]
    assert json.loads(beside["cited"]) == [{"q": 2}]
    everything = str(reducto.read("SELECT payload FROM jobs"))
    assert "secretsignature" not in everything


@pytest.mark.slow
def test_the_two_vocabularies_of_reducto_make_no_step_back(reducto: World, server: Younger) -> None:
    server.routes["/jobs"] = listed(row("a", status="InProgress"), row("b", status="Completing"))
    for job_id in "ab":
        server.routes[f"/job/{job_id}"] = {"status": "Pending", "result": None, "progress": 0.4}
    for _ in range(2):
        assert reducto.sync().exit_code == 0
    assert reducto.words("a") == reducto.words("b") == ["queued", "running"]
    for job_id in "ab":
        server.routes[f"/job/{job_id}"] = done(full(block(job_id)))
    server.routes["/jobs"] = listed(row("a"), row("b"))
    reducto.sync()
    assert reducto.words("a") == ["queued", "running", "succeeded"]


def test_a_cancelled_job_of_reducto_stays_cancelled(reducto: World, server: Younger) -> None:
    told = {
        "failed": {"status": "Failed", "error": {"code": 1, "name": "JOB_CANCELLED"}},
        "idle": {"status": "Idle", "result": None},
        "pending": {"status": "Pending", "result": None},
    }
    server.routes["/jobs"] = listed(*(row(name, status="Cancelled") for name in told))
    for name, answer in told.items():
        server.routes[f"/job/{name}"] = answer
    for _ in range(2):
        reducto.sync()
    said = reducto.jobs("status, results_state, is_terminal")
    assert said == dict.fromkeys(told, ("cancelled", "none", True))
    assert {reducto.words(name)[-1] for name in told} == {"cancelled"}


def test_a_purged_job_of_reducto(reducto: World, server: Younger) -> None:
    """Nobody says how a result is missing: each way costs itself alone."""
    gone = {"error": {"code": 410, "name": "JOB_DELETED", "message": "deleted"}}
    going = {"error": {"code": 409, "name": "JOB_DELETION_IN_PROGRESS", "message": "soon"}}
    names = ("404", "409", "410", "empty", "dead-link", "good")
    server.routes["/jobs"] = listed(*(row(name) for name in names))
    server.routes["/job/409"] = says(going, 409)
    server.routes["/job/410"] = says(gone, 410)
    server.routes["/job/empty"] = {"status": "Completed", "result": None}
    dead = at_url(server, "dead", Said(b"<Error/>", 404, "application/xml"))
    server.routes["/job/dead-link"] = done(dead)
    server.routes["/job/good"] = done(full(block("good")))
    for _ in range(3):
        row_of = reducto.sync()
    states = reducto.jobs("status, results_state")
    assert states["good"] == ("succeeded", "loaded")
    assert states["410"] == ("succeeded", "expired")
    for name in ("404", "409", "empty", "dead-link"):
        assert states[name] == ("succeeded", "pending"), name
    assert row_of.exit_code in (0, 1)
    assert reducto.read("SELECT count(*) FROM rejected_records") == [0]


def test_jobs_of_other_types_are_no_jobs_and_no_end(reducto: World, server: Younger) -> None:
    others = [row(f"o{at}", kind) for at, kind in enumerate(["Edit", "Pipeline", "Chart", "New"])]
    server.routes["/jobs"] = listed(*others, row("last"))
    server.routes["/job/last"] = done(full(block("last")))
    assert reducto.sync().exit_code == 0
    assert list(reducto.jobs("status")) == ["last"]
    assert reducto.read("SELECT count(*) FROM rejected_records") == [0]


def test_pages_and_boxes_of_reducto(reducto: World, server: Younger) -> None:
    ranged = full(block("seven", 1, box={"original_page": 7}), block("too", 1))
    cells = full(block("sheet", 2, box={"left": 1, "top": 1, "width": 3, "height": 4}))
    server.routes["/jobs"] = listed(row("ranged", total_pages=9), row("sheet"))
    server.routes["/job/ranged"] = done(ranged)
    server.routes["/job/sheet"] = done(cells)
    assert reducto.sync().exit_code == 0
    numbers = reducto.read("SELECT job_id, page_number, bbox_x1 FROM segments ORDER BY ALL")
    assert numbers == [("ranged", 7, 0.6), ("ranged", 7, 0.6), ("sheet", 2, None)]
    assert reducto.jobs("page_count")["ranged"] == 9


def test_what_stands_in_place_of_a_config(reducto: World, server: Younger) -> None:
    rows = [row("absent", status="Pending")]
    del rows[0]["raw_config"]
    for at, config in enumerate(["", "{}", None, '{"document_password": "hunter2', 5]):
        rows.append(row(f"job-{at}", status="Pending", raw_config=config))
    server.routes["/jobs"] = listed(*rows)
    for one in rows:
        server.routes[f"/job/{one['job_id']}"] = {"status": "Pending", "result": None}
    assert reducto.sync(list_configs=True).exit_code == 0
    assert "hunter2" not in str(reducto.read("SELECT config, payload FROM jobs"))


def test_a_result_is_fetched_from_no_private_place(reducto: World, server: Younger) -> None:
    urls = {
        "metadata": "http://169.254.169.254/latest/meta-data",
        "file": "file:///etc/passwd",
        "private": "https://user:pw@10.0.0.1/a",
        "empty": "",
        "words": "not a url",
    }
    server.routes["/jobs"] = listed(*map(row, urls), row("good"))
    for name, url in urls.items():
        server.routes[f"/job/{name}"] = done({"type": "url", "url": url, "result_id": "r"})
    server.routes["/job/good"] = done(full(block("good")))
    assert reducto.sync().exit_code == 1
    assert reducto.jobs("results_state") == {**dict.fromkeys(urls, "pending"), "good": "loaded"}


# -- LandingAI ------------------------------------------------------------------------------------


def parsed(*texts: str, first: int = 1, **more: Any) -> dict[str, Any]:
    """A result of pages with one element each, in the form that is sent today."""
    markdown, pages = "", []
    for number, text in enumerate(texts, first):
        span = {"start": len(markdown), "end": len(markdown) + len(text)}
        place = {
            "page": number,
            "range": span,
            "box": {"xmin": 0.1, "ymin": 0.1, "xmax": 0.9, "ymax": 0.2},
        }
        node = {"type": "text", "id": f"text-{number}", "grounding": place}
        pages.append({"type": "page", "status": "ok", "grounding": place, "children": [node]})
        markdown += f"{text}\n\n<!-- PAGE BREAK -->\n\n"
    metadata = {"page_count": len(texts), "billing": {"total_credits": 2.5}, "failed_pages": []}
    structure = {"type": "document", "children": pages}
    return {"markdown": markdown, "structure": structure, "metadata": metadata, **more}


def job(job_id: str, status: str = "completed", **more: Any) -> dict[str, Any]:
    ended = {"completed_at": ago(20)} if status not in ("pending", "processing") else {}
    return {"job_id": job_id, "status": status, "created_at": ago(30), **ended, **more}


class Lists:
    """Both lists, ten rows a page; the size is named as a deployment names it."""

    def __init__(self, server: Younger, size_name: str | None = None) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {"parse": [], "extract": []}
        self._size_name = size_name
        for kind in self.rows:
            server.routes[f"/v2/{kind}/jobs"] = lambda query, kind=kind: self._page(kind, query)

    def _page(self, kind: str, query: Query) -> Any:
        size = int(query.get(self._size_name or "", "10"))
        start = int(query.get("page", "0")) * size
        rows = self.rows[kind]
        return {"jobs": rows[start : start + size], "has_more": start + size < len(rows)}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("page_size", marks=pytest.mark.slow),
        "pageSize",
        pytest.param(None, marks=pytest.mark.slow),
    ],
)
def test_whatever_the_page_size_is_called(landingai: World, server: Younger, name: str) -> None:
    lists = Lists(server, name)
    lists.rows["parse"] = [job(f"parse-{at:02}") for at in range(12)]
    for one in lists.rows["parse"]:
        server.routes[f"/v2/parse/jobs/{one['job_id']}"] = {**one, "result": parsed(one["job_id"])}
    assert landingai.sync().exit_code == 0
    texts = dict(landingai.read("SELECT job_id, content FROM segments"))
    assert texts == {f"parse-{at:02}": f"parse-{at:02}" for at in range(12)}


def test_each_form_of_a_landingai_result(landingai: World, server: Younger) -> None:
    astral = parsed("\U0001d54f astral", "second")
    zero = parsed("zero", first=0)
    bare = {"markdown": "# only\n\n<!-- PAGE BREAK -->\n\nmarkdown\n\n<!-- doc_id=x -->"}
    old = {
        "markdown": "Old form",
        "structure": {"type": "document", "children": [
            {"type": "page", "page": 0, "span": [0, 8], "width": 100, "height": 100,
             "children": [{"type": "text", "id": "e1", "span": [0, 8]}]}]},
        "grounding": {"type": "document", "children": [
            {"type": "page", "page": 0, "children": [
                {"type": "text", "id": "e1", "span": [0, 8], "box": [10, 10, 50, 20]}]}]},
    }  # fmt: skip
    box = {"left": 0, "top": 0, "right": 1, "bottom": 0.5}
    v1 = {
        "markdown": "<a id='c'></a>\n\nof v1",
        "chunks": [{"id": "c", "type": "text", "markdown": "<a id='c'></a>\n\nof v1",
                    "grounding": {"page": 0, "box": box}}],
        "splits": [], "grounding": {}, "metadata": {"filename": "a.pdf", "credit_usage": 3.0},
    }  # fmt: skip
    forms = {
        "astral": {"result": astral},
        "zero": {"result": zero},
        "bare": {"result": bare},
        "old": {"data": old},
        "v1": {"data": v1, "metadata": v1["metadata"]},
        "unplaced": {"result": {**parsed("placed"), "markdown": "placed and lost"}},
        "receipt": {"result": None, "output_url": "https://mine.example/put?sig=hush",
                    "metadata": {"page_count": 3, "billing": {"total_credits": 9}}},
    }  # fmt: skip
    lists = Lists(server)
    for name, more in forms.items():
        lists.rows["parse"].append(job(name))
        status = 206 if name == "v1" else 200
        server.routes[f"/v2/parse/jobs/{name}"] = says({**job(name), **more}, status)
    landingai.sync()
    assert landingai.jobs("results_state") == {
        **dict.fromkeys(forms, "loaded"),
        "receipt": "none",
    }
    texts: dict[str, list[str]] = {}
    for name, text in landingai.read(
        "SELECT job_id, content FROM segments ORDER BY job_id, segment_index"
    ):
        texts.setdefault(name, []).append(text)
    assert texts == {
        "astral": ["\U0001d54f astral", "second"],
        "zero": ["zero"],
        "bare": ["# only", "markdown"],
        "old": ["Old form"],
        "v1": ["of v1"],
        "unplaced": ["placed"],
    }
    pages = landingai.read("SELECT job_id, page_number FROM pages ORDER BY ALL")
    assert pages == [
        *(("astral", 1), ("astral", 2), ("bare", 1), ("bare", 2), ("old", 1), ("unplaced", 1)),
        *(("v1", 1), ("zero", 1)),
    ]
    (metadata,) = landingai.read("SELECT metadata FROM pages WHERE job_id = 'unplaced'")
    assert "and lost" in str(metadata)
    assert landingai.jobs("credits")["receipt"] == 9
    # told by the answer, else counted
    counts = landingai.jobs("page_count")
    assert [counts[name] for name in ("receipt", "astral", "bare", "old")] == [3, 2, 2, 1]
    assert "hush" not in str(landingai.read("SELECT payload FROM jobs"))


def test_a_job_that_turns_up_late_at_the_end_of_a_drifting_list(
    landingai: World, server: Younger
) -> None:
    """A deletion pulls rows to the page before while pages are read one by one."""
    lists = Lists(server)
    lists.rows["extract"] = rows = [job(f"extract-{at:02}") for at in range(22)]
    for one in rows:
        result = {"extraction": {"a": None}, "extraction_metadata": None, "markdown": "echo"}
        server.routes[f"/v2/extract/jobs/{one['job_id']}"] = {**one, "result": result}
    page = server.routes["/v2/extract/jobs"]

    def drifting(query: Query) -> Any:
        answer = page(query)
        if query.get("page") == "0" and len(rows) == 22:
            del rows[0]
        return answer

    server.routes["/v2/extract/jobs"] = drifting
    landingai.sync()
    assert set(landingai.jobs("status")) == {f"extract-{at:02}" for at in range(22)}
    assert "echo" not in str(
        landingai.read("SELECT result, field_metadata FROM extraction_results")
    )


def test_landingai_says_little_and_odd_things(landingai: World, server: Younger) -> None:
    lists = Lists(server)
    lists.rows["parse"] = [
        {"job_id": "bare", "status": "processing"},
        {"job_id": "null", "status": "PENDING", "created_at": None, "completed_at": None},
        {"job_id": "new", "status": "paused", "created_at": ago(5)},
        {"job_id": "epoch", "status": "failed", "received_at": 1752000000, "failure_reason": "why"},
        {"status": "completed"},
        "no row",
        job("partial", progress=0.3),
    ]
    server.routes["/v2/extract/jobs"] = {}
    for name in ("bare", "null", "new"):
        server.routes[f"/v2/parse/jobs/{name}"] = {"job_id": name, "status": "processing"}
    violated = {
        "extraction": {"a": 1},
        "schema_violation_error": "dropped b",
        "warnings": [{"code": "x"}],
    }
    server.routes["/v2/parse/jobs/partial"] = {**job("partial"), "result": violated}
    assert landingai.sync().exit_code == 1
    states = landingai.jobs("status, created_at_precision, error_message")
    assert states["epoch"] == ("failed", "exact", "why")
    assert states["new"][0] in ("unknown", "running")
    assert states["bare"] == ("running", "unknown", None)
    assert len(landingai.read("SELECT 1 FROM rejected_records WHERE job_kind = 'parse'")) >= 3
