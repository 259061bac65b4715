# SPDX-License-Identifier: Apache-2.0
"""Rules that break glass beside all others: who asks with the option, and who without, row by row; and what an owed review bars.

Law: all other conditions hold as for any rule; a deny denies both; what fails denies both.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitd.core import request
from jitd.core.authentication import Demand
from jitd.core.break_glass import Barred, unbarred, under
from jitd.core.decision import Approval, BreakGlass, Deny, Permit, Terms, Why
from jitd.core.explaining import Outcome, Saying, closest, explain
from jitd.core.grant import Expired, Grant, Revoked, Used
from jitd.core.keys.reason import Reason
from jitd.core.law import CLOCK, DAEMON
from jitd.core.owed_review import OwedReview, OwedReviewState
from jitd.core.policy import Rule, decide, rules_for
from jitd.core.subject import Subject
from tests.core.house import ALICE, BOB, NOON, ROOT, deny, for_each, hours, patterns, permit, policy, question, told
from tests.scene import START, actor, asked, free, moment, screened

OPS = (Approval(1, ("group:ops",)),)
GLASS = BreakGlass("p", OPS, 3600, 1)
OWES, SHATTERS = permit("p", approvals=OPS), permit("glass", break_glass=GLASS)
NOBODY = "no rule: no rule permits this"
LOCAL = replace(ALICE, principal="local:alice")
NIGHT = hours("Mon-Sun 22:00-23:00 UTC")

ROWS: list[tuple[str, tuple[Rule, ...], Subject, str, str]] = [
    # what it is about, the rules, who asks, the answer without the option, the answer with it
    ("both", (OWES, SHATTERS), ALICE, "p", "glass"),
    ("both, the other way around", (SHATTERS, OWES), ALICE, "p", "glass"),
    ("no rule for it", (OWES,), ALICE, "p", NOBODY),
    ("no other rule", (SHATTERS,), ALICE, NOBODY, "glass"),
    ("somebody else", (OWES, SHATTERS), BOB, NOBODY, NOBODY),
    ("a deny", (OWES, SHATTERS, deny("freeze")), ALICE, "rule: rule freeze denies it", "rule: rule freeze denies it"),
    ("not at this hour", (OWES, replace(SHATTERS, **NIGHT)), ALICE, "p", NOBODY),
    ("not this command", (OWES, replace(SHATTERS, **patterns(("/bin/true",)))), ALICE, "p", NOBODY),
    ("not as this user", (OWES, replace(SHATTERS, run_as=("postgres",))), ALICE, "p", NOBODY),
    ("without a ticket", (OWES, SHATTERS), LOCAL, f"{NOBODY} without a Kerberos ticket", f"{NOBODY} without a Kerberos ticket"),
    (
        "no reason",
        (OWES, replace(SHATTERS, reason=Reason())),
        ALICE,
        "p",
        "reason: rule glass wants a reason",
    ),
    (
        "too weak a ticket",
        (OWES, replace(SHATTERS, demand=Demand(("otp",)))),
        ALICE,
        "p",
        "authentication: rule glass wants",
    ),
    ("root", (OWES, SHATTERS), ROOT, "root", "no rule: root does not break glass: root needs no approval"),
]


@for_each(ROWS)
def test_who_is_permitted_what(name: str, rules: tuple[Rule, ...], who: Subject, without: str, with_it: str) -> None:
    for breaks_glass, expected in ((False, without), (True, with_it)):
        asked = question(who, breaks_glass=breaks_glass)
        answer = decide(policy(*rules), asked, NOON)
        assert told(answer).startswith(expected) if expected.endswith("wants") else told(answer) == expected, told(answer)
        if isinstance(answer, Permit):
            assert (answer.obligations.break_glass == GLASS) is breaks_glass
            assert ("break_glass" in answer.detail()) is breaks_glass


def test_an_operator_is_told_of_each_rule_whether_it_is_asked() -> None:
    for breaks_glass in (False, True):
        found = {one.rule.name: one for one in explain(policy(OWES, SHATTERS), question(breaks_glass=breaks_glass), NOON)}
        asked, other = ("glass", "p") if breaks_glass else ("p", "glass")
        assert (found[asked].saying, found[other].saying) == (Saying.PERMITS, Saying.PASSES)
        (finding,) = (one for one in found[other].findings if one.condition == "break_glass")
        words = ("no --break-glass", "--break-glass") if breaks_glass else ("--break-glass", "no --break-glass")
        assert (finding.outcome, finding.wants, finding.value) == (Outcome.NOT, *words)
    plain = explain(policy(OWES), question(), NOON)[0]
    assert "break_glass" not in [one.condition for one in plain.findings], "a rule that says nothing of it is not explained by it"


def test_who_is_denied_is_told_of_rules_of_the_same_kind() -> None:
    rules = (replace(OWES, **NIGHT), replace(SHATTERS, **NIGHT))
    for breaks_glass, near in ((False, ["p"]), (True, ["glass"])):
        assert [one.rule for one in closest(policy(*rules), question(breaks_glass=breaks_glass), NOON)] == near


def test_the_list_of_what_one_may_ask_for_has_both() -> None:
    assert [rule.name for rule in rules_for(policy(OWES, SHATTERS), ALICE, "db1.example.org", "jitsudo")] == ["p", "glass"]


# --- what an owed review bars ------------------------------------------------------------------------------------------


def lease() -> Grant:
    """A lease of ALICE's, for which she has broken glass."""
    fresh = asked("K7QM-2XVD", ALICE, lasts_for=600)
    decision = screened(fresh, free(break_glass=GLASS), attended=False)
    return request.issued(request.transition(fresh, decision, moment())[0], moment()).grant


def review_of(id: str, state: OwedReviewState = OwedReviewState.OWED) -> OwedReview:
    """The review that ALICE owes for ``id``."""
    return OwedReview(id, ALICE, "glass", GLASS, b"", START, "boot-1", 1000.0, 3600.0, state=state)


@pytest.mark.parametrize(
    ("id", "under_lease", "is_barred"),
    [
        ("NEWX-0001", None, True),
        ("K7QM-2XVD", None, False),
        ("NEWX-0001", "K7QM-2XVD", False),
        ("K7QM-2XVD", "QQQQ-0001", True),
        ("NEWX-0001", "QQQQ-0001", True),
    ],
)
def test_a_use_of_a_lease_is_of_the_same_review_as_the_lease(id: str, under_lease: str | None, is_barred: bool) -> None:
    """GLASS lets one review be owed, and that of K7QM-2XVD is."""
    decision = Permit("glass", free(break_glass=GLASS).obligations, lease=under_lease)
    after = unbarred(decision, lambda person: (review_of("K7QM-2XVD"),), ALICE, id)
    assert after == decision or (isinstance(after, Deny) and after.why is Why.REVIEW)
    assert isinstance(after, Deny) is is_barred


def test_an_overdue_review_bars_the_uses_of_a_lease_and_not_its_end() -> None:
    held, late = lease(), (review_of("K7QM-2XVD", OwedReviewState.OVERDUE),)
    with pytest.raises(Barred, match="the review of request K7QM-2XVD is overdue"):
        under(lambda person: late, lambda id: late[0], held, Used(held.id, actor(ALICE), held.id, Terms()))
    for event in (Revoked(held.id, DAEMON, "it is over"), Expired(held.id, CLOCK)):
        assert under(lambda person: late, lambda id: late[0], held, event) is event


def test_a_use_of_what_is_no_grant_is_left_to_the_table_of_its_life() -> None:
    fresh, late = asked("K7QM-2XVD", ALICE), (review_of("K7QM-2XVD", OwedReviewState.OVERDUE),)
    event = Used(fresh.id, actor(ALICE), fresh.id, Terms())
    assert under(lambda person: late, lambda id: late[0], fresh, event) is event
