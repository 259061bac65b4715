# SPDX-License-Identifier: Apache-2.0
"""One client's socket in the event loop. The channel reads and sends frames. Some frames are sent together with a descriptor.

Law: a channel never blocks. A channel stores at most LIMIT_OUT bytes for a client that does not read. A channel reads a large
frame only when there is room for this frame. A channel takes descriptors only if it was told to, and only a limited number. A
client that sends others ends its connection, and what it has sent is closed where nobody waits for it (``releasing``). A
channel ends when the client has received the descriptors that were sent to it, and only MOST_GIVEN may wait in it. (This module
does not use asyncio's transports, because they would lose descriptors silently.)
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import termios
from collections import deque
from collections.abc import Callable

from jitd import releasing
from jitd.deciding.walking import Held
from jitd.releasing import RELEASER, Carried
from jitd.server.room import Slot
from jitpam.wire.faults import RemoteProtocolError
from jitpam.wire.framing import SMALL, FrameReader, frame

CHUNK = 64 * 1024
LIMIT_OUT = 16 * 1024 * 1024  # bytes that may be queued for a client. With more, it is disconnected
ENOUGH_OUT = 256 * 1024  # while more than this number of bytes is queued for a client, `drained` waits
FRAME_WITHIN = 10.0  # seconds until a frame is complete, from its first bytes, and from when there is room for it
MOST_GIVEN = 8
"""Maximum number of descriptors that wait until the client receives them: all things of one request (PROTOCOL.md section 10). The
kernel counts them for root, on the whole host, and lets root send no more if they are too many (unix(7), ETOOMANYREFS).
"""
RECEIVED_AGAIN = 0.5  # seconds between two looks whether the client has received what was sent to it
_ANCILLARY = socket.CMSG_SPACE(253 * array.array("i").itemsize)
"""Room for as many descriptors as can come at once (SCM_MAX_FD), because the kernel would close those for which there is none."""


class Channel:
    """One client's socket. ``on_frame`` is called with the body of each frame. ``on_close`` is called if the client disconnects
    or makes a fault. The argument of ``on_close`` is a sentence about the client's fault, or None if the client made no fault.

    After ``close``, neither ``on_frame`` nor ``on_close`` is called. ``on_end`` is called once, when the socket is closed. When
    the length of a large frame is known, room for the frame is taken from ``place``. The room is given back when the channel may
    read the next frame.
    """

    __slots__ = (
        "_closing", "_deadline", "_drained", "_is_read", "_is_written", "_keeps_room", "_loop", "_most", "_n_given", "_on_close",
        "_on_end", "_on_frame", "_out", "_out_bytes", "_paused", "_place", "_reader", "_received", "_socket",
    )  # fmt: skip

    def __init__(
        self,
        sock: socket.socket,
        loop: asyncio.AbstractEventLoop,
        place: Slot,
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str | None], None],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._socket = sock
        self._loop = loop
        self._place = place
        self._on_frame = on_frame
        self._on_close = on_close
        self._on_end = on_end
        self._reader = FrameReader()
        self._out: deque[tuple[memoryview, int | None]] = deque()
        self._out_bytes = 0
        self._drained: asyncio.Future[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._paused = False
        self._keeps_room = False
        self._closing = False
        self._most = 0
        self._n_given = 0
        self._received: list[Held] = []
        self._is_read = self._is_written = False
        sock.setblocking(False)
        releasing.be_looked_at(sock)
        self._read_on()

    @property
    def is_open(self) -> bool:
        """False if the channel is closed, or if the channel will be closed after its last queued frame."""
        return not self._closing

    @property
    def is_behind(self) -> bool:
        """True if the client has not received all that was sent to it."""
        return self._out_bytes > 0

    def raise_limit(self, limit: int) -> None:
        """From now on, accept frames of up to ``limit`` bytes."""
        self._reader.limit = limit

    def take_descriptors(self, most: int) -> None:
        """From now on, accept up to ``most`` descriptors with a frame."""
        self._most = most

    def received(self) -> list[Held]:
        """Return the descriptors that were received with the delivered frames."""
        received, self._received = self._received, []
        return received

    def pause(self) -> None:
        """Until ``resume`` is called, deliver no frames and read no bytes. In this time, the channel does not notice if the
        client disconnects.

        This method leaves the socket in the event loop. The loop stops watching the socket only if bytes arrive during the pause.
        This is rare, because most clients send nothing before they have an answer.
        """
        self._paused = True
        self._hurry_no_more()

    def resume(self) -> None:
        """Deliver frames again. Begin with the frames that have arrived already. Give back the room that the last frame took."""
        if self._paused and not self._closing:
            self._has_delivered()
            self._go_on()

    def keep_room(self) -> None:
        """Keep the room of the frame that was just delivered until ``give_room``, because what was in it is kept, too."""
        self._keeps_room = True

    def give_room(self) -> None:
        """Give back the room that ``keep_room`` has kept, if it has kept any."""
        if self._keeps_room:
            self._keeps_room = False
            self._place.give()

    def _has_delivered(self) -> None:
        if not self._keeps_room:
            self._place.give()

    def _go_on(self) -> None:
        self._paused = False
        self._read_on()
        self._deliver()

    def _read_on(self) -> None:
        if not self._is_read:
            self._is_read = True
            self._loop.add_reader(self._socket.fileno(), self._readable)

    def _read_no_more(self) -> None:
        if self._is_read:
            self._is_read = False
            self._loop.remove_reader(self._socket.fileno())

    def send(self, body: bytes, descriptor: int | None = None) -> None:
        """Queue one frame. ``descriptor`` goes with its first byte, and our copy is then closed."""
        if self._closing:
            if descriptor is not None:
                os.close(descriptor)
            return
        data = frame(body)
        self._out.append((memoryview(data), descriptor))
        self._out_bytes += len(data)
        self._writable()
        if self._out_bytes > LIMIT_OUT:
            self._end("the client does not read the answer to its question")

    async def drained(self) -> None:
        """Let other tasks run, and wait until at most ENOUGH_OUT bytes are queued for this client."""
        await asyncio.sleep(0)
        if self._out_bytes > ENOUGH_OUT and not self._closing:
            self._drained = self._loop.create_future()
            await self._drained

    def _is_drained(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def close(self, *, flush: bool = False) -> None:
        """Close the channel. If ``flush`` is true, send the queued frames first."""
        if self._closing and not self._out:
            return
        self._closing = True
        self._hurry_no_more()
        self._reader = FrameReader()  # the bytes of an incomplete large frame are dropped together with its room
        self._place.give()
        self._is_drained()
        self._received.clear()
        with contextlib.suppress(OSError, ValueError):
            self._read_no_more()
        if flush and self._out:
            return
        self._let_go()

    def _let_go(self) -> None:
        if self._socket.fileno() >= 0:
            self._write_no_more()
        for _, descriptor in self._out:
            if descriptor is not None:
                os.close(descriptor)
        self._out.clear()
        self._end_when_received()

    def _end_when_received(self) -> None:
        """Close the socket, but not while descriptors wait for the client, so that the connection counts for its account."""
        if self._socket.fileno() < 0:
            return
        if self._n_given and _n_unreceived(self._socket):
            self._socket.shutdown(socket.SHUT_RDWR)
            self._loop.call_later(RECEIVED_AGAIN, self._end_when_received)
            return
        RELEASER.end(self._socket)
        self._on_end()

    def give_up(self, fault: str) -> None:
        """Close the channel because of a fault of the client."""
        self._end(fault)

    def _end(self, fault: str | None) -> None:
        if not self._closing:
            self.close()
            self._on_close(fault)

    def _readable(self) -> None:
        if self._paused:
            return self._read_no_more()
        try:
            data = self._take() if self._most else releasing.receive(self._socket, CHUNK)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return self._end(None)
        except Carried:
            return self._end("it sent descriptors")
        if not data:
            return self._end(None if self._reader.is_empty else "it went away in the middle of a frame")
        self._reader.feed(data)
        self._deliver()

    def _take(self) -> bytes:
        """Receive bytes, and the descriptors that come with them. Raises Carried if there are too many, and OSError."""
        data, ancillary, flags, _ = self._socket.recvmsg(CHUNK, _ANCILLARY, socket.MSG_CMSG_CLOEXEC)
        self._received += [Held(descriptor, RELEASER.close) for descriptor in _descriptors_in(ancillary)]
        if len(self._received) > self._most or flags & socket.MSG_CTRUNC:
            raise Carried
        return data

    def _deliver(self) -> None:
        while not self._paused and not self._closing:
            try:
                length = self._reader.next_length()
                if length is not None and length > SMALL and not self._place.take(length, self._go_on):
                    return self.pause()
                body = self._reader.next_frame()
            except RemoteProtocolError as fault:
                return self._end(str(fault))
            if body is None:
                return self._hurry()
            self._hurry_no_more()
            self._on_frame(body)
            if not self._paused:
                self._has_delivered()

    def _hurry(self) -> None:
        """Set a time limit for an incomplete frame, because its first part already takes room."""
        if self._deadline is None and not self._reader.is_empty:
            self._deadline = self._loop.call_later(FRAME_WITHIN, self._end, "it did not end a frame in time")

    def _hurry_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _writable(self) -> None:
        while self._out:
            data, descriptor = self._out[0]
            if self._n_given and not _n_unreceived(self._socket):
                self._n_given = 0
            if descriptor is not None and self._n_given >= MOST_GIVEN:
                self._break("it does not receive what it is given")
                return
            rights = [] if descriptor is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
            try:
                sent = self._socket.sendmsg([data], rights, socket.MSG_NOSIGNAL)
            except (BlockingIOError, InterruptedError):
                self._is_written = True
                self._loop.add_writer(self._socket.fileno(), self._writable)
                return
            except OSError:
                self._break(None)
                return
            if descriptor is not None:
                os.close(descriptor)
                self._n_given += 1
            self._out_bytes -= sent
            if self._out_bytes <= ENOUGH_OUT:
                self._is_drained()
            if sent < len(data):
                self._out[0] = (data[sent:], None)
            else:
                self._out.popleft()
        self._write_no_more()
        if self._closing:
            self._let_go()

    def _break(self, fault: str | None) -> None:
        """End the connection, and send no more of what is queued."""
        self._out_bytes = 0
        if self._closing:
            self._let_go()
        else:
            self._end(fault)

    def _write_no_more(self) -> None:
        if self._is_written:
            self._is_written = False
            self._loop.remove_writer(self._socket.fileno())


def refuse(sock: socket.socket, told: bytes) -> None:
    """Send the frame ``told`` to a client that gets no channel, and end its connection."""
    with contextlib.suppress(OSError):
        sock.send(told, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    RELEASER.end(sock)


def _n_unreceived(sock: socket.socket) -> int:
    """Return how many bytes, with the kernel's own, wait until the other end receives them: 0 if that is closed."""
    return int(struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0])


def _descriptors_in(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return list(found)
