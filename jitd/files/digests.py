# SPDX-License-Identifier: Apache-2.0
"""A cache of digests, so that a large file is not read again at every request.

Law: this module imports only the standard library. A digest is not kept if the file may have been changed unnoticed after the
digest was computed.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

SETTLED_AFTER = 2.0  # seconds after a file's last change, from which on a further change is certain to change its times


@dataclass(slots=True)
class DigestCache:
    """Digests of files that only root can change, by device, inode, size and times. At most ``most`` are kept."""

    most: int = 4096
    _known: dict[tuple[int, int, int, int, int], bytes] = field(default_factory=dict)

    def get(self, status: os.stat_result) -> bytes | None:
        return self._known.get(identity(status))

    def put(self, status: os.stat_result, digest: bytes) -> None:
        """Keep ``digest`` if the last change of the file was at least SETTLED_AFTER seconds ago. If the last change was more
        recent, ``digest`` is not kept, because the next change might leave the file's times as they are.
        """
        if time.time() - max(status.st_ctime, status.st_mtime) < SETTLED_AFTER:
            return
        if len(self._known) >= self.most:
            del self._known[next(iter(self._known))]
        self._known[identity(status)] = digest


def identity(status: os.stat_result) -> tuple[int, int, int, int, int]:
    """Return the device, inode, size and times of a file. If another file replaces this file, or if this file is changed, at
    least one of these values differs. This is not certain for a change that follows another change within SETTLED_AFTER seconds.
    """
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def identity_at(path: Path) -> tuple[int, ...]:
    """Return the ``identity`` of the file ``path``, and nothing if there is no such file."""
    try:
        return identity(path.stat())
    except OSError:
        return ()
