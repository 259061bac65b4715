# SPDX-License-Identifier: Apache-2.0
"""What each rule says to a question, and which permits came closest: tables, and what holds of any rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jitd.core.command import Command, RunAs
from jitd.core.decision import Permit
from jitd.core.explaining import MOST_CLOSEST, ROWS, Explained, Outcome, Saying, closest, explain
from jitd.core.facts import Facts, Unasked, Unknown
from jitd.core.keys.reason import Reason
from jitd.core.origin import read_origin
from jitd.core.policy import decide
from jitd.core.question import Question
from jitd.core.rule import CONDITIONS, Rule
from jitd.core.when import When
from tests.core.house import ALICE, BOB, EVE, NOON, ROOT, deny, for_each, hours, patterns, permit, policy, question
from tests.core.test_rule_index import KNOWN, LOCAL, OTHER, THING, questions, rules

NIGHT = NOON.replace(hour=23)
AS_BOB = RunAs("bob", 4002, "bob", 4002)


def told(explained: Explained) -> list[str]:
    """The findings of one rule, in a few words each."""
    return [f"{f.condition} {f.outcome}: {f.wants} / {f.value}" for f in explained.findings]


def test_each_row_of_an_explanation_is_called_as_a_field_of_a_rule() -> None:
    assert all(hasattr(permit(), row) for row in ROWS) and {key for keys in ROWS.values() for key in keys} == set(CONDITIONS)


def test_a_rule_says_condition_by_condition_what_it_wants_and_what_was_found() -> None:
    rule = permit(**patterns(("/usr/bin/systemctl", "stop", "*")), **hours("Mon-Fri 08:00-18:00 UTC"), run_as=("root", "bob"))
    (found,) = explain(policy(rule), question(), NIGHT)
    assert found.saying is Saying.PASSES and not found.because
    assert told(found) == [
        "who held: group:dba with a ticket / alice@EXAMPLE.ORG, account alice, in alice, dba",
        "services held: jitsudo / jitsudo",
        "run_as held: root or bob / root",
        "commands did not hold: /usr/bin/systemctl stop * / /usr/bin/systemctl restart postgresql",
        "hours did not hold: Mon-Fri 08:00-18:00 UTC / Wed 23:00 UTC",
    ]


def test_a_condition_that_a_rule_does_not_have_is_told_only_if_it_does_not_hold() -> None:
    anybody = replace(permit(who=None), services=None)
    (found,) = explain(policy(anybody), question(LOCAL), NOON)
    assert told(found)[0] == "who did not hold: anybody with a ticket / local:alice, account alice, in alice"
    (found,) = explain(policy(anybody), question(), NOON)
    assert [finding.condition for finding in found.findings] == ["run_as", "commands"]


def test_denies_come_first_and_every_rule_is_told_of() -> None:
    house = policy(permit("a"), permit("b", who=("group:ops",)), deny("c", because="not today"), deny("d", who=("user:bob",)))
    assert [(one.rule.name, str(one.saying), one.because) for one in explain(house, question(), NOON)] == [
        ("c", "denies", "rule c: not today"),
        ("d", "passes", ""),
        ("a", "permits", ""),
        ("b", "passes", ""),
    ]


def test_a_permit_whose_terms_are_not_met_denies_and_says_which() -> None:
    house = policy(permit("a", reason=Reason()), permit("b", uses=2))
    first, second = explain(house, question(uses=3), NOON)
    assert (first.saying, first.because) == (Saying.DENIES, "rule a grants at most 1 use")
    assert (second.saying, second.because) == (Saying.DENIES, "rule b grants at most 2 uses")
    assert explain(house, question(), NOON)[0].because == "rule a wants a reason"


def test_a_rule_that_fails_says_that_it_fails() -> None:
    (found,) = explain(policy(permit(**hours("Mon-Fri 08:00-18:00 UTC"))), question(), NOON.replace(tzinfo=None))
    assert found.saying is Saying.FAILS and "the moment has no time zone" in found.because
    assert found.findings[-1].outcome is Outcome.FAILED


def test_a_doubt_is_told_where_the_command_is() -> None:
    asked = question()
    asked = replace(asked, command=replace(asked.command, path=b"", doubt="two programs may be meant"))
    (found,) = explain(policy(deny(**patterns(("/usr/bin/id",)))), asked, NOON)
    assert found.saying is Saying.DENIES
    assert "(it is not certain what runs: two programs may be meant)" in found.findings[0].value


ALIAS = question(argv=(b"systemctl", b"stop", b"\xff"))
"""What was typed is another word than the path of what runs."""


@for_each(
    [
        (replace(ALIAS.command, path=b"/usr/bin/systemctl"), r"/usr/bin/systemctl stop \xff"),
        (replace(ALIAS.command, path=b"", doubt="why"), r"systemctl stop \xff (it is not certain what runs: why)"),
        (replace(ALIAS.command, path=b"", argv=(THING.encode(), OTHER.encode()), gives=True), f"{THING} {OTHER}"),
        (replace(ALIAS.command, path=b"", argv=(b"-bash",)), "-bash"),
    ]
)
def test_a_command_is_told_by_its_path_and_what_has_none_by_its_words(asked: Command, value: str) -> None:
    (found,) = explain(policy(deny(**patterns(("/usr/bin/id",)))), replace(ALIAS, command=asked), NOON)
    assert [finding.value for finding in found.findings if finding.condition == "commands"] == [value]


@for_each(
    [
        (permit(), "group:dba with a ticket"),
        (permit(without_kdc="local"), "group:dba with a ticket or, while no KDC can be reached, a local password"),
        (permit(needs_ticket=False), "group:dba"),
        (permit(who=("group:dba", "user:bob", "user:eve")), "group:dba, user:bob or user:eve with a ticket"),
        (deny(who=("group:dba", "user:bob")), "group:dba or user:bob"),
    ]
)
def test_whom_a_rule_wants_is_told_with_what_they_need(rule: Rule, wants: str) -> None:
    (found,) = explain(policy(rule), question(), NOON)
    assert [finding.wants for finding in found.findings if finding.condition == "who"] == [wants]


MOMENTS = st.sampled_from([NOON, NIGHT, NOON.replace(day=6)])


LOAD = When("fact.load < 2.0", frozenset({"fact.load"}), lambda values: bool(values["fact.load"] < 2))


@for_each(
    [
        ({"fact.load": 1.0}, Saying.PERMITS, "when held: fact.load < 2.0 / fact.load = 1.0"),
        ({"fact.load": 3.0}, Saying.PASSES, "when did not hold: fact.load < 2.0 / fact.load = 3.0"),
        ({"fact.load": Unknown("no"), "fact.x": 1}, Saying.FAILS, "when failed: fact.load < 2.0 / fact.load = not known: no"),
        ({}, Saying.ASKS, "when would be asked: fact.load < 2.0 / "),
    ]
)
def test_a_when_is_told_with_the_values_of_its_facts(known: Facts, saying: Saying, line: str) -> None:
    (found,) = explain(policy(permit(when=LOAD)), question(), NOON, known)
    assert (found.saying, told(found)[-1]) == (saying, line)
    assert found.asks == ({"fact.load"} if saying is Saying.ASKS else frozenset())


@for_each(
    [
        ("permit", {"fact.origin": "10.1.2.3"}, Saying.PERMITS, "origin held: 10.0.0.0/8 or console / 10.1.2.3"),
        ("permit", {"fact.origin": "local"}, Saying.PASSES, "origin did not hold: 10.0.0.0/8 or console / local"),
        ("permit", {"fact.origin": Unknown("no")}, Saying.PASSES, "origin did not hold: 10.0.0.0/8 or console / not known: no"),
        ("permit", {}, Saying.ASKS, "origin would be asked: 10.0.0.0/8 or console / "),
        ("deny", {"fact.origin": "console"}, Saying.DENIES, "origin held: 10.0.0.0/8 or console / console"),
        ("deny", {"fact.origin": Unknown("no")}, Saying.FAILS, "origin failed: 10.0.0.0/8 or console / not known: no"),
    ]
)
def test_an_origin_is_told_with_what_was_found(verdict: Any, known: Facts, saying: Saying, line: str) -> None:
    origin = (read_origin("10.0.0.0/8"), read_origin("console"))
    (found,) = explain(policy(replace(permit(), verdict=verdict, origin=origin)), question(), NOON, known)
    assert (found.saying, told(found)[-1]) == (saying, line)


def test_an_origin_is_left_where_another_condition_does_not_hold_and_when_after_it() -> None:
    rule = permit(origin=(read_origin("remote"),), when=LOAD)
    (found,) = explain(policy(replace(rule, who=("group:ops",))), question(), NOON)
    assert told(found)[-2:] == ["origin left: remote / ", "when left: fact.load < 2.0 / "]
    (found,) = explain(policy(rule), question(), NOON, {"fact.origin": "local"})
    assert told(found)[-2:] == ["origin did not hold: remote / local", "when left: fact.load < 2.0 / "]


def test_a_when_is_left_where_another_condition_does_not_hold() -> None:
    (found,) = explain(policy(permit(when=LOAD, who=("group:ops",))), question(), NOON)
    assert told(found)[-1] == "when left: fact.load < 2.0 / "
    assert found.saying is Saying.PASSES


@given(st.lists(rules(), max_size=8), questions(), MOMENTS, KNOWN)
def test_the_first_rule_that_says_anything_decides(made: list[Rule], asked: Question, at: datetime, known: Facts) -> None:
    house = policy(*(replace(rule, name=f"{rule.name}{number}") for number, rule in enumerate(made)))
    asked = replace(asked, is_missing=False)
    found = explain(house, asked, at, known)
    assert sorted(one.rule.name for one in found) == sorted(rule.name for rule in house.rules)
    saying = next((one for one in found if one.saying is not Saying.PASSES), None)
    try:
        answer = decide(house, asked, at, known)
    except Unasked as unasked:
        assert unasked.names <= frozenset[str]().union(*(one.asks for one in found))
        return
    if saying is None:
        assert answer.rule in ("", "root")
    else:
        assert answer.rule == saying.rule.name
        assert isinstance(answer, Permit) == (saying.saying is Saying.PERMITS)


def near(*rules_: Rule, asked: Question | None = None, at: datetime = NOON) -> list[str]:
    return [f"rule {one.rule}: {', '.join(one.wants)}" for one in closest(policy(*rules_), asked or question(), at)]


def test_what_came_closest_says_what_it_wants() -> None:
    office = hours("Mon-Fri 08:00-18:00 UTC")
    restart = patterns(("/usr/bin/systemctl", "restart", "postgresql*"))
    assert near(permit("deploy", **restart, **office), at=NIGHT) == ["rule deploy: Mon-Fri 08:00-18:00 UTC"]
    assert near(permit("deploy", **restart, run_as=("postgres", "*:adm"))) == ["rule deploy: as postgres or *:adm"]
    assert near(permit("deploy", **patterns(("/usr/bin/systemctl", "stop", "x")))) == ["rule deploy: /usr/bin/systemctl stop x"]
    assert near(permit("deploy", **restart, services=("sudo", "su"))) == ["rule deploy: by sudo or su"]
    assert near(permit("deploy", **patterns(("/usr/*/systemctl", "stop")))) == ["rule deploy: /usr/*/systemctl stop"]
    assert near(permit("deploy", **restart, when=LOAD)) == ["rule deploy: when fact.load < 2.0"]
    remote = (read_origin("remote"),)
    assert near(permit("deploy", **restart, origin=remote)) == ["rule deploy: from remote"]
    assert near(permit("deploy", **restart, origin=remote, when=LOAD)) == ["rule deploy: from remote, when fact.load < 2.0"]
    everything = permit("deploy", **patterns(("/usr/bin/systemctl", "stop")), **office, run_as=("bob",))
    assert near(everything, at=NIGHT) == ["rule deploy: as bob, /usr/bin/systemctl stop, Mon-Fri 08:00-18:00 UTC"]


def test_a_permit_of_any_command_is_about_every_file_and_one_of_things_about_none() -> None:
    office = hours("Mon-Fri 08:00-18:00 UTC")
    assert near(permit("any", commands=None, **office), at=NIGHT) == ["rule any: Mon-Fri 08:00-18:00 UTC"]
    assert near(permit("thing", commands=None, gives=(THING,), **office), at=NIGHT) == []


def test_those_with_the_fewest_conditions_in_the_way_came_closest_and_no_others_are_told() -> None:
    office = hours("Mon-Fri 08:00-18:00 UTC")
    far = permit("far", **office, run_as=("bob",))
    assert near(far, permit("near", **office), at=NIGHT) == ["rule near: Mon-Fri 08:00-18:00 UTC"]
    many = [permit(f"r{number}", **office) for number in range(9)]
    assert near(*many, at=NIGHT) == [f"rule r{number}: Mon-Fri 08:00-18:00 UTC" for number in range(MOST_CLOSEST)]


def test_a_thing_that_is_asked_for_has_permits_that_come_close() -> None:
    asked = question(ALICE, (THING.encode(),))
    asked = replace(asked, command=replace(asked.command, path=b"", gives=True))
    office = hours("Mon-Fri 08:00-18:00 UTC")
    given = permit("t", commands=None, gives=(THING,), **office)
    other = permit("o", commands=None, gives=(OTHER,), **office)
    assert near(given, other, permit("p", **office), asked=asked, at=NIGHT) == ["rule t: Mon-Fri 08:00-18:00 UTC"]


def test_a_requester_is_told_of_nothing_but_permits_about_them_and_what_they_asked_for() -> None:
    """THREATS A-19."""
    office = hours("Mon-Fri 08:00-18:00 UTC")
    secret = [
        permit("of-others", who=("group:ops",), **office),
        permit("of-principals", who=("principal:bob@EXAMPLE.ORG",), **office),
        permit("of-nobody", who=(), **office),
        permit("other-file", **patterns(("/usr/bin/id", "**")), **office),
        permit("other-place", **patterns(("/usr/bin/*/x", "**")), **office),
        deny("quiet", **patterns(("/usr/bin/systemctl", "stop"))),
        deny("asleep", **office),
    ]
    assert near(*secret, at=NIGHT) == []
    assert near(permit("all-holds", approvals=())) == [], "what is in its way is none of its conditions"
    for who in (LOCAL, replace(ALICE, principal="pam:alice")):
        asked = question(who)
        assert near(permit("p", who=("user:alice",), **office), asked=asked, at=NIGHT) == [], (
            "it permits nothing without a ticket"
        )
        assert near(permit("p", who=None, **office), asked=asked, at=NIGHT) == [], "nor does one about anybody"
    assert near(permit("p", who=None, **office), asked=question(ROOT), at=NIGHT) == []


@given(st.lists(rules(), max_size=8), questions(), MOMENTS, st.sampled_from([(), (b"/usr/bin/a",)]))
def test_what_is_told_does_not_depend_on_what_jitd_has_found(
    made: list[Rule], asked: Question, at: datetime, names: tuple[bytes, ...]
) -> None:
    """THREATS A-19, S-11: other names of the file, who can write it, and whether it is there are for jitd alone."""
    house = policy(*(replace(rule, name=f"{rule.name}{number}") for number, rule in enumerate(made)))
    bare = replace(asked, names=(), writable_by=(), is_missing=False)
    full = replace(asked, names=names, writable_by=("anybody can write it",), is_missing=True)
    assert closest(house, bare, at) == closest(house, full, at)
    own = {rule.name for rule in house.rules if rule.verdict == "permit"}
    assert {one.rule for one in closest(house, bare, at)} <= own
    alone: Any = policy(*(rule for rule in house.rules if rule.verdict == "permit"))
    assert closest(alone, bare, at) == closest(house, bare, at), "denies tell nothing"


def test_who_one_is_makes_what_comes_closest() -> None:
    office = hours("Mon-Fri 08:00-18:00 UTC")
    house = policy(permit("dba", **office), permit("ops", who=("group:ops",), **office))
    told_to = {who.user: [one.rule for one in closest(house, question(who), NIGHT)] for who in (ALICE, BOB, EVE)}
    assert told_to == {"alice": ["dba"], "bob": ["ops"], "eve": []}
    assert closest(house, question(ALICE, run_as=AS_BOB), NIGHT)[0].wants == ("as root", "Mon-Fri 08:00-18:00 UTC")
