# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connection to jitd-outside.
Law: every fault is returned as Failed, and is not raised as an exception. If the caller is cancelled, CancelledError is raised,
and jitd-outside is ordered to end the query.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from jitd.beside.asking import CarryingLine, Unanswered
from jitd.beside.doors import ChildDoor, Door, SocketDoor
from jitd.givers.secret import fault_in
from jitd.outside import deliveries
from jitd.outside.deliveries import Delivered
from jitd.outside.leases import ANSWERS_TO, Answer, Leased, Question, Refused, Signed
from jitd.outside.messages import ANSWERS, QUESTIONS, Fetch, Fetched, Letter, Posted

T = TypeVar("T")
NAME = "jitd-outside"
SOCKET = Path("/run/jitd-outside/outside.sock")
MORE = 5.0
"""Seconds that an answer may take in addition to the question's deadline. This time is for the start of jitd-outside, and for the
wait in its queue.
"""


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no answer. ``why`` is a sentence for people, without a full stop. The other host may already have the question."""

    why: str


class Outside:
    """Orders jitd-outside to query other hosts, to read and end leases, and to pass messages to mail servers."""

    def __init__(self, door: Door) -> None:
        self._line = CarryingLine(door)

    async def fetch(self, question: Fetch) -> Fetched | Failed:
        """Send ``question``, and return the answer. If jitd-outside ends before its answer, send the question once more."""
        try:
            body = QUESTIONS.write(question)
        except (ValueError, TypeError) as fault:
            return Failed(f"this question cannot be sent to jitd-outside: {fault}")
        return await self._answer(body, question.deadline_ms, ANSWERS.read, Fetched)

    async def post(self, letter: Letter) -> Posted | Failed:
        """Let jitd-outside send the mail in ``letter`` to a mail server. If jitd-outside ends before its answer, send ``letter``
        to jitd-outside once more. In this case, the mail server may receive the mail twice.
        """
        try:
            body = QUESTIONS.write(letter)
        except (ValueError, TypeError) as fault:
            return Failed(f"this cannot be sent by jitd-outside: {fault}")
        return await self._answer(body, letter.deadline_ms, ANSWERS.read, Posted)

    async def deliver(self, body: bytes, n_events: int, deadline_ms: int) -> Delivered | Failed:
        """Let jitd-outside deliver a batch of ``n_events`` events. ``body`` is a Deliver, which was written by a thread, because
        this takes long (``deliveries.write_question``). If jitd-outside ends before its answer, send the batch to jitd-outside
        once more. In this case, the receiver may get events twice. After Failed, it is not known which events have arrived.
        """
        answer = await self._answer(body, deadline_ms, deliveries.read_answer, Delivered)
        if isinstance(answer, Delivered) and answer.n_done > n_events:
            return Failed("jitd-outside says that more events are done than the batch has")
        if isinstance(answer, Delivered) and not answer.why and not answer.is_new and answer.n_done < n_events:
            return Failed("jitd-outside does not say what became of the rest of the batch")
        return answer

    async def lease(self, question: Question) -> Answer | Failed:
        """Ask ``question`` once. Return the answer to ``question``, or Refused, or Failed. If the answer has a secret, the caller
        must close the descriptor of the secret.
        """
        try:
            body = QUESTIONS.write(question)
        except (ValueError, TypeError) as fault:
            return Failed(f"this cannot be asked of jitd-outside: {fault}")
        try:
            heard = await self._line.ask_for(body, question.deadline_ms / 1000 + MORE)
        except Unanswered as fault:
            return Failed(str(fault))
        try:
            if heard.carried is not None and (wrong := fault_in(heard.carried)):
                raise ValueError(wrong)
            answer: object = ANSWERS.read(heard.body, heard.carried)
            if not isinstance(answer, (ANSWERS_TO[type(question)], Refused)):
                raise ValueError("the answer belongs to another question")
            if isinstance(answer, Leased | Signed) and answer.secret is None:
                raise ValueError("the answer came without its secret")
            return answer
        except ValueError as fault:
            if heard.carried is not None:
                os.close(heard.carried)
            return Failed(f"jitd-outside sent a message that cannot be read ({fault}); is it of another version?")

    async def _answer(self, body: bytes, deadline_ms: int, read: Callable[[bytes], object], kind: type[T]) -> T | Failed:
        """Send ``body`` as a question. Parse the answer with ``read``, and return it if it is a ``kind``."""
        try:
            answer = read(await self._line.ask(body, deadline_ms / 1000 + MORE))
            if not isinstance(answer, kind):
                raise ValueError("the answer belongs to another question")
            return answer
        except Unanswered as fault:
            return Failed(str(fault))
        except ValueError as fault:
            return Failed(f"jitd-outside sent a message that cannot be read ({fault}); is it of another version?")

    def close(self) -> None:
        """Close the connection, and end jitd-outside if it is a child."""
        self._line.close()


def door_by_socket(path: Path = SOCKET) -> Door:
    """Return the way to connect to a jitd-outside that systemd starts."""
    return SocketDoor(NAME, path)


def door_by_child(keys: Callable[[], Mapping[str, Path]], account: str = NAME) -> ChildDoor:
    """Return the way to connect to a jitd-outside that the daemon starts as a child process. ``keys`` is called at each start of
    jitd-outside. ``keys`` returns a mapping from the names of the key files to their paths. A file that cannot be opened is left
    out. Later, each question that needs a missing file fails, and the answer says that the file is missing.
    """

    def opened() -> Mapping[str, int]:
        found = {}
        for name, path in keys().items():
            with suppress(OSError):
                found[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        return found

    return ChildDoor(NAME, "jitd.outside.process", account, places(), passed=opened)


def places() -> list[str]:
    """Return the directory of the third-party packages that jitd-outside imports if the daemon starts it as a child process. The
    daemon itself does not import these packages.
    """
    package = find_spec("httpcore")
    return [] if package is None else [str(Path(str(package.origin)).parents[1])]
