# SPDX-License-Identifier: Apache-2.0
"""What jitsudo says, and where.

Law: every sentence passes ``printable``; a message that nobody reads is not a failure. Output that was asked
for and cannot be written is one.
"""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer


def printable(text: str) -> str:
    """``text`` as a terminal may have it: jitd's sentences hold shown() bytes already."""
    from jitpam.wire.shown import reshown  # which nobody needs before there is something to say

    return reshown(text)


def say(text: str) -> None:
    """Write one line on standard error."""
    write(f"jitsudo: {printable(text)}\n")


def write(text: str) -> None:
    """``text`` to standard error as it is."""
    try:  # noqa: SIM105  # importing `contextlib` would make each start 1 ms longer
        posix.write(2, text.encode("utf-8"))
    except OSError:  # nobody listens: the exit status says the rest
        pass


class Unwritable(Exception):
    """What was asked for cannot be written: a sentence."""


def print_out(text: str, what: str = "standard output") -> None:
    """A line, or some, on standard output, for what is asked for instead of a command. ``text`` is printable already, or ours.

    Raises Unwritable, which says ``what`` it was.
    """
    data = f"{text}\n".encode("utf-8", "replace")
    try:
        while data:
            data = data[posix.write(1, data) :]
    except BrokenPipeError:  # `| head` has seen enough
        pass
    except OSError as fault:
        raise Unwritable(f"{what} cannot be written: {fault.strerror}") from None
