# SPDX-License-Identifier: Apache-2.0
"""What is known of the facts for one decision, and who is asked for the rest.

Law: a fact is looked for only if a condition of a rule names it that could decide. Within one decision a fact is looked for once:
what is known is never forgotten and never replaced. There are two exceptions. Facts about the command's file belong to one look
at the file, and the next look begins without them. What a provider said belongs to what the provider was told: if something else
would be told, the provider is asked again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from jitd.core.decision import Decision, Deny, Why
from jitd.core.facts import NOTHING, Facts, Unasked, Unknown, Value, spell
from jitd.core.names import NAMES, OF_THE_FILE, Name
from jitd.core.policy import Policy, decide, facts_named
from jitd.core.question import Question

Gather = Callable[[frozenset[str], Question], Facts]
"""Looks for facts that the host has at once. It may block, and is called in a worker. It leaves out names that it does not know;
what it knows of and cannot establish is Unknown."""


Told = Callable[[str, Question], object]
"""Returns what the provider of a fact would be told of a question. What is equal is the same question to that provider."""

NO_PROVIDER = "no provider says it (jitd.toml(5), providers)"
MOST_TOLD = 8
"""How many different questions a provider is asked for one fact of one decision. Somebody who goes on changing the file that a
path leads to could have it asked for ever.
"""


def gather_nothing(names: frozenset[str], question: Question) -> Facts:
    """Know of no fact: a ``Gather`` for policies whose rules ask about none."""
    return NOTHING


def nobody_told(name: str, about: Question) -> object:
    """Tell nobody anything: a ``Told`` for hosts without providers."""
    return ""


class Wanted(Unasked):
    """Facts are wanted that the host does not have at once. ``about`` is the question that they are wanted for."""

    def __init__(self, asked: Unasked, about: Question) -> None:
        super().__init__(asked.names)
        self.about = about


class Providers(Protocol):
    """Those who are asked for facts that the host does not have."""

    async def ask(self, names: frozenset[str], about: Question) -> Facts:
        """Return a value or Unknown for each of ``names``. Silence, errors and nonsense are Unknown. Raises nothing."""

    def told(self, name: str, about: Question) -> object:
        """Return what would be told to the provider of the fact ``name``: see ``Told``."""


class NoProviders:
    """No provider is configured."""

    async def ask(self, names: frozenset[str], about: Question) -> Facts:
        """Return Unknown for each of ``names``."""
        return {name: Unknown(NO_PROVIDER) for name in names}

    def told(self, name: str, about: Question) -> object:
        """Nobody is told anything."""
        return ""


class Beforehand:
    """Stands for the providers while somebody asks what would be decided: nobody is asked then. ``names`` are the names that
    rules may ask about.
    """

    def __init__(self, names: Mapping[str, Name] = NAMES) -> None:
        self._names = names

    async def ask(self, names: frozenset[str], about: Question) -> Facts:
        """Return Unknown for each of ``names``, which says who would be asked."""
        return {name: Unknown(self.who(name)) for name in names}

    def told(self, name: str, about: Question) -> object:
        """Nobody is told anything."""
        return ""

    def who(self, name: str) -> str:
        """Return who would be asked for the fact ``name``, as a sentence without a full stop."""
        provider = self._provider(name)
        return f"provider {provider} would be asked" if provider else NO_PROVIDER

    def awaited(self, decision: Decision) -> tuple[str, ...]:
        """Return the providers that would have to be asked before there is a decision; none if ``decision`` is the answer."""
        if not isinstance(decision, Deny) or decision.why is not Why.ERROR:
            return ()
        found = {self._provider(name) for name, value in decision.seen if value == spell(Unknown(self.who(name)))}
        return tuple(sorted(found - {""}))

    def _provider(self, name: str) -> str:
        """Return the name of the provider that says the fact ``name``; empty if it is not a fact of a provider."""
        kind, _, provider = self._names[name].source.partition(" ") if name in self._names else ("", "", "")
        return provider if kind == "provider" else ""


class Knowledge:
    """What is known for one decision. ``gather`` looks for what the host has at once. ``told`` says what a provider would be
    told.

    ``about`` is the question that providers are told of; None: the question that is decided. A look sets it to the command as it
    was asked for. Then nobody can see in a provider's questions what the look has found behind the typed path.
    """

    def __init__(self, gather: Gather, told: Told = nobody_told) -> None:
        self._gather = gather
        self._told = told
        self._known: dict[str, Value | Unknown] = {}
        self._said: dict[str, list[tuple[object, Value | Unknown]]] = defaultdict(list)
        self.about: Question | None = None

    def look_anew(self) -> None:
        """Forget what is known about the command's file: it is looked at again."""
        for name in OF_THE_FILE & self._known.keys():
            del self._known[name]

    def learn(self, names: frozenset[str], found: Facts) -> None:
        """Keep what was ``found`` for ``names``, and that nobody said the others of them."""
        for name in names - self._known.keys():
            self._known[name] = found.get(name, Unknown("nobody says it"))

    def hear(self, wanted: Wanted, found: Facts) -> None:
        """Keep what providers said of what was ``wanted``, for questions that would tell them the same."""
        for name in wanted.names:
            self._said[name].append((self._told(name, wanted.about), found.get(name, Unknown("nobody says it"))))

    def decide(self, policy: Policy, question: Question, at: datetime) -> Decision:
        """Return the policy's answer, and look for the facts that it depends on. Raises Wanted for facts that the host does not
        have at once.
        """
        while True:
            try:
                return decide(policy, question, at, self._known_about(question))
            except Unasked as asked:
                self._look_for(asked.names, question)

    def find_all(self, policy: Policy, question: Question, at: datetime) -> None:
        """Look for all facts that rules may ask about the command of ``question``, whatever its file turns out to be. Raises
        Wanted like ``decide``.
        """
        while missing := facts_named(policy, question, at) - self._known_about(question).keys():
            self._look_for(missing, question)

    def _known_about(self, question: Question) -> Facts:
        """Return what is known, with what was said by providers that would be told the same now."""
        if not self._said:
            return self._known
        about = self.about or question
        known = dict(self._known)
        for name, answers in self._said.items():
            told = self._told(name, about)
            for before, value in answers:
                if before == told:
                    known[name] = value
        return known

    def _look_for(self, names: frozenset[str], question: Question) -> None:
        """Raises Wanted if the host has none of ``names`` at once."""
        found = self._gather(names, question)
        if here := names & found.keys():
            self.learn(here, found)
            return
        if many := frozenset(name for name in names if len(self._said.get(name, ())) >= MOST_TOLD):
            self.learn(many, dict.fromkeys(many, Unknown("what was asked for changed again and again while it was looked at")))
            return
        raise Wanted(Unasked(names), self.about or question)
