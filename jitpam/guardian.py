# SPDX-License-Identifier: Apache-2.0
"""The guardian is a small process that runs beside a client whose terminal is in raw mode. If the client is killed, the guardian
restores the terminal's modes.

Law: the guardian changes the terminal only if the terminal still has the modes that the client set. Therefore the guardian never
overwrites modes that a shell or another program has set later. The guardian has only two open descriptors: the terminal and one
end of a pipe. When the client ends, the guardian ends too.
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
"""The part of struct termios that the guardian compares: the four words of flags."""


class Guardian:
    """``__init__`` forks the guardian process. If fork(2) fails, the client works without a guardian."""

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
        """Tell the guardian that the client is about to change the terminal's modes from ``found`` to ``raw``."""
        try:  # noqa: SIM105  # importing `contextlib` would make each start 1 ms longer
            os.write(self._writing, found + raw)
        except OSError:
            pass

    def dismiss(self) -> None:
        """End the guardian, because the client itself has restored the terminal."""
        os.close(self._writing)
        if self._process:
            try:
                os.kill(self._process, _signal.SIGKILL)  # faster than waiting until the guardian sees the end of the pipe
                os.waitpid(self._process, 0)
            except OSError:
                pass


def _guard(terminal: int, reading: int) -> NoReturn:
    """Run the guardian in the forked process. The signals that end the client are blocked in the guardian, as in the client. The
    guardian has its own session, so the terminal's job control does not affect the guardian.
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
