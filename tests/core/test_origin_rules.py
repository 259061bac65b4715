# SPDX-License-Identifier: Apache-2.0
"""``origin`` in rules: an origin that is not known never helps, and it is looked for only where it matters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.decision import Deny, Permit, Why
from jitd.core.facts import Facts, Unasked, Unknown
from jitd.core.origin import Whence, read_origin
from jitd.core.policy import Rule, decide, describe
from tests.core.house import EVE, NOON, ROOT, deny, hours, patterns, permit, policy, question

NOWHERE = Unknown("logind does not run on this host")


def origin(*words: str) -> dict[str, tuple[Whence, ...]]:
    return {"origin": tuple(map(read_origin, words))}


def known(found: str | Unknown) -> Facts:
    return {"fact.origin": found}


ANY = permit("any")
OFFICE = permit("office", **origin("10.0.0.0/8", "console"))
AWAY = deny("away", because="not from outside", **origin("remote"))


@pytest.mark.parametrize(
    ("rules", "found", "answer"),
    [
        ((OFFICE,), "10.1.2.3", "office"),
        ((OFFICE,), "console", "office"),
        ((OFFICE,), "local", None),
        ((OFFICE,), "192.0.2.1", None),
        ((OFFICE,), "remote", None),
        ((OFFICE,), NOWHERE, None),
        ((OFFICE, ANY), NOWHERE, "any"),
        ((ANY, AWAY), "10.1.2.3", "rule away: not from outside"),
        ((ANY, AWAY), "remote", "rule away: not from outside"),
        ((ANY, AWAY), "local", "any"),
        ((ANY, AWAY), "console", "any"),
        (
            (ANY, AWAY),
            NOWHERE,
            "rule away: it denies sessions from some places, and jitd does not know where your session began: "
            "logind does not run on this host",
        ),
        (
            (ANY, deny("net", **origin("192.0.2.0/24"))),
            "remote",
            "rule net: it denies sessions from some places, and jitd does not know where your session began: "
            "only that it began on another host",
        ),
        ((ANY, deny("net", **origin("192.0.2.0/24"))), "10.1.2.3", "any"),
        ((permit("never", **origin()),), "console", None),
    ],
)
def test_a_rule_is_about_where_the_session_began(rules: tuple[Rule, ...], found: str | Unknown, answer: str | None) -> None:
    decision = decide(policy(*rules), question(), NOON, known(found))
    if isinstance(decision, Permit):
        assert decision.rule == answer
    else:
        assert decision.because == (answer or "no rule permits this")


def test_a_deny_that_cannot_tell_says_that_it_was_an_error() -> None:
    for found, why in ((NOWHERE, Why.ERROR), ("10.1.2.3", Why.RULE)):
        decision = decide(policy(ANY, AWAY), question(), NOON, known(found))
        assert isinstance(decision, Deny) and decision.why is why


def test_what_was_found_is_kept_with_the_decision() -> None:
    assert decide(policy(OFFICE), question(), NOON, known("10.1.2.3")).seen == (("fact.origin", "10.1.2.3"),)
    assert decide(policy(OFFICE), question(), NOON, known(NOWHERE)).seen == (
        ("fact.origin", "not known: logind does not run on this host"),
    )
    assert decide(policy(ANY), question(), NOON, known("10.1.2.3")).seen == (), "nobody has looked at it"


@pytest.mark.parametrize(
    "rule",
    [
        permit(**origin("local"), who=("group:ops",)),
        permit(**origin("local"), **patterns(("/usr/bin/id",))),
        permit(**origin("local"), **hours("Sat 08:00-18:00 UTC")),
        deny(**origin("local"), who=("user:bob",)),
        deny(**origin("local"), run_as=("postgres",)),
    ],
)
def test_a_rule_that_is_about_something_else_makes_nobody_look(rule: Rule) -> None:
    decide(policy(rule), question(), NOON)  # raises Unasked if it did


@pytest.mark.parametrize("rules", [(OFFICE,), (ANY, AWAY), (AWAY,)])
def test_a_rule_that_is_about_this_makes_somebody_look(rules: tuple[Rule, ...]) -> None:
    with pytest.raises(Unasked) as asked:
        decide(policy(*rules), question(), NOON)
    assert asked.value.names == {"fact.origin"}


def test_root_is_not_locked_out_by_a_deny_that_names_nobody() -> None:
    assert isinstance(decide(policy(AWAY), question(ROOT), NOON), Permit)
    named = deny("away", who=("user:root",), **origin("remote"))
    assert isinstance(decide(policy(named), question(ROOT), NOON, known(NOWHERE)), Deny)


FOUND = st.sampled_from(["local", "console", "remote", "10.1.2.3", "192.0.2.1", "::1", NOWHERE])
WORDS = st.lists(st.sampled_from(["local", "console", "remote", "10.0.0.0/8", "192.0.2.1", "::/0"]), max_size=3)


@given(FOUND, WORDS, WORDS, st.booleans())
def test_a_condition_more_or_an_origin_less_never_turns_a_denial_into_a_permit(
    found: str | Unknown, permitted: list[str], denied: list[str], has_deny: bool
) -> None:
    plain = (permit("p", **origin(*permitted)),)
    more = (*plain, deny("d", **origin(*denied))) if has_deny else plain
    answers = [decide(policy(*rules), question(), NOON, known(found)) for rules in (plain, more)]
    assert not (isinstance(answers[0], Deny) and isinstance(answers[1], Permit))
    unknown = decide(policy(*more), question(), NOON, known(NOWHERE))
    assert isinstance(unknown, Deny) or isinstance(answers[1], Permit)
    assert isinstance(unknown, Deny), "only a known origin makes a permit with this condition match"


def test_a_rule_is_described_with_the_places_that_it_is_about() -> None:
    assert "as root, from 10.0.0.0/8 or console" in describe(OFFICE)


def test_somebody_whom_no_rule_is_about_is_not_looked_at() -> None:
    assert isinstance(decide(policy(OFFICE), question(EVE), NOON), Deny)
