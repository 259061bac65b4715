# SPDX-License-Identifier: Apache-2.0
"""What goes beyond a rule, row by row: the sentence that tells it, and the first one where there are several."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jitd.core.breach import breach, unbound
from jitd.core.command import Command, Interpreter, Operand
from jitd.core.decision import Obligations, Terms
from jitd.core.question import Question
from tests.core.house import question
from tests.scene import but, command, thing

THEIRS = "rule p runs commands only in /srv"
WATCHED = "rule p requires that somebody watches, but only jitsudo COMMAND can be watched"


def asked(about: dict[str, Any] | None = None, **facts: Any) -> Question:
    """A question with ``facts``, and a command with what is said ``about`` it."""
    made = question(**facts)
    return replace(made, command=replace(made.command, **{"streams": (), **(about or {})}))


def of(**terms: Any) -> dict[str, Any]:
    """The rule's terms."""
    return {"terms": replace(Terms(), **terms)}


BREACHES: list[tuple[str, dict[str, Any], Question, str]] = [
    # what it is about, what the rule is besides 10 minutes and 5 uses, the question, what is told of it
    ("nothing", {}, asked(), ""),
    ("no time", {}, asked(lasts_for=0), "rule p grants at most 10m"),
    ("the least time", {}, asked(lasts_for=1), ""),
    ("all of the time", {}, asked(lasts_for=600), ""),
    ("too much time", {}, asked(lasts_for=601), "rule p grants at most 10m"),
    ("no use", {}, asked(uses=0), "rule p grants at most 5 uses"),
    ("one use", {}, asked(uses=1), ""),
    ("all uses", {}, asked(uses=5), ""),
    ("too many uses", {}, asked(uses=6), "rule p grants at most 5 uses"),
    ("a second use", {"uses": 1}, asked(uses=2), "rule p grants at most 1 use"),
    ("any run is short enough", {}, asked(timeout_for=9999), ""),
    ("a run that is short enough", of(timeout_for=60), asked(timeout_for=60), ""),
    ("a run of any length", of(timeout_for=60), asked(), ""),
    ("a run that is too long", of(timeout_for=60), asked(timeout_for=61), "rule p lets a command run for at most 1m"),
    (
        "options",
        {},
        asked({"options": (b"-E", b"-H\xff")}, service="sudo"),
        r"rule p does not allow the options -E and '-H\xff' of sudo",
    ),
    ("options that are let", of(options=True), asked({"options": (b"-E",)}, service="sudo"), ""),
    ("a variable", {}, asked(variables=((b"A", b"1"),)), "rule p does not allow the variable A"),
    ("a variable that is let", of(env=("A",)), asked(variables=((b"A", b"1"),)), ""),
    ("the second one", of(env=("A",)), asked(variables=((b"A", b"1"), (b"B", b"2"))), "rule p does not allow the variable B"),
    (
        "a function",
        of(env=("A",)),
        asked(variables=((b"A", b"() {"),)),
        "the variable A holds a function, and functions are not allowed",
    ),
    ("in the caller's directory", {}, asked(chdir=b"/tmp"), ""),
    ("where the rule runs it anyway", of(cwd="/srv"), asked(), ""),
    ("in the rule's directory", of(cwd="/srv"), asked(chdir=b"/srv"), ""),
    ("in another directory", of(cwd="/srv"), asked(chdir=b"/tmp"), THEIRS),
    ("sudo goes where it wants", of(cwd="/srv"), asked(chdir=b"/tmp", service="sudo"), ""),
    ("a thing has no directory", of(cwd="/srv"), asked({"gives": True}, chdir=b"/tmp"), ""),
    ("watched", of(observed=True), asked(), ""),
    ("sudo cannot be watched", of(observed=True), asked(service="sudo"), WATCHED),
    ("a thing cannot be watched", of(observed=True), asked({"gives": True}), WATCHED),
    ("no input is known yet", of(stdin="tty"), asked(), ""),
    ("a terminal, as is wanted", of(stdin="tty"), asked({"streams": ("terminal", "pipe", "pipe")}), ""),
    (
        "no terminal",
        of(stdin="tty"),
        asked({"streams": ("pipe", "terminal", "terminal")}),
        "standard input is a pipe, and rule p wants a terminal",
    ),
    (
        "an input",
        of(stdin="none"),
        asked({"streams": ("terminal", "terminal", "terminal")}),
        "standard input is a terminal, and rule p wants none",
    ),
    ("no input", of(stdin="none"), asked({"streams": ("null", "pipe", "pipe")}), ""),
    ("a closed input", of(stdin="none"), asked({"streams": ("closed", "pipe", "pipe")}), ""),
    ("any input", {}, asked({"streams": ("socket", "pipe", "pipe")}), ""),
    (
        "a file of others",
        {},
        asked(writable_by=("bob can write to it", "carol owns it")),
        "others can change the file of this command, which rule p does not allow: bob can write to it and carol owns it",
    ),
    ("a file of others that is let", of(writable=True), asked(writable_by=("bob can write to it",)), ""),
]


@pytest.mark.parametrize(("rule", "it", "told"), [row[1:] for row in BREACHES], ids=[row[0] for row in BREACHES])
def test_what_goes_beyond_a_rule_is_told(rule: dict[str, Any], it: Question, told: str) -> None:
    assert breach("p", replace(Obligations((), 900, 600, 5, Terms()), **rule), it) == told


def test_of_several_breaches_the_first_is_told() -> None:
    all_at_once = asked(
        {"streams": ("pipe", "pipe", "pipe"), "options": (b"-E",)},
        lasts_for=601,
        uses=6,
        timeout_for=61,
        variables=((b"A", b"() {"),),
        chdir=b"/tmp",
        writable_by=("bob can write to it",),
    )
    strict = Obligations((), 900, 600, 5, Terms(timeout_for=60, cwd="/srv", stdin="none"))
    told = []
    for change in (
        {"lasts_for": None},
        {"uses": None},
        {"timeout_for": None},
        {"command": replace(all_at_once.command, options=())},
        {"command": replace(all_at_once.command, options=(), variables=())},
        {"chdir": None},
        {"command": replace(all_at_once.command, options=(), variables=(), streams=())},
        {"writable_by": ()},
    ):
        told.append(breach("p", strict, all_at_once))
        all_at_once = but(all_at_once, **change)
    assert [sentence.partition(":")[0] for sentence in told] == [
        "rule p grants at most 10m",
        "rule p grants at most 5 uses",
        "rule p lets a command run for at most 1m",
        "rule p does not allow the options -E of jitsudo",
        "rule p does not allow the variable A",
        THEIRS,
        "standard input is a pipe, and rule p wants none",
        "others can change the file of this command, which rule p does not allow",
    ]
    assert breach("p", strict, all_at_once) == ""


SEEN = Operand(2, b"/srv/x\xff.sh", b"e" * 32, "it is bob's", True)
LOOSE = replace(SEEN, digest=b"", because="it belongs to bob")
HIDDEN = replace(SEEN, path=b"/root/x.sh", is_seen=False)
BY_NAME = Interpreter(b"/srv/tool", b"", "it belongs to bob")
REFUSED = "rule p refuses arguments that name what others can change"
UNSEEN = f"{REFUSED}, and argument 2 names a place that you cannot see"
UNBOUND: list[tuple[str, Command, str]] = [
    # what it is about, the command, what is told of it
    ("no file", command("sh"), ""),
    ("a thing", thing(), ""),
    ("a file whose content was read", command("sh", operands=(SEEN,)), rf"{REFUSED}: argument 2, '/srv/x\xff.sh': it is bob's"),
    ("a loose file", command("sh", operands=(LOOSE,)), rf"{REFUSED}: argument 2, '/srv/x\xff.sh': it belongs to bob"),
    ("a masked word", command("sh", operands=(SEEN,), masked=((2, 0),)), f"{REFUSED}, as argument 2 does"),
    ("a hidden file", command("sh", operands=(HIDDEN,)), UNSEEN),
    ("the first of two", command("sh", operands=(replace(HIDDEN, at=1), LOOSE)), UNSEEN.replace("2", "1")),
    ("a copied interpreter", command("sh", interpreters=(replace(BY_NAME, digest=b"e" * 32),)), ""),
    (
        "a program that an interpreter opens by its name",
        command("sh", interpreters=(replace(BY_NAME, digest=b"e" * 32), BY_NAME)),
        f"{REFUSED}, and others can change what the first line of the command's file names as an argument",
    ),
    (
        "a doubt",
        command("sh", doubt="two commands", operands=(SEEN,)),
        f"{REFUSED}, and it is not certain what the arguments are",
    ),
]


@pytest.mark.parametrize(("it", "told"), [row[1:] for row in UNBOUND], ids=[row[0] for row in UNBOUND])
def test_the_first_file_that_others_can_change_is_told(it: Command, told: str) -> None:
    """THREATS R-27."""
    assert unbound("p", Terms(bound=True), it) == told
    assert unbound("p", Terms(), it) == "", "a rule that does not demand it"
