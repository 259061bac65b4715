# SPDX-License-Identifier: Apache-2.0
"""People without an account on this host. Law: nobody without an account is root, has anybody's uid, or is the same as another
who has none. One person is one, whether they come by an account or by a principal alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core import lock, used_accounts
from jitd.core.approvers import lack, may_approve, may_review, owes, tally
from jitd.core.decision import Approval
from jitd.core.lock import Whom
from jitd.core.owed_review import OwedReview, roles_of
from jitd.core.party import HOUSE, OF_ROOT, UNSEEN, Party
from jitd.core.request import NotYours, RequestState, Verdict, transition
from jitd.core.rights import Act, Case, may
from jitd.core.subject import ROOT, Identity, Named, Subject, Visitor, is_named, is_one_person, link_between, matches_any
from jitd.core.used_accounts import Use, as_used
from jitd.core.ways import every_way
from tests.core.test_golden_records import OWED
from tests.scene import START, TRUSTED, asked, locked, moment, permit, person, review, visitor

ALICE, BOB, CAROL, EVE = person("alice"), person("bob"), person("carol"), person("eve")
LOCAL_ROOT = Subject(ROOT, "root", 0, 0, frozenset({"root"}), "root", None)
ROOT_BY_TICKET = replace(ALICE, principal="root@EXAMPLE.TEST", user="root", uid=0, gid=0, person="root")
ZOE, YAN = visitor("zoe"), visitor("yan")
WAITING = replace(asked(), state=RequestState.PENDING, obligations=permit().obligations)

names = st.from_regex(r"[a-z0-9_./-]{1,8}", fullmatch=True)
principals = st.builds("{}@{}".format, names, st.sampled_from(["TRUSTED.TEST", "OTHER.TEST"]))
visitors = st.builds(lambda principal, person: replace(ZOE, principal=principal, person=person), principals, names)


# --- who they are --------------------------------------------------------------------------------------------------------


@given(visitors, visitors)
def test_two_of_them_are_one_key_only_if_the_principal_is_one(one: Visitor, other: Visitor) -> None:
    """THREATS K-29."""
    assert (one.party == other.party) is (one.principal == other.principal)
    assert is_one_person(one, other) is (one.principal == other.principal or one.person == other.person)


@given(visitors, st.integers(0, 2**32 - 1))
def test_none_of_them_is_an_account_whatever_they_are_called(who: Visitor, uid: int) -> None:
    """THREATS K-29."""
    other = replace(BOB, principal="local:somebody", user="somebody", uid=uid, person="somebody here")
    assert who.party not in (Party.of_account(uid), OF_ROOT, HOUSE, UNSEEN)
    assert not who.is_requester(other) and not is_one_person(who, other) and not is_one_person(other, who)


@given(visitors)
def test_none_of_them_is_root_or_has_anything_of_an_account(who: Visitor) -> None:
    """THREATS K-29."""
    assert not (who.is_root or who.is_superuser or who.is_local or who.is_by_pam or who.is_made)
    assert who.account == "" and who.author == (who.principal, None) and who.names == (who.principal,)
    assert not {"user", "uid", "gid", "gids"} & {*dir(who)}, "nothing can take what is not there for somebody's"
    assert not matches_any(who, ("user:", f"user:{who.person}", f"user:{who.principal}", "user:root"))


@pytest.mark.parametrize(
    "changes",
    [{"principal": one} for one in ("", "root", "zoe", "@TRUSTED.TEST", "zoe@", "local:zoe@TRUSTED.TEST", "pam:zoe@TRUSTED.TEST")]
    + [{"person": ""}],
)
def test_a_principal_of_nobody_or_a_name_without_a_realm_makes_no_visitor(changes: dict[str, Any]) -> None:
    """THREATS K-29."""
    with pytest.raises(ValueError, match="is not a principal|which person"):
        replace(ZOE, **changes)


def test_the_ticket_of_a_visitor_always_ends() -> None:
    assert ZOE.has_ticket_at(START) and not ZOE.has_ticket_at(ZOE.ticket_ends_at)


# --- when two are one ------------------------------------------------------------------------------------------------------

ONE_OR_TWO: list[tuple[str, Identity, Identity, bool]] = [
    ("a visitor and somebody here", ZOE, BOB, False),
    ("a visitor and root", ZOE, LOCAL_ROOT, False),
    ("a visitor and root with a ticket", ZOE, ROOT_BY_TICKET, False),
    ("two visitors", ZOE, YAN, False),
    ("two visitors of one name", ZOE, replace(ZOE, principal="zoe@OTHER.TEST", person="zoe of the others"), False),
    ("a visitor whose name is an account's", visitor("bob", person="bob of the others"), BOB, False),
    ("the same person by a principal", visitor("bob"), BOB, True),
    ("the same person by two principals", ZOE, replace(YAN, person="zoe"), True),
    ("the same principal of another person", ZOE, replace(ZOE, person="yan"), True),
    ("a principal that had an account", ZOE, replace(BOB, principal=ZOE.principal), True),
    ("a requester without a ticket", ZOE, replace(BOB, principal="local:bob", perhaps=frozenset({ZOE.principal})), True),
    ("another requester without one", ZOE, replace(BOB, principal="local:bob", perhaps=frozenset({YAN.principal})), False),
]


@pytest.mark.parametrize(("one", "other", "is_one"), [row[1:] for row in ONE_OR_TWO], ids=[row[0] for row in ONE_OR_TWO])
def test_one_person_is_one_by_person_and_principal_and_by_a_uid_only_where_both_have_one(
    one: Identity, other: Identity, is_one: bool
) -> None:
    """THREATS K-29."""
    assert is_one_person(one, other) is is_one_person(other, one) is is_one


@pytest.mark.parametrize(
    ("approvers", "n_owed"),
    [
        ((ZOE,), 1),
        ((ZOE, YAN), 0),
        ((ZOE, BOB), 0),
        ((ZOE, ZOE), 1),
        ((ZOE, replace(YAN, person="zoe")), 1),
        ((visitor("bob"), BOB), 1),
        ((visitor("alice"), ZOE), 1),
        ((replace(ZOE, principal=ALICE.principal), YAN), 1),
        ((visitor("zoe", "dba"), YAN), 1),
        ((), 2),
    ],
    ids=lambda of: " ".join(one.principal for one in of) if isinstance(of, tuple) else "",
)
def test_each_person_counts_once(approvers: tuple[Identity, ...], n_owed: int) -> None:
    asks = every_way((Approval(2, ("group:ops",)),))
    assert tally(asks, approvers, ALICE) == n_owed
    assert bool(owes(asks, approvers, ALICE)) is bool(n_owed)


def test_two_visitors_never_are_the_requester_for_want_of_a_uid() -> None:
    asks = every_way((Approval(1, ("group:ops",)),))
    assert may_review(asks, ZOE, ALICE) == may_approve(asks, ZOE, ALICE) == {0} and lack(asks, ZOE, ALICE) == ""
    assert may_review(asks, visitor("alice"), ALICE) == frozenset()


@pytest.mark.parametrize(
    ("words", "among", "is_asked"),
    [
        ({"of_whom": ("group:ops",)}, None, True),
        ({"of_whom": ("group:dba",)}, None, False),
        ({"of_whom": (f"principal:zoe@{TRUSTED}",)}, None, True),
        ({"of_whom": ("user:zoe", "user:")}, None, False),
        ({"of_whom": ("group:ops",), "also": "oncall:ops"}, ("zoe",), False),
        ({"of_whom": ("group:ops",), "also": "oncall:ops"}, ("",), False),
        ({"of_whom": ("group:ops",), "also": "oncall:ops"}, (f"zoe@{TRUSTED}",), True),
    ],
)
def test_words_and_lists_name_a_visitor_by_group_or_principal(words: dict[str, Any], among: Any, is_asked: bool) -> None:
    assert bool(may_review(every_way((Approval(1, among=among, **words),)), ZOE, ALICE)) is is_asked


# --- what they may do ------------------------------------------------------------------------------------------------------


class Here:
    """A host of which zoe and root operate."""

    operators, auditors = ("group:ops",), ()

    def uses(self) -> Any:
        raise AssertionError

    def locks(self) -> Any:
        return ()

    def owed_review(self, id: str) -> OwedReview | None:
        return None


@pytest.mark.parametrize("act", [Act.MAKE_KEY, Act.ACKNOWLEDGE_KEY])
def test_what_is_root_s_alone_is_not_a_visitors(act: Act) -> None:
    here: Any = Here()
    assert may(act, Case(LOCAL_ROOT, here)) is None
    assert may(Act.OPERATE, Case(ZOE, here)) is None and may(act, Case(ZOE, here)) is not None


@pytest.mark.parametrize("act", [Act.OWN, Act.RESUME])
def test_no_visitor_is_the_requester_of_anything(act: Act) -> None:
    here: Any = Here()
    assert may(act, Case(ALICE, here, WAITING)) is None
    for who in (ZOE, visitor("alice"), replace(ZOE, principal=ALICE.principal)):
        assert may(act, Case(who, here, WAITING)) is not None


def test_a_visitor_approves_and_the_request_keeps_who_that_was() -> None:
    after, _ = transition(WAITING, review(WAITING, ZOE), moment(1))
    assert after.state is RequestState.APPROVED and after.reviews[0].by == ZOE


@pytest.mark.parametrize("who", [visitor("alice"), replace(ZOE, principal=ALICE.principal), visitor("zoe", "dba")])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_visitor_who_is_the_requester_or_is_not_named_reviews_nothing(who: Visitor, verdict: Verdict) -> None:
    with pytest.raises(NotYours):
        transition(WAITING, review(WAITING, who, verdict), moment(1))


def test_a_visitor_may_give_the_review_that_was_skipped_and_the_requester_may_not() -> None:
    assert roles_of(OWED, ZOE) and not roles_of(OWED, visitor("alice"))


# --- what stops them -------------------------------------------------------------------------------------------------------

LOCKS = [
    ("on the principal", locked(Whom.PRINCIPAL, ZOE.principal), True),
    ("on the principal of another", locked(Whom.PRINCIPAL, YAN.principal), False),
    ("on the person", locked(person="zoe"), True),
    ("on everybody", locked(Whom.ALL), True),
    ("on an account without a number", locked(Whom.USER, "eve", uid=None, person=""), False),
    ("on an account of that name of which nothing is known", locked(Whom.USER, "zoe", uid=None, person=""), False),
    ("on root's account", locked(Whom.USER, "root", uid=0, person="root"), False),
    ("on a principal of which no account is known", locked(Whom.PRINCIPAL, "x@X", uid=None, person=""), False),
]


@pytest.mark.parametrize(("made", "is_on"), [row[1:] for row in LOCKS], ids=[row[0] for row in LOCKS])
def test_a_lock_is_on_a_visitor_by_principal_or_person(made: lock.Lock, is_on: bool) -> None:
    assert lock.is_on(made, ZOE) is is_on
    assert (lock.answer_to((made,), ZOE) is not None) is is_on


@pytest.mark.parametrize(
    ("words", "is_theirs"),
    [
        (Named(ZOE.principal, "", "nobody"), True),
        (Named("zoe", "zoe", "zoe"), True),
        (Named("", "", "nobody"), False),
        (Named("yan", "yan", "yan"), False),
        (Named(ROOT, "root", "root"), False),
    ],
)
def test_a_typed_name_names_a_visitor_by_principal_or_person(words: Named, is_theirs: bool) -> None:
    assert is_named(ZOE, words) is is_theirs


class Live:
    """The live runs."""

    def __init__(self, *uses: Use) -> None:
        self._uses = uses

    def __call__(self) -> tuple[Use, ...]:
        return self._uses

    def today(self, who: Any) -> Any:
        return who


def test_who_runs_something_as_a_person_may_hold_the_ticket_by_which_that_person_visits() -> None:
    """THREATS K-29: eve has a run as bob, and bob's tickets are there for her."""
    bob, live = visitor("bob"), Live(Use("RUN1-RUN1", EVE, BOB.uid, "bob"))
    used = as_used(bob, live())
    assert [user.principal for user in used.used_by] == [EVE.principal]
    assert link_between(used, EVE) == (bob.principal, used.used_by[0]) and is_one_person(used, EVE)
    assert "may act as bob@TRUSTED.TEST in run RUN1-RUN1" in used_accounts.why_own(bob, EVE, "K7QM-2XVD", live)
    assert as_used(ZOE, live()) == ZOE and used_accounts.why_own(ZOE, EVE, "K7QM-2XVD", live) == ""


@pytest.mark.parametrize("change", [lambda who: who.looked_at(START), lambda who: who.but(groups=frozenset({"x"}))])
def test_a_copy_of_a_visitor_is_a_visitor(change: Callable[[Visitor], Visitor]) -> None:
    assert isinstance(change(ZOE), Visitor) and change(ZOE).principal == ZOE.principal
    assert ZOE.membership() == {"groups": ["ops"]} and ZOE.ticket() == {"ticket_ends_at": str(ZOE.ticket_ends_at)}
