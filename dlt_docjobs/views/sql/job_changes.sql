-- A row an event of a job's history: what changed, on which day, and when that was first seen.
--
-- Rows are never changed or taken away, so whoever has read up to one observed_at goes on behind it.
-- back is any event after expired, and one that goes on from another end. Terminal words after
-- another end (failed, then succeeded) are named by themselves.
--
-- - event_id: The event in job_status_history
-- - day: UTC day of occurred_at
-- - change: new, changed, succeeded, failed, cancelled, vanished (the provider forgot the job) or
--   back (it goes on after it had ended or vanished)
-- - document_name: Name of the document, for an extract job that of the parse job that it reads;
--   its hash with include_names=false
-- - status: Canonical status that began
-- - provider_status: Status in the provider's word; null where only a timestamp proves it
-- - observed_at: Our clock when the event was first seen
-- - error_message: Error that came with the status
SELECT
  h.event_id,
  CAST(h.occurred_at AT TIME ZONE 'UTC' AS DATE) AS day,
  CASE
    WHEN h.sequence = 0 THEN 'new'
    WHEN h.status = 'expired' THEN 'vanished'
    WHEN h.previous_status = 'expired' THEN 'back'
    WHEN h.status IN ('succeeded', 'failed', 'cancelled') THEN h.status
    WHEN h.previous_status IN ('succeeded', 'failed', 'cancelled') THEN 'back'
    ELSE 'changed'
  END AS change,
  h.provider,
  h.account,
  h.job_kind,
  h.job_id,
  coalesce(j.document_name, p.document_name) AS document_name,
  j.tier,
  h.sequence,
  h.status,
  h.provider_status,
  h.previous_status,
  h.occurred_at,
  h.occurred_at_earliest,
  h.occurred_at_latest,
  h.occurred_at_source,
  h.observed_at,
  h.error_message
FROM job_status_history AS h
LEFT JOIN jobs AS j
  ON j.provider = h.provider AND j.job_kind = h.job_kind AND j.job_id = h.job_id
LEFT JOIN jobs AS p
  ON p.provider = j.provider
  AND p.job_kind = 'parse'
  AND p.job_id = coalesce(j.parse_job_id, j.document_id)
