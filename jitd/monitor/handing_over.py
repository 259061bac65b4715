# SPDX-License-Identifier: Apache-2.0
"""How the launcher hands descriptors to a process that it has forked.

Law: the process does nothing before the launcher has closed its own descriptors of what it has handed over. If the process had
ended by then, the launcher would close the last ones, and wait for what a client has sent to them as long as this client likes
(THREATS S-21).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import NoReturn


def forked(live: Callable[[socket.socket], NoReturn]) -> socket.socket:
    """Fork a process that does ``live`` with one end of a socket pair (``await_release``). Return the other. Raises OSError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    with theirs:
        try:
            if os.fork() == 0:
                ours.close()
                live(theirs)
        except OSError:
            ours.close()
            raise
    return ours


def await_release(launcher: socket.socket) -> None:
    """Wait until the launcher has closed its end of ``launcher``. Close ``launcher``. Raises OSError."""
    with launcher:
        launcher.recv(1)
