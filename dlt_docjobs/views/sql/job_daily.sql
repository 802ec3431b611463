-- Jobs, failures, durations, pages and credits by day of creation, provider, kind and tier.
--
-- The day is that of the creation, in UTC; null where the creation is not known. Percentiles are
-- exact on every destination: interpolated between the two nearest values, as percentile_cont
-- does. They rest on the durations that are known to within an hour, or to within themselves: what
-- was only seen weeks later says nothing. …_measured counts these jobs, …_uncertainty_p50 says how
-- well their durations are known. All other columns count every job.
--
-- - day: Day of creation, UTC; null where the creation is not known
-- - jobs: Jobs created on that day
-- - succeeded: Of these, succeeded by now
-- - failures: Of these, failed
-- - cancelled: Of these, cancelled
-- - open_jobs: Of these, still open
-- - queued_measured: Jobs whose queued_seconds is known well enough
-- - queued_seconds_p50: Median of queued_seconds of these jobs
-- - queued_seconds_p95: 95th percentile of queued_seconds of these jobs
-- - queued_seconds_uncertainty_p50: Median of queued_seconds_uncertainty of these jobs
-- - running_measured: Jobs whose running_seconds is known well enough
-- - running_seconds_p50: Median of running_seconds of these jobs
-- - running_seconds_p95: 95th percentile of running_seconds of these jobs
-- - running_seconds_uncertainty_p50: Median of running_seconds_uncertainty of these jobs
-- - total_measured: Jobs whose total_seconds is known well enough
-- - total_seconds_p50: Median of total_seconds of these jobs
-- - total_seconds_p95: 95th percentile of total_seconds of these jobs
-- - total_seconds_uncertainty_p50: Median of total_seconds_uncertainty of these jobs
-- - pages: Pages of these jobs' documents, as far as known, failed ones included
-- - failed_pages: Of these, pages that could not be parsed
-- - credits: Credits of these jobs, as far as known; those of a shared parse job count once
-- - jobs_without_credits: Jobs whose credits are not known: the sum lacks them
WITH dated AS (
  SELECT
    CAST(created_at AT TIME ZONE 'UTC' AS DATE) AS day,
    provider,
    account,
    job_kind,
    tier,
    status,
    is_open,
    page_count,
    failed_page_count,
    credits,
    credits_counted,
    CASE
      WHEN queued_seconds_uncertainty <= greatest(3600.0, queued_seconds) THEN queued_seconds
    END AS queued,
    CASE
      WHEN running_seconds_uncertainty <= greatest(3600.0, running_seconds) THEN running_seconds
    END AS running,
    CASE
      WHEN total_seconds_uncertainty <= greatest(3600.0, total_seconds) THEN total_seconds
    END AS total,
    queued_seconds_uncertainty,
    running_seconds_uncertainty,
    total_seconds_uncertainty
  FROM job_timeline
),
measured AS (
  SELECT
    *,
    CASE WHEN queued IS NOT NULL THEN queued_seconds_uncertainty END AS queued_doubt,
    CASE WHEN running IS NOT NULL THEN running_seconds_uncertainty END AS running_doubt,
    CASE WHEN total IS NOT NULL THEN total_seconds_uncertainty END AS total_doubt
  FROM dated
),
ranked AS (
  -- each job's place among those of its group, from 0; unknown durations come last
  SELECT
    *,
    row_number() OVER (
      PARTITION BY day, provider, account, job_kind, tier
      ORDER BY CASE WHEN queued IS NULL THEN 1 ELSE 0 END, queued
    ) - 1 AS queued_place,
    row_number() OVER (
      PARTITION BY day, provider, account, job_kind, tier
      ORDER BY CASE WHEN queued_doubt IS NULL THEN 1 ELSE 0 END, queued_doubt
    ) - 1 AS queued_doubt_place,
    count(queued) OVER (PARTITION BY day, provider, account, job_kind, tier) - 1
      AS queued_last,
    row_number() OVER (
      PARTITION BY day, provider, account, job_kind, tier
      ORDER BY CASE WHEN running IS NULL THEN 1 ELSE 0 END, running
    ) - 1 AS running_place,
    row_number() OVER (
      PARTITION BY day, provider, account, job_kind, tier
      ORDER BY CASE WHEN running_doubt IS NULL THEN 1 ELSE 0 END, running_doubt
    ) - 1 AS running_doubt_place,
    count(running) OVER (PARTITION BY day, provider, account, job_kind, tier) - 1
      AS running_last,
    row_number() OVER (
      PARTITION BY day, provider, account, job_kind, tier
      ORDER BY CASE WHEN total IS NULL THEN 1 ELSE 0 END, total
    ) - 1 AS total_place,
    row_number() OVER (
      PARTITION BY day, provider, account, job_kind, tier
      ORDER BY CASE WHEN total_doubt IS NULL THEN 1 ELSE 0 END, total_doubt
    ) - 1 AS total_doubt_place,
    count(total) OVER (PARTITION BY day, provider, account, job_kind, tier) - 1
      AS total_last
  FROM measured
)
-- A percentile q lies at place q * last. The values on both sides of it count by their nearness,
-- all others not at all: that is linear interpolation, with sums that every warehouse has.
SELECT
  day,
  provider,
  account,
  job_kind,
  tier,
  count(*) AS jobs,
  count(CASE WHEN status = 'succeeded' THEN 1 END) AS succeeded,
  count(CASE WHEN status = 'failed' THEN 1 END) AS failures,
  count(CASE WHEN status = 'cancelled' THEN 1 END) AS cancelled,
  count(CASE WHEN is_open THEN 1 END) AS open_jobs,
  count(queued) AS queued_measured,
  sum(queued * greatest(0.0, 1.0 - abs(queued_place - 0.5 * queued_last)))
    AS queued_seconds_p50,
  sum(queued * greatest(0.0, 1.0 - abs(queued_place - 0.95 * queued_last)))
    AS queued_seconds_p95,
  sum(queued_doubt * greatest(0.0, 1.0 - abs(queued_doubt_place - 0.5 * queued_last)))
    AS queued_seconds_uncertainty_p50,
  count(running) AS running_measured,
  sum(running * greatest(0.0, 1.0 - abs(running_place - 0.5 * running_last)))
    AS running_seconds_p50,
  sum(running * greatest(0.0, 1.0 - abs(running_place - 0.95 * running_last)))
    AS running_seconds_p95,
  sum(running_doubt * greatest(0.0, 1.0 - abs(running_doubt_place - 0.5 * running_last)))
    AS running_seconds_uncertainty_p50,
  count(total) AS total_measured,
  sum(total * greatest(0.0, 1.0 - abs(total_place - 0.5 * total_last)))
    AS total_seconds_p50,
  sum(total * greatest(0.0, 1.0 - abs(total_place - 0.95 * total_last)))
    AS total_seconds_p95,
  sum(total_doubt * greatest(0.0, 1.0 - abs(total_doubt_place - 0.5 * total_last)))
    AS total_seconds_uncertainty_p50,
  CAST(sum(page_count) AS BIGINT) AS pages,
  CAST(sum(failed_page_count) AS BIGINT) AS failed_pages,
  sum(credits_counted) AS credits,
  count(*) - count(credits) AS jobs_without_credits
FROM ranked
GROUP BY day, provider, account, job_kind, tier
