# SPDX-License-Identifier: Apache-2.0
"""All events enter the core through this module. This module only loads the objects, applies the transitions, commits the result
and returns the effects.
Law: every change of a request, grant, run, holding, lock or owed review goes through ``handle``. All changes that one input
causes are one transaction, even if several objects change. The effects are returned only after the commit. Every event is checked
against the active locks, the accounts that live runs use, and the owed reviews of the requester. A review is owed if the
requester has used a permit that skips approvals.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any

from jitd.core import account_ending, break_glass, chain, grant, holding, lock, owed_review, request, run, used_accounts
from jitd.core.chain import Seal
from jitd.core.command import spell_id
from jitd.core.effects import Effect, Moment
from jitd.core.grant import Grant
from jitd.core.holding import Holding
from jitd.core.law import DAEMON, IllegalEvent
from jitd.core.lock import Lock
from jitd.core.owed_review import OwedReview
from jitd.core.policy_text import PolicyText
from jitd.core.request import Request
from jitd.core.run import Run
from jitd.core.subject import Identity, Subject
from jitd.core.values import Value, Values
from jitd.lifecycle.integrity import Damaged
from jitd.store import Change, Life, Store, documents
from jitd.store.used_accounts import UsedAccounts

Event = request.Submitted | request.Event | grant.Event | run.Event | holding.Event | lock.Placed | lock.Event | owed_review.Event

_BEGIN: dict[type, Callable[[Any], tuple[Any, tuple[Any, ...]]]] = {
    request.Submitted: request.submit,
    grant.Issued: grant.issue,
    run.Starting: run.start,
    holding.Giving: holding.give,
    lock.Placed: lock.place,
    owed_review.Begun: owed_review.begin,
}
_TRANSITION: dict[type, Callable[[Any, Any, Moment], tuple[Any, tuple[Any, ...]]]] = {
    Request: request.transition,
    Grant: grant.transition,
    Run: run.transition,
    Holding: holding.transition,
    Lock: lock.transition,
    OwedReview: owed_review.transition,
}
_TAKES_AWAY = (run.Returned, grant.Revoked, grant.Expired, run.StopOrdered, holding.Taking)
"""The events after which an object permits less than before."""

MOST_OWNERS = 256  # owners whose values are forgotten in one transaction


class Lifecycle:
    """Applies events to the objects of one store. ``now`` returns the current moment. ``policy_digest`` returns the digest of the
    policy in force. This digest is stored in the record. ``noted`` is called with the chain's head after each commit.
    ``changed`` is called after a commit for each object that has changed, with the object before (None if it is new) and after.
    ``policy_text`` returns the policy in force itself, which is stored with the first record that names it. ``people`` is
    ``[people]`` in jitd.toml.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], Moment],
        policy_digest: Callable[[], str],
        noted: Callable[[Seal], None] = lambda head: None,
        changed: Callable[[Life | None, Life, Moment], None] = lambda before, after, now: None,
        policy_text: Callable[[], PolicyText | None] = lambda: None,
        people: Mapping[str, frozenset[str]] = MappingProxyType({}),
    ) -> None:
        self._store = store
        self._uses = UsedAccounts(store, people)
        self._noted = noted
        self._changed = changed
        self._now = now
        self._policy_digest = policy_digest
        self._policy_text = policy_text
        self._kept = ""  # the digest of the policy that was stored last

    def handle(self, *events: Event, rebuilt: Damaged | None = None) -> tuple[Effect, ...]:
        """Apply ``events``, which have one common cause, and all events that follow from them. Commit the result, and return the
        effects. ``rebuilt`` is a damaged holding: what was rebuilt of it counts in the place of what is stored. Raises the
        exceptions of the transitions (IllegalEvent, LockedOut, NotYours, Stale), Conflict or StoreError. If this method raises an
        exception, nothing has changed.
        """
        now = self._now()
        policy = self._policy_digest()
        locks: tuple[Lock, ...] = tuple(self._uses.locks())
        today = self._uses.today
        before: dict[tuple[str, str], Life | None] = {} if rebuilt is None else {("holding", rebuilt.id): rebuilt.rebuilt}
        after: dict[tuple[str, str], Change] = {}
        said: dict[str, Values] = {}
        records: list[bytes] = []
        effects: list[Effect] = []
        queue: deque[Any] = deque(events)
        while queue:
            step = queue.popleft()
            key = (step.life, step.id)
            is_follow = not any(step is event for event in events)
            if key not in before:
                # The grant and the first run of a request have its id: if the request is new, they are, too. The store checks
                # that they are new.
                is_new = type(step) in _BEGIN and (step.life == "request" or before.get(("request", step.id), step) is None)
                before[key] = None if is_new else self._load(step.life, step.id)
            here = after[key].after if key in after else before[key]
            if type(step) in _BEGIN:
                if here is not None:
                    raise IllegalEvent(f"{step.id} exists already")
                step = used_accounts.under(self._uses, here, step)
                there, follows = _BEGIN[type(step)](step)
                if isinstance(step, lock.Placed):
                    touches = partial(lock.ends_today, step.lock, today)
                    waiting, permitted = self._waiting(touches), self._permitted(touches)
                    consequences = lock.consequences(step, locks, waiting, permitted, self._begun(), today)
                    follows = (*follows, *consequences)
                    locks = (*locks, step.lock)
            elif is_follow and here is not None and not _goes_on(here):
                continue  # an event that follows from another one changes no object that has ended
            elif is_follow and here is None and isinstance(step, _TAKES_AWAY):
                continue  # nor one that was set aside, because it was damaged: there is nothing left to take from it
            elif here is None:
                raise IllegalEvent(f"there is no {step.life} {step.id}")
            else:
                step = lock.under(locks, here, used_accounts.under(self._uses, here, step), today)  # also on who uses the account
                step = break_glass.under(self._owed_by, self._store.owed_review, here, step)
                there, follows = _TRANSITION[type(here)](here, step, now)
                if account_ending.ends_account(there, step):
                    touches = partial(account_ending.is_of_account, there)
                    live = (held for held, _ in self._permitted(touches))
                    follows = (*follows, *account_ending.consequences(there, self._waiting(touches), live))
            old = before[key]
            if (values := said.get(step.id)) is None:
                values = said[step.id] = self._store.values(step.id)
            document = documents.write(there, values)
            expected = rebuilt.version if rebuilt is not None and old is rebuilt.rebuilt else old.version if old else 0
            after[key] = Change(there, expected, document)
            state, version, fingerprint = there.state, there.version, _fingerprint(there)
            records.append(chain.record(step, now, state, version, document, fingerprint, policy, values, random=_fresh_bytes()))
            for follow in follows:
                if hasattr(follow, "by"):  # only events have this attribute; effects do not
                    queue.append(follow)
                else:
                    effects.append(follow)
        self._commit(after.values(), records, [(values, now.at) for values in said.values()])
        for key, change in after.items():
            self._changed(before[key], change.after, now)
        return tuple(effects)

    def _commit(
        self,
        changes: Iterable[Change],
        records: Iterable[bytes],
        said: Iterable[tuple[Values, datetime]] = (),
        forgotten: Iterable[str] = (),
        set_aside: Iterable[tuple[str, str]] = (),
    ) -> None:
        policy = self._policy_digest()
        text = None if policy == self._kept else self._policy_text()
        self._store.commit(changes, records, said, forgotten, text, set_aside)
        self._kept = policy
        self._noted(self._store.head())

    def locked_today(self) -> list[Any]:
        """Return the events that end what locked people have by now: ``[people]`` may have given it to them since the lock."""
        locks, today = tuple(self._uses.locks()), self._uses.today
        return [
            event
            for one in locks
            for event in lock.consequences(
                lock.Placed(one.id, DAEMON, one),
                locks,
                (),
                self._permitted(partial(lock.ends_today, one, today)),
                self._begun(),
                today,
            )
        ]

    def proved_since(self, boot_id: str, since: float) -> float:
        """Return the number of seconds from ``since`` to the last record of the boot ``boot_id``. The host was certainly running
        for these seconds. ``since`` is in seconds on the clock of that boot.
        """
        try:
            for body in self._store.newest():
                boot, at = chain.time_of(body)
                if boot == boot_id:
                    return max(0.0, at - since)
        except ValueError:
            pass  # a damaged record proves nothing, and the records before it prove nothing either
        return 0.0

    def note(self, name: str, actor: str, uid: int | None, detail: dict[str, Any]) -> None:
        """Add a note to the chain. The note belongs to no object, for example ``daemon.started``. If ``detail`` has values, they
        get an owner of their own. Raises StoreError.
        """
        now = self._now()
        values = self._store.values(_fresh_owner()) if any(isinstance(part, Value) for part in detail.values()) else None
        record = self._note(name, actor, uid, now, detail, values)
        self._commit((), (record,), () if values is None else ((values, now.at),))

    def note_own(self, name: str, detail: dict[str, Any]) -> None:
        """Add a note about what jitd itself has seen or done. Raises StoreError."""
        self.note(name, "jitd", 0, detail)

    def set_aside(self, damaged: Damaged) -> tuple[Effect, ...]:
        """Bring the stored object ``damaged`` to where it permits nothing, with a record: it is set aside, or, a given thing, to
        be taken back. The caller does what follows (recovery, ``Perform.set_aside``). Raises StoreError or Conflict.
        """
        if damaged.rebuilt is not None:
            because = f"what jitd had stored about it was damaged: {damaged.because}"
            return self.handle(holding.Taking(damaged.id, DAEMON, because), rebuilt=damaged)
        detail = {damaged.life: damaged.id, "because": damaged.because}
        record = self._note("object.set_aside", "jitd", 0, self._now(), detail, None)
        self._commit((), (record,), set_aside=[(damaged.life, damaged.id)])
        return ()

    def forget(self, before: datetime, setting: str, most: int = MOST_OWNERS) -> int:
        """Forget the values of at most ``most`` owners whose objects have all ended, and whose last value was said before
        ``before`` (aware). ``setting`` says why, for the record. Return the number of owners. Raises StoreError.
        """
        due = self._store.due(before, most, self._now().at)
        if due:
            owners = [owner for owner, _ in due]
            detail = {"owners": owners, "n": sum(n for _, n in due), "setting": setting}
            record = self._note("value.forgotten", "jitd", 0, self._now(), detail, None)
            self._commit((), (record,), forgotten=owners)
        return len(due)

    def _note(self, name: str, actor: str, uid: int | None, now: Moment, detail: dict[str, Any], values: Values | None) -> bytes:
        return chain.note(name, actor, uid, now, self._policy_digest(), detail, values, random=_fresh_bytes())

    def _waiting(self, touches: Callable[[Identity], bool]) -> Iterator[Request]:
        """Yield the open requests of people whom ``touches`` is true for, and those that such people have reviewed."""
        for id, people in self._store.requesters():
            asked = self._store.request(id) if any(map(touches, people)) else None
            if asked is not None:
                yield asked

    def _permitted(self, touches: Callable[[Identity], bool]) -> Iterator[tuple[Grant, Request]]:
        """Yield the live grants of such people, and those that they have approved, each with its request."""
        for _, id, people in self._store.holders():
            if any(map(touches, people)):
                held, asked = self._store.grant(id), self._store.request(id)
                if held is not None and asked is not None:
                    yield held, asked

    def _begun(self) -> Iterator[tuple[Run | Holding, Subject]]:
        """Yield what lives under a grant, and was perhaps begun by others than its holder, each with who has begun it."""
        lives: list[Run | Holding] = [*self._store.runs(), *self._store.holdings()]
        for begun in lives:
            asked = self._store.request(begun.request) if begun.used_by or begun.request != begun.grant else None
            if asked is not None:
                yield begun, asked.requester.begins(begun.used_by)

    def _owed_by(self, person: str) -> Iterator[OwedReview]:
        return self._store.owed_reviews(person=person)

    def _load(self, life: str, id: str) -> Life | None:
        match life:
            case "lock":
                return self._store.lock(id)
            case "request":
                return self._store.request(id)
            case "grant":
                return self._store.grant(id)
            case "holding":
                return self._store.holding(id)
            case "owed_review":
                return self._store.owed_review(id)
            case _:
                return self._store.run(id)


def _goes_on(life: Life) -> bool:
    match life:
        case Request() | OwedReview():
            return life.is_open
        case Lock():
            return life.is_active
    return life.is_live


def _fresh_owner() -> str:
    return spell_id(secrets.token_bytes(5))


def _fresh_bytes() -> bytes:
    return secrets.token_bytes(chain.RANDOM)


def _fingerprint(life: Life) -> bytes:
    return life.fingerprint if isinstance(life, Request | OwedReview) else b""
