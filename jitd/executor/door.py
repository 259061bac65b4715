# SPDX-License-Identifier: Apache-2.0
"""The socket at which monitors connect, which only root can reach, and the directories that only root can change.

Law: nobody but root can use or change what is made here, from its first moment on. A directory that exists is checked for that.
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
    """Return the listening socket, bound in a directory that belongs to root and renamed once its mode is right. Raises OSError.

    A socket that is left there is replaced.
    """
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
    """Return the process, user and group at the other end, as they were when it connected (unix(7), SO_PEERCRED)."""
    found: tuple[int, int, int] = struct.unpack("iII", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return found


def make_directory(path: str, mode: int) -> None:
    """Make a directory. If it exists, check that root owns it and nobody else can write to it. Raises OSError."""
    try:
        os.mkdir(path, mode)
        os.chmod(path, mode)
    except FileExistsError:
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
            raise PermissionError(0, "is not a directory that only root can change", path) from None
