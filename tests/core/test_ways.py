# SPDX-License-Identifier: Apache-2.0
"""Ways to approve: who is entitled at which moment, how many are owed, and what the opening of a way does to a request.

Law: the oracle knows no matching and no combinations. It tries every seat for every person in every way.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core import request
from jitd.core import ways as of_ways
from jitd.core.approvers import lack, may_approve, may_review, owes, tally
from jitd.core.authentication import Authentication, Demand
from jitd.core.decision import MOST_COMBINATIONS, Approval, Obligations, Permit, Terms, n_combinations, narrow
from jitd.core.effects import Screen, SetDeadline, WayOpened
from jitd.core.keys.approvals import describe_approvals
from jitd.core.law import CLOCK, POLICY, IllegalEvent, name_of
from jitd.core.policy import Rule, describe
from jitd.core.request import (
    LISTS,
    LISTS_EVERY,
    WAY,
    NotYours,
    Relisted,
    Request,
    RequestState,
    Verdict,
    WaysOpened,
    due_after,
    open_ways,
)
from jitd.core.subject import Subject
from jitd.core.ways import every_way, next_after, opened
from tests.scene import START, asked, moment, permit, person, review, screened, submit
from tests.stored import round_trip

ALICE, BOB, CAROL, DAVE, EVE = (person(name) for name in ("alice", "bob", "carol", "dave", "eve"))
MAY = person("may", groups=frozenset({"managers"}), uid=3001)
MAX = person("max", groups=frozenset({"managers", "dba"}), uid=3002)
DAN = person("dan", groups=frozenset({"dba"}), uid=3003)
MAY_ADMIN = person("may-adm", groups=frozenset({"ops"}), uid=3004, person="may")

OPS = Approval(1, ("group:ops",))
TWO_DBA = Approval(2, ("group:dba",))
MANAGER = Approval(1, ("group:managers",), after=300)
EITHER = replace(TWO_DBA, instead=(MANAGER,))
LATER = replace(Approval(2, ("group:ops",)), instead=(Approval(1, ("group:ops",), after=60),))
THREE = replace(TWO_DBA, instead=(Approval(1, ("group:security",), after=60), MANAGER))
ON_CALL = Approval(1, ("group:ops",), also="oncall:ops", among=("bob",))


# --- who is owed, at a moment: persons, groups, ways, order, time -----------------------------------------------------


@pytest.mark.parametrize(
    ("approvals", "until", "approvers", "owed", "said"),
    [
        # one way is enough, and a closed one is not there
        ((EITHER,), 0, (), 2, "2 dba"),
        ((EITHER,), 299, (), 2, "2 dba"),
        ((EITHER,), 300, (), 1, "2 dba or 1 managers"),
        ((EITHER,), 0, (MAY,), 2, "2 dba"),
        ((EITHER,), 300, (MAY,), 0, ""),
        ((EITHER,), 0, (DAN,), 1, "1 dba"),
        ((EITHER,), 300, (DAN,), 1, "1 dba or 1 managers"),
        ((EITHER,), 0, (DAN, MAX), 0, ""),
        ((EITHER,), 0, (MAX,), 1, "1 dba"),
        ((EITHER,), 300, (MAX,), 0, ""),  # the same approval is enough once the way is open
        # halves of two ways are not a whole one
        ((THREE,), 300, (DAN,), 1, "1 dba or 1 security or 1 managers"),
        ((THREE,), 60, (DAN,), 1, "1 dba or 1 security"),
        ((THREE,), 60, (DAVE,), 0, ""),
        ((THREE,), 59, (DAVE,), 2, "2 dba"),
        # beside what is owed in any case
        ((OPS, EITHER), 0, (), 3, "1 ops and 2 dba"),
        ((OPS, EITHER), 300, (), 2, "1 ops, and either 2 dba or 1 managers"),
        ((OPS, EITHER), 300, (BOB,), 1, "2 dba or 1 managers"),
        ((OPS, EITHER), 300, (MAY,), 1, "1 ops"),
        ((OPS, EITHER), 300, (BOB, MAY), 0, ""),
        ((EITHER, OPS), 300, (BOB, MAY), 0, ""),
        # one person counts once over all ways and approvals
        ((OPS, EITHER), 300, (MAY, MAY_ADMIN), 1, "1 ops or 2 dba or 1 managers"),
        ((EITHER, EITHER), 300, (MAY,), 1, "2 dba or 1 managers or 2 dba or 1 managers"),
        ((EITHER, EITHER), 300, (MAY, DAN, MAX), 0, ""),
        ((EITHER, EITHER), 300, (MAY, MAX), 0, ""),
        # a way may be the same people, only fewer
        ((LATER,), 0, (BOB,), 1, "1 ops"),
        ((LATER,), 60, (BOB,), 0, ""),
        # the requester and root are nobody
        ((EITHER,), 300, (replace(ALICE, groups=frozenset({"managers"})),), 1, "2 dba or 1 managers"),
        ((EITHER,), 300, (replace(MAY, person="alice"),), 1, "2 dba or 1 managers"),
        ((EITHER,), 300, (replace(MAY, uid=0),), 1, "2 dba or 1 managers"),
        # of a list
        ((ON_CALL,), 0, (BOB,), 0, ""),
        ((ON_CALL,), 0, (CAROL,), 1, "1 ops on oncall:ops"),
        ((replace(ON_CALL, among=(CAROL.principal,)),), 0, (CAROL,), 0, ""),
        ((replace(ON_CALL, among=("bob", "dan")),), 0, (DAN,), 1, "1 ops on oncall:ops"),  # the list adds nobody
        ((replace(ON_CALL, among=()),), 0, (BOB,), 1, "1 ops on oncall:ops"),
        ((replace(ON_CALL, among=None),), 0, (BOB,), 1, "1 ops on oncall:ops"),
        ((OPS, Approval(1, ("group:security",))), 0, (DAVE,), 1, "1 ops or 1 security"),
    ],
)
def test_how_many_are_owed_by_the_ways_that_are_open(
    approvals: tuple[Approval, ...], until: int, approvers: tuple[Subject, ...], owed: int, said: str
) -> None:
    """THREATS A-16."""
    assert owes(opened(approvals, until), approvers, ALICE) == said
    for order in permutations(approvers):
        assert tally(opened(approvals, until), order, ALICE) == owed
        assert tally(opened(tuple(reversed(approvals)), until), order, ALICE) == owed


@pytest.mark.parametrize(
    ("who", "until", "is_entitled"),
    [
        (DAN, 0, True), (DAN, 300, True), (MAX, 0, True), (MAY, 0, False), (MAY, 299, False), (MAY, 300, True), (BOB, 300, False),
        (replace(ALICE, groups=frozenset({"managers", "dba"})), 300, False),
    ],
)  # fmt: skip
def test_before_its_time_a_way_entitles_nobody(who: Subject, until: int, is_entitled: bool) -> None:
    """THREATS A-16."""
    assert bool(may_review(opened((EITHER,), until), who, ALICE)) is is_entitled
    assert bool(may_approve(opened((EITHER,), until), who, ALICE)) is is_entitled


def test_an_approval_of_which_no_way_is_open_is_owed_and_names_nobody() -> None:
    closed = replace(MANAGER, instead=(replace(TWO_DBA, after=600),))
    assert tally(opened((closed,), 0), (MAY, DAN, MAX), ALICE) == 1
    assert not may_review(opened((closed,), 0), MAY, ALICE)
    assert tally(opened((closed,), 300), (MAY,), ALICE) == 0


def test_what_a_way_demands_of_a_ticket_is_its_own() -> None:
    now = START
    fresh = Authentication(now, now, (), ("otp",), "a", "a", ())
    strict = replace(TWO_DBA, need=1, demand=Demand(("otp",)), instead=(Approval(1, ("group:managers",)),))
    plain = replace(fresh, indicators=())
    assert tally(opened((strict,), 0), (replace(DAN, authentication=fresh),), ALICE) == 0
    assert tally(opened((strict,), 0), (replace(DAN, authentication=plain),), ALICE) == 1
    assert "otp" in lack(opened((strict,), 0), replace(DAN, authentication=plain), ALICE)
    assert not lack(opened((strict,), 0), replace(MAX, authentication=plain), ALICE), "the other way demands nothing"


PEOPLE = (BOB, CAROL, DAVE, EVE, MAY, MAX, DAN, MAY_ADMIN, replace(ALICE, groups=frozenset({"ops", "managers"})))
WORDS = (("group:ops",), ("group:dba",), ("group:managers",), ("group:security", "user:eve"), ("user:bob",))
LISTED = st.sampled_from((None, ("bob", "max"), ()))
WAYS = st.builds(
    Approval,
    st.integers(1, 2),
    st.sampled_from(WORDS),
    after=st.sampled_from((0, 0, 60, 300)),
    also=st.sampled_from(("", "", "oncall:x")),
    among=LISTED,
)
ANY_OF = st.lists(WAYS, min_size=1, max_size=3).map(lambda ways: replace(ways[0], instead=tuple(ways[1:])))
APPROVALS = st.lists(ANY_OF, max_size=3).map(tuple)
ON_ONE_LIST = st.builds(
    lambda approvals, among: tuple(approval.with_lists(lambda also: among) for approval in approvals), APPROVALS, LISTED
)
"""As policy gives them: whoever is on a provider's list is on it wherever a rule names it."""


def _names(way: Approval, who: Subject) -> bool:
    words = {f"user:{who.user}", f"principal:{who.principal}", *(f"group:{group}" for group in who.groups)}
    return bool(words & set(way.of_whom)) and (not way.also or (way.among is not None and who.user in way.among))


def naive(approvals: tuple[Approval, ...], until: int, approvers: list[Subject]) -> int:
    """The fewest empty seats over every choice of ways and every assignment of persons to seats."""
    persons = sorted({who.person for who in approvers} - {"alice"})
    fewest = []
    for ways in product(*(approval.ways for approval in approvals)):
        seats = [way for way in ways for _ in range(way.need)]
        for seated in product((None, *range(len(seats))), repeat=len(persons)):
            taken = [seat for seat in seated if seat is not None]
            fits = all(
                seat is None
                or (seats[seat].after <= until and any(a.person == who and _names(seats[seat], a) for a in approvers))
                for who, seat in zip(persons, seated, strict=True)
            )
            if fits and len(set(taken)) == len(taken):
                # what a closed way would ask for is no reason to ask for fewer
                fewest.append(10**6 * sum(way.after > until for way in ways) + len(seats) - len(taken))
    return min(fewest)


@given(APPROVALS, st.sampled_from((0, 59, 60, 300)), st.lists(st.sampled_from(PEOPLE), max_size=4), st.randoms())
def test_the_fewest_over_all_ways_and_assignments(
    approvals: tuple[Approval, ...], until: int, approvers: list[Subject], random: Any
) -> None:
    """THREATS A-02 and A-16."""
    owed = tally(opened(approvals, until), tuple(approvers), ALICE)
    expected = naive(approvals, until, approvers)
    if expected < 10**6:
        assert owed == expected
    else:
        assert owed > 0, "an approval without an open way is never fulfilled"
    assert bool(owed) is bool(owes(opened(approvals, until), tuple(approvers), ALICE))
    random.shuffle(approvers)
    assert tally(opened(approvals, until), tuple(approvers), ALICE) == owed


@given(APPROVALS, st.lists(st.sampled_from(PEOPLE), max_size=4))
def test_time_adds_ways_and_never_a_debt(approvals: tuple[Approval, ...], approvers: list[Subject]) -> None:
    """THREATS A-16."""
    several = tuple(a for a in approvals if any(not way.after for way in a.ways))
    owed = [tally(opened(several, until), tuple(approvers), ALICE) for until in (0, 59, 60, 299, 300, 10_000)]
    assert owed == sorted(owed, reverse=True)


@given(APPROVALS, APPROVALS, st.sampled_from((0, 60, 300)), st.lists(st.sampled_from(PEOPLE), max_size=4))
def test_of_two_policies_both_have_to_be_content(
    old: tuple[Approval, ...], new: tuple[Approval, ...], until: int, approvers: list[Subject]
) -> None:
    """THREATS A-16. What is enough for what was asked for before and for what is asked for now is a part of what is owed then."""
    lists = {way.also: way.among for approvals in (old, new) for approval in approvals for way in approval.ways if way.also}
    both = narrow(with_it(old), with_it(new)).approvals
    if tally(opened(both, until), tuple(approvers), ALICE) == 0:
        for approvals in (old, new):
            now = tuple(approval.with_lists(lists.get) for approval in approvals)
            assert tally(opened(now, until), tuple(approvers), ALICE) == 0


@given(APPROVALS)
def test_the_same_rule_asked_again_asks_for_the_same(approvals: tuple[Approval, ...]) -> None:
    once = narrow(with_it(approvals), with_it(approvals)).approvals
    assert narrow(with_it(once), with_it(approvals)).approvals == once
    assert narrow(with_it(once), with_it(once)).approvals == once


def with_it(approvals: tuple[Approval, ...]) -> Obligations:
    return Obligations(approvals, 900, 3600, 5, Terms())


def test_many_changes_of_policy_ask_for_more_and_stay_countable() -> None:
    changed = with_it((EITHER,))
    for number in range(40):
        other = replace(EITHER, instead=(replace(MANAGER, after=301 + number),))
        changed = narrow(changed, with_it((other,)))
    assert len(changed.approvals) == 41 and narrow(changed, with_it((EITHER,))).approvals == changed.approvals
    counted = opened(changed.approvals, 10_000)
    assert n_combinations(counted) <= MOST_COMBINATIONS
    assert len(counted) == 41 and all(approval.ways[0] == TWO_DBA for approval in counted), "what was open at first stays"
    assert tally(counted, (MAX,), ALICE) > 0


def test_of_as_many_combinations_as_there_may_be_none_is_dropped() -> None:
    most = (EITHER,) * (MOST_COMBINATIONS.bit_length() - 1)
    assert n_combinations(most) == MOST_COMBINATIONS
    assert every_way(most) == opened(most, 300) == most
    assert every_way((*most, EITHER)) == (*most, TWO_DBA)


def test_the_search_ends_at_the_first_combination_that_owes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    real, tried = of_ways.lacking, []

    def note(*given: Any) -> int:
        tried.append(given[1])
        return real(*given)

    monkeypatch.setattr(of_ways, "lacking", note)
    either = replace(OPS, instead=(MANAGER,))
    for eligible, n_tried in ((({0}, {2}), 1), (({0}, {3}), 2), (({1}, {3}), 4), (({0},), 4)):
        tried.clear()
        of_ways.best(every_way((either, either)), eligible)
        assert len(tried) == n_tried, eligible


@pytest.mark.parametrize(
    ("old", "new", "both"),
    [
        ((EITHER,), (EITHER,), (EITHER,)),
        ((EITHER,), (TWO_DBA,), (EITHER, TWO_DBA)),
        ((EITHER,), (LATER,), (EITHER, LATER)),
        ((EITHER, EITHER), (EITHER,), (EITHER, EITHER)),
        ((ON_CALL,), (replace(ON_CALL, among=("carol",)),), (replace(ON_CALL, among=("carol",)),)),
        ((ON_CALL,), (replace(ON_CALL, among=None),), (replace(ON_CALL, among=None),)),
        ((ON_CALL,), (OPS,), (ON_CALL, OPS)),
    ],
)
def test_narrowing_ways(old: tuple[Approval, ...], new: tuple[Approval, ...], both: tuple[Approval, ...]) -> None:
    assert narrow(with_it(old), with_it(new)).approvals == both


# --- what people and documents read -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("approvals", "sentence"),
    [
        ((OPS, EITHER), "1 approval from group:ops, and either 2 from group:dba or, after 5 minutes, 1 from group:managers"),
        (
            (EITHER, OPS),
            "either 2 approvals from group:dba or, after 5 minutes, 1 from group:managers, and 1 from group:ops",
        ),
        ((EITHER,), "2 approvals from group:dba or, after 5 minutes, 1 from group:managers"),
        ((replace(OPS, instead=(replace(MANAGER, after=0),)),), "1 approval from group:ops or 1 from group:managers"),
        (
            (THREE,),
            "2 approvals from group:dba or, after 1 minute, 1 from group:security or, after 5 minutes, 1 from group:managers",
        ),
        ((ON_CALL,), "1 approval from group:ops on oncall:ops"),
    ],
)
def test_ways_in_words(approvals: tuple[Approval, ...], sentence: str) -> None:
    assert describe_approvals(approvals) == sentence


def test_a_rule_with_ways_in_words() -> None:
    rule = Rule("permit", "p", approvals=(EITHER,), terms=Terms())
    said = "after 2 approvals from group:dba or, after 5 minutes, 1 from group:managers, within 15 minutes"
    assert said in describe(rule)


def test_a_request_with_ways_reads_back_equal() -> None:
    made = replace(asked(), obligations=permit(EITHER, THREE, ON_CALL).obligations, opened=60)
    assert round_trip(made) == made


def test_when_the_next_way_opens() -> None:
    assert [next_after((OPS, THREE), until) for until in (0, 59, 60, 299, 300)] == [60, 60, 300, 300, None]
    assert next_after((OPS,), 0) is None and every_way((EITHER,)) == (EITHER,)


# --- the life of a request ---------------------------------------------------------------------------------------------


def waiting(*approvals: Approval, **changes: Any) -> Request:
    made = asked()
    after, follows = request.transition(made, screened(made, permit(*approvals, **changes)), moment(1))
    assert after.state is RequestState.PENDING
    deadlines = {order.life: order.boot for order in follows if isinstance(order, SetDeadline)}
    assert deadlines.get(WAY) == next((1000.0 + way.after for a in approvals for way in a.ways if way.after), None)
    return after


def opens(found: Request, after: int) -> WaysOpened:
    return WaysOpened(found.id, CLOCK, after)


def test_a_way_opens_at_its_time_and_no_sooner() -> None:
    """THREATS A-16: neither the wall clock nor another boot opens it, and it opens once."""
    found = waiting(EITHER)
    for now in (moment(299.9), replace(moment(299.9), at=moment(10_000).at), moment(300, "boot-2")):
        with pytest.raises(IllegalEvent):
            request.transition(found, opens(found, 300), now)
        assert due_after(found, now) is None or now.boot_id == "boot-2"
    assert due_after(found, moment(300)) == 300
    after, follows = request.transition(found, opens(found, 300), moment(300))
    assert after.opened == 300 and after.state is RequestState.PENDING and after.asking_at is None
    assert WayOpened(found.id) in follows and Screen(found.id) not in follows
    assert may_review(open_ways(after), MAY, ALICE) and not may_review(open_ways(found), MAY, ALICE)
    with pytest.raises(IllegalEvent):
        request.transition(after, opens(after, 300), moment(301))


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_closed_way_takes_no_review(verdict: Verdict) -> None:
    """THREATS A-16."""
    found = waiting(EITHER)
    with pytest.raises(NotYours):
        request.transition(found, review(found, MAY, verdict), moment(299))
    open_now = request.transition(found, opens(found, 300), moment(300))[0]
    after = request.transition(open_now, review(open_now, MAY, verdict), moment(301))[0]
    assert after.state is (RequestState.APPROVED if verdict is Verdict.APPROVE else RequestState.DENIED)


@pytest.mark.parametrize("who", [DAN, MAX, MAY, BOB])
def test_a_deny_by_anyone_who_is_entitled_ends_it(who: Subject) -> None:
    found = replace(waiting(OPS, EITHER), opened=300)
    assert request.transition(found, review(found, who, Verdict.DENY), moment(301))[0].state is RequestState.DENIED


def test_what_was_approved_before_counts_for_a_way_that_opens_later() -> None:
    found = waiting(EITHER)
    half = request.transition(found, review(found, MAX), moment(10))[0]
    assert half.state is RequestState.PENDING
    after, follows = request.transition(half, opens(half, 300), moment(300))
    assert after.asking_at is not None and Screen(found.id) in follows, "the rules are asked again before it is approved"
    fresh = replace(screened(after, permit(EITHER)), standing=(MAX,))
    approved, follows = request.transition(after, fresh, moment(301))
    assert approved.state is RequestState.APPROVED and approved.because == f"approved by {MAX.principal}"
    again = request.transition(after, replace(fresh, standing=()), moment(301))[0]
    assert (again.state, again.asking_at) == (RequestState.PENDING, None), "an approver who is gone does not count"


@pytest.mark.parametrize(("reviewers", "asks_again"), [((), False), ((DAN,), False), ((DAN, MAX), True)])
def test_a_way_that_opens_asks_the_rules_again_only_if_those_who_have_approved_are_enough(
    reviewers: tuple[Subject, ...], asks_again: bool
) -> None:
    made = waiting(replace(TWO_DBA, need=3, instead=(replace(TWO_DBA, after=300),)))
    for who in reviewers:
        made = request.transition(made, review(made, who), moment(10))[0]
    after, follows = request.transition(made, opens(made, 300), moment(300))
    assert (Screen(made.id) in follows) is (after.asking_at is not None) is asks_again


def test_a_way_that_asks_for_nobody_is_not_enough_where_nobody_has_approved() -> None:
    """No rule has such a way. If one had, its opening would approve nothing."""
    nobody = permit(replace(OPS, instead=(replace(OPS, need=0, after=300),))).obligations
    made = replace(asked(), state=RequestState.PENDING, obligations=nobody)
    after, follows = request.transition(made, opens(made, 300), moment(300))
    assert (after.state, after.asking_at, Screen(made.id) in follows) == (RequestState.PENDING, None, False)


def test_what_the_chain_keeps_of_an_opening_and_of_lists() -> None:
    opening, lists = WaysOpened("K7QM-2XVD", CLOCK, 300), (("oncall:dba", None), ("oncall:ops", ("bob", "carol")))
    assert (name_of(opening), opening.detail()) == ("request.ways_opened", {"after": 300})
    relisting = Relisted("K7QM-2XVD", POLICY, lists)
    told = {"lists": {"oncall:dba": None, "oncall:ops": ["bob", "carol"]}}
    assert (name_of(relisting), relisting.detail()) == ("request.relisted", told)


@pytest.mark.parametrize("without_kdc", ["local", "deny"])
def test_a_way_takes_an_approval_by_local_pam_only_where_the_rule_does(without_kdc: str) -> None:
    by_pam = replace(BOB, principal="pam:bob")
    made = replace(asked(), obligations=permit(OPS, without_kdc=without_kdc).obligations)
    assert bool(may_approve(open_ways(made), by_pam, ALICE)) is (without_kdc == "local")
    assert tally(open_ways(replace(made, obligations=None)), (), ALICE) == 0, "and before policy has decided nothing is owed"


def test_several_ways_may_open_at_once() -> None:
    """After a suspended host wakes up."""
    found = waiting(THREE)
    assert due_after(found, moment(1_000)) == 300
    after = request.transition(found, opens(found, 300), moment(1_000))[0]
    assert may_review(open_ways(after), DAVE, ALICE) and may_review(open_ways(after), MAY, ALICE)


def test_a_way_opens_while_gatekeepers_are_asked() -> None:
    asking = replace(asked(), obligations=permit(EITHER).obligations, asking_at=START)
    after = request.transition(asking, opens(asking, 300), moment(300))[0]
    assert (after.state, after.opened, after.asking_at) == (RequestState.SCREENING, 300, START)


def test_a_way_is_awaited_from_the_submission_on_while_gatekeepers_are_asked() -> None:
    asking = replace(asked(), obligations=permit(EITHER, ON_CALL).obligations, asking_at=START, expires_boot=1900.0)
    follows = request.submit(submit(asking))[1]
    assert SetDeadline(WAY, asking.id, 1300.0) in follows and SetDeadline(LISTS, asking.id, 1000.0 + LISTS_EVERY) in follows


@pytest.mark.parametrize("state", [state for state in RequestState if not request.LAW[state]])
def test_nothing_opens_after_the_end(state: RequestState) -> None:
    ended = replace(waiting(EITHER), state=state)
    for event in (opens(ended, 300), Relisted(ended.id, POLICY, ())):
        with pytest.raises(IllegalEvent):
            request.transition(ended, event, moment(300))


def test_a_way_that_policy_adds_meanwhile_is_awaited_too() -> None:
    found = waiting(replace(TWO_DBA, need=3))
    new = Permit("rule-1", permit(replace(TWO_DBA, need=3), EITHER).obligations)
    after, follows = request.transition(found, replace(review(found, DAN), decision=new), moment(5))
    assert SetDeadline(WAY, found.id, 1300.0) in follows and due_after(after, moment(300)) == 300


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("approves"), st.sampled_from(range(len(PEOPLE)))),
        st.tuples(st.just("leaves"), st.sampled_from(range(len(PEOPLE)))),
        st.tuples(st.just("waits"), st.sampled_from((30, 60, 240))),
    ),
    max_size=7,
)


@given(ON_ONE_LIST, STEPS)
def test_whatever_happens_it_is_approved_when_enough_people_have_who_may_still(
    approvals: tuple[Approval, ...], steps: list[tuple[str, int]]
) -> None:
    """THREATS A-16. Persons, groups, ways, order, rights that are lost midway, and time, as the daemon plays them."""
    asks = permit(*approvals) if approvals else permit(OPS)
    obligations, now, people = asks.obligations, 1.0, list(PEOPLE)
    found = request.transition(asked(), screened(asked(), asks), moment(now))[0]
    approved: list[int] = []
    for deed, what in steps:
        if not found.is_open:
            break
        if deed == "leaves":
            people[what] = replace(people[what], groups=frozenset())
            continue
        standing = tuple(people[one] for one in approved)
        if deed == "waits":
            now += what
            after = due_after(found, moment(now))
            if after is None:
                continue
            found, follows = request.transition(found, opens(found, after), moment(now))
            if Screen(found.id) in follows:
                found = request.transition(found, replace(screened(found, asks), standing=standing), moment(now))[0]
        else:
            counted = bool(may_review(opened(obligations.approvals, found.opened), people[what], ALICE))
            event = replace(review(found, people[what]), standing=standing, decision=asks)
            if not counted:
                with pytest.raises(NotYours):
                    request.transition(found, event, moment(now))
                continue
            approved.append(what)
            found = request.transition(found, event, moment(now))[0]
        owed = naive(obligations.approvals, found.opened, [people[one] for one in approved])
        assert found.state is (RequestState.APPROVED if owed == 0 else RequestState.PENDING)


# --- lists ---------------------------------------------------------------------------------------------------------------


def listed(found: Request, *names: str, also: str = "oncall:ops") -> Relisted:
    return Relisted(found.id, POLICY, ((also, names),))


def test_a_list_decides_who_is_entitled_now() -> None:
    """THREATS A-17."""
    found = waiting(ON_CALL)
    with pytest.raises(NotYours):
        request.transition(found, review(found, CAROL), moment(2))
    after = request.transition(found, listed(found, "carol"), moment(30))[0]
    with pytest.raises(NotYours):
        request.transition(after, review(after, BOB), moment(31))
    assert request.transition(after, review(after, CAROL), moment(31))[0].state is RequestState.APPROVED


def test_a_request_with_a_list_is_looked_at_again() -> None:
    made = asked()
    follows = request.transition(made, screened(made, permit(ON_CALL)), moment(1))[1]
    assert SetDeadline(LISTS, made.id, 1001.0 + LISTS_EVERY) in follows


def test_the_list_of_the_moment_counts_at_each_review() -> None:
    found = waiting(replace(ON_CALL, need=2, among=("bob", "carol", "dave")))
    half = request.transition(found, review(found, BOB), moment(2))[0]
    now = Permit("rule-1", permit(replace(ON_CALL, need=2, among=("carol", "dave"))).obligations)
    after = request.transition(half, replace(review(half, CAROL), decision=now), moment(3))[0]
    assert after.state is RequestState.PENDING, "bob is not on the list any more"
    ended = request.transition(after, replace(review(after, DAVE), decision=now), moment(4))[0]
    assert ended.state is RequestState.APPROVED


def test_an_approval_counts_again_when_its_author_is_on_the_list_again() -> None:
    found = waiting(ON_CALL, OPS)
    half = request.transition(found, review(found, BOB), moment(2))[0]
    away = request.transition(half, listed(half, "carol"), moment(30))[0]
    more = request.transition(away, replace(review(away, CAROL), decision=Permit("rule-1", away.obligations)), moment(31))[0]  # type: ignore[arg-type]
    assert more.state is RequestState.APPROVED


def test_only_the_lists_of_the_request_are_taken() -> None:
    found = waiting(ON_CALL)
    for event in (listed(found, "eve", also="oncall:dba"), Relisted(found.id, POLICY, ())):
        with pytest.raises(IllegalEvent):
            request.transition(found, event, moment(30))
