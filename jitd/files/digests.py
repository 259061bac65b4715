# SPDX-License-Identifier: Apache-2.0
"""Digests that are remembered, so that a large file is not read at every request.

Law: standard library only. What could have been changed unnoticed since it was read is not remembered.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

SETTLED_AFTER = 2.0
"""Seconds since the last change after which one more change is sure to show in the file's times."""


@dataclass(slots=True)
class DigestCache:
    """Digests of files that only root can change, by device, inode, size and times. Bounded."""

    most: int = 4096
    _known: dict[tuple[int, int, int, int, int], bytes] = field(default_factory=dict)

    def get(self, status: os.stat_result) -> bytes | None:
        """The digest of the file that has this ``status``, if it is known."""
        return self._known.get(identity(status))

    def put(self, status: os.stat_result, digest: bytes) -> None:
        """Remember it, unless the file was changed so lately that a second change might not show."""
        if time.time() - max(status.st_ctime, status.st_mtime) < SETTLED_AFTER:
            return
        if len(self._known) >= self.most:
            del self._known[next(iter(self._known))]
        self._known[identity(status)] = digest


def identity(status: os.stat_result) -> tuple[int, int, int, int, int]:
    """What shows that a file is another one, or was changed."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
