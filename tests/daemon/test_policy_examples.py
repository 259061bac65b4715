# SPDX-License-Identifier: Apache-2.0
"""The examples of contrib/policy: each is whole and carries its truth table, one comment a row, and each row holds."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jitd.core.asked_terms import USUAL
from jitd.core.command import Command, RunAs
from jitd.core.decision import Permit
from jitd.core.duration import read_duration
from jitd.core.keys.approvals import describe_approvals
from jitd.core.policy import Policy, decide
from jitd.core.question import Question
from jitd.core.subject import Subject
from jitd.settings.policyfile import load, read

EXAMPLES = sorted((Path(__file__).parents[2] / "contrib/policy").glob("*.toml"))
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2024, 1, 1, tzinfo=BERLIN)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def rows(file: Path) -> list[tuple[str, str, str]]:
    """The rows of the table in the comments, without their header."""
    cells = [
        [cell.strip() for cell in line[1:].split("|")] for line in file.read_text().split("\n") if re.match("#.*[|].*[|]", line)
    ]
    assert cells[0] == ["who", "asks", "answer"]
    return [(who, asks, answer) for who, asks, answer in cells[1:]]


def ask(policy: Policy, who: str, asks: str) -> str:
    """Reads ``[VAR=value ...] PATH [ARGUMENT ...] [CHG-1] [as|at|on|in|for|by|ticket|breaking …]`` and puts it to the policy; a
    word in place of the path is what there is no command of.
    """
    line, *clauses = re.split(r" (?=(?:as|at|on|in|for|by|ticket|breaking) )", asks)
    said = dict(clause.split(" ", 1) for clause in clauses)
    words = line.split(" ")
    variables = tuple(
        (name.encode(), value.encode()) for name, _, value in (w.partition("=") for w in words if w[0] != "/") if value
    )
    argv = tuple(word.encode() for word in words if "=" not in word and not word.startswith("CHG-"))
    user, _, group = said.get("as", "root").partition(":")
    day, clock = said.get("at", "Wed 12:00").split()
    hour, minute = clock.split(":")
    principal = "root" if who == "root" else "local:somebody" if said.get("ticket") == "none" else "somebody@EXAMPLE.ORG"
    is_bare = not argv[0].startswith(b"/")
    uid = 0 if who == "root" else 4001
    asked: dict[str, Any] = {
        "is_missing": False,
        "writable_by": (),
    }
    question = Question(
        Subject(principal, "root" if uid == 0 else "somebody", uid, uid, frozenset({who}), "somebody", None),
        Command(argv, b"" if is_bare else argv[0], b"", RunAs(user, 1, group or user, 1), b"/home", 1, 2, variables, (), ()),
        service=said.get("by", "jitsudo"),
        host=said.get("on", "db1.example.org"),
        reason="lag, CHG-1" if "CHG-1" in words else None,
        terms=replace(USUAL, lasts_for=read_duration(said["for"]) if "for" in said else None),
        chdir=said["in"].encode() if "in" in said else None,
        is_own_group=not group,
        breaks_glass="breaking" in said,
        **asked,
    )
    answer = decide(policy, question, MONDAY + timedelta(days=DAYS.index(day), hours=int(hour), minutes=int(minute)))
    if isinstance(answer, Permit):
        return f"permit {answer.rule}, {describe_approvals(answer.obligations.approvals)}"
    return f"deny: {answer.because}"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_is_whole_and_its_table_holds(file: Path, tmp_path: Path) -> None:
    assert read([file])[1] == []
    directory = tmp_path.resolve()
    directory.chmod(0o755)
    (directory / file.name).write_bytes(file.read_bytes())
    (directory / file.name).chmod(0o644)
    policy = load(directory, root="permit", owner=directory.stat().st_uid)
    table = rows(file)
    assert [(who, asks, ask(policy, who, asks)) for who, asks, _ in table] == table


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_every_rule_of_an_example_is_in_its_table(file: Path) -> None:
    answers = " ".join(answer for _, _, answer in rows(file))
    for name, because in re.findall(r'^name += "(.*?)"|^because += "(.*?)"', file.read_text(), re.MULTILINE):
        if name != "freeze":
            assert (name or because) in answers


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3
