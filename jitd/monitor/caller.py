# SPDX-License-Identifier: Apache-2.0
"""The current directory of the process that handed over the streams, as the kernel tells it.

A client can name any directory, and with ``O_PATH`` it can open a directory that it may not enter. But a process has a directory
as its current directory only if it may enter that directory, or was allowed to when it entered.
Law: what the client says is not used. The answer is no for a process with an id that is not the requester's, and for a process
that cannot be looked at.
"""

from __future__ import annotations

import os
import select

from jitd.monitor.signalling import Pid


def stands_in(pid: Pid, uid: int, device: int, inode: int) -> bool:
    """True if process ``pid`` runs as ``uid`` and has the directory ``device``, ``inode`` as its current directory.

    The process may end meanwhile, and another process may get its number. So a descriptor of the process is held, and its ids
    are read before and after. Each of its four user ids must be ``uid``, and its four group ids must be equal: a set-user-id
    program may enter directories that its user may not.
    """
    try:
        held = os.pidfd_open(pid)
    except (OSError, ValueError):
        return False
    try:
        if not _is_all_of(pid, uid):
            return False
        found = os.stat(f"/proc/{pid}/cwd")
        return (found.st_dev, found.st_ino) == (device, inode) and _is_all_of(pid, uid) and not _has_ended(held)
    except (OSError, ValueError):
        return False
    finally:
        os.close(held)


def _is_all_of(pid: Pid, uid: int) -> bool:
    users: list[bytes] = []
    groups: list[bytes] = []
    with open(f"/proc/{pid}/status", "rb") as file:
        for line in file:
            if line.startswith(b"Uid:"):
                users = line.split()[1:]
            elif line.startswith(b"Gid:"):
                groups = line.split()[1:]
    return [int(user) for user in users] == [uid] * 4 and len(set(groups)) == 1


def _has_ended(held: int) -> bool:
    poll = select.poll()
    poll.register(held, select.POLLIN)
    return bool(poll.poll(0))
