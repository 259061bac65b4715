# SPDX-License-Identifier: Apache-2.0
"""A finding: what was checked, in what state it is, and how to mend it.

Law: a finding with the level ``ok`` has no mend, every other has one. A command is complete: root can type it as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OK, WEAK, BAD, UNKNOWN = "ok", "weak", "bad", "unknown"
LEVELS = (OK, WEAK, BAD, UNKNOWN)
"""``ok``: as it should be. ``weak``: it works, but should be better. ``bad``: it does not work, or is open to attack.
``unknown``: it could not be looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. ``check`` is a stable name, such as ``keytab.file``. ``mend`` says what to do; ``command`` is what to type."""

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
    """Return a finding that everything is as it should be."""
    return Finding(check, OK, sentence)


def weak(check: str, sentence: str, mend: str = "", *, command: str = "") -> Finding:
    """Return a finding that something works, but should be better."""
    return Finding(check, WEAK, sentence, mend, command)


def bad(check: str, sentence: str, mend: str = "", *, command: str = "") -> Finding:
    """Return a finding that something does not work, or is open to attack."""
    return Finding(check, BAD, sentence, mend, command)


def unknown(check: str, sentence: str, mend: str = "", *, command: str = "") -> Finding:
    """Return a finding that something could not be looked at."""
    return Finding(check, UNKNOWN, sentence, mend, command)


def word(text: str) -> str:
    """Return ``text`` as one word of a shell's command line, in quotes if it needs them."""
    return text if re.fullmatch(r"[A-Za-z0-9_./@%:=+,-]+", text) else "'" + text.replace("'", "'\\''") + "'"


def count(number: int, noun: str) -> str:
    """Return the number with its noun: ``1 key``, ``2 keys``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(words: list[str], most: int = 5) -> str:
    """Return the first ``most`` words, and how many more there are."""
    rest = len(words) - most
    return ", ".join(words[:most]) + (f" and {rest} more" if rest > 0 else "")
