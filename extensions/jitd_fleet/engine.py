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
from typing import Any, NamedTuple

import nats.errors
from nats.aio.client import Client
from nats.errors import ProtocolError

from jitd_fleet.nkey import Key

PING_EVERY, PINGS = 20, 2  # seconds between pings, and how many may be unanswered: a silent end is noticed within a minute
AGAIN_AFTER = 1  # seconds until the next attempt to reach a server, and from one connection to the next one
BACK_WITHIN = 4.0  # seconds to make a lost connection again. A conversation in which nothing was on its way goes on
STEP_WITHIN = 5  # seconds that a server has to take a connection, and for each of the steps after that
CLOSED_WITHIN = 1.0
STEADY_AFTER = 60.0  # seconds after which a lost connection is told of again, also if the reason is the same
PENDING = 8 * 1024 * 1024  # bytes that wait for the server. More are a fault of the conversation that says them
MOST_FLUSHES = 4096
"""Maximum number of times that this end wants the server to take something at once: more than conversations on one connection
take. A server that sends as many PINGs, and takes no answer, is let go of.
"""
MOST_LINE = 64 * 1024  # bytes of a line of the server
MOST_MESSAGE = 1024 * 1024  # bytes of a message of the server: its default (max_payload). Ours have 32 KiB
MOST_DIGITS = 12  # digits of the number of a subscription, and of a size
END = b"\r\n"
NOBODY = b"NATS/1.0 503"  # how headers begin by which the server says that nobody listens. Nothing else of them is read


for _name in ("asyncio", "nats"):
    logging.getLogger(_name).addHandler(logging.NullHandler())  # otherwise, Python writes to standard error what they log


class NoEngine(Exception):
    """The engine cannot be reached. The message says why, in our own words."""


class _Reader:
    """Reads what a server says, in the place of the library's parser.

    Law: who has a key chooses the bytes of a subject, a reply subject, headers and a body. None of them ends the connection. The
    library takes some of them for faults of the server, and gives up.
    """

    def __init__(self, client: _Client) -> None:
        self._client = client
        self._unread = bytearray()
        self._head: _Head | None = None  # of the message that has begun

    async def parse(self, data: bytes) -> None:
        """Read what has come. Raises ProtocolError if no server of NATS says it, or it is too long."""
        self._unread += data
        while (said := self._cut()) is not None:
            if self._head is None:
                await self._hear(said)
            else:
                head, self._head = self._head, None
                await self._take(head, said)

    def _cut(self) -> bytes | None:
        """Return the next line, or the rest of the message that has begun, without its end; None if that has not come."""
        if self._head is None:
            n = self._unread.find(END, 0, MOST_LINE)
            if n < 0:
                if len(self._unread) >= MOST_LINE:
                    raise ProtocolError
                return None
        else:
            n = self._head.n_all
            if len(self._unread) < n + len(END):
                return None
            if self._unread[n : n + len(END)] != END:
                raise ProtocolError
        said = bytes(self._unread[:n])
        del self._unread[: n + len(END)]
        return said

    async def _hear(self, line: bytes) -> None:
        word, _, rest = line.partition(b" ")
        if word in (b"MSG", b"HMSG"):
            self._head = _Head.read(rest.split(b" "), n_sizes=len(word) - 2)
        elif word == b"PING":
            if self._client.has_many_to_flush:
                raise ProtocolError
            await self._client._process_ping()
        elif word == b"PONG":
            await self._client._process_pong()
        elif word == b"-ERR":
            await self._client._process_err(rest.decode("ascii", "replace").lower())
        elif word not in (b"+OK", b"INFO"):  # what INFO says after the first one is about other servers, and not looked at
            raise ProtocolError

    async def _take(self, head: _Head, said: bytes) -> None:
        header, body = said[: head.n_header], said[head.n_header :]
        is_nobody = not body and header[: len(NOBODY)] == NOBODY and header[len(NOBODY) : len(NOBODY) + 1] in (b"\r", b" ")
        if head.subject.isascii() and head.reply.isascii():  # as all of ours are
            status = NOBODY + 2 * END if is_nobody else b""
            await self._client._process_msg(head.sid, head.subject, head.reply, body, status)


class _Head(NamedTuple):
    """What the line before a message says of it. ``n_all`` bytes follow, of which the first ``n_header`` are headers."""

    subject: bytes
    sid: int
    reply: bytes
    n_header: int
    n_all: int

    @classmethod
    def read(cls, words: list[bytes], n_sizes: int) -> _Head:
        """``words`` are those of the line. Its last ``n_sizes`` are sizes. Raises ProtocolError."""
        if not 2 <= len(words) - n_sizes <= 3:
            raise ProtocolError
        subject, sid, *reply = words[:-n_sizes]
        numbers = (sid, *words[-n_sizes:])
        if not all(number.isdigit() and len(number) <= MOST_DIGITS for number in numbers):
            raise ProtocolError
        n_all, n_header = int(words[-1]), int(words[-2]) if n_sizes == 2 else 0
        if not n_header <= n_all <= MOST_MESSAGE:
            raise ProtocolError
        return cls(subject, int(sid), b"".join(reply), n_header, n_all)


class _Client(Client):
    """The library's, with a key that this process signs with: the library itself wants another library for that."""

    def __init__(self, key: Key) -> None:
        super().__init__()
        self._public_nkey = key.public
        self._ps = _Reader(self)  # type: ignore[assignment]  # the library calls `parse` alone

    @property
    def has_many_to_flush(self) -> bool:
        """True if the server has not taken for long what it was to take at once."""
        return self._flush_queue is not None and self._flush_queue.full()

    async def _read_loop(self) -> None:
        """As the library's. Whatever ends the reading ends the connection."""
        await super()._read_loop()
        await self._close(Client.CLOSED)

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        """Let go of the server at once. The library's own waits without end for one that takes nothing, and for TLS to end."""
        self._pending, self._pending_data_size = [], 0
        if self._transport:
            with suppress(AttributeError):  # asyncio's TLS has none for a connection that has ended by itself
                self._transport._io_writer.transport.abort()  # type: ignore[attr-defined]  # it is a TcpTransport
        await super()._close(status, do_cbs)

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Refuse a server that wants no TLS, and take no servers that it names."""
        if not (info.get("tls_required") and info.get("nonce")):
            raise nats.errors.Error("no TLS, or no keys")
        await super()._process_info({name: info[name] for name in info if name != "connect_urls"}, initial_connection)


Hear = Callable[[str, str, bytes | None], None]  # subject, reply subject and body. Without a body, nobody listens


async def _flush(client: _Client) -> None:
    """Wait until the server has taken all that was sent. The library's first question goes ahead of what it has kept."""
    for _ in range(2):
        await client.flush(STEP_WITHIN)


async def _let_go(client: _Client) -> None:
    with suppress(Exception):  # whatever it is, nobody has more use for this client
        await asyncio.wait_for(client.close(), CLOSED_WITHIN)


class _Heard:
    """What is subscribed to, whatever the connection is."""

    def __init__(self, subject: str, hear: Hear) -> None:
        self._subject, self._hear = subject, hear
        self._made: Any = None

    async def begin(self, client: _Client) -> None:
        self._made = await client.subscribe(self._subject, cb=self._take)

    async def end(self) -> None:
        with suppress(Exception):  # the connection is gone, and it with it
            if self._made is not None:
                await self._made.unsubscribe()

    async def _take(self, message: Any) -> None:
        is_nobody = not message.data and message.headers is not None and message.headers.get("Status") == "503"
        self._hear(message.subject, message.reply, None if is_nobody else message.data)


class Engine:
    """A connection, by ``key``, to one of ``servers``, whose certificates ``ca`` or the system's sign. ``on_closed``: it is lost
    for good. ``tell`` may get sentences about troubles, and ``changed`` whether the engine is there.
    """

    def __init__(self, servers: tuple[str, ...], key: Key, ca: str, on_closed: Callable[[], None]) -> None:
        self.key = key
        self.tell: Callable[[str], None] = lambda sentence: None
        self.changed: Callable[[bool], None] = lambda is_there: None
        self._servers, self._on_closed = list(servers), on_closed
        shuffle(self._servers)
        self._client: _Client | None = None
        self._fault: Exception | None = None
        self._heard: list[_Heard] = []
        self._attempts, self._name, self._told, self._since = 1, "", "", 0.0
        self._again: asyncio.Task[None] | None = None
        try:
            self._tls = ssl.create_default_context(cafile=ca or None)
        except (OSError, ssl.SSLError) as fault:
            raise NoEngine(f"{ca}, which says who signs the engine's certificate, cannot be read: {fault.strerror}") from None
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2

    async def connect(self, *, attempts: int, name: str) -> None:
        """Connect. With ``attempts`` below 0, try until it works, and again whenever the connection is lost. Otherwise try each
        server once, and for BACK_WITHIN if the connection is lost. Raises NoEngine.
        """
        self._attempts, self._name = attempts, name
        await self._reach(0.0)

    async def _reach(self, within: float) -> None:
        """Connect to one of the servers, each of which is tried once, and again for ``within`` seconds. Raises NoEngine.

        Each attempt has a client of its own. The library would make a lost connection again itself, and is never done with that
        if a server answers with what it does not expect.
        """
        loop = asyncio.get_running_loop()
        until, n_tried = loop.time() + within, 0
        while True:
            client = _Client(self.key)
            try:
                await self._attempt(client)
                for one in list(self._heard):
                    await one.begin(client)
                if self._heard:
                    await _flush(client)
            except asyncio.CancelledError:
                await _let_go(client)
                raise
            except Exception as fault:  # the library has no list of what it raises
                await self._note(fault)
                why = self.why(self._fault or fault)
                await _let_go(client)
                n_tried += 1
                if self._attempts >= 0 and n_tried >= len(self._servers) and loop.time() >= until:
                    raise NoEngine(why) from None
                self._servers.append(self._servers.pop(0))
                if self._attempts < 0 and why != self._told:
                    self._told = why
                    self.tell(why)
                if self._attempts < 0 or n_tried >= len(self._servers):
                    await asyncio.sleep(AGAIN_AFTER)
            else:
                self._client, self._since = client, loop.time()
                self.changed(True)
                if client.is_closed:  # since the attempt
                    self._lost(client)
                return

    async def _attempt(self, client: _Client) -> None:
        async def closed() -> None:
            self._lost(client)

        await client.connect(
            self._servers[:1],
            name=self._name,
            tls=self._tls,
            signature_cb=self.key.sign,
            error_cb=self._note,
            closed_cb=closed,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=AGAIN_AFTER,
            connect_timeout=STEP_WITHIN,
            ping_interval=PING_EVERY,
            max_outstanding_pings=PINGS,
            pending_size=2 * PENDING,
            flusher_queue_size=MOST_FLUSHES,
            no_echo=True,
        )
        if not client.is_connected:  # the library takes the end of a connection for an answer
            raise ConnectionResetError

    def _lost(self, client: _Client) -> None:
        if self._client is client:
            self._client = None
            self.changed(False)
            self._servers.append(self._servers.pop(0))
            loop = asyncio.get_running_loop()
            if loop.time() - self._since > STEADY_AFTER:
                self._told = ""
            self._again = loop.create_task(self._come_back())

    async def _come_back(self) -> None:
        await asyncio.sleep(self._since + AGAIN_AFTER - asyncio.get_running_loop().time())
        try:
            await self._reach(BACK_WITHIN)
        except NoEngine:
            self._on_closed()
        else:
            if self._told:
                self.tell("the engine is reached again")

    async def close(self) -> None:
        while self._again is not None and not self._again.done() and self._again is not asyncio.current_task():
            self._again.cancel()  # which wait_for loses in Python 3.11 if what it waits for is done just then
            await asyncio.wait({self._again}, timeout=CLOSED_WITHIN)
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # whatever it is, the process has no more use for it
                await asyncio.wait_for(_flush(client), CLOSED_WITHIN)
            await _let_go(client)

    async def publish(self, subject: str, message: bytes, reply: str = "") -> None:
        """Send a message. Never waits for the server. Raises what the library raises, and NoEngine."""
        client = self._there()
        if client.pending_data_size > PENDING:
            raise NoEngine("the engine takes nothing")
        await client.publish(subject, message, reply)

    async def subscribe(self, subject: str, hear: Hear) -> Callable[[], Awaitable[None]]:
        """Have ``hear`` called with each message of ``subject``, also of a connection that is made later. Return what ends it."""
        one = _Heard(subject, hear)
        self._heard.append(one)
        if self._client is not None:
            await one.begin(self._client)

        async def end() -> None:
            self._heard.remove(one)
            await one.end()

        return end

    async def flush(self) -> None:
        """Wait until the server has taken all that was sent."""
        await _flush(self._there())

    def _there(self) -> _Client:
        if self._client is None:
            raise NoEngine("the engine cannot be reached at the moment")
        return self._client

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
