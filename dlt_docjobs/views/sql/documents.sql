-- A row a parse job whose result is loaded: the whole document as Markdown, and what is in it.
--
-- The Markdown is that of the segments in document order, a blank line between two. A segment
-- without Markdown gives its content. One that lies directly in another is left out, as the
-- container's text has its text already, unless that other is a title or heading: what hangs below
-- a heading is not part of its text. With include_content=false there is no text, so markdown and
-- characters are null. An aggregate that makes no text costs little: select what you need.
--
-- - created_at: Creation of the job; the middle of its bounds where bounded
-- - markdown: The document as Markdown; null where no segment has text. On Redshift and Snowflake
--   also null where it is longer than a text can be there (65,535 bytes, 16 MiB)
-- - characters: Characters of markdown
-- - pages: Pages, failed ones included
-- - failed_pages: Of these, pages that could not be parsed
-- - segments: Segments, nested ones included
-- - tables: Tables, nested ones included, but for tables without rows (what is left where a table
--   was merged into one of another page) and those in a form, which repeat tables of the page
-- - pictures: Pictures, nested ones included
-- - segment_confidence_mean: Mean confidence of the segments that have a number
-- - low_confidence_segments: Segments below 0.5, or rated low
-- - credits: Credits charged; null where they are not known
WITH placed AS (
  SELECT
    s.provider,
    s.job_id,
    s.segment_index,
    s.segment_type,
    s.table_rows,
    s.confidence,
    s.confidence_level,
    p.segment_type AS below,
    CASE
      WHEN s.parent_segment_index IS NULL OR p.segment_type <> 'form'
        THEN coalesce(nullif(s.markdown, ''), nullif(s.content, ''))
    END AS passage
  FROM segments AS s
  LEFT JOIN segments AS p
    ON p.provider = s.provider
    AND p.job_kind = s.job_kind
    AND p.job_id = s.job_id
    AND p.segment_index = s.parent_segment_index
    -- of all that may lie above a segment these alone matter, and they are few
    AND p.segment_type IN ('title', 'section_header', 'form')
  WHERE s.job_kind = 'parse'
),
made AS (
  SELECT
    provider,
    job_id,
    string_agg(passage, '

' ORDER BY segment_index) AS markdown,
    -- known without making the text
    CAST(sum(length(passage)) + 2 * (count(passage) - 1) AS BIGINT) AS characters,
    count(*) AS segments,
    count(
      CASE
        WHEN segment_type = 'table' AND coalesce(table_rows, 1) > 0 AND coalesce(below, '') <> 'form'
          THEN 1
      END
    ) AS tables,
    count(CASE WHEN segment_type = 'picture' THEN 1 END) AS pictures,
    avg(confidence) AS segment_confidence_mean,
    count(CASE WHEN confidence < 0.5 OR confidence_level = 'low' THEN 1 END)
      AS low_confidence_segments
  FROM placed
  -- the id first: it tells rows apart soonest, and a database that sorts them compares least
  GROUP BY job_id, provider
)
SELECT
  j.provider,
  j.account,
  j.job_kind,
  j.job_id,
  j.document_name,
  j.project_id,
  j.tier,
  j.created_at,
  m.markdown,
  m.characters,
  j.page_count AS pages,
  j.failed_page_count AS failed_pages,
  coalesce(m.segments, 0) AS segments,
  coalesce(m.tables, 0) AS tables,
  coalesce(m.pictures, 0) AS pictures,
  m.segment_confidence_mean,
  coalesce(m.low_confidence_segments, 0) AS low_confidence_segments,
  j.credits
FROM jobs AS j
LEFT JOIN made AS m
  -- the kind is the same: without it PostgreSQL sees that this adds no row, and counts without it
  ON m.provider = j.provider AND m.job_id = j.job_id
WHERE j.job_kind = 'parse' AND j.results_state = 'loaded'
