# SPDX-License-Identifier: Apache-2.0
"""The process jitd-givers gives things of this host and takes them back, as the daemon says. jitd-givers runs as root, has no
network, and makes no decisions.

Law: jitd-givers accepts connections only from root. A child process does each deed. The deeds of one giver in jitd.toml are done
one after the other. If a deed takes too long, the deed and all processes that it has started are killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from functools import partial
from pathlib import Path

from jitd.beside import packets, starting
from jitd.beside.answering import Served
from jitd.beside.child import Child
from jitd.beside.descendants import become_subreaper, children
from jitd.beside.processes import GIVERS
from jitd.beside.readiness import LOOK_AGAIN, SECONDS_TO_END, until_ended, until_readable
from jitd.beside.starting import Begun
from jitd_things.givers import passwords
from jitd_things.givers.deed import do_deed
from jitd_things.givers.kind import Failed, Given, Taken
from jitd_things.givers.messages import ANSWERS, Answer, Give, Question, Take
from jitd_things.givers.questions import KINDS, lane_of

NAME = GIVERS.process
SETTINGS = "/etc/jitd/jitd.toml"  # what the deeds read, unless the option `settings` says otherwise
SECONDS = 30.0  # maximum time of one deed, in seconds


class Deeds:
    """Starts deeds. A deed gives a thing, takes a thing back, or looks at a thing. Each deed reads its settings from the file
    ``settings``, and may take ``seconds`` seconds.
    """

    def __init__(self, settings: Path, seconds: float = SECONDS) -> None:
        self._settings = settings
        self._seconds = seconds
        self._living: set[int] = set()

    async def answer(self, question: Question) -> Answer:
        """Do the deed of ``question``, and return its answer. A failure is also logged."""
        answer = await self.do(question)
        if isinstance(answer, Failed):
            starting.say(NAME, answer.why)
        return answer

    async def do(self, question: Question) -> Answer:
        """Start a child that does the deed of ``question``. Return the child's answer."""
        try:
            child = Child(partial(do_deed, question, self._settings))
        except OSError as fault:
            return Failed(f"{lane_of(question)}: no deed could be begun: {fault.strerror}")
        self._living.add(child.pid)
        answer: Answer | None = None
        try:
            async with asyncio.timeout(self._seconds):
                answer = await _answer_of(child.line, question)
                _note_secret(question, answer)
        except TimeoutError:
            answer = Failed(f"{lane_of(question)}: the deed has not ended within {self._seconds:g} s, and was killed")
        finally:
            child.kill()
            ending = asyncio.create_task(self._end(child.pid))
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:  # nobody waits for the answer, but the next deed waits for the end of this one
                await asyncio.wait([ending])
                if isinstance(answer, Given) and answer.secret is not None:
                    os.close(answer.secret)
                raise
        return answer

    async def _end(self, pid: int) -> None:
        """Wait for the end of the deed, which was killed, and end all remaining processes that the deed has started."""
        try:
            async with asyncio.timeout(SECONDS_TO_END):
                await until_ended(pid)
                self._living.discard(pid)
                while strays := set(children()) - self._living:
                    for stray in strays:
                        os.kill(stray, signal.SIGKILL)
                        os.waitpid(stray, os.WNOHANG)
                    await asyncio.sleep(LOOK_AGAIN)
        except TimeoutError:
            self._living.discard(pid)
            starting.say(NAME, f"a deed has left a process that the kernel has not ended within {SECONDS_TO_END:g} s")


def _note_secret(question: Question, answer: Answer) -> None:
    """Remember which holders have a secret that this process made, for the processes that it forks later."""
    if isinstance(question, Give) and isinstance(answer, Given) and answer.secret is not None:
        passwords.hand_out(question.order.holding)
    elif isinstance(question, Take) and isinstance(answer, Taken):
        passwords.forget(question.order.holding)


async def _answer_of(line: socket.socket, question: Question) -> Answer:
    """Return the answer of the deed. Return Failed if the deed sends no answer or an unreadable answer."""
    await until_readable(line)
    secret = None
    try:
        written, _, secret = packets.receive(line, carries=True)
        answer = ANSWERS.read(written, secret) if written else Failed(f"{lane_of(question)}: the deed was killed")
    except (OSError, ValueError) as fault:
        if secret is not None:
            os.close(secret)
        return Failed(f"{lane_of(question)}: the answer of the deed cannot be read: {type(fault).__name__}")
    return answer


def served(begun: Begun) -> list[Served[Question, Answer]]:
    """Return what the process answers. Raises OSError."""
    become_subreaper()
    deeds = Deeds(Path(begun.options.get("settings", SETTINGS)))
    return [Served(kind, deeds.answer) for kind in KINDS.values()]
