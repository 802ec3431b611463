-- A row a result that is not loaded yet, with the days left before the provider forgets it.
--
-- Pending results are fetched by the next sync, failed and skipped ones only by --reload or a
-- backfill window. A job of a load that did not come to its end counts as pending, whatever its
-- row says: the next sync fetches its result again.
--
-- - document_name: Name of the document, for an extract job that of the parse job that it reads;
--   its hash with include_names=false
-- - results_state: pending, failed or skipped
-- - days_left: Days until results_expire_at; negative where it has passed, null where the provider
--   does not say how long it keeps results
-- - ended_at: Best estimate of the moment when the job ended
WITH unloaded AS (
  SELECT
    j.provider,
    j.account,
    j.job_kind,
    j.job_id,
    coalesce(j.document_name, p.document_name) AS document_name,
    j.project_id,
    j.tier,
    j.results_expire_at,
    j.created_at,
    j.last_observed_at,
    CASE
      WHEN j.results_state = 'loaded' AND l.load_id IS NULL THEN 'pending'
      ELSE j.results_state
    END AS state
  FROM jobs AS j
  LEFT JOIN _dlt_loads AS l
    ON l.load_id = j._dlt_load_id AND l.status = 0
  LEFT JOIN jobs AS p
    ON p.provider = j.provider
    AND p.job_kind = 'parse'
    AND p.job_id = coalesce(j.parse_job_id, j.document_id)
),
ends AS (
  SELECT
    provider,
    job_kind,
    job_id,
    max(occurred_at) AS ended_at
  FROM job_status_history
  WHERE status = 'succeeded'
  GROUP BY provider, job_kind, job_id
)
SELECT
  u.provider,
  u.account,
  u.job_kind,
  u.job_id,
  u.document_name,
  u.project_id,
  u.tier,
  u.state AS results_state,
  u.results_expire_at,
  date_diff('microsecond', current_timestamp, u.results_expire_at) / 86400e6 AS days_left,
  u.created_at,
  e.ended_at,
  u.last_observed_at
FROM unloaded AS u
LEFT JOIN ends AS e
  ON e.provider = u.provider AND e.job_kind = u.job_kind AND e.job_id = u.job_id
WHERE u.state IN ('pending', 'failed', 'skipped')
ORDER BY days_left NULLS LAST
