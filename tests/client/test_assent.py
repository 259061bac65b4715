# SPDX-License-Identifier: Apache-2.0
"""Which requests are approved by a letter and which by the whole word, and how the question names them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jitd.cli.assent import gives_root_shell, what, why_the_word
from jitd.core.command import RunAs
from jitd.verbs.rows import request_row
from jitpam.wire.shown import cells
from tests.client.script import HOSTILE, Row, row_for, waiting
from tests.scene import asked, command, person, thing

POSTGRES = RunAs("postgres", 110, "postgres", 110)
TOOR = RunAs("toor", 0, "root", 0)


def of(*argv: str | bytes, **changes: Any) -> Row:
    return row_for(asked(what=command(*argv, **changes)))


GIVES = [
    ("a shell", of("bash"), True),
    ("a login shell", of("/bin/bash", "-l"), True),
    ("a shell of a directory of one's own", of("/opt/tools/zsh"), True),
    ("a script that is named", of("bash", "/usr/local/sbin/rotate"), False),
    ("an editor", of("vim", "/etc/hosts"), True),
    ("a pager", of("less", "/var/log/syslog"), True),
    ("what edits accounts", of("visudo"), True),
    ("an interpreter", of("python3"), True),
    ("a shell behind something else", of("env", "bash"), True),
    ("a shell behind something that takes a command", of("find", "/", "-exec", "/bin/sh", ";"), True),
    ("a debugger", of("gdb", "-p", "1"), True),
    ("a service", of("systemctl", "restart", "postgresql"), False),
    ("what shows through a pager", of("systemctl", "status", "postgresql"), True),
    ("a plain command", of("df", "-h"), False),
    ("a shell of another account", of("bash", run_as=POSTGRES), False),
    ("a shell of another name for root", of("bash", run_as=TOOR), True),
    ("a thing", row_for(asked(what=thing())), False),
    ("a login of root", {**of("x"), "path": "", "argv": []}, True),
    ("a login of another account", {**of("x"), "path": "", "argv": [], "run_as_uid": 110}, False),
    ("a daemon that does not say as whom", {name: value for name, value in of("bash").items() if name != "run_as_uid"}, True),
    ("nothing that is known", {}, True),
    ("arguments that nobody has shown", {**of("x"), "argv": ["\\x"]}, True),
    ("no list of arguments", {**of("x"), "argv": 7}, True),
]


@pytest.mark.parametrize(("row", "gives"), [row[1:] for row in GIVES], ids=[row[0] for row in GIVES])
def test_what_gives_a_root_shell(row: Row, gives: bool) -> None:
    assert gives_root_shell(row) is gives


@pytest.mark.parametrize(
    ("row", "is_unread", "because"),
    [
        (of("true"), False, ""),
        (of("true"), True, "not all of it was on the screen"),
        (of("bash"), False, "it gives a root shell"),
        (of("usermod", "-aG", "sudo", "bob"), False, "it makes a root shell possible later"),
        (of("chmod", "u+s", "/srv/x"), True, "it makes a root shell possible later"),
        (of("chmod", "u+s", "/srv/x", run_as=POSTGRES), False, ""),
        (of("usermod", "-aG", "staff", "bob"), False, ""),
        (of("passwd", "bob"), False, ""),
        ({**of("true"), "doubt": "an option of sudo that jitd does not know"}, False, "what it runs is not known for certain"),
        ({**of("true"), "break_glass": "restart"}, False, "it is break-glass"),
        ({}, False, "it gives a root shell"),
    ],
)
def test_why_a_letter_is_not_enough(row: Row, is_unread: bool, because: str) -> None:
    """THREATS A-02."""
    assert why_the_word(row, is_unread=is_unread) == because


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (of("systemctl", "restart", "postgresql"), '"systemctl restart postgresql" as root on db1'),
        (of("echo", "a b"), "\"echo 'a b'\" as root on db1"),
        (of("id", run_as=POSTGRES), '"id" as postgres on db1'),
        (row_for(asked(what=thing())), "service-ticket:postgres/db1.example.test for alice on db1"),
        ({**of("x"), "path": "", "argv": []}, "a login as root on db1"),
        ({**of("sudo", "-Z"), "doubt": "who knows"}, '"sudo -Z" on db1'),
        ({}, "a login as - on -"),
    ],
)
def test_the_question_names_what_whom_and_where(row: Row, words: str) -> None:
    assert what(row, 200) == words


@pytest.mark.parametrize("argument", [b"x" * 5000, "漢".encode() * 900, HOSTILE * 60, b" " * 500, b"'" * 400])
@pytest.mark.parametrize("room", [44, 60, 80, 200])
def test_a_long_command_keeps_its_beginning_and_its_end(argument: bytes, room: int) -> None:
    text = what(row_for(waiting("rm", argument, "-rf", "/")), room)
    assert cells(text) <= room and text.startswith('"rm ') and text.endswith(' / " as root on db1'.replace(" / ", " /"))
    assert "…(+" in text


def test_the_row_says_with_which_number_it_runs() -> None:
    request = replace(asked(), command=command("id", run_as=TOOR))
    assert request_row(request, person("bob"), may_review=True)["run_as_uid"] == 0
