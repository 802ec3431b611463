"""What the page asks of the warehouse: SELECTs over the views, in DuckDB's dialect.

Everything is counted there, so that what comes back does not grow with the number of segments.
`{since}` is the first day that is shown by day, `{limit}` the longest table. Percentiles are made
as in the view `job_daily`, from sums that every warehouse has, over the same jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

OUTCOMES: Final = """
SELECT
  provider,
  count(*) AS jobs,
  count(CASE WHEN status = 'succeeded' AND NOT is_open THEN 1 END) AS succeeded,
  count(CASE WHEN status = 'failed' AND NOT is_open THEN 1 END) AS failed,
  count(CASE WHEN status = 'cancelled' AND NOT is_open THEN 1 END) AS cancelled,
  count(CASE WHEN is_open THEN 1 END) AS open_jobs,
  count(CASE WHEN is_expired THEN 1 END) AS expired,
  CAST(sum(page_count) AS BIGINT) AS pages,
  sum(credits_counted) AS credits,
  count(*) - count(credits) AS jobs_without_credits
FROM job_timeline
GROUP BY provider
ORDER BY provider
"""

DAYS: Final = """
SELECT
  min(day) AS first_day,
  max(day) AS last_day,
  CAST(sum(CASE WHEN day IS NULL THEN jobs ELSE 0 END) AS BIGINT) AS jobs_without_day
FROM job_daily
"""

BY_DAY: Final = """
SELECT
  day,
  provider,
  CAST(sum(jobs) AS BIGINT) AS jobs,
  CAST(sum(failures) AS BIGINT) AS failures
FROM job_daily
WHERE day >= CAST('{since}' AS DATE)
GROUP BY day, provider
ORDER BY day, provider
"""

# as in the view job_daily, whose groups are smaller, and percentiles can't be made of percentiles:
# of the durations known well enough, and of the shortest and the longest possible of all jobs that
# have ended. `{keys}` is what a row is of
_DURATIONS: Final = """
WITH phases AS (
  {phases}
),
lengths AS (
  SELECT
    CAST(t.created_at AT TIME ZONE 'UTC' AS DATE) AS day,
    t.provider,
    p.phase,
    CASE p.phase
      WHEN 'queued' THEN t.queued_seconds
      WHEN 'running' THEN t.running_seconds
      ELSE t.total_seconds
    END AS seconds,
    CASE p.phase
      WHEN 'queued' THEN t.queued_seconds_uncertainty
      WHEN 'running' THEN t.running_seconds_uncertainty
      ELSE t.total_seconds_uncertainty
    END AS doubt,
    CASE p.phase
      WHEN 'queued' THEN coalesce(t.queued_seconds_min, 0.0)
      WHEN 'running' THEN coalesce(t.running_seconds_min, 0.0)
      ELSE coalesce(t.total_seconds_min, 0.0)
    END AS shortest,
    CASE p.phase
      WHEN 'queued' THEN t.queued_seconds_max
      WHEN 'running' THEN t.running_seconds_max
      ELSE t.total_seconds_max
    END AS longest
  FROM job_timeline AS t
  CROSS JOIN phases AS p
  WHERE NOT t.is_open AND (p.phase <> 'running' OR t.has_run)
),
measured AS (
  SELECT
    *,
    CASE WHEN doubt <= greatest(3600.0, seconds) THEN seconds END AS figure
  FROM lengths
  WHERE {which}
),
placed AS (
  SELECT
    *,
    100 * (
      row_number() OVER (
        PARTITION BY {keys} ORDER BY CASE WHEN figure IS NULL THEN 1 ELSE 0 END, figure
      ) - 1
    ) AS figure_place,
    100 * (row_number() OVER (PARTITION BY {keys} ORDER BY shortest) - 1) AS shortest_place,
    100 * (
      row_number() OVER (
        PARTITION BY {keys} ORDER BY CASE WHEN longest IS NULL THEN 1 ELSE 0 END, longest
      ) - 1
    ) AS longest_place,
    count(figure) OVER (PARTITION BY {keys}) - 1 AS last_figure,
    count(*) OVER (PARTITION BY {keys}) - 1 AS last_job
  FROM measured
)
SELECT
  {keys},
  count(*) AS jobs,
  count(figure) AS measured,
  {percentiles}
FROM placed
GROUP BY {keys}
ORDER BY {keys}
"""

_PERCENTILE: Final = """sum(
    figure * greatest(0, 100 - abs(figure_place - {q} * last_figure))
  ) / 100.0 AS p{q},
  sum(
    shortest * greatest(0, 100 - abs(shortest_place - {q} * last_job))
  ) / 100.0 AS p{q}_min,
  sum(
    longest * greatest(0, 100 - abs(longest_place - {q} * last_job))
  ) / 100.0 AS p{q}_max,
  count(
    CASE WHEN longest IS NULL AND abs(longest_place - {q} * last_job) < 100 THEN 1 END
  ) AS p{q}_unbounded"""


def _durations(phases: Sequence[str], keys: str, which: str) -> str:
    # {since} is left to be filled in
    sql = _DURATIONS.replace(
        "{phases}",
        " UNION ALL ".join(f"SELECT CAST('{one}' AS VARCHAR) AS phase" for one in phases),
    )
    sql = sql.replace("{keys}", keys).replace("{which}", which)
    return sql.replace(
        "{percentiles}", ",\n  ".join(_PERCENTILE.replace("{q}", q) for q in ("50", "95"))
    )


TOTAL_DURATION: Final = _durations(("total",), "phase", "1 = 1")

DURATIONS_BY_DAY: Final = _durations(
    ("queued", "running"), "day, provider, phase", "day >= CAST('{since}' AS DATE)"
)

FLOW: Final = """
SELECT
  status,
  next_status,
  count(*) AS stays
FROM status_intervals
GROUP BY status, next_status
ORDER BY status, next_status
"""

SEGMENT_MIX: Final = """
SELECT
  provider,
  segment_type,
  CAST(sum(segments + nested_segments) AS BIGINT) AS segments
FROM segment_mix
GROUP BY provider, segment_type
ORDER BY provider, segment_type
"""

CONFIDENCE: Final = """
SELECT
  provider,
  confidence_level,
  confidence_from,
  CAST(sum(segments) AS BIGINT) AS segments
FROM segment_confidence
GROUP BY provider, confidence_level, confidence_from
ORDER BY provider, confidence_level, confidence_from
"""

PAGES: Final = """
SELECT
  provider,
  count(*) AS pages,
  count(CASE WHEN needs_review THEN 1 END) AS to_review,
  count(CASE WHEN is_failed THEN 1 END) AS failed
FROM page_quality
GROUP BY provider
ORDER BY provider
"""

PAGES_TO_REVIEW: Final = """
SELECT
  provider,
  document_name,
  job_id,
  page_number,
  reason,
  error_message,
  low_confidence_segments,
  segment_confidence_lowest
FROM page_quality
WHERE needs_review
ORDER BY
  CASE WHEN is_failed THEN 0 ELSE 1 END,
  low_confidence_segments DESC,
  provider,
  job_id,
  page_number
LIMIT {limit}
"""

SEGMENTS_TO_REVIEW_COUNT: Final = "SELECT count(*) AS segments FROM review_queue"

# of tables also what their cells are read of, but for the largest; segments are met by those few
SEGMENTS_TO_REVIEW: Final = """
WITH worst AS (
  SELECT
    provider,
    document_name,
    job_kind,
    job_id,
    page_number,
    segment_index,
    segment_type,
    reason,
    severity,
    rated_by,
    sort_confidence,
    confidence,
    confidence_level,
    excerpt
  FROM review_queue
  ORDER BY rated_by, sort_confidence, severity, provider, job_id, segment_index
  LIMIT {limit}
)
SELECT
  w.provider,
  w.document_name,
  w.job_id,
  w.page_number,
  w.segment_type,
  w.reason,
  w.confidence,
  w.confidence_level,
  w.excerpt,
  CASE WHEN length(s.html) <= 200000 THEN s.html END AS html,
  CASE WHEN length(s.markdown) <= 200000 THEN s.markdown END AS markdown,
  CASE WHEN length(s.content) <= 200000 THEN s.content END AS content
FROM worst AS w
LEFT JOIN segments AS s
  ON s.provider = w.provider
  AND s.job_kind = w.job_kind
  AND s.job_id = w.job_id
  AND s.segment_index = w.segment_index
  AND s.segment_type = 'table'
ORDER BY w.rated_by, w.sort_confidence, w.severity, w.provider, w.job_id, w.segment_index
LIMIT {limit}
"""

AT_RISK_COUNT: Final = """
SELECT
  results_state,
  count(*) AS results,
  count(CASE WHEN days_left < 2 THEN 1 END) AS soon
FROM results_at_risk
GROUP BY results_state
ORDER BY results_state
"""

AT_RISK: Final = """
SELECT
  provider,
  document_name,
  job_id,
  results_state,
  results_expire_at,
  days_left
FROM results_at_risk
ORDER BY
  CASE WHEN days_left IS NULL THEN 1 ELSE 0 END,
  days_left,
  provider,
  job_id
LIMIT {limit}
"""

OPEN_COUNT: Final = """
SELECT
  count(*) AS open_jobs,
  count(CASE WHEN is_stuck THEN 1 END) AS stuck,
  count(CASE WHEN is_given_up THEN 1 END) AS given_up
FROM jobs_open
"""

OPEN_JOBS: Final = """
SELECT
  provider,
  document_name,
  job_id,
  status,
  age_seconds,
  seconds_in_status,
  is_stuck,
  is_given_up
FROM jobs_open
ORDER BY age_seconds DESC, provider, job_id
LIMIT {limit}
"""

FAILURES_COUNT: Final = """
SELECT count(*) AS messages
FROM (
  SELECT provider, job_kind, error_message
  FROM job_failures
  GROUP BY provider, job_kind, error_message
) AS kinds
"""

FAILURES: Final = """
SELECT
  provider,
  job_kind,
  error_message,
  count(*) AS jobs,
  max(failed_at) AS last_failed_at
FROM job_failures
GROUP BY provider, job_kind, error_message
ORDER BY jobs DESC, provider, job_kind, error_message
LIMIT {limit}
"""

QUALITY_CHANGES: Final = """
SELECT
  provider,
  account,
  min(day) AS first_day,
  count(*) AS shares
FROM quality_control
WHERE is_changed AND is_recent
GROUP BY provider, account
ORDER BY provider, account
"""

FRESHNESS: Final = """
SELECT
  provider,
  account,
  is_healthy,
  last_run_at,
  last_run_ok,
  last_run_error,
  last_ok_run_at,
  listed_until,
  jobs,
  open_jobs,
  pending_results,
  missing_jobs,
  missing_since,
  rejected_records
FROM sync_freshness
ORDER BY provider, account
"""

RUNS_COUNT: Final = "SELECT count(*) AS runs FROM sync_runs"

RUNS: Final = """
SELECT
  provider,
  account,
  finished_at,
  ok,
  exit_code,
  error,
  jobs_new,
  jobs_changed,
  results_loaded,
  segments,
  requests,
  duration_seconds
FROM sync_runs
ORDER BY finished_at DESC, provider, account
LIMIT {limit}
"""
