{#- No two rows agree in all of these columns; null counts as a value. -#}
{% test docjobs_unique_together(model, columns) %}
select {{ columns | join(', ') }}, count(*) as number_of_rows
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
