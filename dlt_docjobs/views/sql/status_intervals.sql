-- A row a job and stay in a status: when it was entered and left, and how long it lasted.
--
-- A stay begins with an event of job_status_history and ends with the next one. No status is made
-- up: where a job was seen queued and then succeeded, it stayed queued as far as anybody saw, and
-- may_hide_statuses says that it may have gone on in between. The true time in the status lies
-- between duration_seconds_min and duration_seconds_max.
--
-- - document_name: Name of the document, for an extract job that of the parse job that it reads;
--   its hash with include_names=false
-- - sequence: The event that began the stay: 0, 1, … within the job
-- - status: Canonical status
-- - provider_status: Status in the provider's word; null where only a timestamp proves it
-- - entered_at: Best estimate of the moment when the status began
-- - entered_at_earliest: It began at or after this; null where nothing bounds it
-- - entered_at_latest: It began at or before this
-- - left_at: Best estimate of its end, the next event; null for the status that the job is in
-- - left_at_earliest: It ended at or after this
-- - left_at_latest: It ended at or before this
-- - next_status: Canonical status that followed; null for the status that the job is in
-- - duration_seconds: Seconds from entered_at to left_at; null for the status that the job is in
-- - duration_seconds_uncertainty: Width of the range from duration_seconds_min to
--   duration_seconds_max, in seconds; null where no upper bound is known
-- - duration_seconds_min: The stay lasted at least so many seconds
-- - duration_seconds_max: The stay lasted at most so many seconds; null where nothing bounds it
-- - may_hide_statuses: True where another status may have passed unseen before the next one
-- - is_current: True for the status that the job is in
-- - error_message: Error that came with the status
WITH stays AS (
  SELECT
    provider,
    account,
    job_kind,
    job_id,
    sequence,
    status,
    provider_status,
    error_message,
    occurred_at AS entered_at,
    occurred_at_earliest AS entered_at_earliest,
    occurred_at_latest AS entered_at_latest,
    lead(status) OVER job AS next_status,
    lead(occurred_at) OVER job AS left_at,
    lead(occurred_at_earliest) OVER job AS left_at_earliest,
    lead(occurred_at_latest) OVER job AS left_at_latest,
    lead(occurred_at_source) OVER job AS left_at_source
  FROM job_status_history
  WINDOW job AS (PARTITION BY provider, job_kind, job_id ORDER BY sequence)
),
followed AS (
  SELECT
    *,
    next_status IS NULL AS is_current,
    -- on the way from queued over running to an end no status can be missing
    CASE
      WHEN next_status IS NULL THEN FALSE
      WHEN status IN ('running', 'retrying') THEN FALSE
      WHEN status = 'queued' THEN next_status NOT IN ('queued', 'running', 'retrying')
      WHEN status = 'unknown' THEN TRUE
      ELSE next_status NOT IN ('queued', 'expired')
    END AS may_hide_statuses
  FROM stays
),
measured AS (
  SELECT
    *,
    CASE
      WHEN left_at IS NOT NULL
        THEN greatest(0.0, date_diff('microsecond', entered_at, left_at) / 1e6)
    END AS duration_seconds,
    -- a change seen by polling begins with the last sight of the old status; a timestamp of the
    -- new one says nothing of the old one's end where others may lie between
    CASE
      WHEN left_at IS NULL THEN NULL
      WHEN left_at_earliest IS NULL THEN 0.0
      WHEN may_hide_statuses AND left_at_source = 'provider' THEN 0.0
      ELSE greatest(0.0, date_diff('microsecond', entered_at_latest, left_at_earliest) / 1e6)
    END AS duration_seconds_min,
    CASE
      WHEN left_at IS NOT NULL AND entered_at_earliest IS NOT NULL
        THEN greatest(0.0, date_diff('microsecond', entered_at_earliest, left_at_latest) / 1e6)
    END AS duration_seconds_max
  FROM followed
)
SELECT
  m.provider,
  m.account,
  m.job_kind,
  m.job_id,
  coalesce(j.document_name, p.document_name) AS document_name,
  j.tier,
  m.sequence,
  m.status,
  m.provider_status,
  m.entered_at,
  m.entered_at_earliest,
  m.entered_at_latest,
  m.left_at,
  m.left_at_earliest,
  m.left_at_latest,
  m.next_status,
  m.duration_seconds,
  m.duration_seconds_max - m.duration_seconds_min AS duration_seconds_uncertainty,
  m.duration_seconds_min,
  m.duration_seconds_max,
  m.may_hide_statuses,
  m.is_current,
  m.error_message
FROM measured AS m
LEFT JOIN jobs AS j
  ON j.provider = m.provider AND j.job_kind = m.job_kind AND j.job_id = m.job_id
LEFT JOIN jobs AS p
  ON p.provider = j.provider
  AND p.job_kind = 'parse'
  AND p.job_id = coalesce(j.parse_job_id, j.document_id)
