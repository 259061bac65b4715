# SPDX-License-Identifier: Apache-2.0
"""Has a provider or a gatekeeper asked: by jitd-outside if it is a server, by jitd-programs if it is a program.

Law: the daemon opens no connection to another host and starts no program itself. No value of a request is in a URL or a header.
"""

from __future__ import annotations

from typing import Protocol

from jitd.outside.client import Failed
from jitd.outside.messages import LONGEST_DEADLINE, MOST_BODY, Fetch, Fetched
from jitd.settings.outsiders import Program, Reach

JSON = "application/json"


class Fetches(Protocol):
    """What jitd-outside does for the daemon: ``outside.client.Outside``."""

    async def fetch(self, question: Fetch) -> Fetched | Failed:
        """Ask, and return the answer."""
        ...


class Runs(Protocol):
    """What jitd-programs does for the daemon."""

    async def run(self, name: str, program: Program, body: bytes, within: float) -> bytes | Failed:
        """Run ``program`` with ``body`` on its standard input, and return what it printed. ``within`` is in seconds, ``name`` is
        for the log.
        """
        ...


class Reaching:
    """Asks servers and programs. ``host`` is this host's name, by which signatures call its key."""

    def __init__(self, outside: Fetches, programs: Runs, host: str) -> None:
        self._outside = outside
        self._programs = programs
        self._host = host

    async def ask(self, name: str, by: Reach | Program, body: bytes, within: float) -> Fetched | Failed:
        """Ask ``by``, which ``name`` has in its settings, within ``within`` seconds. What a program prints is returned as the
        answer of a server.
        """
        if len(body) > MOST_BODY:
            return Failed(f"the question is longer than {MOST_BODY} bytes")
        if isinstance(by, Reach):
            return await self._outside.fetch(self._fetch("POST", by.url, by, body, within))
        printed = await self._programs.run(name, by, body, within)
        return printed if isinstance(printed, Failed) else Fetched(200, (("content-type", JSON),), printed)

    async def look_again(self, by: Reach, url: str, within: float) -> Fetched | Failed:
        """Ask for what is at ``url`` by now, on the server of ``by``."""
        return await self._outside.fetch(self._fetch("GET", url, by, b"", within))

    def _fetch(self, method: str, url: str, by: Reach, body: bytes, within: float) -> Fetch:
        return Fetch(
            method,
            url,
            body,
            deadline_ms=max(1, min(LONGEST_DEADLINE, int(within * 1000))),
            socket=by.socket,
            addresses=by.addresses,
            ca=by.ca,
            certificate=by.certificate.name if by.certificate else "",
            secret=by.secret.name if by.secret else "",
            key_id=self._host if by.secret else "",
        )


def fault_of(answer: Fetched) -> str:
    """Return why ``answer`` is not an answer in JSON; empty if it is one. The text is the rest of a sentence."""
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
