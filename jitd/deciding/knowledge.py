# SPDX-License-Identifier: Apache-2.0
"""What is known of the facts for one decision, and who is asked for the rest.

Law: a fact is looked for only if a condition of a rule names it that could decide. Within one decision a fact is looked for once:
what is known is never forgotten and never replaced. Facts about the command's file are the exception: they belong to one look at
the file, and the next look begins without them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from jitd.core.decision import Decision, Deny, Why
from jitd.core.facts import NOTHING, Facts, Unasked, Unknown, Value, spell
from jitd.core.names import NAMES, OF_THE_FILE, Name
from jitd.core.policy import Policy, decide
from jitd.core.question import Question

Gather = Callable[[frozenset[str], Question], Facts]
"""Looks for facts that the host has at once. It may block, and is called in a worker. It leaves out names that it does not know;
what it knows of and cannot establish is Unknown."""


NO_PROVIDER = "no provider says it (jitd.toml(5), providers)"


def gather_nothing(names: frozenset[str], question: Question) -> Facts:
    """Know of no fact: a ``Gather`` for policies whose rules ask about none."""
    return NOTHING


class Wanted(Unasked):
    """Facts are wanted that the host does not have at once. ``about`` is the question that they are wanted for."""

    def __init__(self, asked: Unasked, about: Question) -> None:
        super().__init__(asked.names)
        self.about = about


class Providers(Protocol):
    """Those who are asked for facts that the host does not have."""

    async def ask(self, names: frozenset[str], about: Question) -> Facts:
        """Return a value or Unknown for each of ``names``. Silence, errors and nonsense are Unknown. Raises nothing."""


class NoProviders:
    """No provider is configured."""

    async def ask(self, names: frozenset[str], about: Question) -> Facts:
        """Return Unknown for each of ``names``."""
        return {name: Unknown(NO_PROVIDER) for name in names}


class Beforehand:
    """Stands for the providers while somebody asks what would be decided: nobody is asked then. ``names`` are the names that
    rules may ask about.
    """

    def __init__(self, names: Mapping[str, Name] = NAMES) -> None:
        self._names = names

    async def ask(self, names: frozenset[str], about: Question) -> Facts:
        """Return Unknown for each of ``names``, which says who would be asked."""
        return {name: Unknown(self.who(name)) for name in names}

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
    """What is known for one decision. ``gather`` looks for what the host has at once."""

    def __init__(self, gather: Gather) -> None:
        self._gather = gather
        self._known: dict[str, Value | Unknown] = {}

    def look_anew(self) -> None:
        """Forget what is known about the command's file: it is looked at again."""
        for name in OF_THE_FILE & self._known.keys():
            del self._known[name]

    def learn(self, names: frozenset[str], found: Facts) -> None:
        """Keep what was ``found`` for ``names``, and that nobody said the others of them."""
        for name in names - self._known.keys():
            self._known[name] = found.get(name, Unknown("nobody says it"))

    def decide(self, policy: Policy, question: Question, at: datetime) -> Decision:
        """Return the policy's answer, and look for the facts that it depends on. Raises Wanted for facts that the host does not
        have at once.
        """
        while True:
            try:
                return decide(policy, question, at, self._known)
            except Unasked as asked:
                found = self._gather(asked.names, question)
                here = asked.names & found.keys()
                if not here:
                    raise Wanted(asked, question) from None
                self.learn(here, found)
