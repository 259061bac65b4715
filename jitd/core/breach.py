# SPDX-License-Identifier: Apache-2.0
"""Checks whether a request asks for more than a rule allows. Such a request is refused, and the refusal names the rule.

Law: the functions return a sentence about what the rule does not allow. If this sentence is empty, the rule allows everything
that was checked.
"""

from __future__ import annotations

from jitd.core.command import Command
from jitd.core.conditions import may_come_along
from jitd.core.decision import Obligations, Terms
from jitd.core.deed import deed_of
from jitd.core.question import Question
from jitd.core.wording import listed

STDIN = {"tty": ("terminal",), "none": ("null", "closed")}
"""Maps a value of the rule's key ``run.stdin`` to the kinds of standard input that it allows. The value ``any`` is not in the
table, because it allows all kinds.
"""


def breach(rule: str, obligations: Obligations, question: Question) -> str:
    """Return a sentence about the first part of ``question`` that ``rule`` or its ``obligations`` do not allow. Return an empty
    text if everything is allowed.
    """
    terms = obligations.terms
    if found := question.terms.beyond(rule, obligations):
        return found
    if question.command.options and not terms.options:
        options = listed(tuple(_spelled(option) for option in question.command.options), "and")
        return f"rule {rule} does not allow the options {options} of {question.service}"
    for name, value in question.command.variables:
        if not may_come_along(name, terms.env):
            return f"rule {rule} does not allow the variable {_spelled(name)}"
        if value.startswith(b"()"):
            return f"the variable {_spelled(name)} holds a function, and functions are not allowed"
    if (
        deed_of(question.service, gives=question.command.gives).is_executed
        and terms.cwd != "caller"
        and question.chdir is not None
        and question.chdir != terms.cwd.encode()
    ):
        return f"rule {rule} runs commands only in {terms.cwd}"
    if terms.observed and not deed_of(question.service, gives=question.command.gives).is_executed:
        return f"rule {rule} requires that somebody watches, but only jitsudo COMMAND can be watched"
    kind = question.command.streams[0] if question.command.streams else ""
    if kind and kind not in STDIN.get(terms.stdin, (kind,)):
        wanted = "a terminal" if terms.stdin == "tty" else "none"
        return f"standard input is a {kind}, and rule {rule} wants {wanted}"
    if question.writable_by and not terms.writable:
        others = listed(question.writable_by, "and")
        return f"others can change the file of this command, which rule {rule} does not allow: {others}"
    if question.by_name and deed_of(question.service, gives=question.command.gives).is_executed:
        return f"{question.by_name[0]}: no rule can allow this"
    return ""


def unbound(rule: str, terms: Terms, command: Command, service: str) -> str:
    """``terms`` may require that the run is bound to the content of every file that an argument of ``command`` names. If at
    least one of these files is not bound, return a sentence about the first file that is not bound. If jitd is not certain what
    the arguments are, return a sentence about this. In all other cases, return an empty text.
    """
    if not terms.bound:
        return ""
    if command.doubt:
        return f"rule {rule} requires files named by arguments to be bound, and it is not certain what the arguments are"
    for operand in command.operands:
        where = f"rule {rule} requires files named by arguments to be bound, and argument {operand.at}"
        if not operand.is_seen:
            return f"{where} names a place that you cannot see"
        if not deed_of(service).is_executed:
            return f"{where}, {_spelled(operand.path)}, can be changed by others until {service} runs it"
        if not operand.digest:
            return f"{where}, {_spelled(operand.path)}, is not bound: {operand.because}"
    return ""


def _spelled(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
