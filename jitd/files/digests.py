# SPDX-License-Identifier: Apache-2.0
"""A cache of digests, so that a large file is not read again at every request.

Law: this module imports only the standard library. A digest is not kept if the file could have been changed unnoticed since it
was read.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

SETTLED_AFTER = 2.0
"""How many seconds after its last change a file is settled. Any later change is sure to show in the file's times."""


@dataclass(slots=True)
class DigestCache:
    """Digests of files that only root can change, by device, inode, size and times. The cache keeps at most ``most`` digests."""

    most: int = 4096
    _known: dict[tuple[int, int, int, int, int], bytes] = field(default_factory=dict)

    def get(self, status: os.stat_result) -> bytes | None:
        """Return the digest of the file that has this ``status``; None if the digest is not known."""
        return self._known.get(identity(status))

    def put(self, status: os.stat_result, digest: bytes) -> None:
        """Remember ``digest``, unless the file was changed so lately that a second change might not show in its times."""
        if time.time() - max(status.st_ctime, status.st_mtime) < SETTLED_AFTER:
            return
        if len(self._known) >= self.most:
            del self._known[next(iter(self._known))]
        self._known[identity(status)] = digest


def identity(status: os.stat_result) -> tuple[int, int, int, int, int]:
    """Return device, inode, size and times of a file. These values differ if it is another file, or if the file was changed."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
