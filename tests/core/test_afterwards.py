# SPDX-License-Identifier: Apache-2.0
"""What a command makes possible after its end, as a table with twins: beside each way to root, what looks like it and is none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jitd.checking.reach import ways_to_root
from jitd.checking.things import GROUPS
from jitd.core.afterwards import POWERFUL
from jitd.core.command import Command, RunAs
from jitd.core.conditions import read_command_pattern
from jitd.core.consequence import makes_root_shell_possible, of_command

LATER = [
    ("passwd root", "passwd can set root's password, which makes a root shell possible later"),
    ("passwd --quiet root", "can set root's password"),
    ("passwd --stdin root", "can set root's password"),
    ("passwd --keep-tokens root", "can set root's password"),
    ("passwd --repository files root", "can set root's password"),
    ("passwd -d root", "can delete root's password"),
    ("passwd --delete root", "can delete root's password"),
    ("passwd --unlock root", "can unlock root's password"),
    ("passwd -u root", "can unlock root's password"),
    ("usermod -aG sudo bob", "puts an account into the group sudo, whose members can become root"),
    ("usermod -aG wheel bob", "the group wheel"),
    ("usermod -a -G root bob", "the group root"),
    ("usermod -aG staff,docker bob", "the group docker"),
    ("usermod --append --groups=sudo bob", "the group sudo"),
    ("usermod --groups sudo -a bob", "the group sudo"),
    ("usermod -Gsudo bob", "the group sudo"),
    ("usermod -g 0 bob", "the group root"),
    ("usermod -o -u 0 bob", "gives an account the uid 0"),
    ("usermod -p x root", "can set root's password"),
    ("useradd -m -G sudo bob", "the group sudo"),
    ("useradd -o --uid=0 toor", "the uid 0"),
    ("adduser bob sudo", "the group sudo"),
    ("adduser --ingroup wheel bob", "the group wheel"),
    ("gpasswd -a bob sudo", "the group sudo"),
    ("gpasswd --add bob docker", "the group docker"),
    ("gpasswd -M bob,eve wheel", "the group wheel"),
    ("gpasswd -M bob -A eve wheel", "the group wheel"),
    ("gpasswd -a bob staff docker", "the group docker"),
    ("gpasswd wheel -a bob", "the group wheel"),
    ("gpasswd docker -M bob,sudo", "the group docker"),
    ("chmod u+s /srv/x", "makes a file set-uid: who starts it acts as the owner of the file"),
    ("chmod +s /srv/x", "set-uid"),
    ("chmod a+xs /srv/x", "set-uid"),
    ("chmod -R go-w,u=rwxs /srv/x", "set-uid"),
    ("chmod 4755 /srv/x", "set-uid"),
    ("chmod 06711 /srv/x", "set-uid"),
    ("chown root /srv/x", "gives a file to root"),
    ("chown root:root /srv/x", "gives a file to root"),
    ("chown -R 0:0 /srv", "gives a file to root"),
    ("setcap cap_setuid+ep /srv/x", "gives a program capabilities"),
    ("setcap cap_net_raw,cap_sys_admin=ep /srv/x", "capabilities"),
    ("setcap all=ep /srv/x", "capabilities"),
    ("setcap =ep /srv/x", "capabilities"),
    ("visudo", "visudo can change who may act as root"),
    ("visudo -f /etc/sudoers.d/x", "who may act as root"),
    ("vipw", "who may act as root"),
    ("chpasswd", "can set any password, root's too"),
]
NOT_ROOT = [
    ("passwd bob", "passwd can set bob's password"),
    ("passwd -d bob", "passwd can delete bob's password, after which anybody can become bob"),
    ("passwd -u bob", "passwd can unlock bob's password"),
    ("passwd --delete bob", "passwd can delete bob's password, after which anybody can become bob"),
    ("passwd -l root", ""),
    ("passwd --lock root", ""),
    ("passwd --status root", ""),
    ("passwd -S root", ""),
    ("passwd --expire root", ""),
    ("passwd -x 90 bob", ""),
    ("usermod -aG staff bob", ""),
    ("usermod -aG sudoku bob", ""),
    ("usermod -L root", ""),
    ("usermod -s /bin/sh bob", ""),
    ("usermod -p x bob", "usermod can set bob's password"),
    ("usermod -u 1000 bob", ""),
    ("useradd -m bob", ""),
    ("adduser bob", ""),
    ("adduser bob staff", ""),
    ("gpasswd -d bob sudo", ""),
    ("gpasswd -A bob sudo", ""),
    ("gpasswd -a bob staff -d sudo", ""),
    ("usermod bob -G", ""),
    ("gpasswd -a sudo staff", ""),
    ("chmod u+x /srv/x", ""),
    ("chmod u-s /srv/x", ""),
    ("chmod g+s /srv/x", ""),
    ("chmod 755 /srv/x", ""),
    ("chmod 0755 /srv/x", ""),
    ("chmod 2755 /srv/x", ""),
    ("chmod 1777 /srv/x", ""),
    ("chown bob /srv/x", ""),
    ("chown bob:root /srv/x", ""),
    ("chown :root /srv/x", ""),
    ("chown rooty /srv/x", ""),
    ("setcap cap_net_bind_service=+ep /srv/x", ""),
    ("setcap cap_net_raw=ep /srv/all", ""),
    ("setcap -r /srv/x", ""),
    ("visudo -c", ""),
    ("visudo --check -f /etc/sudoers.d/x", ""),
]


def asked(line: str) -> Command:
    argv = tuple(word.encode() for word in line.split())
    return Command(argv, b"/usr/sbin/" + argv[0], b"", RunAs("root", 0, "root", 0), b"/", 1, 2, (), (), ())


@pytest.mark.parametrize(("line", "told"), LATER)
def test_what_makes_a_root_shell_possible_is_told(line: str, told: str) -> None:
    assert makes_root_shell_possible(asked(line))
    assert any(told in str(one) for one in of_command(asked(line)) if one.kind == "later")


def test_of_roots_password_it_is_told_once_what_that_makes_possible() -> None:
    (told,) = (str(one) for one in of_command(asked("passwd -d root")) if one.kind == "later")
    assert told == "passwd can delete root's password, which makes a root shell possible later"


@pytest.mark.parametrize(("line", "told"), NOT_ROOT)
def test_what_is_no_way_to_root_is_not_called_one(line: str, told: str) -> None:
    assert not makes_root_shell_possible(asked(line))
    assert [str(one) for one in of_command(asked(line))] == ([told] if told else [])


def test_check_warns_of_ways_to_root_alone() -> None:
    def ways(line: str) -> tuple[str, ...]:
        patterns = (read_command_pattern(tuple(line.split())),)
        rule: Any = SimpleNamespace(commands=patterns, terms=SimpleNamespace(env=()))
        return ways_to_root(rule)

    assert ways("/usr/bin/passwd bob") == ()
    (told,) = ways("/usr/bin/passwd root")
    assert "makes a root shell possible later" in told


def test_the_groups_are_those_of_which_check_warns() -> None:
    assert GROUPS.keys() >= POWERFUL
