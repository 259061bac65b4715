# SPDX-License-Identifier: Apache-2.0
"""Prints what jitsudo says, on standard error or standard output.

Law: every sentence passes ``printable``. A message that cannot be written to standard error is not a failure. An answer that
cannot be written to standard output is one.
"""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer


def printable(text: str) -> str:
    """Return ``text`` with every invisible character escaped. In jitd's sentences such bytes are escaped already."""
    from jitpam.wire.shown import reshown  # imported only when there is something to print

    return reshown(text)


def say(text: str) -> None:
    """Write one line on standard error."""
    write(f"jitsudo: {printable(text)}\n")


def write(text: str) -> None:
    """Write ``text`` to standard error as it is. Raises nothing."""
    try:  # noqa: SIM105  # importing `contextlib` would make each start 1 ms longer
        posix.write(2, text.encode("utf-8"))
    except OSError:  # standard error is closed: only the exit status is left
        pass


class Unwritable(Exception):
    """The answer cannot be written to standard output; the text says why."""


def print_out(text: str, what: str = "standard output") -> None:
    """Write one line or more to standard output: the answer to an option that runs no command. The caller has passed any
    foreign text through ``printable``.

    Raises Unwritable, whose text names ``what``.
    """
    data = f"{text}\n".encode("utf-8", "replace")
    try:
        while data:
            data = data[posix.write(1, data) :]
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        pass
    except OSError as fault:
        raise Unwritable(f"{what} cannot be written: {fault.strerror}") from None
