# SPDX-License-Identifier: Apache-2.0
"""``when`` in the core: which facts are asked for, what an unknown one does, and what is kept of those that were used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.command import Command
from jitd.core.decision import Approval, Deny, Permit, Terms, Why
from jitd.core.facts import MOST_SPELLED, Facts, Unasked, Unknown, Value, spell
from jitd.core.names import MOST_CHARACTERS, MOST_ELEMENTS, NAMES, OF_THE_FILE, ROOTS, TYPES, fault_in
from jitd.core.origin import FACT
from jitd.core.policy import Rule, decide, describe
from jitd.core.question import Question, said
from jitd.core.request import Verdict, transition
from jitd.core.spelling import spelled
from jitd.core.when import Conditions, When, WhenFailed
from tests.core.house import ALICE, EVE, NOON, ROOT, deny, hours, permit, policy, question, told
from tests.scene import asked, moment, person, review, screened
from tests.scene import permit as scene_permit
from tests.stored import in_clear


def when(names: str, evaluate: Callable[[Mapping[str, Value]], Any] = lambda values: True) -> When:
    return When(f"about {names}", frozenset(names.split()), evaluate)


def low_risk(values: Mapping[str, Value]) -> bool:
    risk = values["fact.risk"]
    assert isinstance(risk, int)
    return risk < 50


LOW = when("fact.risk", low_risk)
HIGH = when("fact.risk", lambda values: not low_risk(values))
SILENT = Unknown("no answer within 2 s")


def asked_for(*rules: Rule, of: Question | None = None, known: Facts | None = None) -> set[str]:
    """The names that are wanted before there can be an answer; none if there is one."""
    try:
        decide(policy(*rules), of or question(), NOON, known or {})
    except Unasked as wanted:
        return set(wanted.names)
    return set()


# --- what is asked for -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"who": ("user:bob",)},
        {"run_as": ("bob",)},
        {"services": ("sudo",)},
        {"commands": ()},
        {"hosts": ()},
        hours("Sun 00:00-24:00 UTC"),
    ],
    ids=str,
)
def test_a_fact_is_asked_for_only_by_a_rule_all_of_whose_other_conditions_hold(other: dict[str, Any]) -> None:
    assert asked_for(permit(when=LOW)) == {"fact.risk"}
    assert asked_for(permit(when=LOW, **other)) == set()
    assert asked_for(deny(when=HIGH), permit()) == {"fact.risk"}
    assert asked_for(deny(when=HIGH, **other), permit()) == set()


def test_the_facts_of_all_rules_that_could_decide_are_asked_for_together() -> None:
    rules = deny(when=when("fact.a")), permit("p", when=when("fact.b fact.c")), permit("q", when=when("fact.d"))
    assert asked_for(*rules) == {"fact.a", "fact.b", "fact.c", "fact.d"}
    assert asked_for(*rules, known={"fact.a": 1, "fact.c": 1}) == set(), "a deny that is decided leaves nothing to ask"
    assert asked_for(*rules[1:], known={"fact.b": 1}) == {"fact.c", "fact.d"}


def test_nothing_is_asked_for_after_a_rule_that_decides_without_it() -> None:
    assert asked_for(permit(), permit("q", when=LOW)) == set()
    assert asked_for(deny(), permit("q", when=LOW)) == set()
    assert asked_for(permit("q", when=LOW), permit()) == {"fact.risk"}, "the first permit gives the terms"


def test_what_the_question_says_is_not_asked_for() -> None:
    names = [name for name in NAMES if not name.startswith("fact.") and name != "subject.indicators"]
    assert {*said(question(), names)} == {*names}
    assert asked_for(permit(when=when(f"{' '.join(names)} fact.now"))) == set()


def test_the_question_itself_cannot_be_contradicted_by_a_fact() -> None:
    seen: list[Any] = []
    rule = permit(when=when("subject.user fact.now", lambda values: seen.append(dict(values)) or True))
    decide(policy(rule), question(), NOON, {"subject.user": "root", "fact.now": NOON.replace(year=1999)})
    assert seen == [{"subject.user": "alice", "fact.now": NOON}]


# --- what holds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "risk", "expected"),
    [
        ((permit(when=LOW),), 40, "p"),
        ((permit(when=LOW),), 50, "no rule: no rule permits this"),
        ((permit(when=LOW), permit("q")), 50, "q"),
        ((permit(when=LOW),), SILENT, "error: rule p: fact.risk is not known: no answer within 2 s"),
        ((permit(when=LOW), permit("q")), SILENT, "error: rule p: fact.risk is not known: no answer within 2 s"),
        ((deny(when=HIGH, because="too risky"), permit()), 50, "rule: rule d: too risky"),
        ((deny(when=HIGH), permit()), 40, "p"),
        ((deny(when=HIGH), permit()), SILENT, "error: rule d: fact.risk is not known: no answer within 2 s"),
        ((permit(when=LOW, who=("user:bob",)), permit("q")), SILENT, "q"),
    ],
)  # fmt: skip
def test_a_condition_holds_or_not_or_its_rule_denies(rules: tuple[Rule, ...], risk: Value | Unknown, expected: str) -> None:
    assert told(decide(policy(*rules), question(), NOON, {"fact.risk": risk})) == expected


def fails(values: Mapping[str, Value]) -> bool:
    raise WhenFailed("it divides by zero")


@pytest.mark.parametrize("answer", [1, "true", None, [True], WhenFailed])
@pytest.mark.parametrize("verdict", ["permit", "deny"])
def test_what_is_not_the_boolean_true_does_not_hold(answer: Any, verdict: str) -> None:
    odd = when("fact.risk", lambda values: answer)
    assert told(decide(policy(permit(when=odd)), question(), NOON, {"fact.risk": 1})) == "no rule: no rule permits this"
    broken = Rule(verdict, "b", when=when("fact.risk", fails))  # type: ignore[arg-type]
    found = decide(policy(broken, permit()), question(), NOON, {"fact.risk": 1})
    assert found == Deny(Why.ERROR, "rule b: it divides by zero", "b", (("fact.risk", "1"),))


def test_a_condition_comes_before_what_its_rule_grants() -> None:
    """A rule that is not about a request says nothing of its terms."""
    rule = permit(when=LOW, lasts_for=60)
    of = question(lasts_for=3600)
    assert told(decide(policy(rule, permit("q", lasts_for=3600)), of, NOON, {"fact.risk": 90})) == "q"
    assert told(decide(policy(rule), of, NOON, {"fact.risk": 1})) == "terms: rule p grants at most 1m"


def test_roots_own_rule_is_not_changed_by_a_condition_of_a_deny_that_names_nobody() -> None:
    assert told(decide(policy(deny(when=HIGH)), question(ROOT), NOON)) == "root"


def test_what_a_rule_says_of_itself_has_its_condition() -> None:
    assert (
        describe(permit(when=When("fact.risk\n   < 50", frozenset(), low_risk)))
        .partition(", ")[2]
        .startswith("when fact.risk < 50")
    )


# --- properties ------------------------------------------------------------------------------------------------------

VALUES = st.sampled_from([10, 90, SILENT])


@st.composite
def policies(draw: st.DrawFn) -> tuple[Rule, ...]:
    def one(number: int) -> Rule:
        condition = draw(st.sampled_from([None, LOW, HIGH, when("fact.b", lambda values: values["fact.b"] == 10)]))
        make = draw(st.sampled_from([permit, permit, deny]))
        return make(f"r{number}", when=condition, who=draw(st.sampled_from([("group:dba",), ("user:bob",)])))

    return tuple(one(number) for number in range(draw(st.integers(1, 5))))


@given(policies(), VALUES, VALUES)
def test_silence_never_permits_what_some_answer_would_deny(rules: tuple[Rule, ...], risk: Any, other: Any) -> None:
    known = {"fact.risk": risk, "fact.b": other}
    found = decide(policy(*rules), question(), NOON, known)
    if isinstance(found, Permit):
        for one in (10, 90) if risk is SILENT else (risk,):
            for two in (10, 90) if other is SILENT else (other,):
                assert isinstance(decide(policy(*rules), question(), NOON, {"fact.risk": one, "fact.b": two}), Permit)


@given(policies(), VALUES, VALUES, st.integers(0, 4))
def test_a_condition_that_is_added_to_a_permit_never_permits_more(
    rules: tuple[Rule, ...], risk: Any, other: Any, at: int
) -> None:
    at %= len(rules)
    if rules[at].verdict == "permit" and rules[at].when is None:
        narrowed = (*rules[:at], replace(rules[at], when=LOW), *rules[at + 1 :])
        known = {"fact.risk": risk, "fact.b": other}
        if isinstance(decide(policy(*rules), question(), NOON, known), Deny):
            assert isinstance(decide(policy(*narrowed), question(), NOON, known), Deny)


@given(policies(), VALUES, VALUES)
def test_looking_for_facts_one_by_one_comes_to_the_same_answer(rules: tuple[Rule, ...], risk: Any, other: Any) -> None:
    everything: dict[str, Any] = {"fact.risk": risk, "fact.b": other}
    known: dict[str, Any] = {}
    while True:
        try:
            found = decide(policy(*rules), question(), NOON, known)
            break
        except Unasked as wanted:
            assert wanted.names and not wanted.names & known.keys()
            name = min(wanted.names)
            known[name] = everything[name]
    assert found == decide(policy(*rules), question(), NOON, everything)


# --- the file --------------------------------------------------------------------------------------------------------

PACKAGED = when("fact.as_packaged", lambda values: values["fact.as_packaged"] is True)
CHANGED = when("fact.as_packaged", lambda values: values["fact.as_packaged"] is False)


def test_before_the_file_is_opened_what_is_asked_of_it_is_left_open() -> None:
    unopened = question(is_unopened=True)
    assert told(decide(policy(permit(when=PACKAGED)), unopened, NOON)) == "p"
    assert told(decide(policy(deny(when=CHANGED), permit()), unopened, NOON)) == "p"
    assert asked_for(permit(when=PACKAGED)) == {"fact.as_packaged"}
    strict = permit(when=PACKAGED, lasts_for=60)
    assert told(decide(policy(strict), question(is_unopened=True, lasts_for=3600), NOON)) == "p", "its terms are asked with it"


def test_of_a_command_that_is_not_there_nothing_is_asked_that_a_file_would_answer() -> None:
    """A file that the requester cannot see is answered for as one that is missing."""
    known: Facts = {"fact.as_packaged": True}
    for facts in ({}, known, {"fact.as_packaged": SILENT}):
        for rules in ((permit(when=PACKAGED),), (deny(when=PACKAGED), permit()), (permit(),)):
            missing = question(is_missing=True)
            assert told(decide(policy(*rules), missing, NOON, facts)) == "no rule: no rule permits this"


@pytest.mark.parametrize("rules", [(permit(when=when("fact.package fact.risk")),), (deny(when=when("fact.package fact.risk")),)])
def test_who_is_asked_does_not_tell_whether_there_is_a_file(rules: tuple[Rule, ...]) -> None:
    """A provider takes a while, and a requester has a clock."""
    for of in (question(is_missing=True), question(is_unopened=True)):
        assert asked_for(*rules, of=of) == {"fact.risk"}
        assert asked_for(*rules, of=of, known={"fact.risk": SILENT}) == set()


def test_a_deny_by_the_path_holds_for_each_name_of_the_file() -> None:
    vi = when("request.path", lambda values: values["request.path"] == "/usr/bin/vi")
    linked = question(argv=(b"/opt/vi",), names=(b"/usr/bin/vi",))
    assert told(decide(policy(deny(when=vi), permit()), linked, NOON)) == "rule: rule d denies it"
    assert told(decide(policy(permit(when=vi)), linked, NOON)) == "no rule: no rule permits this"
    assert told(decide(policy(deny(when=vi), permit()), question(argv=(b"/opt/vi",)), NOON)) == "p"


def test_what_would_run_is_not_known_where_it_is_in_doubt() -> None:
    doubted = question()
    doubted = replace(doubted, command=replace(doubted.command, doubt="its shell is not known", path=b""))
    for name in ("request.argv", "request.path", "request.user", "request.group", "request.cwd"):
        for rules in ((permit(when=when(name)),), (deny(when=when(name, lambda values: False)), permit())):
            found = decide(policy(*rules), doubted, NOON)
            assert isinstance(found, Deny) and f"{name} is not known: it is not certain what would run" in found.because


def test_groups_that_cannot_be_looked_up_are_not_taken_for_all_of_them() -> None:
    unsure = replace(ALICE, unsure=frozenset({"oncall"}))
    found = decide(policy(permit(when=when("subject.groups"))), question(unsure), NOON)
    assert told(found) == "error: rule p: subject.groups is not known: these groups cannot be looked up now: oncall"


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_the_facts_that_were_used_are_kept_with_the_answer_and_no_others() -> None:
    known: Facts = {"fact.risk": 40, "fact.b": SILENT, "fact.c": "unused", "fact.load": 0.5}
    rules = deny(when=when("fact.load", lambda values: False)), permit(when=LOW), permit("q", when=when("fact.c"))
    found = decide(policy(*rules), question(), NOON, known)
    assert found == Permit("p", rules[1].obligations, seen=(("fact.load", "0.5"), ("fact.risk", "40")))
    denied = decide(policy(permit(when=when("fact.b"))), question(), NOON, known)
    assert denied.seen == (("fact.b", "not known: no answer within 2 s"),)
    assert decide(policy(permit(when=when("subject.user"))), question(), NOON).seen == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"), (False, "false"), (1, "1"), (1.5, "1.5"), ("a b", "a b"), (("a", "b"), "a, b"),
        (NOON, "2024-01-03T12:00:00+00:00"), (Unknown("why"), "not known: why"), ("x" * 300, "x" * MOST_SPELLED + "…"),
    ],
)  # fmt: skip
def test_how_a_value_is_spelled_for_people(value: Any, text: str) -> None:
    assert spell(value) == text


def test_the_record_and_the_request_keep_the_facts_of_the_last_decision_that_used_any() -> None:
    bob = person("bob")
    approval = Approval(1, ("group:ops",))
    made = asked()
    first = screened(made, replace(scene_permit(approval), seen=(("fact.risk", "40"),)))
    assert in_clear(first.detail())["facts"] == {"fact.risk": "40"}
    waiting, _ = transition(made, first, moment())
    assert waiting.seen == (("fact.risk", "40"),)
    denied = review(waiting, bob, decision=Deny(Why.ERROR, "rule p: no", "p", (("fact.risk", "not known: x"),)))
    assert in_clear(denied.detail())["facts"] == {"fact.risk": "not known: x"}
    assert transition(waiting, denied, moment())[0].seen == (("fact.risk", "not known: x"),)
    said_no = review(waiting, bob, Verdict.DENY, decision=Deny(Why.APPROVALS, "an approver denies it"))
    assert "facts" not in in_clear(said_no.detail())
    assert transition(waiting, said_no, moment())[0].seen == waiting.seen


def test_a_condition_is_told_by_its_text_and_its_names_alone() -> None:
    assert repr(LOW) == "When(text='about fact.risk', names=frozenset({'fact.risk'}))"


# --- lists, origins and files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "members"),
    [
        (("bob", "carol@EXAMPLE.ORG"), ("bob", "carol@EXAMPLE.ORG")),
        (("x" * 320, "y" * 321), ("x" * 320,)),  # what is longer than a name can be is nobody
        ((), ()),
        (SILENT, None),
        ("bob", None),
        (7, None),
    ],
)
def test_a_list_has_the_members_that_could_be_names_and_is_kept_with_the_answer(found: Any, members: Any) -> None:
    conditions = Conditions(question(), NOON, {"fact.dba": found})
    assert conditions.listed("oncall:dba") == members
    assert (conditions.unasked, conditions.seen) == (set(), {"fact.dba": spell(found)})


def test_a_list_that_was_not_looked_for_is_asked_for() -> None:
    conditions = Conditions(question(), NOON, {"fact.risk": 1})
    assert conditions.listed("oncall:dba") is None
    assert (conditions.unasked, conditions.seen) == ({"fact.dba"}, {})


def test_an_origin_that_was_not_looked_for_is_asked_for_and_no_place_until_then() -> None:
    conditions = Conditions(question(), NOON, {})
    assert conditions.began_in(None) is True and conditions.unasked == set()
    assert conditions.began_in(()) is False
    assert (conditions.unasked, conditions.seen) == ({FACT}, {})


@pytest.mark.parametrize(
    ("names", "state", "is_open"),
    [
        ("fact.package", {"is_unopened": True}, True),
        ("fact.package", {"is_missing": True}, True),
        ("fact.package fact.now", {"is_missing": True, "is_unopened": True}, True),
        ("fact.package", {}, False),
        ("fact.now request.path", {"is_unopened": True}, False),
        ("", {"is_missing": True}, False),
    ],
)
def test_only_what_is_about_a_file_is_open_as_long_as_the_file_is_closed(
    names: str, state: dict[str, bool], is_open: bool
) -> None:
    conditions = Conditions(question(**state), NOON, {})
    assert conditions.are_open(when(names)) is is_open
    assert conditions.are_open(None) is False and conditions.unasked == set()


def test_what_is_open_asks_for_its_other_facts_as_if_the_file_were_there() -> None:
    conditions = Conditions(question(is_missing=True), NOON, {"fact.load": 1.0})
    assert conditions.are_open(when("fact.package fact.load fact.risk fact.now request.path claim.reason"))
    assert conditions.unasked == {"fact.risk"}


@pytest.mark.parametrize(
    ("names", "denies", "paths"),
    [
        ("request.path", True, ["/usr/bin/systemctl", "/usr/bin/a", "/usr/bin/b"]),
        ("request.path", False, ["/usr/bin/systemctl"]),
        ("subject.user", True, [None]),  # what is not about the path is the same for every name of the file
        ("subject.user", False, [None]),
    ],
)
def test_only_a_deny_about_the_path_is_asked_about_each_name_of_the_file(names: str, denies: bool, paths: list[Any]) -> None:
    tried: list[Any] = []

    def note(values: Mapping[str, Value]) -> bool:
        tried.append(values.get("request.path"))
        return values.get("request.path") == paths[-1]

    conditions = Conditions(question(names=(b"/usr/bin/a", b"/usr/bin/b")), NOON, {})
    assert conditions.hold(when(names, note), denies=denies) is True and tried == paths
    assert conditions.hold(when(names, lambda values: False), denies=denies) is False
    assert conditions.hold(None, denies=denies) is True


# --- the names -------------------------------------------------------------------------------------------------------


def test_each_name_has_a_root_a_type_and_a_meaning() -> None:
    for name, of in NAMES.items():
        assert name.partition(".")[0] in ROOTS and of.type in TYPES and of.source and of.meaning[0].islower(), name
        assert of.source == "client" if name.startswith("claim.") else of.source != "client", name
    assert {"fact.package", "fact.file_digest"} < OF_THE_FILE and "fact.now" not in OF_THE_FILE


def test_the_names_whose_source_may_be_silent_are_these_and_their_meaning_says_what_they_are_then() -> None:
    assert {name for name, of in NAMES.items() if of.silence} == {
        "request.path", "request.gives", "request.lasts", "request.uses", "subject.principal", "subject.indicators",
        "claim.reason", "claim.tty",
    }  # fmt: skip
    assert all(";" in of.meaning for of in NAMES.values() if of.silence)


def test_how_large_a_value_may_be() -> None:
    assert (MOST_ELEMENTS, MOST_CHARACTERS) == (1000, 131_072)


@given(st.lists(st.binary(max_size=6), min_size=2, max_size=2, unique=True))
def test_no_two_arguments_have_the_same_spelling(words: list[bytes]) -> None:
    one, other = (spelled(word) for word in words)
    assert one != other


def test_how_bytes_are_spelled() -> None:
    assert spelled(b"\xff\\xff\\") == "\\xff\\\\xff\\\\"
    of = question(argv=(b"/bin/x", "é".encode(), b"\xe9"), reason=None, tty=b"pts/1", lasts_for=60)
    assert said(of, ["request.argv", "claim.reason", "claim.tty", "request.lasts", "request.uses", "fact.risk"]) == {
        "request.argv": ("/bin/x", "é", "\\xe9"), "claim.reason": "", "claim.tty": "pts/1", "request.lasts": 60,
        "request.uses": 0,
    }  # fmt: skip
    assert said(question(EVE), ["subject.groups", "subject.principal"]) == {
        "subject.groups": ("eve",), "subject.principal": "eve@EXAMPLE.ORG",
    }  # fmt: skip
    given_ = question()
    given_ = replace(
        given_, command=Command((b"service-ticket:a/b",), b"", b"", given_.command.run_as, b"/", 0, 0, (), (), (), gives=True)
    )
    assert said(given_, ["request.gives", "request.path"]) == {"request.gives": ("service-ticket:a/b",), "request.path": ""}


@pytest.mark.parametrize(
    ("type", "value", "fault"),
    [
        ("bool", True, ""), ("bool", 1, "is not of type bool"), ("bool", None, "is not of type bool"),
        ("int", 2**63 - 1, ""), ("int", -(2**63), ""), ("int", 2**63, "has more than 64 bits"),
        ("int", -(2**63) - 1, "has more than 64 bits"), ("int", 0, ""),
        ("int", True, "is not of type int"), ("int", 1.0, "is not of type int"), ("int", "1", "is not of type int"),
        ("double", 1.5, ""), ("double", 1, "is not of type double"), ("double", float("nan"), "is not a number"),
        ("double", float("inf"), "is not a number"),
        ("string", "é", ""), ("string", b"x", "is not of type string"),
        ("string", "\ud800", "contains half of a character (a surrogate)"),
        ("string", "x" * (MOST_CHARACTERS + 1), f"is longer than {MOST_CHARACTERS} characters"),
        ("string", "x" * MOST_CHARACTERS, ""), ("list", ("a",) * MOST_ELEMENTS, ""), ("list", (), ""),
        ("list", ("x" * MOST_CHARACTERS, ""), ""),
        ("list", ("x" * MOST_CHARACTERS, "y"), f"is longer than {MOST_CHARACTERS} characters"),
        ("list", ("a",), ""), ("list", ["a"], "is not of type list"), ("list", (1,), "is not of type list"),
        ("list", ("a",) * (MOST_ELEMENTS + 1), f"has more than {MOST_ELEMENTS} members"),
        ("list", ("\udfff",), "contains half of a character (a surrogate)"),
        ("timestamp", NOON, ""), ("timestamp", NOON.replace(tzinfo=None), "has no time zone"),
        ("timestamp", NOON.replace(year=1), "lies outside the years 2 to 9998"), ("timestamp", NOON.replace(year=2), ""),
        ("timestamp", NOON.replace(year=9998), ""), ("timestamp", NOON.replace(year=9999), "lies outside the years 2 to 9998"),
        ("timestamp", 0, "is not of type timestamp"),
    ],
)  # fmt: skip
def test_a_value_has_its_type_or_a_fault(type: str, value: Any, fault: str) -> None:
    assert fault_in(value, type) == fault


def test_terms_of_a_permit_do_not_hide_its_condition() -> None:
    rule = permit(when=LOW, terms=Terms(stdin="none"))
    assert asked_for(rule) == {"fact.risk"}
