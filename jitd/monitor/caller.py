# SPDX-License-Identifier: Apache-2.0
"""Asks the kernel for the current directory of the client process, which has sent the streams for the command.

A client can name any directory. With ``O_PATH`` a client can even open a directory that it is not allowed to enter. The current
directory of a process is better proof. A process may enter its current directory, or was allowed to enter it earlier.
Law: this module uses no information that the client sends. The answer is "no" if a user id of the process is not the requester's,
or if its group ids differ from each other. The answer is also "no" if the process cannot be examined.
"""

from __future__ import annotations

import os

from jitd.monitor.signalling import Pid

MOST_READ = 4096  # bytes of a process's status (proc_pid_status(5)). `Uid` and `Gid` are in the first few hundred


def stands_in(pid: Pid, uid: int, device: int, inode: int) -> bool:
    """True if process ``pid`` runs as ``uid`` and its current directory is the directory with this ``device`` and ``inode``.

    The process may end while this function examines it, and another process may get its pid. Therefore this function opens the
    directory of the process in /proc, which is never the directory of another process (proc(5)). It reads the ids of the process
    twice, before and after it looks at the current directory. All four user ids must be ``uid``. The four group ids must all be
    equal. A process with differing ids is refused, because a set-user-id program may enter directories that its user may not
    enter.
    """
    try:
        held = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if not _is_all_of(held, uid):
            return False
        found = os.stat("cwd", dir_fd=held)  # a process that has ended has none
        return (found.st_dev, found.st_ino) == (device, inode) and _is_all_of(held, uid)
    except OSError:
        return False
    finally:
        os.close(held)


def _is_all_of(held: int, uid: int) -> bool:
    file = os.open("status", os.O_RDONLY | os.O_CLOEXEC, dir_fd=held)
    try:
        text = os.read(file, MOST_READ)
    finally:
        os.close(file)
    users, _, groups = text.partition(b"\nUid:")[2].partition(b"\nGid:")  # between fork and exec without a regular expression
    return users.split() == [b"%d" % uid] * 4 and len(set(groups.partition(b"\n")[0].split())) == 1
