# SPDX-License-Identifier: Apache-2.0
"""The verbs by which operators place, lift and list locks.

Law: one transaction places a lock and ends everything that has to end because of this lock. The answer and the record list the
same effects. A locked operator cannot place or lift locks. Local root can always place and lift locks.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from jitd.core import grant, holding, lock, request, run
from jitd.core.command import read_id, spell_id
from jitd.core.duration import LONGEST, duration_in_words
from jitd.core.effects import Moment
from jitd.core.law import ByDoor, IllegalEvent, LifeEvent, Role, name_of_kind
from jitd.core.lock import Lock, Whom
from jitd.core.receipt import Receipt
from jitd.core.rights import Act
from jitd.core.subject import ROOT, Identity, Named, Subject, Visitor, is_named, named, person_of
from jitd.core.wording import in_quotes
from jitd.deciding import directory
from jitd.deciding.accounts import Accounts, NoSuchAccount
from jitd.deciding.directory import Account
from jitd.lifecycle.integrity import why_unread
from jitd.lifecycle.perform import Perform
from jitd.lifecycle.waiters import Waiters
from jitd.store import Store
from jitd.store.made_accounts import behind_in
from jitd.verbs.access import Access
from jitd.verbs.endings import GONE_WITHIN, Endings
from jitd.verbs.receipts import Receipts
from jitd.verbs.refusal import Refusal
from jitd.verbs.requests import MAX_TEXT
from jitd.verbs.reviewers import Signed
from jitd.workers import Workers
from jitpam.wire.shown import shown


class Locks:
    """The verbs lock and unlock."""

    def __init__(
        self,
        access: Access,
        endings: Endings,
        perform: Perform,
        store: Store,
        accounts: Accounts,
        waiters: Waiters,
        workers: Workers,
        now: Callable[[], Moment],
        receipts: Receipts,
    ) -> None:
        self._access = access
        self._receipts = receipts
        self._endings = endings
        self._perform = perform
        self._store = store
        self._accounts = accounts
        self._waiters = waiters
        self._workers = workers
        self._now = now

    def active(self) -> tuple[Lock, ...]:
        return tuple(self._store.locks())

    async def lock(
        self, who: Identity, whom: str, name: str, lasts_for: int | None, reason: str, way: ByDoor | None = None
    ) -> str:
        """Place a lock. Wait until the runs and holdings that the lock ends are gone. Return a sentence. Raises Refusal. The code
        of this Refusal is ``not_done`` if the lock was placed but something has not ended yet.
        """
        self._refuse(Act.LOCK, who, reason)
        if lasts_for is not None and not 1 <= lasts_for <= LONGEST:
            raise Refusal("usage", "a lock lasts between a second and ten years, or until it is lifted")
        made, is_sure = await self._on(who, whom, name)
        ending = await self._endings.being_ended(who, partial(lock.ends, made))
        now = self._now()
        made = replace(
            made,
            id=self._fresh_id(),
            reason=reason,
            placed_by=who.principal,
            placed_at=now.at,
            lasts_for=lasts_for,
            boot_id=now.boot_id,
            since_boot=now.boot,
            left_for=None if lasts_for is None else float(lasts_for),
        )
        before = self._store.head().number
        self._perform.act(lock.Placed(made.id, who.actor(Role.OPERATOR, way), made))
        done = [json.loads(body) for _, body, _ in self._store.records(before)]
        ended = {name_of_kind(run.StopOrdered), name_of_kind(holding.Taking)}
        stopped = [record["id"] for record in done if record["event"] in ended]
        gone = self._endings.until_gone({*ending, *stopped})
        runs = [id for id in {*ending} - {*stopped} if self._store.run(id) is not None]
        did = _ended(Counter(record["event"] for record in done), len(runs))
        lasting = "" if lasts_for is None else f" for {duration_in_words(lasts_for)}"
        by_name = "" if is_sure else "; its account could not be looked up, so the lock is on the name"
        said = f"lock {made.id} is on {_spelled(made)}{lasting}: {did}{by_name}"
        if not await self._waiters.are_gone(gone, GONE_WITHIN):
            kept = self._endings.not_taken({*ending, *stopped})
            raise Refusal("not_done", f"{said}, but {kept or 'not all of what ran is gone yet: see jitd runs'}")
        return said

    def unlock(self, who: Identity, typed: str, reason: str, way: ByDoor | None = None, signed: Signed | None = None) -> str:
        """Lift one lock, which ``who`` has perhaps ``signed``, and return a sentence. Raises Refusal."""
        perhaps = who.signing("") if signed is None else self._receipts.could(who)
        self._refuse(Act.UNLOCK, perhaps, reason)
        id = read_id(typed)
        found = self._store.lock(id) if id is not None else None
        if found is None and id is not None and (because := why_unread(self._store, "lock", id, f"lock {id}")):
            raise Refusal("not_done", because)
        if found is None:
            raise Refusal("unknown", f"there is no lock {shown(typed)}")
        given = None
        if signed is not None:
            given = self._receipts.unlocks(who, found, signed.statement, signed.signature)
            self._refuse(Act.UNLOCK, who.signing(given.proves), reason)
        self._lift(who, [found], reason, way, given)
        return f"lock {found.id} on {_spelled(found)} is lifted{self._left(found)}"

    async def unlock_all_on(self, who: Identity, whom: str, name: str, reason: str, way: ByDoor | None = None) -> str:
        """Lift every lock on the name ``name``, and return a sentence. Raises Refusal. A receipt is about one lock, so where the
        host demands one, each is lifted by its id.
        """
        self._refuse(Act.UNLOCK, self._receipts.could(who), reason)
        kind, name = _whom(whom, name)
        meant = self._named(name)
        names = {name, meant.user} if kind is Whom.USER else {name, meant.spelled}
        found = [one for one in self._store.locks() if one.whom is kind and one.name in names]
        if not found:
            on = "everybody" if kind is Whom.ALL else f"{kind} {shown(name)}"
            raise Refusal("unknown", f"there is no lock on {on}; jitd locks lists those in force")
        if self._access.demands:
            each = ", ".join(f"jitd unlock {one.id}" for one in found)
            raise Refusal("not_done", f"on this host the lifting of each lock is signed, so name it by its id: {each}")
        self._lift(who, found, reason, way)
        if len(found) == 1:
            return f"lock {found[0].id} on {_spelled(found[0])} is lifted"
        return f"{len(found)} locks on {_spelled(found[0])} are lifted"

    def _lift(self, who: Identity, found: list[Lock], reason: str, way: ByDoor | None, given: Receipt | None = None) -> None:
        for user in who.used_by:
            if user.run and any(lock.is_on_user(one, user) for one in found):
                somebody = "another operator, or root outside that run, has to unlock"
                raise Refusal("forbidden", f"{shown(user.principal)} asked for run {user.run}, and is locked: {somebody}")
        by, because = who.actor(Role.OPERATOR, way), in_quotes(reason) if reason else ""
        try:
            self._perform.act(*(lock.Lifted(one.id, by, because, given, self._access.demands) for one in found))
        except IllegalEvent:
            raise Refusal("late", f"lock {found[0].id} has ended: it is {found[0].state}") from None

    def _refuse(self, act: Act, who: Identity, reason: str) -> None:
        self._access.refuse(act, who)
        if len(reason.encode()) > MAX_TEXT:
            raise Refusal("usage", f"a reason has at most {MAX_TEXT} bytes")

    def _fresh_id(self) -> str:
        while True:
            id = spell_id(secrets.token_bytes(5))
            if self._store.lock(id) is None:
                return id

    def _left(self, lifted: Lock) -> str:
        """As the end of a sentence: a warning of other locks on the same name, or nothing."""
        n_left = sum(1 for one in self._store.locks() if (one.whom, one.name) == (lifted.whom, lifted.name))
        return f"; {n_left} more {'is' if n_left == 1 else 'are'} on it" if n_left else ""

    async def _on(self, who: Identity, whom: str, name: str) -> tuple[Lock, bool]:
        """Return a lock on ``name``, who belongs to this host, without who places it and for how long, and whether its account is
        certain: not if no directory has answered. Raises Refusal.
        """
        kind, name = _whom(whom, name)
        now = self._now()
        made = Lock("", kind, name, None, "", "", "", now.at, None, now.boot_id, now.boot, None)
        if kind is Whom.ALL:
            return made, True
        meant = self._named(name)
        maps = meant.user != name
        if kind is Whom.USER or maps:
            found, is_sure = await self._find(who, meant)
        else:  # today's table has no account here for the principal, but there may have been one
            found, is_sure = self._remembered(lambda one: meant.spelled in (one.principal, one.in_ticket)), True
            if found is None and (person := self._person_without_account(meant.spelled)):
                return replace(made, name=meant.spelled, person=person), True
        if found is None and (kind is Whom.USER or not maps):
            raise Refusal("unknown", f"there is no {'account' if kind is Whom.USER else 'principal'} {shown(name)} here")
        if kind is Whom.USER and (meant.user == ROOT or (found is not None and found.uid == 0)):
            raise Refusal("usage", 'no lock is on root without a ticket: write root = "deny" into jitd.toml for that')
        user, uid = (meant.user, None) if found is None else (found.user, found.uid)
        person = person_of(user, self._accounts.people, partial(behind_in, self._store))
        return replace(made, name=meant.spelled if kind is Whom.PRINCIPAL else user, uid=uid, person=person), is_sure

    def _named(self, name: str) -> Named:
        accounts, behind = self._accounts, partial(behind_in, self._store)
        return named(name, accounts.naming, accounts.people, behind)

    async def _find(self, who: Identity, meant: Named) -> tuple[Account | None, bool]:
        """Return the account of ``meant``, and whether a directory has answered: else the lock is on the name. Of an account that
        is gone, requests and grants tell whose it was.
        """
        try:
            return await self._workers.typed.run(who.party, self._known, meant.user) or self._theirs(meant), True
        except (TimeoutError, OSError):
            return self._theirs(meant) or Account(meant.user, _number(meant.user)), False

    def _known(self, user: str) -> Account | None:
        """By this host's directories of accounts. Raises OSError if these do not answer. This call may block."""
        return directory.account(user)

    def _theirs(self, meant: Named) -> Account | None:
        """Return the account of ``meant`` by an open request or live grant, or without a uid if only settings, the record, or
        those of another account know them, or None.
        """
        number = _number(meant.user)
        if found := self._remembered(lambda one: meant.user == one.user or number == one.uid):
            return found
        was_made = behind_in(self._store, meant.user) != meant.user  # if a made account is gone, the record says who had it
        is_persons = meant.user in self._accounts.people or any(
            line.person == meant.user for line in self._accounts.approvers.values()
        )
        is_theirs = is_persons or was_made or self._remembered(lambda one: is_named(one, meant))
        return Account(meant.user, None) if is_theirs else None

    def _person_without_account(self, principal: str) -> str:
        """Return the person whom the settings name for ``principal``, or who has reviewed with it an open request or that of a
        live grant, or who may come with a PAC that counts. Return an empty text if it is nobody's.
        """
        if (line := self._accounts.approvers.get(principal)) is not None:
            return line.person
        reviewers = [one for _, (_, *those) in self._store.requesters() for one in those]
        reviewers += [one for _, _, (_, _, *those) in self._store.holders() for one in those]
        known = next((one.person for one in reviewers if isinstance(one, Visitor) and principal in one.principals), "")
        # Who has a SID comes without being listed anywhere, and can be locked before they come.
        is_theirs = bool(self._accounts.sids.groups) and principal.rpartition("@")[2] in self._accounts.sids.realms
        return known or (principal if is_theirs else "")

    def _remembered(self, is_it: Callable[[Subject], bool]) -> Account | None:
        """Return the account of the person for whom ``is_it`` is true, or None. This account cannot be looked up, so it is read
        from one of the person's open requests or live grants.
        """
        people = [requester for _, (requester, *_) in self._store.requesters()]
        people += [holder for _, _, (holder, *_) in self._store.holders()]
        return next((Account(one.user, one.uid) for one in people if is_it(one)), None)


def _number(user: str) -> int | None:
    try:
        return directory.number_in(user)
    except NoSuchAccount:
        return None


def _whom(whom: str, name: str) -> tuple[Whom, str]:
    """Check ``whom`` and ``name``, and return the kind of lock and the name. Raises Refusal."""
    if whom not in tuple(Whom) or (whom == Whom.ALL) is bool(name):
        raise Refusal("usage", "a lock is on a user, on a principal, or on all")
    return Whom(whom), name


def _spelled(made: Lock) -> str:
    return "everybody" if made.whom is Whom.ALL else f"{made.whom} {shown(made.name)}"


def _ended(counts: Counter[str], n_ending: int) -> str:
    """Return a sentence that says what a lock has ended. The effects of a lock are events. ``counts`` maps the name of each event
    to the number of its records. ``n_ending`` is the number of runs that were already being ended before the lock was placed.
    """
    told: tuple[tuple[type[LifeEvent], str, str], ...] = (
        (request.Locked, "request", "denied"),
        (grant.Revoked, "grant", "revoked"),
        (run.StopOrdered, "run", "stopped"),
        (holding.Taking, "thing", "taken back"),
    )
    parts = [f"{n} {noun}{'' if n == 1 else 's'} {word}" for kind, noun, word in told if (n := counts[name_of_kind(kind)])]
    parts += [f"{n_ending} run{' was' if n_ending == 1 else 's were'} being ended already"] * bool(n_ending)
    return ", ".join(parts) or "none of their requests waited and none of their commands ran"
