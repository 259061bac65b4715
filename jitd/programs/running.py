# SPDX-License-Identifier: Apache-2.0
"""Runs one program in a process that watches it (the runner), and ends all that is left of it.

jitd-programs forks a runner for each program. The runner is the subreaper of all that the program starts (prctl(2)), so a
process that leaves the program's session stays below the runner. When the program has ended, or jitd-programs closes the leash,
the runner kills every process below it, and ends.
Law: nothing of a program outlives its runner. The program has an empty environment, the directory /, and no descriptor but 0 to
2. A program that somebody other than root could have changed is not executed. Sources: prctl(2), pidfd_open(2), proc(5).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import select
import signal
from collections.abc import Iterable
from contextlib import suppress
from typing import NoReturn

from jitd.files.inspection import Uninspectable, View, changers

PR_SET_CHILD_SUBREAPER = 36
MOST_PROCESSES = 256
"""Most processes of the account at the same time (RLIMIT_NPROC), those of all its programs together."""
MOST_MEMORY = 256 * 1024 * 1024
"""Most bytes of data that each process of a program may have (RLIMIT_DATA). Memory that is only reserved does not count."""
LIMITS = {resource.RLIMIT_CORE: 0, resource.RLIMIT_NPROC: MOST_PROCESSES, resource.RLIMIT_DATA: MOST_MEMORY}
"""Limit of getrlimit(2) → its value for a program, if it is not lower already."""
NICENESS = 10
"""How much a program gives way to everything else on the host (nice(2)): nobody who asks for a command waits for it."""
ENDED, FAULT = b"ended ", b"fault "
"""What a report begins with: the status of the program as waitpid(2) has it, or the reason why it was not executed."""
LONGEST_REPORT = 500
"""Most characters of a report."""


def become_subreaper() -> None:
    """Have processes below this one become its children when their parents end. Raises OSError."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")


def children() -> list[int]:
    """Return the children of this process, which has one thread. Raises OSError."""
    pid = os.getpid()
    with open(f"/proc/self/task/{pid}/children", "rb") as file:
        return [int(word) for word in file.read().split()]


def end_all_below() -> None:
    """Kill the children of this process, and theirs as they come up, until none is left."""
    while True:
        with suppress(OSError):
            for child in children():
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def fork_runner(program: tuple[str, ...], streams: tuple[int, int, int], leash: int, report: int) -> int:
    """Fork a runner, and return its pid. ``streams`` become descriptors 0 to 2 of the program. When the other end of ``leash`` is
    closed, the runner ends the program. It writes to ``report`` how the program ended: one line. Raises OSError.
    """
    everything = signal.valid_signals()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, everything)
    try:
        pid = os.fork()
        if pid == 0:
            _be_runner(program, streams, leash, report)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _be_runner(program: tuple[str, ...], streams: tuple[int, int, int], leash: int, report: int) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)  # else a signal here would be told to the event loop of jitd-programs
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        _close_all_but({*streams, leash, report})
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.setsid()
        become_subreaper()
        os.nice(NICENESS)
        words = [word.encode("utf-8") for word in program]
        check_program(words[0])
        pid = os.fork()
        if pid == 0:
            _execute(words, streams, report)
        _close_all_but({leash, report})
        _watch(pid, leash, report)
    except Uninspectable as fault:
        _tell(report, FAULT, f"is not executed: {fault}")
    except OSError as fault:
        _tell(report, FAULT, f"could not be started: {fault.strerror}")
    finally:
        os._exit(0)


def check_program(program: bytes) -> None:
    """Raises Uninspectable unless root alone could have changed what is at ``program``, an absolute path."""
    _, found = changers(program, View(0))
    if found:
        raise Uninspectable("; ".join(found))


def _tell(report: int, kind: bytes, text: str) -> None:
    line = "".join(c if c.isprintable() else "?" for c in text)[:LONGEST_REPORT]
    with suppress(OSError):
        os.write(report, kind + line.encode("utf-8", "replace") + b"\n")


def _watch(pid: int, leash: int, report: int) -> None:
    """Wait for the end of the program, or of the leash. Then kill what is left, and report."""
    process = os.pidfd_open(pid)
    waits = select.poll()
    waits.register(process, select.POLLIN)
    waits.register(leash, select.POLLIN)  # its end is an event, too
    ready = {descriptor for descriptor, _ in waits.poll()}
    status = None
    if process in ready:
        _, status = os.waitpid(pid, 0)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    end_all_below()
    if status is not None:
        _tell(report, ENDED, str(status))


def _execute(words: list[bytes], streams: tuple[int, int, int], report: int) -> NoReturn:
    """Become the program. ``report`` is closed by that."""
    try:
        os.setsid()
        moved = [_above(descriptor) for descriptor in streams]
        report = _above(report)
        for number, descriptor in enumerate(moved):
            os.dup2(descriptor, number)
        _close_all_but({0, 1, 2, report})
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            with suppress(OSError):  # those that the C library keeps for itself
                signal.signal(number, signal.SIG_DFL)
        for limit, most in LIMITS.items():
            _, hard = resource.getrlimit(limit)
            lower = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(limit, (lower, lower))
        os.umask(0o077)
        os.chdir("/")
        os.execve(words[0], words, {})
    except OSError as fault:
        _tell(report, FAULT, f"could not be executed: {fault.strerror}")
    finally:
        os._exit(127)


def _above(descriptor: int) -> int:
    """Return a copy of ``descriptor`` that is not 0, 1 or 2, and is closed at exec."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)


def _close_all_but(kept: Iterable[int]) -> None:
    """Close all descriptors but ``kept``."""
    first = 0
    for descriptor in sorted(set(kept)):
        if first < descriptor:  # os.closerange(0, 0) would close all of them
            os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))
