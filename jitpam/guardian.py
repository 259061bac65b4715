# SPDX-License-Identifier: Apache-2.0
"""A small process beside a client that has made the terminal raw: it puts the terminal right if the client is killed.

Law: it changes a terminal only while its modes are the very ones that the client gave it, so never what a shell or another
program has set since. It holds the terminal and the end of a pipe, nothing else, and ends with the client.
"""

from __future__ import annotations

import fcntl
import os
import termios

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import NoReturn
else:
    import _signal  # `signal` is this and 3 ms of start

MODES = 36
"""Bytes of the kernel's struct termios."""
_COMPARED = slice(0, 16)
"""Of those the four words of flags."""


class Guardian:
    """Forked at once. If no process can be made, there is no guardian, and all else works as with one."""

    def __init__(self, terminal: int) -> None:
        reading, self._writing = os.pipe2(os.O_CLOEXEC)
        try:
            self._process = os.fork()
        except OSError:
            self._process = 0
        else:
            if self._process == 0:
                _guard(terminal, reading)
        os.close(reading)

    def tell(self, found: bytes, raw: bytes) -> None:
        """The terminal is about to change from the first to the second."""
        try:  # noqa: SIM105  # `contextlib` costs a millisecond of start
            os.write(self._writing, found + raw)
        except OSError:
            pass

    def dismiss(self) -> None:
        """The terminal is as it has to be."""
        os.close(self._writing)
        if self._process:
            try:
                os.kill(self._process, _signal.SIGKILL)  # sooner gone than by seeing the end of the pipe
                os.waitpid(self._process, 0)
            except OSError:
                pass


def _guard(terminal: int, reading: int) -> NoReturn:
    """All signals that end a client are blocked here, as they are there; its terminal's session is not ours, nor its job."""
    try:
        os.setsid()
        os.dup2(terminal, 0)
        os.dup2(reading, 1)
        os.closerange(2, 1 << 20)
        os.chdir("/")
        told = b""
        while packet := os.read(1, 2 * MODES):
            told = packet
        found, raw = told[:MODES], told[MODES:]
        if found and fcntl.ioctl(0, termios.TCGETS, bytes(MODES))[_COMPARED] == raw[_COMPARED]:
            fcntl.ioctl(0, termios.TCSETS, found)
    finally:
        os._exit(0)
