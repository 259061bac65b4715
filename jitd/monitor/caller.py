# SPDX-License-Identifier: Apache-2.0
"""Where the process stands that handed over the streams, as the kernel says it.

A client can name any directory, and anybody can have a descriptor of a closed one (``O_PATH``). To stand in it takes the right
to enter it, now or when one did.
Law: what the client says is not looked at. Who is not all of the requester's, or cannot be looked at, stands nowhere.
"""

from __future__ import annotations

import os
import select

from jitd.monitor.signalling import Pid


def stands_in(pid: Pid, uid: int, device: int, inode: int) -> bool:
    """True if process ``pid``, which is ``uid``'s, has that directory as its working directory.

    The process may end meanwhile, and its number be another's: so it is held, and looked at before and after. Each of its four
    user ids has to be ``uid``, and its four group ids one: a set-user-id program may stand where its user may not.
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
