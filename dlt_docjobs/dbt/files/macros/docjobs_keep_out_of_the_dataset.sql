{#-
  Stops dbt where it would write models into the dataset that `docjobs sync` fills: it would put
  its views in the place of those of the same names there, which `docjobs views` creates.
-#}
{% macro docjobs_keep_out_of_the_dataset() %}
  {%- if execute -%}
    {%- set there = [] -%}
    {%- for source in graph.sources.values() if source.package_name == 'docjobs' -%}
      {%- do there.append((source.database | string | lower, source.schema | lower)) -%}
    {%- endfor -%}
    {%- for node in graph.nodes.values()
        if node.package_name == 'docjobs' and node.resource_type == 'model' -%}
      {%- if (node.database | string | lower, node.schema | lower) in there -%}
        {%- do exceptions.raise_compiler_error(
          "The package docjobs would write into the dataset " ~ node.schema ~ ", which `docjobs "
          ~ "sync` fills and which has views of the same names. Let your profile's target name "
          ~ "another schema, or set `models: docjobs: +schema: ...` in your dbt_project.yml."
        ) -%}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
{% endmacro %}
