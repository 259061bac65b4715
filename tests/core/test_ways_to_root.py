# SPDX-License-Identifier: Apache-2.0
"""Which rules give root: by a command that is more than it looks, by a variable, by a group."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitd.checking.reach import ways_to_root
from jitd.checking.things import GROUPS
from jitd.core.command import RunAs
from jitd.core.conditions import read_command_pattern
from jitd.core.grade import Grade, worst
from jitd.core.grading import code_let_in, findings_of
from jitd.core.programs.accounts import POWERFUL
from jitd.core.rule import Rule
from tests.scene import command

LETS_IN = """LD_PRELOAD PATH BASH_ENV PYTHONPATH PERL5OPT RUBYOPT NODE_OPTIONS EDITOR PAGER GIT_SSH GIT_CONFIG_COUNT MAKEFLAGS
HOME TAR_OPTIONS LESS LESSOPEN OPENSSL_CONF JDK_JAVA_OPTIONS SYSTEMD_EDITOR APT_CONFIG AWS_CONFIG_FILE IFS TAR_* LESS* OPENSSL_*
JDK_* SYSTEMD_* MAKE* APT_* AWS_* GIT_* PYTHON* PERL* RUBY* NODE_* L* LD_PRE* XDG_* DBUS_* KUBE_* RCLONE_* PIP_* GO* *"""
LETS_NONE_IN = "PGDATA PG* APP_* MY_* TERM LANG LC_* TZ USER LOGNAME SHELL MAIL PYTHONUNBUFFERED NODE_ENV DEBIAN_FRONTEND"
WORDS = {**dict.fromkeys(LETS_IN.split(), True), **dict.fromkeys(LETS_NONE_IN.split(), False)}


@pytest.mark.parametrize(("word", "lets_in"), WORDS.items())
def test_which_variables_let_code_in(word: str, lets_in: bool) -> None:
    """THREATS X-24."""
    assert bool(code_let_in(word)) is lets_in


def test_a_pattern_is_told_with_the_variables_that_it_lets_in() -> None:
    assert code_let_in("TAR_*") == ("TAR_OPTIONS",)
    assert code_let_in("LD_PRELOAD") == ("LD_PRELOAD",)


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


def test_the_groups_are_those_of_which_check_warns() -> None:
    assert GROUPS.keys() >= POWERFUL
