# SPDX-License-Identifier: Apache-2.0
"""The caller's standard input, for the pump of a recorded run. A pump looks at the next bytes, and takes a byte only when the
command has read it. What the command does not read stays where the caller's next command finds it, as if no pump were there.

Law: ``peek`` takes nothing from the source, except from a device, in which no byte is missed. ``take`` takes only bytes that
``peek`` has returned before. If another process has taken them, ``take`` raises Shared, because the command got them, too.
"""

from __future__ import annotations

import ctypes
import os
import socket
import stat
from typing import Protocol

_libc = ctypes.CDLL(None, use_errno=True)
_AT_ONCE = socket.MSG_DONTWAIT


class Shared(Exception):
    """Another process has read from the same source at the same time."""


class Source(Protocol):
    """One kind of standard input. Both methods never wait for more bytes, and raise OSError if the source cannot be read."""

    def peek(self, most: int) -> bytes:
        """Return at most ``most`` of the next bytes, and none at the end. Raises BlockingIOError if none is there now."""

    def take(self, data: bytes | memoryview) -> None:
        """Take the next bytes, which are ``data``. Raises Shared if they are other bytes."""


def source_of(descriptor: int) -> Source:
    """Return the Source that reads from ``descriptor``. Raises OSError."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode):
        return _Pipe(descriptor)
    if stat.S_ISSOCK(mode):
        return _Socket(descriptor)
    try:
        is_file = not stat.S_ISCHR(mode) and os.lseek(descriptor, 0, os.SEEK_CUR) >= 0
    except OSError:  # a file of the kernel without a position
        is_file = False
    return _File(descriptor) if is_file else _Device(descriptor)


class _Pipe:
    """tee(2) duplicates the content of a pipe into a second pipe, and leaves it in the first."""

    def __init__(self, descriptor: int) -> None:
        self._pipe = descriptor
        self._reading, self._writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def peek(self, most: int) -> bytes:
        n = int(_libc.tee(self._pipe, self._writing, ctypes.c_size_t(most), os.SPLICE_F_NONBLOCK))
        if n < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return self._read(n)

    def take(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            try:
                n = os.splice(self._pipe, self._writing, len(rest), flags=os.SPLICE_F_NONBLOCK)
            except BlockingIOError:
                n = 0
            if not n or self._read(n) != rest[:n]:
                raise Shared
            rest = rest[n:]

    def _read(self, n: int) -> bytes:
        """Read ``n`` bytes of the second pipe. One read may not do: it may be a pipe of packets (O_DIRECT, pipe(2))."""
        found = b""
        while len(found) < n:
            found += os.read(self._reading, n - len(found))
        return found


class _Socket:
    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)

    def peek(self, most: int) -> bytes:
        return self._socket.recv(most, socket.MSG_PEEK | _AT_ONCE)

    def take(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            try:
                found = self._socket.recv(len(rest), _AT_ONCE)
            except BlockingIOError:
                found = b""
            if not found or found != rest[: len(found)]:
                raise Shared
            rest = rest[len(found) :]


class _File:
    """A file or a block device. The position belongs to the open file, which the caller shares with the pump."""

    def __init__(self, descriptor: int) -> None:
        self._file = descriptor
        self._at = os.lseek(descriptor, 0, os.SEEK_CUR)  # a command may end before the first ``peek``

    def peek(self, most: int) -> bytes:
        self._at = os.lseek(self._file, 0, os.SEEK_CUR)
        return os.pread(self._file, most, self._at)

    def take(self, data: bytes | memoryview) -> None:
        self._at += len(data)
        if os.lseek(self._file, len(data), os.SEEK_CUR) != self._at:
            raise Shared


class _Device:
    """A device with bytes without an end (zero, full, urandom) or none (null), or a kernel's file without a position."""

    def __init__(self, descriptor: int) -> None:
        self._device = descriptor

    def peek(self, most: int) -> bytes:
        return os.read(self._device, most)

    def take(self, data: bytes | memoryview) -> None:
        pass
