# SPDX-License-Identifier: Apache-2.0
"""Providers: who outside says facts, each asked once for all facts that a decision needs of it.

Law: a fact is what its provider said, of the declared type, or Unknown with the reason. Only where the settings have a value for
silence does that value stand for it. An answer is kept no longer than ``fresh``, and only for the same question. So is a failure,
for a moment (``failures``).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping

from jitd.asking.failures import Failures
from jitd.asking.hearing import Nonsense, read_facts
from jitd.asking.reaching import Reaching, fault_of
from jitd.asking.telling import for_provider
from jitd.asking.turns import Full, Turns
from jitd.core.facts import Facts, Unknown, Value
from jitd.core.question import Question
from jitd.log import log
from jitd.outside.client import Failed
from jitd.outside.messages import Fetched
from jitd.settings.outsiders import Provider

MOST_KEPT = 4_096
"""Answers that are kept at most. The oldest go first."""


class Providers:
    """Asks ``providers``. ``now`` returns seconds on a clock that only goes forward."""

    def __init__(self, providers: Mapping[str, Provider], reaching: Reaching, now: Callable[[], float]) -> None:
        self._by_fact = {f"fact.{fact}": provider for provider in providers.values() for fact in provider.facts}
        self._turns = {name: Turns() for name in providers}
        self._reaching = reaching
        self._now = now
        self._kept: OrderedDict[tuple[str, bytes], tuple[float, Mapping[str, Value]]] = OrderedDict()
        self._failures = Failures(now)
        self._era = 0

    async def ask(self, names: frozenset[str], about: Question) -> Facts:
        """Return the facts ``names``, such as ``fact.risk``, and all others of the same providers. All are asked side by side.
        Raises nothing.
        """
        found: dict[str, Value | Unknown] = {
            name: Unknown("no provider in jitd.toml says it") for name in names - self._by_fact.keys()
        }
        asked = {self._by_fact[name].name: self._by_fact[name] for name in sorted(names & self._by_fact.keys())}
        for said in await asyncio.gather(*(self._facts(provider, about) for provider in asked.values())):
            found |= said
        return found

    def told(self, name: str, about: Question) -> object:
        """Return the question to the provider of the fact ``name`` about ``about``; empty if no provider says it."""
        provider = self._by_fact.get(name)
        return b"" if provider is None else for_provider(provider.facts, provider.sends, about)

    def forget(self) -> None:
        """Drop all that is kept. Answers to questions that are on their way are not kept either."""
        self._kept.clear()
        self._failures.forget()
        self._era += 1

    async def _facts(self, provider: Provider, about: Question) -> dict[str, Value | Unknown]:
        try:
            said: Mapping[str, Value | Unknown] = await self._said(provider, about)
        except Nonsense as fault:
            log("a provider did not answer", provider=provider.name, why=fault)
            why = Unknown(f"provider {provider.name} did not answer: {fault}")
            said = dict(provider.silence) or dict.fromkeys(provider.facts, why)
        return {f"fact.{name}": value for name, value in said.items()}

    async def _said(self, provider: Provider, about: Question) -> Mapping[str, Value]:
        """Raises Nonsense if there is no answer that counts."""
        question = for_provider(provider.facts, provider.sends, about)
        key = (provider.name, question)
        if (kept := self._known(key)) is not None:
            return kept
        asked_at, era = self._now(), self._era
        try:
            async with asyncio.timeout(provider.deadline_for), self._turns[provider.name].turn(about.requester.person):
                if (kept := self._known(key)) is not None:  # the same question was asked while this one waited
                    return kept
                left = asked_at + provider.deadline_for - self._now()
                answer = await self._reaching.ask(provider.name, provider.by, question, max(left, 0.001))
        except TimeoutError:
            raise Nonsense(f"no answer within {provider.deadline_for} s") from None
        except Full as fault:
            raise Nonsense(str(fault)) from None
        try:
            said = _read(provider, answer)
        except Nonsense as why:
            if era == self._era:
                self._failures.keep(key, str(why))
            raise
        if provider.fresh_for and era == self._era:
            self._keep(key, asked_at + provider.fresh_for, said)
        return said

    def _known(self, key: tuple[str, bytes]) -> Mapping[str, Value] | None:
        """Return the answer that is kept for ``key``; None if there is none. Raises Nonsense if there is a failure instead."""
        kept = self._kept.get(key)
        if kept is not None and self._now() < kept[0]:
            return kept[1]
        if why := self._failures.of(key):
            raise Nonsense(why)
        return None

    def _keep(self, key: tuple[str, bytes], until: float, said: Mapping[str, Value]) -> None:
        self._kept[key] = (until, said)
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def _read(provider: Provider, answer: Fetched | Failed) -> dict[str, Value]:
    """Return the facts in ``answer``. Raises Nonsense."""
    if isinstance(answer, Failed):
        raise Nonsense(answer.why)
    if wrong := fault_of(answer):
        raise Nonsense(wrong)
    try:
        return read_facts(provider.facts, answer.body)
    except Nonsense as why:
        raise Nonsense(f"its answer {why}") from None
