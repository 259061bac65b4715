# SPDX-License-Identifier: Apache-2.0
"""The known facts of one decision, and the sources of the other facts.

Law: jitd looks for a fact only if a rule uses the fact in a condition that could change the answer. Within one decision, jitd
looks for each fact once, and never forgets or replaces a known fact. There are two exceptions. First, facts about the command's
file are valid for one examination of the file. Before the next examination, jitd forgets these facts. Second, a provider's answer
is valid only for the question that the provider got. If the question changes, the provider is queried again.
"""

from __future__ import annotations

from asyncio import gather
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from jitd.core.decision import Decision, Deny, Why
from jitd.core.facts import Facts, Unasked, Unknown, Value, spell
from jitd.core.names import NAMES, OF_THE_FILE, Name
from jitd.core.policy import Policy, decide, facts_named
from jitd.core.question import Question

Gather = Callable[[frozenset[str], Question], Facts]
"""Looks for facts of this host, and may block. Unknown: a known name without a value. Other names are left out."""


Told = Callable[[str, Question], object]  # what the provider would get about a question. If equal, the question is the same

NO_PROVIDER = "no provider supplies this fact (jitd.toml(5), providers)"
MOST_TOLD = 8  # questions to a provider for one fact in one decision: a person could change the file again and again


class Wanted(Unasked):
    """The decision needs facts, for the question ``about``, that this host itself does not know."""

    def __init__(self, asked: Unasked, about: Question) -> None:
        super().__init__(asked.names)
        self.about = about


class Providers(Protocol):
    """The external systems from which jitd gets facts that this host itself does not know."""

    async def ask(self, names: frozenset[str], about: Question) -> Facts:
        """Return a value for each name. Silence, errors and invalid answers are Unknown. Raises nothing."""

    def told(self, name: str, about: Question) -> object:
        """Return the data that the provider of the fact ``name`` would get: see ``Told``."""


class KeptProviders(Providers, Protocol):
    """Providers that keep answers for a while."""

    def forget(self) -> None:
        """Drop all kept answers."""


class AllProviders:
    """The providers of this host. ``by_fact`` maps each fact, such as ``fact.risk``, to those among whom its provider is."""

    def __init__(self, by_fact: Mapping[str, KeptProviders]) -> None:
        self._by_fact = by_fact

    async def ask(self, names: frozenset[str], about: Question) -> Facts:
        asked: dict[KeptProviders, set[str]] = defaultdict(set)
        for name in names & self._by_fact.keys():
            asked[self._by_fact[name]].add(name)
        said = await gather(*(one.ask(frozenset(own), about) for one, own in asked.items()))
        found: dict[str, Value | Unknown] = {name: Unknown(NO_PROVIDER) for name in names}
        for own, each in zip(asked.values(), said, strict=True):
            found |= {name: each[name] for name in own & each.keys()}  # whatever it says of others' facts
        return found

    def told(self, name: str, about: Question) -> object:
        found = self._by_fact.get(name)
        return "" if found is None else found.told(name, about)

    def forget(self) -> None:
        for one in set(self._by_fact.values()):
            one.forget()


class Beforehand:
    """Stands for the providers, none of which is queried, where somebody only asks which decision they would get."""

    def __init__(self, names: Mapping[str, Name] = NAMES) -> None:
        self._names = names

    async def ask(self, names: frozenset[str], about: Question) -> Facts:
        return {name: Unknown(self.who(name)) for name in names}

    def told(self, name: str, about: Question) -> object:
        return ""

    def who(self, name: str) -> str:
        """Return a sentence about the provider that would be queried for the fact ``name``. The sentence has no full stop."""
        provider = self._provider(name)
        return f"provider {provider} would be asked" if provider else NO_PROVIDER

    def awaited(self, decision: Decision) -> tuple[str, ...]:
        """Return the providers that must answer before a final decision, or none if ``decision`` is final."""
        if not isinstance(decision, Deny) or decision.why is not Why.ERROR:
            return ()
        found = {self._provider(name) for name, value in decision.seen if value == spell(Unknown(self.who(name)))}
        return tuple(sorted(found - {""}))

    def _provider(self, name: str) -> str:
        """Return the name of the provider of the fact ``name``. Return an empty text if no provider has this fact."""
        kind, _, provider = self._names[name].source.partition(" ") if name in self._names else ("", "", "")
        return provider if kind == "provider" else ""


class Knowledge:
    """The facts that are known for one decision. ``gather`` looks for facts that this host itself knows. ``told`` returns the
    data that a provider would get.

    ``about`` is the question that providers get. If ``about`` is None, providers get the question that jitd decides at this time.
    ``screening.look`` sets ``about`` to a question with the typed command. Therefore the questions to providers do not reveal
    what jitd has found at the typed path.
    """

    def __init__(self, gather: Gather, told: Told) -> None:
        self._gather = gather
        self._told = told
        self._known: dict[str, Value | Unknown] = {}
        self._said: dict[str, list[tuple[object, Value | Unknown]]] = defaultdict(list)
        self.about: Question | None = None

    def look_anew(self) -> None:
        """Forget the facts about the command's file, because the file is examined again."""
        for name in OF_THE_FILE & self._known.keys():
            del self._known[name]

    def learn(self, names: frozenset[str], found: Facts) -> None:
        """Store the value in ``found`` of each fact in ``names``, or Unknown if there is none: no source knows it."""
        for name in names - self._known.keys():
            self._known[name] = found.get(name, Unknown("no source knows this fact"))

    def hear(self, wanted: Wanted, found: Facts) -> None:
        """Store the values in ``found``. These values are the answers of providers to the question ``wanted.about``. jitd uses
        an answer again for a later question only if the provider would get the same data about the later question.
        """
        for name in wanted.names:
            self._said[name].append((self._told(name, wanted.about), found.get(name, Unknown("no source knows this fact"))))

    def decide(self, policy: Policy, question: Question, at: datetime) -> Decision:
        """Return the policy's answer with the facts on which it depends. Raises Wanted for those that this host does not know."""
        while True:
            try:
                return decide(policy, question, at, self._known_about(question))
            except Unasked as asked:
                self._look_for(asked.names, question)

    def find_all(self, policy: Policy, question: Question, at: datetime) -> None:
        """Look for all facts that rules may need about the command of ``question``. The set of these facts does not depend on the
        content of the file. Raises Wanted like ``decide``.
        """
        while missing := facts_named(policy, question, at) - self._known_about(question).keys():
            self._look_for(missing, question)

    def _known_about(self, question: Question) -> Facts:
        """Return the facts that are known for ``question``. The result includes an earlier answer of a provider if a query about
        ``question`` would send the same data to this provider again.
        """
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
        """Look for the facts ``names``. If this host itself knows none of these facts, a provider must be queried: raises
        Wanted. If a provider already got MOST_TOLD questions about a fact, this fact becomes Unknown instead.
        """
        found = self._gather(names, question)
        if here := names & found.keys():
            self.learn(here, found)
            return
        if many := frozenset(name for name in names if len(self._said.get(name, ())) >= MOST_TOLD):
            self.learn(many, dict.fromkeys(many, Unknown("its provider was asked too often, each time with other data")))
            return
        raise Wanted(Unasked(names), self.about or question)
