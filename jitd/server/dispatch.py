# SPDX-License-Identifier: Apache-2.0
"""Answers those messages of a client that need no decision of another person. For each message, one part of the daemon is called.

Law: this module makes no decisions. An answer is either a list of rows, or a sentence that says what was done. If the daemon
refuses, Refusal is raised.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable

from jitd.core.law import Origin
from jitd.core.origin import Caller
from jitd.core.request import Verdict
from jitd.core.rights import Act
from jitd.core.subject import Subject
from jitd.server.reading import asked_in, supposed_in
from jitd.server.services import Services
from jitd.verbs.owed_reviews import VERDICT
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import Row
from jitpam.wire import messages
from jitpam.wire.messages import Message


class Dispatch:
    """Passes each message to the part of the daemon that can answer it. ``origin`` returns the Origin of the client. ``caller``
    is the client's process.
    """

    def __init__(self, services: Services, origin: Callable[[], Origin], caller: Caller) -> None:
        self._to = services
        self._origin = origin
        self._caller = caller

    async def to(self, who: Subject, message: Message) -> AsyncIterable[Row] | Iterable[Row] | str:
        """Execute the request of ``who`` in ``message``, and return the answer. Raises Refusal."""
        requests, lists = self._to.requests, self._to.lists
        match message:
            case messages.Withdraw():
                return f"request {requests.withdraw(who, message.id)} is withdrawn"
            case messages.Explain():
                return [await requests.explain(who, asked_in(message, self._caller), message.service)]
            case messages.Suppose():
                asked, supposed = asked_in(message, None), supposed_in(message)
                return await self._to.explanations.suppose(who, message.service, asked, supposed)
            case messages.Giveback():
                count = self._to.endings.give_back(who, await lists.leases_of(who), message.login_session)
                return f"{count} lease{'' if count == 1 else 's'} given back"
            case messages.List():
                return self.rows(who, message.what, ended=message.ended)
            case messages.Show():
                return [await lists.show(who, message.id)]
            case messages.Review() if message.verdict == VERDICT:
                give = self._to.owed_reviews.give
                return await give(who, message.id, message.fingerprint, message.comment, self._origin())
            case messages.Review():
                if message.verdict not in tuple(Verdict):
                    raise Refusal("usage", "a verdict is approve, deny or reviewed")
                verdict = Verdict(message.verdict)
                return await self._to.reviews.review(
                    who, message.id, verdict, message.fingerprint, message.comment, self._origin()
                )
            case messages.Revoke():
                return await self._revoke(who, message)
            case messages.Stop():
                return await self._to.endings.stop(who, message.id, message.reason)
            case messages.Lock():
                return await self._to.locks.lock(who, message.whom, message.name, message.lasts_for, message.reason)
            case messages.Unlock():
                return await self._unlock(who, message)
            case messages.Mute():
                return self._to.mutes.mute(who, message.lasts_for)
            case messages.Reload():
                return await self._reload(who)
            case messages.SigningKey():
                return self._to.keys.line(who, rotate=message.rotate, acknowledge=message.acknowledge)
            case messages.Audit():
                return self._to.records.show(who, message)
            case messages.Export():
                return self._to.records.export(who, message)
            case messages.Report():
                return self._to.reports.make(who, message)
            case messages.KeptReport():
                return self._to.reports.kept(who, message)
            case messages.Pack():
                return self._to.packs.make(who, message)
            case messages.Metrics():
                return self._to.metrics.rows(who)
            case messages.Status():
                return self._to.status.rows(who)
        raise Refusal("usage", f"jitd has no answer to {message.type}")

    async def _reload(self, who: Subject) -> str:
        self._to.access.refuse(Act.RELOAD, who)
        return await self._to.reloading.reload(who)

    async def _revoke(self, who: Subject, message: messages.Revoke) -> str:
        match message.id, message.of:
            case str(id), None:
                return await self._to.endings.revoke(who, id, message.reason)
            case None, str(principal):
                return await self._to.endings.revoke_all_of(who, principal, message.reason)
        raise Refusal("usage", "revoke takes a grant, or a principal")

    async def _unlock(self, who: Subject, message: messages.Unlock) -> str:
        match message.id, message.whom, message.name:
            case str(id), None, None:
                return self._to.locks.unlock(who, id, message.reason)
            case None, str(whom), str(name):
                return await self._to.locks.unlock_all_on(who, whom, name, message.reason)
        raise Refusal("usage", "give a lock id, or --user, --principal or --all")

    def rows(self, who: Subject, what: str, *, ended: bool) -> AsyncIterable[Row] | Iterable[Row]:
        """Return the list named ``what``. The list contains only the rows that ``who`` may see. Raises Refusal."""
        match what:
            case "requests":
                return self._to.lists.requests(who, ended=ended)
            case "grants":
                return self._to.lists.grants(who, ended=ended)
            case "runs":
                return self._to.lists.runs(who, ended=ended)
            case "rules":
                return self._to.requests.rules(who)
            case "locks":
                return self._to.lists.locks(who, ended=ended)
            case "reviews":
                return self._to.lists.reviews(who, ended=ended)
        raise Refusal("usage", "there are lists of requests, grants, runs, rules, locks and reviews")
