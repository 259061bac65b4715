# SPDX-License-Identifier: Apache-2.0
"""The socket to which monitors connect, and its directories. Only root can reach the socket and change the directories.

Law: from the first moment, only root can use or change the files that this module creates. If a directory already exists, this
module checks its owner and its mode.
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
    """Create the listening socket and return it. The socket is bound in a directory that belongs to root. The socket gets its
    final name only when its mode is right. Raises OSError.

    If there is a socket of an earlier daemon, this function replaces it.
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
    """Return the pid, uid and gid that the process at the other end had when it connected (unix(7), SO_PEERCRED)."""
    found: tuple[int, int, int] = struct.unpack("iII", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return found


def make_directory(path: str, mode: int) -> None:
    """Create a directory. One that exists must be root's, and nobody else's to write to. Raises OSError."""
    try:
        os.mkdir(path, mode)
        os.chmod(path, mode)
    except FileExistsError:
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
            raise PermissionError(0, "is not a directory that only root can change", path) from None
