# SPDX-License-Identifier: Apache-2.0
"""Rules that break glass beside all others: who asks with the option, and who without, row by row.

Law: all other conditions hold as for any rule; a deny denies both; what fails denies both.
"""

from __future__ import annotations

from dataclasses import replace

from jitd.core.authentication import Demand
from jitd.core.conditions import Reason
from jitd.core.decision import Approval, BreakGlass, Permit
from jitd.core.explaining import Outcome, Saying, closest, explain
from jitd.core.policy import Rule, decide, rules_for
from jitd.core.subject import Subject
from tests.core.house import ALICE, BOB, NOON, ROOT, deny, for_each, hours, patterns, permit, policy, question, told

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
