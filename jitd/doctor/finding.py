# SPDX-License-Identifier: Apache-2.0
"""A finding: what was checked, how it is, and how it is mended.

Law: ``ok`` has no mend, everything else has one. A command is complete: it is typed as it stands, by root.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OK, WEAK, BAD, UNKNOWN = "ok", "weak", "bad", "unknown"
LEVELS = (OK, WEAK, BAD, UNKNOWN)
"""As it should be; works, and ought to be better; does not work, or is open; could not be looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``check`` is a stable name, ``keytab.file`` say; ``mend`` a sentence, or a line to write; ``command`` mends by itself."""

    check: str
    level: str
    sentence: str
    mend: str = ""
    command: str = ""

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"{self.check}: no such level: {self.level}")
        if bool(self.mend or self.command) == (self.level == OK):
            raise ValueError(f"{self.check}: what is not ok has a mend, and nothing else")


def ok(check: str, sentence: str) -> Finding:
    """All is well."""
    return Finding(check, OK, sentence)


def weak(check: str, sentence: str, mend: str = "", *, command: str = "") -> Finding:
    """It works, and ought to be better."""
    return Finding(check, WEAK, sentence, mend, command)


def bad(check: str, sentence: str, mend: str = "", *, command: str = "") -> Finding:
    """It does not work, or is open to somebody."""
    return Finding(check, BAD, sentence, mend, command)


def unknown(check: str, sentence: str, mend: str = "", *, command: str = "") -> Finding:
    """It could not be looked at."""
    return Finding(check, UNKNOWN, sentence, mend, command)


def word(text: str) -> str:
    """``text`` as one word of a shell's command line."""
    return text if re.fullmatch(r"[A-Za-z0-9_./@%:=+,-]+", text) else "'" + text.replace("'", "'\\''") + "'"


def count(number: int, noun: str) -> str:
    """``1 key``, ``2 keys``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(words: list[str], most: int = 5) -> str:
    """The first of them, and how many more there are."""
    rest = len(words) - most
    return ", ".join(words[:most]) + (f" and {rest} more" if rest > 0 else "")
