# SPDX-License-Identifier: Apache-2.0
"""Sends packets to the launcher. This module also asks the launcher for a process that asks PAM about an account: whether a local
password is right, or whether the account may be used.

Law: no packet contains the password. The daemon passes its end of the client's socket to the process that checks the password.
The daemon itself reads nothing from this socket.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence

from jitd.monitor.orders import TO_LAUNCHER
from jitd.monitor.proof_orders import NO, POLICY_WITHIN, UNSET, WITHIN, YES, MayUse, Prove
from jitd.releasing import RELEASER

Launcher = Callable[[], socket.socket | None]  # the current launcher's socket, or None while it is being restarted


async def hand_over(launcher: Launcher, packet: bytes, descriptors: Sequence[int]) -> None:
    """Send the launcher one packet with ``descriptors``. Either the whole packet is sent, or OSError is raised."""
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
    """As ``Executor.check_password``, by a child of the launcher."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    with ours:
        try:
            with theirs:
                theirs.setblocking(True)
                try:
                    packet = TO_LAUNCHER.write(Prove(user))
                except ValueError as fault:
                    raise OSError(0, str(fault)) from None
                await hand_over(launcher, packet, [client.fileno(), theirs.fileno()])
        finally:
            RELEASER.close(client.detach())  # the person may have sent more than a password
        try:
            async with asyncio.timeout(WITHIN + 5.0):
                answer = await asyncio.get_running_loop().sock_recv(ours, 64)
        except TimeoutError:
            answer = b""
    if not answer:  # the process was too slow or was killed; this is treated as a wrong password, since it may have been a guess
        return False
    if answer == UNSET:
        raise OSError(0, "PAM is not set up for local passwords (/etc/pam.d/jitd-local)")
    return True if answer == YES else False if answer == NO else None


async def account_code(launcher: Launcher, order: MayUse) -> int:
    """Let a child of the launcher ask PAM whether an account may be used. Return the code of pam_acct_mgmt(3); 0 is yes. Raises
    OSError if PAM could not be asked, or has not answered within POLICY_WITHIN seconds.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    with ours:
        with theirs:
            theirs.setblocking(True)
            try:
                packet = TO_LAUNCHER.write(order)
            except ValueError as fault:
                raise OSError(0, str(fault)) from None
            await hand_over(launcher, packet, [theirs.fileno()])
        try:
            async with asyncio.timeout(POLICY_WITHIN + 1.0):
                answer = await asyncio.get_running_loop().sock_recv(ours, 64)
        except TimeoutError:
            answer = b""
    if answer == UNSET:
        raise OSError(0, f"the PAM service {order.service} is not set up on this host")
    if not answer.isdigit():
        raise OSError(0, f"PAM did not answer within {POLICY_WITHIN} seconds")
    return int(answer)
