# SPDX-License-Identifier: Apache-2.0
"""Notices, as tables: what of a request is to be told at a moment, to whom, and what is no longer to be told.

Law: what is told depends on the request, the moment and what was told before, and on nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from jitd.core.decision import Approval
from jitd.core.notice import (
    ENDS,
    LOUD,
    STILL_TOLD_FOR,
    Back,
    Event,
    Notice,
    Skipped,
    Whom,
    awaits_things,
    decider,
    half_time,
    has_approved,
    is_of_things,
    is_stale,
    owed,
    owed_of_things,
)
from jitd.core.request import Request, RequestState, Review, Verdict
from tests.scene import START, asked, free, moment, permit, person

ID = "K7QM-2XVD"
OPS, SECURITY = Approval(1, ("group:ops",)), Approval(1, ("group:security",), after=60)
MANAGER = Approval(1, ("group:managers",), after=300)
EITHER = replace(OPS, instead=(SECURITY, MANAGER))
BOB, CAROL = person("bob"), person("carol")


def waiting(*approvals: Approval, **changes: Any) -> Request:
    """A request that waits for approvals, 900 seconds long."""
    made = asked(state=RequestState.PENDING, obligations=permit(*approvals).obligations, rule="rule-1", waits=False)
    return replace(replace(made, expires_at=START + timedelta(seconds=900), expires_boot=1900.0), **changes)


def told(notices: tuple[Notice, ...]) -> list[tuple[str, str]]:
    """The mark of each notice, and whom it is for."""
    assert all(notice.request == ID for notice in notices)
    return [(notice.mark, str(notice.whom)) for notice in notices]


WAITS, REMINDER = ("waits", "approvers"), ("reminder", "approvers")


def test_the_marks_are_spelled_as_the_store_keeps_them() -> None:
    assert [str(event) for event in Event] == [
        "waits", "opened", "reminder", "decided", "break_glass", "overdue", "reviewed", "not_taken", "taken",
    ]  # fmt: skip
    assert [str(whom) for whom in Whom] == ["approvers", "told", "requester", "answerable"]


def test_after_an_end_nothing_is_told_and_what_is_grave_nobody_mutes() -> None:
    assert {Event.DECIDED, Event.REVIEWED} == ENDS
    assert {Event.BREAK_GLASS, Event.OVERDUE, Event.NOT_TAKEN} == LOUD


# --- while it waits --------------------------------------------------------------------------------------------------

HEARD_FIRST = {"waits": START + timedelta(seconds=1)}
# the request, seconds since it was submitted, what one address got before; what is to be told to it
WHILE_IT_WAITS: dict[str, tuple[Request, float, dict[str, datetime], list[tuple[str, str]]]] = {
    "at once": (waiting(), 0, {}, [WAITS]),
    "just before half of its time": (waiting(), 449.9, HEARD_FIRST, [WAITS]),
    "at half of its time": (waiting(), 450, HEARD_FIRST, [WAITS, REMINDER]),
    "later": (waiting(), 899.9, HEARD_FIRST, [WAITS, REMINDER]),
    "at its end": (waiting(), 900, HEARD_FIRST, []),
    "in another half of its time, to who heard nothing": (waiting(), 500, {}, [WAITS]),
    "to who heard of it just before its half": (
        waiting(), 500, {"waits": START + timedelta(seconds=449.9)}, [WAITS, REMINDER]
    ),
    "to who heard of it at its half": (waiting(), 500, {"waits": START + timedelta(seconds=450)}, [WAITS]),
    "to who heard of one thing early and of another late": (
        waiting(), 500, {"opened-60": START + timedelta(seconds=460), **HEARD_FIRST}, [WAITS, REMINDER]
    ),
    "while gatekeepers are asked": (waiting(asking_at=START), 10, {}, []),
    "before policy has decided": (waiting(obligations=None), 10, {}, []),
    "without a deadline": (waiting(expires_boot=None), 9999, HEARD_FIRST, [WAITS]),
    "when no way has opened": (waiting(EITHER), 10, {}, [WAITS]),
    "when one way has opened": (waiting(EITHER, opened=60), 61, {}, [WAITS, ("opened-60", "approvers")]),
    "when one way has opened, and the next is not due": (
        waiting(EITHER, opened=299), 299, {}, [WAITS, ("opened-60", "approvers")]
    ),
    "when both have": (
        waiting(EITHER, opened=300), 301, {}, [WAITS, ("opened-60", "approvers"), ("opened-300", "approvers")]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("request_", "after", "before", "expected"), WHILE_IT_WAITS.values(), ids=list(WHILE_IT_WAITS))
def test_what_is_told_while_it_waits(
    request_: Request, after: float, before: dict[str, datetime], expected: list[tuple[str, str]]
) -> None:
    assert told(owed(request_, moment(after), before)) == expected


def test_nothing_is_told_of_one_that_waited_in_another_boot() -> None:
    assert owed(waiting(), moment(10, "boot-2")) == ()
    assert told(owed(waiting(expires_boot=None), moment(10, "boot-2"))) == [WAITS]


def test_each_notice_names_those_who_may_approve_by_it() -> None:
    made = waiting(EITHER, opened=300)
    first, second, third, reminder = owed(made, moment(450), HEARD_FIRST)
    assert [way.of_whom for way in first.approvals] == [("group:ops",)], "who was entitled from the beginning"
    assert (second.approvals, third.approvals) == ((SECURITY,), (MANAGER,)), "who is entitled only now"
    assert [way.of_whom for way in reminder.approvals] == [("group:ops",), ("group:security",), ("group:managers",)]


def test_ways_that_open_at_the_same_time_are_told_together() -> None:
    also = replace(OPS, instead=(replace(SECURITY, after=300), MANAGER))
    notices = owed(waiting(also, OPS, opened=300), moment(301))
    assert told(notices) == [WAITS, ("opened-300", "approvers")]
    assert notices[1].approvals == (replace(SECURITY, after=300), MANAGER)


@pytest.mark.parametrize(("expires_boot", "half"), [(None, None), (1900.0, 1450.0), (1001.0, 1000.5)])
def test_half_of_its_time_is_counted_from_its_submission(expires_boot: float | None, half: float | None) -> None:
    assert half_time(waiting(expires_boot=expires_boot)) == half


# --- at its end ------------------------------------------------------------------------------------------------------

DECIDED, TO_REQUESTER = ("decided", "told"), ("decided", "requester")
KEPT = free(gatekeepers=("change",)).obligations
AT_ITS_END: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "approved": ({"state": RequestState.APPROVED}, [DECIDED, TO_REQUESTER]),
    "denied": ({"state": RequestState.DENIED}, [DECIDED, TO_REQUESTER]),
    "expired": ({"state": RequestState.EXPIRED}, [DECIDED, TO_REQUESTER]),
    "withdrawn by who asked, who knows it": ({"state": RequestState.WITHDRAWN}, [DECIDED]),
    "while its client waits, which says it": ({"state": RequestState.APPROVED, "waits": True}, [DECIDED]),
    "by a lease, at once": ({"state": RequestState.APPROVED, "lease": "AAAA-AAAA"}, [DECIDED]),
    "by policy alone": ({"state": RequestState.APPROVED, "obligations": free().obligations}, [DECIDED]),
    "by gatekeepers": ({"state": RequestState.APPROVED, "obligations": KEPT}, [DECIDED, TO_REQUESTER]),
    "by a deny of policy": ({"state": RequestState.DENIED, "obligations": None}, [DECIDED]),
    "not at all: it is being decided": ({"state": RequestState.SCREENING}, []),
}


@pytest.mark.parametrize(("changes", "expected"), AT_ITS_END.values(), ids=list(AT_ITS_END))
def test_what_is_told_of_its_end(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert told(owed(replace(waiting(), **changes), moment(10))) == expected


def test_an_end_is_told_for_a_day_after_the_deadline() -> None:
    assert timedelta(days=1) == STILL_TOLD_FOR
    ended = waiting(state=RequestState.EXPIRED)
    for after, is_late in ((900, False), (900 + 86_400, False), (900.1 + 86_400, True)):
        assert is_stale(ended, moment(after)) is is_late
        assert bool(owed(ended, moment(after))) is not is_late
    assert is_stale(replace(ended, expires_at=None), moment(10**7)) is False


def reviewed(state: RequestState, *verdicts: tuple[Any, Verdict]) -> Request:
    reviews = tuple(Review(who, verdict, "", START) for who, verdict in verdicts)
    return waiting(state=state, reviews=reviews)


APPROVE, DENY = Verdict.APPROVE, Verdict.DENY
# the request, who ended it by a review
ENDED_BY: dict[str, tuple[Request, Any]] = {
    "an approval": (reviewed(RequestState.APPROVED, (BOB, APPROVE)), BOB),
    "the last of two approvals": (reviewed(RequestState.APPROVED, (BOB, APPROVE), (CAROL, APPROVE)), CAROL),
    "a denial after an approval": (reviewed(RequestState.DENIED, (BOB, APPROVE), (CAROL, DENY)), CAROL),
    "policy, after an approval": (reviewed(RequestState.DENIED, (BOB, APPROVE)), None),
    "its deadline, after an approval": (reviewed(RequestState.EXPIRED, (BOB, APPROVE)), None),
    "nobody yet": (reviewed(RequestState.PENDING, (BOB, APPROVE)), None),
    "nobody at all": (reviewed(RequestState.APPROVED), None),
}


@pytest.mark.parametrize(("request_", "who"), ENDED_BY.values(), ids=list(ENDED_BY))
def test_who_ended_it(request_: Request, who: Any) -> None:
    assert decider(request_) == who


def test_who_has_approved_is_a_person_and_no_account() -> None:
    both = reviewed(RequestState.PENDING, (replace(BOB, person="bo"), APPROVE), (CAROL, DENY))
    assert [has_approved(name, both) for name in ("bo", "bob", "carol", "")] == [True, False, False, False]


# --- of broken glass -------------------------------------------------------------------------------------------------


def test_of_broken_glass_those_who_were_skipped_are_told_first_that_it_is_and_then_that_it_is_overdue() -> None:
    made, skipped = waiting(state=RequestState.APPROVED), Skipped((OPS,))
    begun = Notice(Event.BREAK_GLASS, ID, Whom.APPROVERS, (OPS,))
    assert owed(made, moment(), skipped=skipped) == (begun,)
    late = Notice(Event.OVERDUE, ID, Whom.APPROVERS, (OPS,))
    assert owed(made, moment(), skipped=replace(skipped, is_overdue=True)) == (begun, late)


@pytest.mark.parametrize(("after", "is_news"), [(0, True), (86_400, True), (86_400.1, False)])
def test_that_its_review_was_given_is_told_for_a_day(after: float, is_news: bool) -> None:
    given = Skipped((OPS,), is_overdue=True, given_by="bob", given_at=START)
    expected = (Notice(Event.REVIEWED, ID, Whom.TOLD, by="bob"),) if is_news else ()
    assert owed(waiting(), moment(after), skipped=given) == expected


# --- of things -------------------------------------------------------------------------------------------------------

STUCK = Back("HELD-0001", "account:dba", why="the KDC is silent")
TAKEN = Back("HELD-0002", "account:dba", left="two processes")


def test_of_a_thing_it_is_told_that_it_cannot_be_taken_back_and_to_who_heard_that_it_was() -> None:
    stuck = Notice(Event.NOT_TAKEN, ID, Whom.ANSWERABLE, key="not_taken-HELD-0001", back=STUCK)
    taken = Notice(Event.TAKEN, ID, Whom.ANSWERABLE, key="taken-HELD-0002", back=TAKEN)
    assert owed_of_things(ID, (STUCK, TAKEN), {}) == (stuck,)
    assert owed_of_things(ID, (STUCK, TAKEN), {"not_taken-HELD-0002": START}) == (stuck, taken)
    assert owed_of_things(ID, (TAKEN,), {"not_taken-HELD-0001": START}) == (), "that was of another thing"
    assert (stuck.mark, taken.mark) == ("not_taken-HELD-0001", "taken-HELD-0002")


def test_of_a_thing_of_which_nothing_is_said_nothing_is_in_the_way_and_nothing_is_left() -> None:
    thing = Back("HELD-0001", "account:dba")
    assert (thing.why, thing.left) == ("", "")


@pytest.mark.parametrize(
    ("marks", "awaits"),
    [
        ((), False),
        (("waits", "decided"), False),
        (("not_taken-A",), True),
        (("not_taken-A", "taken-A"), False),
        (("not_taken-A", "taken-B"), True),
        (("not_taken-A", "taken-A", "not_taken-B"), True),
        (("taken-A",), False),
        (("not_taken-AAAA-AAAA.2", "taken-AAAA-AAAA"), True),
        (("not_taken-AAAA-AAAA.2", "taken-AAAA-AAAA.2"), False),
    ],
)
def test_who_heard_that_a_thing_is_stuck_awaits_that_it_is_taken(marks: tuple[str, ...], awaits: bool) -> None:
    assert awaits_things(marks) is awaits


@pytest.mark.parametrize(
    ("mark", "is_it"),
    [("not_taken-A", True), ("taken-A", True), ("taken", False), ("waits", False), ("opened-60", False), ("", False)],
)
def test_a_mark_is_of_a_thing_or_of_a_request(mark: str, is_it: bool) -> None:
    assert is_of_things(mark) is is_it


def test_a_notice_without_a_key_has_the_word_of_its_event_as_its_mark() -> None:
    assert Notice(Event.WAITS, ID, Whom.APPROVERS).mark == "waits"
    assert Notice(Event.OPENED, ID, Whom.APPROVERS, key="opened-60").mark == "opened-60"
