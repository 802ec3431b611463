-- Credits by day of creation, provider, account, project, kind and tier.
--
-- An extract job's credits include those of the parse job that it reads, which other extract jobs
-- may read too. They are counted once: with the parse job where it is known, else with the first
-- job that reads it. A credit is not the same at every provider: don't add them up across providers.
--
-- - day: Day of creation, UTC; null where the creation is not known
-- - jobs: Jobs created on that day
-- - jobs_without_credits: Jobs whose credits are not known: the sum lacks them
-- - credits: Credits as far as known; those of a shared parse job count once
-- - pages: Pages of these jobs' documents, as far as known
-- - credits_per_page: Credits by page, over the jobs of which both are known
SELECT
  CAST(created_at AT TIME ZONE 'UTC' AS DATE) AS day,
  provider,
  account,
  project_id,
  job_kind,
  tier,
  count(*) AS jobs,
  count(*) - count(credits) AS jobs_without_credits,
  sum(credits_counted) AS credits,
  CAST(sum(page_count) AS BIGINT) AS pages,
  sum(CASE WHEN page_count > 0 THEN credits_counted END)
    / sum(CASE WHEN page_count > 0 AND credits IS NOT NULL THEN page_count * 1e0 END)
    AS credits_per_page
FROM job_timeline
GROUP BY
  CAST(created_at AT TIME ZONE 'UTC' AS DATE),
  provider,
  account,
  project_id,
  job_kind,
  tier
