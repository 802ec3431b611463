-- Segments, text, tables and pictures by type, for each document and page.
--
-- A container (a list, a page header) and what it contains are both rows of segments. Here a
-- container counts in segments and what it contains in nested_segments; the text of both is counted
-- once, with the container.
--
-- - page_number: Page of the document, 1-based; null where the provider does not say
-- - segment_type: Canonical type
-- - segments: Segments of this type that stand by themselves
-- - nested_segments: Segments of this type inside a container
-- - characters: Characters of the text of those that stand by themselves
-- - table_rows: Rows of the tables, nested ones included, as far as known
WITH counted AS (
  SELECT
    provider,
    job_kind,
    job_id,
    page_number,
    segment_type,
    count(CASE WHEN depth = 0 THEN 1 END) AS segments,
    count(CASE WHEN depth > 0 THEN 1 END) AS nested_segments,
    CAST(sum(CASE WHEN depth = 0 THEN length(content) END) AS BIGINT) AS characters,
    CAST(sum(table_rows) AS BIGINT) AS table_rows
  FROM segments
  -- the id first: it tells rows apart soonest, and a database that sorts them compares least
  GROUP BY job_id, page_number, segment_type, provider, job_kind
)
SELECT
  c.provider,
  j.account,
  c.job_kind,
  c.job_id,
  j.document_name,
  j.tier,
  c.page_number,
  c.segment_type,
  c.segments,
  c.nested_segments,
  c.characters,
  c.table_rows
FROM counted AS c
JOIN jobs AS j
  ON j.provider = c.provider AND j.job_kind = c.job_kind AND j.job_id = c.job_id
