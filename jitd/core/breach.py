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
from jitd.core.edit import Edit, Edits, NewFile, Removal
from jitd.core.question import Question
from jitd.core.what import Doubted, Login, Program, Things
from jitd.core.wording import listed, name_in_sentence

STDIN = {"tty": ("terminal",), "none": ("null", "closed")}  # `run.stdin` → kinds of standard input. `any` allows all


def breach(rule: str, obligations: Obligations, question: Question) -> str:
    """Return a sentence about the first part of ``question`` that is not allowed, or ""."""
    terms, is_executed = obligations.terms, deed_of(question.service, question.command.what).is_executed
    if found := question.terms.beyond(rule, obligations):
        return found
    if found := beyond_new(rule, terms, question.command):
        return found
    if question.command.options and not terms.options:
        options = listed(tuple(name_in_sentence(option) for option in question.command.options), "and")
        return f"rule {rule} does not allow the options {options} of {question.service}"
    for name, value in question.command.variables:
        if not question.has_sudos_environment and not may_come_along(name, terms.env):
            return f"rule {rule} does not allow the variable {name_in_sentence(name)}"
        if value.startswith(b"()"):
            return f"the variable {name_in_sentence(name)} holds a function, and functions are not allowed"
    if is_executed and terms.cwd != "caller" and question.chdir is not None and question.chdir != terms.cwd.encode():
        return f"rule {rule} runs commands only in {terms.cwd}"
    if terms.observed and not is_executed:
        return f"rule {rule} requires that somebody watches, but only jitsudo COMMAND can be watched"
    kind = question.command.streams[0] if question.command.streams else ""
    if kind and kind not in STDIN.get(terms.stdin, (kind,)):
        wanted = "a terminal" if terms.stdin == "tty" else "none"
        return f"standard input is a {kind}, and rule {rule} wants {wanted}"
    if question.writable_by and not terms.writable:
        others = listed(question.writable_by, "and")
        return f"others can change the file of this command, which rule {rule} does not allow: {others}"
    if question.by_name and is_executed:
        return f"{question.by_name[0]}: no rule can allow this"
    return ""


def beyond_new(rule: str, terms: Terms, command: Command) -> str:
    """Return a sentence if ``command`` makes a file that ``terms`` do not allow, also those of root, or removes one. Otherwise
    return "". A rule that permits new files permits that they are removed again, whatever mode it has for them today.
    """
    match command.what:
        case NewFile() if terms.new is None:
            return f"there is no {name_in_sentence(command.edited)}, and rule {rule} permits no new file"
        case NewFile(mode=mode):
            return "" if mode == terms.new else f"rule {rule} permits new files with the mode {terms.new:04o} alone"
        case Removal() if terms.new is None:
            file = name_in_sentence(command.edited)
            return f"rule {rule} permits no new file, and so does not permit that {file} is removed again"
        case Program() | Edit() | Edits() | Removal() | Things() | Login() | Doubted():
            return ""


def unbound(rule: str, terms: Terms, command: Command) -> str:
    """``terms`` may refuse each argument of ``command`` that names what others could change. Return a sentence about the first
    such argument, or "" if there is none. The content that an operand had when jitd looked at it does not matter: the command
    opens the operand later, by its name, and anybody who can change it may exchange it in between (ADR 0144).

    If jitd is not certain what the arguments are, return a sentence about this.
    """
    if not terms.bound:
        return ""
    lead = f"rule {rule} refuses arguments that name what others can change"
    if command.doubt:
        return f"{lead}, and it is not certain what the arguments are"
    for operand in command.operands[:1]:
        if not operand.is_seen:
            return f"{lead}, and argument {operand.at} names a place that you cannot see"
        if any(at == operand.at for at, _ in command.masked):
            return f"{lead}, as argument {operand.at} does"
        return f"{lead}: argument {operand.at}, {name_in_sentence(operand.path)}: {operand.because}"
    if not all(one.digest for one in command.interpreters):
        return f"{lead}, and others can change what the first line of the command's file names as an argument"
    return ""
