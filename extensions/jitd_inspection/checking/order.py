# SPDX-License-Identifier: Apache-2.0
"""Warnings about the order of rules. For example, a later rule has no effect, because an earlier rule always decides the same
requests.

Law: ``core.policy.decide`` sets the order: first all denies are evaluated, then the permits up to the first match.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, takewhile

from jitd.core.conditions import CommandPattern
from jitd.core.keys.break_glass import BREAK_GLASS
from jitd.core.keys.commands import COMMANDS
from jitd.core.rule import Rule
from jitd.core.warning import Warned

ANYTHING = Rule("permit", "", commands=(CommandPattern(("**",), None, (), True),))  # with this, other rules are compared
MOST_TOLD = 3  # rules that are named in one warning


def about_order(rules: Sequence[Rule]) -> Iterator[Warned]:
    """Yield the warnings about two kinds of rules. A rule of the first kind has no effect, because another rule always decides
    first. A rule of the second kind permits any command, and comes before narrower permits for the same people.
    """
    denies, before = Candidates(), Candidates()
    for rule in rules:
        if denies_everything(rule):  # one warning says this; it is not repeated for each permit
            yield _warned("denies-everything", rule, "it denies every command to everybody but root, at any time")
        elif rule.verdict == "deny":
            denies.add(rule)
    for at, rule in enumerate(rules):
        by = next(chain((denies if rule.verdict == "permit" else before).covering(rule), before.covering(rule)), None)
        if not denies_everything(rule):
            before.add(rule)
        if by is not None:
            yield _warned("shadowed", rule, f"rule {by.name} ({place(by)}) {_does(by, rule)}")
        elif later := _narrower(rules, at):
            yield _warned(
                "any-command-first", rule, f'[["**"]] matches any command, and this rule comes before {_spelled(later)}'
            )


def denies_everything(rule: Rule) -> bool:
    """True if ``rule`` denies every command to everybody except root, at any time."""
    is_for_everybody = rule.verdict == "deny" and rule.who is None and (rule.run_as is None or "*" in rule.run_as)
    return is_for_everybody and rule.covers(ANYTHING)


def place(rule: Rule) -> str:
    """Return ``FILE:LINE`` of ``rule``."""
    return f"{rule.file}:{rule.line}"


class Candidates:
    """An index of rules by the people and the commands that they name. A policy may have 10,000 rules. With the index, each rule
    is compared with only a few other rules.

    A wide rule covers a narrow rule only if two conditions are met. First, the wide rule applies to everybody, or names all
    people whom the narrow rule names. Second, each pattern of the narrow rule begins with the stem of a pattern of the wide
    rule. The stem of a pattern consists of the words before the first wildcard.
    """

    def __init__(self) -> None:
        self._rules: dict[tuple[str, tuple[str, ...]], list[Rule]] = {}

    def add(self, rule: Rule) -> None:
        for who in rule.who or ("",):
            for stem in stems(rule):
                self._rules.setdefault((who, stem), []).append(rule)

    def covering(self, rule: Rule) -> Iterator[Rule]:
        """Yield each rule in the index that covers ``rule``. Each rule is yielded only once."""
        stem = stems(rule)[0]
        seen: set[int] = set()
        for who in ("", (rule.who or ("",))[0]):
            for size in range(len(stem) + 1):
                for other in self._rules.get((who, stem[:size]), ()):
                    if id(other) not in seen and other is not rule:
                        seen.add(id(other))
                        if other.covers(rule):
                            yield other


def stems(rule: Rule) -> list[tuple[str, ...]]:
    """Return a tuple for each pattern of ``rule``, with the words before the first wildcard. For a pattern that matches any
    command, the tuple is empty. Also return a tuple with the name of each thing that ``rule`` gives.
    """
    found: list[tuple[str, ...]] = [(thing,) for thing in rule.gives or ()]
    for pattern in rule.commands or ():
        words = pattern.text[:-1] if pattern.is_open else pattern.text
        found.append(tuple(takewhile(lambda word: not re.search(r"[*?]", word), words)))
    return list(dict.fromkeys(found)) or [()]


def _does(by: Rule, rule: Rule) -> str:
    if by.verdict == "permit":
        return "comes first and matches all that this rule matches, so this rule never decides"
    if rule.verdict == "deny":
        return "comes first and denies all that this rule denies"
    return "denies all that this rule permits"


def _narrower(rules: Sequence[Rule], at: int) -> list[Rule]:
    """If the rule at index ``at`` is a permit for any command, return the later permits for the same people, which are partly
    useless. Two permits are for the same people if a word of ``who`` is the same: the members of groups may change.
    """
    rule = rules[at]
    if rule.verdict != "permit" or not COMMANDS.covers(rule, ANYTHING):
        return []
    return [
        other
        for other in rules[at + 1 :]
        if other.verdict == "permit"
        and BREAK_GLASS.covers(rule, other)
        and other.commands is not None
        and not COMMANDS.covers(other, ANYTHING)
        and set(rule.who or ()) & set(other.who or ())
        and _meets_words(rule.services, other.services)
        and _meets_run_as(rule, other)
        and not rule.covers(other)
    ]


def _meets_words(one: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    """True if the two lists have a word in common. None has all words."""
    return one is None or other is None or bool(set(one) & set(other))


def _meets_run_as(one: Rule, other: Rule) -> bool:
    return any(_meets_word(word, against) for word in one.run_as or ("*",) for against in other.run_as or ("*",))


def _meets_word(one: str, other: str) -> bool:
    """True if an account with a group may match both words of ``run_as``. A word without a group may mean any group by name."""
    (user, _, group), (others_user, _, others_group) = one.partition(":"), other.partition(":")
    is_same_user = "*" in (user, others_user) or user == others_user
    return is_same_user and (group == others_group or not {"", "*"}.isdisjoint((group, others_group)))


def _spelled(later: Sequence[Rule]) -> str:
    if len(later) == 1:
        return f"rule {later[0].name}, which stands later"
    more = f" and {len(later) - MOST_TOLD} more" if len(later) > MOST_TOLD else ""
    return f"rules {', '.join(rule.name for rule in later[:MOST_TOLD])}{more}, which stand later"


def _warned(name: str, rule: Rule, sentence: str) -> Warned:
    return Warned(name, rule.file, rule.line, rule.name, sentence)
