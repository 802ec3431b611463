-- A control chart of the shares in quality_daily: each day's share beside that of the days before.
--
-- The days before are the last 28 of the same provider, account, kind and tier that have something
-- to count. The tiers of a day stand beside each other and, where there are several, together, each
-- against its own past. chi_square is (|change| - 1 / (2 sample_size))² / (dispersion * m * (1 - m)
-- * (1 / sample_size + 1 / earlier_sample_size)), where m is the mean of share and earlier_share: 1
-- is what chance makes of a share on an average day. A share has changed where chi_square is at
-- least 16 (four standard deviations), change at least 0.05 and has_enough true. After some days the
-- new share is the usual one.
--
-- - day: Day of creation, UTC
-- - tier: As in jobs; null for tiers together, too
-- - tiers: 1, or how many tiers are taken together
-- - measure: What the share is of: a column of quality_daily
-- - jobs: Jobs of that day whose results are loaded
-- - counted: The measure's count
-- - sample_size: What it is a share of: pages, rated segments, segments or jobs
-- - share: counted / sample_size
-- - earlier_days: Days before that it is compared with, 28 at most; of tiers together, of the tier
--   that has the most
-- - earlier_sample_size: The sum of their sample sizes
-- - earlier_share: The share in all of these days; of tiers together, their mean weighted by the
--   day's sample sizes
-- - change: share - earlier_share
-- - dispersion: How many times the variance that chance alone makes the earlier days have between
--   them, at least 1: the pages of a document are alike
-- - chi_square: How far the change is from chance; null where no day is before
-- - has_enough: True where sample_size is at least 20 and earlier_days at least 7; of fewer nothing
--   can be said
-- - is_changed: True where the share has changed
-- - is_recent: True on the account's newest two days that have results: a change there is news
WITH measures AS (
  SELECT 'rated_jobs' AS measure
  UNION ALL
  SELECT 'failed_pages' AS measure
  UNION ALL
  SELECT 'empty_pages' AS measure
  UNION ALL
  SELECT 'low_confidence_segments' AS measure
  UNION ALL
  SELECT 'headings' AS measure
  UNION ALL
  SELECT 'texts' AS measure
  UNION ALL
  SELECT 'lists' AS measure
  UNION ALL
  SELECT 'tables' AS measure
  UNION ALL
  SELECT 'pictures' AS measure
  UNION ALL
  SELECT 'fields' AS measure
  UNION ALL
  SELECT 'margins' AS measure
  UNION ALL
  SELECT 'others' AS measure
),
counts AS (
  SELECT
    d.day,
    d.provider,
    d.account,
    d.job_kind,
    d.tier,
    m.measure,
    d.jobs,
    CASE m.measure
      WHEN 'rated_jobs' THEN d.rated_jobs
      WHEN 'failed_pages' THEN d.failed_pages
      WHEN 'empty_pages' THEN d.empty_pages
      WHEN 'low_confidence_segments' THEN d.low_confidence_segments
      WHEN 'headings' THEN d.headings
      WHEN 'texts' THEN d.texts
      WHEN 'lists' THEN d.lists
      WHEN 'tables' THEN d.tables
      WHEN 'pictures' THEN d.pictures
      WHEN 'fields' THEN d.fields
      WHEN 'margins' THEN d.margins
      ELSE d.others
    END AS counted,
    CASE
      WHEN m.measure = 'rated_jobs' THEN d.jobs
      WHEN m.measure IN ('failed_pages', 'empty_pages') THEN d.pages
      WHEN m.measure = 'low_confidence_segments' THEN d.rated_segments
      ELSE d.segments
    END AS sample_size,
    dense_rank() OVER (PARTITION BY d.provider, d.account, d.job_kind ORDER BY d.day DESC) <= 2
      AS is_recent
  FROM quality_daily AS d
  CROSS JOIN measures AS m
  WHERE d.day IS NOT NULL
),
shares AS (
  SELECT *, CAST(counted AS DOUBLE) / sample_size AS share
  FROM counts
  WHERE sample_size > 0
),
placed AS (
  SELECT
    *,
    count(*) OVER earlier AS earlier_days,
    CAST(sum(sample_size) OVER earlier AS BIGINT) AS earlier_sample_size,
    CAST(sum(counted) OVER earlier AS DOUBLE) / sum(sample_size) OVER earlier AS earlier_share,
    sum(counted * share) OVER earlier AS earlier_squares
  FROM shares
  WINDOW earlier AS (
    PARTITION BY provider, account, job_kind, tier, measure
    ORDER BY day
    ROWS BETWEEN 28 PRECEDING AND 1 PRECEDING
  )
),
by_tier AS (
  SELECT
    *,
    CASE
      WHEN earlier_days > 1 AND earlier_share > 0.0 AND earlier_share < 1.0
        THEN greatest(
          1.0,
          (earlier_squares - earlier_sample_size * earlier_share * earlier_share)
          / (earlier_share * (1.0 - earlier_share) * (earlier_days - 1))
        )
      WHEN earlier_days > 0 THEN 1.0
    END AS dispersion
  FROM placed
),
-- the tiers of a day together, each against its own past: another mix of tiers changes nothing
together AS (
  SELECT
    day,
    provider,
    account,
    job_kind,
    measure,
    is_recent,
    count(*) AS tiers,
    CAST(sum(jobs) AS BIGINT) AS jobs,
    CAST(sum(counted) AS BIGINT) AS counted,
    CAST(sum(sample_size) AS BIGINT) AS sample_size,
    CAST(max(earlier_days) AS BIGINT) AS earlier_days,
    CAST(sum(earlier_sample_size) AS BIGINT) AS earlier_sample_size,
    sum(sample_size * earlier_share) / sum(sample_size) AS earlier_share,
    sum(sample_size * dispersion) / sum(sample_size) AS dispersion,
    sum(1.0 * sample_size * sample_size / earlier_sample_size)
      / (1.0 * sum(sample_size) * sum(sample_size)) AS earlier_doubt
  FROM by_tier
  WHERE earlier_days > 0
  GROUP BY day, provider, account, job_kind, measure, is_recent
  HAVING count(*) > 1
),
both_ways AS (
  SELECT
    day,
    provider,
    account,
    job_kind,
    tier,
    1 AS tiers,
    measure,
    jobs,
    counted,
    sample_size,
    earlier_days,
    earlier_sample_size,
    earlier_share,
    dispersion,
    1.0 / earlier_sample_size AS earlier_doubt,
    is_recent
  FROM by_tier
  UNION ALL
  SELECT
    day,
    provider,
    account,
    job_kind,
    CAST(NULL AS TEXT) AS tier,
    tiers,
    measure,
    jobs,
    counted,
    sample_size,
    earlier_days,
    earlier_sample_size,
    earlier_share,
    dispersion,
    earlier_doubt,
    is_recent
  FROM together
),
compared AS (
  SELECT
    *,
    CAST(counted AS DOUBLE) / sample_size AS share,
    CAST(counted AS DOUBLE) / sample_size - earlier_share AS change,
    (CAST(counted AS DOUBLE) / sample_size + earlier_share) / 2.0 AS middle
  FROM both_ways
),
rated AS (
  SELECT
    *,
    CASE
      WHEN abs(change) * 2.0 * sample_size > 1.0
        THEN (abs(change) - 0.5 / sample_size) * (abs(change) - 0.5 / sample_size)
          / (dispersion * middle * (1.0 - middle) * (1.0 / sample_size + earlier_doubt))
      WHEN earlier_days > 0 THEN 0.0
    END AS chi_square
  FROM compared
)
SELECT
  day,
  provider,
  account,
  job_kind,
  tier,
  tiers,
  measure,
  jobs,
  counted,
  sample_size,
  share,
  earlier_days,
  earlier_sample_size,
  earlier_share,
  change,
  dispersion,
  chi_square,
  sample_size >= 20 AND earlier_days >= 7 AS has_enough,
  sample_size >= 20
    AND earlier_days >= 7
    AND coalesce(chi_square, 0.0) >= 16.0
    AND abs(change) >= 0.05 AS is_changed,
  is_recent
FROM rated
