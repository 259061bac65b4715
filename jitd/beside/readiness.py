# SPDX-License-Identifier: Apache-2.0
"""Waits in the event loop until a descriptor can be read or written, or a child has ended. Nobody else may wait for the same at
the same time.
"""

from __future__ import annotations

import asyncio
import os
import socket

SECONDS_TO_END = 2.0
"""Seconds within which a process should end, after it was killed or its connection was closed. A killed process needs more only
if the kernel cannot end it: it waits for a disk or a server of files, or a tracer keeps it.
"""
LOOK_AGAIN = 0.005  # seconds between two checks whether a killed process has ended


async def until_readable(descriptor: int | socket.socket) -> None:
    """Wait until there is something to read, or the other end is closed. Of a pidfd: wait until its process has ended."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, wake, readable)
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)


async def until_writable(descriptor: int | socket.socket) -> None:
    """Wait until there is room to write, or the other end is closed."""
    loop = asyncio.get_running_loop()
    writable: asyncio.Future[None] = loop.create_future()
    loop.add_writer(descriptor, wake, writable)
    try:
        await writable
    finally:
        loop.remove_writer(descriptor)


async def until_ended(pid: int) -> None:
    """Wait until the child ``pid`` has ended, and reap it. A pidfd would not do: it can be read when the process has exited, and
    waitpid(2) still blocks while a tracer has not waited for it (ptrace(2)).
    """
    while not os.waitpid(pid, os.WNOHANG)[0]:
        await asyncio.sleep(LOOK_AGAIN)


def wake(waiting: asyncio.Future[None]) -> None:
    """End the wait for ``waiting``, if it has not ended yet."""
    if not waiting.done():
        waiting.set_result(None)
