# SPDX-License-Identifier: Apache-2.0
"""Who may review and what is still owed, as truth tables and properties; and the sentences about rules and approvals."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.approvers import lack, may_review, names, tally, why_not
from jitd.core.authentication import Demand
from jitd.core.decision import Approval
from jitd.core.keys.approvals import describe_approvals
from jitd.core.keys.hosts import read_host
from jitd.core.keys.reason import Reason
from jitd.core.policy import ROOTS, Rule, describe, rules_for
from jitd.core.subject import BY_PAM, Subject
from jitd.expressions.patterns import read_pattern
from tests.core.house import ALICE, BOB, CAROL, DAVE, EVE, ROOT, deny, hours, patterns, permit, policy, subject

OPS = Approval(1, ("group:ops",))
TWO_OPS = Approval(2, ("group:ops",))
SECURITY = Approval(1, ("group:security",))
ALICE_ADMIN = subject("alice-adm", 5001, "ops", person="alice", principal="alice/admin@EXAMPLE.ORG")
BOB_ADMIN = subject("bob-adm", 5002, "ops", "security", person="bob")
ALICE_OPS = replace(ALICE, groups=frozenset({"ops"}))


@pytest.mark.parametrize(
    ("approvals", "approver", "indexes"),
    [
        ((OPS,), BOB, {0}),
        ((OPS,), EVE, set()),
        ((OPS, SECURITY), BOB, {0}),
        ((OPS, SECURITY), DAVE, {0, 1}),
        ((), BOB, set()),
        ((Approval(1, ("principal:eve@EXAMPLE.ORG",)),), EVE, {0}),
        ((Approval(1, ("user:eve",)),), EVE, {0}),
        ((Approval(1, ("user:eve",)),), BOB, set()),
        ((Approval(1, ("principal:eve@EXAMPLE.ORG",)),), BOB, set()),
        ((Approval(1, ("user:ops", "principal:bob", "group:bob@EXAMPLE.ORG")),), BOB, set()),
        ((SECURITY, OPS, Approval(1, ("user:eve", "user:bob"))), BOB, {1, 2}),
        # THREATS A-01: nobody reviews their own, by whatever account or name
        ((OPS,), ALICE_OPS, set()),
        ((OPS,), ALICE_ADMIN, set()),
        ((OPS,), replace(BOB, uid=ALICE.uid), set()),
        ((OPS,), replace(BOB, principal=ALICE.principal), set()),
        ((OPS,), replace(BOB, person=ALICE.person), set()),
        # root reviews nothing
        ((OPS,), replace(ROOT, groups=frozenset({"ops"})), set()),
        ((OPS,), replace(BOB, uid=0), set()),
        ((Approval(1, ("user:root",)),), ROOT, set()),
        # nor does who has no ticket, or has an account that jitd has made
        ((OPS,), replace(BOB, principal="local:bob"), set()),
        ((OPS,), replace(BOB, user="jit-k7qm2xvd"), set()),
    ],
)
def test_who_may_review(approvals: tuple[Approval, ...], approver: Subject, indexes: set[int]) -> None:
    """THREATS A-01."""
    assert may_review(approvals, approver, ALICE) == indexes


def test_why_somebody_of_the_words_may_not_review_now() -> None:
    later = replace(OPS, after=600)
    listed = replace(OPS, also="fact.on_call", among=frozenset({"bob"}))
    assert why_not((OPS,), (OPS,), EVE) == ""
    assert why_not((SECURITY, later), (SECURITY,), BOB) == (
        "you may approve only later: your way to approve this request is not open yet"
    )
    assert why_not((SECURITY, listed), (SECURITY, listed), CAROL) == "you are not on the list fact.on_call"


def test_an_approver_lacks_what_the_way_demands_and_they_have_not() -> None:
    demanding = replace(OPS, demand=Demand(indicators=("otp",)))
    assert lack((OPS,), BOB, ALICE) == ""
    assert lack((demanding,), BOB, ALICE) == demanding.demand.lack(None) != ""
    assert lack((demanding, OPS), BOB, ALICE) == ""
    assert lack((SECURITY,), BOB, ALICE) == "", "who may not review lacks nothing"


def test_a_way_names_those_of_its_words_and_of_its_list() -> None:
    listed, by_pam = replace(OPS, also="fact.on_call", among=frozenset({"bob"})), replace(BOB, principal=f"{BY_PAM}bob")
    for way, approver, is_named in (
        (OPS, BOB, True),
        (OPS, EVE, False),
        (OPS, by_pam, False),
        (replace(OPS, without_kdc="local"), by_pam, True),
        (listed, BOB, True),
        (listed, CAROL, False),
        (replace(listed, among=frozenset({CAROL.principal})), CAROL, True),
        (replace(listed, among=None), BOB, False),
    ):
        assert names(way, approver) is is_named, (way, approver)


@pytest.mark.parametrize(
    ("approvals", "approvers", "owed"),
    [
        ((), (), 0),
        ((OPS,), (), 1),
        ((OPS,), (BOB,), 0),
        ((OPS,), (BOB, CAROL), 0),  # more than enough still approves
        ((OPS,), (EVE,), 1),
        ((OPS,), (ALICE_OPS,), 1),
        ((OPS,), (ALICE_ADMIN,), 1),
        ((TWO_OPS,), (BOB,), 1),
        ((TWO_OPS,), (BOB, BOB), 1),
        ((TWO_OPS,), (BOB, BOB_ADMIN), 1),
        ((TWO_OPS,), (BOB, replace(CAROL, uid=BOB.uid)), 1),
        ((TWO_OPS,), (BOB, replace(CAROL, principal=BOB.principal)), 1),
        ((TWO_OPS,), (BOB, CAROL), 0),
        # THREATS A-02: all of them, and one person fills one place
        ((OPS, SECURITY), (DAVE,), 1),
        ((OPS, SECURITY), (BOB, CAROL), 1),
        ((OPS, SECURITY), (DAVE, BOB), 0),
        ((OPS, OPS), (BOB,), 1),
        ((OPS, OPS), (BOB, CAROL), 0),
        # what one account of a person may, the person may
        ((OPS, SECURITY), (BOB, BOB_ADMIN), 1),
        ((SECURITY,), (BOB, BOB_ADMIN), 0),
        ((OPS, SECURITY), (BOB, BOB_ADMIN, CAROL), 0),
        # an account that bridges two others makes all three one person
        ((TWO_OPS,), (BOB, CAROL, replace(CAROL, uid=BOB.uid, principal="c@X")), 1),
        # an account that is also the requester's takes its owner's others with it
        ((TWO_OPS,), (BOB, replace(ALICE_ADMIN, uid=BOB.uid)), 2),
    ],
)
def test_what_is_still_owed_in_whatever_order(approvals: tuple[Approval, ...], approvers: tuple[Subject, ...], owed: int) -> None:
    """THREATS A-02."""
    for order in permutations(approvers):
        assert tally(approvals, order, ALICE) == owed
        assert tally(tuple(reversed(approvals)), order, ALICE) == owed


PEOPLE = (ALICE_OPS, ALICE_ADMIN, BOB, BOB_ADMIN, CAROL, DAVE, EVE, replace(ROOT, groups=frozenset({"ops"})))
WORDS = [
    ("group:ops",), ("group:security",), ("user:eve", "group:ops"), ("user:bob",), ("principal:carol@EXAMPLE.ORG",),
    ("user:ops",), ("group:bob-adm", "user:security"),
]  # fmt: skip
APPROVALS = st.lists(
    st.builds(Approval, st.integers(1, 2), st.sampled_from(WORDS)),
    max_size=3,
).map(tuple)


def _is_named(word: str, account: Subject) -> bool:
    kind, name = word.split(":", 1)
    return {"user": name == account.user, "group": name in account.groups, "principal": name == account.principal}[kind]


def _naive_tally(approvals: tuple[Approval, ...], approvers: tuple[Subject, ...], requester: Subject) -> int:
    """Try every way to seat the persons."""
    places = [approval for approval in approvals for _ in range(approval.need)]
    persons = sorted({approver.person for approver in approvers} - {requester.person, "root"})
    best = 0
    for seats in product((None, *range(len(places))), repeat=len(persons)):
        taken = [seat for seat in seats if seat is not None]
        if len(set(taken)) < len(taken):
            continue
        fits = [
            any(
                account.person == person and any(_is_named(word, account) for word in places[seat].of_whom)
                for account in approvers
            )
            for person, seat in zip(persons, seats, strict=True)
            if seat is not None
        ]
        best = max(best, len(taken) if all(fits) else 0)
    return len(places) - best


@given(APPROVALS, st.lists(st.sampled_from(PEOPLE), max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_reviews_never_matters(approvals: tuple[Approval, ...], approvers: list[Subject], random: Any) -> None:
    owed = tally(approvals, tuple(approvers), ALICE)
    assert owed == _naive_tally(approvals, tuple(approvers), ALICE)
    random.shuffle(approvers)
    assert tally(approvals, tuple(approvers), ALICE) == owed


@given(APPROVALS, st.lists(st.sampled_from(PEOPLE), max_size=5), st.sampled_from(PEOPLE))
def test_a_review_more_never_owes_more(approvals: tuple[Approval, ...], approvers: list[Subject], more: Subject) -> None:
    before = tally(approvals, tuple(approvers), ALICE)
    after = tally(approvals, (*approvers, more), ALICE)
    assert before - 1 <= after <= before
    if not may_review(approvals, more, ALICE):
        assert after == before


# --- what people read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("approvals", "sentence"),
    [
        ((), "no approval"),
        ((OPS,), "1 approval from group:ops"),
        ((TWO_OPS,), "2 approvals from group:ops"),
        ((TWO_OPS, SECURITY), "2 approvals from group:ops and 1 from group:security"),
        (
            (OPS, SECURITY, Approval(3, ("user:eve",))),
            "1 approval from group:ops, 1 from group:security and 3 from user:eve",
        ),
        ((Approval(1, ("group:ops", "group:dba", "user:eve")),), "1 approval from group:ops, group:dba or user:eve"),
    ],
)
def test_approvals_in_words(approvals: tuple[Approval, ...], sentence: str) -> None:
    assert describe_approvals(approvals) == sentence


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (permit(), "any command as root, for at most 15 minutes and 1 use"),
        (
            permit(
                **patterns(("/usr/bin/id",), ("/usr/bin/a", "b c", "**")),
                run_as=("*",),
                **hours("Mon-Fri 08:00-18:00 UTC"),
                reason=Reason(read_pattern("x"), "the change number"),
                approvals=(OPS,),
                lasts_for=3600,
                uses=5,
            ),
            '/usr/bin/id or /usr/bin/a "b c" ** as anyone, Mon-Fri 08:00-18:00 UTC, with a reason: the change number, '
            "after 1 approval from group:ops within 15 minutes, for at most 1 hour and 5 uses",
        ),
        (deny(**hours("Sat 08:00-18:00 UTC")), "any command as anyone, Sat 08:00-18:00 UTC"),
    ],
)
def test_a_rule_in_words(rule: Rule, sentence: str) -> None:
    assert describe(rule) == sentence


def test_the_rules_that_are_about_somebody() -> None:
    here = permit("here", **hours("Sat 08:00-18:00 UTC"))
    house = policy(
        permit("other", who=("group:ops",)),
        here,
        deny(),
        permit("elsewhere", hosts=(read_host("web*"),)),
        permit("pam", services=("sudo",)),
    )
    assert rules_for(house, ALICE, "db1.example.org", "jitsudo") == (here,)
    assert [rule.name for rule in rules_for(house, BOB, "db1.example.org", "jitsudo")] == ["other"]
    assert [rule.name for rule in rules_for(house, ALICE, "WEB1", "jitsudo")] == ["here", "elsewhere"]


@pytest.mark.parametrize(
    ("rule", "service", "is_listed"),
    [
        (permit(services=None), "jitsudo", True),
        (permit(services=None), "sudo", True),
        (permit(services=()), "jitsudo", False),
        (permit(services=("sudo", "jitsudo")), "jitsudo", True),
        (permit(services=("sudo",)), "jitsudo", False),
        (permit(who=None), "jitsudo", True),
        (permit(who=()), "jitsudo", False),
        (permit(hosts=None), "jitsudo", True),
        (permit(hosts=()), "jitsudo", False),
        (permit(hosts=(read_host("web*"), read_host("db*"))), "jitsudo", True),
        (permit(**hours("Sat 08:00-18:00 UTC"), **patterns(("/usr/bin/id",))), "jitsudo", True),
        (deny(who=None), "jitsudo", False),
    ],
)
def test_a_rule_without_a_condition_is_about_all_and_one_without_members_about_none(
    rule: Rule, service: str, is_listed: bool
) -> None:
    """What ``jitsudo -l`` lists."""
    assert rules_for(policy(rule), ALICE, "db1.example.org", service) == ((rule,) if is_listed else ())


@pytest.mark.parametrize(("root", "n_rules"), [("permit", 1), ("deny", 0)])
def test_root_is_listed_the_rule_that_is_roots(root: Literal["permit", "deny"], n_rules: int) -> None:
    found = rules_for(policy(permit(who=None), permit(who=("user:root",)), root=root), ROOT, "db1.example.org", "jitsudo")
    assert found == (ROOTS,) * n_rules
