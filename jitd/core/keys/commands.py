# SPDX-License-Identifier: Apache-2.0
"""The keys ``commands`` and ``gives``, which form one condition: what a rule is about.

Law: jitd identifies a command by its path, after all links in the directories of this path are resolved. Therefore the first
directory of a pattern is resolved, too, if it is a link, such as ``/bin``. No other links of a pattern are resolved.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from jitd.core.command import Command
from jitd.core.conditions import CommandPattern, read_command_pattern
from jitd.core.edit import SUDOEDIT, Edit, Edits, NewFile, Removal
from jitd.core.keys.key import Condition, Fields, Part, SetUp, Stated, Verdict, World, any_of
from jitd.core.question import Question
from jitd.core.spelling import spelled
from jitd.core.thing import SERVICE_TICKET, is_service_ticket, read_thing
from jitd.core.toml_table import Table, quoted
from jitd.core.what import Doubted, Login, Program, Things
from jitd.core.wording import listed


@dataclass(frozen=True, kw_only=True)
class WithCommands(Stated):
    """A rule with only ``commands`` does not cover things, and a rule with only ``gives`` does not cover commands. With neither
    of them, a permit covers all commands and no things, and a deny covers all commands and all things.
    """

    commands: tuple[CommandPattern, ...] | None = None
    gives: tuple[str, ...] | None = None


class _Commands(Condition[WithCommands]):
    names = ("commands", "gives")
    row = "commands"

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        found: dict[str, object] = {}
        if "commands" in table.values:
            found["commands"] = _patterns(table, world)
        elif verdict == "permit" and "gives" not in table.values:
            found["commands"] = ()
        if "gives" in table.values:
            found["gives"] = table.words("gives", (), lambda word: _thing(word, world.kinds))
        return found

    def unknown(self, rule: WithCommands, set_up: SetUp) -> Iterator[str]:
        if set_up.things is None or rule.verdict == "deny":
            return
        for thing in rule.gives or ():
            if not is_service_ticket(thing) and thing not in set_up.things:
                kind, _, name = thing.partition(":")
                yield f'jitd.toml sets up no {quoted(thing)}: write a table "[givers.{name}]" with kind = "{kind}" there'

    def holds(self, rule: WithCommands, question: Question, at: datetime) -> bool:
        return _denies(rule, question) if rule.verdict == "deny" else _permits(rule, question)

    def wants(self, rule: WithCommands) -> str:
        if rule.commands is None and rule.gives is None:
            return "any command"
        return any_of((*(str(pattern) for pattern in rule.commands or ()), *(rule.gives or ())), "")

    def found(self, rule: WithCommands, question: Question, at: datetime) -> str:
        words = question.command.told_argv
        match question.command.what:
            case Program(path, _):
                return " ".join(map(spelled, (path, *words[1:])))
            case Doubted(because):
                return f"{' '.join(map(spelled, words))} (it is not certain what runs: {because})"
            case Edit() | Edits() | NewFile() | Removal() | Things() | Login():
                return " ".join(map(spelled, words))

    def phrases(self, rule: WithCommands) -> Iterator[tuple[Part, str]]:
        if rule.gives is not None:
            yield Part.WHAT, listed(rule.gives, "or")

    def covers(self, wide: WithCommands, narrow: WithCommands) -> bool:
        if wide.verdict == "deny" and wide.commands is None and wide.gives is None:
            return True
        if narrow.gives is not None and not set(narrow.gives) <= set(wide.gives or ()):
            return False
        if narrow.commands is None:
            return narrow.gives is not None
        return all(any(one.covers(other) for one in wide.commands or ()) for other in narrow.commands)


def _denies(rule: WithCommands, question: Question) -> bool:
    if rule.commands is None and rule.gives is None:
        return True
    match question.command.what:
        case Things(names):  # whatever other things are requested
            return any(name in (rule.gives or ()) for name in names)
        case Doubted():
            return rule.commands is not None
        case Edits():
            return any(_denies(rule, one) for one in question.each)
        case Program() | Edit() | NewFile() | Removal() | Login():  # another name of the file must not bypass the deny
            others = (b"", *question.names)
            return any(pattern.matches(question.command, name) for pattern in rule.commands or () for name in others)


def _permits(rule: WithCommands, question: Question) -> bool:
    """A permit is only about things and edits that it names, and about the name of the file that it has."""
    match question.command.what:
        case Things():
            return bool(question.wanted) and set(question.wanted) <= set(rule.gives or ())
        case Edits():
            return all(_permits(rule, one) for one in question.each)
        case Edit() | NewFile() | Removal():
            return _is_in([one for one in rule.commands or () if one.is_edit], question.command)
        case Program() | Login() | Doubted():
            return rule.gives is None if rule.commands is None else _is_in(rule.commands, question.command)


def _is_in(patterns: Iterable[CommandPattern], command: Command) -> bool:
    return any(pattern.matches(command) and not pattern.is_crossed_by(command) for pattern in patterns)


def may_be_about(rule: Stated, question: Question) -> bool:
    """True if ``rule`` is a deny and it is not certain which command runs. So an unusual command line cannot bypass the deny."""
    return rule.verdict == "deny" and bool(question.command.doubt)


def _thing(word: str, kinds: Collection[str]) -> str:
    of_givers = [kind for kind in kinds if kind != SERVICE_TICKET]
    return read_thing(word, of_givers, has_tickets=SERVICE_TICKET in kinds)


def _patterns(table: Table, world: World) -> tuple[CommandPattern, ...]:
    value = table.values["commands"]
    shape = '"commands" must be a list of lists of strings, such as [["/usr/bin/id", "**"]]'
    if not isinstance(value, list):
        table.fault(shape, "commands")
        return ()
    if not value:
        table.fault('"commands" is empty', "commands")
    patterns = []
    for index, words in enumerate(value):
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            table.fault(shape, "commands", index)
            continue
        try:
            is_edit = words[:1] == [SUDOEDIT.decode()]
            first, rest = (tuple(words[:1]), tuple(words[1:])) if is_edit else ((), tuple(words))
            patterns.append(read_command_pattern((*first, *world.with_real_top(rest))))
        except ValueError as error:
            table.fault(f'"commands": {error}', "commands", index)
    return tuple(patterns)


COMMANDS = _Commands()
