# SPDX-License-Identifier: Apache-2.0
"""The kind ``sudoers``: lines of sudoers(5)."""

from __future__ import annotations

from dataclasses import dataclass

from jitd.core.toml_table import Table, quoted
from jitd.settings.things import GiverSettings

MOST_LINES = 32
LONGEST_LINE = 1000


@dataclass(frozen=True, slots=True)
class Sudoers(GiverSettings):
    """Lines of sudoers(5), without the name of the person. jitd puts the name before each line."""

    KIND = "sudoers"
    KEYS = ("lines",)

    lines: tuple[str, ...] = ()

    @classmethod
    def read(cls, table: Table) -> dict[str, object]:
        table.needs("lines")
        lines = table.words("lines", (), _read_line)
        if len(lines) > MOST_LINES:
            table.fault(f'"lines" has more than {MOST_LINES} lines', "lines")
        return {"lines": lines}

    def sentences(self) -> tuple[str, ...]:
        return tuple(f"run by sudo: {line}" for line in self.lines)


def _read_line(word: str) -> str:
    if not word.isprintable() or not word.isascii() or len(word) > LONGEST_LINE:
        raise ValueError(f"a line must be printable ASCII, at most {LONGEST_LINE} characters")
    if "=" not in word or word.rstrip().endswith("\\") or word.lstrip().startswith(("#", "@", "Defaults")):
        raise ValueError(f"{quoted(word)} is not a line of sudoers without the person's name, such as ALL=(root) /usr/bin/id")
    return word.strip()
