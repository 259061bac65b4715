# SPDX-License-Identifier: Apache-2.0
"""A finding of ``jitd doctor``. A finding names the check, the state of the checked thing, and the remedy.

Law: a finding with the level ``ok`` has no remedy (``mend``), and every other finding has a remedy. Each command of a finding is
complete, so root can type the command unchanged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from jitpam.wire.declared import one_of, os_text

OK, WEAK, BAD, UNKNOWN = "ok", "weak", "bad", "unknown"
LEVELS = (OK, WEAK, BAD, UNKNOWN)
"""``ok``; ``weak``: works, but should be better; ``bad``: does not work, or is open to attack; ``unknown``: not checked."""
_TEXT = os_text("text without NUL")
GAVE_UP = "(gave up after"
"""How the end of the sentence about a look begins that did not end in time."""


@dataclass(frozen=True, slots=True)
class Result:
    """One finding of ``check``, a stable name such as ``keytab.file``. ``mend`` and ``command`` repair the fault."""

    check: Annotated[str, _TEXT]
    level: Annotated[str, one_of(LEVELS, "a level")]
    sentence: Annotated[str, _TEXT]
    mend: Annotated[str, _TEXT] = ""
    command: Annotated[str, _TEXT] = ""

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"{self.check}: no such level: {self.level}")
        if bool(self.mend or self.command) == (self.level == OK):
            raise ValueError(f"{self.check}: a finding has a mend or a command, except at the level ok")

    @property
    def is_given_up(self) -> bool:
        """True if ``given_up`` has returned it."""
        return self.level == UNKNOWN and GAVE_UP in self.sentence


def ok(check: str, sentence: str) -> Result:
    """Return a finding with the level ``ok``: the checked thing has no fault."""
    return Result(check, OK, sentence)


def weak(check: str, sentence: str, mend: str = "", *, command: str = "") -> Result:
    """Return a finding with the level ``weak``: the checked thing works, but should be better."""
    return Result(check, WEAK, sentence, mend, command)


def bad(check: str, sentence: str, mend: str = "", *, command: str = "") -> Result:
    """Return a finding with the level ``bad``: the checked thing does not work, or is open to attack."""
    return Result(check, BAD, sentence, mend, command)


def unknown(check: str, sentence: str, mend: str = "") -> Result:
    """Return a finding with the level ``unknown``: the check was not possible."""
    return Result(check, UNKNOWN, sentence, mend)


def given_up(check: str, silent: str, within: float, mend: str) -> Result:
    """Return the finding about a look that did not end within ``within`` seconds. On a busy host every look takes long, so nobody
    has seen that ``silent`` is true.
    """
    return unknown(check, f"{silent}, or this host is busy {GAVE_UP} {within:g} s)", mend)


def word(text: str) -> str:
    """Return ``text`` as one word of a shell's command line. The word is in quotes if the shell needs quotes."""
    return text if re.fullmatch(r"[A-Za-z0-9_./@%:=+,-]+", text) else "'" + text.replace("'", "'\\''") + "'"


def count(number: int, noun: str) -> str:
    """Return ``number`` and ``noun`` as text, such as ``1 key`` or ``2 keys``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(words: list[str], most: int = 5) -> str:
    """Return a text with the first ``most`` words and the number of the further words."""
    rest = len(words) - most
    return ", ".join(words[:most]) + (f" and {rest} more" if rest > 0 else "")
