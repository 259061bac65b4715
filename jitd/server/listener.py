# SPDX-License-Identifier: Apache-2.0
"""The daemon's sockets. A listener accepts connections, counts them, and ends handshakes that take too long.

Law: the number of connections of each account is limited. A connection counts for the account that has started its process (its
real uid), so that su and sudo count for the person who uses them. Only a process that root has started is exempt. A listener
never waits for a client. The socket always has the right mode and owner.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import struct
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from jitd.core.party import Party
from jitd.log import log
from jitd.releasing import RELEASER
from jitd.server.channel import Channel, refuse
from jitd.server.connection import Connection
from jitd.server.peer import Count, Peer
from jitd.server.room import Room
from jitd.server.services import Services
from jitd.server.visit import Visit
from jitpam.wire import coding, messages
from jitpam.wire.framing import frame

HANDSHAKE_FOR = 5.0  # maximum time, in seconds, from accept to the client's last token
TYPED_FOR = 90.0  # seconds from accept to Welcome with a local password: jitd searches for KDCs, and the person types
BACKLOG = 1024


def _refusal(text: str) -> bytes:
    """Return the frame by which a connection is refused before its first message."""
    return frame(coding.encode(messages.Refused(code="not_done", text=text)))


TOO_MANY_OF_ONE = _refusal("you have too many connections to jitd: end some, and try again")
TOO_MANY = _refusal("jitd has too many connections: try again in a moment")
_CREDENTIALS = struct.Struct("iII")


def bind(path: Path, group: int | None = None) -> socket.socket:
    """Return a listening socket at ``path`` that every local account may use, or, if ``group`` is given, root and this group. The
    directory of ``path`` must belong to root, so that only root can replace the socket.

    The socket is bound under another name, and gets the name ``path`` when its mode is right. So the socket at ``path`` never has
    a wrong mode. Raises OSError.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        sock.bind(str(fresh))
        if group is not None:
            os.chown(fresh, 0, group)
        fresh.chmod(0o666 if group is None else 0o660)
        sock.listen(BACKLOG)
        fresh.rename(path)
    except OSError:
        sock.close()
        raise
    return sock


class Accepting:
    """Accepts connections on ``sock``, and keeps each connection until it ends. ``per_party`` and ``n_most`` are the maximum
    numbers of connections that count for one party, and of all.
    """

    def __init__(self, sock: socket.socket, services: Services, per_party: int, n_most: int) -> None:
        self._socket = sock
        self._services = services
        self._per_party = per_party
        self._n_most = n_most
        self._room = Room()
        self._of: Counter[Party] = Counter()
        self._open: set[Connection] = set()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(64):  # then the accepted connections get their turn
            try:
                if RELEASER.is_full:
                    raise OSError(errno.EMFILE, "what clients have sent takes too long to close")
                sock, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as fault:  # no descriptors are left, so the other clients wait in the backlog for a moment
                log("cannot accept", fault=fault)
                self._loop.remove_reader(self._socket.fileno())
                self._loop.call_later(0.1, self._resume)
                return
            self._admit(sock)

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket.fileno(), self._accept)

    def _admit(self, sock: socket.socket) -> None:
        """Begin a connection with ``sock``, which was just accepted, or refuse it."""
        raise NotImplementedError

    def _begin(
        self, sock: socket.socket, party: Party, end: Callable[[Count], Peer | Visit], left: Callable[[], None] = lambda: None
    ) -> None:
        """Begin a connection that counts for ``party`` until it counts for somebody else, or ends. Then ``left`` is called."""
        self._of[party] += 1
        counted = party
        connection: Connection | None = None
        is_over = False
        deadline: asyncio.TimerHandle

        def ended() -> None:
            nonlocal is_over
            is_over = True
            left()
            self._forget(counted)
            deadline.cancel()
            if connection is not None:
                self._open.discard(connection)

        def too_slow() -> None:
            nonlocal deadline
            if connection is not None and connection.is_typing and self._loop.time() < typed_until:
                deadline = self._loop.call_at(typed_until, too_slow)
                return
            if connection is not None and not connection.has_proved:
                connection.close()

        def count_for(person: Party) -> bool:
            nonlocal counted
            if is_over or (person != counted and self._is_full_for(person)):
                return False
            left()
            self._of[person] += 1
            self._forget(counted)
            counted = person
            return True

        typed_until = self._loop.time() + TYPED_FOR
        deadline = self._loop.call_later(HANDSHAKE_FOR, too_slow)
        channel = partial(Channel, sock, self._loop, self._room.place(party))
        connection = Connection(self._services, channel, end(count_for), party, count_for, ended)
        self._open.add(connection)

    def _is_full_for(self, party: Party) -> bool:
        return self._of[party] >= self._per_party

    def _forget(self, party: Party) -> None:
        self._of[party] -= 1
        if not self._of[party]:
            del self._of[party]

    @property
    def n_open(self) -> int:
        return self._of.total()

    def close(self) -> None:
        """Stop accepting. Waiting requests are not withdrawn, because their clients will connect to the next daemon. The end of
        this process closes the socket, together with what clients have sent that nobody has accepted yet.
        """
        self._loop.remove_reader(self._socket.fileno())
        self._socket.detach()


class Listener(Accepting):
    """Accepts the connections of people on this host."""

    def _admit(self, sock: socket.socket) -> None:
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(raw)
        peer = Peer(sock, uid, pid)
        party = self._services.subordinates.party_of(peer.started_by())
        if self._is_full_for(party):
            return refuse(sock, TOO_MANY_OF_ONE if self._of[party] >= self._per_party else TOO_MANY)
        self._begin(sock, party, lambda count_for: peer)

    def _is_full_for(self, party: Party) -> bool:
        return not party.is_root and (self._of[party] >= self._per_party or self._of.total() >= self._n_most)
