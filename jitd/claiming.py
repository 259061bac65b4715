# SPDX-License-Identifier: Apache-2.0
"""Creates, checks and locks the daemon's own directories. Law: only one daemon can use these directories at the same time. When
the daemon's process ends, the kernel releases the locks.
"""

from __future__ import annotations

import fcntl
import os
import resource
from pathlib import Path

from jitd.settings.config import Config


def claim(config: Config) -> None:
    """Create the directories, lock them against other daemons, and raise this process's limit of open files. Raises OSError."""
    config.state.mkdir(mode=0o711, parents=True, exist_ok=True)
    config.socket.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    for directory, mode in ((config.state, 0o711), (config.socket.parent, 0o755)):
        status = directory.stat()
        if status.st_uid != 0:
            raise PermissionError(f"{directory} does not belong to root")
        directory.chmod(mode)
    for directory in dict.fromkeys((config.state, config.socket.parent)):
        _lock(directory)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _lock(directory: Path) -> None:
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FileExistsError(f"another jitd is running on {directory}") from None
