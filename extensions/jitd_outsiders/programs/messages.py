# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-programs: the question Run, and the answers Printed and Failed. Also what a runner,
which is forked for one program, reports to jitd-programs: Ended or NotExecuted.

The directory tests/programs/golden contains the bytes of each message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jitd.beside.refusals import Failed as Failed
from jitpam.wire.declared import Codec, base64, integer, list_of, sentence_of, text

MOST_BYTES = 64 * 1024  # bytes of a program's input. The same limit applies to a program's output.
MOST_WORDS = 64  # words of a command line, including the program's name
LONGEST_LINE = 8 * 1024  # characters of all words of a command line together
LONGEST_DEADLINE = 3_600_000  # milliseconds of a deadline: an hour
LONGEST_REASON = 500  # characters of the reason why a program was not executed


@dataclass(frozen=True, slots=True)
class Run:
    """Run ``program`` with ``given`` on its standard input. ``program`` is a command line, and its first word is an absolute
    path.

    ``name`` is the name of the gatekeeper or provider, for the log. After ``deadline_ms`` milliseconds the program is killed.
    """

    name: Annotated[str, text("a name", "[a-z0-9][a-z0-9_-]{0,63}")]
    program: Annotated[tuple[str, ...], list_of(text("a word", most=LONGEST_LINE), 1, MOST_WORDS)]
    given: Annotated[bytes, base64(MOST_BYTES)]
    deadline_ms: Annotated[int, integer(1, LONGEST_DEADLINE)]

    def check(self) -> None:
        if not self.program[0].startswith("/"):
            raise ValueError(f"program begins with {self.program[0]!r}; it must begin with an absolute path")
        if sum(map(len, self.program)) > LONGEST_LINE:
            raise ValueError(f"program has more than {LONGEST_LINE} characters")


@dataclass(frozen=True, slots=True)
class Printed:
    """The program ended with status 0. ``output`` is everything that the program wrote to its standard output."""

    output: Annotated[bytes, base64(MOST_BYTES)]


Answer = Printed | Failed


@dataclass(frozen=True, slots=True)
class Ended:
    """The program ended with the exit status ``code``, or was killed by the signal ``-code``."""

    code: Annotated[int, integer(-64, 255)]


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """The program was not executed. ``why`` continues a sentence that begins with the name of the program."""

    why: Annotated[str, sentence_of(LONGEST_REASON)]


Report = Ended | NotExecuted

QUESTIONS = Codec[Run]("do", {"run": Run})
ANSWERS = Codec[Answer]("said", {"printed": Printed, "failed": Failed})
REPORTS = Codec[Report]("say", {"ended": Ended, "not_executed": NotExecuted})
"""A report is a line. Who reads it takes the first one."""
