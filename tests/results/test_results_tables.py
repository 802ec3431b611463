"""Tables in HTML and Markdown as cells, whatever state they are in."""

from __future__ import annotations

import contextlib
import html
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlt_docjobs.results.grid import Cell, TangledTable
from dlt_docjobs.results.html_tables import html_cells
from dlt_docjobs.results.markdown_tables import markdown_cells


def placed(cells: list[Cell]) -> dict[tuple[int, int], str]:
    return {(cell.row, cell.column): cell.text for cell in cells}


def spans(cells: list[Cell]) -> dict[str, tuple[int, int]]:
    return {cell.text: (cell.row_span, cell.column_span) for cell in cells}


# -- HTML: where cells stand --------------------------------------------------------------------


def test_a_spanning_cell_stands_once_and_moves_the_others() -> None:
    cells = html_cells(
        "<table><tr><td rowspan=2>a</td><td colspan='2'>b</td></tr>"
        '<tr><td>c</td><td colspan="1">d</td></tr></table>'
    )
    assert placed(cells) == {(0, 0): "a", (0, 1): "b", (1, 1): "c", (1, 2): "d"}
    assert spans(cells) == {"a": (2, 1), "b": (1, 2), "c": (1, 1), "d": (1, 1)}


def test_headers_are_those_in_thead_and_th() -> None:
    cells = html_cells(
        "<table><thead><tr><td>a</thead><tbody><tr><th>b<td>c</tbody><tfoot><tr><td>d</table>"
    )
    assert {cell.text: cell.is_header for cell in cells} == {
        "a": True,
        "b": True,
        "c": False,
        "d": False,
    }


def test_a_row_span_ends_with_its_rows() -> None:
    rows = "<tr><td rowspan={}>a<td>b<tr><td>c"
    for asked in (0, 2, 3, 65535, 10**12):
        body = f"<tbody>{rows.format(asked)}</tbody><tr><td>d"
        cells = html_cells(f"<table>{body}</table>")
        assert spans(cells)["a"] == (2, 1), asked
        assert placed(cells) == {(0, 0): "a", (0, 1): "b", (1, 1): "c", (2, 0): "d"}


@pytest.mark.parametrize(
    ("written", "span"),
    [
        *(("colspan=3", 3), ("COLSPAN='3'", 3), ('colspan = " 3"', 3), ("colspan=3px", 3)),
        *(("colspan=0", 1), ("colspan=-2", 1), ("colspan=x", 1), ("colspan", 1), ("colspan=", 1)),
        *(("colspan=1001", 1000), (f"colspan={'9' * 5000}", 1000), ("colspan=&#50;", 2)),
        *(("colspan=2 colspan=3", 2), ("title='colspan=3'", 1), ('data-colspan="3"', 1)),
    ],
)
def test_a_column_span_is_read_as_browsers_do(written: str, span: int) -> None:
    (cell,) = html_cells(f"<table><tr><td {written}>a</table>")
    assert cell.column_span == span


def test_spans_that_overlap_still_give_each_cell_a_place_of_its_own() -> None:
    cells = html_cells(
        "<table><tr><td>a<td rowspan=3>b<td>c<tr><td colspan=3>d<td>e<tr><td>f<td>g</table>"
    )
    assert placed(cells) == {
        **{(0, 0): "a", (0, 1): "b", (0, 2): "c"},
        **{(1, 0): "d", (1, 3): "e"},
        **{(2, 0): "f", (2, 2): "g"},
    }


def test_pieces_of_a_table_follow_each_other() -> None:
    cells = html_cells(
        "<table><tr><td rowspan=9>a</table> and <table><tr><td>b</table><tr><td>c<tr><td>d"
    )
    assert placed(cells) == {(0, 0): "a", (1, 0): "b", (2, 0): "c", (3, 0): "d"}


def test_a_table_in_a_cell_is_text_of_the_cell() -> None:
    inner = "<table><tr><td>b</td><th>c</th></tr><tr><td>d</table>"
    cells = html_cells(f"<table><tr><td>a{inner}e</td><td>f</td></tr></table>")
    assert placed(cells) == {(0, 0): "a\nb c\nd\ne", (0, 1): "f"}


@pytest.mark.parametrize(
    "malformed",
    [
        "<table><tr><td>a<td>b<tr><td>c",
        "<td>a<td>b<tr><td>c",
        "<table><td>a</td><td>b</td></tr><tr></td><td>c</th></tr></tr></table></table>",
        "<table><tbody><td>a<td>b</tbody></thead><tr><td>c<!-- <td>d",
        "<TABLE><TR><TD class=\"x>y\">a</TD><TD title='<td>z'>b</TD><TR><TD>c<td",
        "<table><tr><td>a<!---->\n<td>b<!-- - > <td>x --><?xml <td ?><tr><td>c<![CDATA[",
        '<table><tr><td>a<td>b<tr><td>c<td title="unclosed>d</td></tr></table>',
        "<table>x<caption>y</caption><tr>z<td>a<td>b</tr>x<tr><td>c</tr>x</table>x",
        "<table><tr><td>a<script>'<td>d'</script><td>b<style></table></style><tr><td>c<script><td>",
    ],
)
def test_malformed_html_gives_the_cells_that_can_be_told(malformed: str) -> None:
    found = {place: text for place, text in placed(html_cells(malformed)).items() if text}
    assert found == {(0, 0): "a", (0, 1): "b", (1, 0): "c"}


# -- HTML: what they say ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (" a \n\t b ", "a b"),
        ("a<br>b<br/>\n c<p>d</p><p>e</p>", "a\nb\nc\nd\ne"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("1<sup>2</sup>3 <b> x</b> y", "123 x y"),
        ("R&amp;D &lt;b&gt; &#8364;&#x20ac; caf&eacute; &amp;lt;", "R&D <b> €€ café &lt;"),
        ("&bogus; & &; &#; &#x; a&b", "&bogus; & &; &#; &#x; a&b"),
        ("1&nbsp;000", "1\xa0000"),
        ("a < b > c <3", "a < b > c <3"),
        (f"&#{'9' * 5000};", html.unescape("&#999999999") + "9" * 4991 + ";"),
        ("", ""),
    ],
)
def test_a_cell_s_text_is_what_a_reader_sees(sent: str, text: str) -> None:
    (cell,) = html_cells(f"<table><tr><td>{sent}</td></tr></table>")
    assert cell.text == text


# -- HTML: what somebody may have made on purpose -----------------------------------------------

HOSTILE = [
    *("<!", "<!--", "<a", "<a ", '<td a="', "</", "&", "&#9", "<?", "<![", "<td a='", "<script>"),
    *("<table><tr><td>", "<td a= ", "<td " + "a" * 9, "<td>&#" + "9" * 50, "<td>" + " " * 20),
    *("<td colspan=1000 rowspan=65535>x", "<tr><td rowspan=0>x", "<td rowspan=3>x<tr>", "<tr>"),
    "<td rowspan=0 colspan=1000>x<tr><td>y",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_html_takes_time_in_proportion_to_its_length(unit: str) -> None:
    def seconds(length: int) -> float:
        started = time.process_time()
        with contextlib.suppress(TangledTable):
            html_cells(unit * (length // len(unit)))
        return time.process_time() - started

    # a quadratic one would take 64 times as long; nothing is measured where nothing is slow
    assert seconds(40_000) < max(0.5, 24 * seconds(5_000))


def test_huge_spans_take_no_room() -> None:
    row = "<tr>" + "<td rowspan=65534 colspan=1000>x" * 200
    cells = html_cells(f"<table>{row * 20}</table>")
    assert len(cells) == 4000
    assert {cell.row_span for cell in cells} == set(range(1, 21))
    assert max(cell.column for cell in cells) == 3_999_000


def test_spans_that_lie_across_each_other_without_end_are_given_up() -> None:
    stairs = "".join(f"<td rowspan={900 - at}>" for at in range(600))
    with pytest.raises(TangledTable):
        html_cells(f"<table><tr>{stairs}{'<tr><td>x' * 600}")


# -- Markdown -----------------------------------------------------------------------------------


def markdown(*lines: str) -> list[list[str]]:
    rows: list[list[str]] = []
    for cell in markdown_cells("\n".join(lines)):
        if cell.column == 0:
            rows.append([])
        rows[cell.row].append(cell.text)
    return rows


def test_a_markdown_table_has_its_header_above_the_alignment_row() -> None:
    cells = markdown_cells("| a | b |\n|:--|--:|\n| c | d |\r\n")
    assert placed(cells) == {(0, 0): "a", (0, 1): "b", (1, 0): "c", (1, 1): "d"}
    assert [cell.is_header for cell in cells] == [True, True, False, False]


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        (["a | b", "-|-", "c | d"], [["a", "b"], ["c", "d"]]),
        (["|a|b|", "|---|---|", "|c|", "|d|e|f|"], [["a", "b"], ["c"], ["d", "e", "f"]]),
        (["| a |", "| - |", "| - |", "| --- |"], [["a"], ["-"], ["---"]]),
        (["| | b |", "|---|---|", "| c | |"], [["", "b"], ["c", ""]]),
        (["Table 1: x", "| a |", "|---|", "| b |", "", "Source: | y"], [["a"], ["b"]]),
        (["| a |", "|---|", "| b |", "# head", "text"], [["a"], ["b"]]),
        (["| a |", "|---|", "", "| b |", "", "| c |", "|---|", "| d |"], [[c] for c in "abcd"]),
        (["|---|---|", "| a | b |"], [["a", "b"]]),
        (["| a \\| b | `c\\|d` |", "|---|---|"], [["a | b", "`c|d`"]]),
        (["| a<br>b<br/> c | \\\\ |", "|---|---|"], [["a\nb\nc", "\\\\"]]),
        (["no table", "---", "text | with a pipe", "", "- list"], []),
        ([""], []),
    ],
)  # fmt: skip
def test_markdown_tables_are_read_as_they_are_written(
    lines: list[str], rows: list[list[str]]
) -> None:
    assert markdown(*lines) == rows


@pytest.mark.parametrize(
    "unit", ["| ", "|-", "|\n", "a|b\n-|-\n", "|\\", "| : - : ", " <br", "|-|"]
)
def test_hostile_markdown_takes_time_in_proportion_to_its_length(unit: str) -> None:
    def seconds(length: int) -> float:
        started = time.process_time()
        markdown_cells(unit * (length // len(unit)))
        return time.process_time() - started

    assert seconds(40_000) < max(0.5, 24 * seconds(5_000))


# -- any table ----------------------------------------------------------------------------------

LINE = st.text(
    st.characters(blacklist_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=8
)


class Piece(NamedTuple):
    """A cell that is to be written."""

    row_span: int
    column_span: int
    is_header: bool
    text: str


@st.composite
def tilings(draw: st.DrawFn) -> dict[tuple[int, int], Piece]:
    """Cells by their first places, that cover a rectangle without gaps or overlaps."""
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    free = {(row, column) for row in range(height) for column in range(width)}
    pieces: dict[tuple[int, int], Piece] = {}
    for row in range(height):
        for column in range(width):
            if (row, column) not in free:
                continue
            across = down = 1
            most = draw(st.integers(1, 3))
            while across < most and (row, column + across) in free:
                across += 1
            most = draw(st.integers(1, 3))
            while down < most and all((row + down, column + at) in free for at in range(across)):
                down += 1
            free -= {(row + y, column + x) for y in range(down) for x in range(across)}
            text = "\n".join(draw(st.lists(LINE, max_size=2)))
            pieces[row, column] = Piece(down, across, draw(st.booleans()), text)
    return pieces


def as_html(
    pieces: dict[tuple[int, int], Piece], draw: Callable[[st.SearchStrategy[str]], str]
) -> str:
    """A table of them, its tags closed or not."""
    lines = ["<table>"]
    for row in range(max(at + piece.row_span for (at, _), piece in pieces.items())):
        lines.append(draw(st.sampled_from(["<tr>", "<TR class='a'>\n"])))
        for (at, _), piece in sorted(pieces.items()):
            if at == row:
                tag = "th" if piece.is_header else "td"
                text = html.escape(piece.text).replace("\n", "<br>")
                lines.append(
                    f'<{tag} rowspan="{piece.row_span}" colspan={piece.column_span}>{text}'
                    + draw(st.sampled_from(["", f"</{tag}>", f" </{tag}>\n"]))
                )
        lines.append(draw(st.sampled_from(["", "</tr>"])))
    return "".join([*lines, draw(st.sampled_from(["", "</table>"]))])


@settings(max_examples=60, deadline=None)
@given(pieces=tilings(), data=st.data())
def test_any_html_table_is_found_again(
    pieces: dict[tuple[int, int], Piece], data: st.DataObject
) -> None:
    cells = html_cells(as_html(pieces, data.draw))
    found = {
        (cell.row, cell.column): Piece(
            cell.row_span, cell.column_span, bool(cell.is_header), cell.text
        )
        for cell in cells
    }
    assert found == pieces


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(LINE, min_size=2, max_size=4), min_size=1, max_size=5),
    compact=st.booleans(),
)
@example(rows=[["|", "\\"], ["a\\", "`|`"]], compact=False)
def test_any_markdown_table_is_found_again(rows: list[list[str]], compact: bool) -> None:
    # a backslash before a pipe makes the pipe text, so a cell that ends in one needs a space
    space = "" if compact and not any(text.endswith("\\") for row in rows for text in row) else " "
    escaped = [[text.replace("|", "\\|") for text in row] for row in rows]
    written = ["|" + "|".join(f"{space}{text}{space}" for text in row) + "|" for row in escaped]
    written.insert(1, "|" + "---|" * len(rows[0]))
    expected = [[text.replace("\\|", "|") for text in row] for row in rows]
    assert markdown(*written) == expected


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *("<table", "<tr", "<td", "<th", "</", ">", "/>", "<!--", "-->", " rowspan=", "0"),
                *("3", "colspan=", "'", '"', "&", "&lt;", "x", "|", "---", "\n", "\\"),
                *("<thead>", "</table>"),
            ]
        ),
        max_size=40,
    )
)
def test_no_text_at_all_is_an_error(parts: list[str]) -> None:
    text = "".join(parts)
    for cells in (html_cells(text), markdown_cells(text)):
        assert len(placed(cells)) == len(cells)
        assert all(cell.row_span >= 1 for cell in cells)
