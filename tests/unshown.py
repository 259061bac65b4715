# SPDX-License-Identifier: Apache-2.0
"""What people read, turned back: the argv of a line that shows a whole command, and lines without their styles."""

from __future__ import annotations

from collections.abc import Iterable

from jitd.cli.colour import Painted
from jitpam.wire.shown import _UNQUOTED, INSTEAD, unshown


def without_styles(lines: Iterable[Painted]) -> list[str]:
    """The texts of ``lines``."""
    return [line for line, _ in lines]


def unshown_command(line: str) -> list[bytes]:
    """Return the argv for which ``shown_command`` returned ``line``. The argv can be restored because ``line`` shows the whole
    command.

    Raises ValueError if ``shown_command`` cannot return such a line.
    """
    argv: list[bytes] = []
    at = 0
    while at < len(line) or argv:
        if line[at : at + 1] == "'":
            end = at + 1
            while line[end : end + 1] != "'":
                if end >= len(line):
                    raise ValueError("a quote that is not closed")
                end += 2 if line[end] == "\\" else 1
            argv.append(unshown(line[at + 1 : end].replace("\\\\", "\\x5c").replace("\\'", "'")))
            at = end + 1
        else:
            end = line.find(" ", at)
            end = len(line) if end < 0 else end
            clear = next((line[at:end].removesuffix(word) for word in INSTEAD if line[at:end].endswith(word)), line[at:end])
            if end == at or not all(char in _UNQUOTED for char in clear):
                raise ValueError("an argument that should be quoted")
            argv.append(unshown(line[at:end]))
            at = end
        if at == len(line):
            break
        if line[at] != " ":
            raise ValueError("two arguments without a space between them")
        at += 1
    return argv
