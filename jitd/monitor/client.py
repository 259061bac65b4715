# SPDX-License-Identifier: Apache-2.0
"""The monitor's end of the control socket (PROTOCOL.md section 5), once the streams have come.

Law: never blocks, and takes no descriptors: the kernel closes what comes with a packet that nobody receives them from.
"""

from __future__ import annotations

import socket
from collections import deque

from jitd.monitor.streams import AT_ONCE, MAX_PACKET
from jitpam.wire import notation

MOST_TAKEN = 32
"""Packets read in one go, so that a flood of them keeps nothing else waiting."""


class Client:
    """The peer of one run. ``is_gone`` is the hang-up."""

    def __init__(self, control: socket.socket) -> None:
        self.socket = control
        self.is_gone = False
        self._waiting: deque[bytes] = deque()

    def say(self, kind: bytes, payload: bytes = b"") -> None:
        """Send one packet, after those that wait."""
        self.send(memoryview(kind + payload))

    def send(self, packet: memoryview) -> None:
        """As ``say``. The packet is kept, as a copy, only if the peer does not take it now."""
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
        """The last word."""
        self.say(b"X", notation.write({"outcome": ending, "status": number, "because": because}))

    def push(self) -> None:
        """Send what waits, as much as the peer takes now."""
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
        """True if it has not taken what there is for it."""
        return bool(self._waiting)

    def hear(self) -> list[bytes]:
        """The packets that have come. Sees the hang-up."""
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
        """There is nobody to talk to any more."""
        self.is_gone = True
        self._waiting.clear()
        self.socket.close()
