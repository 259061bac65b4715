# SPDX-License-Identifier: Apache-2.0
"""The monitor's end of the client's control socket (PROTOCOL.md section 5), after the streams have come.

Law: nothing here blocks. No descriptors are received: the kernel closes those that come with a packet.
"""

from __future__ import annotations

import socket
from collections import deque

from jitd.monitor.streams import AT_ONCE, MAX_PACKET
from jitpam.wire import notation

MOST_TAKEN = 32
"""Most packets that are read in one turn, so that a flood of packets does not delay other work."""


class Client:
    """The client of one run. ``is_gone`` is true once the client has hung up."""

    def __init__(self, control: socket.socket) -> None:
        self.socket = control
        self.is_gone = False
        self._waiting: deque[bytes] = deque()

    def say(self, kind: bytes, payload: bytes = b"") -> None:
        """Send one packet, after the packets that wait."""
        self.send(memoryview(kind + payload))

    def send(self, packet: memoryview) -> None:
        """Send a packet, after the packets that wait. A copy is kept only if the client does not take the packet now."""
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
        """Tell how the run ended: the last packet to the client."""
        self.say(b"X", notation.write({"outcome": ending, "status": number, "because": because}))

    def say_news(self, sentence: str) -> None:
        """Tell the person a sentence."""
        self.say(b"N", sentence.encode())

    def push(self) -> None:
        """Send the packets that wait, as many as the client takes now."""
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
        """True if packets wait for the client to take them."""
        return bool(self._waiting)

    def hear(self) -> list[bytes]:
        """Return the packets that have come. Sets ``is_gone`` if the client has hung up."""
        packets: list[bytes] = []
        while not self.is_gone and len(packets) < MOST_TAKEN:
            try:
                packet = self.socket.recv(MAX_PACKET, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError:
                packet = b""
            if not packet:
                self.drop()
                break
            packets.append(packet)
        return packets

    def drop(self) -> None:
        """Close the socket, and forget the packets that wait."""
        self.is_gone = True
        self._waiting.clear()
        self.socket.close()
