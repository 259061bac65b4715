# SPDX-License-Identifier: Apache-2.0
"""The condition ``when`` of a rule, which is an expression. Another module compiles the expression. In this module, a condition
is a pure function. Its input is one value for each name that the condition uses.

Law: if the value of a name is not known, the expression fails before it is evaluated. This rule is necessary because CEL
evaluates ``error || true`` to true. The condition holds only if the result is the boolean true. If an expression fails, in a
permit rule or in a deny rule, the request is denied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from jitd.core.facts import Facts, Unasked, Unknown, Value, spell
from jitd.core.names import OF_THE_FILE
from jitd.core.origin import FACT, Whence, began_in
from jitd.core.question import Question, said

LONGEST_NAME = 320  # characters of an account or a principal in a list


class WhenFailed(Exception):
    """The expression could not be evaluated. The message is a sentence for people, without a full stop."""


@dataclass(frozen=True, slots=True)
class ExpressionFault:
    """``sentence`` says what is wrong with an expression at ``line`` and ``column``, counted from 1."""

    sentence: str
    line: int = 1
    column: int = 1


class BadExpression(Exception):
    """The expression cannot be compiled. ``faults`` contains all faults that were found. ``faults`` is never empty."""

    def __init__(self, faults: Iterable[ExpressionFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.line}:{fault.column}: {fault.sentence}" for fault in self.faults))


@dataclass(frozen=True, slots=True)
class When:
    """A compiled condition. ``text`` is the original text of the expression. ``names`` contains the names that the expression
    uses, such as ``fact.load`` or ``claim.reason``. ``evaluate`` is a function that computes the result from one value for each
    name in ``names``. ``evaluate`` raises WhenFailed. ``groups`` contains the names that the expression compares or may
    compare with ``subject.groups``. ``needs_all_groups`` is true if the expression does more with ``subject.groups`` than
    ``"NAME" in subject.groups``, and so needs the names of all groups.
    """

    text: str
    names: frozenset[str]
    evaluate: Callable[[Mapping[str, Value]], bool] = field(compare=False, repr=False)
    groups: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    needs_all_groups: bool = field(default=False, compare=False, repr=False)
    in_order: tuple[str, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "in_order", tuple(sorted(self.names)))

    def holds(self, known: Facts) -> bool:
        """True if it holds. Raises Unasked if ``known`` lacks a name, WhenFailed if a value is unknown or CEL fails."""
        missing = self.names - known.keys()
        if missing:
            raise Unasked(missing)
        values: dict[str, Value] = {}
        for name in self.in_order:
            value = known[name]
            if isinstance(value, Unknown):
                raise WhenFailed(f"{name} is not known: {value.why}")
            values[name] = value
        return self.evaluate(values) is True


class Conditions:
    """The conditions of all rules about one question at one moment. ``known`` contains the facts that jitd has looked for.
    ``unasked`` collects the names of needed facts that jitd has not looked for. ``seen`` collects the used facts, in the form
    that is shown to people.
    """

    __slots__ = ("_at", "_known", "_question", "seen", "unasked")

    def __init__(self, question: Question, at: datetime, known: Facts) -> None:
        self._question = question
        self._at = at
        self._known = known
        self.unasked: set[str] = set()
        self.seen: dict[str, str] = {}

    def began_in(self, words: tuple[Whence, ...] | None) -> bool | None:
        """True if the login session began at a place in ``words``, or if ``words`` is None. False if the session began at
        another place, or if jitd has not looked for the origin yet (see ``hold``). None if the origin is not known for certain.
        """
        if words is None:
            return True
        if FACT not in self._known:
            self.unasked.add(FACT)
            return False
        self.seen[FACT] = spell(self._known[FACT])
        return began_in(words, self._known)

    @property
    def no_origin(self) -> str:
        """Why the origin is not known, or that the session began on another host, if that is all that is known."""
        found = self._known.get(FACT)
        return found.why if isinstance(found, Unknown) else "only that it began on another host"

    def are_open(self, when: When | None) -> bool:
        """True if ``when`` uses facts about a file that is missing or must not be opened yet. All other facts are looked for even
        so: else the time of the answer would tell that a file exists.
        """
        is_closed = self._question.is_unopened or self._question.is_missing
        if when is None or not is_closed or not when.names & OF_THE_FILE:
            return False
        elsewhere = {name for name in when.names - OF_THE_FILE if name.startswith("fact.")}
        self.unasked |= elsewhere - self._known.keys() - {"fact.now"}
        return True

    def hold(self, when: When | None, *, denies: bool) -> bool:
        """True if ``when`` holds or is None, False also if not all facts were looked for: then decide again after the
        ``unasked``. ``denies``: it is a deny's. Raises WhenFailed.
        """
        if when is None:
            return True
        question = self._question
        # A deny applies to the file: another name of the file must not bypass the deny.
        paths = (question.command.path, *(question.names if denies and "request.path" in when.names else ()))
        return any([self._holds(when, path) for path in paths])

    def listed(self, also: str) -> tuple[str, ...] | None:
        """Return the members of ``also`` (``PROVIDER:FACT``) with names up to LONGEST_NAME, or None if it is not known, or not
        looked for yet (see ``hold``).
        """
        name = f"fact.{also.partition(':')[2]}"
        if name not in self._known:
            self.unasked.add(name)
            return None
        found = self._known[name]
        self.seen[name] = spell(found)
        return tuple(who for who in found if len(who) <= LONGEST_NAME) if isinstance(found, tuple) else None

    def _holds(self, when: When, path: bytes) -> bool:
        question = self._question
        if path != question.command.path:
            question = replace(question, command=replace(question.command, path=path))
        here = {name: self._known[name] for name in when.names if name in self._known}
        here |= {**said(question, when.names), "fact.now": self._at}
        for name in when.in_order:
            if name.startswith("fact.") and name in here:
                self.seen[name] = spell(here[name])
        try:
            return when.holds(here)
        except Unasked as asked:
            self.unasked |= asked.names
            return False
