# SPDX-License-Identifier: Apache-2.0
"""Prints the output of a verb. The verb's answer goes to standard output. Messages about the verb, such as errors, go to
standard error.

Law: invisible characters in the daemon's texts never reach the terminal. Control characters and format characters are examples
of invisible characters. This module shortens nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from typing import IO, Any

from jitd.cli.terminal_size import width, width_of_errors
from jitpam.wire.exact import exact as exact
from jitpam.wire.rows import NOT_SHOWN, Command, OwedReview, Run
from jitpam.wire.shown import reshown, reshown_argument, unshown
from jitpam.wrapping import wrap

Row = dict[str, Any]
_speaker: ContextVar[str] = ContextVar("speaker", default="jitd")


def printable(text: str) -> str:
    """Return ``text`` with all invisible characters escaped, and all that standard output cannot encode. Usually the function
    ``shown`` of jitpam.wire has already escaped the invisible ones, but any text is accepted. What is escaped only when it is
    written would make a line longer than it was counted.
    """
    text = reshown(text)
    return text if text.isascii() else text.encode(_encoding(), "backslashreplace").decode(_encoding())


def can_print(text: str) -> bool:
    """True if standard output can encode ``text``."""
    return text == text.encode(_encoding(), "replace").decode(_encoding())


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def answer(line: str = "", *, column: int | None = None) -> None:
    """Print one line of the answer on standard output. On a terminal, a line that is too long is broken (``jitpam.wrapping``).
    It goes on below in the column ``column``, by default a little to the right of its beginning.
    """
    for part in broken(printable(line), width(), column):
        print(part)


def quote(lines: Iterable[str], indent: str = "    ") -> None:
    """Print commands or lines of a file as they are, but for invisible characters: a command that is pasted has to be whole."""
    for line in lines:
        print(printable(f"{indent}{line}".rstrip()))


def broken(line: str, screen: int | None, column: int | None = None) -> list[str]:
    """Return the printable ``line`` as lines for a terminal that is ``screen`` cells wide. If ``screen`` is None, the output is
    for a program, and ``line`` stays whole. All lines but the first begin in ``column``.
    """
    return [line] if screen is None else wrap(line, screen, column)


def speaks(host: str) -> None:
    """Have ``say`` name ``host`` from now on, if it is another host that has proved itself. Nobody is named for ""."""
    _speaker.set(f"jitd on {host}" if host else "jitd")


def say(sentence: str) -> None:
    """Print a sentence on standard error, broken as by ``answer``, after standard output was flushed. If that fails, print it
    anyway, because it tells the verb's result, and raise OSError.
    """
    try:
        sys.stdout.flush()
    finally:
        try:
            print(
                "\n".join(broken(f"{_speaker.get()}: {printable(sentence)}", width_of_errors(), 6)), file=sys.stderr, flush=True
            )
        except OSError:
            give_up(sys.stderr)


def give_up(stream: IO[str]) -> None:
    """Redirect ``stream`` to /dev/null after it could not be written. Otherwise Python would flush the stream again when it
    exits, and this flush would fail again.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def answer_json(rows: Iterable[Row]) -> None:
    """Print each row as JSON on its own line, in ASCII: no control sequence can reach the terminal."""
    for row in rows:
        print(json.dumps(row, ensure_ascii=True))


# --- the members of a row ----------------------------------------------------------------------------------------------


def words(row: Row, name: str, otherwise: str = "-") -> str:
    """Return the member ``name`` of ``row`` as text. Return ``otherwise`` if the member is null, empty or missing."""
    value = row.get(name)
    if value is None or value == "" or value == []:
        return otherwise
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return str(value)


quoted = reshown_argument  # one argument of a row in the form that approvers see


def command_line(argv: Iterable[object]) -> str:
    """Return all arguments on one line, and shorten none of them. Different arguments never give the same line."""
    return " ".join(quoted(str(argument)) for argument in argv)


def command_of(row: Command | Run | OwedReview) -> str:
    """Return the command of ``row`` on one line. If the viewer may not see the arguments, only the path is returned."""
    path = row.path if isinstance(row, Command) else ""
    return f"{quoted(path)} {NOT_SHOWN}" if row.narrowed else command_line(row.argv)


def n_bytes(text: str) -> int:
    """Return the length, in bytes, of the original argument. ``text`` is this argument in the form in which a row contains it."""
    try:
        return len(unshown(text))
    except ValueError:
        return len(text.encode("utf-8", "surrogateescape"))
