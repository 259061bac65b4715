# SPDX-License-Identifier: Apache-2.0
"""Changed copies: the same as those of ``dataclasses.replace``, of every kind of class and with the same errors."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from jitd.core.changed import replace
from jitd.core.conditions import CommandPattern, Glob
from jitd.core.law import Actor
from jitd.core.policy import Policy, Rule
from tests.scene import CLOCK, asked, command, person


@dataclasses.dataclass(frozen=True)
class Alone:
    only: int


@dataclasses.dataclass(frozen=True)
class Named:
    first: int
    second: int = dataclasses.field(default=2, kw_only=True)
    third: int = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class AllNamed:
    first: int
    second: int


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        (asked(), {"version": 3, "because": "of this"}),
        (asked(), {}),
        (command(), {"salt": b"x", "argv": (b"a",)}),
        (person("alice"), {"groups": frozenset({"ops"})}),
        (CLOCK, {"uid": 7}),
        (Alone(1), {"only": 2}),
        (Named(1, second=5), {"third": 9}),
        (AllNamed(first=1, second=5), {"second": 9}),
        (Policy((Rule("permit", "p"),), "permit", ""), {"rules": (Rule("deny", "d"),)}),
        (Glob("a*"), {}),
        (Glob("a*"), {"text": "b*c"}),
        (CommandPattern(("/bin/a",), (Glob(""), Glob("bin"), Glob("a")), (), False), {"text": ("/bin/*",)}),
    ],
)
def test_a_changed_copy_is_the_one_of_dataclasses(value: Any, changes: dict[str, Any]) -> None:
    before = repr(value)
    made, other = replace(value, **changes), dataclasses.replace(value, **changes)
    assert made == other and repr(made) == repr(other) and type(made) is type(value) and made is not value
    assert repr(value) == before


def test_what_follows_from_the_fields_follows_from_the_changed_ones() -> None:
    changed = replace(Policy((Rule("permit", "p"),), "permit", ""), rules=(Rule("deny", "d"),))
    assert [rule.name for rule in changed.index.denies] == ["d"]
    assert replace(Glob("a*"), text="b").matches("b")


def test_the_class_checks_a_changed_copy() -> None:
    with pytest.raises(ValueError, match="low is above high"):
        replace(Checked(1, 2), low=3)


@pytest.mark.parametrize(
    ("value", "changes"), [(Checked(1, 2), {"middle": 1}), (Glob("a"), {"tail_size": 1}), (Actor, {"uid": 1}), (7, {"real": 1})]
)
def test_what_dataclasses_refuse_to_change_is_refused(value: Any, changes: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)) as theirs:
        dataclasses.replace(value, **changes)
    with pytest.raises(theirs.type):
        replace(value, **changes)
