# SPDX-License-Identifier: Apache-2.0
"""The lock under which shadow-utils and PAM change passwd(5) and shadow(5). Any account may hold it through a set-uid program,
such as chsh(1), and a program that is stopped or frozen never releases it.

Law: jitd takes the lock away only from a process that runs for the holder of an account that ends. Everybody else is waited for,
and named. Sources: lckpwdf(3), fcntl(2) F_GETLK, pidfd_open(2), cgroups(7).
"""

from __future__ import annotations

import fcntl
import os
import pwd
import select
import signal
import struct
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from jitpam.wire.shown import shown

LOCK = Path("/etc/.pwd.lock")
FILES = tuple(Path(f"/etc/{name}.lock") for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid"))
"""Files that contain the pid of the tool of shadow-utils that has made them."""
WAITS_FOR = 3.0
"""Seconds to wait for the lock."""
LEAVES_FOR = 0.5
"""Seconds that a process of the holder may keep the lock. A tool that nobody stops keeps it for some milliseconds."""
LOOK_AGAIN = 0.02
_FLOCK = "hhqqi0q"


def wait_until_free(ending: Collection[int] = ()) -> str:
    """Wait until nobody holds the lock, and return an empty string. Kill a process that holds it too long and runs for one of
    the uids ``ending``. If somebody else holds the lock too long, return a sentence that says who. Raises OSError.
    """
    began = time.monotonic()
    while pid := _holder():
        waited = time.monotonic() - began
        if waited > LEAVES_FOR and _kill(pid, ending):
            began = time.monotonic()
        elif waited > WAITS_FOR:
            return f"{_told(pid)} keeps {LOCK} locked: end it (a tool such as vipw or passwd is open, or was stopped)"
        time.sleep(LOOK_AGAIN)
    return ""


def _holder() -> int:
    """Return the pid of the process that holds the lock, 0 if nobody holds it, and -1 if the process cannot be seen."""
    try:
        descriptor = os.open(LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
        return 0 if kind == fcntl.F_UNLCK else pid or -1
    finally:
        os.close(descriptor)


def _kill(pid: int, ending: Collection[int]) -> bool:
    """Kill ``pid`` if it runs for one of the uids ``ending``, also if it is frozen. Return True if it has ended."""
    try:
        process = os.pidfd_open(pid) if pid > 0 else -1
    except OSError:
        return False
    if process < 0:
        return False
    try:
        if _holder() != pid or not _runs_for(pid, ending):  # the descriptor refers to the process that was looked at
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
        if not select.select([process], [], [], LEAVES_FOR)[0]:
            return False
        for file in FILES:  # the next process with this pid would seem to hold what the tool has left
            with suppress(FileNotFoundError):
                if file.read_bytes().strip(b"\0\n ") == b"%d" % pid:
                    file.unlink()
        return True
    finally:
        os.close(process)


def _runs_for(pid: int, uids: Collection[int]) -> bool:
    """True if ``pid`` has one of ``uids`` as its real uid, or is in the control group of one of these users."""
    with suppress(OSError):
        groups = Path(f"/proc/{pid}/cgroup").read_text("utf-8", "replace").split("/")
        return _real_uid(pid) in uids or any(f"user-{uid}.slice" in groups for uid in uids)
    return False


def _real_uid(pid: int) -> int:
    """Raises OSError."""
    lines = Path(f"/proc/{pid}/status").read_bytes().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(b"Uid:"))


def _told(pid: int) -> str:
    try:
        name, uid = Path(f"/proc/{pid}/comm").read_bytes().rstrip(b"\n"), _real_uid(pid)
    except OSError:
        return "a process that jitd cannot see"
    with suppress(KeyError):
        return f"{shown(name)} ({pid}) of {shown(pwd.getpwuid(uid).pw_name)}"
    return f"{shown(name)} ({pid}) of the uid {uid}"
