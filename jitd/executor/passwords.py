# SPDX-License-Identifier: Apache-2.0
"""How the daemon has packets taken by the launcher, and a local password checked by a process that the launcher forks.

Law: the password is in no packet. The daemon gives its end of the client's socket away, and reads nothing from it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence

from jitd.monitor.proof_orders import NO, UNSET, WITHIN, YES, write_order

Launcher = Callable[[], socket.socket | None]
"""Returns the socket to the launcher that there is now; None while it is started again."""


async def hand_over(launcher: Launcher, packet: bytes, descriptors: Sequence[int]) -> None:
    """Send the launcher one packet with ``descriptors``: whole, or OSError is raised."""
    for _ in range(200):
        to = launcher()
        if to is not None:
            try:
                socket.send_fds(to, [packet], list(descriptors))
                return
            except BlockingIOError:  # many jobs wait for the launcher
                pass
        await asyncio.sleep(0.01)
    raise TimeoutError(0, "the launcher of monitors does not accept it")


async def have_checked(launcher: Launcher, user: str, client: socket.socket) -> bool | None:
    """Have the password checked that comes from the other end of ``client``, which is closed here. Return whether it is that of
    the account ``user``; None if none was sent. Raises OSError if it could not be checked.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    with ours:
        with client, theirs:
            theirs.setblocking(True)
            try:
                packet = write_order(user)
            except ValueError as fault:
                raise OSError(0, str(fault)) from None
            await hand_over(launcher, packet, [client.fileno(), theirs.fileno()])
        try:
            async with asyncio.timeout(WITHIN + 5.0):
                answer = await asyncio.get_running_loop().sock_recv(ours, 64)
        except TimeoutError:
            answer = b""
    if not answer:  # its time was over, or it was killed: that may have been a guess
        return False
    if answer == UNSET:
        raise OSError(0, "PAM is not set up for local passwords (/etc/pam.d/jitd-local)")
    return True if answer == YES else False if answer == NO else None
