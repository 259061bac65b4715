# SPDX-License-Identifier: Apache-2.0
"""News: what a person is told while they wait, such as that the directory of accounts is slow.

Law: news is not the answer, and no program has to read it. Some of it is said only if something takes long. ``--quiet`` silences
all of it. What jitsudo waits for, and what a verb of jitd waits for before it is connected, is said in this way alone.
"""

from __future__ import annotations

SLOW_DIRECTORY = "the directory of accounts is slow; waiting"
SILENT_KDC = "waiting for a KDC of {realm}: no answer for {seconds:g} s"


class News:
    """``program`` is the name of the program that says the news."""

    __slots__ = ("_program", "is_quiet")

    def __init__(self, program: str = "jitsudo", *, is_quiet: bool = False) -> None:
        self._program = program
        self.is_quiet = is_quiet

    def say(self, sentence: str) -> None:
        """Say ``sentence`` on standard error, unless it is to be quiet."""
        if not self.is_quiet:
            from jitpam.saying import say  # a start that waits for nobody says nothing

            say(sentence, self._program)
