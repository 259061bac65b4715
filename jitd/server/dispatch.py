# SPDX-License-Identifier: Apache-2.0
"""The messages of a client that need no decision of another person, and which verb answers each of them.

Law: this module makes no decisions. An answer is either a list of rows, or a sentence that says what was done. If the daemon
refuses, Refusal is raised.
"""

from __future__ import annotations

from jitd.core.request import Verdict
from jitd.core.rights import Act
from jitd.server.reading import asked_in, supposed_in
from jitd.verbs.answers import Answer, Answers, Asker
from jitd.verbs.assembly import Verbs
from jitd.verbs.lists import Part
from jitd.verbs.owed_reviews import VERDICT
from jitd.verbs.refusal import Refusal
from jitd.verbs.reloading import Reloading
from jitd.verbs.reviewers import Signed
from jitd.verbs.status import Status
from jitpam.wire import messages

MOST_ROWS = 1000


def add_answers(to: Answers, verbs: Verbs, reloading: Reloading, status: Status) -> None:
    """Add to the table ``to`` what the verbs answer."""
    answers = _Answers(verbs, reloading)
    to.add(messages.Withdraw, answers.withdraw)
    to.add(messages.Explain, answers.explain)
    to.add(messages.Suppose, answers.suppose)
    to.add(messages.Giveback, answers.give_back)
    to.add(messages.List, answers.list)
    to.add(messages.Page, answers.page)
    to.add(messages.Show, answers.show)
    to.add(messages.Review, answers.review)
    to.add(messages.SignedReview, lambda asker, m: answers.review(asker, m, Signed(m.receipt, m.signature)))
    to.add(messages.Basis, lambda asker, m: verbs.receipts.basis(asker.who, m.id, m.verdict))
    to.add(messages.Revoke, answers.revoke)
    to.add(messages.Stop, lambda asker, m: verbs.endings.stop(asker.who, m.id, m.reason, asker.way))
    to.add(messages.Lock, lambda asker, m: verbs.locks.lock(asker.who, m.whom, m.name, m.lasts_for, m.reason, asker.way))
    to.add(messages.Unlock, answers.unlock)
    to.add(messages.SignedUnlock, lambda asker, m: answers.unlock(asker, m, Signed(m.receipt, m.signature)))
    to.add(messages.Mute, lambda asker, m: verbs.mutes.mute(asker.subject, m.lasts_for))
    to.add(messages.Reload, answers.reload)
    to.add(messages.Reloadtested, answers.reload_tested)
    to.add(messages.SigningKey, lambda asker, m: verbs.keys.line(asker.subject, rotate=m.rotate, acknowledge=m.acknowledge))
    to.add(messages.Audit, lambda asker, m: verbs.records.show(asker.who, m, asker.again))
    to.add(messages.Export, lambda asker, m: verbs.records.export(asker.subject, m))
    to.add(messages.Roll, lambda asker, m: [verbs.roll.word()])
    to.add(messages.Status, lambda asker, m: status.rows(asker.who))


class _Answers:
    """Answers that are more than a call of a verb."""

    def __init__(self, verbs: Verbs, reloading: Reloading) -> None:
        self._to = verbs
        self._reloading = reloading

    def withdraw(self, asker: Asker, message: messages.Withdraw) -> Answer:
        return f"request {self._to.requests.withdraw(asker.subject, message.id)} is withdrawn"

    async def explain(self, asker: Asker, message: messages.Explain) -> Answer:
        return [await self._to.requests.explain(asker.subject, asked_in(message, asker.caller), message.service)]

    async def suppose(self, asker: Asker, message: messages.Suppose) -> Answer:
        who, asked, supposed = asker.subject, asked_in(message, None), supposed_in(message)
        return await self._to.explanations.suppose(who, message.service, asked, supposed)

    async def give_back(self, asker: Asker, message: messages.Giveback) -> Answer:
        leases = await self._to.lists.leases_of(asker.subject)
        count = self._to.endings.give_back(asker.subject, leases, message.login_session)
        return f"{count} lease{'' if count == 1 else 's'} given back"

    async def show(self, asker: Asker, message: messages.Show) -> Answer:
        return [await self._to.lists.show(asker.who, message.id)]

    async def review(self, asker: Asker, message: messages.Review, signed: Signed | None = None) -> Answer:
        who, origin = asker.who, asker.origin
        if message.verdict == VERDICT:
            return await self._to.owed_reviews.give(who, message.id, message.fingerprint, message.comment, origin(), signed)
        if message.verdict not in tuple(Verdict):
            raise Refusal("usage", "a verdict is approve, deny or reviewed")
        verdict = Verdict(message.verdict)
        return await self._to.reviews.review(who, message.id, verdict, message.fingerprint, message.comment, origin(), signed)

    async def reload(self, asker: Asker, message: messages.Reload) -> Answer:
        self._to.access.refuse(Act.RELOAD, asker.who)
        return await self._reloading.reload(asker.subject)

    async def reload_tested(self, asker: Asker, message: messages.Reloadtested) -> Answer:
        self._to.access.refuse(Act.RELOAD, asker.who)
        return await self._reloading.reload_tested(asker.subject, message.digest)

    async def revoke(self, asker: Asker, message: messages.Revoke) -> Answer:
        match message.id, message.of:
            case str(id), None:
                return await self._to.endings.revoke(asker.who, id, message.reason, asker.way)
            case None, str(principal):
                return await self._to.endings.revoke_all_of(asker.who, principal, message.reason, asker.way)
        raise Refusal("usage", "revoke takes a grant, or a principal")

    async def unlock(self, asker: Asker, message: messages.Unlock, signed: Signed | None = None) -> Answer:
        match message.id, message.whom, message.name:
            case str(id), None, None:
                return self._to.locks.unlock(asker.who, id, message.reason, asker.way, signed)
            case None, str(whom), str(name) if signed is None:
                return await self._to.locks.unlock_all_on(asker.who, whom, name, message.reason, asker.way)
        raise Refusal("usage", "give a lock id, or --user, --principal or --all")

    def page(self, asker: Asker, message: messages.Page) -> Answer:
        if not 1 <= message.limit <= MOST_ROWS:
            raise Refusal("usage", f"a page has from 1 to {MOST_ROWS} rows")
        if message.what == "rules":
            raise Refusal("usage", "the list of rules has no pages")
        return self.list(asker, message, Part(message.before, message.limit))

    def list(self, asker: Asker, message: messages.List, part: Part | None = None) -> Answer:
        who, ended, lists = asker.who, message.ended, self._to.lists
        match message.what:
            case "requests":
                return lists.requests(who, ended=ended, part=part)
            case "grants":
                return lists.grants(who, ended=ended, part=part)
            case "leases":
                return lists.leases(who, part=part)
            case "runs":
                return lists.runs(who, ended=ended, part=part)
            case "rules":
                return self._to.requests.rules(asker.subject)
            case "locks":
                return lists.locks(who, ended=ended, part=part)
            case "reviews":
                return lists.reviews(who, ended=ended, part=part)
        raise Refusal("usage", "there are lists of requests, grants, leases, runs, rules, locks and reviews")
