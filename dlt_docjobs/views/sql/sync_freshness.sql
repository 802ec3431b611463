-- A row a provider's account: when it was last synced, how that ended, and what is still to do.
--
-- - last_run_id: The last run
-- - last_run_at: When it ended
-- - last_run_ok: True where it ended with exit code 0
-- - last_run_exit_code: Its exit code
-- - last_run_error: What went wrong in it, in a sentence
-- - last_ok_run_at: When the last run ended that did everything; null where there was none
-- - seconds_since_last_run: Seconds since last_run_at
-- - seconds_since_last_ok_run: Seconds since last_ok_run_at
-- - runs_last_day: Runs in the last 24 hours
-- - failed_runs_last_day: Of these, not ok
-- - listed_until: Jobs created up to this instant have been listed
-- - jobs: Jobs in the warehouse
-- - open_jobs: Of these, open, the given up included
-- - given_up_jobs: Of the open ones, not asked for any more
-- - pending_results: Results that the next sync fetches
-- - retried_results: Of these, of jobs known to have succeeded for a day: asked for once a day
-- - retried_since: Since when the first of them
-- - missing_jobs: Jobs that answer 404, which no later sync has confirmed yet
-- - missing_since: Since when the first of them
-- - failed_results: Results that could not be read
-- - skipped_results: Results that were not wanted
-- - rejected_records: Rows of rejected_records
-- - is_healthy: True where the last run was ok and ended in the last 24 hours
-- - version: Version of dlt-docjobs in the last run
WITH ranked AS (
  SELECT
    run_id,
    provider,
    account,
    ok,
    exit_code,
    error,
    cursor,
    finished_at,
    version,
    row_number() OVER (PARTITION BY provider, account ORDER BY finished_at DESC, run_id) AS place
  FROM sync_runs
),
runs AS (
  SELECT
    provider,
    account,
    max(CASE WHEN place = 1 THEN run_id END) AS last_run_id,
    max(finished_at) AS last_run_at,
    max(CASE WHEN place = 1 THEN exit_code END) AS last_run_exit_code,
    max(CASE WHEN place = 1 THEN error END) AS last_run_error,
    max(CASE WHEN place = 1 THEN version END) AS version,
    max(CASE WHEN ok THEN finished_at END) AS last_ok_run_at,
    count(
      CASE WHEN date_diff('microsecond', finished_at, current_timestamp) < 86400e6 THEN 1 END
    ) AS runs_last_day,
    count(
      CASE
        WHEN NOT ok AND date_diff('microsecond', finished_at, current_timestamp) < 86400e6 THEN 1
      END
    ) AS failed_runs_last_day,
    max(cursor) AS listed_until
  FROM ranked
  GROUP BY provider, account
),
held AS (
  SELECT
    provider,
    account,
    count(*) AS jobs,
    count(CASE WHEN results_state = 'pending' THEN 1 END) AS pending_results,
    count(CASE WHEN results_state = 'failed' THEN 1 END) AS failed_results,
    count(CASE WHEN results_state = 'skipped' THEN 1 END) AS skipped_results,
    count(missing_since) AS missing_jobs,
    min(missing_since) AS missing_since
  FROM jobs
  GROUP BY provider, account
),
succeeded AS (
  SELECT
    provider,
    job_kind,
    job_id,
    max(observed_at) AS seen_at
  FROM job_status_history
  WHERE status = 'succeeded'
  GROUP BY provider, job_kind, job_id
),
retried AS (
  SELECT
    j.provider,
    j.account,
    count(*) AS retried_results,
    min(s.seen_at) AS retried_since
  FROM jobs AS j
  INNER JOIN succeeded AS s
    ON s.provider = j.provider AND s.job_kind = j.job_kind AND s.job_id = j.job_id
  WHERE
    j.results_state = 'pending'
    AND date_diff('microsecond', s.seen_at, current_timestamp) > 86400e6
  GROUP BY j.provider, j.account
),
opened AS (
  SELECT
    provider,
    account,
    count(*) AS open_jobs,
    count(CASE WHEN is_given_up THEN 1 END) AS given_up_jobs
  FROM jobs_open
  GROUP BY provider, account
),
rejected AS (
  SELECT
    provider,
    account,
    count(*) AS rejections
  FROM rejected_records
  GROUP BY provider, account
),
accounts AS (
  SELECT
    provider,
    account
  FROM runs
  UNION
  SELECT
    provider,
    account
  FROM held
)
SELECT
  a.provider,
  a.account,
  r.last_run_id,
  r.last_run_at,
  r.last_run_exit_code = 0 AS last_run_ok,
  r.last_run_exit_code,
  r.last_run_error,
  r.last_ok_run_at,
  date_diff('microsecond', r.last_run_at, current_timestamp) / 1e6 AS seconds_since_last_run,
  date_diff('microsecond', r.last_ok_run_at, current_timestamp) / 1e6
    AS seconds_since_last_ok_run,
  coalesce(r.runs_last_day, 0) AS runs_last_day,
  coalesce(r.failed_runs_last_day, 0) AS failed_runs_last_day,
  r.listed_until,
  coalesce(h.jobs, 0) AS jobs,
  coalesce(o.open_jobs, 0) AS open_jobs,
  coalesce(o.given_up_jobs, 0) AS given_up_jobs,
  coalesce(h.pending_results, 0) AS pending_results,
  coalesce(t.retried_results, 0) AS retried_results,
  t.retried_since,
  coalesce(h.missing_jobs, 0) AS missing_jobs,
  h.missing_since,
  coalesce(h.failed_results, 0) AS failed_results,
  coalesce(h.skipped_results, 0) AS skipped_results,
  coalesce(x.rejections, 0) AS rejected_records,
  coalesce(
    r.last_run_exit_code = 0
    AND date_diff('microsecond', r.last_run_at, current_timestamp) < 86400e6,
    FALSE
  ) AS is_healthy,
  r.version
FROM accounts AS a
LEFT JOIN runs AS r
  ON r.provider = a.provider AND r.account = a.account
LEFT JOIN held AS h
  ON h.provider = a.provider AND h.account = a.account
LEFT JOIN retried AS t
  ON t.provider = a.provider AND t.account = a.account
LEFT JOIN opened AS o
  ON o.provider = a.provider AND o.account = a.account
LEFT JOIN rejected AS x
  ON x.provider = a.provider AND x.account = a.account
