# SPDX-License-Identifier: Apache-2.0
"""Shows a person lines that may be more than the terminal has.

Law: what cannot be shown raises; nothing is lost. Lines count as read only if they were on the screen together with the question.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable

from jitd.cli.answer import answer, say


def screen() -> int | None:
    """Return the width in cells of the terminal on standard output; None if standard output is not a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def put(lines: list[str], *, below: int = 1) -> bool:
    """Print ``lines``. True if they do not fit on the terminal together with ``below`` lines after them: then nobody knows
    whether the first of them was read. False if there is no terminal to read on. Raises OSError if they cannot be printed.
    """
    put_all(lines)
    is_unread = sys.stdout.isatty() and len(lines) + below > shutil.get_terminal_size().lines
    if is_unread:
        say(f"that is {len(lines)} lines: scroll up to read all of them")
    return is_unread


def put_all(lines: Iterable[str]) -> None:
    """Print ``lines`` at once, whoever reads them. Raises OSError if they cannot be printed."""
    for line in lines:
        answer(line)
    sys.stdout.flush()  # this raises if they cannot be printed
