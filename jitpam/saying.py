# SPDX-License-Identifier: Apache-2.0
"""Prints jitsudo's sentences on standard error, and its answers on standard output.

Law: every sentence goes through ``printable``. If a message cannot be written to standard error, the failure is ignored. If an
answer cannot be written to standard output, an error is raised.
"""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer


def printable(text: str) -> str:
    """Return ``text`` with every invisible character escaped. In jitd's sentences, invisible characters are already escaped."""
    from jitpam.wire.shown import reshown  # imported only when there is something to print

    return reshown(text)


def say(text: str) -> None:
    """Write one line on standard error."""
    write(f"jitsudo: {printable(text)}\n")


def write(text: str) -> None:
    """Write ``text`` to standard error without a change. Raises nothing."""
    try:  # noqa: SIM105  # importing `contextlib` would make each start 1 ms longer
        posix.write(2, text.encode("utf-8"))
    except OSError:  # standard error is closed, so only the exit status can tell
        pass


class Unwritable(Exception):
    """The answer cannot be written to standard output. The text of this error gives the reason."""


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
