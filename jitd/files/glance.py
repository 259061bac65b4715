# SPDX-License-Identifier: Apache-2.0
"""What one look at files has seen: each name on its ways is asked about once, and every question of the look has that answer.

Law: standard library only, and nothing of ours. A glance is for one look and ends with it; what is not there, or could not be
seen, is asked about again.
"""

from __future__ import annotations

import errno
import os

ACCESS = "system.posix_acl_access"


class Glance:
    """Statuses, links and access lists by absolute path. Its methods raise OSError and ValueError."""

    __slots__ = ("_access", "_links", "_statuses")

    def __init__(self) -> None:
        self._statuses: dict[bytes, os.stat_result] = {}
        self._links: dict[bytes, bytes] = {}
        self._access: dict[bytes, bytes | None] = {}

    def lstat(self, path: bytes) -> os.stat_result:
        """The status of what is at ``path``, which may be a link."""
        if (found := self._statuses.get(path)) is None:
            found = self._statuses[path] = os.lstat(path)
        return found

    def readlink(self, path: bytes) -> bytes:
        """What the link at ``path`` leads to."""
        if (found := self._links.get(path)) is None:
            found = self._links[path] = os.readlink(path)
        return found

    def access(self, path: bytes, file: int | None = None) -> bytes | None:
        """The POSIX access list at ``path`` as the kernel has it, asked of ``file`` where that is open there; None where there is
        none.
        """
        if file is not None or path not in self._access:
            self._access.pop(path, None)  # should this fail, what was there before is not believed later
            self._access[path] = _access_of(path if file is None else file)
        return self._access[path]

    def opened(self, path: bytes, file: int) -> os.stat_result:
        """The status of ``file``, which was opened at ``path``: what is there for the rest of this look."""
        found = self._statuses[path] = os.fstat(file)
        return found


def _access_of(path: bytes | int) -> bytes | None:
    try:
        return os.getxattr(path, ACCESS)
    except OSError as fault:
        if fault.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return None
        raise
