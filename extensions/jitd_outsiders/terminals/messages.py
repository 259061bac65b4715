# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-terminals: one question, Tell, and one answer, Told.

The files in tests/terminals/golden contain the exact bytes of examples.

Law: a text contains only lines of printable ASCII, so the text cannot control a terminal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jitpam.wire.declared import Codec, integer, list_of, text

HEAD = "\r\nMessage from jitd:\r\n"  # the text that is written to a terminal before the message
MOST_BYTES = 1024  # bytes that are written to a terminal, including HEAD
MOST_PEOPLE = 64
MOST_TERMINALS = 64  # terminals to which one message is written
_ACCOUNT = text(
    "the name of an account",
    r"[!-9;-~\u00a1-\ud7ff\ue000-\U0010ffff](?:[ -9;-~\u00a1-\ud7ff\ue000-\U0010ffff]{0,253}"
    r"[!-9;-~\u00a1-\ud7ff\ue000-\U0010ffff])?",
)
_LINE = text("a line of printable ASCII", r"[ -~]*", most=MOST_BYTES)
_N_TERMINALS = integer(0, MOST_TERMINALS)


@dataclass(frozen=True, slots=True)
class Tell:
    """Write ``lines`` to the terminals on which ``people`` (accounts) are logged in."""

    people: Annotated[tuple[str, ...], list_of(_ACCOUNT, 1, MOST_PEOPLE)]
    lines: Annotated[tuple[str, ...], list_of(_LINE, 1)]

    def check(self) -> None:
        if len(text_of(self.lines)) > MOST_BYTES:
            raise ValueError(f"lines have more than {MOST_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class Told:
    """``n_told`` terminals took the whole text, and ``n_refused`` did not, or not in time."""

    n_told: Annotated[int, _N_TERMINALS]
    n_refused: Annotated[int, _N_TERMINALS]

    def check(self) -> None:
        if self.n_told + self.n_refused > MOST_TERMINALS:
            raise ValueError(f"n_told and n_refused are together more than {MOST_TERMINALS}")


def text_of(lines: tuple[str, ...]) -> str:
    """Return the text that is written to a terminal to show ``lines``. The line ends also work for a terminal in raw mode."""
    return HEAD + "".join(f"{line}\r\n" for line in lines)


QUESTIONS = Codec[Tell]("do", {"tell": Tell})
ANSWERS = Codec[Told]("said", {"told": Told})
