# SPDX-License-Identifier: Apache-2.0
"""The key ``approvals`` of a rule: its ways, what is a fault in them, and what they become."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jitd.core.authentication import Demand
from jitd.core.decision import MOST_COMBINATIONS, Approval
from jitd.core.keys.approvals import MOST_WAYS
from jitd.core.names import NAMES, Name
from jitd.core.toml_document import ConfigError
from jitd.settings.policyfile import load
from tests.daemon.directory import ME, directory, write

__all__ = ["directory"]  # a fixture

HEAD = '[[permit]]\nname = "p"\nwho = ["group:dba"]\ncommands = [["**"]]\n'
SAYS = {
    **NAMES,
    "fact.dba": Name("list", "provider oncall", "who is on call"),
    "fact.risk": Name("int", "provider risk", "the risk"),
}
OPS = '{ need = 1, from = ["group:ops"] }'
BOSS = '{ need = 1, from = ["group:managers"], after = "5m" }'


def read(directory: Path, approvals: str) -> tuple[Approval, ...]:
    write(directory, "a.toml", f"{HEAD}approvals = {approvals}\n")
    (rule,) = load(directory, root="permit", owner=ME, names=SAYS).rules
    return rule.obligations.approvals


def faults(directory: Path, approvals: str) -> list[tuple[int, str]]:
    with pytest.raises(ConfigError) as error:
        read(directory, approvals)
    return [(fault.line, fault.sentence) for fault in error.value.faults]


def test_one_of_several_ways_is_an_approval_with_others_in_its_stead(directory: Path) -> None:
    boss = Approval(1, ("group:managers",), after=300)
    assert read(directory, f"[{OPS}, {{ any_of = [{BOSS}, {OPS}] }}]") == (
        Approval(1, ("group:ops",)),
        Approval(1, ("group:ops",), instead=(boss,)),
    )


def test_a_way_demands_of_a_ticket_what_it_says_itself(directory: Path) -> None:
    strict = '{ need = 2, from = ["group:dba"], indicators = ["otp"], ticket_age = "1h" }'
    (read_,) = read(directory, f"[{{ any_of = [{strict}, {BOSS}] }}]")
    assert read_.ways[0].demand == Demand(("otp",), 3600) and read_.ways[1].demand == Demand()


def test_a_list_of_a_provider_narrows_a_group(directory: Path) -> None:
    also = '{ need = 1, from = ["group:dba"], also = "oncall:dba" }'
    assert read(directory, f"[{also}]") == (Approval(1, ("group:dba",), also="oncall:dba"),)
    (way,) = read(directory, f"[{{ any_of = [{also}, {BOSS}] }}]")
    assert way == replace(Approval(1, ("group:dba",), also="oncall:dba"), instead=way.instead)


def ways(number: int) -> str:
    return f"{{ any_of = [{', '.join([OPS] * number)}] }}"


NOT_ALONE = '"after" belongs in a way of "any_of": the only way of approval must be open from the start'
BESIDE = '"need" belongs in a way of "any_of", not beside "any_of"'
FORM = '"also" must name a provider and a list of this provider, such as "oncall:dba"'
WRONG = [
    ("[{ any_of = [] }]", '"any_of" needs 2 to 8 ways'),
    (f"[{{ any_of = [{OPS}] }}]", '"any_of" needs 2 to 8 ways'),
    (f"[{ways(MOST_WAYS + 1)}]", '"any_of" needs 2 to 8 ways'),
    (f"[{{ any_of = {OPS} }}]", '"any_of" must be a list such as [{ need = 1, from = ["group:ops"] }]'),
    ("[{ any_of = [1, 2] }]", '"any_of" must be a list such as [{ need = 1, from = ["group:ops"] }]'),
    (f"[{BOSS}]", NOT_ALONE),
    (f"[{{ any_of = [{OPS}, {BOSS}], need = 1 }}]", BESIDE),
    (f'[{{ any_of = [{OPS}, {BOSS}], after = "1m" }}]', '"after" belongs in a way of "any_of", not beside "any_of"'),
    (f"[{{ any_of = [{OPS}, {ways(2)}] }}]", '"any_of" cannot be inside another "any_of"'),
    (f"[{{ any_of = [{BOSS}, {BOSS}] }}]", 'each way of "any_of" has "after": at least one way must have no "after"'),
    (
        f'[{{ any_of = [{OPS}, {{ need = 1, from = ["group:ops"], after = "15m" }}] }}]',
        '"after" must be shorter than "expires" of the rule, which is 15m',
    ),
    (
        f'[{{ any_of = [{OPS}, {{ need = 1, from = ["group:ops"], after = "1m" }}] }}]\nexpires = "1m"',
        '"after" must be shorter than "expires" of the rule, which is 1m',
    ),
    (
        f'[{{ any_of = [{OPS}, {{ need = 1, from = ["group:ops"], after = "soon" }}] }}]',
        '"after" must be a duration from 1s to 3650d, such as "15m" or "1h30m"',
    ),
    (
        f"[{ways(8)}, {ways(8)}, {ways(2)}]",
        f'"approvals" has more than {MOST_COMBINATIONS} combinations of ways: leave some out',
    ),
    (f"[{{ any_off = [{OPS}] }}]", 'unknown key "any_off"'),
    ('[{ need = 1, from = ["group:ops"], also = "oncall" }]', FORM),
    ('[{ need = 1, from = ["group:ops"], also = "oncall:" }]', FORM),
    ('[{ need = 1, from = ["group:ops"], also = ["oncall:dba"] }]', '"also" must be a string'),
    (
        '[{ need = 1, from = ["group:ops"], also = "rota:dba" }]',
        '"also": jitd.toml sets up no provider "rota" with the fact "dba"',
    ),
    (
        '[{ need = 1, from = ["group:ops"], also = "oncall:ops" }]',
        '"also": jitd.toml sets up no provider "oncall" with the fact "ops"',
    ),
    (
        '[{ need = 1, from = ["group:ops"], also = "risk:risk" }]',
        '"also": "risk" is of type int, and not a list',
    ),
    (
        '[{ need = 1, from = ["group:ops"], also = "oncall:dba" }]\nticket = "optional"',
        '"also": the provider is told the name of the requester, and only a ticket proves this name: remove ticket = "optional"',
    ),
]


@pytest.mark.parametrize(("approvals", "sentence"), WRONG)
def test_what_is_wrong_with_the_ways(directory: Path, approvals: str, sentence: str) -> None:
    found = faults(directory, approvals)
    assert any(said.startswith(sentence) and line >= 5 for line, said in found), found


def test_as_many_combinations_as_there_may_be(directory: Path) -> None:
    assert len(read(directory, f"[{ways(8)}, {ways(8)}]")) == 2
