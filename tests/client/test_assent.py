# SPDX-License-Identifier: Apache-2.0
"""Which requests are approved by a letter and which by the whole word, and how the question names them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jitd.cli.assent import gives_root, what, why_the_word
from jitd.core.command import RunAs
from jitd.verbs.rows import request_row
from jitpam.wire.shown import cells
from tests.client.script import HOSTILE, Row, row_for, waiting
from tests.scene import asked, command, person, thing

POSTGRES = RunAs("postgres", 110, "postgres", 110)
TOOR = RunAs("toor", 0, "root", 0)


def of(*argv: str | bytes, **changes: Any) -> Row:
    return row_for(asked(what=command(*argv, **changes)))


def graded(grade: str | None, **changes: Any) -> Row:
    return {**of("x"), "grade": grade, **changes}


GIVES = [
    ("what gives all that root may do", graded("gives"), True),
    ("what can lead to it", graded("leads"), False),
    ("what changes or destroys", graded("changes"), False),
    ("what reads secrets", graded("reads"), False),
    ("what nobody knows", graded("unknown"), False),
    ("what is known and harmless", graded("harmless"), False),
    ("all that another account may do", graded("gives", run_as_uid=110), False),
    ("a thing that gives root", {**row_for(asked(what=thing())), "grade": "gives"}, True),
    ("a thing", row_for(asked(what=thing())), False),
    (
        "a daemon that does not say as whom",
        {name: value for name, value in graded("gives").items() if name != "run_as_uid"},
        True,
    ),
    ("a daemon that tells no grade", {name: value for name, value in of("true").items() if name != "grade"}, True),
    ("a grade that jitd does not know", graded("divine"), True),
    ("no word for a grade", graded(None), True),
    ("nothing that is known", {}, True),
]


@pytest.mark.parametrize(("row", "gives"), [row[1:] for row in GIVES], ids=[row[0] for row in GIVES])
def test_what_gives_root(row: Row, gives: bool) -> None:
    assert gives_root(row) is gives


@pytest.mark.parametrize(
    ("row", "is_unread", "because"),
    [
        (of("true"), False, ""),
        (of("true"), True, "not all of it was on the screen"),
        (graded("gives"), False, "it gives root"),
        (graded("gives"), True, "it gives root"),
        (graded("gives", run_as_uid=110), False, ""),
        ({**of("true"), "doubt": "an option of sudo that jitd does not know"}, False, "what it runs is not known for certain"),
        ({**of("true"), "break_glass": "restart"}, False, "it is break-glass"),
        ({}, False, "it gives root"),
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
