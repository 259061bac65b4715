# SPDX-License-Identifier: Apache-2.0
"""What makes monitors, and what they live in: one Protocol for each, for the module that orders them.

Law: nothing here does anything.
"""

from __future__ import annotations

import socket
from typing import Protocol


class Launcher(Protocol):
    """The process that forks monitors."""

    def start(self) -> socket.socket:
        """Start the launcher, or connect to it, and return the socket. Raises OSError."""

    def end(self) -> None:
        """Let the launcher end: it is not needed any more, or has ended. Raises nothing."""


class Housing(Protocol):
    """What puts a monitor into a control group, before the monitor makes its command's process."""

    async def open(self) -> None:
        """Get ready for monitors. Raises ExecutorError."""

    async def take_in(self, run: str, pid: int, ends_at_boot: float | None) -> None:
        """Move the monitor ``pid`` of ``run`` into its scope, if it is not there already. Raises ExecutorError.

        ``ends_at_boot`` is the time limit of the run, in seconds on CLOCK_BOOTTIME; None for none.
        """

    async def close(self) -> None:
        """Release what ``open`` has taken. The control groups stay."""
