{#-
  Of the jobs of an account's newest 24 hours, more pages are doubtful than
  docjobs_max_doubtful_pages: the provider rates them, or a segment on them, low.
-#}
{{ config(severity='warn') }}
{{ docjobs.docjobs_pages_of_the_newest_day(
  'page.needs_review', 'not page.is_failed', 'doubtful_pages', var('docjobs_max_doubtful_pages')
) }}
