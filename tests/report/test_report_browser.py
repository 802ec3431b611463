"""The page in a real browser: every chart is drawn, nothing is complained of, nothing overflows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from browser_support import Browser, Tab
from report_support import full_facts, loaded
from views_support import MakeWarehouse, Warehouse

from dlt_docjobs.report import write_report
from dlt_docjobs.report.page import make_page

WIDTHS = (390, 820, 1440)
SCHEMES = ("light", "dark")
PAPER = 715
CUT = """[...document.querySelectorAll('.scroll, .excerpt')].filter((one) => one.checkVisibility()
  && (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1)
).map((one) => one.innerText.slice(0, 60))"""
# cells that are nowhere, or stand out of the paper
UNSEEN = """[...document.querySelectorAll('td, th')].filter((cell) => {
  const box = cell.getBoundingClientRect();
  return !cell.closest('details')
    && (box.width < 5 || box.height < 5 || box.left < 0 || box.right > %d);
}).map((cell) => cell.innerText)"""
DRAWN = "document.documentElement.dataset.charts === 'done'"
COLOURS = """(() => {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(%s.map((name) => [name, style.getPropertyValue('--' + name).trim()]));
})()"""


def make_report(warehouse: Warehouse, folder: Path) -> Path:
    path = folder / "report.html"
    write_report(warehouse.destination, warehouse.dataset, path)
    return path


# words in the cells of tables that stand on more than one line; names may be broken anywhere
BROKEN_WORDS = r"""(() => {
  const broken = [];
  for (const cell of document.querySelectorAll('td, thead th')) {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      if (texts.currentNode.parentElement.closest('bdi, details')) continue;
      for (const word of texts.currentNode.data.matchAll(/[\w:.]+/g)) {
        const range = document.createRange();
        range.setStart(texts.currentNode, word.index);
        range.setEnd(texts.currentNode, word.index + word[0].length);
        if (new Set([...range.getClientRects()].map((one) => one.top)).size > 1) {
          broken.push(word[0]);
        }
      }
    }
  }
  return broken;
})()"""


@pytest.fixture(scope="module")
def report(lived: dict[str, Warehouse], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_report(lived["postgres"], tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def attack(nasty: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_report(nasty, tmp_path_factory.mktemp("attack"))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a row in every list, and in each a text that can't be broken between words."""
    path = tmp_path_factory.mktemp("full") / "report.html"
    path.write_text(make_page(full_facts(f"A name and {'unbroken' * 20}")), "utf-8")
    return path


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[Any]:
    tabs: list[Tab] = []

    def open_(path: Path, width: int = 1440, scheme: str = "light") -> Tab:
        tab = Tab(browser, width, 900, scheme)
        tabs.append(tab)
        tab.open(path)
        return tab

    yield open_
    for tab in tabs:
        tab.close()


@pytest.mark.parametrize(("width", "scheme"), list(product(WIDTHS, SCHEMES)))
def test_every_chart_is_drawn(
    width: int, scheme: str, report: Path, open_tab: Any, tmp_path: Path
) -> None:
    tab = open_tab(report, width, scheme)
    tab.wait_until(DRAWN)
    assert tab.complaints == []
    assert tab.requests == [report.as_uri()], "the page itself, and nothing else"
    charts = tab.evaluate(
        """[...document.querySelectorAll('.chart')].map((chart) => ({
          id: chart.id,
          state: chart.dataset.state,
          marks: chart.querySelectorAll('svg .role-mark path, svg .role-mark text').length,
          wide: chart.querySelector('svg')?.getBoundingClientRect().width,
          room: chart.getBoundingClientRect().width,
          small: Math.min(...[...chart.querySelectorAll('svg text')].map(
            (text) => parseFloat(getComputedStyle(text).fontSize))),
          out: [...chart.querySelectorAll('svg text')].filter((text) => {
            const [inner, outer] = [text, chart].map((one) => one.getBoundingClientRect());
            const is_out = inner.left < outer.left - 1 || inner.right > outer.right + 9;
            return text.textContent && is_out;
          }).map((text) => text.textContent),
        }))"""
    )
    assert len(charts) >= 8
    for chart in charts:
        assert chart["state"] == "drawn", chart
        assert chart["marks"] > 0, chart
        assert 0 < chart["wide"] <= chart["room"] + 1, chart
        assert chart["small"] >= 11, chart
        assert chart["out"] == [], chart
    assert tab.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out"
    assert tab.evaluate(BROKEN_WORDS) == []
    picture = tmp_path / "page.png"
    tab.screenshot(picture)
    assert picture.stat().st_size > 50_000


@pytest.mark.parametrize("scheme", SCHEMES)
def test_texts_stand_out_from_what_is_behind_them(scheme: str, report: Path, open_tab: Any) -> None:
    """WCAG AA: 4.5 for text, 3 for what is drawn."""
    tab = open_tab(report, scheme=scheme)
    texts = {
        "card": ("text", "muted", "accent"),
        "page": ("text", "muted", "accent"),
        "good-back": ("good",),
        "warn-back": ("warn",),
    }
    drawn = (*(f"series-{place}" for place in range(8)), "warn", "accent")
    names = sorted({*texts, *drawn, *(name for of in texts.values() for name in of)})
    colours = tab.evaluate(COLOURS % json.dumps(names))
    for back, fronts in texts.items():
        for front in fronts:
            ratio = contrast(colours[back], colours[front])
            assert ratio >= 4.5, (scheme, front, back, ratio)
    strongest = mixed(colours["accent"], colours["card"], 0.5)
    assert contrast(strongest, colours["text"]) >= 4.5, (scheme, "numbers of the status flow")
    for front in drawn:
        assert contrast(colours["card"], colours[front]) >= 3, (scheme, front)


def mixed(front: str, back: str, opacity: float) -> str:
    pairs = (
        (int(front[place : place + 2], 16), int(back[place : place + 2], 16)) for place in (1, 3, 5)
    )
    return "#" + "".join(
        f"{round(opacity * one + (1 - opacity) * other):02x}" for one, other in pairs
    )


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_light_and_dark_are_the_readers_choice(report: Path, open_tab: Any) -> None:
    backs = [
        open_tab(report, scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in SCHEMES
    ]
    assert backs == ["rgb(245, 246, 248)", "rgb(18, 22, 29)"]
    bars = [
        open_tab(report, scheme=scheme).evaluate(
            """new Promise((done) => { const look = () => {
              const bar = document.querySelector('#jobs-by-day .role-mark path');
              if (bar) done(getComputedStyle(bar).fill); else setTimeout(look, 50);
            }; look(); })"""
        )
        for scheme in SCHEMES
    ]
    assert bars[0] != bars[1], "the charts too"


def test_the_keyboard_comes_first_to_the_content(report: Path, open_tab: Any) -> None:
    tab = open_tab(report)
    tab.wait_until(DRAWN)

    def press(key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            code = {"Tab": 9, "Enter": 13}[key]
            text = "\r" if key == "Enter" and kind == "keyDown" else ""
            tab.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                text=text,
            )

    press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    assert tab.evaluate("document.activeElement.getBoundingClientRect().height") > 20, "it shows"
    press("Enter")
    tab.wait_until("document.activeElement.id === 'main'")
    reached = []
    for _ in range(6):
        press("Tab")
        reached.append(tab.evaluate("document.activeElement.hash"))
    assert reached == ["#sync", *["#trouble"] * 4, "#quality"], "what is to be known first"
    tab.evaluate("document.querySelector('#days').setAttribute('tabindex', '-1')")
    tab.evaluate("document.querySelector('#days').focus()")
    press("Tab")
    focused = tab.evaluate("document.activeElement.tagName")
    assert focused == "SUMMARY", "the tables beneath the charts open with the keyboard"


def test_it_prints_in_dark_ink_on_white(report: Path, open_tab: Any, tmp_path: Path) -> None:
    tab = open_tab(report, scheme="dark")
    tab.wait_until(DRAWN)
    on_paper(tab)
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert tab.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    tab.print_to(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_on_paper_everything_is_there_and_can_be_read(report: Path, open_tab: Any) -> None:
    tab = open_tab(report)
    tab.wait_until(DRAWN)
    on_paper(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= PAPER
    assert tab.evaluate(CUT) == []
    assert tab.evaluate(BROKEN_WORDS) == []
    # drawn for the screen, and hardly smaller here
    scales = """[...document.querySelectorAll('.chart svg')].map((one) =>
      one.getBoundingClientRect().width / one.viewBox.baseVal.width)"""
    assert min(tab.evaluate(scales)) > 0.7


def test_on_paper_every_cell_of_every_table_can_be_seen(full: Path, open_tab: Any) -> None:
    tab = open_tab(full)
    on_paper(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= PAPER
    assert tab.evaluate(CUT) == []
    assert tab.evaluate(UNSEEN % PAPER) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_widest_lists_stay_within_the_page(width: int, full: Path, open_tab: Any) -> None:
    tab = open_tab(full, width)
    assert tab.complaints == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("document.querySelectorAll('.list').length") == 10
    assert tab.evaluate("document.querySelectorAll('.excerpt td').length") == 48


def test_on_a_phone_every_cell_stands_in_its_list_with_its_title(full: Path, open_tab: Any) -> None:
    tab = open_tab(full, 390)
    # the rows of a document's table scroll, those of a list do not
    outside = """[...document.querySelectorAll('.list > tbody > tr > *')].filter((cell) => {
      const [inner, outer] = [cell, cell.closest('.scroll')].map(
        (one) => one.getBoundingClientRect());
      return inner.width < 20 || inner.left < outer.left - 1 || inner.right > outer.right + 1;
    }).map((cell) => cell.innerText)"""
    assert tab.evaluate(outside) == []
    wide = """[...document.querySelectorAll('.scroll')].filter(
      (one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.innerText.slice(0, 60))"""
    assert tab.evaluate(wide) == []
    untitled = """[...document.querySelectorAll('.list > tbody > tr > td')].filter((cell) =>
      !cell.dataset.title
      || getComputedStyle(cell, '::before').content !== JSON.stringify(cell.dataset.title)
    ).map((cell) => cell.innerText)"""
    assert tab.evaluate(untitled) == []


def test_a_stacked_list_is_a_table_to_a_screen_reader(full: Path, open_tab: Any) -> None:
    tab = open_tab(full, 390)
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
    assert roles.count("table") >= 10
    assert roles.count("columnheader") > 50
    assert roles.count("rowheader") >= 10


def on_paper(tab: Tab) -> None:
    """Lays the page out as it is printed, for a reader who likes it dark."""
    # the inside of a Letter or A4 page
    tab.call(
        "Emulation.setDeviceMetricsOverride",
        width=PAPER,
        height=980,
        deviceScaleFactor=1,
        mobile=False,
    )
    tab.call(
        "Emulation.setEmulatedMedia",
        media="print",
        features=[{"name": "prefers-color-scheme", "value": "dark"}],
    )


def test_a_list_that_goes_on_has_a_shadow_where_it_is_cut(report: Path, open_tab: Any) -> None:
    """Many systems show no scroll bar until one scrolls."""
    tab = open_tab(report, 390)
    tab.wait_until(DRAWN)
    tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    shadows = """[...document.querySelectorAll('.scroll')].filter(
      (one) => one.checkVisibility() && one.scrollWidth > one.clientWidth
    ).map((one) => getComputedStyle(one).backgroundAttachment.split(', ').includes('local'))"""
    found = tab.evaluate(shadows)
    assert len(found) > 3
    assert all(found)


def test_attacks_in_texts_do_nothing(attack: Path, open_tab: Any) -> None:
    tab = open_tab(attack)
    tab.wait_until(DRAWN)
    assert tab.complaints == []
    assert tab.requests == [attack.as_uri()]
    assert tab.evaluate("typeof window.pwned") == "undefined"
    assert tab.evaluate("document.images.length") == 0
    assert tab.evaluate("document.querySelectorAll('.chart[data-state=drawn]').length") >= 4


def test_a_script_that_got_in_would_not_run(report: Path, open_tab: Any, tmp_path: Path) -> None:
    """The policy is a second wall behind the escaping, and one that reports."""
    broken = tmp_path / "broken.html"
    text = report.read_text("utf-8").replace("<h1>", "<script>window.pwned = 1</script><h1>")
    broken.write_text(
        text.replace("<h2 ", '<img src="https://example.invalid/x.png" alt=""><h2 ', 1), "utf-8"
    )
    tab = open_tab(broken)
    tab.wait_until(DRAWN)
    assert tab.evaluate("typeof window.pwned") == "undefined"
    said = " ".join(tab.complaints)
    assert "script-src" in said
    assert "img-src" in said


def test_an_empty_page_is_no_trouble(
    make_warehouse: MakeWarehouse, open_tab: Any, tmp_path: Path
) -> None:
    tab = open_tab(make_report(loaded(make_warehouse("duckdb")), tmp_path), 390)
    assert tab.complaints == []
    assert "Nothing here yet" in tab.evaluate("document.body.innerText")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
