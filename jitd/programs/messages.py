# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-programs: the question Run, and the answers Printed and Failed.

A message is one JSON object in ASCII. A question has its name in the field ``do``, and an answer has its name in the field
``said``. Bytes are encoded in base64 (RFC 4648 section 4). The directory tests/programs/golden contains the bytes of each
message. Law: pure. A message is accepted only if it has exactly the declared fields. Each field must have the right type and be
within its limits. Every other message raises ValueError.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass

from jitpam.wire import notation

MOST_BYTES = 64 * 1024
"""Maximum number of bytes of a program's input. The same limit applies to a program's output."""
MOST_WORDS = 64
"""Maximum number of words of a command line, including the program's name."""
LONGEST_LINE = 8 * 1024
"""Maximum number of characters of all words of a command line together."""
LONGEST_WHY = 1_000
"""Maximum number of characters of the sentence ``why``."""
LONGEST_DEADLINE = 3_600_000
"""Maximum number of milliseconds of a deadline: an hour."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Run:
    """Run ``program`` with ``given`` on its standard input. ``program`` is a command line, and its first word is an absolute
    path.

    ``name`` is the name of the gatekeeper or provider, for the log. After ``deadline_ms`` milliseconds the program is killed.
    """

    name: str
    program: tuple[str, ...]
    given: bytes
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Printed:
    """The program ended with status 0. ``output`` is everything that the program wrote to its standard output."""

    output: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no valid output. ``why`` is a sentence for people, in printable ASCII."""

    why: str


Answer = Printed | Failed


def sentence(text: str) -> str:
    """Return ``text`` as a sentence for Failed. The sentence has only printable ASCII, and at most LONGEST_WHY characters."""
    plain = "".join(c if c.isprintable() and c.isascii() else "?" for c in text) or "?"
    return plain if len(plain) <= LONGEST_WHY else plain[: LONGEST_WHY - 3] + "..."


def write_question(run: Run) -> bytes:
    """Return the bytes of ``run``. Raises ValueError if the receiver would refuse these bytes."""
    value = {
        "do": "run",
        "name": run.name,
        "program": list(run.program),
        "given": _encoded(run.given),
        "deadline_ms": run.deadline_ms,
    }
    written = notation.write(value)
    if read_question(written) != run:
        raise ValueError("the message changes when it is written and read again")
    return written


def write_answer(answer: Answer) -> bytes:
    """Return the bytes of ``answer``. Raises ValueError if the receiver would refuse these bytes."""
    match answer:
        case Printed(output):
            written = notation.write({"said": "printed", "output": _encoded(output)})
        case Failed(why):
            written = notation.write({"said": "failed", "why": why})
    if read_answer(written) != answer:
        raise ValueError("the message changes when it is written and read again")
    return written


def read_question(written: bytes) -> Run:
    """Return the question in ``written``. Raises ValueError."""
    found = _object(written)
    if found.keys() != {"do", "name", "program", "given", "deadline_ms"} or found["do"] != "run":
        raise ValueError("the fields are not do = run, name, program, given and deadline_ms")
    name, deadline = found["name"], found["deadline_ms"]
    if type(name) is not str or not _NAME.fullmatch(name):
        raise ValueError("name does not have the form of a name")
    if type(deadline) is not int or not 0 < deadline <= LONGEST_DEADLINE:
        raise ValueError(f"deadline_ms is not a number from 1 to {LONGEST_DEADLINE}")
    return Run(name, _program(found["program"]), _decoded(found["given"], "given"), deadline)


def read_answer(written: bytes) -> Answer:
    """Return the answer in ``written``. Raises ValueError."""
    found = _object(written)
    match found.get("said"):
        case "printed" if found.keys() == {"said", "output"}:
            return Printed(_decoded(found["output"], "output"))
        case "failed" if found.keys() == {"said", "why"}:
            why = found["why"]
            if type(why) is not str or sentence(why) != why:
                raise ValueError("why is empty, too long or not printable ASCII")
            return Failed(why)
    raise ValueError("the fields are neither said = printed and output, nor said = failed and why")


def program_fault(program: tuple[str, ...]) -> str | None:
    """Return what is wrong with a command line, as a sentence without its subject. Return None if the command line has no
    fault.
    """
    if not 0 < len(program) <= MOST_WORDS:
        return f"has {len(program)} words; it must have 1 to {MOST_WORDS}"
    if sum(map(len, program)) > LONGEST_LINE:
        return f"has more than {LONGEST_LINE} characters"
    if any("\0" in word or not _is_text(word) for word in program):
        return "has a word with a NUL character, or one that is not Unicode"
    if not program[0].startswith("/"):
        return f"begins with {program[0]!r}; it must begin with an absolute path"
    return None


def _object(written: bytes) -> dict[str, object]:
    if not written.isascii():
        raise ValueError("the message is not ASCII")
    found = notation.read(written)
    if type(found) is not dict:
        raise ValueError("the message is not an object")
    return found


def _program(value: object) -> tuple[str, ...]:
    if type(value) is not list or not all(type(word) is str for word in value):
        raise ValueError("program is not a list of words")
    program = tuple(value)
    if (fault := program_fault(program)) is not None:
        raise ValueError(f"program {fault}")
    return program


def _is_text(word: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in word)


def _encoded(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _decoded(value: object, field: str) -> bytes:
    if type(value) is not str or len(value) > (MOST_BYTES + 2) // 3 * 4:
        raise ValueError(f"{field} is not the base64 of at most {MOST_BYTES} bytes")
    data = binascii.a2b_base64(value, strict_mode=True)  # raises binascii.Error, which is a ValueError
    if len(data) > MOST_BYTES or _encoded(data) != value:
        raise ValueError(f"{field} is not the base64 of at most {MOST_BYTES} bytes")
    return data
