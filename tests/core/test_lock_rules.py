# SPDX-License-Identifier: Apache-2.0
"""Locks: whom they are on, what they deny and end, and when they end themselves. Law: a lock only ever takes away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core import lock
from jitd.core.decision import Approval, Deny, Permit, Terms, Why
from jitd.core.effects import ForgetAnswers, ListsChanged, SetDeadline, TellRequester
from jitd.core.grant import Revoked, Used
from jitd.core.law import CLOCK, DAEMON, MONITOR, IllegalEvent, Role, name_of
from jitd.core.lock import Carried, Expired, LockedOut, LockState, Whom, answer_to, consequences, is_on, under
from jitd.core.request import Locked, RequestState, Review, Verdict, issued
from jitd.core.run import Ended, Ending, Outcome, Run, StopOrdered
from jitd.core.subject import ROOT, Subject, used_by
from tests.scene import REALM, START, actor, asked, free, lift, locked, moment, permit, person, place, review, screened, withdraw
from tests.stored import in_clear

ALICE, BOB, CAROL, DAVE = (person(name) for name in ("alice", "bob", "carol", "dave"))
ALICE_ADM = replace(ALICE, principal=f"alice/admin@{REALM}", user="alice-adm", uid=1800)
TWIN = replace(ALICE, principal=f"twin@{REALM}", user="twin", person="twin")
LOCAL_ROOT = Subject(ROOT, "root", 0, 0, frozenset({"root"}), "root", None)

# (what, lock, somebody, is it on them?)
ON_WHOM = [
    ("its account", locked(), ALICE, True),
    ("another account", locked(), BOB, False),
    ("another account of the same person", locked(), ALICE_ADM, True),
    ("another account of the same number", locked(), TWIN, True),
    ("the same account by another principal", locked(), replace(ALICE, principal=f"alice/admin@{REALM}"), True),
    ("an account that took its name", locked(), replace(ALICE, uid=4711, person="new"), True),
    ("a longer name", locked(), replace(BOB, user="alice2"), False),
    ("the name in capitals", locked(), replace(BOB, user="ALICE"), False),
    ("somebody without a person behind, by a lock that knows none", locked(person="", uid=None), replace(BOB, user="bob"), False),
    ("its principal", locked(Whom.PRINCIPAL, f"alice@{REALM}"), ALICE, True),
    ("another principal of a person whom the lock does not know", locked(Whom.PRINCIPAL, f"alice@{REALM}"), ALICE_ADM, False),
    ("another principal of the person", locked(Whom.PRINCIPAL, f"alice@{REALM}", person="alice"), ALICE_ADM, True),
    ("another principal of the account's number", locked(Whom.PRINCIPAL, f"alice@{REALM}", uid=ALICE.uid), TWIN, True),
    ("who may be that principal", locked(Whom.PRINCIPAL, f"x@{REALM}"), replace(BOB, perhaps=frozenset({f"x@{REALM}"})), True),
    ("another person, by a principal", locked(Whom.PRINCIPAL, f"alice@{REALM}", person="alice", uid=ALICE.uid), BOB, False),
    ("the same primary in another realm", locked(Whom.PRINCIPAL, "alice@OTHER.TEST"), ALICE, False),
    ("a principal that is spelled like the account", locked(Whom.PRINCIPAL, "alice"), ALICE, False),
    ("everybody", locked(Whom.ALL), ALICE, True),
    ("who placed it", locked(Whom.ALL), DAVE, True),
    ("root, by a lock on everybody", locked(Whom.ALL), LOCAL_ROOT, False),
    ("root, by a lock on its account", locked(name="root", uid=0, person="root"), LOCAL_ROOT, False),
    ("root, by a lock on its name", locked(Whom.PRINCIPAL, "root"), LOCAL_ROOT, False),
    ("an account that its person uses", locked(), used_by(BOB, ALICE, "R0NS-0001"), True),
    ("an account to which its person has become after a login", locked(), used_by(BOB, ALICE), True),
    ("an account that another account of its person uses", locked(), used_by(BOB, ALICE_ADM, "R0NS-0001"), True),
    (
        "an account that its person uses by another one",
        locked(),
        used_by(CAROL, used_by(BOB, ALICE, "R0NS-0001"), "R0NS-2"),
        True,
    ),
    ("an account that its principal uses", locked(Whom.PRINCIPAL, f"alice@{REALM}"), used_by(BOB, ALICE, "R0NS-0001"), True),
    ("an account that somebody else uses", locked(), used_by(BOB, CAROL, "R0NS-0001"), False),
    ("who uses its account", locked(name="bob", uid=BOB.uid, person="bob"), used_by(ALICE, DAVE, "R0NS-0001"), False),
    (
        "an account that its person uses, once it is lifted",
        locked(state=LockState.LIFTED),
        used_by(BOB, ALICE, "R0NS-0001"),
        False,
    ),
    ("root in a run of its person", locked(), used_by(LOCAL_ROOT, ALICE, "R0NS-0001"), False),
    ("its account, once it is lifted", locked(state=LockState.LIFTED), ALICE, False),
    ("its account, once it has expired", locked(state=LockState.EXPIRED), ALICE, False),
]


@pytest.mark.parametrize(("what", "made", "who", "is_it"), ON_WHOM, ids=[row[0] for row in ON_WHOM])
def test_whom_a_lock_is_on(what, made, who, is_it):
    """THREATS A-15."""
    assert is_on(made, who) is is_it


def test_the_answer_says_why_and_where_nobody_said_why_it_says_who():
    assert answer_to([locked()], ALICE) == Deny(Why.LOCKED, 'locked: "laptop stolen"')
    assert answer_to([locked(reason="")], ALICE) == Deny(Why.LOCKED, f"locked by dave@{REALM}")
    assert answer_to([locked()], BOB) is None
    assert answer_to([], ALICE) is None


def test_of_a_lock_on_somebody_who_uses_an_account_its_owner_is_told_who_it_is_and_not_why_they_are_locked():
    in_a_run, logged_in = used_by(BOB, ALICE, "R0NS-0001"), used_by(BOB, ALICE)
    who = f"alice@{REALM} is locked, and may act as bob"
    assert answer_to([locked()], in_a_run) == Deny(Why.LOCKED, f"{who} in run R0NS-0001")
    assert answer_to([locked()], logged_in) == Deny(Why.LOCKED, who)
    on_bob = locked(name="bob", uid=BOB.uid, person="bob")
    assert answer_to([on_bob], in_a_run) == Deny(Why.LOCKED, 'locked: "laptop stolen"')


@pytest.mark.parametrize(
    ("who", "does"),
    [
        (ALICE, True),
        (used_by(BOB, ALICE, "R0NS-0001"), True),
        (used_by(LOCAL_ROOT, ALICE, "R0NS-0001"), True),
        (used_by(LOCAL_ROOT, ALICE), False),  # root has logged in as alice, as operators do
        (used_by(LOCAL_ROOT, CAROL, "R0NS-0001"), False),
        (LOCAL_ROOT, False),
        (BOB, False),
    ],
)
def test_what_a_lock_ends_is_what_its_person_has_asked_for_by_any_account(who, does):
    """THREATS A-24."""
    assert lock.ends(locked(), who) is does
    hers = replace(pending(), requester=who)
    run = Run("R0NS-0009", "GRNT-0001", hers.id, START)
    ended = {type(event) for event in consequences(place(locked()), (), [hers], [], [(run, hers.requester)])}
    assert ended == ({Locked, StopOrdered} if does else set())


def test_under_a_lease_of_somebody_else_only_what_the_locked_person_has_begun_ends():
    """THREATS A-24: bob's lease, which alice has used in her run as him, and he himself."""
    by_her, by_him = (
        replace(pending(id="BBBB-BBBB"), requester=used_by(BOB, ALICE, "R0NS-0001")),
        replace(pending(), requester=BOB),
    )
    lease = issued(
        replace(asked(who=BOB, id="1EAS-0001"), state=RequestState.APPROVED, obligations=free().obligations), moment()
    ).grant
    of_lease = replace(asked(who=BOB, id="1EAS-0001"), state=RequestState.APPROVED, obligations=free().obligations)
    living = [(Run(one.id, lease.id, one.id, START), one.requester) for one in (by_her, by_him)]
    because = f"alice@{REALM} is locked, and may act as bob in run R0NS-0001"
    follows = consequences(place(locked()), (), [], [(lease, of_lease)], living)
    assert follows == (StopOrdered("BBBB-BBBB", actor(DAVE, Role.OPERATOR), because),)


# --- its own life ----------------------------------------------------------------------------------------------------


def test_a_lock_without_an_end_has_no_deadline_and_holds_for_ever():
    made, follows = lock.place(place(locked()))
    assert follows == (ForgetAnswers(), ListsChanged())
    assert not made.is_over_at(moment(10**9))
    with pytest.raises(IllegalEvent, match="time left"):
        lock.transition(made, Expired(made.id, CLOCK), moment(10**9))


def test_a_lock_with_an_end_has_its_deadline_on_the_boot_clock():
    _, follows = lock.place(place(locked(lasts_for=60)))
    assert SetDeadline("lock", "L0CK-0001", 1060.0) in follows


def test_lifted_it_says_by_whom_and_why():
    after, _ = lock.transition(locked(), lift(locked()), moment(5))
    assert (after.state, after.ended_by, after.because) == (LockState.LIFTED, f"dave@{REALM}", "found it")
    assert after.ended_at == START + timedelta(seconds=5)


@pytest.mark.parametrize("end", [LockState.LIFTED, LockState.EXPIRED])
def test_nothing_happens_to_a_lock_after_its_end(end):
    ended = locked(lasts_for=1, state=end)
    for event in (lift(ended), Expired(ended.id, CLOCK), Carried(ended.id, DAEMON, 0.0)):
        with pytest.raises(IllegalEvent):
            lock.transition(ended, event, moment(10, "boot-2"))


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OPERATOR])
def test_none_but_operators_place_and_lift(role):
    with pytest.raises(IllegalEvent):
        lock.place(replace(place(locked()), by=actor(ALICE, role)))
    with pytest.raises(IllegalEvent):
        lock.transition(locked(), replace(lift(locked()), by=actor(ALICE, role)), moment(1))


EVENTS = [
    ("lock.placed", place(locked()), {"whom": "user", "name": "alice", "reason": "laptop stolen", "lasts_for": None}),
    (
        "lock.placed",
        place(locked(Whom.ALL, lasts_for=60)),
        {"whom": "all", "name": "", "reason": "laptop stolen", "lasts_for": 60},
    ),
    ("lock.lifted", lift(locked()), {"because": "found it"}),
    ("lock.carried", Carried("L0CK-0001", DAEMON, 1.5), {"spent_for": "1.500000"}),
    ("lock.expired", Expired("L0CK-0001", CLOCK), {}),
]


@pytest.mark.parametrize(("name", "event", "detail"), EVENTS)
def test_what_the_chain_keeps_of_each_event(name, event, detail):
    assert (name_of(event), in_clear(event.detail())) == (name, detail)


def test_its_states_and_kinds_are_spelled_as_the_chain_keeps_them():
    assert [str(state) for state in LockState] == ["active", "lifted", "expired"]
    assert [str(whom) for whom in Whom] == ["user", "principal", "all"]


def test_each_event_makes_one_new_version():
    made = locked(lasts_for=60)
    assert lock.transition(made, lift(made), moment(5))[0].version == made.version + 1


YEARS = timedelta(days=3653)
JUMPS = [timedelta(hours=1), -timedelta(hours=1), YEARS, -YEARS, timedelta(seconds=61), timedelta(0)]


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_no_jump_of_the_wall_clock_ends_a_lock_early_or_late(jump):
    """THREATS G-01."""
    made = locked(lasts_for=60)
    early, due = moment(59.9), moment(60)
    early, due = replace(early, at=early.at + jump), replace(due, at=due.at + jump)
    assert not made.is_over_at(early)
    with pytest.raises(IllegalEvent):
        lock.transition(made, Expired(made.id, CLOCK), early)
    after, _ = lock.transition(made, Expired(made.id, CLOCK), due)
    assert after.state is LockState.EXPIRED


def test_when_it_will_end_is_told_as_the_wall_clock_goes_now():
    now = moment(20)
    assert locked(lasts_for=60).ends_at(now) == now.at + timedelta(seconds=40)
    jumped = replace(now, at=now.at + YEARS)
    assert locked(lasts_for=60).ends_at(jumped) == jumped.at + timedelta(seconds=40)
    assert locked().ends_at(now) is None


def test_in_another_boot_it_ends_only_after_it_was_carried_there():
    made = locked(lasts_for=60)
    in_another = replace(moment(10**6, "boot-2"), boot=10.0**6)
    assert not made.is_over_at(in_another)
    with pytest.raises(IllegalEvent):
        lock.transition(made, Expired(made.id, CLOCK), in_another)
    after, follows = lock.transition(made, Carried(made.id, DAEMON, 45.0), replace(in_another, boot=3.0))
    assert (after.state, after.left_for, after.ends_boot) == (LockState.ACTIVE, 15.0, 15.0)
    assert follows == (SetDeadline("lock", made.id, 15.0),)
    assert not after.is_over_at(replace(in_another, boot=14.9))
    assert after.is_over_at(replace(in_another, boot=15.0))


def test_of_a_boot_of_which_the_record_proves_nothing_nothing_is_counted():
    made = locked(lasts_for=60)
    assert lock.transition(made, Carried(made.id, DAEMON, 0.0), moment(1, "boot-2"))[0].left_for == 60


def test_it_is_carried_once_a_boot_and_never_back_in_time():
    made = locked(lasts_for=60)
    for event, now in (
        (Carried(made.id, DAEMON, 1.0), moment(1)),  # the boot that it is of already
        (Carried(made.id, DAEMON, -1.0), moment(1, "boot-2")),
    ):
        with pytest.raises(IllegalEvent):
            lock.transition(made, event, now)
    with pytest.raises(IllegalEvent):  # it has no end that could be carried
        lock.transition(locked(), Carried(made.id, DAEMON, 1.0), moment(1, "boot-2"))


@given(
    lasts_for=st.integers(1, 10**8),
    boots=st.lists(st.tuples(st.floats(0, 10**6), st.floats(0, 1)), max_size=6),
    rest=st.floats(0, 10**6),
    wall=st.timedeltas(-YEARS, YEARS),
)
def test_however_often_the_host_boots_a_lock_never_ends_before_its_time(lasts_for, boots, rest, wall):
    """THREATS G-01: each boot lasts a while, of which the record proves a part."""
    made, lived, since = locked(lasts_for=lasts_for, since_boot=0.0), 0.0, 0.0
    for n, (up_for, part) in enumerate(boots):
        lived += up_for
        now = replace(moment(0, f"boot-{n + 2}"), boot=0.0)
        made, _ = lock.transition(made, Carried(made.id, DAEMON, since + up_for * part), now)
    now = replace(moment(0, f"boot-{len(boots) + 1}"), boot=rest)
    now = replace(now, at=now.at + wall)
    if made.is_over_at(now):
        assert lived + rest >= lasts_for - 1e-3  # of floating point


# --- what it does to others ------------------------------------------------------------------------------------------


def pending(**changes):
    first = asked(**changes)
    return replace(first, state=RequestState.PENDING, obligations=permit().obligations, rule="rule-1")


def test_a_permit_for_who_is_locked_is_a_denial():
    event = under((locked(),), asked(), screened(asked(), free()))
    assert event.decision == Deny(Why.LOCKED, 'locked: "laptop stolen"')


def test_an_approval_for_who_is_locked_is_a_denial():
    event = under((locked(),), pending(), review(pending(), BOB))
    assert event.decision == Deny(Why.LOCKED, 'locked: "laptop stolen"')


@pytest.mark.parametrize("verdict", list(Verdict))
def test_who_is_locked_reviews_nothing(verdict):
    with pytest.raises(LockedOut, match="laptop stolen"):
        under((locked(name="bob"),), pending(), review(pending(), BOB, verdict))


def test_an_approval_given_before_its_author_was_locked_no_longer_counts():
    waiting = pending()
    event = under((locked(name="bob"),), waiting, review(waiting, CAROL, standing=(BOB, DAVE)))
    assert event.standing == (DAVE,)
    assert event.decision == review(waiting, CAROL).decision, "the requester is not locked"


def test_who_is_locked_takes_no_use():
    permitted = issued(pending(), moment()).grant
    with pytest.raises(LockedOut):
        under((locked(),), permitted, Used(permitted.id, actor(ALICE), permitted.id, Terms()))
    assert under((locked(name="bob"),), permitted, Used(permitted.id, actor(ALICE), permitted.id, Terms()))


def test_what_only_ends_something_passes_every_lock():
    everybody = (locked(Whom.ALL),)
    for event in (
        withdraw(pending()),
        Revoked("K7QM-2XVD", actor(ALICE), "enough"),
        StopOrdered("K7QM-2XVD", actor(BOB, Role.APPROVER), "no"),
        Ended("K7QM-2XVD", MONITOR, Outcome(Ending.EXITED, 0)),
        lift(locked(Whom.ALL)),
    ):
        assert under(everybody, pending(), event) is event


LOCKS = st.lists(
    st.sampled_from(
        [
            locked(),
            locked(name="bob"),
            locked(Whom.PRINCIPAL, f"carol@{REALM}"),
            locked(Whom.ALL),
            locked(state=LockState.LIFTED),
            locked(Whom.ALL, state=LockState.EXPIRED),
        ]
    ),
    max_size=4,
).map(tuple)
PEOPLE = st.sampled_from([ALICE, BOB, CAROL, DAVE, ALICE_ADM, TWIN, LOCAL_ROOT])
DECISIONS = st.sampled_from(
    [free(), permit(), permit(Approval(2, ("group:ops",))), Deny(Why.RULE, "no", "r"), Deny(Why.ERROR, "x")]
)


@given(LOCKS, PEOPLE, DECISIONS, st.booleans())
def test_a_lock_never_turns_a_deny_into_a_permit_and_a_permit_only_into_a_deny(locks, who, decision, is_review):
    request = pending(who=who)
    event = review(request, person("eve"), decision=decision) if is_review else screened(request, decision)
    if is_review and any(is_on(one, event.reviewer) for one in locks):
        with pytest.raises(LockedOut):
            under(locks, request, event)
        return
    after = under(locks, request, event).decision
    if any(is_on(one, who) for one in locks):
        assert isinstance(after, Deny)
    else:
        assert after == decision
    assert isinstance(decision, Permit) or isinstance(after, Deny)


@given(LOCKS, LOCKS, PEOPLE, DECISIONS, st.lists(PEOPLE, max_size=4).map(tuple))
def test_more_locks_permit_no_more_and_count_no_more_approvals(some, more, who, decision, standing):
    request = pending(who=who)
    event = review(request, person("eve"), decision=decision, standing=standing)
    if any(is_on(one, event.reviewer) for one in (*some, *more)):
        with pytest.raises(LockedOut):
            under((*some, *more), request, event)
        return
    few, many = under(some, request, event), under((*some, *more), request, event)
    assert isinstance(few.decision, Permit) or isinstance(many.decision, Deny)
    assert set(many.standing) <= set(few.standing) <= set(standing)


# (what, lock, locks before it, requester, need, those who approved, does the grant end?)
GRANTS = [
    ("its holder", locked(), (), ALICE, 1, (BOB,), True),
    ("its holder, without any approval", locked(), (), ALICE, 0, (), True),
    ("somebody else", locked(name="eve"), (), ALICE, 1, (BOB,), False),
    ("who approved it", locked(name="bob"), (), ALICE, 1, (BOB,), True),
    ("one of two who approved it, both needed", locked(name="bob"), (), ALICE, 2, (BOB, CAROL), True),
    ("one of two who approved it, one needed", locked(name="bob"), (), ALICE, 1, (BOB, CAROL), False),
    ("the second of two of whom one is needed", locked(name="bob"), (locked(name="carol"),), ALICE, 1, (BOB, CAROL), True),
    ("everybody", locked(Whom.ALL), (), ALICE, 1, (BOB,), True),
    ("everybody, and it is root's", locked(Whom.ALL), (), LOCAL_ROOT, 0, (), False),
]


@pytest.mark.parametrize(("what", "made", "before", "who", "need", "by", "ends"), GRANTS, ids=[row[0] for row in GRANTS])
def test_which_grants_end(what, made, before, who, need, by, ends):
    obligations = (permit(Approval(need, ("group:ops",))) if need else free()).obligations
    reviews = tuple(Review(one, Verdict.APPROVE, "", START) for one in by)
    request = replace(asked(who=who), state=RequestState.APPROVED, obligations=obligations, reviews=reviews)
    permitted = issued(request, moment()).grant
    follows = consequences(place(made), before, [], [(permitted, request)])
    assert follows == ((Revoked(request.id, place(made).by, 'locked: "laptop stolen"'),) if ends else ())


def test_requests_that_wait_are_denied_by_whoever_locked_their_requester():
    hers, his = pending(), pending(id="BBBB-BBBB", who=BOB)
    follows = consequences(place(locked()), (), [hers, his], [])
    assert follows == (Locked(hers.id, actor(DAVE, Role.OPERATOR), "L0CK-0001", 'locked: "laptop stolen"'),)


def test_a_request_that_waits_for_more_goes_on_waiting_when_an_approver_is_locked():
    waiting = replace(pending(), reviews=(Review(BOB, Verdict.APPROVE, "", START),))
    assert consequences(place(locked(name="bob")), (), [waiting], []) == (TellRequester(waiting.id),)
    assert consequences(place(locked(name="carol")), (), [waiting], []) == ()
    assert lock.counted((locked(name="bob"),), waiting) == ()
    assert lock.counted((), waiting) == (BOB,)
