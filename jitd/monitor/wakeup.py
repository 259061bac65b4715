# SPDX-License-Identifier: Apache-2.0
"""Reports a monitor's signals through a descriptor. With this descriptor, the monitor can wait for signals and for other
descriptors at the same time.

Law: SIGTERM orders a monitor to end. SIGCHLD reports that a child has ended or stopped. No other signal interrupts a monitor.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

IGNORED = tuple(
    getattr(signal, f"SIG{name}") for name in ("HUP", "INT", "QUIT", "USR1", "USR2", "PIPE", "TSTP", "TTIN", "TTOU", "ALRM")
)


class Wakeup:
    """A descriptor (``fileno``) that is readable when a child has ended or stopped, or after SIGTERM."""

    def __init__(self) -> None:
        self._reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._is_told = False
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._tell)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def _tell(self, *_: object) -> None:
        self._is_told = True

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._reading

    def drain(self) -> None:
        """Read all data from the descriptor after it has become readable."""
        with suppress(BlockingIOError):
            os.read(self._reading, 4096)

    def was_told_to_end(self) -> bool:
        """True if this process has received SIGTERM since the last call."""
        is_told, self._is_told = self._is_told, False
        return is_told
