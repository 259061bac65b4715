# SPDX-License-Identifier: Apache-2.0
"""Where monitors come in: the socket that root alone reaches, and the directories that root alone can change.

Law: what is made is safe from its first moment; what is there already is taken only if it is.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from pathlib import Path

from jitd.monitor import places

BACKLOG = 256


def listen(run_dir: str) -> socket.socket:
    """Bind where only root gets, and move it into place when it is closed to others; a stale one is replaced. Raises OSError."""
    hidden = f"{run_dir}/runs/.monitors"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        Path(hidden).unlink(missing_ok=True)
        listener.bind(hidden)
        os.chmod(hidden, 0o600)
        listener.listen(BACKLOG)
        os.rename(hidden, places.socket_path(run_dir))
    except OSError:
        listener.close()
        raise
    return listener


def peer_of(peer: socket.socket) -> tuple[int, int, int]:
    """Process, user and group at the other end, as they were when it connected (unix(7), SO_PEERCRED)."""
    found: tuple[int, int, int] = struct.unpack("iII", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return found


def make_directory(path: str, mode: int) -> None:
    """Make it, or see that it is root's, and that nobody else can write to it. Raises OSError."""
    try:
        os.mkdir(path, mode)
        os.chmod(path, mode)
    except FileExistsError:
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
            raise PermissionError(0, "is not a directory that only root can change", path) from None
