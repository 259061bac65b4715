# SPDX-License-Identifier: Apache-2.0
"""What a rule says of things that are given, as a truth table; and what binds a thing: its fingerprint, and what a lease
covers.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from jitd.core.command import Command, fingerprint, work_of
from jitd.core.decision import Terms
from jitd.core.keys.reason import Reason
from jitd.core.policy import Rule, decide, describe
from jitd.core.question import Question
from jitd.expressions.patterns import read_pattern
from tests.core.house import ALICE, BOB, NOON, ROOT, deny, hours, patterns, permit, policy, question, told
from tests.scene import THING, command, thing

OTHER = "service-ticket:host/db1.example.test"
NO_RULE = "no rule: no rule permits this"
OF_THEIR_OWN = "no rule: a thing is given only to a person who has a Kerberos ticket"
DENIED = "rule: rule d denies it"
ANYTHING = patterns(("**",))
LOCAL = replace(ALICE, principal="local:alice")


def gives(*things: str, **changes: Any) -> Rule:
    """A permit for ``things`` alone."""
    return permit(**{"commands": None, "gives": things or (THING,), **changes})


def wanted(who: Any = ALICE, what: Command | None = None, **facts: Any) -> Question:
    """May ``who`` have the thing?"""
    return replace(question(who, **facts), command=what or thing())


ROWS: list[tuple[str, tuple[Rule, ...], Question, str]] = [
    ("a permit that names it", (gives(),), wanted(), "p"),
    ("a permit that names it among others", (gives(OTHER, THING),), wanted(), "p"),
    ("a permit that names another", (gives(OTHER),), wanted(), NO_RULE),
    ("a permit that names none", (permit(commands=None, gives=()),), wanted(), NO_RULE),
    ("a permit for all commands", (permit(**ANYTHING),), wanted(), NO_RULE),
    ("a permit without either, as none is read", (permit(commands=None),), wanted(), NO_RULE),
    ("a permit for commands and for it", (permit(**ANYTHING, gives=(THING,)),), wanted(), "p"),
    ("a permit for commands and for another", (permit(**ANYTHING, gives=(OTHER,)),), wanted(), NO_RULE),
    ("a permit for things, asked for a command", (gives(),), question(), NO_RULE),
    ("a permit for a thing, asked for a command of its name", (gives(),), question(argv=(THING.encode(),)), NO_RULE),
    ("a permit for commands and things, asked for a command", (permit(**ANYTHING, gives=(THING,)),), question(), "p"),
    ("a permit for somebody else", (gives(),), wanted(BOB), NO_RULE),
    ("whatever the account to run as is called", (gives(run_as=("bob",)),), wanted(), "p"),
    ("another host", (gives(hosts=()),), wanted(), NO_RULE),
    ("another hour", (gives(**hours("Sat 08:00-18:00 UTC")),), wanted(), NO_RULE),
    ("another service", (gives(services=("sudo",)),), wanted(), NO_RULE),
    ("a reason is wanted", (gives(reason=Reason(1, read_pattern("."))),), wanted(), "reason: "),
    ("for longer than the rule", (gives(lasts_for=60),), wanted(lasts_for=61), "terms: rule p grants at most 1m"),
    ("as long as the rule", (gives(lasts_for=60),), wanted(lasts_for=60), "p"),
    ("a place to run in is no matter", (gives(terms=Terms(cwd="/srv")),), wanted(), "p"),
    ("a standard input is no matter", (gives(terms=Terms(stdin="none")),), wanted(), "p"),
    ("a deny of everything", (gives(), deny()), wanted(), DENIED),
    ("a deny of everything to others", (gives(), deny(who=("group:ops",))), wanted(), "p"),
    ("a deny that names it", (gives(), deny(gives=(THING,))), wanted(), DENIED),
    ("a deny that names it among others", (gives(), deny(gives=(OTHER, THING))), wanted(), DENIED),
    ("a deny that names another", (gives(), deny(gives=(OTHER,))), wanted(), "p"),
    ("a deny of all commands", (gives(), deny(**ANYTHING)), wanted(), "p"),
    ("a deny of all commands and of it", (gives(), deny(**ANYTHING, gives=(THING,))), wanted(), DENIED),
    ("a deny of things, asked for a command", (permit(), deny(gives=(THING,))), question(), "p"),
    ("a deny with an account to run as", (gives(), deny(run_as=("root",))), wanted(), DENIED),
    ("a deny with an account, for a command as another", (permit(run_as=("*",)), deny(run_as=("bob",))), question(), "p"),
    ("a deny of a thing does not hold a doubtful command", (permit(), deny(gives=(THING,))), question(), "p"),
    ("root", (gives(who=None), gives(who=("user:root",))), wanted(ROOT), OF_THEIR_OWN),
    ("somebody without a ticket", (gives(needs_ticket=False, who=None),), wanted(LOCAL), OF_THEIR_OWN),
    ("somebody without a ticket, who is denied", (gives(needs_ticket=False), deny()), wanted(LOCAL), OF_THEIR_OWN),
]


@pytest.mark.parametrize(("rules", "asked", "answer"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_rule_gives_what_it_names_and_nothing_else(rules: tuple[Rule, ...], asked: Question, answer: str) -> None:
    """THREATS T-21: neither root nor somebody who is known by their account alone is given anything."""
    found = told(decide(policy(*rules), asked, NOON))
    assert found.startswith(answer) if answer.endswith(" ") else found == answer


@pytest.mark.parametrize("root", ["permit", "deny"])
def test_root_is_given_nothing_whatever_is_said_of_root(root: Any) -> None:
    """THREATS T-21."""
    assert told(decide(policy(gives(who=None), root=root), wanted(ROOT), NOON)) == OF_THEIR_OWN


def test_what_is_doubtful_may_be_a_denied_command_and_a_thing_is_never_doubtful() -> None:
    doubtful = replace(question(), command=replace(question().command, doubt="it has an option that is not known"))
    assert told(decide(policy(permit(), deny(**patterns(("/usr/bin/id",)))), doubtful, NOON)) == DENIED
    assert thing().doubt == ""


def test_each_thing_must_be_permitted_and_a_deny_holds_for_one_of_them() -> None:
    """THREATS T-23."""
    both = thing(argv=(THING.encode(), OTHER.encode()))
    assert told(decide(policy(gives()), wanted(what=both), NOON)) == f"no rule: no rule permits {OTHER}"
    assert told(decide(policy(gives(OTHER)), wanted(what=both), NOON)) == f"no rule: no rule permits {THING}"
    assert told(decide(policy(gives(THING, OTHER)), wanted(what=both), NOON)) == "p"
    assert told(decide(policy(gives(THING, OTHER), deny(gives=(OTHER,))), wanted(what=both), NOON)) == DENIED


def test_a_rule_says_in_words_what_it_gives() -> None:
    assert describe(gives(lasts_for=600)).startswith(THING) and "any command" not in describe(gives())
    assert describe(permit(**ANYTHING, gives=(THING, OTHER))).count(THING) == 1


# --- what binds it -----------------------------------------------------------------------------------------------------


def printed(what: Command) -> bytes:
    return fingerprint("K7QM-2XVD", "alice@EXAMPLE.TEST", "db1.example.test", "jitsudo", what, (600, None, None))


def test_what_is_asked_for_is_in_the_fingerprint() -> None:
    """A thing, a longer name, one that stays, and commands of the same words are all different."""
    all_of_them = [
        thing(),
        thing(OTHER),
        thing(stays=True),
        thing(gives=False),
        thing(gives=False, stays=True),
        thing(argv=(THING.encode(), OTHER.encode())),
        command(THING),
    ]
    for one, other in combinations(all_of_them, 2):
        assert printed(one) != printed(other)


def test_a_lease_is_for_the_thing_and_for_no_command_of_its_name() -> None:
    """Whether it stays makes no other work of it: it ends with the grant either way."""
    assert work_of(thing()) == work_of(thing(stays=True)) == work_of(thing(salt=b"x" * 16))
    for other in (thing(OTHER), thing(gives=False), command(THING), thing(argv=(THING.encode(), OTHER.encode()))):
        assert work_of(thing()) != work_of(other)


def test_a_fingerprint_of_a_command_is_what_it_was_before_things_were_given() -> None:
    """Field ``g`` is there only of a thing, so that old fingerprints hold."""
    assert printed(command("id")) == printed(replace(command("id"), gives=False, stays=False))
    assert thing().things == (THING,) and command(THING).things == ()
