# SPDX-License-Identifier: Apache-2.0
"""The monitor's end of the client's control socket (PROTOCOL.md section 5). The monitor uses this module after the streams have
arrived.

Law: functions in this module never block. This module takes no descriptors: a client that sends some is dropped, and the packet
stays unread. To release the last reference to a descriptor may take as long as its owner likes (socket(7), SO_LINGER). So neither
a packet with descriptors nor the socket with unread packets is released before this process ends.
"""

from __future__ import annotations

import socket
from collections import deque
from contextlib import suppress

from jitd.monitor.streams import AT_ONCE, CREDENTIALS, MAX_PACKET
from jitpam.wire import notation

MOST_TAKEN = 32  # packets of the client that are read in one turn, so that a flood cannot delay other work


class Client:
    """The client of one run. ``is_gone`` is True after the client has disconnected."""

    def __init__(self, control: socket.socket) -> None:
        self.socket = control
        self.is_gone = False
        self._waiting: deque[bytes] = deque()

    def say(self, kind: bytes, payload: bytes = b"") -> None:
        """Send one packet of this ``kind``, after all packets that still wait to be sent."""
        self.send(memoryview(kind + payload))

    def send(self, packet: memoryview) -> None:
        """Send ``packet``, after all packets that still wait to be sent. The packet is copied only if it cannot be sent now."""
        if self.is_gone:
            return
        if not self._waiting:
            try:
                self.socket.send(packet, AT_ONCE)
                return
            except BlockingIOError:
                pass
            except OSError:
                self.drop()
                return
        self._waiting.append(bytes(packet))

    def say_end(self, ending: str, number: int, because: str) -> None:
        """Tell the client how the run ended. The packet about the end is the last packet to the client."""
        self.say(b"X", notation.write({"outcome": ending, "status": number, "because": because}))

    def say_news(self, sentence: str) -> None:
        """Send a sentence to the client, which shows the sentence to the person."""
        self.say(b"N", sentence.encode())

    def push(self) -> None:
        """Send as many waiting packets as the client accepts now."""
        while self._waiting:
            try:
                self.socket.send(self._waiting[0], AT_ONCE)
            except BlockingIOError:
                return
            except OSError:
                self.drop()
                return
            self._waiting.popleft()

    @property
    def is_behind(self) -> bool:
        """True if there are packets that the client has not accepted yet."""
        return bool(self._waiting)

    def hear(self) -> list[bytes]:
        """Return the packets that have arrived. Set ``is_gone`` if the client has disconnected."""
        packets: list[bytes] = []
        while not self.is_gone and len(packets) < MOST_TAKEN:
            try:
                packet = b"" if self._has_descriptors() else self.socket.recv(MAX_PACKET, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError:
                packet = b""
            if not packet:
                self.drop()
                break
            packets.append(packet)
        return packets

    def _has_descriptors(self) -> bool:
        """True if the next packet comes with descriptors. They stay there: a look takes none. Raises OSError."""
        flags = self.socket.recvmsg(1, socket.CMSG_SPACE(CREDENTIALS.size), socket.MSG_PEEK | socket.MSG_DONTWAIT)[2]
        return bool(flags & socket.MSG_CTRUNC)

    def close(self) -> None:
        """End the connection, and close the socket, unless a packet with descriptors is in its queue: this process would wait for
        them. Then the socket stays open until the process ends. A packet brings its sender, so it is not taken for the end.
        """
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
            while not self._has_descriptors():
                if not self.socket.recvmsg(MAX_PACKET, socket.CMSG_SPACE(CREDENTIALS.size))[1]:
                    self.socket.close()
                    break
        self.drop()

    def drop(self) -> None:
        """End the connection, and forget the waiting packets. The kernel closes the socket at the end of this process."""
        self.is_gone = True
        self._waiting.clear()
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.detach()
