{#- Of the jobs of an account's newest 24 hours, more pages failed than docjobs_max_failed_pages. -#}
{{ config(severity='warn') }}
{{ docjobs.docjobs_pages_of_the_newest_day(
  'page.is_failed', '1 = 1', 'failed_pages', var('docjobs_max_failed_pages')
) }}
