{#-
  Of the jobs of an account's newest 24 hours, more pages are doubtful than
  docjobs_max_doubtful_pages: the provider rates them, or a segment on them, low.
-#}
{{ config(severity='warn') }}
with dated as (
  select
    page.provider,
    page.account,
    page.job_kind,
    case when page.needs_review then 1 else 0 end as doubtful,
    job.created_at,
    max(job.created_at) over (partition by page.provider, page.account, page.job_kind) as newest
  from {{ ref('docjobs', 'page_quality') }} as page
  join {{ ref('docjobs', 'job_timeline') }} as job
    on job.provider = page.provider and job.job_kind = page.job_kind and job.job_id = page.job_id
  where not page.is_failed
)
select
  provider,
  account,
  job_kind,
  max(newest) as newest_job,
  count(*) as pages,
  sum(doubtful) as doubtful_pages
from dated
where created_at > {{ dbt.dateadd('day', -1, 'newest') }}
group by provider, account, job_kind
having
  count(*) >= {{ var('docjobs_min_pages') }}
  and sum(doubtful) > {{ var('docjobs_max_doubtful_pages') }} * count(*)
