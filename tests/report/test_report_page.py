"""The page as text: nothing breaks out of it, nothing leads out of it, everything is labelled."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from report_support import NASTY, Element, loaded, nasty_rows, read_page, table_of
from views_support import MakeWarehouse, Warehouse, job, segment

from dlt_docjobs.report import ReportRefused, write_report

LIMIT = 2_000_000


def written(warehouse: Warehouse, folder: Path, **options: Any) -> str:
    path = folder / "report.html"
    outcome = write_report(warehouse.destination, warehouse.dataset, path, **options)
    assert outcome.path == path
    assert outcome.size == path.stat().st_size
    assert outcome.warning is None
    assert [file.name for file in folder.iterdir()] == ["report.html"], "no draft is left"
    return path.read_text("utf-8")


@pytest.fixture(scope="module")
def nasty_text(nasty: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(nasty, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def tree(nasty_text: str) -> Element:
    return read_page(nasty_text)


@pytest.fixture(scope="module")
def lived_text(lived: dict[str, Warehouse], tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(lived["duckdb"], tmp_path_factory.mktemp("page"))


# -- what a document, a name or a message can do --------------------------------------------------


def test_texts_stay_texts(nasty_text: str, tree: Element) -> None:
    assert "window.pwned" in nasty_text, "the attack is on the page"
    scripts = tree.all("script")
    assert [script for script in scripts if "pwned" in script.text] == []
    assert tree.all("img") == []
    assert NASTY not in nasty_text


def test_every_text_is_shown_whole(tree: Element) -> None:
    """Escaped, not dropped: a person has to know the file by its name."""
    name = " ".join(NASTY.split())
    pages = table_of(tree, "pages")
    assert [row[0] for row in pages] == [name] * 3
    assert pages[0][4].startswith("the page failed : </script><script>")
    doubtful = table_of(tree, "doubtful")
    assert doubtful[0][0] == name
    assert doubtful[0][5] == name
    assert table_of(tree, "failures")[0][0] == name
    assert table_of(tree, "risk")[0][0] == f"risky {name}"
    assert table_of(tree, "open")[0][0] == f"open {name}"
    assert any(name in " ".join(row) for row in table_of(tree, "runs"))


def test_the_charts_json_can_not_end_its_script(
    make_warehouse: MakeWarehouse, tmp_path: Path
) -> None:
    """A type or status that nobody has thought of is as much the provider's as a name is."""
    rows = nasty_rows()
    rows["segments"] += [segment("good", 9, segment_type=NASTY, confidence_level=NASTY)]
    rows["jobs"] += [job("other", provider=NASTY, status=NASTY)]
    text = written(loaded(make_warehouse("duckdb"), **rows), tmp_path)
    specs = [script for script in read_page(text).all("script") if script.attributes.get("id", "")]
    assert len(specs) > 5
    parsed = [json.loads("".join(script.texts)) for script in specs]
    assert any(NASTY in json.dumps(spec, ensure_ascii=False).replace('\\"', '"') for spec in parsed)
    for script in specs:
        assert re.search("[<>&]", "".join(script.texts)) is None


def test_excerpts_can_be_left_out(nasty: Warehouse, tmp_path: Path) -> None:
    tree = read_page(written(nasty, tmp_path, include_text=False))
    assert {len(row) for row in table_of(tree, "doubtful")} == {5}
    others = [cell for row in table_of(tree, "doubtful") for cell in row[1:]]
    assert "window.pwned" not in " ".join(others)


# -- offline --------------------------------------------------------------------------------------


def test_the_policy_lets_only_the_pages_own_scripts_run(lived_text: str) -> None:
    tree = read_page(lived_text)
    (meta,) = tree.all("meta", **{"http-equiv": "Content-Security-Policy"})
    policy = dict(part.split(" ", 1) for part in meta.attributes["content"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["style-src"] == "'unsafe-inline'"
    assert policy["img-src"] == "data:"
    run = [script for script in tree.all("script") if "type" not in script.attributes]
    hashes = [
        "'sha256-"
        + base64.b64encode(hashlib.sha256("".join(script.texts).encode()).digest()).decode()
        + "'"
        for script in run
    ]
    assert len(hashes) == 2
    assert policy["script-src"].split() == hashes
    assert meta.parent is not None
    assert meta.parent.children.index(meta) == 1, "before everything that it is to hold"


def test_nothing_on_the_page_leads_to_a_network(lived_text: str) -> None:
    for element in read_page(lived_text).all():
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = element.attributes.get(name, "")
            assert value.startswith(("#", "data:,")) or not value, (element.tag, value)
        assert not any(name.startswith("on") for name in element.attributes), element.tag
    assert "@import" not in lived_text and "url(" not in lived_text.split("</style>")[0]


def test_the_page_is_small(lived_text: str) -> None:
    assert len(lived_text.encode()) < LIMIT


@pytest.mark.slow
def test_the_page_does_not_grow_with_the_segments(
    make_warehouse: MakeWarehouse, tmp_path: Path
) -> None:
    sizes = []
    for number in (200, 20_000):
        warehouse = make_warehouse("duckdb")
        rows = [
            segment("job", place, confidence=place % 100 / 100, content="word " * 100)
            for place in range(number)
        ]
        folder = tmp_path / str(number)
        folder.mkdir()
        sizes.append(len(written(loaded(warehouse, jobs=[job("job")], segments=rows), folder)))
    assert abs(sizes[1] - sizes[0]) < 2_000


# -- for those who do not see it, or have no mouse ------------------------------------------------


def test_every_chart_has_words_and_a_table(lived_text: str) -> None:
    tree = read_page(lived_text)
    charts = tree.all("div", **{"class": "chart"})
    assert len(charts) >= 8
    for chart in charts:
        assert chart.attributes["role"] == "img"
        assert len(chart.attributes["aria-label"]) > 20
        assert chart.parent is not None
        assert chart.parent.tag == "figure"
        (table,) = chart.parent.all("table")
        assert len(table.rows()) > 0
        assert all(cell.attributes["scope"] == "col" for cell in table.all("thead")[0].all("th"))


def test_the_table_beneath_a_chart_has_its_numbers(lived_text: str) -> None:
    tree = read_page(lived_text)
    (spec,) = tree.all("script", id="jobs-by-day-spec")
    parsed = json.loads("".join(spec.texts))
    values = parsed["datasets"][parsed["data"]["name"]]
    figure = spec.parent
    assert figure is not None
    shown = [(row[0], row[1], int(row[2])) for row in figure.all("table")[0].rows()]
    assert shown == [(row["day"], row["provider"], row["jobs"]) for row in values]


def test_landmarks_headings_and_labels(lived_text: str) -> None:
    tree = read_page(lived_text)
    (html,) = tree.all("html")
    assert html.attributes["lang"] == "en"
    for tag in ("header", "nav", "main", "footer", "h1", "title"):
        assert len(tree.all(tag)) == 1, tag
    headings = [int(one.tag[1]) for one in tree.all() if re.fullmatch("h[1-6]", one.tag)]
    assert headings[0] == 1
    steps = pairwise(headings)
    assert all(after - before <= 1 for before, after in steps), "no level is left out"
    ids = [one.attributes["id"] for one in tree.all() if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    for element in tree.all():
        for name in ("aria-labelledby", "href"):
            value = element.attributes.get(name, "")
            if name == "aria-labelledby" or value.startswith("#"):
                assert not value or value.lstrip("#") in ids, value
        if element.attributes.get("role") == "region":
            assert element.attributes["tabindex"] == "0", "scrolls with the keyboard"
    for table in tree.all("table"):
        assert table.parent is not None
        if table.parent.attributes["class"] == "excerpt":
            # a document's own, of which nobody knows what its headers head
            assert table.parent.attributes["aria-label"]
            continue
        assert len(table.all("caption")) == 1
        theirs = [cell for one in table.all("div", **{"class": "excerpt"}) for cell in one.all()]
        assert all("scope" in cell.attributes or cell in theirs for cell in table.all("th"))


def test_long_lists_say_what_they_leave_out(make_warehouse: MakeWarehouse, tmp_path: Path) -> None:
    rows = [job(f"job-{number}", results_state="pending") for number in range(1234)]
    tree = read_page(written(loaded(make_warehouse("duckdb"), jobs=rows), tmp_path))
    assert len(table_of(tree, "risk")) == 50
    (caption,) = tree.all("caption", id="risk-caption")
    assert "50 of 1,234 results" in caption.text


def test_times_say_that_they_are_utc(lived_text: str) -> None:
    tree = read_page(lived_text)
    assert "all times are UTC" in tree.all("header")[0].text
    heads = {cell.text for cell in tree.all("th", scope="col")}
    assert {"Last run, UTC", "Finished, UTC", "Last, UTC"} <= heads


# -- nothing to show ------------------------------------------------------------------------------


def test_an_empty_dataset_makes_a_friendly_page(
    make_warehouse: MakeWarehouse, tmp_path: Path
) -> None:
    text = written(loaded(make_warehouse("duckdb")), tmp_path)
    tree = read_page(text)
    assert "Nothing here yet" in tree.text
    assert "docjobs sync" in tree.text
    assert tree.all("script") == [], "there is nothing to draw"
    assert len(text) < 30_000


def test_nothing_synced_is_refused(make_warehouse: MakeWarehouse, tmp_path: Path) -> None:
    warehouse = make_warehouse("duckdb")
    with pytest.raises(ReportRefused, match="run `docjobs sync` first"):
        write_report(warehouse.destination, "docjobs", tmp_path / "report.html")


def test_a_file_that_can_not_be_written_is_said(nasty: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(ReportRefused, match="can't be written"):
        write_report(nasty.destination, nasty.dataset, tmp_path / "not there" / "report.html")
