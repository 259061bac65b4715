# SPDX-License-Identifier: Apache-2.0
"""Colour for lines that a person reads on a terminal.

Law: colour never says anything that the words do not say. There is none on what is not a terminal, on a dumb terminal, and where
NO_COLOR is set and not empty (https://no-color.org). Only text that is printable already is coloured.
"""

from __future__ import annotations

import os
import sys

STYLES = {"head": "1", "late": "1;31", "mine": "2"}
"""What is marked → the parameters of SGR (ECMA-48): the head of a list, what ends soon, what is one's own."""
PLAIN = "\x1b[0m"


def is_wanted() -> bool:
    """True if standard output is a terminal that shows colours, to a person who has not said no."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")


def coloured(line: str, style: str | None) -> str:
    """Return ``line``, which is printable, in ``style``, one of STYLES; as it is if ``style`` is None."""
    return line if style is None or not line else f"\x1b[{STYLES[style]}m{line}{PLAIN}"
