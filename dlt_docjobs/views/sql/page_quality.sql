-- A row a page: whether it failed, how sure the provider is of it, and what is on it.
--
-- Low confidence means the same as in review_queue. A container and what it contains are counted as
-- in segment_mix: once.
--
-- - page_number: Page of the document, 1-based
-- - confidence: Page confidence, 0-1, where the provider scores pages
-- - segments: Segments on the page that stand by themselves
-- - characters: Characters of their text
-- - tables: Tables on the page, nested ones included, but for tables without rows: what is left where
--   a table was merged into one of another page
-- - pictures: Pictures on the page, nested ones included
-- - segment_confidence_mean: Mean confidence of the page's segments that have a number
-- - segment_confidence_lowest: The lowest of these
-- - low_confidence_segments: Segments below 0.5, or rated low
-- - is_empty: True where the page did not fail and has no segment
-- - needs_review: True where it failed, or it or a segment on it has low confidence
-- - reason: Why it needs a review, in words; null where it needs none
WITH on_page AS (
  SELECT
    provider,
    job_kind,
    job_id,
    page_number,
    count(*) AS all_segments,
    count(CASE WHEN depth = 0 THEN 1 END) AS segments,
    CAST(sum(CASE WHEN depth = 0 THEN length(content) END) AS BIGINT) AS characters,
    count(CASE WHEN segment_type = 'table' AND coalesce(table_rows, 1) > 0 THEN 1 END) AS tables,
    count(CASE WHEN segment_type = 'picture' THEN 1 END) AS pictures,
    avg(confidence) AS segment_confidence_mean,
    min(confidence) AS segment_confidence_lowest,
    count(CASE WHEN confidence < 0.5 OR confidence_level = 'low' THEN 1 END)
      AS low_confidence_segments
  FROM segments
  -- the id first: it tells rows apart soonest, and a database that sorts them compares least
  GROUP BY job_id, page_number, provider, job_kind
),
rated AS (
  SELECT
    p.provider,
    p.job_kind,
    p.job_id,
    p.page_number,
    p.is_failed,
    p.error_message,
    p.confidence,
    s.all_segments IS NULL AS has_no_segment,
    coalesce(s.segments, 0) AS segments,
    coalesce(s.characters, 0) AS characters,
    coalesce(s.tables, 0) AS tables,
    coalesce(s.pictures, 0) AS pictures,
    s.segment_confidence_mean,
    s.segment_confidence_lowest,
    coalesce(s.low_confidence_segments, 0) AS low_confidence_segments,
    CASE
      WHEN p.is_failed THEN 'the page failed'
      WHEN s.low_confidence_segments > 0 THEN 'segments of low confidence'
      WHEN p.confidence < 0.5 THEN 'the page has low confidence'
    END AS reason
  FROM pages AS p
  LEFT JOIN on_page AS s
    ON s.provider = p.provider
    AND s.job_kind = p.job_kind
    AND s.job_id = p.job_id
    AND s.page_number = p.page_number
)
SELECT
  r.provider,
  j.account,
  r.job_kind,
  r.job_id,
  j.document_name,
  j.tier,
  r.page_number,
  r.is_failed,
  r.error_message,
  r.confidence,
  r.segments,
  r.characters,
  r.tables,
  r.pictures,
  r.segment_confidence_mean,
  r.segment_confidence_lowest,
  r.low_confidence_segments,
  NOT r.is_failed AND r.has_no_segment AS is_empty,
  r.reason IS NOT NULL AS needs_review,
  r.reason
FROM rated AS r
JOIN jobs AS j
  ON j.provider = r.provider AND j.job_kind = r.job_kind AND j.job_id = r.job_id
