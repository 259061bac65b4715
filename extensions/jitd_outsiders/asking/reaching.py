# SPDX-License-Identifier: Apache-2.0
"""Sends questions to providers and gatekeepers. A question to a server is sent through jitd-outside, and a program is started
through jitd-programs.

Law: the daemon itself opens no connection to another host and starts no program. A URL or a header never contains a value from a
request.
"""

from __future__ import annotations

import math
from typing import Protocol

from jitd_outsiders.asking.settings import Program, Reach
from jitd_outsiders.outside.client import Failed
from jitd_outsiders.outside.messages import LONGEST_DEADLINE, MOST_BODY, Fetch, Fetched

JSON = "application/json"


class Fetches(Protocol):
    """The interface to jitd-outside, which queries servers for the daemon. ``outside.client.Outside`` implements it."""

    async def fetch(self, question: Fetch) -> Fetched | Failed:
        """Send ``question`` to its server, and return the answer."""
        ...


class Runs(Protocol):
    """The interface to jitd-programs, which runs programs for the daemon."""

    async def run(self, name: str, program: Program, body: bytes, within: float) -> bytes | Failed:
        """Return the output of ``program`` with ``body`` as its input, within ``within`` seconds. The log calls it ``name``."""
        ...


class Reaching:
    """Queries servers and programs. ``host`` is the name of this host, and of the key that signs."""

    def __init__(self, outside: Fetches, programs: Runs, host: str) -> None:
        self._outside = outside
        self._programs = programs
        self._host = host

    async def ask(self, name: str, by: Reach | Program, body: bytes, within: float) -> Fetched | Failed:
        """Send ``body`` to ``by``, a server or program of the provider or gatekeeper ``name``, and wait at most ``within``
        seconds. A program's output has the form of a server's answer.
        """
        if len(body) > MOST_BODY:
            return Failed(f"the question is longer than {MOST_BODY} bytes")
        if isinstance(by, Reach):
            return await self._outside.fetch(self._fetch("POST", by.url, by, body, within))
        printed = await self._programs.run(name, by, body, within)
        return printed if isinstance(printed, Failed) else Fetched(200, (("content-type", JSON),), printed)

    async def look_again(self, by: Reach, url: str, within: float) -> Fetched | Failed:
        """Send a GET request for ``url`` to the server that ``by`` describes, and return the answer."""
        return await self._outside.fetch(self._fetch("GET", url, by, b"", within))

    def _fetch(self, method: str, url: str, by: Reach, body: bytes, within: float) -> Fetch:
        return Fetch(
            method,
            url,
            body,
            # rounded up, so that the caller's own time limit is over first, and its words are the reason
            deadline_ms=max(1, min(LONGEST_DEADLINE, math.ceil(within * 1000))),
            socket=by.socket,
            addresses=by.addresses,
            ca=by.ca,
            certificate=by.certificate.name if by.certificate else "",
            secret=by.secret.name if by.secret else "",
            key_id=self._host if by.secret else "",
        )


def fault_of(answer: Fetched) -> str:
    """If ``answer`` is not a JSON answer, return the reason, as the end of a sentence. Otherwise return an empty text."""
    if 300 <= answer.status < 400:
        return f"it answered with a redirect ({answer.status}), and redirects are not followed"
    if answer.status != 200:
        return f"it answered with status {answer.status}"
    kind, _, parameter = (part.strip().lower() for part in answer.header("content-type").partition(";"))
    if kind != JSON:
        return f"its answer is {kind[:60] or 'of no type'}, not {JSON}"
    if parameter.replace('"', "") not in ("", "charset=utf-8"):
        return f"its answer is in {parameter[:60]}, not in UTF-8"
    return ""
