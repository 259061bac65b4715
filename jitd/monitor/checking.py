# SPDX-License-Identifier: Apache-2.0
"""Runs the checks of an edit on the new file, before it takes the place of the old one.

Law: a check has the rights of the account that writes, and no others. Only an exit status of 0, in time, is a yes.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Mapping
from contextlib import suppress

from jitd.files import inspection

WITHIN = 30.0  # seconds at most that a check may take
MOST_SAID = 4096  # bytes of its output that are told
_PIPE = 64 * 1024  # bytes that a pipe holds (pipe(7))
FILE = b"{file}"  # stands in a word of a check for the path of the new file


def refusal(words: tuple[bytes, ...], file: bytes, environment: Mapping[bytes, bytes], view: inspection.View) -> str:
    """Return "" if the check ``words`` takes the new file at the path ``file``. Otherwise return why it does not, and what it has
    said in the lines below.
    """
    name = inspection.path_in_sentence(words[0])
    argv = [word.replace(FILE, file) for word in words] if any(FILE in word for word in words) else [*words, file]
    try:
        _, changers = inspection.changers(words[0], view)
        if changers:
            return f"the check {name} can be changed by others: {changers[0]}"
        status, said = _run(argv, environment)
    except (inspection.Uninspectable, OSError) as fault:
        return f"the check {name} cannot be run: {fault}"
    if status == 0:
        return ""
    ended = f"took more than {WITHIN:.0f} s" if status is None else f"says no (status {status})"
    return "\n".join((f"the check {name} {ended}", *said.decode("utf-8", "backslashreplace").splitlines()))


def _run(argv: list[bytes], environment: Mapping[bytes, bytes]) -> tuple[int | None, bytes]:
    """Return the exit status of the check, or None if it was ended, and the beginning of its output. Raises OSError."""
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, theirs, 1),
        (os.POSIX_SPAWN_DUP2, theirs, 2),
    ]
    try:
        child = os.posix_spawn(argv[0], argv, environment, file_actions=actions, setsid=True, setsigmask=())
    finally:
        os.close(theirs)
    is_over, said, until = False, b"", time.monotonic() + WITHIN
    try:
        ended = os.pidfd_open(child)
        os.set_blocking(ours, False)
        waits = select.poll()
        for descriptor in (ours, ended):
            waits.register(descriptor, select.POLLIN)
        while not is_over and (left := until - time.monotonic()) > 0:
            ready = {descriptor for descriptor, _ in waits.poll(left * 1000)}
            is_over = ended in ready
            if ours in ready or is_over:
                said, is_open = _heard(ours, said)
                if not is_open and not is_over:
                    waits.unregister(ours)
    finally:  # also at a signal that ends the edit; and what the check has started does not outlive it
        with suppress(OSError):
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    return (os.waitstatus_to_exitcode(status) if is_over else None), said


def _heard(pipe: int, said: bytes) -> tuple[bytes, bool]:
    """Return ``said`` with what is in the pipe now, and whether more may come. This reads once: a check that does not stop to
    write would keep a loop from looking at the time.
    """
    try:
        piece = os.read(pipe, _PIPE)
    except BlockingIOError:
        return said, True
    return (said + piece)[:MOST_SAID], bool(piece)
