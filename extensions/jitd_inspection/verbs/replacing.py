# SPDX-License-Identifier: Apache-2.0
"""Files of the host that a verb replaces in one step: they are read, compared and written here.

Law: the new file has the owner, the mode, the ACL and the labels of the old one. What is a link, or no file, is left alone.
"""

from __future__ import annotations

import difflib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jitd.cli.answer import answer
from jitd.cli.call import NotDone
from jitd.files.durable import sync
from jitpam.wire.shown import shown


def print_change(file: Path, before: bytes, after: bytes) -> None:
    old, new = (text.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n") for text in (before, after))
    for line in difflib.unified_diff(old, new, str(file), str(file), lineterm=""):
        answer(shown(line))


def read_file(file: Path) -> tuple[bytes, os.stat_result]:
    """Return the content and the status of ``file``. Raises NotDone if it is not a regular file, and OSError."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as fault:
        because = {errno.ENOENT: "there is no such file: is the program installed?", errno.ELOOP: "it is a link: make it a file"}
        raise NotDone(f"{file}: {because.get(fault.errno or 0, fault.strerror)}") from None
    with open(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotDone(f"{file} is not a regular file")
        return stream.read(), status


def swap(
    file: Path, content: bytes, seen: bytes, status: os.stat_result, try_out: Callable[[Path], None] = lambda half: None
) -> None:
    """Put ``content`` in the place of ``file``. ``seen`` and ``status`` are what was read of it. ``try_out`` gets the new file
    before it has this name. Raises NotDone, OSError and what ``try_out`` raises. Nothing has changed then.
    """
    with half_of(file, content, status) as half:
        try_out(half)
        now, same = read_file(file)
        if (now, same.st_ino) != (seen, status.st_ino):
            raise NotDone(f"{file} was changed at this moment: it was left alone, try again")
        os.rename(half, file)
        sync(file.parent)


@contextmanager
def half_of(file: Path, content: bytes, status: os.stat_result) -> Iterator[Path]:
    """Write ``content`` beside ``file``, with the owner, the mode and the extended attributes of ``file``."""
    half = file.with_name(f".{file.name}.jitd-new")
    with suppress(FileNotFoundError):
        half.unlink()
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fchown(descriptor, status.st_uid, status.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
            for name in _attributes(file):
                os.setxattr(descriptor, name, os.getxattr(file, name, follow_symlinks=False))
            os.fsync(descriptor)
        yield half
    finally:
        half.unlink(missing_ok=True)


def _attributes(file: Path) -> list[str]:
    try:
        return os.listxattr(file, follow_symlinks=False)
    except OSError as fault:
        if fault.errno in (errno.ENOTSUP, errno.ENOSYS):
            return []
        raise
