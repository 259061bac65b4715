# SPDX-License-Identifier: Apache-2.0
"""A file system that a person serves, as a network file system is served by another host: FUSE, spoken by hand.

Law: one directory with a file and a directory in it, and no more; it can fall silent, as a server does that is gone. It is
taken away for good when it is closed, whoever waits for it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import stat
import struct
from pathlib import Path
from typing import NoReturn

DEVICE = (10, 229)
ROOT, DIRECTORY, FILE = 1, 2, 3
TEXT = b"served\n"
_LIBC = ctypes.CDLL(None, use_errno=True)
_MNT_DETACH = 2
_HEADER = struct.Struct("<IIQQIII4x")
_ATTRIBUTES = struct.Struct("<QQQQQQIIIIIIIIII")
LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE, FLUSH, INIT = 1, 2, 3, 14, 15, 18, 25, 26
OPENDIR, READDIR, RELEASEDIR, ACCESS, INTERRUPT, BATCH_FORGET = 27, 28, 29, 34, 36, 42


class Served:
    """Mounted at ``place`` for ``uid``: for that account alone, as root is kept out by a server that squashes it, or for all."""

    def __init__(self, place: Path, uid: int, *, for_all: bool) -> None:
        place.mkdir(parents=True)
        node = place.with_name(place.name + ".device")
        os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(*DEVICE))
        self._device = os.open(node, os.O_RDWR | os.O_CLOEXEC)
        node.unlink()
        self.place, self._uid = place, uid
        options = f"fd={self._device},rootmode=40000,user_id={uid},group_id={uid}{',allow_other' if for_all else ''}"
        if _LIBC.mount(b"fuse", os.fsencode(place), b"fuse", 0, options.encode()):
            raise OSError(ctypes.get_errno(), "mount")
        self._server = os.fork()  # no thread: whoever starts a process in here holds Python's lock until it has begun
        if self._server == 0:
            self._serve()
        os.close(self._device)

    def fall_silent(self) -> None:
        """From now on nobody gets an answer, and nothing is remembered."""
        os.kill(self._server, signal.SIGSTOP)

    def close(self) -> None:
        _LIBC.umount2(os.fsencode(self.place), _MNT_DETACH)
        os.kill(self._server, signal.SIGKILL)
        os.waitpid(self._server, 0)
        self.place.rmdir()

    def _serve(self) -> NoReturn:
        os.chdir("/")
        while True:
            try:
                asked = os.read(self._device, 1 << 18)
            except OSError as fault:
                if fault.errno in (errno.ENOENT, errno.EINTR):  # it was interrupted before we had it
                    continue
                os._exit(0)  # ENODEV: taken away
            _, what, number, node, *_ = _HEADER.unpack_from(asked)
            if what in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            code, answer = self._answer(what, node, asked[_HEADER.size :])
            try:
                os.write(self._device, struct.pack("<IiQ", 16 + len(answer), -code, number) + answer)
            except OSError:  # who asked is gone
                continue

    def _answer(self, what: int, node: int, body: bytes) -> tuple[int, bytes]:
        if what == INIT:
            return 0, struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 8, 6, 1 << 16, 1, 0, 0, 0)
        if what == GETATTR:
            return 0, struct.pack("<QII", 0, 0, 0) + self._attributes(node)
        if what == LOOKUP:
            found = {b"d": DIRECTORY, b"f": FILE}.get(body.rstrip(b"\0")) if node == ROOT else None
            if found is None:
                return errno.ENOENT, b""
            return 0, struct.pack("<QQQQII", found, 0, 0, 0, 0, 0) + self._attributes(found)
        if what in (OPEN, OPENDIR):
            return 0, struct.pack("<QII", 0, 0, 0)
        if what == READ:
            (offset,) = struct.unpack_from("<Q", body, 8)
            return 0, TEXT[offset:]
        return (0, b"") if what in (READDIR, RELEASE, RELEASEDIR, FLUSH, ACCESS) else (errno.ENOSYS, b"")

    def _attributes(self, node: int) -> bytes:
        mode = stat.S_IFREG | 0o644 if node == FILE else stat.S_IFDIR | 0o755
        size = len(TEXT) if node == FILE else 0
        return _ATTRIBUTES.pack(node, size, 0, 0, 0, 0, 0, 0, 0, mode, 1, self._uid, self._uid, 0, 4096, 0)
