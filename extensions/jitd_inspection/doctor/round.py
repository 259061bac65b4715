# SPDX-License-Identifier: Apache-2.0
"""The round of all examinations. Each examination that may hang has its own process. All examinations run at the same time, with
a time limit.

Law: if an examination hangs or fails, jitd doctor adds a finding about this fault. One that was given up is ``unknown``: it has
not seen what is wrong. The earlier findings of the examination are
kept, and the other examinations are not delayed. jitd doctor kills an examination that hangs, and all processes that the
examination started. An examination that waits for a dead file server does not end when it is killed. So jitd doctor does not wait
for the end of such an examination.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from jitd_inspection.doctor.finding import Result, bad, given_up
from jitpam.initiator import NoProcess
from jitpam.wire.declared import Codec

WITHIN = 5.0  # seconds at most for an examination
DEFECT = "it is a fault of jitd doctor: report it"


@dataclass(frozen=True, slots=True)
class Finished:
    """The last message of a child process, which has finished its examination."""


FROM_CHILD = Codec[Result | Finished]("say", {"found": Result, "finished": Finished})
"""What a child process tells, each message as a line. tests/doctor/golden has the bytes."""


@dataclass(frozen=True, slots=True)
class Examination:
    """One examination. ``look`` yields its findings. If the examination does not end in time, a finding says so. The name of this
    finding is ``check``, its sentence is ``silent``, and its remedy is ``mend``.

    If ``silent`` is empty, the examination cannot hang, and runs in this process.
    """

    check: str
    look: Callable[[], Iterable[Result]]
    silent: str = ""
    mend: str = ""


def examine(examinations: Sequence[Examination], within: float = WITHIN) -> Iterator[Result]:
    """Yield all findings, in the order of the examinations, within about ``within`` seconds. Raises NoProcess."""
    until = time.monotonic() + within
    children: list[_Child] = []
    try:
        children.extend(_start(examination) for examination in examinations if examination.silent)
        ahead = iter(children)
        for examination in examinations:
            if not examination.silent:
                yield from _findings(examination)
            else:
                child = next(ahead)
                _hear(children, child, until)
                yield from child.findings(within)
    finally:
        for child in children:
            _end(child)


def _findings(examination: Examination) -> Iterator[Result]:
    """Yield the findings of an examination. If the examination raises an exception, yield a finding about the exception."""
    try:
        yield from examination.look()
    except Exception as fault:
        said = f"this could not be looked at: {type(fault).__name__}: {fault}"
        yield bad(examination.check, said, DEFECT)


@dataclass(slots=True)
class _Child:
    examination: Examination
    pid: int
    pipe: int
    said: bytearray = field(default_factory=bytearray)
    has_ended: bool = False

    def findings(self, within: float) -> Iterator[Result]:
        """Yield what this child finds, and that it did not finish, if it did not."""
        *lines, _ = bytes(self.said).split(b"\n")
        for line in lines:
            try:
                said = FROM_CHILD.read(line)
            except ValueError as fault:
                yield bad(self.examination.check, f"the process that looked at this said what cannot be read: {fault}", DEFECT)
                return
            if isinstance(said, Finished):
                return
            yield said
        if self.has_ended:
            yield bad(
                self.examination.check,
                "the process that looked at this was killed before it had finished",
                "see the kernel's log: dmesg",
            )
        else:
            yield given_up(self.examination.check, self.examination.silent, within, self.examination.mend)


def _start(examination: Examination) -> _Child:
    reading, writing = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise NoProcess from None
    if pid:
        os.close(writing)
        return _Child(examination, pid, reading)
    try:
        os.setsid()
        nothing = os.open("/dev/null", os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        for finding in _findings(examination):
            os.write(writing, _line(examination, finding))
        os.write(writing, FROM_CHILD.write(Finished()) + b"\n")
    finally:
        os._exit(0)


def _line(examination: Examination, finding: Result) -> bytes:
    try:
        return FROM_CHILD.write(finding) + b"\n"
    except ValueError as fault:
        said = f"what was found ({finding.check}, {finding.level}) cannot be told: {fault}"
        return FROM_CHILD.write(bad(examination.check, said, DEFECT)) + b"\n"


def _hear(children: Sequence[_Child], wanted: _Child, until: float) -> None:
    """Read the output of all children until ``wanted`` has ended, or until ``until`` (CLOCK_MONOTONIC)."""
    while not wanted.has_ended and (left := until - time.monotonic()) > 0:
        waiting = {child.pipe: child for child in children if not child.has_ended}
        for pipe in select.select(list(waiting), [], [], left)[0]:
            data = os.read(pipe, 65536)
            waiting[pipe].said += data
            waiting[pipe].has_ended = not data


def _end(child: _Child) -> None:
    """Kill the child and all processes that the child has started. Wait at most 0.1 seconds for the end of the child."""
    os.close(child.pipe)
    if not child.has_ended:
        for kill in (os.killpg, os.kill):  # the child may not lead a process group yet
            with contextlib.suppress(ProcessLookupError):
                kill(child.pid, signal.SIGKILL)
    for _ in range(20):
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(child.pid, os.WNOHANG)[0] == 0:
                time.sleep(0.005)
                continue
        return
