# SPDX-License-Identifier: Apache-2.0
"""Uses a grant some time after the approval, for ``jitsudo --resume``.

Law: everything is decided again when the request is resumed, and the gatekeepers are queried again. The decision uses the
authentication of the client that resumes, and not the authentication with which the request was made. If the client has
disconnected, the grant is not used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from jitd.core.decision import Decision, Deny, Permit
from jitd.core.effects import Moment
from jitd.core.grant import Grant, GrantState, NoUseLeft, Used
from jitd.core.law import IllegalEvent, Role
from jitd.core.request import Request, RequestState
from jitd.core.run import RunState
from jitd.core.subject import Subject, User
from jitd.deciding.decider import Decider
from jitd.lifecycle.perform import Perform
from jitd.lifecycle.waiters import Client, Waiters
from jitd.log import log
from jitd.store import Store
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import on_host
from jitpam.wire.shown import reshown

GIVEN_BACK_WITHIN = 12.0  # seconds until a run without a client has ended. Its monitor waits 10 s for one


class Uses:
    """Uses the grants of approved requests. A grant permits a limited number of uses."""

    def __init__(self, decider: Decider, perform: Perform, store: Store, waiters: Waiters, now: Callable[[], Moment]) -> None:
        self._decider = decider
        self._perform = perform
        self._store = store
        self._waiters = waiters
        self._now = now

    async def until_given_back(self, found: Request) -> None:
        """Wait until each run of ``found`` that never really began has returned its use of the grant. There are such runs if the
        daemon stopped while a run was starting, and the client then disconnected.
        """
        if found.is_open or self._waiters.of(found.id) is not None:
            return
        runs = self._store.runs(grant=found.lease or found.id)
        begun = [run.id for run in runs if run.request == found.id and run.state is RunState.STARTING]
        await self._waiters.are_gone([self._waiters.until_gone(run) for run in begun], GIVEN_BACK_WITHIN)

    def usable_grant(self, found: Request) -> Grant | None:
        if found.state is not RequestState.APPROVED:
            return None
        grant = self._store.grant(found.lease or found.id)
        now = self._now()
        if grant is None or grant.state is not GrantState.ACTIVE or grant.left < 1 or grant.boot_id != now.boot_id:
            return None
        return grant if now.boot < grant.ends_boot and grant.has_begun(now) else None

    def refuse_early(self, found: Request) -> None:
        """Raise Refusal if the time at which the grant of ``found`` begins (``--at``) is still in the future."""
        grant, now = self._store.grant(found.id), self._now()
        if grant is None or grant.state is not GrantState.ACTIVE or grant.begins_boot is None or grant.has_begun(now):
            return
        if now.at < grant.ends_at and now.boot < grant.ends_boot:
            raise Refusal(
                "denied", f"request {found.id} is approved, and its time has not begun: it begins at {on_host(grant.begins_at)}"
            )

    async def refuse_weaker(self, found: Request, who: Subject) -> None:
        """``who`` resumes the waiting request ``found``. Raise Refusal if the rules do not permit the request with the current
        ticket of ``who``. Raises TimeoutError.
        """
        mine, theirs = who.authentication, found.requester.authentication
        if mine is not None and theirs is not None and mine == replace(theirs, looked_at=mine.looked_at):
            return
        fresh = (await self._decider.decide_again(_as_by(found, who))).decision
        if isinstance(fresh, Deny) and isinstance((await self._decider.decide_again(found)).decision, Permit):
            raise Refusal("denied", f"request {found.id} was asked for with another ticket: {reshown(fresh.because)}")

    async def begin(self, found: Request, who: Subject, client: Client) -> None:
        """Use the grant of the approved ``found``. All else is decided again, because hours may have passed, and told to
        ``client`` later if gatekeepers must answer. Raises Refusal.
        """
        found = _as_by(found, who)
        decision = await self._decider.decide_use(found)
        if isinstance(decision, Permit) and decision.obligations.gatekeepers:
            client.asks(decision.obligations.gatekeepers)
            self._perform.screenings.run(found.id, self._use_when_asked(found, who, client))
        else:
            self._take(found, who, decision)

    async def _use_when_asked(self, found: Request, who: Subject, client: Client) -> None:
        try:
            decision = await self._decider.screen_use(found)
            if self._waiters.of(found.id) is client:
                self._take(found, who, decision)
        except Refusal as no:
            client.refuse(no.code, no.text)
        except TimeoutError as fault:
            client.refuse("failed", str(fault) or "a look-up by jitd took too long: nothing was done")
        except Exception as fault:
            log("a use could not be decided", request=found.id, fault=f"{type(fault).__name__}: {fault}")
            client.refuse("failed", "jitd failed, and permitted nothing: its log says why")

    def _take(self, found: Request, who: Subject, decision: Decision) -> None:
        """Use the grant of ``found`` if ``decision`` permits it. Raises Refusal."""
        if isinstance(decision, Deny):
            raise Refusal("denied", reshown(decision.because))
        if locked := self._decider.lock_on(who):  # also a person who uses the account, and was locked while jitd decided
            raise Refusal("denied", locked.because)
        grant = self.usable_grant(found)
        try:
            if grant is None:
                raise NoUseLeft
            actor = who.actor(Role.REQUESTER)
            used_by = unknown_users(found, who)
            self._perform.act(Used(grant.id, actor, found.id, decision.obligations.terms, used_by=used_by))
        except IllegalEvent:
            raise Refusal("unknown", f"request {found.id} cannot be resumed: what was approved is used or over") from None


def unknown_users(found: Request, who: Subject) -> tuple[User, ...]:
    """Return those who may be the ones that act as ``who`` now, and were not when ``found`` was asked for."""
    known = {(user.principal, user.uid) for user in found.requester.used_by}
    return tuple(user for user in who.used_by if (user.principal, user.uid) not in known)


def _as_by(found: Request, who: Subject) -> Request:
    """Return a copy of the request ``found``, as if ``who`` had made it with their current ticket."""
    if who.is_root:
        return found
    return replace(found, requester=replace(found.requester, authentication=who.authentication))
