# SPDX-License-Identifier: Apache-2.0
"""What a running jitd has locked, the kernel says. No other account can open it, so no other account can lock it first."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.system.conftest import House
from tests.waiting import wait_for

POLICY = """
[[permit]]
name = "recorded"
who = ["user:alice"]
commands = [["**"]]
run = { record = "output" }
"""


def tree_of(pid: int) -> set[int]:
    found = {pid}
    with suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                found |= tree_of(int(child))
    return found


def locked_by(pids: set[int]) -> set[str]:
    """The files and directories that ``pids`` have locked, in whatever way (proc(5), /proc/locks)."""
    found = set()
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if words[1] == "->" or int(words[4]) not in pids | {-1}:
            continue
        inode = int(words[5].rpartition(":")[2])
        for pid in pids:
            with suppress(OSError):
                for name in os.listdir(f"/proc/{pid}/fd"):
                    with suppress(OSError):
                        if os.stat(f"/proc/{pid}/fd/{name}").st_ino == inode:
                            found.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    return found


def opens(account: str, path: str) -> bool:
    """True if ``account`` can open ``path`` for reading, which is enough for a lock."""
    pid = os.fork()
    if pid == 0:
        known = pwd.getpwnam(account)
        with suppress(BaseException):
            os.setgroups([])
            os.setgid(known.pw_gid)
            os.setuid(known.pw_uid)
            with suppress(OSError):
                os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_no_other_account_can_open_what_jitd_has_locked(own_house: Callable[..., House]) -> None:
    """THREATS Q-43."""
    house = own_house(POLICY).start()
    asking = house.ask("alice", "--reason", "x", "sh", "-c", "echo here; exec sleep 600")
    wait_for(lambda: "here" in asking.out or asking.process.poll() is not None, what=f"a run ({asking.err})")
    assert house.process is not None
    locked = locked_by(tree_of(house.process.pid))
    assert {Path(path).name for path in locked} >= {"lock"} and len(locked) >= 4, "the daemon's, the run's, the recording's"
    assert [path for path in sorted(locked) if stat.S_ISDIR(os.stat(path).st_mode)] == []
    assert [path for path in sorted(locked) if opens("nobody", path) or opens("alice", path)] == []
