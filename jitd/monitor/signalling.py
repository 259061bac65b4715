# SPDX-License-Identifier: Apache-2.0
"""Signals many processes as if at one moment: a process that waits for another one does not see it end first.

A shell that waits for a command goes on to the next when that ends. So nobody ends while others have not got their signal yet:
all are held still before, by the freezer of their control groups (cgroups(7)) or stopped one by one.
Law: no signal goes to a number that may be another process by now, and never to 1, 0 or below. What was held still for a
hang-up is let go, whatever happens; a group that this process is in is never frozen.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

Pid = int
MOST_HANDLES = 256
"""Processes that are held by a descriptor at one time: a fork bomb has more than this process may have open files."""
MOST_TRIES = 50
"""Times that what forks as fast as it is signalled is looked for again."""
FROZEN_WITHIN = 0.2
"""Seconds that a group may take to be frozen. Who waits for a disk in the kernel takes longer, and executes nothing there."""
LOOK_AGAIN = 0.001
"""Seconds between two looks whether it is."""


def hang_up_all(find: Callable[[], set[Pid]], groups: Iterable[str] = (), *, but_not: Collection[Pid] = ()) -> set[Pid]:
    """SIGHUP and SIGCONT to all that ``find`` finds, also to what is forked meanwhile, and say to which; ``but_not`` had it.

    ``groups`` are the directories of control groups in which most of them live. What is in none that can be frozen is stopped.
    A process that was stopped before runs again, as after every hang-up.
    """
    frozen: list[str] = []
    reached: set[Pid] = set()
    try:
        for group in groups:
            if not _holds_us(group):
                frozen.append(group)
                if not _set_freezer(group, "1"):
                    frozen.remove(group)
        _await_frozen(frozen)
        _signal_until_none_is_new(lambda: find() - members(frozen), signal.SIGSTOP, but_not)
        reached = _signal_until_none_is_new(find, signal.SIGHUP, but_not)
    finally:
        try:
            signal_all(find, signal.SIGCONT, but_not=but_not)
        finally:
            for group in frozen:
                _set_freezer(group, "0")
    return reached


def kill_all(find: Callable[[], set[Pid]]) -> None:
    """Stop them until no new one turns up, then kill: one that forks as fast as it is killed is caught at rest."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)  # a fork bomb leaves little to others
    if _signal_until_none_is_new(find, signal.SIGSTOP):
        signal_all(find, signal.SIGKILL)


def signal_group(group: Pid, number: int) -> None:
    """Signal a process group whose leader has not been waited for, so that its number is its own. The kernel signals all of it
    before any of it can end."""
    if group > 1 and group != os.getpgrp():
        with suppress(OSError):
            os.killpg(group, number)


def members(groups: Iterable[str]) -> set[Pid]:
    """Who is in these control groups, and in those below."""
    found: set[Pid] = set()
    for group in groups:
        for directory, _, _ in os.walk(group):
            with suppress(OSError), open(f"{directory}/cgroup.procs", encoding="ascii") as file:
                found.update(int(line) for line in file)
    return found - {0}


def look_at(pid: Pid) -> tuple[Pid, bool]:
    """Parent, and whether it has ended (proc(5), ``stat``): not while one of its threads lives. (0, True) if it is gone."""
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0, True
    try:
        state, parent, *more = os.read(file, 4096).rpartition(b")")[2].split(None, 18)
        return int(parent), state in b"ZX" and int(more[15]) <= 1
    except (OSError, IndexError, ValueError):
        return 0, True
    finally:
        os.close(file)


def signal_all(find: Callable[[], set[Pid]], number: int, *, but_not: Collection[Pid] = ()) -> set[Pid]:
    """Signal all that ``find`` finds, and say which; ``but_not`` were signalled before.

    They are looked for twice: a process that is still found after a descriptor of it was opened is the one we mean,
    and not another that got its number. A child is stopped after its parent, and continued before it: a shell with job control
    goes on when its job has stopped, and su(1) stops itself.
    """
    waiting = _parents_first(pid for pid in find() if pid > 1 and pid != os.getpid() and pid not in but_not)
    if number == signal.SIGCONT:
        waiting.reverse()
    meant: set[Pid] = set()
    while waiting:
        batch, waiting = waiting[:MOST_HANDLES], waiting[MOST_HANDLES:]
        meant |= _signal_batch(batch, find, number)
    return meant


def _signal_batch(batch: list[Pid], find: Callable[[], set[Pid]], number: int) -> set[Pid]:
    handles: dict[Pid, int] = {}
    try:
        for pid in batch:
            with suppress(OSError):
                handles[pid] = os.pidfd_open(pid)
        meant = find() & handles.keys() if handles else set()
        for pid, handle in handles.items():
            if pid in meant:
                with suppress(OSError):
                    signal.pidfd_send_signal(handle, number)
        return meant
    finally:
        for handle in handles.values():
            os.close(handle)


def _signal_until_none_is_new(find: Callable[[], set[Pid]], number: int, but_not: Collection[Pid] = ()) -> set[Pid]:
    """As ``signal_all``, and again to processes that have turned up since."""
    reached: set[Pid] = set()
    for _ in range(MOST_TRIES):
        new = signal_all(find, number, but_not=reached.union(but_not))
        if not new:
            break
        reached |= new
    return reached


def _parents_first(pids: Iterable[Pid]) -> list[Pid]:
    parents = {pid: look_at(pid)[0] for pid in pids}

    def depth(pid: Pid) -> int:
        n = 0
        while (pid := parents.get(pid, 0)) and n < len(parents):
            n += 1
        return n

    return sorted(parents, key=depth)


def _set_freezer(group: str, value: str) -> bool:
    try:
        with open(f"{group}/cgroup.freeze", "w", encoding="ascii") as file:
            file.write(value)
    except OSError:
        return False
    return True


def _await_frozen(groups: list[str]) -> None:
    """What is not frozen in time will be soon: until then it is in the kernel, and has the signal when it comes back."""
    until = time.monotonic() + FROZEN_WITHIN
    while time.monotonic() < until and not all(_says(group, "frozen 1") for group in groups):
        time.sleep(LOOK_AGAIN)


def _says(group: str, line: str) -> bool:
    try:
        with open(f"{group}/cgroup.events", encoding="ascii") as file:
            return line in file.read().splitlines()
    except OSError:
        return True


def _holds_us(group: str) -> bool:
    """Whether this process is in that control group, or below it."""
    return os.getpid() in members([group])
