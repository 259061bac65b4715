# SPDX-License-Identifier: Apache-2.0
"""What a lease answers for: one row for each field of a grant, a command, an account, a file, a person and a moment. A row says
whether another value is covered. The rows are compared with the fields of the dataclasses, so a new field needs a row.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from jitd.core.authentication import Authentication
from jitd.core.command import Command, Interpreter, Operand, RunAs, work_of
from jitd.core.decision import Terms
from jitd.core.edit import Edit, NewFile, Removal
from jitd.core.effects import Moment
from jitd.core.grade import Finding, Grade
from jitd.core.grant import Grant, GrantState, covers, is_for_other_requests
from jitd.core.request import RequestState, issued
from jitd.core.subject import LOCAL, ROOT, Subject, User
from tests.scene import HOST, START, asked, command, moment, permit, person

ALICE = person("alice")
FILE = Operand(1, b"/srv/a", b"d" * 32, "may be written by alice", True)
READER = Interpreter(b"/srv/sh", b"d" * 32, "may be written by alice")
DONE = command("systemctl", "restart", operands=(FILE,), interpreters=(READER,), options=(b"-n",))
NOW = moment(10)

Rows = dict[str, list[tuple[Any, bool]]]
"""Field → other values, and whether a lease covers a request that has this value in place of its own."""

COMMAND: Rows = {
    "argv": [((b"systemctl", b"stop"), False), ((b"systemctl", b"restart", b""), False), ((b"systemctlrestart",), False)],
    "path": [(b"/usr/sbin/systemctl", False)],
    "digest": [(b"e" * 32, False), (b"", False)],
    "run_as": [],  # RUN_AS
    "cwd": [(b"/tmp", False)],
    "cwd_device": [(9, False)],
    "cwd_inode": [(9, False)],
    "variables": [(((b"A", b"1"),), False)],
    "locale": [(((b"LANG", b"C"),), True)],
    "streams": [(("terminal", "terminal", "terminal"), True)],
    "operands": [((), False)],  # OPERAND
    "options": [((b"-E",), False), ((), False)],
    "doubt": [("an option is not known", False)],
    "chdir": [(True, True)],  # who named the directory; the directory itself is compared
    "is_told": [(True, True)],
    "gives": [(True, False)],
    "stays": [(True, True)],
    "brought": [("ssh-ed25519 AAAA", False)],
    "lets": [(("sudoers:logs: read the journal",), False)],
    "salt": [(b"another", True)],
    "interpreters": [
        ((), False),
        ((Interpreter(b"/srv/sh", b"e" * 32, ""),), False),
        ((Interpreter(b"/sh", b"d" * 32, ""),), False),
    ],
    "findings": [((Finding(Grade.GIVES, "can start a shell"),), True)],  # they warn people of the moment
    "masked": [(((1, 0),), True)],  # what people read is not what runs
    "edit": [(Edit(1, 2, 0, 0, 0o644, bytes(32), b"1" * 32), False)],
    "makes": [(NewFile(1, 2, 0, 0, 0o644, b"1" * 32), False)],
    "edits": [((Edit(1, 2, 0, 0, 0o644, bytes(32), b"1" * 32),) * 2, False)],
    "removes": [(Removal(1, 2, 0, 0, 0o644, b"1" * 32, "0000-0000"), False)],
}
RUN_AS: Rows = {"user": [("bob", False)], "uid": [(7, False)], "group": [("adm", False)], "gid": [(7, False)]}
OPERAND: Rows = {
    "at": [(2, False)],
    "path": [(b"/srv/b", False)],
    "digest": [(b"e" * 32, False), (b"", False)],
    "because": [("may be written by bob", True)],  # in words; what is bound is the content
    "is_seen": [(False, True)],
    "is_told": [(True, True)],
}
SUBJECT: Rows = {
    "principal": [("bob@EXAMPLE.TEST", False), ("alice@ELSEWHERE.TEST", False), (ROOT, False), (LOCAL + "alice", True)],
    "user": [("somebody", True)],  # an account is known by its number
    "uid": [(1002, False), (0, False)],
    "gid": [(7, True)],
    "groups": [(frozenset({"dba"}), True)],  # the rule is asked again, with these groups
    "person": [("somebody", True)],
    "ticket_ends_at": [(START, True)],  # whether a ticket is valid is asked before
    "perhaps": [(frozenset({"alice@EXAMPLE.TEST"}), True)],
    "unsure": [(frozenset({"ops"}), True)],
    "authentication": [(Authentication(START, START, ("forwarded",), (), "aes", "aes", ()), True)],  # the rule demands it again
    "gids": [(frozenset({7}), True)],  # as groups
    "spelled": [("Alice@EXAMPLE.TEST", True)],  # the canonical principal is compared
    "used_by": [((User("bob@EXAMPLE.TEST", 1002, "bob", "b1.1"),), True)],  # the approvals of those who use it do not count
}
MOMENT: Rows = {
    "at": [(START + timedelta(days=9), True)],  # time is measured on the boot clock
    "boot": [(moment(599).boot, True), (moment(600).boot, False), (moment(6000).boot, False)],
    "boot_id": [("boot-2", False)],
    "synchronised": [(True, True)],
}
GRANT: Rows = {
    "id": [("AAAA-AAAA", True)],
    "holder": [],  # SUBJECT
    "host": [("db2.example.test", False)],
    "boot_id": [("boot-2", False)],
    "service": [("sudo", False)],
    "command": [],  # COMMAND
    "login_session": [(8, True)],  # a claim of the client's; each use is proved by the account's own ticket
    "rule": [("rule-2", False)],
    "because": [("another reason", True)],
    "terms": [(Terms(leftovers="keep"), True)],
    "issued_at": [(START - timedelta(days=1), True)],
    "ends_at": [(START, True)],
    "ends_boot": [(NOW.boot, False), (NOW.boot - 1, False)],
    "is_lease": [(False, False)],
    "uses": [(9, True)],
    "left": [(0, False), (-1, False)],
    "begun": [(2, True)],
    "living": [(("AAAA-AAAA.1",), True)],
    "ended_because": [("", True)],
    "state": [(state, state is GrantState.ACTIVE) for state in GrantState],
    "version": [(7, True)],
    "begins_at": [(NOW.at + timedelta(seconds=1), True)],  # a grant for later has both
    "begins_boot": [(NOW.boot + 1, True)],
}
TABLES: list[tuple[type, Rows]] = [
    (Command, COMMAND), (RunAs, RUN_AS), (Operand, OPERAND), (Subject, SUBJECT), (Moment, MOMENT), (Grant, GRANT),
]  # fmt: skip


def lease() -> Grant:
    made = replace(asked(what=DONE, lasts_for=600, uses=3), state=RequestState.APPROVED, rule="rule-1")
    return issued(replace(made, obligations=permit().obligations), moment()).grant


def answers(held: Grant, who: Subject = ALICE, what: Command = DONE, now: Moment = NOW) -> bool:
    return covers(held, who, HOST, "jitsudo", what, "rule-1", now)


def rows(table: Rows) -> list[Any]:
    return [pytest.param(name, value, ok, id=f"{name}-{n}") for name, some in table.items() for n, (value, ok) in enumerate(some)]


@pytest.mark.parametrize(("kind", "table"), TABLES, ids=lambda one: getattr(one, "__name__", ""))
def test_each_field_has_a_row(kind: Any, table: Rows) -> None:
    """THREATS A-11."""
    assert [field.name for field in fields(kind)] == list(table)
    assert all(some for name, some in table.items() if name not in ("run_as", "holder", "command")), "and each row a value"


def test_a_lease_answers_for_the_same_again() -> None:
    assert is_for_other_requests(lease()) and answers(lease())


@pytest.mark.parametrize(("field", "value", "is_covered"), rows(COMMAND))
def test_a_lease_is_for_one_command(field: str, value: Any, is_covered: bool) -> None:
    """THREATS A-11."""
    other = replace(DONE, **{field: value})
    assert answers(lease(), what=other) is is_covered
    assert (work_of(other) == work_of(DONE)) is is_covered, "and the store finds it by the same"


@pytest.mark.parametrize(("field", "value", "is_covered"), rows(RUN_AS))
def test_a_lease_is_for_one_account_to_run_as(field: str, value: Any, is_covered: bool) -> None:
    """THREATS A-11."""
    assert answers(lease(), what=replace(DONE, run_as=replace(DONE.run_as, **{field: value}))) is is_covered


@pytest.mark.parametrize(("field", "value", "is_covered"), rows(OPERAND))
def test_a_lease_is_for_the_files_that_were_approved(field: str, value: Any, is_covered: bool) -> None:
    """THREATS A-11."""
    assert answers(lease(), what=replace(DONE, operands=(replace(FILE, **{field: value}),))) is is_covered


@pytest.mark.parametrize(("field", "value", "is_covered"), rows(SUBJECT))
def test_a_lease_is_for_one_person(field: str, value: Any, is_covered: bool) -> None:
    """THREATS A-11."""
    assert answers(lease(), who=replace(ALICE, **{field: value})) is is_covered


@pytest.mark.parametrize(("field", "value", "is_covered"), rows(MOMENT))
def test_a_lease_is_for_its_time_in_one_boot(field: str, value: Any, is_covered: bool) -> None:
    """THREATS A-11."""
    assert answers(lease(), now=replace(NOW, **{field: value})) is is_covered


@pytest.mark.parametrize(("field", "value", "is_covered"), rows(GRANT))
def test_a_lease_is_what_was_granted_and_no_other(field: str, value: Any, is_covered: bool) -> None:
    """THREATS A-11."""
    assert answers(replace(lease(), **{field: value})) is is_covered


@pytest.mark.parametrize(
    ("at", "boot", "is_covered"),
    [(0, 0, True), (10, 10, True), (11, 10, False), (10, 11, False)],
    ids=["begun", "just now", "not by the wall clock", "not by the boot clock"],
)
def test_a_lease_for_later_answers_for_nothing_before_it_begins(at: float, boot: float, is_covered: bool) -> None:
    """THREATS A-11."""
    held = replace(lease(), begins_at=START + timedelta(seconds=at), begins_boot=moment(boot).boot)
    assert answers(held) is is_covered
