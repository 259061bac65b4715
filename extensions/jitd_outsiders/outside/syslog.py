# SPDX-License-Identifier: Apache-2.0
"""Sends events to a receiver of syslog, over a connection that is kept between batches.

No receiver of syslog confirms a message. What is confirmed here is less: the receiver's kernel has all bytes (TCP, TLS), or the
receiver has read them (Unix socket). A receiver that is killed then loses what it had read and not stored. When jitd-outside
finds that the connection has ended, it connects anew and says so (``Delivered.is_new``), and the daemon delivers the last events
again.
Law: an event is sent in one frame of a known length, or in one datagram. A frame that was sent in part ends its connection. TLS
is used only with a certificate for ``host``. The functions ``message`` and ``local_message`` are pure.
Sources: RFC 5424; RFC 5425 section 4.3, RFC 6587 section 3.4.1 (octet counting); RFC 3164 as syslog(3) writes it; tcp(7) and
unix(7), SIOCOUTQ.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import ssl
import struct
import termios
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from jitd.beside.answering import NoAnswer
from jitd_outsiders.outside.connecting import connected
from jitd_outsiders.outside.deliveries import FACILITIES, LONGEST_HEADER, LONGEST_MESSAGE, Delivered, Event, Syslog
from jitd_outsiders.outside.fetching import context_of, told
from jitd_outsiders.outside.keys import Keys
from jitd_outsiders.outside.outcome import TAKEN, Fate, Outcome, delivered

APPLICATION = "jitd-record"  # APP-NAME, and the tag of a local message. What the daemon logs has the tag `jitd`.
LAST_SEQUENCE = 2**31 - 1  # the last number of `sequenceId` (RFC 5424 section 7.3.1). The next one is 1.
PART = 64 * 1024
MOST_HEARD = 128 * 1024  # bytes that a receiver may have sent between two looks: it says nothing but what TLS needs
SECONDS_BETWEEN_LOOKS = (0.001, 0.05)  # between two looks at what the kernel has not sent yet. No call waits for that
SECONDS_TO_SETTLE = 1.0
"""Seconds for which a new connection over TCP or TLS is watched before an event is sent. A receiver that does not want this
client accepts the connection, and with TLS 1.3 also the end of the handshake, before it ends the connection.
"""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def priority(event: Event, facility: str) -> int:
    """Return the PRIVAL of ``event`` (RFC 5424 section 6.2.1)."""
    return FACILITIES.index(facility) * 8 + event.severity


def message(event: Event, host: str, facility: str) -> bytes:
    """Return ``event`` as a message of RFC 5424: the structured data are our numbers, and the JSON is ASCII, so no BOM."""
    sequence = (event.number - 1) % LAST_SEQUENCE + 1
    head = f'<{priority(event, facility)}>1 {event.at} {host} {APPLICATION} - {event.name} [meta sequenceId="{sequence}"] '
    return f"{head}{event.text}".encode("ascii")


def local_message(event: Event, facility: str, now: datetime) -> bytes:
    """Return ``event`` as syslog(3) writes it to /dev/log, where RFC 5424 is not read. ``now`` is in the host's zone."""
    stamp = f"{MONTHS[now.month - 1]} {now.day:2} {now:%H:%M:%S}"
    return f"<{priority(event, facility)}>{stamp} {APPLICATION}: {event.text}".encode("ascii")


def framed(whole: bytes) -> bytes:
    """Return the message ``whole`` with its length before it (octet counting)."""
    return b"%d %b" % (len(whole), whole)


class Connection:
    """A connection to the receiver ``destination``. Use ``connect`` to create one."""

    def __init__(
        self, destination: Syslog, line: socket.socket, tls: _Tls | None, bound: tuple[int, int, int] = (0, 0, 0)
    ) -> None:
        self._destination = destination
        self._line = line
        self._tls = tls
        self._is_counted = destination.transport != "unix"
        self._is_datagram = line.type == socket.SOCK_DGRAM
        self._bound = bound

    def stands(self) -> bool:
        """Read and drop what the receiver has sent. Return False if it has ended the connection, or does not speak syslog, but
        sends so much that reading it could take for ever.
        """
        if self._is_datagram and not self._is_bound():
            return False
        n_heard = 0
        while n_heard <= MOST_HEARD:
            try:
                heard = self._line.recv(PART)
            except BlockingIOError:
                return True
            except (OSError, ssl.SSLError):
                return False
            if not heard:
                return False
            if self._tls is not None and not self._tls.hear(heard):
                return False
            n_heard += len(heard)
        return False

    def _is_bound(self) -> bool:
        """True if the socket that takes the datagrams is the one from the beginning, and a process has it. The kernel says
        neither by this connection before the next datagram is sent.
        """
        try:
            if _bound(self._destination.path) != self._bound:
                return False
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
                probe.connect(self._destination.path)
        except OSError:
            return False
        return True

    async def send(self, events: Sequence[Event], host: str) -> Sequence[Event]:
        """Send ``events``, and wait until they have been taken. Return the events that are longer than a datagram to the receiver
        may be, and were not sent. After an exception it is not known which events were taken, and the connection must be closed.
        Raises OSError, ssl.SSLError, NoAnswer.
        """
        loop = asyncio.get_running_loop()
        facility = self._destination.facility
        too_long = []
        if not events:
            return ()
        if self._is_counted:
            written = b"".join(framed(message(event, host, facility)) for event in events)
            await loop.sock_sendall(self._line, written if self._tls is None else self._tls.sealed(written))
        else:
            now = datetime.now().astimezone()
            for event in events:
                single = local_message(event, facility, now)
                try:
                    await loop.sock_sendall(self._line, single if self._is_datagram else single + b"\n")
                except OSError as fault:
                    if fault.errno != errno.EMSGSIZE:
                        raise
                    too_long.append(event)
        await self._confirmed()
        return too_long

    async def _confirmed(self) -> None:
        """Wait until the kernel has nothing of this connection any more that the other side has not taken. Raises NoAnswer if the
        receiver ends the connection before.
        """
        pause, longest = SECONDS_BETWEEN_LOOKS
        while self._n_unsent():
            if not self.stands():
                break
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)
        if not self.stands():
            raise NoAnswer("the receiver has ended the connection")

    def _n_unsent(self) -> int:
        found: tuple[int] = struct.unpack("i", fcntl.ioctl(self._line, termios.TIOCOUTQ, struct.pack("i", 0)))
        return found[0]

    def close(self) -> None:
        """Close the connection. The kernel sends what it still has."""
        self._line.close()


class _Tls:
    """The client's side of TLS, between bytes in memory: so it is known when the kernel has them."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._heard, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._heard, self._to_send, server_hostname=host)

    async def begin(self, line: socket.socket) -> None:
        """Raises ssl.SSLError, OSError."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                self._object.do_handshake()
                is_done = True
            except ssl.SSLWantReadError:
                is_done = False
            if self._to_send.pending:
                await loop.sock_sendall(line, self._to_send.read())
            if is_done:
                return
            if heard := await loop.sock_recv(line, PART):
                self._heard.write(heard)
            else:
                raise ConnectionResetError(errno.ECONNRESET, "the receiver ended the connection before TLS began")

    def sealed(self, content: bytes) -> bytes:
        """Return ``content`` as the bytes to send."""
        self._object.write(content)
        return self._to_send.read()

    def hear(self, heard: bytes) -> bool:
        """Take ``heard``, which a receiver sends about TLS itself. Return False if it ends TLS."""
        self._heard.write(heard)
        try:
            while self._object.read(PART):
                pass
        except ssl.SSLWantReadError:
            return True
        except ssl.SSLError:
            return False
        return False


async def connect(destination: Syslog, certificate: bytes) -> Connection:
    """Connect to ``destination``. ``certificate`` is the client certificate of jitd-outside with its key (PEM), and may be empty.
    Raises OSError, ssl.SSLError, NoAnswer, NotAllowed.
    """
    if destination.transport == "unix":
        bound = _bound(destination.path)  # before: a socket that is bound meanwhile is taken for another one, and not the reverse
        return Connection(destination, await _unix(destination.path), None, bound)
    context = context_of(destination.ca, certificate) if destination.transport == "tls" else None
    line = await connected(destination.host, destination.port, destination.addresses)
    try:
        tls = None
        if context is not None:
            tls = _Tls(context, destination.host)
            await tls.begin(line)
        made = Connection(destination, line, tls)
        await asyncio.sleep(SECONDS_TO_SETTLE)
        if not made.stands():
            raise NoAnswer("the receiver ends each connection at once: does it want another client, or a client certificate?")
        return made
    except BaseException:
        line.close()
        raise


def _bound(path: str) -> tuple[int, int, int]:
    """Return what tells the socket at ``path`` from one that is bound later, which may have the same inode. Raises OSError."""
    found = os.stat(path)
    return found.st_dev, found.st_ino, found.st_mtime_ns


async def _unix(path: str) -> socket.socket:
    """Connect to the socket at ``path``, which takes datagrams or a stream. Raises OSError."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        line = socket.socket(socket.AF_UNIX, kind)
        try:
            line.setblocking(False)
            with suppress(OSError):  # a smaller buffer refuses long messages, one by one
                line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * LONGEST_MESSAGE)
            await asyncio.get_running_loop().sock_connect(line, path)
        except OSError as fault:
            line.close()
            if fault.errno == errno.EPROTOTYPE and kind == socket.SOCK_DGRAM:
                continue
            raise
        except BaseException:
            line.close()
            raise
        return line
    raise AssertionError("the last kind returns or raises")


def is_too_long(event: Event, destination: Syslog, host: str) -> bool:
    """True if the receiver would cut the message of ``event``."""
    return (
        len(event.text) + LONGEST_HEADER > destination.longest and len(_as_sent(event, destination, host)) > destination.longest
    )


def _as_sent(event: Event, destination: Syslog, host: str) -> bytes:
    if destination.transport == "unix":
        return local_message(event, destination.facility, datetime.fromtimestamp(0))
    return message(event, host, destination.facility)


class SyslogSink:
    """See ``sink.Sink``. The secrets are in ``keys``."""

    def __init__(self, to: Syslog, keys: Keys) -> None:
        self._to = to
        self._keys = keys
        self._connection: Connection | None = None

    async def deliver(self, events: Sequence[Event], sender: str, found: list[Outcome]) -> Delivered:
        if self._connection is None or not self._connection.stands():
            await self.close()
            certificate = self._keys.get(self._to.certificate) if self._to.certificate else b""
            self._connection = await connect(self._to, certificate)
            return Delivered(0, is_new=True)
        made = [self._outcome(event, sender) for event in events]
        to_send = [event for event, outcome in zip(events, made, strict=True) if outcome is TAKEN]
        is_sent = False
        try:
            too_long = await self._connection.send(to_send, sender)
            is_sent = True
        finally:
            if not is_sent:
                await self.close()
        for number, outcome in enumerate(made):
            found.append(_longer_than_socket() if events[number] in too_long else outcome)
        return delivered(found, len(events), "")

    def told(self, fault: Exception) -> str:
        return told(fault, "syslog")

    def _outcome(self, event: Event, host: str) -> Outcome:
        if is_too_long(event, self._to, host):
            return Outcome(
                Fate.NEVER, f"its message is longer than {self._to.longest} bytes, the longest that this receiver takes"
            )
        return TAKEN

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _longer_than_socket() -> Outcome:
    return Outcome(Fate.NEVER, "its message is longer than a datagram to this socket may be")
