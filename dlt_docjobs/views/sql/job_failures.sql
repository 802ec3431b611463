-- A row a job that failed: when, and with which message.
--
-- Jobs that failed once and succeeded later are not here. Pages that failed in a job that succeeded
-- are in page_quality.
--
-- - document_name: Name of the document, for an extract job that of the parse job that it reads;
--   its hash with include_names=false
-- - failed_at: Best estimate of the moment when it failed
-- - failed_at_earliest: It failed at or after this
-- - failed_at_latest: It failed at or before this
-- - running_seconds: Seconds that the job was processed; null where that is not known
-- - total_seconds: Seconds from the creation to the failure; null where that is not known
-- - retries: Retries seen
-- - jobs_with_this_message: Jobs of the provider and kind that failed with the same message
SELECT
  t.provider,
  t.account,
  t.job_kind,
  t.job_id,
  t.document_name,
  t.project_id,
  t.tier,
  t.provider_status,
  t.created_at,
  t.ended_at AS failed_at,
  t.ended_at_earliest AS failed_at_earliest,
  t.ended_at_latest AS failed_at_latest,
  t.running_seconds,
  t.total_seconds,
  t.retries,
  t.page_count,
  t.error_message,
  count(*) OVER (PARTITION BY t.provider, t.job_kind, t.error_message) AS jobs_with_this_message
FROM job_timeline AS t
WHERE t.status = 'failed' AND NOT t.is_open
