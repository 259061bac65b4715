# SPDX-License-Identifier: Apache-2.0
"""The round of all examinations. Each one that may hang has its own process; all run at the same time, with a time limit.

Law: an examination that hangs or fails becomes a finding, and delays no other; what it has found before counts. If it hangs, it
is killed with all that it started. If it cannot be killed (a dead file server), it is left behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from jitd.doctor.finding import Finding, bad

WITHIN = 5.0
"""Seconds that an examination may take."""
END = b"null"
"""The last line of a child that has finished its examination."""


@dataclass(frozen=True, slots=True)
class Examination:
    """One examination. ``look`` yields its findings. If it does not end in time, a finding ``check`` has the sentence ``silent``.

    ``mend`` is the mend of that finding. An examination without ``silent`` cannot hang, and is done in this process.
    """

    check: str
    look: Callable[[], Iterable[Finding]]
    silent: str = ""
    mend: str = ""


def examine(examinations: Sequence[Examination], within: float = WITHIN) -> Iterator[Finding]:
    """Yield all findings, in the order of the examinations. This takes about ``within`` seconds, at most."""
    until = time.monotonic() + within
    started = [(examination, _start(examination) if examination.silent else None) for examination in examinations]
    children = [child for _, child in started if child]
    try:
        for examination, child in started:
            if child is None:
                yield from _findings(examination)
            else:
                _hear(children, child, until)
                yield from child.findings(within)
    finally:
        for child in children:
            _end(child)


def _findings(examination: Examination) -> Iterator[Finding]:
    """Yield what an examination finds. If it raises an exception, that is a finding too."""
    try:
        yield from examination.look()
    except Exception as fault:
        said = f"this could not be looked at: {type(fault).__name__}: {fault}"
        yield bad(examination.check, said, "it is a fault of jitd doctor: report it")


@dataclass(slots=True)
class _Child:
    examination: Examination
    pid: int
    pipe: int
    said: bytearray = field(default_factory=bytearray)
    has_ended: bool = False

    def findings(self, within: float) -> Iterator[Finding]:
        """Yield what the child has found, and a finding if it did not finish."""
        *lines, _ = self.said.split(b"\n")
        yield from (Finding(**json.loads(line)) for line in lines if line != END)
        if END in lines:
            return
        if self.has_ended:
            yield bad(
                self.examination.check,
                "the process that looked at this was killed before it had finished",
                "see the kernel's log: dmesg",
            )
        else:
            yield bad(self.examination.check, f"{self.examination.silent} (waited {within:g} s)", self.examination.mend)


def _start(examination: Examination) -> _Child:
    reading, writing = os.pipe()
    pid = os.fork()
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
            os.write(writing, json.dumps(asdict(finding)).encode("ascii") + b"\n")
        os.write(writing, END + b"\n")
    finally:
        os._exit(0)


def _hear(children: Sequence[_Child], wanted: _Child, until: float) -> None:
    """Read what all children write, until ``wanted`` has ended, or until ``until`` (seconds, CLOCK_MONOTONIC)."""
    while not wanted.has_ended and (left := until - time.monotonic()) > 0:
        waiting = {child.pipe: child for child in children if not child.has_ended}
        for pipe in select.select(list(waiting), [], [], left)[0]:
            data = os.read(pipe, 65536)
            waiting[pipe].said += data
            waiting[pipe].has_ended = not data


def _end(child: _Child) -> None:
    """Kill a child with all that it started, and wait for it up to 0.1 seconds."""
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
