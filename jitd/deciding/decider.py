# SPDX-License-Identifier: Apache-2.0
"""The one home of the decision: every answer to a request is made here, the first one and each later one.

Law: one policy, the same locks and one look at the facts for each answer. The questions come in one order: locks, rules on the
path, file, rules with the file, operands, those who approved, lease. The first no is the answer, and nothing after it is asked.
An approval counts at each use by its author as they are then.
Nothing is changed here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from jitd.core import lease, lock
from jitd.core.command import Command, work_of
from jitd.core.decision import Decision, Deny, Obligations, Permit, Why, narrow
from jitd.core.effects import Moment
from jitd.core.grant import Grant, covers, waits_for_its_own
from jitd.core.policy import Policy, Rule, rules_for
from jitd.core.request import Request, Review, Verdict
from jitd.core.subject import Subject
from jitd.deciding import accounts, screening
from jitd.deciding.accounts import Accounts
from jitd.deciding.command_lookup import Asked
from jitd.deciding.screening import Sighting
from jitd.files.silence import MOUNTS
from jitd.settings.config import Config
from jitd.store import Store
from jitd.workers import Workers

UNANSWERED = "the account or group that you named cannot be looked up now: a directory of accounts does not answer"


@dataclass(frozen=True, slots=True)
class FirstDecision:
    """What was asked for, the command that it means here, and the answer. ``command`` is what a request binds. ``approved`` is an
    earlier request for the same, which was approved for one time and has that still to take.
    """

    asked: Asked
    command: Command
    decision: Decision
    approved: str | None = None


@dataclass(frozen=True, slots=True)
class FreshDecision:
    """The answer to ``request``, which exists, as things are now. ``request`` is the version that was looked at; ``standing`` are
    those who approved it, as they are now (left out: who is gone), and nobody where it is denied.
    """

    request: Request
    decision: Decision
    standing: tuple[Subject, ...]


class Decider:
    """Dispatch for everybody. ``policy`` is the policy in force; ``is_alive`` asks the KDC, and may block; ``refused`` says which
    of some principals the KDC has refused lately; ``not_given`` says why a thing cannot be given now, or nothing.
    """

    def __init__(
        self,
        *,
        config: Config,
        policy: Callable[[], Policy],
        store: Store,
        accounts: Accounts,
        is_alive: Callable[[str], bool | None],
        refused: Callable[[Sequence[str]], Awaitable[frozenset[str]]],
        not_given: Callable[[str], str],
        workers: Workers,
        now: Callable[[], Moment],
    ) -> None:
        self._config = config
        self._policy = policy
        self._store = store
        self._accounts = accounts
        self._is_alive = is_alive
        self._refused = refused
        self._not_given = not_given
        self._workers = workers
        self._now = now

    # --- the answers ---------------------------------------------------------------------------------------------------

    async def find_typed(self, who: Subject, asked: Asked) -> None:
        """Have account and group looked up that ``who`` has typed, where a directory that does not answer holds up nothing
        else: ``decide_new`` looks them up among the files. Raises TimeoutError.
        """

        def look_up() -> None:
            accounts.run_as(accounts.target(asked.user, asked.group, who.user), asked.group)

        if asked.user is not None or asked.group is not None:
            try:
                await self._workers.typed.run(who.uid, look_up)
            except accounts.NoSuchAccount:
                pass  # that is for ``decide_new`` to say
            except TimeoutError:
                raise TimeoutError(UNANSWERED) from None

    async def decide_new(self, who: Subject, service: str, ask: Callable[[str], Asked]) -> FirstDecision:
        """The answer to what ``who`` asks of ``service`` now. ``ask`` is given our search path and says what it is; it may block.

        Raises finding.Nonsense, what ``ask`` raises, or TimeoutError.
        """
        while True:
            policy, locked = self._policy(), self.lock_on(who)
            asked, sighting = await self._workers.files.run(who.uid, self._look, policy, locked, who, service, ask)
            if not self._is_still(policy, locked, who):
                continue
            decision, command = self._if_given(sighting.decision, sighting.command), sighting.command
            given = () if asked.anew else self._given(decision, who, command)
            if not given:
                return FirstDecision(asked, command, decision)
            decision, approved = await self._with_earlier(decision, given, who, service, command)
            if self._is_still(policy, locked, who):
                return FirstDecision(asked, command, decision, approved)

    async def decide_again(self, request: Request) -> FreshDecision:
        """The answer to ``request`` now: to a review, or to a request left over from before a restart.

        Raises TimeoutError.
        """
        who = request.requester
        while True:
            policy, locked = self._policy(), self.lock_on(who)
            decision: Decision | None = locked
            if decision is None:
                decision = await self._workers.files.run(who.uid, self._look_again, policy, request)
            decision = self._if_given(decision, request.command)
            standing = await self._standing_of(request) if isinstance(decision, Permit) else ()
            if not self._is_still(policy, locked, who):
                continue
            # What a request got does not stand for what it still owes.
            given = () if request.anew else self._given(decision, who, request.command)
            others = tuple(held for held in given if held.id != request.id)
            if not others:
                return FreshDecision(request, decision, standing)
            decision, _ = await self._with_earlier(decision, others, who, request.service, request.command)
            if self._is_still(policy, locked, who):
                return FreshDecision(request, decision, standing)

    async def decide_use(self, request: Request) -> Decision:
        """The answer to a use that ``request``, which was approved, takes later. Its approvals are tallied again, for what they
        were asked for and for what is asked now. Raises TimeoutError.
        """
        who = request.requester
        while True:
            policy, locked = self._policy(), self.lock_on(who)
            decision: Decision | None = locked
            if decision is None:
                decision = await self._workers.files.run(who.uid, self._look_again, policy, request)
            decision = self._if_given(decision, request.command)
            if isinstance(decision, Permit) and not await self._may_use(request, decision):
                decision = Deny(Why.APPROVALS, f"the approvals of request {request.id} are not enough any more: ask anew")
            if self._is_still(policy, locked, who):
                return decision

    async def standing(self, known: Subject) -> Subject | None:
        """``known`` as they are now; None if the account is gone or has expired, or the KDC vouches for them no longer. Raises
        TimeoutError.
        """
        return await self._workers.names.run(known.uid, self._as_now, known)

    def lock_on(self, who: Subject) -> Deny | None:
        """The answer to all that ``who`` asks for while they are locked; None if they are not."""
        return lock.answer_to(self._store.locks(), who)

    def rules_for(self, who: Subject, service: str) -> tuple[Rule, ...]:
        """The permits that are about ``who`` here, whatever they ask for and when."""
        return rules_for(self._policy(), who, self._config.host, service)

    # --- what they are made of -----------------------------------------------------------------------------------------

    def _is_still(self, policy: Policy, locked: Deny | None, who: Subject) -> bool:
        """True if no rule and no lock on ``who`` changed meanwhile: what was in force does not count."""
        return policy is self._policy() and locked == self.lock_on(who)

    def _if_given(self, decision: Decision, command: Command) -> Decision:
        """``decision``, or a denial where nobody can give now what it permits: approvals for nothing are asked of nobody."""
        faults = (self._not_given(thing) for thing in command.things) if isinstance(decision, Permit) else ()
        because = next(filter(None, faults), "")
        return Deny(Why.ERROR, because, decision.rule) if because else decision

    def _look(
        self, policy: Policy, locked: Deny | None, who: Subject, service: str, ask: Callable[[str], Asked]
    ) -> tuple[Asked, Sighting]:
        config = self._config
        asked = ask(config.search_path)
        if locked is not None:
            return asked, Sighting(screening.unopened(asked, who, service, config.search_path), locked)
        typed = (os.path.join(asked.cwd, asked.argv[0]),) if asked.argv and b"/" in asked.argv[0] and not asked.gives else ()
        MOUNTS.approach(typed)
        return asked, screening.look(
            policy,
            asked,
            self._accounts.sure_of(who),
            config.host,
            service,
            config.search_path,
            config.trusted_places,
            self._now(),
        )

    def _look_again(self, policy: Policy, request: Request) -> Decision:
        who = self._as_now(request.requester)
        if who is None:
            return Deny(Why.ERROR, "the requester's account is gone or disabled, here or in the KDC")
        MOUNTS.approach((request.command.path,))
        return screening.look_again(policy, request, who, self._config.trusted_places, self._now())

    async def _standing_of(self, request: Request) -> tuple[Subject, ...]:
        """Those who approved ``request``, as they are now."""
        found = await self._as_they_are([review.by for review in _approving(request)])
        return tuple(now for now in found if now is not None)

    async def _as_they_are(self, approvers: Sequence[Subject]) -> list[Subject | None]:
        """``approvers`` as they are now, all looked up at once; None for who has no account any more, or is refused by the KDC,
        which is asked of all of them together. Its silence is not a refusal.
        """
        found = await asyncio.gather(*(self._workers.names.run(one.uid, self._accounts.again, one) for one in approvers))
        refused = await self._refused([now.principal for now in found if now is not None])
        return [None if now is None or now.principal in refused else now for now in found]

    async def _counting(self, answered: Request, today: Obligations) -> tuple[Subject, ...]:
        """Those whose approvals of ``answered`` count for a use on the terms of ``today``."""
        assert answered.obligations is not None, "an approved request has its obligations"
        reviews = _approving(answered)
        standing = narrow(answered.obligations, today).standing
        found = await self._as_they_are([review.by for review in reviews])
        locks = tuple(self._store.locks())
        return tuple(
            counted
            for review, now in zip(reviews, found, strict=True)
            if (counted := lease.still_counts(review, now, standing)) is not None and lock.lock_on(locks, counted) is None
        )

    async def _discharges(self, held: Grant, today: Obligations) -> bool:
        """True if ``held`` stands for all approvals that its rule asks ``today``."""
        answered = self._store.request(held.id)
        if answered is None or answered.obligations is None:
            return False
        standing = await self._counting(answered, today)
        return lease.discharges(held, answered, today, standing, self._now())

    async def _may_use(self, request: Request, permit: Permit) -> bool:
        """True if what ``request`` was given is still worth a use: its own approvals, or those of the lease that answered it."""
        held = self._store.grant(request.lease or request.id)
        if held is None or (request.lease is not None and held.rule != permit.rule):
            return False
        return await self._discharges(held, permit.obligations)

    def _as_now(self, known: Subject) -> Subject | None:
        now = self._accounts.again(known)
        if now is not None and not now.is_root and not now.is_local and self._is_alive(now.principal) is False:
            return None
        return now

    def _given(self, decision: Decision, who: Subject, command: Command) -> tuple[Grant, ...]:
        """The live grants that ``who`` has for that work, where ``decision`` owes approvals that one of them might discharge."""
        if not isinstance(decision, Permit) or not decision.obligations.approvals:
            return ()
        return tuple(self._store.leases(who.uid, work_of(command)))

    async def _with_earlier(
        self, decision: Decision, given: tuple[Grant, ...], who: Subject, service: str, command: Command
    ) -> tuple[Decision, str | None]:
        """``decision`` with its approvals discharged by the first of ``given`` that does. If none does: the request of one that
        would, if it were not for that request alone.
        """
        assert isinstance(decision, Permit), "nothing else owes approvals"
        asked = (who, self._config.host, service, command, decision.rule)

        async def first(is_it: Callable[..., bool]) -> str | None:
            for held in given:
                if is_it(held, *asked, self._now()) and await self._discharges(held, decision.obligations):
                    now = self._store.grant(held.id)  # as it is by now: those who approved it had to be looked up
                    if now is not None and is_it(now, *asked, self._now()):
                        return held.id
            return None

        found = await first(covers)
        return (replace(decision, lease=found), None) if found is not None else (decision, await first(waits_for_its_own))


def _approving(request: Request) -> tuple[Review, ...]:
    return tuple(review for review in request.reviews if review.verdict is Verdict.APPROVE)
