{#-
  Shares of failed and empty pages, low confidence and types of segments that have changed on an
  account's newest two days: what that takes stands in the description of quality_control.
-#}
{{ config(severity='warn') }}
select
  provider, account, job_kind, tier, tiers, day, measure, counted, sample_size, share, earlier_share
from {{ ref('docjobs', 'quality_control') }}
where is_recent and is_changed
