# SPDX-License-Identifier: Apache-2.0
"""The verbs revoke and stop, which end grants and runs.

Law: the answer of a verb says what has ended. The verb returns this answer only after it has become true. If it is not certain
that all processes of a run have ended, the answer says that some may still be alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from jitd.core import run
from jitd.core.deed import deed_of
from jitd.core.grant import Grant, Revoked
from jitd.core.law import ByDoor, IllegalEvent, Role
from jitd.core.request import Request
from jitd.core.rights import Act
from jitd.core.run import NEVER_LOOKED_AT
from jitd.core.subject import Identity, Subject, is_named, named
from jitd.core.values import owner_of
from jitd.core.wording import with_words
from jitd.lifecycle.perform import Perform
from jitd.lifecycle.waiters import Waiters
from jitd.settings.config import Config
from jitd.store import Store
from jitd.store.made_accounts import behind_in
from jitd.verbs.access import AUDITORS_LOOK, Access
from jitd.verbs.given_twice import ended_or_stays, still_given
from jitd.verbs.lists import Lists
from jitd.verbs.refusal import Refusal
from jitpam.wire.shown import reshown, shown

GONE_WITHIN = 10.0  # seconds for which revoke and stop wait for the end of runs. Then they report those that have not ended

MOST_LOOKED_AT = 100  # runs of one grant for which `revoke` tells what they have left
MOST_TOLD = 5  # runs in one answer of which it is told what they have left. Each may need some thousand characters.


class Endings:
    """The verbs with which approvers, operators and requesters end grants and runs early."""

    def __init__(self, config: Config, access: Access, lists: Lists, perform: Perform, store: Store, waiters: Waiters) -> None:
        self._config = config
        self._access = access
        self._lists = lists
        self._perform = perform
        self._store = store
        self._waiters = waiters

    def give_back(self, who: Identity, leases: Iterable[str], login_session: int | None) -> int:
        """End those of ``leases`` that are live and belong to ``who``. If ``login_session`` is given, end only the leases of that
        session. Return the number of ended leases. All runs under these leases are ended too, but no other runs.
        """
        count = 0
        for id in leases:
            grant = self._store.grant(id)
            if grant is None or not grant.is_live or not who.is_requester(grant.holder) or not grant.is_lease:
                continue
            if login_session is None or grant.login_session == login_session:
                self._perform.act(Revoked(grant.id, who.actor(Role.REQUESTER), "given back by its holder"))
                count += 1
        return count

    async def revoke(self, who: Identity, typed: str, reason: str, way: ByDoor | None = None) -> str:
        """End a grant and all that runs under it, then return a sentence. ``way``: through the door. Raises Refusal."""
        found = self._access.request(Act.END, who, typed)
        grant = self._store.grant(found.id)
        if grant is None and self._store.damage_of("grant", found.id) is not None:
            return await self._set_aside(who, found.id)
        if grant is None:
            by_lease = f"it used lease {found.lease}; to end the lease: jitd revoke {found.lease}"
            its = by_lease if found.lease else f"it is {found.state}"
            raise Refusal("not_done", f"request {found.id} has no grant of its own: {its}")
        if not grant.is_live:
            ended = f"grant {grant.id} has ended: it is {grant.state}"
            if any(self._store.runs(grant=grant.id)):
                raise Refusal("not_done", f"{ended}, but what runs under it is not gone yet: see jitd runs")
            if kept := self.not_taken(self._things([grant])):
                raise Refusal("not_done", f"{ended}, but {kept}")
            raise Refusal("late", "; ".join(filter(None, (ended, self._left_behind(self._runs([grant]))))))
        rest = "what ran under it is ended" if self._ran(grant.living) else "nothing runs under it"
        left = await self._revoke(who, found, grant, reason, way)
        told = left or self._taken(who, self._things([grant])) or self._goes_on([grant]) or rest
        return f"grant {grant.id} is revoked; {told}"

    async def _set_aside(self, who: Identity, id: str) -> str:
        """End what was begun under the grant ``id``, which is damaged. Return a sentence. Raises Refusal."""
        things = [one.id for one in self._store.holdings(grant=id, ended=True)]
        gone = self.until_gone([*things, *(one.id for one in self._store.runs(grant=id))])
        self._perform.set_aside("grant", id)
        said = f"grant {id} is damaged in the database, and permits nothing any more"
        await self._until(gone, f"{said}, but what runs under it is not gone yet", things)
        return f"{said}; {self._taken(who, things) or 'nothing runs under it'}"

    async def revoke_all_of(self, who: Identity, principal: str, reason: str, way: ByDoor | None = None) -> str:
        """End the grants of one person. Leave out grants that ``who`` may not end. ``principal`` is an account or a principal of
        this person. First revoke all these grants, and then wait for the end of their runs. Return a sentence. Raises Refusal.
        """
        config = self._config
        meant = named(principal, config.naming, config.people, partial(behind_in, self._store))
        before = await self.being_ended(who, lambda one: is_named(one, meant))
        found, last = await self._lists.grants_of(who, lambda one: is_named(one, meant))
        gone = self.until_gone(before)
        grants: list[Grant] = []
        while True:
            for id in found:
                await asyncio.sleep(0)  # each grant may have megabytes, so let other tasks run
                grant, asked = self._store.grant(id), self._store.request(id)
                if grant is not None and grant.is_live and asked is not None and self._access.may(Act.END, who, asked):
                    grants.append(grant)
                    gone += self._end(who, asked, grant, reason, way)
            since = self._store.page(Grant, last)  # the grants that were issued meanwhile
            if not since:
                break
            found, last = [grant.id for _, grant in since if is_named(grant.holder, meant)], since[-1][0]
        living, runs = [run for grant in grants for run in grant.living], self._runs(grants)
        before = [run for run in before if run not in living]
        if not grants and not before:
            if self._access.may(Act.OVERSEE, who) and not self._access.may(Act.OPERATE, who):
                raise Refusal("forbidden", AUDITORS_LOOK)
            raise Refusal("unknown", f"{shown(principal)} has no live grant, as far as you may see")
        said = f"{len(grants) or 'no'} grant{'' if len(grants) == 1 else 's'} of {shown(principal)} revoked"
        n_runs = sum(1 for id in before if self._store.run(id) is not None)
        said += f", and {n_runs} run{' was' if n_runs == 1 else 's were'} being ended already" if n_runs else ""
        things = [*before, *self._things(grants)]
        await self._until(gone, f"{said}, but what runs under them is not gone yet", things)
        told = (self._left_behind([*before, *runs]), self._taken(who, things), self._goes_on(grants))
        rest = "what ran under them is ended" if self._ran(living) else "nothing runs under them"
        return f"{said}; {'; '.join(filter(None, told)) or rest}"

    async def _revoke(self, who: Identity, asked: Request, grant: Grant, reason: str, way: ByDoor | None) -> str:
        """Revoke ``grant``. Return the end of a sentence about what its runs may have left (``_left_behind``). Raises Refusal."""
        gone = self._end(who, asked, grant, reason, way)
        await self._until(gone, f"grant {grant.id} is revoked, but what runs under it is not gone yet", self._things([grant]))
        return self._left_behind(self._runs([grant]))

    def _end(self, who: Identity, asked: Request, grant: Grant, reason: str, way: ByDoor | None) -> list[asyncio.Future[None]]:
        """Revoke ``grant``. Return futures that are done when the runs of the grant have ended. Raises Refusal."""
        because = with_words(f"revoked by {who.principal}", reason)
        gone = self.until_gone(grant.living)
        try:
            self._perform.act(Revoked(grant.id, self._access.actor(Act.END, who, asked, way), because))
        except IllegalEvent:
            raise Refusal("late", f"grant {grant.id} has ended") from None
        return gone

    async def being_ended(self, who: Identity, is_it: Callable[[Subject], bool]) -> list[str]:
        """Return the ids of the runs and holdings that jitd is ending now (see ``Lists.being_ended``). If they cannot be read in
        time, return an empty list, because the verb must not wait any longer.
        """
        with suppress(TimeoutError):
            return await self._lists.being_ended(who, is_it)
        return []

    def until_gone(self, runs: Iterable[str]) -> list[asyncio.Future[None]]:
        """Return a future for each live run. One for an ended run would never be done."""
        return [self._waiters.until_gone(one) for one in runs if _is_there(self._store, one)]

    def _goes_on(self, grants: Iterable[Grant]) -> str:
        """As the end of a sentence: that programs other than jitd have started processes, or nothing."""
        others = (grant for grant in grants if grant.begun and deed_of(grant.service).asks_again)
        begun = [grant for grant in others if not self._store.last_runs(grant.id, 1)]
        services = sorted({shown(grant.service) for grant in begun})
        return f"commands that {' and '.join(services)} has started are not ended, and may still run" if begun else ""

    def _things(self, grants: Iterable[Grant]) -> list[str]:
        given = (self._store.holdings(grant=grant.id, ended=True) for grant in grants)
        return [one.id for under_one in given for one in under_one]

    def not_taken(self, ids: Iterable[str]) -> str:
        """Return the end of a sentence about things among ``ids`` that are not taken back yet, or ""."""
        open_ones = [one for id in ids if (one := self._store.holding(id)) is not None and one.is_live]
        names = ", ".join(f"{shown(one.thing)} ({one.id})" for one in open_ones)
        ends = self._perform.holdings.ends_in_words(open_ones)
        return f"{names} is not taken back yet: jitd goes on trying (jitd grants){ends}" if open_ones else ""

    def _taken(self, who: Identity, ids: Iterable[str]) -> str:
        """``ids`` are ids of holdings. Return the end of a sentence for ``who`` that tells which of the things were taken back.
        It also tells which parts the person still has, and which things stay because of another grant.
        """
        given = [one for id in ids if (one := self._store.holding(id)) is not None and one.given_at is not None]
        may_see = partial(self._access.may, Act.SEE, who)
        told = [ended_or_stays(one, still_given(self._store, one, may_see)) for one in given]
        left = [reshown(one.outcome.because) for one in given if one.outcome is not None and one.outcome.because]
        return "; ".join(dict.fromkeys([*told, *left]))

    def _runs(self, grants: Iterable[Grant]) -> list[str]:
        """Return the ids of the runs under ``grants``, also of the last MOST_LOOKED_AT runs of each that had ended before."""
        return [run.id for grant in grants for run in self._store.last_runs(grant.id, MOST_LOOKED_AT)]

    def _left_behind(self, runs: Iterable[str]) -> str:
        """As the end of a sentence: what the ended ``runs`` may have left to systemd, at and cron, or nothing."""
        ended = (one for id in dict.fromkeys(runs) if (one := self._store.run(id)) is not None)
        told = [(one.id, left.told()) for one in ended if (left := one.left_behind) is not None]
        if not told:
            return ""
        what = [words if len(told) == 1 else f"after run {id}: {words}" for id, words in told[-MOST_TOLD:]]
        more = f"{len(told) - MOST_TOLD} earlier runs have left something, too: see jitd show"
        rest = [more] if len(told) > MOST_TOLD else []
        return "; ".join(["what ran under it is ended", *what, *rest, f"not looked at: {NEVER_LOOKED_AT}"])

    async def stop(self, who: Identity, typed: str, reason: str, way: ByDoor | None = None) -> str:
        """End one run, but not its grant. After the run has ended, return a sentence. Raises Refusal."""
        found, asked = await self._lists.run_of(who, typed)
        self._access.refuse(Act.END, who, asked)
        if not found.is_live:
            raise Refusal("late", f"run {found.id} has ended already{self._still_runs(found.grant)}")
        because = with_words(f"stopped by {who.principal}", reason)
        gone = self.until_gone([found.id])
        self._perform.act(run.StopOrdered(found.id, self._access.actor(Act.END, who, asked, way), because))
        await self._until(gone, f"run {found.id} was told to stop, but it is not gone yet")
        return f"run {found.id} is gone" + (f"; {left}" if (left := self._left_behind([found.id])) else "")

    def _ran(self, ids: Iterable[str]) -> bool:
        """True if one of ``ids``, which are ids of runs and holdings, is the id of a run."""
        return any(self._store.run(id) is not None for id in ids)

    def _still_runs(self, grant: str) -> str:
        """Return the end of a sentence that names the grant's live runs, which who stops an ended one probably means."""
        ids = [one.id for one in self._store.runs(grant=grant)]
        return f"; still running under the same grant: {', '.join(ids[-MOST_TOLD:])} (jitd runs)" if ids else ""

    async def _until(self, gone: list[asyncio.Future[None]], otherwise: str, things: Iterable[str] = ()) -> None:
        if not await self._waiters.are_gone(gone, GONE_WITHIN):
            raise Refusal("not_done", self.not_taken(things) or f"{otherwise}: see jitd runs")


def _is_there(store: Store, id: str) -> bool:
    if (found := store.run(id) or store.holding(id)) is not None:
        return found.is_live
    damaged = (store.damage_of(life, id) for life in ("run", "holding"))
    if any(one is not None and one.is_open for one in damaged):
        return True  # it is being ended
    grant = store.grant(owner_of(id))
    return grant is not None and grant.is_live and id in grant.living  # one that was set aside is, too
