# SPDX-License-Identifier: Apache-2.0
"""The connection to an engine, a server of NATS. This is the only module that imports nats-py, and it is imported only where an
engine is used.

Law: the engine is trusted with nothing, and still it is spoken with by TLS alone, with a key, at the servers that were named, and
none of its words is shown.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import shuffle
from typing import Any

import nats.errors
from nats.aio.client import Client

from jitd_fleet.nkey import Key

PING_EVERY, PINGS = 20, 2
"""Seconds between pings, and how many may be unanswered: a server that is gone without a word is noticed within a minute."""
AGAIN_AFTER = 1
"""Seconds until the next attempt to reach a server."""
CLOSED_WITHIN = 1.0
PENDING = 8 * 1024 * 1024
"""Maximum number of bytes that wait for the server. What goes beyond it is a fault of the conversation that says it."""


for _name in ("asyncio", "nats"):
    logging.getLogger(_name).addHandler(logging.NullHandler())  # otherwise, Python writes to standard error what they log


class NoEngine(Exception):
    """The engine cannot be reached. The message says why, in our own words."""


class _Client(Client):
    """The library's, with a key that this process signs with: the library itself wants another library for that."""

    def __init__(self, key: Key) -> None:
        super().__init__()
        self._public_nkey = key.public

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Refuse a server that wants no TLS, and take no servers that it names."""
        if initial_connection and not (info.get("tls_required") and info.get("nonce")):
            raise nats.errors.Error("no TLS, or no keys")
        await super()._process_info({name: info[name] for name in info if name != "connect_urls"}, initial_connection)


class Engine:
    """One connection, by ``key``, to one of ``servers``. ``ca`` is a file with the certificates that sign theirs; if it is empty,
    those that the system trusts do.
    """

    def __init__(self, servers: tuple[str, ...], key: Key, ca: str, on_closed: Callable[[], None]) -> None:
        self.key = key
        self._servers, self._on_closed = servers, on_closed
        self._client: _Client | None = None
        self._fault: Exception | None = None
        try:
            self._tls = ssl.create_default_context(cafile=ca or None)
        except (OSError, ssl.SSLError) as fault:
            raise NoEngine(f"{ca}, which says who signs the engine's certificate, cannot be read: {fault.strerror}") from None
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2

    async def connect(self, *, attempts: int, name: str) -> None:
        """Connect. With ``attempts`` below 0, try until it works, and again whenever the connection is lost. Raises NoEngine.

        Each attempt has a client of its own, because one that has refused a certificate waits for ever for the end of TLS.
        """
        servers = list(self._servers)
        shuffle(servers)
        n_left = len(servers)
        while True:
            client = _Client(self.key)
            try:
                await self._attempt(client, servers, attempts, name)
            except Exception as fault:  # the library has no list of what it raises
                await self._note(fault)
                with suppress(Exception):
                    await asyncio.wait_for(client.close(), CLOSED_WITHIN)
                n_left -= 1
                if attempts >= 0 and n_left <= 0:
                    raise NoEngine(self.why(self._fault or fault)) from None
                servers.append(servers.pop(0))
                if attempts < 0:
                    await asyncio.sleep(AGAIN_AFTER)
            else:
                self._client = client
                return

    async def _attempt(self, client: _Client, servers: list[str], attempts: int, name: str) -> None:
        async def closed() -> None:
            if self._client is client:
                self._on_closed()

        await client.connect(
            servers,
            name=name,
            tls=self._tls,
            signature_cb=self.key.sign,
            error_cb=self._note,
            closed_cb=closed,
            allow_reconnect=False,
            dont_randomize=True,
            max_reconnect_attempts=attempts,
            reconnect_time_wait=AGAIN_AFTER,
            connect_timeout=5,
            ping_interval=PING_EVERY,
            max_outstanding_pings=PINGS,
            pending_size=PENDING,
            no_echo=True,
        )
        if not client.is_connected:  # the library takes the end of a connection for an answer
            raise ConnectionResetError
        client.options["allow_reconnect"] = True

    async def close(self) -> None:
        if self._client is not None:
            with suppress(Exception):  # whatever it is, the process has no more use for it
                await self._client.close()

    async def publish(self, subject: str, message: bytes, reply: str = "") -> None:
        assert self._client is not None
        await self._client.publish(subject, message, reply)

    async def subscribe(self, subject: str, hear: Callable[[str, str, bytes | None], None]) -> Callable[[], Awaitable[None]]:
        """Have ``hear`` called with the subject, the reply subject and the body of each message. The body is None if the server
        says that nobody listens. Return what ends it.
        """

        async def heard(message: Any) -> None:
            is_nobody = not message.data and message.headers is not None and message.headers.get("Status") == "503"
            hear(message.subject, message.reply, None if is_nobody else message.data)

        assert self._client is not None
        made = await self._client.subscribe(subject, cb=heard)
        return made.unsubscribe

    async def flush(self) -> None:
        """Wait until the server has taken all that was sent."""
        assert self._client is not None
        await self._client.flush()

    @property
    def fault(self) -> str:
        """Why the last attempt failed, as a sentence, or an empty string."""
        return "" if self._fault is None else self.why(self._fault)

    def why(self, fault: Exception) -> str:
        """Return why the engine cannot be reached, as a sentence."""
        where = ", ".join(server.partition("://")[2] for server in self._servers)
        if isinstance(fault, ssl.SSLCertVerificationError):
            return f"the engine at {where} has a certificate that is not accepted: {fault.verify_message}"
        if isinstance(fault, nats.errors.Error) and "authorization" in str(fault).lower():
            return f"the engine at {where} does not know the key {self.key.public} (jitd-door permissions)"
        if isinstance(fault, nats.errors.Error) and "no TLS" in str(fault):
            return f"what answers at {where} does not demand TLS and keys: nothing was said to it"
        if isinstance(fault, BrokenPipeError | ConnectionResetError):  # it may close before its answer is read
            return f"the engine at {where} has closed the connection: perhaps it does not know the key {self.key.public}"
        if isinstance(fault, OSError) and fault.strerror:
            said = fault.strerror
            if isinstance(fault, ConnectionError) and fault.errno:  # in the place of asyncio's words
                said = os.strerror(fault.errno)
            return f"the engine at {where} cannot be reached: {said}"
        return f"the engine at {where} cannot be reached, or does not speak as a server of NATS"

    async def _note(self, fault: Exception) -> None:
        if not isinstance(fault, nats.errors.NoServersError):
            self._fault = fault
