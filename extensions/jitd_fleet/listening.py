# SPDX-License-Identifier: Apache-2.0
"""``jitd-door tcp``: copies bytes between the connections that come to its TCP sockets and the door of this host, for all of them
in one process. systemd passes the sockets (jitd-door-tcp.socket).

Law: as ``jitd-door stdio``, it reads none of the bytes, has no key, keeps and logs nothing, and takes no more from one side
before the other side has taken what there is. Who may come, and how many at once, jitd decides. This process bounds only itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket

from jitd_fleet.own_door import PIECE, SOCKET, say, why_not
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from jitpam.wire.messages import Carried

MOST = 1024  # connections at the same time: as many conversations as jitd has at the door. Others wait in the kernel.
ENDED_WITHIN = 5.0  # seconds that a side has to take the last words of the other one
FIRST_PASSED = 3  # SD_LISTEN_FDS_START (sd_listen_fds(3))
PAUSE = 0.1  # seconds until the next attempt to accept, if no descriptor is left
PACE = 0.002  # seconds between two connections. jitd lets fewer begin (PROTOCOL.md section 13); to refuse one takes time
ALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))
"""A client that is gone without a word is noticed within two minutes. It may be one that only listens (tcp(7))."""


def listen() -> int:
    """Carry until SIGTERM. Return the exit status: 0, or 1 if systemd has passed no listening TCP socket."""
    is_ours = os.environ.get("LISTEN_PID") == str(os.getpid())
    n_passed = int(os.environ.get("LISTEN_FDS", "0")) if is_ours else 0
    listeners = [socket.socket(fileno=number) for number in range(FIRST_PASSED, FIRST_PASSED + n_passed)]
    inet = (socket.AF_INET, socket.AF_INET6)
    if not listeners or any(one.family not in inet or one.type != socket.SOCK_STREAM for one in listeners):
        say("jitd-door: jitd-door-tcp.socket has to pass TCP sockets: systemctl enable --now jitd-door-tcp.socket", 2)
        return 1
    asyncio.run(_listen(listeners))
    return 0


async def _listen(listeners: list[socket.socket]) -> None:
    is_room = asyncio.Semaphore(MOST)
    accepting = [asyncio.ensure_future(accept(one, SOCKET, is_room)) for one in listeners]
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    for one in accepting:
        one.cancel()


async def accept(listener: socket.socket, path: str, is_room: asyncio.Semaphore) -> None:
    """Carry each connection that comes to ``listener`` to the door at ``path``, until this is cancelled."""
    loop = asyncio.get_running_loop()
    listener.setblocking(False)
    carried: set[asyncio.Task[None]] = set()  # the loop keeps none of them alive

    def ended(one: asyncio.Task[None]) -> None:
        carried.discard(one)
        is_room.release()

    while True:
        await is_room.acquire()
        try:
            client, _ = await loop.sock_accept(listener)
        except OSError:  # one that has gone again, or no descriptor is left
            is_room.release()
            await asyncio.sleep(PAUSE)
            continue
        one = loop.create_task(carry(client, path))
        carried.add(one)
        one.add_done_callback(ended)
        await asyncio.sleep(PACE)


async def carry(client: socket.socket, path: str) -> None:
    """Carry ``client`` to the door at ``path`` until one of the two has ended."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError), client, socket.socket(socket.AF_UNIX) as door:
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, seconds in ALIVE:
            client.setsockopt(socket.IPPROTO_TCP, option, seconds)
        for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):  # the kernel would let each grow to some MiB (tcp(7))
            client.setsockopt(socket.SOL_SOCKET, buffer, PIECE)
        source = source_of(client.getpeername()[0])
        door.setblocking(False)
        try:
            await _connect(door, path)
        except OSError as fault:
            say(f"jitd-door: {why_not(fault)}", 2)
            return
        with contextlib.suppress(ConnectionError):  # jitd has refused already, and its words can be read
            door.sendall(frame(encode(Carried(carrier="tcp", source=source))))  # at once: until then jitd cannot count it as ours
        up = loop.create_task(_up(client, door))
        down = loop.create_task(_copy(door, client))
        try:
            while not any(one.done() for one in (up, down)) and not _has_ended(door):
                await asyncio.wait((up, down), timeout=ENDED_WITHIN, return_when=asyncio.FIRST_COMPLETED)
            if up.done() and up.result():
                return
            await asyncio.wait((down,), timeout=ENDED_WITHIN)  # jitd takes no more, but its last message can still be read
            with contextlib.suppress(BlockingIOError):
                client.recv(PIECE)  # who closes with unread bytes resets the connection, and may take the message back
        finally:
            for one in (up, down):
                one.cancel()
            await asyncio.gather(up, down, return_exceptions=True)


async def _connect(door: socket.socket, path: str) -> None:
    """Connect, and wait while the queue is full. (The loop's sock_connect would take EAGAIN for a connection under way.)"""
    while True:
        try:
            return door.connect(path)
        except BlockingIOError:
            await asyncio.sleep(PAUSE)


async def _up(client: socket.socket, door: socket.socket) -> bool:
    """Send what the client sends. Return true if the client has ended, and false if the door takes no more."""
    loop = asyncio.get_running_loop()
    while piece := await loop.sock_recv(client, PIECE):
        try:
            await loop.sock_sendall(door, piece)
        except OSError:
            return False
    return True


def _has_ended(door: socket.socket) -> bool:
    """Return true if jitd has closed its end, also if there are bytes before it that the client does not take."""
    poll = select.poll()
    poll.register(door, 0)
    return bool(poll.poll(0))


async def _copy(door: socket.socket, client: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while piece := await loop.sock_recv(door, PIECE):
        await loop.sock_sendall(client, piece)


def source_of(address: str) -> str:
    """Return ``address``, of IPv4 as it is usually written also if the socket is one of IPv6 (RFC 4291 section 2.5.5.2)."""
    mapped = "::ffff:"
    return address[len(mapped) :] if address.startswith(mapped) and "." in address else address
