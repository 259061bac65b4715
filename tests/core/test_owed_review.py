# SPDX-License-Identifier: Apache-2.0
"""The life of an owed review: its tables row by row, who may give it, its clock, and what it prevents.

Law: what an owed review may become stands here as sentences, so that a row that is added to its tables is added here too.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from jitd.core import break_glass, grant, lock, owed_review, request
from jitd.core.authentication import Authentication, Demand, KdcAnswer
from jitd.core.decision import Approval, BreakGlass, Deny, Permit, Terms, Why
from jitd.core.effects import ListsChanged, Notify, SetDeadline
from jitd.core.law import CLOCK, DAEMON, MONITOR, POLICY, Actor, IllegalEvent, Role, name_of
from jitd.core.owed_review import (
    LAW,
    MAY_CAUSE,
    Begun,
    Carried,
    NotAsShown,
    NotTheirs,
    Overdue,
    OwedReview,
    OwedReviewState,
    Reviewed,
    bar,
    begin,
    roles_of,
    transition,
)
from jitd.core.subject import Subject
from tests.scene import START, actor, asked, free, locked, moment, permit, person, review, screened
from tests.stored import in_clear

ID = "K7QM-2XVD"
OPS = Approval(1, ("group:ops",))
GLASS = BreakGlass("restart", (OPS, Approval(2, ("group:security", "user:eve"))), 3600, 2)
ALICE, BOB, CAROL, DAVE, EVE = (person(name) for name in ("alice", "bob", "carol", "dave", "eve"))
MALLORY = person("mallory")
OWED, OVERDUE, REVIEWED = OwedReviewState
PRINT = asked().fingerprint
LAWFUL = [
    "a review that is owed is carried over a boot, and still owed",
    "a review that is owed is overdue when its time is over",
    "a review that is owed was given",
    "a review that is overdue was given",
]
ROWS = {(OWED, Carried): OWED, (OWED, Overdue): OVERDUE, (OWED, Reviewed): REVIEWED, (OVERDUE, Reviewed): REVIEWED}
"""All that can happen, in the order of the sentences."""


def owed(state: OwedReviewState = OWED, **changes: Any) -> OwedReview:
    """The review that alice's broken glass owes, due an hour after the scene begins."""
    made = OwedReview(ID, ALICE, "glass", GLASS, PRINT, START, "boot-1", 1000.0, 3600.0, state=state)
    return replace(made, **changes)


def given(who: Subject = BOB, role: Role = Role.APPROVER, **changes: Any) -> Reviewed:
    """``who`` reviews."""
    return replace(Reviewed(ID, actor(who, role), who, PRINT, "it was right", KdcAnswer.VALID), **changes)


EVENTS: tuple[tuple[Any, Any], ...] = (
    (given(), moment(5)),
    (Overdue(ID, CLOCK), moment(3600)),
    (Carried(ID, DAEMON, 100.0), moment(boot_id="boot-2")),
)


def test_the_tables_are_total() -> None:
    assert set(LAW) == set(OwedReviewState) and LAW[REVIEWED] == {}
    assert set(MAY_CAUSE) == {Begun, Reviewed, Overdue, Carried}
    assert {kind for row in LAW.values() for kind in row} == set(MAY_CAUSE) - {Begun}


def test_each_row_of_the_law_is_a_sentence_here_and_no_other() -> None:
    assert len(LAWFUL) == len(ROWS)
    assert {(state, kind): after for state, row in LAW.items() for kind, after in row.items()} == {
        row: frozenset({after}) for row, after in ROWS.items()
    }


@pytest.mark.parametrize(("state", "event"), list(product(OwedReviewState, EVENTS)))
def test_what_the_law_has_happens_and_nothing_else_does(state: OwedReviewState, event: tuple[Any, Any]) -> None:
    happens, at = event
    after_it = ROWS.get((state, type(happens)))
    if after_it is None:
        with pytest.raises(IllegalEvent):
            transition(owed(state), happens, at)
        return
    after, _ = transition(owed(state), happens, at)
    assert (after.state, after.version, after.is_open) == (after_it, 2, after_it is not REVIEWED)


def test_each_event_is_caused_by_whom_the_table_names_and_by_nobody_else() -> None:
    assert {name_of(kind.__new__(kind)): sorted(roles) for kind, roles in MAY_CAUSE.items()} == {
        "owed_review.begun": ["requester"],
        "owed_review.reviewed": ["approver", "operator"],
        "owed_review.overdue": ["clock"],
        "owed_review.carried": ["daemon"],
    }
    for (event, at), role in product(EVENTS, Role):
        if role not in MAY_CAUSE[type(event)]:
            with pytest.raises(IllegalEvent, match="cannot be caused by the"):
                transition(owed(), replace(event, by=Actor(role, "somebody", 4711)), at)


def test_its_states_are_spelled_as_the_chain_keeps_them() -> None:
    assert [str(state) for state in OwedReviewState] == ["owed", "overdue", "reviewed"]


def test_what_the_chain_keeps_of_each_event() -> None:
    glass = {"rule": "glass", **in_clear(GLASS.detail())}
    assert Begun(ID, actor(ALICE), owed()).detail() == glass
    assert in_clear(given().detail()) == {
        "fingerprint": PRINT.hex(), "comment": "it was right", "groups": ["bob", "ops"], "kdc": "valid", **BOB.ticket(),
    }  # fmt: skip
    assert BOB.ticket(), "how bob was proved is kept as well"
    assert in_clear(Overdue(ID, CLOCK).detail()) == {}
    assert in_clear(Carried(ID, DAEMON, 1.5).detail()) == {"spent_for": "1.500000"}


def test_it_begins_with_the_permit_in_the_same_transaction_and_never_without() -> None:
    fresh = asked()
    for decision, is_owed in ((free(break_glass=GLASS), True), (free(), False)):
        after, follows = request.transition(fresh, screened(fresh, decision), moment(7))
        begun = [one for one in follows if isinstance(one, Begun)]
        assert len(begun) == is_owed and any(isinstance(one, grant.Issued) for one in follows)
        for one in begun:
            made, then = begin(one)
            assert (made.id, made.requester, made.rule, made.glass) == (fresh.id, fresh.requester, "rule-0", GLASS)
            assert (made.fingerprint, made.due_boot, made.state) == (fresh.fingerprint, 1007.0 + 3600, OWED)
            assert then == (Notify(ID), SetDeadline("owed_review", ID, 4607.0), ListsChanged())
            assert in_clear(one.detail())["skipped"] == [[1, "group:ops"], [2, "group:security", "user:eve"]]
        assert after.state is request.RequestState.APPROVED
    for denied in (Deny(Why.RULE, "no"), permit(break_glass=GLASS)):
        after, follows = request.transition(fresh, screened(fresh, denied), moment())
        assert not any(isinstance(one, Begun) for one in follows), "nothing was permitted yet"
    last = request.transition(fresh, screened(fresh, permit(break_glass=GLASS)), moment())[0]
    assert any(isinstance(one, Begun) for one in request.transition(last, review(last, BOB), moment())[1])


# --- who may give it ---------------------------------------------------------------------------------------------------

ALICES_OTHER = person("bob", person="alice")
WEAK = replace(BOB, authentication=Authentication(START, START, (), (), "", "", ()))
OTP = replace(GLASS, skipped=(Approval(1, ("group:ops",), Demand(("otp",))),))
STRONG = replace(WEAK, authentication=Authentication(START, START, (), ("otp",), "", "", ()))
WHO: list[tuple[str, Subject, OwedReview, set[Role]]] = [
    ("somebody who was skipped", BOB, owed(), {Role.APPROVER}),
    ("somebody of another entry", EVE, owed(), {Role.APPROVER}),
    ("somebody who was skipped, late", BOB, owed(OVERDUE), {Role.APPROVER, Role.OPERATOR}),
    ("nobody's approver", MALLORY, owed(), set()),
    ("nobody's approver, late: an operator", MALLORY, owed(OVERDUE), {Role.OPERATOR}),
    ("the requester", replace(ALICE, groups=frozenset({"ops"})), owed(), set()),
    ("the requester, late", ALICE, owed(OVERDUE), set()),
    ("the requester's other account", ALICES_OTHER, owed(OVERDUE), set()),
    ("the requester's number", replace(BOB, uid=ALICE.uid), owed(OVERDUE), set()),
    ("the requester's principal", replace(BOB, principal=ALICE.principal), owed(OVERDUE), set()),
    ("local root", Subject("root", "root", 0, 0, frozenset({"ops"}), "root", None), owed(OVERDUE), set()),
    ("root with a ticket", replace(BOB, uid=0), owed(OVERDUE), set()),
    ("no ticket", replace(BOB, principal="local:bob"), owed(OVERDUE), set()),
    ("a proof by local PAM", replace(BOB, principal="pam:bob"), owed(), set()),
    ("a proof by local PAM, late", replace(BOB, principal="pam:bob"), owed(OVERDUE), set()),
    ("an account that jitd has made, late", replace(BOB, user="jit-k7qm2xvd"), owed(OVERDUE), set()),
    ("too weak a ticket", WEAK, owed(glass=OTP), set()),
    ("a ticket as the approval demands", STRONG, owed(glass=OTP), {Role.APPROVER}),
]


@pytest.mark.parametrize(("who", "it", "roles"), [row[1:] for row in WHO], ids=[row[0] for row in WHO])
def test_who_may_review_and_as_what(who: Subject, it: OwedReview, roles: set[Role]) -> None:
    """THREATS A-01."""
    assert roles_of(it, who) == roles
    for role in (Role.APPROVER, Role.OPERATOR):
        if role in roles:
            after, follows = transition(it, given(who, role), moment(5))
            assert (after.state, after.given_as, after.comment) == (REVIEWED, str(role), "it was right")
            assert after.given_by is not None and after.given_by.principal == who.principal
            assert follows == (Notify(ID), ListsChanged())
        else:
            with pytest.raises(NotTheirs):
                transition(it, given(who, role), moment(5))


def test_a_review_is_of_exactly_the_request_that_was_shown() -> None:
    with pytest.raises(NotAsShown):
        transition(owed(), given(fingerprint=b"x" * 32), moment())


def test_a_locked_person_reviews_nothing() -> None:
    with pytest.raises(lock.LockedOut):
        lock.under((locked(name="bob"),), owed(), given())
    assert lock.under((locked(name="carol"),), owed(), given()) == given()


# --- its clock ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "is_late"),
    [
        (moment(3599.9), False),
        (moment(3600), True),
        (replace(moment(10), at=START + timedelta(days=900)), False),
        (replace(moment(3600), at=START - timedelta(days=900)), True),
        (moment(99999, "boot-2"), False),
    ],
    ids=["before", "then", "a clock set forward", "a clock set back", "another boot"],
)
def test_it_is_overdue_by_the_boot_clock_alone(at: Any, is_late: bool) -> None:
    if is_late:
        after, follows = transition(owed(), Overdue(ID, CLOCK), at)
        assert after.overdue_at == at.at and follows == (Notify(ID), ListsChanged())
    else:
        with pytest.raises(IllegalEvent):
            transition(owed(), Overdue(ID, CLOCK), at)


def test_the_rest_of_its_time_is_counted_in_the_next_boot() -> None:
    there = moment(-1000, "boot-2")
    after, follows = transition(owed(), Carried(ID, DAEMON, 600.0), there)
    assert (after.boot_id, after.due_boot) == ("boot-2", 3000.0) and follows[0] == SetDeadline("owed_review", ID, 3000.0)
    assert after.due_at(there) == there.at + timedelta(seconds=3000)
    assert transition(owed(), Carried(ID, DAEMON, 9999.0), there)[0].due_boot == 0.0
    assert transition(owed(), Carried(ID, DAEMON, 0.0), there)[0].due_boot == 3600.0, "the record may prove nothing"
    for boot, spent in (("boot-1", 1.0), ("boot-2", -1.0)):
        with pytest.raises(IllegalEvent):
            transition(owed(), Carried(ID, DAEMON, spent), moment(boot_id=boot))


# --- what it prevents --------------------------------------------------------------------------------------------------

OTHER = owed(id="QQQQ-0001")
LATE = replace(OTHER, state=OVERDUE)
ELSEWHERE = owed(id="QQQQ-0002", rule="other")
BARS: list[tuple[str, tuple[OwedReview, ...], str, str]] = [
    ("nothing owed", (), ID, ""),
    ("one of two", (OTHER,), ID, ""),
    ("two of two", (OTHER, owed(id="QQQQ-0003")), ID, "2 reviews of your requests by rule glass are owed"),
    ("two, one of them its own", (OTHER, owed()), ID, ""),
    ("two, one by another rule", (OTHER, ELSEWHERE), ID, ""),
    ("two, one given", (OTHER, owed(REVIEWED, id="QQQQ-0003")), ID, ""),
    ("one is overdue", (owed(OVERDUE, id="QQQQ-0003"),), ID, "the review of request QQQQ-0003 is overdue"),
    ("one by another rule is overdue", (replace(ELSEWHERE, state=OVERDUE),), ID, "the review of request QQQQ-0002 is overdue"),
    ("its own is overdue", (owed(OVERDUE),), ID, f"the review of request {ID} is overdue"),
]


@pytest.mark.parametrize(("theirs", "id", "told"), [row[1:] for row in BARS], ids=[row[0] for row in BARS])
def test_what_bars_the_next_one(theirs: tuple[OwedReview, ...], id: str, told: str) -> None:
    no = bar(theirs, "glass", GLASS, id)
    assert (no is None) is (not told)
    decision = Permit("glass", free(break_glass=GLASS).obligations)
    after = break_glass.unbarred(decision, lambda person: theirs, ALICE, id)
    assert after == (no or decision)
    if no is not None:
        assert no.why is Why.REVIEW and no.because.startswith(told) and no.rule == "glass"
        assert "group:ops, group:security or user:eve" in no.because and "jitd review" in no.because


def nothing(id: str) -> None:
    """The review of a request that broke no glass."""


def test_the_one_place_turns_a_permit_that_came_too_late_into_a_denial() -> None:
    """Two decisions at one moment: the second one is stored after the first."""
    fresh, theirs = asked("NEWX-0001"), (owed(), OTHER)
    seen: list[str] = []

    def of(person: str) -> tuple[OwedReview, ...]:
        seen.append(person)
        return theirs

    event = screened(fresh, replace(free(break_glass=GLASS), rule="glass"))
    assert isinstance(break_glass.under(of, nothing, fresh, event).decision, Deny) and seen == ["alice"]
    assert break_glass.under(lambda person: (), nothing, fresh, event) == event
    plain = screened(fresh, free())
    assert break_glass.under(of, nothing, fresh, plain) == plain and seen == ["alice"], "other permits are not asked about"


@pytest.mark.parametrize(
    ("own", "others", "may"),
    [
        (None, (), True),
        (None, (LATE,), True),
        (owed(), (), True),
        (owed(OVERDUE), (), False),
        (owed(), (LATE,), False),
        (owed(REVIEWED), (), True),
        (owed(REVIEWED), (LATE,), False),
    ],
    ids=[
        *("not of broken glass", "not of broken glass, another one overdue", "owed", "overdue", "another one overdue"),
        *("given", "given, and another one overdue"),
    ],
)
def test_a_use_of_a_lease_is_barred_like_a_new_request(own: OwedReview | None, others: tuple[OwedReview, ...], may: bool) -> None:
    theirs = (*(() if own is None or not own.is_open else (own,)), *others)
    fresh = asked(lasts_for=600)
    approved = request.transition(fresh, screened(fresh, free(break_glass=GLASS), attended=False), moment())[0]
    held = request.issued(approved, moment()).grant
    use = grant.Used(held.id, actor(ALICE), held.id, Terms())
    if may:
        assert break_glass.under(lambda person: theirs, lambda id: own, held, use) == use
    else:
        with pytest.raises(break_glass.Barred, match="is overdue"):
            break_glass.under(lambda person: theirs, lambda id: own, held, use)


def test_nothing_else_is_barred() -> None:
    """A person who owes reviews may still do what needs none."""
    fresh, late = asked(), (owed(OVERDUE),)
    for event in (screened(fresh, free()), screened(fresh, permit()), request.Withdrawn(ID, DAEMON, "gone")):
        assert break_glass.under(lambda person: late, nothing, fresh, event) == event
    plain = request.issued(request.transition(asked("PLAN-0001"), screened(fresh, free()), moment())[0], moment()).grant
    use = grant.Used(plain.id, actor(ALICE), plain.id, Terms())
    assert break_glass.under(lambda person: (owed(id="QQQQ-9999", state=OVERDUE),), nothing, plain, use) == use


def test_a_review_is_owed_by_nobody_but_the_requester() -> None:
    for by in (POLICY, CLOCK, MONITOR, DAEMON):
        with pytest.raises(IllegalEvent):
            begin(Begun(ID, by, owed()))


def test_those_who_were_skipped_are_named_in_the_words_of_the_rule() -> None:
    assert owed_review.reviewers(GLASS) == "group:ops, group:security or user:eve"
    assert [owed_review.was_skipped(GLASS, who, ALICE) for who in (BOB, EVE, MALLORY, ALICE)] == [True, True, False, False]
    assert owed_review.lacks(owed(glass=OTP), WEAK) and not owed_review.lacks(owed(glass=OTP), STRONG)
