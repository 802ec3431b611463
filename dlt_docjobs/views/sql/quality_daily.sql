-- Quality of the results by day of creation, provider, account, kind and tier, as counts.
--
-- Each count stands beside the one that it is a share of: failed_pages and empty_pages of pages,
-- low_confidence_segments of rated_segments, rated_jobs of jobs, and headings to others, which
-- together are segments, of segments. Segments that lie in a container are not counted in segments,
-- as its text has theirs; what hangs below a heading is. Compare confidence within a provider only.
--
-- - day: Day of creation, UTC; null where the creation is not known
-- - jobs: Parse jobs of that day whose results are loaded
-- - pages: Rows of pages of these jobs, failed ones included
-- - failed_pages: Of these, pages that could not be parsed
-- - empty_pages: Of these, pages that did not fail and have no segment
-- - rated_segments: Segments that the provider rates, nested ones included
-- - low_confidence_segments: Of these, segments below 0.5, or rated low
-- - segments: Segments that lie in no container, without tables that have no rows
-- - headings: Of these, titles and headings
-- - texts: Of these, texts, captions, footnotes, formulas, code and links
-- - lists: Of these, lists and list items
-- - tables: Of these, tables
-- - pictures: Of these, pictures
-- - fields: Of these, forms, key-value pairs and signatures
-- - margins: Of these, page headers and footers
-- - others: Of these, of any other type
-- - rated_jobs: Of jobs, those of which the provider rates a segment
WITH on_pages AS (
  SELECT
    provider,
    job_id,
    count(*) AS pages,
    count(CASE WHEN is_failed THEN 1 END) AS failed_pages,
    count(CASE WHEN NOT is_failed AND segment_count = 0 THEN 1 END) AS empty_pages
  FROM pages
  WHERE job_kind = 'parse'
  GROUP BY job_id, provider
),
placed AS (
  SELECT
    s.provider,
    s.job_id,
    s.confidence,
    s.confidence_level,
    CASE
      WHEN s.parent_segment_index IS NOT NULL AND h.segment_index IS NULL THEN NULL
      WHEN s.segment_type = 'table' AND s.table_rows = 0 THEN NULL
      ELSE s.segment_type
    END AS counted_type
  FROM segments AS s
  LEFT JOIN segments AS h
    ON h.provider = s.provider
    AND h.job_kind = s.job_kind
    AND h.job_id = s.job_id
    AND h.segment_index = s.parent_segment_index
    AND h.segment_type IN ('title', 'section_header')
  WHERE s.job_kind = 'parse'
),
in_job AS (
  SELECT
    provider,
    job_id,
    count(CASE WHEN confidence IS NOT NULL OR confidence_level IS NOT NULL THEN 1 END)
      AS rated_segments,
    count(CASE WHEN confidence < 0.5 OR confidence_level = 'low' THEN 1 END)
      AS low_confidence_segments,
    count(counted_type) AS segments,
    count(CASE WHEN counted_type IN ('title', 'section_header') THEN 1 END) AS headings,
    count(
      CASE
        WHEN counted_type IN ('text', 'caption', 'footnote', 'formula', 'code', 'link') THEN 1
      END
    ) AS texts,
    count(CASE WHEN counted_type IN ('list', 'list_item') THEN 1 END) AS lists,
    count(CASE WHEN counted_type = 'table' THEN 1 END) AS tables,
    count(CASE WHEN counted_type = 'picture' THEN 1 END) AS pictures,
    count(CASE WHEN counted_type IN ('form', 'key_value', 'signature') THEN 1 END) AS fields,
    count(CASE WHEN counted_type IN ('page_header', 'page_footer') THEN 1 END) AS margins
  FROM placed
  GROUP BY job_id, provider
),
summed AS (
  SELECT
    CAST(j.created_at AT TIME ZONE 'UTC' AS DATE) AS day,
    j.provider,
    j.account,
    j.job_kind,
    j.tier,
    count(*) AS jobs,
    CAST(coalesce(sum(p.pages), 0) AS BIGINT) AS pages,
    CAST(coalesce(sum(p.failed_pages), 0) AS BIGINT) AS failed_pages,
    CAST(coalesce(sum(p.empty_pages), 0) AS BIGINT) AS empty_pages,
    CAST(coalesce(sum(s.rated_segments), 0) AS BIGINT) AS rated_segments,
    CAST(coalesce(sum(s.low_confidence_segments), 0) AS BIGINT) AS low_confidence_segments,
    CAST(coalesce(sum(s.segments), 0) AS BIGINT) AS segments,
    CAST(coalesce(sum(s.headings), 0) AS BIGINT) AS headings,
    CAST(coalesce(sum(s.texts), 0) AS BIGINT) AS texts,
    CAST(coalesce(sum(s.lists), 0) AS BIGINT) AS lists,
    CAST(coalesce(sum(s.tables), 0) AS BIGINT) AS tables,
    CAST(coalesce(sum(s.pictures), 0) AS BIGINT) AS pictures,
    CAST(coalesce(sum(s.fields), 0) AS BIGINT) AS fields,
    CAST(coalesce(sum(s.margins), 0) AS BIGINT) AS margins,
    count(CASE WHEN s.rated_segments > 0 THEN 1 END) AS rated_jobs
  FROM jobs AS j
  LEFT JOIN on_pages AS p
    ON p.provider = j.provider AND p.job_id = j.job_id
  LEFT JOIN in_job AS s
    ON s.provider = j.provider AND s.job_id = j.job_id
  WHERE j.job_kind = 'parse' AND j.results_state = 'loaded'
  GROUP BY
    CAST(j.created_at AT TIME ZONE 'UTC' AS DATE),
    j.provider,
    j.account,
    j.job_kind,
    j.tier
)
SELECT
  day,
  provider,
  account,
  job_kind,
  tier,
  jobs,
  pages,
  failed_pages,
  empty_pages,
  rated_segments,
  low_confidence_segments,
  segments,
  headings,
  texts,
  lists,
  tables,
  pictures,
  fields,
  margins,
  segments - headings - texts - lists - tables - pictures - fields - margins AS others,
  rated_jobs
FROM summed
