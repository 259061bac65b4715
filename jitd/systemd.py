# SPDX-License-Identifier: Apache-2.0
"""Talks to the service manager that started the daemon, about passed sockets and who waits there, readiness and the watchdog.

Law: if there is no service manager, this module does nothing. A passed socket is accepted only if the settings also name this
socket.
Sources: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

from systemd import daemon

from jitpam.wire import coding, messages
from jitpam.wire.framing import frame

MOST_TURNED_AWAY = 1024  # clients refused at one socket: those who come again and again do not keep the process

DOOR = "door"  # the name of the door's socket (FileDescriptorName= of jitd-door.socket)


def turn_away(text: str, at_door: str) -> None:
    """Refuse each client that waits at a socket that systemd has passed, because no daemon can serve it: ``text`` says why, and
    ``at_door`` to strangers, who are at the door. While a client waits there, systemd would start the next daemon at once
    (systemd.socket(5)).

    This stands here, and not with the listener, because the clients wait for a few seconds only, and the modules of the server
    take half of the time of such a start.
    """
    for number, name in daemon.listen_fds_with_names().items():
        told = frame(coding.encode(messages.Refused(code="failed", text=at_door if name == DOOR else text)))
        passed = socket.socket(fileno=number)
        passed.setblocking(False)
        for _ in range(MOST_TURNED_AWAY):
            try:
                client, _ = passed.accept()
            except OSError:
                break
            with contextlib.suppress(OSError):
                client.send(told, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            client.detach()  # what it has sent may take long to close, but not when this process ends, which is next


def passed_sockets(path: Path, door: Path) -> tuple[socket.socket | None, socket.socket | None]:
    """Return the listening sockets for ``path`` and for ``door`` that systemd has passed, or None. There is none for ``door``
    without one for ``path``. Raises OSError if systemd has passed anything else.
    """
    passed = daemon.listen_fds()
    if not passed:
        return None, None
    own, at_door = ([one for one in passed if daemon.is_socket_unix(one, socket.SOCK_STREAM, 1, str(at))] for at in (path, door))
    if len(own) != 1:
        raise OSError(f"jitd.socket must pass one listening socket, {path}: ListenStream= and `socket` of jitd.toml differ")
    if len(at_door) > 1 or len(own) + len(at_door) != len(passed):
        raise OSError(f"jitd-door.socket must pass one listening socket, {door}: ListenStream= and `socket` of jitd.toml differ")
    return _ours(own[0]), _ours(at_door[0]) if at_door else None


def _ours(number: int) -> socket.socket:
    found = socket.socket(fileno=number)
    found.setblocking(False)
    found.set_inheritable(False)
    return found


def tell(*words: str) -> None:
    """Tell systemd ``READY=1``, ``RELOADING=1``, ``STOPPING=1`` or ``STATUS=…``, if it manages this service."""
    daemon.notify("\n".join(words))


def watchdog_period() -> float | None:
    """Return the seconds within which systemd wants a watchdog message, or None if it does not watch the daemon."""
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
