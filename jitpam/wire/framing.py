# SPDX-License-Identifier: Apache-2.0
"""Puts bytes into frames, and takes frames apart: a 4-byte big-endian length, then that many bytes (PROTOCOL.md section 2).

Law: for a length over the limit no memory is allocated. A frame is delivered whole or not at all.
"""

from jitpam.wire.faults import RemoteProtocolError

LENGTH = 4
"""Bytes of the length that begins a frame."""
SMALL = 64 * 1024
"""Most bytes of a body, for most messages."""
LARGE = 4 * 1024 * 1024
"""Most bytes of a body, for the few messages that hold a command: 2 MiB of arguments as base64, and some room."""
SEAL = 1024
"""Bytes by which sealing may make a body longer. It needs some 60."""
LIMIT_BEFORE_AUTHENTICATION = SMALL
"""Most bytes in one frame until the peer has proved who it is."""
LIMIT = LARGE
"""Most bytes in one frame after the peer has proved who it is."""


def frame(body: bytes) -> bytes:
    """Return ``body`` with its length in front."""
    return len(body).to_bytes(LENGTH, "big") + body


class FrameReader:
    """Collects bytes and returns whole frames. ``limit`` is the greatest length in bytes; it may be raised once the peer is
    known.
    """

    __slots__ = ("_buffer", "limit")

    def __init__(self, limit: int = LIMIT_BEFORE_AUTHENTICATION) -> None:
        self._buffer = bytearray()
        self.limit = limit

    def feed(self, data: bytes) -> None:
        """Take ``data`` as it was received from the socket, in pieces of any size."""
        self._buffer += data

    def next_length(self) -> int | None:
        """Return the length in bytes of the next frame's body; None if its length has not arrived yet.

        Raises RemoteProtocolError for a frame that is empty or over the limit, before the frame's bytes arrive.
        """
        if len(self._buffer) < LENGTH:
            return None
        length = int.from_bytes(self._buffer[:LENGTH], "big")
        if length == 0:
            raise RemoteProtocolError("a frame of no bytes")
        if length > self.limit:
            raise RemoteProtocolError(f"a frame of {length} bytes, more than {self.limit}")
        return length

    def next_frame(self) -> bytes | None:
        """Return the body of the next whole frame; None if more bytes are needed. Raises as ``next_length``."""
        length = self.next_length()
        if length is None or len(self._buffer) < LENGTH + length:
            return None
        end = LENGTH + length
        with memoryview(self._buffer) as view:  # a slice of the buffer itself would copy the bytes once more
            body = bytes(view[LENGTH:end])
        del self._buffer[:end]
        return body

    @property
    def is_empty(self) -> bool:
        """True if no part of a frame is left over, so that the peer may close the connection here."""
        return not self._buffer
