"""Made-up rows of a large warehouse: SELECTs in DuckDB, the same for every destination.

Most jobs have ten pages of 15 segments. A tenth as many extract jobs read some of these, two of
them each. Beside them some jobs have failed, some are open, and the results of some are missing.
What looks random is a hash of the row's number, and time ends with the last midnight, so every run
has the same rows but for the dates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dlt_docjobs.tables import TABLES

PAGES: Final = 10
SEGMENTS_ON_PAGE: Final = 15
_DAYS: Final = 90
_NOW: Final = "date_trunc('day', now())"
_PROVIDER: Final = "['llamacloud', 'contextual', 'unsiloed'][i % 3 + 1]"
# a segment's place on its page to its type; 7 and 8 are inside the list
_TYPES: Final = (
    *("section_header", "text", "text", "text", "text", "text", "list", "list_item", "list_item"),
    *("text", "table", "text", "picture", "text", "page_footer"),
)
_SENTENCE: Final = "'The quick brown fox jumps over the lazy dog, number ' || {} || ' looks on. '"


def _dice(number: str, salt: str, sides: int) -> str:
    """An expression: 0 to `sides` less 1, by chance, but for each number always the same."""
    return f"CAST(hash({number}, '{salt}') % {sides} AS BIGINT)"


@dataclass(frozen=True)
class Rows:
    """A warehouse's rows.

    Attributes:
        jobs: Parse jobs whose results are loaded.
        load_id: The load that has brought all rows.
    """

    jobs: int
    load_id: str

    @property
    def segments(self) -> int:
        """Rows of `segments`."""
        return self.jobs * PAGES * SEGMENTS_ON_PAGE

    def selects(self) -> dict[str, str]:
        """A SELECT a table, by the table's name; columns that it leaves out are null."""
        return {
            "jobs": self._jobs(),
            "job_status_history": self._history(),
            "pages": self._pages(),
            "segments": self._segments(),
            "sync_runs": self._runs(),
        }

    def _all_jobs(self) -> str:
        """Every job by its number `i`, with what decides about it."""
        ended = self.jobs
        extracted = ended + ended // 10
        failed = extracted + ended // 20
        open_ = failed + ended // 100
        missing = open_ + ended // 50
        step = _DAYS * 86_400 / missing
        return f"""
        SELECT
          range AS i,
          {_PROVIDER} AS provider,
          'job-' || md5(CAST(i AS VARCHAR)) AS job_id,
          CASE WHEN i >= {ended} AND i < {extracted} THEN 'extract' ELSE 'parse' END AS job_kind,
          CASE
            WHEN i < {extracted} OR i >= {open_} THEN 'succeeded'
            WHEN i < {failed} THEN 'failed'
            ELSE 'running'
          END AS status,
          -- the open ones are the newest, the others lie among each other
          {_NOW} - CASE
            WHEN i >= {failed} AND i < {open_} THEN to_seconds((i - {failed}) * 60.0)
            ELSE to_seconds(6e4 + {_dice("i", "created", missing)} * {step})
          END AS created_at,
          2 + {_dice("i", "queued", 60)} AS queued,
          5 + {_dice("i", "running", 600)} AS running,
          i >= {open_} AS is_missing
        FROM range({missing})"""

    def _jobs(self) -> str:
        # what extract jobs read: two of them a parse job, of the same provider
        parse_job = f"(i - {self.jobs}) // 6 * 3 + i % 3"
        return f"""
        WITH made AS ({self._all_jobs()})
        SELECT
          provider, 'default' AS account, job_kind, job_id, status, status AS provider_status,
          status <> 'running' AS is_terminal,
          -- every tenth document is parsed twice
          'document ' || (i - CASE WHEN i % 10 = 9 THEN 1 ELSE 0 END) || '.pdf' AS document_name,
          created_at, 'exact' AS created_at_precision, created_at AS created_at_earliest,
          created_at AS created_at_latest,
          CASE WHEN status = 'failed' THEN 'no text found in part ' || i % 20 END AS error_message,
          CASE WHEN provider = 'llamacloud'
            THEN ['fast', 'cost_effective', 'agentic', 'agentic_plus'][{_dice("i", "tier", 4)} + 1]
          END AS tier,
          CASE WHEN job_kind = 'extract'
            THEN 'job-' || md5(CAST({parse_job} AS VARCHAR)) END AS parse_job_id,
          CASE WHEN job_kind = 'extract' THEN 10.0 END AS parse_credits,
          {PAGES} AS page_count, i % 11 % 2 AS failed_page_count, {PAGES} AS chunk_count,
          {PAGES * SEGMENTS_ON_PAGE} AS segment_count,
          CASE WHEN status = 'succeeded' THEN 10.0 + i % 7 END AS credits,
          CASE
            WHEN is_missing THEN 'pending'
            WHEN status = 'succeeded' THEN 'loaded'
            WHEN status = 'failed' THEN 'none'
            ELSE 'not_ready'
          END AS results_state,
          created_at + INTERVAL 30 DAY AS results_expire_at,
          '{{"priority": "low", "pages": {PAGES}}}' AS payload,
          {_NOW} AS last_observed_at, 'run' AS run_id, '{self.load_id}' AS _dlt_load_id
        FROM made"""

    def _history(self) -> str:
        return f"""
        WITH made AS ({self._all_jobs()}),
        events AS (
          SELECT *, 0 AS sequence, 'queued' AS now_status, NULL AS before, 0 AS after, 0 AS doubt
          FROM made
          UNION ALL
          SELECT *, 1, 'running', 'queued', queued, 5 FROM made
          UNION ALL
          SELECT *, 2, status, 'running', queued + running, 20 FROM made WHERE status <> 'running'
        )
        SELECT
          provider, 'default' AS account, job_kind, job_id, md5(job_id || sequence) AS event_id,
          sequence, now_status AS status, now_status AS provider_status, before AS previous_status,
          created_at + to_seconds(after) AS occurred_at,
          created_at + to_seconds(greatest(0, after - doubt)) AS occurred_at_earliest,
          created_at + to_seconds(after + doubt) AS occurred_at_latest,
          CASE WHEN doubt = 0 THEN 'provider' ELSE 'observed' END AS occurred_at_source,
          created_at + to_seconds(after + doubt) AS observed_at,
          now_status IN ('succeeded', 'failed') AS is_terminal,
          'run' AS run_id, '{self.load_id}' AS _dlt_load_id
        FROM events"""

    def _pages(self) -> str:
        return f"""
        SELECT
          {_PROVIDER} AS provider, 'default' AS account, 'parse' AS job_kind,
          'job-' || md5(CAST(i AS VARCHAR)) AS job_id, 1 + range % {PAGES} AS page_number,
          612.0 AS page_width, 792.0 AS page_height, range % 97 = 0 AS is_failed,
          CASE WHEN range % 97 = 0 THEN 'the page is blank' END AS error_message,
          {SEGMENTS_ON_PAGE} AS segment_count, 'run' AS run_id, '{self.load_id}' AS _dlt_load_id
        FROM (SELECT range, range // {PAGES} AS i FROM range({self.jobs * PAGES}))"""

    def _segments(self) -> str:
        on_job = PAGES * SEGMENTS_ON_PAGE
        types = ", ".join(f"'{name}'" for name in _TYPES)
        return f"""
        SELECT
          {_PROVIDER} AS provider, 'default' AS account, 'parse' AS job_kind,
          'job-' || md5(CAST(i AS VARCHAR)) AS job_id, range % {on_job} AS segment_index,
          md5(CAST(range AS VARCHAR)) AS segment_id,
          CASE WHEN place IN (7, 8) THEN range % {on_job} - place + 6 END AS parent_segment_index,
          CASE WHEN place IN (7, 8) THEN 1 ELSE 0 END AS depth,
          range % {on_job} // {SEGMENTS_ON_PAGE} AS chunk_index,
          [{types}][place + 1] AS segment_type, [{types}][place + 1] AS provider_segment_type,
          1 + range % {on_job} // {SEGMENTS_ON_PAGE} AS page_number,
          repeat({_SENTENCE.format("range")}, 1 + place % 4) AS content,
          repeat({_SENTENCE.format("range")}, 1 + place % 4) AS markdown,
          CASE WHEN i % 3 <> 1 THEN 1.0 - (random ** 3) END AS confidence,
          CASE
            WHEN i % 3 = 1 AND random < 0.05 THEN 'low'
            WHEN i % 3 = 1 AND random < 0.2 THEN 'medium'
            WHEN i % 3 = 1 THEN 'high'
          END AS confidence_level,
          0.1 AS bbox_x0, 0.1 AS bbox_y0, 0.9 AS bbox_x1, 0.2 AS bbox_y1,
          '{{"x": 61.2, "y": 79.2, "w": 489.6, "h": 79.2}}' AS provider_bbox,
          CASE WHEN place = 10 THEN 4 + range % 9 END AS table_rows, 0 AS ocr_count,
          'run' AS run_id, '{self.load_id}' AS _dlt_load_id
        FROM (
          SELECT
            range, range // {on_job} AS i, range % {SEGMENTS_ON_PAGE} AS place,
            {_dice("range", "confidence", 100_000)} / 1e5 AS random
          FROM range({self.segments})
        )"""

    def _runs(self) -> str:
        """Every hour of a year, for each provider."""
        zeros = ", ".join(
            f"0 AS {column.name}"
            for column in TABLES["sync_runs"].columns
            if column.type == "bigint"
        )
        return f"""
        SELECT
          'run-' || range AS run_id, {_PROVIDER} AS provider, 'default' AS account, TRUE AS ok,
          {zeros}, 1.0 AS duration_seconds, {_NOW} - to_hours(i // 3) AS started_at,
          {_NOW} - to_hours(i // 3) AS finished_at, {_NOW} - to_hours(i // 3) AS cursor,
          '0' AS version, '{self.load_id}' AS _dlt_load_id
        FROM (SELECT range, range AS i FROM range(3 * 24 * 365))"""
