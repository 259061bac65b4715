# SPDX-License-Identifier: Apache-2.0
"""Puts bytes into frames, and takes frames apart. A frame consists of a length (4 bytes, big-endian) and of that number of bytes
(PROTOCOL.md section 2).

Law: if a length is over the limit, no memory is allocated for the frame. A frame is delivered only as a whole.
"""

from jitpam.wire.faults import RemoteProtocolError

LENGTH = 4  # size in bytes of the length field at the beginning of a frame
SMALL = 64 * 1024  # maximum number of bytes in a body, for most messages
LARGE = 4 * 1024 * 1024  # bytes in the few bodies that contain a command: 2 MiB of arguments in base64
SEAL = 1024  # maximum number of bytes that sealing may add to a body. Sealing needs about 60 bytes.
MOST_TOKEN = 96 * 1024
"""Bytes in a GSSAPI token. A ticket of Active Directory has the person's groups, and up to 64 KiB (MaxTokenSize)."""
TOKEN = MOST_TOKEN // 3 * 4 + len(b'{"type":"token","token":""}')
LIMIT_BEFORE_AUTHENTICATION = TOKEN  # maximum number of bytes in one frame before the peer has authenticated
LIMIT = LARGE  # maximum number of bytes in one frame after the peer has authenticated
_BEFORE_TEXT = bytes([*range(1, ord(" ") + 1), 0x7F])


def frame(body: bytes) -> bytes:
    """Return a frame, which is ``body`` with its length in front."""
    return len(body).to_bytes(LENGTH, "big") + body


class FrameReader:
    """Collects bytes and returns whole frames, with bodies of at most ``limit`` bytes, which may grow after the proof."""

    __slots__ = ("_buffer", "limit")

    def __init__(self, limit: int = LIMIT_BEFORE_AUTHENTICATION) -> None:
        self._buffer = bytearray()
        self.limit = limit

    def feed(self, data: bytes) -> None:
        """Add ``data`` that was read from the socket. ``data`` may have any size."""
        self._buffer += data

    def next_length(self) -> int | None:
        """Return the length in bytes of the next frame's body. Return None if the length has not arrived yet.

        Raises RemoteProtocolError if the length is 0 or over the limit, even if the rest of the frame has not arrived yet.
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
        """Return the body of the next frame. Return None if the frame is not complete yet. Raises the same as ``next_length``."""
        length = self.next_length()
        if length is None or len(self._buffer) < LENGTH + length:
            return None
        end = LENGTH + length
        with memoryview(self._buffer) as view:  # a slice of the buffer itself would copy the bytes twice
            body = bytes(view[LENGTH:end])
        del self._buffer[:end]
        return body

    def first_line(self, most: int) -> bytes:
        """Return the beginning of what is left, up to a newline, and at most ``most`` bytes of it. If it is text, this is after
        the blanks, newlines and control characters before the first word. The first byte of a frame is zero, and stays.
        """
        return bytes(self._buffer[:most]).lstrip(_BEFORE_TEXT).partition(b"\n")[0]

    @property
    def is_empty(self) -> bool:
        """True if no incomplete frame is left. The peer may close the connection only if this is true."""
        return not self._buffer
