# SPDX-License-Identifier: Apache-2.0
"""Closes what others have sent to the daemon (ADR 0134).

To release the last reference to a file may take as long as its owner likes: a connection lingers (socket(7), SO_LINGER), and
other files are slow to go. The process that closes such a descriptor waits, as does one that reads or closes a connection in
whose queue it is. A process that ends does not linger, and if it is slow, nobody waits for it.

Law: the daemon closes no descriptor that others have chosen, and drops none from a queue, unless a child has it, too. The child
does nothing but end, and not before the daemon has closed its own. Sources: unix(7), SCM_RIGHTS, MSG_OOB; recv(2), MSG_PEEK;
posix_spawn(3).
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress

PROGRAM = "/bin/cat"
"""What the child executes: it ends when nobody can write to its standard input any more. To start a program costs the daemon
0.1 ms, and 1 ms where processors are few; to fork would cost 6 ms, because the daemon is large.
"""
PAUSE = 0.02
"""Seconds before each child. So no question at a gate waits for the start of the child that closes what came with it. Those who
send descriptors take less than a hundredth of the daemon's time, and a disk can be unmounted as soon as the questions of gates
that came from there are answered.
"""
AGAIN_AFTER = 1.0  # seconds after which the daemon tries again to start a child, if none could be started
MOST_CHILDREN = 16  # children that have not ended yet, from which on a child is started only if many descriptors wait
MOST_UNREAD = 8  # pieces of 64 KiB that are read of a connection that ends, before it is given to a child as it is
PIECE = 64 * 1024


class Carried(Exception):
    """Descriptors came with the next bytes of a connection, or right behind them. They are still there."""


def many() -> int:
    """Return the number of descriptors that may wait although children are slow: a sixteenth of what this process may have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 16


def be_looked_at(connection: socket.socket) -> None:
    """Let ``receive`` see every byte of the stream ``connection``. Without this it passes over a byte out of band, and the
    kernel drops what came with that. Raises OSError.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)


def receive(connection: socket.socket, most: int) -> bytes:
    """Receive up to ``most`` bytes of the stream ``connection``. They are empty if it has ended. Raises Carried, and takes
    nothing then. Raises BlockingIOError if nothing has arrived yet, and OSError.

    A look has no room for descriptors, so it takes none, and says whether there are some. It reaches at least as far as the bytes
    that it returns, so there are none in these.
    """
    data, _, flags, _ = connection.recvmsg(most, 0, socket.MSG_PEEK)
    if flags & socket.MSG_CTRUNC:
        raise Carried
    return connection.recv(len(data)) if data else data


class Releaser:
    """Closes descriptors in children. There is one for the process, as there is one table of descriptors."""

    def __init__(self) -> None:
        self._waiting: deque[int] = deque()
        self._children: set[int] = set()
        self._has_some: Callable[[], object] = lambda: None

    @property
    def is_full(self) -> bool:
        """True if so many descriptors wait that nobody who may send more should be accepted. It takes some to start a child, so
        without this, the process could be left with none for ever.
        """
        return len(self._waiting) >= 2 * many()

    def close(self, descriptor: int) -> None:
        """Have ``descriptor`` closed. Does not wait, raises nothing, and may be called in any thread. Until ``keep`` runs, and
        after it, the descriptor stays open, at most until this process ends.
        """
        self._waiting.append(descriptor)
        self._has_some()

    def end(self, connection: socket.socket) -> None:
        """End ``connection``, and close it, if nothing but bytes is left in its queue. After the shutdown nobody can add to this
        queue: what is found here is all that there is. A connection that carries packets must have SO_PASSCRED. Then any packet
        is more than bytes; without it, an empty one would look like the end.
        """
        if connection.fileno() < 0:
            return
        with suppress(OSError, Carried):
            connection.shutdown(socket.SHUT_RDWR)
            be_looked_at(connection)
            for _ in range(MOST_UNREAD):
                if not _unread(connection):
                    connection.close()
                    return
        self.close(connection.detach())

    async def keep(self, failed: Callable[[OSError], None]) -> None:
        """Start the children. ``failed`` is called if no child could be started; then this is tried again."""
        loop, has_some = asyncio.get_running_loop(), asyncio.Event()
        self._has_some = lambda: loop.call_soon_threadsafe(has_some.set)
        try:
            while True:
                if not self._waiting and not self._children:
                    has_some.clear()
                    await has_some.wait()
                await asyncio.sleep(PAUSE)  # no gate waits for the child of its own question, and one child takes all of it
                try:
                    self._reap()
                    self._start()
                except OSError as fault:
                    failed(fault)
                    await asyncio.sleep(AGAIN_AFTER)
        finally:
            self._has_some = lambda: None

    def _start(self) -> None:
        """Give all that waits to a child. Raises OSError, and then it waits on.

        If MOST_CHILDREN are slow, possibly for ever, what comes waits until it is much. So how many there are is limited by what
        one person may have in flight (unix(7), ETOOMANYREFS).
        """
        if not self._waiting or (len(self._children) >= MOST_CHILDREN and len(self._waiting) < many()):
            return
        reading, writing = os.pipe()
        given = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            inherited = [(os.POSIX_SPAWN_DUP2, old, new) for old, new in ((reading, 0), *zip(given, given, strict=True))]
            blocked = signal.valid_signals()  # a service manager that stops the daemon sends SIGTERM to the child as well
            self._children.add(os.posix_spawn(PROGRAM, [PROGRAM], {}, file_actions=inherited, setsigmask=blocked))
            while given:
                os.close(given.pop())
        finally:
            self._waiting.extend(given)
            os.close(reading)
            os.close(writing)

    def _reap(self) -> None:
        self._children = {child for child in self._children if not _has_ended(child)}


RELEASER = Releaser()


def _unread(connection: socket.socket) -> bytes:
    try:
        return receive(connection, PIECE)
    except ConnectionResetError:  # told once, when the queue is empty: the other end was closed with bytes of ours unread
        return b""


def _has_ended(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG)[0] != 0
    except ChildProcessError:  # the daemon was started with SIGCHLD ignored, so the kernel has reaped the child
        return True
