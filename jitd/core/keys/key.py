# SPDX-License-Identifier: Apache-2.0
"""What a key of a rule is: one object that reads the key, compares it with a question, tells it to people and compares it between
two rules. ``core/rule.py`` registers the keys.

Law: a key sees of a rule what ``Stated`` has, its own fields, and the fields of the keys that its type of rule inherits. So mypy
refuses a rule in which a key is registered without its fields.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import IntEnum
from typing import ClassVar, Generic, Literal, TypeVar

from jitd.core.conditions import Pattern
from jitd.core.names import Name
from jitd.core.naming import Naming
from jitd.core.question import Question
from jitd.core.subject import Subject
from jitd.core.toml_table import Table
from jitd.core.when import When

Verdict = Literal["permit", "deny"]


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What every rule has, whatever its keys: whether it permits or denies, its name, and its place in the policy's files."""

    verdict: Verdict = field(kw_only=False)
    name: str = field(kw_only=False)
    file: str = ""
    line: int = 0


R = TypeVar("R", bound=Stated, contravariant=True)  # the part of a rule that a key sees
Fields = Mapping[str, object]  # fields of a rule, by their names


@dataclass(frozen=True, slots=True)
class World:
    """What keys need beside the text of a rule. ``names`` are the names that an expression may use. ``kinds`` are the kinds of
    things that jitd can give. ``naming`` is how jitd.toml maps principals. ``notify`` are the channels of each permit that
    does not name its own. ``zone_of`` returns the time zone of a name, or None. ``compile_when`` raises BadExpression, and
    ``read_pattern`` raises ValueError. ``with_real_top`` resolves the first directory of a command's path if it is a link.
    ``signed`` is what a receipt of each approval has to prove at least, whatever the rules say.
    """

    names: Mapping[str, Name]
    kinds: Collection[str]
    naming: Naming
    notify: tuple[str, ...]
    zone_of: Callable[[str], tzinfo | None]
    compile_when: Callable[[str, Mapping[str, Name], Naming], When]
    read_pattern: Callable[[str], Pattern]
    with_real_top: Callable[[tuple[str, ...]], tuple[str, ...]]
    signed: str = ""


@dataclass(frozen=True, slots=True)
class SetUp:
    """What jitd.toml sets up: gatekeepers with their deadlines in seconds, channels, things. None: not known."""

    gatekeepers: Mapping[str, float] | None
    channels: Collection[str] | None
    things: Collection[str] | None


class Part(IntEnum):
    """The part of the sentence about a rule to which a phrase belongs. The sentence about a deny ends with CIRCUMSTANCES."""

    WHAT = 0
    CIRCUMSTANCES = 1
    HOW = 2
    BEFORE = 3
    AFTERWARDS = 4
    LIMITS = 5


class Key(ABC, Generic[R]):
    """One subject of a rule: its keys (``names``), the rules that may have them (``of``), and keys of tables (``within``)."""

    names: ClassVar[tuple[str, ...]]
    of: ClassVar[Literal["rule", "permit", "deny"]] = "rule"
    within: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    @abstractmethod
    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        """Return the fields for a rule with ``verdict``. A part with a fault gets its default, and ``table`` the fault."""

    def settle(self, rule: R, table: Table) -> Fields:
        """Return the fields of ``rule`` that change because of other keys of the same rule, and add the faults of keys that do
        not go together to ``table``. The keys settle after all of them have been read.
        """
        return {}

    def unknown(self, rule: R, set_up: SetUp) -> Iterator[str]:
        """Yield a sentence about each name in ``rule`` that jitd.toml does not set up."""
        return iter(())

    def phrases(self, rule: R) -> Iterator[tuple[Part, str]]:
        """Yield the phrases of this key for the sentence about ``rule`` (``policy.describe``)."""
        return iter(())

    @abstractmethod
    def covers(self, wide: R, narrow: R) -> bool:
        """True if it is certain that this key of ``wide`` matches every request that the same key of ``narrow`` matches."""


class NoCondition(Key[R]):
    """A key that has no influence on which requests a rule matches, such as what a permit obliges to."""

    def covers(self, wide: R, narrow: R) -> bool:
        return True


class Condition(Key[R]):
    """A key that is compared with the question. ``row`` is the name of the condition in an explanation, and of the field whose
    None means that the rule does not state it. Conditions with the same row are told together, and the first of them tells what
    was found. ``before`` stands before what the rule wants where the reader does not see the row.
    """

    row: ClassVar[str]
    before: ClassVar[str] = ""

    @abstractmethod
    def holds(self, rule: R, question: Question, at: datetime) -> bool:
        """True if ``rule`` matches ``question`` at the time ``at`` (aware), as far as this condition goes."""

    @abstractmethod
    def wants(self, rule: R) -> str:
        """Return in words what ``rule`` requires."""

    def found(self, rule: R, question: Question, at: datetime) -> str:
        """Return in words what ``question`` has."""
        return ""


class OfRequester(Condition[R]):
    """A condition on the person alone."""

    row = "who"

    @abstractmethod
    def is_of(self, rule: R, who: Subject) -> bool:
        """True if ``rule`` may apply to ``who``."""

    def holds(self, rule: R, question: Question, at: datetime) -> bool:
        return self.is_of(rule, question.requester)


def any_of(words: tuple[str, ...] | None, otherwise: str) -> str:
    """Return ``words`` as one text with ``or``. None means that there is no condition: return ``otherwise``."""
    if words is None:
        return otherwise
    if not words:
        return "nothing"
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def covers_words(wide: Collection[str] | None, narrow: Collection[str] | None) -> bool:
    """True if ``wide`` has every word of ``narrow``. None has all words."""
    return wide is None or (narrow is not None and set(narrow) <= set(wide))
