{#-
  Accounts of which too large a share of the pages of their newest 24 hours is bad.

  bad: condition on page_quality, as page; which: that of the pages that count; name: of the column
  with the bad pages; most: the share that is allowed.
-#}
{% macro docjobs_pages_of_the_newest_day(bad, which, name, most) -%}
with dated as (
  select
    page.provider,
    page.account,
    page.job_kind,
    case when {{ bad }} then 1 else 0 end as is_bad,
    job.created_at,
    max(job.created_at) over (partition by page.provider, page.account, page.job_kind) as newest
  from {{ ref('docjobs', 'page_quality') }} as page
  join {{ ref('docjobs', 'job_timeline') }} as job
    on job.provider = page.provider and job.job_kind = page.job_kind and job.job_id = page.job_id
  where {{ which }}
)
select
  provider,
  account,
  job_kind,
  max(newest) as newest_job,
  count(*) as pages,
  sum(is_bad) as {{ name }}
from dated
where created_at > {{ dbt.dateadd('day', -1, 'newest') }}
group by provider, account, job_kind
having
  count(*) >= {{ var('docjobs_min_pages') }}
  and sum(is_bad) > {{ most }} * count(*)
{%- endmacro %}
