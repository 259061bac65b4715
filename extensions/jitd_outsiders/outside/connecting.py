# SPDX-License-Identifier: Apache-2.0
"""Opens the connection to another host. Nothing is sent to a forbidden address.
Law: jitd-outside checks the address of the connected socket. Therefore a name server cannot bypass the check by giving a
different address later. Forbidden addresses are skipped.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import httpcore

from jitd_outsiders.outside.addresses import may_connect

EACH_WITHIN = 3.0  # seconds to connect to one of several addresses. The last one may use all that is left


class NotAllowed(Exception):
    """The host has only forbidden addresses. The text of the exception is a sentence."""


class Checked(httpcore.AsyncNetworkBackend):
    """Connects only to addresses in the networks ``listed``. If ``listed`` is empty, connects only to public addresses."""

    def __init__(self, listed: tuple[str, ...]) -> None:
        self._listed = listed
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to ``host``. Raises NotAllowed, OSError and httpcore.ConnectError."""
        allowed = await _allowed(host, port, self._listed)
        for address in allowed[:-1]:
            try:
                return await self._connect(host, address, port, EACH_WITHIN)
            except (OSError, httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._connect(host, allowed[-1], port, None)

    async def _connect(self, host: str, address: str, port: int, timeout: float | None) -> httpcore.AsyncNetworkStream:
        stream = await self._inner.connect_tcp(address, port, timeout=timeout)
        peer = stream.get_extra_info("server_addr")
        if not isinstance(peer, tuple) or not may_connect(str(peer[0]), self._listed):
            await stream.aclose()
            raise NotAllowed(_sentence(host, str(peer), self._listed))
        return stream

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the socket at ``path``. Raises httpcore.ConnectError."""
        return await self._inner.connect_unix_socket(path, timeout=timeout)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def connected(host: str, port: int, listed: tuple[str, ...]) -> socket.socket:
    """Return a socket to ``host`` that does not block. ``listed`` is as in ``Checked``. Raises NotAllowed, OSError."""
    allowed = await _allowed(host, port, listed)
    for address in allowed[:-1]:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(EACH_WITHIN):
                return await _socket(host, address, port, listed)
    return await _socket(host, allowed[-1], port, listed)


async def _socket(host: str, address: str, port: int, listed: tuple[str, ...]) -> socket.socket:
    line = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, (address, port))
        peer = line.getpeername()
        if not may_connect(str(peer[0]), listed):
            raise NotAllowed(_sentence(host, str(peer), listed))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        line.close()
        raise
    return line


async def _allowed(host: str, port: int, listed: tuple[str, ...]) -> list[str]:
    """Return the addresses of ``host`` to which jitd-outside may connect. Raises NotAllowed if there are none, OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    allowed = [address for address in addresses if may_connect(address, listed)]
    if not allowed:
        raise NotAllowed(_sentence(host, addresses[0] if addresses else "no address", listed))
    return allowed


def _sentence(host: str, address: str, listed: tuple[str, ...]) -> str:
    if listed:
        return f"{host} leads to {address}, which is not in addresses ({', '.join(listed)})"
    return f"{host} leads to {address}, which is not a public address; if that is right, list its network in addresses"
