{#- Accounts that no sync has loaded for docjobs_warn_after_hours. -#}
{{ config(severity='warn') }}
select provider, account, last_ok_run_at, last_run_at, last_run_error
from {{ ref('docjobs', 'sync_freshness') }}
where
  last_ok_run_at is null
  or seconds_since_last_ok_run > 3600 * {{ var('docjobs_warn_after_hours') }}
