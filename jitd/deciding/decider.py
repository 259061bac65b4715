# SPDX-License-Identifier: Apache-2.0
"""The one home of the decision: every answer to a request is made here, the first one and each later one.

Law: one policy, the same locks and one look at the facts for each answer. The questions come in one order: locks, rules on the
path, file, rules with the file, operands, those who approved, lease. The first no is the answer, and nothing after it is asked.
Nothing is changed here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from jitd import facts, screening
from jitd.config import Config
from jitd.core import lock
from jitd.core.command import Command, work_of
from jitd.core.decision import Decision, Deny, Permit, Why
from jitd.core.effects import Moment
from jitd.core.policy import Policy, Rule, rules_for
from jitd.core.request import Request, Verdict
from jitd.core.subject import Subject
from jitd.finding import Asked
from jitd.screening import Sighting
from jitd.store import Store
from jitd.workers import Workers


@dataclass(frozen=True, slots=True)
class FirstDecision:
    """What was asked for, the command that it means here, and the answer. ``command`` is what a request binds."""

    asked: Asked
    command: Command
    decision: Decision


@dataclass(frozen=True, slots=True)
class FreshDecision:
    """The answer to ``request``, which exists, as things are now. ``request`` is the version that was looked at; ``standing`` are
    those who approved it, as they are now (left out: who is gone), and nobody where it is denied.
    """

    request: Request
    decision: Decision
    standing: tuple[Subject, ...]


class Decider:
    """Answers for everybody. ``policy`` is the policy in force; ``is_alive`` asks the KDC, and may block."""

    def __init__(
        self,
        *,
        config: Config,
        policy: Callable[[], Policy],
        store: Store,
        accounts: facts.Accounts,
        is_alive: Callable[[str], bool | None],
        workers: Workers,
        now: Callable[[], Moment],
    ) -> None:
        self._config = config
        self._policy = policy
        self._store = store
        self._accounts = accounts
        self._is_alive = is_alive
        self._workers = workers
        self._now = now

    # --- the answers ---------------------------------------------------------------------------------------------------

    async def decide_new(self, who: Subject, service: str, ask: Callable[[str], Asked]) -> FirstDecision:
        """The answer to what ``who`` asks of ``service`` now. ``ask`` is given our search path and says what it is; it may block.

        Raises finding.Nonsense, what ``ask`` raises, or TimeoutError.
        """
        while True:
            policy, locked = self._policy(), self.lock_on(who)
            asked, sighting = await self._workers.run_for(who.uid, self._look, policy, locked, who, service, ask)
            if self._is_still(policy, locked, who):
                decision = self._with_lease(sighting.decision, who, service, sighting.command, besides="")
                return FirstDecision(asked, sighting.command, decision)

    async def decide_again(self, request: Request) -> FreshDecision:
        """The answer to ``request`` now: to a review, a use that is taken later, or a request left over from before a restart.

        Raises TimeoutError.
        """
        who = request.requester
        while True:
            policy, locked = self._policy(), self.lock_on(who)
            decision: Decision | None = locked
            if decision is None:
                decision = await self._workers.run_for(who.uid, self._look_again, policy, request)
            standing = await self._standing_of(request) if isinstance(decision, Permit) else ()
            if self._is_still(policy, locked, who):
                decision = self._with_lease(decision, who, request.service, request.command, besides=request.id)
                return FreshDecision(request, decision, standing)

    async def standing(self, known: Subject) -> Subject | None:
        """``known`` as they are now; None if the account is gone or has expired, or the KDC vouches for them no longer. Raises
        TimeoutError.
        """
        return await self._workers.run(self._as_now, known)

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

    def _look(
        self, policy: Policy, locked: Deny | None, who: Subject, service: str, ask: Callable[[str], Asked]
    ) -> tuple[Asked, Sighting]:
        config = self._config
        asked = ask(config.search_path)
        if locked is not None:
            return asked, Sighting(screening.unopened(asked, who, config.search_path), locked)
        return asked, screening.look(policy, asked, who, config.host, service, config.search_path, self._now())

    def _look_again(self, policy: Policy, request: Request) -> Decision:
        who = self._as_now(request.requester)
        if who is None:
            return Deny(Why.ERROR, "the requester's account is gone or disabled, here or in the KDC")
        return screening.look_again(policy, request, who, self._now())

    async def _standing_of(self, request: Request) -> tuple[Subject, ...]:
        """Those who approved ``request``, as they are now, all looked up at once."""
        approvers = [review.by for review in request.reviews if review.verdict is Verdict.APPROVE]
        found = await asyncio.gather(*(self.standing(by) for by in approvers))
        return tuple(now for now in found if now is not None)

    def _as_now(self, known: Subject) -> Subject | None:
        now = self._accounts.again(known)
        if now is not None and not now.is_root and not now.is_local and self._is_alive(now.principal) is False:
            return None
        return now

    def _with_lease(self, decision: Decision, who: Subject, service: str, command: Command, *, besides: str) -> Decision:
        """``decision`` with its approvals discharged by a live grant that answers for the same work, if there is one ``besides``
        the grant of that id: what a request got does not stand for what it still owes.
        """
        if isinstance(decision, Permit) and decision.obligations.approvals:
            grants = (grant for grant in self._store.leases(who.uid, work_of(command)) if grant.id != besides)
            lease = screening.lease_for(grants, who, self._config.host, service, command, decision.rule, self._now())
            return replace(decision, lease=lease)
        return decision
