-- Segments that a person should look at, those rated by a number and those by a word, worst first.
--
-- A number says nothing of where a word such as low stands among numbers, so the two kinds are never
-- mixed: first come those with a confidence below 0.8, the lowest first, then those that only a word
-- brings here, low before medium. ORDER BY rated_by, sort_confidence, severity is that order.
-- Low means a confidence below 0.5 or the provider's level low, medium a confidence below 0.8 or
-- the level medium. A container is left out where what it contains is rated by itself, so that no
-- text is reviewed twice. Pages that failed have no segments: they are in page_quality.
--
-- - page_number: Page of the document, 1-based
-- - severity: low or medium, as above
-- - reason: Why the segment is here, in words
-- - rated_by: number where a confidence brings the segment here, word where only a level does
-- - sort_confidence: That confidence; null where rated_by is word
-- - excerpt: The first 200 characters of the text
WITH containers AS (
  -- those of which something is rated by itself
  SELECT DISTINCT
    provider,
    job_kind,
    job_id,
    parent_segment_index
  FROM segments
  WHERE
    parent_segment_index IS NOT NULL
    AND (confidence IS NOT NULL OR confidence_level IS NOT NULL)
),
doubtful AS (
  SELECT
    s.provider,
    s.job_kind,
    s.job_id,
    s.segment_index,
    s.segment_id,
    s.page_number,
    s.segment_type,
    s.confidence,
    s.confidence_level,
    s.ocr_confidence_mean,
    s.content,
    CASE
      WHEN s.confidence < 0.5 OR s.confidence_level = 'low' THEN 'low'
      ELSE 'medium'
    END AS severity
  FROM segments AS s
  LEFT JOIN containers AS c
    ON c.provider = s.provider
    AND c.job_kind = s.job_kind
    AND c.job_id = s.job_id
    AND c.parent_segment_index = s.segment_index
  WHERE
    (s.confidence < 0.8 OR s.confidence_level IN ('low', 'medium'))
    AND c.parent_segment_index IS NULL
)
SELECT
  d.provider,
  j.account,
  d.job_kind,
  d.job_id,
  j.document_name,
  j.tier,
  d.page_number,
  d.segment_index,
  d.segment_id,
  d.segment_type,
  d.severity,
  CASE WHEN d.confidence < 0.8 THEN 'number' ELSE 'word' END AS rated_by,
  CASE
    WHEN d.confidence < 0.5 THEN 'confidence below 0.5'
    WHEN d.confidence < 0.8 AND d.severity = 'medium' THEN 'confidence below 0.8'
    ELSE concat('the provider rates it ', d.confidence_level)
  END AS reason,
  d.confidence,
  d.confidence_level,
  CASE WHEN d.confidence < 0.8 THEN d.confidence END AS sort_confidence,
  d.ocr_confidence_mean,
  substring(d.content, 1, 200) AS excerpt
FROM doubtful AS d
JOIN jobs AS j
  ON j.provider = d.provider AND j.job_kind = d.job_kind AND j.job_id = d.job_id
ORDER BY
  -- both words happen to be in order: number before word, low before medium
  rated_by,
  sort_confidence,
  d.severity,
  d.provider,
  d.job_id,
  d.segment_index
