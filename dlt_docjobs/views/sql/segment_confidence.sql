-- Distribution of confidence by type of segment, in steps of 0.05 or in the provider's levels.
--
-- Compare within a provider only: what one calls 0.9 another calls high. Every segment is counted
-- once, under its own type. Segments without a score have neither step nor level.
--
-- - segment_type: Canonical type
-- - confidence_level: low, medium or high, where the provider grades so
-- - confidence_from: Lower end of the step, inclusive; null where there is no number
-- - confidence_to: Upper end of the step, exclusive but for 1; null where there is no number
-- - segments: Segments in this step or level
-- - share: Share of these among all segments of the type, 0-1
WITH stepped AS (
  SELECT
    provider,
    account,
    job_kind,
    segment_type,
    confidence_level,
    CASE WHEN confidence >= 0.95 THEN 19 ELSE CAST(floor(confidence * 20) AS BIGINT) END AS step,
    count(*) AS segments
  FROM segments
  GROUP BY
    provider,
    account,
    job_kind,
    segment_type,
    confidence_level,
    CASE WHEN confidence >= 0.95 THEN 19 ELSE CAST(floor(confidence * 20) AS BIGINT) END
)
SELECT
  provider,
  account,
  job_kind,
  segment_type,
  confidence_level,
  step / 20e0 AS confidence_from,
  (step + 1) / 20e0 AS confidence_to,
  segments,
  segments * 1e0 / sum(segments) OVER (PARTITION BY provider, account, job_kind, segment_type)
    AS share
FROM stepped
