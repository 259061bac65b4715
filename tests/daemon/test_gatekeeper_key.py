# SPDX-License-Identifier: Apache-2.0
"""The key ``gatekeepers`` of a rule: what it may say, and that nobody is named who cannot be asked in time."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitd.core.gatekeeping import MOST_GATEKEEPERS
from jitd.core.toml_document import ConfigError
from jitd.settings.policyfile import load
from tests.daemon.directory import ME, directory, write

__all__ = ["directory"]  # a fixture

HEAD = '[[permit]]\nname = "p"\nwho = ["group:dba"]\ncommands = [["**"]]\n'
KNOWN = {name: 10.0 for name in ("change", "ticket-check", "a", "b", "c", "d", "e", "f", "g", "h", "i")} | {"slow": 901.0}


def faults(directory: Path, text: str) -> list[tuple[int, str]]:
    write(directory, "a.toml", text)
    with pytest.raises(ConfigError) as error:
        load(directory, root="permit", owner=ME, gatekeepers=KNOWN)
    return [(fault.line, fault.sentence) for fault in error.value.faults]


@pytest.mark.parametrize("names", [("change",), ("change", "ticket-check"), tuple("abcdefgh")])
def test_a_rule_names_its_gatekeepers_in_their_order(directory: Path, names: tuple[str, ...]) -> None:
    spelled = ", ".join(f'"{name}"' for name in names)
    write(directory, "a.toml", f"{HEAD}gatekeepers = [{spelled}]\n")
    (rule,) = load(directory, root="permit", owner=ME, gatekeepers=KNOWN).rules
    assert rule.gatekeepers == rule.obligations.gatekeepers == names


def test_a_rule_without_the_key_asks_nobody(directory: Path) -> None:
    write(directory, "a.toml", HEAD)
    (rule,) = load(directory, root="permit", owner=ME, gatekeepers=KNOWN).rules
    assert rule.obligations.gatekeepers == ()


ODD = '"{}" is not a name of a gatekeeper: use at most 64 of a-z, 0-9, "-" and "_"'
WRONG = [
    ("[]", '"gatekeepers" is empty'),
    ('"change"', '"gatekeepers" must be a list of strings'),
    ("[1]", '"gatekeepers" must be a list of strings'),
    ('["Change"]', f'"gatekeepers": {ODD.format("Change")}'),
    ('["-a"]', f'"gatekeepers": {ODD.format("-a")}'),
    ('["a b"]', f'"gatekeepers": {ODD.format("a b")}'),
    (f'["{"a" * 65}"]', f'"gatekeepers": {ODD.format("a" * 65)}'),
    ('["a", "b", "a"]', '"gatekeepers" has a name twice'),
    ('["a", "b", "c", "d", "e", "f", "g", "h", "i"]', f'"gatekeepers" has more than {MOST_GATEKEEPERS} names'),
    (
        '["a"]\nticket = "optional"',
        '"gatekeepers" are told the name of the requester, and only a ticket proves this name: remove ticket = "optional"',
    ),
]


@pytest.mark.parametrize(("value", "sentence"), WRONG, ids=[row[0][:20] for row in WRONG])
def test_what_is_wrong_with_the_key(directory: Path, value: str, sentence: str) -> None:
    assert faults(directory, f"{HEAD}gatekeepers = {value}\n") == [(5, sentence)]


def test_a_gatekeeper_that_nobody_has_set_up_is_a_fault(directory: Path) -> None:
    told = 'jitd.toml sets up no gatekeeper "nobody": write a table "[gatekeepers.nobody]" there'
    assert faults(directory, f'{HEAD}gatekeepers = ["change", "nobody"]\n') == [(1, told)]


def test_a_gatekeeper_that_may_take_longer_than_the_rule_waits_is_a_fault(directory: Path) -> None:
    told = 'the deadline of gatekeeper "slow" is longer than "expires" of the rule, which is 15m'
    assert faults(directory, f'{HEAD}gatekeepers = ["slow"]\n') == [(1, told)]
    write(directory, "a.toml", f'{HEAD}gatekeepers = ["slow"]\nexpires = "901s"\n')
    assert load(directory, root="permit", owner=ME, gatekeepers=KNOWN).rules
