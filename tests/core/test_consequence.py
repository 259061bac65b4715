# SPDX-License-Identifier: Apache-2.0
"""What a command amounts to, as a table: the pattern or the command, and the class of what it can do beyond its words."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import chain

import pytest

from jitd.core import consequence
from jitd.core.afterwards import IDENTITY, LATER
from jitd.core.command import Command, RunAs
from jitd.core.conditions import read_command_pattern
from jitd.core.consequence import MEANINGS, SHELLS, code_let_in, gives_root_shell, of_command, of_pattern

ROWS = [
    # anything
    ("**", "any-command"),
    ("/usr/bin/* **", "any-command"),
    ("/usr/sbin/*", "any-command"),
    ("/*/*", "any-command"),
    ("/opt/app/bin/* **", ""),
    ("/opt/app/bin/deploy **", ""),
    # interpreters: what is fixed does what it says
    ("/usr/bin/bash", "prompt"),
    ("/usr/bin/bash **", "code"),
    ("/usr/bin/bash -l", "prompt"),
    ("/usr/bin/dash -i", "prompt"),
    ("/usr/bin/su", "prompt"),
    ("/usr/bin/su - postgres", "prompt"),
    ("/usr/bin/su postgres -c id", ""),
    ("/usr/bin/sudo -i", "prompt"),
    ("/usr/bin/sudo -u bob id", ""),
    ("/usr/bin/bash -c id", ""),
    ("/usr/bin/bash -c *", "code"),
    ("/usr/bin/bash -lc *", "code"),
    ("/usr/bin/bash -c", "code"),
    ("/usr/bin/bash -s x", "code"),
    ("/usr/bin/bash +x", "prompt"),
    ("/usr/bin/bash -o posix", "prompt"),
    ("/usr/bin/bash --rcfile /opt/rc", "prompt"),
    ("/usr/bin/bash -o posix /opt/x.sh", ""),
    ("/usr/bin/bash -c bash", "prompt"),
    ("/usr/bin/bash -c vim", "shell"),
    ("/usr/bin/bash /opt/x.sh", ""),
    ("/usr/bin/bash /opt/x.sh **", ""),
    ("/usr/bin/bash -x /opt/x.sh *", ""),
    ("/usr/bin/bash /opt/app/*.sh", ""),
    ("/usr/bin/bash /*.sh", "code"),
    ("/usr/bin/bash x*.sh", "code"),
    ("/usr/bin/python3 *", "code"),
    ("/usr/bin/python3.11 /opt/x.py *", ""),
    ("/usr/bin/python3.11", "code"),
    ("/opt/app/venv/bin/python3 -i", "code"),
    ("/usr/bin/python3* -c *", "code"),
    ("/usr/bin/perl5.36-x86_64-linux-gnu -e *", ""),
    ("/usr/bin/perl5.36 -e *", "code"),
    ("/usr/bin/awk -f *", "code"),
    ("/usr/bin/busybox sh", "prompt"),
    ("/usr/bin/busybox date", ""),
    ("/usr/bin/make all", "code"),
    ("/usr/bin/git status", "code"),
    # editors and pagers
    ("/usr/bin/vim /etc/hosts", "shell"),
    ("/usr/bin/vim.basic /etc/hosts", "shell"),
    ("/usr/bin/v?m *", "shell"),
    ("/usr/bin/less /var/log/syslog", "shell"),
    ("/usr/bin/journalctl -u postgresql", "shell"),
    ("/usr/bin/journalctl --no-pager -u postgresql*", ""),
    ("/usr/bin/systemctl status nginx", "shell"),
    ("/usr/bin/systemctl show nginx", "shell"),
    ("/usr/bin/systemctl cat nginx", "shell"),
    ("/usr/bin/systemctl help nginx", "shell"),
    ("/usr/bin/systemctl list-units", "shell"),
    ("/usr/bin/systemctl", "shell"),
    ("/usr/bin/systemctl is-active nginx", ""),
    ("/usr/bin/systemctl --no-pager status nginx", ""),
    ("/usr/bin/psql", "shell"),
    ("/usr/bin/psql mydb", "shell"),
    ("/usr/bin/psql -c SELECT", ""),
    # what starts other commands
    ("/usr/bin/env", "command"),
    ("/usr/bin/env * /opt/x", "command"),
    ("/usr/bin/env A=1 /opt/x", ""),
    ("/usr/bin/env A=1 /usr/bin/vim x", "shell"),
    ("/usr/bin/timeout 5 /usr/bin/bash", "prompt"),
    ("/usr/bin/nice /usr/bin/nice /usr/bin/cat *", "command"),
    ("/usr/bin/find /var -name core", ""),
    ("/usr/bin/find /var -name bash", ""),
    ("/usr/bin/find /var **", "command"),
    ("/usr/bin/find / -exec sh ;", "prompt"),
    ("/usr/bin/find / -quit -o -okdir /usr/bin/env sh -i +", "prompt"),
    ("/usr/bin/find / -exec bash /opt/x.sh ;", ""),
    ("/usr/bin/find / -exec id ; -exec sh ;", "prompt"),
    ("/usr/sbin/chroot /srv", "prompt"),
    ("/usr/sbin/chroot /srv /usr/bin/id", ""),
    ("/usr/sbin/chroot --userspec=0 /srv", "prompt"),
    ("/usr/bin/nsenter -t 1 -a", "prompt"),
    ("/usr/bin/nsenter -at 1", "prompt"),
    ("/usr/bin/nsenter --target 1 -m id", ""),
    ("/usr/bin/unshare -r", "prompt"),
    ("/usr/bin/unshare --wd /srv -m id", ""),
    ("/usr/bin/setarch x86_64", "prompt"),
    ("/usr/bin/tar -cf /backup/x.tar /etc/app", ""),
    ("/usr/bin/tar -cf * /etc/app", "command"),
    ("/usr/sbin/ip netns exec **", "command"),
    ("/usr/sbin/ip address show", ""),
    # files
    ("/usr/bin/cp /a /b", ""),
    ("/usr/bin/cp * /b", "write"),
    ("/usr/bin/cp /srv/in/* /srv/out/*", ""),
    ("/usr/bin/tee -a /var/log/app/*", ""),
    ("/usr/bin/tee **", "write"),
    ("/usr/bin/dd if=*", "write"),
    ("/usr/bin/cat *", "read"),
    ("/usr/bin/cat /*", "read"),
    ("/usr/bin/cat /var/log/app/*.log", ""),
    ("/usr/bin/tail -n ? /var/log/syslog", "read"),
    # accounts, packages, services, kernel, containers, processes
    ("/usr/sbin/visudo", "account"),
    ("/usr/bin/passwd", "account"),
    ("/usr/bin/passwd *", "account"),
    ("/usr/bin/passwd bob", "identity"),
    ("/usr/bin/passwd root", "later"),
    ("/usr/sbin/usermod -aG sudo *", "later"),
    ("/usr/sbin/usermod -L bob", ""),
    ("/usr/bin/apt-get update", ""),
    ("/usr/bin/apt-get install nginx", ""),
    ("/usr/bin/apt-get install *", "package"),
    ("/usr/bin/apt-get * nginx", "package"),
    ("/usr/bin/dpkg -i *", "package"),
    ("/usr/bin/systemctl restart postgresql*", ""),
    ("/usr/bin/systemctl restart *", "service"),
    ("/usr/bin/systemctl edit nginx", "service"),
    ("/usr/bin/systemctl daemon-reload", ""),
    ("/usr/bin/systemctl **", "service"),
    ("/usr/sbin/service * restart", "code"),
    ("/usr/sbin/service postgresql **", ""),
    ("/usr/bin/crontab -e", "service"),
    ("/usr/bin/crontab -l", ""),
    ("/usr/bin/mount *", "kernel"),
    ("/usr/bin/mount /mnt", ""),
    ("/usr/bin/docker run *", "container"),
    ("/usr/bin/docker run app", ""),
    ("/usr/bin/docker restart *", ""),
    ("/usr/bin/docker **", "container"),
    ("/usr/bin/gdb -p 1", "process"),
    # a name is a name: what only looks like one is another program
    ("/usr/bin/vimx /etc/hosts", ""),
    ("/usr/bin/Bash", ""),
    ("/usr/bin/shutdown -r", "host"),
    ("/usr/bin/systemctl reboot", "host"),
    ("/usr/bin/rm -rf *", "delete"),
    ("/usr/bin/rm -rf /srv/app/cache/*", ""),
    ("/usr/bin/kill *", "end"),
    ("/usr/bin/kill 4711", ""),
    ("/usr/sbin/nft **", "network"),
    ("/usr/sbin/ip link set *", "network"),
    ("/usr/bin/date -s *", "clock"),
    ("/usr/bin/timedatectl set-time 12:00", "clock"),
]


@pytest.mark.parametrize(("pattern", "kind"), ROWS)
def test_what_a_pattern_amounts_to(pattern: str, kind: str) -> None:
    found = {one.kind for one in of_pattern(read_command_pattern(tuple(pattern.split())))}
    assert kind in found if kind else not found


def command(*argv: bytes, path: bytes | None = None) -> Command:
    return Command(argv, argv[0] if path is None else path, b"", RunAs("root", 0, "root", 0), b"/", 1, 2, (), (), ())


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        (command(b"/usr/bin/vim", b"/etc/hosts"), ["shell"]),
        (command(b"/usr/bin/bash"), ["prompt"]),
        (command(b"bash", path=b"/usr/bin/bash"), ["prompt"]),
        (command(b"/usr/bin/python3"), ["code"]),
        (command(b"/usr/bin/bash", b"-c", b"id"), []),
        (command(b"/usr/bin/bash", b"-c", b"cd /srv && exec /usr/bin/bash"), ["prompt"]),
        (command(b"/usr/bin/bash", b"-lc", b"LANG=C vim /etc/hosts"), ["shell"]),
        (command(b"/usr/bin/sh", b"-x", b"-c", b"echo don\\'t\nbash"), ["prompt"]),
        (command(b"/usr/bin/sh", b"-c", b"# don't\nid\nbash"), ["prompt"]),
        (command(b"/usr/bin/sh", b"-c", b"x=$(sudo -i)"), ["prompt"]),
        (command(b"/usr/bin/sh", b"-c", b"sh -c 'sh -c sh'"), ["prompt"]),
        (command(b"/usr/bin/sh", b"-c", b"vi /a; vi /b; su"), ["shell", "prompt"]),
        (command(b"/usr/bin/sh", b"-c", b"echo 'a; bash' bash; awk '{print}' /srv/x"), []),
        (command(b"/usr/bin/sh", b"-c", rb"exec\ x; b\a'sh' ''"), []),
        (command(b"/usr/bin/sh", b"-c", rb"b\a'sh'"), ["prompt"]),
        (command(b"/usr/bin/sh", b"-c", b"bash " + b"'" * 60001), []),
        (command(b"/usr/bin/sh", b"-c", b"if true; then bash; fi"), ["prompt"]),
        (command(b"/usr/bin/python3", b"-c", b"bash"), []),
        (command(b"/usr/bin/sh", b"-c", b"sh -c " * 5000), ["prompt"]),
        (command(b"/usr/bin/nice", *[b"nice"] * 5000, b"id"), ["any-command"]),
        (command(b"/usr/bin/cat", b"/etc/shadow"), []),
        (command(b"/usr/bin/cat", b"*"), []),
        (command(b"/usr/bin/\xff", b"\xff"), []),
        (command(b"/usr/sbin/visudo"), ["account", "later"]),
        (command(b"/usr/sbin/visudo", b"-c"), []),
        (command(b"/usr/bin/nice", b"chmod", b"u+s", b"/srv/x"), ["later"]),
        (command(b"/usr/bin/sh", b"-c", b"id && chmod u+s /srv/x"), ["later"]),
        (replace(command(b"/usr/bin/chmod", b"u+s", b"/srv/x"), run_as=RunAs("bob", 1002, "bob", 1002)), []),
        (command(b"sshd", path=b""), []),
    ],
)
def test_what_one_command_amounts_to(asked: Command, kinds: list[str]) -> None:
    assert [one.kind for one in of_command(asked)] == kinds


def test_a_consequence_is_told_in_one_sentence() -> None:
    assert [str(one) for one in of_command(command(b"/usr/bin/vim"))] == [
        "vim can start a shell from within, or from its editor or pager"
    ]
    assert "root" not in MEANINGS["service"], "pages add the account"
    assert [str(one) for one in of_pattern(read_command_pattern(("**",)))] == ["any command may be run, a shell too"]


def test_every_class_is_one_that_has_a_meaning_and_programs() -> None:
    assert {kind for kind, _, _ in consequence._LIST} == MEANINGS.keys() - {"any-command", LATER, IDENTITY}


def test_a_program_is_a_name_of_a_file_and_stands_once_in_its_row() -> None:
    for kind, _, names in consequence._LIST:
        assert len(set(names.split())) == len(names.split()), kind
    every = set(chain.from_iterable(names.split() for _, _, names in consequence._LIST))
    assert len(every) > 250 and [name for name in every if not re.fullmatch(r"[A-Za-z0-9._-]+", name)] == []


def test_every_class_of_the_table_is_tried() -> None:
    assert {kind for _, kind in ROWS} == {"", *MEANINGS}
    assert MEANINGS.keys() >= SHELLS


@pytest.mark.parametrize(
    ("asked", "gives"),
    [
        (command(b"/usr/bin/bash"), True),
        (command(b"/usr/bin/vim", b"/etc/hosts"), True),
        (command(b"/usr/bin/bash", b"-c", b"id"), False),
        (command(b"/usr/bin/systemctl", b"restart", b"nginx"), False),
        (replace(command(b"/usr/bin/bash"), run_as=RunAs("bob", 1002, "bob", 1002)), False),
        (replace(command(b"sudo", b"x", path=b""), doubt="it has two commands"), True),
        (replace(command(b"service-ticket:x", path=b""), gives=True), False),
    ],
)
def test_what_gives_a_shell_of_root(asked: Command, gives: bool) -> None:
    assert gives_root_shell(asked) is gives


def test_a_login_of_root_is_a_shell_of_root_and_of_nobody_else() -> None:
    login = command(b"sshd", path=b"")
    assert gives_root_shell(login)
    assert not gives_root_shell(replace(login, run_as=RunAs("bob", 1002, "bob", 1002)))


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
def test_a_variable_that_lets_code_in_is_told_and_makes_a_shell_of_root(name: bytes, gives: bool) -> None:
    """THREATS X-24."""
    asked = replace(command(b"/usr/bin/true"), variables=((name, b"x"),))
    told = [f"the variable {name.decode()} can make a program load or start other code"] if gives else []
    assert [str(one) for one in of_command(asked)] == told
    assert gives_root_shell(asked) is gives
    assert not gives_root_shell(replace(asked, run_as=RunAs("bob", 1002, "bob", 1002)))
