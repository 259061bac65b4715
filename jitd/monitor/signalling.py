# SPDX-License-Identifier: Apache-2.0
"""Signals to many processes as if at the same moment: a process that waits for another does not see that process end first.

A shell that waits for a command goes on to the next command when the first ends. So no process may end before all have got their
signal. Therefore all are first held still: by the freezer of their control groups (cgroups(7)), or stopped one by one.
Law: no signal is sent to a number that may belong to another process by now, and none to 1, 0 or below. Processes that were held
still for a hang-up are continued, whatever happens. A control group that this process is in is never frozen.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

Pid = int
MOST_HANDLES = 256
"""Processes held by a descriptor at the same time, at most: a fork bomb has more processes than we may have open files."""
MOST_TRIES = 50
"""How many times processes that fork as fast as they are signalled are looked for again."""
FROZEN_WITHIN = 0.2
"""Seconds that a group may take to be frozen. A process in the kernel, such as at a disk, takes longer, but executes nothing."""
LOOK_AGAIN = 0.001
"""Seconds between two checks whether a group is frozen."""


def hang_up_all(find: Callable[[], set[Pid]], groups: Iterable[str] = (), *, but_not: Collection[Pid] = ()) -> set[Pid]:
    """Send SIGHUP and SIGCONT to all processes that ``find`` finds, also to those forked meanwhile. Return those that got SIGHUP.

    The processes in ``but_not`` had both signals before, and get none. ``groups`` are the directories of control groups in which
    most of the processes are. A process that is not in one that can be frozen is stopped instead. A process that was stopped
    before runs again, as after every hang-up.
    """
    frozen: list[str] = []
    reached: set[Pid] = set()
    try:
        for group in groups:
            if not _holds_us(group):
                frozen.append(group)
                if not set_freezer(group, "1"):
                    frozen.remove(group)
        _await_frozen(frozen)
        signal_until_none_is_new(lambda: find() - members(frozen), signal.SIGSTOP, but_not)
        reached = signal_until_none_is_new(find, signal.SIGHUP, but_not)
    finally:
        try:
            signal_all(find, signal.SIGCONT, but_not=but_not)
        finally:
            for group in frozen:
                set_freezer(group, "0")
    return reached


def kill_all(find: Callable[[], set[Pid]]) -> None:
    """Stop the processes that ``find`` finds until no new one turns up, then kill all: so none can fork while it is killed."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)  # a fork bomb leaves little processor time to others
    if signal_until_none_is_new(find, signal.SIGSTOP):
        signal_all(find, signal.SIGKILL)


def signal_group(group: Pid, number: int) -> None:
    """Signal a process group. Its leader must not have been waited for, so that the group's number is still its own. The kernel
    signals all processes of the group before one of them can end."""
    if group > 1 and group != os.getpgrp():
        with suppress(OSError):
            os.killpg(group, number)


def members(groups: Iterable[str]) -> set[Pid]:
    """Return the processes in these control groups, and in the groups below."""
    found: set[Pid] = set()
    for group in groups:
        for directory, _, _ in os.walk(group):
            with suppress(OSError), open(f"{directory}/cgroup.procs", encoding="ascii") as file:
                found.update(int(line) for line in file)
    return found - {0}


def look_at(pid: Pid) -> tuple[Pid, bool]:
    """Return the parent of a process, and if it has ended with all its threads (proc(5), ``stat``). (0, True) if it is gone."""
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


def is_stopped(pid: Pid) -> bool:
    """True if a process is stopped by a signal, or by a debugger (proc(5), ``stat``); also if it is gone or has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read(4096).rpartition(b")")[2].split()[0] in b"TtZX"
    except (OSError, IndexError):
        return True


def signal_all(find: Callable[[], set[Pid]], number: int, *, but_not: Collection[Pid] = ()) -> set[Pid]:
    """Signal all processes that ``find`` finds but those in ``but_not``. Return the processes that were signalled.

    ``find`` is called twice. A process that it still finds after a descriptor of the process was opened is the one that is
    meant, and not another one that got its number. A child is stopped after its parent, and continued before its parent: a shell
    with job control goes on when its job has stopped, and su(1) stops itself.
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


def signal_until_none_is_new(find: Callable[[], set[Pid]], number: int, but_not: Collection[Pid] = ()) -> set[Pid]:
    """Call ``signal_all`` until no new process turns up, MOST_TRIES times at most. Return all that were signalled."""
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


def set_freezer(group: str, value: str) -> bool:
    """Freeze the control group ``group`` (``value`` is ``1``) or let it go on (``0``). False if it cannot be done."""
    try:
        with open(f"{group}/cgroup.freeze", "w", encoding="ascii") as file:
            file.write(value)
    except OSError:
        return False
    return True


def _await_frozen(groups: list[str]) -> None:
    """Wait until these groups are frozen, FROZEN_WITHIN seconds at most.

    A process that is not frozen by then is in the kernel. It executes nothing of its own before it gets its signal.
    """
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
    """True if this process is in control group ``group``, or in one below."""
    return os.getpid() in members([group])
