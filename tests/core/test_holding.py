# SPDX-License-Identifier: Apache-2.0
"""The life of a thing that is given: its tables row by row, how it ends, and what its end does to its grant.

Law: what a holding may become stands here as sentences, so that a row that is added to its tables is added here too.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from jitd.core import grant, holding, request
from jitd.core.effects import Give, ListsChanged, Take, TellHolder
from jitd.core.grant import GrantState, NoUseLeft
from jitd.core.holding import (
    LAW,
    MAY_CAUSE,
    Account,
    Ended,
    Ending,
    Given,
    Giving,
    Holding,
    HoldingState,
    Kept,
    Outcome,
    Taking,
    give,
    outcome_of,
    transition,
)
from jitd.core.law import CLOCK, DAEMON, MONITOR, POLICY, Actor, IllegalEvent, Role, name_of
from jitd.core.run import Returned, StopOrdered
from tests.scene import START, THING, actor, asked, free, moment, permit, person, review, screened, submit, thing
from tests.stored import in_clear
from tests.table import each_row

ID = "K7QM-2XVD"
ALICE = actor(person("alice"))
UNTIL = START + timedelta(seconds=600)
GIVING, HELD, TAKING, ENDED = HoldingState
NOT_GIVEN = Outcome(Ending.NOT_GIVEN, "the KDC refused it")
LEFT, TAKEN = Outcome(Ending.LEFT, "a ticket is left"), Outcome(Ending.TAKEN)
LAWFUL = [
    "a thing that is being given is held once it is given",
    "a thing that is being given is to be taken back",
    "a thing that is being given has ended once it was refused",
    "a thing that is held may be kept",
    "a thing that is held is to be taken back",
    "a thing that is to be taken back may turn out to have been given",
    "a thing that is to be taken back may be ordered back again",
    "a thing that is to be taken back has ended once it is taken",
]
ROWS = {
    (GIVING, Given): HELD,
    (GIVING, Taking): TAKING,
    (GIVING, Ended): ENDED,
    (HELD, Kept): HELD,
    (HELD, Taking): TAKING,
    (TAKING, Given): TAKING,
    (TAKING, Taking): TAKING,
    (TAKING, Ended): ENDED,
}
"""All that can happen, in the order of the sentences."""


def begun(id: str = ID, **changes: Any) -> Holding:
    """A holding of alice's under her grant, as it begins."""
    event = Giving(id, ALICE, ID, ID, THING, "alice@EXAMPLE.TEST", UNTIL, stays=True, at=START, account=Account("alice", 1001))
    return replace(give(event)[0], **changes)


def in_state(state: HoldingState, *, was_given: bool) -> Holding:
    """A holding in ``state`` that was given before, or was not."""
    given_at = START if was_given else None
    if state is ENDED:
        outcome = TAKEN if was_given else NOT_GIVEN
        return begun(state=state, given_at=given_at, ended_at=START, outcome=outcome, version=4)
    return begun(state=state, given_at=given_at, version=3)


EVENTS = (
    Given(ID, DAEMON), Taking(ID, DAEMON, "enough"), Ended(ID, DAEMON, NOT_GIVEN), Ended(ID, DAEMON, TAKEN), Kept(ID, ALICE),
)  # fmt: skip


def test_the_tables_are_total() -> None:
    assert set(LAW) == set(HoldingState) and LAW[ENDED] == {}
    assert set(MAY_CAUSE) == {Giving, Given, Kept, Taking, Ended}
    assert {kind for row in LAW.values() for kind in row} == set(MAY_CAUSE) - {Giving}
    assert all(after for row in LAW.values() for after in row.values())


def test_each_row_of_the_law_is_a_sentence_here_and_no_other() -> None:
    assert len(LAWFUL) == len(ROWS)
    assert {(state, kind): after for state, row in LAW.items() for kind, after in row.items()} == {
        row: frozenset({after}) for row, after in ROWS.items()
    }


@each_row(("state", "event", "was_given"), list(product(HoldingState, EVENTS, (False, True))))
def test_what_the_law_has_happens_and_nothing_else_does(state: HoldingState, event: Any, was_given: bool) -> None:
    if (state is GIVING and was_given) or (state is HELD and not was_given):
        return  # no holding is so
    before = in_state(state, was_given=was_given)
    after_it = ROWS.get((state, type(event)))
    is_a_lie = isinstance(event, Ended) and (event.outcome.ending is Ending.NOT_GIVEN) == was_given
    if after_it is None or is_a_lie:
        with pytest.raises(IllegalEvent):
            transition(before, event, moment(5))
        return
    after, _ = transition(before, event, moment(5))
    assert after.state is after_it and after.version == before.version + 1
    assert after.is_live is (after_it is not ENDED)


def test_each_event_is_caused_by_whom_the_table_names_and_by_nobody_else() -> None:
    assert {name_of(kind.__new__(kind)): sorted(roles) for kind, roles in MAY_CAUSE.items()} == {
        "holding.giving": ["requester"],
        "holding.given": ["daemon"],
        "holding.kept": ["requester"],
        "holding.taking": ["approver", "clock", "daemon", "operator", "requester"],
        "holding.ended": ["daemon"],
    }
    for event, role in product(EVENTS, Role):
        before = in_state(TAKING, was_given=isinstance(event, Ended) and event.outcome is TAKEN)
        before = in_state(HELD, was_given=True) if isinstance(event, Kept) else before
        tried = replace(event, by=Actor(role, "somebody", 4711))
        if role in MAY_CAUSE[type(event)]:
            transition(before, tried, moment())
        else:
            with pytest.raises(IllegalEvent, match="cannot be caused by the"):
                transition(before, tried, moment())


def test_its_states_and_ends_are_spelled_as_the_chain_keeps_them() -> None:
    assert [str(state) for state in HoldingState] == ["giving", "held", "taking", "ended"]
    assert [str(ending) for ending in Ending] == ["taken", "not given", "left"]


@pytest.mark.parametrize(
    ("together", "is_first"),
    [((), True), ((ID,), True), ((ID, f"{ID}.2"), True), ((f"{ID}.2", ID), False), ((f"{ID}.2", ID, f"{ID}.3"), False)],
)
def test_of_the_things_of_one_use_the_first_is_the_first(together: tuple[str, ...], is_first: bool) -> None:
    """And if the first is not given, the others are not: then the grant gets its use back."""
    begins = begun(together=together)
    assert begins.is_first is is_first
    returned = transition(begins, EVENTS[2], moment())[1][0]
    assert returned == Returned(ID, DAEMON, ID, was_started=not is_first)


def test_what_the_chain_keeps_of_each_event() -> None:
    event = Giving(
        ID,
        ALICE,
        "GRAN-0001",
        "REQU-0001",
        THING,
        "alice@EXAMPLE.TEST",
        UNTIL,
        stays=True,
        at=START,
        account=Account("alice", 1001),
    )
    told = {
        "grant": "GRAN-0001",
        "request": "REQU-0001",
        "thing": THING,
        "to": "alice@EXAMPLE.TEST",
        "until": "2026-03-02T09:10:00+00:00",
        "stays": True,
        "account": {"name": "alice", "uid": 1001},
    }
    assert in_clear(event.detail()) == told
    assert in_clear(replace(event, together=(ID, f"{ID}.2")).detail()) == told | {"together": [ID, f"{ID}.2"]}
    assert [in_clear(one.detail()) for one in EVENTS] == [
        {},
        {"because": "enough"},
        {"ending": "not given", "because": "the KDC refused it"},
        {"ending": "taken", "because": ""},
        {},
    ]
    assert in_clear(Given(ID, DAEMON, has_secret=True).detail()) == {"has_secret": True}


@pytest.mark.parametrize("had", [False, True])
@pytest.mark.parametrize("has", [False, True])
def test_a_secret_that_was_issued_once_stays_issued(had: bool, has: bool) -> None:
    before = replace(in_state(TAKING, was_given=True), has_secret=had)
    assert transition(before, Given(ID, DAEMON, has_secret=has), moment())[0].has_secret is (had or has)


def test_the_first_moment_at_which_it_was_to_be_taken_stays() -> None:
    once = transition(in_state(HELD, was_given=True), Taking(ID, ALICE, "enough"), moment(5))[0]
    assert once.taking_at == moment(5).at
    assert transition(once, Taking(ID, DAEMON, "the KDC is silent"), moment(9))[0].taking_at == moment(5).at


def test_what_its_giver_says_is_left_is_left() -> None:
    """Whatever the time is, and of whatever kind the thing is."""
    for after, name in product((0, 601), (THING, "account:dba")):
        held = begun(state=TAKING, given_at=START, thing=name)
        assert outcome_of(held, moment(after), "two processes still run") == Outcome(Ending.LEFT, "two processes still run")
    assert outcome_of(begun(state=TAKING), moment(), "two processes still run").ending is Ending.NOT_GIVEN
    assert outcome_of(begun(state=TAKING, given_at=START, thing="account:dba"), moment()) == TAKEN


def test_what_is_left_of_a_ticket_is_said_in_whole() -> None:
    found = outcome_of(begun(state=TAKING, given_at=START), moment(), ends_at=UNTIL)
    assert found.because == (
        "a ticket that was issued before is valid until 2026-03-02 09:10:00 UTC, and connections opened with this ticket "
        "continue; another KDC of the realm may issue more tickets until this KDC learns that the permission was taken back"
    )


def test_it_begins_as_recorded_and_not_as_given() -> None:
    made, follows = give(
        Giving(ID, ALICE, ID, ID, THING, "alice@EXAMPLE.TEST", UNTIL, stays=True, at=START, account=Account("alice", 1001))
    )
    assert (made.state, made.given_at, made.outcome, made.version) == (GIVING, None, None, 1)
    assert (made.thing, made.to, made.until, made.stays) == (THING, "alice@EXAMPLE.TEST", UNTIL, True)
    assert follows == (Give(ID), ListsChanged())


def test_each_step_orders_what_it_asks_for() -> None:
    told, lists = TellHolder(ID), ListsChanged()
    assert transition(begun(), EVENTS[0], moment())[1] == (told, lists)
    assert transition(begun(), EVENTS[1], moment())[1] == (Take(ID), told, lists)
    assert transition(begun(), EVENTS[2], moment())[1] == (Returned(ID, DAEMON, ID, False), told, lists)
    held = in_state(HELD, was_given=True)
    assert transition(held, EVENTS[1], moment())[1] == (Take(ID), told, lists)
    taking = transition(held, EVENTS[1], moment())[0]
    assert transition(taking, EVENTS[3], moment())[1] == (Returned(ID, DAEMON, ID, True), told, lists)


def test_a_thing_is_kept_once_and_only_if_it_was_asked_for_so() -> None:
    held = in_state(HELD, was_given=True)
    once, follows = transition(held, Kept(ID, ALICE), moment(5))
    assert once.kept_at == moment(5).at and follows == (ListsChanged(),)
    assert transition(once, Kept(ID, ALICE), moment(9))[0].kept_at == moment(5).at
    with pytest.raises(IllegalEvent, match="asked for only until the client's connection ends"):
        transition(replace(held, stays=False), Kept(ID, ALICE), moment(5))


def test_nothing_that_was_given_ends_without_being_taken() -> None:
    """A thing that is held has one way on, and it is not the end."""
    assert set(LAW[HELD]) == {Kept, Taking} and LAW[HELD][Kept] == {HELD}
    for outcome in (TAKEN, LEFT, NOT_GIVEN):
        with pytest.raises(IllegalEvent):
            transition(in_state(HELD, was_given=True), Ended(ID, DAEMON, outcome), moment())


def test_not_given_is_said_exactly_of_what_was_not_given() -> None:
    for was_given, outcome in product((False, True), (TAKEN, LEFT, NOT_GIVEN)):
        before = in_state(TAKING, was_given=was_given)
        if (outcome is NOT_GIVEN) is was_given:
            with pytest.raises(IllegalEvent, match="cannot have ended as"):
                transition(before, Ended(ID, DAEMON, outcome), moment())
        else:
            assert transition(before, Ended(ID, DAEMON, outcome), moment())[0].outcome is outcome


def test_what_was_given_while_it_was_ordered_back_is_still_taken() -> None:
    """The answer of the giver came after the order: the thing is there, and it is not handed over."""
    ordered = transition(begun(), Taking(ID, ALICE, "its grant was revoked"), moment(1))[0]
    found = transition(ordered, Given(ID, DAEMON), moment(2))[0]
    assert found.state is TAKING and found.given_at == moment(2).at
    with pytest.raises(IllegalEvent):
        transition(found, Ended(ID, DAEMON, NOT_GIVEN), moment(3))


def test_the_first_reason_why_it_was_taken_stays() -> None:
    once = transition(in_state(HELD, was_given=True), Taking(ID, CLOCK, "its grant has ended"), moment())[0]
    assert transition(once, Taking(ID, DAEMON, "the KDC is silent"), moment())[0].because == "its grant has ended"


def test_the_first_moment_at_which_it_was_given_stays() -> None:
    given = replace(in_state(TAKING, was_given=True))
    assert transition(given, Given(ID, DAEMON), moment(9))[0].given_at == START


@pytest.mark.parametrize(
    ("given_at", "after", "ending"),
    [
        (None, 0, Ending.NOT_GIVEN),
        (None, 601, Ending.NOT_GIVEN),
        (START, 0, Ending.LEFT),
        (START, 599.9, Ending.LEFT),
        (START, 600, Ending.TAKEN),
        (START, 601, Ending.TAKEN),
    ],
)
def test_what_is_left_of_it_is_what_may_be_used_still(given_at: Any, after: float, ending: Ending) -> None:
    """THREATS T-15: a ticket that was issued is good until its end: before that nobody may call the thing taken. A replica may
    go on issuing it.
    """
    found = outcome_of(begun(state=TAKING, given_at=given_at, because="the KDC is silent"), moment(after), ends_at=UNTIL)
    assert found.ending is ending
    if ending is Ending.LEFT:
        assert "2026-03-02 09:10:00 UTC" in found.because and "another KDC of the realm may issue more tickets" in found.because
    elif ending is Ending.NOT_GIVEN:
        assert found.because == "the KDC is silent"


# --- with its request and its grant ------------------------------------------------------------------------------------


class Lives:
    """A request for a thing, its grant and its holdings, driven by hand in the order in which the one door does it."""

    def __init__(self, decision: Any = None, **changes: Any) -> None:
        made = asked(what=thing(), **changes)
        self.effects: list[Any] = []
        self.holdings: dict[str, Holding] = {}
        self.grant: Any = None
        self.request = request.submit(submit(made))[0]
        self.happens(screened(made, decision or permit()))

    def happens(self, event: Any, after: float = 1.0) -> None:
        """Let ``event`` happen ``after`` seconds into the scene, with all that follows."""
        now = moment(after)
        match event:
            case grant.Issued():
                self.grant, follows = grant.issue(event)
            case Giving():
                assert event.id not in self.holdings
                self.holdings[event.id], follows = give(event)
            case grant.Used() | grant.Expired() | grant.Revoked() | Returned():
                self.grant, follows = grant.transition(self.grant, event, now)
            case Given() | Kept() | Taking() | Ended():
                self.holdings[event.id], follows = transition(self.holdings[event.id], event, now)
            case _:
                self.request, follows = request.transition(self.request, event, now)
        for follow in follows:
            if isinstance(follow, Returned) and not self.grant.is_live:
                continue  # what follows from an event does not reach a life that has ended
            if hasattr(follow, "by"):
                self.happens(follow, after)
            else:
                self.effects.append(follow)

    def use(self) -> None:
        obligations = self.request.obligations
        assert obligations is not None
        self.happens(grant.Used(self.grant.id, ALICE, self.request.id, obligations.terms))

    def orders(self) -> list[Any]:
        return [one for one in self.effects if isinstance(one, Give | Take)]


def approved(**changes: Any) -> Lives:
    lives = Lives(**changes)
    lives.happens(review(lives.request, person("bob")))
    return lives


def test_the_last_approval_records_the_holding_and_orders_the_thing_to_be_given() -> None:
    lives = Lives()
    assert lives.grant is None and not lives.orders()
    lives.happens(review(lives.request, person("bob")))
    (held,) = lives.holdings.values()
    assert held.state is GIVING and lives.orders() == [Give(ID)]
    assert (held.to, held.thing, held.until) == ("alice@EXAMPLE.TEST", THING, lives.grant.ends_at)
    assert lives.grant.left == 0 and lives.grant.living == (ID,) and lives.grant.state is GrantState.ACTIVE


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (lambda: grant.Expired(ID, CLOCK), GrantState.EXPIRED),
        (lambda: grant.Revoked(ID, actor(person("bob"), Role.APPROVER), "wrong host"), GrantState.REVOKED),
        (lambda: grant.Revoked(ID, ALICE, "given back by its holder"), GrantState.REVOKED),
        (lambda: grant.Revoked(ID, actor(person("dave"), Role.OPERATOR), "locked"), GrantState.REVOKED),
        (lambda: grant.Revoked(ID, DAEMON, "its client did not come back"), GrantState.REVOKED),
    ],
)
@pytest.mark.parametrize("was_given", [False, True])
def test_whatever_ends_the_grant_takes_the_thing_back(end: Any, state: GrantState, was_given: bool) -> None:
    """THREATS T-19."""
    lives = approved()
    if was_given:
        lives.happens(Given(ID, DAEMON))
    lives.happens(end(), 3600)
    assert lives.grant.state is state and lives.holdings[ID].state is TAKING
    assert lives.orders()[-1] == Take(ID)
    lives.happens(Ended(ID, DAEMON, outcome_of(lives.holdings[ID], moment(3601))), 3601) if was_given else None
    assert lives.grant.state is state, "it has ended already, and nothing is given back to it"


def test_what_is_given_back_leaves_a_spent_grant() -> None:
    lives = approved()
    lives.happens(Given(ID, DAEMON))
    lives.happens(Taking(ID, ALICE, "given back by its holder"))
    assert lives.grant.state is GrantState.ACTIVE, "until it is taken there is something to revoke"
    lives.happens(Ended(ID, DAEMON, LEFT))
    assert (lives.grant.state, lives.grant.left, lives.grant.living) == (GrantState.SPENT, 0, ())


def test_a_use_is_given_back_if_the_thing_was_not_given() -> None:
    """THREATS T-20."""
    lives = approved()
    lives.happens(Ended(ID, DAEMON, NOT_GIVEN))
    assert (lives.grant.state, lives.grant.left, lives.grant.living) == (GrantState.ACTIVE, 1, ())
    lives.use()
    assert list(lives.holdings) == [ID, f"{ID}.2"] and lives.holdings[f"{ID}.2"].state is GIVING


def test_a_grant_of_a_thing_has_one_use_and_another_request_may_take_it() -> None:
    """Nobody can count how often a ticket is used. A use that was given back answers the next request for the same."""
    for changes in ({}, {"lasts_for": 600}):
        found = approved(**changes).grant
        assert (found.uses, found.is_lease) == (1, True)


def test_a_grant_with_more_uses_gives_as_often_and_its_end_takes_all_of_it() -> None:
    lives = Lives(free())
    lives.grant = replace(lives.grant, uses=3, left=2)
    lives.use()
    lives.use()
    assert [held.state for held in lives.holdings.values()] == [GIVING] * 3
    with pytest.raises(NoUseLeft):
        lives.use()
    assert list(lives.holdings) == [ID, f"{ID}.2", f"{ID}.3"]
    lives.happens(Given(f"{ID}.2", DAEMON))
    lives.happens(Ended(f"{ID}.3", DAEMON, NOT_GIVEN))
    assert lives.grant.left == 1 and lives.grant.living == (ID, f"{ID}.2")
    lives.happens(grant.Revoked(ID, ALICE, "enough"))
    assert {held.state for held in lives.holdings.values() if held.is_live} == {TAKING}
    assert {one for one in lives.orders() if isinstance(one, Take)} == {Take(ID), Take(f"{ID}.2")}


def test_a_thing_ends_with_its_grant_and_not_later() -> None:
    lives = Lives(free(lasts_for=60), lasts_for=None)
    assert lives.holdings[ID].until == lives.grant.ends_at == moment(61).at


def test_no_run_is_stopped_for_a_thing_and_no_thing_is_taken_for_a_run() -> None:
    lives = approved()
    _, follows = grant.transition(lives.grant, grant.Revoked(ID, ALICE, "enough"), moment())
    assert not any(isinstance(follow, StopOrdered) for follow in follows)
    ran = asked()
    made = request.transition(ran, screened(ran, free()), moment())[0]
    live = replace(request.issued(made, moment()).grant, living=(ID,), left=0, begun=1)
    _, follows = grant.transition(live, grant.Revoked(ID, ALICE, "enough"), moment())
    assert [type(follow) for follow in follows if hasattr(follow, "by")] == [StopOrdered]


def test_no_monitor_and_no_policy_is_an_author_in_this_life() -> None:
    for author, event in product((MONITOR, POLICY), EVENTS):
        with pytest.raises(IllegalEvent):
            transition(in_state(TAKING, was_given=True), replace(event, by=author), moment())


def test_a_thing_is_no_run_to_the_recovery_of_another_boot() -> None:
    """A grant ends with the boot; what was given under it is taken, though that may take longer."""
    lives = approved()
    lives.happens(Given(ID, DAEMON))
    after, follows = grant.transition(lives.grant, grant.Expired(ID, CLOCK), moment(1, boot_id="boot-2"))
    assert after.state is GrantState.EXPIRED
    assert [type(one) for one in follows if hasattr(one, "by")] == [holding.Taking]
