# SPDX-License-Identifier: Apache-2.0
"""jitd-programs: runs an administrator's programs for the daemon. It decides nothing, and holds nothing that is secret.

As ``jitd-programs`` it has no network, and does not start if it has one. As ``jitd-programs --networked`` it is the process
jitd-programs-net.
Law: a program that takes too long, prints too much or fails has no output. What is left of it is killed before the answer is
sent, unless the kernel cannot end it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from jitd.beside import starting
from jitd.beside.answering import Answering, NoAnswer
from jitd.programs import running
from jitd.programs.messages import MOST_BYTES, Answer, Failed, Printed, Run, read_question, sentence, write_answer

APART, NETWORKED = "jitd-programs", "jitd-programs-net"
"""The names of the two processes, and of their accounts: without a network, and with the host's."""
FLAG = "--networked"
USAGE = f"usage: jitd-programs [{FLAG}]    (started by systemd or by the daemon)"
LONGEST_COMPLAINT = 4 * 1024
"""Most bytes of a program's standard error that are kept for the log."""
SECONDS_TO_END = 2.0
"""How long the end of all that a program has started may take. It takes longer only if the kernel cannot end a process."""
LOOK_AGAIN = 0.005
"""Seconds until a process that was killed is looked for again."""
ROUTES, ROUTES_6 = Path("/proc/self/net/route"), Path("/proc/self/net/ipv6_route")


class Programs:
    """Runs programs. ``say`` writes a line to the log."""

    def __init__(self, name: str) -> None:
        self._say = partial(starting.say, name)
        self._runners: set[int] = set()

    async def answer(self, body: bytes) -> bytes:
        """Answer one question of the daemon. Raises NoAnswer for a question that cannot be read."""
        try:
            run = read_question(body)
        except ValueError as fault:
            raise NoAnswer(f"a question that cannot be read: {fault}; is the daemon of another version?") from None
        answer = await self.run(run)
        if isinstance(answer, Failed):
            self._say(f"{run.name}: {answer.why}")
        return write_answer(answer)

    async def run(self, run: Run) -> Answer:
        """Run a program, and return what it printed or why that does not count."""
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
        """Wait for the end of the runner. Then end what a runner that was killed may have left."""
        try:
            async with asyncio.timeout(SECONDS_TO_END):
                await job.ended()
                self._runners.discard(job.pid)
                await self._end_strays()
        except TimeoutError:
            self._runners.discard(job.pid)
            self._say(f"{name} has left a process that the kernel has not ended within {SECONDS_TO_END:g} s")

    async def _end_strays(self) -> None:
        """Kill the children of this process that are not runners, until there are none."""
        while strays := set(running.children()) - self._runners:
            for stray in strays:
                os.kill(stray, signal.SIGKILL)
                os.waitpid(stray, os.WNOHANG)
            await asyncio.sleep(LOOK_AGAIN)


class _TooMuch(Exception):
    """The program has printed more than it may."""


class _Job:
    """One program with its runner. Raises OSError if there is no room for it."""

    def __init__(self, program: tuple[str, ...], given: int) -> None:
        pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(4)]
        (out, out_), (err, err_), (leash_, leash), (report, report_) = pipes
        try:
            self.pid = running.fork_runner(program, (given, out_, err_), leash_, report_)
            self._process = os.pidfd_open(self.pid)
        except OSError:
            for descriptor in (out, err, leash, report):
                os.close(descriptor)
            raise
        finally:
            for descriptor in (out_, err_, leash_, report_):
                os.close(descriptor)
        self._leash = leash
        self._reading = [out, err, report]
        self._out, self._err, self._report = out, err, report

    async def heard(self) -> tuple[bytes, bytes, bytes]:
        """Wait for the end of the program. Return its runner's report, its output, and the begin of its standard error.

        A runner that was killed has no report; then nothing else is waited for. Raises _TooMuch.
        """
        loop = asyncio.get_running_loop()
        out = loop.create_task(_all_of(self._out, MOST_BYTES))
        err = loop.create_task(_first_of(self._err, LONGEST_COMPLAINT))
        reporting = loop.create_task(_all_of(self._report, MOST_BYTES))
        try:
            await asyncio.wait([out, reporting], return_when=asyncio.FIRST_COMPLETED)
            if out.done() and not reporting.done():
                out.result()
            report = await reporting
            return (report, await out, await err) if report.startswith(running.ENDED) else (report, b"", b"")
        finally:
            for task in (out, err, reporting):
                task.cancel()
            await asyncio.gather(out, err, reporting, return_exceptions=True)

    def let_go(self) -> None:
        """Have the runner kill all that is left."""
        os.close(self._leash)
        for descriptor in self._reading:
            os.close(descriptor)

    async def ended(self) -> None:
        """Return when the runner has ended."""
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        loop.add_reader(self._process, _wake, ended)
        try:
            await ended
        finally:
            loop.remove_reader(self._process)
            os.close(self._process)
        os.waitpid(self.pid, 0)


def _input(given: bytes) -> int:
    """Return a descriptor from which a program can read ``given``: a file in memory. Raises OSError."""
    file = os.memfd_create("input", os.MFD_CLOEXEC)
    try:
        os.write(file, given)
        os.lseek(file, 0, os.SEEK_SET)
    except OSError:
        os.close(file)
        raise
    return file


async def _all_of(pipe: int, most: int) -> bytes:
    """Read ``pipe`` to its end. Raises _TooMuch after more than ``most`` bytes."""
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
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(pipe, _wake, readable)
    try:
        await readable
    finally:
        loop.remove_reader(pipe)
    return os.read(pipe, MOST_BYTES)


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def _judged(name: str, report: bytes, output: bytes) -> Answer:
    """Return the answer for a program whose runner has sent ``report``."""
    kind, _, rest = report.partition(b"\n")[0].decode("utf-8", "replace").partition(" ")
    if kind.encode() + b" " == running.FAULT:
        return Failed(sentence(f"{name} {rest}"))
    if kind.encode() + b" " != running.ENDED:
        return Failed(sentence(f"{name} was lost: the process that watched it was killed"))
    status = os.waitstatus_to_exitcode(int(rest))
    if status < 0:
        return Failed(sentence(f"{name} was killed by signal {-status}"))
    if status > 0:
        return Failed(sentence(f"{name} ended with status {status}"))
    return Printed(output)


def lane_of(question: bytes) -> str:
    """Return whose program ``question`` wants to have run: a gatekeeper or provider that is slow holds up no other."""
    try:
        run = read_question(question)
    except ValueError:
        return ""
    return f"{run.name} ({run.program[0]})"


def ways() -> set[str]:
    """Return the network interfaces that a route of this process leads through, but for the loopback. Raises OSError."""
    old = [line.split()[0] for line in ROUTES.read_text("ascii").splitlines()[1:]]
    new = [line.split()[-1] for line in ROUTES_6.read_text("ascii").splitlines()] if ROUTES_6.exists() else []
    return {*old, *new} - {"lo"}


def _check_network() -> None:
    """Raises CannotStart if this process has a network, OSError."""
    if found := ways():  # interfaces alone are none: some kernels put dead tunnels into every network
        raise starting.CannotStart(f"it has a network ({', '.join(sorted(found))}): its unit needs PrivateNetwork=yes")


def main() -> int:
    """Run the command line ``jitd-programs [--networked]``. Returns the exit status."""
    is_networked = FLAG in sys.argv[1:]
    name = NETWORKED if is_networked else APART

    def before(words: Sequence[str]) -> None:
        if [word for word in words if word != FLAG]:
            raise starting.CannotStart(USAGE)
        if not is_networked and os.geteuid() == 0:
            starting.leave_network()

    try:
        begun = starting.begin(name, sys.argv[1:], before)
        if not is_networked:
            _check_network()
        running.become_subreaper()
    except (starting.CannotStart, OSError) as fault:
        starting.say(name, str(fault))
        return 1
    return starting.run(name, begun, lambda: Answering(name, Programs(name).answer, lane_of=lane_of))
