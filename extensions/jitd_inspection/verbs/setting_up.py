# SPDX-License-Identifier: Apache-2.0
"""The verb ``setup`` takes a host from the installation to the first approved command.

Law: all steps are printed before the first one is done, and nothing is done before a person has agreed. What is right is not
changed. Without a terminal, nothing is asked.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from jitd import extensions
from jitd.cli.answer import answer, quote, say
from jitd.cli.call import NotDone
from jitd.cli.question import answered, can_ask, sentence
from jitpam.wire.shown import shown, shown_argument

SHELL = frozenset("'\"\\$`;&|<>()")  # a line with one of these would mean more to a shell than its words

if TYPE_CHECKING:
    from jitd_inspection.setup.plan import Answers, Facts, Question, Step


GROUPS = {
    "The key": ("kind", "admin", "no_admin", "renews"),
    "The first rule": ("requester", "approver", "tell", "rule"),
    "How it goes on": ("dry_run", "is_sure", "waits", "leaves"),
}
"""The options in the order of the questions that they answer. The option for help stands after all of them."""


class Grouped(click.Command):
    """A verb whose help lists the options in GROUPS."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        records = {one.name: record for one in options if (record := one.get_help_record(ctx)) is not None}
        sections = {group: [records.pop(name) for name in names] for group, names in GROUPS.items()}
        sections["How it goes on"] += records.values()
        for group, rows in sections.items():
            with formatter.section(group):
                formatter.write_dl(rows)


@click.command(cls=Grouped, context_settings={"allow_interspersed_args": False})
@click.option("--admin", metavar="PRINCIPAL", help="Who may make service principals in the realm.")
@click.option("--no-admin", is_flag=True, help="Nobody here may: somebody else makes the key, or the host's account has it.")
@click.option("--requester", metavar="WHO", help="Who may ask, under the first rule: group:NAME, user:NAME, …")
@click.option("--approver", metavar="WHO", help="Who may approve.")
@click.option("--tell", metavar="HOW", help="Who is told of requests: terminals, nobody, or a mail address.")
@click.option("--rule", metavar="NAME", default="", help="The name of the rule. Default: made of COMMAND.")
@click.option("--kind", type=click.Choice(["mit", "freeipa", "ad"]), help="The kind of the realm, if it is not found.")
@click.option("--new-key", "renews", is_flag=True, help="If the KDC has jitd's principal already, give it a new key.")
@click.option("--dry-run", is_flag=True, help="Print the steps, and change nothing.")
@click.option("--yes", "is_sure", is_flag=True, help="Do the steps without a question.")
@click.option("--wait", "waits", is_flag=True, help="Wait for the first request. The default on a terminal.")
@click.option("--no-wait", "leaves", is_flag=True, help="Do not wait. The default without a terminal.")
@click.argument("command", metavar="[COMMAND]...", nargs=-1, type=click.UNPROCESSED)
def setup(
    *,
    admin: str | None,
    no_admin: bool,
    requester: str | None,
    approver: str | None,
    tell: str | None,
    rule: str,
    kind: str | None,
    renews: bool,
    dry_run: bool,
    is_sure: bool,
    waits: bool,
    leaves: bool,
    command: tuple[str, ...],
) -> None:
    """Set up this host, step by step: its key, its settings, a first rule for COMMAND. Then start jitd, and try it.

    All steps are printed before the first one is done. What is right is not changed.
    """
    from jitd_inspection.setup import host, plan

    if os.geteuid() != 0:
        raise NotDone("this sets up the host: be root", "forbidden")
    if admin is not None and no_admin:
        raise click.UsageError("--admin and --no-admin exclude each other")
    if waits and leaves:
        raise click.UsageError("--wait and --no-wait exclude each other")
    try:
        facts = host.look(kind)
    except host.CannotRead as fault:
        raise _stopped([*str(fault).split("\n"), "mend this first: jitd check tells every fault"]) from None
    given = plan.Answers(
        admin="" if no_admin else admin,
        requester=None if requester is None else _who(requester),
        approver=None if approver is None else _who(approver),
        command=_command(command, facts) if command else None,
        tell=None if tell is None else _tell_how(tell),
        rule=rule,
    )
    answers = _complete(facts, given, needs_leave=not (dry_run or is_sure))
    steps = plan.plan(facts, answers)
    if stops := [*plan.cannot(facts, steps), *host.faults(facts, steps)]:
        raise _stopped(stops)
    _tell(facts, steps)
    if dry_run:
        say("nothing was changed")
        return
    from jitd_inspection.verbs.steps import carry_out

    was_right = plan.is_right(steps)
    if was_right:
        say("everything is right: nothing is changed")
    elif not is_sure and answered("\nDo all this? type yes: ") not in ("y", "yes"):
        raise NotDone("nothing was changed")
    may_wait = waits or (can_ask() and not leaves)
    carry_out(steps, may_wait=may_wait, renews=renews)
    if not was_right:
        say("jitd is set up")
        if extensions.is_used("policy") and os.path.exists("/etc/sudoers"):
            approvers = shown_argument((answers.approver or "group:ops").encode())
            say(f"what sudo permits here, rules can permit: jitd policy import --approvers {approvers}")
    if waits or (answers.command is not None and may_wait):
        from jitd_inspection.verbs.trying import follow

        follow(answers)


def _stopped(sentences: list[str]) -> NotDone:
    """Say all ``sentences`` but the last, each on a line of its own. Return an exception with the last one."""
    *first, last = sentences
    for one in first:
        say(one)
    return NotDone(last)


# --- the answers ---------------------------------------------------------------------------------------------------------


def _complete(facts: Facts, given: Answers, *, needs_leave: bool) -> Answers:
    """Ask what is open. Without a terminal, raise UsageError that names the flag of each answer."""
    from jitd_inspection.setup.plan import questions

    answers = given
    open_ = questions(facts, answers)
    if not can_ask():
        flags = [question.flag for question in open_]
        if needs_leave and (flags or not _is_done(facts, answers)):
            flags.append("--yes or --dry-run")
        if flags:
            raise click.UsageError(f"there is no terminal to ask on: give {', '.join(flags)}")
        return answers
    for question in open_:
        answers = _asked(facts, answers, question)
    return answers


def _is_done(facts: Facts, answers: Answers) -> bool:
    from jitd_inspection.setup.plan import is_right, plan

    return is_right(plan(facts, answers))


def _asked(facts: Facts, answers: Answers, question: Question) -> Answers:
    """Ask one question until the answer can be used."""
    while True:
        default = f" [{question.default}]" if question.default else ""
        typed = sentence(f"{question.text}{default}: ") or question.default
        if typed is None:
            say(f"an answer is needed; as an option: {question.flag}")
            continue
        try:
            return replace(answers, **{question.name: READ[question.name](typed, facts)})
        except click.UsageError as fault:
            say(str(fault.message))


def _who(word: str) -> str:
    """Return WHO as a rule has it. A bare name of a group or an account gets its kind. Raises UsageError."""
    from jitd.core.conditions import read_who

    if not word.startswith(("group:", "user:", "principal:")):
        found = []
        with suppress(KeyError, ValueError):
            found.append(f"group:{grp.getgrnam(word).gr_name}")
        with suppress(KeyError, ValueError):
            found.append(f"user:{pwd.getpwnam(word).pw_name}")
        if len(found) > 1:  # such as the group of an account alone: who joins it later is not who was meant
            raise click.UsageError(f"{shown(word)} is a group and an account: say {' or '.join(map(shown, found))}")
        if not found:
            raise click.UsageError(f"{shown(word)} is neither a group nor an account of this host")
        (word,) = found
    try:
        return read_who(word)
    except ValueError as fault:
        raise click.UsageError(str(fault)) from None


def _tell_how(word: str) -> str:
    """Raises UsageError."""
    from jitd_inspection.setup.plan import NOBODY, TERMINALS

    if word not in (TERMINALS, NOBODY) and "@" not in word:
        raise click.UsageError(f"{shown(word)}: say {TERMINALS}, {NOBODY}, or a mail address")
    return word


def _command(words: tuple[str, ...], facts: Facts) -> tuple[str, ...]:
    """Return the command with the path of its program. Raises UsageError."""
    from jitd_inspection.setup.host import found_program

    path = found_program(words[0], facts.search_path)
    if path is None:
        raise click.UsageError(f"{shown(words[0])}: command not found")
    return (path, *words[1:])


def _typed_command(line: str, facts: Facts) -> tuple[str, ...]:
    """Return the words of a line that was typed. Blanks separate them, and nothing else has a meaning. Raises UsageError."""
    if SHELL & set(line):
        raise click.UsageError("a command with quotes or other signs of a shell is an argument: jitd setup … -- COMMAND")
    return _command(tuple(line.split()), facts)


READ: dict[str, Callable[[str, Facts], Any]] = {
    "admin": lambda typed, facts: typed,
    "tell": lambda typed, facts: _tell_how(typed),
    "requester": lambda typed, facts: _who(typed),
    "approver": lambda typed, facts: _who(typed),
    "command": _typed_command,
}
"""The field of an answer → what reads the line that was typed."""


# --- what is said --------------------------------------------------------------------------------------------------------


def _tell(facts: Facts, steps: list[Step]) -> None:
    from jitd_inspection.setup.plan import KINDS

    answer(f"This host is {facts.host}, of the realm {facts.realm}: {KINDS[facts.kind]} ({facts.because}).")
    answer()
    for number, step in enumerate(steps, 1):
        answer(f"{number}. {step.title}: {shown(step.sentence)}{' (already right)' if step.is_right else ''}")
        quote(step.shown(), indent=" " * 7)
        if step.note:
            answer(f"   {step.note}")
    if facts.robots:
        answer()
        answer("Once sudo asks jitd, it refuses accounts that use it now:")
        quote(facts.robots, indent=" " * 7)
