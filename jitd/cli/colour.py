# SPDX-License-Identifier: Apache-2.0
"""Adds colours to lines that people read on a terminal.

Law: all information of the colours is also in the words. There are no colours in three cases: the output is not a terminal, the
terminal is dumb, or NO_COLOR is set and not empty (https://no-color.org). Only printable text is coloured.
"""

from __future__ import annotations

import os
import sys

Painted = tuple[str, str | None]  # a line and its style. The style is a key of STYLES, or None.
STYLES = {"head": "1", "late": "1;31", "danger": "1;31", "mine": "2"}
"""Maps each style to its parameters of SGR (ECMA-48). ``head`` is the style of a list's head and of a page's first line. ``late``
is for a row that ends soon, ``danger`` is for a line that an approver must not miss, and ``mine`` is for a row of the viewer.
"""
PLAIN = "\x1b[0m"


def is_wanted() -> bool:
    """True if standard output is a terminal with colours, and the person has not switched colours off."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")


def coloured(line: str, style: str | None) -> str:
    """Return the printable text ``line`` in a style of STYLES, or as it is if that is None."""
    return line if style is None or not line else f"\x1b[{STYLES[style]}m{line}{PLAIN}"
