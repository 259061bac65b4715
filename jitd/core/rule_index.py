# SPDX-License-Identifier: Apache-2.0
"""The rule index: finds the few permits that can match a question, among tens of thousands.

Law: the index skips a permit only in two cases. In the first case, no word of the permit names the requester. In the second case,
no pattern of the permit can match the command. Every deny is always evaluated, because a deny applies to a file, and a file can
have many names. The index keeps the order of the rules. The index returns candidates. Only ``policy`` decides whether a rule
matches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from jitd.core import named_groups
from jitd.core.command import Command
from jitd.core.conditions import CommandPattern
from jitd.core.named_groups import NamedGroups
from jitd.core.question import Question
from jitd.core.rule import Rule
from jitd.core.subject import Subject

ANYBODY = ""  # the key for permits that do not name people or groups. A permit without names is about everybody.


@dataclass(frozen=True, slots=True)
class _Shape:
    """The shape of a pattern: the number of words, whether more words may follow, and the positions of the words without a
    wildcard. The words without a wildcard together are the key of the pattern. Word 0 is the path, and the other words are the
    arguments.
    """

    n_words: int
    is_open: bool
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One pattern of the permit ``permit``. If the key of the pattern fits a command, the index makes two further comparisons
    with this entry. First, the command's word at the position ``at`` must start with ``beginning``, which is the part of the
    pattern's word before its first wildcard. Second, ``matches`` compares the whole pattern. ``matches`` is None if the
    comparison of the key is enough.
    """

    permit: int
    at: int
    beginning: str
    matches: Callable[[Command], bool] | None


@dataclass(slots=True)
class _Permits:
    """All permits that name people by the same word, such as ``group:ops``. Each permit is stored as its position among all
    permits of the policy. ``numbers`` contains all these permits. ``everything`` contains the permits for any command. ``gives``
    maps each thing to the permits that give this thing. ``shapes`` contains the patterns of the permits for particular
    commands. For each shape of a pattern, ``shapes`` has a map from the keys of the patterns to their entries. Each entry names
    one permit.
    """

    numbers: list[int] = field(default_factory=list)
    everything: list[int] = field(default_factory=list)
    gives: dict[str, list[int]] = field(default_factory=dict)
    shapes: dict[_Shape, dict[tuple[str, ...], list[_Entry]]] = field(default_factory=dict)


class RuleIndex:
    """The rules of one policy, in an order that makes answers fast. The index is made once, when the policy is loaded.

    ``denies`` contains all denies, in their order. ``groups`` contains the groups whose names the rules need. ``named_files``
    contains the paths in denies and in rules with masks that have no wildcard. ``named_directories`` contains the directories
    before the first wildcard of the other paths. ``given_things`` contains each thing that a permit
    can give. ``masking`` contains the rules with masks. ``takes_local_proofs`` is True if a permit accepts local passwords.
    """

    __slots__ = (
        "_by_word",
        "_deepest",
        "_permits",
        "denies",
        "given_things",
        "groups",
        "masking",
        "named_directories",
        "named_files",
        "takes_local_proofs",
    )

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.denies = tuple(rule for rule in rules if rule.verdict == "deny")
        self.groups = _groups_of(rules)
        self._permits = tuple(rule for rule in rules if rule.verdict == "permit")
        self.given_things = tuple(dict.fromkeys(thing for rule in self._permits for thing in rule.gives or ()))
        self.masking = tuple(rule for rule in self._permits if rule.masks)
        patterns = [pattern for rule in (*self.denies, *self.masking) for pattern in rule.commands or ()]
        literals = [(pattern.literal, pattern.is_literal) for pattern in patterns if pattern.literal]
        self.named_files = tuple(dict.fromkeys(path for path, is_whole in literals if is_whole))
        self.named_directories = tuple(dict.fromkeys(path for path, is_whole in literals if not is_whole))
        self.takes_local_proofs = any(rule.without_kdc == "local" for rule in self._permits)
        self._by_word: dict[str, _Permits] = {}
        self._deepest = 0
        for number, rule in enumerate(self._permits):
            for word in (ANYBODY,) if rule.who is None else dict.fromkeys(map(_key_of, rule.who)):
                self._add(number, rule, self._by_word.setdefault(word, _Permits()))

    def _add(self, number: int, rule: Rule, to: _Permits) -> None:
        to.numbers.append(number)
        if rule.commands is None and rule.gives is None:
            to.everything.append(number)
        for thing in dict.fromkeys(rule.gives or ()):
            to.gives.setdefault(thing, []).append(number)
        for pattern in rule.commands or ():
            shape, key, entry = _filed(number, pattern)
            to.shapes.setdefault(shape, {}).setdefault(key, []).append(entry)
            self._deepest = max(self._deepest, shape.n_words - 1)

    def permits(self, question: Question) -> tuple[Rule, ...]:
        """Return the permits that may match ``question``, in the order of the policy."""
        command = question.command
        known = [self._by_word[word] for word in _words_of(question.requester) & self._by_word.keys()]
        if question.wanted:  # a permit must name all requested things
            found = {number for one in known for number in one.gives.get(question.wanted[0], ())}
        else:
            found = self._for_command(known, command)
        return tuple([self._permits[number] for number in sorted(found)])

    def _for_command(self, known: Iterable[_Permits], command: Command) -> set[int]:
        found: set[int] = set()
        n_words = 1 + len(command.argv[1:])
        words = [_text(word) for word in (command.path, *command.argv[1 : 1 + self._deepest])]
        for one in known:
            found.update(one.everything)
            for shape, by_key in one.shapes.items():
                if n_words == shape.n_words or (n_words > shape.n_words and shape.is_open):
                    for entry in by_key.get(tuple([words[at] for at in shape.places]), ()):
                        if words[entry.at].startswith(entry.beginning) and _may_match(entry, command):
                            found.add(entry.permit)
        return found

    def about(self, who: Subject) -> tuple[Rule, ...]:
        """Return the permits with a word for ``who``, in the policy's order. Other conditions are ignored."""
        known = (self._by_word[word] for word in _words_of(who) & self._by_word.keys())
        return tuple(self._permits[number] for number in sorted({number for one in known for number in one.numbers}))


def _groups_of(rules: Sequence[Rule]) -> NamedGroups:
    conditions = [rule.when for rule in rules if rule.when is not None]
    certain = named_groups.in_words(word for rule in rules if rule.verdict == "deny" for word in rule.who or ())
    certain = certain.union(*(when.groups for when in conditions))
    names = (named_groups.in_words(rule.who) | named_groups.of(rule.obligations) for rule in rules)
    return NamedGroups(certain.union(*names), certain, any(when.needs_all_groups for when in conditions))


def _words_of(who: Subject) -> set[str]:
    """Return all words by which a permit can name ``who``. For all other words, ``matches_any`` returns False."""
    return {ANYBODY, f"principal:{who.principal}", f"user:{who.user}", *(f"group:{name}" for name in who.groups)}


def _key_of(word: str) -> str:
    kind, _, name = word.partition(":")
    return f"{kind}:{name}"


def _may_match(entry: _Entry, command: Command) -> bool:
    try:
        return entry.matches is None or entry.matches(command)
    except Exception:  # the same permit fails again in the evaluation of the rules, which reports it
        return True


def _filed(number: int, pattern: CommandPattern) -> tuple[_Shape, tuple[str, ...], _Entry]:
    """Return the place in the index for ``pattern`` of the permit ``number``: the shape, the key and the entry."""
    words = () if pattern.path is None else (pattern.text[0], *(glob.text for glob in pattern.arguments))
    words = pattern.text if pattern.is_edit else words
    beginnings = [re.split(r"[*?]", word, maxsplit=1)[0] for word in words]
    wild = [at for at, word in enumerate(words) if beginnings[at] != word]
    plain = tuple(at for at in range(len(words)) if at not in wild)
    shape = _Shape(len(words), pattern.is_open, plain)
    key = tuple(words[at] for at in plain)
    if not wild:
        return shape, key, _Entry(number, 0, "", pattern.matches if not words or pattern.is_edit else None)
    at = max(wild, key=lambda at: len(beginnings[at]))
    return shape, key, _Entry(number, at, beginnings[at], pattern.matches)


def _text(word: bytes) -> str:
    """Each byte that is not valid UTF-8 becomes one special character."""
    return word.decode("utf-8", "surrogateescape")
