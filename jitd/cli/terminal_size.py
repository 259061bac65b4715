# SPDX-License-Identifier: Apache-2.0
"""The size of the terminal on standard output.

Law: the answers are those of ``shutil.get_terminal_size``. Importing ``shutil`` would load three libraries for compression, and
make the start of each verb a tenth longer.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

USUAL = os.terminal_size((80, 24))  # the size of a terminal that does not tell its size


def terminal_size() -> os.terminal_size:
    """Return the size of the terminal in cells. A variable COLUMNS or LINES with a positive number has precedence."""
    wanted = _number("COLUMNS"), _number("LINES")
    found = USUAL
    if not all(wanted):
        with suppress(AttributeError, ValueError, OSError):  # standard output is missing, closed or no terminal
            found = os.get_terminal_size(sys.__stdout__.fileno())  # type: ignore[union-attr]
    return os.terminal_size(want or got or usual for want, got, usual in zip(wanted, found, USUAL, strict=True))


def real_size() -> os.terminal_size:
    """Return the size of the terminal as the kernel has it. The variables COLUMNS and LINES do not count, because whoever moves
    the cursor on the screen would lose lines by them. Raises OSError if standard output is not a terminal.
    """
    found = os.get_terminal_size(sys.stdout.fileno())
    return os.terminal_size(got or usual for got, usual in zip(found, USUAL, strict=True))


def width() -> int | None:
    """Return the width of the terminal on standard output, in cells. Return None if standard output is not a terminal."""
    return terminal_size().columns if sys.stdout.isatty() else None


def width_of_errors() -> int | None:
    """Return the width of the terminal on standard error, in cells. Return None if standard error is not a terminal."""
    if sys.__stderr__ is None or not sys.__stderr__.isatty():
        return None
    wanted = _number("COLUMNS")
    if wanted:
        return wanted
    with suppress(ValueError, OSError):
        return os.get_terminal_size(sys.__stderr__.fileno()).columns or USUAL.columns
    return USUAL.columns


def _number(variable: str) -> int:
    try:
        return max(0, int(os.environ.get(variable, "")))
    except ValueError:
        return 0
