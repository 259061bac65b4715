# SPDX-License-Identifier: Apache-2.0
"""A deed of a kind in a process that is killed before one of its steps, or in which this step fails. A step is an audit event of
Python's (PEP 578).
"""

from __future__ import annotations

import errno
import itertools
import os
import pickle
import re
import signal
import sys
from collections.abc import Callable

from jitd_things.givers.kind import Failed

IsStep = Callable[[str, tuple[object, ...]], bool]
"""Whether an event with such arguments is a step."""


def killed_at(step: int, deed: Callable[[], object], is_step: IsStep) -> bool:
    """Do ``deed`` in a process that is killed before that step. Return False if it ended before."""
    pid = os.fork()
    if pid == 0:
        steps, status = itertools.count(1), 1

        def killed(event: str, arguments: tuple[object, ...]) -> None:
            if is_step(event, arguments) and next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(killed)
            deed()
            status = 0
        finally:
            os._exit(status)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert ended in (0, -signal.SIGKILL), f"at step {step}"
    return ended != 0


def tried(deed: Callable[[], object], fails_at: int = 0, within: int = 30) -> tuple[object, list[str]]:
    """Do ``deed`` in a process of its own, in which the kernel refuses the step ``fails_at`` (EIO). Return its answer, and the
    steps that it has tried: ``remove PATH``, ``rename PATH``, ``sync PATH``, ``open PATH``, ``run PROGRAM`` and others. 0: no
    step is refused. What the deed raises is its answer.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            steps: list[str] = []
            is_watched = True

            def watch(event: str, arguments: tuple[object, ...]) -> None:
                at = arguments[0] if arguments else None
                if is_watched and event in _STEPS and not _OF_A_PROCESS.match(str(at)):
                    steps.append(f"{_STEPS[event]} {os.readlink(f'/proc/self/fd/{at}') if isinstance(at, int) else at}")
                    if len(steps) == fails_at:
                        raise OSError(errno.EIO, os.strerror(errno.EIO), None if isinstance(at, int) else os.fsdecode(str(at)))

            real = os.fsync

            def sync(descriptor: int) -> None:
                sys.audit("os.fsync", descriptor)
                real(descriptor)

            os.fsync = sync
            sys.addaudithook(watch)
            signal.alarm(within)
            try:
                answer: object = deed()
            except OSError as fault:
                answer = Failed(str(fault))
            except Exception as fault:
                answer = repr(fault)
            is_watched = False
            with open(writing, "wb") as stream:
                pickle.dump((answer, steps), stream)
        finally:
            os._exit(0)
    os.close(writing)
    try:
        with open(reading, "rb") as stream:
            found: tuple[object, list[str]] = pickle.load(stream)
    finally:
        os.waitpid(pid, 0)
    return found


_OF_A_PROCESS = re.compile(r"/proc/[0-9]+/")
"""No step: there may be another number of processes the next time."""
_STEPS = {
    "open": "open",
    "os.remove": "remove",
    "os.rename": "rename",
    "os.rmdir": "rmdir",
    "os.mkdir": "mkdir",
    "os.chmod": "chmod",
    "os.chown": "chown",
    "os.fsync": "sync",
    "shutil.rmtree": "rmtree",
    "subprocess.Popen": "run",
    "fcntl.flock": "lock",
    "os.listdir": "list",
    "os.scandir": "list",
}
"""Audit event → the word for the step. ``os.fsync`` has none of its own."""
