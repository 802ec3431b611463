-- A row a job that has not ended, the oldest first: what is stuck, and since when.
--
-- A job is open while its last event is not terminal. Jobs that are not asked for any more have
-- is_given_up set: nobody knows what became of them.
--
-- - document_name: Name of the document, for an extract job that of the parse job that it reads;
--   its hash with include_names=false
-- - status: Canonical status that the job is in
-- - provider_status: That status in the provider's word
-- - status_since: Best estimate of the moment when that status began
-- - status_since_earliest: It began at or after this; null where nothing bounds it
-- - status_since_latest: It began at or before this
-- - seconds_in_status: Seconds since status_since
-- - age_seconds: Seconds since the creation; where that is not known, since the first sight
-- - age_seconds_min: Age in seconds that is certain
-- - is_stuck: True where the job has been open for more than an hour, for certain, and is still
--   asked for
-- - is_given_up: True where the job is not asked for any more
-- - seconds_since_observed: Seconds since the job was last looked at
WITH latest AS (
  SELECT
    provider,
    account,
    job_kind,
    job_id,
    status,
    provider_status,
    occurred_at,
    occurred_at_earliest,
    occurred_at_latest,
    is_terminal,
    row_number() OVER (PARTITION BY provider, job_kind, job_id ORDER BY sequence DESC) AS place
  FROM job_status_history
)
SELECT
  h.provider,
  h.account,
  h.job_kind,
  h.job_id,
  coalesce(j.document_name, p.document_name) AS document_name,
  j.project_id,
  j.tier,
  h.status,
  h.provider_status,
  h.occurred_at AS status_since,
  h.occurred_at_earliest AS status_since_earliest,
  h.occurred_at_latest AS status_since_latest,
  date_diff('microsecond', h.occurred_at, current_timestamp) / 1e6 AS seconds_in_status,
  j.created_at,
  j.created_at_precision,
  date_diff('microsecond', coalesce(j.created_at, j.created_at_latest), current_timestamp) / 1e6
    AS age_seconds,
  date_diff('microsecond', j.created_at_latest, current_timestamp) / 1e6 AS age_seconds_min,
  date_diff('microsecond', j.created_at_latest, current_timestamp) / 1e6 > 3600
    AND j.given_up_at IS NULL AS is_stuck,
  j.given_up_at IS NOT NULL AS is_given_up,
  j.given_up_at,
  j.progress_percent,
  j.current_step,
  j.current_activity,
  j.last_observed_at,
  date_diff('microsecond', j.last_observed_at, current_timestamp) / 1e6 AS seconds_since_observed
FROM latest AS h
JOIN jobs AS j
  ON j.provider = h.provider AND j.job_kind = h.job_kind AND j.job_id = h.job_id
LEFT JOIN jobs AS p
  ON p.provider = j.provider
  AND p.job_kind = 'parse'
  AND p.job_id = coalesce(j.parse_job_id, j.document_id)
WHERE h.place = 1 AND NOT h.is_terminal
ORDER BY age_seconds DESC
