# SPDX-License-Identifier: Apache-2.0
"""Command lines of sudo, su and doas, and what is read of them. Law: a table; ``tests/pam`` has the real programs.

A line is written as for a shell. Where it is in doubt, nothing else is looked at.
"""

from __future__ import annotations

import dataclasses
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.invocation import Invocation, read
from jitd.invocation.sudo_rs import read_sudo_rs
from tests.table import each_row

DOUBT = Invocation("", doubt="some")
A_AND_B = "--preserve-env=A --preserve-env=B"
KEPT = "--preserve-environment"


def words(line: str | tuple[str | bytes, ...]) -> tuple[bytes, ...]:
    parts = shlex.split(line) if isinstance(line, str) else line
    return tuple(part if isinstance(part, bytes) else part.encode() for part in parts)


def run(argv: Any = (), **rest: Any) -> Invocation:
    """A run of ``argv``; names, lines and options may be written as text."""
    for name in ("line", "chdir", "shell_path"):
        if isinstance(rest.get(name), str):
            rest[name] = rest[name].encode()
    for name in ("options", "shell_arguments"):
        if name in rest:
            rest[name] = words(rest[name])
    if "variables" in rest:
        rest["variables"] = tuple((name.encode(), value.encode()) for name, value in rest["variables"].items())
    return Invocation(rest.pop("mode", "run"), words(argv), **rest)


def rows(text_and_lines: list[tuple[Any, ...]]) -> Any:
    return [pytest.param(*row[1:], id=row[0]) for row in text_and_lines]


def same(found: Invocation, expected: Invocation) -> bool:
    return bool(found.doubt) if expected.doubt else dataclasses.astuple(found) == dataclasses.astuple(expected)


SUDO = [
    # the command and where it begins
    ("a command", "sudo ls", run("ls")),
    ("a command's options are its own", "sudo ls -u bob -i", run("ls -u bob -i")),
    ("a command behind two dashes", "sudo -- ls", run("ls")),
    ("a command that looks like an option", "sudo -- -x", run(("-x",))),
    ("two dashes twice: the second are the command", "sudo -- -- x", run(("--", "x"))),
    ("one dash is a command of sudo, and nothing to sudo-rs", "sudo - x", DOUBT),
    ("an empty command", "sudo '' x", run(("", "x"))),
    ("empty arguments are kept", "sudo ls '' ''", run(("ls", "", ""))),
    ("bytes of any kind are kept", ("sudo", "ls", b"\xff\n\x01"), run(("ls", b"\xff\n\x01"))),
    ("nothing at all is the caller's shell, where sudoers has it so", "sudo", run(shell="own")),
    # the user
    ("a user", "sudo -u bob ls", run("ls", user="bob")),
    ("a user in the same word", "sudo -ubob ls", run("ls", user="bob")),
    ("a user in a bundle", "sudo -nu bob ls", run("ls", user="bob", waits=False)),
    ("a user in a bundle and the same word", "sudo -nubob ls", run("ls", user="bob", waits=False)),
    ("a bundle's rest is the user, options or not", "sudo -uni ls", run("ls", user="ni")),
    ("a long user", "sudo --user=bob ls", run("ls", user="bob")),
    ("a long user, the next word", "sudo --user bob ls", run("ls", user="bob")),
    ("a long user, cut short", "sudo --us=bob ls", run("ls", user="bob")),
    ("a long user, as short as may be", "sudo --u bob ls", run("ls", user="bob")),
    ("two dashes as a user", "sudo -u -- ls", run("ls", user="--")),
    ("an option's name as a user", "sudo -u -i ls", run("ls", user="-i")),
    ("an id", "sudo -u '#1000' ls", run("ls", user="#1000")),
    ("a number is a name", "sudo -u 1000 ls", run("ls", user="1000")),
    ("a name with a blank in it", "sudo -u 'EXAMPLE\\domain users' ls", run("ls", user="EXAMPLE\\domain users")),
    ("a user twice", "sudo -u bob -u bob ls", DOUBT),
    ("no user", "sudo -u", DOUBT),
    ("an empty user", "sudo -u '' ls", DOUBT),
    ("an empty long user", "sudo --user= ls", DOUBT),
    ("an id in another spelling", "sudo -u '#01000' ls", DOUBT),
    ("an id with a sign", "sudo -u '#-1' ls", DOUBT),
    ("an id that is too large", "sudo -u '#4294967295' ls", DOUBT),
    ("an id that is none", "sudo -u '#x' ls", DOUBT),
    ("a user that is not UTF-8", ("sudo", "-u", b"b\xff", "ls"), DOUBT),
    ("a user with a line break", ("sudo", "-u", "bob\nroot", "ls"), DOUBT),
    ("a user with a hidden direction", ("sudo", "-u", "bob\u202e", "ls"), DOUBT),
    # the group
    ("a group alone", "sudo -g dba ls", run("ls", group="dba")),
    ("a group and a user", "sudo -g dba -u bob ls", run("ls", group="dba", user="bob")),
    ("a group's id", "sudo --group='#4101' ls", run("ls", group="#4101")),
    ("a group twice", "sudo -g a -g b ls", DOUBT),
    # variables
    ("a variable", "sudo A=1 ls", run("ls", variables={"A": "1"})),
    ("variables between options", "sudo A=1 -u bob B=2 ls", run("ls", user="bob", variables={"A": "1", "B": "2"})),
    ("a variable with an empty value", "sudo A= ls", run("ls", variables={"A": ""})),
    ("a value with an equals sign", "sudo A=b=c ls", run("ls", variables={"A": "b=c"})),
    ("of a variable that is set twice, the last", "sudo A=1 A=2 ls", run("ls", variables={"A": "2"})),
    ("behind two dashes it is the command", "sudo -- A=1 ls", run("A=1 ls")),
    ("behind the command it is an argument", "sudo ls A=1", run("ls A=1")),
    ("two dashes behind a variable", "sudo A=1 -- B=2 ls", run("B=2 ls", variables={"A": "1"})),
    ("behind a prompt of two dashes it is the command of sudo, and a variable of sudo-rs", "sudo -p -- A=1 ls", DOUBT),
    ("behind a user of two dashes it is the command of sudo", "sudo -u -- A=1 ls", DOUBT),
    ("but not behind a long one in the same word", "sudo --prompt=-- A=1 ls", run("ls", variables={"A": "1"})),
    ("a path with an equals sign is a command", "sudo /a=b x", run("/a=b x")),
    ("a word that begins with one is a command of sudo, and a variable of sudo-rs", "sudo =x y", DOUBT),
    ("a relative path with one is a variable of sudo, and the command of sudo-rs", "sudo ./a=b x", DOUBT),
    ("so is a name with another letter", "sudo a-b=c x", DOUBT),
    ("and one with a letter beyond ASCII", "sudo é=c x", DOUBT),
    ("a path from the root with one is a command", "sudo /a=b x", run("/a=b x")),
    ("a program called two dashes does not end options", ("--", "A=1", "ls"), run("ls", variables={"A": "1"})),
    # shells
    ("the caller's shell", "sudo -s", run(shell="own")),
    ("the caller's shell for bob", "sudo -su bob", run(shell="own", user="bob")),
    ("a command through the caller's shell", "sudo -s ls -l", run("ls -l", shell="own", line="ls -l")),
    ("two dashes and a shell", "sudo -s --", run(shell="own")),
    ("two dashes, a shell and a command", "sudo -s -- -x", run(("-x",), shell="own", line="-x")),
    ("quotes for a shell", ("sudo", "-s", "a b", "c'd"), run(("a b", "c'd"), shell="own", line="a\\ b c\\'d")),
    ("a dollar is left for the shell", ("sudo", "-s", "echo", "$HOME"), run(("echo", "$HOME"), shell="own", line="echo $HOME")),
    ("a line break for a shell", ("sudo", "-s", "a\nb"), run(("a\nb",), shell="own", line="a\\\nb")),
    ("what a shell would take for more", ("sudo", "-s", "a;b|c&d"), run(("a;b|c&d",), shell="own", line="a\\;b\\|c\\&d")),
    ("slashes and dots are quoted, too", "sudo -s ./a/b", run("./a/b", shell="own", line="\\.\\/a\\/b")),
    ("backslashes for a shell", ("sudo", "-s", "a\\b"), run(("a\\b",), shell="own", line="a\\\\b")),
    ("an empty word for a shell", ("sudo", "-s", ""), run(("",), shell="own", line="")),
    ("empty words for a shell vanish", ("sudo", "-s", "a", "", "b"), run(("a", "", "b"), shell="own", line="a  b")),
    ("control bytes for a shell", ("sudo", "-s", b"\x01"), run((b"\x01",), shell="own", line="\\\x01")),
    ("a cut short shell", "sudo --sh ls", run("ls", shell="own", line="ls")),
    ("-k with a shell", "sudo -k -s", run(shell="own")),
    ("UTF-8 for a shell is quoted by the caller's locale", "sudo -s é", DOUBT),
    ("bytes for a shell, likewise", ("sudo", "-s", b"\xe9"), DOUBT),
    ("-l that is the command's", "sudo -s ls -l -i", run("ls -l -i", shell="own", line="ls -l -i")),
    ("a login where PAM knows of none", "sudo -i", DOUBT),
    # what else there is
    ("a directory", "sudo -D /tmp ls", run("ls", chdir="/tmp")),
    ("a directory, cut short", "sudo --chd=/tmp ls", run("ls", chdir="/tmp")),
    ("a relative directory", "sudo -D - ls", DOUBT),
    ("somebody's home", "sudo -D '~bob' ls", DOUBT),
    ("an empty directory", "sudo -D '' ls", DOUBT),
    ("options that ask for a password differently", "sudo -n -S -B -p x -k -b ls", run("ls", waits=False)),
    ("an empty prompt", "sudo -p '' ls", run("ls")),
    ("a prompt that looks like an option", "sudo -p -l ls", run("ls")),
    ("-A", "sudo -A ls", run("ls")),
    ("-N", "sudo -N ls", run("ls")),
    ("-k and -N", "sudo -k -N ls", DOUBT),
    ("-A and -S", "sudo -A -S ls", DOUBT),
    ("-E", "sudo -E ls", run("ls", options="--preserve-env")),
    ("-E, the long way", "sudo --preserve-env ls", run("ls", options="--preserve-env")),
    ("-E takes no list", "sudo -EH ls", run("ls", options="--preserve-env --set-home")),
    ("an empty list to preserve", "sudo --preserve-env= ls", run("ls")),
    ("options in another order", "sudo -P -H -E ls", run("ls", options="--preserve-env --preserve-groups --set-home")),
    ("options twice", "sudo -E -E ls", run("ls", options="--preserve-env")),
    ("-T", "sudo -T 5m ls", run("ls", options="--command-timeout=5m")),
    ("-C", "sudo -C7 ls", run("ls", options="--close-from=7")),
    ("-C with no number", "sudo -C x ls", DOUBT),
    ("-C with a small number", "sudo -C 2 ls", DOUBT),
    ("-R", "sudo -R /srv ls", run("ls", options="--chroot=/srv")),
    ("-R and somebody's home", "sudo -R '~bob' ls", DOUBT),
    ("-r and -t", "sudo -r staff_r -t staff_t ls", run("ls", options="--role=staff_r --type=staff_t")),
    ("a host in the same word", "sudo -hother ls", run("ls", options="--host=other")),
    ("a host in the next word", "sudo -h other ls", run("ls", options="--host=other")),
    ("a host, the long way", "sudo --host other ls", run("ls", options="--host=other")),
    ("help", "sudo -h", DOUBT),
    ("help in a bundle takes no host", "sudo -nh other ls", DOUBT),
    ("help before two dashes", "sudo -h -- ls", DOUBT),
    ("help before a variable", "sudo -h A=1 ls", DOUBT),
    ("help, the long way", "sudo --help other", DOUBT),
    ("a version", "sudo -V", DOUBT),
    ("an end of timestamps", "sudo -K", DOUBT),
    ("-k alone", "sudo -k", DOUBT),
    ("-k with a variable alone", "sudo -k A=1", DOUBT),
    ("an option that is none", "sudo --nope ls", DOUBT),
    ("a letter that is none", "sudo -x ls", DOUBT),
    ("a letter that is none, in a bundle", "sudo -nx ls", DOUBT),
    ("a colon", "sudo -: ls", DOUBT),
    ("a plus", "sudo -+ ls", DOUBT),
    ("-a is not built in", "sudo -a x ls", DOUBT),
    ("-c is not built in", "sudo -c x ls", DOUBT),
    ("several options cut short", "sudo --log ls", DOUBT),
    ("several options cut short, with a value", "sudo --pre=A ls", DOUBT),
    ("a dash, a dash and a value", "sudo --= ls", DOUBT),
    ("a value for an option that takes none", "sudo --shell=x ls", DOUBT),
    # modes
    ("-l", "sudo -l", run(mode="list")),
    ("-ll", "sudo -ll", run(mode="list")),
    ("-l and a command", "sudo -l ls x", run("ls x", mode="list")),
    ("-l, a command and a user", "sudo -l -u bob ls", run("ls", mode="list", user="bob")),
    ("-l for another", "sudo -l -U bob", run(mode="list", options="--other-user=bob")),
    ("-l on another host", "sudo -h x -l", run(mode="list", options="--host=x")),
    ("-l and -u alone", "sudo -l -u bob", DOUBT),
    ("-l and -s", "sudo -l -s", DOUBT),
    ("-U without -l", "sudo -U bob ls", DOUBT),
    ("-v", "sudo -v", run(mode="validate")),
    ("-v for a user", "sudo -vu bob", run(mode="validate", user="bob")),
    ("-v and a command", "sudo -v ls", DOUBT),
    ("-v and -l", "sudo -v -l", DOUBT),
    ("-e", "sudo -e f g", run("sudoedit f g", mode="edit")),
    ("--edit", "sudo --edit -u bob f", run("sudoedit f", mode="edit", user="bob")),
    ("-e and no file", "sudo -e", DOUBT),
    ("-e and a variable", "sudo -e A=1 f", DOUBT),
    ("-e and -s", "sudo -e -s f", DOUBT),
    ("sudoedit", "sudoedit f", run("sudoedit f", mode="edit")),
    ("sudoedit by its path", "/usr/bin/sudoedit -u bob f", run("sudoedit f", mode="edit", user="bob")),
    ("sudoedit as libtool calls it", "/x/lt-sudoedit f", run("sudoedit f", mode="edit")),
    ("sudoedit with a slash behind it is sudo", "sudoedit/ f", run("f")),
    ("libtool's, twice, is sudo", "lt-lt-sudoedit f", run("f")),
    ("any other name is sudo", "whatever f", run("f")),
    ("no name is sudo", ("", "f"), run("f")),
    ("sudoedit has no -s", "sudoedit -s f", DOUBT),
    ("sudoedit has no --shell", "sudoedit --shell f", DOUBT),
    ("sudoedit and --set: none", "sudoedit --set f", DOUBT),
    ("for sudoedit --s has one meaning", "sudoedit --s f", run("sudoedit f", mode="edit")),
    ("a command called sudoedit is sudoedit", "sudo sudoedit f", run("sudoedit f", mode="edit")),
    ("whatever file that is", "sudo -u bob /tmp/sudoedit f", run("sudoedit f", mode="edit", user="bob")),
    ("sudoedit through sudo with variables", "sudo A=1 sudoedit f", DOUBT),
    ("sudoedit behind -l is a command", "sudo -l sudoedit f", run("sudoedit f", mode="list")),
    # a list that sudo has cut
    ("a list, and what may be its rest", "sudo --preserve-env=A ls", DOUBT),
    ("a list, and an option that may be its rest", "sudo --preserve-env=A -u bob ls", DOUBT),
    ("a list, and an empty word that may be its rest", "sudo --preserve-env=A '' ls", DOUBT),
    ("a list with a comma before it", "sudo --preserve-env=,A ls", DOUBT),
    ("a list, cut short", "sudo --preserve-e=A ls", DOUBT),
    ("a list that sudo would have cut", "sudo --preserve-env=A,B ls", DOUBT),
    ("no list can go on with a value", "sudo --preserve-env=A B= ls", run("ls", variables={"B": ""}, options="--preserve-env=A")),
    ("or with a value of an option", "sudo --preserve-env=A --user=bob ls", run("ls", user="bob", options="--preserve-env=A")),
    ("or with a comma in the midst", "sudo --preserve-env=A a,b", run("a,b", options="--preserve-env=A")),
    ("or with nothing", "sudo -s --preserve-env=A", run(shell="own", options="--preserve-env=A")),
    ("a NUL byte", ("sudo", "--preserve-env=A\0B", "ls"), DOUBT),
]  # fmt: skip

WHOLE = [
    ("a list", ("sudo", "--preserve-env=A", "ls"), run("ls", options="--preserve-env=A")),
    ("a list that is cut", ("sudo", "--preserve-env=B\0A", "ls"), run("ls", options=A_AND_B)),
    ("a list that hides a command", ("sudo", "--preserve-env=\0id", "sh", "x"), run("sh x", options="--preserve-env=id")),
    ("a list with commas", ("sudo", "--preserve-env=,A\0,B\0,", "ls"), run("ls", options=A_AND_B)),
    ("a list twice", ("sudo", "--preserve-env=A", "--preserve-env=A\0B", "ls"), run("ls", options=A_AND_B)),
    ("what is set and preserved", ("sudo", "--preserve-env=A", "A=1", "ls"), DOUBT),
    ("a value in a list", ("sudo", "--preserve-env=A=1", "ls"), DOUBT),
    ("a NUL byte in the command", ("sudo", "ls\0x"), DOUBT),
    ("a NUL byte in a user", ("sudo", "-u", "bob\0x", "ls"), DOUBT),
    ("a NUL byte in an option", ("sudo", "--preserve-env\0=A", "ls"), DOUBT),
]  # fmt: skip

SUDO_I = [
    ("a login", "sudo -i", run(shell="login")),
    ("a login as bob", "sudo -iu bob", run(shell="login", user="bob")),
    ("a login, the long way", "sudo --login -n", run(shell="login", waits=False)),
    ("a command through a login", ("sudo", "-i", "ls", "a b"), run(("ls", "a b"), shell="login", line="ls a\\ b")),
    ("a login goes home anyway", "sudo -i -H", run(shell="login")),
    ("a login with variables", "sudo -i A=1 ls", run("ls", shell="login", line="ls", variables={"A": "1"})),
    ("a login in a directory", "sudo -i -D /tmp", run(shell="login", chdir="/tmp")),
    ("a login and a shell", "sudo -i -s", DOUBT),
    ("a login and -E", "sudo -i -E", DOUBT),
    ("a login behind the command is none", "sudo ls -i", DOUBT),
    ("a list of what a login may", "sudo -l -i", DOUBT),
]  # fmt: skip

SU = [
    ("root's shell", "su", run(shell="target", user="root")),
    ("bob's shell", "su bob", run(shell="target", user="bob")),
    ("a line", "su -c 'ls -l' bob", run(shell="target", user="bob", line="ls -l")),
    ("a line behind the user comes to the same", "su bob -c ls", run(shell="target", user="bob", line="ls")),
    ("a line in the same word", "su bob -cls", DOUBT),  # to a shell this is another option
    ("a long line", "su --command='a b' bob", run(shell="target", user="bob", line="a b")),
    ("a line in the same session", "su --session-command ls bob", run(shell="target", user="bob", line="ls")),
    ("of two lines, the last", "su -c a -c b bob", run(shell="target", user="bob", line="b")),
    ("of two kinds of lines, the last", "su -c a --sess=b bob", run(shell="target", user="bob", line="b")),
    ("an empty line", "su -c '' bob", run(shell="target", user="bob", line="")),
    ("a line of two dashes", "su -c -- bob", run(shell="target", user="bob", line="--")),
    ("a line of a dash is no login", "su -c - bob", run(shell="target", user="bob", line="-")),
    ("a line of any bytes", ("su", "-c", b"\xff\n", "bob"), run(shell="target", user="bob", line=b"\xff\n")),
    ("arguments for the shell", "su bob a '' b", run(shell="target", user="bob", shell_arguments="a '' b")),
    ("a dash behind the user is the shell's", "su bob -", run(shell="target", user="bob", shell_arguments="-")),
    ("two dashes before the user", "su -- bob", run(shell="target", user="bob")),
    ("two dashes before the user, and more", "su -- bob -c x", run(shell="target", user="bob", shell_arguments="-c x")),
    ("two dashes behind the user", "su bob -- -c x", DOUBT),
    ("a shell", "su -s /bin/sh bob", run(shell="target", user="bob", shell_path="/bin/sh")),
    ("a shell, cut short", "su --sh=/bin/sh bob", run(shell="target", user="bob", shell_path="/bin/sh")),
    ("a shell behind the user", "su bob -s /bin/sh", DOUBT),
    ("-f", "su -f bob", run(shell="target", user="bob", options="--fast")),
    ("-f behind the user comes to the same", "su bob -f", run(shell="target", user="bob", options="--fast")),
    ("-f behind a line does not", "su bob -c x -f", DOUBT),
    ("-p", "su -p bob", run(shell="kept", user="bob", options=KEPT)),
    ("-m", "su -m bob", run(shell="kept", user="bob", options=KEPT)),
    ("-p and a shell", "su -ps /bin/sh bob", run(shell="target", user="bob", shell_path="/bin/sh", options=KEPT)),
    ("-w without a login", "su -w A bob", run(shell="target", user="bob")),
    ("-w and -p", "su -w A -p bob", DOUBT),
    ("-P", "su -P bob", run(shell="target", user="bob")),
    ("a group", "su -g ops bob", run(shell="target", user="bob", group="ops", options="--supp-group=ops")),
    ("further groups", "su -G a -G b bob", run(shell="target", user="bob", group="a", options="--supp-group=a --supp-group=b")),
    ("-u is runuser's", "su -u bob", DOUBT),
    ("several options cut short", "su --s x bob", DOUBT),
    ("--pr has one meaning", "su --pr bob", run(shell="kept", user="bob", options=KEPT)),
    ("--p has two", "su --p bob", DOUBT),
    ("a number is a name", "su 4002", run(shell="target", user="4002")),
    ("what would be an id elsewhere", "su '#0'", DOUBT),
    ("an empty user", "su ''", DOUBT),
    ("a user that is not UTF-8", ("su", b"\xff"), DOUBT),
    ("help", "su --help", DOUBT),
    ("a version", "su -V", DOUBT),
    ("no line", "su -c", DOUBT),
    ("a letter that is none", "su -x bob", DOUBT),
    ("a login where PAM knows of none", "su -", DOUBT),
    ("a NUL byte", ("su", "-c", "a\0b"), DOUBT),
    ("-l behind the user, and PAM knows of no login", "su bob -l", run(shell="target", user="bob", shell_arguments="-l")),
]  # fmt: skip

SU_L = [
    ("a login", "su -", run(shell="login", user="root")),
    ("a login as bob", "su - bob", run(shell="login", user="bob")),
    ("-l", "su -l bob", run(shell="login", user="bob")),
    ("--login", "su --lo bob", run(shell="login", user="bob")),
    ("-l and a dash", "su -l - bob", run(shell="login", user="bob")),
    ("a line", "su - bob -c ls", run(shell="login", user="bob", line="ls")),
    ("a line before", "su -c ls - bob", run(shell="login", user="bob", line="ls")),
    ("a line in a bundle", "su -lc ls bob", run(shell="login", user="bob", line="ls")),
    ("a line for root hangs on the environment", "su - -c ls", DOUBT),
    ("two dashes and a dash", "su -- - bob", run(shell="login", user="bob")),
    ("a second dash is a user", "su - - bob", run(shell="login", user="-", shell_arguments="bob")),
    ("-p is of no use", "su -p - bob", run(shell="login", user="bob")),
    ("-w", "su -w B,,A - bob", run(shell="login", user="bob", options="--whitelist-environment=A --whitelist-environment=B")),
    ("-w twice", "su -wA --wh=A - bob", run(shell="login", user="bob", options="--whitelist-environment=A")),
    ("a shell", "su -s /bin/sh - bob", run(shell="login", user="bob", shell_path="/bin/sh")),
    ("-l behind the user", "su bob -l", run(shell="login", user="bob")),
    ("no login where PAM knows of one", "su bob", DOUBT),
]  # fmt: skip

SU_BY_ENVIRONMENT = [
    ("a shell behind the user", False, "su bob -s /bin/sh", run(shell="target", user="bob", shell_path="/bin/sh")),
    ("a shell behind the user is the shell's", True, "su bob -s /x", run(shell="target", user="bob", shell_arguments="-s /x")),
    ("two dashes behind the user", False, "su bob -- -c x", run(shell="target", user="bob", shell_arguments="-c x")),
    ("two dashes behind the user are the shell's", True, "su bob -- x", run(shell="target", user="bob", shell_arguments="-- x")),
    ("the user between", False, "su a -c x b", run(shell="target", user="a", line="x", shell_arguments="b")),
    ("the user between, and all that follows", True, "su a -c x b", run(shell="target", user="a", shell_arguments="-c x b")),
    ("a letter that is none is the shell's", True, "su bob -x", run(shell="target", user="bob", shell_arguments="-x")),
    ("a letter that is none", False, "su bob -x", DOUBT),
]  # fmt: skip

DOAS = [
    ("a command", "doas ls -u x", run("ls -u x")),
    ("a user", "doas -u bob ls", run("ls", user="bob")),
    ("a user in a bundle", "doas -nubob ls", run("ls", user="bob", waits=False)),
    ("of two users, the last", "doas -u bob -u carol ls", run("ls", user="carol")),
    ("-n", "doas -n ls", run("ls", waits=False)),
    ("two dashes", "doas -- -x", run(("-x",))),
    ("one dash", "doas - x", run(("-", "x"))),
    ("no variables: it is the command", "doas A=1 ls", run("A=1 ls")),
    ("the caller's shell", "doas -s", run(shell="own")),
    ("the caller's shell for bob", "doas -su bob", run(shell="own", user="bob")),
    ("called by any name", "sudoedit ls", run("ls")),
    ("bytes", ("doas", b"\xff", ""), run((b"\xff", ""))),
    ("a shell and a command", "doas -s ls", DOUBT),
    ("nothing", "doas", DOUBT),
    ("a configuration", "doas -C /x ls", DOUBT),
    ("-L", "doas -L", DOUBT),
    ("long options", "doas --user=bob ls", DOUBT),
    ("a letter that is none", "doas -i ls", DOUBT),
    ("a number may be a name or an id", "doas -u 4002 ls", DOUBT),
    ("a number in another spelling", "doas -u ' +0' ls", DOUBT),
    ("what would be an id elsewhere", "doas -u '#0' ls", DOUBT),
    ("no user", "doas -u", DOUBT),
]  # fmt: skip


@each_row(("line", "expected"), [row[1:] for row in SUDO], ids=[row[0] for row in SUDO])
def test_sudo(line: Any, expected: Invocation) -> None:
    found = read("sudo", words(line))
    assert same(found, expected), found


@pytest.mark.parametrize("line", ["- x", "-p -- A=1 ls", "-u -- A=1 ls", "=x y", "./a=b x", "a-b=c x", "a.b= -s", "é=c x"])
def test_a_line_that_sudo_rs_reads_differently_is_in_doubt(line: str) -> None:
    """THREATS P-16: another command would run than the one that was approved."""
    for whole in (False, True):
        assert read("sudo", words(f"sudo {line}"), whole=whole).doubt
        assert read("sudo", words(f"sudo -n A=1 ls {line}"), whole=whole).argv == (b"ls", *words(line)), "behind the command"


SUDO_RS = [
    ("sudo-rs ls -u bob", (("ls", "-u", "bob"), "", None, None, None, {})),
    ("sudo-rs -nu bob -gdba ls", (("ls",), "", "bob", "dba", None, {})),
    ("sudo-rs -u bob --user carol --user=dave ls", (("ls",), "", "dave", None, None, {})),
    ("sudo-rs A=1 -H B= A=2 ls C=3", (("ls", "C=3"), "", None, None, None, {"A": "2", "B": ""})),
    ("sudo-rs =x ./a=b y", (("./a=b", "y"), "", None, None, None, {"": "x"})),
    ("sudo-rs - -u -- ls", (("ls",), "", "--", None, None, {})),
    ("sudo-rs --preserve-env=A,B -E -D/x ls", (("ls",), "", None, None, "/x", {})),
    ("sudo-rs -i", ((), "login", None, None, None, {})),
    ("sudo-rs -su bob ls 'a b'", (("ls", "a b"), "own", "bob", None, None, {})),
    ("sudo-rs -- A=1", (("A=1",), "", None, None, None, {})),
    *((f"sudo-rs {line}", None) for line in (
        "", "A=1", "-l", "-v", "-k", "-K", "-V", "-e x", "--edit x", "-h", "-h x ls", "-is", "-BS ls", "-A ls", "-u=bob ls", "-u",
        "--us bob ls", "--login=x", "-R / ls", "-U bob ls", "-C 4 ls", "-b ls", "--nope ls", "-x ls",
    )),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), SUDO_RS)
def test_sudo_rs(line: str, expected: tuple[Any, ...] | None) -> None:
    """None: it refuses the line, or runs no command."""
    found = read_sudo_rs(words(line))
    if expected is not None:
        argv, shell, user, group, chdir, variables = expected
        texts = tuple(None if text is None else text.encode() for text in (user, group, chdir))
        expected = (words(argv), shell, *texts, {name.encode(): value.encode() for name, value in variables.items()})
    assert found == expected
    assert read_sudo_rs((*words(line), b"\xff")) is None, "a word that is not UTF-8 ends it"


@pytest.mark.parametrize(("line", "expected"), rows(WHOLE))
def test_sudo_whole(line: Any, expected: Invocation) -> None:
    found = read("sudo", words(line), whole=True)
    assert same(found, expected), found


@pytest.mark.parametrize(("line", "expected"), rows(SUDO_I))
def test_sudo_i(line: Any, expected: Invocation) -> None:
    found = read("sudo-i", words(line))
    assert same(found, expected), found


@each_row(("line", "expected"), [row[1:] for row in SU], ids=[row[0] for row in SU])
def test_su(line: Any, expected: Invocation) -> None:
    found = read("su", words(line))
    assert same(found, expected), found


@pytest.mark.parametrize(("line", "expected"), rows(SU_L))
def test_su_l(line: Any, expected: Invocation) -> None:
    found = read("su-l", words(line))
    assert same(found, expected), found


@pytest.mark.parametrize(("posix", "line", "expected"), rows(SU_BY_ENVIRONMENT))
def test_su_by_the_callers_environment(posix: bool, line: str, expected: Invocation) -> None:
    found = read("su", words(line), posix=posix)
    assert same(found, expected), found


@pytest.mark.parametrize(("line", "expected"), rows(DOAS))
def test_doas(line: Any, expected: Invocation) -> None:
    found = read("doas", words(line))
    assert same(found, expected), found


@pytest.mark.parametrize("service", ["", "sshd", "login", "cron", "runuser", "sudo\0"])
def test_other_services_are_in_doubt(service: str) -> None:
    assert read(service, (b"sudo", b"ls")).doubt


@pytest.mark.parametrize("service", ["sudo", "sudo-i", "su", "su-l", "doas"])
def test_no_words_are_in_doubt(service: str) -> None:
    assert read(service, ()).doubt


PIECES = [
    b"-", b"--", b"-u", b"bob", b"-i", b"-s", b"-c", b"-l", b"--user=", b"--login", b"A=1", b"", b"-h", b"--preserve-env=A",
    b"-ubob",
]  # fmt: skip


@given(
    st.sampled_from(["sudo", "sudo-i", "su", "su-l", "doas"]),
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=8),
    st.booleans(),
    st.sampled_from([None, False, True]),
)
def test_any_words_are_read(service: str, typed: list[bytes], whole: bool, posix: bool | None) -> None:
    """Total; a doubt says nothing else; and whoever knows more is certain of nothing else."""
    found = read(service, tuple(typed), whole=whole, posix=posix)
    assert not found.doubt or found == Invocation("", doubt=found.doubt)
    less = read(service, tuple(typed))
    if not less.doubt and not found.doubt:
        assert _executed(found) == _executed(less)


def _executed(found: Invocation) -> tuple[Any, ...]:
    """With the words that su and those that the caller gives to the shell told apart no more."""
    fast = (b"-f",) if b"--fast" in found.options else ()
    line = () if found.line is None else (b"-c", found.line)
    arguments = (*fast, *line, *found.shell_arguments)
    options = tuple(option for option in found.options if option != b"--fast")
    return found.mode, found.argv, found.shell, found.user, found.group, found.shell_path, options, found.variables, arguments
