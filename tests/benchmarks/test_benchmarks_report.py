"""Figures, the table, and the page that is made of them; no figure is a time of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.arena import DidNotFit, Run
from benchmarks.contest import CASES, Contest, Series
from benchmarks.figures import figures
from benchmarks.report import PAGE, added, as_result, details, summary, table, with_result
from benchmarks.serving import ROOT, Server
from benchmarks.sizes import FULL, QUICK, Sizes

RESULT = ROOT / "docs" / "performance.json"


def runs(*seconds: float, megabytes: int = 500) -> list[Run]:
    return [Run(one, one + 1, one, one, megabytes * 2**20, 7) for one in seconds]


def contest() -> dict[str, Series]:
    """Every series, made up: ours loads 2,000 jobs in 6 s."""
    loading = {"ceiling": 4.0, "pandas": 20.0, "rest_api_parquet": 60.0, "ours_latency": 6.5}
    found = {"ours": Series("ours", 2000, runs=runs(5.0, 6.0, 90.0))}
    found |= {name: Series(name, 2000, runs=runs(took)) for name, took in loading.items()}
    found["rest_api"] = Series("rest_api", 400, runs=runs(30.0, megabytes=6000))
    found["ours_ocr"] = Series("ours_ocr", 2000, runs=runs(12.0))
    found["ours_large"] = Series("ours_large", 20_000, runs=runs(61.0, megabytes=900))
    found["one_row"] = Series("one_row", runs=runs(1.0))
    for name, took in (("nothing_new", 1.5), ("nothing_new_named", 1.7)):
        found[name] = Series(name, 0, 20_000, runs(took))
    for name, took in (("llamacloud", 4.0), ("reducto", 3.2), ("landingai", 8.0)):
        found[f"ours_{name}"] = Series(f"ours_{name}", 500, runs=runs(took))
    for number, took in enumerate((1.0, 1.1, 1.4)):
        found[f"growth_{number}"] = Series(
            "growth", 200, (2000, 20_000, 60_000)[number], runs(took)
        )
    for name, took in (("import_dlt", 1.0), ("help", 0.1), ("status", 1.2)):
        found[name] = Series(name, runs=[Run(took, took, None, None, None, 0)])
    return found


def result(**more: Any) -> dict[str, Any]:
    return as_result(contest(), FULL, 3, False) | more


def test_every_row_of_the_issue_has_a_figure() -> None:
    found = figures(result()["series"])
    assert [(figure.against, round(figure.value, 2), figure.is_met) for figure in found] == [
        ("dlt's rest_api source at 400 jobs", 25.0, True),
        ("dlt's rest_api source, parquet", 10.0, True),
        ("a sequential script with pandas", 3.33, True),
        ("the hand-written ceiling", 0.67, True),
        ("without latency", 0.92, True),
        ("without them", 0.5, False),
        ("as many of LlamaCloud", 1.25, True),
        ("as many of LlamaCloud", 0.5, False),
        ("2,000 jobs", 1.02, True),
        ("2,000 jobs", 1.8, False),
        ("a bare dlt pipeline that loads one row", 1.5, True),
        ("a bare dlt pipeline that loads one row", 1.7, False),
        ("the quickest of them", 1.4, True),
        ("`python -c 'import dlt'`", 0.1, True),
        ("`python -c 'import dlt'`", 1.2, True),
    ]


def test_every_series_is_in_a_figure() -> None:
    whole = result()["series"]
    assert set(whole) == {name for case in CASES.values() for name in case}
    for name in set(whole) - {"ours"}:
        without = {one: series for one, series in whole.items() if one != name}
        assert len(figures(without)) < len(figures(whole)), name


def test_a_part_of_the_cases_makes_a_part_of_the_table() -> None:
    some = {name: series for name, series in contest().items() if name in ("ours", "pandas")}
    text = table(as_result(some, FULL, 3, False))
    assert len(text.splitlines()) == 3
    assert "50,000 segments/s" in text
    assert "| 3.33 | at least 2.5 × | yes |" in text


def test_the_details_show_medians_and_the_spread() -> None:
    (ours,) = [line for line in details(result()).splitlines() if line.startswith("| docjobs | 2,")]
    assert ours == "| docjobs | 2,000 | 6.00 | 5.00–90.00 | 50,000 | 6.0 | 500 | 7 |"


def test_commands_alone_have_no_details() -> None:
    some = {name: series for name, series in contest().items() if name in CASES["startup"]}
    assert details(as_result(some, FULL, 1, False)) == ""


def test_a_result_survives_its_file() -> None:
    before = result()
    after = json.loads(json.dumps(before))
    assert summary(after) == summary(before)
    assert {"cores", "processor", "memory_gb", "python", "packages"} <= set(after["machine"])


def test_series_that_are_added_say_where_they_ran() -> None:
    kept, wanted = result(), CASES["providers"]
    for name in wanted:
        del kept["series"][name]
    more = result()
    more["series"] = {name: more["series"][name] for name in wanted}
    more["machine"] |= {"python": "3.99"}
    whole = added(kept, more)
    assert set(whole["series"]) == set(result()["series"])
    assert table(whole) == table(result())
    said = summary(whole).splitlines()
    assert "3.99" not in said[0]
    assert said[2].startswith("Added later, `ours_llamacloud`, `ours_reducto`")
    assert "Python 3.99" in said[2]
    with pytest.raises(ValueError, match="repeat: 4, where the file has 3"):
        added(kept, more | {"repeat": 4})


def test_a_system_that_tells_little_is_described_by_the_rest() -> None:
    found = result()
    found["machine"] |= {"memory_gb": None, "load_average": None}
    assert "None" not in summary(found)
    assert "load average" not in summary(found)


def test_the_short_mode_says_so() -> None:
    assert "short mode" in summary(result(is_quick=True))
    assert "short mode" not in summary(result())


def test_the_page_is_made_anew_between_its_markers() -> None:
    page = "# Title\n\n<!-- benchmark -->\nold\n<!-- /benchmark -->\n\nrest\n"
    renewed = with_result(page, result())
    assert renewed.startswith("# Title\n")
    assert renewed.endswith("\nrest\n")
    assert "old" not in renewed
    assert table(result()) in renewed
    assert with_result(renewed, result()) == renewed


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="0 parts"):
        with_result("# Title\n", result())


def test_the_page_shows_the_result_that_is_kept() -> None:
    kept = json.loads(RESULT.read_text("utf-8"))
    page = PAGE.read_text("utf-8")
    assert with_result(page, kept) == page, (
        "run `python -m benchmarks --write-docs docs/performance.json`"
    )


class Stage(Contest):
    """A contest whose contestants only say how much memory they would take."""

    def __init__(self, sizes: Sizes, folder: Path, mb_per_job: float) -> None:
        self.said: list[str] = []
        self.loaded: list[tuple[str, int]] = []
        self.mb_per_job = mb_per_job
        super().__init__(Server("http://127.0.0.1:9"), sizes, folder, self.said.append)

    def _load(self, name: str, jobs: int) -> Run:
        self.loaded.append((name, jobs))
        megabytes = 200 + self.mb_per_job * jobs if name == "rest_api" else 200
        if megabytes > 8 * 1024:
            raise DidNotFit("rest_api took more than 8 GB")
        return runs(1.0, megabytes=int(megabytes))[0]


@pytest.mark.parametrize(
    ("mb_per_job", "jobs"), [(1, 2000), (3.9, 2000), (4.3, 400), (10, 400), (21, 100)]
)
def test_a_rival_runs_at_the_largest_size_that_fits(
    tmp_path: Path, mb_per_job: float, jobs: int
) -> None:
    stage = Stage(FULL, tmp_path, mb_per_job)
    series = stage.run(["ours_ocr", "rest_api"], 3)["rest_api"]
    assert series.jobs == jobs
    assert len(series.runs) == 3
    assert stage.loaded[0] == ("rest_api", 100)


def test_a_rival_that_never_fits_ends_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(DidNotFit):
        Stage(FULL, tmp_path, 100).run(["rest_api"], 1)


def test_runs_are_interleaved(tmp_path: Path) -> None:
    stage = Stage(QUICK, tmp_path, 1)
    stage.run(["ours", "ceiling"], 2)
    assert [name for name, _ in stage.loaded] == ["ours", "ceiling"] * 2
    assert stage.said[0].startswith("ours 200 jobs (1 of 2): 1.00 s, 30,000 segments/s")


def test_the_command_line_knows_its_cases() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for case in CASES:
        assert case in said.stdout
