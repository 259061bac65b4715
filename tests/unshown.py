# SPDX-License-Identifier: Apache-2.0
"""What people read, turned back: the argv of a line that shows a whole command, and lines without their styles."""

from __future__ import annotations

from collections.abc import Iterable

from jitd.cli.colour import Painted
from jitpam.wire.shown import _UNQUOTED, INSTEAD, unshown


def without_styles(lines: Iterable[Painted]) -> list[str]:
    """The texts of ``lines``."""
    return [line for line, _ in lines]


def _in_quotes(line: str, at: int) -> tuple[str, int]:
    """What ``shown`` made of the argument that begins at ``at``, and where it ends."""
    if line[at] == "$":
        end = at + 2
        while line[end : end + 1] != "'":
            if end >= len(line):
                raise ValueError("a quote that is not closed")
            end += 2 if line[end] == "\\" else 1
        return line[at + 2 : end].replace("\\\\", "\\x5c").replace("\\'", "'"), end + 1
    text = ""
    while True:
        end = line.find("'", at + 1)
        if end < 0:
            raise ValueError("a quote that is not closed")
        text += line[at + 1 : end].replace("\\", "\\\\")
        if not line.startswith("\\''", end + 1):
            return text, end + 1
        text += "'"
        at = end + 3


def unshown_command(line: str) -> list[bytes]:
    """Return the argv for which ``shown_command`` returned ``line``. The argv can be restored because ``line`` shows the whole
    command.

    Raises ValueError if ``shown_command`` cannot return such a line.
    """
    argv: list[bytes] = []
    at = 0
    while at < len(line) or argv:
        if line.startswith(("'", "$'"), at):
            text, end = _in_quotes(line, at)
            argv.append(unshown(text))
            at = end
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
