# SPDX-License-Identifier: Apache-2.0
"""A host on which nothing knows programs: nothing is told of a command, and never that it is harmless."""

from __future__ import annotations

from jitd.cli.assent import why_the_word
from jitd.core.conditions import read_command_pattern
from jitd.core.grade import Finding, Grade
from jitd.core.grader import loss_by, way_to_root
from jitd.core.rule import Rule
from jitd.deciding.findings import Findings
from jitd.verbs.outlook import graded, graded_rule
from jitd.verbs.rows import request_row
from jitpam.wire.rows import Request
from tests.graders import FINDINGS
from tests.scene import asked, command, person

NOTHING = Findings(None)
ROOTS = read_command_pattern(("/usr/bin/vim", "**"))
RULE = Rule("permit", "p", run_as=("root",), commands=(ROOTS,))


def test_no_look_finds_anything() -> None:
    asked = command("vim", "/etc/motd")
    assert NOTHING.of_words(asked, "alice") is None
    assert NOTHING.without_answer(asked, "alice") is None
    assert NOTHING.on_this_host(asked, person("alice")) is None
    assert NOTHING.stored_with(asked, "alice") is None
    assert NOTHING.of_rule(RULE) is None
    assert FINDINGS.of_words(asked, "alice") and FINDINGS.of_rule(RULE), "which is something where programs are known"


def test_an_approver_has_to_type_yes_even_for_what_is_harmless() -> None:
    """THREATS L-33: a grade that nobody has given comforts nobody."""
    for findings, said in ((NOTHING, "jitd does not say what it gives"), (FINDINGS, "")):
        made = request_row(asked(what=command("true")), person("bob"), may_review=True, is_own=False)
        row = made.plus(**graded(findings, command("true"), "alice")).written()
        assert why_the_word(Request.read(row)) == said
    assert graded_rule(NOTHING, RULE) == {"grade": None, "damage": None, "findings": ()}


def test_what_was_found_while_it_was_there_stays() -> None:
    found = (Finding(Grade.GIVES, "vim can start a shell"),)
    assert NOTHING.stored_with(command("vim", findings=found), "alice") == found


def test_a_rule_is_not_warned_of() -> None:
    assert way_to_root(None, ROOTS) == "" and loss_by(None, ROOTS, as_root=True) == ""
