# SPDX-License-Identifier: Apache-2.0
"""What monitors are made by and live in, for whoever orders them: one Protocol for each.

Law: nothing here does anything.
"""

from __future__ import annotations

import socket
from typing import Protocol


class Launcher(Protocol):
    """Where monitors are forked from."""

    def start(self) -> socket.socket:
        """Have one, and a socket to it. Raises OSError."""

    def end(self) -> None:
        """It is not needed any more, or has ended. Raises nothing."""


class Housing(Protocol):
    """What takes a monitor in before it makes its command's process."""

    async def open(self) -> None:
        """Be there for monitors. Raises ExecutorError."""

    async def take_in(self, run: str, pid: int, ends_at_boot: float | None) -> None:
        """Move the monitor of ``run`` into its control group or scope; one that is there already stays. Raises ExecutorError."""

    async def close(self) -> None:
        """Leave; what is housed stays."""
