# SPDX-License-Identifier: Apache-2.0
"""Locks through the one door and over the real store: one transaction, nothing that comes in after it, and boots."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jitd.core import lock, run
from jitd.core.command import RunAs
from jitd.core.decision import Approval, Deny, Terms, Why
from jitd.core.effects import SetDeadline, StopRun, TellRequester
from jitd.core.grant import Grant, GrantState, Used
from jitd.core.law import CLOCK, DAEMON, MONITOR, IllegalEvent, Role
from jitd.core.lock import LockedOut, LockState, Whom, is_on
from jitd.core.naming import Naming
from jitd.core.request import NotYours, Request, RequestState, Verdict
from jitd.core.run import Ending, Outcome, RunState
from jitd.deciding.accounts import Accounts
from jitd.deciding.directory import Account
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.lifecycle.waiters import Waiters
from jitd.store import StoreError, documents
from jitd.store.kept import Kept
from jitd.store.sqlite import SqliteStore
from jitd.verbs.endings import Endings
from jitd.verbs.locks import Locks
from jitd.verbs.refusal import Refusal
from jitd.workers import Workers
from tests.daemon.asking import NO_RECEIPTS
from tests.scene import (
    REALM,
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
    review,
    screened,
    submit,
    too_late,
    withdraw,
)
from tests.stored import full_at_commit, round_trip
from tests.verified import verify


class House:
    """A store and its lifecycle, with a clock that tests set."""

    def __init__(self, path):
        self.path = path / "jitd.db"
        self.store = SqliteStore(self.path)
        self.at = moment()
        self.lifecycle = Lifecycle(self.store, lambda: self.at, lambda: "policy-1")

    def handle(self, *events):
        return self.lifecycle.handle(*events)

    def begin(self, decision, **changes):
        made = asked(**changes)
        self.handle(submit(made), screened(made, decision))
        return self.store.request(made.id)

    def events(self, after=0):
        return [json.loads(body)["event"] for _, body, _ in self.store.records(after)]

    def verify(self):
        return verify(self.store)

    def nothing_changes(self, fault, *events):
        before = (self.store.head(), list(self.store.documents()))
        with pytest.raises(fault):
            self.handle(*events)
        assert (self.store.head(), list(self.store.documents())) == before


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.verify()
    made.store.close()


def test_a_lock_and_all_that_it_ends_are_one_transaction_with_their_records_in_order(house):
    house.begin(free(), id="AAAA-AAAA")
    house.begin(permit(), id="BBBB-BBBB")
    house.begin(permit(), id="CCCC-CCCC", who=person("bob"))
    before = house.store.head().number
    effects = house.handle(place(locked()))
    assert house.events(before) == ["lock.placed", "request.locked", "grant.revoked", "run.stop_ordered"]
    assert StopRun("AAAA-AAAA", 'locked: "laptop stolen"') in effects and TellRequester("BBBB-BBBB") in effects
    denied = house.store.request("BBBB-BBBB")
    assert (denied.state, denied.because, denied.lock) == (RequestState.DENIED, 'locked: "laptop stolen"', "L0CK-0001")
    revoked = house.store.grant("AAAA-AAAA")
    assert (revoked.state, revoked.ended_because) == (GrantState.REVOKED, 'locked: "laptop stolen"')
    assert house.store.run("AAAA-AAAA").state is RunState.STOPPING
    assert house.store.request("CCCC-CCCC").state is RequestState.PENDING, "nobody locked bob"


def test_a_lock_reads_only_what_it_is_about(house, monkeypatch):
    """THREATS S-18: everything that is open was read on the event loop, however large others had made theirs."""
    house.begin(free(), id="AAAA-AAAA")
    house.begin(permit(), id="BBBB-BBBB")
    for n in range(3):
        house.begin(free(), id=f"CCCC-CCC{n}", who=person("eve"))
        house.begin(permit(), id=f"DDDD-DDD{n}", who=person("eve"))
    house.store._kept = Kept()  # nothing of what was read before is at hand
    whole, read = [], documents.read
    monkeypatch.setattr(documents, "read", lambda *args: whole.append(read(*args)) or whole[-1])
    house.handle(place(locked()))
    assert whole and {one.holder.user if isinstance(one, Grant) else one.requester.user for one in whole
                      if isinstance(one, Grant | Request)} == {"alice"}  # fmt: skip
    assert [one.id for one in house.store.requests()] == [f"DDDD-DDD{n}" for n in range(3)]
    assert [one.id for one in house.store.grants()] == [f"CCCC-CCC{n}" for n in range(3)]


def test_a_lock_that_cannot_be_committed_is_none_and_has_ended_nothing(house):
    house.begin(free(), id="AAAA-AAAA")
    house.begin(permit(), id="BBBB-BBBB")
    before = (house.store.head(), list(house.store.documents()))
    with full_at_commit(house.store), pytest.raises(StoreError, match="disk is full"):
        house.handle(place(locked()))
    assert (house.store.head(), list(house.store.documents())) == before
    assert list(house.store.locks()) == []


def test_a_run_that_is_stopped_already_hinders_no_lock_and_no_revocation(house):
    house.begin(free())
    house.handle(run.StopOrdered("K7QM-2XVD", actor(person("bob"), Role.APPROVER), "wrong host"))
    effects = house.handle(place(locked()))
    assert StopRun("K7QM-2XVD", "wrong host") in effects, "once told, it is told"
    assert house.store.grant("K7QM-2XVD").state is GrantState.REVOKED


# --- what was decided before it, and comes after it ------------------------------------------------------------------


def test_an_answer_found_before_a_lock_is_a_denial_after_it(house):
    made = asked()
    events = submit(made), screened(made, free())
    house.handle(place(locked()))
    house.handle(*events)
    found = house.store.request(made.id)
    assert (found.state, found.because) == (RequestState.DENIED, 'locked: "laptop stolen"')
    assert house.store.grant(made.id) is None and list(house.store.runs(ended=True)) == []


def test_what_comes_in_with_a_lock_comes_in_under_it(house):
    made = asked()
    house.handle(place(locked()), submit(made), screened(made, free()))
    assert house.store.request(made.id).state is RequestState.DENIED


def test_a_review_with_the_account_that_a_locked_person_still_uses_changes_nothing(house):
    """THREATS A-25: alice's run as bob is being ended, and nobody knows who of the two steers what he has outside of it."""
    as_bob = replace(command("sh"), run_as=RunAs("bob", 1002, "bob", 1002))
    house.begin(free(), id="AAAA-AAAA", what=as_bob)
    waiting = house.begin(permit(), who=person("eve"))
    house.handle(place(locked()))
    assert house.store.run("AAAA-AAAA").state is RunState.STOPPING
    house.nothing_changes(LockedOut, review(waiting, person("bob")))
    house.handle(run.Ended("AAAA-AAAA", MONITOR, Outcome(Ending.SIGNALED, 9)))
    house.handle(review(waiting, person("bob")))
    assert house.store.request(waiting.id).state is RequestState.APPROVED


def test_a_review_by_who_was_locked_in_between_changes_nothing(house):
    waiting = house.begin(permit())
    event = review(waiting, person("bob"))
    house.handle(place(locked(name="bob")))
    house.nothing_changes(LockedOut, event)
    house.handle(review(waiting, person("carol")))
    assert house.store.request(waiting.id).state is RequestState.APPROVED


def test_an_approval_of_before_the_lock_no_longer_counts_and_counts_again_after_it(house):
    house.begin(permit(Approval(2, ("group:ops",))))
    house.handle(review(house.store.request("K7QM-2XVD"), person("bob")))
    house.handle(place(locked(name="bob")))
    house.handle(review(house.store.request("K7QM-2XVD"), person("carol")))
    assert house.store.request("K7QM-2XVD").state is RequestState.PENDING, "carol's is the only one that counts"
    assert house.store.grant("K7QM-2XVD") is None
    house.handle(lift(locked(name="bob")))
    house.handle(review(house.store.request("K7QM-2XVD"), person("dave")))
    assert house.store.request("K7QM-2XVD").state is RequestState.APPROVED


def test_a_lease_ends_and_what_ended_does_not_come_back_with_unlock(house):
    house.begin(free(), lasts_for=600, uses=5)
    house.handle(place(locked()))
    house.handle(lift(locked()))
    house.nothing_changes(IllegalEvent, Used("K7QM-2XVD", actor(person("alice")), "K7QM-2XVD", Terms()))
    assert house.begin(permit(), id="BBBB-BBBB").state is RequestState.PENDING, "but anew may be asked"


def test_two_locks_hold_until_both_are_lifted(house):
    house.handle(place(locked()))
    house.handle(place(locked(Whom.ALL, id="L0CK-0002")))
    house.handle(lift(locked()))
    assert house.begin(free()).state is RequestState.DENIED
    house.handle(lift(locked(id="L0CK-0002")))
    assert house.begin(free(), id="BBBB-BBBB").state is RequestState.APPROVED


def test_what_may_not_happen_to_a_lock_changes_nothing(house):
    house.handle(place(locked(lasts_for=60)))
    by_alice = actor(person("alice"))
    house.nothing_changes(IllegalEvent, place(locked(lasts_for=60)))
    house.nothing_changes(IllegalEvent, replace(lift(locked()), by=by_alice))
    house.nothing_changes(IllegalEvent, lock.Expired("L0CK-0001", CLOCK))
    house.nothing_changes(IllegalEvent, lock.Expired("L0CK-0009", CLOCK))
    house.nothing_changes(IllegalEvent, replace(place(locked(id="L0CK-0002")), by=by_alice))
    house.handle(lift(locked()))
    house.nothing_changes(IllegalEvent, lift(locked()))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE locks SET document = x'7b7d'",
        "UPDATE locks SET is_open = 0",
        "UPDATE locks SET id = 'x', version = version + 1",
        "DELETE FROM locks",
    ],
)
def test_no_statement_past_the_door_opens_a_lock(house, statement):
    house.handle(place(locked()))
    db = sqlite3.connect(house.path)
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(statement)
    db.close()


def test_a_lock_taken_away_by_somebody_who_drops_the_triggers_is_found(tmp_path):
    house = House(tmp_path)
    house.handle(place(locked()))
    db = sqlite3.connect(house.path)
    db.executescript("DROP TRIGGER locks_stay; DELETE FROM locks;")
    db.close()
    with pytest.raises(Exception, match="lock L0CK-0001 is missing"):
        house.verify()
    house.store.close()


# --- boots -----------------------------------------------------------------------------------------------------------


def test_what_a_boot_proves_is_the_time_to_its_last_record(house):
    house.handle(place(locked(lasts_for=600)))
    house.at = moment(250)
    house.lifecycle.note("daemon.stopped", "root", 0, {})
    house.at = replace(moment(99_000, "boot-2"), boot=5.0)  # off for a day, or a clock that was set: nobody knows
    house.lifecycle.note("daemon.started", "root", 0, {})
    assert house.lifecycle.proved_since("boot-1", 1000.0) == 250.0
    assert house.lifecycle.proved_since("boot-1", 1300.0) == 0.0
    assert house.lifecycle.proved_since("boot-0", 0.0) == 0.0, "a boot that nobody knows proves nothing"
    spent_for = house.lifecycle.proved_since("boot-1", 1000.0)
    assert house.handle(lock.Carried("L0CK-0001", DAEMON, spent_for)) == (SetDeadline("lock", "L0CK-0001", 350.0),)
    house.at = replace(house.at, boot=349.0)
    house.nothing_changes(IllegalEvent, lock.Expired("L0CK-0001", CLOCK))
    house.at = replace(house.at, boot=350.0)
    house.handle(lock.Expired("L0CK-0001", CLOCK))
    assert house.store.lock("L0CK-0001").state is LockState.EXPIRED


# --- whom the verb finds -----------------------------------------------------------------------------------------------


PRINCIPALS = {f"alice/admin@{REALM}": "alice-adm"}
PEOPLE = {"alice": frozenset({"alice", "alice-adm"}), "the-bobs": frozenset({"bob", "bob-adm"})}


def locking(house, known, ending=()):
    """The operators' side over ``house``; ``known`` stands for the name service, and ``ending`` was read as being ended."""

    async def being_ended(who, is_it):
        return list(ending)

    waiters = Waiters()
    until_gone = partial(Endings.until_gone, SimpleNamespace(_store=house.store, _waiters=waiters))
    made = Locks(
        SimpleNamespace(refuse=lambda act, who: None, demands=""),
        SimpleNamespace(being_ended=being_ended, until_gone=until_gone),
        SimpleNamespace(act=house.handle),
        house.store,
        Accounts(Naming(frozenset({REALM}), PRINCIPALS), PEOPLE, 1000),
        waiters,
        Workers(),
        lambda: house.at,
        NO_RECEIPTS,
    )
    made._known = known
    return made


def test_a_run_that_ends_before_the_lock_is_placed_is_not_waited_for(house):
    """Nobody tells of its end a second time: the verb would wait until it gives up, and say that something runs."""
    house.begin(free(), id="AAAA-AAAA")
    house.handle(run.Ended("AAAA-AAAA", DAEMON, Outcome(Ending.LOST, 0, "the host")))
    made = locking(house, lambda user: Account("alice", 1001), ending=["AAAA-AAAA"])
    said = asyncio.run(made.lock(person("dave"), "user", "alice", None, ""))
    assert said.endswith("is on user alice: 1 run was being ended already"), said


def hangs(user):
    raise TimeoutError


def is_down(user):
    raise OSError(111, "Connection refused")


@pytest.mark.parametrize("known", [lambda user: None, hangs, is_down], ids=["nobody has that name now", "it hangs", "it is down"])
@pytest.mark.parametrize(("whom", "name"), [("user", "alice"), ("principal", f"alice@{REALM}")])
def test_somebody_whom_no_name_service_knows_is_locked_if_they_have_something_here(house, known, whom, name):
    house.begin(permit(), id="BBBB-BBBB")
    said = asyncio.run(locking(house, known).lock(person("dave"), whom, name, None, "left us"))
    assert "1 request denied" in said
    (made,) = house.store.locks()
    assert is_on(made, person("alice"))


@pytest.mark.parametrize("known", [hangs, is_down])
@pytest.mark.parametrize(("whom", "name"), [("user", "alice"), ("user", "#1001"), ("principal", f"alice@{REALM}")])
def test_a_lock_is_on_the_name_while_no_directory_answers_and_says_so(house, known, whom, name):
    """THREATS A-15: whoever comes by that name later is locked."""
    said = asyncio.run(locking(house, known).lock(person("dave"), whom, name, None, ""))
    assert said.endswith("; its account could not be looked up, so the lock is on the name")
    (made,) = house.store.locks()
    assert is_on(made, person("alice")) and not is_on(made, person("bob"))


def test_a_name_that_a_directory_does_not_know_is_locked_by_nobody(house):
    """THREATS A-15: the twin. A name that was mistyped is no lock."""
    before = house.store.head()
    with pytest.raises(Refusal, match="there is no account alcie here"):
        asyncio.run(locking(house, lambda user: None).lock(person("dave"), "user", "alcie", None, ""))
    assert house.store.head() == before


ADMIN = person("alice", principal=f"alice/admin@{REALM}", user="alice-adm", uid=1800)
BY_ACCOUNT = person("alice", principal="local:alice", ticket_ends_at=None)
SPELLINGS = [
    ("user", "alice"),
    ("user", "alice-adm"),
    ("user", "local:alice"),
    ("user", f"alice/admin@{REALM}"),
    ("user", "alice/admin"),
    ("principal", f"alice@{REALM}"),
    ("principal", f"alice/admin@{REALM}"),
    ("principal", "alice/admin"),
    ("principal", "local:alice"),
]


@pytest.mark.parametrize("known", [lambda user: Account(user, {"alice": 1001}.get(user, 1800)), hangs])
@pytest.mark.parametrize(("whom", "name"), SPELLINGS)
def test_every_spelling_of_a_person_locks_all_of_them_and_nobody_else(house, known, whom, name):
    """THREATS A-15."""
    for n, who in enumerate((person("alice"), ADMIN, BY_ACCOUNT, person("bob"))):
        house.begin(permit(), id=f"AAAA-000{n}", who=who)
    said = asyncio.run(locking(house, known).lock(person("dave"), whom, name, None, ""))
    assert "3 requests denied" in said
    assert [one.requester.user for one in house.store.requests()] == ["bob"]
    (made,) = house.store.locks()
    assert asyncio.run(locking(house, known).unlock_all_on(person("dave"), whom, name, "")).endswith("lifted")


def test_a_person_who_is_no_account_is_locked_by_all_of_theirs(house):
    """THREATS A-15: by the name that ``[people]`` has for them."""
    house.begin(permit(), id="AAAA-0001", who=person("bob", person="the-bobs"))
    said = asyncio.run(locking(house, lambda user: None).lock(person("dave"), "user", "the-bobs", None, ""))
    assert "1 request denied" in said


@pytest.mark.parametrize("lasts_for", [0, -1, 10 * 365 * 86400 + 1, 2**64 - 1])
def test_a_duration_that_is_none_locks_nobody(house, lasts_for):
    """THREATS G-03: whatever a client sends past the verb's own check."""
    before = house.store.head()
    with pytest.raises(Refusal, match="between a second and ten years"):
        asyncio.run(locking(house, hangs).lock(person("dave"), "all", "", lasts_for, ""))
    assert house.store.head() == before


@pytest.mark.parametrize(("whom", "name"), [("user", ""), ("principal", ""), ("all", "alice"), ("group", "ops"), ("", "")])
def test_a_lock_on_nothing_that_a_lock_can_be_on_locks_nobody(house, whom, name):
    before = house.store.head()
    with pytest.raises(Refusal, match="a lock is on a user, on a principal, or on all"):
        asyncio.run(locking(house, hangs).lock(person("dave"), whom, name, None, ""))
    assert house.store.head() == before


# --- random walks ----------------------------------------------------------------------------------------------------

REVIEWERS = [person("bob"), person("carol"), person("dave")]
KINDS = [
    locked(),
    locked(name="bob"),
    locked(Whom.PRINCIPAL, "carol@EXAMPLE.TEST"),
    locked(Whom.ALL),
    locked(lasts_for=300),
]
STEPS = st.one_of(
    st.tuples(st.just("review"), st.integers(0, 2), st.sampled_from(list(Verdict))),
    st.tuples(st.just("ask"), st.integers(0, 2)),
    st.tuples(st.just("lock"), st.integers(0, len(KINDS) - 1)),
    st.tuples(st.just("lift"), st.integers(0, 9)),
    st.tuples(st.just("over"), st.integers(0, 9)),
    st.tuples(st.sampled_from(["withdraw", "deadline", "use", "started", "ended", "unstarted", "stop"])),
    st.tuples(st.just("wait"), st.integers(1, 400)),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=30))
def test_nothing_that_matches_starts_or_goes_on_while_a_lock_is_there(tmp_path_factory, steps):
    house = House(tmp_path_factory.mktemp("walk"))
    clock, n_asked, n_locks = 0.0, 0, 0
    begun: set[str] = set()
    for step in steps:
        last = f"AAAA-{n_asked:04}"
        here = house.store.request(last)
        match step:
            case ("ask", which):
                n_asked += 1
                made = asked(f"AAAA-{n_asked:04}", uses=3)
                decision = [free(), permit(), permit(Approval(2, ("group:ops",)))][which]
                events = (submit(made), screened(made, decision))
            case ("lock", which):
                n_locks += 1
                made = replace(KINDS[which], id=f"L0CK-{n_locks:04}", since_boot=house.at.boot)
                events = (place(made),)
            case ("lift", which):
                events = (lift(locked(id=f"L0CK-{which:04}")),)
            case ("over", which):
                events = (lock.Expired(f"L0CK-{which:04}", CLOCK),)
            case ("wait", seconds):
                clock += seconds
                house.at = moment(clock)
                continue
            case _ if here is None:
                continue
            case ("review", who, verdict):
                events = (review(here, REVIEWERS[who], verdict),)
            case ("withdraw",):
                events = (withdraw(here),)
            case ("deadline",):
                events = (too_late(here),)
            case ("use",):
                events = (Used(last, actor(person("alice")), last, Terms()),)
            case ("started",):
                events = (run.Started(last, MONITOR, 4),)
            case ("ended",):
                events = (run.Ended(last, MONITOR, Outcome(Ending.EXITED, 0)),)
            case ("unstarted",):
                events = (run.Ended(last, MONITOR, Outcome(Ending.NOT_STARTED, 126)),)
            case ("stop",):
                events = (run.StopOrdered(last, actor(person("dave"), Role.OPERATOR), "no"),)
        before = house.store.head()
        try:
            house.handle(*events)
        except (IllegalEvent, NotYours):
            assert house.store.head() == before
            continue
        locks = list(house.store.locks())
        on_alice = any(is_on(one, person("alice")) for one in locks)
        if on_alice:
            assert not list(house.store.requests(ended=False)), "nothing of hers waits"
            assert not list(house.store.grants()), "nothing is permitted"
            assert all(one.state is RunState.STOPPING for one in house.store.runs()), "and what ran is being ended"
            assert {one.id for one in house.store.runs(ended=True)} == begun, "nothing has begun"
        for permitted in house.store.grants():
            request = house.store.request(permitted.id)
            assert request.obligations is not None
            needed = sum(approval.need for approval in request.obligations.approvals)
            assert len({one.person for one in lock.counted(tuple(locks), request)}) >= needed, (
                "and stands on approvals that count"
            )
        begun = {one.id for one in house.store.runs(ended=True)}
    house.verify()
    house.store.close()


def test_a_denial_stays_what_it_is_under_a_lock(house):
    house.handle(place(locked(name="bob")))
    found = house.begin(Deny(Why.RULE, "weekend freeze", "freeze"))
    assert (found.state, found.because, found.rule) == (RequestState.DENIED, "weekend freeze", "freeze")


def test_what_was_locked_is_stored_and_reads_back_equal(house):
    made = locked(Whom.PRINCIPAL, "x\u202e@Y", reason="\x1b[31m\n'\"\\ ü", lasts_for=60)
    house.handle(place(made))
    assert house.store.lock(made.id) == made
    assert round_trip(made) == made
    assert made in list(house.store.locks(ended=True))
