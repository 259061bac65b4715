# SPDX-License-Identifier: Apache-2.0
"""Each command is one of eight kinds, and a kind has what only it has."""

from __future__ import annotations

from dataclasses import replace

from jitd.core.edit import SUDOEDIT, Edit, NewFile, Removal
from jitd.core.what import Doubted, Login, Program, Things
from tests.core.house import question

EDIT = Edit(1, 2, 0, 0, 0o644, b"b" * 32, b"a" * 32)
NEW = NewFile(1, 2, 0, 0, 0o644, b"a" * 32)
GONE = Removal(1, 2, 0, 0, 0o644, b"a" * 32, "0000-0000")
PROGRAM = replace(question(argv=(b"/bin/ls", b"-l")).command, digest=b"d" * 32)


def test_a_command_is_a_program_an_edit_a_new_file_a_removal_things_a_login_or_in_doubt() -> None:
    assert PROGRAM.what == Program(b"/bin/ls", b"d" * 32)
    assert replace(PROGRAM, argv=(SUDOEDIT, b"/etc/motd"), path=SUDOEDIT, edit=EDIT).what is EDIT
    assert replace(PROGRAM, argv=(SUDOEDIT, b"/etc/motd"), path=SUDOEDIT, makes=NEW).what is NEW
    assert replace(PROGRAM, argv=(SUDOEDIT, b"/etc/motd"), path=SUDOEDIT, removes=GONE).what is GONE
    assert replace(PROGRAM, argv=(b"group:adm", b"ticket:x"), path=b"", gives=True).what == Things(("group:adm", "ticket:x"))
    assert replace(PROGRAM, argv=(b"sudo", b"-i"), path=b"", doubt="an alias").what == Doubted("an alias")
    assert replace(PROGRAM, argv=(b"-bash",), path=b"").what == Login()


def test_what_is_not_certain_is_no_login_and_no_program() -> None:
    """Whoever would treat it as one of them would judge something else than what may run."""
    for path in (b"", b"/bin/ls"):
        assert replace(PROGRAM, path=path, doubt="an alias").what == Doubted("an alias")


def test_the_file_of_a_command_is_what_is_executed_edited_made_or_removed() -> None:
    assert PROGRAM.file == b"/bin/ls"
    assert replace(PROGRAM, argv=(SUDOEDIT, b"/etc/motd"), path=SUDOEDIT, edit=EDIT).file == b"/etc/motd"
    assert replace(PROGRAM, argv=(SUDOEDIT, b"/etc/motd"), path=SUDOEDIT, makes=NEW).file == b"/etc/motd"
    assert replace(PROGRAM, argv=(SUDOEDIT, b"/etc/motd"), path=SUDOEDIT, removes=GONE).file == b"/etc/motd"
    assert replace(PROGRAM, argv=(b"-bash",), path=b"").file == b""
