# SPDX-License-Identifier: Apache-2.0
"""Prints jitsudo's sentences on standard error, and its answers on standard output.

Law: every sentence goes through ``printable``. A line is broken only for a terminal, and stays whole in a pipe or a file, for
programs. If a message cannot be written to standard error, the failure is ignored. If an answer cannot be written to standard
output, an error is raised.
"""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

elsewhere: Callable[[str], None] | None = None  # in place of standard error, under a picture. Any thread may call it


def printable(text: str) -> str:
    """Return ``text`` with every invisible character escaped. In jitd's sentences, invisible characters are already escaped."""
    from jitpam.wire.shown import reshown  # imported only when there is something to print

    return reshown(text)


def columns(descriptor: int) -> int | None:
    """Return the number of columns of the terminal ``descriptor``. Return None if the descriptor is not a terminal, or if the
    terminal does not tell its size, as many serial lines do not. Such a terminal breaks the lines itself.
    """
    try:
        return posix.get_terminal_size(descriptor).columns or None
    except OSError:
        return None


def laid_out(text: str, descriptor: int, indent: int | None = None) -> str:
    """Return the printable lines ``text`` as they are written to ``descriptor``, without the last line end. For a terminal, a
    line that is too long is broken (``wrapping``), and goes on below after ``indent`` spaces.
    """
    width = columns(descriptor)
    if width is None or (text.isascii() and len(text) <= width):
        return text
    from jitpam.wrapping import wrap  # imported only for what may be too long

    return "\n".join(part for line in text.split("\n") for part in wrap(line, width, indent))


def as_said(text: str, descriptor: int, program: str = "jitsudo") -> str:
    """Return ``text`` as ``program`` says it on ``descriptor``: printable, after the program's name, with a line end."""
    return f"{laid_out(f'{program}: {printable(text)}', descriptor, len(program) + 2)}\n"


def say(text: str, program: str = "jitsudo") -> None:
    """Write a sentence of ``program`` on standard error."""
    write(as_said(text, 2, program))


def write(text: str) -> None:
    """Write ``text`` to standard error without a change. Raises nothing."""
    if elsewhere is not None:
        elsewhere(text)
        return
    try:  # noqa: SIM105  # importing `contextlib` would make each start 1 ms longer
        posix.write(2, text.encode("utf-8"))
    except OSError:  # standard error is closed, so only the exit status can tell
        pass


class Unwritable(Exception):
    """The answer cannot be written to standard output. The text of this error gives the reason."""


def print_line(line: str) -> None:
    """Write ``line``, which people read, to standard output. Foreign text in it has passed ``printable``. Raises Unwritable."""
    print_out(laid_out(line, 1))


def print_out(text: str, what: str = "standard output") -> None:
    """Write ``text`` to standard output. ``text`` is the answer to an option that runs no command, in one or more lines. If
    ``text`` contains foreign text, the caller has already passed it through ``printable``.

    Raises Unwritable. The text of this error names ``what``.
    """
    data = f"{text}\n".encode("utf-8", "replace")
    try:
        while data:
            data = data[posix.write(1, data) :]
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        pass
    except OSError as fault:
        raise Unwritable(f"{what} cannot be written: {fault.strerror}") from None
