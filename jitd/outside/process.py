# SPDX-License-Identifier: Apache-2.0
"""jitd-outside: sends the daemon's questions to other hosts, reads leases and ends them, passes messages to mail servers, and
delivers the record to sinks. This process is started by systemd, or by the daemon as a child.
Law: jitd-outside accepts questions only from root, and makes no decisions. Between two questions, jitd-outside keeps only its
keys, the connections and files of sinks (``delivering``) and, for a short time, the token of a holding (``leasing``).
"""

from __future__ import annotations

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from jitd.beside.answering import Answering, Carried, NoAnswer
from jitd.beside.starting import CannotStart, begin, run, say
from jitd.outside.deliveries import is_delivery
from jitd.outside.delivering import Deliveries
from jitd.outside.fetching import fetch
from jitd.outside.keys import Keys, of_descriptors, of_service_manager
from jitd.outside.leases import Leased, Signed
from jitd.outside.leasing import Leases
from jitd.outside.messages import ANSWERS, QUESTIONS, Answer, Fetch, Letter, Question
from jitd.outside.posting import post

NAME = "jitd-outside"
N_AT_ONCE, N_WAITING = 64, 512
"""At most N_AT_ONCE questions are handled at the same time, and at most N_WAITING further questions wait. For each single
provider or gatekeeper, the daemon itself allows fewer questions.
"""
N_LOOKING = 64
"""Number of threads that look up the names of hosts. Each query to a silent name server occupies one thread until libc gives up.
"""
USAGE = f"usage: {NAME}    (systemd starts it, by {NAME}.socket)"


def _clock() -> datetime:
    return datetime.now(UTC)


class Outside(Answering):
    """Returns the answers of other hosts to the daemon, and passes messages to mail servers."""

    def __init__(self, keys: Keys) -> None:
        super().__init__(NAME, self._answer_to, n_at_once=N_AT_ONCE, n_waiting=N_WAITING)
        self._keys = keys
        self._leases = Leases(keys)
        self._deliveries = Deliveries(keys)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(N_LOOKING, "looks-up"))

    async def _answer_to(self, body: bytes) -> bytes | Carried:
        if is_delivery(body):
            return await self._deliveries.answer(body)
        try:
            question = QUESTIONS.read(body)
        except ValueError as fault:
            raise NoAnswer(f"{NAME} cannot read the question ({fault}); is it of another version?") from None
        answer = await self._work_on(question)
        secret = answer.secret if isinstance(answer, Leased | Signed) else None
        try:
            written = ANSWERS.write(answer)
        except ValueError as fault:
            if secret is not None:
                os.close(secret)
            raise NoAnswer(f"the server's answer cannot be used: {fault}") from None
        return written if secret is None else Carried(written, secret)

    async def _work_on(self, question: Question) -> Answer:
        match question:
            case Fetch():
                return await fetch(question, self._keys, _clock)
            case Letter():
                return await post(question)
            case _:
                return await self._leases.answer(question)


def main() -> int:
    """Run the command line of jitd-outside. Return the exit status."""
    try:
        begun = begin(NAME, sys.argv[1:])
        if begun.words:
            print(USAGE, file=sys.stderr)
            return 2
        keys = of_descriptors(begun.passed) if begun.line else of_service_manager(os.environ.get("CREDENTIALS_DIRECTORY"))
    except (CannotStart, OSError, ValueError) as fault:
        say(NAME, str(fault))
        return 1
    say(NAME, f"ready; keys: {', '.join(keys.names) or 'none'}")
    status = run(NAME, begun, lambda: Outside(keys))
    os._exit(status)  # do not wait for threads that still wait for a silent name server
