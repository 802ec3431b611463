-- Jobs, failures, durations, pages and credits by day of creation, provider, kind and tier.
--
-- The day is that of the creation, in UTC; null where the creation is not known. Of every job that
-- has ended it is known how long it queued, ran and took at least and at most. …_p50_min is the
-- median of the shortest of these durations and …_p50_max that of the longest, over all …_jobs, so
-- that the true median lies between them; likewise p95. …_max is null where nothing bounds it. Jobs
-- that failed or were cancelled and were never seen running may never have run: running_jobs leaves
-- them out. …_p50 and …_p95 themselves are the percentiles of the durations that are known to
-- within an hour, or to within themselves; …_measured counts these. They are null where fewer than
-- half of the jobs are measured, and where the bounds prove them wrong, because the jobs measured
-- are not like the others. Percentiles are exact on every destination, not approximate:
-- interpolated between the two nearest values, as percentile_cont does.
--
-- - day: Day of creation, UTC; null where the creation is not known
-- - jobs: Jobs created on that day
-- - succeeded: Of these, succeeded by now
-- - failures: Of these, failed
-- - cancelled: Of these, cancelled
-- - open_jobs: Of these, still open
-- - queued_jobs: Jobs that have ended: those behind the bounds of queued_seconds
-- - queued_measured: Of these, jobs whose queued_seconds is known well enough
-- - queued_seconds_p50: Median of queued_seconds of the jobs measured; null where these can't speak
--   for all
-- - queued_seconds_p50_min: The true median of all queued_jobs is no shorter
-- - queued_seconds_p50_max: The true median of all queued_jobs is no longer; null where nothing
--   bounds it
-- - queued_seconds_p95: 95th percentile of queued_seconds of the jobs measured; null where these
--   can't speak for all
-- - queued_seconds_p95_min: The true 95th percentile of all queued_jobs is no shorter
-- - queued_seconds_p95_max: The true 95th percentile of all queued_jobs is no longer; null where
--   nothing bounds it
-- - queued_seconds_uncertainty_p50: Median of queued_seconds_uncertainty of the jobs measured
-- - running_jobs: Jobs that have ended and are known to have run: those behind the bounds of
--   running_seconds
-- - running_measured: Of these, jobs whose running_seconds is known well enough
-- - running_seconds_p50: Median of running_seconds of the jobs measured; null where these can't
--   speak for all
-- - running_seconds_p50_min: The true median of all running_jobs is no shorter
-- - running_seconds_p50_max: The true median of all running_jobs is no longer; null where nothing
--   bounds it
-- - running_seconds_p95: 95th percentile of running_seconds of the jobs measured; null where these
--   can't speak for all
-- - running_seconds_p95_min: The true 95th percentile of all running_jobs is no shorter
-- - running_seconds_p95_max: The true 95th percentile of all running_jobs is no longer; null where
--   nothing bounds it
-- - running_seconds_uncertainty_p50: Median of running_seconds_uncertainty of the jobs measured
-- - total_jobs: Jobs that have ended: those behind the bounds of total_seconds
-- - total_measured: Of these, jobs whose total_seconds is known well enough
-- - total_seconds_p50: Median of total_seconds of the jobs measured; null where these can't speak
--   for all
-- - total_seconds_p50_min: The true median of all total_jobs is no shorter
-- - total_seconds_p50_max: The true median of all total_jobs is no longer; null where nothing
--   bounds it
-- - total_seconds_p95: 95th percentile of total_seconds of the jobs measured; null where these
--   can't speak for all
-- - total_seconds_p95_min: The true 95th percentile of all total_jobs is no shorter
-- - total_seconds_p95_max: The true 95th percentile of all total_jobs is no longer; null where
--   nothing bounds it
-- - total_seconds_uncertainty_p50: Median of total_seconds_uncertainty of the jobs measured
-- - pages: Pages of these jobs' documents, as far as known, failed ones included
-- - failed_pages: Of these, pages that could not be parsed
-- - credits: Credits of these jobs, as far as known; those of a shared parse job count once
-- - jobs_without_credits: Jobs whose credits are not known: the sum lacks them
WITH phases AS (
  SELECT CAST('queued' AS VARCHAR) AS phase
  UNION ALL
  SELECT CAST('running' AS VARCHAR) AS phase
  UNION ALL
  SELECT CAST('total' AS VARCHAR) AS phase
),
lengths AS (
  -- three rows a job: the duration of each phase
  SELECT
    CAST(t.created_at AT TIME ZONE 'UTC' AS DATE) AS day,
    t.provider,
    t.account,
    t.job_kind,
    t.tier,
    t.status,
    t.is_open,
    t.page_count,
    t.failed_page_count,
    t.credits,
    t.credits_counted,
    p.phase,
    -- whether it is one of the jobs that the percentiles speak for
    NOT t.is_open AND (p.phase <> 'running' OR t.has_run) AS is_behind,
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
      WHEN 'queued' THEN t.queued_seconds_min
      WHEN 'running' THEN t.running_seconds_min
      ELSE t.total_seconds_min
    END AS least_seconds,
    CASE p.phase
      WHEN 'queued' THEN t.queued_seconds_max
      WHEN 'running' THEN t.running_seconds_max
      ELSE t.total_seconds_max
    END AS most_seconds
  FROM job_timeline AS t
  CROSS JOIN phases AS p
),
measured AS (
  SELECT
    *,
    CASE WHEN is_behind AND doubt <= greatest(3600.0, seconds) THEN seconds END AS figure,
    -- the greatest of 3600 and nothing is 3600 in some databases
    CASE
      WHEN is_behind AND seconds IS NOT NULL AND doubt <= greatest(3600.0, seconds) THEN doubt
    END AS figure_doubt,
    -- where no event of a job is loaded, any duration is possible
    CASE WHEN is_behind THEN coalesce(least_seconds, 0.0) END AS shortest,
    CASE WHEN is_behind THEN most_seconds END AS longest
  FROM lengths
),
ranked AS (
  -- each duration's place among those of its group, from 0; unknown and unbounded ones come last
  SELECT
    *,
    row_number() OVER (
      PARTITION BY day, provider, account, job_kind, tier, phase, is_behind
      ORDER BY CASE WHEN figure IS NULL THEN 1 ELSE 0 END, figure
    ) - 1 AS figure_place,
    row_number() OVER (
      PARTITION BY day, provider, account, job_kind, tier, phase, is_behind
      ORDER BY CASE WHEN figure_doubt IS NULL THEN 1 ELSE 0 END, figure_doubt
    ) - 1 AS figure_doubt_place,
    row_number() OVER (
      PARTITION BY day, provider, account, job_kind, tier, phase, is_behind
      ORDER BY CASE WHEN shortest IS NULL THEN 1 ELSE 0 END, shortest
    ) - 1 AS shortest_place,
    row_number() OVER (
      PARTITION BY day, provider, account, job_kind, tier, phase, is_behind
      ORDER BY CASE WHEN longest IS NULL THEN 1 ELSE 0 END, longest
    ) - 1 AS longest_place,
    count(figure) OVER (PARTITION BY day, provider, account, job_kind, tier, phase, is_behind) - 1
      AS last_figure,
    count(*) OVER (PARTITION BY day, provider, account, job_kind, tier, phase, is_behind) - 1
      AS last_job
  FROM measured
),
weighed AS (
  -- A percentile q lies at place q * last. The values on both sides of it count by their nearness,
  -- in hundredths, all others not at all: that is linear interpolation, with sums that every
  -- warehouse has. In whole numbers, so that none counts by the error of a fraction.
  SELECT
    *,
    greatest(0, 100 - abs(100 * figure_place - 50 * last_figure)) AS figure_near_50,
    greatest(0, 100 - abs(100 * figure_place - 95 * last_figure)) AS figure_near_95,
    greatest(0, 100 - abs(100 * figure_doubt_place - 50 * last_figure)) AS figure_doubt_near_50,
    greatest(0, 100 - abs(100 * shortest_place - 50 * last_job)) AS shortest_near_50,
    greatest(0, 100 - abs(100 * shortest_place - 95 * last_job)) AS shortest_near_95,
    greatest(0, 100 - abs(100 * longest_place - 50 * last_job)) AS longest_near_50,
    greatest(0, 100 - abs(100 * longest_place - 95 * last_job)) AS longest_near_95
  FROM ranked
),
percentiles AS (
  SELECT
    day,
    provider,
    account,
    job_kind,
    tier,
    phase,
    count(*) AS jobs,
    count(CASE WHEN status = 'succeeded' THEN 1 END) AS succeeded,
    count(CASE WHEN status = 'failed' THEN 1 END) AS failures,
    count(CASE WHEN status = 'cancelled' THEN 1 END) AS cancelled,
    count(CASE WHEN is_open THEN 1 END) AS open_jobs,
    CAST(sum(page_count) AS BIGINT) AS pages,
    CAST(sum(failed_page_count) AS BIGINT) AS failed_pages,
    sum(credits_counted) AS credits,
    count(*) - count(credits) AS jobs_without_credits,
    count(CASE WHEN is_behind THEN 1 END) AS behind,
    count(figure) AS figures,
    sum(figure_doubt * figure_doubt_near_50) / 100.0 AS doubt_p50,
    sum(figure * figure_near_50) / 100.0 AS p50,
    sum(shortest * shortest_near_50) / 100.0 AS p50_least,
    sum(longest * longest_near_50) / 100.0 AS p50_most,
    count(CASE WHEN is_behind AND longest IS NULL AND longest_near_50 > 0 THEN 1 END)
      AS p50_unbounded,
    sum(figure * figure_near_95) / 100.0 AS p95,
    sum(shortest * shortest_near_95) / 100.0 AS p95_least,
    sum(longest * longest_near_95) / 100.0 AS p95_most,
    count(CASE WHEN is_behind AND longest IS NULL AND longest_near_95 > 0 THEN 1 END)
      AS p95_unbounded
  FROM weighed
  GROUP BY day, provider, account, job_kind, tier, phase
),
bounded AS (
  SELECT
    *,
    CASE WHEN p50_unbounded = 0 THEN p50_most END AS p50_max,
    CASE WHEN p95_unbounded = 0 THEN p95_most END AS p95_max
  FROM percentiles
),
proven AS (
  SELECT
    *,
    CASE
      WHEN 2 * figures >= behind AND p50 >= p50_least AND (p50_max IS NULL OR p50 <= p50_max)
        THEN p50
    END AS p50_figure,
    CASE
      WHEN 2 * figures >= behind AND p95 >= p95_least AND (p95_max IS NULL OR p95 <= p95_max)
        THEN p95
    END AS p95_figure
  FROM bounded
)
SELECT
  day,
  provider,
  account,
  job_kind,
  tier,
  max(jobs) AS jobs,
  max(succeeded) AS succeeded,
  max(failures) AS failures,
  max(cancelled) AS cancelled,
  max(open_jobs) AS open_jobs,
  max(CASE WHEN phase = 'queued' THEN behind END) AS queued_jobs,
  max(CASE WHEN phase = 'queued' THEN figures END) AS queued_measured,
  max(CASE WHEN phase = 'queued' THEN p50_figure END) AS queued_seconds_p50,
  max(CASE WHEN phase = 'queued' THEN p50_least END) AS queued_seconds_p50_min,
  max(CASE WHEN phase = 'queued' THEN p50_max END) AS queued_seconds_p50_max,
  max(CASE WHEN phase = 'queued' THEN p95_figure END) AS queued_seconds_p95,
  max(CASE WHEN phase = 'queued' THEN p95_least END) AS queued_seconds_p95_min,
  max(CASE WHEN phase = 'queued' THEN p95_max END) AS queued_seconds_p95_max,
  max(CASE WHEN phase = 'queued' THEN doubt_p50 END) AS queued_seconds_uncertainty_p50,
  max(CASE WHEN phase = 'running' THEN behind END) AS running_jobs,
  max(CASE WHEN phase = 'running' THEN figures END) AS running_measured,
  max(CASE WHEN phase = 'running' THEN p50_figure END) AS running_seconds_p50,
  max(CASE WHEN phase = 'running' THEN p50_least END) AS running_seconds_p50_min,
  max(CASE WHEN phase = 'running' THEN p50_max END) AS running_seconds_p50_max,
  max(CASE WHEN phase = 'running' THEN p95_figure END) AS running_seconds_p95,
  max(CASE WHEN phase = 'running' THEN p95_least END) AS running_seconds_p95_min,
  max(CASE WHEN phase = 'running' THEN p95_max END) AS running_seconds_p95_max,
  max(CASE WHEN phase = 'running' THEN doubt_p50 END) AS running_seconds_uncertainty_p50,
  max(CASE WHEN phase = 'total' THEN behind END) AS total_jobs,
  max(CASE WHEN phase = 'total' THEN figures END) AS total_measured,
  max(CASE WHEN phase = 'total' THEN p50_figure END) AS total_seconds_p50,
  max(CASE WHEN phase = 'total' THEN p50_least END) AS total_seconds_p50_min,
  max(CASE WHEN phase = 'total' THEN p50_max END) AS total_seconds_p50_max,
  max(CASE WHEN phase = 'total' THEN p95_figure END) AS total_seconds_p95,
  max(CASE WHEN phase = 'total' THEN p95_least END) AS total_seconds_p95_min,
  max(CASE WHEN phase = 'total' THEN p95_max END) AS total_seconds_p95_max,
  max(CASE WHEN phase = 'total' THEN doubt_p50 END) AS total_seconds_uncertainty_p50,
  max(pages) AS pages,
  max(failed_pages) AS failed_pages,
  max(credits) AS credits,
  max(jobs_without_credits) AS jobs_without_credits
FROM proven
GROUP BY day, provider, account, job_kind, tier
