# SPDX-License-Identifier: Apache-2.0
"""The decider makes every decision about a request: the first decision and each later decision.

Law: each decision uses one policy, one set of locks, and one value of each fact. The checks have a fixed order: locks, the
requester's account, rules about the path, file, rules about the file, operands, approvers, lease. Gatekeepers come last, and
after their answers all checks are made again. The first denial ends the checks and is the answer. At each use, an approval is
valid only if its author may still approve. The decider changes nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from jitd.core import break_glass, lease, lock
from jitd.core.authentication import KdcAnswer
from jitd.core.command import Command, work_of
from jitd.core.decision import Decision, Deny, Obligations, Permit, Why, narrow, narrow_standing
from jitd.core.deed import RUN, deed_of
from jitd.core.effects import Moment
from jitd.core.gatekeeping import Heard, folded, judged
from jitd.core.grade import Finding
from jitd.core.grant import Grant, covers, waits_for_its_own
from jitd.core.keys.hours import HOURS
from jitd.core.policy import Policy, Rule, masked_places, rules_for
from jitd.core.request import Request, RequestState, Review, Verdict
from jitd.core.subject import Identity, Subject, Who, is_one_person
from jitd.deciding import accounts, screening
from jitd.deciding.account_policy import AccountPolicy
from jitd.deciding.accounts import Accounts
from jitd.deciding.command_lookup import Asked
from jitd.deciding.findings import Findings, as_reviewer, worst_of
from jitd.deciding.gatekeepers import AllGatekeepers, Answers, Gatekeepers, Hearing
from jitd.deciding.hearings import Hearings, InForce
from jitd.deciding.knowledge import Beforehand, Gather, Knowledge, Providers, Wanted
from jitd.deciding.screening import Sighting
from jitd.deciding.scripts import NO_SCRIPTS, Scripts
from jitd.deciding.seats import Seating
from jitd.deciding.signers import NOBODY, Signers
from jitd.files.silence import MOUNTS
from jitd.settings.config import Config
from jitd.store import Store
from jitd.store.made_accounts import made_in
from jitd.store.used_accounts import UsedAccounts
from jitd.workers import Workers

JUDGED_WITHIN, AGAIN_WITHIN = 3.0, 1.0
"""Seconds that a requester waits for the look at files that decide the grade, and a reviewer for a new one."""
MOST_REASONS = 4  # reasons of earlier grants that are tried for one request
UNANSWERED = "the account or group that you named cannot be looked up now: a directory of accounts does not answer"


@dataclass(frozen=True, slots=True)
class FirstDecision:
    """The question, the command on this host, and the answer. If a request is made, it is for exactly this ``command``.
    ``approved`` is the id of an earlier request for the same command. That request was approved for one use, which is still
    unused. ``awaited`` are the providers that must answer first: see ``Decider.foresee``. ``extends`` is an earlier lease that
    the requester wants to extend by this request. ``scripts`` contains the texts that its approvers read.
    """

    asked: Asked
    command: Command
    decision: Decision
    approved: str | None = None
    awaited: tuple[str, ...] = ()
    extends: str | None = None
    scripts: Scripts = Scripts()


@dataclass(frozen=True, slots=True)
class FreshDecision:
    """The present decision, valid only for this version of ``request``. ``standing``: the approvers with their present data, but
    without those whose account is missing or whom the KDC refuses. Empty after a denial. ``heard``: the gatekeepers' answers.
    """

    request: Request
    decision: Decision
    standing: tuple[Identity, ...]
    heard: tuple[Heard, ...] = ()


class AsksKdc(Protocol):
    """What the decider needs of the KDC."""

    def answer(self, principal: str) -> KdcAnswer:
        """Return what the KDC says about ``principal``. This may block."""

    async def refused(self, principals: Sequence[str]) -> frozenset[str]:
        """Return those that the KDC refuses, by answers that are at most a few seconds old."""


class Gives(Protocol):
    """What the decider needs of the givers."""

    def fault(self, thing: str) -> str:
        """Return the reason why ``thing`` cannot be given now, or an empty text."""

    def down(self, thing: str) -> str:
        """Return a sentence that what gives ``thing`` does not run now, or an empty text."""


class Decider:
    """Makes all decisions by ``rules``, with the facts that ``gather`` and ``providers`` find."""

    def __init__(
        self,
        *,
        config: Config,
        rules: InForce,
        store: Store,
        accounts: Accounts,
        account_policy: AccountPolicy,
        kdc: AsksKdc,
        givers: Gives,
        gather: Gather,
        providers: Providers,
        workers: Workers,
        now: Callable[[], Moment],
        findings: Findings,
        gatekeepers: Gatekeepers | None = None,
        seating: Seating | None = None,
        signers: Signers = NOBODY,
    ) -> None:
        self._config = config
        self._rules = rules
        self._store = store
        self._accounts = accounts
        self._uses = UsedAccounts(store, accounts.people)
        self._account_policy = account_policy
        self._kdc = kdc
        self._signers = signers
        self._givers = givers
        self._gather = gather
        self._providers = providers
        self._workers = workers
        self._now = now
        self.findings = findings
        self.seating = seating or Seating(config, workers, uses=self._uses)
        self._of_now: tuple[Policy | None, dict[str, tuple[int, Obligations | None]]] = (None, {})
        """What one policy demands of open requests that are older than it, each in one version."""
        self._hearings = Hearings(Answers(gatekeepers or AllGatekeepers({}), now), store, rules, now, findings)

    # --- the answers ---------------------------------------------------------------------------------------------------

    async def find_typed(self, who: Subject, asked: Asked) -> None:
        """Look up what ``who`` typed as account and group, in threads for this alone, which wait if a directory is silent.
        ``decide_new`` does it again where files are examined. Raises TimeoutError.
        """

        def look_up() -> None:
            accounts.run_as(accounts.target(asked.user, asked.group, who.user), asked.group)

        if asked.user is not None or asked.group is not None:
            try:
                await self._workers.typed.run(who.party, look_up)
            except accounts.NoSuchAccount:
                pass  # ``decide_new`` will report this
            except TimeoutError:
                raise TimeoutError(UNANSWERED) from None

    async def decide_new(self, who: Subject, service: str, ask: Callable[[str], Asked]) -> FirstDecision:
        """Decide about a new request of ``who`` through ``service``. ``ask`` gets jitd's search path, and returns the question.
        ``ask`` may block.

        Raises command_lookup.Nonsense, TimeoutError, and the errors of ``ask``.
        """
        return await self._decide_new(who, service, ask, self._providers)

    async def foresee(self, who: Subject, service: str, ask: Callable[[str], Asked]) -> FirstDecision:
        """Decide like ``decide_new``, but ask nobody outside this host. A rule that needs a provider's answer fails, and the
        result names the providers.
        """
        beforehand = Beforehand(self._config.names)
        found = await self._decide_new(who, service, ask, beforehand)
        awaited = beforehand.awaited(found.decision)
        return replace(found, awaited=awaited) if awaited else found

    async def _decide_new(self, who: Subject, service: str, ask: Callable[[str], Asked], providers: Providers) -> FirstDecision:
        knowledge = Knowledge(self._gather, providers.told)
        barred = await self._barred(who, service)
        reasons: list[str] | None = None  # of grants, each tried in place of the reason that was not given
        while True:
            policy, locked = self._rules.policy, self.lock_on(who)
            asking = partial(_with_reason, ask, reasons[0]) if reasons else ask
            try:
                run = self._workers.files.run
                asked, sighting = await run(who.party, self._look, policy, locked or barred, who, service, asking, knowledge)
            except Wanted as wanted:
                knowledge.hear(wanted, await providers.ask(wanted.names, wanted.about))
                continue
            if not self._is_still(policy, locked, who):
                continue
            decision, command = self._if_given(sighting.decision, who, sighting.command), sighting.command
            if reasons is None:
                reasons = self._reasons_given(decision, who, asked, command)
                if reasons:
                    continue
            given = () if asked.anew else self._given(decision, who, command)
            first = FirstDecision(asked, command, decision, scripts=sighting.scripts)
            if given:
                decision, approved = await self._with_earlier(decision, given, who, service, command)
                first = _as_asked(FirstDecision(asked, command, decision, approved, scripts=sighting.scripts))
            if reasons and self._reason_of_grant(first) != reasons[0]:  # it answers for its own grant, and for nothing else
                reasons = reasons[1:]
                continue
            if not given and not _is_judged(first):
                return first
            if _is_judged(first):
                first = replace(first, command=replace(command, findings=await self._findings(command, who, first.scripts)))
            if self._is_still(policy, locked, who):
                return first

    async def decide_again(self, request: Request, heard: tuple[Heard, ...] = ()) -> FreshDecision:
        """Decide again about ``request``. ``heard``: the answers of its gatekeepers until now. Raises TimeoutError."""
        who = request.requester
        knowledge = Knowledge(self._gather, self._providers.told)
        barred = await self._barred(who, request.service, _approving(request))
        while True:
            policy, locked = self._rules.policy, self.lock_on(who)
            decision = locked or barred or await self._found_again(policy, request, knowledge)
            if decision is None:
                continue
            decision = folded(self._if_given(decision, who, request.command, request.id), heard, request.claims.reason)
            standing = await self.approvers_now(request) if isinstance(decision, Permit) else ()
            if not self._is_still(policy, locked, who):
                continue
            # The request's own grant does not replace the approvals that the request still owes.
            given = () if request.anew or request.extends else self._given(decision, who, request.command)
            others = tuple(held for held in given if held.id != request.id)
            if not others:
                return FreshDecision(request, decision, standing, heard)
            decision, _ = await self._with_earlier(decision, others, who, request.service, request.command)
            if self._is_still(policy, locked, who):
                return FreshDecision(request, decision, standing, heard)

    async def as_now(self, request: Request) -> Request:
        """Return ``request`` as an approval would leave it by the rules of then and now, for those who read it, or as it is if
        they would not permit it any more, or that is not known in time.
        """
        policy, before = self._rules.policy, request.obligations
        is_of_now = request.submitted_at.timestamp() > self._rules.read_at
        if before is None or is_of_now or request.requester.is_root or request.state is not RequestState.PENDING:
            return request
        if self._of_now[0] is not policy:
            self._of_now = policy, {}
        known = self._of_now[1]
        if (found := known.get(request.id)) is None or found[0] != request.version:
            try:
                decision = (await self.decide_again(request)).decision
            except TimeoutError:
                return request
            found = known[request.id] = request.version, decision.obligations if isinstance(decision, Permit) else None
        return request if found[1] is None else replace(request, obligations=narrow(before, found[1]))

    async def why_closed(self, request: Request) -> str:
        """If no rule permits ``request`` any more, because hours are over or have begun, or because the rules have changed,
        return the reason: an approval would end the request. Otherwise return an empty text. Raises TimeoutError.
        """
        rules, held, who = self._rules.policy.rules, self.rules_in_hours(), request.requester
        rule = next((one for one in rules if one.name == request.rule), None)
        is_over = rule is None or (rule.hours is not None and rule.name not in held)
        if (
            request.rule is None
            or who.is_root
            or not (is_over or any(one.verdict == "deny" and one.name in held for one in rules))
        ):
            return ""
        decision = (await self.decide_again(request)).decision
        if not isinstance(decision, Deny) or decision.why not in (Why.NO_RULE, Why.RULE, Why.NO_POLICY):
            return ""
        return decision.because if rule is None or not is_over else f"rule {rule.name} applies only {HOURS.wants(rule)}"

    def rules_in_hours(self) -> frozenset[str]:
        """Return the names of the rules that have hours, and whose hours hold now."""
        at, rules = self._now().at, self._rules.policy.rules
        return frozenset(rule.name for rule in rules if rule.hours and any(hours.hold_at(at) for hours in rule.hours))

    async def decide_use(self, request: Request, heard: tuple[Heard, ...] = (), *, n_taken: int = 0) -> Decision:
        """Decide about a later use of the approved ``request``. ``heard``: see ``decide_again``. ``n_taken``: number of uses that
        the caller has already taken for this use. They do not count as spent. The approvals are counted again, under the earlier
        and the present rule. The caller must still query the gatekeepers in a permit (``screen_use``). Raises TimeoutError.
        """
        who = request.requester
        knowledge = Knowledge(self._gather, self._providers.told)
        barred = await self._barred(who, request.service, _approving(request))
        while True:
            policy, locked = self._rules.policy, self.lock_on(who)
            decision = locked or barred or await self._found_again(policy, request, knowledge)
            if decision is None:
                continue
            decision = self._if_given(decision, who, request.command, request.lease or request.id)
            decision = folded(decision, heard, request.claims.reason)
            if isinstance(decision, Permit) and not await self._may_use(request, decision, n_taken):
                decision = Deny(Why.APPROVALS, f"the approvals of request {request.id} are not enough any more: ask again")
            if self._is_still(policy, locked, who):
                return _with_gatekeepers(request, decision)

    async def screen(self, request: Request, hearing: Hearing) -> FreshDecision:
        """Decide about ``request`` with its gatekeepers, some of whom have answered in ``hearing``. Raises TimeoutError."""
        while True:
            fresh = await self.decide_again(request, hearing.heard)
            if not await self._hearings.have_asked(request, _with_gatekeepers(request, fresh.decision), fresh.standing, hearing):
                return fresh

    async def screen_use(self, request: Request) -> Decision:
        """Decide like ``decide_use``, and also query the gatekeepers. Raises TimeoutError."""
        hearing = Hearing()
        while True:
            decision = await self.decide_use(request, hearing.heard)
            standing = tuple(review.by for review in _approving(request))
            if not await self._hearings.have_asked(request, decision, standing, hearing):
                return judged(decision, hearing.heard, request.claims.reason)

    def forget_answers(self) -> None:
        """Drop the stored answers of gatekeepers. This is necessary after a reload of the policy or after a new lock."""
        self._hearings.forget()

    async def judge_again(self, request: Request) -> Request:
        """Return ``request`` with what its command gives beyond its words now, together with what was seen when it was asked for.
        If the files do not answer soon, return ``request``.
        """
        command, who = request.command, request.requester
        try:
            look = partial(self._found_in, command, who, self._rules.policy)
            now = await self._workers.files.run_within(AGAIN_WITHIN, who.party, look)
        except TimeoutError:
            return request
        if now is None:
            return request
        return replace(request, command=replace(command, findings=worst_of(now, command.findings or ())))

    async def standing(self, known: Who) -> tuple[Who | None, KdcAnswer]:
        """Return ``known`` with the present data, and the answer of the KDC. The first is None if the account no
        longer exists or has expired, or if the KDC refuses the principal. Raises TimeoutError.
        """
        return await self._workers.names.run(known.party, self._as_now, known)

    async def refusal(self, who: Subject, reviews: Sequence[Review] = ()) -> Deny | None:
        """Return the denial for ``who`` if the KDC refuses their principal. A missing answer denies nobody. The authors of
        ``reviews`` are asked about at the same time, so that a silent KDC is waited for once.
        """
        if who.is_root or who.is_local:
            return None
        if who.in_ticket not in await self._kdc.refused([who.in_ticket, *(review.by.in_ticket for review in reviews)]):
            return None
        if who.is_by_pam:
            return Deny(Why.ERROR, screening.GONE_AS_PROVED)
        return Deny(Why.ACCOUNT, screening.NO_TICKETS.format(who.in_ticket))

    def lock_on(self, who: Subject) -> Deny | None:
        """If ``who`` is locked, return the denial for every request of ``who``. Otherwise return None."""
        return lock.answer_to(self._uses.locks(), who)

    @property
    def broken(self) -> str:
        """The sentence while no policy is in force because of faults (``core.policy.no_policy``), or ""."""
        return self._rules.policy.broken

    def rules_for(self, who: Subject, service: str) -> tuple[Rule, ...]:
        """Return the permits for ``who`` on this host for ``service``. All other conditions of the rules are ignored."""
        return rules_for(self._rules.policy, who, self._config.host, service)

    def may_break_glass(self, who: Subject, service: str) -> bool:
        """True if a rule lets ``who`` break glass through ``service`` on this host."""
        return any(rule.break_glass is not None for rule in self.rules_for(who, service))

    async def _findings(self, command: Command, who: Subject, scripts: Scripts) -> tuple[Finding, ...] | None:
        """Return what ``command``, which ``who`` asks for, gives beyond its words. Files that do not answer are not looked at."""
        try:
            look = partial(self._found_in, command, who, self._rules.policy, scripts)
            return await self._workers.files.run_within(JUDGED_WITHIN, who.party, look)
        except TimeoutError:
            return self.findings.without_answer(command, who.user)

    def _found_in(
        self, command: Command, who: Subject, policy: Policy, scripts: Scripts = NO_SCRIPTS
    ) -> tuple[Finding, ...] | None:
        found = self.findings.on_this_host(command, who, scripts)
        if found is None or command.run_as.uid in (0, who.uid):  # root may do everything, and reviews nothing
            return found
        return worst_of(found, as_reviewer(command, who, policy.reviewers, self._config.naming))

    # --- helpers -----------------------------------------------------------------------------------------------------

    async def _barred(self, who: Subject, service: str, reviews: Sequence[Review] = ()) -> Deny | None:
        """If the KDC or the account policy of this host denies ``who``, return this denial. A program with a gate asks PAM by
        itself, so PAM is not asked here. ``reviews``: see ``refusal``.
        """
        if (refusal := await self.refusal(who, reviews)) is not None:
            return refusal
        return await self._account_policy.denial(who) if deed_of(service) is RUN else None

    def _is_still(self, policy: Policy, locked: Deny | None, who: Subject) -> bool:
        """True if ``policy`` is still in force, and ``locked`` is still the answer of ``lock_on`` for ``who``."""
        return policy is self._rules.policy and locked == self.lock_on(who)

    def _if_given(self, decision: Decision, who: Subject, command: Command, request: str = "") -> Decision:
        """Return ``decision``, or a denial in three cases: ``decision`` permits a thing that cannot be given now, so nobody
        should be asked for an approval; the command would run as an account that jitd has made and nobody holds any more; or
        ``who`` wants to break glass, but the open reviews of their other requests do not allow this.
        """
        decision = break_glass.unbarred(decision, lambda person: self._store.owed_reviews(person=person), who, request)
        if isinstance(decision, Deny):
            return decision
        made = made_in(self._store, command.run_as.user)
        if made is not None and not made.is_held:
            return decision.denied(Why.ERROR, f"the account {command.run_as.user} is taken back")
        is_new = not request  # what was asked for already waits for a helper that is started again
        faults = (self._givers.fault(thing) or (self._givers.down(thing) if is_new else "") for thing in command.things)
        because = next(filter(None, faults), "")
        return decision.denied(Why.ERROR, because) if because else decision

    async def _found_again(self, policy: Policy, request: Request, knowledge: Knowledge) -> Decision | None:
        """Return the present answer of ``policy`` to ``request``. If jitd had to query providers, return None. Then the caller
        must decide again, because policy and locks may have changed while jitd waited.
        """
        try:
            return await self._workers.files.run(request.requester.party, self._look_again, policy, request, knowledge)
        except Wanted as wanted:
            knowledge.hear(wanted, await self._providers.ask(wanted.names, wanted.about))
            return None

    def _look(
        self,
        policy: Policy,
        locked: Deny | None,
        who: Subject,
        service: str,
        ask: Callable[[str], Asked],
        knowledge: Knowledge,
    ) -> tuple[Asked, Sighting]:
        config = self._config
        asked = ask(config.search_path)
        if locked is not None:
            return asked, _with_masks(policy, screening.unopened(policy, asked, who, service, config.search_path, locked))
        typed = (os.path.join(asked.cwd, asked.name),) if b"/" in asked.name and not asked.gives else ()
        MOUNTS.approach(typed)
        found = screening.look(
            policy,
            asked,
            self._accounts.sure_of(who),
            config.host,
            service,
            config.search_path,
            config.trusted_places,
            self._now(),
            knowledge,
        )
        return asked, _with_masks(policy, found)

    def _look_again(self, policy: Policy, request: Request, knowledge: Knowledge) -> Decision:
        who = self._accounts.again(request.requester)
        if who is None:
            return Deny(Why.ERROR, screening.GONE)
        MOUNTS.approach(one.file for one in request.command.each)
        return screening.look_again(policy, request, who, self._config.trusted_places, self._now(), knowledge)

    async def approvers_now(self, request: Request) -> tuple[Identity, ...]:
        """Return the approvers of ``request`` who are still there, with their present data. Raises TimeoutError."""
        found = await self._as_they_are(_approving(request))
        return tuple(now for now in found if now is not None)

    async def _as_they_are(self, reviews: Sequence[Review]) -> list[Identity | None]:
        """Return the authors of ``reviews`` with their present data, in the same order. None replaces an approver whose account
        no longer exists, whose principal the KDC refuses, or who came by the door as an account that PAM denies. The look-ups run
        in parallel, and so do the queries to the KDC and to PAM. A missing answer of the KDC is not a refusal, and one of PAM is.
        A receipt proves what its key proves now.
        """
        approvers = [review.by for review in reviews]
        found = await asyncio.gather(*(self._workers.names.run(one.party, self._accounts.again, one) for one in approvers))
        there = [now for now in found if now is not None]
        refused = await self._kdc.refused([now.in_ticket for now in there])
        denials = await asyncio.gather(*(self._account_policy.denial_by_door(now) for now in there))
        gone = refused.union(now.in_ticket for now, denial in zip(there, denials, strict=True) if denial is not None)
        return [
            None if now is None or now.in_ticket in gone else self._signers.judged(now, review.receipt)
            for now, review in zip(found, reviews, strict=True)
        ]

    async def _counting(self, answered: Request, today: Obligations, who: Subject) -> tuple[Identity, ...]:
        """Return the approvers of ``answered`` whose approvals are valid for a use by ``who`` under the obligations ``today``. A
        person who uses somebody else's account cannot use what this person has approved for it.
        """
        assert answered.obligations is not None, "an approved request has its obligations"
        reviews = _approving(answered)
        standing = narrow_standing(answered.obligations, today)
        found = await self._as_they_are(reviews)
        locks = tuple(self._uses.locks())
        return tuple(
            counted
            for review, now in zip(reviews, found, strict=True)
            if (counted := lease.still_counts(review, now, standing)) is not None
            and lock.lock_on(locks, counted) is None
            and not is_one_person(counted, who)
        )

    async def _discharges(self, held: Grant, today: Obligations, who: Subject) -> bool:
        """True if the grant ``held`` replaces for ``who`` all approvals that its rule demands ``today``."""
        answered = self._store.request(held.id)
        if answered is None or answered.obligations is None:
            return False
        standing = await self._counting(answered, today, who)
        return lease.discharges(held, answered, today, standing, self._now())

    async def _may_use(self, request: Request, permit: Permit, n_taken: int) -> bool:
        """True if the approvals of ``request`` or of its lease are enough for a use. ``n_taken``: see ``decide_use``."""
        held = self._store.grant(request.lease or request.id)
        if held is None or (request.lease is not None and held.rule != permit.rule):
            return False
        return await self._discharges(replace(held, left=held.left + n_taken), permit.obligations, request.requester)

    def _as_now(self, known: Who) -> tuple[Who | None, KdcAnswer]:
        now = self._accounts.again(known)
        if now is None or now.is_root or now.is_local:
            return now, KdcAnswer.NOT_ASKED
        answer = self._kdc.answer(now.in_ticket)
        return None if answer is KdcAnswer.REFUSED else now, answer

    def _given(self, decision: Decision, who: Subject, command: Command) -> tuple[Grant, ...]:
        """Return live grants for the same work, and none if ``decision`` needs neither approvals nor gatekeepers."""
        if not isinstance(decision, Permit) or not (decision.obligations.approvals or decision.obligations.gatekeepers):
            return ()
        return tuple(self._store.leases(who.uid, work_of(command.told)))

    def _reasons_given(self, decision: Decision, who: Subject, asked: Asked, command: Command) -> list[str]:
        """If a request lacks nothing but a reason, return the reasons of the live grants of ``who`` for the same words under the
        same rule. The file was not opened, so it is not known yet whether a grant is for the same work.
        """
        is_lacking = isinstance(decision, Deny) and decision.why is Why.REASON and not (asked.reason or "").strip()
        if not is_lacking or asked.anew or asked.breaks_glass:
            return []
        words = _words_of(command)
        held = [
            one.id for one in self._store.grants(uid=who.uid) if one.rule == decision.rule and _words_of(one.command) == words
        ]
        found = (self._store.request(id) for id in held)
        reasons = dict.fromkeys(one.claims.reason for one in found if one is not None)
        return [reason for reason in reasons if reason][:MOST_REASONS]

    def _reason_of_grant(self, first: FirstDecision) -> str | None:
        """Return the reason of the request whose grant answers for ``first``. Return None if no grant does."""
        lease = first.decision.lease if isinstance(first.decision, Permit) else None
        answers = self._store.request(lease or first.approved or "")
        return None if answers is None else answers.claims.reason

    async def _with_earlier(
        self, decision: Decision, given: tuple[Grant, ...], who: Subject, service: str, command: Command
    ) -> tuple[Decision, str | None]:
        """Return a decision and an id. If a grant in ``given`` can replace the approvals, it is the lease of the decision, and
        the id is None. Otherwise the id is that of a grant in ``given`` that only an earlier request can use, or None.
        """
        assert isinstance(decision, Permit), "nothing else owes approvals"
        asked = (who, self._config.host, service, command, decision.rule)

        async def first(is_it: Callable[..., bool]) -> str | None:
            for held in given:
                if is_it(held, *asked, self._now()) and await self._discharges(held, decision.obligations, who):
                    now = self._store.grant(held.id)  # read again, because the look-up of its approvers took time
                    if now is not None and is_it(now, *asked, self._now()):
                        return held.id
            return None

        found = await first(covers)
        return (replace(decision, lease=found), None) if found is not None else (decision, await first(waits_for_its_own))


def _words_of(command: Command) -> tuple[bytes, tuple[bytes, ...]]:
    return command.path, tuple(sorted(command.told_argv)) if command.things else command.told_argv


def _with_reason(ask: Callable[[str], Asked], reason: str, search_path: str) -> Asked:
    asked = ask(search_path)
    unseen = None if asked.unseen is None else replace(asked.unseen, reason=reason)
    return replace(asked, reason=reason, unseen=unseen)


def _is_judged(first: FirstDecision) -> bool:
    """True if people or gatekeepers are asked about the request of ``first``, so that they are told what its command gives."""
    decision = first.decision
    if not isinstance(decision, Permit) or first.approved is not None:
        return False
    owed = decision.obligations
    is_owed = bool(owed.approvals) and decision.lease is None
    return is_owed or bool(owed.gatekeepers) or owed.break_glass is not None or owed.terms.observed


def _as_asked(first: FirstDecision) -> FirstDecision:
    """Return ``first``. If the requester asked for a time and a lease covers the request, let the request extend the lease."""
    decision = first.decision
    if first.asked.terms.lasts_for is None or not isinstance(decision, Permit) or decision.lease is None:
        return first
    return replace(first, decision=replace(decision, lease=None), extends=decision.lease)


def _with_gatekeepers(request: Request, decision: Decision) -> Decision:
    """Add the gatekeepers in the obligations of ``request`` to ``decision``, and return the result."""
    if isinstance(decision, Deny) or request.obligations is None:
        return decision
    names = narrow(request.obligations, decision.obligations).gatekeepers
    return replace(decision, obligations=replace(decision.obligations, gatekeepers=names))


def _approving(request: Request) -> tuple[Review, ...]:
    return tuple(review for review in request.reviews if review.verdict is Verdict.APPROVE)


def _with_masks(policy: Policy, found: Sighting) -> Sighting:
    """Return ``found``, whose command knows the places in its command line that nobody is to read."""
    masked = masked_places(policy, found.command, is_found=found.is_found, names=found.names)
    return replace(found, command=replace(found.command, masked=masked)) if masked else found
