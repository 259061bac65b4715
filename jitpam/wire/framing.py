# SPDX-License-Identifier: Apache-2.0
"""Bytes to frames and back: a 4-byte big-endian length, then that many bytes (PROTOCOL.md section 2).

Law: nothing is allocated for a length that is over the limit, and no frame is delivered in parts.
"""

from jitpam.wire.faults import RemoteProtocolError

LENGTH = 4
"""Bytes of the length in front of a frame."""
SMALL = 64 * 1024
"""Bytes of the longest body that most messages have."""
LARGE = 4 * 1024 * 1024
"""Bytes of the longest body of the few that hold a command: 2 MiB of arguments as base64, and room."""
SEAL = 1024
"""Bytes by which a sealed body may be longer than it was: some 60 are."""
LIMIT_BEFORE_AUTHENTICATION = SMALL
"""Bytes in one frame until the peer has proved who it is."""
LIMIT = LARGE
"""Bytes in one frame afterwards."""


def frame(body: bytes) -> bytes:
    """``body`` (bytes) with its length in front."""
    return len(body).to_bytes(LENGTH, "big") + body


class FrameReader:
    """Collects bytes and gives whole frames. ``limit`` (bytes) may be raised once the peer is known."""

    __slots__ = ("_buffer", "limit")

    def __init__(self, limit: int = LIMIT_BEFORE_AUTHENTICATION) -> None:
        self._buffer = bytearray()
        self.limit = limit

    def feed(self, data: bytes) -> None:
        """Take ``data`` as it came from the socket, in pieces of any size."""
        self._buffer += data

    def next_length(self) -> int | None:
        """Bytes of the next frame's body, as soon as its length is here.

        Raises RemoteProtocolError for an empty frame and for one over the limit, before its bytes arrive.
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
        """The next whole frame, or None if more bytes are needed. Raises as ``next_length``."""
        length = self.next_length()
        if length is None or len(self._buffer) < LENGTH + length:
            return None
        end = LENGTH + length
        with memoryview(self._buffer) as view:  # a slice of the buffer itself would be one copy more
            body = bytes(view[LENGTH:end])
        del self._buffer[:end]
        return body

    @property
    def is_empty(self) -> bool:
        """True if no part of a frame is left over: the peer may close here without cutting anything off."""
        return not self._buffer
