# SPDX-License-Identifier: Apache-2.0
"""A cache for one look at files: each path is looked up once, and all questions of that look get the same answer.

Law: this module imports only the standard library, and nothing of jitd. A Glance is used for one look, and then thrown away. A
path where nothing is, or that could not be looked up, is looked up again at the next question.
"""

from __future__ import annotations

import errno
import os

ACCESS = "system.posix_acl_access"


class Glance:
    """Holds statuses, targets of links, and access lists, by absolute path. The methods raise OSError and ValueError."""

    __slots__ = ("_access", "_links", "_statuses")

    def __init__(self) -> None:
        self._statuses: dict[bytes, os.stat_result] = {}
        self._links: dict[bytes, bytes] = {}
        self._access: dict[bytes, bytes | None] = {}

    def lstat(self, path: bytes) -> os.stat_result:
        """Return the status of what is at ``path``. A symbolic link is not followed."""
        if (found := self._statuses.get(path)) is None:
            found = self._statuses[path] = os.lstat(path)
        return found

    def readlink(self, path: bytes) -> bytes:
        """Return the target of the symbolic link at ``path``."""
        if (found := self._links.get(path)) is None:
            found = self._links[path] = os.readlink(path)
        return found

    def access(self, path: bytes, file: int | None = None) -> bytes | None:
        """Return the POSIX access list at ``path`` as the kernel stores it (acl(5)); None if there is none. If ``file``, a
        descriptor open at ``path``, is given, the list is read from it.
        """
        if file is not None or path not in self._access:
            self._access.pop(path, None)  # if this fails, the earlier answer must not be used later
            self._access[path] = _access_of(path if file is None else file)
        return self._access[path]

    def opened(self, path: bytes, file: int) -> os.stat_result:
        """Return the status of ``file``, a descriptor opened at ``path``. The rest of this look uses this status for ``path``."""
        found = self._statuses[path] = os.fstat(file)
        return found


def _access_of(path: bytes | int) -> bytes | None:
    try:
        return os.getxattr(path, ACCESS)
    except OSError as fault:
        if fault.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return None
        raise
