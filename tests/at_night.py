"""What is repeated at night, with `-m slow`: the suite has to end while somebody waits for it.

Whole tests that take long bear the mark `slow` themselves. Here stand, by file, those of which the
default run keeps one kind: what stands in the names of the others. A promise that holds for every
provider alike is tried on one of them, in each file on another; one that holds for every database
alike on DuckDB; a setting that has several forms in one of them.
"""

from __future__ import annotations

from typing import Final

_POSTGRES: Final = ("[postgres",)


def _all_but(kept: str) -> tuple[str, ...]:
    """The providers that only the night tries."""
    providers = ("llamacloud", "contextual", "unsiloed", "reducto", "landingai")
    return tuple(name for name in providers if name != kept)


REPEATED: Final[dict[str, tuple[str, ...]]] = {
    "benchmarks/test_benchmarks_views.py": ("test_both_destinations",),
    "cli/test_cli_destinations.py": ("[pipeline.run", "[a pipeline"),
    "cli/test_cli_disk.py": (
        *("[state of", "[state empty", "[state that", "[packages of", "[schema cut"),
        *("[no state", "[no packages", "[a base", "[a trace"),
    ),
    "cli/test_cli_dropped.py": _POSTGRES,
    "cli/test_cli_erased.py": (
        *_POSTGRES,
        *("[include_names", "[include_ocr", "[include_table_cells"),
    ),
    "cli/test_cli_older.py": _POSTGRES,
    "cli/test_cli_owners.py": (*_POSTGRES, "-contextual", "-llamacloud"),
    "cli/test_cli_processes.py": ("loses_nothing[2]",),
    "cli/test_cli_rename.py": (
        *_POSTGRES,
        *("[not meant", "[nothing there", "[another provider", "[no name"),
    ),
    "cli/test_cli_secrecy.py": ("-postgres]", "[shared toml", "[usual", "[toml"),
    "cli/test_cli_streams.py": ("[2>/dev/full", "[>&- 2>&-"),
    "conformance/test_conformance_clocks.py": _all_but("unsiloed"),
    "conformance/test_conformance_days.py": ("test_",),
    "conformance/test_conformance_delivery.py": ("-old",),
    "conformance/test_conformance_destinations.py": ("[files", "[duckdb"),
    "conformance/test_conformance_doubt.py": _all_but("unsiloed"),
    "conformance/test_conformance_drift.py": _all_but("llamacloud"),
    "conformance/test_conformance_intervals.py": _all_but("llamacloud"),
    "conformance/test_conformance_life.py": _all_but("landingai"),
    "conformance/test_conformance_network.py": _all_but("contextual"),
    "conformance/test_conformance_one_list.py": ("[oldest", "[id"),
    "conformance/test_conformance_packages.py": ("test_",),
    "conformance/test_conformance_paging.py": _all_but("contextual"),
    "conformance/test_conformance_records.py": _all_but("unsiloed"),
    "conformance/test_conformance_refusals.py": _all_but("reducto"),
    "conformance/test_conformance_time_zones.py": ("[Etc/UTC", "New_York"),
    "conformance/test_conformance_torn_loads.py": (*_all_but("llamacloud"), "extraction_results"),
    "conformance/test_conformance_warehouses.py": ("test_",),
    "conformance/test_conformance_windows.py": _all_but("contextual"),
    "dbt_package/test_dbt_package.py": ("[snowflake", "[databricks", "[bigquery", "[redshift"),
    "docs/test_docs_destinations.py": ("reads_it[docs/destinations.md-1",),
    "docs/test_docs_scripts.py": _POSTGRES,
    "loading/test_job_source.py": ("taken[<lambda>1", "taken[<lambda>2", "taken[<lambda>3"),
    "loading/test_lost_rows.py": ("[_dlt_pipeline_state", "[job_status_history"),
    "loading/test_pending.py": ("[merge",),
    "locks/test_warehouse_lock.py": ("[advisory",),
    "pipelines/test_pipelines.py": (
        *("script[all_providers", "script[backfill", "script[llamacloud", "script[unsiloed"),
        *("go_on[contextual", "go_on[unsiloed"),
    ),
    "pipelines/test_pipelines_container.py": ("nothing_has_to_be_kept",),
    "reader/test_reader_sync.py": ("[llamacloud", "[contextual"),
    "report/test_report_browser.py": _POSTGRES,
    "report/test_report_facts.py": (*_POSTGRES, "instants_are_in_utc"),
    "report/test_report_page.py": _POSTGRES,
    "second/test_second_doubt.py": (
        *("404_only_casts_doubt[llamacloud", "404_too_soon_after_the_first_confirms_nothing"),
    ),
    "sync/test_broken_copies.py": (*_POSTGRES, "-sync_runs"),
    "views/test_views_documents.py": _POSTGRES,
    "views/test_views_edges.py": _POSTGRES,
    "views/test_views_install.py": (*_POSTGRES, "view-False", "table-False", "marker's"),
    "warehouse/test_migration.py": _POSTGRES,
}
"""By a file of this folder, parts of the names of tests that another one of the file repeats."""
