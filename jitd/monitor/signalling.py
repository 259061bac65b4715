# SPDX-License-Identifier: Apache-2.0
"""Sends a signal to many processes, so that all these processes seem to get the signal at the same moment. Each process receives
the signal before it can notice the end of another of these processes.

For example, a shell that waits for a command starts the next command when the first command ends. Therefore no process may end
before all processes have received the signal. For this purpose, all processes are frozen first by the freezer of their control
groups (cgroups(7)). Processes that cannot be frozen are stopped one by one. Law: no signal is sent to a pid that may now belong
to another process. No signal is sent to 1, 0 or a negative number. Processes that were frozen or stopped before SIGHUP are always
continued after it. The control group of this process is never frozen.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

Pid = int
MOST_HANDLES = 256  # processes whose descriptors are open. A fork bomb can have more than this process may have open
MOST_TRIES = 50  # searches for new processes. A fork bomb makes them as fast as the old ones get the signal
FROZEN_WITHIN = 0.2
"""Seconds that the freezing of a group may take. A process that waits in the kernel, for example for a disk, may take longer.
While it waits in the kernel, a process executes no code of its program.
"""
LOOK_AGAIN = 0.001  # seconds between two checks whether a group is frozen


def hang_up_all(find: Callable[[], set[Pid]], groups: Iterable[str] = (), *, but_not: Collection[Pid] = ()) -> set[Pid]:
    """Send SIGHUP and SIGCONT to all processes that ``find`` returns. Processes that are forked meanwhile are included. Return
    the processes that got SIGHUP.

    The processes in ``but_not`` are left out, because they have already received SIGHUP and SIGCONT. ``groups`` are the
    directories of the control groups that contain most of the processes. A process that is not in one of these groups is stopped
    instead of frozen. After this call, the processes that got SIGHUP run, even those that were stopped before the call.
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
    """Stop the processes that ``find`` returns, and repeat this until ``find`` returns no new process. Then kill all of them.
    Therefore no process can fork while the processes are killed.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)  # a fork bomb leaves little processor time for others
    if signal_until_none_is_new(find, signal.SIGSTOP):
        signal_all(find, signal.SIGKILL)


def signal_group(group: Pid, number: int) -> None:
    """Signal a process group, all before one of them can end, and never after the leader's parent has called wait(2) for it: then
    the number may be another group's.
    """
    if group > 1 and group != os.getpgrp():
        with suppress(OSError):
            os.killpg(group, number)


def members(groups: Iterable[str]) -> set[Pid]:
    """Return the processes in the control groups ``groups`` and in all control groups below them."""
    found: set[Pid] = set()
    for group in groups:
        for directory, _, _ in os.walk(group):
            with suppress(OSError), open(f"{directory}/cgroup.procs", encoding="ascii") as file:
                found.update(int(line) for line in file)
    return found - {0}


def look_at(pid: Pid) -> tuple[Pid, bool]:
    """Return a pair: the parent of process ``pid``, and True if the process has ended with all its threads (proc(5), ``stat``).
    Return (0, True) if the process does not exist any more.
    """
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


def name_of(pid: Pid) -> bytes:
    """Return the name of the program of process ``pid`` (proc(5), ``comm``). Return b"" if the process has ended."""
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            name = file.read(64).rstrip(b"\n")
    except OSError:
        return b""
    return b"" if look_at(pid)[1] else name


def is_stopped(pid: Pid) -> bool:
    """True if a process is stopped by a signal or by a debugger, or if it has ended."""
    return state_of(pid) in b"TtZX"


def state_of(pid: Pid) -> bytes:
    """Return the state of a process (proc(5), ``stat``), or ``X`` if it does not exist any more."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read(4096).rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return b"X"


def signal_all(find: Callable[[], set[Pid]], number: int, *, but_not: Collection[Pid] = ()) -> set[Pid]:
    """Send a signal to all processes that ``find`` returns. The processes in ``but_not`` are left out. Return the processes that
    got the signal.

    ``find`` is called twice. Between the two calls, a descriptor of each process is opened. If the second call returns the pid
    again, the descriptor does not belong to a later process with the same pid. A child is stopped after its parent, and continued
    before its parent. This order is necessary for two reasons: a shell with job control continues when its job has stopped, and
    su(1) stops itself when its child has stopped.
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
    """Repeat ``signal_all``, at most MOST_TRIES times, until it finds nothing new. Return all that it has found."""
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
    """Freeze the control group ``group`` (``value`` is ``1``) or thaw it (``0``). Return False if that fails."""
    try:
        with open(f"{group}/cgroup.freeze", "w", encoding="ascii") as file:
            file.write(value)
    except OSError:
        return False
    return True


def _await_frozen(groups: list[str]) -> None:
    """Wait until ``groups`` are frozen, but at most FROZEN_WITHIN seconds. What is not frozen by then waits in the kernel, and
    executes no code of its program before it gets its signal.
    """
    until = time.monotonic() + FROZEN_WITHIN
    while time.monotonic() < until and not all(_says(group, "frozen 1") for group in groups):
        time.sleep(LOOK_AGAIN)


def _says(group: str, line: str) -> bool:
    try:
        with open(f"{group}/cgroup.events", encoding="ascii") as file:
            return line in file.read().split("\n")
    except OSError:
        return True


def _holds_us(group: str) -> bool:
    """True if this process is in control group ``group``, or in a group below it."""
    return os.getpid() in members([group])
