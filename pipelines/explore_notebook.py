"""Explores the views in a notebook with a few widgets.

    pip install '.[notebook]'
    marimo edit pipelines/explore_notebook.py

Start it where `docjobs sync` has left warehouse.duckdb. For another destination change the cell
that names it; its credentials come from dlt's configuration.
"""

# marimo makes these functions of cells, and marimo reads no types
# mypy: ignore-errors

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Document jobs")


@app.cell
def _():
    import altair as alt
    import dlt
    import marimo as mo
    from dlt.common.schema import Schema

    return Schema, alt, dlt, mo


@app.cell
def _(Schema, dlt):
    dataset = dlt.dataset(
        dlt.destinations.duckdb("warehouse.duckdb"), "docjobs", schema=Schema("notebook")
    )

    def ask(sql):
        """The rows that answer a query; `{d}` is the dataset."""
        with dataset.sql_client as client:
            name = client.fully_qualified_dataset_name()
            with client.execute_query(sql.replace("{d}", name)) as cursor:
                names = [column[0] for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return (ask,)


@app.cell
def _(ask, mo):
    known = ask("SELECT DISTINCT provider FROM {d}.job_timeline ORDER BY provider")
    provider = mo.ui.dropdown(
        ["all", *(row["provider"] for row in known)], value="all", label="Provider"
    )
    phase = mo.ui.dropdown(["queued", "running", "total"], value="total", label="Phase")
    severity = mo.ui.radio(["low", "medium"], value="low", label="Confidence", inline=True)
    rows = mo.ui.slider(5, 200, value=20, step=5, label="Rows", show_value=True)
    mo.vstack(
        [mo.md("# Document jobs"), mo.hstack([provider, phase, severity, rows], justify="start")]
    )
    return phase, provider, rows, severity


@app.cell
def _(provider):
    # a widget's value is one of its own options, so it can stand in a query
    where = "1 = 1" if provider.value == "all" else f"provider = '{provider.value}'"
    return (where,)


@app.cell
def _(ask, mo, where):
    figures = ask(
        f"""
        SELECT count(*) AS jobs,
          count(CASE WHEN status = 'failed' THEN 1 END) AS failed,
          count(CASE WHEN is_open THEN 1 END) AS open_jobs
        FROM {{d}}.job_timeline WHERE {where}
        """
    )[0]
    mo.hstack([mo.stat(value, label=name) for name, value in figures.items()], justify="start")
    return (figures,)


@app.cell
def _(alt, ask, mo, phase, where):
    durations = ask(
        f"""
        SELECT CAST(day AS VARCHAR) AS day, provider, job_kind,
          {phase.value}_seconds_p95 AS p95,
          {phase.value}_seconds_p95_min AS at_least, {phase.value}_seconds_p95_max AS at_most
        FROM {{d}}.job_daily
        WHERE day IS NOT NULL AND {phase.value}_jobs > 0 AND {where}
        ORDER BY day
        """
    )
    days = alt.Chart(alt.InlineData(values=durations)).encode(
        x=alt.X("day:T", title=None),
        color=alt.Color("provider:N", title=None),
        detail="job_kind:N",
    )
    seconds = alt.Scale(type="symlog")
    # the 95th percentile of all jobs lies in the band; the line is that of the jobs measured
    band = days.mark_area(opacity=0.2).encode(
        y=alt.Y("at_least:Q", scale=seconds, title="seconds, p95"), y2="at_most:Q"
    )
    line = days.mark_line(point=True).encode(y=alt.Y("p95:Q", scale=seconds))
    chart = alt.layer(band, line).properties(width="container", height=220)
    mo.vstack([mo.md(f"## How long jobs are {phase.value}, by day"), chart])
    return (durations,)


@app.cell
def _(ask, mo, rows, severity, where):
    doubtful = ask(
        f"""
        SELECT provider, document_name, page_number, segment_type, reason, excerpt
        FROM {{d}}.review_queue
        WHERE severity = '{severity.value}' AND {where}
        ORDER BY rated_by, sort_confidence, provider, job_id, segment_index
        LIMIT {rows.value}
        """
    )
    mo.vstack([mo.md("## Segments to review"), mo.ui.table(doubtful, selection=None)])
    return (doubtful,)


@app.cell
def _(ask, mo, where):
    stuck = ask(
        f"""
        SELECT provider, document_name, job_id, status, round(age_seconds / 3600, 1) AS age_hours
        FROM {{d}}.jobs_open WHERE is_stuck AND {where} ORDER BY age_seconds DESC
        """
    )
    mo.vstack([mo.md("## Stuck jobs"), mo.ui.table(stuck, selection=None)])
    return (stuck,)


if __name__ == "__main__":
    app.run()
