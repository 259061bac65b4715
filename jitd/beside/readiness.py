# SPDX-License-Identifier: Apache-2.0
"""Waits in the event loop until a descriptor can be read or written. Nobody else may wait for the same at the same time."""

from __future__ import annotations

import asyncio
import socket


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


def wake(waiting: asyncio.Future[None]) -> None:
    """End the wait for ``waiting``, if it has not ended yet."""
    if not waiting.done():
        waiting.set_result(None)
