# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connection to jitd-outside."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from jitd.beside.asking import Client
from jitd.beside.connecting import ChildConnector
from jitd.beside.processes import OUTSIDE
from jitd_outsiders.outside.deliveries import Deliver, Delivered
from jitd_outsiders.outside.leases import Answer, Question
from jitd_outsiders.outside.messages import Fetch, Fetched, Letter, Posted
from jitd_outsiders.outside.questions import DELIVER, FETCH, LEASES, MORE, POST, QUESTIONS
from jitd_outsiders.outside.questions import Failed as Failed

write_delivery: Callable[[Deliver], bytes] = QUESTIONS.write  # takes long, so a thread does it. Raises ValueError


class Outside(Client):
    """Orders jitd-outside to query other hosts, to read and end leases, and to pass messages to mail servers."""

    async def fetch(self, question: Fetch) -> Fetched | Failed:
        return await self.ask(FETCH, question)

    async def post(self, letter: Letter) -> Posted | Failed:
        """Let jitd-outside send a mail. If jitd-outside ends before its answer, the mail server may receive the mail twice."""
        return await self.ask(POST, letter)

    async def deliver(self, body: bytes, n_events: int, deadline_ms: int) -> Delivered | Failed:
        """Let jitd-outside deliver a batch of ``n_events`` events. ``body`` is the result of ``write_delivery``. If jitd-outside
        ends before its answer, the receiver may get events twice. After Failed, it is not known which events have arrived.
        """
        answer = await self.ask_written(DELIVER, body, deadline_ms / 1000 + MORE)
        if isinstance(answer, Delivered) and answer.n_done > n_events:
            return Failed("jitd-outside says that more events are done than the batch has")
        if isinstance(answer, Delivered) and not answer.why and not answer.is_new and answer.n_done < n_events:
            return Failed("jitd-outside does not say what became of the rest of the batch")
        return answer

    async def lease(self, question: Question) -> Answer | Failed:
        """Ask ``question`` once. If the answer has a secret, the caller must close the descriptor of the secret."""
        return await self.ask(LEASES[type(question)], question)


def child_connector(keys: Mapping[str, Path]) -> ChildConnector:
    """Return how to connect to a jitd-outside that is a child. ``keys`` maps names to files, opened at each start. One that
    cannot be opened is left out, and each question that needs it says so.
    """

    def opened() -> Mapping[str, int]:
        found = {}
        for name, path in keys.items():
            with suppress(OSError):
                found[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        return found

    return ChildConnector(OUTSIDE, passed=opened)
