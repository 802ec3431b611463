{#- Each row has one in another table that agrees with it in all of these columns. -#}
{% test docjobs_belongs_to(model, to, columns) %}
select child.*
from {{ model }} as child
left join {{ to }} as parent
  on {% for column in columns -%}
  {{ 'and ' if not loop.first }}parent.{{ column }} = child.{{ column }}
  {% endfor %}
where parent.{{ columns[0] }} is null
{% endtest %}
