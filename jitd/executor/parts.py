# SPDX-License-Identifier: Apache-2.0
"""The Protocols of the two parts that ``monitors`` uses. The Launcher creates monitors, and the Housing puts monitors into
control groups.
"""

from __future__ import annotations

import socket
from typing import Protocol


class Launcher(Protocol):
    """The process that forks monitors."""

    def start(self) -> socket.socket:
        """Start the launcher, or connect to it, and return the socket. Raises OSError."""

    def end(self) -> None:
        """Let the launcher end, which is not needed any more, or has ended. Raises nothing."""


class Housing(Protocol):
    """Puts a monitor into a control group before the monitor creates the process of its command."""

    async def take_in(self, run: str, pid: int, ends_at_boot_ns: int | None) -> bool:
        """Move the monitor ``pid`` of ``run`` into the scope of the run, if the monitor is not there already. Return False
        if there is no scope, and there will be none: then the monitor makes a control group. Raises ExecutorError.

        ``ends_at_boot_ns`` is the time limit of the run, in nanoseconds on CLOCK_BOOTTIME. None means no time limit.
        """

    def close(self) -> None:
        """Release all resources. The control groups stay."""
