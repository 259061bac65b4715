# SPDX-License-Identifier: Apache-2.0
"""What a daemon and the service manager that started it tell each other: sockets passed, readiness, the watchdog.

Law: without a service manager nothing happens here; what it passed is taken only if it is what the configuration names.
Sources: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

from systemd import daemon


def passed_socket(path: Path) -> socket.socket | None:
    """The listening socket for ``path`` that systemd holds for us; None if it passed none. Raises OSError."""
    passed = daemon.listen_fds()
    if not passed:
        return None
    if len(passed) != 1 or not daemon.is_socket_unix(passed[0], socket.SOCK_STREAM, 1, str(path)):
        raise OSError(f"jitd.socket must pass one listening socket, {path}: ListenStream= and `socket` of jitd.toml differ")
    found = socket.socket(fileno=passed[0])
    found.setblocking(False)
    found.set_inheritable(False)
    return found


def tell(*words: str) -> None:
    """Tell systemd: ``READY=1``, ``RELOADING=1``, ``STOPPING=1``, ``STATUS=…``. Nothing happens where nobody listens."""
    daemon.notify("\n".join(words))


def watchdog_period() -> float | None:
    """Seconds within which systemd wants to hear of us, None if it does not watch."""
    try:
        microseconds = int(os.environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 else None


async def keep_awake() -> None:
    """Tell the watchdog for as long as the loop turns."""
    period = watchdog_period()
    while period is not None:
        daemon.notify("WATCHDOG=1")
        await asyncio.sleep(period / 3)
