# SPDX-License-Identifier: Apache-2.0
"""Handlers of binfmt_misc. A handler is a program with which the kernel executes certain kinds of files. So a handler is the
interpreter of these files.

Law: this module imports only the standard library, and nothing of jitd. If the kernel lists a handler that this module cannot
read, ValueError or OSError is raised. An unreadable handler is never skipped.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

PLACE = b"/proc/sys/fs/binfmt_misc"
NOT_MOUNTED = (errno.ENOENT, errno.ELOOP, errno.ENODEV)
"""Error numbers of a look-up when binfmt_misc is not mounted. There are three possible causes. Nobody has mounted binfmt_misc,
or the kernel does not support it, or only a systemd in another namespace could mount it.
"""
FIRST = 256  # bytes at the beginning of a file that the kernel compares with magic numbers


@dataclass(frozen=True, slots=True)
class Handler:
    """The kernel executes certain files with ``interpreter``. If ``extension`` is set, the handler is for file names that end in
    ``extension``. If ``extension`` is None, the handler is for files with ``magic`` at ``offset``. Only bits that are set in
    ``mask`` are compared.
    """

    interpreter: bytes
    extension: bytes | None
    offset: int
    magic: bytes
    mask: bytes

    def takes(self, name: bytes, beginning: bytes) -> bool:
        if self.extension is not None:
            _, dot, after = name.rpartition(b".")
            return bool(dot) and after == self.extension
        found = beginning[self.offset : self.offset + len(self.magic)].ljust(len(self.magic), b"\0")
        return all((byte ^ wanted) & bits == 0 for byte, wanted, bits in zip(found, self.magic, self.mask, strict=True))


def of(name: bytes, beginning: bytes, place: bytes = PLACE) -> list[bytes]:
    """Return the interpreters of all handlers of the file ``name`` with this ``beginning``. Raises OSError, ValueError."""
    try:
        is_on = _content(place, b"status").strip() == b"enabled"
        names = os.listdir(place) if is_on else []
    except OSError as fault:
        if fault.errno in NOT_MOUNTED:
            return []
        raise
    found = []
    for entry in names:
        if entry in (b"register", b"status"):
            continue
        try:
            handler = read(_content(place, entry))
        except FileNotFoundError:
            continue  # the handler was removed just now
        if handler is not None and handler.takes(name, beginning):
            found.append(handler.interpreter)
    return found


def _content(place: bytes, entry: bytes) -> bytes:
    file = os.open(os.path.join(place, entry), os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, 1 << 16)
    finally:
        os.close(file)


def read(text: bytes) -> Handler | None:
    """Return the Handler in the kernel's ``text``, or None if it is disabled. Raises ValueError if it cannot be parsed."""
    lines = text.removesuffix(b"\n").split(b"\n")
    if lines[0] not in (b"enabled", b"disabled"):
        raise ValueError("a handler of binfmt_misc cannot be read")
    if lines[0] == b"disabled":
        return None
    words = dict(line.partition(b" ")[::2] for line in lines[1:])
    interpreter = words.get(b"interpreter", b"")
    if not interpreter.startswith(b"/"):
        raise ValueError("a handler of binfmt_misc names no absolute path")
    if b"extension" in words:
        return Handler(interpreter, words[b"extension"].removeprefix(b"."), 0, b"", b"")
    magic = bytes.fromhex(words[b"magic"].decode()) if b"magic" in words else b""
    if not magic:
        raise ValueError("a handler of binfmt_misc has neither extension nor magic")
    mask = bytes.fromhex(words[b"mask"].decode()) if b"mask" in words else b"\xff" * len(magic)
    if len(mask) != len(magic):
        raise ValueError("a handler of binfmt_misc has a mask and a magic number of different lengths")
    return Handler(interpreter, None, int(words.get(b"offset", b"0")), magic, mask)
