# SPDX-License-Identifier: Apache-2.0
"""The rule index: finds the few permits that can match a question, among tens of thousands.

Law: pure. Only permits are passed over, and only those that cannot match: none of their words means the requester, or none of
their patterns can match the command. All denies are asked, always: a file has many names, and a deny is for the file. The order
of the rules is kept. What the index returns is only asked about: whether a rule matches is decided in ``policy`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jitd.core.command import Command
from jitd.core.conditions import CommandPattern
from jitd.core.subject import Subject

if TYPE_CHECKING:
    from jitd.core.policy import Rule
    from jitd.core.question import Question

ANYBODY = ""
"""The word under which permits stand that name nobody, and so are about everybody."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What patterns have in common that are found by one key: the number of their words, whether more words may follow, and the
    places of the words without a wildcard. These words are the key. The path is the word at place 0, arguments follow.
    """

    n_words: int
    is_open: bool
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A permit, and what is to be compared besides the key. The word at place ``at`` must start with ``beginning``; the word has
    a wildcard after it. ``matches`` is None if the key says it all.
    """

    permit: int
    at: int
    beginning: str
    matches: Callable[[Command], bool] | None


@dataclass(slots=True)
class _Permits:
    """The permits that have one word. Numbers are places among the permits. ``numbers`` has all of them, and ``everything`` those
    for any command. ``gives`` has permits by the things that they give, ``shapes`` by their patterns: by shape, then by key.
    """

    numbers: list[int] = field(default_factory=list)
    everything: list[int] = field(default_factory=list)
    gives: dict[str, list[int]] = field(default_factory=dict)
    shapes: dict[_Shape, dict[tuple[str, ...], list[_Entry]]] = field(default_factory=dict)


class RuleIndex:
    """The rules of one policy, sorted for quick answers. It is made once, when the policy is loaded.

    ``denies`` are all denies, in their order. ``denied_groups`` are the names of the groups that denies name. ``denied_files``
    are the paths that denies name in full, without wildcards. ``given_things`` are the things that permits give, each once.
    ``takes_local_proofs``: a permit takes local passwords.
    """

    __slots__ = (
        "_by_word", "_deepest", "_permits", "denied_files", "denied_groups", "denies", "given_things", "takes_local_proofs",
    )  # fmt: skip

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.denies = tuple(rule for rule in rules if rule.verdict == "deny")
        words = (word for rule in self.denies for word in rule.who or ())
        self.denied_groups = frozenset(word[6:] for word in words if word.startswith("group:"))
        patterns = (pattern for rule in self.denies for pattern in rule.commands or ())
        self.denied_files = tuple(dict.fromkeys(pattern.file for pattern in patterns if pattern.file is not None))
        self._permits = tuple(rule for rule in rules if rule.verdict == "permit")
        self.given_things = tuple(dict.fromkeys(thing for rule in self._permits for thing in rule.gives or ()))
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
        """Return the permits that may match ``question``, in their order."""
        command = question.command
        known = [self._by_word[word] for word in _words_of(question.requester) & self._by_word.keys()]
        if not command.gives:
            found = self._for_command(known, command)
        elif question.wanted:
            first = question.wanted[0]  # a permit must name all things that it is asked for
            found = {number for one in known for number in one.gives.get(first, ())}
        else:
            return self._permits
        return tuple(self._permits[number] for number in sorted(found))

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
        """Return the permits that have a word for ``who``, whatever they permit, in their order."""
        known = (self._by_word[word] for word in _words_of(who) & self._by_word.keys())
        return tuple(self._permits[number] for number in sorted({number for one in known for number in one.numbers}))


def _words_of(who: Subject) -> set[str]:
    """Return all words by which a permit can mean ``who``: those with which ``matches_any`` can answer yes."""
    return {ANYBODY, f"principal:{who.principal}", f"user:{who.user}", *(f"group:{name}" for name in who.groups)}


def _key_of(word: str) -> str:
    kind, _, name = word.partition(":")
    return f"{kind}:{name}"


def _may_match(entry: _Entry, command: Command) -> bool:
    try:
        return entry.matches is None or entry.matches(command)
    except Exception:  # the permit fails again when it is asked, in its place among the others, and is named then
        return True


def _filed(number: int, pattern: CommandPattern) -> tuple[_Shape, tuple[str, ...], _Entry]:
    """Return where the permit ``number`` with this pattern is filed: its shape, its key and its entry."""
    words = () if pattern.path is None else (pattern.text[0], *(glob.text for glob in pattern.arguments))
    beginnings = [re.split(r"[*?]", word, maxsplit=1)[0] for word in words]
    wild = [at for at, word in enumerate(words) if beginnings[at] != word]
    plain = tuple(at for at in range(len(words)) if at not in wild)
    shape = _Shape(len(words), pattern.is_open, plain)
    key = tuple(words[at] for at in plain)
    if not wild:
        return shape, key, _Entry(number, 0, "", pattern.matches if not words else None)
    at = max(wild, key=lambda at: len(beginnings[at]))
    return shape, key, _Entry(number, at, beginnings[at], pattern.matches)


def _text(word: bytes) -> str:
    """Return ``word`` as patterns see it: a byte that is not UTF-8 becomes its own character."""
    return word.decode("utf-8", "surrogateescape")
