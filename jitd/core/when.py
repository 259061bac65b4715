# SPDX-License-Identifier: Apache-2.0
"""``when``: a rule's own condition. It was compiled elsewhere, and is a pure function of the values of its names here.

Law: pure. An expression whose names are not all known fails before it is evaluated, since ``error || true`` is true. What is not
the boolean true does not hold. An expression that fails denies, in a permit and in a deny.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from jitd.core.facts import Facts, Unasked, Unknown, Value, spell
from jitd.core.names import OF_THE_FILE
from jitd.core.origin import FACT, Whence, began_in
from jitd.core.question import Question, said

LONGEST_NAME = 320
"""How many characters an account or a principal on a list may have."""


class WhenFailed(Exception):
    """The expression could not be evaluated. The text is a sentence for people, without a full stop."""


@dataclass(frozen=True, slots=True)
class When:
    """A compiled condition. ``text`` is the expression as it was written. ``names`` are the names that it uses, such as
    ``fact.load`` or ``claim.reason``. ``evaluate`` gets a value for each of them; it raises WhenFailed.
    """

    text: str
    names: frozenset[str]
    evaluate: Callable[[Mapping[str, Value]], bool] = field(compare=False, repr=False)

    def holds(self, known: Facts) -> bool:
        """True if the condition holds. Raises Unasked if a name is not in ``known``, WhenFailed if a value is unknown or the
        expression fails.
        """
        missing = self.names - known.keys()
        if missing:
            raise Unasked(missing)
        values: dict[str, Value] = {}
        for name in sorted(self.names):
            value = known[name]
            if isinstance(value, Unknown):
                raise WhenFailed(f"{name} is not known: {value.why}")
            values[name] = value
        return self.evaluate(values) is True


class Conditions:
    """The conditions of all rules about one question at one moment. ``known`` are the facts that were looked for. ``unasked``
    collects the names of those that were not, ``seen`` the facts that were used, as they are spelled for people.
    """

    __slots__ = ("_at", "_known", "_question", "seen", "unasked")

    def __init__(self, question: Question, at: datetime, known: Facts) -> None:
        self._question = question
        self._at = at
        self._known = known
        self.unasked: set[str] = set()
        self.seen: dict[str, str] = {}

    def began_in(self, words: tuple[Whence, ...] | None) -> bool | None:
        """True if the login session began in one of ``words``, or if there are none. None if that is not known. If nobody has
        looked for it, False: see ``hold``.
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
        """Why the origin is not known, or why what is known of it is not enough."""
        found = self._known.get(FACT)
        return found.why if isinstance(found, Unknown) else "only that it began on another host"

    def are_open(self, when: When | None) -> bool:
        """True if ``when`` asks about the command's file, and nobody may look at it yet. All its other facts are wanted now: if
        they were only looked for with the file, it could be told from the time that this takes that there is a file.
        """
        is_closed = self._question.is_unopened or self._question.is_missing
        if when is None or not is_closed or not when.names & OF_THE_FILE:
            return False
        elsewhere = {name for name in when.names - OF_THE_FILE if name.startswith("fact.")}
        self.unasked |= elsewhere - self._known.keys() - {"fact.now"}
        return True

    def hold(self, when: When | None, *, denies: bool) -> bool:
        """True if ``when`` holds, or if there is none. ``denies`` is True for the condition of a deny. A condition whose facts
        were not all looked for counts as one that does not hold: the caller asks again once ``unasked`` is known. Raises
        WhenFailed.
        """
        if when is None:
            return True
        question = self._question
        # A deny is for the file: another name of it must not bypass the deny.
        paths = (question.command.path, *(question.names if denies and "request.path" in when.names else ()))
        return any([self._holds(when, path) for path in paths])

    def listed(self, also: str) -> tuple[str, ...] | None:
        """Return whom the list ``also`` (``PROVIDER:FACT``) names; None if that is not known. Names that are longer than any
        account's or principal's are left out. If nobody has looked for the list, the caller asks again: see ``hold``.
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
        for name in sorted(when.names & here.keys()):
            if name.startswith("fact."):
                self.seen[name] = spell(here[name])
        try:
            return when.holds(here)
        except Unasked as asked:
            self.unasked |= asked.names
            return False
