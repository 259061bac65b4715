# SPDX-License-Identifier: Apache-2.0
"""A cell of a report as people read it, on a page, on a terminal and in a spreadsheet.

Law: pure. The result is one visible line. What a person typed is in quotes or is a command line, so that nobody takes it for
words of jitd.
"""

from __future__ import annotations

from typing import Any

from jitd.core.wording import in_quotes
from jitpam.wire.shown import reshown, shown

NOTHING = "–"


def in_words(cell: Any) -> str:
    """Return a cell of a report for people. Anything else that another program may have put there is shown as text, too."""
    if cell is None or cell == "":
        return NOTHING
    if is_number(cell):
        return str(cell) if isinstance(cell, int) else f"{cell:.1f}"
    if is_typed(cell):
        return in_quotes(shown(str(cell["typed"]))) if "typed" in cell else reshown(str(cell["command"]))
    return shown(str(cell))


def is_number(cell: Any) -> bool:
    return isinstance(cell, int | float)


def is_typed(cell: Any) -> bool:
    return isinstance(cell, dict) and ("typed" in cell or "command" in cell)
