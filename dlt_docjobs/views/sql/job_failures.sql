-- A row a job that failed: when, and with which message.
--
-- Jobs that failed once and succeeded later are not here. Pages that failed in a job that succeeded
-- are in page_quality.
--
-- - failed_at: Best estimate of the moment when it failed
-- - failed_at_earliest: It failed at or after this
-- - failed_at_latest: It failed at or before this
-- - running_seconds: Seconds that the job was processed; null where that is not known
-- - total_seconds: Seconds from the creation to the failure; null where that is not known
-- - retries: Retries seen
-- - jobs_with_this_message: Jobs of the provider and kind that failed with the same message
SELECT
  provider,
  account,
  job_kind,
  job_id,
  document_name,
  project_id,
  tier,
  provider_status,
  created_at,
  ended_at AS failed_at,
  ended_at_earliest AS failed_at_earliest,
  ended_at_latest AS failed_at_latest,
  running_seconds,
  total_seconds,
  retries,
  page_count,
  error_message,
  count(*) OVER (PARTITION BY provider, job_kind, error_message) AS jobs_with_this_message
FROM job_timeline
WHERE status = 'failed' AND NOT is_open
