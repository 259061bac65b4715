# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-terminals: one question, Tell, and one answer, Told.

A message is one JSON object in ASCII. A question has the field ``do``, and an answer has the field ``said``. The files in
tests/terminals/golden contain the exact bytes of examples.

Law: pure. A message is accepted only if it has exactly the declared fields, and each value has the declared type and is within
the limits. Every other message raises ValueError. A text contains only lines of printable ASCII, so the text cannot control a
terminal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from jitpam.wire import notation

HEAD = "\r\nMessage from jitd:\r\n"
"""The text that is written to a terminal before the message."""
MOST_BYTES = 1024
"""Maximum number of bytes that are written to a terminal, including HEAD."""
MOST_PEOPLE = 64
MOST_TERMINALS = 64
"""Maximum number of terminals to which one message is written."""
_ACCOUNT = re.compile(
    r"[!-9;-~\u00a1-\ud7ff\ue000-\U0010ffff](?:[ -9;-~\u00a1-\ud7ff\ue000-\U0010ffff]{0,253}"
    r"[!-9;-~\u00a1-\ud7ff\ue000-\U0010ffff])?"
)
_LINE = re.compile(r"[ -~]*")


@dataclass(frozen=True, slots=True)
class Tell:
    """Write ``lines`` to the terminals on which ``people`` (accounts) are logged in."""

    people: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """``n_told`` terminals accepted the whole text. ``n_refused`` terminals refused the text, or did not accept all of it in
    time.
    """

    n_told: int
    n_refused: int


def text_of(lines: tuple[str, ...]) -> str:
    """Return the text that is written to a terminal to show ``lines``. The line ends also work for a terminal in raw mode."""
    return HEAD + "".join(f"{line}\r\n" for line in lines)


def write_question(tell: Tell) -> bytes:
    """Return the bytes of ``tell``. Raises ValueError if ``read_question`` would refuse these bytes."""
    written = notation.write({"do": "tell", "people": list(tell.people), "lines": list(tell.lines)})
    if read_question(written) != tell:
        raise ValueError("the message changes when it is written and read again")
    return written


def write_answer(told: Told) -> bytes:
    """Return the bytes of ``told``. Raises ValueError if ``read_answer`` would refuse these bytes."""
    written = notation.write({"said": "told", "n_told": told.n_told, "n_refused": told.n_refused})
    if read_answer(written) != told:
        raise ValueError("the message changes when it is written and read again")
    return written


def read_question(written: bytes) -> Tell:
    """Return the question that ``written`` contains. Raises ValueError."""
    found = _object(written, ("do", "tell"), {"people", "lines"})
    people = _words(found["people"], _ACCOUNT, "people")
    lines = _words(found["lines"], _LINE, "lines")
    if not 0 < len(people) <= MOST_PEOPLE:
        raise ValueError(f"people must be 1 to {MOST_PEOPLE} accounts")
    if not lines or len(text_of(lines)) > MOST_BYTES:
        raise ValueError(f"there are no lines, or they have more than {MOST_BYTES} bytes")
    return Tell(people, lines)


def read_answer(written: bytes) -> Told:
    """Return the answer that ``written`` contains. Raises ValueError."""
    found = _object(written, ("said", "told"), {"n_told", "n_refused"})
    numbers = found["n_told"], found["n_refused"]
    told, refused = numbers
    if type(told) is not int or type(refused) is not int or min(told, refused) < 0 or told + refused > MOST_TERMINALS:
        raise ValueError(f"n_told and n_refused must be numbers of terminals, together at most {MOST_TERMINALS}")
    return Told(told, refused)


def _object(written: bytes, tag: tuple[str, str], fields: set[str]) -> dict[str, object]:
    if not written.isascii():
        raise ValueError("a message that is not ASCII")
    found = notation.read(written)
    if type(found) is not dict or found.pop(tag[0], None) != tag[1]:
        raise ValueError("no such message")
    if found.keys() != fields:
        raise ValueError(f"these fields are missing or unknown: {', '.join(sorted(found.keys() ^ fields))}")
    return found


def _words(value: object, form: re.Pattern[str], field: str) -> tuple[str, ...]:
    if type(value) is not list:
        raise ValueError(f"{field} is not a list")
    for word in value:
        if type(word) is not str or not form.fullmatch(word):
            raise ValueError(f"{field} has a word that is not printable ASCII, or not the name of an account")
    return tuple(value)
