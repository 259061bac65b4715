# SPDX-License-Identifier: Apache-2.0
"""A cache for one look at files. During one look, jitd may need several facts about the same path. The path is looked up only
once, so all facts come from the same state of the file.

Law: this module imports only the standard library, and nothing of jitd. Use a Glance for one look only, and then drop it. A
missing file and a failed look-up are not cached. The next call of a method then looks up the path again.
"""

from __future__ import annotations

import errno
import os

ACCESS = "system.posix_acl_access"


class Glance:
    """Caches file statuses, targets of symbolic links, and access lists. The key of each cached value is the absolute path. The
    methods raise OSError and ValueError. If ``of`` is given, this Glance is a part of that look: it asks ``of`` in place of the
    system, and ``statuses`` tells what this part was about.
    """

    __slots__ = ("_access", "_links", "_of", "_statuses")

    def __init__(self, of: Glance | None = None) -> None:
        self._of = of
        self._statuses: dict[bytes, os.stat_result] = {}
        self._links: dict[bytes, bytes] = {}
        self._access: dict[bytes, bytes | None] = {}

    def lstat(self, path: bytes) -> os.stat_result:
        """Return the status of the file at ``path``. A symbolic link is not followed."""
        if (found := self._statuses.get(path)) is None:
            found = self._statuses[path] = (os if self._of is None else self._of).lstat(path)
        return found

    def readlink(self, path: bytes) -> bytes:
        """Return the target of the symbolic link at ``path``."""
        if (found := self._links.get(path)) is None:
            found = self._links[path] = (os if self._of is None else self._of).readlink(path)
        return found

    def access(self, path: bytes, file: int | None = None) -> bytes | None:
        """Return the POSIX access list of the file at ``path`` in the kernel's form (acl(5)). Return None if the file has no
        access list. If ``file`` is given, the access list is read from ``file``, a descriptor that was opened at ``path``.
        """
        if file is not None or path not in self._access:
            self._access.pop(path, None)  # if the next line fails, the earlier answer must not be used later
            self._access[path] = _access_of(path if file is None else file) if self._of is None else self._of.access(path, file)
        return self._access[path]

    @property
    def statuses(self) -> dict[bytes, os.stat_result]:
        """The statuses that are cached."""
        return dict(self._statuses)

    def opened(self, path: bytes, file: int) -> os.stat_result:
        """Return the status of ``file``, a descriptor that was opened at ``path``. From now on, ``lstat`` of this Glance also
        returns this status for ``path``.
        """
        found = self._statuses[path] = os.fstat(file)
        return found


def _access_of(path: bytes | int) -> bytes | None:
    try:
        return os.getxattr(path, ACCESS)
    except OSError as fault:
        if fault.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return None
        raise
