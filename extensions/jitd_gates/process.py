# SPDX-License-Identifier: Apache-2.0
"""The process jitd-kdc. jitd-kdc tells kadmind to write the grants that the daemon requests. It makes no decisions about people.

Law: jitd-kdc accepts requests only from root, and carries out those about grants one at a time, in order; a trial runs beside
them. A request that was begun is carried through, so the next one cannot overtake it. If a client has disconnected, or no longer
waits, a request of it that was not begun is not carried out: the daemon believes that it failed, and may have requested the
opposite in the meantime. The process jitd-kdc itself talks only to the daemon. Its child processes talk to kadmind (``worker``)
and to the KDCs (``trying``).
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from jitd.beside import starting
from jitd.beside.answering import Served
from jitd.beside.processes import KDC
from jitd.beside.starting import Begun
from jitd.kdc import keytab
from jitd_gates.messages import Answer, Failed, Give, Look, OfEntry, Refused, Request, Take, Try
from jitd_gates.questions import KINDS
from jitd_gates.trying import tried
from jitd_gates.worker import Worker

NAME = KDC.process
KEYTAB = "/etc/jitd/jitd-kdc.keytab"  # the keytab with the key of jitd-kdc, unless the option `keytab` says otherwise


class Requests:
    """Carries out requests: ``worker`` writes grants, and trials, as ``principal`` of ``keytab``, see that KDCs refuse."""

    def __init__(self, worker: Worker, principal: str, keytab: str) -> None:
        self._worker = worker
        self._principal = principal
        self._keytab = keytab

    async def answer(self, request: Request) -> Answer:
        """Carry out one request of the daemon."""
        if isinstance(request, Try):
            return await tried(self._principal, self._keytab, request.services)
        return await self._carried_through(request)

    async def _carried_through(self, request: OfEntry) -> Answer:
        """Return the worker's answer. If the client goes away meanwhile, the end of this call still waits for that answer."""
        doing = asyncio.create_task(self._worker.do(request))
        doing.add_done_callback(partial(_log, request))
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            await asyncio.wait([doing])
            raise


def _log(request: OfEntry, doing: asyncio.Task[Answer]) -> None:
    if doing.cancelled():
        return
    answer = doing.result()
    came_of_it = f"{type(answer).__name__.lower()}{': ' + answer.why if isinstance(answer, Refused | Failed) else ''}"
    match request:
        case Give():
            starting.say(NAME, f"give {request.id} {request.service} to {request.client} until {request.end}: {came_of_it}")
        case Take():
            starting.say(NAME, f"take {request.id} {request.service}: {came_of_it}")
        case Look() if isinstance(answer, Failed):
            starting.say(NAME, f"look {request.service}: {came_of_it}")


def read_own(path: str) -> tuple[str, str]:
    """Return the principal whose key is in the keytab at ``path``, and the principal's host. Raises CannotStart."""
    try:
        return keytab.own(Path(path).read_bytes())
    except OSError as fault:
        why = f"{path} cannot be read: {fault.strerror}"
    except ValueError as fault:
        why = f"{path} is of no use: {fault}"
    raise starting.CannotStart(f"{why}; to write the file, run on the KDC: jitd kdc setup HOST") from None


def served(begun: Begun) -> list[Served[Any, Answer]]:
    """Return what the process answers. Raises CannotStart."""
    path = begun.options.get("keytab", KEYTAB)
    principal, host = read_own(path)
    starting.say(NAME, f"writes grants as {principal}")
    requests = Requests(Worker(principal, host, path), principal, path)
    return [Served(kind, requests.answer) for kind in KINDS.values()]
