# SPDX-License-Identifier: Apache-2.0
"""Which requests are approved by a key and which by the whole word, and how the question names them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from jitd.cli.assent import what, why_the_word
from jitd.core.command import RunAs
from jitd.core.grade import Grade
from jitd.verbs.rows import request_row
from jitpam.wire.rows import Request
from jitpam.wire.shown import cells
from tests.client.script import HOSTILE, Row, row_for, waiting
from tests.scene import asked, command, person, thing

POSTGRES = RunAs("postgres", 110, "postgres", 110)
TOOR = RunAs("toor", 0, "root", 0)
OF_DOCKER = RunAs("alice", 4001, "docker", 998)


def of(*argv: str | bytes, grade: str | None = "harmless", damage: object = "none", **changes: Any) -> Row:
    return row_for(asked(what=command(*argv, **changes)), grade=grade, damage=damage)


STRANGE = {"grade": "unknown", "damage": "destroys", "what": "jitd does not know the option --x of dd"}


@pytest.mark.parametrize(
    ("row", "because"),
    [
        *((of("true", grade=grade.word), "") for grade in Grade if grade < Grade.GIVES),
        (of("bash", grade="gives"), "it gives root"),
        (of("bash", grade="gives", run_as=TOOR), "it gives root"),
        (of("bash", grade="gives", run_as=POSTGRES), ""),
        (of("id", grade="gives", run_as=OF_DOCKER), "it gives root"),
        ({**of("x", grade="gives", run_as=POSTGRES), "gives": ["service-ticket:x"]}, "it gives root"),
        ({name: value for name, value in of("bash", grade="gives").items() if name != "run_as_uid"}, "it gives root"),
        *((of("dd", damage="destroys", run_as=who), "it destroys something") for who in (TOOR, POSTGRES)),
        (of("reboot", damage="stops"), "it stops something that many need"),
        (of("sh", grade="gives", damage="destroys"), "it gives root and destroys something"),
        ({**of("true", damage="destroys"), "findings": [STRANGE]}, "it may destroy something"),
        ({**of("true", damage="destroys"), "findings": [STRANGE, {**STRANGE, "grade": "changes"}]}, "it destroys something"),
        ({**of("sh", grade="gives", damage="destroys"), "findings": [STRANGE]}, "it gives root and may destroy something"),
        *((of("true", damage=told), "jitd does not say what it destroys") for told in (None, "little", "", 0, ["none"])),
        ({name: value for name, value in of("true").items() if name != "damage"}, "jitd does not say what it destroys"),
        (of("true", grade=None, run_as=POSTGRES), "jitd does not say what it gives"),
        (of("true", grade=None), "jitd does not say what it gives"),
        (of("true", grade="GIVES"), "jitd does not say what it gives"),
        ({name: value for name, value in of("true").items() if name != "grade"}, "jitd does not say what it gives"),
        ({**of("true"), "doubt": "an option of sudo that jitd does not know"}, "what it runs is not known for certain"),
        ({**of("true"), "break_glass": "restart"}, "it is break-glass"),
        ({**of("true"), "breaks_glass": True}, "it is break-glass"),
        ({}, "it is break-glass"),
    ],
)
def test_why_a_key_is_not_enough(row: Row, because: str) -> None:
    """THREATS A-02, L-33."""
    assert why_the_word(Request.read(row)) == because


def left_out(value: object, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*at, name)
        yield from left_out(inner, (*at, name))


GLASS = {"instead_of": "restart", "skips": "1 of ops", "review_for": 60, "open": 1}
ASKED = [
    of("bash", grade="gives", run_as=TOOR), of("id", grade="gives", run_as=OF_DOCKER), of("dd", damage="destroys"),
    {**of("x", grade="gives", run_as=POSTGRES), "gives": ["service-ticket:x"]}, {**of("true"), "doubt": "who knows"},
    {**of("true"), "break_glass": GLASS, "breaks_glass": True}, {**of("true"), "break_glass": GLASS}, of("true", grade=None),
]  # fmt: skip


@pytest.mark.parametrize("row", ASKED)
def test_whatever_a_row_leaves_out_or_says_in_another_type_it_asks_for_no_less(row: Row) -> None:
    """THREATS A-02."""
    for at in left_out(row):
        for value in (None, 0.5) if isinstance(at[-1], str) else (0.5,):
            less = copy.deepcopy(row)
            place = less
            for name in at[:-1]:
                place = place[name]
            if value is None:
                del place[at[-1]]
            else:
                place[at[-1]] = value
            assert why_the_word(Request.read(less)), at


def test_a_row_that_leaves_out_what_would_run_asks_for_the_word() -> None:
    """THREATS A-02."""
    for name in ("argv", "path", "gives", "doubt", "grade", "damage", "breaks_glass", "break_glass"):
        less = {member: value for member, value in of("true").items() if member != name}
        assert why_the_word(Request.read(of("true"))) == "" != why_the_word(Request.read(less)), name


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (of("systemctl", "restart", "postgresql"), '"systemctl restart postgresql" as root on db1'),
        (of("echo", "a b"), "\"echo 'a b'\" as root on db1"),
        (of("id", run_as=POSTGRES), '"id" as postgres on db1'),
        (of("id", run_as=OF_DOCKER), '"id" as alice with group docker on db1'),
        (row_for(asked(what=thing())), "service-ticket:postgres/db1.example.test for alice on db1"),
        ({**of("x"), "path": "", "argv": [], "service": "sshd"}, "a login as root on db1"),
        ({**of("sudo", "-Z"), "doubt": "who knows"}, '"sudo -Z" on db1'),
        ({}, '"-" on -'),
    ],
)
def test_the_question_names_what_whom_and_where(row: Row, words: str) -> None:
    assert what(Request.read(row), 200) == words


@pytest.mark.parametrize("argument", [b"x" * 5000, "漢".encode() * 900, HOSTILE * 60, b" " * 500, b"'" * 400])
@pytest.mark.parametrize("room", [44, 60, 80, 200])
def test_a_long_command_keeps_its_beginning_and_its_end(argument: bytes, room: int) -> None:
    text = what(Request.read(row_for(waiting("rm", argument, "-rf", "/"))), room)
    assert cells(text) <= room and text.startswith('"rm ') and text.endswith(' / " as root on db1'.replace(" / ", " /"))
    assert "…(+" in text


def test_the_row_says_with_which_number_it_runs() -> None:
    request = replace(asked(), command=command("id", run_as=TOOR))
    assert request_row(request, person("bob"), may_review=True, is_own=False).run_as_uid == 0
