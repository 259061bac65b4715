# SPDX-License-Identifier: Apache-2.0
"""Every state that a small world can come to, with what must hold in each of them.

Law: a world has few people and few things, and is walked to its end: at each state, everything happens that anybody may bring
about, by the one door and on a store that is a dictionary. What the policy has answered is an input, as old as it likes.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import product
from typing import Any

import pytest

from jitd.core import grant, holding, lock, owed_review, request, run
from jitd.core.authentication import KdcAnswer
from jitd.core.command import Command, RunAs, work_of
from jitd.core.decision import Approval, BreakGlass, Decision, Deny, Permit, Why
from jitd.core.edit import Edit
from jitd.core.effects import Moment, Screen, SetDeadline
from jitd.core.gatekeeping import Heard, Passes, Refuses
from jitd.core.law import CLOCK, DAEMON, MONITOR, IllegalEvent, Role
from jitd.core.lock import Lock, Whom
from jitd.core.request import NotYours, Request, RequestState, Stale, Verdict
from jitd.core.run import RunState
from jitd.core.subject import Identity, Subject
from jitd.lifecycle import lifecycle, together
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.lifecycle.owed import owed
from jitd.lifecycle.screenings import is_due
from jitd.store import Conflict
from tests.marks import full
from tests.scene import (
    actor,
    asked,
    command,
    free,
    lift,
    locked,
    moment,
    permit,
    person,
    place,
    screened,
    submit,
    thing,
    withdraw,
)

REFUSED = (IllegalEvent, NotYours, Stale, Conflict)
OPS = ("group:ops",)
GLASS = BreakGlass("rule-1", (Approval(1, OPS),), 50, 1)
NO = Deny(Why.RULE, "freeze", "freeze")
ALICE, BOB, CAROL, EVE = (person(name) for name in ("alice", "bob", "carol", "eve"))
ALICE_ADMIN = person("alice-adm", uid=1800, person="alice", groups=frozenset({"ops"}))
BOB_ADMIN = person("bob-adm", uid=1801, person="bob", groups=frozenset({"ops"}))
DAVE = actor(person("dave"), Role.OPERATOR)


class Lives(dict[tuple[str, str], Any]):
    """What a Lifecycle wants of a store: the objects by life and id, in the order in which they came to be."""

    def request(self, id: str) -> Any:
        return self.get(("request", id))

    def grant(self, id: str) -> Any:
        return self.get(("grant", id))

    def run(self, id: str) -> Any:
        return self.get(("run", id))

    def holding(self, id: str) -> Any:
        return self.get(("holding", id))

    def lock(self, id: str) -> Any:
        return self.get(("lock", id))

    def owed_review(self, id: str) -> Any:
        return self.get(("owed_review", id))

    def damage_of(self, life: str, id: str) -> None:
        return None

    def open(self, life: str) -> list[Any]:
        return [one for (kind, _), one in self.items() if kind == life and is_open(one)]

    def requests(self) -> list[Any]:
        return self.open("request")

    def grants(self) -> list[Any]:
        return self.open("grant")

    def runs(self) -> list[Any]:
        return self.open("run")

    def holdings(self) -> list[Any]:
        return self.open("holding")

    def locks(self) -> list[Any]:
        return self.open("lock")

    def owed_reviews(self, person: str | None = None) -> list[Any]:
        return [one for one in self.open("owed_review") if person in (None, one.requester.person)]

    def requesters(self) -> list[Any]:
        return [(one.id, (one.requester, *(review.by for review in one.reviews))) for one in self.requests()]

    def holders(self) -> list[Any]:
        return [(0, one.id, (one.holder, *people(self.request(one.id)))) for one in self.grants()]

    def acting(self) -> dict[str, Any]:
        of = {one.id: (self.request(one.request), one) for one in self.runs()}
        return {
            id: (made.requester.begins(one.used_by), made.command.run_as)
            for id, (made, one) in of.items()
            if made.command.run_as.uid != 0
        }


class Memory:
    """The store of a Lifecycle: a dictionary that is exchanged when another state is tried."""

    def __init__(self) -> None:
        self.lives = Lives()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.lives, name)

    def values(self, id: str) -> None:
        return None

    def head(self) -> None:
        return None

    def commit(self, changes: Any, *others: Any) -> None:
        lives = Lives(self.lives)
        for change in changes:
            place = life_of(change.after), change.after.id
            if change.expected != (lives[place].version if place in lives else 0):
                raise Conflict(f"{change.after.id} is not in version {change.expected}")
            lives[place] = change.after
        self.lives = lives


MODULES = {"request": request, "grant": grant, "run": run, "holding": holding, "lock": lock, "owed_review": owed_review}
LIFE = {Request: "request", grant.Grant: "grant", run.Run: "run", holding.Holding: "holding", Lock: "lock"}


def life_of(one: Any) -> str:
    return LIFE.get(type(one), "owed_review")


def is_open(one: Any) -> bool:
    return bool(MODULES[life_of(one)].LAW[one.state])  # type: ignore[attr-defined]


def people(made: Request) -> tuple[Any, ...]:
    return (made.requester, *(review.by for review in made.reviews))


@dataclass(frozen=True)
class Here:
    """A state: the time (seconds on the clock of ``boot_id``), and what there is."""

    lives: Lives
    at: float = 1000.0
    boot_id: str = "boot-1"

    @property
    def now(self) -> Moment:
        return moment(self.at - 1000.0, self.boot_id)

    @cached_property
    def owed(self) -> list[Any]:
        """What a restart of jitd would find to do."""
        store = Memory()
        store.lives = self.lives
        some = [one for one in self.lives.values() if is_open(one)]
        return [step for one in some for step in owed(one, store, self.now, lambda boot, since: 1.0)]  # type: ignore[arg-type]

    @cached_property
    def clock(self) -> set[SetDeadline]:
        """The deadlines of the lives, as a restart derives them."""
        return {step for step in self.owed if isinstance(step, SetDeadline) and step.life in CLOCKED}


@dataclass(frozen=True)
class World:
    """Who may ask for what (``asks``), what the policy may answer to it, who reviews, and which locks are placed."""

    asks: tuple[Request, ...]
    answers: tuple[Permit, ...]
    reviewers: tuple[Identity, ...] = (BOB,)
    locks: tuple[Lock, ...] = ()
    is_booted: bool = True
    heard: tuple[tuple[Heard, ...], ...] = ((),)
    freely: tuple[Command, ...] = ()
    """The commands that need no approval."""

    # --- what may happen at a state --------------------------------------------------------------------------------------

    def inputs(self, here: Here) -> Iterator[tuple[bool, tuple[Any, ...]]]:
        """What may happen now, as events that have one cause; True before what happens although nobody does anything."""
        lives = here.lives
        for one in self.asks:
            if ("request", one.id) not in lives and here.boot_id == "boot-1":
                yield from self._of_fresh(lives, replace(one, submitted_boot=here.at), here.now)
        for one in lives.values():
            match one:
                case Request() if is_open(one):
                    yield from self._of_request(lives, one)
                case Request(state=RequestState.APPROVED):
                    use = grant.Used(one.lease or one.id, actor(one.requester), one.id, one.obligations.terms)
                    yield False, (use,)
                case grant.Grant() if is_open(one):
                    yield False, (grant.Revoked(one.id, DAVE, "enough"),)
                case run.Run() if is_open(one):
                    yield from of_run(one)
                case holding.Holding() if is_open(one):
                    yield from of_holding(lives, one)
                case Lock() if is_open(one):
                    yield False, (lift(one),)
                case owed_review.OwedReview() if is_open(one):
                    for who, role in product((*self.reviewers, ALICE_ADMIN), (Role.APPROVER, Role.OPERATOR)):
                        given = owed_review.Reviewed(one.id, actor(who, role), who, one.fingerprint, "", KdcAnswer.VALID)
                        yield False, (given,)
                    yield False, (replace(given, fingerprint=b"x" * 32),)
        for one in self.locks:
            if ("lock", one.id) not in lives:
                yield False, (place(replace(one, since_boot=here.at, boot_id=here.boot_id)),)

    def _of_fresh(self, lives: Lives, one: Request, now: Moment) -> Iterator[tuple[bool, tuple[Any, ...]]]:
        """It is submitted with the policy's answer, or, where gatekeepers have to answer first, without."""
        for answer, attended in product(self.answers_to(lives, one), (True, False)):
            if isinstance(answer, Permit) and answer.obligations.gatekeepers:
                yield False, (submit(request.to_be_asked(one, answer, now)),)
            else:
                yield False, (submit(one), screened(one, answer, attended=attended))

    def answers_to(self, lives: Mapping[Any, Any], one: Request) -> list[Decision]:
        """What the policy may have answered at any time until now: each permit also by each lease that may have covered it."""
        leases = (None, *(held.id for held in grants_of(lives) if may_have_covered(held, one)))
        permits = (NONE,) if one.command in self.freely else self.answers
        return [NO, *(replace(answer, lease=lease) for answer, lease in product(permits, leases))]

    def _of_request(self, lives: Lives, one: Request) -> Iterator[tuple[bool, tuple[Any, ...]]]:
        yield False, (withdraw(one),)
        approved = tuple(review.by for review in one.reviews if review.verdict is Verdict.APPROVE)
        for answer, attended, heard in () if not is_due(one) else product(self.answers_to(lives, one), (True, False), self.heard):
            for standing in {approved, ()}:
                yield False, (replace(screened(one, answer, attended=attended), standing=standing, heard=heard),)
        if one.state is RequestState.SCREENING:
            return
        for who, answer, attended in product(self.reviewers, self.answers_to({}, one), (True, False)):
            for standing in {approved, ()}:  # all of them may still approve, or nobody
                yield False, (reviewed(one, who, Verdict.APPROVE, answer, attended, standing),)
        for who in self.reviewers:
            yield False, (reviewed(one, who, Verdict.DENY, self.answers[0], True, approved),)
        wrong = reviewed(one, self.reviewers[0], Verdict.APPROVE, self.answers[0], True, approved)
        yield False, (replace(wrong, fingerprint=b"x" * 32),)


def reviewed(
    one: Request, who: Identity, verdict: Verdict, answer: Decision, attended: bool, standing: tuple[Identity, ...]
) -> request.Reviewed:
    by = actor(who, Role.APPROVER)
    return request.Reviewed(one.id, by, who, verdict, one.fingerprint, "", answer, standing, attended, KdcAnswer.VALID)


def grants_of(lives: Mapping[Any, Any]) -> Iterator[Any]:
    return (one for one in lives.values() if isinstance(one, grant.Grant))


def may_have_covered(held: Any, one: Request) -> bool:
    """True if a decision may name the lease, because it was live once."""
    fresh = replace(held, state=grant.GrantState.ACTIVE, left=held.uses)
    now = moment(held.ends_boot - 1000.0 - 1)
    return grant.covers(fresh, one.requester, one.host, one.service, one.command, held.rule, now)


def of_run(one: run.Run) -> Iterator[tuple[bool, tuple[Any, ...]]]:
    for ending in (run.Ending.EXITED, run.Ending.SIGNALED, run.Ending.LOST):
        yield True, (run.Ended(one.id, MONITOR, run.Outcome(ending, 0)),)
    yield False, (run.StopOrdered(one.id, DAVE, "enough"),)
    if one.started_at is None:
        yield True, (run.Started(one.id, MONITOR, 7),)
        yield True, (run.Ended(one.id, DAEMON, run.Outcome(run.Ending.NOT_STARTED, 126)),)


def of_holding(lives: Lives, one: holding.Holding) -> Iterator[tuple[bool, tuple[Any, ...]]]:
    all_of_it = together_with(lives, one)
    was_begun = all(each.given_at for each in all_of_it[: all_of_it.index(one)])  # they are given one after another
    if together.next_to_give(all_of_it) is one or (one.state is holding.HoldingState.TAKING and was_begun):
        yield True, (holding.Given(one.id, DAEMON),)
    if together.next_to_give(all_of_it) is one:
        yield True, together.not_given(all_of_it, one, "refused")
    if one.state is not holding.HoldingState.GIVING:
        for ending in holding.Ending:
            yield True, (holding.Ended(one.id, DAEMON, holding.Outcome(ending)),)
    if taken := together.taking(all_of_it, DAEMON, "its client is gone"):
        yield True, taken
    yield False, (holding.Kept(one.id, actor(ALICE)),)


def together_with(lives: Lives, one: holding.Holding) -> tuple[holding.Holding, ...]:
    return tuple(lives.holding(id) for id in one.together) or (one,)


# --- the walk ------------------------------------------------------------------------------------------------------------

CLOCKED = {
    "request": lambda one, boot: request.DeadlinePassed(one.id, CLOCK),
    request.WAY: lambda one, boot: request.WaysOpened(one.id, CLOCK, int(boot - one.submitted_boot)),
    "grant": lambda one, boot: grant.Expired(one.id, CLOCK),
    "lock": lambda one, boot: lock.Expired(one.id, CLOCK),
    "owed_review": lambda one, boot: owed_review.Overdue(one.id, CLOCK),
}
"""The event that follows when the time of a deadline has come."""


class Walk:
    """All states of ``world``, found by what may happen at each. ``seen`` has the first state with each key."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = Memory()
        self.here = Here(Lives())
        self.lifecycle = Lifecycle(self.store, lambda: self.here.now, lambda: "policy-1")  # type: ignore[arg-type]
        self.seen: dict[Any, Here] = {}
        self.moves: set[tuple[str, str, str]] = set()
        """Each life with two states of it, of which the second came after the first."""
        self.by_itself: dict[Any, set[Any]] = {}
        """A state → those that came before it, from which it comes although nobody does anything."""

    def walk(self) -> None:
        """Go everywhere, and look at everything."""
        first = self.here
        self.seen[key(first)] = first
        waiting = deque([(key(first), first)])
        while waiting:
            at, here = waiting.popleft()
            for is_by_itself, name, after in self.steps(here):
                found = key(after)
                if is_by_itself and found != at:
                    self.by_itself.setdefault(found, set()).add(at)
                if found not in self.seen:
                    self.seen[found] = after
                    waiting.append((found, after))
                    try:
                        look_at(after)
                    except AssertionError as fault:
                        raise AssertionError(f"{fault}\nafter {name}\nat {dict(here.lives)}") from None

    def steps(self, here: Here) -> Iterator[tuple[bool, Any, Here]]:
        """Each thing that happens at ``here``, with where it leads to."""
        for is_by_itself, events in (*self.world.inputs(here), *self.dues(here)):
            after, effects = self.happens(here, events)
            if after is here:
                continue
            look_back(here, after, events, effects)
            self.moves |= {(at[0], one.state, after.lives[at].state) for at, one in here.lives.items()}
            if not isinstance(events[0], grant.Used) and key(after) not in self.seen:
                again, _ = self.happens(after, events)
                assert again is after or key(again) == key(after), f"done twice, it is done again: {events}"
            yield is_by_itself, events, after
        later = [one.boot for one in here.clock if one.boot > here.at]
        if later:
            yield True, "time", replace(here, at=min(later))
        if self.world.is_booted and here.boot_id == "boot-1" and here.lives:
            yield False, "a reboot", self.booted(here)

    def dues(self, here: Here) -> Iterator[tuple[bool, tuple[Any, ...]]]:
        """What the clock brings about. Two of it permit more than before, so they are tried before their time, too."""
        for one in here.clock:
            is_due_now = one.boot <= here.at
            if is_due_now or one.life in (request.WAY, "lock"):
                yield is_due_now, (CLOCKED[one.life](here.lives[life_at(one.life), one.id], one.boot),)

    def happens(self, here: Here, events: tuple[Any, ...]) -> tuple[Here, tuple[Any, ...]]:
        """Where ``events`` lead to, and the effects. What is refused changes nothing."""
        self.here, self.store.lives = here, here.lives
        try:
            effects = self.lifecycle.handle(*events)
        except REFUSED:
            assert self.store.lives is here.lives
            return here, ()
        return replace(here, lives=self.store.lives), effects

    def booted(self, here: Here) -> Here:
        """The state after the host was booted anew, and jitd has done what was owed."""
        self.here, self.store.lives = Here(here.lives, 0.0, "boot-2"), here.lives
        done = self.recover()
        after = replace(self.here, lives=self.store.lives)
        self.recover()
        assert self.store.lives is after.lives, "what is owed after a restart is done once"
        assert after.clock <= done, "invariant 4: it has no deadline after a restart"
        return after

    def recover(self) -> set[Any]:
        """Do what is owed, in the order of ``Recovery``. Return the effects and the deadlines."""
        done: set[Any] = set()
        for life in ("lock", "owed_review", "request", "grant", "holding", "run"):
            for one in self.store.lives.open(life):
                for step in owed(one, self.store, self.here.now, lambda boot, since: 1.0):  # type: ignore[arg-type]
                    done |= set(self.lifecycle.handle(step)) if hasattr(step, "by") else {step}
        return done

    def stuck(self) -> list[Here]:
        """The states from which, if nobody does anything, no end is reached."""
        reached = {at for at, here in self.seen.items() if is_at_rest(here)}
        frontier = list(reached)
        while frontier:
            for before in self.by_itself.get(frontier.pop(), set()) - reached:
                reached.add(before)
                frontier.append(before)
        return [here for at, here in self.seen.items() if at not in reached]


def life_at(deadline: str) -> str:
    return "request" if deadline == request.WAY else deadline


def is_at_rest(here: Here) -> bool:
    """True if only what waits for people is open: a lock without an end, and a review that is overdue."""
    return not any(is_open(one) and not waits_for_people(one) for one in here.lives.values())


def waits_for_people(one: Any) -> bool:
    return (isinstance(one, Lock) and one.left_for is None) or (
        isinstance(one, owed_review.OwedReview) and one.state is owed_review.OwedReviewState.OVERDUE
    )


# --- when two states are the same ---------------------------------------------------------------------------------------


def key(here: Here) -> Any:
    """What of a state makes a difference: no versions, no instants for people, no reasons, and no numbers of runs. Of runs that
    have ended, it is enough to know how many had begun.
    """
    lives, at = here.lives, here.at
    found: Counter[Any] = Counter()
    for one in lives.values():
        match one:
            case Request():
                found[key_of_request(lives, one, at)] += 1
            case grant.Grant():
                found[one.id, one.state, *((one.left, one.terms, one.ends_boot - at) if one.is_live else ())] += 1
            case run.Run() if one.is_live:
                found["run", one.grant, one.request, one.state, one.started_at is None, one.used_by] += 1
            case run.Run(started_at=begun) if begun is not None or one.outcome.ending is not run.Ending.NOT_STARTED:
                found["ended", one.grant] += 1
            case holding.Holding() if one.is_live:  # however many there are that were never given, and are tidied up after
                is_given = [each.given_at is not None for each in together_with(lives, one)]
                this = one.grant, one.request, one.thing, one.state, one.given_at is None, one.kept_at is None, *is_given
                found[this] = found[this] + 1 if any(is_given) or one.state is not holding.HoldingState.TAKING else 1
            case holding.Holding() if one.outcome.ending is not holding.Ending.NOT_GIVEN:
                found["ended", one.grant, one.thing] += 1
            case Lock():
                found[one.id, one.state, one.ends_boot and one.is_active and one.ends_boot - at] += 1
            case owed_review.OwedReview():
                found[one.id, "owed", one.state, one.due_boot - at if one.state == "owed" else None] += 1
    return here.boot_id, frozenset(found.items())


def key_of_request(lives: Lives, one: Request, at: float) -> Any:
    held = lives.grant(one.lease or one.id)
    if not one.is_open and (held is None or not held.is_live):
        return one.id, one.state
    reviews = frozenset((review.by.principal, review.by.used_by, review.verdict) for review in one.reviews)
    known = one.id, one.state, one.lease, reviews, one.obligations, one.requester.used_by
    if not one.is_open:
        return known
    way = next((d.boot - at for d in request.deadlines_of(one, at)), None)
    return *known, one.opened, way, one.asking_at is None, None if one.expires_boot is None else one.expires_boot - at


# --- what holds in each state -------------------------------------------------------------------------------------------


def look_at(here: Here) -> None:
    lives = here.lives
    locks, live_runs = lives.locks(), lives.runs()
    under: dict[str, set[str]] = {}
    for one in (*live_runs, *lives.holdings()):
        under.setdefault(one.grant, set()).add(one.id)
    for one in lives.values():
        match one:
            case Request(state=RequestState.APPROVED):
                assert one.obligations is not None
                held = lives.grant(one.lease or one.id)
                assert held is not None, "what is approved has a grant"
                assert work_of(held.command) == work_of(one.command) and held.holder.party == one.requester.party, "invariant 6"
                assert one.lease is None or (held.command.edit is None and held.is_lease), "a text was approved for itself alone"
                is_broken = one.obligations.break_glass is not None and one.lease is None
                assert not is_broken or lives.owed_review(one.id) is not None, "invariant 11: what skips approvals is reviewed"
            case Request():
                assert lives.grant(one.id) is None, "invariant 7: nothing is granted that was not approved"
                assert not is_open(one) or not any(is_locked(each, one.requester) for each in locks), "who is locked asks"
            case grant.Grant():
                look_at_grant(here, one, under.get(one.id, set()), locks)
            case run.Run() if one.is_live:
                look_at_work(lives, one, one.state is RunState.STOPPING, locks)
            case holding.Holding() if one.is_live:
                look_at_work(lives, one, one.state is holding.HoldingState.TAKING, locks)
    steps = here.owed
    queried = {one.id for one in lives.requests() if is_due(one)}
    assert queried == {step.request for step in steps if isinstance(step, Screen)}, "invariant 4: a query is forgotten"
    owing = {step.request if hasattr(step, "request") and not hasattr(step, "by") else step.id for step in steps}
    assert not any(hasattr(step, "by") for step in steps), "invariant 4: nothing happens by a restart alone"
    missing = [one for one in lives.values() if is_open(one) and not waits_for_people(one) and one.id not in owing]
    assert not missing, f"invariant 4: it waits for nothing: {missing}"


def look_at_grant(here: Here, one: Any, under: set[str], locks: list[Lock]) -> None:
    lives, made = here.lives, here.lives.request(one.id)
    assert made is not None and made.state is RequestState.APPROVED and made.lease is None, "what is granted was approved"
    firsts = [each for each in lives.values() if getattr(each, "grant", None) == one.id and getattr(each, "is_first", True)]
    n_begun = sum(map(is_begun, firsts))
    assert n_begun <= one.uses, "a use is taken once"
    if one.state in (grant.GrantState.REVOKED, grant.GrantState.EXPIRED):
        return
    assert set(one.living) == under, "a grant knows what lives under it"
    n_tried = sum(is_open(each) and not is_begun(each) for each in firsts)
    assert one.left >= 0 and one.left + n_begun + n_tried <= one.uses, "a use is given back although it was taken"
    is_over = here.boot_id != one.boot_id or here.at >= one.ends_boot
    assert is_over or one.left + n_begun + n_tried == one.uses, "a use is lost"
    assert not one.is_live or not any(is_locked(each, one.holder) for each in locks), "who is locked has a grant"
    if one.is_live and not one.is_lease and locks:
        counts = [r.by for r in made.reviews if r.verdict is Verdict.APPROVE and not any(is_locked(each, r.by) for each in locks)]
        is_enough = len(others_of(counts, made.requester)) >= need(made.obligations, made.opened)
        assert is_enough, "an approval counts although who gave it is locked"


def look_at_work(lives: Lives, one: Any, is_ending: bool, locks: list[Lock]) -> None:
    held, made = lives.grant(one.grant), lives.request(one.request)
    assert is_ending or held.state is grant.GrantState.ACTIVE, "it goes on although its grant has ended"
    assert made.state is RequestState.APPROVED and (made.lease or made.id) == one.grant, "what was approved is what runs"
    assert is_ending or not any(is_locked(each, made.requester) for each in locks), "it goes on although who began it is locked"


def is_begun(one: Any) -> bool:
    """True if it takes a use for good."""
    if isinstance(one, run.Run):
        return one.started_at is not None or (one.outcome is not None and one.outcome.ending is not run.Ending.NOT_STARTED)
    return isinstance(one, holding.Holding) and one.given_at is not None


def need(obligations: Any, opened: int) -> int:
    """How many must approve, by the ways that are open: each approval by the way that wants the fewest people."""
    return sum(min(way.need for way in one.ways if way.after <= opened) for one in obligations.approvals) if obligations else 0


def is_locked(one: Lock, who: Identity) -> bool:
    """What a lock of these worlds is on, by the name of the person: also those who use the account."""
    return one.whom is Whom.ALL or one.name in (who.person, *(user.person for user in who.used_by))


def others_of(approvers: Any, requester: Subject) -> set[str]:
    """The persons of group:ops among them who are not the requester."""
    mine = {requester.person, *(user.person for user in requester.used_by)}
    groups = [who for who in approvers if "ops" in who.groups]
    return {who.person for who in groups if not mine & {who.person, *(user.person for user in who.used_by)}}


def look_back(before: Here, after: Here, events: tuple[Any, ...], effects: tuple[Any, ...]) -> None:
    """What holds of the step from one state to the next."""
    first = events[0]
    for at, old in before.lives.items():
        new = after.lives[at]
        if new is old:
            continue
        assert is_open(old), f"it changes after its end: {old}"
        match old:
            case Request():
                assert (new.requester, new.command, new.fingerprint) == (old.requester, old.command, old.fingerprint)
                assert old.expires_boot in (None, new.expires_boot), "a deadline does not change"
                assert new.opened == old.opened or after.at >= new.submitted_boot + new.opened, "a way opens before its time"
                assert old.obligations is None or is_tighter(new.obligations, old.obligations), "invariant 8"
            case grant.Grant():
                assert (new.ends_boot, new.holder, new.command, new.uses) == (old.ends_boot, old.holder, old.command, old.uses)
                assert new.state is not grant.GrantState.SPENT or new.left == 0
            case Lock():
                is_over = old.ends_boot is not None and after.at >= old.ends_boot
                assert new.state is not lock.LockState.EXPIRED or is_over, "a lock ends before its time"
    for at, new in after.lives.items():
        if at[0] == "request" and new.state is RequestState.APPROVED and new is not before.lives.get(at):
            look_at_approval(before, new, events[-1])
    if isinstance(first, request.Reviewed):
        was = before.lives.request(first.id)
        assert first.fingerprint == was.fingerprint, "invariant 6: a review of something else counts"
        assert not any(is_locked(each, first.reviewer) for each in before.lives.locks()), "who is locked reviews"
        assert others_of([first.reviewer], was.requester), "invariant 9: who may not review does"
        look_at_review(before, after.lives.request(first.id), first)
    if isinstance(first, owed_review.Reviewed):
        was = before.lives.owed_review(first.id)
        assert first.fingerprint == was.fingerprint, "invariant 6: a review of something else counts"
        assert first.reviewer.person != was.requester.person, "invariant 9: who broke glass reviews it"
    if isinstance(first, grant.Used):
        theirs = before.lives.owed_reviews(person=before.lives.grant(first.id).holder.person)
        is_by_glass = before.lives.owed_review(first.id) is not None
        assert not is_by_glass or not any(one.state == "overdue" for one in theirs), "a use while a review is overdue"
    for life, id in ((life_at(one.life), one.id) for one in effects if isinstance(one, SetDeadline)):
        assert (life, id) in after.lives
    for step in after.clock:
        assert step in before.clock or step in effects, f"invariant 4: a restart sets a deadline that nobody had set: {step}"


def look_at_approval(before: Here, made: Request, event: Any) -> None:
    """Who has approved it, counted once more, and not as the core counts."""
    answer = event.decision
    assert isinstance(answer, Permit), "invariant 7: it is approved against the policy"
    heard = {one.name for one in getattr(event, "heard", ()) if isinstance(one.answer, Passes)}
    assert set(made.obligations.gatekeepers) <= heard, "invariant 10: its gatekeepers were not asked"
    locks = before.lives.locks()
    assert not any(is_locked(each, made.requester) for each in locks), "who is locked gets a permit"
    glass = made.obligations.break_glass
    if glass is not None and made.lease is None:
        theirs = [one for one in before.lives.owed_reviews() if one.requester.person == made.requester.person]
        assert len(theirs) < glass.open and not any(one.state == "overdue" for one in theirs), "glass is broken once more"
    if made.lease is None:
        was = before.lives.request(made.id)
        asked_for = max(need(was and was.obligations, made.opened), need(answer.obligations, made.opened))
        assert n_counting(before, made, event) >= asked_for, "invariant 9: too few have approved it"


def look_at_review(before: Here, made: Request, event: request.Reviewed) -> None:
    """A denial ends it, whoever has approved it, and so does the last approval that is owed."""
    if event.verdict is Verdict.DENY:
        assert made.state is RequestState.DENIED and event.reviewer.principal in made.because, "a denial does not end it"
    elif made.state is RequestState.PENDING and made.obligations is not None and not made.obligations.gatekeepers:
        assert n_counting(before, made, event) < need(made.obligations, made.opened), "enough have approved it, and it waits"


def n_counting(before: Here, made: Request, event: Any) -> int:
    """How many people's approvals count."""
    approved = [*event.standing, *([event.reviewer] if isinstance(event, request.Reviewed) else [])]
    counts = [who for who in approved if not any(is_locked(each, who) for each in before.lives.locks())]
    counts = [who for who in counts if not steers(before.lives, made.requester, who)]
    return len(others_of(counts, made.requester))


def steers(lives: Lives, one: Identity, other: Identity) -> bool:
    """True if one of the two has a live run as the account of the other."""
    users = [(lives.request(each.request).requester.person, each) for each in lives.runs()]
    pairs = {(who, lives.request(each.request).command.run_as.user) for who, each in users}
    return (one.person, other.person) in pairs or (other.person, one.person) in pairs


def is_tighter(new: Any, old: Any) -> bool:
    """True if nothing of ``new`` permits more than ``old``, of what differs in these worlds."""
    return (
        new.uses <= old.uses
        and new.lasts_for <= old.lasts_for
        and sum(each.need for each in new.approvals) >= sum(each.need for each in old.approvals)
        and set(new.gatekeepers) >= set(old.gatekeepers)
    )


# --- the worlds ----------------------------------------------------------------------------------------------------------


def short(*approvals: Approval, **changes: Any) -> Permit:
    """A permit with a short time for all."""
    return permit(*approvals, **{"expires_for": 10, "lasts_for": 100, "uses": 2, **changes})


TWO = short(Approval(2, OPS))
ONE = short(Approval(1, OPS))
NONE = replace(free(expires_for=10, lasts_for=100, uses=2), rule="rule-1")
BROKEN = replace(NONE, obligations=replace(NONE.obligations, break_glass=GLASS))
AS_BOB = command("true", run_as=RunAs("bob", BOB.uid, "bob", BOB.gid))
TWO_THINGS = thing(argv=(b"role:postgres/reader", b"service-ticket:postgres/db1.example.test"), stays=True)
ALICE_OF_OPS = person("alice", groups=frozenset({"ops", "dba"}))
EDIT = Edit(1, 2, 0, 0, 0o644, b"b" * 32, b"a" * 32)
LATER = short(Approval(2, OPS, instead=(Approval(1, OPS, after=5),)))
ASKS_FIRST = short(Approval(1, OPS), gatekeepers=("change",))
ASKS_ALONE = replace(NONE, obligations=replace(NONE.obligations, gatekeepers=("change",)))

WORLDS = {
    "two approvals, two uses and two locks": World(
        (asked(uses=2),), (TWO,), (BOB, CAROL), (locked(lasts_for=50), locked(name="bob", id="L0CK-0002"))
    ),
    "other accounts": World((asked(),), (TWO,), (ALICE_ADMIN, BOB, BOB_ADMIN, CAROL, EVE), is_booted=False),
    "a policy that changes": World((asked(),), (NONE, ONE, TWO), (BOB, CAROL)),
    "a way that opens later": World((asked(),), (LATER,), (BOB, CAROL)),
    "a gatekeeper": World(
        (asked(),), (ASKS_FIRST, ASKS_ALONE), (BOB,), heard=((), (Heard("change", Passes()),), (Heard("change", Refuses("no")),))
    ),
    "two things": World((asked(what=TWO_THINGS, lasts_for=100),), (ONE,), locks=(locked(lasts_for=50),)),
    "a colleague reviews whose account is used": World(
        (asked(what=AS_BOB), asked("ZZZZ-0002")), (ONE,), (BOB,), is_booted=False, freely=(AS_BOB,)
    ),
    "a colleague asks whose account is used": World(
        (asked(what=AS_BOB), asked("BBBB-0003", BOB)), (ONE,), (ALICE_OF_OPS,), (locked(),), is_booted=False, freely=(AS_BOB,)
    ),
}
OF_TWO_REQUESTS = {
    "an edit": World(
        (
            asked(what=command("ed", edit=EDIT), uses=2),
            asked("ZZZZ-0002", what=command("ed", edit=replace(EDIT, after=b"c" * 32))),
        ),
        (NONE,),
    ),
    "glass": World((asked(), asked("ZZZZ-0002")), (BROKEN,), (BOB,)),
    "a second request on a lease": World((asked(uses=2), asked("ZZZZ-0002")), (NONE,), locks=(locked(),)),
}
LARGE = {
    "two approvals and three locks": World(
        (asked(uses=2),),
        (TWO,),
        (BOB, CAROL),
        (
            locked(lasts_for=50),
            locked(name="bob", id="L0CK-0002"),
            locked(name="carol", id="L0CK-0003", lasts_for=20),
        ),
    ),
    "glass and a lock": World((asked(), asked("ZZZZ-0002")), (BROKEN,), (BOB,), (locked(lasts_for=50),)),
    "a second request on a lease that was approved": World(
        (asked(uses=2), asked("ZZZZ-0002")), (ONE,), (BOB,), (locked(lasts_for=50),)
    ),
}


@pytest.fixture(autouse=True)
def without_documents_and_chain(monkeypatch):
    monkeypatch.setattr(lifecycle.documents, "write", lambda there, values: b"")
    monkeypatch.setattr(lifecycle.chain, "record", lambda *told, random: b"")


@cache
def walked(name: str) -> Walk:
    walk = Walk((WORLDS | OF_TWO_REQUESTS | LARGE)[name])
    walk.walk()
    return walk


def look(name: str) -> None:
    begun = time.process_time()
    walk = walked(name)
    print(f"{name}: {len(walk.seen)} states in {time.process_time() - begun:.1f} s")
    assert walk.stuck() == []


@pytest.mark.parametrize("name", WORLDS)
def test_it_holds_in_every_state_and_an_end_is_reached_if_nobody_does_anything(name):
    """THREATS A-01, A-02, A-03, A-16, A-21, A-22, A-24, T-19, T-20."""
    look(name)


@pytest.mark.parametrize("name", OF_TWO_REQUESTS)
def test_it_holds_in_every_state_of_two_requests(name):
    """THREATS A-01, A-26."""
    look(name)


@full("42,000 states take a minute; every day, worlds with fewer locks or without an approval are walked to their end")
@pytest.mark.parametrize("name", LARGE)
def test_it_holds_in_every_state_of_a_large_world(name):
    look(name)


def test_the_worlds_go_every_way_that_a_life_can_go():
    """Only a run that somebody must watch is frozen, and no world has one."""
    moves = set().union(*(walked(name).moves for name in WORLDS | OF_TWO_REQUESTS))
    ways = {
        (life, str(state), str(after))
        for life, module in MODULES.items()
        for state, row in module.LAW.items()
        for after in set().union(*row.values())
        if state is not after and RunState.FROZEN not in (state, after)
    }
    assert ways - {(life, str(state), str(after)) for life, state, after in moves} == set()
