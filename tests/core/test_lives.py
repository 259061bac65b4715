# SPDX-License-Identifier: Apache-2.0
"""The three lives: what may happen to whom, caused by whom. Law: the tables are total, and what they forbid changes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitd.core import grant, lock, request, run
from jitd.core.decision import Approval, Deny, Terms, Why
from jitd.core.effects import ListsChanged, SetDeadline, TellRequester
from jitd.core.grant import GrantState, Issued, Used, covers
from jitd.core.law import CLOCK, MONITOR, Actor, IllegalEvent, Role
from jitd.core.lock import LockState
from jitd.core.request import NotYours, RequestState, Stale, Verdict
from jitd.core.run import Ending, Outcome, RunState
from tests.scene import actor, asked, command, free, moment, permit, person, review, screened, too_late, withdraw

MACHINES = [(request, RequestState), (grant, GrantState), (run, RunState), (lock, LockState)]


@pytest.mark.parametrize(("machine", "states"), MACHINES)
def test_every_state_stands_in_the_law_and_every_event_has_an_author(machine, states):
    assert set(machine.LAW) == set(states)
    events = {event for row in machine.LAW.values() for event in row}
    assert events <= set(machine.MAY_CAUSE)
    assert all(after <= set(states) and after for row in machine.LAW.values() for after in row.values())


@pytest.mark.parametrize(("machine", "states"), MACHINES)
def test_every_state_can_be_reached_and_some_state_is_an_end(machine, states):
    begin = next(iter(states))
    reached, frontier = {begin}, [begin]
    while frontier:
        for after in machine.LAW[frontier.pop()].values():
            frontier += after - reached
            reached |= after
    assert reached == set(states)
    assert any(not row for row in machine.LAW.values())


def pending(**changes):
    after, _ = request.transition(asked(**changes), screened(asked(**changes), permit(Approval(1, ("group:ops",)))), moment())
    return after


# (name, event made from the pending request, state afterwards)
LIFE_OF_A_REQUEST = [
    ("an approval by one of ops", lambda r: review(r, person("bob")), RequestState.APPROVED),
    ("a denial by one of ops", lambda r: review(r, person("bob"), Verdict.DENY), RequestState.DENIED),
    ("a withdrawal", withdraw, RequestState.WITHDRAWN),
    ("its deadline", too_late, RequestState.EXPIRED),
    (
        "an approval when policy now says no",
        lambda r: review(r, person("bob"), decision=Deny(Why.RULE, "freeze", "freeze")),
        RequestState.DENIED,
    ),
    (
        "an approval when policy now asks for more",
        lambda r: review(r, person("bob"), decision=permit(Approval(1, ("group:ops",)), Approval(1, ("group:security",)))),
        RequestState.PENDING,
    ),
]


@pytest.mark.parametrize(("name", "event", "state"), LIFE_OF_A_REQUEST, ids=[row[0] for row in LIFE_OF_A_REQUEST])
def test_what_happens_to_a_pending_request(name, event, state):
    before = pending()
    after, _ = request.transition(before, event(before), moment(10))
    assert after.state is state and after.is_open is (state is RequestState.PENDING)
    assert after.version == before.version + 1


@pytest.mark.parametrize("end", [s for s in RequestState if not request.LAW[s]])
def test_nothing_happens_to_a_request_after_its_end(end):
    ended = replace(pending(), state=end)
    for event in (review(ended, person("bob")), withdraw(ended), too_late(ended), screened(ended, permit())):
        with pytest.raises(IllegalEvent):
            request.transition(ended, event, moment(10))


@pytest.mark.parametrize(
    ("event", "wrong"),
    [
        (review(pending(), person("bob")), Role.REQUESTER),
        (withdraw(pending()), Role.APPROVER),
        (too_late(pending()), Role.OPERATOR),
    ],
)
def test_an_event_of_the_wrong_author_is_refused(event, wrong):
    with pytest.raises(IllegalEvent, match="cannot be caused"):
        request.transition(pending(), replace(event, by=replace(event.by, role=wrong)), moment(1))


def test_a_permit_without_approvals_issues_a_grant_and_takes_its_first_use():
    after, follows = request.transition(asked(), screened(asked(), free()), moment())
    assert after.state is RequestState.APPROVED
    assert [type(f) for f in follows] == [TellRequester, ListsChanged, Issued, Used]


def test_a_permit_for_nobody_who_waits_issues_a_grant_and_starts_nothing():
    _, follows = request.transition(asked(), screened(asked(), free(), attended=False), moment())
    assert [type(f) for f in follows] == [TellRequester, ListsChanged, Issued]


def test_a_pending_request_has_a_deadline_on_the_boot_clock():
    _, follows = request.transition(asked(), screened(asked(), permit()), moment(5))
    assert SetDeadline("request", "K7QM-2XVD", 1000.0 + 5 + 900) in follows


def test_a_review_of_another_fingerprint_counts_for_nothing():
    """THREATS A-03."""
    before = pending()
    with pytest.raises(Stale):
        request.transition(before, review(before, person("bob"), fingerprint=b"x" * 32), moment(1))


# --- invariant 9: nobody reviews their own; one person counts once --------------------------------------------------

OWN = {
    "the same principal": {},
    "the same uid by another principal": {"principal": "alice/admin@EXAMPLE.TEST", "user": "alice-adm", "person": "x"},
    "the same person by another account": {"principal": "alice-adm@EXAMPLE.TEST", "user": "alice-adm", "uid": 1800},
    "the same principal by another uid": {"uid": 1801, "user": "other", "person": "y"},
}


@pytest.mark.parametrize("changes", OWN.values(), ids=OWN.keys())
@pytest.mark.parametrize("verdict", list(Verdict))
def test_nobody_reviews_their_own_request_by_whatever_name(changes, verdict):
    """THREATS A-01."""
    before = pending()
    me = person("alice", groups=frozenset({"ops"}), **changes)
    with pytest.raises(NotYours):
        request.transition(before, review(before, me, verdict), moment(1))


def test_root_without_a_ticket_reviews_nothing():
    before = pending()
    root = person("bob", principal="root", uid=0, user="root", person="root")
    with pytest.raises(NotYours):
        request.transition(before, review(before, root), moment(1))


def two_needed():
    first = asked()
    after, _ = request.transition(first, screened(first, permit(Approval(2, ("group:ops",)))), moment())
    return after


def test_one_person_counts_once_by_however_many_accounts():
    """THREATS A-01."""
    once, _ = request.transition(two_needed(), review(two_needed(), person("bob")), moment(1))
    other = person("carol", person="bob")
    twice, follows = request.transition(once, review(once, other), moment(2))
    assert twice.state is RequestState.PENDING
    assert not any(isinstance(f, Issued) for f in follows)


def test_an_approval_counts_only_while_its_author_may_still_give_it():
    once, _ = request.transition(two_needed(), review(two_needed(), person("bob")), moment(1))
    no_longer = person("bob", groups=frozenset({"bob"}))
    twice, _ = request.transition(once, review(once, person("carol"), standing=(no_longer,)), moment(2))
    assert twice.state is RequestState.PENDING


def test_terms_tighten_while_a_request_waits_and_never_loosen():
    before = pending()
    looser = permit(Approval(1, ("group:ops",)), uses=500, lasts_for=99999)
    after, _ = request.transition(before, review(before, person("bob"), decision=looser), moment(1))
    assert after.obligations is not None and after.obligations.uses == 5 and after.obligations.lasts_for == 3600
    none_owed = free()
    after, _ = request.transition(two_needed(), review(two_needed(), person("bob"), decision=none_owed), moment(1))
    assert after.state is RequestState.PENDING, "an approval that was owed stays owed"


# --- grants ------------------------------------------------------------------------------------------------------------


def granted(**changes):
    made = asked(**changes)
    _, follows = request.transition(made, screened(made, free(), attended=False), moment())
    (issued,) = [f for f in follows if isinstance(f, Issued)]
    permit_, _ = grant.issue(issued)
    return permit_


def use(of):
    return Used(of.id, actor(person("alice")), "REQ1-REQ1", Terms())


@pytest.mark.parametrize(
    ("lasts_for", "uses", "expected"),
    [(None, None, (3600, 1)), (60, None, (60, 5)), (None, 3, (3600, 3)), (60, 2, (60, 2)), (9999, 99, (3600, 5))],
)
def test_a_grant_is_what_was_asked_within_what_the_rule_allows(lasts_for, uses, expected):
    made = granted(lasts_for=lasts_for, uses=uses)
    assert (made.ends_boot - 1000.0, made.uses) == expected


@pytest.mark.parametrize(
    ("lasts_for", "uses", "is_lease"),
    [(None, None, False), (60, None, True), (None, 3, True), (60, 3, True), (None, 1, True), (9999, None, True)],
)
def test_a_lease_is_what_was_asked_for_with_a_time_or_with_uses(lasts_for, uses, is_lease):
    """``--for`` alone is one, ``--uses`` alone is one: that is what ``jitsudo -k`` gives back."""
    assert granted(lasts_for=lasts_for, uses=uses).is_lease is is_lease


def test_a_use_is_taken_once_and_begins_one_run():
    one, follows = grant.transition(granted(), use(granted()), moment(1))
    assert one.left == 0 and [f.id for f in follows] == ["K7QM-2XVD"]
    with pytest.raises(grant.NoUseLeft):
        grant.transition(one, use(one), moment(2))


def test_further_runs_are_numbered():
    one, _ = grant.transition(granted(lasts_for=60), use(granted()), moment(1))
    _, follows = grant.transition(one, use(one), moment(2))
    assert follows[0].id == "K7QM-2XVD.2"


def test_a_use_whose_run_never_started_is_given_back():
    one, _ = grant.transition(granted(), use(granted()), moment(1))
    back, _ = grant.transition(one, run.Returned(one.id, MONITOR, "K7QM-2XVD", was_started=False), moment(2))
    assert back.state is GrantState.ACTIVE and back.left == 1 and not back.living


def test_a_grant_is_spent_when_no_use_is_left_and_the_last_run_has_ended():
    one, _ = grant.transition(granted(), use(granted()), moment(1))
    assert one.state is GrantState.ACTIVE, "revocable while it runs"
    spent, _ = grant.transition(one, run.Returned(one.id, MONITOR, "K7QM-2XVD", was_started=True), moment(2))
    assert spent.state is GrantState.SPENT


@pytest.mark.parametrize(
    "event", [lambda g: grant.Revoked(g.id, actor(person("bob"), Role.APPROVER), "no"), lambda g: grant.Expired(g.id, CLOCK)]
)
def test_the_end_of_a_grant_orders_the_end_of_what_runs_under_it(event):
    one, _ = grant.transition(granted(), use(granted()), moment(1))
    after, follows = grant.transition(one, event(one), moment(2))
    assert not after.is_live
    assert [f.id for f in follows if isinstance(f, run.StopOrdered)] == ["K7QM-2XVD"]


@pytest.mark.parametrize("late", [moment(3600), moment(9999), moment(1, boot_id="boot-2")])
def test_no_use_is_taken_after_the_end_or_in_another_boot(late):
    with pytest.raises(grant.NoUseLeft):
        grant.transition(granted(), use(granted()), late)


COVERS = [
    ("all the same", {}, {}, {}, True),
    ("another terminal and locale", {}, {"locale": ((b"TERM", b"vt100"),), "streams": ("terminal",) * 3}, {}, True),
    ("another argument", {}, {"argv": (b"true", b"x")}, {}, False),
    ("another path", {}, {"path": b"/bin/true"}, {}, False),
    ("another content", {}, {"digest": b"e" * 32}, {}, False),
    ("another account", {}, {"run_as": replace(command().run_as, user="bob", uid=7)}, {}, False),
    ("another group", {}, {"run_as": replace(command().run_as, group="adm", gid=4)}, {}, False),
    ("another directory", {}, {"cwd": b"/tmp"}, {}, False),
    ("another directory of the same name", {}, {"cwd_inode": 3}, {}, False),
    ("a variable more", {}, {"variables": ((b"A", b"b"),)}, {}, False),
    ("another person", {"principal": "bob@EXAMPLE.TEST"}, {}, {}, False),
    ("another uid", {"uid": 4}, {}, {}, False),
    ("another host", {}, {}, {"host": "db2"}, False),
    ("another service", {}, {}, {"service": "sudo"}, False),
    ("by another rule", {}, {}, {"rule": "rule-1"}, False),
    ("after its end", {}, {}, {"now": moment(3600)}, False),
    ("in another boot", {}, {}, {"now": moment(1, boot_id="boot-2")}, False),
]


@pytest.mark.parametrize(("name", "who", "what", "where", "expected"), COVERS, ids=[row[0] for row in COVERS])
def test_what_a_lease_answers_for(name, who, what, where, expected):
    """THREATS A-12: what another rule gave discharges nothing."""
    lease = granted(uses=3)
    given = {"host": lease.host, "service": "jitsudo", "rule": "rule-0", "now": moment(1), **where}
    assert (
        covers(
            lease,
            person("alice", **who),
            given["host"],
            given["service"],
            replace(command("true"), **what),
            given["rule"],
            given["now"],
        )
        is expected
    )


def test_a_used_up_or_ended_grant_covers_nothing():
    one, _ = grant.transition(granted(), use(granted()), moment(1))
    assert not covers(one, person("alice"), one.host, "jitsudo", command("true"), "rule-0", moment(2))
    gone, _ = grant.transition(granted(), grant.Expired("K7QM-2XVD", CLOCK), moment(2))
    assert not covers(gone, person("alice"), gone.host, "jitsudo", command("true"), "rule-0", moment(2))


# --- runs --------------------------------------------------------------------------------------------------------------

BEGUN, _ = run.start(run.Starting("K7QM-2XVD", actor(person("alice")), "K7QM-2XVD", "K7QM-2XVD", moment().at))
STARTED = run.Started(BEGUN.id, MONITOR, 42)
STOP = run.StopOrdered(BEGUN.id, actor(person("bob"), Role.APPROVER), "no")
ENDED = run.Ended(BEGUN.id, MONITOR, Outcome(Ending.EXITED, 0))

LIFE_OF_A_RUN = [
    ((STARTED,), RunState.RUNNING),
    ((STARTED, ENDED), RunState.ENDED),
    ((ENDED,), RunState.ENDED),
    ((STOP,), RunState.STOPPING),
    ((STOP, STARTED), RunState.STOPPING),
    ((STARTED, STOP, ENDED), RunState.ENDED),
]


@pytest.mark.parametrize(("events", "state"), LIFE_OF_A_RUN)
def test_what_happens_to_a_run(events, state):
    at = BEGUN
    for event in events:
        before, (at, _) = at, run.transition(at, event, moment(1))
        assert at.version == before.version + 1
    assert at.state is state and at.is_live is (state is not RunState.ENDED)


@pytest.mark.parametrize("event", [STARTED, STOP, ENDED])
def test_nothing_happens_to_a_run_after_its_end(event):
    ended, _ = run.transition(BEGUN, ENDED, moment(1))
    with pytest.raises(IllegalEvent):
        run.transition(ended, event, moment(2))


def test_a_run_starts_once():
    at, _ = run.transition(BEGUN, STARTED, moment(1))
    with pytest.raises(IllegalEvent):
        run.transition(at, STARTED, moment(2))


def test_a_monitor_cannot_order_its_own_stop():
    with pytest.raises(IllegalEvent, match="cannot be caused"):
        run.transition(BEGUN, replace(STOP, by=Actor(Role.MONITOR, "monitor", 0)), moment(1))
