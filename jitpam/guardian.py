# SPDX-License-Identifier: Apache-2.0
"""A small process beside a client that has made the terminal raw. If the client is killed, it restores the terminal's modes.

Law: this process changes the terminal only if the terminal still has the modes that the client set. So it never overwrites modes
that a shell or another program has set since. It holds the terminal and one end of a pipe, nothing else, and ends with the
client.
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
    import _signal  # importing `signal` would make each start 3 ms longer

MODES = 36
"""Size in bytes of the kernel's struct termios."""
_COMPARED = slice(0, 16)
"""The part of struct termios that is compared: its four words of flags."""


class Guardian:
    """Forks the process when it is made. If fork(2) fails, there is no guardian, and everything else works all the same."""

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
        """Tell the guardian that the terminal is about to change from the modes ``found`` to the modes ``raw``."""
        try:  # noqa: SIM105  # importing `contextlib` would make each start 1 ms longer
            os.write(self._writing, found + raw)
        except OSError:
            pass

    def dismiss(self) -> None:
        """End the guardian. The client has restored the terminal itself."""
        os.close(self._writing)
        if self._process:
            try:
                os.kill(self._process, _signal.SIGKILL)  # faster than waiting until it sees the end of the pipe
                os.waitpid(self._process, 0)
            except OSError:
                pass


def _guard(terminal: int, reading: int) -> NoReturn:
    """Be the guardian, in the forked process. The signals that end the client are blocked, as in the client. A session of its own
    keeps the guardian out of the terminal's job control.
    """
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
