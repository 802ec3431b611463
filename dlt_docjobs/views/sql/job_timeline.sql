-- A row a job: how long it queued, ran and took in all, and how well that is known.
--
-- A job's life has phases: queued, running (retries included), ended. A duration adds up all stays
-- in its phase; total_seconds runs from the creation to the last end. It is null where it is not
-- over, where its beginning or end has no bounds, or, for queued and running, where nobody saw and
-- no timestamp proves when the one turned into the other. The true duration lies between
-- …_seconds_min and …_seconds_max even then; …_seconds_uncertainty is the width of that range.
--
-- - document_name: Name of the document, for an extract job that of the parse job that it reads;
--   its hash with include_names=false
-- - status: Canonical status as the provider last sent it; is_expired tells more
-- - is_open: True while the last event is not terminal
-- - is_expired: True where the provider answers 404 for the job by now
-- - is_given_up: True where the job is open and not asked for any more
-- - has_run: True where the job is known to have been processed: it was seen running, a timestamp
--   proves that it ran, or it succeeded. One that failed or was cancelled without that may never
--   have run
-- - running_at: Best estimate of the first start of processing; null where nobody saw it
-- - ended_at: Best estimate of the last end; null while the job is open
-- - ended_at_earliest: It ended at or after this
-- - ended_at_latest: It ended at or before this
-- - queued_seconds: Seconds that the job waited
-- - queued_seconds_uncertainty: Width of the range that queued_seconds may lie in, in seconds
-- - queued_seconds_min: It waited at least so many seconds
-- - queued_seconds_max: It waited at most so many seconds; null where nothing bounds it
-- - running_seconds: Seconds that the job was processed, waits for a retry included
-- - running_seconds_uncertainty: Width of the range that running_seconds may lie in, in seconds
-- - running_seconds_min: It was processed for at least so many seconds
-- - running_seconds_max: It was processed for at most so many seconds; null where nothing bounds it
-- - total_seconds: Seconds from the creation to the last end
-- - total_seconds_uncertainty: Width of the range that total_seconds may lie in, in seconds
-- - total_seconds_min: It took at least so many seconds
-- - total_seconds_max: It took at most so many seconds; null where nothing bounds it
-- - retries: Retries seen
-- - times_reopened: How often the job went back from an end
-- - credits: Credits charged, a shared parse job's included
-- - credits_counted: Credits to add up over jobs: those of a shared parse job count once. Null
--   where the credits are not known
WITH events AS (
  SELECT
    provider,
    job_kind,
    job_id,
    sequence,
    status,
    previous_status,
    occurred_at,
    occurred_at_earliest,
    occurred_at_latest,
    occurred_at_source,
    CASE
      WHEN status = 'queued' THEN 'queued'
      WHEN status IN ('running', 'retrying') THEN 'running'
      WHEN is_terminal THEN 'ended'
      ELSE 'unknown'
    END AS phase,
    CASE
      WHEN previous_status = 'queued' THEN 'queued'
      WHEN previous_status IN ('running', 'retrying') THEN 'running'
      WHEN previous_status IN ('succeeded', 'failed', 'cancelled', 'expired') THEN 'ended'
      WHEN previous_status IS NOT NULL THEN 'unknown'
    END AS previous_phase
  FROM job_status_history
),
turns AS (
  -- the events that begin a phase. Another end is a new one: the job was processed again unseen.
  -- That the provider forgets an ended job is none
  SELECT
    *
  FROM events
  WHERE
    previous_phase IS NULL
    OR phase <> previous_phase
    OR (phase = 'ended' AND status <> previous_status AND status <> 'expired')
),
stays AS (
  SELECT
    provider,
    job_kind,
    job_id,
    sequence,
    phase,
    occurred_at AS entered_at,
    occurred_at_earliest AS entered_at_earliest,
    occurred_at_latest AS entered_at_latest,
    lead(phase) OVER job AS next_phase,
    lead(occurred_at) OVER job AS left_at,
    lead(occurred_at_earliest) OVER job AS left_at_earliest,
    lead(occurred_at_latest) OVER job AS left_at_latest,
    lead(occurred_at_source) OVER job AS left_at_source
  FROM turns
  WINDOW job AS (PARTITION BY provider, job_kind, job_id ORDER BY sequence)
),
followed AS (
  SELECT
    *,
    -- what may have passed unseen between this phase and the next
    coalesce(phase <> 'running' AND next_phase IN ('ended', 'unknown'), FALSE) AS hides_running,
    coalesce(phase IN ('ended', 'unknown') AND next_phase <> 'queued', FALSE) AS hides_queue
  FROM stays
),
bounded AS (
  SELECT
    *,
    greatest(0.0, date_diff('microsecond', entered_at, left_at) / 1e6) AS seconds,
    CASE
      WHEN left_at_earliest IS NULL THEN 0.0
      -- a timestamp of the new status says nothing of the old one's end
      WHEN left_at_source = 'provider' AND (hides_running OR hides_queue) THEN 0.0
      WHEN left_at_source = 'provider' AND phase = 'running' AND next_phase = 'queued' THEN 0.0
      ELSE greatest(0.0, date_diff('microsecond', entered_at_latest, left_at_earliest) / 1e6)
    END AS shortest,
    CASE
      WHEN entered_at_earliest IS NOT NULL
        THEN greatest(0.0, date_diff('microsecond', entered_at_earliest, left_at_latest) / 1e6)
    END AS longest,
    -- how long a phase may have lasted that passed unseen: since this one was seen last
    CASE
      WHEN left_at_source <> 'provider' AND left_at_earliest IS NOT NULL
        THEN greatest(0.0, date_diff('microsecond', left_at_earliest, left_at_latest) / 1e6)
      WHEN entered_at_earliest IS NOT NULL
        THEN greatest(0.0, date_diff('microsecond', entered_at_earliest, left_at_latest) / 1e6)
    END AS unseen
  FROM followed
  WHERE next_phase IS NOT NULL
),
spent AS (
  SELECT
    provider,
    job_kind,
    job_id,
    count(*) AS stays,
    sum(CASE WHEN phase = 'queued' THEN seconds END) AS queued,
    sum(CASE WHEN phase = 'queued' THEN shortest ELSE 0.0 END) AS queued_min,
    sum(CASE WHEN phase = 'queued' THEN longest WHEN hides_queue THEN unseen ELSE 0.0 END)
      AS queued_max,
    -- a sum leaves out what has no bound
    count(
      CASE
        WHEN phase = 'queued' AND longest IS NULL THEN 1
        WHEN hides_queue AND unseen IS NULL THEN 1
      END
    ) AS queued_unbounded,
    count(CASE WHEN (phase = 'queued' AND hides_running) OR hides_queue THEN 1 END)
      AS queued_unclear,
    sum(CASE WHEN phase = 'running' THEN seconds END) AS running,
    sum(CASE WHEN phase = 'running' THEN shortest ELSE 0.0 END) AS running_min,
    sum(CASE WHEN phase = 'running' THEN longest WHEN hides_running THEN unseen ELSE 0.0 END)
      AS running_max,
    count(
      CASE
        WHEN phase = 'running' AND longest IS NULL THEN 1
        WHEN hides_running AND unseen IS NULL THEN 1
      END
    ) AS running_unbounded,
    count(CASE WHEN hides_running THEN 1 END) AS running_unclear,
    count(CASE WHEN phase = 'ended' AND next_phase <> 'ended' THEN 1 END) AS times_reopened
  FROM bounded
  GROUP BY provider, job_kind, job_id
),
-- the first event is the creation, the last turn the phase that the job is in
edges AS (
  SELECT
    provider,
    job_kind,
    job_id,
    max(CASE WHEN sequence = 0 THEN entered_at END) AS began_at,
    max(CASE WHEN sequence = 0 THEN entered_at_earliest END) AS began_at_earliest,
    max(CASE WHEN sequence = 0 THEN entered_at_latest END) AS began_at_latest,
    min(CASE WHEN phase = 'running' THEN entered_at END) AS running_at,
    max(CASE WHEN next_phase IS NULL THEN phase END) AS phase,
    max(CASE WHEN next_phase IS NULL AND phase = 'ended' THEN entered_at END) AS ended_at,
    max(CASE WHEN next_phase IS NULL AND phase = 'ended' THEN entered_at_earliest END)
      AS ended_at_earliest,
    max(CASE WHEN next_phase IS NULL AND phase = 'ended' THEN entered_at_latest END)
      AS ended_at_latest
  FROM stays
  GROUP BY provider, job_kind, job_id
),
whole AS (
  SELECT
    *,
    CASE
      WHEN began_at_earliest IS NOT NULL AND ended_at IS NOT NULL
        THEN greatest(0.0, date_diff('microsecond', began_at, ended_at) / 1e6)
    END AS total,
    CASE
      WHEN ended_at IS NULL THEN NULL
      WHEN ended_at_earliest IS NULL THEN 0.0
      ELSE greatest(0.0, date_diff('microsecond', began_at_latest, ended_at_earliest) / 1e6)
    END AS total_min,
    CASE
      WHEN began_at_earliest IS NOT NULL AND ended_at IS NOT NULL
        THEN greatest(0.0, date_diff('microsecond', began_at_earliest, ended_at_latest) / 1e6)
    END AS total_max
  FROM edges
),
seen AS (
  SELECT
    provider,
    job_kind,
    job_id,
    count(CASE WHEN status = 'retrying' THEN 1 END) AS retries,
    count(CASE WHEN status IN ('running', 'retrying', 'succeeded') THEN 1 END) > 0 AS has_run,
    max(sequence) = max(CASE WHEN status = 'expired' THEN sequence END) AS is_expired
  FROM job_status_history
  GROUP BY provider, job_kind, job_id
),
costs AS (
  SELECT
    provider,
    job_kind,
    job_id,
    credits,
    parse_credits,
    parse_job_id,
    -- of several jobs that read one parse job the first carries its credits
    row_number() OVER (
      PARTITION BY provider, parse_job_id, CASE WHEN parse_credits IS NULL THEN 0 ELSE 1 END
      ORDER BY CASE WHEN created_at IS NULL THEN 1 ELSE 0 END, created_at, job_id
    ) AS place
  FROM jobs
),
counted AS (
  SELECT
    c.provider,
    c.job_kind,
    c.job_id,
    CASE
      WHEN c.parse_credits IS NULL THEN c.credits
      WHEN p.credits IS NOT NULL THEN c.credits - c.parse_credits
      WHEN c.parse_job_id IS NULL OR c.place = 1 THEN c.credits
      ELSE c.credits - c.parse_credits
    END AS credits_counted
  FROM costs AS c
  LEFT JOIN jobs AS p
    ON p.provider = c.provider AND p.job_kind = 'parse' AND p.job_id = c.parse_job_id
)
SELECT
  j.provider,
  j.account,
  j.job_kind,
  j.job_id,
  coalesce(j.document_name, r.document_name) AS document_name,
  j.project_id,
  j.tier,
  j.status,
  j.provider_status,
  coalesce(e.phase <> 'ended', NOT j.is_terminal) AS is_open,
  coalesce(n.is_expired, FALSE) AS is_expired,
  coalesce(e.phase <> 'ended', NOT j.is_terminal) AND j.given_up_at IS NOT NULL AS is_given_up,
  coalesce(n.has_run, FALSE) OR j.status IN ('running', 'retrying', 'succeeded') AS has_run,
  j.created_at,
  j.created_at_precision,
  j.created_at_earliest,
  j.created_at_latest,
  e.running_at,
  e.ended_at,
  e.ended_at_earliest,
  e.ended_at_latest,
  CASE
    WHEN e.phase <> 'queued' AND s.queued_unclear = 0 AND s.queued_unbounded = 0 THEN s.queued
  END AS queued_seconds,
  CASE
    WHEN e.phase <> 'queued' AND s.queued_unbounded = 0 THEN s.queued_max - s.queued_min
  END AS queued_seconds_uncertainty,
  CASE WHEN e.phase <> 'queued' THEN s.queued_min END AS queued_seconds_min,
  CASE
    WHEN e.phase <> 'queued' AND s.queued_unbounded = 0 THEN s.queued_max
  END AS queued_seconds_max,
  CASE
    WHEN e.phase = 'ended' AND s.running_unclear = 0 AND s.running_unbounded = 0 THEN s.running
  END AS running_seconds,
  CASE
    WHEN e.phase = 'ended' AND s.running_unbounded = 0 THEN s.running_max - s.running_min
  END AS running_seconds_uncertainty,
  CASE WHEN e.phase = 'ended' THEN s.running_min END AS running_seconds_min,
  CASE
    WHEN e.phase = 'ended' AND s.running_unbounded = 0 THEN s.running_max
  END AS running_seconds_max,
  e.total AS total_seconds,
  e.total_max - e.total_min AS total_seconds_uncertainty,
  e.total_min AS total_seconds_min,
  e.total_max AS total_seconds_max,
  coalesce(n.retries, 0) AS retries,
  coalesce(s.times_reopened, 0) AS times_reopened,
  j.page_count,
  j.failed_page_count,
  j.segment_count,
  j.credits,
  c.credits_counted,
  j.results_state,
  j.error_message
FROM jobs AS j
LEFT JOIN whole AS e
  ON e.provider = j.provider AND e.job_kind = j.job_kind AND e.job_id = j.job_id
LEFT JOIN spent AS s
  ON s.provider = j.provider AND s.job_kind = j.job_kind AND s.job_id = j.job_id
LEFT JOIN seen AS n
  ON n.provider = j.provider AND n.job_kind = j.job_kind AND n.job_id = j.job_id
LEFT JOIN counted AS c
  ON c.provider = j.provider AND c.job_kind = j.job_kind AND c.job_id = j.job_id
LEFT JOIN jobs AS r
  ON r.provider = j.provider
  AND r.job_kind = 'parse'
  AND r.job_id = coalesce(j.parse_job_id, j.document_id)
