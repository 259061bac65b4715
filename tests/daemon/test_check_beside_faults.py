# SPDX-License-Identifier: Apache-2.0
"""``jitd check`` beside a file with a fault: what is only so because this file was not read is neither a fault nor a warning."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from jitd.cli.house import check

SETTINGS = """realms = ["EXAMPLE.TEST"]
host = "db1.example.test"
[providers.oncall]
kind = "program"
program = ["/bin/true"]
facts = { ops = "list" }
[gatekeepers.change]
kind = "program"
program = ["/bin/true"]
"""
NAMED = """[[permit]]
name = "named"
who = ["user:nobody-here"]
hosts = ["db1.example.test"]
commands = [["/usr/bin/id"]]
when = '"alice" in fact.ops'
gatekeepers = ["change"]
"""
SHELL = """[[permit]]
name = "shell"
who = ["user:nobody-here"]
commands = [["/bin/bash"]]
approvals = [{ need = 1, from = ["group:ops"] }]
"""
GLASS = """[[permit]]
name = "glass"
who = ["group:ops"]
commands = [["/usr/bin/id"]]
break_glass = { instead_of = "shell", review = "2h" }
"""
ACCEPTS = """[[permit]]
name = "accepts"
who = ["user:nobody-here"]
commands = [["/usr/bin/id"]]
accept = { shadowed = "while the other one is tried" }
"""


def checked(directory: Path, **files: str) -> list[str]:
    paths = []
    for name, text in files.items():
        paths.append(directory / f"{name}.toml")
        paths[-1].write_text(text)
    done = CliRunner().invoke(check, [str(path) for path in paths], standalone_mode=False)
    return [line.removeprefix(f"{directory}/") for line in done.output.replace("\n  ", " ").splitlines() if ".toml" in line]


def about(lines: list[str], *words: str) -> list[str]:
    return [line for line in lines if any(word in line for word in words)]


MISSED = ("no-such-name", "fact.ops", "change", "unreachable", "not-looked-up")


def test_settings_with_a_fault_leave_nothing_of_theirs_to_be_missed(tmp_path: Path) -> None:
    lines = checked(tmp_path, jitd=f"colour = 1\n{SETTINGS}", rules=NAMED)
    assert len(lines) == 1 and 'unknown key "colour"' in lines[0], lines
    lines = checked(tmp_path, jitd=SETTINGS, rules=NAMED)
    assert about(lines, "no-such-name"), "its honest twin"


def test_a_fact_that_no_provider_has_is_a_fault_beside_settings_that_are_whole(tmp_path: Path) -> None:
    (line,) = about(checked(tmp_path, jitd=SETTINGS, rules=NAMED.replace("fact.ops", "fact.opps")), "fact.opps")
    assert "there is no name or function" in line


def test_a_rule_in_a_file_that_cannot_be_read_is_not_missed_by_the_one_that_names_it(tmp_path: Path) -> None:
    lines = checked(tmp_path, jitd=SETTINGS, a=GLASS, b=f"permit everything\n{SHELL}")
    assert not about(lines, "there is no rule") and about(lines, "is not TOML"), lines
    assert about(checked(tmp_path, jitd=SETTINGS, a=GLASS, b=""), "there is no rule"), "its honest twin"


def test_a_rule_with_a_fault_is_not_judged_by_what_is_left_of_it(tmp_path: Path) -> None:
    broken = SHELL.replace("need = 1", "needs = 1")
    lines = checked(tmp_path, jitd=SETTINGS, a=broken + GLASS)
    assert not about(lines, "amounts-to-root", "asks for no approval"), lines
    assert about(lines, "needs"), lines
    assert about(checked(tmp_path, jitd=SETTINGS, a=SHELL.partition("approvals")[0]), "amounts-to-root"), "its honest twin"


@pytest.mark.parametrize("is_broken", [True, False])
def test_what_a_rule_accepts_is_needless_only_if_all_was_read(is_broken: bool, tmp_path: Path) -> None:
    lines = checked(tmp_path, jitd=SETTINGS, a=ACCEPTS, b="permit everything\n" * is_broken)
    assert bool(about(lines, "needless-accept")) is not is_broken, lines
