# SPDX-License-Identifier: Apache-2.0
"""Runs an administrator's programs for the daemon, as jitd-programs without a network, and as jitd-programs-net with the host's.
The process makes no decisions and has no secrets.

Law: if a program takes too long, prints too much or fails, its output is not used. The remaining processes of the program are
killed before the answer is sent. The only exception is a process that the kernel cannot end.
"""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial

from jitd.beside import starting
from jitd.beside.answering import Served
from jitd.beside.descendants import become_subreaper, children
from jitd.beside.readiness import LOOK_AGAIN, SECONDS_TO_END, until_ended, until_readable
from jitd.beside.starting import Begun
from jitd_outsiders.programs import running
from jitd_outsiders.programs.messages import MOST_BYTES, REPORTS, Answer, Ended, Failed, NotExecuted, Printed, Report, Run
from jitd_outsiders.programs.questions import RUN
from jitpam.wire.declared import sentence

LONGEST_COMPLAINT = 4 * 1024  # bytes of a program's standard error that are kept for the log


class Programs:
    """Runs programs. ``name`` is the name of this process, for the log."""

    def __init__(self, name: str) -> None:
        self._say = partial(starting.say, name)
        self._runners: set[int] = set()

    async def answer(self, run: Run) -> Answer:
        """Run a program, and return its output or the reason why there is none, which is also logged."""
        answer = await self.run(run)
        if isinstance(answer, Failed):
            self._say(f"{run.name}: {answer.why}")
        return answer

    async def run(self, run: Run) -> Answer:
        """Run a program, and return its output. If the output cannot be used, return the reason."""
        name = run.program[0]
        try:
            given = _input(run.given)
            try:
                job = _Job(run.program, given)
            finally:
                os.close(given)
        except OSError as fault:
            return Failed(sentence(f"{name} could not be started: {fault.strerror}"))
        self._runners.add(job.pid)
        try:
            async with asyncio.timeout(run.deadline_ms / 1000):
                report, output, complaint = await job.heard()
        except TimeoutError:
            return Failed(sentence(f"{name} has not ended within {run.deadline_ms / 1000:g} s, and was killed"))
        except _TooMuch:
            return Failed(sentence(f"{name} has printed more than {MOST_BYTES} bytes, and was killed"))
        finally:
            job.let_go()
            await asyncio.shield(self._end(job, name))
        if complaint:
            self._say(f"{run.name}: {name} says: {complaint.decode('utf-8', 'replace').strip()}")
        return _judged(name, report, output)

    async def _end(self, job: _Job, name: str) -> None:
        """Wait for the end of the runner. If it was killed, end what remains of the program."""
        try:
            async with asyncio.timeout(SECONDS_TO_END):
                await job.ended()
                self._runners.discard(job.pid)
                await self._end_strays()
        except TimeoutError:
            self._runners.discard(job.pid)
            self._say(f"{name} has left a process that the kernel has not ended within {SECONDS_TO_END:g} s")

    async def _end_strays(self) -> None:
        """Kill all children that are not runners, until there are none."""
        while strays := set(children()) - self._runners:
            for stray in strays:
                os.kill(stray, signal.SIGKILL)
                os.waitpid(stray, os.WNOHANG)
            await asyncio.sleep(LOOK_AGAIN)


class _TooMuch(Exception):
    """The program has printed more than it is allowed to print."""


class _Job:
    """One program with its runner. Raises OSError if the host lacks the resources for a program and a runner."""

    def __init__(self, program: tuple[str, ...], given: int) -> None:
        pipes = list[int]()
        try:
            for _ in range(4):
                pipes += os.pipe2(os.O_CLOEXEC)
            out, out_, err, err_, leash_, leash, report, report_ = pipes
            self.pid = running.fork_runner(program, (given, out_, err_), leash_, report_)
            self._process = os.pidfd_open(self.pid)
        except OSError:
            for descriptor in pipes:
                os.close(descriptor)
            raise
        for descriptor in (out_, err_, leash_, report_):
            os.close(descriptor)
        self._leash = leash
        self._reading = [out, err, report]
        self._out, self._err, self._report = out, err, report

    async def heard(self) -> tuple[Report | None, bytes, bytes]:
        """Wait for the end of the program. Return the runner's report, the program's output, and the beginning of the program's
        standard error.

        A runner that was killed has no report. If the runner was killed, this function does not wait for the output. Raises
        _TooMuch.
        """
        loop = asyncio.get_running_loop()
        out = loop.create_task(_all_of(self._out, MOST_BYTES))
        err = loop.create_task(_first_of(self._err, LONGEST_COMPLAINT))
        reporting = loop.create_task(_all_of(self._report, MOST_BYTES))
        try:
            await asyncio.wait([out, reporting], return_when=asyncio.FIRST_COMPLETED)
            if out.done() and not reporting.done():
                out.result()
            report = _report(await reporting)
            return (report, await out, await err) if isinstance(report, Ended) else (report, b"", b"")
        finally:
            for task in (out, err, reporting):
                task.cancel()
            await asyncio.gather(out, err, reporting, return_exceptions=True)

    def let_go(self) -> None:
        """Let the runner kill all remaining processes."""
        os.close(self._leash)
        for descriptor in self._reading:
            os.close(descriptor)

    async def ended(self) -> None:
        """Wait until the runner has ended."""
        try:
            await until_readable(self._process)
        finally:
            os.close(self._process)
        await until_ended(self.pid)


def _input(given: bytes) -> int:
    """Return a file in memory from which a program can read ``given``. Raises OSError."""
    file = os.memfd_create("input", os.MFD_CLOEXEC)
    try:
        os.write(file, given)
        os.lseek(file, 0, os.SEEK_SET)
    except OSError:
        os.close(file)
        raise
    return file


async def _all_of(pipe: int, most: int) -> bytes:
    """Raises _TooMuch if ``pipe`` gives more than ``most`` bytes."""
    found = bytearray()
    while data := await _some_of(pipe):
        found += data
        if len(found) > most:
            raise _TooMuch
    return bytes(found)


async def _first_of(pipe: int, most: int) -> bytes:
    """Read ``pipe`` to its end. Return the first ``most`` bytes."""
    found = b""
    while data := await _some_of(pipe):
        found = (found + data)[:most]
    return found


async def _some_of(pipe: int) -> bytes:
    await until_readable(pipe)
    return os.read(pipe, MOST_BYTES)


def _report(said: bytes) -> Report | None:
    """Return what a runner has reported in ``said``, or None if it was killed before that."""
    try:
        return REPORTS.read(said.partition(b"\n")[0])
    except ValueError:
        return None


def _judged(name: str, report: Report | None, output: bytes) -> Answer:
    match report:
        case None:
            return Failed(sentence(f"{name} was lost: the process that watched it was killed"))
        case NotExecuted(why):
            return Failed(sentence(f"{name} {why}"))
        case Ended(0):
            return Printed(output)
        case Ended(code):
            how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
            return Failed(sentence(f"{name} {how}"))


def served(begun: Begun) -> list[Served[Run, Answer]]:
    """Return what the process answers. Raises OSError."""
    become_subreaper()
    return [Served(RUN, Programs(begun.helper.process).answer)]
