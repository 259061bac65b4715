# SPDX-License-Identifier: Apache-2.0
"""Locks, as operators place, lift and list them.

Law: a lock is placed in one transaction with all that it ends, and what is told afterwards is what the record says. Who is locked
by name lifts no lock and places none; local root always may.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from jitd import facts
from jitd.asking import MAX_TEXT
from jitd.core import lock
from jitd.core.command import read_id, spell_id
from jitd.core.duration import LONGEST, duration_in_words
from jitd.core.effects import Moment
from jitd.core.law import Actor, IllegalEvent, Role
from jitd.core.lock import Lock, Whom
from jitd.core.subject import ROOT, Subject, account_of, person_of
from jitd.overseeing import GONE_WITHIN, Overseeing
from jitd.perform import Perform
from jitd.refusal import Refusal
from jitd.rows import Row, lock_row
from jitd.store import Store
from jitd.waiters import Waiters
from jitd.workers import Workers
from jitpam.wire.shown import shown


class Locking:
    """The operators' emergency brake."""

    def __init__(
        self,
        overseeing: Overseeing,
        perform: Perform,
        store: Store,
        accounts: facts.Accounts,
        waiters: Waiters,
        workers: Workers,
        now: Callable[[], Moment],
    ) -> None:
        self._overseeing = overseeing
        self._perform = perform
        self._store = store
        self._accounts = accounts
        self._waiters = waiters
        self._workers = workers
        self._now = now

    def active(self) -> tuple[Lock, ...]:
        """The locks that hold."""
        return tuple(self._store.locks())

    def locks(self, who: Subject, *, ended: bool) -> Iterator[Row]:
        """The active locks; with ``ended`` all. Raises Refusal."""
        self._overseeing.operators_only(who, "see locks")
        return (lock_row(found, self._now()) for found in self._store.locks(ended=ended))

    async def lock(self, who: Subject, whom: str, name: str, lasts_for: int | None, reason: str) -> str:
        """Lock, and return when all that it ends is gone. Raises Refusal, of code ``undone`` where only that is not so yet."""
        self._may_turn(who, "lock", reason)
        if lasts_for is not None and not 1 <= lasts_for <= LONGEST:
            raise Refusal("usage", "a lock lasts between a second and ten years, or until it is lifted")
        made = await self._on(whom, name)
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
        self._perform.act(lock.Placed(made.id, Actor(Role.OPERATOR, who.principal, who.uid), made))
        done = [json.loads(body) for _, body, _ in self._store.records(before)]
        gone = [self._waiters.until_gone(record["id"]) for record in done if record["event"] == "run.stop_ordered"]
        lasting = "" if lasts_for is None else f" for {duration_in_words(lasts_for)}"
        said = f"lock {made.id} is on {_spelled(made)}{lasting}: {_ended(Counter(record['event'] for record in done))}"
        if not await self._waiters.are_gone(gone, GONE_WITHIN):
            raise Refusal("undone", f"{said}, but not all of what ran is gone yet: see jitd runs")
        return said

    def unlock(self, who: Subject, typed: str, reason: str) -> str:
        """Lift one lock. Raises Refusal."""
        self._may_turn(who, "unlock", reason)
        id = read_id(typed)
        found = self._store.lock(id) if id is not None else None
        if found is None:
            raise Refusal("unknown", f"there is no lock {shown(typed)}")
        self._lift(who, [found], reason)
        return f"lock {found.id} on {_spelled(found)} is lifted{self._left(found)}"

    async def unlock_all_on(self, who: Subject, whom: str, name: str, reason: str) -> str:
        """Lift every lock on that name. Raises Refusal."""
        self._may_turn(who, "unlock", reason)
        kind, name = _whom(whom, name)
        found = [one for one in self._store.locks() if (one.whom, one.name) == (kind, name)]
        if not found:
            raise Refusal("unknown", f"there is no lock on {kind} {shown(name)}".rstrip())
        self._lift(who, found, reason)
        if len(found) == 1:
            return f"lock {found[0].id} on {_spelled(found[0])} is lifted"
        return f"{len(found)} locks on {_spelled(found[0])} are lifted"

    def _lift(self, who: Subject, found: list[Lock], reason: str) -> None:
        by = Actor(Role.OPERATOR, who.principal, who.uid)
        try:
            self._perform.act(*(lock.Lifted(one.id, by, reason) for one in found))
        except IllegalEvent:
            raise Refusal("late", f"lock {found[0].id} has ended: it is {found[0].state}") from None

    def _may_turn(self, who: Subject, deed: str, reason: str) -> None:
        self._overseeing.operators_only(who, deed)
        if len(reason.encode()) > MAX_TEXT:
            raise Refusal("usage", f"a reason has at most {MAX_TEXT} bytes")
        named = (one for one in self._store.locks() if one.whom is not Whom.ALL)
        if locked := lock.lock_on(named, who):
            raise Refusal(
                "forbidden", f"you are locked yourself: another operator, or root, has to {deed} ({lock.sentence(locked)})"
            )

    def _fresh_id(self) -> str:
        while True:
            id = spell_id(secrets.token_bytes(5))
            if self._store.lock(id) is None:
                return id

    def _left(self, lifted: Lock) -> str:
        """What the operator should know who lifted one lock of several."""
        n_left = sum(1 for one in self._store.locks() if (one.whom, one.name) == (lifted.whom, lifted.name))
        return f"; {n_left} more {'is' if n_left == 1 else 'are'} on it" if n_left else ""

    async def _on(self, whom: str, name: str) -> Lock:
        """A lock on that name, which means somebody here; all else of it is still to be filled in. Raises Refusal."""
        kind, name = _whom(whom, name)
        uid, person = None, ""
        if kind is not Whom.ALL:
            found = await self._find(kind, name)
            if found is None:
                raise Refusal("unknown", f"there is no {'account' if kind is Whom.USER else 'principal'} {shown(name)} here")
            name, uid, person = found
        if kind is Whom.USER and (name == ROOT or uid == 0):
            raise Refusal("usage", 'root without a ticket is locked out by nothing: root = "deny" in jitd.toml is for that')
        now = self._now()
        return Lock("", kind, name, uid, person, "", "", now.at, None, now.boot_id, now.boot, None)

    async def _find(self, kind: Whom, name: str) -> tuple[str, int | None, str] | None:
        """(name, uid, person). A name service that hangs hinders no lock on who has something here. Raises TimeoutError."""
        try:
            found = await self._workers.names.run(0, self._known, kind, name)
        except TimeoutError:
            if remembered := self._remembered(kind, name):
                return remembered
            raise
        return found or self._remembered(kind, name)

    def _known(self, kind: Whom, name: str) -> tuple[str, int | None, str] | None:
        """(name, uid, person) of somebody whom this host knows now. It may block."""
        if kind is Whom.PRINCIPAL:
            try:
                user = account_of(name.encode("ascii"), self._accounts.realms, self._accounts.principals)
            except UnicodeEncodeError:
                return None
            if user is None:
                return None
            try:  # whoever has the account is known by it alone, where a rule wants no ticket: the lock is on them, too
                return name, facts.entry_of(user).pw_uid, ""
            except facts.NoSuchAccount:
                return name, None, ""
        try:
            entry = facts.entry_of(name)
        except facts.NoSuchAccount:
            return None
        return entry.pw_name, entry.pw_uid, person_of(entry.pw_name, self._accounts.people)

    def _remembered(self, kind: Whom, name: str) -> tuple[str, int | None, str] | None:
        """The same of somebody who is gone, or not to be looked up now, and still has something here that a lock would end."""
        people = [asked.requester for asked in self._store.requests(ended=False)]
        people += [permit.holder for permit in self._store.grants()]
        for one in people:
            if kind is Whom.USER and one.user == name:
                return one.user, one.uid, one.person
            if kind is Whom.PRINCIPAL and one.principal == name:
                return one.principal, one.uid, ""
        return None


def _whom(whom: str, name: str) -> tuple[Whom, str]:
    """Raises Refusal."""
    if whom not in tuple(Whom) or (whom == Whom.ALL) is bool(name):
        raise Refusal("usage", "a lock is on a user, on a principal, or on all")
    return Whom(whom), name


def _spelled(made: Lock) -> str:
    return "everybody" if made.whom is Whom.ALL else f"{made.whom} {shown(made.name)}"


def _ended(counts: Counter[str]) -> str:
    """What the record tells of a lock's consequences."""
    told = (
        ("request.locked", "request", "denied"),
        ("grant.revoked", "grant", "revoked"),
        ("run.stop_ordered", "run", "stopped"),
    )
    parts = [f"{n} {noun}{'' if n == 1 else 's'} {word}" for event, noun, word in told if (n := counts[event])]
    return ", ".join(parts) or "nothing of theirs waited or ran"
