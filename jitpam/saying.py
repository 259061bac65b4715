# SPDX-License-Identifier: Apache-2.0
"""What jitsudo says, and where; the standard streams of both commands.

Law: every sentence passes ``printable``; it is no failure if nobody listens, and one if what was asked for cannot be written.
"""

from __future__ import annotations

import os

from jitpam.wire.shown import shown


def fill_closed() -> None:
    """Have descriptors 0 to 2 open, so that no socket of ours becomes somebody's standard output."""
    descriptor = os.open("/dev/null", os.O_RDWR)
    while descriptor < 2:
        descriptor = os.dup(descriptor)
    if descriptor > 2:
        os.close(descriptor)


def printable(text: str) -> str:
    """``text`` if a terminal may have it as it is (jitd's sentences hold shown() bytes already), else all of it shown()."""
    bare = text.replace("\\", "")
    return text if shown(bare) == bare else shown(text)


def say(text: str) -> None:
    """One line of ours on standard error."""
    write(f"jitsudo: {printable(text)}\n")


def write(text: str) -> None:
    """``text`` to standard error as it is."""
    try:  # noqa: SIM105  # `contextlib` costs a millisecond of start
        os.write(2, text.encode("utf-8"))
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
            data = data[os.write(1, data) :]
    except BrokenPipeError:  # `| head` has seen enough
        pass
    except OSError as fault:
        raise Unwritable(f"{what} cannot be written: {fault.strerror}") from None
