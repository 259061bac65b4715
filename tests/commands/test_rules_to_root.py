# SPDX-License-Identifier: Apache-2.0
"""Which rules give root: by a command that is more than it looks, by a variable, by a group."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitd.core.command import RunAs
from jitd.core.conditions import read_command_pattern
from jitd.core.grade import Grade, worst
from jitd.core.root_groups import ANY_GROUP, ROOT_GROUPS, member_of
from jitd.core.rule import Rule
from jitd_commands.grading import findings_of
from jitd_inspection.checking.reach import ways_of_groups, ways_to_root
from tests.graders import FINDINGS
from tests.scene import command


@pytest.mark.parametrize(("name", "gives"), [(b"TAR_OPTIONS", True), (b"LD_PRELOAD", True), (b"PGDATA", False)])
@pytest.mark.parametrize("run_as", [RunAs("root", 0, "root", 0), RunAs("bob", 1002, "bob", 1002)])
def test_a_variable_that_lets_code_in_gives_all_that_the_account_may_do(name: bytes, gives: bool, run_as: RunAs) -> None:
    """THREATS X-24."""
    asked = replace(command(b"/usr/bin/true"), variables=((name, b"x"),), run_as=run_as)
    found = findings_of(asked, lambda path: None, requester="alice")
    told = [f"the variable {name.decode()} can load or start other code"] if gives else []
    assert [one.what for one in found] == told
    assert worst(found) is (Grade.GIVES if gives else Grade.HARMLESS)


@pytest.mark.parametrize(
    ("line", "is_way"),
    [
        ("/usr/bin/vim /etc/hosts", True),
        ("/usr/bin/passwd root", True),
        ("/usr/bin/cat **", True),
        ("/usr/bin/passwd bob", False),
        ("/usr/bin/systemctl restart nginx", False),
        ("/usr/bin/rm /srv/x", False),
        ("/opt/app/bin/rotate", False),
    ],
)
def test_check_warns_of_what_gives_root_leads_to_it_or_reads_its_secrets(line: str, is_way: bool) -> None:
    """And neither of what only changes something, nor of what it does not know."""
    rule = Rule("permit", "p", commands=(read_command_pattern(tuple(line.split())),))
    assert bool(ways_to_root(rule)) is is_way


OWN, HERS = RunAs("alice", 1001, "alice", 1001), RunAs("alice", 1001, "docker", 998)
DOES = "a member of the group docker starts containers that have the whole host"


@pytest.mark.parametrize(
    ("run_as", "grade", "whats"),
    [
        (HERS, Grade.GIVES, [DOES]),
        (OWN, Grade.HARMLESS, []),
        (replace(HERS, group="wireshark"), Grade.HARMLESS, []),
        (
            replace(HERS, group="adm"),
            Grade.READS,
            ["a member of the group adm reads the logs of the host, which may have passwords"],
        ),
        (RunAs("root", 0, "docker", 998), Grade.HARMLESS, []),  # root needs no group
        (RunAs("postgres", 114, "shadow", 42), Grade.GIVES, ["a member of the group shadow reads the hashes of all passwords"]),
    ],
)
def test_a_group_that_amounts_to_root_is_graded_whatever_the_command(run_as: RunAs, grade: Grade, whats: list[str]) -> None:
    """THREATS R-26: the person's own files steer what the command does, so its words bound nothing."""
    found = findings_of(replace(command(b"/usr/bin/true"), run_as=run_as), lambda path: None, requester="alice")
    assert (worst(found), [one.what for one in found]) == (grade, whats)


@pytest.mark.parametrize("group", sorted(ROOT_GROUPS))
def test_every_group_of_the_table_is_warned_of_in_a_rule(group: str) -> None:
    rule = Rule("permit", "p", run_as=(f"self:{group}",), commands=(read_command_pattern(("/usr/bin/true",)),))
    assert ways_of_groups(rule) == (member_of(group),)
    assert worst(FINDINGS.of_rule(rule)) is ROOT_GROUPS[group].grade


@pytest.mark.parametrize("word", ["self:wireshark", "self", "root:docker", "*", "postgres"])
def test_other_words_are_not(word: str) -> None:
    rule = Rule("permit", "p", run_as=(word,), commands=(read_command_pattern(("/usr/bin/true",)),))
    assert ways_of_groups(rule) == ()


def test_any_group_is_one_that_amounts_to_root_too() -> None:
    rule = Rule("permit", "p", run_as=("self:*", "bob:*"), commands=(read_command_pattern(("/usr/bin/true",)),))
    assert ways_of_groups(rule) == (ANY_GROUP,)
