# SPDX-License-Identifier: Apache-2.0
"""The truth tables of every check: each finding is seen, and so is its absence."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TypeGuard

import pytest

from jitd_inspection import doctor
from jitd_inspection.doctor import kerberos
from jitd_inspection.doctor.files import Seen
from jitd_inspection.doctor.finding import LEVELS, Result, listed, word
from tests.doctor import of_files, of_names, of_running
from tests.doctor.rows import Row, text
from tests.law.test_commands import COMMANDS
from tests.table import each_row

ROWS = [*of_files.ROWS, *of_names.ROWS, *of_running.ROWS]


@each_row("row", ROWS, ids=lambda row: f"{row.check}-{row.level}-{row.words}")
def test_what_was_looked_at_makes_this_finding(row: Row) -> None:
    found = {(finding.check, finding.level): text(finding) for finding in row.findings()}
    assert (row.check, row.level) in found, found
    assert row.words in found[row.check, row.level]


def test_every_command_of_a_finding_is_typed_by_a_test() -> None:
    """The law finds commands in the texts by their first words; here are the commands themselves, whatever they begin with."""
    known = [re.compile(re.escape(row).replace(r"\{\}", "(.+)")) for row in COMMANDS]
    steps = {step for row in ROWS for finding in row.findings() for step in re.split(" && |; ", finding.command) if step}
    own = {
        "kinit",
        "jitd review A",
        "sleep 2",
        "restart it",
        "reload it",
        "start it",
        "start",
    }  # a person's own, and what the rows have in place of commands
    assert sorted(step for step in steps - own if not any(one.match(step) for one in known)) == []


def test_no_command_closes_a_keytab_that_is_not_jitds_own() -> None:
    """A service that reads it as a group would lose its key."""
    found = [
        (path, bool(kerberos.closed(path, "jitd/h@R", Seen(path, uid, mode), is_joined=is_joined).command))
        for path in (kerberos.OWN, "/etc/krb5.keytab", "/etc/jitd/other.keytab")
        for uid, mode in ((0, 0o100640), (7, 0o100600))
        for is_joined in (False, True)
    ]
    assert all(has_command is (path == kerberos.OWN) for path, has_command in found), found


def test_a_check_never_says_two_things_of_one_matter() -> None:
    """Only of several operators some may be there."""
    twice = []
    for row in ROWS:
        levels: dict[str, set[str]] = {}
        for finding in row.findings():
            levels.setdefault(finding.check, set()).add(finding.level)
        twice += [(row, said) for check, said in levels.items() if len(said) > 1 and check != "operators"]
    assert len(ROWS) > 200
    assert twice == []


def written() -> set[tuple[str, str]]:
    """(check, level) of every finding that a check can make and names by a literal. What ``examine…`` says by itself is of a
    subject that could not be looked at.
    """
    found = set()
    for file in Path(doctor.__path__[0]).glob("*.py"):
        for function in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef) and not function.name.startswith("examin"):
                found |= made_in(function)
    return found


def made_in(function: ast.FunctionDef) -> set[tuple[str, str]]:
    named: dict[str, ast.expr] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            both = zip(target.elts, value.elts, strict=False) if is_tuple(target) and is_tuple(value) else [(target, value)]
            named |= {each.id: given for each, given in both if isinstance(each, ast.Name)}
    found = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in LEVELS:
            name = node.args[0]
            name = named.get(name.id, name) if isinstance(name, ast.Name) else name
            if isinstance(name, ast.Constant):
                found.add((name.value, node.func.id))
    return found


def is_tuple(node: ast.expr) -> TypeGuard[ast.Tuple]:
    return isinstance(node, ast.Tuple)


def test_every_finding_that_can_be_made_is_in_a_table() -> None:
    assert len(written()) > 60
    assert sorted(written() - {(row.check, row.level) for row in ROWS}) == []


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_not_ok_has_a_mend_and_what_is_ok_has_none(level: str) -> None:
    mended = {"mend": "do that"} if level != "ok" else {}
    Result("x", level, "it is so", **mended)
    with pytest.raises(ValueError, match="mend"):
        Result("x", level, "it is so", **({} if mended else {"command": "true"}))


def test_there_is_no_fifth_level() -> None:
    with pytest.raises(ValueError, match="level"):
        Result("x", "fine", "it is so")


@pytest.mark.parametrize(
    ("plain", "typed"), [("/etc/x", "/etc/x"), ("", "''"), ("a b", "'a b'"), ("$(x)", "'$(x)'"), ("'", "''\\'''")]
)
def test_a_name_is_typed_as_one_word(plain: str, typed: str) -> None:
    assert word(plain) == typed


def test_a_long_list_says_how_many_more_there_are() -> None:
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
    assert listed(["a", "b"], 2) == "a, b"
