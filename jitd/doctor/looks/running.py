# SPDX-License-Identifier: Apache-2.0
"""The daemon's process, and what it says. Law: nothing is locked and nobody started: who holds a lock is read in /proc."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from jitd.doctor.checks.running import Answered, Lanes, Running
from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable, connect

BOOTED = Path("/run/systemd/system")
"""A directory that is there where systemd is process 1."""
SERVE = b"serve"


def holders(files: Sequence[Path]) -> dict[Path, int]:
    """File → the process that holds a lock (flock(2)) on it, as far as one does.

    /proc/locks tells a file by its inode, and by a device that stacked file systems make up: so the process is asked, too.
    """
    wanted: dict[int, Path] = {}
    for file in files:
        with suppress(OSError):
            wanted[os.lstat(file).st_ino] = file
    found: dict[Path, int] = {}
    for line in Path("/proc/locks").read_text("ascii", "replace").splitlines():
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK" and words[4].isdigit():
            inode = words[5].rpartition(":")[2]
            path = wanted.get(int(inode)) if inode.isdigit() else None
            if path is not None and _has_open(words[4], path):
                found[path] = int(words[4])
    return found


def _has_open(pid: str, file: Path) -> bool:
    with suppress(OSError):
        meant = os.lstat(file)
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                if os.path.samestat(os.stat(f"/proc/{pid}/fd/{descriptor}"), meant):
                    return True
    return False


def daemon(state: Path) -> Running:
    """Who holds the lock of the state directory, and who else is a jitd."""
    pid = holders([state / "lock"]).get(state / "lock", 0)
    others = tuple(sorted(other for other in _serving() if other != pid))
    if not pid:
        return Running(0, others=others)
    is_replaced = False
    with suppress(OSError):
        is_replaced = os.readlink(f"/proc/{pid}/exe").endswith(" (deleted)")
    return Running(pid, _started_at(pid), others, is_replaced)


def _serving() -> list[int]:
    """Processes of root, in this pid namespace and of this host's files, that are a ``jitd serve``."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with suppress(OSError):
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            is_jitd = any(os.path.basename(word) == b"jitd" for word in words[:4])
            if is_jitd and SERVE in words[1:6] and os.stat(f"/proc/{name}").st_uid == 0 and _is_of_ours(name):
                found.append(int(name))
    return found


def _is_of_ours(pid: str) -> bool:
    """Not in a container: its namespace of processes is ours."""
    return os.readlink(f"/proc/{pid}/ns/pid") == os.readlink("/proc/self/ns/pid")


def _started_at(pid: int) -> float:
    """When process ``pid`` was started, in seconds since 1970 by the clock as it is now (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def ask(socket: Path, *, with_ticket: bool = False) -> tuple[Answered, str]:
    """Say hello to the daemon: what it answered, and whom it knows us as."""
    os.environ["JITD_SOCKET"] = str(socket)
    began = time.monotonic()
    try:
        connection = connect(with_ticket=with_ticket)
    except (Unreachable, RefusedByDaemon, NotAuthenticated) as fault:
        return Answered(why_not=str(fault)), ""
    took = time.monotonic() - began
    connection.close()
    return Answered(connection.welcome.host, took), connection.welcome.principal


def changed_at(file: Path) -> float | None:
    """When the file was written last; None where it is missing."""
    with suppress(OSError):
        return os.stat(file).st_mtime
    return None


def lanes(file: Path) -> Lanes | None:
    """What the daemon says of its threads; None where it does not."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        said = json.loads(file.read_bytes())
        return Lanes(
            [(str(lane), int(n), int(busy), int(waiting)) for lane, n, busy, waiting in said["lanes"]], list(said["silent"])
        )
    return None
