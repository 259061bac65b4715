# SPDX-License-Identifier: Apache-2.0
"""Who counts as one person because somebody uses another one's account. Law: what a person may do with an account counts as done
by this person, and by nobody who has nothing to do with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from jitd.core import request
from jitd.core.decision import Approval
from jitd.core.law import Actor, Role
from jitd.core.lock import Whom, is_on_user
from jitd.core.owed_review import NotTheirs, roles_of
from jitd.core.request import NotYours, Request, RequestState, Verdict
from jitd.core.subject import Subject, User, is_one_person, used_by
from jitd.core.used_accounts import Use, under, why_own
from tests.core.house import ALICE, BOB, CAROL, DAVE, EVE, ROOT, subject
from tests.core.test_owed_review import given, owed
from tests.scene import asked, locked, moment, permit, review, screened

RUN = "R0NS-0001"
ALICE_ADMIN = subject("alice-adm", 5001, "ops", person="alice")


class Uses:
    """The live runs. ``people`` maps accounts to whom they belong today."""

    def __init__(self, *live: Use, **people: str) -> None:
        self.live, self.people = live, people

    def __call__(self) -> Iterator[Use]:
        return iter(self.live)

    def today(self, who: Subject) -> Subject:
        return replace(who, person=self.people.get(who.user, who.person))


def use(by: Subject, account: Subject, run: str = RUN) -> Use:
    return Use(run, by, account.uid, account.person)


def pending(who: Subject = ALICE, need: int = 1) -> Request:
    made = asked(who=who)
    return request.transition(made, screened(made, permit(Approval(need, ("group:ops",)))), moment())[0]


BY_ALICE = used_by(BOB, ALICE, RUN)
ROWS = [
    ("two strangers", ALICE, BOB, False),
    ("her run as the account", ALICE, BY_ALICE, True),
    ("the other way round", BY_ALICE, ALICE, True),
    ("her run, and her other account", ALICE_ADMIN, BY_ALICE, True),
    ("two accounts that she uses", used_by(CAROL, ALICE, RUN), BY_ALICE, True),
    ("somebody else's run as the same account", CAROL, BY_ALICE, False),
    ("two people who use one account", ALICE, used_by(EVE, CAROL, RUN), False),
    ("a run in a run", ALICE, used_by(DAVE, BY_ALICE, "R0NS-0002"), True),
    ("a run that root began in hers", ALICE, used_by(DAVE, used_by(ROOT, ALICE, RUN), "R0NS-0002"), True),
    ("a run of root's", replace(ALICE, uid=0, person="root"), used_by(BOB, ROOT, RUN), False),
]


@pytest.mark.parametrize(("name", "one", "other", "is_one"), ROWS, ids=[row[0] for row in ROWS])
def test_who_is_one_person(name: str, one: Subject, other: Subject, is_one: bool) -> None:
    """THREATS A-21."""
    assert is_one_person(one, other) is is_one_person(other, one) is is_one


def test_an_account_that_somebody_uses_is_named_once_with_who_uses_it() -> None:
    assert used_by(used_by(BOB, ALICE, RUN), ALICE, RUN).used_by == (User(ALICE.principal, ALICE.uid, "alice", RUN),)
    assert used_by(ALICE, ALICE_ADMIN, RUN) == ALICE, "one's own account is not used by somebody else"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_review_from_her_run_is_her_own(verdict: Verdict) -> None:
    """THREATS A-21: both verdicts, as with her own account."""
    before = pending()
    with pytest.raises(NotYours):
        request.transition(before, review(before, BY_ALICE, verdict), moment(1))


def test_a_review_from_her_run_counts_as_one_by_her() -> None:
    """THREATS A-21."""
    alice = replace(ALICE, groups=frozenset({"ops"}))
    before = pending(EVE, 2)
    once, _ = request.transition(before, review(before, BY_ALICE), moment(1))
    twice, _ = request.transition(once, review(once, alice, standing=(BY_ALICE,)), moment(2))
    assert (once.state, twice.state) == (RequestState.PENDING, RequestState.PENDING)
    done, _ = request.transition(twice, review(twice, CAROL, standing=(BY_ALICE, alice)), moment(3))
    assert done.state is RequestState.APPROVED


LIVE = [
    ("her run as the account", Uses(use(ALICE, BOB)), ALICE, BOB, True),
    ("the other way round", Uses(use(ALICE, BOB)), BOB, ALICE, True),
    ("her other account asked for the run", Uses(use(ALICE_ADMIN, BOB)), ALICE, BOB, True),
    ("a run as another account of the reviewer", Uses(use(ALICE, replace(BOB, uid=5002))), ALICE, BOB, True),
    ("a run as somebody else", Uses(use(ALICE, CAROL)), ALICE, BOB, False),
    ("a run of somebody else", Uses(use(EVE, BOB)), ALICE, BOB, False),
    ("a run as who has a run as the reviewer", Uses(use(BOB, CAROL, "R0NS-0002"), use(ALICE, BOB)), ALICE, CAROL, True),
    ("the same, begun the other way round", Uses(use(ALICE, BOB), use(BOB, CAROL, "R0NS-0002")), ALICE, CAROL, True),
    ("two who each have a run as the other", Uses(use(DAVE, BOB), use(BOB, DAVE, "R0NS-0002")), ALICE, BOB, False),
    ("a run as root", Uses(use(ALICE, ROOT)), ALICE, replace(BOB, uid=0), False),
    ("both work as one account", Uses(use(ALICE, EVE), use(BOB, EVE)), ALICE, BOB, False),
    ("the settings say today that it is one person", Uses(bob="alice", alice="bob"), ALICE, BOB, True),
]


@pytest.mark.parametrize(("name", "uses", "requester", "reviewer", "is_own"), LIVE, ids=[row[0] for row in LIVE])
def test_whose_approval_does_not_count_while_a_run_lives(
    name: str, uses: Uses, requester: Subject, reviewer: Subject, is_own: bool
) -> None:
    """THREATS A-22: the approval that is given now, and one from before; a deny counts."""
    before = pending(requester)
    assert bool(why_own(reviewer, requester, before.id, uses)) is is_own
    now, earlier = review(before, reviewer), review(before, DAVE, standing=(reviewer,))
    deny = review(before, reviewer, Verdict.DENY)
    assert under(uses, before, deny) == deny
    again = screened(before, permit(Approval(1, ("group:ops",))))
    assert len(under(uses, before, replace(again, standing=(reviewer,))).standing) == (0 if is_own else 1)
    assert len(under(uses, before, earlier).standing) == (0 if is_own else 1)
    if is_own:
        with pytest.raises(NotYours):
            under(uses, before, now)
    else:
        assert is_one_person(under(uses, before, now).reviewer, reviewer)


def test_while_the_run_lives_both_count_once_for_others() -> None:
    """THREATS A-22."""
    before = pending(EVE, 2)
    event = under(Uses(use(ALICE, BOB)), before, review(before, replace(ALICE, groups=frozenset({"ops"})), standing=(BOB,)))
    assert request.transition(before, event, moment(1))[0].state is RequestState.PENDING
    free = under(Uses(), before, review(before, replace(ALICE, groups=frozenset({"ops"})), standing=(BOB,)))
    assert request.transition(before, free, moment(1))[0].state is RequestState.APPROVED


def test_what_is_asked_for_while_the_run_lives_is_not_approved_by_its_requester_after_it() -> None:
    """THREATS A-22."""
    event = request.Submitted("K7QM-2XVD", Actor(Role.REQUESTER, BOB.principal, BOB.uid), pending(BOB))
    made = under(Uses(use(ALICE, BOB)), None, event).request
    assert why_own(ALICE, made.requester, made.id, Uses()) and not why_own(CAROL, made.requester, made.id, Uses())
    assert under(Uses(use(ALICE, CAROL)), None, event) == event


def test_the_sentences_say_who_may_act_where_and_until_when() -> None:
    uses = Uses(use(ALICE, BOB))
    somebody = "somebody else has to review it"
    acts = f"request X counts as your own: {ALICE.principal} may act as bob in run {RUN}; {somebody}"
    assert why_own(BOB, ALICE, "X", uses) == f"{acts}, or you when run {RUN} has ended"
    assert why_own(BY_ALICE, ALICE, "X", Uses()) == acts
    logged_in = f"request X counts as your own, because {ALICE.principal} logged in and may act as bob: {somebody}"
    assert why_own(used_by(BOB, ALICE), ALICE, "X", Uses()) == logged_in
    assert why_own(ALICE, ALICE, "X", uses) == f"request X is your own: {somebody}"
    assert why_own(BOB, ALICE, "X", Uses()) == ""


def test_a_lock_is_on_who_uses_an_account_by_each_of_their_names() -> None:
    """THREATS A-23."""
    (user,) = BY_ALICE.used_by
    assert is_on_user(locked(Whom.ALL, ""), user)
    assert is_on_user(replace(locked(), uid=ALICE.uid), user)
    assert is_on_user(replace(locked(), uid=None, person="alice"), user)
    assert is_on_user(replace(locked(Whom.PRINCIPAL, ALICE.principal), uid=None, person=""), user)
    assert not is_on_user(replace(locked(name="carol"), uid=CAROL.uid, person="carol"), user)


def test_a_review_of_broken_glass_is_not_given_by_who_works_as_the_reviewer() -> None:
    """THREATS A-21, A-22 and A-25."""
    it, event = owed(), given()
    with pytest.raises(NotTheirs):
        under(Uses(use(it.requester, event.reviewer)), it, event)
    assert under(Uses(), it, event) == event
    assert is_one_person(under(Uses(use(EVE, event.reviewer)), it, event).reviewer, EVE), "as a lock on eve has to know"
    assert roles_of(it, event.reviewer) and not roles_of(it, used_by(event.reviewer, it.requester, RUN))
