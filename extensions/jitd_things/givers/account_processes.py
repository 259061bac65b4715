# SPDX-License-Identifier: Apache-2.0
"""Ends all processes of one uid, even if they fork fast or stop other processes.

Law: the kernel kills all processes at once, through kill(2) with the pid -1. During this call the kernel delays forks, so a
process cannot escape by forking. The process that calls kill(2) has the account's uid only as its effective uid. So the killing
process may signal the account's processes, but the account's processes may not signal the killing process. If the killing process
had a capability, kill(2) could end the processes of all users. So the killing process first checks that it has no capability.
This call of kill(2) does not reach processes that have the account's uid only as their effective or file system uid. jitd finds
these processes in /proc and kills them through descriptors. Sources: kill(2), credentials(7), capabilities(7), proc(5),
pidfd_open(2).
"""

from __future__ import annotations

import math
import os
import pwd
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jitd.core.wording import listed
from jitd.files.processes import Unread, status
from jitd_things.givers.account_remains import as_account
from jitd_things.givers.kind import named

ENDS_WITHIN = 3.0
"""Seconds within which all processes have to end. The kernel needs more time only for a process that waits for a device. A
program that is set-uid to the account may be run again and again, by somebody else. And anybody may have so many threads that
there is no time to look at each of them.
"""
MOST_TOLD = 5
SLICE = "/sys/fs/cgroup/user.slice/user-{0}.slice/cgroup.kill"
"""Kills all processes of the user's sessions and of the user's manager, also frozen ones (cgroups(7), Linux 5.14)."""
SEARCHES_FOR = 1.0  # seconds of a last search for what is told
LOOK_AGAIN = 0.1  # seconds between two searches. In this time, what was killed may run again.
LEAST = 1000  # the lowest uid whose processes may be signalled


@dataclass(frozen=True, slots=True)
class Process:
    """A process that has the uid as its real, effective, saved or file system uid."""

    pid: int
    name: bytes

    @property
    def told(self) -> str:
        """The name and the pid of the process, as text for people."""
        return f"{named(self.name)} ({self.pid})"


def of(uid: int) -> list[Process]:
    """Return the living processes in which a thread has ``uid`` as its real, effective, saved or file system uid."""
    return _search(uid, math.inf)[0]


def end(uid: int, ender: int | None) -> list[str]:
    """End all processes of ``uid``: in one call by ``ender``, a uid that no account has, or else one by one. Return which still
    live, as parts of a sentence. Raises OSError and ValueError.
    """
    if uid < LEAST or (ender is not None and (ender < LEAST or ender == uid)):
        raise ValueError("jitd does not end the processes of this uid")
    until = time.monotonic() + ENDS_WITHIN
    with suppress(OSError):  # no systemd, or a kernel without it
        Path(SLICE.format(uid)).write_text("1", "ascii")
    can_kill_all = ender is not None and not _is_somebodys(ender)
    while True:
        alive, is_all = _search(uid, until)
        if is_all and not alive:
            return []
        if can_kill_all:
            with suppress(OSError):
                as_account(uid, ender, _kill_all)
        for process in alive:
            _kill(process.pid, uid)
        time.sleep(LOOK_AGAIN)
        if time.monotonic() > until:
            return _left(uid, *_search(uid, time.monotonic() + SEARCHES_FOR))


def _left(uid: int, alive: list[Process], is_all: bool) -> list[str]:
    told = [process.told for process in alive[:MOST_TOLD]]
    more = [f"{len(alive) - MOST_TOLD} more"] if len(alive) > MOST_TOLD else []
    left = [f"processes, which still run under its uid {uid}: {listed((*told, *more), 'and')}"] if alive else []
    return left if is_all else [*left, "perhaps more processes, for which jitd had no time to search: too many run here"]


def _kill_all(_: int) -> None:
    """In a child with the account's effective uid: kill, in one call, all that has it as real or saved uid."""
    if _has_no_capability():
        os.kill(-1, signal.SIGKILL)


def _has_no_capability() -> bool:
    """True if this process may signal only processes of its own uids."""
    own = status("self")
    return int(own[b"CapEff"][0], 16) == int(own[b"CapPrm"][0], 16) == 0


def _kill(pid: int, uid: int) -> None:
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            if _has(pid, uid):  # the descriptor refers to the same process
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        finally:
            os.close(descriptor)


def _is_somebodys(uid: int) -> bool:
    with suppress(KeyError):
        pwd.getpwuid(uid)
        return True
    return any(_thread_has(process.pid, uid) for process in _processes())


def _search(uid: int, until: float) -> tuple[list[Process], bool]:
    """Return the processes of ``uid`` that were found until ``until`` (on CLOCK_MONOTONIC), and whether these are all."""
    found, is_all = [], True
    for process in _processes():
        try:
            if _has(process.pid, uid, until):
                found.append(process)
        except Unread:
            is_all = False
        except TimeoutError:
            return found, False
    return found, is_all


def _processes() -> Iterator[Process]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                yield Process(int(name), Path(f"/proc/{name}/comm").read_bytes().removesuffix(b"\n"))


def _has(pid: int, uid: int, until: float = math.inf) -> bool:
    """Raises TimeoutError, and Unread."""
    threads: list[str] = []
    with suppress(OSError):
        threads = os.listdir(f"/proc/{pid}/task")
    for thread in threads:
        if _thread_has(f"{pid}/task/{thread}", uid):
            return True
        if time.monotonic() > until:
            raise TimeoutError
    return False


def _thread_has(thread: int | str, uid: int) -> bool:
    """Raises Unread."""
    try:
        found = status(thread)
    except Unread:
        raise
    except OSError:  # it has ended
        return False
    return found[b"State"][0] not in (b"Z", b"X") and b"%d" % uid in found[b"Uid"]
