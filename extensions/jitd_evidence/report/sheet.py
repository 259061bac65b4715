# SPDX-License-Identifier: Apache-2.0
"""Makes CSV of a figure (RFC 4180), for spreadsheets.

Law: pure. A cell is one line in the form in which people read it everywhere (``report.cells``), and no spreadsheet takes it for
a formula.
"""

from __future__ import annotations

import csv
import io
from typing import Any

from jitd_evidence.report.cells import in_words, is_number

BEGINS_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")  # begin a formula in a spreadsheet. The last four are fullwidth forms
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"  # without a byte order mark, Excel reads UTF-8 as something else


def sheet(report: dict[str, Any]) -> bytes:
    """Return the rows of the only figure of ``report``. Each begins with the host, so that sheets of many hosts can be joined."""
    ((figure,),) = [section["figures"] for section in report["sections"]]
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(["host", *figure["columns"]])
    writer.writerows([_cell(cell) for cell in (report["host"], *row)] for row in figure["rows"])
    return (BOM + out.getvalue()).encode("utf-8")


def _cell(value: Any) -> str | int | float:
    if value is None or is_number(value):
        return "" if value is None else value
    text = in_words(value) if value != "" else ""
    return f"'{text}" if text.lstrip()[:1] in BEGINS_FORMULA and text.strip() else text
