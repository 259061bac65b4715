# SPDX-License-Identifier: Apache-2.0
"""Which facts are looked for, when, how often and by whom, on the way to one decision."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from jitd.core.conditions import read_command_pattern
from jitd.core.decision import Decision, Deny, Permit, Terms, Why
from jitd.core.facts import Facts, Unknown
from jitd.core.origin import read_origin
from jitd.core.policy import Policy, Rule
from jitd.core.question import Question
from jitd.deciding.decider import FirstDecision
from jitd.deciding.knowledge import MOST_TOLD
from jitd.expressions.compiling import compile_when
from jitd.files import inspection
from tests.daemon.test_decider import ALICE, ASKED, ENV, NAMED, House, rule
from tests.scene import asked as requested


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(tmp_path, monkeypatch)
    yield made
    made.workers.close()
    made.store.close()


@dataclass
class Host:
    """What the host knows. ``asked`` are the names that were looked for, in order, with the question's path and digest."""

    known: dict[str, Any]
    asked: list[tuple[frozenset[str], bytes, bytes]] = field(default_factory=list)

    def gather(self, names: frozenset[str], about: Question) -> Facts:
        found = names & self.known.keys()
        if found:
            self.asked.append((found, about.command.path, about.command.digest))
        return {name: self.known[name] for name in found}


@dataclass
class Provider:
    """Somebody who is asked. ``meanwhile`` happens while they think. ``tell`` is what they are told of a question; they say
    another value for each of these in ``by_told``.
    """

    known: dict[str, Any]
    asked: list[frozenset[str]] = field(default_factory=list)
    meanwhile: Any = None
    tell: Callable[[Question], Any] = lambda about: about.requester.principal
    by_told: dict[Any, Any] = field(default_factory=dict)
    heard: list[Any] = field(default_factory=list)

    def told(self, name: str, about: Question) -> object:
        return self.tell(about)

    async def ask(self, names: frozenset[str], about: Question) -> Facts:
        self.asked.append(names)
        self.heard.append(self.tell(about))
        if self.tell(about) in self.by_told:
            return dict.fromkeys(names, self.by_told[self.tell(about)])
        if self.meanwhile is not None:
            self.meanwhile()
        return {name: self.known[name] for name in names & self.known.keys()}


def ruled(house: House, *rules: Rule) -> None:
    house.policy = Policy(rules, "permit", "")


def when(text: str, **changes: Any) -> Rule:
    return rule(**{"when": compile_when(text, NAMED), "approvals": (), **changes})


def deny(text: str) -> Rule:
    return Rule("deny", "d", when=compile_when(text, NAMED))


def foreseen(house: House) -> FirstDecision:
    return asyncio.run(house.decider.foresee(ALICE, "jitsudo", lambda search_path: ASKED))


def why(decision: Decision) -> str:
    assert isinstance(decision, Deny)
    return decision.because


def test_no_fact_is_looked_for_if_no_rule_that_could_decide_names_one(house: House) -> None:
    host, provider = Host({"fact.load": 0.1}), Provider({"fact.risk": 1})
    house.gather, house.providers = host.gather, provider
    ruled(house, when("fact.load < 1.0 && fact.risk < 50", who=("user:bob",)), rule(name="q", approvals=()))
    assert isinstance(house.first().decision, Permit)
    assert (host.asked, provider.asked) == ([], [])


def test_what_the_host_knows_is_looked_for_once_and_only_what_is_left_is_asked_of_providers(house: House) -> None:
    host, provider = Host({"fact.load": 0.1}), Provider({"fact.risk": 40})
    house.gather, house.providers = host.gather, provider
    ruled(house, deny("fact.load > 2.0"), when("fact.load < 1.0 && fact.risk < 50"))
    found = house.first().decision
    assert isinstance(found, Permit) and found.seen == (("fact.load", "0.1"), ("fact.risk", "40"))
    assert [names for names, _, _ in host.asked] == [{"fact.load"}] and provider.asked == [{"fact.risk"}]


@pytest.mark.parametrize("ask", ["first", "again_for", "use"])
def test_each_kind_of_decision_asks_the_providers_anew(house: House, ask: str) -> None:
    asked = rule(uses=5)
    ruled(house, asked)
    house.lease("K7QM-2XVD", replace(house.first().command, digest=b"D" * 32))
    provider = Provider({"fact.risk": 40})
    house.providers = provider
    ruled(house, replace(asked, when=compile_when("fact.risk < 50", NAMED)))
    for risk, is_permitted in ((40, True), (90, False)):
        provider.known = {"fact.risk": risk}
        decision: Any = {
            "first": lambda: house.first().decision,
            "again_for": lambda: house.again_for().decision,
            "use": lambda: house.use("K7QM-2XVD"),
        }[ask]()
        assert isinstance(decision, Permit) is is_permitted, decision
    assert provider.asked == [{"fact.risk"}, {"fact.risk"}]


def test_silence_of_a_provider_is_a_denial_that_names_the_fact(house: House) -> None:
    for known, told in (
        ({}, "no source knows this fact"),
        ({"fact.risk": Unknown("no answer within 2 s")}, "no answer within 2 s"),
    ):
        house.providers = Provider(known)
        ruled(house, when("fact.risk < 50 || claim.reason == 'x'"), rule(name="q", approvals=()))
        found = house.first(reason="x").decision
        assert found == Deny(Why.ERROR, f"rule p: fact.risk is not known: {told}", "p", (("fact.risk", f"not known: {told}"),))


def test_without_providers_a_rule_that_needs_one_denies(house: House) -> None:
    ruled(house, when("fact.risk < 50"))
    assert (
        why(house.first().decision) == "rule p: fact.risk is not known: no provider supplies this fact (jitd.toml(5), providers)"
    )


def test_to_foresee_a_decision_asks_nobody(house: House) -> None:
    host, provider = Host({"fact.load": 0.1}), Provider({"fact.risk": 40})
    house.gather, house.providers = host.gather, provider
    ruled(house, when("fact.load < 1.0 && fact.risk < 50"))
    found = foreseen(house)
    assert why(found.decision) == "rule p: fact.risk is not known: provider risk would be asked"
    assert found.awaited == ("risk",)
    assert provider.asked == [] and len(host.asked) == 1
    assert isinstance(house.first().decision, Permit)


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ((rule(), when("fact.risk < 50")), "p asks"),
        ((Rule("deny", "d", because="not now"), when("fact.risk < 50")), "rule d: not now"),
        ((when("fact.load < 1.0"),), "rule p: fact.load is not known: no sensor"),
    ],
    ids=["a permit", "a deny", "a fault of the host"],
)
def test_an_answer_that_no_provider_could_change_awaits_none(house: House, rules: tuple[Rule, ...], told: str) -> None:
    house.gather = Host({"fact.load": Unknown("no sensor")}).gather
    ruled(house, *rules)
    found = foreseen(house)
    assert found.awaited == () and isinstance(found.decision, Permit) is (told == "p asks")
    assert isinstance(found.decision, Permit) or why(found.decision) == told


def test_a_policy_that_changes_while_a_provider_is_asked_is_the_one_that_decides(house: House) -> None:
    provider = Provider({"fact.risk": 40})
    provider.meanwhile = lambda: ruled(house, Rule("deny", "d", because="not now"))
    house.providers = provider
    ruled(house, when("fact.risk < 50"))
    assert why(house.first().decision) == "rule d: not now"


def test_a_lock_that_is_placed_while_a_provider_is_asked_is_the_answer(house: House) -> None:
    provider = Provider({"fact.risk": 40}, meanwhile=house.lock)
    house.providers = provider
    ruled(house, when("fact.risk < 50"))
    found = house.first().decision
    assert isinstance(found, Deny) and found.why is Why.LOCKED
    later = asyncio.run(house.decider.decide_again(requested())).decision
    assert isinstance(later, Deny) and later.why is Why.LOCKED and len(provider.asked) == 1


# --- what providers are told -----------------------------------------------------------------------------------------


def test_what_a_provider_said_of_one_command_is_not_believed_of_another(house: House) -> None:
    """A look may ask about two commands: what a program's words mean, and what they mean with what it cannot be seen to do."""
    provider = Provider({}, tell=lambda about: about.command.path, by_told={b"/usr/bin/env": 10, b"/usr/bin/id": 90})
    house.providers = provider
    ruled(house, when("fact.risk < 50", commands=None))
    unseen = replace(ASKED, argv=(b"/usr/bin/id", b"x"))
    found = house.first(doubt="it cannot be seen", unseen=unseen, argv=(b"/usr/bin/env", b"x"))
    assert isinstance(found.decision, Permit)
    other = rule(name="q", commands=(read_command_pattern(("/usr/bin/id", "**")),), when=compile_when("fact.risk < 50", NAMED))
    provider.heard.clear()
    ruled(house, replace(other, approvals=()), when("fact.risk > 95", commands=None))
    found = house.first(doubt="it cannot be seen", unseen=unseen, argv=(b"/usr/bin/env", b"x"))
    assert isinstance(found.decision, Deny)
    assert provider.heard == [b"/usr/bin/env", b"/usr/bin/id"]


def test_a_provider_is_told_of_the_directory_that_was_asked_for_and_not_of_the_rules(house: House, tmp_path: Path) -> None:
    provider = Provider({}, tell=lambda about: about.command.cwd, by_told={b"/": 10})
    house.providers = provider
    ruled(house, when("fact.risk < 50", terms=Terms(cwd=str(tmp_path))))
    found = house.first()
    assert isinstance(found.decision, Permit) and found.command.cwd == os.fsencode(tmp_path)
    assert provider.heard == [b"/"]


def test_a_provider_whose_question_changes_all_the_time_is_asked_a_few_times_and_then_not_known(house: House) -> None:
    n_asked = iter(range(1000))
    provider = Provider({"fact.risk": 10}, tell=lambda about: next(n_asked))
    house.providers = provider
    ruled(house, when("fact.risk < 50"))
    told = "fact.risk is not known: its provider was asked too often, each time with other data"
    assert why(house.first().decision) == f"rule p: {told}"
    assert len(provider.asked) == MOST_TOLD


def of_the_command(about: Question) -> object:
    return os.path.dirname(about.command.argv[0]), os.path.dirname(about.command.path), about.command.cwd


PACKAGED = when("fact.as_packaged")
DENY_ENV = Rule("deny", "d", commands=(ENV,), when=compile_when("fact.risk > 1", NAMED))
HIDING: list[tuple[str, tuple[Rule, ...]]] = [
    ("a later rule asks a provider", (PACKAGED, when("fact.risk > 50", name="q"))),
    ("a deny of another name", (DENY_ENV, rule(approvals=()))),
    ("a deny by the file and a provider", (deny("!fact.as_packaged && fact.risk > 1"), rule(approvals=()))),
    ("the rule sets the directory", (when("fact.as_packaged && fact.risk < 50", terms=Terms(cwd="/usr")),)),
    ("where the session began", (PACKAGED, rule(name="q", approvals=(), origin=(read_origin("remote"),)))),
]


@pytest.mark.parametrize("rules", [row[1] for row in HIDING], ids=[row[0] for row in HIDING])
@pytest.mark.parametrize("tell", [of_the_command, lambda about: ""])
def test_who_is_asked_does_not_tell_whether_a_hidden_file_is_there(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rules: tuple[Rule, ...], tell: Any
) -> None:
    """THREATS S-11: a provider's log, or how long it takes to answer, would."""
    host = Host({"fact.as_packaged": False})
    house.gather = host.gather
    monkeypatch.setattr("jitd.files.path_lookup.is_visible_absence", lambda path, uid, groups, *more: False)
    monkeypatch.setattr("jitd.files.path_lookup.beyond_sight", lambda path, uid, groups, *more: path)
    there, absent = tmp_path / "there", tmp_path / "absent"
    there.symlink_to("/usr/bin/env")  # no hard link: on an overlay it is another file until both are looked up anew
    ruled(house, *(replace(one, commands=None) if one.verdict == "permit" else one for one in rules))
    heard = []
    for path in (there, absent):
        house.providers = provider = Provider({"fact.risk": 4, "fact.origin": "local"}, tell=tell)
        assert house.first(argv=(os.fsencode(path), b"x")).decision == Deny(Why.NO_RULE, "no rule permits this"), path
        heard.append(list(zip(provider.asked, provider.heard, strict=True)))
    assert heard[0] == heard[1] != []


def test_nobody_is_asked_for_a_rule_that_comes_after_the_one_that_answers_whatever_the_file_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jitd.files.path_lookup.beyond_sight", lambda path, uid, groups, *more: path)
    house.providers = provider = Provider({"fact.risk": 90})
    ruled(house, rule(approvals=()), when("fact.risk < 50", name="q"))
    assert isinstance(house.first().decision, Permit) and provider.asked == []


# --- facts about the file --------------------------------------------------------------------------------------------


def test_facts_about_the_file_are_looked_for_after_its_path_is_permitted_and_with_its_digest(house: House) -> None:
    host = Host({"fact.as_packaged": True, "fact.load": 0.5})
    house.gather = host.gather
    ruled(house, when("fact.as_packaged && fact.load < 1.0"))
    found = house.first().decision
    assert isinstance(found, Permit) and dict(found.seen) == {"fact.as_packaged": "true", "fact.load": "0.5"}
    assert host.asked == [
        (frozenset({"fact.load"}), b"/usr/bin/env", b""),
        (frozenset({"fact.as_packaged"}), b"/usr/bin/env", b"D" * 32),
    ]
    assert house.questions[:5] == ["account", "locks", "rules", "file", "rules"]
    host.asked.clear()
    ruled(house, Rule("deny", "x"), when("fact.as_packaged"))
    assert isinstance(house.first().decision, Deny)
    assert host.asked == [] and "file" not in house.questions


def test_the_digest_that_a_rule_compares_is_the_one_that_is_bound(house: House) -> None:
    """Nobody looks the file up for it a second time."""
    host = Host({"fact.file_digest": "00" * 32})
    house.gather = host.gather
    ruled(house, when(f"fact.file_digest == '{(b'D' * 32).hex()}'"))
    first = house.first()
    assert isinstance(first.decision, Permit) and first.command.digest == b"D" * 32 and host.asked == []


def test_if_the_file_is_not_what_a_rule_asks_for_the_next_rule_gives_its_own_terms(house: House, tmp_path: Path) -> None:
    house.gather = Host({"fact.as_packaged": False}).gather
    first = when("fact.as_packaged", terms=Terms(cwd=str(tmp_path), env=("PGDATA",)))
    other = rule(name="q", approvals=(), terms=Terms(env=("LANG2",)))
    ruled(house, first, other)
    found = house.first(preserved=((b"PGDATA", b"/srv"), (b"LANG2", b"C")))
    assert found.decision == Permit("q", other.obligations, seen=(("fact.as_packaged", "false"),))
    assert (found.command.cwd, found.command.variables) == (b"/", ((b"LANG2", b"C"),))


def test_a_deny_by_the_file_holds_once_the_file_is_known(house: House) -> None:
    house.gather = Host({"fact.package": "coreutils"}).gather
    ruled(house, deny("fact.package == 'coreutils'"), rule(approvals=()))
    assert why(house.first().decision) == "rule d denies it"
    house.gather = Host({"fact.package": Unknown("dpkg does not say")}).gather
    assert why(house.first().decision) == "rule d: fact.package is not known: dpkg does not say"


def test_two_rules_that_change_what_the_other_one_asks_about_permit_nothing(house: House, tmp_path: Path) -> None:
    here = str(tmp_path)
    turning = when("request.cwd == '/'", terms=Terms(cwd=here)), replace(when(f"request.cwd == '{here}'"), name="q")
    ruled(house, turning[1], turning[0])
    assert why(house.first().decision).startswith("no single rule permits this")


def test_facts_about_the_file_are_looked_for_again_with_each_look(house: House) -> None:
    host = Host({"fact.as_packaged": False})
    house.gather = host.gather
    provider = Provider({"fact.risk": 4}, meanwhile=lambda: host.known.update({"fact.as_packaged": True}))
    house.providers = provider
    ruled(house, when("fact.as_packaged"), replace(when("fact.risk < 50"), name="q"))
    found = house.first().decision
    assert isinstance(found, Permit) and found.rule != "q"
    assert len(host.asked) == 2 and provider.asked == [{"fact.risk"}]


def test_a_hidden_file_and_a_missing_one_are_answered_alike_by_rules_about_files(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host({"fact.as_packaged": False})
    house.gather = host.gather
    monkeypatch.setattr("jitd.files.path_lookup.is_visible_absence", lambda path, uid, groups, *more: False)
    monkeypatch.setattr("jitd.files.path_lookup.beyond_sight", lambda path, uid, groups, *more: path)
    for rules in ((when("fact.as_packaged"),), (deny("!fact.as_packaged"), rule(approvals=(), commands=None))):
        ruled(house, *rules)
        there = house.first(argv=(b"/usr/bin/env", b"x")).decision
        absent = house.first(argv=(b"/usr/bin/no-such-thing", b"x")).decision
        assert there == absent == Deny(Why.NO_RULE, "no rule permits this")


def test_a_file_that_cannot_be_looked_at_is_no_fact(house: House) -> None:
    house.fault = inspection.Uninspectable("it is odd")
    host = Host({"fact.as_packaged": True})
    house.gather = host.gather
    ruled(house, when("fact.as_packaged", commands=(ENV,)))
    assert isinstance(house.first().decision, Deny) and host.asked == []
