# SPDX-License-Identifier: Apache-2.0
"""What approvers and operators may do: see, review, revoke, stop, read the chain, reload.

Law: what one may not see does not exist. Nobody reviews their own. A verb returns when what it says is true.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress

from jitd.core import run
from jitd.core.command import read_id
from jitd.core.decision import Deny, Why
from jitd.core.effects import Moment
from jitd.core.grant import Grant, Revoked
from jitd.core.law import Actor, IllegalEvent, Origin, Role
from jitd.core.lock import LockedOut
from jitd.core.policy import may_review
from jitd.core.request import NotYours, Request, RequestState, Reviewed, Stale, Verdict
from jitd.core.run import Run
from jitd.core.subject import Subject, is_named, matches_any, named
from jitd.deciding.decider import Decider, FreshDecision
from jitd.lifecycle.perform import Overtaken, Perform
from jitd.lifecycle.waiters import Waiters
from jitd.settings.config import Config
from jitd.store import Store
from jitd.verbs.limits import Pace
from jitd.verbs.listing import Listing
from jitd.verbs.refusal import Refusal
from jitd.verbs.requests import MAX_TEXT
from jitd.verbs.rows import Row
from jitd.workers import Workers
from jitpam.wire.shown import shown

GONE_WITHIN = 10.0
"""Seconds that revoke and stop wait until all of it is gone, before they say that it is not."""


_STANDS = {
    Verdict.APPROVE: (RequestState.PENDING, RequestState.APPROVED),
    Verdict.DENY: (RequestState.DENIED,),
}
"""verdict → the states in which it still is what became of the request."""


class Reviews:
    """The approvers' and operators' side of the house. ``opened`` opens the store to read it in a worker; ``reload`` reads the
    policy again, or says what is wrong with it.
    """

    def __init__(
        self,
        config: Config,
        decider: Decider,
        perform: Perform,
        store: Store,
        opened: Callable[[], Store],
        waiters: Waiters,
        workers: Workers,
        now: Callable[[], Moment],
        reload: Callable[[Subject], str],
    ) -> None:
        self._config = config
        self._decider = decider
        self._perform = perform
        self._store = store
        self._waiters = waiters
        self._now = now
        self._reload = reload
        self._listing = Listing(opened, workers, self.may_see, self._may_review, perform.usage_of)
        self._pace = Pace()

    # --- who may see what ----------------------------------------------------------------------------------------------

    def is_operator(self, who: Subject) -> bool:
        """True for local root and for those named in jitd.toml."""
        return who.is_root or matches_any(who, self._config.operators)

    def _may_review(self, who: Subject, found: Request) -> bool:
        return found.obligations is not None and bool(may_review(found.obligations.approvals, who, found.requester))

    def may_see(self, who: Subject, found: Request) -> bool:
        """True for the requester, for whom the rule takes a review from, and for operators."""
        return who.is_requester(found.requester) or self._may_review(who, found) or self.is_operator(who)

    def _visible(self, who: Subject, typed: str) -> Request:
        id = read_id(typed)
        found = self._store.request(id.partition(".")[0]) if id is not None else None
        if found is not None and self.may_see(who, found):
            return found
        if found is not None and who.person == found.requester.person and not who.is_local:
            # No more than that: whoever has taken over one account of a person's does not look through the other's eyes.
            its = "look at it and end it from there; somebody else has to review it"
            raise Refusal("forbidden", f"request {found.id} is your own, by another account: {its}")
        raise Refusal("unknown", f"there is no request {shown(typed)}, as far as you may see")

    async def run_of(self, who: Subject, typed: str) -> tuple[Run, Request]:
        """The run of that id, and what was asked for. Raises Refusal if ``who`` may not see it."""
        id = read_id(typed)
        meant = await self._listing.run_of(who, id) if id is not None else None
        found = None if meant is None else self._store.run(meant.id)  # as it is by now
        asked = self._store.request(found.request) if found is not None else None
        if found is None or asked is None or not self.may_see(who, asked):
            raise Refusal("unknown", f"there is no run {shown(typed)}, as far as you may see")
        return found, asked

    def _role(self, who: Subject, found: Request) -> Actor:
        if who.is_requester(found.requester):
            return Actor(Role.REQUESTER, who.principal, who.uid)
        role = Role.APPROVER if self._may_review(who, found) else Role.OPERATOR
        return Actor(role, who.principal, who.uid)

    # --- lists ---------------------------------------------------------------------------------------------------------

    def requests(self, who: Subject, *, ended: bool) -> AsyncIterator[Row]:
        """Open requests that ``who`` may see; with ``ended`` all."""
        return self._listing.requests(who, tuple(self._store.locks()), ended=ended)

    def grants(self, who: Subject, *, ended: bool) -> AsyncIterator[Row]:
        """Live grants that ``who`` may see; with ``ended`` all."""
        return self._listing.grants(who, ended=ended)

    def runs(self, who: Subject, *, ended: bool) -> AsyncIterator[Row]:
        """Live runs that ``who`` may see; with ``ended`` all."""
        return self._listing.runs(who, ended=ended)

    async def leases_of(self, who: Subject) -> list[str]:
        """The live leases of ``who``'s own account."""
        return await self._listing.leases_of(who)

    def locks(self, who: Subject, *, ended: bool) -> AsyncIterator[Row]:
        """The active locks; with ``ended`` all. Raises Refusal."""
        self.operators_only(who, "see locks")
        return self._listing.locks(who, self._now(), ended=ended)

    async def show(self, who: Subject, typed: str) -> Row:
        """Everything about one request, with its grant and its runs. Raises Refusal."""
        return await self._listing.show(who, self._visible(who, typed), tuple(self._store.locks()))

    # --- reviews -------------------------------------------------------------------------------------------------------

    async def review(self, who: Subject, typed: str, verdict: Verdict, fingerprint: bytes, comment: str, origin: Origin) -> str:
        """Take one review, given from ``origin``; the sentence that says what it did. Raises Refusal."""
        if len(comment.encode()) > MAX_TEXT:
            raise Refusal("usage", f"a comment has at most {MAX_TEXT} bytes")
        if who.is_root:
            raise Refusal("forbidden", "root without a ticket reviews nothing: kinit as the person you are")
        found = self._visible(who, typed)
        self._refuse_review(who, found, verdict, fingerprint)  # what is not to be taken anyway asks nothing of the KDC
        if not self._pace.may(who.person, self._now().boot):
            raise Refusal("not_done", "you have reviewed too often within a short time: wait a minute")
        fresh = await self._decider.standing(who)
        if fresh is None or not fresh.has_ticket_at(self._now().at):
            raise Refusal("unauthenticated", "your ticket has expired, or your account is disabled: kinit")
        while True:
            found = self._visible(who, found.id)
            self._refuse_review(fresh, found, verdict, fingerprint)
            if repeated := self._repeated(fresh, found, verdict):
                return repeated
            try:
                await self._take(fresh, found, verdict, fingerprint, comment, origin)
            except Overtaken:  # somebody else's review came in between: what was looked at is not what would be decided on
                continue
            return self._said(found.id, verdict)

    async def _take(
        self, who: Subject, found: Request, verdict: Verdict, fingerprint: bytes, comment: str, origin: Origin
    ) -> None:
        """Decide on ``found`` again, with the review of ``who``. Raises Overtaken, or Refusal."""
        if verdict is Verdict.DENY:  # it asks for nothing, so that nothing which does not answer keeps anybody from saying no
            fresh = FreshDecision(found, Deny(Why.APPROVALS, "an approver denies it"), ())
        else:
            fresh = await self._decider.decide_again(found)
        event = Reviewed(
            found.id, Actor(Role.APPROVER, who.principal, who.uid, origin), who, verdict, fingerprint, comment, fresh.decision,
            fresh.standing, self._perform.is_attended(found),
        )  # fmt: skip
        try:
            self._perform.act_on(event, found)
        except (NotYours, LockedOut) as fault:
            raise Refusal("forbidden", str(fault)) from None
        except Stale as fault:
            raise Refusal("not_done", str(fault)) from None
        except IllegalEvent:
            raise self._too_late(found.id) from None

    def _refuse_review(self, who: Subject, found: Request, verdict: Verdict, fingerprint: bytes) -> None:
        is_own = (
            found.requester.uid == who.uid or found.requester.person == who.person or found.requester.principal == who.principal
        )
        if is_own:
            raise Refusal("forbidden", f"request {found.id} is your own: somebody else has to review it")
        if locked := self._decider.lock_on(who):
            raise Refusal("forbidden", f"you may review nothing: {locked.because}")
        if not self._may_review(who, found):
            raise Refusal("forbidden", f"you may see request {found.id}, but its rule does not take your review")
        if fingerprint != found.fingerprint:
            raise Refusal("not_done", f"request {found.id} is not what you were shown: look at it again")
        if not found.is_open and not self._repeated(who, found, verdict):
            raise self._too_late(found.id)

    def _repeated(self, who: Subject, found: Request, verdict: Verdict) -> str | None:
        last = next((r for r in reversed(found.reviews) if r.by.person == who.person), None)
        if last is not None and last.verdict is verdict and found.state in _STANDS[verdict]:
            word = "approved" if verdict is Verdict.APPROVE else "denied"
            return f"you have {word} request {found.id} already; it is {found.state}"
        return None

    def _too_late(self, id: str) -> Refusal:
        found = self._store.request(id)
        state = "gone" if found is None else found.state
        because = f", {shown(found.because)}" if found is not None and found.lock else ""
        grant = self._store.grant(id)
        more = f"; what it permits is ended by jitd revoke {id}" if grant is not None and grant.is_live else ""
        return Refusal("late", f"request {id} has ended: it is {state}{because}{more}")

    def _said(self, id: str, verdict: Verdict) -> str:
        found = self._store.request(id)
        assert found is not None, "it was committed"
        if found.state is RequestState.PENDING:
            return f"request {id}: your approval counts; more are owed"
        if verdict is Verdict.APPROVE and found.state is RequestState.DENIED:
            raise Refusal("not_done", f"request {id} was denied by policy when it was asked again: {found.because}")
        return f"request {id} is {found.state}"

    # --- ends ----------------------------------------------------------------------------------------------------------

    async def revoke(self, who: Subject, typed: str, reason: str) -> str:
        """End a grant and all that runs under it; returns when it is gone. Raises Refusal."""
        found = self._visible(who, typed)
        grant = self._store.grant(found.id)
        if grant is None:
            its = f"what permitted it is {found.lease}: jitd revoke {found.lease}" if found.lease else f"it is {found.state}"
            raise Refusal("not_done", f"request {found.id} has no grant of its own: {its}")
        if not grant.is_live:
            ended = f"grant {grant.id} has ended: it is {grant.state}"
            if any(self._store.runs(grant=grant.id)):
                raise Refusal("not_done", f"{ended}, but what runs under it is not gone yet: see jitd runs")
            raise Refusal("late", ended)
        may_live = await self._revoke(who, found, grant, reason)
        return f"grant {grant.id} is revoked; {may_live or self._goes_on([grant]) or 'nothing runs under it'}"

    async def revoke_all_of(self, who: Subject, principal: str, reason: str) -> str:
        """End every grant of the person whom ``principal``, an account or a principal, means, as far as ``who`` may end it: all
        of them, before any is waited for. Raises Refusal.
        """
        config = self._config
        meant = named(principal, config.realms, config.principals, config.people)
        before = await self.being_ended(who, lambda one: is_named(one, meant))
        found, last = await self._listing.grants_of(who, lambda one: is_named(one, meant))
        gone = self.until_gone(before)
        grants: list[Grant] = []
        while True:
            for id in found:
                await asyncio.sleep(0)  # each may be megabytes
                grant, asked = self._store.grant(id), self._store.request(id)
                if grant is not None and grant.is_live and asked is not None and self.may_see(who, asked):
                    grants.append(grant)
                    gone += self._end(who, asked, grant, reason)
            since = self._store.page(Grant, last)  # what they were given meanwhile
            if not since:
                break
            found, last = [grant.id for _, grant in since if is_named(grant.holder, meant)], since[-1][0]
        living = [run for grant in grants for run in grant.living]
        before = [run for run in before if run not in living]
        if not grants and not before:
            raise Refusal("unknown", f"{shown(principal)} has no live grant, as far as you may see")
        said = f"{len(grants) or 'no'} grant{'' if len(grants) == 1 else 's'} of {shown(principal)} revoked"
        said += f", and {len(before)} run{'' if len(before) == 1 else 's'} told to end before" if before else ""
        await self._until(gone, f"{said}, but what runs under them is not gone yet")
        return f"{said}; {self._may_live([*before, *living]) or self._goes_on(grants) or 'nothing runs under them'}"

    async def _revoke(self, who: Subject, asked: Request, grant: Grant, reason: str) -> str:
        """What may live on of it, as the end of a sentence; empty if there is nothing. Raises Refusal."""
        gone = self._end(who, asked, grant, reason)
        await self._until(gone, f"grant {grant.id} is revoked, but what runs under it is not gone yet")
        return self._may_live(grant.living)

    def _end(self, who: Subject, asked: Request, grant: Grant, reason: str) -> list[asyncio.Future[None]]:
        """Revoke ``grant``; what tells when its runs are gone. Raises Refusal."""
        because = f"revoked by {who.principal}" + (f": {reason}" if reason else "")
        gone = self.until_gone(grant.living)
        try:
            self._perform.act(Revoked(grant.id, self._role(who, asked), because))
        except IllegalEvent:
            raise Refusal("late", f"grant {grant.id} has ended") from None
        return gone

    async def being_ended(self, who: Subject, is_it: Callable[[Subject], bool]) -> list[str]:
        """Runs of those whom ``is_it`` means that were told to end and are not gone, as far as ``who`` may see them; none where
        that cannot be read in time: what ends more of them does not wait for it.
        """
        with suppress(TimeoutError):
            return await self._listing.being_ended(who, is_it)
        return []

    def until_gone(self, runs: Iterable[str]) -> list[asyncio.Future[None]]:
        """A future for each of ``runs`` that still lives: one that has ended since ``runs`` was read is never told of again."""
        return [self._waiters.until_gone(one.id) for one in map(self._store.run, runs) if one is not None and one.is_live]

    def _goes_on(self, grants: Iterable[Grant]) -> str:
        """What other programs have begun under these, which is no run of ours, as the end of a sentence; empty if nothing."""
        begun = [grant for grant in grants if grant.begun and not self._store.last_runs(grant.id, 1)]
        services = sorted({shown(grant.service) for grant in begun})
        return f"what {' and '.join(services)} has run under it already is not ended by this, and may live" if begun else ""

    def _may_live(self, runs: Iterable[str]) -> str:
        """What the monitors of these say, which have ended, and which tell it last (monitor/strays.py)."""
        outcomes = [one.outcome for run in runs if (one := self._store.run(run)) is not None and one.outcome is not None]
        told = [outcome.because.rpartition("; ")[2] for outcome in outcomes]
        told = [part for part in dict.fromkeys(told) if " may live: " in part or " may run: " in part]
        return "; ".join(["what ran under it is ended", *map(shown, told)]) if told else ""

    async def stop(self, who: Subject, typed: str, reason: str) -> str:
        """End one run; its grant stays. Returns when it is gone. Raises Refusal."""
        found, asked = await self.run_of(who, typed)
        if not found.is_live:
            raise Refusal("late", f"run {found.id} has ended")
        because = f"stopped by {who.principal}" + (f": {reason}" if reason else "")
        gone = self.until_gone([found.id])
        self._perform.act(run.StopOrdered(found.id, self._role(who, asked), because))
        await self._until(gone, f"run {found.id} was told to stop, but it is not gone yet")
        return f"run {found.id} is gone" + (f"; {may_live}" if (may_live := self._may_live([found.id])) else "")

    async def _until(self, gone: list[asyncio.Future[None]], otherwise: str) -> None:
        if not await self._waiters.are_gone(gone, GONE_WITHIN):
            raise Refusal("not_done", f"{otherwise}: see jitd runs")

    # --- the house -----------------------------------------------------------------------------------------------------

    def reload(self, who: Subject) -> str:
        """Read the policy again. Raises Refusal; then the old one stays."""
        self.operators_only(who, "reload the policy")
        return self._reload(who)

    def audit(self, who: Subject, after: int) -> AsyncIterator[Row]:
        """Records of the chain after number ``after``. Raises Refusal."""
        self.operators_only(who, "read the chain")
        return self._listing.records(who, after)

    def operators_only(self, who: Subject, deed: str) -> None:
        """Raise Refusal unless ``who`` is one."""
        if not self.is_operator(who):
            raise Refusal("forbidden", f"only operators and root may {deed}")
