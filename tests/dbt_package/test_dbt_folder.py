"""Into which folder the package is written, and what is left alone there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from process_support import inside

from dlt_docjobs.cli import main
from dlt_docjobs.dbt import make_package, write_files
from dlt_docjobs.dbt.folder import MARKER
from dlt_docjobs.dbt.models import model_sql
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.views import VIEWS

OLD = {"a.sql": "select 1\n", "models/b.sql": "select 2\n", "models/gone.sql": "select 3\n"}
NEW = {"a.sql": "select 1\n", "models/b.sql": "select 20\n", "models/c.sql": "select 4\n"}


def texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file() and path.name != MARKER
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that does not exist yet, in one that does not exist either."""
    return tmp_path / "dbt" / "docjobs"


@pytest.fixture
def old(folder: Path) -> Path:
    """A folder into which an earlier version has written."""
    write_files(folder, OLD)
    return folder


def test_a_new_folder_gets_every_file(folder: Path) -> None:
    assert write_files(folder, OLD) == (list(OLD), [])
    assert texts(folder) == OLD


def test_a_rerun_writes_nothing(old: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in old.rglob("*")}
    assert write_files(old, OLD) == ([], [])
    assert {path: path.stat().st_mtime_ns for path in old.rglob("*")} == before


def test_an_upgrade_changes_adds_and_removes(old: Path) -> None:
    assert write_files(old, NEW) == (["models/b.sql", "models/c.sql"], ["models/gone.sql"])
    assert texts(old) == NEW
    assert write_files(old, NEW) == ([], [])


def test_a_file_that_was_deleted_is_written_again(old: Path) -> None:
    (old / "a.sql").unlink()
    assert write_files(old, OLD) == (["a.sql"], [])


def test_what_dbt_makes_there_is_left(old: Path) -> None:
    for name in ("target", "logs", "dbt_packages"):
        (old / name).mkdir()
        (old / name / "x.sql").write_text("anything")
    write_files(old, NEW)
    assert (old / "target" / "x.sql").exists()


def test_other_ends_of_lines_are_no_change(old: Path) -> None:
    """Git may have put them there."""
    for path in old.rglob("*.sql"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert write_files(old, NEW).removed == ["models/gone.sql"]


def test_a_run_that_was_cut_off_is_gone_on_with(old: Path) -> None:
    (old / "models" / "b.sql").write_text(NEW["models/b.sql"])
    (old / "models" / "c.sql").write_text(NEW["models/c.sql"])
    write_files(old, NEW)
    assert texts(old) == NEW
    (old / MARKER).unlink()
    assert write_files(old, NEW) == ([], [])
    assert (old / MARKER).exists()


def edited(folder: Path) -> None:
    (folder / "models" / "b.sql").write_text("select 'mine'\n")


def added(folder: Path) -> None:
    (folder / "models" / "mine.sql").write_text("select 'mine'\n")


def binary(folder: Path) -> None:
    (folder / "a.sql").write_bytes(b"\xff\xfe")


def linked(folder: Path) -> None:
    (folder / "models" / "gone.sql").unlink()
    (folder / "models" / "gone.sql").symlink_to(folder.parent.parent / "treasure")


def linked_folder(folder: Path) -> None:
    elsewhere = folder.parent.parent / "elsewhere"
    (folder / "models").rename(elsewhere)
    (folder / "models").symlink_to(elsewhere)


def without_marker(folder: Path) -> None:
    (folder / MARKER).unlink()


def odd_marker(folder: Path) -> None:
    (folder / MARKER).write_text('["models/b.sql"]')


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (edited, "models/b.sql"),
        (added, "models/mine.sql"),
        (binary, "a.sql"),
        (linked, "models/gone.sql"),
        (linked_folder, "models"),
        (without_marker, "models/gone.sql"),
        (odd_marker, "models/gone.sql"),
    ],
)
def test_what_is_not_ours_stays_and_so_does_everything(
    change: Callable[[Path], None], named: str, old: Path
) -> None:
    (old.parent.parent / "treasure").write_text("kept")
    change(old)
    names = sorted(path.relative_to(old).as_posix() for path in old.rglob("*"))
    with pytest.raises(UsageError, match=named):
        write_files(old, NEW)
    assert sorted(path.relative_to(old).as_posix() for path in old.rglob("*")) == names
    assert (old.parent.parent / "treasure").read_text() == "kept"


def test_a_folder_of_somebody_elses(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.sql").write_text("select 1")
    with pytest.raises(UsageError, match=r"holds no package of ours \(0.sql.*and 2 more\)"):
        write_files(tmp_path, OLD)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="file"):
            write_files(place, OLD)


# -- the command --------------------------------------------------------------------------------


def run(folder: Path, *args: str) -> int:
    with inside(folder, {"PATH": ""}):
        return main(["dbt", *args])


def test_the_command_writes_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "package") == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.splitlines()[1] == (
        "in your project's packages.yml: `- local: package`, then `dbt deps`"
    )
    assert texts(tmp_path / "package") == make_package("duckdb", "docjobs")
    assert run(tmp_path, "package") == 0
    assert capsys.readouterr().out == "package is up to date: a dbt package for duckdb\n"
    # nothing is connected to, so no warehouse is made
    assert [path.name for path in tmp_path.iterdir()] == ["package"]


@pytest.mark.parametrize(
    ("args", "dialect"),
    [
        (["--destination", "postgres"], "postgres"),
        (["--destination", "motherduck"], "duckdb"),
        # without its driver, and with a name that DuckDB's file bears
        (["--dialect", "snowflake", "--dataset", "warehouse"], "snowflake"),
        (["--destination", "postgres", "--dialect", "redshift"], "redshift"),
    ],
)
def test_for_which_dialect(args: list[str], dialect: str, tmp_path: Path) -> None:
    assert run(tmp_path, "package", *args) == 0
    written = texts(tmp_path / "package")
    assert f"`docjobs dbt` wrote it for {dialect}," in written["README.md"]
    assert written["models/jobs_open.sql"] == model_sql(VIEWS["jobs_open"], dialect)
    dataset = "warehouse" if "--dataset" in args else "docjobs"
    assert f"docjobs_schema: {dataset}\n" in written["dbt_project.yml"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["p", "--destination", "filesystem"], "keeps files or documents and has no views"),
        (["p", "--dataset", "Doc Jobs"], "--dataset is lower-case letters"),
        (["p", "--dialect", "oracle"], "invalid choice: 'oracle'"),
        ([], "required: DIR"),
        (["full"], "full is not empty"),
    ],
)
def test_what_cannot_be_is_2_and_writes_nothing(
    args: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    assert run(tmp_path, *args) == 2
    captured = capsys.readouterr()
    assert said in captured.err and captured.out == ""
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["full", "mine.txt"]
