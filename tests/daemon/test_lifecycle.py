# SPDX-License-Identifier: Apache-2.0
"""The one door over the real store: playbooks, atomicity, and random walks over the three machines (invariants 1 to 4, 9)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jitd.core import grant, run
from jitd.core.decision import Approval, Deny, Terms, Why
from jitd.core.effects import ListsChanged, RequestWaits, SetDeadline, StartRun, StopRun, TellRequester
from jitd.core.grant import GrantState, Used
from jitd.core.law import CLOCK, MONITOR, IllegalEvent, Role
from jitd.core.request import NotYours, RequestState, Stale, Verdict
from jitd.core.run import Ending, Outcome, RunState
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import Conflict, StoreError, documents
from jitd.store.sqlite import SqliteStore
from tests.scene import actor, asked, free, moment, permit, person, review, screened, submit, too_late, withdraw
from tests.stored import full_at_commit, put, round_trip
from tests.verified import verify


class House:
    """A store and its lifecycle, with a clock that tests set."""

    def __init__(self, path: Path) -> None:
        self.path = path / "jitd.db"
        self.store = SqliteStore(self.path)
        self.at = moment()
        self.lifecycle = Lifecycle(self.store, lambda: self.at, lambda: "policy-1")

    def handle(self, event):
        return self.lifecycle.handle(event)

    def begin(self, decision, **changes):
        made = asked(**changes)
        self.handle(submit(made))
        self.handle(screened(made, decision))
        return self.store.request(made.id)

    def verify(self):
        return verify(self.store)


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.store.close()


def test_the_main_job_from_submission_to_the_end(house):
    made = asked()
    assert house.handle(submit(made)) == (), "what it asks policy is asked before"
    assert house.handle(screened(made, permit())) == (
        SetDeadline("request", made.id, 1900.0),
        TellRequester(made.id),
        RequestWaits(made.id),
        ListsChanged(),
    )
    waiting = house.store.request(made.id)
    effects = house.handle(review(waiting, person("bob")))
    assert StartRun(made.id, made.id) in effects and TellRequester(made.id) in effects
    assert house.store.request(made.id).state is RequestState.APPROVED
    assert house.store.grant(made.id).left == 0
    assert house.store.run(made.id).state is RunState.STARTING
    house.handle(run.Started(made.id, MONITOR, 42))
    house.handle(run.Ended(made.id, MONITOR, Outcome(Ending.EXITED, 3)))
    assert house.store.run(made.id).outcome == Outcome(Ending.EXITED, 3)
    assert house.store.grant(made.id).state is GrantState.SPENT
    assert house.verify() == 9


def test_what_one_review_causes_is_one_transaction_with_its_records_in_order(house):
    waiting = house.begin(permit())
    before = house.store.head().number
    house.handle(review(waiting, person("bob")))
    names = [body.split(b'"event":"')[1].split(b'"')[0] for _, body, _ in house.store.records(before)]
    assert names == [b"request.reviewed", b"grant.issued", b"grant.used", b"run.starting"]


def test_a_submission_and_its_screening_are_one_transaction_with_their_records_in_order(house):
    made = asked()
    effects = house.lifecycle.handle(submit(made), screened(made, free()))
    assert StartRun(made.id, made.id) in effects
    names = [body.split(b'"event":"')[1].split(b'"')[0] for _, body, _ in house.store.records()]
    assert names == [b"request.submitted", b"request.screened", b"grant.issued", b"grant.used", b"run.starting"]
    assert house.store.request(made.id).state is RequestState.APPROVED
    assert house.verify() == 5


def test_a_submission_whose_screening_fails_never_was(house):
    made = asked()
    under = replace(permit(), lease="0000-0000")
    nothing_changed(house, lambda: house.lifecycle.handle(submit(made), screened(made, under)), IllegalEvent)
    assert house.store.request(made.id) is None


def nothing_changed(house, deed, fault):
    before = (house.store.head(), list(house.store.documents()))
    with pytest.raises(fault):
        deed()
    assert (house.store.head(), list(house.store.documents())) == before
    reopened = SqliteStore(house.path)
    assert (reopened.head(), list(reopened.documents())) == before
    reopened.close()


REFUSED = [
    ("a review of one's own", lambda r: review(r, person("alice", groups=frozenset({"ops"}))), NotYours),
    ("a review by a stranger", lambda r: review(r, person("eve")), NotYours),
    ("a review of another fingerprint", lambda r: review(r, person("bob"), fingerprint=b"0" * 32), Stale),
    ("a second submission", submit, Conflict),
    ("a use of no grant", lambda r: Used(r.id, actor(person("alice")), r.id, Terms()), IllegalEvent),
    ("an end by the requester", lambda r: replace(too_late(r), by=actor(person("alice"))), IllegalEvent),
    ("something that happens to nobody", lambda r: replace(withdraw(r), id="0000-0000"), IllegalEvent),
]


@pytest.mark.parametrize(("name", "event", "fault"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_refused_changes_nothing(house, name, event, fault):
    waiting = house.begin(permit())
    nothing_changed(house, lambda: house.handle(event(waiting)), fault)


def test_a_use_that_was_taken_in_between_takes_the_whole_decision_back(house):
    """A lease with one use left answers for two requests; the second finds it gone, and is still to be decided."""
    house.begin(free(), lasts_for=600, uses=2)
    one, two = asked("AAAA-AAAA"), asked("BBBB-BBBB")
    for made in (one, two):
        house.handle(submit(made))
    under = replace(permit(), lease="K7QM-2XVD")
    house.handle(screened(one, under))
    nothing_changed(house, lambda: house.handle(screened(two, under)), grant.NoUseLeft)
    assert house.store.request("BBBB-BBBB").state is RequestState.SCREENING


def test_a_stop_reaches_the_run_and_its_end_returns_to_the_grant(house):
    house.begin(free())
    effects = house.handle(grant.Revoked("K7QM-2XVD", actor(person("bob"), Role.APPROVER), "wrong host"))
    assert StopRun("K7QM-2XVD", "wrong host") in effects
    house.handle(run.Ended("K7QM-2XVD", MONITOR, Outcome(Ending.SIGNALED, 15)))
    assert house.store.grant("K7QM-2XVD").state is GrantState.REVOKED, "what follows does not reach a life that has ended"


def test_a_commit_that_fails_is_no_commit(house):
    """THREATS L-02."""
    waiting = house.begin(permit())
    with full_at_commit(house.store), pytest.raises(StoreError, match="disk is full"):
        house.handle(review(waiting, person("bob")))
    assert house.store.request(waiting.id).state is RequestState.PENDING
    assert house.store.grant(waiting.id) is None
    house.handle(review(waiting, person("bob")))
    assert house.store.request(waiting.id).state is RequestState.APPROVED
    house.verify()


def test_what_a_commit_that_failed_has_left_is_counted_anew(house, monkeypatch):
    """What one account has is kept, and not counted each time; of what failed nobody knows what came of it."""
    waiting = house.begin(permit())
    assert counts(house.store)[0] == (1, 0, 0)
    with pytest.raises(Conflict):
        put(house.store, replace(waiting, version=9), expected=7)
    with closing(sqlite3.connect(house.path)) as db:
        db.execute("UPDATE requests SET is_open = 0, version = version + 1")
        db.commit()
    assert counts(house.store)[0] == (0, 0, 0)


def test_a_change_for_another_version_is_a_conflict_and_writes_nothing(house):
    waiting = house.begin(permit())
    nothing_changed(house, lambda: put(house.store, replace(waiting, version=9), expected=7), Conflict)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE requests SET document = x'7b7d'",
        "UPDATE requests SET document = x'7b7d', version = version",
        "UPDATE requests SET uid = 0, version = version + 1",
        "DELETE FROM requests",
        "DELETE FROM grants",
        "DELETE FROM runs",
        "UPDATE chain SET body = x'7b7d' WHERE number = 1",
        "DELETE FROM chain WHERE number = 2",
    ],
)
def test_a_statement_past_the_door_is_refused_by_the_schema(house, statement):
    house.begin(free())
    db = sqlite3.connect(house.path)
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(statement)
    db.close()
    house.verify()


def test_a_row_changed_by_somebody_who_drops_the_triggers_is_found(house):
    house.begin(permit())
    db = sqlite3.connect(house.path)
    db.executescript("DROP TRIGGER requests_move; UPDATE requests SET document = replace(document, 'pending', 'approved');")
    db.close()
    with pytest.raises(Exception, match="request K7QM-2XVD"):
        house.verify()


def test_what_is_stored_reads_back_equal(house):
    waiting = house.begin(permit())
    assert round_trip(waiting) == waiting


# --- random walks --------------------------------------------------------------------------------------------------------

REVIEWERS = [
    person("bob"),
    person("carol"),
    person("dave"),
    person("alice", groups=frozenset({"ops"})),
    person("eve"),
    person("carol", person="bob"),
]
STEPS = st.one_of(
    st.tuples(st.just("review"), st.integers(0, len(REVIEWERS) - 1), st.sampled_from(list(Verdict)), st.booleans()),
    st.tuples(
        st.sampled_from(["withdraw", "deadline", "use", "revoke", "expire", "started", "stop", "ended", "unstarted", "again"])
    ),
    st.tuples(st.just("wait"), st.integers(1, 2000)),
)


def counts(store):
    """What alice and bob have of what is bounded for each."""
    return [(store.n_open(who), store.n_unused(who), store.n_running(who)) for who in ("alice", "bob")]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(need=st.integers(1, 3), uses=st.integers(1, 3), steps=st.lists(STEPS, max_size=25))
def test_random_walks_keep_the_invariants(tmp_path_factory, need, uses, steps):
    """Never a run without a quorum of distinct others, never a use spent twice, never a change after an end."""
    house = House(tmp_path_factory.mktemp("walk"))
    made = asked(uses=uses)
    house.handle(submit(made))
    house.handle(screened(made, permit(Approval(need, ("group:ops",)))))
    approved_by: set[str] = set()
    denied = False
    clock = 0.0
    ended_documents: dict[tuple[str, str], bytes] = {}
    for step in steps:
        here, permit_ = house.store.request(made.id), house.store.grant(made.id)
        last = made.id if permit_ is None or permit_.begun < 2 else f"{made.id}.{permit_.begun}"
        match step:
            case ("review", who, verdict, attended):
                event = review(here, REVIEWERS[who], verdict, attended=attended)
            case ("withdraw",):
                event = withdraw(here)
            case ("deadline",):
                event = too_late(here)
            case ("use",):
                event = Used(made.id, actor(person("alice")), made.id, Terms())
            case ("revoke",):
                event = grant.Revoked(made.id, actor(person("dave"), Role.OPERATOR), "no")
            case ("expire",):
                event = grant.Expired(made.id, CLOCK)
            case ("started",):
                event = run.Started(last, MONITOR, 4)
            case ("stop",):
                event = run.StopOrdered(last, actor(person("dave"), Role.OPERATOR), "no")
            case ("ended",):
                event = run.Ended(last, MONITOR, Outcome(Ending.EXITED, 0))
            case ("unstarted",):
                event = run.Ended(last, MONITOR, Outcome(Ending.NOT_STARTED, 126))
            case ("again",):
                event = submit(made)
            case ("wait", seconds):
                clock += seconds
                house.at = moment(clock)
                continue
        before, had = house.store.head(), counts(house.store)
        try:
            house.handle(event)
        except (IllegalEvent, NotYours, Conflict):
            assert (house.store.head(), counts(house.store)) == (before, had)
            continue
        with closing(SqliteStore.reading(house.path)) as counted:
            assert counts(house.store) == counts(counted), "what is kept of each account's is what there is"
        if step[0] == "review":
            reviewer = REVIEWERS[step[1]]
            if step[2] is Verdict.DENY:
                denied = True
            else:
                approved_by.add(reviewer.person)
        permit_ = house.store.grant(made.id)
        if permit_ is not None:
            assert not denied
            assert len(approved_by - {"alice", "eve"}) >= need, "no grant without a quorum of distinct others"
            runs = list(house.store.runs(ended=True))
            started = [r for r in runs if not (r.outcome and r.outcome.ending is Ending.NOT_STARTED)]
            assert len(started) <= permit_.uses and 0 <= permit_.left <= permit_.uses
            if permit_.state in (GrantState.ACTIVE, GrantState.SPENT):
                assert permit_.left + len(started) == permit_.uses, "a use is spent once, or given back"
            assert len({r.id for r in runs}) == len(runs) == permit_.begun
        for life, id, document in house.store.documents():
            if (life, id) in ended_documents:
                assert document == ended_documents[life, id], "nothing changes after an end"
        for found in house.store.requests(ended=True):
            if not found.is_open:
                ended_documents["request", found.id] = documents.write(found, house.store.values(found.id))
        for found_run in house.store.runs(ended=True):
            if not found_run.is_live:
                ended_documents["run", found_run.id] = documents.write(found_run, house.store.values(found_run.id))
    house.verify()
    house.store.close()


def test_a_denial_by_policy_ends_a_request_with_its_reason(house):
    made = asked()
    house.handle(submit(made))
    house.handle(screened(made, Deny(Why.RULE, "weekend freeze", "freeze")))
    after = house.store.request(made.id)
    assert (after.state, after.because, after.rule) == (RequestState.DENIED, "weekend freeze", "freeze")
    assert house.store.grant(made.id) is None
