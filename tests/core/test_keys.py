# SPDX-License-Identifier: Apache-2.0
"""The keys of a rule: each field has one key that reads it, each key of the files is read by one."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from jitd.core.conditions import Pattern, read_command_pattern
from jitd.core.keys.key import Stated, Verdict, World
from jitd.core.naming import AS_WRITTEN
from jitd.core.rule import KEYS, Rule
from jitd.core.toml_document import Fault, read_document
from jitd.core.toml_table import Table
from jitd.core.when import When
from tests.core.house import ZONES, for_each, permit, policy

WORLD = World(
    names={},
    kinds=("sudoers",),
    naming=AS_WRITTEN,
    notify=("mail",),
    zone_of=ZONES.get,
    compile_when=lambda text, names, naming: When(text, frozenset(), lambda values: True),
    read_pattern=lambda text: Pattern(text, lambda searched: text in searched),
    with_real_top=lambda words: words,
)


def table(values: dict[str, object], faults: list[Fault] | None = None) -> Table:
    return Table(read_document("a.toml", b""), (), values, [] if faults is None else faults)


class Everything(dict[str, object]):
    """A table that has every key, with the value ``value``. It is a fault of nearly all keys."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: str) -> object:
        return self._value

    def get(self, key: str, default: Any = None) -> Any:
        return self._value


def test_each_field_of_a_rule_is_read_by_one_key() -> None:
    """A field whose key is not registered would never be set, and a condition would hold for everybody."""
    own = {field.name for field in fields(Rule)} - {field.name for field in fields(Stated)}
    read = [{name for value in (0, "x") for name in key.read(table(Everything(value)), WORLD, "permit")} for key in KEYS]
    assert sorted(name for names in read for name in names) == sorted(own)


def test_each_key_of_the_files_belongs_to_one_object() -> None:
    names = [name for key in KEYS for name in key.names]
    assert len(names) == len(set(names)) > 25
    assert {table for key in KEYS for table in key.within} <= set(names)


class Asked(dict[str, object]):
    """A table that notes which of its keys are asked for."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.asked: set[object] = set()

    def __contains__(self, key: object) -> bool:
        self.asked.add(key)
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def test_no_key_of_the_files_is_known_and_not_read() -> None:
    """A rule with such a key would be accepted, and permit more than it says."""
    for key in KEYS:
        whole = Asked()
        key.read(table(whole), WORLD, "deny" if key.of == "deny" else "permit")
        assert set(key.names) <= whole.asked
        for name, words in key.within.items():
            inner = Asked()
            above: dict[str, object] = {name: [inner] if name == "approvals" else inner}
            key.read(table(above), WORLD, "permit")
            assert set(words) <= inner.asked, name


@for_each([("permit", {"run_as": ("root",), "services": ("jitsudo",), "who": (), "commands": ()}), ("deny", {})])
def test_what_a_rule_means_by_keys_that_it_does_not_have(verdict: Verdict, conditions: dict[str, Any]) -> None:
    """A deny without a condition is about everybody and everything; a permit is about what is usual."""
    faults: list[Fault] = []
    found = {name: value for key in KEYS for name, value in key.read(table({}, faults), WORLD, verdict).items()}
    assert faults == []
    rule = Rule(verdict, "r", **{**found, "notify": ()})
    assert rule == Rule(verdict, "r", **conditions)


def test_the_sentence_of_a_rule_begins_with_what_and_ends_with_its_limits() -> None:
    house = policy(permit(commands=(read_command_pattern(("/usr/bin/id",)),)))
    parts = [part for key in KEYS for part, _ in key.phrases(house.rules[0])]
    assert len(parts) == 2 and parts == sorted(parts)
