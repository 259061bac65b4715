# SPDX-License-Identifier: Apache-2.0
"""What no case has tried is told: rules that decide nothing, and conditions, both ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tables.place import PEOPLE, lines, place

RULE = """\
[[permit]]
name = "p"
who = ["group:web"]
commands = [["/usr/bin/id"]]
hosts = ["web*"]
when = "fact.load < 1.0"
"""
HOLDS = 'command = ["/usr/bin/id"]\nhost = "web1"\nfacts = { load = 0.5 }\nwho = "alice"\n'


def untried(at: Path, *cases: str, rules: str = RULE) -> list[str]:
    tables = "".join(f"[[case]]\n{case}" for case in cases)
    return [line.partition(": rule ")[2] for line in lines(place(at, PEOPLE + tables, rules)) if line.startswith("not tried: ")]


def test_a_condition_is_tried_if_it_has_held_and_was_all_that_was_in_the_way(tmp_path: Path) -> None:
    permitted, denied = f'{HOLDS}outcome = "permit"\n', f'{HOLDS}outcome = "deny"\n'
    never = [f"p: {one} is never all that is in the way" for one in ("who", "hosts", "commands", "when")]
    assert untried(tmp_path, permitted) == never
    alone = {
        "who": denied.replace('"alice"', '"eve"'),
        "hosts": denied.replace('"web1"', '"db1"'),
        "commands": denied.replace("bin/id", "bin/ls"),
        "when": denied.replace("0.5", "1.5"),
    }
    for key, case in alone.items():
        assert untried(tmp_path, permitted, case) == [line for line in never if f": {key} " not in line], key
    assert untried(tmp_path, permitted, *alone.values()) == []
    assert untried(tmp_path, permitted, alone["who"].replace('"web1"', '"db1"')) == never, "two were in the way"


def test_a_rule_that_decides_nothing_is_told_and_what_a_permit_does_not_say_is_not(tmp_path: Path) -> None:
    denied = f'{HOLDS}outcome = "deny"\n'.replace('"alice"', '"eve"').replace("bin/id", "bin/ls")
    found = untried(tmp_path, denied)
    assert found[:3] == ["p decides no case", "p: who never holds", "p: commands never holds"]
    assert not [line for line in found if "run_as" in line or "services" in line]


def test_each_thing_of_a_request_for_several_is_tried(tmp_path: Path) -> None:
    rules = '[[permit]]\nname = "p"\nwho = ["group:web"]\ngives = ["sudoers:logs"]\n'
    rules += '[[permit]]\nname = "q"\nwho = ["group:web"]\ngives = ["sudoers:web"]\n'
    case = 'who = "alice"\ngives = ["sudoers:logs", "sudoers:web"]\noutcome = "permit"\n'
    assert "p: commands never holds" not in untried(tmp_path, case, rules=rules)


@pytest.mark.parametrize("strict", [True, False])
def test_what_was_not_tried_is_a_failure_only_if_somebody_says_so(tmp_path: Path, *, strict: bool) -> None:
    at = place(tmp_path, f'{PEOPLE}[[case]]\n{HOLDS}outcome = "permit"\n', RULE)
    last = lines(at, *(["--strict"] if strict else []))[-1]
    assert last == (
        "every case holds, and 4 things were not tried"
        if strict
        else "1 case; 1 of 1 rule decided one; 0 of 4 conditions tried both ways"
    )
