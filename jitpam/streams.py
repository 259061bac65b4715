# SPDX-License-Identifier: Apache-2.0
"""Handles the standard streams of ``jitsudo`` and ``jitd``. This module finds out the kinds of the streams, and makes sure that
no other file gets descriptor 0, 1 or 2.

Law: these functions are called before the program opens any other file.
"""

from __future__ import annotations

import posix  # importing `os` and `stat` would make each start 1 ms longer
from _stat import S_ISCHR, S_ISFIFO, S_ISREG, S_ISSOCK


def stream_kinds() -> list[str]:
    """Return the kinds of descriptors 0 to 2. PROTOCOL.md section 4 defines the names of the kinds."""
    return [_kind(descriptor) for descriptor in range(3)]


def _kind(descriptor: int) -> str:
    try:
        found = posix.fstat(descriptor)
    except OSError:
        return "closed"
    if posix.isatty(descriptor):
        return "terminal"
    mode = found.st_mode
    if S_ISFIFO(mode):
        return "pipe"
    if S_ISSOCK(mode):
        return "socket"
    if S_ISCHR(mode) and found.st_rdev == posix.makedev(1, 3):
        return "null"
    return "file" if S_ISREG(mode) else "device"


def fill_closed() -> None:
    """Open /dev/null on those of 0 to 2 that are closed: else a socket could get a standard stream's number."""
    descriptor = posix.open("/dev/null", posix.O_RDWR)
    while descriptor < 2:
        descriptor = posix.dup(descriptor)
    if descriptor > 2:
        posix.close(descriptor)
