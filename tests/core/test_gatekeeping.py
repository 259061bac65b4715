# SPDX-License-Identifier: Apache-2.0
"""Gatekeepers in the core: what their answers do to a permit, and what happens to a request while they are asked.

Law: a table for what an answer is worth, playbooks for the life. Whatever is not a pass of all of them permits nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core import lock, request
from jitd.core.approvers import tally
from jitd.core.decision import RECORDED, Approval, Decision, Deny, Permit, Record, Why
from jitd.core.effects import ListsChanged, RequestWaits, Screen, SetDeadline, TellRequester
from jitd.core.gatekeeping import (
    MOST_GATEKEEPERS,
    Heard,
    Passed,
    Passes,
    Refuses,
    Requirement,
    Requires,
    Silent,
    folded,
    judged,
    passed,
    read_gatekeeper,
    said,
)
from jitd.core.grant import Issued, Used
from jitd.core.law import IllegalEvent, Role
from jitd.core.request import Request, RequestState, Screened, Verdict
from tests.scene import START, asked, free, locked, moment, permit, person, review, screened, submit, too_late, withdraw
from tests.stored import in_clear

OPS, SECURITY = Approval(1, ("group:ops",)), Approval(1, ("group:security",))
PASS, NO, SILENCE = Passes(mark="d-1"), Refuses("freeze until Monday"), Silent("it is late")
BOB, CAROL, DAVE = (person(name) for name in ("bob", "carol", "dave"))


def hear(**answers: Any) -> tuple[Heard, ...]:
    """The answers, by the gatekeepers' names."""
    return tuple(Heard(name, answer) for name, answer in answers.items())


# --- what an answer is worth -----------------------------------------------------------------------------------------

SAYS = 'change says: "freeze until Monday"'
IS_SILENT = "gatekeeper change did not answer: it is late"
# the rule's gatekeepers, what they answered, the denial (or None for a permit)
WORTH: dict[str, tuple[tuple[str, ...], dict[str, Any], Deny | None]] = {
    "nobody is asked": ((), {}, None),
    "it passes": (("change",), {"change": PASS}, None),
    "both pass": (("change", "ticket"), {"change": PASS, "ticket": PASS}, None),
    "it requires nothing": (("change",), {"change": Requires(Requirement())}, None),
    "it refuses": (("change",), {"change": NO}, Deny(Why.GATEKEEPER, SAYS, "rule-1")),
    "it is silent": (("change",), {"change": SILENCE}, Deny(Why.ERROR, IS_SILENT, "rule-1")),
    "it was not asked": (("change",), {}, Deny(Why.ERROR, "gatekeeper change did not answer: it was not asked", "rule-1")),
    "another passes": (
        ("change",), {"ticket": PASS}, Deny(Why.ERROR, "gatekeeper change did not answer: it was not asked", "rule-1")
    ),
    "one of two passes": (("ticket", "change"), {"ticket": PASS, "change": NO}, Deny(Why.GATEKEEPER, SAYS, "rule-1")),
    "a no comes before a silence": (
        ("ticket", "change"), {"ticket": SILENCE, "change": NO}, Deny(Why.GATEKEEPER, SAYS, "rule-1")
    ),
    "a no comes before those who were not asked any more": (
        ("ticket", "change"), {"change": NO}, Deny(Why.GATEKEEPER, SAYS, "rule-1")
    ),
    "whom the rule does not name refuses": (("ticket",), {"ticket": PASS, "change": NO}, Deny(Why.GATEKEEPER, SAYS, "rule-1")),
}  # fmt: skip


@pytest.mark.parametrize(("names", "answers", "denial"), WORTH.values(), ids=list(WORTH))
def test_a_permit_is_what_all_its_gatekeepers_leave_of_it(
    names: tuple[str, ...], answers: dict[str, Any], denial: Deny | None
) -> None:
    given_ = permit(gatekeepers=names)
    assert judged(given_, hear(**answers), "why") == (denial or given_)


def test_what_policy_denies_no_gatekeeper_permits() -> None:
    denied = Deny(Why.NO_RULE, "no rule permits this")
    assert judged(denied, hear(change=PASS), "why") is denied


# what a gatekeeper requires, what a permit of one approval, 3600 s and 5 uses then is
REQUIRED: dict[str, tuple[Requirement, Permit]] = {
    "an approval of others": (Requirement(approvals=(SECURITY,)), permit(OPS, SECURITY)),
    "more approvals of the same": (Requirement(approvals=(Approval(2, ("group:ops",)),)), permit(Approval(2, ("group:ops",)))),
    "an approval that is owed already": (Requirement(approvals=(OPS,)), permit(OPS)),
    "a shorter time": (Requirement(lasts_for=60), permit(OPS, lasts_for=60)),
    "a longer time": (Requirement(lasts_for=9999), permit(OPS)),
    "fewer uses": (Requirement(uses=1), permit(OPS, uses=1)),
    "more uses": (Requirement(uses=50), permit(OPS)),
    "a recording": (
        Requirement(record="all"), permit(OPS, terms=replace(permit().obligations.terms, record=Record(what="all"))),
    ),
    "less of a recording": (Requirement(record="none"), permit(OPS)),
    "a reason, which is given": (Requirement(reason=True), permit(OPS)),
}  # fmt: skip


@pytest.mark.parametrize(("what", "left"), REQUIRED.values(), ids=list(REQUIRED))
def test_what_is_required_tightens_and_never_loosens(what: Requirement, left: Permit) -> None:
    assert judged(permit(), hear(change=Requires(what)), "why") == left


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_a_reason_that_is_required_and_not_given_is_a_denial(reason: str | None) -> None:
    answer = judged(permit(), hear(change=Requires(Requirement(reason=True))), reason)
    assert answer == Deny(Why.GATEKEEPER, "change says: a reason is required", "rule-1")
    assert judged(permit(), hear(change=Requires(Requirement(uses=1))), reason) == permit(uses=1), "and it is not, of itself"


REQUIREMENTS = st.builds(
    Requirement,
    approvals=st.lists(st.sampled_from([OPS, SECURITY, Approval(3, ("group:ops",))]), max_size=3).map(tuple),
    lasts_for=st.none() | st.integers(1, 9999),
    uses=st.none() | st.integers(1, 99),
    record=st.none() | st.sampled_from(RECORDED),
    reason=st.booleans(),
)
ANSWERS = st.one_of(st.just(PASS), st.just(NO), st.just(SILENCE), st.builds(Requires, REQUIREMENTS))
HEARD = st.lists(st.builds(Heard, st.sampled_from(["change", "ticket", "risk"]), ANSWERS), max_size=4).map(tuple)
DECISIONS: st.SearchStrategy[Decision] = st.sampled_from(
    [permit(), free(), permit(gatekeepers=("change",)), free(gatekeepers=("change", "ticket")), Deny(Why.RULE, "no", "d")]
)


def worth(decision: Decision) -> tuple[Any, ...]:
    """How much a decision permits; less is tighter in every member."""
    if isinstance(decision, Deny):
        return (0, 0, 0, 0, 0)
    found = decision.obligations
    owed = -tally(found.approvals, (), person("alice"))
    return (1, owed, found.lasts_for, found.uses, -RECORDED.index(found.terms.record.what))


@given(DECISIONS, HEARD, st.builds(Heard, st.sampled_from(["change", "ticket", "risk"]), ANSWERS), st.none() | st.just("why"))
def test_one_more_answer_never_permits_more(
    decision: Decision, heard: tuple[Heard, ...], more: Heard, reason: str | None
) -> None:
    before, after = folded(decision, heard, reason), folded(decision, (*heard, more), reason)
    if isinstance(after, Permit):
        assert isinstance(before, Permit)
        assert all(less <= much for less, much in zip(worth(after), worth(before), strict=True))


@given(DECISIONS, HEARD, st.none() | st.just("why"))
def test_what_is_judged_is_permitted_only_if_all_have_passed(
    decision: Decision, heard: tuple[Heard, ...], reason: str | None
) -> None:
    answer = judged(decision, heard, reason)
    if isinstance(answer, Permit):
        assert isinstance(decision, Permit)
        passes = {one.name for one in heard if isinstance(one.answer, Passes | Requires)}
        assert passes >= set(decision.obligations.gatekeepers)
        assert not any(isinstance(one.answer, Refuses | Silent) for one in heard)
        assert judged(answer, heard, reason) == answer, "and to judge twice changes nothing"


@pytest.mark.parametrize("word", ["a", "change-calendar", "servicenow_2", "9", "a" * 64])
def test_a_name_is_a_name(word: str) -> None:
    assert read_gatekeeper(word) == word


@pytest.mark.parametrize("word", ["", "A", "-a", "_a", "a b", "ä", "a.b", "a/b", "a\n", "a" * 65])
def test_what_could_be_mistaken_for_something_else_is_no_name(word: str) -> None:
    with pytest.raises(ValueError, match="is not a name of a gatekeeper"):
        read_gatekeeper(word)


def test_a_rule_names_eight_gatekeepers_at_most() -> None:
    """As jitd-policy(5) says."""
    assert MOST_GATEKEEPERS == 8


def test_the_record_keeps_each_answer_with_its_own_name_for_it() -> None:
    answers = hear(a=PASS, b=Requires(Requirement(uses=1), mark="d-2"), c=replace(NO, mark="d-3"), d=SILENCE)
    told = [
        ["a", "pass", "d-1"],
        ["b", "require", "d-2"],
        ["c", "deny", "freeze until Monday", "d-3"],
        ["d", "silent", "it is late"],
    ]
    assert [in_clear(said(one)) for one in answers] == told
    event = replace(screened(asked(), permit()), heard=answers)
    assert in_clear(event.detail())["gatekeepers"] == told
    assert "gatekeepers" not in screened(asked(), permit()).detail()


def test_an_answer_without_a_name_of_its_own_is_kept_without_one() -> None:
    answers = hear(a=Passes(), b=Requires(Requirement()), c=Refuses("freeze until Monday"))
    assert [in_clear(said(one)) for one in answers] == [
        ["a", "pass", ""],
        ["b", "require", ""],
        ["c", "deny", "freeze until Monday", ""],
    ]
    assert passed(answers, START) == (Passed("a", START, None, ""), Passed("b", START, None, ""))


# --- while they are asked --------------------------------------------------------------------------------------------

KEPT, KEPT_FREE = permit(gatekeepers=("change",)), free(gatekeepers=("change",))


def asking(decision: Permit = KEPT, **changes: Any) -> Request:
    """A request about which ``decision``'s gatekeepers are being asked."""
    return request.to_be_asked(asked(**changes), decision, moment())


def answered(before: Request, decision: Decision = KEPT, **changes: Any) -> Screened:
    """Policy's answer, and a pass of the calendar."""
    changed = {"heard": hear(change=PASS), **changes}
    return replace(screened(before, decision), **changed)


def after(before: Request, *events: Any, at: float = 5) -> Request:
    for event in events:
        before, _ = request.transition(before, event, moment(at))
    return before


def follows(before: Request, event: Any) -> list[Any]:
    return list(request.transition(before, event, moment(5))[1])


def test_a_request_that_is_asked_about_has_its_rule_its_terms_and_its_deadline_from_the_beginning() -> None:
    made = asking()
    assert (made.state, made.rule, made.obligations) == (RequestState.SCREENING, "rule-1", KEPT.obligations)
    assert (made.asking_at, made.expires_at, made.expires_boot) == (START, START + timedelta(seconds=900), 1900.0)
    _, orders = request.submit(submit(made))
    assert orders == (SetDeadline("request", made.id, 1900.0), Screen(made.id), ListsChanged())


def test_a_request_without_gatekeepers_is_asked_about_by_nobody() -> None:
    assert request.submit(submit(asked())) == (asked(), ())


def test_when_all_have_passed_it_waits_for_approvals_until_the_deadline_it_has() -> None:
    made = asking()
    waiting, orders = request.transition(made, answered(made), moment(300))
    assert (waiting.state, waiting.asking_at) == (RequestState.PENDING, None)
    assert (waiting.expires_boot, waiting.expires_at) == (1900.0, made.expires_at), "the time is for both together"
    assert orders == (SetDeadline("request", made.id, 1900.0), TellRequester(made.id), RequestWaits(made.id), ListsChanged())
    assert waiting.passed == (Passed("change", moment(300).at, None, "d-1"),)


def test_when_all_have_passed_and_nothing_is_owed_it_is_approved_and_runs() -> None:
    made = asking(KEPT_FREE)
    assert [type(one) for one in follows(made, answered(made, KEPT_FREE))] == [TellRequester, ListsChanged, Issued, Used]


@pytest.mark.parametrize("answer", [NO, SILENCE])
def test_a_gatekeepers_no_ends_it(answer: Any) -> None:
    made = asking(KEPT_FREE)
    ended, orders = request.transition(made, answered(made, KEPT_FREE, heard=hear(change=answer)), moment(5))
    assert (ended.state, ended.asking_at) == (RequestState.DENIED, None)
    assert orders == (TellRequester(made.id), ListsChanged())
    assert ended.because in (SAYS, IS_SILENT)


def test_the_gatekeepers_that_it_was_made_with_stay_though_the_policy_asks_none_any_more() -> None:
    made = asking(KEPT_FREE)
    ended = after(made, answered(made, free(), heard=()))
    assert (ended.state, ended.because) == (RequestState.DENIED, "gatekeeper change did not answer: it was not asked")


def test_the_terms_that_it_was_made_with_are_not_loosened_while_they_are_asked() -> None:
    made = asking()
    waiting = after(made, answered(made, free(gatekeepers=("change",), lasts_for=99999, uses=99)))
    assert waiting.state is RequestState.PENDING and waiting.obligations == KEPT.obligations


def test_what_they_require_is_owed() -> None:
    made = asking(KEPT_FREE)
    needs = hear(change=Requires(Requirement(approvals=(SECURITY,), uses=1)))
    waiting = after(made, answered(made, KEPT_FREE, heard=needs))
    assert waiting.state is RequestState.PENDING and waiting.obligations is not None
    assert (waiting.obligations.approvals, waiting.obligations.uses) == ((SECURITY,), 1)


@pytest.mark.parametrize("event", [withdraw, too_late])
def test_it_ends_while_they_are_asked(event: Any) -> None:
    made = asking()
    ended = after(made, event(made))
    assert not ended.is_open and ended.asking_at is None


@pytest.mark.parametrize("verdict", list(Verdict))
def test_nobody_reviews_it_while_they_are_asked(verdict: Verdict) -> None:
    made = asking()
    with pytest.raises(IllegalEvent, match="cannot happen"):
        request.transition(made, review(made, BOB, verdict), moment(5))


def test_nobody_but_policy_answers_for_them() -> None:
    made = asking()
    for role in set(Role) - {Role.POLICY}:
        event = answered(made)
        with pytest.raises(IllegalEvent, match="cannot be caused"):
            request.transition(made, replace(event, by=replace(event.by, role=role)), moment(5))


def test_a_lease_answers_when_they_have_passed() -> None:
    made = asking()
    ended = after(made, answered(made, replace(KEPT, lease="AAAA-AAAA")))
    assert (ended.state, ended.lease) == (RequestState.APPROVED, "AAAA-AAAA")


def test_a_lease_does_not_answer_for_approvals_that_a_gatekeeper_adds() -> None:
    made = asking()
    needs = hear(change=Requires(Requirement(approvals=(SECURITY,))))
    waiting = after(made, answered(made, replace(KEPT, lease="AAAA-AAAA"), heard=needs))
    assert (waiting.state, waiting.lease) == (RequestState.PENDING, None)


# --- who does not wait for approvals (-n) ----------------------------------------------------------------------------


def test_who_waits_for_no_approval_runs_at_once_when_they_have_passed() -> None:
    made = asking(KEPT_FREE, at_once=True)
    assert after(made, answered(made, KEPT_FREE)).state is RequestState.APPROVED


def test_who_waits_for_no_approval_is_withdrawn_when_one_comes_to_be_owed() -> None:
    made = asking(KEPT_FREE, at_once=True)
    needs = hear(change=Requires(Requirement(approvals=(SECURITY,))))
    ended, orders = request.transition(made, answered(made, KEPT_FREE, heard=needs), moment(5))
    assert (ended.state, ended.because) == (RequestState.WITHDRAWN, request.NOT_AT_ONCE)
    assert orders == (TellRequester(made.id), ListsChanged()), "and no approver is told"


# --- after the last approval -----------------------------------------------------------------------------------------


def waiting(decision: Permit = KEPT) -> Request:
    """A request whose gatekeepers have passed, and that waits for its approvals."""
    made = asking(decision)
    return after(made, answered(made, decision), at=1)


def approved(decision: Permit = KEPT) -> Request:
    """The same after its last approval, of bob."""
    before = waiting(decision)
    return after(before, review(before, BOB))


def test_the_last_approval_is_recorded_at_once_and_asks_them_anew() -> None:
    before = waiting()
    now, orders = request.transition(before, review(before, BOB), moment(5))
    assert (now.state, now.asking_at) == (RequestState.PENDING, moment(5).at)
    assert [one.by for one in now.reviews] == [BOB]
    assert orders == (TellRequester(now.id), ListsChanged(), Screen(now.id))


def test_an_approval_that_is_not_the_last_asks_nobody() -> None:
    before = waiting(permit(Approval(2, ("group:ops",)), gatekeepers=("change",)))
    now, orders = request.transition(before, review(before, BOB), moment(5))
    assert now.asking_at is None and orders == (TellRequester(now.id), ListsChanged())


def test_a_gatekeeper_that_the_rule_names_only_now_is_asked_before_anything_runs() -> None:
    plain = after(asked(), screened(asked(), permit()))
    now, orders = request.transition(plain, review(plain, BOB, decision=KEPT), moment(5))
    assert (now.state, orders[-1]) == (RequestState.PENDING, Screen(now.id))


def test_when_they_pass_again_it_is_approved_by_whom_it_was() -> None:
    before = approved()
    now, orders = request.transition(before, answered(before, standing=(BOB,)), moment(9))
    assert (now.state, now.because, now.asking_at) == (RequestState.APPROVED, "approved by bob@EXAMPLE.TEST", None)
    assert [type(one) for one in orders] == [TellRequester, ListsChanged, Issued, Used]


# what has changed since, the state that follows
SINCE: dict[str, tuple[dict[str, Any], RequestState]] = {
    "nothing": ({"standing": (BOB,)}, RequestState.APPROVED),
    "its approver has left the group": ({"standing": (person("bob", groups=frozenset({"bob"})),)}, RequestState.PENDING),
    "its approver is gone": ({"standing": ()}, RequestState.PENDING),
    "the gatekeeper refuses": ({"standing": (BOB,), "heard": hear(change=NO)}, RequestState.DENIED),
    "the gatekeeper is silent": ({"standing": (BOB,), "heard": hear(change=SILENCE)}, RequestState.DENIED),
    "the gatekeeper was not asked": ({"standing": (BOB,), "heard": ()}, RequestState.DENIED),
    "the gatekeeper asks for more": (
        {"standing": (BOB,), "heard": hear(change=Requires(Requirement(approvals=(SECURITY,))))}, RequestState.PENDING
    ),
    "the rule is gone": ({"standing": (BOB,), "decision": Deny(Why.NO_RULE, "no rule permits this")}, RequestState.DENIED),
    "the rule asks two": (
        {"standing": (BOB,), "decision": permit(Approval(2, ("group:ops",)), gatekeepers=("change",))}, RequestState.PENDING
    ),
    "the rule asks another gatekeeper": (
        {"standing": (BOB,), "decision": permit(gatekeepers=("change", "ticket"))}, RequestState.DENIED
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "state"), SINCE.values(), ids=list(SINCE))
def test_what_the_last_approval_is_worth_when_they_have_answered(changes: dict[str, Any], state: RequestState) -> None:
    before = approved()
    now, orders = request.transition(before, replace(answered(before), **changes), moment(9))
    assert (now.state, now.asking_at) == (state, None)
    is_granted = any(isinstance(one, Issued) for one in orders)
    assert is_granted is (state is RequestState.APPROVED)
    assert (RequestWaits(now.id) in orders) is (state is RequestState.PENDING), "approvers are told what is owed now"


def test_when_approvals_are_owed_again_one_more_asks_them_again() -> None:
    before = approved()
    owing = after(before, answered(before, standing=()))
    assert [type(one) for one in follows(owing, review(owing, CAROL, standing=()))][-1] is Screen


def test_an_answer_to_a_question_that_nobody_asked_changes_nothing() -> None:
    before = waiting()
    with pytest.raises(IllegalEvent, match="has no open query of gatekeepers"):
        request.transition(before, answered(before, standing=(BOB,)), moment(9))


def test_a_second_approval_while_they_are_asked_counts_and_they_are_asked_since_the_first() -> None:
    before = approved()
    now = after(before, review(before, CAROL), at=7)
    assert [one.by for one in now.reviews] == [BOB, CAROL]
    assert now.asking_at == moment(5).at


def test_an_approver_may_still_deny_while_they_are_asked() -> None:
    before = approved()
    now = after(before, review(before, CAROL, Verdict.DENY))
    assert (now.state, now.asking_at) == (RequestState.DENIED, None)


def test_a_locked_approver_does_not_count_when_they_have_answered() -> None:
    before = approved()
    event = lock.under((locked(name="bob"),), before, answered(before, standing=(BOB,)))
    assert after(before, event).state is RequestState.PENDING


def test_a_locked_requester_gets_nothing_when_they_have_answered() -> None:
    before = approved()
    event = lock.under((locked(),), before, answered(before, standing=(BOB,)))
    assert after(before, event).state is RequestState.DENIED
