# SPDX-License-Identifier: Apache-2.0
"""Runs one program below its runner. The runner is a process that watches the program and ends all remaining processes of the
program.

For each program, jitd-programs forks a runner. The runner is the subreaper of all processes of the program (prctl(2)). Therefore
a process that leaves the program's session is still below the runner in the tree of processes. When the program ends, or when
jitd-programs closes its pipe to the runner (the leash), the runner kills all its descendants. Then the runner itself ends.
Law: no process of a program lives longer than its runner. The program has an empty environment, the directory /, and only the
descriptors 0 to 2. If an account other than root could have changed a program, the program is not executed. Sources: prctl(2),
pidfd_open(2), proc(5).
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
from collections.abc import Iterable
from contextlib import suppress
from typing import NoReturn

from jitd.beside.descendants import become_subreaper, end_all_below
from jitd.files.inspection import Uninspectable, View, changers
from jitd_outsiders.programs.messages import LONGEST_REASON, REPORTS, Ended, NotExecuted, Report
from jitpam.wire.declared import sentence

MOST_PROCESSES = 256  # of the account at the same time (RLIMIT_NPROC), shared by all of its programs
MOST_MEMORY = 256 * 1024 * 1024  # bytes of data of each process (RLIMIT_DATA), without memory that is only reserved
LIMITS = {resource.RLIMIT_CORE: 0, resource.RLIMIT_NPROC: MOST_PROCESSES, resource.RLIMIT_DATA: MOST_MEMORY}
"""Limit of getrlimit(2) → its value for a program, unless jitd-programs has a lower one already."""
NICENESS = 10  # nice(2). So programs do not delay the people who ask for commands


def fork_runner(program: tuple[str, ...], streams: tuple[int, int, int], leash: int, report: int) -> int:
    """Fork a runner, and return its pid. ``streams`` become descriptors 0 to 2 of the program. When the other end of ``leash`` is
    closed, the runner ends the program. The runner writes its Report to ``report``. Raises OSError.
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
        signal.set_wakeup_fd(-1)  # otherwise the event loop of jitd-programs would receive the signals of this process
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
        _tell(report, _not_executed(f"is not executed: {fault}"))
    except OSError as fault:
        _tell(report, _not_executed(f"could not be started: {fault.strerror}"))
    finally:
        os._exit(0)


def check_program(program: bytes) -> None:
    """Raise Uninspectable if an account other than root could have changed the file ``program``, which is an absolute path."""
    _, found = changers(program, View(0))
    if found:
        raise Uninspectable("; ".join(found))


def _not_executed(why: str) -> NotExecuted:
    return NotExecuted(sentence(why, LONGEST_REASON))


def _tell(report: int, told: Report) -> None:
    with suppress(OSError):
        os.write(report, REPORTS.write(told) + b"\n")


def _watch(pid: int, leash: int, report: int) -> None:
    """Wait until the program ends or the leash is closed. Then kill the remaining processes, and report."""
    process = os.pidfd_open(pid)
    waits = select.poll()
    waits.register(process, select.POLLIN)
    waits.register(leash, select.POLLIN)  # the end of the leash is an event, too
    ready = {descriptor for descriptor, _ in waits.poll()}
    status = None
    if process in ready:
        _, status = os.waitpid(pid, 0)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    end_all_below()
    if status is not None:
        _tell(report, Ended(os.waitstatus_to_exitcode(status)))


def _execute(words: list[bytes], streams: tuple[int, int, int], report: int) -> NoReturn:
    """A successful exec closes ``report``."""
    try:
        os.setsid()
        moved = [_above(descriptor) for descriptor in streams]
        report = _above(report)
        for number, descriptor in enumerate(moved):
            os.dup2(descriptor, number)
        _close_all_but({0, 1, 2, report})
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            with suppress(OSError):  # the C library reserves some signals for itself
                signal.signal(number, signal.SIG_DFL)
        for limit, most in LIMITS.items():
            _, hard = resource.getrlimit(limit)
            lower = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(limit, (lower, lower))
        os.umask(0o077)
        os.chdir("/")
        os.execve(words[0], words, {})
    except OSError as fault:
        _tell(report, _not_executed(f"could not be executed: {fault.strerror}"))
    finally:
        os._exit(127)


def _above(descriptor: int) -> int:
    """Return a copy of ``descriptor`` that is not 0, 1 or 2, and is closed at exec."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)


def _close_all_but(kept: Iterable[int]) -> None:
    first = 0
    for descriptor in sorted(set(kept)):
        if first < descriptor:  # os.closerange(0, 0) would close all of them
            os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))
