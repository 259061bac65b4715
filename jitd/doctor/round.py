# SPDX-License-Identifier: Apache-2.0
"""The round: each examination that may hang in a process of its own, all at one time, and none longer than its seconds.

Law: an examination that hangs or fails becomes a finding and delays no other; what it had found before counts. One that hangs
is killed with all that it started; one that cannot be killed (a dead file server) is left behind.
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
"""The last line of a child that has come to its end."""


@dataclass(frozen=True, slots=True)
class Examination:
    """``look`` gives findings. Where it gives none in time, a finding ``check`` says what is ``silent``, with its ``mend``.

    Without ``silent`` it cannot hang, and is done in this process.
    """

    check: str
    look: Callable[[], Iterable[Finding]]
    silent: str = ""
    mend: str = ""


def examine(examinations: Sequence[Examination], within: float = WITHIN) -> Iterator[Finding]:
    """All findings, in the order of the examinations. It takes ``within`` seconds at most, and a moment."""
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
    """What it finds; that it breaks is a finding, too."""
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
        """What it found, and what became of it."""
        *lines, _ = self.said.split(b"\n")
        yield from (Finding(**json.loads(line)) for line in lines if line != END)
        if END in lines:
            return
        if self.has_ended:
            yield bad(self.examination.check, "what looked at this was ended in the middle of it", "see the kernel's log: dmesg")
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
    """Take in what any of them says, until ``wanted`` has ended or the time is over."""
    while not wanted.has_ended and (left := until - time.monotonic()) > 0:
        waiting = {child.pipe: child for child in children if not child.has_ended}
        for pipe in select.select(list(waiting), [], [], left)[0]:
            data = os.read(pipe, 65536)
            waiting[pipe].said += data
            waiting[pipe].has_ended = not data


def _end(child: _Child) -> None:
    """Nothing of it is left, unless the kernel keeps it."""
    os.close(child.pipe)
    if not child.has_ended:
        for kill in (os.killpg, os.kill):  # it may not have come to lead its group yet
            with contextlib.suppress(ProcessLookupError):
                kill(child.pid, signal.SIGKILL)
    for _ in range(20):
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(child.pid, os.WNOHANG)[0] == 0:
                time.sleep(0.005)
                continue
        return
