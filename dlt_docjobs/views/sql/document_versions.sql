-- A row a loaded parse job of a document that was parsed more than once: the figures side by side.
--
-- Two jobs have the same document where a provider gives both the same document_id, or where their
-- documents have the same name: upper and lower case, blanks around it and the ways in which
-- Unicode spells a letter (NFC; not on Snowflake, Databricks and Redshift) don't matter, all else
-- does. So "report (1).pdf" is another document than "report.pdf", as is one in another folder; and
-- two different documents of one name are taken for one. Credits of two providers can't be compared.
--
-- - document: What the jobs have in common: the name in lower case, else the document_id
-- - jobs: Loaded parse jobs of this document
-- - version: 1 for the job that was created first, and so on
-- - pages: Pages, failed ones included
-- - failed_pages: Of these, pages that could not be parsed
-- - segments: Segments, nested ones included
-- - tables: Tables, as documents counts them
-- - pictures: Pictures, nested ones included
-- - characters: Characters of the document's Markdown
-- - segment_confidence_mean: Mean confidence of the segments that have a number
-- - low_confidence_segments: Segments below 0.5, or rated low
-- - credits: Credits charged; null where they are not known
-- - queued_seconds: Seconds that the job waited; null where that is not known
-- - running_seconds: Seconds that the job was processed; null where that is not known
-- - total_seconds: Seconds from the creation to the end; null where that is not known
-- - total_seconds_uncertainty: Width of the range that total_seconds may lie in, in seconds
WITH named AS (
  SELECT
    provider,
    job_kind,
    job_id,
    document_id,
    created_at,
    nullif(lower(trim(nfc_normalize(document_name))), '') AS name
  FROM jobs
  WHERE job_kind = 'parse' AND results_state = 'loaded'
),
keyed AS (
  SELECT
    provider,
    job_kind,
    job_id,
    created_at,
    coalesce(
      -- of several names of one document_id the first in the alphabet
      CASE
        WHEN document_id IS NOT NULL THEN min(name) OVER (PARTITION BY provider, document_id)
      END,
      name,
      document_id
    ) AS document
  FROM named
),
counted AS (
  SELECT
    provider,
    job_kind,
    job_id,
    document,
    count(*) OVER (PARTITION BY document) AS jobs,
    row_number() OVER (
      PARTITION BY document
      ORDER BY CASE WHEN created_at IS NULL THEN 1 ELSE 0 END, created_at, provider, job_id
    ) AS version
  FROM keyed
  WHERE document IS NOT NULL
)
SELECT
  c.document,
  c.jobs,
  c.version,
  d.provider,
  d.account,
  d.job_kind,
  d.job_id,
  d.document_name,
  d.tier,
  d.created_at,
  d.pages,
  d.failed_pages,
  d.segments,
  d.tables,
  d.pictures,
  d.characters,
  d.segment_confidence_mean,
  d.low_confidence_segments,
  d.credits,
  t.queued_seconds,
  t.running_seconds,
  t.total_seconds,
  t.total_seconds_uncertainty
FROM counted AS c
JOIN documents AS d
  ON d.provider = c.provider AND d.job_kind = c.job_kind AND d.job_id = c.job_id
JOIN job_timeline AS t
  ON t.provider = d.provider AND t.job_kind = d.job_kind AND t.job_id = d.job_id
WHERE c.jobs > 1
