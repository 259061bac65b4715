# SPDX-License-Identifier: Apache-2.0
"""What the daemon and the service manager that started it tell each other: passed sockets, readiness, the watchdog.

Law: without a service manager nothing happens here. A passed socket is accepted only if the settings name it too. Sources:
sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

from systemd import daemon


def passed_socket(path: Path) -> socket.socket | None:
    """Return the listening socket for ``path`` that systemd has passed; None if it passed none. Raises OSError if systemd passed
    anything else.
    """
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
    """Tell systemd ``READY=1``, ``RELOADING=1``, ``STOPPING=1`` or ``STATUS=…``. Without a service manager nothing happens."""
    daemon.notify("\n".join(words))


def watchdog_period() -> float | None:
    """Return the seconds within which systemd expects a sign of life; None if systemd does not watch the daemon."""
    try:
        microseconds = int(os.environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 else None


async def keep_awake() -> None:
    """Notify the watchdog as long as the event loop runs."""
    period = watchdog_period()
    while period is not None:
        daemon.notify("WATCHDOG=1")
        await asyncio.sleep(period / 3)
