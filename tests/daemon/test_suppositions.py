# SPDX-License-Identifier: Apache-2.0
"""Explanations of the daemon: whom an operator may suppose, what is looked at for it, and what a requester is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.asked_terms import USUAL
from jitd.core.conditions import read_command_pattern
from jitd.core.decision import Approval, BreakGlass, Deny, Permit, Why
from jitd.core.explaining import Near, Outcome, Saying
from jitd.core.facts import Facts
from jitd.core.keys.hours import read_hours
from jitd.core.names import NAMES, Name
from jitd.core.naming import Form, Naming
from jitd.core.owed_review import OwedReview, OwedReviewState
from jitd.core.policy import Policy, Rule
from jitd.core.question import Question
from jitd.core.subject import Subject
from jitd.core.when import When
from jitd.deciding.command_lookup import Asked, Nonsense
from jitd.deciding.explaining import Explainer, Nobody, Supposed, Supposition
from jitd.expressions.compiling import compile_when
from jitd.settings.config import Approvals
from jitd.verbs.access import Access
from jitd.verbs.explanations import Explanations
from jitd.verbs.limits import SUPPOSITIONS
from jitd.verbs.refusal import Refusal
from jitd.workers import Workers
from tests.scene import HOST, REALM, moment, person

ALICE, DAVE = person("alice"), person("dave")
NIGHT = datetime(2026, 3, 2, 23, tzinfo=UTC)
OFFICE = (read_hours("Mon-Fri 08:00-18:00 UTC", lambda name: UTC),)
TRUE = Asked(
    argv=(b"true",), login=False, user=None, group=None, cwd=b"/", cwd_device=1, cwd_inode=2, chdir=False, variables=(),
    preserved=(), locale=(), streams=(), reason=None, terms=USUAL,
)  # fmt: skip
KNOWN_NAMES = {
    **NAMES,
    "fact.risk": Name("int", "provider risk", "how risky it is"),
    "fact.ok": Name("bool", "provider risk", "whether it is well"),
    "fact.oncall": Name("list", "provider duty", "who is on call"),
}


def when(text: str) -> When:
    return compile_when(text, KNOWN_NAMES)


def rule(name: str = "p", verdict: Any = "permit", *argv: str, **changes: Any) -> Rule:
    commands = (read_command_pattern(argv or ("/usr/bin/true",)),)
    return replace(
        Rule(verdict, name, who=("user:alice",), run_as=("root",), commands=commands, services=("jitsudo",)), **changes
    )


class House:
    """An explainer over real files and workers, and accounts of the scene. ``gathered`` are names that the host was asked for."""

    def __init__(
        self, *rules: Rule, known: Facts | None = None, lock: Deny | None = None, owed: tuple[OwedReview, ...] = ()
    ) -> None:
        self.policy = Policy(rules, "permit", "")
        self.gathered: list[str] = []
        self.known = known or {}
        self.at = moment()
        self.workers = Workers()
        accounts: Any = SimpleNamespace(
            subject=self.subject,
            local=lambda uid: replace(ALICE, principal="local:alice") if uid == 0 else None,
            root=lambda: Subject("root", "root", 0, 0, frozenset({"root"}), "root", None),
            sure_of=lambda who: replace(who, groups=who.groups | {"sure"}),
        )
        config: Any = SimpleNamespace(
            host=HOST,
            search_path="/usr/bin",
            trusted_places=(),
            naming=Naming(frozenset({REALM})),
            approvals=Approvals(),
            operators=("group:security",),
            auditors=(),
        )
        now = lambda: self.at  # noqa: E731
        self.explainer = Explainer(
            config,
            lambda: self.policy,
            accounts,
            lambda who: lock,
            self.gather,
            KNOWN_NAMES,
            self.workers,
            now,
            lambda person: [one for one in owed if one.requester.person == person],
        )
        store: Any = None
        self.explanations = Explanations(Access(config, store), self.explainer, self.workers, now)

    def subject(self, principal: bytes, until: None) -> Subject | None:
        name, _, realm = principal.decode("utf-8", "replace").partition("@")
        return person(name) if name in ("alice", "bob") and realm == REALM else None

    def gather(self, names: frozenset[str], question: Question) -> Facts:
        self.gathered += sorted(names)
        return {name: self.known[name] for name in names & self.known.keys()}

    def suppose(self, name: str = "alice", asked: Asked = TRUE, **changes: Any) -> Supposition:
        supposed = replace(Supposed(name, None, None), **changes)
        return asyncio.run(self.explainer.suppose(DAVE, "jitsudo", asked, supposed))

    def closest(self) -> tuple[Near, ...]:
        found = self.suppose()
        return asyncio.run(self.explainer.closest(ALICE, "jitsudo", TRUE, found.command))


def test_the_command_is_looked_up_as_for_a_request_and_each_rule_is_told_of() -> None:
    found = House(rule("d", "deny", "/usr/bin/id"), rule("other", who=("user:bob",)), rule()).suppose()
    assert isinstance(found.decision, Permit) and found.decision.rule == "p"
    assert found.command.path == b"/usr/bin/true" and found.command.digest
    assert [(one.rule.name, one.saying) for one in found.rules] == [
        ("d", Saying.PASSES), ("other", Saying.PASSES), ("p", Saying.PERMITS),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "principal"),
    [
        ("alice", "alice@EXAMPLE.TEST"),
        ("bob@EXAMPLE.TEST", "bob@EXAMPLE.TEST"),
        ("root", "root"),
        ("local:root", "local:alice"),
    ],
)
def test_a_person_is_named_by_principal_by_account_or_without_a_ticket(name: str, principal: str) -> None:
    assert House(rule()).suppose(name).who.principal == principal


@pytest.mark.parametrize("name", ["carol", "alice@ELSEWHERE.TEST", "local:no such account", "", "a\x00b", "\udcff"])
def test_somebody_without_an_account_could_not_ask(name: str) -> None:
    house = House(rule())
    with pytest.raises(Nobody):
        house.suppose(name)
    assert house.gathered == []


GLASS = BreakGlass("p", (Approval(1, ("group:ops",)),), 3600, 1)


def test_who_is_supposed_to_break_glass_is_permitted_by_the_rules_for_that_alone() -> None:
    house = House(rule(), rule("glass", break_glass=GLASS))
    for breaks, name, says in ((False, "p", [Saying.PERMITS, Saying.PASSES]), (True, "glass", [Saying.PASSES, Saying.PERMITS])):
        found = house.suppose(asked=replace(TRUE, breaks_glass=breaks, reason="it burns"))
        assert isinstance(found.decision, Permit) and found.decision.rule == name
        assert [one.saying for one in found.rules] == says


def test_reviews_that_a_person_owes_bar_their_supposed_broken_glass_and_nothing_else() -> None:
    now = moment()
    owed = OwedReview(
        "K7QM-2XVD", person("alice"), "glass", GLASS, b"f", now.at, now.boot_id, now.boot, 1.0, state=OwedReviewState.OVERDUE
    )
    house = House(rule(), rule("glass", who=None, break_glass=GLASS), owed=(owed,))
    asked = replace(TRUE, breaks_glass=True, reason="it burns")
    barred = house.suppose(asked=asked).decision
    assert isinstance(barred, Deny) and barred.why is Why.REVIEW and "K7QM-2XVD is overdue" in barred.because
    assert isinstance(house.suppose().decision, Permit)
    assert isinstance(house.suppose("bob", asked).decision, Permit)


def test_groups_are_replaced_and_otherwise_looked_up_as_for_a_request() -> None:
    house = House(rule(who=("group:ops",)))
    assert house.suppose().who.groups == {"alice", "dba", "sure"}
    assert isinstance(house.suppose().decision, Deny)
    found = house.suppose(groups=frozenset({"ops"}))
    assert found.who.groups == {"ops"} and isinstance(found.decision, Permit)


def test_the_time_is_replaced_for_the_decision_and_for_each_rule() -> None:
    house = House(rule(hours=OFFICE))
    assert isinstance(house.suppose().decision, Permit)
    found = house.suppose(at=NIGHT)
    assert isinstance(found.decision, Deny) and found.rules[0].saying is Saying.PASSES
    assert isinstance(house.suppose(at=NIGHT.replace(hour=9)).decision, Permit)


def test_a_lock_is_the_decision_and_the_rules_are_told_all_the_same() -> None:
    locked = Deny(Why.LOCKED, "alice is locked")
    found = House(rule(), lock=locked).suppose()
    assert found.decision == locked and found.rules[0].saying is Saying.PERMITS


def test_facts_are_supposed_in_place_of_what_the_host_says() -> None:
    house = House(rule(when=when("fact.load < 2.0")), known={"fact.load": 9.0})
    assert isinstance(house.suppose().decision, Deny)
    found = house.suppose(facts=(("fact.load", "1"),))
    assert isinstance(found.decision, Permit) and found.rules[0].findings[-1].value == "fact.load = 1.0"


def test_facts_about_the_file_may_be_supposed_too() -> None:
    house = House(rule(when=when("fact.package == 'mine'")))
    assert isinstance(house.suppose(facts=(("fact.package", "mine"),)).decision, Permit)
    assert isinstance(house.suppose(facts=(("fact.package", "yours"),)).decision, Deny)
    assert house.gathered == []


def test_a_provider_is_not_asked_and_the_rule_says_that_it_would_be() -> None:
    house = House(rule(when=when("fact.risk < 50")))
    found = house.suppose()
    assert isinstance(found.decision, Deny)
    assert found.decision.because == "rule p: fact.risk is not known: provider risk would be asked"
    assert found.awaited == ("risk",)
    (told,) = found.rules
    assert (told.saying, told.because, told.asks) == (
        Saying.ASKS, "fact.risk: provider risk would be asked", {"fact.risk"},
    )  # fmt: skip
    supposed = house.suppose(facts=(("fact.risk", "40"),))
    assert isinstance(supposed.decision, Permit) and supposed.awaited == ()


def test_facts_of_rules_that_could_not_decide_are_looked_up_for_the_explanation() -> None:
    late = rule("late", when=when("fact.load < 2.0"))
    found = House(rule("first"), late, known={"fact.load": 1.5}).suppose()
    assert found.rules[1].saying is Saying.PERMITS and found.rules[1].findings[-1].outcome is Outcome.HELD


@pytest.mark.parametrize("spelled", [f"JSmith@{REALM}", f"jsmith@{REALM}"])
def test_a_person_in_a_supposed_fact_is_read_in_one_spelling(spelled: str) -> None:
    """Explain tells what a provider's answer with this spelling leads to."""
    house = House(rule(when=when(f"'jsmith@{REALM}' in fact.oncall")))
    house.explainer._config.naming = Naming(frozenset({REALM}), {}, {REALM: Form(folds=True)})  # type: ignore[misc]
    assert isinstance(house.suppose(facts=(("fact.oncall", f"kim@{REALM},{spelled}"),)).decision, Permit)


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (("fact.riskk", "1"), "fact.riskk: no rule can use this name"),
        (("fact.risk", "high"), "fact.risk: high is not of type int"),
        (("fact.risk", "9" * 30), "fact.risk has more than 64 bits"),
        (("fact.risk", "9" * 5000), "is not of type int"),
        (("fact.ok", "yes"), "fact.ok: yes is not of type bool"),
        (("fact.load", "nan"), "fact.load is not a number"),
        (("fact.now", "2026-01-01T00:00:00Z"), "set it with --at"),
    ],
)
def test_a_fact_that_is_none_is_refused(fact: tuple[str, str], said: str) -> None:
    with pytest.raises(Nonsense) as caught:
        House(rule()).suppose(facts=(fact,))
    assert said in str(caught.value)


def test_a_command_that_is_not_there_is_denied_and_the_rules_are_told_as_if_it_was() -> None:
    house = House(rule("w", "permit", "**"))
    found = house.suppose(asked=replace(TRUE, argv=(b"/nowhere/at/all",)))
    assert isinstance(found.decision, Deny) and found.rules[0].saying is Saying.PERMITS


def test_what_came_closest_is_the_rule_whose_hours_begin_tomorrow() -> None:
    house = House(rule(hours=OFFICE))
    house.at = replace(house.at, at=NIGHT)
    tomorrow = datetime(2026, 3, 3, 8, tzinfo=UTC)
    near = Near("p", ("Mon-Fri 08:00-18:00 UTC",), tomorrow, "Tue 2026-03-03 08:00 UTC")
    assert house.closest() == (near,)


def refusal(doing: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        asyncio.run(doing())
    return caught.value


def test_only_operators_are_told_what_others_may_do() -> None:
    house = House(rule())
    supposed = Supposed("alice", None, None)
    assert refusal(lambda: house.explanations.suppose(ALICE, "jitsudo", TRUE, supposed)).code == "forbidden"
    decision, first = asyncio.run(house.explanations.suppose(DAVE, "jitsudo", TRUE, supposed))
    assert (decision["decision"], decision["rule"], decision["principal"]) == ("permit", "p", "alice@EXAMPLE.TEST")
    assert (first["rule"], first["says"], first["conditions"][0]["condition"]) == ("p", "permits", "who")


def test_an_operator_is_told_what_was_wrong_with_the_question() -> None:
    house = House(rule())
    nobody = refusal(lambda: house.explanations.suppose(DAVE, "jitsudo", TRUE, Supposed("c\x1b", None, None)))
    assert nobody.code == "unknown" and "\x1b" not in nobody.text
    nothing = refusal(lambda: house.explanations.suppose(DAVE, "jitsudo", replace(TRUE, argv=()), Supposed("alice", None, None)))
    assert (nothing.code, nothing.text) == ("usage", "there is no command")


def test_explanations_are_paced_a_person() -> None:
    house = House(rule())
    supposed = Supposed("nobody", None, None)
    for _ in range(int(SUPPOSITIONS)):
        assert refusal(lambda: house.explanations.suppose(DAVE, "jitsudo", TRUE, supposed)).code == "unknown"
    assert "wait a minute" in refusal(lambda: house.explanations.suppose(DAVE, "jitsudo", TRUE, supposed)).text
    other = replace(DAVE, uid=4242, person="erin")
    assert refusal(lambda: house.explanations.suppose(other, "jitsudo", TRUE, supposed)).code == "unknown"
