# SPDX-License-Identifier: Apache-2.0
"""Frees killed processes of a run that something keeps from ending.

SIGKILL stops a process from executing anything, but the process ends only when its system call returns. Two things that a person
has can delay this for ever: a FUSE server that has read a request and does not answer, and a tracer that is told of the end
(PTRACE_O_TRACEEXIT). In the meantime the process has its descriptors. Its system call may still succeed, with the rights of the
run, and the tracer can take the descriptor that the call opens (pidfd_getfd(2)).

Law: only what the kernel names as the cause is ended. Nothing is opened by a name that a user chose. Sources: ptrace(2), the
kernel's documentation of FUSE ("Aborting a filesystem connection").
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress

from jitd.files import processes
from jitd.monitor.signalling import Pid

SYS_FSOPEN, SYS_FSCONFIG, SYS_FSMOUNT = 430, 431, 432  # these numbers are the same on every architecture
FSOPEN_CLOEXEC, FSCONFIG_CMD_CREATE, FSMOUNT_CLOEXEC = 1, 6, 1

_libc = ctypes.CDLL(None, use_errno=True)


def free(killed: Collection[Pid], uids: Collection[int] = ()) -> set[str]:
    """Kill each tracer that holds one of the processes ``killed``. If one of them waits in the kernel, abort the FUSE connections
    that have an open request and belong to its own account, or to one of the accounts ``uids``. Return what was ended, as parts
    of a sentence. The caller repeats this call until the processes are gone.

    A tracer may belong to anybody: it still traces if it has executed sudo meanwhile. A process has another account than its run
    if it has executed a set-uid program. Root's connections are left alone.
    """
    left, seen, is_waiting, owners, ended = list(killed), set(killed), False, set(uids), set[str]()
    while left:
        for thread, status in _threads(left.pop()):
            tracer = int(status[b"TracerPid"][0])
            if status[b"State"][0] == b"D":
                is_waiting = True
                own = set(status[b"Uid"])
                owners |= {int(uid) for uid in own if len(own) == 1}  # otherwise the kernel does not let it use a user's mount
            elif status[b"State"][0] == b"t" and tracer and tracer not in seen:
                seen.add(tracer)
                if _kill(tracer, thread):
                    ended.add("a process that traced it was killed")
                left.append(tracer)  # it may itself be held
    if is_waiting:
        with suppress(OSError):  # without FUSE, it waits for something else
            if _abort(owners - {0}):
                ended.add("a FUSE mount that it waited for was aborted")
    return ended


def _threads(pid: Pid) -> Iterator[tuple[str, Mapping[bytes, list[bytes]]]]:
    """Yield the path below /proc and the status (proc(5)) of each thread of ``pid``."""
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError):
                yield f"{pid}/task/{thread}", processes.status(f"{pid}/task/{thread}")


def _kill(tracer: Pid, traced: str) -> bool:
    """Kill the tracer, which is a thread, if it still traces the thread ``traced``. Return False if it does not."""
    with suppress(OSError):  # it has ended
        process = os.pidfd_open(int(processes.status(tracer)[b"Tgid"][0]))
        try:
            if int(processes.status(traced)[b"TracerPid"][0]) == tracer:  # so the descriptor is the tracer's, not a later one's
                signal.pidfd_send_signal(process, signal.SIGKILL)
                return True
        finally:
            os.close(process)
    return False


def _abort(uids: Collection[int]) -> int:
    """Return the number of aborted connections. Raises OSError."""
    n_aborted, connections = 0, _connections()
    try:
        for number in os.listdir(connections):
            with suppress(OSError):  # unmounted meanwhile; then a new mount of somebody else may have the number
                one = os.open(number, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=connections)
                try:
                    if os.fstat(one).st_uid in uids and _read(one, "waiting") != b"0\n":
                        _write(one, "abort", b"1")
                        n_aborted += 1
                finally:
                    os.close(one)
    finally:
        os.close(connections)
    return n_aborted


def _connections() -> int:
    """Open the kernel's directory of all FUSE connections, wherever it is mounted, or if it is not mounted. Raises OSError."""
    context = _call(SYS_FSOPEN, b"fusectl", FSOPEN_CLOEXEC)
    try:
        _call(SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE, None, None, 0)
        mount = _call(SYS_FSMOUNT, context, FSMOUNT_CLOEXEC, 0)
    finally:
        os.close(context)
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=mount)
    finally:
        os.close(mount)


def _call(number: int, *arguments: int | bytes | None) -> int:
    result = _libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)


def _read(directory: int, path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
    try:
        return os.read(file, 64)
    finally:
        os.close(file)


def _write(directory: int, path: str, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=directory)
    try:
        os.write(file, data)
    finally:
        os.close(file)
