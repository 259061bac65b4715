# SPDX-License-Identifier: Apache-2.0
r"""Reads what the kernel says of a process in /proc/PID/status and /proc/PID/cgroup (proc(5), cgroups(7)).

Law: an account chooses the name of its process, and of control groups below its own, and the kernel escapes in them no more
than ``\n`` and the backslash. So these files are bytes, they are cut at ``\n`` alone, and a field is taken by its place: the
first line of a status is the name, whatever it looks like, and no later line is. This module imports only the standard library.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping

PROC = "/proc"
_PIECE = 16384


class Unread(OSError):
    """The kernel has said of a process what jitd cannot read. It counts for this process alone."""

    def __init__(self, file: str) -> None:
        super().__init__(errno.EBADMSG, f"{file} cannot be read", file)


def status(process: int | str) -> Mapping[bytes, list[bytes]]:
    """Return the words of each field of the status of ``process``, such as ``1``, ``self`` or ``1/task/2``, but for its name.
    Raises OSError, and Unread.
    """
    file = f"{PROC}/{process}/status"
    name, *rest = _lines(file)
    found = {key: value.split() for key, _, value in (line.partition(b":") for line in rest)}
    if not name.startswith(b"Name:\t") or len(found) != len(rest):
        raise Unread(file)
    return found


def uids_of(process: int | str) -> tuple[int, int, int, int]:
    """Return the real, effective, saved and file system uid of ``process``. Raises OSError, and Unread."""
    try:
        real, effective, saved, of_files = map(int, status(process)[b"Uid"])
    except (KeyError, ValueError):
        raise Unread(f"{PROC}/{process}/status") from None
    return real, effective, saved, of_files


def control_groups_of(process: int | str) -> Mapping[bytes, bytes]:
    """Return the control group of ``process`` in each hierarchy, by the controllers of the hierarchy, or its name. Those of
    version 2 have an empty name. Raises OSError.
    """
    fields = (line.split(b":", 2) for line in _lines(f"{PROC}/{process}/cgroup"))
    return {found[1]: found[2] for found in fields if len(found) == 3}


def read(file: str) -> bytes:
    """Return the whole text of ``file``. Raises OSError."""
    pieces, number = [], os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while piece := os.read(number, _PIECE):
            pieces.append(piece)
    finally:
        os.close(number)
    return b"".join(pieces)


def _lines(file: str) -> list[bytes]:
    return read(file).removesuffix(b"\n").split(b"\n")
