"""A result as JSON, as a table for people, and as the part of the documentation that is made of it.

The file holds every run; medians and ratios are made from it wherever they are shown, so that no
figure is typed by hand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks.contest import Series
from benchmarks.figures import Figure, Medians, figures
from benchmarks.machine import describe
from benchmarks.sizes import Sizes

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
_PART: Final = re.compile(r"<!-- benchmark -->\n.*?<!-- /benchmark -->", re.DOTALL)
_TITLES: Final = {
    "ours": "docjobs",
    "ours_latency": "docjobs, 50 ms a request, 32 in flight",
    "ours_ocr": "docjobs, with rows of OCR elements",
    "ours_large": "docjobs",
    "ours_llamacloud": "docjobs, LlamaCloud",
    "ours_reducto": "docjobs, Reducto",
    "ours_landingai": "docjobs, LandingAI",
    "ceiling": "hand-written ceiling",
    "pandas": "sequential script with pandas",
    "rest_api_parquet": "dlt's rest_api source, parquet",
    "rest_api": "dlt's rest_api source",
}


def as_result(
    series: Mapping[str, Series], sizes: Sizes, repeat: int, is_quick: bool
) -> dict[str, Any]:
    """What goes into the file."""
    runs = {
        name: {
            "jobs": one.jobs,
            "segments": one.segments,
            "base": one.base,
            "runs": [run._asdict() for run in one.runs],
        }
        for name, one in series.items()
    }
    return {
        "is_quick": is_quick,
        "repeat": repeat,
        "sizes": asdict(sizes),
        "machine": describe(),
        "series": runs,
        "figures": [asdict(figure) for figure in figures(runs)],
    }


def added(kept: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """A result with the series of another one, each of which says which machine it ran on.

    Args:
        kept: What the file holds.
        result: What was run now.

    Raises:
        ValueError: They were not run alike, so that one page can't show both.
    """
    for name in ("is_quick", "repeat"):
        if kept[name] != result[name]:
            raise ValueError(f"{name}: {result[name]}, where the file has {kept[name]}")
    own = {name: one | {"machine": result["machine"]} for name, one in result["series"].items()}
    series = {**kept["series"], **own}
    found = [asdict(figure) for figure in figures(series)]
    return {**kept, "sizes": result["sizes"], "series": series, "figures": found}


def table(result: Mapping[str, Any]) -> str:
    """The figures against their goals, as Markdown."""
    rows = [_row(figure) for figure in figures(result["series"])]
    head = ("work", "docjobs", "against", "there", "ratio", "goal", "met")
    return markdown(head, rows)


def _row(figure: Figure) -> tuple[str, ...]:
    met = "yes" if figure.is_met else "no"
    return (
        *(figure.work, figure.ours, figure.against, figure.theirs),
        *(f"{figure.value:.2f}", figure.goal, met),
    )


def details(result: Mapping[str, Any]) -> str:
    """What each contestant took for a first sync, as Markdown."""
    medians = Medians(result["series"])
    rows = []
    for name, title in _TITLES.items():
        if not medians.has(name):
            continue
        seconds = [run["seconds"] for run in result["series"][name]["runs"]]
        spread = f"{min(seconds):.2f}–{max(seconds):.2f}"
        rows.append(
            (
                *(title, f"{medians.jobs(name):,}", f"{medians.seconds(name):.2f}", spread),
                *(f"{medians.rate(name):,.0f}", f"{medians.of(name, 'cpu_seconds'):.1f}"),
                *(f"{medians.peak_mb(name):,.0f}", f"{medians.of(name, 'requests'):,.0f}"),
            )
        )
    head = ("who", "jobs", "s", "from–to", "segments/s", "processor s", "peak MB", "requests")
    return markdown(head, rows) if rows else ""


def machine(of: Mapping[str, Any]) -> str:
    """The machine in a sentence; what its system does not tell is left out."""
    memory = f", {of['memory_gb']} GB" if of["memory_gb"] else ""
    busy = of["load_average"]
    load = f"; load average {busy} when it ended" if busy is not None else ""
    packages = ", ".join(f"{name} {version}" for name, version in of["packages"].items())
    return (
        f"{of['cores']} cores of {of['processor']}{memory}, {of['system']}, Python "
        f"{of['python']}, {packages}{load}."
    )


def summary(result: Mapping[str, Any]) -> str:
    """Everything for a person, as Markdown."""
    times = "one run each" if result["repeat"] == 1 else f"medians of {result['repeat']} runs"
    short = "The short mode, too small to hold against the goals: " if result["is_quick"] else ""
    parts = [f"{short}{times}. {machine(result['machine'])}", *_others(result)]
    parts += [table(result), details(result)]
    return "\n\n".join(part for part in parts if part)


def _others(result: Mapping[str, Any]) -> list[str]:
    """Which series were added later, and on which machine."""
    names: dict[str, list[str]] = {}
    for name, one in result["series"].items():
        if "machine" in one:
            names.setdefault(machine(one["machine"]), []).append(f"`{name}`")
    return [f"Added later, {', '.join(of)}: {where}" for where, of in names.items()]


def with_result(page: str, result: Mapping[str, Any]) -> str:
    """A page with the part between its markers made anew.

    Raises:
        ValueError: The page has no such part.
    """
    return with_part(page, summary(result))


def with_part(page: str, text: str) -> str:
    """A page with the text between its markers.

    Raises:
        ValueError: The page has no such part.
    """
    part = f"<!-- benchmark -->\n\n{text}\n\n<!-- /benchmark -->"
    renewed, count = _PART.subn(lambda _: part, page)
    if count != 1:
        raise ValueError(f"the page has {count} parts between benchmark markers, not one")
    return renewed


def markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
